# SPDX-License-Identifier: GPL-2.0-only
"""What stands between a failure and a green last line."""

import json
import subprocess
import time

import pytest

from lab import kunit, notes, ownkernel, process
from lab.errors import LabError
from lab.report import Report
from lab.stages import Runner, Stage


def passing(name):
    def run(_say):
        report = Report(name)
        report.passed("one")
        return report
    return run


def failing(name):
    def run(_say):
        report = Report(name)
        report.failed("one", "because")
        return report
    return run


def broken(_say):
    raise LabError("no such thing")


# --- the count

def test_nothing_ran_is_not_ok():
    """No failure among no tests is no success."""
    assert not Report("empty").ok()


def test_last_line_is_the_count():
    """The last line has the form that a machine reads."""
    report = Report("stage")
    report.passed("a")
    report.failed("b", "because")
    said = []
    report.show(said.append)
    assert said[-1].strip() == "1 passed, 1 failed"
    assert any("FAILED stage: b" in line for line in said)
    assert any("because" in line for line in said)


# --- stages

def test_stage_that_fails_is_counted():
    """A failed test and a stage that raised both turn the whole red."""
    report = Runner([Stage("good", 9, passing("good")), Stage("bad", 9, failing("bad")),
                     Stage("ugly", 9, broken)]).run()
    assert report.count() == "1 passed, 2 failed"
    assert not report.ok()


def test_what_needs_a_failed_stage_fails():
    """A stage that couldn't run isn't forgotten."""
    report = Runner([Stage("kernel", 9, broken, builder=True),
                     Stage("suite", 9, passing("suite"), ("kernel",))]).run()
    assert report.count() == "0 passed, 2 failed"
    assert "not run, as this failed: kernel" in report.bad[1][1]


def test_after_is_only_an_order():
    """A stage that comes after a failed one runs all the same, and later."""
    order = []

    def note(name):
        return lambda say: order.append(name)

    def fail(say):
        order.append("first")
        return broken(say)

    Runner([Stage("second", 9, note("second"), after=("first",)),
            Stage("first", 9, fail)]).run()
    assert order == ["first", "second"]


def test_budget_stops_a_stage():
    """A stage over its budget is stopped, and red."""
    def run(_say):
        process.run(["sleep", "1000"])

    began = time.monotonic()
    report = Runner([Stage("slow", 1, run)]).run()
    assert time.monotonic() - began < 30
    assert any("budget" in test for test, _ in report.bad)


def test_whole_stops_itself():
    """After the time for all of it, what runs is stopped and what waits is red."""
    def run(_say):
        process.run(["sleep", "1000"])

    began = time.monotonic()
    report = Runner([Stage("a", 900, run), Stage("b", 900, passing("b"), after=("a",))],
                    whole=1).run()
    assert time.monotonic() - began < 30
    assert any("time" in test for test, _ in report.bad)
    assert any("b" in test for test, _ in report.bad)


# --- results of a run that died

def write(path, *entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def test_lost_tests_have_failed(tmp_path):
    """What was collected and never reported has failed, with the reason."""
    results = tmp_path / "results.jsonl"
    write(results, {"collected": ["a", "b"]}, {"test": "a", "outcome": "passed"})
    report = Report("suite")
    notes.add_to(report, results, "it died")
    assert report.count() == "1 passed, 1 failed"
    assert report.bad[0] == ("suite: b", "not run: it died")


def test_no_results_have_failed(tmp_path):
    """A run without a trace is red."""
    report = Report("suite")
    notes.add_to(report, tmp_path / "missing", "it died")
    assert report.count() == "0 passed, 1 failed"


def test_failure_is_not_overwritten(tmp_path):
    """A failed teardown after a passed call leaves the test failed."""
    results = tmp_path / "results.jsonl"
    write(results, {"collected": ["a"]}, {"test": "a", "outcome": "failed", "text": "x"},
          {"test": "a", "outcome": "passed"})
    report = Report("suite")
    notes.add_to(report, results, "")
    assert report.count() == "0 passed, 1 failed"


# --- kernels

def test_dropped_option_is_named():
    """A line of a fragment that Kconfig dropped is an error that names it."""
    config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n"
    ownkernel.verify("CONFIG_A=y\nCONFIG_B=n\nCONFIG_D=n\n", config, "test")
    with pytest.raises(LabError, match=r"CONFIG_B=y \(it is n\), CONFIG_C=y \(it is m\)"):
        ownkernel.verify("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n", config, "test")


# --- KTAP

def test_ktap_is_cut():
    """The suites' part of the log; all that follows when the guest died."""
    log = f"boot\n{kunit.BEGIN}\nok 1\n{kunit.END}\nrest"
    assert [said.strip() for said in kunit.cut(log)] == ["ok 1"]
    assert kunit.cut(f"{log}{kunit.BEGIN}\nok 1\npanic")[1].strip().endswith("panic")
    with pytest.raises(LabError):
        kunit.cut("boot\n")


# --- processes

def test_failed_process_shows_its_tail():
    """The error has the exit code, what was said last, and the log."""
    with pytest.raises(LabError, match="exit code 3\nlast words"):
        process.run(["sh", "-c", "echo last words; exit 3"])


def test_bound_of_a_process():
    """A process that goes on is ended with its children."""
    with pytest.raises(LabError, match="did not end within 1 s"):
        process.run(["sh", "-c", "sleep 7531 & sleep 7531"], timeout=1)
    done = subprocess.run(["pgrep", "-f", "^sleep 7531"], capture_output=True, check=False)
    assert not done.stdout
