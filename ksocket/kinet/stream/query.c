// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others ask of a stream: ksocket (include/ksocket/family.h), /proc, and
 * sock_diag
 */
#include <ksocket/family.h>

#include "stream.h"

static s64 kinet_stream_query_readable(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) == TCP_LISTEN)
		return kinet_tcp_has_ready(sk);
	return kinet_tcp_readable(sk);
}

/**
 * kinet_stream_query() - answer ksocket
 * @sk: sock
 * @query: filled
 *
 * Context: Any, also below the hooks.
 */
void kinet_stream_query(struct sock *sk, struct ksock_query *query)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	/* Pairs with kinet_tcp_event(). */
	int state = smp_load_acquire(&sk->sk_state);
	int shut = READ_ONCE(sk->sk_shutdown);
	bool stood = READ_ONCE(tp->stood);

	query->readable = kinet_stream_query_readable(sk);
	if (stood && state != TCP_CLOSE)
		query->unsent = kinet_tcp_unacked(tp);
	query->position = READ_ONCE(tp->rcv.nxt) - READ_ONCE(tp->fin_seen);
	/* Pairs with kinet_tcp_urgent(). */
	query->urgent = smp_load_acquire(&tp->urgent);
	query->urg_seq = READ_ONCE(tp->rcv_up);
	query->reason = READ_ONCE(sk->sk_err);
	query->room = __sk_stream_is_writeable(sk, 1);
	query->connected = stood;
	query->eof = shut & RCV_SHUTDOWN;
	query->over = state == TCP_CLOSE;
	/* An error is reported before the rest is done. */
	query->write_over = shut & SEND_SHUTDOWN || (stood && query->over);
	query->at_mark = query->urgent &&
			 READ_ONCE(tp->copied_seq) == query->urg_seq;
	query->lends = 1 << state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/**
 * kinet_stream_waiting() - what the host tells of its own TCP's queues
 * @sk: sock; without the lock it may be a moment old
 * @in: where the bytes that were not read are stored; a listener's connections
 *	that wait to be accepted
 * @out: where those that were not acknowledged are stored, a SYN and a FIN
 *	 among them; a listener's backlog
 *
 * Context: Any.
 */
void kinet_stream_waiting(const struct sock *sk, u32 *in, u32 *out)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	/* Pairs with kinet_tcp_event(): the numbers of a SYN come before. */
	int state = smp_load_acquire(&sk->sk_state);
	bool stood = READ_ONCE(tp->stood);

	if (state == TCP_LISTEN) {
		*in = READ_ONCE(sk->sk_ack_backlog);
		*out = READ_ONCE(sk->sk_max_ack_backlog);
		return;
	}
	*in = stood ? kinet_tcp_unread(tp) : 0;
	*out = (stood && state != TCP_CLOSE) || state == TCP_SYN_SENT ?
	       kinet_tcp_unacked(tp) : 0;
}

const char *kinet_stream_state(const struct sock *sk)
{
	return kinet_state_name(READ_ONCE(sk->sk_state));
}
