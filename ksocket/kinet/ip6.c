// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending by IPv6
 */
#include <linux/security.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "kinet.h"

/**
 * kinet_ip6_route() - find the way and the source of a flow
 * @sk: sock
 * @flow: where it goes
 *
 * Return: 0, -ENETUNREACH, -EHOSTUNREACH, -EINVAL for an address without its
 * device, -EOPNOTSUPP with a routing header.
 */
int kinet_ip6_route(struct sock *sk, struct kinet_flow *flow)
{
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	__be32 label = fl6->flowlabel;
	struct dst_entry *dst;

	/* A routing header is for the host's own sockets. */
	if (flow->opt && (flow->opt->srcrt || flow->opt->dst0opt))
		return -EOPNOTSUPP;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
	fl6->flowlabel = ip6_make_flowinfo(flow->tos, label);
	dst = ip6_sk_dst_lookup_flow(sk, fl6, NULL, flow->connected);
	/* The class may be another the next time. */
	fl6->flowlabel = label;
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	flow->dst = dst;
	return 0;
}

/* RFC 8200, section 4.1: an extension header before what is there */
static u8 kinet_ip6_push(struct sk_buff *skb, const struct ipv6_opt_hdr *header,
			 u8 type, u8 next)
{
	struct ipv6_opt_hdr *to;

	if (!header)
		return next;
	to = skb_push(skb, ipv6_optlen(header));
	memcpy(to, header, ipv6_optlen(header));
	to->nexthdr = next;
	return type;
}

static u8 kinet_ip6_extend(struct sk_buff *skb,
			   const struct ipv6_txoptions *opt, u8 next)
{
	if (!opt)
		return next;
	next = kinet_ip6_push(skb, opt->dst1opt, IPPROTO_DSTOPTS, next);
	return kinet_ip6_push(skb, opt->hopopt, IPPROTO_HOPOPTS, next);
}

/* IPV6_AUTOFLOWLABEL, or the namespace's default */
static bool kinet_ip6_autolabel(struct sock *sk)
{
	if (ksock_compat_inet6_test(sk, AUTOFLOWLABEL_SET, autoflowlabel_set))
		return ksock_compat_inet6_test(sk, AUTOFLOWLABEL, autoflowlabel);
	return ip6_default_np_autolabel(sock_net(sk));
}

static void kinet_ip6_build(struct sock *sk, struct sk_buff *skb,
			    struct kinet_flow *flow)
{
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	struct ipv6hdr *iph;
	__be32 label;
	u8 next;

	next = kinet_ip6_extend(skb, flow->opt, fl6->flowi6_proto);
	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	label = ip6_make_flowlabel(sock_net(sk), skb,
				   fl6->flowlabel & IPV6_FLOWLABEL_MASK,
				   kinet_ip6_autolabel(sk), fl6);
	iph = ipv6_hdr(skb);
	ip6_flow_hdr(iph, flow->tos, label);
	iph->nexthdr = next;
	iph->hop_limit = flow->ttl >= 0 ? flow->ttl :
			 ip6_sk_dst_hoplimit(inet6_sk(sk), fl6, flow->dst);
	iph->saddr = fl6->saddr;
	iph->daddr = fl6->daddr;
}

/**
 * kinet_ip6_xmit() - send a segment
 * @sk: sock
 * @skb: segment, with room for headers
 * @flow: its way; the route goes with the packet
 *
 * Return: 0, -ENOBUFS when a queue was full, -EPERM when a filter dropped it.
 */
int kinet_ip6_xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow)
{
	int err;

	kinet_ip6_build(sk, skb, flow);
	skb->protocol = htons(ETH_P_IPV6);
	/* What is too long for the path was refused before, where it has to be. */
	skb->ignore_df = 1;
	skb_dst_set(skb, dst_clone(flow->dst));
	memset(skb->cb, 0, sizeof(skb->cb));
	err = ip6_local_out(sock_net(sk), sk, skb);
	return err > 0 ? net_xmit_errno(err) : err;
}
