# SPDX-License-Identifier: GPL-2.0-only
"""udp_ping, as client and as server."""

import contextlib
import errno
import select
import socket
import struct
import threading

import pytest

import kinet
import kmod
from conftest import KernelLog
from examples import BOUND, FAMILIES, PAGE, example, family_of, load, traffic

PING = 7007


@contextlib.contextmanager
def datagrams(namespace, address, handle):
    """A process that calls handle(sock, data, from) for each datagram."""
    with namespace:
        sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
        sock.bind((address, 0))
    stop, stopped = socket.socketpair()

    def serve():
        while stopped not in (ready := select.select([sock, stopped], [], [], BOUND)[0]):
            assert ready
            handle(sock, *sock.recvfrom(65536))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        stop.close()
        thread.join(BOUND)
        stopped.close()
        sock.close()


def ping(net, address, port, **parameters):
    log = KernelLog()
    load(net.client, "udp_ping", mode="client", address=address, port=port, **parameters)
    kmod.unload("udp_ping")
    return log.new()


@pytest.mark.smoke
@FAMILIES
@pytest.mark.parametrize("over", ["the address's", "kinet"])
def test_ping_counts_answers(pair, family, over):
    address = getattr(pair.server, family)
    domain = kinet.families()[family_of(address)] if over == "kinet" else 0
    with datagrams(pair.server, address,
                   lambda sock, data, peer: sock.sendto(data, peer)) as port:
        said = ping(pair, address, port, count=20, interval=BOUND * 1000, family=domain)
    assert "20 sent, 20 answered, 0 doubled, 0 % lost" in said
    assert "round trip min/avg/max" in said


def test_ping_knows_late_and_doubled_answers(pair):
    """Every fourth is lost; the others come in pairs, last first, twice."""
    held = []

    def handle(sock, data, peer):
        number, = struct.unpack_from("!I", data, 4)
        if number % 4 == 3:
            return
        held.append(data)
        if number % 4 == 2:
            for answer in reversed(held):
                sock.sendto(answer, peer)
                sock.sendto(answer, peer)
            sock.sendto(b"not an answer", peer)
            held.clear()

    with datagrams(pair.server, pair.server.v4, handle) as port:
        said = ping(pair, pair.server.v4, port, count=20, interval=50)
    assert "20 sent, 15 answered, 15 doubled, 25 % lost" in said


def test_ping_is_refused(pair):
    with pytest.raises(OSError) as caught:
        ping(pair, pair.server.v4, 9)
    assert caught.value.errno == errno.ECONNREFUSED


def test_ping_hears_nothing(pair):
    with datagrams(pair.server, pair.server.v4, lambda *_: None) as port:
        with pytest.raises(OSError) as caught:
            ping(pair, pair.server.v4, port, count=3, interval=10, timeout=100)
    assert caught.value.errno == errno.ETIMEDOUT


@pytest.mark.parametrize("wrong", [{"mode": "both"}, {"mode": "client", "count": 0},
                                   {"address": "x"}], ids=["mode", "count", "address"])
def test_ping_refuses_parameters(pair, wrong):
    with pytest.raises(OSError) as caught:
        load(pair.client, "udp_ping", **wrong)
    assert caught.value.errno == errno.EINVAL


@FAMILIES
def test_echo_returns_datagrams(pair, family):
    """Each comes back whole: nothing, a little, more than the link's MTU."""
    address = getattr(pair.server, family)
    with example(pair.server, "udp_ping", port=PING), pair.client:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.settimeout(BOUND)
            sock.connect((address, PING))
            for data in (b"", b"x", PAGE[:1400], PAGE[:60000]):
                sock.send(data)
                assert sock.recv(65536) == data


def test_echo_unloads_under_traffic(pair):
    """Datagrams that keep coming do not keep it."""
    load(pair.server, "udp_ping", address=pair.server.v4, port=PING)
    with pair.client:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(BOUND)
    sock.connect((pair.server.v4, PING))

    def step():
        sock.send(bytes(100))
        sock.recv(200)
    with sock, traffic([step]):
        # The sender learns the end by the ICMP error that its next one causes.
        kmod.unload("udp_ping")
        sock.send(b"")
