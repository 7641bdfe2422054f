/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ksocket: Berkeley sockets for kernel modules
 *
 * Every call returns 0 or a negative errno, may be made from process context
 * only, and may sleep, unless its description says otherwise. The descriptions
 * stand beside the definitions, in ksocket/core/.
 *
 * A handle that is NULL, closed, or whose network namespace went away is
 * answered with -ENOTSOCK, -ENOTSOCK and -ENETDOWN.
 */
#ifndef _KSOCKET_KSOCKET_H
#define _KSOCKET_KSOCKET_H

#include <linux/bits.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/types.h>

/* The kernel's headers name the two layouts only; these are the portable one. */
#ifndef SO_RCVTIMEO
#define SO_RCVTIMEO	SO_RCVTIMEO_NEW
#endif
#ifndef SO_SNDTIMEO
#define SO_SNDTIMEO	SO_SNDTIMEO_NEW
#endif

struct bio_vec;
struct ksocket;
struct net;

typedef struct ksocket *ksocket_t;
typedef unsigned int socklen_t;
/* As linux/types.h has it since 6.2. */
typedef long intptr_t;

/**
 * enum ksock_flags - how a socket is created, for ksock_socket_net()
 * @KSOCK_NOPIN: the socket does not keep its network namespace alive; when the
 *	namespace goes, the socket is aborted and its calls return -ENETDOWN
 * @KSOCK_NOIO: allocations for this socket, and in every call on it, start no
 *	I/O (for a consumer below the block layer)
 * @KSOCK_NOFS: likewise, call into no file system
 * @KSOCK_ATOMIC: allocations for this socket's packets never sleep
 * @KSOCK_NOINTR: signals do not interrupt the calls on this socket; the freezer
 *	and a stop of the whole process do
 *
 * KSOCK_NEST(level) may be added: a socket whose calls are made while another
 * ksocket's lock is held further up the stack - storage over the network below
 * a network server - takes a level above that one's, 1 to KSOCK_NEST_MAX, so
 * that lockdep tells the two apart.
 *
 * An accepted socket has the flags of its listener. But on AF_UNIX and AF_VSOCK
 * the kernel makes each connection of a listener, accepted or not, keep the
 * namespace alive.
 */
enum ksock_flags {
	KSOCK_NOPIN	= 1 << 0,
	KSOCK_NOIO	= 1 << 1,
	KSOCK_NOFS	= 1 << 2,
	KSOCK_ATOMIC	= 1 << 3,
	KSOCK_NOINTR	= 1 << 4,
};

#define KSOCK_NEST_SHIFT	8
#define KSOCK_NEST_MAX		3
#define KSOCK_NEST(level)	((unsigned int)(level) << KSOCK_NEST_SHIFT)

int __ksock_socket(ksocket_t *s, int domain, int type, int protocol,
		   struct net *net, unsigned int flags, struct module *owner);

/**
 * ksock_socket_net() - create a socket in a network namespace
 * @s: where the handle is stored; NULL is stored on error
 * @domain: address family, AF_*
 * @type: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET or SOCK_RAW
 * @protocol: protocol within the family, 0 for its default
 * @net: network namespace
 * @flags: &enum ksock_flags, or 0
 *
 * Context: Process context. May sleep.
 * Return: 0, or -EINVAL for unknown @flags, -EFAULT for a NULL @s or @net,
 * -EAFNOSUPPORT, -EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -ENETDOWN when @net is
 * going away, -ENOMEM, and what else the family says.
 */
static inline int ksock_socket_net(ksocket_t *s, int domain, int type,
				   int protocol, struct net *net,
				   unsigned int flags)
{
	return __ksock_socket(s, domain, type, protocol, net, flags,
			      THIS_MODULE);
}

struct net *ksock_current_net(void);

/**
 * ksock_socket() - create a socket in the caller's network namespace
 * @s: where the handle is stored; NULL is stored on error
 * @domain: address family, AF_*
 * @type: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET or SOCK_RAW
 * @protocol: protocol within the family, 0 for its default
 *
 * The socket keeps its network namespace alive until it is closed. A kernel
 * thread's namespace is the initial one.
 *
 * Context: Process context. May sleep.
 * Return: as ksock_socket_net().
 */
static inline int ksock_socket(ksocket_t *s, int domain, int type, int protocol)
{
	return ksock_socket_net(s, domain, type, protocol, ksock_current_net(),
				0);
}

void ksock_hold(ksocket_t s);
void ksock_rele(ksocket_t s);
int ksock_close(ksocket_t s);

int ksock_bind(ksocket_t s, const struct sockaddr *addr, socklen_t addrlen);

/* Where ksock_bind_reserved() looks */
#define KSOCK_RESERVED_MIN	512
#define KSOCK_RESERVED_MAX	1023

int ksock_bind_reserved(ksocket_t s, const struct sockaddr *addr,
			socklen_t addrlen);
int ksock_listen(ksocket_t s, int backlog);
int ksock_accept(ksocket_t s, ksocket_t *ns, struct sockaddr *addr,
		 socklen_t *addrlen);
int ksock_connect(ksocket_t s, const struct sockaddr *addr, socklen_t addrlen);
int ksock_shutdown(ksocket_t s, int how);
int ksock_getpeername(ksocket_t s, struct sockaddr *addr, socklen_t *addrlen);
int ksock_getsockname(ksocket_t s, struct sockaddr *addr, socklen_t *addrlen);

int ksock_send(ksocket_t s, void *msg, size_t msgsize, int flags, size_t *sent);
int ksock_sendto(ksocket_t s, void *msg, size_t msgsize, int flags,
		 const struct sockaddr *addr, socklen_t addrlen, size_t *sent);
int ksock_sendmsg(ksocket_t s, struct msghdr *msg, int flags, size_t *sent);
int ksock_recv(ksocket_t s, void *msg, size_t msgsize, int flags,
	       size_t *recvd);
int ksock_recvfrom(ksocket_t s, void *msg, size_t msgsize, int flags,
		   struct sockaddr *addr, socklen_t *addrlen, size_t *recvd);
int ksock_recvmsg(ksocket_t s, struct msghdr *msg, int flags, size_t *recvd);
__poll_t ksock_poll(ksocket_t s);

int ksock_send_bvec(ksocket_t s, const struct bio_vec *bv, unsigned int nr,
		    size_t size, int flags, size_t *sent);

/*
 * Tells that the pages of a send may be reused. Run as a direct callback is, and
 * maybe after the socket was closed: it must not sleep; of the ksock_* calls it
 * may make ksock_hold() and ksock_rele().
 */
typedef void ksock_zc_done_t(void *arg, bool copied);

int __ksock_send_zc(ksocket_t s, const struct bio_vec *bv, unsigned int nr,
		    size_t size, int flags, size_t *sent,
		    ksock_zc_done_t *done, void *arg, struct module *owner);

/**
 * ksock_send_zc() - send pages without a copy, and hear when they are free
 * @s: handle, connected
 * @bv: pieces of pages
 * @nr: how many pieces
 * @size: bytes to send, from the beginning of the first piece on
 * @flags: as in ksock_sendmsg()
 * @sent: as in ksock_sendmsg()
 * @done: called once, whatever is returned, when nothing of @bv's pages will be
 *	read any more: with @arg, and whether the bytes, or some, were copied
 *	after all
 * @arg: passed to @done
 *
 * From the call until @done the pages belong to the protocol. TCP is through
 * with them when the peer has acknowledged the bytes, or the connection is over
 * and no queue or device has a packet left. So @done may come within the call,
 * which it does for what is copied at once (every family but TCP and UDP; pages
 * that ksock_send_bvec() copies), and may come after ksock_close().
 *
 * @done runs with bottom halves disabled, mostly in a softirq, and maybe below
 * the socket's lock. A module waits in its exit until all its sends are done; a
 * close with reset (&ksock_tuning.reset_on_close) makes that soon. The end of
 * those it leaves is not told any more.
 *
 * Context: Process context. May sleep.
 * Return: as ksock_send_bvec(), and -EFAULT for a NULL @done, -ENOMEM.
 */
static inline int ksock_send_zc(ksocket_t s, const struct bio_vec *bv,
				unsigned int nr, size_t size, int flags,
				size_t *sent, ksock_zc_done_t *done, void *arg)
{
	return __ksock_send_zc(s, bv, nr, size, flags, sent, done, arg,
			       THIS_MODULE);
}

/**
 * enum ksock_callback_flags - how callbacks are run
 * @KSOCK_CB_DEFERRED: from a workqueue, one at a time, in order: they may sleep
 *	and make every call on every socket, ksock_close() of their own included.
 *	Without it they run where the event happens, with bottom halves disabled:
 *	they must not sleep, and every call but ksock_hold() and ksock_rele()
 *	returns -EDEADLK
 */
enum ksock_callback_flags {
	KSOCK_CB_DEFERRED	= 1 << 0,
};

/* What the exception callback tells, bits */
#define KSOCK_EXC_URG		BIT(0)	/* the peer has sent an urgent mark */
#define KSOCK_EXC_ERRQUEUE	BIT(1)	/* MSG_ERRQUEUE would receive something */

/**
 * struct ksock_callbacks - what a consumer wants to hear; any may be NULL
 * @connected: a connect of ours has succeeded; not on accepted sockets
 * @disconnected: the connection, or its attempt, is over; reason: 0 when both
 *	sides ended it, an errno (above 0), or -1 when it is not known. ENETDOWN:
 *	the network namespace went away
 * @newconn: connections wait: accept until -EAGAIN
 * @recv: there is something new to receive: msglen bytes by now, or (datagrams)
 *	in the first message; 0, once: the peer will send no more; -1: a message
 *	without bytes, an error, or an amount that the family doesn't tell
 * @xmit: after a send that fell short, or ksock_want_xmit(), there is room;
 *	freebuf is a hint at how many bytes; 0, once: sending is over for good
 * @exception: KSOCK_EXC_*
 * @flags: &enum ksock_callback_flags, or 0
 *
 * The callbacks of one socket never overlap. What happened several times before
 * a callback could run is told once.
 */
typedef struct ksock_callbacks {
	void		(*connected)(ksocket_t s, void *arg);
	void		(*disconnected)(ksocket_t s, void *arg, int reason);
	void		(*newconn)(ksocket_t s, void *arg);
	void		(*recv)(ksocket_t s, void *arg, ssize_t msglen);
	void		(*xmit)(ksocket_t s, void *arg, ssize_t freebuf);
	void		(*exception)(ksocket_t s, void *arg, u32 event);
	unsigned int	flags;
} ksock_callbacks_t;

int __ksock_callbacks(ksocket_t s, const ksock_callbacks_t *cb, void *arg,
		      struct module *owner);

/**
 * ksock_callbacks() - hear of a socket's events, or no longer
 * @s: handle
 * @cb: what to call, copied; NULL ends it
 * @arg: passed to the callbacks
 *
 * What is true already is told at once: connections or data that wait, an
 * urgent mark, the end of file, the end of the connection, and its beginning
 * unless ksock_connect() has returned 0 before.
 *
 * When this returns, no earlier callback of the socket runs any more (but the
 * one that called it). The socket belongs to the module that registered last,
 * as far as unloading goes, and so do those that it will accept.
 *
 * Context: Process context, also from a deferred callback. May sleep.
 * Return: 0, -EINVAL for unknown flags, -EBUSY when someone else has hooked the
 * socket, -ENOMEM, -EDEADLK from a direct callback, -ENOTSOCK, -ENETDOWN.
 */
static inline int ksock_callbacks(ksocket_t s, const ksock_callbacks_t *cb,
				  void *arg)
{
	return __ksock_callbacks(s, cb, arg, THIS_MODULE);
}

int ksock_want_xmit(ksocket_t s);

struct sk_buff;

/**
 * struct ksock_rx - data that a receive actor is offered
 * @skb: packet that holds it; not to be written to, nor kept without a reference
 * @offset: of the first byte, in @skb's data
 * @len: bytes
 */
struct ksock_rx {
	struct sk_buff	*skb;
	unsigned int	offset;
	size_t		len;
};

/*
 * A receive actor takes data in place, and returns how many of rx->len bytes it
 * took. It is run as a direct callback is, and never twice at a time: it must not
 * sleep; of the ksock_* calls it may make ksock_rx_copy(), and ksock_send_atomic()
 * on its own socket.
 */
typedef size_t ksock_rx_actor_t(ksocket_t s, void *arg,
				const struct ksock_rx *rx);

int ksock_set_rx_actor(ksocket_t s, ksock_rx_actor_t *actor, void *arg);
int ksock_rx_resume(ksocket_t s);
int ksock_rx_copy(const struct ksock_rx *rx, size_t from, void *to, size_t len);
int ksock_send_atomic(ksocket_t s, void *msg, size_t size, int flags,
		      size_t *sent);
int ksock_sendto_atomic(ksocket_t s, void *msg, size_t size, int flags,
			const struct sockaddr *addr, socklen_t addrlen,
			size_t *sent);

int ksock_setsockopt(ksocket_t s, int level, int optname, const void *optval,
		     int optlen);
int ksock_getsockopt(ksocket_t s, int level, int optname, void *optval,
		     int *optlen);
int ksock_ioctl(ksocket_t s, int cmd, intptr_t arg);

/**
 * struct ksock_tuning - what ksock_tune() sets; 0 leaves an option as it is
 * @nodelay: send small segments at once (TCP_NODELAY)
 * @reset_on_close: ksock_close() resets the connection (SO_LINGER with 0)
 * @tos: type of service, or traffic class: the whole byte (IP_TOS, IPV6_TCLASS)
 * @linger: seconds that ksock_close() waits for the peer (SO_LINGER)
 * @keepidle: seconds without traffic before the peer is probed; with any of
 *	the three SO_KEEPALIVE is set (TCP_KEEPIDLE)
 * @keepintvl: seconds between probes (TCP_KEEPINTVL)
 * @keepcnt: probes before the connection is given up (TCP_KEEPCNT)
 * @user_timeout: milliseconds that data may stay unacknowledged
 *	(TCP_USER_TIMEOUT)
 * @sndbuf: bytes, doubled and limited as by SO_SNDBUF
 * @rcvbuf: bytes, doubled and limited as by SO_RCVBUF
 * @device: name of the only network device to use, or NULL (SO_BINDTODEVICE)
 */
struct ksock_tuning {
	bool		nodelay;
	bool		reset_on_close;
	u8		tos;
	unsigned int	linger;
	unsigned int	keepidle;
	unsigned int	keepintvl;
	unsigned int	keepcnt;
	unsigned int	user_timeout;
	unsigned int	sndbuf;
	unsigned int	rcvbuf;
	const char	*device;
};

int ksock_tune(ksocket_t s, const struct ksock_tuning *tuning);

#endif /* _KSOCKET_KSOCKET_H */
