# SPDX-License-Identifier: GPL-2.0-only
"""xmit: there is room again after a send that fell short; 0 when sending is over."""

import errno
import socket
import threading

import pytest

from events import Events, both_modes
from ksock import DEFERRED
from peers import (INET, UNIX, any_inet, connections, drain, every_family, fill, push, reset)
from topology import slowed

pytestmark = [pytest.mark.smoke, both_modes]

STREAMS = connections("inet", "inet6", "unix", "kinet", "kinet6")


def fill_queue(sock) -> int:
    """Send messages until EAGAIN; return how many."""
    for count in range(1000):
        try:
            sock.send(bytes(1000), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return count
    raise AssertionError("the queue is never full")


def room(told, before):
    """Another xmit than those is told; all of them say that there is some."""
    told.until("xmit", times=before + 1)
    assert all(space > 0 for space in told.of("xmit"))


@STREAMS
def test_room_again(ends, family, kind, mode):
    """The peer has read."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    total = fill(sock)
    before = len(told.of("xmit"))
    drain(peer, total)
    room(told, before)


@STREAMS
def test_once_for_each_short_send(ends, family, kind, mode):
    """What goes on leaving the buffer is not told of."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    total = fill(sock)
    before = len(told.of("xmit"))
    drain(peer, total)
    room(told, before)
    sock.send(b"x")
    assert peer.recv(8) == b"x"
    peer.send(b"y")
    told.until("recv")
    assert len(told.of("xmit")) == before + 1


@every_family
def test_not_without_a_short_send(ends, family, mode):
    """Sent, and received, and nothing told."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    for _ in range(3):
        sock.send(bytes(1000))
        drain(peer, 1000)
    peer.send(b"x")
    told.expect(("recv", 1))


@any_inet
def test_larger_buffer(ends, family, mode):
    """SO_SNDBUF makes room: a direct callback runs inside of the call."""
    sock, _peer = ends.stream(family, prepare=lambda s: s.setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, 8192))
    fill(sock)
    told = Events(sock, mode)
    push(sock)
    assert told.seen() == []
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    room(told, 0)
    inside = told.all()[0].pid == threading.get_native_id()
    assert inside == (mode != DEFERRED)


@connections("unix", "seqpacket")
def test_unix_peer_reads(ends, family, kind, mode):
    """AF_UNIX: what was sent is the sender's until it is read."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    for _ in range(fill_queue(sock)):
        peer.recv(1000)
    room(told, 0)
    assert sock.send(b"x", socket.MSG_DONTWAIT) == 1


def test_unix_datagrams(ends, mode):
    """Room in the peer's queue."""
    sock, peer = ends.dgram(UNIX)
    told = Events(sock, mode)
    for _ in range(fill_queue(sock)):
        peer.recv(1000)
    room(told, 0)
    assert sock.send(b"x", socket.MSG_DONTWAIT) == 1


@any_inet
def test_udp(ends, family, mode):
    """The queue of the device has sent some."""
    sock, peer = ends.dgram(family)
    sock.send(b"neighbours know each other")
    assert peer.recv(64)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    told = Events(sock, mode)
    with slowed(ends.net.client, "500kbit"):
        assert fill_queue(sock)
        room(told, 0)
        assert sock.send(b"x", socket.MSG_DONTWAIT) == 1


@every_family
def test_wanted(ends, family, mode):
    """ksock_want_xmit(): at once where there is room, and once."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    sock.call("want_xmit").check()
    room(told, 0)
    peer.send(b"x")
    told.until("recv")
    assert len(told.of("xmit")) == 1


@every_family
def test_wanted_of_datagrams(ends, family, mode):
    """The same."""
    sock, _peer = ends.dgram(family)
    told = Events(sock, mode)
    sock.call("want_xmit").check()
    room(told, 0)


@STREAMS
def test_wanted_while_full(ends, family, kind, mode):
    """As soon as the peer has read, without another send."""
    sock, peer = ends.stream(family, kind=kind)
    total = fill(sock)
    told = Events(sock, mode)
    sock.call("want_xmit").check()
    assert told.seen() == []
    drain(peer, total)
    room(told, 0)


def test_wanted_by_nobody(ends, mode):
    """EINVAL without callbacks, and after their end."""
    sock, _peer = ends.stream()
    assert sock.call("want_xmit").result == -errno.EINVAL
    told = Events(sock, mode)
    told.end()
    assert sock.call("want_xmit").result == -errno.EINVAL
    assert told.seen() == []


@connections()
def test_own_shutdown(ends, family, kind, mode):
    """0, once."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    sock.shutdown(socket.SHUT_WR)
    told.expect("xmit")
    sock.shutdown(socket.SHUT_WR)
    assert sock.call("send", data=b"x").result == -errno.EPIPE
    assert peer.recv(8) == b""
    told.expect("xmit")


@every_family
def test_own_shutdown_of_datagrams(ends, family, mode):
    """0, once; the other direction goes on."""
    sock, peer = ends.dgram(family)
    told = Events(sock, mode)
    sock.shutdown(socket.SHUT_WR)
    told.expect("xmit")
    peer.send(b"x")
    told.expect("xmit", ("recv", 1))


@STREAMS
def test_no_room_after_the_end(ends, family, kind, mode):
    """What was sent before is still read by the peer; that makes no room any more."""
    sock, peer = ends.stream(family, kind=kind)
    total = fill(sock)
    told = Events(sock, mode)
    push(sock)
    sock.shutdown(socket.SHUT_WR)
    told.expect("xmit")
    drain(peer, total)
    assert peer.recv(8) == b""
    peer.send(b"x")
    told.expect("xmit", ("recv", 1))


@any_inet
def test_reset_ends_sending(ends, family, mode):
    """Of a full buffer as well: derived from the change of state."""
    sock, peer = ends.stream(family)
    fill(sock)
    told = Events(sock, mode)
    push(sock)
    reset(peer)
    told.expect("xmit", ("disconnected", errno.ECONNRESET))


def test_both_directions(ends, mode):
    """shutdown(SHUT_RDWR): the ends of both, once each."""
    sock, peer = ends.stream(INET)
    told = Events(sock, mode)
    sock.shutdown(socket.SHUT_RDWR)
    told.expect("recv", "xmit")
    assert peer.recv(8) == b""
    peer.close()
    told.expect("recv", "xmit", "disconnected")
