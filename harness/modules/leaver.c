// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaver: a consumer that forgets to close its sockets
 *
 * It connects to address:port, listens on a port of its own, and opens a
 * datagram socket that does not pin its network namespace. Its exit does
 * nothing about them.
 */
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/module.h>

#include <ksocket/ksocket.h>

static char *address = "127.0.0.1";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "IPv4 address to connect to");

static ushort port;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "port to connect to");

static bool unpinned;
module_param(unpinned, bool, 0444);
MODULE_PARM_DESC(unpinned, "open only the socket that does not pin");

static ksocket_t stream, listener, datagram;

static int __init leaver_pin(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int err;

	if (!in4_pton(address, -1, (u8 *)&to.sin_addr, -1, NULL))
		return -EINVAL;
	err = ksock_socket(&stream, AF_INET, SOCK_STREAM, 0);
	if (err)
		return err;
	err = ksock_connect(stream, (struct sockaddr *)&to, sizeof(to));
	if (err)
		return err;
	err = ksock_socket(&listener, AF_INET, SOCK_STREAM, 0);
	if (err)
		return err;
	return ksock_listen(listener, 1);
}

static int __init leaver_init(void)
{
	int err = unpinned ? 0 : leaver_pin();

	if (err)
		return err;
	return ksock_socket_net(&datagram, AF_INET, SOCK_DGRAM, 0,
				ksock_current_net(), KSOCK_NOPIN);
}

static void __exit leaver_exit(void)
{
}

module_init(leaver_init);
module_exit(leaver_exit);

MODULE_DESCRIPTION("A consumer that leaves its sockets open");
MODULE_LICENSE("GPL");
