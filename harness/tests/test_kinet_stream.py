# SPDX-License-Identifier: GPL-2.0-only
"""kinet's streams against the host's own TCP: how connections begin and end."""

import ctypes
import errno
import select
import signal
import socket
import struct
import threading

import pytest
import topology

import kinet
from blocked import BOUND, RECVFROM, need_view_of_sleepers, sleeps_in, until
from kinet import DGRAM, INET, INET6, STREAM, address, failure
from peers import inet_family, reset
from streams import (ESTABLISHED, SYN_SENT, Info, Streams, blocking, ended, error_of, events,
                     exchange, pass_on, ready, receive, refused, set_option, state)
from test_kinet_options import (EITHER, SO_ATTACH_REUSEPORT_CBPF, connect_to, disconnect,
                                maker)
from threads import meanwhile, over_and_over
from wire import chain, rules

pytestmark = pytest.mark.smoke

MANY, ROUNDS, SOME = 1000, 100, 20
IP_LOCAL_PORT_RANGE = 51
RANGE = {"ours": "net.kinet.ip_local_port_range", "stock": "net.ipv4.ip_local_port_range"}
RANGES = (20000, 20009), (30000, 30009)
DROPS = chain("input", "ip protocol tcp drop", "ip6 nexthdr tcp drop")
# ld len; add 1; ret A
LENGTH_AND_ONE = b"".join(struct.pack("HBBI", code, 0, 0, value)
                          for code, value in ((0x80, 0), (0x04, 1), (0x16, 0)))


# --- there and back

@inet_family
@pytest.mark.parametrize("size", [1, 1460, 300_000])
def test_echo(streams, family, size):
    """Over a wire, and each end is told of the other"""
    client, server = streams.connection(family)
    assert client.getpeername() == server.getsockname()
    assert server.getpeername() == client.getsockname()
    assert client.getpeername()[:1] == address(streams.there, family)[:1]
    exchange(client, server, size)


@inet_family
def test_on_one_host(pair, kinds, family):
    """Over the loopback, by the loopback's address and by the wire's"""
    for host in ({INET: "127.0.0.1", INET6: "::1"}[family], address(pair.server, family)[0]):
        with Streams(pair.server, pair.server, kinds) as made:
            listener = made.server(family, bind=False)
            listener.bind((host, 0))
            listener.listen()
            exchange(*made.connection(family, listener=listener), 100_000)


@inet_family
@pytest.mark.parametrize("how", [{"protocol": 6}, {"protocol": kinet.PROTO_STREAM, "domain": True}],
                         ids=["protocol 6", "protocol 135"])
def test_other_names(pair, family, how):
    """socket(PF_KINET, SOCK_STREAM, IPPROTO_TCP), socket(PF_INET, SOCK_STREAM, 135)"""
    how = how | ({"domain": family} if "domain" in how else {})
    for kinds in (("ours", "stock"), ("stock", "ours"), ("ours", "ours")):
        ends = [how if kind == "ours" else {} for kind in kinds]
        with Streams(pair.client, pair.server, kinds) as made:
            client = made.client(family, **ends[0])
            exchange(*made.connection(family, client, made.listener(family, **ends[1])))


def test_what_no_stream_is(made, pair):
    """Another type, another protocol"""
    made.ours(pair.client, INET, STREAM)
    for how in ((INET, STREAM, 17), (INET, STREAM, 1), (INET, DGRAM, kinet.PROTO_STREAM, INET),
                (INET, DGRAM, 6)):
        assert failure(kinet.open_socket, *how) == errno.EPROTONOSUPPORT, how


def test_both_versions(streams):
    """A listener for IPv6 takes IPv4, too, unless told not to."""
    listener = streams.server(INET6, bind=False)
    listener.bind(("::", 0))
    listener.listen()
    port = listener.getsockname()[1]
    client = streams.client()
    client.connect(address(streams.there, INET, port))
    server = streams.accepted(listener)
    assert server.getpeername()[0] == "::ffff:" + streams.here.v4
    assert server.getsockname()[0] == "::ffff:" + streams.there.v4
    exchange(client, server)
    only = streams.server(INET6, bind=False)
    set_option(only, socket.IPV6_V6ONLY, 1, socket.IPPROTO_IPV6)
    only.bind(("::", 0))
    only.listen()
    assert refused(streams.client(), address(streams.there, INET, only.getsockname()[1]))


def test_mapped_address(streams):
    """A socket for IPv6 connects to an IPv4 address."""
    listener = streams.listener(INET)
    client = streams.client(INET6)
    client.connect(("::ffff:" + streams.there.v4, listener.getsockname()[1]))
    server = streams.accepted(listener)
    assert client.getsockname()[0] == "::ffff:" + streams.here.v4
    exchange(client, server)


@inet_family
def test_many(pair, kinds, family):
    """One after the other, the port of each in TIME-WAIT then, here or there"""
    with Streams(pair.client, pair.server, kinds) as made:
        listener = made.listener(family)
        for turn in range(MANY):
            client, server = made.connection(family, listener=listener)
            client.send(b"%d" % turn)
            assert server.recv(16) == b"%d" % turn
            first, last = (client, server) if turn % 2 else (server, client)
            first.close()
            assert ended(last)
            last.close()


# --- names and ports

@inet_family
def test_bind_then_connect(streams, family):
    """The port that it was bound to is where it comes from."""
    client, server = streams.connection(family, streams.client(family, bind=True))
    assert server.getpeername()[:2] == client.getsockname()[:2]
    assert client.getsockname()[:1] == address(streams.here, family)[:1]


@inet_family
def test_ephemeral_ports(streams, family):
    """Each connection has another one, from the range of its kind."""
    listener = streams.listener(family)
    ports = set()
    for _ in range(50):
        client, _ = streams.connection(family, listener=listener)
        ports.add(client.getsockname()[1])
    least, most = (20000, 32767) if streams.kinds[0] == "ours" else (32768, 60999)
    assert len(ports) == 50
    assert least <= min(ports) and max(ports) <= most


@inet_family
def test_reserved_ports(kinds, family):
    """RFC 6056, section 3.2: no connection gets one of them."""
    with topology.pair() as net, Streams(net.client, net.server, kinds) as made:
        name = "net.kinet" if kinds[0] == "ours" else "net.ipv4"
        # Of an odd number of ports the host may leave out one.
        net.client.sysctl(f"{name}.ip_local_port_range", "30000 30005")
        net.client.sysctl("net.ipv4.ip_local_reserved_ports", "30001-30004")
        listener = made.listener(family)
        ports = [made.connection(family, listener=listener)[0].getsockname()[1] for _ in range(2)]
        assert sorted(ports) == [30000, 30005]
        assert failure(made.client(family).connect, listener.getsockname()) == errno.EADDRNOTAVAIL


@inet_family
@pytest.mark.parametrize("host", ["address", "any"])
def test_ports_are_kept_apart(pair, made, kinds, family, host):
    """A listener's port can't be bound to by any other socket of either kind."""
    one, other = kinds
    first = getattr(made, one)(pair.server, family, STREAM, bind=False)
    second = getattr(made, other)(pair.server, family, STREAM, bind=False)
    where = address(pair.server, family)[0] if host == "address" else ""
    for sock in (first, second):
        set_option(sock, socket.SO_REUSEADDR)
    first.bind((where, 0))
    first.listen()
    port = first.getsockname()[1]
    assert failure(second.bind, (where, port)) == errno.EADDRINUSE
    assert failure(second.bind, address(pair.server, family, port)) == errno.EADDRINUSE
    first.close()
    until(lambda: not failure(second.bind, (where, port)), "the port to be free")
    second.listen()


def bound_alike(streams, option):
    """Two servers that an option lets share a port"""
    one, other = (streams.server(bind=False) for _ in range(2))
    for sock in (one, other):
        set_option(sock, option)
    one.bind((streams.there.v4, 0))
    other.bind(one.getsockname())
    return one, other


def test_two_listen(streams):
    """SO_REUSEADDR lets two be bound to a port, of which one may listen."""
    one, other = bound_alike(streams, socket.SO_REUSEADDR)
    one.listen()
    assert failure(other.listen) == errno.EADDRINUSE


@inet_family
def test_listen_where_one_connects(pair, kinds, family):
    """RFC 9293, MUST-42: the port of one who connects, or has, is no port taken."""
    with Streams(pair.client, pair.server, kinds) as made, \
         Streams(pair.server, pair.client, kinds[::-1]) as back:
        waits = made.client(family, bind=False)
        ears = back.server(family, bind=False)
        for sock in (waits, ears):
            set_option(sock, socket.SO_REUSEADDR)
        waits.bind(address(pair.client, family))
        ears.bind(waits.getsockname())
        waits.setblocking(False)
        with rules(pair.server, DROPS):
            listener = made.listener(family)
            assert failure(waits.connect, listener.getsockname()) == errno.EINPROGRESS
            ears.listen()
            assert state(waits) == SYN_SENT
        exchange(*back.connection(family, listener=ears))
        ready(waits, select.POLLOUT)
        exchange(blocking(waits), made.accepted(listener))


def group_of(streams, family):
    """Three who listen at one port"""
    group = []
    for _ in range(3):
        sock = streams.server(family, bind=False)
        set_option(sock, socket.SO_REUSEPORT)
        sock.bind(group[0].getsockname() if group else address(streams.there, family))
        sock.listen()
        group.append(sock)
    return group


@inet_family
def test_shared_port(streams, family):
    """SO_REUSEPORT: each connection comes to one of the group, and all get some."""
    group = group_of(streams, family)
    heard = set()

    def all_have_heard():
        streams.client(family).connect(group[0].getsockname())
        listener, = select.select(group, [], [], BOUND)[0]
        streams.accepted(listener)
        heard.add(listener)
        return len(heard) == len(group)
    until(all_have_heard, "each of the group to get a connection")


@inet_family
def test_shared_port_by_program(streams, family):
    """SO_ATTACH_REUSEPORT_CBPF: it sees what follows TCP's header, of a SYN nothing."""
    group = group_of(streams, family)
    program = ctypes.create_string_buffer(LENGTH_AND_ONE)
    group[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
                        struct.pack("HP", len(LENGTH_AND_ONE) // 8, ctypes.addressof(program)))
    for _ in range(SOME):
        exchange(*streams.connection(family, listener=group[1]))


def test_shared_with_one_who_does_not_listen(streams):
    """He is of the group, but nobody comes to him."""
    listener, _ = bound_alike(streams, socket.SO_REUSEPORT)
    listener.listen()
    for _ in range(30):
        exchange(*streams.connection(listener=listener))


def test_listener_that_comes_and_goes(pair, kinds):
    """Who calls meanwhile is heard or refused; the namespace's end tells that none is left."""
    with Streams(pair.client, pair.server, kinds) as made:
        with made.server() as sock:
            where = sock.getsockname()

        def call():
            caller = made.client()
            caller.setblocking(False)
            assert failure(caller.connect, where) in (0, errno.EINPROGRESS, errno.ECONNREFUSED)
            reset(caller)
        with over_and_over(call):
            for _ in range(ROUNDS):
                with made.server(bind=False) as listener, made.server(bind=False) as late:
                    for sock in (listener, late):
                        set_option(sock, socket.SO_REUSEADDR)
                        sock.bind(where)
                    listener.listen(ROUNDS)
                    assert failure(late.listen) == errno.EADDRINUSE
                    listener.shutdown(socket.SHUT_RD)


def test_range_that_changes():
    """It is the old one or the new one, as long as anybody may be asking."""
    with topology.pair() as net, Streams(net.client, net.server, ("ours", "stock")) as made:
        def change():
            for ports in RANGES:
                net.client.sysctl(RANGE["ours"], "{} {}".format(*ports))
        listener = made.listener()
        with over_and_over(change):
            for _ in range(ROUNDS):
                client, server = made.connection(listener=listener)
                port = client.getsockname()[1]
                assert any(low <= port <= high for low, high in RANGES)
                reset(client)
                server.close()


@EITHER
@inet_family
@pytest.mark.parametrize("shape", [STREAM, DGRAM], ids=["stream", "dgram"])
def test_range_of_its_own(pair, made, kind, family, shape):
    """IP_LOCAL_PORT_RANGE: an end counts when it is in the namespace's range."""
    low, high = {"ours": (20000, 32767), "stock": (32768, 60999)}[kind]
    with Streams(pair.client, pair.server, (kind, "stock")) as streams:
        to = streams.listener(family).getsockname()
        for first, last, least, most in ((low + 100, low + 103, low + 100, low + 103),
                                         (high - 1, 0, high - 1, high), (0, low + 1, low, low + 1),
                                         (low - 20, low - 10, low, high)):
            binds, connects = (maker(made, kind)(pair.client, family, shape, bind=False)
                               for _ in range(2))
            for sock in (binds, connects):
                if failure(sock.setsockopt, socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE,
                           struct.pack("I", first | last << 16)) == errno.ENOPROTOOPT:
                    pytest.skip("this kernel has no IP_LOCAL_PORT_RANGE")
            binds.bind(address(pair.client, family))
            connects.connect(to)
            for sock in (binds, connects):
                assert least <= sock.getsockname()[1] <= most, (first, last)
            reset(connects)
            binds.close()


def test_no_port_is_left(kinds):
    """Who has got none is as he was, and may try again."""
    with topology.pair() as net, Streams(net.client, net.server, kinds) as made:
        listener = made.listener()
        net.client.sysctl(RANGE[kinds[0]], "30000 30000")
        made.connection(listener=listener)
        late = made.client()
        before = late.getsockname()
        assert failure(late.connect, listener.getsockname()) == errno.EADDRNOTAVAIL
        # The host of 6.1 keeps the address.
        assert kinds[0] == "stock" or late.getsockname() == before
        net.client.sysctl(RANGE[kinds[0]], "30000 30001")
        exchange(*made.connection(client=late, listener=listener))


def test_filtered_for_a_while(pair, kinds):
    """A SYN that a filter drops here is sent again, as one that is lost further on."""
    with Streams(pair.client, pair.server, kinds) as made:
        listener, client = made.listener(), made.client()
        client.setblocking(False)
        with rules(pair.client, chain("output", "ip protocol tcp drop")):
            assert failure(client.connect, listener.getsockname()) == errno.EINPROGRESS
        ready(client, select.POLLOUT)
        exchange(blocking(client), made.accepted(listener))


def test_others_are_left_alone(pair, streams):
    """While one kind listens and talks, stock sockets do the same on other ports."""
    with Streams(pair.client, pair.server, ("stock", "stock")) as others:
        client, server = streams.connection()
        exchange(*others.connection(), 100_000)
        assert refused(others.client(), address(pair.server, INET, server.getsockname()[1] ^ 1))
        exchange(client, server, 100_000)


# --- closing

@pytest.mark.parametrize("first", ["client", "server"])
@inet_family
def test_half_close(streams, family, first):
    """Who has ended what he sends still receives; then the other ends, too."""
    one, other = streams.connection(family)
    if first == "server":
        one, other = other, one
    one.shutdown(socket.SHUT_WR)
    assert ended(other)
    pass_on(other, one, 200_000)
    other.close()
    assert ended(one)
    assert ended(one)


def test_end_comes_after_the_data(streams):
    """close() loses nothing of what was sent before."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        with meanwhile(lambda sock=one: (sock.sendall(bytes(500_000)), sock.close())):
            assert receive(other, 1 << 20) == bytes(500_000)


def test_both_close_at_once(link, kinds):
    """Their FINs cross, as neither can have heard of the other's."""
    net = link(delay="50ms")
    with Streams(net.client, net.server, kinds) as made:
        one, other = made.connection()
        one.shutdown(socket.SHUT_WR)
        other.shutdown(socket.SHUT_WR)
        assert ended(one) and ended(other)


def test_refused(streams):
    """Nobody listens: with neither kind of socket there before, nor when one was."""
    with streams.listener() as listener:
        to = listener.getsockname()
        exchange(*streams.connection(listener=listener))
    assert refused(streams.client(), to)
    with streams.server() as bound:
        assert refused(streams.client(), bound.getsockname())


def test_refused_without_waiting(streams):
    """Who doesn't wait is told by poll and SO_ERROR."""
    with streams.server() as bound:
        client = streams.client()
        client.setblocking(False)
        told = failure(client.connect, bound.getsockname())
    ready(client, select.POLLHUP)
    # The refusal may have been faster than the call.
    assert (told, error_of(client)) in ((errno.EINPROGRESS, errno.ECONNREFUSED),
                                        (errno.ECONNREFUSED, 0))
    assert failure(client.send, b"x") == errno.EPIPE


def test_reset_by_linger(streams):
    """SO_LINGER of 0: the peer is reset, whichever it is."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        reset(one)
        wanted = select.POLLHUP | select.POLLERR | select.POLLIN
        assert until(lambda sock=other: events(sock) & wanted == wanted, "the reset")
        assert failure(other.recv, 1) == errno.ECONNRESET
        assert error_of(other) == 0
        assert ended(other)
        assert failure(other.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE


def test_close_with_unread_data(streams):
    """RFC 2525, section 2.17: it resets, so that the peer knows that data was lost."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        other.sendall(b"never read")
        ready(one, select.POLLIN)
        one.close()
        ready(other, select.POLLHUP)
        assert failure(other.recv, 1) == errno.ECONNRESET


def test_data_for_who_has_closed(streams):
    """RFC 1122, section 4.2.2.13: who sends to him is reset."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        one.close()
        assert ended(other)
        other.send(b"too late")
        ready(other, select.POLLHUP)
        assert failure(other.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE


def test_linger(link, kinds):
    """close() waits until the peer has acknowledged all of it."""
    net = link(delay="100ms")
    with Streams(net.client, net.server, kinds) as made:
        for one, other in (made.connection(), made.connection()[::-1]):
            one.sendall(b"all of it")
            set_option(one, socket.SO_LINGER, (1).to_bytes(4, "little") +
                       BOUND.to_bytes(4, "little"))
            one.close()
            assert events(other) & (select.POLLIN | select.POLLRDHUP) == (
                select.POLLIN | select.POLLRDHUP)
            assert receive(other, 100) == b"all of it"


# --- shutdown(2)

def test_shut_for_sending(streams):
    """EPIPE, with a signal unless the caller doesn't want it"""
    pipe = {signal.SIGPIPE}
    signal.pthread_sigmask(signal.SIG_BLOCK, pipe)
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        for sock in streams.connection():
            sock.shutdown(socket.SHUT_WR)
            assert failure(sock.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE
            assert not signal.sigpending()
            assert failure(sock.send, b"x") == errno.EPIPE
            assert signal.sigpending() == pipe
            assert signal.sigwait(pipe) == signal.SIGPIPE
    finally:
        signal.signal(signal.SIGPIPE, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, pipe)


def test_shut_for_receiving(streams):
    """The end of the stream is there at once, for the one who asked for it alone."""
    for one, other in (streams.connection(), streams.connection()[::-1]):
        one.shutdown(socket.SHUT_RD)
        assert events(one) & (select.POLLIN | select.POLLRDHUP) == (
            select.POLLIN | select.POLLRDHUP)
        assert ended(one)
        assert not events(other) & select.POLLIN
        pass_on(one, other)


def test_shut_without_connection(streams):
    """ENOTCONN, and EINVAL for what is no direction"""
    for sock in (streams.client(), streams.server()):
        assert failure(sock.shutdown, socket.SHUT_WR) == errno.ENOTCONN
        assert failure(sock.shutdown, 3) == errno.EINVAL
        for call in (sock.recv, sock.getpeername):
            assert failure(call, *[1] * (call == sock.recv)) == errno.ENOTCONN
        assert failure(sock.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE


def test_shut_listener(streams):
    """It listens no more; then it may listen again."""
    listener = streams.listener()
    waits = streams.client()
    waits.connect(listener.getsockname())
    listener.shutdown(socket.SHUT_RD)
    assert failure(listener.accept) == errno.EINVAL
    assert failure(waits.recv, 1) == errno.ECONNRESET
    assert refused(streams.client(), listener.getsockname())
    listener.listen()
    blocking(listener)
    exchange(*streams.connection(listener=listener))


def test_closed_listener(streams):
    """Those that nobody has accepted are reset; those that somebody has, go on."""
    listener = streams.listener()
    kept = streams.connection(listener=listener)
    lost = streams.client()
    lost.connect(listener.getsockname())
    listener.close()
    assert failure(lost.recv, 1) == errno.ECONNRESET
    exchange(*kept)


# --- connect(2)

def test_connect_twice(streams):
    """EISCONN"""
    listener = streams.listener()
    client, server = streams.connection(listener=listener)
    for sock in (client, server):
        assert failure(sock.connect, listener.getsockname()) == errno.EISCONN
    assert failure(server.listen) == errno.EINVAL
    exchange(client, server)


def test_connect_where_it_cannot(streams):
    """Listeners don't; broadcasts and groups can't be connected to."""
    listener = streams.listener()
    assert failure(listener.connect, listener.getsockname()) == errno.EISCONN
    for host in ("224.1.1.1", "255.255.255.255", "10.1.0.255"):
        assert failure(streams.client().connect, (host, 9)) in (errno.ENETUNREACH, errno.EACCES)
    assert failure(streams.client(INET6).connect, ("ff02::1", 9)) == errno.ENETUNREACH
    assert failure(streams.client().connect, ("192.0.2.1", 9)) == errno.ENETUNREACH


@pytest.mark.parametrize("family, other, size, told", [
    (INET, INET, 15, errno.EINVAL), (INET, INET6, 28, errno.EAFNOSUPPORT),
    (INET6, INET6, 23, errno.EINVAL), (INET6, INET, 16, errno.EINVAL),
    (INET6, INET, 28, errno.EAFNOSUPPORT)])
def test_connect_to_no_address_of_its_own(streams, family, other, size, told):
    """Too short, or of another family"""
    where = struct.pack("=H", other).ljust(size, bytes(1))
    assert failure(connect_to, streams.client(family), where) == told


def test_connect_without_waiting(link, kinds):
    """EINPROGRESS, EALREADY, and in the end POLLOUT; once more tells that it is done."""
    net = link(delay="200ms")
    with Streams(net.client, net.server, kinds) as made:
        listener, client = made.listener(), made.client()
        client.setblocking(False)
        assert failure(client.connect, listener.getsockname()) == errno.EINPROGRESS
        assert state(client) == SYN_SENT
        assert failure(client.connect, listener.getsockname()) == errno.EALREADY
        assert not events(client, select.POLLIN | select.POLLOUT)
        assert failure(client.send, b"x") == errno.EAGAIN
        assert failure(client.recv, 1) == errno.EAGAIN
        ready(client, select.POLLOUT)
        assert error_of(client) == 0
        assert failure(client.connect, listener.getsockname()) == 0
        assert failure(client.connect, listener.getsockname()) == errno.EISCONN
        blocking(client)
        exchange(client, made.accepted(listener))


def test_connect_for_so_long(streams):
    """SO_SNDTIMEO ends a connect(2) that sleeps, and it goes on in the background."""
    listener, client = streams.listener(), streams.client()
    set_option(client, socket.SO_SNDTIMEO, (0).to_bytes(8, "little") +
               (50_000).to_bytes(8, "little"))
    with rules(streams.there, DROPS):
        assert failure(client.connect, listener.getsockname()) == errno.EINPROGRESS
        assert failure(client.connect, listener.getsockname()) == errno.EALREADY
    ready(client, select.POLLOUT)
    exchange(blocking(client), streams.accepted(listener))


def test_simultaneous_open(link, kinds):
    """RFC 9293, section 3.5: both have sent their SYN before the other's comes."""
    net = link(delay="400ms")
    with Streams(net.client, net.server, kinds) as made:
        one, other = made.client(bind=True), made.server()
        for sock, to in ((one, other), (other, one)):
            sock.setblocking(False)
            assert failure(sock.connect, to.getsockname()) == errno.EINPROGRESS
        assert [state(sock) for sock in (one, other)] == [SYN_SENT, SYN_SENT]
        for sock in (one, other):
            ready(sock, select.POLLOUT)
            assert error_of(sock) == 0
            blocking(sock)
        exchange(one, other)
        assert state(one) == state(other) == ESTABLISHED


@EITHER
def test_connect_to_itself(pair, made, kind):
    """A SYN that comes back to its sender opens a connection, too."""
    sock = maker(made, kind)(pair.client, INET, STREAM)
    sock.connect(sock.getsockname())
    assert sock.getpeername() == sock.getsockname()
    pass_on(sock, sock)


def test_lost_syn(streams):
    """It is sent again."""
    listener, client = streams.listener(), streams.client()
    client.setblocking(False)
    with rules(streams.there, DROPS):
        client.connect_ex(listener.getsockname())
        until(lambda: Info.of(client).retransmits, "the second SYN")
    ready(client, select.POLLOUT)
    blocking(client)
    exchange(client, streams.accepted(listener))


def test_disconnect(streams):
    """connect() to AF_UNSPEC resets; then the socket can connect anew, and nothing is left of
    before: numbers and time stamps of the peer's may be smaller now."""
    listener = streams.listener()
    client, server = streams.connection(listener=listener)
    for _ in range(8):
        exchange(client, server)
        disconnect(client)
        assert failure(server.recv, 1) == errno.ECONNRESET
        assert failure(client.getpeername) == errno.ENOTCONN
        client, server = streams.connection(client=client, listener=listener)
    exchange(client, server)


def test_disconnect_under_a_reader(streams):
    """Who sleeps in recv(2) is woken, and hears nothing of the next connection."""
    need_view_of_sleepers()
    listener = streams.listener()
    client, _server = streams.connection(listener=listener)
    tid, heard = [], []

    def read():
        tid.append(threading.get_native_id())
        heard.append(failure(client.recv, 1))
    with meanwhile(read):
        until(lambda: tid and sleeps_in(RECVFROM, tid[0]), "the reader to sleep")
        disconnect(client)
    assert heard == [errno.EPIPE]
    exchange(*streams.connection(client=client, listener=listener))


# --- accept(2)

def test_accept_nothing(streams):
    """EAGAIN; EINVAL on what doesn't listen"""
    listener = streams.listener()
    listener.setblocking(False)
    assert failure(listener.accept) == errno.EAGAIN
    assert not events(listener)
    sock = streams.server()
    sock.setblocking(False)
    assert failure(sock.accept) == errno.EINVAL
    client = streams.client()
    client.connect(listener.getsockname())
    assert ready(listener, select.POLLIN) == select.POLLIN
    exchange(client, streams.accepted(listener))
    assert failure(listener.accept) == errno.EAGAIN


def test_accept_what_has_gone(streams):
    """Data and end that came before accept(2) are there; a reset is told after it."""
    listener = streams.listener()
    one, other = streams.client(), streams.client()
    one.connect(listener.getsockname())
    one.sendall(b"early")
    one.close()
    server = streams.accepted(listener)
    assert receive(server, 100) == b"early"
    other.connect(listener.getsockname())
    reset(other)
    server = streams.accepted(listener)
    ready(server, select.POLLHUP)
    assert failure(server.recv, 1) == errno.ECONNRESET


def test_accepted_inherits(streams):
    """The listener's options"""
    listener = streams.server()
    options = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
               (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
               (socket.SOL_SOCKET, socket.SO_RCVLOWAT, 3),
               (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 33),
               (socket.IPPROTO_IP, socket.IP_TTL, 44))
    for option in options:
        listener.setsockopt(*option)
    listener.listen()
    server = streams.connection(listener=listener)[1]
    assert [(*option[:2], server.getsockopt(*option[:2])) for option in options] == list(options)
    assert not server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_backlog_overflow(streams):
    """Two wait with a backlog of one; a third is not answered until there is room."""
    listener = streams.listener(backlog=1)
    waiting = [streams.client() for _ in range(2)]
    for client in waiting:
        client.connect(listener.getsockname())
    third = streams.client()
    third.setblocking(False)
    assert failure(third.connect, listener.getsockname()) == errno.EINPROGRESS
    until(lambda: Info.of(third).retransmits, "the second SYN")
    assert state(third) == SYN_SENT
    exchange(waiting[0], streams.accepted(listener))
    ready(third, select.POLLOUT)
    blocking(third)
    exchange(waiting[1], streams.accepted(listener))
    exchange(third, streams.accepted(listener))


# --- TIME-WAIT

def reusable(streams, kind):
    """A socket of a kind at the server's end, with SO_REUSEADDR"""
    sock = blocking(getattr(streams, kind)(streams.there, INET, STREAM, bind=False))
    set_option(sock, socket.SO_REUSEADDR)
    return sock


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_port_in_time_wait(streams, kind):
    """The port of who closed first is free for who says SO_REUSEADDR, of either kind, and for no
    other; a connection that is left goes on."""
    listener = reusable(streams, streams.kinds[1])
    listener.bind((streams.there.v4, 0))
    listener.listen()
    where = listener.getsockname()
    left = streams.connection(listener=listener)
    client, server = streams.connection(listener=listener)
    server.shutdown(socket.SHUT_WR)
    assert ended(client)
    name = client.getsockname()
    client.close()
    assert ended(server)
    server.close()
    listener.close()
    assert failure(streams.server(bind=False).bind, where) == errno.EADDRINUSE
    again = reusable(streams, kind)
    until(lambda: not failure(again.bind, where), "the port to be free")
    again.listen()
    exchange(*left)
    exchange(*streams.connection(listener=again))
    # From the port of the one whose end was long ago for the client alone
    caller = streams.client()
    set_option(caller, socket.SO_REUSEADDR)
    caller.bind(name)
    exchange(*streams.connection(client=caller, listener=again))
    exchange(*left)


def test_accepted_one_listens(streams):
    """Disconnected, it has its listener's port no longer, which is free for anybody, and gets
    another when it listens."""
    listener = reusable(streams, streams.kinds[1])
    listener.bind((streams.there.v4, 0))
    listener.listen()
    where = listener.getsockname()
    client, server = streams.connection(listener=listener)
    listener.close()
    disconnect(server)
    assert failure(client.recv, 1) == errno.ECONNRESET
    again = streams.server(bind=False)
    until(lambda: not failure(again.bind, where), "the port to be free")
    server.listen()
    assert server.getsockname() != where
    exchange(*streams.connection(listener=server))


def test_same_ends_again(streams):
    """RFC 9293, section 3.6.1: a SYN with a greater number ends the peer's TIME-WAIT."""
    listener = streams.listener()
    for _ in range(3):
        client = streams.client()
        set_option(client, socket.SO_REUSEADDR)
        client.bind((streams.here.v4, 2222))
        client, server = streams.connection(client=client, listener=listener)
        exchange(client, server)
        server.shutdown(socket.SHUT_WR)
        assert ended(client)
        client.close()
        assert ended(server)
        server.close()
