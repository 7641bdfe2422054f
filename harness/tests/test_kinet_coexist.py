# SPDX-License-Identifier: GPL-2.0-only
"""kinet beside the host's own sockets, and behind filters, NAT and conntrack."""

import contextlib
import errno
import select
import socket
import struct
import subprocess

import pytest

import kinet
from blocked import until
from kinet import INET, address, talk
from peers import inet_family

ETH_P_ALL = 3
NFT = "/usr/sbin/nft"


def refusal(sock) -> int:
    """The error that a connected socket hears of."""
    until(lambda: select.select([sock], [], [], 0)[0], "the refusal")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@contextlib.contextmanager
def rules(end, text):
    """nftables' rules in a namespace, for a while"""
    text = text.replace("}", "}\n")       # which is what ends a chain
    done = end.run([NFT, "-f", "-"], input=text, check=False)
    assert not done.returncode, done.stderr
    try:
        yield
    finally:
        end.run([NFT, "flush", "ruleset"])


@inet_family
def test_the_hosts_ports_are_left_alone(pair, made, family):
    """UDP on other ports, and TCP on the same one"""
    sock = made.ours(pair.server, family)
    port = sock.getsockname()[1]
    talk(made.stock(pair.client, family), made.stock(pair.server, family))
    with pair.server, socket.create_server(address(pair.server, family, port),
                                           family=family) as server:
        with pair.client:
            client = socket.create_connection(address(pair.server, family, port), 10)
        peer = server.accept()[0]
        client.sendall(b"tcp")
        assert peer.recv(16) == b"tcp"
        client.close()
        peer.close()
    talk(made.stock(pair.client, family), sock)


@inet_family
def test_a_port_of_another_address(pair, made, family):
    """What comes to an address that we haven't claimed is the host's to answer."""
    ours = made.ours(pair.server, family)
    port = ours.getsockname()[1]
    loopback = "127.0.0.1" if family == INET else "::1"
    theirs = made.stock(pair.server, family, bind=False)
    theirs.bind((loopback, port))
    asker = made.stock(pair.server, family, bind=False)
    asker.sendto(b"to the host", (loopback, port))
    assert theirs.recv(16) == b"to the host"
    made.stock(pair.client, family).sendto(b"to us", address(pair.server, family, port))
    assert ours.recv(16) == b"to us"


@inet_family
def test_claimed_and_nobody_takes_it(pair, made, family):
    """A claimed port is answered by port unreachable, also when it is connected elsewhere."""
    ours = made.ours(pair.server, family)
    ours.connect(address(pair.client, family, 9))
    asker = made.stock(pair.client, family)
    asker.connect(ours.getsockname())
    before = kinet.snmp(pair.server)["DgramRefused"]
    asker.send(b"x")
    assert refusal(asker) == errno.ECONNREFUSED
    assert kinet.snmp(pair.server)["DgramRefused"] == before + 1


@inet_family
def test_filtered(pair, made, family):
    """A filter drops before kinet sees anything, and rejects what kinet sends."""
    sock, peer = made.ours(pair.server, family), made.stock(pair.client, family)
    port = sock.getsockname()[1]
    before = kinet.snmp(pair.server)["DgramIn"]
    with rules(pair.server, "table inet t { chain c { type filter hook input priority 0; "
                            f"udp dport {port} drop; }} }}"):
        peer.sendto(b"dropped", sock.getsockname())
    peer.sendto(b"passed", sock.getsockname())
    assert sock.recv(16) == b"passed"
    assert kinet.snmp(pair.server)["DgramIn"] == before + 1
    with rules(pair.server, "table inet t { chain c { type filter hook output priority 0; "
                            f"udp sport {port} drop; }} }}"):
        with pytest.raises(OSError) as caught:
            sock.sendto(b"x", peer.getsockname())
        assert caught.value.errno == errno.EPERM
    talk(sock, peer)


def tracked(end) -> str:
    """conntrack's entries of a namespace."""
    return end.run(["conntrack", "-L", "-p", "udp"]).stdout


def test_tracked(pair, made):
    """Connections that kinet takes are confirmed, and seen as answered."""
    sock, peer = made.ours(pair.server), made.stock(pair.client)
    with rules(pair.server, "table inet t { chain c { type filter hook input priority 0; "
                            "ct state new accept; } }"):
        talk(peer, sock)
        row, = [line for line in tracked(pair.server).splitlines()
                if f"sport={peer.getsockname()[1]} " in line]
        assert "[UNREPLIED]" not in row and f"dport={sock.getsockname()[1]} " in row


def test_behind_nat(routed, made):
    """The router gives the client its own address; and one port for another."""
    server = made.stock(routed.server)
    port = server.getsockname()[1]
    client = made.ours(routed.client)
    with rules(routed.router, "table ip n { chain post { type nat hook postrouting priority 100; "
                              "oifname \"east\" masquerade; } chain pre { type nat hook prerouting "
                              f"priority -100; udp dport 1053 dnat to {routed.server.v4}:{port}; "
                              "} }"):
        client.sendto(b"ask", (routed.server.v4, 1053))
        data, sender = server.recvfrom(16)
        assert data == b"ask" and sender[0] != routed.client.v4
        server.sendto(b"answer", sender)
        assert client.recvfrom(16) == (b"answer", (routed.server.v4, 1053))


@inet_family
@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_path_mtu(routed, made, kind, family):
    """A narrow router tells; what doesn't fit is then refused, or sent in fragments."""
    level, discover, mtu = (socket.IPPROTO_IP, 10, 14) if family == INET else (
        socket.IPPROTO_IPV6, 23, 24)
    routed.router.run(["ip", "link", "set", "dev", "east", "mtu", "1300"])
    routed.server.run(["ip", "link", "set", "dev", "eth", "mtu", "1300"])
    try:
        sock, peer = getattr(made, kind)(routed.client, family), made.stock(routed.server, family)
        sock.connect(peer.getsockname())
        sock.setsockopt(level, discover, 2)
        with contextlib.suppress(OSError):      # the one before has told already
            sock.send(bytes(1400))
        until(lambda: sock.getsockopt(level, mtu) == 1300, "the path's MTU")
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        with pytest.raises(OSError) as caught:
            sock.send(bytes(1400))
        assert caught.value.errno == errno.EMSGSIZE
        sock.setsockopt(level, discover, 1)
        sock.send(bytes(1400))
        assert peer.recv(2000) == bytes(1400)
    finally:
        routed.router.run(["ip", "link", "set", "dev", "east", "mtu", "1500"])
        routed.server.run(["ip", "link", "set", "dev", "eth", "mtu", "1500"])


def captured(end):
    """A socket that sees all that passes an end's device."""
    with end:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.bind(("eth", 0))
    sock.settimeout(10)
    return sock


def sent_packet(pair, made, kind, family) -> bytes:
    """An IP packet on the wire, with what differs by chance taken out."""
    peer = made.stock(pair.server, family)
    sock = getattr(made, kind)(pair.client, family)
    with captured(pair.server) as wire:
        sock.sendto(b"look at me", peer.getsockname())
        while b"look at me" not in (frame := wire.recv(2000)):
            pass
    packet = bytearray(frame[14:])
    start = 20 if family == INET else 40
    sport, dport = struct.unpack_from("!HH", packet, start)
    assert (sport, dport) == (sock.getsockname()[1], peer.getsockname()[1])
    packet[start:start + 4] = bytes(4)
    packet[start + 6:start + 8] = bytes(2)          # the checksum has the ports in it
    if family == INET:
        packet[4:6] = packet[10:12] = bytes(2)      # identification, and its checksum
    else:
        packet[1:4] = bytes(3)                      # flow label: a hash of the ports
    return bytes(packet)


@inet_family
def test_looks_like_the_hosts(pair, made, family):
    """On the wire nothing tells one from the other."""
    assert sent_packet(pair, made, "ours", family) == sent_packet(pair, made, "stock", family)


def test_tcpdump_sees_all(pair, made):
    """Both ways"""
    sock, peer = made.ours(pair.server), made.stock(pair.client)
    port = sock.getsockname()[1]
    with pair.server, subprocess.Popen(
            ["tcpdump", "-U", "-n", "-c", "2", "-i", "eth", "udp", "port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as dump:
        until(lambda: "listening on" in dump.stderr.readline(), "tcpdump to listen")
        talk(peer, sock)
        out, _ = dump.communicate(timeout=60)
    assert f".{port} > " in out and f".{port}: UDP" in out
