# SPDX-License-Identifier: GPL-2.0-only
"""Runs the pytest suite inside a guest and brings its results home."""

import json
from pathlib import Path

from . import kernels, modules, packages, scan
from .errors import LabError
from .guest import SHARE, Guest
from .paths import REPO
from .report import Report

TESTS = REPO / "harness" / "tests"
BUDGET = 1500       # seconds that the suite may take in one guest


def run(name: str, expression: str = "", mark: str = "not soak", say=print,
        budget: float = BUDGET) -> Report:
    """Boot the kernel, run the suite, scan the log; return the counts."""
    packages.ensure(packages.TOOLS, say)
    kernel = kernels.get(name, say)
    root = modules.build(kernel, say=say)
    report = Report(f"harness {name}")
    guest = Guest(kernel, f"harness-{name}")
    say(f"booting {kernel.release} (log: {guest.console})")
    try:
        with guest:
            code = _pytest(guest, root, expression, mark, say, budget)
            if code not in (0, 1):
                report.failed("pytest", f"pytest in the guest ended with {code}: "
                                        f"see {guest.logs / 'pytest.log'}")
            finish(guest, root, report)
    except LabError as error:
        report.failed("guest", str(error))
    _collect(guest, report)
    return report


def environment(kernel, root: Path) -> dict:
    """What the tests in the guest are told."""
    return {"KSOCKET_BUILD": str(root), "KSOCKET_KERNEL": kernel.name,
            "PYTHONPATH": str(REPO / "harness"), "PYTHONDONTWRITEBYTECODE": "1"}


def _pytest(guest: Guest, root: Path, expression: str, mark: str, say, budget) -> int:
    argv = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-v",
            "--tb=short", "--color=no", f"--junitxml={SHARE}/junit.xml", "-m", mark, str(TESTS)]
    if expression:
        argv += ["-k", expression]
    env = dict(environment(guest.kernel, root), KSOCKET_RESULTS=f"{SHARE}/results.jsonl")
    with open(guest.logs / "pytest.log", "w", encoding="utf-8") as log:
        def show(_name, text):
            log.write(text)
            log.flush()
            say(text, end="", flush=True)

        return guest.run(argv, check=False, cwd=TESTS, env=env, timeout=budget,
                         on_output=show).code


def finish(guest: Guest, root: Path, report: Report, allow=()):
    """Unload everything, look for leaks, end the guest, scan its log."""
    _unload(guest, root, report)
    _kmemleak(guest)
    guest.quit()
    found = scan.findings(guest.log(), allow)
    if found:
        text = "\n\n".join(f"{f}\n{f.excerpt}" for f in found[:5])
        report.failed("log", f"{len(found)} findings in {guest.console}\n{text}")
    else:
        report.passed("log")


def _unload(guest: Guest, root: Path, report: Report):
    """Remove every module of ours that is loaded; each must let go."""
    loaded = guest.run(["cat", "/proc/modules"]).out
    loaded = [line.split()[0] for line in loaded.splitlines()]
    ours = {path.stem.replace("-", "_") for path in modules.built(root)}
    # The newest comes first in /proc/modules, so users come before the used.
    for name in [n for n in loaded if n in ours]:
        done = guest.run(["rmmod", name], check=False, timeout=60)
        if done.code:
            report.failed(f"rmmod {name}", done.err)
        else:
            report.passed(f"rmmod {name}")


def _kmemleak(guest: Guest):
    """Have the leaks printed to the console, where the scan finds them.

    Twice: an object is reported by the second scan that doesn't find it.
    """
    if not guest.kernel.debug:
        return
    script = ("f=/sys/kernel/debug/kmemleak; echo scan > $f && echo scan > $f && "
              "cat $f | tee /dev/kmsg")
    guest.run(["sh", "-c", script], timeout=240)


def _collect(guest: Guest, report: Report):
    """Merge what pytest reported test by test; what it didn't reach failed."""
    path = guest.share / "results.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    collected, seen = [], {}
    for line in lines:
        entry = json.loads(line)
        if "collected" in entry:
            collected = entry["collected"]
        else:
            seen[entry["test"]] = entry
    for test in collected:
        entry = seen.get(test)
        if entry is None:
            report.failed(test, f"not run: the guest ended first (log: {guest.console})")
        else:
            report.add(test, entry["outcome"], entry.get("text", ""))
    if not collected:
        report.failed("pytest", f"no test ran in the guest (log: {guest.console})")
