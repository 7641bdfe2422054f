// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has which port
 *
 * A namespace's sockets of one transport, by port. Binding is serialised by
 * kinet_net.lock, since a claim sleeps; packets look up under RCU alone. What
 * decides about a packet - addresses, device, the other end - is read from the
 * sock at that time, as connect() may be changing it: such a packet belongs to
 * the time before or after. The kernel's connect(), bind() and options write it by
 * plain stores, under the sock's lock, which others don't have: hence data_race().
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/netns/hash.h>
#include <net/sock_reuseport.h>
#include <net/udp.h>

#include "kinet.h"

struct kinet_table *kinet_table_new(void)
{
	struct kinet_table *table = kvzalloc(sizeof(*table), GFP_KERNEL);

	if (table)
		spin_lock_init(&table->lock);
	return table;
}

void kinet_table_free(struct kinet_table *table)
{
	kvfree(table);
}

static struct kinet_table *kinet_table(const struct sock *sk)
{
	const struct kinet_net *kn = kinet_net(sock_net(sk));

	return sk->sk_type == SOCK_STREAM ? kn->stream : kn->dgram;
}

/* --- may these two have the same port? --- */

static bool kinet_share_group(struct sock *sk, struct sock *other)
{
	void *group = rcu_access_pointer(sk->sk_reuseport_cb);

	return sk->sk_reuseport && other->sk_reuseport &&
	       (!group || group == rcu_access_pointer(other->sk_reuseport_cb)) &&
	       uid_eq(sock_i_uid(sk), sock_i_uid(other));
}

static bool kinet_conflicts(struct sock *sk, struct sock *other)
{
	/* Of those who listen there is but one, whatever SO_REUSEADDR says. */
	if (sk->sk_reuse && other->sk_reuse &&
	    READ_ONCE(other->sk_state) != TCP_LISTEN)
		return false;
	return kinet_share_device(sk, other) &&
	       inet_rcv_saddr_equal(sk, other, true) &&
	       !kinet_share_group(sk, other);
}

static bool kinet_port_is_free(struct sock *sk, unsigned short port)
{
	struct kinet_table *table = kinet_table(sk);
	struct sock *other;
	bool is_free = true;

	lockdep_assert_held(&kinet_net(sock_net(sk))->lock);
	/* An orphan may leave at any time. */
	spin_lock_bh(&table->lock);
	sk_for_each(other, kinet_slot(table, port)) {
		if (other == sk || inet_sk(other)->inet_num != port)
			continue;
		/* Its user may be setting what this goes by. */
		if (data_race(kinet_conflicts(sk, other)))
			is_free = false;
	}
	spin_unlock_bh(&table->lock);
	return is_free;
}

/* --- SO_REUSEPORT: several sockets that share what arrives --- */

static bool kinet_is_wildcard(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ?
	       ipv6_addr_any(&sk->sk_v6_rcv_saddr) :
	       !inet_sk(sk)->inet_rcv_saddr;
}

static bool kinet_same_group(struct sock *sk, struct sock *other)
{
	return other->sk_reuseport && other->sk_family == sk->sk_family &&
	       ipv6_only_sock(other) == ipv6_only_sock(sk) &&
	       READ_ONCE(other->sk_bound_dev_if) == sk->sk_bound_dev_if &&
	       uid_eq(sock_i_uid(sk), sock_i_uid(other)) &&
	       inet_rcv_saddr_equal(sk, other, false);
}

static int kinet_group_join(struct sock *sk, unsigned short port)
{
	struct kinet_table *table = kinet_table(sk);
	bool any = kinet_is_wildcard(sk);
	struct sock *other;
	int err;

	spin_lock_bh(&table->lock);
	sk_for_each(other, kinet_slot(table, port)) {
		if (other == sk || inet_sk(other)->inet_num != port)
			continue;
		/* Its user may be setting what this goes by. */
		if (data_race(kinet_same_group(sk, other))) {
			err = reuseport_add_sock(sk, other, any);
			goto out;
		}
	}
	err = reuseport_alloc(sk, any);
out:
	spin_unlock_bh(&table->lock);
	return err;
}

/* Who joins looks at another's group, and then waits for a lock of the kernel's. */
static void kinet_group_leave(struct kinet_table *table, struct sock *sk)
{
	lockdep_assert_held(&table->lock);
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport_detach_sock(sk);
}

/* --- taking and giving back --- */

static void kinet_table_add(struct kinet_table *table, struct sock *sk,
			    unsigned short port)
{
	WRITE_ONCE(inet_sk(sk)->inet_num, port);
	spin_lock_bh(&table->lock);
	/* Also: who waits for the reference below hasn't got it. */
	sk_add_node_rcu(sk, kinet_slot(table, port));
	set_bit(port, table->ports);
	spin_unlock_bh(&table->lock);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
}

static void kinet_table_del(struct kinet_table *table, struct sock *sk)
{
	unsigned short port = inet_sk(sk)->inet_num;
	struct sock *other;

	spin_lock_bh(&table->lock);
	if (!sk_hashed(sk))
		goto out;
	kinet_group_leave(table, sk);
	sk_del_node_init_rcu(sk);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	sk_for_each(other, kinet_slot(table, port))
		if (inet_sk(other)->inet_num == port)
			goto out;
	clear_bit(port, table->ports);
out:
	spin_unlock_bh(&table->lock);
}

static int kinet_port_take(struct sock *sk, unsigned short port)
{
	int err;

	if (!kinet_port_is_free(sk, port))
		return -EADDRINUSE;
	err = kinet_sk(sk)->wire->claim(sk, port);
	if (err)
		return err;
	if (sk->sk_reuseport) {
		err = kinet_group_join(sk, port);
		if (err)
			goto unclaim;
	}
	kinet_table_add(kinet_table(sk), sk, port);
	return 0;

unclaim:
	kinet_sk(sk)->wire->unclaim(sk);
	return err;
}

/**
 * kinet_port_range() - between which ports a sock gets one
 * @sk: sock
 * @low: where the lowest is stored
 * @high: where the highest is stored
 *
 * IP_LOCAL_PORT_RANGE narrows what net.kinet.ip_local_port_range says; an end
 * that isn't in that means nothing.
 *
 * Context: kinet_net.lock is held: one end of an old pair and one of a new would
 * be no range.
 */
void kinet_port_range(const struct sock *sk, unsigned int *low, unsigned int *high)
{
	const struct kinet_net *kn = kinet_net(sock_net(sk));
	u32 range = ksock_compat_local_port_range(sk);
	unsigned int first = range & U16_MAX, last = range >> 16;

	lockdep_assert_held(&kn->lock);
	*low = kn->ports[0];
	*high = kn->ports[1];
	if (first >= *low && first <= *high)
		*low = first;
	if (last >= *low && last <= *high)
		*high = last;
}

/* A port that we don't have may be the host's; then its neighbour is tried. */
static int kinet_port_any(struct sock *sk)
{
	const unsigned long *taken = kinet_table(sk)->ports;
	unsigned int low, high, tries;
	int port, err;

	kinet_port_range(sk, &low, &high);
	port = kinet_port_choose(taken, low, high, get_random_u32());
	for (tries = low; port > 0 && tries <= high; tries++) {
		err = -EADDRINUSE;
		if (!inet_is_local_reserved_port(sock_net(sk), port))
			err = kinet_port_take(sk, port);
		if (err != -EADDRINUSE)
			return err;
		port = kinet_port_next(taken, low, high, port);
	}
	return -EADDRINUSE;
}

/**
 * kinet_get_port() - give a sock a port of its own
 * @sk: sock, locked, its address set
 * @port: which one, 0 for any
 *
 * Return: 0, -EADDRINUSE, -ENOMEM, -ENETDOWN once kinet is drained.
 */
int kinet_get_port(struct sock *sk, unsigned short port)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	int err = -ENETDOWN;

	mutex_lock(&kn->lock);
	/* Whoever drains sets this first, then takes away what it has here. */
	if (!READ_ONCE(kinet_sk(sk)->dead))
		err = port ? kinet_port_take(sk, port) : kinet_port_any(sk);
	mutex_unlock(&kn->lock);
	return err;
}

/**
 * kinet_listen_port() - have a port to listen on
 * @sk: sock, locked, in LISTEN
 *
 * Return: 0, -EADDRINUSE when others who share the port are in the way, -ENOMEM,
 * -ENETDOWN once kinet is drained.
 */
int kinet_listen_port(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	unsigned short port = inet_sk(sk)->inet_num;
	int err = 0;

	mutex_lock(&kn->lock);
	/* As in kinet_get_port() */
	if (READ_ONCE(kinet_sk(sk)->dead))
		err = -ENETDOWN;
	else if (sk_unhashed(sk))
		err = port ? kinet_port_take(sk, port) : kinet_port_any(sk);
	else if (!kinet_port_is_free(sk, port))
		err = -EADDRINUSE;
	mutex_unlock(&kn->lock);
	if (!err)
		inet_sk(sk)->inet_sport = htons(inet_sk(sk)->inet_num);
	return err;
}

/**
 * kinet_unhash() - take a sock's port away from it
 * @sk: sock; it may have none
 *
 * Packets that are on their way to it may still reach it, until a grace period
 * of RCU is over.
 *
 * Context: Process context. May sleep.
 */
void kinet_unhash(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));

	mutex_lock(&kn->lock);
	if (!sk_unhashed(sk)) {
		kinet_table_del(kinet_table(sk), sk);
		WRITE_ONCE(inet_sk(sk)->inet_num, 0);
		kinet_sk(sk)->wire->unclaim(sk);
	}
	mutex_unlock(&kn->lock);
}

/**
 * kinet_port_drop() - the same, of a stream that ends where nobody may sleep
 * @sk: sock; it may have none, or its listener's
 *
 * Context: Any but hard interrupts.
 */
void kinet_port_drop(struct sock *sk)
{
	kinet_table_del(kinet_table(sk), sk);
	kinet_claim_drop_later(sk);
}

/* Its address has changed, but nothing that the table sorts by. */
void kinet_rehash(struct sock *sk)
{
	struct kinet_table *table = kinet_table(sk);

	spin_lock_bh(&table->lock);
	if (sk_hashed(sk))
		kinet_group_leave(table, sk);
	spin_unlock_bh(&table->lock);
}

/* --- whom does a packet belong to? --- */

static __be32 kinet_v4(const struct in6_addr *addr)
{
	return addr->s6_addr32[3];
}

/* Each thing that a sock insists on, and the packet has, is worth a point. */
static int kinet_score4(const struct sock *sk, const struct kinet_pkt *pkt)
{
	const struct inet_sock *inet = inet_sk(sk);
	int score = sk->sk_family == AF_INET ? 2 : 1;
	__be32 local = READ_ONCE(inet->inet_rcv_saddr);
	__be32 peer = READ_ONCE(inet->inet_daddr);

	if (ipv6_only_sock(sk))
		return -1;
	if (local) {
		if (local != kinet_v4(&pkt->daddr))
			return -1;
		score += 4;
	}
	if (peer) {
		if (peer != kinet_v4(&pkt->saddr))
			return -1;
		score += 4;
	}
	return score;
}

static int kinet_score6(const struct sock *sk, const struct kinet_pkt *pkt)
{
	int score = 2;

	if (sk->sk_family != AF_INET6)
		return -1;
	if (!ipv6_addr_any(&sk->sk_v6_rcv_saddr)) {
		if (!ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &pkt->daddr))
			return -1;
		score += 4;
	}
	if (!ipv6_addr_any(&sk->sk_v6_daddr)) {
		if (!ipv6_addr_equal(&sk->sk_v6_daddr, &pkt->saddr))
			return -1;
		score += 4;
	}
	return score;
}

/*
 * The device and the address may not be those any more that the port was
 * claimed for. Elsewhere it is still the host's to give away.
 */
static bool kinet_is_kept(const struct sock *sk, const struct kinet_pkt *pkt)
{
	const struct kinet_claim *claim = READ_ONCE(kinet_sk(sk)->claim);

	return !claim || kinet_claim_covers(claim, pkt);
}

static int kinet_score(const struct sock *sk, const struct kinet_pkt *pkt)
{
	const struct inet_sock *inet = inet_sk(sk);
	int bound = READ_ONCE(sk->sk_bound_dev_if);
	__be16 peer = READ_ONCE(inet->inet_dport);
	int score;

	/* A stream's connections are found by both ends. */
	if (sk->sk_type == SOCK_STREAM && READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return -1;
	if (READ_ONCE(inet->inet_num) != ntohs(pkt->dport) ||
	    !udp_sk_bound_dev_eq(pkt->net, bound, pkt->dif, pkt->sdif) ||
	    !kinet_is_kept(sk, pkt))
		return -1;
	score = pkt->family == AF_INET ? kinet_score4(sk, pkt) :
					 kinet_score6(sk, pkt);
	if (score < 0)
		return score;
	if (peer) {
		if (peer != pkt->sport)
			return -1;
		score += 4;
	}
	return bound ? score + 4 : score;
}

/**
 * kinet_takes() - would a sock take a packet?
 * @sk: sock that has a port
 * @pkt: packet
 *
 * Return: whether port, addresses and device fit.
 */
bool kinet_takes(const struct sock *sk, const struct kinet_pkt *pkt)
{
	/* Before or after a connect() */
	return data_race(kinet_score(sk, pkt)) >= 0;
}

/* Where what a program sees begins; a stream's skb has its data at TCP's header. */
static unsigned int kinet_payload(const struct sock *sk, const struct sk_buff *skb,
				  const struct kinet_pkt *pkt)
{
	return sk->sk_type == SOCK_STREAM ? tcp_hdrlen(skb) :
					    pkt->offset + KINET_HEADER_LEN;
}

static struct sock *kinet_group_choose(struct sock *sk, struct sk_buff *skb,
				       const struct kinet_pkt *pkt)
{
	struct sock *chosen;
	u32 hash;

	/* Before or after it is set */
	if (data_race(!sk->sk_reuseport) || kinet_is_connected(sk))
		return sk;
	hash = jhash_3words(ipv6_addr_hash(&pkt->saddr),
			    ipv6_addr_hash(&pkt->daddr),
			    (__force u32)pkt->sport << 16 |
			    (__force u32)pkt->dport, net_hash_mix(pkt->net));
	chosen = reuseport_select_sock(sk, hash, skb,
				       kinet_payload(sk, skb, pkt));
	/* Of a group are those, too, that only are bound, or that have a peer. */
	return chosen && kinet_takes(chosen, pkt) ? chosen : sk;
}

/**
 * kinet_table_find() - the sock that a packet belongs to
 * @table: where to look
 * @skb: packet, for programs that choose among those who share a port; or NULL
 * @pkt: likewise
 *
 * Context: RCU read side.
 * Return: a sock, without a reference, or NULL.
 */
struct sock *kinet_table_find(struct kinet_table *table, struct sk_buff *skb,
			      const struct kinet_pkt *pkt)
{
	struct sock *sk, *best = NULL;
	int score, highest = -1;

	sk_for_each_rcu(sk, kinet_slot(table, ntohs(pkt->dport))) {
		/* Before or after a connect() */
		score = data_race(kinet_score(sk, pkt));
		if (score > highest) {
			highest = score;
			best = sk;
		}
	}
	return best && skb ? kinet_group_choose(best, skb, pkt) : best;
}

/**
 * kinet_table_claims() - is a packet that nobody takes ours to refuse?
 * @table: where to look
 * @pkt: packet
 *
 * Context: RCU read side.
 * Return: whether somebody has claimed its address, device and port.
 */
bool kinet_table_claims(struct kinet_table *table, const struct kinet_pkt *pkt)
{
	struct kinet_claim *claim;
	struct sock *sk;

	sk_for_each_rcu(sk, kinet_slot(table, ntohs(pkt->dport))) {
		claim = READ_ONCE(kinet_sk(sk)->claim);
		if (claim && READ_ONCE(inet_sk(sk)->inet_num) == ntohs(pkt->dport) &&
		    kinet_claim_covers(claim, pkt))
			return true;
	}
	return false;
}
