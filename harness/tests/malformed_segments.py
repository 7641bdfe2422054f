# SPDX-License-Identifier: GPL-2.0-only
"""Segments that a seed names: the kinds of malformed.py that are of any transport, and those of
TCP's header.

All are of the number that comes next, so that each would be received if it were sound. They go
to a connection, to a listener, or to a port that nobody has.
"""

from dataclasses import dataclass

import malformed
from malformed import INET, INET6, bad, good
from segments import (ACK, FIN, ISOLATED, MSS, PSH, ROUND, RST, SACK, SACK_OK, STAMPS, SYN, TCP,
                      URG, WSCALE, build)

TARGETS = ("connection", "connection", "listener", "nobody")
CALLERS = 10_000                    # their ports: from here on


@dataclass
class At:
    """Where a connection is"""

    port: int                       # the socket's
    snd: int
    rcv: int


class Generator(malformed.Generator):
    """ports: of the listener, of nobody, and of the connections' peer. at: the connections."""

    head = 20
    socks = ("connection",)

    def __init__(self, seed, here, there, ports, protocol):
        super().__init__(seed, here, there, ports)
        self.protocol = protocol
        self.at = {}
        self.target = None

    @staticmethod
    def kinds():
        """By family, and by whether they are sound"""
        return KINDS

    def make(self, kind, sound):
        """What is sound goes to the connection, unless it says otherwise."""
        self.target = "connection" if sound else self.dice.choice(TARGETS)
        made = kind(self)
        at = self.at[self.family]
        at.snd = (at.snd + sum(map(len, made.get("wanted", ())))) % ROUND
        if not self.counts():
            made["counters"] = ()
        return made | {"to": self.target}

    def counts(self) -> bool:
        """A port that nobody has is the host's, where it shares the protocol."""
        return self.target != "nobody" or self.protocol == ISOLATED

    @property
    def caller(self) -> int:
        """A port of this case's own"""
        return CALLERS + self.number % 50_000

    def ends(self) -> tuple:
        """The ports, the numbers and the flags of what the target would take"""
        at = self.at[self.family]
        if self.target == "connection":
            return (self.ports["peer"], at.port), (at.snd, at.rcv), ACK | PSH
        numbers = self.dice.getrandbits(32), self.dice.getrandbits(32)
        flags = SYN if self.target == "listener" else self.dice.choice((SYN, ACK | PSH))
        return (self.caller, self.ports[self.target]), numbers, flags

    def build(self, *what, **how) -> bytes:
        """A segment, right but for what is said"""
        return build(self.packed[self.family], self.protocol, *what, **how)

    def segment(self, data=b"", options=b"", flags=None, ahead=0, **change) -> bytes:
        """One for the target; ahead: of the number that comes next"""
        ports, (seq, ack), right = self.ends()
        return self.build(ports, (seq + ahead, ack), right if flags is None else flags, data,
                          options, **change)

    def whole(self, data):
        """What the target takes"""
        return self.segment(data)


# --- kinds: sound

BAD_OPTIONS = [bytes([MSS, 0, 1, 1]), bytes([MSS, 1, 1, 1]), bytes([MSS, 40, 5, 180]),
               bytes([1, 1, 1, STAMPS]), bytes([STAMPS, 10, 0, 0]), bytes([SACK, 2, 1, 1]),
               bytes([SACK, 9, *range(7), 1, 1, 1]), bytes([SACK, 34, 0, 0]),
               bytes([WSCALE, 4, 1, 1]), bytes([SACK_OK, 3, 1, 1]), bytes([0, 255, 255, 255]),
               bytes([254, 255, 1, 1]), bytes([254, 0, 1, 1])]


def any_options(g):
    """RFC 9293, MUST-7: a list that can't be, an option in its wrong place, noise"""
    data = g.data()
    noise = g.dice.randbytes(4 * g.dice.randint(1, 10))
    return good(data, g.ip(g.segment(data, g.dice.choice([*BAD_OPTIONS, noise]))))


def reserved_bits(g):
    """They mean nothing here."""
    data = g.data()
    return good(data, g.ip(g.segment(data, reserved=g.dice.randint(1, 63))))


def called(g):
    """A SYN is answered, whatever its options are; then nothing is left of it."""
    g.target = "listener"
    noise = g.dice.randbytes(4 * g.dice.randint(1, 10))
    ports, (isn, _), flags = g.ends()
    packets = [g.ip(g.build(ports, numbers, flags, b"", options))
               for numbers, flags, options in (
                   ((isn, 0), flags, g.dice.choice([b"", *BAD_OPTIONS, noise])),
                   ((isn + 1, 0), RST, b""))]
    return bad(*packets, answers=((*ports, SYN | ACK, (isn + 1) % ROUND),))


def refused(g):
    """RFC 9293, section 3.10.7.1: all but resets; a listener: what acknowledges something"""
    g.target = g.dice.choice(("listener", "nobody"))
    flags, data = g.dice.randrange(64) & ~RST, g.data()
    ports, (seq, ack), _ = g.ends()
    if g.target == "listener":
        flags |= ACK
    end = (seq + len(data) + bool(flags & SYN) + bool(flags & FIN)) % ROUND
    answer = (RST, ack) if flags & ACK else (RST | ACK, end)
    return bad(g.ip(g.build(ports, (seq, ack), flags, data)), answers=((*ports, *answer),))


# --- kinds: neither

def cut_header(g):
    """The header isn't all there; with its ports, it is known whose it is."""
    size = g.dice.randint(0, 19)
    known = size >= 4 or g.protocol == ISOLATED
    return bad(g.ip(g.segment(g.data())[:size]), counters=("DropBadLength",) * known)


def cut_by_length(g):
    """It is there, but not by IP's length."""
    size = g.dice.randint(0, 19)
    known = size >= 4 or g.protocol == ISOLATED
    length = size + (20 if g.family == INET else 0)
    return bad(g.ip(g.segment(g.data()), length=length), counters=("DropBadLength",) * known)


def less_data(g):
    """IP's length is that of a shorter segment: the last byte, which isn't 0, is beyond it."""
    whole = g.segment(g.data() + bytes([g.dice.randint(2, 255)]))
    length = len(whole) - 1 + (20 if g.family == INET else 0)
    return bad(g.ip(whole, length=length), counters=("DropBadChecksum",))


def more_data(g):
    """Of a longer one: zeros, which the sum doesn't see, but for their number"""
    whole = g.segment(g.data()) + bytes(g.dice.randint(1, 40))
    return bad(g.ip(whole), counters=("DropBadChecksum",))


def offset_below(g):
    return bad(g.ip(g.segment(g.data(), offset=g.dice.randint(0, 4))),
               counters=("DropBadHeader",))


def offset_beyond(g):
    """The header is longer than the packet."""
    offset = g.dice.randint(6, 15)
    data = g.dice.randbytes(g.dice.randrange(4 * offset - 20))
    return bad(g.ip(g.segment(data, offset=offset)), counters=("DropBadLength",))


def wrong_sum(g):
    """RFC 9293, MUST-3; there is none that means that it was left out"""
    whole = g.segment(g.data())
    right = int.from_bytes(whole[16:18], "big")
    wrong = g.wrong(right) if g.dice.randrange(4) else 0
    whole = whole[:16] + wrong.to_bytes(2, "big") + whole[18:]
    return bad(g.ip(whole), counters=("DropBadChecksum",))


def sum_of_the_other_wire(g):
    """The pseudo-header has the protocol."""
    protocol = TCP + ISOLATED - g.protocol
    ports, numbers, flags = g.ends()
    whole = build(g.packed[g.family], protocol, ports, numbers, flags, g.data())
    return bad(g.ip(whole), counters=("DropBadChecksum",))


# What a connection doesn't take: neither an acknowledgment nor a reset of the number that comes
# next. The others are silent to: what doesn't acknowledge, and is no mere SYN; resets.
ODD = {"connection": [0, PSH, URG | PSH, FIN, FIN | PSH | URG, SYN, SYN | FIN, SYN | ACK,
                      SYN | ACK | FIN | PSH | URG],
       "listener": [0, PSH, FIN, URG, FIN | PSH | URG, SYN | FIN, SYN | RST, RST, RST | ACK, 63],
       "nobody": [RST, RST | ACK, RST | SYN, RST | FIN, RST | SYN | ACK, 63]}


def odd_flags(g):
    return bad(g.ip(g.segment(g.data(), flags=g.dice.choice(ODD[g.target]))))


def reset_elsewhere(g):
    """RFC 5961, section 3.2: in the window, but not where it begins"""
    g.target = "connection"
    flags = RST | g.dice.choice((0, ACK, SYN, FIN | ACK))
    return bad(g.ip(g.segment(flags=flags, ahead=g.dice.choice((-1, 1, 1000, 1 << 31)))))


def old(g):
    """It was received before, or is of another life."""
    g.target = "connection"
    data = g.data()
    ahead = g.dice.choice((-len(data), -len(data) - 1000, -(1 << 30)))
    return bad(g.ip(g.segment(data, ahead=ahead)))


def beyond(g):
    """Behind every window that there can be"""
    g.target = "connection"
    return bad(g.ip(g.segment(g.data(), ahead=g.dice.choice((1 << 30, (1 << 31) - 5000)))))


def acknowledges_too_much(g):
    """RFC 5961, section 5.2: what was never sent"""
    g.target = "connection"
    ports, (seq, ack), flags = g.ends()
    ack += g.dice.choice((1, 1000, (1 << 31) - 1))
    return bad(g.ip(g.build(ports, (seq, ack), flags, g.data())))


SOUND = [malformed.plain, malformed.plain, malformed.behind_the_packet, malformed.pieces,
         any_options, reserved_bits, called, refused]
BAD = [malformed.flipped, malformed.bad_whole, malformed.cut_off, malformed.other_version,
       malformed.overlapping, malformed.spoilt, malformed.nothing_of_it, malformed.too_far,
       malformed.too_long, malformed.odd, cut_header, cut_by_length, less_data, more_data,
       offset_below, offset_beyond, wrong_sum, sum_of_the_other_wire, odd_flags, reset_elsewhere,
       old, beyond, acknowledges_too_much]
KINDS = {
    (INET, True): [*SOUND, malformed.options],
    (INET6, True): [*SOUND, malformed.extended, malformed.headers_in_pieces,
                    malformed.one_fragment],
    (INET, False): [*BAD, malformed.header_checksum, malformed.header_short,
                    malformed.header_beyond, malformed.header_beyond_length,
                    malformed.bad_options],
    (INET6, False): [*BAD, malformed.to_be_discarded, malformed.discarded_on_the_way,
                     malformed.option_beyond, malformed.padding_with_data,
                     malformed.still_on_the_way, malformed.routed_by_segments,
                     malformed.hop_by_hop_later, malformed.unproved, malformed.no_next_header,
                     malformed.endless, malformed.header_in_the_second],
}
