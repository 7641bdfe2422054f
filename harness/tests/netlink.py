# SPDX-License-Identifier: GPL-2.0-only
"""sock_diag(7): asking the kernel for lists of sockets."""

import os
import socket
import struct
from dataclasses import dataclass, field

NETLINK_SOCK_DIAG = 4
BY_FAMILY, DESTROY = 20, 21                 # SOCK_DIAG_BY_FAMILY, SOCK_DESTROY
REQUEST, DUMP = 1, 0x300                    # NLM_F_*
DONE, ERROR = 3, 2                          # NLMSG_*
INFO, SKMEMINFO, SHUTDOWN, PROTOCOL, SKV6ONLY, MARK = 2, 7, 8, 10, 11, 15     # INET_DIAG_*
PAGE = 1 << 16

HEADER = struct.Struct("=IHHII")
ID = struct.Struct("!HH16s16s")             # and the device, and the cookie, in the host's order
REQ = struct.Struct("=BBBxI48s")


@dataclass
class Row:
    """A socket, as struct inet_diag_msg and attributes tell of it"""

    family: int
    state: int
    local: tuple
    remote: tuple
    device: int
    cookie: int
    rqueue: int
    wqueue: int
    uid: int
    inode: int
    attributes: dict = field(default_factory=dict)


def attributes(data: bytes) -> dict:
    """By their types"""
    told = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        told[kind] = data[4:length]
        data = data[(length + 3) & ~3:]
    return told


def row(data: bytes) -> Row:
    """A message's"""
    family, state = data[:2]
    sport, dport, src, dst = ID.unpack_from(data, 4)
    size = {socket.AF_INET: 4, socket.AF_INET6: 16}[family]
    local, remote = ((socket.inet_ntop(family, end[:size]), port)
                     for end, port in ((src, sport), (dst, dport)))
    device, cookie = struct.unpack_from("=IQ", data, 4 + ID.size)
    _, rqueue, wqueue, uid, inode = struct.unpack_from("=5I", data, 52)
    return Row(family, state, local, remote, device, cookie, rqueue, wqueue, uid, inode,
               attributes(data[72:]))


def request(family, protocol=0, states=0, ext=0, sport=0, dport=0) -> bytes:
    """A struct inet_diag_req_v2"""
    return REQ.pack(family, protocol, ext, states,
                    ID.pack(sport, dport, b"", b"") + bytes(12))


class Diag:
    """A socket of NETLINK_SOCK_DIAG in this thread's namespace"""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self.sock.settimeout(60)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.sock.close()

    def send(self, body: bytes, kind=BY_FAMILY, flags=DUMP, length=None):
        """Ask; length: what the header says"""
        length = HEADER.size + len(body) if length is None else length
        self.sock.send(HEADER.pack(length, kind, REQUEST | flags, 1, 0) + body)

    def page(self) -> tuple:
        """What comes next: rows, and whether they are the last. Errors are raised."""
        data, rows = self.sock.recv(PAGE), []
        while data:
            length, kind, _, _, _ = HEADER.unpack_from(data)
            body = data[HEADER.size:length]
            if kind in (DONE, ERROR):
                code, = struct.unpack_from("=i", body)
                if code:
                    raise OSError(-code, os.strerror(-code))
                return rows, True
            rows.append(row(body))
            data = data[(length + 3) & ~3:]
        return rows, False

    def rest(self) -> list:
        """All pages that are left"""
        rows, last = [], False
        while not last:
            more, last = self.page()
            rows += more
        return rows

    def answer(self, *what, **how) -> int:
        """0 for a list, or the errno that a request is answered with"""
        self.send(*what, **how)
        try:
            self.rest()
        except TimeoutError:
            raise
        except OSError as error:
            return error.errno
        return 0


def dump(family, **what) -> list:
    """The sockets of this thread's namespace"""
    with Diag() as diag:
        diag.send(request(family, **what))
        return diag.rest()
