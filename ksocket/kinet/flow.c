// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a message goes, and how: from its address, its control data, and the
 * socket's options
 */
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/transp_v6.h>

#include "kinet.h"

/* --- IPv4 --- */

/* RFC 3542's pktinfo, for a socket of IPv6 that sends by IPv4 */
static int kinet_control_mapped(struct cmsghdr *cmsg, struct flowi4 *fl4)
{
	struct in6_pktinfo *info = CMSG_DATA(cmsg);

	if (cmsg->cmsg_type != IPV6_PKTINFO ||
	    cmsg->cmsg_len < CMSG_LEN(sizeof(*info)) ||
	    (!ipv6_addr_v4mapped(&info->ipi6_addr) &&
	     !ipv6_addr_any(&info->ipi6_addr)))
		return -EINVAL;
	if (info->ipi6_ifindex)
		fl4->flowi4_oif = info->ipi6_ifindex;
	fl4->saddr = info->ipi6_addr.s6_addr32[3];
	return 0;
}

static int kinet_control_int(struct cmsghdr *cmsg, int low, int high, int *value)
{
	if (cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		*value = *(int *)CMSG_DATA(cmsg);
	else if (cmsg->cmsg_len == CMSG_LEN(sizeof(u8)))
		*value = *(u8 *)CMSG_DATA(cmsg);
	else
		return -EINVAL;
	return *value < low || *value > high ? -EINVAL : 0;
}

static int kinet_control_ip(struct cmsghdr *cmsg, struct kinet_flow *flow)
{
	struct flowi4 *fl4 = &flow->fl.u.ip4;
	struct in_pktinfo *info;
	int value, err;

	switch (cmsg->cmsg_type) {
	case IP_PKTINFO:
		info = CMSG_DATA(cmsg);
		if (cmsg->cmsg_len != CMSG_LEN(sizeof(*info)))
			return -EINVAL;
		if (info->ipi_ifindex)
			fl4->flowi4_oif = info->ipi_ifindex;
		fl4->saddr = info->ipi_spec_dst.s_addr;
		return 0;
	case IP_TTL:
		err = kinet_control_int(cmsg, 1, 255, &value);
		flow->ttl = value;
		return err;
	case IP_TOS:
		err = kinet_control_int(cmsg, 0, 255, &value);
		flow->tos = value;
		return err;
	default:
		return -EINVAL;
	}
}

static int kinet_control4(struct sock *sk, struct msghdr *msg,
			  struct kinet_flow *flow)
{
	struct cmsghdr *cmsg;
	int err = 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_SOCKET)
			err = ksock_compat_sock_cmsg_send(sk, msg, cmsg,
							  &flow->cookie);
		else if (cmsg->cmsg_level == SOL_IP)
			err = kinet_control_ip(cmsg, flow);
		else if (cmsg->cmsg_level == SOL_IPV6 &&
			 sk->sk_family == AF_INET6)
			err = kinet_control_mapped(cmsg, &flow->fl.u.ip4);
		if (err)
			return err;
	}
	return 0;
}

static void kinet_flow_group4(struct sock *sk, struct flowi4 *fl4)
{
	struct inet_sock *inet = inet_sk(sk);

	if (!ipv4_is_multicast(fl4->daddr)) {
		if (!fl4->flowi4_oif)
			fl4->flowi4_oif = READ_ONCE(inet->uc_index);
		return;
	}
	if (!fl4->flowi4_oif)
		fl4->flowi4_oif = READ_ONCE(inet->mc_index);
	if (!fl4->saddr)
		fl4->saddr = READ_ONCE(inet->mc_addr);
}

/* What else a route is looked for by */
static void kinet_flow_kind4(const struct sock *sk, bool dontroute,
			     struct kinet_flow *flow)
{
	struct flowi4 *fl4 = &flow->fl.u.ip4;

	fl4->flowi4_tos = RT_TOS(flow->tos) & ~INET_ECN_MASK;
	fl4->flowi4_scope = dontroute || sock_flag(sk, SOCK_LOCALROUTE) ?
			    RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static int kinet_flow4(struct sock *sk, struct msghdr *msg, __be32 daddr,
		       __be16 dport, struct kinet_flow *flow)
{
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 *fl4 = &flow->fl.u.ip4;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	flow->family = AF_INET;
	flow->ttl = -1;
	flow->tos = READ_ONCE(inet->tos);
	flow->by_link = !ip_sk_use_pmtu(sk);
	fl4->flowi4_oif = READ_ONCE(sk->sk_bound_dev_if);
	fl4->fl4_dport = dport;
	fl4->fl4_sport = inet->inet_sport;
	fl4->daddr = daddr;
	if (msg->msg_controllen) {
		flow->connected = false;
		err = kinet_control4(sk, msg, flow);
		if (err)
			return err;
	}
	if (!fl4->saddr)
		fl4->saddr = inet->inet_saddr;
	kinet_flow_group4(sk, fl4);
	if (ipv4_is_multicast(daddr) || msg->msg_flags & MSG_DONTROUTE)
		flow->connected = false;
	kinet_flow_kind4(sk, msg->msg_flags & MSG_DONTROUTE, flow);
	return 0;
}

static int kinet_flow_to4(struct sock *sk, struct msghdr *msg,
			  struct kinet_flow *flow)
{
	DECLARE_SOCKADDR(struct sockaddr_in *, sin, msg->msg_name);
	struct inet_sock *inet = inet_sk(sk);

	if (!sin) {
		if (!kinet_is_connected(sk))
			return -EDESTADDRREQ;
		flow->connected = true;
		return kinet_flow4(sk, msg, inet->inet_daddr, inet->inet_dport,
				   flow);
	}
	if (msg->msg_namelen < sizeof(*sin))
		return -EINVAL;
	if (sin->sin_family != AF_INET && sin->sin_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (!sin->sin_port && sk->sk_type == SOCK_DGRAM)
		return -EINVAL;
	return kinet_flow4(sk, msg, sin->sin_addr.s_addr, sin->sin_port, flow);
}

/* --- IPv6 --- */

static int kinet_control6(struct sock *sk, struct msghdr *msg,
			  struct kinet_flow *flow)
{
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	struct ipcm6_cookie ipc6 = {
		.hlimit		= -1,
		.tclass		= flow->tos,
		.dontfrag	= flow->dontfrag,
		.opt		= &flow->opt_room,
		.sockc		= flow->cookie,
	};
	int err;

	flow->connected = false;
	flow->opt_room.tot_len = sizeof(flow->opt_room);
	err = ip6_datagram_send_ctl(sock_net(sk), sk, msg, fl6, &ipc6);
	if (err)
		return err;
	flow->cookie = ipc6.sockc;
	flow->ttl = ipc6.hlimit;
	flow->tos = ipc6.tclass;
	flow->dontfrag = ipc6.dontfrag;
	if (flow->opt_room.opt_nflen | flow->opt_room.opt_flen)
		flow->opt = &flow->opt_room;
	return 0;
}

/* A label may be somebody's alone; with it come the headers that he said. */
static int kinet_flow_label(struct sock *sk, struct kinet_flow *flow)
{
	__be32 label = flow->fl.u.ip6.flowlabel;
	struct ip6_flowlabel *leased;

	if (!(label & IPV6_FLOWLABEL_MASK))
		return 0;
	leased = fl6_sock_lookup(sk, label);
	if (IS_ERR(leased))
		return -EINVAL;
	flow->label = leased;
	return 0;
}

static void kinet_flow_source6(struct sock *sk, struct flowi6 *fl6)
{
	struct ipv6_pinfo *np = inet6_sk(sk);

	if (ipv6_addr_any(&fl6->saddr))
		fl6->saddr = np->saddr;
	/* A BSD habit: nowhere is here. */
	if (ipv6_addr_any(&fl6->daddr))
		fl6->daddr = in6addr_loopback;
	if (fl6->flowi6_oif)
		return;
	fl6->flowi6_oif = ipv6_addr_is_multicast(&fl6->daddr) ?
			  READ_ONCE(np->mcast_oif) : READ_ONCE(np->ucast_oif);
}

static int kinet_flow6(struct sock *sk, struct msghdr *msg,
		       const struct in6_addr *daddr, __be16 dport,
		       struct kinet_flow *flow)
{
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	struct ipv6_pinfo *np = inet6_sk(sk);
	int err;

	flow->family = AF_INET6;
	flow->ttl = -1;
	flow->tos = READ_ONCE(np->tclass);
	flow->dontfrag = ksock_compat_inet6_test(sk, DONTFRAG, dontfrag);
	flow->by_link = ksock_compat_inet6_pmtudisc(sk) >= IPV6_PMTUDISC_PROBE;
	flow->limit = READ_ONCE(np->frag_size);
	if (!fl6->flowi6_oif)
		fl6->flowi6_oif = READ_ONCE(sk->sk_bound_dev_if);
	if (!fl6->flowi6_oif)
		fl6->flowi6_oif = np->sticky_pktinfo.ipi6_ifindex;
	fl6->daddr = *daddr;
	fl6->fl6_dport = dport;
	fl6->fl6_sport = inet_sk(sk)->inet_sport;
	if (msg->msg_controllen) {
		err = kinet_control6(sk, msg, flow);
		if (err)
			return err;
	}
	err = kinet_flow_label(sk, flow);
	if (err)
		return err;
	if (!flow->opt) {
		flow->opt_held = txopt_get(np);
		flow->opt = flow->opt_held;
	}
	if (flow->label)
		flow->opt = fl6_merge_options(&flow->opt_room, flow->label,
					      flow->opt);
	if (ipv6_addr_is_multicast(daddr))
		flow->connected = false;
	kinet_flow_source6(sk, fl6);
	return 0;
}

static int kinet_flow_mapped(struct sock *sk, struct msghdr *msg,
			     const struct in6_addr *daddr, __be16 dport,
			     struct kinet_flow *flow)
{
	if (ipv6_only_sock(sk))
		return -ENETUNREACH;
	memset(&flow->fl, 0, sizeof(flow->fl));
	return kinet_flow4(sk, msg, daddr->s6_addr32[3], dport, flow);
}

static int kinet_flow_any6(struct sock *sk, struct msghdr *msg,
			   const struct in6_addr *daddr, __be16 dport,
			   struct kinet_flow *flow)
{
	if (ipv6_addr_v4mapped(daddr))
		return kinet_flow_mapped(sk, msg, daddr, dport, flow);
	return kinet_flow6(sk, msg, daddr, dport, flow);
}

static void kinet_flow_scope6(const struct sockaddr_in6 *sin6,
			      struct flowi6 *fl6)
{
	int type = __ipv6_addr_type(&sin6->sin6_addr);

	if (sin6->sin6_scope_id && __ipv6_addr_needs_scope_id(type))
		fl6->flowi6_oif = sin6->sin6_scope_id;
}

static int kinet_flow_to6(struct sock *sk, struct msghdr *msg,
			  struct kinet_flow *flow)
{
	DECLARE_SOCKADDR(struct sockaddr_in6 *, sin6, msg->msg_name);
	struct flowi6 *fl6 = &flow->fl.u.ip6;
	struct in6_addr peer;

	if (!sin6) {
		if (!kinet_is_connected(sk))
			return -EDESTADDRREQ;
		flow->connected = true;
		fl6->flowlabel = inet6_sk(sk)->flow_label;
		/* Once: what isn't IPv4's when it is looked at, stays so. */
		peer = sk->sk_v6_daddr;
		return kinet_flow_any6(sk, msg, &peer, inet_sk(sk)->inet_dport,
				       flow);
	}
	if (msg->msg_namelen < offsetofend(struct sockaddr, sa_family))
		return -EINVAL;
	if (sin6->sin6_family == AF_INET && !ipv6_only_sock(sk))
		return kinet_flow_to4(sk, msg, flow);
	if (sin6->sin6_family == AF_INET)
		return -ENETUNREACH;
	if (sin6->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (msg->msg_namelen < SIN6_LEN_RFC2133 ||
	    (!sin6->sin6_port && sk->sk_type == SOCK_DGRAM))
		return -EINVAL;
	if (msg->msg_namelen >= sizeof(*sin6))
		kinet_flow_scope6(sin6, fl6);
	if (ksock_compat_inet6_test(sk, SNDFLOW, sndflow))
		fl6->flowlabel = sin6->sin6_flowinfo & IPV6_FLOWINFO_MASK;
	return kinet_flow_any6(sk, msg, &sin6->sin6_addr, sin6->sin6_port, flow);
}

/**
 * kinet_flow_begin() - find out where a message goes
 * @sk: sock
 * @msg: message, with address and control data
 * @protocol: IP protocol
 * @flow: filled, but for the route
 *
 * Return: 0, -EDESTADDRREQ, -EINVAL, -EAFNOSUPPORT, -ENETUNREACH, -EPERM.
 * Whatever it is, kinet_flow_end() must follow.
 */
int kinet_flow_begin(struct sock *sk, struct msghdr *msg, u8 protocol,
		     struct kinet_flow *flow)
{
	struct flowi_common *common;
	int err;

	memset(flow, 0, sizeof(*flow));
	flow->cookie.mark = READ_ONCE(sk->sk_mark);
	flow->cookie.tsflags = READ_ONCE(sk->sk_tsflags);
	/*
	 * Of others than streams nobody has the lock, as with the host's; the
	 * kernel's connect() writes as if nobody looked.
	 */
	err = data_race(sk->sk_family == AF_INET6 ?
			kinet_flow_to6(sk, msg, flow) :
			kinet_flow_to4(sk, msg, flow));
	common = &flow->fl.u.__fl_common;
	common->flowic_proto = protocol;
	common->flowic_mark = flow->cookie.mark;
	common->flowic_uid = sk->sk_uid;
	return err;
}

/**
 * kinet_flow_back() - the way back to who has sent a packet
 * @pkt: packet
 * @flow: filled, but for ports and the route
 *
 * What came by a VRF goes back by its table.
 */
void kinet_flow_back(const struct kinet_pkt *pkt, struct kinet_flow *flow)
{
	struct flowi_common *common = &flow->fl.u.__fl_common;

	memset(flow, 0, sizeof(*flow));
	flow->family = pkt->family;
	flow->ttl = -1;
	common->flowic_proto = pkt->protocol;
	if (pkt->sdif)
		common->flowic_oif = pkt->dif;
	if (pkt->family == AF_INET) {
		flow->fl.u.ip4.daddr = pkt->saddr.s6_addr32[3];
		flow->fl.u.ip4.saddr = pkt->daddr.s6_addr32[3];
		return;
	}
	flow->fl.u.ip6.daddr = pkt->saddr;
	flow->fl.u.ip6.saddr = pkt->daddr;
	if (ipv6_addr_type(&pkt->saddr) & IPV6_ADDR_LINKLOCAL)
		common->flowic_oif = pkt->dif;
}

/**
 * kinet_flow_renew() - have a connection's way be what its socket says now
 * @sk: sock, locked
 * @flow: filled; ends, options and label stay
 *
 * The device is the one that the socket is bound to, as with the host's TCP.
 */
void kinet_flow_renew(const struct sock *sk, struct kinet_flow *flow)
{
	struct flowi_common *common = &flow->fl.u.__fl_common;

	flow->cookie.mark = READ_ONCE(sk->sk_mark);
	common->flowic_mark = flow->cookie.mark;
	common->flowic_oif = READ_ONCE(sk->sk_bound_dev_if);
	common->flowic_uid = sk->sk_uid;
	flow->tos = kinet_flow_tos(sk, flow);
	if (flow->family == AF_INET)
		kinet_flow_kind4(sk, false, flow);
}

/**
 * kinet_flow_confirm() - MSG_CONFIRM: the first hop answers
 * @flow: flow, routed
 * @msg: message
 *
 * RFC 4861, section 7.3.1, and RFC 1122, section 2.3.2.1: nobody need ask it.
 */
void kinet_flow_confirm(const struct kinet_flow *flow, const struct msghdr *msg)
{
	if (!(msg->msg_flags & MSG_CONFIRM))
		return;
	if (flow->family == AF_INET)
		dst_confirm_neigh(flow->dst, &flow->fl.u.ip4.daddr);
	else
		dst_confirm_neigh(flow->dst, &flow->fl.u.ip6.daddr);
}

void kinet_flow_end(struct kinet_flow *flow)
{
	dst_release(flow->dst);
	flow->dst = NULL;
	txopt_put(flow->opt_held);
	flow->opt_held = NULL;
	fl6_sock_release(flow->label);
	flow->label = NULL;
}
