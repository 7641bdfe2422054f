# SPDX-License-Identifier: GPL-2.0-only
"""Signals to callers who are blocked, and time-outs: what each call returns."""

import errno
import os
import signal
import socket
import struct
import threading
from pathlib import Path

import pytest

from blocked import BOUND, Blocked, need_view_of_sleepers, until
from ksock import KSocket, NOINTR, NULL_ADDR, NULL_DONE
from peers import DGRAM, INET, INET6, UNIX, every_family, fill, name, where

BLACK_HOLE = ("10.1.0.99", 9)       # on the wire, and nobody there
SIGNAL = signal.SIGUSR1


@pytest.fixture(autouse=True)
def handler():
    """A handler that does nothing: a signal without one would end the process."""
    before = signal.signal(SIGNAL, lambda *_: None)
    yield
    signal.signal(SIGNAL, before)


# --- a blocked caller of each kind: (the call, what ends it, and with what)

def accept(ends, family, flags):
    sock = ends.listener(family, flags)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    return (sock, "accept", {"addrlen": 128}), lambda: client.connect(sock.getsockname()), 0


def receive(ends, family, flags):
    sock, peer = ends.stream(family, flags)
    return (sock, "recv", {"data": bytes(5)}), lambda: peer.send(b"hello"), 5


def receive_message(ends, family, flags):
    sock, peer = ends.dgram(family, flags)
    return (sock, "recvmsg", {"data": bytes(8), "addrlen": 128}), lambda: peer.send(b"hello"), 5


def send(ends, family, flags):
    """One byte waits behind a full buffer."""
    sock, peer = ends.stream(family, flags)
    total = fill(sock)

    def drain():
        left = total
        while left:
            left -= len(peer.recv(min(left, 1 << 20)))
    return (sock, "send", {"data": b"x"}), drain, 1


def connect_to_a_full_backlog(ends, _family, flags):
    """AF_UNIX waits on the listener's queue."""
    listener = ends.user_listener(UNIX, backlog=0)
    first = ends.ksocket(UNIX)
    first.connect(where(listener))
    sock = ends.ksocket(UNIX, flags=flags)
    return (sock, "connect", {"address": where(listener)}), listener.accept, 0


def send_to_a_full_peer(ends, _family, flags):
    """AF_UNIX datagrams wait on the receiver's queue."""
    sock, peer = ends.dgram(UNIX, flags)
    while not sock.call("send", data=b"x", a=socket.MSG_DONTWAIT).result:
        pass
    return (sock, "send", {"data": b"x"}), lambda: peer.recv(1), 1


def sendto_a_full_peer(ends, _family, flags):
    """The same without a connection."""
    peer = ends.user(UNIX, DGRAM)
    peer.bind(name())
    sock = ends.ksocket(UNIX, DGRAM, flags)
    fields = {"data": b"x", "address": where(peer)}
    while not sock.call("sendto", a=socket.MSG_DONTWAIT, **fields).result:
        pass
    return (sock, "sendto", fields), lambda: peer.recv(1), 1


def connect(ends, _family, flags):
    """SYNs to nobody; ended by the neighbour that is not found."""
    sock = ends.ksocket(flags=flags)
    return (sock, "connect", {"address": BLACK_HOLE}), None, 0


CASES = [(case, family) for case in (accept, receive, receive_message, send)
         for family in (INET, INET6, UNIX)]
CASES += [(case, UNIX) for case in (connect_to_a_full_backlog, send_to_a_full_peer,
                                    sendto_a_full_peer)]
IDS = [f"{case.__name__}-{family.name[3:].lower()}" for case, family in CASES]
every_case = pytest.mark.parametrize("case, family", CASES, ids=IDS)
with_connect = pytest.mark.parametrize("case, family", [*CASES, (connect, INET)],
                                       ids=[*IDS, "connect-inet"])


def interrupt(call):
    """A signal to the thread that makes the call."""
    signal.pthread_kill(call.thread.ident, SIGNAL)


def mask(tid, field) -> int:
    """A set of signals from the thread's status."""
    status = Path(f"/proc/self/task/{tid}/status").read_text(encoding="ascii")
    line, = (line for line in status.splitlines() if line.startswith(field + ":"))
    return int(line.split()[1], 16)


def pending(call) -> bool:
    return bool(mask(call.tid, "SigPnd") >> SIGNAL - 1 & 1)


@pytest.mark.smoke
@with_connect
def test_signal_interrupts(ends, case, family):
    """A signal ends the wait with EINTR; nothing was transferred."""
    (sock, op, fields), _end, _count = case(ends, family, 0)
    call = Blocked(sock, op, **fields)
    interrupt(call)
    assert call.result() == -errno.EINTR
    assert (call.done.count, call.done.call.new) == (0, -1)


@every_case
def test_interrupted_call_can_be_made_again(ends, case, family):
    """After EINTR nothing is lost: the same call goes on where it was."""
    (sock, op, fields), end, count = case(ends, family, 0)
    call = Blocked(sock, op, **fields)
    interrupt(call)
    assert call.result() == -errno.EINTR
    call = Blocked(sock, op, **fields)
    end()
    assert (call.result(), call.done.count) == (0, count)


@pytest.mark.smoke
@every_case
def test_unmasked_signal_waits_for_the_call(ends, case, family):
    """With KSOCK_NOINTR a signal stays pending until the call is done."""
    (sock, op, fields), end, count = case(ends, family, NOINTR)
    call = Blocked(sock, op, **fields)
    interrupt(call)
    until(lambda: pending(call) and call.asleep(), "the signal to be pending")
    end()
    assert (call.result(), call.done.count) == (0, count)


def test_mask_is_as_before(ends):
    """A call with KSOCK_NOINTR restores the caller's signal mask."""
    sock, peer = ends.stream(flags=NOINTR)
    tid = threading.get_native_id()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        masked = mask(tid, "SigBlk")
        sock.send(b"hello")
        assert peer.recv(8) == b"hello"
        assert mask(tid, "SigBlk") == masked
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def state_of(pid) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0]


def in_call(pid) -> bool:
    """Asleep in ioctl(2)"""
    syscall = Path(f"/proc/{pid}/syscall").read_text(encoding="ascii")
    return state_of(pid) == "S" and syscall.startswith("16 ")


def child(call):
    """A process that makes the call; its exit code is the negated result."""
    need_view_of_sleepers()
    pid = os.fork()
    if not pid:
        os._exit(-call().result)        # pylint: disable=protected-access
    until(lambda: in_call(pid), "the child to sleep in the call")
    return pid


@pytest.mark.parametrize("family", [INET, UNIX], ids=["inet", "unix"])
def test_kill_ends_a_blocked_process(ends, family):
    """SIGKILL wakes a process that is blocked in recv."""
    sock, _peer = ends.stream(family)
    pid = child(lambda: sock.call("recv", data=bytes(8)))
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


@pytest.mark.parametrize("family", [INET, UNIX], ids=["inet", "unix"])
def test_kill_waits_for_the_call(ends, family):
    """With KSOCK_NOINTR even SIGKILL lets the call be finished: the data is taken."""
    sock, peer = ends.stream(family, NOINTR)
    pid = child(lambda: sock.call("recv", data=bytes(8)))
    os.kill(pid, signal.SIGKILL)
    until(lambda: in_call(pid), "the child to sleep again")
    peer.send(b"taken")
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    peer.send(b"next")
    assert sock.recv(16) == b"next"


def lingering(ends, flags):
    """A close that waits until the peer has what it does not read."""
    sock, peer = ends.stream(flags=flags)
    total = fill(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, BOUND))
    return Blocked(sock, "close"), peer, total


def test_signal_ends_the_lingering(ends):
    """The socket is closed all the same, and everything arrives."""
    call, peer, total = lingering(ends, 0)
    interrupt(call)
    assert call.result() == 0
    assert len(received(peer, total)) == total
    assert peer.recv(8) == b""


def test_lingering_without_signals(ends):
    """With KSOCK_NOINTR the close waits on."""
    call, peer, total = lingering(ends, NOINTR)
    interrupt(call)
    until(lambda: pending(call) and call.asleep(), "the signal to be pending")
    assert len(received(peer, total)) == total
    assert call.result() == 0
    assert peer.recv(8) == b""


# --- time-outs

def timeout(sock, option, milliseconds=50):
    sock.setsockopt(socket.SOL_SOCKET, option,
                    struct.pack("=qq", milliseconds // 1000, milliseconds % 1000 * 1000))


@pytest.mark.smoke
@with_connect
def test_time_is_over(ends, case, family):
    """SO_RCVTIMEO and SO_SNDTIMEO end the wait with EAGAIN; the call can be made again."""
    (sock, op, fields), end, count = case(ends, family, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        timeout(sock, option)
    done = sock.call(op, **fields)
    assert (done.result, done.count, done.call.new) == (-errno.EAGAIN, 0, -1)
    if end:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            timeout(sock, option, 0)
        call = Blocked(sock, op, **fields)
        end()
        assert (call.result(), call.done.count) == (0, count)


@every_family
def test_time_of_the_other_direction(ends, family):
    """SO_SNDTIMEO does not end a receive."""
    sock, peer = ends.stream(family)
    timeout(sock, socket.SO_SNDTIMEO, 1)
    call = Blocked(sock, "recv", data=bytes(5))
    peer.send(b"hello")
    assert (call.result(), call.done.count) == (0, 5)


# --- a part was transferred before the error

def blocked_in_the_middle(ends, family, sndbuf=4096, **fields):
    """A send of more than buffers hold."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    data = bytes(range(256)) * 65536
    return sock, peer, data, Blocked(sock, "send", data=data, **fields)


def received(peer, size) -> bytes:
    got = bytearray()
    while len(got) < size:
        part = peer.recv(min(size - len(got), 1 << 20))
        assert part, "the stream ended early"
        got += part
    return bytes(got)


@pytest.mark.smoke
@every_family
def test_interrupted_send_tells_the_part(ends, family):
    """0 with the count of what went, and just that arrives."""
    sock, peer, data, call = blocked_in_the_middle(ends, family)
    interrupt(call)
    assert call.result() == 0
    count = call.done.count
    assert 0 < count < len(data)
    assert received(peer, count) == data[:count]
    sock.send(b"next")
    assert peer.recv(8) == b"next"


@every_family
def test_interrupted_uncounted_send_is_an_error(ends, family):
    """All or an error: a part is an error."""
    _sock, _peer, _data, call = blocked_in_the_middle(ends, family, null=NULL_DONE)
    interrupt(call)
    assert call.result() == -errno.EINTR


@every_family
def test_send_that_ran_out_of_time_tells_the_part(ends, family):
    """SO_SNDTIMEO after a part: 0 with the count; then EAGAIN, as nothing goes."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    timeout(sock, socket.SO_SNDTIMEO, 200)
    data = bytes(range(256)) * 65536
    done = sock.call("send", data=data)
    assert done.result == 0
    assert 0 < done.count < len(data)
    again = sock.call("send", data=b"x")
    # The network may have moved a little on since.
    assert (again.result, again.count) in ((-errno.EAGAIN, 0), (0, 1))
    assert received(peer, done.count) == data[:done.count]


@every_family
def test_error_after_a_part_comes_with_the_next_call(ends, family):
    """The peer goes in the middle: first the count, then the error."""
    sock, peer, data, call = blocked_in_the_middle(ends, family)
    if family != UNIX:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    peer.close()
    assert call.result() == 0
    assert 0 < call.done.count < len(data)
    assert sock.call("send", data=b"x").result in (-errno.EPIPE, -errno.ECONNRESET)
    assert sock.call("send", data=b"x").result == -errno.EPIPE


@every_family
def test_interrupted_waitall_tells_the_part(ends, family):
    """MSG_WAITALL: a signal ends it with what has come."""
    sock, peer = ends.stream(family)
    peer.send(b"part")
    until(lambda: sock.poll() & 1, "the data to arrive")
    call = Blocked(sock, "recv", data=bytes(8), a=socket.MSG_WAITALL)
    interrupt(call)
    assert (call.result(), call.done.count) == (0, 4)
    assert call.done.data[:4] == b"part"


def test_interrupted_connect_goes_on(ends, link):
    """connect(2): the connection is made asynchronously; connecting again waits for it."""
    net = link(delay="1s")
    with net.server, socket.create_server((net.server.v4, 0)) as server:
        with net.client:
            sock = ends.device.socket()
        call = Blocked(sock, "connect", address=server.getsockname())
        interrupt(call)
        assert call.result() == -errno.EINTR
        sock.connect(server.getsockname())
        with server.accept()[0] as peer:
            sock.send(b"hello")
            assert peer.recv(8) == b"hello"
            # The network goes before a FIN would have crossed it.
            for end in (sock, peer):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))


@pytest.mark.parametrize("null", [0, NULL_ADDR], ids=["name", "no-name"])
def test_interrupted_accept_takes_no_connection(ends, null):
    """What comes after an interrupted accept is for the next."""
    (sock, op, fields), end, _count = accept(ends, INET, 0)
    call = Blocked(sock, op, **fields)
    interrupt(call)
    assert call.result() == -errno.EINTR
    end()
    done = sock.call("accept", addrlen=128, null=null).check()
    assert KSocket(sock.device, done.call.new).call("send", data=b"x").result == 0
