// SPDX-License-Identifier: GPL-2.0-only
/*
 * What remains of a connection in TIME-WAIT: no sock, so neither the module nor
 * the namespace is held
 *
 * Whoever takes it from the table frees it: the timer, a segment that ends it,
 * or the end of the namespace.
 */
#include <linux/slab.h>

#include "stream.h"

struct kinet_remains {
	struct kinet_conn	conn;
	struct kinet_timewait	tw;
	struct net		*net;
	struct kinet_claim	*claim;
	struct timer_list	timer;
	u64			due;
	spinlock_t		lock;		/* of @challenges */
	struct kinet_challenge_limit challenges;
	struct rcu_head		rcu;
	u32			snd_nxt;
	u32			stamp_offset;
	u16			wnd;
};

static struct kmem_cache *kinet_remains_cache;

static void kinet_remains_free(struct rcu_head *rcu)
{
	kmem_cache_free(kinet_remains_cache,
			container_of(rcu, struct kinet_remains, rcu));
}

static void kinet_remains_end(struct kinet_conn *conn)
{
	struct kinet_remains *r = container_of(conn, struct kinet_remains, conn);
	struct kinet_net *kn = kinet_net(r->net);

	if (!kinet_conn_remove(kn->conns, conn))
		return;
	/* Others may still look at it, and its timer may just be running. */
	del_timer(&r->timer);
	atomic_dec(&kn->remains);
	kinet_claim_put(r->claim);
	call_rcu(&r->rcu, kinet_remains_free);
}

static void kinet_remains_timer(struct timer_list *timer)
{
	struct kinet_remains *r = from_timer(r, timer, timer);

	kinet_remains_end(&r->conn);
}

static u64 kinet_remains_clock(const struct kinet_remains *r)
{
	return kinet_wire_clock(READ_ONCE(kinet_net(r->net)->wire));
}

/* 2*MSL, from now on; unless it has ended meanwhile */
static void kinet_remains_wait(struct kinet_remains *r, bool anew)
{
	unsigned long expires = jiffies + KINET_TIMEWAIT_SECONDS * HZ;

	WRITE_ONCE(r->due, kinet_remains_clock(r) +
			   KINET_TIMEWAIT_SECONDS * KINET_SECOND);
	if (READ_ONCE(kinet_net(r->net)->wire)->clock)
		return;
	if (anew)
		mod_timer_pending(&r->timer, expires);
	else
		mod_timer(&r->timer, expires);
}

static void kinet_remains_describe(struct kinet_remains *r, struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	r->conn = (struct kinet_conn){
		.ends		= tp->conn.ends,
		.device		= tp->conn.device,
		.timewait	= true,
	};
	r->tw = (struct kinet_timewait){
		.rcv_nxt	= tp->rcv.nxt,
		.rcv_wnd	= kinet_rcv_wnd(&tp->rcv),
		.recent		= tp->paws.recent,
		.stamped	= tp->stamps,
		.hazards	= true,
	};
	spin_lock_init(&r->lock);
	r->challenges = (struct kinet_challenge_limit){};
	r->net = sock_net(sk);
	r->claim = tp->k.claim;
	r->snd_nxt = tp->snd.nxt;
	r->stamp_offset = tp->stamp_offset;
	r->wnd = min_t(u32, kinet_rcv_wnd(&tp->rcv) >> tp->rcv.scale, U16_MAX);
}

static void kinet_remains_begin(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_remains *r;

	/* Without it the connection is merely forgotten too soon. */
	if (hlist_unhashed(&kinet_tcp(sk)->conn.node) ||
	    atomic_read(&kn->remains) >=
	    READ_ONCE(kn->tcp[KINET_TCP_MAX_TW_BUCKETS]))
		return;
	r = kmem_cache_alloc(kinet_remains_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!r)
		return;
	kinet_remains_describe(r, sk);
	kinet_claim_hold(r->claim);
	atomic_inc(&kn->remains);
	timer_setup(&r->timer, kinet_remains_timer, 0);
	kinet_remains_wait(r, false);
	kinet_conn_replace(sk, &r->conn);
}

/**
 * kinet_remains_leave() - a connection goes to TIME-WAIT, and leaves its sock
 * @sk: sock, locked; then in CLOSED
 * @event: what has happened
 *
 * The sock is in that state for no longer than this: others who see it there
 * would take it for a sock of the host's that is no whole one.
 */
void kinet_remains_leave(struct sock *sk, enum kinet_event event)
{
	kinet_remains_begin(sk);
	kinet_tcp_event(sk, event);
	kinet_tcp_event(sk, KINET_EV_TIMEOUT);
	kinet_tcp_finish(sk);
}

static void kinet_remains_answer(const struct kinet_remains *r,
				 const struct kinet_pkt *pkt)
{
	u32 stamp = (u32)div_u64(kinet_remains_clock(r), 1000) + r->stamp_offset;

	kinet_tcp_answer_ack(pkt, &r->tw, r->snd_nxt, r->wnd, stamp);
}

/* As kinet_tcp_answer_stray() */
static void kinet_remains_answer_stray(struct kinet_remains *r,
				       const struct kinet_seg *seg,
				       const struct kinet_pkt *pkt)
{
	bool allowed = kinet_seg_is_awaiting(seg);

	if (!allowed) {
		spin_lock(&r->lock);
		allowed = kinet_tcp_is_allowed(&r->challenges,
					       kinet_remains_clock(r));
		spin_unlock(&r->lock);
		if (!allowed)
			return;
		kinet_count(r->net, KINET_CHALLENGE_OUT);
	}
	kinet_remains_answer(r, pkt);
}

/**
 * kinet_remains_input() - a segment for what is in TIME-WAIT
 * @conn: it
 * @skb: segment, its data at its header; consumed when this returns true
 * @pkt: what it is
 * @listened: somebody listens, who could have a new connection
 *
 * Context: softirq, RCU read side.
 * Return: false when it is for who listens.
 */
bool kinet_remains_input(struct kinet_conn *conn, struct sk_buff *skb,
			 const struct kinet_pkt *pkt, bool listened)
{
	struct kinet_remains *r = container_of(conn, struct kinet_remains, conn);
	enum kinet_count refusal = KINET_DROP_TIME_WAIT;
	struct kinet_timewait_seg of;
	struct kinet_seg seg;

	kinet_seg_read(skb, &seg);
	of = (struct kinet_timewait_seg){
		.seq		= seg.seq,
		.len		= kinet_seg_len(seg.len, seg.flags),
		.tsval		= seg.options.tsval,
		.stamped	= seg.options.has & KINET_HAS_TS,
		.flags		= seg.flags,
	};
	switch (kinet_timewait(&r->tw, &of)) {
	case KINET_TIMEWAIT_DROP:
		break;
	case KINET_TIMEWAIT_AGAIN:
		refusal = KINET_COUNTS;
		kinet_remains_wait(r, true);
		kinet_remains_answer(r, pkt);
		break;
	case KINET_TIMEWAIT_ACK:
		kinet_remains_answer_stray(r, &seg, pkt);
		break;
	case KINET_TIMEWAIT_REUSE:
		if (listened)
			return false;
		/* It will come again, to the host, which has the port by now. */
		if (kinet_stream_host_listens(pkt))
			kinet_remains_end(conn);
		else
			kinet_remains_answer_stray(r, &seg, pkt);
		break;
	case KINET_TIMEWAIT_END:
		refusal = KINET_COUNTS;
		kinet_remains_end(conn);
		break;
	}
	if (refusal == KINET_COUNTS)
		consume_skb(skb);
	else
		kinet_drop(skb, pkt, refusal);
	return true;
}

/**
 * kinet_remains_give_way() - a new connection between the same ends begins
 * @pkt: its SYN
 * @snd_nxt: behind all that the old one has sent, if there was one
 *
 * Context: softirq, RCU read side.
 * Return: whether there was one.
 */
bool kinet_remains_give_way(const struct kinet_pkt *pkt, u32 *snd_nxt)
{
	struct kinet_conn *conn = kinet_conn_find(kinet_net(pkt->net)->conns,
						  pkt);

	if (!conn || !conn->timewait)
		return false;
	*snd_nxt = container_of(conn, struct kinet_remains, conn)->snd_nxt;
	kinet_remains_end(conn);
	return true;
}

static void kinet_remains_end_due(struct kinet_conn *conn)
{
	struct kinet_remains *r = container_of(conn, struct kinet_remains, conn);

	if (kinet_remains_clock(r) >= READ_ONCE(r->due))
		kinet_remains_end(conn);
}

/**
 * kinet_remains_expire() - end those whose time is over
 * @net: namespace, whose wire has a clock of its own
 */
void kinet_remains_expire(struct net *net)
{
	kinet_conns_each_timewait(kinet_net(net)->conns, kinet_remains_end_due);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_remains_expire);

/* The namespace ends, or is drained: nobody waits any more. */
void kinet_remains_purge(struct net *net)
{
	kinet_conns_each_timewait(kinet_net(net)->conns, kinet_remains_end);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_remains_purge);

int kinet_remains_init(void)
{
	kinet_remains_cache = KMEM_CACHE(kinet_remains, SLAB_HWCACHE_ALIGN);
	return kinet_remains_cache ? 0 : -ENOMEM;
}

void kinet_remains_exit(void)
{
	kmem_cache_destroy(kinet_remains_cache);
}
