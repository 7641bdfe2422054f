// SPDX-License-Identifier: GPL-2.0-only
/*
 * net.kinet
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swap.h>
#include <linux/sysctl.h>
#include <net/ip.h>

#include "kinet.h"

#define KINET_MODE_LEN	16

static int kinet_lowest_port = 1;
static int kinet_highest_port = 65535;

static int kinet_mode_handler(ksock_compat_ctl_table *ctl, int write,
			      void *buffer, size_t *len, loff_t *pos)
{
	struct net *net = ctl->data;
	char name[KINET_MODE_LEN];
	struct ctl_table table = {
		.data	= name,
		.maxlen	= sizeof(name),
	};
	int err;

	strscpy(name, READ_ONCE(kinet_net(net)->wire)->name, sizeof(name));
	err = proc_dostring(&table, write, buffer, len, pos);
	return err || !write ? err : kinet_net_set_mode(net, strim(name));
}

static int kinet_drain_handler(ksock_compat_ctl_table *ctl, int write,
			       void *buffer, size_t *len, loff_t *pos)
{
	int on = kinet_is_drained();
	struct ctl_table table = {
		.data	= &on,
		.maxlen	= sizeof(on),
		.extra1	= SYSCTL_ZERO,
		.extra2	= SYSCTL_ONE,
	};
	int err;

	err = proc_dointvec_minmax(&table, write, buffer, len, pos);
	if (!err && write)
		kinet_drain(on);
	return err;
}

/* Read by others one after the other: a pair that is the wrong way round is never there. */
static int kinet_ports_handler(ksock_compat_ctl_table *ctl, int write,
			       void *buffer, size_t *len, loff_t *pos)
{
	struct net *net = ctl->data;
	struct kinet_net *kn = kinet_net(net);
	int ports[2] = { READ_ONCE(kn->ports[0]), READ_ONCE(kn->ports[1]) };
	struct ctl_table table = {
		.data	= ports,
		.maxlen	= sizeof(ports),
		.extra1	= &kinet_lowest_port,
		.extra2	= &kinet_highest_port,
	};
	int err;

	err = proc_dointvec_minmax(&table, write, buffer, len, pos);
	if (err || !write)
		return err;
	/* Who doesn't choose a port isn't asked for the right to a low one. */
	if (ports[0] > ports[1] ||
	    inet_port_requires_bind_service(net, ports[0]))
		return -EINVAL;
	mutex_lock(&kn->lock);
	WRITE_ONCE(kn->ports[0], ports[0]);
	WRITE_ONCE(kn->ports[1], ports[1]);
	mutex_unlock(&kn->lock);
	return 0;
}

enum {
	KINET_CTL_UNPRIVILEGED,
	KINET_CTL_RMEM,
	KINET_CTL_WMEM,
	KINET_CTL_TCP_RMEM,
	KINET_CTL_TCP_WMEM,
	KINET_CTL_MODE,
	KINET_CTL_PORTS,
	KINET_CTL_TCP,
	KINET_CTL_TCP_LAST = KINET_CTL_TCP + KINET_TCP_SETTINGS - 1,
	KINET_CTL_MEM,		/* from here on: of the initial namespace */
	KINET_CTL_DRAIN,
	KINET_CTLS
};

static int kinet_most_seconds = 32767;
static int kinet_most_probes = 255;
static int kinet_most_tries = 127;

/* A number of net.kinet.tcp_* that may be from 0 or 1 up to *@most */
#define KINET_CTL_TCP_ENTRY(name, index, least, most)			\
	[KINET_CTL_TCP + (index)] = {					\
		.procname	= "tcp_" name,				\
		.maxlen		= sizeof(int),				\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= (least),				\
		.extra2		= (most),				\
	}

/* Buffers: least, at first, most */
#define KINET_CTL_BUFFER_ENTRY(name, index)				\
	[index] = {							\
		.procname	= (name),				\
		.maxlen		= 3 * sizeof(int),			\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= &kinet_min_buffer,			\
	}

static const struct ctl_table kinet_ctl[KINET_CTLS + 1] = {
	[KINET_CTL_UNPRIVILEGED] = {
		.procname	= "unprivileged",
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
	KINET_CTL_BUFFER_ENTRY("rmem", KINET_CTL_RMEM),
	KINET_CTL_BUFFER_ENTRY("wmem", KINET_CTL_WMEM),
	KINET_CTL_BUFFER_ENTRY("tcp_rmem", KINET_CTL_TCP_RMEM),
	KINET_CTL_BUFFER_ENTRY("tcp_wmem", KINET_CTL_TCP_WMEM),
	[KINET_CTL_MODE] = {
		.procname	= "mode",
		.maxlen		= KINET_MODE_LEN,
		.mode		= 0644,
		.proc_handler	= kinet_mode_handler,
	},
	[KINET_CTL_PORTS] = {
		.procname	= "ip_local_port_range",
		.maxlen		= 2 * sizeof(int),
		.mode		= 0644,
		.proc_handler	= kinet_ports_handler,
	},
	KINET_CTL_TCP_ENTRY("timestamps", KINET_TCP_TIMESTAMPS, SYSCTL_ZERO,
			    SYSCTL_ONE),
	KINET_CTL_TCP_ENTRY("sack", KINET_TCP_SACK, SYSCTL_ZERO, SYSCTL_ONE),
	KINET_CTL_TCP_ENTRY("window_scaling", KINET_TCP_WINDOW_SCALING,
			    SYSCTL_ZERO, SYSCTL_ONE),
	KINET_CTL_TCP_ENTRY("keepalive_time", KINET_TCP_KEEPALIVE_TIME,
			    SYSCTL_ONE, &kinet_most_seconds),
	KINET_CTL_TCP_ENTRY("keepalive_intvl", KINET_TCP_KEEPALIVE_INTVL,
			    SYSCTL_ONE, &kinet_most_seconds),
	KINET_CTL_TCP_ENTRY("keepalive_probes", KINET_TCP_KEEPALIVE_PROBES,
			    SYSCTL_ONE, &kinet_most_probes),
	KINET_CTL_TCP_ENTRY("fin_timeout", KINET_TCP_FIN_TIMEOUT, SYSCTL_ONE,
			    &kinet_most_seconds),
	KINET_CTL_TCP_ENTRY("syn_retries", KINET_TCP_SYN_RETRIES, SYSCTL_ONE,
			    &kinet_most_tries),
	KINET_CTL_TCP_ENTRY("orphan_retries", KINET_TCP_ORPHAN_RETRIES,
			    SYSCTL_ONE, &kinet_most_tries),
	KINET_CTL_TCP_ENTRY("max_orphans", KINET_TCP_MAX_ORPHANS, SYSCTL_ZERO,
			    SYSCTL_INT_MAX),
	KINET_CTL_TCP_ENTRY("max_tw_buckets", KINET_TCP_MAX_TW_BUCKETS,
			    SYSCTL_ZERO, SYSCTL_INT_MAX),
	[KINET_CTL_MEM] = {
		.procname	= "mem",
		.data		= kinet_mem,
		.maxlen		= sizeof(kinet_mem),
		.mode		= 0644,
		.proc_handler	= proc_doulongvec_minmax,
	},
	[KINET_CTL_DRAIN] = {
		.procname	= "drain",
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= kinet_drain_handler,
	},
};

/* An eighth of the memory, more or less, as the host's UDP has it. */
static void kinet_mem_defaults(void)
{
	unsigned long pages = max(nr_free_buffer_pages() / 8, 128UL);

	kinet_mem[0] = pages * 3 / 4;
	kinet_mem[1] = pages;
	kinet_mem[2] = pages * 3 / 2;
}

/*
 * Elsewhere than in the initial namespace anybody may be the administrator: no
 * buffer is larger there than the largest that this one has.
 */
static void kinet_bound_buffers(struct ctl_table *table)
{
	struct kinet_net *initial = kinet_net(&init_net);

	table[KINET_CTL_RMEM].extra2 = &initial->rmem[2];
	table[KINET_CTL_WMEM].extra2 = &initial->wmem[2];
	table[KINET_CTL_TCP_RMEM].extra2 = &initial->tcp_rmem[2];
	table[KINET_CTL_TCP_WMEM].extra2 = &initial->tcp_wmem[2];
}

int kinet_sysctl_add(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);
	bool initial = net_eq(net, &init_net);
	int entries = initial ? KINET_CTLS : KINET_CTL_MEM;
	struct ctl_table *table;
	int i;

	if (initial)
		kinet_mem_defaults();
	table = kmemdup(kinet_ctl, sizeof(kinet_ctl), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	table[KINET_CTL_UNPRIVILEGED].data = &kn->unprivileged;
	table[KINET_CTL_RMEM].data = kn->rmem;
	table[KINET_CTL_WMEM].data = kn->wmem;
	table[KINET_CTL_TCP_RMEM].data = kn->tcp_rmem;
	table[KINET_CTL_TCP_WMEM].data = kn->tcp_wmem;
	table[KINET_CTL_MODE].data = net;
	table[KINET_CTL_PORTS].data = net;
	for (i = 0; i < KINET_TCP_SETTINGS; i++)
		table[KINET_CTL_TCP + i].data = &kn->tcp[i];
	if (!initial)
		kinet_bound_buffers(table);
	/* Where the size isn't told, an empty entry ends it. */
	memset(&table[entries], 0, sizeof(*table));
	kn->sysctls = ksock_compat_sysctl_add(net, "net/kinet", table, entries);
	if (kn->sysctls)
		return 0;
	kfree(table);
	return -ENOMEM;
}

void kinet_sysctl_remove(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);
	const struct ctl_table *table = kn->sysctls->ctl_table_arg;

	unregister_net_sysctl_table(kn->sysctls);
	kfree(table);
}
