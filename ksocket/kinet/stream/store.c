// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that wait to be sent, or to be acknowledged
 *
 * They are in pages, as the user wrote them, and chunks tell where. A segment
 * has references to the pages, whatever it begins and ends with; so nothing
 * here is ever divided, and what is resent needs no copy. SYN and FIN are no
 * bytes.
 */
#include <linux/slab.h>

#include "stream.h"

#define KINET_CHUNK_PARTS	4

/**
 * struct kinet_chunk - some of them, in order
 * @node: in the connection's @store
 * @seq: number of the first
 * @end: number behind the last
 * @count: of @part
 * @part: pages, each with a reference, and which of their bytes
 */
struct kinet_chunk {
	struct list_head	node;
	u32			seq;
	u32			end;
	unsigned int		count;
	struct {
		struct page	*page;
		u32		offset;
		u32		len;
	} part[KINET_CHUNK_PARTS];
};

static struct kmem_cache *kinet_chunks;

int kinet_store_init(void)
{
	kinet_chunks = KMEM_CACHE(kinet_chunk, SLAB_HWCACHE_ALIGN);
	return kinet_chunks ? 0 : -ENOMEM;
}

void kinet_store_exit(void)
{
	kmem_cache_destroy(kinet_chunks);
}

static struct kinet_chunk *kinet_store_first(struct kinet_tcp *tp)
{
	return list_first_entry_or_null(&tp->store, struct kinet_chunk, node);
}

static struct kinet_chunk *kinet_store_last(struct kinet_tcp *tp)
{
	return list_empty(&tp->store) ? NULL :
	       list_last_entry(&tp->store, struct kinet_chunk, node);
}

/* --- memory --- */

static bool kinet_store_charge(struct sock *sk, unsigned int size)
{
	if (!sk_wmem_schedule(sk, size))
		return false;
	sk_wmem_queued_add(sk, size);
	sk_mem_charge(sk, size);
	return true;
}

static void kinet_store_uncharge(struct sock *sk, unsigned int size)
{
	sk_wmem_queued_add(sk, -size);
	sk_mem_uncharge(sk, size);
}

static struct kinet_chunk *kinet_store_new(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_chunk *chunk;

	chunk = kmem_cache_alloc(kinet_chunks, sk->sk_allocation | __GFP_NOWARN);
	if (!chunk)
		return NULL;
	if (!kinet_store_charge(sk, sizeof(*chunk))) {
		kmem_cache_free(kinet_chunks, chunk);
		return NULL;
	}
	chunk->seq = tp->write_seq;
	chunk->end = tp->write_seq;
	chunk->count = 0;
	list_add_tail(&chunk->node, &tp->store);
	return chunk;
}

static void kinet_store_free(struct sock *sk, struct kinet_chunk *chunk)
{
	unsigned int i;

	list_del(&chunk->node);
	for (i = 0; i < chunk->count; i++)
		put_page(chunk->part[i].page);
	kinet_store_uncharge(sk, chunk->end - chunk->seq + sizeof(*chunk));
	kmem_cache_free(kinet_chunks, chunk);
}

/* --- what is written --- */

/* What the page has goes on where the last part ends. */
static bool kinet_store_joins(const struct kinet_chunk *chunk,
			      const struct page_frag *pfrag)
{
	unsigned int i = chunk->count - 1;

	return chunk->count && chunk->part[i].page == pfrag->page &&
	       chunk->part[i].offset + chunk->part[i].len == pfrag->offset;
}

static void kinet_store_note(struct kinet_chunk *chunk,
			     const struct page_frag *pfrag, u32 len)
{
	unsigned int i = chunk->count;

	if (kinet_store_joins(chunk, pfrag)) {
		chunk->part[i - 1].len += len;
	} else {
		chunk->part[i].page = pfrag->page;
		chunk->part[i].offset = pfrag->offset;
		chunk->part[i].len = len;
		chunk->count++;
		get_page(pfrag->page);
	}
	chunk->end += len;
}

static int kinet_store_copy(struct sock *sk, struct kinet_chunk *chunk,
			    struct msghdr *msg, struct page_frag *pfrag)
{
	u32 len = pfrag->size - pfrag->offset;

	len = min_t(size_t, len, msg_data_left(msg));
	len = min_t(u32, len, KINET_BURST_MAX - (chunk->end - chunk->seq));
	if (!kinet_store_charge(sk, len))
		return -ENOBUFS;
	if (!copy_from_iter_full(page_address(pfrag->page) + pfrag->offset, len,
				 &msg->msg_iter)) {
		kinet_store_uncharge(sk, len);
		return -EFAULT;
	}
	kinet_store_note(chunk, pfrag, len);
	pfrag->offset += len;
	kinet_tcp(sk)->write_seq += len;
	return len;
}

static bool kinet_store_has_room(const struct kinet_chunk *chunk,
				 const struct page_frag *pfrag)
{
	return chunk && chunk->end - chunk->seq < KINET_BURST_MAX &&
	       (chunk->count < KINET_CHUNK_PARTS ||
		kinet_store_joins(chunk, pfrag));
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
	struct kinet_chunk *chunk = kinet_store_last(kinet_tcp(sk));
	struct page_frag *pfrag = sk_page_frag(sk);
	int ret;

	if (!sk_page_frag_refill(sk, pfrag))
		return -ENOBUFS;
	if (!kinet_store_has_room(chunk, pfrag))
		chunk = kinet_store_new(sk);
	if (!chunk)
		return -ENOBUFS;
	ret = kinet_store_copy(sk, chunk, msg, pfrag);
	if (ret < 0 && !chunk->count)
		kinet_store_free(sk, chunk);
	return ret;
}

/* Forget what the peer has acknowledged. */
void kinet_store_acked(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_chunk *chunk;

	while ((chunk = kinet_store_first(tp)) &&
	       !kinet_after(chunk->end, tp->snd.una))
		kinet_store_free(sk, chunk);
}

void kinet_store_purge(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_chunk *chunk;

	while ((chunk = kinet_store_first(tp)))
		kinet_store_free(sk, chunk);
}

/* --- what is sent --- */

/* What is sent is at the end, what is resent at the begin. */
static struct kinet_chunk *kinet_store_find(struct kinet_tcp *tp, u32 seq)
{
	struct kinet_chunk *chunk = kinet_store_first(tp);

	if (!chunk || kinet_before(seq, chunk->end))
		return chunk;
	list_for_each_entry_reverse(chunk, &tp->store, node)
		if (!kinet_before(seq, chunk->seq))
			return chunk;
	return NULL;
}

static struct kinet_chunk *kinet_store_next(struct kinet_tcp *tp,
					    struct kinet_chunk *chunk)
{
	return list_is_last(&chunk->node, &tp->store) ? NULL :
	       list_next_entry(chunk, node);
}

static void kinet_store_put(struct sk_buff *skb, struct page *page, u32 offset,
			    u32 len, bool copy)
{
	if (copy) {
		skb_put_data(skb, page_address(page) + offset, len);
		return;
	}
	get_page(page);
	skb_fill_page_desc(skb, skb_shinfo(skb)->nr_frags, page, offset, len);
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
}

/* As much of a chunk as there is room for */
static u32 kinet_store_refer(struct sk_buff *skb, const struct kinet_chunk *chunk,
			     u32 skip, u32 len, bool copy)
{
	u32 got, sum = 0;
	unsigned int i;

	for (i = 0; i < chunk->count && sum < len; i++) {
		if (skip >= chunk->part[i].len) {
			skip -= chunk->part[i].len;
			continue;
		}
		if (skb_shinfo(skb)->nr_frags >= MAX_SKB_FRAGS)
			break;
		got = min(len - sum, chunk->part[i].len - skip);
		kinet_store_put(skb, chunk->part[i].page,
				chunk->part[i].offset + skip, got, copy);
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
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_chunk *chunk = kinet_store_find(tp, seq);
	bool copy = len <= KINET_STORE_COPY;
	u32 got, end = seq + len;

	while (seq != end) {
		if (!chunk || kinet_before(seq, chunk->seq))
			return -ENODATA;
		got = kinet_store_refer(skb, chunk, seq - chunk->seq, end - seq,
					copy);
		if (!got)
			return -ENODATA;
		seq += got;
		chunk = kinet_store_next(tp, chunk);
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
	struct kinet_tcp *tp = kinet_tcp(sk);
	unsigned int parts = 0, sum = 0, i;
	struct kinet_chunk *chunk;
	u32 skip;

	if (len <= KINET_STORE_COPY)
		return len;
	for (chunk = kinet_store_find(tp, seq); chunk && sum < len;
	     chunk = kinet_store_next(tp, chunk)) {
		skip = seq + sum - chunk->seq;
		for (i = 0; i < chunk->count && sum < len; i++) {
			if (skip >= chunk->part[i].len) {
				skip -= chunk->part[i].len;
				continue;
			}
			if (parts++ >= MAX_SKB_FRAGS)
				return sum;
			sum += chunk->part[i].len - skip;
			skip = 0;
		}
	}
	return min(sum, len);
}
