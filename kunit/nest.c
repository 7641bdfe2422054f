// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks of sockets on different levels, one inside the other
 */
#include <linux/debug_locks.h>

#include "pair.h"

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
	{ AF_NETLINK, "other" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static void make_levels(struct kunit *test, ksocket_t *levels)
{
	int type = kt_domain(test) == AF_NETLINK ? SOCK_RAW : SOCK_STREAM;
	unsigned int i;

	for (i = 0; i <= KSOCK_NEST_MAX; i++)
		levels[i] = kt_socket_flags(test, kt_domain(test), type,
					    KSOCK_NEST(i));
}

static void need_lockdep(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		kunit_skip(test, "nobody looks at locks");
	/* Once it has complained, of whatever, lockdep is off. */
	KUNIT_ASSERT_TRUE(test, READ_ONCE(debug_locks));
}

static void levels_may_be_locked_within_each_other(struct kunit *test)
{
	ksocket_t levels[KSOCK_NEST_MAX + 1];
	int i;

	need_lockdep(test);
	make_levels(test, levels);
	for (i = 0; i <= KSOCK_NEST_MAX; i++)
		lock_sock(levels[i]->sock->sk);
	for (i = KSOCK_NEST_MAX; i >= 0; i--)
		release_sock(levels[i]->sock->sk);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(debug_locks));
}

/* As the softirq takes them: the spinlock below the owner's */
static void spinlocks_nest_as_well(struct kunit *test)
{
	ksocket_t levels[KSOCK_NEST_MAX + 1];
	int i;

	need_lockdep(test);
	make_levels(test, levels);
	local_bh_disable();
	for (i = 0; i <= KSOCK_NEST_MAX; i++)
		bh_lock_sock(levels[i]->sock->sk);
	for (i = KSOCK_NEST_MAX; i >= 0; i--)
		bh_unlock_sock(levels[i]->sock->sk);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, READ_ONCE(debug_locks));
}

static void level_that_is_none_is_refused(struct kunit *test)
{
	ksocket_t s;

	KUNIT_EXPECT_EQ(test, ksock_socket_net(&s, AF_INET, SOCK_STREAM, 0,
					       &init_net,
					       KSOCK_NEST(KSOCK_NEST_MAX + 1)),
			-EINVAL);
}

static struct kunit_case nest_cases[] = {
	KUNIT_CASE_PARAM(levels_may_be_locked_within_each_other,
			 family_gen_params),
	KUNIT_CASE_PARAM(spinlocks_nest_as_well, family_gen_params),
	KUNIT_CASE(level_that_is_none_is_refused),
	{}
};

static struct kunit_suite nest_suite = {
	.name = "ksocket_nest",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = nest_cases,
};

kunit_test_suite(nest_suite);
