// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaver: a consumer that forgets to close its sockets
 *
 * It connects to address:port, listens on a port of its own, and opens a
 * datagram socket that does not pin its network namespace. Its exit does
 * nothing about them. With callbacks, they note what they heard; with parting,
 * the one of the stream closes it, and takes its time to return. When anything is
 * written to lend, it sends a page without a copy, and its exit does not wait until
 * that is done.
 */
#include <linux/bvec.h>
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <ksocket/ksocket.h>

static char *address = "127.0.0.1";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "IPv4 address to connect to");

static ushort port;
module_param(port, ushort, 0444);
MODULE_PARM_DESC(port, "port to connect to");

static ushort own_port;
module_param(own_port, ushort, 0444);
MODULE_PARM_DESC(own_port, "port of the listener and of the datagram socket");

static bool unpinned;
module_param(unpinned, bool, 0444);
MODULE_PARM_DESC(unpinned, "open only the socket that does not pin");

static char *callbacks = "";
module_param(callbacks, charp, 0444);
MODULE_PARM_DESC(callbacks, "direct or deferred ones on all sockets, or none");

static unsigned int parting;
module_param(parting, uint, 0444);
MODULE_PARM_DESC(parting, "ms that a recv callback goes on, having closed its socket");

static bool tidy;
module_param(tidy, bool, 0444);
MODULE_PARM_DESC(tidy, "close the stream in the exit");

static unsigned long heard;
module_param(heard, ulong, 0444);
MODULE_PARM_DESC(heard, "callbacks that were run");

static ksocket_t stream, listener, datagram;
static struct page *page;

static void leaver_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	WRITE_ONCE(heard, heard + 1);
	if (!parting || s != stream)
		return;
	ksock_close(s);
	msleep(parting);
	pr_info("leaver: the callback returns\n");
}

static void leaver_event(ksocket_t s, void *arg)
{
	WRITE_ONCE(heard, heard + 1);
}

static void leaver_done(void *arg, bool copied)
{
	WRITE_ONCE(heard, heard + 1);
	pr_info("leaver: the send is done\n");
}

static int leaver_lend(const char *text, const struct kernel_param *kp)
{
	struct bio_vec bv;
	size_t sent;

	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	memset(page_address(page), 'z', PAGE_SIZE);
	bvec_set_page(&bv, page, PAGE_SIZE, 0);
	return ksock_send_zc(stream, &bv, 1, PAGE_SIZE, MSG_DONTWAIT, &sent,
			     leaver_done, NULL);
}

static const struct kernel_param_ops lend_ops = { .set = leaver_lend };
module_param_cb(lend, &lend_ops, NULL, 0200);
MODULE_PARM_DESC(lend, "written to: send a page full of 'z' without a copy, once");

static int leaver_listen(ksocket_t s)
{
	ksock_callbacks_t cb = {
		.newconn	= leaver_event,
		.recv		= leaver_recv,
	};

	if (!*callbacks)
		return 0;
	if (!strcmp(callbacks, "deferred"))
		cb.flags = KSOCK_CB_DEFERRED;
	return ksock_callbacks(s, &cb, NULL);
}

static int leaver_bind(ksocket_t s)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(own_port),
	};

	return ksock_bind(s, (struct sockaddr *)&at, sizeof(at));
}

static int leaver_pin(void)
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
	err = ksock_connect(stream, (struct sockaddr *)&to, sizeof(to)) ?:
	      leaver_listen(stream) ?:
	      ksock_socket(&listener, AF_INET, SOCK_STREAM, 0);
	if (err)
		return err;
	return leaver_bind(listener) ?:
	       ksock_listen(listener, 1) ?:
	       leaver_listen(listener);
}

static int __init leaver_init(void)
{
	int err = unpinned ? 0 : leaver_pin();

	if (err)
		return err;
	return ksock_socket_net(&datagram, AF_INET, SOCK_DGRAM, 0,
				ksock_current_net(), KSOCK_NOPIN) ?:
	       leaver_bind(datagram) ?:
	       leaver_listen(datagram);
}

static void __exit leaver_exit(void)
{
	if (tidy)
		ksock_close(stream);
	if (page)
		put_page(page);
}

module_init(leaver_init);
module_exit(leaver_exit);

MODULE_DESCRIPTION("A consumer that leaves its sockets open");
MODULE_LICENSE("GPL");
