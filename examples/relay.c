// SPDX-License-Identifier: GPL-2.0-only
/*
 * relay: pass TCP streams on, to another address
 *
 * The one idea: back-pressure by blocking. Each direction has a thread and one
 * buffer: what one side does not take is not read from the other. The end of a
 * stream is passed on, and data still flows back; an error resets both sides.
 */
#include <linux/inet.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/tcp.h>

#include <ksocket/ksocket.h>

static char *address = "::";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "where to listen, an IPv4 or IPv6 address");
static char *port = "8081";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "its port");
static char *target = "127.0.0.1";
module_param(target, charp, 0444);
MODULE_PARM_DESC(target, "where to connect to");
static char *target_port = "80";
module_param(target_port, charp, 0444);
MODULE_PARM_DESC(target_port, "its port");

struct session {
	struct list_head node;
	struct kref users;	/* its threads */
	ksocket_t end[2];	/* held; who accepted, who was connected to */
};

static ksocket_t listener;
static struct net *net;		/* kept alive by listener, or by any end[] */
static struct sockaddr_storage to;
static LIST_HEAD(sessions);
static DEFINE_MUTEX(sessions_lock);
static atomic_t started;	/* threads; one that has not left may add one */
static DECLARE_COMPLETION(left);
static DECLARE_COMPLETION(acceptor_left);

static void session_release(struct kref *users)
{
	struct session *s = container_of(users, struct session, users);
	int i;

	mutex_lock(&sessions_lock);
	list_del(&s->node);
	mutex_unlock(&sessions_lock);
	for (i = 0; i < 2; i++) {
		ksock_close(s->end[i]);		/* -ENOTSOCK if it was */
		ksock_rele(s->end[i]);
	}
	kfree(s);
}

/* Ends the session without grace; its threads notice. */
static void session_reset(struct session *s)
{
	struct linger hard = { .l_onoff = 1 };
	int i;

	for (i = 0; i < 2; i++) {
		ksock_setsockopt(s->end[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		ksock_close(s->end[i]);
	}
}

/* One direction, to its end: the last thing that a thread does. */
static void __noreturn pump(struct session *s, int from)
{
	ksocket_t source = s->end[from], sink = s->end[!from];
	void *buf = kmalloc(SZ_16K, GFP_KERNEL);
	int err = buf ? 0 : -ENOMEM;
	size_t n = 1;

	while (!err && n) {
		err = ksock_recv(source, buf, SZ_16K, 0, &n);
		if (!err && n)
			err = ksock_send(sink, buf, n, 0, NULL);
	}
	kfree(buf);
	if (err || ksock_shutdown(sink, SHUT_WR))
		session_reset(s);
	kref_put(&s->users, session_release);
	kthread_complete_and_exit(&left, 0);
}

/* Counts before it starts, so that the unload can't count too few. */
static int start(int (*thread)(void *), struct session *s)
{
	struct task_struct *task;

	atomic_inc(&started);
	kref_get(&s->users);
	task = kthread_run(thread, s, "relay");
	if (IS_ERR(task)) {
		kref_put(&s->users, session_release);
		complete(&left);
	}
	return PTR_ERR_OR_ZERO(task);
}

static int back_thread(void *arg)
{
	pump(arg, 1);
}

static int forth_thread(void *arg)
{
	struct session *s = arg;

	if (ksock_connect(s->end[1], (struct sockaddr *)&to, sizeof(to)) ||
	    start(back_thread, s))
		session_reset(s);
	pump(s, 0);
}

static void session_start(ksocket_t from)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int i, on = 1;

	if (!s || ksock_socket_net(&s->end[1], to.ss_family, SOCK_STREAM, 0, net, 0)) {
		ksock_close(from);
		kfree(s);
		return;
	}
	s->end[0] = from;
	for (i = 0; i < 2; i++) {
		ksock_hold(s->end[i]);
		ksock_setsockopt(s->end[i], SOL_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	kref_init(&s->users);
	mutex_lock(&sessions_lock);
	list_add(&s->node, &sessions);
	mutex_unlock(&sessions_lock);
	start(forth_thread, s);
	kref_put(&s->users, session_release);
}

static int accept_thread(void *arg)
{
	ksocket_t from;
	int err;

	do {
		err = ksock_accept(listener, &from, NULL, NULL);
		if (!err)
			session_start(from);
	} while (!err || err == -ECONNABORTED || err == -ENOMEM);
	kthread_complete_and_exit(&acceptor_left, 0);
}

static int __init relay_init(void)
{
	struct sockaddr_storage at;
	int err, on = 1;

	net = ksock_current_net();
	err = inet_pton_with_scope(net, AF_UNSPEC, address, port, &at) ?:
	      inet_pton_with_scope(net, AF_UNSPEC, target, target_port, &to) ?:
	      ksock_socket(&listener, at.ss_family, SOCK_STREAM, 0);
	if (err)
		return err;
	ksock_hold(listener);
	err = ksock_setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ?:
	      ksock_bind(listener, (struct sockaddr *)&at, sizeof(at)) ?:
	      ksock_listen(listener, 64) ?:
	      PTR_ERR_OR_ZERO(kthread_run(accept_thread, NULL, "relay"));
	if (err) {
		ksock_close(listener);
		ksock_rele(listener);
	}
	return err;
}

static void __exit relay_exit(void)
{
	struct session *s;

	ksock_close(listener);
	wait_for_completion(&acceptor_left);
	ksock_rele(listener);
	mutex_lock(&sessions_lock);
	list_for_each_entry(s, &sessions, node)
		session_reset(s);
	mutex_unlock(&sessions_lock);
	for (; atomic_read(&started); atomic_dec(&started))
		wait_for_completion(&left);
}

module_init(relay_init);
module_exit(relay_exit);

MODULE_DESCRIPTION("Example of ksockets in pairs: a relay of TCP streams");
MODULE_LICENSE("GPL");
