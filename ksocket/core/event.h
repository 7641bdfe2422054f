/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events: what is seen of a socket, what of it was told, and who tells it
 */
#ifndef _KSOCKET_EVENT_H
#define _KSOCKET_EVENT_H

#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <ksocket/ksocket.h>

struct ksock_query;

/* What can be told, in the order in which it is */
enum ksock_event {
	KSOCK_EV_CONNECTED,
	KSOCK_EV_NEWCONN,
	KSOCK_EV_URGENT,
	KSOCK_EV_ERRQUEUE,
	KSOCK_EV_RECV,
	KSOCK_EV_RECV_END,
	KSOCK_EV_XMIT,
	KSOCK_EV_XMIT_END,
	KSOCK_EV_DISCONNECTED,
	KSOCK_EVENTS,
};

/* Why a socket is looked at, bits */
#define KSOCK_ARRIVED	BIT(0)	/* sk_data_ready */
#define KSOCK_ROOM	BIT(1)	/* sk_write_space, after a send fell short */
#define KSOCK_STATE	BIT(2)	/* sk_state_change */
#define KSOCK_ERROR	BIT(3)	/* sk_error_report */
#define KSOCK_CONNECT	BIT(4)	/* our own connect has succeeded */
#define KSOCK_REPLAY	BIT(5)	/* callbacks were registered */
#define KSOCK_NET_DOWN	BIT(6)	/* the network namespace goes away */

/**
 * struct ksock_seen - what a look at a socket has found
 * @readable: as the recv callback tells it, but 0 for nothing
 * @space: hint at the room to send, in bytes
 * @position: where the received stream ends, if @positioned
 * @urg_seq: where the urgent mark stands
 * @reason: as the disconnected callback tells it
 * @listening: nothing but @waiting can be
 * @waiting: connections wait to be accepted
 * @connected: our connect has succeeded
 * @arrived: the look is for something that arrived
 * @positioned: @position tells what is new, not @arrived
 * @eof: the peer sends no more
 * @room: there is room again
 * @write_over: sending is over for good
 * @over: the connection, or its attempt, is
 * @urgent: an urgent mark was received
 * @errqueue: something came into the error queue
 */
struct ksock_seen {
	ssize_t	readable;
	ssize_t	space;
	u32	position;
	u32	urg_seq;
	int	reason;
	bool	listening;
	bool	waiting;
	bool	connected;
	bool	arrived;
	bool	positioned;
	bool	eof;
	bool	room;
	bool	write_over;
	bool	over;
	bool	urgent;
	bool	errqueue;
};

/**
 * struct ksock_told - what the consumer has been told
 * @position: where the stream ended at the last recv, if @positioned
 * @urg_seq: where the last urgent mark stood, if @urgent
 * @connected: connected, or it need not be told
 * @positioned: recv was told
 * @eof: recv(0)
 * @write_over: xmit(0)
 * @over: disconnected
 * @urgent: an urgent mark
 */
struct ksock_told {
	u32	position;
	u32	urg_seq;
	bool	connected;
	bool	positioned;
	bool	eof;
	bool	write_over;
	bool	over;
	bool	urgent;
};

/**
 * struct ksock_batch - what is to be told
 * @events: bits by &enum ksock_event
 * @readable: for recv
 * @space: for xmit
 * @reason: for disconnected
 */
struct ksock_batch {
	u32	events;
	ssize_t	readable;
	ssize_t	space;
	int	reason;
};

/* The four hooks of a sock */
struct ksock_hooks {
	void	(*data_ready)(struct sock *sk);
	void	(*write_space)(struct sock *sk);
	void	(*state_change)(struct sock *sk);
	void	(*error_report)(struct sock *sk);
};

/**
 * struct ksock_events - a socket's callbacks; made by the first registration,
 * gone with the handle
 * @s: handle
 * @saved: what the sock's hooks were
 * @actor: takes what arrives, in place; or NULL
 * @actor_arg: passed to it
 * @rx_work: runs @actor
 * @rx_wanted: UDP: how often something arrived that nobody has taken on yet
 * @wait: AF_UNIX messages, which know no actors: told when the peer has room
 * @hooked: the hooks are ours
 * @queries: the family answers KSOCK_QUERY
 * @lock: covers what follows; what is read without it, or written by the
 *	teller alone, is marked so: @on, @generation, @teller, and what is counted
 * @on: callbacks may be called
 * @busy: someone tells, or is queued to: one at a time, see ksock_happened()
 * @generation: of @cb: changes when it does
 * @teller: the task that tells from the workqueue
 * @telling_for: the module whose callback runs, or ran last
 * @parting: @teller has closed the socket: it is the last to use the handle
 * @owed: room was found, and nobody was left to be told
 * @cb: the consumer's
 * @arg: the consumer's
 * @owner: the consumer
 * @told: what was, of what can be told once only
 * @pending: what is to be told next
 * @work: tells
 * @idle: woken when @busy ends
 * @runs: callbacks run, by event
 * @coalesced: events that were told together with another one
 * @longest: the longest callback, in ns
 *
 * Freed with the handle: hooks may look at either until then.
 */
struct ksock_events {
	struct ksocket		*s;
	struct ksock_hooks	saved;
	ksock_rx_actor_t	*actor;
	void			*actor_arg;
	union {
		struct {
			struct work_struct	rx_work;
			atomic_t		rx_wanted;
		};
		wait_queue_entry_t		wait;
	};
	bool			hooked;
	bool			queries;

	spinlock_t		lock;	/* what follows */
	bool			on;
	bool			busy;
	bool			parting;
	bool			owed;
	unsigned int		generation;
	struct task_struct	*teller;
	struct module		*telling_for;
	ksock_callbacks_t	cb;
	void			*arg;
	struct module		*owner;
	struct ksock_told	told;
	struct ksock_batch	pending;
	struct work_struct	work;
	wait_queue_head_t	idle;
	u64			runs[KSOCK_EVENTS];
	u64			coalesced;
	u64			longest;
};

#define KSOCK_EVENT_NAMES			\
	{ KSOCK_EV_CONNECTED, "connected" },	\
	{ KSOCK_EV_NEWCONN, "newconn" },	\
	{ KSOCK_EV_URGENT, "urgent" },		\
	{ KSOCK_EV_ERRQUEUE, "errqueue" },	\
	{ KSOCK_EV_RECV, "recv" },		\
	{ KSOCK_EV_RECV_END, "recv-end" },	\
	{ KSOCK_EV_XMIT, "xmit" },		\
	{ KSOCK_EV_XMIT_END, "xmit-end" },	\
	{ KSOCK_EV_DISCONNECTED, "disconnected" }

/* What the callback of an event tells */
static inline ssize_t ksock_batch_value(const struct ksock_batch *batch,
					enum ksock_event event)
{
	switch (event) {
	case KSOCK_EV_RECV:
		return batch->readable;
	case KSOCK_EV_XMIT:
		return batch->space;
	case KSOCK_EV_DISCONNECTED:
		return batch->reason;
	case KSOCK_EV_URGENT:
		return KSOCK_EXC_URG;
	case KSOCK_EV_ERRQUEUE:
		return KSOCK_EXC_ERRQUEUE;
	default:
		return 0;
	}
}

/* decide.c: which events a look makes */
u32 ksock_decide(const struct ksock_seen *seen, struct ksock_told *told);
u32 ksock_stream_readable(u32 from, u32 to, bool urgent, u32 urg_seq);

/* look.c: the state of a sock, by family */
void ksock_look(const struct ksock_events *ev, struct sock *sk,
		unsigned int causes, struct ksock_seen *seen);
bool ksock_look_room(struct sock *sk);
ssize_t ksock_look_readable(const struct ksock_events *ev, struct sock *sk);
bool ksock_ask(struct socket *sock, struct ksock_query *query);

/* hook.c: the sk_* hooks, and how they come and go */
int ksock_hook(struct ksock_events *ev, struct sock *sk);
void ksock_unhook(struct ksock_events *ev, struct sock *sk);
void ksock_unhook_child(struct sock *sk);
int ksock_hook_init(void);
bool ksock_has_room(struct sock *sk);

/* event.c: registration, and telling */
int ksock_events_init(void);
void ksock_events_exit(void);
void ksock_events_free(struct ksock_events *ev);
void ksock_happened(struct ksock_events *ev, struct sock *sk,
		    unsigned int causes);
void ksock_events_connecting(struct ksocket *s);
void ksock_events_connected(struct ksocket *s, int err);
void ksock_events_dissolved(struct ksocket *s);
void ksock_events_listening(struct ksocket *s);
void ksock_events_look(struct ksocket *s, unsigned int causes);
void ksock_events_fell_short(struct ksocket *s);
void ksock_events_mute(struct ksocket *s);
void ksock_events_wait(struct ksocket *s);
bool ksock_events_part(struct ksocket *s);
bool ksock_events_use(const struct ksocket *s, const struct module *owner);
void ksock_events_net_down(struct ksocket *s);
void ksock_events_release(struct ksocket *s, struct sock *sk);

struct ksock_events *ksock_events_hook(struct ksocket *s, int *err);
int ksock_refuse_direct(void);

extern struct workqueue_struct *ksock_wq;

/* rx.c: receive actors */
static inline bool ksock_acts(const struct ksock_events *ev)
{
	/* Pairs with ksock_rx_set(). */
	return ev && smp_load_acquire(&ev->actor);
}

void ksock_rx_ready(struct ksock_events *ev, struct sock *sk);
void ksock_rx_end(struct ksock_events *ev, struct sock *sk);
void ksock_rx_work(struct work_struct *work);

/* Whose direct callback runs on this CPU: then nobody else does. */
DECLARE_PER_CPU(struct ksock_events *, ksock_direct);

#endif /* _KSOCKET_EVENT_H */
