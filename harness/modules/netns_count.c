// SPDX-License-Identifier: GPL-2.0-only
/*
 * netns_count: how many network namespaces live
 *
 * A leaked reference keeps a namespace for ever, and nothing that user space
 * can ask for shows one without processes or names. So the laboratory reads
 * /sys/module/netns_count/parameters/count after the last test: only the
 * initial namespace may be left.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rtnetlink.h>
#include <linux/rwsem.h>
#include <linux/sysfs.h>
#include <net/net_namespace.h>

static int netns_count_get(char *buffer, const struct kernel_param *param)
{
	struct net *net;
	int count = 0;

	down_read(&net_rwsem);
	for_each_net(net)
		count++;
	up_read(&net_rwsem);
	return sysfs_emit(buffer, "%d\n", count);
}

static const struct kernel_param_ops netns_count_ops = {
	.get = netns_count_get,
};

module_param_cb(count, &netns_count_ops, NULL, 0444);
MODULE_PARM_DESC(count, "living network namespaces, the initial one included");

MODULE_DESCRIPTION("Count of network namespaces, for the laboratory");
MODULE_LICENSE("GPL");
