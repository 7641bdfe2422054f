# SPDX-License-Identifier: GPL-2.0-only
"""kinet's sockets from Python, and what /proc tells of them.

A kinet socket is one of Python's own, of AF_INET or AF_INET6: only the domain
that socket(2) was given is another.
"""

import contextlib
import ctypes
import os
import socket
from pathlib import Path


from blocked import BOUND
from topology import Namespace

INET, INET6 = socket.AF_INET, socket.AF_INET6
DGRAM, RAW, STREAM = socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_STREAM

PROC = Path("/proc/thread-self/net/kinet")
PROTO_STREAM, PROTO_DGRAM, PROTO_RAW = 135, 258, 259
SOL_KINET, RAW_PROTOCOL = 0x6b6e, 1

_libc = ctypes.CDLL(None, use_errno=True)


def failure(call, *args) -> int:
    """The errno that a call fails with, 0 when it doesn't"""
    try:
        call(*args)
    except OSError as error:
        return error.errno
    return 0


def families() -> dict:
    """The numbers: {AF_INET: 22, AF_INET6: 25}"""
    told = dict(line.split() for line in (PROC / "families").read_text("ascii").splitlines())
    return {INET: int(told["PF_KINET"]), INET6: int(told["PF_KINET6"])}


def open_socket(family, kind=DGRAM, protocol=0, domain=None) -> socket.socket:
    """A kinet socket in this thread's namespace; domain: another number for socket(2)"""
    number = families()[family] if domain is None else domain
    descriptor = _libc.socket(int(number), int(kind), protocol)
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return socket.socket(family, kind, protocol, fileno=descriptor)


def address(end: Namespace, family, port=0):
    """An end's address."""
    return (end.v4 if family == INET else end.v6, port)


class Sockets(contextlib.ExitStack):
    """Makes sockets at the ends of a network, and closes them in the end.

    Each is bound to its end's address, unless said otherwise, and waits for
    BOUND at most.
    """

    def ours(self, end, family=INET, kind=DGRAM, port=0, bind=True, **how):
        """One of kinet's."""
        with end:
            sock = self.enter_context(open_socket(family, kind, **how))
        return self._ready(sock, end, family, port, bind)

    def stock(self, end, family=INET, kind=DGRAM, port=0, bind=True, protocol=0):
        """One of the host's own."""
        with end:
            sock = self.enter_context(socket.socket(family, kind, protocol))
        return self._ready(sock, end, family, port, bind)

    @staticmethod
    def _ready(sock, end, family, port, bind):
        sock.settimeout(BOUND)
        if bind:
            sock.bind(address(end, family, port))
        return sock


def talk(one, other, size=100):
    """There and back again."""
    sent = (bytes(range(256)) * (size // 256 + 1))[:size]
    one.sendto(sent, other.getsockname())
    data, sender = other.recvfrom(65536)
    assert data == sent
    assert sender[:2] == one.getsockname()[:2]
    other.sendto(sent[::-1], sender)
    assert one.recv(65536) == sent[::-1]


def snmp(namespace: Namespace) -> dict:
    """The counters of a namespace."""
    with namespace:
        text = (PROC / "snmp").read_text("ascii")
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def sockets(namespace: Namespace) -> list:
    """The sockets of a namespace, each a dictionary by the header's names."""
    with namespace:
        header, *rows = (PROC / "sockets").read_text("ascii").splitlines()
    return [dict(zip(header.split(), row.split())) for row in rows]


def drain(on: bool):
    """net.kinet.drain, from any namespace"""
    with open("/proc/1/root/proc/sys/net/kinet/drain", "w", encoding="ascii") as file:
        file.write(str(int(on)))
