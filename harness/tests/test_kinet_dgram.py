# SPDX-License-Identifier: GPL-2.0-only
"""kinet's datagrams against the host's own UDP, both ways."""

import errno
import select
import socket

import pytest

import kinet
import topology
from blocked import until
from kinet import address, failure, talk
from peers import INET, INET6, inet_family
from threads import over_and_over

pytestmark = pytest.mark.smoke


@inet_family
@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_to_a_stock_peer(pair, made, family, size):
    """kinet asks, the host's UDP answers: also in fragments."""
    talk(made.ours(pair.client, family), made.stock(pair.server, family), size)


@inet_family
@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_from_a_stock_peer(pair, made, family, size):
    """The host's UDP asks, kinet answers."""
    talk(made.stock(pair.client, family), made.ours(pair.server, family), size)


@inet_family
def test_among_ourselves(pair, made, family):
    """kinet at both ends"""
    talk(made.ours(pair.client, family), made.ours(pair.server, family))


@inet_family
def test_on_one_host(pair, made, family):
    """Over the loopback, in one namespace."""
    talk(made.ours(pair.client, family), made.stock(pair.client, family))
    talk(made.stock(pair.client, family), made.ours(pair.client, family))


@inet_family
def test_connected_hears_only_its_peer(pair, made, family):
    """What others send to a connected socket is refused."""
    sock = made.ours(pair.client, family)
    peer, other = made.stock(pair.server, family), made.stock(pair.server, family)
    sock.connect(peer.getsockname())
    assert sock.getpeername()[:2] == peer.getsockname()[:2]
    other.connect(sock.getsockname())
    other.send(b"other")
    peer.sendto(b"peer", sock.getsockname())
    assert sock.recv(16) == b"peer"
    until(lambda: select.select([other], [], [], 0)[0], "the refusal")
    assert other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    sock.send(b"hello")
    assert peer.recv(16) == b"hello"


@inet_family
def test_unbound_gets_a_port_of_its_own(pair, made, family):
    """From net.kinet.ip_local_port_range."""
    sock = made.ours(pair.client, family, bind=False)
    peer = made.stock(pair.server, family)
    sock.sendto(b"x", peer.getsockname())
    port = peer.recvfrom(16)[1][1]
    assert 20000 <= port <= 32767
    assert sock.getsockname()[1] == port


def test_dual_stack(pair, made):
    """A socket for IPv6 also talks IPv4, unless told not to."""
    sock = made.ours(pair.server, INET6, bind=False)
    sock.bind(("::", 0))
    port = sock.getsockname()[1]
    peer = made.stock(pair.client, INET)
    peer.sendto(b"four", (pair.server.v4, port))
    data, sender = sock.recvfrom(16)
    assert (data, sender[0]) == (b"four", "::ffff:" + pair.client.v4)
    sock.sendto(b"back", sender)
    assert peer.recvfrom(16) == (b"back", (pair.server.v4, port))


@inet_family
def test_nobody_there(pair, made, family):
    """ICMP tells a connected socket that its peer isn't there."""
    sock = made.ours(pair.client, family)
    peer = made.stock(pair.server, family)
    sock.connect(peer.getsockname())
    peer.close()
    sock.send(b"x")
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@inet_family
def test_ports_are_kept_apart(pair, made, family):
    """What kinet has the host can't have, and the other way round."""
    sock = made.ours(pair.client, family)
    with pytest.raises(OSError) as caught:
        made.stock(pair.client, family, bind=False).bind(sock.getsockname())
    assert caught.value.errno == errno.EADDRINUSE
    other = made.stock(pair.client, family)
    with pytest.raises(OSError) as caught:
        made.ours(pair.client, family, bind=False).bind(other.getsockname())
    assert caught.value.errno == errno.EADDRINUSE
    freed = sock.getsockname()
    sock.close()
    made.stock(pair.client, family, bind=False).bind(freed)


@inet_family
def test_pieces_of_a_message(pair, made, family):
    """MSG_MORE"""
    sock, peer = made.ours(pair.client, family), made.stock(pair.server, family)
    sock.sendto(b"a" * 3000, socket.MSG_MORE, peer.getsockname())
    sock.sendto(b"b" * 3001, socket.MSG_MORE, peer.getsockname())
    sock.sendto(b"c", peer.getsockname())
    assert peer.recv(65536) == b"a" * 3000 + b"b" * 3001 + b"c"


def test_listed(pair, made):
    """/proc/net/kinet/sockets"""
    sock = made.ours(pair.client)
    port = sock.getsockname()[1]
    row, = [row for row in kinet.sockets(pair.client) if row["local"].endswith(f":{port}")]
    assert row["type"] == "dgram" and row["state"] == "bound"


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_route_by_protocol(made, kind):
    """connect() finds the way that what is sent goes: policies for routes and IPsec say UDP."""
    with topology.pair() as net:
        topology.ip(["rule add pref 10 ipproto udp unreachable"], net.client.name)
        sock = getattr(made, kind)(net.client)
        assert failure(sock.connect, address(net.server, INET, 9)) == errno.ENETUNREACH


def test_group_that_one_leaves_and_another_joins(pair, made):
    """SO_REUSEPORT, at the same time"""
    def member(port=0):
        sock = made.ours(pair.client, bind=False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("0.0.0.0", port))
        return sock
    leaves = member()
    with over_and_over(leaves.setsockopt, socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b""):
        for _ in range(100):
            member(leaves.getsockname()[1]).close()
