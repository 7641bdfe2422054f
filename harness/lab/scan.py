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

# What KCSAN prints. Its kernel has everything built in but what is being tested,
# so a function that is named with a module is one of the project's.
RACE = re.compile(r"BUG: KCSAN: .*? in (.*)")
RACE_ENDS = re.compile(r"={60,}$")
RACE_LINES = 120
ACCESS = re.compile(r"((read|write|read-write)( \((?P<how>[^)]*)\))?|assert no \w+.*?) "
                    r"to 0x[0-9a-f]+ of \d+ bytes by ")
OURS = re.compile(r"\S+ \[\w+\]$")


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


def _race(lines: list, number: int) -> list:
    """The report of a data race whose title is on that line, without time stamps."""
    bare = [PREFIX.sub("", line, count=1).rstrip() for line in lines[number:number + RACE_LINES]]
    ends = (n for n, line in enumerate(bare) if RACE_ENDS.match(line))
    return bare[:next(ends, len(bare))]


def is_ours(race: list) -> bool:
    """Whether the project has a part in a race that it could do better.

    Not where the kernel's plain access meets a marked one of ours, which says
    that it knows. Of a report that is cut off the title decides.
    """
    title = RACE.search(race[0])
    if not title or not any(OURS.match(name) for name in title[1].split(" / ")):
        return False
    ours = []
    for at, line in enumerate(race[:-1]):
        access = ACCESS.search(line)
        if access:
            marked = "marked" in (access["how"] or "")
            ours.append((bool(OURS.match(race[at + 1].strip())), marked))
    if len(ours) < len(title[1].split(" / ")):
        return True
    return all(mine for mine, _ in ours) or any(mine and not marked for mine, marked in ours)


def findings(text: str, allow=()) -> list:
    """Every finding in the text but those of the allowed kinds."""
    lines = text.replace("\r", "").splitlines()
    found = []
    for number, line in enumerate(lines):
        kind = kind_of(line)
        if not kind or kind in allow:
            continue
        race = _race(lines, number) if kind == "kcsan" else []
        if race and not is_ours(race):
            continue
        first = max(0, number - BEFORE)
        excerpt = "\n".join(lines[first:number + max(AFTER, len(race))])
        found.append(Finding(kind, line.strip(), excerpt, number + 1))
    return found


def races_of_the_kernel(text: str) -> list:
    """The functions of each data race that the project has no part in."""
    lines = text.replace("\r", "").splitlines()
    races = [_race(lines, number) for number, line in enumerate(lines) if kind_of(line) == "kcsan"]
    return [RACE.search(race[0])[1] for race in races if not is_ours(race)]
