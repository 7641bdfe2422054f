// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles: held, closed twice, left without a namespace or a module
 */
#include <linux/module.h>

#include "call.h"
#include "pair.h"
#include "thread.h"

static u8 byte;
static size_t count;

KUNIT_ARRAY_PARAM_DESC(call, kt_calls, name);

static void null_handle_is_no_socket(struct kunit *test)
{
	const struct kt_call *param = test->param_value;

	KUNIT_EXPECT_EQ(test, param->call(NULL), -ENOTSOCK);
}

static void closed_handle_that_is_held_is_no_socket(struct kunit *test)
{
	const struct kt_call *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, param->call(s), -ENOTSOCK);
}

static void second_close_is_refused(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	KUNIT_EXPECT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, ksock_close(s), -ENOTSOCK);
	KUNIT_EXPECT_EQ(test, ksock_close(s), -ENOTSOCK);
	KUNIT_EXPECT_EQ(test, ksock_close(NULL), -ENOTSOCK);
}

static void one_of_two_racing_closes_wins(struct kunit *test)
{
	struct kt_thread *closers[2];
	unsigned int round;
	ksocket_t s;
	int a, b;

	for (round = 0; round < 50; round++) {
		s = kt_socket(test, AF_INET, SOCK_STREAM);
		closers[0] = kt_start(test, kt_run_close, s, NULL, 0);
		closers[1] = kt_start(test, kt_run_close, s, NULL, 0);
		a = kt_join(test, closers[0]);
		b = kt_join(test, closers[1]);
		KUNIT_ASSERT_EQ_MSG(test, a + b, -ENOTSOCK,
				    "they returned %d and %d", a, b);
		KUNIT_ASSERT_TRUE(test, !a || !b);
	}
}

static void holds_are_counted(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	ksock_hold(NULL);
	ksock_rele(NULL);
	ksock_hold(s);
	KUNIT_EXPECT_EQ_MSG(test, refcount_read(&s->refs), 3,
			    "the creator, the fixture and this test");
	ksock_rele(s);
	KUNIT_EXPECT_EQ(test, refcount_read(&s->refs), 2);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&s->refs), 1);
}

static void stray_release_does_not_free_an_open_socket(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	ksock_rele(s);
	ksock_rele(s);
	KUNIT_EXPECT_EQ_MSG(test, refcount_read(&s->refs), 1,
			    "only a close ends the creator's reference");
	/* As the fixture will give back what was taken from it. */
	ksock_hold(s);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, SOL_SOCKET, SO_TYPE),
			SOCK_STREAM);
}

/*
 * No namespace and no module: keys by which ksock_net_down() and ksock_reap()
 * find this test's sockets, and nobody else's. What they count is counted in
 * the initial namespace.
 */
static struct net net_key;
static char owner_key;

static void set_net_key(ksocket_t s)
{
	net_key.gen = init_net.gen;
	spin_lock(&ksock_list_lock);
	s->net = &net_key;
	spin_unlock(&ksock_list_lock);
}

static void set_owner_key(ksocket_t s)
{
	spin_lock(&ksock_list_lock);
	s->owner = (struct module *)&owner_key;
	spin_unlock(&ksock_list_lock);
}

static void call_without_namespace_says_so(struct kunit *test)
{
	const struct kt_call *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	set_net_key(s);
	ksock_net_down(&net_key);
	KUNIT_EXPECT_EQ(test, param->call(s), -ENETDOWN);
	KUNIT_EXPECT_TRUE(test, ksock_poll(s) == EPOLLNVAL);
	KUNIT_EXPECT_EQ_MSG(test, ksock_close(s), 0,
			    "the handle is still the consumer's to close");
	KUNIT_EXPECT_EQ(test, param->call(s), -ENOTSOCK);
	KUNIT_EXPECT_EQ(test, ksock_close(s), -ENOTSOCK);
}

static void blocked_caller_hears_that_the_namespace_went(struct kunit *test)
{
	struct kt_thread *sleeper;
	struct kt_pair pair;

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	sleeper = kt_start(test, kt_run_recv, pair.server, &byte, 1);
	kt_wait_asleep(test, sleeper);
	set_net_key(pair.server);
	ksock_net_down(&net_key);
	KUNIT_EXPECT_EQ(test, kt_join(test, sleeper), -ENETDOWN);
	KUNIT_EXPECT_EQ_MSG(test, ksock_recv(pair.client, &byte, 1, 0, &count),
			    -ECONNRESET, "it does not linger");
}

static char reaped[80];

static unsigned int reap(const void *key)
{
	return ksock_reap((struct module *)key, reaped, sizeof(reaped));
}

/* A module that is gone can close nothing: neither it nor anybody else may. */
static void sockets_of_a_module_that_left_are_reaped(struct kunit *test)
{
	unsigned int before = kt_count_listed();
	struct kt_pair pair;

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	set_owner_key(pair.listener);
	set_owner_key(pair.server);
	KUNIT_EXPECT_EQ(test, reap(&owner_key), 2);
	KUNIT_EXPECT_EQ(test, reap(&owner_key), 0);
	KUNIT_EXPECT_EQ(test, kt_count_listed(), before + 1);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.server), -ENOTSOCK);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, &byte, 1, 0, &count),
			-ECONNRESET);
}

static void what_was_reaped_is_listed(struct kunit *test)
{
	struct kt_addr addr;
	char expected[80];

	set_owner_key(kt_listen(test, AF_INET6, SOCK_STREAM, 1, &addr));
	set_owner_key(kt_socket(test, AF_UNIX, SOCK_DGRAM));
	snprintf(expected, sizeof(expected), "inet6 %pISpc, unix", &addr.name);
	KUNIT_EXPECT_EQ(test, reap(&owner_key), 2);
	KUNIT_EXPECT_STREQ(test, reaped, expected);
}

static void list_of_what_was_reaped_is_cut(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 40; i++)
		set_owner_key(kt_socket(test, AF_UNIX, SOCK_DGRAM));
	KUNIT_EXPECT_EQ(test, reap(&owner_key), 40);
	KUNIT_EXPECT_TRUE(test, strlen(reaped) < sizeof(reaped));
	KUNIT_EXPECT_STREQ(test, strstr(reaped, "unix, ..."), "unix, ...");
}

static void reaped_too_when_the_namespace_went_first(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);

	set_net_key(s);
	set_owner_key(s);
	ksock_net_down(&net_key);
	KUNIT_EXPECT_EQ(test, reap(&owner_key), 1);
	KUNIT_EXPECT_EQ(test, ksock_close(s), -ENOTSOCK);
}

#define THOUSAND	1000
#define HUNDRED		100

static void thousand_sockets_leave_nothing(struct kunit *test)
{
	static const int domains[] = { AF_INET, AF_INET6, AF_UNIX };
	unsigned int before = kt_count_listed(), i;
	ksocket_t *sockets;
	int err;

	sockets = kunit_kcalloc(test, THOUSAND, sizeof(*sockets), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sockets);
	for (i = 0; i < THOUSAND; i++) {
		err = ksock_socket_net(&sockets[i],
				       domains[i % ARRAY_SIZE(domains)],
				       i % 2 ? SOCK_DGRAM : SOCK_STREAM, 0,
				       &init_net, 0);
		KUNIT_EXPECT_EQ_MSG(test, err, 0, "at socket %u", i);
	}
	KUNIT_EXPECT_EQ(test, kt_count_listed(), before + THOUSAND);
	for (i = 0; i < THOUSAND; i++)
		KUNIT_EXPECT_EQ(test, ksock_close(sockets[i]), 0);
	KUNIT_EXPECT_EQ(test, kt_count_listed(), before);
}

static void hundred_connections_leave_nothing(struct kunit *test)
{
	unsigned int before = kt_count_listed(), i;
	struct kt_addr to;
	ksocket_t listener, client, server;
	int err = 0;

	listener = kt_listen(test, AF_INET, SOCK_STREAM, 8, &to);
	for (i = 0; i < HUNDRED && !err; i++) {
		err = ksock_socket(&client, AF_INET, SOCK_STREAM, 0);
		KUNIT_ASSERT_EQ(test, err, 0);
		err = kt_connect(client, &to);
		if (!err)
			err = ksock_accept(listener, &server, NULL, NULL);
		if (!err)
			err = ksock_close(server);
		err = ksock_close(client) ? : err;
	}
	KUNIT_EXPECT_EQ_MSG(test, err, 0, "at connection %u", i);
	KUNIT_EXPECT_EQ(test, kt_count_listed(), before + 1);
	KUNIT_EXPECT_EQ(test, ksock_close(listener), 0);
	KUNIT_EXPECT_EQ(test, kt_count_listed(), before);
}

struct create_param {
	const char *name;
	int domain;
	int type;
	int protocol;
	unsigned int flags;
	int err;
};

static const struct create_param create_params[] = {
	{ "no such family", AF_MAX, SOCK_STREAM, 0, 0, -EAFNOSUPPORT },
	{ "negative family", -1, SOCK_STREAM, 0, 0, -EAFNOSUPPORT },
	{ "negative type", AF_INET, -1, 0, 0, -EINVAL },
	{ "type out of range", AF_INET, SOCK_MAX, 0, 0, -EINVAL },
	{ "no such type", AF_INET, SOCK_RDM, 0, 0, -ESOCKTNOSUPPORT },
	{ "protocol of another type", AF_INET, SOCK_STREAM, IPPROTO_UDP, 0,
	  -EPROTONOSUPPORT },
	{ "unknown flag", AF_INET, SOCK_STREAM, 0, KSOCK_NOINTR << 1, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(create, create_params, name);

static void impossible_socket_is_refused(struct kunit *test)
{
	const struct create_param *param = test->param_value;
	ksocket_t s = (ksocket_t)1;
	int err;

	err = ksock_socket_net(&s, param->domain, param->type, param->protocol,
			       &init_net, param->flags);
	KUNIT_EXPECT_EQ(test, err, param->err);
	KUNIT_EXPECT_NULL(test, s);
}

static void nothing_to_make_a_socket_of_is_a_fault(struct kunit *test)
{
	ksocket_t s = (ksocket_t)1;

	KUNIT_EXPECT_EQ(test, ksock_socket(NULL, AF_INET, SOCK_STREAM, 0),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, ksock_socket_net(&s, AF_INET, SOCK_STREAM, 0,
					       NULL, 0), -EFAULT);
	KUNIT_EXPECT_NULL(test, s);
}

static struct kunit_case handle_cases[] = {
	KUNIT_CASE_PARAM(impossible_socket_is_refused, create_gen_params),
	KUNIT_CASE(nothing_to_make_a_socket_of_is_a_fault),
	KUNIT_CASE_PARAM(null_handle_is_no_socket, call_gen_params),
	KUNIT_CASE_PARAM(closed_handle_that_is_held_is_no_socket,
			 call_gen_params),
	KUNIT_CASE(second_close_is_refused),
	KUNIT_CASE_SLOW(one_of_two_racing_closes_wins),
	KUNIT_CASE(holds_are_counted),
	KUNIT_CASE(stray_release_does_not_free_an_open_socket),
	KUNIT_CASE_PARAM(call_without_namespace_says_so, call_gen_params),
	KUNIT_CASE(blocked_caller_hears_that_the_namespace_went),
	KUNIT_CASE(sockets_of_a_module_that_left_are_reaped),
	KUNIT_CASE(what_was_reaped_is_listed),
	KUNIT_CASE(list_of_what_was_reaped_is_cut),
	KUNIT_CASE(reaped_too_when_the_namespace_went_first),
	KUNIT_CASE_SLOW(thousand_sockets_leave_nothing),
	KUNIT_CASE_SLOW(hundred_connections_leave_nothing),
	{}
};

static struct kunit_suite handle_suite = {
	.name = "ksocket_handle",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = handle_cases,
};

kunit_test_suite(handle_suite);
