# SPDX-License-Identifier: GPL-2.0-only
"""Runs the laboratory's tests of itself, on the host."""

import os
import subprocess

from . import kernels, modules, notes, process
from .paths import HARNESS, LOGS, fresh
from .report import Report

BUDGET = 900


def run(say=print, kernel: str = "uml", expression: str = "") -> Report:
    modules.build(kernels.get(kernel, say), say=say)
    return _pytest("selftest", "not deb", expression, kernel, say)


def deb(say=print, expression: str = "") -> Report:
    """The Debian packages' tests, which need no kernel of our own."""
    return _pytest("deb", "deb", expression, "", say)


def _pytest(name: str, mark: str, expression: str, kernel: str, say) -> Report:
    logs = fresh(LOGS / name)
    report = Report(name)
    results = logs / "results.jsonl"
    env = dict(os.environ, KSOCKET_RESULTS=str(results), KSOCKET_SELFTEST_KERNEL=kernel,
               PYTHONUNBUFFERED="1")
    argv = ["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-v",
            "--tb=short", "--color=no", f"--junitxml={logs}/junit.xml", "-m", mark,
            HARNESS / "selftest"]
    if expression:
        argv += ["-k", expression]
    child = process.start(argv, env=env, cwd=HARNESS / "selftest", text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    try:
        with open(logs / "pytest.log", "w", encoding="utf-8") as log:
            for line in child.stdout:
                log.write(line)
                say(line, end="")
        child.wait(60)
    finally:
        process.stop(child)
    notes.add_to(report, results, f"pytest ended first (log: {logs / 'pytest.log'})")
    if child.returncode not in (0, 1):
        report.failed("pytest", f"ended with {child.returncode}: see {logs / 'pytest.log'}")
    return report
