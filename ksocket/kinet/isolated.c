// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire that only kinet speaks: datagrams under an experimental IP protocol
 *
 * Nothing is shared with the host's transports, so no port needs a claim; and an
 * unknown port is answered by an error of our own.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/route.h>

#include "kinet.h"

static int kinet_isolated_claim(struct sock *sk, unsigned short port)
{
	return 0;
}

static void kinet_isolated_unclaim(struct sock *sk)
{
}

const struct kinet_wire kinet_isolated = {
	.name		= "isolated",
	.dgram		= KINET_IP_DGRAM,
	.stream		= KINET_IP_STREAM,
	.claim		= kinet_isolated_claim,
	.unclaim	= kinet_isolated_unclaim,
	.route		= kinet_ip_route,
	.mtu		= kinet_ip_mtu,
	.xmit		= kinet_ip_xmit,
};

/* --- answering --- */

static struct sk_buff *kinet_isolated_answer(const struct kinet_flow *flow,
					     const struct kinet_pkt *pkt)
{
	unsigned int room = kinet_ip_headroom(flow);
	struct kinet_isolated_header *ih;
	struct sk_buff *skb;

	skb = alloc_skb(room + sizeof(*ih), GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	ih = skb_put(skb, sizeof(*ih));
	skb_reset_transport_header(skb);
	kinet_isolated_build(ih, KINET_TYPE_ERROR, KINET_ERROR_PORT, pkt->dport,
			     pkt->sport);
	ih->check = kinet_answer_sum(pkt, skb);
	return skb;
}

/**
 * kinet_isolated_refuse() - answer a datagram that nobody takes
 * @skb: packet; not consumed
 * @pkt: what it is
 *
 * Context: softirq.
 */
void kinet_isolated_refuse(struct sk_buff *skb, const struct kinet_pkt *pkt)
{
	struct kinet_net *kn = kinet_net(pkt->net);
	struct sock *sk = kn->control[pkt->family == AF_INET6];
	struct kinet_flow flow;
	struct sk_buff *answer;

	kinet_flow_back(pkt, &flow);
	if (!kinet_ip_route(sk, &flow)) {
		answer = kinet_isolated_answer(&flow, pkt);
		if (answer)
			kinet_ip_xmit(sk, answer, &flow);
	}
	kinet_flow_end(&flow);
}

/* --- what arrives --- */

static void kinet_isolated_error(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	enum kinet_count refusal = kinet_dgram_accept(skb, pkt);
	struct kinet_error refused;

	if (refusal != KINET_COUNTS) {
		kinet_drop(skb, pkt, refusal);
		return;
	}
	/* What the host's sockets are told by ICMP */
	if (pkt->family == AF_INET)
		kinet_icmp4_map(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0,
				&refused);
	else
		kinet_icmp6_map(ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0,
				&refused);
	kinet_peer_error(pkt, &refused);
	consume_skb(skb);
}

/* A stream's header is TCP's. */
static void kinet_isolated_stream(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	if (kinet_pkt_read_ports(pkt, skb))
		kinet_stream_receive(skb, pkt);
	else
		kinet_drop(skb, pkt, KINET_DROP_BAD_LENGTH);
}

static void kinet_isolated_receive(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct kinet_isolated_header room, *ih;
	enum kinet_parsed parsed;
	u8 type, code;

	if (pkt->protocol == KINET_IP_STREAM) {
		kinet_isolated_stream(skb, pkt);
		return;
	}
	ih = skb_header_pointer(skb, pkt->offset, sizeof(room), &room);
	if (!ih) {
		kinet_drop(skb, pkt, KINET_DROP_BAD_LENGTH);
		return;
	}
	parsed = kinet_isolated_parse(ih, skb->len - pkt->offset, pkt, &type,
				      &code);
	if (parsed != KINET_PARSED)
		kinet_drop(skb, pkt, KINET_DROP_BAD_HEADER);
	else if (type == KINET_TYPE_ERROR)
		kinet_isolated_error(skb, pkt);
	else
		kinet_dgram_receive(skb, pkt);
}

static bool kinet_is_isolated(struct net *net)
{
	return READ_ONCE(kinet_net(net)->wire) == &kinet_isolated;
}

/* IP has taken its header off; the rest of us wants it there. */
static int kinet_isolated_rcv4(struct sk_buff *skb)
{
	struct kinet_pkt pkt;

	__skb_push(skb, skb_network_header_len(skb));
	kinet_pkt_read4(&pkt, skb, dev_net(skb->dev));
	if (kinet_is_isolated(pkt.net)) {
		kinet_isolated_receive(skb, &pkt);
		return 0;
	}
	icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
	kinet_drop(skb, &pkt, KINET_DROP_MODE);
	return 0;
}

static int kinet_isolated_rcv6(struct sk_buff *skb)
{
	unsigned int len = skb_network_header_len(skb);
	struct kinet_pkt pkt;

	__skb_push(skb, len);
	skb_postpush_rcsum(skb, skb->data, len);
	if (!kinet_pkt_read6(&pkt, skb, dev_net(skb->dev))) {
		kinet_drop(skb, &pkt, KINET_DROP_BAD_HEADER);
		return 0;
	}
	if (kinet_is_isolated(pkt.net)) {
		kinet_isolated_receive(skb, &pkt);
		return 0;
	}
	/* As IPv6 answers what it doesn't know (RFC 8200, section 4) */
	icmpv6_send(skb, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR,
		    IP6CB(skb)->nhoff);
	kinet_drop(skb, &pkt, KINET_DROP_MODE);
	return 0;
}

static const struct net_protocol kinet_isolated_protocol4 = {
	.handler	= kinet_isolated_rcv4,
	.no_policy	= 1,
};

static const struct inet6_protocol kinet_isolated_protocol6 = {
	.handler	= kinet_isolated_rcv6,
	.flags		= INET6_PROTO_NOPOLICY | INET6_PROTO_FINAL,
};

static const u8 kinet_isolated_numbers[] = { KINET_IP_STREAM, KINET_IP_DGRAM };

static void kinet_isolated_del(unsigned int count)
{
	while (count--) {
		inet6_del_protocol(&kinet_isolated_protocol6,
				   kinet_isolated_numbers[count]);
		inet_del_protocol(&kinet_isolated_protocol4,
				  kinet_isolated_numbers[count]);
	}
}

int kinet_isolated_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(kinet_isolated_numbers); i++) {
		err = inet_add_protocol(&kinet_isolated_protocol4,
					kinet_isolated_numbers[i]);
		if (err)
			goto undo;
		err = inet6_add_protocol(&kinet_isolated_protocol6,
					 kinet_isolated_numbers[i]);
		if (err) {
			inet_del_protocol(&kinet_isolated_protocol4,
					  kinet_isolated_numbers[i]);
			goto undo;
		}
	}
	return 0;

undo:
	kinet_isolated_del(i);
	return err;
}

/* When this returns, no packet is in the handlers. */
void kinet_isolated_exit(void)
{
	kinet_isolated_del(ARRAY_SIZE(kinet_isolated_numbers));
}

int kinet_isolated_add(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);
	int err;

	err = inet_ctl_sock_create(&kn->control[0], PF_INET, SOCK_RAW,
				   KINET_IP_DGRAM, net);
	if (err || !ipv6_mod_enabled())
		return err;
	err = inet_ctl_sock_create(&kn->control[1], PF_INET6, SOCK_RAW,
				   KINET_IP_DGRAM, net);
	if (err)
		inet_ctl_sock_destroy(kn->control[0]);
	return err;
}

void kinet_isolated_remove(struct net *net)
{
	if (kinet_net(net)->control[1])
		inet_ctl_sock_destroy(kinet_net(net)->control[1]);
	inet_ctl_sock_destroy(kinet_net(net)->control[0]);
}
