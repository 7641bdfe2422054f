/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A protocol family that is but its answers to ksocket
 */
#ifndef _KSOCKET_KUNIT_FAKE_H
#define _KSOCKET_KUNIT_FAKE_H

#include <net/sock.h>
#include <ksocket/family.h>

#include "fixture.h"

/* A number that the kernel has kept since DECnet left */
#define KT_FAKE		AF_DECnet

/**
 * struct kt_fake - a sock of the family
 * @sk: must come first
 * @query: what it answers
 * @option: the one option that it tells; none, if that has level 0
 * @flags: what the last message to be sent had; all are taken
 * @ubuf: likewise
 */
struct kt_fake {
	struct sock		sk;
	struct ksock_query	query;
	struct ksock_option	option;
	unsigned int		flags;
	struct ubuf_info	*ubuf;
};

static inline struct kt_fake *kt_fake(ksocket_t s)
{
	return container_of(s->sock->sk, struct kt_fake, sk);
}

int kt_fake_register(struct kunit_suite *suite);
void kt_fake_unregister(struct kunit_suite *suite);

/* Whether the sockets to be made answer at all */
extern bool kt_fake_answers;

#endif /* _KSOCKET_KUNIT_FAKE_H */
