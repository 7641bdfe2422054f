# SPDX-License-Identifier: GPL-2.0-only
"""Runs the pytest suite inside a guest and brings its results home."""

import re
from pathlib import Path

from . import kernels, modules, notes, packages, scan
from .errors import LabError
from .guest import SHARE, Guest
from .paths import BUILD, REPO, locked
from .report import Report

TESTS = REPO / "harness" / "tests"
BUDGET = 1500       # seconds that the suite may take in one guest
NETNS_BOUND = 30    # seconds for the last namespaces to end


def run(name: str, expression: str = "", mark: str = "not soak", say=print,
        budget: float = BUDGET) -> Report:
    """Boot the kernel, run the suite, scan the log; return the counts."""
    packages.ensure(packages.TOOLS, say)
    kernel = kernels.get(name, say)
    # The guest loads what lies there until it ends.
    with locked(BUILD / f"{name}-guest", say):
        return _run(kernel, expression, mark, say, budget)


def _run(kernel, expression: str, mark: str, say, budget: float) -> Report:
    name = kernel.name
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
    notes.add_to(report, guest.share / "results.jsonl",
                 f"the guest ended first (log: {guest.console})")
    return report


def environment(kernel, root: Path) -> dict:
    """What the tests in the guest are told."""
    return {"KSOCKET_BUILD": str(root), "KSOCKET_KERNEL": kernel.name,
            "PYTHONPATH": str(REPO / "harness"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1"}


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
    namespaces(guest, root, report)
    sensors(guest, report)
    kmemleak(guest)
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


def namespaces(guest: Guest, root: Path, report: Report, bound: int = NETNS_BOUND):
    """Only the initial network namespace may be left.

    A namespace ends in a workqueue some time after its last reference went,
    so this waits for it, with a bound.
    """
    script = (f"insmod {root}/harness/modules/netns_count.ko || exit 1; "
              "f=/sys/module/netns_count/parameters/count; n=0; "
              f"while [ $(cat $f) != 1 ] && [ $n -lt {bound} ]; do "
              "sleep 1; n=$((n+1)); done; cat $f; rmmod netns_count")
    count = int(guest.run(["sh", "-c", script], timeout=bound + 60).out)
    if count == 1:
        report.passed("namespaces")
    else:
        report.failed("namespaces", f"{count - 1} network namespaces are still alive "
                                    f"{bound} s after the last test: leaked references")


def sensors(guest: Guest, report: Report):
    """lockdep must still be on: silence is only worth something if it is."""
    if not guest.kernel.debug:
        return
    stats = guest.run(["cat", "/proc/lockdep_stats"]).out
    if re.search(r"debug_locks:\s+1\b", stats):
        report.passed("lockdep is on")
    else:
        report.failed("lockdep is on", "it switched itself off; the log says why")


def kmemleak(guest: Guest):
    """Have the leaks printed to the console, where the scan finds them.

    Twice: kmemleak reports an object that two scans didn't find and that is
    more than five seconds old.
    """
    if not guest.kernel.debug:
        return
    script = ("f=/sys/kernel/debug/kmemleak; echo scan > $f && sleep 6 && "
              "echo scan > $f && cat $f | while IFS= read -r line; do "
              "echo \"$line\"; echo \"$line\" > /dev/kmsg; done")
    guest.run(["sh", "-c", script], timeout=240)
