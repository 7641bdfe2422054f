# SPDX-License-Identifier: GPL-2.0-only
"""The example modules, with real programs on the other side."""

import contextlib
import errno
import hashlib
import http.client
import http.server
import random
import select
import socket
import socketserver
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import kmod
from conftest import BUILD, KernelLog

BOUND = 60              # seconds; a guest under emulation with lockdep is slow
FAMILIES = pytest.mark.parametrize("family", ["v4", "v6"])


def load(namespace, name, /, **parameters):
    with namespace:
        kmod.load(BUILD / "examples" / f"{name}.ko", **parameters)


@contextlib.contextmanager
def example(namespace, name, /, **parameters):
    """An example that is loaded for a while."""
    load(namespace, name, **parameters)
    try:
        yield
    finally:
        kmod.unload(name)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(namespace, address, port):
    """A connected TCP socket, whose calls are bounded."""
    with namespace:
        sock = socket.socket(family_of(address), socket.SOCK_STREAM)
    sock.settimeout(BOUND)
    sock.connect((address, port))
    return sock


def listen(namespace, address, port=0):
    with namespace:
        return socket.create_server((address, port), family=family_of(address))


def accept(listener):
    listener.settimeout(BOUND)
    sock = listener.accept()[0]
    sock.settimeout(BOUND)
    return sock


def to_end(sock) -> bytes:
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def reset(sock):
    """Close with an RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def digest(data) -> str:
    return hashlib.sha256(data).hexdigest()


# --- blocking_client

PAGE = random.Random(1).randbytes(1 << 20)


class Handler(http.server.BaseHTTPRequestHandler):
    """Python's own server, with one page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/page":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def web(namespace, address):
    """Python's HTTP server in the namespace; yields its port."""
    kind = type("Server", (socketserver.ThreadingTCPServer,),
                {"address_family": family_of(address), "daemon_threads": True})
    with namespace:
        server = kind((address, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(BOUND)
        server.server_close()


def fetch(net, address, port, **parameters):
    """Load blocking_client and unload it; return what it logged."""
    log = KernelLog()
    load(net.client, "blocking_client", address=address, port=port, **parameters)
    kmod.unload("blocking_client")
    return log.new()


@pytest.mark.smoke
@FAMILIES
def test_client_fetches_a_page(pair, family):
    """A megabyte from Python's server, with and without the digest known."""
    address = getattr(pair.server, family)
    with web(pair.server, address) as port:
        fetch(pair, address, port, path="/page", sha256=digest(PAGE))
        said = fetch(pair, address, port, path="/page")
    assert f"{len(PAGE)} bytes, sha256 {digest(PAGE)}" in said


def test_client_refuses_a_wrong_digest(pair):
    with web(pair.server, pair.server.v4) as port:
        with pytest.raises(OSError) as caught:
            fetch(pair, pair.server.v4, port, path="/page", sha256="0" * 64)
    assert caught.value.errno == errno.EBADMSG


def test_client_reports_a_missing_page(pair):
    with web(pair.server, pair.server.v4) as port:
        with pytest.raises(OSError) as caught:
            fetch(pair, pair.server.v4, port, path="/none")
    assert caught.value.errno == errno.EREMOTEIO


@FAMILIES
def test_client_is_refused(pair, family):
    """Nobody listens there."""
    with pytest.raises(OSError) as caught:
        fetch(pair, getattr(pair.server, family), 9)
    assert caught.value.errno == errno.ECONNREFUSED


OK = b"HTTP/1.1 200 OK\r\n"
REPLIES = {
    "empty": (b"", errno.EPROTO),
    "not-http": (b"SSH-2.0-OpenSSH\r\n\r\n", errno.EPROTO),
    "short": (OK + b"Content-Length: 10\r\n\r\nabc", errno.ENODATA),
    "bad-length": (OK + b"Content-Length: ten\r\n\r\n", errno.EPROTO),
    "chunked": (OK + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n", errno.EOPNOTSUPP),
    "long-head": (OK + b"X: " + b"x" * 5000 + b"\r\n\r\n", errno.EMSGSIZE),
    "redirect": (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", errno.EREMOTEIO),
    "no-length": (OK + b"\r\nabc", 0),
    "no-body": (OK + b"Content-Length: 0\r\n\r\n", 0),
}


@pytest.mark.parametrize("reply, error", REPLIES.values(), ids=REPLIES.keys())
def test_client_judges_the_reply(pair, reply, error):
    """Each broken reply has its errno; an unusual one is taken."""
    def serve(listener):
        with accept(listener) as sock:
            request = b""
            while b"\r\n\r\n" not in request:
                request += sock.recv(4096)
            sock.sendall(reply)
            return request

    with listen(pair.server, pair.server.v6) as listener, ThreadPoolExecutor() as pool:
        server = pool.submit(serve, listener)
        port = listener.getsockname()[1]
        caught = None
        try:
            fetch(pair, pair.server.v6, port, path="/x")
        except OSError as thrown:
            caught = thrown.errno
        request = server.result(BOUND)
    assert request.startswith(b"GET /x HTTP/1.1\r\nHost: [%s]:%d\r\n"
                              % (pair.server.v6.encode(), port))
    assert caught == (error or None)


def test_client_does_not_wait_for_ever(pair):
    """A server that says nothing: the time-out's errno."""
    with listen(pair.server, pair.server.v4) as listener:
        with pytest.raises(OSError) as caught:
            fetch(pair, pair.server.v4, listener.getsockname()[1], timeout=1)
    assert caught.value.errno == errno.EAGAIN


@pytest.mark.parametrize("wrong", [
    {"address": "nowhere"}, {"port": 65536}, {"path": "page"}, {"path": "/a\tb"},
    {"sha256": "abc"}, {"sha256": "g" * 64}, {"timeout": 0}],
    ids=["address", "port", "path", "blank", "length", "hex", "timeout"])
def test_client_refuses_parameters(pair, wrong):
    with pytest.raises(OSError) as caught:
        load(pair.client, "blocking_client", **{"address": "127.0.0.1", "port": 9} | wrong)
    assert caught.value.errno == errno.EINVAL


# --- http_server

PORT = 8080


def pattern(length) -> bytes:
    """What /bytes/<length> serves."""
    period = bytes(range(33, 127))
    return (period * (length // len(period) + 1))[:length]


@pytest.fixture
def httpd(pair):
    """http_server in the server's namespace, on both families."""
    with example(pair.server, "http_server", address="::", port=PORT):
        yield pair


def ask(net, request: bytes) -> bytes:
    """Send a raw request and return all that comes until the server closes."""
    with connect(net.client, net.server.v4, PORT) as sock:
        sock.sendall(request)
        return to_end(sock)


def get(target, close=True) -> bytes:
    return (f"GET {target} HTTP/1.1\r\nHost: test\r\n"
            f"{'Connection: close' if close else 'X: y'}\r\n\r\n").encode()


@pytest.mark.smoke
@FAMILIES
def test_curl_fetches_pages(httpd, family):
    """curl gets each page, over both families."""
    address = getattr(httpd.server, family)
    base = f"http://[{address}]:{PORT}" if family == "v6" else f"http://{address}:{PORT}"
    output = httpd.client.run(["curl", "-sSfg", f"{base}/", f"{base}/stats",
                               f"{base}/bytes/1000000"], text=False).stdout
    assert output.startswith(b"Served by a kernel module.\n")
    assert b"\nrequests 2\n" in output
    assert output.endswith(b"\n" + pattern(1000000))


@pytest.mark.parametrize("length", [0, 1, 94, 94 * 128, 94 * 128 + 1, 5 << 20])
def test_server_sends_bytes(httpd, length):
    """Lengths on both sides of its buffer."""
    head, _, body = ask(httpd, get(f"/bytes/{length}")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {length}".encode() in head
    assert body == pattern(length)


def test_server_keeps_a_connection(httpd):
    """Thirty requests over one connection."""
    with httpd.client:
        client = http.client.HTTPConnection(httpd.server.v4, PORT, timeout=BOUND)
        client.connect()
    port = client.sock.getsockname()
    for number in range(30):
        client.request("GET", f"/bytes/{number * 100}")
        assert client.getresponse().read() == pattern(number * 100)
        assert client.sock.getsockname() == port
    client.close()


def test_server_answers_head(httpd):
    """HEAD announces the length and sends no body; the connection goes on."""
    reply = ask(httpd, b"HEAD /bytes/5000 HTTP/1.1\r\nHost: x\r\n\r\n" + get("/bytes/5"))
    first, second, body = reply.split(b"\r\n\r\n")
    assert b"Content-Length: 5000" in first
    assert b"Content-Length: 5\r\n" in second
    assert body == pattern(5)


REFUSALS = {
    "missing": (get("/none", close=False), b"404"),
    "bytes-of-what": (get("/bytes/many"), b"404"),
    "garbage": (b"\x16\x03\x01\x02\r\n\r\n", b"400"),
    "no-version": (b"GET /\r\nHost: x\r\n\r\n", b"400"),
    "old-version": (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", b"400"),
    "no-host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "empty": (b"\r\n\r\n", b"400"),
    "nul": (b"GET / HTTP/1.1\r\nHost: x\r\n\0\r\n\r\n", b"400"),
    "with-body": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"400"),
    "post": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
    "long": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100000, b"431"),
}


@pytest.mark.parametrize("request_, status", REFUSALS.values(), ids=REFUSALS.keys())
def test_server_refuses(httpd, request_, status):
    """A refusal says why, arrives whole, and ends the connection."""
    with connect(httpd.client, httpd.server.v4, PORT) as sock:
        sock.sendall(request_)
        reply = to_end(sock)
    assert reply.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


def test_server_takes_requests_in_pieces(httpd):
    """A request that comes byte by byte."""
    with connect(httpd.client, httpd.server.v4, PORT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get("/bytes/10"):
            sock.sendall(bytes([byte]))
        assert to_end(sock).endswith(b"\r\n\r\n" + pattern(10))


def test_server_takes_several_at_once(httpd):
    """Pipelined requests, more than its buffer holds, are answered in order."""
    count = 200
    requests = b"".join(get(f"/bytes/{n}", close=False) for n in range(count))
    reply = ask(httpd, requests + get("/bytes/7"))
    for number in [*range(count), 7]:
        head, _, reply = reply.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply[:number] == pattern(number)
        reply = reply[number:]
    assert reply == b""


@pytest.mark.parametrize("clients", [20, 40])
def test_server_serves_many(httpd, clients):
    """Clients at once: fewer than it has workers, and more."""
    def one(number):
        length = 50000 + number
        return ask(httpd, get(f"/bytes/{length}")).endswith(b"\n" + pattern(length))

    with ThreadPoolExecutor(clients) as pool:
        assert all(pool.map(one, range(clients), timeout=BOUND))


def test_server_finds_its_port_taken(pair):
    with listen(pair.server, pair.server.v4, PORT):
        with pytest.raises(OSError) as caught:
            load(pair.server, "http_server", address=pair.server.v4, port=PORT)
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("name, thread", [("http_server", "http/0"), ("relay", "relay")])
def test_servers_end_with_their_listener(pair, name, thread):
    """A listener that is destroyed ends its threads; they don't spin on the error."""
    def running():
        found = False
        for path in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):      # it may just have ended
                found |= path.read_text(encoding="utf-8").strip() == thread
        return found

    with example(pair.server, name, address=pair.server.v4, port=PORT):
        assert running()
        pair.server.run(["ss", "-K", "state", "listening", f"sport = {PORT}"])
        deadline = time.monotonic() + BOUND
        while running():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def until_it_fails(step, going: threading.Semaphore):
    """Repeat step until its peer goes away; tell when it is under way."""
    with contextlib.suppress(OSError, EOFError):
        step()
        going.release()
        while True:
            step()


@contextlib.contextmanager
def traffic(steps):
    """Run each step over and over in a thread; end with their end."""
    going = threading.Semaphore(0)
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [pool.submit(until_it_fails, step, going) for step in steps]
        for _ in steps:
            assert going.acquire(timeout=BOUND), [job.done() for job in running]
        yield
        for job in running:
            job.result(BOUND)


@pytest.mark.smoke
def test_server_unloads_under_traffic(pair):
    """Downloads and idle connections do not keep it; nobody listens afterwards."""
    address = pair.server.v4
    load(pair.server, "http_server", address=address, port=PORT)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(pair.client, address, PORT)) for _ in range(4)]
        busy = [stack.enter_context(connect(pair.client, address, PORT)) for _ in range(4)]
        for sock in busy:
            sock.sendall(get(f"/bytes/{1 << 60}"))

        def step(sock):
            if not sock.recv(65536):
                raise EOFError
        with traffic([lambda sock=sock: step(sock) for sock in busy]):
            kmod.unload("http_server")
        for sock in idle:
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(pair.client, address, PORT)


# --- udp_ping

PING = 7007


@contextlib.contextmanager
def datagrams(namespace, address, handle):
    """A process that calls handle(sock, data, from) for each datagram."""
    with namespace:
        sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
        sock.bind((address, 0))
    stop, stopped = socket.socketpair()

    def serve():
        while stopped not in (ready := select.select([sock, stopped], [], [], BOUND)[0]):
            assert ready
            handle(sock, *sock.recvfrom(65536))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        stop.close()
        thread.join(BOUND)
        stopped.close()
        sock.close()


def ping(net, address, port, **parameters):
    log = KernelLog()
    load(net.client, "udp_ping", mode="client", address=address, port=port, **parameters)
    kmod.unload("udp_ping")
    return log.new()


@pytest.mark.smoke
@FAMILIES
def test_ping_counts_answers(pair, family):
    address = getattr(pair.server, family)
    with datagrams(pair.server, address,
                   lambda sock, data, peer: sock.sendto(data, peer)) as port:
        said = ping(pair, address, port, count=20, interval=BOUND * 1000)
    assert "20 sent, 20 answered, 0 doubled, 0 % lost" in said
    assert "round trip min/avg/max" in said


def test_ping_knows_late_and_doubled_answers(pair):
    """Every fourth is lost; the others come in pairs, last first, twice."""
    held = []

    def handle(sock, data, peer):
        number, = struct.unpack_from("!I", data, 4)
        if number % 4 == 3:
            return
        held.append(data)
        if number % 4 == 2:
            for answer in reversed(held):
                sock.sendto(answer, peer)
                sock.sendto(answer, peer)
            sock.sendto(b"not an answer", peer)
            held.clear()

    with datagrams(pair.server, pair.server.v4, handle) as port:
        said = ping(pair, pair.server.v4, port, count=20, interval=50)
    assert "20 sent, 15 answered, 15 doubled, 25 % lost" in said


def test_ping_is_refused(pair):
    with pytest.raises(OSError) as caught:
        ping(pair, pair.server.v4, 9)
    assert caught.value.errno == errno.ECONNREFUSED


def test_ping_hears_nothing(pair):
    with datagrams(pair.server, pair.server.v4, lambda *_: None) as port:
        with pytest.raises(OSError) as caught:
            ping(pair, pair.server.v4, port, count=3, interval=10, timeout=100)
    assert caught.value.errno == errno.ETIMEDOUT


@pytest.mark.parametrize("wrong", [{"mode": "both"}, {"mode": "client", "count": 0},
                                   {"address": "x"}], ids=["mode", "count", "address"])
def test_ping_refuses_parameters(pair, wrong):
    with pytest.raises(OSError) as caught:
        load(pair.client, "udp_ping", **wrong)
    assert caught.value.errno == errno.EINVAL


@FAMILIES
def test_echo_returns_datagrams(pair, family):
    """Each comes back whole: nothing, a little, more than the link's MTU."""
    address = getattr(pair.server, family)
    with example(pair.server, "udp_ping", port=PING), pair.client:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
            sock.settimeout(BOUND)
            sock.connect((address, PING))
            for data in (b"", b"x", PAGE[:1400], PAGE[:60000]):
                sock.send(data)
                assert sock.recv(65536) == data


def test_echo_unloads_under_traffic(pair):
    """Datagrams that keep coming do not keep it."""
    load(pair.server, "udp_ping", address=pair.server.v4, port=PING)
    with pair.client:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(BOUND)
    sock.connect((pair.server.v4, PING))

    def step():
        sock.send(bytes(100))
        sock.recv(200)
    with sock, traffic([step]):
        # The sender learns the end by the ICMP error that its next one causes.
        kmod.unload("udp_ping")
        sock.send(b"")


# --- relay

RELAY = 8081
STREAM = random.Random(2).randbytes(8 << 20)


@contextlib.contextmanager
def relayed(namespace, address, target):
    """A relay in the namespace, to a listening socket; yields its port."""
    host, port = target.getsockname()[:2]
    with example(namespace, "relay", address=address, port=RELAY, target=host,
                 target_port=port):
        yield RELAY


@contextlib.contextmanager
def session(net, family="v4"):
    """Both ends of a connection through a relay in the server's namespace."""
    address = getattr(net.server, family)
    with listen(net.server, "127.0.0.1") as target:
        with relayed(net.server, address, target) as port:
            with connect(net.client, address, port) as near, accept(target) as far:
                yield near, far


@pytest.mark.smoke
@FAMILIES
def test_relay_passes_half_closes(pair, family):
    """The client's end of stream arrives as such, and the answer still returns."""
    with session(pair, family) as (near, far):
        near.sendall(PAGE[:100000])
        near.shutdown(socket.SHUT_WR)
        got = to_end(far)
        assert got == PAGE[:100000]
        far.sendall(digest(got).encode())
        far.shutdown(socket.SHUT_WR)
        assert to_end(near) == digest(got).encode()


def test_relay_passes_half_closes_the_other_way(pair):
    """The server ends first, and the client still sends."""
    with session(pair) as (near, far):
        far.sendall(b"enough")
        far.shutdown(socket.SHUT_WR)
        assert to_end(near) == b"enough"
        near.sendall(PAGE[:100000])
        near.shutdown(socket.SHUT_WR)
        assert to_end(far) == PAGE[:100000]


def test_relay_carries_8_mb_both_ways(link):
    """Eight megabytes each way at once, over a wire with 1 % loss and 10 ms."""
    def push(sock, data):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    back = STREAM[::-1]
    net = link(loss="1%", delay="10ms")
    with session(net) as (near, far), ThreadPoolExecutor(4) as pool:
        pushes = [pool.submit(push, near, STREAM), pool.submit(push, far, back)]
        pulls = [pool.submit(to_end, far), pool.submit(to_end, near)]
        assert digest(pulls[0].result(4 * BOUND)) == digest(STREAM)
        assert digest(pulls[1].result(4 * BOUND)) == digest(back)
        for push_ in pushes:
            push_.result(BOUND)


def test_relay_holds_back(pair):
    """What the target does not take is not read from the client."""
    with session(pair) as (near, far):
        near.setblocking(False)
        sent = 0
        # Writable again within two seconds means that the relay still reads.
        while select.select([], [near], [], 2)[1]:
            sent += near.send(STREAM[:65536])
            assert sent < 64 << 20
        near.settimeout(BOUND)
        with ThreadPoolExecutor(1) as pool:
            pull = pool.submit(to_end, far)
            near.sendall(b"and the rest")
            near.shutdown(socket.SHUT_WR)
            got = pull.result(2 * BOUND)
        assert len(got) == sent + 12
        assert got.endswith(b"and the rest")


@pytest.mark.parametrize("who", ["client", "target"])
def test_relay_passes_resets(pair, who):
    """A reset on one side is one on the other."""
    with session(pair) as ends:
        near, far = ends if who == "client" else reversed(ends)
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        reset(near)
        with pytest.raises(ConnectionResetError):
            far.recv(1)


def test_relay_resets_when_its_target_refuses(pair):
    with listen(pair.server, "127.0.0.1") as target:
        with relayed(pair.server, pair.server.v4, target) as port:
            target.close()
            # The reset may be there before the connect has returned.
            with pytest.raises(ConnectionResetError):
                with connect(pair.client, pair.server.v4, port) as near:
                    near.recv(1)


def test_relay_carries_several_sessions(routed):
    """Ten at once, each with its own bytes, from a router between two networks."""
    count = 10

    def serve(listener):
        with accept(listener) as sock:
            sock.sendall(digest(to_end(sock)).encode())

    def one(number):
        data = PAGE[number:number + 200000]
        with connect(routed.client, "fd00:1::1", RELAY) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return to_end(sock).decode() == digest(data)

    with listen(routed.server, routed.server.v4) as target:
        with relayed(routed.router, "::", target), ThreadPoolExecutor(2 * count) as pool:
            servers = [pool.submit(serve, target) for _ in range(count)]
            assert all(pool.map(one, range(count), timeout=BOUND))
            for server in servers:
                server.result(BOUND)


def test_relay_unloads_under_traffic(pair):
    """Streams at full speed and one that is held back do not keep it."""
    with listen(pair.server, "127.0.0.1") as target, contextlib.ExitStack() as stack:
        host, port = target.getsockname()
        load(pair.server, "relay", address=pair.server.v4, port=RELAY, target=host,
             target_port=port)
        steps = []
        for number in range(4):
            near = stack.enter_context(connect(pair.client, pair.server.v4, RELAY))
            far = stack.enter_context(accept(target))
            steps.append(lambda near=near: near.sendall(STREAM[:16384]))
            if number:

                def pull(far=far):
                    if not far.recv(65536):
                        raise EOFError
                steps.append(pull)
        with traffic(steps):
            kmod.unload("relay")
        with pytest.raises(ConnectionRefusedError):
            connect(pair.client, pair.server.v4, RELAY)
