# SPDX-License-Identifier: GPL-2.0-only
"""The scanner on text: what it must see, and what it must let pass."""

import pytest

from lab import scan

SPLATS = (
    ("kasan", "BUG: KASAN: slab-use-after-free in splat_init+0x10/0x20 [splat]"),
    ("kasan", "[    7.000001][  T123] BUG: KASAN: null-ptr-deref in f+0x1/0x2"),
    ("kcsan", "BUG: KCSAN: data-race in tcp_a / ksock_b [ksocket]"),
    ("ubsan", "UBSAN: shift-out-of-bounds in /src/splat.c:93:8"),
    ("lockdep", "WARNING: possible circular locking dependency detected"),
    ("lockdep", "WARNING: possible recursive locking detected"),
    ("lockdep", "WARNING: possible irq lock inversion dependency detected"),
    ("lockdep", "WARNING: inconsistent lock state"),
    ("lockdep", "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected"),
    ("lockdep", "WARNING: bad unlock balance detected!"),
    ("lockdep", "WARNING: held lock freed!"),
    ("lockdep", "WARNING: lock held when returning to user space!"),
    ("lockdep", "INFO: trying to register non-static key."),
    ("lockdep", "[ BUG: Invalid wait context ]"),
    ("rcu-usage", "WARNING: suspicious RCU usage"),
    ("atomic-sleep", "BUG: sleeping function called from invalid context at mm/x.c:1"),
    ("atomic-sleep", "BUG: scheduling while atomic: insmod/77/0x00000002"),
    ("atomic-sleep", "BUG: using smp_processor_id() in preemptible [00000000] code: a/1"),
    ("rcu-stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
    ("rcu-stall", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
    ("soft-lockup", "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [insmod:80]"),
    ("soft-lockup", "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0"),
    ("hung-task", "INFO: task insmod:80 blocked for more than 120 seconds."),
    ("refcount", "refcount_t: underflow; use-after-free."),
    ("ref-tracker", "unregister_netdevice: waiting for eth to become free. Usage count = 2"),
    ("ref-tracker", "ref_tracker: net_refcnt@00000000a has 1/1 users at"),
    ("ref-tracker", "leaked reference."),
    ("odebug", "ODEBUG: free active (active state 0) object: 0 object type: timer_list"),
    ("kmemleak", "unreferenced object 0xffff888004a1c300 (size 128):"),
    ("kmemleak", "kmemleak: 4 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"),
    ("list-corruption", "list_add double add: new=ffff88800, prev=ffff88800, next=ffff88800."),
    ("list-corruption", "list_del corruption, ffff88800->next is NULL"),
    ("slab", "kmem_cache_destroy splat: Slab cache still has objects when called from x"),
    ("slab", "BUG kmalloc-64 (Tainted: G    B      O      ): Object already free"),
    ("bug", "kernel BUG at /src/splat.c:51!"),
    ("bug", "BUG: kernel NULL pointer dereference, address: 0000000000000000"),
    ("bug", "Oops: 0002 [#1] PREEMPT SMP"),
    ("panic", "Kernel panic - not syncing: Fatal exception"),
    ("warning", "WARNING: CPU: 0 PID: 80 at net/core/sock.c:1 sk_free+0x1/0x2"),
)

HEALTHY = (
    "ksocket: loading out-of-tree module taints kernel.",
    "[    0.100000] rcu: Preemptible hierarchical RCU implementation.",
    "[    0.100000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc.",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15893)",
    "[    1.0] kasan: KernelAddressSanitizer initialized",
    "debug: unmapping init [mem 0xffffffff82e00000-0xffffffff82ffffff]",
    "splat: making warn",
    "ref_tracker: memory allocation failure, unreliable refcount tracker.",
    "test_debugging_is_possible PASSED",
)


@pytest.mark.parametrize("kind,line", SPLATS, ids=lambda value: value[:40])
def test_splat_is_seen(kind, line):
    """Each complaint is found, under its kind, with or without a time stamp."""
    for prefix in ("", "[   12.345678] ", "<4>[   12.345678] ", "[    1.000000][    T1] "):
        text = f"before\n{prefix}{line}\nafter\n"
        found = scan.findings(text)
        assert [f.kind for f in found] == [kind]
        assert "after" in found[0].excerpt and "before" in found[0].excerpt
        assert found[0].number == 2


RACE = """
==================================================================
BUG: KCSAN: data-race in {one} / {other}

{does} to 0xffff8880012f3a40 of 4 bytes by task 77 on cpu 0:
 {one_at}
 do_softirq+0x1/0x2

{others} to 0xffff8880012f3a40 of 4 bytes by interrupt on cpu 1:
 {other_at}
 {below}

value changed: 0x00000001 -> 0x00000002

Reported by Kernel Concurrency Sanitizer on:
CPU: 1 UID: 0 PID: 78 Comm: churn/1 Tainted: G           O       6.12.117 #1
==================================================================
after
"""


def race(one, does, other, others, below="ksock_send+0x3/0x4 [ksocket]") -> str:
    """A report; what is named like a ksocket function is one."""
    def module(name):
        return " [ksocket]" if name.startswith("ksock_") else ""
    lines = RACE.format(one=one + module(one), does=does, one_at=f"{one}+0x1/0x9{module(one)}",
                        other=other + module(other), others=others,
                        other_at=f"{other}+0x2/0x9{module(other)}", below=below).splitlines()
    return "\n".join(f"[   12.{n:06}] {line}" for n, line in enumerate(lines))


@pytest.mark.parametrize("one,does,other,others", [
    ("ksock_a", "read", "tcp_b", "write"),
    ("ksock_a", "read", "tcp_b", "write (marked)"),
    ("tcp_a", "write", "ksock_b", "read-write"),
    ("ksock_a", "write", "ksock_b", "read (marked)"),
    ("ksock_a", "write (reordered)", "tcp_b", "read (marked)"),
])
def test_race_of_ours(one, does, other, others):
    """A plain access of the project's is a finding, with the whole report."""
    text = race(one, does, other, others)
    found = scan.findings(text)
    assert [f.kind for f in found] == ["kcsan"]
    assert "value changed" in found[0].excerpt
    assert not scan.races_of_the_kernel(text)


@pytest.mark.parametrize("one,does,other,others", [
    ("tcp_a", "read", "tcp_b", "write"),
    ("ksock_a", "read (marked)", "tcp_b", "write"),
    ("tcp_a", "read-write", "ksock_b", "write (marked)"),
])
def test_race_of_the_kernel(one, does, other, others):
    """What ksocket only calls, or reads with a mark, is not: it is counted."""
    text = race(one, does, other, others)
    assert not scan.findings(text)
    assert len(scan.races_of_the_kernel(text)) == 1


def test_race_that_is_cut_off():
    """Before its accesses were printed, the title decides."""
    whole = race("ksock_a", "read (marked)", "tcp_b", "write").splitlines()
    assert [f.kind for f in scan.findings("\n".join(whole[:4]))] == ["kcsan"]
    assert not scan.findings("BUG: KCSAN: data-race in tcp_a / tcp_b")


def test_race_does_not_hide_what_follows():
    """Another complaint after a race of the kernel's is found."""
    text = race("tcp_a", "read", "tcp_b", "write") + "\nWARNING: CPU: 0 PID: 1 at x.c:1 f\n"
    assert [f.kind for f in scan.findings(text)] == ["warning"]


@pytest.mark.parametrize("line", HEALTHY, ids=lambda value: value[:40])
def test_healthy_line_passes(line):
    """What a healthy kernel says is not a finding."""
    assert not scan.findings(line)


def test_allowing_is_by_kind():
    """An allowed kind hides that kind, and no other."""
    text = "UBSAN: array-index-out-of-bounds\nWARNING: CPU: 0 PID: 1 at x.c:1 f\n"
    assert [f.kind for f in scan.findings(text, allow=("ubsan",))] == ["warning"]


def test_carriage_returns():
    """A serial console ends its lines with both characters."""
    assert scan.findings("a\r\nBUG: KASAN: x in y\r\n")[0].kind == "kasan"
