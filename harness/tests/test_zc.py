# SPDX-License-Identifier: GPL-2.0-only
"""Sends by reference: what arrives, what was copied, and when the pages are free.

Between two namespaces the receiving side copies what its sender still refers to,
so that a completion says "copied" whenever a packet got there.
"""

import errno
import itertools
import socket
import struct

import pytest

from actors import Actor
from blocked import Blocked
from ksock import (LAYOUTS, NOPIN, NULL_DATA, NULL_DONE, NULL_HANDLE, NULL_NEW,
                   NULL_PIECE)
from parcels import CALL, SPOIL, SPOILT, Parcel, Receiver, pattern
from peers import (DGRAM, INET, UNIX, Ends, any_inet, connections, drain, every_family, fill,
                   inet_family, kinet_family, reset)
from test_netns import connected as connect
from test_netns import leave
from topology import impair, impaired

LINGER_NOW = struct.pack("=ii", 1, 0)
SO_SNDBUFFORCE = 32
MORE, DONTWAIT = socket.MSG_MORE, socket.MSG_DONTWAIT

smoke = pytest.mark.smoke
every_op = pytest.mark.parametrize("op", ["send_bvec", "send_zc"])
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def silenced(net):
    """Nothing gets through from the client to the server, for a while."""
    return impaired(net.client, loss="100%")


def linger_now(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)


# --- what arrives

@smoke
@every_op
@every_layout
@every_family
def test_stream(ends, family, layout, op):
    """Every byte, in order, however it lies in memory; the pages are free once."""
    sock, peer = ends.stream(family)
    data = pattern(150000)
    receiver = Receiver(peer, len(data))
    parcel = Parcel(sock, data, op, layout, null=NULL_DONE)
    assert parcel.result == 0
    assert receiver.result() == data
    if op == "send_zc":
        parcel.until_done()
        assert parcel.copied()


@smoke
@every_op
@every_layout
@every_family
def test_messages(ends, family, layout, op):
    """A call is a message: also one that is longer than a packet, and an empty one."""
    sock, peer = ends.dgram(family)
    for size in (1, 100, 1400, 9000, 0, 1000):
        parcel = Parcel(sock, pattern(size, size), op, layout)
        assert (parcel.result, parcel.sent) == (0, size)
        assert peer.recv(20000) == pattern(size, size)
        if op == "send_zc":
            parcel.until_done()


@every_op
@connections("seqpacket", "vsock")
def test_other_families(ends, family, kind, op):
    """They copy, and are done at once."""
    sock, peer = ends.stream(family, kind=kind)
    parcel = Parcel(sock, pattern(5000), op, "odd")
    assert (parcel.result, parcel.sent) == (0, 5000)
    assert Receiver(peer, 5000).result() == pattern(5000)
    if op == "send_zc":
        assert (parcel.told(), parcel.copied()) == (1, True)


@smoke
@any_inet
def test_among_other_sends(ends, family):
    """Bytes that were copied, spliced, lent, in small parts and large: their order stays."""
    sock, peer = ends.stream(family)
    sizes = [1, 700, 3, 20000, 5000, 90, 40000]
    ops = itertools.cycle(["send", "send_zc", "send_zc", "send_bvec", "send", "send_bvec"])
    data = [pattern(size, seed) for seed, size in enumerate(sizes * 5)]
    receiver = Receiver(peer, sum(map(len, data)))
    parcels = []
    for seed, part in enumerate(data):
        op, flags = next(ops), MORE if seed % 3 else 0
        if op == "send":
            assert sock.send(part, flags) == len(part)
        else:
            does = SPOIL if op == "send_zc" else 0
            parcel = Parcel(sock, part, op, LAYOUTS[seed % 4], does, a=flags, null=NULL_DONE)
            assert parcel.result == 0
            parcels += [parcel] if does else []
    sock.shutdown(socket.SHUT_WR)
    assert receiver.result() == b"".join(data)
    for parcel in parcels:
        parcel.until_done()


@smoke
@every_op
@any_inet
def test_a_part_of_the_pieces(ends, family, op):
    """size ends the send within a piece."""
    sock, peer = ends.stream(family)
    assert Parcel(sock, pattern(9000), op, size=5001, null=NULL_DONE).result == 0
    assert Parcel(sock, b"end", op).sent == 3
    assert Receiver(peer, 5004).result() == pattern(5001) + b"end"


@smoke
@inet_family
def test_a_message_in_parts(ends, family):
    """MSG_MORE of UDP, by reference and not: one datagram, and all pages come back."""
    for ops in itertools.product(["send", "send_zc", "send_bvec"], repeat=3):
        sock, peer = ends.dgram(family)
        parcels = []
        for number, op in enumerate(ops):
            flags = 0 if number == 2 else MORE
            if op == "send":
                sock.send(pattern(300, number), flags)
            else:
                parcels.append((op, Parcel(sock, pattern(300, number), op, "odd", a=flags)))
                assert parcels[-1][1].sent == 300
        assert peer.recv(2000) == b"".join(pattern(300, number) for number in range(3)), ops
        for op, parcel in parcels:
            if op == "send_zc":
                parcel.until_done()


# --- when the pages are free

@smoke
@any_inet
def test_done_when_it_is_acknowledged(ends, family):
    """Not before anything has arrived; from an atomic context, with calls refused."""
    sock, peer = ends.stream(family)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(30000), does=CALL, a=DONTWAIT)
        assert (parcel.result, parcel.sent, parcel.told()) == (0, 30000, 0)
    assert Receiver(peer, 30000).result() == pattern(30000)
    parcel.until_done()
    assert parcel.refused() == -errno.EDEADLK
    assert parcel.was_atomic()


@smoke
@every_op
@any_inet
def test_overwritten_before_it_is_done(ends, family, op):
    """The peer gets what the pages have become: nothing was copied."""
    sock, peer = ends.stream(family)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(10000), op, "odd", a=DONTWAIT)
        assert parcel.sent == 10000
        parcel.spoil()
    assert Receiver(peer, 10000).result() == SPOILT * 10000


@smoke
@any_inet
@pytest.mark.parametrize("layout", ["slab", "tail"])
@every_op
def test_what_can_not_be_referred_to_is_copied(ends, family, layout, op):
    """So it can be overwritten as soon as the call returns."""
    sock, peer = ends.stream(family)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(20000), op, layout, a=DONTWAIT)
        assert parcel.sent == 20000
        if op == "send_zc":
            assert (parcel.told(), parcel.copied()) == (1, True)
        parcel.spoil()
    assert Receiver(peer, 20000).result() == pattern(20000)


@smoke
@every_op
@any_inet
@pytest.mark.parametrize("flag", [socket.MSG_OOB, 0x80], ids=["oob", "eor"])
def test_flags_that_copy(ends, family, op, flag):
    """MSG_OOB, MSG_EOR"""
    sock, peer = ends.stream(family)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(5000), op, a=flag | DONTWAIT)
        assert parcel.sent == 5000
        parcel.spoil()
    assert Receiver(peer, 5000).result() == pattern(5000)


@smoke
@inet_family
def test_message_overwritten_before_it_is_done(link, device, family):
    """A datagram under way is what its pages are."""
    net = link()
    with net.client:
        sock = device.socket(family, DGRAM)
    with net.server, socket.socket(family, DGRAM) as peer:
        peer.settimeout(60)
        peer.bind((net.server.v4 if family == INET else net.server.v6, 0))
        sock.connect(peer.getsockname())
        sock.send(b"so that neighbours know each other")
        peer.recv(100)
        impair(net.client, delay="2s")
        parcel = Parcel(sock, pattern(1000), layout="odd")
        parcel.spoil()
        assert (parcel.sent, parcel.told()) == (1000, 0)
        assert peer.recv(2000) == SPOILT * 1000
        parcel.until_done()


@inet_family
def test_message_that_is_lost(ends, family):
    """Its packet is no more, and nothing was copied."""
    sock, _ = ends.dgram(family)
    sock.send(b"so that neighbours know each other")
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(1000))
        assert parcel.sent == 1000
        parcel.until_done()
        assert not parcel.copied()


def spoil_what_is_done(ends, sock, peer):
    """On a wire that delays, loses and reorders, no peer sees what the pages become."""
    for end in (ends.net.client, ends.net.server):
        impair(end, delay="4ms 2ms", loss="2%")
    data = [pattern(size, size & 63) for size in (65536, 10, 1000, 30000, 65000) * 6]
    receiver = Receiver(peer, sum(map(len, data)))
    parcels = [Parcel(sock, part, layout=LAYOUTS[number % 4], does=SPOIL, null=NULL_DONE)
               for number, part in enumerate(data)]
    assert [parcel.result for parcel in parcels] == [0] * len(data)
    assert receiver.result() == b"".join(data)
    for parcel in parcels:
        parcel.until_done()
    linger_now(sock)


@smoke
@any_inet
def test_overwritten_as_soon_as_it_is_done(link, device, family):
    """A completion comes when nobody looks at the pages any more."""
    with Ends(link(), device) as ends:
        spoil_what_is_done(ends, *ends.stream(family))


# --- the wire that only kinet speaks

@pytest.fixture
def isolated(link, device):
    """Ends of a network where it is spoken"""
    net = link()
    for end in (net.client, net.server):
        end.sysctl("net.kinet.mode", "isolated")
    with Ends(net, device) as made:
        yield made


@smoke
@kinet_family
def test_isolated(isolated, family):
    """A completion comes when nobody looks at the pages any more, there, too."""
    spoil_what_is_done(isolated, *isolated.stream(family, twin=True))


@smoke
@every_op
@kinet_family
def test_isolated_overwritten_before_it_is_done(isolated, family, op):
    """Each packet is summed as it is made: the peer gets what the pages have become."""
    sock, peer = isolated.stream(family, twin=True)
    with silenced(isolated.net):
        parcel = Parcel(sock, pattern(10000), op, "odd", a=DONTWAIT)
        assert parcel.sent == 10000
        parcel.spoil()
    assert Receiver(peer, 10000).result() == SPOILT * 10000


# --- partial sends, errors

@smoke
@every_op
@every_family
def test_as_much_as_there_is_room_for(ends, family, op):
    """Without blocking: a part, then -EAGAIN; the pages of the part are done with it."""
    sock, peer = ends.stream(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 50000)
    data = pattern(4 << 20)
    parcels = []
    total = 0
    with silenced(ends.net):
        while True:
            parcel = Parcel(sock, data[total:], op, a=DONTWAIT)
            if parcel.result:
                break
            total += parcel.sent
            parcels.append(parcel)
        assert (parcel.result, parcel.sent) == (-errno.EAGAIN, 0)
        assert total < len(data)
        if op == "send_zc":
            assert (parcel.told(), parcel.copied()) == (1, False)
            wanted = int(family == UNIX)    # copied
            assert [parcel.told() for parcel in parcels] == [wanted] * len(parcels)
    assert Receiver(peer, total).result() == data[:total]
    if op == "send_zc":
        for parcel in parcels:
            parcel.until_done()


REFUSED = {
    "null": (errno.ENOTSOCK, {"null": NULL_HANDLE}),
    "flags": (errno.EINVAL, {"a": socket.MSG_PEEK}),
    "no pieces": (errno.EFAULT, {"null": NULL_DATA}),
    "empty piece": (errno.EINVAL, {"null": NULL_PIECE}),
    "too much": (errno.EINVAL, {"size": 101}),
    "no count": (errno.EINVAL, {"a": DONTWAIT, "null": NULL_DONE}),
}


@smoke
@every_op
@pytest.mark.parametrize("case", REFUSED)
def test_refused(ends, case, op):
    """Nothing is sent, and the pages are given back all the same."""
    wanted, how = REFUSED[case]
    sock, _ = ends.stream()
    parcel = Parcel(sock, bytes(100), op, **how)
    assert (parcel.result, parcel.sent) == (-wanted, 0)
    assert parcel.told() == (op == "send_zc")
    assert not parcel.copied()


@smoke
@every_op
@pytest.mark.parametrize("case", ["closed", "unconnected", "actor", "shut"])
def test_refused_by_its_state(ends, case, op):
    """Likewise."""
    sock = ends.ksocket(kind=DGRAM) if case == "unconnected" else ends.stream()[0]
    if case == "closed":
        sock.close()
    elif case == "actor":
        Actor(sock)
    elif case == "shut":
        sock.shutdown(socket.SHUT_WR)
    wanted = {"closed": errno.ENOTSOCK, "unconnected": errno.EDESTADDRREQ, "actor": errno.EBUSY,
              "shut": errno.EPIPE}[case]
    parcel = Parcel(sock, bytes(100), op)
    assert (parcel.result, parcel.sent) == (-wanted, 0)
    assert (parcel.told(), parcel.copied()) == (op == "send_zc", False)


@smoke
def test_nobody_to_be_told(ends):
    """A NULL instead of the completion: that is send_bvec's."""
    sock, _ = ends.stream()
    parcel = Parcel(sock, bytes(100), null=NULL_NEW)
    assert (parcel.result, parcel.sent, parcel.told()) == (-errno.EFAULT, 0, 0)


# --- ends

@smoke
@any_inet
def test_close_before_it_is_done(ends, family):
    """All arrives, and the completion comes to a socket that is gone."""
    sock, peer = ends.stream(family)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(30000), does=SPOIL, a=DONTWAIT)
        sock.close()
        assert parcel.told() == 0
    assert Receiver(peer, 30001).result() == pattern(30000)
    parcel.until_done()


@smoke
@any_inet
def test_close_with_reset(ends, family):
    """Nothing is waited for: done within the close, and nothing copied."""
    sock, _ = ends.stream(family)
    linger_now(sock)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(30000), a=DONTWAIT)
        assert parcel.told() == 0
        sock.close()
        assert (parcel.told(), parcel.copied()) == (1, False)


@smoke
@any_inet
def test_close_before_it_is_sent(ends, family):
    """What the peer had no room for was not copied either."""
    sock, _ = ends.stream(family)
    fill(sock)
    sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
    linger_now(sock)
    parcel = Parcel(sock, pattern(5000), a=DONTWAIT)
    assert (parcel.sent, parcel.told()) == (5000, 0)
    sock.close()
    assert (parcel.told(), parcel.copied()) == (1, False)


@smoke
@any_inet
def test_reset_by_the_peer(ends, family):
    """What it will never acknowledge is given back."""
    sock, peer = ends.stream(family)
    with silenced(ends.net):
        parcel = Parcel(sock, pattern(30000), a=DONTWAIT)
        assert (parcel.sent, parcel.told()) == (30000, 0)
        reset(peer)
        parcel.until_done()
    assert not parcel.copied()


@smoke
def test_the_namespace_goes(link, device):
    """A socket that doesn't keep it is ended, and its pages are free."""
    net = link()
    sock, peer = connect(net, device, NOPIN)
    impair(net.client, loss="100%")
    parcel = Parcel(sock, pattern(30000), a=DONTWAIT)
    assert (parcel.sent, parcel.told()) == (30000, 0)
    leave(net)
    parcel.until_done()
    assert not parcel.copied()
    assert Parcel(sock, b"x").result == -errno.ENETDOWN
    peer.close()


@every_op
def test_close_wakes_a_sender(ends, op):
    """As it does one in ksock_send."""
    sock, peer = ends.stream()
    total = fill(sock)
    blocked = Blocked(sock, op, data=pattern(100000))
    sock.close()
    assert blocked.result() == -errno.EINTR
    assert blocked.done.count == 0
    drain(peer, total)
    assert peer.recv(8) == b""
    assert blocked.done.call.d == 0     # the device's first parcel
    if op == "send_zc":
        assert sock.call("parcel", a=0).count == 1


@every_op
def test_blocks_until_there_is_room(ends, op):
    """And sends it all."""
    sock, peer = ends.stream()
    total = fill(sock)
    data = pattern(300000)
    blocked = Blocked(sock, op, data=data, null=NULL_DONE)
    drain(peer, total)
    assert Receiver(peer, len(data)).result() == data
    assert blocked.result() == 0
