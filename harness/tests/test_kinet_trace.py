# SPDX-License-Identifier: GPL-2.0-only
"""kinet's tracepoints: each packet that is dropped, each error that is told."""

import contextlib
import errno
import socket
import struct

import kinet
import pytest
import topology

from blocked import until
from checksum import checksum
from kinet import INET, RAW, address
from peers import inet_family
from tracing import traced

pytestmark = pytest.mark.smoke

UDP = socket.IPPROTO_UDP
PORT, FROM = 6200, 6201
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, DO = 10, 23, 2


@pytest.fixture(name="trace")
def kinet_traced():
    """What kinet has traced: a function that returns a dictionary for each line of a tracepoint"""
    with traced("kinet") as lines:
        yield lambda name: [dict(pair.split("=", 1) for pair in text.split())
                            for point, text in lines() if point == name]


# --- packets that are dropped, each by a function that has it happen once

def listener(net, made, family):
    """Who is sent to"""
    return made.ours(net.server, family, port=PORT)


def datagram(net, made, family, data=b"x"):
    """One of the host's, sound"""
    made.stock(net.client, family, port=FROM).sendto(data, address(net.server, family, PORT))


def written(net, made, family, length, right):
    """One that no host would send: header by header"""
    data = b"data"
    header = struct.pack("!HHH", FROM, PORT, length)
    ends = b"".join(socket.inet_pton(family, address(end, family)[0])
                    for end in (net.client, net.server))
    check = checksum(ends + struct.pack("!II", 8 + len(data), UDP) + header + bytes(2) + data)
    if not right:
        check = check % 0xffff + 1          # neither this nor 0, which is none
    sender = made.stock(net.client, family, RAW, protocol=UDP)
    sender.sendto(header + struct.pack("!H", check or 0xffff) + data, address(net.server, family))


def no_socket(net, made, family):
    """The port's socket is another's."""
    listener(net, made, family).connect(address(net.client, family, 9))
    datagram(net, made, family)


def min_ttl(net, made, family):
    """It came too far."""
    option = (socket.IPPROTO_IP, 21) if family == INET else (socket.IPPROTO_IPV6, 73)
    listener(net, made, family).setsockopt(*option, 255)
    datagram(net, made, family)


def buffer_full(net, made, family):
    """The buffer takes one message more than it has room for, whatever its length."""
    sock = listener(net, made, family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    room = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    datagram(net, made, family, bytes(2 * room))
    made.stock(net.client, family, port=FROM + 1).sendto(b"x", address(net.server, family, PORT))


def bad_length(net, made, family):
    """More than the packet has"""
    listener(net, made, family)
    written(net, made, family, 13, True)


def bad_checksum(net, made, family):
    """Another one"""
    listener(net, made, family)
    written(net, made, family, 12, False)


DROPS = {"NoSocket": no_socket, "MinTtl": min_ttl, "BufferFull": buffer_full,
         "BadLength": bad_length, "BadChecksum": bad_checksum}


@pytest.mark.parametrize("reason", DROPS)
@inet_family
def test_drops(pair, made, trace, family, reason):
    """One line, with the reason that is counted, and both ends"""
    before = kinet.snmp(pair.server)
    DROPS[reason](pair, made, family)
    until(lambda: trace("kinet_drop"), "the packet to be dropped")
    mapped = "::ffff:" if family == INET else ""
    assert trace("kinet_drop") == [{
        "reason": f"Drop{reason}", "protocol": str(UDP),
        "saddr": mapped + address(pair.client, family)[0],
        "sport": str(FROM + (reason == "BufferFull")),
        "daddr": mapped + address(pair.server, family)[0], "dport": str(PORT)}]
    after = kinet.snmp(pair.server)
    assert {name: after[name] - before[name] for name in after
            if name.startswith("Drop") and after[name] != before[name]} == {f"Drop{reason}": 1}


# --- errors that are told

def errors(trace) -> list:
    """All but which socket it was: errno, type, code, info"""
    until(lambda: trace("kinet_error"), "the error to be told")
    return [tuple(int(line[name]) for name in ("errno", "type", "code", "info"))
            for line in trace("kinet_error")]


@contextlib.contextmanager
def spoken(net, mode):
    """The wire that both ends speak for a while"""
    try:
        for end in (net.client, net.server):
            until(lambda end=end: not kinet.sockets(end), "sockets to go")
            end.sysctl("net.kinet.mode", mode)
        yield
    finally:
        for end in (net.client, net.server):
            end.sysctl("net.kinet.mode", "interop")


@pytest.mark.parametrize("mode", ["interop", "isolated"])
@inet_family
def test_refusals(pair, trace, family, mode):
    """RFC 792 and RFC 4443: port unreachable, or what stands for it"""
    with spoken(pair, mode), kinet.Sockets() as made:
        peer, sock = made.ours(pair.server, family), made.ours(pair.client, family)
        sock.connect(peer.getsockname())
        peer.close()
        sock.send(b"x")
        assert errors(trace) == [(errno.ECONNREFUSED, *((3, 3) if family == INET else (1, 4)), 0)]


@inet_family
def test_path_mtu(made, trace, family):
    """With the MTU, as RFC 1191 and RFC 4443 have it"""
    with topology.routed() as net:
        for end, device in ((net.router, "east"), (net.server, "eth")):
            topology.ip([f"link set {device} mtu 1300"], end.name)
        sock = made.ours(net.client, family)
        sock.setsockopt(*((socket.IPPROTO_IP, IP_MTU_DISCOVER) if family == INET else
                          (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)), DO)
        sock.sendto(bytes(1400), address(net.server, family, PORT))
        assert errors(trace) == [(errno.EMSGSIZE, *((3, 4) if family == INET else (2, 0)), 1300)]
        sock.close()
