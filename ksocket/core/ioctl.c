// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksock_ioctl(): answered from the socket's fields, since the families' own
 * ioctls want user memory; or from what the family tells
 */
#include <linux/sockios.h>
#include <net/af_unix.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <asm/ioctls.h>
#include <ksocket/family.h>

#include "core.h"

static int ksock_tcp_ioctl(struct sock *sk, int cmd)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	sock_owned_by_me(sk);
	if (cmd != SIOCATMARK && sk->sk_state == TCP_LISTEN)
		return -EINVAL;
	switch (cmd) {
	case FIONREAD:
		return tcp_inq(sk);
	case SIOCATMARK:
		return tp->urg_data &&
		       READ_ONCE(tp->urg_seq) == READ_ONCE(tp->copied_seq);
	case SIOCOUTQ:
		if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
			return 0;
		return READ_ONCE(tp->write_seq) - tp->snd_una;
	default:
		return -ENOTTY;
	}
}

/* Length of the first good datagram; recvmsg skips those with a bad checksum. */
static int ksock_first_good(struct sk_buff_head *queue)
{
	struct sk_buff *skb;

	lockdep_assert_held(&queue->lock);
	skb_queue_walk(queue, skb) {
		if (!udp_lib_checksum_complete(skb))
			return skb->len;
	}
	return -ENODATA;
}

/*
 * Length of the first datagram, or -ENODATA. UDP moves what it received from
 * the sock's queue to one for readers, whose lock comes first.
 */
int ksock_udp_first(struct sock *sk)
{
	struct sk_buff_head *readers = &udp_sk(sk)->reader_queue;
	int len;

	spin_lock_bh(&readers->lock);
	len = ksock_first_good(readers);
	if (len < 0) {
		spin_lock(&sk->sk_receive_queue.lock);
		len = ksock_first_good(&sk->sk_receive_queue);
		spin_unlock(&sk->sk_receive_queue.lock);
	}
	spin_unlock_bh(&readers->lock);
	return len;
}

bool ksock_is_udp(const struct sock *sk)
{
	return (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
	       sk->sk_type == SOCK_DGRAM &&
	       (sk->sk_protocol == IPPROTO_UDP ||
		sk->sk_protocol == IPPROTO_UDPLITE);
}

static int ksock_inq(struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);
	struct sock *sk = sock->sk;
	struct sk_buff *skb;
	int len;

	if (sk->sk_family == AF_UNIX)
		return unix_inq_len(sk);
	if (ksock_is_udp(sk))
		return max(ksock_udp_first(sk), 0);
	if (ops->peek_len)
		return ops->peek_len(sock);
	if (sk->sk_type == SOCK_STREAM)
		return -ENOTTY;
	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb = skb_peek(&sk->sk_receive_queue);
	len = skb ? skb->len : 0;
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return len;
}

/* Of a listener, the query counts connections. */
static int ksock_query_ioctl(const struct sock *sk,
			     const struct ksock_query *query, int cmd)
{
	bool stream = sk->sk_type == SOCK_STREAM;

	if (cmd != SIOCATMARK && stream && sk->sk_state == TCP_LISTEN)
		return -EINVAL;
	switch (cmd) {
	case FIONREAD:
		return clamp_t(s64, query->readable, 0, INT_MAX);
	case SIOCATMARK:
		return stream ? query->at_mark : -ENOTTY;
	case SIOCOUTQ:
		return min_t(u64, query->unsent, INT_MAX);
	default:
		return -ENOTTY;
	}
}

static int ksock_plain_ioctl(struct socket *sock, int cmd)
{
	switch (cmd) {
	case FIONREAD:
		return ksock_inq(sock);
	case SIOCOUTQ:
		return sk_wmem_alloc_get(sock->sk);
	default:
		return -ENOTTY;
	}
}

static int ksock_queue_ioctl(struct socket *sock, int cmd)
{
	struct sock *sk = sock->sk;
	struct ksock_query query;
	int val;

	if (sk_is_tcp(sk)) {
		lock_sock(sk);
		val = ksock_tcp_ioctl(sk, cmd);
		release_sock(sk);
		return val;
	}
	if (ksock_ask(sock, &query))
		return ksock_query_ioctl(sk, &query, cmd);
	return ksock_plain_ioctl(sock, cmd);
}

static int ksock_do_ioctl(struct ksocket *s, int cmd, int *arg)
{
	int val;

	switch (cmd) {
	case FIONBIO:
		if (!arg)
			return -EFAULT;
		WRITE_ONCE(s->nonblock, *arg ? MSG_DONTWAIT : 0);
		return 0;
	case FIONREAD:
	case SIOCATMARK:
	case SIOCOUTQ:
		if (!arg)
			return -EFAULT;
		val = ksock_queue_ioctl(s->sock, cmd);
		if (val < 0)
			return val;
		*arg = val;
		return 0;
	case SIOCSPGRP:
	case SIOCGPGRP:
	case FIOASYNC:
	case FIOSETOWN:
	case FIOGETOWN:
		/* Signals are for processes. */
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

/**
 * ksock_ioctl() - control a socket
 * @s: handle
 * @cmd: FIONBIO (in: do not block, if not 0), FIONREAD (out: bytes, or the
 *	length of the next message, that could be received now), SIOCATMARK
 *	(out: whether the next byte is the urgent mark; TCP and families of their
 *	own), SIOCOUTQ (out: bytes that were sent and not yet acknowledged or freed)
 * @arg: address of an int in kernel memory
 *
 * Context: Process context. May sleep.
 * Return: 0, -EFAULT for a 0 @arg, -EINVAL for the queues of a listener,
 * -EOPNOTSUPP for the ioctls by which a process asks for signals, -ENOTTY for
 * any other, -ENOTSOCK, -ENETDOWN.
 */
int ksock_ioctl(ksocket_t s, int cmd, intptr_t arg)
{
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_errno(s, ksock_do_ioctl(s, cmd, (int *)arg));
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_ioctl);
