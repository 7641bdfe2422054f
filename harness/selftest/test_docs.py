# SPDX-License-Identifier: GPL-2.0-only
"""`make docs`: every call is there, no link is dead, and man(1) shows the pages."""

import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from lab import docs, kernels, kerneldoc, man, packages
from lab.paths import REPO

HEADER = (REPO / "include/ksocket/ksocket.h").read_text(encoding="utf-8")
DECLARED = sorted(set(re.findall(r"^(?!typedef)(?:[\w ]+[ *])(ksock_\w+)\(", HEADER, re.M)))


def run(*argv, **env) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in argv], text=True, capture_output=True, check=False,
                          timeout=60, env=dict(os.environ, **env))


@pytest.fixture(scope="module", name="program")
def _program():
    packages.ensure(packages.WRITERS)
    return kerneldoc.script()


@pytest.fixture(scope="module", name="pages")
def _pages(program, tmp_path_factory):
    return man.build(program, tmp_path_factory.mktemp("docs") / "man")


@pytest.fixture(scope="module", name="site")
def _site(program, tmp_path_factory):
    """Without a warning: Sphinx would have failed."""
    return docs.html(program, tmp_path_factory.mktemp("docs") / "html").parent


# --- man

def test_every_call_has_a_page(pages):
    """What the header declares, no more and no less, and the overview."""
    assert [page.stem for page in pages] == sorted([*DECLARED, "ksocket"])


def test_pages_have_their_sections(pages):
    for page in pages:
        text = page.read_text(encoding="utf-8")
        sections = re.findall(r'^\.SH "?(.*?)"?$', text, re.M)
        assert sections[:2] == ["NAME", "SYNOPSIS"], page
        assert re.search(rf"^{page.stem} \\- \S.*[^.]$", text, re.M), page
        assert ".B #include <ksocket/ksocket.h>\n" in text, page
        if page.stem != "ksocket":
            assert sections[-3:] == ["CONTEXT", "RETURN VALUE", "SEE ALSO"], page


def test_pages_name_pages(pages):
    names = {page.stem for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"^\.BR (\w+) \(9\)", text, re.M)) - {page.stem} <= names, page


def test_formatters_are_content(program, tmp_path, monkeypatch):
    """Neither groff nor mandoc has anything to say."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    pages = man.build(program, tmp_path / "man")
    assert '9 "2023-11-14"' in pages[0].read_text(encoding="utf-8")
    lint = run("mandoc", "-T", "lint", "-W", "warning", *pages)
    assert (lint.returncode, lint.stdout) == (0, "")
    for page in pages:
        said = run("groff", "-man", "-Tutf8", "-ww", "-z", page)
        assert (said.returncode, said.stderr) == (0, ""), page


def test_pages_are_reproducible(program, pages, tmp_path, monkeypatch):
    """Neither the day nor the kernel whose script is used is in them."""
    monkeypatch.setenv("KBUILD_BUILD_TIMESTAMP", "1999-12-31")
    older = kerneldoc.script(kernels.get("deb6.1").headers)
    assert older != program
    for again in (man.build(program, tmp_path / "a"), man.build(older, tmp_path / "b")):
        assert [p.name for p in again] == [p.name for p in pages]
        assert [p.read_bytes() for p in again] == [p.read_bytes() for p in pages]


def test_man_shows_an_installed_page(program, tmp_path):
    place = docs.install(program, str(tmp_path), "/usr/share/man")
    assert place == tmp_path / "usr/share/man/man9"
    shown = run("man", "-M", place.parent, "ksock_accept", MANPAGER="cat", MANWIDTH="80",
                LC_ALL="C.UTF-8")
    assert shown.returncode == 0, shown.stderr
    text = re.sub(r"\s+", " ", shown.stdout)
    assert "ksock_accept - take the next connection of a listening socket" in text
    assert ("int ksock_accept(ksocket_t s, ksocket_t *ns, struct sockaddr *addr, "
            "socklen_t *addrlen);") in text
    assert "RETURN VALUE 0, -EAGAIN when there is none" in text
    assert "SEE ALSO ksocket(9)," in text


# --- HTML

class Page(HTMLParser):
    """The anchors of a page, and where it leads to."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.anchors |= {said[key] for key in ("id", "name") if said.get(key)}
        self.links += [said[key] for key in ("href", "src") if said.get(key)]


def test_every_call_is_in_the_reference(site):
    anchors = set().union(*(Page(path).anchors for path in site.glob("reference/*.html")))
    assert not {f"c.{name}" for name in DECLARED} - anchors
    assert {"c.ksocket_t", "c.ksock_callbacks_t", "c.ksock_tuning", "c.ksock_query"} <= anchors
    events = (site / "reference/events.html").read_text(encoding="utf-8")
    assert "KSOCK_CB_DEFERRED" in events
    index = (site / "index.html").read_text(encoding="utf-8")
    assert not [name for name in DECLARED if f"#c.{name}\"" not in index]


def test_every_document_is_in_the_index(site):
    links = Page(site / "index.html").links
    names = ["README", *(f"docs/{path.stem}" for path in (REPO / "docs").glob("*.md"))]
    assert not [name for name in names if f"{name}.html" not in links]


def test_no_link_is_dead(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 10
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlparse(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            if not target.exists() or (parts.fragment and parts.fragment not in anchors):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert not dead


# --- what they are made of

BARE = """
/**
 * ksock_close() - close a socket
 * @s: handle
 */
int ksock_close(ksocket_t s)
{
}
EXPORT_SYMBOL_GPL(ksock_close);

int ksock_new(ksocket_t s)
{
}
EXPORT_SYMBOL_GPL(ksock_new);
"""


def test_an_incomplete_description_is_told(program, tmp_path, monkeypatch):
    source = tmp_path / "bare.c"
    source.write_text(BARE, encoding="utf-8")
    monkeypatch.setattr(kerneldoc, "CORE", [source])
    assert kerneldoc.incomplete(program).splitlines() == [
        "ksock_close: its kernel-doc has no Context:",
        "ksock_close: its kernel-doc has no Return:",
        "ksock_new: is public, and has no kernel-doc"]


# --- what the pages say

HOOKS = REPO / "docs/from-hooks"
PROTOCOL = (r"^struct record \{.*?^\};\n", r"^static int conn_flush\(.*?^\}\n",
            r"^static int conn_fill\(.*?^\}\n")


def code(text: str) -> int:
    """Lines that are neither blank nor comment."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip())


def without_protocol(text: str) -> str:
    for part in PROTOCOL:
        text, found = re.subn(part, "", text, flags=re.M | re.S)
        assert found == 1, part
    return text


def test_lines_saved():
    """docs/from-hooks.md counts right, and names functions that are there."""
    page = (REPO / "docs/from-hooks.md").read_text(encoding="utf-8")
    counts = {}
    for name in ("tally_raw.c", "tally.c"):
        text = (HOOKS / name).read_text(encoding="utf-8")
        counts[name] = (code(text), code(without_protocol(text)))
        assert f"| `{name}` | {counts[name][0]} | {counts[name][1]} |\n" in page
    saved = [raw - ours for raw, ours in zip(counts["tally_raw.c"], counts["tally.c"])]
    assert f"| saved | {saved[0]} | {saved[1]} |\n" in page
    raw = (HOOKS / "tally_raw.c").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:conn|listener|tally)_\w+)\(\)`", page))
    assert len(named) > 8
    assert not [name for name in named if f"{name}(" not in raw]


def test_volo_page_has_ten_events_and_all_six_callbacks():
    page = (REPO / "docs/from-volo.md").read_text(encoding="utf-8")
    events = re.findall(r"^\| `KSOCKET_EV_(\w+)` \| (.*) \|$", page, re.M)
    assert len({name for name, _ in events}) == len(events) == 10
    told = {name for _, here in events for name in re.findall(r"`([a-z]+)[`(]", here)}
    assert told == {"connected", "disconnected", "newconn", "recv", "xmit", "exception"}
    ours = re.findall(r"`(ksock_\w+)", page)
    assert not set(ours) - set(DECLARED) - {"ksock_cb_flags", "ksock_"}
