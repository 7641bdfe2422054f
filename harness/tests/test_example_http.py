# SPDX-License-Identifier: GPL-2.0-only
"""http_server, with curl, Python and bare sockets as its clients."""

import contextlib
import errno
import http.client
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

import kmod
from blocked import until
from examples import (BOUND, FAMILIES, connect, exactly, example, ksockets, listen, load, reset,
                      to_end, traffic)
from peers import KINET6

PORT = 8080


def pattern(length) -> bytes:
    """What /bytes/<length> serves."""
    period = bytes(range(33, 127))
    return (period * (length // len(period) + 1))[:length]


# The answer to get("/bytes/10", close=False)
OK10 = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + pattern(10)


@pytest.fixture(params=["inet6", "kinet6"])
def httpd(pair, request):
    """http_server in the server's namespace, on both families, over the host's TCP and kinet's."""
    domain = {"inet6": 0, "kinet6": KINET6.domain}[request.param]
    with example(pair.server, "http_server", address="::", port=PORT, family=domain):
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


def test_server_serves_many(httpd):
    """Forty clients at once."""
    def one(number):
        length = 50000 + number
        return ask(httpd, get(f"/bytes/{length}")).endswith(b"\n" + pattern(length))

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(one, range(40), timeout=BOUND))


def test_server_finds_its_port_taken(pair):
    with listen(pair.server, pair.server.v4, PORT):
        with pytest.raises(OSError) as caught:
            load(pair.server, "http_server", address=pair.server.v4, port=PORT)
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("httpd", ["inet6"], indirect=True)
def test_server_outlives_its_listener(httpd):
    """When the listener is destroyed, who is connected is served, and nobody else is."""
    with connect(httpd.client, httpd.server.v4, PORT) as sock:
        sock.sendall(get("/bytes/10", close=False))
        assert exactly(sock, len(OK10)) == OK10
        httpd.server.run(["ss", "-K", "state", "listening", f"sport = {PORT}"])
        with pytest.raises(ConnectionRefusedError):
            connect(httpd.client, httpd.server.v4, PORT)
        sock.sendall(get("/bytes/10", close=False))
        assert exactly(sock, len(OK10)) == OK10


@FAMILIES
def test_server_answers_after_a_half_close(httpd, family):
    """Who asks and sends no more still gets all of the answer."""
    with connect(httpd.client, getattr(httpd.server, family), PORT) as sock:
        sock.sendall(get("/bytes/5000000", close=False))
        sock.shutdown(socket.SHUT_WR)
        assert to_end(sock).endswith(b"\r\n\r\n" + pattern(5000000))


def test_server_serves_while_others_stall(httpd):
    """Downloads that nobody reads hold up nobody else; then they go on."""
    with contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(connect(httpd.client, httpd.server.v4, PORT))
                   for _ in range(40)]
        for sock in stalled:
            sock.sendall(get("/bytes/10000000"))
        assert ask(httpd, get("/bytes/1000000")).endswith(b"\n" + pattern(1000000))
        assert to_end(stalled[20]).endswith(b"\r\n\r\n" + pattern(10000000))


def test_server_forgets_who_resets(httpd):
    """A reset ends a connection that is idle, in a download, or refused."""
    requests = (b"", get(f"/bytes/{1 << 60}"), b"\r\n\r\n")
    socks = [connect(httpd.client, httpd.server.v4, PORT) for _ in requests]
    for sock, request in zip(socks, requests):
        sock.sendall(request)
    assert socks[1].recv(1) == b"H"
    assert exactly(socks[2], 12) == b"HTTP/1.1 400"
    until(lambda: len(ksockets(httpd.server)) == 4, "three connections beside the listener")
    for sock in socks:
        reset(sock)
    until(lambda: len(ksockets(httpd.server)) == 1, "the listener to be alone")


def test_server_closes_who_is_idle(pair):
    """Without progress for so long a connection ends; one that is in use goes on."""
    with example(pair.server, "http_server", address=pair.server.v4, port=PORT, idle=2), \
            contextlib.ExitStack() as stack:
        mute, partial, stalled, busy = [
            stack.enter_context(connect(pair.client, pair.server.v4, PORT)) for _ in range(4)]
        partial.sendall(b"GET /")
        stalled.sendall(get(f"/bytes/{1 << 60}"))

        def is_over():
            busy.sendall(get("/bytes/10", close=False))
            assert exactly(busy, len(OK10)) == OK10
            return len(ksockets(pair.server)) == 2

        until(is_over, "the idle ones to go")
        assert mute.recv(1) == b""
        assert partial.recv(1) == b""
        is_over()


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
