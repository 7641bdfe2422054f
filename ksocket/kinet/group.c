// SPDX-License-Identifier: GPL-2.0-only
/*
 * Membership in groups
 *
 * The host joins and leaves for our sockets, and speaks IGMP and MLD; which of
 * the socket's own memberships lets a packet in is asked here (RFC 3376, 3810).
 */
#include <linux/igmp.h>
#include <net/if_inet6.h>

#include "kinet.h"

static bool kinet_source_listed4(const struct ip_sf_socklist *list, __be32 addr)
{
	unsigned int i;

	for (i = 0; list && i < list->sl_count; i++)
		if (list->sl_addr[i] == addr)
			return true;
	return false;
}

static bool kinet_group_allows4(const struct sock *sk,
				const struct kinet_pkt *pkt)
{
	__be32 group = pkt->daddr.s6_addr32[3];
	__be32 from = pkt->saddr.s6_addr32[3];
	struct ip_mc_socklist *mc;
	int dev;

	if (!ipv4_is_multicast(group))
		return true;
	for (mc = rcu_dereference(inet_sk(sk)->mc_list); mc;
	     mc = rcu_dereference(mc->next_rcu)) {
		dev = mc->multi.imr_ifindex;
		if (mc->multi.imr_multiaddr.s_addr == group &&
		    (dev == pkt->dif || (pkt->sdif && dev == pkt->sdif)))
			return kinet_source_listed4(rcu_dereference(mc->sflist),
						    from) ==
			       (mc->sfmode == MCAST_INCLUDE);
	}
	return ksock_compat_inet_test(sk, MC_ALL, mc_all);
}

static bool kinet_source_listed6(const struct ip6_sf_socklist *list,
				 const struct in6_addr *addr)
{
	unsigned int i;

	for (i = 0; list && i < list->sl_count; i++)
		if (ipv6_addr_equal(&list->sl_addr[i], addr))
			return true;
	return false;
}

static bool kinet_group_allows6(const struct sock *sk,
				const struct kinet_pkt *pkt)
{
	struct ipv6_mc_socklist *mc;

	if (!ipv6_addr_is_multicast(&pkt->daddr))
		return true;
	for (mc = rcu_dereference(inet6_sk(sk)->ipv6_mc_list); mc;
	     mc = rcu_dereference(mc->next)) {
		if (ipv6_addr_equal(&mc->addr, &pkt->daddr))
			return kinet_source_listed6(rcu_dereference(mc->sflist),
						    &pkt->saddr) ==
			       (mc->sfmode == MCAST_INCLUDE);
	}
	return ksock_compat_inet6_test(sk, MC6_ALL, mc_all);
}

/**
 * kinet_group_allows() - does a socket want what was sent to a group?
 * @sk: sock
 * @pkt: packet
 *
 * Context: RCU read side.
 * Return: whether its memberships, and their sources, allow it.
 */
bool kinet_group_allows(const struct sock *sk, const struct kinet_pkt *pkt)
{
	return pkt->family == AF_INET ? kinet_group_allows4(sk, pkt) :
					kinet_group_allows6(sk, pkt);
}
