# SPDX-License-Identifier: GPL-2.0-only
"""Groups and broadcasts, with either kind of socket at the end that hears."""

import errno
import socket
import struct

import pytest

from kinet import DGRAM, INET, INET6, RAW, address
from test_kinet_options import EITHER, maker, nothing

GROUP4, GROUP6 = "239.1.2.3", "ff15::1234"
IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_MULTICAST_ALL = 39, 38, 49
IPV6_MULTICAST_ALL = 29


def device(end) -> int:
    """The index of an end's device."""
    with end:
        return socket.if_nametoindex("eth")


def member4(made, kind, end, port, join=True):
    """A socket that has joined GROUP4, beside others."""
    sock = maker(made, kind)(end, bind=False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", port))
    if join:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(GROUP4) + socket.inet_aton(end.v4))
    return sock


def sender4(made, end, kind="stock"):
    """Whose messages to groups leave by the wire."""
    sock = maker(made, kind)(end)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(end.v4))
    return sock


@EITHER
def test_all_members_hear(pair, made, kind):
    """Each gets his own copy, with who sent it."""
    members = [member4(made, kind, pair.server, 6001) for _ in range(3)]
    sender = sender4(made, pair.client)
    sender.sendto(b"group", (GROUP4, 6001))
    assert [one.recvfrom(16) for one in members] == [(b"group", sender.getsockname())] * 3


@EITHER
def test_sending(pair, made, kind):
    """IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP"""
    far, near = member4(made, "stock", pair.server, 6002), member4(made, "stock", pair.client, 6002)
    far.setsockopt(socket.IPPROTO_IP, 12, 1)
    sender = sender4(made, pair.client, kind)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 7)
    sender.sendto(b"both", (GROUP4, 6002))
    data, control, _, _ = far.recvmsg(16, 64)
    assert (data, struct.unpack("i", control[0][2])) == (b"both", (7,))
    assert near.recv(16) == b"both"
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    sender.sendto(b"far", (GROUP4, 6002))
    assert far.recv(16) == b"far" and nothing(near)


@EITHER
def test_sources(pair, made, kind):
    """IP_BLOCK_SOURCE, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_ALL"""
    triple = b"".join(map(socket.inet_aton, (GROUP4, pair.server.v4, pair.client.v4)))
    blocks, member = (member4(made, kind, pair.server, 6003) for _ in range(2))
    blocks.setsockopt(socket.IPPROTO_IP, IP_BLOCK_SOURCE, triple)
    wants = member4(made, kind, pair.server, 6003, join=False)
    wants.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, triple)
    stranger = member4(made, kind, pair.server, 6003, join=False)
    stranger.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    left = member4(made, kind, pair.server, 6003)
    left.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    left.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP,
                    socket.inet_aton(GROUP4) + socket.inet_aton(pair.server.v4))
    sender4(made, pair.client).sendto(b"x", (GROUP4, 6003))
    assert member.recv(16) == b"x" and wants.recv(16) == b"x"
    assert nothing(blocks) and nothing(stranger) and nothing(left)


@EITHER
def test_groups_of_ipv6(pair, made, kind):
    """Joined on a device, and left"""
    here, there = device(pair.server), device(pair.client)
    sock = maker(made, kind)(pair.server, INET6, bind=False)
    sock.bind((GROUP6, 6004, 0, here))
    membership = socket.inet_pton(INET6, GROUP6) + struct.pack("i", here)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    sender = made.stock(pair.client, INET6)
    sender.sendto(b"six", (GROUP6, 6004, 0, there))
    assert sock.recvfrom(16)[0] == b"six"
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, membership)
    assert nothing(sock)


@EITHER
@pytest.mark.parametrize("family, name", [(INET, IP_MULTICAST_ALL), (INET6, IPV6_MULTICAST_ALL)],
                         ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("shape", [DGRAM, RAW], ids=["dgram", "raw"])
def test_no_group_but_ones_own(pair, made, kind, family, name, shape):
    """IP_MULTICAST_ALL and IPV6_MULTICAST_ALL are of groups, not of what is for one host alone."""
    more = {"protocol": 200} if shape == RAW else {}
    sock = maker(made, kind)(pair.server, family, shape, **more)
    sock.setsockopt(socket.IPPROTO_IP if family == INET else socket.IPPROTO_IPV6, name, 0)
    sender = made.stock(pair.client, family, shape, **more)
    sender.sendto(b"alone", address(pair.server, family, sock.getsockname()[1]))
    assert sock.recv(64).endswith(b"alone")


@EITHER
def test_sending_to_groups_of_ipv6(pair, made, kind):
    """IPV6_MULTICAST_IF and IPV6_MULTICAST_HOPS"""
    sock = made.stock(pair.server, INET6, bind=False)
    sock.bind((GROUP6, 6005, 0, device(pair.server)))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(INET6, GROUP6) + struct.pack("i", device(pair.server)))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    sender = maker(made, kind)(pair.client, INET6)
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, device(pair.client))
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 7)
    sender.sendto(b"six", (GROUP6, 6005))
    data, control, _, _ = sock.recvmsg(16, 64)
    assert (data, struct.unpack("i", control[0][2])) == (b"six", (7,))


@EITHER
def test_broadcast(pair, made, kind):
    """Only with SO_BROADCAST, and heard by all"""
    everybody = pair.client.v4.rpartition(".")[0] + ".255"
    hearers = [member4(made, kind, pair.server, 6006, join=False) for _ in range(2)]
    sender = maker(made, kind)(pair.client)
    with pytest.raises(OSError) as caught:
        sender.sendto(b"x", (everybody, 6006))
    assert caught.value.errno == errno.EACCES
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sender.sendto(b"all", (everybody, 6006))
    assert [one.recv(16) for one in hearers] == [b"all"] * 2


def test_groups_of_both_stacks(pair, made):
    """A group that the host's sockets hear is theirs as well: a port is one stack's."""
    ours = member4(made, "ours", pair.server, 6007)
    theirs = member4(made, "stock", pair.server, 6008)
    sender = sender4(made, pair.client)
    for port in (6007, 6008):
        sender.sendto(str(port).encode(), (GROUP4, port))
    assert ours.recv(16) == b"6007" and theirs.recv(16) == b"6008"
    assert nothing(ours) and nothing(theirs)
