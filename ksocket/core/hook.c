// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sk_* hooks, and how they come and go
 *
 * A hook calls what it replaced, then looks. The sock may be another's: the
 * children of a TCP listener are cloned with its hooks and without its
 * sk_user_data (SK_USER_DATA_NOCOPY). A child gets TCP's own back as soon as it
 * is established: it need not be accepted by us, as net.ipv4.tcp_migrate_req
 * hands those that wait to another listener when ours closes, and must not keep
 * what goes with ksocket.ko. Until then TCP's hooks are called all the same.
 */
#include <net/tcp.h>

#include "core.h"

static void ksock_hook_data_ready(struct sock *sk);
static void ksock_hook_write_space(struct sock *sk);
static void ksock_hook_state_change(struct sock *sk);
static void ksock_hook_error_report(struct sock *sk);

/* Those of every TCP sock that nobody hooked; and of others, when they are lost */
static struct ksock_hooks ksock_tcp_hooks;

static struct ksock_events *ksock_events_of(struct sock *sk)
{
	return rcu_dereference_sk_user_data(sk);
}

static const struct ksock_hooks *ksock_saved(const struct ksock_events *ev)
{
	return ev && ev->hooked ? &ev->saved : &ksock_tcp_hooks;
}

/* Whoever has put another hook on top keeps it. */
static void ksock_restore(const struct ksock_hooks *saved, struct sock *sk)
{
	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_data_ready == ksock_hook_data_ready)
		WRITE_ONCE(sk->sk_data_ready, saved->data_ready);
	if (sk->sk_write_space == ksock_hook_write_space)
		WRITE_ONCE(sk->sk_write_space, saved->write_space);
	if (sk->sk_state_change == ksock_hook_state_change)
		WRITE_ONCE(sk->sk_state_change, saved->state_change);
	if (sk->sk_error_report == ksock_hook_error_report)
		WRITE_ONCE(sk->sk_error_report, saved->error_report);
	write_unlock_bh(&sk->sk_callback_lock);
}

static void ksock_hook_data_ready(struct sock *sk)
{
	struct ksock_events *ev;

	rcu_read_lock();
	ev = ksock_events_of(sk);
	ksock_saved(ev)->data_ready(sk);
	if (ksock_acts(ev)) {
		ksock_rx_ready(ev, sk);
		/* Only an urgent mark is left to be told. */
		if (sk_is_tcp(sk) && likely(!READ_ONCE(tcp_sk(sk)->urg_data)))
			ev = NULL;
	}
	if (ev)
		ksock_happened(ev, sk, KSOCK_ARRIVED);
	rcu_read_unlock();
}

static void ksock_hook_state_change(struct sock *sk)
{
	struct ksock_events *ev;

	rcu_read_lock();
	ev = ksock_events_of(sk);
	ksock_saved(ev)->state_change(sk);
	/* What came with the FIN is before the end of file. */
	if (ksock_acts(ev))
		ksock_rx_ready(ev, sk);
	if (ev)
		ksock_happened(ev, sk, KSOCK_STATE);
	else if (sk_is_tcp(sk))
		ksock_restore(&ksock_tcp_hooks, sk);
	rcu_read_unlock();
}

static void ksock_hook_error_report(struct sock *sk)
{
	struct ksock_events *ev;

	rcu_read_lock();
	ev = ksock_events_of(sk);
	ksock_saved(ev)->error_report(sk);
	if (ev)
		ksock_happened(ev, sk, KSOCK_ERROR);
	rcu_read_unlock();
}

/* As the family's own write_space tells whether to wake a sender. */
bool ksock_has_room(struct sock *sk)
{
	if (sk->sk_family == AF_UNIX)
		return refcount_read(&sk->sk_wmem_alloc) << 2 <=
		       READ_ONCE(sk->sk_sndbuf);
	if (sk_is_tcp(sk))
		return __sk_stream_is_writeable(sk, 1);
	return sock_writeable(sk);
}

/*
 * Of several who find room the one who clears the mark tells. TCP's own does so,
 * under the sock's lock, and so may a stream of a family that answers the query.
 */
static bool ksock_found_room(const struct ksock_events *ev, struct sock *sk,
			     struct socket *sock)
{
	if (ev->queries && sk->sk_type == SOCK_STREAM)
		return !test_bit(SOCK_NOSPACE, &sock->flags) ||
		       (ksock_look_room(sk) &&
			test_and_clear_bit(SOCK_NOSPACE, &sock->flags));
	return ksock_has_room(sk) &&
	       (sk_is_tcp(sk) || test_and_clear_bit(SOCK_NOSPACE, &sock->flags));
}

/* Only of interest after a send that fell short, which sets SOCK_NOSPACE. */
static void ksock_hook_write_space(struct sock *sk)
{
	struct ksock_events *ev;
	struct socket *sock;
	bool fell_short;

	rcu_read_lock();
	ev = ksock_events_of(sk);
	/* The room, then the mark: see ksock_events_fell_short(). */
	smp_mb();
	/* Freed after a grace period only, if it is let go of just now. */
	sock = READ_ONCE(sk->sk_socket);
	fell_short = sock && test_bit(SOCK_NOSPACE, &sock->flags);
	ksock_saved(ev)->write_space(sk);
	if (ev && fell_short && ksock_found_room(ev, sk, sock)) {
		if (ksock_acts(ev)) {
			ksock_rx_ready(ev, sk);
			/* It may have come to the end of file. */
			ksock_happened(ev, sk, KSOCK_STATE);
		} else {
			ksock_happened(ev, sk, KSOCK_ROOM);
		}
	}
	rcu_read_unlock();
}

/*
 * An AF_UNIX socket that sends messages hears of room at its peer by its wait
 * queue only (unix_dgram_peer_wake_relay()). Called under the queue's lock.
 */
static int ksock_unix_woken(wait_queue_entry_t *wait, unsigned int mode,
			    int sync, void *key)
{
	struct ksock_events *ev = container_of(wait, struct ksock_events, wait);
	struct sock *sk = wait->private;
	struct socket *sock = READ_ONCE(sk->sk_socket);

	/* A peer that goes wakes without a key: the next send says so. */
	if ((!key || key_to_poll(key) & EPOLLOUT) && sock && ksock_has_room(sk) &&
	    test_and_clear_bit(SOCK_NOSPACE, &sock->flags))
		ksock_happened(ev, sk, KSOCK_ROOM);
	return 0;
}

static bool ksock_waits_for_peer(const struct sock *sk)
{
	return sk->sk_family == AF_UNIX && sk->sk_type != SOCK_STREAM;
}

static void ksock_save(struct ksock_hooks *saved, const struct sock *sk)
{
	saved->data_ready = sk->sk_data_ready;
	saved->write_space = sk->sk_write_space;
	saved->state_change = sk->sk_state_change;
	saved->error_report = sk->sk_error_report;
}

static void ksock_install(struct ksock_events *ev, struct sock *sk)
{
	ksock_save(&ev->saved, sk);
	ev->hooked = true;
	__rcu_assign_sk_user_data_with_flags(sk, ev, SK_USER_DATA_NOCOPY);
	WRITE_ONCE(sk->sk_data_ready, ksock_hook_data_ready);
	WRITE_ONCE(sk->sk_write_space, ksock_hook_write_space);
	WRITE_ONCE(sk->sk_state_change, ksock_hook_state_change);
	WRITE_ONCE(sk->sk_error_report, ksock_hook_error_report);
}

/**
 * ksock_hook() - put our hooks on a sock, once
 * @ev: its events
 * @sk: sock, which its caller has locked by lock_sock()
 *
 * Return: 0, -EBUSY when someone else's data is there.
 */
int ksock_hook(struct ksock_events *ev, struct sock *sk)
{
	int err = 0;

	sock_owned_by_me(sk);
	write_lock_bh(&sk->sk_callback_lock);
	if (ev->hooked)
		goto unlock;
	err = -EBUSY;
	if (sk->sk_user_data)
		goto unlock;
	err = 0;
	ksock_install(ev, sk);
	if (ksock_waits_for_peer(sk)) {
		init_waitqueue_func_entry(&ev->wait, ksock_unix_woken);
		ev->wait.private = sk;
		add_wait_queue(sk_sleep(sk), &ev->wait);
	}
unlock:
	write_unlock_bh(&sk->sk_callback_lock);
	return err;
}

/**
 * ksock_unhook() - take them away again
 * @ev: the sock's events
 * @sk: sock, which its caller has locked by lock_sock()
 *
 * One that has begun already may still look, until a grace period is over.
 */
void ksock_unhook(struct ksock_events *ev, struct sock *sk)
{
	sock_owned_by_me(sk);
	if (!ev->hooked)
		return;
	if (ksock_waits_for_peer(sk))
		remove_wait_queue(sk_sleep(sk), &ev->wait);
	ksock_restore(&ev->saved, sk);
	rcu_assign_sk_user_data(sk, NULL);
}

/**
 * ksock_unhook_child() - give an accepted sock the hooks of its own kind
 * @sk: sock, just accepted
 *
 * It has ours when its listener was hooked as the connection came in, and it is
 * not yet established: TCP fast open.
 */
void ksock_unhook_child(struct sock *sk)
{
	if (READ_ONCE(sk->sk_data_ready) == ksock_hook_data_ready)
		ksock_restore(&ksock_tcp_hooks, sk);
}

int ksock_hook_init(void)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, 0, &sock);
	if (err)
		return err;
	ksock_save(&ksock_tcp_hooks, sock->sk);
	sock_release(sock);
	return 0;
}
