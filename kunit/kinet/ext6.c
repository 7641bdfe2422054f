// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of IPv6's extension headers: which may be skipped
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/kinet.h"

struct options_param {
	const char	*name;
	u8		option[16];
	unsigned int	len;
	bool		skip;
};

/* RFC 8200, sections 4.2 and 4.6; 0x1e is for experiments (RFC 4727). */
static const struct options_param options_params[] = {
	{ "padding", { 1, 4, 0, 0, 0, 0 }, 6, true },
	{ "padding of one", { 0, 0, 0, 0, 0, 0 }, 6, true },
	{ "padding of two", { 1, 0, 1, 0, 1, 0 }, 6, true },
	{ "as much as may be needed", { 1, 5, 0, 0, 0, 0, 0, 0x1e, 5 }, 14, true },
	{ "padding on both sides",
	  { 1, 2, 0, 0, 0x1e, 4, 1, 2, 3, 4, 1, 2, 0, 0 }, 14, true },
	{ "too much", { 1, 12 }, 14, false },
	{ "too much, one by one", { 0 }, 14, false },
	{ "padding that isn't empty", { 1, 4, 0, 0, 0, 1 }, 6, false },
	{ "unknown: skip", { 0x1e, 4, 1, 2, 3, 4 }, 6, true },
	{ "unknown: discard", { 0x5e, 4, 1, 2, 3, 4 }, 6, false },
	{ "unknown: discard and answer", { 0x9e, 4, 1, 2, 3, 4 }, 6, false },
	{ "unknown: answer but for groups", { 0xde, 4, 1, 2, 3, 4 }, 6, false },
	{ "the second: discard", { 0x1e, 0, 0x5e, 2, 0, 0 }, 6, false },
	{ "longer than the header", { 0x1e, 5 }, 6, false },
	{ "padding beyond the header", { 1, 5 }, 6, false },
	{ "without a length", { 1, 3, 0, 0, 0, 0x1e }, 6, false },
	{ "none", { 0 }, 0, true },
};

KUNIT_ARRAY_PARAM_DESC(options, options_params, name);

static void options_are_skipped(struct kunit *test)
{
	const struct options_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, kinet_options6_skip(param->option, param->len),
			param->skip);
}

static struct kunit_case ext6_cases[] = {
	KUNIT_CASE_PARAM(options_are_skipped, options_gen_params),
	{}
};

static struct kunit_suite ext6_suite = {
	.name = "kinet_ext6",
	.test_cases = ext6_cases,
};

kunit_test_suite(ext6_suite);
