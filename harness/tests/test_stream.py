# SPDX-License-Identifier: GPL-2.0-only
"""Streams: both roles, three families, real peers."""

import errno
import socket
import threading

import pytest

from ksock import Device

pytestmark = pytest.mark.smoke

BOUND = 60      # seconds


@pytest.fixture
def device():
    with Device() as opened:
        yield opened


def listener_address(family, net):
    return {socket.AF_INET: (net.server.v4, 0), socket.AF_INET6: (net.server.v6, 0),
            socket.AF_UNIX: "\0ksocket-stream"}[family]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX],
                         ids=["inet", "inet6", "unix"])
def test_client_and_server(pair, device, family):
    """A kernel client and a kernel server talk, and each sees the other's end."""
    with pair.server:
        listener = device.socket(family)
        listener.bind(listener_address(family, pair))
        listener.listen()
        if family == socket.AF_UNIX:
            client = device.socket(family)
    if family != socket.AF_UNIX:
        with pair.client:
            client = device.socket(family)
    client.connect(listener.getsockname())
    server, peer = listener.accept()
    if family != socket.AF_UNIX:
        assert peer == client.getsockname()
        assert server.getpeername() == client.getsockname()
    assert client.getpeername() == listener.getsockname()
    assert client.send(b"ping") == 4
    assert server.recv(16) == b"ping"
    assert server.send(b"pong!") == 5
    assert client.recv_exactly(5) == b"pong!"
    client.shutdown(socket.SHUT_WR)
    assert server.recv(16) == b""
    client.close()
    server.close()
    listener.close()


def test_user_server(pair, device):
    """A kernel client is served by a process."""
    with pair.server:
        server = socket.create_server((pair.server.v4, 0))
    with server:
        with pair.client:
            client = device.socket()
        client.connect(server.getsockname())
        peer, address = server.accept()
        with peer:
            peer.settimeout(BOUND)
            assert address == client.getsockname()
            client.send(b"hello")
            assert peer.recv(16) == b"hello"
        assert client.recv(16) == b""


def test_refused(pair, device):
    """Nobody listens: ECONNREFUSED."""
    with pair.client:
        client = device.socket()
    with pytest.raises(OSError) as caught:
        client.connect((pair.server.v4, 9))
    assert caught.value.errno == errno.ECONNREFUSED


def test_close_wakes_a_blocked_recv(pair, device):
    """Closing makes a caller that is blocked in recv return EINTR."""
    with pair.server:
        server = socket.create_server((pair.server.v4, 0))
    with server:
        with pair.client:
            client = device.socket()
        client.connect(server.getsockname())
        results = []
        thread = threading.Thread(
            target=lambda: results.append(client.call("recv", data=bytes(4)).result))
        thread.start()
        client.close()
        thread.join(BOUND)
        # The caller may also come after the close.
        assert results[0] in (-errno.EINTR, -errno.ENOTSOCK)
