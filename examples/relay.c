// SPDX-License-Identifier: GPL-2.0-only
/*
 * relay: pass TCP streams on, to another address
 *
 * The one idea: back-pressure from events alone. While the sink doesn't take
 * what is in a direction's buffer, nothing is received, until the sink's xmit.
 * The end of a stream is passed on; an error resets both sides.
 *
 * The callbacks of a session's two sockets may run at once, and share it by a
 * mutex. A close waits for the socket's callback, which may wait for the mutex:
 * so it is made without. And whoever takes a session off the list makes both,
 * since two callbacks that closed each other's socket would wait for ever.
 */
#include <linux/slab.h>

#include "listener.h"

static char *port = "8081";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "where to listen");
static char *target = "127.0.0.1";
module_param(target, charp, 0444);
MODULE_PARM_DESC(target, "where to connect to");
static char *target_port = "80";
module_param(target_port, charp, 0444);
MODULE_PARM_DESC(target_port, "its port");

struct pipe {
	size_t begin, end;	/* what is in buf */
	bool done;		/* the end of the stream was passed on */
	char buf[SZ_16K];
};

struct session {
	struct list_head node;	/* see sessions_lock */
	struct kref users;	/* the list, and who starts it */
	struct mutex lock;	/* pipe, failed */
	bool connected;		/* till then nothing is moved */
	bool failed;		/* nor then: see move() */
	ksocket_t end[2];	/* who was accepted, who is connected to */
	struct pipe pipe[2];	/* what comes from each */
};

static struct net *net;		/* kept alive by listener */
static struct sockaddr_storage to;
static LIST_HEAD(sessions);
static DEFINE_MUTEX(sessions_lock);
static atomic_t alive;

static void session_free(struct kref *users)
{
	struct session *s = container_of(users, struct session, users);

	ksock_rele(s->end[0]);
	ksock_rele(s->end[1]);
	kvfree(s);
	if (atomic_dec_and_test(&alive))
		wake_up_var(&alive);
}

/* By whoever took it off the list */
static void session_close(struct session *s, bool reset)
{
	const struct ksock_tuning hard = { .reset_on_close = reset };
	int i;

	for (i = 0; i < 2; i++) {
		ksock_tune(s->end[i], &hard);
		ksock_close(s->end[i]);
	}
	kref_put(&s->users, session_free);
}

/* That one, or any: NULL when it is off the list already, or there is none. */
static struct session *session_take(struct session *s)
{
	mutex_lock(&sessions_lock);
	s = s ?: list_first_entry_or_null(&sessions, struct session, node);
	if (s && list_empty(&s->node))
		s = NULL;
	if (s)
		list_del_init(&s->node);
	mutex_unlock(&sessions_lock);
	return s;
}

static void session_end(struct session *s, bool reset)
{
	if (session_take(s))
		session_close(s, reset);
}

/*
 * Returns 1, 0 when there has to be an event first, or an errno. A socket tells
 * its error once; who asked again would take what follows for the stream's end,
 * and pass that on.
 */
static int move(struct session *s, int from)
{
	struct pipe *p = &s->pipe[from];
	size_t n;
	int err;

	if (p->done || s->failed || !READ_ONCE(s->connected))
		return 0;
	if (p->begin < p->end) {
		err = ksock_send(s->end[!from], p->buf + p->begin, p->end - p->begin,
				 MSG_DONTWAIT, &n);
		p->begin += n;
	} else {
		err = ksock_recv(s->end[from], p->buf, sizeof(p->buf), MSG_DONTWAIT, &n);
		p->begin = 0;
		p->end = n;
		if (!err && !n) {
			err = ksock_shutdown(s->end[!from], SHUT_WR);
			p->done = !err;
		}
	}
	if (err == -EAGAIN)
		return 0;
	s->failed = err;
	return err ?: 1;
}

/* In turns, so that neither direction keeps the other one waiting. */
static void session_run(struct session *s)
{
	int forth, back;
	bool done;

	mutex_lock(&s->lock);
	do {
		forth = move(s, 0);
		back = move(s, 1);
	} while (forth >= 0 && back >= 0 && forth + back);
	done = s->pipe[0].done && s->pipe[1].done;
	mutex_unlock(&s->lock);
	if (forth < 0 || back < 0 || done)
		session_end(s, !done);
}

static void end_connected(ksocket_t end, void *arg)
{
	struct session *s = arg;

	WRITE_ONCE(s->connected, true);
	session_run(s);
}

/* When both sides have ended it (0), recv has told so. */
static void end_disconnected(ksocket_t end, void *arg, int reason)
{
	if (reason)
		session_end(arg, true);
}

static void end_moved(ksocket_t end, void *arg, ssize_t n)
{
	session_run(arg);
}

static const ksock_callbacks_t end_callbacks = {
	.connected	= end_connected,
	.disconnected	= end_disconnected,
	.recv		= end_moved,
	.xmit		= end_moved,
	.flags		= KSOCK_CB_DEFERRED,
};

/* The callbacks wait for the lock, until both sockets have theirs. */
static int session_start(struct session *s)
{
	const struct ksock_tuning quick = { .nodelay = true };
	int i, on = 1, err = 0;

	mutex_lock(&s->lock);
	for (i = 0; i < 2 && !err; i++)
		err = ksock_tune(s->end[i], &quick) ?:
		      ksock_ioctl(s->end[i], FIONBIO, (intptr_t)&on) ?:
		      ksock_callbacks(s->end[i], &end_callbacks, s);
	if (!err)
		err = ksock_connect(s->end[1], (struct sockaddr *)&to, sizeof(to));
	mutex_unlock(&s->lock);
	return err == -EINPROGRESS ? 0 : err;
}

static void session_add(ksocket_t from)
{
	struct session *s = kvzalloc(sizeof(*s), GFP_KERNEL);

	if (!s || ksock_socket_net(&s->end[1], to.ss_family, SOCK_STREAM, 0, net, 0)) {
		ksock_close(from);
		kvfree(s);
		return;
	}
	s->end[0] = from;
	/* A callback of the one may name the other, which is closed already. */
	ksock_hold(s->end[0]);
	ksock_hold(s->end[1]);
	mutex_init(&s->lock);
	kref_init(&s->users);
	kref_get(&s->users);
	atomic_inc(&alive);
	mutex_lock(&sessions_lock);
	list_add(&s->node, &sessions);
	mutex_unlock(&sessions_lock);
	if (session_start(s))
		session_end(s, true);
	kref_put(&s->users, session_free);
}

static struct listener listener = { .start = session_add };

static int __init relay_init(void)
{
	net = ksock_current_net();
	return inet_pton_with_scope(net, AF_UNSPEC, target, target_port, &to) ?:
	       listener_open(&listener, port, NULL);
}

static void __exit relay_exit(void)
{
	struct session *s;

	ksock_close(listener.sock);
	while ((s = session_take(NULL)))
		session_close(s, true);
	/* Those that a callback ends; ksocket waits for its return. */
	wait_var_event(&alive, !atomic_read(&alive));
}

module_init(relay_init);
module_exit(relay_exit);

MODULE_DESCRIPTION("Example of ksockets in pairs: a relay of TCP streams");
MODULE_LICENSE("GPL");
