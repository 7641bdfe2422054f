# SPDX-License-Identifier: GPL-2.0-only
"""Streams as sock_diag and /proc list them, and the host's own as sock_diag does."""

import socket
import struct

import kinet
import netlink
import pytest

from blocked import until
from kinet import INET, INET6
from segments import Host, Peer
from states import STATES
from streams import Streams, ended
from test_kinet_diag import inode, listed
from test_kinet_trace import beyond_the_window, of_the_unsent, unwelcome, without_ack

pytestmark = pytest.mark.smoke

TCP = socket.IPPROTO_TCP
(ESTABLISHED, SYN_SENT, _, FIN_WAIT1, FIN_WAIT2, _, _, CLOSE_WAIT, LAST_ACK, LISTEN,
 CLOSING) = range(1, 12)
ALL = 0xfff                 # states
TIMES = slice(44, 60)       # of struct tcp_info: how long ago something was

# By what is waited for: the state, bytes to be read and to be acknowledged. A SYN and a FIN of
# ours count; a listener has connections to be accepted and its backlog.
BACKLOG = 7
TOLD = {"LISTEN": (LISTEN, 0, BACKLOG), "SYN-SENT": (SYN_SENT, 0, 1),
        "SYN-RECEIVED": (LISTEN, 0, BACKLOG), "waits": (LISTEN, 1, BACKLOG),
        "ESTABLISHED": (ESTABLISHED, 0, 0), "unread": (ESTABLISHED, 6, 0),
        "unsent": (ESTABLISHED, 0, 6), "unacknowledged": (ESTABLISHED, 0, 10_000),
        "FIN-WAIT-1": (FIN_WAIT1, 0, 1), "FIN-WAIT-2": (FIN_WAIT2, 0, 0),
        "CLOSING": (CLOSING, 0, 1), "CLOSE-WAIT": (CLOSE_WAIT, 0, 0),
        "LAST-ACK": (LAST_ACK, 0, 1)}


@pytest.fixture(params=["ours", "stock"])
def kind(request):
    """Whose socket it is"""
    return request.param


@pytest.fixture(scope="module")
def net():
    """The host and where the peer is"""
    with Peer.network() as made:
        yield made


@pytest.fixture(params=[INET, INET6], ids=["inet", "inet6"])
def host(net, made, kind, request):
    """A listener, and somebody who may talk to it"""
    host = Host(net, made, kind, request.param)
    host.listener.listen(BACKLOG)
    return host


def row(end, family, sock, kind="ours", **what):
    """A socket's"""
    return listed(end, family, kind, protocol=TCP, states=ALL, **what)[inode(sock)]


def told(end, family, sock, kind) -> tuple:
    """The state and both queues; /proc says the same of one of ours."""
    diag = row(end, family, sock, kind)
    if kind == "ours":
        proc, = [one for one in kinet.sockets(end) if int(one["inode"]) == inode(sock)]
        assert (int(proc["rx"]), int(proc["tx"])) == (diag.rqueue, diag.wqueue)
    return diag.state, diag.rqueue, diag.wqueue


@pytest.mark.parametrize("name", TOLD)
def test_states(host, kind, name):
    """What waits in either direction, in each state"""
    sock, _peer = STATES[name](host)
    if name == "CLOSING":
        assert ended(sock)
    until(lambda: told(host.net.client, host.family, sock, kind) == TOLD[name],
          f"{TOLD[name]}, not {told(host.net.client, host.family, sock, kind)}")


def test_every_state():
    """All but TIME-WAIT, in which no socket has the connection"""
    assert TOLD.keys() == STATES.keys() - {"TIME-WAIT"}


def test_listener(pair, kind):
    """Those who wait are counted, until they are accepted."""
    with Streams(pair.client, pair.server, ("stock", kind)) as made:
        listener = made.listener(backlog=BACKLOG)
        for count in range(3):
            made.client().connect(listener.getsockname())
            wanted = (LISTEN, count + 1, BACKLOG)
            until(lambda wanted=wanted: told(pair.server, INET, listener, kind) == wanted, wanted)
        made.accepted(listener)
        assert told(pair.server, INET, listener, kind) == (LISTEN, 2, BACKLOG)


@pytest.mark.parametrize("name", ["LISTEN", "ESTABLISHED", "unread"])
def test_info(host, kind, name):
    """What TCP_INFO tells, but for times"""
    sock, peer = STATES[name](host)
    if name == "unread":
        peer.hear("the acknowledgement")
    raw = row(host.net.client, host.family, sock, kind, ext=1 << netlink.INFO - 1).attributes
    asked = bytearray(sock.getsockopt(TCP, socket.TCP_INFO, 1000))
    info = bytearray(raw[netlink.INFO])
    for one in (asked, info):
        one[TIMES] = bytes(TIMES.stop - TIMES.start)
    assert info == asked


def test_attributes(host, kind):
    """The protocol; which sides were shut; nothing that wasn't asked for"""
    sock, _peer = STATES["FIN-WAIT-1"](host)
    attributes = row(host.net.client, host.family, sock, kind).attributes
    assert attributes[netlink.SHUTDOWN] == b"\2"
    assert netlink.INFO not in attributes
    if kind == "ours":
        assert attributes[netlink.PROTOCOL] == bytes([TCP])


@pytest.mark.parametrize("drop", [unwelcome, beyond_the_window, without_ack, of_the_unsent],
                         ids=lambda one: one.__name__)
def test_drops(host, kind, drop):
    """A socket has counted the segment that it doesn't take."""
    def drops():
        rows = listed(host.net.client, host.family, kind, protocol=TCP, states=ALL,
                      ext=1 << netlink.SKMEMINFO - 1).values()
        return [struct.unpack("9I", row.attributes[netlink.SKMEMINFO])[8] for row in rows]
    drop(host)
    until(lambda: sum(drops()) == 1, "one drop")
