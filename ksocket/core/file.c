// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file that a ksocket doesn't have
 *
 * Some code takes it for granted that whoever opened a socket did so through a
 * file, and reads that file's credentials or flags: Landlock when a confined
 * process talks to an AF_UNIX socket (security/landlock/task.c), netlink before
 * it obeys a request (netlink_ns_capable()), udp_poll(). One file serves all
 * sockets: it was opened by the kernel, and blocks.
 *
 * It is lent to those families only that need it: others (SMC) write to it.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/sched/task.h>

#include "core.h"

static struct file ksock_file;

int ksock_file_init(void)
{
	struct cred *cred = prepare_kernel_cred(&init_task);

	if (!cred)
		return -ENOMEM;
	ksock_file.f_cred = cred;
	return 0;
}

void ksock_file_exit(void)
{
	put_cred(ksock_file.f_cred);
}

/* For proto_ops.poll(), which only looks at its flags. */
struct file *ksock_file_to_poll(void)
{
	return &ksock_file;
}

void ksock_file_lend(struct socket *sock)
{
	if (sock->sk->sk_family == AF_UNIX || sock->sk->sk_family == AF_NETLINK)
		sock->file = &ksock_file;
}

/*
 * sock_release(), which takes a socket with a file for half of one: it ends the
 * sock and forgets the file, but leaves the inode to the file's release. So the
 * file stays until no peer can find the sock, and a second call frees the rest.
 */
void ksock_file_release(struct socket *sock)
{
	bool lent = sock->file;

	sock_release(sock);
	if (lent)
		sock_release(sock);
}
