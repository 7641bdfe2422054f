// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registration tells what is true already: every combination of what may have
 * happened before
 */
#include "recorder.h"

/* What has happened, in this order */
#define CONNECTED	BIT(0)	/* the socket has connected, else was accepted */
#define DATA		BIT(1)
#define URGENT		BIT(2)	/* the peer has sent an urgent byte */
#define FIN		BIT(3)
#define RST		BIT(4)
#define COMBINATIONS	BIT(5)

struct replay_param {
	struct kt_mode mode;	/* first: what kt_mode_domain() looks at */
	unsigned int before;
};

KUNIT_ARRAY_PARAM(mode, kt_modes, kt_describe_mode);

static struct replay_param replay_params[ARRAY_SIZE(kt_modes) * COMBINATIONS];

static void describe(const struct replay_param *param, char *desc)
{
	static const char * const names[] = {
		"connected", "data", "urgent", "FIN", "RST",
	};
	unsigned int i;

	strscpy(desc, param->mode.name, KUNIT_PARAM_DESC_SIZE);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(param->before & BIT(i)))
			continue;
		strlcat(desc, " ", KUNIT_PARAM_DESC_SIZE);
		strlcat(desc, names[i], KUNIT_PARAM_DESC_SIZE);
	}
}

static const void *replay_gen_params(const void *prev, char *desc)
{
	const struct replay_param *last = prev;
	struct replay_param *next = replay_params;
	unsigned int i = last ? last - replay_params + 1 : 0;

	if (i == ARRAY_SIZE(replay_params))
		return NULL;
	next += i;
	next->mode = kt_modes[i / COMBINATIONS];
	next->before = i % COMBINATIONS;
	describe(next, desc);
	return next;
}

static u8 bytes[8];

/* A connect that its consumer has not seen the end of, where there is such */
static ksocket_t connect_unseen(struct kunit *test, struct kt_addr *addr)
{
	ksocket_t s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	int err = kt_mode_domain(test) == AF_UNIX ? 0 : -EINPROGRESS;

	kt_set_nonblock(test, s);
	KUNIT_ASSERT_EQ(test, kt_connect(s, addr), err);
	kt_wait_poll(test, s, EPOLLOUT);
	return s;
}

/* The socket that will be looked at, and its peer */
static ksocket_t make_pair(struct kunit *test, unsigned int before,
			   ksocket_t *peer)
{
	ksocket_t listener, client, server;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 1, &addr);
	client = connect_unseen(test, &addr);
	server = kt_accept(test, listener);
	*peer = before & CONNECTED ? server : client;
	return before & CONNECTED ? client : server;
}

/* A peer that closes with something unread resets also on AF_UNIX. */
static void reset(struct kunit *test, ksocket_t s, ksocket_t peer)
{
	size_t n;

	if (kt_mode_domain(test) == AF_UNIX)
		KUNIT_ASSERT_EQ(test, ksock_send(s, bytes, 1, MSG_DONTWAIT, &n),
				0);
	else
		kt_set_linger(test, peer, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(peer), 0);
	kt_wait_poll(test, s, EPOLLERR | EPOLLHUP);
}

static void happen(struct kunit *test, unsigned int before, ksocket_t s,
		   ksocket_t peer)
{
	size_t n;

	if (before & DATA) {
		KUNIT_ASSERT_EQ(test, ksock_send(peer, bytes, 3, MSG_DONTWAIT,
						 &n), 0);
		kt_wait_poll(test, s, EPOLLIN);
	}
	if (before & URGENT) {
		KUNIT_ASSERT_EQ(test, ksock_send(peer, bytes, 1,
						 MSG_OOB | MSG_DONTWAIT, &n),
				0);
		kt_wait_poll(test, s, EPOLLPRI);
	}
	if (before & FIN) {
		KUNIT_ASSERT_EQ(test, ksock_shutdown(peer, SHUT_WR), 0);
		kt_wait_poll(test, s, EPOLLRDHUP);
	}
	if (before & RST)
		reset(test, s, peer);
}

/* A peer of TCP that resets after its FIN has broken the pipe. */
static int reason_of(struct kunit *test, unsigned int before)
{
	return before & FIN && kt_mode_domain(test) != AF_UNIX ? EPIPE :
	       ECONNRESET;
}

static void expect_replay(struct kunit *test, unsigned int before,
			  struct kt_recorder *rec)
{
	bool local = kt_mode_domain(test) == AF_UNIX;

	/* Where the connect has returned 0, it is known. */
	if (before & CONNECTED && !local)
		kt_expect_event(test, rec, KT_CONNECTED, 0);
	if (before & URGENT)
		kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	if (before & DATA)
		kt_expect_event(test, rec, KT_RECV, 3);
	/* TCP's reset is no end of file; on AF_UNIX it is both. */
	if (before & FIN || (before & RST && local))
		kt_expect_event(test, rec, KT_RECV, 0);
	if (before & RST) {
		kt_expect_event(test, rec, KT_XMIT, 0);
		kt_expect_event(test, rec, KT_DISCONNECTED,
				reason_of(test, before));
	}
	kt_expect_no_more(test, rec);
}

static void registration_tells_what_is_true(struct kunit *test)
{
	const struct replay_param *param = test->param_value;
	struct kt_recorder *rec;
	ksocket_t s, peer;

	if (param->before & URGENT && param->mode.domain == AF_UNIX)
		kunit_skip(test, "AF_UNIX has no urgent mark in its stream");
	s = make_pair(test, param->before, &peer);
	happen(test, param->before, s, peer);
	rec = kt_record(test, s, param->mode.flags);
	expect_replay(test, param->before, rec);

	/* Who registers again is told again, but for a begin that was told. */
	rec = kt_record(test, s, param->mode.flags);
	expect_replay(test, param->before & ~CONNECTED, rec);
}

static void waiting_connections_are_told(struct kunit *test)
{
	ksocket_t listener, s;
	struct kt_recorder *rec;
	struct kt_addr addr;

	listener = kt_listen(test, kt_mode_domain(test), SOCK_STREAM, 2, &addr);
	rec = kt_record(test, listener, kt_mode_flags(test));
	kt_expect_no_more(test, rec);
	s = kt_socket(test, kt_mode_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, ksock_callbacks(listener, NULL, NULL), 0);
	KUNIT_ASSERT_EQ(test, kt_connect(s, &addr), 0);
	kt_wait_poll(test, listener, EPOLLIN);
	rec = kt_record(test, listener, kt_mode_flags(test));
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	kt_expect_no_more(test, rec);
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE_PARAM(registration_tells_what_is_true, replay_gen_params),
	KUNIT_CASE_PARAM(waiting_connections_are_told, mode_gen_params),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "ksocket_replay",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
