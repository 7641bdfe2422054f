// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive actors that run below one another
 */
#include "pair.h"

struct outer {
	struct socket	*other;		/* has an actor and waits for room */
	int		sent;		/* what a send gave after the other's run */
	int		piece;		/* and one of a message that isn't complete */
};

static size_t take(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	return rx->len;
}

/* A queue below a send may free what another socket has sent. */
static size_t meet_other(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	struct outer *outer = arg;
	char text[] = "answer";
	size_t n;

	set_bit(SOCK_NOSPACE, &outer->other->flags);
	outer->other->sk->sk_write_space(outer->other->sk);
	outer->piece = ksock_send_atomic(s, text, sizeof(text), MSG_MORE, &n);
	outer->sent = ksock_send_atomic(s, text, sizeof(text), 0, &n);
	return rx->len;
}

static void outer_goes_on_after_a_nested_one(struct kunit *test)
{
	struct kt_pair pair, other;
	struct outer outer = {};
	char text[16];
	size_t n;

	kt_dgram_pair(test, AF_INET, &pair);
	kt_dgram_pair(test, AF_INET, &other);
	outer.other = other.server->sock;
	KUNIT_ASSERT_EQ(test, ksock_set_rx_actor(other.server, take, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_set_rx_actor(pair.server, meet_other, &outer), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, "ask", 3, 0, &n), 0);
	KUNIT_EXPECT_EQ(test, ksock_recv(pair.client, text, sizeof(text), 0, &n), 0);
	KUNIT_EXPECT_EQ(test, outer.sent, 0);
	KUNIT_EXPECT_EQ_MSG(test, outer.piece, -EINVAL, "UDP would take its lock");
	/* Before @outer goes */
	KUNIT_EXPECT_EQ(test, ksock_set_rx_actor(pair.server, NULL, NULL), 0);
}

static struct kunit_case actor_cases[] = {
	KUNIT_CASE(outer_goes_on_after_a_nested_one),
	{}
};

static struct kunit_suite actor_suite = {
	.name = "ksocket_actor",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = actor_cases,
};

kunit_test_suite(actor_suite);
