# SPDX-License-Identifier: GPL-2.0-only
"""Networks that lose, delay and damage what is sent, and transfers of streams over them, both
ways at once."""

import concurrent.futures
import contextlib
import hashlib
import random
import socket
import time
from dataclasses import dataclass, field

import topology

from kinet import INET
from streams import Info, Streams

SIDE_BY_SIDE = 10   # transfers, as most of them wait most of the time
LONG = 300          # seconds that the slowest has; the guest may be under emulation
PIECE = 1 << 18     # bytes that are written, or read, at once
OPTIONS = {"tcp_timestamps": 1, "tcp_sack": 2, "tcp_window_scaling": 4}     # tcpi_options


@dataclass(frozen=True)
class Scenario:
    """What is between the ends, how they talk, and how much goes each way at once"""

    size: int
    how: dict = field(default_factory=dict)     # netem's, both ways
    mtu: int = 1500
    shrinks: int = 0                            # the path's MTU after half of it
    family: int = INET
    mode: str = "interop"                       # net.kinet.mode
    without: tuple = ()                         # settings of net.kinet that are 0

    @property
    def only_loses(self) -> bool:
        """Nothing else is wrong, and something has to be sent again: the sizes are such that one
        in 100,000 at most would lose but a single segment."""
        return list(self.how) == ["loss"]


@dataclass
class Played:
    """What came of a transfer"""

    infos: list         # of both ends
    seconds: float

    @property
    def again(self) -> int:
        """Segments that were sent again"""
        return sum(info.total_retrans for info in self.infos)

    def is_of(self, scenario):
        """The ends know what they met with, and talked as they were to."""
        if scenario.shrinks:
            assert [info.pmtu for info in self.infos] == [scenario.shrinks] * 2
        if scenario.only_loses:
            assert self.again > 1
        for name in scenario.without:
            assert not [info for info in self.infos if info.options & OPTIONS[name]], name


def acquaint(net):
    """Each end knows the other's link address: who is asked for it three times in vain, as all
    that is lost may be lost in a row, is no host that can be reached."""
    for end, other in ((net.client, net.server), (net.server, net.client)):
        end.knows((other.v4, other.v6), other)


@contextlib.contextmanager
def network(scenario):
    """What a scenario is played on; netem has each segment on its own."""
    with topology.routed() if scenario.shrinks else topology.pair() as net:
        if scenario.how:
            acquaint(net)
        for end in (net.client, net.server):
            segments = " gso_max_segs 1" if scenario.how else ""
            topology.ip([f"link set eth mtu {scenario.mtu}{segments}"], end.name)
            end.sysctl("net.kinet.mode", scenario.mode)
            for name in scenario.without:
                end.sysctl(f"net.kinet.{name}", 0)
            if scenario.how:
                topology.impair(end, **scenario.how)
        yield net


def shrink(net, mtu):
    """What is behind the router takes less from now on."""
    for end, device in ((net.router, "east"), (net.server, "eth")):
        topology.ip([f"link set {device} mtu {mtu}"], end.name)


def send(sock, size, seed, last):
    """Random bytes; the last time the half is closed then. Return: how many, and their digest."""
    dice, digest = random.Random(seed), hashlib.sha256()
    for at in range(0, size, PIECE):
        piece = dice.randbytes(min(PIECE, size - at))
        sock.sendall(piece)
        digest.update(piece)
    if last:
        sock.shutdown(socket.SHUT_WR)
    return size, digest.digest()


def take(sock, size, last):
    """So many bytes, the last time to the end. Return: how many there were, and their digest."""
    total, digest = 0, hashlib.sha256()
    while total < size + last:
        piece = sock.recv(min(PIECE, size + last - total))
        if not piece:
            break
        total += len(piece)
        digest.update(piece)
    return total, digest.digest()


def swap(one, other, size, seed, last=True):
    """Both send at once; the last time they then close their halves."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        flows = [(pool.submit(send, sock, size, f"{seed} {way}", last),
                  pool.submit(take, peer, size, last))
                 for way, sock, peer in (("there", one, other), ("back", other, one))]
        for sent, taken in flows:
            assert sent.result() == taken.result()


def play(scenario, kinds, seed) -> Played:
    """A scenario from its beginning to its end"""
    with network(scenario) as net, Streams(net.client, net.server, kinds) as made:
        one, other = made.connection(scenario.family)
        began = time.monotonic()
        if scenario.shrinks:
            swap(one, other, scenario.size // 2, seed, last=False)
            shrink(net, scenario.shrinks)
        swap(one, other, scenario.size, seed + " again")
        return Played([Info.of(one), Info.of(other)], time.monotonic() - began)
