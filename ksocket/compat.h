/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that this project supports, in one
 * place: Debian's 6.1 and 6.12. Force-included, so that no .c file needs an
 * #if on the kernel's version.
 */
#ifndef _KSOCKET_COMPAT_H
#define _KSOCKET_COMPAT_H

/* Before printk.h, which this file brings in ahead of every other. */
#ifndef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#endif

#include <linux/version.h>
#include <net/inet_sock.h>
#include <net/sock.h>

/**
 * ksock_compat_net_refcnt_upgrade() - make a kernel sock pin its namespace
 * @sk: sock without a reference; its namespace is alive
 */
static inline void ksock_compat_net_refcnt_upgrade(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	sk_net_refcnt_upgrade(sk);
#else
	struct net *net = sock_net(sk);

	sk->sk_net_refcnt = 1;
	get_net_track(net, &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(net, 1);
#endif
}

static inline bool ksock_compat_freebind(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return inet_test_bit(FREEBIND, sk);
#else
	return inet_sk(sk)->freebind;
#endif
}

/* A family that answers SOL_SOCKET itself; 6.1 knows one such, MPTCP. */
static inline bool ksock_compat_own_sol_socket(const struct socket *sock)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return test_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
#else
	return sock->sk->sk_protocol == IPPROTO_MPTCP;
#endif
}

/* In a tracepoint, whose __string() knows the source since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_assign_str(dst, src)	__assign_str(dst)
#else
#define ksock_compat_assign_str(dst, src)	__assign_str(dst, src)
#endif

#endif /* _KSOCKET_COMPAT_H */
