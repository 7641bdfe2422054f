# SPDX-License-Identifier: GPL-2.0-only
"""docs/tcp-rfc.md: is what it names there, and are its counts right?"""

import re
from collections import Counter
from pathlib import Path

from .paths import REPO

PAGE = REPO / "docs/tcp-rfc.md"
STATES = ("done", "partly", "not", "not applicable")
CELLS = ("number", "requirement", "level", "where", "test", "state")
# RFC 9293, appendix B
NUMBERED = [f"{kind}-{number}" for kind, most in (("MUST", 69), ("SHLD", 31), ("MAY", 18),
                                                  ("REC", 1))
            for number in range(1, most + 1)]
CODE, KUNIT, TESTS = "ksocket/kinet", "kunit/kinet", "harness/tests"


def problems(text: str, root: Path = REPO) -> list:
    """What is wrong with the page."""
    table, found = rows(text)
    for row in table:
        found += [f"{row['number']}: {problem}" for problem in
                  [*_form(row), *_code(row, root), *_tests(row, root)]]
    numbers = Counter(row["number"] for row in table)
    found += [f"no row for {number}" for number in NUMBERED if not numbers[number]]
    found += [f"{number} has {numbers[number]} rows" for number in NUMBERED if numbers[number] > 1]
    return found + [f"the counts should be: {line}" for line in counts(text)
                    if line not in text.splitlines()]


def rows(text: str) -> tuple:
    """Those of the tables of requirements, and those that are none."""
    table, odd = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("", "Number", "---") or _is_count(cells):
            continue
        if len(cells) == len(CELLS):
            table.append(dict(zip(CELLS, cells)))
        else:
            odd.append(f"not {len(CELLS)} cells: {line}")
    return table, odd


def counts(text: str) -> list:
    """The lines of the table of counts, one for each heading."""
    lines, total = [], Counter()
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        here = Counter(state(row) for row in rows(part)[0])
        if here:
            lines.append(_count_line(part.splitlines()[0].split(":")[0], here))
        total += here
    return [*lines, _count_line("all", total)]


def summary(text: str) -> str:
    """How many of each state"""
    total = Counter(state(row) for row in rows(text)[0])
    untested = sum(row["test"] == "no test" for row in rows(text)[0] if state(row) == "done")
    return ", ".join(f"{total[one]} {one}" for one in STATES) + f"; {untested} done without a test"


def state(row: dict) -> str:
    """Without what is said of it"""
    return re.split("[:;]", row["state"])[0]


def _is_count(cells) -> bool:
    return len(cells) == 1 + len(STATES) and all(cell.isdigit() for cell in cells[1:])


def _count_line(heading, count) -> str:
    return " | ".join([f"| {heading}", *(str(count[one]) for one in STATES)]) + " |"


def _form(row):
    if state(row) not in STATES:
        yield f"{row['state']} is no state"
    elif state(row) != "done" and not re.match(r"[\w ]+: \S", row["state"]):
        yield f"it isn't said why it is {row['state']}"
    if state(row) in ("done", "partly") and "::" not in row["where"]:
        yield "it isn't said where"
    if "::" not in row["test"] and row["test"] != "no test":
        yield "it isn't said which test"


def _code(row, root):
    for file, name in re.findall(r"`([\w./]+)::(\w+)`", row["where"]):
        path = root / CODE / file
        if not path.is_file():
            yield f"no file {CODE}/{file}"
        elif not _defines(path.read_text(encoding="utf-8"), name):
            yield f"no {name} in {CODE}/{file}"


def _defines(code, name) -> bool:
    """A function's body, inline or not, or a type, or a table; not a declaration."""
    function = rf"^(?![ \t#*/])(?:[\w \t*]*[ \t*])?{name}\([^;{{]*\)\s*\{{"
    other = rf"^(?:static )?(?:const )?(?:\w+ )+{name}(?:\[\w*\] =)? \{{"
    return bool(re.search(rf"{function}|{other}", code, re.M))


def _tests(row, root):
    for file, name in re.findall(r"`([\w./]+)::(\w+)`", row["test"]):
        kunit = file.endswith(".c")
        path = root / (KUNIT if kunit else TESTS) / file
        case = rf"KUNIT_CASE(?:_PARAM|_SLOW)?\({name}\b" if kunit else rf"^def {name}\("
        if not path.is_file():
            yield f"no file {path.relative_to(root)}"
        elif not re.search(case, path.read_text(encoding="utf-8"), re.M):
            yield f"no test {name} in {path.relative_to(root)}"
