// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a direct callback must not do, and what it may
 */
#include "call.h"
#include "recorder.h"

KUNIT_ARRAY_PARAM_DESC(call, kt_calls, name);

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static u8 bytes[8];

/* What the direct callback below does, to whom; and what it was answered */
static struct {
	ksocket_t s;
	int (*call)(ksocket_t s);
	int ret;
} misuse;

static void run_misuse(struct kt_recorder *rec, const struct kt_event *event)
{
	/* Once: the end of the test is told, too. */
	if (event->what == KT_RECV && event->value > 0)
		misuse.ret = misuse.call(misuse.s);
}

/* Have a direct callback of a server make a call on @s, or on itself. */
static int from_direct(struct kunit *test, int domain, ksocket_t s,
		       int (*call)(ksocket_t s))
{
	struct kt_recorder *rec = kt_recorder(test, 0);
	struct kt_pair pair;

	kt_pair(test, domain, SOCK_STREAM, &pair);
	misuse.s = s ? : pair.server;
	misuse.call = call;
	misuse.ret = 1;
	rec->run = run_misuse;
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair.server), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 3, 0, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
	KUNIT_EXPECT_EQ_MSG(test, ksock_recv(pair.server, bytes, 3, 0, NULL), 0,
			    "the socket is none the worse for it");
	return misuse.ret;
}

static void call_on_the_own_socket_is_refused(struct kunit *test)
{
	const struct kt_call *param = test->param_value;

	KUNIT_EXPECT_EQ(test, from_direct(test, AF_INET, NULL, param->call),
			-EDEADLK);
}

static void call_on_another_socket_is_refused(struct kunit *test)
{
	ksocket_t other = kt_socket(test, AF_INET, SOCK_STREAM);
	const struct kt_call *param = test->param_value;

	KUNIT_EXPECT_EQ(test, from_direct(test, AF_UNIX, other, param->call),
			-EDEADLK);
}

static int call_close(ksocket_t s)
{
	return ksock_close(s);
}

static void close_is_refused(struct kunit *test)
{
	ksocket_t other = kt_socket(test, AF_INET, SOCK_STREAM);

	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), NULL,
					  call_close), -EDEADLK);
	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), other,
					  call_close), -EDEADLK);
	KUNIT_EXPECT_EQ_MSG(test, ksock_close(other), 0, "it is still open");
}

static ksocket_t made;

static int call_socket(ksocket_t s)
{
	made = (ksocket_t)1;
	return ksock_socket_net(&made, AF_INET, SOCK_STREAM, 0, &init_net, 0);
}

static void socket_is_refused(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), NULL,
					  call_socket), -EDEADLK);
	KUNIT_EXPECT_NULL(test, made);
}

static int call_poll(ksocket_t s)
{
	return (__force int)ksock_poll(s);
}

static void poll_knows_nothing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), NULL,
					  call_poll), (__force int)EPOLLNVAL);
}

static int call_hold(ksocket_t s)
{
	ksock_hold(s);
	ksock_hold(s);
	ksock_rele(s);
	return 0;
}

static void hold_and_release_are_allowed(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	unsigned int refs = refcount_read(&s->refs);

	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), s, call_hold),
			0);
	KUNIT_EXPECT_EQ(test, refcount_read(&s->refs), refs + 1);
	ksock_rele(s);
}

static int call_rele(ksocket_t s)
{
	ksock_rele(s);
	return 0;
}

/* Closed, with callbacks that were: both go with the last release. */
static void last_release_is_allowed(struct kunit *test)
{
	const ksock_callbacks_t none = {};
	ksocket_t s;

	KUNIT_ASSERT_EQ(test, ksock_socket_net(&s, AF_INET, SOCK_STREAM, 0,
					       &init_net, 0), 0);
	ksock_hold(s);
	KUNIT_EXPECT_EQ(test, ksock_callbacks(s, &none, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, from_direct(test, kt_domain(test), s, call_rele),
			0);
}

/* On whichever CPU it ran: the next callback there may call again. */
static void mark_ends_with_the_callback(struct kunit *test)
{
	unsigned int cpu;

	from_direct(test, kt_domain(test), NULL, call_poll);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_NULL(test, READ_ONCE(per_cpu(ksock_direct, cpu)));
}

static struct kunit_case misuse_cases[] = {
	KUNIT_CASE_PARAM(call_on_the_own_socket_is_refused, call_gen_params),
	KUNIT_CASE_PARAM(call_on_another_socket_is_refused, call_gen_params),
	KUNIT_CASE_PARAM(close_is_refused, family_gen_params),
	KUNIT_CASE_PARAM(socket_is_refused, family_gen_params),
	KUNIT_CASE_PARAM(poll_knows_nothing, family_gen_params),
	KUNIT_CASE_PARAM(hold_and_release_are_allowed, family_gen_params),
	KUNIT_CASE_PARAM(last_release_is_allowed, family_gen_params),
	KUNIT_CASE_PARAM(mark_ends_with_the_callback, family_gen_params),
	{}
};

static struct kunit_suite misuse_suite = {
	.name = "ksocket_misuse",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = misuse_cases,
};

kunit_test_suite(misuse_suite);
