// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of the kernel's network layer
 *
 * A hook behind all filters of LOCAL_IN, and before conntrack confirms, sees
 * what is for this host. It takes what is ours, and passes all else untouched:
 * raw sockets get clones.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>

#include "kinet.h"

/* Nobody will confirm the connection of a packet that doesn't go on. */
static bool kinet_confirm(struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	const struct nf_ct_hook *hook = rcu_dereference(nf_ct_hook);
	enum ip_conntrack_info info;
	struct nf_conn *ct;

	ct = nf_ct_get(skb, &info);
	if (hook && ct && !nf_ct_is_confirmed(ct))
		return hook->confirm(skb) == NF_ACCEPT;
#endif
	return true;
}

/* One datagram is always whole, but a sender on this host may hand over many. */
static bool kinet_is_bundle(const struct sk_buff *skb)
{
	return skb_is_gso(skb) &&
	       skb_shinfo(skb)->gso_type & (SKB_GSO_UDP_L4 | SKB_GSO_FRAGLIST);
}

static bool kinet_take_one(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct udphdr buffer, *uh;
	enum kinet_parsed parsed;

	uh = skb_header_pointer(skb, pkt->offset, sizeof(buffer), &buffer);
	if (!uh)
		return false;
	if (!test_bit(ntohs(uh->dest), kinet_net(pkt->net)->dgram->ports))
		return false;
	parsed = kinet_udp_parse(uh, skb->len - pkt->offset, pkt);
	if (parsed == KINET_PARSED)
		return kinet_dgram_receive(skb, pkt);
	/* What is malformed is the host's to drop, unless it is surely ours. */
	if (!kinet_table_find(kinet_net(pkt->net)->dgram, NULL, pkt))
		return false;
	kinet_drop(skb, pkt, KINET_DROP_BAD_LENGTH);
	return true;
}

/* Its datagrams have one destination: all are ours, or none. */
static void kinet_take_bundle(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	netdev_features_t features = NETIF_F_SG | NETIF_F_IP_CSUM |
				     NETIF_F_IPV6_CSUM;
	struct sk_buff *list, *one, *next;
	struct kinet_pkt each;

	/* What segments it wants sums to be done, which loopback has undone. */
	if (skb->pkt_type == PACKET_LOOPBACK)
		skb->ip_summed = CHECKSUM_PARTIAL;
	__skb_push(skb, -skb_mac_offset(skb));
	list = __skb_gso_segment(skb, features, false);
	if (IS_ERR_OR_NULL(list)) {
		kinet_drop(skb, pkt, KINET_DROP_BAD_LENGTH);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(list, one, next) {
		skb_mark_not_on_list(one);
		__skb_pull(one, skb_network_offset(one));
		each = *pkt;
		if (!kinet_take_one(one, &each))
			kinet_drop(one, &each, KINET_DROP_NO_SOCKET);
	}
}

static unsigned int kinet_take(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct udphdr buffer, *uh;

	uh = skb_header_pointer(skb, pkt->offset, sizeof(buffer), &buffer);
	if (!uh || !test_bit(ntohs(uh->dest),
			     kinet_net(pkt->net)->dgram->ports))
		return NF_ACCEPT;
	pkt->sport = uh->source;
	pkt->dport = uh->dest;
	if (!kinet_table_claims(kinet_net(pkt->net)->dgram, pkt) &&
	    !kinet_table_find(kinet_net(pkt->net)->dgram, NULL, pkt))
		return NF_ACCEPT;
	if (!kinet_confirm(skb)) {
		kinet_drop(skb, pkt, KINET_DROP_CONNTRACK);
		return NF_STOLEN;
	}
	if (unlikely(kinet_is_bundle(skb))) {
		kinet_take_bundle(skb, pkt);
		return NF_STOLEN;
	}
	return kinet_take_one(skb, pkt) ? NF_STOLEN : NF_ACCEPT;
}

static unsigned int kinet_take_stream(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	if (!kinet_pkt_read_ports(pkt, skb) || !kinet_stream_wants(pkt))
		return NF_ACCEPT;
	if (kinet_confirm(skb))
		kinet_stream_receive(skb, pkt);
	else
		kinet_drop(skb, pkt, KINET_DROP_CONNTRACK);
	return NF_STOLEN;
}

static bool kinet_is_interop(struct net *net)
{
	return READ_ONCE(kinet_net(net)->wire) == &kinet_interop;
}

static unsigned int kinet_receive4(struct sk_buff *skb, struct net *net)
{
	struct kinet_pkt pkt;

	kinet_pkt_read4(&pkt, skb, net);
	kinet_raw_receive(skb, &pkt);
	if (pkt.protocol == IPPROTO_UDP && kinet_is_interop(net))
		return kinet_take(skb, &pkt);
	if (pkt.protocol == IPPROTO_TCP && kinet_is_interop(net))
		return kinet_take_stream(skb, &pkt);
	if (pkt.protocol == IPPROTO_ICMP)
		kinet_icmp4_receive(skb, &pkt);
	return NF_ACCEPT;
}

static unsigned int kinet_receive6(struct sk_buff *skb, struct net *net)
{
	struct kinet_pkt pkt;

	if (!kinet_pkt_read6(&pkt, skb, net))
		return NF_ACCEPT;
	kinet_raw_receive(skb, &pkt);
	if (pkt.protocol == IPPROTO_UDP && kinet_is_interop(net))
		return kinet_take(skb, &pkt);
	if (pkt.protocol == IPPROTO_TCP && kinet_is_interop(net))
		return kinet_take_stream(skb, &pkt);
	if (pkt.protocol == IPPROTO_ICMPV6)
		kinet_icmp6_receive(skb, &pkt);
	return NF_ACCEPT;
}

/*
 * What a program has let go on (NFQUEUE) comes in that program's call. Then
 * softirqs are held back here, for all that the transports do is done in one.
 */
static unsigned int kinet_hook(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	unsigned int verdict;

	local_bh_disable();
	verdict = state->pf == NFPROTO_IPV4 ? kinet_receive4(skb, state->net) :
					      kinet_receive6(skb, state->net);
	local_bh_enable();
	return verdict;
}

static const struct nf_hook_ops kinet_hooks[] = {
	{
		.hook		= kinet_hook,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= INT_MAX - 1,
	}, {
		.hook		= kinet_hook,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= INT_MAX - 1,
	},
};

/**
 * kinet_hooks_add() - have a namespace's packets come here
 * @net: namespace
 *
 * Its fragments of IPv6 are reassembled before the hooks from now on.
 *
 * Return: 0, or an errno of netfilter.
 */
int kinet_hooks_add(struct net *net)
{
	int err;

	err = nf_defrag_ipv6_enable(net);
	if (err)
		return err;
	err = nf_register_net_hooks(net, kinet_hooks, ARRAY_SIZE(kinet_hooks));
	if (err)
		nf_defrag_ipv6_disable(net);
	return err;
}

/* When this returns, no packet is in them. */
void kinet_hooks_remove(struct net *net)
{
	nf_unregister_net_hooks(net, kinet_hooks, ARRAY_SIZE(kinet_hooks));
	nf_defrag_ipv6_disable(net);
}
