# SPDX-License-Identifier: GPL-2.0-only
"""Options: each is set and read, and is what a process's socket in the same state has."""

import errno
import socket
import struct

import kinet
import pytest

from ksock import NULL_ADDRLEN, NULL_DATA
from peers import (DGRAM, INET, INET6, KINET, KINET6, STREAM, UNIX, Kinet, any_inet,
                   every_family, every_kind, where)

pytestmark = pytest.mark.smoke

ROOM = 512
SOCKET, TCP, IP, IPV6 = (socket.SOL_SOCKET, socket.IPPROTO_TCP, socket.IPPROTO_IP,
                         socket.IPPROTO_IPV6)
RCVTIMEO_OLD, SNDTIMEO_OLD, RCVTIMEO, SNDTIMEO = 20, 21, 66, 67
TCP_INFO, TCP_CONGESTION = (TCP, 11), (TCP, 13)

# The two tables of the design: every option that can be read.
NUMBERS = {
    "SO_SNDBUF": (SOCKET, 7), "SO_RCVBUF": (SOCKET, 8), "SO_REUSEADDR": (SOCKET, 2),
    "SO_REUSEPORT": (SOCKET, 15), "SO_KEEPALIVE": (SOCKET, 9), "SO_OOBINLINE": (SOCKET, 10),
    "SO_RCVLOWAT": (SOCKET, 18), "SO_PRIORITY": (SOCKET, 12), "SO_MARK": (SOCKET, 36),
    "SO_BINDTOIFINDEX": (SOCKET, 62), "SO_BROADCAST": (SOCKET, 6),
    "TCP_NODELAY": (TCP, 1), "TCP_MAXSEG": (TCP, 2), "TCP_CORK": (TCP, 3),
    "TCP_KEEPIDLE": (TCP, 4), "TCP_KEEPINTVL": (TCP, 5), "TCP_KEEPCNT": (TCP, 6),
    "TCP_SYNCNT": (TCP, 7), "TCP_LINGER2": (TCP, 8), "TCP_QUICKACK": (TCP, 12),
    "TCP_USER_TIMEOUT": (TCP, 18), "TCP_NOTSENT_LOWAT": (TCP, 25),
    "IP_TOS": (IP, 1), "IP_TTL": (IP, 2), "IP_FREEBIND": (IP, 15),
    "IPV6_UNICAST_HOPS": (IPV6, 16), "IPV6_V6ONLY": (IPV6, 26), "IPV6_TCLASS": (IPV6, 67),
    "IPV6_FREEBIND": (IPV6, 78),
}
READ_ONLY = {
    "SO_TYPE": (SOCKET, 3), "SO_ERROR": (SOCKET, 4), "SO_ACCEPTCONN": (SOCKET, 30),
    "SO_PROTOCOL": (SOCKET, 38), "SO_DOMAIN": (SOCKET, 39), "IP_MTU": (IP, 14),
    "IPV6_MTU": (IPV6, 24),
}
BYTES = {
    "SO_LINGER": (SOCKET, 13), "SO_RCVTIMEO": (SOCKET, RCVTIMEO), "SO_SNDTIMEO": (SOCKET, SNDTIMEO),
    "SO_RCVTIMEO_OLD": (SOCKET, RCVTIMEO_OLD), "SO_SNDTIMEO_OLD": (SOCKET, SNDTIMEO_OLD),
    "TCP_CONGESTION": TCP_CONGESTION,
}
# TCP_INFO differs with every packet; it has tests of its own.
OPTIONS = NUMBERS | READ_ONLY | BYTES

VALUES = [1, 0, 2, 7, 64, 200, 255, 256, 1000, 4096, 65536, 1 << 20, 2**31 - 1, -1, -2, -2**31]


def read(sock, option):
    """The value's bytes, or the errno, of a ksocket."""
    done = sock.call("getsockopt", data=bytes(ROOM), a=option[0], b=option[1], c=ROOM)
    return done.data[:done.call.c] if not done.result else errno.errorcode[-done.result]


def write(sock, option, value):
    """What setting bytes gives on a ksocket."""
    return sock.call("setsockopt", data=value, a=option[0], b=option[1], c=len(value)).result


def user_read(sock, option):
    try:
        return sock.getsockopt(*option, ROOM)
    except OSError as error:
        return errno.errorcode[error.errno]


def user_write(sock, option, value):
    try:
        sock.setsockopt(*option, value)
        return 0
    except OSError as error:
        return -error.errno


def applies(option, family, kind) -> bool:
    """The option's level is one of the socket's."""
    return {SOCKET: True, TCP: family != UNIX and kind == STREAM, IP: family != UNIX,
            IPV6: family == INET6}[option[0]]


def compare(sock, user, family, kind):
    """All options of the two sockets at once."""
    names = [name for name, option in OPTIONS.items() if applies(option, family, kind)]
    assert {name: read(sock, OPTIONS[name]) for name in names} == {
        name: user_read(user, OPTIONS[name]) for name in names}


# --- defaults

@every_family
@every_kind
def test_defaults(ends, family, kind):
    """A new ksocket has what a new socket of a process has."""
    compare(ends.ksocket(family, kind), ends.user(family, kind, twin=True), family, kind)


@every_family
def test_defaults_of_a_listener(ends, family):
    """Likewise when it listens."""
    compare(ends.listener(family), ends.user_listener(family, twin=True), family, STREAM)


@every_family
def test_defaults_when_connected(ends, family):
    """Likewise with a peer: sizes, MTU and segment size are those of the path."""
    sock, _peer = ends.stream(family)
    user, _peer = ends.user_stream(family, twin=True)
    compare(sock, user, family, STREAM)


@any_inet
def test_defaults_of_connected_datagrams(ends, family):
    """Likewise for UDP, which then has a path, too."""
    peer = ends.user(family, DGRAM)
    peer.bind(ends.address(family))
    sock = ends.ksocket(family, DGRAM)
    user = ends.user(family, DGRAM, ends.net.client, twin=True)
    for end in (sock, user):
        end.connect(where(peer))
    compare(sock, user, family, DGRAM)


@every_family
@every_kind
def test_what_it_is(ends, family, kind):
    """SO_DOMAIN, SO_TYPE, SO_PROTOCOL"""
    sock = ends.ksocket(family, kind)
    protocol = {STREAM: socket.IPPROTO_TCP, DGRAM: socket.IPPROTO_UDP}[kind]
    if isinstance(family, Kinet):
        protocol |= 0x200
    assert sock.getsockopt(*READ_ONLY["SO_DOMAIN"]) == family
    assert sock.getsockopt(*READ_ONLY["SO_TYPE"]) == kind
    assert sock.getsockopt(*READ_ONLY["SO_PROTOCOL"]) == (0 if family == UNIX else protocol)


# --- setting

WHERE = [(family, kind) for family in (INET, INET6, UNIX, KINET, KINET6)
         for kind in (STREAM, DGRAM)]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number(ends, name):
    """Set to good and bad values: the same errno and the same value as for a process.

    Of kinet's as for a process's socket of the host.
    """
    option = NUMBERS[name]
    with ends.net.client:
        values = [*VALUES, socket.if_nametoindex("eth")]
    for family, kind in WHERE:
        if not applies(option, family, kind):
            continue
        sock = ends.ksocket(family, kind)
        user = ends.user(family, kind, ends.net.server if family == UNIX else ends.net.client)
        seen = [(value, write(sock, option, struct.pack("=i", value)), read(sock, option))
                for value in values]
        assert seen == [(value, user_write(user, option, struct.pack("=i", value)),
                         user_read(user, option)) for value in values]


@pytest.mark.parametrize("name", [n for n, option in NUMBERS.items() if option[0] != IPV6])
def test_numbers_of_a_connection(ends, name):
    """The same on connected sockets, where some can't be set any more."""
    option = NUMBERS[name]
    for family in (INET, KINET):
        sock, user = ends.stream(family)[0], ends.user_stream(family)[0]
        # 0 again at the end: bound to a device that isn't there, they could not even close.
        for value in [*VALUES, 0]:
            raw = struct.pack("=i", value)
            assert write(sock, option, raw) == user_write(user, option, raw)
            assert read(sock, option) == user_read(user, option)


@every_family
@every_kind
def test_linger(ends, family, kind):
    """SO_LINGER in seconds"""
    sock, user = ends.ksocket(family, kind), ends.user(family, kind)
    option = BYTES["SO_LINGER"]
    for value in ((1, 5), (1, 0), (0, 9), (1, 2**31 - 1), (-1, -1)):
        raw = struct.pack("=ii", *value)
        assert write(sock, option, raw) == user_write(user, option, raw)
        assert read(sock, option) == user_read(user, option)


@pytest.mark.parametrize("name", ["SO_RCVTIMEO", "SO_SNDTIMEO", "SO_RCVTIMEO_OLD",
                                  "SO_SNDTIMEO_OLD"])
def test_timeout_in_both_layouts(ends, name):
    """Set in one layout, read in both: as for a process."""
    sock, user = ends.ksocket(), ends.user()
    for value in ((0, 0), (1, 500000), (0, 1), (0, 4000), (3600, 0), (-1, 0), (1, 1000000),
                  (1, -1), (2**62, 0)):
        raw = struct.pack("=qq", *value)
        assert write(sock, BYTES[name], raw) == user_write(user, BYTES[name], raw)
        for option in (RCVTIMEO, SNDTIMEO, RCVTIMEO_OLD, SNDTIMEO_OLD):
            assert read(sock, (SOCKET, option)) == user_read(user, (SOCKET, option))


def test_timeout_is_what_was_set(ends):
    """A number that jiffies hold is read as it was written, 0 is for ever."""
    sock = ends.ksocket()
    for value in ((1, 500000), (0, 0), (7, 0)):
        raw = struct.pack("=qq", *value)
        assert write(sock, (SOCKET, RCVTIMEO), raw) == 0
        assert read(sock, (SOCKET, RCVTIMEO)) == read(sock, (SOCKET, RCVTIMEO_OLD)) == raw


@any_inet
def test_congestion_control(ends, family):
    """TCP_CONGESTION by name; an unknown one is ENOENT and changes nothing."""
    sock, user = ends.ksocket(family), ends.user(family)
    for value in (b"reno", b"nosuchthing", b"", b"x" * 40, b"reno\0rubbish"):
        assert write(sock, TCP_CONGESTION, value) == user_write(user, TCP_CONGESTION, value)
        assert read(sock, TCP_CONGESTION) == user_read(user, TCP_CONGESTION)
    assert read(sock, TCP_CONGESTION) == b"reno".ljust(16, b"\0")


@any_inet
def test_accepted_inherits(ends, family):
    """What a listener's children have of it, as for a process."""
    listener, user_listener = ends.listener(family), ends.user_listener(family, twin=True)
    chosen = {"SO_KEEPALIVE": 1, "SO_RCVBUF": 30000, "SO_SNDBUF": 30000, "SO_PRIORITY": 3,
              "TCP_NODELAY": 1, "TCP_KEEPIDLE": 99, "TCP_USER_TIMEOUT": 5000, "IP_TTL": 77}
    for name, value in chosen.items():
        raw = struct.pack("=i", value)
        assert write(listener, OPTIONS[name], raw) == 0
        assert user_write(user_listener, OPTIONS[name], raw) == 0
    for end in (listener.getsockname(), where(user_listener)):
        ends.user(family, end=ends.net.client).connect(end)
    sock, _address = listener.accept()
    compare(sock, ends.accepted(user_listener), family, STREAM)
    assert sock.getsockopt(*OPTIONS["TCP_KEEPIDLE"]) == 99


# --- TCP_INFO

def info(raw) -> dict:
    """Those fields of struct tcp_info that stand still."""
    names = "snd_mss rcv_mss unacked sacked lost retrans".split()
    fields = dict(zip(names, struct.unpack_from("=6I", raw, 16)))
    state, _ca, retransmits, _probes, _backoff, options, scale = raw[:7]
    pmtu, = struct.unpack_from("=I", raw, 60)
    advmss, = struct.unpack_from("=I", raw, 84)
    return fields | {"state": state, "retransmits": retransmits, "options": options,
                     "scale": scale, "pmtu": pmtu, "advmss": advmss, "size": len(raw)}


@any_inet
def test_info(ends, family):
    """TCP_INFO: as for a process's connection on the same wire."""
    seen = []
    for end, peer, ask in ((*ends.stream(family), read),
                           (*ends.user_stream(family, twin=True), user_read)):
        end.send(b"hello")
        assert peer.recv(8) == b"hello"
        peer.send(b"hello back")
        assert end.recv(16) == b"hello back"
        seen.append(info(ask(end, TCP_INFO)))
    assert seen[0] == seen[1]
    assert seen[0]["state"] == 1                            # TCP_ESTABLISHED
    assert seen[0]["pmtu"] == 1500
    # The headers of IP and TCP, and the time stamp option
    assert seen[0]["snd_mss"] == 1500 - (20 if family == INET else 40) - 20 - 12


@any_inet
def test_info_counts(ends, family):
    """tcpi_bytes_acked and tcpi_bytes_received, in the later part of the struct."""
    sock, peer = ends.stream(family)
    sock.send(bytes(1000))
    got = b""
    while len(got) < 1000:
        got += peer.recv(1000)
    peer.send(bytes(500))
    sock.recv_exactly(500)
    acked, received = struct.unpack_from("=QQ", read(sock, TCP_INFO), 120)
    # The SYN has a number, which the host counts.
    assert (acked, received) == (1000 if isinstance(family, Kinet) else 1001, 500)


@pytest.mark.parametrize("family, option, begins", [
    (INET, TCP_INFO, b"\x07"), (INET, TCP_CONGESTION, b"c"),
    (KINET, TCP_INFO, b"\x07"), (KINET, TCP_CONGESTION, b"r")],
    ids=["inet-info", "inet-congestion", "kinet-info", "kinet-congestion"])
def test_cut(ends, family, option, begins):
    """TCP_INFO and TCP_CONGESTION are cut to the room; what is beyond it stays."""
    sock = ends.ksocket(family)
    whole = read(sock, option)
    assert whole.startswith(begins)
    for room in (0, 1, 7, len(whole), len(whole) + 1):
        done = sock.call("getsockopt", data=b"\xaa" * 300, a=option[0], b=option[1], c=room).check()
        stored = min(room, len(whole))
        assert done.call.c == stored
        # Of TCP_INFO only the state stands still.
        assert done.data[:1] == (begins if stored else b"\xaa")
        assert done.data[stored:] == b"\xaa" * (300 - stored)


# --- what can't be read or set

@pytest.mark.parametrize("family", [INET6, KINET6], ids=["inet6", "kinet6"])
def test_room_too_small(ends, family):
    """A number does not fit into less than an int; the room stays as it was."""
    sock, _peer = ends.stream(family)
    for name, option in (NUMBERS | READ_ONLY).items():
        for room in (0, 1, 3, -1, -2**31):
            done = sock.call("getsockopt", data=b"\xaa" * 8, a=option[0], b=option[1], c=room)
            assert (done.result, done.data) == (-errno.EINVAL, b"\xaa" * 8), name


@pytest.mark.parametrize("name", ["SO_LINGER", "SO_RCVTIMEO", "SO_SNDTIMEO_OLD"])
def test_room_too_small_for_a_struct(ends, name):
    """Nor does a struct fit into a number."""
    option = BYTES[name]
    done = ends.ksocket().call("getsockopt", data=bytes(16), a=option[0], b=option[1], c=4)
    assert done.result == -errno.EINVAL


@pytest.mark.parametrize("null", [NULL_DATA, NULL_ADDRLEN], ids=["value", "length"])
def test_nowhere_to_store_the_value(ends, null):
    """NULL instead of the value's or the length's address."""
    done = ends.ksocket().call("getsockopt", a=SOCKET, b=socket.SO_TYPE, c=4, null=null)
    assert done.result == -errno.EFAULT


def test_room_for_more(ends):
    """The length tells what was stored; the rest of a huge room is not touched."""
    done = ends.ksocket().call("getsockopt", data=b"\xaa" * 16, a=SOCKET, b=socket.SO_TYPE,
                               c=2**31 - 1).check()
    assert (done.call.c, done.data) == (4, struct.pack("=i", STREAM) + b"\xaa" * 12)


UDP_CORK, TCP_DEFER_ACCEPT, TCP_INQ = (17, 1), (TCP, 9), (TCP, 36)
UNKNOWN = [(SOCKET, 9999), (SOCKET, -1), (SOCKET, 17), (SOCKET, 25), (TCP, 9999), (TCP, 14),
           (IP, 9999), (IP, 4), (IPV6, 9999), (IPV6, 57), UDP_CORK, (9999, 1), (-1, 1), (255, 7)]


@every_family
@every_kind
def test_unknown_option(ends, family, kind):
    """What is not in the tables can't be read."""
    sock = ends.ksocket(family, kind)
    unknown = [option for option in UNKNOWN
               if option != UDP_CORK or not isinstance(family, Kinet) or kind != DGRAM]
    assert {option: read(sock, option) for option in unknown} == dict.fromkeys(
        unknown, "ENOPROTOOPT")


def test_options_of_kinet(ends):
    """What is not in the tables is read where kinet tells it."""
    raw = kinet.SOL_KINET, kinet.RAW_PROTOCOL
    for kind, option, value in ((STREAM, TCP_DEFER_ACCEPT, 7), (STREAM, TCP_INQ, 1),
                                (DGRAM, UDP_CORK, 1), (socket.SOCK_RAW, raw, 89)):
        with ends.net.client:
            # By its number a raw socket has no protocol yet.
            sock = ends.device.socket(INET, kind, kinet.PROTO_RAW) if option == raw else (
                ends.ksocket(KINET, kind))
        sock.setsockopt(*option, value)
        assert sock.getsockopt(*option) == value


# Unknown ones, and those that can only be read
NOT_SET = [(SOCKET, 9999), (TCP, 9999), (IP, 9999), (IPV6, 9999), (9999, 1), (-1, 1),
           (SOCKET, 3), (SOCKET, 4), (SOCKET, 30)]


@every_family
@every_kind
def test_option_that_can_not_be_set(ends, family, kind):
    """ENOPROTOOPT, as setsockopt(2) says."""
    sock = ends.ksocket(family, kind)
    assert {option: write(sock, option, bytes(4)) for option in NOT_SET} == dict.fromkeys(
        NOT_SET, -errno.ENOPROTOOPT)


@pytest.mark.parametrize("family, kind", [(INET, DGRAM), (INET6, DGRAM), (UNIX, STREAM),
                                          (UNIX, DGRAM), (KINET, DGRAM), (KINET6, DGRAM)])
def test_tcp_option_of_another_socket(ends, family, kind):
    """UDP and AF_UNIX have no TCP in them."""
    sock = ends.ksocket(family, kind)
    for option in (*(o for o in OPTIONS.values() if o[0] == TCP), TCP_INFO):
        assert read(sock, option) == "ENOPROTOOPT"
        assert write(sock, option, bytes(4)) == -errno.ENOPROTOOPT


@pytest.mark.parametrize("family", [INET, UNIX, KINET], ids=["inet", "unix", "kinet"])
def test_ipv6_option_of_another_family(ends, family):
    """Nor have IPv4 and AF_UNIX an IPv6."""
    sock = ends.ksocket(family)
    for option in (o for o in OPTIONS.values() if o[0] == IPV6):
        assert read(sock, option) == "ENOPROTOOPT"
        assert write(sock, option, bytes(4)) == -errno.ENOPROTOOPT


@pytest.mark.parametrize("name", NUMBERS)
def test_value_too_short(ends, name):
    """setsockopt(2): EINVAL for a length that is none, and as for a process for a short one."""
    option = NUMBERS[name]
    for family in (INET6, KINET6):
        sock, user = ends.ksocket(family), ends.user(family)
        for length in (-1, -2**31):
            assert sock.call("setsockopt", data=bytes(4), a=option[0], b=option[1],
                             c=length).result == -errno.EINVAL
        for length in (0, 1, 3):
            assert write(sock, option, b"\1\0\0\0"[:length]) == (
                user_write(user, option, b"\1\0\0\0"[:length]))


def test_value_from_nowhere(ends):
    """NULL instead of the value: EFAULT; EINVAL where the length says that there is none."""
    sock = ends.ksocket()
    for length, result in ((4, -errno.EFAULT), (2**31 - 1, -errno.EFAULT), (0, -errno.EINVAL)):
        assert sock.call("setsockopt", a=SOCKET, b=socket.SO_KEEPALIVE, c=length,
                         null=NULL_DATA).result == result


@pytest.mark.parametrize("length", [8, 4096, 2**31 - 1])
def test_value_with_more_behind_it(ends, length):
    """setsockopt(2) reads as much as the option has."""
    sock = ends.ksocket()
    done = sock.call("setsockopt", data=b"\1" + bytes(4095), a=SOCKET, b=socket.SO_KEEPALIVE,
                     c=length)
    assert done.result == 0
    assert sock.getsockopt(SOCKET, socket.SO_KEEPALIVE) == 1


def test_long_timeout(ends):
    """Hours are hours, also where their microseconds exceed 32 bits."""
    sock = ends.ksocket()
    raw = struct.pack("=qq", 7200, 0)
    for option in (RCVTIMEO, SNDTIMEO, RCVTIMEO_OLD, SNDTIMEO_OLD):
        assert write(sock, (SOCKET, option), raw) == 0
        assert read(sock, (SOCKET, option)) == raw


def test_connect_times_out_again(ends):
    """The connection is still being made: each wait for it that ends says EAGAIN."""
    sock = ends.ksocket()
    assert write(sock, (SOCKET, SNDTIMEO), struct.pack("=qq", 0, 50000)) == 0
    for _ in range(2):
        # Nobody has the address, so nothing answers.
        assert sock.call("connect", address=("10.1.0.99", 9)).result == -errno.EAGAIN
