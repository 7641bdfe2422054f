# SPDX-License-Identifier: GPL-2.0-only
"""make test: every stage, in parallel where it can be, one count at the end.

Kernels are built by one thread, at low priority. Two others run the stages as
soon as what each needs is there, so that Debian's kernels are busy meanwhile.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass, field

from . import check, deb, harness, kernels, kunit, ownkernel, packages, process, selftest
from .errors import LabError
from .report import Report

WHOLE = 85 * 60     # seconds after which all of it stops, red
CHURN = 1200
WORKERS = 2


@dataclass
class Stage:
    """A named step; run gets a say function and may return a Report."""

    name: str
    budget: int             # seconds; a stage that takes longer is stopped, and failed
    run: callable
    needs: tuple = ()       # names of stages without whose success it can't run
    after: tuple = ()       # names of stages that must have ended, as both use one build
    builder: bool = False   # a kernel's build
    thread: int = None
    began: float = 0
    took: float = 0
    state: str = "waiting"  # running, done
    report: Report = field(default=None)
    late: bool = False


def churn_kcsan(say) -> Report:
    """The watch on data races, whose kernel costs a build of its own, where it is there."""
    if ownkernel.cached("kcsan", say):
        return harness.run("kcsan", "churn", say=say, budget=CHURN * 0.7)
    report = Report("harness kcsan")
    report.skipped("churn", "no kcsan kernel in the cache, `make soak` builds it")
    say("skipped: no kcsan kernel in the cache")
    return report


def all_stages():
    """What a change must pass; what takes long, and what others wait for, first."""
    def suite(kernel, budget, mark, cover):
        # In the guest it ends before its stage does, so that the rest is still heard.
        return lambda say: harness.run(kernel, mark=mark, say=say, budget=budget * 0.7,
                                       cover=cover)

    return [
        Stage("kernel deb6.12", 900, lambda say: kernels.get("deb6.12", say) and None),
        Stage("kernel deb6.1", 900, lambda say: kernels.get("deb6.1", say) and None),
        # The quickest to build, and most wait for it
        Stage("kernel uml", 2400, lambda say: kernels.get("uml", say) and None,
              builder=True),
        Stage("kernel debug", 2400, lambda say: kernels.get("debug", say) and None,
              after=("kernel uml",), builder=True),
        Stage("kunit uml", 1200, lambda say: kunit.run("uml", say), ("kernel uml",)),
        Stage("harness uml", 4800, suite("uml", 4800, "not soak", 1), ("kernel uml",),
              ("kunit uml",)),
        Stage("selftest", 900, selftest.run, ("kernel debug", "kernel uml"),
              ("harness uml",)),
        Stage("kunit debug", 1500, lambda say: kunit.run("debug", say), ("kernel debug",)),
        Stage("harness debug", 3000, suite("debug", 3000, "smp and not soak", 0),
              ("kernel debug",), ("kunit debug",)),
        # By then the kernel's source is there, to tell which kernel it would be.
        Stage("churn kcsan", CHURN, churn_kcsan, ("kernel debug",), ("harness debug",)),
        # This is the source of uml, with Debian's options and a second CPU.
        Stage("harness deb6.12", 1800, suite("deb6.12", 1800, "smp and not soak", 0),
              ("kernel deb6.12",)),
        Stage("smoke deb6.1", 1800, suite("deb6.1", 1800, "smoke", 0), ("kernel deb6.1",)),
        Stage("source", 600, lambda say: check.source(say) and None),
        Stage("check", 1200, check.run, ("kernel deb6.12", "kernel deb6.1", "source")),
        Stage("deb", 900, selftest.deb, ("kernel deb6.12", "kernel deb6.1")),
    ]


class Say:
    """Whole lines with the stage's name before them, from several threads."""

    guard = threading.Lock()

    def __init__(self, name: str):
        self.prefix = f"[{name}] "
        self.rest = ""
        self.colour = sys.stdout.isatty()

    def __call__(self, text="", end="\n", flush=True):
        *lines, self.rest = (self.rest + str(text) + end).split("\n")
        with self.guard:
            for line in lines:
                print(self.paint(self.prefix + line), flush=flush)

    def paint(self, line: str) -> str:
        if not self.colour:
            return line
        for word, code in (("FAILED", 31), ("ERROR", 31), ("PASSED", 32)):
            line = line.replace(word, f"\033[{code}m{word}\033[0m")
        return line


class Runner:
    """Hands out the stages, watches the clock, gathers the reports."""

    def __init__(self, stages, whole: float = WHOLE):
        self.stages = {stage.name: stage for stage in stages}
        self.whole = whole
        self.changed = threading.Condition()
        self.began = time.monotonic()
        self.stopped = False

    def run(self) -> Report:
        threads = [threading.Thread(target=self._work, args=(builder,), daemon=True)
                   for builder in (True, *[False] * WORKERS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._watch()
            for thread in threads:
                thread.join(0.2)
        return self._sum()

    # --- the workers

    def _work(self, builder: bool):
        while True:
            with self.changed:
                stage = self._next(builder)
                while stage is None:
                    if self._finished(builder):
                        return
                    self.changed.wait(1)
                    stage = self._next(builder)
                stage.state = "running"
                stage.thread = threading.get_ident()
                stage.began = time.monotonic()
            self._run(stage)

    def _next(self, builder: bool):
        if self.stopped:
            return None
        for stage in self.stages.values():
            first = stage.needs + stage.after
            ready = all(self.stages[n].state == "done" for n in first)
            if stage.builder == builder and stage.state == "waiting" and ready:
                return stage
        return None

    def _finished(self, builder: bool) -> bool:
        return self.stopped or not any(s.state == "waiting" for s in self.stages.values()
                                       if s.builder == builder)

    def _run(self, stage: Stage):
        say = Say(stage.name)
        report = Report(stage.name)
        broken = [n for n in stage.needs if not self.stages[n].report.usable]
        say(f"begins, budget {stage.budget} s")
        try:
            if broken:
                raise LabError("not run, as this failed: " + ", ".join(broken))
            report = stage.run(say) or report
        except LabError as error:
            report.failed("stage", str(error))
        except Exception as error:      # a mistake in the laboratory is a failure too
            report.failed("laboratory", f"{type(error).__name__}: {error}")
        if stage.late:
            report.failed("budget", f"stopped after its budget of {stage.budget} s")
        with self.changed:
            stage.took = time.monotonic() - stage.began
            # Without a Report there's nothing to count: it only had to succeed.
            report.usable = not report.bad
            stage.report = report
            stage.state = "done"
            self.changed.notify_all()
        say(f"took {stage.took:.0f} s of {stage.budget} s: {report.count()}")

    # --- the clock

    def _watch(self):
        now = time.monotonic()
        for stage in self.stages.values():
            if stage.state == "running" and now - stage.began > stage.budget and not stage.late:
                stage.late = True
                process.stop_all(stage.thread)
        if now - self.began > self.whole and not self.stopped:
            with self.changed:
                self.stopped = True
                self.changed.notify_all()
            process.stop_all()

    def _sum(self) -> Report:
        whole = Report("all")
        for stage in self.stages.values():
            if stage.report is None:
                whole.failed(stage.name, "not run: the whole was stopped "
                                         f"after {self.whole / 60:.0f} minutes")
            else:
                whole.merge(stage.report)
        if self.stopped:
            whole.failed("time", f"stopped after {self.whole / 60:.0f} minutes")
        return whole

    def table(self, say=print):
        say("\nstage                 took  budget  result")
        for stage in self.stages.values():
            result = stage.report.count() if stage.report else "not run"
            say(f"{stage.name:20} {stage.took:5.0f} s {stage.budget:5} s  {result}")
        say(f"{'all of it':20} {time.monotonic() - self.began:5.0f} s")


def run() -> int:
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    packages.ensure({**packages.TOOLS, **packages.CHECKERS, **deb.TOOLS, **deb.TESTERS},
                    Say("packages"))
    runner = Runner(all_stages())
    report = runner.run()
    runner.table()
    report.show()
    return 0 if report.ok() else 1
