# SPDX-License-Identifier: GPL-2.0-only
"""What net.kinet says of streams: what their options are at first, when they are given up, and
how many of those that nobody holds any more there may be."""

import socket
import time

import pytest
import topology

import kinet
from blocked import until
from segments import ACK, FIN, RST
from streams import Streams, exchange, tcp
from test_kinet_options import EITHER, maker
from test_kinet_stream import DROPS
from test_kinet_stream_segments import closed_first
from test_kinet_stream_states import hosts
from wire import rules

pytestmark = pytest.mark.smoke

WHERE = {"ours": "net.kinet.", "stock": "net.ipv4."}
SOON = 20               # seconds, far less than without the setting
AT_FIRST = {"tcp_keepalive_time": (socket.TCP_KEEPIDLE, 100),
            "tcp_keepalive_intvl": (socket.TCP_KEEPINTVL, 10),
            "tcp_keepalive_probes": (socket.TCP_KEEPCNT, 4),
            "tcp_fin_timeout": (socket.TCP_LINGER2, 7),
            "tcp_syn_retries": (socket.TCP_SYNCNT, 2)}


@pytest.fixture(name="net")
def _net():
    """One whose settings may be changed"""
    with topology.pair() as net:
        yield net


@pytest.fixture(name="made")
def _made(net):
    """Connections from our sockets to the host's"""
    with Streams(net.client, net.server, ("ours", "stock")) as made:
        yield made


@EITHER
@pytest.mark.parametrize("name", AT_FIRST)
def test_what_an_option_is_at_first(net, made, kind, name):
    """Of sockets that begin afterwards"""
    option, value = AT_FIRST[name]
    net.client.sysctl(WHERE[kind] + name, value)
    assert tcp(maker(made, kind)(net.client, kind=socket.SOCK_STREAM), option) == value


def seconds_until_none(end) -> float:
    """How long sockets are there yet"""
    begin = time.monotonic()
    until(lambda: not kinet.sockets(end), "the sockets to go")
    return time.monotonic() - begin


def test_orphans(net, made):
    """One more than there may be is reset."""
    net.client.sysctl("net.kinet.tcp_max_orphans", 2)
    ends = [made.connection() for _ in range(4)]
    before = kinet.snmp(net.client)["ResetOut"]
    with rules(net.server, DROPS):
        for one, _ in ends:
            one.close()
        assert len(kinet.sockets(net.client)) == 2
        assert kinet.snmp(net.client)["ResetOut"] == before + 2
    for _, other in ends:
        other.close()
    assert seconds_until_none(net.client) < SOON


def test_orphans_are_given_up(net, made):
    """After so many retransmissions"""
    net.client.sysctl("net.kinet.tcp_orphan_retries", 1)
    one, _ = made.connection()
    with rules(net.server, DROPS):
        one.close()
        assert kinet.sockets(net.client)
        assert seconds_until_none(net.client) < SOON


def test_end_that_never_comes(net, made):
    """FIN-WAIT-2 is left after tcp_fin_timeout."""
    net.client.sysctl("net.kinet.tcp_fin_timeout", 1)
    one, other = made.connection()
    exchange(one, other)
    one.close()
    assert other.recv(1) == b""
    assert seconds_until_none(net.client) < SOON


def test_time_wait_may_be_forgotten():
    """Without room for it, an end that comes again is of no connection."""
    with hosts() as host:
        host.net.client.sysctl("net.kinet.tcp_max_tw_buckets", 0)
        peer = closed_first(host)
        assert peer.answer(ACK | FIN, seq=peer.at.snd - 1).flags & RST
