# SPDX-License-Identifier: GPL-2.0-only
"""What make bench measures: figures, and rows that compare two of them."""

from dataclasses import dataclass

# How a figure is measured, see docs/bench.md
ICOUNT, UML, MEMORY = "icount", "uml", "memory"


@dataclass(frozen=True)
class Figure:
    """Something that bench.ko performs n times."""

    name: str
    title: str
    n: int
    method: str = ICOUNT


@dataclass(frozen=True)
class Row:
    """A figure beside its baseline: their ratio, and what it should be."""

    name: str
    title: str
    figure: str
    baseline: str
    group: str
    method: str = ICOUNT
    must: float = 0
    aim: float = 0
    floor: bool = False     # the null transport is a bound for it


FLOOR = "floor"
KINET = "-kinet"    # with kinet's sockets in place of the host's
IDLE = 20000        # connections
RPC = 4000
BATCHED = 12800

_RPC = (
    ("rpc-raw", "thread, kernel_sendmsg and kernel_recvmsg"),
    ("rpc-ksock", "thread, ksock_send and ksock_recv, at both ends"),
    ("rpc-ksock-server", "thread, ksock_send and ksock_recv"),
    ("rpc-hook", "bare sk_data_ready hook"),
    ("rpc-deferred", "ksock deferred callback"),
    ("rpc-handover", "ksock direct callback that hands over to a work item"),
    ("rpc-actor", "ksock receive actor"),
    ("rpc-epoll", "epoll in user space"),
)

FIGURES = (
    Figure(FLOOR, "a request and its answer over IP by a null transport", RPC),
    *(Figure(name, f"64-byte RPC: {title}", RPC) for name, title in _RPC),
    *(Figure(f"{name}-64", f"64-byte RPC, 64 batched: {title}", BATCHED)
      for name, title in _RPC),
    Figure("stream-raw", "4 KB stream into kernel_recvmsg", 16000),
    Figure("stream-ksock", "4 KB stream into ksock_recv", 16000),
    Figure("stream-hook", "4 KB stream into a bare hook", 16000),
    Figure("stream-actor", "4 KB stream into a receive actor", 16000),
    Figure("stream-deferred", "4 KB stream into a deferred callback", 16000),
    Figure("message-raw", "4 KB at a time into kernel_recvmsg", 4000),
    Figure("message-ksock", "4 KB at a time into ksock_recv", 4000),
    Figure("message-hook", "4 KB at a time into a bare hook", 4000),
    Figure("message-actor", "4 KB at a time into a receive actor", 4000),
    Figure("message-deferred", "4 KB at a time into a deferred callback", 4000),
    Figure("bulk-raw", "64 KB bulk into kernel_recvmsg, copied", 500),
    Figure("bulk-ksock", "64 KB bulk into ksock_recv, copied", 500),
    Figure("bulk-hook", "64 KB bulk into a bare hook, copied", 500),
    Figure("bulk-actor", "64 KB bulk into a receive actor, copied", 500),
    Figure("bulk-in-place", "64 KB bulk into a receive actor, in place", 500),
    Figure("bulk-no-copy", "64 KB bulk of pages by reference, in place", 500),
    Figure("conn-raw-fin", "connect, accept, close by FIN: raw calls", 2000),
    Figure("conn-ksock-fin", "connect, accept, close by FIN: ksock", 2000),
    Figure("conn-raw-reset", "connect, accept, reset: raw calls", 2000),
    Figure("conn-ksock-reset", "connect, accept, reset: ksock", 2000),
    Figure("poll-raw", "poll: the family's", 5000),
    Figure("poll-ksock", "ksock_poll", 5000),
    Figure("getsockopt-raw", "getsockopt: do_sock_getsockopt", 5000),
    Figure("getsockopt-ksock", "ksock_getsockopt", 5000),
    Figure("event-none", "64 bytes sent to a socket nobody watches", 4000),
    Figure("event-none-ksock", "64 bytes sent to a ksocket without callbacks", 4000),
    Figure("event-hook", "64 bytes sent to an empty bare hook", 4000),
    Figure("event-direct", "64 bytes sent to an empty direct callback", 4000),
    Figure("event-deferred", "64 bytes sent to an empty deferred callback", 4000),
    Figure("bulk-raw", "64 KB bulk into kernel_recvmsg, copied", 8000, UML),
    Figure("bulk-ksock", "64 KB bulk into ksock_recv, copied", 8000, UML),
    Figure("bulk-hook", "64 KB bulk into a bare hook, copied", 8000, UML),
    Figure("bulk-deferred", "64 KB bulk into a deferred callback, copied", 8000, UML),
    Figure("bulk-actor", "64 KB bulk into a receive actor, copied", 8000, UML),
    Figure("bulk-in-place", "64 KB bulk into a receive actor, in place", 8000, UML),
    Figure("bulk-no-copy", "64 KB bulk of pages by reference, in place", 8000, UML),
    Figure("stream-raw", "4 KB stream into kernel_recvmsg", 60000, UML),
    Figure("stream-ksock", "4 KB stream into ksock_recv", 60000, UML),
    Figure("memory-raw", "an idle connection, both ends raw", IDLE, MEMORY),
    Figure("memory-ksock", "an idle connection, the server's end a ksocket", IDLE, MEMORY),
    Figure("memory-callbacks", "with callbacks", IDLE, MEMORY),
    Figure("memory-thread", "with a thread, raw", IDLE, MEMORY),
    Figure("memory-ksock-thread", "with a thread", IDLE, MEMORY),
)

_KINETS = (
    ("rpc-raw", "64-byte RPC", RPC),
    ("stream-raw", "4 KB stream", 16000),
    ("message-raw", "4 KB at a time", 4000),
    ("bulk-raw", "64 KB bulk", 500),
    ("conn-raw-fin", "connect, accept, close by FIN", 2000),
    ("conn-raw-reset", "connect, accept, reset", 2000),
)
# Behind all others: from the first of its sockets on, kinet has hooks in the host's way.
FIGURES += (*(Figure(name + KINET, f"{title}: kinet's TCP", n) for name, title, n in _KINETS),
            Figure("bulk-raw" + KINET, "64 KB bulk: kinet's TCP", 8000, UML))

ROWS = (
    Row("rpc", "blocking ksock_send and ksock_recv / raw kernel calls",
        "rpc-ksock", "rpc-raw", "A request and its answer, 64 bytes", ICOUNT, 1.02, 1.01, True),
    Row("rpc-server", "the same at the server's end only / raw kernel calls",
        "rpc-ksock-server", "rpc-raw", "A request and its answer, 64 bytes", floor=True),
    Row("hook-thread", "bare hook echo / thread echo",
        "rpc-hook", "rpc-raw", "A request and its answer, 64 bytes", floor=True),
    Row("actor-hook", "ksock direct-callback echo (receive actor) / bare hook",
        "rpc-actor", "rpc-hook", "A request and its answer, 64 bytes", ICOUNT, 1.05, 1.02, True),
    Row("actor-thread", "ksock direct-callback echo / thread echo",
        "rpc-actor", "rpc-raw", "A request and its answer, 64 bytes", ICOUNT, 0.75, 0.72, True),
    Row("actor-epoll", "ksock direct-callback echo / user epoll",
        "rpc-actor", "rpc-epoll", "A request and its answer, 64 bytes", ICOUNT, 0.70, 0.68, True),
    Row("deferred-hook", "ksock deferred callback echo / bare hook",
        "rpc-deferred", "rpc-hook", "A request and its answer, 64 bytes", floor=True),
    Row("deferred-thread", "ksock deferred callback echo / thread echo",
        "rpc-deferred", "rpc-raw", "A request and its answer, 64 bytes", floor=True),
    Row("handover-thread", "ksock direct callback that hands over / thread echo",
        "rpc-handover", "rpc-raw", "A request and its answer, 64 bytes", floor=True),
    Row("deferred-epoll", "ksock deferred callback echo / user epoll",
        "rpc-deferred", "rpc-epoll", "A request and its answer, 64 bytes", floor=True),
    Row("epoll-thread", "user epoll / thread echo",
        "rpc-epoll", "rpc-raw", "A request and its answer, 64 bytes", floor=True),
    Row("rpc-64", "blocking ksock_send and ksock_recv / raw kernel calls",
        "rpc-ksock-64", "rpc-raw-64", "64 connections, requests batched"),
    Row("hook-epoll-64", "bare hook echo / user epoll",
        "rpc-hook-64", "rpc-epoll-64", "64 connections, requests batched"),
    Row("actor-epoll-64", "ksock direct-callback echo / user epoll, 64 batched",
        "rpc-actor-64", "rpc-epoll-64", "64 connections, requests batched", ICOUNT, 0.92, 0.89),
    Row("actor-hook-64", "ksock direct-callback echo / bare hook",
        "rpc-actor-64", "rpc-hook-64", "64 connections, requests batched"),
    Row("deferred-epoll-64", "ksock deferred callback echo / user epoll",
        "rpc-deferred-64", "rpc-epoll-64", "64 connections, requests batched"),
    Row("stream", "ksock_recv / kernel_recvmsg",
        "stream-ksock", "stream-raw", "A stream of 4 KB messages"),
    Row("stream-hook", "bare hook / kernel_recvmsg",
        "stream-hook", "stream-raw", "A stream of 4 KB messages"),
    Row("stream-actor", "4 KB stream into a callback (receive actor) / kernel_recvmsg",
        "stream-actor", "stream-raw", "A stream of 4 KB messages", ICOUNT, 1.2, 1.0),
    Row("stream-deferred", "ksock deferred callback / kernel_recvmsg",
        "stream-deferred", "stream-raw", "A stream of 4 KB messages"),
    Row("message", "ksock_recv / kernel_recvmsg",
        "message-ksock", "message-raw", "4 KB messages, TCP_NODELAY"),
    Row("message-hook", "bare hook / kernel_recvmsg",
        "message-hook", "message-raw", "4 KB messages, TCP_NODELAY"),
    Row("message-actor", "into a callback (receive actor) / kernel_recvmsg",
        "message-actor", "message-raw", "4 KB messages, TCP_NODELAY"),
    Row("message-deferred", "ksock deferred callback / kernel_recvmsg",
        "message-deferred", "message-raw", "4 KB messages, TCP_NODELAY"),
    Row("bulk-instructions", "ksock_send and ksock_recv / raw kernel calls, 64 KB",
        "bulk-ksock", "bulk-raw", "Bulk"),
    Row("bulk-hook-instructions", "bare hook / kernel_recvmsg, 64 KB",
        "bulk-hook", "bulk-raw", "Bulk"),
    Row("bulk-actor-instructions", "receive actor that copies / kernel_recvmsg, 64 KB",
        "bulk-actor", "bulk-raw", "Bulk"),
    Row("in-place-instructions", "zero-copy receive (receive actor) / kernel_recvmsg, 64 KB",
        "bulk-in-place", "bulk-raw", "Bulk"),
    Row("no-copy-instructions", "zero-copy both ways (ksock_send_bvec) / copy both ways, 64 KB",
        "bulk-no-copy", "bulk-raw", "Bulk"),
    Row("bulk", "ksock_send and ksock_recv / raw kernel calls, 64 KB",
        "bulk-ksock", "bulk-raw", "Bytes a second, by processor time", UML),
    Row("bulk-hook", "bare hook / kernel_recvmsg, 64 KB",
        "bulk-hook", "bulk-raw", "Bytes a second, by processor time", UML),
    Row("bulk-actor", "receive actor that copies / kernel_recvmsg, 64 KB",
        "bulk-actor", "bulk-raw", "Bytes a second, by processor time", UML),
    Row("in-place", "zero-copy receive (receive actor) / kernel_recvmsg, 64 KB",
        "bulk-in-place", "bulk-raw", "Bytes a second, by processor time", UML, 0.75, 0.68),
    Row("no-copy", "zero-copy both ways (ksock_send_bvec, receive actor) / copy both ways, 64 KB",
        "bulk-no-copy", "bulk-raw", "Bytes a second, by processor time", UML, 0.45, 0.38),
    Row("bulk-deferred", "ksock deferred callback / kernel_recvmsg, 64 KB",
        "bulk-deferred", "bulk-raw", "Bytes a second, by processor time", UML),
    Row("stream-uml", "ksock_send and ksock_recv / raw kernel calls, 4 KB",
        "stream-ksock", "stream-raw", "Bytes a second, by processor time", UML),
    Row("conn-fin", "ksock / raw kernel calls, both ends close by FIN",
        "conn-ksock-fin", "conn-raw-fin", "Connect, accept, close"),
    Row("conn-reset", "ksock / raw kernel calls, the client resets",
        "conn-ksock-reset", "conn-raw-reset", "Connect, accept, close"),
    Row("poll", "ksock_poll / the family's poll",
        "poll-ksock", "poll-raw", "A call alone"),
    Row("getsockopt", "ksock_getsockopt / do_sock_getsockopt",
        "getsockopt-ksock", "getsockopt-raw", "A call alone"),
    Row("event", "a send to an empty direct callback / to an empty bare hook",
        "event-direct", "event-hook", "An event that nobody acts upon"),
    Row("event-deferred", "a send to an empty deferred callback / to an empty bare hook",
        "event-deferred", "event-hook", "An event that nobody acts upon"),
    Row("event-none", "a send to a ksocket without callbacks / to a socket nobody watches",
        "event-none-ksock", "event-none", "An event that nobody acts upon"),
    *(Row(f"kinet-{name.replace('-raw', '')}", f"{title}, kernel's calls: kinet's TCP / the host's",
          name + KINET, name, "kinet's streams beside the host's") for name, title, _n in _KINETS),
    Row("kinet-bulk-uml", "64 KB bulk, by processor time: kinet's TCP / the host's",
        "bulk-raw" + KINET, "bulk-raw", "kinet's streams beside the host's", UML),
    Row("memory", "a callback server's end / one with a thread, 20,000 connections",
        "memory-callbacks", "memory-ksock-thread", "Memory of an idle connection", MEMORY,
        0.12, 0.10),
    Row("memory-raw-thread", "a callback server's end / a raw one with a thread",
        "memory-callbacks", "memory-thread", "Memory of an idle connection", MEMORY),
    Row("memory-ksock", "a ksocket / a raw kernel socket",
        "memory-ksock", "memory-raw", "Memory of an idle connection", MEMORY),
)


def chosen(text: str) -> list:
    """The rows whose name contains a word of the text; all of them without one."""
    words = text.split() or [""]
    return [row for row in ROWS if any(word in row.name for word in words)]


def needed(rows, method: str) -> list:
    """The figures that these rows compare, measured by the method."""
    rows = [row for row in rows if row.method == method]
    wanted = {name for row in rows for name in (row.figure, row.baseline)}
    if any(row.floor for row in rows):
        wanted.add(FLOOR)
    if method == MEMORY and rows:
        wanted.add("memory-raw")        # what a client's end costs
    return [f for f in FIGURES if f.method == method and f.name in wanted]
