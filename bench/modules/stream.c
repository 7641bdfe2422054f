// SPDX-License-Identifier: GPL-2.0-only
/*
 * One way only: messages of 4 KB, and 64 KB in bulk, by who receives them
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "bench.h"

static int drain(void *arg)
{
	struct conn *c = arg;
	int n;

	do {
		n = end_recv(&c->server, c->buf, c->size, 0);
		if (n > 0)
			conn_received(c, n);
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

	len = min_t(size_t, len, BENCH_ROOM);
	skb_copy_bits(skb, offset, c->buf, len);
	conn_received(c, len);
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
			conn_received(c, n);
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

static int copied(struct conn *c, void *data)
{
	return end_send(&c->client, data, c->size);
}

/* @data is pages of one allocation. */
static int lent(struct conn *c, void *data)
{
	struct bio_vec bv;

	bvec_set_page(&bv, virt_to_page(data), c->size, 0);
	return ksock_send_bvec(c->client.ks, &bv, 1, c->size, 0, NULL);
}

static int flood(struct conn *c, int (*send)(struct conn *c, void *data),
		 void *data, unsigned int n)
{
	int err = 0;

	reinit_completion(&c->all);
	c->due = c->received + (u64)n * c->size;
	while (n-- && !err)
		err = send(c, data);
	if (!err)
		wait_for_completion(&c->all);
	return err;
}

static int run(const struct figure *f, unsigned int n, bool nodelay,
	       int (*send)(struct conn *c, void *data))
{
	struct conn c;
	void *data;
	int err;

	data = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_COMP,
					get_order(f->many));
	err = conn_open(&c, f->server, f->ks, f->many);
	if (!data)
		err = -ENOMEM;
	if (!err && nodelay)
		err = conn_nodelay(&c);
	if (!err)
		err = flood(&c, send, data, n / 10 + 10);
	if (err)
		goto close;
	bench_begin();
	err = flood(&c, send, data, n);
	bench_end(n);
	bench_note("events", c.events);
close:
	conn_close(&c, f->server);
	free_pages((unsigned long)data, get_order(f->many));
	return err;
}

/**
 * run_stream() - messages one way, as a stream: TCP may put them together
 * @f: figure
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int run_stream(const struct figure *f, unsigned int n)
{
	return run(f, n, false, copied);
}

/**
 * run_messages() - messages one way, each sent at once: TCP_NODELAY
 * @f: figure
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int run_messages(const struct figure *f, unsigned int n)
{
	return run(f, n, true, copied);
}

/**
 * run_lent() - as run_messages(), but the pages are passed on by reference
 * @f: figure
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int run_lent(const struct figure *f, unsigned int n)
{
	return run(f, n, true, lent);
}

const struct figure stream_figures[] = {
	{ "stream-raw", run_stream, &raw_thread, false, 4 << 10 },
	{ "stream-ksock", run_stream, &ksock_thread, true, 4 << 10 },
	{ "stream-hook", run_stream, &bare_hook, false, 4 << 10 },
	{ "stream-deferred", run_stream, &ksock_deferred, false, 4 << 10 },
	{ "message-raw", run_messages, &raw_thread, false, 4 << 10 },
	{ "message-ksock", run_messages, &ksock_thread, true, 4 << 10 },
	{ "message-hook", run_messages, &bare_hook, false, 4 << 10 },
	{ "message-deferred", run_messages, &ksock_deferred, false, 4 << 10 },
	{ "bulk-raw", run_messages, &raw_thread, false, 64 << 10 },
	{ "bulk-ksock", run_messages, &ksock_thread, true, 64 << 10 },
	{ "bulk-hook", run_messages, &bare_hook, false, 64 << 10 },
	{ "bulk-deferred", run_messages, &ksock_deferred, false, 64 << 10 },
	{}
};
