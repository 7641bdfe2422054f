// SPDX-License-Identifier: GPL-2.0-only
/*
 * echo_server: return what comes, over TCP
 *
 * The one idea: direct callbacks, and how to get out of them. They run where
 * the event happens, with bottom halves disabled, and may not sleep nor make
 * any call: ours queue a work item, which finds out by itself what is to be
 * done, so that events may well be told twice or late. A connection belongs to
 * its work: nothing else receives, sends, closes or frees. See conn_end() and
 * echo_server_exit() for what that takes.
 */
#include <linux/slab.h>

#include "listener.h"

static char *port = "7";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "where to listen");

struct conn {
	struct list_head node;
	struct work_struct work;
	ksocket_t sock;
	size_t len, sent;	/* bytes in buf, and how many went back */
	char buf[4096];
};

static struct workqueue_struct *wq;
static LIST_HEAD(conns);
static DEFINE_MUTEX(conns_lock);
static bool stopping;

/* recv: bytes, or the end; xmit: room, or none ever, which a reset tells. */
static void conn_moved(ksocket_t s, void *arg, ssize_t n)
{
	struct conn *c = arg;

	queue_work(wq, &c->work);
}

static const ksock_callbacks_t conn_callbacks = {
	.recv	= conn_moved,
	.xmit	= conn_moved,
};

/*
 * After ksock_close() no callback queues the work any more. But one may have
 * since the work began: nobody may find that when the connection is freed.
 */
static void conn_end(struct conn *c)
{
	mutex_lock(&conns_lock);
	list_del(&c->node);
	mutex_unlock(&conns_lock);
	ksock_close(c->sock);
	cancel_work(&c->work);
	kfree(c);
}

/* Nothing is received before all went back: so a peer has to read, too. */
static int conn_echo(struct conn *c)
{
	size_t n;
	int err;

	if (c->sent < c->len) {
		err = ksock_send(c->sock, c->buf + c->sent, c->len - c->sent,
				 MSG_DONTWAIT, &n);
		c->sent += n;
		return err;
	}
	err = ksock_recv(c->sock, c->buf, sizeof(c->buf), MSG_DONTWAIT, &n);
	c->sent = 0;
	c->len = n;
	return err ?: n ? 0 : -ESHUTDOWN;
}

/*
 * Until there is nothing to receive, or no room to send: then the next event
 * goes on. An event that comes in between queues the work once more.
 */
static void conn_work(struct work_struct *work)
{
	struct conn *c = container_of(work, struct conn, work);
	int err = 0;

	while (!err && !READ_ONCE(stopping))
		err = conn_echo(c);
	if (err != -EAGAIN || READ_ONCE(stopping))
		conn_end(c);
}

static void conn_start(ksocket_t s)
{
	struct conn *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c) {
		ksock_close(s);
		return;
	}
	INIT_WORK(&c->work, conn_work);
	c->sock = s;
	mutex_lock(&conns_lock);
	list_add(&c->node, &conns);
	mutex_unlock(&conns_lock);
	/* What came before is told now; the work may have freed it after this. */
	if (ksock_callbacks(s, &conn_callbacks, c))
		conn_end(c);
}

static struct listener listener = { .start = conn_start };

static void accept_all(struct work_struct *unused)
{
	listener_accept(&listener);
}

static DECLARE_WORK(accept_work, accept_all);

static void accept_later(ksocket_t s, void *arg)
{
	queue_work(wq, &accept_work);
}

static const ksock_callbacks_t listener_callbacks = {
	.newconn	= accept_later,
};

/*
 * No connection is added once accept_work is cancelled. The last work of each
 * is queued here; and as it ends the callbacks before itself, the queue may be
 * destroyed, which nobody may add to, when that is done.
 */
static void echo_server_exit(void)
{
	struct conn *c;

	ksock_hold(listener.sock);	/* accept_work may still name it */
	ksock_close(listener.sock);
	cancel_work_sync(&accept_work);
	ksock_rele(listener.sock);

	WRITE_ONCE(stopping, true);
	mutex_lock(&conns_lock);
	list_for_each_entry(c, &conns, node)
		queue_work(wq, &c->work);
	mutex_unlock(&conns_lock);
	flush_workqueue(wq);
	destroy_workqueue(wq);
}

static int __init echo_server_init(void)
{
	int err;

	wq = alloc_workqueue("echo_server", WQ_UNBOUND, 0);
	if (!wq)
		return -ENOMEM;
	err = listener_open(&listener, port, &listener_callbacks);
	if (err)
		destroy_workqueue(wq);
	return err;
}

module_init(echo_server_init);
module_exit(echo_server_exit);

MODULE_DESCRIPTION("Example of direct ksocket callbacks: a TCP echo");
MODULE_LICENSE("GPL");
