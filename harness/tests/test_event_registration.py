# SPDX-License-Identifier: GPL-2.0-only
"""Registering and ending callbacks; in which context, and how many at a time."""

import errno
import select
import socket

import pytest

from blocked import until
from events import Events, both_modes
from ksock import DEFERRED, IN_ATOMIC, IN_WORKER
from peers import UNIX, every_family, every_kind

pytestmark = pytest.mark.smoke

DATA = b"12345"


@both_modes
def test_unknown_flags(ends, mode):
    """EINVAL; what was registered before stays so."""
    sock, _peer = ends.stream(UNIX)
    Events(sock, mode)
    with pytest.raises(OSError) as caught:
        Events(sock, mode | 2)
    assert caught.value.errno == errno.EINVAL
    assert sock.call("want_xmit").result == 0


@both_modes
@every_family
def test_nothing_after_the_end(ends, family, mode):
    """ksock_callbacks(s, NULL, NULL)"""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    peer.send(DATA)
    told.expect(("recv", len(DATA)))
    told.end()
    peer.send(DATA)
    assert sock.recv_exactly(2 * len(DATA)) == DATA * 2
    peer.close()
    assert sock.recv(8) == b""
    told.expect(("recv", len(DATA)))
    told.end()


@both_modes
@every_family
def test_nothing_after_the_close(ends, family, mode):
    """ksock_close()"""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    sock.close()
    assert peer.recv(8) == b""
    told.expect()


@both_modes
def test_replaced(ends, mode):
    """Another registration ends the first, and hears it anew."""
    sock, peer = ends.stream()
    first = Events(sock, mode)
    peer.send(DATA)
    first.expect(("recv", len(DATA)))
    second = Events(sock, DEFERRED - mode)
    second.expect(("recv", len(DATA)))
    peer.send(DATA)
    second.expect(("recv", len(DATA)), ("recv", 2 * len(DATA)))


@both_modes
@every_family
def test_members_may_be_null(ends, family, mode):
    """Nobody is called, and the socket works."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode, members=False)
    peer.send(DATA)
    assert sock.recv_exactly(len(DATA)) == DATA
    sock.shutdown(socket.SHUT_RDWR)
    peer.close()
    told.expect()


@both_modes
@every_family
@every_kind
def test_context(ends, family, kind, mode):
    """Direct: bottom halves are disabled. Deferred: a worker, which may sleep."""
    sock, peer = ends.connected(family, kind)
    told = Events(sock, mode)
    peer.send(DATA)
    sock.shutdown(socket.SHUT_WR)
    until(lambda: len(told.all()) == 2, "two callbacks")
    for one in told.all():
        if mode:
            assert one.context & (IN_ATOMIC | IN_WORKER) == IN_WORKER
        else:
            assert one.context & IN_ATOMIC


@every_family
def test_callback_ends_its_registration(ends, family):
    """Nothing follows, not even what was to be told with it."""
    sock, peer = ends.stream(family)
    peer.send(DATA)
    peer.shutdown(socket.SHUT_WR)
    told = Events(sock, DEFERRED, "end", ["recv"])
    told.until("action")
    assert told.of("action") == [0]
    assert len(told.of("recv")) == 1
    assert sock.recv_exactly(len(DATA)) == DATA


@every_family
def test_callback_closes_its_socket(ends, family):
    """The peer sees the end, the handle is no socket any more."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "close", ["recv"])
    peer.shutdown(socket.SHUT_WR)
    told.expect("recv", "action")
    assert peer.recv(8) == b""
    assert sock.call("recv", data=bytes(8)).result == -errno.ENOTSOCK


@every_family
def test_callback_blocks_in_a_call(ends, family):
    """It waits for what another process sends."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "block", ["xmit"])
    sock.call("want_xmit").check()
    told.until("xmit")
    peer.send(b"x")
    told.until("action", 0)


def test_close_wakes_a_callback_that_blocks(ends):
    """ksock_close() elsewhere: the call gives EINTR."""
    sock, _peer = ends.stream()
    told = Events(sock, DEFERRED, "block", ["xmit"])
    sock.call("want_xmit").check()
    told.until("xmit")
    sock.close()
    told.until("action", -errno.EINTR)


@every_family
def test_one_at_a_time(ends, family):
    """What happens while a callback runs is told afterwards, in order, levels once."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.until("recv")
    for byte in b"234":
        peer.send(bytes([byte]))
    peer.shutdown(socket.SHUT_WR)
    until(lambda: len(sock.recv(8, socket.MSG_PEEK)) == 4, "the data to arrive")
    until(lambda: sock.poll() & select.POLLRDHUP, "the end of file")
    told.expect(("recv", 1))
    told.go_on()
    told.expect(("recv", 1), "action", ("recv", 4), "action", "recv", "action")
