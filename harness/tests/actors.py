# SPDX-License-Identifier: GPL-2.0-only
"""What a ksocket's receive actor took."""

from blocked import until
from ksock import ACTING


class Actor:
    """Sets an actor on a ksocket, which takes `allowed` bytes (all: None)."""

    def __init__(self, sock, does="take", allowed=None):
        self.sock = sock
        sock.call("actor", a=ACTING.index(does), b=-1 if allowed is None else allowed).check()

    def count(self) -> int:
        """Bytes that it took"""
        count = self.sock.call("taken").check().count
        assert count < 1 << 63, "the actor ran twice at a time"
        return count

    def taken(self, start=0) -> bytes:
        """Those bytes"""
        count = self.count()
        done = self.sock.call("taken", data=bytes(count - start), a=start).check()
        return done.data

    def refused(self) -> int:
        """What the call returned that it made"""
        return self.sock.call("taken").check().call.b

    def until(self, data: bytes):
        """Wait for these bytes, and no others."""
        until(lambda: self.count() >= len(data), f"the actor to take {len(data)} bytes")
        assert self.taken() == data

    def resume(self, more=0):
        self.sock.call("resume", b=more).check()
