// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments that wait for their time
 *
 * The kernel keeps what the user has said (SO_MAX_PACING_RATE), and who is to
 * obey: nobody, we, or the queueing discipline fq, once it has seen a packet of
 * ours. It finds in each when to leave; we hold back what it would have to keep
 * for long. Without it we send each burst when its time has come.
 *
 * What carries no data waits for nothing, but isn't to overtake data in fq.
 */
#include "stream.h"

/* What fq is given ahead of its time, nanoseconds: shorter than any time-out */
#define KINET_PACE_AHEAD	(100 * NSEC_PER_MSEC)
/* So often we look whether the user has said something else, nanoseconds */
#define KINET_PACE_LOOK		NSEC_PER_SEC

/* The kernel has a rate as unsigned long. */
u64 kinet_tcp_told_rate(unsigned long rate)
{
	return rate == ~0UL ? KINET_PACE_NONE : rate;
}

u64 kinet_tcp_rate(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	return kinet_pace_rate(&tp->cong, &tp->rtt,
			       kinet_tcp_told_rate(READ_ONCE(sk->sk_max_pacing_rate)));
}

/**
 * kinet_tcp_pace_begin() - nothing was sent yet
 * @sk: sock, in CLOSED
 */
void kinet_tcp_pace_begin(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	WRITE_ONCE(sk->sk_pacing_rate, READ_ONCE(sk->sk_max_pacing_rate));
	tp->burst = KINET_BURST_MAX;
	tp->below = KINET_BELOW_MAX;
}

/* What the rate lets go at once, and how much of that may wait below us */
static void kinet_tcp_size(struct sock *sk, u64 rate, bool waits)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	tp->burst = kinet_pace_burst(rate, tp->mss, KINET_BURST_MAX);
	tp->below = waits ? 2 * tp->burst : KINET_BELOW_MAX;
}

/**
 * kinet_tcp_size_bursts() - window or round trip may have changed
 * @sk: sock, locked, whose connection stands; nobody paces it
 *
 * A slow one sends little at once, so that others get their turn, and so that what
 * it has in queues below it is no round trip of its own.
 */
void kinet_tcp_size_bursts(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	sock_owned_by_me(sk);
	if (likely(kinet_pace_is_ample(&tp->cong, &tp->rtt, KINET_BURST_MAX))) {
		tp->burst = KINET_BURST_MAX;
		tp->below = KINET_BELOW_MAX;
	} else {
		kinet_tcp_size(sk, kinet_tcp_rate(sk), true);
	}
}

static bool kinet_tcp_has_fq(const struct sock *sk)
{
	/* Pairs with fq's release. */
	return smp_load_acquire(&sk->sk_pacing_status) == SK_PACING_FQ;
}

/**
 * kinet_tcp_pace() - the rate, and what follows from it
 * @sk: sock, locked; somebody paces it
 */
void kinet_tcp_pace(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 rate = kinet_tcp_rate(sk);

	WRITE_ONCE(sk->sk_pacing_rate, min_t(u64, rate, ~0UL));
	/* Of none that there could be, the host makes nothing either. */
	if (!rate)
		rate = KINET_PACE_NONE;
	tp->pace.rate = rate == KINET_PACE_NONE ? 0 : rate;
	kinet_tcp_size(sk, rate, kinet_tcp_has_fq(sk));
	kinet_tcp_undue(sk, KINET_TIMER_PACE);
}

/**
 * kinet_tcp_is_early() - has what could go to wait for its time?
 * @sk: sock, locked, with a rate
 * @now: microseconds
 *
 * Return: whether it has; KINET_TIMER_PACE is set then.
 */
bool kinet_tcp_is_early(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 next = kinet_pace_next(&tp->pace);
	u64 ahead = kinet_tcp_has_fq(sk) ? KINET_PACE_AHEAD : 0;
	u64 at = now * NSEC_PER_USEC;

	if (next <= at + ahead)
		return false;
	next = min(next - ahead, at + KINET_PACE_LOOK);
	tp->deadlines.due[KINET_TIMER_PACE] = DIV_ROUND_UP_ULL(next,
							       NSEC_PER_USEC);
	kinet_tcp_arm_pacer(sk);
	return true;
}

/**
 * kinet_tcp_set_departure() - tell fq when a segment is to leave
 * @sk: sock, locked
 * @skb: segment
 * @data: it has data; others only follow what left before
 * @now: microseconds
 */
void kinet_tcp_set_departure(struct sock *sk, struct sk_buff *skb, bool data,
			     u64 now)
{
	const struct kinet_pace *pace = &kinet_tcp(sk)->pace;
	u64 at = data ? kinet_pace_next(pace) : pace->from;

	ksock_compat_set_departure(skb, max(at, now * NSEC_PER_USEC));
}

/* --- the timer --- */

/**
 * kinet_tcp_arm_pacer() - have the timer go off when KINET_TIMER_PACE is due
 * @sk: sock, locked
 *
 * Only who has the lock sets it, so that one which isn't queued stays so. While
 * one that has gone off waits for the lock, what was queued again can't be
 * moved: it goes off when it does, and then waits for the rest.
 */
void kinet_tcp_arm_pacer(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	ktime_t at = ns_to_ktime(tp->deadlines.due[KINET_TIMER_PACE] *
				 NSEC_PER_USEC);

	if (kinet_sk(sk)->wire->clock)
		return;
	if (hrtimer_is_queued(&tp->pacer) &&
	    hrtimer_get_expires(&tp->pacer) == at)
		return;
	if (hrtimer_try_to_cancel(&tp->pacer) != 1) {
		if (hrtimer_is_queued(&tp->pacer))
			return;
		sock_hold(sk);
	}
	hrtimer_start(&tp->pacer, at, HRTIMER_MODE_ABS_PINNED_SOFT);
}

void kinet_tcp_stop_pacer(struct sock *sk)
{
	if (hrtimer_try_to_cancel(&kinet_tcp(sk)->pacer) == 1)
		__sock_put(sk);
}

enum hrtimer_restart kinet_tcp_pacer(struct hrtimer *pacer)
{
	struct kinet_tcp *tp = container_of(pacer, struct kinet_tcp, pacer);

	kinet_tcp_ticked(&tp->k.inet.sk);
	return HRTIMER_NORESTART;
}
