/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was received beyond the first gap
 */
#ifndef _KINET_TCP_REASSEMBLY_H
#define _KINET_TCP_REASSEMBLY_H

#include "seq.h"

/**
 * struct kinet_island - a range that was received, beyond a gap
 * @range: which
 * @touched: when, in segments; the largest is the most recent
 */
struct kinet_island {
	struct kinet_range	range;
	u32			touched;
};

/**
 * struct kinet_reassembly - all of them
 * @island: sorted, apart from each other; the caller's memory
 * @most: how many there is room for
 * @count: how many there are
 * @touches: segments so far
 * @twice: what was received twice, of the last segment; nothing when empty
 */
struct kinet_reassembly {
	struct kinet_island	*island;
	u16			most;
	u16			count;
	u32			touches;
	struct kinet_range	twice;
};

/* What became of a segment */
enum kinet_reassembled {
	KINET_REASSEMBLED,	/* all or a part of it is new */
	KINET_DUPLICATE,	/* nothing of it is */
	KINET_NO_ROOM,		/* it would be an island too many: drop it */
};

void kinet_reassembly_init(struct kinet_reassembly *r,
			   struct kinet_island *island, u16 most);
bool kinet_reassembly_new(const struct kinet_reassembly *r, u32 seq, u32 end,
			  struct kinet_range *piece);
enum kinet_reassembled kinet_reassembly_add(struct kinet_reassembly *r, u32 seq,
					    u32 end);
u32 kinet_reassembly_advance(struct kinet_reassembly *r, u32 rcv_nxt);
void kinet_reassembly_old(struct kinet_reassembly *r, u32 seq, u32 end,
			  u32 rcv_nxt);
bool kinet_reassembly_prune(struct kinet_reassembly *r, struct kinet_range *gone);
unsigned int kinet_reassembly_sack(struct kinet_reassembly *r,
				   struct kinet_range *blocks, unsigned int most,
				   bool twice);

#endif /* _KINET_TCP_REASSEMBLY_H */
