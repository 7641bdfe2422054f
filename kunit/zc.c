// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends without a copy: who is told, where, and who no longer
 */
#include <linux/bvec.h>
#include <linux/delay.h>
#include <linux/sizes.h>
#include <net/tcp.h>

#include "pair.h"

/**
 * struct lent - a page that was sent
 * @pair: the connection
 * @bv: the page
 * @told: how often it was given back
 * @copied: as the last one said
 * @irqs: interrupts were disabled
 */
struct lent {
	struct kt_pair	pair;
	struct bio_vec	bv;
	atomic_t	told;
	bool		copied;
	bool		irqs;
};

static void told(void *arg, bool copied)
{
	struct lent *lent = arg;

	lent->copied = copied;
	lent->irqs = irqs_disabled();
	atomic_inc(&lent->told);
}

static struct lent *lent_alloc(struct kunit *test, int domain)
{
	struct lent *lent = kunit_kzalloc(test, sizeof(*lent), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, lent);
	KUNIT_ASSERT_NOT_NULL(test, page);
	bvec_set_page(&lent->bv, page, PAGE_SIZE, 0);
	kt_pair(test, domain, SOCK_STREAM, &lent->pair);
	return lent;
}

/* Send it, where the peer's window is closed: it stays in the queue. */
static struct lent *lend(struct kunit *test)
{
	struct lent *lent = lent_alloc(test, AF_INET);
	size_t sent;

	kt_fill(test, lent->pair.client);
	kt_set_int(test, lent->pair.client, SOL_SOCKET, SO_SNDBUFFORCE, SZ_8M);
	KUNIT_ASSERT_EQ(test, ksock_send_zc(lent->pair.client, &lent->bv, 1,
					    PAGE_SIZE, MSG_DONTWAIT, &sent,
					    told, lent), 0);
	KUNIT_ASSERT_EQ(test, sent, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, atomic_read(&lent->told), 0);
	return lent;
}

/* What is in the queue goes with the socket. */
static void reset_now(struct kunit *test, struct lent *lent)
{
	kt_set_linger(test, lent->pair.client, 0);
	KUNIT_EXPECT_EQ(test, ksock_close(lent->pair.client), 0);
}

static void wait_told(struct kunit *test, struct lent *lent)
{
	unsigned long end = jiffies + KT_BOUND;

	while (!atomic_read(&lent->told) && time_before(jiffies, end))
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, atomic_read(&lent->told), 1);
}

static void reset_gives_the_pages_back(struct kunit *test)
{
	struct lent *lent = lend(test);

	reset_now(test, lent);
	KUNIT_EXPECT_EQ(test, atomic_read(&lent->told), 1);
	KUNIT_EXPECT_FALSE_MSG(test, lent->copied, "it was never sent");
	KUNIT_EXPECT_EQ_MSG(test, page_count(lent->bv.bv_page), 1,
			    "nobody has the page but its owner");
	put_page(lent->bv.bv_page);
}

static void abandoned_sends_are_told_to_nobody(struct kunit *test)
{
	struct lent *lent = lend(test);

	KUNIT_EXPECT_EQ(test, ksock_zc_abandon(THIS_MODULE), 1);
	KUNIT_EXPECT_EQ_MSG(test, ksock_zc_abandon(THIS_MODULE), 0,
			    "there is nobody any more");
	reset_now(test, lent);
	KUNIT_EXPECT_EQ(test, atomic_read(&lent->told), 0);
	KUNIT_EXPECT_EQ(test, page_count(lent->bv.bv_page), 1);
	put_page(lent->bv.bv_page);
}

/* And a module that is loaded again is told again. */
static void sends_after_an_abandonment_are_told(struct kunit *test)
{
	struct lent *lent;

	ksock_zc_abandon(THIS_MODULE);
	lent = lend(test);
	reset_now(test, lent);
	KUNIT_EXPECT_EQ(test, atomic_read(&lent->told), 1);
	put_page(lent->bv.bv_page);
}

/* A driver may give up a packet with interrupts disabled. */
static void no_completion_runs_with_interrupts_disabled(struct kunit *test)
{
	struct lent *lent = lend(test);
	struct ubuf_info *ubuf;
	unsigned long flags;

	ubuf = skb_zcopy(tcp_write_queue_tail(lent->pair.client->sock->sk));
	KUNIT_ASSERT_NOT_NULL(test, ubuf);
	net_zcopy_get(ubuf);
	reset_now(test, lent);
	KUNIT_EXPECT_EQ(test, atomic_read(&lent->told), 0);
	local_irq_save(flags);
	net_zcopy_put(ubuf);
	local_irq_restore(flags);
	wait_told(test, lent);
	KUNIT_EXPECT_FALSE(test, lent->irqs);
	put_page(lent->bv.bv_page);
}

/* Over the loopback the receiver's side copies what came by reference. */
static void pages_arrive_and_come_back(struct kunit *test)
{
	struct lent *lent = lent_alloc(test, kt_domain(test));
	u8 *bytes = kt_pattern(test, PAGE_SIZE, 3);
	u8 *recvd = kt_pattern(test, PAGE_SIZE, 0);

	memcpy(page_address(lent->bv.bv_page), bytes, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, ksock_send_zc(lent->pair.client, &lent->bv, 1,
					    PAGE_SIZE, 0, NULL, told, lent), 0);
	KUNIT_ASSERT_EQ(test, ksock_recv(lent->pair.server, recvd, PAGE_SIZE, 0,
					 NULL), 0);
	KUNIT_EXPECT_MEMEQ(test, recvd, bytes, PAGE_SIZE);
	wait_told(test, lent);
	KUNIT_EXPECT_TRUE(test, lent->copied);
	put_page(lent->bv.bv_page);
}

static void spliced_page_is_the_peers_until_it_reads(struct kunit *test)
{
	struct lent *lent = lent_alloc(test, AF_INET);
	u8 *recvd = kt_pattern(test, PAGE_SIZE, 0);

	KUNIT_ASSERT_EQ(test, ksock_send_bvec(lent->pair.client, &lent->bv, 1,
					      PAGE_SIZE, 0, NULL), 0);
	kt_wait_poll(test, lent->pair.server, EPOLLIN);
	memset(page_address(lent->bv.bv_page), 'c', PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, ksock_recv(lent->pair.server, recvd, PAGE_SIZE, 0,
					 NULL), 0);
	KUNIT_EXPECT_TRUE_MSG(test, !memchr_inv(recvd, 'c', PAGE_SIZE),
			      "the peer reads what the page has become");
	put_page(lent->bv.bv_page);
}

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
	{ AF_UNIX, "unix" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static struct kunit_case zc_cases[] = {
	KUNIT_CASE_PARAM(pages_arrive_and_come_back, family_gen_params),
	KUNIT_CASE(spliced_page_is_the_peers_until_it_reads),
	KUNIT_CASE(reset_gives_the_pages_back),
	KUNIT_CASE(abandoned_sends_are_told_to_nobody),
	KUNIT_CASE(sends_after_an_abandonment_are_told),
	KUNIT_CASE(no_completion_runs_with_interrupts_disabled),
	{}
};

static struct kunit_suite zc_suite = {
	.name = "ksocket_zc",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = zc_cases,
};

kunit_test_suite(zc_suite);
