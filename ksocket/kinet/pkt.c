// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets, read once: the network layer's part
 */
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "kinet.h"

static void kinet_pkt_init(struct kinet_pkt *pkt, const struct sk_buff *skb,
			   struct net *net)
{
	memset(pkt, 0, sizeof(*pkt));
	pkt->net = net;
	pkt->dif = skb->dev->ifindex;
}

/**
 * kinet_pkt_read4() - read the header of IPv4
 * @pkt: filled, but for what the transport's header says
 * @skb: packet that IP has accepted for this host
 * @net: its namespace
 */
void kinet_pkt_read4(struct kinet_pkt *pkt, const struct sk_buff *skb,
		     struct net *net)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct rtable *rt = skb_rtable(skb);

	kinet_pkt_init(pkt, skb, net);
	pkt->family = AF_INET;
	pkt->protocol = iph->protocol;
	ipv6_addr_set_v4mapped(iph->saddr, &pkt->saddr);
	ipv6_addr_set_v4mapped(iph->daddr, &pkt->daddr);
	pkt->dif = inet_iif(skb);
	pkt->sdif = inet_sdif(skb);
	pkt->offset = ip_hdrlen(skb);
	pkt->group = rt && rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST);
}

/**
 * kinet_pkt_read6() - read the headers of IPv6
 * @pkt: filled, but for what the transport's header says
 * @skb: packet that IP has accepted for this host
 * @net: its namespace
 *
 * RFC 8200, section 4: the transport's header is behind all extensions.
 *
 * Return: false for a fragment, or when the extensions don't end.
 */
bool kinet_pkt_read6(struct kinet_pkt *pkt, const struct sk_buff *skb,
		     struct net *net)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	__be16 frag_off;
	int offset;

	kinet_pkt_init(pkt, skb, net);
	pkt->family = AF_INET6;
	pkt->protocol = iph->nexthdr;
	pkt->saddr = iph->saddr;
	pkt->daddr = iph->daddr;
	pkt->dif = inet6_iif(skb);
	pkt->sdif = inet6_sdif(skb);
	pkt->group = ipv6_addr_is_multicast(&iph->daddr);
	offset = ipv6_skip_exthdr(skb, sizeof(*iph), &pkt->protocol, &frag_off);
	/* The kernel looks at each header, but not where the last one ends. */
	if (offset < 0 || offset > skb->len || frag_off & htons(IP6_OFFSET))
		return false;
	pkt->offset = offset;
	return true;
}
