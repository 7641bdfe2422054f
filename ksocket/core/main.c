// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksocket: Berkeley sockets for kernel modules
 *
 * sock.c	handles and their lifetime
 * name.c	addresses, bind
 * conn.c	listen, accept, connect, shutdown
 * io.c		send, receive, poll
 * zc.c		sending without a copy
 * event.c	callbacks: registering, and telling
 * hook.c	the sk_* hooks, and how they come and go
 * look.c	the state of a sock, by family
 * decide.c	which events a look makes
 * rx.c		receive actors, and what they may send
 * slice.c	sleeping where no shutdown of ours would wake
 * opt.c	socket options
 * tune.c	the options that kernel clients set on every connection
 * ioctl.c	ioctls
 * file.c	the file that a ksocket doesn't have
 * nest.c	lock classes by nesting level
 * errno.c	what the family said, as the caller should hear it
 * stats.c	/proc/net/ksocket
 * count.c	/proc/net/ksocket_stat
 * trace.c	tracepoints
 */
#include <linux/module.h>
#include <net/net_namespace.h>

#include "core.h"

static int __net_init ksock_net_init(struct net *net)
{
	int err;

	err = ksock_counts_init(net);
	if (err)
		return err;
	err = ksock_stats_init(net);
	if (err)
		ksock_counts_exit(net);
	return err;
}

static void __net_exit ksock_net_exit(struct net *net)
{
	ksock_stats_exit(net);
	ksock_counts_exit(net);
}

/* Before anything of the namespace is taken apart resets can still be sent. */
static struct pernet_operations ksock_net_ops = {
	.init		= ksock_net_init,
	.pre_exit	= ksock_net_down,
	.exit		= ksock_net_exit,
	.id		= &ksock_counts_id,
	.size		= sizeof(struct ksock_net),
};

/*
 * Called after the module's own exit: whatever it left open would call into
 * memory that is about to be freed.
 */
static int ksock_module_event(struct notifier_block *nb, unsigned long event,
			      void *data)
{
	struct module *mod = data;
	unsigned int n, sends;
	char sockets[200];

	if (event != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	/* First: the end of its sockets would complete them. */
	sends = ksock_zc_abandon(mod);
	n = ksock_reap(mod, sockets, sizeof(sockets));
	/* And those that its last callbacks have begun meanwhile */
	sends += ksock_zc_abandon(mod);
	if (sends)
		pr_warn("module %s left %u sends by ksock_send_zc() under way, whose end it won't hear of: wait for them in its exit\n",
			mod->name, sends);
	if (n)
		pr_warn("module %s left %u sockets open, which were reset (%s): call ksock_close() in its exit\n",
			mod->name, n, sockets);
	return NOTIFY_OK;
}

static struct notifier_block ksock_module_nb = {
	.notifier_call = ksock_module_event,
};

static int __init ksocket_init(void)
{
	int err;

	err = ksock_file_init();
	if (err)
		return err;
	err = ksock_handles_init();
	if (err)
		goto file;
	err = ksock_events_init();
	if (err)
		goto handles;
	err = register_pernet_subsys(&ksock_net_ops);
	if (err)
		goto events;
	err = register_module_notifier(&ksock_module_nb);
	if (err)
		goto subsys;
	return 0;

subsys:
	unregister_pernet_subsys(&ksock_net_ops);
events:
	ksock_events_exit();
handles:
	ksock_handles_exit();
file:
	ksock_file_exit();
	return err;
}

static void __exit ksocket_exit(void)
{
	unregister_module_notifier(&ksock_module_nb);
	unregister_pernet_subsys(&ksock_net_ops);
	ksock_events_exit();
	ksock_handles_exit();
	ksock_file_exit();
}

module_init(ksocket_init);
module_exit(ksocket_exit);

MODULE_DESCRIPTION("Berkeley sockets for kernel modules");
MODULE_LICENSE("GPL");
