# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin: notes each result in a file as soon as it is there.

So a run that dies, or whose guest dies, loses no test silently: what was
collected and has no result has failed.
"""

import json
import os

RESULTS = os.environ.get("KSOCKET_RESULTS")
settled = set()


def note(**entry):
    if RESULTS:
        with open(RESULTS, "a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")


def pytest_collection_finish(session):
    note(collected=[item.nodeid for item in session.items])


def pytest_collectreport(report):
    """A file that can't be read is a failure of its own."""
    if report.failed:
        note(test=report.nodeid, outcome="failed", text=report.longreprtext)


def pytest_runtest_logreport(report):
    """A test passed once its teardown did; any other outcome settles it before."""
    if report.failed:
        settled.add(report.nodeid)
        note(test=report.nodeid, outcome="failed", text=report.longreprtext)
    elif report.skipped:
        settled.add(report.nodeid)
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected"
        note(test=report.nodeid, outcome="skipped", text=reason)
    elif report.when == "teardown" and report.nodeid not in settled:
        note(test=report.nodeid, outcome="passed", **dict(report.user_properties))


def read(path):
    """Host side: (collected, results by test) from such a file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    collected, results = [], {}
    for line in lines:
        entry = json.loads(line)
        if "collected" in entry:
            collected += entry["collected"]
        elif results.get(entry["test"], {}).get("outcome") != "failed":
            results[entry["test"]] = entry
    return collected, results


def add_to(report, path, why: str):
    """Put the file's results into the report; why is said of what never ran."""
    collected, results = read(path)
    for test in collected:
        results.setdefault(test, {"outcome": "failed", "text": f"not run: {why}"})
    for test, entry in results.items():
        report.add(test, entry["outcome"], entry.get("text", ""))
    if not results:
        report.failed("pytest", f"no test ran: {why}")
