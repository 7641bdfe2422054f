// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses in and out: lengths
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>
#include <kunit/test.h>

#include "../ksocket/core/core.h"

#define GUARD	0xa5

struct get_param {
	const char *name;
	socklen_t len;
	int err;
};

static const struct get_param get_params[] = {
	{ "nothing", 0, -EINVAL },
	{ "half a family", 1, -EINVAL },
	{ "family alone", sizeof(sa_family_t), 0 },
	{ "inet", sizeof(struct sockaddr_in), 0 },
	{ "inet6", sizeof(struct sockaddr_in6), 0 },
	{ "unix", sizeof(struct sockaddr_un), 0 },
	{ "storage", sizeof(struct sockaddr_storage), 0 },
	{ "one more than storage", sizeof(struct sockaddr_storage) + 1,
	  -EINVAL },
	{ "negative", (socklen_t)-1, -EINVAL },
	{ "most negative", (socklen_t)INT_MIN, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(get, get_params, name);

static void address_in_has_a_sane_length(struct kunit *test)
{
	const struct get_param *param = test->param_value;
	struct sockaddr_storage from, to;
	int err;

	memset(&from, 0x11, sizeof(from));
	memset(&to, GUARD, sizeof(to));
	err = ksock_get_addr(&to, (struct sockaddr *)&from, param->len);
	KUNIT_EXPECT_EQ(test, err, param->err);
	if (!err)
		KUNIT_EXPECT_MEMEQ(test, &to, &from, param->len);
}

/* An address may lie at the end of a page: not a byte more is read. */
static void address_in_is_read_to_its_length_only(struct kunit *test)
{
	struct sockaddr_in *from;
	struct sockaddr_storage to;

	from = kunit_kzalloc(test, sizeof(*from), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, from);
	memset(&to, GUARD, sizeof(to));
	KUNIT_EXPECT_EQ(test, ksock_get_addr(&to, (struct sockaddr *)from,
					     sizeof(*from)), 0);
	KUNIT_EXPECT_EQ(test, ((u8 *)&to)[sizeof(*from)], GUARD);
}

static void no_address_in_is_a_fault(struct kunit *test)
{
	struct sockaddr_storage to;

	KUNIT_EXPECT_EQ(test, ksock_get_addr(&to, NULL, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, ksock_get_addr(&to, NULL, sizeof(to)), -EFAULT);
}

struct put_param {
	const char *name;
	int len;
	socklen_t room;
	socklen_t written;
};

static const struct put_param put_params[] = {
	{ "no room", 16, 0, 0 },
	{ "room for the family", 16, 2, 2 },
	{ "one byte short", 16, 15, 15 },
	{ "just enough", 16, 16, 16 },
	{ "more than enough", 16, 64, 16 },
	{ "all the room there is", 16, (socklen_t)-1, 16 },
	{ "longest address", sizeof(struct sockaddr_storage),
	  sizeof(struct sockaddr_storage), sizeof(struct sockaddr_storage) },
	{ "no address", 0, 16, 0 },
};

KUNIT_ARRAY_PARAM_DESC(put, put_params, name);

static void address_out_is_cut_to_the_room(struct kunit *test)
{
	const struct put_param *param = test->param_value;
	struct sockaddr_storage from, to[2];
	socklen_t len = param->room;
	u8 *bytes = (u8 *)to;
	unsigned int i;

	memset(&from, 0x11, sizeof(from));
	memset(to, GUARD, sizeof(to));
	ksock_put_addr(&from, param->len, (struct sockaddr *)to, &len);
	KUNIT_EXPECT_EQ_MSG(test, len, (socklen_t)param->len,
			    "the full length is told, cut or not");
	for (i = 0; i < sizeof(to); i++) {
		u8 expected = i < param->written ? 0x11 : GUARD;

		KUNIT_ASSERT_EQ_MSG(test, bytes[i], expected, "at byte %u", i);
	}
}

static struct kunit_case addr_cases[] = {
	KUNIT_CASE_PARAM(address_in_has_a_sane_length, get_gen_params),
	KUNIT_CASE(address_in_is_read_to_its_length_only),
	KUNIT_CASE(no_address_in_is_a_fault),
	KUNIT_CASE_PARAM(address_out_is_cut_to_the_room, put_gen_params),
	{}
};

static struct kunit_suite addr_suite = {
	.name = "ksocket_addr",
	.test_cases = addr_cases,
};

kunit_test_suite(addr_suite);
