# SPDX-License-Identifier: GPL-2.0-only
"""Whatever comes to streams, over either wire: a connection receives what is sound, in order, and
nothing else; it goes on, and nobody comes to the listener.

KSOCKET_SEED=<number> plays another game, or again the one that a failure names.
"""

import collections
import contextlib
import select
import socket

import pytest

import malformed_segments
from kinet import INET, INET6, STREAM
from malformed import NUMBER
from malformed_segments import At
from peers import reset
from segments import ACK, HOST, PSH, ROUND, SYN, WIRES, WSCALE, Peer, Segment, option, padded
from streams import error_of, ready
from test_kinet_malformed import ROOM, SO_RCVBUFFORCE, Game, Wire, game
from wire import Capture

ROUNDS, SOAK_ROUNDS = 10_000, 500_000      # packets, on each wire
PORTS = {"listener": 5000, "nobody": 5001, "peer": 7000}
COUNTED = ("DropBadLength", "DropBadHeader", "DropBadChecksum")


class Segments(Game):
    """With a connection and a listener of each family, and a peer whom no kernel helps"""

    def __init__(self, net, made, seed):
        here = {INET: net.client.v4, INET6: net.client.v6}
        super().__init__(net.client, malformed_segments.Generator(seed, here, HOST, PORTS,
                                                                  net.protocol), seed)
        self.wire = made.enter_context(Wire(net.server, net.client))
        self.capture = made.enter_context(Capture(net.server))
        # It sees what is sent, too.
        self.capture.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 * ROOM)
        self.net, self.made = net, made
        self.socks, self.listeners = {}, []
        self.wanted = {INET: b"", INET6: b""}
        self.heard = {INET: b"", INET6: b""}
        self.answers = collections.Counter()
        for family in (INET, INET6):
            self.open(family)

    def open(self, family):
        """A connection that the host asks for, and a listener"""
        listener = self.made.ours(self.net.client, family, STREAM, PORTS["listener"])
        listener.listen()
        listener.setblocking(False)
        self.listeners.append(listener)
        sock = self.made.ours(self.net.client, family, STREAM, bind=False)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect((HOST[family], PORTS["peer"]))
        syn = self.until(lambda: [one for one in self.segments() if one.flags == SYN],
                         lambda: "a SYN")[0]
        self.cases.family, self.cases.target = family, "connection"
        at = self.cases.at[family] = At(syn.sport, self.cases.dice.getrandbits(32), syn.end)
        answer = self.cases.segment(b"", padded(option(WSCALE, "B", 0)), SYN | ACK)
        self.put(family, self.cases.ip(answer))
        at.snd = (at.snd + 1) % ROUND
        ready(sock, select.POLLOUT)
        self.made.callback(reset, sock)
        self.socks[family] = sock

    def put(self, family, packet):
        """A packet that is no case's"""
        self.wire.sock.send(self.wire.head[family] + packet)

    def send(self, case):
        """What is wanted of it comes in order."""
        self.wanted[case.family] += b"".join(case.wanted)
        self.answers.update(case.answers)
        self.wire.send(case)

    def segments(self) -> list:
        """All that the host has sent meanwhile"""
        return [Segment.parse(packet) for packet in self.capture.packets(self.net.protocol)]

    def hear(self, segment):
        """It must be sound, and be wanted."""
        family = INET if len(segment.packet.source) == 4 else INET6
        at = self.cases.at[family]
        if not (segment.good and segment.packet.good):
            self.fail(f"the host has sent {segment}")
        if (segment.sport, segment.dport) != (at.port, PORTS["peer"]):
            number = segment.ack if segment.flags & ACK else segment.seq
            key = segment.dport, segment.sport, segment.flags, number
            if self.answers[key] < 1:
                self.fail(f"the host has answered {segment}")
            self.answers -= {key: 1}
        elif segment.flags & ~PSH != ACK:
            self.fail(f"the connection has sent {segment}")
        elif segment.seq == at.rcv:
            self.heard[family] += segment.data
            at.rcv = segment.end

    def arrived(self):
        for segment in self.segments():
            self.hear(segment)
        for family, sock in self.socks.items():
            with contextlib.suppress(BlockingIOError):
                while self.take(family, sock.recv(1 << 20)):
                    pass
        return not any(self.wanted.values()) and not self.answers

    def take(self, family, data) -> bool:
        """Is it what comes next?"""
        if not data or not self.wanted[family].startswith(data):
            number, = NUMBER.unpack_from(data.ljust(8, b"\0"))
            self.fail(f"received {data.hex()}, not {self.wanted[family][:len(data)].hex()}, of "
                      f"{self.batch.get(number)}")
        self.wanted[family] = self.wanted[family][len(data):]
        return True

    def missing(self):
        """What has not arrived"""
        return [len(left) for left in self.wanted.values()], self.answers, list(
            self.batch.values())

    def look(self):
        """The connections send, too; and nobody has come."""
        data = self.cases.dice.randbytes(1000)
        for family, sock in self.socks.items():
            self.heard[family] = b""
            sock.sendall(data)
            self.until(lambda family=family: self.arrived() and self.heard[family] == data,
                       lambda: "what the connection sends")
            self.cases.family, self.cases.target = family, "connection"
            self.put(family, self.cases.ip(self.cases.segment(flags=ACK)))
            if error_of(sock):
                self.fail("a connection has an error")
        if select.select(self.listeners, [], [], 0)[0]:
            self.fail("somebody has come to a listener")

    def grown(self):
        """Those that tell of malformed segments"""
        return collections.Counter({name: count for name, count in super().grown().items()
                                    if name in COUNTED})


@pytest.fixture(params=WIRES, name="net")
def _net(request):
    """The host and where the peer is, on each wire"""
    with Peer.network(request.param) as made:
        yield made


def test_malformed_segments(net, made):
    """In `make test`"""
    game(lambda seed: Segments(net, made, seed), 1, ROUNDS)


@pytest.mark.soak
def test_malformed_segments_for_long(net, made):
    """In `make soak`"""
    game(lambda seed: Segments(net, made, seed), 2, SOAK_ROUNDS)
