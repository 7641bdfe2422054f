# SPDX-License-Identifier: GPL-2.0-only
"""`make docs`: the reference and the pages as HTML, and the man pages.

Sphinx reads a mirror: the Markdown pages where they lie in the checkout, the
calls, which scripts/kernel-doc describes, in reference/, and index.rst.
"""

import os
import re
import shutil
from pathlib import Path

from . import kerneldoc, man, packages
from .paths import BUILD, LOGS, REPO, fresh
from .process import run

HTML = BUILD / "docs/html"
HEADER = "include/ksocket/ksocket.h"
# The pages in the order of the index; what is not named comes behind.
GUIDES = ("README", "docs/consumer", "docs/events", "docs/contexts", "docs/api",
          "docs/examples", "docs/from-hooks", "docs/from-volo", "docs/kinet", "docs/kinet-wire",
          "docs/kinet-unload", "docs/tcp-rfc")
# Types that are no structure, by their topic
TYPES = {
    "sockets": ".. c:type:: ksocket_t\n\n   The handle of a socket.\n\n",
    "pages": ".. c:type:: ksock_zc_done_t\n\n   A function (void \\*arg, bool copied) that is told "
             "that the pages of a send may be reused.\n\n",
    "actors": ".. c:type:: ksock_rx_actor_t\n\n   A function (ksocket_t s, void \\*arg, "
              "const struct ksock_rx \\*rx) that takes data in place, and returns how many of "
              "``rx->len`` bytes it took.\n\n",
}
# Sphinx can't tell a structure from a call of the same name; its type's name can.
TYPEDEFS = {"struct ksock_callbacks": "ksock_callbacks_t"}


def build(say=print):
    packages.ensure(packages.WRITERS, say)
    program = kerneldoc.script(say=say)
    pages = man.build(program)
    say(f"{len(pages)} man pages: {man.PAGES}")
    say(f"the reference: {html(program)}")


def html(program: Path, into: Path = HTML) -> Path:
    """Have Sphinx make it; what Sphinx warns of is an error."""
    sources = into.with_name(into.name + "-sources")
    gather(program, sources)
    fresh(into)
    run(["/usr/bin/python3", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html",
         "-c", REPO / "docs", "-d", sources / ".doctrees", sources, into],
        log=LOGS / "docs.log", timeout=300, what="sphinx")
    return into / "index.html"


def gather(program: Path, into: Path):
    fresh(into)
    pages = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
    for page in pages:
        place = into / page.relative_to(REPO)
        place.parent.mkdir(exist_ok=True)
        place.write_text(_unlinked(page), encoding="utf-8")
    topics = kerneldoc.topics(kerneldoc.read(program))
    (into / "reference").mkdir()
    for slug, heading, entries in topics:
        text = _heading(heading) + TYPES.get(slug, "")
        text += "\n".join(map(_entry, entries))
        (into / f"reference/{slug}.rst").write_text(text, encoding="utf-8")
    names = [str(page.relative_to(REPO).with_suffix("")) for page in pages]
    guides = [name for name in GUIDES if name in names]
    guides += [name for name in names if name not in guides]
    (into / "index.rst").write_text(_index(topics, guides), encoding="utf-8")


def _unlinked(page: Path) -> str:
    """The page without links to what is no page: those keep their text alone.

    The header's becomes one to the reference.
    """
    def change(found):
        text, target = found.groups()
        path = (page.parent / target.partition("#")[0]).resolve()
        if ":" in target or path.suffix == ".md":
            return found[0]
        if path == REPO / HEADER:
            return f"[{text}]({os.path.relpath(REPO, page.parent)}/index.rst)"
        return f"`{text}`" if "`" not in text else text
    text = page.read_text(encoding="utf-8")
    named = dict(re.findall(r"^\[(\w+)\]: (\S+)$", text, re.M))
    text = re.sub(r"^\[\w+\]: \S+\n", "", text, flags=re.M)
    text = re.sub(r"(\[[^]\n]*\])\[(\w+)\]",
                  lambda link: f"{link[1]}({named[link[2]]})", text)
    return re.sub(r"\[([^]\n]*)\]\(([^)\s]+)\)", change, text)


def _index(topics: list, guides: list) -> str:
    """Everything, by topic: a table of the calls is what one looks for first."""
    text = _heading("ksocket") + "Berkeley sockets for kernel modules.\n\n"
    text += _tree("Guides", guides)
    text += _tree("Reference", [f"reference/{slug}" for slug, _, _ in topics])
    for _, heading, entries in topics:
        text += f"**{heading}**\n\n"
        text += "\n".join(f"- {_reference(e)}: {e.purpose}" for e in entries) + "\n\n"
    return text + "All names: :ref:`genindex`\n"


def _reference(entry) -> str:
    if entry.title in TYPEDEFS:
        return f":c:type:`{TYPEDEFS[entry.title]}`"
    return f":c:{'func' if entry.kind == 'function' else entry.kind}:`{entry.name}`"


def _tree(caption: str, names: list) -> str:
    lines = "".join(f"   {name}\n" for name in names)
    return f".. toctree::\n   :maxdepth: 1\n   :caption: {caption}\n\n{lines}\n"


def _heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _entry(entry) -> str:
    call = "()" if entry.kind == "function" else ""
    rst = entry.rst
    if entry.title in TYPEDEFS:
        rst = rst.replace(f".. c:{entry.kind}:: {entry.name}\n",
                          f".. c:type:: {TYPEDEFS[entry.title]}\n", 1)
    return _heading(entry.title + call, "-") + rst


def install(program: Path, root: str, directory: str) -> Path:
    """The man pages, below root, where man(1) looks."""
    place = Path(root + "/" + directory).resolve() / "man9"
    place.mkdir(parents=True, exist_ok=True)
    for page in man.build(program):
        shutil.copyfile(page, place / page.name)
    return place
