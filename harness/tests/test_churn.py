# SPDX-License-Identifier: GPL-2.0-only
"""Sockets with callbacks, opened, flooded and closed, over and over, on every CPU at once.

churn.ko does it, and counts what must not be: a callback after its end, or beside another, an
event told twice, or not at all.
"""

import os
import time
from pathlib import Path

import pytest

import kmod
from blocked import until
from conftest import BUILD

REPORT = Path("/sys/module/churn/parameters/report")
KERNEL = os.environ.get("KSOCKET_KERNEL", "")
LISTINGS = ("ksocket", "ksocket_stat")
STUCK = 120         # seconds in which some cycle must end
SHOWN = 10          # seconds between two lines of progress
ENDINGS = 10


class Churn:
    """The module, loaded as a context manager."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def __enter__(self):
        kmod.load(BUILD / "harness/modules/churn.ko", **self.parameters)
        return self

    def __exit__(self, *_exc):
        kmod.unload("churn")

    @staticmethod
    def report() -> dict:
        """What was counted, by what it is: {"ended": {"close": 12, ...}, ...}."""
        table = {}
        for line in REPORT.read_text(encoding="ascii").splitlines():
            what, name, rest = line.split(" ", 2)
            table.setdefault(what, {})[name] = rest if what == "worker" else int(rest)
        return table

    def ended(self) -> int:
        return sum(self.report()["ended"].values())

    def run(self):
        """Until all cycles have ended; each must do so in time."""
        began = shown = moved = time.monotonic()
        before = 0
        while before < int(self.parameters["cycles"]):
            time.sleep(0.2)
            now, count = time.monotonic(), self.ended()
            if count > before:
                moved = now
            before = count
            # The listings are read as the sockets come and go.
            for name in LISTINGS:
                Path("/proc/net", name).read_bytes()
            assert now - moved < STUCK, f"no cycle has ended for {STUCK} s: {self.report()}"
            if now - shown > SHOWN:
                shown = now
                print(f"  {count} cycles, {count / (now - began):.0f} a second", flush=True)
        print(f"  {before} cycles in {time.monotonic() - began:.0f} s")


def assert_clean(report: dict):
    """The log names the first of each kind."""
    assert {name: count for name, count in report["violation"].items() if count} == {}


def churn(capfd, cycles: int, **parameters) -> dict:
    """Run that many cycles; return the report once nothing was wrong in it."""
    with capfd.disabled(), Churn(cycles=cycles, **parameters) as module:
        print()
        module.run()
        report = module.report()
        print("  " + ", ".join(f"{name} {count}" for what in ("ended", "event")
                               for name, count in report[what].items()))
    assert_clean(report)
    return report


def test_cycles(capfd):
    """Many on two CPUs under emulation, where KASAN and lockdep watch, or KCSAN; some elsewhere."""
    report = churn(capfd, 5000 if KERNEL in ("debug", "kcsan") else 1000)
    assert all(report["ended"].values()) and len(report["ended"]) == ENDINGS, report
    never = {"exception"}
    assert not [name for name, count in report["event"].items()
                if not count and name not in never], report


@pytest.mark.smoke
def test_some_cycles(capfd):
    """A few, from another seed."""
    churn(capfd, 300, seed=7)


@pytest.mark.smoke
@pytest.mark.parametrize("after", [1, 20, 50])
def test_unload_in_the_middle(after):
    """The module leaves while its cycles run."""
    with Churn(cycles=10**6, seed=after) as module:
        until(lambda: module.ended() >= after, "cycles to end")
        report = module.report()
    assert_clean(report)


@pytest.mark.soak
def test_soak(capfd):
    """A hundred thousand."""
    churn(capfd, 100_000, seed=time.time_ns() & 0xffffffff)
