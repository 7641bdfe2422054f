# SPDX-License-Identifier: GPL-2.0-only
"""A connection in each state of RFC 9293, held there by a peer who says no more."""

import socket

from blocked import until
from segments import ACK, FIN, ROUND, SYN
from streams import ended, state

FIN_WAIT2, CLOSING, SYN_SENT = 5, 11, 2
BEYOND_A_WINDOW = 1_000_000


def listening(host):
    """Nobody has come."""
    return host.listener, host.peer


def syn_sent(host):
    """The SYN isn't answered."""
    return host.connecting()


def syn_received(host):
    """The answer to the peer's SYN isn't acknowledged: an embryo, which the listener has."""
    answer = host.peer.answer(SYN)
    host.peer.at.snd, host.peer.at.rcv = answer.ack, answer.end
    return host.listener, host.peer


def waits(host):
    """It stands, and nobody accepts it."""
    host.peer.connect()
    return host.listener, host.peer


def established(host):
    """Nothing was sent either way."""
    return host.open()


def unread(host):
    """There are data to be read, and some beyond a gap."""
    sock, peer = host.open()
    peer.say(b"unread")
    peer.send(ACK, b"beyond", seq=peer.at.snd + 10)
    return sock, peer


def unsent(host):
    """The peer's window is shut."""
    host.peer.at.window = 0
    sock, peer = host.open()
    sock.sendall(b"unsent")
    return sock, peer


def unacknowledged(host):
    """Data are on their way."""
    sock, peer = host.open()
    sock.sendall(bytes(BEYOND_A_WINDOW // 100))
    peer.hear()
    return sock, peer


def fin_wait1(host):
    """The FIN isn't acknowledged."""
    sock, peer = host.open()
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    return sock, peer


def fin_wait2(host):
    """It is, but no FIN comes."""
    sock, peer = fin_wait1(host)
    peer.send()
    until(lambda: state(sock) == FIN_WAIT2, "the end to be acknowledged")
    return sock, peer


def closing(host):
    """A FIN comes that doesn't acknowledge ours."""
    sock, peer = fin_wait1(host)
    peer.send(ACK | FIN, ack=peer.at.rcv - 1)
    peer.at.snd = (peer.at.snd + 1) % ROUND
    until(lambda: state(sock) == CLOSING, "the FIN")
    return sock, peer


def time_wait(host):
    """A FIN comes that does."""
    sock, peer = fin_wait2(host)
    peer.say(b"", ACK | FIN)
    assert ended(sock)
    return sock, peer


def close_wait(host):
    """The peer has sent his FIN."""
    sock, peer = host.open()
    peer.say(b"", ACK | FIN)
    assert ended(sock)
    return sock, peer


def last_ack(host):
    """We have sent ours, too."""
    sock, peer = close_wait(host)
    sock.shutdown(socket.SHUT_WR)
    peer.hear_end()
    return sock, peer


STATES = {"LISTEN": listening, "SYN-SENT": syn_sent, "SYN-RECEIVED": syn_received,
          "waits": waits, "ESTABLISHED": established, "unread": unread, "unsent": unsent,
          "unacknowledged": unacknowledged, "FIN-WAIT-1": fin_wait1, "FIN-WAIT-2": fin_wait2,
          "CLOSING": closing, "TIME-WAIT": time_wait, "CLOSE-WAIT": close_wait,
          "LAST-ACK": last_ack}
# What the peer has a connection with: it hears of its end.
HEARS = {"waits", "ESTABLISHED", "unread", "unsent", "unacknowledged", "FIN-WAIT-1", "FIN-WAIT-2",
         "CLOSE-WAIT"}
