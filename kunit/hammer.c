// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls hammering on a socket that is closed below them
 *
 * What is looked for is memory used after it was freed, locks and leaks, which
 * the kernel's own watchdogs find. The calls themselves may only end as they
 * are promised to.
 */
#include <linux/moduleparam.h>
#include <asm/ioctls.h>

#include "pair.h"
#include "thread.h"

/* Of each family. A race needs hundreds to be met, a debug kernel is slow. */
#define STREAM_CYCLES	70
#define OTHER_CYCLES	30

static unsigned int hammer = 1;
module_param(hammer, uint, 0444);
MODULE_PARM_DESC(hammer, "how many times as often to hammer");

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

/* Half of what is sent and received waits, half does not. */
static int flags_of(const struct kt_thread *thread)
{
	return thread->count % 2 ? MSG_DONTWAIT : 0;
}

/* Return: the error that ended it, which should be that it was closed */
static int run_sends(struct kt_thread *thread)
{
	u8 bytes[256] = {};
	size_t sent;
	int err;

	do {
		err = ksock_send(thread->s, bytes, sizeof(bytes),
				 flags_of(thread), &sent);
		thread->count++;
	} while (!err || err == -EAGAIN || err == -EINTR);
	return err;
}

static int run_recvs(struct kt_thread *thread)
{
	u8 bytes[256];
	size_t recvd;
	int err;

	do {
		err = ksock_recv(thread->s, bytes, sizeof(bytes),
				 flags_of(thread), &recvd);
		thread->count++;
	} while ((!err && recvd) || err == -EAGAIN || err == -EINTR);
	/* The end of file is the peer's, who has not closed. */
	return err ? : -EPIPE;
}

/* Send back what comes. Return: 0 for the end of file, or an error */
static int run_echo(struct kt_thread *thread)
{
	u8 bytes[256];
	size_t recvd;
	int err;

	do {
		err = ksock_recv(thread->s, bytes, sizeof(bytes), 0, &recvd);
		if (!err && recvd)
			err = ksock_send(thread->s, bytes, recvd, 0, NULL);
	} while (!err && recvd);
	return err;
}

static void expect_closed_below(struct kunit *test, struct kt_thread **threads,
				unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ_MSG(test, kt_join(test, threads[i]), -ENOTSOCK,
				    "%ps may end for no other reason",
				    threads[i]->run);
}

static void hammer_stream(struct kunit *test, struct kt_pair *pair)
{
	struct kt_thread *threads[4], *echo;
	unsigned int i;
	int err;

	kt_dial(test, pair);
	echo = kt_start(test, run_echo, pair->server, NULL, 0);
	for (i = 0; i < 4; i++)
		threads[i] = kt_start(test, i % 2 ? run_recvs : run_sends,
				      pair->client, NULL, 0);
	kt_wait_count(test, threads[0]);
	KUNIT_ASSERT_EQ(test, ksock_close(pair->client), 0);
	expect_closed_below(test, threads, 4);
	err = kt_join(test, echo);
	if (err != -ECONNRESET && err != -EPIPE)
		KUNIT_ASSERT_EQ_MSG(test, err, 0,
				    "the peer sees an end or a reset");
	KUNIT_ASSERT_EQ(test, ksock_close(pair->server), 0);
}

static void stream_is_closed_below_calls(struct kunit *test)
{
	struct kt_pair pair;
	unsigned int i;

	pair.listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 8,
				  &pair.addr);
	for (i = 0; i < hammer * STREAM_CYCLES; i++)
		hammer_stream(test, &pair);
}

static void hammer_dgram(struct kunit *test)
{
	struct kt_thread *threads[4];
	struct kt_addr addr;
	unsigned int i;
	ksocket_t s;

	/* Connected to itself, so that what it sends comes back. */
	s = kt_socket(test, kt_domain(test), SOCK_DGRAM);
	kt_bind(test, s, &addr);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	for (i = 0; i < 4; i++)
		threads[i] = kt_start(test, i % 2 ? run_recvs : run_sends, s,
				      NULL, 0);
	kt_wait_count(test, threads[0]);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	expect_closed_below(test, threads, 4);
}

static void datagrams_are_closed_below_calls(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < hammer * OTHER_CYCLES; i++)
		hammer_dgram(test);
}

/* Whatever can be asked of a socket, over and over. */
static int run_questions(struct kt_thread *thread)
{
	struct kt_addr addr;
	int val, len, err;

	do {
		len = sizeof(val);
		err = ksock_getsockopt(thread->s, SOL_SOCKET, SO_ERROR, &val,
				       &len);
		ksock_poll(thread->s);
		ksock_ioctl(thread->s, FIONREAD, (intptr_t)&val);
		addr.len = sizeof(addr.name);
		ksock_getsockname(thread->s, kt_sockaddr(&addr), &addr.len);
		addr.len = sizeof(addr.name);
		ksock_getpeername(thread->s, kt_sockaddr(&addr), &addr.len);
		thread->count++;
		cond_resched();
	} while (!err || err == -EINTR);
	return err;
}

static int run_accepts(struct kt_thread *thread)
{
	ksocket_t child;
	int err;

	do {
		err = ksock_accept(thread->s, &child, NULL, NULL);
		if (!err)
			ksock_close(child);
	} while (!err || err == -EINTR);
	return err;
}

static int run_connects(struct kt_thread *thread)
{
	ksocket_t s;
	int err;

	do {
		err = ksock_socket(&s, thread->s->sock->sk->sk_family,
				   SOCK_STREAM, 0);
		if (err)
			break;
		err = ksock_connect(s, thread->arg, thread->size);
		ksock_close(s);
		thread->count++;
	} while (!err);
	return err;
}

static void hammer_listener(struct kunit *test)
{
	struct kt_thread *threads[3], *caller;
	struct kt_addr addr;
	ksocket_t s, anchor;
	int err;

	/* The caller looks at a family, of a socket that stays open. */
	anchor = kt_socket(test, kt_domain(test), SOCK_STREAM);
	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 2, &addr);
	threads[0] = kt_start(test, run_accepts, s, NULL, 0);
	threads[1] = kt_start(test, run_accepts, s, NULL, 0);
	threads[2] = kt_start(test, run_questions, s, NULL, 0);
	caller = kt_start(test, run_connects, anchor, kt_sockaddr(&addr),
			  addr.len);
	kt_wait_count(test, caller);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	expect_closed_below(test, threads, 3);
	err = kt_join(test, caller);
	if (err != -ECONNRESET)
		KUNIT_ASSERT_EQ(test, err, -ECONNREFUSED);
	KUNIT_ASSERT_EQ(test, ksock_close(anchor), 0);
}

static void listener_is_closed_below_calls(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < hammer * OTHER_CYCLES; i++)
		hammer_listener(test);
}

static struct kunit_case hammer_cases[] = {
	KUNIT_CASE_PARAM_ATTR(stream_is_closed_below_calls, family_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(datagrams_are_closed_below_calls,
			      family_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(listener_is_closed_below_calls,
			      family_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite hammer_suite = {
	.name = "ksocket_hammer",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = hammer_cases,
};

kunit_test_suite(hammer_suite);
