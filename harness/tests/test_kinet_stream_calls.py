# SPDX-License-Identifier: GPL-2.0-only
"""What programs do with a connection: kinet's streams against the host's own TCP."""

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import threading
import time

import pytest

from blocked import BOUND, until
from kinet import INET, failure
from peers import fill, inet_family, reset
from peers import user_ioctl as number
from streams import (Info, Streams, Tally, ended, error_of, events, exchange, pass_on, pattern,
                     ready, receive, set_option, state, tcp)
from test_kinet_stream import DROPS
from threads import meanwhile
from wire import rules

pytestmark = pytest.mark.smoke

IN, OUT, PRI = select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI
HUP, RDHUP, ERR = select.EPOLLHUP, select.EPOLLRDHUP, select.EPOLLERR
ALL = IN | OUT | PRI | HUP | RDHUP | ERR
SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK = 0x541b, 0x5411, 0x894b, 0x8905
# States that socket.py doesn't name
(ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK,
 LISTEN, CLOSING) = range(1, 12)
TIMESTAMPS, SACK, WSCALE = 1, 2, 4      # tcpi_options
TCP_INQ, PEEK_OFF, SO_TIMESTAMP, SO_TIMESTAMPNS = 36, 42, 29, 35
CORK_ENDS = 0.2                         # seconds that a cork holds, tcp(7)

_libc = ctypes.CDLL(None, use_errno=True)


def both(streams, **how):
    """A connection, seen from either end"""
    one, other = streams.connection(**how)
    return (one, other), (other, one)


def timeval(seconds: float) -> bytes:
    """For SO_RCVTIMEO and SO_SNDTIMEO"""
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


# --- poll and epoll

def test_poll_before_connection(streams):
    """Neither connected nor listening; listening"""
    assert events(streams.client(), ALL) == OUT | HUP
    listener = streams.listener()
    assert events(listener, ALL) == 0
    streams.client().connect(listener.getsockname())
    assert ready(listener, ALL) == IN


def test_poll_levels(streams):
    """As long as it is so, it is told."""
    for one, other in (*both(streams),):
        assert events(one, ALL) == OUT
        other.send(b"ab")
        assert ready(one, ALL & ~OUT) == IN
        assert one.recv(1) == b"a"
        assert events(one, ALL) == IN | OUT
        assert one.recv(1) == b"b"
        assert events(one, ALL) == OUT
    other.shutdown(socket.SHUT_WR)
    ready(one, RDHUP)
    assert events(one, ALL) == IN | OUT | RDHUP
    assert ended(one)
    assert events(one, ALL) == IN | OUT | RDHUP
    one.shutdown(socket.SHUT_WR)
    assert until(lambda: events(other, ALL) == IN | OUT | RDHUP | HUP, "the end of both")
    assert events(one, ALL) == IN | OUT | RDHUP | HUP


def test_poll_own_shutdown(streams):
    """Who has shut himself may write, and is told that he can't."""
    one, other = streams.connection()
    one.shutdown(socket.SHUT_WR)
    ready(other, RDHUP)
    assert events(one, ALL) == OUT
    one.shutdown(socket.SHUT_RD)
    assert events(one, ALL) == IN | OUT | RDHUP | HUP


def test_poll_edges(streams):
    """EPOLLET: once for what comes, and again for more of it"""
    for one, other in both(streams):
        with select.epoll() as poll:
            poll.register(one, IN | OUT | RDHUP | select.EPOLLET)
            assert poll.poll(BOUND) == [(one.fileno(), OUT)]
            assert not poll.poll(0)
            for _ in range(2):
                other.send(b"x")
                assert poll.poll(BOUND) == [(one.fileno(), IN | OUT)]
            assert not poll.poll(0)
            assert one.recv(16) == b"xx"
            assert not poll.poll(0)
    with select.epoll() as poll:
        poll.register(one, IN | OUT | RDHUP | select.EPOLLET)
        assert poll.poll(BOUND) == [(one.fileno(), OUT)]
        other.shutdown(socket.SHUT_WR)
        assert poll.poll(BOUND) == [(one.fileno(), IN | OUT | RDHUP)]
        one.shutdown(socket.SHUT_WR)
        assert poll.poll(BOUND) == [(one.fileno(), IN | OUT | RDHUP | HUP)]


def test_poll_once(streams):
    """EPOLLONESHOT: not again until it is armed anew"""
    one, other = streams.connection()
    with select.epoll() as poll:
        poll.register(one, IN | select.EPOLLONESHOT)
        other.send(b"x")
        assert poll.poll(BOUND) == [(one.fileno(), IN)]
        other.send(b"y")
        until(lambda: number(one, SIOCINQ) == 2, "the second byte")
        assert not poll.poll(0)
        poll.modify(one, IN | select.EPOLLONESHOT)
        assert poll.poll(BOUND) == [(one.fileno(), IN)]


def test_poll_for_room(streams):
    """No EPOLLOUT while the buffer is full; an edge when there is room again"""
    for one, other in both(streams):
        with select.epoll() as poll:
            poll.register(one, OUT | select.EPOLLET)
            assert poll.poll(BOUND) == [(one.fileno(), OUT)]
            total = fill(one)
            assert not events(one, OUT)
            poll.poll(0)
            with meanwhile(receive, other, total):
                assert poll.poll(BOUND) == [(one.fileno(), OUT)]


def test_poll_reset(streams):
    """A reset is all of it at once."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        with select.epoll() as poll:
            poll.register(one, IN | OUT | RDHUP | select.EPOLLET)
            assert poll.poll(BOUND) == [(one.fileno(), OUT)]
            reset(other)
            assert poll.poll(BOUND) == [(one.fileno(), IN | OUT | ERR | HUP | RDHUP)]
        assert error_of(one) == errno.ECONNRESET
        assert events(one, ALL) == IN | OUT | HUP | RDHUP


@pytest.mark.parametrize("how", ["poll", "recv"])
def test_low_water(streams, how):
    """SO_RCVLOWAT: fewer bytes are not enough."""
    for one, other in both(streams):
        set_option(one, socket.SO_RCVLOWAT, 5)
        other.send(b"four")
        until(lambda sock=one: number(sock, SIOCINQ) == 4, "the bytes")
        assert not events(one, IN)
        if how == "poll":
            other.send(b"!")
            ready(one, IN)
        else:
            thread, results = in_thread(one.recv, 16)
            other.send(b"!more")
            thread.join(BOUND)
            assert results == [b"four!more"]


@pytest.mark.parametrize("size", [None, 20_000], ids=["grows", "fixed"])
def test_low_water_of_much(streams, size):
    """More than the buffer has is what it comes to have, unless SO_RCVBUF was said."""
    for one, other in both(streams):
        if size:
            set_option(one, socket.SO_RCVBUF, size)
        set_option(one, socket.SO_RCVLOWAT, 150_000)
        room = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        least = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        assert (least, room) == ((size, 2 * size) if size else (150_000, 300_000))
        data = pattern(400_000)
        with meanwhile(other.sendall, data):
            ready(one, IN)
            # The host looks at the window that is open now, too.
            assert number(one, SIOCINQ) > least // 3
            set_option(one, socket.SO_RCVLOWAT, 1)
            assert receive(one, len(data)) == data


# --- flags

def test_peek(streams):
    """MSG_PEEK"""
    for one, other in both(streams):
        other.send(b"abc")
        for size in (1, 3, 16):
            assert one.recv(size, socket.MSG_PEEK) == b"abc"[:size]
        assert number(one, SIOCINQ) == 3
        other.send(b"def")
        until(lambda sock=one: number(sock, SIOCINQ) == 6, "the rest")
        assert one.recv(16, socket.MSG_PEEK) == b"abcdef"
        assert one.recv(4) == b"abcd"
        assert one.recv(2, socket.MSG_PEEK | socket.MSG_WAITALL) == b"ef"
        assert one.recv(16) == b"ef"


@pytest.fixture
def peeking(streams):
    """Connections whose first ends peek from where they were; the host's can since 6.9."""
    ends = both(streams)
    for one, _ in ends:
        if failure(set_option, one, PEEK_OFF, 0):
            assert "stock" in streams.kinds
            pytest.skip("the host's can't")
    return ends


def test_peek_on(peeking):
    """SO_PEEK_OFF: each peek begins where the last has ended; what is received goes before."""
    for one, other in peeking:
        other.send(b"abcdef")
        until(lambda sock=one: number(sock, SIOCINQ) == 6, "all of it")
        assert one.recv(2, socket.MSG_PEEK) == b"ab"
        assert one.recv(2, socket.MSG_PEEK) == b"cd"
        assert one.getsockopt(socket.SOL_SOCKET, PEEK_OFF) == 4
        assert one.recv(1) == b"a"
        assert one.getsockopt(socket.SOL_SOCKET, PEEK_OFF) == 3
        assert one.recv(16, socket.MSG_PEEK) == b"ef"
        assert failure(one.recv, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == errno.EAGAIN
        thread, results = in_thread(one.recv, 16, socket.MSG_PEEK)
        other.send(b"gh")
        thread.join(BOUND)
        assert results == [b"gh"]
        set_option(one, PEEK_OFF, 1)
        assert one.recv(3, socket.MSG_PEEK) == b"cde"
        set_option(one, PEEK_OFF, -1)
        assert one.recv(16, socket.MSG_PEEK) == b"bcdefgh"
        assert one.recv(16) == b"bcdefgh"


def in_thread(call, *args):
    """A thread that calls, and the list where its result will be"""
    results = []
    thread = threading.Thread(target=lambda: results.append(call(*args)))
    thread.start()
    return thread, results


def test_wait_for_all(streams):
    """MSG_WAITALL: all of it, or what came before the end"""
    for one, other in both(streams):
        thread, results = in_thread(one.recv, 10, socket.MSG_WAITALL)
        other.send(b"four")
        until(lambda sock=one: not number(sock, SIOCINQ), "the first bytes to be taken")
        other.send(b"andsixmore")
        thread.join(BOUND)
        assert results == [b"fourandsix"]
        assert one.recv(10) == b"more"
    thread, results = in_thread(one.recv, 10, socket.MSG_WAITALL)
    other.send(b"four")
    other.shutdown(socket.SHUT_WR)
    thread.join(BOUND)
    assert results == [b"four"]


def test_do_not_wait(streams):
    """MSG_DONTWAIT on sockets that would; SO_RCVTIMEO and SO_SNDTIMEO, which make them wait less"""
    one, other = streams.connection()
    for sock in (one, other):
        assert failure(sock.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN
        set_option(sock, socket.SO_RCVTIMEO, timeval(0.1))
        start = time.monotonic()
        assert failure(sock.recv, 1) == errno.EAGAIN
        assert time.monotonic() - start > 0.08
    listener = streams.listener()
    set_option(listener, socket.SO_RCVTIMEO, timeval(0.1))
    assert failure(listener.accept) == errno.EAGAIN


def test_do_not_wait_for_room(streams):
    """What fits is sent, then nothing."""
    for sock in streams.connection():
        fill(sock)
        assert failure(sock.send, b"x", socket.MSG_DONTWAIT) == errno.EAGAIN
        set_option(sock, socket.SO_SNDTIMEO, timeval(0.1))
        start = time.monotonic()
        assert failure(sock.send, bytes(1 << 20)) == errno.EAGAIN
        assert time.monotonic() - start > 0.08


def test_part_is_sent(streams):
    """A send(2) that had room for a part tells how much when its time is over."""
    one, other = streams.connection()
    set_option(one, socket.SO_SNDTIMEO, timeval(0.1))
    sent = one.send(bytes(64 << 20))
    assert 0 < sent < 64 << 20
    assert receive(other, sent) == bytes(sent)


def test_discard(streams):
    """MSG_TRUNC: received, but the buffer stays as it is"""
    for one, other in both(streams):
        other.send(b"discard this, not that")
        room = bytearray(b"-" * 14)
        assert one.recv_into(room, 14, socket.MSG_TRUNC | socket.MSG_WAITALL) == 14
        assert room == b"-" * 14
        assert one.recv(16) == b"not that"


def test_pieces(streams):
    """sendmsg(2) and recvmsg(2) with many pieces; nobody is named"""
    for one, other in both(streams):
        pieces = [bytes([number_]) * number_ for number_ in range(200)]
        assert other.sendmsg(pieces) == sum(map(len, pieces))
        rooms = [bytearray(len(piece)) for piece in pieces]
        got = one.recvmsg_into(rooms, 100, socket.MSG_WAITALL)
        assert got[0] == sum(map(len, pieces)) and got[1:3] == ([], 0)
        assert rooms == pieces


def test_nothing_to_send(streams):
    """No byte sent and none received; a name is not looked at."""
    one, other = streams.connection()
    assert one.send(b"") == 0
    assert other.recv(0, socket.MSG_DONTWAIT) == b""
    assert failure(other.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN
    assert failure(other.recv, 1, socket.MSG_ERRQUEUE) == errno.EAGAIN
    one.sendto(b"x", ("192.0.2.1", 9))
    assert other.recv(16) == b"x"


def test_bad_pointers(streams):
    """EFAULT, and nothing is lost by it"""
    for one, other in both(streams):
        other.send(b"abc")
        ready(one, IN)
        for call in (_libc.recv, _libc.send):
            assert call(one.fileno(), ctypes.c_void_p(8), 100, 0) == -1
            assert ctypes.get_errno() == errno.EFAULT
        assert one.recv(16) == b"abc"
        exchange(one, other)


class Interrupted(Exception):
    """By a signal"""


def test_signals(streams):
    """They wake who sleeps in accept(2), recv(2) and send(2)."""
    def interrupt(*_):
        raise Interrupted
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        one, other = streams.connection()
        fill(one)
        for call, *args in ((streams.listener().accept,), (other.recv, 1, socket.MSG_WAITALL),
                            (one.send, b"x")):
            with pytest.raises(Interrupted):
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                while True:
                    call(*args)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- urgent data

def test_urgent(streams):
    """The byte is told by EPOLLPRI, and received apart from the others."""
    for one, other in both(streams):
        assert failure(one.recv, 1, socket.MSG_OOB) == errno.EINVAL
        other.send(b"abc!", socket.MSG_OOB)
        other.send(b"def")
        ready(one, PRI)
        until(lambda sock=one: number(sock, SIOCINQ) >= 3, "all of it")
        assert not number(one, SIOCATMARK)
        assert one.recv(1, socket.MSG_OOB | socket.MSG_PEEK) == b"!"
        assert one.recv(1, socket.MSG_OOB) == b"!"
        assert failure(one.recv, 1, socket.MSG_OOB) == errno.EINVAL
        assert one.recv(16) == b"abc"
        assert number(one, SIOCATMARK)
        assert receive(one, 3) == b"def"
        assert not number(one, SIOCATMARK)
        assert not events(one, PRI)


def test_urgent_inline(streams):
    """SO_OOBINLINE: it stays where it is, and recv(2) stops before it."""
    for one, other in both(streams):
        set_option(one, socket.SO_OOBINLINE)
        other.send(b"abc!", socket.MSG_OOB)
        other.send(b"def")
        ready(one, PRI)
        until(lambda sock=one: number(sock, SIOCINQ) == 7, "all of it")
        assert failure(one.recv, 1, socket.MSG_OOB) == errno.EINVAL
        assert one.recv(16) == b"abc"
        assert number(one, SIOCATMARK)
        assert one.recv(16) == b"!def"
        assert not number(one, SIOCATMARK)


def test_urgent_signal(streams):
    """SIGURG for the owner"""
    urgent = {signal.SIGURG}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, urgent)
    try:
        for one, other in both(streams):
            fcntl.fcntl(one, fcntl.F_SETOWN, os.getpid())
            other.send(b"!", socket.MSG_OOB)
            assert signal.sigtimedwait(urgent, BOUND)
            assert one.recv(1, socket.MSG_OOB) == b"!"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_urgent_behind_closed_window(streams):
    """RFC 9293, section 3.8.6.1: who can't send the data yet still tells that it comes."""
    client = streams.client()
    set_option(client, socket.SO_SNDBUF, 10_000)
    one, other = streams.connection(client=client)
    total = fill(one)
    # The pointer has 16 bits: what is not sent yet must be less than that.
    set_option(one, socket.SO_SNDBUF, 100_000)
    assert one.send(b"!", socket.MSG_OOB) == 1
    until(lambda: failure(other.recv, 1, socket.MSG_OOB | socket.MSG_DONTWAIT) == errno.EAGAIN,
          "what tells of it")
    assert receive(other, total) == bytes(total)
    until(lambda: not failure(other.recv, 1, socket.MSG_OOB), "the byte")


# --- queues

def test_queues(streams):
    """SIOCINQ, SIOCOUTQ, SIOCOUTQNSD"""
    one, other = streams.connection()
    pass_on(one, other)
    until(lambda: not number(one, SIOCOUTQ), "the acknowledgement")
    with rules(streams.there, DROPS):
        one.send(bytes(100))
        assert [number(one, what) for what in (SIOCOUTQ, SIOCOUTQNSD)] == [100, 0]
        assert number(other, SIOCINQ) == 0
    until(lambda: not number(one, SIOCOUTQ), "the acknowledgement")
    assert number(other, SIOCINQ) == 100
    one.shutdown(socket.SHUT_WR)
    ready(other, RDHUP)
    until(lambda: state(one) == FIN_WAIT2, "the acknowledgement of the end")
    assert [number(one, what) for what in (SIOCOUTQ, SIOCOUTQNSD)] == [0, 0]
    assert number(other, SIOCINQ) == 100
    assert receive(other, 200) == bytes(100)
    for what in (SIOCINQ, SIOCOUTQ):
        assert failure(number, streams.listener(), what) == errno.EINVAL


def test_nagle(streams):
    """A short segment waits for the acknowledgement of the one before, unless TCP_NODELAY."""
    for one, end in zip(streams.connection(), (streams.there, streams.here)):
        until(lambda sock=one: not number(sock, SIOCOUTQ), "quiet")
        with rules(end, DROPS):
            for _ in range(3):
                one.send(b"x")
            assert [number(one, what) for what in (SIOCOUTQ, SIOCOUTQNSD)] == [3, 2]
            tcp(one, socket.TCP_NODELAY, 1)
            assert [number(one, what) for what in (SIOCOUTQ, SIOCOUTQNSD)] == [3, 0]
            one.send(b"x")
            # It may wait for what is still in a queue below (tcp_autocorking), no longer.
            until(lambda sock=one: not number(sock, SIOCOUTQNSD), "it to be sent")
            assert number(one, SIOCOUTQ) == 4


@pytest.mark.parametrize("how", ["cork", "more"])
def test_cork(streams, how):
    """Nothing but whole segments goes, as long as more is said to come."""
    def held(one, other, end):
        """One round; it says nothing when what holds the rest had time to give way."""
        size = 2 * Info.of(one).snd_mss + 9
        with rules(end, DROPS):
            start = time.monotonic()
            if how == "cork":
                tcp(one, socket.TCP_CORK, 1)
            one.send(bytes(size), socket.MSG_MORE if how == "more" else 0)
            unsent = number(one, SIOCOUTQNSD)
            in_time = time.monotonic() - start < CORK_ENDS / 2
        tcp(one, socket.TCP_CORK, 0)
        assert receive(other, size) == bytes(size)
        until(lambda: not number(one, SIOCOUTQ), "the acknowledgement")
        assert not in_time or unsent == 9
        return in_time
    one, other = streams.connection()
    for ends in ((one, other, streams.there), (other, one, streams.here)):
        until(lambda ends=ends: held(*ends), "a round in time")


def test_cork_gives_way(streams):
    """In the end it goes all the same."""
    one, other = streams.connection()
    tcp(one, socket.TCP_CORK, 1)
    one.send(b"x")
    assert other.recv(16) == b"x"


# --- options that do something

@pytest.mark.parametrize("option, unit", [(SO_TIMESTAMP, 1000), (SO_TIMESTAMPNS, 1)],
                         ids=["us", "ns"])
def test_time_of_arrival(streams, option, unit):
    """When the last of what is received came; the kernel begins to look at the clock later."""
    def received(sock, size):
        data, control, *_ = sock.recvmsg(size, 64)
        assert data == bytes(size)
        return [(level, name, struct.unpack("qq", value)) for level, name, value in control]

    def told(one, other):
        other.send(bytes(1))
        return received(one, 1)
    for one, other in both(streams):
        set_option(one, option)
        until(lambda ends=(one, other): told(*ends), "the first time stamp")
        for count in (1, 2):
            before = time.time_ns()
            other.send(bytes(1))
            until(lambda sock=one, n=count: number(sock, SIOCINQ) == n, "the byte")
        (level, name, (seconds, fraction)), = received(one, 2)
        assert (level, name) == (socket.SOL_SOCKET, option)
        assert before // unit <= seconds * (10 ** 9 // unit) + fraction <= time.time_ns() // unit


@inet_family
def test_segment_size(streams, family):
    """By the link's MTU; by TCP_MAXSEG, which the peer is told, too"""
    less = 20 if family == INET else 40
    one, other = streams.connection(family)
    full = 1500 - less - 20 - 12
    assert [Info.of(sock).snd_mss for sock in (one, other)] == [full, full]
    assert [tcp(sock, socket.TCP_MAXSEG) for sock in (one, other)] == [full, full]
    client = streams.client(family)
    tcp(client, socket.TCP_MAXSEG, 500)
    one, other = streams.connection(family, client)
    assert Info.of(other).snd_mss == 500 - 12
    exchange(one, other, 50_000)


def test_keepalive(streams):
    """Probes after a while of quiet, and their answers keep the connection."""
    one, other = streams.connection()
    for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        tcp(one, name, 1)
    set_option(one, socket.SO_KEEPALIVE)
    until(lambda: Info.of(one).last_ack_recv > 900, "quiet")
    until(lambda: Info.of(one).last_ack_recv < 900, "an answer")
    exchange(one, other)


def test_keepalive_fails(streams):
    """TCP_KEEPCNT probes without an answer: ETIMEDOUT"""
    one, _ = streams.connection()
    for name, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                        (socket.TCP_KEEPCNT, 2)):
        tcp(one, name, value)
    with rules(streams.there, DROPS):
        set_option(one, socket.SO_KEEPALIVE)
        ready(one, ERR)
        assert failure(one.recv, 1) == errno.ETIMEDOUT


def test_user_timeout(streams):
    """Nothing is acknowledged for that long: ETIMEDOUT"""
    one, _ = streams.connection()
    tcp(one, socket.TCP_USER_TIMEOUT, 500)
    with rules(streams.there, DROPS):
        one.send(b"x")
        ready(one, ERR)
        assert error_of(one) == errno.ETIMEDOUT
        assert failure(one.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE


def test_fewer_syns(streams):
    """TCP_SYNCNT: so many more, then ETIMEDOUT"""
    client = streams.client()
    tcp(client, socket.TCP_SYNCNT, 1)
    client.setblocking(False)
    with rules(streams.there, DROPS):
        client.connect_ex(streams.listener().getsockname())
        assert ready(client, ALL & ~OUT) & (ERR | HUP) == ERR | HUP
        assert error_of(client) == errno.ETIMEDOUT


def test_accept_later(streams):
    """TCP_DEFER_ACCEPT: not before there is something to read"""
    listener = streams.server()
    tcp(listener, socket.TCP_DEFER_ACCEPT, 30)
    listener.listen()
    client = streams.client()
    client.connect(listener.getsockname())
    listener.setblocking(False)
    assert failure(listener.accept) == errno.EAGAIN
    client.send(b"now")
    ready(listener, IN)
    server = streams.accepted(listener)
    assert server.recv(16, socket.MSG_DONTWAIT) == b"now"
    exchange(client, server)


def test_congestion_control(streams):
    """TCP_CONGESTION: by name, before and while connected; accepted sockets inherit it."""
    listener = streams.server()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    listener.listen()
    for sock in streams.connection(listener=listener):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    one, other = streams.connection(listener=listener)
    assert other.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16) == (
        b"reno".ljust(16, b"\0"))
    assert other.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 3) == b"ren"
    for sock in (one, other):
        assert failure(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_CONGESTION,
                       b"nobody") == errno.ENOENT
        assert failure(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_CONGESTION,
                       b"") == errno.EINVAL
    exchange(one, other, 100_000)


def test_what_is_left(streams):
    """TCP_INQ: each recvmsg(2) tells how much more there is, and at the end that this is there."""
    for one, other in both(streams):
        tcp(one, TCP_INQ, 1)
        other.send(bytes(10))
        until(lambda sock=one: number(sock, SIOCINQ) == 10, "all of it")

        def left(size, sock=one):
            got, control, *_ = sock.recvmsg(size, 64)
            return got, [(*what, *struct.unpack("i", value)) for *what, value in control]
        assert left(4) == (bytes(4), [(socket.IPPROTO_TCP, TCP_INQ, 6)])
        assert left(6) == (bytes(6), [(socket.IPPROTO_TCP, TCP_INQ, 0)])
        other.send(b"x")
        other.shutdown(socket.SHUT_WR)
        ready(one, RDHUP)
        assert left(1) == (b"x", [(socket.IPPROTO_TCP, TCP_INQ, 1)])
        assert left(1) == (b"", [(socket.IPPROTO_TCP, TCP_INQ, 1)])
        tcp(one, TCP_INQ, 0)
        assert left(1) == (b"", [])


def test_unsent_low_water(streams):
    """TCP_NOTSENT_LOWAT: no room while more than that is there that hasn't gone yet."""
    client = streams.client()
    set_option(client, socket.SO_SNDBUF, 200_000)
    tcp(client, socket.TCP_NOTSENT_LOWAT, 20_000)
    one, other = streams.connection(client=client)
    with rules(streams.there, DROPS):
        total = send_what_fits(one, bytes(400_000))
        assert 20_000 <= number(one, SIOCOUTQNSD) < 20_000 + 65_536
        assert not events(one, OUT)
        tcp(one, socket.TCP_NOTSENT_LOWAT, 1 << 20)
        assert events(one, OUT)
        more = send_what_fits(one, bytes(400_000))
        assert number(one, SIOCOUTQNSD) > 20_000 + 65_536
    assert receive(other, total + more) == bytes(total + more)


def test_window_clamp(streams):
    """TCP_WINDOW_CLAMP: no more than that is on its way, however much room there is."""
    if streams.kinds[1] == "stock":
        pytest.skip("the host's forget it when data come")
    listener = streams.server()
    tcp(listener, socket.TCP_WINDOW_CLAMP, 5000)
    listener.listen()
    one, other = streams.connection(listener=listener)
    assert tcp(other, socket.TCP_WINDOW_CLAMP) == 5000
    assert failure(tcp, other, socket.TCP_WINDOW_CLAMP, 0) == errno.EINVAL
    for _ in range(10):
        one.send(bytes(4000))
        until(lambda: not number(one, SIOCOUTQ), "the acknowledgement")
        assert 0 < Info.of(one).snd_wnd <= 5000
    assert receive(other, 40_000) == bytes(40_000)
    tcp(other, socket.TCP_WINDOW_CLAMP, 50_000)
    pass_on(one, other, 100_000)
    assert 5000 < Info.of(one).snd_wnd <= 50_000


# --- TCP_INFO

def test_states(streams):
    """Through all that a socket can be seen in"""
    one = streams.client()
    assert state(one) == CLOSE
    listener = streams.listener()
    assert state(listener) == LISTEN
    one, other = streams.connection(client=one, listener=listener)
    until(lambda: state(other) == ESTABLISHED, "the last of the handshake")
    assert state(one) == ESTABLISHED
    with rules(streams.there, DROPS):
        one.shutdown(socket.SHUT_WR)
        assert state(one) == FIN_WAIT1
    until(lambda: state(one) == FIN_WAIT2, "the acknowledgement of the end")
    assert state(other) == CLOSE_WAIT
    with rules(streams.here, DROPS):
        other.shutdown(socket.SHUT_WR)
        assert state(other) == LAST_ACK
    until(lambda: state(other) == CLOSE, "the last acknowledgement")


def test_state_closing(streams):
    """The peer's end came, and not his acknowledgement of ours."""
    one, other = streams.connection()
    with rules(streams.there, DROPS):
        one.shutdown(socket.SHUT_WR)
        other.shutdown(socket.SHUT_WR)
        until(lambda: state(one) == CLOSING, "the peer's end")
    until(lambda: state(one) == state(other) == CLOSE, "both to be done")


def switch(namespace, kind, name, value):
    """A setting of either TCP"""
    namespace.sysctl(("net.kinet." if kind == "ours" else "net.ipv4.") + name, value)


@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("name, lost", [("tcp_timestamps", TIMESTAMPS), ("tcp_sack", SACK),
                                        ("tcp_window_scaling", WSCALE)])
def test_negotiated(streams, end, name, lost):
    """All, unless one of the ends wasn't to"""
    for sock in streams.connection():
        info = Info.of(sock)
        assert info.options & 7 == TIMESTAMPS | SACK | WSCALE
        assert info.snd_wscale and info.rcv_wscale
    namespace, kind = {"client": (streams.here, streams.kinds[0]),
                       "server": (streams.there, streams.kinds[1])}[end]
    switch(namespace, kind, name, 0)
    try:
        one, other = streams.connection()
    finally:
        switch(namespace, kind, name, 1)
    for sock in (one, other):
        info = Info.of(sock)
        assert info.options & 7 == (TIMESTAMPS | SACK | WSCALE) - lost
        assert info.snd_mss == (1460 if lost == TIMESTAMPS else 1448)
        assert bool(info.snd_wscale) == bool(info.rcv_wscale) == (lost != WSCALE)
    exchange(one, other, 500_000)


def test_round_trip_time(link, kinds):
    """It is measured, at both ends, and the time-out is longer."""
    net = link(delay="50ms")
    with Streams(net.client, net.server, kinds) as made:
        one, other = made.connection()
        exchange(one, other, 10_000)
        until(lambda: not number(other, SIOCOUTQ), "the last acknowledgement")
        for sock in (one, other):
            info = Info.of(sock)
            assert 95_000 < info.rtt < 2_000_000
            assert info.rttvar
            assert max(info.rtt, 200_000) <= info.rto < 10_000_000
            assert (info.pmtu, info.unacked, info.retransmits) == (1500, 0, 0)


def test_retransmissions_are_told(streams):
    """tcpi_retransmits, tcpi_backoff, tcpi_unacked; then tcpi_total_retrans"""
    one, other = streams.connection()
    pass_on(one, other)
    until(lambda: not Info.of(one).unacked, "quiet")
    before = Info.of(one).total_retrans
    with rules(streams.there, DROPS):
        one.send(b"lost")
        until(lambda: Info.of(one).retransmits > 1, "two of them")
        info = Info.of(one)
        assert info.unacked == 1 and info.backoff >= 1
        assert info.total_retrans - before >= info.retransmits
    assert other.recv(16) == b"lost"
    until(lambda: not Info.of(one).unacked, "the acknowledgement")
    info = Info.of(one)
    assert info.retransmits == info.backoff == 0
    assert info.total_retrans - before >= 2


def test_tally(streams):
    """tcpi_bytes_*, tcpi_segs_*, tcpi_data_segs_*, tcpi_last_data_*, tcpi_advmss"""
    one, other = streams.connection()
    pass_on(one, other, 100_000)
    pass_on(other, one, 10)
    until(lambda: not number(one, SIOCOUTQ) + number(other, SIOCOUTQ), "quiet")
    here, there = Tally.of(one), Tally.of(other)
    # The SYN has a number, which the host counts at the end that has sent it first.
    assert here.bytes_acked - 100_000 in (0, 1) and there.bytes_acked - 10 in (0, 1)
    assert (here.bytes_received, there.bytes_received) == (10, 100_000)
    assert (here.bytes_sent - here.bytes_retrans, there.bytes_sent) == (100_000, 10)
    assert 70 <= here.data_segs_out <= here.segs_out
    assert 70 <= there.data_segs_in <= there.segs_in
    assert here.segs_in >= there.data_segs_out == here.data_segs_in == 1
    for sock in (one, other):
        assert Info.of(sock).advmss == 1448
    other.send(b"later")
    assert receive(one, 5) == b"later"
    ages = Info.of(one)
    assert 0 <= ages.last_data_recv <= ages.last_data_sent < 1000 * BOUND


# --- files and pipes

@pytest.fixture
def file(tmp_path):
    """One that has something in it"""
    path = tmp_path / "file"
    path.write_bytes(pattern(300_000))
    with path.open("rb") as opened:
        yield opened


def test_sendfile(streams, file):
    """sendfile(2), from a place in the middle"""
    for one, other in both(streams):
        def send(sock=one):
            at = 1001
            while at < 300_000:
                at += os.sendfile(sock.fileno(), file.fileno(), at, 300_000 - at)
        with meanwhile(send):
            assert receive(other, 300_000 - 1001) == pattern(300_000)[1001:]


@pytest.mark.skipif(platform.release().startswith("6.1."), reason="nobody is told of it before 6.5")
def test_sendfile_of_less(streams, file):
    """The file has less than was asked for: nothing waits for more."""
    for (one, other), end in zip(both(streams), (streams.there, streams.here)):
        until(lambda sock=one: not number(sock, SIOCOUTQ), "quiet")
        with rules(end, DROPS):
            assert os.sendfile(one.fileno(), file.fileno(), 299_000, 5000) == 1000
            assert [number(one, what) for what in (SIOCOUTQ, SIOCOUTQNSD)] == [1000, 0]
        assert receive(other, 1000) == pattern(300_000)[299_000:]


def test_sendfile_refers(streams, file):
    """The peer gets what the file has become, as long as it has to be sent again."""
    for text, (one, other) in zip((b"changed!", b"reversed"), both(streams)):
        with rules(streams.there, DROPS), rules(streams.here, DROPS):
            assert os.sendfile(one.fileno(), file.fileno(), 0, 5000) == 5000
            with open(file.name, "r+b") as again:
                again.write(text * 625)
        assert receive(other, 5000) == text * 625


def pump(source, sink, size):
    """splice(2) so much through a pipe"""
    out, into = os.pipe()
    try:
        while size:
            count = os.splice(source, into, min(size, 65536))
            assert count, "the source has ended"
            size -= count
            while count:
                count -= os.splice(out, sink, count)
    finally:
        os.close(out)
        os.close(into)


def test_splice(streams, file, tmp_path):
    """A file through a pipe into one end, and out of the other end into a file"""
    for one, other in both(streams):
        file.seek(0)
        with (tmp_path / "copy").open("wb+") as copy:
            with meanwhile(pump, file.fileno(), one.fileno(), 300_000):
                pump(other.fileno(), copy.fileno(), 300_000)
            copy.seek(0)
            assert copy.read() == pattern(300_000)


def test_splice_nothing(streams):
    """Nothing is there: EAGAIN; nothing will come: 0"""
    one, other = streams.connection()
    out, into = os.pipe()
    try:
        one.setblocking(False)
        assert failure(os.splice, one.fileno(), into, 10) == errno.EAGAIN
        other.shutdown(socket.SHUT_WR)
        ready(one, RDHUP)
        assert os.splice(one.fileno(), into, 10) == 0
    finally:
        os.close(out)
        os.close(into)


# --- buffers

def send_what_fits(sock, data) -> int:
    """Without waiting; return how much it was."""
    sent = 0
    while sent < len(data):
        try:
            sent += sock.send(data[sent:], socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
    return sent


@pytest.mark.parametrize("name", [socket.SO_SNDBUF, socket.SO_RCVBUF], ids=["send", "receive"])
def test_small_buffer(streams, name):
    """All of it comes, bit by bit, to who sends without waiting."""
    client, listener = streams.client(), streams.server()
    for sock in (client, listener):
        set_option(sock, name, 4000)
    listener.listen()
    one, other = streams.connection(client=client, listener=listener)
    for sender, receiver in ((one, other), (other, one)):
        data, results = pattern(500_000), []
        sent = send_what_fits(sender, data)
        assert sent < len(data)
        with meanwhile(lambda sock=receiver: results.append(receive(sock, 500_000))):
            while sent < len(data):
                ready(sender, OUT)
                sent += send_what_fits(sender, data[sent:])
        assert results == [data]


def test_buffers_are_bounds(streams):
    """What is on the way is in one of them."""
    client, listener = streams.client(), streams.server()
    set_option(client, socket.SO_SNDBUF, 50_000)
    set_option(listener, socket.SO_RCVBUF, 50_000)
    listener.listen()
    one, other = streams.connection(client=client, listener=listener)
    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000
    assert other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 100_000
    total = fill(one)
    assert 20_000 < total < 250_000
    assert number(other, SIOCINQ) + number(one, SIOCOUTQ) == total
    assert receive(other, total) == bytes(total)


def test_buffers_grow(link, kinds):
    """Without SO_SNDBUF and SO_RCVBUF there comes to be room for what the wire holds."""
    net = link(delay="20ms", limit=100_000)
    with Streams(net.client, net.server, kinds) as made:
        one, other = made.connection()
        before = (one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
                  other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
        pass_on(one, other, 8_000_000)
        after = (one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
                 other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
        assert after[0] > 2 * before[0] and after[1] > 2 * before[1]
