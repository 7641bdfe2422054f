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
 * with 0 and a filled query. By KSOCK_OPTION, whose value is a struct
 * ksock_option, it tells its options, if it has any. What else there may be of
 * this level, now or later, it answers with -ENOPROTOOPT. Neither side needs a
 * symbol of the other.
 *
 * A value is the request itself, and refers to no other memory: where BPF looks
 * at setsockopt(2), what a program has written comes in kernel memory, too.
 */
#ifndef _KSOCKET_FAMILY_H
#define _KSOCKET_FAMILY_H

#include <linux/types.h>

#define SOL_KSOCK	0x6b73
#define KSOCK_QUERY	1
#define KSOCK_OPTION	2

#define KSOCK_OPTION_MAX	512

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
 * @lends: sendmsg() refers to pages rather than to copy them: by MSG_SPLICE_PAGES,
 *	and by MSG_ZEROCOPY with a msg_ubuf, on which it has references as long as
 *	anybody looks at the pages
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
	bool	lends;
};

/**
 * struct ksock_option - what getsockopt(2) would tell, in kernel memory
 * @level: in: the option's level
 * @name: in: option of that level
 * @len: out: bytes of the value
 * @number: out: a value that is a number, of 4 bytes
 * @value: out: any other
 *
 * The value is told as a whole: it is ksocket that cuts it to its consumer's
 * room, or not where it is a number. What the family doesn't answer
 * (-ENOPROTOOPT) ksocket reads from the struct sock, as far as it is of level
 * SOL_SOCKET, or the sock is one of AF_INET or AF_INET6 and the level
 * IPPROTO_IP or IPPROTO_IPV6.
 *
 * Asked in process context without a lock of the sock, so it may sleep.
 */
struct ksock_option {
	__s32	level;
	__s32	name;
	__u32	len;
	union {
		__s32	number;
		__u8	value[KSOCK_OPTION_MAX] __aligned(8);
	};
};

#endif /* _KSOCKET_FAMILY_H */
