// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping a port to ourselves
 *
 * A claim is a socket of the host's own protocol, bound where ours is, that
 * nobody uses: the host refuses the port to others as long as it is there, and
 * we are refused what others have. Our own sockets may share a port among
 * themselves, which the table has decided before: so all claims are a group of
 * SO_REUSEPORT, of a user that nobody is, and none of the host's sockets can
 * join them by whatever option.
 *
 * Connections share their listener's claim, so that the host doesn't give the
 * port away while there are any, but to a listener with SO_REUSEADDR, once ours
 * is gone: on the host it is the same, and both find their connections by both
 * ends. The last of them may end where nobody may sleep: then the claim is
 * dropped a little later.
 */
#include <linux/net.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/udp.h>

#include "kinet.h"

struct kinet_claim {
	struct socket	*sock;
	const struct sock *taker;
	refcount_t	users;
	struct list_head node;
	struct work_struct work;
	struct rcu_head	rcu;
	struct in6_addr	addr;
	int		device;
	unsigned short	port;
	u16		family;
	bool		v6only;
	bool		reuse;
	bool		reuseport;
};

static struct workqueue_struct *kinet_claims;

static bool kinet_is_claim(struct sock *sk)
{
	return !uid_valid(sock_i_uid(sk));
}

/* The host's UDP looks no further than the first of a group that lets us in. */
static bool kinet_claim_is_alone(struct sock *sk, unsigned short port)
{
	struct udp_hslot *slot;
	struct sock *other;
	bool alone = true;

	slot = udp_hashslot(ksock_compat_udp_table(sock_net(sk)), sock_net(sk),
			    port);
	spin_lock_bh(&slot->lock);
	sk_for_each(other, &slot->head)
		if (net_eq(sock_net(other), sock_net(sk)) &&
		    udp_sk(other)->udp_port_hash == port &&
		    kinet_share_device(sk, other) &&
		    inet_rcv_saddr_equal(sk, other, true) &&
		    !kinet_is_claim(other))
			alone = false;
	spin_unlock_bh(&slot->lock);
	return alone;
}

static void kinet_claim_address(const struct kinet_claim *claim,
				struct sockaddr_storage *to)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)to;
	struct sockaddr_in *sin = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	to->ss_family = claim->family;
	if (claim->family == AF_INET) {
		sin->sin_port = htons(claim->port);
		sin->sin_addr.s_addr = claim->addr.s6_addr32[3];
	} else {
		sin6->sin6_port = htons(claim->port);
		sin6->sin6_addr = claim->addr;
		sin6->sin6_scope_id = claim->device;
	}
}

static int kinet_claim_ask(struct kinet_claim *claim)
{
	struct sockaddr_storage addr;

	kinet_claim_address(claim, &addr);
	return kernel_bind(claim->sock, (struct sockaddr *)&addr,
			   claim->family == AF_INET ?
			   sizeof(struct sockaddr_in) :
			   sizeof(struct sockaddr_in6));
}

static int kinet_claim_bind(struct kinet_claim *claim)
{
	struct sock *sk = claim->sock->sk;
	int err;

	SOCK_INODE(claim->sock)->i_uid = INVALID_UID;
	lock_sock(sk);
	sk->sk_bound_dev_if = claim->device;
	sk->sk_ipv6only = claim->v6only;
	sk->sk_reuseport = 1;
	/* What comes to groups that we aren't in passes on to it. */
	sk->sk_rcvbuf = 0;
	/* Ours was let through already, by its own option. */
	ksock_compat_inet_set(sk, FREEBIND, freebind);
	release_sock(sk);
	err = kinet_claim_ask(claim);
	/* A server that begins again isn't kept from it by old connections. */
	if (err == -EADDRINUSE && claim->reuse &&
	    claim->sock->type == SOCK_STREAM) {
		sk->sk_reuse = SK_CAN_REUSE;
		err = kinet_claim_ask(claim);
		sk->sk_reuse = SK_NO_REUSE;
	}
	/* From now on nobody else gets in; who was there is seen. */
	if (!err && claim->sock->type == SOCK_DGRAM &&
	    !kinet_claim_is_alone(sk, claim->port))
		err = -EADDRINUSE;
	return err;
}

static void kinet_claim_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct kinet_claim, rcu));
}

static void kinet_claim_release(struct kinet_claim *claim)
{
	struct kinet_net *kn = kinet_net(sock_net(claim->sock->sk));

	spin_lock_bh(&kn->socks_lock);
	list_del(&claim->node);
	spin_unlock_bh(&kn->socks_lock);
	sock_release(claim->sock);
	/* Not kfree_rcu(): at unload rcu_barrier() waits for this. */
	call_rcu(&claim->rcu, kinet_claim_free);
}

static void kinet_claim_work(struct work_struct *work)
{
	kinet_claim_release(container_of(work, struct kinet_claim, work));
}

static void kinet_claim_describe(struct kinet_claim *claim,
				 const struct sock *sk, unsigned short port)
{
	refcount_set(&claim->users, 1);
	claim->taker = sk;
	INIT_WORK(&claim->work, kinet_claim_work);
	claim->port = port;
	claim->device = sk->sk_bound_dev_if;
	claim->family = sk->sk_family;
	claim->v6only = ipv6_only_sock(sk);
	claim->reuse = sk->sk_reuse;
	claim->reuseport = sk->sk_reuseport;
	if (sk->sk_family == AF_INET6)
		claim->addr = sk->sk_v6_rcv_saddr;
	else
		ipv6_addr_set_v4mapped(inet_sk(sk)->inet_rcv_saddr,
				       &claim->addr);
}

/* Does a connection in its way, whose socket may be gone, let it share the port? */
static bool kinet_claim_agrees(struct kinet_claim *claim, struct sock *sk)
{
	struct sock *other = claim->sock->sk;

	return (claim->reuse && sk->sk_reuse) ||
	       (claim->reuseport && sk->sk_reuseport) ||
	       !kinet_share_device(sk, other) ||
	       !inet_rcv_saddr_equal(sk, other, true);
}

/* Sockets have been asked already; what they have left behind has not. */
static bool kinet_claims_agree(struct sock *sk, unsigned short port)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_claim *claim;
	bool agree = true;

	spin_lock_bh(&kn->socks_lock);
	list_for_each_entry(claim, &kn->claims, node)
		if (claim->port == port && claim->sock->type == sk->sk_type &&
		    !kinet_claim_agrees(claim, sk))
			agree = false;
	spin_unlock_bh(&kn->socks_lock);
	return agree;
}

/**
 * kinet_claim_take() - keep a port to ourselves
 * @sk: sock that has decided on its address and device
 * @port: port
 *
 * Return: 0, -EADDRINUSE when the host has given it to somebody, or what else
 * the host says.
 */
int kinet_claim_take(struct sock *sk, unsigned short port)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_claim *claim;
	int err;

	lockdep_assert_held(&kn->lock);
	if (sk->sk_type == SOCK_STREAM && !kinet_claims_agree(sk, port))
		return -EADDRINUSE;
	claim = kzalloc(sizeof(*claim), GFP_KERNEL);
	if (!claim)
		return -ENOMEM;
	kinet_claim_describe(claim, sk, port);
	err = sock_create_kern(sock_net(sk), claim->family, sk->sk_type,
			       sk->sk_type == SOCK_STREAM ? IPPROTO_TCP :
							    IPPROTO_UDP,
			       &claim->sock);
	/* So the kernel says that it has no memory for a struct socket. */
	if (err == -ENFILE)
		err = -ENOMEM;
	if (err)
		goto free;
	err = kinet_claim_bind(claim);
	if (err)
		goto release;
	spin_lock_bh(&kn->socks_lock);
	list_add(&claim->node, &kn->claims);
	spin_unlock_bh(&kn->socks_lock);
	kinet_count(sock_net(sk), KINET_CLAIM);
	/* Behind what it says, for packets that are at the sock's last place */
	smp_store_release(&kinet_sk(sk)->claim, claim);
	return 0;

release:
	sock_release(claim->sock);
	if (err == -EADDRINUSE)
		kinet_count(sock_net(sk), KINET_CLAIM_BUSY);
free:
	kfree(claim);
	return err;
}

/* Who bound the port leaves; its connections have only its number in common. */
static struct kinet_claim *kinet_claim_leave(struct sock *sk)
{
	struct kinet_claim *claim = xchg(&kinet_sk(sk)->claim, NULL);

	if (claim && claim->taker == sk && claim->reuse)
		claim->sock->sk->sk_reuse = SK_CAN_REUSE;
	return claim;
}

/**
 * kinet_claim_drop() - give a port back to the host
 * @sk: sock that may have a claim, and is not in the table any more
 *
 * Context: Process context. May sleep.
 */
void kinet_claim_drop(struct sock *sk)
{
	struct kinet_claim *claim = kinet_claim_leave(sk);

	lockdep_assert_held(&kinet_net(sock_net(sk))->lock);
	if (claim && refcount_dec_and_test(&claim->users))
		kinet_claim_release(claim);
}

/**
 * kinet_claim_drop_later() - the same, where nobody may sleep
 * @sk: sock that may have a claim
 *
 * Context: Any.
 */
void kinet_claim_drop_later(struct sock *sk)
{
	kinet_claim_put(kinet_claim_leave(sk));
}

void kinet_claim_hold(struct kinet_claim *claim)
{
	if (claim)
		refcount_inc(&claim->users);
}

/**
 * kinet_claim_try_hold() - hold a claim that may just be given up
 * @claim: claim, or NULL
 *
 * Context: RCU read side, in which it was there.
 * Return: whether it is still kept.
 */
bool kinet_claim_try_hold(struct kinet_claim *claim)
{
	return !claim || refcount_inc_not_zero(&claim->users);
}

/**
 * kinet_claim_put() - have no more to do with a claim
 * @claim: claim, or NULL
 *
 * Context: Any.
 */
void kinet_claim_put(struct kinet_claim *claim)
{
	if (claim && refcount_dec_and_test(&claim->users))
		queue_work(kinet_claims, &claim->work);
}

int kinet_claims_init(void)
{
	kinet_claims = alloc_workqueue("kinet_claims", WQ_UNBOUND, 0);
	return kinet_claims ? 0 : -ENOMEM;
}

/* When this returns, all that were put are gone. */
void kinet_claims_flush(void)
{
	flush_workqueue(kinet_claims);
}

void kinet_claims_exit(void)
{
	destroy_workqueue(kinet_claims);
}

/**
 * kinet_claim_covers() - is a packet sent to what was claimed?
 * @claim: claim
 * @pkt: packet, to the claim's port
 *
 * Context: RCU read side.
 * Return: whether address and device are claimed.
 */
bool kinet_claim_covers(const struct kinet_claim *claim,
			const struct kinet_pkt *pkt)
{
	static const struct in6_addr any4 = { .s6_addr32 = { 0, 0,
						htonl(0xffff), 0 } };

	if (claim->device && claim->device != pkt->dif &&
	    claim->device != pkt->sdif)
		return false;
	if (ipv6_addr_any(&claim->addr))
		return pkt->family == AF_INET6 || !claim->v6only;
	if (pkt->family == AF_INET && ipv6_addr_equal(&claim->addr, &any4))
		return true;
	return ipv6_addr_equal(&claim->addr, &pkt->daddr);
}
