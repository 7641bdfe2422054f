// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping where no shutdown of ours would wake
 *
 * An AF_UNIX connect, and a send on its message sockets, wait on a queue of the
 * peer's (unix_wait_for_peer()), and so does netlink; vsock's accept looks at
 * nothing but its own queue, and SCTP sends on a queue of the association's. So
 * these are made without blocking, and again after a short sleep, as long as
 * the caller would have waited.
 */
#include <linux/in.h>
#include <linux/sched/signal.h>

#include "core.h"

#define KSOCK_SLICE	max(HZ / 100, 1)

static bool ksock_is_sctp(const struct sock *sk)
{
	return sk_is_inet(sk) && sk->sk_protocol == IPPROTO_SCTP;
}

bool ksock_slices_accept(const struct sock *sk)
{
	return ksock_is_sctp(sk) ||
	       (!sk_is_inet(sk) && sk->sk_family != AF_UNIX);
}

bool ksock_slices_send(const struct sock *sk)
{
	return ksock_is_sctp(sk) || sk->sk_family == AF_NETLINK ||
	       (sk->sk_family == AF_UNIX && sk->sk_type != SOCK_STREAM);
}

/**
 * ksock_slice() - sleep before a non-blocking call is made again
 * @s: handle, with a call under way
 * @timeo: how long the caller may still wait, in jiffies
 * @err: result of the call; replaced when there is no sense in another
 *
 * Return: true when the call should be made again.
 */
bool ksock_slice(const struct ksocket *s, long *timeo, int *err)
{
	long slice;

	if (*err != -EAGAIN || !*timeo)
		return false;
	slice = min_t(long, *timeo, KSOCK_SLICE);
	if (*timeo != MAX_SCHEDULE_TIMEOUT)
		*timeo -= slice;
	schedule_timeout_interruptible(slice);
	if (!signal_pending(current) && !READ_ONCE(s->gone))
		return true;
	*err = -EINTR;
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_slice);
