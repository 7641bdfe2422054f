// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast it is sent, by SO_MAX_PACING_RATE and without a queue below that
 * knows of it
 */
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_link.h"
#include "tcp_random.h"

#define ACK	KINET_ACK
#define FIN	KINET_FIN
#define RST	KINET_RST

/*
 * A handshake of 10 ms, and ten segments to begin with: the window alone would
 * have twice 5000 bytes go each 10 ms.
 */
#define RTT	(10 * STREAM_MS)
#define RTO	(210 * STREAM_MS)	/* SRTT + the least of the rest; rtt.h */
#define RATE	100000UL
#define BURST	(2 * STREAM_MSS)
#define GAP	(10 * STREAM_MS)	/* BURST by RATE */
#define LATE	(KINET_PACE_LATE / NSEC_PER_USEC)

static void establish(struct kunit *test, struct stream_talk *talk,
		      unsigned long rate)
{
	stream_talk_begin(test, talk);
	talk->wnd = 60000;
	stream_establish(talk, false, RTT);
	stream_set_rate(talk->sock, rate);
}

/* Nothing for so long, then so much */
static void expect_after(struct stream_talk *talk, u64 us, u32 len, const char *why)
{
	stream_wait(us - 1);
	KUNIT_EXPECT_EQ_MSG(talk->test, stream_heard(talk), 0, "%s: too soon", why);
	stream_wait(1);
	KUNIT_EXPECT_EQ_MSG(talk->test, stream_heard(talk), len, "%s", why);
}

/* --- bursts --- */

static void bursts_are_apart(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk, RATE);
	stream_user_writes(&talk, 10 * STREAM_MSS);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), BURST, "at once");
	expect_after(&talk, GAP - LATE, BURST, "after a pause");
	for (i = 0; i < 3; i++)
		expect_after(&talk, GAP, BURST, "in a row");
	KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->deadlines.due[KINET_TIMER_PACE],
			KINET_NEVER);
}

/* Neither acknowledgments nor the user's writing make them go. */
/* What the queues below have sent makes room there, in a softirq. */
static bool hear_below(struct stream_talk *talk, struct stream_seg *seg)
{
	bool heard;

	local_bh_disable();
	heard = stream_hear(talk, seg);
	local_bh_enable();
	return heard;
}

/*
 * Nobody paces it, and yet what goes at once, and what waits below, is what there
 * is time for.
 */
static void slow_ones_send_little_at_once(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;
	u32 sum = 0;

	stream_talk_begin(test, &talk);
	talk.wnd = 60000;
	stream_establish(&talk, false, RTT);
	stream_user_writes(&talk, 30 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 10 * STREAM_MSS);
	stream_wait(RTT);
	stream_is_slow = true;
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 0);
	do {
		KUNIT_EXPECT_LE_MSG(test, skb_queue_len(&stream_sent), 2,
				    "bursts below");
		if (!hear_below(&talk, &seg))
			break;
		KUNIT_EXPECT_LE(test, seg.len, BURST);
		sum += seg.len;
	} while (true);
	KUNIT_EXPECT_EQ_MSG(test, sum, 12 * STREAM_MSS, "all that the window lets go");
}

static void nothing_else_lets_them_go(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, RATE);
	stream_user_writes(&talk, 2 * BURST);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
	stream_wait(GAP - LATE - 1);
	stream_says_ack(&talk);
	stream_user_writes(&talk, BURST);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 0);
	stream_wait(1);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
}

static void connections_of_a_listener_are_paced(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	talk.wnd = 60000;
	stream_listen(&talk);
	stream_set_rate(talk.listener, RATE);
	stream_establish(&talk, true, RTT);
	stream_user_writes(&talk, 2 * BURST);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
	expect_after(&talk, GAP - LATE, BURST, "the second");
}

/* Of an own number, where each segment is by itself */
static void single_segments_are_paced(struct kunit *test)
{
	struct stream_talk talk;

	stream_wire_isolate(true);
	establish(test, &talk, RATE);
	stream_user_writes(&talk, 2 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), STREAM_MSS);
	expect_after(&talk, GAP / 2 - LATE, STREAM_MSS, "the second");
}

/* --- what isn't paced --- */

static void acknowledgments_are_not(struct kunit *test)
{
	struct stream_talk talk;
	u32 seq;

	establish(test, &talk, RATE);
	stream_user_writes(&talk, 2 * BURST);
	stream_heard(&talk);
	seq = talk.snd_nxt;
	stream_say(&talk, ACK | KINET_PSH, talk.rcv_nxt, seq, 2 * STREAM_MSS);
	stream_expect(&talk, ACK, seq, talk.rcv_nxt + 2 * STREAM_MSS, 0,
		      "an acknowledgment");
}

/* RFC 6298, (5.4): however slow the rate is */
static void time_outs_are_not(struct kunit *test)
{
	struct stream_talk talk;
	u32 una;

	establish(test, &talk, RATE / 1000);
	una = talk.snd_nxt;
	stream_user_writes(&talk, 2 * BURST);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), BURST);
	stream_wait(RTO - 1);
	stream_expect_silence(&talk, "before");
	stream_wait(1);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "again");
	stream_expect_silence(&talk, "cwnd is a segment");
}

static void unlimited_ones_are_not(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, ~0UL);
	stream_user_writes(&talk, 10 * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 10 * STREAM_MSS);
}

/* --- the rate changes --- */

/* All that goes from now on is ten segments in 10 ms by the window, twice. */
static void limit_may_come_later(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, ~0UL);
	stream_user_writes(&talk, 20 * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), 10 * STREAM_MSS);
	stream_set_rate(talk.sock, RATE);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
	expect_after(&talk, GAP - LATE, BURST, "the second");
	expect_after(&talk, GAP, BURST, "the third");
}

/* Nobody tells us of it: we look once in a second. */
static void limit_may_be_taken_away(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, RATE / 1000);
	stream_user_writes(&talk, 5 * BURST);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), BURST);
	stream_says_ack(&talk);
	stream_wait(KINET_SECOND / 2);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 0);
	stream_set_rate(talk.sock, ~0UL);
	stream_wait(KINET_SECOND / 2 + GAP);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), 4 * BURST);
}

static void limit_may_be_raised(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk, RATE / 1000);
	stream_user_writes(&talk, 3 * BURST);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), BURST);
	stream_set_rate(talk.sock, RATE);
	stream_wait(GAP);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
	expect_after(&talk, GAP - LATE, BURST, "by the new rate");
}

/* --- the end --- */

static void orphan_sends_all(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk, RATE);
	stream_user_writes(&talk, 4 * BURST);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), BURST);
	stream_track(talk.sk);
	stream_close(talk.sock);
	stream_wait(GAP - LATE);
	for (i = 0; i < 3; i++) {
		stream_expect(&talk, i < 2 ? ACK : FIN | ACK, talk.snd_nxt,
			      talk.rcv_nxt, BURST, "each");
		stream_expect_silence(&talk, "but one at once");
		stream_wait(GAP);
	}
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_FIN_WAIT2);
}

static void held(struct kunit *test, struct stream_talk *talk)
{
	establish(test, talk, RATE);
	stream_user_writes(talk, 2 * BURST);
	KUNIT_ASSERT_EQ(test, stream_heard(talk), BURST);
	KUNIT_ASSERT_NE(test, kinet_tcp(talk->sk)->deadlines.due[KINET_TIMER_PACE],
			KINET_NEVER);
}

static void expect_over(struct stream_talk *talk)
{
	KUNIT_EXPECT_EQ(talk->test, talk->sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(talk->test,
			kinet_tcp(talk->sk)->deadlines.due[KINET_TIMER_PACE],
			KINET_NEVER);
	stream_wait(KINET_SECOND);
	stream_expect_silence(talk, "it is over");
}

static void reset_ends_it(struct kunit *test)
{
	struct stream_talk talk;

	held(test, &talk);
	stream_say(&talk, RST, talk.rcv_nxt, 0, 0);
	expect_over(&talk);
}

static void abort_ends_it(struct kunit *test)
{
	struct stream_talk talk;

	held(test, &talk);
	stream_track(talk.sk);
	stream_abort(talk.sock);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, talk.rcv_nxt, 0, "at once");
	expect_over(&talk);
}

static void draining_ends_it(struct kunit *test)
{
	struct stream_talk talk;

	held(test, &talk);
	kinet_stream_stop(talk.sk);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, talk.rcv_nxt, 0, "at once");
	expect_over(&talk);
}

/* The next connection of the same socket owes nothing. */
static void disconnect_forgets_it(struct kunit *test)
{
	struct stream_talk talk;

	held(test, &talk);
	stream_disconnect(talk.sock);
	stream_flush(&talk);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&kinet_tcp(talk.sk)->pace), 0ULL);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_pacing_rate, RATE);
}

/* --- whole transfers --- */

struct transfer {
	struct kunit		*test;
	const struct net_param	*param;
	struct stream_link	*link;
	struct rnd_state	random;
	struct socket		*listener;
	struct socket		*from;
	struct socket		*to;
	struct sock		*embryo;
	u8			*bytes;
	u32			written;
	u32			read;
	u64			begun;
};

/* @rate: bytes in a second; @full: the network takes it, and loses nothing */
struct net_param {
	const char		*name;
	struct stream_net	net;
	u32			delay;
	unsigned long		rate;
	u32			size;
	bool			full;
};

static const struct net_param net_params[] = {
	{ "fast", { "clean" }, 100, 1000000, 500000, true },
	{ "far", { "clean" }, 20000, 1000000, 2000000, true },
	{ "slow", { "clean" }, 1000, 20000, 100000, true },
	{ "reordered", { "late", 0, 0, 10 }, 5000, 1000000, 500000, false },
	{ "1 % lost", { "lossy", 1 }, 5000, 1000000, 500000, false },
	{ "10 % lost", { "bad", 10, 2, 5 }, 5000, 300000, 300000, false },
};

KUNIT_ARRAY_PARAM_DESC(net, net_params, name);

#define PIECE	8192

static void writes(struct transfer *t)
{
	u32 left = t->param->size - t->written;
	int ret;

	if (t->from->sk->sk_state != TCP_ESTABLISHED || !left ||
	    !sk_stream_memory_free(t->from->sk))
		return;
	if (!t->written)
		t->begun = stream_now;
	ret = stream_write(t->from, t->bytes, min_t(u32, left, PIECE), 0);
	t->written += max(ret, 0);
}

static void reads(struct transfer *t)
{
	int ret;

	if (!t->to) {
		t->to = stream_accept(t->test, t->listener);
		return;
	}
	while ((ret = stream_read(t->to, t->bytes, PIECE)) > 0)
		t->read += ret;
}

static void look_after_embryo(struct transfer *t)
{
	struct sock *embryo = stream_embryo(t->listener->sk);

	if (embryo && !t->embryo) {
		t->embryo = embryo;
		stream_track(embryo);
	}
}

/*
 * A burst is there at once, KINET_PACE_LATE may be caught up with, and where a
 * loss is found out a segment goes at once, which the rest then waits for.
 */
static void look_at_rate(struct transfer *t)
{
	const struct kinet_tcp *tp = kinet_tcp(t->from->sk);
	u64 most = div_u64(t->param->rate * (stream_now - t->begun + LATE),
			   USEC_PER_SEC);

	if (t->written)
		KUNIT_ASSERT_LE(t->test, tp->tally.sent, most + 4 * tp->mss);
}

static bool step(struct transfer *t)
{
	u64 due;

	stream_link_take(t->link);
	look_after_embryo(t);
	look_at_rate(t);
	due = min(stream_link_due(t->link), stream_due());
	if (due == KINET_NEVER)
		return false;
	stream_now = max(stream_now, due);
	if (stream_link_due(t->link) == due)
		stream_link_arrive(t->link);
	else
		stream_expire();
	reads(t);
	writes(t);
	return true;
}

static void begin(struct transfer *t)
{
	tcp_seed_random(t->test, &t->random);
	stream_link_begin(t->link, &t->param->net, &t->random);
	t->link->delay = t->param->delay;
	t->link->jitter = t->param->delay;
	t->link->split = true;
	t->listener = stream_socket(t->test, STREAM_PEER);
	KUNIT_ASSERT_EQ(t->test, kernel_listen(t->listener, 1), 0);
	t->from = stream_socket(t->test, STREAM_PORT);
	stream_set_rate(t->from, t->param->rate);
	KUNIT_ASSERT_EQ(t->test, stream_connect(t->from, STREAM_PEER), -EINPROGRESS);
}

static void transfers_keep_the_rate(struct kunit *test)
{
	struct transfer t = { .test = test, .param = test->param_value };
	u64 took, least;

	t.bytes = kunit_kzalloc(test, PIECE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.bytes);
	t.link = kunit_kzalloc(test, sizeof(*t.link), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.link);
	begin(&t);
	while (t.read < t.param->size && step(&t))
		;
	KUNIT_EXPECT_EQ_MSG(test, t.read, t.param->size, "it hangs");
	took = stream_now - t.begun;
	least = div_u64(t.param->size * USEC_PER_SEC, t.param->rate);
	KUNIT_EXPECT_GE(test, took * 10, least * 9);
	if (t.param->full)
		KUNIT_EXPECT_LE(test, took * 9, least * 10);
	stream_link_end(t.link);
}

static struct kunit_case pace_cases[] = {
	KUNIT_CASE(bursts_are_apart),
	KUNIT_CASE(slow_ones_send_little_at_once),
	KUNIT_CASE(nothing_else_lets_them_go),
	KUNIT_CASE(connections_of_a_listener_are_paced),
	KUNIT_CASE(single_segments_are_paced),
	KUNIT_CASE(acknowledgments_are_not),
	KUNIT_CASE(time_outs_are_not),
	KUNIT_CASE(unlimited_ones_are_not),
	KUNIT_CASE(limit_may_come_later),
	KUNIT_CASE(limit_may_be_taken_away),
	KUNIT_CASE(limit_may_be_raised),
	KUNIT_CASE(orphan_sends_all),
	KUNIT_CASE(reset_ends_it),
	KUNIT_CASE(abort_ends_it),
	KUNIT_CASE(draining_ends_it),
	KUNIT_CASE(disconnect_forgets_it),
	KUNIT_CASE_PARAM_ATTR(transfers_keep_the_rate, net_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite pace_suite = {
	.name = "kinet_stream_pace",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = pace_cases,
};

kunit_test_suite(pace_suite);
