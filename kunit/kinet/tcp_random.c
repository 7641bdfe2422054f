// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chance that can be repeated
 */
#include <linux/moduleparam.h>
#include <linux/random.h>

#include "tcp_random.h"

static uint tcp_seed;
module_param(tcp_seed, uint, 0444);
MODULE_PARM_DESC(tcp_seed, "seed of the random tests of TCP, 0: another one each time");

u32 tcp_seed_random(struct kunit *test, struct rnd_state *random)
{
	u32 seed = tcp_seed;

	while (!seed)
		seed = get_random_u32();
	kunit_info(test, "seed %u\n", seed);
	prandom_seed_state(random, seed);
	return seed;
}
