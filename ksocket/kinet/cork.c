// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that are sent in pieces: MSG_MORE, UDP_CORK
 *
 * The first piece decides where the message goes, as the host's UDP has it.
 */
#include <linux/slab.h>
#include <net/ip.h>

#include "kinet.h"

bool kinet_cork_wanted(const struct sock *sk, const struct msghdr *msg)
{
	return msg->msg_flags & MSG_MORE || READ_ONCE(kinet_sk(sk)->corked) ||
	       READ_ONCE(kinet_sk(sk)->pending_flow);
}

/**
 * kinet_cork_flush() - forget what was not sent yet
 * @sk: sock, locked
 */
void kinet_cork_flush(struct sock *sk)
{
	struct kinet_sock *k = kinet_sk(sk);

	sock_owned_by_me(sk);
	if (!k->pending_flow)
		return;
	__skb_queue_purge(&k->pending);
	kinet_flow_end(k->pending_flow);
	kfree(k->pending_flow);
	WRITE_ONCE(k->pending_flow, NULL);
	k->pending_len = 0;
}

static int kinet_cork_begin(struct sock *sk, struct msghdr *msg)
{
	struct kinet_sock *k = kinet_sk(sk);
	struct kinet_flow *flow;
	int err;

	flow = kmalloc(sizeof(*flow), sk->sk_allocation);
	if (!flow)
		return -ENOBUFS;
	err = kinet_flow_begin(sk, msg, k->wire->dgram, flow);
	/* What points into the caller's control data doesn't outlive the call. */
	if (!err && flow->opt == &flow->opt_room)
		err = -EOPNOTSUPP;
	if (!err)
		err = k->wire->route(sk, flow);
	if (err)
		goto free;
	WRITE_ONCE(k->pending_flow, flow);
	return 0;

free:
	kinet_flow_end(flow);
	kfree(flow);
	return err;
}

/* The head pays for all of them: IP takes fragments that are nobody's. */
static struct sk_buff *kinet_cork_join(struct sk_buff_head *pending)
{
	struct sk_buff *head = __skb_dequeue(pending);
	struct sk_buff **link = &skb_shinfo(head)->frag_list;
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(pending))) {
		skb->destructor = NULL;
		skb->sk = NULL;
		head->len += skb->len;
		head->data_len += skb->len;
		head->truesize += skb->truesize;
		*link = skb;
		link = &skb->next;
	}
	return head;
}

/* IP would make of each piece a fragment, however short, and leave them at that. */
static struct sk_buff *kinet_cork_copy(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *copy;

	copy = skb_copy_expand(skb, skb_headroom(skb), 0,
			       sk->sk_allocation | __GFP_NOWARN);
	if (!copy)
		return skb;
	skb_set_owner_w(copy, sk);
	consume_skb(skb);
	return copy;
}

static int kinet_cork_push(struct sock *sk)
{
	struct kinet_sock *k = kinet_sk(sk);
	struct sk_buff *skb;
	int err;

	if (skb_queue_empty(&k->pending))
		return 0;
	skb = kinet_cork_join(&k->pending);
	if (skb_has_frag_list(skb) &&
	    kinet_dgram_whole(k->pending_flow, skb->len) >
	    k->wire->mtu(k->pending_flow))
		skb = kinet_cork_copy(sk, skb);
	err = kinet_dgram_push(sk, skb, k->pending_flow);
	kinet_cork_flush(sk);
	return err;
}

/* A piece of which there is room for more, however short it is. */
static int kinet_cork_append(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct kinet_sock *k = kinet_sk(sk);
	bool first = skb_queue_empty(&k->pending);
	unsigned int headroom;
	struct sk_buff *skb;
	int err;

	headroom = kinet_ip_headroom(k->pending_flow) + KINET_HEADER_LEN;
	/* The others would wait for the room that they themselves take. */
	skb = kinet_dgram_piece(sk, msg, len, headroom,
				SKB_MAX_ORDER(headroom, 0),
				first && !(msg->msg_flags & MSG_DONTWAIT),
				&err);
	if (!skb)
		return err == -EAGAIN && !first ? -ENOBUFS : err;
	__skb_queue_tail(&k->pending, skb);
	return 0;
}

/* How much of a piece goes into the last one's memory */
static size_t kinet_cork_fill(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct sk_buff *last = skb_peek_tail(&kinet_sk(sk)->pending);

	if (!last)
		return 0;
	len = min_t(size_t, len, skb_tailroom(last));
	if (!len ||
	    !copy_from_iter_full(skb_tail_pointer(last), len, &msg->msg_iter))
		return 0;
	skb_put(last, len);
	return len;
}

static int kinet_cork_add(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct kinet_sock *k = kinet_sk(sk);
	size_t filled;
	int err;

	err = kinet_dgram_check(sk, k->pending_flow, k->pending_len + len);
	if (err)
		return err;
	filled = kinet_cork_fill(sk, msg, len);
	if (filled < len || skb_queue_empty(&k->pending))
		err = kinet_cork_append(sk, msg, len - filled);
	if (err)
		return err;
	k->pending_len += len;
	kinet_flow_confirm(k->pending_flow, msg);
	return 0;
}

/**
 * kinet_cork_sendmsg() - a piece of a message, maybe the last one
 * @sk: sock
 * @msg: piece
 * @len: bytes of it
 *
 * Return: @len, or an errno, after which the message is forgotten.
 */
int kinet_cork_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct kinet_sock *k = kinet_sk(sk);
	int err = 0;

	lock_sock(sk);
	if (!k->pending_flow)
		err = kinet_cork_begin(sk, msg);
	if (!err)
		err = kinet_cork_add(sk, msg, len);
	if (err)
		kinet_cork_flush(sk);
	else if (!(msg->msg_flags & MSG_MORE) && !k->corked)
		err = kinet_cork_push(sk);
	release_sock(sk);
	return err ? err : len;
}

/**
 * kinet_cork_set() - UDP_CORK
 * @sk: sock
 * @on: keep messages back; or send what there is
 *
 * Return: 0, or what the send says.
 */
int kinet_cork_set(struct sock *sk, bool on)
{
	int err = 0;

	lock_sock(sk);
	WRITE_ONCE(kinet_sk(sk)->corked, on);
	if (!on && kinet_sk(sk)->pending_flow)
		err = kinet_cork_push(sk);
	release_sock(sk);
	return err;
}
