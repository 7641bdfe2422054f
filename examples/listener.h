/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the examples that listen on TCP have in common
 */
#ifndef _EXAMPLES_LISTENER_H
#define _EXAMPLES_LISTENER_H

#include <linux/inet.h>
#include <asm/ioctls.h>
#include <ksocket/ksocket.h>

static char *address = "::";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "where to listen, an IPv4 or IPv6 address");
static int family;
module_param(family, int, 0444);
MODULE_PARM_DESC(family, "domain of the listener, as kinet's 22 and 25; 0: the address's");

/**
 * struct listener - a listening socket
 * @sock: it
 * @start: takes over a connection
 */
struct listener {
	ksocket_t	sock;
	void		(*start)(ksocket_t from);
};

/*
 * An accept that fails for one connection goes on. After -ENOMEM, those who
 * wait are taken along with the next one; after any other error there is none,
 * or the listener is gone.
 */
static inline void listener_accept(const struct listener *l)
{
	ksocket_t from;
	int err;

	do {
		err = ksock_accept(l->sock, &from, NULL, NULL);
		if (!err)
			l->start(from);
	} while (!err || err == -ECONNABORTED);
}

static inline void listener_newconn(ksocket_t s, void *arg)
{
	listener_accept(arg);
}

static inline int listener_start(struct listener *l, const struct sockaddr_storage *at,
				 const ksock_callbacks_t *cb)
{
	int on = 1;

	return ksock_setsockopt(l->sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ?:
	       ksock_ioctl(l->sock, FIONBIO, (intptr_t)&on) ?:
	       ksock_bind(l->sock, (const struct sockaddr *)at, sizeof(*at)) ?:
	       ksock_listen(l->sock, -1) ?:
	       ksock_callbacks(l->sock, cb, l);
}

/* Has the callbacks told of connections; without any, accepts all that come. */
static inline int listener_open(struct listener *l, const char *port,
				const ksock_callbacks_t *cb)
{
	static const ksock_callbacks_t accepting = {
		.newconn	= listener_newconn,
		.flags		= KSOCK_CB_DEFERRED,
	};
	struct sockaddr_storage at;
	int err;

	err = inet_pton_with_scope(ksock_current_net(), AF_UNSPEC, address,
				   port, &at) ?:
	      ksock_socket(&l->sock, family ?: at.ss_family, SOCK_STREAM, 0);
	if (err)
		return err;
	err = listener_start(l, &at, cb ?: &accepting);
	if (err)
		ksock_close(l->sock);
	return err;
}

#endif /* _EXAMPLES_LISTENER_H */
