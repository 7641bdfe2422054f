// SPDX-License-Identifier: GPL-2.0-only
/*
 * What poll(2) and epoll(7) are told
 */
#include <linux/poll.h>

#include "stream.h"

/**
 * kinet_tcp_has_enough() - would it be worth while to receive?
 * @sk: sock; without the lock it may be a moment old
 *
 * Return: whether there are as many bytes as SO_RCVLOWAT wants, or the peer
 * can't send as many before some are read, or there may be no memory for them.
 */
bool kinet_tcp_has_enough(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u32 readable = kinet_tcp_readable(sk);
	u32 buffer = READ_ONCE(sk->sk_rcvbuf);
	u32 silly;

	if (!readable)
		return false;
	/* Less than that isn't offered, or not sent into. */
	silly = 2 * READ_ONCE(tp->mss) + (1U << READ_ONCE(tp->rcv.scale));
	return readable >= READ_ONCE(sk->sk_rcvlowat) ||
	       readable + silly > buffer / 2 ||
	       atomic_read(&sk->sk_rmem_alloc) > buffer ||
	       READ_ONCE(kinet_memory_pressure);
}

/**
 * kinet_stream_set_rcvlowat() - SO_RCVLOWAT
 * @sk: sock, locked
 * @value: bytes that are to be there before any is received
 *
 * So many fit into the buffer then, unless SO_RCVBUF says that they don't.
 *
 * Return: 0.
 */
int kinet_stream_set_rcvlowat(struct sock *sk, int value)
{
	int most = READ_ONCE(kinet_net(sock_net(sk))->tcp_rmem[2]);
	bool fixed = sk->sk_userlocks & SOCK_RCVBUF_LOCK;
	struct kinet_tcp *tp = kinet_tcp(sk);

	value = min(value, (fixed ? sk->sk_rcvbuf : most) / 2);
	WRITE_ONCE(sk->sk_rcvlowat, value ?: 1);
	if (!fixed && value > sk->sk_rcvbuf / 2) {
		WRITE_ONCE(sk->sk_rcvbuf, value * 2);
		if (tp->clamp && tp->clamp < value)
			tp->clamp = value;
	}
	if (kinet_tcp_has_enough(sk))
		sk->sk_data_ready(sk);
	return 0;
}

static __poll_t kinet_poll_in(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	__poll_t mask = 0;

	if (kinet_tcp_has_enough(sk))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(tp->urgent) && READ_ONCE(tp->urgent_byte) &&
	    !READ_ONCE(tp->oob_read))
		mask |= EPOLLPRI;
	return mask;
}

/* SOCK_NOSPACE must be seen by who makes room, or the room by us. */
static __poll_t kinet_poll_out(struct sock *sk)
{
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN ||
	    __sk_stream_is_writeable(sk, 1))
		return EPOLLOUT | EPOLLWRNORM;
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* Pairs with kinet_tcp_respond() and kinet_stream_write_space(). */
	smp_mb__after_atomic();
	return __sk_stream_is_writeable(sk, 1) ? EPOLLOUT | EPOLLWRNORM : 0;
}

/**
 * kinet_stream_poll() - poll(2)
 * @file: its file
 * @sock: socket
 * @wait: who waits
 *
 * Return: EPOLL* bits.
 */
__poll_t kinet_stream_poll(struct file *file, struct socket *sock,
			   struct poll_table_struct *wait)
{
	struct sock *sk = sock->sk;
	__poll_t mask = 0;
	u8 shutdown;
	int state;

	sock_poll_wait(file, sock, wait);
	/* Pairs with kinet_tcp_event(). */
	state = smp_load_acquire(&sk->sk_state);
	if (state == TCP_LISTEN)
		return kinet_tcp_has_ready(sk) ? EPOLLIN | EPOLLRDNORM : 0;
	shutdown = READ_ONCE(sk->sk_shutdown);
	if (shutdown == SHUTDOWN_MASK || state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV)
		mask |= kinet_poll_in(sk) | kinet_poll_out(sk);
	/* Pairs with kinet_tcp_fail(). */
	smp_rmb();
	if (READ_ONCE(sk->sk_err) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}
