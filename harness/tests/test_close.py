# SPDX-License-Identifier: GPL-2.0-only
"""Closing: what callers who are blocked get, what the peer gets."""

import array
import errno
import fcntl
import socket
import struct
import subprocess
import termios

import pytest

from blocked import BOUND, Blocked, until
from ksock import NULL_DONE, Device

LINGER_NOW = struct.pack("=ii", 1, 0)


@pytest.fixture
def device():
    with Device() as opened:
        yield opened


def connected(net, device):
    """A ksocket in the client's namespace, and the process's end of it."""
    with net.server, socket.create_server((net.server.v4, 0)) as server:
        with net.client:
            sock = device.socket()
        sock.connect(server.getsockname())
        peer = server.accept()[0]
    peer.settimeout(BOUND)
    return sock, peer


def fill(sock):
    """Send until no more goes, without blocking."""
    try:
        while sock.send(bytes(65536), socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        pass


def unix_listener(device, name, backlog=0):
    listener = device.socket(socket.AF_UNIX)
    listener.bind(name)
    listener.listen(backlog)
    return listener


def blocked_recv(net, device):
    sock, peer = connected(net, device)
    return sock, Blocked(sock, "recv", data=bytes(8)), peer


def blocked_send(net, device):
    sock, peer = connected(net, device)
    fill(sock)
    # All or an error: a part may have gone before it blocked.
    return sock, Blocked(sock, "send", data=bytes(1 << 20), null=NULL_DONE), peer


def blocked_accept(net, device):
    with net.client:
        sock = device.socket()
    sock.bind(("0.0.0.0", 0))
    sock.listen()
    return sock, Blocked(sock, "accept", addrlen=128), None


def blocked_connect(net, device):
    # The neighbour does not exist: SYNs wait for an address that never comes.
    with net.client:
        sock = device.socket()
    return sock, Blocked(sock, "connect", address=("10.1.0.99", 9)), None


def blocked_udp_recv(net, device):
    with net.client:
        sock = device.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return sock, Blocked(sock, "recvfrom", data=bytes(8), addrlen=128), None


def blocked_unix_recv(net, device):
    listener = unix_listener(device, "\0close-recv")
    sock = device.socket(socket.AF_UNIX)
    sock.connect("\0close-recv")
    return sock, Blocked(sock, "recv", data=bytes(8)), listener.accept()


def blocked_unix_accept(net, device):
    sock = unix_listener(device, "\0close-accept")
    return sock, Blocked(sock, "accept", addrlen=128), None


def blocked_unix_connect(net, device):
    listener = unix_listener(device, "\0close-connect")
    first = device.socket(socket.AF_UNIX)
    first.connect("\0close-connect")
    sock = device.socket(socket.AF_UNIX)
    return sock, Blocked(sock, "connect", address="\0close-connect"), (listener, first)


def blocked_unix_dgram_send(net, device):
    peer = device.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    peer.bind("\0close-dgram")
    sock = device.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.connect("\0close-dgram")
    try:
        while True:
            sock.send(b"x", socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass
    return sock, Blocked(sock, "send", data=b"x"), peer


def blocked_packet_recv(net, device):
    """A family whose shutdown is not supported."""
    with net.client:
        sock = device.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    return sock, Blocked(sock, "recv", data=bytes(8)), None


VSOCK, LOCAL, ANY = 40, 1, 0xffffffff       # AF_VSOCK; its loopback's number, and any


def blocked_vsock_accept(_net, device):
    """A family whose accept hears of no shutdown."""
    # Some kernels have it built in.
    subprocess.run(["modprobe", "-q", "vsock_loopback"], check=False, timeout=60)
    sock = device.socket(VSOCK)
    sock.bind(struct.pack("=HHIIB3x", VSOCK, 0, ANY, LOCAL, 0))
    sock.listen()
    return sock, Blocked(sock, "accept", addrlen=128), None


def blocked_netlink_recv(_net, device):
    sock = device.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    return sock, Blocked(sock, "recv", data=bytes(8)), None


CASES = [blocked_recv, blocked_send, blocked_accept, blocked_connect, blocked_udp_recv,
         blocked_unix_recv, blocked_unix_accept, blocked_unix_connect,
         blocked_unix_dgram_send, blocked_packet_recv, blocked_vsock_accept,
         blocked_netlink_recv]


@pytest.mark.smoke
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_close_interrupts(pair, device, case):
    """A blocked caller gets EINTR, and the close waits for no more than that."""
    sock, call, _peers = case(pair, device)
    sock.close()
    assert call.result() == -errno.EINTR


@pytest.mark.smoke
def test_close_interrupts_all_callers(pair, device):
    """Two who receive and two who send: all come back before the close does."""
    sock, peer = connected(pair, device)
    fill(sock)
    calls = [Blocked(sock, "recv", data=bytes(8)), Blocked(sock, "recv", data=bytes(8)),
             Blocked(sock, "send", data=bytes(1 << 20), null=NULL_DONE),
             Blocked(sock, "send", data=bytes(1 << 20), null=NULL_DONE)]
    sock.close()
    assert [call.result() for call in calls] == [-errno.EINTR] * 4
    peer.close()


def test_close_sends_everything(pair, device):
    """What was sent before the close arrives, and then the end of file."""
    sock, peer = connected(pair, device)
    data = bytes(range(256)) * 4096
    sent = sock.send(data, socket.MSG_DONTWAIT)
    sock.close()
    got = b""
    while part := peer.recv(1 << 20):
        got += part
    assert got == data[:sent]


def test_close_with_unread_data_resets(pair, device):
    """Data that nobody read is lost: the peer must know (RFC 9293, 3.6)."""
    sock, peer = connected(pair, device)
    peer.send(b"unread")
    until(lambda: sock.ioctl(termios.FIONREAD) == 6, "the data to arrive")
    sock.close()
    with pytest.raises(ConnectionResetError):
        peer.recv(8)


@pytest.mark.parametrize("blocked", [False, True], ids=["idle", "with-a-blocked-caller"])
def test_linger_zero_is_a_pure_reset(pair, device, blocked):
    """SO_LINGER with time 0: the peer sees a reset and no end of file before."""
    sock, peer = connected(pair, device)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    call = Blocked(sock, "recv", data=bytes(8)) if blocked else None
    sock.close()
    with pytest.raises(ConnectionResetError):
        peer.recv(8)
    if call:
        assert call.result() == -errno.EINTR


def test_linger_waits_for_the_peer(link, device):
    """SO_LINGER with a time: when the close returns, the peer has everything."""
    sock, peer = connected(link(delay="50ms"), device)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, BOUND))
    assert sock.send(bytes(30000)) == 30000
    sock.close()
    queued = array.array("i", [0])
    fcntl.ioctl(peer.fileno(), termios.FIONREAD, queued)
    assert queued[0] == 30000


@pytest.mark.smoke
def test_closed_listener_resets_those_who_wait(pair, device):
    """Connections that were never accepted end with their listener."""
    with pair.server:
        listener = device.socket()
    listener.bind((pair.server.v4, 0))
    listener.listen()
    with pair.client, socket.create_connection(listener.getsockname(), BOUND) as peer:
        until(lambda: listener.poll() & 1, "the connection to be queued")
        listener.close()
        with pytest.raises(ConnectionResetError):
            peer.recv(8)


@pytest.mark.smoke
def test_held_handle_says_closed(device):
    """A held handle outlives its socket: every call says ENOTSOCK."""
    sock = device.socket()
    sock.hold()
    sock.close()
    for op in ("bind", "listen", "accept", "connect", "shutdown", "getsockname", "send",
               "recv", "sendmsg", "recvmsg", "setsockopt", "getsockopt", "ioctl", "close"):
        assert sock.call(op, addrlen=16).result == -errno.ENOTSOCK, op
    sock.rele()
