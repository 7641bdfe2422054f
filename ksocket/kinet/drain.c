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

/*
 * One of any namespace, which is held, too. Who aborts it waits for its lock,
 * which a program may keep for as long as it likes: without net_rwsem, for which
 * all waits that makes or ends a namespace.
 */
static struct sock *kinet_drain_any(void)
{
	struct sock *sk = NULL;
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (!maybe_get_net(net))
			continue;
		sk = kinet_drain_next(kinet_net(net));
		if (sk)
			break;
		put_net(net);
	}
	up_read(&net_rwsem);
	return sk;
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
	struct sock *sk;

	WRITE_ONCE(kinet_drained, on);
	/* Pairs with kinet_net_use(), which adds a socket, then looks. */
	smp_mb();
	if (!on)
		return;
	while ((sk = kinet_drain_any())) {
		net = sock_net(sk);
		kinet_sock_abort(sk);
		sock_put(sk);
		put_net(net);
	}
	down_read(&net_rwsem);
	for_each_net(net)
		kinet_remains_purge(net);
	up_read(&net_rwsem);
}
