# SPDX-License-Identifier: GPL-2.0-only
"""kinet's tracepoints: each packet that is dropped, each error that is told, each state."""

import contextlib
import ctypes
import errno
import os
import re
import select
import socket
import struct
import subprocess
from pathlib import Path

import kinet
import pytest
import topology

from blocked import until
from checksum import checksum
from kinet import INET, INET6, RAW, address
from nfqueue import Queue
from peers import inet_family
from segments import ACK, FIN, HOST, NEEDS_FRAGMENTS, PACKET_TOO_BIG, RST, SYN, Host, Peer
from states import STATES
from streams import ESTABLISHED, Streams, ended, pass_on, set_option, state, tcp
from test_kinet_coexist import MODULAR
from tracing import traced
from wire import chain, rules

pytestmark = pytest.mark.smoke

UDP = socket.IPPROTO_UDP
PORT, FROM = 6200, 6201
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, DO = 10, 23, 2
ATTACH_FILTER, RCVBUFFORCE = 26, 33                 # SO_*
DEFER_ACCEPT, USER_TIMEOUT = 9, 18                  # TCP_*
MEM = Path("/proc/1/root/proc/sys/net/kinet/mem")
FAR = 1_000_000                                     # beyond any window here


@pytest.fixture(name="trace")
def kinet_traced():
    """What kinet has traced: a function that returns a dictionary for each line of a tracepoint"""
    with traced("kinet") as lines:
        yield lambda name: [dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", text))
                            for point, text in lines() if point == name]


# --- datagrams that are dropped, each by a function that has it happen once

def listener(net, made, family):
    """Who is sent to"""
    return made.ours(net.server, family, port=PORT)


def datagram(net, made, family, data=b"x"):
    """One of the host's, sound"""
    made.stock(net.client, family, port=FROM).sendto(data, address(net.server, family, PORT))


def right(check):
    """0 would be none."""
    return check or 0xffff


def wrong(check):
    """Neither right nor none"""
    return check % 0xffff + 1


def written(net, made, family, length, summed):
    """One that no host would send: header by header"""
    data = b"data"
    header = struct.pack("!HHH", FROM, PORT, length)
    ends = b"".join(socket.inet_pton(family, address(end, family)[0])
                    for end in (net.client, net.server))
    check = checksum(ends + struct.pack("!II", 8 + len(data), UDP) + header + bytes(2) + data)
    sender = made.stock(net.client, family, RAW, protocol=UDP)
    sender.sendto(header + struct.pack("!H", summed(check)) + data, address(net.server, family))


def no_socket(net, made, family):
    """The port's socket is another's."""
    listener(net, made, family).connect(address(net.client, family, 9))
    datagram(net, made, family)


def min_ttl(net, made, family):
    """It came too far."""
    option = (socket.IPPROTO_IP, 21) if family == INET else (socket.IPPROTO_IPV6, 73)
    listener(net, made, family).setsockopt(*option, 255)
    datagram(net, made, family)


def buffer_full(net, made, family):
    """The buffer takes one message more than it has room for, whatever its length."""
    sock = listener(net, made, family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    room = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    datagram(net, made, family, bytes(2 * room))
    until(lambda: select.select([sock], [], [], 0)[0], "the first")
    made.stock(net.client, family, port=FROM + 1).sendto(b"x", address(net.server, family, PORT))


def bad_length(net, made, family):
    """More than the packet has"""
    listener(net, made, family)
    written(net, made, family, 13, right)


def bad_checksum(net, made, family):
    """Another one"""
    listener(net, made, family)
    written(net, made, family, 12, wrong)


def no_checksum(net, made, family):
    """None, which RFC 8200, section 8.1, forbids"""
    listener(net, made, family)
    written(net, made, family, 12, lambda check: 0)


def filtered(net, made, family):
    """The user's own filter takes nothing."""
    nothing(listener(net, made, family))
    datagram(net, made, family)


def nothing(sock):
    """ret 0"""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    set_option(sock, ATTACH_FILTER, struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def no_memory(net, made, family):
    """What all of kinet's buffers together may have is used up; each CPU's account is exact to
    within a megabyte."""
    set_option(listener(net, made, family), RCVBUFFORCE, 4 << 20)
    sender, limits = made.stock(net.client, family, port=FROM), MEM.read_text("ascii")

    def seen():
        counters = kinet.snmp(net.server)
        return counters["DgramIn"], counters["DropNoMemory"]
    MEM.write_text("0 0 0", "ascii")
    try:
        before = now = seen()
        while now[1] == before[1]:
            sender.sendto(bytes(60_000), address(net.server, family, PORT))
            until(lambda was=now: seen() != was, "the datagram")
            now = seen()
    finally:
        MEM.write_text(limits, "ascii")


def policy(net, made, family):
    """IPsec's: nothing for this port"""
    listener(net, made, family)
    prefix = "0.0.0.0/0" if family == INET else "::/0"
    try:
        net.server.run(["ip", "xfrm", "policy", "add", "src", prefix, "dst", prefix, "proto", "udp",
                        "dport", str(PORT), "dir", "in", "action", "block"])
    except subprocess.CalledProcessError:
        pytest.skip("this kernel has no policies that ip(8) could add (XFRM_USER)")
    datagram(net, made, family)


ONLY_IPV6 = {"NoChecksum"}        # RFC 768 lets senders do so
DROPS = {"NoSocket": no_socket, "MinTtl": min_ttl, "BufferFull": buffer_full,
         "BadLength": bad_length, "BadChecksum": bad_checksum, "NoChecksum": no_checksum,
         "Filtered": filtered, "NoMemory": no_memory, "Policy": policy}


@pytest.mark.parametrize("reason, family", [
    pytest.param(reason, family, id=f"{reason}-{name}") for reason in DROPS
    for family, name in ((INET, "inet"), (INET6, "inet6"))
    if family == INET6 or reason not in ONLY_IPV6])
def test_drops(pair, made, trace, family, reason):
    """One line, with the reason that is counted, and both ends"""
    with dropped(pair.server, trace, reason) as wanted:
        DROPS[reason](pair, made, family)
        wanted.update(row(UDP, family, address(pair.client, family)[0],
                          FROM + (reason == "BufferFull"), address(pair.server, family, PORT)))


def row(protocol, family, source, sport, dest) -> dict:
    """What is told of a packet: both ends, IPv4 mapped"""
    mapped = "::ffff:" if family == INET else ""
    return {"protocol": str(protocol), "saddr": mapped + source, "sport": str(sport),
            "daddr": mapped + dest[0], "dport": str(dest[1])}


@contextlib.contextmanager
def dropped(end, trace, reason):
    """One packet is, meanwhile: it is traced as the dictionary says, and counted."""
    wanted, before = {"reason": f"Drop{reason}"}, kinet.snmp(end)
    yield wanted
    until(lambda: trace("kinet_drop"), "the packet to be dropped")
    assert trace("kinet_drop") == [wanted]
    after = kinet.snmp(end)
    assert {name: after[name] - before[name] for name in after
            if name.startswith("Drop") and after[name] != before[name]} == {f"Drop{reason}": 1}


# --- segments that are dropped, each by a function that has it happen once

def nobodys(host):
    """Who listens has no connection that is acknowledged."""
    host.peer.send(ACK)


def closed(host):
    """The program has closed it, and reads no more."""
    sock, peer = host.open()
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    sock.close()
    peer.send(ACK, b"late")


def short_header(host):
    """Less than there must be"""
    host.peer.send(SYN, offset=4)


def long_header(host):
    """More than there is"""
    host.peer.send(SYN, offset=15)


def wrong_sum(host):
    """Another bit is set."""
    check, = struct.unpack_from("!H", host.peer.header(SYN, b""), 16)
    host.peer.send(SYN, check=check ^ 1)


def from_far(host):
    """It came over too many routers (RFC 5082)."""
    option = (socket.IPPROTO_IP, 21) if host.family == INET else (socket.IPPROTO_IPV6, 73)
    host.listener.setsockopt(*option, 255)
    host.peer.send(SYN)


def unwelcome(host):
    """The user's own filter takes nothing."""
    nothing(host.listener)
    host.peer.send(SYN)


def too_many(host):
    """One more than may be without an answer to their SYN, ACK"""
    host.listener.listen(0)
    host.peer.answer(SYN)
    other = host.new_peer(host.listener)
    other.send(SYN)
    return other


def too_many_wait(host):
    """One more than may wait to be accepted"""
    host.listener.listen(1)
    other = host.new_peer(host.listener)
    for peer in (other, host.peer):
        answer = peer.answer(SYN)
        peer.at.snd, peer.at.rcv = answer.ack, answer.end
    host.listener.listen(0)
    host.peer.send(ACK)
    until(lambda: select.select([host.listener], [], [], 0)[0], "the first to wait")
    other.send(ACK)
    return other


def unanswered(host):
    """No route leads back."""
    route, before = f"route {{}} unreachable {HOST[host.family]}", kinet.snmp(host.net.client)
    topology.ip([route.format("add")], host.net.client.name)
    try:
        host.peer.send(SYN)
        until(lambda: kinet.snmp(host.net.client)["SegmentIn"] != before["SegmentIn"], "the SYN")
    finally:
        topology.ip([route.format("del")], host.net.client.name)


def deferred(host):
    """It brings no data, for which the listener waits."""
    tcp(host.listener, DEFER_ACCEPT, 10)
    answer = host.peer.answer(SYN)
    host.peer.send(ACK, seq=answer.ack, ack=answer.end)


def beyond_the_window(host):
    """Of an established connection"""
    host.open()[1].send(ACK, b"x", seq=host.peer.at.snd + FAR)


def beyond_the_end(host):
    """The peer has said that this is all."""
    STATES["CLOSE-WAIT"](host)[1].send(ACK, b"x")


def old_stamp(host):
    """RFC 7323, section 5.3, R1"""
    peer = host.open(stamps=True)[1]
    peer.send(ACK, b"x", options=peer.at.stamps.option(1))


def no_stamp(host):
    """RFC 7323, section 3.2"""
    host.open(stamps=True)[1].send(ACK, b"x", options=b"")


def syn_within(host):
    """RFC 5961, section 4.2"""
    host.open()[1].send(SYN)


def reset_within(host):
    """RFC 5961, section 3.2"""
    host.open()[1].send(RST, seq=host.peer.at.snd + 1)


def without_ack(host):
    """RFC 9293, section 3.10.7.4, fifth"""
    host.open()[1].send(0, b"x")


def of_the_unsent(host):
    """RFC 5961, section 5.2"""
    host.open()[1].send(ACK, ack=host.peer.at.rcv + 5)


def of_another_syn(host):
    """RFC 9293, section 3.10.7.3, first"""
    peer = host.connecting()[1]
    peer.send(SYN | ACK, ack=peer.at.rcv + 5)
    return peer


def of_another_answer(host):
    """RFC 9293, section 3.10.7.4, fifth, SYN-RECEIVED"""
    STATES["SYN-RECEIVED"](host)[1].send(ACK, ack=host.peer.at.rcv + 5)


def after_all(host):
    """In TIME-WAIT only FINs come."""
    STATES["TIME-WAIT"](host)[1].send(ACK, b"x")


def invented(host):
    """RFC 5927: ICMP that quotes what was never sent"""
    peer = host.open()[1]
    peer.tell((3, 1) if host.family == INET else (1, 3), bytes(4), seq=peer.at.rcv + FAR)


def two_are_one(host):
    """NAT has made two connections the same one, of which a program lets either go on."""
    if os.environ["KSOCKET_KERNEL"] in MODULAR:
        subprocess.run(["modprobe", "-a", "nfnetlink_queue", "nft_queue"], check=True, timeout=60)
    to = f"tcp dport {host.peer.port} snat ip to {HOST[INET]}:{FROM}"
    mapped = chain("input", to, kind="nat")
    queued = chain("input", f"tcp dport {host.peer.port} ct state new queue num 0", after=150)
    other, before = host.new_peer(host.listener), kinet.snmp(host.net.client)
    with Queue(host.net.client) as queue, rules(host.net.client, mapped + queued):
        host.peer.send(SYN)
        other.send(SYN)
        numbers = [queue.packet(), queue.packet()]
        for number in numbers:
            queue.accept(number)
        until(lambda: kinet.snmp(host.net.client)["DropConntrack"] != before["DropConntrack"],
              "the second one")
    other.at.port = FROM
    return other


# With IPv6, conntrack's own hook has the priority of kinet's: it has come later here, so it is
# asked first, and drops the second one itself.
ONLY_IPV4 = {two_are_one}
SEGMENTS = {
    "NoSocket": [nobodys, closed], "BadHeader": [short_header], "BadLength": [long_header],
    "BadChecksum": [wrong_sum], "MinTtl": [from_far], "Filtered": [unwelcome],
    "ListenFull": [too_many, too_many_wait], "Unanswered": [unanswered], "Deferred": [deferred],
    "OutOfWindow": [beyond_the_window, beyond_the_end], "OldStamp": [old_stamp],
    "NoStamp": [no_stamp], "BadControl": [syn_within, reset_within, without_ack],
    "BadAck": [of_the_unsent, of_another_syn, of_another_answer], "TimeWait": [after_all],
    "BadError": [invented], "Conntrack": [two_are_one]}


@pytest.fixture(scope="module")
def net():
    """The host and where the peer is"""
    with Peer.network() as made:
        yield made


@pytest.mark.parametrize("reason, drop, family", [
    pytest.param(reason, drop, family, id=f"{reason}-{drop.__name__}-{name}")
    for reason, drops in SEGMENTS.items() for drop in drops
    for family, name in ((INET, "inet"), (INET6, "inet6"))
    if family == INET or drop not in ONLY_IPV4])
def test_segments(net, made, trace, family, reason, drop):
    """Likewise, whoever finds that it is not to be taken"""
    host = Host(net, made, "ours", family)
    with dropped(net.client, trace, reason) as wanted:
        peer = drop(host) or host.peer
        wanted.update(row(socket.IPPROTO_TCP, family, HOST[family], peer.at.port,
                          address(net.client, family, peer.port)))


# --- errors that are told

def errors(trace) -> list:
    """All but which socket it was: errno, type, code, info"""
    until(lambda: trace("kinet_error"), "the error to be told")
    return [tuple(int(line[name]) for name in ("errno", "type", "code", "info"))
            for line in trace("kinet_error")]


@contextlib.contextmanager
def spoken(net, mode):
    """The wire that both ends speak for a while"""
    try:
        for end in (net.client, net.server):
            until(lambda end=end: not kinet.sockets(end), "sockets to go")
            end.sysctl("net.kinet.mode", mode)
        yield
    finally:
        for end in (net.client, net.server):
            end.sysctl("net.kinet.mode", "interop")


@pytest.mark.parametrize("mode", ["interop", "isolated"])
@inet_family
def test_refusals(pair, trace, family, mode):
    """RFC 792 and RFC 4443: port unreachable, or what stands for it"""
    with spoken(pair, mode), kinet.Sockets() as made:
        peer, sock = made.ours(pair.server, family), made.ours(pair.client, family)
        sock.connect(peer.getsockname())
        peer.close()
        sock.send(b"x")
        assert errors(trace) == [(errno.ECONNREFUSED, *((3, 3) if family == INET else (1, 4)), 0)]


@inet_family
def test_path_mtu(made, trace, family):
    """With the MTU, as RFC 1191 and RFC 4443 have it"""
    with topology.routed() as net:
        for end, device in ((net.router, "east"), (net.server, "eth")):
            topology.ip([f"link set {device} mtu 1300"], end.name)
        sock = made.ours(net.client, family)
        sock.setsockopt(*((socket.IPPROTO_IP, IP_MTU_DISCOVER) if family == INET else
                          (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)), DO)
        sock.sendto(bytes(1400), address(net.server, family, PORT))
        assert errors(trace) == [(errno.EMSGSIZE, *((3, 4) if family == INET else (2, 0)), 1300)]
        sock.close()


def refused(host):
    """RFC 9293, section 3.10.7.3, second"""
    peer = host.connecting()[1]
    peer.send(RST | ACK)
    return errno.ECONNREFUSED, 0, 0, 0


def unreachable(host):
    """RFC 1122, section 4.2.3.9; who begins a connection is told."""
    peer = host.connecting()[1]
    kind = (3, 1) if host.family == INET else (1, 3)
    peer.tell(kind, bytes(4), seq=peer.at.rcv - 1)
    return errno.EHOSTUNREACH, *kind, 0


def unreachable_later(host):
    """Or when it gives up"""
    peer = STATES["unacknowledged"](host)[1]
    kind = (3, 1) if host.family == INET else (1, 3)
    peer.tell(kind, bytes(4))
    return errno.EHOSTUNREACH, *kind, 0


def too_long(host):
    """RFC 1191, RFC 8201"""
    peer = STATES["unacknowledged"](host)[1]
    peer.too_big(1400)
    return errno.EMSGSIZE, *(NEEDS_FRAGMENTS if host.family == INET else PACKET_TOO_BIG), 1400


def reset_by_peer(host):
    """RFC 9293, section 3.10.7.4, second"""
    host.open()[1].send(RST)
    return errno.ECONNRESET, 0, 0, 0


def silence(host):
    """RFC 9293, section 3.10.8"""
    sock = host.open()[0]
    tcp(sock, USER_TIMEOUT, 1)
    sock.send(b"x")
    return errno.ETIMEDOUT, 0, 0, 0


@pytest.mark.parametrize("told", [refused, unreachable, unreachable_later, too_long,
                                  reset_by_peer, silence], ids=lambda one: one.__name__)
@inet_family
def test_errors_of_streams(net, made, trace, family, told):
    """What the network says, what the peer says, and what is found out"""
    wanted = told(Host(net, made, "ours", family))
    assert errors(trace) == [wanted]


# --- what is not dropped

@inet_family
def test_reading_drops_nothing(link, family):
    """Who looks for lost packets by the kernel's own tracepoint isn't told of what was read."""
    net = link()
    with Streams(net.client, net.server, ("stock", "ours")) as made, traced("skb") as lines:
        one, other = made.connection(family)
        pass_on(one, other, 100_000)
        lost = [text for name, text in lines() if name == "kfree_skb" and
                "[kinet]" in text and "NOT_SPECIFIED" in text]
    assert not lost


# --- states

# RFC 9293, figures 5, 12 and 13: who closes first, who closes then, and who does at the same time
ACTIVE = ["CLOSED", "SYN-SENT", "ESTABLISHED"]
PASSIVE = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"]
FIRST = ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"]
SECOND = ["CLOSE-WAIT", "LAST-ACK", "CLOSED"]
BOTH = ["FIN-WAIT-1", "CLOSING", "TIME-WAIT", "CLOSED"]


def changes(states) -> list:
    """From one to the next"""
    return list(zip(states, states[1:]))


def lives_of(trace) -> list:
    """The changes of each socket, which begins when another with its memory has ended"""
    lives = []
    for line in trace("kinet_state"):
        change = line["from"], line["to"]
        life = next((life for sk, life in lives if sk == line["sk"] and life[-1][1] == change[0] and
                     life[-1][1] != "CLOSED"), None)
        if life:
            life.append(change)
        else:
            lives.append((line["sk"], [change]))
    return [life for _, life in lives]


@pytest.mark.parametrize("first", ["client", "server"])
@inet_family
def test_states(pair, trace, family, first):
    """A connection's life, as RFC 9293 has it; each change is counted, too."""
    before = [kinet.snmp(end)["StateChanged"] for end in (pair.client, pair.server)]
    with Streams(pair.client, pair.server, ("ours", "ours")) as made:
        listener = made.listener(family)
        client, server = made.connection(family, listener=listener)
        one, other = (client, server) if first == "client" else (server, client)
        one.shutdown(socket.SHUT_WR)
        assert ended(other)
        other.shutdown(socket.SHUT_WR)
        assert ended(one)
        until(lambda: len(trace("kinet_state")) == 12, "the last acknowledgment")
    wanted = [changes(["CLOSED", "LISTEN", "CLOSED"]),
              changes(ACTIVE + (FIRST if first == "client" else SECOND)),
              changes(PASSIVE + (SECOND if first == "client" else FIRST))]
    assert sorted(lives_of(trace)) == sorted(wanted)
    after = [kinet.snmp(end)["StateChanged"] for end in (pair.client, pair.server)]
    assert sum(after) - sum(before) == sum(map(len, wanted))


def opens_at_once(host):
    """Figure 7"""
    sock, peer, syn = host.calling()
    peer.send(SYN)
    peer.at.snd, peer.at.rcv = peer.at.snd + 1, syn.end
    peer.hear("SYN, ACK")
    peer.send(ACK)
    until(lambda: state(sock) == ESTABLISHED, "the connection")
    return sock, peer


@inet_family
def test_states_at_once(net, made, trace, family):
    """Figures 7 and 14: both open, and both close"""
    host = Host(net, made, "ours", family)
    sock, peer = opens_at_once(host)
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    peer.send(ACK | FIN, ack=peer.at.rcv - 1)
    peer.at.snd += 1
    peer.send(ACK)
    wanted = changes(["CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", *BOTH])
    until(lambda: wanted in lives_of(trace), wanted)
    assert lives_of(trace) == [changes(["CLOSED", "LISTEN"]), wanted]
