# SPDX-License-Identifier: GPL-2.0-only
"""Pages that a ksocket sends by reference."""

import threading

from blocked import BOUND, until
from ksock import LAYOUTS

SPOIL, CALL = 1, 2      # what a completion does
SPOILT = b"\xee"        # what spoilt pages are full of


def pattern(size, seed=0) -> bytes:
    """Bytes in which every displacement shows, and none of them spoilt"""
    return bytes((number * 7 + (number >> 8) * 13 + seed) % 0xee for number in range(size))


class Parcel:
    """One send, by send_zc or send_bvec; result and sent are what it returned."""

    def __init__(self, sock, data, op="send_zc", layout="pages", does=0, **fields):
        self.sock = sock
        done = sock.call(op, data=data, b=LAYOUTS.index(layout), d=does, **fields)
        self.result = done.result
        self.sent = done.count
        self.number = done.call.d

    def _look(self):
        return self.sock.call("parcel", a=self.number).check()

    def told(self) -> int:
        """How often its completion was called"""
        return self._look().count

    def copied(self) -> bool:
        return bool(self._look().call.b)

    def refused(self) -> int:
        """What the call returned that its completion made"""
        return self._look().call.c

    def was_atomic(self) -> bool:
        return bool(self._look().call.d)

    def spoil(self):
        """Overwrite its pages now."""
        self.sock.call("spoil", a=self.number).check()

    def until_done(self):
        until(self.told, "the send to be done")
        assert self.told() == 1


class Receiver(threading.Thread):
    """Receives so much on a process's stream."""

    def __init__(self, peer, size):
        super().__init__(daemon=True)
        self.peer = peer
        self.size = size
        self.got = b""
        self.start()

    def run(self):
        parts = []
        left = self.size
        while left and (part := self.peer.recv(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        self.got = b"".join(parts)

    def result(self) -> bytes:
        self.join(BOUND)
        assert not self.is_alive(), f"{self.size} bytes did not come"
        return self.got
