/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Round-trip time, and the retransmission time-out that follows from it
 */
#ifndef _KINET_TCP_RTT_H
#define _KINET_TCP_RTT_H

#include <kunit/visibility.h>
#include <linux/types.h>

/* RFC 6298, sections 2.1 and 5.7; microseconds */
#define KINET_RTO_FIRST		1000000
#define KINET_RTO_SYN_LOST	3000000

/**
 * struct kinet_rtt_limits - what bounds the time-out, microseconds
 * @min: least that is added to the round trip, 200 ms as Linux has it, where
 *	 RFC 6298, (2.4), would have the sum a second at least. A peer may delay
 *	 its acknowledgment so long, however short the way
 * @max: longest time-out, backed off or not, at least 60 s
 * @granularity: of the clock that measures and times out
 */
struct kinet_rtt_limits {
	u32	min;
	u32	max;
	u32	granularity;
};

/**
 * struct kinet_rtt - what is known of a path's round-trip time
 * @srtt: smoothed, in 1/256 microseconds
 * @rttvar: its variation, in 1/256 microseconds
 * @least: shortest round trip that could be measured, microseconds; at first
 *	   U32_MAX
 * @base: time-out without backoff, microseconds
 * @backoff: how often it was doubled
 * @sampled: there was a measurement
 * @syn_lost: a SYN had to be sent again
 */
struct kinet_rtt {
	u64	srtt;
	u64	rttvar;
	u32	least;
	u32	base;
	u8	backoff;
	bool	sampled;
	bool	syn_lost;
};

void kinet_rtt_init(struct kinet_rtt *rtt, const struct kinet_rtt_limits *limits);
void kinet_rtt_sample(struct kinet_rtt *rtt, const struct kinet_rtt_limits *limits,
		      u32 us, u32 flight, u32 mss);
bool kinet_rtt_from_stamp(u32 now, u32 tsecr, u32 *us);
bool kinet_rtt_measure(u64 now, u64 sent, bool resent, u32 *us);
u32 kinet_rtt_rto(const struct kinet_rtt *rtt,
		  const struct kinet_rtt_limits *limits);
void kinet_rtt_expired(struct kinet_rtt *rtt, bool syn);
void kinet_rtt_established(struct kinet_rtt *rtt,
			   const struct kinet_rtt_limits *limits);
void kinet_rtt_undo_backoff(struct kinet_rtt *rtt);
u32 kinet_rtt_smoothed(const struct kinet_rtt *rtt);
u32 kinet_rtt_variation(const struct kinet_rtt *rtt);

#endif /* _KINET_TCP_RTT_H */
