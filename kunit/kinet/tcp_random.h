/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chance that can be repeated: kinet_kunit.tcp_seed= takes a seed that was
 * printed.
 */
#ifndef _KUNIT_KINET_TCP_RANDOM_H
#define _KUNIT_KINET_TCP_RANDOM_H

#include <kunit/test.h>
#include <linux/prandom.h>

/* Seed it, print the seed, and return it. */
u32 tcp_seed_random(struct kunit *test, struct rnd_state *random);

/* Below @limit */
static inline u32 tcp_random(struct rnd_state *random, u32 limit)
{
	return (u64)prandom_u32_state(random) * limit >> 32;
}

static inline bool tcp_percent(struct rnd_state *random, u32 percent)
{
	return tcp_random(random, 100) < percent;
}

#endif /* _KUNIT_KINET_TCP_RANDOM_H */
