// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that grow with what a connection has on its way
 *
 * They begin as net.kinet.tcp_rmem and tcp_wmem say, and become no larger than
 * those allow. A size that the user has said stays, and so do all when memory
 * is short.
 */
#include <linux/log2.h>

#include "stream.h"

/* RFC 6928: as many segments may be on their way from the first moment. */
#define KINET_SEGMENTS_MIN	10

static bool kinet_tcp_may_grow(const struct sock *sk, u8 lock)
{
	return !(sk->sk_userlocks & lock) && !READ_ONCE(kinet_memory_pressure);
}

/**
 * kinet_tcp_grow_rcvbuf() - the user has read something
 * @sk: sock, locked
 *
 * As much as is read in a round trip, twice, so that the peer can send more; and
 * half of the buffer is for what the bytes are kept in.
 */
void kinet_tcp_grow_rcvbuf(struct sock *sk)
{
	u32 most = READ_ONCE(kinet_net(sock_net(sk))->tcp_rmem[2]);
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now = kinet_tcp_clock(sk);
	u64 want;
	u32 copied, rtt;

	rtt = max_t(u32, kinet_rtt_smoothed(&tp->rtt), 1000);
	if (now - tp->rcv_rtt_at < rtt)
		return;
	copied = tp->copied_seq - tp->rcv_copied;
	tp->rcv_copied = tp->copied_seq;
	tp->rcv_rtt_at = now;
	if (copied <= tp->rcv_space)
		return;
	tp->rcv_space = copied;
	want = min_t(u64, 4ULL * copied, most);
	if (want > sk->sk_rcvbuf && kinet_tcp_may_grow(sk, SOCK_RCVBUF_LOCK))
		WRITE_ONCE(sk->sk_rcvbuf, want);
}

/* In pieces of memory as the kernel has them, each in an skb of its own */
static u32 kinet_tcp_segment_cost(const struct kinet_tcp *tp)
{
	u32 size = max(tp->peer_mss, tp->mss) + KINET_HEADROOM +
		   SKB_DATA_ALIGN(sizeof(struct skb_shared_info));

	return roundup_pow_of_two(size) + SKB_DATA_ALIGN(sizeof(struct sk_buff));
}

/**
 * kinet_tcp_grow_sndbuf() - the congestion window may have become larger
 * @sk: sock, locked; its connection stands
 *
 * Twice the window: what is on its way, and what will replace it.
 */
void kinet_tcp_grow_sndbuf(struct sock *sk)
{
	u32 most = READ_ONCE(kinet_net(sock_net(sk))->tcp_wmem[2]);
	const struct kinet_tcp *tp = kinet_tcp(sk);
	u64 want = max_t(u32, tp->cong.cwnd / tp->mss, KINET_SEGMENTS_MIN);

	want = min_t(u64, 2 * want * kinet_tcp_segment_cost(tp), most);
	if (want > sk->sk_sndbuf && kinet_tcp_may_grow(sk, SOCK_SNDBUF_LOCK))
		WRITE_ONCE(sk->sk_sndbuf, want);
}
