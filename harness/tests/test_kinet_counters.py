# SPDX-License-Identifier: GPL-2.0-only
"""kinet's counters: what makes each grow, and by how much.

Those of streams that depend on time are in kunit/kinet/stream_count.c, and why packets are
dropped is in test_kinet_trace.py.
"""

import errno
import re
import types

import kinet
import pytest

from blocked import until
from kinet import DGRAM, RAW, STREAM, address, failure
from lab.paths import REPO
from peers import inet_family
from segments import Host, Peer
from states import STATES
from test_kinet_trace import DROPS, SEGMENTS, no_socket
from wire import chain, rules

pytestmark = pytest.mark.smoke

ANY, PORT = 200, 6300
IN_KUNIT = REPO / "kunit/kinet/stream_count.c"


def opens(net, made, family):
    """One of each type, of which none has a port"""
    for kind, how in ((DGRAM, {}), (STREAM, {}), (RAW, {"protocol": ANY})):
        made.ours(net.client, family, kind, bind=False, **how)


def closes(net, made, family):
    """The same"""
    for kind, how in ((DGRAM, {}), (STREAM, {}), (RAW, {"protocol": ANY})):
        made.ours(net.client, family, kind, bind=False, **how).close()


def binds(net, made, family):
    """Of datagrams and of streams; a raw socket has no port."""
    made.ours(net.client, family, port=PORT)
    made.ours(net.client, family, STREAM, port=PORT)
    made.ours(net.client, family, RAW, protocol=ANY)


def binds_in_vain(net, made, family):
    """The host has the port."""
    made.stock(net.client, family, port=PORT)
    sock = made.ours(net.client, family, bind=False)
    assert failure(sock.bind, address(net.client, family, PORT)) == errno.EADDRINUSE


def sends(net, made, family):
    """Three messages, to one of the host's"""
    peer, sock = made.stock(net.server, family), made.ours(net.client, family)
    for _ in range(3):
        sock.sendto(b"x", peer.getsockname())


def receives(net, made, family):
    """One, of the host's"""
    sock = made.ours(net.client, family)
    made.stock(net.server, family).sendto(b"x", sock.getsockname())
    assert sock.recv(2) == b"x"


def refuses(net, made, family):
    """Nobody takes it, at a port that is ours."""
    no_socket(swapped(net), made, family)


def is_refused(net, made, family):
    """The host has nobody there."""
    sock, peer = made.ours(net.client, family), made.stock(net.server, family)
    sock.connect(peer.getsockname())
    peer.close()
    sock.send(b"x")
    assert failure(sock.recv, 1) == errno.ECONNREFUSED


def may_not_send(net, made, family):
    """A filter doesn't let it leave."""
    sock = made.ours(net.client, family)
    with rules(net.client, chain("output", f"udp dport {PORT} drop")):
        assert failure(sock.sendto, b"x", address(net.server, family, PORT)) == errno.EPERM


def sends_raw(net, made, family):
    """Two packets"""
    sock = made.ours(net.client, family, RAW, protocol=ANY)
    for _ in range(2):
        sock.sendto(b"x", address(net.server, family))


def receives_raw(net, made, family):
    """One, by each of two sockets"""
    socks = [made.ours(net.client, family, RAW, protocol=ANY) for _ in range(2)]
    made.stock(net.server, family, RAW, protocol=ANY).sendto(b"x", address(net.client, family))
    for sock in socks:
        assert sock.recv(100)


def swapped(net):
    """The same pair, the other way round"""
    return types.SimpleNamespace(client=net.server, server=net.client)


# Counters of the client's, how much they grow, and what makes them
ROWS = [("SockOpened", 3, opens), ("SockClosed", 3, closes), ("Claim", 2, binds),
        ("ClaimBusy", 1, binds_in_vain), ("DgramOut", 3, sends), ("DgramIn", 1, receives),
        ("DgramRefused", 1, refuses), ("ErrorIn", 1, is_refused), ("SendFailed", 1, may_not_send),
        ("RawOut", 2, sends_raw), ("RawIn", 2, receives_raw)]


@pytest.mark.parametrize("counter, times, provoke", ROWS, ids=[row[0] for row in ROWS])
@inet_family
def test_grows(pair, made, family, counter, times, provoke):
    """So often, and no more"""
    before = kinet.snmp(pair.client)[counter]
    provoke(pair, made, family)
    until(lambda: kinet.snmp(pair.client)[counter] >= before + times, f"{counter} to grow")
    assert kinet.snmp(pair.client)[counter] == before + times


@inet_family
def test_path_mtu(made, family):
    """PmtuIn, of a stream"""
    with Peer.network() as net:
        peer = STATES["unacknowledged"](Host(net, made, "ours", family))[1]
        peer.too_big(1400)
        until(lambda: kinet.snmp(net.client)["PmtuIn"] == 1, "what the router says")


def test_each_has_a_test(pair):
    """Here, among the drops, or in the suite"""
    suite = re.findall(r'^\t\{ "(\w+)", KINET_', IN_KUNIT.read_text("ascii"), re.M)
    assert suite
    drops = {f"Drop{reason}" for reason in [*DROPS, *SEGMENTS]}
    others = {"DropOtherMode", "MemoryPressure"}    # test_kinet_isolated.py, test_kinet_memory.py
    rows = {counter for counter, *_ in ROWS}
    assert rows | {"PmtuIn"} | drops | others | set(suite) == kinet.snmp(pair.client).keys()
