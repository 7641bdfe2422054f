// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering callbacks, and telling them
 *
 * A hook decides, below the lock, what is to be told, and adds it to what is
 * pending. Whoever finds nobody telling takes that on: a direct callback is run
 * at once, a deferred one by a worker. All others leave theirs to the one who
 * tells. So the callbacks of a socket never overlap, none is lost, and what
 * piles up meanwhile is told once.
 */
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <net/af_unix.h>
#include <ksocket/family.h>

#include "core.h"
#include "trace.h"

/* Batches that a direct teller takes on from others, before a worker has to. */
#define KSOCK_TELL_ROUNDS	8

DEFINE_PER_CPU(struct ksock_events *, ksock_direct);
EXPORT_SYMBOL_IF_KUNIT(ksock_direct);

struct workqueue_struct *ksock_wq;
static struct kmem_cache *ksock_events_cache;

/*
 * What one teller was given, the callbacks as they were registered then; and
 * what it left untold, as they no longer are
 */
struct ksock_telling {
	struct ksock_batch	batch;
	u32			left;
	ksock_callbacks_t	cb;
	void			*arg;
	unsigned int		generation;
};

/* Room that was found, and then not told, is told by the next chance. */
static void ksock_owe(struct ksock_events *ev)
{
	lockdep_assert_held(&ev->lock);
	if (ev->pending.events & BIT(KSOCK_EV_XMIT))
		return;
	ev->pending.events |= BIT(KSOCK_EV_XMIT);
	ev->pending.space = 1;
}

static bool ksock_is_deferred(const struct ksock_events *ev)
{
	return ev->cb.flags & KSOCK_CB_DEFERRED;
}

/* Take what is pending; or, when nothing is, stop being the one who tells. */
static bool ksock_take(struct ksock_events *ev, struct ksock_telling *t)
{
	lockdep_assert_held(&ev->lock);
	if (t->left & BIT(KSOCK_EV_XMIT)) {
		if (ev->on)
			ksock_owe(ev);
		else
			ev->owed = true;
	}
	t->left = 0;
	if (!ev->on || !ev->pending.events) {
		ev->busy = false;
		ev->telling_for = NULL;
		WRITE_ONCE(ev->teller, NULL);
		wake_up_all(&ev->idle);
		return false;
	}
	ev->telling_for = ev->owner;
	t->batch = ev->pending;
	t->cb = ev->cb;
	t->arg = ev->arg;
	t->generation = ev->generation;
	ev->pending.events = 0;
	return true;
}

static void ksock_call(struct ksocket *s, enum ksock_event event,
		       const struct ksock_telling *t)
{
	ssize_t value = ksock_batch_value(&t->batch, event);
	const ksock_callbacks_t *cb = &t->cb;

	switch (event) {
	case KSOCK_EV_CONNECTED:
		if (cb->connected)
			cb->connected(s, t->arg);
		break;
	case KSOCK_EV_NEWCONN:
		if (cb->newconn)
			cb->newconn(s, t->arg);
		break;
	case KSOCK_EV_URGENT:
	case KSOCK_EV_ERRQUEUE:
		if (cb->exception)
			cb->exception(s, t->arg, value);
		break;
	case KSOCK_EV_RECV:
	case KSOCK_EV_RECV_END:
		if (cb->recv)
			cb->recv(s, t->arg, value);
		break;
	case KSOCK_EV_XMIT:
	case KSOCK_EV_XMIT_END:
		if (cb->xmit)
			cb->xmit(s, t->arg, value);
		break;
	case KSOCK_EV_DISCONNECTED:
		if (cb->disconnected)
			cb->disconnected(s, t->arg, value);
		break;
	default:
		break;
	}
}

/* A callback may end its own registration: nothing follows it then. */
static void ksock_tell(struct ksock_events *ev, struct ksock_telling *t)
{
	u64 begin, end = local_clock();
	enum ksock_event event;

	for (event = 0; event < KSOCK_EVENTS; event++) {
		if (!(t->batch.events & BIT(event)))
			continue;
		if (READ_ONCE(ev->generation) != t->generation) {
			t->left = t->batch.events & ~(BIT(event) - 1);
			return;
		}
		begin = end;
		trace_ksock_event(ev->s, event, &t->batch);
		ksock_call(ev->s, event, t);
		end = local_clock();
		WRITE_ONCE(ev->runs[event], ev->runs[event] + 1);
		if (end - begin > ev->longest)
			WRITE_ONCE(ev->longest, end - begin);
	}
}

static void ksock_tell_direct(struct ksock_events *ev, struct ksock_telling *t)
{
	struct ksock_events *outer;

	local_bh_disable();
	/* What one callback does may make another socket's event happen. */
	outer = this_cpu_read(ksock_direct);
	this_cpu_write(ksock_direct, ev);
	ksock_tell(ev, t);
	this_cpu_write(ksock_direct, outer);
	local_bh_enable();
}

/* TCP's FIN is counted and noted in two steps, below its lock. */
static ssize_t ksock_readable_now(const struct ksock_events *ev,
				  struct sock *sk)
{
	bool lock = sk_is_tcp(sk);
	ssize_t readable;

	if (lock)
		lock_sock(sk);
	readable = ksock_look_readable(ev, sk);
	if (lock)
		release_sock(sk);
	return readable;
}

/* Levels as they are now, not as they were when the worker was queued. */
static void ksock_refresh(struct ksock_events *ev, struct ksock_telling *t)
{
	struct ksock_batch *batch = &t->batch;
	struct ksock_call call;

	if (!(batch->events & BIT(KSOCK_EV_RECV)) || ksock_enter(ev->s, &call))
		return;
	batch->readable = ksock_readable_now(ev, ev->s->sock->sk);
	if (!batch->readable)
		batch->events &= ~BIT(KSOCK_EV_RECV);
	ksock_leave(ev->s, &call);
}

static void ksock_tell_deferred(struct ksock_events *ev,
				struct ksock_telling *t)
{
	if (!(t->cb.flags & KSOCK_CB_DEFERRED)) {
		ksock_tell_direct(ev, t);
		return;
	}
	ksock_refresh(ev, t);
	ksock_tell(ev, t);
}

static void ksock_work(struct work_struct *work)
{
	struct ksock_events *ev = container_of(work, struct ksock_events, work);
	struct ksock_telling t = { .left = 0 };

	spin_lock_irq(&ev->lock);
	WRITE_ONCE(ev->teller, current);
	while (ksock_take(ev, &t)) {
		spin_unlock_irq(&ev->lock);
		ksock_tell_deferred(ev, &t);
		cond_resched();
		spin_lock_irq(&ev->lock);
	}
	spin_unlock_irq(&ev->lock);
	if (ev->parting)
		ksock_forget(ev->s);
	/* The queue's, see ksock_queue(). */
	ksock_rele(ev->s);
}

/* The handle stays, and the events with it, until the worker is done. */
static void ksock_queue(struct ksock_events *ev)
{
	lockdep_assert_held(&ev->lock);
	if (refcount_inc_not_zero(&ev->s->refs))
		queue_work(ksock_wq, &ev->work);
	else
		ev->busy = false;
}

/*
 * Direct callbacks, by whoever the event came to; so as not to be kept for good
 * by a flood that comes to other CPUs, it hands over at some time.
 */
static void ksock_run(struct ksock_events *ev)
{
	struct ksock_telling t = { .left = 0 };
	unsigned int round = 0;
	unsigned long flags;

	spin_lock_irqsave(&ev->lock, flags);
	while (ksock_take(ev, &t)) {
		spin_unlock_irqrestore(&ev->lock, flags);
		ksock_tell_direct(ev, &t);
		spin_lock_irqsave(&ev->lock, flags);
		if (++round == KSOCK_TELL_ROUNDS || ksock_is_deferred(ev)) {
			ksock_queue(ev);
			break;
		}
	}
	spin_unlock_irqrestore(&ev->lock, flags);
}

static void ksock_add(struct ksock_events *ev, struct net *net, u32 events,
		      const struct ksock_seen *seen)
{
	struct ksock_batch *pending = &ev->pending;
	u32 again = pending->events & events;

	lockdep_assert_held(&ev->lock);
	ksock_count_events(net, events, hweight32(again));
	WRITE_ONCE(ev->coalesced, ev->coalesced + hweight32(again));
	pending->events |= events;
	if (events & BIT(KSOCK_EV_RECV))
		pending->readable = seen->readable;
	if (events & BIT(KSOCK_EV_XMIT))
		pending->space = seen->space;
	if (events & BIT(KSOCK_EV_DISCONNECTED))
		pending->reason = seen->reason;
}

/**
 * ksock_happened() - something may have happened on a socket
 * @ev: its events
 * @sk: sock
 * @causes: what, KSOCK_ARRIVED and so on
 *
 * Direct callbacks are run here, unless interrupts are disabled.
 *
 * Context: Any.
 */
void ksock_happened(struct ksock_events *ev, struct sock *sk,
		    unsigned int causes)
{
	struct ksock_seen seen;
	unsigned long flags;
	bool run = false;

	if (!READ_ONCE(ev->on))
		return;
	ksock_look(ev, sk, causes, &seen);
	spin_lock_irqsave(&ev->lock, flags);
	if (!ev->on)
		goto unlock;
	ksock_add(ev, sock_net(sk), ksock_decide(&seen, &ev->told), &seen);
	if (!ev->pending.events || ev->busy)
		goto unlock;
	ev->busy = true;
	run = !ksock_is_deferred(ev) && !irqs_disabled_flags(flags);
	if (!run)
		ksock_queue(ev);
unlock:
	spin_unlock_irqrestore(&ev->lock, flags);
	if (run)
		ksock_run(ev);
}

/* Below a call on the handle: look, with TCP's lock as its hooks have it. */
static void ksock_look_now(struct ksock_events *ev, struct sock *sk,
			   unsigned int causes)
{
	bool lock = sk_is_tcp(sk);

	if (lock)
		lock_sock(sk);
	ksock_happened(ev, sk, causes);
	if (lock)
		release_sock(sk);
}

/* Nothing is told from here on; who tells just now goes on to the next. */
static void ksock_mute(struct ksock_events *ev)
{
	bool cancelled;

	spin_lock_irq(&ev->lock);
	WRITE_ONCE(ev->on, false);
	WRITE_ONCE(ev->generation, ev->generation + 1);
	ev->owed |= ev->pending.events & BIT(KSOCK_EV_XMIT);
	ev->pending.events = 0;
	/* Work that has not begun may wait for others that wait for us. */
	cancelled = ev->busy && cancel_work(&ev->work);
	if (cancelled) {
		ev->busy = false;
		wake_up_all(&ev->idle);
	}
	spin_unlock_irq(&ev->lock);
	if (cancelled)
		ksock_rele(ev->s);
}

static bool ksock_is_idle(struct ksock_events *ev)
{
	bool idle;

	spin_lock_irq(&ev->lock);
	idle = !ev->busy || ev->teller == current;
	spin_unlock_irq(&ev->lock);
	return idle;
}

/* Until no callback runs; but the caller may be one. */
static void ksock_wait_idle(struct ksock_events *ev)
{
	wait_event(ev->idle, ksock_is_idle(ev));
}

/* A socket belongs to who registered its callbacks, or else to its creator. */
static void ksock_update_owner(struct ksock_events *ev)
{
	struct ksocket *s = ev->s;

	spin_lock(&ksock_list_lock);
	spin_lock_irq(&ev->lock);
	WRITE_ONCE(s->owner, ev->on ? ev->owner : s->creator);
	spin_unlock_irq(&ev->lock);
	spin_unlock(&ksock_list_lock);
}

static struct ksock_events *ksock_events_alloc(struct ksocket *s)
{
	struct ksock_query query;
	struct ksock_events *ev;

	ev = kmem_cache_zalloc(ksock_events_cache, GFP_KERNEL);
	if (!ev)
		return NULL;
	ev->s = s;
	ev->queries = ksock_ask(s->sock, &query);
	spin_lock_init(&ev->lock);
	init_waitqueue_head(&ev->idle);
	INIT_WORK(&ev->work, ksock_work);
	INIT_WORK(&ev->rx_work, ksock_rx_work);
	return ev;
}

/**
 * ksock_events_free() - free them
 * @ev: events that no hook looks at any more, or NULL
 *
 * Context: Any.
 */
void ksock_events_free(struct ksock_events *ev)
{
	if (ev)
		kmem_cache_free(ksock_events_cache, ev);
}

/* The first registration makes them; of two that race, one. */
static struct ksock_events *ksock_events_get(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);
	struct ksock_events *other;

	if (ev)
		return ev;
	ev = ksock_events_alloc(s);
	if (!ev)
		return NULL;
	other = cmpxchg(&s->events, NULL, ev);
	if (!other)
		return ev;
	ksock_events_free(ev);
	return other;
}

/*
 * End the registration that there is; also on a handle that has lost its
 * network namespace, whose last callback may still be to come.
 */
static int ksock_callbacks_end(struct ksocket *s)
{
	struct ksock_events *ev;
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err && err != -ENETDOWN)
		return err;
	ev = ksock_events(s);
	if (ev) {
		ksock_mute(ev);
		ksock_update_owner(ev);
	}
	/* Not below the gate: the callback may be about to shut it. */
	ksock_hold(s);
	if (!err)
		ksock_leave(s, &call);
	ksock_events_wait(s);
	ksock_rele(s);
	return err;
}

static void ksock_events_begin(struct ksock_events *ev,
			       const ksock_callbacks_t *cb, void *arg,
			       struct module *owner)
{
	bool connected = ev->told.connected || READ_ONCE(ev->s->known);

	lockdep_assert_held(&ev->lock);
	ev->cb = *cb;
	ev->arg = arg;
	ev->owner = owner;
	memset(&ev->told, 0, sizeof(ev->told));
	ev->told.connected = connected;
	if (ev->owed)
		ksock_owe(ev);
	ev->owed = false;
	WRITE_ONCE(ev->on, true);
}

/*
 * Whoever ends the socket stores its errno first, and mutes us then: so either
 * the errno is seen here, or the registration there.
 *
 * Return: 0, -EAGAIN when another has registered since ours was ended, -ENOTSOCK
 * or -ENETDOWN.
 */
static int ksock_events_set(struct ksock_events *ev,
			    const ksock_callbacks_t *cb, void *arg,
			    struct module *owner)
{
	int err;

	spin_lock_irq(&ev->lock);
	err = READ_ONCE(ev->s->gone);
	if (!err && (ev->on || (ev->busy && ev->teller != current)))
		err = -EAGAIN;
	if (!err)
		ksock_events_begin(ev, cb, arg, owner);
	spin_unlock_irq(&ev->lock);
	return err;
}

/* Events whose hooks are in place; or NULL, and an errno */
struct ksock_events *ksock_events_hook(struct ksocket *s, int *err)
{
	struct ksock_events *ev = ksock_events_get(s);
	struct sock *sk = s->sock->sk;

	*err = -ENOMEM;
	if (!ev)
		return NULL;
	lock_sock(sk);
	*err = ksock_hook(ev, sk);
	release_sock(sk);
	return *err ? NULL : ev;
}

static int ksock_callbacks_begin(struct ksocket *s, const ksock_callbacks_t *cb,
				 void *arg, struct module *owner)
{
	struct sock *sk = s->sock->sk;
	struct ksock_events *ev;
	int err;

	ev = ksock_events_hook(s, &err);
	if (!ev)
		return err;
	err = ksock_events_set(ev, cb, arg, owner);
	if (err)
		return err;
	ksock_update_owner(ev);
	ksock_look_now(ev, sk, KSOCK_REPLAY);
	return 0;
}

/* Return: -EAGAIN when another registration has come in between. */
static int ksock_callbacks_change(struct ksocket *s,
				  const ksock_callbacks_t *cb, void *arg,
				  struct module *owner)
{
	struct ksock_call call;
	int err;

	err = ksock_callbacks_end(s);
	if (err || !cb)
		return err;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_callbacks_begin(s, cb, arg, owner);
	if (err != -EAGAIN)
		err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}

/**
 * __ksock_callbacks() - register callbacks on behalf of a module
 * @s: handle
 * @cb: what to call, copied; NULL ends it
 * @arg: passed to the callbacks
 * @owner: the module whose they are, NULL when it is built in
 *
 * Consumers call ksock_callbacks().
 *
 * Context: Process context, also from a deferred callback. May sleep.
 * Return: as ksock_callbacks().
 */
int __ksock_callbacks(ksocket_t s, const ksock_callbacks_t *cb, void *arg,
		      struct module *owner)
{
	int err;

	/* What is refused changes nothing. */
	if (cb && cb->flags & ~KSOCK_CB_DEFERRED)
		return -EINVAL;
	do {
		err = ksock_callbacks_change(s, cb, arg, owner);
	} while (err == -EAGAIN);
	return err;
}
EXPORT_SYMBOL_GPL(__ksock_callbacks);

/**
 * ksock_want_xmit() - hear of room to send, without a send that fell short
 * @s: handle with callbacks
 *
 * The xmit callback comes as soon as there is room: at once, if there is now.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EINVAL for a socket without callbacks, -EDEADLK from a direct
 * callback, -ENOTSOCK, -ENETDOWN.
 */
int ksock_want_xmit(ksocket_t s)
{
	struct ksock_events *ev;
	struct ksock_call call;
	struct sock *sk;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = -EINVAL;
	ev = ksock_events(s);
	if (!ev || !READ_ONCE(ev->on))
		goto leave;
	err = 0;
	sk = s->sock->sk;
	lock_sock(sk);
	set_bit(SOCK_NOSPACE, &s->sock->flags);
	sk->sk_write_space(sk);
	release_sock(sk);
leave:
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_want_xmit);

/* Told once: where it happens, it happens often. */
int ksock_refuse_direct(void)
{
	const struct ksock_events *ev = this_cpu_read(ksock_direct);
	struct net *net;

	/*
	 * Gone, maybe, but not below us: it ends after a grace period. The end
	 * of a send has none.
	 */
	net = ev->s ? READ_ONCE(ev->s->net) : NULL;
	if (net)
		ksock_count(net, KSOCK_COUNT_REFUSED);
	pr_warn_once("module %s calls a ksock_* function from a direct callback, which is refused: use KSOCK_CB_DEFERRED\n",
		     ksock_module_name(ev->telling_for));
	return -EDEADLK;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_refuse_direct);

/* Nothing of what was told, or is to be, is about the socket as it now is. */
static void ksock_events_renew(struct ksock_events *ev)
{
	spin_lock_irq(&ev->lock);
	memset(&ev->told, 0, sizeof(ev->told));
	ev->pending.events = 0;
	ev->owed = false;
	spin_unlock_irq(&ev->lock);
}

/*
 * A connect begins, which may be another than the one that was told. A TCP sock
 * that has been closed, or was never connected, starts anew.
 */
void ksock_events_connecting(struct ksocket *s)
{
	struct sock *sk = s->sock->sk;
	struct ksock_events *ev = ksock_events(s);
	bool message = sk->sk_type == SOCK_DGRAM || sk->sk_type == SOCK_RAW;

	if (message || READ_ONCE(sk->sk_state) == TCP_CLOSE) {
		WRITE_ONCE(s->known, false);
		if (ev && message) {
			spin_lock_irq(&ev->lock);
			ev->told.connected = false;
			spin_unlock_irq(&ev->lock);
		} else if (ev) {
			ksock_events_renew(ev);
		}
	}
	/* Until the family has begun, it looks as if it were over. */
	WRITE_ONCE(s->connecting, true);
	WRITE_ONCE(s->active, true);
}

/*
 * The connect has returned, which tells its caller. One that goes on being made
 * is told by its event only.
 */
void ksock_events_connected(struct ksocket *s, int err)
{
	WRITE_ONCE(s->connecting, false);
	switch (err) {
	case 0:
		ksock_events_look(s, KSOCK_CONNECT);
		WRITE_ONCE(s->known, true);
		break;
	case -EINPROGRESS:
	case -EALREADY:
	case -EAGAIN:
	case -EINTR:
	case -EISCONN:
		ksock_events_look(s, KSOCK_STATE);
		break;
	default:
		if (READ_ONCE(s->sock->sk->sk_state) == TCP_CLOSE)
			WRITE_ONCE(s->active, false);
		break;
	}
}

/*
 * A socket that listens has no end; one that failed to connect, and listens
 * now, was told of one. Connections may have come since.
 */
void ksock_events_listening(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);

	if (!ev)
		return;
	ksock_events_renew(ev);
	ksock_look_now(ev, s->sock->sk, KSOCK_REPLAY);
}

/* A connect to AF_UNSPEC is the end of the connection. */
void ksock_events_dissolved(struct ksocket *s)
{
	ksock_events_look(s, KSOCK_STATE);
	WRITE_ONCE(s->active, false);
	WRITE_ONCE(s->known, false);
}

/* A family may have no hook for what its caller did. */
void ksock_events_look(struct ksocket *s, unsigned int causes)
{
	struct ksock_events *ev = ksock_events(s);

	if (ev)
		ksock_look_now(ev, s->sock->sk, causes);
}

/*
 * Whether somebody will say that there is room, once it was marked that a send
 * fell short: not when the queue that is full is that of a peer for one message.
 */
static bool ksock_is_told_of_room(struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_UNIX:
		return sk->sk_type == SOCK_STREAM ||
		       READ_ONCE(unix_sk(sk)->peer);
	case AF_NETLINK:
		return false;
	default:
		return true;
	}
}

/*
 * Some families mark a socket as one that fell short after they looked, others
 * (AF_VSOCK, or where an AF_UNIX peer's queue is full) do not: room that came
 * in between would never be told. So mark it, and look again. TCP has its lock,
 * and families that answer the query have their own ways.
 */
void ksock_events_fell_short(struct ksocket *s)
{
	const struct proto_ops *ops = READ_ONCE(s->sock->ops);
	struct ksock_events *ev = ksock_events(s);
	struct sock *sk = s->sock->sk;

	if (!ev || ev->queries || !ops->poll || sk_is_tcp(sk) ||
	    !ksock_is_told_of_room(sk))
		return;
	set_bit(SOCK_NOSPACE, &s->sock->flags);
	/* Pairs with the one in ksock_hook_write_space(). */
	smp_mb__after_atomic();
	if (ops->poll(ksock_file_to_poll(), s->sock, NULL) & EPOLLOUT &&
	    test_and_clear_bit(SOCK_NOSPACE, &s->sock->flags))
		ksock_happened(ev, sk, KSOCK_ROOM);
}

void ksock_events_mute(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);

	if (ev)
		ksock_mute(ev);
}

void ksock_events_wait(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);

	if (ev)
		ksock_wait_idle(ev);
}

/*
 * Whether the caller is the callback of a socket that it has closed: the handle
 * has to be found until it returns, see ksock_reap().
 */
bool ksock_events_part(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);

	if (!ev || READ_ONCE(ev->teller) != current)
		return false;
	ev->parting = true;
	return true;
}

/* Whether a callback of a module runs, or may. */
bool ksock_events_use(const struct ksocket *s, const struct module *owner)
{
	struct ksock_events *ev = ksock_events(s);
	bool use;

	if (!ev)
		return false;
	spin_lock_irq(&ev->lock);
	use = ev->busy && ev->telling_for == owner;
	spin_unlock_irq(&ev->lock);
	return use;
}

/* The last that is told, before the socket is aborted. */
void ksock_events_net_down(struct ksocket *s)
{
	struct ksock_events *ev = ksock_events(s);

	if (ev)
		ksock_happened(ev, s->sock->sk, KSOCK_NET_DOWN);
}

void ksock_events_release(struct ksocket *s, struct sock *sk)
{
	struct ksock_events *ev = s->events;

	if (!ev)
		return;
	ksock_rx_end(ev, sk);
	lock_sock(sk);
	ksock_unhook(ev, sk);
	release_sock(sk);
}

int ksock_events_init(void)
{
	int err = -ENOMEM;

	/* Ten to a page; kmalloc() has room for eight. */
	ksock_events_cache = KMEM_CACHE(ksock_events, 0);
	if (!ksock_events_cache)
		return err;
	ksock_wq = alloc_workqueue("ksocket", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ksock_wq)
		goto cache;
	err = ksock_hook_init();
	if (err)
		goto wq;
	return 0;

wq:
	destroy_workqueue(ksock_wq);
cache:
	kmem_cache_destroy(ksock_events_cache);
	return err;
}

/*
 * Every socket is closed. What is left may be in the first or last instructions
 * of a hook: in a softirq, or, called by an AF_UNIX peer, in a task that was
 * preempted there. And handles may wait to be freed.
 */
void ksock_events_exit(void)
{
	destroy_workqueue(ksock_wq);
	synchronize_rcu_tasks();
	synchronize_rcu();
	rcu_barrier();
	kmem_cache_destroy(ksock_events_cache);
}
