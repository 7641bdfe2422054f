/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test of the calls has: sockets and threads that end with it
 */
#ifndef _KSOCKET_KUNIT_FIXTURE_H
#define _KSOCKET_KUNIT_FIXTURE_H

#include <kunit/test.h>

#include "../ksocket/core/core.h"

/* Nothing here takes this long, unless it hangs. */
#define KT_BOUND_SECS	60
#define KT_BOUND	(KT_BOUND_SECS * HZ)
#define KT_BOUND_US	(KT_BOUND_SECS * USEC_PER_SEC)

/**
 * struct kt_fixture - what has to end with the test
 * @sockets: every socket of the test, see kt_keep()
 * @threads: every thread of the test, see kt_start()
 */
struct kt_fixture {
	struct list_head sockets;
	struct list_head threads;
};

/* init and exit of a suite whose tests use sockets or threads */
int kt_init(struct kunit *test);
void kt_exit(struct kunit *test);

/* Joins what kt_exit() finds running, see thread.c. */
void kt_end_threads(struct kunit *test, struct kt_fixture *fixture);

ksocket_t kt_keep(struct kunit *test, ksocket_t s);
ksocket_t kt_socket(struct kunit *test, int domain, int type);
ksocket_t kt_socket_flags(struct kunit *test, int domain, int type,
			  unsigned int flags);
void kt_set_nonblock(struct kunit *test, ksocket_t s);
void kt_set_int(struct kunit *test, ksocket_t s, int level, int name, int val);
int kt_get_int(struct kunit *test, ksocket_t s, int level, int name);
void kt_set_timeout(struct kunit *test, ksocket_t s, int name, int msecs);
void kt_set_linger(struct kunit *test, ksocket_t s, int secs);
__poll_t kt_wait_poll(struct kunit *test, ksocket_t s, __poll_t events);
unsigned int kt_count_listed(void);
void *kt_pattern(struct kunit *test, size_t size, u32 seed);

#endif /* _KSOCKET_KUNIT_FIXTURE_H */
