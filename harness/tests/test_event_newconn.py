# SPDX-License-Identifier: GPL-2.0-only
"""newconn: connections wait to be accepted."""

import errno
import socket

import pytest

from blocked import until
from events import Events, both_modes
from ksock import DEFERRED, KSocket
from peers import connections

pytestmark = pytest.mark.smoke

STREAMS = connections("inet", "inet6", "kinet", "kinet6", "unix", "seqpacket")


def accept_all(listener, count):
    """Accept until EAGAIN; it takes a moment until the last has arrived."""
    children = []

    def accepted():
        done = listener.call("accept", addrlen=128)
        if not done.result:
            children.append(KSocket(listener.device, done.call.new))
        return done.result == -errno.EAGAIN and len(children) >= count

    until(accepted, f"{count} connections")
    assert len(children) == count
    return children


@both_modes
@connections()
def test_one(ends, family, kind, mode):
    """Told of, and accepted."""
    listener = ends.listener(family, kind=kind)
    listener.nonblocking()
    told = Events(listener, mode)
    ends.client_of(listener, family, kind)
    told.expect("newconn")
    accept_all(listener, 1)
    told.expect("newconn")


@both_modes
@STREAMS
def test_coalesces(ends, family, kind, mode):
    """Between one event for all and one for each; accept until EAGAIN gets them all."""
    listener = ends.listener(family, kind=kind)
    listener.nonblocking()
    told = Events(listener, mode)
    for _ in range(3):
        ends.client_of(listener, family, kind)
    told.until("newconn")
    accept_all(listener, 3)
    assert set(told.seen()) == {("newconn", 0)}
    assert 1 <= len(told.seen()) <= 3


@connections("inet", "inet6", "kinet", "kinet6", "unix")
def test_burst(ends, family, kind):
    """50 at once: a consumer that accepts until EAGAIN upon each event misses none."""
    listener = ends.listener(family, kind=kind, backlog=64)
    told = Events(listener, DEFERRED, "accept", ["newconn"])
    for _ in range(50):
        ends.client_of(listener, family, kind)
    until(lambda: sum(told.of("action")) == 50, "50 connections to be accepted")


@connections("inet", "inet6", "kinet", "kinet6", "unix")
def test_arrives_while_the_callback_runs(ends, family, kind):
    """It is told of afterwards."""
    listener = ends.listener(family, kind=kind)
    told = Events(listener, DEFERRED, "wait", ["newconn"])
    ends.client_of(listener, family, kind)
    told.until("newconn")
    ends.client_of(listener, family, kind)
    told.expect("newconn")
    told.go_on()
    told.expect("newconn", "action", "newconn", "action")


@both_modes
@STREAMS
def test_nothing_else_on_a_listener(ends, family, kind, mode):
    """A child's data and end are the child's."""
    listener = ends.listener(family, kind=kind)
    told = Events(listener, mode)
    client = ends.client_of(listener, family, kind)
    client.send(b"x")
    client.shutdown(socket.SHUT_WR)
    child, _address = listener.accept()
    assert child.recv(8) == b"x"
    assert child.recv(8) == b""
    told.expect("newconn")
