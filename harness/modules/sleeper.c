// SPDX-License-Identifier: GPL-2.0-only
/*
 * sleeper: a consumer that sleeps in a direct callback
 *
 * Bottom halves are disabled there: a kernel that looks for it complains.
 */
#include <linux/in.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include <ksocket/ksocket.h>

static DEFINE_MUTEX(lock);

/* Nobody else has the mutex: only the kernel's checks notice. */
static void sleeper_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	mutex_lock(&lock);
	mutex_unlock(&lock);
}

static int sleeper_hear(ksocket_t s)
{
	static const ksock_callbacks_t cb = { .recv = sleeper_recv };
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);

	/* To itself, so that the callback is run by the one who sends. */
	return ksock_bind(s, (struct sockaddr *)&at, sizeof(at)) ?:
	       ksock_getsockname(s, (struct sockaddr *)&at, &len) ?:
	       ksock_callbacks(s, &cb, NULL) ?:
	       ksock_sendto(s, "x", 1, 0, (struct sockaddr *)&at, sizeof(at),
			    NULL);
}

static int __init sleeper_init(void)
{
	ksocket_t s;
	int err;

	err = ksock_socket(&s, AF_INET, SOCK_DGRAM, 0);
	if (err)
		return err;
	err = sleeper_hear(s);
	ksock_close(s);
	return err;
}

static void __exit sleeper_exit(void)
{
}

module_init(sleeper_init);
module_exit(sleeper_exit);

MODULE_DESCRIPTION("A consumer that sleeps in a direct callback");
MODULE_LICENSE("GPL");
