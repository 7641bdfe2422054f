# SPDX-License-Identifier: GPL-2.0-only
"""Which way a connection goes, with two wires between the ends: by the scope of an address, and
by what the user says of it later.

    client ===== server             devices eth and other
"""

import contextlib
import errno
import socket

import pytest
import topology

from kinet import INET, INET6, STREAM, failure
from peers import inet_family
from streams import Streams, exchange, pass_on, set_option
from test_kinet_options import EITHER, maker
from wire import Capture, chain, rules

SO_DONTROUTE, SO_PRIORITY, SO_BINDTOIFINDEX = 5, 12, 62
DEVICES = ("eth", "other")
NARROW = 1400       # the MTU of the other wire
NOBODY = 9          # a port
SIZE = 1000         # bytes in a segment
MARK, TOS = 7, 0x10


def by_other(end, peer, family) -> str:
    """An end's route to the other by the other wire; of IPv6, only who has an address there
    answers for it."""
    via = f"via {peer.link} " if family == INET6 else ""
    return f"{peer.hosts[family]} {via}dev other src {end.hosts[family]}"


@pytest.fixture(scope="module", name="net")
def _net():
    """Both wires have the same addresses of the link. Each end has one that is its own, to which
    there is a route by either wire: the other is taken by who is marked, by who has the type of
    service, and by who is bound to it or wants no router."""
    with topology.pair() as net:
        topology.ip([f"link add other netns {net.client.name} type veth "
                     f"peer name other netns {net.server.name}"])
        ends = (net.client, net.server)
        for number, end in enumerate(ends, 1):
            end.hosts = {INET: f"10.9.0.{number}", INET6: f"fd00:9::{number}"}
            end.link = f"fe80::{number}"
            topology.ip([*(f"link set {device} addrgenmode none" for device in DEVICES),
                         "addr flush dev eth scope link", f"link set other mtu {NARROW} up",
                         f"addr add {end.hosts[INET]}/32 dev lo",
                         f"addr add {end.hosts[INET6]}/128 dev lo nodad",
                         *(f"addr add {end.link}/64 dev {device} nodad" for device in DEVICES),
                         f"rule add fwmark {MARK} lookup 100", f"rule add tos {TOS:#x} lookup 100"],
                        end.name)
        net.with_rules = {INET} | {INET6 for end in ends if topology.has_rules6(
            end, f"fwmark {MARK} lookup 100")}
        for end, peer in (ends, ends[::-1]):
            for family, router in ((INET, peer.v4), (INET6, peer.v6)):
                topology.ip([f"route add {peer.hosts[family]} via {router} dev eth "
                             f"src {end.hosts[family]} metric 2",
                             f"route add {by_other(end, peer, family)} metric 3",
                             f"route add {by_other(end, peer, family)} table 100"], end.name)
        yield net


def index(end, device) -> int:
    """A device's number"""
    with end:
        return socket.if_nametoindex(device)


def listener(made, family):
    """To which all addresses lead"""
    sock = made.server(family, bind=False)
    sock.bind(({INET: "0.0.0.0", INET6: "::"}[family], 0))
    sock.listen()
    return sock


# --- RFC 4007: addresses of a link

def test_address_of_a_link(net, kinds):
    """Its names have the device; on the other wire the same ends have another connection."""
    with Streams(net.client, net.server, kinds) as made:
        heard, port, pairs = listener(made, INET6), 25000, []
        to = heard.getsockname()[1]
        for device in DEVICES:
            here, there = index(net.client, device), index(net.server, device)
            client = made.client(INET6)
            set_option(client, socket.SO_REUSEADDR)
            client.bind(("::", port))
            client.connect((net.server.link, to, 0, here))
            server = made.accepted(heard)
            pairs.append((client, server))
            assert client.getsockname() == (net.client.link, port, 0, here)
            assert client.getpeername() == (net.server.link, to, 0, here)
            assert server.getsockname() == (net.server.link, to, 0, there)
            assert server.getpeername() == (net.client.link, port, 0, there)
            assert client.getsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX) == here
        for client, server in pairs + pairs[::-1]:
            exchange(client, server)


@EITHER
@pytest.mark.parametrize("bound, scope, told", [
    (None, None, errno.EINVAL), (None, "eth", errno.ECONNREFUSED),
    ("eth", None, errno.ECONNREFUSED), ("eth", "eth", errno.ECONNREFUSED),
    ("other", "eth", errno.EINVAL)])
def test_scope(net, made, kind, bound, scope, told):
    """RFC 4007, section 6: without one an address of a link leads nowhere; it is that of the
    device which the socket is bound to, from then on if it wasn't before."""
    sock = maker(made, kind)(net.client, INET6, STREAM, bind=False)
    was = index(net.client, bound) if bound else 0
    set_option(sock, SO_BINDTOIFINDEX, was)
    to = (net.server.link, NOBODY, 0, index(net.client, scope) if scope else 0)
    assert failure(sock.connect, to) == told
    assert sock.getsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX) == (
        was if told == errno.EINVAL else index(net.client, "eth"))


# --- another way while it stands

class Ends:
    """A connection between two of a kind; `one` is at `end`, where its way is looked at."""

    def __init__(self, net, made, family, which):
        heard = listener(made, family)
        client = made.client(family)
        client.connect((net.server.hosts[family], heard.getsockname()[1]))
        both = [(client, net.client), (made.accepted(heard), net.server)]
        (self.one, self.end), (self.other, self.peer) = both[::1 if which == "client" else -1]
        self.family = family

    def seen(self, device) -> list:
        """What a device of the peer's has seen of the data that were sent"""
        with Capture(self.peer, device) as capture:
            pass_on(self.one, self.other, SIZE)
            return [packet for packet in capture.packets(socket.IPPROTO_TCP)
                    if len(packet.payload) >= SIZE]

    def goes_by(self, device) -> bool:
        """Its segments leave by that device, and it is what the socket tells of."""
        level, name = {INET: (socket.IPPROTO_IP, 14), INET6: (socket.IPPROTO_IPV6, 24)}[
            self.family]                                        # IP_MTU, IPV6_MTU
        mtu = NARROW if device == "other" else 1500
        return bool(self.seen(device)) and self.one.getsockopt(level, name) == mtu


def ends_of(net, made, family, which):
    """Such a connection, that goes by the first device yet"""
    ends = Ends(net, made, family, which)
    assert ends.goes_by("eth")
    return ends


@pytest.fixture(name="alike")
def _alike(net, kind):
    """Makes sockets of a kind at both ends."""
    with Streams(net.client, net.server, (kind, kind)) as made:
        yield made


either_end = pytest.mark.parametrize("which", ["client", "server"])


@EITHER
@either_end
@pytest.mark.parametrize("family, name, value", [
    (INET, socket.SO_MARK, MARK), (INET6, socket.SO_MARK, MARK), (INET, SO_DONTROUTE, 1),
    (INET, socket.IP_TOS, TOS)], ids=["mark", "mark-6", "dontroute", "tos"])
def test_another_way(net, alike, which, family, name, value):
    """What its route is looked for by changes, and then is as it was."""
    if family not in net.with_rules:
        pytest.skip("this kernel has no rules for IPv6")
    ends = ends_of(net, alike, family, which)
    level = socket.IPPROTO_IP if name == socket.IP_TOS else socket.SOL_SOCKET
    for now, device in ((value, "other"), (0, "eth")):
        set_option(ends.one, name, now, level)
        assert ends.goes_by(device)
        pass_on(ends.other, ends.one)


@contextlib.contextmanager
def answered_by_other(ends):
    """The peer's segments go by the other device for a while."""
    route = by_other(ends.peer, ends.end, ends.family) + " metric 1"
    topology.ip([f"route add {route}"], ends.peer.name)
    try:
        yield
    finally:
        topology.ip([f"route del {route}"], ends.peer.name)


@EITHER
@either_end
@inet_family
def test_another_device(net, alike, family, which):
    """SO_BINDTODEVICE: what comes by another isn't heard any more."""
    ends = ends_of(net, alike, family, which)
    with answered_by_other(ends):
        set_option(ends.one, SO_BINDTOIFINDEX, index(ends.end, "other"))
        assert ends.goes_by("other")
        pass_on(ends.other, ends.one)
    set_option(ends.one, SO_BINDTOIFINDEX, 0)
    assert ends.goes_by("eth")
    pass_on(ends.other, ends.one)


@EITHER
@either_end
@inet_family
def test_what_packets_have(net, alike, family, which):
    """SO_MARK and SO_PRIORITY, as filters see them: what has one gets a type of service."""
    ends = ends_of(net, alike, family, which)
    ip = {INET: "ip", INET6: "ip6"}[family]
    with rules(ends.end, chain("output", f"meta mark 9 {ip} dscp set 1",
                               f"meta priority 0:6 {ip} dscp set 2")):
        for name, value, seen in ((socket.SO_MARK, 9, 1), (socket.SO_MARK, 0, 0),
                                  (SO_PRIORITY, 6, 2), (SO_PRIORITY, 0, 0)):
            set_option(ends.one, name, value)
            assert {packet.tos >> 2 for packet in ends.seen("eth")} == {seen}
