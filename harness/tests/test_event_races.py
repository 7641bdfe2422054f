# SPDX-License-Identifier: GPL-2.0-only
"""What happens while something else does: nothing is lost, nothing told of another connection."""

import errno
import socket

import pytest

from blocked import Blocked, until
from events import ANY, Events, both_modes
from ksock import DEFERRED, NOPIN
from peers import DGRAM, INET, UNIX, inet_family, push
from test_netns import connected, gone, leave
from test_observe import counters
from threads import over_and_over

pytestmark = pytest.mark.smoke


def refused(ends, family=INET):
    """An address where nobody listens."""
    sock = ends.user(family)
    sock.bind(ends.address(family))
    address = sock.getsockname()
    sock.close()
    return address


@inet_family
def test_the_end_of_an_attempt_is_not_told_of_the_next_one(ends, family):
    """Connects follow each other while a callback runs: only the last is still of interest."""
    sock = ends.ksocket(family)
    told = Events(sock, DEFERRED, "wait", ["disconnected"])
    assert sock.call("connect", address=refused(ends, family)).result == -errno.ECONNREFUSED
    told.expect(("disconnected", errno.ECONNREFUSED))
    assert sock.call("connect", address=refused(ends, family)).result == -errno.ECONNREFUSED
    listener = ends.user_listener(family)
    sock.connect(listener.getsockname())
    told.go_on()
    told.expect(("disconnected", errno.ECONNREFUSED), ("action", 0), ("connected", 0))
    peer = ends.accepted(listener)
    peer.send(b"1")
    told.until("recv", 1)
    assert told.of("disconnected") == [errno.ECONNREFUSED]


@both_modes
@inet_family
def test_a_socket_that_failed_to_connect_listens(ends, family, mode):
    """Its end was told; its connections are told, too."""
    sock = ends.ksocket(family, end=ends.net.server)
    told = Events(sock, mode)
    assert sock.call("connect", address=refused(ends, family)).result == -errno.ECONNREFUSED
    told.expect(("disconnected", errno.ECONNREFUSED))
    sock.bind(ends.address(family))
    sock.listen()
    client = ends.user(family, end=ends.net.client)
    client.connect(sock.getsockname())
    told.expect(("disconnected", errno.ECONNREFUSED), ("newconn", 0))


def test_room_is_told_to_the_next_registration(ends):
    """It was found while a callback ran whose registration ended: that is owed."""
    sock, peer = ends.stream(UNIX)
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.expect(("recv", 1))
    push(sock)
    before = counters(ends.net.server)["event-xmit"]
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            peer.recv(1 << 20)
    until(lambda: counters(ends.net.server)["event-xmit"] > before, "room to be found")
    call = Blocked(sock, "callbacks_end")
    told.go_on()
    assert call.result() == 0
    Events(sock, DEFERRED).until("xmit")


def test_the_end_of_a_registration_waits_in_a_namespace_that_went(link, device):
    """-ENETDOWN, but only when the callback has returned; the last one is not told."""
    net = link(delay="1ms")
    sock, peer = connected(net, device, NOPIN)
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.expect(("recv", 1))
    leave(net)
    until(lambda: gone(net.server), "the namespace to go")
    call = Blocked(sock, "callbacks_end")
    told.go_on()
    assert call.result() == -errno.ENETDOWN
    assert told.seen() == [("recv", 1), ("action", 0)]
    sock.close()
    peer.close()


@both_modes
def test_a_full_peer_that_goes_is_told_as_room(ends, mode):
    """AF_UNIX messages: the sender whose message did not fit has to hear of it."""
    at = ends.user(UNIX, DGRAM)
    at.bind(ends.address(UNIX))
    other = ends.user(UNIX, DGRAM)
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            other.sendto(b"x", at.getsockname())
    sock = ends.ksocket(UNIX, DGRAM)
    sock.connect(at.getsockname().decode())
    told = Events(sock, mode)
    assert sock.call("send", data=b"x", a=socket.MSG_DONTWAIT).result == -errno.EAGAIN
    assert told.of("xmit") == []
    at.close()
    told.until("xmit")
    assert sock.call("send", data=b"x", a=socket.MSG_DONTWAIT).result == -errno.ECONNREFUSED


@both_modes
def test_room_that_comes_while_a_send_falls_short_is_told(ends, mode):
    """A reader empties a small buffer all the time; no send that fell short waits for ever."""
    sock, peer = ends.stream(UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    told = Events(sock, mode)
    short = 0
    with over_and_over(peer.recv, 1 << 16):
        for _ in range(400):
            heard = len(told.of("xmit"))
            call = sock.call("send", data=bytes(4096), a=socket.MSG_DONTWAIT)
            if call.result == -errno.EAGAIN or call.count < 4096:
                short += 1
                told.until("xmit", ANY, heard + 1)
        sock.close()
    assert short
