# SPDX-License-Identifier: GPL-2.0-only
"""Handles that are NULL, closed or never came to be."""

import errno
import select
import socket

import pytest

from ksock import NULL_DATA, NULL_HANDLE, NULL_NET, NULL_NEW, OPS

pytestmark = pytest.mark.smoke

POLLNVAL = select.POLLNVAL

# Each call with arguments that an open socket would take.
CALLS = {
    "close": {}, "bind": {"address": ("127.0.0.1", 0)}, "listen": {"a": 1},
    "accept": {"addrlen": 128}, "connect": {"address": ("127.0.0.1", 9)},
    "shutdown": {"a": socket.SHUT_RDWR}, "getpeername": {"addrlen": 128},
    "getsockname": {"addrlen": 128}, "send": {"data": b"x"},
    "sendto": {"data": b"x", "address": ("127.0.0.1", 9)}, "sendmsg": {"data": b"x"},
    "recv": {"data": bytes(8)}, "recvfrom": {"data": bytes(8), "addrlen": 128},
    "recvmsg": {"data": bytes(8), "addrlen": 128},
    "setsockopt": {"data": bytes(4), "a": socket.SOL_SOCKET, "b": socket.SO_KEEPALIVE, "c": 4},
    "getsockopt": {"data": bytes(4), "a": socket.SOL_SOCKET, "b": socket.SO_KEEPALIVE, "c": 4},
    "ioctl": {"a": 0x5421, "b": 1},
    "callbacks": {}, "callbacks_end": {}, "want_xmit": {},
    "bind_reserved": {"address": ("127.0.0.1", 0)}, "tune": {"data": bytes(56)},
    "actor": {"a": 1, "b": -1}, "send_bvec": {"data": b"x"}, "send_zc": {"data": b"x"},
}
# These are the device's own; a resume needs the actor that a handle had.
OTHERS = {"told", "open", "taken", "resume", "parcel", "spoil"}
every_call = pytest.mark.parametrize("op", CALLS)


def test_every_call_is_here():
    """No call is left out of the tests below."""
    assert set(OPS) - set(CALLS) == {"socket", "hold", "rele", "poll"} | OTHERS


@every_call
def test_null_handle(device, op):
    """A NULL handle is no socket."""
    done = device.call(op, null=NULL_HANDLE, **CALLS[op])
    assert (done.result, done.count, done.call.new) == (-errno.ENOTSOCK, 0, -1)


def test_null_handle_is_invalid_to_poll(device):
    """poll has no errno: EPOLLNVAL tells."""
    assert device.call("poll", null=NULL_HANDLE).count == POLLNVAL


@pytest.mark.parametrize("op", ["hold", "rele"])
def test_null_handle_is_no_reference(device, op):
    """Holding and releasing nothing does nothing."""
    assert device.call(op, null=NULL_HANDLE).result == 0


@every_call
def test_closed_handle(device, op):
    """A closed handle that is still held is no socket, as often as one asks."""
    sock = device.socket()
    sock.close()
    for _ in range(2):
        done = sock.call(op, **CALLS[op])
        assert (done.result, done.count, done.call.new) == (-errno.ENOTSOCK, 0, -1)


def test_closed_handle_is_invalid_to_poll(device):
    """A closed handle polls as invalid, and as nothing else."""
    sock = device.socket()
    sock.close()
    assert sock.poll() == POLLNVAL


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX],
                         ids=["inet", "inet6", "unix"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM],
                         ids=["stream", "dgram"])
def test_close_twice(device, family, kind):
    """The second close is an error and does nothing."""
    sock = device.socket(family, kind)
    assert sock.call("close").result == 0
    assert sock.call("close").result == -errno.ENOTSOCK


def test_holds_do_not_keep_a_socket_open(device):
    """However often it is held, a close closes it."""
    sock = device.socket()
    sock.hold()
    sock.hold()
    sock.close()
    assert sock.call("listen", a=1).result == -errno.ENOTSOCK
    sock.rele()
    sock.rele()
    assert sock.call("close").result == -errno.ENOTSOCK


# --- sockets that can't be made

def create(device, family, kind, protocol=0, **more):
    done = device.call("socket", a=family, b=kind, c=protocol, **more)
    assert done.call.new == -1
    return done.result


@pytest.mark.parametrize("family", [-1, 0, 46, 9999, 2**31 - 1])
def test_unknown_family(device, family):
    """socket(2): the implementation does not support the address family."""
    assert create(device, family, socket.SOCK_STREAM) == -errno.EAFNOSUPPORT


@pytest.mark.parametrize("kind", [-1, 11, 99, socket.SOCK_STREAM | socket.SOCK_NONBLOCK,
                                  socket.SOCK_STREAM | socket.SOCK_CLOEXEC])
def test_unknown_type(device, kind):
    """A type beyond the last one, and the flags of socket(2), which are for descriptors."""
    assert create(device, socket.AF_INET, kind) == -errno.EINVAL


@pytest.mark.parametrize("family, kind", [
    (socket.AF_INET, socket.SOCK_SEQPACKET), (socket.AF_INET6, socket.SOCK_SEQPACKET),
    (socket.AF_UNIX, socket.SOCK_RDM)], ids=["inet", "inet6", "unix"])
def test_type_of_another_family(device, family, kind):
    """The family has no such type."""
    assert create(device, family, kind) == -errno.ESOCKTNOSUPPORT


@pytest.mark.parametrize("family, kind, protocol", [
    (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_TCP),
    (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_UDP),
    (socket.AF_UNIX, socket.SOCK_STREAM, socket.IPPROTO_TCP)], ids=["inet", "inet6", "unix"])
def test_protocol_of_another_type(device, family, kind, protocol):
    """socket(2): the protocol type is not supported within this domain."""
    assert create(device, family, kind, protocol) == -errno.EPROTONOSUPPORT


@pytest.mark.parametrize("protocol", [-1, 2**31 - 1])
def test_protocol_out_of_range(device, protocol):
    """Numbers that no protocol can have."""
    assert create(device, socket.AF_INET, socket.SOCK_STREAM, protocol) == -errno.EINVAL


def test_unknown_creation_flag(device):
    """Flags of the future are refused, not ignored. (8 and 9 are the nesting level.)"""
    for bit in {*range(5, 32)} - {8, 9}:
        assert create(device, socket.AF_INET, socket.SOCK_STREAM, d=1 << bit) == -errno.EINVAL


def test_nowhere_to_store_the_handle(device):
    """NULL instead of the handle's address: no socket is made."""
    assert create(device, socket.AF_INET, socket.SOCK_STREAM, null=NULL_NEW) == -errno.EFAULT


def test_no_namespace(device):
    """NULL instead of a namespace."""
    assert create(device, socket.AF_INET, socket.SOCK_STREAM, null=NULL_NET) == -errno.EFAULT


@pytest.mark.parametrize("op", ["send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg"])
def test_no_buffer(device, op):
    """NULL instead of bytes, or of the message."""
    sock = device.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    done = sock.call(op, size=8, null=NULL_DATA, address=sock.getsockname())
    assert (done.result, done.count) == (-errno.EFAULT, 0)
