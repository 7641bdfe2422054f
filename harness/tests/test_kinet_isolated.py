# SPDX-License-Identifier: GPL-2.0-only
"""The wire that only kinet speaks."""

import errno
import select
import socket
import struct

import kinet
import pytest

from blocked import until
from kinet import STREAM, address, failure, talk
from peers import inet_family, reset
from segments import ISOLATED as STREAMS
from streams import Streams, exchange, ready, refused
from test_kinet_options import IP_RECVERR, IPV6_RECVERR
from wire import chain, rules


@pytest.fixture
def isolated(pair):
    """Both ends of the pair speak it for a while."""
    for end in (pair.client, pair.server):
        until(lambda end=end: not kinet.sockets(end), "sockets to go")
        end.sysctl("net.kinet.mode", "isolated")
    with kinet.Sockets() as made:
        yield made
    for end in (pair.client, pair.server):
        end.sysctl("net.kinet.mode", "interop")


@inet_family
@pytest.mark.parametrize("size", [0, 1, 9000, 65507])
def test_talk(pair, isolated, family, size):
    """Both ways, in fragments, too"""
    talk(isolated.ours(pair.client, family), isolated.ours(pair.server, family), size)


@inet_family
def test_nobody_there(pair, isolated, family):
    """A port that nobody has is refused by an error of kinet's own."""
    sock, peer = isolated.ours(pair.client, family), isolated.ours(pair.server, family)
    sock.connect(peer.getsockname())
    peer.close()
    before = kinet.snmp(pair.server)["DropNoSocket"]
    sock.send(b"x")
    until(lambda: select.select([sock], [], [], 0)[0], "the refusal")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert kinet.snmp(pair.server)["DropNoSocket"] == before + 1


@inet_family
def test_no_stream_there(pair, isolated, family):
    """A reset, from who listens nowhere; and one for what a connection that is gone still sends"""
    with Streams(pair.client, pair.server, ("ours", "ours")) as made:
        bound, listener = made.server(family), made.listener(family)
        before = kinet.snmp(pair.server)
        assert refused(made.client(family), bound.getsockname())
        bound.close()
        assert refused(made.client(family), address(pair.server, family, 5601))
        after = kinet.snmp(pair.server)
        assert [after[name] - before[name] for name in ("DropNoSocket", "ResetOut")] == [2, 2]
        one, other = made.connection(family, listener=listener)
        exchange(one, other)
        with rules(pair.client, chain("input", f"meta l4proto {STREAMS} drop")):
            reset(other)
        one.send(b"to nobody")
        ready(one, select.POLLHUP)
        assert failure(one.recv, 1) == errno.ECONNRESET


@inet_family
def test_ports_of_its_own(pair, isolated, family):
    """The host's sockets have the same ports, and hear nothing of it."""
    sock, peer = isolated.ours(pair.client, family), isolated.ours(pair.server, family)
    stock = isolated.stock(pair.server, family, port=peer.getsockname()[1])
    talk(sock, peer)
    assert not select.select([stock], [], [], 0)[0]
    talk(isolated.stock(pair.client, family), stock)
    with pytest.raises(OSError):
        isolated.ours(pair.server, family, port=peer.getsockname()[1])


@inet_family
def test_error_queue(pair, isolated, family):
    """The refusal is told as the ICMP error would be that it stands for, from who gave it."""
    sock, peer = isolated.ours(pair.client, family), isolated.ours(pair.server, family)
    level, recverr, wanted = {
        socket.AF_INET: (socket.IPPROTO_IP, IP_RECVERR, (2, 3, 3)),
        socket.AF_INET6: (socket.IPPROTO_IPV6, IPV6_RECVERR, (3, 1, 4))}[family]
    sock.setsockopt(level, recverr, 1)
    to = peer.getsockname()
    peer.close()
    sock.sendto(b"x", to)
    until(lambda: select.select([sock], [], [], 0)[0], "the refusal")
    data, control, flags, told = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    assert (data, flags, told[:2]) == (b"", socket.MSG_ERRQUEUE, to[:2])
    (where, name, error), = control
    assert (where, name) == (level, recverr)
    assert struct.unpack_from("=IBBB", error) == (errno.ECONNREFUSED, *wanted)
    offender = error[16 + 4:16 + 8] if family == socket.AF_INET else error[16 + 8:16 + 24]
    assert offender == socket.inet_pton(family, to[0])


def test_not_with_sockets_open(pair, isolated):
    """The mode stays while there are sockets."""
    isolated.ours(pair.client)
    with pytest.raises(OSError) as caught:
        pair.client.sysctl("net.kinet.mode", "interop")
    assert caught.value.errno == errno.EBUSY
    with pytest.raises(OSError) as caught:
        pair.client.sysctl("net.kinet.mode", "telepathy")
    assert caught.value.errno == errno.EINVAL
    pair.client.sysctl("net.kinet.mode", "isolated")


@inet_family
def test_the_other_mode_refuses(pair, made, family):
    """Whoever speaks UDP says that he doesn't know this protocol."""
    until(lambda: not kinet.sockets(pair.client), "sockets to go")
    pair.client.sysctl("net.kinet.mode", "isolated")
    sock = made.ours(pair.client, family)
    peer = made.ours(pair.server, family, port=sock.getsockname()[1])
    sock.connect(peer.getsockname())
    before = kinet.snmp(pair.server)["DropOtherMode"]
    sock.send(b"x")
    until(lambda: select.select([sock], [], [], 0)[0], "the refusal")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == (
        errno.ENOPROTOOPT if family == socket.AF_INET else errno.EPROTO)
    assert kinet.snmp(pair.server)["DropOtherMode"] == before + 1
    assert failure(made.ours(pair.client, family, STREAM).connect, peer.getsockname()) == (
        errno.ENOPROTOOPT if family == socket.AF_INET else errno.EPROTO)
    # An error that comes while connect(2) has the socket isn't heard: then the SYN goes again.
    assert kinet.snmp(pair.server)["DropOtherMode"] > before + 1
    made.close()
    pair.client.sysctl("net.kinet.mode", "interop")


@inet_family
def test_port_of_a_group(pair, isolated, family):
    """SO_REUSEPORT has its rules here, too."""
    socks = []
    for _ in range(2):
        sock = isolated.ours(pair.server, family, bind=False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address(pair.server, family, 5600))
        socks.append(sock)
    isolated.ours(pair.client, family).sendto(b"x", address(pair.server, family, 5600))
    assert len(select.select(socks, [], [], 10)[0]) == 1
