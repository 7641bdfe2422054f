// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing below blocked callers, and by a reset
 */
#include <linux/sizes.h>

#include "pair.h"
#include "thread.h"

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static const struct kt_family inet_families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
};

KUNIT_ARRAY_PARAM(inet, inet_families, kt_describe_family);

/* Close below a sleeper, who must hear of it; the close itself must return. */
static void close_below(struct kunit *test, struct kt_thread *sleeper)
{
	ksocket_t s = sleeper->s;
	struct kt_thread *closer;

	kt_wait_asleep(test, sleeper);
	closer = kt_start(test, kt_run_close, s, NULL, 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, closer), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&s->calls), KSOCK_SHUT,
			    "close waits for every caller");
}

static void blocked_receive_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 byte;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	sleeper = kt_start(test, kt_run_recv, pair.server, &byte, 1);
	close_below(test, sleeper);
}

static void blocked_receive_of_all_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 bytes[8] = {};

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0, NULL), 0);
	sleeper = kt_start(test, kt_run_recv_all, pair.server, bytes, 8);
	close_below(test, sleeper);
}

static void blocked_datagram_receive_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_addr addr;
	ksocket_t s;
	u8 byte;

	s = kt_socket(test, kt_domain(test), SOCK_DGRAM);
	kt_bind(test, s, &addr);
	sleeper = kt_start(test, kt_run_recv, s, &byte, 1);
	close_below(test, sleeper);
}

static void blocked_send_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 byte = 0;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_fill(test, pair.client);
	sleeper = kt_start(test, kt_run_send, pair.client, &byte, 1);
	close_below(test, sleeper);
}

/* What was taken before the close counts; the error has no next call. */
static void close_during_a_long_send_tells_the_part(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	void *bytes;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	bytes = kt_pattern(test, SZ_4M, 1);
	kt_set_int(test, pair.client, SOL_SOCKET, SO_SNDBUF, SZ_64K);
	kt_set_int(test, pair.server, SOL_SOCKET, SO_RCVBUF, SZ_64K);
	sleeper = kt_start(test, kt_run_send, pair.client, bytes, SZ_4M);
	kt_wait_asleep(test, sleeper);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), 0);
	KUNIT_EXPECT_GT(test, sleeper->count, 0);
	KUNIT_EXPECT_LT(test, sleeper->count, SZ_4M);
}

static void blocked_send_of_all_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	void *bytes;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_set_int(test, pair.client, SOL_SOCKET, SO_SNDBUF, SZ_64K);
	kt_set_int(test, pair.server, SOL_SOCKET, SO_RCVBUF, SZ_64K);
	bytes = kt_pattern(test, SZ_4M, 1);
	sleeper = kt_start(test, kt_run_send_all, pair.client, bytes, SZ_4M);
	close_below(test, sleeper);
}

static void blocked_accept_is_interrupted(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_addr addr;
	ksocket_t s;

	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	sleeper = kt_start(test, kt_run_accept, s, NULL, 0);
	close_below(test, sleeper);
	KUNIT_EXPECT_NULL(test, sleeper->child);
}

/* Start a connect that nobody answers: the listener's backlog is full. */
static struct kt_thread *start_connect(struct kunit *test, ksocket_t s,
				       struct kt_addr *addr)
{
	ksocket_t first;

	kt_listen(test, kt_domain(test), SOCK_STREAM, 0, addr);
	first = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(first, addr), 0);
	return kt_start(test, kt_run_connect, s, kt_sockaddr(addr), addr->len);
}

static void blocked_connect_is_interrupted(struct kunit *test)
{
	ksocket_t s = kt_socket(test, kt_domain(test), SOCK_STREAM);
	struct kt_addr addr;

	close_below(test, start_connect(test, s, &addr));
}

static void everybody_blocked_is_interrupted(struct kunit *test)
{
	struct kt_thread *readers[2], *writers[2];
	struct kt_pair pair;
	u8 bytes[4] = {};
	unsigned int i;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_fill(test, pair.client);
	for (i = 0; i < 2; i++) {
		readers[i] = kt_start(test, kt_run_recv, pair.client,
				      &bytes[i], 1);
		writers[i] = kt_start(test, kt_run_send, pair.client,
				      &bytes[2 + i], 1);
	}
	for (i = 0; i < 2; i++) {
		kt_wait_asleep(test, readers[i]);
		kt_wait_asleep(test, writers[i]);
	}
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, kt_join(test, readers[i]), -EINTR);
		KUNIT_EXPECT_EQ(test, kt_join(test, writers[i]), -EINTR);
	}
}

static void blocked_accepts_are_interrupted_together(struct kunit *test)
{
	struct kt_thread *sleepers[2];
	struct kt_addr addr;
	ksocket_t s;

	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	sleepers[0] = kt_start(test, kt_run_accept, s, NULL, 0);
	sleepers[1] = kt_start(test, kt_run_accept, s, NULL, 0);
	kt_wait_asleep(test, sleepers[0]);
	close_below(test, sleepers[1]);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleepers[0]), -EINTR);
}

static int recv_byte(ksocket_t s)
{
	size_t n = 0;
	u8 byte;
	int err;

	err = ksock_recv(s, &byte, 1, 0, &n);
	return err ? : n;
}

static void peer_of_a_close_reads_the_end(struct kunit *test)
{
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	KUNIT_EXPECT_EQ(test, recv_byte(pair.client), 0);
}

/* Not one FIN: whoever reads the end of file would believe that it got all. */
static void linger_of_nothing_is_a_reset(struct kunit *test)
{
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_set_linger(test, pair.server, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	KUNIT_EXPECT_EQ(test, recv_byte(pair.client), -ECONNRESET);
}

static void reset_below_a_blocked_caller_sends_no_fin(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 byte;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_set_linger(test, pair.server, 0);
	sleeper = kt_start(test, kt_run_recv, pair.server, &byte, 1);
	close_below(test, sleeper);
	KUNIT_EXPECT_EQ(test, recv_byte(pair.client), -ECONNRESET);
}

static void reset_below_a_blocked_connect_and_accept(struct kunit *test)
{
	ksocket_t s = kt_socket(test, kt_domain(test), SOCK_STREAM);
	struct kt_addr addr;

	kt_set_linger(test, s, 0);
	close_below(test, start_connect(test, s, &addr));
	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	kt_set_linger(test, s, 0);
	close_below(test, kt_start(test, kt_run_accept, s, NULL, 0));
}

static void unread_bytes_make_a_reset_of_the_close(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, &byte, 1, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	KUNIT_EXPECT_EQ(test, recv_byte(pair.client), -ECONNRESET);
}

/* The peer reads nothing, so its buffer and ours are full for ever. */
static void linger_waits_no_longer_than_its_time(struct kunit *test)
{
	unsigned long begin, spent;
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	kt_fill(test, pair.client);
	kt_set_linger(test, pair.client, 1);
	begin = jiffies;
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	spent = jiffies - begin;
	KUNIT_EXPECT_GE_MSG(test, spent, HZ - 1, "it lingers a second");
	KUNIT_EXPECT_LT_MSG(test, spent, KT_BOUND, "and not for ever");
}

static void close_without_linger_does_not_wait(struct kunit *test)
{
	u8 sent[] = "still delivered", recvd[sizeof(sent)];
	struct kt_pair pair;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent, sizeof(sent), 0,
					 NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, sizeof(recvd), 0,
					 NULL), 0);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
	KUNIT_EXPECT_EQ(test, recv_byte(pair.server), 0);
}

static struct kunit_case close_cases[] = {
	KUNIT_CASE_PARAM(blocked_receive_is_interrupted, family_gen_params),
	KUNIT_CASE_PARAM(blocked_receive_of_all_is_interrupted,
			 family_gen_params),
	KUNIT_CASE_PARAM(blocked_datagram_receive_is_interrupted,
			 family_gen_params),
	KUNIT_CASE_PARAM(blocked_send_is_interrupted, family_gen_params),
	KUNIT_CASE_PARAM(close_during_a_long_send_tells_the_part,
			 family_gen_params),
	KUNIT_CASE_PARAM(blocked_send_of_all_is_interrupted,
			 family_gen_params),
	KUNIT_CASE_PARAM(blocked_accept_is_interrupted, family_gen_params),
	KUNIT_CASE_PARAM(blocked_connect_is_interrupted, family_gen_params),
	KUNIT_CASE_PARAM(everybody_blocked_is_interrupted, family_gen_params),
	KUNIT_CASE_PARAM(blocked_accepts_are_interrupted_together,
			 family_gen_params),
	KUNIT_CASE_PARAM(peer_of_a_close_reads_the_end, family_gen_params),
	KUNIT_CASE_PARAM(linger_of_nothing_is_a_reset, inet_gen_params),
	KUNIT_CASE_PARAM(reset_below_a_blocked_caller_sends_no_fin,
			 inet_gen_params),
	KUNIT_CASE_PARAM(reset_below_a_blocked_connect_and_accept,
			 inet_gen_params),
	KUNIT_CASE_PARAM(unread_bytes_make_a_reset_of_the_close,
			 family_gen_params),
	KUNIT_CASE_PARAM(linger_waits_no_longer_than_its_time,
			 inet_gen_params),
	KUNIT_CASE_PARAM(close_without_linger_does_not_wait,
			 family_gen_params),
	{}
};

static struct kunit_suite close_suite = {
	.name = "ksocket_close",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = close_cases,
};

kunit_test_suite(close_suite);
