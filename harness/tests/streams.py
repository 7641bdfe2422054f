# SPDX-License-Identifier: GPL-2.0-only
"""TCP connections whose ends are kinet's sockets or the host's own.

Every test has all four pairs of kinds: what holds between two of the host's
sockets is what kinet's are held to.
"""

import errno
import select
import socket
import struct
from dataclasses import dataclass

import kinet
from blocked import BOUND, until
from kinet import INET, STREAM, failure
from threads import meanwhile

KINDS = [("stock", "stock"), ("ours", "stock"), ("stock", "ours"), ("ours", "ours")]
TCP = socket.IPPROTO_TCP
ESTABLISHED, SYN_SENT = 1, 2            # tcpi_state
INFO = 248                              # the length of struct tcp_info; more is told than asked


class Streams(kinet.Sockets):
    """Makes sockets at two ends; `kinds` says whose they are.

    Their calls sleep themselves, for BOUND at most.
    """

    def __init__(self, here, there, kinds):
        super().__init__()
        self.here, self.there, self.kinds = here, there, kinds

    @staticmethod
    def _ready(sock, end, family, port, bind):
        return blocking(kinet.Sockets._ready(sock, end, family, port, bind))

    def client(self, family=INET, bind=False, **how):
        """One that has not connected yet."""
        return getattr(self, self.kinds[0])(self.here, family, STREAM, bind=bind, **how)

    def server(self, family=INET, bind=True, **how):
        """One that does not listen yet."""
        return getattr(self, self.kinds[1])(self.there, family, STREAM, bind=bind, **how)

    def listener(self, family=INET, backlog=16, **how):
        """One that does."""
        sock = self.server(family, **how)
        sock.listen(backlog)
        return sock

    def accepted(self, listener):
        """The next connection of a listener."""
        return blocking(self.enter_context(listener.accept()[0]))

    def connection(self, family=INET, client=None, listener=None):
        """The client's end and the server's; prepared ones, if they are given."""
        client = client or self.client(family)
        listener = listener or self.listener(family)
        client.connect(listener.getsockname())
        return client, self.accepted(listener)


def blocking(sock):
    """Have its calls sleep themselves, for BOUND at most."""
    sock.settimeout(None)
    for name in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, name, struct.pack("ll", BOUND, 0))
    return sock


def set_option(sock, name, value=1, level=socket.SOL_SOCKET):
    """setsockopt(2), of SOL_SOCKET mostly"""
    sock.setsockopt(level, name, value)


def tcp(sock, name, value=None):
    """Set or get an option of TCP's that is a number."""
    if value is None:
        return sock.getsockopt(TCP, name)
    return sock.setsockopt(TCP, name, value)


def error_of(sock) -> int:
    """SO_ERROR"""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def events(sock, wanted=0xffff) -> int:
    """What poll(2) says now."""
    poll = select.poll()
    poll.register(sock, wanted)
    return dict(poll.poll(0)).get(sock.fileno(), 0)


def ready(sock, wanted):
    """Wait for one of the events; when it doesn't come, say what the connection does."""
    try:
        return until(lambda: events(sock, wanted), f"events {wanted:#x}")
    except TimeoutError as error:
        if sock.type == socket.SOCK_STREAM:
            raise TimeoutError(f"{error}, of {sock} with {Info.of(sock)}") from None
        raise


@dataclass
class Info:
    """Some of struct tcp_info"""

    state: int
    retransmits: int
    probes: int
    backoff: int
    options: int
    snd_wscale: int
    rcv_wscale: int
    rto: int            # μs
    snd_mss: int
    rcv_mss: int
    unacked: int        # segments
    last_data_sent: int  # ms ago
    last_data_recv: int
    last_ack_recv: int
    pmtu: int
    rtt: int            # μs
    rttvar: int
    ssthresh: int       # segments
    advmss: int
    total_retrans: int
    segs_out: int
    snd_wnd: int        # bytes
    dsack_dups: int

    @classmethod
    def of(cls, sock):
        """What a socket's TCP_INFO tells"""
        raw = sock.getsockopt(TCP, socket.TCP_INFO, INFO)
        first, _, retransmits, probes, backoff, options, scales = struct.unpack_from("7B", raw)
        words = struct.unpack_from("24I", raw, 8)
        segs_out, = struct.unpack_from("I", raw, 136)
        snd_wnd, = struct.unpack_from("I", raw, 228)
        dsack_dups, = struct.unpack_from("I", raw, 216)
        return cls(first, retransmits, probes, backoff, options, scales & 15, scales >> 4,
                   *(words[at] for at in (0, 2, 3, 4, 9, 11, 12, 13, 15, 16, 17, 19, 23)),
                   segs_out, snd_wnd, dsack_dups)


@dataclass
class Tally:
    """What struct tcp_info tells of the past"""

    bytes_acked: int
    bytes_received: int
    segs_out: int
    segs_in: int
    data_segs_in: int
    data_segs_out: int
    bytes_sent: int
    bytes_retrans: int

    @classmethod
    def of(cls, sock):
        """What a socket's TCP_INFO tells"""
        raw = sock.getsockopt(TCP, socket.TCP_INFO, INFO)
        return cls(*struct.unpack_from("2Q2I", raw, 120), *struct.unpack_from("2I", raw, 152),
                   *struct.unpack_from("2Q", raw, 200))


@dataclass
class Rates:
    """What struct tcp_info tells of pacing, bytes in a second"""

    now: int
    most: int

    @classmethod
    def of(cls, sock):
        """What a socket's TCP_INFO tells"""
        return cls(*struct.unpack_from("2Q", sock.getsockopt(TCP, socket.TCP_INFO, INFO), 104))


NO_RATE = (1 << 64) - 1


def limit_rate(sock, rate: int):
    """Bytes in a second that a socket sends at most; NO_RATE: as many as it can"""
    sock.setsockopt(socket.SOL_SOCKET, 47, struct.pack("=Q", rate))     # SO_MAX_PACING_RATE


def state(sock) -> int:
    """tcpi_state"""
    return Info.of(sock).state


def pattern(size: int, first=0) -> bytes:
    """Bytes of which none is where another of its neighbours is"""
    words = struct.pack(f"!{size // 4 + 1}I", *range(first, first + size // 4 + 1))
    return words[:size]


def receive(sock, size: int) -> bytes:
    """So many bytes, or fewer at the end of the stream"""
    pieces = []
    while size:
        piece = sock.recv(min(size, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def pass_on(one, other, size=1000, first=0):
    """Send on one what the other is to receive."""
    data = pattern(size, first)
    with meanwhile(one.sendall, data):
        assert receive(other, size) == data


def exchange(one, other, size=1000):
    """There and back again"""
    pass_on(one, other, size)
    pass_on(other, one, size, 1 << 20)


def ended(sock) -> bool:
    """The peer sends no more, and all that it had sent was received."""
    return sock.recv(1) == b""


def refused(sock, to) -> bool:
    """Nobody listens there."""
    return failure(sock.connect, to) == errno.ECONNREFUSED
