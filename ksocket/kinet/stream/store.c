// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that wait to be sent, or to be acknowledged
 *
 * They are in pages, as the user wrote them, and chunks tell where. A segment
 * has references to the pages, whatever it begins and ends with; so nothing
 * here is ever divided, and what is resent needs no copy. SYN and FIN are no
 * bytes.
 *
 * Pages may be lent: others have them, too, and may write to them at any time.
 * Who lent them may want to hear when nobody looks at them any more: then each
 * chunk has a reference on his note, and so has each segment, which may outlive
 * the chunk in a queue. A segment has room for one note, and is of one lender.
 */
#include <linux/bvec.h>
#include <linux/slab.h>

#include "stream.h"

#define KINET_CHUNK_PARTS	4

/**
 * struct kinet_chunk - some of them, in order
 * @node: in the connection's @store
 * @seq: number of the first
 * @end: number behind the last
 * @count: of @part
 * @lent: some of the pages are
 * @ubuf: note of who lent all of them, with a reference, or NULL
 * @part: pages, each with a reference, and which of their bytes
 */
struct kinet_chunk {
	struct list_head	node;
	u32			seq;
	u32			end;
	unsigned int		count;
	bool			lent;
	struct ubuf_info	*ubuf;
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

static struct kinet_chunk *kinet_store_new(struct sock *sk,
					   struct ubuf_info *ubuf)
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
	chunk->lent = false;
	chunk->ubuf = ubuf;
	if (ubuf)
		net_zcopy_get(ubuf);
	list_add_tail(&chunk->node, &tp->store);
	return chunk;
}

static void kinet_store_free(struct sock *sk, struct kinet_chunk *chunk)
{
	struct ubuf_info *ubuf = chunk->ubuf;
	unsigned int i;

	list_del(&chunk->node);
	for (i = 0; i < chunk->count; i++)
		put_page(chunk->part[i].page);
	kinet_store_uncharge(sk, chunk->end - chunk->seq + sizeof(*chunk));
	kmem_cache_free(kinet_chunks, chunk);
	/* Whoever is told may give the pages to others. */
	net_zcopy_put(ubuf);
}

/* --- what is written --- */

/**
 * struct kinet_source - where the next bytes of a message are, or are put
 * @pfrag: where in a page; up to its size
 * @lent: they are there, and to be referred to
 * @ubuf: note of who lends them, or NULL
 */
struct kinet_source {
	struct page_frag	*pfrag;
	bool			lent;
	struct ubuf_info	*ubuf;
};

static bool kinet_store_is_lent(const struct msghdr *msg)
{
	return msg->msg_flags & MSG_SPLICE_PAGES ||
	       (msg->msg_flags & MSG_ZEROCOPY && msg->msg_ubuf);
}

/*
 * The next piece of lent pages, as far as one reference holds it; false when it
 * can only be copied.
 */
static bool kinet_store_borrow(const struct msghdr *msg, struct page_frag *pfrag)
{
	const struct iov_iter *from = &msg->msg_iter;
	size_t at, left;
	struct page *page;

	if (!kinet_store_is_lent(msg) || !iov_iter_is_bvec(from))
		return false;
	at = from->bvec->bv_offset + from->iov_offset;
	left = from->bvec->bv_len - from->iov_offset;
	page = from->bvec->bv_page + at / PAGE_SIZE;
	if (!left || !sendpage_ok(page))
		return false;
	pfrag->page = compound_head(page);
	pfrag->offset = (page - pfrag->page) * PAGE_SIZE + offset_in_page(at);
	pfrag->size = min_t(size_t, pfrag->offset + left, page_size(pfrag->page));
	return true;
}

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

static int kinet_store_take(struct sock *sk, struct kinet_chunk *chunk,
			    struct msghdr *msg, const struct kinet_source *from)
{
	struct page_frag *pfrag = from->pfrag;
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 len = pfrag->size - pfrag->offset;

	len = min_t(size_t, len, msg_data_left(msg));
	len = min_t(u32, len, KINET_BURST_MAX - (chunk->end - chunk->seq));
	if (!kinet_store_charge(sk, len))
		return -ENOBUFS;
	if (from->lent) {
		iov_iter_advance(&msg->msg_iter, len);
		chunk->lent = true;
	} else if (!copy_from_iter_full(page_address(pfrag->page) + pfrag->offset,
					len, &msg->msg_iter)) {
		kinet_store_uncharge(sk, len);
		return -EFAULT;
	}
	kinet_store_note(chunk, pfrag, len);
	pfrag->offset += len;
	WRITE_ONCE(tp->write_seq, tp->write_seq + len);
	return len;
}

static bool kinet_store_has_room(const struct kinet_chunk *chunk,
				 const struct kinet_source *from)
{
	return chunk && chunk->ubuf == from->ubuf &&
	       chunk->end - chunk->seq < KINET_BURST_MAX &&
	       (chunk->count < KINET_CHUNK_PARTS ||
		kinet_store_joins(chunk, from->pfrag));
}

static int kinet_store_add_from(struct sock *sk, struct msghdr *msg,
				const struct kinet_source *from)
{
	struct kinet_chunk *chunk = kinet_store_last(kinet_tcp(sk));
	int ret;

	if (!kinet_store_has_room(chunk, from))
		chunk = kinet_store_new(sk, from->ubuf);
	if (!chunk)
		return -ENOBUFS;
	ret = kinet_store_take(sk, chunk, msg, from);
	if (ret < 0 && !chunk->count)
		kinet_store_free(sk, chunk);
	return ret;
}

/**
 * kinet_store_add() - take bytes from the user
 * @sk: sock, locked
 * @msg: message, with bytes left. By MSG_SPLICE_PAGES, or MSG_ZEROCOPY with
 *	msg_ubuf, it lends pages; what can't be referred to is copied
 *
 * Return: how many were taken, above 0; -ENOBUFS when there is no memory,
 * -EFAULT.
 */
int kinet_store_add(struct sock *sk, struct msghdr *msg)
{
	struct kinet_source from = { .pfrag = sk_page_frag(sk) };
	struct page_frag lent;

	if (kinet_store_borrow(msg, &lent)) {
		from.pfrag = &lent;
		from.lent = true;
		if (msg->msg_flags & MSG_ZEROCOPY)
			from.ubuf = msg->msg_ubuf;
	} else if (!sk_page_frag_refill(sk, from.pfrag)) {
		return -ENOBUFS;
	}
	return kinet_store_add_from(sk, msg, &from);
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

/*
 * What is small goes into a segment's linear part; but who waits for his note is
 * told that bytes were copied, or not, by what has become of it.
 */
static bool kinet_store_copies(const struct kinet_chunk *chunk, u32 len)
{
	return len <= KINET_STORE_COPY && !chunk->ubuf;
}

static void kinet_store_put(struct sk_buff *skb, struct page *page, u32 offset,
			    u32 len)
{
	get_page(page);
	/* Of a page that is lent nobody knows what it was allocated for. */
	skb_fill_page_desc_noacc(skb, skb_shinfo(skb)->nr_frags, page, offset, len);
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
}

/* As much of a chunk as there is room for */
static u32 kinet_store_refer(struct sk_buff *skb, const struct kinet_chunk *chunk,
			     u32 skip, u32 len, bool copy)
{
	u32 got, at, sum = 0;
	unsigned int i;

	for (i = 0; i < chunk->count && sum < len; i++) {
		if (skip >= chunk->part[i].len) {
			skip -= chunk->part[i].len;
			continue;
		}
		if (skb_shinfo(skb)->nr_frags >= MAX_SKB_FRAGS)
			break;
		at = chunk->part[i].offset + skip;
		got = min(len - sum, chunk->part[i].len - skip);
		if (copy)
			skb_put_data(skb, page_address(chunk->part[i].page) + at,
				     got);
		else
			kinet_store_put(skb, chunk->part[i].page, at, got);
		skip = 0;
		sum += got;
	}
	if (!copy && chunk->lent)
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
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
	bool copy = chunk && kinet_store_copies(chunk, len);
	u32 got, end = seq + len;

	if (len && chunk)
		skb_zcopy_set(skb, chunk->ubuf, NULL);
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

/* How many bytes the parts of a chunk have that a segment has room for */
static u32 kinet_store_parts(const struct kinet_chunk *chunk, u32 skip, u32 len,
			     unsigned int *room)
{
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i < chunk->count && sum < len; i++) {
		if (skip >= chunk->part[i].len) {
			skip -= chunk->part[i].len;
			continue;
		}
		if (!*room)
			break;
		--*room;
		sum += chunk->part[i].len - skip;
		skip = 0;
	}
	return sum;
}

/**
 * kinet_store_burst() - how many bytes go into one segment
 * @sk: sock, locked
 * @seq: number of the first byte
 * @len: bytes that are wanted
 *
 * Return: @len, or fewer, when more pages would be referred to than one has
 * room for, or those of two who want to hear of them.
 */
unsigned int kinet_store_burst(struct sock *sk, u32 seq, unsigned int len)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_chunk *chunk = kinet_store_find(tp, seq);
	const struct kinet_chunk *first = chunk;
	unsigned int room = MAX_SKB_FRAGS;
	u32 sum = 0;

	if (chunk && kinet_store_copies(chunk, len))
		room = UINT_MAX;
	while (chunk && chunk->ubuf == first->ubuf && room && sum < len) {
		sum += kinet_store_parts(chunk, seq + sum - chunk->seq, len - sum,
					 &room);
		chunk = kinet_store_next(tp, chunk);
	}
	return min(sum, len);
}
