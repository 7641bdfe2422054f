# SPDX-License-Identifier: GPL-2.0-only
"""Whatever comes over the wire: sound packets arrive as they are, no other does.

KSOCKET_SEED=<number> plays another game, or again the one that a failure names.
"""

import collections
import contextlib
import errno
import os
import socket

import pytest

import kinet
import malformed
from blocked import until
from kinet import DGRAM, INET, INET6, RAW, address

ROUNDS, SOAK_ROUNDS = 20_000, 1_000_000     # packets
BATCH = 40                                  # cases between looks at the sockets
PORTS = {"dgram": 5000, "connected": 6000, "peer": 7000}
ROOM = 8 << 20                              # bytes, for what is received in a batch
SO_RCVBUFFORCE = 33
ETHERTYPE = {INET: 0x800, INET6: 0x86dd}
ARRIVED = {DGRAM: "DgramIn", RAW: "RawIn"}


class Wire(contextlib.ExitStack):
    """Sends packets from one end's device to the other's, past all that would mend them."""

    def __init__(self, there, here):
        super().__init__()
        with there:
            self.sock = self.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self.sock.bind(("eth", 0))
        ours, theirs = (end.mac() for end in (there, here))
        self.head = {family: theirs + ours + kind.to_bytes(2, "big")
                     for family, kind in ETHERTYPE.items()}

    def send(self, case):
        """All packets of a case"""
        for packet in case.packets:
            self.sock.send(self.head[case.family] + packet)


class Game:
    """Cases, what is to become of them, and what has been counted"""

    def __init__(self, client, cases, seed):
        self.client, self.cases, self.seed = client, cases, seed
        self.batch = {}
        self.kinds = set()
        self.before = kinet.snmp(client)
        self.counted = collections.Counter()

    def play(self, packets: int):
        """Send so many, batch by batch."""
        sent = 0
        while sent < packets:
            self.batch = {}
            for _ in range(BATCH):
                case = self.cases.case()
                self.batch[case.number] = case
                self.kinds.add((case.family, case.kind))
                self.counted.update(case.counters)
                self.send(case)
                sent += len(case.packets)
            self.until(self.arrived, self.missing)
            self.look()
        self.until(lambda: self.grown() == self.counted,
                   lambda: f"counted {self.grown()}, not {self.counted}")

    def send(self, case):
        """A case"""
        raise NotImplementedError

    def arrived(self) -> bool:
        """Take what is there; it must be wanted. Is that all?"""
        raise NotImplementedError

    def missing(self):
        """What has not arrived"""
        raise NotImplementedError

    def look(self):
        """All of a batch has arrived."""

    def until(self, condition, what):
        """Wait; what() tells what is missing."""
        try:
            return until(condition, "packets to arrive")
        except TimeoutError:
            return self.fail(f"missing: {what()}")

    def fail(self, what: str):
        """Not without the seed"""
        pytest.fail(f"seed {self.seed}: {what}", pytrace=False)

    def grown(self) -> collections.Counter:
        """Those of kinet's counters that have grown"""
        now = kinet.snmp(self.client)
        return collections.Counter({name: now[name] - was for name, was in self.before.items()
                                    if now[name] != was})


class Datagrams(Game):
    """With the sockets, and what they are to receive"""

    def __init__(self, net, made, seed):
        self.socks = {key: self.open(net, made, *key) for key in
                      [(name, family) for name in ("dgram", "connected", "raw")
                       for family in (INET, INET6)]}
        ends = ({family: address(end, family)[0] for family in (INET, INET6)}
                for end in (net.client, net.server))
        self.wire = made.enter_context(Wire(net.server, net.client))
        self.wanted = {key: collections.Counter() for key in self.socks}
        super().__init__(net.client, malformed.Generator(seed, *ends, PORTS), seed)

    @staticmethod
    def open(net, made, name, family):
        """One of the sockets"""
        if name == "raw":
            sock = made.ours(net.client, family, RAW, protocol=malformed.ANY)
        else:
            sock = made.ours(net.client, family, port=PORTS[name])
        if name == "connected":
            sock.connect(address(net.server, family, PORTS["peer"]))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        sock.setblocking(False)
        return sock

    def send(self, case):
        """An error is looked at before another can hide it."""
        for data in case.wanted:
            self.wanted[case.to, case.family][data] += 1
            self.counted[ARRIVED[RAW if case.to == "raw" else DGRAM]] += 1
        self.wire.send(case)
        if case.error:
            self.until(lambda: self.error(case.family) == errno.ECONNREFUSED, lambda: case)

    def error(self, family, name="connected") -> int:
        """Of a socket"""
        return self.socks[name, family].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def look(self):
        """None but those that were looked at"""
        for name, family in self.socks:
            if self.error(family, name):
                self.fail("an error by one of " + "\n".join(
                    str(case) for case in self.batch.values()
                    if case.family == family and case.kind.startswith("error")))

    def arrived(self):
        self.look()
        for key, sock in self.socks.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = sock.recv(1 << 16)
                    if key == ("raw", INET):
                        data = data[(data[0] & 15) * 4:]
                    self.take(key, data)
        return not any(map(self.left, self.wanted))

    def missing(self):
        """Cases, whose data has not arrived, all of it"""
        return [case for case in self.batch.values() for data in case.wanted
                if self.wanted[case.to, case.family][data]]

    def left(self, key) -> bool:
        """Something is still wanted."""
        return any(self.wanted[key].values())

    def take(self, key, data):
        """Has it been sent to this socket, and not been received yet?"""
        if self.wanted[key][data] < 1:
            number, = malformed.NUMBER.unpack_from(data.ljust(8, b"\0"))
            self.fail(f"the {key[0]} socket received {data.hex()} of {self.batch.get(number)}")
        self.wanted[key][data] -= 1
        if not self.wanted[key][data]:
            del self.wanted[key][data]


def game(begin, seed, packets):
    """Play it on one CPU, so that packets keep their order; begin(seed): what."""
    seed = int(os.environ.get("KSOCKET_SEED") or seed)
    print(f"seed {seed}")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        played = begin(seed)
        played.play(packets)
    finally:
        os.sched_setaffinity(0, before)
    kinds = {(family, kind.__name__) for (family, _), some in played.cases.kinds().items()
             for kind in some}
    assert kinds == played.kinds


def test_malformed(pair, made):
    """In `make test`"""
    game(lambda seed: Datagrams(pair, made, seed), 1, ROUNDS)


@pytest.mark.soak
def test_malformed_for_long(pair, made):
    """In `make soak`"""
    game(lambda seed: Datagrams(pair, made, seed), 2, SOAK_ROUNDS)
