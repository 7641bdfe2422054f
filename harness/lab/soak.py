# SPDX-License-Identifier: GPL-2.0-only
"""make soak: the long runs, each in a guest of its own."""

from . import harness, kunit, matrix
from .errors import LabError
from .paths import LOGS
from .report import Report

BUDGET = 4 * 3600       # seconds for the tests in one guest
LOTS = 50_000           # random schedules of streams
MATRIX = "test_kinet_stream_matrix"
MOST = "soak and not matrix"


def tests_of(kernel: str, expression: str = "", mark: str = "soak"):
    """A run of tests, which leaves the table of those that are a matrix."""
    def run(say) -> Report:
        report = harness.run(kernel, expression, mark, say=say, budget=BUDGET)
        keep_table(LOGS / f"harness-{kernel}" / "share" / "results.jsonl", report, say)
        return report
    return run


def keep_table(results, report: Report, say):
    """Show it, and keep it where the next run of a guest does not remove it."""
    text = matrix.table(results, MATRIX)
    if text:
        page = LOGS / "soak" / "matrix.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        say(f"\n{text}")
        report.note(f"the matrix is in {page}")


def lots(say) -> Report:
    """Schedules in virtual time, of a seed that is told"""
    return kunit.run("uml", say, LOTS)


# Two CPUs meet what one doesn't, but under emulation the rest would take a day.
RUNS = (("uml", tests_of("uml", mark="not soak")),
        ("deb6.12", tests_of("deb6.12", mark="not soak")),
        ("deb6.1", tests_of("deb6.1", mark="smoke")),
        ("debug", tests_of("debug", mark="smp and soak")),
        ("kcsan", tests_of("kcsan", mark="smp and not soak")),
        ("kcsan", tests_of("kcsan", "churn")),
        ("uml", lots),
        ("uml", tests_of("uml", mark="soak and not smp")))


def chosen(kernel: str, tests: str) -> list:
    """All of them, or what the caller names: debug when it names tests only."""
    if tests:
        kernel = kernel or "debug"
        return [(kernel, tests_of(kernel, tests))]
    runs = [one for one in RUNS if kernel in ("", one[0])]
    return runs or [(kernel, tests_of(kernel, mark=MOST))]


def run(kernel: str = "", tests: str = "", say=print) -> Report:
    """What was chosen, one after the other"""
    report = Report("soak")
    for name, one in chosen(kernel, tests):
        try:
            report.merge(one(say))
        except LabError as error:       # the next one may still run
            report.failed(name, str(error))
    return report
