// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams that arrive, and receiving them
 */
#include <linux/filter.h>
#include <linux/udp.h>
#include <net/busy_poll.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/transp_v6.h>
#include <net/xfrm.h>

#include "kinet.h"

/* --- to a sock --- */

/**
 * kinet_refusal() - does a socket take a packet that is for it?
 * @sk: sock
 * @skb: packet
 * @pkt: what it is
 * @headers: bytes that its filter can't cut off
 *
 * IPsec's policy, RFC 5082 and filters decide.
 *
 * Context: softirq, RCU read side.
 * Return: why it doesn't, or KINET_COUNTS.
 */
enum kinet_count kinet_refusal(struct sock *sk, struct sk_buff *skb,
			       const struct kinet_pkt *pkt, unsigned int headers)
{
	if (pkt->family == AF_INET ?
	    !xfrm4_policy_check(sk, XFRM_POLICY_IN, skb) :
	    !xfrm6_policy_check(sk, XFRM_POLICY_IN, skb))
		return KINET_DROP_POLICY;
	if (pkt->family == AF_INET ?
	    ip_hdr(skb)->ttl < READ_ONCE(inet_sk(sk)->min_ttl) :
	    sk->sk_family == AF_INET6 && ipv6_hdr(skb)->hop_limit <
					 READ_ONCE(inet6_sk(sk)->min_hopcount))
		return KINET_DROP_TTL;
	if (sk_filter_trim_cap(sk, skb, headers))
		return KINET_DROP_FILTER;
	return KINET_COUNTS;
}

/* What a packet had of the network below is of no use in a socket's queue. */
void kinet_strip(struct sk_buff *skb)
{
	nf_reset_ct(skb);
	skb_orphan(skb);
	skb_clear_delivery_time(skb);
	skb_dst_drop(skb);
	skb->dev = NULL;
}

/*
 * SO_INCOMING_CPU, SO_INCOMING_NAPI_ID: of one that has no peer, where the first
 * came is as good as any.
 */
static void kinet_dgram_note_way(struct sock *sk, const struct sk_buff *skb)
{
	if (kinet_is_connected(sk)) {
		sk_mark_napi_id(sk, skb);
		sk_incoming_cpu_update(sk);
	} else {
		sk_mark_napi_id_once(sk, skb);
	}
}

/**
 * kinet_sock_queue() - give a packet to a socket
 * @sk: sock
 * @skb: packet, its data at the transport's header; consumed
 * @pkt: what it is
 *
 * Context: softirq, RCU read side.
 * Return: 0, or -ENOMEM, -ENOBUFS, -EPERM when it was dropped.
 */
int kinet_sock_queue(struct sock *sk, struct sk_buff *skb,
		     const struct kinet_pkt *pkt)
{
	enum kinet_count refusal;
	int err;

	refusal = kinet_refusal(sk, skb, pkt, skb_transport_offset(skb) +
					      KINET_HEADER_LEN);
	if (refusal != KINET_COUNTS) {
		atomic_inc(&sk->sk_drops);
		kinet_drop(skb, pkt, refusal);
		return -EPERM;
	}
	if (sk->sk_type == SOCK_DGRAM) {
		__skb_pull(skb, KINET_HEADER_LEN);
		kinet_dgram_note_way(sk, skb);
	}
	kinet_prepare_control(sk, skb);
	kinet_strip(skb);
	err = kinet_buffer_add(sk, skb);
	if (err)
		kinet_drop(skb, pkt, err == -ENOMEM ? KINET_DROP_BUFFER_FULL :
						      KINET_DROP_NO_MEMORY);
	return err;
}

/* --- to all members of a group --- */

static struct sock *kinet_next_member(struct sock *sk, struct kinet_pkt *pkt)
{
	struct kinet_table *table = kinet_net(pkt->net)->dgram;
	struct hlist_head *slot = kinet_slot(table, ntohs(pkt->dport));
	struct hlist_node *node;

	node = sk ? rcu_dereference(hlist_next_rcu(&sk->sk_node)) :
		    rcu_dereference(hlist_first_rcu(slot));
	for (; node; node = rcu_dereference(hlist_next_rcu(node))) {
		sk = sk_entry(node);
		if (kinet_takes(sk, pkt) && kinet_group_allows(sk, pkt))
			return sk;
	}
	return NULL;
}

static void kinet_give_all(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct sock *sk = kinet_next_member(NULL, pkt);
	struct sk_buff *clone;
	struct sock *next;

	for (; sk; sk = next) {
		next = kinet_next_member(sk, pkt);
		clone = next ? skb_clone(skb, GFP_ATOMIC) : skb;
		if (!clone)
			kinet_dropped(pkt, KINET_DROP_NO_MEMORY);
		else if (!kinet_sock_queue(sk, clone, pkt))
			kinet_count(pkt->net, KINET_DGRAM_IN);
	}
}

/* --- whose is it? --- */

static bool kinet_checksum_is_good(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	if (pkt->no_check || skb_csum_unnecessary(skb))
		return true;
	if (pkt->family == AF_INET) {
		if (skb_checksum_init(skb, pkt->protocol, inet_compute_pseudo))
			return false;
	} else {
		/* Extension headers are no part of it. */
		if (skb_checksum_init(skb, pkt->protocol, ip6_compute_pseudo))
			return false;
	}
	return !skb_checksum_complete(skb);
}

/**
 * kinet_dgram_accept() - make sure that a datagram is what was sent
 * @skb: packet, its data at the network's header, then at the transport's
 * @pkt: what it is
 *
 * Return: KINET_COUNTS, or why it must be dropped.
 */
enum kinet_count kinet_dgram_accept(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	if (pkt->no_check && pkt->family == AF_INET6)
		return KINET_DROP_NO_CHECKSUM;
	if (pskb_trim_rcsum(skb, pkt->offset + pkt->len))
		return KINET_DROP_NO_MEMORY;
	if (!pskb_may_pull(skb, pkt->offset + KINET_HEADER_LEN))
		return KINET_DROP_NO_MEMORY;
	__skb_pull(skb, pkt->offset);
	/* IPv4's header has a sum of 0. */
	if (pkt->family == AF_INET6)
		skb_postpull_rcsum(skb, skb_network_header(skb), pkt->offset);
	skb_reset_transport_header(skb);
	if (!kinet_checksum_is_good(skb, pkt))
		return KINET_DROP_BAD_CHECKSUM;
	return KINET_COUNTS;
}

/* RFC 1122, section 4.1.3.1; but never to a group (3.2.2) */
static void kinet_nobody(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	if (!pkt->group) {
		kinet_count(pkt->net, KINET_DGRAM_REFUSED);
		kinet_refuse(skb, pkt);
	}
	kinet_drop(skb, pkt, KINET_DROP_NO_SOCKET);
}

/* On the isolated wire all is ours; on the other the host may want it. */
static bool kinet_is_the_hosts(const struct kinet_pkt *pkt)
{
	return pkt->protocol == IPPROTO_UDP &&
	       (pkt->group ||
		!kinet_table_claims(kinet_net(pkt->net)->dgram, pkt));
}

/**
 * kinet_dgram_receive() - a datagram has arrived
 * @skb: packet, its data at the network's header; consumed if ours
 * @pkt: what it is, its header well-formed
 *
 * Context: softirq, RCU read side.
 * Return: whether it was ours.
 */
bool kinet_dgram_receive(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct kinet_table *table = kinet_net(pkt->net)->dgram;
	enum kinet_count refusal;
	struct sock *sk;

	sk = pkt->group ? kinet_next_member(NULL, pkt) :
			  kinet_table_find(table, skb, pkt);
	if (!sk && kinet_is_the_hosts(pkt))
		return false;
	refusal = kinet_dgram_accept(skb, pkt);
	if (refusal != KINET_COUNTS)
		kinet_drop(skb, pkt, refusal);
	else if (!sk)
		kinet_nobody(skb, pkt);
	else if (pkt->group)
		kinet_give_all(skb, pkt);
	else if (!kinet_sock_queue(sk, skb, pkt))
		kinet_count(pkt->net, KINET_DGRAM_IN);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_dgram_receive);

/* --- receiving --- */

/**
 * kinet_dgram_recvmsg() - recvmsg(2)
 * @sk: sock
 * @msg: where the message is stored
 * @len: bytes of room there
 * @flags: MSG_*
 * @addr_len: where the length of the sender's address is stored
 *
 * Return: bytes stored, with MSG_TRUNC those of the message; or an errno.
 */
int kinet_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			int flags, int *addr_len)
{
	unsigned int whole, copied;
	struct sk_buff *skb;
	int off, err;

	if (flags & MSG_ERRQUEUE)
		return inet_recv_error(sk, msg, len, addr_len);
	off = sk_peek_offset(sk, flags);
	skb = __skb_recv_datagram(sk, &sk->sk_receive_queue, flags, &off, &err);
	if (!skb)
		return err;
	whole = skb->len;
	copied = min_t(size_t, len, whole - min_t(unsigned int, off, whole));
	if (copied < whole - off)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, off, msg, copied);
	if (err)
		goto out;
	if (!(flags & MSG_PEEK))
		sk_peek_offset_bwd(sk, copied);
	else
		sk_peek_offset_fwd(sk, copied);
	kinet_sock_name(sk, skb, msg, udp_hdr(skb)->source, addr_len);
	kinet_sock_control(sk, skb, msg);
	err = flags & MSG_TRUNC ? whole : copied;
out:
	skb_free_datagram(sk, skb);
	return err;
}
