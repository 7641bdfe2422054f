# SPDX-License-Identifier: GPL-2.0-only
"""Modules that come and go: a consumer that leaves, and ksocket itself."""

import socket
from pathlib import Path

import pytest

import kmod
import topology
from blocked import BOUND, until
from conftest import BUILD, KernelLog
from ksock import Device
from streams import receive

pytestmark = pytest.mark.smoke


def leaver(**parameters):
    kmod.load(BUILD / "harness/modules/leaver.ko", **parameters)


def gone(namespace):
    """The other end of its wire is gone, and so the namespace is."""
    with namespace:
        return not any(name == "eth" for _, name in socket.if_nameindex())


def rows(namespace):
    with namespace:
        return Path("/proc/thread-self/net/ksocket").read_text("ascii").splitlines()[1:]


def test_sockets_of_a_module_that_left_are_reset(pair):
    """The peer sees a reset, the listing is empty, and one line tells whose fault it was."""
    with pair.server:
        server = socket.create_server((pair.server.v4, 0))
    log = KernelLog()
    with server:
        with pair.client:
            leaver(address=pair.server.v4, port=server.getsockname()[1])
        peer = server.accept()[0]
        peer.settimeout(BOUND)
        open_rows = [row.split() for row in rows(pair.client)]
        assert [row[0] for row in open_rows] == ["leaver"] * 3
        names = ", ".join(f"{row[1]} {row[4]}" for row in open_rows)
        kmod.unload("leaver")
        with pytest.raises(ConnectionResetError):
            peer.recv(8)
    assert rows(pair.client) == []
    told = [line for line in log.new().splitlines() if "left" in line]
    assert told == ["ksocket: module leaver left 3 sockets open, which were reset "
                    f"({names}): call ksock_close() in its exit"]


def test_sockets_of_a_module_whose_init_failed_are_reset(pair):
    """A module whose init fails leaves like any other."""
    with pair.client:
        with pytest.raises(OSError):
            leaver(address=pair.server.v4, port=9)      # refused
    assert rows(pair.client) == []
    assert not Path("/sys/module/leaver").exists()


def users() -> int:
    """Of ksocket: modules, and sends that are not done"""
    return int(Path("/sys/module/ksocket/refcnt").read_text("ascii"))


@pytest.mark.parametrize("tidy", [0, 1], ids=["left open", "closed"])
def test_a_module_does_not_wait_for_its_pages(pair, tidy):
    """It isn't called any more, what it closed arrives unspoilt, and the log tells."""
    with pair.server:
        server = socket.create_server((pair.server.v4, 0))
    log = KernelLog()
    before = users()
    with server:
        with pair.client:
            leaver(address=pair.server.v4, port=server.getsockname()[1], tidy=tidy)
        peer = server.accept()[0]
        peer.settimeout(BOUND)
        with topology.impaired(pair.client, loss="100%"):
            Path("/sys/module/leaver/parameters/lend").write_text("1", "ascii")
            kmod.unload("leaver")
            assert users() == before + tidy     # what was reset is done
        if tidy:
            # In pieces, as each is resent.
            assert receive(peer, 5000) == b"z" * 4096
        peer.close()
        until(lambda: users() == before, "the network to be through with the page")
    told = log.new()
    assert ("ksocket: module leaver left 1 sends by ksock_send_zc() under way, whose end it "
            "won't hear of: wait for them in its exit") in told
    assert "the send is done" not in told


def test_a_namespace_gone_before_the_module():
    """The handle that a namespace left behind goes with its module."""
    log = KernelLog()
    with topology.pair() as net:
        with net.client:
            leaver(unpinned=1)
        net.drop(net.client)
        until(lambda: gone(net.server), "the namespace to go")
    kmod.unload("leaver")
    assert "module leaver left 1 sockets open" in log.new()


def test_ksocket_stays_while_it_is_used():
    """rmmod is refused: consumers are loaded."""
    with pytest.raises(BlockingIOError):
        kmod.unload("ksocket")
    assert Path("/sys/module/ksocket").exists()


def test_owner_is_shown(pair):
    """The listing names the module that opened a socket."""
    with Device() as device:
        with pair.client:
            device.socket()
        assert rows(pair.client)[0].split()[:4] == ["ksockctl", "inet", "stream", "closed"]
    until(lambda: not rows(pair.client), "the listing to be empty")
