// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending by IPv4
 *
 * The header is ours: the kernel's own would have the number of the socket's
 * protocol, which isn't the one on the wire.
 */
#include <linux/netfilter.h>
#include <linux/security.h>
#include <net/ip.h>
#include <net/route.h>

#include "kinet.h"

/**
 * kinet_ip4_route() - find the way and the source of a flow
 * @sk: sock
 * @flow: where it goes
 *
 * Return: 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES for a broadcast without
 * SO_BROADCAST.
 */
int kinet_ip4_route(struct sock *sk, struct kinet_flow *flow)
{
	struct flowi4 *fl4 = &flow->fl.u.ip4;
	int oif = fl4->flowi4_oif;
	struct rtable *rt;

	if (flow->connected)
		flow->dst = sk_dst_check(sk, 0);
	if (flow->dst)
		return 0;
	fl4->flowi4_flags = inet_sk_flowi_flags(sk);
	security_sk_classify_flow(sk, flowi4_to_flowi_common(fl4));
	rt = ip_route_output_flow(sock_net(sk), fl4, sk);
	/* It leaves the device there, which may be another the next time. */
	fl4->flowi4_oif = oif;
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	if (rt->rt_flags & RTCF_BROADCAST && !sock_flag(sk, SOCK_BROADCAST)) {
		ip_rt_put(rt);
		return -EACCES;
	}
	flow->dst = &rt->dst;
	if (flow->connected)
		sk_dst_set(sk, dst_clone(flow->dst));
	return 0;
}

static u8 kinet_ip4_ttl(struct sock *sk, const struct kinet_flow *flow)
{
	struct inet_sock *inet = inet_sk(sk);
	int ttl;

	if (flow->ttl >= 0)
		return flow->ttl;
	if (ipv4_is_multicast(flow->fl.u.ip4.daddr))
		return READ_ONCE(inet->mc_ttl);
	ttl = READ_ONCE(inet->uc_ttl);
	return ttl >= 0 ? ttl : ip4_dst_hoplimit(flow->dst);
}

static __be16 kinet_ip4_frag_off(struct sock *sk, struct sk_buff *skb,
				 struct kinet_flow *flow)
{
	u8 pmtudisc = READ_ONCE(inet_sk(sk)->pmtudisc);

	if (pmtudisc == IP_PMTUDISC_DO || pmtudisc == IP_PMTUDISC_PROBE)
		return htons(IP_DF);
	/* What is divided below is divided so that it fits. */
	if ((skb_is_gso(skb) || skb->len <= kinet_ip_mtu(flow)) &&
	    ip_dont_fragment(sk, flow->dst))
		return htons(IP_DF);
	return 0;
}

/*
 * RFC 6864: what may be cut into fragments has a number of its own. So have the
 * parts that it is divided into: those that follow. Of sockets that aren't TCP's,
 * ip_select_ident_segs() gives the last of the numbers that it takes.
 */
static void kinet_ip4_number(struct sock *sk, struct sk_buff *skb)
{
	int more = skb_shinfo(skb)->gso_segs - 1;
	struct iphdr *iph = ip_hdr(skb);
	__be16 id;

	ip_select_ident(sock_net(sk), skb, sk);
	if (more <= 0 || iph->frag_off & htons(IP_DF))
		return;
	id = iph->id;
	ip_select_ident_segs(sock_net(sk), skb, sk, more);
	iph->id = id;
}

static void kinet_ip4_build(struct sock *sk, struct sk_buff *skb,
			    struct kinet_flow *flow)
{
	struct flowi4 *fl4 = &flow->fl.u.ip4;
	struct iphdr *iph;

	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	iph = ip_hdr(skb);
	iph->version = IPVERSION;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = flow->tos;
	iph->frag_off = kinet_ip4_frag_off(sk, skb, flow);
	iph->ttl = kinet_ip4_ttl(sk, flow);
	iph->protocol = fl4->flowi4_proto;
	iph->saddr = fl4->saddr;
	iph->daddr = fl4->daddr;
	skb->ignore_df = ip_sk_ignore_df(sk);
	kinet_ip4_number(sk, skb);
}

/**
 * kinet_ip4_xmit() - send a segment
 * @sk: sock
 * @skb: segment, with room for a header
 * @flow: its way; the route goes with the packet
 *
 * Return: 0, -ENOBUFS when a queue was full, -EPERM when a filter dropped it,
 * -EMSGSIZE.
 */
int kinet_ip4_xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow)
{
	int err;

	kinet_ip4_build(sk, skb, flow);
	skb->protocol = htons(ETH_P_IP);
	skb_dst_set(skb, dst_clone(flow->dst));
	memset(skb->cb, 0, sizeof(skb->cb));
	err = ip_local_out(sock_net(sk), sk, skb);
	return err > 0 ? net_xmit_errno(err) : err;
}
