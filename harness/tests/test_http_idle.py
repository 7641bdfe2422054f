# SPDX-License-Identifier: GPL-2.0-only
"""http_server with ten thousand idle connections: they cost their memory, and no thread."""

import contextlib
import os
import resource
import socket
from pathlib import Path

import pytest

from blocked import until
from examples import example, ksockets

COUNT = 2000 if os.environ["KSOCKET_KERNEL"] == "uml" else 10000
PORT = 8080
REQUEST = b"GET /bytes/10 HTTP/1.1\r\nHost: x\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + bytes(range(33, 43))
EACH = 32 << 10         # bytes that a connection may cost, with both of its ends


@pytest.fixture
def many_files():
    """Let this process have a descriptor for every connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = COUNT + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def tasks() -> list:
    """The names of all tasks."""
    names = []
    for path in Path("/proc").glob("[0-9]*/task/*/comm"):
        with contextlib.suppress(OSError):      # it may just have ended
            names.append(path.read_text("utf-8").strip())
    return sorted(names)


def workers(names) -> int:
    """Those that all work items of the kernel share."""
    return sum(name.startswith("kworker") for name in names)


def others(names) -> list:
    return [name for name in names if not name.startswith("kworker")]


def used() -> int:
    """Bytes of memory that nobody could have."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return (kilobytes["MemTotal"] - kilobytes["MemFree"] - kilobytes["Cached"]) << 10


def ask(sock):
    sock.sendall(REQUEST)
    assert sock.recv(1000) == REPLY


def test_idle_connections_cost_no_thread(pair, many_files, capsys):
    """Each makes a request, all are idle, each makes another one, and all are closed."""
    with example(pair.server, "http_server", address=pair.server.v4, port=PORT, idle=3600), \
            contextlib.ExitStack() as stack:
        before, memory = tasks(), used()
        socks = []
        with pair.client:
            for _ in range(COUNT):
                sock = stack.enter_context(socket.create_connection((pair.server.v4, PORT)))
                ask(sock)
                socks.append(sock)
        assert len(ksockets(pair.server)) == COUNT + 1
        after = tasks()
        cost = (used() - memory) // COUNT
        with capsys.disabled():
            print(f" {COUNT} idle connections: {cost} bytes each, with both ends; "
                  f"{workers(after)} kworkers in all ", end="")
        assert others(after) == others(before)
        assert workers(after) < 200
        assert cost < EACH
        for sock in socks:
            ask(sock)
        assert len(ksockets(pair.server)) == COUNT + 1
        # One half is closed by the peer, the other half by the unload.
        for sock in socks[::2]:
            sock.close()
        until(lambda: len(ksockets(pair.server)) == COUNT - COUNT // 2 + 1, "half of them to end")
    assert ksockets(pair.server) == []
