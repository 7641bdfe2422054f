# SPDX-License-Identifier: GPL-2.0-only
"""Memory that runs out: every allocation of every call is made to fail once.

A call is made again and again from a fresh start; the n-th time its n-th
allocation fails, until a call comes to its end before. Each failure must have
an errno of its kind, or none where the kernel could do without that memory, and
what the call was about must be whole afterwards: no connection is lost, no byte
sent twice or not at all, and the same call succeeds when there is memory.
"""

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from blocked import until
from ksock import BVEC, Device, KSocket, NULL_ADDR
from peers import (DGRAM, INET, INET6, KINET, STREAM, UNIX, Ends, Kinet, any_inet, every_family,
                   every_kind, where)

DEBUGFS = Path("/sys/kernel/debug")
KNOBS = {"failslab": ("ignore-gfp-wait",),
         "fail_page_alloc": ("ignore-gfp-wait", "ignore-gfp-highmem")}

pytestmark = pytest.mark.skipif(not (DEBUGFS / "failslab").exists(),
                                reason="this kernel can't make allocations fail (FAILSLAB)")

MEMORY = {errno.ENOMEM, errno.ENOBUFS}
FARTHEST = 300      # allocations in one call: beyond this the walk does not end
LINGER_NOW = struct.pack("=ii", 1, 0)


@pytest.fixture(scope="module", autouse=True)
def failing():
    """Also allocations that may sleep, and single pages, and without a trace for each."""
    for fault, names in KNOBS.items():
        for knob in names:
            (DEBUGFS / fault / knob).write_text("N", encoding="ascii")
        (DEBUGFS / fault / "verbose").write_text("0", encoding="ascii")
    (DEBUGFS / "fail_page_alloc" / "min-order").write_text("0", encoding="ascii")


def walk(net, scenario, *args, also=()):
    """Play scenario(ends, fail, *args) for every allocation of the call in it.

    The scenario calls fail(sock, op, ...) once, which lets one allocation
    fail and returns what the call left, and then checks what holds.
    """
    for number in range(1, FARTHEST):
        ended = []

        def fail(target, op, nth=number, seen=ended, **fields):
            done = target.call(op, fail_nth=nth, **fields)
            seen.append(done.call.fail_nth > 0)
            if seen[0]:
                done.check()
            elif done.result:
                assert -done.result in MEMORY | set(also), f"allocation {nth}: {done.result}"
                assert (done.count, done.call.new) == (0, -1)
            return done

        with Device() as device, Ends(net, device) as ends:
            scenario(ends, fail, *args)
        assert len(ended) == 1
        if ended[0]:
            return number - 1
    raise AssertionError(f"{FARTHEST} allocations, and no end")


def reset(peer):
    """End the connection from the process's end, whatever state the other is in."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    peer.close()


# --- making sockets and connections

def make(ends, fail, family, kind):
    with ends.net.client:
        done = fail(ends.device, "socket", a=int(family), b=int(kind))
    if not done.result:
        assert KSocket(ends.device, done.call.new).getsockopt(1, 39) == family
    ends.ksocket(family, kind).close()


@every_family
@every_kind
def test_socket(pair, family, kind):
    """No socket, no handle; then one. ENFILE is what socket(2) says without an inode."""
    assert walk(pair, make, family, kind, also=[errno.ENFILE]) >= 2


def bind(ends, fail, family, kind):
    sock = ends.ksocket(family, kind, end=ends.net.server)
    address = ends.address(family)
    if fail(sock, "bind", address=address).result:
        sock.bind(address)
    other = ends.ksocket(family, kind, end=ends.net.server)
    assert other.call("bind", address=sock.getsockname()).result == -errno.EADDRINUSE


@every_family
@every_kind
def test_bind(pair, family, kind):
    """The address is free until bind succeeds. TCP says EADDRINUSE without a bucket."""
    walk(pair, bind, family, kind, also=[errno.EADDRINUSE])


def listen(ends, fail, family):
    sock = ends.ksocket(family, end=ends.net.server)
    sock.bind(ends.address(family))
    if fail(sock, "listen", a=4).result:
        sock.listen(4)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    client.connect(sock.getsockname())
    client.send(b"hello")
    assert sock.accept()[0].recv(8) == b"hello"


@every_family
def test_listen(pair, family):
    """A listener that could not be made can be made again."""
    walk(pair, listen, family, also=[errno.EADDRINUSE])


def accept(ends, fail, family):
    listener = ends.listener(family)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    client.connect(listener.getsockname())
    client.send(b"hello")
    done = fail(listener, "accept", addrlen=128)
    sock = KSocket(ends.device, done.call.new) if not done.result else listener.accept()[0]
    assert sock.recv(8) == b"hello"
    sock.send(b"back")
    assert client.recv(8) == b"back"


@every_family
def test_accept(pair, family):
    """The connection waits on, with its data: none is lost."""
    assert walk(pair, accept, family, also=[errno.ENFILE]) >= 2


def connect(ends, fail, family):
    listener = ends.user_listener(family)
    sock = ends.ksocket(family)
    if fail(sock, "connect", address=where(listener)).result:
        sock.connect(where(listener))
    peer = ends.accepted(listener)
    sock.send(b"hello")
    assert peer.recv(8) == b"hello"
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


@every_family
def test_connect(pair, family):
    """After an error the socket can connect; there is one connection, not two."""
    assert walk(pair, connect, family) >= 1


def associate(ends, fail, family):
    peer = ends.user(family, DGRAM)
    peer.bind(ends.address(family))
    sock = ends.ksocket(family, DGRAM)
    if fail(sock, "connect", address=where(peer)).result:
        sock.connect(where(peer))
    sock.send(b"hello")
    assert peer.recv(8) == b"hello"


@every_family
def test_connect_datagrams(pair, family):
    """Likewise. Where a port can't be had the kernel says EAGAIN, and for kinet's that takes
    memory."""
    walk(pair, associate, family, also=[errno.EAGAIN] if isinstance(family, Kinet) else ())


# --- transfers

DATA = bytes(range(256)) * 100


def send(ends, fail, family, op, memory):
    sock, peer = ends.stream(family)
    done = fail(sock, op, data=DATA, null=NULL_ADDR, b=memory)
    if done.count < len(DATA):
        assert sock.send(DATA[done.count:]) == len(DATA) - done.count
    got = b""
    while len(got) < len(DATA):
        got += peer.recv(len(DATA))
    assert got == DATA
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(8)


@every_family
@pytest.mark.parametrize("op, memory", [("send", 0), ("sendmsg", 0), ("sendmsg", BVEC)],
                         ids=["send", "sendmsg-kvec", "sendmsg-bvec"])
def test_send(pair, family, op, memory):
    """What was counted arrives once; the rest can be sent."""
    assert walk(pair, send, family, op, memory) >= 1


def send_datagram(ends, fail, family, op):
    sock, peer = ends.dgram(family)
    sock.send(b"first")         # so that the neighbour is known
    assert peer.recv(8) == b"first"
    address = where(peer) if op != "send" else b""
    done = fail(sock, op, data=DATA, address=address)
    sock.send(b"last")
    got = []
    while not got or got[-1] != b"last":
        got.append(peer.recv(65536))
    # A datagram may be lost below UDP without an error, but not sent in spite of one.
    assert got[:-1] in ([], [DATA]) if not done.result else got == [b"last"]
    assert sock.send(DATA) == len(DATA)
    assert peer.recv(65536) == DATA


@every_family
@pytest.mark.parametrize("op", ["send", "sendto", "sendmsg"])
def test_send_datagram(pair, family, op):
    """An error means that nothing went; the next one goes."""
    assert walk(pair, send_datagram, family, op) >= 1


def send_pages(ends, fail, family, kind, op):
    sock, peer = ends.connected(family, kind)
    done = fail(sock, op, data=b"hello")
    if done.result:
        sock.send(b"hello")
    assert peer.recv(8) == b"hello"
    if op == "send_zc":
        until(lambda: sock.call("parcel", a=done.call.d).count, "the send to be done")
        assert sock.call("parcel", a=done.call.d).count == 1


@every_family
@every_kind
@pytest.mark.parametrize("op", ["send_bvec", "send_zc"])
def test_send_pages(pair, family, kind, op):
    """Likewise, and the pages come back whatever failed."""
    assert walk(pair, send_pages, family, kind, op) >= (op == "send_zc")


def receive(ends, fail, family, kind, op):
    sock, peer = ends.connected(family, kind)
    peer.send(b"hello")
    done = fail(sock, op, data=bytes(8), addrlen=128, ctl=64)
    got = done.data[:done.count] if not done.result else sock.recv(8)
    assert got == b"hello"
    peer.send(b"next")
    assert sock.recv(8) == b"next"


@every_family
@every_kind
@pytest.mark.parametrize("op", ["recv", "recvfrom", "recvmsg"])
def test_receive(pair, family, kind, op):
    """What could not be received is still there."""
    walk(pair, receive, family, kind, op)


def receive_with_descriptors(ends, fail, kind, flags):
    sock, peer = ends.connected(UNIX, kind)
    reader, writer = os.pipe()
    socket.send_fds(peer, [b"hello"], [writer])
    os.close(writer)
    done = fail(sock, "recvmsg", data=bytes(8), addrlen=128, ctl=64, a=flags)
    if done.result or flags:
        assert sock.recv(8) == b"hello"
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b""       # nobody has the other end


@every_kind
@pytest.mark.parametrize("flags", [0, socket.MSG_PEEK], ids=["take", "peek"])
def test_receive_descriptors(pair, kind, flags):
    """Descriptors are dropped all the same."""
    walk(pair, receive_with_descriptors, kind, flags)


# --- the rest

def shut(ends, fail, family):
    sock, peer = ends.stream(family)
    sock.send(b"hello")
    assert fail(sock, "shutdown", a=socket.SHUT_WR).result == 0
    assert peer.recv(8) == b"hello"
    assert sock.call("send", data=b"x").result == -errno.EPIPE
    peer.send(b"back")
    assert sock.recv(8) == b"back"
    reset(peer)


@every_family
def test_shutdown(pair, family):
    """The direction is ended. TCP gives up on the FIN that it has no memory for."""
    walk(pair, shut, family)


def close(ends, fail, family):
    sock, peer = ends.stream(family)
    sock.send(b"hello")
    assert fail(sock, "close").result == 0
    assert peer.recv(8) == b"hello"
    assert sock.call("send", data=b"x").result == -errno.ENOTSOCK
    reset(peer)


@every_family
def test_close(pair, family):
    """Closing never fails, and what was sent arrives."""
    walk(pair, close, family)


def close_with_reset(ends, fail, family):
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    assert fail(sock, "close").result == 0
    reset(peer)


@any_inet
def test_close_with_reset(pair, family):
    """Nor does a reset."""
    walk(pair, close_with_reset, family)


def ask(ends, fail, family, op, fields):
    sock, peer = ends.stream(family)
    done = fail(sock, op, **fields)
    again = sock.call(op, **fields).check()
    if not done.result:
        assert (done.data, done.raw_addr, done.call.b) == (again.data, again.raw_addr,
                                                           again.call.b)
    peer.send(b"hello")
    assert sock.recv(8) == b"hello"


def option(number, value, level=socket.SOL_SOCKET):
    return {"a": level, "b": number, "c": len(value), "data": value}


QUESTIONS = {
    "getsockname": {"addrlen": 128}, "getpeername": {"addrlen": 128}, "poll": {},
    "ioctl": {"a": 0x541B}, "getsockopt": option(3, bytes(4)),
    "setsockopt": option(9, bytes(4)),
}


@every_family
@pytest.mark.parametrize("op", QUESTIONS)
def test_questions(pair, family, op):
    """Calls that need no memory say the same without."""
    walk(pair, ask, family, op, QUESTIONS[op])


SETTINGS = {
    "congestion": (INET, STREAM, option(13, b"reno", socket.IPPROTO_TCP)),
    "kinet-congestion": (KINET, STREAM, option(13, b"reno", socket.IPPROTO_TCP)),
    "ip-options": (INET, DGRAM, option(4, b"\1\1\1\0", socket.IPPROTO_IP)),
    "membership": (INET, DGRAM, option(35, socket.inet_aton("239.1.2.3") +
                                       socket.inet_aton("10.1.0.1"), socket.IPPROTO_IP)),
    "fastopen-key": (INET, STREAM, option(33, bytes(range(16)), socket.IPPROTO_TCP)),
}


def configure(ends, fail, family, kind, fields):
    sock = ends.ksocket(family, kind)
    if fail(sock, "setsockopt", **fields).result:
        sock.call("setsockopt", **fields).check()
    sock.bind(ends.address(family, ends.net.client))


@pytest.mark.parametrize("setting", SETTINGS)
def test_options(pair, setting):
    """An option that needs memory can be set again."""
    walk(pair, configure, *SETTINGS[setting])


def join(ends, fail):
    with ends.net.client:
        index = socket.if_nametoindex("eth")
    value = socket.inet_pton(INET6, "ff02::77") + struct.pack("=i", index)
    configure(ends, fail, INET6, DGRAM, option(socket.IPV6_JOIN_GROUP, value, socket.IPPROTO_IPV6))


def test_join_group(pair):
    """A group of IPv6 can be joined again."""
    walk(pair, join)


def error_queue(ends, fail):
    sock, peer = ends.dgram()
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)           # IP_RECVERR
    peer.close()
    sock.send(b"anybody?")
    assert sock.call("recv", data=bytes(8)).result == -errno.ECONNREFUSED
    done = fail(sock, "recvmsg", data=bytes(16), addrlen=128, ctl=128, a=socket.MSG_ERRQUEUE)
    if done.result:
        done = sock.recvmsg(16, ctl=128, flags=socket.MSG_ERRQUEUE)
    assert done.data[:done.count] == b"anybody?"


def test_error_queue(pair):
    """The error queue keeps what it had."""
    walk(pair, error_queue)
