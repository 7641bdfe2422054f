// SPDX-License-Identifier: GPL-2.0-only
/*
 * One way only: messages of 4 KB, and 64 KB in bulk, by who receives them
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include "bench.h"

/* A thread: tells by conn.received, and wakes who waits for the last byte. */
static int drain(void *arg)
{
	struct conn *c = arg;
	int n;

	do {
		n = end_recv(&c->server, c->buf, c->size, 0);
		if (n > 0)
			WRITE_ONCE(c->received, c->received + n);
	} while (n > 0);
	kthread_complete_and_exit(&c->done, 0);
	return 0;
}

static int by_thread(struct conn *c)
{
	return conn_thread(c, drain);
}

static const struct server raw_thread = { .start = by_thread };
static const struct server ksock_thread = { .ks = true, .start = by_thread };

static int take(read_descriptor_t *desc, struct sk_buff *skb,
		unsigned int offset, size_t len)
{
	struct conn *c = desc->arg.data;

	len = min(len, (size_t)BENCH_ROOM);
	skb_copy_bits(skb, offset, c->buf, len);
	WRITE_ONCE(c->received, c->received + len);
	return len;
}

static void hook_take(struct sock *sk)
{
	struct conn *c = sk->sk_user_data;
	read_descriptor_t desc = { .arg.data = c, .count = 1 };

	c->events++;
	tcp_read_sock(sk, &desc, take);
}

static int by_hook(struct conn *c)
{
	conn_hook(c, hook_take);
	return 0;
}

static const struct server bare_hook = {
	.start	= by_hook,
	.stop	= conn_unhook,
};

static void told(ksocket_t s, void *arg, ssize_t len)
{
	struct conn *c = arg;
	int n;

	c->events++;
	do {
		n = end_recv(&c->server, c->buf, BENCH_ROOM, MSG_DONTWAIT);
		if (n > 0)
			WRITE_ONCE(c->received, c->received + n);
	} while (n > 0);
}

static int by_deferred(struct conn *c)
{
	static const ksock_callbacks_t cb = {
		.recv	= told,
		.flags	= KSOCK_CB_DEFERRED,
	};

	return ksock_callbacks(c->server.ks, &cb, c);
}

static void stop_callbacks(struct conn *c)
{
	ksock_callbacks(c->server.ks, NULL, NULL);
}

static const struct server ksock_deferred = {
	.ks	= true,
	.start	= by_deferred,
	.stop	= stop_callbacks,
};

/*
 * All that was sent has come: the receiver has it from here, and only needs the
 * processor. Not by a timer, as time that nobody uses would be counted.
 */
static void settle(struct conn *c, u64 total)
{
	while (READ_ONCE(c->received) < total)
		yield();
}

static int flood(struct conn *c, void *data, unsigned int n)
{
	int err = 0;

	while (n-- && !err)
		err = end_send(&c->client, data, c->size);
	return err;
}

static int stream(const struct server *sv, bool ks_client, size_t size,
		  unsigned int n)
{
	unsigned int first = n / 10 + 10;
	struct conn c;
	void *data;
	int err;

	data = kvzalloc(size, GFP_KERNEL);
	err = conn_open(&c, sv, ks_client, size);
	if (!data)
		err = -ENOMEM;
	if (!err)
		err = flood(&c, data, first);
	if (err)
		goto close;
	settle(&c, (u64)first * size);
	bench_begin();
	err = flood(&c, data, n);
	if (!err)
		settle(&c, (u64)(first + n) * size);
	bench_end(n);
	bench_note("events", c.events);
close:
	conn_close(&c, sv);
	kvfree(data);
	return err;
}

#define STREAM(name, server, ks_client)					\
static int stream_##name(unsigned int n)				\
{									\
	return stream(&(server), ks_client, 4 << 10, n);		\
}									\
static int bulk_##name(unsigned int n)					\
{									\
	return stream(&(server), ks_client, 64 << 10, n);		\
}

STREAM(raw, raw_thread, false)
STREAM(ksock, ksock_thread, true)
STREAM(hook, bare_hook, false)
STREAM(deferred, ksock_deferred, false)

const struct figure stream_figures[] = {
	{ "stream-raw", stream_raw }, { "bulk-raw", bulk_raw },
	{ "stream-ksock", stream_ksock }, { "bulk-ksock", bulk_ksock },
	{ "stream-hook", stream_hook }, { "bulk-hook", bulk_hook },
	{ "stream-deferred", stream_deferred }, { "bulk-deferred", bulk_deferred },
	{}
};
