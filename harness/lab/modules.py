# SPDX-License-Identifier: GPL-2.0-only
"""Builds the project's modules, for several kernels side by side.

Kbuild writes beside the sources, so each kernel gets a mirror of them in
build/<kernel>/, made of symbolic links, and builds there.
"""

import os
import shutil
from pathlib import Path

from .kernels import Kernel
from .paths import BUILD, LOGS, REPO, locked
from .process import run

MIRRORED = ("Makefile", "include", "ksocket", "examples", "docs/from-hooks", "kunit",
            "harness/modules", "bench/modules")
SOURCES = (".c", ".h", ".S", "Kbuild", "Makefile")


def mirror(name: str, kernel: Kernel) -> Path:
    """Bring build/<name>/ in step with the sources and the kernel; return it."""
    root = BUILD / name
    made_for = root / ".headers"
    if root.exists() and _told(made_for) != str(kernel.headers):
        shutil.rmtree(root)     # another configuration's objects don't load
    root.mkdir(parents=True, exist_ok=True)
    made_for.write_text(str(kernel.headers), encoding="utf-8")
    wanted = {}
    for top in MIRRORED:
        for path in _files(REPO / top):
            if path.name.endswith(SOURCES):
                wanted[root / path.relative_to(REPO)] = path
    for link, path in wanted.items():
        _link(link, path)
    for link in [p for p in root.rglob("*") if p.is_symlink()]:
        if link not in wanted:
            link.unlink()
    return root


def _told(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _files(top: Path):
    if top.is_file():
        return [top]
    return [p for p in top.rglob("*") if p.is_file()]


def _link(link: Path, path: Path):
    if link.is_symlink() and os.readlink(link) == str(path):
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(path)


def make_args(kernel: Kernel, root: Path) -> list:
    return ["make", "-C", kernel.headers, f"M={root}", f"-j{os.cpu_count()}", *kernel.make]


def build(kernel: Kernel, extra=(), variant: str = "", say=print) -> Path:
    """Build every module for the kernel; return the directory they are in.

    extra is given to make, and such a build lives in a directory of its own
    (variant), as its objects are not the ones to be loaded.
    """
    name = kernel.name + (f"-{variant}" if variant else "")
    log = LOGS / f"build-{name}.log"
    with locked(BUILD / name):
        root = mirror(name, kernel)
        say(f"building the modules for {name} ({kernel.release})")
        run([*make_args(kernel, root), *extra, "modules"], log=log, timeout=1200,
            what=f"building the modules for {name}")
    return root


def built(root: Path) -> list:
    """The modules in a build directory, in an order in which they load."""
    order = (root / "modules.order").read_text(encoding="utf-8").split()
    found = []
    for line in order:
        path = Path(line).with_suffix(".ko")
        found.append(path if path.is_absolute() else root / path)
    return found
