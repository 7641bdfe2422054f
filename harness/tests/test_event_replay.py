# SPDX-License-Identifier: GPL-2.0-only
"""Registering tells what is already true, whatever happened before.

Every combination of {connected, data, urgent mark, FIN, RST} is brought about, waited
for, and only then are callbacks registered. What they must be told is worked out here
from the contract's words alone: see told_of().
"""

import errno
import itertools
import select
import socket

import pytest

from blocked import until
from events import Events, both_modes
from ksock import ERRQUEUE, URG
from peers import INET, UNIX, any_inet, connections, every_family, inet_family, reset, where

pytestmark = [pytest.mark.smoke, both_modes]

HAPPENED = ("connected", "data", "urgent", "fin", "rst")
DATA = b"data"


def is_possible(combination) -> bool:
    """Without a connection nothing arrives but a RST, upon the SYN."""
    return "connected" in combination or set(combination) <= {"rst"}


COMBINATIONS = [combination for size in range(len(HAPPENED) + 1)
                for combination in itertools.combinations(HAPPENED, size)
                if is_possible(combination)]

every_combination = pytest.mark.parametrize(
    "combination", COMBINATIONS, ids=["+".join(one) or "nothing" for one in COMBINATIONS])


def told_of(combination) -> list:
    """What is true, in the order in which it is told.

    The beginning, as no ksock_connect() has returned 0; the urgent mark; the data,
    without the urgent byte, which RST leaves to be received; the end of file, which
    a RST is not; the end of sending and of the connection, for RST alone: a FIN
    leaves the other direction. A connection that never was has no stream to end.
    """
    if "connected" not in combination:
        return [("disconnected", errno.ECONNREFUSED)] if "rst" in combination else []
    told = [("connected", 0)]
    if "urgent" in combination:
        told.append(("exception", URG))
    if "data" in combination:
        told.append(("recv", len(DATA)))
    if "fin" in combination:
        told.append(("recv", 0))
    if "rst" in combination:
        told.append(("xmit", 0))
        told.append(("disconnected", errno.EPIPE if "fin" in combination else errno.ECONNRESET))
    return told


def bring_about(ends, family, combination):
    """A ksocket that has met it all, and nobody was told; and its peer, if any."""
    sock = ends.ksocket(family)
    sock.nonblocking()
    if "connected" not in combination:
        if "rst" in combination:
            nobody = ends.user(family)
            nobody.bind(ends.address(family))
            assert sock.call("connect", address=where(nobody)).result == -errno.EINPROGRESS
            until(lambda: sock.poll() & select.POLLERR, "the refusal")
        return sock, None
    listener = ends.user_listener(family)
    assert sock.call("connect", address=where(listener)).result == -errno.EINPROGRESS
    until(lambda: sock.poll() & select.POLLOUT, "the connection to be made")
    peer = ends.accepted(listener)
    steps = {"data": (lambda: peer.send(DATA), select.POLLIN),
             "urgent": (lambda: peer.send(b"!", socket.MSG_OOB), select.POLLPRI),
             "fin": (lambda: peer.shutdown(socket.SHUT_WR), select.POLLRDHUP),
             "rst": (lambda: reset(peer), select.POLLERR)}
    for what, (act, bit) in steps.items():
        if what in combination:
            act()
            until(lambda bit=bit: sock.poll() & bit, f"the {what}")
    return sock, None if "rst" in combination else peer


@every_combination
@inet_family
def test_combination(ends, family, combination, mode):
    """All of it, once, in order; then what is new, if anything can be."""
    sock, peer = bring_about(ends, family, combination)
    told = Events(sock, mode)
    expected = told_of(combination)
    told.expect(*expected)
    if not combination:
        sock.call("connect", address=where(ends.user_listener(family)))
        told.expect(("connected", 0))
    elif peer and "fin" not in combination:
        peer.send(b"x")
        told.expect(*expected, ("recv", len(DATA) * ("data" in combination) + 1))


@pytest.mark.parametrize("count", [0, 1, 3])
@connections("inet", "inet6", "kinet", "kinet6", "unix", "seqpacket")
def test_connections_wait(ends, family, kind, count, mode):
    """newconn, if any wait; and for the next one."""
    listener = ends.listener(family, kind=kind)
    for _ in range(count):
        ends.client_of(listener, family, kind)
    if count:
        until(lambda: listener.poll() & select.POLLIN, "the connections")
    told = Events(listener, mode)
    told.expect(*["newconn"] * bool(count))
    for _ in range(count):
        listener.accept()
    ends.client_of(listener, family, kind)
    told.expect(*["newconn"] * (bool(count) + 1))


@connections("unix", "seqpacket")
@pytest.mark.parametrize("data", [False, True], ids=["-", "data"])
@pytest.mark.parametrize("end", ["open", "half", "closed"])
def test_unix(ends, family, kind, data, end, mode):
    """Data that waits, the end of file, the end."""
    sock, peer = ends.stream(family, kind=kind)
    expected = []
    if data:
        peer.send(DATA)
        expected += [("recv", len(DATA))]
    if end == "half":
        peer.shutdown(socket.SHUT_WR)
        expected += [("recv", 0)]
    elif end == "closed":
        peer.close()
        expected += [("recv", 0), ("xmit", 0), ("disconnected", 0)]
    Events(sock, mode).expect(*expected)


@every_family
@pytest.mark.parametrize("first", [b"12345", b""], ids=["data", "empty"])
def test_datagrams(ends, family, first, mode):
    """The length of the first of those that wait; -1 for an empty one."""
    sock, peer = ends.dgram(family)
    peer.send(first)
    until(lambda: sock.poll() & select.POLLIN, "the datagram")
    told = Events(sock, mode)
    told.expect(("recv", len(first) or -1))


@any_inet
def test_datagram_error(ends, family, mode):
    """UDP: an error that nobody has taken is recv(-1)."""
    sock, peer = ends.dgram(family)
    peer.close()
    sock.send(b"anybody?")
    until(lambda: sock.poll() & select.POLLERR, "the refusal")
    Events(sock, mode).expect(("recv", -1))


def test_error_queue(ends, mode):
    """What waits in it."""
    sock, peer = ends.dgram(INET)
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)      # IP_RECVERR
    peer.close()
    sock.send(b"anybody?")
    until(lambda: sock.poll() & select.POLLERR, "the refusal")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    Events(sock, mode).expect(("exception", ERRQUEUE))


@connections()
def test_accepted_child(ends, family, kind, mode):
    """Nothing is lost between accept and registration."""
    listener = ends.listener(family, kind=kind)
    peer = ends.client_of(listener, family, kind)
    sock, _address = listener.accept()
    peer.send(DATA)
    peer.shutdown(socket.SHUT_WR)
    until(lambda: sock.poll() & select.POLLRDHUP, "the end of file")
    told = Events(sock, mode)
    told.until("recv", 0)
    assert [kind for kind, _ in told.seen()] == ["recv", "recv"]


def test_again(ends, mode):
    """Each registration anew."""
    sock, peer = ends.stream(UNIX)
    peer.send(DATA)
    for _ in range(2):
        told = Events(sock, mode)
        told.expect(("recv", len(DATA)))
        told.end()
