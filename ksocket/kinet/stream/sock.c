// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection's life: the states, and what comes with them
 *
 * Who has a reference: the user, until he closes; the table of connections,
 * while the connection is in it; each timer, while it is set; a listener's child
 * has its parent's. An orphan's reference of the user is put when it ends.
 */
#include <net/inet_common.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/transp_v6.h>
#include <net/xfrm.h>
#include <uapi/linux/kinet.h>

#include "stream.h"
#include "../trace.h"

#define KINET_ISS_BEYOND	65536	/* more than a window that is not scaled */

VISIBLE_IF_KUNIT siphash_key_t kinet_secret __read_mostly;
EXPORT_SYMBOL_IF_KUNIT(kinet_secret);

/**
 * kinet_tcp_event() - the one function that changes a connection's state
 * @sk: sock, locked
 * @event: what has happened
 */
void kinet_tcp_event(struct sock *sk, enum kinet_event event)
{
	int from = sk->sk_state, to = kinet_state_next(from, event);

	if (WARN_ONCE(to < 0, "kinet: %s in %s\n", kinet_event_name(event),
		      kinet_state_name(from)))
		return;
	if (to == from)
		return;
	/* Those who poll look at it without the lock, behind what came before. */
	smp_store_release(&sk->sk_state, to);
	kinet_count(sock_net(sk), KINET_STATE_CHANGED);
	trace_kinet_state(sk, from, to, event);
}

/* --- beginning --- */

/* What is set may change while the peer's answer is on its way. */
static void kinet_tcp_choose_offers(struct sock *sk)
{
	const struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (READ_ONCE(kn->tcp[KINET_TCP_WINDOW_SCALING])) {
		tp->offers |= KINET_HAS_SCALE;
		WRITE_ONCE(tp->rcv.scale,
			   kinet_window_scale(READ_ONCE(kn->tcp_rmem[2]) / 2));
	}
	if (READ_ONCE(kn->tcp[KINET_TCP_SACK]))
		tp->offers |= KINET_HAS_SACK_OK;
	if (READ_ONCE(kn->tcp[KINET_TCP_TIMESTAMPS]))
		tp->offers |= KINET_HAS_TS;
}

/**
 * kinet_tcp_begin() - nothing was sent or heard yet
 * @sk: sock, in CLOSED
 */
void kinet_tcp_begin(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	WRITE_ONCE(tp->stood, false);
	/* Pairs with kinet_tcp_readable(), which looks at it before and after. */
	smp_wmb();
	/* What others see meanwhile is of neither connection. */
	data_race(memset_startat(tp, 0, snd));
	kinet_tcp_choose_offers(sk);
	kinet_deadlines_init(&tp->deadlines);
	kinet_tcp_pace_begin(sk);
	kinet_rtt_init(&tp->rtt, &tp->limits);
	kinet_ack_init(&tp->ack);
	tp->peer_mss = sk->sk_family == AF_INET ? KINET_MSS_DEFAULT :
						  KINET_MSS_DEFAULT6;
	WRITE_ONCE(tp->mss, tp->peer_mss);
}

/**
 * kinet_tcp_setup() - what a sock has for all its connections
 * @sk: sock, new or a copy of its listener
 */
void kinet_tcp_setup(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	INIT_HLIST_NODE(&tp->conn.node);
	INIT_LIST_HEAD(&tp->queued);
	INIT_LIST_HEAD(&tp->embryos);
	INIT_LIST_HEAD(&tp->ready);
	spin_lock_init(&tp->queue_lock);
	INIT_LIST_HEAD(&tp->store);
	tp->pieces = RB_ROOT;
	tp->piece_count = 0;
	timer_setup(&tp->timer, kinet_tcp_timer, 0);
	hrtimer_init(&tp->pacer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_SOFT);
	tp->pacer.function = kinet_tcp_pacer;
	tasklet_setup(&tp->drained, kinet_tcp_drained);
	tp->conn.timewait = false;
	tp->conn.was_in = false;
	kinet_tcp_begin(sk);
}

static void kinet_tcp_defaults(struct sock *sk)
{
	const int *settings = kinet_net(sock_net(sk))->tcp;
	struct kinet_tcp *tp = kinet_tcp(sk);

	tp->limits = (struct kinet_rtt_limits){
		.min		= 200 * 1000,
		.max		= 120 * KINET_SECOND,
		.granularity	= 1000000 / HZ,
	};
	tp->keepalive = (struct kinet_keepalive){
		.idle		= READ_ONCE(settings[KINET_TCP_KEEPALIVE_TIME]) *
				  KINET_SECOND,
		.interval	= READ_ONCE(settings[KINET_TCP_KEEPALIVE_INTVL]) *
				  KINET_SECOND,
		.probes		= READ_ONCE(settings[KINET_TCP_KEEPALIVE_PROBES]),
	};
	tp->patience = (struct kinet_patience){
		.r1		= 3,
		.r2		= 924 * KINET_SECOND,
	};
	tp->syn_retries = READ_ONCE(settings[KINET_TCP_SYN_RETRIES]);
	tp->linger2 = READ_ONCE(settings[KINET_TCP_FIN_TIMEOUT]);
}

static int kinet_stream_init(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);

	/* By number there is a port that the kernel's create routine made up. */
	inet->inet_num = 0;
	inet->inet_sport = 0;
	kinet_tcp_defaults(sk);
	kinet_tcp_setup(sk);
	sk->sk_backlog_rcv = kinet_tcp_backlog;
	sk->sk_write_space = kinet_stream_write_space;
	/* What is sent is paid for until it is acknowledged, not until it is out. */
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	return kinet_sock_init(sk);
}

/**
 * kinet_tcp_established() - the handshake is over
 * @sk: sock, whose peer's options are known
 */
void kinet_tcp_established(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool syn_lost = tp->rtt.syn_lost;

	kinet_tcp_sync_mss(sk);
	kinet_rtt_established(&tp->rtt, &tp->limits);
	kinet_cong_init(&tp->cong, &kinet_reno, tp->mss, syn_lost);
	tp->ack.full = min_t(u32, tp->mss, KINET_MSS_DEFAULT);
	kinet_tcp_grow_sndbuf(sk);
	kinet_newreno_init(&tp->newreno, tp->iss);
	kinet_board_init(&tp->board, NULL, 0, tp->snd.una, tp->mss);
	tp->board.nxt = tp->snd.nxt;
	tp->resends = 0;
	tp->tally.since = kinet_tcp_clock(sk);
	WRITE_ONCE(tp->copied_seq, tp->rcv.nxt);
	tp->rcv_copied = tp->rcv.nxt;
	/* Behind its numbers; pairs with kinet_tcp_readable(). */
	smp_store_release(&tp->stood, true);
	kinet_tcp_undue(sk, KINET_TIMER_RESEND);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		kinet_tcp_due(sk, KINET_TIMER_KEEPALIVE, tp->tally.since,
			      tp->keepalive.idle);
}

/* --- connecting --- */

static int kinet_tcp_check_target(const struct kinet_flow *flow)
{
	const struct rtable *rt = (const struct rtable *)flow->dst;

	if (flow->family == AF_INET)
		return rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST) ?
		       -ENETUNREACH : 0;
	return ipv6_addr_is_multicast(&flow->fl.u.ip6.daddr) ? -ENETUNREACH : 0;
}

static void kinet_tcp_set_ends4(struct sock *sk, const struct flowi4 *fl4)
{
	struct kinet_ends *ends = &kinet_tcp(sk)->conn.ends;
	struct inet_sock *inet = inet_sk(sk);

	ipv6_addr_set_v4mapped(fl4->saddr, &ends->laddr);
	ipv6_addr_set_v4mapped(fl4->daddr, &ends->raddr);
	inet->inet_saddr = fl4->saddr;
	WRITE_ONCE(inet->inet_rcv_saddr, fl4->saddr);
	WRITE_ONCE(inet->inet_daddr, fl4->daddr);
	if (sk->sk_family != AF_INET6)
		return;
	inet6_sk(sk)->saddr = ends->laddr;
	sk->sk_v6_rcv_saddr = ends->laddr;
	sk->sk_v6_daddr = ends->raddr;
}

static void kinet_tcp_set_ends6(struct sock *sk, const struct flowi6 *fl6)
{
	struct kinet_ends *ends = &kinet_tcp(sk)->conn.ends;

	ends->laddr = fl6->saddr;
	ends->raddr = fl6->daddr;
	inet6_sk(sk)->saddr = fl6->saddr;
	sk->sk_v6_rcv_saddr = fl6->saddr;
	sk->sk_v6_daddr = fl6->daddr;
}

/**
 * kinet_tcp_set_ends() - addresses and ports, from the flow
 * @sk: sock, whose flow was routed
 */
void kinet_tcp_set_ends(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct flowi *fl = &tp->flow.fl;

	if (tp->flow.family == AF_INET) {
		kinet_tcp_set_ends4(sk, &fl->u.ip4);
		tp->conn.ends.rport = fl->u.ip4.fl4_dport;
	} else {
		kinet_tcp_set_ends6(sk, &fl->u.ip6);
		tp->conn.ends.rport = fl->u.ip6.fl6_dport;
	}
	WRITE_ONCE(inet_sk(sk)->inet_dport, tp->conn.ends.rport);
	tp->conn.ends.lport = inet_sk(sk)->inet_sport;
	tp->conn.device = sk->sk_bound_dev_if;
}

/* A segment of this connection, as it would have come */
void kinet_tcp_describe(const struct sock *sk, struct kinet_pkt *pkt)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	*pkt = (struct kinet_pkt){
		.net		= sock_net(sk),
		.saddr		= tp->conn.ends.raddr,
		.daddr		= tp->conn.ends.laddr,
		.sport		= tp->conn.ends.rport,
		.dport		= tp->conn.ends.lport,
		.dif		= sk->sk_bound_dev_if,
		.family		= tp->flow.family,
		.protocol	= tp->flow.fl.u.__fl_common.flowic_proto,
	};
}

static void kinet_tcp_set_port(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	__be16 port = tp->conn.ends.lport;

	inet_sk(sk)->inet_sport = port;
	WRITE_ONCE(inet_sk(sk)->inet_num, ntohs(port));
	if (tp->flow.family == AF_INET)
		tp->flow.fl.u.ip4.fl4_sport = port;
	else
		tp->flow.fl.u.ip6.fl6_sport = port;
}

static int kinet_tcp_enter_table(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	unsigned int low, high;
	int err;

	kinet_tcp_set_ends(sk);
	if (inet_sk(sk)->inet_num)
		return kinet_conn_add(sk);
	mutex_lock(&kn->lock);
	kinet_port_range(sk, &low, &high);
	mutex_unlock(&kn->lock);
	err = kinet_conn_add_any(sk, low, high);
	if (!err)
		kinet_tcp_set_port(sk);
	return err;
}

/**
 * kinet_tcp_choose_iss() - where our numbers begin
 * @sk: sock, both ends known
 * @before: behind the numbers of a connection between the same ends, or NULL
 *
 * RFC 6528; RFC 1122, section 4.2.2.13, (a): beyond all that the old one has
 * sent, which may have been more than the clock has ticked.
 */
void kinet_tcp_choose_iss(struct sock *sk, const u32 *before)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now = kinet_tcp_clock(sk);

	net_get_random_once(&kinet_secret, sizeof(kinet_secret));
	tp->iss = kinet_isn(&tp->conn.ends, now, &kinet_secret);
	if (before)
		tp->iss = kinet_later(tp->iss, *before + KINET_ISS_BEYOND);
	tp->stamp_offset = kinet_stamp_offset(&tp->conn.ends, &kinet_secret);
	/* By this, fq knows one connection from the next with the same memory. */
	sk->sk_hash = tp->iss;
	WRITE_ONCE(tp->write_seq, tp->iss + 1);
	tp->push_seq = tp->write_seq;
	tp->small_end = tp->iss;
	tp->lifted_seq = tp->iss;
	WRITE_ONCE(tp->snd.una, tp->iss);
	WRITE_ONCE(tp->snd.nxt, tp->iss);
	tp->heard = now;
	tp->first_sent = now;
}

/*
 * RFC 4007: an address of a link is of that link alone. Whoever connects to one
 * is bound to its device, as with the host's TCP, also when nobody answers.
 */
static int kinet_tcp_bind_link(struct sock *sk, const struct sockaddr *addr, int len)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;

	if (sk->sk_family != AF_INET6)
		return 0;
	if (len < SIN6_LEN_RFC2133)
		return -EINVAL;
	/* What a datagram socket may be given isn't for streams, as with the host. */
	if (sin6->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (!(ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL) ||
	    ipv6_addr_is_multicast(&sin6->sin6_addr))
		return 0;
	if (len >= sizeof(*sin6) && sin6->sin6_scope_id) {
		if (!sk_dev_equal_l3scope(sk, sin6->sin6_scope_id))
			return -EINVAL;
		WRITE_ONCE(sk->sk_bound_dev_if, sin6->sin6_scope_id);
	}
	return sk->sk_bound_dev_if ? 0 : -EINVAL;
}

static int kinet_tcp_find_way(struct sock *sk, struct sockaddr *addr, int len)
{
	struct msghdr msg = { .msg_name = addr, .msg_namelen = len };
	struct kinet_tcp *tp = kinet_tcp(sk);
	int err;

	kinet_flow_end(&tp->flow);
	err = kinet_tcp_bind_link(sk, addr, len);
	if (err)
		return err;
	err = kinet_flow_begin(sk, &msg, kinet_sk(sk)->wire->stream, &tp->flow);
	tp->flow.connected = false;
	if (!err)
		err = kinet_tcp_route(sk);
	return err ?: kinet_tcp_check_target(&tp->flow);
}

static void kinet_tcp_forget_peer(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);

	kinet_flow_end(&kinet_tcp(sk)->flow);
	sk_dst_reset(sk);
	WRITE_ONCE(inet->inet_dport, 0);
	WRITE_ONCE(inet->inet_daddr, 0);
	sk->sk_v6_daddr = in6addr_any;
	/* One that was accepted gives its listener's port back, as with the host. */
	if (sk_unhashed(sk)) {
		kinet_claim_drop_later(sk);
		WRITE_ONCE(inet->inet_num, 0);
		inet->inet_sport = 0;
	}
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		inet_reset_saddr(sk);
}

static int kinet_stream_connect(struct sock *sk, struct sockaddr *addr, int len)
{
	int err;

	/* Whoever drains sets this first, then ends what he finds begun. */
	if (READ_ONCE(kinet_sk(sk)->dead))
		return -ENETDOWN;
	err = kinet_tcp_find_way(sk, addr, len);
	if (err)
		goto way;
	kinet_tcp_begin(sk);
	err = kinet_tcp_enter_table(sk);
	if (err)
		goto way;
	kinet_tcp_choose_iss(sk, NULL);
	kinet_tcp_event(sk, KINET_EV_CONNECT);
	err = kinet_tcp_send_syn(sk);
	/* What can't leave now, or is dropped, is sent again; security says no. */
	if (err != -ECONNREFUSED)
		return 0;
	kinet_tcp_fail(sk, 0);
	WRITE_ONCE(sk->sk_shutdown, 0);
way:
	kinet_tcp_forget_peer(sk);
	return err;
}

/* --- ending --- */

/* Timers, queues, the place in the table: nothing comes any more. */
static void kinet_tcp_quit(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	kinet_deadlines_init(&tp->deadlines);
	sk_stop_timer(sk, &tp->timer);
	kinet_tcp_stop_pacer(sk);
	kinet_conn_del(sk);
	kinet_store_purge(sk);
	kinet_tcp_forget_pieces(sk);
	kfree(tp->later.island);
	kinet_reassembly_init(&tp->later, NULL, 0);
	kfree(tp->board.sacked);
	tp->board.sacked = NULL;
	if (tp->cong.ops)
		kinet_cong_release(&tp->cong);
	tp->cong.ops = NULL;
}

/**
 * kinet_tcp_end() - an orphan whose connection is over goes
 * @sk: sock, locked, in CLOSED; gone unless the caller has a reference
 */
void kinet_tcp_end(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	WARN_ON_ONCE(sk->sk_state != TCP_CLOSE || !kinet_tcp_is_orphan(sk));
	if (tp->ended)
		return;
	tp->ended = true;
	if (tp->counted)
		atomic_dec(&kinet_net(sock_net(sk))->orphans);
	kinet_tcp_forget_child(sk);
	kinet_flow_end(&tp->flow);
	kinet_port_drop(sk);
	kinet_net_unuse(sk);
	sk_stream_kill_queues(sk);
	xfrm_sk_free_policy(sk);
	sock_put(sk);
}

/**
 * kinet_tcp_finish() - the connection is in CLOSED
 * @sk: sock, locked
 *
 * Whoever waits is woken; an orphan ends.
 */
void kinet_tcp_finish(struct sock *sk)
{
	kinet_tcp_quit(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (kinet_tcp_is_orphan(sk))
		kinet_tcp_end(sk);
	else
		sk->sk_state_change(sk);
}

/**
 * kinet_tcp_fail_by() - give a connection up, as the network says
 * @sk: sock, locked
 * @error: what the user is told, or nothing if its errno is 0
 */
void kinet_tcp_fail_by(struct sock *sk, const struct kinet_error *error)
{
	int err = error->err;

	if (sk->sk_state == TCP_CLOSE)
		return;
	/* An embryo's listener hears nothing of it (RFC 9293, 3.10.7.4). */
	if (kinet_tcp(sk)->parent && !kinet_tcp(sk)->stood) {
		kinet_tcp_forget_child(sk);
		sock_orphan(sk);
	}
	if (err) {
		WRITE_ONCE(sk->sk_err, err);
		/* Before the state: who sees that asks for this. */
		smp_wmb();
	}
	kinet_tcp_event(sk, KINET_EV_ABORT);
	if (err && !kinet_tcp_is_orphan(sk)) {
		trace_kinet_error(sk, error);
		sk_error_report(sk);
	}
	kinet_tcp_finish(sk);
}

/**
 * kinet_tcp_fail() - give a connection up
 * @sk: sock, locked
 * @err: errno above 0 that the user gets, or 0
 */
void kinet_tcp_fail(struct sock *sk, int err)
{
	const struct kinet_error error = { .err = err };

	kinet_tcp_fail_by(sk, &error);
}

/* RFC 9293, section 3.10.5: who has our FIN knows that nothing comes any more. */
static bool kinet_tcp_owes_reset(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	if ((1 << sk->sk_state) & (TCPF_CLOSING | TCPF_LAST_ACK))
		return tp->snd.nxt != kinet_tcp_end_seq(tp);
	return sk->sk_state != TCP_SYN_SENT;
}

/**
 * kinet_tcp_reset() - give it up, and tell the peer
 * @sk: sock, locked
 * @err: errno above 0 that the user gets, or 0
 */
void kinet_tcp_reset(struct sock *sk, int err)
{
	if (sk->sk_state == TCP_CLOSE)
		return;
	if (kinet_tcp_owes_reset(sk))
		kinet_tcp_send_reset(sk);
	kinet_tcp_fail(sk, err);
}

/* --- closing --- */

static bool kinet_tcp_has_unread(struct sock *sk)
{
	return kinet_tcp(sk)->stood && kinet_tcp_readable(sk);
}

/* Behind what is written */
static void kinet_tcp_send_fin(struct sock *sk)
{
	if (sk->sk_state == TCP_SYN_RECV) {
		/* It stands first: until then, nothing but the SYN is resent. */
		WRITE_ONCE(kinet_tcp(sk)->fin_wanted, true);
	} else if (kinet_state_sends(sk->sk_state)) {
		kinet_tcp_event(sk, KINET_EV_CLOSE);
		WRITE_ONCE(kinet_tcp(sk)->fin_wanted, true);
		kinet_tcp_push(sk);
	}
}

/* RFC 9293, section 3.6.1, and RFC 2525, section 2.17: what isn't read is lost. */
static void kinet_tcp_close_side(struct sock *sk, bool unread)
{
	bool linger0 = sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime;

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (sk->sk_state == TCP_SYN_SENT) {
		kinet_tcp_fail(sk, 0);
	} else if (unread || linger0) {
		kinet_count(sock_net(sk), KINET_ABORTED);
		kinet_tcp_reset(sk, 0);
	} else {
		kinet_tcp_send_fin(sk);
	}
}

static bool kinet_tcp_are_too_many(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));

	kinet_tcp(sk)->counted = true;
	return atomic_inc_return(&kn->orphans) >
	       READ_ONCE(kn->tcp[KINET_TCP_MAX_ORPHANS]);
}

/* An orphan in FIN-WAIT-2 doesn't wait for ever. */
static void kinet_tcp_leave(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (sk->sk_state == TCP_CLOSE)
		kinet_tcp_end(sk);
	else if (kinet_tcp_are_too_many(sk))
		kinet_tcp_reset(sk, 0);
	else if (sk->sk_state == TCP_FIN_WAIT2 && tp->linger2 < 0)
		kinet_tcp_reset(sk, 0);
	else if (sk->sk_state == TCP_FIN_WAIT2)
		kinet_tcp_due(sk, KINET_TIMER_END, kinet_tcp_clock(sk),
			      tp->linger2 * KINET_SECOND);
}

static void kinet_stream_close(struct sock *sk, long timeout)
{
	bool unread;

	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sk->sk_state == TCP_LISTEN) {
		kinet_tcp_listen_end(sk);
	} else {
		unread = kinet_tcp_has_unread(sk);
		__skb_queue_purge(&sk->sk_receive_queue);
		kinet_tcp_close_side(sk, unread);
		sk_stream_wait_close(sk, timeout);
	}
	/* The host has its port back when the call returns, if it can be. */
	if (sk->sk_state == TCP_CLOSE)
		kinet_unhash(sk);
	sock_hold(sk);
	sock_orphan(sk);
	release_sock(sk);
	/* What came meanwhile may have ended it. */
	lock_sock(sk);
	kinet_tcp_leave(sk);
	release_sock(sk);
	sock_put(sk);
}

static void kinet_stream_shutdown(struct sock *sk, int how)
{
	if (how & SEND_SHUTDOWN)
		kinet_tcp_send_fin(sk);
}

/* connect() to AF_UNSPEC: the socket is as new, but for its address. */
static int kinet_stream_disconnect(struct sock *sk, int flags)
{
	if (sk->sk_state == TCP_LISTEN)
		kinet_tcp_listen_end(sk);
	else if (sk->sk_state != TCP_CLOSE)
		kinet_tcp_reset(sk, 0);
	WRITE_ONCE(sk->sk_err, 0);
	WRITE_ONCE(sk->sk_err_soft, 0);
	WRITE_ONCE(sk->sk_shutdown, 0);
	sock_reset_flag(sk, SOCK_DONE);
	__skb_queue_purge(&sk->sk_receive_queue);
	/* It counts from what was read of the old connection. */
	sk_set_peek_off(sk, -1);
	kinet_tcp_forget_peer(sk);
	/* Those who come to a listener are copies of it. */
	if (sk->sk_frag.page) {
		put_page(sk->sk_frag.page);
		sk->sk_frag.page = NULL;
		sk->sk_frag.offset = 0;
	}
	kinet_tcp_begin(sk);
	sk_error_report(sk);
	return 0;
}

/* Drained: the peer is told, and the port is free. */
void kinet_stream_stop(struct sock *sk)
{
	bool orphan;

	lock_sock(sk);
	/* Nobody will accept it. */
	if (kinet_tcp(sk)->parent) {
		kinet_tcp_forget_child(sk);
		sock_orphan(sk);
	}
	if (sk->sk_state == TCP_LISTEN) {
		kinet_tcp_listen_end(sk);
		sk->sk_state_change(sk);
	} else if (sk->sk_state == TCP_CLOSE && kinet_tcp_is_orphan(sk)) {
		kinet_tcp_end(sk);
	} else {
		kinet_tcp_reset(sk, ENETDOWN);
	}
	orphan = kinet_tcp_is_orphan(sk);
	release_sock(sk);
	if (orphan)
		return;
	kinet_unhash(sk);
	/* One that was accepted has no port of its own, but keeps its listener's. */
	kinet_claim_drop_later(sk);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_stream_stop);

/* What the user kept from being done, behind what has waited for him */
static void kinet_tcp_catch_up(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (test_and_clear_bit(KINET_LATE_TIMER, &tp->late)) {
		if (sk->sk_state != TCP_CLOSE)
			kinet_tcp_expire(sk);
		__sock_put(sk);
	}
	if (test_and_clear_bit(KINET_LATE_DRAINED, &tp->late)) {
		WRITE_ONCE(tp->throttled, false);
		kinet_tcp_push(sk);
	}
	if (tp->ack_held && kinet_tcp_goes_on(sk))
		kinet_tcp_send_ack(sk);
}

static int kinet_stream_hash(struct sock *sk)
{
	return 0;
}

KSOCK_COMPAT_PROTO_IOCTL(kinet_stream_ioctl, kinet_stream_queue_len)
KSOCK_COMPAT_PROTO_ACCEPT(kinet_stream_accept, kinet_tcp_accept)

#define KINET_STREAM_PROTO						\
	KINET_PROTO_MEMORY,						\
	.close			= kinet_stream_close,			\
	.destroy		= kinet_net_unuse,			\
	.init			= kinet_stream_init,			\
	.connect		= kinet_stream_connect,			\
	.disconnect		= kinet_stream_disconnect,		\
	.accept			= kinet_stream_accept,			\
	.ioctl			= kinet_stream_ioctl,			\
	.shutdown		= kinet_stream_shutdown,		\
	.setsockopt		= kinet_stream_setsockopt,		\
	.getsockopt		= kinet_getsockopt,			\
	.keepalive		= kinet_stream_keepalive,		\
	.sendmsg		= kinet_stream_sendmsg,			\
	.recvmsg		= kinet_stream_recvmsg,			\
	.stream_memory_free	= kinet_stream_has_room,		\
	.release_cb		= kinet_tcp_catch_up,			\
	.hash			= kinet_stream_hash,			\
	.unhash			= kinet_unhash,				\
	.get_port		= kinet_get_port,			\
	.put_port		= kinet_unhash,				\
	.no_autobind		= true

struct proto kinet_stream_prot = {
	.name			= "KINET-STREAM",
	.obj_size		= sizeof(struct kinet_tcp),
	KINET_STREAM_PROTO,
};

struct proto kinet6_stream_prot = {
	.name			= "KINET6-STREAM",
	.obj_size		= sizeof(struct kinet6_tcp),
	KSOCK_COMPAT_PINFO(struct kinet6_tcp, inet6)
	KINET_STREAM_PROTO,
};
