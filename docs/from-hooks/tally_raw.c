// SPDX-License-Identifier: GPL-2.0-only
/*
 * tally_raw: tally.c as it is written without ksocket, on the hooks of a sock
 *
 * A request is an identity and a number; its answer is that identity and the
 * sum of the connection's numbers so far.
 */
#include <linux/in.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp.h>

struct record {
	__be64	id;
	__be64	number;
};

struct conn {
	struct list_head	node;	/* in conns, until someone ends it */
	struct socket		*sock;
	struct work_struct	io_work;
	struct work_struct	end_work;
	void			(*data_ready)(struct sock *sk);
	void			(*write_space)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
	struct record		in;
	struct record		out;
	size_t			got;	/* bytes of in */
	size_t			left;	/* bytes of out, at its end */
	u64			sum;
};

static unsigned short port = 7007;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "port to listen on");

static LIST_HEAD(conns);
static DEFINE_SPINLOCK(conns_lock);
static struct workqueue_struct *io_wq;
/* The end waits for io_work: it needs a rescuer of its own. */
static struct workqueue_struct *end_wq;
static struct socket *listener;
static void (*listener_ready)(struct sock *sk);
static void accept_all(struct work_struct *work);
static DECLARE_WORK(accept_work, accept_all);

static int conn_flush(struct conn *c)
{
	while (c->left) {
		struct kvec iov = {
			.iov_base = (char *)(&c->out + 1) - c->left,
			.iov_len = c->left,
		};
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
		int n;

		n = kernel_sendmsg(c->sock, &msg, &iov, 1, iov.iov_len);
		if (n < 0)
			return n;
		c->left -= n;
	}
	return 0;
}

static int conn_fill(struct conn *c)
{
	struct kvec iov = {
		.iov_base = (char *)&c->in + c->got,
		.iov_len = sizeof(c->in) - c->got,
	};
	struct msghdr msg = { };
	int n;

	n = kernel_recvmsg(c->sock, &msg, &iov, 1, iov.iov_len, MSG_DONTWAIT);
	if (n <= 0)
		return n ?: -ENODATA;
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

/* Whoever takes it off the list ends it: its own work, or the exit. */
static void conn_end(struct conn *c)
{
	bool mine;

	spin_lock(&conns_lock);
	mine = !list_empty(&c->node);
	list_del_init(&c->node);
	spin_unlock(&conns_lock);
	if (mine)
		queue_work(end_wq, &c->end_work);
}

static void conn_io(struct work_struct *work)
{
	struct conn *c = container_of(work, struct conn, io_work);
	unsigned int noio = memalloc_noio_save();
	int err;

	do {
		err = conn_flush(c) ?: conn_fill(c);
	} while (!err);
	memalloc_noio_restore(noio);
	if (err != -EAGAIN)
		conn_end(c);
}

static void conn_data_ready(struct sock *sk)
{
	struct conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (c)
		queue_work(io_wq, &c->io_work);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void conn_write_space(struct sock *sk)
{
	struct conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	/* Also called without a send that fell short, and for every bit of room. */
	if (c && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		queue_work(io_wq, &c->io_work);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void conn_state_change(struct sock *sk)
{
	struct conn *c;

	read_lock_bh(&sk->sk_callback_lock);
	c = sk->sk_user_data;
	if (c)
		queue_work(io_wq, &c->io_work);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void conn_hook(struct conn *c)
{
	struct sock *sk = c->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	/* Not sk->sk_data_ready: that is the listener's hook, inherited. */
	c->data_ready = listener_ready;
	c->write_space = sk->sk_write_space;
	c->state_change = sk->sk_state_change;
	sk->sk_user_data = c;
	sk->sk_data_ready = conn_data_ready;
	sk->sk_write_space = conn_write_space;
	sk->sk_state_change = conn_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void conn_unhook(struct conn *c)
{
	struct sock *sk = c->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = c->data_ready;
	sk->sk_write_space = c->write_space;
	sk->sk_state_change = c->state_change;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* In this order: no hook queues io_work any more, none runs, none will. */
static void conn_release(struct work_struct *work)
{
	struct conn *c = container_of(work, struct conn, end_work);

	conn_unhook(c);
	cancel_work_sync(&c->io_work);
	kernel_sock_shutdown(c->sock, SHUT_RDWR);
	sock_release(c->sock);
	kfree(c);
}

static void conn_tune(struct sock *sk)
{
	tcp_sock_set_nodelay(sk);
	sock_set_keepalive(sk);
	tcp_sock_set_keepidle(sk, 30);
	tcp_sock_set_user_timeout(sk, 60000);
	sk->sk_allocation = GFP_NOIO;
	sk->sk_use_task_frag = false;
}

static void conn_begin(struct socket *sock)
{
	struct conn *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c) {
		sock_release(sock);
		return;
	}
	c->sock = sock;
	INIT_WORK(&c->io_work, conn_io);
	INIT_WORK(&c->end_work, conn_release);
	conn_tune(sock->sk);
	spin_lock(&conns_lock);
	list_add(&c->node, &conns);
	spin_unlock(&conns_lock);
	conn_hook(c);
	/* What came before the hooks told nobody. */
	queue_work(io_wq, &c->io_work);
}

static void accept_all(struct work_struct *work)
{
	struct socket *sock;

	while (!kernel_accept(listener, &sock, O_NONBLOCK))
		conn_begin(sock);
}

/* Also that of a connection which has not been accepted yet. */
static void listener_data_ready(struct sock *sk)
{
	read_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_state == TCP_LISTEN && sk->sk_user_data)
		queue_work(io_wq, &accept_work);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void listener_hook(struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	listener_ready = sk->sk_data_ready;
	sk->sk_user_data = &listener;
	sk->sk_data_ready = listener_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void listener_end(void)
{
	struct sock *sk = listener->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = listener_ready;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	cancel_work_sync(&accept_work);
	sock_release(listener);
}

static int listener_begin(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int err;

	err = sock_create_kern(current->nsproxy->net_ns, AF_INET, SOCK_STREAM,
			       IPPROTO_TCP, &listener);
	if (err)
		return err;
	/* A kernel socket does not keep its namespace alive: make it. */
	sk_net_refcnt_upgrade(listener->sk);
	listener->sk->sk_allocation = GFP_NOIO;
	listener->sk->sk_use_task_frag = false;
	sock_set_reuseaddr(listener->sk);
	err = kernel_bind(listener, (struct sockaddr *)&at, sizeof(at));
	if (err)
		goto release;
	listener_hook(listener->sk);
	err = kernel_listen(listener, 64);
	if (!err)
		return 0;
	listener_end();
	return err;
release:
	sock_release(listener);
	return err;
}

static int __init tally_raw_init(void)
{
	int err = -ENOMEM;

	io_wq = alloc_workqueue("tally_io", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!io_wq)
		return err;
	end_wq = alloc_workqueue("tally_end", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!end_wq)
		goto free_io;
	err = listener_begin();
	if (!err)
		return 0;
	destroy_workqueue(end_wq);
free_io:
	destroy_workqueue(io_wq);
	return err;
}

static void __exit tally_raw_exit(void)
{
	struct conn *c, *next;

	listener_end();
	spin_lock(&conns_lock);
	list_for_each_entry_safe(c, next, &conns, node) {
		list_del_init(&c->node);
		queue_work(end_wq, &c->end_work);
	}
	spin_unlock(&conns_lock);
	destroy_workqueue(end_wq);
	destroy_workqueue(io_wq);
}

module_init(tally_raw_init);
module_exit(tally_raw_exit);

MODULE_DESCRIPTION("Sums over a connection, on bare sock hooks");
MODULE_LICENSE("GPL");
