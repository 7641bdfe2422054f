# SPDX-License-Identifier: GPL-2.0-only
"""make bench: what ksocket costs, each figure beside what is below it.

Nothing here passes or fails. See docs/bench.md for the methods; benchrows.py
has the table of what is measured, benchpage.py makes the page.
"""

import contextlib
import datetime
import hashlib
import json
import statistics
import subprocess
import time
from pathlib import Path

from . import benchpage, kernels, modules, packages
from .benchrows import FLOOR, ICOUNT, KINET, MEMORY, ROWS, UML, chosen, needed
from .errors import LabError
from .guest import COUNTING, COUNTING_LINE, Guest
from .paths import BUILD, CONFIG, REPO, locked
from .process import run as run_process

OUT = BUILD / "bench"
EPOLL = OUT / "epoll"
RUN = "/sys/module/bench/parameters/run"
SETTLING = 5            # seconds of the guest's
AGES = 10 ** 6          # seconds: a counting guest's clock says nothing, ours bounds it
BOUND = 900             # of ours, for one figure
PAIRS = 20
MEMORY_SIZE = "3G"

# Seconds, on a machine with little else to do, for what is said beforehand
COST = {ICOUNT: (12, 1), MEMORY: (0, 75), UML: (5, 6)}


def run(tests: str = "", boots: int = 3, profile: str = "") -> int:
    packages.ensure({**packages.TOOLS, **packages.BENCH})
    OUT.mkdir(parents=True, exist_ok=True)
    with locked(OUT, print):
        if profile:
            from . import benchprofile
            benchprofile.run(profile)
            return 0
        rows = chosen(tests)
        if not rows:
            raise LabError(f"no row contains {tests!r}; there are: "
                           + " ".join(row.name for row in ROWS))
        _foretell(rows, boots)
        for method, measure in ((ICOUNT, _icount), (MEMORY, _memory), (UML, _uml)):
            figures = needed(rows, method)
            if figures:
                measure(figures, boots)
                _tell([row for row in rows if row.method == method])
        print(f"\n{benchpage.write(OUT, load())}")
    return 0


def _foretell(rows, boots: int):
    seconds = 0
    for method in (ICOUNT, MEMORY, UML):
        figures = needed(rows, method)
        boot, each = COST[method]
        times = 1 if method == UML else boots
        if figures:
            seconds += times * (boot + each * len(figures))
    print(f"{len(rows)} rows; about {seconds / 60:.0f} min beside builds", flush=True)


# --- what was measured

def _path(method: str) -> Path:
    return OUT / f"{method}.json"


def load() -> dict:
    """All that was measured, by method and figure."""
    found = {}
    for method in (ICOUNT, MEMORY, UML):
        if _path(method).exists():
            found[method] = json.loads(_path(method).read_text(encoding="utf-8"))
    return found


def revision() -> str:
    def git(*argv):
        return subprocess.run(["git", "-C", REPO, *argv], text=True, capture_output=True,
                              check=False, timeout=60).stdout.strip()
    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


def _keep(method: str, figures, samples: dict, about: dict):
    """Add to what is kept: a run of a few rows leaves the others as they were."""
    path = _path(method)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    about = dict(about, revision=revision(), method=method,
                 date=datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds"))
    for figure in figures:
        values = samples[figure.name]
        kept[figure.name] = dict(title=figure.title, samples=values, n=figure.n, **about)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def value(entry: dict) -> float:
    """What a figure is said to be: instructions, ns or bytes for one operation."""
    if entry["method"] == UML:
        return statistics.quantiles(entry["samples"], n=4)[0]
    return statistics.median(entry["samples"])


def spread(entry: dict) -> float:
    """How far its samples lie apart, as a part of the value: all, or half of them."""
    samples = entry["samples"]
    if len(samples) < 2:
        return float("nan")
    if entry["method"] == UML:
        low, _, high = statistics.quantiles(samples, n=4)
        return (high - low) / value(entry)
    return (max(samples) - min(samples)) / value(entry)


def ratio(row, measured: dict):
    """(ratio, how far it may be off), or None when a part was not measured."""
    entries = measured.get(row.method, {})
    if row.figure not in entries or row.baseline not in entries:
        return None
    over, under = entries[row.figure], entries[row.baseline]
    if row.method == MEMORY:
        client = value(entries["memory-raw"]) / 2
        return ((value(over) - client) / (value(under) - client),
                spread(over) + spread(under))
    found = value(over) / value(under)
    if len(over["samples"]) != len(under["samples"]):
        return found, spread(over) + spread(under)
    # Samples that were taken together, in one boot or one after the other
    pairs = [a / b for a, b in zip(over["samples"], under["samples"])]
    if len(pairs) < 2:
        return found, float("nan")
    if row.method == UML:
        low, _, high = statistics.quantiles(pairs, n=4)
        return found, (high - low) / found
    return found, (max(pairs) - min(pairs)) / found


def _tell(rows):
    measured = load()
    print(f"\n{'ratio':>7} {'+-':>7}  {'must':>5} {'aim':>5}  {'figure':>9} {'baseline':>9}"
          f" {'floor':>7}  row")
    for row in rows:
        found = ratio(row, measured)
        if not found:
            continue
        entries = measured[row.method]
        goal = f"{row.must:5.2f} {row.aim:5.2f}" if row.must else f"{'':11}"
        floor = f"{value(entries[FLOOR]):7.0f}" if row.floor else f"{'':7}"
        print(f"{found[0]:7.3f} {found[1] / 2:7.2%}  {goal}  {value(entries[row.figure]):9.0f} "
              f"{value(entries[row.baseline]):9.0f} {floor}  {row.name}: {row.title}")


# --- the guest's side

def build(name: str):
    """A kernel, and the directory of what is measured, built for it."""
    kernel = kernels.get(name)
    return kernel, modules.build(kernel, ["KSOCKET_BENCH=1"], "bench")


def build_epoll():
    """The server in user space, as the guest will run it."""
    source = REPO / "bench" / "epoll.c"
    run_process(["gcc-12", "-O2", "-Wall", "-static", "-o", EPOLL, source], timeout=120)


def _job(guest: Guest, argv, bound: float = BOUND):
    """Start a command that only our own clock bounds."""
    job = guest.start(argv, timeout=AGES if guest.counting else bound)
    job.deadline = time.monotonic() + bound
    return job


def command(guest: Guest, *argv, bound: float = BOUND) -> str:
    """Run it to its end, bounded by our clock; what it says."""
    job = _job(guest, list(argv), bound)
    done = job.wait()
    if done.code:
        raise LabError(f"guest {guest.name}: exit code {done.code}: {job.command()} "
                       f"(log: {guest.console})\n{done.out}{done.err}".rstrip())
    return done.out


def load_modules(guest: Guest, root: Path, figures):
    """kinet's only where it is measured."""
    names = ["ksocket/ksocket.ko", "bench/modules/bench.ko"]
    if any(figure.name.endswith(KINET) for figure in figures):
        command(guest, "sh", "-c", "modprobe -q nf_defrag_ipv6 || true")
        names.append("ksocket/kinet/kinet.ko")
    for name in names:
        command(guest, "insmod", root / name)


@contextlib.contextmanager
def user_server(guest: Guest):
    """The epoll server, listening."""
    job = _job(guest, [EPOLL], AGES)
    while "ready" not in bytes(job.out).decode():
        event = job._next()
        if event is None or "exit" in event:
            raise LabError(f"{EPOLL} does not run in the guest")
        job._collect(event)
    yield
    job.signal(15)
    job.wait()


def perform(guest: Guest, name: str, n: int) -> dict:
    """Have bench.ko do it; what it says, word by word."""
    said = command(guest, "sh", "-c", f"echo {name} {n} > {RUN} && cat {RUN}")
    return {k: int(v) for k, _, v in (word.partition("=") for word in said.split())}


def counting_guest(kernel, name: str, memory: str = "1536M", plugin: str = "") -> Guest:
    return Guest(kernel, name, memory=memory, boot_timeout=900, counting=True, plugin=plugin)


def _about(kernel) -> dict:
    config = kernel.image.with_name(kernel.image.name.replace("vmlinuz-", "config-"))
    if kernel.uml:
        config = kernel.headers / ".config"
    text = config.read_bytes()
    return dict(kernel=kernel.release, config=str(config.name),
                config_sha256=hashlib.sha256(text).hexdigest())


# --- the methods

def _icount(figures, boots: int):
    kernel, root = build("deb6.12")
    build_epoll()
    samples = {f.name: [] for f in figures}
    for boot in range(boots):
        print(f"icount: boot {boot + 1} of {boots}", flush=True)
        with counting_guest(kernel, "bench-icount") as guest:
            load_modules(guest, root, figures)
            command(guest, "sleep", str(SETTLING))
            for figure in figures:
                user = user_server(guest) if "epoll" in figure.name else contextlib.nullcontext()
                with user:
                    said = perform(guest, figure.name, figure.n)
                each = said["instructions"] / said["ops"]
                samples[figure.name].append(each)
                print(f"  {figure.name:20} {each:10.1f} instructions", flush=True)
    about = dict(_about(kernel), unit="instructions", emulator=" ".join(COUNTING),
                 line=COUNTING_LINE)
    _keep(ICOUNT, figures, samples, about)


def _memory(figures, boots: int):
    """Each in a boot of its own: what one leaves in the slabs would help the next."""
    kernel, root = build("deb6.12")
    samples = {f.name: [] for f in figures}
    for boot in range(boots):
        print(f"memory: round {boot + 1} of {boots}", flush=True)
        for figure in figures:
            with counting_guest(kernel, "bench-memory", MEMORY_SIZE) as guest:
                load_modules(guest, root, figures)
                command(guest, "sleep", str(SETTLING))
                said = perform(guest, figure.name, figure.n)
            each = said["kb"] * 1024 / said["connections"]
            slab = said["slab_kb"] * 1024 / said["connections"]
            samples[figure.name].append(each)
            print(f"  {figure.name:20} {each:8.0f} bytes, {slab:8.0f} of them in slabs",
                  flush=True)
    _keep(MEMORY, figures, samples, dict(_about(kernel), unit="bytes"))


def _processor_time(guest: Guest) -> int:
    """Nanoseconds that the guest's kernel has run: its process's first thread."""
    text = Path(f"/proc/{guest.child.pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0])


def _uml(figures, _boots: int):
    """All in one boot, one after the other, and that many times."""
    kernel, root = build("bench-uml")
    samples = {f.name: [] for f in figures}
    with Guest(kernel, "bench-uml") as guest:
        load_modules(guest, root, figures)
        for figure in figures:
            perform(guest, figure.name, figure.n // 10)
        for pair in range(PAIRS):
            print(f"uml: {pair + 1} of {PAIRS}", flush=True)
            for figure in figures:
                before = _processor_time(guest)
                said = perform(guest, figure.name, figure.n)
                samples[figure.name].append((_processor_time(guest) - before) / said["ops"])
    about = dict(_about(kernel), unit="ns", fragments=["common", "uml", "bench"])
    assert (CONFIG / "bench.config").exists()
    _keep(UML, figures, samples, about)
