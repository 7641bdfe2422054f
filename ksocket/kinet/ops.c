// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls: the kernel's own, none of which is made once kinet was drained
 */
#include <linux/net.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <ksocket/family.h>
#include <uapi/linux/kinet.h>

#include "kinet.h"
#include "stream/stream.h"

static bool kinet_is_dead(const struct socket *sock)
{
	return READ_ONCE(kinet_sk(sock->sk)->dead);
}

/* What a call says that was under way when kinet was drained */
static int kinet_outcome(const struct socket *sock, int ret)
{
	return ret < 0 && kinet_is_dead(sock) ? -ENETDOWN : ret;
}

static int kinet_bind(struct socket *sock, struct sockaddr *addr, int len)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	return kinet_outcome(sock, inet_bind(sock, addr, len));
}

/* A raw socket for IPv6 hears nothing of IPv4. */
static bool kinet_is_mapped_raw(const struct socket *sock,
				const struct sockaddr *addr, int len)
{
	return sock->type == SOCK_RAW && len >= SIN6_LEN_RFC2133 &&
	       addr->sa_family == AF_INET6 &&
	       ipv6_addr_v4mapped(&((struct sockaddr_in6 *)addr)->sin6_addr);
}

static int kinet6_bind(struct socket *sock, struct sockaddr *addr, int len)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	if (kinet_is_mapped_raw(sock, addr, len))
		return -EADDRNOTAVAIL;
	return kinet_outcome(sock, inet6_bind(sock, addr, len));
}

static int kinet_connect(struct socket *sock, struct sockaddr *addr, int len,
			 int flags)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	return kinet_outcome(sock, inet_dgram_connect(sock, addr, len, flags));
}

static int kinet_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	return kinet_is_dead(sock) ? -ENETDOWN : inet_getname(sock, addr, peer);
}

static int kinet6_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	return kinet_is_dead(sock) ? -ENETDOWN : inet6_getname(sock, addr, peer);
}

static int kinet_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return kinet_is_dead(sock) ? -ENETDOWN : inet_ioctl(sock, cmd, arg);
}

static int kinet6_ioctl(struct socket *sock, unsigned int cmd,
			unsigned long arg)
{
	return kinet_is_dead(sock) ? -ENETDOWN : inet6_ioctl(sock, cmd, arg);
}

static int kinet_shutdown(struct socket *sock, int how)
{
	return kinet_is_dead(sock) ? -ENETDOWN : inet_shutdown(sock, how);
}

static int kinet_ops_setsockopt(struct socket *sock, int level, int name,
				sockptr_t value, unsigned int len)
{
	if (level == SOL_KSOCK)
		return kinet_query(sock, name, value, len);
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	return sock_common_setsockopt(sock, level, name, value, len);
}

static int kinet_ops_getsockopt(struct socket *sock, int level, int name,
				char __user *value, int __user *len)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	return sock_common_getsockopt(sock, level, name, value, len);
}

static int kinet_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	/* Who was waiting is woken with an error that another may have taken. */
	return kinet_outcome(sock, inet_sendmsg(sock, msg, len));
}

static int kinet_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			 int flags)
{
	int ret;

	if (kinet_is_dead(sock))
		return -ENETDOWN;
	ret = inet_recvmsg(sock, msg, len, flags);
	return ret <= 0 && kinet_is_dead(sock) ? -ENETDOWN : ret;
}

/* Of IPv4, and of IPv6 with a 6 in their names */
#define KINET_OPS(six)							\
	.family		= PF_INET##six,					\
	.owner		= THIS_MODULE,					\
	.release	= inet##six##_release,				\
	.bind		= kinet##six##_bind,				\
	.connect	= kinet_connect,				\
	.socketpair	= sock_no_socketpair,				\
	.accept		= sock_no_accept,				\
	.getname	= kinet##six##_getname,				\
	.poll		= datagram_poll,				\
	.ioctl		= kinet##six##_ioctl,				\
	.gettstamp	= sock_gettstamp,				\
	.listen		= sock_no_listen,				\
	.shutdown	= kinet_shutdown,				\
	.setsockopt	= kinet_ops_setsockopt,				\
	.getsockopt	= kinet_ops_getsockopt,				\
	.sendmsg	= kinet_sendmsg,				\
	.recvmsg	= kinet_recvmsg,				\
	KSOCK_COMPAT_SENDPAGE						\
	.mmap		= sock_no_mmap

static int kinet_stream_connect(struct socket *sock, struct sockaddr *addr,
				int len, int flags)
{
	if (kinet_is_dead(sock))
		return -ENETDOWN;
	return inet_stream_connect(sock, addr, len, flags);
}

static int kinet_ops_listen(struct socket *sock, int backlog)
{
	return kinet_is_dead(sock) ? -ENETDOWN :
				     kinet_stream_listen(sock, backlog);
}

KSOCK_COMPAT_OPS_ACCEPT(kinet_accept, kinet_is_dead(sock) ? -ENETDOWN : 0)

#define KINET_STREAM_OPS(six)						\
	.family		= PF_INET##six,					\
	.owner		= THIS_MODULE,					\
	.release	= inet##six##_release,				\
	.bind		= kinet##six##_bind,				\
	.connect	= kinet_stream_connect,				\
	.socketpair	= sock_no_socketpair,				\
	.accept		= kinet_accept,					\
	.getname	= kinet##six##_getname,				\
	.poll		= kinet_stream_poll,				\
	.ioctl		= kinet##six##_ioctl,				\
	.gettstamp	= sock_gettstamp,				\
	.listen		= kinet_ops_listen,				\
	.shutdown	= kinet_shutdown,				\
	.setsockopt	= kinet_ops_setsockopt,				\
	.getsockopt	= kinet_ops_getsockopt,				\
	.sendmsg	= kinet_sendmsg,				\
	.recvmsg	= kinet_recvmsg,				\
	.read_sock	= kinet_stream_read_sock,			\
	.set_peek_off	= sk_set_peek_off,				\
	.set_rcvlowat	= kinet_stream_set_rcvlowat,			\
	KSOCK_COMPAT_SPLICE_SENDPAGE					\
	KSOCK_COMPAT_SPLICE_EOF(kinet_stream_splice_eof)		\
	.mmap		= sock_no_mmap

const struct proto_ops kinet_stream_ops = {
	KINET_STREAM_OPS(),
};

const struct proto_ops kinet6_stream_ops = {
	KINET_STREAM_OPS(6),
};

const struct proto_ops kinet_dgram_ops = {
	KINET_OPS(),
	.set_peek_off	= sk_set_peek_off,
};

const struct proto_ops kinet6_dgram_ops = {
	KINET_OPS(6),
	.set_peek_off	= sk_set_peek_off,
};

const struct proto_ops kinet_raw_ops = {
	KINET_OPS(),
};

const struct proto_ops kinet6_raw_ops = {
	KINET_OPS(6),
};
