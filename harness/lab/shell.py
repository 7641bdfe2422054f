# SPDX-License-Identifier: GPL-2.0-only
"""make shell: a person in a guest, with the modules loaded and a network up."""

import contextlib
import os
import shutil
import sys
import termios
from pathlib import Path

from . import harness, kernels, modules, packages
from .errors import LabError
from .guest import Guest
from .paths import REPO

SESSION = REPO / "harness" / "lab" / "session.py"
DAY = 24 * 3600


def run(name: str) -> int:
    if not sys.stdin.isatty():
        raise LabError("this needs a terminal")
    packages.ensure(packages.TOOLS)
    kernel = kernels.get(name)
    root = modules.build(kernel)
    guest = Guest(kernel, f"shell-{name}", terminal=True)
    print(f"booting {kernel.release} (log: {guest.console})")
    with terminal_restored(), guest:
        session(guest, root)
        guest.quit()
    print("\nback on the host")
    return 0


def session(guest: Guest, root: Path):
    """Set the network up, then a shell on the terminal until it ends."""
    size = shutil.get_terminal_size()
    env = dict(harness.environment(guest.kernel, root), LINES=str(size.lines),
               COLUMNS=str(size.columns), TERM=os.environ.get("TERM", "linux"),
               SHARE=str(guest.share))
    device = "/dev/tty1" if guest.kernel.uml else "/dev/ttyS1"
    guest.run(["/usr/bin/python3", "-B", SESSION, device], env=env, timeout=DAY)


@contextlib.contextmanager
def terminal_restored():
    """Give the terminal back as it was, however the guest ends."""
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
