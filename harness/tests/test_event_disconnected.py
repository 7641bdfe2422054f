# SPDX-License-Identifier: GPL-2.0-only
"""disconnected: once, when what was connecting or connected is over, and why."""

import errno
import select
import socket

import pytest

from blocked import until
from events import CLOSED, Events, amount, both_modes, tcp_state
from ksock import NOPIN, VSOCK
from peers import INET, INET6, STREAM, connections, inet_family, name, reset, where
from topology import impaired
from topology import pair as make_pair

pytestmark = [pytest.mark.smoke, both_modes]

BLACK_HOLE = {socket.AF_INET: ("10.1.0.99", 9), socket.AF_INET6: ("fd00:1::99", 9)}
PATIENCE = 200      # ms, TCP_USER_TIMEOUT


def connected(ends, family, kind, mode):
    sock, peer = ends.stream(family, kind=kind)
    return sock, peer, Events(sock, mode)


def refused(ends, family, mode, nonblocking):
    """A ksocket whose connect nobody answered but the peer's kernel."""
    nobody = ends.user(family)
    nobody.bind(ends.address(family))
    sock = ends.ksocket(family)
    sock.nonblocking(nonblocking)
    told = Events(sock, mode)
    return sock, told, sock.call("connect", address=where(nobody)).result


@inet_family
def test_refused(ends, family, mode):
    """RST upon the SYN: ECONNREFUSED, of the call and of the event."""
    _sock, told, result = refused(ends, family, mode, nonblocking=False)
    assert result == -errno.ECONNREFUSED
    told.expect(("disconnected", errno.ECONNREFUSED))


@inet_family
def test_reason_is_left_for_a_call(ends, family, mode):
    """The event has read sk_err without taking it."""
    sock, told, result = refused(ends, family, mode, nonblocking=True)
    assert result == -errno.EINPROGRESS
    told.expect(("disconnected", errno.ECONNREFUSED))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_refused_vsock(ends, mode):
    """AF_VSOCK calls it ECONNRESET."""
    listener = ends.user_listener(VSOCK)
    address = where(listener)
    listener.close()
    sock = ends.ksocket(VSOCK)
    told = Events(sock, mode)
    assert sock.call("connect", address=address).result == -errno.ECONNRESET
    told.expect(("disconnected", errno.ECONNRESET))


@connections("unix", "seqpacket")
def test_refused_unix(ends, family, kind, mode):
    """AF_UNIX never was connecting: the call alone tells."""
    sock = ends.ksocket(family, kind)
    told = Events(sock, mode)
    assert sock.call("connect", address=name()).result == -errno.ECONNREFUSED
    sock.connect(where(ends.user_listener(family, kind)))
    told.expect("connected")


@inet_family
def test_reset(ends, family, mode):
    """RST on an established connection: ECONNRESET, which the next call reports."""
    sock, peer, told = connected(ends, family, STREAM, mode)
    reset(peer)
    told.expect("xmit", ("disconnected", errno.ECONNRESET))
    assert sock.call("recv", data=bytes(8)).result == -errno.ECONNRESET


@inet_family
def test_reset_after_fin(ends, family, mode):
    """RST in CLOSE-WAIT: EPIPE."""
    _sock, peer, told = connected(ends, family, STREAM, mode)
    peer.shutdown(socket.SHUT_WR)
    told.expect("recv")
    reset(peer)
    told.expect("recv", "xmit", ("disconnected", errno.EPIPE))


@inet_family
def test_timed_out_while_connecting(ends, family, mode):
    """ETIMEDOUT."""
    sock = ends.ksocket(family)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PATIENCE)
    sock.nonblocking()
    told = Events(sock, mode)
    assert sock.call("connect", address=BLACK_HOLE[family]).result == -errno.EINPROGRESS
    told.expect(("disconnected", errno.ETIMEDOUT))


@inet_family
def test_timed_out(ends, family, mode):
    """What was sent is never acknowledged."""
    sock, peer, told = connected(ends, family, STREAM, mode)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PATIENCE)
    with impaired(ends.net.client, loss="100%"):
        sock.send(b"into the void")
        told.expect("xmit", ("disconnected", errno.ETIMEDOUT))
        reset(peer)


@inet_family
def test_half_close(ends, family, mode):
    """The peer's FIN is recv(0), not disconnected: sending goes on."""
    sock, peer, told = connected(ends, family, STREAM, mode)
    peer.shutdown(socket.SHUT_WR)
    told.expect("recv")
    sock.send(b"still here")
    assert peer.recv(16) == b"still here"
    told.expect("recv")


@inet_family
def test_peer_ends_first(ends, family, mode):
    """LAST-ACK, CLOSE: a normal end, 0."""
    sock, peer, told = connected(ends, family, STREAM, mode)
    peer.close()
    told.expect("recv")
    sock.shutdown(socket.SHUT_WR)
    told.expect("recv", "xmit", "disconnected")


@inet_family
def test_fin_wait_2_changes_state_twice(ends, family, mode):
    """The peer's FIN is told of, and the TIME-WAIT that follows: once each."""
    sock, peer, told = connected(ends, family, STREAM, mode)
    sock.shutdown(socket.SHUT_WR)
    assert peer.recv(8) == b""
    told.expect("xmit")
    peer.close()
    told.expect("xmit", "recv", "disconnected")
    until(lambda: tcp_state(sock) == CLOSED, "the connection to be closed")
    assert sock.recv(8) == b""
    told.expect("xmit", "recv", "disconnected")


@connections("unix", "seqpacket", "vsock")
def test_peer_closes(ends, family, kind, mode):
    """Without a half-close the survivor hears it all at once."""
    sock, peer, told = connected(ends, family, kind, mode)
    peer.close()
    told.expect("recv", "xmit", "disconnected")
    assert sock.recv(8) == b""


@connections("unix", "seqpacket")
def test_peer_leaves_data_unread(ends, family, kind, mode):
    """AF_UNIX: ECONNRESET."""
    sock, peer, told = connected(ends, family, kind, mode)
    sock.send(b"never read")
    peer.close()
    told.expect("recv", "xmit", ("disconnected", errno.ECONNRESET))


@connections("unix", "seqpacket")
def test_half_close_unix(ends, family, kind, mode):
    """One direction shut is not the end; both are."""
    sock, peer, told = connected(ends, family, kind, mode)
    peer.shutdown(socket.SHUT_WR)
    told.expect("recv")
    sock.send(b"still here")
    assert peer.recv(16) == b"still here"
    peer.close()
    told.expect("recv", "xmit", "disconnected")


@connections()
def test_accepted_child(ends, family, kind, mode):
    """It was connected by its peer, and ends as any."""
    listener = ends.listener(family, kind=kind)
    peer = ends.client_of(listener, family, kind)
    sock, _address = listener.accept()
    told = Events(sock, mode)
    peer.send(b"x")
    told.expect(("recv", amount(family, 1)))
    assert sock.recv(8) == b"x"
    peer.close()
    told.until("recv", 0)
    if family in (INET, INET6):
        sock.shutdown(socket.SHUT_WR)
    told.expect(("recv", amount(family, 1)), "recv", "xmit", "disconnected")


@inet_family
def test_never_connected(ends, family, mode):
    """A fresh socket is in CLOSE, but has not come to it."""
    sock = ends.ksocket(family)
    told = Events(sock, mode)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    sock.connect(where(ends.user_listener(family)))
    told.expect("connected")


@pytest.mark.parametrize("family", [INET], ids=["inet"])
def test_namespace_goes(device, family, mode):
    """ENETDOWN, for a socket that doesn't keep its network namespace."""
    with make_pair() as net:
        with net.server, socket.create_server((net.server.v4, 0)) as server:
            with net.client:
                sock = device.socket(family, flags=NOPIN)
            sock.connect(server.getsockname())
            peer = server.accept()[0]
        told = Events(sock, mode)
        net.drop(net.client)
        told.until("disconnected", errno.ENETDOWN)
        assert sock.call("send", data=b"x").result == -errno.ENETDOWN
        told.until("disconnected", errno.ENETDOWN)
        assert told.of("disconnected") == [errno.ENETDOWN]
        reset(peer)


def test_told_once_behind_a_reset(ends, mode):
    """Calls on what is over tell nothing more."""
    sock, peer, told = connected(ends, INET, STREAM, mode)
    reset(peer)
    told.expect("xmit", ("disconnected", errno.ECONNRESET))
    assert sock.poll() & select.POLLHUP
    sock.call("shutdown", a=socket.SHUT_RDWR)
    sock.call("send", data=b"x")
    sock.call("want_xmit")
    told.expect("xmit", ("disconnected", errno.ECONNRESET))
