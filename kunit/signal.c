// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals to blocked callers, and the other flags of a socket
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "pair.h"
#include "thread.h"

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static void send_signal(struct kunit *test, struct kt_thread *thread)
{
	KUNIT_ASSERT_EQ(test, send_sig(SIGTERM, thread->task, 1), 0);
}

static void expect_interrupted(struct kunit *test, struct kt_thread *sleeper)
{
	kt_wait_asleep(test, sleeper);
	send_signal(test, sleeper);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
	KUNIT_EXPECT_EQ(test, sleeper->count, 0);
	KUNIT_EXPECT_TRUE_MSG(test, sleeper->signalled,
			      "the signal is the caller's to handle");
}

static void signal_interrupts_a_receive(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	expect_interrupted(test, kt_start(test, kt_run_recv, pair.server, &byte,
					  1));
	expect_interrupted(test, kt_start(test, kt_run_recv_all, pair.server,
					  &byte, 1));
}

static void signal_interrupts_a_send(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_fill(test, pair.client);
	expect_interrupted(test, kt_start(test, kt_run_send, pair.client, &byte,
					  1));
}

static void signal_interrupts_an_accept(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s;

	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	expect_interrupted(test, kt_start(test, kt_run_accept, s, NULL, 0));
}

static void signal_interrupts_a_connect(struct kunit *test)
{
	ksocket_t first, s;
	struct kt_addr addr;

	kt_listen(test, kt_domain(test), SOCK_STREAM, 0, &addr);
	first = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(first, &addr), 0);
	s = kt_socket(test, kt_domain(test), SOCK_STREAM);
	expect_interrupted(test, kt_start(test, kt_run_connect, s,
					  kt_sockaddr(&addr), addr.len));
}

/* The part comes with a 0, and the interruption with the next call. */
static int run_two_sends(struct kt_thread *thread)
{
	size_t more;
	int err;

	err = kt_run_send(thread);
	if (err)
		return -ECANCELED;
	return ksock_send(thread->s, thread->arg, 1, 0, &more);
}

static void signal_in_a_long_send_keeps_the_part(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	void *bytes;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_set_int(test, pair.client, SOL_SOCKET, SO_SNDBUF, SZ_64K);
	kt_set_int(test, pair.server, SOL_SOCKET, SO_RCVBUF, SZ_64K);
	bytes = kt_pattern(test, SZ_4M, 1);
	sleeper = kt_start(test, run_two_sends, pair.client, bytes, SZ_4M);
	kt_wait_asleep(test, sleeper);
	send_signal(test, sleeper);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
	KUNIT_EXPECT_GT(test, sleeper->count, 0);
	KUNIT_EXPECT_LT(test, sleeper->count, SZ_4M);
}

/* A pair whose client is as @flags say */
static void flagged_pair(struct kunit *test, unsigned int flags,
			 struct kt_pair *pair)
{
	pair->listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 8,
				   &pair->addr);
	pair->client = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
				       flags);
	KUNIT_ASSERT_EQ(test, kt_connect(pair->client, &pair->addr), 0);
	pair->server = kt_accept(test, pair->listener);
}

static void nothing_interrupts_an_uninterruptible_socket(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 byte = 7;

	flagged_pair(test, KSOCK_NOINTR, &pair);
	sleeper = kt_start(test, kt_run_recv, pair.client, &byte, 1);
	kt_wait_asleep(test, sleeper);
	send_signal(test, sleeper);
	kt_wait_asleep(test, sleeper);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.server, &byte, 1, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), 0);
	KUNIT_EXPECT_EQ(test, sleeper->count, 1);
	KUNIT_EXPECT_TRUE_MSG(test, sleeper->signalled,
			      "the signal waits for the end of the call");
}

static void close_ends_an_uninterruptible_call(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 byte;

	flagged_pair(test, KSOCK_NOINTR, &pair);
	sleeper = kt_start(test, kt_run_recv, pair.client, &byte, 1);
	kt_wait_asleep(test, sleeper);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
}

static void flags_reach_the_sock(struct kunit *test)
{
	struct sock *sk;

	sk = kt_socket(test, kt_domain(test), SOCK_STREAM)->sock->sk;
	KUNIT_EXPECT_TRUE_MSG(test, sk->sk_net_refcnt, "it pins its namespace");
	sk = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
			     KSOCK_NOPIN)->sock->sk;
	KUNIT_EXPECT_FALSE(test, sk->sk_net_refcnt);
	sk = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
			     KSOCK_NOIO)->sock->sk;
	KUNIT_EXPECT_TRUE(test, sk->sk_allocation == GFP_NOIO);
	KUNIT_EXPECT_FALSE(test, sk->sk_use_task_frag);
	sk = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
			     KSOCK_NOFS)->sock->sk;
	KUNIT_EXPECT_TRUE(test, sk->sk_allocation == GFP_NOFS);
	sk = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
			     KSOCK_ATOMIC | KSOCK_NOIO)->sock->sk;
	KUNIT_EXPECT_TRUE(test, sk->sk_allocation == GFP_ATOMIC);
}

static void accepted_socket_has_its_listeners_flags(struct kunit *test)
{
	ksocket_t listener, caller, child;
	struct kt_addr addr;

	listener = kt_socket_flags(test, kt_domain(test), SOCK_STREAM,
				   KSOCK_NOIO | KSOCK_NOINTR);
	kt_bind(test, listener, &addr);
	KUNIT_ASSERT_EQ(test, ksock_listen(listener, 1), 0);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	child = kt_accept(test, listener);
	KUNIT_EXPECT_EQ(test, child->flags, KSOCK_NOIO | KSOCK_NOINTR);
	KUNIT_EXPECT_TRUE(test, child->sock->sk->sk_allocation == GFP_NOIO);
	KUNIT_EXPECT_FALSE(test, child->sock->sk->sk_use_task_frag);
	KUNIT_EXPECT_PTR_EQ(test, child->owner, THIS_MODULE);
}

/* Closed with data on its way: only a pinned namespace would retransmit it. */
static void socket_that_pins_nothing_pins_as_it_closes(struct kunit *test)
{
	u8 sent[] = "on its way", recvd[sizeof(sent)];
	struct kt_pair pair;
	struct sock *sk;

	flagged_pair(test, KSOCK_NOPIN, &pair);
	sk = pair.client->sock->sk;
	KUNIT_ASSERT_FALSE(test, sk->sk_net_refcnt);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent, sizeof(sent), 0,
					 NULL), 0);
	sock_hold(sk);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_TRUE(test, sk->sk_net_refcnt);
	sock_put(sk);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, sizeof(recvd), 0,
					 NULL), 0);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
}

static struct kunit_case signal_cases[] = {
	KUNIT_CASE_PARAM(signal_interrupts_a_receive, family_gen_params),
	KUNIT_CASE_PARAM(signal_interrupts_a_send, family_gen_params),
	KUNIT_CASE_PARAM(signal_interrupts_an_accept, family_gen_params),
	KUNIT_CASE_PARAM(signal_interrupts_a_connect, family_gen_params),
	KUNIT_CASE_PARAM(signal_in_a_long_send_keeps_the_part,
			 family_gen_params),
	KUNIT_CASE_PARAM(nothing_interrupts_an_uninterruptible_socket,
			 family_gen_params),
	KUNIT_CASE_PARAM(close_ends_an_uninterruptible_call, family_gen_params),
	KUNIT_CASE_PARAM(flags_reach_the_sock, family_gen_params),
	KUNIT_CASE_PARAM(accepted_socket_has_its_listeners_flags,
			 family_gen_params),
	KUNIT_CASE_PARAM(socket_that_pins_nothing_pins_as_it_closes,
			 family_gen_params),
	{}
};

static struct kunit_suite signal_suite = {
	.name = "ksocket_signal",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = signal_cases,
};

kunit_test_suite(signal_suite);
