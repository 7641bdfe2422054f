# SPDX-License-Identifier: GPL-2.0-only
"""The networks themselves, by ordinary sockets: what they promise holds."""

import socket
import threading

import pytest

pytestmark = pytest.mark.smoke

BOUND = 60      # seconds; a guest under emulation with lockdep is slow


def fetch(net, address: str, data: bytes) -> bytes:
    """Send data from the server to the client over TCP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with net.server:
        listener = socket.create_server((address, 0), family=family)
    with net.client:
        client = socket.socket(family, socket.SOCK_STREAM)
    with listener, client:
        client.settimeout(BOUND)
        client.connect((address, listener.getsockname()[1]))
        server = listener.accept()[0]
        thread = threading.Thread(target=push, args=(server, data))
        thread.start()
        got = b""
        while part := client.recv(65536):
            got += part
        thread.join(BOUND)
        return got


def push(sock, data: bytes):
    with sock:
        sock.settimeout(BOUND)
        sock.sendall(data)


def test_pair_v4(pair):
    """Two namespaces reach each other by IPv4."""
    assert fetch(pair, pair.server.v4, b"hello") == b"hello"


def test_pair_v6(pair):
    """Two namespaces reach each other by IPv6, at once."""
    assert fetch(pair, pair.server.v6, b"hello") == b"hello"


def test_routed(routed):
    """Two networks reach each other through the router."""
    assert fetch(routed, routed.server.v4, b"four") == b"four"
    assert fetch(routed, routed.server.v6, b"six") == b"six"


def test_impaired_link(link):
    """A stream survives a wire that loses, delays, reorders, doubles, corrupts."""
    net = link(delay="5ms", loss="1%", reorder="10%", duplicate="1%", corrupt="0.1%")
    data = bytes(range(256)) * 512
    assert fetch(net, net.server.v4, data) == data


def test_namespaces_are_apart(pair):
    """What listens in one namespace is not there in the other."""
    with pair.server:
        listener = socket.create_server(("127.0.0.1", 0))
    with listener, pair.client:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname(), BOUND)
