# SPDX-License-Identifier: GPL-2.0-only
"""Runs in the guest of `make shell`: modules, a network, a banner, a shell."""

import fcntl
import os
import subprocess
import sys
import termios
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
import topology     # noqa: E402

BANNER = """
You are root in a guest: {release}. Nothing here reaches the host.

  ksocket.ko     is loaded; cat /proc/net/ksocket shows the open ksockets
  $MODULES       {build}: examples/*.ko, load them with insmod
  client, server two network namespaces on one wire, each with a device eth:
                 client {client.v4}  {client.v6}
                 server {server.v4}  {server.v6}
  on             on <client|server> <command> runs a command in one of them:
                   on server insmod $MODULES/examples/http_server.ko
                   on client curl http://{server.v4}:8080/
  /share         is {share} on the host

Leave with exit or Ctrl-D.
"""
RCFILE = """
PS1='guest:\\w\\$ '
on() {{ local name=$1; shift; ip netns exec "$name" "$@"; }}
export MODULES={build}
cd "$MODULES"
"""


def load(build: Path):
    for name in ("ksocket/ksocket.ko", "harness/modules/ksockctl.ko"):
        if (build / name).exists():
            subprocess.run(["insmod", build / name], check=True, timeout=60)


def names(net):
    """The namespaces under the names that a person types."""
    for role in ("client", "server"):
        namespace = getattr(net, role)
        os.symlink(namespace.path, f"{topology.NETNS}/{role}")


def prepare(terminal: int):
    """A controlling terminal of the size that the person's has."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(terminal, number)
    subprocess.run(["stty", "sane", "rows", os.environ["LINES"],
                    "cols", os.environ["COLUMNS"]], check=False)


def main(device: str):
    build = Path(os.environ["KSOCKET_BUILD"])
    load(build)
    # NOCTTY: it is to be the shell's terminal, not ours.
    number = os.open(device, os.O_RDWR | os.O_NOCTTY)
    with topology.pair() as net, open(number, "wb", buffering=0) as terminal:
        names(net)
        rcfile = Path("/run/session.rc")
        rcfile.write_text(RCFILE.format(build=build), encoding="utf-8")
        banner = BANNER.format(release=os.uname().release, build=build, client=net.client,
                               server=net.server, share=os.environ.get("SHARE", "shared"))
        terminal.write(banner.replace("\n", "\r\n").encode())
        subprocess.run(["bash", "--noprofile", "--rcfile", rcfile, "-i"], check=False,
                       cwd="/root", preexec_fn=lambda: prepare(terminal.fileno()))


if __name__ == "__main__":
    main(sys.argv[1])
