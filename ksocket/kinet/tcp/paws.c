// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection against wrapped sequence numbers: RFC 7323, section 5
 */
#include "window.h"

/* Section 5.5: 24 days, after which a clock of 1 ms can't be compared */
#define KINET_PAWS_IDLE		(24ULL * 86400 * 1000)

/**
 * kinet_paws_check() - is a segment an old one?
 * @paws: of a connection that has time stamps
 * @now: milliseconds
 * @has: the segment has a time stamp
 * @tsval: which
 * @flags: control bits
 *
 * A RST is exempt (sections 3.2 and 5.2), for its sender may have no state.
 *
 * Return: whether it passes, and if not, how it is dropped.
 */
enum kinet_paws_verdict kinet_paws_check(const struct kinet_paws *paws, u64 now,
					 bool has, u32 tsval, u8 flags)
{
	if (flags & KINET_RST)
		return KINET_PAWS_PASS;
	/* Section 3.2: once negotiated, it is in every segment. */
	if (!has)
		return KINET_PAWS_MISSING;
	/* R1 */
	if (!paws->valid || !kinet_before(tsval, paws->recent))
		return KINET_PAWS_PASS;
	return now - paws->at > KINET_PAWS_IDLE ? KINET_PAWS_PASS :
						  KINET_PAWS_OLD;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_paws_check);

/**
 * kinet_paws_store() - take the time stamp of an acceptable segment
 * @paws: of this connection
 * @now: milliseconds
 * @tsval: time stamp
 * @seq: SEG.SEQ
 * @last_ack: Last.ACK.sent
 *
 * R3 and section 4.3: of the segment that the next acknowledgment is about,
 * not of one that came out of order. That it isn't older than TS.Recent was
 * checked, unless TS.Recent is too old to compare.
 */
void kinet_paws_store(struct kinet_paws *paws, u64 now, u32 tsval, u32 seq,
		      u32 last_ack)
{
	if (kinet_after(seq, last_ack))
		return;
	if (paws->valid && kinet_before(tsval, paws->recent) &&
	    now - paws->at <= KINET_PAWS_IDLE)
		return;
	paws->recent = tsval;
	paws->at = now;
	paws->valid = true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_paws_store);
