# SPDX-License-Identifier: GPL-2.0-only
"""Tracepoints: what a module's say while something is done."""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

TRACING = Path("/sys/kernel/tracing")


@contextlib.contextmanager
def traced(system: str):
    """A function that returns what a system's tracepoints have said: (name, text) each"""
    if not TRACING.exists():
        pytest.skip("this kernel has no tracing")
    if not (TRACING / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "none", TRACING], check=True, timeout=60)
    # The names of those that run would be noted by patching the scheduler, for which
    # an emulator with a thread per processor may die: see `hooked` in conftest.py.
    (TRACING / "options/record-cmd").write_text("0", "ascii")
    switch = TRACING / "events" / system / "enable"
    switch.write_text("1", "ascii")
    (TRACING / "trace").write_text("", "ascii")
    try:
        yield lambda: re.findall(r" (\w+): (\w+=.*)", (TRACING / "trace").read_text("ascii"))
    finally:
        switch.write_text("0", "ascii")
