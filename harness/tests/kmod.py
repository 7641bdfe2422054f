# SPDX-License-Identifier: GPL-2.0-only
"""Loading modules, with the errno that their init returned.

insmod(8) turns it into words, and costs an exec.
"""

import ctypes
import os
from pathlib import Path

FINIT_MODULE, DELETE_MODULE = 313, 176      # x86-64, and UML on it

_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(number, *args, what):
    if _libc.syscall(number, *args):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)


def load(path: Path, /, **parameters):
    """Load a module from this thread, so in this thread's network namespace."""
    words = " ".join(f'{key}="{value}"' for key, value in parameters.items())
    with open(path, "rb") as file:
        _syscall(FINIT_MODULE, file.fileno(), words.encode(), 0, what=str(path))


def unload(name: str):
    """Remove a module; EWOULDBLOCK when it is in use."""
    _syscall(DELETE_MODULE, name.encode(), os.O_NONBLOCK, what=name)
