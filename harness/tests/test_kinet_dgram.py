# SPDX-License-Identifier: GPL-2.0-only
"""kinet's datagrams against the host's own UDP, both ways."""

import errno
import select
import socket

import pytest

import kinet
from blocked import BOUND, until
from peers import DGRAM, INET, INET6, inet_family

pytestmark = pytest.mark.smoke


def address(end, family, port=0):
    """An end's address."""
    return (end.v4 if family == INET else end.v6, port)


@pytest.fixture
def sockets():
    """Closes what a test made."""
    made = []
    yield made
    for sock in made:
        sock.close()


def ours(sockets, end, family=INET, kind=DGRAM, bind=True, **how):
    """A kinet socket at an end."""
    with end:
        sock = kinet.open_socket(family, kind, **how)
    sockets.append(sock)
    sock.settimeout(BOUND)
    if bind:
        sock.bind(address(end, family))
    return sock


def stock(sockets, end, family=INET, kind=DGRAM, bind=True):
    """A socket of the host's own."""
    with end:
        sock = socket.socket(family, kind)
    sockets.append(sock)
    sock.settimeout(BOUND)
    if bind:
        sock.bind(address(end, family))
    return sock


def talk(one, other, size=100):
    """There and back again."""
    sent = (bytes(range(256)) * (size // 256 + 1))[:size]
    one.sendto(sent, other.getsockname())
    data, sender = other.recvfrom(65536)
    assert data == sent
    assert sender[:2] == one.getsockname()[:2]
    other.sendto(sent[::-1], sender)
    assert one.recv(65536) == sent[::-1]


@inet_family
@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_to_a_stock_peer(pair, sockets, family, size):
    """kinet asks, the host's UDP answers: also in fragments."""
    talk(ours(sockets, pair.client, family), stock(sockets, pair.server, family), size)


@inet_family
@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_from_a_stock_peer(pair, sockets, family, size):
    """The host's UDP asks, kinet answers."""
    talk(stock(sockets, pair.client, family), ours(sockets, pair.server, family), size)


@inet_family
def test_among_ourselves(pair, sockets, family):
    """kinet at both ends"""
    talk(ours(sockets, pair.client, family), ours(sockets, pair.server, family))


@inet_family
def test_on_one_host(pair, sockets, family):
    """Over the loopback, in one namespace."""
    talk(ours(sockets, pair.client, family), stock(sockets, pair.client, family))
    talk(stock(sockets, pair.client, family), ours(sockets, pair.client, family))


@inet_family
def test_connected_hears_only_its_peer(pair, sockets, family):
    """What others send to a connected socket is refused."""
    sock = ours(sockets, pair.client, family)
    peer, other = stock(sockets, pair.server, family), stock(sockets, pair.server, family)
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
def test_unbound_gets_a_port_of_its_own(pair, sockets, family):
    """From net.kinet.ip_local_port_range."""
    sock = ours(sockets, pair.client, family, bind=False)
    peer = stock(sockets, pair.server, family)
    sock.sendto(b"x", peer.getsockname())
    port = peer.recvfrom(16)[1][1]
    assert 20000 <= port <= 32767
    assert sock.getsockname()[1] == port


def test_dual_stack(pair, sockets):
    """A socket for IPv6 also talks IPv4, unless told not to."""
    with pair.server:
        sock = kinet.open_socket(INET6, DGRAM)
    sockets.append(sock)
    sock.settimeout(BOUND)
    sock.bind(("::", 0))
    port = sock.getsockname()[1]
    peer = stock(sockets, pair.client, INET)
    peer.sendto(b"four", (pair.server.v4, port))
    data, sender = sock.recvfrom(16)
    assert (data, sender[0]) == (b"four", "::ffff:" + pair.client.v4)
    sock.sendto(b"back", sender)
    assert peer.recvfrom(16) == (b"back", (pair.server.v4, port))


@inet_family
def test_nobody_there(pair, sockets, family):
    """ICMP tells a connected socket that its peer isn't there."""
    sock = ours(sockets, pair.client, family)
    peer = stock(sockets, pair.server, family)
    sock.connect(peer.getsockname())
    peer.close()
    sock.send(b"x")
    until(lambda: select.select([sock], [], [], 0)[0], "the error")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@inet_family
def test_ports_are_kept_apart(pair, sockets, family):
    """What kinet has the host can't have, and the other way round."""
    sock = ours(sockets, pair.client, family)
    with pytest.raises(OSError) as caught:
        stock(sockets, pair.client, family, bind=False).bind(sock.getsockname())
    assert caught.value.errno == errno.EADDRINUSE
    other = stock(sockets, pair.client, family)
    with pytest.raises(OSError) as caught:
        ours(sockets, pair.client, family, bind=False).bind(other.getsockname())
    assert caught.value.errno == errno.EADDRINUSE
    freed = sock.getsockname()
    sock.close()
    stock(sockets, pair.client, family, bind=False).bind(freed)


@inet_family
def test_pieces_of_a_message(pair, sockets, family):
    """MSG_MORE"""
    sock, peer = ours(sockets, pair.client, family), stock(sockets, pair.server, family)
    sock.sendto(b"a" * 3000, socket.MSG_MORE, peer.getsockname())
    sock.sendto(b"b" * 3001, socket.MSG_MORE, peer.getsockname())
    sock.sendto(b"c", peer.getsockname())
    assert peer.recv(65536) == b"a" * 3000 + b"b" * 3001 + b"c"


def test_listed(pair, sockets):
    """/proc/net/kinet/sockets"""
    sock = ours(sockets, pair.client)
    port = sock.getsockname()[1]
    row, = [row for row in kinet.sockets(pair.client) if row["local"].endswith(f":{port}")]
    assert row["type"] == "dgram" and row["state"] == "bound"
