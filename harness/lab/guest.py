# SPDX-License-Identifier: GPL-2.0-only
"""A running kernel: boots it, runs commands in it, notices when it dies."""

import base64
import json
import queue
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import initramfs, process, scan
from .errors import CommandTimeout, GuestDied, LabError
from .kernels import Kernel
from .paths import LOGS, REPO, fresh

QEMU = "/usr/bin/qemu-system-x86_64"
SHARE = Path("/share")      # the share directory, as the guest sees it
GRACE = 20                  # seconds the agent has to report beyond a bound
LINES_OF_LOG = 20

# panic=-1 under -no-reboot ends the emulator, so a panic is noticed at once.
# An oops is a panic: what follows it can't be trusted. A warning is not; the
# log's scan finds it.
COMMAND_LINE = ("panic=-1 oops=panic loglevel=7 printk.devkmsg=on net.ifnames=0 "
                "mitigations=off nokaslr rdinit=/init dummy.numdummies=0 kunit.enable=1")

# A kernel that boots patches its branches. With a thread per processor QEMU may keep a
# translation of what another one has just overwritten: the breakpoint that was there
# meanwhile is then hit when nobody knows of it any more. So the others come with init.
ALONE = "maxcpus=1 noreplace-smp"

PROCESSORS = ("-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand", "-smp", "2,sockets=2")
# One, whose clock is the number of instructions executed: the same each time. A
# string instruction would count once a byte, so none is announced as fast. When
# there is nothing to execute, time passes at once: a guest's time-outs mean little.
COUNTING = ("-accel", "tcg", "-icount", "shift=0,sleep=off", "-seed", "1",
            "-rtc", "base=2025-01-01,clock=vm", "-cpu", "max,-erms", "-smp", "1")
COUNTING_LINE = "norandmaps preempt=none"


@dataclass
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


class Job:
    """A command that runs in the guest."""

    def __init__(self, guest, argv, timeout, on_output):
        self.guest = guest
        self.argv = argv
        self.deadline = time.monotonic() + timeout + GRACE
        self.timeout = timeout
        self.on_output = on_output
        self.events = queue.Queue()
        self.number = None
        self.out = bytearray()
        self.err = bytearray()

    def wait(self) -> Result:
        """The command's result; raises when it or the guest outlives its bound."""
        while True:
            event = self._next()
            if event is None:
                raise self.guest.obituary(f"it died during: {self.command()}")
            if "exit" in event:
                break
            self._collect(event)
        if event.get("late"):
            raise CommandTimeout(
                f"guest {self.guest.name}: no end within {self.timeout:.0f} s: "
                f"{self.command()} (log: {self.guest.console})\n{self._text(self.err)}")
        return Result(event["exit"], self._text(self.out), self._text(self.err))

    def signal(self, number: int):
        self.guest.send(id=self.number, signal=number)

    def command(self) -> str:
        return " ".join(self.argv)

    def _next(self):
        try:
            return self.events.get(timeout=max(0, self.deadline - time.monotonic()))
        except queue.Empty:
            raise self.guest.obituary(f"it hangs (no answer) in: {self.command()}") from None

    def _collect(self, event):
        for name, into in (("out", self.out), ("err", self.err)):
            if name in event:
                data = base64.b64decode(event[name])
                into += data
                if self.on_output:
                    self.on_output(name, data.decode(errors="replace"))

    @staticmethod
    def _text(data) -> str:
        return bytes(data).decode(errors="replace")


class Guest:
    """One guest, as a context manager: with Guest(kernel, "name") as guest: ..."""

    def __init__(self, kernel: Kernel, name: str, memory: str = "1536M", append: str = "",
                 boot_timeout: float = 180, terminal: bool = False, counting: bool = False,
                 plugin: str = ""):
        self.kernel = kernel
        self.name = name
        self.memory = memory
        self.append = append
        self.boot_timeout = boot_timeout
        self.terminal = terminal
        self.counting = counting
        self.plugin = plugin
        self.logs = LOGS / name
        self.console = self.logs / "console.log"
        self.share = self.logs / "share"
        self.jobs = {}
        self.count = 0
        self.guard = threading.Lock()
        self.child = None
        self.channel = None
        self.dead = False

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_exc):
        self.kill()

    # --- start and end

    def _start(self):
        fresh(self.logs)
        self.share.mkdir()
        self.channel, theirs = socket.socketpair()
        hello = self.jobs[0] = Job(self, ["boot"], self.boot_timeout - GRACE, None)
        argv = self._uml(theirs) if self.kernel.uml else self._qemu(theirs)
        # User-mode Linux has its console on stderr.
        said = self.console if self.kernel.uml else self.logs / "emulator.log"
        with theirs, open(said, "wb") as log:
            self.child = process.start(
                argv, stdin=None if self.terminal else subprocess.DEVNULL,
                stdout=None if self.terminal else log, stderr=log,
                pass_fds=[theirs.fileno()])
        threading.Thread(target=self._read, daemon=True).start()
        if hello._next() is None:
            raise self.obituary("it died while booting")

    def _arguments(self) -> str:
        modules = f" lab.modules={self.kernel.modules}" if self.kernel.modules else ""
        # By default KASAN falls silent after its first report.
        debug = " kasan_multi_shot" if self.kernel.debug else ""
        counting = f" {COUNTING_LINE}" if self.counting else ""
        return f"{COMMAND_LINE}{debug}{counting} lab.repo={REPO}{modules} {self.append}".strip()

    def _qemu(self, channel) -> list:
        def share(tag, path, more):
            return ["-virtfs", f"local,path={path},mount_tag={tag},id={tag},"
                               f"security_model=none,multidevs=remap{more}"]

        # Without ACPI the firmware's table lists sockets, not cores. The time stamp
        # counter is emulated, so it is steady whatever the kernel thinks of it.
        # Our own kernel has no ACPI. Debian's need its timers: on a busy host they
        # can't measure the counter's speed otherwise, and count ticks instead.
        line = f"console=ttyS0 tsc=reliable reboot=t,force {ALONE} {self._arguments()}"
        argv = [QEMU, *(COUNTING if self.counting else PROCESSORS), "-m", self.memory,
                "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                "-kernel", self.kernel.image, "-initrd", initramfs.get(self.kernel),
                "-append", line, "-serial", f"file:{self.console}", "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,fd={channel.fileno()}",
                "-device", "virtserialport,chardev=agent,name=lab.agent",
                *share("root", "/", ",readonly=on"), *share("share", self.share, "")]
        if self.plugin:
            argv += ["-plugin", self.plugin]
        if self.terminal:
            argv += ["-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal"]
        return argv

    def _uml(self, channel) -> list:
        number = channel.fileno()
        terminal = "con1=fd:0,fd:1" if self.terminal else "con1=null"
        return [self.kernel.image, f"mem={self.memory}", f"uml_dir={self.logs}/",
                f"initrd={initramfs.get(self.kernel)}", "noreboot", "con=null",
                "con0=null,fd:2", terminal, "console=tty0", "ssl=null",
                f"ssl0=fd:{number},fd:{number}", "lab.port=/dev/ttyS0", "lab.root=hostfs",
                f"lab.share={self.share}", *self._arguments().split()]

    def quit(self, timeout: float = 60):
        """Ask the guest to end, and see that it does."""
        self.send(quit=True)
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self.obituary(f"it did not power off within {timeout:.0f} s") from None

    def kill(self):
        if self.child:
            process.stop(self.child)
        if self.channel:
            self.channel.close()

    # --- the channel

    def _read(self):
        rest = b""
        while True:
            try:
                data = self.channel.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                self._dispatch(line)
        with self.guard:
            self.dead = True
            for job in self.jobs.values():
                job.events.put(None)

    def _dispatch(self, line: bytes):
        message = json.loads(line)
        job = self.jobs.get(message.get("id", 0))
        if job:
            job.events.put(message)

    def send(self, **message):
        try:
            self.channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise self.obituary("it died") from None

    # --- commands

    def start(self, argv, timeout: float = 60, cwd="/", env=None, stdin="",
              on_output=None) -> Job:
        """Start a command; Job.wait() gives its result."""
        argv = [str(a) for a in argv]
        job = Job(self, argv, timeout, on_output)
        with self.guard:
            self.count += 1
            job.number = self.count
            self.jobs[job.number] = job
            if self.dead:
                job.events.put(None)
                return job
        data = stdin.encode() if isinstance(stdin, str) else stdin
        self.send(id=job.number, argv=argv, cwd=str(cwd), env=env or {}, timeout=timeout,
                  stdin=base64.b64encode(data).decode())
        return job

    def run(self, argv, check: bool = True, **kwargs) -> Result:
        """Run a command to its end; with check, a non-zero exit code raises."""
        job = self.start(argv, **kwargs)
        result = job.wait()
        if check and result.code:
            raise LabError(f"guest {self.name}: exit code {result.code}: {job.command()} "
                           f"(log: {self.console})\n{result.out}{result.err}".rstrip())
        return result

    # --- what it said

    def log(self) -> str:
        text = ""
        if self.console.exists():
            text = self.console.read_text(encoding="utf-8", errors="replace")
        return text.replace("\r", "")

    def obituary(self, what: str) -> GuestDied:
        """An error that says what happened and shows the lines that matter."""
        if self.child:
            try:
                self.child.wait(2)      # the log is whole once the emulator is gone
            except subprocess.TimeoutExpired:
                pass
        text = self.log()
        found = scan.findings(text)
        lines = found[0].excerpt if found else "\n".join(text.splitlines()[-LINES_OF_LOG:])
        emulator = self.logs / "emulator.log"
        extra = ""
        if emulator.exists():
            extra = emulator.read_text(encoding="utf-8", errors="replace").strip()
        return GuestDied(f"guest {self.name} ({self.kernel.release}): {what}\n"
                         f"log: {self.console}\n{lines}\n{extra}".rstrip())
