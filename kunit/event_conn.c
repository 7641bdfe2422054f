// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events of connections: connected, newconn, disconnected
 */
#include "recorder.h"

KUNIT_ARRAY_PARAM(mode, kt_modes, kt_describe_mode);

KUNIT_ARRAY_PARAM(inet, kt_inet_modes, kt_describe_mode);

KUNIT_ARRAY_PARAM(unix, kt_unix_modes, kt_describe_mode);

static u8 bytes[64];

static struct kt_recorder *record(struct kunit *test, ksocket_t s)
{
	return kt_record(test, s, kt_mode_flags(test));
}

static void make_pair(struct kunit *test, struct kt_pair *pair)
{
	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, pair);
}

static void connected_is_told_once(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t s;

	kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 1, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	rec = record(test, s);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	kt_expect_event(test, rec, KT_CONNECTED, 0);
	KUNIT_EXPECT_EQ(test, kt_connect(s, &addr), -EISCONN);
	kt_expect_no_more(test, rec);
}

static void connected_is_told_without_waiting(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t s;
	int err;

	kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 1, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	kt_set_nonblock(test, s);
	rec = record(test, s);
	err = kt_mode_domain(test) == AF_UNIX ? 0 : -EINPROGRESS;
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), err);
	kt_expect_event(test, rec, KT_CONNECTED, 0);
	err = kt_connect(s, &addr);
	KUNIT_EXPECT_TRUE_MSG(test, !err || err == -EISCONN, "it says %d", err);
	kt_expect_no_more(test, rec);
}

static void accepted_socket_is_not_told_connected(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 3, 0, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
}

/* Nothing arrives for it: the call itself is what has happened. */
static void datagram_connect_is_told_each_time(struct kunit *test)
{
	struct kt_addr addr, name;
	struct kt_recorder *rec;
	ksocket_t s, to;

	to = kt_socket(test, kt_mode_domain(test), SOCK_DGRAM);
	kt_bind(test, to, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_DGRAM);
	kt_bind(test, s, &name);
	rec = record(test, s);
	kt_expect_no_more(test, rec);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	kt_expect_event(test, rec, KT_CONNECTED, 0);
	KUNIT_ASSERT_EQ(test, ksock_sendto(to, bytes, 2, 0, kt_sockaddr(&name),
					   name.len, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 2);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	kt_expect_event(test, rec, KT_CONNECTED, 0);
	kt_expect_no_more(test, rec);
}

/* A port that nobody listens at, kept by a socket that is bound to it */
static void refusing_addr(struct kunit *test, struct kt_addr *addr)
{
	kt_bind(test, kt_socket(test, kt_mode_domain(test), SOCK_STREAM), addr);
}

static void refused_connect_is_disconnected(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t s;

	refusing_addr(test, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	rec = record(test, s);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), -ECONNREFUSED);
	kt_expect_event(test, rec, KT_DISCONNECTED, ECONNREFUSED);
	kt_expect_no_more(test, rec);
}

static void refused_connect_is_told_without_waiting(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t s;

	refusing_addr(test, &addr);
	s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	kt_set_nonblock(test, s);
	rec = record(test, s);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), -EINPROGRESS);
	kt_expect_event(test, rec, KT_DISCONNECTED, ECONNREFUSED);
	kt_expect_no_more(test, rec);
	KUNIT_EXPECT_EQ_MSG(test, kt_get_int(test, s, SOL_SOCKET, SO_ERROR),
			    ECONNREFUSED, "the error is left for a call");
}

/* The call says so, and leaves the socket as it was. */
static void refused_unix_connect_is_no_event(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t s;

	refusing_addr(test, &addr);
	s = kt_socket(test, AF_UNIX, SOCK_STREAM);
	rec = record(test, s);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), -ECONNREFUSED);
	kt_expect_no_more(test, rec);
}

static void reset_is_disconnected_without_end_of_file(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	kt_set_linger(test, pair.server, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, ECONNRESET);
	kt_expect_no_more(test, rec);
}

static void reset_after_the_peers_end_is_a_broken_pipe(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.server, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_set_linger(test, pair.server, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, EPIPE);
	kt_expect_no_more(test, rec);
}

/* A peer that leaves all unread has reset the connection; else it has ended it. */
static void unix_peer_that_left_is_told(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, 0);
	kt_expect_no_more(test, rec);

	make_pair(test, &pair);
	rec = record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 1, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, ECONNRESET);
	kt_expect_no_more(test, rec);
}

/* TCP changes its state twice at the end of FIN_WAIT2. */
static void orderly_end_is_told_once_to_who_began_it(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.client);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_wait_poll(test, pair.server, EPOLLRDHUP);
	kt_expect_no_more(test, rec);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.server, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, 0);
	kt_expect_no_more(test, rec);
}

static void orderly_end_is_told_once_to_the_other(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;

	make_pair(test, &pair);
	rec = record(test, pair.server);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_no_more(test, rec);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.server, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, 0);
	kt_expect_no_more(test, rec);
}

static void half_close_leaves_the_other_half(struct kunit *test)
{
	struct kt_recorder *client, *server;
	struct kt_pair pair;

	make_pair(test, &pair);
	client = record(test, pair.client);
	server = record(test, pair.server);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, client, KT_XMIT, 0);
	kt_expect_event(test, server, KT_RECV, 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.server, bytes, 5, 0, NULL), 0);
	kt_expect_event(test, client, KT_RECV, 5);
	kt_expect_no_more(test, client);
	kt_expect_no_more(test, server);
}

static ksocket_t dial(struct kunit *test, struct kt_addr *addr)
{
	ksocket_t s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);

	KUNIT_ASSERT_EQ(test, kt_connect(s, addr), 0);
	return s;
}

static void newconn_is_told_of_each(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_addr addr;
	ksocket_t listener;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 4, &addr);
	rec = record(test, listener);
	kt_expect_no_more(test, rec);
	dial(test, &addr);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	dial(test, &addr);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	kt_accept(test, listener);
	kt_accept(test, listener);
	kt_expect_no_more(test, rec);
}

/* One callback may stand for several connections: accept until -EAGAIN. */
static void newconn_coalesces(struct kunit *test)
{
	ksocket_t listener, child;
	struct kt_recorder *rec;
	struct kt_addr addr;
	unsigned int i;

	if (!kt_mode_flags(test))
		kunit_skip(test, "only a deferred callback can be kept waiting");
	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 4, &addr);
	kt_set_nonblock(test, listener);
	rec = kt_recorder(test, kt_mode_flags(test));
	rec->run = kt_run_gate;
	KUNIT_ASSERT_EQ(test, kt_register(rec, listener), 0);
	dial(test, &addr);
	kt_wait_gate(test, rec);
	dial(test, &addr);
	dial(test, &addr);
	dial(test, &addr);
	kt_wait_poll(test, listener, EPOLLIN);
	complete(&rec->leave);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	kt_expect_no_more(test, rec);
	for (i = 0; i < 4; i++)
		kt_accept(test, listener);
	KUNIT_EXPECT_EQ(test, ksock_accept(listener, &child, NULL, NULL),
			-EAGAIN);
}

static struct kunit_case event_conn_cases[] = {
	KUNIT_CASE_PARAM(connected_is_told_once, mode_gen_params),
	KUNIT_CASE_PARAM(connected_is_told_without_waiting, mode_gen_params),
	KUNIT_CASE_PARAM(accepted_socket_is_not_told_connected,
			 mode_gen_params),
	KUNIT_CASE_PARAM(datagram_connect_is_told_each_time, mode_gen_params),
	KUNIT_CASE_PARAM(refused_connect_is_disconnected, inet_gen_params),
	KUNIT_CASE_PARAM(refused_connect_is_told_without_waiting,
			 inet_gen_params),
	KUNIT_CASE_PARAM(refused_unix_connect_is_no_event, unix_gen_params),
	KUNIT_CASE_PARAM(reset_is_disconnected_without_end_of_file,
			 inet_gen_params),
	KUNIT_CASE_PARAM(reset_after_the_peers_end_is_a_broken_pipe,
			 inet_gen_params),
	KUNIT_CASE_PARAM(unix_peer_that_left_is_told, unix_gen_params),
	KUNIT_CASE_PARAM(orderly_end_is_told_once_to_who_began_it,
			 mode_gen_params),
	KUNIT_CASE_PARAM(orderly_end_is_told_once_to_the_other,
			 mode_gen_params),
	KUNIT_CASE_PARAM(half_close_leaves_the_other_half, mode_gen_params),
	KUNIT_CASE_PARAM(newconn_is_told_of_each, mode_gen_params),
	KUNIT_CASE_PARAM(newconn_coalesces, mode_gen_params),
	{}
};

static struct kunit_suite event_conn_suite = {
	.name = "ksocket_event_conn",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = event_conn_cases,
};

kunit_test_suite(event_conn_suite);
