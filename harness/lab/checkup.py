# SPDX-License-Identifier: GPL-2.0-only
"""After the last test: is the guest as healthy as it was before the first?

Each question is a test of its own, and the log is read whatever happened.
"""

import contextlib
import re
from pathlib import Path

from . import modules, scan
from .errors import GuestDied, LabError
from .guest import Guest
from .report import Report

# Seconds for the last namespaces to end. A closed connection whose wire went
# first keeps its own for as long as TCP sends the FIN again: 0.2 s, doubled
# eight times (tcp_orphan_retries), 102 s in all. What leaked stays for ever.
NETNS_BOUND = 120
SCAN_BOUND = 300    # seconds for kmemleak to look at all memory, twice
SHOWN = 5           # findings with their excerpts


def visit(guest: Guest, root: Path, report: Report, work):
    """Boot the guest, do the work in it, look it over, end it, read its log."""
    try:
        with guest:
            with reported(report, "guest"):
                work()
            for question in (unload, namespaces, sensors, leaks):
                with reported(report, question.__name__):
                    question(guest, root, report)
            guest.quit()
    except GuestDied as death:
        report.failed("guest", str(death))
    read_log(guest, report)


@contextlib.contextmanager
def reported(report: Report, name: str):
    """An error is a failed test; only the guest's death ends the visit."""
    try:
        yield
    except GuestDied:
        raise
    except LabError as error:
        report.failed(name, str(error))


def unload(guest: Guest, root: Path, report: Report):
    """Remove every module of ours that is loaded; each must let go."""
    loaded = guest.run(["cat", "/proc/modules"]).out
    loaded = [line.split()[0] for line in loaded.splitlines()]
    ours = {path.stem.replace("-", "_") for path in modules.built(root)}
    # The newest comes first in /proc/modules, so users come before the used.
    for name in [n for n in loaded if n in ours]:
        done = guest.run(["rmmod", name], check=False, timeout=60)
        if done.code:
            report.failed(f"rmmod {name}", done.err)
        else:
            report.passed(f"rmmod {name}")


def namespaces(guest: Guest, root: Path, report: Report, bound: int = NETNS_BOUND):
    """Only the initial network namespace may be left.

    A namespace ends in a workqueue some time after its last reference went,
    so this waits for it, with a bound.
    """
    script = (f"insmod {root}/harness/modules/netns_count.ko || exit 1; "
              "f=/sys/module/netns_count/parameters/count; n=0; "
              f"while [ $(cat $f) != 1 ] && [ $n -lt {bound} ]; do "
              "sleep 1; n=$((n+1)); done; cat $f; rmmod netns_count")
    count = int(guest.run(["sh", "-c", script], timeout=bound + 60).out)
    if count == 1:
        report.passed("namespaces")
    else:
        report.failed("namespaces", f"{count - 1} network namespaces are still alive "
                                    f"{bound} s after the last test: leaked references")


def sensors(guest: Guest, _root: Path, report: Report):
    """lockdep, or KCSAN, must still be on: silence is only worth something if it is."""
    if guest.kernel.name == "kcsan":
        state = guest.run(["cat", "/sys/kernel/debug/kcsan"]).out
        if re.search(r"enabled:\s+1\b", state):
            report.passed("KCSAN is on")
        else:
            report.failed("KCSAN is on", state)
    if not guest.kernel.debug:
        return
    stats = guest.run(["cat", "/proc/lockdep_stats"]).out
    if re.search(r"debug_locks:\s+1\b", stats):
        report.passed("lockdep is on")
    else:
        report.failed("lockdep is on", "it switched itself off; the log says why")


def leaks(guest: Guest, _root: Path = None, _report: Report = None):
    """Have kmemleak's report printed to the console, where the scan finds it.

    Twice: kmemleak reports an object that two scans didn't find and that is
    more than five seconds old.
    """
    if not guest.kernel.debug:
        return
    script = ("f=/sys/kernel/debug/kmemleak; echo scan > $f && sleep 6 && "
              "echo scan > $f && cat $f | while IFS= read -r line; do "
              "echo \"$line\"; echo \"$line\" > /dev/kmsg; done")
    guest.run(["sh", "-c", script], timeout=SCAN_BOUND)


def read_log(guest: Guest, report: Report):
    """Nothing in the whole log may be what a healthy kernel doesn't say."""
    found = scan.findings(guest.log())
    if found:
        text = "\n\n".join(f"{f}\n{f.excerpt}" for f in found[:SHOWN])
        report.failed("log", f"{len(found)} findings in {guest.console}\n{text}")
    else:
        report.passed("log")
    races = scan.races_of_the_kernel(guest.log())
    if races:
        report.note(f"{len(races)} data races of the kernel's own, {len(set(races))} different")
