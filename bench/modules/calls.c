// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that do next to nothing, and events that nobody acts upon
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <net/tcp.h>

#include "bench.h"

#define ROUNDS(n, statement)			\
do {						\
	unsigned int many = (n), i;		\
						\
	bench_begin();				\
	for (i = 0; i < many; i++)		\
		statement;			\
	bench_end(many);			\
} while (0)

static int by_nothing(struct conn *c)
{
	return 0;
}

static const struct server raw = { .start = by_nothing };
static const struct server ksock = { .ks = true, .start = by_nothing };

static int poll_raw(const struct figure *f, unsigned int n)
{
	static struct file file;	/* not looked at, as nobody waits */
	const struct proto_ops *ops;
	struct conn c;
	int err;

	err = conn_open(&c, &raw, false, 1);
	if (!err) {
		ops = READ_ONCE(c.server.sock->ops);
		ROUNDS(n, ops->poll(&file, c.server.sock, NULL));
	}
	conn_close(&c, &raw);
	return err;
}

static int poll_ksock(const struct figure *f, unsigned int n)
{
	struct conn c;
	int err;

	err = conn_open(&c, &ksock, false, 1);
	if (!err)
		ROUNDS(n, ksock_poll(c.server.ks));
	conn_close(&c, &ksock);
	return err;
}

static int getsockopt_raw(const struct figure *f, unsigned int n)
{
	int value, len = sizeof(value);
	struct conn c;
	int err;

	err = conn_open(&c, &raw, false, 1);
	if (!err)
		ROUNDS(n, do_sock_getsockopt(c.server.sock, false, SOL_SOCKET,
					     SO_RCVBUF, KERNEL_SOCKPTR(&value),
					     KERNEL_SOCKPTR(&len)));
	conn_close(&c, &raw);
	return err;
}

static int getsockopt_ksock(const struct figure *f, unsigned int n)
{
	int value, len = sizeof(value);
	struct conn c;
	int err;

	err = conn_open(&c, &ksock, false, 1);
	if (!err)
		ROUNDS(n, ksock_getsockopt(c.server.ks, SOL_SOCKET, SO_RCVBUF,
					   &value, &len));
	conn_close(&c, &ksock);
	return err;
}

/* --- events: a send to a socket that doesn't care, has a hook, a callback */

static void empty_hook(struct sock *sk)
{
	struct conn *c = sk->sk_user_data;

	c->events++;
}

static int by_hook(struct conn *c)
{
	conn_hook(c, empty_hook);
	return 0;
}

static void empty_callback(ksocket_t s, void *arg, ssize_t len)
{
	struct conn *c = arg;

	c->events++;
}

static int by_callback(struct conn *c)
{
	static const ksock_callbacks_t cb = { .recv = empty_callback };

	return ksock_callbacks(c->server.ks, &cb, c);
}

static void waking_callback(ksocket_t s, void *arg, ssize_t len)
{
	struct conn *c = arg;

	c->events++;
	complete(&c->all);
}

static int by_deferred(struct conn *c)
{
	static const ksock_callbacks_t cb = {
		.recv = waking_callback,
		.flags = KSOCK_CB_DEFERRED,
	};

	return ksock_callbacks(c->server.ks, &cb, c);
}

static void stop_callbacks(struct conn *c)
{
	ksock_callbacks(c->server.ks, NULL, NULL);
}

static const struct server hook = { .start = by_hook, .stop = conn_unhook };
static const struct server direct = {
	.ks	= true,
	.start	= by_callback,
	.stop	= stop_callbacks,
};

static const struct server deferred = {
	.ks	= true,
	.start	= by_deferred,
	.stop	= stop_callbacks,
};

/*
 * Only the send is counted, in which a direct callback runs; a deferred one is
 * waited for. What came is taken away before the next.
 */
static int one_event(struct conn *c, bool told_later)
{
	char data[64] = {};
	int err, n;

	bench_begin();
	err = end_send(&c->client, data, sizeof(data));
	if (told_later && !err)
		wait_for_completion(&c->all);
	bench_end(1);
	if (err)
		return err;
	n = end_recv(&c->server, data, sizeof(data), MSG_DONTWAIT);
	if (n == sizeof(data))
		return 0;
	return n < 0 ? n : -EIO;
}

static int run_events(const struct figure *f, unsigned int n)
{
	struct conn c;
	int err;

	err = conn_open(&c, f->server, false, 64) ?: conn_nodelay(&c);
	while (n-- && !err)
		err = one_event(&c, f->server == &deferred);
	bench_note("events", c.events);
	conn_close(&c, f->server);
	return err;
}

const struct figure call_figures[] = {
	{ "poll-raw", poll_raw }, { "poll-ksock", poll_ksock },
	{ "getsockopt-raw", getsockopt_raw }, { "getsockopt-ksock", getsockopt_ksock },
	{ "event-none", run_events, &raw },
	{ "event-none-ksock", run_events, &ksock },
	{ "event-hook", run_events, &hook },
	{ "event-direct", run_events, &direct },
	{ "event-deferred", run_events, &deferred },
	{}
};
