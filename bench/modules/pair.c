// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections over the loopback, and what serves them
 */
#include <linux/in.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "bench.h"

#define BACKLOG		128

/**
 * listener_open() - listen on a free port of the loopback
 * @l: listener
 * @ks: by a ksocket
 *
 * Return: 0 or a negative errno.
 */
int listener_open(struct listener *l, bool ks)
{
	struct sockaddr *at = (struct sockaddr *)&l->at;
	socklen_t len = sizeof(l->at);
	int err;

	*l = (struct listener){
		.at.sin_family = AF_INET,
		.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (ks) {
		err = ksock_socket(&l->end.ks, AF_INET, SOCK_STREAM, 0) ?:
		      ksock_bind(l->end.ks, at, len) ?:
		      ksock_listen(l->end.ks, BACKLOG) ?:
		      ksock_getsockname(l->end.ks, at, &len);
	} else {
		err = sock_create_kern(&init_net, bench_domain, SOCK_STREAM,
				       IPPROTO_TCP, &l->end.sock) ?:
		      kernel_bind(l->end.sock, at, len) ?:
		      kernel_listen(l->end.sock, BACKLOG);
		if (!err)
			err = min(kernel_getsockname(l->end.sock, at), 0);
	}
	if (err)
		listener_close(l);
	return err;
}

void listener_close(struct listener *l)
{
	end_close(&l->end);
}

/**
 * end_connect() - make a client's end
 * @e: end
 * @ks: by a ksocket
 * @to: where to
 *
 * Return: 0 or a negative errno.
 */
int end_connect(struct end *e, bool ks, const struct sockaddr_in *to)
{
	struct sockaddr *at = (struct sockaddr *)to;
	int err;

	*e = (struct end){};
	if (ks)
		err = ksock_socket(&e->ks, AF_INET, SOCK_STREAM, 0) ?:
		      ksock_connect(e->ks, at, sizeof(*to));
	else
		err = sock_create_kern(&init_net, bench_domain, SOCK_STREAM,
				       IPPROTO_TCP, &e->sock) ?:
		      kernel_connect(e->sock, at, sizeof(*to), 0);
	if (err)
		end_close(e);
	return err;
}

int end_accept(struct listener *l, struct end *e)
{
	*e = (struct end){};
	if (l->end.ks)
		return ksock_accept(l->end.ks, &e->ks, NULL, NULL);
	return kernel_accept(l->end.sock, &e->sock, 0);
}

void end_close(struct end *e)
{
	if (e->ks)
		ksock_close(e->ks);
	if (e->sock)
		sock_release(e->sock);
	*e = (struct end){};
}

static int end_nodelay(struct end *e)
{
	const struct ksock_tuning tuning = { .nodelay = true };
	int on = 1;

	if (e->ks)
		return ksock_tune(e->ks, &tuning);
	if (e->sock)
		return e->sock->ops->setsockopt(e->sock, SOL_TCP, TCP_NODELAY,
						KERNEL_SOCKPTR(&on), sizeof(on));
	return 0;
}

/**
 * end_send() - send all of it
 * @e: end
 * @data: bytes
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int end_send(struct end *e, void *data, size_t len)
{
	struct kvec vec = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	int ret;

	if (e->ks)
		return ksock_send(e->ks, data, len, 0, NULL);
	ret = kernel_sendmsg(e->sock, &msg, &vec, 1, len);
	if (ret < 0)
		return ret;
	return ret == len ? 0 : -EIO;
}

/**
 * end_recv() - receive
 * @e: end
 * @data: where to
 * @len: how many bytes
 * @flags: MSG_WAITALL, MSG_DONTWAIT or 0
 *
 * Return: how many came, or a negative errno.
 */
int end_recv(struct end *e, void *data, size_t len, int flags)
{
	struct kvec vec = { .iov_base = data, .iov_len = len };
	struct msghdr msg = {};
	size_t n;
	int err;

	if (!e->ks)
		return kernel_recvmsg(e->sock, &msg, &vec, 1, len, flags);
	err = ksock_recv(e->ks, data, len, flags, &n);
	return err ?: n;
}

/**
 * conn_thread() - serve a connection by a thread
 * @c: connection
 * @serve: what it runs, ending by kthread_complete_and_exit() of conn.done
 *
 * Return: 0 or a negative errno.
 */
int conn_thread(struct conn *c, int (*serve)(void *arg))
{
	struct task_struct *task;

	init_completion(&c->done);
	task = kthread_run(serve, c, "bench-server");
	if (IS_ERR(task))
		return PTR_ERR(task);
	c->task = task;
	return 0;
}

/* The client has gone: the thread finds the end of the stream. */
void conn_join(struct conn *c)
{
	if (!c->task)
		return;
	end_close(&c->client);
	wait_for_completion(&c->done);
	c->task = NULL;
}

/**
 * conn_hook() - put a bare hook on the server's end
 * @c: connection
 * @hook: to be called where data arrive
 */
void conn_hook(struct conn *c, void (*hook)(struct sock *sk))
{
	struct sock *sk = c->server.sock->sk;

	lock_sock(sk);
	sk->sk_allocation = GFP_ATOMIC;
	sk->sk_use_task_frag = false;
	write_lock_bh(&sk->sk_callback_lock);
	c->saved = sk->sk_data_ready;
	sk->sk_user_data = c;
	sk->sk_data_ready = hook;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

void conn_unhook(struct conn *c)
{
	struct sock *sk = c->server.sock->sk;

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = c->saved;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

/* So that nobody waits by a timer: time that nobody uses would be counted. */
void conn_received(struct conn *c, size_t len)
{
	c->received += len;
	if (c->received == c->due)
		complete(&c->all);
}

static int conn_pair(struct conn *c, bool ks_server, bool ks_client)
{
	struct listener l;
	int err;

	err = listener_open(&l, ks_server);
	if (err)
		return err;
	err = end_connect(&c->client, ks_client, &l.at) ?:
	      end_accept(&l, &c->server);
	listener_close(&l);
	return err;
}

/**
 * conn_open() - connect, and begin to serve
 * @c: connection
 * @sv: how it is served
 * @ks_client: the client's end is a ksocket
 * @size: bytes of a message
 *
 * Return: 0 or a negative errno; conn_close() is due in either case.
 */
int conn_open(struct conn *c, const struct server *sv, bool ks_client, size_t size)
{
	int err;

	*c = (struct conn){ .size = size };
	init_completion(&c->all);
	c->buf = kvmalloc(BENCH_ROOM, GFP_KERNEL);
	if (!c->buf)
		return -ENOMEM;
	memset(c->buf, 'x', BENCH_ROOM);
	err = conn_pair(c, sv->ks, ks_client);
	if (err)
		return err;
	return sv->start(c);
}

/* From now on what is sent are messages: none waits for what is under way. */
int conn_nodelay(struct conn *c)
{
	return end_nodelay(&c->client) ?: end_nodelay(&c->server);
}

void conn_close(struct conn *c, const struct server *sv)
{
	bool open = c->server.sock || c->server.ks;

	if (sv->stop && open)
		sv->stop(c);
	conn_join(c);
	end_close(&c->client);
	end_close(&c->server);
	kvfree(c->buf);
	c->buf = NULL;
}
