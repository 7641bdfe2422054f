# SPDX-License-Identifier: GPL-2.0-only
"""Runs the pytest suite inside a guest and brings its results home."""

import os
from pathlib import Path

from . import kernels, modules, notes, packages
from .checkup import visit
from .guest import SHARE, Guest
from .paths import BUILD, REPO, locked
from .report import Report

TESTS = REPO / "harness" / "tests"
BUDGET = 1500       # seconds that the suite may take in one guest


def run(name: str, expression: str = "", mark: str = "not soak", say=print,
        budget: float = BUDGET, cover: int = None) -> Report:
    """Boot the kernel, run the suite, scan the log; return the counts.

    See cover.py for what that leaves of them: without it, all.
    """
    packages.ensure(packages.TOOLS, say)
    kernel = kernels.get(name, say)
    # The guest loads what lies there until it ends.
    with locked(BUILD / f"{name}-guest", say):
        return _run(kernel, chosen(expression, mark, cover), say, budget)


def chosen(expression: str, mark: str, cover: int) -> list:
    """What pytest is told of which tests to run"""
    return (["-m", mark] + (["-k", expression] if expression else []) +
            ([f"--cover={cover}"] if cover is not None else []))


def _run(kernel, which: list, say, budget: float) -> Report:
    name = kernel.name
    root = modules.build(kernel, say=say)
    report = Report(f"harness {name}")
    guest = Guest(kernel, f"harness-{name}")
    say(f"booting {kernel.release} (log: {guest.console})")
    visit(guest, root, report,
          lambda: _pytest(guest, root, report, which, say, budget))
    notes.add_to(report, guest.share / "results.jsonl",
                 f"the guest ended first (log: {guest.console})")
    return report


def environment(kernel, root: Path) -> dict:
    """What the tests in the guest are told."""
    return {"KSOCKET_BUILD": str(root), "KSOCKET_KERNEL": kernel.name,
            "KSOCKET_SEED": os.environ.get("KSOCKET_SEED", ""),
            "PYTHONPATH": str(REPO / "harness"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1"}


def _pytest(guest, root: Path, report: Report, which: list, say, budget):
    argv = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-v",
            "--tb=short", "--color=no", f"--junitxml={SHARE}/junit.xml", *which, str(TESTS)]
    env = dict(environment(guest.kernel, root), KSOCKET_RESULTS=f"{SHARE}/results.jsonl")
    with open(guest.logs / "pytest.log", "w", encoding="utf-8") as log:
        def show(_name, text):
            log.write(text)
            log.flush()
            say(text, end="", flush=True)

        code = guest.run(argv, check=False, cwd=TESTS, env=env, timeout=budget,
                         on_output=show).code
    if code not in (0, 1):
        report.failed("pytest", f"it ended with {code}: see {guest.logs / 'pytest.log'}")
