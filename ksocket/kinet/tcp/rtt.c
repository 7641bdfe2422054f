// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retransmission time-out: RFC 6298, with the samples of RFC 7323
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "rtt.h"

#define KINET_RTT_SHIFT		8
#define KINET_BACKOFF_MAX	31
/* A sample longer than this is a mistake; it also keeps sums below 2^64. */
#define KINET_RTT_MAX		(600 * 1000000U)

static u32 kinet_rtt_clamp(u64 us, const struct kinet_rtt_limits *limits)
{
	return clamp_t(u64, us, limits->min, limits->max);
}

/* (2.2), (2.3): RTO <- SRTT + max (G, K*RTTVAR); (2.5): its upper bound */
static void kinet_rtt_derive(struct kinet_rtt *rtt,
			     const struct kinet_rtt_limits *limits)
{
	u64 margin = max3((u64)limits->granularity, (u64)limits->min,
			  (4 * rtt->rttvar) >> KINET_RTT_SHIFT);

	rtt->base = kinet_rtt_clamp((rtt->srtt >> KINET_RTT_SHIFT) + margin,
				    limits);
}

/**
 * kinet_rtt_init() - before any measurement
 * @rtt: to be initialised
 * @limits: of this connection
 */
void kinet_rtt_init(struct kinet_rtt *rtt, const struct kinet_rtt_limits *limits)
{
	*rtt = (struct kinet_rtt){
		.least = U32_MAX,
		.base = kinet_rtt_clamp(KINET_RTO_FIRST, limits), /* (2.1) */
	};
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_init);

/*
 * RFC 7323, appendix G: ExpectedSamples = ceiling(FlightSize / (SMSS * 2));
 * many samples in a round trip must not make it forget sooner.
 */
static u32 kinet_rtt_expected(u32 flight, u32 mss)
{
	return max_t(u32, 1, DIV_ROUND_UP_ULL((u64)flight, 2 * (u64)mss));
}

static u64 kinet_rtt_approach(u64 from, u64 to, u32 steps)
{
	return to >= from ? from + div_u64(to - from, steps) :
			    from - div_u64(from - to, steps);
}

/**
 * kinet_rtt_sample() - take a measurement
 * @rtt: what is known
 * @limits: of this connection
 * @us: measured round trip, microseconds
 * @flight: bytes that were on their way when the acknowledgment came, if each has a
 *	    sample; up to two segments for a single one in a round trip
 * @mss: SMSS, above 0
 *
 * It ends a backoff (section 5, step 5.6 and the note to it).
 */
void kinet_rtt_sample(struct kinet_rtt *rtt, const struct kinet_rtt_limits *limits,
		      u32 us, u32 flight, u32 mss)
{
	u64 sample = (u64)min(us, KINET_RTT_MAX) << KINET_RTT_SHIFT;
	u32 expected = min_t(u32, kinet_rtt_expected(flight, mss), 1 << 20);

	rtt->backoff = 0;
	if (us)
		rtt->least = min(rtt->least, us);
	if (!rtt->sampled) {
		rtt->sampled = true;
		rtt->srtt = sample;		/* (2.2) */
		rtt->rttvar = sample / 2;
	} else {
		u64 error = sample > rtt->srtt ? sample - rtt->srtt :
						 rtt->srtt - sample;

		/* (2.3): the variation first, by the old SRTT */
		rtt->rttvar = kinet_rtt_approach(rtt->rttvar, error,
						 4 * expected);
		rtt->srtt = kinet_rtt_approach(rtt->srtt, sample, 8 * expected);
	}
	kinet_rtt_derive(rtt, limits);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_sample);

/**
 * kinet_rtt_from_stamp() - a round trip, by the time stamp that came back
 * @now: our clock of time stamps, milliseconds
 * @tsecr: the echo, of an acknowledgment of new data (RFC 7323, section 4.1)
 * @us: where the round trip is stored
 *
 * Karn's ambiguity doesn't touch it (RFC 6298, section 3).
 *
 * Return: false when the echo can't be one of ours: 0, or of the future.
 */
bool kinet_rtt_from_stamp(u32 now, u32 tsecr, u32 *us)
{
	u32 ms = now - tsecr;

	if (!tsecr || ms > KINET_RTT_MAX / 1000)
		return false;
	*us = ms * 1000;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_from_stamp);

/**
 * kinet_rtt_measure() - a round trip, by when a segment was sent
 * @now: when its acknowledgment came, microseconds
 * @sent: when it was sent
 * @resent: it was sent more than once
 * @us: where the round trip is stored
 *
 * Return: false when it can't be told: Karn's algorithm (section 3), or a clock
 * that went backwards.
 */
bool kinet_rtt_measure(u64 now, u64 sent, bool resent, u32 *us)
{
	if (resent || sent > now)
		return false;
	*us = min_t(u64, now - sent, KINET_RTT_MAX);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_measure);

/**
 * kinet_rtt_rto() - how long to wait for an acknowledgment
 * @rtt: what is known
 * @limits: of this connection
 *
 * Return: microseconds, with backoff.
 */
u32 kinet_rtt_rto(const struct kinet_rtt *rtt,
		  const struct kinet_rtt_limits *limits)
{
	return kinet_rtt_clamp((u64)rtt->base << rtt->backoff, limits);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_rto);

/**
 * kinet_rtt_expired() - the time-out has passed in vain
 * @rtt: what is known
 * @syn: it was a SYN that waited
 *
 * (5.5): RTO <- RTO * 2, which lasts until a new sample comes.
 */
void kinet_rtt_expired(struct kinet_rtt *rtt, bool syn)
{
	rtt->backoff = min(rtt->backoff + 1, KINET_BACKOFF_MAX);
	if (syn)
		rtt->syn_lost = true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_expired);

/**
 * kinet_rtt_established() - data can be sent from now on
 * @rtt: what is known
 * @limits: of this connection
 *
 * (5.7): 3 seconds, if a SYN had to be sent again and the RTO was shorter.
 */
void kinet_rtt_established(struct kinet_rtt *rtt,
			   const struct kinet_rtt_limits *limits)
{
	rtt->backoff = 0;
	if (rtt->syn_lost)
		rtt->base = kinet_rtt_clamp(max_t(u32, rtt->base,
						  KINET_RTO_SYN_LOST), limits);
	rtt->syn_lost = false;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_established);

/**
 * kinet_rtt_undo_backoff() - the time-out was spurious
 * @rtt: what is known
 */
void kinet_rtt_undo_backoff(struct kinet_rtt *rtt)
{
	rtt->backoff = 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_undo_backoff);

/**
 * kinet_rtt_smoothed() - SRTT
 * @rtt: what is known
 *
 * Return: microseconds; 0 before the first sample.
 */
u32 kinet_rtt_smoothed(const struct kinet_rtt *rtt)
{
	return rtt->srtt >> KINET_RTT_SHIFT;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_smoothed);

/**
 * kinet_rtt_variation() - RTTVAR
 * @rtt: what is known
 *
 * Return: microseconds; 0 before the first sample.
 */
u32 kinet_rtt_variation(const struct kinet_rtt *rtt)
{
	return rtt->rttvar >> KINET_RTT_SHIFT;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_rtt_variation);
