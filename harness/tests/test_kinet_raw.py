# SPDX-License-Identifier: GPL-2.0-only
"""Raw sockets: kinet's, and the host's own as the oracle."""

import errno
import select
import socket
import struct

import kinet
import pytest

from blocked import until
from checksum import checksum
from kinet import INET, INET6, RAW, address
from peers import inet_family
from test_kinet_options import EITHER, disconnect, maker, nothing

pytestmark = pytest.mark.smoke

ICMP, ICMPV6, UDP = socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6, socket.IPPROTO_UDP
SOL_RAW, ICMP_FILTER, ICMPV6_FILTER, IPV6_CHECKSUM, IPV6_HDRINCL = 255, 1, 1, 7, 36
ECHO = {INET: (8, 0), INET6: (128, 129)}
BLOCK_ALL = b"\xff" * 32


def request(family, number=1, data=b"is anybody there?") -> bytes:
    """An echo request; IPv6's checksum is the socket's to make."""
    head = struct.pack("!BBHHH", ECHO[family][0], 0, 0, 77, number)
    if family == INET6:
        return head + data
    return head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data


def only(sock, family, wanted: int):
    """Have a socket hear one type alone, RFC 3542's way or Linux's."""
    if family == INET:
        sock.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("I", ~(1 << wanted) & 0xffffffff))
        return
    words = list(struct.unpack("8I", BLOCK_ALL))
    words[wanted // 32] &= ~(1 << wanted % 32)
    sock.setsockopt(ICMPV6, ICMPV6_FILTER, struct.pack("8I", *words))


def pinger(made, kind, end, family):
    """A socket that hears answers."""
    sock = maker(made, kind)(end, family, RAW, bind=False,
                             protocol=ICMP if family == INET else ICMPV6)
    only(sock, family, ECHO[family][1])
    return sock


def payload(family, packet: bytes) -> bytes:
    """What is behind IPv4's header, which is received, too."""
    return packet[(packet[0] & 15) * 4:] if family == INET else packet


@EITHER
@inet_family
def test_echo(pair, made, kind, family):
    """Ask the host at the other end, and hear its answer."""
    sock = pinger(made, kind, pair.client, family)
    sock.sendto(request(family), address(pair.server, family))
    packet, sender = sock.recvfrom(2000)
    answer = payload(family, packet)
    assert sender[0] == address(pair.server, family)[0]
    assert (answer[0], answer[4:]) == (ECHO[family][1], request(family)[4:])


@EITHER
@inet_family
def test_long_echo(pair, made, kind, family):
    """In fragments, both ways"""
    sock = pinger(made, kind, pair.client, family)
    data = bytes(range(256)) * 20
    sock.sendto(request(family, data=data), address(pair.server, family))
    assert payload(family, sock.recv(9000))[8:] == data


@inet_family
def test_everybody_hears(pair, made, family):
    """Raw sockets of both kinds hear what the host's own protocol gets as well."""
    socks = [maker(made, kind)(pair.server, family, RAW, bind=False, protocol=UDP)
             for kind in ("ours", "ours", "stock")]
    receiver = made.stock(pair.server, family)
    sender = made.stock(pair.client, family)
    sender.sendto(b"to all", receiver.getsockname())
    assert receiver.recv(16) == b"to all"
    assert [payload(family, one.recv(100))[8:] for one in socks] == [b"to all"] * 3


@inet_family
def test_hears_kinets_own(pair, made, family):
    """And what kinet takes for itself"""
    raw = made.ours(pair.server, family, RAW, bind=False, protocol=UDP)
    receiver = made.ours(pair.server, family)
    made.stock(pair.client, family).sendto(b"both", receiver.getsockname())
    assert receiver.recv(16) == b"both"
    assert payload(family, raw.recv(100))[8:] == b"both"


@EITHER
def test_own_header(pair, made, kind):
    """IPPROTO_RAW: the caller writes IPv4's header, and may leave zeros in it."""
    peer = made.stock(pair.server)
    sock = maker(made, kind)(pair.client, INET, RAW, bind=False, protocol=socket.IPPROTO_RAW)
    udp = struct.pack("!HHHH", 9999, peer.getsockname()[1], 14, 0) + b"header"
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, UDP, 0, bytes(4),
                         socket.inet_aton(pair.server.v4))
    sock.sendto(header + udp, (pair.server.v4, 0))
    assert peer.recvfrom(16) == (b"header", (pair.client.v4, 9999))


def test_own_header_is_bad(pair, made):
    """One that is too short, of another version, or longer than the packet"""
    sock = made.ours(pair.client, INET, RAW, bind=False, protocol=socket.IPPROTO_RAW)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, UDP, 0, bytes(4),
                         socket.inet_aton(pair.server.v4))
    for bad in (header[:10], b"\x65" + header[1:], b"\x44" + header[1:], b"\x4f" + header[1:]):
        with pytest.raises(OSError) as caught:
            sock.sendto(bad, (pair.server.v4, 0))
        assert caught.value.errno == errno.EINVAL


@EITHER
def test_ends(pair, made, kind):
    """bind() and connect() choose whom a socket hears; connect() can be undone."""
    bound = maker(made, kind)(pair.client, INET, RAW, bind=False, protocol=ICMP)
    only(bound, INET, ECHO[INET][1])
    bound.bind((pair.client.v4, 0))
    elsewhere = maker(made, kind)(pair.client, INET, RAW, bind=False, protocol=ICMP)
    elsewhere.bind(("127.0.0.1", 0))
    other_peer = pinger(made, kind, pair.client, INET)
    other_peer.connect(("127.0.0.2", 0))
    bound.connect((pair.server.v4, 0))
    bound.send(request(INET))
    assert payload(INET, bound.recv(2000))[4:] == request(INET)[4:]
    assert nothing(elsewhere) and nothing(other_peer)
    with pytest.raises(OSError):
        maker(made, kind)(pair.client, INET, RAW, bind=False, protocol=ICMP).bind(("1.2.3.4", 0))


def test_disconnected_hears_on(pair, made):
    """connect() to AF_UNSPEC leaves a raw socket in place."""
    sock = pinger(made, "ours", pair.client, INET)
    sock.connect(("127.0.0.2", 0))
    disconnect(sock)
    sock.sendto(request(INET), (pair.server.v4, 0))
    assert payload(INET, sock.recv(2000))[4:] == request(INET)[4:]


@EITHER
def test_checksum_of_ipv6(pair, made, kind):
    """IPV6_CHECKSUM: made where it is said, and looked at"""
    sock = maker(made, kind)(pair.client, INET6, RAW, bind=False, protocol=200)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, 2)
    hears = made.stock(pair.server, INET6, RAW, bind=False, protocol=200)
    sock.sendto(b"\1\2\0\0data", (pair.server.v6, 0))
    data = hears.recv(100)
    pseudo = b"".join(socket.inet_pton(INET6, end.v6) for end in (pair.client, pair.server))
    assert data[:2] + data[4:] == b"\1\2data"
    assert checksum(pseudo + struct.pack("!II", len(data), 200) + data) == 0
    checks = maker(made, kind)(pair.server, INET6, RAW, bind=False, protocol=200)
    checks.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, 2)
    plain = made.stock(pair.client, INET6, RAW, bind=False, protocol=200)
    plain.sendto(b"\1\2\0\0bad!", (pair.server.v6, 0))
    plain.sendto(data, (pair.server.v6, 0))
    assert checks.recv(100) == data
    with pytest.raises(OSError) as caught:
        sock.sendto(b"\1\2\0", (pair.server.v6, 0))
    assert caught.value.errno == errno.EINVAL


@EITHER
@pytest.mark.parametrize("protocol", [UDP, 200])
def test_checksum_of_zero(pair, made, kind, protocol):
    """RFC 768 has 0 stand for none, so UDP's is 0xffff then; RFC 3542 says it of no other."""
    sock = maker(made, kind)(pair.client, INET6, RAW, bind=False, protocol=protocol)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, 6)
    hears = made.stock(pair.server, INET6, RAW, bind=False, protocol=protocol)
    pseudo = b"".join(socket.inet_pton(INET6, end.v6) for end in (pair.client, pair.server))
    head = struct.pack("!HHHH", 5, 9, 10, 0)
    last = checksum(pseudo + struct.pack("!II", len(head) + 2, protocol) + head)
    sock.sendto(head + struct.pack("!H", last), (pair.server.v6, 0))
    assert hears.recv(100)[6:8] == (b"\xff\xff" if protocol == UDP else b"\0\0")


def test_by_number(pair, made):
    """socket(PF_INET, SOCK_RAW, KINET_PROTO_RAW) is told its protocol once."""
    sock = made.ours(pair.client, INET, RAW, bind=False, protocol=kinet.PROTO_RAW, domain=INET)
    with pytest.raises(OSError):
        sock.sendto(request(INET), (pair.server.v4, 0))
    sock.setsockopt(kinet.SOL_KINET, kinet.RAW_PROTOCOL, ICMP)
    only(sock, INET, ECHO[INET][1])
    assert sock.getsockopt(kinet.SOL_KINET, kinet.RAW_PROTOCOL) == ICMP
    with pytest.raises(OSError):
        sock.setsockopt(kinet.SOL_KINET, kinet.RAW_PROTOCOL, UDP)
    sock.sendto(request(INET), (pair.server.v4, 0))
    assert payload(INET, sock.recv(2000))[4:] == request(INET)[4:]


@EITHER
def test_too_long(pair, made, kind):
    """IP_MTU_DISCOVER, and the longest packet there is"""
    sock = pinger(made, kind, pair.client, INET)
    with pytest.raises(OSError) as caught:
        sock.sendto(bytes(65536), (pair.server.v4, 0))
    assert caught.value.errno == errno.EMSGSIZE
    sock.setsockopt(socket.IPPROTO_IP, 10, 2)
    with pytest.raises(OSError) as caught:
        sock.sendto(bytes(1481), (pair.server.v4, 0))
    assert caught.value.errno == errno.EMSGSIZE


def test_refused_options(pair, made):
    """IP_ROUTER_ALERT and multicast routing are for the host's own sockets."""
    sock = made.ours(pair.client, INET, RAW, bind=False, protocol=socket.IPPROTO_IGMP)
    sock.bind((pair.client.v4, socket.IPPROTO_IGMP))
    for name in (5, 200):
        with pytest.raises(OSError) as caught:
            sock.setsockopt(socket.IPPROTO_IP, name, 1)
        assert caught.value.errno in (errno.ENOPROTOOPT, errno.EOPNOTSUPP)
    sock = made.ours(pair.client, INET6, RAW, bind=False, protocol=ICMPV6)
    sock.bind((pair.client.v6, ICMPV6))
    for name in (22, 200):
        with pytest.raises(OSError) as caught:
            sock.setsockopt(socket.IPPROTO_IPV6, name, 1)
        assert caught.value.errno in (errno.ENOPROTOOPT, errno.EOPNOTSUPP)


@EITHER
def test_own_header_of_ipv6(pair, made, kind):
    """IPV6_HDRINCL, which IPPROTO_RAW has at first"""
    peer = made.stock(pair.server, INET6)
    ends = b"".join(socket.inet_pton(INET6, end.v6) for end in (pair.client, pair.server))
    udp = struct.pack("!HHHH", 9999, peer.getsockname()[1], 14, 0) + b"header"
    pseudo = ends + struct.pack("!II", len(udp), UDP)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp)) + udp[8:]
    packet = struct.pack("!IHBB", 6 << 28, len(udp), UDP, 64) + ends + udp
    sock = maker(made, kind)(pair.client, INET6, RAW, bind=False, protocol=socket.IPPROTO_RAW)
    assert sock.getsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL) == 1
    sock.sendto(packet, (pair.server.v6, 0))
    assert peer.recvfrom(16)[0] == b"header"
    with pytest.raises(OSError) as caught:
        sock.sendto(packet[:39], (pair.server.v6, 0))
    assert caught.value.errno == errno.EINVAL
    other = maker(made, kind)(pair.client, INET6, RAW, bind=False, protocol=UDP)
    other.setsockopt(SOL_RAW, IPV6_HDRINCL, 1)
    other.sendto(packet, (pair.server.v6, UDP))
    assert peer.recvfrom(16)[0] == b"header"
    with pytest.raises(OSError) as caught:
        other.sendto(packet, (pair.server.v6, ICMPV6))
    assert caught.value.errno == errno.EINVAL


@EITHER
@inet_family
def test_errors(pair, made, kind, family):
    """What ICMP says of its packets is told to a connected raw socket, or on its queue."""
    level, recverr = (socket.IPPROTO_IP, 11) if family == INET else (socket.IPPROTO_IPV6, 25)
    with made.stock(pair.server, family) as nobody:
        to = nobody.getsockname()
    packet = struct.pack("!HHHH", 9999, to[1], 12, 0) + b"none"
    socks = [maker(made, kind)(pair.client, family, RAW, bind=False, protocol=UDP)
             for _ in range(4)]
    connected, queued, neither, elsewhere = socks
    connected.connect((to[0], 0))
    queued.setsockopt(level, recverr, 1)
    elsewhere.connect(("127.0.0.1" if family == INET else "::1", 0))
    if family == INET6:
        for sock in socks:
            sock.setsockopt(SOL_RAW, IPV6_CHECKSUM, 6)
    connected.send(packet)
    until(lambda: all(select.select([sock], [], [], 0)[0] for sock in (connected, queued)),
          "the errors")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    data, control, flags, told = queued.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    number, origin = struct.unpack_from("=IB", control[0][2])
    assert data[:6] + data[8:] == packet[:6] + packet[8:]
    assert flags & socket.MSG_ERRQUEUE and told[:2] == (to[0], 0)
    assert (number, origin) == (errno.ECONNREFUSED, 2 if family == INET else 3)
    assert nothing(neither) and nothing(elsewhere)


def test_shut(pair, made):
    """A raw socket that was shut hears nothing, and its reader is woken."""
    sock = pinger(made, "ours", pair.client, INET)
    sock.connect((pair.server.v4, 0))
    sock.shutdown(socket.SHUT_RDWR)
    until(lambda: select.select([sock], [], [], 0)[0], "the end")
    sock.settimeout(None)
    assert sock.recv(16) == b""
