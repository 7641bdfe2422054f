# SPDX-License-Identifier: GPL-2.0-only
"""Sockets at both ends: a ksocket, and a process's socket that it talks to."""

import contextlib
import fcntl
import functools
import itertools
import socket
import struct
import subprocess

import kinet
import pytest

from blocked import BOUND, until
from ksock import VSOCK

INET, INET6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
STREAM, DGRAM, SEQPACKET = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET
VSOCK_LOCAL, VSOCK_ANY = 1, 0xffffffff      # VMADDR_CID_LOCAL, VMADDR_PORT_ANY


class Kinet(int):
    """AF_INET or AF_INET6, by which all but socket(2) knows kinet's sockets, too."""

    @property
    def domain(self) -> int:
        """What socket(2) is given"""
        return kinet.families()[int(self)]


KINET, KINET6 = Kinet(INET), Kinet(INET6)
every_family = pytest.mark.parametrize("family", [INET, INET6, UNIX, KINET, KINET6],
                                       ids=["inet", "inet6", "unix", "kinet", "kinet6"])
any_inet = pytest.mark.parametrize("family", [INET, INET6, KINET, KINET6],
                                   ids=["inet", "inet6", "kinet", "kinet6"])
kinet_family = pytest.mark.parametrize("family", [KINET, KINET6], ids=["kinet", "kinet6"])
inet_family = pytest.mark.parametrize("family", [INET, INET6], ids=["inet", "inet6"])
every_kind = pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["stream", "dgram"])

_CONNECTIONS = {"inet": (INET, STREAM), "inet6": (INET6, STREAM), "unix": (UNIX, STREAM),
                "seqpacket": (UNIX, SEQPACKET), "vsock": (VSOCK, STREAM),
                "kinet": (KINET, STREAM), "kinet6": (KINET6, STREAM)}


def connections(*names):
    """Parametrise by family and kind of what has connections; all when none is named."""
    names = names or _CONNECTIONS
    return pytest.mark.parametrize("family, kind", [_CONNECTIONS[one] for one in names],
                                   ids=names)


_numbers = itertools.count(1)


def name() -> str:
    """An abstract AF_UNIX name that nobody has."""
    return f"\0ksocket-test-{next(_numbers)}"


@functools.cache
def load_vsock():
    """The loopback of AF_VSOCK, which some kernels have built in."""
    subprocess.run(["modprobe", "-q", "vsock_loopback"], check=False, timeout=60)


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
        return {INET: (end.v4, 0), INET6: (end.v6, 0),
                VSOCK: (VSOCK_LOCAL, VSOCK_ANY)}.get(family) or name()

    def ksocket(self, family=INET, kind=STREAM, flags=0, end=None):
        if family == VSOCK:
            load_vsock()
        with self.net.server if family == UNIX else end or self.net.client:
            return self.device.socket(getattr(family, "domain", family), kind, flags=flags)

    def user(self, family=INET, kind=STREAM, end=None, twin=False):
        """A socket of this process, which waits for BOUND at most.

        It is one of the host's, also where the ksocket that it meets is one of
        kinet's; but a twin is what the ksocket is.
        """
        make = kinet.open_socket if twin and isinstance(family, Kinet) else socket.socket
        with end or self.net.server:
            sock = self.enter_context(make(family, kind))
        sock.settimeout(BOUND)
        return sock

    def user_listener(self, family=INET, kind=STREAM, backlog=16, twin=False):
        if family == VSOCK:
            load_vsock()
        sock = self.user(family, kind, twin=twin)
        sock.bind(self.address(family))
        sock.listen(backlog)
        return sock

    def listener(self, family=INET, flags=0, backlog=16, kind=STREAM):
        """A ksocket that listens, in the server's namespace."""
        sock = self.ksocket(family, kind, flags, self.net.server)
        sock.bind(self.address(family))
        sock.listen(backlog)
        return sock

    def accepted(self, listener):
        sock = self.enter_context(listener.accept()[0])
        sock.settimeout(BOUND)
        return sock

    def client_of(self, listener, family=INET, kind=STREAM):
        """A process's socket, connected to a ksocket that listens."""
        sock = self.user(family, kind, self.net.client if family in (INET, INET6) else None)
        sock.connect(listener.getsockname())
        return sock

    def stream(self, family=INET, flags=0, prepare=None, kind=STREAM, twin=False):
        """A connected ksocket and its peer; prepare(sock) comes before the connect."""
        listener = self.user_listener(family, kind, twin=twin)
        sock = self.ksocket(family, kind, flags)
        if prepare:
            prepare(sock)
        sock.connect(where(listener))
        return sock, self.accepted(listener)

    def user_stream(self, family=INET, prepare=None, twin=False):
        """The same with a process's socket at both ends, to compare with."""
        listener = self.user_listener(family)
        sock = self.user(family, end=self.net.server if family == UNIX else self.net.client,
                         twin=twin)
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
        return self.dgram(family, flags) if kind == DGRAM else self.stream(
            family, flags, kind=kind)


def where(sock):
    """The address of a process's socket, as ksockets take it."""
    address = sock.getsockname()
    return address.decode() if isinstance(address, bytes) else address


def reset(peer):
    """Close a process's end so that a RST goes out, and no FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    peer.close()


def drain(peer, left):
    """Receive so much on a process's stream."""
    while left:
        left -= len(peer.recv(min(left, 1 << 20)))


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
