# SPDX-License-Identifier: GPL-2.0-only
"""recv: how much can be received now; 0 at the end; -1 where no count can be told."""

import contextlib
import errno
import socket
import struct

import pytest

from events import Events, amount, both_modes
from ksock import DEFERRED
from peers import DGRAM, INET, SEQPACKET, UNIX, any_inet, connections, every_family, inet_family

pytestmark = pytest.mark.smoke


@both_modes
@connections()
def test_how_much(ends, family, kind, mode):
    """The bytes that can be received."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", amount(family, 5)))
    assert sock.recv(8) == b"12345"
    peer.send(b"123")
    told.expect(("recv", amount(family, 5)), ("recv", amount(family, 3)))


@both_modes
@connections("inet", "inet6", "kinet", "kinet6", "unix")
def test_all_that_waits(ends, family, kind, mode):
    """Now, not since the last event."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", 5))
    peer.send(b"678")
    told.expect(("recv", 5), ("recv", 8))


@both_modes
@every_family
def test_first_message(ends, family, mode):
    """Of datagrams, the length of the first."""
    sock, peer = ends.dgram(family)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", 5))
    peer.send(b"678")
    told.expect(("recv", 5), ("recv", 5))
    assert sock.recv(8) == b"12345"
    peer.send(b"90")
    told.expect(("recv", 5), ("recv", 5), ("recv", 3))


@both_modes
def test_first_packet(ends, mode):
    """So it is with AF_UNIX sequenced packets."""
    sock, peer = ends.stream(UNIX, kind=SEQPACKET)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", 5))
    peer.send(b"678")
    told.expect(("recv", 5), ("recv", 5))


@both_modes
@inet_family
def test_data_with_the_fin(ends, family, mode):
    """One segment has both: first the data, then the end."""
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    peer.send(b"12345")
    peer.shutdown(socket.SHUT_WR)
    told.expect(("recv", 5), "recv")


@both_modes
@connections()
def test_end_of_file(ends, family, kind, mode):
    """Once, behind the data."""
    sock, peer = ends.stream(family, kind=kind)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", amount(family, 5)))
    peer.shutdown(socket.SHUT_WR)
    told.expect(("recv", amount(family, 5)), "recv")
    assert sock.recv(8) == b"12345"
    assert sock.recv(8) == b""
    sock.send(b"x")
    assert peer.recv(8) == b"x"
    told.expect(("recv", amount(family, 5)), "recv")


@both_modes
@every_family
def test_empty_datagram(ends, family, mode):
    """-1, never 0."""
    sock, peer = ends.dgram(family)
    told = Events(sock, mode)
    peer.send(b"")
    told.expect(("recv", -1))
    assert sock.recv(8) == b""
    peer.send(b"x")
    told.expect(("recv", -1), ("recv", 1))


@both_modes
@any_inet
def test_error_without_data(ends, family, mode):
    """UDP: nobody has the port, -1; the next call says what it is."""
    sock, peer = ends.dgram(family)
    told = Events(sock, mode)
    peer.close()
    sock.send(b"anybody?")
    told.expect(("recv", -1))
    assert sock.call("recv", data=bytes(8)).result == -errno.ECONNREFUSED


@both_modes
@any_inet
def test_bad_checksum(ends, family, mode):
    """UDP: nothing to receive, nothing told."""
    sock = ends.ksocket(family, DGRAM)
    sock.bind(ends.address(family, ends.net.client))
    host, port = sock.getsockname()[:2]
    told = Events(sock, mode)
    raw = ends.enter_context(raw_udp(ends, family))
    raw.sendto(struct.pack("!HHHH", 9, port, 11, 1) + b"bad", (host, 0))
    ends.user(family, DGRAM).sendto(b"better", (host, port))
    told.expect(("recv", 6))


def raw_udp(ends, family):
    with ends.net.server:
        return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP)


@both_modes
@inet_family
def test_memory_pressure(ends, family, mode):
    """Segments beyond the buffer are dropped with a data_ready: no new bytes, no event."""
    sock, peer = ends.stream(family, prepare=lambda s: s.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 2304))
    told = Events(sock, mode)
    peer.setblocking(False)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 16384:
            sent += peer.send(b"x" * 16)
    told.until("recv")
    peer.close()
    counts = told.of("recv")
    # A deferred callback counts as it begins, maybe what will be told next, too.
    once = counts if mode else set(counts)
    assert counts == sorted(once), "recv without anything new"


@inet_family
def test_received_in_the_callback(ends, family):
    """What a deferred callback takes is not told again."""
    sock, peer = ends.stream(family)
    told = Events(sock, DEFERRED, "recv", ["recv"])
    peer.send(b"12345")
    told.expect(("recv", 5), ("action", -errno.EAGAIN))
    peer.send(b"678")
    told.expect(("recv", 5), ("action", -errno.EAGAIN), ("recv", 3), ("action", -errno.EAGAIN))


@both_modes
def test_from_anyone(ends, mode):
    """An unconnected datagram socket hears of everybody's."""
    sock = ends.ksocket(INET, DGRAM)
    sock.bind(ends.address(INET, ends.net.client))
    told = Events(sock, mode)
    for number in (1, 2):
        ends.user(INET, DGRAM).sendto(b"x" * number, sock.getsockname())
        told.expect(*[("recv", size + 1) for size in range(number)])
        assert len(sock.recv(8)) == number
