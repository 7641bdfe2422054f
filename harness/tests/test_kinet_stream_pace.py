# SPDX-License-Identifier: GPL-2.0-only
"""How fast streams send: by SO_MAX_PACING_RATE, with fq below and without; kinet's against the
host's own TCP."""

import contextlib
import errno
import socket
import time

import pytest
import topology

from kinet import failure
from peers import inet_family, reset
from streams import (NO_RATE, Rates, Streams, ended, limit_rate, pass_on, pattern, ready, receive,
                     set_option)
from test_kinet_stream_calls import ERR, HUP
from threads import meanwhile

pytestmark = pytest.mark.smoke

RATE, SIZE = 2_000_000, 1_000_000
CRAWL = 1000                # by which what is sent here takes longer than a test may
HELD = 50_000               # bytes that a socket takes at once
ROUND_TRIP = 0.05           # seconds
WINDOW = 10 * 1448          # bytes that may be on their way at first
BURST = 2 * 1448            # that a slow socket sends at once

BELOW = {"alone": contextlib.nullcontext, "fq": topology.fair}


@pytest.fixture(name="below", params=BELOW)
def _below(request, pair):
    """What is below the client"""
    with BELOW[request.param](pair.client):
        yield request.param


def seconds(one, other, size) -> float:
    """How long a transfer takes, by who receives it"""
    data = pattern(size)
    begin = time.monotonic()
    with meanwhile(one.sendall, data):
        assert receive(other, size) == data
    return time.monotonic() - begin


@inet_family
def test_rate(streams, below, family):
    """Set before there is a connection"""
    client = streams.client(family)
    limit_rate(client, RATE)
    one, other = streams.connection(family, client=client)
    assert seconds(one, other, SIZE) >= 0.9 * SIZE / RATE
    assert Rates.of(one).most == RATE >= Rates.of(one).now > 0


def test_rate_of_a_listener(streams, below):
    """Its connections have it, too."""
    listener = streams.server()
    limit_rate(listener, RATE)
    listener.listen()
    one, other = streams.connection(listener=listener)
    assert seconds(other, one, SIZE) >= 0.9 * SIZE / RATE
    assert Rates.of(other).most == RATE


def test_rate_comes_later(streams, below):
    """Of a connection that had none"""
    one, other = streams.connection()
    pass_on(one, other, SIZE)
    assert Rates.of(one).most == NO_RATE
    assert Rates.of(one).now > 0
    limit_rate(one, RATE)
    assert seconds(one, other, SIZE) >= 0.9 * SIZE / RATE


def test_rate_is_taken_away(streams, below):
    """While data wait for their time"""
    one, other = streams.connection()
    limit_rate(one, CRAWL)
    data = pattern(SIZE)
    with meanwhile(one.sendall, data):
        first = receive(other, 1000)
        limit_rate(one, NO_RATE)
        assert first + receive(other, SIZE - 1000) == data


def test_window_is_spread():
    """fq has segments go one after the other, in half of a round trip; nobody has said a rate."""
    with topology.pair() as net, topology.fair(net.client), \
         Streams(net.client, net.server, ("ours", "ours")) as made:
        topology.impair(net.server, delay=f"{ROUND_TRIP * 1000}ms")
        one, other = made.connection()
        # Five bursts, the first of them at once
        assert seconds(one, other, WINDOW) >= 0.8 * ROUND_TRIP / 2 * 4 / 5


def test_close(streams, below):
    """What waits for its time is sent when nobody has the socket any more.

    The host's TCP sends a window at once at first; and what comes last has gone when its time
    has come, not when it is over.
    """
    client = streams.client()
    set_option(client, socket.SO_SNDBUF, 4 * HELD)
    one, other = streams.connection(client=client)
    limit_rate(one, HELD)
    data = pattern(HELD)
    begin = time.monotonic()
    one.sendall(data)
    one.close()
    assert receive(other, HELD) == data
    assert time.monotonic() - begin >= 0.9 * (HELD - WINDOW - BURST) / HELD
    assert ended(other)


def crawling(streams):
    """A connection in which data wait for their time, long"""
    one, other = streams.connection()
    limit_rate(one, CRAWL)
    one.send(bytes(50 * CRAWL), socket.MSG_DONTWAIT)
    receive(other, 1)
    return one, other


def test_reset(streams, below):
    """It is heard at once, either way."""
    one, other = crawling(streams)
    reset(one)
    ready(other, ERR | HUP)
    one, other = crawling(streams)
    reset(other)
    ready(one, ERR | HUP)
    assert failure(one.send, b"x") in (errno.ECONNRESET, errno.EPIPE)
