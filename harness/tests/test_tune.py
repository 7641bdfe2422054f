# SPDX-License-Identifier: GPL-2.0-only
"""ksock_tune() and ksock_bind_reserved(): what they set is what the options say."""

import contextlib
import errno
import os
import socket
import struct

import pytest

from ksock import NULL_DATA
from peers import DGRAM, INET, INET6, UNIX, inet_family, name

pytestmark = pytest.mark.smoke

SOL_SOCKET, TCP = socket.SOL_SOCKET, socket.IPPROTO_TCP
USER = 1000         # who has no capabilities
RESERVED = range(512, 1024)
_MEMBERS = ("nodelay reset_on_close tos linger keepidle keepintvl keepcnt user_timeout "
            "sndbuf rcvbuf").split()


def tune(sock, device="", **members):
    """ksock_tune(); what is not named stays as it is."""
    assert set(members) <= set(_MEMBERS)
    values = [members.get(member, 0) for member in _MEMBERS]
    return sock.call("tune", data=struct.pack("=10I16s", *values, device.encode()))


SET = {
    # member: (value, level, option, what it says then)
    "nodelay": (1, TCP, socket.TCP_NODELAY, 1),
    "keepidle": (77, TCP, socket.TCP_KEEPIDLE, 77),
    "keepintvl": (7, TCP, socket.TCP_KEEPINTVL, 7),
    "keepcnt": (5, TCP, socket.TCP_KEEPCNT, 5),
    "user_timeout": (1234, TCP, socket.TCP_USER_TIMEOUT, 1234),
    # socket(7): the kernel doubles them.
    "sndbuf": (20000, SOL_SOCKET, socket.SO_SNDBUF, 40000),
    "rcvbuf": (20000, SOL_SOCKET, socket.SO_RCVBUF, 40000),
    "tos": (0x20, socket.IPPROTO_IP, socket.IP_TOS, 0x20),
}


@inet_family
@pytest.mark.parametrize("member", SET)
def test_member(ends, family, member):
    """Each sets its option, and no other one."""
    sock = ends.ksocket(family)
    fresh = {one: sock.getsockopt(*where[1:3]) for one, where in SET.items()}
    value, level, option, expected = SET[member]
    tune(sock, **{member: value}).check()
    assert sock.getsockopt(level, option) == expected
    for other, (_value, level, option, _expected) in SET.items():
        if other != member:
            assert sock.getsockopt(level, option) == fresh[other], other
    assert sock.getsockopt(SOL_SOCKET, socket.SO_KEEPALIVE) == member.startswith("keep")


def test_traffic_class(ends):
    """AF_INET6: of IPv6's packets as well."""
    sock = ends.ksocket(INET6)
    tune(sock, tos=0x20).check()
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0x20


@inet_family
@pytest.mark.parametrize("member, value", [("linger", 3), ("reset_on_close", 1)])
def test_linger(ends, family, member, value):
    """SO_LINGER, with a time or without."""
    sock = ends.ksocket(family)
    tune(sock, **{member: value}).check()
    expected = (1, value if member == "linger" else 0)
    assert struct.unpack("=ii", sock.getsockopt(SOL_SOCKET, socket.SO_LINGER, 8)) == expected


@inet_family
def test_device(ends, family):
    """By its name."""
    sock = ends.ksocket(family)
    tune(sock, device="eth").check()
    with ends.net.client:
        index = socket.if_nametoindex("eth")
    assert sock.getsockopt(SOL_SOCKET, 62) == index     # SO_BINDTOIFINDEX


@inet_family
def test_refused(ends, family):
    """A device that is not there, a linger and a reset, no tuning at all."""
    sock = ends.ksocket(family)
    assert tune(sock, device="nobody").result == -errno.ENODEV
    assert tune(sock, linger=1, reset_on_close=1).result == -errno.EINVAL
    assert sock.call("tune", null=NULL_DATA).result == -errno.EFAULT
    assert tune(sock).result == 0
    sock.close()
    assert tune(sock).result == -errno.ENOTSOCK


# --- reserved ports

def bind_reserved(ends, family, kind=socket.SOCK_STREAM):
    sock = ends.ksocket(family, kind)
    return sock, sock.call("bind_reserved", address=ends.address(family, ends.net.client)).result


@inet_family
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, DGRAM], ids=["stream", "dgram"])
def test_reserved_ports(ends, family, kind):
    """A port that is reserved; another for the next."""
    bound = [bind_reserved(ends, family, kind) for _ in range(2)]
    assert [result for _, result in bound] == [0, 0]
    one, other = (sock.getsockname()[1] for sock, _ in bound)
    assert {one, other} <= set(RESERVED) and one != other


def test_all_reserved_ports_are_taken(ends):
    """EADDRINUSE."""
    with contextlib.ExitStack() as stack, ends.net.client:
        for port in RESERVED:
            sock = stack.enter_context(socket.socket(INET, DGRAM))
            sock.bind((ends.net.client.v4, port))
        assert bind_reserved(ends, INET, DGRAM)[1] == -errno.EADDRINUSE


@inet_family
def test_reserved_port_without_the_capability(ends, family):
    """EACCES without CAP_NET_BIND_SERVICE."""
    sock = ends.ksocket(family)
    address = ends.address(family, ends.net.client)
    os.seteuid(USER)
    try:
        result = sock.call("bind_reserved", address=address).result
    finally:
        os.seteuid(0)
    assert result == -errno.EACCES


def test_no_reserved_names(ends):
    """AF_UNIX has no ports."""
    sock = ends.ksocket(UNIX)
    assert sock.call("bind_reserved", address=name()).result == -errno.EAFNOSUPPORT
