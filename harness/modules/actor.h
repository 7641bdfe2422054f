/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a socket's receive actor took, for /dev/ksockctl
 */
#ifndef _KSOCKCTL_ACTOR_H
#define _KSOCKCTL_ACTOR_H

#include <linux/list.h>
#include <linux/spinlock.h>

#include <ksocket/ksocket.h>

#include "ksockctl.h"

#define ACTOR_ROOM	SZ_1M

/**
 * struct actor - one registration
 * @node: in control.actors
 * @handle: number of the socket
 * @s: the socket
 * @does: &enum ksockctl_acting
 * @lock: covers what follows
 * @allowed: bytes that it may still take
 * @len: bytes it took; those above ACTOR_ROOM are only counted
 * @refused: what the call returned that it made
 * @inside: it runs
 * @overlapped: twice at a time
 * @data: the bytes
 */
struct actor {
	struct list_head	node;
	s32			handle;
	ksocket_t		s;
	u32			does;
	spinlock_t		lock;	/* what follows */
	size_t			allowed;
	size_t			len;
	int			refused;
	atomic_t		inside;
	bool			overlapped;
	u8			data[ACTOR_ROOM];
};

struct actor *actor_alloc(s32 handle, ksocket_t s,
			  const struct ksockctl_call *call);
int actor_start(struct actor *actor);
int actor_resume(struct actor *actor, size_t more);
size_t actor_read(struct actor *actor, size_t from, void *to, size_t size);
void actor_free(struct actor *actor);

#endif /* _KSOCKCTL_ACTOR_H */
