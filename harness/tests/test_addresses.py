# SPDX-License-Identifier: GPL-2.0-only
"""Addresses in and out: lengths that fit no address, rooms too small for one."""

import ctypes
import errno
import socket
import struct
import threading

import pytest

from ksock import NULL_ADDR, NULL_ADDRLEN, NULL_NEW, KSocket, pack, unpack
from peers import (DGRAM, INET, INET6, STREAM, UNIX, every_family, every_kind, inet_family, name,
                   where)

pytestmark = pytest.mark.smoke

# What no address is as long as: sockaddr_storage has 128 bytes.
NO_LENGTH = [0, 1, 129, 2**31 - 1, 2**31, 2**32 - 1]
takes_address = pytest.mark.parametrize("op", ["bind", "connect", "sendto", "sendmsg"])


def give(sock, op, address, **more):
    """The errno of a call that takes an address."""
    data = b"x" if op.startswith("send") else b""
    return sock.call(op, address=address, data=data, **more).result


@takes_address
@every_family
def test_no_address_is_that_long(ends, op, family):
    """Too short to hold a family, or longer than any address."""
    sock = ends.ksocket(family, DGRAM)
    for length in NO_LENGTH:
        # In struct msghdr the length is an int, and 0 stands for no address.
        if op != "sendmsg" or 0 < length < 2**31:
            assert give(sock, op, ends.address(family), addrlen=length) == -errno.EINVAL, length


@pytest.mark.parametrize("op, kind", [("bind", STREAM), ("bind", DGRAM), ("connect", STREAM),
                                      ("connect", DGRAM), ("sendto", DGRAM)])
@inet_family
def test_address_cut_short(ends, op, kind, family):
    """bind(2), connect(2): addrlen is less than the family's address."""
    sock = ends.ksocket(family, kind)
    least = 16 if family == INET else 24        # RFC 2133 had no scope
    assert give(sock, op, ends.address(family), addrlen=least - 1) == -errno.EINVAL


@inet_family
@every_kind
def test_long_room_for_an_address(ends, family, kind):
    """A sockaddr_storage is as good as an address: what follows is ignored."""
    sock = ends.ksocket(family, kind, end=ends.net.server)
    assert give(sock, "bind", ends.address(family), addrlen=128) == 0
    other = ends.user(family, kind)
    other.bind(ends.address(family))
    if kind == STREAM:
        other.listen()
    assert give(ends.ksocket(family, kind), "connect", where(other), addrlen=128) == 0


@every_kind
def test_unix_name_too_long(ends, kind):
    """sockaddr_un has 110 bytes."""
    sock = ends.ksocket(UNIX, kind)
    assert give(sock, "bind", "\0" + "n" * 108) == -errno.EINVAL
    assert give(sock, "connect", "\0" + "n" * 108) == -errno.EINVAL


@pytest.mark.parametrize("op", ["bind", "connect"])
def test_no_address(device, op):
    """NULL instead of the address, whatever its length."""
    for length in (0, 16, 2**32 - 1):
        sock = device.socket()
        assert sock.call(op, null=NULL_ADDR, addrlen=length).result == -errno.EFAULT


@pytest.mark.parametrize("op", ["bind", "connect", "sendto"])
def test_address_of_another_family(ends, op):
    """bind(2), connect(2): the address has not the socket's family."""
    sock = ends.ksocket(INET, DGRAM)
    assert give(sock, op, ("::1", 9)) == -errno.EAFNOSUPPORT
    raw = struct.pack("=H", 9999) + bytes(26)
    assert give(sock, op, raw) == -errno.EAFNOSUPPORT


@every_kind
def test_unix_has_only_unix_addresses(ends, kind):
    """unix(7): EINVAL for an address that is not AF_UNIX."""
    for op in ("bind", "connect"):
        assert give(ends.ksocket(UNIX, kind), op, ("127.0.0.1", 9)) == -errno.EINVAL


@inet_family
@every_kind
def test_bind_to_what_is_not_here(ends, family, kind):
    """An address of the other end of the wire."""
    sock = ends.ksocket(family, kind, end=ends.net.client)
    assert give(sock, "bind", ends.address(family, ends.net.server)) == -errno.EADDRNOTAVAIL


@every_family
@every_kind
def test_bind_to_what_is_taken(ends, family, kind):
    """The address belongs to another socket."""
    taken = ends.user(family, kind)
    taken.bind(ends.address(family))
    sock = ends.ksocket(family, kind, end=ends.net.server)
    assert give(sock, "bind", where(taken)) == -errno.EADDRINUSE


@every_family
@every_kind
def test_bind_twice(ends, family, kind):
    """bind(2): the socket is already bound to an address."""
    sock = ends.ksocket(family, kind, end=ends.net.server)
    sock.bind(ends.address(family))
    before = sock.getsockname()
    assert give(sock, "bind", ends.address(family)) == -errno.EINVAL
    assert sock.getsockname() == before


# --- a reserved port

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN = 10, 12
libc = ctypes.CDLL(None, use_errno=True)


def without(capability, call):
    """What call() returns in a thread that has lost the capability."""
    def run():
        head = ctypes.create_string_buffer(struct.pack("=II", 0x20080522, 0))
        sets = ctypes.create_string_buffer(24)
        assert libc.capget(head, sets) == 0
        words = list(struct.unpack("=6I", sets.raw))
        words[0] &= ~(1 << capability)      # effective
        sets = ctypes.create_string_buffer(struct.pack("=6I", *words))
        assert libc.capset(head, sets) == 0
        results.append(call())
    results = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


@inet_family
@every_kind
def test_reserved_port(ends, family, kind):
    """Ports below 1024 are for the capable."""
    sock = ends.ksocket(family, kind, end=ends.net.server)
    reserved = (ends.address(family)[0], 999)
    assert without(CAP_NET_BIND_SERVICE, lambda: give(sock, "bind", reserved)) == -errno.EACCES
    assert give(sock, "bind", reserved) == 0


def test_mark_is_for_the_capable(ends):
    """SO_MARK without CAP_NET_ADMIN and CAP_NET_RAW: setsockopt says EPERM."""
    sock = ends.ksocket()
    mark = {"a": socket.SOL_SOCKET, "b": socket.SO_MARK, "c": 4, "data": struct.pack("=i", 7)}

    def first():
        return without(13, lambda: sock.call("setsockopt", **mark).result)
    assert without(CAP_NET_ADMIN, first) == -errno.EPERM
    assert sock.call("setsockopt", **mark).result == 0


# --- addresses that come out

names = pytest.mark.parametrize("op", ["getsockname", "getpeername"])


@names
@every_family
def test_room_too_small_for_a_name(ends, op, family):
    """As much as fits is stored; the length tells what the whole takes."""
    sock, _peer = ends.stream(family)
    whole = sock.call(op, addrlen=128).check()
    raw = whole.raw_addr[:whole.addrlen]
    for room in {0, 1, 2, len(raw) - 1, len(raw)}:
        done = sock.call(op, addrlen=room).check()
        assert done.addrlen == len(raw)
        assert done.raw_addr == raw[:room] + bytes(128 - room)


@names
def test_nowhere_to_store_a_name(ends, op):
    """NULL instead of the address, or of its length."""
    sock, _peer = ends.stream()
    assert sock.call(op, null=NULL_ADDR, addrlen=128).result == -errno.EFAULT
    assert sock.call(op, null=NULL_ADDRLEN).result == -errno.EFAULT


@every_family
@every_kind
def test_no_peer_no_name(ends, family, kind):
    """getpeername(2): the socket is not connected."""
    assert ends.ksocket(family, kind).call("getpeername", addrlen=128).result == -errno.ENOTCONN


@every_family
def test_names_are_those_of_the_process(ends, family):
    """Both ends agree on who is who."""
    sock, peer = ends.stream(family)
    assert sock.getpeername() == where(peer)
    if family != UNIX:      # the connecting end of AF_UNIX has no name
        assert sock.getsockname() == peer.getpeername()


def waiting(ends, family):
    """A listening ksocket, and a connection that waits there."""
    listener = ends.listener(family)
    client = ends.user(family, end=ends.net.client if family != UNIX else None)
    if family == UNIX:
        client.bind(name())
    client.connect(listener.getsockname())
    return listener, client


@every_family
def test_accept_into_a_small_room(ends, family):
    """The peer's name is cut, its length is told, the connection is there."""
    listener, client = waiting(ends, family)
    raw = pack(where(client))
    done = listener.call("accept", addrlen=5).check()
    assert (done.addrlen, done.raw_addr) == (len(raw), raw[:5] + bytes(123))
    client.send(b"hello")
    assert KSocket(listener.device, done.call.new).recv(8) == b"hello"


@every_family
def test_accept_without_a_name(ends, family):
    """A NULL address: nothing is looked up, and the length stays."""
    listener, _client = waiting(ends, family)
    done = listener.call("accept", null=NULL_ADDR, addrlen=77).check()
    assert done.addrlen == 77
    done = waiting(ends, family)[0].call("accept", null=NULL_ADDR | NULL_ADDRLEN)
    assert done.result == 0


@pytest.mark.parametrize("null", [NULL_ADDRLEN, NULL_NEW], ids=["addrlen", "handle"])
@every_family
def test_refused_accept_takes_no_connection(ends, family, null):
    """An address without a length, or no place for the handle: the connection waits on."""
    listener, client = waiting(ends, family)
    done = listener.call("accept", null=null, addrlen=128)
    assert (done.result, done.call.new) == (-errno.EFAULT, -1)
    sock, _address = listener.accept()
    client.send(b"hello")
    assert sock.recv(8) == b"hello"


def test_sender_without_a_length(ends):
    """recvfrom(addr, NULL) takes no datagram."""
    sock, peer = ends.dgram()
    peer.send(b"hello")
    assert sock.call("recvfrom", data=bytes(8), null=NULL_ADDRLEN).result == -errno.EFAULT
    assert sock.recv(8) == b"hello"


@every_family
def test_sender_into_a_small_room(ends, family):
    """The sender's address is cut, its length is told, the datagram is whole."""
    sock, peer = ends.dgram(family)
    raw = pack(where(peer))
    for room in (0, 5, len(raw)):
        peer.send(b"hello")
        done = sock.call("recvfrom", data=bytes(8), addrlen=room).check()
        assert done.data[:done.count] == b"hello"
        assert (done.addrlen, done.raw_addr) == (len(raw), raw[:room] + bytes(128 - room))


def test_stream_tells_no_sender(ends):
    """recvfrom(2): the length is 0 where there is no address."""
    for family in (INET, INET6):
        sock, peer = ends.stream(family)
        peer.send(b"hello")
        done = sock.call("recvfrom", data=bytes(8), addrlen=128).check()
        assert (done.count, done.addrlen, unpack(done.raw_addr[:0])) == (5, 0, None)
