// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the family said, as the caller should hear it
 */
#include <kunit/test.h>

#include "../ksocket/core/core.h"

struct plain_param {
	const char *name;
	int err;
	int plain;
};

static const struct plain_param plain_params[] = {
	{ "success", 0, 0 },
	{ "count", 17, 17 },
	{ "restart the call", -ERESTARTSYS, -EINTR },
	{ "restart without interrupt", -ERESTARTNOINTR, -EINTR },
	{ "restart without handler", -ERESTARTNOHAND, -EINTR },
	{ "restart by a block", -ERESTART_RESTARTBLOCK, -EINTR },
	{ "interrupted", -EINTR, -EINTR },
	{ "again", -EAGAIN, -EAGAIN },
	{ "reset by the peer", -ECONNRESET, -ECONNRESET },
};

KUNIT_ARRAY_PARAM_DESC(plain, plain_params, name);

static void restart_codes_become_eintr(struct kunit *test)
{
	const struct plain_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, ksock_plain_errno(param->err), param->plain);
}

struct gone_param {
	const char *name;
	int gone;
	int err;
	int heard;
};

static const struct gone_param gone_params[] = {
	{ "open, success", 0, 0, 0 },
	{ "open, count", 0, 5, 5 },
	{ "open, error", 0, -EPIPE, -EPIPE },
	{ "open, restart", 0, -ERESTARTSYS, -EINTR },
	{ "closed, success", -ENOTSOCK, 0, 0 },
	{ "closed, count", -ENOTSOCK, 5, 5 },
	{ "closed, error of the shutdown", -ENOTSOCK, -EPIPE, -EINTR },
	{ "closed, no connection", -ENOTSOCK, -ENOTCONN, -EINTR },
	{ "closed, restart", -ENOTSOCK, -ERESTARTSYS, -EINTR },
	{ "namespace gone, success", -ENETDOWN, 0, 0 },
	{ "namespace gone, count", -ENETDOWN, 5, 5 },
	{ "namespace gone, error", -ENETDOWN, -EPIPE, -ENETDOWN },
	{ "namespace gone, restart", -ENETDOWN, -ERESTARTSYS, -ENETDOWN },
};

KUNIT_ARRAY_PARAM_DESC(gone, gone_params, name);

static void error_after_the_end_tells_who_ended_it(struct kunit *test)
{
	const struct gone_param *param = test->param_value;
	struct ksocket s = { .gone = param->gone };

	KUNIT_EXPECT_EQ(test, ksock_errno(&s, param->err), param->heard);
}

struct retry_param {
	const char *name;
	unsigned int flags;
	int gone;
	int err;
	bool again;
};

static const struct retry_param retry_params[] = {
	{ "interruptible", 0, 0, -EINTR, false },
	{ "interruptible, restart", 0, 0, -ERESTARTSYS, false },
	{ "success", KSOCK_NOINTR, 0, 0, false },
	{ "count", KSOCK_NOINTR, 0, 3, false },
	{ "other error", KSOCK_NOINTR, 0, -EPIPE, false },
	{ "interrupted", KSOCK_NOINTR, 0, -EINTR, true },
	{ "restart", KSOCK_NOINTR, 0, -ERESTARTSYS, true },
	{ "closed", KSOCK_NOINTR, -ENOTSOCK, -EINTR, false },
	{ "namespace gone", KSOCK_NOINTR, -ENETDOWN, -ERESTARTSYS, false },
	{ "all other flags", KSOCK_FLAGS & ~KSOCK_NOINTR, 0, -EINTR, false },
};

KUNIT_ARRAY_PARAM_DESC(retry, retry_params, name);

static void only_uninterruptible_calls_are_made_again(struct kunit *test)
{
	const struct retry_param *param = test->param_value;
	struct ksocket s = { .gone = param->gone, .flags = param->flags };

	KUNIT_EXPECT_EQ(test, ksock_retry(&s, param->err), param->again);
}

static struct kunit_case errno_cases[] = {
	KUNIT_CASE_PARAM(restart_codes_become_eintr, plain_gen_params),
	KUNIT_CASE_PARAM(error_after_the_end_tells_who_ended_it,
			 gone_gen_params),
	KUNIT_CASE_PARAM(only_uninterruptible_calls_are_made_again,
			 retry_gen_params),
	{}
};

static struct kunit_suite errno_suite = {
	.name = "ksocket_errno",
	.test_cases = errno_cases,
};

kunit_test_suite(errno_suite);
