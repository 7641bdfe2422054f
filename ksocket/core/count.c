// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/ksocket_stat: what has happened in a network namespace
 *
 * A line a counter, its name and its value. They are kept by CPU, and summed up
 * when they are read.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "core.h"

#define KSOCK_COUNTS_FILE	"ksocket_stat"

unsigned int ksock_counts_id __read_mostly;

static const char * const ksock_counter_names[] = {
	[KSOCK_COUNT_OPENED]	= "opened",
	[KSOCK_COUNT_ACCEPTED]	= "accepted",
	[KSOCK_COUNT_ERRORS]	= "errors",
	[KSOCK_COUNT_REFUSED]	= "refused",
	[KSOCK_COUNT_COALESCED]	= "coalesced",
};

static const struct {
	enum ksock_event	event;
	const char		*name;
} ksock_event_names[] = { KSOCK_EVENT_NAMES };

/**
 * ksock_count_events() - count events that are to be told
 * @net: network namespace
 * @events: bits by &enum ksock_event
 * @coalesced: how many of them will be told with an earlier one
 *
 * Context: Any.
 */
void ksock_count_events(struct net *net, u32 events, unsigned int coalesced)
{
	enum ksock_event event;

	for (event = 0; events; event++, events >>= 1) {
		if (events & 1)
			ksock_count(net, KSOCK_COUNT_EVENTS + event);
	}
	if (unlikely(coalesced))
		ksock_count_add(net, KSOCK_COUNT_COALESCED, coalesced);
}

static u64 ksock_counted(const struct ksock_net *kn, unsigned int what)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(kn->counts, cpu)->n[what]);
	return sum;
}

static int ksock_counts_show(struct seq_file *seq, void *v)
{
	const struct ksock_net *kn;
	unsigned int i, what;

	kn = net_generic(seq_file_single_net(seq), ksock_counts_id);
	for (i = 0; i < ARRAY_SIZE(ksock_counter_names); i++)
		seq_printf(seq, "%-20s %llu\n", ksock_counter_names[i],
			   ksock_counted(kn, i));
	for (i = 0; i < ARRAY_SIZE(ksock_event_names); i++) {
		what = KSOCK_COUNT_EVENTS + ksock_event_names[i].event;
		seq_printf(seq, "event-%-14s %llu\n",
			   ksock_event_names[i].name, ksock_counted(kn, what));
	}
	return 0;
}

int ksock_counts_init(struct net *net)
{
	struct ksock_net *kn = net_generic(net, ksock_counts_id);

	kn->counts = alloc_percpu(struct ksock_counts);
	if (!kn->counts)
		return -ENOMEM;
	if (!proc_create_net_single(KSOCK_COUNTS_FILE, 0444, net->proc_net,
				    ksock_counts_show, NULL)) {
		free_percpu(kn->counts);
		return -ENOMEM;
	}
	return 0;
}

void ksock_counts_exit(struct net *net)
{
	struct ksock_net *kn = net_generic(net, ksock_counts_id);

	remove_proc_entry(KSOCK_COUNTS_FILE, net->proc_net);
	free_percpu(kn->counts);
}
