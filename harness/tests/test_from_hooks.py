# SPDX-License-Identifier: GPL-2.0-only
"""The two modules of docs/from-hooks.md do the same."""

import contextlib
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

import kmod
from blocked import until
from conftest import BUILD
from examples import BOUND, connect, exactly, reset

PORT = 7007
RECORD = struct.Struct("!QQ")


@contextlib.contextmanager
def loaded(namespace, name):
    with namespace:
        kmod.load(BUILD / f"docs/from-hooks/{name}.ko", port=PORT)
    try:
        yield
    finally:
        kmod.unload(name)


@pytest.fixture(params=["tally", "tally_raw"])
def tally(request, pair):
    if not (BUILD / f"docs/from-hooks/{request.param}.ko").exists():
        pytest.skip("it is written for 6.12")
    # A send buffer that doesn't grow is full at a known amount.
    pair.server.sysctl("net.ipv4.tcp_wmem", "4096 16384 16384")
    with loaded(pair.server, request.param):
        yield pair


def ask(sock, numbers) -> list:
    """Send so many requests in one piece; the answers, as they come."""
    sock.sendall(b"".join(RECORD.pack(i, n) for i, n in enumerate(numbers)))
    return [RECORD.unpack(exactly(sock, RECORD.size)) for _ in numbers]


def sums(numbers) -> list:
    return [(i, sum(numbers[:i + 1])) for i in range(len(numbers))]


@pytest.mark.smoke
def test_sums(tally):
    with connect(tally.client, tally.server.v4, PORT) as sock:
        assert ask(sock, [5]) == [(0, 5)]
        assert ask(sock, [1, 2, 3]) == [(0, 6), (1, 8), (2, 11)]


def test_a_request_in_pieces(tally):
    with connect(tally.client, tally.server.v4, PORT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in RECORD.pack(1, 2):
            sock.sendall(bytes([byte]))
        assert exactly(sock, RECORD.size) == RECORD.pack(1, 2)


def test_each_connection_has_its_sum(tally):
    numbers = list(range(200))

    def one(_):
        with connect(tally.client, tally.server.v4, PORT) as sock:
            return ask(sock, numbers)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(20))) == [sums(numbers)] * 20


def test_who_reads_late_gets_all(tally):
    """More answers than the buffers hold: the service waits for room, and goes on."""
    numbers = [1] * 10000
    data = b"".join(RECORD.pack(i, n) for i, n in enumerate(numbers))
    with narrow(tally) as sock, ThreadPoolExecutor(1) as pool:
        push = pool.submit(sock.sendall, data)
        samples = []
        until(lambda: stuck(samples, queues(tally.server)), "the service to stop receiving")
        got = exactly(sock, len(data))
        push.result(BOUND)
    assert got == b"".join(RECORD.pack(i, i + 1) for i in range(len(numbers)))


def narrow(pair) -> socket.socket:
    """A client with room for little, in both directions."""
    with pair.client:
        sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sock.settimeout(BOUND)
    sock.connect((pair.server.v4, PORT))
    return sock


def stuck(samples, now) -> bool:
    """The service has answers that nobody takes, and goes on leaving requests where they are."""
    samples.append(now)
    full = any(unsent and unread for unsent, unread in now)
    return full and len(samples) > 20 and samples[-20:] == [now] * 20


def queues(namespace) -> list:
    """Bytes not acknowledged and bytes not received, of each of its connections."""
    with namespace, open("/proc/thread-self/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return [tuple(int(n, 16) for n in row[4].split(":")) for row in rows if row[3] == "01"]


def listeners(namespace) -> list:
    with namespace, open("/proc/thread-self/net/tcp", encoding="ascii") as file:
        return [row for row in (line.split() for line in file) if row[3] == "0A"]


def test_ends_with_its_peers(tally):
    """By an end and by a reset; and the next one is served."""
    with connect(tally.client, tally.server.v4, PORT) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    sock = connect(tally.client, tally.server.v4, PORT)
    assert ask(sock, [1]) == [(0, 1)]
    reset(sock)
    until(lambda: not queues(tally.server), "both connections to be closed")
    with connect(tally.client, tally.server.v4, PORT) as sock:
        assert ask(sock, [7]) == [(0, 7)]


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["tally", "tally_raw"])
def test_leaves_while_in_use(pair, name):
    if not (BUILD / f"docs/from-hooks/{name}.ko").exists():
        pytest.skip("it is written for 6.12")
    with loaded(pair.server, name):
        sock = connect(pair.client, pair.server.v4, PORT)
        assert ask(sock, [1]) == [(0, 1)]
    with sock:
        assert sock.recv(1) == b""
    assert not listeners(pair.server)
