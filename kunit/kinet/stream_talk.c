// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer whose segments are made by hand
 */
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_wire.h"

#define PEER_ISS	0xffffff00U	/* so the numbers soon wrap */

static void options(const struct stream_talk *talk, u8 flags,
		    struct kinet_options *options)
{
	*options = talk->more;
	if (!(flags & KINET_SYN)) {
		options->has &= ~KINET_SYN_ONLY;
		return;
	}
	options->sacks = 0;
	options->has |= KINET_HAS_MSS;
	options->mss = talk->mss;
	options->scale = talk->scale;
	if (talk->scaled)
		options->has |= KINET_HAS_SCALE;
}

struct sk_buff *stream_segment(struct stream_talk *talk, u8 flags, u32 seq, u32 ack,
			       u32 len)
{
	struct kinet_options said;
	unsigned int room;
	struct sk_buff *skb;
	struct iphdr *iph;
	struct tcphdr *th;

	options(talk, flags, &said);
	room = kinet_options_len(&said);
	skb = alloc_skb(sizeof(*iph) + sizeof(*th) + room + len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(talk->test, skb);
	skb_reset_network_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = kinet_net(&init_net)->wire->stream;
	iph->saddr = htonl(INADDR_LOOPBACK);
	iph->daddr = htonl(INADDR_LOOPBACK);
	th = skb_put_zero(skb, sizeof(*th));
	th->source = htons(STREAM_PEER);
	th->dest = htons(STREAM_PORT);
	th->seq = htonl(seq);
	th->ack_seq = htonl(ack);
	th->doff = (sizeof(*th) + room) / 4;
	th->window = htons(talk->wnd);
	((u8 *)th)[13] = flags;
	kinet_options_build(skb_put(skb, room), &said);
	memset(skb_put(skb, len), 'p', len);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return skb;
}

void stream_say(struct stream_talk *talk, u8 flags, u32 seq, u32 ack, u32 len)
{
	stream_arrive(stream_segment(talk, flags, seq, ack, len));
}

void stream_says_ack(struct stream_talk *talk)
{
	stream_say(talk, KINET_ACK, talk->rcv_nxt, talk->snd_nxt, 0);
}

void stream_talk_socket(struct stream_talk *talk)
{
	talk->sock = stream_socket(talk->test, STREAM_PORT);
	talk->sk = talk->sock->sk;
}

void stream_user_writes(struct stream_talk *talk, size_t len)
{
	char *bytes = kunit_kzalloc(talk->test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(talk->test, bytes);
	KUNIT_ASSERT_EQ(talk->test, stream_write(talk->sock, bytes, len, 0),
			(int)len);
}

bool stream_hear(struct stream_talk *talk, struct stream_seg *seg)
{
	struct sk_buff *skb = skb_dequeue(&stream_sent);
	const struct tcphdr *th;
	unsigned int header;
	u32 end;

	if (!skb)
		return false;
	th = (struct tcphdr *)(skb->data + sizeof(struct iphdr));
	header = th->doff * 4;
	*seg = (struct stream_seg){
		.seq	= ntohl(th->seq),
		.ack	= ntohl(th->ack_seq),
		.len	= skb->len - sizeof(struct iphdr) - header,
		.wnd	= ntohs(th->window),
		.flags	= ((u8 *)th)[13],
	};
	KUNIT_EXPECT_EQ(talk->test, ntohs(th->source), STREAM_PORT);
	KUNIT_EXPECT_EQ(talk->test, ntohs(th->dest), STREAM_PEER);
	kinet_options_parse((u8 *)th + sizeof(*th), header - sizeof(*th),
			    seg->flags & KINET_SYN, &seg->options);
	end = seg->seq + kinet_seg_len(seg->len, seg->flags);
	if (!(seg->flags & KINET_RST) &&
	    (seg->flags & KINET_SYN || kinet_after(end, talk->snd_nxt)))
		talk->snd_nxt = end;
	if (seg->flags & KINET_SYN && talk->scaled)
		talk->edge_scale = seg->options.scale;
	if ((seg->flags & (KINET_ACK | KINET_RST)) == KINET_ACK)
		talk->edge = seg->ack +
			     (seg->wnd << (seg->flags & KINET_SYN ?
					   0 : talk->edge_scale));
	kfree_skb(skb);
	return true;
}

u32 stream_heard(struct stream_talk *talk)
{
	u32 from = talk->snd_nxt, sum = 0;
	struct stream_seg seg;

	while (stream_hear(talk, &seg)) {
		KUNIT_EXPECT_EQ(talk->test, seg.seq, from + sum);
		sum += seg.len;
	}
	return sum;
}

void stream_expect(struct stream_talk *talk, u8 flags, u32 seq, u32 ack, u32 len,
		   const char *why)
{
	struct stream_seg seg;

	if (!stream_hear(talk, &seg)) {
		KUNIT_FAIL(talk->test, "%s: nothing was sent, expected flags %#x",
			   why, flags);
		return;
	}
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.flags & ~KINET_PSH, flags, "%s", why);
	if (seq != (u32)STREAM_ANY)
		KUNIT_EXPECT_EQ_MSG(talk->test, seg.seq, seq, "%s", why);
	if (flags & KINET_ACK && ack != (u32)STREAM_ANY)
		KUNIT_EXPECT_EQ_MSG(talk->test, seg.ack, ack, "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.len, len, "%s", why);
}

void stream_expect_silence(struct stream_talk *talk, const char *why)
{
	struct stream_seg seg;

	while (stream_hear(talk, &seg))
		KUNIT_FAIL(talk->test, "%s: sent flags %#x, seq %u, ack %u, len %u",
			   why, seg.flags, seg.seq, seg.ack, seg.len);
}

void stream_flush(struct stream_talk *talk)
{
	struct stream_seg seg;

	while (stream_hear(talk, &seg))
		;
}

void stream_talk_begin(struct kunit *test, struct stream_talk *talk)
{
	*talk = (struct stream_talk){
		.test		= test,
		.rcv_nxt	= PEER_ISS,
		.wnd		= STREAM_WINDOW,
		.mss		= STREAM_MSS,
	};
}

void stream_listen(struct stream_talk *talk)
{
	talk->listener = stream_socket(talk->test, STREAM_PORT);
	talk->ear = talk->listener->sk;
	KUNIT_ASSERT_EQ(talk->test, kernel_listen(talk->listener, 5), 0);
}

struct sock *stream_embryo(const struct sock *ear)
{
	struct kinet_tcp *tp = kinet_tcp(ear);
	struct kinet_tcp *child;

	child = list_first_entry_or_null(&tp->embryos, struct kinet_tcp, queued);
	return child ? &child->k.inet.sk : NULL;
}

static void establish_passive(struct stream_talk *talk, u64 us)
{
	struct kunit *test = talk->test;

	if (!talk->ear)
		stream_listen(talk);
	stream_say(talk, KINET_SYN, talk->rcv_nxt++, 0, 0);
	stream_flush(talk);
	stream_wait(us);
	stream_says_ack(talk);
	talk->sock = stream_accept(test, talk->listener);
	KUNIT_ASSERT_NOT_NULL(test, talk->sock);
}

static void establish_active(struct stream_talk *talk, u64 us)
{
	struct kunit *test = talk->test;

	stream_talk_socket(talk);
	KUNIT_ASSERT_EQ(test, stream_connect(talk->sock, STREAM_PEER),
			-EINPROGRESS);
	stream_flush(talk);
	stream_wait(us);
	stream_say(talk, KINET_SYN | KINET_ACK, talk->rcv_nxt++, talk->snd_nxt, 0);
}

void stream_establish(struct stream_talk *talk, bool passive, u64 us)
{
	if (passive)
		establish_passive(talk, us);
	else
		establish_active(talk, us);
	talk->sk = talk->sock->sk;
	stream_flush(talk);
	KUNIT_ASSERT_EQ(talk->test, talk->sk->sk_state, TCP_ESTABLISHED);
}
