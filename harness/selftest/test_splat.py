# SPDX-License-Identifier: GPL-2.0-only
"""The deliberately broken module, in a guest: the scanner sees every mistake.

A splat may switch a checker off: lockdep stops at its first report, and after
a KASAN report. So what needs lockdep comes first, and each of lockdep's own
reports gets a guest.
"""

import contextlib
import os
import time

import pytest

from lab import checkup, kernels, modules, ownkernel, scan
from lab.errors import GuestDied
from lab.guest import Guest
from lab.report import Report

pytestmark = pytest.mark.guest

KERNEL = os.environ.get("KSOCKET_SELFTEST_KERNEL", "uml")
BOUND = 60      # seconds until a complaint must be in the log

# Mistake and the scanner's word for it, in the order in which they are made.
IN_ONE_GUEST = (
    ("rcu-usage", "rcu-usage"),
    ("lock-held", "warning"),
    ("warn", "warning"),
    ("ubsan", "ubsan"),
    ("atomic-sleep", "atomic-sleep"),
    ("refcount", "refcount"),
    ("netdev-ref", "ref-tracker"),
    ("odebug", "odebug"),
    ("list", "list-corruption"),
    ("cache-leak", "slab"),
    ("kasan-oob", "kasan"),
    ("kasan-uaf", "kasan"),
    ("kasan-vmalloc", "kasan"),
)
OWN_GUEST = ("lockdep-order", "lockdep-recursive", "lockdep-irq")
FATAL = (("null", "bug"), ("bug", "bug"))


@pytest.fixture(scope="session")
def kernel():
    return kernels.get(KERNEL)


@pytest.fixture(scope="session")
def build(kernel):
    return modules.build(kernel)


class Patient:
    """A guest in which mistakes are made."""

    def __init__(self, guest, build):
        self.guest = guest
        self.splat = str(build / "harness/modules/splat.ko")

    def load(self, kind, prefix=(), **options):
        return self.guest.start([*prefix, "insmod", self.splat, f"kind={kind}"], **options)

    def make(self, kind, expected, prefix=()):
        """Make the mistake; the scanner must name it."""
        with self.made(kind, prefix) as before:
            self.await_kind(expected, before)

    @contextlib.contextmanager
    def made(self, kind, prefix=()):
        """Load the module for a mistake; yield where the log was before."""
        before = len(self.guest.log())
        result = self.load(kind, prefix, timeout=120).wait()
        assert result.code == 0, result.err
        try:
            yield before
        finally:
            self.guest.run(["rmmod", "splat"])

    def await_kind(self, expected, before):
        deadline = time.monotonic() + BOUND
        while True:
            text = self.guest.log()[before:]
            found = [f.kind for f in scan.findings(text)]
            if expected in found:
                return
            assert time.monotonic() < deadline, f"{expected} not in {found}:\n{text}"
            time.sleep(0.2)

    def set(self, path, value):
        self.guest.run(["sh", "-c", f"echo {value} > {path}"])


@contextlib.contextmanager
def patient(kernel, build, name):
    with Guest(kernel, f"selftest-{name}") as guest:
        yield Patient(guest, build)


@pytest.fixture(scope="class")
def common(kernel, build):
    with patient(kernel, build, "common") as one:
        yield one


class TestOneGuest:
    """Mistakes that a guest survives, one after another."""

    @pytest.mark.parametrize("kind,expected", IN_ONE_GUEST)
    def test_mistake(self, common, kind, expected):
        """The scanner names the mistake."""
        common.make(kind, expected)

    def test_sleep_in_a_direct_callback(self, common, build):
        """A consumer that may sleep where bottom halves are disabled is caught."""
        before = len(common.guest.log())
        for name in ("ksocket/ksocket.ko", "harness/modules/sleeper.ko"):
            common.guest.run(["insmod", str(build / name)])
        common.await_kind("atomic-sleep", before)
        assert "sleeper_recv" in common.guest.log()[before:]
        common.guest.run(["rmmod", "sleeper", "ksocket"])

    def test_netns_tracker(self, common):
        """A namespace that ends with a tracker left complains."""
        common.make("netns-tracker", "ref-tracker", prefix=("unshare", "-n"))

    def test_kmemleak(self, common):
        """Memory that nobody points to is found."""
        with common.made("kmemleak") as before:
            pass
        checkup.leaks(common.guest)
        common.await_kind("kmemleak", before)

    def test_namespace_left(self, common, build):
        """A namespace that can't end is counted."""
        with common.made("netns-leak", ("unshare", "-n")):
            pass
        report = Report("selftest")
        checkup.namespaces(common.guest, build, report, bound=3)
        assert report.bad and "1 network namespaces are still alive" in report.bad[0][1]

    def test_hung_task(self, common):
        """A task that sleeps too long uninterruptibly is found."""
        common.set("/proc/sys/kernel/hung_task_timeout_secs", 4)
        with common.made("hung-task") as before:
            common.await_kind("hung-task", before)


def test_stall():
    """A CPU that is kept too long is found, by the watchdog and by RCU.

    That takes a second CPU that watches: user-mode Linux has only one.
    """
    kernel = kernels.get("debug")
    with patient(kernel, modules.build(kernel), "stall") as one:
        one.set("/proc/sys/kernel/watchdog_thresh", 2)
        one.set("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", 5)
        with one.made("soft-lockup") as before:
            one.await_kind("soft-lockup", before)
            one.await_kind("rcu-stall", before)


def test_data_race():
    """A data race is found, by the kernel that watches for them."""
    if not ownkernel.cached("kcsan"):
        pytest.skip("no kcsan kernel in the cache")
    kernel = kernels.get("kcsan")
    with patient(kernel, modules.build(kernel), "data-race") as one:
        one.make("data-race", "kcsan")


@pytest.mark.parametrize("kind", OWN_GUEST)
def test_lockdep(kernel, build, kind):
    """Each of lockdep's complaints is seen, in a guest of its own."""
    with patient(kernel, build, kind) as one:
        one.make(kind, "lockdep")


@pytest.mark.parametrize("kind,expected", FATAL)
def test_fatal(kernel, build, kind, expected):
    """A guest that oopses is noticed at once, with its log and the lines that matter."""
    with patient(kernel, build, kind) as one:
        began = time.monotonic()
        with pytest.raises(GuestDied) as error:
            one.load(kind, timeout=900).wait()
        assert time.monotonic() - began < BOUND
        log = one.guest.log()
        assert expected in [f.kind for f in scan.findings(log)]
        assert "Kernel panic - not syncing" in log
        assert str(one.guest.console) in str(error.value)
        assert f"splat_{kind}" in log
