// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining: every socket ends, and none begins, so that the module can go
 */
#include <linux/rtnetlink.h>

#include "kinet.h"

static bool kinet_drained;

bool kinet_is_drained(void)
{
	return READ_ONCE(kinet_drained);
}

/* One that has not been aborted yet, held. */
static struct sock *kinet_drain_next(struct kinet_net *kn)
{
	struct sock *sk, *found = NULL;
	struct kinet_sock *k;

	spin_lock_bh(&kn->socks_lock);
	list_for_each_entry(k, &kn->socks, node) {
		sk = &k->inet.sk;
		if (!READ_ONCE(k->dead) &&
		    refcount_inc_not_zero(&sk->sk_refcnt)) {
			found = sk;
			break;
		}
	}
	spin_unlock_bh(&kn->socks_lock);
	return found;
}

static void kinet_drain_net(struct net *net)
{
	struct sock *sk;

	while ((sk = kinet_drain_next(kinet_net(net)))) {
		kinet_sock_abort(sk);
		sock_put(sk);
	}
	kinet_remains_purge(net);
}

/**
 * kinet_drain() - end all sockets, and let none begin; or let them again
 * @on: which
 *
 * Context: Process context. May sleep.
 */
void kinet_drain(bool on)
{
	struct net *net;

	WRITE_ONCE(kinet_drained, on);
	/* Pairs with kinet_net_use(), which adds a socket, then looks. */
	smp_mb();
	if (!on)
		return;
	down_read(&net_rwsem);
	for_each_net(net)
		kinet_drain_net(net);
	up_read(&net_rwsem);
}
