# SPDX-License-Identifier: GPL-2.0-only
"""What every test in the guest has: the modules, and a watch on the log."""

import contextlib
import errno
import os
import subprocess
from pathlib import Path

import kinet
import kmod
import pytest
import streams as tcp
import topology
from ksock import Device
from peers import Ends
from programs import ROLES, Programs

from lab import scan
from lab.paths import REPO

# Notes each result at once: a guest that dies loses none silently.
pytest_plugins = ["lab.notes", "lab.cover"]

BUILD = Path(os.environ["KSOCKET_BUILD"])
MODULES = ("ksocket/ksocket.ko", "ksocket/kinet/kinet.ko", "harness/modules/ksockctl.ko")


# What a second CPU, or a caller that sleeps in a call, has a part in: `make test`
# runs these under emulation too, on the debug kernel and on Debian's of the same
# source. All the others meet the same checkers in user-mode Linux, at ten times the
# speed.
SMP = {"test_actor", "test_churn", "test_close", "test_concurrent", "test_event_lifetime",
       "test_event_races", "test_example_chat", "test_example_echo", "test_example_http",
       "test_example_ping", "test_example_relay", "test_kinet_dgram", "test_kinet_raw",
       "test_kinet_stream", "test_kinet_unload", "test_module", "test_netns", "test_nonblock",
       "test_random", "test_signals", "test_smoke", "test_stream", "test_topology"}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in SMP:
            item.add_marker("smp")


class KernelLog:
    """Reads /dev/kmsg from where it was opened."""

    def __init__(self):
        self.file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.file, 0, os.SEEK_END)

    def new(self) -> str:
        """What was logged since the last call, without the records' headers."""
        out = []
        while True:
            try:
                record = os.read(self.file, 8192).decode(errors="replace")
            except BlockingIOError:
                return "\n".join(out)
            except OSError as error:
                if error.errno == errno.EPIPE:      # the ring went round
                    continue
                raise
            out.append(record.partition(";")[2].split("\n")[0])


KLOG = KernelLog()


@pytest.fixture(autouse=True)
def kernel_log():
    """Fail the test in which the kernel complained."""
    KLOG.new()
    yield
    found = scan.findings(KLOG.new())
    if found:
        pytest.fail("the kernel complained during this test:\n" + found[0].excerpt,
                    pytrace=False)


def depend(path: Path):
    """Load those of the kernel's modules that one of ours needs; insmod(8) doesn't."""
    told = subprocess.run(["modinfo", "-F", "depends", str(path)], check=True, timeout=60,
                          capture_output=True, text=True).stdout
    for name in filter(None, told.strip().split(",")):
        if name != "ksocket":
            subprocess.run(["modprobe", name], check=True, timeout=60)


HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@pytest.fixture(scope="session", autouse=True)
def hooked():
    """A chain at each of netfilter's hooks, so that kinet's are never the first or the last.

    The kernel patches its code for those, and an emulator with a thread per processor may go
    on with what the code was: see CONFIG_JUMP_LABEL in harness/config/x86.config.
    """
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in HOOKS)
    subprocess.run(["nft", "-f", "-"], input=f"table inet hooked {{\n{chains}}}\n", text=True,
                   check=True, timeout=60)


@pytest.fixture(scope="session", autouse=True)
def loaded(hooked):
    """The project's modules, loaded once for all tests.

    They are not removed here: the laboratory does that after the last test,
    and counts it.
    """
    for name in MODULES:
        path = BUILD / name
        if path.exists():
            depend(path)
            subprocess.run(["insmod", str(path)], check=True, timeout=60)


@pytest.fixture
def loaded_again():
    """For a test that may leave without kinet: the others have it."""
    yield
    if not kinet.PROC.exists():
        kmod.load(BUILD / "ksocket/kinet/kinet.ko")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """What kinet-run preloads, as `make tools` builds it"""
    path = tmp_path_factory.mktemp("tools") / "kinet-preload.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", path,
                    REPO / "tools/kinet-preload.c"], check=True, timeout=120)
    return path


@pytest.fixture(params=[("server",), ("client",), ROLES], ids="-".join)
def programs(request, pair, library):
    """The same programs, over kinet here or there or at both ends"""
    with Programs(pair, library, request.param) as started:
        yield started


# --- networks; see topology.py

@pytest.fixture(scope="module")
def pair():
    """Client and server on one wire, shared by a module's tests."""
    with topology.pair() as net:
        yield net


@pytest.fixture(scope="module")
def routed():
    """Client, router and server, shared by a module's tests."""
    with topology.routed() as net:
        yield net


@pytest.fixture
def link():
    """Make impaired wires: link(loss="1%", delay="10ms"), removed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(topology.link(**how))


# --- sockets; see ksock.py and peers.py

@pytest.fixture
def device():
    """/dev/ksockctl; what a test left open is closed with it."""
    with Device() as opened:
        yield opened


@pytest.fixture
def ends(pair, device):
    """Makes ksockets and their peers on the pair."""
    with Ends(pair, device) as made:
        yield made


@pytest.fixture
def made():
    """Makes kinet's sockets and the host's own, and closes them; see kinet.py."""
    with kinet.Sockets() as sockets:
        yield sockets


@pytest.fixture(params=tcp.KINDS, ids="-".join)
def kinds(request):
    """Whose sockets are at the client and at the server."""
    return request.param


@pytest.fixture
def streams(pair, kinds):
    """Makes connections on the pair; see streams.py."""
    with tcp.Streams(pair.client, pair.server, kinds) as made:
        yield made
