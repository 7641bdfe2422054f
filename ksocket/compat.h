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

/* Another task may run in the middle of a direct callback, and pass for it. */
#ifdef CONFIG_PREEMPT_RT
#error "ksocket doesn't support PREEMPT_RT: use another kernel than Debian's -rt"
#endif

#include <net/inet_sock.h>
#include <net/sock.h>

/* Its declarations were in netdevice.h before 6.5. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <net/gso.h>
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/skbuff_ref.h>
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

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

/*
 * Flags of an inet_sock and an ipv6_pinfo: bits of a word since 6.6, bit fields
 * before.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_inet_test(sk, bit, field)	inet_test_bit(bit, sk)
#define ksock_compat_inet_set(sk, bit, field)	inet_set_bit(bit, sk)
#define ksock_compat_inet_assign(sk, bit, field, on)	\
	inet_assign_bit(bit, sk, on)
#define ksock_compat_inet6_test(sk, bit, field)	inet6_test_bit(bit, sk)
#define ksock_compat_inet6_set(sk, bit, field)	inet6_set_bit(bit, sk)
#else
#define ksock_compat_inet_test(sk, bit, field)	(inet_sk(sk)->field)
#define ksock_compat_inet_set(sk, bit, field)	(inet_sk(sk)->field = 1)
#define ksock_compat_inet_assign(sk, bit, field, on)	\
	(inet_sk(sk)->field = !!(on))
#define ksock_compat_inet6_test(sk, bit, field)	(inet6_sk(sk)->field)
#define ksock_compat_inet6_set(sk, bit, field)	(inet6_sk(sk)->field = 1)
#endif

/* IPV6_MTU_DISCOVER, which was a bit field too */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_inet6_pmtudisc(sk)	READ_ONCE(inet6_sk(sk)->pmtudisc)
#else
#define ksock_compat_inet6_pmtudisc(sk)	(inet6_sk(sk)->pmtudisc)
#endif

/* Flow labels that a sock has leased, of which its copy has none */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_fl_list_reset(sk)	(inet_sk(sk)->ipv6_fl_list = NULL)
#else
#define ksock_compat_fl_list_reset(sk)	(inet6_sk(sk)->ipv6_fl_list = NULL)
#endif

/* What control data IPv4 has to tell of each packet, IP_CMSG_* bits */
static inline unsigned long ksock_compat_inet_cmsg_flags(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return inet_cmsg_flags(inet_sk(sk));
#else
	return inet_sk(sk)->cmsg_flags;
#endif
}

/* IP_LOCAL_PORT_RANGE: lowest port | highest << 16, each 0 when it isn't set */
static inline u32 ksock_compat_local_port_range(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return READ_ONCE(inet_sk(sk)->local_port_range);
#else
	return inet_sk(sk)->local_port_range.lo |
	       (u32)inet_sk(sk)->local_port_range.hi << 16;
#endif
}

/* The host's UDP sockets, which may be a namespace's own since 6.2 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_udp_table(net)	((net)->ipv4.udp_table)
#else
#define ksock_compat_udp_table(net)	(&udp_table)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_sock_cmsg_send(sk, msg, cmsg, cookie)	\
	__sock_cmsg_send(sk, cmsg, cookie)
#else
#define ksock_compat_sock_cmsg_send(sk, msg, cmsg, cookie)	\
	__sock_cmsg_send(sk, msg, cmsg, cookie)
#endif

/* Where the kernel finds the IPv6 part of a sock whose proto is @type's. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_PINFO(type, member)	\
	.ipv6_pinfo_offset = offsetof(type, member),
#else
#define KSOCK_COMPAT_PINFO(type, member)
#endif

/*
 * How a family that knows MSG_SPLICE_PAGES is given the pages of a pipe or a
 * file: by sendmsg(), or, before 6.5, each by a call of its own.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_SENDPAGE
#define KSOCK_COMPAT_SPLICE_SENDPAGE
/* A file has ended before as much was there as had been asked for. */
#define KSOCK_COMPAT_SPLICE_EOF(name)	.splice_eof = name,
#else
#define KSOCK_COMPAT_SPLICE_EOF(name)
static inline ssize_t ksock_compat_splice_sendpage(struct socket *sock,
						   struct page *page, int offset,
						   size_t size, int flags)
{
	struct bio_vec bv = {
		.bv_page	= page,
		.bv_offset	= offset,
		.bv_len		= size,
	};
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };

	if (flags & MSG_SENDPAGE_NOTLAST)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &bv, 1, size);
	return sock_sendmsg(sock, &msg);
}

#define KSOCK_COMPAT_SENDPAGE		.sendpage = sock_no_sendpage,
#define KSOCK_COMPAT_SPLICE_SENDPAGE	.sendpage = ksock_compat_splice_sendpage,
#endif

/* proto.ioctl, by a function that has the answer stored: get(sk, cmd, &value) */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_PROTO_IOCTL(name, get)				\
	static int name(struct sock *sk, int cmd, int *value)		\
	{								\
		return get(sk, cmd, value);				\
	}
#else
#define KSOCK_COMPAT_PROTO_IOCTL(name, get)				\
	static int name(struct sock *sk, int cmd, unsigned long arg)	\
	{								\
		int value;						\
		int err = get(sk, cmd, &value);				\
									\
		return err ? err : put_user(value, (int __user *)arg);	\
	}
#endif

/* proto.accept, by a function that needs no more: get(sk, nonblock, &err) */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_PROTO_ACCEPT(name, get)				\
	static struct sock *name(struct sock *sk,			\
				 struct proto_accept_arg *arg)		\
	{								\
		return get(sk, arg->flags & O_NONBLOCK, &arg->err);	\
	}
#else
#define KSOCK_COMPAT_PROTO_ACCEPT(name, get)				\
	static struct sock *name(struct sock *sk, int flags, int *err,	\
				 bool kern)				\
	{								\
		return get(sk, flags & O_NONBLOCK, err);		\
	}
#endif

/* inet_accept(), unless @refusal, in which @sock is the listener, is an errno */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_OPS_ACCEPT(name, refusal)				\
	static int name(struct socket *sock, struct socket *to,		\
			struct proto_accept_arg *arg)			\
	{								\
		return (refusal) ?: inet_accept(sock, to, arg);		\
	}
#else
#define KSOCK_COMPAT_OPS_ACCEPT(name, refusal)				\
	static int name(struct socket *sock, struct socket *to,		\
			int flags, bool kern)				\
	{								\
		return (refusal) ?: inet_accept(sock, to, flags, kern);	\
	}
#endif

/* Of struct tcp_info since 6.2 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_tcp_info_rcv_wnd(info, wnd)	((info)->tcpi_rcv_wnd = (wnd))
#else
#define ksock_compat_tcp_info_rcv_wnd(info, wnd)
#endif

/* When a packet is to leave, by CLOCK_MONOTONIC: other clocks came with 6.10. */
static inline void ksock_compat_set_departure(struct sk_buff *skb, u64 ns)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	skb_set_delivery_time(skb, ns_to_ktime(ns), SKB_CLOCK_MONOTONIC);
#else
	skb_set_delivery_time(skb, ns_to_ktime(ns), true);
#endif
}

/* Tables end by their size since 6.6, by an empty entry before. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_sysctl_add(net, path, table, entries)	\
	register_net_sysctl_sz(net, path, table, entries)
#define ksock_compat_ctl_table	const struct ctl_table
#else
#define ksock_compat_sysctl_add(net, path, table, entries)	\
	register_net_sysctl(net, path, table)
#define ksock_compat_ctl_table	struct ctl_table
#endif

/* A family that answers SOL_SOCKET itself; 6.1 knows one such, MPTCP. */
static inline bool ksock_compat_own_sol_socket(const struct socket *sock)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return test_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
#else
	return sock->sk->sk_protocol == IPPROTO_MPTCP;
#endif
}

/*
 * sock_sendmsg(), which 6.1's TCP does not have splice pages (MSG_SPLICE_PAGES,
 * over a bvec). Below the one lock, so that the parts stay together; a time-out
 * is for each page there.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline int ksock_compat_sendmsg(struct socket *sock, struct msghdr *msg)
{
	return sock_sendmsg(sock, msg);
}
#else
static inline int ksock_compat_sendpage(struct sock *sk, struct msghdr *msg)
{
	int flags = msg->msg_flags & ~MSG_SPLICE_PAGES;
	const struct iov_iter *from = &msg->msg_iter;
	unsigned long at = from->bvec->bv_offset + from->iov_offset;
	size_t size = min(from->count, from->bvec->bv_len - from->iov_offset);

	size = min_t(size_t, size, PAGE_SIZE - offset_in_page(at));
	if (size < from->count)
		flags |= MSG_MORE;
	return kernel_sendpage_locked(sk, from->bvec->bv_page + at / PAGE_SIZE,
				      offset_in_page(at), size, flags);
}

static inline int ksock_compat_splice(struct sock *sk, struct msghdr *msg)
{
	int ret, sent = 0;

	while (msg_data_left(msg)) {
		ret = ksock_compat_sendpage(sk, msg);
		if (ret <= 0)
			return sent ? : ret;
		iov_iter_advance(&msg->msg_iter, ret);
		sent += ret;
	}
	return sent;
}

static inline int ksock_compat_sendmsg(struct socket *sock, struct msghdr *msg)
{
	int ret;

	/* A family of its own knows it. */
	if (likely(!(msg->msg_flags & MSG_SPLICE_PAGES)) ||
	    !sock->ops->sendpage_locked)
		return sock_sendmsg(sock, msg);
	lock_sock(sock->sk);
	ret = ksock_compat_splice(sock->sk, msg);
	release_sock(sock->sk);
	return ret;
}
#endif

/* How the kernel tells that it no longer refers to a sender's pages */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_UBUF_OPS(name, told) \
	static const struct ubuf_info_ops name = { .complete = (told) }
#define ksock_compat_set_ubuf_ops(ubuf, name)	((ubuf)->ops = &(name))
#else
#define KSOCK_COMPAT_UBUF_OPS(name, told) \
	static typeof(((struct ubuf_info *)NULL)->callback) const name = (told)
#define ksock_compat_set_ubuf_ops(ubuf, name)	((ubuf)->callback = (name))
#endif

/* Who answers sock_diag is held while it does since 6.8, a mutex is before. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KSOCK_COMPAT_DIAG_OWNER	.owner = THIS_MODULE,
#else
#define KSOCK_COMPAT_DIAG_OWNER
#endif

/* In a tracepoint, whose __string() knows the source since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define ksock_compat_assign_str(dst, src)	__assign_str(dst)
#else
#define ksock_compat_assign_str(dst, src)	__assign_str(dst, src)
#endif

#endif /* _KSOCKET_COMPAT_H */
