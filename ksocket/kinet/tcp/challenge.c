// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forged segments: RFC 5961
 *
 * Acknowledgment numbers are checked by kinet_ack_kind().
 */
#include "window.h"

/**
 * kinet_challenge_check() - what to do with a RST or a SYN
 * @flags: control bits
 * @seq: SEG.SEQ
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND
 *
 * Of a synchronized connection. RFC 9293, section 3.10.7.4, second and fourth
 * step.
 *
 * Return: KINET_CHALLENGE_PASS for a segment that is neither.
 */
enum kinet_challenge kinet_challenge_check(u8 flags, u32 seq, u32 rcv_nxt,
					   u32 rcv_wnd)
{
	if (flags & KINET_RST) {
		/* Section 3.2: only who knows the exact number can reset. */
		if (seq == rcv_nxt)
			return KINET_CHALLENGE_RESET;
		return kinet_within(rcv_nxt, seq, rcv_wnd) ?
		       KINET_CHALLENGE_ACK : KINET_CHALLENGE_DROP;
	}
	/* Section 4.2: irrespective of its sequence number */
	return flags & KINET_SYN ? KINET_CHALLENGE_ACK : KINET_CHALLENGE_PASS;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_challenge_check);

/**
 * kinet_challenge_allowed() - may a challenge be sent, and count it
 * @limit: of this connection; a limit that connections share can be measured
 *	   by an attacker
 * @now: microseconds
 * @interval: microseconds
 * @most: challenges in an interval
 *
 * Section 7: so that forged segments don't become a stream of answers.
 *
 * Return: whether it may.
 */
bool kinet_challenge_allowed(struct kinet_challenge_limit *limit, u64 now,
			     u32 interval, u32 most)
{
	if (now - limit->since >= interval) {
		limit->since = now;
		limit->sent = 0;
	}
	if (limit->sent >= most)
		return false;
	limit->sent++;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_challenge_allowed);
