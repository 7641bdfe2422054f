// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams: one message at a time, with the name of who sent it
 */
#include <linux/in.h>
#include <linux/sizes.h>
#include <asm/ioctls.h>

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

static void send_text(struct kunit *test, ksocket_t s, char *text)
{
	size_t sent = 0;

	KUNIT_ASSERT_EQ(test, ksock_send(s, text, strlen(text), 0, &sent), 0);
	KUNIT_EXPECT_EQ(test, sent, strlen(text));
}

static void expect_text(struct kunit *test, ksocket_t s, const char *text)
{
	char bytes[32] = {};
	size_t n;

	KUNIT_ASSERT_EQ(test, ksock_recv(s, bytes, sizeof(bytes) - 1, 0, &n),
			0);
	KUNIT_EXPECT_EQ(test, n, strlen(text));
	KUNIT_EXPECT_STREQ(test, bytes, text);
}

static void messages_keep_their_borders(struct kunit *test)
{
	struct kt_pair pair;

	kt_dgram_pair(test, kt_domain(test), &pair);
	send_text(test, pair.client, "one");
	send_text(test, pair.client, "three words here");
	expect_text(test, pair.server, "one");
	expect_text(test, pair.server, "three words here");
	send_text(test, pair.server, "back");
	expect_text(test, pair.client, "back");
}

static void sender_is_named(struct kunit *test)
{
	struct kt_addr to, from, seen = { .len = sizeof(seen.name) };
	ksocket_t sender, receiver;
	u8 bytes[4] = "abc";
	size_t n;

	sender = kt_socket(test, kt_domain(test), SOCK_DGRAM);
	receiver = kt_socket(test, kt_domain(test), SOCK_DGRAM);
	kt_bind(test, sender, &from);
	kt_bind(test, receiver, &to);
	KUNIT_ASSERT_EQ(test, ksock_sendto(sender, bytes, 4, 0,
					   kt_sockaddr(&to), to.len, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 4);
	KUNIT_ASSERT_EQ(test, ksock_recvfrom(receiver, bytes, 4, 0,
					     kt_sockaddr(&seen), &seen.len, &n),
			0);
	KUNIT_EXPECT_EQ(test, n, 4);
	KUNIT_EXPECT_EQ(test, seen.len, from.len);
	KUNIT_EXPECT_MEMEQ(test, &seen.name, &from.name, from.len);
}

static void empty_message_is_a_message(struct kunit *test)
{
	struct kt_pair pair;
	size_t n = 1;
	u8 byte;

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, NULL, 0, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	send_text(test, pair.client, "next");
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, &byte, 1, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	expect_text(test, pair.server, "next");
}

static void long_message_is_cut_and_said_to_be(struct kunit *test)
{
	char bytes[4] = {};
	struct kvec vec = { bytes, 2 };
	struct msghdr msg = {};
	struct kt_pair pair;
	size_t n;

	kt_dgram_pair(test, kt_domain(test), &pair);
	send_text(test, pair.client, "longer");
	send_text(test, pair.client, "longer still");
	send_text(test, pair.client, "next");
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, 2);
	KUNIT_EXPECT_EQ(test, ksock_recvmsg(pair.server, &msg, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 2);
	KUNIT_EXPECT_STREQ(test, bytes, "lo");
	KUNIT_EXPECT_EQ(test, msg.msg_flags & MSG_TRUNC, MSG_TRUNC);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 2, MSG_TRUNC, &n),
			0);
	KUNIT_EXPECT_EQ_MSG(test, n, strlen("longer still"),
			    "MSG_TRUNC asks for the real length");
	expect_text(test, pair.server, "next");
}

static void without_a_count_the_length_must_match(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[8];

	kt_dgram_pair(test, kt_domain(test), &pair);
	send_text(test, pair.client, "five5");
	send_text(test, pair.client, "five5");
	send_text(test, pair.client, "five5");
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 5, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 4, 0, NULL),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 6, 0, NULL),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, bytes, 5, 0, NULL), 0);
}

static void message_too_long_is_refused(struct kunit *test)
{
	struct kt_pair pair;
	void *bytes;
	size_t n;

	kt_dgram_pair(test, kt_domain(test), &pair);
	bytes = kt_pattern(test, SZ_1M, 1);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, bytes, SZ_1M, 0, &n),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_EXPECT_EQ_MSG(test, ksock_send(pair.client, bytes, SIZE_MAX, 0,
					     &n), -EMSGSIZE,
			    "no byte of it may be looked at");
}

static void peek_leaves_the_message(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[4];
	int next = 0;
	size_t n;

	kt_dgram_pair(test, kt_domain(test), &pair);
	send_text(test, pair.client, "abc");
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, bytes, 4, MSG_PEEK, &n),
			0);
	KUNIT_EXPECT_EQ(test, n, 3);
	KUNIT_EXPECT_EQ(test, ksock_ioctl(pair.server, FIONREAD,
					  (intptr_t)&next), 0);
	KUNIT_EXPECT_EQ_MSG(test, next, 3, "FIONREAD sees it after the peek");
	expect_text(test, pair.server, "abc");
	KUNIT_EXPECT_EQ(test, ksock_ioctl(pair.server, FIONREAD,
					  (intptr_t)&next), 0);
	KUNIT_EXPECT_EQ(test, next, 0);
}

static void receive_waits_for_a_message(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;
	u8 bytes[8];

	kt_dgram_pair(test, kt_domain(test), &pair);
	sleeper = kt_start(test, kt_run_recv, pair.server, bytes, 8);
	kt_wait_asleep(test, sleeper);
	send_text(test, pair.client, "here");
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), 0);
	KUNIT_EXPECT_EQ(test, sleeper->count, 4);
}

static void receive_does_not_wait_when_told(struct kunit *test)
{
	struct kt_pair pair;
	size_t n = 1;
	u8 byte;

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, &byte, 1, MSG_DONTWAIT,
					 &n), -EAGAIN);
	KUNIT_EXPECT_EQ(test, n, 0);
	kt_set_nonblock(test, pair.server);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.server, &byte, 1, 0, &n),
			-EAGAIN);
	kt_set_timeout(test, pair.client, SO_RCVTIMEO, 20);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, &n),
			-EAGAIN);
}

static void send_to_nowhere_needs_an_address(struct kunit *test)
{
	int none = kt_domain(test) == AF_UNIX ? -ENOTCONN : -EDESTADDRREQ;
	ksocket_t s = kt_socket(test, kt_domain(test), SOCK_DGRAM);
	u8 byte = 0;
	size_t n;

	KUNIT_EXPECT_EQ(test, ksock_send(s, &byte, 1, 0, &n), none);
}

static void nobody_there_is_told_by_the_next_call(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;
	size_t n;

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, &n), 0);
	kt_wait_poll(test, pair.client, EPOLLERR);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, &n),
			-ECONNREFUSED);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, MSG_DONTWAIT,
					 &n), -EAGAIN);
}

static void unspecified_peer_ends_the_association(struct kunit *test)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct kt_addr addr = { .len = sizeof(addr.name) };
	struct kt_pair pair;

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_EXPECT_EQ(test, ksock_connect(pair.client, &none, sizeof(none)),
			0);
	KUNIT_EXPECT_EQ(test, ksock_getpeername(pair.client, kt_sockaddr(&addr),
						&addr.len), -ENOTCONN);
}

static void send_after_shutdown_is_a_broken_pipe(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;
	size_t n;

	kt_dgram_pair(test, kt_domain(test), &pair);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	KUNIT_EXPECT_EQ(test, ksock_send(pair.client, &byte, 1, 0, &n), -EPIPE);
}

static void datagrams_have_no_connections(struct kunit *test)
{
	ksocket_t s = kt_socket(test, kt_domain(test), SOCK_DGRAM), child;

	KUNIT_EXPECT_EQ(test, ksock_listen(s, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ksock_accept(s, &child, NULL, NULL), -EOPNOTSUPP);
	KUNIT_EXPECT_NULL(test, child);
}

static struct kunit_case dgram_cases[] = {
	KUNIT_CASE_PARAM(messages_keep_their_borders, family_gen_params),
	KUNIT_CASE_PARAM(sender_is_named, family_gen_params),
	KUNIT_CASE_PARAM(empty_message_is_a_message, family_gen_params),
	KUNIT_CASE_PARAM(long_message_is_cut_and_said_to_be, family_gen_params),
	KUNIT_CASE_PARAM(without_a_count_the_length_must_match,
			 family_gen_params),
	KUNIT_CASE_PARAM(message_too_long_is_refused, family_gen_params),
	KUNIT_CASE_PARAM(peek_leaves_the_message, family_gen_params),
	KUNIT_CASE_PARAM(receive_waits_for_a_message, family_gen_params),
	KUNIT_CASE_PARAM(receive_does_not_wait_when_told, family_gen_params),
	KUNIT_CASE_PARAM(send_to_nowhere_needs_an_address, family_gen_params),
	KUNIT_CASE_PARAM(nobody_there_is_told_by_the_next_call,
			 inet_gen_params),
	KUNIT_CASE_PARAM(unspecified_peer_ends_the_association,
			 family_gen_params),
	KUNIT_CASE_PARAM(send_after_shutdown_is_a_broken_pipe,
			 family_gen_params),
	KUNIT_CASE_PARAM(datagrams_have_no_connections, family_gen_params),
	{}
};

static struct kunit_suite dgram_suite = {
	.name = "ksocket_dgram",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = dgram_cases,
};

kunit_test_suite(dgram_suite);
