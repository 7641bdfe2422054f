// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lock classes by nesting level
 *
 * A consumer below another consumer - storage over the network, below a network
 * server - locks its socket with the other's locked further up. lockdep has one
 * class for all kernel sockets of a family, and would take that for recursion.
 * The classes are here, not in the consumer, whom they would pin. Accepted
 * sockets are in their family's class.
 */
#include "core.h"

enum {
	KSOCK_NEST_INET,
	KSOCK_NEST_INET6,
	KSOCK_NEST_UNIX,
	KSOCK_NEST_OTHER,
	KSOCK_NEST_FAMILIES,
};

static struct lock_class_key ksock_slock_keys[KSOCK_NEST_FAMILIES][KSOCK_NEST_MAX];
static struct lock_class_key ksock_lock_keys[KSOCK_NEST_FAMILIES][KSOCK_NEST_MAX];

static int ksock_nest_family(const struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_INET:
		return KSOCK_NEST_INET;
	case AF_INET6:
		return KSOCK_NEST_INET6;
	case AF_UNIX:
		return KSOCK_NEST_UNIX;
	default:
		return KSOCK_NEST_OTHER;
	}
}

/* Of a sock that nobody has locked yet */
void ksock_nest(struct sock *sk, unsigned int flags)
{
	unsigned int level = (flags & KSOCK_NEST_MASK) >> KSOCK_NEST_SHIFT;
	int family = ksock_nest_family(sk);

	if (!level)
		return;
	sock_lock_init_class_and_name(sk, "slock-ksocket",
				      &ksock_slock_keys[family][level - 1],
				      "sk_lock-ksocket",
				      &ksock_lock_keys[family][level - 1]);
}
