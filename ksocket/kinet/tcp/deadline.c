// SPDX-License-Identifier: GPL-2.0-only
/*
 * When something is due: RFC 9293, sections 3.8.3 (giving up), 3.8.4 (keeping
 * alive) and 3.8.6.1 (persisting)
 */
#include <linux/minmax.h>

#include "deadline.h"

/**
 * kinet_deadlines_init() - nothing is due
 * @deadlines: to be initialised
 */
void kinet_deadlines_init(struct kinet_deadlines *deadlines)
{
	enum kinet_timer timer;

	for (timer = 0; timer < KINET_TIMERS; timer++)
		deadlines->due[timer] = KINET_NEVER;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_deadlines_init);

static __always_inline enum kinet_timer
kinet_deadlines_next(const struct kinet_deadlines *deadlines, enum kinet_timer end)
{
	enum kinet_timer timer, first = 0;

	for (timer = 1; timer < end; timer++)
		if (deadlines->due[timer] < deadlines->due[first])
			first = timer;
	return first;
}

/**
 * kinet_deadlines_first() - when the next timer goes off
 * @deadlines: of this connection
 *
 * Return: when, or KINET_NEVER.
 */
u64 kinet_deadlines_first(const struct kinet_deadlines *deadlines)
{
	return deadlines->due[kinet_deadlines_next(deadlines, KINET_TIMERS)];
}
EXPORT_SYMBOL_IF_KUNIT(kinet_deadlines_first);

/**
 * kinet_deadlines_coarse() - when the next timer goes off that may be late
 * @deadlines: of this connection
 *
 * Return: when, or KINET_NEVER.
 */
u64 kinet_deadlines_coarse(const struct kinet_deadlines *deadlines)
{
	return deadlines->due[kinet_deadlines_next(deadlines,
						   KINET_TIMERS_COARSE)];
}
EXPORT_SYMBOL_IF_KUNIT(kinet_deadlines_coarse);

/**
 * kinet_deadlines_take() - the timer that has gone off
 * @deadlines: of this connection; that timer is unset
 * @now: time
 * @timer: which it is; of several, the one that was due first
 *
 * Return: false when there is none.
 */
bool kinet_deadlines_take(struct kinet_deadlines *deadlines, u64 now,
			  enum kinet_timer *timer)
{
	*timer = kinet_deadlines_next(deadlines, KINET_TIMERS);
	if (deadlines->due[*timer] == KINET_NEVER || now < deadlines->due[*timer])
		return false;
	deadlines->due[*timer] = KINET_NEVER;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_deadlines_take);

/**
 * kinet_patience_left() - how much longer something is waited for
 * @patience: of this connection
 * @now: time
 * @since: when the waiting began
 *
 * Return: microseconds; 0 when the connection is to be given up.
 */
u64 kinet_patience_left(const struct kinet_patience *patience, u64 now, u64 since)
{
	u64 limit = patience->user ?: patience->r2;

	return limit - min(now - since, limit);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_patience_left);

/**
 * kinet_persistence() - to go on retransmitting?
 * @patience: of this connection
 * @now: time
 * @since: when what isn't acknowledged was sent first
 * @resent: how often it was sent again
 *
 * RFC 9293, section 3.8.3, (a) to (c): R1 and R2.
 *
 * Return: what to do.
 */
enum kinet_persistence kinet_persistence(const struct kinet_patience *patience,
					 u64 now, u64 since, u32 resent)
{
	if (!kinet_patience_left(patience, now, since))
		return KINET_PERSIST_GIVE_UP;
	return resent >= patience->r1 ? KINET_PERSIST_ADVISE : KINET_PERSIST_ON;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_persistence);

/**
 * kinet_persist_interval() - how long until the next probe of a window
 * @rto: retransmission time-out, without backoff
 * @backoff: probes so far
 * @max: the longest interval
 *
 * SHLD-29: the first after an RTO; SHLD-30: then exponentially longer.
 *
 * Return: the interval.
 */
u64 kinet_persist_interval(u32 rto, u32 backoff, u32 max)
{
	return min_t(u64, (u64)rto << min(backoff, 31U), max);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_persist_interval);

/**
 * kinet_keepalive() - what to do to keep a connection alive
 * @keepalive: how; off by default (MUST-25)
 * @now: time
 * @heard: when something came from the peer last (MUST-26)
 * @sent: probes since then
 * @due: when to ask again
 *
 * MUST-29: one probe without an answer says nothing yet.
 *
 * Return: what to do.
 */
enum kinet_keepalive_does kinet_keepalive(const struct kinet_keepalive *keepalive,
					  u64 now, u64 heard, u32 sent, u64 *due)
{
	u64 next = heard + keepalive->idle + sent * keepalive->interval;
	bool dead = sent >= keepalive->probes;

	*due = next;
	if (now < next)
		return KINET_KEEPALIVE_WAIT;
	if (keepalive->user)
		dead = sent && now - heard >= keepalive->user;
	if (dead)
		return KINET_KEEPALIVE_DEAD;
	*due = now + keepalive->interval;
	return KINET_KEEPALIVE_PROBE;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_keepalive);
