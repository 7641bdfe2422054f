// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending without a copy
 *
 * Pages are handed to a stream by reference: spliced, or with a note of who
 * wants to hear when no packet refers to them any more. Every packet has a
 * reference on the note, on its way through queues and devices too, and so does
 * the call. The last one tells, wherever it is given back: the socket may be
 * closed by then, and the consumer, if it hasn't waited, unloaded.
 *
 * What can't be referred to is copied by the same send.
 */
#include <linux/bvec.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/tcp.h>
#include <ksocket/family.h>

#include "core.h"

/* By these, TCP puts bytes elsewhere, or 6.1 doesn't know them with pages. */
#define KSOCK_COPY_FLAGS	(MSG_OOB | MSG_FASTOPEN | MSG_EOR)

/**
 * struct ksock_zc_user - a module that sends without a copy
 * @node: in ksock_zc_users
 * @owner: the module
 * @refs: one for the list, one for each send that is not done
 * @gone: it is being unloaded: none of its code may run
 * @direct: has ksock_* calls from its completions refused
 * @rcu: others may look for theirs
 */
struct ksock_zc_user {
	struct list_head	node;
	const struct module	*owner;
	refcount_t		refs;
	bool			gone;
	struct ksock_events	direct;
	struct rcu_head		rcu;
};

/**
 * struct ksock_zc - a send that is not done
 * @ubuf: what packets refer to, and count
 * @done: the consumer's
 * @arg: the consumer's
 * @user: the consumer
 * @sent: bytes were
 * @referred: by a packet, which is gone, or by what waited for one
 * @copied: a packet had to copy
 * @work: tells, where interrupts are disabled
 */
struct ksock_zc {
	struct ubuf_info	ubuf;
	ksock_zc_done_t		*done;
	void			*arg;
	struct ksock_zc_user	*user;
	bool			sent;
	bool			referred;
	bool			copied;
	struct work_struct	work;
};

static LIST_HEAD(ksock_zc_users);
static DEFINE_SPINLOCK(ksock_zc_lock);

/* What is built in never goes. */
static struct ksock_zc_user ksock_zc_builtin = { .refs = REFCOUNT_INIT(1) };

static struct ksock_zc_user *ksock_zc_find(const struct module *owner)
{
	struct ksock_zc_user *user;

	list_for_each_entry_rcu(user, &ksock_zc_users, node,
				lockdep_is_held(&ksock_zc_lock)) {
		if (user->owner == owner)
			return user;
	}
	return NULL;
}

static void ksock_zc_user_put(struct ksock_zc_user *user)
{
	if (refcount_dec_and_test(&user->refs))
		kfree_rcu(user, rcu);
}

/* The first send of a module; of two that race, one makes it. */
static struct ksock_zc_user *ksock_zc_user_add(struct module *owner, gfp_t gfp)
{
	struct ksock_zc_user *user, *new = kzalloc(sizeof(*new), gfp);

	if (!new)
		return NULL;
	new->owner = owner;
	new->direct.telling_for = owner;
	refcount_set(&new->refs, 1);

	spin_lock(&ksock_zc_lock);
	user = ksock_zc_find(owner);
	if (!user) {
		user = new;
		new = NULL;
		list_add_rcu(&user->node, &ksock_zc_users);
	}
	refcount_inc(&user->refs);
	spin_unlock(&ksock_zc_lock);
	kfree(new);
	return user;
}

static struct ksock_zc_user *ksock_zc_user_get(struct module *owner, gfp_t gfp)
{
	struct ksock_zc_user *user;

	if (!owner) {
		refcount_inc(&ksock_zc_builtin.refs);
		return &ksock_zc_builtin;
	}
	rcu_read_lock();
	user = ksock_zc_find(owner);
	if (user && !refcount_inc_not_zero(&user->refs))
		user = NULL;
	rcu_read_unlock();
	return user ? : ksock_zc_user_add(owner, gfp);
}

/**
 * ksock_zc_abandon() - a module goes: call it no more
 * @owner: module, whose exit has run
 *
 * When this returns, none of its completions runs, nor will. The pages of sends
 * that are not done stay referred to by their packets.
 *
 * Context: Process context. May sleep.
 * Return: how many sends it has left.
 */
unsigned int ksock_zc_abandon(const struct module *owner)
{
	struct ksock_zc_user *user;
	unsigned int left;

	spin_lock(&ksock_zc_lock);
	user = ksock_zc_find(owner);
	if (user)
		list_del_rcu(&user->node);
	spin_unlock(&ksock_zc_lock);
	if (!user)
		return 0;
	WRITE_ONCE(user->gone, true);
	/* Pairs with the read side in ksock_zc_end(). */
	synchronize_rcu();
	left = refcount_read(&user->refs) - 1;
	ksock_zc_user_put(user);
	return left;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_zc_abandon);

/* With ksock_* calls refused, as in every direct callback. */
static void ksock_zc_tell(struct ksock_zc_user *user, ksock_zc_done_t *done,
			  void *arg, bool copied)
{
	struct ksock_events *outer;

	local_bh_disable();
	outer = this_cpu_read(ksock_direct);
	this_cpu_write(ksock_direct, &user->direct);
	done(arg, copied);
	this_cpu_write(ksock_direct, outer);
	local_bh_enable();
}

/*
 * Each has a reference on this module, as a packet may outlive all who used it.
 * What follows the last is waited for by ksock_events_exit().
 */
static void ksock_zc_end(struct ksock_zc *zc)
{
	struct ksock_zc_user *user = zc->user;
	bool copied = zc->copied || (zc->sent && !zc->referred);

	rcu_read_lock();
	if (likely(!READ_ONCE(user->gone)))
		ksock_zc_tell(user, zc->done, zc->arg, copied);
	ksock_zc_user_put(user);
	kfree(zc);
	module_put(THIS_MODULE);
	rcu_read_unlock();
}

static void ksock_zc_work(struct work_struct *work)
{
	ksock_zc_end(container_of(work, struct ksock_zc, work));
}

static void ksock_zc_put(struct ksock_zc *zc)
{
	if (!refcount_dec_and_test(&zc->ubuf.refcnt))
		return;
	if (unlikely(irqs_disabled()))
		queue_work(ksock_wq, &zc->work);
	else
		ksock_zc_end(zc);
}

/* A packet, or a clone of one, is gone, or has made a copy; others give back. */
static void ksock_zc_complete(struct sk_buff *skb, struct ubuf_info *ubuf,
			      bool success)
{
	struct ksock_zc *zc = container_of(ubuf, struct ksock_zc, ubuf);

	if (!success)
		WRITE_ONCE(zc->copied, true);
	else if (skb)
		WRITE_ONCE(zc->referred, true);
	ksock_zc_put(zc);
}

KSOCK_COMPAT_UBUF_OPS(ksock_zc_ops, ksock_zc_complete);

static struct ksock_zc *ksock_zc_alloc(ksock_zc_done_t *done, void *arg,
				       struct module *owner, gfp_t gfp)
{
	struct ksock_zc *zc = kzalloc(sizeof(*zc), gfp);

	if (!zc)
		return NULL;
	zc->user = ksock_zc_user_get(owner, gfp);
	if (!zc->user) {
		kfree(zc);
		return NULL;
	}
	zc->done = done;
	zc->arg = arg;
	INIT_WORK(&zc->work, ksock_zc_work);
	ksock_compat_set_ubuf_ops(&zc->ubuf, ksock_zc_ops);
	/* Only on their way to a receiver here are packets to copy. */
	zc->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&zc->ubuf.refcnt, 1);
	__module_get(THIS_MODULE);
	return zc;
}

/*
 * What others still refer to wasn't copied, even if no packet is ever made of it.
 * The call's own reference is not given back yet.
 */
static void ksock_zc_was_sent(struct ksock_zc *zc, bool sent)
{
	zc->sent = sent;
	if (refcount_read(&zc->ubuf.refcnt) > 1)
		WRITE_ONCE(zc->referred, true);
}

/* Pages that a packet may have references on; counts those of the piece */
static bool ksock_piece_can_be_referred(const struct bio_vec *bv,
					unsigned int *pages)
{
	unsigned int at = bv->bv_offset;
	unsigned int end = DIV_ROUND_UP(at + bv->bv_len, PAGE_SIZE);
	unsigned int n;

	*pages += end - at / PAGE_SIZE;
	for (n = at / PAGE_SIZE; n < end; n++) {
		if (!sendpage_ok(bv->bv_page + n))
			return false;
	}
	return true;
}

/**
 * ksock_look_at_pages() - whether pieces are good, and what for
 * @bv: pieces
 * @nr: how many
 * @size: bytes to send of them
 * @pages: how many pages the pieces have, or 0 when these can only be copied
 *
 * A piece without bytes would have the kernel go round for ever.
 *
 * Return: 0, -EFAULT or -EINVAL.
 */
static int ksock_look_at_pages(const struct bio_vec *bv, unsigned int nr,
			       size_t size, unsigned int *pages)
{
	bool refer = true;

	*pages = 0;
	if (!bv && size)
		return -EFAULT;
	for (; size; bv++, nr--) {
		if (!nr || !bv->bv_page || !bv->bv_len)
			return -EINVAL;
		refer = refer && ksock_piece_can_be_referred(bv, pages);
		size -= min_t(size_t, size, bv->bv_len);
	}
	if (!refer)
		*pages = 0;
	return 0;
}

/* Neither TLS, nor SMC, nor what BPF has put on top; and its handshake is over. */
static bool ksock_is_plain_tcp(const struct sock *sk)
{
	return sk_is_tcp(sk) && READ_ONCE(sk->sk_prot)->sendmsg == tcp_sendmsg &&
	       1 << READ_ONCE(sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

/* A family of its own that takes them as TCP does. */
static bool ksock_family_lends(struct ksocket *s)
{
	struct ksock_query query;

	return ksock_ask(s->sock, &query) && query.lends;
}

/*
 * A datagram is one packet, and has to fit. Nothing may be appended by reference
 * to a packet that was begun (MSG_MORE): it has no note.
 */
static bool ksock_fits_into_datagram(struct sock *sk, unsigned int pages)
{
	return ksock_is_udp(sk) && pages < MAX_SKB_FRAGS &&
	       !READ_ONCE(udp_sk(sk)->pending);
}

/* How pages are to be passed on: MSG_SPLICE_PAGES, MSG_ZEROCOPY, or 0: copied */
static int ksock_way_of_pages(struct ksocket *s, unsigned int pages, int flags,
			      const struct ksock_zc *zc)
{
	struct sock *sk = s->sock->sk;

	if (!pages || flags & KSOCK_COPY_FLAGS)
		return 0;
	if (ksock_is_plain_tcp(sk) || ksock_family_lends(s))
		return zc ? MSG_ZEROCOPY : MSG_SPLICE_PAGES;
	return zc && ksock_fits_into_datagram(sk, pages) ? MSG_ZEROCOPY : 0;
}

static int ksock_send_pages(struct ksocket *s, const struct bio_vec *bv,
			    unsigned int nr, size_t size, int flags,
			    size_t *sent, struct ksock_zc *zc)
{
	struct msghdr hdr = {};
	unsigned int pages;
	int err;

	err = ksock_look_at_pages(bv, nr, size, &pages);
	if (err)
		return err;
	hdr.msg_flags = ksock_way_of_pages(s, pages, flags, zc);
	if (hdr.msg_flags == MSG_ZEROCOPY)
		hdr.msg_ubuf = &zc->ubuf;
	iov_iter_bvec(&hdr.msg_iter, ITER_SOURCE, bv, nr, size);
	err = ksock_send_by(s, &hdr, flags, sent);
	if (zc)
		ksock_zc_was_sent(zc, msg_data_left(&hdr) < size);
	return err;
}

/**
 * ksock_send_bvec() - send pages by reference
 * @s: handle, connected
 * @bv: pieces of pages, each with at least a byte
 * @nr: how many pieces
 * @size: bytes to send, from the beginning of the first piece on
 * @flags: as in ksock_sendmsg()
 * @sent: as in ksock_sendmsg()
 *
 * TCP and kinet's streams take references on the pages, and copy nothing. Nobody
 * tells when they no longer have them: what is sent must not change until the
 * consumer knows, by what the peer answers, that the peer has it.
 * ksock_send_zc() tells.
 *
 * Bytes are copied, and the pages free when the call returns: on every other
 * family; on a stream that isn't connected yet, or has a protocol of its own
 * on top; with MSG_OOB, MSG_FASTOPEN or MSG_EOR; and of pieces among which is a
 * page without a reference count of its own (of kmalloc(), or behind the first
 * of an allocation that is not compound). A message of a datagram socket is what
 * one call sends.
 *
 * Context: Process context. May sleep.
 * Return: as ksock_sendmsg(), and -EFAULT for a NULL @bv with a size, -EINVAL for
 * a piece without page or bytes, or less than @size bytes in all.
 */
int ksock_send_bvec(ksocket_t s, const struct bio_vec *bv, unsigned int nr,
		    size_t size, int flags, size_t *sent)
{
	struct ksock_call call;
	int err;

	if (sent)
		*sent = 0;
	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_send_pages(s, bv, nr, size, flags, sent, NULL);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_send_bvec);

/**
 * __ksock_send_zc() - send pages without a copy on behalf of a module
 * @s: handle, connected
 * @bv: as in ksock_send_bvec()
 * @nr: as in ksock_send_bvec()
 * @size: as in ksock_send_bvec()
 * @flags: as in ksock_sendmsg()
 * @sent: as in ksock_sendmsg()
 * @done: as in ksock_send_zc()
 * @arg: passed to @done
 * @owner: the module whose @done is, NULL when it is built in
 *
 * Consumers call ksock_send_zc().
 *
 * Context: Process context. May sleep.
 * Return: as ksock_send_zc().
 */
int __ksock_send_zc(ksocket_t s, const struct bio_vec *bv, unsigned int nr,
		    size_t size, int flags, size_t *sent,
		    ksock_zc_done_t *done, void *arg, struct module *owner)
{
	struct ksock_zc *zc = NULL;
	struct ksock_call call;
	int err;

	if (sent)
		*sent = 0;
	if (!done)
		return -EFAULT;
	err = ksock_enter(s, &call);
	if (err)
		goto end;
	zc = ksock_zc_alloc(done, arg, owner, s->sock->sk->sk_allocation);
	if (zc)
		err = ksock_send_pages(s, bv, nr, size, flags, sent, zc);
	else
		err = ksock_errno(s, -ENOMEM);
	ksock_leave(s, &call);
end:
	if (zc)
		ksock_zc_put(zc);
	else
		ksock_zc_tell(&ksock_zc_builtin, done, arg, false);
	return err;
}
EXPORT_SYMBOL_GPL(__ksock_send_zc);
