// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reassembly: RFC 9293, section 3.10.7.4 (SHLD-31); its report to the sender:
 * RFC 2018 and 2883
 *
 * Islands are ranges above RCV.NXT, each with a gap before it. Data are the
 * caller's: this only tells which are new.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "reassembly.h"

/**
 * kinet_reassembly_init() - nothing was received
 * @r: to be initialised
 * @island: memory of @most, which may come later: none is used while @most is 0
 * @most: how many islands there may be
 */
void kinet_reassembly_init(struct kinet_reassembly *r,
			   struct kinet_island *island, u16 most)
{
	*r = (struct kinet_reassembly){ .island = island, .most = most };
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_init);

/* The first island whose end isn't before @seq: it overlaps, abuts, or follows */
static unsigned int kinet_reassembly_find(const struct kinet_reassembly *r,
					  u32 seq)
{
	unsigned int low = 0, high = r->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (kinet_before(r->island[middle].range.end, seq))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/**
 * kinet_reassembly_new() - the first piece of a segment that is new
 * @r: what was received
 * @seq: where the segment begins, not before RCV.NXT
 * @end: behind it
 * @piece: the piece, when there is one; the next is sought from its end on
 *
 * Return: whether there is one.
 */
bool kinet_reassembly_new(const struct kinet_reassembly *r, u32 seq, u32 end,
			  struct kinet_range *piece)
{
	unsigned int i;

	for (i = kinet_reassembly_find(r, seq); i < r->count; i++) {
		const struct kinet_range *range = &r->island[i].range;

		if (kinet_before(seq, range->start))
			break;
		seq = kinet_later(seq, range->end);
	}
	if (!kinet_before(seq, end))
		return false;
	piece->start = seq;
	piece->end = i < r->count ?
		     kinet_earlier(end, r->island[i].range.start) : end;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_new);

/* RFC 2883, section 4: of a segment, the first piece that was there already */
static void kinet_reassembly_twice(struct kinet_reassembly *r, unsigned int i,
				   u32 seq, u32 end)
{
	for (; i < r->count; i++) {
		const struct kinet_range *range = &r->island[i].range;
		u32 from = kinet_later(seq, range->start);
		u32 to = kinet_earlier(end, range->end);

		if (kinet_before(from, to)) {
			r->twice = (struct kinet_range){ from, to };
			return;
		}
		if (kinet_before(end, range->start))
			return;
	}
}

static void kinet_reassembly_remove(struct kinet_reassembly *r, unsigned int at,
				    unsigned int count)
{
	r->count -= count;
	memmove(&r->island[at], &r->island[at + count],
		(r->count - at) * sizeof(*r->island));
}

/**
 * kinet_reassembly_add() - a segment has come that isn't the next one
 * @r: what was received
 * @seq: where it begins, after RCV.NXT
 * @end: behind it, after @seq
 *
 * Return: what became of it. Ask kinet_reassembly_new() first for what is new.
 */
enum kinet_reassembled kinet_reassembly_add(struct kinet_reassembly *r, u32 seq,
					    u32 end)
{
	unsigned int at = kinet_reassembly_find(r, seq);
	unsigned int behind = at;
	struct kinet_island *island;

	r->twice = (struct kinet_range){};
	while (behind < r->count &&
	       !kinet_after(r->island[behind].range.start, end))
		behind++;
	if (behind == at && r->count >= r->most)
		return KINET_NO_ROOM;
	kinet_reassembly_twice(r, at, seq, end);
	island = &r->island[at];
	if (behind == at) {
		memmove(island + 1, island, (r->count - at) * sizeof(*island));
		r->count++;
		island->range = (struct kinet_range){ seq, end };
		island->touched = ++r->touches;
		return KINET_REASSEMBLED;
	}
	island->touched = ++r->touches;
	if (!kinet_before(seq, island->range.start) &&
	    !kinet_after(end, island->range.end))
		return KINET_DUPLICATE;
	island->range.start = kinet_earlier(seq, island->range.start);
	island->range.end = kinet_later(end, r->island[behind - 1].range.end);
	kinet_reassembly_remove(r, at + 1, behind - at - 1);
	return KINET_REASSEMBLED;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_add);

/**
 * kinet_reassembly_advance() - the next segment has come
 * @r: what was received
 * @rcv_nxt: behind it
 *
 * What of it was there already is told by D-SACK.
 *
 * Return: RCV.NXT, behind all that follows without a gap.
 */
u32 kinet_reassembly_advance(struct kinet_reassembly *r, u32 rcv_nxt)
{
	unsigned int gone = 0;

	r->twice = (struct kinet_range){};
	while (gone < r->count &&
	       !kinet_after(r->island[gone].range.start, rcv_nxt)) {
		const struct kinet_range *range = &r->island[gone++].range;

		if (r->twice.start == r->twice.end &&
		    kinet_before(range->start, rcv_nxt))
			r->twice = (struct kinet_range){
				range->start, kinet_earlier(range->end, rcv_nxt)
			};
		rcv_nxt = kinet_later(rcv_nxt, range->end);
	}
	if (gone)
		kinet_reassembly_remove(r, 0, gone);
	return rcv_nxt;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_advance);

/**
 * kinet_reassembly_old() - a segment begins before RCV.NXT
 * @r: what was received
 * @seq: where it begins
 * @end: behind it
 * @rcv_nxt: RCV.NXT
 *
 * For D-SACK, after what is new of it was added.
 */
void kinet_reassembly_old(struct kinet_reassembly *r, u32 seq, u32 end,
			  u32 rcv_nxt)
{
	r->twice = (struct kinet_range){ seq, kinet_earlier(end, rcv_nxt) };
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_old);

/**
 * kinet_reassembly_prune() - give up the last island, to have its memory
 * @r: what was received
 * @gone: which
 *
 * RFC 2018, section 8: a receiver may, when it has no memory.
 *
 * Return: false when there is none.
 */
bool kinet_reassembly_prune(struct kinet_reassembly *r, struct kinet_range *gone)
{
	if (!r->count)
		return false;
	*gone = r->island[--r->count].range;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_prune);

/* The island that was touched last, before @before */
static const struct kinet_island *
kinet_reassembly_recent(const struct kinet_reassembly *r, u32 before)
{
	const struct kinet_island *found = NULL;
	unsigned int i;

	for (i = 0; i < r->count; i++) {
		const struct kinet_island *island = &r->island[i];

		if (kinet_before(island->touched, before) &&
		    (!found || kinet_after(island->touched, found->touched)))
			found = island;
	}
	return found;
}

/**
 * kinet_reassembly_sack() - what to report
 * @r: what was received
 * @blocks: where it is stored
 * @most: how many blocks there may be
 * @twice: what was received twice is told first (RFC 2883), and once
 *
 * RFC 2018, section 4: the block with the segment that is acknowledged comes
 * first, then those that were reported most recently.
 *
 * Return: how many blocks.
 */
unsigned int kinet_reassembly_sack(struct kinet_reassembly *r,
				   struct kinet_range *blocks, unsigned int most,
				   bool twice)
{
	const struct kinet_island *island;
	u32 before = r->touches + 1;
	unsigned int count = 0;

	if (twice && most && r->twice.start != r->twice.end) {
		blocks[count++] = r->twice;
		r->twice = (struct kinet_range){};
	}
	while (count < most) {
		island = kinet_reassembly_recent(r, before);
		if (!island)
			break;
		blocks[count++] = island->range;
		before = island->touched;
	}
	return count;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reassembly_sack);
