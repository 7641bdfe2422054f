// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the callbacks of a socket were told, in order
 */
#include "recorder.h"

static bool kt_is_misplaced(const struct kt_recorder *rec)
{
	if (rec->flags & KSOCK_CB_DEFERRED)
		return softirq_count() || irqs_disabled();
	return !softirq_count() || irqs_disabled();
}

static void kt_add(struct kt_recorder *rec, const struct kt_event *event)
{
	unsigned long flags;

	spin_lock_irqsave(&rec->lock, flags);
	if (rec->n < KT_EVENTS)
		rec->events[rec->n] = *event;
	/* Pairs with kt_count(): the event is there. */
	smp_store_release(&rec->n, rec->n + 1);
	spin_unlock_irqrestore(&rec->lock, flags);
}

static void kt_told(struct kt_recorder *rec, enum kt_what what, long value)
{
	const struct kt_event event = { what, value };

	if (atomic_inc_return(&rec->inside) > 1)
		WRITE_ONCE(rec->overlapped, true);
	if (kt_is_misplaced(rec))
		WRITE_ONCE(rec->misplaced, true);
	if (rec->run)
		rec->run(rec, &event);
	atomic_dec(&rec->inside);
	kt_add(rec, &event);
	wake_up_all(&rec->wait);
}

static void kt_connected(ksocket_t s, void *arg)
{
	kt_told(arg, KT_CONNECTED, 0);
}

static void kt_disconnected(ksocket_t s, void *arg, int reason)
{
	kt_told(arg, KT_DISCONNECTED, reason);
}

static void kt_newconn(ksocket_t s, void *arg)
{
	kt_told(arg, KT_NEWCONN, 0);
}

static void kt_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	kt_told(arg, KT_RECV, msglen);
}

static void kt_xmit(ksocket_t s, void *arg, ssize_t freebuf)
{
	kt_told(arg, KT_XMIT, freebuf);
}

static void kt_exception(ksocket_t s, void *arg, u32 event)
{
	kt_told(arg, KT_EXCEPTION, event);
}

/* In the order of their first description, without the flags */
const ksock_callbacks_t kt_callbacks = {
	kt_connected, kt_disconnected, kt_newconn, kt_recv, kt_xmit,
	kt_exception
};

/* It goes after the sockets do, and nobody calls back any more. */
struct kt_recorder *kt_recorder(struct kunit *test, unsigned int flags)
{
	struct kt_recorder *rec;

	rec = kunit_kzalloc(test, sizeof(*rec), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, rec);
	rec->flags = flags;
	spin_lock_init(&rec->lock);
	init_waitqueue_head(&rec->wait);
	init_completion(&rec->entered);
	init_completion(&rec->leave);
	return rec;
}

int kt_register(struct kt_recorder *rec, ksocket_t s)
{
	ksock_callbacks_t cb = kt_callbacks;

	cb.flags = rec->flags;
	rec->s = s;
	return ksock_callbacks(s, &cb, rec);
}

struct kt_recorder *kt_record(struct kunit *test, ksocket_t s,
			      unsigned int flags)
{
	struct kt_recorder *rec = kt_recorder(test, flags);

	KUNIT_ASSERT_EQ(test, kt_register(rec, s), 0);
	return rec;
}

/* How many have returned */
unsigned int kt_count(const struct kt_recorder *rec)
{
	/* Pairs with kt_add(). */
	return smp_load_acquire(&rec->n);
}

/* The next callback, waited for */
struct kt_event kt_next(struct kunit *test, struct kt_recorder *rec)
{
	bool some;

	some = wait_event_timeout(rec->wait, kt_count(rec) > rec->next,
				  KT_BOUND);
	KUNIT_ASSERT_TRUE_MSG(test, some, "no callback comes after %u",
			      rec->next);
	KUNIT_ASSERT_LE(test, rec->n, KT_EVENTS);
	KUNIT_EXPECT_FALSE_MSG(test, rec->overlapped, "two callbacks overlap");
	KUNIT_EXPECT_FALSE_MSG(test, rec->misplaced,
			       "a callback runs in the wrong context");
	return rec->events[rec->next++];
}

void kt_expect_event(struct kunit *test, struct kt_recorder *rec,
		     enum kt_what what, long value)
{
	struct kt_event event = kt_next(test, rec);

	KUNIT_ASSERT_EQ_MSG(test, event.what, what, "callback %u, value %ld",
			    rec->next, event.value);
	if (value == KT_SOME)
		KUNIT_ASSERT_GT_MSG(test, event.value, 0, "callback %u",
				    rec->next);
	else
		KUNIT_ASSERT_EQ_MSG(test, event.value, value, "callback %u",
				    rec->next);
}

/*
 * What has happened was told, and nothing else was. What goes through the
 * loopback's softirq must have arrived: the caller saw a sign of it, the rest
 * of it is below the lock.
 */
void kt_expect_no_more(struct kunit *test, struct kt_recorder *rec)
{
	struct ksock_events *ev = rec->s->events;
	long left;

	lock_sock(rec->s->sock->sk);
	release_sock(rec->s->sock->sk);
	left = wait_event_timeout(ev->idle, !READ_ONCE(ev->busy), KT_BOUND);
	KUNIT_ASSERT_NE_MSG(test, left, 0, "the callbacks come to no end");
	if (kt_count(rec) > rec->next)
		KUNIT_FAIL(test, "callback %u, value %ld, is one too many",
			   rec->events[rec->next].what,
			   rec->events[rec->next].value);
}

/* The first deferred callback waits for complete(&rec->leave). */
void kt_run_gate(struct kt_recorder *rec, const struct kt_event *event)
{
	if (completion_done(&rec->entered))
		return;
	complete_all(&rec->entered);
	wait_for_completion_timeout(&rec->leave, KT_BOUND);
}

void kt_wait_gate(struct kunit *test, struct kt_recorder *rec)
{
	if (!wait_for_completion_timeout(&rec->entered, KT_BOUND))
		KUNIT_FAIL_AND_ABORT(test, "no callback came");
}

const struct kt_mode kt_modes[] = {
	{ AF_INET, 0, "inet direct" },
	{ AF_INET, KSOCK_CB_DEFERRED, "inet deferred" },
	{ AF_INET6, 0, "inet6 direct" },
	{ AF_INET6, KSOCK_CB_DEFERRED, "inet6 deferred" },
	{ AF_UNIX, 0, "unix direct" },
	{ AF_UNIX, KSOCK_CB_DEFERRED, "unix deferred" },
};

const struct kt_mode kt_inet_modes[] = {
	{ AF_INET, 0, "inet direct" },
	{ AF_INET, KSOCK_CB_DEFERRED, "inet deferred" },
	{ AF_INET6, 0, "inet6 direct" },
	{ AF_INET6, KSOCK_CB_DEFERRED, "inet6 deferred" },
};

const struct kt_mode kt_unix_modes[] = {
	{ AF_UNIX, 0, "unix direct" },
	{ AF_UNIX, KSOCK_CB_DEFERRED, "unix deferred" },
};

void kt_describe_mode(const struct kt_mode *mode, char *desc)
{
	strscpy(desc, mode->name, KUNIT_PARAM_DESC_SIZE);
}

int kt_mode_domain(struct kunit *test)
{
	const struct kt_mode *mode = test->param_value;

	return mode->domain;
}

unsigned int kt_mode_flags(struct kunit *test)
{
	const struct kt_mode *mode = test->param_value;

	return mode->flags;
}
