// SPDX-License-Identifier: GPL-2.0-only
/*
 * A wire that is but a list: segments out are kept, segments in are made
 *
 * The sockets are of the initial namespace; their route is the loopback's, for
 * the room that its device wants. No packet of theirs is ever on a device.
 */
#include <linux/inet.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/route.h>
#include <uapi/linux/kinet.h>

#include "wire.h"

struct sk_buff_head wire_sent;
bool wire_given_back_late;

static int claim(struct sock *sk, unsigned short port)
{
	return 0;
}

/* By then its namespace may have gone over to another wire. */
static void unclaim(struct sock *sk)
{
	if (list_empty(&kinet_sk(sk)->node))
		wire_given_back_late = true;
}

static unsigned int mtu(const struct kinet_flow *flow)
{
	return WIRE_MTU;
}

/* Whoever sends may be waiting for room. */
static int xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow)
{
	skb_orphan(skb);
	skb_queue_tail(&wire_sent, skb);
	return 0;
}

static const struct kinet_wire wire = {
	.name		= "fake",
	.dgram		= IPPROTO_UDP,
	.claim		= claim,
	.unclaim	= unclaim,
	.route		= kinet_ip_route,
	.mtu		= mtu,
	.xmit		= xmit,
};

/* And one whose protocol is kinet's own */
const struct kinet_wire wire_isolated = {
	.name		= "fake",
	.dgram		= KINET_IP_DGRAM,
	.claim		= claim,
	.unclaim	= unclaim,
	.route		= kinet_ip_route,
	.mtu		= mtu,
	.xmit		= xmit,
};

void wire_close(struct socket *sock)
{
	sock_release(sock);
}

/**
 * wire_socket() - a datagram socket of this wire
 * @test: case; the socket ends with it
 * @addr: address of the loopback, or "0.0.0.0"
 * @port: port
 *
 * Return: the socket.
 */
struct socket *wire_socket(struct kunit *test, const char *addr,
			   unsigned short port)
{
	struct sockaddr_in to = {
		.sin_family		= AF_INET,
		.sin_port		= htons(port),
		.sin_addr.s_addr	= in_aton(addr),
	};
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, PF_INET, SOCK_DGRAM,
					       KINET_PROTO_DGRAM, &sock), 0);
	kinet_sk(sock->sk)->wire = &wire;
	KUNIT_ASSERT_EQ(test, kernel_bind(sock, (struct sockaddr *)&to,
					  sizeof(to)), 0);
	return sock;
}

static struct sk_buff *segment(const struct kinet_pkt *pkt, const char *data)
{
	unsigned int len = KINET_HEADER_LEN + strlen(data);
	struct sk_buff *skb;
	struct udphdr *uh;
	struct iphdr *iph;

	skb = alloc_skb(sizeof(*iph) + len, GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reset_network_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = IPPROTO_UDP;
	iph->saddr = pkt->saddr.s6_addr32[3];
	iph->daddr = pkt->daddr.s6_addr32[3];
	iph->tot_len = htons(skb->len + len);
	uh = skb_put(skb, KINET_HEADER_LEN);
	kinet_udp_build(uh, pkt->sport, pkt->dport, len);
	skb_put_data(skb, data, strlen(data));
	uh->check = csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_UDP,
				      csum_partial(uh, len, 0)) ?:
		    CSUM_MANGLED_0;
	skb->protocol = htons(ETH_P_IP);
	skb->dev = init_net.loopback_dev;
	return skb;
}

/**
 * wire_receive() - a datagram arrives
 * @test: case
 * @from: its source
 * @sport: port of that
 * @to: its destination
 * @dport: port of that
 * @data: text
 */
void wire_receive(struct kunit *test, const char *from, unsigned short sport,
		  const char *to, unsigned short dport, const char *data)
{
	struct kinet_pkt pkt = {
		.net		= &init_net,
		.sport		= htons(sport),
		.dport		= htons(dport),
		.dif		= init_net.loopback_dev->ifindex,
		.offset		= sizeof(struct iphdr),
		.len		= KINET_HEADER_LEN + strlen(data),
		.family		= AF_INET,
		.protocol	= IPPROTO_UDP,
	};
	struct sk_buff *skb;
	bool ours;

	ipv6_addr_set_v4mapped(in_aton(from), &pkt.saddr);
	ipv6_addr_set_v4mapped(in_aton(to), &pkt.daddr);
	skb = segment(&pkt, data);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	rcu_read_lock();
	local_bh_disable();
	ours = kinet_dgram_receive(skb, &pkt);
	local_bh_enable();
	rcu_read_unlock();
	if (!ours)
		kfree_skb(skb);
}

int wire_init(struct kunit *test)
{
	skb_queue_head_init(&wire_sent);
	wire_given_back_late = false;
	return 0;
}

void wire_exit(struct kunit *test)
{
	skb_queue_purge(&wire_sent);
}
