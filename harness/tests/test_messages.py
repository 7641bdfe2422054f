# SPDX-License-Identifier: GPL-2.0-only
"""sendmsg and recvmsg: memory of each kind, and control data."""

import array
import errno
import os
import select
import socket
import struct

import pytest

from blocked import Blocked, until
from ksock import BVEC, KVEC, NULL_ADDR, NULL_DONE, unpack
from peers import (DGRAM, INET, INET6, STREAM, UNIX, every_family, every_kind,
                   any_inet, where)

pytestmark = pytest.mark.smoke

IP_RECVERR, IPV6_RECVERR = 11, 25
IP_PKTINFO, IPV6_RECVPKTINFO = 8, 49
HEAD = struct.calcsize("=Qii")

every_memory = pytest.mark.parametrize("memory", [KVEC, BVEC], ids=["kvec", "bvec"])


def control_data(raw) -> list:
    """(level, type, data) of each struct cmsghdr."""
    found = []
    while raw:
        size, level, kind = struct.unpack_from("=Qii", raw)
        found.append((level, kind, raw[HEAD:size]))
        raw = raw[(size + 7) & ~7:]
    return found


def control(level, kind, data) -> bytes:
    """A struct cmsghdr with its data."""
    head = struct.pack("=Qii", HEAD + len(data), level, kind)
    return head + data + bytes(-len(data) % 8)


# --- memory

@every_memory
@every_family
@every_kind
def test_memory(ends, family, kind, memory):
    """Pieces of any kind of memory are one message."""
    sock, peer = ends.connected(family, kind)
    data = bytes(range(256)) * 40       # more than two pages
    assert sock.sendmsg(data, kind=memory) == len(data)
    got = peer.recv(len(data), socket.MSG_WAITALL)
    assert got == data
    peer.send(data[::-1])
    flags = socket.MSG_WAITALL if kind == STREAM else 0
    done = sock.recvmsg(len(data), flags=flags, kind=memory)
    assert (done.count, done.data) == (len(data), data[::-1])


@every_memory
@every_family
def test_message_to_an_address(ends, family, memory):
    """The name says where to, and where from."""
    sock = ends.ksocket(family, DGRAM)
    sock.bind(ends.address(family, ends.net.client))
    peer = ends.user(family, DGRAM)
    peer.bind(ends.address(family))
    assert sock.sendmsg(b"hello", where(peer), kind=memory) == 5
    assert peer.recv(16) == b"hello"
    peer.sendto(b"back", sock.getsockname())
    done = sock.recvmsg(16, kind=memory)
    assert (done.data[:done.count], done.address) == (b"back", where(peer))


def test_message_without_a_name(ends):
    """Where nobody asks for the name, nothing is stored; its length is told."""
    sock, peer = ends.dgram()
    peer.send(b"hello")
    done = sock.call("recvmsg", data=bytes(8), null=NULL_ADDR, addrlen=128).check()
    assert (done.data[:done.count], done.raw_addr) == (b"hello", bytes(128))


@every_memory
def test_message_is_all_or_an_error(ends, memory):
    """Without a count a long message blocks until it went."""
    sock, peer = ends.stream()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    data = bytes(range(256)) * 256
    sock.send(bytes(4096))
    calls = [Blocked(sock, "sendmsg", data=data, b=memory, null=NULL_ADDR | NULL_DONE)]
    got = b""
    while len(got) < 4096 + len(data):
        got += peer.recv(65536)
    assert calls[0].result() == 0
    assert got[4096:] == data


# --- control data that comes in

@any_inet
@every_memory
def test_where_it_came_in(ends, family, memory):
    """IP_PKTINFO, IPV6_PKTINFO: the device, and the address it was sent to."""
    sock, peer = ends.dgram(family)
    with ends.net.client:
        index = socket.if_nametoindex("eth")
    if family == INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        local = socket.inet_pton(INET, ends.net.client.v4)
        expected = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=i", index) + local + local)]
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        local = socket.inet_pton(INET6, ends.net.client.v6)
        expected = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, local + struct.pack("=i", index))]
    peer.send(b"hello")
    done = sock.recvmsg(16, ctl=256, kind=memory)
    assert done.data[:done.count] == b"hello"
    assert control_data(done.control) == expected
    assert not done.call.msg_flags & socket.MSG_CTRUNC


@pytest.mark.parametrize("room", [0, 8, 16])
def test_room_too_small_for_control_data(ends, room):
    """MSG_CTRUNC tells; the data is whole."""
    sock, peer = ends.dgram()
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    peer.send(b"hello")
    done = sock.recvmsg(16, ctl=room)
    assert done.data[:done.count] == b"hello"
    assert done.call.msg_flags & socket.MSG_CTRUNC
    assert len(done.control) <= room


def unreachable(ends, family):
    """A ksocket whose datagram was refused, with an error queue."""
    sock, peer = ends.dgram(family)
    level, option = ((socket.IPPROTO_IP, IP_RECVERR) if family == INET
                     else (socket.IPPROTO_IPV6, IPV6_RECVERR))
    sock.setsockopt(level, option, 1)
    address = where(peer)
    peer.close()
    sock.send(b"anybody?")
    until(lambda: sock.poll() & select.POLLERR, "the answer by ICMP")
    return sock, address, (level, option)


@any_inet
def test_error_queue(ends, family):
    """IP_RECVERR, IPV6_RECVERR: what was sent, where to, and who refused it why."""
    sock, address, option = unreachable(ends, family)
    done = sock.recvmsg(16, ctl=256, flags=socket.MSG_ERRQUEUE)
    assert done.data[:done.count] == b"anybody?"
    assert done.address == address
    assert done.call.msg_flags & socket.MSG_ERRQUEUE
    (level, kind, data), = control_data(done.control)
    assert (level, kind) == option
    number, origin, code_type, code = struct.unpack_from("=IBBB", data)
    icmp = (2, 3, 3) if family == INET else (3, 1, 4)   # origin, unreachable, port
    assert (number, origin, code_type, code) == (errno.ECONNREFUSED, *icmp)
    assert unpack(data[16:])[0] == address[0]           # the offender


@any_inet
def test_error_queue_does_not_block(ends, family):
    """recv(2), MSG_ERRQUEUE: an empty queue is EAGAIN."""
    sock, _peer = ends.dgram(family)
    done = sock.call("recvmsg", data=bytes(8), addrlen=128, ctl=64, a=socket.MSG_ERRQUEUE)
    assert done.result == -errno.EAGAIN


# --- control data that goes out

@any_inet
@every_memory
def test_hop_limit_of_one_datagram(ends, family, memory):
    """IP_TTL, IPV6_HOPLIMIT in a message hold for this one."""
    sock, peer = ends.dgram(family)
    if family == INET:
        level, kind = socket.IPPROTO_IP, socket.IP_TTL
        peer.setsockopt(level, 12, 1)                   # IP_RECVTTL
    else:
        level, kind = socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT
        peer.setsockopt(level, socket.IPV6_RECVHOPLIMIT, 1)
    hops = []
    for ctl in (control(level, kind, struct.pack("=i", 7)), b""):
        sock.call("sendmsg", data=b"hello", null=NULL_ADDR, ctl=ctl, b=memory).check()
        found = peer.recvmsg(16, 64)[1]
        hops += [struct.unpack("=i", data)[0] for _level, _kind, data in found]
    assert hops == [7, 64]


@pytest.mark.parametrize("raw", [
    control(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("=i", 256)),
    control(socket.IPPROTO_IP, socket.IP_TTL, b"x"),
    control(socket.IPPROTO_IP, 9999, struct.pack("=i", 1)),
    struct.pack("=Qii", 2**40, socket.IPPROTO_IP, socket.IP_TTL),
], ids=["range", "short", "unknown", "long"])
def test_bad_control_data(ends, raw):
    """EINVAL, and no datagram."""
    sock, peer = ends.dgram()
    done = sock.call("sendmsg", data=b"bad", null=NULL_ADDR, ctl=raw)
    assert (done.result, done.count) == (-errno.EINVAL, 0)
    sock.send(b"next")
    assert peer.recv(16) == b"next"


# --- AF_UNIX has none

def passed(peer, data):
    """Send data with the only descriptor of a pipe's end; return the other."""
    reader, writer = os.pipe()
    socket.send_fds(peer, [data], [writer])
    os.close(writer)
    return reader


def is_closed(reader) -> bool:
    """Nobody has the other end of the pipe any more."""
    with os.fdopen(reader, "rb") as pipe:
        return select.select([pipe], [], [], 60)[0] == [pipe] and pipe.read() == b""


@every_kind
@every_memory
@pytest.mark.parametrize("room", [0, 256])
def test_descriptors_are_dropped(ends, kind, memory, room):
    """A module has no table for them: they are closed, and MSG_CTRUNC tells."""
    sock, peer = ends.connected(UNIX, kind)
    reader = passed(peer, b"hello")
    done = sock.recvmsg(16, ctl=room, kind=memory)
    assert (done.data[:done.count], done.control) == (b"hello", b"")
    assert done.call.msg_flags & socket.MSG_CTRUNC
    assert is_closed(reader)


@every_kind
@pytest.mark.parametrize("op", ["recv", "recvfrom"])
def test_descriptors_are_dropped_by_receive(ends, kind, op):
    """Where there is no place for control data at all."""
    sock, peer = ends.connected(UNIX, kind)
    reader = passed(peer, b"hello")
    done = sock.call(op, data=bytes(16), addrlen=128).check()
    assert done.data[:done.count] == b"hello"
    assert is_closed(reader)


@every_kind
def test_peeked_descriptors_are_dropped(ends, kind):
    """MSG_PEEK takes copies; those go, too."""
    sock, peer = ends.connected(UNIX, kind)
    reader = passed(peer, b"hello")
    for flags in (socket.MSG_PEEK, 0):
        done = sock.recvmsg(16, ctl=256, flags=flags)
        assert (done.data[:done.count], done.control) == (b"hello", b"")
        assert done.call.msg_flags & socket.MSG_CTRUNC
    assert is_closed(reader)


@every_kind
def test_descriptors_go_with_the_socket(ends, kind):
    """What was never received is closed with the socket."""
    sock, peer = ends.connected(UNIX, kind)
    reader = passed(peer, b"hello")
    sock.close()
    peer.close()
    assert is_closed(reader)


@every_kind
def test_credentials_are_dropped(ends, kind):
    """SO_PASSCRED: likewise."""
    sock, peer = ends.connected(UNIX, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    peer.send(b"hello")
    done = sock.recvmsg(16, ctl=256)
    assert (done.data[:done.count], done.control) == (b"hello", b"")
    assert done.call.msg_flags & socket.MSG_CTRUNC


@every_kind
def test_descriptors_of_a_caller_arrive(ends, kind):
    """A caller that has a table can send from it."""
    sock, peer = ends.connected(UNIX, kind)
    reader, writer = os.pipe()
    ctl = control(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]).tobytes())
    sock.call("sendmsg", data=b"hello", null=NULL_ADDR, ctl=ctl).check()
    os.close(writer)
    data, (fd,), _flags, _address = socket.recv_fds(peer, 16, 4)
    assert data == b"hello"
    os.write(fd, b"through the pipe")
    assert os.read(reader, 32) == b"through the pipe"
    os.close(fd)
    os.close(reader)
