# SPDX-License-Identifier: GPL-2.0-only
"""Runs the KUnit suites in a guest; the kernel's own parser reads the result."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from . import kernels, modules, ownkernel, packages
from .checkup import visit
from .errors import LabError
from .guest import Guest
from .paths import BUILD, locked
from .process import run as run_process
from .report import Report

# What is tested, and the suites of it
MODULES = (("ksocket/ksocket.ko", "kunit/ksocket_kunit.ko"),
           ("ksocket/kinet/kinet.ko", "kunit/kinet/kinet_kunit.ko"))
BEGIN, END = "lab: kunit begins", "lab: kunit ends"
BUDGET = 1200
AT_ONCE = 1000      # schedules: KUnit gives none of its cases more than 300 s


@dataclass
class Choice:
    """Which suites are played, one after the other, with what parameters"""

    name: str = "kunit"
    tested: tuple = tuple(tested for tested, _ in MODULES)
    loads: tuple = tuple((suites, ()) for _, suites in MODULES)
    append: str = ""            # to the kernel's command line
    note: str = ""


def lots(count: int) -> Choice:
    """So many random schedules of kinet's streams, and nothing else"""
    seed = int(os.environ.get("KSOCKET_SEED") or secrets.randbelow(1 << 31)) or 1
    tested, suites = MODULES[-1]
    loads = tuple((suites, (f"tcp_seed={seed + number}",
                            f"stream_lots={min(AT_ONCE, count - number * AT_ONCE)}"))
                  for number in range(-(-count // AT_ONCE)))
    return Choice("kunit-lots", (tested,), loads, "kunit.filter_glob=kinet_stream_lots",
                  f"{count} schedules, KSOCKET_SEED={seed}")


def run(name: str = "debug", say=print, count: int = 0) -> Report:
    """Boot the kernel, load the suites, count their cases; or play so many random schedules."""
    packages.ensure(packages.TOOLS, say)
    kernel = kernels.get(name, say)
    choice = lots(count) if count else Choice()
    if choice.note:
        say(choice.note)
    with locked(BUILD / f"{name}-guest", say):
        return _run(kernel, choice, say)


def _run(kernel, choice: Choice, say) -> Report:
    root = modules.build(kernel, say=say)
    report = Report(f"{choice.name} {kernel.name}")
    guest = Guest(kernel, f"{choice.name}-{kernel.name}", append=choice.append)
    say(f"booting {kernel.release} (log: {guest.console})")
    visit(guest, root, report, lambda: _load(guest, root, choice))
    try:
        pieces = cut(guest.log())
        for number, said in enumerate(pieces, 1):
            _count(guest, f"kunit{number}", said, report, say)
        if len(pieces) < len(choice.loads):
            report.failed("modules", f"not reached: {choice.loads[len(pieces)][0]}")
    except LabError as error:
        report.failed("parser", str(error))
    if choice.note:
        report.note(choice.note)
    return report


def _load(guest: Guest, root: Path, choice: Choice):
    """Load the suites; their verdict is in the log, insmod's is always good."""
    def mark(text):
        guest.run(["sh", "-c", f"echo '{text}' > /dev/kmsg"])

    for tested in choice.tested:
        guest.run(["insmod", root / tested])
    loaded = set()
    for suites, parameters in choice.loads:
        if suites in loaded:
            guest.run(["rmmod", Path(suites).stem])
        loaded.add(suites)
        mark(BEGIN)
        guest.run(["insmod", root / suites, *parameters], timeout=BUDGET)
        mark(END)


def cut(log: str) -> list:
    """What the suites of each module said; all that follows when the guest died in them."""
    _, *pieces = log.split(BEGIN)
    if not pieces:
        raise LabError("the suites were not reached")
    return [piece.partition(END)[0] for piece in pieces]


def _count(guest: Guest, name: str, said: str, report: Report, say):
    ktap = guest.logs / f"{name}.ktap"
    ktap.write_text(said, encoding="utf-8")
    result = guest.logs / f"{name}.json"
    script = ownkernel.source(say) / "tools/testing/kunit/kunit.py"
    # The parser's own exit code says "a test failed", which the JSON says too.
    argv = ["/usr/bin/python3", "-B", script, "parse", f"--json={result}", ktap]
    try:
        say(run_process(argv, timeout=120, cwd=script.parents[3]))
    except LabError as error:
        say(str(error))
    if not result.exists():
        raise LabError(f"kunit.py parse wrote nothing for {ktap}")
    cases = list(_cases(json.loads(result.read_text(encoding="utf-8"))))
    for test, status in cases:
        outcome = {"PASS": "passed", "SKIP": "skipped"}.get(status, "failed")
        report.add(test, outcome, f"{status} in {ktap}")
    if not cases:
        report.failed("suites", f"no test case in {ktap}")


def _cases(group: dict, path: str = ""):
    """Every case in the parser's tree, with its groups' names."""
    for case in group.get("test_cases", []):
        yield f"{path}{case['name']}", case["status"]
    for inner in group.get("sub_groups", []):
        yield from _cases(inner, f"{path}{inner['name']}.")
