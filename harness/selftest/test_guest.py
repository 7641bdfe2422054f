# SPDX-License-Identifier: GPL-2.0-only
"""The guest runner: commands, bounds, deaths, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import kernels, paths
from lab.errors import CommandTimeout, GuestDied, LabError
from lab.guest import SHARE, Guest

pytestmark = pytest.mark.guest

KERNEL = os.environ.get("KSOCKET_SELFTEST_KERNEL", "uml")
BOUND = 60


@pytest.fixture(scope="module")
def guest():
    with Guest(kernels.get(KERNEL), "selftest-guest") as running:
        yield running


def test_streams_and_code(guest):
    """What a command says on either stream and its exit code come back."""
    result = guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)
    assert (result.code, result.out, result.err) == (3, "out\n", "err\n")


def test_failure_says_what(guest):
    """A checked command that fails names the command, its words and the log."""
    with pytest.raises(LabError) as error:
        guest.run(["sh", "-c", "echo because >&2; exit 1"])
    assert "because" in str(error.value) and str(guest.console) in str(error.value)


def test_no_such_command(guest):
    """A command that isn't there is an error of its own."""
    assert guest.run(["/no/such/command"], check=False).code == 127


def test_input_directory_environment(guest):
    """Stdin, working directory and environment reach the command."""
    result = guest.run(["sh", "-c", "cat; pwd; echo $WORD"], stdin="hello\n", cwd="/usr",
                       env={"WORD": "said"})
    assert result.out == "hello\n/usr\nsaid\n"


def test_much_output(guest):
    """A megabyte comes back whole."""
    result = guest.run(["/usr/bin/python3", "-c", "print('x' * 1000000)"])
    assert result.out == "x" * 1000000 + "\n"


def test_output_streams(guest):
    """Output is seen while the command still runs."""
    seen = []
    job = guest.start(["sh", "-c", "echo first; exec sleep 1000"], timeout=BOUND,
                      on_output=lambda name, text: (seen.append(text),
                                                    job.signal(signal.SIGTERM)))
    assert job.wait().code == -signal.SIGTERM
    assert seen == ["first\n"]


def test_several_at_once(guest):
    """Two commands run side by side."""
    waiting = guest.start(["sh", "-c", "until [ -e /run/go ]; do sleep 0.1; done; echo gone"])
    guest.run(["touch", "/run/go"])
    assert waiting.wait().out == "gone\n"


def test_timeout_kills(guest):
    """A command that goes on too long is killed with its children, and said."""
    with pytest.raises(CommandTimeout, match="no end within 1 s"):
        guest.run(["sh", "-c", "sleep 7777 & sleep 7777"], timeout=1)
    assert guest.run(["pgrep", "-f", "sleep 7777"], check=False).out == ""


def test_share_both_ways(guest):
    """A file in the share is there on both sides at once."""
    (guest.share / "to").write_text("in", encoding="ascii")
    assert guest.run(["cat", SHARE / "to"]).out == "in"
    guest.run(["sh", "-c", f"echo out > {SHARE}/from"])
    assert (guest.share / "from").read_text(encoding="ascii") == "out\n"


def test_host_is_untouched(guest):
    """All of the root can be written, and none of it reaches the host."""
    guest.run(["sh", "-c", "echo x > /etc/from-the-guest && rm /usr/bin/env"])
    assert not Path("/etc/from-the-guest").exists()
    assert Path("/usr/bin/env").exists()


def test_kernel_log_is_saved(guest):
    """Each line of the kernel's log is in the file."""
    guest.run(["sh", "-c", "echo mark-of-the-test > /dev/kmsg"])
    deadline = time.monotonic() + BOUND
    while "mark-of-the-test" not in guest.log():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_failed_boot_is_noticed():
    """A guest that doesn't come up says so, and where its log is."""
    with pytest.raises(GuestDied, match="while booting"):
        with Guest(kernels.get(KERNEL), "selftest-boot", append="rdinit=/nothing init=/nothing"):
            pass


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGKILL),
                         ids=lambda n: n.name)
def test_nothing_is_left_behind(number):
    """However the runner ends, its guest ends too."""
    name = f"selftest-left-{number.name}"
    script = ("from lab import kernels, process; process.install_handlers()\n"
              "from lab.guest import Guest\n"
              f"with Guest(kernels.get({KERNEL!r}), {name!r}) as g:\n"
              "    print('up', flush=True)\n"
              "    g.run(['sleep', '1000'], timeout=1000)\n")
    runner = subprocess.Popen([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE,
                              text=True, cwd=paths.HARNESS)
    assert runner.stdout.readline() == "up\n"
    assert guests(name)
    runner.send_signal(number)
    runner.wait(BOUND)
    deadline = time.monotonic() + BOUND
    while guests(name):
        assert time.monotonic() < deadline, f"still there: {guests(name)}"
        time.sleep(0.1)


def guests(name: str) -> list:
    """The processes of the guest of that name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue    # it ended meanwhile
        if f"/logs/{name}/".encode() in words and b"lab.repo=" in words:
            found.append(path.parent.name)
    return found
