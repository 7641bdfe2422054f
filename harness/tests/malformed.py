# SPDX-License-Identifier: GPL-2.0-only
"""Packets that a seed names: sound ones, and what must reach no socket.

A Generator makes cases of the kinds below, each a function that says which
packets it sends and what is to become of them. Its data begins with the case's
number, so that what arrives tells where it came from.
"""

import random
import socket
import struct
from dataclasses import dataclass

from checksum import checksum, sum_with_ends

INET, INET6 = socket.AF_INET, socket.AF_INET6
UDP, ANY = 17, 200          # ANY: a protocol of raw sockets alone
NOBODYS = 201               # and one that they don't have either
ICMP, ICMP6, AUTH, NONE = 1, 58, 51, 59
HOP, ROUTING, FRAGMENT, DEST = 0, 43, 44, 60
MTU = 1500
NUMBER = struct.Struct("!Q")


@dataclass
class Case:
    """Packets, and what is to become of them"""

    number: int
    family: int
    kind: str
    packets: tuple
    wanted: tuple = ()                              # the data that is received
    to: str = "dgram"                               # by which socket
    counters: tuple = ()                            # those of kinet's that grow by it
    answers: tuple = ()                             # what is heard of it: our port, its, and flags
    error: bool = False                             # the connected socket has an error

    def __repr__(self):
        version = {INET: "IPv4", INET6: "IPv6"}[self.family]
        packets = " ".join(packet[:200].hex() for packet in self.packets)
        return f"case {self.number} ({self.kind}, {version}, to {self.to}): {packets}"


class Generator:
    """The cases of a seed.

    here and there: addresses by family, of the sockets' host and of the sender's.
    ports: of the sockets, by their names; the peer of the connected one: "peer".
    """

    protocol = UDP
    head = 8                        # bytes of its header
    socks = ("dgram", "raw")        # who receives what may be of any protocol

    def __init__(self, seed: int, here: dict, there: dict, ports: dict):
        self.dice = random.Random(seed)
        self.packed = {family: [socket.inet_pton(family, end[family]) for end in (there, here)]
                       for family in (INET, INET6)}
        self.ports = ports
        self.family = INET
        self.number = 0

    def case(self) -> Case:
        """The next one; every other is sound."""
        self.number += 1
        self.family = self.dice.choice((INET, INET6))
        sound = bool(self.number % 2)
        kind = self.dice.choice(self.kinds()[self.family, sound])
        return Case(self.number, self.family, kind.__name__, **self.make(kind, sound))

    @staticmethod
    def kinds() -> dict:
        """By family, and by whether they are sound"""
        return KINDS

    def make(self, kind, _sound) -> dict:
        """What a case of a kind has"""
        return kind(self)

    # --- pieces

    def data(self, least=0, most=1000) -> bytes:
        """The case's number and more"""
        return NUMBER.pack(self.number) + self.dice.randbytes(self.dice.randint(least, most))

    def udp(self, data: bytes, length=None, check=None, sport=None, to="dgram") -> bytes:
        """A datagram"""
        if sport is None:
            sport = self.dice.randint(1, 0xffff)
        if length is None:
            length = 8 + len(data)
        header = struct.pack("!HHH", sport, self.ports[to], length)
        if check is None:
            check = self.sum(header + bytes(2) + data, UDP) or 0xffff
        return header + struct.pack("!H", check) + data

    def whole(self, data: bytes) -> bytes:
        """What a socket receives, if nothing is wrong with its packet"""
        return self.udp(data)

    def sum(self, payload: bytes, protocol: int) -> int:
        """The checksum with the pseudo-header"""
        return sum_with_ends(self.packed[self.family], protocol, payload)

    def ip(self, payload: bytes, protocol=None, **change) -> bytes:
        """A packet from there to here"""
        ends = self.packed[self.family]
        protocol = self.protocol if protocol is None else protocol
        return (ip4 if self.family == INET else ip6)(self.dice, ends, payload, protocol, **change)

    def fragment(self, whole: bytes, start: int, end: int, ident: int, more=None,
                 protocol=None) -> bytes:
        """The packet of a piece of what is whole"""
        protocol = self.protocol if protocol is None else protocol
        more = end < len(whole) if more is None else more
        part = whole[start:end]
        if self.family == INET:
            return self.ip(part, protocol, ident=ident & 0xffff, frag=more << 13 | start // 8)
        head = struct.pack("!BxHI", protocol, start | more, ident)
        return self.ip(head + part, FRAGMENT)

    def wrong(self, right: int) -> int:
        """Another checksum; neither one that isn't there nor another 0"""
        return self.dice.choice([one for one in (self.dice.randint(1, 0xfffe) for _ in range(9))
                                 if one != right])


def ip4(dice, ends, payload, protocol, *, version=4, words=None, length=None, ident=None, frag=0,
        check=None, options=b""):
    """IPv4's header, right but for what is said"""
    words = 5 + len(options) // 4 if words is None else words
    length = 20 + len(options) + len(payload) if length is None else length
    ident = dice.randint(0, 0xffff) if ident is None else ident
    first = struct.pack("!BBHHHBB", version << 4 | words, 0, length, ident, frag, 64, protocol)
    rest = b"".join(ends) + options
    if check is None:
        check = checksum(first + rest)
    return first + struct.pack("!H", check) + rest + payload


def ip6(_dice, ends, payload, protocol, *, version=6, length=None, hops=64):
    """IPv6's"""
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", version << 28, length, protocol, hops) + b"".join(ends) + payload


def icmp(family, ends, body: bytes) -> tuple:
    """A message, whose checksum is 0 yet, and the protocol that it is of"""
    protocol = ICMP if family == INET else ICMP6
    check = checksum(body) if family == INET else sum_with_ends(ends, protocol, body)
    return body[:2] + struct.pack("!H", check) + body[4:], protocol


def redirect6(quoted: bytes, to: bytes, router: bytes, mac: bytes) -> bytes:
    """RFC 4861, section 4.5: to whom the packet goes is nearer by another router, which has that
    address of the link; a message for icmp()"""
    quoted += bytes(-len(quoted) % 8)
    return (struct.pack("!BBHI", 137, 0, 0, 0) + router + to + struct.pack("!BB", 2, 1) + mac +
            struct.pack("!BB6x", 4, 1 + len(quoted) // 8) + quoted)


# --- kinds: sound

def good(data, *packets, **more):
    """What is received is the data."""
    return {"packets": packets, "wanted": (data,), **more}


def bad(*packets, **more):
    """Nothing is."""
    return {"packets": packets, **more}


def plain(g):
    data = g.data()
    return good(data, g.ip(g.whole(data)))


def empty(g):
    return good(b"", g.ip(g.udp(b"")))


def from_the_peer(g):
    data = g.data()
    return good(data, g.ip(g.udp(data, sport=g.ports["peer"], to="connected")), to="connected")


def raw(g):
    data = g.data()
    return good(data, g.ip(data, ANY), to="raw")


def behind_the_datagram(g):
    """UDP's length is the smaller one: RFC 768 says nothing, all hosts cut."""
    data = g.data()
    return good(data, g.ip(g.udp(data) + g.dice.randbytes(g.dice.randint(1, 40))))


def behind_the_packet(g):
    """As Ethernet pads short frames"""
    data = g.data()
    return good(data, g.ip(g.whole(data)) + g.dice.randbytes(g.dice.randint(1, 40)))


def no_checksum(g):
    data = g.data()
    return good(data, g.ip(g.udp(data, check=0)))


def cuts(g, count: int, whole: bytes) -> list:
    """Where it is cut, so that each piece fits a packet; RFC 8200, section 4.5: the first has all
    of the header."""
    least = 8 if g.family == INET else (g.head + 7) // 8 * 8
    inner = g.dice.sample(range(least, min(len(whole) - 1, 1400 * count) // 8 * 8, 8), count - 1)
    every = {0, len(whole), *inner}
    for at in range(0, len(whole), 1400):
        every.add(at)
    return sorted(every)


def pieces(g):
    """Fragments in any order, some of them twice"""
    data = g.data(100, g.dice.choice((1000, 1000, 1000, 1000, 60000)))
    whole, ident = g.whole(data), g.dice.getrandbits(32)
    places = cuts(g, g.dice.randint(2, 8), whole)
    packets = [g.fragment(whole, *place, ident) for place in zip(places, places[1:])]
    g.dice.shuffle(packets)
    packets[:0] = g.dice.sample(packets, g.dice.randint(0, 1))
    return good(data, *packets)


OPTIONS = [b"\1\1\1\1", b"\7\x0b\4" + bytes(8) + b"\0", b"\7\7\x08\0\0\0\0\0", b"\x94\4\0\0",
           b"\x44\x0c\5\0" + bytes(8), b"\1\1\1\0" + b"\xff" * 4]


def options(g):
    """None, record route with room and without, router alert, time stamps, after the end"""
    data = g.data()
    return good(data, g.ip(g.whole(data), options=g.dice.choice(OPTIONS)))


def extension(next_header: int, body: bytes) -> bytes:
    """One whose length is in units of 8 bytes; the body has 6, or 8 * n more"""
    return struct.pack("!BB", next_header, len(body) // 8) + body


def behind(g, header: int, body: bytes) -> bytes:
    """What would be received, but for an extension header before it"""
    return g.ip(extension(g.protocol, body) + g.whole(g.data()), header)


SKIPPED = [b"\1\4" + bytes(4), bytes(6), b"\x1e\4abcd"]       # PadN, Pad1, unknown: skip it


def extended(g):
    """Behind extension headers that have nothing to say"""
    data = g.data()
    packet, inner = g.whole(data), g.protocol
    for _ in range(g.dice.choice((1, 2, 3, 30))):
        packet = extension(inner, g.dice.choice(SKIPPED)) + packet
        inner = DEST
    if g.dice.random() < 0.3:
        packet, inner = extension(inner, bytes(22)) + packet, ROUTING   # nothing left to visit
    if g.dice.random() < 0.3:
        packet, inner = extension(inner, g.dice.choice(SKIPPED)) + packet, HOP
    return good(data, g.ip(packet, inner))


def headers_in_pieces(g):
    """Extension headers here and there; RFC 7112 would have the host drop them."""
    data, to, count = g.data(100), g.dice.choice(g.socks), g.dice.randint(2, 30)
    inner, payload = (ANY, data) if to == "raw" else (g.protocol, g.whole(data))
    chain = extension(DEST, SKIPPED[0]) * (count - 1) + extension(inner, SKIPPED[0])
    whole, ident = chain + payload, g.dice.getrandbits(32)
    cut = 8 * g.dice.randint(1, count - 1)
    packets = [g.fragment(whole, *place, ident, protocol=DEST)
               for place in ((0, cut), (cut, len(whole)))]
    g.dice.shuffle(packets)
    return good(data, *packets, to=to)


def one_fragment(g):
    """RFC 6946: a fragment that is all of it"""
    data = g.data()
    head = struct.pack("!BxHI", g.protocol, 0, g.dice.getrandbits(32))
    return good(data, g.ip(head + g.whole(data), FRAGMENT))


def refused(g):
    """An ICMP error about what the connected socket has sent"""
    return bad(error(g, quote(g)), error=True, to="connected", counters=("ErrorIn",))


# --- kinds: neither

def short_header(g):
    """Of UDP"""
    return bad(g.ip(g.udp(g.data())[:g.dice.randint(0, 7)]))


def length_beyond(g):
    """UDP's, of the packet; the checksum is right for either"""
    data = g.data()
    length = 8 + len(data) + g.dice.randint(1, 2000)
    return bad(g.ip(g.udp(data, length)), counters=("DropBadLength",))


def length_below(g):
    """Shorter than the header that it is in"""
    return bad(g.ip(g.udp(g.data(), g.dice.randint(0, 7))), counters=("DropBadLength",))


def bad_checksum(g):
    data = g.data()
    right, = struct.unpack_from("!H", g.udp(data, sport=9), 6)
    return bad(g.ip(g.udp(data, sport=9, check=g.wrong(right))), counters=("DropBadChecksum",))


def flipped(g):
    """One bit of the data"""
    data = bytearray(g.whole(g.data()))
    data[g.dice.randrange(g.head, len(data))] ^= 1 << g.dice.randrange(8)
    return bad(g.ip(bytes(data)), counters=("DropBadChecksum",))


def bad_whole(g):
    """Whose fragments come together, but not to what was sent"""
    whole, ident = bytearray(g.whole(g.data(200))), g.dice.getrandbits(32)
    whole[g.dice.randrange(g.head, len(whole))] ^= 1
    places = cuts(g, 3, whole)
    packets = [g.fragment(bytes(whole), *place, ident) for place in zip(places, places[1:])]
    return bad(*packets, counters=("DropBadChecksum",))


def stranger(g):
    """The connected socket hears its peer alone."""
    sport = g.ports["peer"] ^ g.dice.randint(1, 255)
    return bad(g.ip(g.udp(g.data(), sport=sport, to="connected")), to="connected",
               counters=("DropNoSocket", "DgramRefused"))


def cut_off(g):
    """The packet is longer than what has come."""
    packet = g.ip(g.whole(g.data(40)))
    return bad(packet[:g.dice.randint(1, len(packet) - 1)])


def cut_off_raw(g):
    packet = g.ip(g.data(40), ANY)
    return bad(packet[:g.dice.randint(1, len(packet) - 1)], to="raw")


def short_packet(g):
    """No room for the header of UDP, in a longer frame"""
    inner = g.whole(g.data())
    head = 20 if g.family == INET else 0
    return bad(g.ip(inner, length=head + g.dice.randint(0, 7)))


def other_version(g):
    number = g.dice.choice([n for n in range(16) if n != (4 if g.family == INET else 6)])
    return bad(g.ip(g.whole(g.data()), version=number))


def overlapping(g):
    """A piece that covers the hole, and some of what is beside it

    Comes last, as then nothing is left of the datagram.
    """
    whole, ident = g.whole(g.data(100, 900)), g.dice.getrandbits(32)
    one, two = sorted(g.dice.sample(range(16, len(whole) // 8 * 8 - 8, 8), 2))
    packets = [g.fragment(whole, 0, one, ident), g.fragment(whole, two, len(whole), ident)]
    g.dice.shuffle(packets)
    before, behind = g.dice.choice([(8, 0), (8, 8), (0, 8)])
    return bad(*packets, g.fragment(whole, one - before, two + behind, ident, True))


def spoilt(g):
    """A second piece in the same place, longer and with other data"""
    whole, ident = g.whole(g.data(200, 900)), g.dice.getrandbits(32)
    other = bytes(byte ^ 255 for byte in whole)
    return bad(g.fragment(whole, 0, 104, ident), g.fragment(other, 96, 160, ident))


def nothing_of_it(g):
    """A fragment without data"""
    whole = g.whole(g.data(100))
    return bad(g.fragment(whole, 64, 64, g.dice.getrandbits(32), g.dice.choice((True, False))))


def too_far(g):
    """A fragment that ends where no packet can"""
    far, ident = bytes(65512) + g.dice.randbytes(400), g.dice.getrandbits(32)
    packets = [g.fragment(far, 65512, 65512 + g.dice.randint(100, 400), ident, False)]
    if g.family == INET:    # the host keeps it until this one
        packets.append(g.fragment(far, 65504, 65520, ident, True))
    return bad(*packets)


def too_long(g):
    """Fragments that cover more than a packet can have"""
    whole, ident = g.whole(g.data()) + bytes(65536), g.dice.getrandbits(32)
    places = [*range(0, 65200, 1400), 65536 + 64]
    packets = [g.fragment(whole, *place, ident, place[1] < places[-1])
               for place in zip(places, places[1:])]
    if g.family == INET6:   # the host keeps all but the last until this one
        packets.append(g.fragment(whole, 64392, 64408, ident, True))
    return bad(*packets)


def odd(g):
    """More is to follow, at a place that can't be named"""
    data = g.data(100, 300)
    whole = g.whole(data + bytes((3 - len(data)) % 8))
    ident = g.dice.getrandbits(32)
    packets = [g.fragment(whole, 0, len(whole), ident, True)]
    if g.family == INET:    # as above
        at = len(whole) // 8 * 8
        packets.append(g.fragment(whole + bytes(16), at - 8, at + 8, ident, True))
    return bad(*packets)


# --- of IPv4

def header_checksum(g):
    inner = g.whole(g.data())
    right, = struct.unpack_from("!H", g.ip(inner, ident=5), 10)
    return bad(g.ip(inner, ident=5, check=g.wrong(right)))


def header_checksum_raw(g):
    data = g.data()
    right, = struct.unpack_from("!H", g.ip(data, ANY, ident=5), 10)
    return bad(g.ip(data, ANY, ident=5, check=g.wrong(right)), to="raw")


def header_short(g):
    return bad(g.ip(g.whole(g.data()), words=g.dice.randint(0, 4)))


def header_beyond(g):
    """The header is longer than the packet."""
    return bad(g.ip(b"", words=g.dice.randint(6, 15)))


def header_beyond_length(g):
    return bad(g.ip(g.whole(g.data(40)), length=g.dice.randint(0, 19)))


BAD_OPTIONS = [b"\7\0\0\0", b"\7\1\0\0", b"\7\x28\4\0", b"\7\7\1" + bytes(5), b"\x44\3\5\0",
               b"\1\1\1\7", b"\x94\3\0\0", b"\x44\x0c\2\0" + bytes(8)]


def bad_options(g):
    """Of no length, longer than the header, pointing before themselves"""
    return bad(g.ip(g.whole(g.data()), options=g.dice.choice(BAD_OPTIONS)))


# --- of IPv6

def needs_checksum(g):
    return bad(g.ip(g.udp(g.data(), check=0)), counters=("DropNoChecksum",))


def to_be_discarded(g):
    """A destination option that says so to who doesn't know it"""
    number = g.dice.choice((1, 2, 3)) << 6 | 0x1e
    return bad(behind(g, DEST, bytes([number, 4, 1, 2, 3, 4])))


def to_be_discarded_raw(g):
    return bad(g.ip(extension(ANY, bytes([0x9e, 4, 1, 2, 3, 4])) + g.data(), DEST), to="raw")


def discarded_on_the_way(g):
    """The same in the header for every hop"""
    number = g.dice.choice((1, 2, 3)) << 6 | 0x1e
    return bad(behind(g, HOP, bytes([number, 4, 1, 2, 3, 4])))


def option_beyond(g):
    """An option that is longer than its header"""
    length = g.dice.choice((5, 6, 100, 255))
    return bad(behind(g, DEST, bytes([0x1e, length]) + bytes(4)))


def padding_with_data(g):
    """RFC 4942, section 2.1.9.5: who pads, pads with zeros, and with seven at most"""
    body = g.dice.choice((b"\1\4abcd", b"\1\x0c" + bytes(12)))
    return bad(behind(g, DEST, body))


def still_on_the_way(g):
    """A routing header that has more to visit"""
    kind = g.dice.choice((0, 1, 77))
    body = struct.pack("!BBI", kind, g.dice.randint(1, 255), 0) + g.packed[INET6][0]
    return bad(behind(g, ROUTING, body))


def routed_by_segments(g):
    """RFC 8754, which a host does not do unless it was told to"""
    body = struct.pack("!BBBBH", 4, 0, 0, 0, 0) + g.packed[INET6][1]
    return bad(behind(g, ROUTING, body))


def hop_by_hop_later(g):
    """It comes first, or not at all."""
    inner = extension(g.protocol, SKIPPED[0]) + g.whole(g.data())
    return bad(g.ip(extension(HOP, SKIPPED[0]) + inner, DEST))


def unproved(g):
    """An authentication header whose key nobody has"""
    head = struct.pack("!BBHII12s", g.protocol, 4, 0, 1, 1, g.dice.randbytes(12))
    return bad(g.ip(head + g.whole(g.data()), AUTH))


def no_next_header(g):
    return bad(g.ip(extension(NONE, SKIPPED[0]) + g.whole(g.data()), DEST))


def endless(g):
    """Extension headers up to the end of the packet, the last beyond it"""
    chain = extension(DEST, SKIPPED[0]) * g.dice.randint(1, 100)
    to = g.dice.choice(g.socks)
    inner = ANY if to == "raw" else g.protocol
    kind = g.dice.choice((DEST, ROUTING))
    chain = chain[:-8] + bytes([kind]) + chain[-7:]
    return bad(g.ip(chain + struct.pack("!BB", inner, g.dice.randint(1, 255)) + bytes(6), DEST),
               to=to)


def header_in_the_second(g):
    """RFC 7112: all headers are in the first fragment."""
    whole = extension(g.protocol, SKIPPED[0]) + g.whole(g.data(100))
    ident = g.dice.getrandbits(32)
    first = struct.pack("!BxHI", DEST, 1, ident) + whole[:8]
    return bad(g.ip(first, FRAGMENT))


# --- ICMP errors

def quote(g, to="connected", sport=None, protocol=UDP, **change) -> bytes:
    """A packet that a socket of ours may have sent, as far as it is quoted"""
    sport = g.ports[to] if sport is None else sport
    inner = struct.pack("!HHHH", sport, g.ports["peer"], 8 + 32, 0x1234) + bytes(32)
    ends = g.packed[g.family][::-1]
    return (ip4 if g.family == INET else ip6)(g.dice, ends, inner, protocol, **change)


def error(g, quoted: bytes, kind=None, check=None) -> bytes:
    """Port unreachable, or what is said"""
    number, code = kind or {INET: (3, 3), INET6: (1, 4)}[g.family]
    body = struct.pack("!BBHI", number, code, 0, 0) + quoted
    protocol = ICMP if g.family == INET else ICMP6
    right = checksum(body) if g.family == INET else g.sum(body, protocol)
    check = right if check is None else check(right)
    return g.ip(body[:2] + struct.pack("!H", check) + body[4:], protocol)


def error_of_another(g):
    """From a port or by a protocol that isn't the socket's"""
    quoted = g.dice.choice((quote(g, sport=g.ports["connected"] ^ 1), quote(g, protocol=NOBODYS),
                            quote(g, to="dgram")[::-1]))
    return bad(error(g, quoted), to="connected")


def error_unasked(g):
    """Of a packet that the raw socket may have sent, which is not connected: it counts, but who
    has not asked for errors hears of none.
    """
    return bad(error(g, quote(g, protocol=ANY)), to="raw", counters=("ErrorIn",))


def error_cut_off(g):
    """RFC 792 and RFC 4443 have 8 bytes of the transport in it, at least."""
    head = 20 if g.family == INET else 40
    return bad(error(g, quote(g)[:g.dice.randint(0, head + 7)]), to="connected")


def error_garbage(g):
    return bad(error(g, g.dice.randbytes(g.dice.randint(0, 200))), to="connected")


def error_checksum(g):
    return bad(error(g, quote(g), check=g.wrong), to="connected", counters=("DropBadError",))


def error_unknown(g):
    """Of a type or code that nobody has"""
    kind = g.dice.choice({INET: [(3, 16), (3, 255), (41, 0), (2, 0)],
                          INET6: [(1, 9), (1, 255), (99, 0)]}[g.family])
    return bad(error(g, quote(g), kind), to="connected")


def error_of_a_piece(g):
    """A fragment that isn't the first has no ports."""
    return bad(error(g, quote(g, frag=0x2001)), to="connected")


def error_other_header(g):
    """What is quoted has no header that could be"""
    change = g.dice.choice(({"version": 5}, {"words": g.dice.randint(0, 4)}))
    return bad(error(g, quote(g, **change)), to="connected")


def error_other_version(g):
    return bad(error(g, quote(g, version=4)), to="connected")


GOOD = [plain, plain, empty, from_the_peer, raw, behind_the_datagram, behind_the_packet, pieces,
        refused]
BAD = [short_header, length_beyond, length_below, bad_checksum, flipped, bad_whole, stranger,
       cut_off, cut_off_raw, short_packet, other_version, overlapping, spoilt, nothing_of_it,
       too_far, too_long, odd, error_of_another, error_unasked, error_cut_off, error_garbage,
       error_checksum, error_unknown]
KINDS = {
    (INET, True): [*GOOD, no_checksum, options],
    (INET6, True): [*GOOD, extended, headers_in_pieces, one_fragment],
    (INET, False): [*BAD, header_checksum, header_checksum_raw, header_short, header_beyond,
                    header_beyond_length, bad_options, error_of_a_piece, error_other_header],
    (INET6, False): [*BAD, needs_checksum, to_be_discarded, to_be_discarded_raw,
                     discarded_on_the_way, option_beyond, padding_with_data, still_on_the_way,
                     routed_by_segments, hop_by_hop_later, unproved, no_next_header, endless,
                     header_in_the_second, error_other_version],
}
