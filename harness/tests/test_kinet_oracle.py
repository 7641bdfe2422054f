# SPDX-License-Identifier: GPL-2.0-only
"""Call by call and option by option, kinet answers what the host's own sockets answer."""

import errno
import fcntl
import socket
import struct
from pathlib import Path

import kinet
import pytest

from blocked import until
from kinet import DGRAM, INET, INET6, RAW, STREAM, address
from peers import inet_family
from streams import Streams
from test_kinet_options import maker

pytestmark = pytest.mark.smoke

KINDS = ("ours", "stock")
LEVELS = {"socket": socket.SOL_SOCKET, "ip": socket.IPPROTO_IP, "ipv6": socket.IPPROTO_IPV6,
          "tcp": 6, "udp": 17, "icmpv6": 58, "raw": 255, "none": 200}
# What tells one socket from another: SO_PROTOCOL, SO_COOKIE, SO_NETNS_COOKIE, IP_PROTOCOL
OWN = {*((socket.SOL_SOCKET, name) for name in (38, 57, 71)), (socket.IPPROTO_IP, 52)}
# What kinet hasn't: SO_ZEROCOPY, IP_OPTIONS, IP_ROUTER_ALERT, IP_RETOPTS, IPV6_ADDRFORM,
# UDP's but for UDP_CORK
LACKS = {(socket.SOL_SOCKET, 60), *((socket.IPPROTO_IP, name) for name in (4, 5, 7)),
         (socket.IPPROTO_IPV6, 1), *((17, name) for name in range(2, 256))}
# IPV6_V6ONLY, which means nothing to a raw socket
LACKS_RAW = {(socket.IPPROTO_IPV6, 26)}
# TCP's MD5 and AO signatures, thin streams, repair, fast open, saved SYNs, ULP, zero-copy, delay;
# what the kernel asks of TCP's own structures alone: SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST,
# SO_DEVMEM_DONTNEED
LACKS_STREAM = {*((6, name) for name in (14, 16, 17, *range(19, 25), *range(27, 36),
                                         *range(37, 100))),
                (socket.IPPROTO_IP, 80), (socket.IPPROTO_IPV6, 80), (socket.SOL_SOCKET, 80)}
# TCP_INFO and SO_MEMINFO tell of the moment, TCP_CONGESTION of a choice of the module's,
# SO_PEERNAME of a port
OWN_STREAM = {(6, 11), (6, 13), (socket.SOL_SOCKET, 28), (socket.SOL_SOCKET, 55)}
# TCP_WINDOW_CLAMP of a connection where nobody has set it: the host leaves out a segment;
# SO_INCOMING_CPU, which tells of the moment
OWN_CONNECTION = {(6, 10), (socket.SOL_SOCKET, 49)}
PEEK_OFF = (socket.SOL_SOCKET, 42)
REFERENCES = Path("/sys/module/kinet/refcnt")


@pytest.fixture(scope="module", autouse=True)
def nothing_is_held():
    """No option keeps a socket that was closed."""
    yield
    until(lambda: REFERENCES.read_text("ascii") == "0\n", "all sockets to be gone")


@pytest.fixture(scope="module", autouse=True)
def settings_are_the_hosts(pair):
    """The host's buffers depend on how much memory there is, and its patience with a SYN is
    shorter than RFC 9293 asks for."""
    names, ends = ("tcp_rmem", "tcp_wmem", "tcp_syn_retries"), (pair.client, pair.server)

    def setting(end, family, name):
        with end:
            return Path(f"/proc/sys/net/{family}/{name}").read_text("ascii").strip()
    before = [(end, name, setting(end, "kinet", name)) for end in ends for name in names]
    for end, name, _ in before:
        end.sysctl(f"net.kinet.{name}", setting(end, "ipv4", name))
    yield
    for end, name, value in before:
        end.sysctl(f"net.kinet.{name}", value)


def outcome(call, *args):
    """What a call returns, or its errno"""
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


def fresh(made, kind, end, family, shape, bind=True):
    """A socket that doesn't wait"""
    icmp = {INET: socket.IPPROTO_ICMP, INET6: socket.IPPROTO_ICMPV6}[family]
    sock = maker(made, kind)(end, family, shape, bind=bind, protocol=icmp if shape == RAW else 0)
    sock.settimeout(None)
    return sock


def told(net, kind, family, shape, ask) -> dict:
    """All that ask() finds out about a socket"""
    with kinet.Sockets() as made:
        return dict(ask(fresh(made, kind, net.client, family, shape)))


def differ(net, family, shape, ask) -> dict:
    """Where the two are not the same: what ours says, and the host's"""
    ours, theirs = (told(net, kind, family, shape, ask) for kind in KINDS)
    assert ours.keys() == theirs.keys() and len(ours) > 1
    return {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}


shapes = pytest.mark.parametrize("shape", [DGRAM, RAW], ids=["dgram", "raw"])
every_shape = pytest.mark.parametrize("shape", [DGRAM, RAW, STREAM],
                                      ids=["dgram", "raw", "stream"])
levels = pytest.mark.parametrize("level", LEVELS)


def new_in_stream():
    """The host's streams have SO_PEEK_OFF since 6.9."""
    with socket.socket() as sock:
        return {PEEK_OFF} if outcome(sock.getsockopt, *PEEK_OFF) == "ENOTSUP" else set()


def options(level, shape):
    """A level's options, but those where a difference is said to be"""
    more = {DGRAM: set(), RAW: LACKS_RAW,
            STREAM: LACKS_STREAM | OWN_STREAM | new_in_stream()}[shape]
    left_out = OWN | LACKS | more
    return [(LEVELS[level], name) for name in range(100)
            if (LEVELS[level], name) not in left_out]


@inet_family
@every_shape
@levels
def test_options_at_first(pair, family, shape, level):
    """getsockopt(2)"""
    def ask(sock):
        for option in options(level, shape):
            yield option, outcome(sock.getsockopt, *option, 128)
    assert not differ(pair, family, shape, ask)


@inet_family
@every_shape
@levels
@pytest.mark.parametrize("value", [-1, 0, 1, 2, 300])
def test_options_as_set(pair, family, shape, level, value):
    """setsockopt(2) with a number, and what is there then"""
    def ask(sock):
        for option in options(level, shape):
            yield option, (outcome(sock.setsockopt, *option, struct.pack("i", value)),
                           outcome(sock.getsockopt, *option, 64))
    assert not differ(pair, family, shape, ask)


@inet_family
@every_shape
@levels
@pytest.mark.parametrize("size", [0, 1, 3, 8, 200])
def test_options_of_odd_sizes(pair, family, shape, level, size):
    """Too short, too long"""
    def ask(sock):
        for option in options(level, shape):
            yield option, (outcome(sock.setsockopt, *option, b"\1" + bytes(size - 1)
                                   if size else b""),
                           outcome(sock.getsockopt, *option, max(size, 1)))
    assert not differ(pair, family, shape, ask)


def told_by_stream(net, kind, family, level, which) -> dict:
    """A level's options of a listener, of a connected socket or of an accepted one"""
    with Streams(net.client, net.server, (kind, kind)) as made:
        listener = made.listener(family)
        client, server = made.connection(family, listener=listener)
        sock = {"listener": listener, "client": client, "server": server}[which]
        return {option: outcome(sock.getsockopt, *option, 128)
                for option in options(level, STREAM)
                if which == "listener" or option not in OWN_CONNECTION}


@inet_family
@levels
@pytest.mark.parametrize("which", ["listener", "client", "server"])
def test_options_of_streams(pair, family, level, which):
    """getsockopt(2), where a connection changes what is told"""
    ours, theirs = (told_by_stream(pair, kind, family, level, which) for kind in KINDS)
    assert {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]} == {}


def control(family, shape):
    """Control data, good and bad"""
    ip, six, sock = socket.IPPROTO_IP, socket.IPPROTO_IPV6, socket.SOL_SOCKET
    for value in (-1, 0, 1, 63, 255, 256):
        word = struct.pack("i", value)
        yield from ((ip, socket.IP_TTL, word), (ip, socket.IP_TOS, word),
                    (six, socket.IPV6_HOPLIMIT, word), (six, socket.IPV6_TCLASS, word),
                    (six, socket.IPV6_DONTFRAG, word), (ip, socket.IP_TOS, word[:1]))
    yield from ((ip, 8, bytes(size)) for size in (4, 12, 16))
    yield from ((six, socket.IPV6_PKTINFO, bytes(size)) for size in (4, 20, 24))
    yield ip, 8, struct.pack("i4s4s", 99, bytes(4), bytes(4))
    yield ip, 8, struct.pack("i4s4s", 0, socket.inet_aton("1.2.3.4"), bytes(4))
    yield six, socket.IPV6_PKTINFO, bytes(16) + struct.pack("i", 99)
    yield six, socket.IPV6_PKTINFO, socket.inet_pton(INET6, "2001:db8::1") + bytes(4)
    yield sock, 36, struct.pack("i", 5)         # SO_MARK
    yield sock, 99, b"x"
    yield 200, 1, b"x"


@inet_family
@shapes
def test_control_data(pair, family, shape):
    """sendmsg(2) with one piece of control data"""
    to = address(pair.server, family, 9 if shape == DGRAM else 0)

    def ask(sock):
        for one in control(family, shape):
            yield one, outcome(sock.sendmsg, [bytes(16)], [one], 0, to)
    assert not differ(pair, family, shape, ask)


def calls(net, family, shape):
    """Calls that fail, and some that don't: a name, and what is called with the socket"""
    peer = address(net.server, family, 9 if shape == DGRAM else 0)
    here = address(net.client, family)
    nowhere = "192.0.2.1" if family == INET else "2001:db8::1"
    yield "send", lambda s: s.send(b"x")
    yield "send to nowhere", lambda s: s.sendto(bytes(16), (nowhere, 9))
    yield "send to port 0", lambda s: s.sendto(b"x", (peer[0], 0)) if shape == DGRAM else 0
    yield "send out of band", lambda s: s.sendto(b"x", socket.MSG_OOB, peer)
    yield "send too much", lambda s: s.sendto(bytes(65536), peer)
    yield "send by no router", lambda s: s.sendto(bytes(16), socket.MSG_DONTROUTE, peer)
    yield "send and confirm", lambda s: s.sendto(bytes(16), 0x800, peer)
    yield "probe", lambda s: s.sendto(bytes(16), 0x10, peer)
    yield "receive nothing", lambda s: s.recv(1, socket.MSG_DONTWAIT)
    yield "receive out of band", lambda s: s.recv(1, socket.MSG_OOB | socket.MSG_DONTWAIT)
    yield "receive no error", lambda s: s.recv(1, socket.MSG_ERRQUEUE)
    yield "peer", lambda s: s.getpeername()
    yield "name", lambda s: s.getsockname()[0]
    yield "bind again", lambda s: s.bind(here) if shape == DGRAM else 0
    yield "shut", lambda s: s.shutdown(socket.SHUT_RDWR)
    yield "listen", lambda s: s.listen(1)
    yield "accept", lambda s: s.accept()
    for request in (0x541b, 0x5411, 0x8905, 0x8906, 0x8913, 0x5401, 0x1234):
        yield hex(request), lambda s, r=request: fcntl.ioctl(s, r, bytes(40))[:4]
    yield "device", lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"nope")
    if shape == DGRAM and family == INET:
        yield "broadcast", lambda s: s.sendto(b"x", ("255.255.255.255", 9))
        yield "connect to all", lambda s: s.connect(("255.255.255.255", 9))
    yield "connect to nowhere", lambda s: s.connect((nowhere, 9))
    yield "connect", lambda s: s.connect(peer)
    yield "name of the connected", lambda s: s.getsockname()[0]
    yield "peer of the connected", lambda s: s.getpeername()
    yield "connect elsewhere", lambda s: s.connect((here[0], 9))
    yield "shut reading", lambda s: s.shutdown(socket.SHUT_RD)
    yield "receive when shut", lambda s: s.recv(1, socket.MSG_DONTWAIT)
    yield "shut writing", lambda s: s.shutdown(socket.SHUT_WR)
    # The host's raw sockets don't look.
    if shape == DGRAM:
        yield "send when shut", lambda s: s.send(bytes(16), socket.MSG_NOSIGNAL)


@inet_family
@shapes
def test_calls(pair, family, shape):
    """Call after call on one socket"""
    def ask(sock):
        for name, call in calls(pair, family, shape):
            yield name, outcome(call, sock)
    assert not differ(pair, family, shape, ask)


def binds(net, family):
    """Addresses to bind to"""
    if family == INET:
        return ["0.0.0.0", "127.1.2.3", net.client.v4, net.server.v4, "224.1.1.1",
                "10.1.0.255", "255.255.255.255", "0.0.0.1"]
    return ["::", "::1", net.client.v6, net.server.v6, "ff02::1", "fe80::1", "::ffff:127.0.0.1",
            "::ffff:" + net.server.v4, "::ffff:224.1.1.1", "2001:db8::1"]


@inet_family
@every_shape
@pytest.mark.parametrize("option", [None, (socket.IPPROTO_IP, 15), (socket.IPPROTO_IPV6, 78),
                                    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)],
                         ids=["plain", "freebind", "freebind6", "v6only"])
def test_binds(pair, family, shape, option):
    """To addresses of every kind, with what lets more of them be"""
    def ask(kind):
        for where in binds(pair, family):
            with kinet.Sockets() as made:
                sock = fresh(made, kind, pair.client, family, shape, bind=False)
                if option:
                    outcome(sock.setsockopt, *option, 1)
                yield where, (outcome(sock.bind, (where, 0)), sock.getsockname()[0],
                              # A stream would wait where no answer can come back to.
                              shape == STREAM or
                              outcome(sock.connect, address(pair.server, family, 9)))
    ours, theirs = (dict(ask(kind)) for kind in KINDS)
    assert ours == theirs
