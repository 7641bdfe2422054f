// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles and their lifetime
 *
 * A handle is alive in three stages. Open: calls enter and leave through the
 * gate, ksocket.calls. Shut: whoever was first to set ksocket.gone - the
 * consumer's ksock_close(), the exit of a network namespace, or the reaper of a
 * module that left - has closed the gate, wakes the callers who sleep in the
 * family's code, waits until the last has left, and releases the socket. Then
 * only the memory is left, for those who called ksock_hold(): every call on it
 * is answered with ksocket.gone.
 */
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "core.h"

struct list_head ksock_list = LIST_HEAD_INIT(ksock_list);
EXPORT_SYMBOL_IF_KUNIT(ksock_list);
DEFINE_SPINLOCK(ksock_list_lock);
EXPORT_SYMBOL_IF_KUNIT(ksock_list_lock);

/* How often the callers of a closing socket are woken, see ksock_drain(). */
#define KSOCK_WAKE_INTERVAL	(HZ / 50)

static struct kmem_cache *ksock_cache;

int ksock_handles_init(void)
{
	ksock_cache = KMEM_CACHE(ksocket, 0);
	return ksock_cache ? 0 : -ENOMEM;
}

/* Behind ksock_events_exit(), which waits for those that are being freed. */
void ksock_handles_exit(void)
{
	kmem_cache_destroy(ksock_cache);
}

struct ksocket *ksock_alloc(unsigned int flags, struct module *owner)
{
	struct ksocket *s = kmem_cache_zalloc(ksock_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	s->flags = flags;
	s->creator = owner;
	s->owner = owner;
	refcount_set(&s->refs, 1);
	init_completion(&s->drained);
	init_completion(&s->released);
	INIT_LIST_HEAD(&s->node);
	return s;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_alloc);

/* One that never was published, or that no hook looks at any more */
void ksock_free(struct ksocket *s)
{
	ksock_events_free(s->events);
	kmem_cache_free(ksock_cache, s);
}
EXPORT_SYMBOL_IF_KUNIT(ksock_free);

static void ksock_free_rcu(struct rcu_head *rcu)
{
	ksock_free(container_of(rcu, struct ksocket, rcu));
}

static void ksock_set_allocation(struct ksocket *s, struct sock *sk)
{
	if (s->flags & KSOCK_ATOMIC)
		sk->sk_allocation = GFP_ATOMIC;
	else if (s->flags & KSOCK_NOIO)
		sk->sk_allocation = GFP_NOIO;
	else if (s->flags & KSOCK_NOFS)
		sk->sk_allocation = GFP_NOFS;
	else
		return;
	/*
	 * The task's page fragment may be in use further up the stack when
	 * reclaim has come down to this socket.
	 */
	sk->sk_use_task_frag = false;
}

/*
 * Kernel sockets do not pin their namespace. Ours do, so that data and FIN are
 * still retransmitted after the namespace's last process left.
 */
static bool ksock_pin_net(struct sock *sk)
{
	if (sk->sk_net_refcnt)
		return true;
	if (!maybe_get_net(sock_net(sk)))
		return false;
	ksock_compat_net_refcnt_upgrade(sk);
	put_net(sock_net(sk));
	return true;
}

/*
 * From here on the handle is found by the reaper, the namespace and /proc. The
 * namespace is alive: held by the caller, or by the listener.
 */
void ksock_publish(struct ksocket *s, struct socket *sock)
{
	ksock_set_allocation(s, sock->sk);
	ksock_file_lend(sock);
	if (!(s->flags & KSOCK_NOPIN))
		ksock_pin_net(sock->sk);
	s->sock = sock;
	s->net = sock_net(sock->sk);
	s->slices = ksock_slices_send(sock->sk);

	spin_lock(&ksock_list_lock);
	list_add_tail(&s->node, &ksock_list);
	spin_unlock(&ksock_list_lock);
}

/**
 * ksock_current_net() - network namespace of the calling task
 *
 * Context: Any; meaningful in process context.
 * Return: the namespace, or NULL in a task that has given up its namespaces
 * because it is exiting.
 */
struct net *ksock_current_net(void)
{
	return current->nsproxy ? current->nsproxy->net_ns : NULL;
}
EXPORT_SYMBOL_GPL(ksock_current_net);

static int ksock_create(ksocket_t *s, int domain, int type, int protocol,
			struct net *net, unsigned int flags,
			struct module *owner)
{
	struct ksocket *new;
	struct socket *sock;
	int err;

	new = ksock_alloc(flags, owner);
	if (!new)
		return -ENOMEM;
	err = sock_create_kern(net, domain, type, protocol, &sock);
	if (err < 0) {
		ksock_free(new);
		return err;
	}
	ksock_nest(sock->sk, flags);
	ksock_publish(new, sock);
	ksock_count(net, KSOCK_COUNT_OPENED);
	*s = new;
	return 0;
}

/**
 * __ksock_socket() - create a socket on behalf of a module
 * @s: where the handle is stored; NULL is stored on error
 * @domain: address family, AF_*
 * @type: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET or SOCK_RAW
 * @protocol: protocol within the family, 0 for its default
 * @net: network namespace
 * @flags: &enum ksock_flags, or 0
 * @owner: the module that the socket belongs to, NULL when it is built in
 *
 * Consumers call ksock_socket() or ksock_socket_net().
 *
 * Context: Process context. May sleep.
 * Return: as ksock_socket_net().
 */
int __ksock_socket(ksocket_t *s, int domain, int type, int protocol,
		   struct net *net, unsigned int flags, struct module *owner)
{
	struct ksock_call call;
	int err;

	if (!s)
		return -EFAULT;
	*s = NULL;
	if (unlikely(this_cpu_read(ksock_direct)))
		return ksock_refuse_direct();
	if (!net)
		return -EFAULT;
	if (flags & ~KSOCK_FLAGS)
		return -EINVAL;
	/*
	 * Held until the socket is published: a namespace whose exit has begun
	 * would never find it.
	 */
	net = maybe_get_net(net);
	if (!net)
		return -ENETDOWN;
	ksock_scope_begin(flags, &call);
	err = ksock_create(s, domain, type, protocol, net, flags, owner);
	ksock_scope_end(flags, &call);
	put_net(net);
	return ksock_plain_errno(err);
}
EXPORT_SYMBOL_GPL(__ksock_socket);

/**
 * ksock_hold() - keep a handle nameable
 * @s: handle, open or held by the caller already; NULL is ignored
 *
 * A held handle may be passed to every call, also after it was closed.
 *
 * Context: Any.
 */
void ksock_hold(ksocket_t s)
{
	if (s)
		refcount_inc(&s->refs);
}
EXPORT_SYMBOL_GPL(ksock_hold);

/**
 * ksock_rele() - give back a ksock_hold()
 * @s: handle; NULL is ignored
 *
 * Does not close the socket: that is what ksock_close() is for. One call too
 * many, on a socket that is open, is told in the log and has no effect.
 *
 * Context: Any.
 */
void ksock_rele(ksocket_t s)
{
	if (!s || !refcount_dec_and_test(&s->refs))
		return;
	if (unlikely(READ_ONCE(s->gone) != -ENOTSOCK)) {
		pr_warn_once("%s() without a hold, on an open socket: only ksock_close() ends it\n",
			     __func__);
		refcount_set(&s->refs, 1);
		return;
	}
	/* A hook that began before the close may still look. */
	call_rcu(&s->rcu, ksock_free_rcu);
}
EXPORT_SYMBOL_GPL(ksock_rele);

void ksock_scope_begin(unsigned int flags, struct ksock_call *call)
{
	sigset_t all;

	if (flags & KSOCK_NOIO)
		call->reclaim = memalloc_noio_save();
	else if (flags & KSOCK_NOFS)
		call->reclaim = memalloc_nofs_save();
	if (flags & KSOCK_NOINTR) {
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, &call->signals);
	}
}
EXPORT_SYMBOL_IF_KUNIT(ksock_scope_begin);

void ksock_scope_end(unsigned int flags, struct ksock_call *call)
{
	if (flags & KSOCK_NOINTR)
		sigprocmask(SIG_SETMASK, &call->signals, NULL);
	if (flags & KSOCK_NOIO)
		memalloc_noio_restore(call->reclaim);
	else if (flags & KSOCK_NOFS)
		memalloc_nofs_restore(call->reclaim);
}
EXPORT_SYMBOL_IF_KUNIT(ksock_scope_end);

static bool ksock_resets_on_close(const struct sock *sk)
{
	return sk_is_tcp(sk) && sock_flag(sk, SOCK_LINGER) &&
	       !READ_ONCE(sk->sk_lingertime);
}

/*
 * Where linger 0 promised a pure RST, a shutdown would send a FIN; where the
 * peer's SYN crossed ours, it would do nothing.
 */
static bool ksock_wakes_by_abort(const struct sock *sk)
{
	return ksock_resets_on_close(sk) ||
	       (sk_is_tcp(sk) && READ_ONCE(sk->sk_state) == TCP_SYN_RECV);
}

/*
 * For families without a shutdown (packet, netlink), or whose shutdown wakes
 * nobody who connects (vsock): their sleepers look at sk_err and sk_shutdown.
 */
static void ksock_wake_by_error(struct sock *sk)
{
	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	WRITE_ONCE(sk->sk_err, ECONNABORTED);
	sk->sk_state_change(sk);
	release_sock(sk);
}

static void ksock_wake_callers(struct ksocket *s)
{
	struct sock *sk = s->sock->sk;
	bool connecting = READ_ONCE(sk->sk_state) == TCP_SYN_SENT;

	if (ksock_wakes_by_abort(sk))
		tcp_abort(sk, ECONNABORTED);
	else if ((kernel_sock_shutdown(s->sock, SHUT_RDWR) || connecting) &&
		 !sk_is_inet(sk))
		ksock_wake_by_error(sk);
}

/*
 * A caller that is through the gate but not yet asleep may miss a wake-up: a
 * connect that only starts after the shutdown sleeps all the same. So wake
 * again until the last one has left.
 */
static void ksock_drain(struct ksocket *s)
{
	do {
		ksock_wake_callers(s);
	} while (!wait_for_completion_timeout(&s->drained,
					      KSOCK_WAKE_INTERVAL));
}

/*
 * Shut the gate, if nobody else has. The winner owns the release; when this
 * returns true no call is under way and none will start.
 */
VISIBLE_IF_KUNIT bool ksock_shut(struct ksocket *s, int gone, bool abort)
{
	if (cmpxchg(&s->gone, 0, gone))
		return false;
	/* A callback may be blocked in a call: first wake it, then wait. */
	if (gone == -ENETDOWN)
		ksock_events_net_down(s);
	else
		ksock_events_mute(s);
	if (abort)
		sock_no_linger(s->sock->sk);
	if (atomic_add_return(KSOCK_SHUT, &s->calls) != KSOCK_SHUT)
		ksock_drain(s);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_shut);

/* Nobody has to find the handle any more. */
void ksock_forget(struct ksocket *s)
{
	spin_lock(&ksock_list_lock);
	list_del_init(&s->node);
	spin_unlock(&ksock_list_lock);
}

/*
 * Let go of the socket. The handle stays on the list: one that lost its
 * namespace for the reaper, any other until the caller takes it off.
 */
static void ksock_release(struct ksocket *s)
{
	struct socket *sock = s->sock;
	bool pinned;

	/*
	 * tcp_close() stops the timers of a sock without a reference on its
	 * namespace: nobody would retransmit its data and FIN. Take the
	 * reference, or, where the namespace is dying, give up on both.
	 */
	pinned = ksock_pin_net(sock->sk);
	if (!pinned)
		sock_no_linger(sock->sk);

	/* A dying namespace has to wait for this sock, so is found until then. */
	ksock_events_release(s, sock->sk);

	spin_lock(&ksock_list_lock);
	s->sock = NULL;
	if (pinned)
		WRITE_ONCE(s->net, NULL);
	spin_unlock(&ksock_list_lock);

	ksock_file_release(sock);

	spin_lock(&ksock_list_lock);
	WRITE_ONCE(s->net, NULL);
	spin_unlock(&ksock_list_lock);
	complete_all(&s->released);
}

/*
 * End the handle for good, which exactly one caller does. Where the namespace's
 * exit has the socket already, only the handle is left to take.
 */
static bool ksock_end(struct ksocket *s, bool abort)
{
	if (ksock_shut(s, -ENOTSOCK, abort)) {
		ksock_events_wait(s);
		ksock_release(s);
	} else if (cmpxchg(&s->gone, -ENETDOWN, -ENOTSOCK) == -ENETDOWN) {
		ksock_events_mute(s);
		ksock_events_wait(s);
		wait_for_completion(&s->released);
	} else {
		return false;
	}
	if (!ksock_events_part(s))
		ksock_forget(s);
	return true;
}

/**
 * ksock_close() - close a socket
 * @s: handle; not to be used again unless the caller holds it by ksock_hold()
 *
 * Callers who are blocked in a call on the socket return with -EINTR, and the
 * close waits for them. SO_LINGER is honoured: with a time it waits for the
 * peer, which a signal ends, with 0 it resets the connection.
 *
 * When it returns, no callback of the socket runs any more, nor will; but it
 * may be called from a deferred one, which then is the last.
 *
 * Context: Process context, also from a deferred callback. May sleep. Not from
 * within a call on the same socket.
 * Return: 0, -ENOTSOCK when @s is NULL or closed already, or -EDEADLK from a
 * direct callback. A socket whose network namespace went away is closed with 0.
 */
int ksock_close(ksocket_t s)
{
	struct ksock_call call;
	bool ended;

	if (!s)
		return -ENOTSOCK;
	if (unlikely(this_cpu_read(ksock_direct)))
		return ksock_refuse_direct();
	ksock_scope_begin(s->flags, &call);
	ended = ksock_end(s, false);
	ksock_scope_end(s->flags, &call);
	if (!ended)
		return -ENOTSOCK;
	ksock_rele(s);
	return 0;
}
EXPORT_SYMBOL_GPL(ksock_close);

typedef bool ksock_match_t(const struct ksocket *s, const void *key);

static bool ksock_match_net(const struct ksocket *s, const void *net)
{
	return s->net == net;
}

static bool ksock_match_owner(const struct ksocket *s, const void *owner)
{
	return s->owner == owner;
}

/* Whether one of its callbacks runs there, which may have closed the socket. */
static bool ksock_match_teller(const struct ksocket *s, const void *owner)
{
	return ksock_events_use(s, owner);
}

/* The first match, held. */
static struct ksocket *ksock_find(ksock_match_t *match, const void *key)
{
	struct ksocket *s, *found = NULL;

	spin_lock(&ksock_list_lock);
	list_for_each_entry(s, &ksock_list, node) {
		if (match(s, key) && refcount_inc_not_zero(&s->refs)) {
			found = s;
			break;
		}
	}
	spin_unlock(&ksock_list_lock);
	return found;
}

/* The namespace is going: only sockets that do not pin it can be left. */
void ksock_net_down(struct net *net)
{
	struct ksocket *s;

	while ((s = ksock_find(ksock_match_net, net))) {
		if (ksock_shut(s, -ENETDOWN, true))
			ksock_release(s);
		else
			wait_for_completion(&s->released);
		ksock_rele(s);
	}
}
EXPORT_SYMBOL_IF_KUNIT(ksock_net_down);

/* As much of a list for the log as there is room for */
static void ksock_reap_note(struct ksocket *s, char *text, size_t size)
{
	size_t len = strlen(text);
	struct ksock_call call;
	char name[80];

	if (ksock_enter(s, &call))
		return;
	ksock_describe(s, name, sizeof(name));
	ksock_leave(s, &call);
	if (len + 2 + strlen(name) + sizeof(", ...") <= size)
		scnprintf(text + len, size - len, "%s%s", len ? ", " : "",
			  name);
	else if (len && text[len - 1] != '.')
		strscpy(text + len, ", ...", size - len);
}

/* What a module has created and others use now is theirs. */
static void ksock_bequeath(const struct module *creator)
{
	struct ksocket *s;

	spin_lock(&ksock_list_lock);
	list_for_each_entry(s, &ksock_list, node) {
		if (s->creator == creator)
			s->creator = s->owner;
	}
	spin_unlock(&ksock_list_lock);
}

/**
 * ksock_reap() - close what a module has left open, without lingering
 * @owner: the module, which is gone, and with it everyone who could close them
 * @text: filled with a list of them
 * @size: room there in bytes, 6 or more
 *
 * And wait for its callbacks that run: one that has closed its own socket is
 * waited for by nobody else.
 *
 * Context: Process context. May sleep.
 * Return: how many there were.
 */
unsigned int ksock_reap(struct module *owner, char *text, size_t size)
{
	struct ksocket *s;
	unsigned int n = 0;

	text[0] = '\0';
	while ((s = ksock_find(ksock_match_owner, owner))) {
		ksock_reap_note(s, text, size);
		if (ksock_end(s, true)) {
			ksock_rele(s);
			n++;
		} else {
			wait_for_completion(&s->released);
			ksock_events_wait(s);
			ksock_forget(s);
		}
		ksock_rele(s);
	}
	while ((s = ksock_find(ksock_match_teller, owner))) {
		ksock_events_wait(s);
		ksock_rele(s);
	}
	ksock_bequeath(owner);
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_reap);
