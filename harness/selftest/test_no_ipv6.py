# SPDX-License-Identifier: GPL-2.0-only
"""kinet on a host that was booted without IPv6, which no guest of the harness is."""

import os

import pytest

from lab import kernels, modules, scan
from lab.guest import Guest

pytestmark = pytest.mark.guest

KERNEL = os.environ.get("KSOCKET_SELFTEST_KERNEL", "uml")

TALK = """
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
told = dict(line.split() for line in open("/proc/net/kinet/families"))
assert list(told) == ["PF_KINET"], told
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 0,
                            fileno=libc.socket(int(told["PF_KINET"]), 2, 0)) for _ in range(2))
one.bind(("127.0.0.1", 5000))
other.settimeout(10)
one.settimeout(10)
for _ in range(2):
    other.sendto(b"hello", ("127.0.0.1", 5000))
    data, sender = one.recvfrom(16)
    one.sendto(data, sender)
    assert other.recv(16) == b"hello"
assert libc.socket(25, 2, 0) == -1 and ctypes.get_errno() == errno.EAFNOSUPPORT
"""


def test_kinet_without_ipv6():
    """ipv6.disable=1: PF_KINET works, PF_KINET6 isn't there, and all of it goes again."""
    kernel = kernels.get(KERNEL)
    module = modules.build(kernel) / "ksocket/kinet/kinet.ko"
    with Guest(kernel, "selftest-no-ipv6", append="ipv6.disable=1") as guest:
        guest.run(["sh", "-c", "ip link set lo up; for name in $(modinfo -F depends "
                   f"{module} | tr , ' '); do modprobe $name; done; insmod {module}"])
        for mode in ("interop", "isolated"):
            guest.run(["sh", "-c", f"echo {mode} > /proc/sys/net/kinet/mode"])
            guest.run(["/usr/bin/python3", "-c", TALK])
        guest.run(["rmmod", "kinet"])
        assert not scan.findings(guest.log())
