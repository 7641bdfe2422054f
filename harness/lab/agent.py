# SPDX-License-Identifier: GPL-2.0-only
"""Runs in the guest: executes commands that come over a serial channel.

One JSON object per line both ways. In: {"id", "argv", "cwd", "env", "stdin",
"timeout"}, {"id", "signal"} for a running one, or {"quit"}. Out: {"hello"},
{"id", "out"}, {"id", "err"}, {"id", "exit"}. Bytes travel as base64.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import termios
import tty

PORT_NAME = "lab.agent"
CHUNK = 16384


def find_port() -> str:
    """The channel's device: a named virtio port, or what the command line says."""
    with open("/proc/cmdline", encoding="ascii") as line:
        for word in line.read().split():
            if word.startswith("lab.port="):
                return word.partition("=")[2]
    ports = "/sys/class/virtio-ports"
    for port in os.listdir(ports):
        with open(f"{ports}/{port}/name", encoding="ascii") as name:
            if name.read().strip() == PORT_NAME:
                return f"/dev/{port}"
    raise SystemExit("lab: the agent found no channel")


class Channel:
    """Whole lines over a device, from several threads."""

    def __init__(self, path: str):
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        if os.isatty(self.file):
            tty.setraw(self.file, termios.TCSANOW)
        self.guard = threading.Lock()

    def send(self, **message):
        data = json.dumps(message).encode() + b"\n"
        with self.guard:
            while data:
                data = data[os.write(self.file, data):]

    def lines(self):
        rest = b""
        while True:
            data = os.read(self.file, CHUNK)
            if not data:
                return
            rest += data
            *whole, rest = rest.split(b"\n")
            yield from whole


class Job(threading.Thread):
    """One command: its pipes, its bound, its end."""

    def __init__(self, channel: Channel, request: dict):
        super().__init__(daemon=True)
        self.channel = channel
        self.request = request
        self.child = None

    def run(self):
        number = self.request["id"]
        try:
            self.child = self.spawn()
        except OSError as error:
            text = f"{self.request['argv'][0]}: {error}\n".encode()
            self.channel.send(id=number, err=base64.b64encode(text).decode())
            self.channel.send(id=number, exit=127)
            return
        pumps = [threading.Thread(target=self.pump, args=pair, daemon=True)
                 for pair in ((self.child.stdout, "out"), (self.child.stderr, "err"))]
        for pump in pumps:
            pump.start()
        self.feed()
        late = self.wait()
        # A background process may keep the pipes: what the command itself wrote
        # is there at once, so the wait for the rest is short.
        for pump in pumps:
            pump.join(5)
        self.channel.send(id=number, exit=self.child.returncode, late=late)

    def spawn(self) -> subprocess.Popen:
        env = dict(os.environ, **self.request.get("env", {}))
        return subprocess.Popen(self.request["argv"], cwd=self.request.get("cwd", "/"),
                                env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True)

    def feed(self):
        try:
            self.child.stdin.write(base64.b64decode(self.request.get("stdin", "")))
            self.child.stdin.close()
        except OSError:
            pass    # it ended, or doesn't read: its exit code tells

    def pump(self, pipe, name):
        while True:
            data = os.read(pipe.fileno(), CHUNK)
            if not data:
                return
            self.channel.send(**{"id": self.request["id"],
                                 name: base64.b64encode(data).decode()})

    def wait(self) -> bool:
        try:
            self.child.wait(self.request["timeout"])
            return False
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            self.child.wait()
            return True

    def kill(self, number: int):
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass


def serve(channel: Channel):
    jobs = {}
    channel.send(hello=os.uname().release)
    for line in channel.lines():
        request = json.loads(line)
        if "quit" in request:
            return
        if "signal" in request:
            jobs[request["id"]].kill(request["signal"])
            continue
        job = jobs[request["id"]] = Job(channel, request)
        job.start()


if __name__ == "__main__":
    serve(Channel(find_port()))
    os.sync()
    sys.exit(0)
