// SPDX-License-Identifier: GPL-2.0-only
/*
 * tally: sums over a connection
 *
 * A request is an identity and a number; its answer is that identity and the
 * sum of the connection's numbers so far.
 */
#include <linux/in.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <asm/ioctls.h>
#include <ksocket/ksocket.h>

struct record {
	__be64	id;
	__be64	number;
};

struct conn {
	struct list_head	node;	/* in conns, until someone ends it */
	ksocket_t		s;
	struct record		in;
	struct record		out;
	size_t			got;	/* bytes of in */
	size_t			left;	/* bytes of out, at its end */
	u64			sum;
};

static unsigned short port = 7007;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "port to listen on");

static const struct ksock_tuning tuning = {
	.nodelay	= true,
	.keepidle	= 30,
	.user_timeout	= 60000,
};

static LIST_HEAD(conns);
static DEFINE_SPINLOCK(conns_lock);
static ksocket_t listener;

static int conn_flush(struct conn *c)
{
	while (c->left) {
		size_t n;
		int err;

		err = ksock_send(c->s, (char *)(&c->out + 1) - c->left, c->left,
				 0, &n);
		if (err)
			return err;
		c->left -= n;
	}
	return 0;
}

static int conn_fill(struct conn *c)
{
	size_t n;
	int err;

	err = ksock_recv(c->s, (char *)&c->in + c->got, sizeof(c->in) - c->got,
			 0, &n);
	if (err || !n)
		return err ?: -ENODATA;
	c->got += n;
	if (c->got < sizeof(c->in))
		return 0;
	c->sum += be64_to_cpu(c->in.number);
	c->out.id = c->in.id;
	c->out.number = cpu_to_be64(c->sum);
	c->left = sizeof(c->out);
	c->got = 0;
	return 0;
}

/* Whoever takes it off the list ends it: its own callback, or the exit. */
static void conn_end(struct conn *c)
{
	bool mine;

	spin_lock(&conns_lock);
	mine = !list_empty(&c->node);
	list_del_init(&c->node);
	spin_unlock(&conns_lock);
	if (!mine)
		return;
	ksock_close(c->s);
	kfree(c);
}

/* There is something to receive, or room to send: go on with either. */
static void conn_io(ksocket_t s, void *arg, ssize_t n)
{
	struct conn *c = arg;
	int err;

	do {
		err = conn_flush(c) ?: conn_fill(c);
	} while (!err);
	if (err != -EAGAIN)
		conn_end(c);
}

static const ksock_callbacks_t conn_callbacks = {
	.recv	= conn_io,
	.xmit	= conn_io,
	.flags	= KSOCK_CB_DEFERRED,
};

static void conn_begin(ksocket_t s)
{
	struct conn *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int on = 1;

	if (!c) {
		ksock_close(s);
		return;
	}
	c->s = s;
	ksock_tune(s, &tuning);
	ksock_ioctl(s, FIONBIO, (intptr_t)&on);
	spin_lock(&conns_lock);
	list_add(&c->node, &conns);
	spin_unlock(&conns_lock);
	if (ksock_callbacks(s, &conn_callbacks, c))
		conn_end(c);
}

static void listener_newconn(ksocket_t s, void *arg)
{
	ksocket_t peer;

	while (!ksock_accept(s, &peer, NULL, NULL))
		conn_begin(peer);
}

static const ksock_callbacks_t listener_callbacks = {
	.newconn	= listener_newconn,
	.flags		= KSOCK_CB_DEFERRED,
};

static int __init tally_init(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int err, on = 1;

	err = ksock_socket_net(&listener, AF_INET, SOCK_STREAM, 0,
			       ksock_current_net(), KSOCK_NOIO);
	if (err)
		return err;
	err = ksock_ioctl(listener, FIONBIO, (intptr_t)&on) ?:
	      ksock_setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ?:
	      ksock_bind(listener, (struct sockaddr *)&at, sizeof(at)) ?:
	      ksock_listen(listener, 64) ?:
	      ksock_callbacks(listener, &listener_callbacks, NULL);
	if (err)
		ksock_close(listener);
	return err;
}

static void __exit tally_exit(void)
{
	struct conn *c;

	ksock_close(listener);
	spin_lock(&conns_lock);
	while ((c = list_first_entry_or_null(&conns, struct conn, node))) {
		list_del_init(&c->node);
		spin_unlock(&conns_lock);
		ksock_close(c->s);
		kfree(c);
		spin_lock(&conns_lock);
	}
	spin_unlock(&conns_lock);
}

module_init(tally_init);
module_exit(tally_exit);

MODULE_DESCRIPTION("Sums over a connection");
MODULE_LICENSE("GPL");
