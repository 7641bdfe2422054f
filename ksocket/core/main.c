// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksocket: sockets for kernel modules
 */
#include <linux/module.h>

static int __init ksocket_init(void)
{
	return 0;
}

static void __exit ksocket_exit(void)
{
}

module_init(ksocket_init);
module_exit(ksocket_exit);

MODULE_DESCRIPTION("Berkeley sockets for kernel modules");
MODULE_LICENSE("GPL");
