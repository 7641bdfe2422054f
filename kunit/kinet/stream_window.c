// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much is sent at once, and how much is asked for: RFC 9293, sections 3.7.4
 * and 3.8.6.2
 */
#include <linux/poll.h>
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_wire.h"

#define SYN	KINET_SYN
#define ACK	KINET_ACK
#define FIN	KINET_FIN

#define RTT	(100 * STREAM_MS)

static void establish(struct kunit *test, struct stream_talk *talk, u16 wnd)
{
	stream_talk_begin(test, talk);
	talk->wnd = wnd;
	stream_establish(talk, false, RTT);
}

/* --- 3.7.1: segment size --- */

/* On a wire where nothing is divided below */
static void segments_fit_the_new_route(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;
	int segs = 0;

	stream_wire_isolate(true);
	establish(test, &talk, STREAM_WINDOW);
	stream_mtu = STREAM_MTU / 4;
	rt_genid_bump_ipv4(&init_net);
	stream_user_writes(&talk, 2 * STREAM_MSS);
	while (stream_hear(&talk, &seg)) {
		KUNIT_EXPECT_LE(test, sizeof(struct iphdr) + KINET_TCP_HEADER + seg.len,
				stream_mtu);
		segs++;
	}
	KUNIT_EXPECT_GT(test, segs, 2);
}

/* What the window had left is less than a segment of the new route. */
static void segments_grow_with_the_route(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_mtu = sizeof(struct iphdr) + KINET_TCP_HEADER + STREAM_MSS / 5;
	rt_genid_bump_ipv4(&init_net);
	stream_user_writes(&talk, STREAM_MSS / 5);
	stream_wait(KINET_SECOND);
	/* By halves: it doesn't leave slow start. */
	stream_flush(&talk);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - STREAM_MSS / 10, 0);
	stream_flush(&talk);
	stream_says_ack(&talk);
	KUNIT_ASSERT_LT(test, kinet_tcp(talk.sk)->cong.cwnd, STREAM_MSS / 2);
	stream_mtu = STREAM_MTU;
	rt_genid_bump_ipv4(&init_net);
	stream_user_writes(&talk, 1);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), 1);
	stream_says_ack(&talk);
	stream_user_writes(&talk, STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), STREAM_MSS);
}

/* --- what the device takes at once --- */

struct at_once_param {
	const char	*name;
	unsigned int	segs;
	int		most;		/* in one skb, in segments */
};

static const struct at_once_param at_once_params[] = {
	{ "one",	1,	1 },
	{ "some",	3,	3 },
	{ "all",	65535,	7 },
};

KUNIT_ARRAY_PARAM_DESC(at_once, at_once_params, name);

static void no_more_than_the_device_takes(struct kunit *test)
{
	const struct at_once_param *param = test->param_value;
	int left = 7 * STREAM_MSS;
	struct stream_talk talk;
	struct stream_seg seg;

	stream_take_segs(param->segs);
	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, left);
	while (stream_hear(&talk, &seg)) {
		KUNIT_EXPECT_EQ(test, seg.len,
				min(left, param->most * STREAM_MSS));
		left -= seg.len;
	}
	KUNIT_EXPECT_EQ(test, left, 0);
}

/* --- 3.7.4: Nagle --- */

static void small_ones_wait_for_the_first(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 5);
	stream_user_writes(&talk, 6);
	stream_user_writes(&talk, 7);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "the first is on its way");
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 13, "all at once");
}

static void old_small_one_is_forgotten(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	/* As after 2^31 bytes in full segments */
	kinet_tcp(talk.sk)->small_end = talk.snd_nxt + 5;
	stream_user_writes(&talk, 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 5);
}

/* Section 3.8.5: urgent data wait for nothing, and each segment points to them. */
static void urgent_ones_go_one_by_one(struct kunit *test)
{
	static const char text[3 * STREAM_MSS + 7];
	struct stream_talk talk;
	struct stream_seg seg;
	u32 sum = 0;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_CORK, 1), 0);
	KUNIT_ASSERT_EQ(test, stream_write(talk.sock, text, sizeof(text), MSG_OOB),
			(int)sizeof(text));
	while (stream_hear(&talk, &seg)) {
		KUNIT_EXPECT_LE(test, seg.len, STREAM_MSS);
		KUNIT_EXPECT_TRUE(test, seg.flags & KINET_URG);
		sum += seg.len;
	}
	KUNIT_EXPECT_EQ(test, sum, sizeof(text));
}

/* Nothing can be added, so waiting for more would be for a time-out. */
static void full_buffer_lifts_the_cork(struct kunit *test)
{
	static const char text[100];
	struct stream_talk talk;
	int ret, sum = 0;

	establish(test, &talk, STREAM_WINDOW);
	talk.sk->sk_sndbuf = 4608;
	talk.sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_CORK, 1), 0);
	while ((ret = stream_write(talk.sock, text, sizeof(text), 0)) > 0)
		sum += ret;
	KUNIT_EXPECT_EQ(test, ret, -EAGAIN);
	KUNIT_EXPECT_NE(test, sum % STREAM_MSS, 0);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), sum);
}

/* Nothing is on its way whose acknowledgment could tell of room. */
static void who_finds_no_memory_may_try_again(struct kunit *test)
{
	struct stream_talk talk;
	long *mem, before[3];
	int ret;

	establish(test, &talk, STREAM_WINDOW);
	mem = talk.sk->sk_prot->sysctl_mem;
	memcpy(before, mem, sizeof(before));
	mem[0] = -1;
	mem[1] = -1;
	mem[2] = -1;
	ret = stream_write(talk.sock, "hello", 5, 0);
	memcpy(mem, before, sizeof(before));
	*talk.sk->sk_prot->memory_pressure = 0;
	KUNIT_ASSERT_EQ(test, ret, -EAGAIN);
	KUNIT_EXPECT_FALSE_MSG(test, test_bit(SOCK_NOSPACE, &talk.sock->flags),
			       "nobody waits for room any more");
}

/* tcp(7): TCP_NODELAY has what waits go, "even if TCP_CORK is currently set". */
static void no_delay_lifts_the_cork_once(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_CORK, 1), 0);
	stream_user_writes(&talk, 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 0);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_NODELAY, 1), 0);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 5, "TCP_NODELAY");
	stream_user_writes(&talk, 6);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "the cork is still there");
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_CORK, 0), 0);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 6);
}

/* What doesn't fit yet isn't kept back later, either. */
static void no_delay_lifts_the_cork_for_all(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_CORK, 1), 0);
	stream_user_writes(&talk, STREAM_MSS + 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_NODELAY, 1), 0);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "the window is full");
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 5, "it isn't any more");
}

static void full_ones_wait_for_nothing(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 5);
	stream_user_writes(&talk, 2 * STREAM_MSS + 9);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 2 * STREAM_MSS);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 9);
}

/* MUST-17: it can be turned off. */
static void nobody_waits_without_nagle(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_NODELAY, 1), 0);
	stream_user_writes(&talk, 5);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 5);
	stream_user_writes(&talk, 6);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 6);
}

/* A FIN behind them ends the wait: nothing will come. */
static void nobody_waits_before_the_end(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	stream_heard(&talk);
	stream_user_writes(&talk, 6);
	kernel_sock_shutdown(talk.sock, SHUT_WR);
	stream_expect(&talk, FIN | ACK, talk.snd_nxt, talk.rcv_nxt, 6, "both");
}

/* --- 3.9.1.2: what is pushed --- */

static void expect_push(struct stream_talk *talk, u32 len, bool push,
			const char *why)
{
	struct stream_seg seg = {};

	KUNIT_ASSERT_TRUE_MSG(talk->test, stream_hear(talk, &seg), "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.len, len, "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, !!(seg.flags & KINET_PSH), push, "%s",
			    why);
	stream_expect_silence(talk, why);
}

/* MUST-61; SHLD-27: two in a row are one. */
static void what_was_written_is_pushed(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, 2 * STREAM_MSS);
	stream_user_writes(&talk, 2 * STREAM_MSS + 5);
	expect_push(&talk, 2 * STREAM_MSS, false, "there is more");
	stream_says_ack(&talk);
	expect_push(&talk, 5, true, "the last");
	stream_user_writes(&talk, 6);
	stream_user_writes(&talk, 7);
	stream_says_ack(&talk);
	expect_push(&talk, 13, true, "both");
}

/* --- 3.8.6: what the peer offers --- */

static void no_more_than_the_window(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, 1200);
	stream_user_writes(&talk, 5000);
	/* The rest of 200 is less than half of it, and not all there is. */
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 1000);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 1000);
}

/* RFC 6928, section 2: min (10 * MSS, max (2 * MSS, 14600)) */
static void no_more_than_the_initial_window(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, 60000);
	stream_user_writes(&talk, 20 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 10 * STREAM_MSS);
}

/* MUST-34: a peer that takes it back gets nothing new, and loses nothing. */
static void shrunk_window_is_borne(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 4 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 4 * STREAM_MSS);
	talk.wnd = STREAM_MSS;
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - 3 * STREAM_MSS, 0);
	stream_user_writes(&talk, STREAM_MSS);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "SND.NXT is beyond it");
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), STREAM_MSS);
}

/* SHLD-16; MAY-7: what is beyond it is resent, too. */
static void shrunk_window_is_resent_into(struct kunit *test)
{
	struct stream_talk talk;
	u32 una;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 4 * STREAM_MSS);
	una = talk.snd_nxt;
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), 4 * STREAM_MSS);
	talk.wnd = STREAM_MSS;
	stream_say(&talk, ACK, talk.rcv_nxt, una, 0);
	stream_wait(3 * RTT);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "in it");
	stream_expect_silence(&talk, "one, as nothing is known");
	una += STREAM_MSS;
	talk.wnd = 0;
	stream_say(&talk, ACK, talk.rcv_nxt, una, 0);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "beyond it");
}

/*
 * MUST-37, SHLD-17: a peer that answers, and has no room for what is on its way,
 * is there, for longer than R2.
 */
static void shrunk_window_is_waited_for(struct kunit *test)
{
	struct stream_talk talk;
	u32 una, i;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 4 * STREAM_MSS);
	una = talk.snd_nxt;
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), 4 * STREAM_MSS);
	talk.wnd = 0;
	for (i = 0; i < 3600; i++) {
		stream_wait(KINET_SECOND);
		if (skb_queue_empty(&stream_sent))
			continue;
		stream_flush(&talk);
		stream_say(&talk, ACK, talk.rcv_nxt, una, 0);
	}
	KUNIT_ASSERT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, talk.snd_nxt, una + 4 * STREAM_MSS);
	stream_flush(&talk);
	talk.wnd = STREAM_WINDOW;
	stream_say(&talk, ACK, talk.rcv_nxt, una, 0);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "open");
}

/*
 * 3.10.7.4, fifth: a segment that was resent is older than the one that told of
 * the window, but its acknowledgment is new. What was offered stays the bound.
 */
static void resent_segment_opens_nothing(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 2 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 2 * STREAM_MSS);
	talk.wnd = 2 * STREAM_MSS;
	stream_say(&talk, ACK, talk.rcv_nxt + 5, talk.snd_nxt - 2 * STREAM_MSS,
		   5);
	talk.wnd = 0;
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	stream_flush(&talk);
	stream_user_writes(&talk, STREAM_MSS);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "all that was offered is full");
}

/* 3.8.6.2.1, (3) and (4): less than half of the window waits 0.1 - 1.0 s. */
static void silly_window_is_not_filled(struct kunit *test)
{
	struct stream_talk talk;
	u64 from;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	stream_heard(&talk);
	talk.wnd = 100;
	stream_says_ack(&talk);
	stream_user_writes(&talk, 400);
	from = stream_now;
	while (skb_queue_empty(&stream_sent) && stream_now - from < KINET_SECOND)
		stream_wait(STREAM_MS);
	KUNIT_EXPECT_GE(test, stream_now - from, 100 * STREAM_MS);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 100, "the override time-out");
}

/* (3): half of the largest window that there was goes at once. */
static void small_buffer_of_the_peer(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, 200);
	stream_user_writes(&talk, 400);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 200);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 200);
}

/* (2): all that there is goes, however little, when nothing is on its way. */
static void all_there_is_goes(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, STREAM_WINDOW);
	stream_user_writes(&talk, 5);
	stream_heard(&talk);
	talk.wnd = 100;
	stream_says_ack(&talk);
	stream_user_writes(&talk, 100);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 100);
}

/* --- 3.8.6.2.2: what we offer --- */

#define BUFFER	10000	/* of bytes; the half of SO_RCVBUF */

static void fill(struct stream_talk *talk)
{
	struct kunit *test = talk->test;

	stream_talk_begin(test, talk);
	stream_talk_socket(talk);
	talk->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	talk->sk->sk_rcvbuf = 2 * BUFFER;
	stream_connect(talk->sock, STREAM_PEER);
	stream_flush(talk);
	stream_say(talk, SYN | ACK, talk->rcv_nxt++, talk->snd_nxt, 0);
	stream_flush(talk);
	KUNIT_ASSERT_EQ(test, talk->edge - talk->rcv_nxt, BUFFER);
	while (talk->rcv_nxt != talk->edge) {
		stream_say(talk, ACK, talk->rcv_nxt, talk->snd_nxt, STREAM_MSS);
		talk->rcv_nxt += STREAM_MSS;
		stream_flush(talk);
	}
	stream_wait(KINET_SECOND);
	stream_flush(talk);
	KUNIT_ASSERT_EQ_MSG(test, talk->edge, talk->rcv_nxt, "it is full");
}

static u32 reads(struct stream_talk *talk, u32 len)
{
	char bytes[128];
	u32 sum = 0;

	while (sum < len)
		sum += stream_read(talk->sock, bytes,
				   min_t(u32, sizeof(bytes), len - sum));
	return sum;
}

/* MUST-39: not until it is min (Fr * RCV.BUFF, Eff.snd.MSS), Fr = 1/2 */
static void silly_window_is_not_offered(struct kunit *test)
{
	struct stream_talk talk = { .test = test };

	fill(&talk);
	reads(&talk, STREAM_MSS - 1);
	stream_wait(10 * KINET_SECOND);
	stream_expect_silence(&talk, "less than a segment");
	/* A probe of the peer's is answered, and tells nothing else. */
	stream_say(&talk, ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "probe");
	KUNIT_EXPECT_EQ(test, talk.edge, talk.rcv_nxt);
	reads(&talk, 1);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "a segment");
	KUNIT_EXPECT_EQ(test, talk.edge - talk.rcv_nxt, STREAM_MSS);
}

/* What was promised is taken, in however many segments it comes. */
static void crumbs_are_taken(struct kunit *test)
{
	struct stream_talk talk;
	u32 i;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	talk.sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	talk.sk->sk_rcvbuf = SOCK_MIN_RCVBUF;
	stream_connect(talk.sock, STREAM_PEER);
	stream_flush(&talk);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_flush(&talk);
	KUNIT_ASSERT_GE(test, talk.edge - talk.rcv_nxt, 1000);
	for (i = 0; i < 1000; i += 20) {
		stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 20);
		talk.rcv_nxt += 20;
	}
	KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->rcv.nxt, talk.rcv_nxt);
}

static int readies;

static void count_ready(struct sock *sk)
{
	readies++;
}

static bool is_readable(struct stream_talk *talk)
{
	return talk->sock->ops->poll(NULL, talk->sock, NULL) & EPOLLIN;
}

/* The peer sends segments until one isn't taken, @most at most. */
static void say_until_dropped(struct stream_talk *talk, int most)
{
	const struct kinet_tcp *tp = kinet_tcp(talk->sk);

	while (most-- && tp->rcv.nxt == talk->rcv_nxt) {
		stream_say(talk, ACK, talk->rcv_nxt, talk->snd_nxt, STREAM_MSS);
		talk->rcv_nxt += STREAM_MSS;
	}
	stream_flush(talk);
}

/* SO_RCVLOWAT: what is never read holds the memory that the rest would need. */
static void little_is_told_when_memory_is_short(struct kunit *test)
{
	struct stream_talk talk;
	long *mem, before[3];

	establish(test, &talk, STREAM_WINDOW);
	KUNIT_ASSERT_EQ(test, talk.sock->ops->set_rcvlowat(talk.sk, 80 * STREAM_MSS),
			0);
	talk.sk->sk_data_ready = count_ready;
	readies = 0;
	say_until_dropped(&talk, 5);
	KUNIT_ASSERT_EQ(test, kinet_tcp(talk.sk)->rcv.nxt, talk.rcv_nxt);
	KUNIT_EXPECT_EQ_MSG(test, readies, 0, "SO_RCVLOWAT");
	KUNIT_EXPECT_FALSE(test, is_readable(&talk));
	mem = talk.sk->sk_prot->sysctl_mem;
	memcpy(before, mem, sizeof(before));
	/* More than nothing is short, and more than that there isn't. */
	mem[0] = -1;
	mem[1] = -1;
	mem[2] = 0;
	say_until_dropped(&talk, 40);
	KUNIT_EXPECT_TRUE(test, is_readable(&talk));
	memcpy(mem, before, sizeof(before));
	*talk.sk->sk_prot->memory_pressure = 0;
	KUNIT_EXPECT_NE_MSG(test, kinet_tcp(talk.sk)->rcv.nxt, talk.rcv_nxt,
			    "one was dropped");
	KUNIT_EXPECT_GE(test, readies, 1);
}

/* --- SHLD-31: what comes beyond a gap --- */

struct crumbs_param {
	const char	*name;
	int		rcvbuf;
	u32		count;		/* bytes, each in a segment of its own */
	bool		backwards;
};

static const struct crumbs_param crumbs_params[] = {
	{ "backwards into a large buffer", 8 << 20, 2000, true },
	{ "forwards into a large buffer", 8 << 20, 2000, false },
	{ "backwards into a small one", 10000, 1000, true },
	{ "forwards into a small one", 10000, 1000, false },
};

KUNIT_ARRAY_PARAM_DESC(crumbs, crumbs_params, name);

static u64 pruned(void)
{
	struct kinet_counts *counts;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		counts = per_cpu_ptr(kinet_net(&init_net)->counts, cpu);
		sum += counts->n[KINET_DROP_PRUNED];
	}
	return sum;
}

static u8 crumb(u32 at)
{
	return at % 251;
}

static void drop_crumb(struct stream_talk *talk, u32 at)
{
	struct sk_buff *skb;

	skb = stream_segment(talk, ACK, talk->rcv_nxt + at, talk->snd_nxt, 1);
	*(skb_tail_pointer(skb) - 1) = crumb(at);
	stream_arrive(skb);
	stream_flush(talk);
}

static void expect_crumbs(struct stream_talk *talk, u32 count)
{
	u32 at = 0;
	u8 bytes[128];
	int i, len;

	while ((len = stream_read(talk->sock, bytes, sizeof(bytes))) > 0)
		for (i = 0; i < len; i++, at++)
			KUNIT_ASSERT_EQ_MSG(talk->test, bytes[i], crumb(at),
					    "byte %u", at);
	KUNIT_EXPECT_EQ(talk->test, at, count);
}

/*
 * A byte in a segment of its own takes hundreds of them: those that touch are put
 * together soon, and before anything is given up.
 */
static void crumbs_are_swept_up(struct kunit *test)
{
	const struct crumbs_param *param = test->param_value;
	u64 before = pruned();
	struct stream_talk talk;
	u32 i, most = 0;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	talk.sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	talk.sk->sk_rcvbuf = param->rcvbuf;
	stream_connect(talk.sock, STREAM_PEER);
	stream_flush(&talk);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_flush(&talk);
	KUNIT_ASSERT_GT(test, talk.edge - talk.rcv_nxt, param->count);
	for (i = 1; i <= param->count; i++) {
		drop_crumb(&talk, param->backwards ? param->count + 1 - i : i);
		most = max(most, kinet_tcp(talk.sk)->piece_count);
	}
	KUNIT_EXPECT_LE(test, most, 2 * KINET_CRUMBS);
	KUNIT_EXPECT_EQ(test, pruned(), before);
	drop_crumb(&talk, 0);
	KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->piece_count, 0);
	expect_crumbs(&talk, param->count + 1);
}

/* SHLD-14: what was promised is, whatever becomes of the buffer. */
static void offered_window_stays(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	u32 edge;

	fill(&talk);
	reads(&talk, BUFFER);
	stream_flush(&talk);
	edge = talk.edge;
	KUNIT_EXPECT_GT(test, edge - talk.rcv_nxt, BUFFER - STREAM_MSS);
	WRITE_ONCE(talk.sk->sk_rcvbuf, 2000);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, STREAM_MSS);
	talk.rcv_nxt += STREAM_MSS;
	stream_wait(KINET_SECOND);
	stream_flush(&talk);
	KUNIT_EXPECT_EQ(test, talk.edge, edge);
}

/* 3.10.7.4, first: into a shut window come ACK, URG and RST, and no text. */
static void shut_window_takes_no_text(struct kunit *test)
{
	struct stream_talk talk = { .test = test };

	fill(&talk);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 1);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "MUST-36");
	stream_wait(60 * KINET_SECOND);
	stream_expect_silence(&talk, "MUST-66: the ACK was taken");
	stream_say(&talk, KINET_RST, talk.rcv_nxt, 0, 0);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE(segments_fit_the_new_route),
	KUNIT_CASE(segments_grow_with_the_route),
	KUNIT_CASE_PARAM(no_more_than_the_device_takes, at_once_gen_params),
	KUNIT_CASE(small_ones_wait_for_the_first),
	KUNIT_CASE(old_small_one_is_forgotten),
	KUNIT_CASE(urgent_ones_go_one_by_one),
	KUNIT_CASE(full_buffer_lifts_the_cork),
	KUNIT_CASE(who_finds_no_memory_may_try_again),
	KUNIT_CASE(no_delay_lifts_the_cork_once),
	KUNIT_CASE(no_delay_lifts_the_cork_for_all),
	KUNIT_CASE(full_ones_wait_for_nothing),
	KUNIT_CASE(nobody_waits_without_nagle),
	KUNIT_CASE(nobody_waits_before_the_end),
	KUNIT_CASE(what_was_written_is_pushed),
	KUNIT_CASE(no_more_than_the_window),
	KUNIT_CASE(no_more_than_the_initial_window),
	KUNIT_CASE(shrunk_window_is_borne),
	KUNIT_CASE(shrunk_window_is_resent_into),
	KUNIT_CASE(shrunk_window_is_waited_for),
	KUNIT_CASE(resent_segment_opens_nothing),
	KUNIT_CASE(silly_window_is_not_filled),
	KUNIT_CASE(small_buffer_of_the_peer),
	KUNIT_CASE(all_there_is_goes),
	KUNIT_CASE(silly_window_is_not_offered),
	KUNIT_CASE(crumbs_are_taken),
	KUNIT_CASE(little_is_told_when_memory_is_short),
	KUNIT_CASE_PARAM(crumbs_are_swept_up, crumbs_gen_params),
	KUNIT_CASE(offered_window_stays),
	KUNIT_CASE(shut_window_takes_no_text),
	{}
};

static struct kunit_suite window_suite = {
	.name = "kinet_stream_window",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = window_cases,
};

kunit_test_suite(window_suite);
