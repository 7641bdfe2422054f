# SPDX-License-Identifier: GPL-2.0-only
"""A call made by a thread of its own, which is known to be asleep in it."""

import threading
import time
from pathlib import Path

import pytest

# Numbers of system calls on x86-64
IOCTL, RECVFROM, ACCEPT4 = 16, 45, 288
BOUND = 60      # seconds; a guest under emulation with lockdep is slow


def until(condition, what: str, bound: float = BOUND):
    """Wait until condition() is true, and return what it returned."""
    end = time.monotonic() + bound
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise TimeoutError(f"{bound} s were not enough for: {what}")


def need_view_of_sleepers():
    """Skip the test where the kernel doesn't tell in which call a task sleeps."""
    if not Path("/proc/self/syscall").exists():
        pytest.skip("user-mode Linux doesn't say in which call a task sleeps")


def sleeps_in(call: int, tid: int) -> bool:
    """A thread is in that system call, and not runnable."""
    task = Path(f"/proc/self/task/{tid}")
    state = (task / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return (state in "SD" and
            (task / "syscall").read_text(encoding="ascii").startswith(f"{call} "))


class Blocked:
    """Starts sock.call(op, ...) in a thread and returns when it sleeps there: where a
    signal would wake it, or not (D, as a close that waits for callbacks)."""

    def __init__(self, sock, op: str, **fields):
        need_view_of_sleepers()
        self.done = None
        self.tid = None
        self.thread = threading.Thread(target=self._run, args=(sock, op, fields))
        self.thread.start()
        until(self.asleep, f"a thread to sleep in {op}")

    def _run(self, sock, op, fields):
        self.tid = threading.get_native_id()
        self.done = sock.call(op, **fields)

    def asleep(self) -> bool:
        """In ioctl(2), and not runnable."""
        if not self.tid:
            return False
        if not self.thread.is_alive():
            raise AssertionError(f"the call did not block: {self.done.result}")
        return sleeps_in(IOCTL, self.tid)

    def result(self) -> int:
        """What the call returned."""
        self.thread.join(BOUND)
        if self.thread.is_alive():
            raise TimeoutError(f"the call still blocks after {BOUND} s")
        return self.done.result
