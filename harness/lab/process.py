# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that end when we do."""

import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from .errors import LabError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_living = {}            # child: the thread that started it
_guard = threading.Lock()


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(argv, **kwargs) -> subprocess.Popen:
    """Start argv in a process group of its own that dies with us.

    The death signal belongs to the calling thread: a thread that starts a
    process must outlive it.
    """
    child = subprocess.Popen([str(a) for a in argv], start_new_session=True,
                             preexec_fn=_die_with_parent, **kwargs)
    with _guard:
        _living[child] = threading.get_ident()
    return child


def stop(child: subprocess.Popen):
    """End the child's whole group and reap it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    with _guard:
        _living.pop(child, None)


def stop_all(thread: int = None):
    """End every child, or those that one thread started."""
    with _guard:
        left = [c for c, starter in _living.items() if thread in (None, starter)]
    for child in left:
        stop(child)


def run(argv, log: Path = None, timeout: float = 600, what: str = None, **kwargs) -> str:
    """Run argv to its end; return what it printed, or raise with its tail."""
    what = what or " ".join(str(a) for a in argv[:4])
    child = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                  stderr=subprocess.STDOUT, text=True, errors="replace", **kwargs)
    try:
        text, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{what}: did not end within {timeout:.0f} s") from late
    finally:
        stop(child)
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
    if child.returncode:
        where = f" (log: {log})" if log else ""
        tail = "\n".join(text.splitlines()[-15:])
        raise LabError(f"{what}: exit code {child.returncode}{where}\n{tail}")
    return text


def install_handlers():
    """Make every way out of this process end its children."""
    def leave(signum, _frame):
        stop_all()
        sys.exit(128 + signum)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, leave)
    atexit.register(stop_all)
