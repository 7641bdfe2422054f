# SPDX-License-Identifier: GPL-2.0-only
"""ksocket's calls from Python, through /dev/ksockctl.

    with Device() as device:
        s = device.socket(AF_INET, SOCK_STREAM)
        s.connect(("192.0.2.1", 80))
        s.send(b"hello")

A call that returns a negative errno raises OSError with that errno. Addresses
are those of Python's own sockets. The calls are made by the calling thread: in
its network namespace, with its capabilities; a blocked one blocks no other
thread.
"""

import ctypes
import fcntl
import os
import socket
import struct

OPS = ("socket close hold rele bind listen accept connect shutdown getpeername "
       "getsockname send sendto sendmsg recv recvfrom recvmsg poll setsockopt "
       "getsockopt ioctl callbacks callbacks_end told open want_xmit bind_reserved tune "
       "actor taken resume send_bvec send_zc parcel spoil").split()
OP = {name: number for number, name in enumerate(OPS)}

NULL_HANDLE, NULL_DATA, NULL_ADDR, NULL_ADDRLEN, NULL_DONE, NULL_NEW, NULL_NET, NULL_PIECE = (
    1 << bit for bit in range(8))
NOPIN, NOIO, NOFS, ATOMIC, NOINTR = (1 << bit for bit in range(5))
KVEC, BVEC = 0, 1
DEFERRED = 1

# What a callback tells, in the numbers of enum ksockctl_kind; and what one can do.
KINDS = "connected disconnected newconn recv xmit exception action".split()
ACTING = "off take echo call".split()
LAYOUTS = "pages odd tiny compound slab tail".split()
ACTIONS = "none close end wait recv accept block spin".split()
URG, ERRQUEUE = 1, 2
IN_ATOMIC, IN_WORKER, OVERLAPS = 1, 2, 4

ADDR_ROOM = 128
VSOCK = 40      # AF_VSOCK, which not every Python knows


class Call(ctypes.Structure):
    """struct ksockctl_call"""
    _fields_ = [
        ("op", ctypes.c_uint32), ("handle", ctypes.c_int32),
        ("null", ctypes.c_uint32), ("fail_nth", ctypes.c_uint32),
        ("a", ctypes.c_int32), ("b", ctypes.c_int32), ("c", ctypes.c_int32),
        ("d", ctypes.c_uint32), ("new", ctypes.c_int32), ("result", ctypes.c_int32),
        ("data", ctypes.c_uint64), ("size", ctypes.c_uint64),
        ("data_len", ctypes.c_uint64), ("addr", ctypes.c_uint64),
        ("addrlen", ctypes.c_uint32), ("ctl_len", ctypes.c_uint32),
        ("ctl", ctypes.c_uint64), ("done", ctypes.c_uint64),
        ("msg_flags", ctypes.c_uint32), ("pad", ctypes.c_uint32),
    ]


KSOCKCTL_CALL = 3 << 30 | ctypes.sizeof(Call) << 16 | ord("k") << 8 | 1


def pack(address) -> bytes:
    """A Python address as a struct sockaddr; bytes pass as they are."""
    if isinstance(address, bytes):
        return address
    if isinstance(address, str):
        return struct.pack("=H", socket.AF_UNIX) + address.encode() + b"\0" * (
            not address.startswith("\0"))
    if isinstance(address[0], int):     # struct sockaddr_vm
        cid, port = address
        return struct.pack("=HHIIB3x", VSOCK, 0, port, cid, 0)
    if ":" in address[0]:
        host, port, flow, scope = (*address, 0, 0)[:4]
        return struct.pack("=H", socket.AF_INET6) + struct.pack(
            "!HI", port, flow) + socket.inet_pton(socket.AF_INET6, host) + struct.pack(
            "=I", scope)
    return struct.pack("=H", socket.AF_INET) + struct.pack(
        "!H", address[1]) + socket.inet_aton(address[0]) + b"\0" * 8


def unpack(raw: bytes):
    """A struct sockaddr as Python's own sockets would return it."""
    if len(raw) < 2:
        return None
    family, = struct.unpack_from("=H", raw)
    if family == socket.AF_INET:
        return socket.inet_ntoa(raw[4:8]), struct.unpack_from("!H", raw, 2)[0]
    if family == socket.AF_INET6:
        port, flow = struct.unpack_from("!HI", raw, 2)
        scope, = struct.unpack_from("=I", raw, 24)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, flow, scope
    if family == socket.AF_UNIX:
        path = raw[2:].decode()
        return path if path.startswith("\0") else path.partition("\0")[0]
    if family == VSOCK:
        port, cid = struct.unpack_from("=II", raw, 4)
        return cid, port
    return raw


class Device:
    """An open /dev/ksockctl; closing it closes every socket made through it."""

    def __init__(self):
        self.file = os.open("/dev/ksockctl", os.O_RDWR | os.O_CLOEXEC)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Close what is left open."""
        os.close(self.file)

    def call(self, op, handle=-1, data=b"", address=b"", addrlen=None, size=None, ctl=0,
             **fields) -> "Done":
        """Make one call and return what it left, without raising for its errno.

        ctl: control data to send, or the room for what is received
        """
        room = ctypes.create_string_buffer(bytes(data), max(len(data), 1))
        addr = ctypes.create_string_buffer(ADDR_ROOM)
        raw = pack(address)
        ctypes.memmove(addr, raw, len(raw))
        ctl = ctl if isinstance(ctl, bytes) else bytes(ctl)
        control = ctypes.create_string_buffer(ctl, max(len(ctl), 1))
        call = Call(op=OP[op], handle=handle, data=ctypes.addressof(room),
                    data_len=len(data), size=len(data) if size is None else size,
                    addr=ctypes.addressof(addr), ctl=ctypes.addressof(control), ctl_len=len(ctl),
                    addrlen=len(raw) if addrlen is None else addrlen, **fields)
        fcntl.ioctl(self.file, KSOCKCTL_CALL, call)
        return Done(call, room.raw[:len(data)], addr.raw, control.raw)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0,
               flags=0) -> "KSocket":
        """ksock_socket(), or ksock_socket_net() with flags"""
        done = self.call("socket", a=int(family), b=int(kind), c=protocol, d=flags)
        done.check()
        return KSocket(self, done.call.new)


class Done:
    """What a call left."""

    def __init__(self, call, data, addr, control):
        self.call = call
        self.result = call.result
        self.data = data
        self.raw_addr = addr
        self.addrlen = call.addrlen
        self.count = call.done
        self.control = control[:call.ctl_len]

    def check(self) -> "Done":
        """Raise the call's errno."""
        if self.result < 0:
            raise OSError(-self.result, os.strerror(-self.result))
        return self

    @property
    def address(self):
        """The address, cut where the call says that it ends."""
        return unpack(self.raw_addr[:self.addrlen])


class KSocket:
    """One ksocket; the methods are the calls."""

    def __init__(self, device, handle):
        self.device = device
        self.handle = handle

    def call(self, op, **fields) -> Done:
        """A call with all its arguments, without raising."""
        return self.device.call(op, self.handle, **fields)

    def close(self):
        self.call("close").check()

    def hold(self):
        self.call("hold").check()

    def rele(self):
        self.call("rele").check()

    def bind(self, address):
        self.call("bind", address=address).check()

    def listen(self, backlog=16):
        self.call("listen", a=backlog).check()

    def accept(self):
        """The new socket and the peer's address."""
        done = self.call("accept", addrlen=ADDR_ROOM).check()
        return KSocket(self.device, done.call.new), done.address

    def connect(self, address):
        self.call("connect", address=address).check()

    def shutdown(self, how):
        self.call("shutdown", a=how).check()

    def getpeername(self):
        return self.call("getpeername", addrlen=ADDR_ROOM).check().address

    def getsockname(self):
        return self.call("getsockname", addrlen=ADDR_ROOM).check().address

    def send(self, data, flags=0) -> int:
        return self.call("send", data=data, a=flags).check().count

    def sendto(self, data, address, flags=0) -> int:
        return self.call("sendto", data=data, address=address, a=flags).check().count

    def sendmsg(self, data, address=None, flags=0, kind=KVEC) -> int:
        null = 0 if address else NULL_ADDR
        return self.call("sendmsg", data=data, address=address or b"", null=null, a=flags,
                         b=kind).check().count

    def recv(self, size, flags=0) -> bytes:
        done = self.call("recv", data=bytes(size), a=flags).check()
        return done.data[:done.count]

    def recvfrom(self, size, flags=0):
        done = self.call("recvfrom", data=bytes(size), addrlen=ADDR_ROOM, a=flags).check()
        return done.data[:done.count], done.address

    def recvmsg(self, size, ctl=0, flags=0, kind=KVEC) -> Done:
        return self.call("recvmsg", data=bytes(size), addrlen=ADDR_ROOM, ctl=ctl, a=flags,
                         b=kind).check()

    def poll(self) -> int:
        return self.call("poll").count

    def setsockopt(self, level, name, value):
        """value: an int, or bytes"""
        raw = struct.pack("=i", value) if isinstance(value, int) else value
        self.call("setsockopt", data=raw, a=level, b=name, c=len(raw)).check()

    def getsockopt(self, level, name, size=None):
        """An int, or bytes when a size is given."""
        room = size or 4
        done = self.call("getsockopt", data=bytes(room), a=level, b=name, c=room).check()
        if size is None:
            return struct.unpack("=i", done.data)[0]
        return done.data[:done.call.c]

    def ioctl(self, cmd, value=0) -> int:
        return self.call("ioctl", a=ctypes.c_int32(cmd).value, b=value).check().call.b

    def nonblocking(self, value=True):
        """FIONBIO"""
        self.ioctl(0x5421, int(value))

    def recv_exactly(self, size) -> bytes:
        """All of it, from a stream."""
        data = b""
        while len(data) < size:
            piece = self.recv(size - len(data))
            if not piece:
                raise EOFError(f"{len(data)} of {size} bytes")
            data += piece
        return data
