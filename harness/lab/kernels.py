# SPDX-License-Identifier: GPL-2.0-only
"""The kernels the project is tried on, by short name.

deb6.1, deb6.12: Debian's newest amd64 kernel of the series, unpacked side by
side with its headers, nothing installed on the host. debug, uml, kcsan,
bench-uml: our own, see ownkernel.py.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from . import packages
from .errors import LabError
from .paths import cache, filled, plain
from .process import run

DEBIAN = {"deb6.1": "6.1", "deb6.12": "6.12"}
OWN = ("debug", "uml", "kcsan", "bench-uml")
ALL = (*DEBIAN, *OWN)


@dataclass(frozen=True)
class Kernel:
    """What is needed to build modules for a kernel and to boot it."""

    name: str            # the short name
    release: str         # what uname -r says
    image: Path          # to boot
    headers: Path        # to build modules against
    modules: Path = None     # its /lib/modules/<release>, when it has modules
    make: tuple = ()     # arguments for make
    debug: bool = False  # has KASAN, lockdep, kmemleak, KUnit

    @property
    def uml(self) -> bool:
        return self.name.endswith("uml")


def get(name: str, say=print) -> Kernel:
    """Fetch or build the kernel when it isn't in the cache yet."""
    if name in DEBIAN:
        return _debian(name, say)
    if name in OWN:
        from . import ownkernel
        return ownkernel.get(name, say)
    raise LabError(f"no kernel is called {name!r}; there are: {' '.join(ALL)}")


def _abi_key(name: str):
    return [int(n) for n in re.findall(r"\d+", name)]


def _newest_debian(series: str):
    """The newest release with image and headers: ABI name and its packages."""
    start = f"linux-headers-{series}."
    pattern = re.compile(re.escape(start) + r"\d+(-\d+|\+deb12(\.\d+)?)-amd64$")
    found = [n for n in packages.names(start) if pattern.match(n)]
    for headers in sorted(found, key=_abi_key, reverse=True):
        wanted = _parts(headers)
        if wanted:
            return headers.removeprefix("linux-headers-"), wanted
    raise LabError(f"apt knows no amd64 kernel {series} that has both image and headers")


def _parts(headers: str):
    """The four packages behind a headers package with their versions, or None."""
    own = packages.records(headers).get(headers, {})
    depends = own.get("Depends", "")
    common = re.search(r"linux-headers-\S+-common", depends)
    kbuild = re.search(r"linux-kbuild-[^\s,]+", depends)
    if not common or not kbuild:
        return None
    image = headers.replace("linux-headers-", "linux-image-", 1)
    others = packages.records(image, common[0], kbuild[0])
    if len(others) != 3 or others[image]["Version"] != own["Version"]:
        return None
    return {name: fields["Version"] for name, fields in {headers: own, **others}.items()}


@functools.lru_cache(maxsize=None)
def _resolve(series: str):
    if not packages.lists_present():
        packages.update()
    return _newest_debian(series)


def _debian(name: str, say) -> Kernel:
    release, wanted = _resolve(DEBIAN[name])
    version = wanted[f"linux-headers-{release}"]
    root = cache() / "debian" / plain(f"{release}_{version}")
    with filled(root) as todo:
        if todo:
            _unpack_debian(todo, release, wanted, say)
    headers = root / "usr/src" / f"linux-headers-{release}"
    # The modules' BTF would need pahole and is of no use here.
    return Kernel(name=name, release=release, image=root / f"boot/vmlinuz-{release}",
                  headers=headers, modules=root / "lib/modules" / release,
                  make=("CC=gcc-12", "CONFIG_DEBUG_INFO_BTF_MODULES="))


def _unpack_debian(root: Path, release: str, wanted: dict, say):
    say(f"fetching Debian's kernel {release}")
    for package, version in wanted.items():
        packages.unpack(packages.download(package, version, root), root)
    # The one absolute path in the headers; all their links are relative.
    makefile = root / "usr/src" / f"linux-headers-{release}" / "Makefile"
    text = makefile.read_text(encoding="utf-8")
    moved = text.replace("include /usr/src/", f"include {root}/usr/src/")
    if moved == text:
        raise LabError(f"{makefile}: no absolute include to rewrite; the package changed")
    makefile.write_text(moved, encoding="utf-8")
    run(["/sbin/depmod", "-b", root, release], timeout=120)
