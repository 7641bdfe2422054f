// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing a port
 */
#include <kunit/test.h>
#include <linux/bitmap.h>

#include "../../ksocket/kinet/header.h"

#define PORTS	65536

struct port_param {
	const char	*name;
	unsigned int	low, high;
	u32		seed;
	unsigned int	taken_low, taken_high;	/* none when 0 */
	int		port;
};

/* The seed chooses as a fraction of 2^32; a taken one gives way to the next. */
static const struct port_param port_params[] = {
	{ "lowest", 100, 199, 0, 0, 0, 100 },
	{ "highest", 100, 199, U32_MAX, 0, 0, 199 },
	{ "in the middle", 100, 199, 0x80000000, 0, 0, 150 },
	{ "lowest of all", 1, 65535, 0, 0, 0, 1 },
	{ "highest of all", 1, 65535, U32_MAX, 0, 0, 65535 },
	{ "the only one", 53, 53, 0x12345678, 0, 0, 53 },
	{ "the only one, taken", 53, 53, 0x12345678, 53, 53, -EADDRINUSE },
	{ "next", 100, 199, 0, 100, 120, 121 },
	{ "round the end", 100, 199, U32_MAX, 150, 199, 100 },
	{ "round to the last", 100, 199, 0xf0000000, 101, 199, 100 },
	{ "all taken", 100, 199, 0x80000000, 100, 199, -EADDRINUSE },
	{ "neighbours don't count", 100, 199, 0, 200, 300, 100 },
	{ "all of all taken", 1, 65535, 5, 1, 65535, -EADDRINUSE },
};

KUNIT_ARRAY_PARAM_DESC(port, port_params, name);

static unsigned long *ports(struct kunit *test)
{
	unsigned long *taken;

	taken = kunit_kzalloc(test, BITS_TO_LONGS(PORTS) * sizeof(long),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, taken);
	return taken;
}

static void a_free_port_is_chosen(struct kunit *test)
{
	const struct port_param *param = test->param_value;
	unsigned long *taken = ports(test);

	if (param->taken_low)
		bitmap_set(taken, param->taken_low,
			   param->taken_high - param->taken_low + 1);
	KUNIT_EXPECT_EQ(test, kinet_port_choose(taken, param->low, param->high,
						param->seed), param->port);
}

static void the_search_goes_round(struct kunit *test)
{
	unsigned long *taken = ports(test);

	bitmap_set(taken, 11, 2);
	KUNIT_EXPECT_EQ(test, kinet_port_next(taken, 10, 14, 10), 13);
	KUNIT_EXPECT_EQ(test, kinet_port_next(taken, 10, 14, 13), 14);
	KUNIT_EXPECT_EQ(test, kinet_port_next(taken, 10, 14, 14), 10);
	bitmap_set(taken, 10, 4);
	KUNIT_EXPECT_EQ_MSG(test, kinet_port_next(taken, 10, 14, 14), 14,
			    "itself, when it is the last one");
}

/* RFC 6056: no port is likelier than another. */
static void all_ports_are_as_likely(struct kunit *test)
{
	unsigned long *taken = ports(test);
	unsigned int seen[8] = {};
	u32 seed;
	int i;

	for (seed = 0; seed < 1024; seed++)
		seen[kinet_port_choose(taken, 8, 15, seed << 22) - 8]++;
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		KUNIT_EXPECT_EQ(test, seen[i], 1024 / ARRAY_SIZE(seen));
}

static struct kunit_case port_cases[] = {
	KUNIT_CASE_PARAM(a_free_port_is_chosen, port_gen_params),
	KUNIT_CASE(the_search_goes_round),
	KUNIT_CASE(all_ports_are_as_likely),
	{}
};

static struct kunit_suite port_suite = {
	.name = "kinet_port",
	.test_cases = port_cases,
};

kunit_test_suite(port_suite);
