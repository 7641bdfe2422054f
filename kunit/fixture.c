// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that end with their test, however the test ends
 */
#include <linux/iopoll.h>
#include <linux/prandom.h>
#include <linux/rtnetlink.h>
#include <asm/ioctls.h>

#include "fixture.h"

/* Held, so that a thread may still name it after the test closed it. */
struct kt_socket {
	struct list_head node;
	ksocket_t s;
};

/* Guests bring it up as they boot; a kernel booted by hand may not. */
static int kt_bring_up_loopback(void)
{
	int err;

	rtnl_lock();
	err = dev_open(init_net.loopback_dev, NULL);
	rtnl_unlock();
	return err;
}

int kt_init(struct kunit *test)
{
	struct kt_fixture *fixture;

	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	if (!fixture)
		return -ENOMEM;
	INIT_LIST_HEAD(&fixture->sockets);
	INIT_LIST_HEAD(&fixture->threads);
	test->priv = fixture;
	return kt_bring_up_loopback();
}

/*
 * Closing wakes whoever is blocked, as every caller is promised: what a failed
 * test left behind ends that way.
 */
void kt_exit(struct kunit *test)
{
	struct kt_fixture *fixture = test->priv;
	struct kt_socket *socket;

	if (!fixture)
		return;
	list_for_each_entry(socket, &fixture->sockets, node)
		ksock_close(socket->s);
	kt_end_threads(test, fixture);
	list_for_each_entry(socket, &fixture->sockets, node)
		ksock_rele(socket->s);
}

/**
 * kt_keep() - have a socket end with the test
 * @test: test
 * @s: handle
 *
 * Return: @s. The test may close it, and may name it until it returns.
 */
ksocket_t kt_keep(struct kunit *test, ksocket_t s)
{
	struct kt_fixture *fixture = test->priv;
	struct kt_socket *socket;

	socket = kunit_kzalloc(test, sizeof(*socket), GFP_KERNEL);
	if (!socket)
		ksock_close(s);
	KUNIT_ASSERT_NOT_NULL(test, socket);
	ksock_hold(s);
	socket->s = s;
	list_add_tail(&socket->node, &fixture->sockets);
	return s;
}

ksocket_t kt_socket_flags(struct kunit *test, int domain, int type,
			  unsigned int flags)
{
	ksocket_t s;
	int err;

	err = ksock_socket_net(&s, domain, type, 0, &init_net, flags);
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "no socket of family %d, type %d",
			    domain, type);
	return kt_keep(test, s);
}

ksocket_t kt_socket(struct kunit *test, int domain, int type)
{
	return kt_socket_flags(test, domain, type, 0);
}

void kt_set_nonblock(struct kunit *test, ksocket_t s)
{
	int on = 1;

	KUNIT_ASSERT_EQ(test, ksock_ioctl(s, FIONBIO, (intptr_t)&on), 0);
}

void kt_set_int(struct kunit *test, ksocket_t s, int level, int name, int val)
{
	int err = ksock_setsockopt(s, level, name, &val, sizeof(val));

	KUNIT_ASSERT_EQ_MSG(test, err, 0, "level %d, option %d can't be set to %d",
			    level, name, val);
}

int kt_get_int(struct kunit *test, ksocket_t s, int level, int name)
{
	int val = 0, len = sizeof(val), err;

	err = ksock_getsockopt(s, level, name, &val, &len);
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "level %d, option %d can't be read",
			    level, name);
	KUNIT_ASSERT_EQ(test, len, (int)sizeof(val));
	return val;
}

void kt_set_timeout(struct kunit *test, ksocket_t s, int name, int msecs)
{
	struct __kernel_sock_timeval time = {
		.tv_sec = msecs / MSEC_PER_SEC,
		.tv_usec = msecs % MSEC_PER_SEC * USEC_PER_MSEC,
	};
	int err = ksock_setsockopt(s, SOL_SOCKET, name, &time, sizeof(time));

	KUNIT_ASSERT_EQ(test, err, 0);
}

void kt_set_linger(struct kunit *test, ksocket_t s, int secs)
{
	struct linger linger = { .l_onoff = 1, .l_linger = secs };
	int err;

	err = ksock_setsockopt(s, SOL_SOCKET, SO_LINGER, &linger,
			       sizeof(linger));
	KUNIT_ASSERT_EQ(test, err, 0);
}

/* What comes over the loopback comes soon, but in a softirq of its own. */
__poll_t kt_wait_poll(struct kunit *test, ksocket_t s, __poll_t events)
{
	__poll_t seen;
	int err;

	err = read_poll_timeout(ksock_poll, seen, (seen & events) == events,
				1000, KT_BOUND_US, false, s);
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "waited for events %#x, poll says %#x",
			    (__force u32)events, (__force u32)seen);
	return seen;
}

/* Handles that are not closed, of everyone. */
unsigned int kt_count_listed(void)
{
	unsigned int n;

	spin_lock(&ksock_list_lock);
	n = list_count_nodes(&ksock_list);
	spin_unlock(&ksock_list_lock);
	return n;
}

/* Bytes in which every displacement shows. */
void *kt_pattern(struct kunit *test, size_t size, u32 seed)
{
	struct rnd_state state;
	void *bytes;

	bytes = kunit_kmalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bytes);
	prandom_seed_state(&state, seed);
	prandom_bytes_state(&state, bytes, size);
	return bytes;
}
