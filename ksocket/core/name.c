// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses: checked on the way in, cut to the caller's room on the way out
 *
 * kernel_bind() and kernel_connect() copy as many bytes as they are told, and
 * the families write a whole sockaddr_storage: both lengths are ours to check.
 */
#include <linux/in.h>
#include <linux/in6.h>

#include "core.h"

/**
 * ksock_get_addr() - take an address from the caller
 * @to: filled
 * @addr: address, may be NULL
 * @addrlen: its length in bytes
 *
 * Return: 0, -EFAULT when @addr is NULL, -EINVAL when it is too short to tell
 * its family or longer than any address.
 */
int ksock_get_addr(struct sockaddr_storage *to, const struct sockaddr *addr,
		   socklen_t addrlen)
{
	if (!addr)
		return -EFAULT;
	if (addrlen < sizeof(addr->sa_family) || addrlen > sizeof(*to))
		return -EINVAL;
	memcpy(to, addr, addrlen);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_get_addr);

/**
 * ksock_put_addr() - give an address to the caller
 * @from: address
 * @len: its full length in bytes
 * @addr: where it goes
 * @addrlen: in: room at @addr; out: @len
 */
void ksock_put_addr(const struct sockaddr_storage *from, int len,
		    struct sockaddr *addr, socklen_t *addrlen)
{
	memcpy(addr, from, min_t(socklen_t, len, *addrlen));
	*addrlen = len;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_put_addr);

/* getname's @peer: 0 ours, 1 the peer's, 2 the peer's even if it has left */
static int ksock_getname(ksocket_t s, struct sockaddr *addr, socklen_t *addrlen,
			 int peer)
{
	struct sockaddr_storage name = {};
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EFAULT;
	if (!addr || !addrlen)
		goto leave;
	err = READ_ONCE(s->sock->ops)->getname(s->sock,
					       (struct sockaddr *)&name, peer);
	if (err < 0)
		goto leave;
	ksock_put_addr(&name, err, addr, addrlen);
	err = 0;
leave:
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}

/**
 * ksock_getsockname() - address that a socket is bound to
 * @s: handle
 * @addr: where the address is stored
 * @addrlen: in: room at @addr in bytes; out: the address's full length, which
 *	is more than the room when the address was cut
 *
 * Context: Process context. May sleep.
 * Return: 0, -EFAULT for a NULL @addr or @addrlen, -ENOTSOCK, -ENETDOWN.
 */
int ksock_getsockname(ksocket_t s, struct sockaddr *addr, socklen_t *addrlen)
{
	return ksock_getname(s, addr, addrlen, 0);
}
EXPORT_SYMBOL_GPL(ksock_getsockname);

/**
 * ksock_getpeername() - address of the peer that a socket is connected to
 * @s: handle
 * @addr: where the address is stored
 * @addrlen: in: room at @addr in bytes; out: the address's full length, which
 *	is more than the room when the address was cut
 *
 * Context: Process context. May sleep.
 * Return: 0, -ENOTCONN, -EFAULT for a NULL @addr or @addrlen, -ENOTSOCK,
 * -ENETDOWN.
 */
int ksock_getpeername(ksocket_t s, struct sockaddr *addr, socklen_t *addrlen)
{
	return ksock_getname(s, addr, addrlen, 1);
}
EXPORT_SYMBOL_GPL(ksock_getpeername);

/**
 * ksock_bind() - give a socket its local address
 * @s: handle
 * @addr: address
 * @addrlen: its length in bytes
 *
 * Context: Process context. May sleep.
 * Return: 0, -EFAULT for a NULL @addr, -EINVAL for a length that fits no
 * address or for a socket bound already, -EADDRINUSE, -EADDRNOTAVAIL, -EACCES
 * for a reserved port without the capability, -ENOTSOCK, -ENETDOWN, and what
 * else the family says.
 */
int ksock_bind(ksocket_t s, const struct sockaddr *addr, socklen_t addrlen)
{
	struct sockaddr_storage name;
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_get_addr(&name, addr, addrlen);
	if (!err)
		err = kernel_bind(s->sock, (struct sockaddr *)&name, addrlen);
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_bind);

static void ksock_set_port(struct sockaddr_storage *name, unsigned int port)
{
	/* At the same place in both families. */
	BUILD_BUG_ON(offsetof(struct sockaddr_in, sin_port) !=
		     offsetof(struct sockaddr_in6, sin6_port));
	((struct sockaddr_in *)name)->sin_port = htons(port);
}

static int ksock_do_bind_reserved(struct socket *sock,
				  struct sockaddr_storage *name, int len)
{
	unsigned int port;
	int err;

	if (name->ss_family != AF_INET && name->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	for (port = KSOCK_RESERVED_MAX; port >= KSOCK_RESERVED_MIN; port--) {
		ksock_set_port(name, port);
		err = kernel_bind(sock, (struct sockaddr *)name, len);
		if (err != -EADDRINUSE)
			break;
	}
	return err;
}

/**
 * ksock_bind_reserved() - give a socket an address with a reserved port
 * @s: handle of an AF_INET or AF_INET6 socket
 * @addr: address, whose port is ignored
 * @addrlen: its length in bytes
 *
 * The highest port that is free between %KSOCK_RESERVED_MIN and
 * %KSOCK_RESERVED_MAX, as bindresvport(3) would look for one: what servers of
 * some protocols (NFS) take for a sign of privilege.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EADDRINUSE when all are taken, -EAFNOSUPPORT for an address of
 * another family, and as ksock_bind().
 */
int ksock_bind_reserved(ksocket_t s, const struct sockaddr *addr,
			socklen_t addrlen)
{
	struct sockaddr_storage name;
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_get_addr(&name, addr, addrlen);
	if (!err)
		err = ksock_do_bind_reserved(s->sock, &name, addrlen);
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_bind_reserved);
