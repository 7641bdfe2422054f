// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are lent to a stream: who refers to them, and until when
 */
#include <linux/bvec.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_wire.h"

#define ACK	KINET_ACK
#define LENGTH	1500	/* less than what a new connection may send */

/**
 * struct lender - who lends a page, and wants to hear
 * @ubuf: his note
 * @page: his page
 * @told: how often nobody has referred to the note any more
 */
struct lender {
	struct ubuf_info	ubuf;
	struct page		*page;
	unsigned int		told;
};

static void told(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	if (refcount_dec_and_test(&ubuf->refcnt))
		container_of(ubuf, struct lender, ubuf)->told++;
}

KSOCK_COMPAT_UBUF_OPS(lender_ops, told);

static struct lender *lender(struct kunit *test)
{
	struct lender *lender = kunit_kzalloc(test, sizeof(*lender), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, lender);
	lender->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lender->page);
	memset(page_address(lender->page), 'a', PAGE_SIZE);
	ksock_compat_set_ubuf_ops(&lender->ubuf, lender_ops);
	lender->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&lender->ubuf.refcnt, 1);
	return lender;
}

/* He has sent, and nobody but his packets may refer to the note. */
static void give_back(struct lender *lender)
{
	net_zcopy_put(&lender->ubuf);
}

/* And nobody at all refers to the page, whatever had. */
static void expect_returned(struct kunit *test, struct lender *lender)
{
	KUNIT_EXPECT_EQ(test, page_count(lender->page), 1);
	put_page(lender->page);
}

static int lend_pieces(struct stream_talk *talk, const struct bio_vec *bv,
		       unsigned int count, struct ubuf_info *ubuf, int flags)
{
	struct msghdr msg = {
		.msg_flags	= MSG_DONTWAIT | flags,
		.msg_ubuf	= ubuf,
	};
	size_t size = 0;
	unsigned int i;

	msg.msg_flags |= ubuf ? MSG_ZEROCOPY : MSG_SPLICE_PAGES;
	for (i = 0; i < count; i++)
		size += bv[i].bv_len;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, count, size);
	return sock_sendmsg(talk->sock, &msg);
}

static void lend(struct stream_talk *talk, struct lender *lender, unsigned int len,
		 int flags)
{
	struct bio_vec bv;

	bvec_set_page(&bv, lender->page, len, 0);
	KUNIT_ASSERT_EQ(talk->test,
			lend_pieces(talk, &bv, 1, &lender->ubuf, flags), (int)len);
}

static void establish(struct kunit *test, struct stream_talk *talk)
{
	stream_talk_begin(test, talk);
	stream_establish(talk, false, STREAM_MS);
}

/* A connection, and who has lent it so much, and waits to be told */
static struct lender *lent(struct kunit *test, struct stream_talk *talk,
			   unsigned int len)
{
	struct lender *other = lender(test);

	establish(test, talk);
	lend(talk, other, len, 0);
	give_back(other);
	return other;
}

static void expect_told(struct kunit *test, struct lender *lender)
{
	KUNIT_EXPECT_EQ(test, lender->told, 1);
	expect_returned(test, lender);
}

static unsigned int headers(const struct sk_buff *skb)
{
	const struct tcphdr *th = (struct tcphdr *)(skb->data +
						    sizeof(struct iphdr));

	return sizeof(struct iphdr) + th->doff * 4;
}

/* What is on its way is, but for headers, so many of these bytes. */
static void expect_bytes(struct kunit *test, unsigned int len, u8 byte)
{
	u8 *bytes = kunit_kzalloc(test, len, GFP_KERNEL);
	unsigned int at = 0, size;
	struct sk_buff *skb;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	skb_queue_walk(&stream_sent, skb) {
		size = min(skb->len - headers(skb), len - at);
		skb_copy_bits(skb, headers(skb), bytes + at, size);
		at += size;
	}
	KUNIT_EXPECT_EQ(test, at, len);
	KUNIT_EXPECT_NULL(test, memchr_inv(bytes, byte, len));
}

/* --- what is referred to, and what is copied --- */

static void spliced_pages_are_referred_to(struct kunit *test)
{
	struct lender *other = lender(test);
	struct stream_talk talk;
	struct bio_vec bv;

	establish(test, &talk);
	bvec_set_page(&bv, other->page, LENGTH, 10);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, &bv, 1, NULL, 0), LENGTH);
	memset(page_address(other->page), 'b', PAGE_SIZE);
	expect_bytes(test, LENGTH, 'b');
	KUNIT_EXPECT_TRUE_MSG(test, skb_has_shared_frag(skb_peek(&stream_sent)),
			      "others may write to it");
	stream_flush(&talk);
	KUNIT_EXPECT_GT_MSG(test, page_count(other->page), 1,
			    "it isn't acknowledged");
	stream_says_ack(&talk);
	expect_returned(test, other);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_wmem_queued, 0);
}

static void what_is_the_users_is_not_shared(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	stream_user_writes(&talk, LENGTH);
	KUNIT_EXPECT_FALSE(test, skb_has_shared_frag(skb_peek(&stream_sent)));
}

static void pieces_that_touch_are_one(struct kunit *test)
{
	struct lender *other = lender(test);
	struct stream_talk talk;
	struct bio_vec bv[3];

	establish(test, &talk);
	bvec_set_page(&bv[0], other->page, 500, 0);
	bvec_set_page(&bv[1], other->page, 400, 500);
	bvec_set_page(&bv[2], other->page, 600, 1000);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, bv, 3, NULL, 0), LENGTH);
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb_peek(&stream_sent))->nr_frags, 2);
	stream_flush(&talk);
	stream_says_ack(&talk);
	expect_returned(test, other);
}

/* Each has its own count; but a compound page has one. */
static void pages_side_by_side_are_held_each(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL, 1);
	struct stream_talk talk;
	struct bio_vec bv;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	split_page(pages, 1);
	establish(test, &talk);
	bvec_set_page(&bv, pages, 1000, PAGE_SIZE - 500);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, &bv, 1, NULL, 0), 1000);
	KUNIT_EXPECT_GT(test, page_count(pages), 1);
	KUNIT_EXPECT_GT(test, page_count(pages + 1), 1);
	stream_flush(&talk);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	KUNIT_EXPECT_EQ(test, page_count(pages + 1), 1);
	put_page(pages);
	put_page(pages + 1);
}

static void compound_page_is_held_once(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_COMP, 1);
	struct stream_talk talk;
	struct bio_vec bv;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	memset(page_address(pages), 'a', 2 * PAGE_SIZE);
	memset(page_address(pages) + 2 * PAGE_SIZE - 1100, 'b', 1000);
	establish(test, &talk);
	/* From the second on */
	bvec_set_page(&bv, pages + 1, 1000, PAGE_SIZE - 1100);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, &bv, 1, NULL, 0), 1000);
	expect_bytes(test, 1000, 'b');
	stream_flush(&talk);
	/* Across both */
	bvec_set_page(&bv, pages, 1000, PAGE_SIZE - 500);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, &bv, 1, NULL, 0), 1000);
	expect_bytes(test, 1000, 'a');
	KUNIT_EXPECT_EQ(test, skb_shinfo(skb_peek(&stream_sent))->nr_frags, 1);
	stream_flush(&talk);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, page_count(pages), 1);
	put_page(pages);
}

/* Nobody can have a reference on it. */
static void slab_is_copied(struct kunit *test)
{
	void *bytes = kunit_kzalloc(test, LENGTH, GFP_KERNEL);
	struct lender *other = lender(test);
	struct stream_talk talk;
	struct bio_vec bv;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	memset(bytes, 'a', LENGTH);
	establish(test, &talk);
	bvec_set_virt(&bv, bytes, LENGTH);
	KUNIT_ASSERT_EQ(test, lend_pieces(&talk, &bv, 1, &other->ubuf, 0), LENGTH);
	give_back(other);
	KUNIT_EXPECT_EQ_MSG(test, other->told, 1, "nobody has it");
	memset(bytes, 'b', LENGTH);
	expect_bytes(test, LENGTH, 'a');
	put_page(other->page);
}

/* --- until when --- */

static void lender_is_told_when_segments_are_gone_and_acknowledged(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;
	struct sk_buff *clone;

	other = lent(test, &talk, LENGTH);
	clone = skb_clone(skb_peek(&stream_sent), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, clone);
	stream_flush(&talk);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - 1, 0);
	KUNIT_EXPECT_EQ_MSG(test, other->told, 0, "but for a byte");
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ_MSG(test, other->told, 0, "a clone is somewhere");
	kfree_skb(clone);
	expect_told(test, other);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_wmem_queued, 0);
}

static void lender_is_told_at_the_acknowledgment(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;

	other = lent(test, &talk, LENGTH);
	stream_flush(&talk);
	stream_wait(KINET_SECOND);
	KUNIT_EXPECT_EQ_MSG(test, other->told, 0, "it may be resent");
	stream_flush(&talk);
	stream_says_ack(&talk);
	expect_told(test, other);
}

/* Whether bytes were copied shows by what has become of the note. */
static void few_bytes_are_referred_to_as_well(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;

	other = lent(test, &talk, 5);
	KUNIT_EXPECT_PTR_EQ(test, skb_zcopy(skb_peek(&stream_sent)), &other->ubuf);
	memset(page_address(other->page), 'b', PAGE_SIZE);
	expect_bytes(test, 5, 'b');
	stream_flush(&talk);
	stream_says_ack(&talk);
	expect_told(test, other);
}

static void lender_is_told_at_a_reset(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;

	other = lent(test, &talk, PAGE_SIZE);
	stream_flush(&talk);
	stream_say(&talk, KINET_RST, talk.rcv_nxt, 0, 0);
	expect_told(test, other);
}

static void lender_is_told_at_an_aborting_close(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;

	other = lent(test, &talk, PAGE_SIZE);
	stream_flush(&talk);
	stream_abort(talk.sock);
	expect_told(test, other);
}

static void refused_send_lends_nothing(struct kunit *test)
{
	struct lender *other = lender(test);
	struct stream_talk talk;
	struct bio_vec bv;

	establish(test, &talk);
	kernel_sock_shutdown(talk.sock, SHUT_WR);
	bvec_set_page(&bv, other->page, LENGTH, 0);
	KUNIT_EXPECT_EQ(test, lend_pieces(&talk, &bv, 1, &other->ubuf, MSG_NOSIGNAL),
			-EPIPE);
	give_back(other);
	expect_told(test, other);
}

/* --- whose a segment is --- */

/* Each of those on the way is of one of them, or of nobody. */
static unsigned int expect_one_lender_each(struct kunit *test,
					   struct lender *const *lenders)
{
	struct sk_buff *skb;
	unsigned int len = 0;
	skb_frag_t *frag;
	int i, whose;

	skb_queue_walk(&stream_sent, skb) {
		for (whose = 0; lenders[whose]; whose++)
			if (skb_zcopy(skb) == &lenders[whose]->ubuf)
				break;
		for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
			frag = &skb_shinfo(skb)->frags[i];
			if (lenders[whose])
				KUNIT_EXPECT_PTR_EQ(test, skb_frag_page(frag),
						    lenders[whose]->page);
		}
		len += skb->len - headers(skb);
	}
	return len;
}

static void segment_is_of_one_lender(struct kunit *test)
{
	struct lender *lenders[] = { lender(test), lender(test), NULL };
	struct stream_talk talk;
	u32 begin;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_NODELAY, 1), 0);
	begin = talk.snd_nxt;
	lend(&talk, lenders[0], 700, MSG_MORE);
	lend(&talk, lenders[1], 300, MSG_MORE);
	stream_user_writes(&talk, 400);
	KUNIT_EXPECT_EQ(test, expect_one_lender_each(test, lenders), 1400);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 1400);
	/* What is resent begins elsewhere, and reaches across. */
	stream_say(&talk, ACK, talk.rcv_nxt, begin + 600, 0);
	stream_wait(5 * KINET_SECOND);
	KUNIT_EXPECT_GT(test, expect_one_lender_each(test, lenders), 0);
	stream_flush(&talk);
	stream_say(&talk, ACK, talk.rcv_nxt, begin + 800, 0);
	stream_wait(5 * KINET_SECOND);
	KUNIT_EXPECT_GT(test, expect_one_lender_each(test, lenders), 0);
	stream_flush(&talk);
	give_back(lenders[0]);
	give_back(lenders[1]);
	KUNIT_EXPECT_EQ(test, lenders[0]->told, 1);
	KUNIT_EXPECT_EQ(test, lenders[1]->told, 0);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, lenders[1]->told, 1);
	expect_returned(test, lenders[0]);
	expect_returned(test, lenders[1]);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_wmem_queued, 0);
}

/* Their sum is taken here, over bytes that nobody can change any more. */
static void sum_of_the_own_protocol_is_of_what_is_sent(struct kunit *test)
{
	struct stream_talk talk;
	struct lender *other;
	struct sk_buff *skb;

	stream_wire_isolate(true);
	other = lent(test, &talk, LENGTH);
	memset(page_address(other->page), 'b', PAGE_SIZE);
	skb_queue_walk(&stream_sent, skb) {
		KUNIT_EXPECT_EQ(test, (int)skb->ip_summed, CHECKSUM_NONE);
		KUNIT_EXPECT_FALSE(test, skb_is_nonlinear(skb));
	}
	expect_bytes(test, LENGTH, 'a');
	stream_flush(&talk);
	stream_says_ack(&talk);
	expect_told(test, other);
}

static struct kunit_case store_cases[] = {
	KUNIT_CASE(spliced_pages_are_referred_to),
	KUNIT_CASE(what_is_the_users_is_not_shared),
	KUNIT_CASE(pieces_that_touch_are_one),
	KUNIT_CASE(pages_side_by_side_are_held_each),
	KUNIT_CASE(compound_page_is_held_once),
	KUNIT_CASE(slab_is_copied),
	KUNIT_CASE(lender_is_told_when_segments_are_gone_and_acknowledged),
	KUNIT_CASE(lender_is_told_at_the_acknowledgment),
	KUNIT_CASE(few_bytes_are_referred_to_as_well),
	KUNIT_CASE(lender_is_told_at_a_reset),
	KUNIT_CASE(lender_is_told_at_an_aborting_close),
	KUNIT_CASE(refused_send_lends_nothing),
	KUNIT_CASE(segment_is_of_one_lender),
	KUNIT_CASE(sum_of_the_own_protocol_is_of_what_is_sent),
	{}
};

static struct kunit_suite store_suite = {
	.name = "kinet_stream_store",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = store_cases,
};

kunit_test_suite(store_suite);
