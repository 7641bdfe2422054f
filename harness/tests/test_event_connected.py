# SPDX-License-Identifier: GPL-2.0-only
"""connected: once, when a connect of ours has succeeded."""

import errno
import select
import threading

import pytest

from blocked import until
from events import Events, amount, both_modes
from ksock import DEFERRED
from peers import DGRAM, UNIX, connections, every_family, inet_family, where

pytestmark = [pytest.mark.smoke, both_modes]


def connecting(ends, family, kind, mode):
    """A ksocket with callbacks, and whom it may connect to."""
    listener = ends.user_listener(family, kind)
    sock = ends.ksocket(family, kind)
    return sock, listener, Events(sock, mode)


@connections()
def test_blocking_connect(ends, family, kind, mode):
    """Once; what follows is the peer's."""
    sock, listener, told = connecting(ends, family, kind, mode)
    sock.connect(where(listener))
    ends.accepted(listener).send(b"x")
    told.expect("connected", ("recv", amount(family, 1)))


@connections("inet", "inet6", "kinet", "kinet6", "vsock")
def test_nonblocking_connect(ends, family, kind, mode):
    """After EINPROGRESS."""
    sock, listener, told = connecting(ends, family, kind, mode)
    sock.nonblocking()
    assert sock.call("connect", address=where(listener)).result == -errno.EINPROGRESS
    told.expect("connected")
    ends.accepted(listener).send(b"x")
    told.expect("connected", ("recv", amount(family, 1)))


@connections("unix", "seqpacket")
def test_connect_inside_the_call(ends, family, kind, mode):
    """AF_UNIX has no hook for it: a direct callback runs in the caller."""
    sock, listener, told = connecting(ends, family, kind, mode)
    sock.connect(where(listener))
    told.expect("connected")
    assert (told.all()[0].pid == threading.get_native_id()) == (mode != DEFERRED)


@every_family
def test_datagram_connect(ends, family, mode):
    """Connected as soon as the address is set."""
    peer = ends.user(family, DGRAM)
    peer.bind(ends.address(family))
    sock = ends.ksocket(family, DGRAM)
    told = Events(sock, mode)
    sock.connect(where(peer))
    told.expect("connected")


@every_family
def test_datagram_connect_again(ends, family, mode):
    """Another connect is another connection."""
    sock = ends.ksocket(family, DGRAM)
    told = Events(sock, mode)
    for number in (1, 2):
        peer = ends.user(family, DGRAM)
        peer.bind(ends.address(family))
        sock.connect(where(peer))
        told.expect(*["connected"] * number)


@connections()
def test_not_on_accepted_children(ends, family, kind, mode):
    """Its peer connected, not it."""
    listener = ends.listener(family, kind=kind)
    peer = ends.client_of(listener, family, kind)
    told = Events(listener.accept()[0], mode)
    peer.send(b"x")
    told.expect(("recv", amount(family, 1)))


@connections()
def test_not_after_the_call_has_told(ends, family, kind, mode):
    """Registered after ksock_connect() has returned 0."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    peer.send(b"x")
    told.expect(("recv", amount(family, 1)))


@inet_family
def test_replayed_after_a_nonblocking_connect(ends, family, mode):
    """Nobody was told before."""
    listener = ends.user_listener(family)
    sock = ends.ksocket(family)
    sock.nonblocking()
    assert sock.call("connect", address=where(listener)).result == -errno.EINPROGRESS
    until(lambda: sock.poll() & select.POLLOUT, "the connection to be made")
    told = Events(sock, mode)
    ends.accepted(listener).send(b"x")
    told.expect("connected", ("recv", 1))


@inet_family
def test_simultaneous_open(ends, family, mode):
    """RFC 9293, 3.5: a socket that connects to itself sends both SYNs."""
    sock = ends.ksocket(family)
    sock.bind(ends.address(family, ends.net.client))
    told = Events(sock, mode)
    sock.connect(sock.getsockname())
    sock.send(b"x")
    told.expect("connected", ("recv", 1))


def test_not_for_a_full_backlog(ends, mode):
    """An AF_UNIX connect that gave EAGAIN has connected nothing; the next one has."""
    listener = ends.user_listener(UNIX, backlog=0)
    ends.ksocket(UNIX).connect(where(listener))
    sock = ends.ksocket(UNIX)
    sock.nonblocking()
    told = Events(sock, mode)
    assert sock.call("connect", address=where(listener)).result == -errno.EAGAIN
    listener.accept()
    sock.connect(where(listener))
    told.expect("connected")
