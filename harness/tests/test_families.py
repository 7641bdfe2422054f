# SPDX-License-Identifier: GPL-2.0-only
"""Other types and families: whatever the kernel has is used by the same calls."""

import errno
import socket
import struct

import pytest

from blocked import BOUND, until
from checksum import checksum
from ksock import NULL_DONE, VSOCK
from peers import INET, INET6, SEQPACKET, UNIX, load_vsock, name, where

pytestmark = pytest.mark.smoke

RAW = socket.SOCK_RAW
LOCAL, ANY = 1, 0xffffffff      # AF_VSOCK: its loopback's number, and any port


# --- AF_UNIX sequenced packets

@pytest.fixture
def packets(ends):
    """A connected SOCK_SEQPACKET ksocket and its peer."""
    with ends.net.server:
        listener = ends.enter_context(socket.socket(UNIX, SEQPACKET))
    listener.bind(name())
    listener.listen()
    sock = ends.ksocket(UNIX, SEQPACKET)
    sock.connect(where(listener))
    return sock, ends.accepted(listener)


def test_packets_keep_their_boundaries(packets):
    """A connection that keeps messages apart, and ends."""
    sock, peer = packets
    for data in (b"one", b"three", b"x" * 5000):
        sock.send(data)
        peer.send(data)
    for data in (b"one", b"three", b"x" * 5000):
        assert peer.recv(6000) == data
        assert sock.recv(6000) == data
    peer.close()
    assert sock.recv(8) == b""


def test_packet_is_cut(packets):
    """Room too small: the rest is lost, MSG_TRUNC tells; all-or-error says EMSGSIZE."""
    sock, peer = packets
    for _ in range(2):
        peer.send(b"too long")
    peer.send(b"next")
    done = sock.recvmsg(3)
    assert (done.data, done.call.msg_flags & socket.MSG_TRUNC) == (b"too", socket.MSG_TRUNC)
    assert sock.call("recv", data=bytes(3), null=NULL_DONE).result == -errno.EMSGSIZE
    assert sock.recv(8) == b"next"


def test_packet_server(ends):
    """The listening end."""
    listener = ends.ksocket(UNIX, SEQPACKET)
    listener.bind(name())
    listener.listen()
    client = ends.user(UNIX, SEQPACKET)
    client.connect(listener.getsockname())
    sock, _address = listener.accept()
    client.send(b"hello")
    assert sock.recv(8) == b"hello"


# --- files of AF_UNIX

def test_socket_file(ends, tmp_path):
    """A name in the file system, which stays when the socket is gone."""
    path = str(tmp_path / "listener")
    listener = ends.ksocket(UNIX)
    listener.bind(path)
    listener.listen()
    assert listener.getsockname() == path
    client = ends.user(UNIX)
    client.connect(path)
    sock, _address = listener.accept()
    client.send(b"hello")
    assert sock.recv(8) == b"hello"
    listener.close()
    assert ends.ksocket(UNIX).call("connect", address=path).result == -errno.ECONNREFUSED
    assert ends.ksocket(UNIX).call("bind", address=path).result == -errno.EADDRINUSE


# --- raw

def raw(ends, family, protocol):
    with ends.net.client:
        sock = ends.device.socket(family, RAW, protocol)
    sock.setsockopt(socket.SOL_SOCKET, 66, struct.pack("=qq", BOUND, 0))    # SO_RCVTIMEO
    return sock


def test_ping(ends):
    """A raw socket sends an ICMP echo request and hears the reply."""
    sock = raw(ends, INET, socket.IPPROTO_ICMP)
    echo = struct.pack("!BBHHH", 8, 0, 0, 0x6b73, 1) + b"anybody there?"
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
    sock.sendto(echo, (ends.net.server.v4, 0))
    data, address = sock.recvfrom(128)
    assert address == (ends.net.server.v4, 0)
    assert data[20:21] + data[24:] == b"\0" + echo[4:]      # after the IP header


def test_ping6(ends):
    """The kernel writes the checksum of ICMPv6."""
    sock = raw(ends, INET6, socket.IPPROTO_ICMPV6)
    echo = struct.pack("!BBHHH", 128, 0, 0, 0x6b73, 1) + b"anybody there?"
    sock.sendto(echo, (ends.net.server.v6, 0))
    # Neighbours talk on ICMPv6, too.
    data, address = until(lambda: next(
        ((d, a) for d, a in [sock.recvfrom(128)] if d[0] == 129), None), "the reply")
    assert (data[4:], address[0]) == (echo[4:], ends.net.server.v6)


def test_frames(ends):
    """A packet socket hears what comes in on a device."""
    with ends.net.client:
        index = socket.if_nametoindex("eth")
        sock = ends.device.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    sock.bind(struct.pack("=H", socket.AF_PACKET) + struct.pack("!H", 0x0800) +
              struct.pack("=i", index) + bytes(12))
    ends.user(INET, socket.SOCK_DGRAM).sendto(b"in a frame", (ends.net.client.v4, 9))

    def heard():
        done = sock.recvmsg(128)
        return done.data[:done.count] if b"in a frame" in done.data else None
    frame = until(heard, "the frame")
    assert frame[0] >> 4 == 4 and frame.endswith(b"in a frame")


# --- AF_VSOCK over its loopback

@pytest.fixture
def vsock(device):
    """AF_VSOCK with its loopback transport."""
    load_vsock()
    return device


def test_vsock_client(vsock):
    """A process serves a ksocket."""
    with socket.socket(VSOCK, socket.SOCK_STREAM) as server:
        server.bind((LOCAL, ANY))
        server.listen()
        sock = vsock.socket(VSOCK)
        sock.connect((LOCAL, server.getsockname()[1]))
        with server.accept()[0] as peer:
            peer.settimeout(BOUND)
            sock.send(b"hello")
            assert peer.recv(8) == b"hello"
            peer.send(b"back")
            assert sock.recv(8) == b"back"
        assert sock.recv(8) == b""
        sock.close()


def test_vsock_server(vsock):
    """A ksocket serves a process."""
    listener = vsock.socket(VSOCK)
    listener.bind((LOCAL, ANY))
    listener.listen()
    with socket.socket(VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(BOUND)
        client.connect(listener.getsockname())
        sock, _address = listener.accept()
        client.send(b"hello")
        assert sock.recv(8) == b"hello"
        sock.send(b"back")
        assert client.recv(8) == b"back"
        sock.close()
        assert client.recv(8) == b""
    listener.close()


def test_vsock_nobody(vsock):
    """Nobody listens: vsock says ECONNRESET."""
    sock = vsock.socket(VSOCK)
    assert sock.call("connect", address=(LOCAL, 9)).result == -errno.ECONNRESET
