// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ICMP errors mean: by RFC 1122, and as ip(7) and ipv6(7) have the errnos
 */
#include <kunit/test.h>
#include <linux/errqueue.h>

#include "../../ksocket/kinet/header.h"

struct icmp_param {
	const char	*name;
	u8		type, code;
	u32		rest;
	bool		known;
	int		err;
	bool		fatal;
	bool		too_big;
	bool		redirect;
	u32		info;
};

static const struct icmp_param icmp4_params[] = {
	{ "net", 3, 0, 0, true, ENETUNREACH },
	{ "host", 3, 1, 0, true, EHOSTUNREACH },
	{ "protocol", 3, 2, 0, true, ENOPROTOOPT, true },
	{ "port", 3, 3, 0, true, ECONNREFUSED, true },
	{ "fragmentation needed", 3, 4, 0x00001234, true, EMSGSIZE, false, true,
	  false, 0x1234 },
	{ "fragmentation needed, of an old router", 3, 4, 0, true, EMSGSIZE,
	  false, true, false, 0 },
	{ "source route failed", 3, 5, 0, true, EOPNOTSUPP },
	{ "net unknown", 3, 6, 0, true, ENETUNREACH, true },
	{ "host unknown", 3, 7, 0, true, EHOSTDOWN, true },
	{ "host isolated", 3, 8, 0, true, ENONET, true },
	{ "net prohibited", 3, 9, 0, true, ENETUNREACH, true },
	{ "host prohibited", 3, 10, 0, true, EHOSTUNREACH, true },
	{ "net for this service", 3, 11, 0, true, ENETUNREACH },
	{ "host for this service", 3, 12, 0, true, EHOSTUNREACH },
	{ "filtered", 3, 13, 0, true, EHOSTUNREACH, true },
	{ "precedence violated", 3, 14, 0, true, EHOSTUNREACH, true },
	{ "precedence cut off", 3, 15, 0, true, EHOSTUNREACH, true },
	{ "unreachable, unknown code", 3, 16, 0, false },
	{ "time exceeded", 11, 0, 0, true, EHOSTUNREACH },
	{ "reassembly time", 11, 1, 0, true, EHOSTUNREACH },
	{ "parameter problem", 12, 0, 0x14000000, true, EPROTO, true, false,
	  false, 0x14 },
	{ "redirect", 5, 1, 0x0a000001, true, 0, false, false, true },
	{ "echo reply", 0, 0, 0, false },
	{ "source quench", 4, 0, 0, false },
	{ "echo request", 8, 0, 0, false },
	{ "time stamp", 13, 0, 0, false },
	{ "unknown", 255, 255, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(icmp4, icmp4_params, name);

static const struct icmp_param icmp6_params[] = {
	{ "no route", 1, 0, 0, true, ENETUNREACH },
	{ "prohibited", 1, 1, 0, true, EACCES, true },
	{ "beyond scope", 1, 2, 0, true, EHOSTUNREACH },
	{ "address", 1, 3, 0, true, EHOSTUNREACH },
	{ "port", 1, 4, 0, true, ECONNREFUSED, true },
	{ "policy", 1, 5, 0, true, EACCES, true },
	{ "reject route", 1, 6, 0, true, EACCES, true },
	{ "unreachable, unknown code", 1, 7, 0, false },
	{ "too big", 2, 0, 1280, true, EMSGSIZE, false, true, false, 1280 },
	{ "hop limit", 3, 0, 0, true, EHOSTUNREACH },
	{ "parameter problem", 4, 1, 40, true, EPROTO, true, false, false, 40 },
	{ "echo request", 128, 0, 0, false },
	{ "neighbour solicitation", 135, 0, 0, false },
	{ "redirect", 137, 0, 0, true, 0, false, false, true },
	{ "redirect, unknown code", 137, 1, 0, false },
	{ "unknown error", 100, 0, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(icmp6, icmp6_params, name);

static void expect(struct kunit *test, bool known,
		   const struct kinet_error *error, u8 origin)
{
	const struct icmp_param *param = test->param_value;

	KUNIT_ASSERT_EQ(test, known, param->known);
	if (!known)
		return;
	KUNIT_EXPECT_EQ(test, error->err, param->err);
	KUNIT_EXPECT_EQ(test, error->fatal, param->fatal);
	KUNIT_EXPECT_EQ(test, error->too_big, param->too_big);
	KUNIT_EXPECT_EQ(test, error->redirect, param->redirect);
	KUNIT_EXPECT_EQ(test, error->info, param->info);
	KUNIT_EXPECT_EQ(test, error->type, param->type);
	KUNIT_EXPECT_EQ(test, error->code, param->code);
	KUNIT_EXPECT_EQ(test, error->origin, origin);
}

static void icmp_means(struct kunit *test)
{
	const struct icmp_param *param = test->param_value;
	struct kinet_error error;
	bool known;

	known = kinet_icmp4_map(param->type, param->code, param->rest, &error);
	expect(test, known, &error, SO_EE_ORIGIN_ICMP);
}

static void icmpv6_means(struct kunit *test)
{
	const struct icmp_param *param = test->param_value;
	struct kinet_error error;
	bool known;

	known = kinet_icmp6_map(param->type, param->code, param->rest, &error);
	expect(test, known, &error, SO_EE_ORIGIN_ICMP6);
}

static struct kunit_case icmpmap_cases[] = {
	KUNIT_CASE_PARAM(icmp_means, icmp4_gen_params),
	KUNIT_CASE_PARAM(icmpv6_means, icmp6_gen_params),
	{}
};

static struct kunit_suite icmpmap_suite = {
	.name = "kinet_icmpmap",
	.test_cases = icmpmap_cases,
};

kunit_test_suite(icmpmap_suite);
