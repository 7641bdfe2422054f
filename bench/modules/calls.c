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
	unsigned int left = (n);		\
						\
	bench_begin();				\
	while (left--)				\
		statement;			\
	bench_end(n);				\
} while (0)

static int by_nothing(struct conn *c)
{
	return 0;
}

static const struct server raw = { .start = by_nothing };
static const struct server ksock = { .ks = true, .start = by_nothing };

static int poll_raw(unsigned int n)
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

static int poll_ksock(unsigned int n)
{
	struct conn c;
	int err;

	err = conn_open(&c, &ksock, false, 1);
	if (!err)
		ROUNDS(n, ksock_poll(c.server.ks));
	conn_close(&c, &ksock);
	return err;
}

static int getsockopt_raw(unsigned int n)
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

static int getsockopt_ksock(unsigned int n)
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

static int by_deferred(struct conn *c)
{
	static const ksock_callbacks_t cb = {
		.recv = empty_callback,
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
 * Only the send is counted, in which a direct callback runs; a deferred one has
 * the processor first. What came is taken away before the next.
 */
static int one_event(struct conn *c, bool told_later)
{
	char data[64] = {};
	u64 had = c->events;
	int err, n;

	bench_begin();
	err = end_send(&c->client, data, sizeof(data));
	while (told_later && !err && READ_ONCE(c->events) == had)
		yield();
	bench_end(1);
	if (err)
		return err;
	n = end_recv(&c->server, data, sizeof(data), MSG_DONTWAIT);
	if (n == sizeof(data))
		return 0;
	return n < 0 ? n : -EIO;
}

static int events(const struct server *sv, bool told_later, unsigned int n)
{
	struct conn c;
	int err;

	err = conn_open(&c, sv, false, 64);
	while (n-- && !err)
		err = one_event(&c, told_later);
	bench_note("events", c.events);
	conn_close(&c, sv);
	return err;
}

static int event_none(unsigned int n)
{
	return events(&raw, false, n);
}

static int event_none_ksock(unsigned int n)
{
	return events(&ksock, false, n);
}

static int event_hook(unsigned int n)
{
	return events(&hook, false, n);
}

static int event_direct(unsigned int n)
{
	return events(&direct, false, n);
}

static int event_deferred(unsigned int n)
{
	return events(&deferred, true, n);
}

const struct figure call_figures[] = {
	{ "poll-raw", poll_raw }, { "poll-ksock", poll_ksock },
	{ "getsockopt-raw", getsockopt_raw }, { "getsockopt-ksock", getsockopt_ksock },
	{ "event-none", event_none }, { "event-none-ksock", event_none_ksock },
	{ "event-hook", event_hook }, { "event-direct", event_direct },
	{ "event-deferred", event_deferred },
	{}
};
