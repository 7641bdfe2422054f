// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments that leave
 *
 * Numbers decide what is sent: SND.UNA, SND.NXT, the windows and the scoreboard;
 * the bytes are fetched from the store when they are. A segment may be longer
 * than SMSS: then the device, or the kernel before it, divides it.
 */
#include <linux/tcp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>

#include "stream.h"

/* RFC 7323, section 4.1: the clock of the time stamps, milliseconds */
u32 kinet_tcp_stamp(const struct kinet_tcp *tp, u64 now)
{
	return (u32)div_u64(now, 1000) + tp->stamp_offset;
}

/* --- the way --- */

static bool kinet_tcp_is_isolated(const struct kinet_flow *flow)
{
	return flow->fl.u.__fl_common.flowic_proto != IPPROTO_TCP;
}

/*
 * How much one skb may carry. What has too many segments for the device would be
 * divided above its queue, which then loses or delays them all as one; and what
 * divides looks at the pseudo-header of TCP.
 */
static u32 kinet_tcp_most_at_once(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	if (kinet_tcp_is_isolated(&tp->flow))
		return tp->mss;
	return min_t(u32, READ_ONCE(sk->sk_gso_max_segs) * (u32)tp->mss,
		     READ_ONCE(sk->sk_gso_max_size));
}

/**
 * kinet_tcp_sync_mss() - how long a full segment is, by route and peer
 * @sk: sock, with a route
 *
 * RFC 9293, section 3.7.1 (MUST-16): Eff.snd.MSS; options of every segment are
 * taken off here (RFC 6691).
 */
void kinet_tcp_sync_mss(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	int mss;

	if (!tp->flow.dst)
		return;
	mss = kinet_sk(sk)->wire->mtu(&tp->flow) - KINET_TCP_HEADER -
	      kinet_ip_header_len(&tp->flow);
	mss = min_t(int, mss, tp->peer_mss);
	if (tp->user_mss)
		mss = min_t(int, mss, tp->user_mss);
	if (tp->stamps)
		mss -= KINET_OPTIONS_TS;
	WRITE_ONCE(tp->mss, clamp(mss, KINET_MSS_MIN, 65535 - 120));
	tp->cong.mss = tp->mss;
	/* RFC 5681, section 3.1: the loss window is one full segment. */
	if (tp->cong.ops)
		tp->cong.cwnd = max_t(u32, tp->cong.cwnd, tp->mss);
	tp->board.mss = tp->mss;
	tp->most = kinet_tcp_most_at_once(sk);
}

/*
 * Is the route that there is still the one to take? The kernel takes away its
 * own reference when an option is set that a route is looked for by.
 */
static bool kinet_tcp_has_route(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	struct dst_entry *dst = tp->flow.dst;

	return dst && dst == rcu_access_pointer(sk->sk_dst_cache) &&
	       (!dst->obsolete || dst->ops->check(dst, tp->cookie));
}

/**
 * kinet_tcp_route() - have a route to the peer
 * @sk: sock, locked
 *
 * Return: 0, or what the kernel's routing says.
 */
int kinet_tcp_route(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	int err;

	if (likely(kinet_tcp_has_route(sk)))
		return 0;
	dst_release(tp->flow.dst);
	tp->flow.dst = NULL;
	kinet_flow_renew(sk, &tp->flow);
	WRITE_ONCE(tp->conn.device, sk->sk_bound_dev_if);
	err = kinet_sk(sk)->wire->route(sk, &tp->flow);
	if (err)
		return err;
	if (tp->flow.family == AF_INET6)
		tp->cookie = rt6_get_cookie((struct rt6_info *)tp->flow.dst);
	sk_setup_caps(sk, dst_clone(tp->flow.dst));
	kinet_tcp_sync_mss(sk);
	return 0;
}

/* --- headers --- */

static u16 kinet_tcp_window(struct sock *sk, bool syn)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_rcv_space space;

	kinet_tcp_space(sk, &space);
	return syn ? kinet_window_syn(&tp->rcv, space.free) :
		     kinet_window_offer(&tp->rcv, &space);
}

/**
 * kinet_tcp_offered_mss() - what our SYN says, by the route that there is
 * @tp: connection
 *
 * RFC 9293, MUST-67: what can be received, not what the path to the peer takes.
 *
 * Return: bytes, options not taken off (RFC 6691).
 */
u16 kinet_tcp_offered_mss(const struct kinet_tcp *tp)
{
	unsigned int mss = KINET_MSS_DEFAULT;

	if (tp->flow.dst)
		mss = kinet_ip_link_mtu(&tp->flow) - KINET_TCP_HEADER -
		      kinet_ip_header_len(&tp->flow);
	if (tp->user_mss)
		mss = min_t(unsigned int, mss, tp->user_mss);
	return min(mss, 65535U);
}

/* An answer has what the question had (RFC 7323, section 2.2). */
static void kinet_tcp_syn_options(const struct kinet_tcp *tp,
				  struct kinet_options *options)
{
	options->has = KINET_HAS_MSS | tp->offers;
	options->mss = kinet_tcp_offered_mss(tp);
	options->scale = tp->rcv.scale;
}

static void kinet_tcp_options(struct sock *sk, u8 flags, unsigned int len,
			      u64 now, struct kinet_options *options)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	unsigned int room;

	memset(options, 0, offsetof(struct kinet_options, sack));
	if (flags & KINET_SYN)
		kinet_tcp_syn_options(tp, options);
	else if (tp->stamps)
		options->has |= KINET_HAS_TS;
	if (options->has & KINET_HAS_TS) {
		options->tsval = kinet_tcp_stamp(tp, now);
		options->tsecr = flags & KINET_ACK ? tp->paws.recent : 0;
	}
	/* With data only where there is room beside a full segment */
	if (!tp->sacks || flags & (KINET_SYN | KINET_RST) ||
	    !kinet_tcp_has_to_tell(tp))
		return;
	if (len && len + KINET_OPTIONS_MAX > tp->mss)
		return;
	options->sacks = KINET_SACK_BLOCKS;
	room = kinet_options_sacks(options);
	options->sacks = kinet_reassembly_sack(&tp->later, options->sack, room,
					       true);
}

static void kinet_tcp_checksum(struct sk_buff *skb, struct kinet_flow *flow)
{
	u8 protocol = flow->fl.u.__fl_common.flowic_proto;
	struct flowi4 *fl4 = &flow->fl.u.ip4;
	struct flowi6 *fl6 = &flow->fl.u.ip6;

	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	tcp_hdr(skb)->check = flow->family == AF_INET ?
		~csum_tcpudp_magic(fl4->saddr, fl4->daddr, skb->len, protocol,
				   0) :
		~csum_ipv6_magic(&fl6->saddr, &fl6->daddr, skb->len, protocol,
				 0);
}

/* Does a segment from @seq on tell of urgent data? */
static bool kinet_tcp_is_urgent(const struct kinet_tcp *tp, u32 seq)
{
	return tp->urgent_out && kinet_before(seq, tp->snd_up);
}

static void kinet_tcp_header(struct sock *sk, struct sk_buff *skb, u32 seq,
			     u8 flags, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_options options;
	unsigned int len;
	struct tcphdr *th;

	kinet_tcp_options(sk, flags, skb->len, now, &options);
	len = kinet_options_len(&options);
	kinet_options_build(skb_push(skb, len), &options);
	th = skb_push(skb, KINET_TCP_HEADER);
	skb_reset_transport_header(skb);
	memset(th, 0, sizeof(*th));
	th->source = tp->conn.ends.lport;
	th->dest = tp->conn.ends.rport;
	th->seq = htonl(seq);
	if (flags & KINET_ACK)
		th->ack_seq = htonl(tp->rcv.nxt);
	th->doff = (KINET_TCP_HEADER + len) / 4;
	/* RFC 9293, section 3.8.5; RFC 6093: it points behind the last byte. */
	if (kinet_tcp_is_urgent(tp, seq) &&
	    !(flags & (KINET_SYN | KINET_RST)) && tp->snd_up - seq <= U16_MAX) {
		flags |= KINET_URG;
		th->urg_ptr = htons(tp->snd_up - seq);
	}
	((u8 *)th)[13] = flags;
	if (!(flags & KINET_RST))
		th->window = htons(kinet_tcp_window(sk, flags & KINET_SYN));
}

static void kinet_tcp_divide(struct sk_buff *skb, u16 mss, u16 family)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	if (skb->len <= mss)
		return;
	info->gso_size = mss;
	info->gso_segs = DIV_ROUND_UP(skb->len, mss);
	info->gso_type = family == AF_INET ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
}

/* The queues below have sent something: maybe more can go. */
static void kinet_tcp_below_free(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct kinet_tcp *tp = kinet_tcp(sk);

	/* The sock's memory is there as long as it counts a byte of this. */
	WARN_ON(refcount_sub_and_test(skb->truesize - 1, &sk->sk_wmem_alloc));
	/* Pairs with kinet_tcp_is_throttled(), which sees less, or is seen here. */
	smp_mb__after_atomic();
	if (unlikely(READ_ONCE(tp->throttled)) &&
	    !test_and_set_bit(KINET_BELOW_SCHEDULED, &tp->late)) {
		if (refcount_inc_not_zero(&sk->sk_refcnt))
			tasklet_schedule(&tp->drained);
		else
			clear_bit(KINET_BELOW_SCHEDULED, &tp->late);
	}
	sk_free(sk);
}

static void kinet_tcp_own(struct sock *sk, struct sk_buff *skb)
{
	skb->sk = sk;
	skb->destructor = kinet_tcp_below_free;
	refcount_add(skb->truesize, &sk->sk_wmem_alloc);
}

static void kinet_tcp_acked_by(struct sock *sk, bool data, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	tp->ack_now = false;
	tp->ack_held = false;
	tp->last_ack = tp->rcv.nxt;
	kinet_ack_sent(&tp->ack, now, data);
	tp->deadlines.due[KINET_TIMER_DELACK] = KINET_NEVER;
}

/* Before it has its headers */
static void kinet_tcp_tally_out(struct sock *sk, const struct sk_buff *skb,
				u64 now)
{
	struct kinet_tally *tally = &kinet_tcp(sk)->tally;
	u32 segs = max_t(u32, skb_shinfo(skb)->gso_segs, 1);

	tally->segs_out += segs;
	if (!skb->len)
		return;
	tally->data_out += segs;
	tally->sent += skb->len;
	tally->sent_at = now;
}

/*
 * Every segment of a connection leaves here, by the route that there is; @skb has
 * its data, which was measured by that.
 */
static int kinet_tcp_xmit(struct sock *sk, struct sk_buff *skb, u32 seq, u8 flags,
			  u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool data = skb->len;

	kinet_tcp_divide(skb, tp->mss, tp->flow.family);
	kinet_tcp_tally_out(sk, skb, now);
	kinet_tcp_header(sk, skb, seq, flags, now);
	kinet_tcp_checksum(skb, &tp->flow);
	if (flags & KINET_ACK)
		kinet_tcp_acked_by(sk, data, now);
	kinet_tcp_own(sk, skb);
	skb_set_dst_pending_confirm(skb, READ_ONCE(sk->sk_dst_pending_confirm));
	if (unlikely(READ_ONCE(sk->sk_pacing_status) == SK_PACING_FQ))
		kinet_tcp_set_departure(sk, skb, data, now);
	/* For IPv6's no route is looked for before 6.12. */
	tp->flow.tos = kinet_flow_tos(sk, &tp->flow);
	kinet_count(sock_net(sk), KINET_SEGMENT_OUT);
	if (kinet_tcp_is_isolated(&tp->flow) && skb_checksum_help(skb)) {
		kfree_skb(skb);
		return -ENOBUFS;
	}
	return kinet_sk(sk)->wire->xmit(sk, skb, &tp->flow);
}

static struct sk_buff *kinet_tcp_alloc(const struct kinet_tcp *tp)
{
	unsigned int room = KINET_HEADROOM;
	struct sk_buff *skb;

	if (unlikely(tp->flow.opt))
		room += tp->flow.opt->opt_nflen + tp->flow.opt->opt_flen;
	skb = alloc_skb(room + KINET_STORE_COPY, GFP_ATOMIC | __GFP_NOWARN);
	if (skb)
		skb_reserve(skb, room);
	return skb;
}

static int kinet_tcp_send_bare(struct sock *sk, u32 seq, u8 flags)
{
	int err = kinet_tcp_route(sk);
	struct sk_buff *skb;

	if (err)
		return err;
	skb = kinet_tcp_alloc(kinet_tcp(sk));
	return skb ? kinet_tcp_xmit(sk, skb, seq, flags, kinet_tcp_clock(sk)) :
		     -ENOBUFS;
}

/* --- segments without data --- */

int kinet_tcp_send_syn(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u8 flags = sk->sk_state == TCP_SYN_RECV ? KINET_SYN | KINET_ACK :
						  KINET_SYN;
	int err;

	if (tp->snd.nxt == tp->iss) {
		WRITE_ONCE(tp->snd.nxt, tp->iss + 1);
		tp->first_sent = kinet_tcp_clock(sk);
		tp->timed = tp->first_sent;
		tp->timed_seq = tp->snd.nxt;
	} else {
		/* Karn: which of them will be acknowledged? */
		tp->timed = 0;
	}
	err = kinet_tcp_send_bare(sk, tp->iss, flags);
	kinet_tcp_arm_resend(sk, kinet_tcp_clock(sk), true);
	return err;
}

void kinet_tcp_send_ack(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	/* When it can't go now, it goes later. */
	if (kinet_tcp_send_bare(sk, tp->snd.nxt, KINET_ACK) == -ENOBUFS)
		kinet_tcp_due(sk, KINET_TIMER_DELACK, kinet_tcp_clock(sk),
			      KINET_DELACK_MIN);
}

/*
 * RFC 9293, sections 3.8.4 and 3.8.6.1: not in the window, so it is answered.
 * That urgent data come is heard only in the window, be it shut (MUST-66).
 */
void kinet_tcp_send_probe(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (tp->urgent_out)
		kinet_tcp_send_bare(sk, tp->snd.una, KINET_ACK);
	kinet_tcp_send_bare(sk, tp->snd.una - 1, KINET_ACK);
}

void kinet_tcp_send_reset(struct sock *sk)
{
	kinet_count(sock_net(sk), KINET_RESET_OUT);
	kinet_tcp_send_bare(sk, kinet_tcp(sk)->snd.nxt, KINET_RST | KINET_ACK);
}

/* --- data --- */

static void kinet_tcp_sent(struct sock *sk, u32 seq, u32 end, unsigned int len,
			   u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (unlikely(tp->pace.rate))
		kinet_pace_sent(&tp->pace, now * NSEC_PER_USEC, len);
	if (!kinet_after(end, tp->snd.nxt)) {
		/* Karn: what is resent isn't timed. */
		if (tp->timed && kinet_before(seq, tp->timed_seq))
			tp->timed = 0;
		tp->resent++;
		tp->tally.sent_again += len;
		kinet_count(sock_net(sk), KINET_SEGMENT_RESENT);
		return;
	}
	if (tp->snd.una == tp->snd.nxt) {
		tp->first_sent = now;
		kinet_cong_sent(&tp->cong, now, 0, kinet_rtt_rto(&tp->rtt, &tp->limits));
	}
	WRITE_ONCE(tp->snd.nxt, end);
	kinet_board_sent(&tp->board, end);
	if (len % tp->mss)
		tp->small_end = end;
	if (!tp->timed) {
		/* The first segment of a burst: another may well be lost. */
		tp->timed = now;
		tp->timed_seq = kinet_earlier(end, seq + tp->mss);
	}
	kinet_cong_sent(&tp->cong, now, kinet_tcp_flight(tp),
			kinet_rtt_rto(&tp->rtt, &tp->limits));
	tp->overdue = false;
	kinet_tcp_undue(sk, KINET_TIMER_OVERRIDE);
}

/* Send numbers from @seq to @end, which may be the FIN's; or a part of them. */
static int kinet_tcp_send_range(struct sock *sk, u32 seq, u32 end, u64 now,
				u32 *sent)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 stop = kinet_earlier(end, tp->write_seq);
	unsigned int want, len;
	struct sk_buff *skb;
	u8 flags = KINET_ACK;
	int err;

	/* A new one may take less. */
	err = kinet_tcp_route(sk);
	if (err)
		return err;
	want = min(tp->burst, tp->most);
	want = max_t(u32, want - want % tp->mss, tp->mss);
	want = min_t(u32, stop - seq, want);
	/* What divides it would have each part say so. */
	if (unlikely(kinet_tcp_is_urgent(tp, seq)))
		want = min_t(unsigned int, want, tp->mss);
	len = kinet_store_burst(sk, seq, want);
	if (len < want)
		len = len > tp->mss ? len - len % tp->mss : len;
	skb = kinet_tcp_alloc(tp);
	if (!skb)
		return -ENOBUFS;
	err = kinet_store_fill(sk, skb, seq, len);
	if (WARN_ON_ONCE(err)) {
		kfree_skb(skb);
		return err;
	}
	*sent = seq + len;
	if (*sent == tp->write_seq) {
		if (len)
			flags |= KINET_PSH;
		if (kinet_after(end, tp->write_seq)) {
			flags |= KINET_FIN;
			++*sent;
		}
	}
	err = kinet_tcp_xmit(sk, skb, seq, flags, now);
	/* What a queue or a filter has lost is resent as if the network had. */
	kinet_tcp_sent(sk, seq, *sent, len, now);
	return err;
}

static u32 kinet_tcp_pipe(const struct kinet_tcp *tp)
{
	if (tp->board.count || tp->board.recovering ||
	    kinet_before(tp->snd.una, tp->board.lost))
		return kinet_board_pipe(&tp->board);
	return kinet_tcp_flight(tp);
}

static u32 kinet_tcp_cwnd(const struct kinet_tcp *tp)
{
	u32 cwnd = tp->cong.cwnd;

	/* RFC 3042: two segments beyond it */
	if (!tp->sacks && !tp->newreno.recovering)
		cwnd += min(tp->newreno.dupacks, 2U) * tp->mss;
	return cwnd;
}

static bool kinet_tcp_is_throttled(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	bool full = sk_wmem_alloc_get(sk) >= tp->below;

	if (unlikely(full)) {
		WRITE_ONCE(tp->throttled, true);
		/* Pairs with kinet_tcp_below_free(). */
		smp_mb();
		full = sk_wmem_alloc_get(sk) >= tp->below;
	}
	if (unlikely(tp->throttled && !full))
		WRITE_ONCE(tp->throttled, false);
	return full;
}

/* What could go has to wait for its time. */
static bool kinet_tcp_is_held(struct sock *sk, u64 now)
{
	return unlikely(kinet_tcp(sk)->pace.rate) && kinet_tcp_is_early(sk, now);
}

/* For who waits for room, or for something urgent, nothing more is to come. */
static bool kinet_tcp_is_corked(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	bool corked = tp->corked && tp->lifted_seq != tp->write_seq;

	return (corked || tp->more) && !tp->urgent_out &&
	       sk_stream_memory_free(sk);
}

static bool kinet_tcp_has_small_out(const struct kinet_tcp *tp)
{
	/* One of long ago may look as if it were to come. */
	return kinet_after(tp->small_end, tp->snd.una) &&
	       !kinet_after(tp->small_end, tp->snd.nxt);
}

/* How much new may be sent now: 0, or a number beyond SND.NXT in @end */
static bool kinet_tcp_new_end(struct sock *sk, u32 room, u32 *end)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 left = tp->write_seq - tp->snd.nxt;
	bool fin = tp->fin_wanted && !kinet_after(tp->snd.nxt, tp->write_seq);
	struct kinet_sending sending = {
		.queued		= kinet_after(tp->snd.nxt, tp->write_seq) ? 0 : left,
		.small_out	= kinet_tcp_has_small_out(tp),
		.nodelay	= tp->nodelay || tp->urgent_out,
		.corked		= kinet_tcp_is_corked(sk),
		.fin		= fin,
		.overdue	= tp->overdue,
		.mss		= tp->mss,
	};
	u32 now;

	if (!sending.queued) {
		/* A FIN alone needs no window. */
		*end = kinet_tcp_end_seq(tp);
		return fin;
	}
	now = kinet_snd_now(&tp->snd, &sending);
	if (now > room)
		now = room - room % tp->mss;
	*end = tp->snd.nxt + now;
	if (now == sending.queued)
		*end += fin;
	return now;
}

static bool kinet_tcp_new_fits(struct sock *sk)
{
	u32 end;

	return kinet_tcp_new_end(sk, U32_MAX / 2, &end);
}

/* One segment or burst; false when nothing can go. */
static bool kinet_tcp_step(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 pipe = kinet_tcp_pipe(tp), cwnd = kinet_tcp_cwnd(tp);
	u32 room = cwnd > pipe ? cwnd - pipe : 0;
	struct kinet_range range;
	enum kinet_next next = KINET_NEXT_NEW;
	u32 end, sent;

	if (kinet_tcp_is_throttled(sk))
		return false;
	if (tp->board.recovering || tp->board.count ||
	    kinet_before(tp->snd.una, tp->board.lost)) {
		/* RFC 6675, section 5, (C): a segment at least */
		if (room < tp->mss && pipe)
			return false;
		next = kinet_board_next(&tp->board, kinet_tcp_new_fits(sk),
					&range);
	}
	switch (next) {
	case KINET_NEXT_NOTHING:
		return false;
	case KINET_NEXT_NEW:
		if (!kinet_tcp_new_end(sk, room, &end) ||
		    kinet_tcp_is_held(sk, now))
			return false;
		return !kinet_tcp_send_range(sk, tp->snd.nxt, end, now, &sent);
	default:
		if (kinet_tcp_is_held(sk, now) ||
		    kinet_tcp_send_range(sk, range.start, range.end, now, &sent))
			return false;
		kinet_board_resent(&tp->board, next, sent);
		return true;
	}
}

/* Nothing on its way will bring an answer: something else has to. */
static void kinet_tcp_wait_for(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 rto = kinet_rtt_rto(&tp->rtt, &tp->limits);

	if (tp->snd.una != tp->snd.nxt) {
		kinet_tcp_arm_resend(sk, now, false);
		return;
	}
	if (kinet_tcp_end_seq(tp) == tp->snd.nxt || tp->throttled ||
	    tp->deadlines.due[KINET_TIMER_PACE] != KINET_NEVER)
		return;
	/* Without a route, probes ask for one, and are counted. */
	if (tp->flow.dst && tp->snd.wnd && kinet_snd_usable(&tp->snd)) {
		/* RFC 9293, section 3.8.6.2.1: 0.1 - 1.0 s */
		if (tp->deadlines.due[KINET_TIMER_OVERRIDE] == KINET_NEVER)
			kinet_tcp_due(sk, KINET_TIMER_OVERRIDE, now,
				      clamp_t(u32, rto, 100000, 1000000));
	} else if (tp->deadlines.due[KINET_TIMER_PERSIST] == KINET_NEVER) {
		tp->persists = now;
		kinet_tcp_due(sk, KINET_TIMER_PERSIST, now,
			      kinet_persist_interval(rto, tp->shut,
						     tp->limits.max));
	}
}

/* RFC 5681, section 4.1: the window may have been of a network that is gone. */
static void kinet_tcp_check_idle(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (tp->snd.una != tp->snd.nxt || tp->write_seq == tp->snd.nxt ||
	    !tp->tally.data_out)
		return;
	if (now - tp->tally.sent_at > kinet_rtt_rto(&tp->rtt, &tp->limits))
		kinet_cong_idle(&tp->cong);
}

/**
 * kinet_tcp_push() - send what may be sent
 * @sk: sock, locked, in a synchronized state
 */
void kinet_tcp_push(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now;

	/* Mostly all is sent and acknowledged. */
	if (!kinet_tcp_goes_on(sk) || tp->snd.una == kinet_tcp_end_seq(tp))
		return;
	now = kinet_tcp_clock(sk);
	kinet_tcp_check_idle(sk, now);
	if (unlikely(READ_ONCE(sk->sk_pacing_status) != SK_PACING_NONE))
		kinet_tcp_pace(sk);
	while (kinet_tcp_step(sk, now))
		;
	kinet_tcp_wait_for(sk, now);
}

/**
 * kinet_tcp_resend_first() - the first segment that isn't acknowledged, again
 * @sk: sock, locked
 * @now: microseconds
 */
void kinet_tcp_resend_first(struct sock *sk, u64 now)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u32 end, sent;

	if (tp->snd.una == tp->snd.nxt)
		return;
	end = kinet_earlier(tp->snd.una + tp->mss, tp->snd.nxt);
	kinet_tcp_send_range(sk, tp->snd.una, end, now, &sent);
	kinet_tcp_arm_resend(sk, now, false);
}

/* In softirq, for kinet_tcp_below_free(), whose reference this has */
void kinet_tcp_drained(struct tasklet_struct *tasklet)
{
	struct kinet_tcp *tp = from_tasklet(tp, tasklet, drained);
	struct sock *sk = &tp->k.inet.sk;

	bh_lock_sock(sk);
	clear_bit(KINET_BELOW_SCHEDULED, &tp->late);
	if (!sock_owned_by_user(sk)) {
		WRITE_ONCE(tp->throttled, false);
		kinet_tcp_push(sk);
	} else {
		set_bit(KINET_LATE_DRAINED, &tp->late);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}
