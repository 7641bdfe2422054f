# SPDX-License-Identifier: GPL-2.0-only
"""kinet beside the host's own sockets, and with what is on the way: filters, NAT,
routers, and a peer who could tell the difference."""

import errno
import itertools
import os
import select
import socket
import struct
import subprocess

import pytest
import topology

import kinet
from blocked import until
from kinet import INET, INET6, STREAM, address, failure, talk
from nfqueue import Queue
from peers import inet_family
from streams import blocking, exchange
from test_kinet_options import EITHER, disconnect, maker, nothing
from threads import meanwhile
from wire import Capture, chain, nothing_lost, rules, sums_in_software, tracked

pytestmark = pytest.mark.smoke

IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
IP_MTU, IPV6_MTU, IP_RECVERR, IPV6_RECVERR = 14, 24, 11, 25
IPV6_AUTOFLOWLABEL, SO_NO_CHECK = 70, 11
DONT, WANT, DO, PROBE, INTERFACE, OMIT = range(6)
KINDS = ("ours", "stock")
MODULAR = ("deb6.1", "deb6.12")         # whose kernels have modules


@pytest.fixture
def narrow():
    """Client, router and server; what is behind the router takes 1300 bytes."""
    with topology.routed() as net:
        for end, device in ((net.router, "east"), (net.server, "eth")):
            topology.ip([f"link set {device} mtu 1300"], end.name)
        yield net


def hears_of_error(sock) -> int:
    """The error that a connected socket is told of"""
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


# --- a peer can't tell

def seen(packets) -> list:
    """What one sender always has the same: not the numbers that are drawn by lot"""
    return [(one.good, one.tos, one.length, one.flags, one.offset, one.ttl, one.protocol,
             bool(one.label)) for one in packets]


def steps(datagrams) -> list:
    """How identifications go on: 0 for none at all"""
    idents = [one.packets[0].ident for one in datagrams]
    if not any(idents):
        return [0]
    return [(b - a) % 65536 == 1 for a, b in itertools.pairwise(idents)]


def impression(net, family, kind, connected, size, options, pieces=1) -> tuple:
    """All that a peer can see of three messages, or the errno of the first"""
    with kinet.Sockets() as made, Capture(net.server) as capture:
        peer = made.stock(net.server, family)
        sock = maker(made, kind)(net.client, family)
        for option in options:
            sock.setsockopt(*option)
        if connected:
            sock.connect(peer.getsockname())
        to = None if connected else peer.getsockname()
        flags = [socket.MSG_MORE] * (pieces - 1) + [0]
        for _ in range(3):
            for flag in flags:
                bad = failure(sock.sendmsg, [b"k" * size], [], flag, to)
                if bad:
                    return bad, None
        told = capture.datagrams(3)
        assert all(peer.recv(65536) == b"k" * size * pieces for _ in range(3))
        ends = {(one.sport, one.dport) for one in told}
        assert ends == {(sock.getsockname()[1], peer.getsockname()[1])}
        labels = {packet.label for one in told for packet in one.packets}
        shape = [(one.good, one.length, bool(one.check), seen(one.packets)) for one in told]
        # Who draws by lot gets a step of one by chance, too.
        step = steps(told) if connected else steps(told) == [0]
        return shape, len(labels), step


@pytest.fixture(scope="module")
def plain(pair):
    """The pair with checksums in the packets"""
    for end in (pair.client, pair.server):
        sums_in_software(end)
    return pair


@inet_family
@pytest.mark.parametrize("connected", [False, True], ids=["unconnected", "connected"])
def test_same_headers(plain, family, connected):
    """Every field, by length and by IP_MTU_DISCOVER"""
    level, name = (socket.IPPROTO_IP, IP_MTU_DISCOVER) if family == INET else (
        socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)
    for discover, size in itertools.product((DONT, WANT, DO, PROBE, INTERFACE, OMIT),
                                            (0, 1, 1452, 1472, 1473, 4001)):
        ours, theirs = (impression(plain, family, kind, connected, size,
                                   [(level, name, discover)]) for kind in KINDS)
        assert ours == theirs, f"IP_MTU_DISCOVER {discover}, {size} bytes"


@inet_family
def test_same_headers_with_options(plain, family):
    """TTL, TOS, no checksum, no flow label"""
    ip, six = socket.IPPROTO_IP, socket.IPPROTO_IPV6
    cases = [[(ip, socket.IP_TTL, 3)], [(ip, socket.IP_TOS, 0xb8)], [(ip, socket.IP_TOS, 3)]]
    if family == INET6:
        cases = [[(six, socket.IPV6_UNICAST_HOPS, 3)], [(six, socket.IPV6_TCLASS, 0xb9)],
                 [(six, IPV6_AUTOFLOWLABEL, 0)], [(six, IPV6_AUTOFLOWLABEL, 1)]]
    for options in [[(socket.SOL_SOCKET, SO_NO_CHECK, 1)], *cases]:
        ours, theirs = (impression(plain, family, kind, False, 9, options) for kind in KINDS)
        assert ours == theirs, options


def test_same_headers_with_limit(plain):
    """IPV6_MTU; IPV6_DONTFRAG"""
    six = socket.IPPROTO_IPV6
    for option, size in itertools.product(((six, IPV6_MTU, 1300), (six, socket.IPV6_DONTFRAG, 1)),
                                          (1200, 1252, 1253, 1400, 3000)):
        ours, theirs = (impression(plain, INET6, kind, True, size, [option]) for kind in KINDS)
        assert ours == theirs, (option, size)


@inet_family
def test_same_headers_of_pieces(plain, family):
    """MSG_MORE, below and above what a packet takes"""
    for size in (100, 1000):
        ours, theirs = (impression(plain, family, kind, True, size, [], 3) for kind in KINDS)
        assert ours == theirs, size


# --- ports

def places(end):
    """Where sockets may be bound: family, address, device, options"""
    six = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    yield from ((INET, "0.0.0.0", device, ()) for device in ("", "eth", "lo"))
    yield from ((INET, where, "", ()) for where in (end.v4, "127.0.0.1"))
    yield from ((INET6, "::", device, ()) for device in ("", "lo"))
    mapped = "::ffff:" + end.v4, "::ffff:127.0.0.1"
    yield from ((INET6, where, "", ()) for where in (end.v6, "::1", *mapped))
    yield INET6, "::", "", (six,)
    yield INET, "0.0.0.0", "", ((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),)
    yield INET, "0.0.0.0", "", ((socket.SOL_SOCKET, socket.SO_REUSEPORT, 1),)


def bound(made, kind, end, place, port):
    """A socket at a place, and the errno of its bind"""
    family, where, device, options = place
    sock = maker(made, kind)(end, family, bind=False)
    for option in options:
        sock.setsockopt(*option)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    return failure(sock.bind, (where, port))


def conflicts(end, kinds) -> dict:
    """Which pairs of places can't have the same port"""
    found = {}
    for first, second in itertools.product(places(end), repeat=2):
        with kinet.Sockets() as made:
            assert not bound(made, kinds[0], end, first, 5700)
            found[first, second] = bound(made, kinds[1], end, second, 5700)
    return found


def test_conflicts_are_the_same(pair):
    """Wherever two are bound, and whoever came first: as among the host's own sockets.

    But none of one stack shares a port with one of the other, by whatever option.
    """
    stock = conflicts(pair.server, ("stock", "stock"))
    assert set(stock.values()) == {0, errno.EADDRINUSE}
    assert conflicts(pair.server, ("ours", "ours")) == stock
    shares = {key: errno.EADDRINUSE if all(place[3] and place[0] == INET for place in key)
              else value for key, value in stock.items()}
    for kinds in (("ours", "stock"), ("stock", "ours")):
        assert conflicts(pair.server, kinds) == shares


@inet_family
def test_others_are_undisturbed(pair, made, family):
    """The host's UDP and TCP on other ports, and TCP on the same one"""
    ours = made.ours(pair.server, family)
    port = ours.getsockname()[1]
    with pair.server:
        listener = made.enter_context(socket.create_server(address(pair.server, family, port),
                                                           family=family))
    client = made.stock(pair.client, family, socket.SOCK_STREAM)
    client.connect(listener.getsockname())
    served = made.enter_context(listener.accept()[0])
    for _ in range(10):
        client.send(b"stream")
        assert served.recv(16) == b"stream"
        talk(made.stock(pair.client, family), made.stock(pair.server, family))
        talk(made.stock(pair.client, family), ours)


@inet_family
def test_one_port_two_stacks(pair, made, family):
    """At different addresses each gets what is for it, and neither answers for the other."""
    loop = "127.0.0.1" if family == INET else "::1"
    for first, second in (KINDS, KINDS[::-1]):
        wire = maker(made, first)(pair.server, family)
        port = wire.getsockname()[1]
        inner = maker(made, second)(pair.server, family, bind=False)
        inner.bind((loop, port))
        talk(made.stock(pair.client, family), wire)
        near = made.stock(pair.server, family, bind=False)
        near.bind((loop, 0))
        talk(near, inner)
        assert nothing(wire) and nothing(inner)
        inner.close()
        near.connect((loop, port))
        near.send(b"x")
        assert hears_of_error(near) == errno.ECONNREFUSED
        talk(made.stock(pair.client, family), wire)


# The peer of IPv6 outlives a disconnect, in the host's sockets as in kinet's.
@pytest.mark.parametrize("family, how", [(INET, "option"), (INET, "disconnect"), (INET6, "option")])
def test_takes_what_it_keeps(pair, made, family, how):
    """A socket whose device is not what it was when it was bound: what comes by others is the
    host's, who may have given the port away there.
    """
    ours, stock = (maker(made, kind)(pair.server, family, bind=False) for kind in KINDS)
    anywhere = "0.0.0.0" if family == INET else "::"
    for sock, device in (ours, b"lo"), (stock, b"eth"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        sock.bind((anywhere, 5810))
    if how == "option":
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"")
    else:
        ours.connect(("127.0.0.1", 9))
        disconnect(ours)
    far = made.stock(pair.client, family)
    far.sendto(b"far", address(pair.server, family, 5810))
    assert stock.recvfrom(16)[0] == b"far"
    near = made.stock(pair.server, family, bind=False)
    near.sendto(b"near", ("127.0.0.1" if family == INET else "::1", 5810))
    assert ours.recv(16) == b"near"


@EITHER
@inet_family
def test_claimed_and_nobody_takes_it(pair, made, kind, family):
    """A port whose socket is connected elsewhere is answered by port unreachable."""
    sock = maker(made, kind)(pair.server, family)
    sock.connect(address(pair.client, family, 9))
    asker = made.stock(pair.client, family)
    asker.connect(sock.getsockname())
    before = kinet.snmp(pair.server)["DgramRefused"]
    asker.send(b"x")
    assert hears_of_error(asker) == errno.ECONNREFUSED
    assert kinet.snmp(pair.server)["DgramRefused"] == before + (kind == "ours")


# --- filters, connection tracking, NAT

@EITHER
@inet_family
def test_filters(pair, made, kind, family):
    """Dropped on the way in, refused on the way in, dropped on the way out"""
    receiver, sender = maker(made, kind)(pair.server, family), made.stock(pair.client, family)
    port = receiver.getsockname()[1]
    sender.connect(receiver.getsockname())
    with rules(pair.server, chain("input", f"udp dport {port} counter drop")):
        sender.send(b"dropped")
        until(lambda: "packets 1 " in pair.server.run(["nft", "list", "ruleset"]).stdout,
              "the drop")
        assert nothing(receiver)
    with rules(pair.server, chain("input", f"udp dport {port} reject")):
        sender.send(b"refused")
        assert hears_of_error(sender) == errno.ECONNREFUSED
        assert nothing(receiver)
    with rules(pair.server, chain("output", f"udp sport {port} drop")):
        assert failure(receiver.sendto, b"x", sender.getsockname()) == errno.EPERM
    talk(sender, receiver)


@pytest.mark.smp
@EITHER
def test_program_decides(pair, made, kind):
    """What it lets go on arrives in its call, and what is sent in answer is answered at once."""
    if os.environ["KSOCKET_KERNEL"] in MODULAR:
        subprocess.run(["modprobe", "-a", "nfnetlink_queue", "nft_queue"], check=True, timeout=60)
    listener = maker(made, kind)(pair.server, kind=STREAM)
    listener.listen()
    port = listener.getsockname()[1]
    with Queue(pair.server) as queue, \
            rules(pair.server, chain("input", f"tcp dport {port} tcp flags syn queue num 0")):
        caller = made.stock(pair.server, kind=STREAM)
        with meanwhile(queue.let_go):
            caller.connect(listener.getsockname())
        server = made.enter_context(listener.accept()[0])
        exchange(caller, blocking(server))


@EITHER
@inet_family
def test_refused_on_the_way(routed, made, kind, family):
    """What a router says is told to a connected socket."""
    sock, peer = maker(made, kind)(routed.client, family), made.stock(routed.server, family)
    sock.connect(peer.getsockname())
    cases = [("admin-prohibited", errno.EHOSTUNREACH if family == INET else errno.EACCES),
             ("port-unreachable", errno.ECONNREFUSED)]
    for reason, wanted in cases:
        with rules(routed.router, chain("forward", f"meta l4proto udp reject with icmpx {reason}")):
            sock.send(b"x")
            assert hears_of_error(sock) == wanted
    sock.send(b"through")
    assert peer.recv(16) == b"through"


@EITHER
@inet_family
def test_tracked(pair, made, kind, family):
    """A connection is confirmed by the first packet that is received, and answered."""
    receiver, sender = maker(made, kind)(pair.server, family), made.stock(pair.client, family)
    port = receiver.getsockname()[1]

    def entry():
        line, = [line for line in tracked(pair.server, family) if f"dport={port} " in line]
        return line
    with rules(pair.server, chain("input", "ct state new counter",
                                  "ct state established counter")):
        sender.sendto(b"new", receiver.getsockname())
        assert receiver.recv(16) == b"new"
        assert "[UNREPLIED]" in entry()
        talk(sender, receiver)
        assert "[UNREPLIED]" not in entry()
        talk(sender, receiver)
        talk(sender, receiver)
        new, established = [line.split()[5] for line in pair.server.run(
            ["nft", "list", "ruleset"]).stdout.splitlines() if "packets" in line]
        assert (new, established) == ("2", "2")
        assert nothing_lost(pair.server)


@inet_family
@pytest.mark.parametrize("client", KINDS)
@pytest.mark.parametrize("server", KINDS)
def test_masquerade(routed, made, family, client, server):
    """The router has the client's messages come from itself."""
    here = maker(made, client)(routed.client, family)
    there = maker(made, server)(routed.server, family)
    hides = chain("postrouting", 'oifname "east" masquerade', kind="nat")
    with rules(routed.router, hides):
        here.connect(there.getsockname())
        for size in (1, 5000):
            here.send(bytes(size))
            data, sender = there.recvfrom(65536)
            assert data == bytes(size)
            assert sender[0] == ("10.2.0.1" if family == INET else "fd00:2::1")
            there.sendto(b"back", sender)
            assert here.recv(16) == b"back"
        there.close()
        here.send(b"x")
        assert hears_of_error(here) == errno.ECONNREFUSED


@inet_family
@pytest.mark.parametrize("client", KINDS)
@pytest.mark.parametrize("server", KINDS)
def test_redirect(routed, made, family, client, server):
    """What is for port 53 of the server comes to another port, and is answered from 53;
    what is for the router, comes to the server."""
    there = maker(made, server)(routed.server, family)
    port = there.getsockname()[1]
    here = maker(made, client)(routed.client, family)
    moves = chain("prerouting", f"udp dport 53 redirect to :{port}", kind="nat")
    with rules(routed.server, moves):
        here.connect(address(routed.server, family, 53))
        here.send(b"asks")
        data, sender = there.recvfrom(16)
        assert (data, sender[:2]) == (b"asks", here.getsockname()[:2])
        there.sendto(b"answers", sender)
        assert here.recv(16) == b"answers"
    name, router = ("ip", "10.1.0.1") if family == INET else ("ip6", "fd00:1::1")
    to = there.getsockname()[0] if family == INET else f"[{there.getsockname()[0]}]"
    moves = chain("prerouting", f"udp dport 53 dnat {name} to {to}:{port}", kind="nat")
    with rules(routed.router, moves):
        asks = maker(made, client)(routed.client, family)
        asks.connect((router, 53))
        asks.send(b"asks")
        data, sender = there.recvfrom(16)
        there.sendto(data[::-1], sender)
        assert asks.recv(16) == b"sksa"


# --- what looks on

@inet_family
def test_tcpdump(pair, made, family):
    """It sees what is sent and what is received."""
    ours, peer = made.ours(pair.client, family), made.stock(pair.server, family)
    argv = ["tcpdump", "-i", "eth", "-n", "-l", "-c", "2", "--immediate-mode",
            "udp port %d" % ours.getsockname()[1]]
    with pair.client, subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True) as child:
        for line in child.stderr:
            if "listening on" in line:
                break
        talk(ours, peer, 77)
        out = child.communicate(timeout=60)[0]
    one, other = (".".join(map(str, sock.getsockname()[:2])) for sock in (ours, peer))
    assert [line.split(" ", 1)[1].split(": UDP")[0] for line in out.splitlines()] == [
        f"IP{'' if family == INET else '6'} {a} > {b}" for a, b in ((one, other), (other, one))]
    assert out.count("length 77") == 2


# --- a path that is narrower than the link

def discovering(made, kind, net, family, discover):
    """A connected socket with IP_MTU_DISCOVER, its peer, and IP_MTU's name"""
    level, name, mtu = (socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU) if family == INET else (
        socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU)
    sock, peer = maker(made, kind)(net.client, family), made.stock(net.server, family)
    sock.setsockopt(level, name, discover)
    sock.connect(peer.getsockname())
    return sock, peer, lambda: sock.getsockopt(level, mtu)


@EITHER
@inet_family
def test_path_mtu(narrow, made, kind, family):
    """What is too long is lost, and teaches; what follows goes in fragments."""
    sock, peer, mtu = discovering(made, kind, narrow, family, WANT)
    assert mtu() == 1500
    sock.send(bytes(1400))
    assert hears_of_error(sock) == errno.EMSGSIZE
    assert mtu() == 1300
    assert nothing(peer)
    for size in (1400, 1252, 9000):
        sock.send(bytes(size))
        assert peer.recv(65536) == bytes(size)
        peer.sendto(bytes(size), sock.getsockname())
        assert sock.recv(65536) == bytes(size)
    if kind == "ours":
        assert kinet.snmp(narrow.client)["PmtuIn"] == 1


@EITHER
@inet_family
def test_path_mtu_is_told(narrow, made, kind, family):
    """IP_PMTUDISC_DO: the caller makes his messages shorter."""
    sock, peer, mtu = discovering(made, kind, narrow, family, DO)
    level, name = (socket.IPPROTO_IP, IP_RECVERR) if family == INET else (
        socket.IPPROTO_IPV6, IPV6_RECVERR)
    sock.setsockopt(level, name, 1)
    sock.send(bytes(1400))
    assert hears_of_error(sock) == errno.EMSGSIZE
    data, control, _, told = sock.recvmsg(2000, 512, socket.MSG_ERRQUEUE)
    number, origin, icmp_type, code, info = struct.unpack_from("=IBBBxI", control[0][2])
    assert (number, info, told[:2]) == (errno.EMSGSIZE, 1300, peer.getsockname()[:2])
    assert (origin, icmp_type, code) == ((2, 3, 4) if family == INET else (3, 2, 0))
    assert data and data == bytes(len(data))
    head = 28 if family == INET else 48
    assert mtu() == 1300
    assert failure(sock.send, bytes(1300 - head + 1)) == errno.EMSGSIZE
    sock.send(bytes(1300 - head))
    assert peer.recv(2000) == bytes(1300 - head)


def on_narrow_path(net, family, kind, discover, size) -> tuple:
    """The errno of a send, or the fragments of it that leave"""
    with kinet.Sockets() as made, Capture(net.router, "west") as capture:
        sock, _, _ = discovering(made, kind, net, family, discover)
        bad = failure(sock.send, bytes(size))
        return bad, [] if bad else seen(capture.datagrams(1)[0].packets)


@inet_family
def test_path_mtu_by_mode(narrow, made, family):
    """Who goes by the path, and who by the link"""
    taught, _, mtu = discovering(made, "stock", narrow, family, WANT)
    taught.send(bytes(1400))
    assert hears_of_error(taught) == errno.EMSGSIZE and mtu() == 1300
    for discover, size in itertools.product(range(6), (1000, 1400, 1600, 4000)):
        ours, theirs = (on_narrow_path(narrow, family, kind, discover, size) for kind in KINDS)
        assert ours == theirs, f"IP_MTU_DISCOVER {discover}, {size} bytes"
