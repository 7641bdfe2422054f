# SPDX-License-Identifier: GPL-2.0-only
"""What the ioctls answer: as of a process's socket in the same state."""

import errno
import socket
import struct
import termios

import pytest

from blocked import Blocked, until
from peers import (DGRAM, INET, KINET, STREAM, UNIX, any_inet, every_family, every_kind, fill,
                   user_ioctl, where)

pytestmark = pytest.mark.smoke

FIONREAD, SIOCOUTQ, SIOCATMARK = termios.FIONREAD, termios.TIOCOUTQ, 0x8905


def user_pair(ends, family, kind):
    """Two sockets of this process, as Ends.connected() makes a ksocket and one."""
    if kind == STREAM:
        return ends.user_stream(family)
    user, peer = ends.user(family, DGRAM), ends.user(family, DGRAM)
    for end in (user, peer):
        end.bind(ends.address(family))
    user.connect(where(peer))
    peer.connect(where(user))
    return user, peer


@every_kind
@every_family
def test_readable(ends, family, kind):
    """FIONREAD: a stream's bytes; the length of the next datagram, also after a peek."""
    first = 8 if kind == STREAM else 5
    sock, peer = ends.connected(family, kind)
    user, user_peer = user_pair(ends, family, kind)
    for end, other, ask in ((sock, peer, sock.ioctl),
                            (user, user_peer, lambda cmd: user_ioctl(user, cmd))):
        assert ask(FIONREAD) == 0
        other.send(b"hello")
        other.send(b"you")
        until(lambda: ask(FIONREAD) == first, "the data to arrive")
        assert end.recv(2, socket.MSG_PEEK) == b"he"
        assert ask(FIONREAD) == first
        assert end.recv(5) == b"hello"
        until(lambda: ask(FIONREAD) == 3, "the rest to arrive")
        assert end.recv(5) == b"you"
        assert ask(FIONREAD) == 0


@any_inet
def test_empty_datagram(ends, family):
    """FIONREAD of a datagram without bytes is 0, though there is one."""
    sock, peer = ends.dgram(family)
    peer.send(b"")
    until(lambda: sock.poll() & 1, "the datagram")
    assert sock.ioctl(FIONREAD) == 0
    assert sock.recv(8) == b""


@every_family
def test_readable_at_the_end(ends, family):
    """FIONREAD counts no end of file."""
    sock, peer = ends.stream(family)
    peer.send(b"hello")
    peer.shutdown(socket.SHUT_WR)
    until(lambda: sock.poll() & 0x2000, "the end of file")
    assert sock.ioctl(FIONREAD) == 5
    sock.recv(8)
    assert sock.ioctl(FIONREAD) == 0


@every_family
@pytest.mark.parametrize("cmd", [FIONREAD, SIOCOUTQ], ids=["FIONREAD", "SIOCOUTQ"])
def test_queues_of_a_listener(ends, family, cmd):
    """A listener has none: what a process's listener says."""
    user = ends.user_listener(family)
    try:
        expected = (0, user_ioctl(user, cmd))
    except OSError as error:
        expected = (-error.errno, 0)
    done = ends.listener(family).call("ioctl", a=cmd)
    assert (done.result, done.call.b) == expected
    if family != UNIX:
        assert done.result == -errno.EINVAL


@any_inet
def test_unacknowledged(ends, family):
    """SIOCOUTQ: what is sent and not acknowledged, or waits behind a full window."""
    sock, peer = ends.stream(family)
    assert sock.ioctl(SIOCOUTQ) == 0
    total = fill(sock)
    queued = sock.ioctl(SIOCOUTQ)
    # The window is closed: what the peer has is acknowledged.
    assert queued == total - user_ioctl(peer, FIONREAD)
    assert queued > 0
    left = total
    while left:
        left -= len(peer.recv(min(left, 1 << 20)))
    until(lambda: sock.ioctl(SIOCOUTQ) == 0, "the acknowledgement")


@every_kind
def test_unread_by_the_unix_peer(ends, kind):
    """SIOCOUTQ of AF_UNIX: what the peer has not read, as a process's socket counts it."""
    sock, peer = ends.connected(UNIX, kind)
    user, user_peer = user_pair(ends, UNIX, kind)
    empty = sock.ioctl(SIOCOUTQ)
    assert empty == user_ioctl(user, SIOCOUTQ) == 0
    sock.send(b"hello")
    user.send(b"hello")
    assert sock.ioctl(SIOCOUTQ) == user_ioctl(user, SIOCOUTQ) > 0
    peer.recv(8)
    user_peer.recv(8)
    assert sock.ioctl(SIOCOUTQ) == user_ioctl(user, SIOCOUTQ) == 0


@any_inet
def test_mark(ends, family):
    """SIOCATMARK: true just before the urgent byte, as for a process's socket."""
    sock, peer = ends.stream(family)
    user, user_peer = ends.user_stream(family)
    seen = []
    for end, other, ask in ((sock, peer, sock.ioctl),
                            (user, user_peer, lambda cmd: user_ioctl(user, cmd))):
        answers = [ask(SIOCATMARK)]
        other.send(b"ab!", socket.MSG_OOB)
        other.send(b"cd")
        until(lambda: ask(FIONREAD) >= 2, "the data")
        answers.append(ask(SIOCATMARK))
        answers.append(end.recv(8))
        answers.append(ask(SIOCATMARK))
        answers.append(end.recv(1, socket.MSG_OOB))
        rest = b""
        while len(rest) < 2:
            rest += end.recv(2)
        answers.append(rest)
        answers.append(ask(SIOCATMARK))
        seen.append(answers)
    assert seen[0] == seen[1] == [0, 0, b"ab", 1, b"!", b"cd", 0]


@pytest.mark.parametrize("family, kind", [(INET, DGRAM), (UNIX, DGRAM), (KINET, DGRAM)],
                         ids=["udp", "unix", "kinet"])
def test_mark_is_for_streams(ends, family, kind):
    """SIOCATMARK of datagrams."""
    assert ends.ksocket(family, kind).call("ioctl", a=SIOCATMARK).result == -errno.ENOTTY


def test_nonblocking_is_any_number(ends):
    """FIONBIO: every value but 0."""
    sock, peer = ends.stream()
    for value in (1, -1, 256, 1 << 31):
        sock.ioctl(termios.FIONBIO, struct.unpack("=i", struct.pack("=I", value & 0xffffffff))[0])
        assert sock.call("recv", data=bytes(8)).result == -errno.EAGAIN
    sock.ioctl(termios.FIONBIO, 0)
    call = Blocked(sock, "recv", data=bytes(5))
    peer.send(b"hello")
    assert call.result() == 0
