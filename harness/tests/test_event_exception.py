# SPDX-License-Identifier: GPL-2.0-only
"""exception: an urgent mark (KSOCK_EXC_URG), the error queue (KSOCK_EXC_ERRQUEUE)."""

import errno
import select
import socket

import pytest

from events import Events, both_modes
from ksock import ERRQUEUE, URG
from peers import INET, any_inet, inet_family

pytestmark = [pytest.mark.smoke, both_modes]

IP_RECVERR, IPV6_RECVERR = 11, 25
SO_TIMESTAMPING = 37
TX_ACK, SOFTWARE = 1 << 9, 1 << 4       # SOF_TIMESTAMPING_*


def stream(ends, family, mode, inline=False):
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, int(inline))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, peer, Events(sock, mode)


@inet_family
def test_urgent_mark(ends, family, mode):
    """Alone: nothing is readable, which is no end of file."""
    sock, peer, told = stream(ends, family, mode)
    peer.send(b"!", socket.MSG_OOB)
    told.expect(("exception", URG))
    assert sock.poll() & select.POLLPRI
    peer.send(b"x")
    told.expect(("exception", URG), ("recv", 1))


@inet_family
def test_urgent_byte_is_not_counted(ends, family, mode):
    """Behind data, and with more behind it: receives step over it."""
    sock, peer, told = stream(ends, family, mode)
    peer.send(b"ab!", socket.MSG_OOB)
    told.expect(("exception", URG), ("recv", 2))
    peer.send(b"cd")
    told.expect(("exception", URG), ("recv", 2), ("recv", 4))
    assert sock.recv(8) == b"ab"
    assert sock.recv(8) == b"cd"


@inet_family
def test_urgent_byte_is_received(ends, family, mode):
    """By MSG_OOB, once it was told of."""
    sock, peer, told = stream(ends, family, mode)
    peer.send(b"!", socket.MSG_OOB)
    told.expect(("exception", URG))
    assert sock.recv(8, socket.MSG_OOB) == b"!"
    peer.send(b"x")
    told.expect(("exception", URG), ("recv", 1))


@inet_family
def test_urgent_byte_in_line(ends, family, mode):
    """SO_OOBINLINE: it counts as any other."""
    sock, peer, told = stream(ends, family, mode, inline=True)
    peer.send(b"!", socket.MSG_OOB)
    told.expect(("exception", URG), ("recv", 1))
    peer.send(b"cd")
    told.expect(("exception", URG), ("recv", 1), ("recv", 3))
    assert sock.recv_exactly(3) == b"!cd"


@inet_family
def test_each_mark_once(ends, family, mode):
    """A second mark is another exception; the first is not told again with it."""
    sock, peer, told = stream(ends, family, mode)
    peer.send(b"!", socket.MSG_OOB)
    told.expect(("exception", URG))
    assert sock.recv(8, socket.MSG_OOB) == b"!"
    peer.send(b"?", socket.MSG_OOB)
    told.expect(("exception", URG), ("exception", URG))
    assert sock.recv(8, socket.MSG_OOB) == b"?"
    peer.send(b"x")
    told.expect(("exception", URG), ("exception", URG), ("recv", 1))


@inet_family
def test_mark_with_the_fin(ends, family, mode):
    """The mark, then the end."""
    _sock, peer, told = stream(ends, family, mode)
    peer.send(b"!", socket.MSG_OOB)
    peer.shutdown(socket.SHUT_WR)
    told.expect(("exception", URG), "recv")


def queue_errors(sock, family):
    if family == INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


@any_inet
def test_error_queue(ends, family, mode):
    """UDP with IP_RECVERR: nobody has the port, which is also an error (-1)."""
    sock, peer = ends.dgram(family)
    queue_errors(sock, family)
    told = Events(sock, mode)
    peer.close()
    sock.send(b"anybody?")
    seen = told.until("recv", -1)
    assert seen[0] == ("exception", ERRQUEUE)
    assert set(seen) == {("exception", ERRQUEUE), ("recv", -1)}
    assert told.of("recv") == [-1]
    done = sock.recvmsg(16, ctl=256, flags=socket.MSG_ERRQUEUE)
    assert done.data[:done.count] == b"anybody?"
    assert sock.call("recvmsg", data=bytes(16), ctl=bytes(256), a=socket.MSG_ERRQUEUE |
                     socket.MSG_DONTWAIT).result == -errno.EAGAIN


@inet_family
def test_timestamps(ends, family, mode):
    """TCP with SO_TIMESTAMPING: when the peer has acknowledged."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, TX_ACK | SOFTWARE)
    told = Events(sock, mode)
    sock.send(b"x")
    assert peer.recv(8) == b"x"
    told.expect(("exception", ERRQUEUE))
    assert sock.recvmsg(16, ctl=256, flags=socket.MSG_ERRQUEUE).control
