# SPDX-License-Identifier: GPL-2.0-only
"""What is in the packets of a connection beside its data, and what else there is on the wire.

It holds for the host's own TCP, unless a test says otherwise.
"""

import contextlib
import itertools
import select
import socket

import pytest
import topology

from blocked import until
from conftest import KernelLog
from kinet import INET, INET6
from malformed import icmp, redirect6
from segments import (ACK, FIN, HOST, MSS, PSH, ROUND, SACK, SACK_OK, STAMPS, SYN, WIRES, WSCALE,
                      Host, Peer, Segment, lives, option, padded)
from streams import Info, blocking, pattern, ready, receive

NAME = {INET: (socket.IPPROTO_IP, socket.IP_TOS, socket.IP_TTL),
        INET6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, socket.IPV6_UNICAST_HOPS)}
EXPERIMENT = bytes([0x9e, 4, 1, 2])     # an option of IPv4 that nobody knows: RFC 4727
LEAST = {INET: 552, INET6: 1280}        # no path's MTU is taken to be less
HEADERS = {INET: 40, INET6: 60}
LINK = 1500


@pytest.fixture(scope="module", params=["ours", "stock", "isolated"], name="kind")
def _kind(request):
    """Whose socket the host has; isolated: kinet's, on its other wire"""
    return request.param


@pytest.fixture(scope="module", name="net")
def _net(kind):
    """The host and where the peer is"""
    with Peer.network(kind if kind in WIRES else "interop") as made:
        yield made


@pytest.fixture(params=[INET, INET6], ids=["inet", "inet6"], name="host")
def _host(net, made, kind, request):
    """A listener, and somebody who may talk to it"""
    return Host(net, made, "ours" if kind in WIRES else kind, request.param)


# --- the header of TCP

def test_reserved_bits(host):
    """RFC 9293, section 3.1: sent as 0, and passed over; ECN is not asked for here"""
    peer = host.peer
    answer = peer.answer(SYN, reserved=0x0c)
    assert answer.flags == SYN | ACK and answer.reserved == 0
    peer.at.snd, peer.at.rcv = answer.ack, answer.end
    peer.say(b"data", ACK | PSH, reserved=0x3f)
    sock = host.accepted()
    assert receive(sock, 4) == b"data"
    sock.sendall(b"answer")
    segment = peer.hear("the answer")
    while not segment.data:
        assert segment.reserved == 0
        segment = peer.hear("the answer")
    assert segment.data == b"answer" and segment.reserved == 0


def test_options_of_handshakes_alone(host):
    """RFC 9293, MUST-65; RFC 7323, 2.2; RFC 2018, 2: MSS, which is always there, scale and
    SACK-permitted are in SYNs and nowhere else."""
    peer = host.peer
    offer = padded(option(MSS, "H", 500), option(WSCALE, "B", 2), option(SACK_OK),
                   option(STAMPS, "II", 7, 0))
    answer = peer.connect(offer)
    assert set(answer.options) == {MSS, WSCALE, SACK_OK, STAMPS}
    sock = host.accepted()
    lives(sock, peer)
    sock.sendall(pattern(1500))
    sock.shutdown(socket.SHUT_WR)
    peer.send(ACK, b"later", seq=peer.at.snd + 10)
    kinds, sent = set(), []
    while peer.at.rcv not in [one.seq for one in sent[3:]]:
        sent.append(peer.hear("the data, the end, an answer and the data again"))
        kinds |= set(sent[-1].options)
    assert any(one.flags & FIN for one in sent) and any(one.blocks for one in sent)
    assert kinds == {STAMPS, SACK}


def test_great_scale_is_logged(host):
    """RFC 7323, section 2.3"""
    log = KernelLog()
    host.open(padded(option(WSCALE, "B", 15)))
    assert "window scal" in log.new()


# --- the header of IP

def sends(sock, peer) -> Segment:
    """What the host sends data in; it is acknowledged."""
    sock.sendall(b"data")
    segment = peer.hear("the data")
    while not segment.data:
        segment = peer.hear("the data")
    peer.at.rcv = segment.end
    peer.send()
    return segment


def test_type_of_service(host):
    """RFC 9293, MUST-48, SHLD-21, SHLD-22: as the user says, and it may change."""
    sock, peer = host.open()
    level, tos, _ = NAME[host.family]
    for value in (0x28, 0xb8, 0):
        sock.setsockopt(level, tos, value)
        assert sends(sock, peer).packet.tos == value


def test_time_to_live(host):
    """RFC 9293, MUST-49"""
    sock, peer = host.open()
    level, _, ttl = NAME[host.family]
    for value in (3, 255):
        sock.setsockopt(level, ttl, value)
        assert sends(sock, peer).packet.ttl == value


@pytest.mark.parametrize("host", [INET], indirect=True, ids=["inet"])
def test_unknown_ip_option(host):
    """RFC 9293, MUST-50"""
    sock, peer = host.open()
    peer.raw(peer.header(ACK, b"data"), options=EXPERIMENT)
    peer.at.snd = (peer.at.snd + 4) % ROUND
    assert receive(sock, 4) == b"data"
    lives(sock, peer)


@contextlib.contextmanager
def strange(peer, end, address):
    """One of the peer's packets' ends is another: 0 his own, 1 the host's"""
    before = peer.ends[end]
    peer.ends[end] = socket.inet_pton(peer.family, address)
    yield
    peer.ends[end] = before


def nobody_is_answered(host):
    """Nothing was sent to the peer's port until the answer to a good SYN, behind all others."""
    peer, answered = host.peer, []

    def come():
        answered.extend(one for one in map(Segment.parse, peer.capture.packets(peer.protocol))
                        if one.dport == peer.at.port)
        return any(one.packet.dest == peer.ends[0] for one in answered)
    peer.send(SYN)
    until(come, "the answer to a good SYN")
    assert [(one.packet.dest, one.ack) for one in answered] == [
        (peer.ends[0], (peer.at.snd + 1) % ROUND)]
    assert not select.select([host.listener], [], [], 0)[0]


MANY = {INET: ["224.0.0.1", "10.1.0.255", "255.255.255.255"], INET6: ["ff02::1"]}


def test_syn_to_many(host):
    """RFC 9293, MUST-57: to a group or a broadcast; no answer, not even a reset"""
    peer = host.peer
    for address in MANY[host.family]:
        with strange(peer, 1, address):
            peer.send(SYN, seq=peer.at.snd - 1000)
    nobody_is_answered(host)


def test_syn_from_many(host, kind):
    """RFC 9293, MUST-63: likewise, though the host's own TCP answers a network's broadcast"""
    peer = host.peer
    for address in MANY[host.family]:
        if kind == "stock" and address == MANY[INET][1]:
            continue
        with strange(peer, 0, address):
            peer.send(SYN, seq=peer.at.snd - 1000)
    nobody_is_answered(host)


def source_of(net, family) -> str:
    """Which address the route says"""
    with net.client, socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST[family], 9))
        return sock.getsockname()[0]


@contextlib.contextmanager
def another_source(net, family):
    """The host has one more address, and its route says that one."""
    prefix, other, mask, metric = {
        INET: ("10.1.0.0/24", "10.1.0.9", 32, ""),
        INET6: ("fd00:1::/64", "fd00:1::9", 128, " metric 256")}[family]
    first = source_of(net, family)
    route = f"route replace {prefix} dev eth proto kernel{metric} src "
    topology.ip([f"addr add {other}/{mask} dev eth" + " nodad" * (family == INET6),
                 route + other], net.client.name)
    try:
        assert source_of(net, family) == other
        yield
    finally:
        topology.ip([route + first, f"addr del {other}/{mask} dev eth"], net.client.name)


def test_address_stays(net, host):
    """RFC 9293, MUST-45: that of a connection is what it was when it began."""
    sock, peer = host.open()
    lives(sock, peer)
    with another_source(net, host.family):
        assert sends(sock, peer).packet.source == peer.ends[1]
        lives(sock, peer)


# --- what routers say of the path: RFC 1191, 8201

@pytest.fixture(name="path")
def _path(net):
    """What is learned of it is forgotten."""
    yield
    for version in ("-4", "-6"):
        net.client.run(["ip", version, "route", "flush", "cache"])


def on_its_way(host) -> tuple:
    """A connection with five full segments of which the peer has acknowledged none"""
    host.peer = host.new_peer(host.listener)
    full = LINK - HEADERS[host.family]
    sock, peer = host.open(option(MSS, "H", full))
    sock.sendall(pattern(5 * full))
    while peer.hear("five segments").end != (peer.at.rcv + 5 * full) % ROUND:
        pass
    return sock, peer


def again(peer) -> int:
    """How long the first of them is when it is sent again"""
    segment = peer.hear("it again")
    while segment.seq != peer.at.rcv:
        segment = peer.hear("it again")
    return len(segment.data)


def taken(peer, size) -> bytes:
    """So many bytes more, each segment acknowledged on its own, so that the next may come"""
    data = b""
    while len(data) < size:
        segment = peer.hear(f"{size - len(data)} more bytes")
        if segment.data and segment.seq == peer.at.rcv:
            data += segment.data
            peer.at.rcv = segment.end
            peer.send()
    return data


def all_comes(sock, peer, host):
    """Whatever it was told"""
    size = 5 * (LINK - HEADERS[host.family])
    assert taken(peer, size) == pattern(size)
    lives(sock, peer)


def test_too_big(host, path):
    """RFC 1191, 6.5; RFC 8201, 5.4: what is too long is sent again at once, as it now can be."""
    sizes = itertools.count(1400, -8)

    def at_once():
        mtu = next(sizes)
        sock, peer = on_its_way(host)
        peer.too_big(mtu)
        assert 0 < again(peer) <= mtu - HEADERS[host.family]
        return not Info.of(sock).retransmits
    # A time-out may have been before, in a round that something has held up.
    until(at_once, "a round without a time-out")


@pytest.mark.parametrize("mtu", [0, 100])
def test_path_is_not_that_narrow(host, path, mtu):
    """RFC 1191, 5: a router that doesn't say; RFC 8201, 4: nothing below the least is believed."""
    sock, peer = on_its_way(host)
    peer.too_big(mtu)
    size = again(peer)
    assert size >= LEAST[host.family] - HEADERS[host.family]
    if host.family == INET:
        assert size < LINK - HEADERS[INET]
    all_comes(sock, peer, host)


@pytest.mark.parametrize("mtu", [LINK, 9000])
def test_path_is_no_wider(host, path, mtu):
    """RFC 8201, 4: no message makes it so."""
    sock, peer = on_its_way(host)
    peer.too_big(1400)
    again(peer)
    peer.too_big(mtu)
    assert again(peer) <= 1400 - HEADERS[host.family]
    all_comes(sock, peer, host)


@pytest.mark.parametrize("ahead", [-1, 10_000, 1 << 31])
def test_too_big_for_another(host, path, ahead):
    """RFC 5927, 4: the number is not on its way, so that router has not seen it."""
    sock, peer = on_its_way(host)
    peer.too_big(1400, seq=peer.at.rcv + ahead)
    assert again(peer) == LINK - HEADERS[host.family]
    all_comes(sock, peer, host)


@pytest.mark.parametrize("host", [INET], ids=["inet"], indirect=True)
def test_redirected(host):
    """RFC 1122, 3.2.2.2: another router is nearer, which is no reason to give up."""
    sock, peer, syn = host.calling()
    peer.redirect("10.1.0.9", seq=syn.seq)
    peer.at.rcv = syn.end
    peer.send(SYN | ACK)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    ready(sock, select.POLLOUT)
    peer.redirect("10.1.0.9")
    lives(blocking(sock), peer)


@pytest.mark.parametrize("host", [INET6], ids=["inet6"], indirect=True)
def test_redirected_by_a_router(net, host, path):
    """RFC 4861, 8.3: from then on it goes by the router that is said to be nearer."""
    sock, peer = host.open()
    lives(sock, peer)
    message = redirect6(peer.quoted(), peer.ends[0], socket.inet_pton(INET6, "fe80::99"),
                        net.server.mac())
    with strange(peer, 0, "fe80::98"):
        peer.raw(*icmp(INET6, peer.ends, message), hops=255)

    def way():
        return net.client.run(["ip", "-6", "route", "get", HOST[INET6]]).stdout
    until(lambda: "via fe80::99" in way(), "the way to be another")
    lives(sock, peer)


def test_offered_size_is_of_the_link(host, kind, path):
    """RFC 9293, MUST-67; RFC 8201, 5.4: what the path to the peer takes says nothing of what can
    come, though the host's own TCP may offer that."""
    _, peer = on_its_way(host)
    peer.too_big(1400)
    assert again(peer) <= 1400 - HEADERS[host.family]
    _, _, syn = host.calling()
    offers = [syn, host.new_peer(host.listener).connect()]
    offered = {int.from_bytes(one.options[MSS], "big") for one in offers}
    assert kind == "stock" or offered == {LINK - HEADERS[host.family]}


# --- retransmissions

def test_sacked_data_are_kept(host):
    """RFC 2018, section 8: until they are acknowledged, for the peer may throw them away."""
    sock, peer = host.open(padded(option(MSS, "H", 500), option(SACK_OK)))
    first, data = peer.at.rcv, pattern(1500)
    sock.sendall(data)
    while peer.hear("three segments").end != (first + 1500) % ROUND:
        pass
    block = option(SACK, "II", (first + 500) % ROUND, (first + 1500) % ROUND)
    peer.send(ACK, b"", padded(block))
    while peer.hear("the first again").seq != first:
        pass
    # It has reneged.
    peer.at.rcv = (first + 500) % ROUND
    peer.send()
    assert taken(peer, 1000) == data[500:]
    lives(sock, peer)


def test_what_came_twice_is_told(host):
    """RFC 2883, section 5: TCP_INFO counts what needn't have been sent again."""
    sock, peer = host.open(padded(option(MSS, "H", 500), option(SACK_OK)))
    sock.sendall(b"data")
    first, again_at = peer.at.rcv, peer.hear("the data").end
    assert peer.hear("it again").seq == first
    peer.at.rcv = again_at
    peer.send(ACK, b"", padded(option(SACK, "II", first, again_at)))
    lives(sock, peer)
    assert Info.of(sock).dsack_dups == 1
