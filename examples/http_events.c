// SPDX-License-Identifier: GPL-2.0-only
/*
 * http_server: serve HTTP/1.1 without a thread
 *
 * The one idea: deferred callbacks, which may sleep and make every call. An
 * event lets its connection take all the steps that don't have to wait; for the
 * others there will be an event. So one that is idle costs its memory only.
 * Whoever takes a connection off the list, and nobody else, ends it.
 */
#include <linux/slab.h>

#include "http_reply.h"
#include "listener.h"

static char *port = "8080";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "where to listen");
static unsigned int idle = 30;
module_param(idle, uint, 0444);
MODULE_PARM_DESC(idle, "seconds without progress that end a connection");

struct conn {
	struct list_head node;	/* see lock */
	unsigned long since;	/* the last progress, in jiffies */
	ksocket_t sock;
	char *buf;		/* requests not yet answered; NULL for none */
	size_t len;
	struct http_reply reply;
};

static LIST_HEAD(conns);	/* the longest without progress first */
static DEFINE_SPINLOCK(lock);
static atomic_t alive;

static int receive(struct conn *c)
{
	size_t n;
	int err;

	c->buf = c->buf ?: kmalloc(HTTP_LONGEST, GFP_KERNEL);
	if (!c->buf)
		return -ENOMEM;
	err = ksock_recv(c->sock, c->buf + c->len, HTTP_LONGEST - c->len, MSG_DONTWAIT, &n);
	c->len += n;
	if (err == -EAGAIN && !c->len) {
		kfree(c->buf);
		c->buf = NULL;
	}
	return err ?: n ? 0 : -ESHUTDOWN;
}

/* Returns -EAGAIN when the next step has to wait for an event. */
static int step(struct conn *c)
{
	struct http_reply *r = &c->reply;
	void *rest;
	size_t n;
	int err;

	if (r->left) {
		rest = http_rest(r, &n);
		err = ksock_send(c->sock, rest, n,
				 MSG_DONTWAIT | (n < r->left ? MSG_MORE : 0), &n);
		http_sent(r, n);
		if (r->close && !r->left)
			ksock_shutdown(c->sock, SHUT_WR);
		return err;
	}
	if (r->close)	/* a close on unread bytes would be a reset: read on */
		c->len = 0;
	else if (http_take(r, c->buf, &c->len))
		return 0;
	return receive(c);
}

/* By whoever took it off: no callback of it runs after the close, but its caller. */
static void conn_end(struct conn *c)
{
	ksock_close(c->sock);
	kfree(c->buf);
	kfree(c);
	if (atomic_dec_and_test(&alive))
		wake_up_var(&alive);
}

/* Note progress, or take it off the list; false if somebody else has done so. */
static bool conn_note(struct conn *c, bool progress)
{
	bool on;

	spin_lock(&lock);
	on = !list_empty(&c->node);
	if (on && progress)
		list_move_tail(&c->node, &conns);
	else
		list_del_init(&c->node);
	c->since = jiffies;
	spin_unlock(&lock);
	return on;
}

/* Ends those without progress for so long. */
static void end_idle(unsigned long age)
{
	struct conn *c;

	spin_lock(&lock);
	while ((c = list_first_entry_or_null(&conns, struct conn, node)) &&
	       time_after_eq(jiffies, c->since + age)) {
		list_del_init(&c->node);
		spin_unlock(&lock);
		conn_end(c);
		spin_lock(&lock);
	}
	spin_unlock(&lock);
}

static void conn_moved(ksocket_t s, void *arg, ssize_t n)
{
	struct conn *c = arg;
	bool mine;
	int err;

	do {
		err = step(c);
		mine = conn_note(c, !err || err == -EAGAIN);
	} while (mine && !err);
	if (mine && err != -EAGAIN)
		conn_end(c);
}

/* When our end of the stream was told, only this tells of a reset. */
static void conn_over(ksocket_t s, void *arg, int reason)
{
	conn_moved(s, arg, 0);
}

static const ksock_callbacks_t conn_callbacks = {
	.recv		= conn_moved,
	.xmit		= conn_moved,
	.disconnected	= conn_over,
	.flags		= KSOCK_CB_DEFERRED,
};

static void conn_start(ksocket_t s)
{
	struct conn *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c) {
		ksock_close(s);
		return;
	}
	c->sock = s;
	INIT_LIST_HEAD(&c->node);
	atomic_inc(&alive);
	spin_lock(&lock);
	list_add_tail(&c->node, &conns);
	c->since = jiffies;
	spin_unlock(&lock);
	/* What has come is told at once: it may be gone when this returns. */
	if (ksock_callbacks(s, &conn_callbacks, c) && conn_note(c, false))
		conn_end(c);
}

static struct listener listener = { .start = conn_start };

static void scan(struct work_struct *work)
{
	end_idle(idle * HZ);
	schedule_delayed_work(to_delayed_work(work), HZ);
}

static DECLARE_DELAYED_WORK(scan_work, scan);

static void http_server_exit(void)
{
	ksock_close(listener.sock);
	cancel_delayed_work_sync(&scan_work);
	end_idle(0);
	/* Those that a callback ends; ksocket waits for its return. */
	wait_var_event(&alive, !atomic_read(&alive));
}

static int __init http_server_init(void)
{
	int err;

	http_init();
	err = listener_open(&listener, port, NULL);
	if (!err)
		schedule_delayed_work(&scan_work, HZ);
	return err;
}

module_init(http_server_init);
module_exit(http_server_exit);

MODULE_DESCRIPTION("Example of deferred ksocket callbacks: HTTP without threads");
MODULE_LICENSE("GPL");
