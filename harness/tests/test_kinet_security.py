# SPDX-License-Identifier: GPL-2.0-only
"""Who may do what with kinet, and what its settings accept"""

import contextlib
import ctypes
import errno
import os
import socket
import struct
import subprocess
from pathlib import Path

import pytest

import kinet
from blocked import until
from kinet import DGRAM, INET, INET6, RAW, STREAM, address, failure, open_socket, talk
from peers import inet_family
from test_kinet_options import EITHER, maker

pytestmark = pytest.mark.smoke

SOMEBODY, SOMEBODY_ELSE = 1000, 1001
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NET = Path("/proc/sys/net")

_libc = ctypes.CDLL(None, use_errno=True)


def read(name: str) -> str:
    """A setting of this thread's network namespace"""
    return (NET / name).read_text(encoding="ascii").strip()


def write(name: str, value):
    """The same"""
    (NET / name).write_text(str(value), encoding="ascii")


def in_child(prepare, what) -> int:
    """failure() in a process of its own, once it has prepared itself"""
    child = os.fork()
    if not child:
        code = 255
        with contextlib.suppress(Exception):
            prepare()
            code = failure(what)
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def be_somebody():
    """Without any right"""
    os.setgroups([])
    os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
    os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)


def be_contained():
    """Somebody who is root in a user namespace of his, and in its network namespace"""
    be_somebody()
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def be_contained_outside():
    """The same, but the network namespace isn't his"""
    be_somebody()
    if _libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")


def opener(kind, type_=DGRAM):
    """What opens a socket of a kind and a type in this thread's namespace"""
    return lambda family: (open_socket if kind == "ours" else socket.socket)(family, type_)


@contextlib.contextmanager
def unprivileged_from(port: int):
    """Ports that anybody may have, in this thread's namespace for a while"""
    before = read("ipv4/ip_unprivileged_port_start")
    write("ipv4/ip_unprivileged_port_start", port)
    try:
        yield
    finally:
        write("ipv4/ip_unprivileged_port_start", before)


@pytest.fixture
def for_all(pair):
    """net.kinet.unprivileged for a while"""
    pair.client.sysctl("net.kinet.unprivileged", 1)
    yield pair.client
    pair.client.sysctl("net.kinet.unprivileged", 0)


# All the ways to a socket: family, type, protocol, and another domain
DGRAMS = [(family, DGRAM, 0) for family in (INET, INET6)] + [
    (family, DGRAM, kinet.PROTO_DGRAM, family) for family in (INET, INET6)]
STREAMS = [(family, STREAM, protocol) for family in (INET, INET6)
           for protocol in (0, socket.IPPROTO_TCP)] + [
    (family, STREAM, kinet.PROTO_STREAM, family) for family in (INET, INET6)]
RAWS = [(family, RAW, socket.IPPROTO_UDP) for family in (INET, INET6)] + [
    (family, RAW, kinet.PROTO_RAW, family) for family in (INET, INET6)]
WAYS = DGRAMS + STREAMS + RAWS


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_opening(pair, way):
    """CAP_NET_ADMIN where the namespace is at home; raw sockets: CAP_NET_RAW as well"""
    def attempt():
        open_socket(*way).close()
    with pair.client:
        assert in_child(be_somebody, attempt) == errno.EPERM
        assert in_child(be_contained_outside, attempt) == errno.EPERM
        assert in_child(be_contained, attempt) == 0
        assert in_child(lambda: None, attempt) == 0


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_unprivileged(for_all, way):
    """net.kinet.unprivileged lets all have datagrams and streams, in its namespace alone."""
    def attempt():
        open_socket(*way).close()
    wanted = errno.EPERM if way[1] == RAW else 0
    with for_all:
        assert in_child(be_somebody, attempt) == wanted
    assert in_child(be_somebody, attempt) == errno.EPERM


EACH_TYPE = pytest.mark.parametrize("type_", [STREAM, DGRAM], ids=["stream", "dgram"])


@EITHER
@EACH_TYPE
@inet_family
def test_low_ports(for_all, kind, type_, family):
    """CAP_NET_BIND_SERVICE below net.ipv4.ip_unprivileged_port_start"""
    def attempt(port):
        with opener(kind, type_)(family) as sock:
            sock.bind(address(for_all, family, port))
    with for_all:
        assert in_child(be_somebody, lambda: attempt(1023)) == errno.EACCES
        assert in_child(be_somebody, lambda: attempt(1024)) == 0
        assert in_child(lambda: None, lambda: attempt(1023)) == 0
        with unprivileged_from(1000):
            assert in_child(be_somebody, lambda: attempt(999)) == errno.EACCES
            assert in_child(be_somebody, lambda: attempt(1023)) == 0


@EITHER
@EACH_TYPE
def test_privileged_options(for_all, kind, type_):
    """What options ask for"""
    def attempt(option):
        with opener(kind, type_)(INET) as sock:
            sock.setsockopt(*option, 1)
    mark, transparent = (socket.SOL_SOCKET, socket.SO_MARK), (
        socket.IPPROTO_IP, socket.IP_TRANSPARENT)
    force = socket.SOL_SOCKET, 33                           # SO_RCVBUFFORCE
    with for_all:
        for option in mark, transparent, force:
            assert in_child(be_somebody, lambda option=option: attempt(option)) == errno.EPERM
            assert in_child(lambda: None, lambda option=option: attempt(option)) == 0


@contextlib.contextmanager
def files_of(user):
    """What this thread makes belongs to another user for a while; it keeps its rights."""
    _libc.setfsuid(user)
    try:
        yield
    finally:
        _libc.setfsuid(0)


@EITHER
@EACH_TYPE
@inet_family
def test_shared_by_one_user_alone(pair, made, kind, type_, family):
    """SO_REUSEPORT: nobody joins the port of another to have what was sent to him."""
    def attempt(user):
        with files_of(user):
            sock = maker(made, kind)(pair.server, family, type_, bind=False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return failure(sock.bind, address(pair.server, family, 5800))
    assert [attempt(user) for user in (SOMEBODY, SOMEBODY_ELSE, SOMEBODY, 0)] == [
        0, errno.EADDRINUSE, 0, errno.EADDRINUSE]


@EACH_TYPE
@inet_family
def test_none_of_the_hosts_joins(pair, made, type_, family):
    """Whoever he is, and whatever he says"""
    for user in (0, SOMEBODY, 65534, 65535):
        with files_of(user):
            ours, stock = (maker(made, kind)(pair.server, family, type_, bind=False)
                           for kind in ("ours", "stock"))
        for sock in (ours, stock):
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                sock.setsockopt(socket.SOL_SOCKET, option, 1)
        ours.bind(address(pair.server, family, 5801))
        assert failure(stock.bind, address(pair.server, family, 5801)) == errno.EADDRINUSE
        ours.close()
        stock.bind(address(pair.server, family, 5801))
        # As long as nobody listens, SO_REUSEADDR is for streams to share a port by.
        if type_ == STREAM:
            stock.listen()
        with files_of(user):
            ours = made.ours(pair.server, family, type_, bind=False)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            ours.setsockopt(socket.SOL_SOCKET, option, 1)
        assert failure(ours.bind, address(pair.server, family, 5801)) == errno.EADDRINUSE
        stock.close()


def test_behind_a_neighbour(pair, made):
    """The host's socket at one address, kinet's at another: then the wildcard is neither's."""
    for first in ("ours", "stock"):
        socks = {"ours": made.ours(pair.server, bind=False),
                 "stock": made.stock(pair.server, bind=False)}
        for kind in (first, *(set(socks) - {first})):
            socks[kind].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            socks[kind].bind((pair.server.v4 if kind == "ours" else "127.0.0.1", 5802))
        wide = made.ours(pair.server, bind=False)
        wide.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert failure(wide.bind, ("0.0.0.0", 5802)) == errno.EADDRINUSE
        socks["stock"].close()
        wide.bind(("0.0.0.0", 5802))
        for sock in (wide, *socks.values()):
            sock.close()


# --- settings

BAD = {
    "unprivileged": ["-1", "2", "x", ""],
    "rmem": ["4095 5000 6000", "-1 -1 -1", "0"],
    "wmem": ["4095 5000 6000", "1 5000 6000"],
    "tcp_rmem": ["4095 5000 6000", "0 0 0"],
    "tcp_wmem": ["4095 5000 6000", "-1 5000 6000"],
    "mode": ["", "Interop", "interop2", "isolatedisolatedisolated"],
    "ip_local_port_range": ["0 100", "2000 1999", "2000 65536", "-1 5", "1000 2000"],
}
GOOD = {
    "unprivileged": ["1", "0"],
    "rmem": ["4096\t8192\t16384", "4096\t212992\t4194304"],
    "wmem": ["4096\t8192\t16384", "4096\t212992\t4194304"],
    "tcp_rmem": ["4096\t8192\t16384", "4096\t131072\t6291456"],
    "tcp_wmem": ["4096\t8192\t16384", "4096\t16384\t4194304"],
    "mode": ["isolated", "interop"],
    "ip_local_port_range": ["1024\t65535", "30000\t30000", "20000\t32767"],
}


@pytest.mark.parametrize("name", BAD)
def test_settings(pair, name):
    """What is accepted is there, what isn't changes nothing."""
    until(lambda: not kinet.sockets(pair.client), "sockets to go")
    with pair.client:
        before = read(f"kinet/{name}")
        assert before == GOOD[name][-1]
        for value in filter(None, BAD[name]):
            assert failure(write, f"kinet/{name}", value) == errno.EINVAL, value
            assert read(f"kinet/{name}") == before
        for value in GOOD[name]:
            write(f"kinet/{name}", value)
            assert read(f"kinet/{name}") == value


def test_ports_as_the_hosts(pair):
    """No low port is given to who doesn't ask for one, as it is with the host's range."""
    with pair.client:
        for name in ("kinet/ip_local_port_range", "ipv4/ip_local_port_range"):
            assert failure(write, name, "1023 5000") == errno.EINVAL
        before = read("kinet/ip_local_port_range")
        with unprivileged_from(1000):
            write("kinet/ip_local_port_range", "1023 5000")
            write("kinet/ip_local_port_range", before)


@pytest.mark.parametrize("shape, names, at_first", [
    (DGRAM, ("rmem", "wmem"), (212992, 212992)),
    (STREAM, ("tcp_rmem", "tcp_wmem"), (131072, 16384))], ids=["dgram", "stream"])
def test_buffers_begin_as_set(pair, made, shape, names, at_first):
    """net.kinet.rmem, wmem and those of streams, in this namespace alone"""
    with pair.client:
        before = [read(f"kinet/{name}") for name in names]
    for name, size in zip(names, (50000, 60000)):
        pair.client.sysctl(f"net.kinet.{name}", f"4096 {size} 100000")
    try:
        for end, sizes in ((pair.client, (50000, 60000)), (pair.server, at_first)):
            sock = made.ours(end, kind=shape)
            assert tuple(sock.getsockopt(socket.SOL_SOCKET, option) for option in
                         (socket.SO_RCVBUF, socket.SO_SNDBUF)) == sizes
    finally:
        for name, value in zip(names, before):
            pair.client.sysctl(f"net.kinet.{name}", value)


def test_range_of_one_port(pair, made):
    """When all ports are taken there is none."""
    pair.client.sysctl("net.kinet.ip_local_port_range", "30001 30001")
    try:
        peer = made.stock(pair.server)
        one, other = (made.ours(pair.client, bind=False) for _ in range(2))
        other.settimeout(None)
        one.sendto(b"x", peer.getsockname())
        assert one.getsockname()[1] == 30001
        assert failure(other.sendto, b"x", peer.getsockname()) == errno.EAGAIN
        one.close()
        other.sendto(b"x", peer.getsockname())
        assert other.getsockname()[1] == 30001
    finally:
        pair.client.sysctl("net.kinet.ip_local_port_range", "20000 32767")


def test_settings_of_the_contained(pair):
    """Who has a network namespace sets what is its own, and nothing of all of them."""
    def settle():
        write("kinet/unprivileged", 1)
        write("kinet/mode", "isolated")
        for name in ("mem", "drain"):
            if (NET / "kinet" / name).exists():
                raise OSError(errno.EEXIST, name)
        open_socket(INET).close()
    with pair.client:
        assert in_child(be_contained, settle) == 0
        assert in_child(be_somebody, lambda: write("kinet/unprivileged", 1)) == errno.EACCES
        assert not (NET / "kinet/drain").exists()
        assert read("kinet/unprivileged") == "0" and read("kinet/mode") == "interop"


@pytest.mark.parametrize("name", ["rmem", "wmem", "tcp_rmem", "tcp_wmem"])
def test_buffers_of_the_contained(pair, name):
    """No buffer is larger than the initial namespace's largest, which its administrator sets."""
    def attempt(sizes):
        with pair.client:
            return in_child(be_contained, lambda: write(f"kinet/{name}", sizes))

    def at_first():
        if read(f"kinet/{name}").split() != ["4096", "16384", "16384"]:
            raise OSError(errno.ERANGE, name)
    before = read(f"kinet/{name}")
    most = int(before.split()[2])
    for sizes in f"4096 4096 {most + 1}", f"4096 {most + 1} {most}", "4096 2147483647 4096":
        assert attempt(sizes) == errno.EINVAL
    assert attempt(f"4096 {most} {most}") == 0
    try:
        write(f"kinet/{name}", f"4096 4096 {most + 1}")
        assert attempt(f"4096 4096 {most + 1}") == 0
        write(f"kinet/{name}", "4096 8192 16384")
        with pair.client:
            assert in_child(be_contained, at_first) == 0
    finally:
        write(f"kinet/{name}", before)


def test_inherited_socket(pair, made):
    """The right is asked for when a socket is made, not when it is used."""
    sock, peer = made.ours(pair.client), made.stock(pair.server)
    assert in_child(be_somebody, lambda: talk(sock, peer)) == 0


# --- control groups

BPF, PROG_LOAD, PROG_ATTACH = 321, 5, 8         # bpf(2) on x86_64, and two of its commands
CGROUP_SOCK, SOCK_CREATE = 9, 2
REFUSE = struct.pack("<QQ", 0xb7, 0x95)         # r0 = 0; exit


def bpf(command, attributes: bytes) -> int:
    """bpf(2)"""
    made = _libc.syscall(BPF, command, attributes, len(attributes))
    if made < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return made


@pytest.fixture
def refusing(tmp_path):
    """A control group whose members may make no sockets of the internet's"""
    code, license_ = ctypes.create_string_buffer(REFUSE), ctypes.create_string_buffer(b"GPL")
    load = struct.pack("=IIQQIIQII16sII", CGROUP_SOCK, 2, ctypes.addressof(code),
                       ctypes.addressof(license_), 0, 0, 0, 0, 0, b"", 0, SOCK_CREATE)
    try:
        program = bpf(PROG_LOAD, load)
    except OSError:
        pytest.skip("this kernel runs no BPF programs for control groups")
    subprocess.run(["mount", "-t", "cgroup2", "none", tmp_path], check=True, timeout=60)
    group = tmp_path / "refusing"
    group.mkdir()
    where = os.open(group, os.O_RDONLY)
    bpf(PROG_ATTACH, struct.pack("=IIII", where, program, SOCK_CREATE, 0))
    os.close(where)
    os.close(program)
    yield group
    group.rmdir()
    subprocess.run(["umount", tmp_path], check=True, timeout=60)


@EITHER
@EACH_TYPE
def test_control_group_refuses(refusing, kind, type_):
    """As `ip vrf exec` has it, and policies that forbid sockets"""
    def join():
        (refusing / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def attempt():
        opener(kind, type_)(INET).close()
    assert in_child(lambda: None, attempt) == 0
    assert in_child(join, attempt) == errno.EPERM
