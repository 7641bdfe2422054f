# SPDX-License-Identifier: GPL-2.0-only
"""Programs that everybody has, over kinet at one end or at both, by kinet-run."""

import contextlib
import json
import os
import select
import subprocess
from pathlib import Path

import pytest

import kinet
from blocked import BOUND, until
from kinet import INET, INET6, address
from lab.paths import REPO
from peers import inet_family

pytestmark = pytest.mark.smoke

KINET_RUN = REPO / "tools/kinet-run"
ROLES = ("server", "client")
TCP_LISTEN, UDP_OPEN = "0A", "07"       # states in /proc/net
NAME, ADDRESSES = "www.lab.example", {INET: "192.0.2.7", INET6: "2001:db8::7"}
PIECES, PIECE = 50, 1000        # what iperf3 sends: a receive buffer has room for all


def has_port(end, port: int, table: str, state: str) -> bool:
    """Some socket of the host's own has it."""
    with end:
        rows = [row.split() for version in ("", "6") for row in
                Path(f"/proc/thread-self/net/{table}{version}").read_text("ascii").splitlines()]
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)


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

    def serve(self, port, *words) -> subprocess.Popen:
        """The server, once it has its port: a claim of kinet's is one of the host's, too."""
        child = self.start("server", *words)
        until(lambda: has_port(self.net.server, port, "udp", UDP_OPEN),
              f"port {port} to be bound")
        assert self.kinets("server") == ("server" in self.ours)
        return child

    def kinets(self, role) -> bool:
        """There is a socket of kinet's."""
        return bool(kinet.sockets(getattr(self.net, role)))

    @contextlib.contextmanager
    def carried(self):
        """All that is sent inside by a role that is ours goes over kinet, no other does."""
        ends = {role: getattr(self.net, role) for role in ROLES}
        before = {role: kinet.snmp(end) for role, end in ends.items()}
        yield
        for role, end in ends.items():
            for counter in ("DgramIn", "DgramOut"):
                grown = kinet.snmp(end)[counter] > before[role][counter]
                assert grown == (role in self.ours), (role, counter)


@pytest.fixture(params=[("server",), ("client",), ROLES], ids="-".join)
def programs(request, pair, library):
    """The same programs, over kinet here or there or at both ends"""
    with Programs(pair, library, request.param) as started:
        yield started


def line(child) -> bytes:
    """What a program prints, up to the end of the line"""
    told = b""
    while not told.endswith(b"\n"):
        assert select.select([child.stdout], [], [], BOUND)[0], "nothing is printed"
        more = os.read(child.stdout.fileno(), 4096)
        assert more, f"it has ended after {told}"
        told += more
    return told


@inet_family
def test_socat(programs, family):
    """What one end says the other repeats."""
    kind = {INET: "UDP4", INET6: "UDP6"}[family]
    where, port = address(programs.net.server, family, 7777)
    host = where if family == INET else f"[{where}]"
    with programs.carried():
        programs.serve(port, "socat", f"{kind}-LISTEN:{port}", "EXEC:cat")
        client = programs.start("client", "socat", "-", f"{kind}:{host}:{port}")
        for said in (b"hello\n", b"x" * 1000 + b"\n", b"bye\n"):
            client.stdin.write(said)
            assert line(client) == said


def dns(programs):
    """A server of names at both addresses of its end"""
    server = programs.net.server
    programs.serve(53, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                   "--no-hosts", "--local=/lab.example/", "--user=root", "--group=root",
                   "--pid-file=", "--bind-interfaces", "--log-facility=/dev/null",
                   f"--listen-address={server.v4},{server.v6}",
                   f"--host-record={NAME},{ADDRESSES[INET]},{ADDRESSES[INET6]}")


@inet_family
def test_dig(programs, family):
    """By IPv4 and by IPv6: the address of either"""
    dns(programs)
    where = address(programs.net.server, family)[0]
    with programs.carried():
        for kind, wanted in (("A", ADDRESSES[INET]), ("AAAA", ADDRESSES[INET6])):
            assert programs.run("client", "dig", "+short", "+tries=1", f"+time={BOUND}",
                                f"@{where}", NAME, kind) == wanted + "\n"


def test_host(programs):
    """And no other name"""
    dns(programs)
    with programs.carried():
        told = programs.run("client", "host", "-W", 10, NAME, programs.net.server.v4)
    assert [text for text in told.splitlines() if text.startswith(NAME)] == [
        f"{NAME} has address {ADDRESSES[INET]}", f"{NAME} has IPv6 address {ADDRESSES[INET6]}"]


@pytest.mark.parametrize("direction", ["there", "back"])
@inet_family
def test_iperf3(programs, family, direction):
    """Datagrams at a rate: none is lost. Its TCP connection is the host's."""
    where, port = address(programs.net.server, family, 5201)
    server = programs.start("server", "iperf3", "-s", "-1", "-p", port)
    until(lambda: has_port(programs.net.server, port, "tcp", TCP_LISTEN), "iperf3 to listen")
    back = ["-R"] if direction == "back" else []
    with programs.carried():
        told = programs.run("client", "iperf3", "-u", "-c", where, "-p", port, "-b", "8M", "-k",
                            PIECES, "-l", PIECE, "--json", *back)
    end = json.loads(told)["end"]["sum"]
    assert end["lost_packets"] == 0
    assert end["packets"] >= PIECES if back else end["packets"] == PIECES
    assert server.wait(BOUND) == 0
