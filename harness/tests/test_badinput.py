# SPDX-License-Identifier: GPL-2.0-only
"""Lengths, flags and pointers that no call can take, and calls at the wrong time."""

import errno
import signal
import socket
import struct
import termios

import pytest

from blocked import Blocked, until
from ksock import NULL_ADDR, NULL_DATA, NULL_DONE
from peers import (DGRAM, INET, INET6, STREAM, UNIX, errno_of, every_family, every_kind,
                   inet_family, where)

pytestmark = pytest.mark.smoke

HUGE = [2**31 - 1, 2**31, 2**32, 2**63, 2**64 - 1]
sends = pytest.mark.parametrize("op", ["send", "sendto", "sendmsg"])
receives = pytest.mark.parametrize("op", ["recv", "recvfrom", "recvmsg"])
blocking = pytest.mark.parametrize("flags", [0, socket.MSG_DONTWAIT],
                                   ids=["blocking", "nonblocking"])


# --- lengths

@every_family
def test_no_message_is_that_long(ends, family):
    """A datagram goes whole or not at all: EMSGSIZE, and none arrives."""
    sock, peer = ends.dgram(family)
    for size in HUGE:
        done = sock.call("send", data=bytes(8), size=size)
        assert (done.result, done.count) == (-errno.EMSGSIZE, 0), hex(size)
    sock.send(b"next")
    assert peer.recv(8) == b"next"


@pytest.mark.parametrize("size", HUGE, ids=hex)
@every_family
def test_stream_takes_a_part_of_that_much(ends, family, size):
    """As of write(2): the part that fits is sent, whatever the length."""
    sock, _peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    # The buffer is there as far as the small send buffer can take from it.
    done = sock.call("send", data=bytes(8 << 20), size=size, a=socket.MSG_DONTWAIT).check()
    assert 0 < done.count < 8 << 20


@every_family
@every_kind
def test_receive_into_that_much(ends, family, kind):
    """What is there is received, whatever the room."""
    sock, peer = ends.connected(family, kind)
    for size in HUGE:
        peer.send(b"hello")
        done = sock.call("recv", data=bytes(16), size=size).check()
        assert done.data[:done.count] == b"hello", hex(size)


def test_that_much_on_nothing(ends):
    """A huge length does not hide that nobody is connected."""
    sock = ends.ksocket()
    for size in HUGE:
        assert sock.call("send", data=b"x", size=size).result == -errno.EPIPE
        assert sock.call("recv", data=b"x", size=size).result == -errno.ENOTCONN


@every_family
@blocking
def test_zero_bytes_on_a_stream(ends, family, flags):
    """Nothing is sent, and nothing is waited for."""
    sock, peer = ends.stream(family)
    for null in (0, NULL_DATA):
        assert sock.call("send", a=flags, null=null).result == 0
        done = sock.call("recv", a=flags, null=null)
        assert (done.result, done.count) == (0, 0)
    sock.shutdown(socket.SHUT_WR)
    assert peer.recv(8) == b""


# --- flags

NOT_FOR_SENDING = [socket.MSG_PEEK, socket.MSG_WAITALL, socket.MSG_TRUNC, socket.MSG_ERRQUEUE,
                   0x4000000, 0x8000000, 1 << 30, -1 << 31]
NOT_FOR_RECEIVING = [socket.MSG_MORE, socket.MSG_DONTROUTE, socket.MSG_CONFIRM, 0x10000, 0x4000000,
                     0x20000000, -1 << 31]


@sends
def test_flag_that_no_send_has(ends, op):
    """Flags of receiving, of the kernel's own use, and of the future."""
    sock, peer = ends.dgram()
    for flag in NOT_FOR_SENDING:
        done = sock.call(op, data=b"x", a=flag, address=where(peer))
        assert (done.result, done.count) == (-errno.EINVAL, 0), hex(flag)
    sock.send(b"next")
    assert peer.recv(8) == b"next"


@receives
def test_flag_that_no_receive_has(ends, op):
    """The same the other way; the data stays."""
    sock, peer = ends.dgram()
    peer.send(b"hello")
    for flag in NOT_FOR_RECEIVING:
        done = sock.call(op, data=bytes(8), a=flag)
        assert (done.result, done.count) == (-errno.EINVAL, 0), hex(flag)
    assert sock.recv(8) == b"hello"


@pytest.mark.parametrize("how", [-1, 3, 2**31 - 1])
def test_unknown_shutdown(ends, how):
    """shutdown(2): an invalid value in how."""
    sock, _peer = ends.stream()
    assert sock.call("shutdown", a=how).result == -errno.EINVAL


# --- no place for the count

@sends
@every_kind
def test_uncounted_send_must_block(ends, op, kind):
    """What a non-blocking send took would be unknowable."""
    sock, peer = ends.connected(INET, kind)
    address = where(peer) if kind == DGRAM else b""
    fields = {"data": b"lost", "null": NULL_DONE | (0 if address else NULL_ADDR)}
    assert sock.call(op, a=socket.MSG_DONTWAIT, address=address,
                     **fields).result == -errno.EINVAL
    sock.nonblocking()
    assert sock.call(op, address=address, **fields).result == -errno.EINVAL
    sock.send(b"next")
    assert peer.recv(8) == b"next"


@receives
@every_kind
def test_uncounted_receive_must_block(ends, op, kind):
    """Nor would it be known what a non-blocking receive left."""
    sock, peer = ends.connected(INET, kind)
    peer.send(b"hello")
    until(lambda: sock.poll() & 1, "the data to arrive")
    fields = {"data": bytes(5), "null": NULL_DONE}
    for flags in (socket.MSG_DONTWAIT, socket.MSG_PEEK, socket.MSG_TRUNC):
        assert sock.call(op, a=flags, **fields).result == -errno.EINVAL
    sock.nonblocking()
    assert sock.call(op, **fields).result == -errno.EINVAL
    assert sock.recv(8) == b"hello"


@sends
@every_family
def test_uncounted_send_is_all(ends, op, family):
    """Success means that every byte of a large buffer went."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    data = bytes(range(256)) * 2048
    null = NULL_DONE | (0 if op == "send" else NULL_ADDR)
    call = Blocked(sock, op, data=data, null=null)
    got = b""
    while len(got) < len(data):
        got += peer.recv(65536)
    assert call.result() == 0
    assert got == data


@receives
@every_family
def test_uncounted_receive_is_all(ends, op, family):
    """Parts of a stream are put together until the room is full."""
    sock, peer = ends.stream(family)
    call = Blocked(sock, op, data=bytes(9), null=NULL_DONE)
    for part in (b"one", b"two", b"three"):
        peer.send(part)
    assert call.result() == 0
    assert call.done.data == b"onetwothr"
    assert sock.recv(8) == b"ee"


@receives
@every_family
def test_uncounted_receive_of_a_stream_that_ends(ends, op, family):
    """The end of file before the last byte is an error."""
    sock, peer = ends.stream(family)
    peer.send(b"hello")
    peer.shutdown(socket.SHUT_WR)
    assert sock.call(op, data=bytes(6), null=NULL_DONE).result == -errno.ENODATA


@receives
@every_family
def test_uncounted_receive_of_another_length(ends, op, family):
    """A message shorter or longer than the room is not all of it."""
    sock, peer = ends.dgram(family)
    for room, result in ((4, -errno.EMSGSIZE), (6, -errno.EMSGSIZE), (5, 0)):
        peer.send(b"hello")
        assert sock.call(op, data=bytes(room), null=NULL_DONE).result == result


# --- the wrong time

@every_family
def test_accept_where_nobody_listens(ends, family):
    """accept(2): the socket is not listening for connections."""
    assert ends.ksocket(family).call("accept", addrlen=128).result == -errno.EINVAL
    assert ends.stream(family)[0].call("accept", addrlen=128).result == -errno.EINVAL


@every_family
def test_datagrams_have_no_connections(ends, family):
    """accept(2), listen(2): the socket is not of a type that supports this."""
    sock = ends.ksocket(family, DGRAM)
    sock.bind(ends.address(family, ends.net.client))
    assert sock.call("listen", a=1).result == -errno.EOPNOTSUPP
    assert sock.call("accept", addrlen=128).result == -errno.EOPNOTSUPP


@every_family
def test_listen_on_a_connection(ends, family):
    """A connected socket can't listen."""
    sock, _peer = ends.stream(family)
    assert sock.call("listen", a=1).result == -errno.EINVAL


@inet_family
@pytest.mark.parametrize("backlog, kept", [(-1, None), (-2**31, None), (2**31 - 1, None),
                                           (7, 7), (0, 0)])
def test_backlog(ends, family, backlog, kept):
    """listen(2): more than somaxconn, and so a negative value, is cut to it."""
    if kept is None:
        somaxconn = ends.net.server.run(["cat", "/proc/sys/net/core/somaxconn"])
        kept = int(somaxconn.stdout)
    sock = ends.listener(family, backlog=backlog)
    # TCP_INFO of a listener: tcpi_sacked is how many may wait.
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    assert struct.unpack_from("=I", info, 28)[0] == kept


@every_family
def test_receive_on_a_listener(ends, family):
    """A listener has no data: what a process's listener says."""
    sock = ends.listener(family)
    expected = errno_of(ends.user_listener(family), "recv", 8)
    assert expected < 0
    assert sock.call("recv", data=bytes(8)).result == expected
    assert sock.call("recv", data=bytes(8), a=socket.MSG_DONTWAIT).result == expected


@every_family
def test_send_on_a_listener(ends, family):
    """Nor does it send."""
    expected = errno_of(ends.user_listener(family), "send", b"x")
    assert expected < 0
    assert ends.listener(family).call("send", data=b"x").result == expected


@every_family
@every_kind
def test_transfer_without_a_peer(ends, family, kind):
    """What a process's socket that is not connected says."""
    user = ends.user(family, kind)
    sock = ends.ksocket(family, kind)
    assert sock.call("send", data=b"x").result == errno_of(user, "send", b"x") < 0
    if kind == STREAM:
        assert sock.call("recv", data=bytes(8)).result == errno_of(user, "recv", 8) < 0
    assert sock.call("shutdown", a=socket.SHUT_RDWR).result == (
        errno_of(user, "shutdown", socket.SHUT_RDWR))


@every_family
def test_connect_twice(ends, family):
    """connect(2): the socket is already connected."""
    sock, peer = ends.stream(family)
    listener = ends.user_listener(family)
    assert sock.call("connect", address=where(listener)).result == -errno.EISCONN
    sock.send(b"still here")
    assert peer.recv(16) == b"still here"


@pytest.mark.parametrize("family, kind", [(INET, STREAM), (INET6, STREAM), (UNIX, STREAM),
                                          (UNIX, DGRAM)])
def test_connect_to_nobody(ends, family, kind):
    """connect(2): no-one listens on the remote address."""
    nobody = ends.user(family, kind)
    nobody.bind(ends.address(family))
    address = where(nobody)
    nobody.close()
    sock = ends.ksocket(family, kind)
    assert sock.call("connect", address=address).result == -errno.ECONNREFUSED


@every_kind
def test_connect_to_no_file(ends, kind):
    """unix(7): the pathname does not exist."""
    sock = ends.ksocket(UNIX, kind)
    assert sock.call("connect", address="/nowhere/at/all").result == -errno.ENOENT


def test_unix_types_differ(ends, tmp_path):
    """unix(7): the remote socket is not of the local socket's type."""
    peer = ends.user(UNIX, DGRAM)
    peer.bind(str(tmp_path / "dgram"))
    assert ends.ksocket(UNIX).call("connect", address=where(peer)).result == -errno.EPROTOTYPE


@sends
@every_family
def test_send_after_shutdown(ends, op, family):
    """EPIPE, and no SIGPIPE to whoever happens to run."""
    caught = []
    before = signal.signal(signal.SIGPIPE, lambda *_: caught.append(True))
    try:
        sock, _peer = ends.stream(family)
        sock.shutdown(socket.SHUT_WR)
        done = sock.call(op, data=b"x", null=0 if op == "send" else NULL_ADDR)
        assert (done.result, done.count) == (-errno.EPIPE, 0)
        # An ordinary socket in the same state does raise it: the handler works.
        user = ends.user_stream(family)[0]
        user.shutdown(socket.SHUT_WR)
        assert not caught
        assert errno_of(user, "send", b"x") == -errno.EPIPE
        until(lambda: caught, "the signal of the ordinary socket")
    finally:
        signal.signal(signal.SIGPIPE, before)


@every_family
def test_send_after_the_peer_left(ends, family):
    """A peer that closed is a broken pipe; no signal either."""
    caught = []
    before = signal.signal(signal.SIGPIPE, lambda *_: caught.append(True))
    try:
        sock, peer = ends.stream(family)
        peer.close()
        results = []
        until(lambda: results.append(sock.call("send", data=b"x").result) or results[-1],
              "the send to fail")
        # A reset that comes while sending may be told first.
        assert results[-1] in (-errno.EPIPE, -errno.ECONNRESET)
        assert sock.call("send", data=b"x").result == -errno.EPIPE
        assert not caught
    finally:
        signal.signal(signal.SIGPIPE, before)


@every_family
def test_receive_after_shutdown(ends, family):
    """shutdown(2): further receptions will be disallowed: the end of file."""
    sock, _peer = ends.stream(family)
    sock.shutdown(socket.SHUT_RD)
    for _ in range(2):
        done = sock.call("recv", data=bytes(8))
        assert (done.result, done.count) == (0, 0)


@every_family
def test_data_comes_before_the_end(ends, family):
    """What was sent before the peer's shutdown is received, then the end, for ever."""
    sock, peer = ends.stream(family)
    peer.send(b"last words")
    peer.shutdown(socket.SHUT_WR)
    assert sock.recv_exactly(10) == b"last words"
    assert sock.recv(8) == b""
    assert sock.recv(8) == b""
    sock.send(b"still sends")
    assert peer.recv(16) == b"still sends"


# --- ioctls

@every_kind
def test_signals_are_for_processes(ends, kind):
    """FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, FIOASYNC are refused."""
    sock = ends.ksocket(INET, kind)
    for cmd in (0x8901, 0x8902, 0x8903, 0x8904, termios.FIOASYNC):
        assert sock.call("ioctl", a=cmd).result == -errno.EOPNOTSUPP, hex(cmd)


@every_family
def test_unknown_ioctl(ends, family):
    """Whatever a process may ask its sockets, terminals and devices."""
    sock = ends.ksocket(family)
    for cmd in (0, -1, termios.TCGETS, 0x8906, 0x8912, 0x8946, 0x541C):
        assert sock.call("ioctl", a=cmd).result == -errno.ENOTTY, hex(cmd)


@pytest.mark.parametrize("cmd", [termios.FIONBIO, termios.FIONREAD, 0x8905, 0x5411],
                         ids=["FIONBIO", "FIONREAD", "SIOCATMARK", "SIOCOUTQ"])
def test_ioctl_without_a_place_for_its_value(ends, cmd):
    """A 0 instead of the address of an int."""
    assert ends.ksocket().call("ioctl", a=cmd, null=NULL_DATA).result == -errno.EFAULT
