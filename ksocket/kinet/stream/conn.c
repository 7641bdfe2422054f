// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connections of a namespace, by both ends
 *
 * Found under RCU alone. What is found is a sock, on which the finder takes a
 * reference, or what TIME-WAIT has left of one.
 */
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/ip.h>

#include "stream.h"

#define KINET_CONN_SLOTS	4096

struct kinet_conns {
	spinlock_t		lock;	/* slots, count, moved */
	unsigned int		count;
	unsigned int		moved;
	u32			seed;
	struct hlist_head	slots[KINET_CONN_SLOTS];
};

struct kinet_conns *kinet_conns_new(void)
{
	struct kinet_conns *conns = kvzalloc(sizeof(*conns), GFP_KERNEL);

	if (!conns)
		return NULL;
	spin_lock_init(&conns->lock);
	conns->seed = get_random_u32();
	return conns;
}

void kinet_conns_free(struct kinet_conns *conns)
{
	kvfree(conns);
}

bool kinet_conns_empty(const struct kinet_conns *conns)
{
	return !READ_ONCE(conns->count);
}

static struct hlist_head *kinet_conn_slot(struct kinet_conns *conns,
					  const struct kinet_ends *ends)
{
	BUILD_BUG_ON(sizeof(*ends) % 4);
	return &conns->slots[jhash2((const u32 *)ends, sizeof(*ends) / 4,
				    conns->seed) % KINET_CONN_SLOTS];
}

static bool kinet_conn_has_device(const struct kinet_conn *conn,
				  const struct kinet_pkt *pkt)
{
	/* SO_BINDTODEVICE may be changing it. */
	int device = READ_ONCE(conn->device);

	return !device || device == pkt->dif || device == pkt->sdif;
}

static struct kinet_conn *kinet_conn_find_in(struct hlist_head *slot,
					     const struct kinet_ends *ends,
					     const struct kinet_pkt *pkt)
{
	struct kinet_conn *conn;

	hlist_for_each_entry_rcu(conn, slot, node)
		if (!memcmp(&conn->ends, ends, sizeof(*ends)) &&
		    kinet_conn_has_device(conn, pkt))
			return conn;
	return NULL;
}

/**
 * kinet_conn_find() - the connection that a segment belongs to
 * @conns: where to look
 * @pkt: packet
 *
 * Context: RCU read side.
 * Return: it, or NULL.
 */
struct kinet_conn *kinet_conn_find(struct kinet_conns *conns,
				   const struct kinet_pkt *pkt)
{
	struct kinet_ends ends = {
		.laddr	= pkt->daddr,
		.raddr	= pkt->saddr,
		.lport	= pkt->dport,
		.rport	= pkt->sport,
	};
	struct hlist_head *slot = kinet_conn_slot(conns, &ends);
	struct kinet_conn *conn;
	unsigned int moved;

	do {
		/* Pairs with kinet_conn_note_move(), as the barrier below does. */
		moved = smp_load_acquire(&conns->moved);
		conn = kinet_conn_find_in(slot, &ends, pkt);
		if (conn)
			break;
		/* What was found in the slot, then whether anything had moved */
		smp_rmb();
	} while (unlikely(moved != READ_ONCE(conns->moved)));
	return conn;
}

/*
 * A sock that connects anew is in another slot without a grace period between:
 * who was at it goes on there, and doesn't see what was behind it.
 */
static void kinet_conn_note_move(struct kinet_conns *conns, struct kinet_conn *conn)
{
	lockdep_assert_held(&conns->lock);
	if (conn->was_in) {
		WRITE_ONCE(conns->moved, conns->moved + 1);
		/* Before it leads elsewhere; pairs with kinet_conn_find(). */
		smp_wmb();
	}
	conn->was_in = true;
}

static bool kinet_conn_clashes(struct hlist_head *slot,
			       const struct kinet_conn *conn)
{
	const struct kinet_conn *other;
	int device;

	hlist_for_each_entry(other, slot, node) {
		if (memcmp(&other->ends, &conn->ends, sizeof(conn->ends)))
			continue;
		device = READ_ONCE(other->device);
		if (!device || !conn->device || device == conn->device)
			return true;
	}
	return false;
}

static int kinet_conn_insert(struct kinet_conns *conns, struct sock *sk)
{
	struct kinet_conn *conn = &kinet_tcp(sk)->conn;
	struct hlist_head *slot = kinet_conn_slot(conns, &conn->ends);
	int err = -EADDRNOTAVAIL;

	spin_lock_bh(&conns->lock);
	if (!kinet_conn_clashes(slot, conn)) {
		sock_hold(sk);
		kinet_conn_note_move(conns, conn);
		hlist_add_head_rcu(&conn->node, slot);
		WRITE_ONCE(conns->count, conns->count + 1);
		err = 0;
	}
	spin_unlock_bh(&conns->lock);
	if (!err)
		sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	return err;
}

/**
 * kinet_conn_add() - let a connection receive
 * @sk: sock, both ends known
 *
 * Return: 0, or -EADDRNOTAVAIL when there is such a connection already.
 */
int kinet_conn_add(struct sock *sk)
{
	return kinet_conn_insert(kinet_net(sock_net(sk))->conns, sk);
}

/**
 * kinet_conn_add_any() - the same, with a local port that nobody has
 * @sk: sock, but for the local port
 * @low: lowest
 * @high: highest
 *
 * RFC 6056, section 3.3.1: from a random one on.
 *
 * Return: 0, or -EADDRNOTAVAIL when all are taken.
 */
int kinet_conn_add_any(struct sock *sk, unsigned int low, unsigned int high)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	unsigned int range = high - low + 1;
	unsigned int i, port, at = get_random_u32() % range;
	struct kinet_tcp *tp = kinet_tcp(sk);

	for (i = 0; i < range; i++) {
		port = low + (at + i) % range;
		/* One that somebody is bound to has a claim, which is his. */
		if (test_bit(port, kn->stream->ports) ||
		    inet_is_local_reserved_port(sock_net(sk), port))
			continue;
		tp->conn.ends.lport = htons(port);
		if (!kinet_conn_insert(kn->conns, sk))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

/**
 * kinet_conn_remove() - take something from the table
 * @conns: table
 * @conn: what, which may not be there
 *
 * Return: whether it was there: its reference is now the caller's.
 */
bool kinet_conn_remove(struct kinet_conns *conns, struct kinet_conn *conn)
{
	bool was;

	spin_lock_bh(&conns->lock);
	was = !hlist_unhashed(&conn->node);
	if (was) {
		hlist_del_init_rcu(&conn->node);
		WRITE_ONCE(conns->count, conns->count - 1);
	}
	spin_unlock_bh(&conns->lock);
	return was;
}

/* Take a sock from the table, where it may not be. */
void kinet_conn_del(struct sock *sk)
{
	if (!kinet_conn_remove(kinet_net(sock_net(sk))->conns,
			       &kinet_tcp(sk)->conn))
		return;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	sock_put(sk);
}

/**
 * kinet_conn_replace() - let something else have a sock's place
 * @sk: sock, in the table
 * @with: what, for the same ends
 *
 * No packet finds neither.
 */
void kinet_conn_replace(struct sock *sk, struct kinet_conn *with)
{
	struct kinet_conns *conns = kinet_net(sock_net(sk))->conns;
	struct kinet_conn *conn = &kinet_tcp(sk)->conn;

	spin_lock_bh(&conns->lock);
	/* At the same place, for who has begun to search before. */
	hlist_replace_rcu(&conn->node, &with->node);
	WRITE_ONCE(conn->node.pprev, NULL);
	spin_unlock_bh(&conns->lock);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	sock_put(sk);
}

/**
 * kinet_conns_each_timewait() - do something to all that are in TIME-WAIT
 * @conns: where to look
 * @does: what; it may take them from the table
 */
void kinet_conns_each_timewait(struct kinet_conns *conns,
			       void (*does)(struct kinet_conn *conn))
{
	struct kinet_conn *conn;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < KINET_CONN_SLOTS; i++)
		hlist_for_each_entry_rcu(conn, &conns->slots[i], node)
			if (conn->timewait)
				does(conn);
	rcu_read_unlock();
}
