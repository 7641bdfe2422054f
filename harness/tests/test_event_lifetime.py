# SPDX-License-Identifier: GPL-2.0-only
"""Callbacks that end: with their socket, its namespace, or their module."""

import contextlib
import errno
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import kmod
from blocked import BOUND, Blocked, until
from conftest import BUILD, KernelLog
from events import Events, both_modes
from ksock import DEFERRED, NOPIN
from peers import INET, STREAM, UNIX, every_family, every_kind, inet_family
from test_close import CASES
from test_netns import all_arrives, connected, gone, leave, lose
from threads import over_and_over
from topology import impair

pytestmark = pytest.mark.smoke

needs_two_cpus = pytest.mark.skipif(os.cpu_count() < 2,
                                    reason="who keeps the only CPU is not closed by another")


# --- closing, and ending a registration

def finish(sock, how):
    sock.close() if how == "close" else sock.call("callbacks_end").check()


both_ends = pytest.mark.parametrize("how", ["close", "callbacks_end"])


@both_ends
@every_family
def test_the_end_waits_for_a_callback_that_sleeps(ends, family, how):
    """Deferred: when close returns the callback has, and there is no other one."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.expect(("recv", 1))
    call = Blocked(sock, how)
    peer.send(b"2")
    told.go_on()
    assert call.result() == 0
    assert told.seen() == [("recv", 1), ("action", 0)]


@needs_two_cpus
@both_ends
@every_family
@every_kind
def test_the_end_waits_for_a_callback_on_another_cpu(ends, family, kind, how):
    """Direct: it has the CPU for as long as it takes."""
    sock, peer = ends.connected(family, kind)
    told = Events(sock, 0, "spin", ["recv"])
    sender = threading.Thread(target=peer.send, args=(b"1",))
    sender.start()
    told.until("recv", 1)
    call = Blocked(sock, how)
    told.go_on()
    assert call.result() == 0
    sender.join(BOUND)
    assert told.seen() == [("recv", 1), ("action", 0)]


@every_family
@every_kind
def test_a_deferred_callback_closes_its_socket(ends, family, kind):
    """It is the last one, and the peer sees the end."""
    sock, peer = ends.connected(family, kind)
    sock.hold()
    told = Events(sock, DEFERRED, "close", ["recv"])
    peer.send(b"12")
    told.expect(("recv", 2), ("action", 0))
    assert sock.call("send", data=b"x").result == -errno.ENOTSOCK
    if kind == STREAM:
        with contextlib.suppress(ConnectionResetError):     # it left the data unread
            assert peer.recv(1) == b""
    assert told.seen() == [("recv", 2), ("action", 0)]
    sock.rele()


@every_family
def test_a_deferred_callback_ends_its_registration(ends, family):
    """It is the last one; the socket goes on without."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "end", ["recv"])
    peer.send(b"12")
    told.expect(("recv", 2), ("action", 0))
    peer.send(b"34")
    assert sock.recv_exactly(4) == b"1234"
    peer.close()
    assert sock.recv(1) == b""
    assert told.seen() == [("recv", 2), ("action", 0)]


@every_family
def test_close_interrupts_a_callback_that_blocks(ends, family):
    """A deferred callback may wait in a call; the close wakes it first."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "block", ["recv", "xmit"])
    sock.call("want_xmit").check()
    told.until("xmit")
    sock.close()
    assert told.of("action") == [-errno.EINTR]
    peer.close()


@both_modes
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_close_interrupts_callers_beside_callbacks(pair, device, case, mode):
    """In every call that can block: EINTR, and nothing is told any more."""
    sock, call, _peers = case(pair, device)
    told = Events(sock, mode)
    before = told.seen()
    sock.close()
    assert call.result() == -errno.EINTR
    assert told.seen()[:len(before)] == before
    assert not {"disconnected", "newconn"} & {kind for kind, _ in told.seen()}


@both_modes
def test_registering_again_ends_what_was_before(ends, mode):
    """Of many registrations that race, one is left, and it hears everything."""
    sock, peer = ends.stream()
    registered = []

    def register():
        registered.extend(Events(sock, mode) for _ in range(20))
    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert len(registered) == 80
    last = Events(sock, mode)
    peer.send(b"1")
    last.expect(("recv", 1))
    sock.close()


# --- children

@both_modes
@every_family
def test_a_child_has_no_callbacks_until_it_registers(ends, family, mode):
    """It has its own: the listener hears nothing of its data."""
    listener = ends.listener(family)
    told = Events(listener, mode)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    client.connect(listener.getsockname())
    client.send(b"early")
    told.until("newconn")
    child, _ = listener.accept()
    heard = Events(child, mode)
    assert ("recv", 5) in heard.until("recv")
    client.send(b"late")
    heard.until("recv", 9)
    listener.close()
    client.send(b"!")
    heard.until("recv", 10)
    assert {kind for kind, _ in told.seen()} == {"newconn"}
    child.close()


@both_modes
@every_family
def test_children_that_nobody_accepts_end_with_their_listener(ends, family, mode):
    """Data and ends come to children of a hooked listener, before and after."""
    listener = ends.listener(family)
    told = Events(listener, mode)
    clients = []
    for number in range(8):
        client = ends.user(family, end=None if family == UNIX else ends.net.client)
        client.connect(listener.getsockname())
        client.send(bytes(number))
        if number % 2:
            client.shutdown(socket.SHUT_WR)
        clients.append(client)
    told.until("newconn")
    until(lambda: listener.poll() & 1, "connections to wait")
    listener.close()
    for client in clients:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.send(b"x")
            assert client.recv(1) == b""
    assert {kind for kind, _ in told.seen()} == {"newconn"}


@both_modes
def test_connections_arrive_while_the_listener_closes(ends, mode):
    """Clients connect all the time; the listener comes and goes with callbacks."""
    at = (ends.net.server.v4, 4711)

    def knock():
        with ends.net.client, socket.socket() as client:
            client.settimeout(BOUND)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            with contextlib.suppress(ConnectionError):
                client.connect(at)
                client.send(b"hello")
    heard = 0
    with over_and_over(knock), over_and_over(knock), over_and_over(knock):
        for _ in range(30):
            listener = ends.ksocket(INET, end=ends.net.server)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(at)
            listener.listen()
            told = Events(listener, mode, *(["accept", ["newconn"]] if mode else []))
            told.until("newconn")
            listener.close()
            heard += len(told.of("newconn"))
    assert heard >= 30


@both_modes
@inet_family
def test_a_waiting_connection_migrates_to_another_listener(ends, family, mode):
    """net.ipv4.tcp_migrate_req: an ordinary process accepts what a hooked listener had."""
    server = ends.net.server
    server.sysctl("net.ipv4.tcp_migrate_req", 1)
    listener = ends.ksocket(family, end=server)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(ends.address(family))
    listener.listen()
    told = Events(listener, mode)
    client = ends.user(family, end=ends.net.client)
    client.connect(listener.getsockname())
    told.until("newconn")
    other = ends.user(family)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    other.bind(listener.getsockname())
    other.listen()
    listener.close()
    peer = ends.accepted(other)
    client.send(b"hello")
    assert peer.recv(8) == b"hello"
    peer.send(b"you too")
    assert client.recv(8) == b"you too"
    server.sysctl("net.ipv4.tcp_migrate_req", 0)


# --- network namespaces

@pytest.fixture
def lossy(link):
    """A wire that loses nothing yet, for one test."""
    return link(delay="5ms")


@both_modes
def test_last_data_of_a_socket_with_callbacks_arrives(lossy, device, mode):
    """Pinned: closed under unacknowledged data, and left behind."""
    sock, peer = connected(lossy, device)
    told = Events(sock, mode)
    lose(lossy)
    data = bytes(range(256)) * 64
    assert sock.send(data) == len(data)
    sock.close()
    before = told.seen()
    leave(lossy)
    all_arrives(lossy, peer, data)
    assert told.seen() == before


@both_modes
@pytest.mark.parametrize("traffic", ["idle", "unacknowledged"])
def test_an_unpinned_socket_is_told_that_its_namespace_goes(lossy, device, mode, traffic):
    """The last that is told, once; the handle stays valid."""
    sock, peer = connected(lossy, device, NOPIN)
    told = Events(sock, mode)
    if traffic != "idle":
        impair(lossy.client, loss="100%")
        assert sock.send(bytes(30000)) == 30000
    leave(lossy)
    told.until("disconnected", errno.ENETDOWN)
    until(lambda: gone(lossy.server), "the namespace to go")
    assert sock.call("recv", data=bytes(8)).result == -errno.ENETDOWN
    assert sock.call("callbacks_end").result == -errno.ENETDOWN
    assert told.seen()[-1] == ("disconnected", errno.ENETDOWN)
    assert told.of("disconnected") == [errno.ENETDOWN]
    sock.close()
    peer.close()


def test_a_namespace_does_not_wait_for_a_deferred_callback(pair_of_its_own, device):
    """It goes while a callback of its socket sleeps; the close waits for that one."""
    net = pair_of_its_own
    sock, peer = connected(net, device, NOPIN)
    told = Events(sock, DEFERRED, "wait", ["recv"])
    peer.send(b"1")
    told.expect(("recv", 1))
    leave(net)
    until(lambda: gone(net.server), "the namespace to go")
    call = Blocked(sock, "close")
    told.go_on()
    assert call.result() == 0
    assert told.seen()[:2] == [("recv", 1), ("action", 0)]


@pytest.fixture
def pair_of_its_own(link):
    return link(delay="1ms")


# --- modules

@contextlib.contextmanager
def flood(net, stream, own_port):
    """Bytes to the stream, datagrams and connections to the port."""
    stop = threading.Event()

    def bytes_():
        stream.setblocking(False)
        with contextlib.suppress(ConnectionError):
            while not stop.is_set():
                with contextlib.suppress(BlockingIOError):
                    stream.send(bytes(1000))
                time.sleep(0)

    def datagrams():
        with net.server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not stop.is_set():
                with contextlib.suppress(ConnectionError):
                    sock.sendto(b"x", (net.client.v4, own_port))

    def connections():
        while not stop.is_set():
            with net.server, socket.socket() as sock:
                sock.settimeout(BOUND)
                with contextlib.suppress(ConnectionError):
                    sock.connect((net.client.v4, own_port))
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack("=ii", 1, 0))
    threads = [threading.Thread(target=run) for run in (bytes_, datagrams, connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(BOUND)


def heard() -> int:
    return int(Path("/sys/module/leaver/parameters/heard").read_text("ascii"))


def leaver(net, **parameters):
    """Load it in the client's namespace; return the peer of its stream."""
    with net.server, socket.create_server((net.server.v4, 0)) as server:
        with net.client:
            kmod.load(BUILD / "harness/modules/leaver.ko", address=net.server.v4,
                      port=server.getsockname()[1], **parameters)
        peer = server.accept()[0]
    peer.settimeout(BOUND)
    return peer


@pytest.mark.parametrize("mode", ["direct", "deferred"])
def test_a_module_leaves_its_callbacks_under_traffic(pair, mode):
    """Detached, reset, told once in the log; nothing of it runs afterwards."""
    log = KernelLog()
    peer = leaver(pair, callbacks=mode, own_port=4712)
    with peer, flood(pair, peer, 4712):
        until(lambda: heard() > 20, "callbacks to run")
        kmod.unload("leaver")
        # What would still run now has no code any more.
        until(lambda: not Path("/sys/module/leaver").exists(), "the module to be gone")
    told = [line for line in log.new().splitlines() if "left" in line]
    assert len(told) == 1
    assert told[0].startswith("ksocket: module leaver left 3 sockets open, which were reset (")


def test_a_module_leaves_while_its_callback_runs(pair):
    """One that has closed its own socket: the unload waits until it returns."""
    log = KernelLog()
    peer = leaver(pair, callbacks="deferred", parting=300, own_port=4713)
    peer.send(b"x")
    with contextlib.suppress(ConnectionResetError):
        assert peer.recv(1) == b""          # the callback has closed the socket
    kmod.unload("leaver")
    said = log.new()
    assert "the callback returns" in said
    assert "left 2 sockets open" in said
    peer.close()
