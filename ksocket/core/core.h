/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of ksocket.ko share, by the file that defines it
 */
#ifndef _KSOCKET_CORE_H
#define _KSOCKET_CORE_H

#include <kunit/visibility.h>
#include <linux/completion.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/signal.h>
#include <net/netns/generic.h>
#include <net/sock.h>
#include <ksocket/ksocket.h>

#include "event.h"

#define KSOCK_NEST_MASK	KSOCK_NEST(KSOCK_NEST_MAX)
#define KSOCK_FLAGS	(KSOCK_NOPIN | KSOCK_NOIO | KSOCK_NOFS | KSOCK_ATOMIC | \
			 KSOCK_NOINTR | KSOCK_NEST_MASK)
/* Flags that put the whole call under a scope, see ksock_enter(). */
#define KSOCK_SCOPED	(KSOCK_NOIO | KSOCK_NOFS | KSOCK_NOINTR)

/* Added to ksocket.calls when the gate is shut: the count is negative then. */
#define KSOCK_SHUT	INT_MIN

/**
 * struct ksocket - a socket of a kernel module
 * @sock: what the handle stands for; only to be used between ksock_enter() and
 *	ksock_leave(), or by the one who shut the gate. Under ksock_list_lock it
 *	is NULL as soon as the release has begun
 * @calls: calls under way; KSOCK_SHUT is added when no more may enter
 * @gone: 0, or the errno of every call to come; the first to set it has claimed
 *	the release
 * @flags: &enum ksock_flags
 * @nonblock: MSG_DONTWAIT for every call, once FIONBIO was set
 * @refs: who may still name the handle: its creator until ksock_close(), and
 *	everyone who called ksock_hold()
 * @rx_bytes: bytes received
 * @tx_bytes: bytes sent
 * @drained: completed by the last call that leaves after the gate was shut
 * @released: completed when @sock is no more
 * @slices: a send must not sleep in the family's code, see slice.c
 * @active: it is connected, or about to be, or was
 * @connecting: a call of ours is about to connect it
 * @known: and its consumer knows: ksock_connect() or ksock_accept() said so
 * @events: its callbacks, once there were any
 * @creator: the module that created it, or that it was left to
 * @owner: the module whose callbacks it has, else @creator; this and @creator
 *	change under ksock_list_lock
 * @net: its network namespace, pinned by @sock's sock unless KSOCK_NOPIN; NULL
 *	once it may go
 * @node: on ksock_list, until it is closed, and the callback that closed it
 *	has returned
 * @rcu: hooks may still look
 */
struct ksocket {
	struct socket		*sock;
	atomic_t		calls;
	int			gone;
	unsigned int		flags;
	int			nonblock;
	bool			slices;
	bool			active;
	bool			connecting;
	bool			known;
	refcount_t		refs;
	atomic64_t		rx_bytes;
	atomic64_t		tx_bytes;
	struct ksock_events	*events;
	struct completion	drained;
	struct completion	released;
	struct module		*creator;
	struct module		*owner;
	struct net		*net;
	struct list_head	node;
	struct rcu_head		rcu;
};

static inline struct ksock_events *ksock_events(const struct ksocket *s)
{
	/* Pairs with the cmpxchg() in ksock_events_get(): they are complete. */
	return smp_load_acquire(&s->events);
}

/**
 * struct ksock_call - what a call under way has to undo when it leaves
 * @reclaim: memalloc flags to restore
 * @signals: signal mask to restore
 */
struct ksock_call {
	unsigned int	reclaim;
	sigset_t	signals;
};

/* sock.c: handles and their lifetime */
extern struct list_head ksock_list;
extern spinlock_t ksock_list_lock;

int ksock_handles_init(void);
void ksock_handles_exit(void);
struct ksocket *ksock_alloc(unsigned int flags, struct module *owner);
void ksock_free(struct ksocket *s);
void ksock_publish(struct ksocket *s, struct socket *sock);
void ksock_forget(struct ksocket *s);
void ksock_net_down(struct net *net);
unsigned int ksock_reap(struct module *owner, char *text, size_t size);
void ksock_scope_begin(unsigned int flags, struct ksock_call *call);
void ksock_scope_end(unsigned int flags, struct ksock_call *call);

/**
 * ksock_enter() - begin a call on a handle
 * @s: handle, or NULL
 * @call: filled for ksock_leave()
 *
 * Until ksock_leave(), the socket behind the handle stays. A counter that is
 * negative is never touched, so that exactly one caller brings it down to
 * KSOCK_SHUT, and the handle can't be freed below a caller that leaves.
 *
 * Return: 0, -ENOTSOCK when @s is NULL or closed, -ENETDOWN when its network
 * namespace went away, -EDEADLK from a direct callback.
 */
static inline int ksock_enter(struct ksocket *s, struct ksock_call *call)
{
	if (unlikely(!s))
		return -ENOTSOCK;
	if (unlikely(this_cpu_read(ksock_direct)))
		return ksock_refuse_direct();
	if (unlikely(!atomic_inc_unless_negative(&s->calls))) {
		/* The errno was stored before the gate was shut. */
		smp_rmb();
		return READ_ONCE(s->gone);
	}
	if (unlikely(s->flags & KSOCK_SCOPED))
		ksock_scope_begin(s->flags, call);
	return 0;
}

static inline void ksock_leave(struct ksocket *s, struct ksock_call *call)
{
	if (unlikely(s->flags & KSOCK_SCOPED))
		ksock_scope_end(s->flags, call);
	if (unlikely(atomic_dec_return(&s->calls) == KSOCK_SHUT))
		complete(&s->drained);
}

/* errno.c: what the family said, as the caller should hear it */
int ksock_plain_errno(int err);
int ksock_failed(const struct ksocket *s, int err);
bool ksock_failed_retry(const struct ksocket *s, int err);

/* The outcome of a call on @s. */
static inline int ksock_errno(const struct ksocket *s, int err)
{
	return likely(err >= 0) ? err : ksock_failed(s, err);
}

/*
 * True when a call that signals may not interrupt was interrupted all the same
 * and should be made again.
 */
static inline bool ksock_retry(const struct ksocket *s, int err)
{
	return unlikely(err < 0 && s->flags & KSOCK_NOINTR) &&
	       ksock_failed_retry(s, err);
}

/* io.c: send, receive */
int ksock_send_by(struct ksocket *s, struct msghdr *msg, int flags,
		  size_t *sent);

/* zc.c: sending without a copy */
unsigned int ksock_zc_abandon(const struct module *owner);

/* name.c: addresses in and out */
int ksock_get_addr(struct sockaddr_storage *to, const struct sockaddr *addr,
		   socklen_t addrlen);
void ksock_put_addr(const struct sockaddr_storage *from, int len,
		    struct sockaddr *addr, socklen_t *addrlen);

/* ioctl.c: UDP's two queues */
bool ksock_is_udp(const struct sock *sk);
int ksock_udp_first(struct sock *sk);

/* nest.c: lock classes */
void ksock_nest(struct sock *sk, unsigned int flags);

/* file.c: the file that a ksocket doesn't have */
int ksock_file_init(void);
void ksock_file_exit(void);
struct file *ksock_file_to_poll(void);
void ksock_file_lend(struct socket *sock);
void ksock_file_release(struct socket *sock);

/* slice.c: sleeping where no shutdown of ours would wake */
bool ksock_slices_accept(const struct sock *sk);
bool ksock_slices_send(const struct sock *sk);
bool ksock_slice(const struct ksocket *s, long *timeo, int *err);

/* stats.c: /proc/net/ksocket */
const char *ksock_module_name(struct module *module);
const char *ksock_owner_name(const struct ksocket *s);
void ksock_describe(struct ksocket *s, char *text, size_t size);
int ksock_stats_init(struct net *net);
void ksock_stats_exit(struct net *net);

/* count.c: /proc/net/ksocket_stat */
enum ksock_counter {
	KSOCK_COUNT_OPENED,
	KSOCK_COUNT_ACCEPTED,
	KSOCK_COUNT_ERRORS,	/* calls that returned one */
	KSOCK_COUNT_REFUSED,	/* -EDEADLK, from direct callbacks */
	KSOCK_COUNT_COALESCED,	/* events that were told with another one */
	KSOCK_COUNT_EVENTS,	/* the first of KSOCK_EVENTS */
	KSOCK_COUNTERS = KSOCK_COUNT_EVENTS + KSOCK_EVENTS,
};

extern unsigned int ksock_counts_id;

/* Of a network namespace, on this CPU */
struct ksock_counts {
	u64	n[KSOCK_COUNTERS];
};

/* What struct net_generic keeps */
struct ksock_net {
	struct ksock_counts __percpu	*counts;
};

static inline void ksock_count_add(struct net *net, enum ksock_counter what,
				   unsigned int n)
{
	struct ksock_net *kn = net_generic(net, ksock_counts_id);

	this_cpu_add(kn->counts->n[what], n);
}

static inline void ksock_count(struct net *net, enum ksock_counter what)
{
	ksock_count_add(net, what, 1);
}

void ksock_count_events(struct net *net, u32 events, unsigned int coalesced);
int ksock_counts_init(struct net *net);
void ksock_counts_exit(struct net *net);

/* Static, but where KUnit looks inside. */
#if IS_ENABLED(CONFIG_KUNIT)
struct seq_file;

bool ksock_shut(struct ksocket *s, int gone, bool abort);
int ksock_seq_show(struct seq_file *seq, void *v);
#endif

#endif /* _KSOCKET_CORE_H */
