// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers to segments that belong to no connection
 */
#include <linux/tcp.h>

#include "stream.h"

/* What is in an answer, beside what it takes from the question */
struct kinet_answer {
	u32			seq;
	u32			ack;
	u16			wnd;
	u8			flags;
	struct kinet_options	options;
};

static void kinet_answer_header(struct sk_buff *skb, const struct kinet_pkt *pkt,
				const struct kinet_answer *answer)
{
	unsigned int len = kinet_options_len(&answer->options);
	struct tcphdr *th;

	kinet_options_build(skb_push(skb, len), &answer->options);
	th = skb_push(skb, KINET_TCP_HEADER);
	skb_reset_transport_header(skb);
	memset(th, 0, sizeof(*th));
	th->source = pkt->dport;
	th->dest = pkt->sport;
	th->seq = htonl(answer->seq);
	th->ack_seq = htonl(answer->ack);
	th->doff = (KINET_TCP_HEADER + len) / 4;
	((u8 *)th)[13] = answer->flags;
	th->window = htons(answer->wnd);
	th->check = kinet_answer_sum(pkt, skb);
}

static void kinet_answer_send(const struct kinet_pkt *pkt,
			      const struct kinet_answer *answer)
{
	struct kinet_net *kn = kinet_net(pkt->net);
	struct sock *sk = kn->control[pkt->family == AF_INET6];
	const struct kinet_wire *wire = READ_ONCE(kn->wire);
	struct kinet_flow flow;
	struct sk_buff *skb;

	kinet_flow_back(pkt, &flow);
	if (wire->route(sk, &flow))
		goto out;
	skb = alloc_skb(KINET_HEADROOM, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		goto out;
	skb_reserve(skb, KINET_HEADROOM);
	kinet_answer_header(skb, pkt, answer);
	wire->xmit(sk, skb, &flow);
out:
	kinet_flow_end(&flow);
}

/**
 * kinet_tcp_answer_reset() - RST, for a segment that nobody wants
 * @pkt: its packet
 * @seg: segment, which isn't a RST
 *
 * RFC 9293, section 3.10.7.1.
 */
void kinet_tcp_answer_reset(const struct kinet_pkt *pkt,
			    const struct kinet_seg *seg)
{
	struct kinet_answer answer = { .flags = KINET_RST };

	if (seg->flags & KINET_ACK) {
		answer.seq = seg->ack;
	} else {
		answer.ack = seg->seq + kinet_seg_len(seg->len, seg->flags);
		answer.flags |= KINET_ACK;
	}
	kinet_count(pkt->net, KINET_RESET_OUT);
	kinet_answer_send(pkt, &answer);
}

/**
 * kinet_tcp_answer_ack() - ACK, for a connection in TIME-WAIT
 * @pkt: packet that is answered
 * @tw: what is left of the connection
 * @seq: SND.NXT
 * @wnd: the header's window
 * @stamp: our time stamp
 */
void kinet_tcp_answer_ack(const struct kinet_pkt *pkt,
			  const struct kinet_timewait *tw, u32 seq, u16 wnd,
			  u32 stamp)
{
	struct kinet_answer answer = {
		.seq	= seq,
		.ack	= tw->rcv_nxt,
		.wnd	= wnd,
		.flags	= KINET_ACK,
	};

	if (tw->stamped) {
		answer.options.has = KINET_HAS_TS;
		answer.options.tsval = stamp;
		answer.options.tsecr = tw->recent;
	}
	kinet_answer_send(pkt, &answer);
}
