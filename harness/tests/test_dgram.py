# SPDX-License-Identifier: GPL-2.0-only
"""Datagrams: boundaries, addresses, and what becomes of those that don't arrive."""

import errno
import select
import socket

import pytest

from blocked import Blocked, until
from ksock import NULL_DATA, NULL_DONE
from peers import (DGRAM, INET, INET6, KINET, KINET6, UNIX, any_inet, every_family, name,
                   where)

pytestmark = pytest.mark.smoke

NO_ADDRESS = bytes(16)      # AF_UNSPEC


def apart(ends, family):
    """A bound ksocket and a bound peer, not connected."""
    sock = ends.ksocket(family, DGRAM)
    sock.bind(ends.address(family, ends.net.client))
    peer = ends.user(family, DGRAM)
    peer.bind(ends.address(family))
    return sock, peer


def sender(address):
    """A sender's address as ksockets tell it."""
    return address.decode() if isinstance(address, bytes) else address


@every_family
def test_each_knows_the_sender(ends, family):
    """There and back by the sender's address."""
    sock, peer = apart(ends, family)
    assert sock.sendto(b"ping", where(peer)) == 4
    data, address = peer.recvfrom(16)
    assert (data, sender(address)) == (b"ping", sock.getsockname())
    peer.sendto(b"pong!", address)
    assert sock.recvfrom(16) == (b"pong!", where(peer))


@every_family
def test_two_ksockets(ends, family):
    """No process is needed."""
    one, other = ends.ksocket(family, DGRAM), ends.ksocket(family, DGRAM, end=ends.net.server)
    one.bind(ends.address(family, ends.net.client))
    other.bind(ends.address(family))
    one.sendto(b"hello", other.getsockname())
    assert other.recvfrom(16) == (b"hello", one.getsockname())


@every_family
def test_boundaries(ends, family):
    """A datagram is received as it was sent, in this order."""
    sock, peer = ends.dgram(family)
    sizes = (1, 0, 1000, 7, 0)
    for size in sizes:
        assert sock.send(bytes(size)) == size
    assert [len(peer.recv(2000)) for _ in sizes] == list(sizes)
    for size in sizes:
        peer.send(bytes(size))
    assert [len(sock.recv(2000)) for _ in sizes] == list(sizes)


@every_family
def test_nothing_is_a_datagram_too(ends, family):
    """Without a buffer a datagram of no bytes is sent, and received with its sender."""
    sock, peer = ends.dgram(family)
    for null in (NULL_DATA, NULL_DATA | NULL_DONE):
        assert sock.call("send", null=null).result == 0
        assert peer.recv(16) == b""
        peer.send(b"")
        done = sock.call("recvfrom", addrlen=128, null=null).check()
        assert (done.count, done.address) == (0, where(peer))


@pytest.mark.parametrize("family, longest", [(INET, 65507), (INET6, 65527),
                                             (KINET, 65507), (KINET6, 65527)],
                         ids=["inet", "inet6", "kinet", "kinet6"])
def test_longest_datagram(ends, family, longest):
    """RFC 768's length field has 16 bits: one byte more is EMSGSIZE."""
    sock, peer = ends.dgram(family)
    data = bytes(range(256)) * 256
    done = sock.call("send", data=data[:longest + 1])
    assert (done.result, done.count) == (-errno.EMSGSIZE, 0)
    assert sock.send(data[:longest]) == longest
    assert peer.recv(65536) == data[:longest]
    peer.send(data[:longest])
    assert sock.recv(65536) == data[:longest]


def test_unix_datagram_beyond_the_buffer(ends):
    """unix(7) gives no other bound than the send buffer: EMSGSIZE."""
    sock, peer = ends.dgram(UNIX)
    sndbuf = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert sock.call("send", data=bytes(sndbuf)).result == -errno.EMSGSIZE
    assert sock.send(bytes(sndbuf // 2)) == sndbuf // 2
    assert len(peer.recv(sndbuf)) == sndbuf // 2


@every_family
def test_room_too_small(ends, family):
    """The beginning is stored, the rest is lost; recvmsg and MSG_TRUNC tell."""
    sock, peer = ends.dgram(family)
    for data in (b"first", b"second", b"12345"):
        peer.send(data)
    assert sock.recv(3) == b"fir"
    done = sock.recvmsg(3)
    assert (done.data, done.count, done.call.msg_flags & socket.MSG_TRUNC) == (
        b"sec", 3, socket.MSG_TRUNC)
    done = sock.call("recv", data=bytes(3), a=socket.MSG_TRUNC).check()
    assert (done.data, done.count) == (b"123", 5)


@every_family
def test_whole_message_is_not_cut(ends, family):
    """MSG_TRUNC is said of cut messages only."""
    sock, peer = ends.dgram(family)
    peer.send(b"hello")
    assert not sock.recvmsg(5).call.msg_flags & socket.MSG_TRUNC


@every_family
def test_peek_takes_nothing(ends, family):
    """MSG_PEEK as often as one likes, then the datagram, then the next."""
    sock, peer = ends.dgram(family)
    peer.send(b"hello")
    peer.send(b"again")
    for _ in range(3):
        assert sock.recv(16, socket.MSG_PEEK) == b"hello"
    assert sock.recv(16) == b"hello"
    assert sock.recv(16) == b"again"


# --- connected, and not

@every_family
def test_connected_hears_its_peer_only(ends, family):
    """connect(2): the only address from which datagrams are received."""
    sock, peer = ends.dgram(family)
    stranger = ends.user(family, DGRAM)
    stranger.bind(ends.address(family))
    if family == UNIX:
        with pytest.raises(PermissionError):
            stranger.sendto(b"stranger", sock.getsockname())
    else:
        stranger.sendto(b"stranger", sock.getsockname())
    peer.send(b"peer")
    assert sock.recvfrom(16) == (b"peer", where(peer))
    assert sock.call("recv", data=bytes(16), a=socket.MSG_DONTWAIT).result == -errno.EAGAIN


@every_family
def test_connected_can_send_elsewhere(ends, family):
    """An address in sendto comes before the one connected to."""
    sock, peer = ends.dgram(family)
    other = ends.user(family, DGRAM)
    other.bind(ends.address(family))
    sock.sendto(b"other", where(other))
    sock.send(b"peer")
    assert other.recv(16) == b"other"
    assert peer.recv(16) == b"peer"


@every_family
def test_connect_elsewhere(ends, family):
    """A datagram socket may be connected again."""
    sock, peer = ends.dgram(family)
    other = ends.user(family, DGRAM)
    other.bind(ends.address(family))
    sock.connect(where(other))
    assert sock.getpeername() == where(other)
    sock.send(b"hello")
    assert other.recv(16) == b"hello"
    peer.setblocking(False)
    with pytest.raises((BlockingIOError, ConnectionResetError)):
        peer.recv(16)


@every_family
def test_disconnect(ends, family):
    """AF_UNSPEC dissolves the association."""
    sock, peer = apart(ends, family)
    sock.connect(where(peer))
    sock.connect(NO_ADDRESS)
    assert sock.call("getpeername", addrlen=128).result == -errno.ENOTCONN
    expected = errno.ENOTCONN if family == UNIX else errno.EDESTADDRREQ
    assert sock.call("send", data=b"x").result == -expected
    sock.sendto(b"hello", where(peer))
    assert peer.recv(16) == b"hello"


@every_family
def test_nowhere_to_send(ends, family):
    """udp(7), send(2): not connected, and no address."""
    sock = ends.ksocket(family, DGRAM)
    expected = errno.ENOTCONN if family == UNIX else errno.EDESTADDRREQ
    done = sock.call("send", data=b"x")
    assert (done.result, done.count) == (-expected, 0)


# --- datagrams that nobody takes

def refused(ends, family):
    """A ksocket connected to a port where nobody is."""
    sock, peer = ends.dgram(family)
    peer.close()
    sock.send(b"anybody?")
    until(lambda: sock.poll() & select.POLLERR, "the answer by ICMP")
    return sock


@any_inet
@pytest.mark.parametrize("op", ["send", "recv"])
def test_port_unreachable(ends, family, op):
    """udp(7): the next call on a connected socket says ECONNREFUSED, once."""
    sock = refused(ends, family)
    assert sock.call(op, data=b"x").result == -errno.ECONNREFUSED
    assert sock.call("recv", data=b"x", a=socket.MSG_DONTWAIT).result in (
        -errno.EAGAIN, -errno.ECONNREFUSED if op == "send" else -errno.EAGAIN)


@any_inet
def test_port_unreachable_wakes_the_receiver(ends, family):
    """A receiver that waits is told."""
    sock, peer = ends.dgram(family)
    peer.close()
    call = Blocked(sock, "recv", data=bytes(8))
    sock.send(b"anybody?")
    assert call.result() == -errno.ECONNREFUSED


@any_inet
def test_refusal_is_an_option_too(ends, family):
    """SO_ERROR tells and takes it."""
    sock = refused(ends, family)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert not sock.poll() & select.POLLERR


def test_unix_peer_that_left(ends):
    """AF_UNIX knows at once."""
    sock, peer = ends.dgram(UNIX)
    peer.close()
    done = sock.call("send", data=b"x")
    assert (done.result, done.count) == (-errno.ECONNREFUSED, 0)
    assert sock.call("sendto", data=b"x", address=name()).result == -errno.ECONNREFUSED


def test_broadcast_must_be_asked_for(ends):
    """ip(7): EACCES without SO_BROADCAST; with it, it arrives."""
    sock = ends.ksocket(INET, DGRAM)
    peer = ends.user(INET, DGRAM)
    peer.bind(("", 0))
    address = ("10.1.0.255", peer.getsockname()[1])
    assert sock.call("sendto", data=b"x", address=address).result == -errno.EACCES
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.sendto(b"all", address)
    assert peer.recv(16) == b"all"


def test_no_route(ends):
    """ip(7): ENETUNREACH."""
    sock = ends.ksocket(INET, DGRAM)
    assert sock.call("sendto", data=b"x", address=("192.0.2.1", 9)).result == -errno.ENETUNREACH
    assert sock.call("connect", address=("192.0.2.1", 9)).result == -errno.ENETUNREACH


@every_family
def test_receive_after_shutdown(ends, family):
    """shutdown(2) of a connected datagram socket: no more of that direction."""
    sock, peer = ends.dgram(family)
    sock.shutdown(socket.SHUT_WR)
    assert sock.call("send", data=b"x").result == -errno.EPIPE
    peer.send(b"hello")
    assert sock.recv(16) == b"hello"
    sock.shutdown(socket.SHUT_RD)
    done = sock.call("recv", data=bytes(8))
    assert (done.result, done.count) == (0, 0)
