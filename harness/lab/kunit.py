# SPDX-License-Identifier: GPL-2.0-only
"""Runs the KUnit suites in a guest; the kernel's own parser reads the result."""

import json
from pathlib import Path

from . import kernels, modules, ownkernel, packages
from .checkup import visit
from .errors import LabError
from .guest import Guest
from .paths import BUILD, locked
from .process import run as run_process
from .report import Report

MODULE = "kunit/ksocket_kunit.ko"
BEGIN, END = "lab: kunit begins", "lab: kunit ends"
BUDGET = 600


def run(name: str = "debug", say=print) -> Report:
    """Boot the kernel, load the suites, count their cases."""
    packages.ensure(packages.TOOLS, say)
    kernel = kernels.get(name, say)
    with locked(BUILD / f"{name}-guest", say):
        return _run(kernel, say)


def _run(kernel, say) -> Report:
    name = kernel.name
    root = modules.build(kernel, say=say)
    report = Report(f"kunit {name}")
    guest = Guest(kernel, f"kunit-{name}")
    say(f"booting {kernel.release} (log: {guest.console})")
    visit(guest, root, report, lambda: _load(guest, root))
    try:
        _count(guest, report, say)
    except LabError as error:
        report.failed("parser", str(error))
    return report


def _load(guest: Guest, root: Path):
    """Load the suites; their verdict is in the log, insmod's is always good."""
    def mark(text):
        guest.run(["sh", "-c", f"echo '{text}' > /dev/kmsg"])

    needed = [root / "ksocket/ksocket.ko", root / MODULE]
    guest.run(["insmod", needed[0]])
    mark(BEGIN)
    guest.run(["insmod", needed[1]], timeout=BUDGET)
    mark(END)


def cut(log: str) -> str:
    """What the suites said; all that follows when the guest died in them."""
    _, found, rest = log.partition(BEGIN)
    if not found:
        raise LabError("the suites were not reached")
    return rest.partition(END)[0]


def _count(guest: Guest, report: Report, say):
    ktap = guest.logs / "kunit.ktap"
    ktap.write_text(cut(guest.log()), encoding="utf-8")
    result = guest.logs / "kunit.json"
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
