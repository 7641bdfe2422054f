# SPDX-License-Identifier: GPL-2.0-only
"""blocking_client, with servers of user space on the other side."""

import contextlib
import errno
import http.server
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import kmod
from conftest import KernelLog
from examples import BOUND, FAMILIES, PAGE, accept, digest, family_of, listen, load


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
