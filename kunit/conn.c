// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections being made: connect, accept, names, poll
 */
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

/* What a test of poll() asks for; the families differ in the rest. */
#define EVENTS	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLERR)

#define EXPECT_EVENTS(test, seen, expected) \
	KUNIT_EXPECT_EQ(test, (__force u32)((seen) & EVENTS), \
			(__force u32)(expected))

static void expect_name(struct kunit *test, const struct kt_addr *name,
			const struct kt_addr *expected)
{
	KUNIT_EXPECT_EQ(test, name->len, expected->len);
	KUNIT_EXPECT_MEMEQ(test, &name->name, &expected->name, expected->len);
}

static struct kt_addr local_name(struct kunit *test, ksocket_t s)
{
	struct kt_addr addr = { .len = sizeof(addr.name) };

	KUNIT_ASSERT_EQ(test, ksock_getsockname(s, kt_sockaddr(&addr),
						&addr.len), 0);
	return addr;
}

static struct kt_addr peer_name(struct kunit *test, ksocket_t s)
{
	struct kt_addr addr = { .len = sizeof(addr.name) };

	KUNIT_ASSERT_EQ(test, ksock_getpeername(s, kt_sockaddr(&addr),
						&addr.len), 0);
	return addr;
}

static void both_ends_know_both_names(struct kunit *test)
{
	struct kt_addr client, name, accepted = { .len = sizeof(client.name) };
	ksocket_t listener, caller, child;
	struct kt_addr addr;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_bind(test, caller, &client);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	KUNIT_ASSERT_EQ(test, ksock_accept(listener, &child,
					   kt_sockaddr(&accepted),
					   &accepted.len), 0);
	kt_keep(test, child);
	expect_name(test, &accepted, &client);
	name = peer_name(test, child);
	expect_name(test, &name, &client);
	name = local_name(test, child);
	expect_name(test, &name, &addr);
	name = peer_name(test, caller);
	expect_name(test, &name, &addr);
}

static void name_is_cut_and_its_length_told(struct kunit *test)
{
	struct kt_addr addr, cut = { .len = 3 };
	ksocket_t s;

	memset(&cut.name, 0x5a, sizeof(cut.name));
	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	KUNIT_EXPECT_EQ(test, ksock_getsockname(s, kt_sockaddr(&cut), &cut.len),
			0);
	KUNIT_EXPECT_EQ(test, cut.len, addr.len);
	KUNIT_EXPECT_MEMEQ(test, &cut.name, &addr.name, 3);
	KUNIT_EXPECT_EQ_MSG(test, ((u8 *)&cut.name)[3], 0x5a,
			    "there was room for 3 bytes only");
}

static void accept_with_room_but_no_length_takes_nothing(struct kunit *test)
{
	ksocket_t listener, caller, child = (ksocket_t)1;
	struct kt_addr addr;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	KUNIT_EXPECT_EQ(test, ksock_accept(listener, &child, kt_sockaddr(&addr),
					   NULL), -EFAULT);
	KUNIT_EXPECT_NULL(test, child);
	kt_accept(test, listener);
}

/* The caller is known by its name though it has reset the connection. */
static void caller_that_hung_up_is_still_named(struct kunit *test)
{
	struct kt_addr addr, client, accepted = { .len = sizeof(addr.name) };
	ksocket_t listener, caller, child;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_bind(test, caller, &client);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	kt_set_linger(test, caller, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(caller), 0);
	KUNIT_ASSERT_EQ(test, ksock_accept(listener, &child,
					   kt_sockaddr(&accepted),
					   &accepted.len), 0);
	kt_keep(test, child);
	expect_name(test, &accepted, &client);
}

static void accept_waits_for_a_caller(struct kunit *test)
{
	struct kt_thread *waiter;
	ksocket_t listener, caller;
	struct kt_addr addr;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	waiter = kt_start(test, kt_run_accept, listener, NULL, 0);
	kt_wait_asleep(test, waiter);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	KUNIT_EXPECT_EQ(test, kt_join(test, waiter), 0);
	KUNIT_EXPECT_NOT_NULL(test, waiter->child);
}

static void nonblocking_accept_does_not_wait(struct kunit *test)
{
	ksocket_t listener, caller, child = (ksocket_t)1;
	struct kt_addr addr;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	kt_set_nonblock(test, listener);
	KUNIT_EXPECT_EQ(test, ksock_accept(listener, &child, NULL, NULL),
			-EAGAIN);
	KUNIT_EXPECT_NULL(test, child);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	kt_wait_poll(test, listener, EPOLLIN);
	child = kt_accept(test, listener);
	KUNIT_EXPECT_FALSE_MSG(test, child->nonblock,
			       "an accepted socket is blocking");
}

static void accept_times_out(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s, child;

	s = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	kt_set_timeout(test, s, SO_RCVTIMEO, 20);
	KUNIT_EXPECT_EQ(test, ksock_accept(s, &child, NULL, NULL), -EAGAIN);
}

static void nonblocking_connect_is_told_by_poll(struct kunit *test)
{
	ksocket_t listener, caller;
	struct kt_addr addr;
	int err;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 1, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_set_nonblock(test, caller);
	err = kt_connect(caller, &addr);
	KUNIT_EXPECT_EQ(test, err, -EINPROGRESS);
	kt_wait_poll(test, caller, EPOLLOUT);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, caller, SOL_SOCKET, SO_ERROR),
			0);
	KUNIT_EXPECT_EQ_MSG(test, kt_connect(caller, &addr), 0,
			    "the first call after it came about returns 0");
	KUNIT_EXPECT_EQ(test, kt_connect(caller, &addr), -EISCONN);
	kt_accept(test, listener);
}

/* A backlog of 0 has room for one; the next one's SYN is dropped. */
static ksocket_t full_listener(struct kunit *test, struct kt_addr *addr)
{
	ksocket_t listener, first;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 0, addr);
	first = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(first, addr), 0);
	kt_wait_poll(test, listener, EPOLLIN);
	return listener;
}

static void connect_under_way_is_told(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t caller;

	full_listener(test, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_set_nonblock(test, caller);
	KUNIT_EXPECT_EQ(test, kt_connect(caller, &addr), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, kt_connect(caller, &addr), -EALREADY);
	EXPECT_EVENTS(test, ksock_poll(caller), 0);
}

static void connect_times_out(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t caller;

	full_listener(test, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_set_timeout(test, caller, SO_SNDTIMEO, 20);
	KUNIT_EXPECT_EQ(test, kt_connect(caller, &addr), -EAGAIN);
	KUNIT_EXPECT_EQ_MSG(test, kt_connect(caller, &addr), -EAGAIN,
			    "nor does it come about while waited for again");
}

static void connect_to_nobody_is_refused(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s;

	s = kt_socket(test, kt_domain(test), SOCK_STREAM);
	kt_bind(test, s, &addr);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	s = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_EXPECT_EQ(test, kt_connect(s, &addr), -ECONNREFUSED);
}

static void poll_tells_the_level(struct kunit *test)
{
	struct kt_pair pair;
	u8 byte = 0;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	EXPECT_EVENTS(test, ksock_poll(pair.listener), 0);
	EXPECT_EVENTS(test, ksock_poll(pair.server), EPOLLOUT);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, &byte, 1, 0, NULL), 0);
	EXPECT_EVENTS(test, kt_wait_poll(test, pair.server, EPOLLIN),
		      EPOLLIN | EPOLLOUT);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, &byte, 1, 0, NULL), 0);
	EXPECT_EVENTS(test, ksock_poll(pair.server), EPOLLOUT);
	kt_fill(test, pair.server);
	EXPECT_EVENTS(test, ksock_poll(pair.server), 0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	EXPECT_EVENTS(test, kt_wait_poll(test, pair.server, EPOLLRDHUP),
		      EPOLLIN | EPOLLRDHUP);
}

static void poll_of_no_handle_is_invalid(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	KUNIT_EXPECT_TRUE(test, ksock_poll(NULL) == EPOLLNVAL);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_TRUE(test, ksock_poll(s) == EPOLLNVAL);
}

struct backlog_param {
	const char *name;
	int backlog;
	int limit;
};

static const struct backlog_param backlog_params[] = {
	{ "none", 0, 0 },
	{ "some", 5, 5 },
	{ "one too many", 4097, 4096 },
	{ "most", INT_MAX, 4096 },
	{ "negative", -1, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(backlog, backlog_params, name);

static void backlog_is_cut_to_somaxconn(struct kunit *test)
{
	const struct backlog_param *param = test->param_value;
	int somaxconn = READ_ONCE(init_net.core.sysctl_somaxconn);
	struct kt_addr addr;
	ksocket_t s;

	if (somaxconn != 4096)
		kunit_skip(test, "somaxconn is %d, not 4096", somaxconn);
	s = kt_listen(test, AF_INET, SOCK_STREAM, param->backlog, &addr);
	KUNIT_EXPECT_EQ(test, s->sock->sk->sk_max_ack_backlog, param->limit);
}

static struct kunit_case conn_cases[] = {
	KUNIT_CASE_PARAM(both_ends_know_both_names, family_gen_params),
	KUNIT_CASE_PARAM(name_is_cut_and_its_length_told, family_gen_params),
	KUNIT_CASE_PARAM(accept_with_room_but_no_length_takes_nothing,
			 family_gen_params),
	KUNIT_CASE_PARAM(caller_that_hung_up_is_still_named, family_gen_params),
	KUNIT_CASE_PARAM(accept_waits_for_a_caller, family_gen_params),
	KUNIT_CASE_PARAM(nonblocking_accept_does_not_wait, family_gen_params),
	KUNIT_CASE_PARAM(accept_times_out, family_gen_params),
	KUNIT_CASE_PARAM(nonblocking_connect_is_told_by_poll, inet_gen_params),
	KUNIT_CASE_PARAM(connect_under_way_is_told, inet_gen_params),
	KUNIT_CASE_PARAM(connect_times_out, family_gen_params),
	KUNIT_CASE_PARAM(connect_to_nobody_is_refused, family_gen_params),
	KUNIT_CASE_PARAM(poll_tells_the_level, family_gen_params),
	KUNIT_CASE(poll_of_no_handle_is_invalid),
	KUNIT_CASE_PARAM(backlog_is_cut_to_somaxconn, backlog_gen_params),
	{}
};

static struct kunit_suite conn_suite = {
	.name = "ksocket_conn",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = conn_cases,
};

kunit_test_suite(conn_suite);
