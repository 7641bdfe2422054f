# SPDX-License-Identifier: GPL-2.0-only
"""Programs that exchange datagrams, over kinet at one end or at both, by kinet-run."""

import json

import pytest

from blocked import BOUND
from kinet import INET, INET6, address
from peers import inet_family
from programs import line

pytestmark = pytest.mark.smoke

NAME, ADDRESSES = "www.lab.example", {INET: "192.0.2.7", INET6: "2001:db8::7"}
PIECES, PIECE = 50, 1000        # what iperf3 sends: a receive buffer has room for all


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
    """Datagrams at a rate: none is lost."""
    where, port = address(programs.net.server, family, 5201)
    server = programs.serve(port, "iperf3", "-s", "-1", "-p", port, table="tcp")
    back = ["-R"] if direction == "back" else []
    with programs.carried():
        told = programs.run("client", "iperf3", "-u", "-c", where, "-p", port, "-b", "8M", "-k",
                            PIECES, "-l", PIECE, "--json", *back)
    end = json.loads(told)["end"]["sum"]
    assert end["lost_packets"] == 0
    assert end["packets"] >= PIECES if back else end["packets"] == PIECES
    assert server.wait(BOUND) == 0
