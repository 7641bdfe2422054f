// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sk_* hooks: whose they are, before and after, and with children
 */
#include <net/inet_connection_sock.h>

#include "recorder.h"

KUNIT_ARRAY_PARAM(mode, kt_modes, kt_describe_mode);
KUNIT_ARRAY_PARAM(inet, kt_inet_modes, kt_describe_mode);

static u8 bytes[8];

static struct ksock_hooks hooks_of(const struct sock *sk)
{
	return (struct ksock_hooks) {
		.data_ready = READ_ONCE(sk->sk_data_ready),
		.write_space = READ_ONCE(sk->sk_write_space),
		.state_change = READ_ONCE(sk->sk_state_change),
		.error_report = READ_ONCE(sk->sk_error_report),
	};
}

/* Those of a socket that nobody has hooked */
static struct ksock_hooks ordinary_hooks(struct kunit *test)
{
	return hooks_of(kt_socket(test, kt_mode_domain(test),
				  SOCK_STREAM)->sock->sk);
}

static void expect_ordinary(struct kunit *test, const struct sock *sk)
{
	struct ksock_hooks ordinary = ordinary_hooks(test);
	struct ksock_hooks hooks = hooks_of(sk);

	KUNIT_EXPECT_PTR_EQ(test, hooks.data_ready, ordinary.data_ready);
	KUNIT_EXPECT_PTR_EQ(test, hooks.write_space, ordinary.write_space);
	KUNIT_EXPECT_PTR_EQ(test, hooks.state_change, ordinary.state_change);
	KUNIT_EXPECT_PTR_EQ(test, hooks.error_report, ordinary.error_report);
	KUNIT_EXPECT_NULL(test, sk->sk_user_data);
}

static void hooks_go_with_the_socket(struct kunit *test)
{
	struct ksock_hooks ordinary;
	struct kt_pair pair;
	struct sock *sk;

	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, &pair);
	sk = pair.client->sock->sk;
	expect_ordinary(test, sk);
	kt_record(test, pair.client, kt_mode_flags(test));
	ordinary = ordinary_hooks(test);
	KUNIT_EXPECT_PTR_NE(test, sk->sk_data_ready, ordinary.data_ready);
	sock_hold(sk);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.client), 0);
	expect_ordinary(test, sk);
	sock_put(sk);
}

static void someone_elses_hooks_are_left_alone(struct kunit *test)
{
	ksocket_t s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	struct kt_recorder *rec = kt_recorder(test, kt_mode_flags(test));
	struct ksock_hooks ordinary = ordinary_hooks(test);
	struct sock *sk = s->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = bytes;
	write_unlock_bh(&sk->sk_callback_lock);
	KUNIT_EXPECT_EQ(test, kt_register(rec, s), -EBUSY);
	KUNIT_EXPECT_PTR_EQ(test, sk->sk_user_data, (void *)bytes);
	KUNIT_EXPECT_PTR_EQ(test, sk->sk_data_ready, ordinary.data_ready);
	KUNIT_EXPECT_PTR_EQ(test, s->owner, THIS_MODULE);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	KUNIT_EXPECT_EQ(test, kt_register(rec, s), 0);
}

/* A hook of somebody who came later, and does as he should */
static void (*below)(struct sock *sk);
static unsigned int seen_on_top;

static void data_ready_on_top(struct sock *sk)
{
	seen_on_top++;
	below(sk);
}

static void hook_on_top_of_ours_stays(struct kunit *test)
{
	struct ksock_hooks ordinary = ordinary_hooks(test);
	struct kt_recorder *rec;
	struct kt_pair pair;
	struct sock *sk;

	kt_pair(test, kt_mode_domain(test), SOCK_STREAM, &pair);
	rec = kt_record(test, pair.server, kt_mode_flags(test));
	sk = pair.server->sock->sk;
	seen_on_top = 0;
	write_lock_bh(&sk->sk_callback_lock);
	below = sk->sk_data_ready;
	WRITE_ONCE(sk->sk_data_ready, data_ready_on_top);
	write_unlock_bh(&sk->sk_callback_lock);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 3, 0, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 3);
	KUNIT_EXPECT_EQ(test, seen_on_top, 1);
	sock_hold(sk);
	KUNIT_EXPECT_EQ(test, ksock_close(pair.server), 0);
	KUNIT_EXPECT_PTR_EQ(test, READ_ONCE(sk->sk_data_ready),
			    &data_ready_on_top);
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, ordinary.data_ready);
	write_unlock_bh(&sk->sk_callback_lock);
	sock_put(sk);
}

/* A TCP child is cloned with its listener's hooks. */
static ksocket_t dial(struct kunit *test, struct kt_addr *addr)
{
	ksocket_t s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);

	KUNIT_ASSERT_EQ(test, kt_connect(s, addr), 0);
	return s;
}

static void accepted_socket_has_its_familys_hooks(struct kunit *test)
{
	struct kt_recorder *rec, *child_rec;
	ksocket_t listener, caller, child;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	rec = kt_record(test, listener, kt_mode_flags(test));
	caller = dial(test, &addr);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	child = kt_accept(test, listener);
	expect_ordinary(test, child->sock->sk);
	child_rec = kt_record(test, child, kt_mode_flags(test));
	KUNIT_ASSERT_EQ(test, ksock_send(caller, bytes, 3, 0, NULL), 0);
	kt_expect_event(test, child_rec, KT_RECV, 3);
	kt_expect_no_more(test, child_rec);
	kt_expect_no_more(test, rec);
}

/* Hooked once, a listener stays so until it is closed. */
static void child_of_a_listener_that_hears_no_more(struct kunit *test)
{
	ksocket_t listener, caller, child;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	kt_record(test, listener, kt_mode_flags(test));
	KUNIT_ASSERT_EQ(test, ksock_callbacks(listener, NULL, NULL), 0);
	caller = dial(test, &addr);
	child = kt_accept(test, listener);
	expect_ordinary(test, child->sock->sk);
	KUNIT_ASSERT_EQ(test, ksock_send(caller, bytes, 3, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(child, bytes, 3, 0, NULL), 0);
}

/* It may come to another listener than ours, and outlive ksocket.ko there. */
static void child_that_waits_has_its_own_hooks(struct kunit *test)
{
	struct kt_recorder *rec;
	struct request_sock *req;
	ksocket_t listener;
	struct kt_addr addr;
	struct sock *sk;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	rec = kt_record(test, listener, kt_mode_flags(test));
	dial(test, &addr);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	sk = listener->sock->sk;
	lock_sock(sk);
	req = READ_ONCE(inet_csk(sk)->icsk_accept_queue.rskq_accept_head);
	if (req)
		expect_ordinary(test, req->sk);
	release_sock(sk);
	KUNIT_EXPECT_NOT_NULL(test, req);
}

/* Its hooks run, though nobody is behind them yet. */
static void child_that_waits_takes_data(struct kunit *test)
{
	ksocket_t listener, caller, child;
	u8 said[] = "early", heard[sizeof(said)];
	struct kt_recorder *rec;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	rec = kt_record(test, listener, kt_mode_flags(test));
	caller = dial(test, &addr);
	KUNIT_ASSERT_EQ(test, ksock_send(caller, said, sizeof(said), 0, NULL),
			0);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(caller, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	child = kt_accept(test, listener);
	KUNIT_EXPECT_EQ(test, ksock_recv(child, heard, sizeof(heard), 0, NULL),
			0);
	KUNIT_EXPECT_MEMEQ(test, heard, said, sizeof(said));
	kt_expect_no_more(test, rec);
}

static void child_that_is_never_accepted_is_reset(struct kunit *test)
{
	struct kt_recorder *rec;
	ksocket_t listener, caller;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	kt_record(test, listener, kt_mode_flags(test));
	caller = dial(test, &addr);
	rec = kt_record(test, caller, kt_mode_flags(test));
	KUNIT_ASSERT_EQ(test, ksock_send(caller, bytes, 3, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, ksock_close(listener), 0);
	if (kt_mode_domain(test) == AF_UNIX)
		kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, ECONNRESET);
	kt_expect_no_more(test, rec);
}

static struct kunit_case hook_cases[] = {
	KUNIT_CASE_PARAM(hooks_go_with_the_socket, mode_gen_params),
	KUNIT_CASE_PARAM(someone_elses_hooks_are_left_alone, mode_gen_params),
	KUNIT_CASE_PARAM(hook_on_top_of_ours_stays, mode_gen_params),
	KUNIT_CASE_PARAM(accepted_socket_has_its_familys_hooks,
			 mode_gen_params),
	KUNIT_CASE_PARAM(child_of_a_listener_that_hears_no_more,
			 mode_gen_params),
	KUNIT_CASE_PARAM(child_that_waits_has_its_own_hooks, inet_gen_params),
	KUNIT_CASE_PARAM(child_that_waits_takes_data, mode_gen_params),
	KUNIT_CASE_PARAM(child_that_is_never_accepted_is_reset,
			 mode_gen_params),
	{}
};

static struct kunit_suite hook_suite = {
	.name = "ksocket_hook",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = hook_cases,
};

kunit_test_suite(hook_suite);
