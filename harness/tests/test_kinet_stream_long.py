# SPDX-License-Identifier: GPL-2.0-only
"""What befalls streams in the other tests one at a time: for long, many at once, by chance.

The seed is told; KSOCKET_SEED=<number> plays a game again, as far as threads don't decide it.
"""

import concurrent.futures
import contextlib
import errno
import os
import random
import select
import socket
import time

import pytest
import topology

import kinet
from blocked import until
from kinet import INET, INET6, failure
from peers import inet_family, reset, window_is_closed
from segments import MSS, ROUND, STAMPS, State, lives, option
from streams import Streams, blocking, ended, error_of, pattern, ready, receive, set_option, tcp
from test_kinet_options import disconnect
from test_kinet_stream_segments import UNSIGNED
from test_kinet_stream_states import hosts
from threads import meanwhile

pytestmark = pytest.mark.soak

MANY, AT_ONCE = 2000, 100
PAUSES, SLOW_READERS = 5, 16
VANISHED = 60
RACES, RACERS = 1000, 8
# So many times what a backlog has room for: they ask again together, after 1, 3 and 7 seconds.
WAVES, CROWD = 5, 4
NOISES = 1000
# Nor are there other time stamps than the right ones.
HARMLESS = UNSIGNED.translate(bytes.maketrans(bytes([STAMPS]), bytes([253])))


@pytest.fixture
def dice(capfd):
    """Chance that is told"""
    seed = int(os.environ.get("KSOCKET_SEED") or time.time_ns() & 0xffffffff)
    with capfd.disabled():
        print(f"seed {seed} ", end="", flush=True)
    return random.Random(seed)


def share(dice, players, game, count):
    """So many games by so many threads, each with chance of its own"""
    with concurrent.futures.ThreadPoolExecutor(players) as pool:
        for done in [pool.submit(game, random.Random(dice.random())) for _ in range(count)]:
            done.result()


def all_have_ended(net):
    """No connection of kinet's is left."""
    for end in (net.client, net.server):
        until(lambda end=end: {row["state"] for row in kinet.sockets(end)} <= {"LISTEN", "CLOSED"},
              "all to have ended")


# --- connections that come and go

def connect_all(made, listener, family, count) -> list:
    """So many at once: pairs of the client's end and the server's"""
    clients = {}
    for _ in range(count):
        client = made.client(family)
        client.setblocking(False)
        assert failure(client.connect, listener.getsockname()) in (0, errno.EINPROGRESS)
        clients[client.getsockname()[1]] = client
    pairs = []
    for _ in range(count):
        server = made.accepted(listener)
        client = clients.pop(server.getpeername()[1])
        ready(client, select.POLLOUT)
        pairs.append((blocking(client), server))
    return pairs


def greet(one, other, size):
    """There and back, as much as there is room for"""
    data = pattern(size)
    for sender, receiver in ((one, other), (other, one)):
        sender.sendall(data)
        assert receive(receiver, size) == data


def close_first(one, other):
    """An end after the other"""
    one.close()
    assert ended(other)
    other.close()


def close_both(one, other):
    """The FINs may cross."""
    one.shutdown(socket.SHUT_WR)
    other.shutdown(socket.SHUT_WR)
    assert ended(one) and ended(other)
    one.close()
    other.close()


def reset_first(one, other):
    """No FIN at all"""
    reset(one)
    assert failure(other.recv, 1) == errno.ECONNRESET
    other.close()


@inet_family
def test_many(pair, kinds, family, dice):
    """A hundred at once, over and over, ended by either end in each way"""
    with Streams(pair.client, pair.server, kinds) as made:
        listener = made.listener(family, backlog=AT_ONCE)
        for _ in range(MANY // AT_ONCE):
            pairs = connect_all(made, listener, family, AT_ONCE)
            dice.shuffle(pairs)
            for ends in pairs:
                greet(*ends, dice.randrange(1, 3000))
                dice.choice((close_first, close_both, reset_first))(
                    *dice.sample(ends, 2))
        all_have_ended(pair)


def test_crowd(pair, kinds, dice):
    """More than the backlog has room for: all get through, as somebody accepts."""
    # By a cookie the host answers whom it then forgets, and who has nothing to say stays so.
    pair.server.sysctl("net.ipv4.tcp_syncookies", 0)
    with Streams(pair.client, pair.server, kinds) as made:
        for _ in range(WAVES):
            family = dice.choice((INET, INET6))
            backlog = dice.choice((1, 3, 10))
            listener = made.listener(family, backlog)
            for one, other in connect_all(made, listener, family, CROWD * (backlog + 1)):
                greet(one, other, 1000)
                close_first(one, other)
            listener.close()
        all_have_ended(pair)


# --- windows that shut

def read_by_pieces(dice, one, other, data, room):
    """Some at a time, and now and then nothing until the window is shut"""
    at, pauses = 0, sorted(dice.sample(range(len(data) - 2 * room), PAUSES))
    while at < len(data):
        if pauses and at >= pauses[0]:
            pauses = [later for later in pauses if later > at]
            until(lambda: window_is_closed(one), "the window to be closed")
        piece = receive(other, min(len(data) - at, dice.choice((1, 100, 1500, 30_000))))
        assert piece == data[at:at + len(piece)]
        at += len(piece)


def test_windows_shut(pair, kinds, dice):
    """Readers who stop, side by side; buffers of any size, at either end"""
    def game(dice):
        with Streams(pair.client, pair.server, kinds) as made:
            family = dice.choice((INET, INET6))
            listener, client = made.listener(family), made.client(family)
            sizes = [dice.randrange(10_000, 50_000) for _ in range(2)]
            # Later the window that was offered would be more than there is room for.
            for sock in (listener, client):
                set_option(sock, socket.SO_SNDBUF, sizes[0])
                set_option(sock, socket.SO_RCVBUF, sizes[1])
            one, other = dice.sample(made.connection(family, client, listener), 2)
            data = pattern(1_000_000, dice.randrange(1 << 20))
            with meanwhile(one.sendall, data):
                read_by_pieces(dice, one, other, data, 4 * sum(sizes))
            close_first(one, other)
    share(dice, SLOW_READERS, game, SLOW_READERS)
    all_have_ended(pair)


@inet_family
def test_windows_shrink(family, dice):
    """A peer whose windows' right edges go back, and who loses some: each byte comes, and none
    beyond what was offered but a probe's."""
    with hosts(family) as host:
        sock, peer = host.open(option(MSS, "H", 500))
        first, data, at, edge = peer.at.rcv, pattern(100_000), 0, peer.at.window
        with meanwhile(sock.sendall, data):
            while at < len(data):
                segment = peer.hear("more")
                begin = (segment.seq - first + ROUND // 2) % ROUND - ROUND // 2
                assert begin + len(segment.data) <= max(edge, at + 1), segment
                # A probe may have an old byte, which may be any.
                assert begin < 0 or data[begin:begin + len(segment.data)] == segment.data
                if begin <= at and dice.random() < 0.95:
                    at = max(at, begin + len(segment.data))
                peer.at.rcv = (first + at) % ROUND
                window = dice.choice((0, 100, 1000, 1000, 5000, 65535))
                edge = max(edge, at + window)
                peer.send(window=window)
        lives(sock, peer)


# --- peers who are not what they should be

@inet_family
def test_noise_for_options(family, dice):
    """In SYNs, each of which is answered, and within connections"""
    with hosts(family) as host:
        for _ in range(NOISES):
            host.peer.at = State(snd=dice.randrange(ROUND))
            noise = dice.randbytes(4 * dice.randrange(11)).translate(HARMLESS)
            sock, peer = host.open(noise)
            for _ in range(3):
                right = peer.at.stamps.option() if peer.at.stamps else b""
                noise = dice.randbytes(4 * dice.randrange(7)).translate(HARMLESS)
                peer.say(b"noise", options=right + noise)
                assert receive(sock, 5) == b"noise"
            lives(sock, peer)
            reset(sock)


def impatient(end):
    """Ask soon whether the peer is there, and give up soon"""
    set_option(end, socket.SO_KEEPALIVE)
    for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
        tcp(end, name, 1)
    tcp(end, socket.TCP_USER_TIMEOUT, 2000)


def push(dice, end):
    """Some, or more than there is room for, or nothing"""
    with contextlib.suppress(BlockingIOError):
        end.send(bytes(dice.choice((0, 1, 10_000, 10_000_000))) or b"?"[:dice.randrange(2)])


def test_peers_vanish(kinds, dice):
    """The wire is cut in the middle of anything: both ends of each are told."""
    with topology.pair() as net, Streams(net.client, net.server, kinds) as made:
        ends = [end for _ in range(VANISHED)
                for end in made.connection(dice.choice((INET, INET6)))]
        for end in ends:
            end.setblocking(False)
            push(dice, end)
        with contextlib.ExitStack() as cut:
            for side in (net.client, net.server):
                cut.enter_context(topology.impaired(side, loss="100%"))
            for end in ends:
                push(dice, end)
                # Not before: it might be over already, for want of a window or of the wire.
                impatient(end)
            for end in ends:
                ready(end, select.POLLERR)
                assert error_of(end) == errno.ETIMEDOUT
        all_have_ended(net)


# --- resets and ends that cross whatever else goes on

RACING = {errno.ECONNRESET, errno.EPIPE, errno.EAGAIN, errno.ENOTCONN}


def send_some(dice, side):
    """As much as there is room for"""
    side.sent += side.sock.send(side.data[side.sent:side.sent + dice.choice((1, 1000, 50_000))],
                                socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def receive_some(dice, side):
    """What is there, which is what comes next"""
    piece = side.sock.recv(dice.choice((1, 1000, 50_000)), socket.MSG_DONTWAIT)
    assert piece == side.wanted[side.got:side.got + len(piece)]
    side.got += len(piece)


def shut_one_way(dice, side):
    """Or the other, or both"""
    side.sock.shutdown(dice.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))


ACTS = (send_some, receive_some) * 8 + (shut_one_way,)
LAST = (lambda _dice, side: reset(side.sock), lambda _dice, side: side.sock.close(),
        lambda _dice, side: disconnect(side.sock))


class Side:
    """Who has one end of a race's connection"""

    def __init__(self, sock, data, wanted):
        self.sock, self.data, self.wanted = sock, data, wanted
        self.sent = self.got = 0

    def run(self, dice):
        """Anything, and then the end"""
        for act in dice.choices(ACTS, k=dice.randrange(20)) + [dice.choice(LAST)]:
            try:
                act(dice, self)
            except OSError as error:
                assert error.errno in RACING, error


def test_races(pair, kinds, dice):
    """Both ends do anything at once, and then reset, close or disconnect: what comes is what was
    sent, no error is one that can't be, and nothing is left."""
    one, other = (pattern(1_000_000, first) for first in (0, 1 << 24))

    def game(dice):
        with Streams(pair.client, pair.server, kinds) as made:
            client, server = made.connection(dice.choice((INET, INET6)))
            sides = Side(client, one, other), Side(server, other, one)
            seeds = dice.random(), dice.random()
            with meanwhile(sides[0].run, random.Random(seeds[0])):
                sides[1].run(random.Random(seeds[1]))
    share(dice, RACERS, game, RACES)
    all_have_ended(pair)
