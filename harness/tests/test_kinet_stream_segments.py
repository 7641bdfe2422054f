# SPDX-License-Identifier: GPL-2.0-only
"""Segments that no good peer sends, and some that only a quick one does.

What is to become of them is said by the RFCs, and holds for the host's own TCP.
"""

import errno
import random
import select
import socket
import time

import pytest

from blocked import until
from kinet import INET, INET6, STREAM, failure
from peers import reset, window_is_closed
from segments import (ACK, EOL, FIN, MSS, NOP, PSH, ROUND, RST, SACK, SACK_OK, STAMPS, SYN, URG,
                      WSCALE, Host, Peer, Stamps, lives, option, padded)
from streams import Info, blocking, ended, error_of, pattern, ready, receive, set_option, state, tcp
from test_kinet_options import disconnect
from threads import meanwhile

NOISES = 40
# Who knows RFC 2385 or RFC 5925 drops what is signed with a key that he has not.
UNSIGNED = bytes.maketrans(bytes([19, 29]), bytes([253, 253]))
QUICKLY = 2_000_000  # bytes, more than the clock of initial numbers ticks meanwhile
RTO_LEAST = 0.2     # seconds
FIN_TIMEOUT = 60    # seconds that a closed socket waits for the peer's end
(ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK,
 LISTEN, CLOSING) = range(1, 12)


@pytest.fixture(scope="module")
def net():
    """The host and where the peer is"""
    with Peer.network() as made:
        yield made


@pytest.fixture(params=["ours", "stock"])
def kind(request):
    """Whose socket the host has"""
    return request.param


@pytest.fixture(params=[INET, INET6], ids=["inet", "inet6"])
def host(net, made, kind, request):
    """A listener, and somebody who may talk to it"""
    return Host(net, made, kind, request.param)


def is_challenge(answer, peer):
    """RFC 5961: an acknowledgement of what is expected, and nothing else"""
    assert answer.flags == ACK and not answer.data
    assert (answer.seq, answer.ack) == (peer.at.rcv, peer.at.snd)


# --- handshakes

def test_both_ways(host):
    """The peer that all of this depends on"""
    sock, peer = host.open(option(MSS, "H", 1400), stamps=True)
    lives(sock, peer)
    peer.say(b"end", ACK | FIN)
    assert receive(sock, 10) == b"end"
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    peer.send()
    until(lambda: state(sock) == CLOSE, "the connection to be closed")


def test_active_handshake(host):
    """The host connects."""
    sock, peer = host.connecting()
    peer.send(SYN | ACK, b"", option(MSS, "H", 1400))
    peer.at.snd = (peer.at.snd + 1) % ROUND
    ready(sock, select.POLLOUT)
    assert peer.hear().ack == peer.at.snd
    lives(blocking(sock), peer)


def test_simultaneous_open(host):
    """RFC 9293, figure 7: a SYN meets a SYN."""
    sock, peer = host.connecting()
    answer = peer.answer(SYN)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    assert answer.flags == SYN | ACK
    assert (answer.end, answer.ack) == (peer.at.rcv, peer.at.snd)
    peer.send()
    ready(sock, select.POLLOUT)
    assert state(sock) == ESTABLISHED
    lives(blocking(sock), peer)


GARBAGE = {
    "none": b"",
    "unknown": padded(option(253, "4s", b"what")),
    "of no length": bytes([253, 0, 1, 1]),
    "of length one": bytes([253, 1, 1, 1]),
    "beyond the header": bytes([253, 200, 1, 1]),
    "cut off": bytes([NOP, NOP, NOP, MSS]),
    "short MSS": bytes([MSS, 3, 5, NOP]),
    "long MSS": padded(option(MSS, "I", 1000)),
    "MSS of nothing": option(MSS, "H", 0),
    "greatest MSS": option(MSS, "H", 65535),
    "two of MSS": option(MSS, "H", 1000) + option(MSS, "H", 1460),
    "great scale": padded(option(WSCALE, "B", 255)),
    "long scale": option(WSCALE, "H", 7),
    "behind the end": bytes([EOL]) + b"\xff" * 39,
    "SACK in a SYN": padded(option(SACK, "II", 1, 2)),
    "long SACK permitted": option(SACK_OK, "H", 1),
    "short stamps": padded(option(STAMPS, "I", 1)),
    "as many as fit": padded(option(MSS, "H", 1400), option(WSCALE, "B", 3), option(SACK_OK),
                             option(STAMPS, "II", 5, 0), bytes([NOP]) * 19),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_options(host, name):
    """RFC 9293, MUST-6, MUST-7: what isn't known or can't be is passed over."""
    lives(*host.open(GARBAGE[name]))


def test_noise_for_options(host, kind):
    """By lot: each is answered, and the connection can be used.

    A host that knows signatures looks for theirs first, and drops what has room for one but
    options of no good length.
    """
    dice = random.Random(7)
    for _ in range(NOISES):
        host.peer = host.new_peer(host.listener)
        size = dice.choice((4, 8, 20, 40) if kind == "ours" else (4,))
        noise = dice.randbytes(size).translate(UNSIGNED)
        print(noise.hex())
        lives(*host.open(noise))


@pytest.mark.parametrize("size", [None, 700], ids=["none", "700"])
def test_segment_size(host, size):
    """RFC 9293, MUST-15, MUST-16: no segment is longer than the peer takes; when he doesn't
    say, 536, or 1220 by IPv6."""
    sock, peer = host.open(option(MSS, "H", size) if size else b"")
    most = size or {INET: 536, INET6: 1220}[host.family]
    sock.sendall(pattern(3000))
    data = b""
    while len(data) < 3000:
        segment = peer.hear()
        assert len(segment.data) <= most
        data += segment.data
    assert data == pattern(3000)


def test_segment_size_of_mapped(net, made, kind):
    """536 is IPv4's, also for a socket for IPv6."""
    listener = blocking(getattr(made, kind)(net.client, INET6, STREAM, bind=False))
    listener.bind(("::", 0))
    listener.listen()
    peer = made.enter_context(Peer(net, INET, listener.getsockname()[1]))
    peer.connect()
    sock = blocking(listener.accept()[0])
    made.callback(lambda: reset(sock))
    sock.sendall(pattern(3000))
    left = 3000
    while left:
        size = len(peer.hear().data)
        assert size <= 536
        left -= size


def test_same_options_as_offered(host):
    """RFC 7323, RFC 2018: what the peer hasn't offered is not used."""
    offers = {STAMPS: option(STAMPS, "II", 7, 0), WSCALE: option(WSCALE, "B", 2),
              SACK_OK: option(SACK_OK)}
    for chosen in ((), (STAMPS,), (WSCALE,), (SACK_OK,), tuple(offers)):
        host.peer = host.new_peer(host.listener)
        answer = host.peer.connect(padded(*(offers[one] for one in chosen)))
        assert set(answer.options) - {MSS} == set(chosen)
        host.accepted()


def test_syn_again(host):
    """In SYN-RECEIVED: the same answer"""
    first = host.peer.answer(SYN)
    again = host.peer.answer(SYN)
    assert (first.flags, first.seq, first.ack) == (again.flags, again.seq, again.ack)
    assert first.flags == SYN | ACK


def test_syn_again_is_not_timed(host):
    """Karn: which of the answers the peer has got can't be told."""
    host.peer.answer(SYN)
    sock, _ = host.open()
    assert Info.of(sock).rtt == 0


@pytest.mark.parametrize("ahead", [-1_000_000, 1_000_000])
def test_another_syn(host, ahead):
    """Of a peer who has begun anew, so the number is out of the window: he is told which is
    expected, and resets what he doesn't know."""
    peer = host.peer
    first = peer.answer(SYN)
    answer = peer.answer(SYN, seq=peer.at.snd + ahead)
    assert (answer.flags, answer.seq, answer.ack) == (ACK, first.end, first.ack)


def test_lost_answer(host):
    """The SYN with ACK is sent again without being asked."""
    first = host.peer.answer(SYN)
    again = host.peer.hear("the second SYN with ACK")
    assert (first.flags, first.seq, first.ack) == (again.flags, again.seq, again.ack)


def test_data_with_syn(host):
    """It is received once, by the peer's second sending at the latest."""
    peer = host.peer
    answer = peer.answer(SYN, b"early")
    assert answer.flags == SYN | ACK
    assert (answer.ack - peer.at.snd) % ROUND in (1, 6)
    peer.at.snd, peer.at.rcv = (peer.at.snd + 1) % ROUND, answer.end
    peer.send(ACK, b"early")
    peer.at.snd = (peer.at.snd + 5) % ROUND
    sock = host.accepted()
    assert receive(sock, 5) == b"early"
    lives(sock, peer)


def test_data_with_last_ack(host):
    """The handshake's last segment may have data and the end."""
    peer = host.peer
    answer = peer.answer(SYN)
    peer.at.snd, peer.at.rcv = answer.ack, answer.end
    peer.say(b"all there is", ACK | FIN)
    sock = host.accepted()
    assert receive(sock, 100) == b"all there is"
    sock.sendall(b"thanks")
    assert peer.hear_data(6) == b"thanks"


@pytest.mark.parametrize("flags", [SYN | FIN, SYN | RST, RST, 0, FIN, URG | PSH])
def test_nothing_for_a_listener(host, flags):
    """RFC 9293, section 3.10.7.2: no answer; nor to a SYN with FIN, which no good peer sends"""
    peer = host.peer
    peer.send(flags)
    answer = peer.answer(SYN, seq=peer.at.snd + 1000)
    assert answer.flags == SYN | ACK
    assert (answer.ack - peer.at.snd) % ROUND == 1001


@pytest.mark.parametrize("target", ["listener", "bound", "nobody"])
def test_acknowledgement_of_nothing(host, target):
    """RFC 9293, section 3.10.7.1: a reset that begins where it ends"""
    sock = host.socket()
    peer = host.peer if target == "listener" else host.new_peer(sock)
    if target == "nobody":
        sock.close()
    answer = peer.answer(ACK, b"data", ack=12345)
    assert (answer.flags, answer.seq) == (RST, 12345)
    if target == "listener":
        return
    answer = peer.answer(SYN, b"data")
    assert (answer.flags, answer.seq) == (RST | ACK, 0)
    assert answer.ack == (peer.at.snd + 5) % ROUND
    peer.send(RST, ack=99)
    assert peer.answer(ACK, ack=777).seq == 777


def test_wrong_last_ack(host):
    """In SYN-RECEIVED, an acknowledgement of something else is reset, and that is all."""
    peer = host.peer
    answer = peer.answer(SYN)
    bad = peer.answer(ACK, seq=answer.ack, ack=answer.end + 1)
    assert (bad.flags, bad.seq) == (RST, (answer.end + 1) % ROUND)
    peer.at.snd, peer.at.rcv = answer.ack, answer.end
    peer.send()
    lives(host.accepted(), peer)


def test_reset_in_syn_received(host):
    """The listener forgets it."""
    peer = host.peer
    answer = peer.answer(SYN)
    peer.send(RST, seq=answer.ack)
    last = peer.answer(ACK, seq=answer.ack, ack=answer.end)
    assert (last.flags, last.seq) == (RST, answer.end)
    assert not select.select([host.listener], [], [], 0)[0]


def test_wrong_answers_to_a_syn(host):
    """RFC 9293, section 3.10.7.3: to who acknowledges what wasn't sent, a reset; a reset that
    acknowledges nothing, or something else, is none."""
    sock, peer = host.connecting()
    for wrong in (peer.at.rcv + 1, peer.at.rcv - 1):
        bad = peer.answer(SYN | ACK, ack=wrong)
        assert (bad.flags, bad.seq) == (RST, wrong % ROUND)
    peer.send(RST)
    peer.send(RST | ACK, ack=peer.at.rcv + 1)
    peer.send(FIN | ACK)
    assert state(sock) == SYN_SENT
    peer.send(SYN | ACK)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    ready(sock, select.POLLOUT)
    lives(blocking(sock), peer)


def test_refused(host):
    """A reset that acknowledges the SYN"""
    sock, peer = host.connecting()
    peer.send(RST | ACK)
    ready(sock, select.POLLHUP)
    assert error_of(sock) == errno.ECONNREFUSED


# --- resets and SYNs within a connection: RFC 5961

def test_reset(host):
    """With exactly the number that is expected; what came before is received before."""
    sock, peer = host.open()
    peer.say(b"before")
    peer.send(RST)
    ready(sock, select.POLLHUP)
    assert receive(sock, 6) == b"before"
    assert failure(sock.recv, 1) == errno.ECONNRESET
    assert ended(sock)
    assert peer.answer(ACK, ack=4321).flags == RST


@pytest.mark.parametrize("ahead", [1, 1000])
@pytest.mark.parametrize("data", [b"", b"reason"], ids=["plain", "data"])
def test_reset_within_window(host, ahead, data):
    """Section 3.2: a challenge"""
    sock, peer = host.open()
    lives(sock, peer)
    is_challenge(peer.answer(RST, data, seq=peer.at.snd + ahead), peer)
    lives(sock, peer)


@pytest.mark.parametrize("ahead", [-1000, 1 << 30, 1 << 31])
def test_reset_out_of_window(host, ahead):
    """Nothing"""
    sock, peer = host.open()
    lives(sock, peer)
    peer.send(RST, seq=peer.at.snd + ahead)
    peer.no_answer()
    lives(sock, peer)


@pytest.mark.parametrize("ahead", [0, 1000, -1, -1000, 1 << 30])
@pytest.mark.parametrize("flags", [SYN, SYN | ACK])
def test_syn_within_connection(host, ahead, flags):
    """Section 4.2: a challenge, whatever its number is"""
    sock, peer = host.open()
    lives(sock, peer)
    is_challenge(peer.answer(flags, seq=peer.at.snd + ahead), peer)
    lives(sock, peer)


def test_challenge_finds_out(host):
    """The peer has forgotten the connection: his reset answers the challenge."""
    sock, peer = host.open()
    challenge = peer.answer(SYN, seq=peer.at.snd + 5_000_000)
    peer.send(RST, seq=challenge.ack)
    ready(sock, select.POLLHUP)
    assert failure(sock.recv, 1) == errno.ECONNRESET


# --- acknowledgements

def test_acknowledgement_of_the_unsent(host):
    """RFC 9293, section 3.10.7.4: dropped, with its data"""
    sock, peer = host.open()
    lives(sock, peer)
    peer.send(ACK, b"forged", ack=peer.at.rcv + 1000)
    lives(sock, peer)


def test_acknowledgement_from_long_ago(host):
    """RFC 5961, section 5.2: dropped, with its data, and a challenge"""
    sock, peer = host.open()
    lives(sock, peer)
    is_challenge(peer.answer(ACK, b"forged", ack=peer.at.rcv - (1 << 30)), peer)
    lives(sock, peer)


def test_old_acknowledgement(host):
    """It was overtaken: its data counts."""
    sock, peer = host.open()
    lives(sock, peer)
    peer.say(b"overtaken", ack=peer.at.rcv - 3)
    assert receive(sock, 9) == b"overtaken"
    lives(sock, peer)


@pytest.mark.parametrize("flags", [0, PSH, FIN, URG])
def test_without_acknowledgement(host, flags):
    """Dropped"""
    sock, peer = host.open()
    lives(sock, peer)
    peer.send(flags, b"forged")
    peer.no_answer()
    lives(sock, peer)


# --- data

def test_overlapping(host):
    """Out of order, some of it twice; all comes together."""
    sock, peer = host.open()
    data, first = pattern(1000), peer.at.snd
    for start, end in ((500, 800), (700, 1000), (200, 600), (450, 510), (0, 300)):
        peer.send(ACK, data[start:end], seq=first + start)
    peer.at.snd = (first + 1000) % ROUND
    assert receive(sock, 1000) == data
    until(lambda: peer.hear().ack == peer.at.snd, "the acknowledgement")
    lives(sock, peer)


def test_pieces_by_lot(host):
    """Any order, any overlap, each byte of it at least once"""
    dice = random.Random(11)
    for _ in range(10):
        host.peer = host.new_peer(host.listener)
        sock, peer = host.open(padded(option(SACK_OK)))
        data, first = dice.randbytes(5000), peer.at.snd
        pieces = [(at, min(at + dice.randint(50, 300), 5000)) for at in range(0, 5000, 50)]
        dice.shuffle(pieces)
        for start, end in pieces:
            peer.send(ACK, data[start:end], seq=first + start)
        peer.at.snd = (first + 5000) % ROUND
        assert receive(sock, 5000) == data
        lives(sock, peer)


@pytest.mark.parametrize("stamps", [False, True], ids=["plain", "stamps"])
def test_numbers_wrap(host, stamps):
    """Sequence numbers and time stamps go on at 0."""
    host.peer.at.snd = ROUND - 1500
    host.peer.connect(stamps=stamps)
    sock, peer = host.accepted(), host.peer
    data = pattern(3000)
    for start in range(0, 3000, 500):
        if stamps:
            peer.at.stamps.value = (ROUND - 1500 + start) % ROUND
        peer.say(data[start:start + 500])
        assert receive(sock, 500) == data[start:start + 500]
        peer.send(ACK, b"old", seq=peer.at.snd - 300)
    lives(sock, peer)


def test_holes_are_told(host):
    """RFC 2018, section 4: the newest block first; RFC 2883: what came twice before all"""
    sock, peer = host.open(padded(option(SACK_OK)))
    data, first = pattern(1000), peer.at.snd

    def blocks(start, end):
        answer = peer.answer(ACK, data[start:end], seq=first + start)
        return [tuple((edge - first) % ROUND for edge in block) for block in answer.blocks]
    assert blocks(100, 200) == [(100, 200)]
    assert blocks(300, 400) == [(300, 400), (100, 200)]
    assert blocks(500, 600) == [(500, 600), (300, 400), (100, 200)]
    assert blocks(200, 300) == [(100, 400), (500, 600)]
    assert blocks(150, 200)[:2] == [(150, 200), (100, 400)]
    assert blocks(0, 100) == [(500, 600)]
    assert blocks(0, 100)[0] == (0, 100)
    assert receive(sock, 400) == data[:400]
    assert blocks(400, 500) == []
    peer.at.snd = (first + 600) % ROUND
    assert receive(sock, 200) == data[400:600]
    lives(sock, peer)


def test_no_holes_without_leave(host):
    """RFC 2018, section 2: not for who hasn't permitted it"""
    sock, peer = host.open()
    answer = peer.answer(ACK, b"later", seq=peer.at.snd + 10)
    assert answer.ack == peer.at.snd and not answer.blocks
    peer.say(b"0123456789later")
    assert receive(sock, 15) == b"0123456789later"


@pytest.mark.parametrize("ahead", [1 << 24, 1 << 30, -(1 << 30)])
def test_data_out_of_window(host, ahead):
    """RFC 9293, section 3.10.7.4, first: an acknowledgement, and it is dropped"""
    sock, peer = host.open()
    lives(sock, peer)
    is_challenge(peer.answer(ACK, b"far out", seq=peer.at.snd + ahead), peer)
    lives(sock, peer)


def test_begin_came_twice(host):
    """RFC 2883: it is told, also when there is something beyond a gap."""
    sock, peer = host.open(padded(option(SACK_OK)))
    data, first = pattern(300), peer.at.snd

    def blocks(start, end):
        answer = peer.answer(ACK, data[start:end], seq=first + start)
        return [tuple((edge - first) % ROUND for edge in block) for block in answer.blocks]
    assert blocks(0, 100) == []
    assert blocks(200, 300) == [(200, 300)]
    assert blocks(50, 150) == [(50, 100), (200, 300)]
    peer.send(ACK, data[150:200], seq=first + 150)
    assert receive(sock, 300) == data


def test_old_data(host):
    """It was received: an acknowledgement; what is new in it is taken."""
    sock, peer = host.open()
    peer.say(b"0123456789")
    assert receive(sock, 10) == b"0123456789"
    answer = peer.answer(ACK, b"0123456789", seq=peer.at.snd - 10)
    assert (answer.flags, answer.ack) == (ACK, peer.at.snd)
    peer.send(ACK, b"56789new", seq=peer.at.snd - 5)
    peer.at.snd = (peer.at.snd + 3) % ROUND
    assert receive(sock, 3) == b"new"
    lives(sock, peer)


def test_ends_out_of_order(host):
    """A FIN that comes early waits for what is before it; what is behind it is nothing."""
    sock, peer = host.open()
    first = peer.at.snd
    peer.send(ACK | FIN, b"67890", seq=first + 5)
    peer.send(ACK, b"behind", seq=first + 11)
    assert not select.select([sock], [], [], 0)[0]
    peer.send(ACK, b"12345")
    assert receive(sock, 100) == b"1234567890"
    peer.at.snd = (first + 11) % ROUND
    until(lambda: peer.hear().ack == peer.at.snd, "the acknowledgement of the end")
    assert ended(sock)


def test_end_again(host):
    """In CLOSE-WAIT"""
    sock, peer = host.open()
    peer.say(b"", ACK | FIN)
    assert ended(sock)
    answer = peer.answer(ACK | FIN, seq=peer.at.snd - 1)
    assert (answer.flags, answer.ack) == (ACK, peer.at.snd)
    sock.sendall(b"still")
    assert peer.hear_data(5) == b"still"


@pytest.mark.parametrize("wrong", [1, 0x8000, 0xffff])
def test_bad_checksum(host, wrong):
    """Nobody has sent it."""
    sock, peer = host.open()
    lives(sock, peer)
    for flags, data in ((ACK, b"spoilt"), (RST, b""), (FIN | ACK, b""), (SYN, b"")):
        right = peer.header(flags, data)
        check = int.from_bytes(right[16:18], "big")
        peer.raw(right[:16] + ((check ^ wrong) or 0x1234).to_bytes(2, "big") + right[18:])
    peer.no_answer()
    lives(sock, peer)


def test_cut_off(host):
    """Shorter than a header, or than the header says"""
    sock, peer = host.open()
    lives(sock, peer)
    whole = peer.header(RST, b"")
    for size in range(20):
        peer.raw(whole[:size])
    for offset in (0, 1, 4, 6, 15):
        peer.send(RST, offset=offset)
    peer.no_answer()
    lives(sock, peer)


def test_options_within_connection(host):
    """Garbage there is passed over, too."""
    sock, peer = host.open()
    for name, garbage in GARBAGE.items():
        peer.say(b"data", options=garbage)
        assert receive(sock, 4) == b"data", name
    lives(sock, peer)


# --- time stamps: RFC 7323

def test_old_time_stamp(host):
    """PAWS: dropped, and an acknowledgement; with a new one it is taken."""
    sock, peer = host.open(stamps=True)
    lives(sock, peer)
    old = peer.at.stamps.option(older=1000)
    answer = peer.answer(ACK, b"forged", old)
    is_challenge(answer, peer)
    assert STAMPS in answer.options
    peer.at.stamps.value += 5
    lives(sock, peer)


def test_missing_time_stamp(host, kind):
    """Section 3.2: dropped, though the host's own TCP takes it"""
    sock, peer = host.open(stamps=True)
    lives(sock, peer)
    peer.send(ACK, b"forged", b"")
    if kind == "stock":
        assert receive(sock, 6) == b"forged"
        return
    lives(sock, peer)


def test_reset_with_old_time_stamp(host):
    """Section 5.2: PAWS isn't for resets."""
    sock, peer = host.open(stamps=True)
    peer.send(RST, options=peer.at.stamps.option(older=1000))
    ready(sock, select.POLLHUP)
    assert failure(sock.recv, 1) == errno.ECONNRESET


def test_stamps_are_echoed(host):
    """Section 4.3: that of the last segment that was in order"""
    sock, peer = host.open(stamps=True)
    for _ in range(3):
        peer.at.stamps.value += 7
        peer.say(b"x")
        assert receive(sock, 1) == b"x"
        sock.sendall(b"y")
        segment = peer.hear()
        while not segment.data:
            segment = peer.hear()
        assert segment.options[STAMPS][4:] == peer.at.stamps.value.to_bytes(4, "big")
        peer.at.rcv = segment.end
        peer.send()


# --- windows

def segments_of(peer, size) -> bytes:
    """The next so many bytes that the host sends, whatever they are acknowledged by"""
    data = b""
    while len(data) < size:
        segment = peer.hear(f"{size - len(data)} more bytes")
        if segment.seq == (peer.at.rcv + len(data)) % ROUND:
            data += segment.data
    return data


def heard_within(peer, first, size):
    """So much is sent behind `first`, as the window has no room for more."""
    end = 0
    while end < size:
        end = max(end, (peer.hear(f"{size - end} more bytes").end - first) % ROUND)
    peer.send(ACK, b"?", seq=peer.at.snd - 1, ack=first)
    while True:
        segment = peer.hear("the answer to an old byte")
        assert (segment.end - first) % ROUND <= size
        if not segment.data:
            return


def test_no_more_than_the_window(host):
    """Nothing beyond it, and the rest when it opens"""
    host.peer.at.window = 1000
    sock, peer = host.open(option(MSS, "H", 500))
    first = peer.at.rcv
    data = pattern(3000)
    sock.sendall(data)
    for start in (0, 1000, 2000):
        heard_within(peer, (first + start) % ROUND, 1000)
        peer.at.rcv = (first + start + 1000) % ROUND
        peer.send()
    lives(sock, peer)


def test_window_shrinks(host):
    """RFC 9293, SHLD-15, MUST-34: nothing more is sent, and the connection goes on."""
    host.peer.at.window = 1000
    sock, peer = host.open(option(MSS, "H", 500))
    first = peer.at.rcv
    data = pattern(3000)
    sock.sendall(data)
    heard_within(peer, first, 1000)
    # The right edge goes 300 back; what is heard then is a part of what was.
    peer.at.rcv, peer.at.window = (first + 500) % ROUND, 200
    peer.send()
    peer.send(ACK, b"?", seq=peer.at.snd - 1)
    heard = peer.hear("the answer to an old byte")
    while heard.data:
        assert (heard.end - first) % ROUND <= 1000
        heard = peer.hear("the answer to an old byte")
    peer.at.rcv, peer.at.window = (first + 1000) % ROUND, 5000
    peer.send()
    assert peer.hear_data(2000) == data[1000:]
    lives(sock, peer)


def test_closed_window_is_probed(host):
    """MUST-36: until it opens; the probe may have a byte of the data, or an old one."""
    host.peer.at.window = 0
    sock, peer = host.open()
    sock.sendall(b"waiting")
    for _ in range(3):
        probe = peer.hear("a probe")
        assert len(probe.data) <= 1
        assert (probe.seq - peer.at.rcv) % ROUND in (0, ROUND - 1)
        peer.send()
    assert window_is_closed(sock)
    peer.at.window = 1000
    peer.send()
    assert segments_of(peer, 7) == b"waiting"
    peer.at.rcv = (peer.at.rcv + 7) % ROUND
    peer.send()
    lives(sock, peer)


def closed_window(host):
    """A connection whose window the peer has filled, and with how much"""
    set_option(host.listener, socket.SO_RCVBUF, 3000)
    sock, peer = host.open(option(MSS, "H", 500))
    total, room = 0, 1
    while room:
        data = bytes(min(room, 500))
        answer = peer.answer(ACK, data)
        taken = (answer.ack - peer.at.snd) % ROUND
        peer.at.snd, room = answer.ack, answer.window
        total += taken
        assert taken <= len(data)
    return sock, peer, total


def test_answer_to_a_probe(host):
    """RFC 9293, section 3.8.6.1: an acknowledgement with the window as it is; the byte is not
    taken, and there is room again when the data was read."""
    sock, peer, total = closed_window(host)
    probe = peer.answer(ACK, b"?")
    assert (probe.ack, probe.window) == (peer.at.snd, 0)
    assert receive(sock, total) == bytes(total)
    until(lambda: peer.answer_to_old().window, "the window to open")
    lives(sock, peer)


def test_end_at_closed_window(host):
    """It is answered: the peer may be asking, and must not give up."""
    sock, peer, total = closed_window(host)
    answer = peer.answer(ACK | FIN)
    assert (answer.flags, answer.window) == (ACK, 0)
    assert receive(sock, total) == bytes(total)


# --- urgent data: RFC 6093

def test_urgent(host):
    """The pointer is behind the byte."""
    sock, peer = host.open()
    peer.say(b"abc!def", ACK | URG, urgent=4)
    ready(sock, select.POLLPRI)
    assert sock.recv(1, socket.MSG_OOB) == b"!"
    assert sock.recv(16) == b"abc"
    assert sock.recv(16) == b"def"
    lives(sock, peer)


def test_urgent_is_sent(host):
    """The flag, and a pointer behind the byte"""
    sock, peer = host.open()
    sock.send(b"abc!", socket.MSG_OOB)
    segment = peer.hear("the data")
    assert segment.flags & URG
    assert (segment.data, segment.urgent) == (b"abc!", 4)
    peer.at.rcv = segment.end
    peer.send()
    lives(sock, peer)


def test_urgent_to_come(host):
    """The pointer comes before the byte that it points behind."""
    sock, peer = host.open()
    assert failure(sock.recv, 1, socket.MSG_OOB | socket.MSG_DONTWAIT) == errno.EINVAL
    peer.say(b"abc", ACK | URG, urgent=6)
    assert failure(sock.recv, 1, socket.MSG_OOB | socket.MSG_DONTWAIT) == errno.EAGAIN
    peer.say(b"de!f", ACK | URG, urgent=3)
    ready(sock, select.POLLPRI)
    assert sock.recv(1, socket.MSG_OOB) == b"!"
    assert receive(sock, 5) == b"abcde"
    assert receive(sock, 1) == b"f"
    lives(sock, peer)


@pytest.mark.parametrize("urgent, wanted", [(0, {b"abc", b"bc"}), (1, {b"bc"}), (65535, {b"abc"})])
def test_odd_urgent(host, urgent, wanted):
    """Before the first byte, where no RFC says what that is; at the first; far away"""
    sock, peer = host.open()
    peer.say(b"abc", ACK | URG, urgent=urgent)
    assert sock.recv(100) in wanted
    lives(sock, peer)


# --- the end

def closed_by(sock, peer):
    """The host has closed first and knows that the peer has closed, too."""
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    peer.send()
    until(lambda: state(sock) == FIN_WAIT2, "the end to be acknowledged")
    peer.say(b"", ACK | FIN)
    assert peer.hear("the last acknowledgement").ack == peer.at.snd
    assert ended(sock)
    sock.close()
    return peer


def closed_first(host, **how):
    """The same, of a new connection"""
    return closed_by(*host.open(**how))


def test_end_again_in_time_wait(host):
    """Acknowledged again"""
    peer = closed_first(host)
    answer = peer.answer(ACK | FIN, seq=peer.at.snd - 1)
    assert (answer.flags, answer.seq, answer.ack) == (ACK, peer.at.rcv, peer.at.snd)


def test_syn_in_time_wait(host):
    """RFC 9293, section 3.10.7.4, fourth: one with a greater number opens the next connection."""
    peer = closed_first(host)
    peer.at.snd = (peer.at.snd + 100_000) % ROUND
    peer.connect()
    lives(host.accepted(), peer)


def test_syn_for_nobody_in_time_wait(host):
    """Nobody listens any more: TIME-WAIT stays, and its FIN is acknowledged again."""
    peer = closed_first(host)
    host.listener.close()
    answer = peer.answer(SYN, seq=peer.at.snd + 100_000)
    assert (answer.flags, answer.seq, answer.ack) == (ACK, peer.at.rcv, peer.at.snd)
    answer = peer.answer(ACK | FIN, seq=peer.at.snd - 1)
    assert (answer.flags, answer.seq, answer.ack) == (ACK, peer.at.rcv, peer.at.snd)


def test_numbers_after_time_wait(host):
    """RFC 1122, section 4.2.2.13: the next connection begins behind all that this one has sent,
    however fast that was."""
    sock, peer = host.open(option(MSS, "H", 1000))
    with meanwhile(sock.sendall, bytes(QUICKLY)):
        for _ in range(0, QUICKLY, 1000):
            peer.hear_data(1000)
    last = closed_by(sock, peer).at.rcv
    peer.at.snd = (peer.at.snd + 100_000) % ROUND
    answer = peer.answer(SYN)
    assert answer.flags == SYN | ACK
    assert (answer.seq - last) % ROUND < ROUND // 2


def test_old_syn_in_time_wait(host):
    """One with a smaller number is told where the last one is."""
    peer = closed_first(host)
    answer = peer.answer(SYN, seq=peer.at.snd - 100_000)
    assert (answer.flags, answer.ack) == (ACK, peer.at.snd)


def test_simultaneous_close(host):
    """RFC 9293, figure 13: a FIN meets a FIN."""
    sock, peer = host.open()
    sock.shutdown(socket.SHUT_WR)
    fin = peer.hear_end()
    peer.send(ACK | FIN, ack=fin.seq)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    assert peer.hear("the acknowledgement of the FIN").ack == peer.at.snd
    assert state(sock) == CLOSING
    peer.send()
    until(lambda: state(sock) == CLOSE, "the connection to be closed")
    assert ended(sock)


def test_reset_after_close(host):
    """RFC 9293, SHLD-3: data for who has closed"""
    sock, peer = host.open()
    sock.close()
    peer.hear_end()
    peer.send()
    answer = peer.answer(ACK, b"too late")
    assert answer.flags & RST and answer.seq == peer.at.rcv


@pytest.mark.parametrize("seconds", [1, -1])
def test_linger2(host, seconds):
    """TCP_LINGER2: so long a closed socket waits for the peer's end; not at all"""
    sock, peer = host.open()
    lives(sock, peer)
    tcp(sock, socket.TCP_LINGER2, seconds)
    sock.close()
    peer.hear_end()
    peer.send()
    until(lambda: peer.answer_to_old().flags & RST, "the socket to be gone", FIN_TIMEOUT / 2)


@pytest.mark.parametrize("data", [b"", b"?"], ids=["plain", "byte"])
def test_keepalive_is_answered(host, data):
    """RFC 9293, section 3.8.4: by who has nothing to do with it"""
    sock, peer = host.open()
    lives(sock, peer)
    is_challenge(peer.answer(ACK, data, seq=peer.at.snd - 1), peer)
    lives(sock, peer)


def test_keepalive_is_sent(host):
    """A number that was acknowledged, and no data that is new"""
    sock, peer = host.open()
    lives(sock, peer)
    tcp(sock, socket.TCP_KEEPIDLE, 1)
    tcp(sock, socket.TCP_KEEPINTVL, 1)
    set_option(sock, socket.SO_KEEPALIVE)
    for _ in range(2):
        probe = peer.hear("a probe")
        assert probe.flags == ACK and len(probe.data) <= 1
        assert (probe.seq, probe.ack) == ((peer.at.rcv - 1) % ROUND, peer.at.snd)
        peer.send()
    lives(sock, peer)


def test_fast_retransmit(host):
    """RFC 5681, section 3.2: three acknowledgements in a row of the same are enough."""
    def seconds():
        host.peer = host.new_peer(host.listener)
        sock, peer = host.open(padded(option(MSS, "H", 500), option(SACK_OK)))
        first, data = peer.at.rcv, pattern(2500)
        sock.sendall(data)
        while peer.hear("five segments").end != (first + 2500) % ROUND:
            pass
        start = time.monotonic()
        for count in (2, 3, 4):
            block = option(SACK, "II", (first + 500) % ROUND, (first + 500 * count) % ROUND)
            peer.send(ACK, b"", padded(block))
        while peer.hear("the first one again").seq != first:
            pass
        return time.monotonic() - start
    # A time-out would have taken longer, in a round that nothing has held up.
    until(lambda: seconds() < RTO_LEAST / 2, "a round without a time-out")


@pytest.mark.parametrize("sacks", [False, True], ids=["plain", "sack"])
def test_limited_transmit(host, sacks):
    """RFC 5681, section 3.2, 2: what it has sent isn't of what is halved."""
    sock, peer = host.open(padded(option(MSS, "H", 500), *[option(SACK_OK)] * sacks))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    first = peer.at.rcv
    sock.sendall(bytes(10_000))
    while peer.hear("ten segments").end != (first + 5000) % ROUND:
        pass
    for count in (2, 3, 4):
        block = option(SACK, "II", (first + 500) % ROUND, (first + 500 * count) % ROUND)
        peer.send(ACK, b"", padded(block) if sacks else b"")
    heard = peer.hear("more")
    while heard.seq != first:
        heard = peer.hear("the first one again")
    assert Info.of(sock).ssthresh == 5


def test_sent_again(host):
    """Data and end, until they are acknowledged"""
    sock, peer = host.open()
    sock.sendall(b"lost")
    sock.shutdown(socket.SHUT_WR)
    first = peer.at.rcv
    heard = [peer.hear() for _ in range(2)]
    ends = {segment.end for segment in heard}
    while len(heard) < 4:
        heard.append(peer.hear("it again"))
    assert ends | {segment.end for segment in heard} <= {(first + size) % ROUND
                                                         for size in (0, 4, 5)}
    assert heard[-1].seq == first and heard[-1].data == b"lost"
    peer.at.rcv = (first + 5) % ROUND
    peer.send()
    until(lambda: state(sock) == FIN_WAIT2, "the end to be acknowledged")


# --- the next connection of a socket

def anew(host, sock, stamps=None):
    """Let it end without a word, and connect; return the peer."""
    disconnect(sock)
    sock.setblocking(False)
    peer = host.new_peer(sock)
    assert failure(sock.connect, (host.peer_host(), peer.at.port)) == errno.EINPROGRESS
    answered(sock, peer, peer.hear("a SYN"), stamps)
    return peer


def answered(sock, peer, syn, stamps=None):
    """The peer takes what a socket has sent to open a connection."""
    peer.port, peer.at.rcv, peer.at.stamps = syn.sport, syn.end, stamps
    peer.stamp(syn)
    peer.send(SYN | ACK)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    ready(sock, select.POLLOUT)


def connecting(host):
    """As the host's, with the SYN"""
    sock = host.ends(host.socket())
    peer = host.new_peer(sock)
    sock.setblocking(False)
    assert failure(sock.connect, (host.peer_host(), peer.at.port)) == errno.EINPROGRESS
    return sock, peer, peer.hear("a SYN")


def test_anew_after_the_end(host):
    """The peer's end was the last connection's."""
    sock, peer, syn = connecting(host)
    answered(sock, peer, syn)
    peer.say(b"", ACK | FIN)
    assert ended(blocking(sock))
    peer = anew(host, sock)
    assert failure(sock.recv, 1) == errno.EAGAIN
    lives(blocking(sock), peer)


def test_anew_with_older_stamps(host):
    """PAWS is of a connection, not of a socket."""
    sock, peer, syn = connecting(host)
    answered(sock, peer, syn, Stamps(1 << 31))
    lives(blocking(sock), peer)
    peer = anew(host, sock, Stamps(1 << 30))
    lives(blocking(sock), peer)
