// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw sockets: packets of any IP protocol, beside those who it is for
 *
 * For IPv4 a socket receives the packet with its IP header, and with IP_HDRINCL
 * sends it so; for IPv6 it is the transport's part alone (RFC 3542).
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/raw.h>
#include <net/transp_v6.h>
#include <net/udp.h>
#include <ksocket/family.h>
#include <uapi/linux/kinet.h>

#include "kinet.h"

static u8 kinet_raw_protocol(const struct sock *sk)
{
	return READ_ONCE(kinet_sk(sk)->raw_protocol);
}

/* --- beginning and end --- */

/* By number there is none of IP's that the number could stand for. */
static int kinet_raw_init(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	int err;

	if (inet->inet_num == KINET_PROTO_RAW) {
		inet->inet_num = 0;
		inet->inet_sport = 0;
	}
	err = kinet_sock_init(sk);
	if (err)
		return err;
	sk->sk_reuse = SK_CAN_REUSE;
	if (sk->sk_protocol == IPPROTO_RAW)
		ksock_compat_inet_set(sk, HDRINCL, hdrincl);
	if (sk->sk_family == AF_INET6 && sk->sk_protocol == IPPROTO_ICMPV6)
		kinet_sk(sk)->checksum = offsetof(struct icmp6hdr, icmp6_cksum);
	if (sk->sk_protocol < 256)
		return sk->sk_prot->hash(sk);
	return 0;
}

static int kinet_raw_hash(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));

	/* The kernel's create routine calls this before the socket's init. */
	if (!kinet_sk(sk)->wire)
		return 0;
	spin_lock_bh(&kn->raw_lock);
	/* One that is drained before it has a protocol, stays away. */
	if (sk_unhashed(sk) && !READ_ONCE(kinet_sk(sk)->dead)) {
		WRITE_ONCE(kinet_sk(sk)->raw_protocol, sk->sk_protocol);
		sk_add_node_rcu(sk, &kn->raw);
		sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	}
	spin_unlock_bh(&kn->raw_lock);
	return 0;
}

static void kinet_raw_unhash(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));

	spin_lock_bh(&kn->raw_lock);
	if (!sk_unhashed(sk)) {
		sk_del_node_init_rcu(sk);
		sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	}
	spin_unlock_bh(&kn->raw_lock);
}

/* Raw sockets have no ports: all may have the same one. */
static int kinet_raw_get_port(struct sock *sk, unsigned short port)
{
	return 0;
}

/*
 * The kernel's routine takes a socket that wasn't bound to a port from its table.
 * This one stays: who walks along the list, and was at it, would begin anew with
 * what is in front, which then had the packet twice.
 */
static int kinet_raw_disconnect(struct sock *sk, int flags)
{
	u8 locks;

	lock_sock(sk);
	locks = sk->sk_userlocks;
	sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	__udp_disconnect(sk, flags);
	sk->sk_userlocks = locks;
	release_sock(sk);
	return 0;
}

/* --- receiving --- */

static bool kinet_raw_filters(const struct sock *sk, const struct sk_buff *skb,
			      const struct kinet_pkt *pkt)
{
	const struct kinet_sock *k = kinet_sk(sk);
	u8 *type, room;

	if (pkt->protocol != (pkt->family == AF_INET ? IPPROTO_ICMP :
						       IPPROTO_ICMPV6))
		return false;
	type = skb_header_pointer(skb, pkt->offset, sizeof(room), &room);
	if (!type)
		return true;
	if (pkt->family == AF_INET)
		return *type < 32 && READ_ONCE(k->icmp_filter) & 1U << *type;
	return READ_ONCE(k->icmp6_filter.data[*type >> 5]) & 1U << (*type & 31);
}

static bool kinet_raw_fits(const struct sock *sk, const struct kinet_pkt *pkt)
{
	const struct inet_sock *inet = inet_sk(sk);
	__be32 local = READ_ONCE(inet->inet_rcv_saddr);
	__be32 peer = READ_ONCE(inet->inet_daddr);

	if (pkt->family == AF_INET)
		return (!local || local == pkt->daddr.s6_addr32[3]) &&
		       (!peer || peer == pkt->saddr.s6_addr32[3]);
	return (ipv6_addr_any(&sk->sk_v6_rcv_saddr) ||
		ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &pkt->daddr)) &&
	       (ipv6_addr_any(&sk->sk_v6_daddr) ||
		ipv6_addr_equal(&sk->sk_v6_daddr, &pkt->saddr));
}

static bool kinet_raw_wants(const struct sock *sk, const struct kinet_pkt *pkt)
{
	if (kinet_raw_protocol(sk) != pkt->protocol ||
	    sk->sk_family != pkt->family ||
	    !raw_sk_bound_dev_eq(pkt->net, READ_ONCE(sk->sk_bound_dev_if),
				 pkt->dif, pkt->sdif) ||
	    !kinet_group_allows(sk, pkt))
		return false;
	/* Before or after a connect(), as in table.c */
	return data_race(kinet_raw_fits(sk, pkt));
}

static bool kinet_raw_checksum_is_good(struct sock *sk, struct sk_buff *skb,
				       struct kinet_pkt *pkt)
{
	return pkt->family == AF_INET || READ_ONCE(kinet_sk(sk)->checksum) < 0 ||
	       skb_csum_unnecessary(skb) ||
	       (!skb_checksum_init(skb, pkt->protocol, ip6_compute_pseudo) &&
		!skb_checksum_complete(skb));
}

static void kinet_raw_give(struct sock *sk, struct sk_buff *skb,
			   struct kinet_pkt *pkt)
{
	struct sk_buff *clone = skb_clone(skb, GFP_ATOMIC);

	if (!clone) {
		kinet_dropped(pkt, KINET_DROP_NO_MEMORY);
		return;
	}
	/* Whose header is received, too, has it in the data. */
	skb_set_transport_header(clone, pkt->offset);
	if (pkt->family == AF_INET6) {
		if (!pskb_may_pull(clone, pkt->offset)) {
			kinet_drop(clone, pkt, KINET_DROP_NO_MEMORY);
			return;
		}
		__skb_pull(clone, pkt->offset);
		skb_postpull_rcsum(clone, skb_network_header(clone),
				   pkt->offset);
	}
	if (!kinet_raw_checksum_is_good(sk, clone, pkt))
		kinet_drop(clone, pkt, KINET_DROP_BAD_CHECKSUM);
	else if (!kinet_sock_queue(sk, clone, pkt))
		kinet_count(pkt->net, KINET_RAW_IN);
}

/**
 * kinet_raw_receive() - show a packet to the raw sockets
 * @skb: packet, its data at the network's header; not consumed
 * @pkt: what it is
 *
 * Context: softirq, RCU read side.
 */
void kinet_raw_receive(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	struct kinet_net *kn = kinet_net(pkt->net);
	struct sock *sk;

	sk_for_each_rcu(sk, &kn->raw)
		if (kinet_raw_wants(sk, pkt) &&
		    !kinet_raw_filters(sk, skb, pkt))
			kinet_raw_give(sk, skb, pkt);
}

/**
 * kinet_raw_hears() - would a raw socket hear of an error?
 * @pkt: packet that was sent, as an answer to it would look
 *
 * Context: RCU read side.
 * Return: whether there is one.
 */
bool kinet_raw_hears(const struct kinet_pkt *pkt)
{
	struct sock *sk;

	sk_for_each_rcu(sk, &kinet_net(pkt->net)->raw)
		if (kinet_raw_wants(sk, pkt))
			return true;
	return false;
}

/**
 * kinet_raw_error() - an error has arrived, for all raw sockets of its protocol
 * @skb: ICMP packet, its data at our packet's network header in it
 * @pkt: our packet as an answer to it would look
 * @error: what is wrong
 *
 * Context: softirq, RCU read side.
 */
void kinet_raw_error(struct sk_buff *skb, const struct kinet_pkt *pkt,
		     const struct kinet_error *error)
{
	struct sock *sk;

	sk_for_each_rcu(sk, &kinet_net(pkt->net)->raw)
		if (kinet_raw_wants(sk, pkt))
			kinet_sock_error(sk, skb, pkt, error);
}

static int kinet_raw_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			     int flags, int *addr_len)
{
	struct sk_buff *skb;
	size_t copied;
	int err;

	if (flags & MSG_ERRQUEUE)
		return inet_recv_error(sk, msg, len, addr_len);
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	skb = skb_recv_datagram(sk, flags, &err);
	if (!skb)
		return err;
	copied = min_t(size_t, len, skb->len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (!err) {
		kinet_sock_name(sk, skb, msg, 0, addr_len);
		kinet_sock_control(sk, skb, msg);
		err = flags & MSG_TRUNC ? skb->len : copied;
	}
	skb_free_datagram(sk, skb);
	return err;
}

/* --- sending --- */

static int kinet_raw_checksum(struct sock *sk, struct sk_buff *skb,
			      struct kinet_flow *flow)
{
	int offset = READ_ONCE(kinet_sk(sk)->checksum);
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	__sum16 *check;

	if (flow->family != AF_INET6 || offset < 0)
		return 0;
	if (offset + sizeof(*check) > skb->len)
		return -EINVAL;
	if (!pskb_may_pull(skb, offset + sizeof(*check)))
		return -ENOBUFS;
	check = (__sum16 *)(skb->data + offset);
	*check = 0;
	*check = csum_ipv6_magic(&fl6->saddr, &fl6->daddr, skb->len,
				 fl6->flowi6_proto,
				 skb_checksum(skb, 0, skb->len, 0));
	/* Which to UDP would be none (RFC 768). */
	if (!*check && fl6->flowi6_proto == IPPROTO_UDP)
		*check = CSUM_MANGLED_0;
	return 0;
}

/* The caller has written the header; the kernel fills in what it may leave 0. */
static int kinet_raw_own_header(struct sock *sk, struct sk_buff *skb,
				struct kinet_flow *flow)
{
	struct iphdr *iph;

	if (!pskb_may_pull(skb, sizeof(*iph)) ||
	    !pskb_may_pull(skb, ip_hdrlen(skb)))
		return -EINVAL;
	iph = ip_hdr(skb);
	if (iph->version != IPVERSION || iph->ihl < 5)
		return -EINVAL;
	if (!iph->saddr)
		iph->saddr = flow->fl.u.ip4.saddr;
	if (!iph->id)
		ip_select_ident(sock_net(sk), skb, NULL);
	skb->transport_header = skb->network_header + iph->ihl * 4;
	return 0;
}

static int kinet_raw_xmit_own(struct sock *sk, struct sk_buff *skb,
			      struct kinet_flow *flow)
{
	struct net *net = sock_net(sk);
	int err = 0;

	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	if (flow->family == AF_INET)
		err = kinet_raw_own_header(sk, skb, flow);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	skb->protocol = flow->family == AF_INET ? htons(ETH_P_IP) :
						  htons(ETH_P_IPV6);
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = flow->cookie.mark;
	skb_dst_set(skb, dst_clone(flow->dst));
	memset(skb->cb, 0, sizeof(skb->cb));
	/* IPv6's header goes as it is, its length included. */
	err = flow->family == AF_INET ?
	      ip_local_out(net, sk, skb) :
	      NF_HOOK(NFPROTO_IPV6, NF_INET_LOCAL_OUT, net, sk, skb, NULL,
		      flow->dst->dev, dst_output);
	return err > 0 ? net_xmit_errno(err) : err;
}

static int kinet_raw_xmit(struct sock *sk, struct sk_buff *skb,
			  struct kinet_flow *flow, bool own)
{
	int err;

	if (own)
		return kinet_raw_xmit_own(sk, skb, flow);
	skb_reset_transport_header(skb);
	err = kinet_raw_checksum(sk, skb, flow);
	if (!err)
		return kinet_sk(sk)->wire->xmit(sk, skb, flow);
	kfree_skb(skb);
	return err;
}

static int kinet_raw_send(struct sock *sk, struct msghdr *msg, size_t len,
			  struct kinet_flow *flow)
{
	bool own = ksock_compat_inet_test(sk, HDRINCL, hdrincl);
	unsigned int mtu = kinet_sk(sk)->wire->mtu(flow);
	struct sk_buff *skb;
	int err;

	if ((own && len > mtu) ||
	    (!own && kinet_ip_must_not_fragment(sk, flow) &&
	     len + kinet_ip_header_len(flow) > mtu)) {
		kinet_local_error(sk, flow, EMSGSIZE, mtu);
		return -EMSGSIZE;
	}
	if (own && len < (flow->family == AF_INET ? sizeof(struct iphdr) :
						    sizeof(struct ipv6hdr)))
		return -EINVAL;
	kinet_flow_confirm(flow, msg);
	if (msg->msg_flags & MSG_PROBE)
		return 0;
	skb = kinet_dgram_piece(sk, msg, len, kinet_ip_headroom(flow),
				min_t(size_t, len, KINET_LINEAR),
				!(msg->msg_flags & MSG_DONTWAIT), &err);
	if (!skb)
		return err;
	err = kinet_raw_xmit(sk, skb, flow, own);
	kinet_count(sock_net(sk), err ? KINET_SEND_FAILED : KINET_RAW_OUT);
	return err == -ENOBUFS && !kinet_wants_errors(sk, flow->family) ? 0 : err;
}

/*
 * RFC 3542, section 3: an address of IPv6 has the protocol in place of a port,
 * or 0. IPv4's is not looked at.
 */
static int kinet_raw_port(struct kinet_flow *flow, u8 protocol)
{
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	unsigned int port = ntohs(fl6->fl6_dport);

	if (flow->family == AF_INET) {
		flow->fl.u.ip4.fl4_dport = 0;
		return 0;
	}
	fl6->fl6_dport = 0;
	if (!port || port == protocol || flow->connected)
		return 0;
	if (protocol != IPPROTO_RAW || port > 255)
		return -EINVAL;
	fl6->flowi6_proto = port;
	return 0;
}

static int kinet_raw_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	u8 protocol = kinet_raw_protocol(sk);
	struct kinet_flow flow;
	int err;

	if (len > IP_MAX_MTU - sizeof(struct iphdr))
		return -EMSGSIZE;
	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!protocol)
		return -EDESTADDRREQ;
	err = kinet_flow_begin(sk, msg, protocol, &flow);
	if (!err && flow.family != sk->sk_family)
		err = -EINVAL;
	if (!err)
		err = kinet_raw_port(&flow, protocol);
	if (!err)
		err = kinet_sk(sk)->wire->route(sk, &flow);
	if (!err)
		err = kinet_raw_send(sk, msg, len, &flow);
	kinet_flow_end(&flow);
	return err ? err : len;
}

/* --- options --- */

static int kinet_raw_set_protocol(struct sock *sk, sockptr_t value,
				  unsigned int len)
{
	int protocol, err = 0;

	if (len < sizeof(protocol))
		return -EINVAL;
	if (copy_from_sockptr(&protocol, value, sizeof(protocol)))
		return -EFAULT;
	if (protocol < 1 || protocol > 255)
		return -EINVAL;
	lock_sock(sk);
	if (!sk_unhashed(sk)) {
		err = -EISCONN;
	} else {
		sk->sk_protocol = protocol;
		err = sk->sk_prot->hash(sk);
	}
	release_sock(sk);
	return err;
}

static int kinet_raw_set_filter(struct sock *sk, sockptr_t value,
				unsigned int len)
{
	struct icmp_filter filter = { 0 };

	if (kinet_raw_protocol(sk) != IPPROTO_ICMP)
		return -EOPNOTSUPP;
	if (copy_from_sockptr(&filter, value, min_t(size_t, len, sizeof(filter))))
		return -EFAULT;
	WRITE_ONCE(kinet_sk(sk)->icmp_filter, filter.data);
	return 0;
}

static int kinet_raw_set_filter6(struct sock *sk, int name, sockptr_t value,
				 unsigned int len)
{
	struct icmp6_filter filter = { 0 };
	unsigned int i;

	if (kinet_raw_protocol(sk) != IPPROTO_ICMPV6)
		return -EOPNOTSUPP;
	if (name != ICMPV6_FILTER)
		return -ENOPROTOOPT;
	if (copy_from_sockptr(&filter, value, min_t(size_t, len, sizeof(filter))))
		return -EFAULT;
	lock_sock(sk);
	/* Each packet looks at one of them, without the lock. */
	for (i = 0; i < ARRAY_SIZE(filter.data); i++)
		WRITE_ONCE(kinet_sk(sk)->icmp6_filter.data[i], filter.data[i]);
	release_sock(sk);
	return 0;
}

/* The options that a raw socket for IPv6 has of its own */
static bool kinet_raw_has6(const struct sock *sk, int level, int name)
{
	return sk->sk_family == AF_INET6 &&
	       (level == SOL_RAW ||
		(level == SOL_IPV6 &&
		 (name == IPV6_CHECKSUM || name == IPV6_HDRINCL)));
}

/* RFC 3542, section 3.1 */
static int kinet_raw_set_checksum(struct sock *sk, int level, int offset)
{
	if (level == SOL_IPV6 && kinet_raw_protocol(sk) == IPPROTO_ICMPV6)
		return -EINVAL;
	if (offset > 0 && offset & 1)
		return -EINVAL;
	WRITE_ONCE(kinet_sk(sk)->checksum, max(offset, -1));
	return 0;
}

static int kinet_raw_set6(struct sock *sk, int level, int name, sockptr_t value,
			  unsigned int len)
{
	int number;

	if (len < sizeof(number))
		return -EINVAL;
	if (copy_from_sockptr(&number, value, sizeof(number)))
		return -EFAULT;
	switch (name) {
	case IPV6_CHECKSUM:
		return kinet_raw_set_checksum(sk, level, number);
	case IPV6_HDRINCL:
		/* It may be one of the bits that other options are, too. */
		lock_sock(sk);
		ksock_compat_inet_assign(sk, HDRINCL, hdrincl, number);
		release_sock(sk);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int kinet_raw_setsockopt(struct sock *sk, int level, int name,
				sockptr_t value, unsigned int len)
{
	bool ipv6 = sk->sk_family == AF_INET6;

	if (level == SOL_KINET && name == KINET_RAW_PROTOCOL)
		return kinet_raw_set_protocol(sk, value, len);
	if (kinet_raw_has6(sk, level, name))
		return kinet_raw_set6(sk, level, name, value, len);
	if (level == SOL_RAW)
		return name == ICMP_FILTER ?
		       kinet_raw_set_filter(sk, value, len) : -ENOPROTOOPT;
	if (level == SOL_ICMPV6 && ipv6)
		return kinet_raw_set_filter6(sk, name, value, len);
	return kinet_setsockopt(sk, level, name, value, len);
}

static int kinet_raw_get6(struct sock *sk, struct ksock_option *opt)
{
	switch (opt->name) {
	case IPV6_CHECKSUM:
		return kinet_tell_number(opt, READ_ONCE(kinet_sk(sk)->checksum));
	case IPV6_HDRINCL:
		return kinet_tell_number(opt, ksock_compat_inet_test(sk, HDRINCL,
								     hdrincl));
	default:
		return -ENOPROTOOPT;
	}
}

static int kinet_raw_get_filter(struct sock *sk, struct ksock_option *opt)
{
	if (opt->name != ICMP_FILTER)
		return -ENOPROTOOPT;
	if (kinet_raw_protocol(sk) != IPPROTO_ICMP)
		return -EOPNOTSUPP;
	return kinet_tell_number(opt, READ_ONCE(kinet_sk(sk)->icmp_filter));
}

static int kinet_raw_get_filter6(struct sock *sk, struct ksock_option *opt)
{
	struct icmp6_filter filter;

	if (kinet_raw_protocol(sk) != IPPROTO_ICMPV6)
		return -EOPNOTSUPP;
	if (opt->name != ICMPV6_FILTER)
		return -ENOPROTOOPT;
	lock_sock(sk);
	filter = kinet_sk(sk)->icmp6_filter;
	release_sock(sk);
	return kinet_tell_option(opt, &filter, sizeof(filter));
}

/**
 * kinet_raw_get_option() - read one of the options that are a raw socket's own
 * @sk: sock
 * @opt: option; its value is told
 *
 * Return: as kinet_get_option().
 */
int kinet_raw_get_option(struct sock *sk, struct ksock_option *opt)
{
	if (opt->level == SOL_KINET && opt->name == KINET_RAW_PROTOCOL)
		return kinet_tell_number(opt, kinet_raw_protocol(sk));
	if (kinet_raw_has6(sk, opt->level, opt->name))
		return kinet_raw_get6(sk, opt);
	if (opt->level == SOL_RAW)
		return kinet_raw_get_filter(sk, opt);
	if (opt->level == SOL_ICMPV6 && sk->sk_family == AF_INET6)
		return kinet_raw_get_filter6(sk, opt);
	return -ENOIOCTLCMD;
}

KSOCK_COMPAT_PROTO_IOCTL(kinet_raw_ioctl, kinet_queue_len)

#define KINET_RAW_PROTO							\
	KINET_PROTO,							\
	.init			= kinet_raw_init,			\
	.disconnect		= kinet_raw_disconnect,			\
	.ioctl			= kinet_raw_ioctl,			\
	.setsockopt		= kinet_raw_setsockopt,			\
	.getsockopt		= kinet_getsockopt,			\
	.sendmsg		= kinet_raw_sendmsg,			\
	.recvmsg		= kinet_raw_recvmsg,			\
	.hash			= kinet_raw_hash,			\
	.unhash			= kinet_raw_unhash,			\
	.get_port		= kinet_raw_get_port

struct proto kinet_raw_prot = {
	.name			= "KINET-RAW",
	.connect		= ip4_datagram_connect,
	.release_cb		= ip4_datagram_release_cb,
	.obj_size		= sizeof(struct kinet_sock),
	.useroffset		= offsetof(struct kinet_sock, icmp_filter),
	.usersize		= offsetofend(struct kinet_sock, checksum) -
				  offsetof(struct kinet_sock, icmp_filter),
	KINET_RAW_PROTO,
};

struct proto kinet6_raw_prot = {
	.name			= "KINET6-RAW",
	.connect		= ip6_datagram_connect,
	.release_cb		= ip6_datagram_release_cb,
	.obj_size		= sizeof(struct kinet6_sock),
	.useroffset		= offsetof(struct kinet_sock, icmp_filter),
	.usersize		= offsetofend(struct kinet_sock, checksum) -
				  offsetof(struct kinet_sock, icmp_filter),
	KSOCK_COMPAT_PINFO(struct kinet6_sock, inet6)
	KINET_RAW_PROTO,
};
