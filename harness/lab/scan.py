# SPDX-License-Identifier: GPL-2.0-only
"""Finds in a kernel's log what a healthy kernel doesn't say.

Runs on the host over the console of a whole guest, and in the guest around
each test, so it must not import anything that only one of them has.
"""

import re
from dataclasses import dataclass

# Kind by kind, the more telling first: a line belongs to the first that fits.
KINDS = (
    ("kasan", r"BUG: KASAN: "),
    ("kcsan", r"BUG: KCSAN: "),
    ("kfence", r"BUG: KFENCE: "),
    ("ubsan", r"\bUBSAN: "),
    ("lockdep", r"WARNING: (possible (circular|irq lock inversion)"
                r"|possible recursive|inconsistent lock state|bad unlock balance"
                r"|held lock freed|lock held when returning|Nested lock was not taken"
                r"|.*-safe -> .*-unsafe lock order)"
                r"|INFO: (possible (circular|recursive)|trying to register non-static key"
                r"|inconsistent lock state)"
                r"|BUG: (MAX_LOCK|.*lockdep)|DEBUG_LOCKS_WARN_ON"
                r"|WARNING: \S+/\d+ (still has locks held|is (leaving|exiting))"
                r"|\[ BUG: Invalid wait context \]|turning off the locking correctness"),
    ("rcu-usage", r"WARNING: suspicious RCU usage|INFO: suspicious RCU usage"
                  r"|Illegal context switch in RCU"),
    ("atomic-sleep", r"BUG: sleeping function called|BUG: scheduling while atomic"
                     r"|do not call blocking ops when"
                     r"|BUG: using (smp_processor_id|__this_cpu\w*)\(\) in preemptible"),
    ("rcu-stall", r"rcu: INFO: .*(stall|starved)|rcu: .*self-detected stall"
                  r"|INFO: rcu\S* (self-)?detected"),
    ("soft-lockup", r"BUG: soft lockup|watchdog: BUG|NMI watchdog: Watchdog detected"
                    r"|BUG: workqueue lockup"),
    ("hung-task", r"INFO: task .* blocked for more than"),
    ("refcount", r"refcount_t: "),
    # That a tracker found no memory is what an injected failure looks like.
    ("ref-tracker", r"ref_tracker: (?!memory allocation failure)|leaked reference\."
                    r"|unregister_netdevice: waiting|reference already released"),
    ("odebug", r"ODEBUG: "),
    ("kmemleak", r"^unreferenced object 0x|kmemleak: \d+ new suspected|kmemleak: .*disabled"),
    ("list-corruption", r"list_(add|del) (corruption|double add)"),
    ("slab", r"BUG \S+ \(.*\): |kmem_cache_destroy .*: Slab cache still has objects"
             r"|cache_from_obj: Wrong slab cache"),
    ("bug", r"\bkernel BUG at |\bBUG: |\bOops: |Unable to handle kernel"
            r"|general protection fault|unable to handle page fault|Kernel mode fault"),
    ("panic", r"Kernel panic - not syncing"),
    ("warning", r"\bWARNING: |\bWARN_ON"),
)
PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in KINDS)
PREFIX = re.compile(r"^(<\d+>)?(\[\s*\d+\.\d+\](\[[^\]]*\])? ?)?")
BEFORE, AFTER = 5, 30      # lines of an excerpt
NAMES = tuple(kind for kind, _ in KINDS)


@dataclass(frozen=True)
class Finding:
    """One line that should not be there, and what stands around it."""

    kind: str
    line: str
    excerpt: str
    number: int     # of the line, from 1

    def __str__(self):
        return f"{self.kind}: {self.line}"


def kind_of(line: str):
    """The kind of splat that the line announces, or None."""
    bare = PREFIX.sub("", line, count=1)
    for kind, pattern in PATTERNS:
        if pattern.search(bare):
            return kind
    return None


def findings(text: str, allow=()) -> list:
    """Every finding in the text but those of the allowed kinds."""
    lines = text.replace("\r", "").splitlines()
    found = []
    for number, line in enumerate(lines):
        kind = kind_of(line)
        if kind and kind not in allow:
            first = max(0, number - BEFORE)
            excerpt = "\n".join(lines[first:number + AFTER])
            found.append(Finding(kind, line.strip(), excerpt, number + 1))
    return found
