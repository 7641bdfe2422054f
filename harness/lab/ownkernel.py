# SPDX-License-Identifier: GPL-2.0-only
"""Our own kernels: Debian's source with everything on that looks for mistakes.

debug is for QEMU (x86, two CPUs); uml is user-mode Linux (one CPU, quick);
kcsan, for QEMU too, has nothing but the watch on data races; bench-uml looks for
nothing, and is measured. Each is built once, and kept by the source's version and
its configuration.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import packages, process
from .errors import LabError
from .kernels import Kernel
from .paths import CONFIG, LOGS, cache, complete, filled, plain
from .process import run

SOURCE = "linux-source-6.12"
BUDGET = 3000       # seconds, on a machine that has other things to do as well


@dataclass(frozen=True)
class Recipe:
    """How one of our kernels is made."""

    arch: str
    fragments: tuple
    target: str     # what make builds
    image: str      # what is booted
    edits: tuple = ()   # (file, what stands there, what should)
    debug: bool = True      # see Kernel


# User-mode Linux keeps its processes' extended registers in an array that is too
# small on a host with AMX, whose kernel takes all of them or nothing: 11,008 bytes.
UML_REGISTERS = ("arch/x86/um/user-offsets.c", "DEFINE_LONGS(HOST_FP_SIZE, 2696)",
                 "DEFINE_LONGS(HOST_FP_SIZE, 12288)")

RECIPES = {
    "debug": Recipe("x86_64", ("common", "x86"), "vmlinux", "vmlinux"),
    "uml": Recipe("um", ("common", "uml"), "linux", "linux", (UML_REGISTERS,)),
    "kcsan": Recipe("x86_64", ("common", "x86", "kcsan"), "vmlinux", "vmlinux", debug=False),
    "bench-uml": Recipe("um", ("common", "uml", "bench"), "linux", "linux", (UML_REGISTERS,),
                        debug=False),
}


def source(say=print) -> Path:
    """Debian's newest 6.12 source, unpacked."""
    if not packages.lists_present():
        packages.update(say)
    version = packages.records(SOURCE).get(SOURCE, {}).get("Version")
    if not version:
        raise LabError(f"apt knows no {SOURCE}")
    root = cache() / "source" / plain(version)
    with filled(root) as todo:
        if todo:
            say(f"fetching {SOURCE} {version}")
            packages.unpack(packages.download(SOURCE, version, todo), todo)
            tarball = todo / "usr/src" / f"{SOURCE}.tar.xz"
            run(["tar", "-C", todo, "-xf", tarball], timeout=900)
            tarball.unlink()
    return root / SOURCE


def edit(tree: Path, edits: tuple):
    """Change the source where our kernel needs it; once."""
    for name, old, new in edits:
        path = tree / name
        text = path.read_text(encoding="utf-8")
        if new in text:
            continue
        if old not in text:
            raise LabError(f"{path}: there is no {old} to be changed into {new}")
        path.write_text(text.replace(old, new), encoding="utf-8")


def merged(recipe: Recipe) -> str:
    """The fragments, one after the other; what a later one says again replaces it."""
    lines = "".join((CONFIG / f"{name}.config").read_text(encoding="utf-8")
                    for name in recipe.fragments).splitlines(keepends=True)
    symbols = [line.partition("=")[0] if "=" in line else "" for line in lines]
    last = {symbol: number for number, symbol in enumerate(symbols)}
    return "".join(line for number, (line, symbol) in enumerate(zip(lines, symbols))
                   if not symbol or last[symbol] == number)


def place(name: str, say=print) -> Path:
    """Where the kernel is, or will be."""
    recipe = RECIPES[name]
    made_of = merged(recipe) + "".join(map(str, recipe.edits))
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    return cache() / "kernels" / f"{name}-{source(say).parent.name}-{digest}"


def cached(name: str, say=print) -> bool:
    return complete(place(name, say))


def get(name: str, say=print) -> Kernel:
    """Our kernel, built when it isn't in the cache yet."""
    recipe = RECIPES[name]
    tree = source(say)
    config = merged(recipe)
    root = place(name, say)
    with filled(root, keep=True) as todo:
        if todo:
            _build(name, recipe, tree, todo, config, say)
    release = (root / "include/config/kernel.release").read_text(encoding="utf-8").strip()
    return Kernel(name=name, release=release, image=root / recipe.image, headers=root,
                  modules=_listed(root, release), debug=recipe.debug,
                  make=(f"ARCH={recipe.arch}", "CC=gcc-12"))


def _listed(root: Path, release: str) -> Path:
    """A /lib/modules/<release> that tells modprobe what is built in: everything."""
    base = root / "modprobe"
    place = base / "lib/modules" / release
    with filled(base) as todo:
        if todo:
            place.mkdir(parents=True)
            for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
                shutil.copy(root / name, place)
            run(["/sbin/depmod", "-b", base, release], timeout=120)
    return place


def _build(name, recipe, tree, root, config, say):
    log = LOGS / f"kernel-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    edit(tree, recipe.edits)
    make = ["make", "-C", tree, f"O={root}", f"ARCH={recipe.arch}", "LOCALVERSION=",
            "CC=ccache gcc-12", "HOSTCC=ccache gcc-12"]
    (root / "fragment").write_text(config, encoding="utf-8")
    run([*make, "allnoconfig"], log=log, timeout=300, what=f"configuring the {name} kernel",
        env=dict(os.environ, KCONFIG_ALLCONFIG=str(root / "fragment")))
    verify(config, (root / ".config").read_text(encoding="utf-8"), name)
    say(f"building the {name} kernel, once (log: {log})")
    _compile([*make, f"-j{os.cpu_count() + 1}", recipe.target, "modules"], log, name, say)
    _prune(root)


def verify(fragment: str, config: str, name: str):
    """Every line of the fragment must have survived the dependencies."""
    have = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", config, re.M))
    lost = []
    for symbol, value in re.findall(r"^(CONFIG_\w+)=(.*)$", fragment, re.M):
        if have.get(symbol, "n") != value:
            lost.append(f"{symbol}={value} (it is {have.get(symbol, 'n')})")
    if lost:
        raise LabError(f"the {name} kernel's configuration dropped: " + ", ".join(lost))


def _compile(argv, log: Path, name: str, say):
    """Build at low priority; a line of progress now and then."""
    ccache = str(cache() / "ccache")
    env = dict(os.environ, CCACHE_DIR=ccache, CCACHE_MAXSIZE="4G")
    began = time.monotonic()
    with open(log, "wb") as out:
        child = process.start(["nice", "-n", "10", *argv], stdin=subprocess.DEVNULL,
                              stdout=out, stderr=subprocess.STDOUT, env=env)
        try:
            while child.poll() is None:
                _wait(child, 30)
                spent = time.monotonic() - began
                if spent > BUDGET:
                    raise LabError(f"the {name} kernel did not build within {BUDGET} s "
                                   f"(log: {log})")
                done = log.read_bytes().count(b"\n")
                say(f"  {name} kernel: {done} steps in {spent:.0f} s")
        finally:
            process.stop(child)
    if child.returncode:
        errors = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                  if "error" in line.lower() or "***" in line]
        raise LabError(f"the {name} kernel did not build (log: {log})\n"
                       + "\n".join(errors[:10]))


def _wait(child, seconds: float):
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def _prune(root: Path):
    """Keep what boots and what modules are built against."""
    for path in list(root.rglob("*")):
        inside = path.relative_to(root).parts
        if inside[0] in ("scripts", "tools"):
            continue
        if path.is_file() and (path.suffix in (".o", ".a") or path.name.endswith(".cmd")):
            path.unlink()
