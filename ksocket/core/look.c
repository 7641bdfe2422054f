// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a sock, by family
 *
 * A look is made below the hooks: under the sock's lock or without, in a
 * softirq, in the peer's context, with interrupts disabled. So it reads without
 * locks, as the families' poll does, and what it finds may be a moment old;
 * then another hook follows. Only the length of a message needs the lock of a
 * queue, and is left alone where an error is reported.
 */
#include <linux/skbuff.h>
#include <net/af_unix.h>
#include <net/af_vsock.h>
#include <net/tcp.h>
#include <net/udp.h>
#include <ksocket/family.h>

#include "core.h"

/* Bytes may have been read since, but what was there to read was there. */
#define KSOCK_ASKS_READABLE	(KSOCK_ARRIVED | KSOCK_STATE | KSOCK_REPLAY)

static bool ksock_is_message(const struct sock *sk)
{
	return sk->sk_type != SOCK_STREAM;
}

/* sk_err is left for a call to take; a normal end has seen the peer's. */
static int ksock_look_reason(struct sock *sk)
{
	int err = READ_ONCE(sk->sk_err);

	if (err)
		return err;
	return sock_flag(sk, SOCK_DONE) ||
	       sk->sk_family == AF_UNIX ? 0 : -1;
}

static bool ksock_is_past_connect(int state)
{
	return !((1 << state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT |
				 TCPF_SYN_RECV | TCPF_NEW_SYN_RECV));
}

/*
 * Of one that is closed already, whose consumer asks late: its SYN counts as a
 * byte, and was acknowledged by a peer who then didn't refuse.
 */
static bool ksock_tcp_was_connected(const struct sock *sk)
{
	return READ_ONCE(tcp_sk(sk)->bytes_acked);
}

static u32 ksock_tcp_end(const struct sock *sk)
{
	/* The FIN counts as a byte. */
	return READ_ONCE(tcp_sk(sk)->rcv_nxt) - sock_flag(sk, SOCK_DONE);
}

static u32 ksock_tcp_readable(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool urgent = READ_ONCE(tp->urg_data) && !sock_flag(sk, SOCK_URGINLINE);

	return ksock_stream_readable(READ_ONCE(tp->copied_seq),
				     ksock_tcp_end(sk), urgent,
				     READ_ONCE(tp->urg_seq));
}

static void ksock_look_tcp(struct sock *sk, unsigned int causes, bool active,
			   struct ksock_seen *seen)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int state = READ_ONCE(sk->sk_state);
	int shut = READ_ONCE(sk->sk_shutdown);

	/* Reported by a driver, without the sock's lock: the error queue. */
	if (causes == KSOCK_ERROR)
		return;
	seen->connected = ksock_is_past_connect(state) ||
			  (state == TCP_CLOSE && ksock_tcp_was_connected(sk));
	seen->positioned = true;
	seen->position = ksock_tcp_end(sk);
	seen->readable = ksock_tcp_readable(sk);
	/* A reset also sets RCV_SHUTDOWN, and CLOSE before that. */
	seen->eof = sock_flag(sk, SOCK_DONE) ||
		    (shut & RCV_SHUTDOWN && state != TCP_CLOSE);
	seen->room = causes & KSOCK_ROOM;
	seen->space = sk_stream_wspace(sk);
	seen->write_over = shut & SEND_SHUTDOWN;
	seen->urgent = READ_ONCE(tp->urg_data) & TCP_URG_VALID;
	seen->urg_seq = READ_ONCE(tp->urg_seq);
	seen->over = active && state == TCP_CLOSE;
	seen->reason = ksock_look_reason(sk);
}

/* Length of the first message, or -ENODATA. */
static int ksock_first_message(struct sock *sk)
{
	struct sk_buff *skb;
	int len;

	if (ksock_is_udp(sk))
		return ksock_udp_first(sk);
	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb = skb_peek(&sk->sk_receive_queue);
	len = skb ? skb->len : -ENODATA;
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return len;
}

static bool ksock_has_message(const struct sock *sk)
{
	return !skb_queue_empty_lockless(&sk->sk_receive_queue) ||
	       (ksock_is_udp(sk) &&
		!skb_queue_empty_lockless(&udp_sk(sk)->reader_queue));
}

static ssize_t ksock_message_readable(struct sock *sk)
{
	int len = ksock_first_message(sk);

	if (len > 0)
		return len;
	return !len || READ_ONCE(sk->sk_err) ? -1 : 0;
}

static ssize_t ksock_unix_stream_readable(struct sock *sk)
{
	return max(unix_inq_len(sk), 0L);
}

static ssize_t ksock_other_readable(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	const struct proto_ops *ops;
	int len;

	if (!sock)
		return 0;
	ops = READ_ONCE(sock->ops);
	if (!ops->peek_len)
		return -1;
	len = ops->peek_len(sock);
	return max(len, 0);
}

static bool ksock_query_family(struct sock *sk, struct ksock_query *query)
{
	struct socket *sock = READ_ONCE(sk->sk_socket);
	const struct proto_ops *ops;

	memset(query, 0, sizeof(*query));
	if (!sock)
		return false;
	ops = READ_ONCE(sock->ops);
	return ops->setsockopt &&
	       !ops->setsockopt(sock, SOL_KSOCK, KSOCK_QUERY,
				KERNEL_SOCKPTR(query), sizeof(*query));
}

/* Of others, the answers are known here. */
static bool ksock_may_answer(const struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_INET:
	case AF_INET6:
		/* Families that use these addresses have them in their socks. */
		return !sk_is_tcp(sk) && !ksock_is_udp(sk);
	case AF_UNIX:
	case AF_NETLINK:
	case AF_PACKET:
	case AF_VSOCK:
		return false;
	default:
		return true;
	}
}

/**
 * ksock_ask() - ask a family for the state of a socket, if it is one that answers
 * @sock: socket
 * @query: filled
 *
 * Context: Process context, since a family that doesn't know the query may well
 * take a lock before it says so.
 * Return: whether it answered.
 */
bool ksock_ask(struct socket *sock, struct ksock_query *query)
{
	return ksock_may_answer(sock->sk) && ksock_query_family(sock->sk, query);
}

/**
 * ksock_look_readable() - what the recv callback would tell now
 * @ev: the sock's events
 * @sk: sock
 *
 * Context: not with interrupts disabled.
 * Return: bytes, 0 for nothing, -1 as the callback has it.
 */
ssize_t ksock_look_readable(const struct ksock_events *ev, struct sock *sk)
{
	struct ksock_query query;

	if (ev->queries)
		return ksock_query_family(sk, &query) ? query.readable : 0;
	if (sk_is_tcp(sk))
		return ksock_tcp_readable(sk);
	if (ksock_is_message(sk))
		return ksock_message_readable(sk);
	if (sk->sk_family == AF_UNIX)
		return ksock_unix_stream_readable(sk);
	return ksock_other_readable(sk);
}

/**
 * ksock_look_room() - may a sender go on, on a family that answers the query?
 * @sk: sock
 *
 * Context: any.
 * Return: whether it may.
 */
bool ksock_look_room(struct sock *sk)
{
	struct ksock_query query;

	return ksock_query_family(sk, &query) && query.room;
}

static void ksock_look_query(struct sock *sk, unsigned int causes, bool active,
			     struct ksock_seen *seen)
{
	struct ksock_query query;

	if (!ksock_query_family(sk, &query))
		return;
	seen->readable = query.readable;
	seen->arrived = causes & (KSOCK_ARRIVED | KSOCK_REPLAY | KSOCK_ERROR);
	seen->positioned = !ksock_is_message(sk);
	seen->position = query.position;
	/* Messages are connected by nobody but ourselves. */
	seen->connected = query.connected ||
			  (ksock_is_message(sk) && causes & KSOCK_CONNECT);
	seen->eof = query.eof;
	seen->room = causes & KSOCK_ROOM && query.room;
	/* A hint; 0 would be the end. */
	seen->space = max_t(s64, READ_ONCE(sk->sk_sndbuf) - query.unsent, 1);
	seen->write_over = query.write_over;
	seen->urgent = query.urgent;
	seen->urg_seq = query.urg_seq;
	seen->over = active && query.over;
	seen->reason = query.reason;
}

/* Messages of any family: they are connected by nobody but ourselves. */
static void ksock_look_message(struct sock *sk, unsigned int causes,
			       struct ksock_seen *seen)
{
	if (causes & KSOCK_ASKS_READABLE)
		seen->readable = ksock_message_readable(sk);
	else if (causes & KSOCK_ERROR && READ_ONCE(sk->sk_err) &&
		 !ksock_has_message(sk))
		seen->readable = -1;
	seen->arrived = causes & (KSOCK_ARRIVED | KSOCK_REPLAY | KSOCK_ERROR);
	seen->connected = causes & KSOCK_CONNECT;
}

/*
 * A family's poll may sleep, as the look of a registration may. Where there is
 * none, only a receive tells.
 */
static bool ksock_polls_readable(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return !ops->poll ||
	       ops->poll(ksock_file_to_poll(), sock, NULL) & EPOLLIN;
}

static void ksock_look_stream(struct sock *sk, unsigned int causes,
			      struct ksock_seen *seen)
{
	if (causes & KSOCK_ASKS_READABLE)
		seen->readable = sk->sk_family == AF_UNIX ?
				 ksock_unix_stream_readable(sk) :
				 ksock_other_readable(sk);
	if (seen->readable < 0 && causes & KSOCK_REPLAY &&
	    !ksock_polls_readable(sk))
		seen->readable = 0;
	seen->arrived = causes & (KSOCK_ARRIVED | KSOCK_REPLAY);
	seen->connected = READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
}

/*
 * Both directions shut is all that the survivor of an AF_UNIX connection sees
 * of its end.
 */
static bool ksock_is_over(const struct sock *sk)
{
	if (sk->sk_family == AF_UNIX)
		return sk->sk_type != SOCK_DGRAM &&
		       READ_ONCE(sk->sk_shutdown) == SHUTDOWN_MASK;
	/* AF_VSOCK calls it closing when the peer has left. */
	return !ksock_is_message(sk) &&
	       (1 << READ_ONCE(sk->sk_state)) & (TCPF_CLOSE | TCPF_CLOSING);
}

/* AF_VSOCK keeps apart from sk_shutdown what its peer has shut. */
static unsigned int ksock_peer_shutdown(const struct sock *sk)
{
	return sk->sk_family == AF_VSOCK ?
	       READ_ONCE(vsock_sk(sk)->peer_shutdown) : 0;
}

static void ksock_look_plain(struct sock *sk, unsigned int causes, bool active,
			     struct ksock_seen *seen)
{
	unsigned int peer = ksock_peer_shutdown(sk);
	int shut = READ_ONCE(sk->sk_shutdown);

	if (ksock_is_message(sk))
		ksock_look_message(sk, causes, seen);
	else
		ksock_look_stream(sk, causes, seen);
	/* A connection of messages has a beginning, too. */
	if (sk->sk_type == SOCK_SEQPACKET)
		seen->connected = READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
	seen->eof = shut & RCV_SHUTDOWN || peer & SEND_SHUTDOWN ||
		    sock_flag(sk, SOCK_DONE);
	seen->room = causes & KSOCK_ROOM;
	seen->space = max(READ_ONCE(sk->sk_sndbuf) - sk_wmem_alloc_get(sk), 1);
	seen->over = active && ksock_is_over(sk);
	seen->write_over = shut & SEND_SHUTDOWN || peer & RCV_SHUTDOWN ||
			   seen->over;
	seen->reason = ksock_look_reason(sk);
}

/* AF_UNIX queues its connections as if they were messages. */
static bool ksock_has_connection(const struct sock *sk)
{
	if (sk->sk_family == AF_UNIX)
		return !skb_queue_empty_lockless(&sk->sk_receive_queue);
	return READ_ONCE(sk->sk_ack_backlog);
}

/*
 * A connect begins on a sock that looks closed; one that failed meanwhile is
 * shut as well, or, outside of TCP, has its error.
 */
static bool ksock_may_be_over(const struct ksocket *s, const struct sock *sk)
{
	if (!READ_ONCE(s->active))
		return false;
	if (!READ_ONCE(s->connecting))
		return true;
	return sk_is_tcp(sk) ? READ_ONCE(sk->sk_shutdown) == SHUTDOWN_MASK :
	       READ_ONCE(sk->sk_err) != 0;
}

/**
 * ksock_look() - look at a socket
 * @ev: its events
 * @sk: sock
 * @causes: why, KSOCK_ARRIVED and so on
 * @seen: filled with what is the case
 *
 * Context: Any.
 */
void ksock_look(const struct ksock_events *ev, struct sock *sk,
		unsigned int causes, struct ksock_seen *seen)
{
	bool active = ksock_may_be_over(ev->s, sk);

	memset(seen, 0, sizeof(*seen));
	if (causes & KSOCK_NET_DOWN) {
		seen->over = true;
		seen->reason = ENETDOWN;
		return;
	}
	if (READ_ONCE(sk->sk_state) == TCP_LISTEN) {
		seen->listening = true;
		/* SCTP says it by a change of state. */
		seen->waiting = causes & (KSOCK_ARRIVED | KSOCK_STATE |
					  KSOCK_REPLAY) &&
				ksock_has_connection(sk);
		return;
	}
	if (causes & (KSOCK_ERROR | KSOCK_REPLAY))
		seen->errqueue = !skb_queue_empty_lockless(&sk->sk_error_queue);
	if (ev->queries)
		ksock_look_query(sk, causes, active, seen);
	else if (sk_is_tcp(sk))
		ksock_look_tcp(sk, causes, active, seen);
	else
		ksock_look_plain(sk, causes, active, seen);
	/* An actor has what arrives, and the end of file only behind it. */
	if (unlikely(ksock_acts(ev)) && seen->readable > 0) {
		seen->readable = 0;
		seen->eof = false;
	}
}
EXPORT_SYMBOL_IF_KUNIT(ksock_look);
