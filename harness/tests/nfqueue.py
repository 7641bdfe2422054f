# SPDX-License-Identifier: GPL-2.0-only
"""A program that decides on packets: NFQUEUE."""

import contextlib
import socket
import struct

import pytest

NETFILTER, QUEUE = 12, 3                    # the netlink family, and the subsystem in it
PACKET, VERDICT, CONFIG = (QUEUE << 8 | number for number in range(3))
COMMAND, PARAMETERS, HEADER = 1, 2, 1       # attributes, which each message has its own of
BIND, COPY_META, ACCEPT = 1, 1, 1
REQUEST, ACKNOWLEDGE, ERROR = 1, 4, 2


def message(kind, attribute, payload, queue=0, flags=REQUEST) -> bytes:
    """One with one attribute"""
    body = struct.pack("=BB", 0, 0) + struct.pack("!H", queue)
    body += struct.pack("=HH", 4 + len(payload), attribute) + payload
    body += bytes(-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def attributes(data) -> dict:
    """Those of a message, behind both headers"""
    found, at = {}, 20
    while at < len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind & 0x7fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


class Queue(contextlib.ExitStack):
    """Queue 0 of a namespace"""

    def __init__(self, namespace):
        super().__init__()
        with namespace:
            try:
                self.sock = self.enter_context(
                    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER))
            except OSError:
                pytest.skip("this kernel has no netlink of netfilter's")
        self._ask(COMMAND, struct.pack("!BBH", BIND, 0, 0))
        self._ask(PARAMETERS, struct.pack("!IB", 0, COPY_META))

    def _ask(self, attribute, payload):
        self.sock.send(message(CONFIG, attribute, payload, flags=REQUEST | ACKNOWLEDGE))
        answer = self.sock.recv(65536)
        kind, error = struct.unpack_from("=4xH10xi", answer)
        assert kind == ERROR
        if error:
            pytest.skip("this kernel has no NFQUEUE")

    def packet(self) -> int:
        """Wait for a packet; return its number."""
        number, = struct.unpack_from("!I", attributes(self.sock.recv(65536))[HEADER])
        return number

    def accept(self, number):
        """Let a packet go on."""
        self.sock.send(message(VERDICT, PARAMETERS, struct.pack("!II", ACCEPT, number)))

    def let_go(self):
        """Wait for a packet, and let it go on."""
        self.accept(self.packet())
