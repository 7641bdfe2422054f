# SPDX-License-Identifier: GPL-2.0-only
"""kinet goes, whatever is under way, and comes again."""

import contextlib
import errno
import itertools
import random
import select
import socket
import subprocess
import threading

import kinet
import kmod
import pytest
import topology

from blocked import ACCEPT4, BOUND, need_view_of_sleepers, sleeps_in, until
from conftest import BUILD, KernelLog
from kinet import INET, INET6, RAW, STREAM, failure, talk
from peers import reset
from segments import ACK, PSH, SYN, WIRES, build
from streams import KINDS, Streams, exchange, limit_rate, ready, receive
from threads import meanwhile

CYCLES, SOAK_CYCLES = 20, 200
AF_MAX, FALLBACK = 46, 18


def load():
    """As conftest does it at first."""
    kmod.load(BUILD / "ksocket/kinet/kinet.ko")


def unloaded() -> bool:
    """Right after a socket was closed its memory still waits for RCU."""
    try:
        kmod.unload("kinet")
    except BlockingIOError:
        return False
    return True


def unload():
    """What holds the module is gone."""
    until(unloaded, "kinet to be unloaded")


@contextlib.contextmanager
def flood(end, to, packets=(bytes(100),), kind=socket.SOCK_DGRAM, protocol=0):
    """A process at an end that sends as fast as it can."""
    text = ("import socket, sys\n"
            "host, port, kind, protocol, *packets = sys.argv[1:]\n"
            "s = socket.socket(socket.AF_INET, int(kind), int(protocol))\n"
            "packets = [bytes.fromhex(one) for one in packets]\n"
            "print('ready', flush=True)\n"
            "while True:\n"
            "    for packet in packets:\n"
            "        try: s.sendto(packet, (host, int(port)))\n"
            "        except OSError: pass\n")
    words = [to[0], *map(str, (to[1], int(kind), protocol)), *(one.hex() for one in packets)]
    with end, subprocess.Popen(["/usr/bin/python3", "-c", text, *words],
                               stdout=subprocess.PIPE) as child:
        try:
            child.stdout.readline()
            yield
        finally:
            child.kill()


def traffic(net, made):
    """Something of everything; left as it is."""
    talk(made.ours(net.client), made.stock(net.server))
    talk(made.stock(net.client, INET6), made.ours(net.server, INET6))
    reader = made.ours(net.server)
    made.ours(net.client).sendto(b"unread", reader.getsockname())
    corked = made.ours(net.client)
    corked.sendto(b"corked", socket.MSG_MORE, reader.getsockname())
    made.ours(net.client, INET, RAW, bind=False, protocol=socket.IPPROTO_UDP)
    connected = made.ours(net.client, INET6)
    connected.connect(("::1", 9))
    connected.send(b"to nobody")
    for kinds, family in itertools.product(KINDS[1:], (INET, INET6)):
        one, other = made.enter_context(Streams(net.client, net.server, kinds)).connection(family)
        exchange(one, other, 20_000)
        one.send(b"unread")


def cycle(net):
    """Traffic, all closed, gone, and there again"""
    with kinet.Sockets() as made:
        traffic(net, made)
        with pytest.raises(BlockingIOError):
            kmod.unload("kinet")
    unload()
    load()


def test_cycles(pair, loaded_again):
    """Load, traffic, unload"""
    for _ in range(CYCLES):
        cycle(pair)


@pytest.mark.soak
def test_many_cycles(pair, loaded_again):
    """The same for long"""
    for _ in range(SOAK_CYCLES):
        cycle(pair)


def test_under_a_flood(pair, loaded_again):
    """Packets for a port of ours keep coming while the module goes."""
    for _ in range(5):
        with kinet.Sockets() as made:
            sock = made.ours(pair.server)
            to = sock.getsockname()
            with flood(pair.client, to):
                until(lambda: select.select([sock], [], [], 0)[0], "the flood")
                sock.close()
                unload()
                load()


def segments(one, to, listens) -> list:
    """Some that ask a listener, and some that are data for a connection; from one end of it"""
    ends = [socket.inet_aton(sock.getsockname()[0]) for sock in (one, to)]
    port, connected, listener = (sock.getsockname()[1] for sock in (one, to, listens))
    protocol = to.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) & 0xff
    made = []
    for caller in range(10_000, 10_050):
        numbers = [random.randrange(1 << 32) for _ in range(2)]
        made += [build(ends, protocol, (caller, listener), numbers, SYN),
                 build(ends, protocol, (port, connected), numbers, ACK | PSH, bytes(500))]
    return made


@pytest.mark.parametrize("wire", WIRES)
def test_under_a_flood_of_segments(pair, loaded_again, wire):
    """SYNs and data keep coming while a listener and a connection end, and the module goes."""
    until(lambda: not kinet.sockets(pair.client) + kinet.sockets(pair.server), "sockets to go")
    for _ in range(5):
        for end in (pair.client, pair.server):
            end.sysctl("net.kinet.mode", wire)
        kinds = ("stock" if wire == "interop" else "ours", "ours")
        with Streams(pair.client, pair.server, kinds) as made:
            listener = made.listener()
            one, other = made.connection(listener=listener)
            packets = segments(one, other, listener)
            before = kinet.snmp(pair.server)["SegmentIn"]
            with flood(pair.client, (other.getsockname()[0], 0), packets, RAW, WIRES[wire]):
                until(lambda: kinet.snmp(pair.server)["SegmentIn"] > before + 2 * len(packets),
                      "the flood")
                exchange(one, other)
                for sock in (one, other, listener):
                    sock.close()
                unload()
                load()


@pytest.mark.parametrize("how", ["drained", "reset"])
def test_while_data_wait_for_their_time(pair, loaded_again, how):
    """A stream that has to be slow: its timer is set, and doesn't hold the module."""
    with Streams(pair.client, pair.server, ("ours", "stock")) as made:
        one, other = made.connection()
        limit_rate(one, 1000)
        one.send(bytes(20_000), socket.MSG_DONTWAIT)
        receive(other, 1)
        if how == "drained":
            kinet.drain(True)
        else:
            reset(other)
            ready(one, select.POLLHUP)
    unload()
    load()


@pytest.mark.parametrize("number", [-1, 0, AF_MAX, 1000000])
@pytest.mark.parametrize("name", ["family", "family6"])
def test_numbers_that_are_none(loaded_again, name, number):
    """family= and family6=: no module, and the log says why."""
    unload()
    log = KernelLog()
    with pytest.raises(OSError) as caught:
        kmod.load(BUILD / "ksocket/kinet/kinet.ko", **{name: number})
    assert caught.value.errno == errno.EINVAL
    assert f"{name}={number}: must be from 1 to {AF_MAX - 1}" in log.new()


def test_numbers_that_are_taken(loaded_again):
    """Another one is found, once."""
    unload()
    kmod.load(BUILD / "ksocket/kinet/kinet.ko", family=int(INET), family6=30)
    assert kinet.families() == {INET: FALLBACK, INET6: 30}
    unload()
    with pytest.raises(OSError) as caught:
        kmod.load(BUILD / "ksocket/kinet/kinet.ko", family=int(INET), family6=int(INET6))
    assert caught.value.errno == errno.EEXIST


def errno_of(call, *args) -> int:
    """The errno that a call gives."""
    with pytest.raises(OSError) as caught:
        call(*args)
    return caught.value.errno


def test_drained(pair, made, loaded_again):
    """Every call gives ENETDOWN, pollers get HUP, who waits is woken, ports are free."""
    reader, sock = made.ours(pair.server), made.ours(pair.client)
    port = sock.getsockname()
    reader.settimeout(None)
    sock.settimeout(None)
    heard = []
    waiting = threading.Thread(target=lambda: heard.append(errno_of(reader.recv, 16)))
    waiting.start()
    sock.sendto(b"corked", socket.MSG_MORE, reader.getsockname())
    kinet.drain(True)
    try:
        waiting.join(BOUND)
        assert heard == [errno.ENETDOWN]
        for call, *args in ((reader.recv, 16), (sock.sendto, b"x", port), (sock.send, b"x"),
                            (sock.getsockname,), (sock.getpeername,), (sock.bind, ("", 0)),
                            (sock.connect, port), (sock.shutdown, socket.SHUT_RDWR),
                            (sock.setsockopt, socket.IPPROTO_IP, socket.IP_TTL, 3),
                            (sock.getsockopt, socket.IPPROTO_IP, socket.IP_TTL),
                            (made.ours, pair.client)):
            assert errno_of(call, *args) == errno.ENETDOWN
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        assert poll.poll(0)[0][1] & select.POLLHUP
        assert {row["state"] for row in kinet.sockets(pair.client)} == {"drained"}
        made.stock(pair.client, bind=False).bind(port)
        with pytest.raises(BlockingIOError):
            kmod.unload("kinet")
    finally:
        kinet.drain(False)
    talk(made.ours(pair.client), made.stock(pair.server))
    assert errno_of(reader.recv, 16) == errno.ENETDOWN


def test_drained_module_goes(pair, loaded_again):
    """Once its programs have closed what was drained"""
    with kinet.Sockets() as made:
        traffic(pair, made)
        kinet.drain(True)
    unload()
    load()
    with kinet.Sockets() as made:
        talk(made.ours(pair.client), made.stock(pair.server))


def test_drained_server(pair, loaded_again):
    """Its port is free though nothing of it is closed: neither it nor what it has accepted"""
    with Streams(pair.client, pair.server, ("stock", "ours")) as made:
        listener = made.listener()
        where = listener.getsockname()
        exchange(*made.connection(listener=listener))
        kinet.drain(True)
        again = made.stock(pair.server, INET, STREAM, bind=False)
        until(lambda: not failure(again.bind, where), "the port to be free")
        again.listen()
    unload()
    load()


def test_drained_while_it_accepts(pair, loaded_again):
    """Who waits in accept(2) is woken, and told the same as in any other call."""
    need_view_of_sleepers()
    with Streams(pair.client, pair.server, ("stock", "ours")) as made:
        listener = made.listener()
        tid, heard = [], []

        def accept():
            tid.append(threading.get_native_id())
            heard.append(failure(listener.accept))
        with meanwhile(accept):
            until(lambda: tid and sleeps_in(ACCEPT4, tid[0]), "somebody to wait in accept(2)")
            kinet.drain(True)
        assert heard == [errno.ENETDOWN]
    unload()
    load()


STAGES = ("open", "bound", "connected", "unread", "corked", "raw", "isolated")


@pytest.mark.parametrize("stage", STAGES)
def test_namespace_is_deleted(stage, loaded_again):
    """With a socket in it, which goes later; and the module after that"""
    with kinet.Sockets() as made:
        with topology.pair() as net:
            if stage == "isolated":
                for end in (net.client, net.server):
                    end.sysctl("net.kinet.mode", "isolated")
            kind = dict(kind=RAW, protocol=1) if stage == "raw" else {}
            sock = made.ours(net.client, bind=stage != "open", **kind)
            peer = made.ours(net.server)
            if stage == "connected":
                sock.connect(peer.getsockname())
            if stage in ("unread", "isolated"):
                peer.sendto(b"unread", sock.getsockname())
            if stage == "corked":
                sock.sendto(b"corked", socket.MSG_MORE, peer.getsockname())
    unload()
    load()


def test_mode_of_a_new_namespace():
    """Each begins as interop, and settings are its own."""
    with topology.pair() as net:
        net.client.sysctl("net.kinet.mode", "isolated")
        net.client.sysctl("net.kinet.ip_local_port_range", "10000 10001")
        for end, mode, ports in ((net.client, "isolated", "10000\t10001"),
                                 (net.server, "interop", "20000\t32767")):
            with end:
                for name, wanted in (("mode", mode), ("ip_local_port_range", ports)):
                    with open(f"/proc/sys/net/kinet/{name}", encoding="ascii") as file:
                        assert file.read().strip() == wanted


def test_settings_that_cannot_be():
    """Refused with EINVAL, and nothing is changed."""
    with topology.pair() as net:
        for name, value in (("ip_local_port_range", "2000 1000"), ("unprivileged", 2),
                            ("ip_local_port_range", "0 70000"), ("rmem", "1 1 1"),
                            ("mode", "tcp")):
            assert errno_of(net.client.sysctl, f"net.kinet.{name}", value) == errno.EINVAL
        with net.client, pytest.raises(FileNotFoundError):
            open("/proc/sys/net/kinet/drain", encoding="ascii")


def test_ports_run_out():
    """All of the range, then EADDRINUSE; a reserved one is left alone."""
    with topology.pair() as net, kinet.Sockets() as made:
        net.client.sysctl("net.kinet.ip_local_port_range", "20000 20004")
        net.client.sysctl("net.ipv4.ip_local_reserved_ports", "20001")
        made.stock(net.client, port=20003)
        ports = {made.ours(net.client).getsockname()[1] for _ in range(3)}
        assert ports == {20000, 20002, 20004}
        assert errno_of(made.ours, net.client) == errno.EADDRINUSE
