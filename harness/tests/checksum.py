# SPDX-License-Identifier: GPL-2.0-only
"""The checksum of IP, ICMP, UDP and TCP."""

import struct


def checksum(data: bytes) -> int:
    """RFC 1071; 0 over what has its checksum in it"""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def sum_with_ends(ends, protocol: int, payload: bytes) -> int:
    """With the pseudo-header of two addresses, which adds up to the same for both IP versions"""
    return checksum(b"".join(ends) + struct.pack("!II", len(payload), protocol) + payload)
