# SPDX-License-Identifier: GPL-2.0-only
"""Sockets at both ends: a ksocket, and a process's socket that it talks to."""

import contextlib
import fcntl
import itertools
import socket
import struct

import pytest

from blocked import BOUND, until

INET, INET6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM

every_family = pytest.mark.parametrize("family", [INET, INET6, UNIX],
                                       ids=["inet", "inet6", "unix"])
inet_family = pytest.mark.parametrize("family", [INET, INET6], ids=["inet", "inet6"])
every_kind = pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["stream", "dgram"])

_numbers = itertools.count(1)


def name() -> str:
    """An abstract AF_UNIX name that nobody has."""
    return f"\0ksocket-test-{next(_numbers)}"


class Ends(contextlib.ExitStack):
    """Makes sockets in the two namespaces of a network.

    A ksocket is in the client's namespace and a process's socket in the
    server's, unless said otherwise; AF_UNIX sockets are all in the server's.
    The process's sockets are closed at the end; ksockets with their device.
    """

    def __init__(self, net, device):
        super().__init__()
        self.net = net
        self.device = device

    def address(self, family, end=None):
        """A local address with no port chosen yet."""
        end = end or self.net.server
        return {INET: (end.v4, 0), INET6: (end.v6, 0)}.get(family) or name()

    def ksocket(self, family=INET, kind=STREAM, flags=0, end=None):
        with self.net.server if family == UNIX else end or self.net.client:
            return self.device.socket(family, kind, flags=flags)

    def user(self, family=INET, kind=STREAM, end=None):
        """A socket of this process, which waits for BOUND at most."""
        with end or self.net.server:
            sock = self.enter_context(socket.socket(family, kind))
        sock.settimeout(BOUND)
        return sock

    def user_listener(self, family=INET, backlog=16):
        sock = self.user(family)
        sock.bind(self.address(family))
        sock.listen(backlog)
        return sock

    def listener(self, family=INET, flags=0, backlog=16):
        """A ksocket that listens, in the server's namespace."""
        sock = self.ksocket(family, flags=flags, end=self.net.server)
        sock.bind(self.address(family))
        sock.listen(backlog)
        return sock

    def accepted(self, listener):
        sock = self.enter_context(listener.accept()[0])
        sock.settimeout(BOUND)
        return sock

    def stream(self, family=INET, flags=0, prepare=None):
        """A connected ksocket and its peer; prepare(sock) comes before the connect."""
        listener = self.user_listener(family)
        sock = self.ksocket(family, flags=flags)
        if prepare:
            prepare(sock)
        sock.connect(where(listener))
        return sock, self.accepted(listener)

    def user_stream(self, family=INET, prepare=None):
        """The same with a process's socket at both ends, to compare with."""
        listener = self.user_listener(family)
        sock = self.user(family, end=self.net.server if family == UNIX else self.net.client)
        if prepare:
            prepare(sock)
        sock.connect(listener.getsockname())
        return sock, self.accepted(listener)

    def dgram(self, family=INET, flags=0):
        """A bound ksocket and a bound peer, connected to each other."""
        sock = self.ksocket(family, DGRAM, flags)
        sock.bind(self.address(family, self.net.client))
        peer = self.user(family, DGRAM)
        peer.bind(self.address(family))
        sock.connect(where(peer))
        peer.connect(sock.getsockname())
        return sock, peer

    def connected(self, family, kind, flags=0):
        return self.stream(family, flags) if kind == STREAM else self.dgram(family, flags)


def where(sock):
    """The address of a process's socket, as ksockets take it."""
    address = sock.getsockname()
    return address.decode() if isinstance(address, bytes) else address


def push(sock) -> int:
    """Send on a ksocket until no more goes, without blocking; return the bytes."""
    total = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            total += sock.send(bytes(65536), socket.MSG_DONTWAIT)
    return total


def window_is_closed(sock) -> bool:
    """All that was sent is acknowledged, the rest is not sent, and the peer was asked
    again and said no: TCP_INFO's tcpi_unacked, tcpi_notsent_bytes and tcpi_backoff.

    tcpi_probes would not do: every answer resets it, also one that the window stays
    closed; the back-off is reset when it opens. Asked for the second time, the peer
    has answered the first.
    """
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 148)
    unacked, = struct.unpack_from("=I", info, 24)
    unsent, = struct.unpack_from("=I", info, 144)
    return not unacked and unsent and info[4] > 1


def fill(sock) -> int:
    """Push until the peer's buffer is full, too: nothing moves until it reads.

    A peer that closed its window may open it once more when it is asked again, as
    it finds room between what it has; and what was pushed may all be taken before
    the next look, with no window closed.
    """
    total = 0

    def full():
        nonlocal total
        more = push(sock)
        total += more
        return not more and window_is_closed(sock)

    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == UNIX:
        return push(sock)
    until(full, "the peer to close its window")
    return total


def user_ioctl(sock, cmd) -> int:
    """The int that an ioctl on a process's socket gives."""
    return struct.unpack("=i", fcntl.ioctl(sock.fileno(), cmd, bytes(4)))[0]


def errno_of(sock, method, *args) -> int:
    """The errno with which a method of a process's socket fails, negative; 0 when not.

    It must not be one that waits: Python would wait for poll first.
    """
    sock.setblocking(False)
    try:
        getattr(sock, method)(*args)
    except OSError as error:
        return -error.errno
    return 0
