/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ksockctl: every ksock_* call, one ioctl each, for the tests
 *
 * harness/tests/ksock.py has the same layout in ctypes.
 */
#ifndef _KSOCKCTL_H
#define _KSOCKCTL_H

#include <linux/bits.h>
#include <linux/ioctl.h>
#include <linux/types.h>

enum ksockctl_op {
	KSOCKCTL_SOCKET,	/* a domain, b type, c protocol, d flags */
	KSOCKCTL_CLOSE,
	KSOCKCTL_HOLD,
	KSOCKCTL_RELE,
	KSOCKCTL_BIND,		/* addr */
	KSOCKCTL_LISTEN,	/* a backlog */
	KSOCKCTL_ACCEPT,	/* addr; out: new */
	KSOCKCTL_CONNECT,	/* addr */
	KSOCKCTL_SHUTDOWN,	/* a how */
	KSOCKCTL_GETPEERNAME,	/* addr */
	KSOCKCTL_GETSOCKNAME,	/* addr */
	KSOCKCTL_SEND,		/* data, a flags; out: done */
	KSOCKCTL_SENDTO,	/* data, addr, a flags; out: done */
	KSOCKCTL_SENDMSG,	/* data, addr, a flags, b iterator; out: done */
	KSOCKCTL_RECV,		/* data, a flags; out: done */
	KSOCKCTL_RECVFROM,	/* data, addr, a flags; out: done */
	KSOCKCTL_RECVMSG,	/* data, addr, ctl, a flags, b iterator; out: done */
	KSOCKCTL_POLL,		/* out: done: the bits */
	KSOCKCTL_SETSOCKOPT,	/* data, a level, b name, c length */
	KSOCKCTL_GETSOCKOPT,	/* data, a level, b name, c length; out: c */
	KSOCKCTL_IOCTL,		/* a cmd, b in: value; out: b */
	KSOCKCTL_CALLBACKS,	/* a flags, b action, c upon which, d no members */
	KSOCKCTL_CALLBACKS_END,
	KSOCKCTL_TOLD,		/* data, a from which; out: done: how many */
	KSOCKCTL_OPEN,		/* let KSOCKCTL_ACTION_WAIT and _SPIN go on */
	KSOCKCTL_WANT_XMIT,
	KSOCKCTL_BIND_RESERVED,	/* addr */
	KSOCKCTL_TUNE,		/* data: struct ksockctl_tuning */
	KSOCKCTL_ACTOR,		/* a &enum ksockctl_acting, b bytes it may take */
	KSOCKCTL_TAKEN,		/* data, a from where; out: done: bytes taken */
	KSOCKCTL_RESUME,	/* b more bytes it may take */
	KSOCKCTL_SEND_BVEC,	/* data, a flags, b layout; out: done, d parcel */
	KSOCKCTL_SEND_ZC,	/* and d KSOCKCTL_DONE_* */
	KSOCKCTL_PARCEL,	/* a parcel; out: done: how often told, b, c, d */
	KSOCKCTL_SPOIL,		/* a parcel: overwrite its pages */
};

/* What a receive actor does */
enum ksockctl_acting {
	KSOCKCTL_ACTOR_OFF,
	KSOCKCTL_ACTOR_TAKE,	/* note the bytes */
	KSOCKCTL_ACTOR_ECHO,	/* send them back, too; take what was sent */
	KSOCKCTL_ACTOR_CALL,	/* make a call that is refused, note its errno */
};

/* How the bytes of a parcel lie in memory */
enum ksockctl_layout {
	KSOCKCTL_LAYOUT_PAGES,		/* whole pages */
	KSOCKCTL_LAYOUT_ODD,		/* odd offsets and lengths */
	KSOCKCTL_LAYOUT_TINY,		/* some 80 bytes a piece */
	KSOCKCTL_LAYOUT_COMPOUND,	/* pieces of 30 KB in compound pages */
	KSOCKCTL_LAYOUT_SLAB,		/* of kmalloc() */
	KSOCKCTL_LAYOUT_TAIL,		/* pages that nobody may refer to */
};

/* What a completion does, before it says so; bits */
#define KSOCKCTL_DONE_SPOIL	BIT(0)	/* overwrite the pages */
#define KSOCKCTL_DONE_CALL	BIT(1)	/* make a call that is refused */

/* What was told */
enum ksockctl_kind {
	KSOCKCTL_TOLD_CONNECTED,
	KSOCKCTL_TOLD_DISCONNECTED,
	KSOCKCTL_TOLD_NEWCONN,
	KSOCKCTL_TOLD_RECV,
	KSOCKCTL_TOLD_XMIT,
	KSOCKCTL_TOLD_EXCEPTION,
	KSOCKCTL_TOLD_ACTION,	/* what the callback did has returned */
};

/* What a callback does, before it returns */
enum ksockctl_action {
	KSOCKCTL_ACTION_NONE,
	KSOCKCTL_ACTION_CLOSE,	/* close its socket */
	KSOCKCTL_ACTION_END,	/* end its registration */
	KSOCKCTL_ACTION_WAIT,	/* wait for KSOCKCTL_OPEN */
	KSOCKCTL_ACTION_RECV,	/* receive all that waits, without blocking */
	KSOCKCTL_ACTION_ACCEPT,	/* accept and close those that wait */
	KSOCKCTL_ACTION_BLOCK,	/* receive, and wait for it */
	KSOCKCTL_ACTION_SPIN,	/* keep the CPU until KSOCKCTL_OPEN */
};

/* The context of a callback, bits */
#define KSOCKCTL_IN_ATOMIC	BIT(0)	/* bottom halves are disabled */
#define KSOCKCTL_IN_WORKER	BIT(1)	/* a workqueue's */
#define KSOCKCTL_OVERLAPS	BIT(2)	/* another one runs */

/**
 * struct ksockctl_told - a callback, as it was called
 * @kind: &enum ksockctl_kind
 * @context: KSOCKCTL_IN_ATOMIC and so on
 * @value: its argument
 * @pid: thread that called it
 * @pad: keeps the size the same for 32-bit callers
 */
struct ksockctl_told {
	__u32	kind;
	__u32	context;
	__s64	value;
	__u32	pid;
	__u32	pad;
};

/* struct ksock_tuning, with a fixed layout */
struct ksockctl_tuning {
	__u32	nodelay;
	__u32	reset_on_close;
	__u32	tos;
	__u32	linger;
	__u32	keepidle;
	__u32	keepintvl;
	__u32	keepcnt;
	__u32	user_timeout;
	__u32	sndbuf;
	__u32	rcvbuf;
	char	device[16];
};

/* Arguments to pass as NULL */
#define KSOCKCTL_NULL_HANDLE	BIT(0)
#define KSOCKCTL_NULL_DATA	BIT(1)
#define KSOCKCTL_NULL_ADDR	BIT(2)
#define KSOCKCTL_NULL_ADDRLEN	BIT(3)
#define KSOCKCTL_NULL_DONE	BIT(4)
#define KSOCKCTL_NULL_NEW	BIT(5)
#define KSOCKCTL_NULL_NET	BIT(6)
#define KSOCKCTL_NULL_PIECE	BIT(7)	/* a first piece of no bytes */

/* The iterator of sendmsg and recvmsg */
#define KSOCKCTL_KVEC		0	/* two pieces */
#define KSOCKCTL_BVEC		1	/* a piece a page */

/**
 * struct ksockctl_call - one call
 * @op: &enum ksockctl_op
 * @handle: which socket: what @new of the call that made it was
 * @null: KSOCKCTL_NULL_*
 * @fail_nth: in: let the n-th allocation within the call fail, if not 0; out:
 *	how many were left: 0 tells that it came to that one
 * @a: per op
 * @b: per op
 * @c: per op
 * @d: per op
 * @new: out: the handle of a new socket
 * @result: out: what the call returned
 * @data: user buffer, of @data_len bytes
 * @size: size to tell the call
 * @data_len: bytes at @data
 * @addr: user buffer, of at least 128 bytes
 * @addrlen: in and out: length to tell the call
 * @ctl_len: in and out: bytes at @ctl
 * @ctl: user buffer for control data
 * @done: out: bytes transferred
 * @msg_flags: out: flags of the message
 * @pad: keeps the size the same for 32-bit callers
 */
struct ksockctl_call {
	__u32	op;
	__s32	handle;
	__u32	null;
	__u32	fail_nth;
	__s32	a;
	__s32	b;
	__s32	c;
	__u32	d;
	__s32	new;
	__s32	result;
	__u64	data;
	__u64	size;
	__u64	data_len;
	__u64	addr;
	__u32	addrlen;
	__u32	ctl_len;
	__u64	ctl;
	__u64	done;
	__u32	msg_flags;
	__u32	pad;
};

#define KSOCKCTL_CALL	_IOWR('k', 1, struct ksockctl_call)

#endif /* _KSOCKCTL_H */
