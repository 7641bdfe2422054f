// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events of data: recv, xmit, exception
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/delay.h>
#include <linux/sizes.h>

#include "recorder.h"

KUNIT_ARRAY_PARAM(mode, kt_modes, kt_describe_mode);

KUNIT_ARRAY_PARAM(inet, kt_inet_modes, kt_describe_mode);

static u8 bytes[64];

static struct kt_recorder *record(struct kunit *test, ksocket_t s)
{
	return kt_record(test, s, kt_mode_flags(test));
}

static void make_pair(struct kunit *test, struct kt_pair *pair)
{
	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, pair);
}

static void send_flags(struct kunit *test, ksocket_t s, size_t n, int flags)
{
	KUNIT_ASSERT_EQ(test, ksock_send(s, bytes, n, flags, NULL), 0);
}

static void recv_all(struct kunit *test, ksocket_t s, size_t n)
{
	KUNIT_ASSERT_EQ(test, ksock_recv(s, bytes, n, 0, NULL), 0);
}

static void recv_tells_what_can_be_read(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 3, 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	send_flags(test, pair.client, 2, 0);
	kt_expect_event(test, rec, KT_RECV, 5);
	recv_all(test, pair.server, 4);
	kt_expect_no_more(test, rec);
	send_flags(test, pair.client, 2, 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
}

static void data_with_the_end_is_told_before_it(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	/* TCP keeps it back, and sends it in one segment with the FIN. */
	send_flags(test, pair.client, 3, MSG_MORE);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_event(test, rec, KT_RECV, 0);
	recv_all(test, pair.server, 3);
	kt_expect_no_more(test, rec);
}

/* data_ready without data: as TCP calls it under memory pressure */
static void nothing_to_read_is_not_told(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;
	struct sock *sk;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	sk = pair.server->sock->sk;
	lock_sock(sk);
	sk->sk_data_ready(sk);
	release_sock(sk);
	kt_expect_no_more(test, rec);
	send_flags(test, pair.client, 3, 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	recv_all(test, pair.server, 3);
	lock_sock(sk);
	sk->sk_data_ready(sk);
	release_sock(sk);
	kt_expect_no_more(test, rec);
}

static void zero_length_datagram_is_minus_one(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	kt_dgram_pair(test, kt_mode_domain(test), &pair);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 0, 0);
	kt_expect_event(test, rec, KT_RECV, -1);
	recv_all(test, pair.server, 0);
	send_flags(test, pair.client, 4, 0);
	kt_expect_event(test, rec, KT_RECV, 4);
	kt_expect_no_more(test, rec);
}

/* Each is told, with the length of the one that will be received. */
static void datagram_is_told_as_it_comes(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	kt_dgram_pair(test, kt_mode_domain(test), &pair);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 3, 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	send_flags(test, pair.client, 7, 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	recv_all(test, pair.server, 3);
	send_flags(test, pair.client, 9, 0);
	kt_expect_event(test, rec, KT_RECV, 7);
	kt_expect_no_more(test, rec);
}

/* A client with no room, so that its sends fall short. */
static struct kt_recorder *record_full(struct kunit *test,
				       struct kt_pair *pair)
{
	make_pair(test, pair);
	kt_set_int(test, pair->client, SOL_SOCKET, SO_SNDBUF, SZ_16K);
	kt_fill(test, pair->client);
	return record(test, pair->client);
}

static void fall_short(struct kunit *test, ksocket_t s)
{
	size_t sent;

	KUNIT_ASSERT_EQ(test, ksock_send(s, bytes, 1, MSG_DONTWAIT, &sent),
			-EAGAIN);
}

/* Read until the sender was told of room. */
static void drain(struct kunit *test, ksocket_t s, struct kt_recorder *rec)
{
	unsigned long end = jiffies + KT_BOUND;
	u8 *room = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	size_t n;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, room);
	while (!READ_ONCE(rec->n)) {
		err = ksock_recv(s, room, PAGE_SIZE, MSG_DONTWAIT, &n);
		if (err == -EAGAIN)
			usleep_range(100, 200);
		else
			KUNIT_ASSERT_EQ(test, err, 0);
		KUNIT_ASSERT_TRUE_MSG(test, time_before(jiffies, end),
				      "nobody tells of room");
	}
}

static void xmit_is_told_after_a_send_fell_short(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_full(test, &pair);
	fall_short(test, pair.client);
	kt_expect_no_more(test, rec);
	drain(test, pair.server, rec);
	kt_expect_event(test, rec, KT_XMIT, KT_SOME);
	kt_expect_no_more(test, rec);
}

static void xmit_is_told_from_within_setsockopt(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_full(test, &pair);
	fall_short(test, pair.client);
	kt_expect_no_more(test, rec);
	kt_set_int(test, pair.client, SOL_SOCKET, SO_SNDBUF, SZ_128K);
	if (!kt_mode_flags(test))
		KUNIT_EXPECT_EQ(test, rec->n, 1);
	kt_expect_event(test, rec, KT_XMIT, KT_SOME);
	kt_expect_no_more(test, rec);
}

static void xmit_is_told_when_wanted(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	kt_expect_no_more(test, rec);
	KUNIT_EXPECT_EQ(test, ksock_want_xmit(pair.client), 0);
	kt_expect_event(test, rec, KT_XMIT, KT_SOME);
	KUNIT_EXPECT_EQ(test, ksock_want_xmit(pair.client), 0);
	kt_expect_event(test, rec, KT_XMIT, KT_SOME);
	kt_expect_no_more(test, rec);
}

static void wanted_xmit_waits_for_room(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	rec = record_full(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_want_xmit(pair.client), 0);
	kt_expect_no_more(test, rec);
	drain(test, pair.server, rec);
	kt_expect_event(test, rec, KT_XMIT, KT_SOME);
}

static void xmit_is_wanted_of_whom_nobody_hears(struct kunit *test)
{
	struct kt_pair pair;

	make_pair(test, &pair);
	KUNIT_EXPECT_EQ(test, ksock_want_xmit(pair.client), -EINVAL);
	record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(pair.client, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_want_xmit(pair.client), -EINVAL);
}

static void end_of_sending_is_told_once(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	KUNIT_ASSERT_EQ(test, ksock_want_xmit(pair.client), 0);
	kt_expect_no_more(test, rec);
}

static void urgent_mark_is_told_before_its_bytes(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 3, MSG_OOB);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	kt_expect_event(test, rec, KT_RECV, 2);
	kt_expect_no_more(test, rec);
}

/* Neither is there anything to read, nor the end of file. */
static void urgent_byte_alone_is_only_a_mark(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 1, MSG_OOB);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	kt_expect_no_more(test, rec);
	send_flags(test, pair.client, 1, MSG_OOB);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	kt_expect_no_more(test, rec);
}

static void urgent_byte_in_line_can_be_read(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	kt_set_int(test, pair.server, SOL_SOCKET, SO_OOBINLINE, 1);
	rec = record(test, pair.server);
	send_flags(test, pair.client, 3, MSG_OOB);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
}

/* Connected to a port that was just given up */
static ksocket_t lost_sender(struct kunit *test)
{
	ksocket_t s, to;
	struct kt_addr addr;

	to = kt_socket(test, kt_mode_domain(test), SOCK_DGRAM);
	kt_bind(test, to, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_DGRAM);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	KUNIT_ASSERT_EQ(test, ksock_close(to), 0);
	return s;
}

static void datagram_that_was_refused_is_minus_one(struct kunit *test)
{
	ksocket_t s = lost_sender(test);
	struct kt_recorder *rec;

	rec = record(test, s);
	send_flags(test, s, 4, 0);
	kt_expect_event(test, rec, KT_RECV, -1);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, SOL_SOCKET, SO_ERROR),
			ECONNREFUSED);
	kt_expect_no_more(test, rec);
}

/* The family reports it twice: that it is queued, and the error itself. */
static void error_queue_is_told(struct kunit *test)
{
	bool inet = kt_mode_domain(test) == AF_INET;
	ksocket_t s = lost_sender(test);
	struct kt_recorder *rec;
	struct kt_event event;
	size_t n;

	kt_set_int(test, s, inet ? SOL_IP : SOL_IPV6,
		   inet ? IP_RECVERR : IPV6_RECVERR, 1);
	rec = record(test, s);
	send_flags(test, s, 4, 0);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_ERRQUEUE);
	event = kt_next(test, rec);
	if (event.what == KT_EXCEPTION)
		event = kt_next(test, rec);
	KUNIT_EXPECT_EQ(test, event.what, KT_RECV);
	KUNIT_EXPECT_EQ(test, event.value, -1);
	kt_expect_no_more(test, rec);
	KUNIT_EXPECT_EQ(test, ksock_recv(s, bytes, sizeof(bytes),
					 MSG_ERRQUEUE | MSG_DONTWAIT, &n), 0);
	KUNIT_EXPECT_EQ_MSG(test, n, 4, "what could not be delivered");
}

static struct kunit_case event_data_cases[] = {
	KUNIT_CASE_PARAM(recv_tells_what_can_be_read, mode_gen_params),
	KUNIT_CASE_PARAM(data_with_the_end_is_told_before_it, mode_gen_params),
	KUNIT_CASE_PARAM(nothing_to_read_is_not_told, mode_gen_params),
	KUNIT_CASE_PARAM(zero_length_datagram_is_minus_one, mode_gen_params),
	KUNIT_CASE_PARAM(datagram_is_told_as_it_comes, mode_gen_params),
	KUNIT_CASE_PARAM(xmit_is_told_after_a_send_fell_short, mode_gen_params),
	KUNIT_CASE_PARAM(xmit_is_told_from_within_setsockopt, mode_gen_params),
	KUNIT_CASE_PARAM(xmit_is_told_when_wanted, mode_gen_params),
	KUNIT_CASE_PARAM(wanted_xmit_waits_for_room, mode_gen_params),
	KUNIT_CASE_PARAM(xmit_is_wanted_of_whom_nobody_hears, mode_gen_params),
	KUNIT_CASE_PARAM(end_of_sending_is_told_once, mode_gen_params),
	KUNIT_CASE_PARAM(urgent_mark_is_told_before_its_bytes, inet_gen_params),
	KUNIT_CASE_PARAM(urgent_byte_alone_is_only_a_mark, inet_gen_params),
	KUNIT_CASE_PARAM(urgent_byte_in_line_can_be_read, inet_gen_params),
	KUNIT_CASE_PARAM(datagram_that_was_refused_is_minus_one,
			 inet_gen_params),
	KUNIT_CASE_PARAM(error_queue_is_told, inet_gen_params),
	{}
};

static struct kunit_suite event_data_suite = {
	.name = "ksocket_event_data",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = event_data_cases,
};

kunit_test_suite(event_data_suite);
