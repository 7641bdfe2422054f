# SPDX-License-Identifier: GPL-2.0-only
"""Counts tests, keeps what failed, prints the last line."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """The results of one stage, or of all of them."""

    name: str
    good: list = field(default_factory=list)
    bad: list = field(default_factory=list)         # (test, text)
    skips: list = field(default_factory=list)       # (test, reason)
    notes: list = field(default_factory=list)       # to be said, whatever the result
    usable: bool = True      # whether what depends on this stage can run

    def passed(self, test: str):
        self.good.append(f"{self.name}: {test}")

    def failed(self, test: str, text: str = ""):
        self.bad.append((f"{self.name}: {test}", text))

    def skipped(self, test: str, why: str = ""):
        self.skips.append((f"{self.name}: {test}", why))

    def note(self, text: str):
        self.notes.append(f"{self.name}: {text}")

    def add(self, test: str, outcome: str, text: str = ""):
        if outcome == "passed":
            self.passed(test)
        elif outcome == "skipped":
            self.skipped(test, text)
        else:
            self.failed(test, text)

    def merge(self, other: "Report"):
        self.good += other.good
        self.bad += other.bad
        self.skips += other.skips
        self.notes += other.notes

    def ok(self) -> bool:
        """Nothing failed, and something ran."""
        return bool(self.good) and not self.bad

    def count(self) -> str:
        return f"{len(self.good)} passed, {len(self.bad)} failed"

    def skipped_because(self) -> dict:
        """How many were skipped, by stage and reason."""
        return Counter((test.partition(": ")[0], why.removeprefix("Skipped: "))
                       for test, why in self.skips)

    def show(self, say=print):
        """All failures, the skips, the notes, then the count as the last line."""
        for test, text in self.bad:
            say(f"\nFAILED {test}")
            for line in text.rstrip().splitlines():
                say(f"    {line}")
        for (stage, why), many in self.skipped_because().items():
            say(f"skipped in {stage}: {many}: {why}")
        for text in self.notes:
            say(f"noted in {text}")
        say(f"\n{self.count()}")
