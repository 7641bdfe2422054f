# SPDX-License-Identifier: GPL-2.0-only
"""Plain `make`: modules for the running kernel, KDIR=, or Debian's newest."""

import os
import re
from pathlib import Path

from . import docs, kerneldoc, kernels, modules, packages
from .errors import LabError
from .kernels import Kernel
from .process import run


# Where what belongs on a system is built
INSTALLED = ("ksocket", "ksocket/kinet")


def choose(kdir: str, arch: str) -> Kernel:
    """The kernel to build for."""
    if kdir:
        return _tree(Path(kdir).resolve(), arch)
    release = os.uname().release
    here = Path("/lib/modules") / release / "build"
    if here.exists():
        return _tree(here, arch)
    packages.ensure(packages.TOOLS)
    print(f"no headers for the running kernel {release}: building for Debian's 6.12")
    return kernels.get("deb6.12")


def _tree(kdir: Path, arch: str) -> Kernel:
    release = kdir / "include/config/kernel.release"
    if not release.exists():
        raise LabError(f"KDIR={kdir}: no prepared kernel tree: {release} is missing")
    name = release.read_text(encoding="utf-8").strip()
    plain = re.sub(r"[^\w.+-]", "-", name) + (f"-{arch}" if arch else "")
    return Kernel(name=plain, release=name, image=None, headers=kdir,
                  make=(f"ARCH={arch}",) if arch else ())


def build(kdir: str = "", arch: str = "") -> Path:
    kernel = choose(kdir, arch)
    root = modules.build(kernel)
    for path in modules.built(root):
        print(f"  {os.path.relpath(path)}")
    return root


def install(kdir: str = "", arch: str = "", destdir: str = "",
            mandir: str = "/usr/local/share/man"):
    """modules_install of ksocket.ko and kinet.ko alone, and the man pages.

    INSTALL_MOD_PATH works as usual; DESTDIR comes before both places, and where
    only the former is given the pages go below it as well.

    The examples and the laboratory's modules have no business on a system. Nor
    has this the key that the kernel's own modules are signed with.
    """
    kernel = choose(kdir, arch)
    root = modules.build(kernel)
    modpath = os.environ.get("INSTALL_MOD_PATH", "")
    for directory in INSTALLED:
        argv = [*modules.make_args(kernel, root / directory), "CONFIG_MODULE_SIG_ALL="]
        print(run([*argv, f"INSTALL_MOD_PATH={destdir}{modpath}", "modules_install"],
                  timeout=300))
    place = docs.install(kerneldoc.script(kernel.headers), destdir or modpath, mandir)
    print(f"  man pages: {place}")
