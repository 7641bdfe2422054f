# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages, and a Debian to install them into.

They are made in build/deb/ of a copy of the sources. A System is a Debian 12 of
its own, with both kernels and their headers, that has seen neither them nor
DKMS; what is installed there is not installed on the host.
"""

import hashlib
import os
import shutil
from pathlib import Path

from . import kernels, packages
from .modules import SOURCES
from .paths import BUILD, LOGS, REPO, cache, filled, fresh
from .process import run

TOOLS = {
    "dpkg-dev": "/usr/bin/dpkg-buildpackage",
    "debhelper": "/usr/bin/dh",
    "dh-dkms": "/usr/bin/dh_dkms",
}
TESTERS = {"lintian": "/usr/bin/lintian", "mmdebstrap": "/usr/bin/mmdebstrap"}
PACKAGED = ("Makefile", "debian", "include", "ksocket")
DEBIAN = "bookworm"
# All that the packages depend on, to be there without a network; not installed.
DEPENDS = "dkms"
# Left out of the kernels, as nothing here loads it and each System is a copy.
EXCLUDED = ("/lib/modules/*/kernel/drivers/*", "/lib/modules/*/kernel/sound/*",
            "/usr/share/locale/*")
# Private mounts: they go with the command, also when it is killed.
ENTER = """
mount -t proc proc "$0/proc"
exec chroot "$0" "$@"
"""


def build(into: Path = None, say=print) -> list:
    """Make the packages in a directory (build/deb); return their files."""
    packages.ensure(TOOLS, say)
    root = fresh(into or BUILD / "deb")
    say(f"making the packages in {os.path.relpath(root)}")
    _export(root / "ksocket")
    run(["dpkg-buildpackage", "-b", "-us", "-uc"], cwd=root / "ksocket", timeout=300,
        log=LOGS / "deb.log", what="making the packages")
    return sorted(root.glob("*.deb"))


def _export(root: Path):
    """The sources that are packaged; what a build may have left is not copied."""
    for top in PACKAGED:
        source = REPO / top
        for path in [source] if source.is_file() else source.rglob("*"):
            if path.is_file() and (top == "debian" or path.name.endswith(SOURCES)):
                copy = root / path.relative_to(REPO)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)


def make() -> int:
    """What `make deb` does."""
    for path in build():
        print(f"  {os.path.relpath(path)}")
    return 0


def debian(say=print) -> Path:
    """The root of the Debian that each System is a copy of, made when it isn't cached."""
    wanted = [kernels.get(name, say) for name in kernels.DEBIAN]
    argv = _recipe([kernel.release for kernel in wanted])
    # A kernel's directory is named by its package's version, too.
    key = repr((argv, [kernel.headers.parents[2].name for kernel in wanted]))
    name = f"{DEBIAN}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    with filled(cache() / "systems" / name) as todo:
        if todo:
            packages.ensure(TESTERS, say)
            say("making a Debian with both kernels")
            run([*argv, DEBIAN, todo / "root", *_sources()], log=LOGS / "debian.log",
                timeout=1200, what="making a Debian")
    return cache() / "systems" / name / "root"


def _recipe(releases: list) -> list:
    include = ",".join(f"linux-{part}-{release}" for release in releases
                       for part in ("image", "headers"))
    fetch = f'apt-get --yes --download-only install {DEPENDS}'
    return ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={include}",
            *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED),
            "--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold",
            '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
            # Nobody boots from them.
            '--setup-hook=mkdir -p "$1/etc/initramfs-tools"; '
            'echo update_initramfs=no > "$1/etc/initramfs-tools/update-initramfs.conf"',
            f'--customize-hook=chroot "$1" sh -ec "apt-get clean; {fetch}"',
            "--skip=cleanup/apt"]


def _sources() -> list:
    """Where this machine has Debian from."""
    lines = run(["apt-get", "indextargets", "--format",
                 "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages",
                 "Origin: Debian"])
    return sorted(set(lines.splitlines()))


class System:
    """A Debian to change, as a context manager: with System(path) as system: ..."""

    def __init__(self, root: Path, say=print):
        self.root = root
        self.say = say

    def __enter__(self):
        original = debian(self.say)
        self.remove()
        self.root.parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "-a", "--reflink=auto", original, self.root], timeout=300)
        return self

    def __exit__(self, *_exc):
        self.remove()

    def remove(self):
        if self.root.exists():
            shutil.rmtree(self.root)

    def run(self, *argv, timeout: float = 300, log: Path = None, env=None) -> str:
        """Run a command in it, without a network; its processes end with it."""
        enter = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                 "sh", "-ec", ENTER, self.root]
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C",
               "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
        return run([*enter, *argv], timeout=timeout, log=log, env=env,
                   what=" ".join(str(a) for a in argv[:4]))

    def path(self, inside: str) -> Path:
        """Where a file of it lies on the host."""
        return self.root / inside.lstrip("/")
