# SPDX-License-Identifier: GPL-2.0-only
"""Random calls with random arguments by several callers on the same sockets.

Whatever they do, each call gives 0 or an errno that a user may see, transfers
no more than it was given, and the kernel does not complain. The arguments that
decide how much memory is touched keep to what the caller has; all others need
not make sense. A seed names a game, though not the order in which its players
come to move.
"""

import errno
import random
import socket
import struct
import termios
import threading

import pytest

from blocked import BOUND
from ksock import (BVEC, KVEC, NULL_ADDR, NULL_ADDRLEN, NULL_DATA, NULL_DONE, NULL_HANDLE,
                   KSocket)
from peers import DGRAM, INET, INET6, STREAM, UNIX, Ends
from test_options import OPTIONS

PLAYERS = 3
SOCKETS = 12        # at most, for each player
MOVES = 400
ROOM = 1024         # more than any option has
ENDLESS = 13        # SO_LINGER would make a close wait
NUMBERS = [0, 1, 2, 3, -1, -2, 7, 127, 128, 255, 256, 4096, 65535, 65536, 2**31 - 1, -2**31]
LENGTHS = [0, 1, 2, 15, 16, 24, 28, 110, 128, 129, 2**31 - 1, 2**32 - 1]
LEVELS = [socket.SOL_SOCKET, socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.IPPROTO_IPV6,
          socket.IPPROTO_UDP, -1]
NULLS = [0] * 24 + [NULL_ADDR, NULL_ADDRLEN, NULL_DATA, NULL_DONE, NULL_HANDLE]
IOCTLS = [termios.FIONREAD, termios.TIOCOUTQ, 0x8905, 0x8901, termios.FIOASYNC, 0, -1]
PLAYS = ("bind listen accept connect connect names send send send receive receive receive shutdown "
         "option option option ioctl poll hold close").split()
LINGER_NOW = struct.pack("=ii", 1, 0)


class Player:
    """Makes random moves; all that it opens is non-blocking."""

    def __init__(self, net, device, pool, seed):
        self.net = net
        self.device = device
        self.pool = pool
        self.dice = random.Random(seed)
        self.failure = None

    def play(self):
        try:
            with self.dice.choice([self.net.client, self.net.server]):
                for _ in range(MOVES):
                    self.move()
        except Exception as error:          # shown by the test
            self.failure = error
            raise

    def move(self):
        if len(self.pool) < 2 or self.dice.random() < 0.05:
            self.open()
            return
        name = self.dice.choice(PLAYS)
        getattr(self, name)(self.dice.choice(self.pool))

    def call(self, sock, op, **fields):
        """A call whose result must be one that a caller may see."""
        done = sock.call(op, null=self.dice.choice(NULLS), **fields)
        assert done.result == 0 or -done.result in errno.errorcode, (op, done.result)
        assert done.count <= len(fields.get("data", b"")) or op == "poll", (op, done.count)
        assert not done.result or not done.count, (op, done.result, done.count)
        return done

    def open(self):
        done = self.device.call("socket", a=self.dice.choice([INET, INET6, UNIX]),
                                b=self.dice.choice([STREAM, STREAM, DGRAM, DGRAM, 5, 99]),
                                d=self.dice.choice([0, 0, 0, 1, 2, 4, 8, 16, 31, 32]))
        self.keep(done)

    def keep(self, done):
        if done.call.new < 0:
            return
        sock = KSocket(self.device, done.call.new)
        # Another may have closed it since.
        if not sock.call("ioctl", a=termios.FIONBIO, b=1).result:
            self.pool.append(sock)

    def address(self):
        """Somebody's, mostly."""
        name = self.dice.choice(self.pool).call("getsockname", addrlen=128)
        if not name.result and self.dice.random() < 0.6:
            return name.raw_addr[:name.addrlen]
        port = self.dice.choice([0, 5000, 5001, 5002])
        end = self.dice.choice([self.net.client, self.net.server])
        return self.dice.choice([(end.v4, port), ("127.0.0.1", port), (end.v6, port), ("::1", port),
                                 f"\0random-{port}",
                                 self.dice.randbytes(self.dice.randrange(128))])

    def lengths(self):
        """Mostly the address's own length."""
        if self.dice.random() < 0.8:
            return {}
        return {"addrlen": self.dice.choice(LENGTHS)}

    def number(self):
        return self.dice.choice(NUMBERS)

    def flags(self):
        return self.dice.choice([0] * 8 + [1 << self.dice.randrange(31)])

    def bind(self, sock):
        self.call(sock, "bind", address=self.address(), **self.lengths())

    def listen(self, sock):
        self.call(sock, "listen", a=self.number())

    def accept(self, sock):
        self.keep(self.call(sock, "accept", addrlen=self.dice.choice(LENGTHS)))

    def connect(self, sock):
        self.call(sock, "connect", address=self.address(), **self.lengths())

    def names(self, sock):
        self.call(sock, self.dice.choice(["getsockname", "getpeername"]),
                  addrlen=self.dice.choice(LENGTHS))

    def send(self, sock):
        op = self.dice.choice(["send", "sendto", "sendmsg"])
        fields = {} if op == "send" else {"address": self.address(), **self.lengths()}
        if op == "sendmsg":
            fields |= {"ctl": self.dice.randbytes(self.dice.choice([0, 0, 8, 24])),
                       "b": self.dice.choice([KVEC, BVEC])}
        data = bytes(self.dice.choice([0, 1, 100, 5000, 60000]))
        self.call(sock, op, data=data, a=self.flags(), **fields)

    def receive(self, sock):
        op = self.dice.choice(["recv", "recvfrom", "recvmsg"])
        fields = {"addrlen": self.dice.choice(LENGTHS[:-2])}
        flags = self.flags() & ~socket.MSG_TRUNC        # which counts more than it stores
        if op == "recvmsg":
            fields |= {"ctl": self.dice.choice([0, 8, 64]), "b": self.dice.choice([KVEC, BVEC])}
        data = bytes(self.dice.choice([0, 1, 100, 5000, 60000]))
        self.call(sock, op, data=data, a=flags, **fields)

    def shutdown(self, sock):
        self.call(sock, "shutdown", a=self.dice.choice([0, 1, 2, self.number()]))

    def option(self, sock):
        level, name = self.dice.choice(LEVELS), self.dice.randrange(80)
        if self.dice.random() < 0.5:
            level, name = self.dice.choice(list(OPTIONS.values()))
        if (level, name) == (socket.SOL_SOCKET, ENDLESS):
            return
        value = struct.pack("=ii", self.number(), self.number()).ljust(ROOM, b"\0")
        length = self.dice.choice([-2**31, -1, 0, 1, 3, 4, 4, 4, 8, 16, ROOM])
        done = self.call(sock, self.dice.choice(["setsockopt", "getsockopt"]), data=value, a=level,
                         b=name, c=length)
        assert done.call.c <= ROOM

    def ioctl(self, sock):
        self.call(sock, "ioctl", a=self.dice.choice(IOCTLS), b=self.number())

    def poll(self, sock):
        self.call(sock, "poll")

    def hold(self, sock):
        sock.call("hold")
        sock.call("rele")

    def close(self, sock):
        if len(self.pool) > SOCKETS * PLAYERS or self.dice.random() < 0.3:
            # A FIN to a device that isn't there would keep the namespace.
            sock.call("setsockopt", data=LINGER_NOW, a=socket.SOL_SOCKET, b=ENDLESS, c=8)
            self.call(sock, "close")
            if self.dice.random() < 0.7 and sock in self.pool:
                self.pool.remove(sock)      # sometimes a closed one stays in the game


def couple(ends, family):
    """A listener, a connection, and two datagram sockets that know each other."""
    listener = ends.listener(family)
    sock = ends.ksocket(family)
    sock.connect(listener.getsockname())
    one, other = ends.ksocket(family, DGRAM), ends.ksocket(family, DGRAM, end=ends.net.server)
    one.bind(ends.address(family, ends.net.client))
    other.bind(ends.address(family))
    one.connect(other.getsockname())
    other.connect(one.getsockname())
    made = [listener, sock, listener.accept()[0], one, other]
    for sock in made:
        sock.nonblocking()
    return made


def game(net, device, seed):
    """Play to the end, then close what is open."""
    pool = []
    with Ends(net, device) as ends:
        for family in (INET, INET6, UNIX):
            pool += couple(ends, family)
    players = [Player(net, device, pool, f"{seed}-{number}") for number in range(PLAYERS)]
    threads = [threading.Thread(target=player.play) for player in players]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5 * BOUND)
        assert not thread.is_alive(), "a non-blocking call blocks"
    for sock in pool:
        sock.call("setsockopt", data=LINGER_NOW, a=socket.SOL_SOCKET, b=ENDLESS, c=8)
    assert [player.failure for player in players] == [None] * PLAYERS


@pytest.mark.parametrize("seed", range(2))
def test_game(pair, device, seed):
    """A short one"""
    game(pair, device, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
def test_long_game(pair, device, seed):
    """Many more"""
    game(pair, device, seed)
