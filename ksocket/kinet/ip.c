// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's network layer, of either version
 */
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "kinet.h"

int kinet_ip_route(struct sock *sk, struct kinet_flow *flow)
{
	return flow->family == AF_INET ? kinet_ip4_route(sk, flow) :
					 kinet_ip6_route(sk, flow);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ip_route);

unsigned int kinet_ip_mtu(const struct kinet_flow *flow)
{
	unsigned int mtu = flow->by_link ? READ_ONCE(flow->dst->dev->mtu) :
					   dst_mtu(flow->dst);

	return flow->limit ? min(flow->limit, mtu) : mtu;
}

static unsigned int kinet_ip6_link_mtu(const struct dst_entry *dst)
{
	const struct rt6_info *rt = (const struct rt6_info *)dst;
	const struct fib6_info *from;
	unsigned int mtu;

	rcu_read_lock();
	/* A route that has learned something is a copy. */
	from = rcu_dereference(rt->from);
	mtu = from ? from->fib6_pmtu : 0;
	rcu_read_unlock();
	if (!mtu && rt->rt6i_idev)
		mtu = READ_ONCE(rt->rt6i_idev->cnf.mtu6);
	return mtu ?: READ_ONCE(dst->dev->mtu);
}

/**
 * kinet_ip_link_mtu() - bytes that a packet of the first hop may have
 * @flow: flow, routed
 *
 * By the device or the administrator's route, whatever was learned of the path
 * behind it, which needn't be the way back.
 *
 * Return: the MTU, IP header included.
 */
unsigned int kinet_ip_link_mtu(const struct kinet_flow *flow)
{
	const struct dst_entry *dst = flow->dst;

	/* IPsec adds to what a packet has. */
	if (dst_xfrm(dst))
		return dst_mtu(dst);
	if (flow->family == AF_INET6)
		return kinet_ip6_link_mtu(dst);
	return dst_metric_raw(dst, RTAX_MTU) ?: READ_ONCE(dst->dev->mtu);
}

int kinet_ip_xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow)
{
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = flow->cookie.mark;
	return flow->family == AF_INET ? kinet_ip4_xmit(sk, skb, flow) :
					 kinet_ip6_xmit(sk, skb, flow);
}

/* Bytes of the headers between the transport's and the link's. */
unsigned int kinet_ip_header_len(const struct kinet_flow *flow)
{
	unsigned int len;

	if (flow->family == AF_INET)
		return sizeof(struct iphdr);
	len = sizeof(struct ipv6hdr);
	if (flow->opt)
		len += flow->opt->opt_nflen + flow->opt->opt_flen;
	return len;
}

/* Room to leave before a segment of a routed flow, for all that comes there. */
unsigned int kinet_ip_headroom(const struct kinet_flow *flow)
{
	/* And for a fragment header. */
	return LL_RESERVED_SPACE(flow->dst->dev) + flow->dst->header_len +
	       kinet_ip_header_len(flow) + sizeof(struct frag_hdr);
}

/* Of what answers a packet, by the same protocol; the check in it is 0. */
__sum16 kinet_answer_sum(const struct kinet_pkt *pkt, const struct sk_buff *skb)
{
	__wsum sum = csum_partial(skb->data, skb->len, 0);

	if (pkt->family == AF_INET)
		return csum_tcpudp_magic(pkt->daddr.s6_addr32[3],
					 pkt->saddr.s6_addr32[3], skb->len,
					 pkt->protocol, sum);
	return csum_ipv6_magic(&pkt->daddr, &pkt->saddr, skb->len,
			       pkt->protocol, sum);
}

/* Is the user told when a packet is longer than the path takes? */
bool kinet_ip_must_not_fragment(const struct sock *sk,
				const struct kinet_flow *flow)
{
	if (flow->family == AF_INET)
		return !ip_sk_ignore_df(sk);
	return flow->dontfrag || !ip6_sk_ignore_df(sk);
}
