# SPDX-License-Identifier: GPL-2.0-only
"""The public calls and types, as the kernel's scripts/kernel-doc reads them."""

import re
from dataclasses import dataclass
from pathlib import Path

from . import ownkernel
from .errors import LabError
from .paths import REPO
from .process import run

HEADERS = sorted((REPO / "include/ksocket").glob("*.h"))
CORE = sorted((REPO / "ksocket/core").glob("*.c"))
SPHINX = "5.3.0"    # what the script takes for granted about its reader

# In which order, and under which heading, a reader meets them. Everything that
# is public has one place here.
TOPICS = (
    ("sockets", "Creating and closing",
     ("ksock_socket", "ksock_socket_net", "enum ksock_flags", "ksock_current_net", "ksock_close",
      "ksock_hold", "ksock_rele")),
    ("connections", "Addresses and connections",
     ("ksock_bind", "ksock_bind_reserved", "ksock_listen", "ksock_accept", "ksock_connect",
      "ksock_shutdown", "ksock_getsockname", "ksock_getpeername")),
    ("data", "Sending and receiving",
     ("ksock_send", "ksock_sendto", "ksock_sendmsg", "ksock_recv", "ksock_recvfrom",
      "ksock_recvmsg")),
    ("pages", "Sending without a copy", ("ksock_send_bvec", "ksock_send_zc")),
    ("events", "Events",
     ("ksock_callbacks", "struct ksock_callbacks", "enum ksock_callback_flags",
      "ksock_want_xmit", "ksock_poll")),
    ("actors", "Receive actors",
     ("ksock_set_rx_actor", "struct ksock_rx", "ksock_rx_resume", "ksock_rx_copy",
      "ksock_send_atomic", "ksock_sendto_atomic")),
    ("options", "Options and control",
     ("ksock_tune", "struct ksock_tuning", "ksock_setsockopt", "ksock_getsockopt",
      "ksock_ioctl")),
    ("families", "For a protocol family of its own", ("struct ksock_query",
                                                      "struct ksock_option")),
)


@dataclass(frozen=True)
class Entry:
    """One call, structure or enumeration."""

    kind: str       # function, struct or enum
    name: str
    title: str      # the name, as the language has it: struct ksock_tuning
    purpose: str
    prototype: str  # of a function, on one line
    rst: str        # all of it, for Sphinx
    roff: dict      # section, in capitals: its text, for man


def script(tree: Path = None, say=print) -> Path:
    """The kernel's script: from the tree that is built against, if it has it."""
    if tree and (tree / "scripts/kernel-doc").exists():
        return tree / "scripts/kernel-doc"
    return ownkernel.source(say) / "scripts/kernel-doc"


def public() -> list:
    """The calls that a consumer can make: exported, or inline in the header."""
    exported = [name for path in CORE for name in
                re.findall(r"^EXPORT_SYMBOL_GPL\((ksock_\w+)\)", _text(path), re.M)]
    inline = [name for path in HEADERS for name in
              re.findall(r"^static inline [\w *]*?\b(ksock_\w+)\(", _text(path), re.M)]
    return exported + inline


def read(program: Path) -> dict:
    """Every public entry that is described, by title."""
    wanted = set(public())
    types = {title: entry for title, entry in _entries(program, HEADERS).items()
             if entry.kind != "function"}
    calls = {title: entry for title, entry in _entries(program, [*HEADERS, *CORE]).items()
             if title in wanted}
    return {**types, **calls}


def topics(entries: dict) -> list:
    """(slug, heading, entries) in the order above; nothing left out."""
    known = [title for _, _, titles in TOPICS for title in titles]
    strange = sorted(set(known) ^ set(entries))
    if strange or len(known) != len(set(known)):
        raise LabError("harness/lab/kerneldoc.py: TOPICS and the reference differ in: "
                       + " ".join(strange))
    return [(slug, heading, [entries[title] for title in titles])
            for slug, heading, titles in TOPICS]


def incomplete(program: Path) -> str:
    """What the descriptions of the public calls lack."""
    entries = read(program)
    bad = []
    for name in sorted(public()):
        if name not in entries:
            bad.append(f"{name}: is public, and has no kernel-doc")
            continue
        entry = entries[name]
        bad += [f"{name}: its kernel-doc has no {section.title()}:"
                for section in _sections(entry) if not entry.roff.get(section)]
    if not bad:
        topics(entries)
    return "\n".join(bad)


def _sections(entry: Entry) -> tuple:
    void = re.match(r"void \w", entry.prototype)
    return ("CONTEXT",) if void else ("CONTEXT", "RETURN")


def _entries(program: Path, paths: list) -> dict:
    manual = {}
    for page in re.split(r"^(?=\.TH )", _told(program, "-man", paths), flags=re.M)[1:]:
        title = re.match(r'\.TH "[^"]*" 9 "([^"]*)"', page)[1]
        manual[title] = {name.upper(): text.strip("\n") for name, text in
                         re.findall(r'^\.SH "?([^"\n]*)"?\n(.*?)(?=^\.SH|\Z)', page, re.M | re.S)}
    found = {}
    blocks = re.split(r"^(?=\.\. c:(?:function|struct|enum)::)", _told(program, "-rst", paths),
                      flags=re.M)
    for block in blocks[1:]:
        kind, prototype = re.match(r"\.\. c:(\w+):: (.*)", block).groups()
        name = prototype if kind != "function" else re.match(r".*?(\w+) \(", prototype)[1]
        title = name if kind == "function" else f"{kind} {name}"
        roff = manual[title]
        purpose = roff["NAME"].partition(r" \- ")[2]
        found[title] = Entry(kind, name, title, purpose, prototype, block, roff)
    return found


def _told(program: Path, form: str, paths: list) -> str:
    """What the script prints; what it objects to is for `make check`."""
    argv = ["sh", "-c", 'exec perl "$@" 2>/dev/null', "sh", program, form, "-sphinx-version",
            SPHINX, *paths]
    return run([str(a) for a in argv], timeout=120, what="scripts/kernel-doc")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
