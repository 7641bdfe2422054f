// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's receive actor took, for /dev/ksockctl
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "actor.h"

static size_t note(struct actor *actor, const struct ksock_rx *rx, size_t n)
{
	size_t room = ACTOR_ROOM - min_t(size_t, actor->len, ACTOR_ROOM);

	ksock_rx_copy(rx, 0, actor->data + actor->len, min(n, room));
	actor->len += n;
	return n;
}

/* As much as fits into the packet that goes back: the rest comes again. */
static size_t echo(struct actor *actor, const struct ksock_rx *rx, size_t n)
{
	static DEFINE_PER_CPU(u8 [SZ_4K], copies);
	u8 *copy = this_cpu_ptr(copies);
	size_t sent, done = 0, part;

	while (done < n) {
		part = min_t(size_t, n - done, SZ_4K);
		ksock_rx_copy(rx, done, copy, part);
		if (ksock_send_atomic(actor->s, copy, part, 0, &sent))
			break;
		done += sent;
		if (sent < part)
			break;
	}
	return note(actor, rx, done);
}

static size_t act(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	struct actor *actor = arg;
	size_t n;

	if (atomic_inc_return(&actor->inside) > 1 || s != actor->s)
		actor->overlapped = true;
	spin_lock(&actor->lock);
	n = min(rx->len, actor->allowed);
	if (actor->does == KSOCKCTL_ACTOR_CALL)
		actor->refused = ksock_shutdown(s, SHUT_WR);
	n = actor->does == KSOCKCTL_ACTOR_ECHO ? echo(actor, rx, n) :
	    note(actor, rx, n);
	actor->allowed -= n;
	spin_unlock(&actor->lock);
	atomic_dec(&actor->inside);
	return n;
}

struct actor *actor_alloc(s32 handle, ksocket_t s,
			  const struct ksockctl_call *call)
{
	struct actor *actor = vzalloc(sizeof(*actor));

	if (!actor)
		return NULL;
	actor->handle = handle;
	actor->s = s;
	actor->does = call->a;
	actor->allowed = call->b < 0 ? SIZE_MAX : call->b;
	spin_lock_init(&actor->lock);
	return actor;
}

int actor_start(struct actor *actor)
{
	return ksock_set_rx_actor(actor->s, actor->does ? act : NULL, actor);
}

int actor_resume(struct actor *actor, size_t more)
{
	spin_lock_bh(&actor->lock);
	actor->allowed += more;
	spin_unlock_bh(&actor->lock);
	return ksock_rx_resume(actor->s);
}

/* Return: how many bytes there were in all, or what the refused call said. */
size_t actor_read(struct actor *actor, size_t from, void *to, size_t size)
{
	size_t known, len;

	spin_lock_bh(&actor->lock);
	len = actor->len;
	known = min_t(size_t, len, ACTOR_ROOM);
	if (from < known)
		memcpy(to, actor->data + from, min(size, known - from));
	if (actor->overlapped)
		len = SIZE_MAX;
	spin_unlock_bh(&actor->lock);
	return len;
}

/* Its socket is closed: nothing runs. */
void actor_free(struct actor *actor)
{
	vfree(actor);
}
