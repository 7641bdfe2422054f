// SPDX-License-Identifier: GPL-2.0-only
/*
 * A protocol family that is but its answers to ksocket
 *
 * A test sets the answers, and calls the sock's hooks as the family would.
 */
#include <linux/sockptr.h>

#include "fake.h"

bool kt_fake_answers = true;

static struct proto kt_fake_proto = {
	.name		= "ksocket_fake",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct kt_fake),
};

static int kt_fake_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	skb_queue_purge(&sk->sk_error_queue);
	sock_orphan(sk);
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

/* A connect that a test has to bring to its end */
static int kt_fake_connect(struct socket *sock, struct sockaddr *addr, int len,
			   int flags)
{
	WRITE_ONCE(sock->sk->sk_state, TCP_SYN_SENT);
	return -EINPROGRESS;
}

static int kt_fake_listen(struct socket *sock, int backlog)
{
	WRITE_ONCE(sock->sk->sk_state, TCP_LISTEN);
	return 0;
}

static int kt_fake_shutdown(struct socket *sock, int how)
{
	return 0;
}

static int kt_fake_option(const struct kt_fake *fake, struct ksock_option *opt)
{
	if (!fake->option.level || opt->level != fake->option.level ||
	    opt->name != fake->option.name)
		return -ENOPROTOOPT;
	*opt = fake->option;
	return 0;
}

static int kt_fake_setsockopt(struct socket *sock, int level, int name,
			      sockptr_t val, unsigned int len)
{
	struct kt_fake *fake = container_of(sock->sk, struct kt_fake, sk);

	if (level != SOL_KSOCK)
		return -ENOPROTOOPT;
	if (name == KSOCK_OPTION && len == sizeof(fake->option))
		return kt_fake_option(fake, val.kernel);
	if (!kt_fake_answers || name != KSOCK_QUERY)
		return -ENOPROTOOPT;
	if (len != sizeof(fake->query))
		return -EINVAL;
	return copy_to_sockptr(val, &fake->query, len);
}

static int kt_fake_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct kt_fake *fake = container_of(sock->sk, struct kt_fake, sk);

	fake->flags = msg->msg_flags;
	fake->ubuf = msg->msg_ubuf;
	iov_iter_advance(&msg->msg_iter, len);
	return len;
}

static const struct proto_ops kt_fake_ops = {
	.family		= KT_FAKE,
	.owner		= THIS_MODULE,
	.release	= kt_fake_release,
	.bind		= sock_no_bind,
	.connect	= kt_fake_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= sock_no_getname,
	.ioctl		= sock_no_ioctl,
	.listen		= kt_fake_listen,
	.shutdown	= kt_fake_shutdown,
	.setsockopt	= kt_fake_setsockopt,
	.sendmsg	= kt_fake_sendmsg,
	.recvmsg	= sock_no_recvmsg,
	.mmap		= sock_no_mmap,
};

static int kt_fake_create(struct net *net, struct socket *sock, int protocol,
			  int kern)
{
	struct sock *sk;

	sk = sk_alloc(net, KT_FAKE, GFP_KERNEL, &kt_fake_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock->ops = &kt_fake_ops;
	sock_init_data(sock, sk);
	return 0;
}

static const struct net_proto_family kt_fake_family = {
	.family	= KT_FAKE,
	.create	= kt_fake_create,
	.owner	= THIS_MODULE,
};

int kt_fake_register(struct kunit_suite *suite)
{
	int err;

	err = proto_register(&kt_fake_proto, 0);
	if (err)
		return err;
	err = sock_register(&kt_fake_family);
	if (err)
		proto_unregister(&kt_fake_proto);
	return err;
}

void kt_fake_unregister(struct kunit_suite *suite)
{
	sock_unregister(KT_FAKE);
	proto_unregister(&kt_fake_proto);
}
