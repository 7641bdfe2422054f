// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reno: RFC 5681, counting bytes (RFC 3465); the window in fast recovery
 * without SACK, RFC 6582
 */
#include <linux/minmax.h>

#include "cong.h"

/**
 * kinet_reno_ssthresh() - the threshold after a loss
 * @cong: of this connection
 * @flight: bytes on their way
 *
 * RFC 5681, (4).
 *
 * Return: max (FlightSize / 2, 2*SMSS).
 */
u32 kinet_reno_ssthresh(const struct kinet_cong *cong, u32 flight)
{
	return max(flight / 2, 2 * cong->mss);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_ssthresh);

/**
 * kinet_reno_slow_start() - slow start
 * @cong: of this connection, below ssthresh
 * @acked: bytes
 *
 * RFC 5681, (2), with the limit of RFC 3465, section 2.2: L segments for one
 * acknowledgment, 1 after a time-out.
 *
 * Return: bytes that weren't counted, because ssthresh was reached.
 */
u32 kinet_reno_slow_start(struct kinet_cong *cong, u32 acked)
{
	u32 most = (cong->after_timeout ? 1 : cong->abc) * cong->mss;
	u32 room = cong->ssthresh - cong->cwnd;

	if (acked <= room || most <= room) {
		cong->cwnd += min(acked, most);
		return 0;
	}
	cong->cwnd = cong->ssthresh;
	return acked - room;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_slow_start);

/**
 * kinet_reno_avoid() - congestion avoidance
 * @cong: of this connection
 * @acked: bytes
 *
 * RFC 5681, section 3.1: one SMSS, when as many bytes as are in cwnd were
 * acknowledged.
 */
void kinet_reno_avoid(struct kinet_cong *cong, u32 acked)
{
	cong->counted = min_t(u64, (u64)cong->counted + acked,
			      2 * (u64)KINET_CWND_MAX);
	if (cong->counted < cong->cwnd)
		return;
	/* Never more than a segment for a round trip */
	cong->counted = min(cong->counted - cong->cwnd, cong->cwnd);
	cong->cwnd += cong->mss;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_avoid);

/**
 * kinet_reno_acked() - new data were acknowledged
 * @cong: of this connection
 * @ack: the acknowledgment
 */
void kinet_reno_acked(struct kinet_cong *cong, const struct kinet_cong_ack *ack)
{
	u32 acked = ack->acked;

	if (kinet_slow_start(cong))
		acked = kinet_reno_slow_start(cong, acked);
	if (acked)
		kinet_reno_avoid(cong, acked);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_acked);

/**
 * kinet_reno_enter() - fast retransmit without SACK
 * @cong: of this connection, after kinet_cong_loss()
 *
 * RFC 5681, section 3.2, step 3: three segments have left the network.
 */
void kinet_reno_enter(struct kinet_cong *cong)
{
	cong->cwnd = cong->ssthresh + 3 * cong->mss;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_enter);

/**
 * kinet_reno_inflate() - another duplicate acknowledgment
 * @cong: of this connection
 *
 * Step 4.
 */
void kinet_reno_inflate(struct kinet_cong *cong)
{
	cong->cwnd = min(cong->cwnd + cong->mss, KINET_CWND_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_inflate);

/**
 * kinet_reno_deflate() - a partial acknowledgment
 * @cong: of this connection
 * @acked: bytes
 *
 * RFC 6582, section 3.2, (3): what was acknowledged is taken away, and a
 * segment given back if it was one at least.
 */
void kinet_reno_deflate(struct kinet_cong *cong, u32 acked)
{
	cong->cwnd -= min(cong->cwnd, acked);
	if (acked >= cong->mss)
		cong->cwnd += cong->mss;
	cong->cwnd = max(cong->cwnd, cong->mss);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_deflate);

/**
 * kinet_reno_exit() - a full acknowledgment
 * @cong: of this connection
 * @flight: bytes that are still on their way
 *
 * RFC 6582, section 3.2, (3), option 1, which sends no burst.
 */
void kinet_reno_exit(struct kinet_cong *cong, u32 flight)
{
	cong->cwnd = min(cong->ssthresh, max(flight, cong->mss) + cong->mss);
	kinet_cong_recovered(cong);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_reno_exit);

const struct kinet_cong_ops kinet_reno = {
	.name		= "reno",
	.ssthresh	= kinet_reno_ssthresh,
	.acked		= kinet_reno_acked,
};
EXPORT_SYMBOL_IF_KUNIT(kinet_reno);
