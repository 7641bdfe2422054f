// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the network says went wrong, as a socket hears of it
 *
 * RFC 1122, section 4.1.3.3: an error ends nothing. A connected socket is told
 * of those that will last; one with IP_RECVERR of all, with the packet.
 */
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "kinet.h"
#include "trace.h"

/* A socket for IPv6 has an option for either. */
bool kinet_wants_errors(const struct sock *sk, u16 family)
{
	return family == AF_INET6 ?
	       ksock_compat_inet6_test(sk, RECVERR6, recverr) :
	       ksock_compat_inet_test(sk, RECVERR, recverr);
}

static bool kinet_wants_extensions(const struct sock *sk, u16 family)
{
	return family == AF_INET6 ?
	       ksock_compat_inet6_test(sk, RECVERR6_RFC4884, recverr_rfc4884) :
	       ksock_compat_inet_test(sk, RECVERR_RFC4884, recverr_rfc4884);
}

/* RFC 4884, section 3: which messages say how long the packet in them is, and how */
static unsigned int kinet_quoted_len(const struct sk_buff *skb, u16 family)
{
	if (family == AF_INET)
		return icmp_hdr(skb)->type == ICMP_DEST_UNREACH ||
		       icmp_hdr(skb)->type == ICMP_TIME_EXCEEDED ||
		       icmp_hdr(skb)->type == ICMP_PARAMETERPROB ?
		       icmp_hdr(skb)->un.reserved[1] * 4 : 0;
	return icmp6_hdr(skb)->icmp6_type == ICMPV6_DEST_UNREACH ||
	       icmp6_hdr(skb)->icmp6_type == ICMPV6_TIME_EXCEED ?
	       icmp6_hdr(skb)->icmp6_datagram_len * 8 : 0;
}

/* Where extensions begin behind the payload, and whether they are sound */
static void kinet_find_extensions(const struct sock *sk, const struct sk_buff *skb,
				  u16 family, struct sock_ee_data_rfc4884 *told)
{
	unsigned int len = kinet_quoted_len(skb, family);

	BUILD_BUG_ON(sizeof(struct icmphdr) != sizeof(struct icmp6hdr));
	memset(told, 0, sizeof(*told));
	if (len && kinet_wants_extensions(sk, family))
		ip_icmp_error_rfc4884(skb, told, sizeof(struct icmphdr), len);
}

static void kinet_queue_error(struct sock *sk, struct sk_buff *skb, __be16 port,
			      unsigned int addr_offset,
			      const struct kinet_error *error,
			      const struct sock_ee_data_rfc4884 *extensions)
{
	struct sock_exterr_skb *serr = SKB_EXT_ERR(skb);

	memset(&serr->ee, 0, sizeof(serr->ee));
	serr->ee.ee_errno = error->err;
	serr->ee.ee_origin = error->origin;
	serr->ee.ee_type = error->type;
	serr->ee.ee_code = error->code;
	serr->ee.ee_info = error->info;
	if (extensions)
		serr->ee.ee_rfc4884 = *extensions;
	serr->addr_offset = addr_offset;
	serr->port = port;
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}

/* Bytes before what the socket has sent, in its packet */
static unsigned int kinet_before_payload(const struct sock *sk,
					 const struct kinet_pkt *pkt)
{
	if (sk->sk_type == SOCK_DGRAM)
		return pkt->offset + KINET_HEADER_LEN;
	return ksock_compat_inet_test(sk, HDRINCL, hdrincl) ? 0 : pkt->offset;
}

/**
 * kinet_keep_error() - have a socket's error queue tell of an error
 * @sk: sock
 * @skb: ICMP packet, its data at our packet's network header in it, its own
 *	 header the transport's
 * @pkt: our packet as an answer to it would look
 * @error: what is wrong
 *
 * It has the packet, from the payload of ours in it; a stream's begins with its
 * header.
 */
void kinet_keep_error(struct sock *sk, struct sk_buff *skb,
		      const struct kinet_pkt *pkt,
		      const struct kinet_error *error)
{
	unsigned int to, inner = skb->data - skb_network_header(skb);
	unsigned int before = kinet_before_payload(sk, pkt);
	struct sock_ee_data_rfc4884 extensions;
	struct sk_buff *clone;

	to = inner + (pkt->family == AF_INET ? offsetof(struct iphdr, daddr) :
					       offsetof(struct ipv6hdr, daddr));
	clone = skb_clone(skb, GFP_ATOMIC);
	if (!clone)
		return;
	if (!pskb_may_pull(clone, before)) {
		kfree_skb(clone);
		return;
	}
	__skb_pull(clone, before);
	kinet_find_extensions(sk, clone, pkt->family, &extensions);
	skb_reset_transport_header(clone);
	skb_dst_drop(clone);
	nf_reset_ct(clone);
	kinet_queue_error(sk, clone, sk->sk_type == SOCK_RAW ? 0 : pkt->sport,
			  to, error, &extensions);
}

/* Is the sender told? Not who lets routers cut his packets, or ignores them. */
static bool kinet_new_mtu(struct sock *sk, struct sk_buff *skb,
			  const struct kinet_pkt *pkt,
			  const struct kinet_error *error)
{
	kinet_count(pkt->net, KINET_PMTU_IN);
	if (pkt->family == AF_INET) {
		ipv4_sk_update_pmtu(skb, sk, error->info);
		return READ_ONCE(inet_sk(sk)->pmtudisc) != IP_PMTUDISC_DONT;
	}
	if (!ip6_sk_accept_pmtu(sk))
		return false;
	ip6_sk_update_pmtu(skb, sk, htonl(error->info));
	return true;
}

/* RFC 1191: with fragments the path may be narrower than a datagram. */
static bool kinet_error_is_fatal(const struct sock *sk, u16 family,
				 const struct kinet_error *error)
{
	return error->too_big ?
	       family == AF_INET ||
	       ksock_compat_inet6_pmtudisc(sk) != IPV6_PMTUDISC_DONT :
	       error->fatal;
}

/**
 * kinet_sock_error() - tell a socket of an error
 * @sk: sock
 * @skb: ICMP packet, its data at our packet's network header in it
 * @pkt: our packet as an answer to it would look: ports and addresses swapped
 * @error: what is wrong
 *
 * Context: softirq, RCU read side.
 */
void kinet_sock_error(struct sock *sk, struct sk_buff *skb,
		      const struct kinet_pkt *pkt,
		      const struct kinet_error *error)
{
	if (error->redirect) {
		if (pkt->family == AF_INET)
			ipv4_sk_redirect(skb, sk);
		else
			ip6_sk_redirect(skb, sk);
		return;
	}
	kinet_count(pkt->net, KINET_ERROR_IN);
	trace_kinet_error(sk, error);
	if (error->too_big && !kinet_new_mtu(sk, skb, pkt, error))
		return;
	if (kinet_wants_errors(sk, pkt->family))
		kinet_keep_error(sk, skb, pkt, error);
	else if (!kinet_error_is_fatal(sk, pkt->family, error) ||
		 !kinet_is_connected(sk))
		return;
	WRITE_ONCE(sk->sk_err, error->err);
	sk_error_report(sk);
}

/**
 * kinet_dgram_error() - an error has arrived for a datagram of ours, maybe
 * @skb: ICMP packet, its data at our packet's network header in it
 * @pkt: our packet as an answer to it would look: ports and addresses swapped
 * @error: what is wrong
 *
 * Context: softirq, RCU read side.
 */
void kinet_dgram_error(struct sk_buff *skb, const struct kinet_pkt *pkt,
		       const struct kinet_error *error)
{
	struct sock *sk = kinet_table_find(kinet_net(pkt->net)->dgram, NULL, pkt);

	if (sk)
		kinet_sock_error(sk, skb, pkt, error);
}

/*
 * An empty packet, so that the error queue can tell where it was to go; who
 * tells of it, if it is another, is the peer itself.
 */
static void kinet_invent_error(struct sock *sk, u16 family,
			       const struct in6_addr *to, __be16 port,
			       const struct kinet_error *error)
{
	unsigned int len = family == AF_INET ? sizeof(struct iphdr) :
					       sizeof(struct ipv6hdr);
	struct sk_buff *skb = alloc_skb(len, GFP_ATOMIC);

	if (!skb)
		return;
	skb_reset_network_header(skb);
	skb_put_zero(skb, len);
	if (family == AF_INET) {
		skb->protocol = htons(ETH_P_IP);
		ip_hdr(skb)->daddr = to->s6_addr32[3];
		ip_hdr(skb)->saddr = to->s6_addr32[3];
	} else {
		skb->protocol = htons(ETH_P_IPV6);
		ipv6_hdr(skb)->saddr = *to;
		ipv6_hdr(skb)->daddr = *to;
	}
	__skb_pull(skb, len);
	skb_reset_transport_header(skb);
	kinet_queue_error(sk, skb, port, family == AF_INET ?
			  offsetof(struct iphdr, daddr) :
			  offsetof(struct ipv6hdr, daddr), error, NULL);
}

/**
 * kinet_local_error() - tell a socket of an error that we have found ourselves
 * @sk: sock
 * @flow: where its message would have gone
 * @err: errno, above 0
 * @info: as the error queue has it
 */
void kinet_local_error(struct sock *sk, const struct kinet_flow *flow, int err,
		       u32 info)
{
	struct kinet_error error = {
		.err	= err,
		.info	= info,
		.origin	= SO_EE_ORIGIN_LOCAL,
	};
	struct in6_addr to;

	if (!kinet_wants_errors(sk, flow->family))
		return;
	trace_kinet_error(sk, &error);
	if (flow->family == AF_INET) {
		ipv6_addr_set_v4mapped(flow->fl.u.ip4.daddr, &to);
		kinet_invent_error(sk, AF_INET, &to, flow->fl.u.ip4.fl4_dport,
				   &error);
	} else {
		kinet_invent_error(sk, AF_INET6, &flow->fl.u.ip6.daddr,
				   flow->fl.u.ip6.fl6_dport, &error);
	}
}

/**
 * kinet_peer_error() - a peer on the isolated wire says that something is wrong
 * @pkt: its packet
 * @error: what is wrong
 *
 * Context: softirq, RCU read side.
 */
void kinet_peer_error(const struct kinet_pkt *pkt,
		      const struct kinet_error *error)
{
	struct sock *sk = kinet_table_find(kinet_net(pkt->net)->dgram, NULL, pkt);

	if (!sk)
		return;
	kinet_count(pkt->net, KINET_ERROR_IN);
	trace_kinet_error(sk, error);
	if (kinet_wants_errors(sk, pkt->family))
		kinet_invent_error(sk, pkt->family, &pkt->saddr, pkt->sport,
				   error);
	else if (!kinet_is_connected(sk))
		return;
	WRITE_ONCE(sk->sk_err, error->err);
	sk_error_report(sk);
}
