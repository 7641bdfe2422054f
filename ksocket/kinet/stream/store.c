// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that wait to be sent, or to be acknowledged
 *
 * They are in pages, in sk_write_queue, as the user wrote them. A segment has
 * references to the pages, whatever it begins and ends with; so nothing here is
 * ever divided, and what is resent needs no copy. SYN and FIN are no bytes.
 */
#include "stream.h"

static struct sk_buff *kinet_store_new(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sk_buff *skb;

	skb = alloc_skb(0, sk->sk_allocation | __GFP_NOWARN);
	if (!skb)
		return NULL;
	if (!sk_wmem_schedule(sk, skb->truesize)) {
		kfree_skb(skb);
		return NULL;
	}
	/* Summed when it is sent, if the device doesn't; not while it is copied. */
	skb->ip_summed = CHECKSUM_PARTIAL;
	*kinet_piece(skb) = (struct kinet_piece){ tp->write_seq, tp->write_seq };
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
	__skb_queue_tail(&sk->sk_write_queue, skb);
	return skb;
}

static void kinet_store_free(struct sock *sk, struct sk_buff *skb)
{
	unsigned int size = skb->truesize;

	__skb_unlink(skb, &sk->sk_write_queue);
	sk_wmem_queued_add(sk, -size);
	sk_mem_uncharge(sk, size);
	kfree_skb(skb);
}

static int kinet_store_copy(struct sock *sk, struct sk_buff *skb,
			    struct msghdr *msg, struct page_frag *pfrag,
			    bool joins)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	int i = skb_shinfo(skb)->nr_frags;
	int len, err;

	len = min_t(size_t, msg_data_left(msg), pfrag->size - pfrag->offset);
	len = min_t(int, len, KINET_BURST_MAX - skb->len);
	if (!sk_wmem_schedule(sk, len))
		return -ENOBUFS;
	err = skb_copy_to_page_nocache(sk, &msg->msg_iter, skb, pfrag->page,
				       pfrag->offset, len);
	if (err)
		return err;
	if (joins) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], len);
	} else {
		skb_fill_page_desc(skb, i, pfrag->page, pfrag->offset, len);
		page_ref_inc(pfrag->page);
	}
	pfrag->offset += len;
	tp->write_seq += len;
	kinet_piece(skb)->end = tp->write_seq;
	return len;
}

/**
 * kinet_store_add() - take bytes from the user
 * @sk: sock, locked
 * @msg: message, with bytes left
 *
 * Return: how many were taken, above 0; -ENOBUFS when there is no memory,
 * -EFAULT.
 */
int kinet_store_add(struct sock *sk, struct msghdr *msg)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);
	struct page_frag *pfrag = sk_page_frag(sk);
	bool joins = false;
	int i, ret;

	if (!sk_page_frag_refill(sk, pfrag))
		return -ENOBUFS;
	if (skb && skb->len < KINET_BURST_MAX) {
		i = skb_shinfo(skb)->nr_frags;
		joins = skb_can_coalesce(skb, i, pfrag->page, pfrag->offset);
		if (!joins && i >= MAX_SKB_FRAGS)
			skb = NULL;
	} else {
		skb = NULL;
	}
	if (!skb)
		skb = kinet_store_new(sk);
	if (!skb)
		return -ENOBUFS;
	ret = kinet_store_copy(sk, skb, msg, pfrag, joins);
	if (ret < 0 && !skb->len)
		kinet_store_free(sk, skb);
	return ret;
}

/* Forget what the peer has acknowledged. */
void kinet_store_acked(struct sock *sk)
{
	u32 una = kinet_tcp(sk)->snd.una;
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue)) &&
	       !kinet_after(kinet_piece(skb)->end, una))
		kinet_store_free(sk, skb);
}

void kinet_store_purge(struct sock *sk)
{
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_write_queue)))
		kinet_store_free(sk, skb);
}

/* What is sent is at the end, what is resent at the begin. */
static struct sk_buff *kinet_store_find(struct sock *sk, u32 seq)
{
	struct sk_buff *skb = skb_peek(&sk->sk_write_queue);

	if (!skb || kinet_before(seq, kinet_piece(skb)->end))
		return skb;
	skb_queue_reverse_walk(&sk->sk_write_queue, skb)
		if (!kinet_before(seq, kinet_piece(skb)->seq))
			return skb;
	return NULL;
}

static unsigned int kinet_store_add_frag(struct sk_buff *skb,
					 const skb_frag_t *frag,
					 unsigned int skip, unsigned int len)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	skb_frag_t *to = &info->frags[info->nr_frags++];

	*to = *frag;
	skb_frag_off_add(to, skip);
	len = min(len, skb_frag_size(frag) - skip);
	skb_frag_size_set(to, len);
	__skb_frag_ref(to);
	return len;
}

/* As much of a piece as there is room for */
static unsigned int kinet_store_refer(struct sk_buff *skb,
				      const struct sk_buff *from,
				      unsigned int skip, unsigned int len)
{
	const struct skb_shared_info *info = skb_shinfo(from);
	unsigned int got, sum = 0;
	int i;

	for (i = 0; i < info->nr_frags && sum < len; i++) {
		if (skip >= skb_frag_size(&info->frags[i])) {
			skip -= skb_frag_size(&info->frags[i]);
			continue;
		}
		if (skb_shinfo(skb)->nr_frags >= MAX_SKB_FRAGS)
			break;
		got = kinet_store_add_frag(skb, &info->frags[i], skip, len - sum);
		skip = 0;
		sum += got;
	}
	return sum;
}

/**
 * kinet_store_fill() - put stored bytes into a segment
 * @sk: sock, locked
 * @skb: segment; what is small goes into its linear part
 * @seq: number of the first byte
 * @len: bytes, no more than kinet_store_burst() has said
 *
 * Return: 0, or -ENODATA when they are not there.
 */
int kinet_store_fill(struct sock *sk, struct sk_buff *skb, u32 seq,
		     unsigned int len)
{
	struct sk_buff *from = kinet_store_find(sk, seq);
	unsigned int got, skip;
	u32 end = seq + len;

	while (seq != end) {
		if (!from || kinet_before(seq, kinet_piece(from)->seq))
			return -ENODATA;
		skip = seq - kinet_piece(from)->seq;
		if (len <= KINET_STORE_COPY) {
			got = min(end - seq, kinet_piece(from)->end - seq);
			skb_copy_bits(from, skip, skb_put(skb, got), got);
		} else {
			got = kinet_store_refer(skb, from, skip, end - seq);
			skb->len += got;
			skb->data_len += got;
			skb->truesize += got;
		}
		if (!got)
			return -ENODATA;
		seq += got;
		from = skb_queue_is_last(&sk->sk_write_queue, from) ? NULL :
		       skb_queue_next(&sk->sk_write_queue, from);
	}
	return 0;
}

/**
 * kinet_store_burst() - how many bytes go into one segment
 * @sk: sock, locked
 * @seq: number of the first byte
 * @len: bytes that are wanted
 *
 * Return: @len, or fewer, when more pages would be referred to than one has
 * room for.
 */
unsigned int kinet_store_burst(struct sock *sk, u32 seq, unsigned int len)
{
	struct sk_buff *from = kinet_store_find(sk, seq);
	unsigned int frags = 0, sum = 0, skip;
	int i;

	if (len <= KINET_STORE_COPY)
		return len;
	for (; from && sum < len; from = skb_queue_next(&sk->sk_write_queue, from)) {
		skip = seq + sum - kinet_piece(from)->seq;
		for (i = 0; i < skb_shinfo(from)->nr_frags && sum < len; i++) {
			unsigned int size = skb_frag_size(&skb_shinfo(from)->frags[i]);

			if (skip >= size) {
				skip -= size;
				continue;
			}
			if (frags++ >= MAX_SKB_FRAGS)
				return sum;
			sum += size - skip;
			skip = 0;
		}
		if (skb_queue_is_last(&sk->sk_write_queue, from))
			break;
	}
	return min(sum, len);
}
