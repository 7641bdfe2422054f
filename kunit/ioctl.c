// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctls: the few that are answered, and the many that are not
 */
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "pair.h"

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static int ask(struct kunit *test, ksocket_t s, int cmd)
{
	int val = -1, err;

	err = ksock_ioctl(s, cmd, (intptr_t)&val);
	KUNIT_EXPECT_EQ_MSG(test, err, 0, "ioctl %#x", cmd);
	return val;
}

static void bytes_that_wait_are_counted(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[10] = {};

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 10, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 10);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 4, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 6);
}

static void only_the_next_message_is_counted(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[10] = {};

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 3, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 9, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 3);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 3, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, FIONREAD), 9);
}

/* The peer reads nothing, so once it is full some of it stays with us. */
static void bytes_on_their_way_are_counted(struct kunit *test)
{
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_EXPECT_EQ(test, ask(test, pair.client, SIOCOUTQ), 0);
	kt_fill(test, pair.client);
	KUNIT_EXPECT_GT(test, ask(test, pair.client, SIOCOUTQ), 0);
}

static void listener_has_no_queues_of_bytes(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s;
	int val;

	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	KUNIT_EXPECT_EQ(test, ksock_ioctl(s, FIONREAD, (intptr_t)&val),
			-EINVAL);
}

static void urgent_mark_is_found(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[3] = "ab", urgent = 'U';

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, SIOCATMARK), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 2, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, &urgent, 1, MSG_OOB,
					 NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLPRI);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, SIOCATMARK), 0);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 2, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ask(test, pair.server, SIOCATMARK), 1);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 1, MSG_OOB, NULL),
			0);
	KUNIT_EXPECT_EQ(test, bytes[0], 'U');
}

static void nonblocking_is_switched_on_and_off(struct kunit *test)
{
	int on = 1, off = 0;
	struct kt_pair pair;
	size_t n;
	u8 byte;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_EXPECT_EQ(test, ksock_ioctl(pair.client, FIONBIO, (intptr_t)&on),
			0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, &n),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, ksock_ioctl(pair.client, FIONBIO, (intptr_t)&off),
			0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.server, &byte, 1, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, NULL), 0);
}

struct refused_param {
	const char *name;
	int cmd;
	int err;
};

static const struct refused_param refused_params[] = {
	{ "SIOCSPGRP", SIOCSPGRP, -EOPNOTSUPP },
	{ "SIOCGPGRP", SIOCGPGRP, -EOPNOTSUPP },
	{ "FIOASYNC", FIOASYNC, -EOPNOTSUPP },
	{ "FIOSETOWN", FIOSETOWN, -EOPNOTSUPP },
	{ "FIOGETOWN", FIOGETOWN, -EOPNOTSUPP },
	{ "SIOCGIFADDR", SIOCGIFADDR, -ENOTTY },
	{ "SIOCADDRT", SIOCADDRT, -ENOTTY },
	{ "SIOCGSTAMP", SIOCGSTAMP_OLD, -ENOTTY },
	{ "TCGETS", TCGETS, -ENOTTY },
	{ "none", 0, -ENOTTY },
	{ "minus one", -1, -ENOTTY },
};

KUNIT_ARRAY_PARAM_DESC(refused, refused_params, name);

static void other_ioctls_are_refused(struct kunit *test)
{
	const struct refused_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int val = 1;

	KUNIT_EXPECT_EQ(test, ksock_ioctl(s, param->cmd, (intptr_t)&val),
			param->err);
	KUNIT_EXPECT_EQ(test, val, 1);
}

struct fault_param {
	const char *name;
	int cmd;
};

static const struct fault_param fault_params[] = {
	{ "FIONBIO", FIONBIO },
	{ "FIONREAD", FIONREAD },
	{ "SIOCATMARK", SIOCATMARK },
	{ "SIOCOUTQ", SIOCOUTQ },
};

KUNIT_ARRAY_PARAM_DESC(fault, fault_params, name);

static void nowhere_to_store_the_answer_is_a_fault(struct kunit *test)
{
	const struct fault_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	KUNIT_EXPECT_EQ(test, ksock_ioctl(s, param->cmd, 0), -EFAULT);
}

static struct kunit_case ioctl_cases[] = {
	KUNIT_CASE_PARAM(bytes_that_wait_are_counted, family_gen_params),
	KUNIT_CASE_PARAM(only_the_next_message_is_counted, family_gen_params),
	KUNIT_CASE_PARAM(bytes_on_their_way_are_counted, family_gen_params),
	KUNIT_CASE_PARAM(listener_has_no_queues_of_bytes, family_gen_params),
	KUNIT_CASE(urgent_mark_is_found),
	KUNIT_CASE_PARAM(nonblocking_is_switched_on_and_off, family_gen_params),
	KUNIT_CASE_PARAM(other_ioctls_are_refused, refused_gen_params),
	KUNIT_CASE_PARAM(nowhere_to_store_the_answer_is_a_fault,
			 fault_gen_params),
	{}
};

static struct kunit_suite ioctl_suite = {
	.name = "ksocket_ioctl",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = ioctl_cases,
};

kunit_test_suite(ioctl_suite);
