// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an acknowledgment does: RFC 9293, section 3.10.7.4, fifth step, and all
 * that hangs on it
 */
#include "stream.h"

/* What one acknowledgment has told */
struct kinet_acked {
	u64	now;
	u32	bytes;		/* newly acknowledged, in order */
	u32	flight;		/* before it */
	u32	sacked;		/* newly SACKed */
	u32	rtt;		/* microseconds, 0: none */
	bool	limited;
	bool	duplicate;
};

/* RFC 7323, section 4.1, or the one segment that is timed */
static void kinet_tcp_sample(struct kinet_tcp *tp, const struct kinet_seg *seg,
			     struct kinet_acked *acked)
{
	bool timed = tp->timed && !kinet_before(seg->ack, tp->timed_seq);
	u32 us;

	if (timed && kinet_rtt_measure(acked->now, tp->timed, false, &us))
		acked->rtt = us;
	else if (tp->stamps && seg->options.has & KINET_HAS_TS &&
		 kinet_rtt_from_stamp(kinet_tcp_stamp(tp, acked->now),
				      seg->options.tsecr, &us))
		acked->rtt = us;
	else
		return;
	if (timed)
		tp->timed = 0;
	/* Each acknowledgment has one by its stamp; else it is one in a round trip. */
	kinet_rtt_sample(&tp->rtt, &tp->limits, acked->rtt,
			 tp->stamps ? acked->flight : tp->mss, tp->mss);
}

static void kinet_tcp_grow(struct kinet_tcp *tp, const struct kinet_acked *acked)
{
	struct kinet_cong_ack ack = {
		.now		= acked->now,
		.acked		= acked->bytes,
		.flight		= acked->flight,
		.rtt		= acked->rtt,
		.limited	= acked->limited,
	};

	kinet_cong_acked(&tp->cong, &ack);
}

/* RFC 5681, section 3.2, step 2: what limited transmit sends doesn't count. */
static void kinet_tcp_note_duplicate(struct kinet_tcp *tp,
				     const struct kinet_acked *acked)
{
	if (!tp->newreno.dupacks)
		tp->dup_flight = acked->flight;
}

/* --- recovery with SACK: RFC 6675 --- */

static bool kinet_tcp_have_board(struct kinet_tcp *tp)
{
	struct kinet_board *board = &tp->board;

	if (board->sacked)
		return true;
	board->sacked = kmalloc_array(KINET_SACKED, sizeof(*board->sacked),
				      GFP_ATOMIC | __GFP_NOWARN);
	if (board->sacked)
		board->most = KINET_SACKED;
	return board->sacked;
}

static void kinet_tcp_enter_recovery(struct sock *sk, u32 flight, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_range first;

	kinet_count(sock_net(sk), KINET_RECOVERY);
	kinet_cong_loss(&tp->cong, flight);
	kinet_board_recover(&tp->board, &first);
	kinet_tcp_resend_first(sk, now);
}

static void kinet_tcp_recover_sack(struct sock *sk, enum kinet_progress progress,
				   const struct kinet_acked *acked)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (acked->bytes) {
		tp->newreno.dupacks = 0;
		if (progress == KINET_PROGRESS_DONE)
			kinet_cong_recovered(&tp->cong);
		else if (progress == KINET_PROGRESS_NONE)
			kinet_tcp_grow(tp, acked);
	} else if (acked->sacked) {
		kinet_tcp_note_duplicate(tp, acked);
		tp->newreno.dupacks++;
	}
	if (kinet_board_enters(&tp->board, tp->newreno.dupacks))
		kinet_tcp_enter_recovery(sk, tp->newreno.dupacks ?
					     tp->dup_flight : acked->flight,
					 acked->now);
}

/* --- without it: RFC 6582 --- */

static void kinet_tcp_recover_reno(struct sock *sk,
				   const struct kinet_acked *acked)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	enum kinet_newreno_does does = KINET_NEWRENO_NOTHING;

	if (acked->duplicate)
		kinet_tcp_note_duplicate(tp, acked);
	if (acked->bytes)
		does = kinet_newreno_ack(&tp->newreno, tp->snd.una);
	else if (acked->duplicate)
		does = kinet_newreno_dupack(&tp->newreno, tp->snd.una,
					    tp->snd.nxt);
	switch (does) {
	case KINET_NEWRENO_NOTHING:
		if (acked->bytes)
			kinet_tcp_grow(tp, acked);
		break;
	case KINET_NEWRENO_LIMITED:
		break;
	case KINET_NEWRENO_ENTER:
		kinet_count(sock_net(sk), KINET_RECOVERY);
		kinet_cong_loss(&tp->cong, tp->dup_flight);
		kinet_reno_enter(&tp->cong);
		kinet_tcp_resend_first(sk, acked->now);
		break;
	case KINET_NEWRENO_INFLATE:
		kinet_reno_inflate(&tp->cong);
		break;
	case KINET_NEWRENO_PARTIAL:
		kinet_reno_deflate(&tp->cong, acked->bytes);
		kinet_tcp_resend_first(sk, acked->now);
		break;
	case KINET_NEWRENO_EXIT:
		kinet_reno_exit(&tp->cong, kinet_tcp_flight(tp));
		break;
	}
}

/* --- both --- */

/* RFC 5681, section 2: what counts as a duplicate acknowledgment */
static bool kinet_tcp_is_duplicate(const struct kinet_tcp *tp,
				   const struct kinet_seg *seg,
				   enum kinet_ack_kind kind, bool window)
{
	return kind == KINET_ACK_SAME && !seg->len && !window &&
	       !(seg->flags & (KINET_SYN | KINET_FIN)) &&
	       tp->snd.una != tp->snd.nxt;
}

static void kinet_tcp_advance(struct sock *sk, const struct kinet_seg *seg,
			      struct kinet_acked *acked)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	acked->bytes = seg->ack - tp->snd.una;
	tp->tally.acked += acked->bytes;
	acked->limited = kinet_cong_limited(&tp->cong, acked->flight);
	/* SND.WND counts from SND.UNA: if it isn't of this segment, less is left. */
	if (tp->snd.wl2 != seg->ack)
		tp->snd.wnd -= min(tp->snd.wnd, acked->bytes);
	WRITE_ONCE(tp->snd.una, seg->ack);
	tp->resends = 0;
	tp->first_sent = acked->now;
	WRITE_ONCE(sk->sk_err_soft, 0);
	kinet_tcp_sample(tp, seg, acked);
	if (tp->urgent_out && !kinet_before(tp->snd.una, tp->snd_up))
		tp->urgent_out = false;
	kinet_store_acked(sk);
	/* RFC 4861, section 7.3.1: the first hop is alive; the next segment says so. */
	sk_dst_confirm(sk);
}

/**
 * kinet_tcp_is_allowed() - may what could be forged be answered, and count it
 * @limit: answers of this kind
 * @now: microseconds
 *
 * RFC 5961, section 7: 10 in 5 seconds, as it proposes.
 *
 * Return: whether it may.
 */
bool kinet_tcp_is_allowed(struct kinet_challenge_limit *limit, u64 now)
{
	return kinet_challenge_allowed(limit, now, 5 * KINET_SECOND, 10);
}

/**
 * kinet_tcp_challenge() - ask the peer whether it has sent this
 * @sk: sock, locked
 * @now: microseconds
 *
 * RFC 5961.
 */
void kinet_tcp_challenge(struct sock *sk, u64 now)
{
	if (!kinet_tcp_is_allowed(&kinet_tcp(sk)->challenges, now))
		return;
	kinet_count(sock_net(sk), KINET_CHALLENGE_OUT);
	kinet_tcp_send_ack(sk);
}

/**
 * kinet_tcp_answer_stray() - answer a segment that isn't acceptable
 * @sk: sock, locked
 * @seg: segment, no RST
 * @now: microseconds
 *
 * Forged ones don't use up what a peer is answered that asks whether we are there,
 * or have room.
 */
void kinet_tcp_answer_stray(struct sock *sk, const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (kinet_seg_is_awaiting(seg))
		tp->ack_now = true;
	else if (seg->flags & KINET_SYN || seg->seq != tp->rcv.nxt - 1)
		kinet_tcp_challenge(sk, now);
	else if (kinet_tcp_is_allowed(&tp->probed, now))
		tp->ack_now = true;
}

/* What the peer has of the data beyond SND.UNA, and what came twice */
static void kinet_tcp_take_sacks(struct kinet_tcp *tp, const struct kinet_seg *seg,
				 struct kinet_acked *acked)
{
	const struct kinet_options *options = &seg->options;

	acked->sacked = kinet_board_sack(&tp->board, options->sack,
					 options->sacks);
	tp->tally.twice += kinet_dsack(seg->ack, options->sack, options->sacks);
}

static void kinet_tcp_recover(struct sock *sk, const struct kinet_seg *seg,
			      struct kinet_acked *acked)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	enum kinet_progress progress = KINET_PROGRESS_NONE;

	if (acked->bytes)
		progress = kinet_board_ack(&tp->board, tp->snd.una);
	if (seg->options.sacks && tp->sacks && kinet_tcp_have_board(tp))
		kinet_tcp_take_sacks(tp, seg, acked);
	if (tp->sacks)
		kinet_tcp_recover_sack(sk, progress, acked);
	else
		kinet_tcp_recover_reno(sk, acked);
}

/* @wnd: what it was before */
static void kinet_tcp_window_heard(struct sock *sk, u32 wnd, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (!tp->snd.wnd) {
		/* MUST-37: who says so is there, however long it lasts. */
		tp->first_sent = now;
		return;
	}
	kinet_tcp_undue(sk, KINET_TIMER_PERSIST);
	tp->shut = 0;
	/* What didn't fit and was sent in vain needs no time-out any more. */
	if (!wnd && tp->resends)
		kinet_board_expired(&tp->board);
}

/**
 * kinet_tcp_ack() - take the acknowledgment of a segment
 * @sk: sock, locked, in a synchronized state
 * @seg: segment, with ACK
 * @now: microseconds
 *
 * Return: false when it is of something that was never sent, and the segment
 * must be dropped.
 */
bool kinet_tcp_ack(struct sock *sk, const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_acked acked = {
		.now	= now,
		.flight	= kinet_tcp_flight(tp),
	};
	enum kinet_ack_kind kind = kinet_ack_kind(&tp->snd, seg->ack);
	u32 wnd = tp->snd.wnd;
	bool partial;

	if (kind == KINET_ACK_BAD) {
		kinet_tcp_challenge(sk, now);
		return false;
	}
	if (kind == KINET_ACK_OLD)
		return true;
	kinet_snd_update(&tp->snd, seg->seq, seg->ack, seg->wnd, false);
	kinet_tcp_window_heard(sk, wnd, now);
	tp->probes = 0;
	acked.duplicate = kinet_tcp_is_duplicate(tp, seg, kind,
						 wnd != tp->snd.wnd);
	partial = tp->newreno.partial;
	if (kind == KINET_ACK_NEW)
		kinet_tcp_advance(sk, seg, &acked);
	if (kind == KINET_ACK_NEW || acked.duplicate || seg->options.sacks)
		kinet_tcp_recover(sk, seg, &acked);
	if (kind != KINET_ACK_NEW)
		return true;
	kinet_tcp_grow_sndbuf(sk);
	if (likely(READ_ONCE(sk->sk_pacing_status) == SK_PACING_NONE))
		kinet_tcp_size_bursts(sk);
	/* RFC 6582, section 3.2: not for every partial one */
	kinet_tcp_arm_resend(sk, now, !(tp->newreno.recovering && partial));
	return true;
}
