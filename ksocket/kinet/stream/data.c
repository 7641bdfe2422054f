// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that arrive: RFC 9293, section 3.10.7.4, sixth and seventh step
 *
 * What is in order waits in sk_receive_queue; what is beyond a gap in @pieces,
 * each byte once. What was promised is accepted, unless memory is short.
 *
 * A peer may send bytes one by one and in any order, so that no segment may cost a
 * walk along all pieces: they are in a tree, and a walk waits until enough have come.
 */
#include <linux/sched/signal.h>

#include "stream.h"

/* Bytes that fit a page with all that an skb needs there */
#define KINET_PAGE_BYTES	SKB_WITH_OVERHEAD(PAGE_SIZE)
/* Segments that the peer may send at once while memory is short */
#define KINET_SHORT		4U

/* Of the buffer, the half is for bytes; the rest for what they are kept in. */
void kinet_tcp_space(const struct sock *sk, struct kinet_rcv_space *space)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u32 used = tp->stood ? tp->rcv.nxt - READ_ONCE(tp->copied_seq) : 0;
	u32 segment = max_t(u32, tp->mss, KINET_MSS_DEFAULT);
	u32 buffer = READ_ONCE(sk->sk_rcvbuf) / 2;
	u32 most = tp->clamp ?: U32_MAX;

	if (unlikely(READ_ONCE(kinet_memory_pressure)))
		most = min(most, KINET_SHORT * segment);
	space->buffer = min(buffer, most);
	space->free = buffer > used ? min(buffer - used, most) : 0;
	space->mss = tp->mss;
}

/* --- memory --- */

/* More than half of its memory holds no bytes. */
static bool kinet_tcp_is_crumb(const struct sk_buff *skb)
{
	return skb->truesize > 2 * skb->len;
}

static bool kinet_tcp_has_tail(const struct sk_buff *skb, unsigned int len)
{
	return !skb_shared(skb) && !skb_cloned(skb) && len <= skb_tailroom(skb);
}

/* What fits behind is copied. */
static void kinet_tcp_swallow(struct sk_buff *into, const struct sk_buff *skb,
			      u32 end)
{
	skb_copy_bits(skb, 0, skb_put(into, skb->len), skb->len);
	kinet_piece(into)->end = end;
}

/* A copy that has a page for itself, and for others behind it; or NULL */
static struct sk_buff *kinet_tcp_paged(const struct sk_buff *skb)
{
	struct sk_buff *page;

	page = alloc_skb(KINET_PAGE_BYTES, GFP_ATOMIC | __GFP_NOWARN);
	if (!page)
		return NULL;
	skb_copy_header(page, skb);
	kinet_tcp_swallow(page, skb, kinet_piece(skb)->end);
	return page;
}

/*
 * Half of the buffer is promised, so what is more than half air is copied
 * where others fit behind it, before it takes what was promised.
 */
static struct sk_buff *kinet_tcp_compact(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *page;

	if (!kinet_tcp_is_crumb(skb) || skb->len > KINET_PAGE_BYTES ||
	    atomic_read(&sk->sk_rmem_alloc) < sk->sk_rcvbuf / 4)
		return skb;
	page = kinet_tcp_paged(skb);
	if (!page)
		return skb;
	consume_skb(skb);
	return page;
}

/* There may be room behind what came last. It takes no memory. */
static bool kinet_tcp_append(struct sock *sk, const struct sk_buff *skb, u32 end)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);

	if (!tail || !kinet_tcp_has_tail(tail, skb->len))
		return false;
	kinet_tcp_swallow(tail, skb, end);
	tail->tstamp = skb->tstamp;
	return true;
}

/* --- pieces --- */

static void kinet_tcp_insert(struct sock *sk, struct sk_buff *skb)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct rb_node **link = &tp->pieces.rb_node, *at = NULL;

	skb_set_owner_r(skb, sk);
	while (*link) {
		at = *link;
		link = kinet_before(kinet_piece(skb)->seq,
				    kinet_piece(rb_to_skb(at))->seq) ?
		       &at->rb_left : &at->rb_right;
	}
	rb_link_node(&skb->rbnode, at, link);
	rb_insert_color(&skb->rbnode, &tp->pieces);
	tp->piece_count++;
	tp->crumbs += kinet_tcp_is_crumb(skb);
}

static void kinet_tcp_unlink(struct kinet_tcp *tp, struct sk_buff *skb)
{
	rb_erase(&skb->rbnode, &tp->pieces);
	tp->piece_count--;
	/* The tree had its place. */
	skb->dev = NULL;
}

/**
 * kinet_tcp_forget_pieces() - nothing will come before them any more
 * @sk: sock, locked
 */
void kinet_tcp_forget_pieces(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sk_buff *skb;

	while ((skb = skb_rb_first(&tp->pieces))) {
		kinet_tcp_unlink(tp, skb);
		kfree_skb(skb);
	}
}

/* RFC 2018, section 8: what was SACKed may be thrown away. */
static bool kinet_tcp_prune(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_range gone;
	struct sk_buff *skb;

	if (!kinet_reassembly_prune(&tp->later, &gone))
		return false;
	/* It is the last. */
	while ((skb = skb_rb_last(&tp->pieces)) &&
	       !kinet_before(kinet_piece(skb)->seq, gone.start)) {
		kinet_tcp_unlink(tp, skb);
		kinet_tcp_drop(sk, skb, KINET_DROP_PRUNED);
	}
	return true;
}

static bool kinet_tcp_touches(const struct sk_buff *skb,
			      const struct sk_buff *next)
{
	return kinet_piece(skb)->end == kinet_piece(next)->seq;
}

/* Would a page have more of the pieces from here on than its own memory? */
static bool kinet_tcp_is_worth_a_page(const struct sk_buff *skb)
{
	unsigned int len = skb->len, truesize = skb->truesize;
	const struct sk_buff *next;

	while (len <= KINET_PAGE_BYTES) {
		if (truesize > SKB_TRUESIZE(KINET_PAGE_BYTES))
			return true;
		next = skb_rb_next(skb);
		if (!next || !kinet_tcp_touches(skb, next))
			break;
		skb = next;
		len += skb->len;
		truesize += skb->truesize;
	}
	return false;
}

/* A page for a piece and what touches it, or the piece itself */
static struct sk_buff *kinet_tcp_gather(struct sock *sk, struct sk_buff *skb)
{
	const struct sk_buff *next = skb_rb_next(skb);
	struct sk_buff *page;

	if ((next && kinet_tcp_touches(skb, next) &&
	     kinet_tcp_has_tail(skb, next->len)) ||
	    !kinet_tcp_is_worth_a_page(skb))
		return skb;
	page = kinet_tcp_paged(skb);
	if (!page)
		return skb;
	skb_set_owner_r(page, sk);
	rb_replace_node(&skb->rbnode, &page->rbnode, &kinet_tcp(sk)->pieces);
	skb->dev = NULL;
	consume_skb(skb);
	return page;
}

/*
 * Small pieces that touch go together. Each of at least @least that have come since
 * the last time pays for the walk past eight. Return: whether there is more memory.
 */
static bool kinet_tcp_collapse(struct sock *sk, u32 least)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sk_buff *skb, *next, *into = NULL;
	int before = atomic_read(&sk->sk_rmem_alloc);

	if (tp->crumbs < max(least, tp->piece_count / 8))
		return false;
	tp->crumbs = 0;
	for (skb = skb_rb_first(&tp->pieces); skb; skb = next) {
		next = skb_rb_next(skb);
		if (into && kinet_tcp_touches(into, skb) &&
		    kinet_tcp_has_tail(into, skb->len)) {
			kinet_tcp_swallow(into, skb, kinet_piece(skb)->end);
			kinet_tcp_unlink(tp, skb);
			consume_skb(skb);
		} else {
			into = kinet_tcp_gather(sk, skb);
		}
	}
	return atomic_read(&sk->sk_rmem_alloc) < before;
}

/* --- memory for a segment --- */

/*
 * Bytes of the first skb that the user has read already: room was offered for
 * as many, but their memory is there until he has read the rest.
 */
static u32 kinet_tcp_half_read(const struct sock *sk)
{
	const struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);
	s32 read;

	if (!skb)
		return 0;
	read = kinet_tcp(sk)->copied_seq - kinet_piece(skb)->seq;
	return max(read, 0);
}

static bool kinet_tcp_has_memory(struct sock *sk, struct sk_buff *skb)
{
	u32 most = sk->sk_rcvbuf + kinet_tcp_half_read(sk);

	do {
		if (sk_rmem_alloc_get(sk) <= most &&
		    sk_rmem_schedule(sk, skb, skb->truesize))
			return true;
	} while (kinet_tcp_collapse(sk, 1) || kinet_tcp_prune(sk));
	/* One that has nothing may have one, or it would never go on. */
	return !sk_rmem_alloc_get(sk);
}

static bool kinet_tcp_have_islands(struct kinet_tcp *tp)
{
	struct kinet_island *islands;

	if (tp->later.island)
		return true;
	islands = kmalloc_array(KINET_ISLANDS, sizeof(*islands),
				GFP_ATOMIC | __GFP_NOWARN);
	if (islands)
		kinet_reassembly_init(&tp->later, islands, KINET_ISLANDS);
	return islands;
}

/* --- queues --- */

static void kinet_tcp_queue(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);
	u32 end = kinet_piece(skb)->end;
	bool stolen;
	int delta;

	if (tail && skb_try_coalesce(tail, skb, &stolen, &delta)) {
		kinet_piece(tail)->end = end;
		tail->tstamp = skb->tstamp;
		atomic_add(delta, &sk->sk_rmem_alloc);
		sk_mem_charge(sk, delta);
		kfree_skb_partial(skb, stolen);
		return;
	}
	skb_set_owner_r(skb, sk);
	__skb_queue_tail(&sk->sk_receive_queue, skb);
}

/* Of a segment that begins at @seq, the bytes in @piece */
static struct sk_buff *kinet_tcp_cut(struct sk_buff *skb, u32 seq,
				     const struct kinet_range *piece)
{
	struct sk_buff *copy = skb_clone(skb, GFP_ATOMIC | __GFP_NOWARN);

	if (!copy)
		return NULL;
	if (!pskb_pull(copy, piece->start - seq) ||
	    pskb_trim(copy, kinet_range_len(piece))) {
		kfree_skb(copy);
		return NULL;
	}
	*kinet_piece(copy) = (struct kinet_piece){ piece->start, piece->end };
	return copy;
}

/* What has no gap before it any more */
static void kinet_tcp_join(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sk_buff *skb;

	while ((skb = skb_rb_first(&tp->pieces)) &&
	       kinet_before(kinet_piece(skb)->seq, tp->rcv.nxt)) {
		kinet_tcp_unlink(tp, skb);
		skb_orphan(skb);
		kinet_tcp_queue(sk, skb);
	}
}

/* --- a segment --- */

static void kinet_tcp_next(struct sock *sk, struct sk_buff *skb, u32 end)
{
	kinet_piece(skb)->seq = kinet_tcp(sk)->rcv.nxt;
	kinet_piece(skb)->end = end;
	kinet_tcp_queue(sk, skb);
	WRITE_ONCE(kinet_tcp(sk)->rcv.nxt, end);
}

/*
 * Beyond a gap, or a part of it was there. Each piece is stored once, and only
 * then counted. Return: why some of it was not, or KINET_COUNTS.
 */
static enum kinet_count kinet_tcp_beyond(struct sock *sk, struct sk_buff *skb,
					 u32 seq, u32 end)
{
	enum kinet_count refusal = KINET_COUNTS;
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_range piece;
	struct sk_buff *part = NULL;
	u32 from = seq;

	if (!kinet_tcp_have_islands(tp))
		return KINET_DROP_NO_MEMORY;
	while (kinet_reassembly_new(&tp->later, from, end, &piece)) {
		part = kinet_tcp_cut(skb, seq, &piece);
		if (!part) {
			/* The rest was never here. */
			refusal = KINET_DROP_NO_MEMORY;
			end = piece.start;
			break;
		}
		kinet_tcp_insert(sk, part);
		from = piece.end;
	}
	if (seq == end)
		return refusal;
	if (seq == tp->rcv.nxt) {
		WRITE_ONCE(tp->rcv.nxt, kinet_reassembly_advance(&tp->later, end));
		kinet_tcp_join(sk);
	} else if (kinet_reassembly_add(&tp->later, seq, end) ==
		   KINET_NO_ROOM) {
		/* It touches nothing, so it is a single piece. */
		kinet_tcp_unlink(tp, part);
		consume_skb(part);
		return KINET_DROP_BUFFER_FULL;
	}
	kinet_tcp_collapse(sk, KINET_CRUMBS);
	return refusal;
}

/* RFC 9293, section 3.8.5; the mark is the byte before where SND.UP points. */
static void kinet_tcp_urgent(struct sock *sk, const struct kinet_seg *seg)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 mark = seg->seq + seg->urg - 1;

	if (!seg->urg || kinet_before(mark, tp->copied_seq) ||
	    kinet_before(mark, tp->rcv.nxt))
		return;
	if (tp->urgent && !kinet_after(mark, tp->rcv_up))
		return;
	WRITE_ONCE(tp->rcv_up, mark);
	WRITE_ONCE(tp->urgent_byte, false);
	WRITE_ONCE(tp->oob_read, false);
	/* Behind where it is, for who looks without the lock */
	smp_store_release(&tp->urgent, true);
	sk_send_sigurg(sk);
}

static void kinet_tcp_urgent_byte(struct sock *sk, const struct sk_buff *skb,
				  u32 seq)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (!tp->urgent || tp->urgent_byte ||
	    !kinet_within(seq, tp->rcv_up, skb->len))
		return;
	if (skb_copy_bits(skb, tp->rcv_up - seq, &tp->oob, 1))
		return;
	WRITE_ONCE(tp->urgent_byte, true);
	if (!kinet_tcp_is_orphan(sk))
		sk->sk_data_ready(sk);
}

static void kinet_tcp_wake_reader(struct sock *sk)
{
	if (!kinet_tcp_is_orphan(sk) && kinet_tcp_has_enough(sk))
		sk->sk_data_ready(sk);
}

/* What is owed for a segment, and when */
static void kinet_tcp_owe(struct sock *sk, const struct kinet_arrival *arrival,
			  u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	switch (kinet_ack_arrived(&tp->ack, now, arrival)) {
	case KINET_ACK_AT_ONCE:
		/* MUST-59; but the peer counts duplicates. */
		if (sock_owned_by_user(sk) && !arrival->out_of_order &&
		    !arrival->gap_filled)
			tp->ack_held = true;
		else
			tp->ack_now = true;
		break;
	case KINET_ACK_DELAYED:
		kinet_tcp_due(sk, KINET_TIMER_DELACK, now, tp->ack.due - now);
		break;
	case KINET_ACK_NOTHING:
		break;
	}
}

static void kinet_tcp_take(struct sock *sk, struct sk_buff *skb, u32 seq, u32 len)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool next = seq == tp->rcv.nxt && !tp->later.count;
	enum kinet_count refusal;

	if (next && kinet_tcp_append(sk, skb, seq + len)) {
		consume_skb(skb);
		WRITE_ONCE(tp->rcv.nxt, seq + len);
		return;
	}
	if (next)
		skb = kinet_tcp_compact(sk, skb);
	if (!kinet_tcp_has_memory(sk, skb)) {
		kinet_tcp_drop(sk, skb, KINET_DROP_BUFFER_FULL);
		/* What is there may be told of only now that memory is short. */
		kinet_tcp_wake_reader(sk);
		return;
	}
	if (likely(next)) {
		kinet_tcp_next(sk, skb, seq + len);
		return;
	}
	refusal = kinet_tcp_beyond(sk, skb, seq, seq + len);
	if (refusal == KINET_COUNTS) {
		tp->tally.beyond += kinet_before(tp->rcv.nxt, seq);
		consume_skb(skb);
	} else {
		kinet_tcp_drop(sk, skb, refusal);
	}
}

/**
 * kinet_tcp_data() - take the bytes of a segment
 * @sk: sock, locked
 * @skb: its bytes, as many as @seg says; consumed
 * @seg: segment, in the window
 * @now: microseconds
 */
void kinet_tcp_data(struct sock *sk, struct sk_buff *skb,
		    const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_arrival arrival = {
		.size		= skb_shinfo(skb)->gso_size ?: seg->len,
		.push		= seg->flags & KINET_PSH,
		.gap_filled	= tp->later.count,
	};
	u32 before = tp->rcv.nxt;

	if (seg->flags & KINET_URG)
		kinet_tcp_urgent(sk, seg);
	if (!seg->len) {
		consume_skb(skb);
	} else {
		kinet_tcp_urgent_byte(sk, skb, seg->seq);
		kinet_tcp_take(sk, skb, seg->seq, seg->len);
	}
	arrival.len = tp->rcv.nxt - before;
	tp->tally.received += arrival.len;
	/* RFC 9293, eighth step: a FIN is beyond all data. */
	if (seg->flags & KINET_FIN) {
		tp->fin_known = true;
		tp->fin_at = seg->seq + seg->len;
	}
	if (tp->fin_known && tp->fin_at == tp->rcv.nxt && !tp->fin_seen) {
		WRITE_ONCE(tp->fin_seen, true);
		WRITE_ONCE(tp->rcv.nxt, tp->rcv.nxt + 1);
		tp->rcv.edge = kinet_later(tp->rcv.edge, tp->rcv.nxt);
		arrival.fin = true;
	}
	/* A FIN beyond a gap is a segment, too. */
	arrival.out_of_order = kinet_seg_len(seg->len, seg->flags) &&
			       tp->rcv.nxt == before;
	kinet_tcp_owe(sk, &arrival, now);
	if (arrival.len)
		kinet_tcp_wake_reader(sk);
}
