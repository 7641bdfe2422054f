/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a socket's callbacks were told, for /dev/ksockctl
 */
#ifndef _KSOCKCTL_RECORDER_H
#define _KSOCKCTL_RECORDER_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <ksocket/ksocket.h>

#include "ksockctl.h"

#define RECORDER_ROOM	1024

/**
 * struct recorder - one registration
 * @node: in control.recorders
 * @handle: number of the socket
 * @s: the socket
 * @action: what a callback does, &enum ksockctl_action
 * @actions: upon which, bits by &enum ksockctl_kind
 * @open: KSOCKCTL_ACTION_WAIT does not wait (any more)
 * @gate: where it waits
 * @inside: callbacks that run
 * @lock: covers what follows
 * @count: callbacks that were told; those above RECORDER_ROOM are only counted
 * @told: by which arguments
 */
struct recorder {
	struct list_head	node;
	s32			handle;
	ksocket_t		s;
	u32			action;
	u32			actions;
	bool			open;
	wait_queue_head_t	gate;
	atomic_t		inside;
	spinlock_t		lock;	/* count, told */
	u32			count;
	struct ksockctl_told	told[RECORDER_ROOM];
};

struct recorder *recorder_alloc(s32 handle, ksocket_t s,
				const struct ksockctl_call *call);
int recorder_start(struct recorder *rec, const struct ksockctl_call *call);
u32 recorder_read(struct recorder *rec, u32 from, void *to, size_t size);
void recorder_open(struct recorder *rec);
void recorder_free(struct recorder *rec);

#endif /* _KSOCKCTL_RECORDER_H */
