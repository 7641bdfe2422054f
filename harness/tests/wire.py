# SPDX-License-Identifier: GPL-2.0-only
"""What is between two ends: filters and NAT by nftables, connections that the kernel
tracks, and packets as they arrive."""

import contextlib
import ctypes
import fcntl
import select
import socket
import struct
from dataclasses import dataclass

from blocked import until
from checksum import checksum

INET, INET6 = socket.AF_INET, socket.AF_INET6
ETH_P_ALL, PACKET_OUTGOING = 3, 4
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGRO = 0x17, 0x1f, 0x2c
UDP, FRAGMENT = 17, 44


@contextlib.contextmanager
def rules(namespace, text: str):
    """nftables' rules for a while; there were none before."""
    namespace.run(["nft", "-f", "-"], input=text)
    try:
        yield
    finally:
        namespace.run(["nft", "flush", "ruleset"])


def chain(hook: str, *lines: str, kind="filter", family="inet", after=0) -> str:
    """A table with one chain, at a hook; after: its priority, of a filter."""
    where = {"prerouting": -100, "input": 100, "postrouting": 100}.get(hook, 0) if (
        kind == "nat") else after
    text = [f"table {family} lab_{hook}_{kind} {{", "chain one {",
            f"type {kind} hook {hook} priority {where};", *lines, "}", "}"]
    return "\n".join(text) + "\n"


def tracked(namespace, family, protocol="udp") -> list:
    """The connections that are confirmed, a line for each."""
    name = {INET: "ipv4", INET6: "ipv6"}[family]
    told = namespace.run(["conntrack", "-L", "-p", protocol, "-f", name]).stdout
    return told.splitlines()


def nothing_lost(namespace) -> bool:
    """No packet was invalid to what tracks connections, or dropped by it."""
    told = namespace.run(["conntrack", "-S"]).stdout
    return not [word for word in told.split()
                if word.startswith(("insert_failed=", "drop=", "invalid=")) and
                not word.endswith("=0")]


def feature(namespace, command: int, value: int, device="eth"):
    """Switch a feature of a device on or off."""
    data = ctypes.create_string_buffer(struct.pack("II", command, value))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(data))
    with namespace, socket.socket(INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)


def sums_in_software(namespace):
    """Have checksums be right already when packets leave the device."""
    feature(namespace, ETHTOOL_STXCSUM, 0)


@dataclass
class Packet:
    """The header of IPv4 or IPv6, and what is behind it."""

    tos: int
    length: int
    ident: int          # IPv4's; IPv6: in its fragment header
    flags: int          # IPv4: DF and MF; IPv6: M
    offset: int         # bytes before, in other fragments
    ttl: int
    protocol: int
    label: int          # IPv6: flow label
    source: bytes
    dest: bytes
    good: bool          # IPv4: length and checksum of the header
    payload: bytes

    @classmethod
    def parse(cls, data: bytes):
        """An IP packet, from its header on"""
        return cls._parse4(data) if data[0] >> 4 == 4 else cls._parse6(data)

    @classmethod
    def _parse4(cls, data):
        first, tos, length, ident, frag, ttl, protocol, _, source, dest = struct.unpack_from(
            "!BBHHHBBH4s4s", data)
        good = first == 0x45 and length <= len(data) and not checksum(data[:20])
        return cls(tos, length, ident, frag >> 13, (frag & 0x1fff) * 8, ttl, protocol, 0,
                   source, dest, good, data[20:length])

    @classmethod
    def _parse6(cls, data):
        first, length, protocol, ttl, source, dest = struct.unpack_from("!IHBB16s16s", data)
        payload, ident, frag = data[40:40 + length], 0, 0
        if protocol == FRAGMENT:
            protocol, frag, ident = struct.unpack_from("!BxHI", payload)
            payload = payload[8:]
        return cls(first >> 20 & 255, length, ident, frag & 1, frag & ~7, ttl, protocol,
                   first & 0xfffff, source, dest, len(data) >= 40 + length, payload)

    @property
    def last(self) -> bool:
        """No more fragments follow."""
        return not self.flags & 1


@dataclass
class Datagram:
    """UDP's, put together"""

    packets: list
    sport: int
    dport: int
    length: int
    check: int
    data: bytes
    good: bool          # its length and checksum

    @classmethod
    def join(cls, packets):
        """All fragments of one"""
        packets = sorted(packets, key=lambda one: one.offset)
        whole = b"".join(one.payload for one in packets)
        sport, dport, length, check = struct.unpack_from("!HHHH", whole)
        head = packets[0]
        pseudo = head.source + head.dest + struct.pack("!II", len(whole), UDP)
        good = length == len(whole) and not (check and checksum(pseudo + whole))
        return cls(packets, sport, dport, length, check, whole[8:], good)


class Capture(contextlib.ExitStack):
    """What arrives at a device, from now on."""

    def __init__(self, end, device="eth"):
        super().__init__()
        with end:
            self.sock = self.enter_context(
                socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)))
        self.sock.bind((device, ETH_P_ALL))

    def packets(self, protocol=UDP):
        """Those that are there and are UDP, or fragments of it; or by another protocol."""
        while select.select([self.sock], [], [], 0)[0]:
            data, where = self.sock.recvfrom(65536)
            if where[2] != PACKET_OUTGOING and where[1] in (0x800, 0x86dd):
                packet = Packet.parse(data)
                if packet.protocol == protocol:
                    yield packet

    def datagrams(self, count: int) -> list:
        """So many, whole"""
        done, pieces = [], []

        def enough():
            for packet in self.packets():
                pieces.append(packet)
                if packet.last:
                    done.append(Datagram.join(pieces))
                    pieces.clear()
            return len(done) >= count
        until(enough, f"{count} datagrams to be seen")
        return done
