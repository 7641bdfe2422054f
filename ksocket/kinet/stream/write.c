// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending, as the user does it
 */
#include "stream.h"

/*
 * Wake who waits only when a third is free, or he would write in crumbs. With
 * TCP_NOTSENT_LOWAT what isn't sent yet has to be less than that, and less than
 * the half of it.
 */
bool kinet_stream_has_room(const struct sock *sk, int wake)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u32 most = READ_ONCE(tp->notsent_lowat);

	if (most && READ_ONCE(tp->stood) &&
	    (u64)kinet_tcp_unsent(tp) << wake >= most)
		return false;
	return !wake || sk_stream_wspace(sk) >= sk_stream_min_wspace(sk);
}

/* There is room; of a socket that nobody waits for, nobody is told. */
void kinet_stream_write_space(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	struct socket_wq *wq;

	/* Options make room, too; pairs with kinet_poll_out(). */
	smp_mb();
	if (!sock || !test_bit(SOCK_NOSPACE, &sock->flags) ||
	    !__sk_stream_memory_free(sk, 1))
		return;
	clear_bit(SOCK_NOSPACE, &sock->flags);
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM |
					   EPOLLWRBAND);
	if (wq && wq->fasync_list &&
	    !(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN))
		sock_wake_async(wq, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

static bool kinet_tcp_can_write(const struct sock *sk)
{
	return !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN) &&
	       kinet_state_sends(sk->sk_state);
}

/* Return: 0 when there is room again. */
static int kinet_tcp_wait_room(struct sock *sk, long *timeout)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* What is there goes, or no room would ever be. */
	kinet_tcp_push(sk);
	return sk_stream_wait_memory(sk, timeout);
}

static int kinet_tcp_write(struct sock *sk, struct msghdr *msg, long timeout)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	int ret, copied = 0;

	while (msg_data_left(msg)) {
		ret = -EPIPE;
		if (!kinet_tcp_can_write(sk))
			goto out;
		ret = sk_stream_memory_free(sk) ? kinet_store_add(sk, msg) :
						  -ENOBUFS;
		if (ret == -ENOBUFS)
			ret = kinet_tcp_wait_room(sk, &timeout);
		else if (ret > 0)
			copied += ret;
		if (ret < 0)
			goto out;
		/* A long write is on its way before it is all here. */
		if (tp->write_seq - tp->push_seq >= KINET_BURST_MAX) {
			tp->push_seq = tp->write_seq;
			tp->more = true;
			kinet_tcp_push(sk);
		}
	}
	ret = 0;
out:
	return copied ?: ret;
}

static void kinet_tcp_wrote(struct sock *sk, int flags)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (flags & MSG_OOB) {
		tp->urgent_out = true;
		tp->snd_up = tp->write_seq;
	}
	tp->more = flags & MSG_MORE;
	tp->push_seq = tp->write_seq;
	kinet_tcp_push(sk);
}

static int kinet_tcp_control(struct sock *sk, struct msghdr *msg)
{
	struct sockcm_cookie cookie = {
		.tsflags = READ_ONCE(sk->sk_tsflags),
	};

	return msg->msg_controllen ? sock_cmsg_send(sk, msg, &cookie) : 0;
}

static int kinet_tcp_send(struct sock *sk, struct msghdr *msg)
{
	long timeout = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	int ret;

	if (msg->msg_flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (!kinet_tcp_can_write(sk)) {
		ret = sk_stream_wait_connect(sk, &timeout);
		if (ret)
			return ret;
	}
	ret = kinet_tcp_control(sk, msg);
	if (ret)
		return ret;
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	ret = kinet_tcp_write(sk, msg, timeout);
	if (ret > 0)
		kinet_tcp_wrote(sk, msg->msg_flags);
	return ret;
}

/**
 * kinet_stream_sendmsg() - sendmsg(2)
 * @sk: sock
 * @msg: bytes
 * @len: how many
 *
 * Return: how many were taken, or an errno.
 */
int kinet_stream_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	int ret;

	lock_sock(sk);
	ret = kinet_tcp_send(sk, msg);
	if (ret < 0)
		ret = sk_stream_error(sk, msg->msg_flags, ret);
	/* It was memory that lacked: no acknowledgment will tell who waits for an edge. */
	if (unlikely(ret == -EAGAIN) && !kinet_tcp_unacked(kinet_tcp(sk)))
		sk->sk_write_space(sk);
	release_sock(sk);
	return ret;
}

/**
 * kinet_stream_splice_eof() - what sendfile(2) said would come doesn't
 * @sock: socket, whose last message had MSG_MORE
 *
 * Of kernels before 6.5 nobody says so, and the rest waits for a while.
 */
void kinet_stream_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	kinet_tcp(sk)->more = false;
	kinet_tcp_push(sk);
	release_sock(sk);
}
