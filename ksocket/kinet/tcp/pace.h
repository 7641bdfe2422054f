/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pacing: how fast what may be sent is sent
 */
#ifndef _KINET_TCP_PACE_H
#define _KINET_TCP_PACE_H

#include "cong.h"
#include "rtt.h"

#define KINET_PACE_NONE		U64_MAX		/* a rate: as fast as it can */
#define KINET_PACE_LATE		1000000ULL	/* nanoseconds */

/**
 * struct kinet_pace - what was sent last, and how fast to go on
 * @rate: bytes in a second; 0: nothing is held back
 * @from: when it was sent, by the rate, nanoseconds
 * @len: bytes that it had
 */
struct kinet_pace {
	u64	rate;
	u64	from;
	u32	len;
};

u64 kinet_pace_rate(const struct kinet_cong *cong, const struct kinet_rtt *rtt,
		    u64 most);
u32 kinet_pace_burst(u64 rate, u32 mss, u32 most);
bool kinet_pace_is_ample(const struct kinet_cong *cong,
			 const struct kinet_rtt *rtt, u32 most);
u64 kinet_pace_next(const struct kinet_pace *pace);
void kinet_pace_sent(struct kinet_pace *pace, u64 now, u32 len);
void kinet_pace_forgive(struct kinet_pace *pace);

#endif /* _KINET_TCP_PACE_H */
