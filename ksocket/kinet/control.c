// SPDX-License-Identifier: GPL-2.0-only
/*
 * What recvmsg(2) tells of a message beside its bytes: from whom, and what the
 * socket's options ask for
 */
#include <linux/inetdevice.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/transp_v6.h>

#include "kinet.h"

static void kinet_name4(const struct sk_buff *skb, struct msghdr *msg,
			__be16 port, int *addr_len)
{
	DECLARE_SOCKADDR(struct sockaddr_in *, sin, msg->msg_name);

	sin->sin_family = AF_INET;
	sin->sin_port = port;
	sin->sin_addr.s_addr = ip_hdr(skb)->saddr;
	memset(sin->sin_zero, 0, sizeof(sin->sin_zero));
	*addr_len = sizeof(*sin);
}

static void kinet_name6(struct sock *sk, const struct sk_buff *skb,
			struct msghdr *msg, __be16 port, int *addr_len)
{
	DECLARE_SOCKADDR(struct sockaddr_in6 *, sin6, msg->msg_name);

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	sin6->sin6_flowinfo = 0;
	sin6->sin6_scope_id = 0;
	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &sin6->sin6_addr);
	} else {
		sin6->sin6_addr = ipv6_hdr(skb)->saddr;
		if (inet6_sk(sk)->rxopt.bits.rxflow)
			sin6->sin6_flowinfo = ip6_flowinfo(ipv6_hdr(skb));
		sin6->sin6_scope_id = ipv6_iface_scope_id(&sin6->sin6_addr,
							  skb->skb_iif);
	}
	*addr_len = sizeof(*sin6);
}

/**
 * kinet_sock_name() - tell from whom a message is
 * @sk: sock
 * @skb: message
 * @msg: where the address is stored, if it is wanted
 * @port: port it was sent from
 * @addr_len: where the address's length is stored
 */
void kinet_sock_name(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		     __be16 port, int *addr_len)
{
	if (!msg->msg_name)
		return;
	if (sk->sk_family == AF_INET6)
		kinet_name6(sk, skb, msg, port, addr_len);
	else
		kinet_name4(skb, msg, port, addr_len);
}

/* RFC 3542's pktinfo, of a message that came by IPv4 */
static void kinet_mapped_info(struct sock *sk, const struct sk_buff *skb,
			      struct msghdr *msg)
{
	struct in6_pktinfo info = { .ipi6_ifindex = skb->skb_iif };

	if (!inet6_sk(sk)->rxopt.bits.rxinfo)
		return;
	ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &info.ipi6_addr);
	put_cmsg(msg, SOL_IPV6, IPV6_PKTINFO, sizeof(info), &info);
}

/**
 * kinet_sock_control() - control data, as the socket's options ask for it
 * @sk: sock
 * @skb: message, its data at the transport's header
 * @msg: where it is stored
 */
void kinet_sock_control(struct sock *sk, struct sk_buff *skb,
			struct msghdr *msg)
{
	sock_recv_cmsgs(msg, sk, skb);
	if (skb->protocol == htons(ETH_P_IPV6)) {
		if (inet6_sk(sk)->rxopt.all)
			ip6_datagram_recv_ctl(sk, msg, skb);
		return;
	}
	if (sk->sk_family == AF_INET6)
		kinet_mapped_info(sk, skb, msg);
	if (ksock_compat_inet_cmsg_flags(sk))
		ip_cmsg_recv_offset(msg, sk, skb, KINET_HEADER_LEN, 0);
}

/* RFC 1122, section 3.2.1.3: the address that an answer should come from */
static __be32 kinet_answer_from(const struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);

	if (rt && (rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST |
				   RTCF_LOCAL)) == RTCF_LOCAL)
		return ip_hdr(skb)->daddr;
	return skb->dev ? inet_select_addr(skb->dev, ip_hdr(skb)->saddr,
					   RT_SCOPE_UNIVERSE) : 0;
}

/**
 * kinet_prepare_control() - keep what control data will need
 * @sk: sock that the packet is for
 * @skb: packet, with its device and route
 *
 * ip_cmsg_recv_offset() looks for it in the packet's control buffer.
 */
void kinet_prepare_control(struct sock *sk, struct sk_buff *skb)
{
	struct in_pktinfo *info = PKTINFO_SKB_CB(skb);
	__be32 from;

	if (skb->protocol != htons(ETH_P_IP) ||
	    !(ksock_compat_inet_cmsg_flags(sk) & IP_CMSG_PKTINFO))
		return;
	from = kinet_answer_from(skb);
	info->ipi_ifindex = inet_iif(skb);
	info->ipi_spec_dst.s_addr = from;
}
