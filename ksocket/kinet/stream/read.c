// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving, as the user does it
 */
#include <linux/splice.h>
#include <linux/tcp.h>
#include <net/busy_poll.h>
#include <net/inet_common.h>
#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "stream.h"

/* One call of recvmsg() */
struct kinet_reading {
	struct msghdr	*msg;
	struct sk_buff	*last;		/* held, for SO_TIMESTAMP */
	size_t		len;
	size_t		copied;
	u32		seq;
	int		flags;
};

static bool kinet_tcp_mark_is(const struct sock *sk, u32 seq)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	/* Pairs with kinet_tcp_urgent(). */
	return smp_load_acquire(&tp->urgent) && READ_ONCE(tp->rcv_up) == seq;
}

/* Of the bytes from @copied to @end, which are in order, those before the mark */
static u32 kinet_tcp_before_mark(const struct sock *sk, u32 copied, u32 end)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u32 mark;

	/* Without the lock either may be older than the other. */
	if (!kinet_before(copied, end))
		return 0;
	/* Pairs with kinet_tcp_urgent(). */
	if (!smp_load_acquire(&tp->urgent) || sock_flag(sk, SOCK_URGINLINE))
		return end - copied;
	mark = READ_ONCE(tp->rcv_up);
	if (!kinet_within(copied, mark, end - copied))
		return end - copied;
	/* What is behind the mark is read by the next call. */
	return mark == copied ? end - copied - 1 : mark - copied;
}

/**
 * kinet_tcp_readable() - how many bytes could be received now
 * @sk: sock; without the lock it may be a moment old
 *
 * Return: bytes before the urgent one, or to the end.
 */
u32 kinet_tcp_readable(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u32 copied, end, readable;

	/* Pairs with kinet_tcp_established(). */
	if (!smp_load_acquire(&tp->stood))
		return 0;
	copied = READ_ONCE(tp->copied_seq);
	end = READ_ONCE(tp->rcv.nxt) - READ_ONCE(tp->fin_seen);
	readable = kinet_tcp_before_mark(sk, copied, end);
	/* Pairs with kinet_tcp_begin(), which forgets the numbers. */
	smp_rmb();
	return READ_ONCE(tp->stood) ? readable : 0;
}

/* --- what reading does to the peer --- */

/**
 * kinet_tcp_was_read() - the user has read something
 * @sk: sock, locked
 */
void kinet_tcp_was_read(struct sock *sk)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct kinet_rcv_space space;

	if (tp->urgent && kinet_after(tp->copied_seq, tp->rcv_up))
		WRITE_ONCE(tp->urgent, false);
	if (!kinet_state_receives(sk->sk_state))
		return;
	kinet_tcp_grow_rcvbuf(sk);
	kinet_tcp_space(sk, &space);
	if (kinet_window_update_due(&tp->rcv, &space))
		kinet_tcp_send_ack(sk);
}

/* --- copying --- */

static void kinet_tcp_eat(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_receive_queue);
	consume_skb(skb);
}

/* Bytes of an skb up to the mark; before that one its own is passed over. */
static int kinet_tcp_up_to_mark(struct sock *sk, struct kinet_reading *r,
				unsigned int *used)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (!tp->urgent || !kinet_within(r->seq, tp->rcv_up, *used))
		return 0;
	if (tp->rcv_up != r->seq) {
		*used = tp->rcv_up - r->seq;
		return 0;
	}
	if (r->copied)
		return 1;
	if (!sock_flag(sk, SOCK_URGINLINE)) {
		r->seq++;
		if (!(r->flags & MSG_PEEK))
			WRITE_ONCE(tp->copied_seq, r->seq);
		*used = 0;
	}
	return 0;
}

/* Of all that is received, the time of what came last is told. */
static void kinet_tcp_note_last(const struct sock *sk, struct sk_buff *skb,
				struct kinet_reading *r)
{
	if (likely(!sock_flag(sk, SOCK_TIMESTAMP) && !READ_ONCE(sk->sk_tsflags)))
		return;
	consume_skb(r->last);
	r->last = skb_get(skb);
}

static int kinet_tcp_copy_skb(struct sock *sk, struct sk_buff *skb,
			      struct kinet_reading *r)
{
	unsigned int offset = r->seq - kinet_piece(skb)->seq;
	unsigned int used = min_t(size_t, skb->len - offset, r->len);
	int err;

	if (kinet_tcp_up_to_mark(sk, r, &used))
		return 1;
	if (!(r->flags & MSG_TRUNC) && used) {
		err = skb_copy_datagram_msg(skb, offset, r->msg, used);
		if (err)
			return r->copied ? 1 : -EFAULT;
	}
	if (used)
		kinet_tcp_note_last(sk, skb, r);
	r->seq += used;
	r->copied += used;
	r->len -= used;
	if (r->flags & MSG_PEEK) {
		sk_peek_offset_fwd(sk, used);
	} else {
		sk_peek_offset_bwd(sk, used);
		WRITE_ONCE(kinet_tcp(sk)->copied_seq, r->seq);
		if (r->seq == kinet_piece(skb)->end)
			kinet_tcp_eat(sk, skb);
	}
	return 0;
}

static struct sk_buff *kinet_tcp_skb_at(struct sock *sk, u32 seq)
{
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (kinet_before(seq, kinet_piece(skb)->end))
			return skb;
	return NULL;
}

/* SO_BUSY_POLL: the device is asked for more before anybody sleeps. */
static void kinet_tcp_busy_poll(struct sock *sk, int flags)
{
	if (sk_can_busy_loop(sk) &&
	    skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	    READ_ONCE(sk->sk_state) == TCP_ESTABLISHED)
		sk_busy_loop(sk, flags & MSG_DONTWAIT);
}

/* All that is there. Return: 0, 1 at the mark, or an errno. */
static int kinet_tcp_copy(struct sock *sk, struct kinet_reading *r)
{
	struct sk_buff *skb;
	int ret = 0;

	while (!ret && r->len && (skb = kinet_tcp_skb_at(sk, r->seq)))
		ret = kinet_tcp_copy_skb(sk, skb, r);
	return ret;
}

/* --- waiting --- */

/*
 * Where to go on. Another may have read what was peeked at; and what waits for the
 * connection to stand has begun before there were numbers.
 */
static u32 kinet_tcp_place(struct sock *sk, const struct kinet_reading *r)
{
	u32 read = kinet_tcp(sk)->copied_seq;

	if (!(r->flags & MSG_PEEK))
		return read;
	return r->copied ? kinet_later(r->seq, read) :
			   read + max(sk_peek_offset(sk, r->flags), 0);
}

/* Is there a reason not to wait? Return: 1, or an errno when nothing was read. */
static int kinet_tcp_read_over(struct sock *sk, size_t copied, long timeout)
{
	/* Without the lock: kinet_sock_abort(), and SO_ERROR takes an error */
	bool shut = READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN;
	int err;

	if (copied)
		return READ_ONCE(sk->sk_err) || sk->sk_state == TCP_CLOSE ||
		       shut || !timeout || signal_pending(current);
	if (sock_flag(sk, SOCK_DONE))
		return 1;
	err = sock_error(sk);
	if (err)
		return err;
	if (shut)
		return 1;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	if (!timeout)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(timeout);
	return 0;
}

static int kinet_tcp_read(struct sock *sk, struct kinet_reading *r, long timeout,
			  size_t target)
{
	int ret;

	for (;;) {
		ret = kinet_tcp_copy(sk, r);
		if (!(r->flags & MSG_PEEK) && r->copied)
			kinet_tcp_was_read(sk);
		if (ret || !r->len)
			break;
		if (r->copied >= target && !READ_ONCE(sk->sk_backlog.tail))
			break;
		ret = kinet_tcp_read_over(sk, r->copied, timeout);
		if (ret)
			break;
		if (r->copied >= target) {
			release_sock(sk);
			lock_sock(sk);
		} else {
			ret = sk_wait_data(sk, &timeout,
					   skb_peek_tail(&sk->sk_receive_queue));
			/* Disconnected: what comes now is another connection's. */
			if (ret < 0)
				break;
		}
		r->seq = kinet_tcp_place(sk, r);
	}
	return ret < 0 && !r->copied ? ret : r->copied;
}

/* RFC 9293, section 3.8.5: the byte at the mark, out of line */
static int kinet_tcp_read_urgent(struct sock *sk, struct msghdr *msg, size_t len,
				 int flags)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (sock_flag(sk, SOCK_URGINLINE) || !tp->urgent || tp->oob_read)
		return -EINVAL;
	if (sk->sk_state == TCP_CLOSE && !sock_flag(sk, SOCK_DONE))
		return -ENOTCONN;
	if (!tp->urgent_byte)
		return sk->sk_state == TCP_CLOSE ||
		       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN ? 0 : -EAGAIN;
	if (!(flags & MSG_PEEK))
		WRITE_ONCE(tp->oob_read, true);
	msg->msg_flags |= MSG_OOB;
	if (!len) {
		msg->msg_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(flags & MSG_TRUNC) && memcpy_to_msg(msg, &tp->oob, 1))
		return -EFAULT;
	return 1;
}

/* What is left, and one at the end, so that this is asked for, too */
static void kinet_tcp_tell_inq(struct sock *sk, struct msghdr *msg)
{
	if (!kinet_tcp(sk)->inq && !msg->msg_get_inq)
		return;
	msg->msg_inq = kinet_tcp_readable(sk) ?: sock_flag(sk, SOCK_DONE);
	if (kinet_tcp(sk)->inq)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(msg->msg_inq),
			 &msg->msg_inq);
}

/**
 * kinet_stream_recvmsg() - recvmsg(2)
 * @sk: sock
 * @msg: where the bytes are stored
 * @len: bytes of room there
 * @flags: MSG_*
 * @addr_len: where the length of an address is stored, for errors
 *
 * Return: bytes, 0 at the end, or an errno.
 */
int kinet_stream_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			 int flags, int *addr_len)
{
	struct kinet_reading r = { .msg = msg, .len = len, .flags = flags };
	size_t target;
	long timeout;
	int ret;

	if (unlikely(flags & MSG_ERRQUEUE))
		return inet_recv_error(sk, msg, len, addr_len);
	kinet_tcp_busy_poll(sk, flags);
	lock_sock(sk);
	ret = -ENOTCONN;
	if (sk->sk_state == TCP_LISTEN)
		goto out;
	if (unlikely(flags & MSG_OOB)) {
		ret = kinet_tcp_read_urgent(sk, msg, len, flags);
		goto out;
	}
	timeout = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	r.seq = kinet_tcp_place(sk, &r);
	ret = len ? kinet_tcp_read(sk, &r, timeout, target) : 0;
	if (r.last) {
		sock_recv_timestamp(msg, sk, r.last);
		consume_skb(r.last);
	}
out:
	if (ret >= 0)
		kinet_tcp_tell_inq(sk, msg);
	release_sock(sk);
	return ret;
}

/**
 * kinet_stream_read_sock() - hand what is there to a function
 * @sk: sock, locked
 * @desc: its @count and @error say when it is enough
 * @actor: function; it returns how many bytes it has taken, or an errno
 *
 * Return: bytes taken, or an errno.
 */
int kinet_stream_read_sock(struct sock *sk, read_descriptor_t *desc,
			   sk_read_actor_t actor)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	struct sk_buff *skb;
	unsigned int offset;
	int used, sum = 0;
	size_t len;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	while ((skb = kinet_tcp_skb_at(sk, tp->copied_seq))) {
		offset = tp->copied_seq - kinet_piece(skb)->seq;
		len = skb->len - offset;
		if (tp->urgent && kinet_within(tp->copied_seq, tp->rcv_up, len))
			len = tp->rcv_up - tp->copied_seq;
		if (!len)
			break;
		used = actor(desc, skb, offset, len);
		if (used <= 0) {
			sum = sum ?: used;
			break;
		}
		WRITE_ONCE(tp->copied_seq, tp->copied_seq + used);
		sk_peek_offset_bwd(sk, used);
		sum += used;
		/* It may have let others read. */
		skb = skb_peek(&sk->sk_receive_queue);
		if (skb && !kinet_before(tp->copied_seq, kinet_piece(skb)->end))
			kinet_tcp_eat(sk, skb);
		if (!desc->count || used < len)
			break;
	}
	if (sum > 0)
		kinet_tcp_was_read(sk);
	return sum;
}

/**
 * kinet_stream_queue_len() - SIOCINQ, SIOCATMARK, SIOCOUTQ, SIOCOUTQNSD
 * @sk: sock
 * @cmd: which
 * @value: where the answer is stored
 *
 * Return: 0, -EINVAL for a listener, or -ENOIOCTLCMD.
 */
int kinet_stream_queue_len(struct sock *sk, int cmd, int *value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (READ_ONCE(sk->sk_state) == TCP_LISTEN && cmd != SIOCATMARK)
		return -EINVAL;
	switch (cmd) {
	case SIOCINQ:
		lock_sock(sk);
		*value = kinet_tcp_readable(sk);
		release_sock(sk);
		return 0;
	case SIOCATMARK:
		*value = kinet_tcp_mark_is(sk, READ_ONCE(tp->copied_seq));
		return 0;
	case SIOCOUTQ:
		*value = kinet_tcp_goes_on(sk) ? kinet_tcp_unacked(tp) : 0;
		return 0;
	case SIOCOUTQNSD:
		*value = kinet_tcp_goes_on(sk) ? kinet_tcp_unsent(tp) : 0;
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}
