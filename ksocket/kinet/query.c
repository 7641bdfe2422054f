// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ksocket asks a family: see include/ksocket/family.h
 */
#include <linux/net.h>
#include <ksocket/family.h>

#include "kinet.h"

/* No hook is called with the queue's lock held, so it can be taken below one. */
static s64 kinet_query_readable(struct sock *sk)
{
	struct sk_buff *skb;
	unsigned long flags;
	s64 len = 0;

	spin_lock_irqsave(&sk->sk_receive_queue.lock, flags);
	skb = skb_peek(&sk->sk_receive_queue);
	if (skb)
		len = skb->len ? (s64)skb->len : -1;
	spin_unlock_irqrestore(&sk->sk_receive_queue.lock, flags);
	return !skb && READ_ONCE(sk->sk_err) ? -1 : len;
}

static void kinet_query_fill(struct sock *sk, struct ksock_query *query)
{
	int shut = READ_ONCE(sk->sk_shutdown);
	int err = READ_ONCE(sk->sk_err);

	query->readable = kinet_query_readable(sk);
	query->unsent = sk_wmem_alloc_get(sk);
	query->room = sock_writeable(sk);
	query->eof = shut & RCV_SHUTDOWN;
	query->write_over = shut & SEND_SHUTDOWN;
	query->reason = err ? err : -1;
}

static struct kinet_ends kinet_read_ends(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct kinet_ends ends = {
		.laddr	= sk->sk_v6_rcv_saddr,
		.raddr	= sk->sk_v6_daddr,
		.lport	= htons(inet->inet_num),
		.rport	= inet->inet_dport,
	};

	if (sk->sk_family == AF_INET) {
		ipv6_addr_set_v4mapped(inet->inet_rcv_saddr, &ends.laddr);
		ipv6_addr_set_v4mapped(inet->inet_daddr, &ends.raddr);
	}
	return ends;
}

/**
 * kinet_look_at_ends() - where a sock is, and its peer
 * @sk: sock; without the lock it may be a moment old, or half of it
 * @ends: filled, IPv4 as ::ffff:a.b.c.d
 *
 * Context: Any.
 */
void kinet_look_at_ends(const struct sock *sk, struct kinet_ends *ends)
{
	/* The kernel's connect() and bind() write them as if nobody looked. */
	*ends = data_race(kinet_read_ends(sk));
}

/**
 * kinet_waiting() - what waits at a socket
 * @sk: sock; without the lock it may be a moment old
 * @in: where the bytes to be received are stored, what they are kept in
 *	included unless it is a stream; a listener's connections to be accepted
 * @out: likewise, to be sent, or a stream's to be acknowledged; how many
 *	 connections may wait
 *
 * Context: Any.
 */
void kinet_waiting(struct sock *sk, u32 *in, u32 *out)
{
	if (sk->sk_type == SOCK_STREAM) {
		kinet_stream_waiting(sk, in, out);
		return;
	}
	*in = sk_rmem_alloc_get(sk);
	*out = sk_wmem_alloc_get(sk);
}

static void kinet_query_state(struct sock *sk, struct ksock_query *query)
{
	if (sk->sk_type == SOCK_STREAM)
		kinet_stream_query(sk, query);
	else
		kinet_query_fill(sk, query);
}

/* As getsockopt(2), in which SOL_SOCKET is never ours. */
static int kinet_query_option(struct sock *sk, struct ksock_option *opt)
{
	int err;

	if (opt->level == SOL_SOCKET)
		return -ENOPROTOOPT;
	if (READ_ONCE(kinet_sk(sk)->dead))
		return -ENETDOWN;
	err = kinet_get_option(sk, opt);
	return err == -ENOIOCTLCMD ? -ENOPROTOOPT : err;
}

/**
 * kinet_query() - answer ksocket
 * @sock: socket
 * @name: KSOCK_QUERY or KSOCK_OPTION
 * @value: a struct ksock_query or ksock_option, in the kernel
 * @len: bytes of that
 *
 * Context: Any for KSOCK_QUERY, also below the hooks. Process context for
 * KSOCK_OPTION, where it may sleep.
 * Return: 0, -ENOPROTOOPT for another option or a program's, -EINVAL, and what
 * the option says.
 */
int kinet_query(struct socket *sock, int name, sockptr_t value, unsigned int len)
{
	struct sock *sk = READ_ONCE(sock->sk);

	if (!sockptr_is_kernel(value))
		return -ENOPROTOOPT;
	switch (name) {
	case KSOCK_QUERY:
		if (!sk || len != sizeof(struct ksock_query))
			return -EINVAL;
		kinet_query_state(sk, value.kernel);
		return 0;
	case KSOCK_OPTION:
		if (!sk || len != sizeof(struct ksock_option))
			return -EINVAL;
		return kinet_query_option(sk, value.kernel);
	default:
		return -ENOPROTOOPT;
	}
}
