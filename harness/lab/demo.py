# SPDX-License-Identifier: GPL-2.0-only
"""make demo: real traffic through ksocket.ko, in a guest, act by act."""

import contextlib
import hashlib
import signal
import threading
import time

from . import checkup, kernels, modules, packages, scan
from .errors import LabError
from .guest import Guest
from .report import Report
from .transcript import Transcript, table

SIZE = 8 << 20
STREAM = "/tmp/www/stream"      # in the guest's memory
WAIT = 60                       # seconds for a command
IDLE = 1000                     # connections

# A member of the room (UDP) who is its operator (TCP), too
OPERATOR = """
import socket
room = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
room.connect(("10.0.0.2", 7777))
room.send(b"the operator is here\\n")
stream = socket.create_connection(("10.0.0.2", 7777))
stream.sendall(b"Welcome.\\n" + b"This should not be said.\\n" * 1000)
print("heard:", room.recv(99).decode(), end="")
stream.send(b"!", socket.MSG_OOB)
stream.sendall(b"Never mind.\\n")
print("heard:", room.recv(99).decode(), end="")
"""

# Keeps connections open that have made one request each
IDLERS = f"""
import resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, ({IDLE + 100}, {IDLE + 100}))
socks = [socket.create_connection(("10.0.0.2", 80)) for _ in range({IDLE})]
for sock in socks:
    sock.sendall(b"GET / HTTP/1.1\\r\\nHost: bob\\r\\n\\r\\n")
for sock in socks:
    assert sock.recv(999).startswith(b"HTTP/1.1 200")
print(len(socks), "are idle")
time.sleep({WAIT})
"""


class Background:
    """A command that runs on while others do."""

    def __init__(self, guest: Guest, command: str, root, timeout: float):
        self.command = command
        self.said = ""
        self.result = None
        self.error = None
        self.changed = threading.Condition()
        self.job = guest.start(["sh", "-c", command], cwd=root, timeout=timeout,
                               env={"PYTHONUNBUFFERED": "1"}, on_output=self._hear)
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _hear(self, _name, text: str):
        with self.changed:
            self.said += text
            self.changed.notify_all()

    def _wait(self):
        try:
            self.result = self.job.wait()
        except LabError as error:
            self.error = error
        with self.changed:
            self.changed.notify_all()

    def says(self, text: str) -> bool:
        """Wait until it has said the text; False when it won't."""
        with self.changed:
            self.changed.wait_for(lambda: text in self.said or self.ended(), WAIT)
            return text in self.said

    def ended(self) -> bool:
        return bool(self.result or self.error)

    def wait(self, seconds: float = None):
        """Its result, or None when it has not ended by then."""
        self.thread.join(seconds)
        if self.error:
            raise self.error
        return self.result


class Stage:
    """The guest, the transcript, and what runs in the background."""

    def __init__(self, guest: Guest, root, script: Transcript):
        self.guest = guest
        self.root = root
        self.script = script
        self.jobs = []

    def run(self, command: str, shown: str = None, timeout: float = WAIT, code: int = 0) -> str:
        """Type a command, show what it says, and see that it ends as expected."""
        self.script.command(shown or command)
        done = self.guest.run(["sh", "-c", command], check=False, cwd=self.root,
                              timeout=timeout)
        self.script.output(done.out + done.err)
        if done.code != code:
            raise LabError(f"`{command}` ended with {done.code}, not {code}\n"
                           f"the guest's log: {self.guest.console}")
        return done.out

    def quiet(self, command: str) -> str:
        """A command that is no part of the play."""
        return self.guest.run(["sh", "-c", command], cwd=self.root, timeout=WAIT).out

    def background(self, command: str, until: str):
        """Type a command with an &; return once it has said `until`."""
        self.script.command(command + " &")
        job = Background(self.guest, command, self.root, 2 * WAIT)
        self.jobs.append(job)
        if not job.says(until):
            raise LabError(f"`{command}` isn't ready; it said: {job.said}\n"
                           f"the guest's log: {self.guest.console}")

    def expect(self, what: bool, good: str, bad: str, since: float = None):
        """A check mark, or the end."""
        if not what:
            raise LabError(f"{bad}\nthe guest's log: {self.guest.console}")
        self.script.good(good, since)


# --- the acts

def network(stage: Stage):
    stage.script.act("Two hosts", "alice and bob, two network namespaces on one wire.")
    began = time.monotonic()
    stage.quiet("ip -batch - <<END\n"
                "netns add alice\nnetns add bob\n"
                "link add eth0 netns alice type veth peer name eth0 netns bob\nEND\n"
                "for n in 1:alice 2:bob; do ip -n ${n#*:} -batch - <<END\n"
                "link set lo up\nlink set eth0 up\n"
                "addr add 10.0.0.${n%:*}/24 dev eth0\n"
                "addr add fd00::${n%:*}/64 dev eth0 nodad\nEND\ndone")
    for name in ("alice", "bob"):
        stage.run(f"ip -n {name} -brief address show eth0")
    stage.script.good("the wire is up", began)


def million() -> str:
    """The digest of what http_server.ko gives for a million bytes"""
    period = bytes(range(33, 127))
    return hashlib.sha256((period * (1000000 // len(period) + 1))[:1000000]).hexdigest()


def serve(stage: Stage):
    stage.script.act("A server in the kernel",
                     "curl, in alice, fetches pages from http_server.ko, in bob.")
    stage.run("insmod ksocket/ksocket.ko")
    stage.run("ip netns exec bob insmod examples/http_server.ko port=80")
    began = time.monotonic()
    page = stage.run("ip netns exec alice curl -si http://10.0.0.2/")
    stage.expect("200 OK" in page and "kernel module" in page,
                 "a page, over IPv4", "curl got another page", began)
    began = time.monotonic()
    page = stage.run("ip netns exec alice curl -s http://[fd00::2]/stats")
    stage.expect("requests 2" in page, "another one, over IPv6", "the counter is wrong", began)
    began = time.monotonic()
    said = stage.run("ip netns exec alice curl -s http://10.0.0.2/bytes/1000000 | sha256sum")
    stage.expect(said.split()[0] == million(), "a million bytes, and each is the right one",
                 f"the digest should be {million()}", began)
    page = stage.run("ip netns exec alice curl -si http://10.0.0.2/nothing-here")
    stage.expect("404" in page, "what isn't there is a 404", "no 404")


def fetch(stage: Stage) -> str:
    stage.script.act("A client in the kernel",
                     "blocking_client.ko, in alice, fetches 8 MB from Python's web server, in bob.")
    stage.run(f"mkdir -p /tmp/www; head -c {SIZE} /dev/urandom > {STREAM}")
    digest = stage.run(f"sha256sum {STREAM}").split()[0]
    stage.background("ip netns exec bob python3 -m http.server --directory /tmp/www 8000",
                     until="Serving HTTP")
    began = time.monotonic()
    client = ("ip netns exec alice insmod examples/blocking_client.ko "
              "address=10.0.0.2 port=8000 path=/stream")
    stage.run(f"{client} sha256={digest}", f"{client} sha256={digest[:8]}...{digest[-8:]}")
    said = stage.run("dmesg -t | grep ^blocking_client: | tail -1")
    stage.expect(digest in said and f" {SIZE} bytes" in said,
                 "the kernel's SHA-256 is sha256sum's", "the digests differ", began)
    stage.run("rmmod blocking_client")
    wrong = "0" * 64
    stage.run(f"{client} sha256={wrong}", f"{client} sha256={wrong[:8]}...", code=1)
    stage.script.good("and insmod fails when the digest is another one")
    return digest


def echo(stage: Stage, digest: str):
    stage.script.act("Direct callbacks", "8 MB go to echo_server.ko, in bob, and come back "
                     "to alice.")
    stage.run("ip netns exec bob insmod examples/echo_server.ko port=7")
    began = time.monotonic()
    said = stage.run("ip netns exec alice bash -c 'exec 3<>/dev/tcp/10.0.0.2/7; "
                     f"cat {STREAM} >&3 & head -c {SIZE} <&3 | sha256sum'")
    stage.expect(said.split()[0] == digest, "the digest is the same", "it is another one", began)


def chat(stage: Stage):
    stage.script.act("A room", "chat.ko, in bob: an operator's urgent byte takes back the lines "
                     "that wait.")
    stage.run("ip netns exec bob insmod examples/chat.ko pace=10000")
    stage.background("ip netns exec alice timeout 60 bash -c 'exec 3<>/dev/udp/10.0.0.2/7777; "
                     "echo alice is here >&3; echo joined; cat <&3'", until="joined")
    stage.quiet(f"cat > /tmp/interrupt.py <<'END'{OPERATOR}END")
    began = time.monotonic()
    said = stage.run("ip netns exec alice python3 /tmp/interrupt.py")
    stage.expect(said == "heard: * Welcome.\nheard: * Never mind.\n",
                 "a thousand lines were taken back", "something else was said", began)
    heard = stage.jobs[-1]
    stage.expect(heard.says("* Never mind.\n") and "should not" not in heard.said,
                 "and alice has heard the same", f"alice heard: {heard.said}")


def ping(stage: Stage):
    stage.script.act("Datagrams", "bash, in alice, talks to udp_ping.ko, in bob, over UDP.")
    stage.run("ip netns exec bob insmod examples/udp_ping.ko mode=server port=7")
    began = time.monotonic()
    said = stage.run("ip netns exec alice timeout 10 bash -c 'exec 3<>/dev/udp/10.0.0.2/7; "
                     "echo Marco >&3; head -n 1 <&3'")
    stage.expect(said == "Marco\n", "the echo is whole", "another echo came back", began)


def kinet(stage: Stage):
    stage.script.act("A family of its own", "The same udp_ping.ko and http_server.ko over "
                     "kinet.ko, which bash and curl, in alice, can't tell from UDP and TCP.")
    stage.quiet("modprobe -a nf_defrag_ipv6 inet_diag")
    stage.run("rmmod udp_ping; insmod ksocket/kinet/kinet.ko")
    stage.run("ip netns exec bob insmod examples/udp_ping.ko mode=server port=7 address=0.0.0.0 "
              "family=22")
    began = time.monotonic()
    said = stage.run("ip netns exec alice timeout 10 bash -c 'exec 3<>/dev/udp/10.0.0.2/7; "
                     "echo Polo >&3; head -n 1 <&3'")
    stage.expect(said == "Polo\n", "the echo is whole", "another echo came back", began)
    listed = stage.run("ip netns exec bob cat /proc/net/kinet/sockets")
    stage.expect("dgram interop 0.0.0.0:7 " in listed, "it is kinet's socket that has answered",
                 "no socket of kinet's is listed")
    stage.run("ip netns exec bob grep -E '^(DgramIn|DgramOut) 1$' /proc/net/kinet/snmp")
    stage.run("rmmod http_server; ip netns exec bob insmod examples/http_server.ko port=80 "
              "family=25")
    began = time.monotonic()
    said = stage.run("ip netns exec alice curl -s http://10.0.0.2/bytes/1000000 | sha256sum")
    stage.expect(said.split()[0] == million(), "the host's TCP has got a million bytes from "
                 "kinet's", "another digest", began)
    stage.run("ip netns exec bob grep -E '^Segment' /proc/net/kinet/snmp")
    stage.run("rmmod http_server; ip netns exec bob insmod examples/http_server.ko port=80")
    stage.run("rmmod kinet", code=1)
    stage.script.good("an open socket holds the module; see how it leaves at the end")


def relay(stage: Stage, digest: str):
    stage.script.act("Bad weather", "The wire loses 1 % and delays by 10 ms, each way; "
                     "8 MB pass through relay.ko.")
    for name in ("alice", "bob"):
        stage.run(f"tc -n {name} qdisc add dev eth0 root netem loss 1% delay 10ms")
    stage.run("ip netns exec bob insmod examples/relay.ko port=9000 target=127.0.0.1 "
              "target_port=8000")
    command = "ip netns exec alice curl -sS -o /tmp/got http://10.0.0.2:9000/stream"
    stage.script.command(command)
    began = time.monotonic()
    job = Background(stage.guest, command, stage.root, WAIT)
    while not job.wait(0.3):
        bar(stage, began)
    bar(stage, began, last=True)
    if job.result.code:
        raise LabError(f"`{command}` ended with {job.result.code}: {job.said}\n"
                       f"the guest's log: {stage.guest.console}")
    said = stage.run("sha256sum /tmp/got")
    stage.expect(said.split()[0] == digest, "8 MB through the relay, digest equal",
                 f"the digest should be {digest}", began)
    for name in ("alice", "bob"):
        stage.run(f"tc -n {name} qdisc del dev eth0 root")


def bar(stage: Stage, began: float, last: bool = False):
    have = int(stage.quiet("stat -c %s /tmp/got 2>/dev/null || echo 0"))
    spent = max(time.monotonic() - began, 0.1)
    full = 40 * have // SIZE
    stage.script.progress(f"[{'#' * full}{'.' * (40 - full)}] {have / 2**20:4.1f} of "
                          f"{SIZE / 2**20:.0f} MiB  {have / 2**20 / spent:4.1f} MiB/s", last)


def look(stage: Stage):
    stage.script.act("Open ksockets", "bob's list, while a download is under way.")
    stage.background("ip netns exec alice curl -v --limit-rate 200k -o /dev/null "
                     "http://10.0.0.2/bytes/1000000000", until="HTTP/1.1 200 OK")
    command = "ip netns exec bob cat /proc/net/ksocket"
    stage.script.command(command)
    text = stage.quiet(command)
    stage.script.output(table(text))
    rows = [line.split() for line in text.splitlines()]
    states = {(row[0], row[3]) for row in rows}
    stage.expect({("http_server", "listen"), ("http_server", "established"),
                  ("relay", "listen")} <= states and any(r[0] == "udp_ping" for r in rows),
                 "each says whose it is", "a socket is missing from the list")
    idle(stage)


def idle(stage: Stage):
    stage.quiet(f"cat > /tmp/idlers.py <<'END'{IDLERS}END")
    began = time.monotonic()
    stage.background("ip netns exec alice python3 /tmp/idlers.py", until="are idle")
    said = stage.run("ip netns exec bob awk 'NR > 1 {print $1, $4}' /proc/net/ksocket | "
                     "sort | uniq -c")
    rows = [line.split() for line in said.splitlines()]
    stage.expect([str(IDLE + 1), "http_server", "established"] in rows,
                 f"{IDLE} more connections, which are idle", "they are not there", began)
    stage.run("ps -eo comm | grep http_server", code=1)
    stage.script.good("and no thread waits for any of them")


def leave(stage: Stage):
    stage.script.act("Curtain", "Unload everything under that download; then read the "
                     "kernel's log.")
    began = time.monotonic()
    stage.run("rmmod http_server relay udp_ping echo_server chat ksocket kinet")
    stage.run("lsmod | grep -E 'ksocket|kinet'", code=1)
    stage.script.good("no module is left, no thread hangs", began)
    for job in stage.jobs:
        job.job.signal(signal.SIGTERM)
        job.wait()
    stage.run("ip netns delete alice; ip netns delete bob")
    report = Report("demo")
    checkup.namespaces(stage.guest, stage.root, report)
    stage.expect(report.ok(), "both namespaces are gone: no reference is left",
                 "\n".join(text for _, text in report.bad))
    stage.guest.quit()
    text = stage.guest.log()
    found = scan.findings(text)
    stage.expect(not found, f"the kernel's log, {len(text.splitlines())} lines, has no complaint",
                 f"{len(found)} findings in the kernel's log, the first:\n"
                 + (found[0].excerpt if found else ""))


# --- the frame

def play(script: Transcript):
    """All of it; raises LabError at what fails."""
    packages.ensure(packages.TOOLS, script.note)
    script.note("asking apt for Debian's newest 6.12 kernel")
    kernel = kernels.get("deb6.12", script.note)
    root = modules.build(kernel, say=script.note)
    guest = Guest(kernel, "demo")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        with script.waiting(f"booting {kernel.release} in QEMU (log: {guest.console})"):
            stack.enter_context(guest)
        script.good(f"a guest with Linux {kernel.release}", began)
        stage = Stage(guest, root, script)
        network(stage)
        serve(stage)
        digest = fetch(stage)
        ping(stage)
        kinet(stage)
        echo(stage, digest)
        chat(stage)
        relay(stage, digest)
        look(stage)
        leave(stage)


def run() -> int:
    script = Transcript()
    began = time.monotonic()
    try:
        play(script)
    except LabError as error:
        where = f" in act {script.acts}" if script.acts else " while setting up"
        script.bad(f"the demonstration failed{where}: {error}")
        return 1
    script.out.write("\n")
    script.good("That was all of it.", began)
    return 0
