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

from lab import harness, kernels, modules, scan
from lab.errors import GuestDied
from lab.guest import Guest
from lab.report import Report

pytestmark = pytest.mark.guest

KERNEL = os.environ.get("KSOCKET_SELFTEST_KERNEL", "debug")
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
        before = len(self.guest.log())
        self.load(kind, prefix).wait()
        self.await_kind(expected, before)
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


@pytest.fixture(scope="module")
def common(kernel, build):
    with patient(kernel, build, "common") as one:
        yield one


@pytest.mark.parametrize("kind,expected", IN_ONE_GUEST)
def test_mistake(common, kind, expected):
    """The scanner names the mistake."""
    common.make(kind, expected)


def test_netns_tracker(common):
    """A namespace that ends with a tracker left complains."""
    common.make("netns-tracker", "ref-tracker", prefix=("unshare", "-n"))


def test_kmemleak(common):
    """Memory that nobody points to is found."""
    before = len(common.guest.log())
    common.load("kmemleak").wait()
    common.guest.run(["rmmod", "splat"])
    harness.kmemleak(common.guest)
    common.await_kind("kmemleak", before)


def test_namespace_left(common, build):
    """A namespace that can't end is counted."""
    common.load("netns-leak", prefix=("unshare", "-n")).wait()
    common.guest.run(["rmmod", "splat"])
    report = Report("selftest")
    harness.namespaces(common.guest, build, report, bound=3)
    assert report.bad and "1 network namespaces are still alive" in report.bad[0][1]


def test_hung_task(common):
    """A task that sleeps too long uninterruptibly is found."""
    common.set("/proc/sys/kernel/hung_task_timeout_secs", 4)
    before = len(common.guest.log())
    job = common.load("hung-task")
    common.await_kind("hung-task", before)
    job.wait()
    common.guest.run(["rmmod", "splat"])


def test_stall(common):
    """A CPU that is kept too long is found, by the watchdog and by RCU."""
    if KERNEL == "uml":
        pytest.skip("one CPU: the watcher can't run while it is kept")
    common.set("/proc/sys/kernel/watchdog_thresh", 2)
    common.set("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", 5)
    before = len(common.guest.log())
    job = common.load("soft-lockup", timeout=120)
    common.await_kind("soft-lockup", before)
    common.await_kind("rcu-stall", before)
    job.wait()
    common.guest.run(["rmmod", "splat"])


@pytest.mark.parametrize("kind", OWN_GUEST)
def test_lockdep(kernel, build, kind):
    """Each of lockdep's complaints is seen, in a guest of its own."""
    with patient(kernel, build, kind) as one:
        one.make(kind, "lockdep")


@pytest.mark.parametrize("kind,expected", FATAL)
def test_fatal(kernel, build, kind, expected):
    """A guest that oopses is noticed at once, with its log and the lines that matter."""
    with patient(kernel, build, kind) as one:
        with pytest.raises(GuestDied) as error:
            one.load(kind).wait()
        kinds = [f.kind for f in scan.findings(one.guest.log())]
        assert expected in kinds and "panic" in kinds
        assert str(one.guest.console) in str(error.value)
        assert f"splat_{kind}" in one.guest.log()
