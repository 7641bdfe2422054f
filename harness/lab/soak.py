# SPDX-License-Identifier: GPL-2.0-only
"""make soak: the long runs, each in a guest of its own."""

from . import harness
from .errors import LabError
from .report import Report

RUNS = (("debug", ""), ("kcsan", "churn"))      # kernels, and what is run there
BUDGET = 4 * 3600       # seconds for the tests in one guest


def run(kernel: str = "", tests: str = "", say=print) -> Report:
    """All of them, or what the caller names: debug when it names tests only."""
    report = Report("soak")
    runs = ((kernel or "debug", tests),) if kernel or tests else RUNS
    for name, expression in runs:
        try:
            report.merge(harness.run(name, expression, "soak", say=say, budget=BUDGET))
        except LabError as error:       # the next one may still run
            report.failed(name, str(error))
    return report
