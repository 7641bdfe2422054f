// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listeners, and those who come to them: RFC 9293, section 3.10.7.2
 *
 * A child is a connection of its own from the SYN on: an embryo until its
 * handshake is over, then it waits to be accepted. Segments come to a listener
 * without its lock; @queue_lock guards both lists, and its state when a child is
 * added to one, so that none is forgotten. It is inside a child's lock.
 */
#include <net/busy_poll.h>
#include <net/ip.h>
#include <net/transp_v6.h>
#include <net/xfrm.h>

#include "stream.h"

/* --- a child --- */

static void kinet_tcp_child_inet6(struct sock *child, const struct sock *sk)
{
	struct ipv6_pinfo *np = &((struct kinet6_tcp *)child)->inet6;

	inet_sk(child)->pinet6 = np;
	np->ipv6_mc_list = NULL;
	np->ipv6_ac_list = NULL;
	ksock_compat_fl_list_reset(child);
	np->pktoptions = NULL;
	np->rxpmtu = NULL;
	RCU_INIT_POINTER(np->opt, txopt_get(inet6_sk(sk)));
}

/* The listener isn't locked: it may have ended while it was copied. */
static bool kinet_tcp_child_is_whole(const struct sock *child)
{
	return child->sk_state == TCP_LISTEN &&
	       kinet_claim_try_hold(kinet_sk(child)->claim);
}

/* What a copy of the listener must not have of it */
static void kinet_tcp_child_init(struct sock *child, const struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(child);

	INIT_LIST_HEAD(&tp->k.node);
	skb_queue_head_init(&tp->k.pending);
	memset(&tp->flow, 0, sizeof(tp->flow));
	inet_sk(child)->mc_list = NULL;
	RCU_INIT_POINTER(inet_sk(child)->inet_opt, NULL);
	child->sk_userlocks &= ~SOCK_BINDPORT_LOCK;
	if (child->sk_family == AF_INET6)
		kinet_tcp_child_inet6(child, sk);
	kinet_tcp_setup(child);
	tp->parent = NULL;
	/* Who drains takes its listener first, and it later. */
	tp->k.dead = false;
	tp->ended = false;
	tp->counted = false;
	tp->late = 0;
	tp->embryo_count = 0;
	/* Longer than its SYN is answered it isn't there. */
	tp->defer = min(tp->defer, tp->syn_retries);
}

/* How the SYN came: IP_PKTOPTIONS and IPV6_2292PKTOPTIONS tell it. */
static void kinet_tcp_child_origin(struct sock *child, const struct sk_buff *skb,
				   const struct kinet_pkt *pkt)
{
	struct ipv6_pinfo *np = inet6_sk(child);
	struct inet_sock *inet = inet_sk(child);
	bool ipv4 = pkt->family == AF_INET;

	if (ipv4) {
		inet->mc_index = pkt->dif;
		inet->mc_ttl = ip_hdr(skb)->ttl;
		inet->rcv_tos = ip_hdr(skb)->tos;
	}
	if (child->sk_family != AF_INET6)
		return;
	np->mcast_oif = pkt->dif;
	np->mcast_hops = ipv4 ? ip_hdr(skb)->ttl : ipv6_hdr(skb)->hop_limit;
	np->rcv_flowinfo = ipv4 ? 0 : ip6_flowinfo(ipv6_hdr(skb));
}

static void kinet_tcp_child_flow(struct sock *child, const struct kinet_pkt *pkt)
{
	struct kinet_tcp *tp = kinet_tcp(child);
	struct flowi *fl = &tp->flow.fl;

	kinet_flow_back(pkt, &tp->flow);
	inet_sk(child)->inet_sport = pkt->dport;
	inet_sk(child)->inet_num = ntohs(pkt->dport);
	if (pkt->family == AF_INET) {
		fl->u.ip4.fl4_sport = pkt->dport;
		fl->u.ip4.fl4_dport = pkt->sport;
		return;
	}
	fl->u.ip6.fl6_sport = pkt->dport;
	fl->u.ip6.fl6_dport = pkt->sport;
	tp->flow.opt_held = txopt_get(inet6_sk(child));
	tp->flow.opt = tp->flow.opt_held;
	/* RFC 4007: an address of a link is of that link alone. */
	if (ipv6_addr_type(&pkt->saddr) & IPV6_ADDR_LINKLOCAL)
		child->sk_bound_dev_if = pkt->dif;
}

/* Return: whether the listener still listens, and has it as an embryo. */
static bool kinet_tcp_add_embryo(struct sock *sk, struct sock *child)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool listens;

	spin_lock_bh(&tp->queue_lock);
	/* It may just begin to listen again, which it does without this lock. */
	listens = READ_ONCE(sk->sk_state) == TCP_LISTEN;
	if (listens) {
		sock_hold(sk);
		kinet_tcp(child)->parent = sk;
		list_add_tail(&kinet_tcp(child)->queued, &tp->embryos);
		WRITE_ONCE(tp->embryo_count, tp->embryo_count + 1);
	}
	spin_unlock_bh(&tp->queue_lock);
	return listens;
}

static int kinet_tcp_child_begin(struct sock *sk, struct sock *child,
				 const struct kinet_pkt *pkt,
				 const struct kinet_seg *seg)
{
	bool reopens;
	u32 before;
	int err;

	kinet_tcp_event(child, KINET_EV_SYN);
	kinet_tcp_child_flow(child, pkt);
	err = kinet_tcp_route(child);
	if (err)
		return err;
	kinet_tcp_set_ends(child);
	kinet_net_adopt(child);
	reopens = kinet_remains_give_way(pkt, &before);
	kinet_tcp_choose_iss(child, reopens ? &before : NULL);
	kinet_tcp_learn(child, seg);
	if (!kinet_tcp_add_embryo(sk, child))
		return -ENETDOWN;
	err = kinet_conn_add(child);
	if (!err)
		kinet_tcp_send_syn(child);
	return err;
}

/* Return: why there is none, or KINET_COUNTS. */
static enum kinet_count kinet_tcp_conceive(struct sock *sk,
					   const struct sk_buff *skb,
					   const struct kinet_pkt *pkt,
					   const struct kinet_seg *seg)
{
	enum kinet_count refusal = KINET_COUNTS;
	struct sock *child;

	/* Of what its user is just setting it has the old or the new. */
	child = data_race(sk_clone_lock(sk, GFP_ATOMIC));
	if (!child)
		return KINET_DROP_NO_MEMORY;
	/* It counts from kinet_net_adopt() on. */
	percpu_counter_dec(&kinet_sockets);
	/* It is locked, which sparse can't know, in the class of the host's. */
	__acquire(&child->sk_lock.slock);
	if (!kinet_tcp_child_is_whole(child)) {
		child->sk_frag.page = NULL;
		xfrm_sk_free_policy(child);
		sk_free_unlock_clone(child);
		__release(&child->sk_lock.slock);
		return KINET_DROP_NO_SOCKET;
	}
	bh_unlock_sock(child);
	kinet_sock_set_lock_class(child);
	bh_lock_sock(child);
	kinet_tcp_child_init(child, sk);
	kinet_tcp_child_origin(child, skb, pkt);
	sk_mark_napi_id_set(child, skb);
	if (kinet_tcp_child_begin(sk, child, pkt, seg)) {
		refusal = KINET_DROP_UNANSWERED;
		sock_set_flag(child, SOCK_DEAD);
		kinet_tcp_fail(child, 0);
	}
	bh_unlock_sock(child);
	/* The other reference is that of who will have it. */
	sock_put(child);
	return refusal;
}

/* --- segments --- */

static bool kinet_tcp_is_full(const struct sock *sk)
{
	return sk_acceptq_is_full(sk) ||
	       READ_ONCE(kinet_tcp(sk)->embryo_count) >
	       READ_ONCE(sk->sk_max_ack_backlog);
}

/**
 * kinet_tcp_listen_input() - a segment for a listener
 * @sk: sock; not locked
 * @skb: segment, its data at its header; consumed
 * @pkt: what it is
 *
 * Context: softirq, RCU read side.
 */
void kinet_tcp_listen_input(struct sock *sk, struct sk_buff *skb,
			    const struct kinet_pkt *pkt)
{
	enum kinet_count refusal;
	struct kinet_seg seg;

	kinet_seg_read(skb, &seg);
	kinet_count(pkt->net, KINET_SEGMENT_IN);
	/* First to third */
	if (!(seg.flags & KINET_RST) && seg.flags & KINET_ACK)
		kinet_tcp_answer_reset(pkt, &seg);
	/* With FIN it comes from who tries what a filter lets pass. */
	if ((seg.flags & (KINET_RST | KINET_ACK | KINET_SYN | KINET_FIN)) !=
	    KINET_SYN) {
		kinet_drop(skb, pkt, KINET_DROP_NO_SOCKET);
		return;
	}
	refusal = kinet_tcp_is_full(sk) ? KINET_DROP_LISTEN_FULL :
					  kinet_tcp_conceive(sk, skb, pkt, &seg);
	if (refusal == KINET_COUNTS) {
		consume_skb(skb);
		return;
	}
	atomic_inc(&sk->sk_drops);
	kinet_drop(skb, pkt, refusal);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_tcp_listen_input);

/* May a child go on to ESTABLISHED? */
bool kinet_tcp_may_stand(struct sock *sk)
{
	return !sk_acceptq_is_full(kinet_tcp(sk)->parent);
}

/* A child's handshake is over. */
void kinet_tcp_stands(struct sock *sk)
{
	struct sock *parent = kinet_tcp(sk)->parent;
	struct kinet_tcp *tp = kinet_tcp(parent);
	bool listens;

	kinet_tcp(sk)->defer = 0;
	spin_lock_bh(&tp->queue_lock);
	/* One that is taken off already is about to be reset. */
	listens = !list_empty(&kinet_tcp(sk)->queued);
	if (listens) {
		list_move_tail(&kinet_tcp(sk)->queued, &tp->ready);
		WRITE_ONCE(tp->embryo_count, tp->embryo_count - 1);
		sk_acceptq_added(parent);
	}
	spin_unlock_bh(&tp->queue_lock);
	if (listens)
		parent->sk_data_ready(parent);
}

/**
 * kinet_tcp_forget_child() - a child leaves its listener
 * @sk: sock, locked; it may be nobody's child
 */
void kinet_tcp_forget_child(struct sock *sk)
{
	struct sock *parent = kinet_tcp(sk)->parent;
	struct kinet_tcp *tp;

	if (!parent)
		return;
	tp = kinet_tcp(parent);
	spin_lock_bh(&tp->queue_lock);
	if (!list_empty(&kinet_tcp(sk)->queued)) {
		list_del_init(&kinet_tcp(sk)->queued);
		if (kinet_tcp(sk)->stood)
			sk_acceptq_removed(parent);
		else
			WRITE_ONCE(tp->embryo_count, tp->embryo_count - 1);
	}
	spin_unlock_bh(&tp->queue_lock);
	kinet_tcp(sk)->parent = NULL;
	sock_put(parent);
}

/* --- the listener's own calls --- */

/**
 * kinet_stream_listen() - listen(2)
 * @sock: socket
 * @backlog: how many may wait to be accepted
 *
 * Return: 0, -EINVAL, -EADDRINUSE, -ENETDOWN once kinet is drained.
 */
int kinet_stream_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	lock_sock(sk);
	if (sock->state != SS_UNCONNECTED ||
	    !((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		goto out;
	WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
	err = 0;
	if (sk->sk_state == TCP_LISTEN)
		goto out;
	kinet_tcp_begin(sk);
	WRITE_ONCE(sk->sk_ack_backlog, 0);
	kinet_tcp_event(sk, KINET_EV_LISTEN);
	/* Others who listen are in the way, even with SO_REUSEADDR. */
	err = kinet_listen_port(sk);
	/* SYNs may have come. */
	if (err)
		kinet_tcp_listen_end(sk);
out:
	release_sock(sk);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_stream_listen);

/* The first of @embryos or of @ready, held; or NULL */
static struct sock *kinet_tcp_first_of(struct sock *sk, struct list_head *list)
{
	struct kinet_tcp *child, *tp = kinet_tcp(sk);

	spin_lock_bh(&tp->queue_lock);
	child = list_first_entry_or_null(list, struct kinet_tcp, queued);
	if (child)
		sock_hold(&child->k.inet.sk);
	spin_unlock_bh(&tp->queue_lock);
	return child ? &child->k.inet.sk : NULL;
}

/**
 * kinet_tcp_listen_end() - listen no more
 * @sk: sock, locked, in LISTEN
 *
 * Those who wait to be accepted are reset (RFC 9293, section 3.10.4).
 */
void kinet_tcp_listen_end(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sock *child;

	spin_lock_bh(&tp->queue_lock);
	kinet_tcp_event(sk, KINET_EV_CLOSE);
	spin_unlock_bh(&tp->queue_lock);
	/* An embryo may get ready meanwhile, but not the other way round. */
	while ((child = kinet_tcp_first_of(sk, &tp->embryos) ?:
			kinet_tcp_first_of(sk, &tp->ready))) {
		lock_sock_nested(child, SINGLE_DEPTH_NESTING);
		if (kinet_tcp(child)->parent) {
			kinet_tcp_forget_child(child);
			sock_orphan(child);
			if (child->sk_state == TCP_CLOSE)
				kinet_tcp_end(child);
			else
				kinet_tcp_reset(child, 0);
		}
		release_sock(child);
		sock_put(child);
	}
}

static int kinet_tcp_wait_ready(struct sock *sk, long timeout)
{
	DEFINE_WAIT(wait);
	int err = 0;

	for (;;) {
		prepare_to_wait_exclusive(sk_sleep(sk), &wait,
					  TASK_INTERRUPTIBLE);
		if (kinet_tcp_has_ready(sk))
			break;
		err = -EINVAL;
		if (sk->sk_state != TCP_LISTEN)
			break;
		err = -EAGAIN;
		if (!timeout)
			break;
		err = sock_intr_errno(timeout);
		if (signal_pending(current))
			break;
		err = 0;
		release_sock(sk);
		timeout = schedule_timeout(timeout);
		sched_annotate_sleep();
		lock_sock(sk);
	}
	finish_wait(sk_sleep(sk), &wait);
	return err;
}

/**
 * kinet_tcp_accept() - accept(2)
 * @sk: sock
 * @nonblock: whether not to wait
 * @err: where an errno is stored
 *
 * Return: a connection, which is the caller's; or NULL.
 */
struct sock *kinet_tcp_accept(struct sock *sk, bool nonblock, int *err)
{
	struct sock *child = NULL;
	bool ours;

	lock_sock(sk);
	*err = -EINVAL;
	while (sk->sk_state == TCP_LISTEN && !child) {
		*err = kinet_tcp_wait_ready(sk, sock_rcvtimeo(sk, nonblock));
		if (*err)
			break;
		child = kinet_tcp_first_of(sk, &kinet_tcp(sk)->ready);
		if (!child)
			continue;
		lock_sock_nested(child, SINGLE_DEPTH_NESTING);
		/* Draining may have taken it away. */
		ours = kinet_tcp(child)->parent;
		kinet_tcp_forget_child(child);
		release_sock(child);
		sock_put(child);
		if (!ours)
			child = NULL;
	}
	/* As each call says then; it listens no more. */
	if (!child && READ_ONCE(kinet_sk(sk)->dead))
		*err = -ENETDOWN;
	release_sock(sk);
	return child;
}
