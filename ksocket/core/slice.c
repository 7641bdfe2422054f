// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping where the family would sleep on the peer's queue
 *
 * An AF_UNIX connect, and a send on its message sockets, wait on a queue of the
 * peer's (unix_wait_for_peer()), where no shutdown of our own socket would wake
 * them. So these are made without blocking, and again after a short sleep, as
 * long as the caller would have waited.
 */
#include <linux/sched/signal.h>

#include "core.h"

#define KSOCK_SLICE	max(HZ / 100, 1)

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
