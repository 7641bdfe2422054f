// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn: sockets with callbacks, opened, flooded and closed, over and over
 *
 * Each worker has a CPU, and a mate on the next one who makes what blocks or
 * floods at the same time. What a cycle does is drawn from a seed, though not
 * in which order the CPUs come to move.
 *
 * What callbacks are told is an ear, one for each registration: poisoned and
 * freed as soon as the registration has ended. So a callback that comes too
 * late is seen here, or by KASAN. Everything else that must not be is counted
 * by kind, and the first of each kind told in the log.
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/un.h>
#include <asm/ioctls.h>
#include <net/net_namespace.h>

#include <ksocket/ksocket.h>

#define WORKERS_MAX	8
#define CHUNK		2048
#define BOUND		(60 * HZ)	/* an event that hasn't come is lost */
#define ASLEEP_BOUND	(HZ / 2)
#define STAY		50		/* us */

static ulong cycles = 1000;
module_param(cycles, ulong, 0444);
MODULE_PARM_DESC(cycles, "how many, of all workers");

static uint seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "what is drawn");

static uint workers = 2;
module_param(workers, uint, 0444);
MODULE_PARM_DESC(workers, "how many threads, 8 at most, each with a mate");

/* What can be heard */
enum kind {
	CONNECTED, NEWCONN, RECV, RECV_END, XMIT, XMIT_END, DISCONNECTED,
	EXCEPTION, KINDS
};

static const char * const kind_names[] = {
	"connected", "newconn", "recv", "recv_end", "xmit", "xmit_end",
	"disconnected", "exception",
};

#define ONCE	(BIT(CONNECTED) | BIT(RECV_END) | BIT(XMIT_END) | \
		 BIT(DISCONNECTED))

/* What must not be */
enum wrong {
	LATE,		/* a callback after its registration had ended */
	OVERLAP,	/* two callbacks of a socket at once */
	TWICE,		/* what is told once, told again */
	AFTER_END,	/* anything after disconnected, data after its end */
	STRANGER,	/* an event that this socket can't have */
	MISSING,	/* no event, though it happened */
	REFUSED,	/* an error where there is no reason for one */
	WRONGS
};

static const char * const wrong_names[] = {
	"late", "overlap", "twice", "after_end", "stranger", "missing",
	"refused",
};

/* How a cycle ends */
enum ending {
	END_CLOSE,	/* while the peer sends, and callbacks run */
	END_CALLBACK,	/* by a deferred callback of its own */
	END_RECV,	/* while another thread is blocked in a receive */
	END_SEND,	/* likewise */
	END_REREGISTER,	/* after other callbacks were registered meanwhile */
	END_RESET,	/* by the peer */
	END_ACCEPT,	/* while another thread is blocked in an accept */
	END_CONNECT,	/* or in a connect */
	END_UNACCEPTED,	/* the listener is closed, with it who waits there */
	END_RACE,	/* the listener is closed as someone connects */
	ENDINGS
};

/* Those that make sense without a listener come first. */
#define DGRAM_ENDINGS	END_RESET

static const char * const ending_names[] = {
	"close", "callback", "recv", "send", "reregister", "reset", "accept",
	"connect", "unaccepted", "race",
};

enum mode {
	DEAF, DIRECT, DEFERRED, MODES
};

struct cycle;

#define EAR_ALIVE	0x0a11fe00
#define EAR_DEAD	0xdeadea12

/* The argument of one registration's callbacks */
struct ear {
	u32		state;
	u32		told;	/* bits by kind; the callbacks' alone */
	unsigned int	calls;	/* likewise */
	atomic_t	inside;
	bool		deferred;
	struct end	*end;
};

/* A socket, and what was heard of it; held until the cycle is over */
struct end {
	ksocket_t		s;
	struct cycle		*cycle;
	struct ear		*ear;
	unsigned long		state;
	atomic_t		heard;	/* bits by kind */
	struct completion	closed;
	bool			listens;
	bool			active;	/* it connects, or is a datagram one */
	bool			accepts;	/* in its callback */
	bool			quiet;	/* its callbacks don't receive */
	bool			closes;	/* in its next callback */
	unsigned int		words;	/* that its callbacks still send back */
	u8			scratch[256];	/* its callbacks' */
};

#define CLOSING	0	/* of end.state: by whoever has set it */

struct name {
	struct sockaddr_storage	addr;
	socklen_t		len;
};

struct worker {
	unsigned int		index;
	struct task_struct	*task;
	struct kthread_worker	*mate;
	wait_queue_head_t	told;
	unsigned long		count;	/* of its cycles */
	const char		*step;
	u8			own[CHUNK];
	u8			mates[CHUNK];
};

struct cycle {
	struct worker		*worker;
	struct rnd_state	dice;
	int			family;
	int			type;
	enum ending		ending;
	struct end		listener;
	struct end		client;
	struct end		server;
	struct end		*first;		/* who closes */
	struct end		*second;
	struct name		name;
	struct kthread_work	job;
	void			(*run)(struct cycle *c);
	bool			small;		/* buffers */
	bool			entered;	/* the mate is, or was, in its call */
	bool			stop;		/* the mate should */
};

static struct worker crew[WORKERS_MAX];
static struct net *net;
static atomic_long_t done;
static atomic_long_t ended[ENDINGS];
static atomic_long_t events[KINDS];
static atomic_long_t wrongs[WRONGS];
static u8 pattern[CHUNK];

/* --- what is wrong */

static void wrong(const struct cycle *c, enum wrong what, int detail)
{
	if (atomic_long_inc_return(&wrongs[what]) != 1)
		return;
	if (c)
		pr_err("violation: %s (%d): %s, family %d, type %d, cycle %lu of worker %u, seed %u\n",
		       wrong_names[what], detail, ending_names[c->ending],
		       c->family, c->type, c->worker->count, c->worker->index,
		       seed);
	else
		pr_err("violation: %s\n", wrong_names[what]);
}

static bool expect_done(const struct cycle *c, int err)
{
	if (err)
		wrong(c, REFUSED, err);
	return !err;
}

static unsigned int draw(struct cycle *c, unsigned int below)
{
	return prandom_u32_state(&c->dice) % below;
}

/* --- callbacks */

static bool may_hear(const struct end *e, enum kind kind)
{
	if (e->listens)
		return kind == NEWCONN;
	return kind != NEWCONN && (kind != CONNECTED || e->active);
}

/* Return: whose ear it is, or NULL for one that should be deaf. */
static struct end *hear(ksocket_t s, struct ear *ear, enum kind kind)
{
	struct end *e;

	if (READ_ONCE(ear->state) != EAR_ALIVE) {
		wrong(NULL, LATE, kind);
		return NULL;
	}
	e = ear->end;
	if (atomic_inc_return(&ear->inside) != 1)
		wrong(e->cycle, OVERLAP, kind);
	if (s != e->s || !may_hear(e, kind))
		wrong(e->cycle, STRANGER, kind);
	if (ear->told & ONCE & BIT(kind))
		wrong(e->cycle, TWICE, kind);
	if (ear->told & BIT(DISCONNECTED) ||
	    (ear->told & BIT(RECV_END) && kind == RECV) ||
	    (ear->told & BIT(XMIT_END) && kind == XMIT))
		wrong(e->cycle, AFTER_END, kind);
	ear->told |= BIT(kind);
	atomic_long_inc(&events[kind]);
	atomic_or(BIT(kind), &e->heard);
	wake_up(&e->cycle->worker->told);
	return e;
}

static void ear_free(struct ear *ear)
{
	if (!ear)
		return;
	WRITE_ONCE(ear->state, EAR_DEAD);
	kfree(ear);
}

/* By a callback of its own, or by the worker: once. */
static void end_close(struct end *e)
{
	if (!e->s)
		return;
	if (test_and_set_bit(CLOSING, &e->state)) {
		wait_for_completion(&e->closed);
		return;
	}
	expect_done(e->cycle, ksock_close(e->s));
	ear_free(e->ear);
	WRITE_ONCE(e->ear, NULL);
	complete_all(&e->closed);
}

static void end_open(struct cycle *c, struct end *e, ksocket_t s)
{
	ksock_hold(s);
	e->cycle = c;
	e->words = 4;
	init_completion(&e->closed);
	/* For the worker, when a callback has accepted. */
	smp_store_release(&e->s, s);
}

static bool end_is_open(struct end *e)
{
	/* Pairs with end_open(). */
	return smp_load_acquire(&e->s);
}

static void accept_all(struct end *e)
{
	struct end *server = &e->cycle->server;
	ksocket_t s;

	while (!ksock_accept(e->s, &s, NULL, NULL)) {
		if (server->s)
			expect_done(e->cycle, ksock_close(s));
		else
			end_open(e->cycle, server, s);
	}
	wake_up(&e->cycle->worker->told);
}

/* A flood that goes on doesn't keep who drains. */
static void drain(struct end *e, u8 *buf, size_t size)
{
	unsigned int n = 0;
	size_t got;

	while (!ksock_recv(e->s, buf, size, MSG_DONTWAIT, &got) && got &&
	       ++n < 64)
		;
}

/* What a deferred callback does, beside counting */
static void act(struct end *e, enum kind kind)
{
	size_t sent;

	switch (kind) {
	case NEWCONN:
		if (e->accepts)
			accept_all(e);
		break;
	case RECV:
		if (e->quiet)
			break;
		drain(e, e->scratch, sizeof(e->scratch));
		if (e->words) {
			e->words--;
			ksock_send(e->s, pattern, 1, MSG_DONTWAIT, &sent);
		}
		break;
	case XMIT:
		ksock_send(e->s, pattern, 100, MSG_DONTWAIT, &sent);
		break;
	default:
		break;
	}
}

/* Now and then, so that a close meets it */
static void stay(struct ear *ear)
{
	if (ear->calls++ % 4)
		return;
	if (ear->deferred)
		usleep_range(STAY, 2 * STAY);
	else
		udelay(STAY);
}

/* All that a direct callback may call */
static void act_direct(struct end *e)
{
	ksock_hold(e->s);
	ksock_rele(e->s);
}

static void tell(ksocket_t s, struct ear *ear, enum kind kind)
{
	struct end *e = hear(s, ear, kind);

	if (!e)
		return;
	if (ear->deferred && READ_ONCE(e->closes)) {
		/* Frees the ear; the worker may free the end. */
		end_close(e);
		return;
	}
	stay(ear);
	if (ear->deferred)
		act(e, kind);
	else
		act_direct(e);
	/* Whoever ends a registration waits for us. */
	if (READ_ONCE(ear->state) != EAR_ALIVE)
		wrong(NULL, LATE, kind);
	else
		atomic_dec(&ear->inside);
}

static void tell_connected(ksocket_t s, void *arg)
{
	tell(s, arg, CONNECTED);
}

static void tell_disconnected(ksocket_t s, void *arg, int reason)
{
	tell(s, arg, DISCONNECTED);
}

static void tell_newconn(ksocket_t s, void *arg)
{
	tell(s, arg, NEWCONN);
}

static void tell_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	tell(s, arg, msglen ? RECV : RECV_END);
}

static void tell_xmit(ksocket_t s, void *arg, ssize_t freebuf)
{
	tell(s, arg, freebuf ? XMIT : XMIT_END);
}

static void tell_exception(ksocket_t s, void *arg, u32 event)
{
	tell(s, arg, EXCEPTION);
}

/* --- sockets */

/* Replaces what was registered; an end that is being closed stays as it is. */
static void end_register(struct end *e, enum mode mode)
{
	ksock_callbacks_t cb = {
		tell_connected, tell_disconnected, tell_newconn, tell_recv,
		tell_xmit, tell_exception,
		mode == DEFERRED ? KSOCK_CB_DEFERRED : 0,
	};
	struct ear *old = e->ear, *ear = NULL;

	if (mode != DEAF) {
		ear = kzalloc(sizeof(*ear), GFP_KERNEL);
		if (!ear)
			return;
		ear->end = e;
		ear->deferred = mode == DEFERRED;
		WRITE_ONCE(ear->state, EAR_ALIVE);
	}
	WRITE_ONCE(e->ear, ear);
	expect_done(e->cycle, ksock_callbacks(e->s, ear ? &cb : NULL, ear));
	ear_free(old);
}

static void end_set_int(struct end *e, int level, int option, int val)
{
	expect_done(e->cycle,
		    ksock_setsockopt(e->s, level, option, &val, sizeof(val)));
}

static void end_set_nonblock(struct end *e)
{
	int on = 1;

	expect_done(e->cycle, ksock_ioctl(e->s, FIONBIO, (intptr_t)&on));
}

/* Also so that a hundred thousand cycles don't fill the ports by TIME_WAIT */
static void end_set_reset(struct end *e)
{
	struct linger now = { .l_onoff = 1 };

	if (e->s)
		ksock_setsockopt(e->s, SOL_SOCKET, SO_LINGER, &now,
				 sizeof(now));
}

/* As little as there can be, so that senders block soon */
static void end_set_small(struct end *e)
{
	end_set_int(e, SOL_SOCKET, SO_SNDBUF, 1);
	end_set_int(e, SOL_SOCKET, SO_RCVBUF, 1);
}

static bool end_create(struct cycle *c, struct end *e)
{
	ksocket_t s;

	if (!expect_done(c, ksock_socket_net(&s, c->family, c->type, 0, net,
					     0)))
		return false;
	end_open(c, e, s);
	return true;
}

/* A port of its own; by the worker's own address, so that there are more. */
static bool end_bind(struct end *e, struct name *name)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&name->addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&name->addr;
	struct cycle *c = e->cycle;

	memset(name, 0, sizeof(*name));
	name->addr.ss_family = c->family;
	if (c->family == AF_INET) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK +
					    (c->worker->index << 8));
		name->len = sizeof(*in);
	} else if (c->family == AF_INET6) {
		in6->sin6_addr = in6addr_loopback;
		name->len = sizeof(*in6);
	} else {
		name->len = sizeof(sa_family_t);
	}
	if (!expect_done(c, ksock_bind(e->s, (struct sockaddr *)&name->addr,
				       name->len)))
		return false;
	name->len = sizeof(name->addr);
	return expect_done(c, ksock_getsockname(e->s,
						(struct sockaddr *)&name->addr,
						&name->len));
}

static int end_connect(struct end *e, const struct name *name)
{
	e->active = true;
	return ksock_connect(e->s, (const struct sockaddr *)&name->addr,
			     name->len);
}

/* One that has an ear hears it; otherwise there is nothing to wait for. */
static void expect_heard(struct end *e, u32 kinds)
{
	struct cycle *c = e->cycle;

	c->worker->step = "an event";
	if (!wait_event_timeout(c->worker->told,
				!READ_ONCE(e->ear) ||
				atomic_read(&e->heard) & kinds, BOUND))
		wrong(c, MISSING, kinds);
}

/* --- the mate */

static void mate_run(struct kthread_work *job)
{
	struct cycle *c = container_of(job, struct cycle, job);

	c->run(c);
}

static void mate_start(struct cycle *c, void (*run)(struct cycle *c))
{
	c->run = run;
	kthread_queue_work(c->worker->mate, &c->job);
}

static void mate_join(struct cycle *c)
{
	c->worker->step = "the mate";
	WRITE_ONCE(c->stop, true);
	kthread_flush_work(&c->job);
}

/* Mostly until the mate sleeps in its call; races begin before. */
static void mate_settle(struct cycle *c)
{
	unsigned long end = jiffies + ASLEEP_BOUND;

	if (!draw(c, 3))
		return;
	c->worker->step = "the mate to sleep";
	while (time_before(jiffies, end) &&
	       !(READ_ONCE(c->entered) &&
		 READ_ONCE(c->worker->mate->task->__state) &
		 TASK_INTERRUPTIBLE))
		usleep_range(500, 1000);
}

/* Send and receive by turns, until told to stop, or the end. */
static void flood(struct cycle *c, struct end *e, u8 *buf, unsigned int rounds,
		  size_t size)
{
	size_t sent;
	int err = 0;

	while (rounds-- && !READ_ONCE(c->stop) && (!err || err == -EAGAIN)) {
		err = ksock_send(e->s, pattern, size, MSG_DONTWAIT, &sent);
		if (!e->quiet)
			drain(e, buf, CHUNK);
		cond_resched();
	}
}

static void mate_floods(struct cycle *c)
{
	WRITE_ONCE(c->entered, true);
	flood(c, c->second, c->worker->mates, 64, 512);
}

static void mate_receives(struct cycle *c)
{
	size_t got;

	WRITE_ONCE(c->entered, true);
	while (!ksock_recv(c->first->s, c->worker->mates, CHUNK, 0, &got) &&
	       got)
		;
}

static void mate_sends(struct cycle *c)
{
	size_t sent;

	WRITE_ONCE(c->entered, true);
	while (!ksock_send(c->first->s, pattern, CHUNK, 0, &sent))
		;
}

static void mate_accepts(struct cycle *c)
{
	ksocket_t s;

	WRITE_ONCE(c->entered, true);
	while (!ksock_accept(c->listener.s, &s, NULL, NULL))
		expect_done(c, ksock_close(s));
}

/* The server's end is another client here. */
static void mate_connects(struct cycle *c)
{
	WRITE_ONCE(c->entered, true);
	end_connect(&c->server, &c->name);
}

static void mate_connects_client(struct cycle *c)
{
	WRITE_ONCE(c->entered, true);
	end_connect(&c->client, &c->name);
}

/* --- the beginnings */

static enum mode draw_mode(struct cycle *c)
{
	return draw(c, 8) ? DIRECT + draw(c, 2) : DEAF;
}

static void draw_register(struct cycle *c, struct end *e)
{
	end_register(e, c->ending == END_CALLBACK && e == c->first ?
			DEFERRED : draw_mode(c));
}

static bool listener_begin(struct cycle *c, int backlog)
{
	struct end *e = &c->listener;
	enum mode mode = draw_mode(c);

	if (!end_create(c, e))
		return false;
	e->listens = true;
	e->accepts = mode == DEFERRED && c->ending <= END_RESET;
	if (c->small)
		end_set_small(e);
	if (e->accepts)
		end_set_nonblock(e);
	if (!end_bind(e, &c->name))
		return false;
	if (draw(c, 2)) {
		end_register(e, mode);
		return expect_done(c, ksock_listen(e->s, backlog));
	}
	if (!expect_done(c, ksock_listen(e->s, backlog)))
		return false;
	end_register(e, mode);
	return true;
}

static bool client_begin(struct cycle *c)
{
	struct end *e = &c->client;
	bool late = draw(c, 3) == 0;
	int err;

	if (!end_create(c, e))
		return false;
	if (c->small)
		end_set_small(e);
	if (draw(c, 2))
		end_set_nonblock(e);
	if (!late)
		draw_register(c, e);
	c->worker->step = "connect";
	err = end_connect(e, &c->name);
	if (err != -EINPROGRESS && !expect_done(c, err))
		return false;
	if (late)
		draw_register(c, e);
	if (err || !late)
		expect_heard(e, BIT(CONNECTED) | BIT(DISCONNECTED));
	return true;
}

static bool server_begin(struct cycle *c)
{
	struct end *listener = &c->listener, *e = &c->server;
	ksocket_t s;

	c->worker->step = "accept";
	if (listener->accepts) {
		if (!wait_event_timeout(c->worker->told, end_is_open(e),
					BOUND)) {
			wrong(c, MISSING, BIT(NEWCONN));
			return false;
		}
	} else {
		expect_heard(listener, BIT(NEWCONN));
		if (!expect_done(c, ksock_accept(listener->s, &s, NULL, NULL)))
			return false;
		end_open(c, e, s);
	}
	draw_register(c, e);
	if (draw(c, 2))
		end_close(listener);
	return true;
}

static bool stream_begin(struct cycle *c)
{
	return listener_begin(c, 4) && client_begin(c) && server_begin(c);
}

/* Two who know each other */
static bool dgram_begin(struct cycle *c)
{
	struct end *one = &c->client, *other = &c->server;
	struct name name;

	if (!end_create(c, one) || !end_create(c, other) ||
	    !end_bind(one, &c->name) || !end_bind(other, &name))
		return false;
	if (c->ending == END_SEND) {
		end_set_small(one);
		end_set_small(other);
	}
	if (draw(c, 2))
		draw_register(c, one);
	if (!expect_done(c, end_connect(one, &name)) ||
	    !expect_done(c, end_connect(other, &c->name)))
		return false;
	if (!one->ear)
		draw_register(c, one);
	draw_register(c, other);
	return true;
}

/* --- the endings */

static void worker_floods(struct cycle *c, struct end *e)
{
	c->worker->step = "flood";
	flood(c, e, c->worker->own, 1 + draw(c, 8),
	      c->small ? CHUNK : 1 << draw(c, 12));
}

static void close_flooded(struct cycle *c)
{
	mate_start(c, mate_floods);
	worker_floods(c, c->first);
	c->worker->step = "close";
	end_close(c->first);
	mate_join(c);
}

/* Whatever is lost on the way, something arrives. */
static void close_by_callback(struct cycle *c)
{
	unsigned long end = jiffies + BOUND;
	size_t sent;

	mate_start(c, mate_floods);
	worker_floods(c, c->first);
	WRITE_ONCE(c->first->closes, true);
	c->worker->step = "a callback to close";
	do {
		ksock_send(c->second->s, pattern, 1, MSG_DONTWAIT, &sent);
	} while (!wait_for_completion_timeout(&c->first->closed, HZ / 10) &&
		 time_before(jiffies, end));
	if (!test_bit(CLOSING, &c->first->state))
		wrong(c, MISSING, BIT(RECV));
	mate_join(c);
}

static void close_below_recv(struct cycle *c)
{
	mate_start(c, mate_receives);
	worker_floods(c, c->second);
	mate_settle(c);
	c->worker->step = "close";
	end_close(c->first);
	mate_join(c);
}

static void close_below_send(struct cycle *c)
{
	mate_start(c, mate_sends);
	/* UDP drops what doesn't fit. */
	if (c->type == SOCK_STREAM || c->family == AF_UNIX)
		mate_settle(c);
	c->worker->step = "close";
	end_close(c->first);
	mate_join(c);
}

static void close_reregistered(struct cycle *c)
{
	unsigned int rounds = 1 + draw(c, 3);

	mate_start(c, mate_floods);
	while (rounds--) {
		worker_floods(c, c->first);
		c->worker->step = "register";
		if (draw(c, 2))
			end_register(c->first, DEAF);
		end_register(c->first, draw_mode(c));
	}
	c->worker->step = "close";
	end_close(c->first);
	mate_join(c);
}

static void close_by_reset(struct cycle *c)
{
	mate_start(c, mate_floods);
	worker_floods(c, c->first);
	end_set_reset(c->first);
	c->worker->step = "close";
	end_close(c->first);
	expect_heard(c->second, BIT(DISCONNECTED));
	mate_join(c);
}

static void close_below_accept(struct cycle *c)
{
	if (!listener_begin(c, 4))
		return;
	mate_start(c, mate_accepts);
	if (draw(c, 2))
		client_begin(c);
	mate_settle(c);
	c->worker->step = "close";
	end_close(&c->listener);
	mate_join(c);
}

/* One connection fills the listener's queue, so the next one waits. */
static void close_below_connect(struct cycle *c)
{
	if (!listener_begin(c, 0) || !client_begin(c) ||
	    !end_create(c, &c->server))
		return;
	end_register(&c->server, draw_mode(c));
	mate_start(c, mate_connects);
	mate_settle(c);
	c->worker->step = "close";
	end_close(&c->server);
	mate_join(c);
}

static void close_unaccepted(struct cycle *c)
{
	if (!listener_begin(c, 4) || !client_begin(c))
		return;
	worker_floods(c, &c->client);
	c->worker->step = "close";
	end_close(&c->listener);
	expect_heard(&c->client, BIT(DISCONNECTED));
}

static void close_racing(struct cycle *c)
{
	if (!listener_begin(c, 4) || !end_create(c, &c->client))
		return;
	end_register(&c->client, draw_mode(c));
	mate_start(c, mate_connects_client);
	if (draw(c, 2))
		mate_settle(c);
	c->worker->step = "close";
	end_close(&c->listener);
	end_close(&c->client);
	mate_join(c);
}

static void (* const endings[])(struct cycle *c) = {
	close_flooded, close_by_callback, close_below_recv, close_below_send,
	close_reregistered, close_by_reset, close_below_accept,
	close_below_connect, close_unaccepted, close_racing,
};

/* --- cycles */

static void cycle_draw(struct cycle *c)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
	bool swap;

	prandom_seed_state(&c->dice, ((u64)seed << 32) + (c->worker->count *
			   WORKERS_MAX + c->worker->index) * 2654435761U);
	c->family = families[draw(c, 3)];
	c->type = draw(c, 4) ? SOCK_STREAM : SOCK_DGRAM;
	c->ending = draw(c, c->type == SOCK_DGRAM ? DGRAM_ENDINGS : ENDINGS);
	c->small = c->ending == END_SEND || !draw(c, 4);
	swap = draw(c, 2);
	c->first = swap ? &c->server : &c->client;
	c->second = swap ? &c->client : &c->server;
	c->second->quiet = c->ending == END_SEND;
}

static void cycle_close(struct cycle *c)
{
	struct end *all[] = { &c->client, &c->server, &c->listener };
	bool gently = !draw(c, 8);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (!gently && c->family != AF_UNIX)
			end_set_reset(all[i]);
		end_close(all[i]);
	}
	for (i = 0; i < ARRAY_SIZE(all); i++)
		ksock_rele(all[i]->s);
}

static void cycle_run(struct worker *w)
{
	struct cycle *c = kzalloc(sizeof(*c), GFP_KERNEL);
	bool begun = true;

	if (!c) {
		wrong(NULL, REFUSED, -ENOMEM);
		return;
	}
	c->worker = w;
	kthread_init_work(&c->job, mate_run);
	cycle_draw(c);
	if (c->type == SOCK_DGRAM)
		begun = dgram_begin(c);
	else if (c->ending <= END_RESET)
		begun = stream_begin(c);
	if (begun)
		endings[c->ending](c);
	w->step = "the last close";
	cycle_close(c);
	atomic_long_inc(&ended[c->ending]);
	kfree(c);
}

static int worker_main(void *data)
{
	struct worker *w = data;

	while (!kthread_should_stop()) {
		if (atomic_long_inc_return(&done) > cycles) {
			atomic_long_dec(&done);
			break;
		}
		cycle_run(w);
		w->count++;
	}
	w->step = "nothing";
	/* Its task is looked at until it is stopped. */
	while (!kthread_should_stop()) {
		set_current_state(TASK_IDLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* --- how far it is */

static int names_show(char *buf, int at, const char *what,
		      const char * const *names, atomic_long_t *counts,
		      unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		at += sysfs_emit_at(buf, at, "%s %s %ld\n", what, names[i],
				    atomic_long_read(&counts[i]));
	return at;
}

static int report_show(char *buf, const struct kernel_param *kp)
{
	unsigned int i;
	int at = 0;

	at = names_show(buf, at, "ended", ending_names, ended, ENDINGS);
	at = names_show(buf, at, "event", kind_names, events, KINDS);
	at = names_show(buf, at, "violation", wrong_names, wrongs, WRONGS);
	for (i = 0; i < workers; i++)
		at += sysfs_emit_at(buf, at, "worker %u %lu %s\n", i,
				    READ_ONCE(crew[i].count),
				    READ_ONCE(crew[i].step));
	return at;
}

static const struct kernel_param_ops report_ops = {
	.get = report_show,
};

module_param_cb(report, &report_ops, NULL, 0444);
MODULE_PARM_DESC(report, "what has ended, was heard, and was wrong");

/* --- coming and going */

static unsigned int nth_cpu(unsigned int n)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);

	for (n %= num_online_cpus(); n; n--)
		cpu = cpumask_next(cpu, cpu_online_mask);
	return cpu;
}

static int worker_start(struct worker *w, unsigned int index)
{
	w->index = index;
	w->step = "nothing";
	init_waitqueue_head(&w->told);
	w->mate = kthread_create_worker_on_cpu(nth_cpu(index + 1), 0,
					       "churn-mate/%u", index);
	if (IS_ERR(w->mate))
		return PTR_ERR(w->mate);
	w->task = kthread_create(worker_main, w, "churn/%u", index);
	if (IS_ERR(w->task)) {
		kthread_destroy_worker(w->mate);
		return PTR_ERR(w->task);
	}
	kthread_bind(w->task, nth_cpu(index));
	get_task_struct(w->task);
	wake_up_process(w->task);
	return 0;
}

static void workers_stop(unsigned int n)
{
	while (n--) {
		kthread_stop(crew[n].task);
		put_task_struct(crew[n].task);
		kthread_destroy_worker(crew[n].mate);
	}
}

static int __init churn_init(void)
{
	unsigned int i;
	int err;

	if (!workers || workers > WORKERS_MAX)
		return -EINVAL;
	net = get_net(ksock_current_net());
	for (i = 0; i < workers; i++) {
		err = worker_start(&crew[i], i);
		if (err)
			goto stop;
	}
	return 0;

stop:
	workers_stop(i);
	put_net(net);
	return err;
}

static void __exit churn_exit(void)
{
	workers_stop(workers);
	put_net(net);
}

module_init(churn_init);
module_exit(churn_exit);

MODULE_DESCRIPTION("Sockets opened, flooded and closed, over and over");
MODULE_LICENSE("GPL");
