# SPDX-License-Identifier: GPL-2.0-only
"""kinet's streams over networks that lose, delay and damage what is sent, and that end.

The transfers of a pair of kinds go side by side, as most of them wait most of
the time; each test then looks at one.
"""

import concurrent.futures
import contextlib
import errno
import select
import socket
import struct

import kinet
import pytest
import topology

from blocked import until
from kinet import INET, INET6, address, failure
from networks import LONG, SIDE_BY_SIDE, Scenario, play
from peers import inet_family, window_is_closed
from streams import (KINDS, Info, Streams, Tally, error_of, events, exchange, pass_on, ready,
                     receive, set_option, tcp)
from test_kinet_stream import DROPS
from threads import meanwhile
from wire import ETHTOOL_SGRO, ETHTOOL_STSO, Capture, feature, rules

ERR = select.POLLERR
PIECE, PIECES = 4096, 300
IP_MTU_DISCOVER, DF = 10, 2

SCENARIOS = {
    "clean": Scenario(6_000_000),
    "clean-6": Scenario(6_000_000, family=INET6),
    "loss-1": Scenario(1_500_000, {"loss": "1%"}),
    "loss-5": Scenario(300_000, {"loss": "5%"}, family=INET6),
    "bursts": Scenario(600_000, {"loss": "gemodel 2% 50%"}),
    "reorder": Scenario(1_000_000, {"delay": "5ms", "reorder": "25% 50%"}, family=INET6),
    "reorder-far": Scenario(1_000_000, {"delay": "10ms 8ms"}),
    "duplicate": Scenario(2_000_000, {"duplicate": "20%"}),
    "corrupt": Scenario(500_000, {"corrupt": "2%"}),
    "corrupt-6": Scenario(500_000, {"corrupt": "2%"}, family=INET6),
    "delay": Scenario(2_000_000, {"delay": "50ms"}),
    "delay-200": Scenario(500_000, {"delay": "200ms"}, family=INET6),
    "delay-loss": Scenario(200_000, {"delay": "20ms", "loss": "1%"}),
    "narrow": Scenario(200_000, {"rate": "1mbit"}),
    "narrow-short": Scenario(200_000, {"rate": "1mbit", "limit": 10}, family=INET6),
    "mtu-576": Scenario(1_000_000, mtu=576),
    "mtu-1280": Scenario(1_000_000, mtu=1280, family=INET6),
    "mtu-9000": Scenario(5_000_000, mtu=9000),
    "shrinks": Scenario(1_000_000, shrinks=1300),
    "shrinks-6": Scenario(1_000_000, shrinks=1300, family=INET6),
    "shrinks-low": Scenario(500_000, shrinks=576),
    "all-of-it": Scenario(150_000, {"delay": "10ms 5ms", "loss": "1%", "duplicate": "2%",
                                    "corrupt": "1%", "reorder": "10%"}),
}


@pytest.fixture(scope="module")
def outcome(request):
    """What comes of a scenario; with it begin all of its pair's that were selected."""
    names = {item.callspec.params["name"] for item in request.session.items
             if item.path == request.path and "name" in getattr(item, "callspec", item).params}
    futures = {}
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        def result(name, kinds):
            if (name, kinds) not in futures:
                futures.update({(one, kinds): pool.submit(play, SCENARIOS[one], kinds, one)
                                for one in sorted(names)})
            return futures[name, kinds].result(LONG)
        yield result


@pytest.mark.parametrize("name", SCENARIOS)
def test_transfer(outcome, kinds, name):
    """Both ways at once: all arrives as it was sent, and then the end."""
    outcome(name, kinds).is_of(SCENARIOS[name])


# --- segments at once

def at_once(net, family):
    """How many segments leave at once, and how many come at once: of kinet's, in the mean"""
    with Streams(net.client, net.server, ("ours", "ours")) as made:
        client, server = made.connection(family)
        pass_on(client, server, 3_000_000)
        return (Tally.of(client).segs_out / kinet.snmp(net.client)["SegmentOut"],
                Tally.of(server).segs_in / kinet.snmp(net.server)["SegmentIn"])


@inet_family
def test_segments_leave_together(family):
    """The device takes as many as there are, and has them come so."""
    with topology.pair() as net:
        out, came = at_once(net, family)
    assert out > 8 and came > 8


@inet_family
@pytest.mark.parametrize("limit, most", [("gso_max_segs 1", 1), ("gso_max_segs 4", 4),
                                         ("gso_max_size 10000", 6)],
                         ids=["single", "segments", "bytes"])
def test_segments_leave_as_taken(family, limit, most):
    """Not more at once than the device takes: a queue above it loses them as one."""
    with topology.pair() as net:
        topology.ip([f"link set eth {limit}"], net.client.name)
        out, _ = at_once(net, family)
    assert most / 2 < out <= most


@inet_family
@pytest.mark.parametrize("on", [0, 1], ids=["apart", "together"])
def test_segments_come(family, on):
    """One by one on the wire, but in a row: they are one if the device puts them together."""
    with topology.pair() as net:
        topology.ip(["link set eth gso_max_segs 1"], net.client.name)
        feature(net.client, ETHTOOL_STSO, 0)
        feature(net.server, ETHTOOL_SGRO, on)
        topology.impair(net.client, delay="5ms")
        _, came = at_once(net, family)
    assert came > 2 if on else came <= 1


# --- routes

def test_route_moves(kinds):
    """To another device, as the one that it began on goes down"""
    with topology.pair() as net:
        net.client.host, net.server.host = "10.9.0.1", "10.9.0.2"
        for end, other in ((net.client, net.server), (net.server, net.client)):
            topology.ip([f"addr add {end.host}/32 dev lo",
                         f"route add {other.host}/32 dev eth src {end.host}"], end.name)
        with Streams(net.client, net.server, kinds) as made:
            listener = made.server(bind=False)
            listener.bind((net.server.host, 0))
            listener.listen()
            one, other = made.connection(listener=listener)
            exchange(one, other)
            topology.ip([f"link add other netns {net.client.name} type veth "
                         f"peer name other netns {net.server.name}"])
            for end in (net.client, net.server):
                topology.ip(["link set other up", "link set eth down"], end.name)
            for end, peer in ((net.client, net.server), (net.server, net.client)):
                topology.ip([f"route replace {peer.host}/32 dev other src {end.host}"], end.name)
            exchange(one, other)


@pytest.mark.parametrize("kinds", [("stock", "stock"), ("ours", "stock")], ids="-".join)
def test_numbers_without_df(kinds):
    """RFC 6864: what may become fragments has numbers of its own, however many leave at once."""
    with topology.pair() as net, Streams(net.client, net.server, kinds) as made:
        feature(net.client, ETHTOOL_STSO, 0)
        feature(net.server, ETHTOOL_SGRO, 0)
        client, server = made.connection()
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 0)
        with Capture(net.server) as capture:
            pass_on(client, server, 90_000)
            seen = [packet for packet in capture.packets(socket.IPPROTO_TCP)
                    if len(packet.payload) > 1000]
    assert len(seen) > 30 and not any(packet.flags & DF for packet in seen)
    assert len({packet.ident for packet in seen}) == len(seen)


# --- a peer that doesn't read

@inet_family
def test_zero_window(streams, family):
    """The sender waits until the receiver reads again, which may be long after."""
    for one, other in (streams.connection(family), streams.connection(family)[::-1]):
        data = bytes(8_000_000)
        with meanwhile(one.sendall, data):
            until(lambda sock=one: window_is_closed(sock), "the window to be closed")
            assert receive(other, len(data)) == data


def test_window_opens_unheard(streams):
    """RFC 9293, section 3.8.6.1: the opening is lost; the sender asks for it."""
    one, other = streams.connection()
    data = bytes(8_000_000)
    with meanwhile(one.sendall, data):
        until(lambda: window_is_closed(one), "the window to be closed")
        with rules(streams.here, DROPS):
            first = receive(other, 50_000)
        assert len(first) == 50_000
        assert receive(other, len(data) - 50_000) == data[50_000:]


def test_reader_is_slow(streams):
    """Small pieces, each read when it is there; RFC 9293, section 3.8.6.2.2: the sender
    is offered no silly window."""
    one, other = streams.connection()
    data = bytes(2_000_000)
    before = Info.of(one).segs_out
    with meanwhile(one.sendall, data):
        left = len(data)
        while left:
            left -= len(receive(other, min(left, 500)))
    assert Info.of(one).segs_out - before < len(data) // 500


@pytest.mark.parametrize("kinds", [kinds for kinds in KINDS if kinds[1] == "ours"], ids="-".join)
def test_reads_in_pieces(streams):
    """What the window has promised is taken: a part of what came together may have been read,
    while the memory of all of it is held."""
    listener = streams.server()
    set_option(listener, socket.SO_RCVBUF, 1 << 16)
    listener.listen()
    one, other = streams.connection(listener=listener)
    tcp(one, socket.TCP_NODELAY, 1)
    before = kinet.snmp(streams.there)["DropBufferFull"]

    def send():
        for _ in range(PIECES):
            one.sendall(bytes(PIECE))
    with meanwhile(send):
        for _ in range(PIECES):
            assert len(receive(other, PIECE)) == PIECE
    assert kinet.snmp(streams.there)["DropBufferFull"] == before


# --- a peer that isn't there

def turn(end, way):
    """An end's link up or down"""
    topology.ip([f"link set eth {way}"], end.name)


@pytest.mark.parametrize("end", ["client", "server"])
def test_peer_vanishes(link, kinds, end):
    """TCP_USER_TIMEOUT: what was sent is not acknowledged, ETIMEDOUT."""
    net = link()
    with Streams(net.client, net.server, kinds) as made:
        sock, other = made.connection()
        vanished = net.server
        if end == "server":
            sock, other, vanished = other, sock, net.client
        tcp(sock, socket.TCP_USER_TIMEOUT, 1000)
        exchange(sock, other)
        turn(vanished, "down")
        sock.send(b"into the void")
        ready(sock, ERR)
        assert error_of(sock) == errno.ETIMEDOUT
        turn(vanished, "up")


def test_link_comes_back(link, kinds):
    """What was sent meanwhile comes, and the connection goes on."""
    net = link()
    with Streams(net.client, net.server, kinds) as made:
        one, other = made.connection()
        exchange(one, other)
        turn(net.server, "down")
        one.send(b"patience")
        until(lambda: Info.of(one).retransmits > 1, "it to be sent again")
        turn(net.server, "up")
        assert receive(other, 8) == b"patience"
        exchange(one, other, 100_000)


@contextlib.contextmanager
def unreachable(net, family):
    """The router says so of the server for a while."""
    to = address(net.server, family)[0]
    topology.ip([f"route add unreachable {to}"], net.router.name)
    try:
        yield
    finally:
        topology.ip([f"route del unreachable {to}"], net.router.name)


UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH)
RECVERR = {INET: (socket.IPPROTO_IP, 11), INET6: (socket.IPPROTO_IPV6, 25)}


@contextlib.contextmanager
def speaking(net, wire):
    """Both ends speak it for a while."""
    def turn_to(mode):
        for end in (net.client, net.server):
            until(lambda end=end: not kinet.sockets(end), "sockets to go")
            end.sysctl("net.kinet.mode", mode)
    turn_to(wire)
    yield
    turn_to("interop")


@pytest.mark.parametrize("kinds, wire", [*((kinds, "interop") for kinds in KINDS),
                                         (("ours", "ours"), "isolated")],
                         ids=[*map("-".join, KINDS), "isolated"])
@inet_family
def test_unreachable(routed, kinds, wire, family):
    """RFC 1122, section 4.2.3.9: who connects gives up at once, who is connected doesn't."""
    with speaking(routed, wire), Streams(routed.client, routed.server, kinds) as made:
        listener = made.listener(family)
        one, other = made.connection(family, listener=listener)
        exchange(one, other)
        with unreachable(routed, family):
            assert failure(made.client(family).connect, listener.getsockname()) in UNREACHABLE
            one.send(b"later")
            until(lambda: Info.of(one).retransmits, "it to be sent again")
            assert not events(one, ERR | select.POLLHUP)
        assert receive(other, 5) == b"later"
        exchange(one, other)


@inet_family
def test_unreachable_is_told(routed, kinds, family):
    """RFC 9293, MUST-47, with IP_RECVERR, IPV6_RECVERR: each time, and it ends nothing."""
    with Streams(routed.client, routed.server, kinds) as made:
        one, other = made.connection(family)
        exchange(one, other)
        level, name = RECVERR[family]
        one.setsockopt(level, name, 1)
        with unreachable(routed, family):
            one.send(b"later")
            ready(one, ERR)
            assert error_of(one) in UNREACHABLE
            ready(one, ERR)
            assert failure(one.recv, 1) in UNREACHABLE
            assert not events(one, select.POLLHUP)
        assert receive(other, 5) == b"later"
        error_of(one)
        one.setsockopt(level, name, 0)
        exchange(one, other)


@inet_family
def test_who_connects_is_told_why(routed, kinds, family):
    """IP_RECVERR, IPV6_RECVERR: the error queue has the message, and the SYN in it."""
    with Streams(routed.client, routed.server, kinds) as made:
        to, sock = made.listener(family).getsockname(), made.client(family)
        level, name = RECVERR[family]
        sock.setsockopt(level, name, 1)
        with unreachable(routed, family):
            told = failure(sock.connect, to)
        data, control, flags, of = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
        (where, kind, error), = control
        assert told in UNREACHABLE and flags == socket.MSG_ERRQUEUE and of[:2] == to[:2]
        assert (where, kind) == (level, name)
        assert struct.unpack_from("=IB", error) == (told, 2 if family == INET else 3)
        assert struct.unpack_from("!2xH", data) == to[1:2]
