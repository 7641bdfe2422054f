// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callbacks: registered and not, one at a time, ended from within
 */
#include <linux/iopoll.h>

#include "recorder.h"
#include "thread.h"

KUNIT_ARRAY_PARAM(mode, kt_modes, kt_describe_mode);

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static u8 bytes[8];

static void send(struct kunit *test, ksocket_t s, size_t n)
{
	KUNIT_ASSERT_EQ(test, ksock_send(s, bytes, n, 0, NULL), 0);
}

/* A connection, whose server records; with @run in its callbacks */
static struct kt_recorder *
record_server(struct kunit *test, struct kt_pair *pair, int domain,
	      unsigned int flags,
	      void (*run)(struct kt_recorder *rec, const struct kt_event *event))
{
	struct kt_recorder *rec = kt_recorder(test, flags);

	kt_pair(test, domain, SOCK_STREAM, pair);
	rec->run = run;
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair->server), 0);
	return rec;
}

static void ended_callbacks_stay_silent(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_mode_domain(test),
			    kt_mode_flags(test), NULL);
	send(test, pair.client, 3);
	kt_expect_event(test, rec, KT_RECV, 3);
	KUNIT_EXPECT_EQ(test, ksock_callbacks(pair.server, NULL, NULL), 0);
	KUNIT_EXPECT_EQ_MSG(test, ksock_callbacks(pair.server, NULL, NULL), 0,
			    "nothing is left to end");
	send(test, pair.client, 2);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_wait_poll(test, pair.server, EPOLLIN | EPOLLRDHUP);
	kt_expect_no_more(test, rec);

	/* And nothing is lost meanwhile. */
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair.server), 0);
	kt_expect_event(test, rec, KT_RECV, 5);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_no_more(test, rec);
}

static void later_registration_takes_over(struct kunit *test)
{
	struct kt_recorder *first, *second;
	struct kt_pair pair;

	first = record_server(test, &pair, kt_mode_domain(test),
			      kt_mode_flags(test), NULL);
	second = kt_record(test, pair.server,
			   kt_mode_flags(test) ^ KSOCK_CB_DEFERRED);
	send(test, pair.client, 3);
	kt_expect_event(test, second, KT_RECV, 3);
	kt_expect_no_more(test, second);
	kt_expect_no_more(test, first);
}

static void callbacks_that_are_not_there_are_not_called(struct kunit *test)
{
	const ksock_callbacks_t none = { .flags = kt_mode_flags(test) };
	struct kt_recorder *rec;
	struct kt_pair pair;

	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(pair.listener, &none, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(pair.client, &none, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(pair.server, &none, NULL), 0);
	kt_dial(test, &pair);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(pair.server, &none, NULL), 0);
	send(test, pair.client, 3);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_ASSERT_EQ(test, ksock_want_xmit(pair.server), 0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_wait_poll(test, pair.server, EPOLLRDHUP);
	rec = kt_record(test, pair.server, kt_mode_flags(test));
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_event(test, rec, KT_RECV, 0);
}

static void unknown_flags_leave_all_as_it_was(struct kunit *test)
{
	ksock_callbacks_t cb = { .flags = KSOCK_CB_DEFERRED << 1 };
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_mode_domain(test),
			    kt_mode_flags(test), NULL);
	KUNIT_EXPECT_EQ(test, ksock_callbacks(pair.server, &cb, NULL), -EINVAL);
	cb.flags |= KSOCK_CB_DEFERRED;
	KUNIT_EXPECT_EQ(test, ksock_callbacks(pair.server, &cb, NULL), -EINVAL);
	send(test, pair.client, 3);
	kt_expect_event(test, rec, KT_RECV, 3);
}

/* Deferred: what happens while a callback runs is told after it, in order. */
static void deferred_callbacks_come_one_at_a_time(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_domain(test), KSOCK_CB_DEFERRED,
			    kt_run_gate);
	send(test, pair.client, 3);
	kt_wait_gate(test, rec);
	send(test, pair.client, 2);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.server, SHUT_WR), 0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_wait_poll(test, pair.server, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	KUNIT_EXPECT_EQ(test, rec->n, 0);
	complete(&rec->leave);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_event(test, rec, KT_RECV, 5);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, 0);
	kt_expect_no_more(test, rec);
}

/* What was read since is no news. */
static void deferred_recv_is_of_what_is_left(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_domain(test), KSOCK_CB_DEFERRED,
			    kt_run_gate);
	send(test, pair.client, 3);
	kt_wait_gate(test, rec);
	send(test, pair.client, 4);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 7, 0, NULL), 0);
	complete(&rec->leave);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
}

static void run_end(struct kt_recorder *rec, const struct kt_event *event)
{
	rec->ret = ksock_callbacks(rec->s, NULL, NULL);
}

static void deferred_callback_ends_its_registration(struct kunit *test)
{
	struct kt_recorder *rec = kt_recorder(test, KSOCK_CB_DEFERRED);
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	send(test, pair.client, 3);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_wait_poll(test, pair.server, EPOLLIN | EPOLLRDHUP);
	rec->run = run_end;
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair.server), 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	KUNIT_EXPECT_EQ(test, rec->ret, 0);
	kt_expect_no_more(test, rec);
}

static void run_close(struct kt_recorder *rec, const struct kt_event *event)
{
	rec->ret = ksock_close(rec->s);
}

static void deferred_callback_closes_its_socket(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_domain(test), KSOCK_CB_DEFERRED,
			    run_close);
	send(test, pair.client, 3);
	kt_expect_event(test, rec, KT_RECV, 3);
	KUNIT_EXPECT_EQ(test, rec->ret, 0);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.server), -ENOTSOCK);
	kt_wait_poll(test, pair.client, EPOLLRDHUP);
	KUNIT_EXPECT_EQ_MSG(test, kt_count(rec), 1,
			    "it was the last");
}

static void run_echo(struct kt_recorder *rec, const struct kt_event *event)
{
	u8 room[8];

	if (event->what != KT_RECV || !event->value)
		return;
	rec->ret = ksock_recv(rec->s, room, event->value, 0, NULL);
	if (!rec->ret)
		rec->ret = ksock_send(rec->s, room, event->value, 0, NULL);
}

static void deferred_callback_makes_calls(struct kunit *test)
{
	u8 said[] = "hello", heard[sizeof(said)];
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_server(test, &pair, kt_domain(test), KSOCK_CB_DEFERRED,
			    run_echo);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, said, sizeof(said), 0,
					 NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.client, heard, sizeof(heard), 0,
					 NULL), 0);
	KUNIT_EXPECT_MEMEQ(test, heard, said, sizeof(said));
	kt_expect_event(test, rec, KT_RECV, sizeof(said));
	KUNIT_EXPECT_EQ(test, rec->ret, 0);
}

/* Which is the last one: what came meanwhile is dropped. */
static void close_waits_for_the_callback(struct kunit *test)
{
	struct kt_thread *closer;
	struct kt_recorder *rec;
	struct kt_pair pair;
	bool on;

	rec = record_server(test, &pair, kt_domain(test), KSOCK_CB_DEFERRED,
			    kt_run_gate);
	send(test, pair.client, 3);
	kt_wait_gate(test, rec);
	send(test, pair.client, 3);
	closer = kt_start(test, kt_run_close, pair.server, NULL, 0);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(READ_ONCE, on, !on, 1000,
						KT_BOUND_US, false,
						pair.server->events->on), 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&closer->done));
	complete(&rec->leave);
	KUNIT_EXPECT_EQ(test, kt_join(test, closer), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&rec->inside), 0);
	KUNIT_EXPECT_EQ(test, kt_count(rec), 1);
}

static int run_register(struct kt_thread *thread)
{
	return kt_register(thread->arg, thread->s);
}

/* Through the gate first, and late all the same: it must not begin any more. */
static void registration_that_races_with_a_close_is_none(struct kunit *test)
{
	struct kt_recorder *rec = kt_recorder(test, kt_mode_flags(test));
	struct kt_thread *thread, *closer;
	struct kt_pair pair;
	struct sock *sk;
	int n, gone;

	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, &pair);
	send(test, pair.client, 3);
	sk = pair.server->sock->sk;
	lock_sock(sk);
	thread = kt_start(test, run_register, pair.server, rec, 0);
	n = read_poll_timeout(atomic_read, n, n > 0, 1000, KT_BOUND_US, false,
			      &pair.server->calls);
	closer = kt_start(test, kt_run_close, pair.server, NULL, 0);
	gone = read_poll_timeout(READ_ONCE, gone, gone, 1000, KT_BOUND_US,
				 false, pair.server->gone);
	release_sock(sk);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_EXPECT_EQ(test, gone, 0);
	KUNIT_EXPECT_NE(test, kt_join(test, thread), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, closer), 0);
	KUNIT_EXPECT_EQ(test, kt_count(rec), 0);
}

static struct kunit_case callbacks_cases[] = {
	KUNIT_CASE_PARAM(ended_callbacks_stay_silent, mode_gen_params),
	KUNIT_CASE_PARAM(later_registration_takes_over, mode_gen_params),
	KUNIT_CASE_PARAM(callbacks_that_are_not_there_are_not_called,
			 mode_gen_params),
	KUNIT_CASE_PARAM(unknown_flags_leave_all_as_it_was, mode_gen_params),
	KUNIT_CASE_PARAM(deferred_callbacks_come_one_at_a_time,
			 family_gen_params),
	KUNIT_CASE_PARAM(deferred_recv_is_of_what_is_left, family_gen_params),
	KUNIT_CASE_PARAM(deferred_callback_ends_its_registration,
			 family_gen_params),
	KUNIT_CASE_PARAM(deferred_callback_closes_its_socket,
			 family_gen_params),
	KUNIT_CASE_PARAM(deferred_callback_makes_calls, family_gen_params),
	KUNIT_CASE_PARAM(close_waits_for_the_callback, family_gen_params),
	KUNIT_CASE_PARAM(registration_that_races_with_a_close_is_none,
			 mode_gen_params),
	{}
};

static struct kunit_suite callbacks_suite = {
	.name = "ksocket_callbacks",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = callbacks_cases,
};

kunit_test_suite(callbacks_suite);
