# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of a row go: its figure and its baseline, by function."""

import bisect
import contextlib
from collections import Counter
from pathlib import Path

from . import bench
from .benchrows import FIGURES, ICOUNT, ROWS
from .errors import LabError
from .paths import REPO
from .process import run as run_process

PLUGIN = bench.OUT / "count.so"
SHOWN = 60


def run(name: str):
    """Print the functions by what the figure executes more there than the baseline."""
    row = next((row for row in ROWS if row.name == name and row.method == ICOUNT), None)
    if not row:
        raise LabError(f"no row that counts instructions is called {name!r}; there are: "
                       + " ".join(row.name for row in ROWS if row.method == ICOUNT))
    run_process(["gcc-12", "-O2", "-Wall", "-shared", "-fPIC", "-o", PLUGIN,
                 REPO / "bench" / "count.c"], timeout=120)
    over, under = (profile(figure) for figure in (row.figure, row.baseline))
    show(row, over, under)


def profile(name: str) -> Counter:
    """Instructions of one operation of the figure, by function."""
    figure = next(f for f in FIGURES if f.name == name and f.method == ICOUNT)
    kernel, root = bench.build("deb6.12")
    counts = bench.OUT / f"{name}.counts"
    counts.unlink(missing_ok=True)
    print(f"profiling {name}", flush=True)
    guest = bench.counting_guest(kernel, "bench-profile", plugin=f"{PLUGIN},out={counts}")
    with guest:
        bench.load_modules(guest, root, [figure])
        bench.command(guest, "sleep", str(bench.SETTLING))
        if "epoll" in name:
            bench.build_epoll()
        user = bench.user_server(guest) if "epoll" in name else contextlib.nullcontext()
        with user:
            said = bench.perform(guest, name, figure.n)
        symbols = bench.command(guest, "cat", "/proc/kallsyms")
        guest.quit()
    return by_function(counts, symbols, said["ops"])


def by_function(counts: Path, symbols: str, ops: int) -> Counter:
    table = sorted((int(f[0], 16), f[2] + (f" {f[3]}" if len(f) > 3 else ""))
                   for f in (line.split() for line in symbols.splitlines())
                   if f[1] in "tTwW")
    starts = [at for at, _ in table]
    found = Counter()
    for line in counts.read_text(encoding="ascii").splitlines():
        at, many = line.split()
        at = int(at, 16)
        which = bisect.bisect_right(starts, at) - 1
        name = "(user space)" if at < 1 << 47 else table[which][1]
        found[name] += int(many) / ops
    return found


def show(row, over: Counter, under: Counter):
    print(f"\n{row.name}: {row.title}\n\n{row.figure:>16} {row.baseline:>16} {'more':>8}")
    names = sorted(over | under, key=lambda name: under[name] - over[name])
    print(f"{over.total():16.1f} {under.total():16.1f} {over.total() - under.total():8.1f}  "
          "all of it")
    picked = [n for n in names if abs(over[n] - under[n]) >= 1]
    for name in picked[:SHOWN] + picked[SHOWN:][-20:]:
        print(f"{over[name]:16.1f} {under[name]:16.1f} {over[name] - under[name]:8.1f}  {name}")
