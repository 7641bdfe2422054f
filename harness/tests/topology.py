# SPDX-License-Identifier: GPL-2.0-only
"""Small networks out of namespaces and veth pairs.

    client ---------- server            pair, link
    client -- router -- server          routed

A Namespace is a context manager: what this thread opens inside belongs to it,
sockets and child processes alike, and stays there afterwards:

    with net.server:
        listener = socket.create_server((net.server.v4, 80))
"""

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
NETNS = "/run/netns"
SETTLE = 20     # seconds that closed connections have to end

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _check(result: int):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def ip(lines, namespace=None, tool="ip"):
    """Run ip (or tc) commands in one process: an exec is slow in a guest."""
    argv = [tool] + (["-n", namespace] if namespace else []) + ["-batch", "-"]
    done = subprocess.run(argv, input="\n".join(lines) + "\n", text=True, timeout=60,
                          capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr}\n" + "\n".join(lines))


def has_rules6(namespace, rule: str) -> bool:
    """IPv6 has such a rule from now on, unless the kernel knows of none."""
    argv = ["ip", "-6", "rule", "add", *rule.split()]
    return not namespace.run(argv, check=False).returncode


class Namespace:
    """A network namespace, with the addresses it was given."""

    def __init__(self, name: str, v4: str = None, v6: str = None):
        self.name = name
        self.v4 = v4
        self.v6 = v6
        self.path = f"{NETNS}/{name}"
        self._outer = threading.local()

    def __enter__(self):
        stack = self._outer.__dict__.setdefault("stack", [])
        stack.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        inner = os.open(self.path, os.O_RDONLY)
        try:
            _check(_libc.setns(inner, CLONE_NEWNET))
        except OSError:
            os.close(stack.pop())
            raise
        finally:
            os.close(inner)
        return self

    def __exit__(self, *_exc):
        outer = self._outer.stack.pop()
        try:
            _check(_libc.setns(outer, CLONE_NEWNET))
        finally:
            os.close(outer)

    def run(self, argv, **kwargs) -> subprocess.CompletedProcess:
        """Run a command in the namespace; it must succeed within 60 s."""
        kwargs = {"check": True, "timeout": 60, "text": True, "capture_output": True} | kwargs
        with self:
            return subprocess.run(argv, **kwargs)

    def mac(self) -> bytes:
        """The address of its device"""
        with self, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("eth", 0))
            return sock.getsockname()[4]

    def knows(self, hosts, other):
        """Who is found by another end's device; nobody is asked for it."""
        ip([f"neigh replace {host} lladdr {other.mac().hex(':')} dev eth nud permanent"
            for host in hosts], self.name)

    def sysctl(self, name: str, value):
        with self, open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def _rows(self, table):
        path = Path(f"/proc/thread-self/net/{table}")
        if not path.exists():
            return []
        return [row.split() for row in path.read_text("ascii").splitlines()]

    def closing(self) -> bool:
        """Some connection is in FIN-WAIT-1, LAST-ACK or CLOSING, of the host's or kinet's."""
        with self:
            states = {row[3] for table in ("tcp", "tcp6") for row in self._rows(table)}
            states |= {row[4] for row in self._rows("kinet/sockets")}
        return bool(states & {"04", "09", "0B", "FIN-WAIT-1", "LAST-ACK", "CLOSING"})

    def remove(self):
        _check(_libc.umount2(self.path.encode(), MNT_DETACH))
        os.unlink(self.path)


class Net:
    """Namespaces, removed together."""

    def __init__(self, *roles):
        number = next(_numbers)
        self.all = [Namespace(f"ks{number}-{role}") for role in roles]
        for role, namespace in zip(roles, self.all):
            setattr(self, role, namespace)
        self._made = []

    def add(self):
        # A user space daemon that manages namespaces isn't here: this is.
        ip([f"netns add {n.name}" for n in self.all])
        self._made = list(self.all)
        for namespace in self.all:
            # Tests that are refused one after the other are all told.
            namespace.sysctl("net.ipv4.icmp_ratelimit", 0)
            namespace.sysctl("net.ipv6.icmp.ratelimit", 0)

    def settled(self) -> bool:
        """No connection waits for an acknowledgement any more."""
        return not any(namespace.closing() for namespace in self._made)

    def remove(self):
        """A closed connection keeps its namespace until the peer has acknowledged
        its end: let it, before the wire goes that the acknowledgement comes by."""
        end = time.monotonic() + SETTLE
        while not self.settled() and time.monotonic() < end:
            time.sleep(0.01)
        while self._made:
            self._made.pop().remove()

    def drop(self, namespace: Namespace):
        """Remove one ahead of the others, as far as its sockets let it go."""
        self._made.remove(namespace)
        namespace.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.remove()


def _veth(one: Namespace, device: str, other: Namespace, peer: str) -> str:
    return (f"link add {device} netns {one.name} type veth "
            f"peer name {peer} netns {other.name}")


def _up(namespace: Namespace, device: str, v4: str, v6: str, more=()):
    # nodad: an IPv6 address is of use at once.
    ip(["link set lo up", f"link set {device} up", f"addr add {v4}/24 dev {device}",
        f"addr add {v6}/64 dev {device} nodad", *more], namespace.name)


@contextlib.contextmanager
def pair():
    """Client and server on one wire, IPv4 and IPv6; device `eth` in both."""
    with Net("client", "server") as net:
        net.add()
        ip([_veth(net.client, "eth", net.server, "eth")])
        for number, end in enumerate((net.client, net.server), 1):
            end.v4, end.v6 = f"10.1.0.{number}", f"fd00:1::{number}"
            _up(end, "eth", end.v4, end.v6)
        yield net


@contextlib.contextmanager
def routed():
    """Client and server with a router between them (devices east and west)."""
    with Net("client", "router", "server") as net:
        net.add()
        ip([_veth(net.client, "eth", net.router, "west"),
            _veth(net.server, "eth", net.router, "east")])
        for side, (end, device) in enumerate(((net.client, "west"), (net.server, "east")), 1):
            end.v4, end.v6 = f"10.{side}.0.2", f"fd00:{side}::2"
            _up(net.router, device, f"10.{side}.0.1", f"fd00:{side}::1")
            _up(end, "eth", end.v4, end.v6,
                (f"route add default via 10.{side}.0.1",
                 f"route add default via fd00:{side}::1"))
        net.router.sysctl("net.ipv4.ip_forward", 1)
        net.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        yield net


def _queue(namespace: Namespace, device: str, words: str):
    ip([f"qdisc replace dev {device} root {words}"], namespace.name, "tc")


@contextlib.contextmanager
def _queued(namespace: Namespace, device: str, words: str):
    _queue(namespace, device, words)
    try:
        yield
    finally:
        ip([f"qdisc del dev {device} root"], namespace.name, "tc")


def _netem(how: dict) -> str:
    return " ".join(["netem", *(f"{name} {value}" for name, value in how.items())])


def impair(namespace: Namespace, device: str = "eth", **how):
    """Put netem on what leaves the device: loss="1%", delay="10ms", reorder="25%",
    duplicate="1%", corrupt="0.1%", rate="10mbit", limit=1000."""
    _queue(namespace, device, _netem(how))


def impaired(namespace: Namespace, device: str = "eth", **how):
    """The same for a while."""
    return _queued(namespace, device, _netem(how))


def slowed(namespace: Namespace, rate: str, device: str = "eth"):
    """What leaves the device queues up for a while, as its senders' own: netem would
    take it off their accounts."""
    return _queued(namespace, device, f"tbf rate {rate} burst 2kb limit 100kb")


def fair(namespace: Namespace, device: str = "eth"):
    """What leaves the device does so by the rate of its socket, for a while."""
    return _queued(namespace, device, "fq")


@contextlib.contextmanager
def link(**how):
    """A pair whose wire is impaired in both directions; see impair()."""
    with pair() as net:
        for end in (net.client, net.server):
            impair(end, **how)
        yield net
