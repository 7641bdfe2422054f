// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping where the family would sleep on the peer's queue
 */
#include <kunit/test.h>

#include "../ksocket/core/core.h"

struct slice_param {
	const char *name;
	int gone;
	long timeo;
	int err;
	bool again;
	int err_after;
};

static const struct slice_param slice_params[] = {
	{ "success", 0, HZ, 0, false, 0 },
	{ "count", 0, HZ, 9, false, 9 },
	{ "other error", 0, HZ, -ECONNREFUSED, false, -ECONNREFUSED },
	{ "does not wait", 0, 0, -EAGAIN, false, -EAGAIN },
	{ "waits", 0, HZ, -EAGAIN, true, -EAGAIN },
	{ "waits for ever", 0, MAX_SCHEDULE_TIMEOUT, -EAGAIN, true, -EAGAIN },
	{ "one jiffy is left", 0, 1, -EAGAIN, true, -EAGAIN },
	{ "closed meanwhile", -ENOTSOCK, HZ, -EAGAIN, false, -EINTR },
	{ "namespace gone meanwhile", -ENETDOWN, HZ, -EAGAIN, false, -EINTR },
};

KUNIT_ARRAY_PARAM_DESC(slice, slice_params, name);

static void only_a_wait_goes_on(struct kunit *test)
{
	const struct slice_param *param = test->param_value;
	struct ksocket s = { .gone = param->gone };
	long timeo = param->timeo;
	int err = param->err;

	KUNIT_EXPECT_EQ(test, ksock_slice(&s, &timeo, &err), param->again);
	KUNIT_EXPECT_EQ(test, err, param->err_after);
}

static void time_that_is_left_runs_out(struct kunit *test)
{
	struct ksocket s = {};
	long timeo = HZ / 10 + 1, before;
	unsigned int slices = 0;
	int err = -EAGAIN;

	for (before = timeo; ksock_slice(&s, &timeo, &err); before = timeo) {
		KUNIT_ASSERT_LT_MSG(test, timeo, before,
				    "a slice must cost some of the time");
		slices++;
	}
	KUNIT_EXPECT_EQ(test, timeo, 0);
	KUNIT_EXPECT_EQ(test, err, -EAGAIN);
	KUNIT_EXPECT_GT_MSG(test, slices, 1, "it is waited in several slices");
}

static void time_without_end_stays(struct kunit *test)
{
	long timeo = MAX_SCHEDULE_TIMEOUT;
	struct ksocket s = {};
	int err = -EAGAIN;

	KUNIT_EXPECT_TRUE(test, ksock_slice(&s, &timeo, &err));
	KUNIT_EXPECT_EQ(test, timeo, MAX_SCHEDULE_TIMEOUT);
}

static struct kunit_case slice_cases[] = {
	KUNIT_CASE_PARAM(only_a_wait_goes_on, slice_gen_params),
	KUNIT_CASE(time_that_is_left_runs_out),
	KUNIT_CASE(time_without_end_stays),
	{}
};

static struct kunit_suite slice_suite = {
	.name = "ksocket_slice",
	.test_cases = slice_cases,
};

kunit_test_suite(slice_suite);
