# SPDX-License-Identifier: GPL-2.0-only
"""What a ksocket's callbacks were told.

    told = Events(sock, DEFERRED)
    told.expect("connected", ("recv", 5))

A value that nobody can know - how much room there is - is written ANY.
"""

import socket
import struct
from dataclasses import dataclass

import pytest

from blocked import until
from ksock import ACTIONS, DEFERRED, KINDS, OVERLAPS, VSOCK

_TOLD = struct.Struct("=IIqII")     # struct ksockctl_told
_ROOM = 1024

both_modes = pytest.mark.parametrize("mode", [0, DEFERRED], ids=["direct", "deferred"])


CLOSED = 7      # tcpi_state of a sock in TCP_CLOSE


def amount(family, count):
    """What recv tells of so many bytes: AF_VSOCK doesn't say how many."""
    return -1 if family == VSOCK else count


def tcp_state(sock) -> int:
    """tcpi_state"""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


class _Any:
    def __eq__(self, other):
        return True

    def __repr__(self):
        return "any"


ANY = _Any()


@dataclass(frozen=True)
class Told:
    """One callback"""

    kind: str
    value: int
    context: int
    pid: int


class Events:
    """Registers callbacks on a ksocket, and reads what they were told.

    action: what a callback of the kinds `upon` does, by name
    members: whether there are any callbacks in the registration
    """

    def __init__(self, sock, flags=0, action="none", upon=(), members=True):
        self.sock = sock
        kinds = sum(1 << KINDS.index(kind) for kind in upon)
        self.result = sock.call("callbacks", a=flags, b=ACTIONS.index(action), c=kinds,
                                d=not members)
        self.result.check()

    def all(self) -> list:
        """Every callback since the registration."""
        done = self.sock.call("told", data=bytes(_ROOM * _TOLD.size)).check()
        assert done.count <= _ROOM, "more callbacks than the recorder has room for"
        told = []
        for number in range(done.count):
            kind, context, value, pid, _ = _TOLD.unpack_from(done.data, number * _TOLD.size)
            told.append(Told(KINDS[kind], value, context, pid))
        assert not any(one.context & OVERLAPS for one in told), f"callbacks overlapped: {told}"
        return told

    def seen(self) -> list:
        """(kind, value) of every callback."""
        return [(one.kind, one.value) for one in self.all()]

    def of(self, kind) -> list:
        """The values that a kind of callback was told."""
        return [one.value for one in self.all() if one.kind == kind]

    def until(self, kind, value=ANY, times=1) -> list:
        """Wait until it was told so; return all that was told."""
        def told():
            return sum(one == (kind, value) for one in self.seen()) >= times

        try:
            until(told, f"{kind}({value})")
        except TimeoutError as error:
            raise AssertionError(f"{error}; it was told {self.seen()}") from None
        return self.seen()

    def expect(self, *events):
        """Wait for as many callbacks; they must be these: kinds, or (kind, value)."""
        wanted = [(one, 0) if isinstance(one, str) else one for one in events]

        def told():
            return len(self.seen()) >= len(wanted)

        try:
            until(told, f"{len(wanted)} callbacks")
        except TimeoutError:
            pass
        seen = self.seen()
        assert seen == wanted, f"it was told {seen}"

    def go_on(self):
        """Let the callback that waits, or spins, return."""
        self.sock.call("open").check()

    def end(self):
        """ksock_callbacks(s, NULL, NULL)"""
        self.sock.call("callbacks_end").check()
