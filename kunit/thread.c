// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that block, and end with their test
 */
#include <linux/iopoll.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "thread.h"

static int kt_main(void *data)
{
	struct kt_thread *thread = data;

	/* So that a test can interrupt the call. */
	allow_signal(SIGTERM);
	thread->ret = thread->run(thread);
	thread->signalled = signal_pending(current);
	complete(&thread->done);
	return 0;
}

/**
 * kt_start() - start a thread
 * @test: test
 * @run: what it does
 * @s: kt_thread.s
 * @arg: kt_thread.arg
 * @size: kt_thread.size
 *
 * Return: the thread, which is joined by kt_join() or when the test ends.
 */
struct kt_thread *kt_start(struct kunit *test, kt_run_t *run, ksocket_t s,
			   void *arg, size_t size)
{
	struct kt_fixture *fixture = test->priv;
	struct kt_thread *thread;

	thread = kunit_kzalloc(test, sizeof(*thread), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, thread);
	init_completion(&thread->done);
	thread->run = run;
	thread->s = s;
	thread->arg = arg;
	thread->size = size;
	thread->task = kthread_create(kt_main, thread, "ksocket_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread->task));
	get_task_struct(thread->task);
	list_add_tail(&thread->node, &fixture->threads);
	wake_up_process(thread->task);
	return thread;
}

/*
 * All but the families' waits for the peer sleep uninterruptibly: the start of
 * the thread, a lock, memory.
 */
static bool kt_settled(struct kt_thread *thread)
{
	return completion_done(&thread->done) ||
	       (atomic_read(&thread->s->calls) > 0 &&
		READ_ONCE(thread->task->__state) & TASK_INTERRUPTIBLE);
}

/* Until the thread sleeps in its call, waiting for the peer. */
void kt_wait_asleep(struct kunit *test, struct kt_thread *thread)
{
	bool settled;
	int err;

	err = read_poll_timeout(kt_settled, settled, settled, 1000, KT_BOUND_US,
				false, thread);
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "the thread did not fall asleep");
	KUNIT_ASSERT_FALSE_MSG(test, completion_done(&thread->done),
			       "the call should wait, but returned %d",
			       thread->ret);
}

/* Until the thread has counted something. */
void kt_wait_count(struct kunit *test, struct kt_thread *thread)
{
	size_t count;
	int err;

	err = read_poll_timeout(READ_ONCE, count, count, 100, KT_BOUND_US,
				false, thread->count);
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "the thread gets nothing done");
}

/* Its code is the module's until it has exited, which kthread_stop() awaits. */
static void kt_reap(struct kt_thread *thread)
{
	kthread_stop(thread->task);
	put_task_struct(thread->task);
	thread->task = NULL;
}

/* Wait for the end of a thread. Return: what it returned */
int kt_join(struct kunit *test, struct kt_thread *thread)
{
	if (!wait_for_completion_timeout(&thread->done, KT_BOUND))
		KUNIT_FAIL_AND_ABORT(test, "the call did not return within %d s",
				     KT_BOUND_SECS);
	kt_reap(thread);
	list_del(&thread->node);
	if (thread->child)
		kt_keep(test, thread->child);
	return thread->ret;
}

/* The sockets are closed: whoever does not return now is lost for good. */
void kt_end_threads(struct kunit *test, struct kt_fixture *fixture)
{
	struct kt_thread *thread, *next;

	list_for_each_entry_safe(thread, next, &fixture->threads, node) {
		if (!wait_for_completion_timeout(&thread->done, KT_BOUND))
			KUNIT_FAIL(test, "%ps is blocked, though its socket is closed",
				   thread->run);
		kt_reap(thread);
		if (thread->child)
			ksock_close(thread->child);
	}
}

int kt_run_recv(struct kt_thread *thread)
{
	return ksock_recv(thread->s, thread->arg, thread->size, 0,
			  &thread->count);
}

int kt_run_recv_all(struct kt_thread *thread)
{
	return ksock_recv(thread->s, thread->arg, thread->size, 0, NULL);
}

int kt_run_wait_all(struct kt_thread *thread)
{
	return ksock_recv(thread->s, thread->arg, thread->size, MSG_WAITALL,
			  &thread->count);
}

int kt_run_send(struct kt_thread *thread)
{
	return ksock_send(thread->s, thread->arg, thread->size, 0,
			  &thread->count);
}

int kt_run_send_all(struct kt_thread *thread)
{
	return ksock_send(thread->s, thread->arg, thread->size, 0, NULL);
}

int kt_run_accept(struct kt_thread *thread)
{
	return ksock_accept(thread->s, &thread->child, NULL, NULL);
}

int kt_run_connect(struct kt_thread *thread)
{
	return ksock_connect(thread->s, thread->arg, thread->size);
}

int kt_run_close(struct kt_thread *thread)
{
	return ksock_close(thread->s);
}
