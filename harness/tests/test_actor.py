# SPDX-License-Identifier: GPL-2.0-only
"""Receive actors: data taken in place, where it arrives, and what they send from there."""

import contextlib
import errno
import select
import socket
import struct
import threading
import time

import pytest

from actors import Actor
from blocked import BOUND, until
from events import Events, both_modes
from ksock import NULL_HANDLE
from peers import DGRAM, INET, STREAM, UNIX, inet_family
from test_netns import connected as connect
from test_netns import lose
from threads import over_and_over
from wire import chain, rules

pytestmark = pytest.mark.smoke

LINGER_NOW = struct.pack("=ii", 1, 0)
FIONREAD = 0x541b


def pattern(size, seed=0) -> bytes:
    return bytes((number * 7 + seed) & 255 for number in range(size))


@inet_family
def test_takes_a_stream(ends, family):
    """Every byte, in order."""
    sock, peer = ends.stream(family)
    actor = Actor(sock)
    data = pattern(300000)
    peer.sendall(data)
    actor.until(data)


@inet_family
def test_takes_what_waits_already(ends, family):
    """Upon registration, though nothing comes any more"""
    sock, peer = ends.stream(family)
    peer.sendall(b"early")
    until(lambda: sock.ioctl(FIONREAD) == 5, "the data to arrive")
    Actor(sock).until(b"early")


@inet_family
def test_takes_messages(ends, family):
    """Datagrams, the empty one is offered, too."""
    sock, peer = ends.dgram(family)
    actor = Actor(sock)
    for number in range(20):
        peer.send(pattern(number * 50, number))
    actor.until(b"".join(pattern(number * 50, number) for number in range(20)))


@inet_family
def test_takes_less(ends, family):
    """Back-pressure: the window closes; resumed, it goes on where it was."""
    sock, peer = ends.stream(family)
    actor = Actor(sock, allowed=1000)
    peer.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += peer.send(pattern(1 << 16, sent))
    until(lambda: actor.count() == 1000, "the actor to take what it may")
    assert sock.ioctl(FIONREAD) > 0
    actor.resume(5000)
    until(lambda: actor.count() == 6000, "the actor to take more")
    actor.resume(1 << 30)
    until(lambda: actor.count() == sent, "the actor to take the rest")


def ended_early(ends, family, mode):
    """A stream whose peer has sent 100 bytes and the end, of which an actor took ten"""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    actor = Actor(sock, allowed=10)
    peer.sendall(pattern(100))
    peer.shutdown(socket.SHUT_WR)
    until(lambda: actor.count() == 10, "the actor to take what it may")
    until(lambda: sock.poll() & 0x2000, "the end of the file to arrive")
    return sock, told, actor


@both_modes
@inet_family
def test_end_of_file_is_behind_the_data(ends, family, mode):
    """recv(0) comes when all was taken, and no recv(n) before."""
    sock, told, actor = ended_early(ends, family, mode)
    assert told.seen() == []
    actor.resume(1000)
    told.expect(("recv", 0))
    assert actor.taken() == pattern(100)


@both_modes
@inet_family
def test_data_with_the_fin_is_taken_first(ends, family, mode):
    """They arrive together: all is taken as the end is told."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    actor = Actor(sock)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    peer.sendall(pattern(100))
    peer.shutdown(socket.SHUT_WR)
    told.expect(("recv", 0))
    assert actor.taken() == pattern(100)


@both_modes
@inet_family
def test_reset(ends, family, mode):
    """What came before was taken; the end is told."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    actor = Actor(sock)
    peer.sendall(b"12345")
    actor.until(b"12345")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    peer.close()
    told.until("disconnected", errno.ECONNRESET)
    assert actor.taken() == b"12345"


@both_modes
@inet_family
def test_steps_over_an_urgent_byte(ends, family, mode):
    """It is told as an exception, received by MSG_OOB, and not offered."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    actor = Actor(sock)
    peer.sendall(b"before")
    peer.send(b"!", socket.MSG_OOB)
    peer.sendall(b"after")
    actor.until(b"beforeafter")
    told.until("exception", 1)
    assert sock.recv(1, socket.MSG_OOB) == b"!"
    peer.sendall(b"more")
    actor.until(b"beforeaftermore")


@inet_family
def test_takes_an_urgent_byte_in_line(ends, family):
    """SO_OOBINLINE: it is one of the stream's."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    actor = Actor(sock)
    peer.sendall(b"before")
    peer.send(b"!", socket.MSG_OOB)
    peer.sendall(b"after")
    actor.until(b"before!after")


@inet_family
def test_echo(ends, family):
    """What is sent from the actor comes back, and nothing else."""
    sock, peer = ends.stream(family)
    Actor(sock, "echo")
    data = pattern(100000)
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    got = b""
    while len(got) < len(data):
        got += peer.recv(1 << 16)
    sender.join(BOUND)
    assert got == data


@inet_family
def test_echo_of_messages(ends, family):
    """Datagrams, on a connected socket"""
    sock, peer = ends.dgram(family)
    Actor(sock, "echo")
    for size in (1, 100, 1400):
        peer.send(pattern(size, size))
        assert peer.recv(2000) == pattern(size, size)


@inet_family
def test_echo_to_a_peer_that_does_not_read(ends, family):
    """A send that falls short is back-pressure; room runs the actor again."""
    sock, peer = ends.stream(family)
    actor = Actor(sock, "echo")
    peer.setblocking(False)
    sent = 0
    last = -1
    while last != actor.count() or last < 100000:
        last = actor.count()
        try:
            while True:
                sent += peer.send(pattern(1 << 16))
        except BlockingIOError:
            pass
        until(lambda: sock.ioctl(FIONREAD) > 0 or actor.count() == sent, "the echo to stop")
    peer.settimeout(BOUND)
    got = 0
    while got < sent:
        got += len(peer.recv(1 << 20))
    until(lambda: actor.count() == sent, "all to be taken")


@both_modes
@inet_family
def test_end_of_file_behind_what_waited_for_room(ends, family, mode):
    """The peer ends, then reads: the echo of the last byte is followed by recv(0)."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    actor = Actor(sock, "echo")
    peer.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += peer.send(pattern(1 << 16))
    until(lambda: sock.ioctl(FIONREAD) > 0, "the echo to stop")
    peer.shutdown(socket.SHUT_WR)
    peer.settimeout(BOUND)
    got = 0
    while got < sent:
        got += len(peer.recv(1 << 20))
    told.expect(("recv", 0))
    assert actor.count() == sent


@inet_family
def test_takes_what_comes_behind_an_error(pair, ends, family):
    """A reply that was refused is an error; the next message is taken all the same."""
    sock, peer = ends.dgram(family)
    actor = Actor(sock, "echo")
    with rules(pair.server, chain("input", "meta l4proto udp reject")):
        peer.send(b"1")
        until(lambda: sock.poll() & select.POLLERR, "the error")
    peer.send(b"2")
    actor.until(b"12")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@inet_family
def test_takes_many_messages_that_wait(ends, family):
    """More than there are in one run"""
    sock, peer = ends.dgram(family)
    for number in range(150):
        peer.send(bytes([number]))
    Actor(sock).until(bytes(range(150)))


@both_modes
@inet_family
def test_taken_off_before_the_end(ends, family, mode):
    """What it has left is told, and the end of file behind it."""
    sock, told, _ = ended_early(ends, family, mode)
    Actor(sock, "off")
    told.expect(("recv", 90), ("recv", 0))
    assert sock.recv(100) == pattern(100)[10:]


@inet_family
def test_two_ends_talk_on_one_cpu(ends, family):
    """Both are actors that echo: no segment is dropped, and others get their turn."""
    listener = ends.listener(family)
    one = ends.ksocket(family, end=ends.net.server)
    one.connect(listener.getsockname())
    other, _ = listener.accept()
    one.send(b"ping")
    first = Actor(other, "echo", allowed=8000)
    second = Actor(one, "echo")
    until(lambda: first.count() == 8000, "the ends to have talked")
    assert second.count() >= 8000 - 4
    with ends.net.server, open("/proc/thread-self/net/netstat", encoding="ascii") as file:
        names, values = [line.split() for line in file.read().splitlines()
                         if line.startswith("TcpExt:")]
    assert dict(zip(names, values))["TCPBacklogDrop"] == "0"


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["stream", "dgram"])
def test_calls_on_its_socket_are_refused(ends, kind):
    """-EBUSY from outside, -EDEADLK from within; atomic calls elsewhere -EINVAL."""
    sock, peer = ends.connected(INET, kind)
    actor = Actor(sock, "call")
    for op in ("send", "recv"):
        assert sock.call(op, data=bytes(1)).result == -errno.EBUSY, op
    peer.send(b"1")
    actor.until(b"1")
    assert actor.refused() == -errno.EDEADLK
    Actor(sock, "off")
    sock.send(b"2")
    assert peer.recv(8) == b"2"


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["stream", "dgram"])
def test_off_while_it_runs(ends, kind):
    """When the call returns it does not run, and the rest is received as ever."""
    sock, peer = ends.connected(INET, kind)
    peer.settimeout(BOUND)
    with over_and_over(peer.send, bytes(100)):
        for _ in range(20):
            actor = Actor(sock)
            until(lambda: actor.count(), "the actor to run")
            sock.call("actor", a=0).check()
            assert len(sock.recv(100)) > 0
        # What it sends last may be waiting for room.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        Actor(sock)


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["stream", "dgram"])
def test_close_while_it_runs(ends, kind):
    """Nothing of it runs afterwards."""
    for _ in range(10):
        sock, peer = ends.connected(INET, kind)

        def send():
            with contextlib.suppress(OSError):
                peer.send(bytes(1000))
        actor = Actor(sock, "echo")
        with over_and_over(send):
            until(lambda: actor.count(), "the actor to run")
            sock.close()


@inet_family
def test_a_small_message_stream_is_not_acknowledged_one_by_one(ends, family):
    """A taker would have TCP acknowledge each segment: every second one will do."""
    sock, peer = ends.stream(family)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    actor = Actor(sock)
    total = 0
    for _ in range(500):        # past the quick acknowledgements of the beginning
        total += peer.send(bytes(500))
    until(lambda: actor.count() == total, "the actor to take it")
    before = info(peer)
    for _ in range(500):
        total += peer.send(bytes(500))
    until(lambda: actor.count() == total, "the actor to take it")
    segments, acks = (now - then for now, then in zip(info(peer), before))
    assert acks <= segments * 0.6, (segments, acks)


@inet_family
def test_a_sender_that_waits_is_not_kept_waiting(ends, family):
    """Nagle's second small segment waits for the first's acknowledgement, but not for 40 ms."""
    sock, peer = ends.stream(family)
    actor = Actor(sock)
    total = 0

    def send_twice():
        nonlocal total
        begun = time.monotonic()
        total += peer.send(bytes(100)) + peer.send(bytes(100))
        until(lambda: actor.count() == total, "the actor to take both")
        return time.monotonic() - begun

    for _ in range(50):         # past the quick acknowledgements of the beginning
        send_twice()
    assert min(send_twice() for _ in range(50)) < 0.030


def info(sock):
    """TCP_INFO's segs_out and segs_in"""
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return struct.unpack_from("=II", raw, 136)


@pytest.mark.parametrize("case", ["unix", "listener", "null", "closed"])
def test_refused(ends, case):
    """A family that has none, a listener, no handle"""
    sock = {"unix": lambda: ends.stream(UNIX)[0], "listener": ends.listener,
            "null": ends.ksocket, "closed": ends.ksocket}[case]()
    if case == "closed":
        sock.hold()
        sock.close()
    wanted = {"unix": errno.EOPNOTSUPP, "listener": errno.EINVAL}.get(case, errno.ENOTSOCK)
    null = NULL_HANDLE if case == "null" else 0
    assert sock.call("actor", a=1, b=-1, null=null).result == -wanted
    assert sock.call("resume", null=null).result == -(errno.EINVAL if case in (
        "unix", "listener") else errno.ENOTSOCK)
    if case == "closed":
        sock.rele()


@inet_family
def test_a_socket_that_has_one_does_not_listen(ends, family):
    """What waits at a listener is no data."""
    sock = ends.ksocket(family, end=ends.net.server)
    sock.bind(ends.address(family))
    Actor(sock)
    assert sock.call("listen", a=1).result == -errno.EINVAL
    Actor(sock, "off")
    sock.listen()


def test_lossy_wire(link, device):
    """Out of order, from the backlog, retransmitted: every byte once, both ways."""
    net = link(delay="2ms")
    sock, peer = connect(net, device)
    actor = Actor(sock, "echo")
    lose(net)
    data = pattern(60000)
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    got = b""
    while len(got) < len(data):
        got += peer.recv(1 << 16)
    sender.join(BOUND)
    assert (got, actor.taken()) == (data, data)
