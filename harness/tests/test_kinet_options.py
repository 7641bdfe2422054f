# SPDX-License-Identifier: GPL-2.0-only
"""Options and flags of kinet's datagram sockets: the host's own are the oracle.

Each test runs with either kind of socket at the end that it is about.
"""

import ctypes
import errno
import fcntl
import os
import random
import select
import socket
import struct
import time

import kinet
import pytest
import topology

from blocked import until
from checksum import checksum
from kinet import DGRAM, INET, INET6, RAW, STREAM, address, talk
from malformed import icmp, ip4, ip6, redirect6
from peers import inet_family
from test_kinet_malformed import Wire
from wire import ETHTOOL_SGRO, ETHTOOL_STSO, feature

EITHER = pytest.mark.parametrize("kind", ["ours", "stock"])

# What Python's socket module doesn't name
IP_RECVTOS, IP_RECVTTL, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVORIGDSTADDR = 13, 12, 8, 10, 20
IP_RECVERR, IPV6_RECVERR = 11, 25
IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884 = 26, 31
SO_BUSY_POLL, SO_INCOMING_CPU, SO_INCOMING_NAPI_ID = 46, 49, 56
IPV6_MTU_DISCOVER = 23
IPV6_FLOWINFO, IPV6_FLOWLABEL_MGR, IPV6_FLOWINFO_SEND, IPV6_AUTOFLOWLABEL = 11, 32, 33, 70
IPV6_FL_S_EXCL = 1
SO_PEEK_OFF, SO_ATTACH_REUSEPORT_CBPF = 42, 51
SOL_UDP, UDP_CORK, UDP_SEGMENT = 17, 1, 103
PMTUDISC_DO = 2
SIOCINQ, SIOCOUTQ = 0x541b, 0x5411


@pytest.fixture(name="fresh_pair")
def fresh():
    """In which no label has been leased, and nothing learned: both outlive the socket."""
    with topology.pair() as net:
        yield net


def maker(made, kind):
    """What makes sockets of a kind"""
    return getattr(made, kind)


def number(sock, request):
    """What an ioctl that tells a number tells."""
    return struct.unpack("i", fcntl.ioctl(sock, request, bytes(4)))[0]


def nothing(sock) -> bool:
    """Nothing is there to be received."""
    return not select.select([sock], [], [], 0)[0]


@EITHER
@inet_family
def test_sharing_a_port(pair, made, kind, family):
    """SO_REUSEPORT: each datagram goes to one of the group, and all get some."""
    group = []
    for _ in range(4):
        sock = maker(made, kind)(pair.server, family, bind=False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address(pair.server, family, 5555))
        group.append(sock)
    alone = maker(made, kind)(pair.server, family, bind=False)
    with pytest.raises(OSError, match="in use"):
        alone.bind(address(pair.server, family, 5555))
    heard = set()

    def all_have_heard():
        made.stock(pair.client, family).sendto(b"x", address(pair.server, family, 5555))
        ready = select.select(group, [], [], 1)[0]
        assert len(ready) <= 1
        for sock in ready:
            sock.recv(16)
            heard.add(sock)
        return len(heard) == 4
    until(all_have_heard, "each of the group to hear something")


@EITHER
def test_wildcard_and_address(pair, made, kind):
    """SO_REUSEADDR: the one that says more gets it, in whatever order they came."""
    for addresses in (["0.0.0.0", pair.server.v4], [pair.server.v4, "0.0.0.0"]):
        with kinet.Sockets() as pieces:
            bound = {}
            for one in addresses:
                sock = getattr(pieces, kind)(pair.server, bind=False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((one, 5556))
                bound[one] = sock
            made.stock(pair.client).sendto(b"x", (pair.server.v4, 5556))
            assert bound[pair.server.v4].recv(16) == b"x"


def test_shared_among_ourselves_alone(pair, made):
    """SO_REUSEADDR doesn't let the host's sockets in, nor kinet's into theirs."""
    for one, other in (("ours", "stock"), ("stock", "ours")):
        first = maker(made, one)(pair.server, bind=False)
        second = maker(made, other)(pair.server, bind=False)
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, one == "ours" or sock is second)
        first.bind(("0.0.0.0", 5557))
        with pytest.raises(OSError, match="in use"):
            second.bind((pair.server.v4, 5557))
        first.close()


@EITHER
def test_conflicts_by_address_and_device(pair, made, kind):
    """Another address, or another device, is another port."""
    first = maker(made, kind)(pair.server)
    port = first.getsockname()[1]
    maker(made, kind)(pair.server, bind=False).bind(("127.0.0.9", port))
    with pytest.raises(OSError, match="in use"):
        maker(made, kind)(pair.server, bind=False).bind(("0.0.0.0", port))
    on_lo = maker(made, kind)(pair.server, bind=False)
    on_lo.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    first.close()
    on_lo.bind(("0.0.0.0", port + 1))
    on_eth = maker(made, kind)(pair.server, bind=False)
    on_eth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth")
    on_eth.bind(("0.0.0.0", port + 1))
    made.stock(pair.client).sendto(b"wire", (pair.server.v4, port + 1))
    assert on_eth.recv(16) == b"wire"
    made.stock(pair.server, bind=False).sendto(b"loop", ("127.0.0.1", port + 1))
    assert on_lo.recv(16) == b"loop"


@EITHER
@inet_family
def test_control_data(pair, made, kind, family):
    """Hops, class and destination, sent with a message and told with it"""
    level = socket.IPPROTO_IP if family == INET else socket.IPPROTO_IPV6
    asks = (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS) if family == INET else (
        socket.IPV6_RECVPKTINFO, socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS)
    hops, tos, info = (socket.IP_TTL, socket.IP_TOS, IP_PKTINFO) if family == INET else (
        socket.IPV6_HOPLIMIT, socket.IPV6_TCLASS, socket.IPV6_PKTINFO)
    receiver = maker(made, kind)(pair.server, family)
    for name in asks:
        receiver.setsockopt(level, name, 1)
    sender = maker(made, kind)(pair.client, family)
    sender.sendmsg([b"inf", b"o"], [(level, hops, struct.pack("i", 33)),
                                    (level, tos, struct.pack("i", 0x28))],
                   0, receiver.getsockname())
    data, control, _, _ = receiver.recvmsg(16, 512)
    told = {name: value for _, name, value in control}
    with pair.server:
        device = socket.if_nametoindex("eth")
    raw = socket.inet_pton(family, address(pair.server, family)[0])
    assert data == b"info"
    assert struct.unpack("i", told[hops]) == (33,)
    assert told[tos][0] == 0x28
    assert told[info] == (struct.pack("i", device) + raw + raw if family == INET else
                          raw + struct.pack("i", device))


@EITHER
def test_source_by_control_data(pair, made, kind):
    """IP_PKTINFO chooses from where a message comes."""
    sender = maker(made, kind)(pair.client, bind=False)
    receiver = made.stock(pair.client, bind=False)
    receiver.bind(("127.0.0.1", 0))
    info = struct.pack("i4s4s", 0, socket.inet_aton("127.0.0.9"), bytes(4))
    sender.sendmsg([b"x"], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, receiver.getsockname())
    assert receiver.recvfrom(16)[1][0] == "127.0.0.9"


@EITHER
def test_destination(pair, made, kind):
    """IP_RECVORIGDSTADDR"""
    receiver = maker(made, kind)(pair.server)
    receiver.setsockopt(socket.IPPROTO_IP, IP_RECVORIGDSTADDR, 1)
    made.stock(pair.client).sendto(b"x", receiver.getsockname())
    (_, _, told), = receiver.recvmsg(16, 512)[1]
    host, port = receiver.getsockname()
    assert told == struct.pack("=H", INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))


@EITHER
def test_mapped_addresses(pair, made, kind):
    """A socket for IPv6 is told of IPv4 in its own terms; IPV6_V6ONLY ends that."""
    sock = maker(made, kind)(pair.server, INET6, bind=False)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    sock.bind(("::", 0))
    port = sock.getsockname()[1]
    made.stock(pair.client).sendto(b"four", (pair.server.v4, port))
    data, control, _, sender = sock.recvmsg(16, 512)
    assert (data, sender[0]) == (b"four", "::ffff:" + pair.client.v4)
    mapped = socket.inet_pton(INET6, "::ffff:" + pair.server.v4)
    assert [value[:16] for _, _, value in control] == [mapped]
    only = maker(made, kind)(pair.server, INET6, bind=False)
    only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    only.bind(("::", 0))
    asker = made.stock(pair.client)
    asker.connect((pair.server.v4, only.getsockname()[1]))
    asker.send(b"x")
    until(lambda: select.select([asker], [], [], 0)[0], "the refusal")
    assert asker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    with pytest.raises(OSError, match="unreachable"):
        only.sendto(b"x", ("::ffff:" + pair.client.v4, 9))


@EITHER
@inet_family
def test_too_long_for_the_link(pair, made, kind, family):
    """With IP_PMTUDISC_DO the sender is told, by errno and by his error queue."""
    level = socket.IPPROTO_IP if family == INET else socket.IPPROTO_IPV6
    discover, recverr = (IP_MTU_DISCOVER, IP_RECVERR) if family == INET else (
        IPV6_MTU_DISCOVER, IPV6_RECVERR)
    sock, peer = maker(made, kind)(pair.client, family), made.stock(pair.server, family)
    sock.setsockopt(level, discover, PMTUDISC_DO)
    sock.setsockopt(level, recverr, 1)
    with pytest.raises(OSError) as caught:
        sock.sendto(bytes(1500), peer.getsockname())
    assert caught.value.errno == errno.EMSGSIZE
    _, control, flags, told = sock.recvmsg(16, 512, socket.MSG_ERRQUEUE)
    number, origin, _, _, info = struct.unpack_from("=IBBBxI", control[0][2])
    assert (number, origin, info) == (errno.EMSGSIZE, 1, 1500)
    assert flags & socket.MSG_ERRQUEUE and told[0] == peer.getsockname()[0]
    most = 1500 - (28 if family == INET else 48)
    sock.sendto(bytes(most), peer.getsockname())
    assert len(peer.recv(2000)) == most


@EITHER
def test_longest_message(pair, made, kind):
    """One byte more than the longest there is"""
    for family, most in ((INET, 65507), (INET6, 65527)):
        sock, peer = maker(made, kind)(pair.client, family), made.stock(pair.server, family)
        sock.sendto(bytes(most), peer.getsockname())
        assert len(peer.recv(70000)) == most
        with pytest.raises(OSError) as caught:
            sock.sendto(bytes(most + 1), peer.getsockname())
        assert caught.value.errno == errno.EMSGSIZE


@EITHER
@inet_family
def test_error_queue(pair, made, kind, family):
    """IP_RECVERR: an ICMP error with the message that it is about, unconnected, too"""
    level, recverr = (socket.IPPROTO_IP, IP_RECVERR) if family == INET else (
        socket.IPPROTO_IPV6, IPV6_RECVERR)
    sock = maker(made, kind)(pair.client, family)
    sock.setsockopt(level, recverr, 1)
    with made.stock(pair.server, family) as nobody:
        to = nobody.getsockname()
    sock.sendto(b"to nobody", to)
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    data, control, flags, told = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    (where, name, error), = control
    number, origin, icmp_type, code = struct.unpack_from("=IBBB", error)
    assert (data, where, name, flags, told[:2]) == (
        b"to nobody", level, recverr, socket.MSG_ERRQUEUE, to[:2])
    assert (number, origin, icmp_type, code) == (
        (errno.ECONNREFUSED, 2, 3, 3) if family == INET else (errno.ECONNREFUSED, 3, 1, 4))
    # Who has told of it, behind the error
    offender = error[16 + 4:16 + 8] if family == INET else error[16 + 8:16 + 24]
    assert offender == socket.inet_pton(family, to[0])


@EITHER
@inet_family
@pytest.mark.parametrize("wanted, sound", [(0, True), (1, True), (1, False)],
                         ids=["unasked", "sound", "broken"])
def test_extended_errors(pair, made, kind, family, wanted, sound):
    """IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884: where the extensions are, behind the data"""
    level, recverr, extended, head = (
        (socket.IPPROTO_IP, IP_RECVERR, IP_RECVERR_RFC4884, 20) if family == INET else
        (socket.IPPROTO_IPV6, IPV6_RECVERR, IPV6_RECVERR_RFC4884, 40))
    sock = maker(made, kind)(pair.client, family)
    sock.setsockopt(level, recverr, 1)
    sock.setsockopt(level, extended, wanted)
    here, there = (socket.inet_pton(family, address(end, family)[0])
                   for end in (pair.client, pair.server))
    sock.connect(address(pair.server, family, 9))
    # RFC 4884, sections 3 to 5: 128 bytes, in words of 4 or 8; ICMP has them one byte later.
    build = ip4 if family == INET else ip6
    data = bytes(range(128 - head - 8))
    quoted = build(random, (here, there), struct.pack(
        "!HHHH", sock.getsockname()[1], 9, 8 + len(data), 0) + data, socket.IPPROTO_UDP)
    extension = struct.pack("!BBHHBB", 2 << 4, 0, 0, 8, 1, 1) + b"more"
    check = checksum(extension) ^ (not sound)
    extension = extension[:2] + struct.pack("!H", check) + extension[4:]
    words = struct.pack("!BBHxB2x", 3, 3, 0, 32) if family == INET else (
        struct.pack("!BBHB3x", 1, 4, 0, 16))
    packet = build(random, (there, here), *icmp(family, (there, here), words + quoted + extension))
    wire = made.enter_context(Wire(pair.server, pair.client))
    wire.sock.send(wire.head[family] + packet)
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    told, control, *_ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    assert told == data + extension
    # RFC 4884 has no say in it: ee_rfc4884.len, and SO_EE_RFC4884_FLAG_INVALID
    assert struct.unpack_from("=12xHB", control[0][2]) == (
        (len(data), not sound) if wanted else (0, 0))


def way_to(end, host) -> str:
    """What the routing of IPv6 says"""
    return end.run(["ip", "-6", "route", "get", host]).stdout


@EITHER
@pytest.mark.parametrize("shape", [DGRAM, RAW], ids=["dgram", "raw"])
def test_redirected_by_a_router(fresh_pair, made, kind, shape):
    """RFC 4861, 8.3: what the first router of the way says of another is heeded."""
    end, host, first, nearer = fresh_pair.client, "fd00:99::1", "fe80::98", "fe80::99"
    if topology.has_rules6(end, "fwmark 1 lookup 100"):
        pytest.skip("with rules, the kernel looks for the way in the table of local ones alone")
    end.knows([first], fresh_pair.server)
    topology.ip([f"route add fd00:99::/64 via {first} dev eth"], end.name)
    sock = maker(made, kind)(end, INET6, shape, protocol=0 if shape == DGRAM else 99)
    sock.connect((host, 9 if shape == DGRAM else 0))
    assert f"via {first}" in way_to(end, host)
    here, to, first, router = (socket.inet_pton(INET6, one)
                               for one in (end.v6, host, first, nearer))
    quoted = ip6(random, (here, to), struct.pack("!HHI", sock.getsockname()[1], 9, 0),
                 socket.IPPROTO_UDP if shape == DGRAM else 99)
    message = redirect6(quoted, to, router, fresh_pair.server.mac())
    wire = made.enter_context(Wire(fresh_pair.server, end))
    wire.sock.send(wire.head[INET6] + ip6(random, (first, here), *icmp(
        INET6, (first, here), message), hops=255))
    until(lambda: f"via {nearer}" in way_to(end, host), "the way to be another")


@EITHER
@pytest.mark.parametrize("option", [(socket.IPPROTO_IP, IP_RECVERR),
                                    (socket.IPPROTO_IPV6, IPV6_RECVERR)], ids=["ip", "ipv6"])
@pytest.mark.parametrize("mapped", [False, True], ids=["six", "mapped"])
def test_error_queue_of_both(pair, made, kind, option, mapped):
    """A socket for IPv6 asks for errors of either version by an option of its own."""
    sock = maker(made, kind)(pair.client, INET6, bind=False)
    sock.setsockopt(*option, 1)
    with made.stock(pair.server, INET if mapped else INET6) as nobody:
        host, port = nobody.getsockname()[:2]
    host = "::ffff:" * mapped + host
    sock.sendto(b"to nobody", (host, port))
    if mapped != (option[0] == socket.IPPROTO_IP):
        peer = made.stock(pair.server, INET6, bind=False)
        peer.bind(("::", 0))
        sock.sendto(b"to somebody", (host, peer.getsockname()[1]))
        assert peer.recv(16) == b"to somebody"
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    data, control, _, told = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    assert (data, told[:2]) == (b"to nobody", (host, port))
    assert struct.unpack_from("=I", control[0][2]) == (errno.ECONNREFUSED,)


@EITHER
@inet_family
def test_unconnected_hears_of_no_error(pair, made, kind, family):
    """RFC 1122: only a connected socket can tell whose error it is."""
    sock, peer = maker(made, kind)(pair.client, family), made.stock(pair.server, family)
    with made.stock(pair.server, family) as nobody:
        to = nobody.getsockname()
    sock.sendto(b"x", to)
    talk(sock, peer)
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def lease(sock, host, label, share) -> None:
    """IPV6_FLOWLABEL_MGR: a flow label is this socket's from now on."""
    request = struct.pack("!16sI", socket.inet_pton(INET6, host), label) + struct.pack(
        "=BBHHHI", 0, share, 1, 60, 60, 0)                      # IPV6_FL_A_GET, IPV6_FL_F_CREATE
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, request)


@EITHER
@pytest.mark.parametrize("connected", [False, True], ids=["to", "connected"])
def test_flow_labels(fresh_pair, made, kind, connected):
    """Once there are labels that are somebody's alone, nobody sends with one that isn't his."""
    pair = fresh_pair

    def send(sock, label):
        to = (pair.server.v6, peer.getsockname()[1], label, 0)
        if connected:
            sock.connect(to)
            sock.send(b"x")
        else:
            sock.sendto(b"x", to)
        data, control, _, _ = peer.recvmsg(16, 64)
        assert data == b"x"
        told, = struct.unpack("!I", dict((name, data) for _, name, data in control).get(
            IPV6_FLOWINFO, bytes(4)))
        assert told & 0xfffff == label
    peer = made.stock(pair.server, INET6)
    peer.setsockopt(socket.IPPROTO_IPV6, IPV6_FLOWINFO, 1)
    owner, other = (maker(made, kind)(pair.client, INET6) for _ in range(2))
    for sock in (owner, other):
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0)
    send(other, 0x12345)
    lease(owner, pair.server.v6, 0x12346, IPV6_FL_S_EXCL)
    send(owner, 0x12346)
    for label in 0x12345, 0x12346:
        with pytest.raises(OSError) as caught:
            send(other, label)
        assert caught.value.errno == errno.EINVAL
    send(other, 0)


@EITHER
def test_looking_ahead(pair, made, kind):
    """MSG_PEEK, SO_PEEK_OFF, MSG_TRUNC, SIOCINQ"""
    sock = maker(made, kind)(pair.server)
    sender = made.stock(pair.client)
    sender.sendto(b"abcdef", sock.getsockname())
    sender.sendto(b"ghi", sock.getsockname())
    assert sock.recv(3, socket.MSG_PEEK) == b"abc"
    assert number(sock, SIOCINQ) == 6
    sock.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
    assert [sock.recv(4, socket.MSG_PEEK) for _ in range(3)] == [b"abcd", b"ef", b"ghi"]
    data, _, flags, _ = sock.recvmsg(2)
    assert (data, flags) == (b"ab", socket.MSG_TRUNC)
    room = bytearray(1)
    assert sock.recv_into(room, 1, socket.MSG_TRUNC) == 3
    assert number(sock, SIOCINQ) == 0 and number(sock, SIOCOUTQ) == 0
    assert nothing(sock)


@EITHER
def test_corked(pair, made, kind):
    """UDP_CORK keeps pieces until it is drawn; the first says where they go."""
    sock, peer = maker(made, kind)(pair.client), made.stock(pair.server)
    sock.setsockopt(SOL_UDP, UDP_CORK, 1)
    assert sock.getsockopt(SOL_UDP, UDP_CORK) == 1
    sock.sendto(b"one ", peer.getsockname())
    sock.sendto(b"message", ("127.0.0.1", 9))
    assert nothing(peer)
    sock.setsockopt(SOL_UDP, UDP_CORK, 0)
    assert peer.recv(64) == b"one message"
    talk(sock, peer)


@EITHER
def test_corked_too_long(pair, made, kind):
    """A message that grows too long is forgotten as a whole."""
    sock, peer = maker(made, kind)(pair.client), made.stock(pair.server)
    sock.connect(peer.getsockname())
    sock.send(bytes(40000), socket.MSG_MORE)
    with pytest.raises(OSError) as caught:
        sock.send(bytes(40000))
    assert caught.value.errno == errno.EMSGSIZE
    sock.send(b"next")
    assert peer.recv(64) == b"next"


@EITHER
def test_buffer_is_full(pair, made, kind):
    """What finds no room is dropped; room comes back with what is received."""
    sock, sender = maker(made, kind)(pair.server), made.stock(pair.client)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10000)
    for _ in range(200):
        sender.sendto(bytes(500), sock.getsockname())

    def received():
        count = 0
        while select.select([sock], [], [], 0)[0]:
            sock.recv(1000)
            count += 1
        return count
    assert 5 < received() < 100
    talk(sock, sender)


@inet_family
def test_fewest_hops(pair, made, family):
    """IP_MINTTL, IPV6_MINHOPCOUNT, which the host's UDP doesn't look at"""
    level, least, hops = (socket.IPPROTO_IP, 21, socket.IP_TTL) if family == INET else (
        socket.IPPROTO_IPV6, 73, socket.IPV6_UNICAST_HOPS)
    sock, sender = made.ours(pair.server, family), made.stock(pair.client, family)
    sock.setsockopt(level, least, 100)
    before = kinet.snmp(pair.server)["DropMinTtl"]
    for count in (99, 100):
        sender.setsockopt(level, hops, count)
        sender.sendto(str(count).encode(), sock.getsockname())
    assert sock.recv(16) == b"100"
    assert kinet.snmp(pair.server)["DropMinTtl"] == before + 1


@EITHER
@pytest.mark.parametrize("name, form", [(29, "ll"), (35, "ll")], ids=["us", "ns"])
def test_time_stamps(pair, made, kind, name, form):
    """SO_TIMESTAMP, SO_TIMESTAMPNS: when it came, and before it was received"""
    sock, sender = maker(made, kind)(pair.server), made.stock(pair.client)
    sock.setsockopt(socket.SOL_SOCKET, name, 1)
    before = time.time()
    sender.sendto(b"x", sock.getsockname())
    (level, kind_of, value), = sock.recvmsg(16, 512)[1]
    seconds, part = struct.unpack(form, value)
    assert (level, kind_of) == (socket.SOL_SOCKET, name)
    # The clock of user space may be one tick behind.
    assert before - 0.1 <= seconds + part / (1e6 if name == 29 else 1e9) <= time.time() + 0.1


@EITHER
def test_overflow_is_told(pair, made, kind):
    """SO_RXQ_OVFL: how many were dropped before this one came"""
    sock, sender = maker(made, kind)(pair.server), made.stock(pair.client)
    sock.setsockopt(socket.SOL_SOCKET, 40, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 5000)
    for _ in range(100):
        sender.sendto(bytes(500), sock.getsockname())
    count = 0
    while not nothing(sock):
        assert not sock.recvmsg(1000, 64)[1]
        count += 1
    sender.sendto(b"x", sock.getsockname())
    (_, name, value), = sock.recvmsg(16, 64)[1]
    assert (name, struct.unpack("I", value)) == (40, (100 - count,))


def test_drops_are_counted(pair, made):
    """In the namespace's counters, and in the socket's own."""
    sock, sender = made.ours(pair.server), made.stock(pair.client)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 5000)
    before = kinet.snmp(pair.server)
    for _ in range(100):
        sender.sendto(bytes(500), sock.getsockname())
    after = kinet.snmp(pair.server)
    dropped = after["DropBufferFull"] - before["DropBufferFull"]
    assert dropped + after["DgramIn"] - before["DgramIn"] == 100 and dropped > 50
    port = sock.getsockname()[1]
    row, = [row for row in kinet.sockets(pair.server) if row["local"].endswith(f":{port}")]
    assert int(row["drops"]) == dropped and int(row["rx"]) > 0


@EITHER
def test_filter(pair, made, kind):
    """SO_ATTACH_FILTER sees the datagram from its header on."""
    sock, sender = maker(made, kind)(pair.server), made.stock(pair.client)
    # ldb [8]; jeq 'k': accept all of it, or nothing
    code = [(0x30, 0, 0, 8), (0x15, 0, 1, ord("k")), (6, 0, 0, 0xffff), (6, 0, 0, 0)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    sock.setsockopt(socket.SOL_SOCKET, 26,
                    struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    for message in (b"drop", b"keep"):
        sender.sendto(message, sock.getsockname())
    assert sock.recv(16) == b"keep"


@EITHER
@inet_family
def test_disconnect(pair, made, kind, family):
    """connect() to AF_UNSPEC: the port stays if it was bound, and anybody is heard."""
    sock = maker(made, kind)(pair.client, family)
    one, other = made.stock(pair.server, family), made.stock(pair.server, family)
    sock.connect(one.getsockname())
    with pytest.raises(OSError, match="endpoint"):
        disconnect(sock)
        sock.getpeername()
    talk(sock, other)
    free = maker(made, kind)(pair.client, family, bind=False)
    free.connect(one.getsockname())
    assert free.getsockname()[0] == address(pair.client, family)[0]
    disconnect(free)
    assert free.getsockname()[1] == 0


def connect_to(sock, where: bytes):
    """connect() to an address as it is, which Python can't say"""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(sock.fileno(), where, len(where)):
        raise OSError(ctypes.get_errno(), "connect")


def disconnect(sock):
    """connect() to AF_UNSPEC"""
    connect_to(sock, bytes(28))


@EITHER
def test_poll(pair, made, kind):
    """Levels and edges; shutdown"""
    sock, sender = maker(made, kind)(pair.server), made.stock(pair.client)
    poll = select.epoll()
    poll.register(sock, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET | select.EPOLLRDHUP)
    assert poll.poll(0) == [(sock.fileno(), select.EPOLLOUT)]
    assert not poll.poll(0)
    for _ in range(2):
        sender.sendto(b"x", sock.getsockname())
        assert poll.poll(10) == [(sock.fileno(), select.EPOLLIN | select.EPOLLOUT)]
    assert not poll.poll(0)
    sock.connect(sender.getsockname())
    sock.shutdown(socket.SHUT_RDWR)
    wanted = select.EPOLLHUP | select.EPOLLRDHUP | select.EPOLLIN
    assert poll.poll(10)[0][1] & wanted == wanted
    sock.settimeout(None)
    assert [sock.recv(16) for _ in range(3)] == [b"x", b"x", b""]
    with pytest.raises(BrokenPipeError):
        sock.send(b"x")


@inet_family
def test_by_number(pair, made, family):
    """socket(PF_INET, SOCK_DGRAM, KINET_PROTO_DGRAM)"""
    sock = made.ours(pair.client, family, protocol=kinet.PROTO_DGRAM, domain=family)
    talk(sock, made.stock(pair.server, family))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == 0x200 | socket.IPPROTO_UDP
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == family


def test_what_there_is_not(pair, made):
    """A clear errno for what kinet doesn't have"""
    sock = made.ours(pair.client)
    for level, name in ((SOL_UDP, UDP_SEGMENT), (socket.IPPROTO_IP, socket.IP_OPTIONS),
                        (socket.IPPROTO_TCP, socket.TCP_NODELAY)):
        with pytest.raises(OSError) as caught:
            sock.setsockopt(level, name, 4)
        assert caught.value.errno == errno.ENOPROTOOPT
    for kind, protocol, wanted in ((socket.SOCK_SEQPACKET, 0, errno.ESOCKTNOSUPPORT),
                                   (socket.SOCK_DGRAM, 6, errno.EPROTONOSUPPORT),
                                   (socket.SOCK_RAW, 0, errno.EPROTONOSUPPORT)):
        with pytest.raises(OSError) as caught:
            kinet.open_socket(INET, kind, protocol)
        assert caught.value.errno == wanted
    sock.settimeout(None)
    for call in (sock.listen, sock.accept):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EOPNOTSUPP


@inet_family
@pytest.mark.parametrize("end", ["client", "server"])
def test_bundles(pair, made, family, end):
    """A sender's UDP_SEGMENT: what stays on this host comes in one packet."""
    sock = made.ours(pair.server, family)
    sender = made.stock(getattr(pair, end), family)
    sender.setsockopt(SOL_UDP, UDP_SEGMENT, 500)
    data = bytes(range(256)) * 5
    sender.sendto(data, sock.getsockname())
    assert [sock.recv(2000) for _ in range(3)] == [data[:500], data[500:1000], data[1000:]]


def told_of_way(sock):
    """SO_INCOMING_CPU, and whether there is a SO_INCOMING_NAPI_ID"""
    return (sock.getsockopt(socket.SOL_SOCKET, SO_INCOMING_CPU),
            sock.getsockopt(socket.SOL_SOCKET, SO_INCOMING_NAPI_ID) > 0)


@EITHER
@inet_family
@pytest.mark.parametrize("shape", [DGRAM, STREAM], ids=["dgram", "stream"])
def test_way_in(made, kind, family, shape):
    """SO_INCOMING_CPU, SO_INCOMING_NAPI_ID: by which processor and which queue something came;
    SO_BUSY_POLL: the queue is asked."""
    with topology.pair() as net:
        for end in (net.client, net.server):
            feature(end, ETHTOOL_STSO, 0)
            feature(end, ETHTOOL_SGRO, 1)               # Both together, it has NAPI.
        one, other = (maker(made, kind)(end, family, shape) for end in (net.client, net.server))
        assert told_of_way(one) == told_of_way(other) == (-1, False)
        if shape == STREAM:
            other.listen()
            one.connect(other.getsockname())
            other = made.enter_context(other.accept()[0])
        else:
            one.sendto(b"?", other.getsockname())
            other.recv(1)
            # Of one without a peer, the next may come another way.
            assert told_of_way(other) == (-1, True)
            one.connect(other.getsockname())
            other.connect(one.getsockname())
        for sock in (one, other):
            sock.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, 50)
            sock.settimeout(None)
        for sock, peer in ((one, other), (other, one)):
            sock.send(b"data")
            assert peer.recv(4) == b"data"
            cpu, has_queue = told_of_way(peer)
            assert cpu in range(os.cpu_count()) and has_queue
