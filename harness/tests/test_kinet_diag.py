# SPDX-License-Identifier: GPL-2.0-only
"""kinet's sockets as sock_diag lists them."""

import errno
import os
import socket
import struct

import kinet
import kmod
import netlink
import pytest

from conftest import BUILD
from kinet import INET, INET6, RAW, STREAM, address
from netlink import Diag, dump, request
from peers import inet_family
from test_kinet_security import SOMEBODY, be_somebody, files_of, in_child
from test_kinet_unload import unload

pytestmark = pytest.mark.smoke

MANY = 300                      # sockets: some pages of them
ESTABLISHED, CLOSE = 1, 7       # states
TCP, UDP, RAWS, ANY = socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_RAW, 200
SO_COOKIE, SO_MARK = 57, 36


def listed(end, family, kind="ours", **what) -> dict:
    """The rows of an end's namespace, by their inodes, which nobody's connections don't have"""
    with end:
        rows = dump(kinet.families()[family] if kind == "ours" else family, **what)
    rows = [row for row in rows if row.inode]
    found = {row.inode: row for row in rows}
    assert len(found) == len(rows)
    return found


def inode(sock) -> int:
    """A socket's"""
    return os.fstat(sock.fileno()).st_ino


def row(end, family, sock, **what):
    """A socket's, or None"""
    return listed(end, family, **what).get(inode(sock))


@inet_family
def test_what_is_told(pair, made, family):
    """Both ends, state, owner, inode, cookie, what waits in either direction"""
    peer = made.stock(pair.server, family)
    with files_of(SOMEBODY):
        sock = made.ours(pair.client, family, port=6100)
    fresh = row(pair.client, family, sock)
    nowhere = ("0.0.0.0" if family == INET else "::", 0)
    assert (fresh.family, fresh.state, fresh.remote) == (family, CLOSE, nowhere)
    assert (fresh.rqueue, fresh.wqueue) == (0, 0)
    sock.connect(peer.getsockname())
    peer.sendto(bytes(100), sock.getsockname())
    peer.sendto(bytes(1000), sock.getsockname())
    assert sock.recv(1100) == bytes(100)
    sock.send(bytes(500), socket.MSG_MORE)
    told = row(pair.client, family, sock)
    assert (told.state, told.local, told.remote, told.device) == (
        ESTABLISHED, address(pair.client, family, 6100), peer.getsockname()[:2], 0)
    assert (told.uid, told.inode) == (SOMEBODY, inode(sock))
    assert told.cookie == struct.unpack("Q", sock.getsockopt(
        socket.SOL_SOCKET, SO_COOKIE, 8))[0]
    assert told.rqueue >= 1000 and told.wqueue >= 500
    assert told.attributes[netlink.PROTOCOL] == bytes([UDP])
    assert told.attributes[netlink.SHUTDOWN] == b"\0"
    assert (netlink.SKV6ONLY in told.attributes) == (family == INET6)
    sock.send(b"")
    assert len(peer.recv(1000)) == 500 and sock.recv(1100) == bytes(1000)
    sock.shutdown(socket.SHUT_RD)
    told = row(pair.client, family, sock)
    assert (told.rqueue, told.wqueue) == (0, 0)
    assert told.attributes[netlink.SHUTDOWN] == b"\1"


@inet_family
def test_selected(pair, made, family):
    """By protocol, by state, by port, by namespace"""
    dgram = made.ours(pair.client, family, port=6101)
    connected = made.ours(pair.client, family, port=6102)
    connected.connect(address(pair.server, family, 6103))
    raw = made.ours(pair.client, family, RAW, protocol=ANY)
    stream = made.ours(pair.client, family, STREAM, port=6104)
    everything = {inode(sock) for sock in (dgram, connected, raw, stream)}
    for what, wanted in [
            ({}, everything),
            ({"protocol": UDP}, {inode(dgram), inode(connected)}),
            ({"protocol": RAWS}, {inode(raw)}),
            ({"protocol": TCP}, {inode(stream)}),
            ({"states": 1 << ESTABLISHED}, {inode(connected)}),
            ({"states": 1 << CLOSE}, everything - {inode(connected)}),
            ({"sport": 6101}, {inode(dgram)}), ({"dport": 6103}, {inode(connected)}),
            ({"sport": 6101, "dport": 6103}, set())]:
        assert set(listed(pair.client, family, **what)) == wanted
    assert not listed(pair.server, family)
    assert not listed(pair.client, INET6 if family == INET else INET)
    assert row(pair.client, family, raw).attributes[netlink.PROTOCOL] == bytes([ANY])


def test_for_the_administrator(pair, made):
    """Marks are his to see; buffers are told to whoever asks for them."""
    sock = made.ours(pair.client)
    sock.setsockopt(socket.SOL_SOCKET, SO_MARK, 77)
    buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    number = kinet.families()[INET]

    def ask():
        told, = dump(number, ext=1 << netlink.SKMEMINFO - 1)
        if struct.unpack_from("II", told.attributes[netlink.SKMEMINFO]) != (0, buffer):
            raise OSError(errno.ERANGE, "buffer")
        if netlink.MARK in told.attributes:
            raise OSError(struct.unpack("I", told.attributes[netlink.MARK])[0], "mark")
    with pair.client:
        assert in_child(lambda: None, ask) == 77
        assert in_child(be_somebody, ask) == 0


@pytest.mark.parametrize("kind, how, ext", [
    (RAW, {"protocol": ANY}, 0), (STREAM, {}, 1 << netlink.INFO - 1)], ids=["raw", "stream"])
def test_pages(pair, made, kind, how, ext):
    """Who is there all the time is listed once, whoever comes and goes meanwhile."""
    socks = [made.ours(pair.client, INET, kind, bind=False, **how) for _ in range(MANY)]
    inodes = [inode(sock) for sock in socks]
    with pair.client, Diag() as diag:
        diag.send(request(kinet.families()[INET], ext=ext))
        first, last = diag.page()
        assert not last and [row.inode for row in first] == inodes[:len(first)]
        for sock in socks[:len(first):2] + socks[-3:]:
            sock.close()
        late = made.ours(pair.client, INET, kind, bind=False, **how)
        second, last = diag.page()
        assert second and not last
        rows = first + second + diag.rest()
        # The second page may have been made before they went.
        left = [number for number in inodes if number not in inodes[-3:]]
        assert [row.inode for row in rows if row.inode in left] == left
        assert [row.inode for row in rows].count(inode(late)) == 1


def test_a_list_holds_the_module(pair, loaded_again):
    """As long as it isn't read to its end, or given up"""
    with kinet.Sockets() as made, pair.client, Diag() as diag:
        for _ in range(MANY):
            made.ours(pair.client, INET, RAW, bind=False, protocol=ANY)
        diag.send(request(kinet.families()[INET]))
        made.close()
        with pytest.raises(BlockingIOError):
            kmod.unload("kinet")
    unload()
    kmod.load(BUILD / "ksocket/kinet/kinet.ko")


@inet_family
def test_malformed_requests(pair, made, family):
    """They are refused, and no harm is done."""
    sock = made.ours(pair.client, family)
    whole = request(kinet.families()[family])
    with pair.client, Diag() as diag:
        for length in range(len(whole)):
            assert diag.answer(whole[:length]) == errno.EINVAL
        assert diag.answer(whole, flags=0) == errno.EOPNOTSUPP
        assert diag.answer(whole, kind=netlink.DESTROY, flags=0) == errno.EOPNOTSUPP
        for protocol in range(256):
            known = protocol in (0, TCP, UDP, RAWS)
            assert diag.answer(request(kinet.families()[family], protocol)) == (
                0 if known else errno.ENOENT)
        # Attributes that are not looked at, of whatever length
        for more in (b"\0", bytes(3), struct.pack("=HH", 4, 1), struct.pack("=HH", 3, 1),
                     struct.pack("=HHI", 0xffff, 1, 0), bytes(4000)):
            assert diag.answer(whole + more) == 0
        assert diag.answer(request(kinet.families()[family], states=0xffffffff, ext=0xff)) == 0
    assert row(pair.client, family, sock)
