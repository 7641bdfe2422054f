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

/**
 * kinet_query() - answer ksocket
 * @sock: socket
 * @name: KSOCK_QUERY
 * @value: a struct ksock_query, in the kernel
 * @len: bytes of that
 *
 * Context: Any, also below the hooks.
 * Return: 0, -ENOPROTOOPT for another option or a program's, -EINVAL.
 */
int kinet_query(struct socket *sock, int name, sockptr_t value, unsigned int len)
{
	struct sock *sk = READ_ONCE(sock->sk);

	if (name != KSOCK_QUERY || !sockptr_is_kernel(value))
		return -ENOPROTOOPT;
	if (!sk || len != sizeof(struct ksock_query))
		return -EINVAL;
	if (sk->sk_type == SOCK_STREAM)
		kinet_stream_query(sk, value.kernel);
	else
		kinet_query_fill(sk, value.kernel);
	return 0;
}
