// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a segment does to a connection: RFC 9293, section 3.10.7
 */
#include "stream.h"

/**
 * kinet_tcp_drop() - free a segment of a connection that isn't taken
 * @sk: sock, locked
 * @skb: segment, or what is left of it
 * @reason: KINET_DROP_*
 */
void kinet_tcp_drop(struct sock *sk, struct sk_buff *skb,
		    enum kinet_count reason)
{
	struct kinet_pkt pkt;

	atomic_inc(&sk->sk_drops);
	kinet_tcp_describe(sk, &pkt);
	kinet_drop(skb, &pkt, reason);
}

/* --- what the peer's SYN says --- */

/**
 * kinet_tcp_learn() - take the options of a SYN
 * @sk: sock, locked
 * @seg: SYN, of the peer
 */
void kinet_tcp_learn(struct sock *sk, const struct kinet_seg *seg)
{
	const struct kinet_options *options = &seg->options;
	struct kinet_tcp *tp = kinet_tcp(sk);
	/* Offered in a SYN, when their numbers weren't known */
	u32 offered = kinet_rcv_wnd(&tp->rcv);

	tp->irs = seg->seq;
	WRITE_ONCE(tp->rcv.nxt, seg->seq + 1);
	tp->rcv.edge = tp->rcv.nxt + offered;
	tp->last_ack = tp->rcv.nxt;
	WRITE_ONCE(tp->copied_seq, tp->rcv.nxt);
	/* A socket for IPv6 may talk to an IPv4 address. */
	tp->peer_mss = tp->flow.family == AF_INET ? KINET_MSS_DEFAULT :
						    KINET_MSS_DEFAULT6;
	if (options->has & KINET_HAS_MSS)
		tp->peer_mss = max_t(u16, options->mss, KINET_MSS_MIN);
	tp->offers &= options->has;
	tp->scales = tp->offers & KINET_HAS_SCALE;
	tp->snd.scale = tp->scales ? options->scale : 0;
	if (!tp->scales)
		WRITE_ONCE(tp->rcv.scale, 0);
	/* RFC 7323, section 2.3 */
	if (options->scale_clamped)
		net_info_ratelimited("a window scale of more than %u was offered\n",
				     KINET_SCALE_MAX);
	tp->sacks = tp->offers & KINET_HAS_SACK_OK;
	tp->stamps = tp->offers & KINET_HAS_TS;
	if (tp->stamps)
		kinet_paws_store(&tp->paws,
				 div_u64(kinet_tcp_clock(sk), 1000),
				 options->tsval, seg->seq, seg->seq);
	kinet_snd_update(&tp->snd, seg->seq, tp->snd.una, seg->wnd, true);
	kinet_tcp_sync_mss(sk);
}

/* --- 3.10.7.3: SYN-SENT --- */

/* How long the SYN, or the SYN, ACK, took; Karn: unless it was resent */
static void kinet_tcp_sample_syn(struct kinet_tcp *tp, u64 now)
{
	u32 us;

	if (tp->timed && kinet_rtt_measure(now, tp->timed, tp->resends, &us))
		kinet_rtt_sample(&tp->rtt, &tp->limits, us, 1, tp->mss);
	tp->timed = 0;
}

static void kinet_tcp_connected(struct sock *sk, const struct kinet_seg *seg,
				u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	WRITE_ONCE(tp->snd.una, seg->ack);
	kinet_tcp_learn(sk, seg);
	tp->snd.wl2 = seg->ack;
	kinet_tcp_sample_syn(tp, now);
	kinet_tcp_established(sk);
	kinet_tcp_event(sk, KINET_EV_SYN_ACK);
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	/* What is written already goes with it. */
	tp->ack_now = true;
	kinet_tcp_push(sk);
}

/* Figure 7: both at once (MUST-10) */
static void kinet_tcp_crossed(struct sock *sk, const struct kinet_seg *seg)
{
	kinet_tcp_learn(sk, seg);
	kinet_tcp_event(sk, KINET_EV_SYN);
	kinet_tcp_send_syn(sk);
}

static void kinet_tcp_syn_sent(struct sock *sk, struct sk_buff *skb,
			       const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool acked = seg->flags & KINET_ACK;
	struct kinet_pkt pkt;

	/* First */
	if (acked && !(kinet_after(seg->ack, tp->iss) &&
		       !kinet_after(seg->ack, tp->snd.nxt))) {
		if (!(seg->flags & KINET_RST)) {
			kinet_tcp_describe(sk, &pkt);
			kinet_tcp_answer_reset(&pkt, seg);
		}
		kinet_tcp_drop(sk, skb, KINET_DROP_BAD_ACK);
		return;
	}
	/* Second; RFC 5961, section 3.2: only with an acknowledgment */
	if (seg->flags & KINET_RST && acked) {
		consume_skb(skb);
		kinet_count(sock_net(sk), KINET_RESET_IN);
		kinet_tcp_fail(sk, ECONNREFUSED);
		return;
	}
	/* Fourth. Data of a SYN are sent again, when they aren't acknowledged. */
	if (seg->flags & KINET_RST || !(seg->flags & KINET_SYN)) {
		kinet_tcp_drop(sk, skb, KINET_DROP_CONTROL);
		return;
	}
	consume_skb(skb);
	if (acked)
		kinet_tcp_connected(sk, seg, now);
	else
		kinet_tcp_crossed(sk, seg);
}

/* --- 3.10.7.4: all others --- */

/*
 * These steps tell why a segment is dropped, or KINET_COUNTS when it goes on.
 */

/* RFC 7323, section 5.3, R1 to R3 */
static enum kinet_count kinet_tcp_check_stamp(struct sock *sk,
					      const struct kinet_seg *seg,
					      u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool has = seg->options.has & KINET_HAS_TS;

	if (!tp->stamps)
		return KINET_COUNTS;
	switch (kinet_paws_check(&tp->paws, div_u64(now, 1000), has,
				 seg->options.tsval, seg->flags)) {
	case KINET_PAWS_OLD:
		kinet_tcp_answer_stray(sk, seg, now);
		return KINET_DROP_OLD_STAMP;
	case KINET_PAWS_MISSING:
		return KINET_DROP_NO_STAMP;
	case KINET_PAWS_PASS:
		break;
	}
	return KINET_COUNTS;
}

/* First: the sequence number. Old ones are answered, as a peer may ask so. */
static enum kinet_count kinet_tcp_check_window(struct sock *sk,
					       const struct kinet_seg *seg,
					       u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 len = kinet_seg_len(seg->len, seg->flags);

	if (kinet_seg_control_fits(seg->seq, len, tp->rcv.nxt,
				   kinet_rcv_wnd(&tp->rcv)))
		return KINET_COUNTS;
	if (seg->flags & KINET_RST)
		return KINET_DROP_WINDOW;
	if (sk->sk_state == TCP_SYN_RECV && seg->flags & KINET_SYN &&
	    seg->seq == tp->irs) {
		/* Our SYN, ACK was lost. */
		kinet_tcp_send_syn(sk);
		return KINET_DROP_WINDOW;
	}
	/* RFC 2883: what came twice is told. */
	if (kinet_before(seg->seq, tp->rcv.nxt))
		kinet_reassembly_old(&tp->later, seg->seq, seg->seq + seg->len,
				     tp->rcv.nxt);
	kinet_tcp_answer_stray(sk, seg, now);
	return KINET_DROP_WINDOW;
}

/* Second: RST */
static void kinet_tcp_was_reset(struct sock *sk)
{
	int err = ECONNRESET;

	kinet_count(sock_net(sk), KINET_RESET_IN);
	if (sk->sk_state == TCP_SYN_RECV)
		err = ECONNREFUSED;
	else if (sk->sk_state == TCP_CLOSE_WAIT)
		err = EPIPE;
	kinet_tcp_fail(sk, err);
}

/* Fourth: it takes a passive OPEN back to LISTEN. */
static bool kinet_tcp_is_other_syn(const struct sock *sk,
				   const struct kinet_seg *seg)
{
	return sk->sk_state == TCP_SYN_RECV && kinet_tcp(sk)->parent &&
	       (seg->flags & (KINET_SYN | KINET_RST)) == KINET_SYN;
}

/* Second to fourth */
static enum kinet_count kinet_tcp_check_control(struct sock *sk,
						const struct kinet_seg *seg,
						u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	switch (kinet_challenge_check(seg->flags, seg->seq, tp->rcv.nxt,
				      kinet_rcv_wnd(&tp->rcv))) {
	case KINET_CHALLENGE_PASS:
	case KINET_CHALLENGE_RESET:
		return KINET_COUNTS;
	case KINET_CHALLENGE_ACK:
		if (kinet_tcp_is_other_syn(sk, seg))
			return KINET_COUNTS;
		kinet_tcp_challenge(sk, now);
		break;
	case KINET_CHALLENGE_DROP:
		break;
	}
	return KINET_DROP_CONTROL;
}

static enum kinet_count kinet_tcp_check(struct sock *sk,
					const struct kinet_seg *seg, u64 now)
{
	enum kinet_count refusal = kinet_tcp_check_window(sk, seg, now);

	return refusal == KINET_COUNTS ? kinet_tcp_check_control(sk, seg, now) :
					 refusal;
}

/* Of those that go on, a RST or a SYN is the connection's end. */
static bool kinet_tcp_ends(struct sock *sk, const struct kinet_seg *seg)
{
	if (seg->flags & KINET_RST)
		kinet_tcp_was_reset(sk);
	else if (seg->flags & KINET_SYN)
		kinet_tcp_fail(sk, 0);
	else
		return false;
	return true;
}

/* Fifth, in SYN-RECEIVED */
static enum kinet_count kinet_tcp_syn_acked(struct sock *sk,
					    const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_pkt pkt;

	if (!kinet_after(seg->ack, tp->snd.una) ||
	    kinet_after(seg->ack, tp->snd.nxt)) {
		kinet_tcp_describe(sk, &pkt);
		kinet_tcp_answer_reset(&pkt, seg);
		return KINET_DROP_BAD_ACK;
	}
	/* TCP_DEFER_ACCEPT: what brings no data isn't heard, for a while. */
	if (tp->parent && !seg->len && tp->resends < tp->defer)
		return KINET_DROP_DEFERRED;
	/* The queue of those that wait is full: the peer will ask again. */
	if (tp->parent && !kinet_tcp_may_stand(sk))
		return KINET_DROP_LISTEN_FULL;
	WRITE_ONCE(tp->snd.una, seg->ack);
	tp->snd.wl1 = seg->seq;
	tp->snd.wl2 = seg->ack;
	tp->snd.wnd = (u32)seg->wnd << (seg->unscaled ? 0 : tp->snd.scale);
	tp->snd.max = max(tp->snd.max, tp->snd.wnd);
	kinet_tcp_sample_syn(tp, now);
	kinet_tcp_established(sk);
	kinet_tcp_event(sk, KINET_EV_ACK_SYN);
	/* It was closed meanwhile. */
	if (tp->fin_wanted)
		kinet_tcp_event(sk, KINET_EV_CLOSE);
	if (tp->parent) {
		kinet_tcp_stands(sk);
	} else {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	}
	return KINET_COUNTS;
}

static bool kinet_tcp_fin_acked(const struct kinet_tcp *tp)
{
	return tp->fin_wanted && tp->snd.una == kinet_tcp_end_seq(tp);
}

/* Fifth: ACK. It may be what takes the connection to CLOSED. */
static enum kinet_count kinet_tcp_acks(struct sock *sk,
				       const struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (!(seg->flags & KINET_ACK))
		return KINET_DROP_CONTROL;
	if (sk->sk_state == TCP_SYN_RECV)
		return kinet_tcp_syn_acked(sk, seg, now);
	if (!kinet_tcp_ack(sk, seg, now))
		return KINET_DROP_BAD_ACK;
	if (!kinet_tcp_fin_acked(tp))
		return KINET_COUNTS;
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		kinet_tcp_event(sk, KINET_EV_ACK_FIN);
		/* What waits for the close to be complete */
		sk->sk_state_change(sk);
		if (kinet_tcp_is_orphan(sk))
			kinet_tcp_due(sk, KINET_TIMER_END, now,
				      max(tp->linger2, 0) * KINET_SECOND);
		break;
	case TCP_CLOSING:
		kinet_remains_leave(sk, KINET_EV_ACK_FIN);
		break;
	case TCP_LAST_ACK:
		kinet_tcp_event(sk, KINET_EV_ACK_FIN);
		kinet_tcp_finish(sk);
		break;
	default:
		break;
	}
	return KINET_COUNTS;
}

/* Eighth: FIN, which is in order now */
static void kinet_tcp_fin(struct sock *sk)
{
	WRITE_ONCE(sk->sk_shutdown, READ_ONCE(sk->sk_shutdown) | RCV_SHUTDOWN);
	sock_set_flag(sk, SOCK_DONE);
	if (kinet_state_next(sk->sk_state, KINET_EV_FIN) == TCP_TIME_WAIT) {
		kinet_tcp_send_ack(sk);
		kinet_remains_leave(sk, KINET_EV_FIN);
		return;
	}
	kinet_tcp_event(sk, KINET_EV_FIN);
	if (kinet_tcp_is_orphan(sk))
		return;
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_WAITD,
		      READ_ONCE(sk->sk_shutdown) == SHUTDOWN_MASK ? POLL_HUP :
								    POLL_IN);
}

/* RFC 2525, section 2.17: nobody will ever read it. */
static bool kinet_tcp_is_for_nobody(const struct sock *sk,
				    const struct kinet_seg *seg)
{
	return seg->len && READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN &&
	       (1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2);
}

/* Sixth to eighth */
static void kinet_tcp_text(struct sock *sk, struct sk_buff *skb,
			   struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool fin_seen = tp->fin_seen;
	struct kinet_trim trim;
	u32 begin = seg->seq;

	kinet_seg_trim(seg->seq, seg->len, seg->flags, tp->rcv.nxt,
		       kinet_rcv_wnd(&tp->rcv), &trim);
	if (!pskb_pull(skb, trim.front) || pskb_trim(skb, trim.len)) {
		kinet_tcp_drop(sk, skb, KINET_DROP_NO_MEMORY);
		return;
	}
	if (trim.len < seg->len || seg->flags & ~trim.flags & KINET_FIN)
		tp->ack_now = true;
	seg->seq = trim.seq;
	seg->len = trim.len;
	seg->flags = trim.flags;
	seg->urg -= min_t(u16, seg->urg, trim.front);
	if (kinet_tcp_is_for_nobody(sk, seg)) {
		kinet_tcp_drop(sk, skb, KINET_DROP_NO_SOCKET);
		kinet_tcp_reset(sk, ECONNRESET);
		return;
	}
	if (kinet_state_receives(sk->sk_state)) {
		kinet_tcp_data(sk, skb, seg, now);
	} else if (seg->len || seg->flags & KINET_FIN) {
		/* Beyond the peer's own end */
		kinet_tcp_drop(sk, skb, KINET_DROP_WINDOW);
		tp->ack_now = true;
	} else {
		consume_skb(skb);
	}
	/* Its begin was here already: told, too, behind what is new of it. */
	if (trim.front)
		kinet_reassembly_old(&tp->later, begin, begin + trim.front,
				     tp->rcv.nxt);
	if (tp->fin_seen && !fin_seen)
		kinet_tcp_fin(sk);
}

/* A SYN, ACK that crossed ours acknowledges it, and nothing more. */
static bool kinet_tcp_is_crossed_answer(const struct sock *sk,
					const struct kinet_seg *seg)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	return sk->sk_state == TCP_SYN_RECV && !tp->parent &&
	       (seg->flags & (KINET_SYN | KINET_ACK | KINET_RST)) ==
	       (KINET_SYN | KINET_ACK) && seg->seq == tp->irs &&
	       seg->ack == tp->snd.nxt;
}

/*
 * Header prediction: the next bytes, or none, of a connection that only passes
 * data. Such a segment passes the checks of its number and of RST and SYN, has
 * nothing to be cut off, and brings no FIN, not even one from behind a gap.
 */
static bool kinet_tcp_is_expected(const struct sock *sk,
				  const struct kinet_seg *seg)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	return sk->sk_state == TCP_ESTABLISHED && seg->seq == tp->rcv.nxt &&
	       (seg->flags & ~KINET_PSH) == KINET_ACK && !tp->fin_known &&
	       seg->len <= kinet_rcv_wnd(&tp->rcv);
}

/*
 * RFC 7323, section 5.3, R2; RFC 5961, section 5: who can't know our numbers
 * doesn't set it.
 */
static void kinet_tcp_keep_stamp(struct kinet_tcp *tp, const struct kinet_seg *seg,
				 u64 now)
{
	if (!tp->stamps || !(seg->options.has & KINET_HAS_TS) ||
	    !(seg->flags & KINET_ACK) ||
	    kinet_ack_kind(&tp->snd, seg->ack) == KINET_ACK_BAD)
		return;
	kinet_paws_store(&tp->paws, div_u64(now, 1000), seg->options.tsval,
			 seg->seq, tp->last_ack);
}

static void kinet_tcp_synchronized(struct sock *sk, struct sk_buff *skb,
				   struct kinet_seg *seg, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool expected = kinet_tcp_is_expected(sk, seg);
	enum kinet_count refusal;

	if (kinet_tcp_is_crossed_answer(sk, seg)) {
		seg->flags &= ~KINET_SYN;
		seg->seq++;
	}
	refusal = kinet_tcp_check_stamp(sk, seg, now);
	if (refusal == KINET_COUNTS && !expected)
		refusal = kinet_tcp_check(sk, seg, now);
	if (refusal != KINET_COUNTS)
		goto drop;
	if (!expected && kinet_tcp_ends(sk, seg)) {
		consume_skb(skb);
		return;
	}
	kinet_tcp_keep_stamp(tp, seg, now);
	refusal = kinet_tcp_acks(sk, seg, now);
	if (refusal != KINET_COUNTS)
		goto drop;
	/* Who is elsewhere can't know both of its numbers. */
	tp->heard = now;
	if (expected)
		kinet_tcp_data(sk, skb, seg, now);
	else if (sk->sk_state != TCP_CLOSE)
		kinet_tcp_text(sk, skb, seg, now);
	else
		consume_skb(skb);
	return;
drop:
	kinet_tcp_drop(sk, skb, refusal);
}

/* What a segment has made possible */
static void kinet_tcp_respond(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (sk->sk_state == TCP_CLOSE)
		return;
	/*
	 * RFC 5681, section 2: what has data is no duplicate acknowledgment; and a full
	 * segment has no room for SACK.
	 */
	if (tp->ack_now && kinet_tcp_has_to_tell(tp))
		kinet_tcp_send_ack(sk);
	kinet_tcp_push(sk);
	if (tp->ack_now)
		kinet_tcp_send_ack(sk);
	/* Pairs with kinet_poll_out(): that sees the room, or is seen here. */
	smp_mb();
	/* Whoever waits may have put a hook there. */
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags) &&
	    sk_stream_memory_free(sk))
		sk->sk_write_space(sk);
}

/* The device may have made one of many. */
static void kinet_tcp_tally_in(struct kinet_tcp *tp, const struct sk_buff *skb,
			       const struct kinet_seg *seg)
{
	u32 segs = max_t(u32, skb_shinfo(skb)->gso_segs, 1);

	tp->tally.segs_in += segs;
	if (seg->len)
		tp->tally.data_in += segs;
}

/**
 * kinet_tcp_input() - process a segment
 * @sk: sock, locked; the caller has a reference
 * @skb: segment, its data at its header; consumed
 */
void kinet_tcp_input(struct sock *sk, struct sk_buff *skb)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now = kinet_tcp_clock(sk);
	struct kinet_seg seg;

	kinet_seg_read(skb, &seg);
	__skb_pull(skb, seg.header);
	kinet_count(sock_net(sk), KINET_SEGMENT_IN);
	kinet_tcp_tally_in(tp, skb, &seg);
	switch (sk->sk_state) {
	case TCP_CLOSE:
	case TCP_LISTEN:
		kinet_tcp_drop(sk, skb, KINET_DROP_NO_SOCKET);
		return;
	case TCP_SYN_SENT:
		kinet_tcp_syn_sent(sk, skb, &seg, now);
		break;
	default:
		kinet_tcp_synchronized(sk, skb, &seg, now);
		break;
	}
	kinet_tcp_respond(sk);
}

/* What came while the user had the lock */
int kinet_tcp_backlog(struct sock *sk, struct sk_buff *skb)
{
	kinet_tcp_input(sk, skb);
	return 0;
}
