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
 * Return: false for a fragment, or when the extensions are not to be skipped.
 */
bool kinet_pkt_read6(struct kinet_pkt *pkt, struct sk_buff *skb,
		     struct net *net)
{
	const struct ipv6hdr *iph;

	kinet_pkt_init(pkt, skb, net);
	pkt->family = AF_INET6;
	pkt->offset = kinet_ext6_walk(skb, &pkt->protocol);
	iph = ipv6_hdr(skb);
	pkt->saddr = iph->saddr;
	pkt->daddr = iph->daddr;
	pkt->dif = inet6_iif(skb);
	pkt->sdif = inet6_sdif(skb);
	pkt->group = ipv6_addr_is_multicast(&iph->daddr);
	return pkt->offset;
}

/**
 * kinet_pkt_read_ports() - read where the ports of UDP and TCP are
 * @pkt: filled by the above
 * @skb: packet
 *
 * Return: false when it is too short.
 */
bool kinet_pkt_read_ports(struct kinet_pkt *pkt, const struct sk_buff *skb)
{
	__be16 *ports, room[2];

	ports = skb_header_pointer(skb, pkt->offset, sizeof(room), room);
	if (!ports)
		return false;
	pkt->sport = ports[0];
	pkt->dport = ports[1];
	return true;
}
