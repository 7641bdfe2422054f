# SPDX-License-Identifier: GPL-2.0-only
"""kinet's streams with what is on the way: filters, NAT, connections that are tracked, IPsec's
policies, VRFs."""

import contextlib
import ctypes
import errno
import select
import socket
import struct

import pytest
import topology

from blocked import until
from kinet import INET, STREAM, address, failure
from peers import inet_family, reset
from streams import (KINDS, Info, Streams, blocking, ended, events, exchange, pass_on, ready,
                     receive, refused, set_option)
from wire import chain, nothing_lost, rules, tracked

pytestmark = pytest.mark.smoke

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
LARGE = 300_000


def sent_again(sock):
    """Wait until it is so."""
    until(lambda: Info.of(sock).retransmits, "it to be sent again")


def dropped(end) -> int:
    """By the rule that counts"""
    told = end.run(["nft", "list", "ruleset"]).stdout.split()
    return int(told[told.index("packets") + 1])


def port_of(sock) -> int:
    """Where it is bound"""
    return sock.getsockname()[1]


# --- filters

@pytest.mark.parametrize("how", ["reject", "reject with tcp reset"])
@inet_family
def test_not_let_in(streams, family, how):
    """Who connects is told, be it by ICMP or by a reset."""
    listener = streams.listener(family)
    with rules(streams.there, chain("input", f"tcp dport {port_of(listener)} {how}")):
        assert refused(streams.client(family), listener.getsockname())
    exchange(*streams.connection(family, listener=listener))


@pytest.mark.parametrize("hook, names", [("input", "sport"), ("output", "dport")])
@inet_family
def test_data_are_dropped(streams, family, hook, names):
    """On the way in or out: they are sent again, until they are let through."""
    one, other = streams.connection(family)
    drops = f"tcp {names} {port_of(one if hook == 'input' else other)} counter drop"
    end = streams.there if hook == "input" else streams.here
    with rules(end, chain(hook, drops)):
        one.send(b"again")
        # The host doesn't count what its own filter has dropped as sent again.
        until(lambda: dropped(end) > 1, "it to be dropped again")
        assert not events(one, select.POLLERR | select.POLLHUP)
        assert not events(other, select.POLLIN)
    assert receive(other, 5) == b"again"
    exchange(one, other, LARGE)


@inet_family
def test_errors_of_a_filter(streams, family):
    """RFC 1122, section 4.2.3.9: ICMP doesn't end what is established; a reset does."""
    one, other = streams.connection(family)
    comes = f"tcp sport {port_of(one)}"
    with rules(streams.there, chain("input", f"{comes} reject with icmpx admin-prohibited")):
        one.send(b"again")
        sent_again(one)
    assert receive(other, 5) == b"again"
    exchange(one, other)
    with rules(streams.there, chain("input", f"{comes} reject with tcp reset")):
        one.send(b"in vain")
        ready(one, select.POLLHUP)
        assert failure(one.recv, 1) == errno.ECONNRESET
    reset(other)


# --- NAT

@pytest.fixture(name="across")
def _across(routed, kinds):
    """Makes connections across the router"""
    with Streams(routed.client, routed.server, kinds) as made:
        yield made


def both_end(one, other):
    """Each half on its own"""
    one.shutdown(socket.SHUT_WR)
    assert ended(other)
    pass_on(other, one)
    other.close()
    assert ended(one)
    one.close()


@inet_family
def test_masquerade(routed, across, family):
    """The router has the client's connection come from itself."""
    with rules(routed.router, chain("postrouting", 'oifname "east" masquerade', kind="nat")):
        listener = across.listener(family)
        client = across.client(family)
        client.connect(listener.getsockname())
        server = across.accepted(listener)
        assert server.getpeername()[0] == {INET: "10.2.0.1"}.get(family, "fd00:2::1")
        exchange(client, server, LARGE)
        both_end(client, server)
        client, server = across.connection(family, listener=listener)
        reset(server)
        ready(client, select.POLLHUP)
        assert failure(client.recv, 1) == errno.ECONNRESET
        listener.close()
        assert refused(across.client(family), listener_of(across, family))


def listener_of(across, family):
    """An address where nobody listens"""
    return across.server(family).getsockname()


@inet_family
def test_redirect(routed, across, family):
    """What is for port 80 of the server comes to another port of it."""
    listener = across.listener(family)
    moves = chain("prerouting", f"tcp dport 80 redirect to :{port_of(listener)}", kind="nat")
    with rules(routed.server, moves):
        client = across.client(family)
        client.connect(address(routed.server, family, 80))
        server = across.accepted(listener)
        assert client.getpeername()[1] == 80 and server.getsockname()[1] == port_of(listener)
        exchange(client, server, LARGE)
        both_end(client, server)


@inet_family
def test_another_destination(routed, across, family):
    """What is for the router comes to the server."""
    listener = across.listener(family)
    name, router, to = ("ip", "10.1.0.1", routed.server.v4) if family == INET else (
        "ip6", "fd00:1::1", f"[{routed.server.v6}]")
    moves = chain("prerouting", f"tcp dport 80 dnat {name} to {to}:{port_of(listener)}", kind="nat")
    with rules(routed.router, moves):
        client = across.client(family)
        client.connect((router, 80))
        server = across.accepted(listener)
        assert server.getpeername()[:2] == client.getsockname()[:2]
        exchange(client, server, LARGE)
        both_end(client, server)


# --- connections that are tracked

@inet_family
def test_tracked(streams, family):
    """Confirmed by the SYN, established by the handshake, and over when both have ended."""
    listener = streams.listener(family)

    def state(client) -> str:
        line, = [line for line in tracked(streams.there, family, "tcp")
                 if f"sport={port_of(client)} " in line]
        return line.split()[3]
    states = chain("input", "ct state invalid drop", "ct state new counter")
    with rules(streams.there, states), rules_of_the_peer(streams.here):
        client, server = streams.connection(family, listener=listener)
        assert state(client) == "ESTABLISHED"
        exchange(client, server, LARGE)
        assert state(client) == "ESTABLISHED"
        port = port_of(client)
        client.shutdown(socket.SHUT_WR)
        assert ended(server)
        assert state(client) in ("FIN_WAIT", "CLOSE_WAIT")
        server.close()
        assert ended(client)
        until(lambda: state(client) == "TIME_WAIT", "both ends to be acknowledged")
        client.close()
        client, server = streams.connection(family, listener=listener)
        assert port_of(client) != port
        reset(client)
        ready(server, select.POLLHUP)
        told = streams.there.run(["nft", "list", "ruleset"]).stdout
        assert "packets 2 " in told
        assert nothing_lost(streams.there)


@contextlib.contextmanager
def rules_of_the_peer(end):
    """It tracks, too."""
    with rules(end, chain("output", "ct state invalid drop")):
        yield
        assert nothing_lost(end)


# --- what decides in the kernel

@contextlib.contextmanager
def filtered(sock, most):
    """SO_ATTACH_FILTER: nothing comes that is longer, header included."""
    # ld len; jgt most: nothing of it, or all
    code = [(0x80, 0, 0, 0), (0x25, 0, 1, most), (6, 0, 0, 0), (6, 0, 0, 0xffff)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    yield
    set_option(sock, SO_DETACH_FILTER)


@inet_family
def test_socket_filter(streams, family):
    """It sees the segment from its header on: what it drops is sent again, of what it lets through
    nothing is lost."""
    for one, other in (streams.connection(family), streams.connection(family)[::-1]):
        with filtered(other, 60 + 100):
            exchange(one, other, 100)
            one.send(bytes(1000))
            sent_again(one)
            assert not events(other, select.POLLIN)
        assert receive(other, 1000) == bytes(1000)
        exchange(one, other)


@inet_family
def test_socket_filter_of_a_listener(streams, family):
    """Who is not let in isn't answered; those who come have it, too."""
    listener, client = streams.listener(family), streams.client(family)
    client.setblocking(False)
    with filtered(listener, 0):
        assert failure(client.connect, listener.getsockname()) == errno.EINPROGRESS
        sent_again(client)
    ready(client, select.POLLOUT)
    exchange(blocking(client), streams.accepted(listener))
    with filtered(listener, 60 + 100):
        one, other = streams.connection(family, listener=listener)
        one.send(bytes(1000))
        sent_again(one)
        assert not events(other, select.POLLIN)
        set_option(other, SO_DETACH_FILTER)
        assert receive(other, 1000) == bytes(1000)


@contextlib.contextmanager
def forbidden(net, end, way, family):
    """A policy of IPsec's that lets no TCP pass from the client to the server, for a while."""
    length = 32 if family == INET else 128
    ends = (f"src {address(net.client, family)[0]}/{length} "
            f"dst {address(net.server, family)[0]}/{length} proto tcp dir {way}")
    try:
        topology.ip([f"xfrm policy add {ends} action block"], end.name)
    except OSError:
        pytest.skip("this kernel has no IPsec")
    yield
    topology.ip([f"xfrm policy delete {ends}"], end.name)


@inet_family
def test_policy_forbids_to_send(pair, streams, family):
    """No connection begins, and who has one is kept from sending."""
    listener = streams.listener(family)
    one, other = streams.connection(family, listener=listener)
    exchange(one, other)
    with forbidden(pair, pair.client, "out", family):
        with Streams(pair.client, pair.server, ("stock", streams.kinds[1])) as stock:
            wanted = failure(stock.client(family).connect, listener.getsockname())
        assert wanted
        assert failure(streams.client(family).connect, listener.getsockname()) == wanted
        one.send(b"later")
        assert not events(other, select.POLLIN)
    assert receive(other, 5) == b"later"
    exchange(*streams.connection(family, listener=listener))


@inet_family
def test_policy_forbids_to_receive(pair, streams, family):
    """What comes is dropped, without an answer."""
    listener, client = streams.listener(family), streams.client(family)
    one, other = streams.connection(family, listener=listener)
    client.setblocking(False)
    with forbidden(pair, pair.server, "in", family):
        assert failure(client.connect, listener.getsockname()) == errno.EINPROGRESS
        sent_again(client)
        one.send(b"later")
        sent_again(one)
        assert not events(other, select.POLLIN)
    assert receive(other, 5) == b"later"
    ready(client, select.POLLOUT)
    exchange(blocking(client), streams.accepted(listener))


@pytest.mark.parametrize("bound", ["device", "master", "nowhere"])
@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@inet_family
def test_virtual_routing(kinds, family, bound):
    """A server whose device is in a VRF: bound to either it is reached, else not."""
    with topology.pair() as net, Streams(net.client, net.server, kinds) as made:
        net.server.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
        try:
            topology.ip(["link add red type vrf table 10", "link set red up",
                         "link set eth master red"], net.server.name)
        except OSError:
            pytest.skip("this kernel has no VRF")
        listener = made.server(family, bind=False)
        if bound != "nowhere":
            set_option(listener, socket.SO_BINDTODEVICE, b"red" if bound == "master" else b"eth")
        listener.bind(("", 80))
        listener.listen()
        to = address(net.server, family, 80)
        client = made.client(family)
        if bound == "nowhere":
            assert refused(client, to)
            return
        client.connect(to)
        exchange(client, made.accepted(listener), LARGE)
        back = getattr(made, kinds[1])(net.server, family, STREAM, bind=False)
        peer = getattr(made, kinds[0])(net.client, family, STREAM)
        peer.listen()
        assert failure(back.connect, peer.getsockname()) == errno.ENETUNREACH
        set_option(back, socket.SO_BINDTODEVICE, b"red")
        back.connect(peer.getsockname())
        exchange(back, made.accepted(peer))
