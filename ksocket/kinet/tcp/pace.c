// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pacing: how fast what may be sent is sent
 *
 * A window's worth in a round trip, spread over it, and somewhat faster, as Linux
 * has it: a window that grows must find data to grow by. What goes at once is
 * what the rate lets go in about a millisecond. When the next may go is a matter
 * of the rate as it is then, so that another one has its effect at once.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "pace.h"

/* Fifths of a window in a round trip: while it doubles in one, and else */
#define KINET_PACE_DOUBLING	10
#define KINET_PACE_STEADY	6
/* A smoothed round trip of a fifth of a second: SRTT is in 1/256 microseconds. */
#define KINET_PACE_FIFTH	(USEC_PER_SEC * 256ULL / 5)

#define KINET_PACE_BURST_SHIFT	10	/* a second in bursts */

/**
 * kinet_pace_rate() - how fast to send
 * @cong: the window
 * @rtt: the round trip
 * @most: what the user wants no more than, or KINET_PACE_NONE
 *
 * The second half of slow start is steady already: it may end any moment.
 *
 * Return: bytes in a second; @most as long as no round trip is known, or it is
 * too short to be measured.
 */
u64 kinet_pace_rate(const struct kinet_cong *cong, const struct kinet_rtt *rtt,
		    u64 most)
{
	bool doubling = cong->cwnd < cong->ssthresh / 2;
	u64 fifths = doubling ? KINET_PACE_DOUBLING : KINET_PACE_STEADY;
	u64 window = min(cong->cwnd, KINET_CWND_MAX);

	if (!rtt->srtt)
		return most;
	/* Below 2^30 * 10 * 2^26 */
	window *= fifths * KINET_PACE_FIFTH;
	return min(most, max(div64_u64(window, rtt->srtt), 1ULL));
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_rate);

/**
 * kinet_pace_burst() - how much to send at once
 * @rate: bytes in a second
 * @mss: SMSS
 * @most: what there may be at once, not less than @mss
 *
 * Return: bytes, in whole segments: about a millisecond of @rate, but two
 * segments at least, so that each has its acknowledgment soon.
 */
u32 kinet_pace_burst(u64 rate, u32 mss, u32 most)
{
	u64 worth = max(rate >> KINET_PACE_BURST_SHIFT, 2ULL * mss);
	u32 burst = min_t(u64, worth, most);

	return burst - burst % mss;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_burst);

/**
 * kinet_pace_is_ample() - need nobody think of the rate?
 * @cong: the window
 * @rtt: the round trip
 * @most: what there may be at once, bytes, at most 2^16
 *
 * As kinet_pace_burst() of kinet_pace_rate(), for each acknowledgment to ask,
 * without a division.
 *
 * Return: whether more than @most could be sent at once.
 */
bool kinet_pace_is_ample(const struct kinet_cong *cong,
			 const struct kinet_rtt *rtt, u32 most)
{
	u64 window = min(cong->cwnd, KINET_CWND_MAX);

	/* Below 2^30 * 6 * 2^26, and 2^35 * 2^16 * 2^10 */
	return window * KINET_PACE_STEADY * KINET_PACE_FIFTH >=
	       (min(rtt->srtt, BIT_ULL(35)) * most << KINET_PACE_BURST_SHIFT);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_is_ample);

/**
 * kinet_pace_next() - when the next may be sent
 * @pace: of this connection
 *
 * Return: nanoseconds.
 */
u64 kinet_pace_next(const struct kinet_pace *pace)
{
	if (!pace->rate)
		return 0;
	return pace->from + div64_u64(pace->len * (u64)NSEC_PER_SEC, pace->rate);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_next);

/**
 * kinet_pace_sent() - so much was sent
 * @pace: of this connection
 * @now: nanoseconds
 * @len: bytes
 *
 * What is sent too early puts off the rest. A timer that was late is caught up
 * with, by KINET_PACE_LATE at most, and a pause counts as no more than that.
 */
void kinet_pace_sent(struct kinet_pace *pace, u64 now, u32 len)
{
	pace->from = max(kinet_pace_next(pace),
			 now - min(now, KINET_PACE_LATE));
	pace->len = len;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_sent);

/**
 * kinet_pace_forgive() - the next may be sent at any time
 * @pace: of this connection
 */
void kinet_pace_forgive(struct kinet_pace *pace)
{
	pace->from = 0;
	pace->len = 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_pace_forgive);
