// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request of 64 bytes and its answer, by each kind of server
 *
 * The client is a thread that waits for each answer, or sends a batch of
 * requests on as many connections before it receives the first: the callbacks
 * of servers that run in softirq would otherwise hide what waking costs.
 */
#include <linux/in.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "bench.h"

#define MESSAGE		64

/* --- threads */

static int raw_echo(void *arg)
{
	struct conn *c = arg;
	int n;

	for (;;) {
		n = end_recv(&c->server, c->buf, c->size, MSG_WAITALL);
		if (n != c->size)
			break;
		n = end_send(&c->server, c->buf, c->size);
		if (n)
			break;
	}
	kthread_complete_and_exit(&c->done, 0);
	return 0;
}

static int by_thread(struct conn *c)
{
	return conn_thread(c, raw_echo);
}

static const struct server raw_thread = { .start = by_thread };
static const struct server ksock_thread = { .ks = true, .start = by_thread };

/* --- a bare sk_data_ready hook */

static int hook_take(read_descriptor_t *desc, struct sk_buff *skb,
		     unsigned int offset, size_t len)
{
	struct conn *c = desc->arg.data;

	len = min(len, c->size - desc->written);
	skb_copy_bits(skb, offset, c->buf + desc->written, len);
	desc->written += len;
	return len;
}

/**
 * hook_send() - send from a hook, which has the sock's lock or spin lock
 * @sk: sock
 * @data: bytes
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int hook_send(struct sock *sk, void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = data, .iov_len = len };
	int ret;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
	ret = tcp_sendmsg_locked(sk, &msg, len);
	if (ret < 0)
		return ret;
	return ret == len ? 0 : -EAGAIN;
}

static void hook_echo(struct sock *sk)
{
	struct conn *c = sk->sk_user_data;
	read_descriptor_t desc = { .arg.data = c, .count = 1 };

	tcp_read_sock(sk, &desc, hook_take);
	c->events++;
	if (desc.written == c->size)
		c->failed = c->failed ?: hook_send(sk, c->buf, c->size);
	else if (desc.written)
		c->failed = -EIO;
}

static int by_hook(struct conn *c)
{
	conn_hook(c, hook_echo);
	return 0;
}

static const struct server bare_hook = {
	.start	= by_hook,
	.stop	= conn_unhook,
};

/* --- ksocket's callbacks: all that a callback needs is a call on the socket */

static void echo_all(struct conn *c)
{
	int n;

	do {
		n = end_recv(&c->server, c->buf, c->size, MSG_DONTWAIT);
		if (n == c->size)
			n = end_send(&c->server, c->buf, c->size) ?: n;
		else if (n > 0)
			n = -EIO;
	} while (n > 0);
	if (n && n != -EAGAIN)
		c->failed = n;
}

static void told_deferred(ksocket_t s, void *arg, ssize_t n)
{
	struct conn *c = arg;

	c->events++;
	echo_all(c);
}

static int by_deferred(struct conn *c)
{
	static const ksock_callbacks_t cb = {
		.recv	= told_deferred,
		.flags	= KSOCK_CB_DEFERRED,
	};

	return ksock_callbacks(c->server.ks, &cb, c);
}

static void stop_callbacks(struct conn *c)
{
	ksock_callbacks(c->server.ks, NULL, NULL);
	if (c->work.func)
		cancel_work_sync(&c->work);
}

static const struct server ksock_deferred = {
	.ks	= true,
	.start	= by_deferred,
	.stop	= stop_callbacks,
};

static void work_echo(struct work_struct *work)
{
	echo_all(container_of(work, struct conn, work));
}

static void told_direct(ksocket_t s, void *arg, ssize_t n)
{
	struct conn *c = arg;

	c->events++;
	queue_work(system_unbound_wq, &c->work);
}

static int by_handover(struct conn *c)
{
	static const ksock_callbacks_t cb = { .recv = told_direct };

	INIT_WORK(&c->work, work_echo);
	return ksock_callbacks(c->server.ks, &cb, c);
}

static const struct server ksock_handover = {
	.ks	= true,
	.start	= by_handover,
	.stop	= stop_callbacks,
};

/* --- clients */

struct batch {
	struct conn	*conns;
	unsigned int	many;
	char		*buf;
};

static int round_trip(struct batch *b)
{
	unsigned int i;
	int err = 0;
	int n;

	for (i = 0; i < b->many && !err; i++)
		err = end_send(&b->conns[i].client, b->buf, MESSAGE);
	for (i = 0; i < b->many && !err; i++) {
		n = end_recv(&b->conns[i].client, b->buf, MESSAGE, MSG_WAITALL);
		if (n != MESSAGE)
			err = n < 0 ? n : -EPIPE;
	}
	return err;
}

static int rounds(struct batch *b, unsigned int n)
{
	int err = 0;

	while (n-- && !err)
		err = round_trip(b);
	return err;
}

static int check(const struct batch *b)
{
	unsigned int i;

	for (i = 0; i < b->many; i++)
		if (b->conns[i].failed)
			return b->conns[i].failed;
	return 0;
}

/* A tenth of it unmeasured first: caches of memory, congestion windows */
static int measure(struct batch *b, unsigned int n)
{
	unsigned int times = max(n / b->many, 1U);
	int err;

	err = rounds(b, times / 10 + 10);
	if (err)
		return err;
	bench_begin();
	err = rounds(b, times);
	bench_end(times * b->many);
	return err ?: check(b);
}

static int batch_alloc(struct batch *b, unsigned int many)
{
	b->many = many;
	b->conns = kcalloc(many, sizeof(*b->conns), GFP_KERNEL);
	b->buf = kzalloc(MESSAGE, GFP_KERNEL);
	return b->conns && b->buf ? 0 : -ENOMEM;
}

static void batch_free(struct batch *b)
{
	kfree(b->conns);
	kfree(b->buf);
}

/**
 * run_rpc() - requests and their answers
 * @f: figure
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int run_rpc(const struct figure *f, unsigned int n)
{
	struct batch b = {};
	unsigned int i;
	int err;

	err = batch_alloc(&b, f->many);
	for (i = 0; i < f->many && !err; i++)
		err = conn_open(&b.conns[i], f->server, f->ks, MESSAGE) ?:
		      conn_nodelay(&b.conns[i]);
	if (!err)
		err = measure(&b, n);
	while (i--)
		conn_close(&b.conns[i], f->server);
	batch_free(&b);
	return err;
}

/* The process that serves is the host's to start: see bench/epoll.c. */
static const struct sockaddr_in user_at = {
	.sin_family	= AF_INET,
	.sin_port	= htons(7000),
	.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
};

static int run_user(const struct figure *f, unsigned int n)
{
	struct batch b = {};
	unsigned int i;
	int err;

	err = batch_alloc(&b, f->many);
	for (i = 0; i < f->many && !err; i++) {
		err = end_connect(&b.conns[i].client, false, &user_at);
		if (!err)
			tcp_sock_set_nodelay(b.conns[i].client.sock->sk);
	}
	if (!err)
		err = measure(&b, n);
	while (i--)
		end_close(&b.conns[i].client);
	batch_free(&b);
	return err;
}

const struct figure rpc_figures[] = {
	{ "rpc-raw", run_rpc, &raw_thread, false, 1 },
	{ "rpc-ksock", run_rpc, &ksock_thread, true, 1 },
	{ "rpc-ksock-server", run_rpc, &ksock_thread, false, 1 },
	{ "rpc-hook", run_rpc, &bare_hook, false, 1 },
	{ "rpc-deferred", run_rpc, &ksock_deferred, false, 1 },
	{ "rpc-handover", run_rpc, &ksock_handover, false, 1 },
	{ "rpc-epoll", run_user, NULL, false, 1 },
	{ "rpc-raw-64", run_rpc, &raw_thread, false, BATCH },
	{ "rpc-ksock-64", run_rpc, &ksock_thread, true, BATCH },
	{ "rpc-ksock-server-64", run_rpc, &ksock_thread, false, BATCH },
	{ "rpc-hook-64", run_rpc, &bare_hook, false, BATCH },
	{ "rpc-deferred-64", run_rpc, &ksock_deferred, false, BATCH },
	{ "rpc-handover-64", run_rpc, &ksock_handover, false, BATCH },
	{ "rpc-epoll-64", run_user, NULL, false, BATCH },
	{}
};
