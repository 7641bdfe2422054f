// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagram sockets: the protos, and sending
 */
#include <linux/udp.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/transp_v6.h>
#include <net/udp.h>

#include "kinet.h"

/* Bytes of the packet that a message of @len bytes would be */
size_t kinet_dgram_whole(const struct kinet_flow *flow, size_t len)
{
	return len + KINET_HEADER_LEN + kinet_ip_header_len(flow);
}

/**
 * kinet_dgram_check() - may a message of this length be sent?
 * @sk: sock
 * @flow: its routed way
 * @len: bytes of the message
 *
 * Return: 0, or -EMSGSIZE, of which the socket's error queue may tell more.
 */
int kinet_dgram_check(struct sock *sk, const struct kinet_flow *flow, size_t len)
{
	size_t whole = kinet_dgram_whole(flow, len);
	unsigned int mtu = kinet_sk(sk)->wire->mtu(flow);

	/* IPv6 doesn't count its own header. */
	if (whole > IP_MAX_MTU + (flow->family == AF_INET ?
				  0 : sizeof(struct ipv6hdr)))
		return -EMSGSIZE;
	if (likely(whole <= mtu) || !kinet_ip_must_not_fragment(sk, flow))
		return 0;
	kinet_local_error(sk, flow, EMSGSIZE, mtu);
	return -EMSGSIZE;
}

/**
 * kinet_dgram_piece() - a message, or a piece of one, with room for headers
 * @sk: sock
 * @msg: where the bytes come from
 * @len: bytes
 * @headroom: bytes to leave before them
 * @linear: bytes of the piece of memory that the first are in; if there are
 *	less, more can be added
 * @wait: whether to wait for room in the send buffer
 * @err: where an errno is stored
 *
 * Return: an skb that @sk pays for, or NULL.
 */
struct sk_buff *kinet_dgram_piece(struct sock *sk, struct msghdr *msg,
				  size_t len, unsigned int headroom,
				  size_t linear, bool wait, int *err)
{
	size_t first = min(len, linear);
	struct sk_buff *skb;

	skb = sock_alloc_send_pskb(sk, headroom + linear, len - first,
				   !wait, err,
				   PAGE_ALLOC_COSTLY_ORDER);
	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);
	skb_put(skb, first);
	skb->data_len = len - first;
	skb->len += len - first;
	*err = skb_copy_datagram_from_iter(skb, 0, &msg->msg_iter, len);
	if (!*err)
		return skb;
	kfree_skb(skb);
	return NULL;
}

static __sum16 kinet_dgram_sum(const struct kinet_flow *flow, unsigned int len,
			       u8 protocol, __wsum sum)
{
	const struct flowi4 *fl4 = &flow->fl.u.ip4;
	const struct flowi6 *fl6 = &flow->fl.u.ip6;

	return flow->family == AF_INET ?
	       csum_tcpudp_magic(fl4->saddr, fl4->daddr, len, protocol, sum) :
	       csum_ipv6_magic(&fl6->saddr, &fl6->daddr, len, protocol, sum);
}

/* Devices make the sums of the protocols that they know. */
static void kinet_dgram_checksum(struct sock *sk, struct sk_buff *skb,
				 struct kinet_flow *flow)
{
	u8 protocol = flow->fl.u.__fl_common.flowic_proto;
	struct udphdr *uh = udp_hdr(skb);

	/*
	 * RFC 768 may go without, RFC 8200 (section 8.1) may not. What is set
	 * meanwhile is another bit, or for the next.
	 */
	if (protocol == IPPROTO_UDP && data_race(!!sk->sk_no_check_tx) &&
	    flow->family == AF_INET)
		return;
	/* On the isolated wire it is in the same place. */
	BUILD_BUG_ON(offsetof(struct udphdr, check) !=
		     offsetof(struct kinet_isolated_header, check));
	if (protocol != IPPROTO_UDP) {
		uh->check = kinet_dgram_sum(flow, skb->len, protocol,
					    skb_checksum(skb, 0, skb->len, 0)) ?:
			    CSUM_MANGLED_0;
		return;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	uh->check = ~kinet_dgram_sum(flow, skb->len, protocol, 0);
}

/**
 * kinet_dgram_push() - send a message that is complete
 * @sk: sock
 * @skb: message, consumed
 * @flow: its routed way
 *
 * Return: 0, or what the network layer says. A full queue is told only to
 * those who want to hear of errors.
 */
int kinet_dgram_push(struct sock *sk, struct sk_buff *skb,
		     struct kinet_flow *flow)
{
	__be16 sport, dport;
	int err;

	if (flow->family == AF_INET) {
		sport = flow->fl.u.ip4.fl4_sport;
		dport = flow->fl.u.ip4.fl4_dport;
	} else {
		sport = flow->fl.u.ip6.fl6_sport;
		dport = flow->fl.u.ip6.fl6_dport;
	}
	skb_push(skb, KINET_HEADER_LEN);
	skb_reset_transport_header(skb);
	if (flow->fl.u.__fl_common.flowic_proto == IPPROTO_UDP)
		kinet_udp_build(skb->data, sport, dport, skb->len);
	else
		kinet_isolated_build(skb->data, KINET_TYPE_DATA, 0, sport, dport);
	kinet_dgram_checksum(sk, skb, flow);
	err = kinet_sk(sk)->wire->xmit(sk, skb, flow);
	kinet_count(sock_net(sk), err ? KINET_SEND_FAILED : KINET_DGRAM_OUT);
	return err == -ENOBUFS && !kinet_wants_errors(sk, flow->family) ? 0 : err;
}

static int kinet_dgram_send(struct sock *sk, struct msghdr *msg, size_t len,
			    struct kinet_flow *flow)
{
	struct sk_buff *skb;
	int err;

	err = kinet_dgram_check(sk, flow, len);
	if (err)
		return err;
	kinet_flow_confirm(flow, msg);
	if (msg->msg_flags & MSG_PROBE)
		return 0;
	skb = kinet_dgram_piece(sk, msg, len,
				kinet_ip_headroom(flow) + KINET_HEADER_LEN,
				min_t(size_t, len, KINET_LINEAR),
				!(msg->msg_flags & MSG_DONTWAIT), &err);
	return skb ? kinet_dgram_push(sk, skb, flow) : err;
}

/**
 * kinet_dgram_sendmsg() - sendmsg(2)
 * @sk: sock that has a port
 * @msg: message
 * @len: bytes of it
 *
 * Return: @len, or an errno.
 */
int kinet_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct kinet_flow flow;
	int err;

	if (len > KINET_DGRAM_MAX)
		return -EMSGSIZE;
	if (kinet_cork_wanted(sk, msg))
		return kinet_cork_sendmsg(sk, msg, len);
	err = kinet_flow_begin(sk, msg, kinet_sk(sk)->wire->dgram, &flow);
	if (!err)
		err = kinet_sk(sk)->wire->route(sk, &flow);
	if (!err)
		err = kinet_dgram_send(sk, msg, len, &flow);
	kinet_flow_end(&flow);
	return err ? err : len;
}

KSOCK_COMPAT_PROTO_IOCTL(kinet_dgram_ioctl, kinet_queue_len)

#define KINET_DGRAM_PROTO						\
	KINET_PROTO,							\
	.init			= kinet_sock_init,			\
	.disconnect		= udp_disconnect,			\
	.ioctl			= kinet_dgram_ioctl,			\
	.setsockopt		= kinet_setsockopt,			\
	.getsockopt		= kinet_getsockopt,			\
	.sendmsg		= kinet_dgram_sendmsg,			\
	.recvmsg		= kinet_dgram_recvmsg,			\
	.unhash			= kinet_unhash,				\
	.rehash			= kinet_rehash,				\
	.get_port		= kinet_get_port,			\
	.put_port		= kinet_unhash

struct proto kinet_dgram_prot = {
	.name			= "KINET-DGRAM",
	.connect		= ip4_datagram_connect,
	.release_cb		= ip4_datagram_release_cb,
	.obj_size		= sizeof(struct kinet_sock),
	KINET_DGRAM_PROTO,
};

struct proto kinet6_dgram_prot = {
	.name			= "KINET6-DGRAM",
	.connect		= ip6_datagram_connect,
	.release_cb		= ip6_datagram_release_cb,
	.obj_size		= sizeof(struct kinet6_sock),
	KSOCK_COMPAT_PINFO(struct kinet6_sock, inet6)
	KINET_DGRAM_PROTO,
};
