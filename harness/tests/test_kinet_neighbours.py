# SPDX-License-Identifier: GPL-2.0-only
"""Nobody asks a neighbour of whom it is known that it answers: RFC 4861, 7.3.1.

As the host's sockets do it, whose tests these are, too.
"""

import json
import socket

import pytest
import topology

from kinet import DGRAM, INET, RAW, address
from peers import inet_family
from streams import Streams, exchange

# Of one that isn't known to answer the kernel says twice the time for which it would be.
LONG_AGO = 30
# The last is MSG_PROBE, which Python doesn't name.
HOW = {"whole": 0, "corked": socket.MSG_MORE, "nothing": 0x10}
ICMP_ECHO = b"\x08\x00\xf7\xff\x00\x00\x00\x00"
ICMP6_ECHO = b"\x80\x00\x00\x00\x00\x00\x00\x00"


def forget(end, host, other):
    """From now on the other end is somewhere, but nobody knows whether it answers."""
    anew = f"{host} lladdr {other.mac().hex(':')} dev eth nud stale"
    topology.ip([f"neigh replace {anew}", f"neigh del {host} dev eth", f"neigh add {anew}"],
                end.name)


def is_known(end, host) -> bool:
    """Whether it was found to answer a moment ago"""
    shown = end.run(["ip", "-s", "-j", "neigh", "show", host, "dev", "eth"]).stdout
    row, = json.loads(shown)
    return row["confirmed"] < LONG_AGO


@inet_family
def test_stream(pair, kinds, family):
    """What is acknowledged has come there, and what says so has come back."""
    with Streams(pair.client, pair.server, kinds) as made:
        one, other = made.connection(family)
        exchange(one, other)
        for end, peer in ((pair.client, pair.server), (pair.server, pair.client)):
            host = address(peer, family)[0]
            forget(end, host, peer)
            assert not is_known(end, host)
            exchange(one, other)
            # Whatever is sent behind the acknowledgment says so.
            exchange(one, other)
            assert is_known(end, host)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [DGRAM, RAW], ids=["dgram", "raw"])
@pytest.mark.parametrize("who", ["stock", "ours"])
@inet_family
def test_confirm(pair, made, family, who, kind, how):
    """MSG_CONFIRM: the sender knows it from what was answered."""
    if kind == RAW and how == "corked":
        pytest.skip("they have no cork")
    host = address(pair.server, family)[0]
    echo = {INET: socket.IPPROTO_ICMP}.get(family, socket.IPPROTO_ICMPV6)
    data = {INET: ICMP_ECHO}.get(family, ICMP6_ECHO)
    to = (host, 9 if kind == DGRAM else 0)
    sock = getattr(made, who)(pair.client, family, kind, protocol=echo if kind == RAW else 0)
    forget(pair.client, host, pair.server)
    sock.sendto(data, to)
    assert not is_known(pair.client, host)
    sock.sendto(data, socket.MSG_CONFIRM | HOW[how], to)
    if how == "corked":
        sock.sendto(data, to)
    assert is_known(pair.client, host)
