// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections: listen, accept, connect, shutdown
 */

#include "core.h"

static int ksock_open_flags(const struct ksocket *s)
{
	return READ_ONCE(s->nonblock) ? O_NONBLOCK : 0;
}

/**
 * ksock_listen() - make a socket ready to accept connections
 * @s: handle
 * @backlog: how many connections may wait to be accepted; cut to the network
 *	namespace's somaxconn, which is also what a negative value stands for,
 *	as in listen(2)
 *
 * Context: Process context. May sleep.
 * Return: 0, -EOPNOTSUPP for a socket without connections, -EINVAL for one that
 * is connected or has a receive actor, -EADDRINUSE, -ENOTSOCK, -ENETDOWN, and
 * what else the family says.
 */
int ksock_listen(ksocket_t s, int backlog)
{
	struct ksock_call call;
	int somaxconn;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EINVAL;
	if (ksock_acts(ksock_events(s)))
		goto leave;
	somaxconn = READ_ONCE(sock_net(s->sock->sk)->core.sysctl_somaxconn);
	if ((unsigned int)backlog > somaxconn)
		backlog = somaxconn;
	err = kernel_listen(s->sock, backlog);
	if (!err)
		ksock_events_listening(s);
leave:
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_listen);

/*
 * The peer may be gone again already (getname's 2: tell its name all the same);
 * where there is no name, there was no connection worth returning.
 */
static int ksock_accepted_name(struct socket *sock, struct sockaddr *addr,
			       socklen_t *addrlen)
{
	struct sockaddr_storage name = {};
	int len;

	if (!addr)
		return 0;
	len = READ_ONCE(sock->ops)->getname(sock, (struct sockaddr *)&name, 2);
	if (len < 0)
		return -ECONNABORTED;
	ksock_put_addr(&name, len, addr, addrlen);
	return 0;
}

static int ksock_do_accept(ksocket_t s, ksocket_t *ns, struct sockaddr *addr,
			   socklen_t *addrlen)
{
	int flags = ksock_open_flags(s);
	struct sock *sk = s->sock->sk;
	struct socket *sock;
	struct ksocket *new;
	long timeo = 0;
	int err;

	if (ksock_slices_accept(sk)) {
		timeo = sock_rcvtimeo(sk, flags);
		flags = O_NONBLOCK;
	}
	/* First, so that a connection is never taken and then lost. */
	new = ksock_alloc(s->flags, READ_ONCE(s->owner));
	if (!new)
		return -ENOMEM;
	do {
		err = kernel_accept(s->sock, &sock, flags);
	} while (ksock_slice(s, &timeo, &err) || ksock_retry(s, err));
	if (err < 0)
		goto free;
	ksock_unhook_child(sock->sk);
	err = ksock_accepted_name(sock, addr, addrlen);
	if (err)
		goto release;
	new->active = true;
	new->known = true;
	ksock_publish(new, sock);
	ksock_count(new->net, KSOCK_COUNT_ACCEPTED);
	*ns = new;
	return 0;

release:
	sock_release(sock);
free:
	ksock_free(new);
	return err;
}

/**
 * ksock_accept() - take the next connection of a listening socket
 * @s: handle of the listening socket
 * @ns: where the new socket's handle is stored; NULL is stored on error
 * @addr: where the peer's address is stored, or NULL
 * @addrlen: in: room at @addr in bytes; out: the address's full length
 *
 * Waits for a connection, unless @s is non-blocking. The new socket is
 * blocking, has the flags of @s and belongs to the same module.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EAGAIN when there is none and @s is non-blocking or SO_RCVTIMEO
 * is over, -EINTR for a signal or a close of @s, -ECONNABORTED when the peer
 * left without a trace, -EINVAL when @s does not listen, -EFAULT for a NULL @ns
 * or an @addr without @addrlen, -EOPNOTSUPP for a socket without connections,
 * -ENOMEM, -ENOTSOCK, -ENETDOWN.
 */
int ksock_accept(ksocket_t s, ksocket_t *ns, struct sockaddr *addr,
		 socklen_t *addrlen)
{
	struct ksock_call call;
	int err;

	if (!ns)
		return -EFAULT;
	*ns = NULL;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if (!addr || addrlen)
		err = ksock_do_accept(s, ns, addr, addrlen);
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_accept);

static int ksock_do_connect(struct ksocket *s, struct sockaddr_storage *name,
			    int len)
{
	int flags = ksock_open_flags(s);
	struct sock *sk = s->sock->sk;
	long timeo = 0;
	int err;

	if (sk->sk_family == AF_UNIX) {
		timeo = sock_sndtimeo(sk, flags);
		flags = O_NONBLOCK;
	}
	do {
		err = kernel_connect(s->sock, (struct sockaddr *)name, len,
				     flags);
	} while (ksock_slice(s, &timeo, &err) || ksock_retry(s, err));
	/* A blocking connect that ran out of SO_SNDTIMEO, once or again. */
	if ((err == -EINPROGRESS || err == -EALREADY) && !flags)
		err = -EAGAIN;
	return err;
}

/**
 * ksock_connect() - connect a socket
 * @s: handle
 * @addr: address of the peer; AF_UNSPEC dissolves a datagram association
 * @addrlen: its length in bytes
 *
 * Waits until the connection stands, unless @s is non-blocking. On TCP it goes
 * on being made after -EINTR and -EAGAIN: call again to wait for it.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EINPROGRESS when @s is non-blocking and the connection is being
 * made, -EALREADY when it still is, -EAGAIN when SO_SNDTIMEO is over, -EINTR
 * for a signal or a close of @s, -EISCONN, -ECONNREFUSED, -ETIMEDOUT,
 * -ENETUNREACH, -EFAULT for a NULL @addr, -EINVAL for a length that fits no
 * address, -ENOTSOCK, -ENETDOWN, and what else the family says.
 */
int ksock_connect(ksocket_t s, const struct sockaddr *addr, socklen_t addrlen)
{
	struct sockaddr_storage name;
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_get_addr(&name, addr, addrlen);
	if (err)
		goto leave;
	if (name.ss_family == AF_UNSPEC) {
		err = ksock_do_connect(s, &name, addrlen);
		if (!err)
			ksock_events_dissolved(s);
		goto leave;
	}
	ksock_events_connecting(s);
	err = ksock_do_connect(s, &name, addrlen);
	ksock_events_connected(s, ksock_plain_errno(err));
leave:
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_connect);

/**
 * ksock_shutdown() - end one or both directions of a connection
 * @s: handle
 * @how: SHUT_RD, SHUT_WR or SHUT_RDWR
 *
 * Context: Process context. May sleep.
 * Return: 0, -EINVAL for another @how, -ENOTCONN, -ENOTSOCK, -ENETDOWN.
 */
int ksock_shutdown(ksocket_t s, int how)
{
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EINVAL;
	if (how == SHUT_RD || how == SHUT_WR || how == SHUT_RDWR)
		err = kernel_sock_shutdown(s->sock, how);
	if (!err)
		ksock_events_look(s, KSOCK_STATE);
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_shutdown);
