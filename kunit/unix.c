// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_UNIX, where connecting and sending wait on the peer's queue
 */
#include "pair.h"
#include "thread.h"

struct type_param {
	const char *name;
	int type;
};

static const struct type_param conn_params[] = {
	{ "stream", SOCK_STREAM },
	{ "seqpacket", SOCK_SEQPACKET },
};

KUNIT_ARRAY_PARAM_DESC(conn, conn_params, name);

static const struct type_param message_params[] = {
	{ "datagram", SOCK_DGRAM },
	{ "seqpacket", SOCK_SEQPACKET },
};

KUNIT_ARRAY_PARAM_DESC(message, message_params, name);

static int type_of(struct kunit *test)
{
	const struct type_param *param = test->param_value;

	return param->type;
}

/* A backlog of 0 has room for one, which is taken here. */
static ksocket_t full_listener(struct kunit *test, struct kt_addr *addr)
{
	ksocket_t listener, first;

	listener = kt_listen(test, AF_UNIX, type_of(test), 0, addr);
	first = kt_socket(test, AF_UNIX, type_of(test));
	KUNIT_ASSERT_EQ(test, kt_connect(first, addr), 0);
	return listener;
}

static struct kt_thread *start_connect(struct kunit *test, ksocket_t s,
				       struct kt_addr *addr)
{
	struct kt_thread *sleeper;

	sleeper = kt_start(test, kt_run_connect, s, kt_sockaddr(addr),
			   addr->len);
	kt_wait_asleep(test, sleeper);
	return sleeper;
}

static void connect_waits_for_room(struct kunit *test)
{
	struct kt_thread *sleeper;
	ksocket_t listener, s;
	struct kt_addr addr;

	listener = full_listener(test, &addr);
	s = kt_socket(test, AF_UNIX, type_of(test));
	sleeper = start_connect(test, s, &addr);
	kt_accept(test, listener);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), 0);
	kt_accept(test, listener);
}

static void connect_does_not_wait_when_told(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s;

	full_listener(test, &addr);
	s = kt_socket(test, AF_UNIX, type_of(test));
	kt_set_nonblock(test, s);
	KUNIT_EXPECT_EQ(test, kt_connect(s, &addr), -EAGAIN);
	s = kt_socket(test, AF_UNIX, type_of(test));
	kt_set_timeout(test, s, SO_SNDTIMEO, 50);
	KUNIT_EXPECT_EQ(test, kt_connect(s, &addr), -EAGAIN);
}

static void close_ends_a_connect_that_waits(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_addr addr;
	ksocket_t s;

	full_listener(test, &addr);
	s = kt_socket(test, AF_UNIX, type_of(test));
	sleeper = start_connect(test, s, &addr);
	KUNIT_EXPECT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
}

static void connect_that_waits_hears_that_the_listener_went(struct kunit *test)
{
	struct kt_thread *sleeper;
	ksocket_t listener, s;
	struct kt_addr addr;

	listener = full_listener(test, &addr);
	s = kt_socket(test, AF_UNIX, type_of(test));
	sleeper = start_connect(test, s, &addr);
	KUNIT_EXPECT_EQ(test, ksock_close(listener), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -ECONNREFUSED);
}

/*
 * A datagram socket that is not connected back has a queue of so many messages
 * for all who send to it, and a message that finds it full has been copied
 * already. Among connected ones only the sender's own buffer fills up.
 */
static void message_pair(struct kunit *test, struct kt_pair *pair)
{
	if (type_of(test) != SOCK_DGRAM) {
		kt_pair(test, AF_UNIX, type_of(test), pair);
		return;
	}
	pair->client = kt_socket(test, AF_UNIX, SOCK_DGRAM);
	pair->server = kt_socket(test, AF_UNIX, SOCK_DGRAM);
	kt_bind(test, pair->server, &pair->addr);
	KUNIT_ASSERT_EQ(test, kt_connect(pair->client, &pair->addr), 0);
}

/* A sender whose peer's queue is full, and who sleeps until there is room. */
static struct kt_thread *full_queue(struct kunit *test, struct kt_pair *pair)
{
	static u8 last[] = "the last";
	struct kt_thread *sleeper;

	message_pair(test, pair);
	kt_fill(test, pair->client);
	sleeper = kt_start(test, kt_run_send, pair->client, last, sizeof(last));
	kt_wait_asleep(test, sleeper);
	return sleeper;
}

static void send_waits_for_room_and_sends_all(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	size_t n = 0, page;
	u8 *bytes;
	int err;

	sleeper = full_queue(test, &pair);
	bytes = kt_pattern(test, PAGE_SIZE, 2);
	do {
		page = n;
		err = ksock_recv(pair.server, bytes, PAGE_SIZE, 0, &n);
	} while (!err && n == PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, page, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), 0);
	KUNIT_EXPECT_EQ(test, sleeper->count, sizeof("the last"));
	KUNIT_EXPECT_EQ(test, n, sizeof("the last"));
	KUNIT_EXPECT_STREQ_MSG(test, bytes, "the last",
			       "what was tried several times is sent once");
}

static void close_ends_a_send_that_waits(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;

	sleeper = full_queue(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -EINTR);
	KUNIT_EXPECT_EQ(test, sleeper->count, 0);
}

static void send_that_waits_hears_that_the_peer_went(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	int err;

	sleeper = full_queue(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.server), 0);
	err = kt_join(test, sleeper);
	if (err != -EPIPE && err != -ECONNRESET)
		KUNIT_EXPECT_EQ_MSG(test, err, -ECONNREFUSED,
				    "one of the three, by type and moment");
}

static void send_that_waits_times_out(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;
	size_t n;

	message_pair(test, &pair);
	kt_fill(test, pair.client);
	kt_set_timeout(test, pair.client, SO_SNDTIMEO, 50);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, &n),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, n, 0);
}

static void packets_keep_their_borders(struct kunit *test)
{
	u8 sent[] = "one and two", recvd[sizeof(sent)] = {};
	struct kt_pair pair;
	size_t n;

	kt_pair(test, AF_UNIX, SOCK_SEQPACKET, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent, 3, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, sent + 3, 8, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, 11, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 3);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, 11, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 8);
	KUNIT_EXPECT_MEMEQ(test, recvd, sent + 3, 8);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.client), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, recvd, 11, 0, &n), 0);
	KUNIT_EXPECT_EQ_MSG(test, n, 0, "the end of the connection");
}

static struct kunit_case unix_cases[] = {
	KUNIT_CASE_PARAM(connect_waits_for_room, conn_gen_params),
	KUNIT_CASE_PARAM(connect_does_not_wait_when_told, conn_gen_params),
	KUNIT_CASE_PARAM(close_ends_a_connect_that_waits, conn_gen_params),
	KUNIT_CASE_PARAM(connect_that_waits_hears_that_the_listener_went,
			 conn_gen_params),
	KUNIT_CASE_PARAM(send_waits_for_room_and_sends_all, message_gen_params),
	KUNIT_CASE_PARAM(close_ends_a_send_that_waits, message_gen_params),
	KUNIT_CASE_PARAM(send_that_waits_hears_that_the_peer_went,
			 message_gen_params),
	KUNIT_CASE_PARAM(send_that_waits_times_out, message_gen_params),
	KUNIT_CASE(packets_keep_their_borders),
	{}
};

static struct kunit_suite unix_suite = {
	.name = "ksocket_unix",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = unix_cases,
};

kunit_test_suite(unix_suite);
