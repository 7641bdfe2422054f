# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the example modules share: loading, peers, traffic."""

import contextlib
import hashlib
import random
import select
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import kmod
from conftest import BUILD

BOUND = 60              # seconds; a guest under emulation with lockdep is slow
FAMILIES = pytest.mark.parametrize("family", ["v4", "v6"])
PAGE = random.Random(1).randbytes(1 << 20)


def load(namespace, name, /, **parameters):
    with namespace:
        kmod.load(BUILD / "examples" / f"{name}.ko", **parameters)


@contextlib.contextmanager
def example(namespace, name, /, **parameters):
    """An example that is loaded for a while."""
    load(namespace, name, **parameters)
    try:
        yield
    finally:
        kmod.unload(name)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(namespace, address, port):
    """A connected TCP socket, whose calls are bounded."""
    with namespace:
        sock = socket.socket(family_of(address), socket.SOCK_STREAM)
    sock.settimeout(BOUND)
    sock.connect((address, port))
    return sock


def listen(namespace, address, port=0):
    with namespace:
        return socket.create_server((address, port), family=family_of(address))


def accept(listener):
    listener.settimeout(BOUND)
    sock = listener.accept()[0]
    sock.settimeout(BOUND)
    return sock


def exactly(sock, length) -> bytes:
    """So many bytes, or what came before the end."""
    data = bytearray()
    while len(data) < length and (piece := sock.recv(length - len(data))):
        data += piece
    return bytes(data)


def to_end(sock) -> bytes:
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def fill(sock, piece: bytes) -> int:
    """As often as the other end takes it, who then holds back: how many bytes that was"""
    sock.setblocking(False)
    sent = 0
    # Writable again within two seconds means that it still reads.
    while select.select([], [sock], [], 2)[1]:
        sent += sock.send(piece)
        assert sent < 64 << 20
    sock.settimeout(BOUND)
    return sent


def reset(sock):
    """Close with an RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def ksockets(namespace) -> list:
    """The rows of the namespace's /proc/net/ksocket, as lists of words."""
    with namespace:
        text = Path("/proc/thread-self/net/ksocket").read_text("ascii")
    return [line.split() for line in text.splitlines()[1:]]


def digest(data) -> str:
    return hashlib.sha256(data).hexdigest()


def until_it_fails(step, going: threading.Semaphore):
    """Repeat step until its peer goes away; tell when it is under way."""
    with contextlib.suppress(OSError, EOFError):
        step()
        going.release()
        while True:
            step()


@contextlib.contextmanager
def traffic(steps):
    """Run each step over and over in a thread; end with their end."""
    going = threading.Semaphore(0)
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [pool.submit(until_it_fails, step, going) for step in steps]
        for _ in steps:
            assert going.acquire(timeout=BOUND), [job.done() for job in running]
        yield
        for job in running:
            job.result(BOUND)
