// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive actors: data handed over in place, where it arrives
 *
 * An actor is run below the hooks. On TCP that is below the sock's lock, so one
 * at a time; on UDP any CPU may be first, and those who come meanwhile leave
 * their message to it. What an actor sends, by the atomic calls, goes out from
 * the same softirq.
 */
#include <linux/bpf-cgroup.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "core.h"

#define KSOCK_RX_MESSAGES	64	/* that are handed over at once */

/* Whose actor runs on this CPU */
static DEFINE_PER_CPU(struct ksock_events *, ksock_acting);

/* One run of an actor: as it was registered then */
struct ksock_rx_run {
	struct ksock_events	*ev;
	ksock_rx_actor_t	*actor;
	void			*arg;
	bool			fell_short;
	int			left;	/* messages that it may still have */
};

/* Its consumer is asked, with everything but the atomic calls refused. */
static size_t ksock_rx_act(struct ksock_rx_run *run, const struct ksock_rx *rx)
{
	struct ksocket *s = run->ev->s;
	size_t n;

	n = min(run->actor(s, run->arg, rx), rx->len);
	atomic64_add(n, &s->rx_bytes);
	run->fell_short = n < rx->len;
	return n;
}

/* tcp_read_sock() asks again for the rest of what was taken in part. */
static int ksock_rx_tcp_actor(read_descriptor_t *desc, struct sk_buff *skb,
			      unsigned int offset, size_t len)
{
	struct ksock_rx rx = { .skb = skb, .offset = offset, .len = len };
	struct ksock_rx_run *run = desc->arg.data;

	return run->fell_short ? 0 : ksock_rx_act(run, &rx);
}

/*
 * tcp_read_sock() stops before an urgent byte, and never passes it. Out of line
 * it isn't part of the stream: MSG_OOB receives it, also later.
 */
static bool ksock_rx_step_over(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->urg_data || tp->urg_seq != tp->copied_seq ||
	    !before(tp->urg_seq, tp->rcv_nxt))
		return false;
	WRITE_ONCE(tp->copied_seq, tp->copied_seq + 1);
	return true;
}

/*
 * TCP would acknowledge each small segment that a reader takes at once, as one
 * who sleeps until there are more would not. The rules of RFC 9293, 3.8.6.3,
 * stay: every second full segment, or the timer, or what we send meanwhile.
 */
static void ksock_rx_delay_ack(struct sock *sk)
{
	inet_csk(sk)->icsk_ack.pending &= ~(ICSK_ACK_PUSHED |
					    ICSK_ACK_PUSHED2);
}

static void ksock_rx_tcp(struct ksock_rx_run *run, struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	read_descriptor_t desc = { .arg.data = run };
	u16 urg_data = tp->urg_data;
	bool in_line;

	in_line = unlikely(urg_data) && sock_flag(sk, SOCK_URGINLINE);
	if (in_line)
		WRITE_ONCE(tp->urg_data, 0);
	do {
		desc.count = 1;
		ksock_rx_delay_ack(sk);
		tcp_read_sock(sk, &desc, ksock_rx_tcp_actor);
	} while (!run->fell_short && unlikely(ksock_rx_step_over(sk)));
	if (in_line && !after(tp->copied_seq, tp->urg_seq))
		WRITE_ONCE(tp->urg_data, urg_data);
}

/* What is not taken of a message is gone, as recv(2) has it. */
static void ksock_rx_message(struct ksock_rx_run *run, struct sk_buff *skb)
{
	struct ksock_rx rx = { .skb = skb, .len = skb->len };

	ksock_rx_act(run, &rx);
	consume_skb(skb);
}

/*
 * An error of an earlier message is no message, and comes before them; it is left
 * to who asks for it. @run->left stays above 0 when nothing waits any more.
 */
static void ksock_rx_udp(struct ksock_rx_run *run, struct sock *sk)
{
	int err, told = 0;
	struct sk_buff *skb;

	for (; run->left > 0; run->left--) {
		skb = skb_recv_udp(sk, MSG_DONTWAIT, &err);
		if (!skb && err == -EAGAIN)
			break;
		if (!skb)
			told = -err;
		else if (likely(!udp_lib_checksum_complete(skb)))
			ksock_rx_message(run, skb);
		else
			kfree_skb(skb);
	}
	if (unlikely(told))
		cmpxchg(&sk->sk_err, 0, told);
}

/* Return: how many messages there could still have been */
static int ksock_rx_run(struct ksock_events *ev, struct sock *sk, int left)
{
	struct ksock_rx_run run = {
		.ev	= ev,
		.left	= left,
		/* Pairs with ksock_rx_set(): then the argument. */
		.actor	= smp_load_acquire(&ev->actor),
		.arg	= ev->actor_arg,
	};
	/* A queue below what an actor sends may free another's: it has room then. */
	struct ksock_events *acting = this_cpu_read(ksock_acting);
	struct ksock_events *outer = this_cpu_read(ksock_direct);

	if (!run.actor)
		return left;
	this_cpu_write(ksock_direct, ev);
	this_cpu_write(ksock_acting, ev);
	if (sk_is_tcp(sk))
		ksock_rx_tcp(&run, sk);
	else
		ksock_rx_udp(&run, sk);
	this_cpu_write(ksock_acting, acting);
	this_cpu_write(ksock_direct, outer);
	return run.left;
}

/*
 * Two ends on one CPU could talk to each other for ever in the release_sock()
 * of a third party, whose backlog is only counted down when it is done: when it
 * comes near to what it may hold, a worker goes on, and the third party, too.
 */
static bool ksock_rx_is_crowded(const struct sock *sk)
{
	return sock_owned_by_user_nocheck(sk) &&
	       READ_ONCE(sk->sk_backlog.len) >
	       (READ_ONCE(sk->sk_rcvbuf) + READ_ONCE(sk->sk_sndbuf)) / 4;
}

static void ksock_rx_queue(struct ksock_events *ev)
{
	if (!refcount_inc_not_zero(&ev->s->refs))
		return;
	if (!queue_work(ksock_wq, &ev->rx_work))
		ksock_rele(ev->s);
}

/*
 * One CPU at a time: those who come meanwhile count their message, and leave. As
 * they may go on coming for ever, a worker goes on when it was enough.
 */
static void ksock_rx_share(struct ksock_events *ev, struct sock *sk)
{
	int n, left = KSOCK_RX_MESSAGES;

	if (atomic_fetch_inc(&ev->rx_wanted))
		return;
	do {
		n = atomic_read(&ev->rx_wanted);
		left = ksock_rx_run(ev, sk, left);
		if (!left) {
			atomic_set(&ev->rx_wanted, 0);
			ksock_rx_queue(ev);
			return;
		}
	} while (atomic_sub_return(n, &ev->rx_wanted));
}

/**
 * ksock_rx_ready() - something may wait for a socket's actor
 * @ev: its events
 * @sk: sock; TCP's is locked
 *
 * A send of the actor itself may find room, too: that is for a worker.
 *
 * Context: below a hook, or in a call.
 */
void ksock_rx_ready(struct ksock_events *ev, struct sock *sk)
{
	if (this_cpu_read(ksock_acting) == ev || ksock_rx_is_crowded(sk)) {
		ksock_rx_queue(ev);
		return;
	}
	local_bh_disable();
	if (sk_is_tcp(sk))
		ksock_rx_run(ev, sk, 0);
	else
		ksock_rx_share(ev, sk);
	local_bh_enable();
}

/* Below a call on the handle; what the actor left or took may be an event. */
static void ksock_rx_again(struct ksocket *s)
{
	struct ksock_events *ev = s->events;
	struct sock *sk = s->sock->sk;

	lock_sock(sk);
	if (ksock_acts(ev)) {
		ksock_rx_ready(ev, sk);
		ksock_happened(ev, sk, KSOCK_STATE);
	}
	release_sock(sk);
}

void ksock_rx_work(struct work_struct *work)
{
	struct ksock_events *ev = container_of(work, struct ksock_events,
					       rx_work);
	struct ksock_call call;

	if (!ksock_enter(ev->s, &call)) {
		ksock_rx_again(ev->s);
		ksock_leave(ev->s, &call);
	}
	ksock_rele(ev->s);
}

/* The packets of an actor are made in softirqs, whatever task is below them. */
static void ksock_rx_set_allocation(struct sock *sk)
{
	sk->sk_allocation = GFP_ATOMIC;
	sk->sk_use_task_frag = false;
}

/*
 * The sender may be waiting for what ksock_rx_delay_ack() puts off, with a small
 * segment that Nagle keeps back: then 40 ms are much, and the next tick will do.
 */
static void ksock_rx_set_delay(struct sock *sk, bool acts)
{
	if (sk_is_tcp(sk))
		inet_csk(sk)->icsk_delack_max = acts ? 1 : TCP_DELACK_MAX;
}

static bool ksock_rx_serves(const struct sock *sk)
{
	return sk_is_tcp(sk) || ksock_is_udp(sk);
}

/* Who has callbacks hears of what an actor that is taken off has left. */
static void ksock_rx_left(struct ksocket *s)
{
	struct sock *sk = s->sock->sk;

	lock_sock(sk);
	ksock_happened(s->events, sk, KSOCK_REPLAY);
	release_sock(sk);
}

/*
 * An actor that runs elsewhere has returned, and the next one is this one.
 * Return: whether there was one before.
 */
static bool ksock_rx_set(struct ksock_events *ev, struct sock *sk,
			 ksock_rx_actor_t *actor, void *arg)
{
	bool had;

	lock_sock(sk);
	had = ev->actor;
	WRITE_ONCE(ev->actor, NULL);
	if (!sk_is_tcp(sk))
		synchronize_rcu();
	ev->actor_arg = arg;
	if (actor)
		ksock_rx_set_allocation(sk);
	ksock_rx_set_delay(sk, actor);
	/* Pairs with ksock_acts(): its argument is there. */
	smp_store_release(&ev->actor, actor);
	release_sock(sk);
	return had;
}

/**
 * ksock_set_rx_actor() - have received data handed over in place
 * @s: handle of a TCP or UDP socket
 * @actor: run for each piece of data, where it arrives; NULL: no longer
 * @arg: passed to @actor
 *
 * What waits already is handed over at once. From then on there is no recv event
 * but the end of file and errors, which follow the data, and no xmit event but
 * xmit(0); and ksock_recv() and
 * ksock_send() return -EBUSY, since bytes would interleave, but for MSG_OOB and
 * MSG_ERRQUEUE. The socket's packets are allocated as with KSOCK_ATOMIC.
 *
 * An actor that takes less than it is offered is run again when more comes, when
 * there is room again for a send that fell short, or by ksock_rx_resume(); until
 * then TCP's window closes. The rest of a datagram is dropped.
 *
 * When this returns, the earlier actor does not run any more.
 *
 * Context: Process context, also from a deferred callback. May sleep.
 * Return: 0, -EOPNOTSUPP for another family, -EINVAL for a socket that listens,
 * -EBUSY when someone else has hooked the socket, -ENOMEM, -EDEADLK from a
 * direct callback, -ENOTSOCK, -ENETDOWN.
 */
int ksock_set_rx_actor(ksocket_t s, ksock_rx_actor_t *actor, void *arg)
{
	struct ksock_events *ev;
	struct ksock_call call;
	bool had;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EOPNOTSUPP;
	if (!ksock_rx_serves(s->sock->sk))
		goto leave;
	err = -EINVAL;
	if (READ_ONCE(s->sock->sk->sk_state) == TCP_LISTEN)
		goto leave;
	ev = ksock_events_hook(s, &err);
	if (!ev)
		goto leave;
	had = ksock_rx_set(ev, s->sock->sk, actor, arg);
	if (actor)
		ksock_rx_again(s);
	else if (had)
		ksock_rx_left(s);
leave:
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_set_rx_actor);

/**
 * ksock_rx_resume() - offer an actor what it has left
 * @s: handle of a socket with an actor
 *
 * Context: Process context, also from a deferred callback. May sleep.
 * Return: 0, -EINVAL for a socket without an actor, -EDEADLK from a direct
 * callback or an actor, -ENOTSOCK, -ENETDOWN.
 */
int ksock_rx_resume(ksocket_t s)
{
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EINVAL;
	if (ksock_acts(ksock_events(s))) {
		ksock_rx_again(s);
		err = 0;
	}
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_rx_resume);

/* Nobody may be in it, or be about to enter: the socket is being closed. */
void ksock_rx_end(struct ksock_events *ev, struct sock *sk)
{
	if (ksock_acts(ev))
		ksock_rx_set(ev, sk, NULL, NULL);
}

/**
 * ksock_rx_copy() - copy data that an actor was offered
 * @rx: what it was offered
 * @from: offset of the first byte there
 * @to: where to
 * @len: bytes
 *
 * Context: in an actor.
 * Return: 0, or -EFAULT when there are not so many.
 */
int ksock_rx_copy(const struct ksock_rx *rx, size_t from, void *to, size_t len)
{
	if (from > rx->len || len > rx->len - from)
		return -EFAULT;
	return skb_copy_bits(rx->skb, rx->offset + from, to, len);
}
EXPORT_SYMBOL_GPL(ksock_rx_copy);

/*
 * As much in one call as TCP makes no more than 15 segments of: with the 16th it
 * would look after its backlog, which takes a lock that we are below of.
 */
static size_t ksock_atomic_bound(struct sock *sk, size_t size)
{
	return min_t(size_t, size, 15 * (size_t)tcp_sk(sk)->mss_cache);
}

static int ksock_atomic_tcp(struct sock *sk, struct msghdr *msg, void *from,
			    size_t size, size_t *sent)
{
	int flags = msg->msg_flags;
	struct kvec vec;
	size_t n;
	int ret;

	while (*sent < size) {
		n = ksock_atomic_bound(sk, size - *sent);
		vec = (struct kvec){ from + *sent, n };
		iov_iter_kvec(&msg->msg_iter, ITER_SOURCE, &vec, 1, n);
		msg->msg_flags = flags | (*sent + n < size ? MSG_MORE : 0);
		ret = tcp_sendmsg_locked(sk, msg, n);
		if (ret <= 0)
			return *sent ? 0 : ret;
		*sent += ret;
		if (ret < n)
			return 0;
	}
	return 0;
}

/*
 * Sending it would take the sock's lock: for pieces of a message, and when some
 * control group has a program that may change where it goes, whichever has.
 */
static int ksock_atomic_refuse(struct sock *sk, const struct msghdr *msg)
{
	if (msg->msg_flags & MSG_MORE || udp_test_bit(CORK, sk) ||
	    READ_ONCE(udp_sk(sk)->pending))
		return -EINVAL;
	if (msg->msg_name && (cgroup_bpf_enabled(CGROUP_UDP4_SENDMSG) ||
			      cgroup_bpf_enabled(CGROUP_UDP6_SENDMSG)))
		return -EOPNOTSUPP;
	return 0;
}

static int ksock_atomic_udp(struct sock *sk, struct msghdr *msg, void *from,
			    size_t size, size_t *sent)
{
	struct kvec vec = { from, size };
	int ret;

	ret = ksock_atomic_refuse(sk, msg);
	if (ret)
		return ret;
	iov_iter_kvec(&msg->msg_iter, ITER_SOURCE, &vec, 1, size);
	ret = sk->sk_prot->sendmsg(sk, msg, size);
	if (ret < 0)
		return ret;
	*sent = ret;
	return 0;
}

/**
 * ksock_sendto_atomic() - send from a receive actor, on its own socket
 * @s: handle
 * @msg: bytes
 * @size: how many
 * @flags: MSG_MORE (TCP) or 0
 * @addr: where they go (UDP), or NULL on a connected socket
 * @addrlen: length of @addr in bytes
 * @sent: where the number of bytes sent is stored, also on error
 *
 * Never blocks. When there is no room for all, the actor is run again, with what
 * it has not taken, as soon as there is.
 *
 * Context: in an actor of @s, and nowhere else.
 * Return: 0, -EAGAIN when there is no room, -EINVAL for other @flags, UDP_CORK,
 * a NULL @sent, or elsewhere, -EOPNOTSUPP with @addr when a control group of the
 * host has a program for sendmsg of UDP, which may not run here, and what else
 * ksock_sendto() says.
 */
int ksock_sendto_atomic(ksocket_t s, void *msg, size_t size, int flags,
			const struct sockaddr *addr, socklen_t addrlen,
			size_t *sent)
{
	struct msghdr hdr = { .msg_flags = flags | MSG_DONTWAIT | MSG_NOSIGNAL };
	struct sock *sk;
	int err;

	if (!sent)
		return -EINVAL;
	*sent = 0;
	if (!s || this_cpu_read(ksock_acting) != s->events || !s->events)
		return -EINVAL;
	if (flags & ~MSG_MORE)
		return -EINVAL;
	sk = s->sock->sk;
	if (sk_is_tcp(sk)) {
		err = ksock_atomic_tcp(sk, &hdr, msg, size, sent);
	} else {
		hdr.msg_name = (void *)addr;
		hdr.msg_namelen = addr ? addrlen : 0;
		err = ksock_atomic_udp(sk, &hdr, msg, size, sent);
	}
	atomic64_add(*sent, &s->tx_bytes);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_sendto_atomic);

/**
 * ksock_send_atomic() - send from a receive actor, on its own connected socket
 * @s: handle
 * @msg: bytes
 * @size: how many
 * @flags: as in ksock_sendto_atomic()
 * @sent: as in ksock_sendto_atomic()
 *
 * Context: in an actor of @s, and nowhere else.
 * Return: as ksock_sendto_atomic().
 */
int ksock_send_atomic(ksocket_t s, void *msg, size_t size, int flags,
		      size_t *sent)
{
	return ksock_sendto_atomic(s, msg, size, flags, NULL, 0, sent);
}
EXPORT_SYMBOL_GPL(ksock_send_atomic);
