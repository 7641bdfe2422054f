// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's callbacks were told, for /dev/ksockctl
 *
 * A registration has a recorder of its own, which is kept for as long as the
 * device is open. Its callbacks note what they were told and by whom, and may
 * be asked to do something about it.
 */
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "recorder.h"

static void note(struct recorder *rec, enum ksockctl_kind kind, s64 value)
{
	struct ksockctl_told told = {
		.kind = kind,
		.value = value,
		.pid = current->pid,
	};

	if (in_softirq())
		told.context |= KSOCKCTL_IN_ATOMIC;
	if (current->flags & PF_WQ_WORKER && !in_serving_softirq())
		told.context |= KSOCKCTL_IN_WORKER;
	if (atomic_read(&rec->inside) > 1)
		told.context |= KSOCKCTL_OVERLAPS;
	spin_lock_bh(&rec->lock);
	if (rec->count < RECORDER_ROOM)
		rec->told[rec->count] = told;
	rec->count++;
	spin_unlock_bh(&rec->lock);
}

/* Everything that waits, without blocking. */
static int take_data(ksocket_t s)
{
	static char nowhere[SZ_4K];
	size_t n;
	int err;

	do {
		err = ksock_recv(s, nowhere, sizeof(nowhere), MSG_DONTWAIT, &n);
	} while (!err && n);
	return err;
}

static int take_connections(ksocket_t listener)
{
	int n = 0;
	ksocket_t s;

	while (ksock_poll(listener) & EPOLLIN &&
	       !ksock_accept(listener, &s, NULL, NULL)) {
		ksock_close(s);
		n++;
	}
	return n;
}

static int act(struct recorder *rec)
{
	char byte;

	switch (rec->action) {
	case KSOCKCTL_ACTION_CLOSE:
		return ksock_close(rec->s);
	case KSOCKCTL_ACTION_END:
		return ksock_callbacks(rec->s, NULL, NULL);
	case KSOCKCTL_ACTION_WAIT:
		wait_event(rec->gate, READ_ONCE(rec->open));
		return 0;
	case KSOCKCTL_ACTION_RECV:
		return take_data(rec->s);
	case KSOCKCTL_ACTION_ACCEPT:
		return take_connections(rec->s);
	case KSOCKCTL_ACTION_BLOCK:
		return ksock_recv(rec->s, &byte, 1, 0, NULL);
	case KSOCKCTL_ACTION_SPIN:
		while (!READ_ONCE(rec->open))
			cpu_relax();
		return 0;
	default:
		return -EINVAL;
	}
}

static void told(void *arg, enum ksockctl_kind kind, s64 value)
{
	struct recorder *rec = arg;

	atomic_inc(&rec->inside);
	note(rec, kind, value);
	if (rec->action && rec->actions & BIT(kind))
		note(rec, KSOCKCTL_TOLD_ACTION, act(rec));
	/* Nothing of it is touched behind this: see recorder_free(). */
	atomic_dec_return_release(&rec->inside);
}

static void on_connected(ksocket_t s, void *arg)
{
	told(arg, KSOCKCTL_TOLD_CONNECTED, 0);
}

static void on_disconnected(ksocket_t s, void *arg, int reason)
{
	told(arg, KSOCKCTL_TOLD_DISCONNECTED, reason);
}

static void on_newconn(ksocket_t s, void *arg)
{
	told(arg, KSOCKCTL_TOLD_NEWCONN, 0);
}

static void on_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	told(arg, KSOCKCTL_TOLD_RECV, msglen);
}

static void on_xmit(ksocket_t s, void *arg, ssize_t freebuf)
{
	told(arg, KSOCKCTL_TOLD_XMIT, freebuf);
}

static void on_exception(ksocket_t s, void *arg, u32 event)
{
	told(arg, KSOCKCTL_TOLD_EXCEPTION, event);
}

struct recorder *recorder_alloc(s32 handle, ksocket_t s,
				const struct ksockctl_call *call)
{
	struct recorder *rec = vzalloc(sizeof(*rec));

	if (!rec)
		return NULL;
	rec->handle = handle;
	rec->s = s;
	rec->action = call->b;
	rec->actions = call->c;
	init_waitqueue_head(&rec->gate);
	spin_lock_init(&rec->lock);
	return rec;
}

int recorder_start(struct recorder *rec, const struct ksockctl_call *call)
{
	const ksock_callbacks_t cb = {
		.connected	= on_connected,
		.disconnected	= on_disconnected,
		.newconn	= on_newconn,
		.recv		= on_recv,
		.xmit		= on_xmit,
		.exception	= on_exception,
		.flags		= call->a,
	};
	const ksock_callbacks_t none = { .flags = call->a };

	return ksock_callbacks(rec->s, call->d ? &none : &cb, rec);
}

/* What was told from @from on. Return: how many callbacks there were in all. */
u32 recorder_read(struct recorder *rec, u32 from, void *to, size_t size)
{
	u32 room = size / sizeof(struct ksockctl_told);
	u32 count, known;

	spin_lock_bh(&rec->lock);
	count = rec->count;
	known = min_t(u32, count, RECORDER_ROOM);
	if (from < known)
		memcpy(to, rec->told + from, sizeof(struct ksockctl_told) *
		       min(room, known - from));
	spin_unlock_bh(&rec->lock);
	return count;
}

void recorder_open(struct recorder *rec)
{
	WRITE_ONCE(rec->open, true);
	wake_up_all(&rec->gate);
}

/* A callback that has closed its own socket may still run. */
void recorder_free(struct recorder *rec)
{
	while (atomic_read_acquire(&rec->inside))
		usleep_range(100, 1000);
	vfree(rec);
}
