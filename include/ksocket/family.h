/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a protocol family tells ksocket that its proto_ops can't
 *
 * A family of its own - one that ksocket.ko doesn't know, and that calls the
 * sk_data_ready, sk_write_space, sk_state_change and sk_error_report hooks -
 * answers
 *
 *	ops->setsockopt(sock, SOL_KSOCK, KSOCK_QUERY, KERNEL_SOCKPTR(&query),
 *			sizeof(query))
 *
 * with 0 and a filled query. Neither side needs a symbol of the other.
 */
#ifndef _KSOCKET_FAMILY_H
#define _KSOCKET_FAMILY_H

#include <linux/types.h>

#define SOL_KSOCK	0x6b73
#define KSOCK_QUERY	1

/**
 * struct ksock_query - the state of a socket, as its events are decided by it
 * @readable: bytes that could be received now (datagrams: in the first
 *	message), without the urgent byte unless it is in line; -1 for a message
 *	without bytes or an error that waits; 0 for nothing
 * @unsent: bytes that were taken from the caller and are not yet acknowledged
 * @position: streams: count of the bytes that ever arrived in order, modulo
 *	2^32: new data is what moves it
 * @urg_seq: where the last urgent mark stands, by the same count
 * @reason: errno (above 0) that ended the connection, 0 for a normal end, -1
 *	when it is not known
 * @room: a sender that fell short may go on
 * @connected: the connection stood, at some time since the last connect
 * @eof: no byte comes behind those that are readable
 * @write_over: nothing can be sent any more
 * @over: the connection is closed, or its attempt failed
 * @urgent: an urgent mark was received, at @urg_seq
 * @at_mark: the next byte is the urgent one
 *
 * Filled in any context, also below the hooks: under the family's own locks,
 * with interrupts disabled. So it takes no lock and does not sleep; the values
 * may be a moment old. The family must call a hook after any of them changed.
 */
struct ksock_query {
	__s64	readable;
	__u64	unsent;
	__u32	position;
	__u32	urg_seq;
	__s32	reason;
	bool	room;
	bool	connected;
	bool	eof;
	bool	write_over;
	bool	over;
	bool	urgent;
	bool	at_mark;
};

#endif /* _KSOCKET_FAMILY_H */
