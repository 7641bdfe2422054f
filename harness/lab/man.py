# SPDX-License-Identifier: GPL-2.0-only
"""Man pages of section 9, one a call, and ksocket(9) over them.

The text is that of scripts/kernel-doc; the frame is ours.
"""

import os
import re
import time
from pathlib import Path

from . import kerneldoc
from .paths import BUILD, fresh

PAGES = BUILD / "docs/man"
WIDTH = 66      # of a prototype's line


def build(program: Path, into: Path = PAGES) -> list:
    """Write every page; return them."""
    topics = kerneldoc.topics(kerneldoc.read(program))
    place = fresh(into) / "man9"
    place.mkdir()
    pages = {"ksocket": _overview(topics)}
    types = [e for _, _, entries in topics for e in entries if e.kind != "function"]
    for _, _, entries in topics:
        calls = [e for e in entries if e.kind == "function"]
        for call in calls:
            pages[call.name] = _page(call, calls, types)
    for name, text in pages.items():
        (place / f"{name}.9").write_text(text, encoding="utf-8")
    return sorted(place.iterdir())


def _head(name: str, purpose: str) -> str:
    """The same for the same sources: a date only when the environment has one."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch else ""
    return (f'.\\" SPDX-License-Identifier: GPL-2.0-only\n'
            f'.TH {name} 9 "{date}" ksocket "ksocket manual"\n'
            ".ad l\n.nh\n"
            f".SH NAME\n{name} \\- {purpose}\n"
            ".SH SYNOPSIS\n.nf\n.B #include <ksocket/ksocket.h>\n")


def _page(call, beside: list, types: list) -> str:
    text = _head(call.name, call.purpose) + ".PP\n" + _synopsis(call) + ".fi\n"
    if not call.prototype.endswith("(void)"):
        text += _section("ARGUMENTS", call.roff["ARGUMENTS"])
    text += _section("DESCRIPTION", call.roff.get("DESCRIPTION", ""))
    used = _used(call, types)
    for entry in used:
        text += _type(entry)
    text += _section("CONTEXT", call.roff.get("CONTEXT", ""))
    text += _section("RETURN VALUE", call.roff.get("RETURN", "") or "None.")
    said = "\n".join("\n".join(e.roff.values()) for e in (call, *used))
    names = [e.name for e in beside] + re.findall(r"\\fB(ksock_\w+)\\fP", said)
    return text + _see_also(sorted(set(names) - {call.name}))


def _overview(topics: list) -> str:
    text = _head("ksocket", "Berkeley sockets for kernel modules") + ".fi\n"
    text += _section("DESCRIPTION", (
        "The calls of ksocket.ko take and mean what their namesakes in user space do. "
        "Each returns 0 or a negative errno, may be made from process context only, and may "
        "sleep, unless its page says otherwise. Counts come back through a pointer, and hold "
        "what was really transferred, also on error."))
    for _, heading, entries in topics:
        calls = [e for e in entries if e.kind == "function"]
        if calls:
            text += f".SS {heading}\n"
        for call in calls:
            text += f".TP\n.BR {call.name} (9)\n{call.purpose}\n"
    return text


def _synopsis(call) -> str:
    """The prototype, its names apart, in lines that fit."""
    returns, name, inside = re.match(r"(.*?)(\w+) \((.*)\)$", call.prototype).groups()
    start = f"{returns.replace('* ', '*')}{name}("
    lines, line, width = [], f'.BI "{start}', len(start)
    arguments = re.split(r", (?![^(]*\))", inside)
    for argument in arguments:
        last = argument is arguments[-1]
        if width + len(argument) > WIDTH and width > len(start):
            lines.append(line.rstrip() + '"')
            line, width = '.BI "' + " " * len(start), len(start)
        line += _argument(argument) + (");" if last else ", ")
        width += len(argument) + 2
    return "\n".join([*lines, line + '"']) + "\n"


def _argument(argument: str) -> str:
    found = re.match(r"(.*?[ *(])(\w+)(\)\(.*\))?$", argument)
    if not found:
        return argument         # void
    before, name, behind = found.groups()
    return f'{before}" {name} "{behind or ""}'


def _type(entry) -> str:
    """A structure or enumeration, in the page of a call that takes it."""
    members = entry.roff.get("MEMBERS") or entry.roff.get("CONSTANTS", "")
    return (_section(entry.title.upper(), f"{entry.title} \\- {entry.purpose}\n\n{members}")
            + (".PP\n" + _body(entry.roff["DESCRIPTION"]) if entry.roff.get("DESCRIPTION")
               else ""))


def _used(call, types: list) -> list:
    """The types that the call takes, and those that these speak of."""
    used, text = [], call.prototype + "\n".join(call.roff.values())
    for _ in types:
        for entry in types:
            if entry not in used and re.search(rf"\b{entry.title}\b|\b{entry.name}_t\b", text):
                used.append(entry)
                text += "\n".join(entry.roff.values())
    return used


def _section(heading: str, text: str) -> str:
    return f'.SH "{heading}"\n{_body(text)}' if text else ""


def _body(text: str) -> str:
    """What kernel-doc says, in words that both groff and mandoc like."""
    text = re.sub(r'^\.IP "(.*?)" 12$', r".TP\n.I \1", text.strip("\n"), flags=re.M)
    text = re.sub(r"\\fB(ksock_\w+)\\fP", r"\\fB\1\\fP()", text)
    text = re.sub(r"(?<![\w\\])-(?=[A-Z0-9])", r"\\-", text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    text = re.sub(r"\n{2,}(?=\.TP)", "\n", text)
    return re.sub(r"\n{2,}", "\n.PP\n", text) + "\n"


def _see_also(names: list) -> str:
    lines = [f".BR {name} (9)" for name in ("ksocket", *names)]
    return ".SH SEE ALSO\n" + " ,\n".join(lines) + "\n"
