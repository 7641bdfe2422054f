/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When something is due: microseconds, unless said otherwise
 */
#ifndef _KINET_TCP_DEADLINE_H
#define _KINET_TCP_DEADLINE_H

#include "seq.h"

#define KINET_SECOND		1000000ULL
#define KINET_NEVER		U64_MAX

/* --- deadline.c: timers --- */

enum kinet_timer {
	KINET_TIMER_RESEND,	/* RFC 6298 */
	KINET_TIMER_PERSIST,	/* RFC 9293, section 3.8.6.1 */
	KINET_TIMER_DELACK,	/* RFC 9293, section 3.8.6.3 */
	KINET_TIMER_OVERRIDE,	/* RFC 9293, section 3.8.6.2.1, (4) */
	KINET_TIMER_KEEPALIVE,	/* RFC 9293, section 3.8.4 */
	KINET_TIMER_END,	/* TIME-WAIT, and FIN-WAIT-2 of an orphan */
	KINET_TIMERS_COARSE,	/* those above may be late by a tick */
	KINET_TIMER_PACE = KINET_TIMERS_COARSE,	/* pace.h */
	KINET_TIMERS
};

/**
 * struct kinet_deadlines - the timers of a connection, for one of the kernel
 * @due: when, by enum kinet_timer; KINET_NEVER when it isn't set
 */
struct kinet_deadlines {
	u64	due[KINET_TIMERS];
};

/**
 * struct kinet_patience - when to give up
 * @r1: retransmissions until the network layer is told, at least 3 (MUST-20)
 * @r2: how long until the connection is given up, at least 100 s (MUST-20), or
 *	180 s for a SYN (MUST-23)
 * @user: time-out of the user or of RFC 5482; 0: @r2 counts
 */
struct kinet_patience {
	u32	r1;
	u64	r2;
	u64	user;
};

enum kinet_persistence {
	KINET_PERSIST_ON,
	KINET_PERSIST_ADVISE,	/* tell the network layer: another route? */
	KINET_PERSIST_GIVE_UP,
};

void kinet_deadlines_init(struct kinet_deadlines *deadlines);
u64 kinet_deadlines_first(const struct kinet_deadlines *deadlines);
u64 kinet_deadlines_coarse(const struct kinet_deadlines *deadlines);
bool kinet_deadlines_take(struct kinet_deadlines *deadlines, u64 now,
			  enum kinet_timer *timer);
u64 kinet_patience_left(const struct kinet_patience *patience, u64 now, u64 since);
enum kinet_persistence kinet_persistence(const struct kinet_patience *patience,
					 u64 now, u64 since, u32 resent);
u64 kinet_persist_interval(u32 rto, u32 backoff, u32 max);

/**
 * struct kinet_keepalive - how to keep a connection alive
 * @idle: before the first probe; two hours at least by default (MUST-28)
 * @interval: between probes
 * @probes: without an answer until the connection is dead
 * @user: time-out of the user, instead of @probes; 0: none
 */
struct kinet_keepalive {
	u64	idle;
	u64	interval;
	u32	probes;
	u64	user;
};

enum kinet_keepalive_does {
	KINET_KEEPALIVE_WAIT,
	KINET_KEEPALIVE_PROBE,
	KINET_KEEPALIVE_DEAD,
};

enum kinet_keepalive_does kinet_keepalive(const struct kinet_keepalive *keepalive,
					  u64 now, u64 heard, u32 sent, u64 *due);

/* --- timewait.c --- */

/**
 * struct kinet_timewait - what is left of a connection
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND
 * @recent: TS.Recent
 * @stamped: the connection had time stamps
 * @hazards: RFC 1337: a RST doesn't end it
 */
struct kinet_timewait {
	u32	rcv_nxt;
	u32	rcv_wnd;
	u32	recent;
	bool	stamped;
	bool	hazards;
};

/**
 * struct kinet_timewait_seg - a segment that comes for it
 * @seq: SEG.SEQ
 * @len: SEG.LEN
 * @tsval: its time stamp
 * @stamped: it has one
 * @flags: control bits
 */
struct kinet_timewait_seg {
	u32	seq;
	u32	len;
	u32	tsval;
	bool	stamped;
	u8	flags;
};

enum kinet_timewait_does {
	KINET_TIMEWAIT_DROP,
	KINET_TIMEWAIT_ACK,	/* acknowledge what was received, and drop */
	KINET_TIMEWAIT_AGAIN,	/* the same, and wait 2*MSL anew */
	KINET_TIMEWAIT_REUSE,	/* a new connection takes its place */
	KINET_TIMEWAIT_END,	/* a RST ends it */
};

enum kinet_timewait_does kinet_timewait(const struct kinet_timewait *tw,
					const struct kinet_timewait_seg *seg);

#endif /* _KINET_TCP_DEADLINE_H */
