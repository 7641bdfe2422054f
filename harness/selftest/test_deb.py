# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages: what is in them, and what installing them does.

They are installed into a Debian of their own, for which DKMS builds at native
speed; what it built is loaded in guests that take that Debian as their root.
"""

import os
import re
import subprocess
import time

import pytest

from lab import deb, kernels, packages, scan
from lab.guest import Guest
from lab.paths import BUILD, LOGS, REPO

pytestmark = pytest.mark.deb

README = (REPO / "README.md").read_text(encoding="utf-8")
INSTALL = (REPO / "docs/install.md").read_text(encoding="utf-8")
SOURCE = {"Makefile", "dkms.conf", "include", "keep-symvers", "ksocket"}
KERNELS = tuple(kernels.DEBIAN)
OTHER = "6.5.0-1-amd64"     # a kernel that ksocket isn't made for
BOUND = 60
ECHO = """
import socket
server = socket.create_server(("127.0.0.1", 7))
peer, _ = server.accept()
peer.sendall(peer.recv(100))
"""


def block(text: str, language: str) -> str:
    """The first block of code in that language."""
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)[1]


def fields(path, *names) -> list:
    done = subprocess.run(["dpkg-deb", "-f", path, *names], capture_output=True, text=True,
                          check=True, timeout=BOUND)
    return done.stdout.split("\n")


def contents(path) -> set:
    """The files of a package, by their absolute names."""
    done = subprocess.run(["dpkg-deb", "-c", path], capture_output=True, text=True, check=True,
                          timeout=BOUND)
    names = [line.split(None, 5)[5].lstrip(".") for line in done.stdout.splitlines()]
    return {name for name in names if not name.endswith("/")}


# --- the packages

@pytest.fixture(scope="module")
def files():
    """The two packages, by name."""
    return {path.name.split("_")[0]: path for path in deb.build()}


@pytest.fixture(scope="module")
def version(files):
    return fields(files["ksocket-dkms"], "Version")[0].removeprefix("Version: ")


def test_names(files, version):
    """Two packages, of the version that the changelog says."""
    changelog = (REPO / "debian/changelog").read_text(encoding="utf-8")
    assert changelog.startswith(f"ksocket ({version}) ")
    assert {path.name for path in files.values()} == {
        f"ksocket-dkms_{version}_all.deb", f"ksocket-dev_{version}_all.deb"}


def test_source_is_the_module_alone(files, version):
    """DKMS gets every source of the module, and neither examples nor tests."""
    start = f"/usr/src/ksocket-{version}/"
    shipped = {name.removeprefix(start) for name in contents(files["ksocket-dkms"])
               if name.startswith("/usr/src/")}
    assert {name.split("/")[0] for name in shipped} == SOURCE
    ours = {str(path.relative_to(REPO)) for top in ("ksocket", "include")
            for path in (REPO / top).rglob("*") if path.suffix in (".c", ".h")}
    assert ours <= shipped


def test_headers(files):
    """The other one has the public headers, and what finds them."""
    ours = {f"/usr/share/ksocket/{path.relative_to(REPO)}"
            for path in (REPO / "include").rglob("*.h")}
    found = contents(files["ksocket-dev"])
    assert {name for name in found if not name.startswith("/usr/share/doc/")} == {
        *ours, "/usr/share/ksocket/ksocket.mk"}


def test_reproducible(files, tmp_path):
    """Made again elsewhere and by somebody else's habits: the same bytes."""
    before = os.umask(0o077)
    try:
        again = deb.build(tmp_path / "again")
    finally:
        os.umask(before)
    assert {path.name for path in again} == {path.name for path in files.values()}
    for path in again:
        assert path.read_bytes() == files[path.name.split("_")[0]].read_bytes(), path.name


def test_lintian(files):
    """Debian's own check has neither an error nor a warning."""
    packages.ensure(deb.TESTERS)
    done = subprocess.run(["lintian", "--allow-root", "--fail-on=error,warning",
                           *files.values()], text=True, timeout=300, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, "")


# --- installed

@pytest.fixture(scope="module")
def system(files):
    """A Debian with both kernels, into which both packages were installed."""
    with deb.System(BUILD / "system") as one:
        for path in files.values():
            one.path(f"/root/{path.name}").write_bytes(path.read_bytes())
        other = one.path(f"/lib/modules/{OTHER}")
        other.mkdir()
        (other / "build").symlink_to(f"../{kernels.get('deb6.12').release}/build")
        names = [f"/root/{path.name}" for path in files.values()]
        one.run("apt-get", "--yes", "install", *names, timeout=600, log=LOGS / "deb-install.log")
        yield one


@pytest.mark.parametrize("name", KERNELS)
def test_built(system, version, name):
    """DKMS has built and installed the modules, for both, without a warning."""
    release = kernels.get(name).release
    status = system.run("dkms", "status", "ksocket", "-k", release)
    assert f"ksocket/{version}, {release}, x86_64: installed" in status.splitlines()
    place = system.path(f"/var/lib/dkms/ksocket/{version}/{release}/x86_64")
    log = (place / "log/make.log").read_text(encoding="utf-8")
    ours = [line for line in log.splitlines() if re.search("warning:", line, re.I)]
    assert "ksocket.ko" in log and "kinet.ko" in log and not ours
    exports = (place / "module/Module.symvers").read_text(encoding="utf-8")
    assert "\tksock_close\t" in exports


def consumer(system, name: str, kind: str) -> str:
    """The README's module, built there: where it lies, as seen inside."""
    release = kernels.get(name).release
    place = f"/root/hello-{kind}-{name}"
    system.path(place).mkdir()
    system.path(f"{place}/hello.c").write_text(block(README, "c"), encoding="utf-8")
    env = {"KDIR": f"/lib/modules/{release}/build"}
    if kind == "variables":
        kbuild, command = block(README, "make"), block(README, "sh")
        given = block(INSTALL, "sh").replace("$(uname -r)", release)
        command = f"{given}\n{command}"
    else:
        kbuild = block(INSTALL, "make")
        command = 'make -C "$KDIR" M="$PWD" modules'
    system.path(f"{place}/Kbuild").write_text(kbuild, encoding="utf-8")
    said = system.run("sh", "-ec", f"cd {place}\n{command}", env=env)
    assert not re.search("warning:|undefined", said, re.I), said
    return f"{place}/hello.ko"


def say_hello(guest, system, module: str):
    """Load a consumer beside an echo server; it must hear its word."""
    before = len(guest.log())
    server = guest.start(["/usr/bin/python3", "-c", ECHO], timeout=BOUND)
    guest.run(["sh", "-c", "until ss -Hlt '( sport = :7 )' | grep -q .; do sleep 0.1; done"],
              timeout=BOUND)
    guest.run(["chroot", system.root, "insmod", module])
    assert server.wait().code == 0
    deadline = time.monotonic() + BOUND
    while "hello: got hello" not in guest.log()[before:]:
        assert time.monotonic() < deadline, guest.log()[before:]
        time.sleep(0.1)
    guest.run(["chroot", system.root, "rmmod", "hello"])


@pytest.mark.guest
@pytest.mark.parametrize("name", KERNELS)
def test_loads(system, name):
    """modprobe finds the modules there, and consumers built there run on them."""
    consumers = [consumer(system, name, kind) for kind in ("variables", "include")]
    with Guest(kernels.get(name), f"deb-{name}") as guest:
        for place in ("proc", "sys"):
            guest.run(["mount", "--bind", f"/{place}", system.path(place)])
        for module in ("ksocket", "kinet"):
            guest.run(["chroot", system.root, "modprobe", module])
            assert f"\n{module} " in "\n" + guest.run(["cat", "/proc/modules"]).out
        for module in consumers:
            say_hello(guest, system, module)
        guest.run(["chroot", system.root, "modprobe", "-r", "kinet", "ksocket"])
        assert not scan.findings(guest.log())


def test_other_kernel_is_skipped(system):
    """A kernel of another series doesn't keep the package from being installed."""
    said = (LOGS / "deb-install.log").read_text(encoding="utf-8")
    assert re.search(rf"module for {re.escape(OTHER)}\n(.*\n)*?Skipped\.", said)
    assert not list(system.path(f"/lib/modules/{OTHER}").rglob("ksocket.ko*"))


def test_removed(system):
    """Nothing stays behind when they are removed."""
    assert list(system.path("/lib/modules").rglob("ksocket.ko*"))
    assert list(system.path("/lib/modules").rglob("kinet.ko*"))
    system.run("apt-get", "--yes", "purge", "ksocket-dkms", "ksocket-dev")
    assert not list(system.path("/lib/modules").rglob("ksocket.ko*"))
    assert not list(system.path("/lib/modules").rglob("kinet.ko*"))
    left = [path for place in ("/usr/src", "/var/lib/dkms", "/usr/share")
            for path in system.path(place).glob("ksocket*")]
    assert not left
