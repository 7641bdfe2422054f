# SPDX-License-Identifier: GPL-2.0-only
"""Programs that everybody has, in the namespaces of a network, over kinet or not."""

import contextlib
import os
import select
import subprocess
from pathlib import Path

import kinet
from blocked import BOUND, until
from lab.paths import REPO

KINET_RUN = REPO / "tools/kinet-run"
ROLES = ("server", "client")
STATES = {"tcp": "0A", "udp": "07"}     # in /proc/net, of who waits for others
DGRAM, STREAM = ("DgramIn", "DgramOut"), ("SegmentIn", "SegmentOut")


def has_port(end, port: int, table: str) -> bool:
    """Somebody waits there, by the host's tables; a claim of kinet's is a datagram socket's there,
    a stream of kinet's in its own."""
    with end:
        rows = [row.split() for version in ("", "6") for row in
                Path(f"/proc/thread-self/net/{table}{version}").read_text("ascii").splitlines()]
    return (any(row[1].endswith(f":{port:04X}") and row[3] == STATES[table] for row in rows) or
            any(row["local"].endswith(f":{port}") and row["state"] == "LISTEN"
                for row in kinet.sockets(end)))


class Programs(contextlib.ExitStack):
    """Programs in a network's namespaces; those whose role is ours run over kinet."""

    def __init__(self, net, library, ours):
        super().__init__()
        self.net = net
        self.ours = ours
        self.env = dict(os.environ, KINET_PRELOAD=str(library))

    def argv(self, role, *words) -> list:
        """What to execute"""
        return [*([KINET_RUN] if role in self.ours else []), *map(str, words)]

    def run(self, role, *words) -> str:
        """What a program prints; it must succeed."""
        end = getattr(self.net, role)
        done = end.run(self.argv(role, *words), check=False, env=self.env)
        assert not done.returncode, (done.stdout, done.stderr)
        return done.stdout

    def start(self, role, *words) -> subprocess.Popen:
        """One with pipes, which is killed in the end"""
        with getattr(self.net, role):
            child = self.enter_context(subprocess.Popen(
                self.argv(role, *words), env=self.env, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, bufsize=0))
        self.callback(child.kill)
        return child

    def serve(self, port, *words, table="udp") -> subprocess.Popen:
        """The server, once it has its port"""
        child = self.start("server", *words)
        until(lambda: has_port(self.net.server, port, table), f"port {port} to be bound")
        assert self.kinets("server") == ("server" in self.ours)
        return child

    def kinets(self, role) -> bool:
        """There is a socket of kinet's."""
        return bool(kinet.sockets(getattr(self.net, role)))

    @contextlib.contextmanager
    def carried(self, counters=DGRAM):
        """All that is sent inside by a role that is ours goes over kinet, no other does."""
        ends = {role: getattr(self.net, role) for role in ROLES}
        before = {role: kinet.snmp(end) for role, end in ends.items()}
        yield
        for role, end in ends.items():
            for counter in counters:
                grown = kinet.snmp(end)[counter] > before[role][counter]
                assert grown == (role in self.ours), (role, counter)


def line(child) -> bytes:
    """What a program prints, up to the end of the line"""
    told = b""
    while not told.endswith(b"\n"):
        assert select.select([child.stdout], [], [], BOUND)[0], "nothing is printed"
        more = os.read(child.stdout.fileno(), 4096)
        assert more, f"it has ended after {told}"
        told += more
    return told
