// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suites of kinet.ko
 *
 * header.c	headers, made and read
 * ext6.c	options of extension headers
 * port.c	choosing a port
 * icmpmap.c	what ICMP errors mean
 * dgram.c	datagram sockets over a wire that is but a list
 * wire.c	that wire
 * tcp_*.c	what a TCP decides, each file of its own; tcp_random.c: chance
 *
 * Whole streams, over a wire that is but a list and in virtual time:
 * stream_wire.c	that wire; stream_talk.c: a peer that is made by hand
 * stream_state.c	every state, and what can happen in it
 * stream_open.c	how connections begin and end
 * stream_time.c	what is done when
 * stream_window.c	how much is sent, and asked for
 * stream_pace.c	how fast it is sent
 * stream_store.c	pages that are lent to one
 * stream_count.c	what is counted
 * stream_lots.c	lots of connections by chance; stream_link.c: their link
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit suites of kinet");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
