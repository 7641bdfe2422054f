# SPDX-License-Identifier: GPL-2.0-only
"""Calls that must not wait, the flags of receiving, and what poll says when."""

import errno
import select
import socket
import struct
import termios

import pytest

from blocked import Blocked, until
from ksock import KSocket
from peers import DGRAM, INET, UNIX, any_inet, every_family, every_kind, fill, where

pytestmark = pytest.mark.smoke

BLACK_HOLE = ("10.1.0.99", 9)       # on the wire, and nobody there
IN, OUT, ERR, HUP = select.POLLIN, select.POLLOUT, select.POLLERR, select.POLLHUP
PRI, RDHUP = select.POLLPRI, select.POLLRDHUP

by_flag_or_mode = pytest.mark.parametrize("flags", [0, socket.MSG_DONTWAIT],
                                          ids=["FIONBIO", "MSG_DONTWAIT"])


def set_mode(sock, flags):
    """Non-blocking by FIONBIO where it isn't by the call's flags."""
    if not flags:
        sock.nonblocking()
    return flags


# --- non-blocking calls

@by_flag_or_mode
@every_family
@every_kind
def test_receive(ends, family, kind, flags):
    """EAGAIN while there is nothing, then the data."""
    sock, peer = ends.connected(family, kind)
    set_mode(sock, flags)
    done = sock.call("recv", data=bytes(8), a=flags)
    assert (done.result, done.count) == (-errno.EAGAIN, 0)
    peer.send(b"hello")
    until(lambda: sock.poll() & IN, "the data to arrive")
    assert sock.recv(8, flags) == b"hello"


@by_flag_or_mode
@every_family
def test_send(ends, family, flags):
    """The part that fits, then EAGAIN, then again when the peer has read."""
    sock, peer = ends.stream(family)
    set_mode(sock, flags)
    total = fill(sock)
    assert total
    done = sock.call("send", data=b"x", a=flags)
    assert (done.result, done.count) == (-errno.EAGAIN, 0)
    left = total
    while left:
        left -= len(peer.recv(min(left, 1 << 20)))
    until(lambda: sock.poll() & OUT, "room to send")
    assert sock.send(b"x", flags) == 1
    assert peer.recv(8) == b"x"


@by_flag_or_mode
def test_send_to_a_full_peer(ends, flags):
    """AF_UNIX datagrams: EAGAIN when the peer's queue is full."""
    sock, peer = ends.dgram(UNIX)
    set_mode(sock, flags)
    count = 0
    while not sock.call("send", data=b"x", a=flags).result:
        count += 1
    assert sock.call("send", data=b"x", a=flags).result == -errno.EAGAIN
    for _ in range(count):
        assert peer.recv(8) == b"x"
    assert sock.send(b"y", flags) == 1
    assert peer.recv(8) == b"y"


@every_family
def test_accept(ends, family):
    """EAGAIN while nobody waits; the new socket is blocking."""
    listener = ends.listener(family)
    listener.nonblocking()
    done = listener.call("accept", addrlen=128)
    assert (done.result, done.call.new) == (-errno.EAGAIN, -1)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    client.connect(listener.getsockname())
    until(lambda: listener.poll() & IN, "the connection to arrive")
    sock, _address = listener.accept()
    call = Blocked(sock, "recv", data=bytes(5))
    client.send(b"hello")
    assert (call.result(), call.done.data) == (0, b"hello")


@any_inet
def test_connect(ends, family):
    """EINPROGRESS; once poll says that it is writable, SO_ERROR tells the outcome."""
    listener = ends.user_listener(family)
    sock = ends.ksocket(family)
    sock.nonblocking()
    result = sock.call("connect", address=where(listener)).result
    assert result == -errno.EINPROGRESS
    until(lambda: sock.poll() & OUT, "the connection to be made")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    peer = ends.accepted(listener)
    sock.send(b"hello")
    assert peer.recv(8) == b"hello"


@any_inet
def test_refused_connect(ends, family):
    """EINPROGRESS; then SO_ERROR says ECONNREFUSED, once."""
    nobody = ends.user(family)
    nobody.bind(ends.address(family))
    sock = ends.ksocket(family)
    sock.nonblocking()
    assert sock.call("connect", address=where(nobody)).result == -errno.EINPROGRESS
    until(lambda: sock.poll() & ERR, "the refusal")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_connect_while_connecting(ends):
    """connect(2): EALREADY while a previous attempt is not completed."""
    sock = ends.ksocket()
    sock.nonblocking()
    assert sock.call("connect", address=BLACK_HOLE).result == -errno.EINPROGRESS
    assert sock.call("connect", address=BLACK_HOLE).result == -errno.EALREADY
    assert sock.call("send", data=b"x").result == -errno.EAGAIN
    assert sock.call("recv", data=b"x").result == -errno.EAGAIN


def test_connect_to_a_full_backlog(ends):
    """unix(7): a non-blocking connect that can't be completed at once: EAGAIN."""
    listener = ends.user_listener(UNIX, backlog=0)
    ends.ksocket(UNIX).connect(where(listener))
    sock = ends.ksocket(UNIX)
    sock.nonblocking()
    assert sock.call("connect", address=where(listener)).result == -errno.EAGAIN
    listener.accept()
    sock.connect(where(listener))


@every_kind
def test_blocking_again(ends, kind):
    """FIONBIO of 0 makes the socket block as before."""
    sock, peer = ends.connected(INET, kind)
    sock.nonblocking()
    assert sock.call("recv", data=bytes(8)).result == -errno.EAGAIN
    sock.nonblocking(False)
    call = Blocked(sock, "recv", data=bytes(5))
    peer.send(b"hello")
    assert call.result() == 0


# --- flags of receiving

@every_family
def test_peek(ends, family):
    """MSG_PEEK leaves a stream's bytes where they are."""
    sock, peer = ends.stream(family)
    peer.send(b"hello")
    assert sock.recv(4, socket.MSG_PEEK) == b"hell"
    assert sock.recv(8, socket.MSG_PEEK) == b"hello"
    assert sock.recv(8) == b"hello"


@every_family
def test_wait_for_all(ends, family):
    """MSG_WAITALL returns when the room is full."""
    sock, peer = ends.stream(family)
    call = Blocked(sock, "recv", data=bytes(6), a=socket.MSG_WAITALL)
    peer.send(b"abc")
    until(call.asleep, "the call to wait for the rest")
    peer.send(b"defg")
    assert (call.result(), call.done.data) == (0, b"abcdef")
    assert sock.recv(8) == b"g"


@every_family
def test_wait_for_all_till_the_end(ends, family):
    """recv(2): less than asked for when the stream ends."""
    sock, peer = ends.stream(family)
    call = Blocked(sock, "recv", data=bytes(6), a=socket.MSG_WAITALL)
    peer.send(b"abc")
    peer.shutdown(socket.SHUT_WR)
    assert (call.result(), call.done.count, call.done.data[:3]) == (0, 3, b"abc")


@any_inet
def test_throw_away(ends, family):
    """tcp(7), MSG_TRUNC: the received bytes are discarded, not stored."""
    sock, peer = ends.stream(family)
    peer.send(b"hello world")
    until(lambda: sock.ioctl(termios.FIONREAD) == 11, "the data to arrive")
    done = sock.call("recv", data=b"......", a=socket.MSG_TRUNC).check()
    assert (done.count, done.data) == (6, b"......")
    assert sock.recv(8) == b"world"


# --- urgent data

@any_inet
def test_urgent_byte(ends, family):
    """tcp(7): POLLPRI tells, MSG_OOB takes it, the stream is without it."""
    sock, peer = ends.stream(family)
    peer.send(b"ab!", socket.MSG_OOB)
    until(lambda: sock.poll() & PRI, "the urgent byte")
    assert sock.recv(8, socket.MSG_OOB) == b"!"
    assert not sock.poll() & PRI
    assert sock.call("recv", data=bytes(8), a=socket.MSG_OOB).result == -errno.EINVAL
    assert sock.recv(8) == b"ab"


@any_inet
def test_urgent_byte_sent(ends, family):
    """MSG_OOB the other way."""
    sock, peer = ends.stream(family)
    assert sock.send(b"ab!", socket.MSG_OOB) == 3
    assert select.select([], [], [peer], 60)[2] == [peer]
    assert peer.recv(8, socket.MSG_OOB) == b"!"
    assert peer.recv(8) == b"ab"


@any_inet
def test_urgent_byte_in_line(ends, family):
    """SO_OOBINLINE leaves it in the stream; a read stops before the mark."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    peer.send(b"ab!", socket.MSG_OOB)
    peer.send(b"cd")
    until(lambda: sock.ioctl(termios.FIONREAD) == 5 or sock.poll() & PRI, "the urgent byte")
    assert sock.recv(8) == b"ab"
    assert sock.recv_exactly(3) == b"!cd"
    assert sock.call("recv", data=bytes(8), a=socket.MSG_OOB).result == -errno.EINVAL


def test_no_urgent_byte(ends):
    """EINVAL where there is none; datagrams have none at all."""
    sock, _peer = ends.stream()
    assert sock.call("recv", data=bytes(8), a=socket.MSG_OOB).result == -errno.EINVAL
    sock, _peer = ends.dgram()
    assert sock.call("send", data=b"x", a=socket.MSG_OOB).result == -errno.EOPNOTSUPP


# --- poll: as a process's socket in the same state

EVERY = IN | OUT | PRI | RDHUP | select.POLLRDNORM | select.POLLWRNORM | select.POLLRDBAND


def user_poll(sock) -> int:
    """All bits that poll(2) reports of a process's socket now."""
    poll = select.poll()
    poll.register(sock, EVERY)
    return dict(poll.poll(0)).get(sock.fileno(), 0)


def same(sock, user, has=0, lacks=0):
    """Both come to poll alike, with and without the bits that the state implies."""
    until(lambda: sock.poll() & has == has and not sock.poll() & lacks, f"{has:#x} in poll")
    until(lambda: user_poll(user) & has == has and not user_poll(user) & lacks, "the same")
    assert sock.poll() & EVERY | sock.poll() & (ERR | HUP) == user_poll(user)


@every_family
@every_kind
def test_poll_of_a_new_socket(ends, family, kind):
    """Neither bound nor connected."""
    same(ends.ksocket(family, kind), ends.user(family, kind))


@every_family
def test_poll_of_a_listener(ends, family):
    """Readable when a connection waits."""
    listener, user = ends.listener(family), ends.user_listener(family)
    same(listener, user, lacks=IN | OUT)
    clients = []
    for address in (listener.getsockname(), where(user)):
        clients.append(ends.user(family, end=None if family == UNIX else ends.net.client))
        clients[-1].connect(address)
    same(listener, user, has=IN)
    KSocket(listener.device, listener.call("accept", addrlen=128).check().call.new)
    user.accept()
    same(listener, user, lacks=IN)


def two_pairs(ends, family):
    return (*ends.stream(family), *ends.user_stream(family))


@every_family
def test_poll_of_a_stream(ends, family):
    """Idle, with data, when the peer stopped sending, when it left."""
    sock, peer, user, user_peer = two_pairs(ends, family)
    same(sock, user, has=OUT, lacks=IN | HUP | ERR | RDHUP)
    for end in (peer, user_peer):
        end.send(b"hello")
    same(sock, user, has=IN | OUT)
    for end in (peer, user_peer):
        end.shutdown(socket.SHUT_WR)
    same(sock, user, has=IN | OUT | RDHUP, lacks=HUP)
    assert sock.recv(8) == user.recv(8) == b"hello"
    same(sock, user, has=IN | RDHUP)
    for end in (sock, user):
        end.shutdown(socket.SHUT_WR)
    for end in (peer, user_peer):
        end.close()
    same(sock, user, has=IN | HUP | RDHUP)


@every_family
def test_poll_of_a_stream_that_is_full(ends, family):
    """Not writable, until the peer has read."""
    sock, peer = ends.stream(family)
    left = fill(sock)
    assert not sock.poll() & OUT
    while left:
        left -= len(peer.recv(min(left, 1 << 20)))
    until(lambda: sock.poll() & OUT, "room to send")


@any_inet
def test_poll_of_a_reset_stream(ends, family):
    """The error stays until it is told."""
    sock, peer, user, user_peer = two_pairs(ends, family)
    for end in (peer, user_peer):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        end.close()
    same(sock, user, has=IN | OUT | ERR | HUP)
    assert sock.call("recv", data=bytes(8)).result == -errno.ECONNRESET
    with pytest.raises(ConnectionResetError):
        user.recv(8)
    same(sock, user, has=HUP, lacks=ERR)


def test_poll_while_connecting(ends):
    """Neither way, yet."""
    sock, user = ends.ksocket(), ends.user(end=ends.net.client)
    for number, end in enumerate((sock, user), 1):
        end.nonblocking() if end is sock else end.setblocking(False)
        with pytest.raises(BlockingIOError):
            end.connect(("10.1.0.99", number))
    same(sock, user, lacks=IN | OUT | ERR | HUP)


@every_family
def test_poll_of_datagrams(ends, family):
    """Readable while one is queued."""
    sock, peer = ends.dgram(family)
    user = ends.user(family, DGRAM)
    user.bind(ends.address(family))
    same(sock, user, has=OUT, lacks=IN)
    peer.send(b"hello")
    ends.user(family, DGRAM).sendto(b"hello", where(user))
    same(sock, user, has=IN | OUT)
    sock.recv(8)
    user.recv(8)
    same(sock, user, has=OUT, lacks=IN)
