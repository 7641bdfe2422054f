# SPDX-License-Identifier: GPL-2.0-only
"""net.kinet.mem: what all buffers together may have, and what is left when they have it.

The kernel counts memory in steps of a megabyte for each CPU.
"""

import contextlib
import socket
from pathlib import Path

import pytest

import kinet
from blocked import until
from peers import inet_family
from streams import Streams, exchange, pass_on, pattern, receive, set_option
from threads import meanwhile

MEM = Path("/proc/sys/net/kinet/mem")
PAGES = 256                 # of a megabyte
PLENTY = 1 << 20
SO_RCVBUFFORCE = 33
LARGE = 32 << 20            # bytes, of a buffer that is not what bounds
MANY = 8_000_000            # bytes, more than what counts as pressure on two CPUs


@contextlib.contextmanager
def memory(*pages):
    """As if there were no more"""
    before = MEM.read_text("ascii")
    MEM.write_text(" ".join(map(str, pages)), "ascii")
    try:
        yield
    finally:
        MEM.write_text(before, "ascii")


def counted(end, name) -> int:
    return kinet.snmp(end)[name]


@pytest.fixture(name="made")
def _made(pair):
    """Connections from the host's sockets to ours"""
    with Streams(pair.client, pair.server, ("stock", "ours")) as made:
        yield made


def grown(made) -> bool:
    """Whether a receive buffer grows with what is read"""
    one, other = made.connection()
    before = other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    pass_on(one, other, MANY)
    return other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > before


def test_pressure(pair, made):
    """Buffers don't grow and windows are small until what waits is read."""
    one, other = made.connection()
    set_option(other, SO_RCVBUFFORCE, LARGE)
    before = counted(pair.server, "MemoryPressure")
    with memory(PAGES, 2 * PAGES, PLENTY), meanwhile(one.sendall, pattern(MANY)):
        until(lambda: counted(pair.server, "MemoryPressure") > before, "memory to be short")
        assert not grown(made)
        assert receive(other, MANY) == pattern(MANY)
        until(lambda: grown(made), "memory to be there again")


@inet_family
def test_no_more(pair, made, family):
    """Then datagrams are dropped, and streams receive, a segment at a time."""
    full = made.ours(pair.server, family)
    sender = made.stock(pair.client, family)
    one, two = made.connection(family)
    set_option(full, SO_RCVBUFFORCE, LARGE)
    with memory(1, 1, 2):
        def dropped():
            sender.sendto(bytes(1000), full.getsockname())
            return counted(pair.server, "DropNoMemory")
        until(dropped, "memory to be used up")
        pass_on(one, two, 100_000)
        full.close()
    exchange(*made.connection(family), 100_000)
