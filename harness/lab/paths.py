# SPDX-License-Identifier: GPL-2.0-only
"""Where things lie: the checkout, the cache, the logs."""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
HARNESS = REPO / "harness"
CONFIG = HARNESS / "config"
# Elsewhere, for whoever wants to run two at a time.
BUILD = Path(os.environ.get("KSOCKET_OUT") or REPO / "build").absolute()
LOGS = BUILD / "logs"

# A cache directory is complete when this file is in it: it is written last.
STAMP = ".complete"


def cache() -> Path:
    """The project's part of the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "ksocket"
    path.mkdir(parents=True, exist_ok=True)
    return path


def plain(name: str) -> str:
    """A package version as a file name that make and the shell leave alone."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


@contextlib.contextmanager
def locked(path: Path, say=None):
    """Hold a lock file beside path, so that two runs don't fill it at once."""
    lock = path.with_name(path.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if say:
                say(f"waiting for another run to let go of {lock}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def complete(path: Path) -> bool:
    return (path / STAMP).exists()


@contextlib.contextmanager
def filled(path: Path, keep: bool = False):
    """Yield path to be filled, or None when it is complete already.

    What an interrupted run left behind is removed first, unless the caller
    can go on from it (keep).
    """
    with locked(path):
        if complete(path):
            yield None
            return
        if path.exists() and not keep:
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        yield path
        (path / STAMP).touch()


def fresh(path: Path) -> Path:
    """An empty directory at path."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path
