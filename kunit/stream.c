// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams: bytes in order, both ways, to the end
 */
#include <crypto/sha2.h>
#include <linux/sizes.h>

#include "pair.h"
#include "thread.h"

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static void stream_pair(struct kunit *test, struct kt_pair *pair)
{
	kt_pair(test, kt_domain(test), SOCK_STREAM, pair);
}

static void expect_echo(struct kunit *test, ksocket_t from, ksocket_t to,
			const char *text)
{
	size_t size = strlen(text), sent, recvd;
	char *copy = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, text, size);
	KUNIT_ASSERT_EQ(test, ksock_send(from, copy, size, 0, &sent), 0);
	KUNIT_EXPECT_EQ(test, sent, size);
	memset(copy, 0, size);
	KUNIT_ASSERT_EQ(test, ksock_recv(to, copy, size, MSG_WAITALL, &recvd),
			0);
	KUNIT_EXPECT_EQ(test, recvd, size);
	KUNIT_EXPECT_MEMEQ(test, copy, text, size);
}

static void bytes_go_both_ways(struct kunit *test)
{
	struct kt_pair pair;

	stream_pair(test, &pair);
	expect_echo(test, pair.client, pair.server, "from the client");
	expect_echo(test, pair.server, pair.client, "from the server");
	expect_echo(test, pair.client, pair.server, "x");
}

struct flow {
	u8 *from;
	u8 *to;
	struct kt_thread *sender;
	struct kt_thread *receiver;
};

static void start_flow(struct kunit *test, struct flow *flow, ksocket_t from,
		       ksocket_t to, u32 seed)
{
	flow->from = kt_pattern(test, SZ_1M, seed);
	flow->to = kt_pattern(test, SZ_1M, 0);
	flow->sender = kt_start(test, kt_run_send_all, from, flow->from,
				SZ_1M);
	flow->receiver = kt_start(test, kt_run_recv_all, to, flow->to,
				  SZ_1M);
}

static void end_flow(struct kunit *test, struct flow *flow)
{
	u8 sent[SHA256_DIGEST_SIZE], recvd[SHA256_DIGEST_SIZE];

	KUNIT_EXPECT_EQ(test, kt_join(test, flow->sender), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, flow->receiver), 0);
	sha256(flow->from, SZ_1M, sent);
	sha256(flow->to, SZ_1M, recvd);
	KUNIT_EXPECT_MEMEQ_MSG(test, recvd, sent, sizeof(sent),
			       "the digests must be equal");
}

/* All four at once: no direction may wait for the other. */
static void megabyte_goes_both_ways_at_once(struct kunit *test)
{
	struct flow up, down;
	struct kt_pair pair;

	stream_pair(test, &pair);
	start_flow(test, &up, pair.client, pair.server, 1);
	start_flow(test, &down, pair.server, pair.client, 2);
	end_flow(test, &up);
	end_flow(test, &down);
}

static void half_closed_stream_still_receives(struct kunit *test)
{
	struct kt_pair pair;
	size_t n;
	u8 byte;

	stream_pair(test, &pair);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, &byte, 1, 0, &n), 0);
	KUNIT_EXPECT_EQ_MSG(test, n, 0, "the peer reads the end of file");
	expect_echo(test, pair.server, pair.client, "the other half is open");
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, &n), -EPIPE);
	KUNIT_EXPECT_EQ(test, n, 0);
}

static void data_before_the_end_is_not_lost(struct kunit *test)
{
	u8 sent[] = "last words", recvd[64];
	struct kt_pair pair;
	size_t n;

	stream_pair(test, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent, sizeof(sent), 0,
					 NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, sizeof(recvd),
					 MSG_WAITALL, &n), 0);
	KUNIT_EXPECT_EQ(test, n, sizeof(sent));
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, 1, 0, &n), 0);
	KUNIT_EXPECT_EQ_MSG(test, n, 0, "then comes the end of file");
}

static void counts_may_be_left_out(struct kunit *test)
{
	u8 sent[] = "all or an error", recvd[sizeof(sent)];
	struct kt_pair pair;

	stream_pair(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, sent, sizeof(sent), 0,
					 NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, sizeof(recvd), 0,
					 NULL), 0);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
}

static void early_end_of_file_without_a_count_is_an_error(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[8] = {};

	stream_pair(test, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 8, 0, NULL),
			-ENODATA);
}

static void nonblocking_calls_need_a_count(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;

	stream_pair(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, MSG_DONTWAIT,
					 NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, MSG_DONTWAIT,
					 NULL), -EINVAL);
	kt_set_nonblock(test, pair.client);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, NULL),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, NULL),
			-EINVAL);
}

static void wait_all_waits_for_the_last_byte(struct kunit *test)
{
	u8 sent[8] = "12345678", recvd[8];
	struct kt_thread *reader;
	struct kt_pair pair;

	stream_pair(test, &pair);
	reader = kt_start(test, kt_run_wait_all, pair.server, recvd, 8);
	kt_wait_asleep(test, reader);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent, 7, 0, NULL), 0);
	kt_wait_asleep(test, reader);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent + 7, 1, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, reader), 0);
	KUNIT_EXPECT_EQ(test, reader->count, 8);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
}

static void peek_leaves_the_bytes(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[4] = "abc";
	size_t n;

	stream_pair(test, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	memset(bytes, 0, 4);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 4, MSG_PEEK, &n),
			0);
	KUNIT_EXPECT_EQ(test, n, 4);
	KUNIT_EXPECT_STREQ(test, bytes, "abc");
	memset(bytes, 0, 4);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 4, 0, NULL), 0);
	KUNIT_EXPECT_STREQ(test, bytes, "abc");
}

static void nothing_is_sent_and_received_at_once(struct kunit *test)
{
	struct kt_pair pair;
	size_t n = 1;

	stream_pair(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, NULL, 0, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	n = 1;
	KUNIT_EXPECT_EQ_MSG(test, ksock_recv(pair.client, NULL, 0, 0, &n), 0,
			    "no byte need be waited for");
	KUNIT_EXPECT_EQ(test, n, 0);
}

static void message_is_gathered_and_scattered(struct kunit *test)
{
	u8 sent[] = "gathered and scattered", recvd[sizeof(sent)] = {};
	struct kvec from[] = { { sent, 3 }, { sent + 3, sizeof(sent) - 3 } };
	struct kvec to[] = { { recvd, 10 }, { recvd + 10, sizeof(sent) - 10 } };
	struct msghdr msg = {};
	struct kt_pair pair;
	size_t n;

	stream_pair(test, &pair);
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, from, 2, sizeof(sent));
	KUNIT_ASSERT_EQ(test, ksock_sendmsg(pair.client, &msg, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, sizeof(sent));
	KUNIT_EXPECT_EQ_MSG(test, msg_data_left(&msg), 0,
			    "the iterator moves past what was sent");
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, to, 2, sizeof(recvd));
	KUNIT_ASSERT_EQ(test, ksock_recvmsg(pair.server, &msg, MSG_WAITALL, &n),
			0);
	KUNIT_EXPECT_EQ(test, n, sizeof(recvd));
	KUNIT_EXPECT_EQ(test, msg_data_left(&msg), 0);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent, sizeof(sent));
}

/* The bytes that were taken are told, and the error is kept for the next. */
static void full_buffer_stops_a_nonblocking_send(struct kunit *test)
{
	size_t size = SZ_32M, n = 0;
	struct kt_pair pair;
	void *bytes;

	stream_pair(test, &pair);
	kt_set_nonblock(test, pair.client);
	bytes = kvzalloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bytes);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, bytes, size, 0, &n), 0);
	kvfree(bytes);
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_LT_MSG(test, n, size, "no buffer is that large");
	kt_fill(test, pair.client);
}

static void receive_times_out(struct kunit *test)
{
	struct kt_pair pair;
	size_t n;
	u8 byte;

	stream_pair(test, &pair);
	kt_set_timeout(test, pair.client, SO_RCVTIMEO, 20);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, &n),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, NULL),
			-EAGAIN);
}

static void send_times_out(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;
	size_t n;

	stream_pair(test, &pair);
	kt_fill(test, pair.client);
	kt_set_timeout(test, pair.client, SO_SNDTIMEO, 20);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, &n),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, n, 0);
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE_PARAM(bytes_go_both_ways, family_gen_params),
	KUNIT_CASE_PARAM(megabyte_goes_both_ways_at_once, family_gen_params),
	KUNIT_CASE_PARAM(half_closed_stream_still_receives, family_gen_params),
	KUNIT_CASE_PARAM(data_before_the_end_is_not_lost, family_gen_params),
	KUNIT_CASE_PARAM(counts_may_be_left_out, family_gen_params),
	KUNIT_CASE_PARAM(early_end_of_file_without_a_count_is_an_error,
			 family_gen_params),
	KUNIT_CASE_PARAM(nonblocking_calls_need_a_count, family_gen_params),
	KUNIT_CASE_PARAM(wait_all_waits_for_the_last_byte, family_gen_params),
	KUNIT_CASE_PARAM(peek_leaves_the_bytes, family_gen_params),
	KUNIT_CASE_PARAM(nothing_is_sent_and_received_at_once,
			 family_gen_params),
	KUNIT_CASE_PARAM(message_is_gathered_and_scattered, family_gen_params),
	KUNIT_CASE_PARAM(full_buffer_stops_a_nonblocking_send,
			 family_gen_params),
	KUNIT_CASE_PARAM(receive_times_out, family_gen_params),
	KUNIT_CASE_PARAM(send_times_out, family_gen_params),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "ksocket_stream",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = stream_cases,
};

kunit_test_suite(stream_suite);
