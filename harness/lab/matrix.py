# SPDX-License-Identifier: GPL-2.0-only
"""The results of tests that are a matrix, as a table: test_transfer[row/column]."""

import re

from . import notes

HEAD = """\
Each cell: seconds, MB/s of both ways together, segments that were sent again. "-" is no cell.
But for "clean", the transfers went side by side.
"""


def table(results, suite: str) -> str:
    """Of a file of results, those of one suite: Markdown, whose columns stand below each other
    also as plain text; nothing when none was collected."""
    collected, outcomes = notes.read(results)
    cells, columns = {}, ["network"]
    for test in collected:
        found = re.fullmatch(rf".*\b{suite}\.py::\w+\[(.+)/(.+)\]", test)
        if found:
            row, column = found.groups()
            cells.setdefault(row, {})[column] = _cell(outcomes.get(test))
            columns += [column] if column not in columns else []
    if not cells:
        return ""
    rows = [[row, *(said.get(column, "-") for column in columns[1:])]
            for row, said in cells.items()]
    return f"{HEAD}\n{_drawn([columns, *rows])}"


def _cell(entry) -> str:
    """What came of a test"""
    if entry is None:
        return "not run"
    if entry["outcome"] == "passed":
        return entry.get("figure", "passed")
    return {"failed": "FAILED"}.get(entry["outcome"], entry["outcome"])


def _drawn(rows) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "".join("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |\n"
                   for row in rows)
