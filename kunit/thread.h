/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Callers of their own, who may block
 */
#ifndef _KSOCKET_KUNIT_THREAD_H
#define _KSOCKET_KUNIT_THREAD_H

#include "fixture.h"

/**
 * struct kt_thread - one thread of a test, which makes calls on one socket
 * @node: in kt_fixture.threads
 * @task: the thread; its task_struct stays until it is joined
 * @done: completed when @run has returned
 * @run: what it does; it judges nothing, as only the test itself may
 * @s: the socket
 * @arg: buffer or address, by @run
 * @size: bytes at @arg
 * @ret: what @run returned
 * @count: bytes that were transferred
 * @child: what was accepted
 * @signalled: a signal was pending when the call returned
 */
struct kt_thread {
	struct list_head	node;
	struct task_struct	*task;
	struct completion	done;
	int			(*run)(struct kt_thread *thread);
	ksocket_t		s;
	void			*arg;
	size_t			size;
	int			ret;
	size_t			count;
	ksocket_t		child;
	bool			signalled;
};

typedef int kt_run_t(struct kt_thread *thread);

struct kt_thread *kt_start(struct kunit *test, kt_run_t *run, ksocket_t s,
			   void *arg, size_t size);
void kt_wait_asleep(struct kunit *test, struct kt_thread *thread);
void kt_wait_count(struct kunit *test, struct kt_thread *thread);
int kt_join(struct kunit *test, struct kt_thread *thread);

/* What a thread can run: one call */
kt_run_t kt_run_recv;
kt_run_t kt_run_recv_all;
kt_run_t kt_run_wait_all;
kt_run_t kt_run_send;
kt_run_t kt_run_send_all;
kt_run_t kt_run_accept;
kt_run_t kt_run_connect;
kt_run_t kt_run_close;

#endif /* _KSOCKET_KUNIT_THREAD_H */
