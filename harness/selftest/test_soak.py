# SPDX-License-Identifier: GPL-2.0-only
"""What `make soak` runs where, and the table that it leaves."""

import json

from lab import kunit, matrix, soak
from lab.report import Report

SUITE = "test_rows"


def write(path, collected, **outcomes):
    """A file of results; outcomes by cell"""
    def name(cell):
        return f"tests/{SUITE}.py::test_transfer[{cell}]"
    entries = [{"collected": [name(cell) for cell in collected] + ["other.py::test_x[a/b]"]}]
    entries += [{"test": name(cell.replace("_", "/")), **entry}
                for cell, entry in outcomes.items()]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def rows(text) -> list:
    """The cells of a table's lines"""
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("|")]


def test_table(tmp_path):
    """What passed, what failed, what was lost, and what there is no cell for"""
    results = tmp_path / "results.jsonl"
    write(results, ["near/one", "near/two", "far, bad/two", "far, bad/three"],
          near_one={"outcome": "passed", "figure": "1 s"}, near_two={"outcome": "failed"})
    head, line, *body = rows(matrix.table(results, SUITE))
    assert head == ["network", "one", "two", "three"]
    assert not set("".join(line)) - {"-"}
    assert body == [["near", "1 s", "FAILED", "-"],
                    ["far, bad", "-", "not run", "not run"]]


def test_columns_stand_below_each_other(tmp_path):
    """It is read as plain text, too."""
    results = tmp_path / "results.jsonl"
    write(results, ["short/one", "very long/another one"])
    lines = [line for line in matrix.table(results, SUITE).splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1


def test_no_table(tmp_path):
    """Where no cell was collected, or nothing ran"""
    results = tmp_path / "results.jsonl"
    assert not matrix.table(results, SUITE)
    write(results, [])
    assert not matrix.table(results, SUITE)


def test_table_is_kept(tmp_path, monkeypatch):
    """Shown, and told of where it is"""
    monkeypatch.setattr(soak, "LOGS", tmp_path)
    monkeypatch.setattr(soak, "MATRIX", SUITE)
    results, said, report = tmp_path / "results.jsonl", [], Report("soak")
    write(results, ["near/one"])
    soak.keep_table(results, report, said.append)
    page = tmp_path / "soak" / "matrix.md"
    assert page.read_text(encoding="utf-8").strip() in said[0]
    assert str(page) in report.notes[0]


def test_runs():
    """All kernels, one, one that has no runs of its own, and what tests are named."""
    def names(kernel="", tests=""):
        return [name for name, _run in soak.chosen(kernel, tests)]
    assert names() == ["uml", "deb6.12", "deb6.1", "debug", "kcsan", "kcsan", "uml", "uml"]
    assert names("uml") == ["uml", "uml", "uml"]
    assert names("deb6.12") == ["deb6.12"]
    assert names("deb6.1") == ["deb6.1"]
    assert names(tests="x") == ["debug"]
    assert names("uml", "x") == ["uml"]


def test_lots_have_a_seed(monkeypatch):
    """That of the caller, or another one each time; it is told."""
    monkeypatch.setenv("KSOCKET_SEED", "5")
    choice = kunit.lots(50)
    assert choice.loads[0][1] == ("tcp_seed=5", "stream_lots=50")
    assert "KSOCKET_SEED=5" in choice.note
    monkeypatch.delenv("KSOCKET_SEED")
    assert kunit.lots(50).note != kunit.lots(50).note


def test_lots_are_played_by_parts(monkeypatch):
    """No case may take too long; none is played twice, and none is left out."""
    monkeypatch.setattr(kunit, "AT_ONCE", 100)
    loads = kunit.lots(250).loads
    assert [parameters[1] for _, parameters in loads] == [f"stream_lots={count}"
                                                          for count in (100, 100, 50)]
    assert len({parameters[0] for _, parameters in loads}) == 3
