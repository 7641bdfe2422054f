# SPDX-License-Identifier: GPL-2.0-only
"""Programs that use streams, over kinet at one end or at both, by kinet-run."""

import hashlib
import json
import random
import subprocess
import sys

import pytest

from blocked import BOUND
from kinet import INET, address
from peers import inet_family
from programs import STREAM, line

pytestmark = pytest.mark.smoke

HTTP, HTTPS = 8080, 8443
LARGE = 12_000_000
PAGES = 20
NGINX = """
daemon off; master_process off; user root; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
    client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};
    scgi_temp_path {root}; uwsgi_temp_path {root};
    server {{
        listen {v4}:{http}; listen [{v6}]:{http};
        listen {v4}:{https} ssl; listen [{v6}]:{https} ssl;
        ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;
        root {root}/www;
    }}
}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A web site: one large file, some small ones, a key and a certificate"""
    root = tmp_path_factory.mktemp("site")
    (root / "www").mkdir()
    (root / "www/large").write_bytes(random.Random(1).randbytes(LARGE))
    for page in range(PAGES):
        (root / f"www/{page}").write_text(f"page {page}\n", "ascii")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=lab", "-days", "1",
                    "-keyout", root / "key.pem", "-out", root / "cert.pem"],
                   check=True, timeout=60, capture_output=True)
    return root


def nginx(programs, site):
    """A server of the site"""
    server = programs.net.server
    conf = site / "nginx.conf"
    conf.write_text(NGINX.format(root=site, v4=server.v4, v6=server.v6, http=HTTP, https=HTTPS),
                    "ascii")
    programs.serve(HTTP, "/usr/sbin/nginx", "-c", conf, "-e", site / "error.log", table="tcp")


def url(programs, family, port, path) -> str:
    """Of something on the site"""
    host = address(programs.net.server, family)[0]
    scheme = "https" if port == HTTPS else "http"
    return f"{scheme}://{host if family == INET else f'[{host}]'}:{port}/{path}"


def curl(programs, *words) -> str:
    """Its output"""
    return programs.run("client", "curl", "-sSfk", "--noproxy", "*", "--max-time", BOUND, *words)


@pytest.mark.parametrize("port", [HTTP, HTTPS], ids=["http", "https"])
@inet_family
def test_large_file(programs, site, tmp_path, family, port):
    """nginx sends it by sendfile(2), or encrypted; curl has it whole."""
    nginx(programs, site)
    with programs.carried(STREAM):
        curl(programs, "-o", tmp_path / "got", url(programs, family, port, "large"))
    digests = [hashlib.sha256(path.read_bytes()).digest() for path in
               (tmp_path / "got", site / "www/large")]
    assert digests[0] == digests[1]


def test_keep_alive(programs, site):
    """Many pages by one connection, then each by one of its own"""
    nginx(programs, site)
    pages = [url(programs, INET, HTTP, page) for page in range(PAGES)]
    wanted = "".join(f"page {page}\n" for page in range(PAGES))
    with programs.carried(STREAM):
        told = curl(programs, "-w", "%{stderr}%{num_connects}\n", *pages)
        assert told == wanted
        one = curl(programs, *(["-o", "/dev/null"] * PAGES), "-w", "%{num_connects} ", *pages)
        assert sum(map(int, one.split())) == 1
        assert "".join(curl(programs, "-H", "Connection: close", page) for page in pages) == wanted


@inet_family
def test_redis(programs, family):
    """Its own benchmark: some clients at once, one command a time and many in one piece"""
    where, port = address(programs.net.server, family, 6379)
    programs.serve(port, "redis-server", "--port", port, "--bind", where, "--save", "",
                   "--protected-mode", "no", "--daemonize", "no", "--dir", "/tmp", table="tcp")
    with programs.carried(STREAM):
        for pipeline in (1, 16):
            told = programs.run("client", "redis-benchmark", "-h", where, "-p", port, "-n", 1000,
                                "-c", 20, "-t", "set,get,lrange_100", "-P", pipeline, "--csv")
            tests = [row.split(",")[0].strip('"') for row in told.splitlines()]
            assert {"SET", "GET"} < set(tests)
            assert "error" not in told.lower()
        assert int(programs.run("client", "redis-cli", "-h", where, "-p", port, "dbsize")) > 0


@pytest.mark.parametrize("how", [(), ("-R",), ("-P", "2")], ids=["there", "back", "two"])
@inet_family
def test_iperf3(programs, family, how):
    """All that is asked for goes through, in either direction."""
    where, port = address(programs.net.server, family, 5201)
    server = programs.serve(port, "iperf3", "-s", "-1", "-p", port, table="tcp")
    with programs.carried(STREAM):
        told = json.loads(programs.run("client", "iperf3", "-c", where, "-p", port, "-n", "4M",
                                       "--json", *how))
    assert "error" not in told
    assert told["end"]["sum_sent"]["bytes"] >= 4 << 20
    assert server.wait(BOUND) == 0


ASYNC_SERVER = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
async def main(host, port):
    server = await asyncio.start_server(serve, host, port)
    async with server:
        print("ready", flush=True)
        await server.serve_forever()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
ASYNC_CLIENT = """
import asyncio, random, sys
async def one(host, port, seed):
    data = random.Random(seed).randbytes(100_000)
    reader, writer = await asyncio.open_connection(host, port)
    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    got, _ = await asyncio.gather(reader.read(-1), send())
    writer.close()
    await writer.wait_closed()
    return got == data
async def main(host, port):
    print(sum(await asyncio.gather(*(one(host, port, seed) for seed in range(50)))))
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@inet_family
def test_asyncio(programs, family):
    """50 connections in one thread of each end: what is sent comes back, and then the end."""
    where, port = address(programs.net.server, family, 7777)
    with programs.carried(STREAM):
        server = programs.start("server", sys.executable, "-c", ASYNC_SERVER, where, port)
        assert line(server) == b"ready\n"
        assert programs.run("client", sys.executable, "-c", ASYNC_CLIENT, where, port) == "50\n"
