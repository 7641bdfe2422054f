/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows, by the file that has to do with them: what we offer (window.c), what
 * the peer offers (send.c), which segments are old or forged (paws.c,
 * challenge.c)
 */
#ifndef _KINET_TCP_WINDOW_H
#define _KINET_TCP_WINDOW_H

#include "seq.h"

/* --- window.c: the window that we offer --- */

/**
 * struct kinet_rcv_window - what we have offered
 * @nxt: RCV.NXT
 * @edge: RCV.NXT + RCV.WND at its farthest; what is before it is accepted
 * @scale: Rcv.Wind.Shift of RFC 7323
 */
struct kinet_rcv_window {
	u32	nxt;
	u32	edge;
	u8	scale;
};

/**
 * struct kinet_rcv_space - the room behind it, bytes
 * @free: not yet filled; what is promised counts as free
 * @buffer: RCV.BUFF, filled or not
 * @mss: segments that the peer sends
 */
struct kinet_rcv_space {
	u32	free;
	u32	buffer;
	u32	mss;
};

static inline u32 kinet_rcv_wnd(const struct kinet_rcv_window *window)
{
	return window->edge - window->nxt;
}

u8 kinet_window_scale(u32 buffer);
u16 kinet_window_syn(struct kinet_rcv_window *window, u32 free);
u16 kinet_window_offer(struct kinet_rcv_window *window,
		       const struct kinet_rcv_space *space);
bool kinet_window_update_due(const struct kinet_rcv_window *window,
			     const struct kinet_rcv_space *space);

/* --- send.c: the window that the peer offers, and what to send into it --- */

/**
 * struct kinet_snd_window - what the peer has offered
 * @una: SND.UNA
 * @nxt: SND.NXT
 * @wnd: SND.WND, bytes
 * @max: MAX.SND.WND, the largest that it was
 * @wl1: SND.WL1
 * @wl2: SND.WL2
 * @scale: Snd.Wind.Shift of RFC 7323
 */
struct kinet_snd_window {
	u32	una;
	u32	nxt;
	u32	wnd;
	u32	max;
	u32	wl1;
	u32	wl2;
	u8	scale;
};

/* What an acknowledgment number is */
enum kinet_ack_kind {
	KINET_ACK_NEW,		/* SND.UNA < SEG.ACK =< SND.NXT */
	KINET_ACK_SAME,		/* SEG.ACK = SND.UNA */
	KINET_ACK_OLD,		/* older, but no older than a window */
	KINET_ACK_BAD,		/* challenged: RFC 5961, section 5.2 */
};

/**
 * struct kinet_sending - what there is to be sent
 * @queued: bytes of data that were never sent, D
 * @small_out: a segment that wasn't full awaits its acknowledgment
 * @nodelay: TCP_NODELAY
 * @corked: TCP_CORK, or MSG_MORE on what was written last
 * @fin: a FIN follows the data
 * @overdue: data have waited for the override time-out, 0.1-1.0 s
 * @mss: Eff.snd.MSS
 */
struct kinet_sending {
	u32	queued;
	bool	small_out;
	bool	nodelay;
	bool	corked;
	bool	fin;
	bool	overdue;
	u32	mss;
};

enum kinet_ack_kind kinet_ack_kind(const struct kinet_snd_window *window,
				   u32 ack);
bool kinet_snd_update(struct kinet_snd_window *window, u32 seq, u32 ack,
		      u16 field, bool syn);
u32 kinet_snd_usable(const struct kinet_snd_window *window);
u32 kinet_snd_now(const struct kinet_snd_window *window,
		  const struct kinet_sending *sending);

/* --- paws.c: old segments --- */

/**
 * struct kinet_paws - what protects against wrapped sequence numbers
 * @recent: TS.Recent
 * @at: when it was stored, milliseconds
 * @valid: there is one
 */
struct kinet_paws {
	u32	recent;
	u64	at;
	bool	valid;
};

enum kinet_paws_verdict {
	KINET_PAWS_PASS,
	KINET_PAWS_OLD,		/* to be dropped, with an acknowledgment */
	KINET_PAWS_MISSING,	/* to be dropped silently */
};

enum kinet_paws_verdict kinet_paws_check(const struct kinet_paws *paws, u64 now,
					 bool has, u32 tsval, u8 flags);
void kinet_paws_store(struct kinet_paws *paws, u64 now, u32 tsval, u32 seq,
		      u32 last_ack);

/* --- challenge.c: forged segments --- */

enum kinet_challenge {
	KINET_CHALLENGE_PASS,	/* go on with it */
	KINET_CHALLENGE_DROP,	/* silently */
	KINET_CHALLENGE_ACK,	/* drop it, and ask the peer by an ACK */
	KINET_CHALLENGE_RESET,	/* it is a true RST */
};

/**
 * struct kinet_challenge_limit - how many challenges may be sent
 * @since: begin of this interval, microseconds
 * @sent: in this interval
 */
struct kinet_challenge_limit {
	u64	since;
	u32	sent;
};

enum kinet_challenge kinet_challenge_check(u8 flags, u32 seq, u32 rcv_nxt,
					   u32 rcv_wnd);
bool kinet_challenge_allowed(struct kinet_challenge_limit *limit, u64 now,
			     u32 interval, u32 most);

#endif /* _KINET_TCP_WINDOW_H */
