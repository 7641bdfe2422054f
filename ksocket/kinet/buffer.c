// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits to be received
 *
 * Any CPU may add to a socket's queue, without the socket's lock; so its memory
 * is accounted for under the lock of the queue.
 */
#include "kinet.h"

/* A message was received, or thrown away. */
static void kinet_buffer_free(struct sk_buff *skb)
{
	unsigned int size = skb->truesize;
	struct sock *sk = skb->sk;
	unsigned long flags;

	atomic_sub(size, &sk->sk_rmem_alloc);
	spin_lock_irqsave(&sk->sk_receive_queue.lock, flags);
	sk_mem_uncharge(sk, size);
	spin_unlock_irqrestore(&sk->sk_receive_queue.lock, flags);
}

static int kinet_buffer_charge(struct sock *sk, struct sk_buff *skb)
{
	unsigned int size = skb->truesize;

	lockdep_assert_held(&sk->sk_receive_queue.lock);
	/* One message more than there is room for, as it is with the host. */
	if (atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf))
		return -ENOMEM;
	if (!sk_rmem_schedule(sk, skb, size))
		return -ENOBUFS;
	sk_mem_charge(sk, size);
	atomic_add(size, &sk->sk_rmem_alloc);
	return 0;
}

/**
 * kinet_buffer_add() - add a message to what a socket will receive
 * @sk: sock
 * @skb: message, nobody's; the sock's when this succeeds
 *
 * Context: Any but hard interrupts.
 * Return: 0, -ENOMEM when the socket's buffer is full, -ENOBUFS when kinet's
 * memory is.
 */
int kinet_buffer_add(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	unsigned long flags;
	int err;

	spin_lock_irqsave(&queue->lock, flags);
	err = kinet_buffer_charge(sk, skb);
	if (err) {
		spin_unlock_irqrestore(&queue->lock, flags);
		atomic_inc(&sk->sk_drops);
		return err;
	}
	skb->sk = sk;
	skb->destructor = kinet_buffer_free;
	sock_skb_set_dropcount(sk, skb);
	__skb_queue_tail(queue, skb);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
	return 0;
}
