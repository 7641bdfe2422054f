// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an idle connection costs in memory, by what waits at its server's end
 *
 * The clients' ends are the same each time. What is free is counted before the
 * first connection and after the last.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "bench.h"

/* What any server must remember of a connection */
struct served {
	struct end		client, server;
	struct completion	*done;
};

static int wait_thread(void *arg)
{
	struct served *c = arg;
	char byte;

	while (end_recv(&c->server, &byte, 1, 0) > 0)
		;
	kthread_complete_and_exit(c->done, 0);
	return 0;
}

static int by_thread(struct served *c)
{
	return PTR_ERR_OR_ZERO(kthread_run(wait_thread, c, "bench-idle"));
}

static void told(ksocket_t s, void *arg, ssize_t n)
{
}

static int by_callback(struct served *c)
{
	static const ksock_callbacks_t cb = {
		.recv	= told,
		.flags	= KSOCK_CB_DEFERRED,
	};

	return ksock_callbacks(c->server.ks, &cb, c);
}

static int by_nothing(struct served *c)
{
	return 0;
}

struct kind {
	bool	ks;
	bool	thread;
	int	(*start)(struct served *c);
};

/* With what this processor keeps for itself, as it is the only one. */
static long free_kb(void)
{
	long pages = global_zone_page_state(NR_FREE_PAGES);
	struct zone *zone = NODE_DATA(numa_node_id())->node_zones;
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (populated_zone(&zone[i]))
			pages += this_cpu_ptr(zone[i].per_cpu_pageset)->count;
	return pages << (PAGE_SHIFT - 10);
}

static long slab_kb(void)
{
	return (global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)) <<
	       (PAGE_SHIFT - 10);
}

static int serve(struct listener *l, struct served *c, const struct kind *kind)
{
	return end_connect(&c->client, false, &l->at) ?:
	       end_accept(l, &c->server) ?:
	       kind->start(c);
}

/* The clients go first, which ends the threads. */
static void dismiss(struct served *conns, unsigned int n, const struct kind *kind)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		end_close(&conns[i].client);
	for (i = 0; i < n; i++) {
		if (kind->thread)
			wait_for_completion(conns[i].done);
		end_close(&conns[i].server);
	}
}

static int idle(const struct kind *kind, unsigned int n)
{
	struct completion *done;
	struct served *conns;
	long had_kb, had_slab;
	struct listener l;
	unsigned int i;
	int err;

	/* What belongs to the measurement is there before it begins. */
	conns = vzalloc(array_size(n, sizeof(*conns)));
	done = vzalloc(array_size(n, sizeof(*done)));
	err = conns && done ? listener_open(&l, kind->ks) : -ENOMEM;
	if (err)
		goto free;
	had_kb = free_kb();
	had_slab = slab_kb();
	for (i = 0; i < n && !err; i++) {
		conns[i].done = &done[i];
		init_completion(&done[i]);
		err = serve(&l, &conns[i], kind);
		cond_resched();
	}
	schedule_timeout_uninterruptible(HZ);
	bench_note("connections", i);
	bench_note("kb", had_kb - free_kb());
	bench_note("slab_kb", slab_kb() - had_slab);
	if (!err)
		dismiss(conns, i, kind);
	listener_close(&l);
free:
	vfree(done);
	vfree(conns);
	return err;
}

static int memory_raw(const struct figure *f, unsigned int n)
{
	static const struct kind kind = { .start = by_nothing };

	return idle(&kind, n);
}

static int memory_ksock(const struct figure *f, unsigned int n)
{
	static const struct kind kind = { .ks = true, .start = by_nothing };

	return idle(&kind, n);
}

static int memory_thread(const struct figure *f, unsigned int n)
{
	static const struct kind kind = { .thread = true, .start = by_thread };

	return idle(&kind, n);
}

static int memory_ksock_thread(const struct figure *f, unsigned int n)
{
	static const struct kind kind = {
		.ks = true, .thread = true, .start = by_thread,
	};

	return idle(&kind, n);
}

static int memory_callbacks(const struct figure *f, unsigned int n)
{
	static const struct kind kind = { .ks = true, .start = by_callback };

	return idle(&kind, n);
}

const struct figure memory_figures[] = {
	{ "memory-raw", memory_raw }, { "memory-ksock", memory_ksock },
	{ "memory-thread", memory_thread },
	{ "memory-ksock-thread", memory_ksock_thread },
	{ "memory-callbacks", memory_callbacks },
	{}
};
