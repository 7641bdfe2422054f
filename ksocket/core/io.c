// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending and receiving
 *
 * Every call ends in ksock_do_send() or ksock_do_recv(). The family reports
 * either a count or an error, and keeps an error that comes after a partial
 * transfer for the next call: so do we. A caller who does not ask for the count
 * gets all or an error.
 */
#include <linux/uio.h>

#include "core.h"

#define KSOCK_SEND_FLAGS	(MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | \
				 MSG_EOR | MSG_CONFIRM | MSG_NOSIGNAL | \
				 MSG_MORE | MSG_FASTOPEN)
#define KSOCK_RECV_FLAGS	(MSG_OOB | MSG_PEEK | MSG_DONTWAIT | \
				 MSG_TRUNC | MSG_WAITALL | MSG_NOSIGNAL | \
				 MSG_ERRQUEUE)

/* As iov_iter_kvec() would fill one, which is a call for each send */
static __always_inline struct iov_iter
ksock_iter(unsigned int direction, const struct kvec *vec)
{
	return (struct iov_iter){
		.iter_type	= ITER_KVEC,
		.data_source	= direction,
		.kvec		= vec,
		.nr_segs	= 1,
		.count		= vec->iov_len,
	};
}

static bool ksock_is_stream(const struct ksocket *s)
{
	return s->sock->sk->sk_type == SOCK_STREAM;
}

/* With what the socket adds to a call's flags: MSG_DONTWAIT, or nothing */
static int ksock_flags(const struct ksocket *s, int flags)
{
	return flags | READ_ONCE(s->nonblock);
}

/*
 * One try, as often as it takes. A send that failed, or fell short, may have
 * consumed more of the iterator than it sent.
 */
static int ksock_send_once(struct ksocket *s, struct msghdr *msg)
{
	struct iov_iter data = msg->msg_iter;
	unsigned int flags = msg->msg_flags;
	long timeo = 0;
	int ret;

	if (unlikely(s->slices)) {
		timeo = sock_sndtimeo(s->sock->sk, flags & MSG_DONTWAIT);
		msg->msg_flags |= MSG_DONTWAIT;
	}
	do {
		msg->msg_iter = data;
		ret = ksock_compat_sendmsg(s->sock, msg);
	} while (ksock_slice(s, &timeo, &ret) || ksock_retry(s, ret));
	msg->msg_iter = data;
	iov_iter_advance(&msg->msg_iter, max(ret, 0));
	msg->msg_flags = flags;
	return ret;
}

/*
 * The families count in int. Streams take a part of more than that, as
 * write(2) would; no message is that long.
 */
static int ksock_bound(struct ksocket *s, struct iov_iter *data)
{
	if (likely(iov_iter_count(data) <= MAX_RW_COUNT))
		return 0;
	if (!ksock_is_stream(s))
		return -EMSGSIZE;
	iov_iter_truncate(data, MAX_RW_COUNT);
	return 0;
}

/* Send some of it, or all; the error after a part is what the next try returns. */
static int ksock_send_from(struct ksocket *s, struct msghdr *msg, size_t size,
			   bool all, size_t *done)
{
	int ret;

	do {
		iov_iter_reexpand(&msg->msg_iter, size - *done);
		ret = ksock_bound(s, &msg->msg_iter);
		if (ret)
			return ret;
		ret = ksock_send_once(s, msg);
		if (ret < 0)
			return ret;
		*done += ret;
	} while (all && *done < size);
	return 0;
}

/* What follows from having sent @done of @size; the flags are still the call's. */
static int ksock_sent(struct ksocket *s, struct msghdr *msg, size_t size,
		      size_t done, int err, size_t *sent)
{
	/* The connect within a fast open ran out of SO_SNDTIMEO. */
	if (err == -EINPROGRESS && !(msg->msg_flags & MSG_DONTWAIT))
		err = -EAGAIN;
	if (done < size && (!err || err == -EAGAIN))
		ksock_events_fell_short(s);
	iov_iter_reexpand(&msg->msg_iter, size - done);
	atomic64_add(done, &s->tx_bytes);
	if (sent)
		*sent = done;
	return ksock_errno(s, err);
}

/* The first try of @msg, which is whole again, said @ret: not all was sent. */
static noinline int ksock_send_rest(struct ksocket *s, struct msghdr *msg,
				    int ret, size_t *sent)
{
	size_t size = msg_data_left(msg);
	size_t done = max(ret, 0);
	int err = min(ret, 0);

	iov_iter_advance(&msg->msg_iter, done);
	if (err ? ksock_retry(s, err) : !sent)
		err = ksock_send_from(s, msg, size, !sent, &done);
	return ksock_sent(s, msg, size, done, err, sent);
}

/* What can't be sent in one go, or not as plainly */
static bool ksock_sends_apart(const struct ksocket *s, int flags, size_t size)
{
	return s->slices || flags & MSG_FASTOPEN || size > MAX_RW_COUNT;
}

static noinline int ksock_send_apart(struct ksocket *s, struct msghdr *msg,
				     size_t *sent)
{
	bool opens = msg->msg_flags & MSG_FASTOPEN && sk_is_tcp(s->sock->sk);
	size_t size = msg_data_left(msg);
	size_t done = 0;
	int err;

	if (opens)
		ksock_events_connecting(s);
	err = ksock_send_from(s, msg, size, !sent, &done);
	/* That it stands is not said by the send, but by its event. */
	if (opens)
		ksock_events_connected(s, err ? : -EINPROGRESS);
	return ksock_sent(s, msg, size, done, err, sent);
}

/* May this be sent? Then with which flags: those of the call, and the socket's */
static __always_inline int ksock_check_send(const struct ksocket *s, int *flags,
					    const size_t *sent)
{
	if (unlikely(*flags & ~KSOCK_SEND_FLAGS))
		return -EINVAL;
	/* Between what its actor sends */
	if (unlikely(ksock_acts(ksock_events(s))))
		return -EBUSY;
	/* Whoever happens to be current must not be killed by a SIGPIPE. */
	*flags = ksock_flags(s, *flags | MSG_NOSIGNAL);
	/* What a non-blocking send took would be unknowable. */
	return *flags & MSG_DONTWAIT && unlikely(!sent) ? -EINVAL : 0;
}

/**
 * ksock_send_by() - send a message in a way of its own
 * @s: handle, with a call under way
 * @msg: msg_flags says how its pages are passed on: MSG_SPLICE_PAGES, or
 *	MSG_ZEROCOPY with msg_ubuf, or 0
 * @flags: the consumer's
 * @sent: as in ksock_sendmsg()
 *
 * Return: as ksock_sendmsg().
 */
int ksock_send_by(struct ksocket *s, struct msghdr *msg, int flags,
		  size_t *sent)
{
	int err = ksock_check_send(s, &flags, sent);

	if (err)
		return err;
	msg->msg_flags |= flags;
	return ksock_send_apart(s, msg, sent);
}

/*
 * Inline, as is all that every send goes through: so it costs half as much.
 * @msg's iterator is over @vec, or a copy of @data.
 */
static __always_inline int
ksock_do_send(struct ksocket *s, struct msghdr *msg, const struct kvec *vec,
	      const struct iov_iter *data, int flags, size_t *sent)
{
	size_t size = vec ? vec->iov_len : iov_iter_count(data);
	int ret;

	ret = ksock_check_send(s, &flags, sent);
	if (unlikely(ret))
		return ret;
	msg->msg_flags = flags;
	if (unlikely(ksock_sends_apart(s, flags, size)))
		return ksock_send_apart(s, msg, sent);
	ret = sock_sendmsg(s->sock, msg);
	if (unlikely(ret != (int)size)) {
		msg->msg_flags = flags;
		msg->msg_iter = vec ? ksock_iter(ITER_SOURCE, vec) : *data;
		return ksock_send_rest(s, msg, ret, sent);
	}
	if (!vec)
		iov_iter_reexpand(&msg->msg_iter, 0);
	atomic64_add(size, &s->tx_bytes);
	if (sent)
		*sent = size;
	return 0;
}

/* Members of a msghdr that are not the consumer's to fill. */
static void ksock_clear_internal(struct msghdr *msg)
{
	msg->msg_control_is_user = false;
	msg->msg_ubuf = NULL;
	msg->msg_iocb = NULL;
}

/**
 * ksock_sendmsg() - send a message with address and control data
 * @s: handle
 * @msg: what to send: msg_iter over memory of any kind, which is moved past
 *	what was sent; msg_name and msg_control in kernel memory, or NULL;
 *	msg_flags is ignored
 * @flags: MSG_OOB, MSG_DONTROUTE, MSG_DONTWAIT, MSG_EOR, MSG_CONFIRM, MSG_MORE,
 *	MSG_FASTOPEN, or 0; MSG_NOSIGNAL is always set
 * @sent: where the number of bytes sent is stored, also on error; or NULL on a
 *	blocking socket: all or an error
 *
 * A blocking stream socket sends everything unless a signal, a time-out or an
 * error comes in between: then it returns 0 with the part that was taken, and
 * the error with the next call.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EAGAIN, -EINTR, -EPIPE after a shutdown, -ENOTCONN,
 * -EDESTADDRREQ, -ECONNRESET, -EMSGSIZE, -EFAULT for a NULL @msg, -EINVAL for
 * other @flags or a NULL @sent on a non-blocking socket, -ENOTSOCK, -ENETDOWN,
 * and what else the family says.
 */
int ksock_sendmsg(ksocket_t s, struct msghdr *msg, int flags, size_t *sent)
{
	struct sockaddr_storage name;
	struct ksock_call call;
	struct msghdr copy;
	int err;

	if (sent)
		*sent = 0;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if (!msg)
		goto leave;
	copy = *msg;
	if (copy.msg_name) {
		err = ksock_get_addr(&name, copy.msg_name, copy.msg_namelen);
		if (err)
			goto leave;
		copy.msg_name = &name;
	} else {
		copy.msg_namelen = 0;
	}
	ksock_clear_internal(&copy);
	err = ksock_do_send(s, &copy, NULL, &msg->msg_iter, flags, sent);
	msg->msg_iter = copy.msg_iter;
leave:
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_sendmsg);

/*
 * @name has room for @addr. Inline, so that neither costs those who have none.
 */
static __always_inline int
ksock_send_bytes(ksocket_t s, void *msg, size_t msgsize, int flags,
		 const struct sockaddr *addr, socklen_t addrlen,
		 struct sockaddr_storage *name, size_t *sent)
{
	struct kvec vec = { .iov_base = msg, .iov_len = msgsize };
	struct msghdr hdr = { .msg_iter = ksock_iter(ITER_SOURCE, &vec) };
	struct ksock_call call;
	int err;

	if (sent)
		*sent = 0;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if (unlikely(!msg) && msgsize)
		goto leave;
	if (addr || addrlen) {
		err = ksock_get_addr(name, addr, addrlen);
		if (err)
			goto leave;
		hdr.msg_name = name;
		hdr.msg_namelen = addrlen;
	}
	err = ksock_do_send(s, &hdr, &vec, NULL, flags, sent);
leave:
	ksock_leave(s, &call);
	return err;
}

/**
 * ksock_sendto() - send bytes to an address
 * @s: handle
 * @msg: bytes
 * @msgsize: how many
 * @flags: as in ksock_sendmsg()
 * @addr: where they go, or NULL on a connected socket
 * @addrlen: length of @addr in bytes
 * @sent: as in ksock_sendmsg()
 *
 * Context: Process context. May sleep.
 * Return: as ksock_sendmsg(), and -EFAULT for a NULL @msg with a size.
 */
int ksock_sendto(ksocket_t s, void *msg, size_t msgsize, int flags,
		 const struct sockaddr *addr, socklen_t addrlen, size_t *sent)
{
	struct sockaddr_storage name;

	return ksock_send_bytes(s, msg, msgsize, flags, addr, addrlen, &name,
				sent);
}
EXPORT_SYMBOL_GPL(ksock_sendto);

/**
 * ksock_send() - send bytes on a connected socket
 * @s: handle
 * @msg: bytes
 * @msgsize: how many
 * @flags: as in ksock_sendmsg()
 * @sent: as in ksock_sendmsg()
 *
 * Context: Process context. May sleep.
 * Return: as ksock_sendmsg().
 */
int ksock_send(ksocket_t s, void *msg, size_t msgsize, int flags, size_t *sent)
{
	return ksock_send_bytes(s, msg, msgsize, flags, NULL, 0, NULL, sent);
}
EXPORT_SYMBOL_GPL(ksock_send);

static __always_inline int ksock_recv_once(struct ksocket *s,
					   struct msghdr *msg, int flags)
{
	int ret;

	do {
		ret = sock_recvmsg(s->sock, msg, flags);
	} while (ksock_retry(s, ret));
	return ret;
}

static __always_inline int ksock_recv_some(struct ksocket *s,
					   struct msghdr *msg, int flags,
					   size_t *recvd)
{
	int ret;

	/* The families would wait for data to copy nothing of it. */
	if (unlikely(!msg_data_left(msg)) && ksock_is_stream(s) &&
	    !(flags & MSG_ERRQUEUE))
		return 0;
	ret = ksock_recv_once(s, msg, flags);
	if (unlikely(ret < 0))
		return ret;
	*recvd = ret;
	/* The end of file that our own shutdown made is not the peer's. */
	if (unlikely(!ret && READ_ONCE(s->gone)))
		return -EINTR;
	return 0;
}

/* A stream's bytes come in parts; end of file before the last is an error. */
static int ksock_recv_all(struct ksocket *s, struct msghdr *msg, int flags,
			  size_t *recvd)
{
	size_t size = msg_data_left(msg);
	int ret;

	while (*recvd < size) {
		iov_iter_reexpand(&msg->msg_iter, size - *recvd);
		iov_iter_truncate(&msg->msg_iter, MAX_RW_COUNT);
		ret = ksock_recv_once(s, msg, flags | MSG_WAITALL);
		if (ret < 0)
			return ret;
		if (!ret)
			return -ENODATA;
		*recvd += ret;
	}
	return 0;
}

/* A message is all there when it has just the expected length. */
static int ksock_recv_whole(struct ksocket *s, struct msghdr *msg, int flags,
			    size_t *recvd)
{
	size_t size = msg_data_left(msg);
	int ret;

	ret = ksock_recv_some(s, msg, flags, recvd);
	if (ret)
		return ret;
	if (*recvd != size || msg->msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return 0;
}

/* For those who don't ask how much it was */
static noinline int ksock_recv_exactly(struct ksocket *s, struct msghdr *msg,
				       int flags)
{
	size_t done = 0;
	int err;

	if (ksock_flags(s, flags) & (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC))
		return -EINVAL;
	if (ksock_is_stream(s))
		err = ksock_recv_all(s, msg, flags, &done);
	else
		err = ksock_recv_whole(s, msg, flags, &done);
	atomic64_add(done, &s->rx_bytes);
	return ksock_errno(s, err);
}

/* Inline likewise; @msg's flags are 0, and @recvd's value. */
static __always_inline int ksock_do_recv(struct ksocket *s, struct msghdr *msg,
					 int flags, size_t *recvd)
{
	int err;

	if (unlikely(flags & ~KSOCK_RECV_FLAGS))
		return -EINVAL;
	/* What its actor has is no part of the stream any more. */
	if (unlikely(ksock_acts(ksock_events(s)) &&
		     !(flags & (MSG_OOB | MSG_ERRQUEUE))))
		return -EBUSY;
	if (!recvd)
		return ksock_recv_exactly(s, msg, flags);
	flags = ksock_flags(s, flags);
	iov_iter_truncate(&msg->msg_iter, MAX_RW_COUNT);
	err = ksock_recv_some(s, msg, flags, recvd);
	if (!(flags & MSG_PEEK))
		atomic64_add(*recvd, &s->rx_bytes);
	return ksock_errno(s, err);
}

/**
 * ksock_recvmsg() - receive a message with address and control data
 * @s: handle
 * @msg: in: msg_iter over memory of any kind, msg_name with msg_namelen and
 *	msg_control with msg_controllen in kernel memory, or NULL; out:
 *	msg_namelen is the address's full length, msg_controllen the room that
 *	is left, msg_flags tells MSG_TRUNC, MSG_CTRUNC, MSG_OOB, MSG_EOR
 * @flags: MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_DONTWAIT,
 *	MSG_ERRQUEUE, or 0
 * @recvd: where the number of bytes received is stored, also on error; or NULL
 *	on a blocking socket: all that msg_iter has room for, or an error
 *
 * 0 with no bytes on a stream is the end of file. On AF_UNIX there is no control
 * data: MSG_CTRUNC tells that some was dropped. With MSG_TRUNC a message socket
 * stores the message's real length, which may be more than the room.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EAGAIN, -EINTR, -ENOTCONN, -ECONNRESET, -ENODATA when @recvd is
 * NULL and the stream ended early, -EMSGSIZE when it is NULL and the message's
 * length is another, -EFAULT for a NULL @msg, -EINVAL for
 * other @flags, or for a NULL @recvd with MSG_PEEK, MSG_TRUNC or on a
 * non-blocking socket, -ENOTSOCK, -ENETDOWN, and what else the family says.
 */
int ksock_recvmsg(ksocket_t s, struct msghdr *msg, int flags, size_t *recvd)
{
	struct sockaddr_storage name = {};
	struct ksock_call call;
	struct msghdr copy;
	socklen_t room;
	bool drops;
	int err;

	if (recvd)
		*recvd = 0;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if (!msg)
		goto leave;
	err = -EINVAL;
	if (msg->msg_namelen < 0)
		goto leave;
	copy = *msg;
	copy.msg_name = &name;
	copy.msg_namelen = 0;
	copy.msg_flags = 0;
	ksock_clear_internal(&copy);
	/*
	 * A peer may send descriptors, and there is no table here to put them
	 * in (scm_detach_fds() would warn): without room they are dropped.
	 */
	drops = s->sock->sk->sk_family == AF_UNIX;
	if (drops) {
		copy.msg_control = NULL;
		copy.msg_controllen = 0;
	}
	err = ksock_do_recv(s, &copy, flags, recvd);
	room = msg->msg_namelen;
	if (msg->msg_name)
		ksock_put_addr(&name, copy.msg_namelen, msg->msg_name, &room);
	msg->msg_namelen = msg->msg_name ? copy.msg_namelen : 0;
	if (!drops) {
		msg->msg_controllen = copy.msg_controllen;
		msg->msg_control = copy.msg_control;
	}
	msg->msg_flags = copy.msg_flags;
	msg->msg_iter = copy.msg_iter;
leave:
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_recvmsg);

/* Likewise */
static __always_inline int
ksock_recv_bytes(ksocket_t s, void *msg, size_t msgsize, int flags,
		 struct sockaddr *addr, socklen_t *addrlen,
		 struct sockaddr_storage *name, size_t *recvd)
{
	struct kvec vec = { .iov_base = msg, .iov_len = msgsize };
	struct msghdr hdr = { .msg_iter = ksock_iter(ITER_DEST, &vec) };
	struct ksock_call call;
	int err;

	if (recvd)
		*recvd = 0;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if ((unlikely(!msg) && msgsize) || (addr && !addrlen))
		goto leave;
	if (addr)
		hdr.msg_name = name;
	err = ksock_do_recv(s, &hdr, flags, recvd);
	if (!err && addr)
		ksock_put_addr(name, hdr.msg_namelen, addr, addrlen);
leave:
	ksock_leave(s, &call);
	return err;
}

/**
 * ksock_recvfrom() - receive bytes and learn where they came from
 * @s: handle
 * @msg: where the bytes are stored
 * @msgsize: room at @msg in bytes
 * @flags: as in ksock_recvmsg()
 * @addr: where the sender's address is stored, or NULL
 * @addrlen: in: room at @addr in bytes; out: the address's full length, 0 where
 *	there is none, as on a stream
 * @recvd: as in ksock_recvmsg()
 *
 * Context: Process context. May sleep.
 * Return: as ksock_recvmsg(), and -EFAULT for a NULL @msg with a size, or an
 * @addr without @addrlen.
 */
int ksock_recvfrom(ksocket_t s, void *msg, size_t msgsize, int flags,
		   struct sockaddr *addr, socklen_t *addrlen, size_t *recvd)
{
	struct sockaddr_storage name = {};

	return ksock_recv_bytes(s, msg, msgsize, flags, addr, addrlen, &name,
				recvd);
}
EXPORT_SYMBOL_GPL(ksock_recvfrom);

/**
 * ksock_recv() - receive bytes
 * @s: handle
 * @msg: where the bytes are stored
 * @msgsize: room at @msg in bytes
 * @flags: as in ksock_recvmsg()
 * @recvd: as in ksock_recvmsg()
 *
 * Context: Process context. May sleep.
 * Return: as ksock_recvmsg().
 */
int ksock_recv(ksocket_t s, void *msg, size_t msgsize, int flags, size_t *recvd)
{
	return ksock_recv_bytes(s, msg, msgsize, flags, NULL, NULL, NULL,
				recvd);
}
EXPORT_SYMBOL_GPL(ksock_recv);

/**
 * ksock_poll() - what could be done without blocking
 * @s: handle
 *
 * Context: Process context. Does not sleep for the peer.
 * Return: EPOLL* bits as poll(2) would report them; EPOLLNVAL for a handle that
 * is NULL or closed, or whose network namespace went away.
 */
__poll_t ksock_poll(ksocket_t s)
{
	const struct proto_ops *ops;
	struct ksock_call call;
	__poll_t events = 0;

	if (ksock_enter(s, &call))
		return EPOLLNVAL;
	ops = READ_ONCE(s->sock->ops);
	if (ops->poll)
		events = ops->poll(ksock_file_to_poll(), s->sock, NULL);
	ksock_leave(s, &call);
	return events;
}
EXPORT_SYMBOL_GPL(ksock_poll);
