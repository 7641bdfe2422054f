// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments that arrive: whose are they?
 */
#include <linux/tcp.h>
#include <net/busy_poll.h>
#include <net/inet6_hashtables.h>
#include <net/inet_common.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "stream.h"
#include "../trace.h"

/**
 * kinet_seg_read() - read a segment's header
 * @skb: segment, its data at the header, all of which is there
 * @seg: filled
 */
void kinet_seg_read(const struct sk_buff *skb, struct kinet_seg *seg)
{
	const struct tcphdr *th = (const struct tcphdr *)skb->data;

	seg->header = th->doff * 4;
	seg->seq = ntohl(th->seq);
	seg->ack = ntohl(th->ack_seq);
	seg->len = skb->len - seg->header;
	seg->wnd = ntohs(th->window);
	seg->urg = ntohs(th->urg_ptr);
	seg->flags = ((const u8 *)th)[13] & 0x3f;
	seg->unscaled = seg->flags & KINET_SYN;
	kinet_options_parse(skb->data + KINET_TCP_HEADER,
			    seg->header - KINET_TCP_HEADER,
			    seg->flags & KINET_SYN, &seg->options);
}

/* --- is it what was sent? --- */

static bool kinet_stream_checksum(struct sk_buff *skb,
				  const struct kinet_pkt *pkt)
{
	if (skb_csum_unnecessary(skb))
		return true;
	if (pkt->family == AF_INET ?
	    skb_checksum_init(skb, pkt->protocol, inet_compute_pseudo) :
	    skb_checksum_init(skb, pkt->protocol, ip6_compute_pseudo))
		return false;
	return !skb_checksum_complete(skb);
}

/* Its data are at the network's header, then at the transport's. */
static enum kinet_count kinet_stream_accept(struct sk_buff *skb,
					    const struct kinet_pkt *pkt)
{
	const struct tcphdr *th;
	unsigned int header;

	if (!pskb_may_pull(skb, pkt->offset + KINET_TCP_HEADER))
		return KINET_DROP_BAD_LENGTH;
	th = (const struct tcphdr *)(skb->data + pkt->offset);
	header = th->doff * 4;
	if (header < KINET_TCP_HEADER)
		return KINET_DROP_BAD_HEADER;
	if (!pskb_may_pull(skb, pkt->offset + header))
		return KINET_DROP_BAD_LENGTH;
	__skb_pull(skb, pkt->offset);
	/* IPv4's header has a sum of 0. */
	if (pkt->family == AF_INET6)
		skb_postpull_rcsum(skb, skb_network_header(skb), pkt->offset);
	skb_reset_transport_header(skb);
	return kinet_stream_checksum(skb, pkt) ? KINET_COUNTS :
						 KINET_DROP_BAD_CHECKSUM;
}

/* --- to a sock --- */

static enum kinet_count kinet_stream_refusal(struct sock *sk, struct sk_buff *skb,
					     const struct kinet_pkt *pkt)
{
	return kinet_refusal(sk, skb, pkt, tcp_hdr(skb)->doff * 4);
}

/* The socket counts it, too. */
static void kinet_stream_refuse(struct sock *sk, struct sk_buff *skb,
				const struct kinet_pkt *pkt,
				enum kinet_count refusal)
{
	atomic_inc(&sk->sk_drops);
	kinet_drop(skb, pkt, refusal);
}

/* More than the buffers hold is more than was promised. */
static unsigned int kinet_stream_backlog_max(const struct sock *sk)
{
	return READ_ONCE(sk->sk_rcvbuf) + READ_ONCE(sk->sk_sndbuf) + 65536;
}

static void kinet_stream_give(struct sock *sk, struct sk_buff *skb,
			      const struct kinet_pkt *pkt)
{
	enum kinet_count refusal = kinet_stream_refusal(sk, skb, pkt);

	if (refusal != KINET_COUNTS) {
		kinet_stream_refuse(sk, skb, pkt, refusal);
		return;
	}
	sk_mark_napi_id(sk, skb);
	sk_incoming_cpu_update(sk);
	kinet_strip(skb);
	bh_lock_sock_nested(sk);
	if (!sock_owned_by_user(sk))
		kinet_tcp_input(sk, skb);
	else if (sk_add_backlog(sk, skb, kinet_stream_backlog_max(sk)))
		kinet_stream_refuse(sk, skb, pkt, KINET_DROP_BUFFER_FULL);
	bh_unlock_sock(sk);
}

static void kinet_stream_listened(struct sock *sk, struct sk_buff *skb,
				  const struct kinet_pkt *pkt)
{
	enum kinet_count refusal = kinet_stream_refusal(sk, skb, pkt);

	if (refusal != KINET_COUNTS)
		kinet_stream_refuse(sk, skb, pkt, refusal);
	else
		kinet_tcp_listen_input(sk, skb, pkt);
}

/* RFC 9293, section 3.10.7.1: CLOSED */
static void kinet_stream_nobody(struct sk_buff *skb, const struct kinet_pkt *pkt)
{
	struct kinet_seg seg;

	kinet_seg_read(skb, &seg);
	if (!(seg.flags & KINET_RST) && !pkt->group)
		kinet_tcp_answer_reset(pkt, &seg);
	kinet_drop(skb, pkt, KINET_DROP_NO_SOCKET);
}

static struct sock *kinet_stream_sock(struct kinet_conn *conn)
{
	struct sock *sk;

	sk = &container_of(conn, struct kinet_tcp, conn)->k.inet.sk;
	return refcount_inc_not_zero(&sk->sk_refcnt) ? sk : NULL;
}

static void kinet_stream_dispatch(struct sk_buff *skb,
				  const struct kinet_pkt *pkt)
{
	struct kinet_net *kn = kinet_net(pkt->net);
	struct kinet_conn *conn;
	struct sock *sk;

	conn = pkt->conn ?: kinet_conn_find(kn->conns, pkt);
	if (conn && !conn->timewait) {
		sk = kinet_stream_sock(conn);
		if (sk) {
			kinet_stream_give(sk, skb, pkt);
			sock_put(sk);
			return;
		}
		conn = NULL;
	}
	sk = pkt->group ? NULL : kinet_table_find(kn->stream, skb, pkt);
	if (conn && kinet_remains_input(conn, skb, pkt, sk))
		return;
	if (sk)
		kinet_stream_listened(sk, skb, pkt);
	else
		kinet_stream_nobody(skb, pkt);
}

/* A connection of the host's from the time when it had the port */
static bool kinet_stream_is_hosts(const struct kinet_pkt *pkt)
{
	struct inet_hashinfo *hashinfo = pkt->net->ipv4.tcp_death_row.hashinfo;
	struct sock *sk;

	if (pkt->family == AF_INET)
		sk = __inet_lookup_established(pkt->net, hashinfo,
					       pkt->saddr.s6_addr32[3],
					       pkt->sport,
					       pkt->daddr.s6_addr32[3],
					       ntohs(pkt->dport), pkt->dif,
					       pkt->sdif);
	else
		sk = __inet6_lookup_established(pkt->net, hashinfo,
						&pkt->saddr, pkt->sport,
						&pkt->daddr, ntohs(pkt->dport),
						pkt->dif, pkt->sdif);
	if (sk)
		sock_gen_put(sk);
	return sk;
}

/**
 * kinet_stream_host_listens() - would the host have a new connection?
 * @pkt: its SYN
 *
 * Context: softirq, RCU read side.
 * Return: whether a socket of the host's listens there.
 */
bool kinet_stream_host_listens(const struct kinet_pkt *pkt)
{
	struct inet_hashinfo *hashinfo = pkt->net->ipv4.tcp_death_row.hashinfo;

	/* It isn't on the other wire. */
	if (pkt->protocol != IPPROTO_TCP)
		return false;
	if (pkt->family == AF_INET)
		return __inet_lookup_listener(pkt->net, hashinfo, NULL, 0,
					      pkt->saddr.s6_addr32[3],
					      pkt->sport,
					      pkt->daddr.s6_addr32[3],
					      ntohs(pkt->dport), pkt->dif,
					      pkt->sdif);
	return inet6_lookup_listener(pkt->net, hashinfo, NULL, 0, &pkt->saddr,
				     pkt->sport, &pkt->daddr, ntohs(pkt->dport),
				     pkt->dif, pkt->sdif);
}

/**
 * kinet_stream_wants() - is a segment ours, on a wire that the host shares?
 * @pkt: packet; its connection is noted, which is good until the grace period
 *	 of RCU is over
 *
 * Context: softirq, RCU read side.
 * Return: whether it is.
 */
bool kinet_stream_wants(struct kinet_pkt *pkt)
{
	struct kinet_net *kn = kinet_net(pkt->net);

	if (!kinet_conns_empty(kn->conns))
		pkt->conn = kinet_conn_find(kn->conns, pkt);
	if (pkt->conn)
		return true;
	return test_bit(ntohs(pkt->dport), kn->stream->ports) &&
	       kinet_table_claims(kn->stream, pkt) &&
	       !kinet_stream_is_hosts(pkt);
}

/**
 * kinet_stream_receive() - a segment has arrived
 * @skb: packet, its data at the network's header; consumed
 * @pkt: what it is, with its ports
 *
 * Context: softirq, RCU read side.
 */
void kinet_stream_receive(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	enum kinet_count refusal = kinet_stream_accept(skb, pkt);

	if (refusal != KINET_COUNTS)
		kinet_drop(skb, pkt, refusal);
	else
		kinet_stream_dispatch(skb, pkt);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_stream_receive);

/* --- errors of the network --- */

static struct sock *kinet_stream_sender(const struct kinet_pkt *pkt)
{
	struct kinet_conn *conn = kinet_conn_find(kinet_net(pkt->net)->conns, pkt);

	return conn && !conn->timewait ? kinet_stream_sock(conn) : NULL;
}

/* RFC 1191, section 6.4; RFC 5927: what it quotes is on its way. */
static void kinet_stream_new_mtu(struct sock *sk, const struct kinet_error *error)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u16 mss = tp->mss;

	kinet_count(sock_net(sk), KINET_PMTU_IN);
	trace_kinet_error(sk, error);
	if (kinet_tcp_route(sk))
		return;
	tp->flow.dst->ops->update_pmtu(tp->flow.dst, sk, NULL, error->info,
					true);
	if (kinet_tcp_route(sk))
		return;
	kinet_tcp_sync_mss(sk);
	/* RFC 1191: what was too long is resent at once. */
	if (tp->mss < mss && tp->stood) {
		kinet_board_expired(&tp->board);
		kinet_tcp_push(sk);
	}
}

static bool kinet_stream_begins(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) &&
	       !kinet_tcp(sk)->parent;
}

/*
 * RFC 9293, section 3.9.2.2 (MUST-56); RFC 5461: an established one goes on, and
 * its user hears of it only if he has asked for that (MUST-47).
 */
static void kinet_stream_told(struct sock *sk, struct sk_buff *skb,
			      const struct kinet_pkt *pkt,
			      const struct kinet_error *error)
{
	bool asked = kinet_wants_errors(sk, pkt->family);

	WRITE_ONCE(sk->sk_err_soft, error->err);
	/* Nobody can be told in the middle of a call. */
	if (sock_owned_by_user(sk))
		return;
	if (kinet_stream_begins(sk)) {
		/* Whoever begins a connection wants to know soon. */
		if (asked)
			kinet_keep_error(sk, skb, pkt, error);
		kinet_tcp_fail_by(sk, error);
		return;
	}
	trace_kinet_error(sk, error);
	if (asked && kinet_tcp(sk)->stood && !kinet_tcp_is_orphan(sk)) {
		WRITE_ONCE(sk->sk_err, error->err);
		sk_error_report(sk);
	}
}

/* RFC 1122, section 3.2.2.2: the route is another from now on. */
static void kinet_stream_redirected(struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *dst = kinet_tcp(sk)->flow.dst;

	if (dst)
		dst->ops->redirect(dst, sk, skb);
}

/**
 * kinet_stream_hears() - was a segment that ICMP tells of sent by us?
 * @pkt: the segment, as its answer would look
 *
 * Context: softirq, RCU read side.
 * Return: whether its connection is there.
 */
bool kinet_stream_hears(const struct kinet_pkt *pkt)
{
	return kinet_conn_find(kinet_net(pkt->net)->conns, pkt);
}

/**
 * kinet_stream_error() - ICMP tells of a segment that was sent
 * @skb: ICMP packet, its data at the segment's network header in it
 * @pkt: the segment, as its answer would look
 * @seq: its number
 * @error: what went wrong
 *
 * Context: softirq, RCU read side.
 */
void kinet_stream_error(struct sk_buff *skb, const struct kinet_pkt *pkt, u32 seq,
			const struct kinet_error *error)
{
	struct sock *sk = kinet_stream_sender(pkt);
	struct kinet_tcp *tp;

	if (!sk)
		return;
	bh_lock_sock_nested(sk);
	tp = kinet_tcp(sk);
	/* The user may have the lock, and be sending. */
	if (READ_ONCE(sk->sk_state) == TCP_CLOSE ||
	    !kinet_between(READ_ONCE(tp->snd.una), seq, READ_ONCE(tp->snd.nxt))) {
		kinet_dropped(pkt, KINET_DROP_BAD_ERROR);
		goto out;
	}
	/* It comes again with the next segment. */
	if (sock_owned_by_user(sk) && (error->redirect || error->too_big)) {
		kinet_dropped(pkt, KINET_DROP_LOCKED);
		goto out;
	}
	kinet_count(pkt->net, KINET_ERROR_IN);
	if (error->redirect)
		kinet_stream_redirected(sk, skb);
	else if (error->too_big)
		kinet_stream_new_mtu(sk, error);
	else
		kinet_stream_told(sk, skb, pkt, error);
out:
	bh_unlock_sock(sk);
	sock_put(sk);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_stream_error);
