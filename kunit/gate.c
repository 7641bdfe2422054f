// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: calls enter and leave, until whoever is first shuts it
 *
 * On handles without a socket, which the gate never looks at.
 */
#include <linux/sched.h>

#include "thread.h"

/* Not by ksock_rele(), which frees closed handles only. */
static void free_handle(void *s)
{
	ksock_free(s);
}

static struct ksocket *bare_handle(struct kunit *test, unsigned int flags)
{
	struct ksocket *s = ksock_alloc(flags, THIS_MODULE);

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_handle, s),
			0);
	return s;
}

static int calls(const struct ksocket *s)
{
	return atomic_read(&s->calls);
}

static void null_is_no_socket(struct kunit *test)
{
	struct ksock_call call;

	KUNIT_EXPECT_EQ(test, ksock_enter(NULL, &call), -ENOTSOCK);
}

static void calls_are_counted(struct kunit *test)
{
	struct ksocket *s = bare_handle(test, 0);
	struct ksock_call one, two;

	KUNIT_ASSERT_EQ(test, ksock_enter(s, &one), 0);
	KUNIT_EXPECT_EQ(test, calls(s), 1);
	KUNIT_ASSERT_EQ(test, ksock_enter(s, &two), 0);
	KUNIT_EXPECT_EQ(test, calls(s), 2);
	ksock_leave(s, &one);
	ksock_leave(s, &two);
	KUNIT_EXPECT_EQ(test, calls(s), 0);
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&s->drained),
			       "nobody waits at an open gate");
}

struct shut_param {
	const char *name;
	int gone;
};

static const struct shut_param shut_params[] = {
	{ "closed", -ENOTSOCK },
	{ "namespace gone", -ENETDOWN },
};

KUNIT_ARRAY_PARAM_DESC(shut, shut_params, name);

static void shut_gate_lets_nobody_in(struct kunit *test)
{
	const struct shut_param *param = test->param_value;
	struct ksocket *s = bare_handle(test, 0);
	struct ksock_call call;

	KUNIT_EXPECT_TRUE(test, ksock_shut(s, param->gone, false));
	KUNIT_EXPECT_EQ(test, ksock_enter(s, &call), param->gone);
	KUNIT_EXPECT_EQ(test, ksock_enter(s, &call), param->gone);
	KUNIT_EXPECT_EQ_MSG(test, calls(s), KSOCK_SHUT,
			    "who is turned away is not counted");
}

static void first_to_shut_wins(struct kunit *test)
{
	struct ksocket *s = bare_handle(test, 0);
	struct ksock_call call;

	KUNIT_EXPECT_TRUE(test, ksock_shut(s, -ENETDOWN, false));
	KUNIT_EXPECT_FALSE(test, ksock_shut(s, -ENOTSOCK, false));
	KUNIT_EXPECT_FALSE(test, ksock_shut(s, -ENETDOWN, false));
	KUNIT_EXPECT_EQ(test, ksock_enter(s, &call), -ENETDOWN);
	KUNIT_EXPECT_EQ(test, calls(s), KSOCK_SHUT);
}

static void last_to_leave_ends_the_drain(struct kunit *test)
{
	struct ksocket *s = bare_handle(test, 0);
	struct ksock_call one, two;

	KUNIT_ASSERT_EQ(test, ksock_enter(s, &one), 0);
	KUNIT_ASSERT_EQ(test, ksock_enter(s, &two), 0);
	atomic_add(KSOCK_SHUT, &s->calls);
	ksock_leave(s, &two);
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&s->drained),
			       "one call is still under way");
	ksock_leave(s, &one);
	KUNIT_EXPECT_TRUE(test, completion_done(&s->drained));
}

/* Through the gate and back until it is shut. Return: how it was turned away */
static int run_gate(struct kt_thread *thread)
{
	struct ksock_call call;
	int err;

	while (!(err = ksock_enter(thread->s, &call))) {
		thread->count++;
		ksock_leave(thread->s, &call);
		cond_resched();
	}
	return err;
}

/* The last one leaves exactly once, whoever that is. */
static void drain_ends_once_when_calls_race_with_it(struct kunit *test)
{
	struct kt_thread *threads[2];
	unsigned int round, i;
	struct ksocket *s;

	for (round = 0; round < 50; round++) {
		s = bare_handle(test, 0);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			threads[i] = kt_start(test, run_gate, s, NULL, 0);
		kt_wait_count(test, threads[0]);
		WRITE_ONCE(s->gone, -ENOTSOCK);
		if (atomic_add_return(KSOCK_SHUT, &s->calls) != KSOCK_SHUT)
			KUNIT_ASSERT_NE(test, 0,
					wait_for_completion_timeout(&s->drained,
								    KT_BOUND));
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			KUNIT_EXPECT_EQ(test, kt_join(test, threads[i]),
					-ENOTSOCK);
		KUNIT_ASSERT_EQ(test, calls(s), KSOCK_SHUT);
		KUNIT_ASSERT_FALSE_MSG(test, completion_done(&s->drained),
				       "the drain must end once only");
	}
}

struct scope_param {
	const char *name;
	unsigned int flags;
	unsigned int reclaim;
	bool blocks_signals;
};

static const struct scope_param scope_params[] = {
	{ "none", 0, 0, false },
	{ "does not pin", KSOCK_NOPIN, 0, false },
	{ "no io", KSOCK_NOIO, PF_MEMALLOC_NOIO, false },
	{ "no fs", KSOCK_NOFS, PF_MEMALLOC_NOFS, false },
	{ "no io wins over no fs", KSOCK_NOIO | KSOCK_NOFS, PF_MEMALLOC_NOIO,
	  false },
	{ "no interrupt", KSOCK_NOINTR, 0, true },
	{ "no io, no interrupt", KSOCK_NOIO | KSOCK_NOINTR, PF_MEMALLOC_NOIO,
	  true },
};

KUNIT_ARRAY_PARAM_DESC(scope, scope_params, name);

#define RECLAIM_FLAGS	(PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS)

static void call_runs_in_the_scope_of_its_flags(struct kunit *test)
{
	const struct scope_param *param = test->param_value;
	struct ksocket *s = bare_handle(test, param->flags);
	sigset_t blocked = current->blocked;
	unsigned int reclaim;
	struct ksock_call call;
	bool blocks;

	KUNIT_ASSERT_EQ(test, current->flags & RECLAIM_FLAGS, 0);
	KUNIT_ASSERT_EQ(test, ksock_enter(s, &call), 0);
	reclaim = current->flags & RECLAIM_FLAGS;
	blocks = sigismember(&current->blocked, SIGTERM);
	ksock_leave(s, &call);

	KUNIT_EXPECT_EQ(test, reclaim, param->reclaim);
	KUNIT_EXPECT_EQ(test, blocks, param->blocks_signals);
	KUNIT_EXPECT_EQ_MSG(test, current->flags & RECLAIM_FLAGS, 0,
			    "the scope ends with the call");
	KUNIT_EXPECT_MEMEQ_MSG(test, &current->blocked, &blocked,
			       sizeof(blocked),
			       "the signal mask is what it was");
}

static struct kunit_case gate_cases[] = {
	KUNIT_CASE(null_is_no_socket),
	KUNIT_CASE(calls_are_counted),
	KUNIT_CASE_PARAM(shut_gate_lets_nobody_in, shut_gen_params),
	KUNIT_CASE(first_to_shut_wins),
	KUNIT_CASE(last_to_leave_ends_the_drain),
	KUNIT_CASE_SLOW(drain_ends_once_when_calls_race_with_it),
	KUNIT_CASE_PARAM(call_runs_in_the_scope_of_its_flags, scope_gen_params),
	{}
};

static struct kunit_suite gate_suite = {
	.name = "ksocket_gate",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = gate_cases,
};

kunit_test_suite(gate_suite);
