# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces: those that a socket keeps, those that leave it behind."""

import errno
import socket
import struct
from pathlib import Path

import pytest

from blocked import BOUND, Blocked, until
from ksock import NOPIN, Device
from topology import impair
from topology import pair as make_pair

COUNT = Path("/sys/module/netns_count/parameters/count")

pytestmark = pytest.mark.smoke


@pytest.fixture
def device():
    with Device() as opened:
        yield opened


@pytest.fixture
def pair():
    """A pair for one test, which will take it apart."""
    with make_pair() as net:
        yield net


def connected(net, device, flags=0):
    """A ksocket in the client's namespace, and the process's end of it."""
    with net.server, socket.create_server((net.server.v4, 0)) as server:
        with net.client:
            sock = device.socket(flags=flags)
        sock.connect(server.getsockname())
        peer = server.accept()[0]
    peer.settimeout(BOUND)
    # When the wire is gone nobody would acknowledge its FIN: the namespace
    # would be kept by the retransmissions for minutes.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    return sock, peer


def gone(namespace):
    """The other end of its wire is gone, and so the namespace is."""
    with namespace:
        return not any(name == "eth" for _, name in socket.if_nameindex())


def lose(net):
    """From now on the wire loses much; before, it would lose neighbours, too."""
    for end in (net.client, net.server):
        impair(end, loss="10%", delay="5ms")


def leave(net):
    """The client's namespace loses its last name and process."""
    net.drop(net.client)


def all_arrives(net, peer, data):
    """Data and FIN, and the acknowledgement of the FIN on its way back: as long as
    that is missing they are sent again, so the peer and the wire must stay."""
    got = b""
    while part := peer.recv(65536):
        got += part
    assert got == data
    until(lambda: gone(net.server), "the namespace to go after its last acknowledgement")


def test_a_socket_keeps_its_namespace(pair, device):
    """Nothing else is left of it, and data still flows both ways."""
    sock, peer = connected(pair, device)
    leave(pair)
    assert sock.send(b"still here") == 10
    assert peer.recv(16) == b"still here"
    peer.send(b"so am I")
    assert sock.recv_exactly(7) == b"so am I"
    sock.close()
    assert peer.recv(16) == b""
    peer.close()
    until(lambda: gone(pair.server), "the namespace to go after its last socket")


def test_an_accepted_socket_keeps_its_namespace(pair, device):
    """So do the children of a listener that is closed already."""
    with pair.client:
        listener = device.socket()
    listener.bind((pair.client.v4, 0))
    listener.listen()
    with pair.server:
        peer = socket.create_connection(listener.getsockname(), BOUND)
    child, _ = listener.accept()
    listener.close()
    leave(pair)
    child.send(b"still here")
    assert peer.recv(16) == b"still here"
    child.close()
    assert peer.recv(16) == b""
    peer.close()
    until(lambda: gone(pair.server), "the namespace to go after its last socket")


def test_last_data_outlives_namespace_and_handle(link, device):
    """Closed and left behind on a lossy wire: everything still arrives."""
    net = link(delay="5ms")
    sock, peer = connected(net, device)
    lose(net)
    data = bytes(range(256)) * 64
    assert sock.send(data) == len(data)
    sock.close()
    leave(net)
    all_arrives(net, peer, data)


def test_last_data_of_an_unpinned_socket_arrives(link, device):
    """It was closed while the namespace lived: the same holds."""
    net = link(delay="5ms")
    sock, peer = connected(net, device, NOPIN)
    lose(net)
    data = bytes(range(256)) * 64
    assert sock.send(data) == len(data)
    sock.close()
    leave(net)
    all_arrives(net, peer, data)


def test_an_unpinned_socket_is_reset(pair, device):
    """Its namespace goes: the peer sees a reset, the handle says ENETDOWN."""
    sock, peer = connected(pair, device, NOPIN)
    leave(pair)
    with pytest.raises(ConnectionResetError):
        peer.recv(16)
    until(lambda: gone(pair.server), "the namespace to go")
    for op in ("send", "recv", "getsockname", "shutdown", "ioctl", "listen"):
        assert sock.call(op, addrlen=16).result == -errno.ENETDOWN, op
    sock.close()
    assert sock.call("close").result == -errno.ENOTSOCK


def test_an_unpinned_socket_with_data_on_a_lossy_wire(link, device):
    """Unacknowledged data does not keep the namespace."""
    net = link(delay="20ms")
    sock, peer = connected(net, device, NOPIN)
    impair(net.client, loss="100%")
    assert sock.send(bytes(30000)) == 30000
    leave(net)
    until(lambda: gone(net.server), "the namespace to go")
    assert sock.call("recv", data=bytes(8)).result == -errno.ENETDOWN
    sock.close()
    peer.close()


def blocked_recv(net, device):
    sock, peer = connected(net, device, NOPIN)
    return Blocked(sock, "recv", data=bytes(8)), peer


def blocked_accept(net, device):
    with net.client:
        sock = device.socket(flags=NOPIN)
    sock.bind((net.client.v4, 0))
    sock.listen()
    return Blocked(sock, "accept", addrlen=128), None


def blocked_connect(net, device):
    with net.client:
        sock = device.socket(flags=NOPIN)
    return Blocked(sock, "connect", address=("10.1.0.99", 9)), None


def blocked_udp_recv(net, device):
    with net.client:
        sock = device.socket(socket.AF_INET, socket.SOCK_DGRAM, flags=NOPIN)
    return Blocked(sock, "recv", data=bytes(8)), None


def blocked_unix_accept(net, device):
    with net.client:
        sock = device.socket(socket.AF_UNIX, flags=NOPIN)
    sock.bind("\0netns")
    sock.listen()
    return Blocked(sock, "accept", addrlen=128), None


@pytest.mark.parametrize("case", [blocked_recv, blocked_accept, blocked_connect,
                                  blocked_udp_recv, blocked_unix_accept],
                         ids=lambda case: case.__name__)
def test_callers_of_an_unpinned_socket_come_back(pair, device, case):
    """Blocked when the namespace goes: ENETDOWN."""
    call, _peer = case(pair, device)
    leave(pair)
    assert call.result() == -errno.ENETDOWN


def test_left_open_after_its_namespace(pair):
    """A handle that nobody closes before its device goes leaks nothing."""
    device = Device()
    before = int(COUNT.read_text(encoding="ascii")) if COUNT.exists() else None
    _sock, peer = connected(pair, device, NOPIN)
    leave(pair)
    until(lambda: gone(pair.server), "the namespace to go")
    device.close()
    peer.close()
    if before:
        until(lambda: int(COUNT.read_text(encoding="ascii")) == before - 1,
              "the namespace to be counted out")


def test_listing_shows_own_namespace_only(pair, device):
    """/proc/net/ksocket: the sockets of the reader's namespace, with queues."""
    sock, peer = connected(pair, device)
    peer.send(b"12345")
    until(lambda: sock.poll() & 1, "the data to arrive")
    sock.send(b"123")
    listing = Path("/proc/thread-self/net/ksocket")
    with pair.client:
        head, *rows = listing.read_text(encoding="ascii").splitlines()
    with pair.server:
        assert len(listing.read_text(encoding="ascii").splitlines()) == 1
    row = dict(zip(head.split(), rows[0].split()))
    local, remote = ("%s:%u" % sock.getsockname(), "%s:%u" % sock.getpeername())
    assert len(rows) == 1
    assert row == {"module": "ksockctl", "family": "inet", "type": "stream",
                   "state": "established", "local": local, "peer": remote,
                   "rx-queue": "5", "tx-queue": row["tx-queue"], "rx-bytes": "0",
                   "tx-bytes": "3", "callbacks": "0", "coalesced": "0", "longest-us": "0"}
    assert sock.recv(8) == b"12345"
    with pair.client:
        row = dict(zip(head.split(), listing.read_text(encoding="ascii").splitlines()[1].split()))
    assert (row["rx-bytes"], row["tx-bytes"]) == ("5", "3")
    peer.close()


def test_listing_survives_thousands(pair, device):
    """Longer than one read of the file, and each socket is there once."""
    with pair.client:
        ports = set()
        for _ in range(1000):
            sock = device.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            ports.add(sock.getsockname()[1])
        rows = Path("/proc/thread-self/net/ksocket").read_text(encoding="ascii").splitlines()[1:]
    assert len(rows) == 1000
    assert {int(row.split()[4].rpartition(":")[2]) for row in rows} == ports
