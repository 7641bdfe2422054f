# SPDX-License-Identifier: GPL-2.0-only
"""kinet's sockets from Python, and what /proc tells of them.

A kinet socket is one of Python's own, of AF_INET or AF_INET6: only the domain
that socket(2) was given is another.
"""

import ctypes
import os
import socket
from pathlib import Path

from topology import Namespace

PROC = Path("/proc/thread-self/net/kinet")
PROTO_DGRAM, PROTO_RAW = 258, 259
SOL_KINET, RAW_PROTOCOL = 0x6b6e, 1

_libc = ctypes.CDLL(None, use_errno=True)


def families() -> dict:
    """The numbers: {AF_INET: 22, AF_INET6: 25}"""
    told = dict(line.split() for line in (PROC / "families").read_text("ascii").splitlines())
    return {socket.AF_INET: int(told["PF_KINET"]), socket.AF_INET6: int(told["PF_KINET6"])}


def open_socket(family, kind=socket.SOCK_DGRAM, protocol=0, domain=None) -> socket.socket:
    """A kinet socket in this thread's namespace; domain: another number for socket(2)"""
    number = families()[family] if domain is None else domain
    descriptor = _libc.socket(int(number), int(kind), protocol)
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return socket.socket(family, kind, protocol, fileno=descriptor)


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
