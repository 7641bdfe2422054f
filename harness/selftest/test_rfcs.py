# SPDX-License-Identifier: GPL-2.0-only
"""What docs/tcp-rfc.md gets wrong is found."""

import pytest

from lab import rfcs

PAGE = rfcs.PAGE.read_text(encoding="utf-8")
ROW = next(line for line in PAGE.splitlines() if line.startswith("| MUST-8 "))


def told(text: str) -> list:
    """What is said of a page in place of the right one"""
    assert text != PAGE
    return rfcs.problems(text)


def test_it_is_right():
    assert not rfcs.problems(PAGE)


def test_all_numbers_are_asked_for():
    assert len(rfcs.NUMBERED) == 69 + 31 + 18 + 1
    assert rfcs.problems("")[:1] == ["no row for MUST-1"]
    assert [problem for problem in told(PAGE.replace(ROW + "\n", "")) if "row" in problem] == [
        "no row for MUST-8"]
    assert "MUST-8 has 2 rows" in told(PAGE.replace(ROW, ROW + "\n" + ROW))


@pytest.mark.parametrize("old, new, problem", [
    ("tcp/isn.c::", "tcp/nsi.c::", "no file ksocket/kinet/tcp/nsi.c"),
    ("::kinet_isn`", "::kinet_nsi`", "no kinet_nsi in ksocket/kinet/tcp/isn.c"),
    # Called there, and defined elsewhere
    ("::kinet_isn`", "::siphash`", "no siphash in ksocket/kinet/tcp/isn.c"),
    ("tcp/isn.c::", "tcp/isn.h::", "no kinet_isn in ksocket/kinet/tcp/isn.h"),
    ("`tcp_guard.c::", "`tcp_drag.c::", "no file kunit/kinet/tcp_drag.c"),
    # A function, and no case
    ("::numbers_go_on_with_the_clock", "::some_ends",
     "no test some_ends in kunit/kinet/tcp_guard.c"),
    ("tcp_guard.c::numbers_go_on_with_the_clock", "test_kinet_stream.py::test_nothing",
     "no test test_nothing in harness/tests/test_kinet_stream.py"),
    ("`tcp_guard.c::numbers_go_on_with_the_clock`", "some", "it isn't said which test"),
    ("`tcp/isn.c::kinet_isn`", "", "it isn't said where"),
    ("| done |", "| nearly |", "nearly is no state"),
    ("| done |", "| partly |", "it isn't said why it is partly"),
    ("| done |", "| not: |", "it isn't said why it is not:"),
])
def test_row(old, new, problem):
    """Each of its cells is looked at."""
    assert old in ROW
    assert f"MUST-8: {problem}" in told(PAGE.replace(ROW, ROW.replace(old, new)))


def test_cells():
    short = ROW.replace("| done |", "|")
    assert f"not 6 cells: {short}" in told(PAGE.replace(ROW, short))


def test_counts():
    """They are the rows', for each part and for all."""
    changed = told(PAGE.replace(ROW, ROW.replace("| done |", "| partly: a bit |")))
    assert [problem.partition("| ")[2].split(" | ")[0] for problem in changed] == [
        "RFC 9293", "all"]
