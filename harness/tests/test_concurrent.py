# SPDX-License-Identifier: GPL-2.0-only
"""Several callers on one socket at once: each byte, message and connection goes to one."""

import errno
import socket
import threading

import pytest

from blocked import BOUND, Blocked
from ksock import KSocket
from peers import DGRAM, UNIX, every_family, inet_family

CALLERS = 4
MANY = 200


def together(*calls):
    """Run the calls in threads of their own; return what they returned, in order."""
    results = [None] * len(calls)

    def run(index, call):
        results[index] = call()
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
        assert not thread.is_alive(), f"a caller is not done after {BOUND} s"
    return results


@every_family
def test_both_ways_at_once(ends, family):
    """One sends while another receives, more than the buffers hold."""
    sock, peer = ends.stream(family)
    data = bytes(range(256)) * 4096

    def peer_receives():
        got = b""
        while len(got) < len(data):
            got += peer.recv(1 << 20)
        return got
    sent, received, got, _ = together(lambda: sock.send(data), lambda: sock.recv_exactly(len(data)),
                                      peer_receives, lambda: peer.sendall(data))
    assert (sent, received, got) == (len(data), data, data)


@pytest.mark.smoke
@every_family
def test_each_connection_is_accepted_once(ends, family):
    """Several wait in accept: each gets a connection of its own."""
    listener = ends.listener(family)
    waiting = [Blocked(listener, "accept", addrlen=128) for _ in range(CALLERS)]
    clients = []
    for number in range(CALLERS):
        clients.append(ends.user(family, end=None if family == UNIX else ends.net.client))
        clients[-1].connect(listener.getsockname())
        clients[-1].send(bytes([number]))
    assert [call.result() for call in waiting] == [0] * CALLERS
    socks = [KSocket(ends.device, call.done.call.new) for call in waiting]
    assert sorted(sock.recv(8) for sock in socks) == [bytes([n]) for n in range(CALLERS)]


@every_family
def test_each_datagram_is_received_once(ends, family):
    """Several receive: together they have every datagram, whole, and none twice."""
    sock, peer = ends.dgram(family)

    sent = [b"%d" % number for number in range(MANY)]
    acknowledged = threading.Semaphore(8)       # UDP drops what doesn't fit

    def receive():
        got = []
        while (data := sock.recv(16)) != b"":
            got.append(data)
            acknowledged.release()
        return got

    def send():
        for data in sent:
            assert acknowledged.acquire(timeout=BOUND)
            peer.send(data)
        for _ in range(CALLERS):
            peer.send(b"")
    *got, _ = together(*[receive] * CALLERS, send)
    assert sorted(sum(got, [])) == sorted(sent)


@every_family
def test_datagrams_of_several_senders(ends, family):
    """Several send: no datagram is mixed with another."""
    sock, peer = ends.dgram(family)
    messages = [bytes([number]) * (500 + number) for number in range(CALLERS)]
    acknowledged = threading.Semaphore(8)

    def send(data):
        for _ in range(MANY // CALLERS):
            assert acknowledged.acquire(timeout=BOUND)
            sock.send(data)

    def receive():
        got = []
        for _ in range(MANY // CALLERS * CALLERS):
            got.append(peer.recv(2000))
            acknowledged.release()
        return got
    *_, got = together(*[lambda data=data: send(data) for data in messages], receive)
    assert {data: got.count(data) for data in set(got)} == {
        data: MANY // CALLERS for data in messages}


@inet_family
def test_options_while_it_is_used(ends, family):
    """Options, names, poll and ioctls while data flows."""
    sock, peer = ends.stream(family)
    data = bytes(range(256)) * 2048
    over = threading.Event()

    def ask():
        count = 0
        while not over.is_set():
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, count & 1)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == count & 1
            assert sock.getpeername() == peer.getsockname()
            assert not sock.poll() & (8 | 32)           # EPOLLERR, EPOLLNVAL
            sock.ioctl(0x541B)
            count += 1
        return count

    def exchange():
        try:
            threading.Thread(target=peer.sendall, args=(data,)).start()
            return sock.recv_exactly(len(data))
        finally:
            over.set()
    got, count = together(exchange, ask)
    assert got == data
    assert count


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, DGRAM], ids=["stream", "dgram"])
def test_close_by_many(ends, kind):
    """Of many who close at once, one does, and the others are told."""
    for _ in range(20):
        sock, _peer = ends.connected(socket.AF_INET, kind)
        results = together(*[lambda: sock.call("close").result] * CALLERS)
        assert sorted(results) == [-errno.ENOTSOCK] * (CALLERS - 1) + [0]
