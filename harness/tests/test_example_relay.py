# SPDX-License-Identifier: GPL-2.0-only
"""relay, between sockets of user space."""

import contextlib
import random
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

import kmod
import topology
from blocked import until
from examples import (BOUND, FAMILIES, PAGE, accept, connect, digest, example, fill, listen, load,
                      reset, to_end, traffic)

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
        sent = fill(near, STREAM[:65536])
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


def test_relay_passes_a_reset_that_it_meets_sending(pair):
    """The error is told once, to who sends; who receives then must not take it for the end."""
    with session(pair) as (near, far):
        fill(near, STREAM[:65536])
        reset(far)
        with pytest.raises(ConnectionResetError):
            near.recv(1)


def test_relay_passes_a_reset_after_the_end(pair):
    """A client that has ended its stream, and resets, is reset at the target, too."""
    with session(pair) as (near, far):
        near.shutdown(socket.SHUT_WR)
        assert far.recv(1) == b""
        reset(near)
        until(lambda: far.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the target's reset")


def test_relay_waits_until_it_is_connected(routed):
    """What comes, and ends, before the connection to the target stands, is passed on then."""
    topology.impair(routed.router, "east", delay="300ms")
    try:
        with listen(routed.server, routed.server.v4) as target:
            with relayed(routed.router, "::", target) as port:
                with connect(routed.client, "10.1.0.1", port) as empty, \
                        connect(routed.client, "10.1.0.1", port) as full:
                    empty.shutdown(socket.SHUT_WR)
                    full.sendall(b"early")
                    full.shutdown(socket.SHUT_WR)
                    with accept(target) as one, accept(target) as two:
                        assert sorted(to_end(sock) for sock in (one, two)) == [b"", b"early"]
                        one.sendall(b"late")
                        two.sendall(b"late")
                    assert to_end(empty) == to_end(full) == b"late"
    finally:
        topology.ip(["qdisc del dev east root"], routed.router.name, "tc")


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
