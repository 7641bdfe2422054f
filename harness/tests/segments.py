# SPDX-License-Identifier: GPL-2.0-only
"""A peer who sends any segment that is asked of him, and none of himself.

He has an address that no kernel owns, so that none answers for him; the host
under test is the network's client.
"""

import contextlib
import errno
import itertools
import random
import socket
import struct
from dataclasses import dataclass, field

import topology

from blocked import until
from checksum import sum_with_ends
from kinet import INET, INET6, STREAM, failure
from malformed import icmp, ip4, ip6
from peers import reset
from streams import blocking
from test_kinet_malformed import Wire
from wire import Capture, Packet, sums_in_software

TCP, ISOLATED = socket.IPPROTO_TCP, 253
WIRES = {"interop": TCP, "isolated": ISOLATED}      # net.kinet.mode: the protocol of streams
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
EOL, NOP, MSS, WSCALE, SACK_OK, SACK, STAMPS = 0, 1, 2, 3, 4, 5, 8
HOST = {INET: "10.1.0.77", INET6: "fd00:1::77"}
ROUND = 1 << 32
# Type and code, of ICMP and ICMPv6
NEEDS_FRAGMENTS, REDIRECT, PACKET_TOO_BIG = (3, 4), (5, 1), (2, 0)

_ports = itertools.count(40000)


def option(kind: int, form="", *values) -> bytes:
    """One option, with its length"""
    body = struct.pack("!" + form, *values)
    return bytes([kind, 2 + len(body)]) + body


def padded(*options: bytes) -> bytes:
    """As a header has them, in words of 4 bytes"""
    joined = b"".join(options)
    return joined + bytes([NOP]) * (-len(joined) % 4)


def build(ends, protocol, ports, numbers, flags, data=b"", options=b"", *, offset=None,
          reserved=0, urgent=0, check=None, window=65535) -> bytes:
    """A segment, right but for what is said"""
    offset = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack("!HHIIBBH", *ports, *(number % ROUND for number in numbers),
                       offset << 4 | reserved >> 2, flags | (reserved & 3) << 6, window)
    rest = struct.pack("!H", urgent) + options + data
    if check is None:
        check = sum_with_ends(ends, protocol, head + bytes(2) + rest)
    return head + struct.pack("!H", check) + rest


@dataclass
class Segment:
    """One that the host has sent"""

    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    options: dict               # by kind: what is behind the length
    data: bytes
    good: bool                  # its checksum
    reserved: int               # RFC 9293, section 3.1: all bits that have no meaning without ECN
    packet: Packet              # that it came in

    @classmethod
    def parse(cls, packet):
        """What is in an IP packet"""
        raw = packet.payload
        sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack_from(
            "!HHIIBBHHH", raw)
        head = (offset >> 4) * 4
        good = not sum_with_ends((packet.source, packet.dest), packet.protocol, raw)
        return cls(sport, dport, seq, ack, flags, window, urgent,
                   cls.parse_options(raw[20:head]), raw[head:], good,
                   (offset & 15) << 2 | flags >> 6, packet)

    @staticmethod
    def parse_options(raw) -> dict:
        """The host's are sound."""
        options = {}
        while raw and raw[0] != EOL:
            if raw[0] == NOP:
                raw = raw[1:]
                continue
            options[raw[0]] = raw[2:raw[1]]
            raw = raw[raw[1]:]
        return options

    @property
    def blocks(self) -> list:
        """What it says of SACK"""
        raw = self.options.get(SACK, b"")
        return list(struct.iter_unpack("!II", raw))

    @property
    def end(self) -> int:
        """The sequence number behind it"""
        taken = len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + taken) % ROUND


@dataclass
class Stamps:
    """Time stamps of a connection"""

    value: int = 1 << 31
    echo: int = 0

    def option(self, older=0) -> bytes:
        """In a segment"""
        return padded(option(STAMPS, "II", (self.value - older) % ROUND, self.echo))


@dataclass
class State:
    """Where both are: the numbers of what is sent next and of what is expected next"""

    snd: int = 0
    rcv: int = 0
    window: int = 65535
    stamps: Stamps = None
    port: int = field(default_factory=lambda: next(_ports))


class Peer(contextlib.ExitStack):
    """Sends to a port of the host, and hears what comes back."""

    def __init__(self, net, family, port):
        super().__init__()
        self.family, self.port, self.protocol = family, port, net.protocol
        self.ends = [socket.inet_pton(family, one) for one in
                     (HOST[family], net.client.v4 if family == INET else net.client.v6)]
        self.wire = self.enter_context(Wire(net.server, net.client))
        self.capture = self.enter_context(Capture(net.server))
        self.heard = []
        self.at = State(snd=random.randrange(ROUND))

    @classmethod
    @contextlib.contextmanager
    def network(cls, wire="interop"):
        """A pair, whose client knows where to find him and segments in software."""
        with topology.pair() as net:
            net.protocol = WIRES[wire]
            net.client.sysctl("net.kinet.mode", wire)
            sums_in_software(net.client)
            net.client.knows(HOST.values(), net.server)
            topology.ip(["link set eth gso_max_segs 1"], net.client.name)
            yield net

    # --- sending

    def header(self, flags, data, options=b"", *, seq=None, ack=None, **change):
        """The segment, right but for what is said"""
        at = self.at
        seq = at.snd if seq is None else seq
        ack = at.rcv if ack is None and flags & ACK else ack or 0
        return build(self.ends, self.protocol, (at.port, self.port), (seq, ack), flags, data,
                     options, **{"window": at.window} | change)

    def raw(self, payload: bytes, protocol=None, **change):
        """Whatever it is, by the protocol of streams"""
        packet = (ip4 if self.family == INET else ip6)(random, self.ends, payload,
                                                       protocol or self.protocol, **change)
        self.wire.sock.send(self.wire.head[self.family] + packet)

    def tell(self, kind, rest: bytes, seq=None):
        """ICMP, of a segment of the host's, by default the first that isn't acknowledged"""
        body = struct.pack("!BBH", *kind, 0) + rest + self.quoted(seq)
        self.raw(*icmp(self.family, self.ends, body))

    def quoted(self, seq=None) -> bytes:
        """The packet of such a segment, as far as ICMP has it"""
        head = struct.pack("!HHIIBBHHH", self.port, self.at.port,
                           (self.at.rcv if seq is None else seq) % ROUND, 0, 5 << 4, ACK, 0, 0, 0)
        return (ip4 if self.family == INET else ip6)(random, self.ends[::-1], head, self.protocol)

    def too_big(self, mtu, **change):
        """It is longer than the path takes."""
        self.tell(NEEDS_FRAGMENTS if self.family == INET else PACKET_TOO_BIG,
                  mtu.to_bytes(4, "big"), **change)

    def redirect(self, router: str, **change):
        """Another router is nearer (IPv4)."""
        self.tell(REDIRECT, socket.inet_aton(router), **change)

    def send(self, flags=ACK, data=b"", options=None, **change):
        """A segment where the connection is, unless said otherwise; nothing is counted."""
        if options is None:
            options = self.at.stamps.option() if self.at.stamps else b""
        self.raw(self.header(flags, data, options, **change))

    def say(self, data=b"", flags=ACK, **change):
        """A segment that the host is to have: the next goes behind it."""
        self.send(flags, data, **change)
        self.at.snd = (self.at.snd + len(data) + bool(flags & FIN)) % ROUND

    # --- hearing

    def collect(self):
        """What has come meanwhile"""
        for packet in self.capture.packets(self.protocol):
            segment = Segment.parse(packet)
            if packet.dest == self.ends[0] and segment.dport == self.at.port:
                assert packet.good and segment.good, segment
                self.heard.append(segment)

    def hear(self, what="a segment") -> Segment:
        """The next one"""
        def come():
            self.collect()
            return self.heard
        until(come, what)
        return self.heard.pop(0)

    def hear_data(self, size: int) -> bytes:
        """So much data that is new; all of it is acknowledged."""
        data = b""
        while len(data) < size:
            segment = self.hear(f"{size - len(data)} more bytes")
            assert not segment.flags & (RST | SYN | FIN), segment
            if segment.seq == self.at.rcv:
                data += segment.data
                self.at.rcv = segment.end
        self.send()
        return data

    def hear_end(self) -> Segment:
        """The host's FIN, which is not acknowledged yet"""
        while True:
            segment = self.hear("a FIN")
            if segment.flags & FIN:
                self.at.rcv = segment.end
                return segment

    def answer(self, flags=ACK, data=b"", options=None, **change) -> Segment:
        """What the host answers to a segment that it has to answer"""
        self.collect()
        self.heard.clear()
        self.send(flags, data, options, **change)
        return self.hear("an answer")

    def no_answer(self):
        """What was sent before got none: the next segment that is heard answers one that is
        known to be answered, as its byte was received long ago."""
        answer = self.answer_to_old()
        assert answer.flags == ACK and not answer.data, answer
        assert answer.ack == self.at.snd
        self.collect()
        assert not self.heard, self.heard

    def answer_to_old(self) -> Segment:
        """To a byte that was received before"""
        self.send(ACK, b"?", seq=self.at.snd - 1)
        return self.hear("the answer to an old byte")

    # --- connections

    def stamp(self, segment):
        """Take the host's time stamp, if it uses them."""
        if self.at.stamps and STAMPS in segment.options:
            self.at.stamps.echo, = struct.unpack_from("!I", segment.options[STAMPS])

    def connect(self, options=b"", stamps=False) -> Segment:
        """Open a connection to a listener; return its SYN with ACK."""
        isn = self.at.snd
        if stamps:
            self.at.stamps = Stamps()
            options = self.at.stamps.option() + options
        answer = self.answer(SYN, b"", options)
        assert answer.flags == SYN | ACK and answer.ack == (isn + 1) % ROUND, answer
        self.at.snd, self.at.rcv = answer.ack, answer.end
        # RFC 7323, section 3.2: once both have them, each segment must.
        if STAMPS in answer.options and not self.at.stamps:
            self.at.stamps = Stamps()
        self.stamp(answer)
        self.send()
        return answer

    def accept(self, options=b"") -> Segment:
        """Answer the host's SYN; return it."""
        syn = self.hear("a SYN")
        assert syn.flags == SYN, syn
        self.at.rcv = syn.end
        self.send(SYN | ACK, b"", options)
        self.at.snd = (self.at.snd + 1) % ROUND
        return syn


class Host:
    """Sockets of a kind, and the peer that their segments go to"""

    def __init__(self, net, made, kind, family):
        self.net, self.made, self.kind, self.family = net, made, kind, family
        self.listener = self.socket()
        self.listener.listen()
        self.peer = self.new_peer(self.listener)

    def socket(self):
        """Bound, not more"""
        return blocking(getattr(self.made, self.kind)(self.net.client, self.family, STREAM))

    def new_peer(self, sock):
        """One who talks to a socket's port"""
        return self.made.enter_context(Peer(self.net, self.family, sock.getsockname()[1]))

    def ends(self, sock):
        """It is reset in the end, as nobody would answer its FIN."""
        self.made.callback(lambda: sock.fileno() < 0 or reset(sock))
        return sock

    def accepted(self):
        """The next connection"""
        return self.ends(blocking(self.listener.accept()[0]))

    def open(self, options=b"", stamps=False):
        """A connection that the peer has opened: the socket and the peer"""
        self.peer.connect(options, stamps)
        return self.accepted(), self.peer

    def calling(self):
        """A socket that connects, the peer, and the SYN that he has heard"""
        sock = self.ends(self.socket())
        peer = self.new_peer(sock)
        sock.setblocking(False)
        told = failure(sock.connect, (self.peer_host(), peer.at.port))
        assert told == errno.EINPROGRESS
        return sock, peer, peer.hear("a SYN")

    def connecting(self):
        """The same, and the peer is to go on from the SYN"""
        sock, peer, syn = self.calling()
        assert syn.flags == SYN
        peer.at.rcv = syn.end
        return sock, peer

    def peer_host(self) -> str:
        """The peer's address"""
        return socket.inet_ntop(self.family, self.peer.ends[0])


def lives(sock, peer):
    """Data goes both ways, each byte once and in order."""
    peer.collect()
    peer.heard.clear()
    peer.say(b"alive?", ACK | PSH)
    assert sock.recv(100) == b"alive?"
    sock.sendall(b"alive!")
    assert peer.hear_data(6) == b"alive!"
