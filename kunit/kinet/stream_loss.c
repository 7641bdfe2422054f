// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is sent by the congestion window: RFC 5681, 3042 and 6675
 */
#include "stream_wire.h"

#define ACK	KINET_ACK

#define RTT	(100 * STREAM_MS)
#define INITIAL	10	/* segments; RFC 6928, section 2 */

/* The peer's window limits nothing. */
static void establish(struct kunit *test, struct stream_talk *talk, bool sacks)
{
	stream_talk_begin(test, talk);
	talk->wnd = 60000;
	if (sacks)
		talk->more.has = KINET_HAS_SACK_OK;
	stream_establish(talk, false, RTT);
}

static void acks(struct stream_talk *talk, u32 ack)
{
	stream_say(talk, ACK, talk->rcv_nxt, ack, 0);
}

/* It has got all from the segment @from on, but those before @to only. */
static void sacks(struct stream_talk *talk, u32 una, u32 from, u32 to)
{
	talk->more.sacks = 1;
	talk->more.sack[0].start = una + from * STREAM_MSS;
	talk->more.sack[0].end = una + to * STREAM_MSS;
	acks(talk, una);
	talk->more.sacks = 0;
}

/* --- after a pause --- */

/* Twelve segments are on their way, and then acknowledged. */
static void grow(struct kunit *test, struct stream_talk *talk)
{
	establish(test, talk, false);
	stream_user_writes(talk, INITIAL * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(talk), INITIAL * STREAM_MSS);
	acks(talk, talk->snd_nxt);
	/* RFC 3465, section 2.3: two more, for an acknowledgment of many */
	stream_user_writes(talk, (INITIAL + 2) * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(talk), (INITIAL + 2) * STREAM_MSS);
	acks(talk, talk->snd_nxt);
	KUNIT_ASSERT_EQ(test, stream_heard(talk), 0);
}

/* RFC 5681, section 4.1: RW = min (IW, cwnd) */
static void idleness_restarts_the_window(struct kunit *test)
{
	struct stream_talk talk;

	grow(test, &talk);
	stream_wait(KINET_SECOND);
	stream_user_writes(&talk, (INITIAL + 4) * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), INITIAL * STREAM_MSS);
}

/* A retransmission time-out is 200 ms here at least. */
static void short_idleness_does_not(struct kunit *test)
{
	struct stream_talk talk;

	grow(test, &talk);
	stream_wait(200 * STREAM_MS);
	stream_user_writes(&talk, (INITIAL + 4) * STREAM_MSS);
	KUNIT_EXPECT_EQ(test, stream_heard(&talk), (INITIAL + 4) * STREAM_MSS);
}

/* --- limited transmit --- */

static void fill(struct kunit *test, struct stream_talk *talk, bool sacks)
{
	establish(test, talk, sacks);
	stream_user_writes(talk, 2 * INITIAL * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(talk), INITIAL * STREAM_MSS);
}

/* RFC 3042, section 2 */
static void duplicates_bring_new_data(struct kunit *test)
{
	struct stream_talk talk;
	u32 una, cwnd;
	int i;

	fill(test, &talk, false);
	una = talk.snd_nxt - INITIAL * STREAM_MSS;
	cwnd = kinet_tcp(talk.sk)->cong.cwnd;
	for (i = 0; i < 2; i++) {
		acks(&talk, una);
		KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), STREAM_MSS,
				    "duplicate %d", i);
	}
	KUNIT_EXPECT_EQ_MSG(test, kinet_tcp(talk.sk)->cong.cwnd, cwnd,
			    "cwnd MUST NOT be changed");
	acks(&talk, una);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "the third");
}

/* RFC 3042, section 2, and RFC 6675, section 5, (3): only what is news counts. */
static void only_news_bring_new_data(struct kunit *test)
{
	struct stream_talk talk;
	u32 una;

	fill(test, &talk, true);
	una = talk.snd_nxt - INITIAL * STREAM_MSS;
	acks(&talk, una);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "nothing is SACKed");
	sacks(&talk, una, 1, 2);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), STREAM_MSS, "one has arrived");
	sacks(&talk, una, 1, 2);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0, "that is known");
	sacks(&talk, una, 1, 3);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), STREAM_MSS, "another");
	sacks(&talk, una, 1, 4);
	stream_expect(&talk, ACK, una, talk.rcv_nxt, STREAM_MSS, "the third");
}

/* --- recovery by SACK --- */

/*
 * RFC 6675, section 5, (C): of twelve segments the first was lost and resent,
 * and cwnd is half of what was on its way at first, five. Those that are SACKed
 * left the pipe: all but five have to.
 */
static void pipe_is_kept_full(struct kunit *test)
{
	struct stream_talk talk;
	u32 una, to;

	fill(test, &talk, true);
	una = talk.snd_nxt - INITIAL * STREAM_MSS;
	for (to = 2; to <= 4; to++)
		sacks(&talk, una, 1, to);
	stream_flush(&talk);
	KUNIT_ASSERT_EQ(test, talk.snd_nxt, una + (INITIAL + 2) * STREAM_MSS);
	for (; to <= 8; to++) {
		sacks(&talk, una, 1, to);
		KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 0,
				    "pipe is %u segments", INITIAL + 3 - to);
	}
	for (; to <= 10; to++) {
		sacks(&talk, una, 1, to);
		KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), STREAM_MSS,
				    "%u are SACKed", to - 1);
	}
	sacks(&talk, una, 1, 12);
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), 2 * STREAM_MSS, "two at once");
}

/* --- what TCP_INFO tells of it --- */

struct told {
	u8	state;
	u32	sacked, lost, retrans;
};

static void expect_told(struct stream_talk *talk, struct told told, const char *when)
{
	struct kunit *test = talk->test;
	struct tcp_info info;

	KUNIT_ASSERT_EQ(test, stream_info(talk->sock, &info), 0);
	KUNIT_EXPECT_EQ_MSG(test, info.tcpi_ca_state, told.state, when);
	KUNIT_EXPECT_EQ_MSG(test, info.tcpi_sacked, told.sacked, when);
	KUNIT_EXPECT_EQ_MSG(test, info.tcpi_lost, told.lost, when);
	KUNIT_EXPECT_EQ_MSG(test, info.tcpi_retrans, told.retrans, when);
}

static void a_recovery_is_told(struct kunit *test)
{
	struct stream_talk talk;
	struct tcp_info info;
	u32 una;

	fill(test, &talk, true);
	una = talk.snd_nxt - INITIAL * STREAM_MSS;
	expect_told(&talk, (struct told){ TCP_CA_Open }, "nothing was lost");
	KUNIT_ASSERT_EQ(test, stream_info(talk.sock, &info), 0);
	KUNIT_EXPECT_EQ(test, info.tcpi_min_rtt, RTT);
	KUNIT_EXPECT_EQ_MSG(test, info.tcpi_reordering, 3, "DupThresh");
	KUNIT_EXPECT_EQ(test, info.tcpi_unacked, INITIAL);
	sacks(&talk, una, 1, 3);
	expect_told(&talk, (struct told){ TCP_CA_Disorder, 2 }, "two came");
	sacks(&talk, una, 1, 4);
	expect_told(&talk, (struct told){ TCP_CA_Recovery, 3, 1, 1 },
		    "the first is lost");
	stream_flush(&talk);
	acks(&talk, talk.snd_nxt);
	expect_told(&talk, (struct told){ TCP_CA_Open }, "all came");
}

static void a_time_out_is_told(struct kunit *test)
{
	struct stream_talk talk;
	u32 una;

	fill(test, &talk, true);
	una = talk.snd_nxt - INITIAL * STREAM_MSS;
	stream_wait(KINET_SECOND);
	expect_told(&talk, (struct told){ TCP_CA_Loss, 0, INITIAL, 1 },
		    "the first was sent again");
	acks(&talk, una + STREAM_MSS);
	expect_told(&talk, (struct told){ TCP_CA_Loss, 0, INITIAL - 1, 2 },
		    "two more were");
	stream_flush(&talk);
	acks(&talk, talk.snd_nxt);
	expect_told(&talk, (struct told){ TCP_CA_Open }, "all came");
}

static void what_came_behind_a_gap_is_told(struct kunit *test)
{
	struct stream_talk talk;
	struct tcp_info info;

	establish(test, &talk, true);
	stream_say(&talk, ACK, talk.rcv_nxt + 10, talk.snd_nxt, 10);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 10);
	KUNIT_ASSERT_EQ(test, stream_info(talk.sock, &info), 0);
	KUNIT_EXPECT_EQ(test, info.tcpi_rcv_ooopack, 1);
	KUNIT_EXPECT_EQ(test, info.tcpi_bytes_received, 20);
}

/* --- what the peer's recovery needs --- */

static void expect_block(struct stream_talk *talk, u32 start, u32 end,
			 const char *why)
{
	struct stream_seg seg = {};

	KUNIT_ASSERT_TRUE_MSG(talk->test, stream_hear(talk, &seg), "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.len, 0, "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.ack, talk->rcv_nxt, "%s", why);
	KUNIT_ASSERT_GE_MSG(talk->test, seg.options.sacks, 1, "%s", why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.options.sack[0].start, start, "%s",
			    why);
	KUNIT_EXPECT_EQ_MSG(talk->test, seg.options.sack[0].end, end, "%s", why);
}

/*
 * RFC 5681, section 2, (b): what has data is no duplicate acknowledgment; and a
 * full segment has no room for SACK.
 */
static void what_came_beyond_a_gap_is_told_before_data(struct kunit *test)
{
	struct stream_talk talk;
	u32 beyond;

	fill(test, &talk, true);
	beyond = talk.rcv_nxt + STREAM_MSS;
	stream_say(&talk, ACK, beyond, talk.snd_nxt, STREAM_MSS);
	expect_block(&talk, beyond, beyond + STREAM_MSS, "beyond a gap");
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), INITIAL * STREAM_MSS,
			    "the window is open");
}

/* RFC 2883, section 4 */
static void what_came_twice_is_told_before_data(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;
	u32 begin, una;

	establish(test, &talk, true);
	begin = talk.rcv_nxt;
	una = talk.snd_nxt;
	stream_say(&talk, ACK, begin, una, STREAM_MSS);
	talk.rcv_nxt += STREAM_MSS;
	stream_user_writes(&talk, 2 * INITIAL * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), INITIAL * STREAM_MSS);
	/* It has ten bytes more than the last time. */
	stream_say(&talk, ACK, begin, talk.snd_nxt, STREAM_MSS + 10);
	talk.rcv_nxt += 10;
	expect_block(&talk, begin, begin + STREAM_MSS, "twice");
	KUNIT_EXPECT_EQ_MSG(test, stream_heard(&talk), INITIAL * STREAM_MSS,
			    "the window is open");
	/* It is told once. */
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, STREAM_MSS);
	talk.rcv_nxt += STREAM_MSS;
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, STREAM_MSS);
	talk.rcv_nxt += STREAM_MSS;
	while (stream_hear(&talk, &seg))
		KUNIT_EXPECT_EQ(test, seg.options.sacks, 0);
}

static struct kunit_case loss_cases[] = {
	KUNIT_CASE(idleness_restarts_the_window),
	KUNIT_CASE(short_idleness_does_not),
	KUNIT_CASE(duplicates_bring_new_data),
	KUNIT_CASE(only_news_bring_new_data),
	KUNIT_CASE(pipe_is_kept_full),
	KUNIT_CASE(a_recovery_is_told),
	KUNIT_CASE(a_time_out_is_told),
	KUNIT_CASE(what_came_behind_a_gap_is_told),
	KUNIT_CASE(what_came_beyond_a_gap_is_told_before_data),
	KUNIT_CASE(what_came_twice_is_told_before_data),
	{}
};

static struct kunit_suite loss_suite = {
	.name = "kinet_stream_loss",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = loss_cases,
};

kunit_test_suite(loss_suite);
