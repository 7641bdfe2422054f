/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Congestion control: what all kinds of it have, and reno
 */
#ifndef _KINET_TCP_CONG_H
#define _KINET_TCP_CONG_H

#include <kunit/visibility.h>
#include <linux/types.h>

#define KINET_CONG_NAME		16	/* with its 0, as TCP_CONGESTION has it */
#define KINET_CONG_PRIV		8	/* words of a plug-in's own */
#define KINET_CWND_MAX		0x40000000U
#define KINET_SSTHRESH_NONE	0x7fffffffU

struct kinet_cong;
struct module;

/* What a plug-in may want to hear of */
enum kinet_cong_event {
	KINET_CONG_START,	/* the first data after there were none on their way */
	KINET_CONG_IDLE,	/* nothing was sent for longer than the RTO */
	KINET_CONG_LOSS,	/* loss recovery has begun */
	KINET_CONG_TIMEOUT,	/* the retransmission time-out has passed */
	KINET_CONG_RECOVERED,	/* loss recovery is over */
	KINET_CONG_UNDONE,	/* there was no loss */
};

/**
 * struct kinet_cong_ack - an acknowledgment of new data, outside of recovery
 * @now: when it came, microseconds
 * @acked: bytes that it acknowledges, by number or by SACK
 * @flight: bytes that were on their way before it
 * @rtt: round trip that it tells, microseconds; 0: none
 * @limited: the congestion window is what kept more from being sent
 */
struct kinet_cong_ack {
	u64	now;
	u32	acked;
	u32	flight;
	u32	rtt;
	bool	limited;
};

/**
 * struct kinet_cong_ops - a kind of congestion control
 * @name: as TCP_CONGESTION and the sysctl have it
 * @owner: module, held while a connection has it; NULL: built in
 * @init: optional: @cong was given to this plug-in; @cong->priv is zero
 * @release: optional: it is taken away
 * @ssthresh: required: the threshold after a loss, with so many bytes on their
 *	      way; at least two segments. Changes nothing
 * @acked: required: let @cong->cwnd grow, or shrink; it is bounded afterwards.
 *	   Not called in recovery, nor for what isn't &kinet_cong_ack.limited
 * @undo: optional: the window to go back to when there was no loss; without it,
 *	  the larger of what it was before and what it is
 * @event: optional: something has happened; cwnd and ssthresh were set already
 *
 * Context: softirq or process, under the socket's lock. They never sleep, and
 * know of no socket.
 */
struct kinet_cong_ops {
	char			name[KINET_CONG_NAME];
	struct module		*owner;
	void			(*init)(struct kinet_cong *cong);
	void			(*release)(struct kinet_cong *cong);
	u32			(*ssthresh)(const struct kinet_cong *cong,
					    u32 flight);
	void			(*acked)(struct kinet_cong *cong,
					 const struct kinet_cong_ack *ack);
	u32			(*undo)(const struct kinet_cong *cong);
	void			(*event)(struct kinet_cong *cong,
					 enum kinet_cong_event event);
};

/**
 * struct kinet_cong - congestion control of one connection
 * @ops: its kind
 * @cwnd: congestion window, bytes
 * @ssthresh: slow start threshold, bytes
 * @mss: SMSS
 * @max: @cwnd never gets larger
 * @abc: L of RFC 3465, segments: growth by one acknowledgment in slow start
 * @counted: bytes acknowledged since @cwnd grew last, in congestion avoidance
 * @prior_cwnd: before the loss
 * @prior_ssthresh: before the loss
 * @used: the most that was on its way, since @checked
 * @checked: when @cwnd was validated last, microseconds
 * @after_timeout: slow start after a time-out: L is 1
 * @priv: the plug-in's
 */
struct kinet_cong {
	const struct kinet_cong_ops	*ops;
	u32				cwnd;
	u32				ssthresh;
	u32				mss;
	u32				max;
	u32				abc;
	u32				counted;
	u32				prior_cwnd;
	u32				prior_ssthresh;
	u32				used;
	u64				checked;
	bool				after_timeout;
	u64				priv[KINET_CONG_PRIV];
};

/* --- cong.c: what is the same for all kinds --- */

u32 kinet_initial_window(u32 mss, bool syn_lost);
bool kinet_cong_valid(const struct kinet_cong_ops *ops);
void kinet_cong_init(struct kinet_cong *cong, const struct kinet_cong_ops *ops,
		     u32 mss, bool syn_lost);
void kinet_cong_switch(struct kinet_cong *cong,
		       const struct kinet_cong_ops *ops);
void kinet_cong_release(struct kinet_cong *cong);
bool kinet_cong_limited(const struct kinet_cong *cong, u32 flight);
void kinet_cong_acked(struct kinet_cong *cong, const struct kinet_cong_ack *ack);
void kinet_cong_loss(struct kinet_cong *cong, u32 flight);
void kinet_cong_timeout(struct kinet_cong *cong, u32 flight, bool again);
void kinet_cong_recovered(struct kinet_cong *cong);
void kinet_cong_undo(struct kinet_cong *cong);
void kinet_cong_idle(struct kinet_cong *cong);
void kinet_cong_sent(struct kinet_cong *cong, u64 now, u32 flight, u32 rto);

static inline bool kinet_slow_start(const struct kinet_cong *cong)
{
	return cong->cwnd < cong->ssthresh;
}

/* --- reno.c: RFC 5681; and recovery without SACK, RFC 6582 --- */

extern const struct kinet_cong_ops kinet_reno;

u32 kinet_reno_ssthresh(const struct kinet_cong *cong, u32 flight);
void kinet_reno_acked(struct kinet_cong *cong, const struct kinet_cong_ack *ack);
u32 kinet_reno_slow_start(struct kinet_cong *cong, u32 acked);
void kinet_reno_avoid(struct kinet_cong *cong, u32 acked);
void kinet_reno_enter(struct kinet_cong *cong);
void kinet_reno_inflate(struct kinet_cong *cong);
void kinet_reno_deflate(struct kinet_cong *cong, u32 acked);
void kinet_reno_exit(struct kinet_cong *cong, u32 flight);

#endif /* _KINET_TCP_CONG_H */
