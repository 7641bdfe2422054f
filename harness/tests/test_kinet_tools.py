# SPDX-License-Identifier: GPL-2.0-only
"""kinet-run and kinet-unload; programs that know nothing of kinet."""

import contextlib
import os
import subprocess
from pathlib import Path

import kinet
from blocked import until
from kinet import INET
from lab.paths import REPO

TOOLS = REPO / "tools"
ECHO = ("import socket, sys\n"
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        "s.bind(('::', int(sys.argv[1])))\n"
        "while True:\n"
        "    data, peer = s.recvfrom(65536)\n"
        "    s.sendto(data[::-1], peer)\n")
# One that doesn't even notice that its socket is of no use any more
HOLD = ("import signal, socket\n"
        "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        "s.bind(('::', 0))\n"
        "signal.pause()\n")
ASK = ("import socket, sys\n"
       "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
       "s.settimeout(10)\n"
       "s.connect((sys.argv[1], int(sys.argv[2])))\n"
       "s.send(b'hello')\n"
       "print(s.recv(16).decode())\n")


def run_by_kinet(end, library, *argv, **how):
    """A program in a namespace, by kinet-run."""
    env = dict(os.environ, KINET_PRELOAD=str(library), PYTHONUNBUFFERED="1", **how)
    return end.run([TOOLS / "kinet-run", *argv], env=env, check=False)


@contextlib.contextmanager
def program(end, library, text, *argv):
    """A program of Python that has bound a socket of kinet's"""
    env = dict(os.environ, KINET_PRELOAD=str(library))
    with end:
        child = subprocess.Popen([TOOLS / "kinet-run", "/usr/bin/python3", "-c", text, *argv],
                                 env=env)
    with child:
        try:
            until(lambda: any(row["state"] == "bound" for row in kinet.sockets(end)),
                  "the program's socket")
            yield child
        finally:
            child.kill()


def test_programs_at_both_ends(pair, library):
    """One that is unmodified asks another, by kinet and by the host's UDP."""
    with program(pair.server, library, ECHO, "7777"):
        before = kinet.snmp(pair.client)["DgramOut"]
        argv = ("/usr/bin/python3", "-c", ASK, pair.server.v4, "7777")
        assert run_by_kinet(pair.client, library, *argv).stdout == "olleh\n"
        assert kinet.snmp(pair.client)["DgramOut"] == before + 1
        assert pair.client.run(argv).stdout == "olleh\n"
        assert kinet.snmp(pair.client)["DgramOut"] == before + 1


def test_what_kinet_has_not(pair, library):
    """UDP-Lite is the host's, or refused with KINET_STRICT."""
    argv = ("/usr/bin/python3", "-c", "import socket as s; s.socket(type=s.SOCK_DGRAM, proto=136)")
    assert run_by_kinet(pair.client, library, *argv).returncode == 0
    done = run_by_kinet(pair.client, library, *argv, KINET_STRICT="1")
    assert done.returncode and "Protocol not supported" in done.stderr


def test_a_library_that_is_not_there(pair, tmp_path):
    """kinet-run says what to do."""
    done = run_by_kinet(pair.client, tmp_path / "none.so", "true")
    assert done.returncode == 1 and "make tools" in done.stderr


def test_unload_names_the_holders(pair, library, loaded_again):
    """And leaves them be; with --kill it doesn't."""
    with program(pair.server, library, HOLD) as child:
        done = subprocess.run([TOOLS / "kinet-unload"], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 1
        inode, = {row["inode"] for row in kinet.sockets(pair.server)}
        assert f"{child.pid} python3: socket {inode} in net:[" in done.stdout
        # It is no longer drained.
        with kinet.Sockets() as made:
            made.ours(pair.client, INET)
        done = subprocess.run([TOOLS / "kinet-unload", "--kill"], capture_output=True, text=True,
                              timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"killed {child.pid}" in done.stdout
    assert not kinet.PROC.exists()
    done = subprocess.run([TOOLS / "kinet-unload"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stdout) == (0, "kinet isn't loaded\n")


def test_unload_names_who_left_the_namespace(pair):
    """A holder whose socket is where no process is"""
    with kinet.Sockets() as made:
        sock = made.ours(pair.client)
        inode = os.fstat(sock.fileno()).st_ino
        there = os.stat(pair.client.path).st_ino
        name = Path("/proc/self/comm").read_text("utf-8").strip()
        done = subprocess.run([TOOLS / "kinet-unload"], capture_output=True, text=True,
                              timeout=60, check=False)
    assert done.returncode == 1
    assert f"{os.getpid()} {name}: socket {inode} in net:[{there}]\n" in done.stdout
