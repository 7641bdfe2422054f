// SPDX-License-Identifier: GPL-2.0-only
/*
 * The families, and how programs come to a socket
 *
 * socket(PF_KINET, ...) and socket(PF_KINET6, ...) are ours; a program that can
 * say only PF_INET or PF_INET6 says a protocol of ours.
 */
#include <linux/bpf-cgroup.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/transp_v6.h>
#include <uapi/linux/kinet.h>

#include "kinet.h"

static int kinet_family = PF_KINET;
module_param_named(family, kinet_family, int, 0444);
MODULE_PARM_DESC(family, "Number of PF_KINET, for IPv4 (22)");

static int kinet_family6 = PF_KINET6;
module_param_named(family6, kinet_family6, int, 0444);
MODULE_PARM_DESC(family6, "Number of PF_KINET6, for IPv6 (25)");

int kinet_family_number(bool ipv6)
{
	return ipv6 ? kinet_family6 : kinet_family;
}

/* A kind of socket: what is asked for, and what comes of it. */
struct kinet_kind {
	int			type;
	struct proto		*prot[2];
	const struct proto_ops	*ops[2];
};

static const struct kinet_kind kinet_kinds[] = {
	{
		.type	= SOCK_STREAM,
		.prot	= { &kinet_stream_prot, &kinet6_stream_prot },
		.ops	= { &kinet_stream_ops, &kinet6_stream_ops },
	}, {
		.type	= SOCK_DGRAM,
		.prot	= { &kinet_dgram_prot, &kinet6_dgram_prot },
		.ops	= { &kinet_dgram_ops, &kinet6_dgram_ops },
	}, {
		.type	= SOCK_RAW,
		.prot	= { &kinet_raw_prot, &kinet6_raw_prot },
		.ops	= { &kinet_raw_ops, &kinet6_raw_ops },
	},
};

static const struct kinet_kind *kinet_kind(int type)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinet_kinds); i++)
		if (kinet_kinds[i].type == type)
			return &kinet_kinds[i];
	return NULL;
}

/* Programs say 0, or the number on the wire; sk_protocol is neither. */
static int kinet_protocol(int type, int protocol)
{
	if (type == SOCK_RAW)
		return protocol > 0 && protocol < 256 ? protocol :
							-EPROTONOSUPPORT;
	if (type == SOCK_STREAM)
		return !protocol || protocol == IPPROTO_TCP ?
		       KINET_PROTO_STREAM : -EPROTONOSUPPORT;
	return !protocol || protocol == IPPROTO_UDP ? KINET_PROTO_DGRAM :
						      -EPROTONOSUPPORT;
}

static void kinet_set_defaults(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	struct net *net = sock_net(sk);

	inet->pmtudisc = READ_ONCE(net->ipv4.sysctl_ip_no_pmtu_disc) ?
			 IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
	inet->uc_ttl = -1;
	inet->mc_ttl = 1;
	ksock_compat_inet_set(sk, MC_LOOP, mc_loop);
	/* The host's sockets for IPv6 hear of IPv4's groups only what they join. */
	if (sk->sk_family == AF_INET)
		ksock_compat_inet_set(sk, MC_ALL, mc_all);
	sk->sk_txrehash = READ_ONCE(net->core.sysctl_txrehash);
	sk->sk_destruct = inet_sock_destruct;
}

static void kinet_set_defaults6(struct sock *sk)
{
	/* The last of each proto's struct */
	struct ipv6_pinfo *np = (void *)sk + sk->sk_prot->obj_size - sizeof(*np);

	inet_sk(sk)->pinet6 = np;
	np->hop_limit = -1;
	np->mcast_hops = IPV6_DEFAULT_MCASTHOPS;
	np->pmtudisc = IPV6_PMTUDISC_WANT;
	ksock_compat_inet6_set(sk, MC6_LOOP, mc_loop);
	ksock_compat_inet6_set(sk, MC6_ALL, mc_all);
	sk->sk_ipv6only = READ_ONCE(sock_net(sk)->ipv6.sysctl.bindv6only);
	sk->sk_destruct = inet6_sock_destruct;
}

static int kinet_create_kind(struct net *net, struct socket *sock, int protocol,
			     int kern, bool ipv6)
{
	const struct kinet_kind *kind = kinet_kind(sock->type);
	struct sock *sk;
	int err;

	if (!kind)
		return -ESOCKTNOSUPPORT;
	protocol = kinet_protocol(sock->type, protocol);
	if (protocol < 0)
		return protocol;
	if (sock->type == SOCK_RAW && !kern &&
	    !ns_capable(net->user_ns, CAP_NET_RAW))
		return -EPERM;
	sk = sk_alloc(net, ipv6 ? AF_INET6 : AF_INET, GFP_KERNEL,
		      kind->prot[ipv6], kern);
	if (!sk)
		return -ENOBUFS;
	sock->state = SS_UNCONNECTED;
	sock->ops = kind->ops[ipv6];
	sock_init_data(sock, sk);
	sk->sk_protocol = protocol;
	kinet_set_defaults(sk);
	if (ipv6)
		kinet_set_defaults6(sk);
	err = sk->sk_prot->init(sk);
	if (!err && !kern)
		err = BPF_CGROUP_RUN_PROG_INET_SOCK(sk);
	if (err) {
		sk_common_release(sk);
		sock->sk = NULL;
	}
	return err;
}

static int kinet_create(struct net *net, struct socket *sock, int protocol,
			int kern)
{
	return kinet_create_kind(net, sock, protocol, kern, false);
}

static int kinet6_create(struct net *net, struct socket *sock, int protocol,
			 int kern)
{
	return kinet_create_kind(net, sock, protocol, kern, true);
}

static struct net_proto_family kinet_families[] = {
	{
		.create	= kinet_create,
		.owner	= THIS_MODULE,
	}, {
		.create	= kinet6_create,
		.owner	= THIS_MODULE,
	},
};

/* Where the number is taken there is another. */
static int kinet_register(struct net_proto_family *family, int *number)
{
	int err;

	family->family = *number;
	err = sock_register(family);
	if (err != -EEXIST)
		return err;
	family->family = PF_KINET_FALLBACK;
	err = sock_register(family);
	if (err)
		pr_err("families %d and %d are taken: load with family= and family6=\n",
		       *number, PF_KINET_FALLBACK);
	else
		*number = PF_KINET_FALLBACK;
	return err;
}

static bool kinet_is_number(const char *name, int number)
{
	if (number > 0 && number < AF_MAX)
		return true;
	pr_err("%s=%d: must be from 1 to %d\n", name, number, AF_MAX - 1);
	return false;
}

/* --- by number, on PF_INET and PF_INET6 --- */

static struct inet_protosw kinet_protosw[2][3] = {
	{
		{
			.type		= SOCK_STREAM,
			.protocol	= KINET_PROTO_STREAM,
			.prot		= &kinet_stream_prot,
			.ops		= &kinet_stream_ops,
		}, {
			.type		= SOCK_DGRAM,
			.protocol	= KINET_PROTO_DGRAM,
			.prot		= &kinet_dgram_prot,
			.ops		= &kinet_dgram_ops,
		}, {
			.type		= SOCK_RAW,
			.protocol	= KINET_PROTO_RAW,
			.prot		= &kinet_raw_prot,
			.ops		= &kinet_raw_ops,
		},
	}, {
		{
			.type		= SOCK_STREAM,
			.protocol	= KINET_PROTO_STREAM,
			.prot		= &kinet6_stream_prot,
			.ops		= &kinet6_stream_ops,
		}, {
			.type		= SOCK_DGRAM,
			.protocol	= KINET_PROTO_DGRAM,
			.prot		= &kinet6_dgram_prot,
			.ops		= &kinet6_dgram_ops,
		}, {
			.type		= SOCK_RAW,
			.protocol	= KINET_PROTO_RAW,
			.prot		= &kinet6_raw_prot,
			.ops		= &kinet6_raw_ops,
		},
	},
};

static void kinet_protosw_add(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinet_protosw[0]); i++) {
		inet_register_protosw(&kinet_protosw[0][i]);
		if (ipv6_mod_enabled())
			inet6_register_protosw(&kinet_protosw[1][i]);
	}
}

static void kinet_protosw_remove(void)
{
	int i = ARRAY_SIZE(kinet_protosw[0]);

	while (i--) {
		if (ipv6_mod_enabled())
			inet6_unregister_protosw(&kinet_protosw[1][i]);
		inet_unregister_protosw(&kinet_protosw[0][i]);
	}
}

/**
 * kinet_family_init() - let programs in
 *
 * Where the host has no IPv6 (ipv6.disable=1), we have none either.
 *
 * Return: 0, -EINVAL for a number that is none, -EEXIST for one that is taken.
 */
int kinet_family_init(void)
{
	int err;

	if (!kinet_is_number("family", kinet_family) ||
	    !kinet_is_number("family6", kinet_family6))
		return -EINVAL;
	err = kinet_register(&kinet_families[0], &kinet_family);
	if (err)
		return err;
	if (ipv6_mod_enabled())
		err = kinet_register(&kinet_families[1], &kinet_family6);
	if (err) {
		sock_unregister(kinet_families[0].family);
		return err;
	}
	kinet_protosw_add();
	return 0;
}

void kinet_family_exit(void)
{
	kinet_protosw_remove();
	if (ipv6_mod_enabled())
		sock_unregister(kinet_families[1].family);
	sock_unregister(kinet_families[0].family);
}
