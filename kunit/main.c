// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of ksocket.ko
 *
 * Run when the module is loaded, on a kernel with CONFIG_KUNIT. Each file
 * registers its own suite:
 *
 * errno.c	what the family said, as the caller should hear it
 * addr.c	addresses in and out
 * decide.c	the events that one look makes
 * latch.c	several looks in a row, and every look there can be
 * slice.c	sleeping where the family would sleep on the peer's queue
 * gate.c	calls entering and leaving while the handle is shut
 * handle.c	handles: held, closed twice, without a namespace or a module
 * conn.c	connections being made: connect, accept, names, poll
 * stream.c	streams: bytes in order, both ways, to the end
 * dgram.c	datagrams: one message at a time, with its sender's name
 * unix.c	AF_UNIX, where connecting and sending wait on the peer's queue
 * opt.c	socket options
 * tune.c	many options at once, and reserved ports
 * ioctl.c	ioctls
 * event_conn.c	connected, newconn, disconnected
 * event_data.c	recv, xmit, exception
 * replay.c	what registration tells of the time before it
 * callbacks.c	registered and not, one at a time, ended from within
 * misuse.c	what a direct callback must not do, and what it may
 * hook.c	whose the sk_* hooks are
 * nest.c	locks of sockets on different levels
 * query.c	a family by its answers: events, ioctls, options
 * stats.c	the rows of /proc/net/ksocket
 * close.c	closing below blocked callers, and by a reset
 * signal.c	signals to blocked callers, and the other flags
 * hammer.c	calls hammering on a socket that is closed below them
 *
 * The first six look at functions without sockets. The others send over the
 * loopback device of the initial network namespace, with the help of:
 *
 * fixture.c	sockets that end with their test
 * thread.c	callers that block, and end with their test
 * pair.c	connected sockets of a family
 * call.c	every call on a handle
 * recorder.c	what callbacks were told
 * fake.c	a family that is but its answers to ksocket
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit suites of ksocket");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
