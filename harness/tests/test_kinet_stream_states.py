# SPDX-License-Identifier: GPL-2.0-only
"""Streams in each of their states, when kinet is drained, a namespace goes, or noise comes."""

import contextlib
import errno
import os
import random
import select

import kinet
import pytest

from blocked import until
from kinet import INET, failure
from peers import inet_family, reset
from segments import RST, WIRES, Host, Peer, lives
from states import HEARS, STATES
from streams import blocking
from test_kinet_unload import load, unload

each_state = pytest.mark.parametrize("name", STATES)
each_wire = pytest.mark.parametrize("wire", WIRES)
NOISE, LONG_NOISE = 300, 20_000
SEED = os.environ.get("KSOCKET_SEED") or 5      # the number of another game


@contextlib.contextmanager
def hosts(family=INET, wire="interop"):
    """A host of kinet's"""
    with Peer.network(wire) as net, kinet.Sockets() as made:
        yield Host(net, made, "ours", family)


def rows(host) -> set:
    """The states of its sockets"""
    return {row["state"] for row in kinet.sockets(host.net.client)}


@each_wire
@each_state
def test_is_told(name, wire):
    """By /proc/net/kinet/sockets; what remains of a connection in TIME-WAIT is no socket."""
    with hosts(INET, wire) as host:
        STATES[name](host)
        wanted = {"waits": "ESTABLISHED", "unread": "ESTABLISHED", "unsent": "ESTABLISHED",
                  "unacknowledged": "ESTABLISHED", "TIME-WAIT": "CLOSED"}.get(name, name)
        assert rows(host) == {"LISTEN", wanted}


@each_wire
@each_state
def test_drained(name, wire, loaded_again):
    """Calls give ENETDOWN, pollers get HUP, the peer is reset, the ports are free."""
    with hosts(INET, wire) as host:
        sock, peer = STATES[name](host)
        peer.collect()
        peer.heard.clear()
        kinet.drain(True)
        try:
            for call, *args in ((sock.send, b"x"), (sock.recv, 1), (sock.getsockname,),
                                (sock.listen,), (sock.accept,)):
                assert failure(call, *args) == errno.ENETDOWN, call
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            assert poll.poll(0)[0][1] & select.POLLHUP
            assert rows(host) == {"drained"}
            if name in HEARS:
                until(lambda: peer.hear("a reset").flags & RST, "the peer to be reset")
        finally:
            kinet.drain(False)
        again = Host(host.net, host.made, "ours", INET)
        one, other = again.open()
        lives(one, other)
        reset(one)
        for one in (sock, host.listener, again.listener):
            one.close()
    unload()
    load()


@each_state
def test_orphan_is_drained(name, loaded_again):
    """What its program has closed ends, too, and the module goes."""
    with hosts() as host:
        sock, _peer = STATES[name](host)
        sock.close()
        host.listener.close()
        kinet.drain(True)
        kinet.drain(False)
        unload()
        load()


@each_state
def test_namespace_is_deleted(name, loaded_again):
    """With such a connection in it, which its program closes later. What then waits for a peer who
    can't be reached ends when it is drained, and the module goes."""
    with kinet.Sockets() as made:
        with Peer.network() as net:
            STATES[name](Host(net, made, "ours", INET))
    kinet.drain(True)
    kinet.drain(False)
    unload()
    load()


def scatter(dice, number: int) -> int:
    """A number near another, or far from it"""
    return number + dice.choice((0, 0, 0, 1, -1, 500, -500, 65535, 1 << 30, -(1 << 30),
                                 dice.randrange(1 << 32)))


def make_noise(dice, peer):
    """One segment of which anything may be wrong"""
    options = dice.randbytes(4 * dice.choice((0, 0, 0, 1, 3, 5, 10)))
    peer.send(dice.randrange(64), dice.randbytes(dice.choice((0, 0, 1, 100, 1000))), options,
              seq=scatter(dice, peer.at.snd), ack=scatter(dice, peer.at.rcv),
              window=dice.choice((0, 1, 1000, 65535)), urgent=dice.choice((0, 1, 50, 65535)),
              offset=dice.choice((None, None, None, dice.randrange(16))),
              check=dice.choice((None, None, None, None, None, dice.randrange(1 << 16))))


def noise(family, wire, name, count):
    """Whatever comes to such a connection, the next one is served."""
    print(f"seed {SEED}")
    dice = random.Random(f"{SEED}/{name}/{int(family)}")
    with hosts(family, wire) as host:
        sock, peer = STATES[name](host)
        sock.setblocking(False)
        for at in range(count):
            make_noise(dice, peer)
            if at % 50 == 0:
                with contextlib.suppress(OSError):
                    sock.recv(1000)
                with contextlib.suppress(OSError):
                    sock.send(b"x")
                peer.collect()
                peer.heard.clear()
        host.listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                host.listener.accept()[0].close()
        blocking(host.listener)
        host.peer = host.new_peer(host.listener)
        lives(*host.open())


@inet_family
@each_wire
@each_state
def test_noise(family, wire, name):
    """Segments that are near to right ones"""
    noise(family, wire, name, NOISE)


@pytest.mark.soak
@inet_family
@each_wire
@each_state
def test_noise_for_long(family, wire, name):
    """The same for long"""
    noise(family, wire, name, LONG_NOISE)
