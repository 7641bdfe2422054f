// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a connection does when it has waited: one timer for all, but PACE
 *
 * - RESEND: what was sent isn't acknowledged
 * - PERSIST: the peer's window is shut; ask whether it is open
 * - OVERRIDE: less than a segment waits for more
 * - DELACK: an acknowledgment is owed
 * - KEEPALIVE: is the peer still there?
 * - END: an orphan has been in FIN-WAIT-2 for long enough
 * - PACE: more may go, by the rate; it has a timer of its own (pace.c)
 */
#include "stream.h"

/* It may go off too early, and then waits for the rest. */
static void kinet_tcp_arm(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 first = kinet_deadlines_coarse(&tp->deadlines);
	unsigned long expires;

	if (first == KINET_NEVER || kinet_sk(sk)->wire->clock)
		return;
	expires = jiffies + 1;
	if (first > now)
		expires += nsecs_to_jiffies((first - now) * NSEC_PER_USEC);
	if (!timer_pending(&tp->timer) ||
	    time_before(expires, tp->timer.expires))
		sk_reset_timer(sk, &tp->timer, expires);
}

/**
 * kinet_tcp_due() - set a timer
 * @sk: sock, locked
 * @timer: which
 * @now: microseconds
 * @in: microseconds from @now
 */
void kinet_tcp_due(struct sock *sk, enum kinet_timer timer, u64 now, u64 in)
{
	kinet_tcp(sk)->deadlines.due[timer] = now + in;
	kinet_tcp_arm(sk, now);
}

void kinet_tcp_undue(struct sock *sk, enum kinet_timer timer)
{
	kinet_tcp(sk)->deadlines.due[timer] = KINET_NEVER;
}

/* A time-out of the user's is over when it says, not when something is sent again. */
static u64 kinet_tcp_in_time(const struct kinet_tcp *tp, u64 now, u64 since, u64 in)
{
	if (!tp->patience.user)
		return in;
	return min(in, kinet_patience_left(&tp->patience, now, since));
}

/**
 * kinet_tcp_arm_resend() - wait for an acknowledgment
 * @sk: sock, locked
 * @now: microseconds
 * @anew: also when it waits already
 *
 * RFC 6298, section 5: (5.1), (5.2), (5.3).
 */
void kinet_tcp_arm_resend(struct sock *sk, u64 now, bool anew)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 in;

	if (tp->snd.una == tp->snd.nxt) {
		kinet_tcp_undue(sk, KINET_TIMER_RESEND);
		return;
	}
	if (!anew && tp->deadlines.due[KINET_TIMER_RESEND] != KINET_NEVER)
		return;
	kinet_tcp_undue(sk, KINET_TIMER_PERSIST);
	in = kinet_rtt_rto(&tp->rtt, &tp->limits);
	if (tp->resends)
		in = kinet_tcp_in_time(tp, now, tp->first_sent, in);
	kinet_tcp_due(sk, KINET_TIMER_RESEND, now, in);
}

/* The last error of the network is the reason, if there was one. */
static void kinet_tcp_give_up(struct sock *sk)
{
	kinet_count(sock_net(sk), KINET_TIMED_OUT);
	kinet_tcp_fail(sk, READ_ONCE(sk->sk_err_soft) ?: ETIMEDOUT);
}

/* Nobody is told when an orphan gives up, so it may do so sooner. */
static bool kinet_tcp_is_forlorn(const struct sock *sk, u32 tries)
{
	const int *settings = kinet_net(sock_net(sk))->tcp;

	return kinet_tcp_is_orphan(sk) &&
	       tries >= READ_ONCE(settings[KINET_TCP_ORPHAN_RETRIES]);
}

static void kinet_tcp_resend_syn(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 user = tp->patience.user;

	if (tp->resends >= tp->syn_retries ||
	    (user && now - tp->first_sent >= user)) {
		kinet_tcp_give_up(sk);
		return;
	}
	tp->resends++;
	tp->timed = 0;
	kinet_rtt_expired(&tp->rtt, true);
	kinet_count(sock_net(sk), KINET_SEGMENT_RESENT);
	kinet_tcp_send_syn(sk);
}

/* RFC 6298, (5.4) to (5.6); RFC 5681, section 3.1 */
static void kinet_tcp_resend_due(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 flight = kinet_tcp_flight(tp);

	if (!kinet_state_synchronized(sk->sk_state)) {
		kinet_tcp_resend_syn(sk, now);
		return;
	}
	if (kinet_tcp_is_forlorn(sk, tp->resends)) {
		kinet_tcp_give_up(sk);
		return;
	}
	switch (kinet_persistence(&tp->patience, now, tp->first_sent,
				  tp->resends)) {
	case KINET_PERSIST_GIVE_UP:
		kinet_tcp_give_up(sk);
		return;
	case KINET_PERSIST_ADVISE:
		/* Another route, if there is one (MUST-20, RFC 1122, 3.3.1.4) */
		dst_negative_advice(sk);
		dst_release(tp->flow.dst);
		tp->flow.dst = NULL;
		break;
	case KINET_PERSIST_ON:
		break;
	}
	kinet_count(sock_net(sk), KINET_RESEND_TIMEOUT);
	kinet_cong_timeout(&tp->cong, flight, tp->resends);
	kinet_rtt_expired(&tp->rtt, false);
	kinet_board_expired(&tp->board);
	kinet_newreno_expired(&tp->newreno, tp->snd.nxt);
	tp->timed = 0;
	tp->resends++;
	/* It has waited for longer, or the rate is slower than any time-out. */
	kinet_pace_forgive(&tp->pace);
	kinet_tcp_push(sk);
	kinet_tcp_arm_resend(sk, now, true);
}

/*
 * RFC 9293, section 3.8.6.1 (MUST-35 to MUST-37): for ever, if it is answered, unless
 * the user has a time-out, which counts for this, too (tcp(7)).
 */
static void kinet_tcp_persist_due(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 rto = kinet_rtt_rto(&tp->rtt, &tp->limits);
	u64 since;

	/* Nobody is late to answer what wasn't asked yet. */
	if (!tp->shut)
		tp->persists = now;
	since = tp->patience.user ? tp->persists : max(tp->heard, tp->persists);
	if (tp->shut && !kinet_patience_left(&tp->patience, now, since)) {
		kinet_tcp_give_up(sk);
		return;
	}
	/* A peer that answers, but never opens its window, would keep it for ever. */
	if (kinet_tcp_is_forlorn(sk, tp->shut)) {
		kinet_tcp_reset(sk, 0);
		return;
	}
	/* It was a route that lacked: what waits asks better than a probe. */
	if (kinet_snd_usable(&tp->snd) && !kinet_tcp_route(sk)) {
		kinet_tcp_push(sk);
		return;
	}
	tp->probes++;
	tp->shut++;
	kinet_count(sock_net(sk), KINET_PROBE_OUT);
	kinet_tcp_send_probe(sk);
	kinet_tcp_due(sk, KINET_TIMER_PERSIST, now,
		      kinet_tcp_in_time(tp, now, tp->persists,
					kinet_persist_interval(rto, tp->shut,
							       tp->limits.max)));
}

static void kinet_tcp_keepalive_due(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_keepalive keepalive = tp->keepalive;
	u64 due;

	if (!sock_flag(sk, SOCK_KEEPOPEN) ||
	    !kinet_state_synchronized(sk->sk_state))
		return;
	/* What is on its way asks already, or waits to. */
	if (tp->snd.una != tp->snd.nxt || kinet_tcp_end_seq(tp) != tp->snd.nxt) {
		kinet_tcp_due(sk, KINET_TIMER_KEEPALIVE, now, keepalive.idle);
		return;
	}
	keepalive.user = tp->patience.user;
	switch (kinet_keepalive(&keepalive, now, tp->heard, tp->probes, &due)) {
	case KINET_KEEPALIVE_DEAD:
		kinet_count(sock_net(sk), KINET_TIMED_OUT);
		kinet_tcp_reset(sk, ETIMEDOUT);
		return;
	case KINET_KEEPALIVE_PROBE:
		tp->probes++;
		kinet_count(sock_net(sk), KINET_PROBE_OUT);
		kinet_tcp_send_probe(sk);
		break;
	case KINET_KEEPALIVE_WAIT:
		break;
	}
	kinet_tcp_due(sk, KINET_TIMER_KEEPALIVE, now, due - now);
}

static void kinet_tcp_went_off(struct sock *sk, enum kinet_timer timer, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	switch (timer) {
	case KINET_TIMER_RESEND:
		kinet_tcp_resend_due(sk, now);
		break;
	case KINET_TIMER_PERSIST:
		kinet_tcp_persist_due(sk, now);
		break;
	case KINET_TIMER_DELACK:
		kinet_ack_expired(&tp->ack, now);
		kinet_tcp_send_ack(sk);
		break;
	case KINET_TIMER_OVERRIDE:
		tp->overdue = true;
		tp->more = false;
		kinet_tcp_push(sk);
		break;
	case KINET_TIMER_KEEPALIVE:
		kinet_tcp_keepalive_due(sk, now);
		break;
	case KINET_TIMER_END:
		kinet_tcp_fail(sk, 0);
		break;
	case KINET_TIMER_PACE:
		kinet_tcp_push(sk);
		break;
	case KINET_TIMERS:
		break;
	}
}

/**
 * kinet_tcp_expire() - do all that is due
 * @sk: sock, locked, not in CLOSED; the caller has a reference
 */
void kinet_tcp_expire(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now = kinet_tcp_clock(sk);
	enum kinet_timer timer;

	while (sk->sk_state != TCP_CLOSE &&
	       kinet_deadlines_take(&tp->deadlines, now, &timer))
		kinet_tcp_went_off(sk, timer, now);
	if (sk->sk_state == TCP_CLOSE)
		return;
	kinet_tcp_arm(sk, now);
	/* It may have gone off for a time that was changed since. */
	if (unlikely(tp->deadlines.due[KINET_TIMER_PACE] != KINET_NEVER))
		kinet_tcp_arm_pacer(sk);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_tcp_expire);

/**
 * kinet_tcp_ticked() - a timer has gone off
 * @sk: sock; the reference of the timer is put
 *
 * Context: softirq.
 */
void kinet_tcp_ticked(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk)) {
		if (sk->sk_state != TCP_CLOSE)
			kinet_tcp_expire(sk);
	} else if (!test_and_set_bit(KINET_LATE_TIMER, &tp->late)) {
		sock_hold(sk);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}

void kinet_tcp_timer(struct timer_list *timer)
{
	struct kinet_tcp *tp = from_timer(tp, timer, timer);

	kinet_tcp_ticked(&tp->k.inet.sk);
}
