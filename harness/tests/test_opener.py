# SPDX-License-Identifier: GPL-2.0-only
"""Code that asks who opened a socket, and finds no file: it must not trip."""

import ctypes
import errno
import os
import socket
import struct

import pytest

from ksock import NULL_ADDR

pytestmark = pytest.mark.smoke

_libc = ctypes.CDLL(None, use_errno=True)

# linux/landlock.h, and the numbers of its system calls
CREATE_RULESET, RESTRICT_SELF = 444, 446
VERSION, SCOPES_SINCE, ABSTRACT_UNIX = 1, 6, 1

# linux/rtnetlink.h, linux/if_link.h
RTM_NEWLINK, NLMSG_ERROR, NLM_F_REQUEST, NLM_F_ACK = 16, 2, 1, 4


def landlock_version() -> int:
    return _libc.syscall(CREATE_RULESET, None, 0, VERSION)


def confined_connect(name: str) -> int:
    """The errno of a connect by a process that Landlock confines to its own names."""
    child = os.fork()
    if not child:
        rules = struct.pack("=QQQ", 0, 0, ABSTRACT_UNIX)
        ruleset = _libc.syscall(CREATE_RULESET, rules, len(rules), 0)
        if ruleset < 0 or _libc.syscall(RESTRICT_SELF, ruleset, 0):
            os._exit(255)
        with socket.socket(socket.AF_UNIX) as sock:
            os._exit(sock.connect_ex(name))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_landlock_asks_who_opened_a_name(device):
    """A confined process is refused a kernel's abstract name."""
    if landlock_version() < SCOPES_SINCE:
        pytest.skip("this kernel's Landlock knows no scopes")
    listener = device.socket(socket.AF_UNIX)
    listener.bind("\0ksocket-opener")
    listener.listen()
    assert confined_connect("\0ksocket-opener") == errno.EPERM


def test_netlink_asks_who_opened_a_socket(device):
    """A request that needs privileges, to the kernel by default: it is obeyed or refused."""
    sock = device.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    # A link without a name, kind or index: the answer is EINVAL to whoever may ask.
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
    sock.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK,
                          1, 0) + body)
    answer = sock.recv(4096)
    _length, kind, _flags, number, _port, error = struct.unpack_from("=IHHIIi", answer)
    assert (kind, number) == (NLMSG_ERROR, 1)
    assert error in (-errno.EINVAL, -errno.ENODEV, -errno.EOPNOTSUPP)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_STREAM],
                         ids=["dgram", "seqpacket", "stream"])
def test_length_of_no_address_means_nothing(device, kind):
    """sendmsg with a length left from an earlier receive, and no address."""
    one = device.socket(socket.AF_UNIX, kind)
    done = one.call("sendmsg", data=b"x", null=NULL_ADDR, addrlen=16)
    assert done.result == -errno.ENOTCONN
