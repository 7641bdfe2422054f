// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP, as the hook finds it, and as we send it
 *
 * The packet goes on to the host in any case. Its sender may be anybody, so the
 * packet of ours that it quotes must fit a socket exactly.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "kinet.h"

#define KINET_ND_REDIRECT	8	/* bytes before the packet in its option */

/*
 * A packet that was sent, as an answer to it would look. RFC 792 quotes all of
 * the transport's header, RFC 4443 more.
 */
static bool kinet_read_ports(struct sk_buff *skb, unsigned int offset,
			     struct kinet_pkt *quoted)
{
	__be16 *ports, room[KINET_HEADER_LEN / sizeof(__be16)];

	ports = skb_header_pointer(skb, offset, sizeof(room), room);
	if (!ports)
		return false;
	quoted->dport = ports[0];
	quoted->sport = ports[1];
	return true;
}

static bool kinet_quoted4(struct sk_buff *skb, unsigned int offset,
			  struct kinet_pkt *quoted)
{
	struct iphdr *iph, room;

	iph = skb_header_pointer(skb, offset, sizeof(room), &room);
	if (!iph || iph->version != 4 || iph->ihl < 5 ||
	    iph->frag_off & htons(IP_OFFSET))
		return false;
	quoted->protocol = iph->protocol;
	quoted->offset = iph->ihl * 4;
	ipv6_addr_set_v4mapped(iph->saddr, &quoted->daddr);
	ipv6_addr_set_v4mapped(iph->daddr, &quoted->saddr);
	return kinet_read_ports(skb, offset + quoted->offset, quoted);
}

static bool kinet_quoted6(struct sk_buff *skb, unsigned int offset,
			  struct kinet_pkt *quoted)
{
	struct ipv6hdr *iph, room;
	__be16 frag_off;
	int inner;

	iph = skb_header_pointer(skb, offset, sizeof(room), &room);
	if (!iph || iph->version != 6)
		return false;
	quoted->protocol = iph->nexthdr;
	quoted->daddr = iph->saddr;
	quoted->saddr = iph->daddr;
	inner = ipv6_skip_exthdr(skb, offset + sizeof(room), &quoted->protocol,
				 &frag_off);
	if (inner < 0 || frag_off & htons(IP6_OFFSET))
		return false;
	quoted->offset = inner - offset;
	return kinet_read_ports(skb, inner, quoted);
}

static bool kinet_is_stream(const struct kinet_pkt *quoted)
{
	return quoted->protocol == READ_ONCE(kinet_net(quoted->net)->wire)->stream;
}

static bool kinet_is_datagram(const struct kinet_pkt *quoted)
{
	return quoted->protocol == READ_ONCE(kinet_net(quoted->net)->wire)->dgram;
}

/*
 * The kernel's own functions want the quoted packet at the data pointer, the
 * message at the transport's header, and all of a redirect in one piece.
 */
static void kinet_tell(struct sk_buff *skb, unsigned int message,
		       unsigned int offset, const struct kinet_pkt *quoted,
		       const struct kinet_error *error)
{
	unsigned int whole = error->redirect ? skb->len : 0;
	struct sk_buff *clone = skb_clone(skb, GFP_ATOMIC);

	if (!clone) {
		kinet_dropped(quoted, KINET_DROP_NO_MEMORY);
		return;
	}
	whole = max(whole, offset + quoted->offset + KINET_HEADER_LEN);
	if (pskb_may_pull(clone, whole)) {
		skb_set_transport_header(clone, message);
		__skb_pull(clone, offset);
		kinet_raw_error(clone, quoted, error);
		if (kinet_is_datagram(quoted))
			kinet_dgram_error(clone, quoted, error);
		else if (kinet_is_stream(quoted))
			kinet_stream_error(clone, quoted,
					   get_unaligned_be32(clone->data +
							      quoted->offset + 4),
					   error);
	}
	consume_skb(clone);
}

static bool kinet_is_ours(const struct kinet_pkt *quoted)
{
	return kinet_raw_hears(quoted) ||
	       (kinet_is_stream(quoted) && kinet_stream_hears(quoted)) ||
	       (kinet_is_datagram(quoted) &&
		kinet_table_find(kinet_net(quoted->net)->dgram, NULL, quoted));
}

/**
 * kinet_icmp4_receive() - an ICMP packet has arrived
 * @skb: packet, its data at the network's header; not consumed
 * @pkt: what it is
 *
 * Context: softirq, RCU read side.
 */
void kinet_icmp4_receive(struct sk_buff *skb, const struct kinet_pkt *pkt)
{
	unsigned int offset = pkt->offset + sizeof(struct icmphdr);
	struct kinet_pkt quoted = *pkt;
	struct kinet_error error;
	struct icmphdr *ih, room;

	ih = skb_header_pointer(skb, pkt->offset, sizeof(room), &room);
	if (!ih || !kinet_icmp4_map(ih->type, ih->code, ntohl(ih->un.gateway),
				    &error))
		return;
	if (!kinet_quoted4(skb, offset, &quoted) || !kinet_is_ours(&quoted))
		return;
	if (nf_ip_checksum(skb, NF_INET_LOCAL_IN, pkt->offset, 0))
		kinet_dropped(&quoted, KINET_DROP_BAD_ERROR);
	else
		kinet_tell(skb, pkt->offset, offset, &quoted, &error);
}

/*
 * RFC 4861, sections 4.5 and 8.1: a redirect comes from a router of the link,
 * and has the packet in an option. Return: where, or 0.
 */
static unsigned int kinet_redirected6(struct sk_buff *skb,
				      const struct kinet_pkt *pkt)
{
	unsigned int at = pkt->offset + sizeof(struct rd_msg);
	struct nd_opt_hdr *opt, room;

	if (ipv6_hdr(skb)->hop_limit != 255 ||
	    !(ipv6_addr_type(&pkt->saddr) & IPV6_ADDR_LINKLOCAL))
		return 0;
	do {
		opt = skb_header_pointer(skb, at, sizeof(room), &room);
		if (!opt || !opt->nd_opt_len)
			return 0;
		if (opt->nd_opt_type == ND_OPT_REDIRECT_HDR)
			return at + KINET_ND_REDIRECT;
		at += opt->nd_opt_len * 8;
	} while (true);
}

/**
 * kinet_icmp6_receive() - an ICMPv6 packet has arrived
 * @skb: packet, its data at the network's header; not consumed
 * @pkt: what it is
 *
 * Context: softirq, RCU read side.
 */
void kinet_icmp6_receive(struct sk_buff *skb, const struct kinet_pkt *pkt)
{
	unsigned int offset = pkt->offset + sizeof(struct icmp6hdr);
	struct kinet_pkt quoted = *pkt;
	struct icmp6hdr *ih, room;
	struct kinet_error error;

	ih = skb_header_pointer(skb, pkt->offset, sizeof(room), &room);
	if (!ih || !kinet_icmp6_map(ih->icmp6_type, ih->icmp6_code,
				    ntohl(ih->icmp6_mtu), &error))
		return;
	if (error.redirect)
		offset = kinet_redirected6(skb, pkt);
	if (!offset)
		return;
	if (!kinet_quoted6(skb, offset, &quoted) || !kinet_is_ours(&quoted))
		return;
	if (nf_ip6_checksum(skb, NF_INET_LOCAL_IN, pkt->offset, IPPROTO_ICMPV6))
		kinet_dropped(&quoted, KINET_DROP_BAD_ERROR);
	else
		kinet_tell(skb, pkt->offset, offset, &quoted, &error);
}

/**
 * kinet_refuse() - answer a datagram that nobody takes
 * @skb: packet, with its route; not consumed
 * @pkt: what it is
 *
 * RFC 1122, section 4.1.3.1. Context: softirq.
 */
void kinet_refuse(struct sk_buff *skb, const struct kinet_pkt *pkt)
{
	if (pkt->protocol == KINET_IP_DGRAM)
		kinet_isolated_refuse(skb, pkt);
	else if (pkt->family == AF_INET)
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
	else
		icmpv6_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
}
