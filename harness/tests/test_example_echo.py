# SPDX-License-Identifier: GPL-2.0-only
"""echo_server, with bare sockets as its clients."""

import contextlib
import errno
import select
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

import kmod
from blocked import until
from examples import (BOUND, FAMILIES, PAGE, connect, exactly, example, fill, ksockets, listen,
                      load, reset, to_end, traffic)

PORT = 7


@pytest.fixture
def echod(pair):
    """echo_server in the server's namespace, on both families."""
    with example(pair.server, "echo_server", address="::", port=PORT):
        yield pair


def swap(sock, data) -> bytes:
    """Send data, and the end; return what comes meanwhile, to its end."""
    with ThreadPoolExecutor(1) as pool:
        pull = pool.submit(to_end, sock)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return pull.result(BOUND)


@pytest.mark.smoke
@FAMILIES
def test_echo_returns_everything(echod, family):
    """A megabyte comes back as it was sent, and then the end."""
    with connect(echod.client, getattr(echod.server, family), PORT) as sock:
        assert swap(sock, PAGE) == PAGE


def test_echo_answers_at_once(echod):
    """A line comes back before the next one is sent."""
    with connect(echod.client, echod.server.v4, PORT) as sock:
        for number in range(100):
            line = b"%d\n" % number
            sock.sendall(line)
            assert exactly(sock, len(line)) == line


def test_echo_ends_with_its_peer(echod):
    """Who sends nothing but the end gets the end."""
    with connect(echod.client, echod.server.v4, PORT) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    until(lambda: len(ksockets(echod.server)) == 1, "the listener to be alone")


def test_echo_holds_back(echod):
    """From a peer that doesn't read nothing more is received; once it reads, all comes."""
    with connect(echod.client, echod.server.v4, PORT) as sock:
        sent = fill(sock, PAGE[:4096])
        got = swap(sock, b"and the rest")
    assert len(got) == sent + 12
    assert got[:4096] == PAGE[:4096]
    assert got.endswith(b"and the rest")


def test_echo_serves_many(echod):
    """Fifty clients at once, each with its own bytes."""
    def one(number):
        data = PAGE[number:number + 50000]
        with connect(echod.client, echod.server.v6, PORT) as sock:
            return swap(sock, data) == data

    with ThreadPoolExecutor(100) as pool:
        assert all(pool.map(one, range(50), timeout=BOUND))


def test_echo_forgets_who_resets(echod):
    """A reset ends a connection that is idle, and one that waits for room."""
    idle, full = [connect(echod.client, echod.server.v4, PORT) for _ in range(2)]
    full.setblocking(False)
    while select.select([], [full], [], 1)[1]:
        full.send(PAGE[:65536])
    until(lambda: len(ksockets(echod.server)) == 3, "two connections beside the listener")
    for sock in (idle, full):
        reset(sock)
    until(lambda: len(ksockets(echod.server)) == 1, "the listener to be alone")


def test_echo_finds_its_port_taken(pair):
    with listen(pair.server, pair.server.v4, PORT):
        with pytest.raises(OSError) as caught:
            load(pair.server, "echo_server", address=pair.server.v4, port=PORT)
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.smoke
def test_echo_unloads_under_traffic(pair):
    """Idle, busy and stalled connections do not keep it; nobody listens afterwards."""
    address = pair.server.v4
    load(pair.server, "echo_server", address=address, port=PORT)
    with contextlib.ExitStack() as stack:
        idle, full, *busy = [stack.enter_context(connect(pair.client, address, PORT))
                             for _ in range(6)]
        full.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                full.send(PAGE[:65536])

        def step(sock):
            sock.sendall(PAGE[:5000])
            if len(exactly(sock, 5000)) < 5000:
                raise EOFError
        with traffic([lambda sock=sock: step(sock) for sock in busy]):
            kmod.unload("echo_server")
        with contextlib.suppress(ConnectionResetError):
            assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(pair.client, address, PORT)
