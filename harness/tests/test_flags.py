# SPDX-License-Identifier: GPL-2.0-only
"""Every creation flag: both roles work with it, and so do accepted sockets."""

import socket

import pytest

from ksock import ATOMIC, BVEC, NOFS, NOINTR, NOIO, NOPIN
from peers import DGRAM, STREAM, UNIX, every_family, where

pytestmark = pytest.mark.smoke

FLAGS = {"none": 0, "nopin": NOPIN, "noio": NOIO, "nofs": NOFS, "atomic": ATOMIC,
         "nointr": NOINTR, "all": NOPIN | NOIO | NOFS | ATOMIC | NOINTR}
every_flag = pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
DATA = bytes(range(256)) * 60


def talk(sock, peer, kind):
    """Both ways, in each kind of memory."""
    assert sock.send(DATA) == len(DATA)
    assert sock.sendmsg(DATA, kind=BVEC) == len(DATA)
    got = b""
    while len(got) < 2 * len(DATA):
        got += peer.recv(len(DATA))
    assert got == DATA * 2
    peer.send(DATA)
    assert sock.recvmsg(len(DATA), flags=socket.MSG_WAITALL if kind == STREAM else 0,
                        kind=BVEC).data == DATA


@every_flag
@every_family
def test_client(ends, family, flags):
    """Connects, sends, receives, sets an option, ends its direction, closes."""
    sock, peer = ends.stream(family, flags)
    talk(sock, peer, STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    sock.shutdown(socket.SHUT_WR)
    assert peer.recv(8) == b""
    peer.close()
    assert sock.recv(8) == b""
    sock.close()


@every_flag
@every_family
def test_server(ends, family, flags):
    """Listens and accepts; the accepted socket works as the client does."""
    listener = ends.listener(family, flags)
    client = ends.user(family, end=None if family == UNIX else ends.net.client)
    client.connect(listener.getsockname())
    sock, _address = listener.accept()
    talk(sock, client, STREAM)
    client.close()
    assert sock.recv(8) == b""
    sock.close()
    listener.close()


@every_flag
@every_family
def test_datagrams(ends, family, flags):
    """Connected, and by address."""
    sock, peer = ends.dgram(family, flags)
    talk(sock, peer, DGRAM)
    sock.sendto(b"there", where(peer))
    assert peer.recv(16) == b"there"
    peer.send(b"back")
    assert sock.recvfrom(16) == (b"back", where(peer))
