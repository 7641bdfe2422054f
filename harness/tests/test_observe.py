# SPDX-License-Identifier: GPL-2.0-only
"""What a person can see of it: counters, the listing, tracepoints."""

import contextlib
import errno
import re
import subprocess
from pathlib import Path

import pytest

from blocked import until
from events import Events, both_modes
from ksock import DEFERRED
from peers import INET, INET6, UNIX, every_family
from tracing import traced

pytestmark = pytest.mark.smoke


def counters(namespace) -> dict:
    """/proc/net/ksocket_stat of a namespace"""
    with namespace:
        text = Path("/proc/thread-self/net/ksocket_stat").read_text("ascii")
    return {name: int(value) for name, value in map(str.split, text.splitlines())}


def row(namespace) -> dict:
    """The only line of /proc/net/ksocket of a namespace"""
    with namespace:
        head, line = Path("/proc/thread-self/net/ksocket").read_text("ascii").splitlines()
    return dict(zip(head.split(), line.split()))


@contextlib.contextmanager
def grown(namespace, **by):
    """The counters that grow inside, by how much; no other one does. An underscore
    stands for a hyphen."""
    before = counters(namespace)
    yield
    after = counters(namespace)
    wanted = {name.replace("_", "-"): number for name, number in by.items()}
    assert {name: after[name] - before[name] for name in after
            if after[name] != before[name]} == wanted


def test_sockets_are_counted(ends):
    """Opened by a call, or accepted; failed calls."""
    with grown(ends.net.server, opened=1):
        listener = ends.listener()
    with ends.net.client:
        client = ends.device.socket()
    with grown(ends.net.server, accepted=1):
        client.connect(listener.getsockname())
        listener.accept()
    with grown(ends.net.client, errors=1):
        assert client.call("recv", data=bytes(1), a=0x40).result == -errno.EAGAIN


def test_events_are_counted(ends):
    """One by one, as they come about."""
    listener = ends.user_listener()
    sock = ends.ksocket()
    told = Events(sock)
    with grown(ends.net.client, event_connected=1):
        sock.connect(listener.getsockname())
        told.until("connected")
    peer = ends.accepted(listener)
    with grown(ends.net.client, event_recv=2):
        peer.send(b"1")
        told.until("recv", 1)
        peer.send(b"2")
        told.until("recv", 2)
    with grown(ends.net.client, event_recv_end=1):
        peer.shutdown(1)
        told.until("recv", 0)


def test_what_is_told_once_is_counted_as_coalesced(ends):
    """Events that come while a callback runs are told by one, but each is counted."""
    sock, peer = ends.stream()
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.until("recv", 1)
    with grown(ends.net.client, event_recv=3, coalesced=2):
        for total in (2, 3, 4):
            peer.send(b"x")
            until(lambda: sock.ioctl(0x541b) == total, "the byte to arrive")
    told.go_on()
    told.expect(("recv", 1), ("action", 0), ("recv", 4), ("action", 0))
    until(lambda: row(ends.net.client)["callbacks"] == "2", "the callback to be counted")
    assert row(ends.net.client)["coalesced"] == "2"


def test_a_refused_call_is_counted(ends):
    """A ksock_* call from a direct callback"""
    sock, peer = ends.stream()
    told = Events(sock, 0, "recv", ["recv"])
    with grown(ends.net.client, refused=1, event_recv=1):
        peer.send(b"1")
        told.expect(("recv", 1), ("action", -errno.EDEADLK))


@both_modes
@every_family
def test_the_listing_shows_the_longest_callback(ends, family, mode):
    """In microseconds; of any, however many there were."""
    sock, peer = ends.stream(family)
    Events(sock, mode).end()
    where = ends.net.server if family == UNIX else ends.net.client
    assert row(where)["longest-us"] == "0"
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.until("recv", 1)
    subprocess.run(["sleep", "0.02"], check=True)       # a callback of 20 ms, at least
    told.go_on()
    until(lambda: row(where)["callbacks"] == "1", "the callback to be counted")
    assert int(row(where)["longest-us"]) >= 20000


# --- tracepoints

@pytest.fixture(name="trace")
def ksocket_traced():
    """Everything that ksocket traces, as a function that returns it."""
    with traced("ksocket") as lines:
        yield lines


def values(lines, name) -> list:
    """Of the lines of a tracepoint, everything but the address."""
    return [re.sub(r" socket=\S+", "", text) for point, text in lines if point == name]


@both_modes
@pytest.mark.parametrize("family", [INET, INET6], ids=["inet", "inet6"])
def test_every_event_is_traced(ends, family, mode, trace):
    """With the module, the socket, the event and what it was told"""
    listener = ends.user_listener(family)
    sock = ends.ksocket(family)
    told = Events(sock, mode)
    sock.connect(listener.getsockname())
    told.until("connected")
    peer = ends.accepted(listener)
    peer.send(b"123")
    told.until("recv", 3)
    peer.close()
    told.until("recv", 0)
    sock.shutdown(1)
    told.until("disconnected", 0)
    assert values(trace(), "ksock_event") == [
        f"module=ksockctl event={event} value={value}" for event, value in
        (("connected", 0), ("recv", 3), ("recv-end", 0), ("xmit-end", 0), ("disconnected", 0))]


def test_every_error_is_traced(ends, trace):
    """With the call and the errno"""
    sock = ends.ksocket()
    assert sock.call("listen", a=1).result == 0
    assert sock.call("recv", data=bytes(1)).result == -errno.ENOTCONN
    assert sock.call("setsockopt", data=bytes(4), a=6, b=12345, c=4).result == -errno.ENOPROTOOPT
    lines = values(trace(), "ksock_error")
    assert [line.rpartition(" ")[2] for line in lines] == ["errno=107", "errno=92"]
    assert "call=ksock_setsockopt" in lines[1]
