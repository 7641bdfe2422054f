// SPDX-License-Identifier: GPL-2.0-only
/*
 * Congestion control: what is the same for all kinds
 *
 * RFC 5681, 6928; validation of the window in the manner of RFC 2861.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "cong.h"

static void kinet_cong_bound(struct kinet_cong *cong)
{
	cong->cwnd = clamp(cong->cwnd, cong->mss, max(cong->max, cong->mss));
}

static void kinet_cong_tell(struct kinet_cong *cong, enum kinet_cong_event event)
{
	if (cong->ops->event)
		cong->ops->event(cong, event);
	kinet_cong_bound(cong);
}

/**
 * kinet_initial_window() - IW
 * @mss: SMSS
 * @syn_lost: the SYN or its answer was sent more than once
 *
 * RFC 6928: min (10*MSS, max (2*MSS, 14600)); RFC 5681, section 3.1: one
 * segment, when a SYN was lost.
 *
 * Return: bytes.
 */
u32 kinet_initial_window(u32 mss, bool syn_lost)
{
	return syn_lost ? mss : min(10 * mss, max(2 * mss, 14600U));
}
EXPORT_SYMBOL_IF_KUNIT(kinet_initial_window);

/**
 * kinet_cong_valid() - can a plug-in be used?
 * @ops: the plug-in
 *
 * Return: whether it has a name, and what is required.
 */
bool kinet_cong_valid(const struct kinet_cong_ops *ops)
{
	return ops->name[0] && memchr(ops->name, 0, sizeof(ops->name)) &&
	       ops->ssthresh && ops->acked;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_valid);

/**
 * kinet_cong_init() - a connection is established
 * @cong: to be initialised
 * @ops: its kind
 * @mss: SMSS
 * @syn_lost: the SYN or its answer was sent more than once
 */
void kinet_cong_init(struct kinet_cong *cong, const struct kinet_cong_ops *ops,
		     u32 mss, bool syn_lost)
{
	*cong = (struct kinet_cong){
		.ops = ops,
		.cwnd = kinet_initial_window(mss, syn_lost),
		.ssthresh = KINET_SSTHRESH_NONE,
		.mss = mss,
		.max = KINET_CWND_MAX,
		.abc = 2,
	};
	if (ops->init)
		ops->init(cong);
	kinet_cong_bound(cong);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_init);

/**
 * kinet_cong_release() - the connection ends
 * @cong: of this connection
 */
void kinet_cong_release(struct kinet_cong *cong)
{
	if (cong->ops->release)
		cong->ops->release(cong);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_release);

/**
 * kinet_cong_switch() - another kind, in the middle of a connection
 * @cong: of this connection; its windows stay
 * @ops: the other kind
 */
void kinet_cong_switch(struct kinet_cong *cong, const struct kinet_cong_ops *ops)
{
	kinet_cong_release(cong);
	memset(cong->priv, 0, sizeof(cong->priv));
	cong->counted = 0;
	cong->ops = ops;
	if (ops->init)
		ops->init(cong);
	kinet_cong_bound(cong);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_switch);

/**
 * kinet_cong_limited() - does the congestion window limit what is sent?
 * @cong: of this connection
 * @flight: the most that was on its way, in this round trip
 *
 * RFC 7661: a window that isn't used says nothing of the network, and must not
 * grow. In slow start half of it is enough, for it doubles.
 *
 * Return: whether it does.
 */
bool kinet_cong_limited(const struct kinet_cong *cong, u32 flight)
{
	if (kinet_slow_start(cong))
		return flight >= cong->cwnd / 2;
	return (u64)flight + cong->mss > cong->cwnd;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_limited);

/**
 * kinet_cong_acked() - new data were acknowledged, outside of recovery
 * @cong: of this connection
 * @ack: the acknowledgment
 */
void kinet_cong_acked(struct kinet_cong *cong, const struct kinet_cong_ack *ack)
{
	if (!ack->acked || !ack->limited)
		return;
	cong->ops->acked(cong, ack);
	kinet_cong_bound(cong);
	if (!kinet_slow_start(cong))
		cong->after_timeout = false;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_acked);

static void kinet_cong_reduce(struct kinet_cong *cong, u32 flight)
{
	cong->prior_cwnd = cong->cwnd;
	cong->prior_ssthresh = cong->ssthresh;
	cong->ssthresh = max(cong->ops->ssthresh(cong, flight), 2 * cong->mss);
	cong->counted = 0;
}

/**
 * kinet_cong_loss() - loss recovery begins
 * @cong: of this connection
 * @flight: bytes on their way, without those of limited transmit
 *
 * RFC 6675, section 5, (4.2): cwnd and ssthresh are halved, as it were. Without
 * SACK, kinet_reno_enter() follows.
 */
void kinet_cong_loss(struct kinet_cong *cong, u32 flight)
{
	kinet_cong_reduce(cong, flight);
	cong->cwnd = cong->ssthresh;
	kinet_cong_tell(cong, KINET_CONG_LOSS);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_loss);

/**
 * kinet_cong_timeout() - the retransmission time-out has passed
 * @cong: of this connection
 * @flight: bytes on their way
 * @again: the segment had been retransmitted by a time-out already
 *
 * RFC 5681, section 3.1: cwnd is the loss window, one segment; ssthresh is set
 * by (4) the first time, and held if the retransmission was lost, too.
 */
void kinet_cong_timeout(struct kinet_cong *cong, u32 flight, bool again)
{
	if (!again)
		kinet_cong_reduce(cong, flight);
	cong->counted = 0;
	cong->cwnd = cong->mss;
	cong->after_timeout = true;
	kinet_cong_tell(cong, KINET_CONG_TIMEOUT);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_timeout);

/**
 * kinet_cong_recovered() - loss recovery by SACK is over
 * @cong: of this connection
 */
void kinet_cong_recovered(struct kinet_cong *cong)
{
	cong->cwnd = min(cong->cwnd, cong->ssthresh);
	kinet_cong_tell(cong, KINET_CONG_RECOVERED);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_recovered);

/**
 * kinet_cong_undo() - there was no loss
 * @cong: of this connection, after kinet_cong_loss() or kinet_cong_timeout()
 */
void kinet_cong_undo(struct kinet_cong *cong)
{
	if (cong->ops->undo)
		cong->cwnd = cong->ops->undo(cong);
	else
		cong->cwnd = max(cong->cwnd, cong->prior_cwnd);
	cong->ssthresh = max(cong->ssthresh, cong->prior_ssthresh);
	cong->after_timeout = false;
	kinet_cong_tell(cong, KINET_CONG_UNDONE);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_undo);

/**
 * kinet_cong_idle() - data are sent after an idle time longer than the RTO
 * @cong: of this connection
 *
 * RFC 5681, section 4.1: the restart window is min (IW, cwnd).
 */
void kinet_cong_idle(struct kinet_cong *cong)
{
	/* RFC 2861: what is known of the path isn't forgotten. */
	cong->ssthresh = max(cong->ssthresh, cong->cwnd - cong->cwnd / 4);
	cong->cwnd = min(cong->cwnd, kinet_initial_window(cong->mss, false));
	cong->counted = 0;
	cong->used = 0;
	cong->checked = 0;
	kinet_cong_tell(cong, KINET_CONG_IDLE);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_idle);

/**
 * kinet_cong_sent() - data were sent
 * @cong: of this connection
 * @now: microseconds, above 0
 * @flight: bytes that are on their way now
 * @rto: microseconds
 *
 * RFC 2861, section 3: when for an RTO less than the window was used, the
 * window goes half the way to what was.
 */
void kinet_cong_sent(struct kinet_cong *cong, u64 now, u32 flight, u32 rto)
{
	cong->used = max(cong->used, flight);
	if (kinet_cong_limited(cong, flight) || !cong->checked) {
		cong->used = flight;
		cong->checked = now;
		return;
	}
	if (now - cong->checked < rto)
		return;
	if (cong->used < cong->cwnd) {
		u32 least = kinet_initial_window(cong->mss, false);
		u32 half = cong->cwnd - (cong->cwnd - cong->used) / 2;

		cong->ssthresh = max(cong->ssthresh,
				     cong->cwnd - cong->cwnd / 4);
		cong->cwnd = min(cong->cwnd, max(half, least));
		kinet_cong_bound(cong);
	}
	cong->used = flight;
	cong->checked = now;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_cong_sent);
