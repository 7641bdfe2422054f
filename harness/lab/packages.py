# SPDX-License-Identifier: GPL-2.0-only
"""Debian's packages: what the laboratory needs, and kernels to unpack."""

import os
import re
import subprocess
from pathlib import Path

from .errors import LabError
from .process import run

# What a minimal Debian 12 may lack, package by package, with a file that
# tells whether it is there: no package manager is asked when nothing is missing.
TOOLS = {
    "build-essential": "/usr/bin/make",
    "gcc-12": "/usr/bin/gcc-12",
    "bc": "/usr/bin/bc",
    "bison": "/usr/bin/bison",
    "flex": "/usr/bin/flex",
    "cpio": "/usr/bin/cpio",
    "kmod": "/sbin/depmod",
    "xz-utils": "/usr/bin/xz",
    "libelf-dev": "/usr/include/libelf.h",
    "ccache": "/usr/bin/ccache",
    "perl": "/usr/bin/perl",
    "python3": "/usr/bin/python3",
    "python3-pytest": "/usr/lib/python3/dist-packages/pytest",
    "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
    "busybox-static": "/bin/busybox",
    "iproute2": "/usr/sbin/tc",
    "curl": "/usr/bin/curl",
    "nftables": "/usr/sbin/nft",
    "conntrack": "/usr/sbin/conntrack",
    "tcpdump": "/usr/bin/tcpdump",
    "dnsmasq-base": "/usr/sbin/dnsmasq",
    "bind9-dnsutils": "/usr/bin/dig",
    "bind9-host": "/usr/bin/host",
    "iperf3": "/usr/bin/iperf3",
    "nginx": "/usr/sbin/nginx",
    "openssl": "/usr/bin/openssl",
    "redis-server": "/usr/bin/redis-server",
    "redis-tools": "/usr/bin/redis-benchmark",
    "socat": "/usr/bin/socat",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
}
CHECKERS = {
    "sparse": "/usr/bin/sparse",
    "shellcheck": "/usr/bin/shellcheck",
    "pyflakes3": "/usr/bin/pyflakes3",
    "pycodestyle": "/usr/bin/pycodestyle",
    "codespell": "/usr/bin/codespell",
}
# For `make docs`; mandoc has a second opinion on the man pages.
WRITERS = {
    "python3-sphinx": "/usr/lib/python3/dist-packages/sphinx",
    "python3-sphinx-rtd-theme": "/usr/lib/python3/dist-packages/sphinx_rtd_theme",
    "python3-myst-parser": "/usr/lib/python3/dist-packages/myst_parser",
    "man-db": "/usr/bin/man",
    "groff-base": "/usr/bin/groff",
    "mandoc": "/usr/bin/mandoc",
}
BENCH = {
    "python3-matplotlib": "/usr/lib/python3/dist-packages/matplotlib",
    "libc6-dev": "/usr/lib/x86_64-linux-gnu/libc.a",
}
APT_ENV = dict(os.environ, DEBIAN_FRONTEND="noninteractive")


def lists_present() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


def update(say=print):
    say("apt-get update")
    run(["apt-get", "-q", "update"], env=APT_ENV, timeout=600)


def ensure(wanted: dict, say=print):
    """Install the packages whose file is missing."""
    missing = [name for name, path in wanted.items() if not Path(path).exists()]
    if not missing:
        return
    if os.geteuid() != 0:
        raise LabError("these packages are missing, and only root can install them: "
                       + " ".join(missing))
    if not lists_present():
        update(say)
    say("apt-get install " + " ".join(missing))
    install = ["apt-get", "-qy", "install", "--no-install-recommends", *missing]
    run(install, env=APT_ENV, timeout=1800)


def names(prefix: str) -> list:
    """Every package name in the lists that starts with prefix."""
    return run(["apt-cache", "pkgnames", prefix]).split()


def records(*wanted: str) -> dict:
    """The newest version's fields of each package that can be downloaded.

    All in one question: apt may have to read its lists anew for each, which takes
    a second, or on a busy machine minutes.
    """
    done = subprocess.run(["apt-cache", "show", "--no-all-versions", *wanted], text=True,
                          capture_output=True, check=False, timeout=600)
    found = (dict(re.findall(r"^(\S+): (.*)$", part, re.M)) for part in
             done.stdout.split("\n\n"))
    return {fields["Package"]: fields for fields in found if "Filename" in fields}


def download(name: str, version: str, into: Path) -> Path:
    """Fetch one package's file without installing it."""
    get = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"{name}={version}"]
    run(get, cwd=into, env=APT_ENV, timeout=1200, what=f"downloading {name} {version}")
    found = list(into.glob(f"{name}_*.deb"))
    if len(found) != 1:
        raise LabError(f"apt-get download {name}: expected one file, found {found}")
    return found[0]


def unpack(deb: Path, into: Path):
    run(["dpkg", "-x", deb, into], timeout=600)
    deb.unlink()
