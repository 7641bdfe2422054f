# SPDX-License-Identifier: GPL-2.0-only
"""chat: members with datagrams, and an operator with a stream and an urgent byte."""

import contextlib
import errno
import select
import socket
import time

import pytest

import kmod
from blocked import until
from examples import (BOUND, FAMILIES, connect, example, family_of, ksockets, load, reset,
                      traffic)

PORT = 7777


class Member(contextlib.ExitStack):
    """A datagram socket in the client's namespace that talks to the room."""

    def __init__(self, net, family="v4"):
        super().__init__()
        address = getattr(net.server, family)
        with net.client:
            self.sock = self.enter_context(socket.socket(family_of(address), socket.SOCK_DGRAM))
        self.sock.settimeout(BOUND)
        self.sock.connect((address, PORT))

    def say(self, line: bytes):
        self.sock.send(line)

    def hear(self) -> bytes:
        return self.sock.recv(2048)

    def heard_nothing(self) -> bool:
        return not select.select([self.sock], [], [], 0)[0]


@contextlib.contextmanager
def room(net, count, pace=0, families=("v4",)):
    """A chat, and members who all are in the room by now, and have nothing left to hear."""
    with example(net.server, "chat", address="::", port=PORT, pace=pace), \
            contextlib.ExitStack() as stack:
        members = [stack.enter_context(Member(net, families[number % len(families)]))
                   for number in range(count)]
        with Member(net) as doorman:
            doorman.say(b"open\n")
            for number, member in enumerate(members):
                hello = b"hello %d\n" % number
                member.say(hello)
                for other in (doorman, *members[:number]):
                    assert other.hear() == hello
            doorman.say(b"")
        yield members


@pytest.mark.smoke
def test_chat_passes_lines_to_the_others(pair):
    """To members of both families, and not back to whom it came from."""
    with room(pair, 4, families=("v4", "v6")) as members:
        for number, member in enumerate(members):
            line = b"I am %d\n" % number
            member.say(line)
            for other in members:
                if other is not member:
                    assert other.hear() == line
        assert all(member.heard_nothing() for member in members)


def test_chat_lets_members_go(pair):
    """Who has sent an empty datagram hears nothing more."""
    with room(pair, 3) as (one, two, three):
        two.say(b"")
        one.say(b"still here?\n")
        assert three.hear() == b"still here?\n"
        three.say(b"yes\n")
        assert one.hear() == b"yes\n"
        assert two.heard_nothing()


def test_chat_takes_more_than_it_remembers(pair):
    """Of a hundred members the last 64 are in the room."""
    with example(pair.server, "chat", address="::", port=PORT), contextlib.ExitStack() as stack:
        members = [stack.enter_context(Member(pair)) for _ in range(100)]
        for member in members:
            member.say(b"hello\n")
        members[99].say(b"who is here?\n")
        for member in members[36:-1]:
            while member.hear() != b"who is here?\n":
                pass
        while not members[35].heard_nothing():
            assert members[35].hear() == b"hello\n"


@pytest.mark.smoke
@FAMILIES
def test_operator_is_heard(pair, family):
    """Each line of the stream is a datagram to everyone; the last one needs no newline."""
    with room(pair, 2) as members:
        with connect(pair.client, getattr(pair.server, family), PORT) as operator:
            operator.sendall(b"one\ntwo\nth")
            operator.sendall(b"ree\nfour")
        for member in members:
            assert [member.hear() for _ in range(4)] == [b"* one\n", b"* two\n", b"* three\n",
                                                         b"* four"]
    until(lambda: not ksockets(pair.server), "the listing to be empty")


def test_operator_speaks_at_a_pace(pair):
    """Between two lines there is the time that was asked for."""
    with room(pair, 1, pace=300) as (member,):
        with connect(pair.client, pair.server.v4, PORT) as operator:
            operator.sendall(b"one\ntwo\nthree\n")
            member.hear()
            began = time.monotonic()
            member.hear()
            member.hear()
            # The first was under way for some time when its hearing was noted.
            assert time.monotonic() - began > 0.4


@pytest.mark.smoke
@FAMILIES
def test_urgent_byte_takes_back_what_waits(pair, family):
    """What comes before it is not said, and what comes after it is, without a pause."""
    with room(pair, 2, pace=BOUND * 10 * 1000) as members:
        with connect(pair.client, getattr(pair.server, family), PORT) as operator:
            operator.sendall(b"one\n" + b"a mistake\n" * 2000)
            for member in members:
                assert member.hear() == b"* one\n"
            operator.send(b"!", socket.MSG_OOB)
            operator.sendall(b"two\n")
            for member in members:
                assert member.hear() == b"* two\n"
        assert all(member.heard_nothing() for member in members)


def test_urgent_byte_outruns_what_is_lost(link):
    """Over a wire with loss the mark may come first: all before it is dropped all the same."""
    net = link(loss="5%", delay="10ms")
    with room(net, 0), connect(net.client, net.server.v4, PORT) as operator:
        with net.server:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(BOUND)
            sock.connect((net.server.v4, PORT))
            sock.send(b"hello\n")
            for number in range(10):
                operator.sendall(b"x" * 30000)
                operator.send(b"!", socket.MSG_OOB)
                operator.sendall(b"%d\n" % number)
                while not (said := sock.recv(2048)).endswith(b"\n"):
                    assert said == b"* " + b"x" * 512   # came, and was said, before the mark
                assert said == b"* %d\n" % number


def test_the_last_operator_has_the_word(pair):
    """A newcomer ends the one before."""
    with room(pair, 1, pace=BOUND * 10 * 1000) as (member,):
        with connect(pair.client, pair.server.v4, PORT) as first:
            first.sendall(b"one\n")
            assert member.hear() == b"* one\n"
            with connect(pair.client, pair.server.v4, PORT) as second:
                assert first.recv(1) == b""
                second.send(b"!", socket.MSG_OOB)
                second.sendall(b"two\n")
                assert member.hear() == b"* two\n"


def test_chat_forgets_an_operator_who_resets(pair):
    with room(pair, 0):
        operator = connect(pair.client, pair.server.v4, PORT)
        until(lambda: len(ksockets(pair.server)) == 3, "the operator to be there")
        reset(operator)
        until(lambda: len(ksockets(pair.server)) == 2, "the operator to be gone")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_chat_finds_its_port_taken(pair, kind):
    with pair.server, socket.socket(socket.AF_INET, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        sock.bind((pair.server.v4, PORT))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        with pytest.raises(OSError) as caught:
            load(pair.server, "chat", address=pair.server.v4, port=PORT)
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.smoke
def test_chat_unloads_under_traffic(pair):
    """Members and an operator who talk on do not keep it."""
    load(pair.server, "chat", address="::", port=PORT, pace=0)
    with contextlib.ExitStack() as stack:
        one, two = [stack.enter_context(Member(pair)) for _ in range(2)]
        operator = stack.enter_context(connect(pair.client, pair.server.v4, PORT))

        def talk(member, other):
            member.say(b"blah\n")
            if b"bye" in other.hear():
                raise EOFError
        one.say(b"hello\n")
        two.say(b"hello\n")
        with traffic([lambda: talk(one, two), lambda: talk(two, one),
                      lambda: operator.sendall(b"attention\n" * 100)]):
            kmod.unload("chat")
            # The senders learn the end by the ICMP error that their next one causes.
            for member in (one, two):
                member.say(b"")
    with pytest.raises(ConnectionRefusedError):
        connect(pair.client, pair.server.v4, PORT)
