// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a connection does something of itself, to the microsecond: RFC 6298,
 * RFC 9293, sections 3.8.3 to 3.8.6
 */
#include <linux/tcp.h>

#include "stream_wire.h"

#define SYN	KINET_SYN
#define ACK	KINET_ACK
#define FIN	KINET_FIN
#define RST	KINET_RST

/*
 * A handshake of 100 ms: SRTT = 100 ms, RTTVAR = 50 ms, RTO = SRTT + 4 * RTTVAR
 * (RFC 6298, (2.2)). Its least second, (2.4), is bounded lower here (rtt.h).
 */
#define RTT	(100 * STREAM_MS)
#define RTO	(300 * STREAM_MS)

static void establish(struct kunit *test, struct stream_talk *talk)
{
	stream_talk_begin(test, talk);
	stream_establish(talk, false, RTT);
}

/* Nothing until @us have passed, then this */
static void expect_after(struct stream_talk *talk, u64 us, u8 flags, u32 seq,
			 u32 len, const char *why)
{
	stream_wait(us - 1);
	stream_expect_silence(talk, why);
	stream_wait(1);
	stream_expect(talk, flags, seq, talk->rcv_nxt, len, why);
	stream_expect_silence(talk, why);
}

/* Until the connection is over, at most @most; return how long it took. */
static u64 until_over(struct stream_talk *talk, u64 most)
{
	u64 from = stream_now;

	while (talk->sk->sk_state != TCP_CLOSE && stream_now - from < most)
		stream_wait(STREAM_MS);
	return stream_now - from;
}

/* --- RFC 6298 --- */

/* (2.1): a second at first; (5.5): doubled each time */
static void syn_backs_off(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_SYNCNT, 4), 0);
	stream_connect(talk.sock, STREAM_PEER);
	stream_flush(&talk);
	for (i = 0; i < 4; i++)
		expect_after(&talk, KINET_SECOND << i, SYN, talk.snd_nxt - 1, 0,
			     "SYN");
	stream_wait((KINET_SECOND << 4) - 1);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_SYN_SENT);
	stream_wait(1);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
	stream_expect_silence(&talk, "given up");
}

/* RFC 9293, section 3.8.3 (MUST-23): for three minutes at least, by default */
static void syn_is_sent_for_long(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	stream_connect(talk.sock, STREAM_PEER);
	KUNIT_EXPECT_GE(test, until_over(&talk, 3600 * KINET_SECOND),
			180 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

static void syn_ack_backs_off(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	stream_talk_begin(test, &talk);
	stream_listen(&talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.listener, TCP_SYNCNT, 3), 0);
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	stream_track(stream_embryo(talk.ear));
	stream_flush(&talk);
	for (i = 0; i < 3; i++)
		expect_after(&talk, KINET_SECOND << i, SYN | ACK,
			     talk.snd_nxt - 1, 0, "SYN, ACK");
	stream_wait((KINET_SECOND << 3) - 1);
	KUNIT_EXPECT_NOT_NULL(test, stream_embryo(talk.ear));
	stream_wait(1);
	KUNIT_EXPECT_NULL(test, stream_embryo(talk.ear));
}

/* (5.7): data begin with three seconds when a SYN was lost. */
static void lost_syn_makes_it_wait(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	stream_connect(talk.sock, STREAM_PEER);
	stream_flush(&talk);
	stream_wait(KINET_SECOND + RTT);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	expect_after(&talk, 3 * KINET_SECOND, ACK, talk.snd_nxt - 5, 5, "again");
}

/* (5.4) to (5.6); RFC 9293, section 3.8.3: R2 is 100 s at least (MUST-20). */
static void data_back_off(struct kunit *test)
{
	struct stream_talk talk;
	u64 took;
	int i;

	establish(test, &talk);
	stream_user_writes(&talk, 5);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 5, "first");
	for (i = 0; i < 8; i++)
		expect_after(&talk, RTO << i, ACK, talk.snd_nxt - 5, 5, "again");
	took = (RTO << 8) - RTO;
	took += until_over(&talk, 3600 * KINET_SECOND);
	KUNIT_EXPECT_GE(test, took, 100 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/*
 * RFC 9293, section 3.8.3, (a), (b) (MUST-20, SHLD-10): after R1 retransmissions,
 * three at least, IP is asked for another route.
 */
static void another_route_is_looked_for(struct kunit *test)
{
	struct stream_talk talk;
	unsigned int before;
	int i;

	establish(test, &talk);
	stream_user_writes(&talk, 5);
	before = stream_routes;
	for (i = 0; i < 3; i++)
		stream_wait(RTO << i);
	KUNIT_EXPECT_EQ_MSG(test, kinet_tcp(talk.sk)->resends, 3, "R1");
	KUNIT_EXPECT_EQ_MSG(test, stream_routes, before, "until R1");
	stream_wait(RTO << 3);
	KUNIT_EXPECT_EQ_MSG(test, stream_routes, before + 1, "after R1");
}

/* What a route is looked for by has changed; then once is enough. */
static void a_mark_has_a_route_looked_for(struct kunit *test)
{
	struct stream_talk talk;
	unsigned int before;
	int i;

	establish(test, &talk);
	before = stream_routes;
	sock_set_mark(talk.sk, 7);
	for (i = 0; i < 3; i++) {
		stream_user_writes(&talk, 5);
		KUNIT_EXPECT_EQ(test, stream_routes, before + 1);
		KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->flow.fl.u.ip4.flowi4_mark,
				7);
		KUNIT_EXPECT_EQ(test, stream_heard(&talk), 5);
		stream_says_ack(&talk);
	}
}

/* (2.5): an upper bound of the time-out is 60 s at least. */
static void backoff_has_a_bound(struct kunit *test)
{
	struct stream_talk talk;
	u64 last, longest = 0;

	establish(test, &talk);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	last = stream_now;
	while (talk.sk->sk_state != TCP_CLOSE) {
		stream_wait(STREAM_MS);
		if (skb_queue_empty(&stream_sent))
			continue;
		stream_flush(&talk);
		longest = max(longest, stream_now - last);
		last = stream_now;
	}
	KUNIT_EXPECT_GE(test, longest, 60 * KINET_SECOND);
	KUNIT_EXPECT_LE(test, longest, 120 * KINET_SECOND);
}

/* (5.3), and (2.3): what is new is waited for from its acknowledgment on. */
static void ack_begins_it_anew(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	stream_user_writes(&talk, 2 * STREAM_MSS);
	stream_flush(&talk);
	stream_wait(250 * STREAM_MS);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - STREAM_MSS, 0);
	stream_expect_silence(&talk, "one of two is acknowledged");
	/*
	 * RTTVAR = 3/4 * 50 + 1/4 * |100 - 250| = 75 ms,
	 * SRTT = 7/8 * 100 + 1/8 * 250 = 118.75 ms
	 */
	expect_after(&talk, 418750, ACK, talk.snd_nxt - STREAM_MSS, STREAM_MSS,
		     "the other");
}

/* RFC 7323, section 4.1: what acknowledges nothing new may be a late one. */
static void old_echo_is_no_sample(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;
	u32 rtt;

	stream_talk_begin(test, &talk);
	talk.more.has = KINET_HAS_TS;
	stream_establish(&talk, false, RTT);
	stream_user_writes(&talk, STREAM_MSS);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
	talk.more.tsecr = seg.options.tsval;
	stream_wait(RTT);
	stream_says_ack(&talk);
	rtt = kinet_rtt_smoothed(&kinet_tcp(talk.sk)->rtt);
	KUNIT_EXPECT_EQ(test, rtt, RTT);
	stream_user_writes(&talk, STREAM_MSS);
	stream_flush(&talk);
	stream_wait(RTT);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - STREAM_MSS, 0);
	KUNIT_EXPECT_EQ(test, kinet_rtt_smoothed(&kinet_tcp(talk.sk)->rtt), rtt);
}

/*
 * (2.3): without time stamps there is one sample in a round trip, however much is on
 * its way. SRTT is 7/8 * 100 + 1/8 * 250 ms, RTTVAR 3/4 * 50 + 1/4 * |100 - 250|.
 */
static void timed_segment_counts_fully(struct kunit *test)
{
	struct stream_talk talk;
	struct kinet_rtt *rtt;

	establish(test, &talk);
	rtt = &kinet_tcp(talk.sk)->rtt;
	stream_user_writes(&talk, 10 * STREAM_MSS);
	KUNIT_ASSERT_EQ(test, stream_heard(&talk), 10 * STREAM_MSS);
	stream_wait(250 * STREAM_MS);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, kinet_rtt_smoothed(rtt), 118750);
	KUNIT_EXPECT_EQ(test, kinet_rtt_variation(rtt), 75000);
}

/*
 * RFC 7323, appendix G: with them each acknowledgment has one. Of ten segments there
 * are five: 39/40 * 100 + 1/40 * 250 ms.
 */
static void stamped_one_counts_in_part(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;

	stream_talk_begin(test, &talk);
	talk.mss = STREAM_MSS + KINET_OPTIONS_TS;
	talk.more.has = KINET_HAS_TS;
	stream_establish(&talk, false, RTT);
	stream_user_writes(&talk, 10 * STREAM_MSS);
	while (stream_hear(&talk, &seg))
		talk.more.tsecr = seg.options.tsval;
	stream_wait(250 * STREAM_MS);
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, kinet_rtt_smoothed(&kinet_tcp(talk.sk)->rtt), 103750);
}

/* (5.2): when all is acknowledged, nothing goes off. */
static void nothing_is_waited_for(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	stream_says_ack(&talk);
	/* RFC 9293, MUST-25: nor is it kept alive, unless the user wants it. */
	stream_wait(24 * 3600 * KINET_SECOND);
	stream_expect_silence(&talk, "nothing is on its way");
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
}

/* A FIN is resent as data are. */
static void fin_backs_off(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk);
	kernel_sock_shutdown(talk.sock, SHUT_WR);
	stream_flush(&talk);
	for (i = 0; i < 4; i++)
		expect_after(&talk, RTO << i, FIN | ACK, talk.snd_nxt - 1, 0,
			     "FIN");
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_FIN_WAIT1);
}

/* RFC 9293, section 3.10.8 */
static void user_timeout_ends_it(struct kunit *test)
{
	struct stream_talk talk;
	u64 took;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_USER_TIMEOUT, 5000), 0);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	took = until_over(&talk, 60 * KINET_SECOND);
	KUNIT_EXPECT_GE(test, took, 5 * KINET_SECOND);
	/* Not with the next time-out: 300 ms * (1 + 2 + 4 + 8 + 16) */
	KUNIT_EXPECT_LE(test, took, 5100 * STREAM_MS);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/* --- acknowledgments: RFC 9293, section 3.8.6.3 --- */

static void peer_says(struct stream_talk *talk, u32 len)
{
	stream_say(talk, ACK, talk->rcv_nxt, talk->snd_nxt, len);
	talk->rcv_nxt += len;
}

/* MUST-40: less than half a second */
static void ack_is_delayed(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 0), 0);
	peer_says(&talk, 5);
	stream_expect_silence(&talk, "SHLD-18: it waits");
	stream_wait(KINET_SECOND / 2 - 1);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "late");
	stream_expect_silence(&talk, "once");
}

/* What was to be acknowledged is of a connection that is over. */
static void nothing_is_owed_after_a_reset(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 0), 0);
	peer_says(&talk, 5);
	stream_say(&talk, RST, talk.rcv_nxt, 0, 0);
	KUNIT_ASSERT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	stream_flush(&talk);
	KUNIT_EXPECT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 1), 0);
	stream_expect_silence(&talk, "TCP_QUICKACK");
}

/* SHLD-19 */
static void every_second_full_one(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 0), 0);
	peer_says(&talk, STREAM_MSS);
	stream_expect_silence(&talk, "the first");
	peer_says(&talk, STREAM_MSS);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "the second");
	stream_wait(KINET_SECOND);
	stream_expect_silence(&talk, "nothing is owed");
}

/* Ours are larger: the peer's path takes less. */
static void every_second_one_of_a_narrower_path(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	stream_talk_begin(test, &talk);
	talk.mss = 1460;
	stream_establish(&talk, false, RTT);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 0), 0);
	for (i = 0; i < 4; i++) {
		peer_says(&talk, STREAM_MSS);
		stream_expect_silence(&talk, "the first");
		peer_says(&talk, STREAM_MSS);
		stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0,
			      "the second");
	}
}

/* Data take it along. */
static void ack_goes_with_data(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, 0), 0);
	peer_says(&talk, 5);
	stream_user_writes(&talk, 3);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 3, "both");
	stream_wait(RTO - 1);
	stream_expect_silence(&talk, "nothing is owed");
}

/* MUST-59: what waits for the user is all taken before it is acknowledged. */
static void queued_ones_are_acknowledged_together(struct kunit *test)
{
	struct stream_talk talk;
	int quick, i;

	for (quick = 0; quick < 2; quick++) {
		stream_wire_init(test);
		establish(test, &talk);
		KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_QUICKACK, quick),
				0);
		lock_sock(talk.sk);
		for (i = 0; i < 6; i++)
			peer_says(&talk, STREAM_MSS);
		stream_expect_silence(&talk, "the user has the lock");
		release_sock(talk.sk);
		stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "all");
		stream_expect_silence(&talk, "once");
		stream_wait(KINET_SECOND);
		stream_expect_silence(&talk, "nothing is owed");
		stream_wire_exit(test);
	}
}

/* Duplicates are counted by the peer (RFC 5681, section 3.2). */
static void queued_duplicates_are_not(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk);
	lock_sock(talk.sk);
	for (i = 1; i <= 3; i++)
		stream_say(&talk, ACK, talk.rcv_nxt + i * STREAM_MSS,
			   talk.snd_nxt, STREAM_MSS);
	release_sock(talk.sk);
	for (i = 1; i <= 3; i++)
		stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0,
			      "beyond a gap");
	stream_expect_silence(&talk, "beyond a gap");
}

/* --- probes --- */

/* RFC 9293, section 3.8.6.1: SHLD-29, SHLD-30; MUST-37 */
static void shut_window_is_probed(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_flush(&talk);
	stream_user_writes(&talk, 100);
	stream_expect_silence(&talk, "the window is shut");
	for (i = 0; i < 8; i++) {
		expect_after(&talk, RTO << i, ACK, talk.snd_nxt - 1, 0, "probe");
		stream_says_ack(&talk);
		stream_expect_silence(&talk, "it is shut yet");
	}
	/* As long as it answers, it is waited for. */
	for (i = 0; i < 3600; i++) {
		stream_wait(10 * KINET_SECOND);
		if (skb_queue_empty(&stream_sent))
			continue;
		stream_expect(&talk, ACK, talk.snd_nxt - 1, talk.rcv_nxt, 0,
			      "probe");
		stream_says_ack(&talk);
	}
	KUNIT_ASSERT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
	talk.wnd = STREAM_WINDOW;
	stream_says_ack(&talk);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 100, "open");
}

/* tcp(7), TCP_USER_TIMEOUT: nor may what waits for a window wait for longer. */
static void user_timeout_ends_a_shut_window(struct kunit *test)
{
	struct stream_talk talk;
	u64 from;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_USER_TIMEOUT, 10000), 0);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_user_writes(&talk, 100);
	stream_flush(&talk);
	from = stream_now;
	while (talk.sk->sk_state != TCP_CLOSE &&
	       stream_now - from < 60 * KINET_SECOND) {
		stream_wait(STREAM_MS);
		if (skb_queue_empty(&stream_sent))
			continue;
		stream_flush(&talk);
		stream_says_ack(&talk);
	}
	KUNIT_EXPECT_GE(test, stream_now - from, 10 * KINET_SECOND);
	/* From the first probe on */
	KUNIT_EXPECT_LE(test, stream_now - from, RTO + 10100 * STREAM_MS);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/* However short it is, the first probe may be answered. */
static void user_timeout_waits_for_an_answer(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_USER_TIMEOUT, 100), 0);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_flush(&talk);
	stream_user_writes(&talk, 100);
	expect_after(&talk, RTO, ACK, talk.snd_nxt - 1, 0, "probe");
	stream_wait(50 * STREAM_MS);
	talk.wnd = STREAM_WINDOW;
	stream_says_ack(&talk);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 100, "open");
}

/* The update was lost: the answer to a probe tells of it. */
static void probe_finds_it_open(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_flush(&talk);
	stream_user_writes(&talk, 100);
	expect_after(&talk, RTO, ACK, talk.snd_nxt - 1, 0, "probe");
	talk.wnd = STREAM_WINDOW;
	stream_says_ack(&talk);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 100, "open");
}

/* A peer that is gone doesn't answer; R2 counts, too. */
static void unanswered_probes_end_it(struct kunit *test)
{
	struct stream_talk talk;
	u64 took;

	establish(test, &talk);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_user_writes(&talk, 100);
	took = until_over(&talk, 7200 * KINET_SECOND);
	KUNIT_EXPECT_GE(test, took, 100 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/* However long nothing was said before */
static void lost_probe_is_not_the_end(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	talk.wnd = 0;
	peer_says(&talk, 1);
	stream_wait(3600 * KINET_SECOND);
	stream_user_writes(&talk, 100);
	stream_flush(&talk);
	stream_wait(60 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
	KUNIT_EXPECT_GT(test, kinet_tcp(talk.sk)->probes, 3);
}

/* --- no route --- */

static void establish_and_lose(struct kunit *test, struct stream_talk *talk)
{
	establish(test, talk);
	stream_wait(3600 * KINET_SECOND);
	stream_lose_route(-ENETUNREACH);
}

static void without_a_route_it_gives_up(struct kunit *test)
{
	struct stream_talk talk;
	u64 took;

	establish_and_lose(test, &talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk.sock, TCP_USER_TIMEOUT, 10000), 0);
	stream_user_writes(&talk, 5);
	stream_expect_silence(&talk, "no way");
	took = until_over(&talk, 3600 * KINET_SECOND);
	KUNIT_EXPECT_GE(test, took, 10 * KINET_SECOND);
	KUNIT_EXPECT_LE(test, took, 20 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

static void orphan_without_a_route_ends(struct kunit *test)
{
	struct stream_talk talk;

	establish_and_lose(test, &talk);
	stream_track(talk.sk);
	stream_close(talk.sock);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_FIN_WAIT1);
	until_over(&talk, 3600 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
}

static void route_comes_back(struct kunit *test)
{
	struct stream_talk talk;

	establish_and_lose(test, &talk);
	stream_user_writes(&talk, 5);
	stream_wait(5 * KINET_SECOND);
	stream_expect_silence(&talk, "no way");
	stream_no_route = 0;
	stream_wait(10 * KINET_SECOND);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 5, "data");
}

static void keep_alive(struct stream_talk *talk)
{
	struct kunit *test = talk->test;

	establish(test, talk);
	KUNIT_ASSERT_EQ(test, stream_set(talk->sock, TCP_KEEPIDLE, 10), 0);
	KUNIT_ASSERT_EQ(test, stream_set(talk->sock, TCP_KEEPINTVL, 3), 0);
	KUNIT_ASSERT_EQ(test, stream_set(talk->sock, TCP_KEEPCNT, 4), 0);
	sock_set_keepalive(talk->sk);
}

/* RFC 9293, section 3.8.4; MUST-29: one that isn't answered says nothing. */
static void nobody_is_there_any_more(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	int i;

	keep_alive(&talk);
	for (i = 0; i < 4; i++)
		expect_after(&talk, (i ? 3 : 10) * KINET_SECOND, ACK,
			     talk.snd_nxt - 1, 0, "probe");
	stream_wait(3 * KINET_SECOND - 1);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
	stream_wait(1);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/* MUST-28 */
static void nobody_is_asked_for_two_hours(struct kunit *test)
{
	struct stream_talk talk;

	establish(test, &talk);
	sock_set_keepalive(talk.sk);
	expect_after(&talk, 7200 * KINET_SECOND, ACK, talk.snd_nxt - 1, 0,
		     "probe");
}

/* MUST-26: what is on its way asks already. */
static void nobody_is_asked_twice(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	struct stream_seg seg;
	u64 until;

	keep_alive(&talk);
	stream_user_writes(&talk, 5);
	stream_flush(&talk);
	for (until = stream_now + 100 * KINET_SECOND; stream_now < until;) {
		stream_wait(STREAM_MS);
		while (stream_hear(&talk, &seg))
			KUNIT_EXPECT_EQ(test, seg.len, 5);
	}
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
}

/* MUST-27: the idle time is since anything came. */
static void somebody_is_there(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	int i;

	keep_alive(&talk);
	for (i = 0; i < 20; i++) {
		expect_after(&talk, 10 * KINET_SECOND, ACK, talk.snd_nxt - 1, 0,
			     "probe");
		stream_says_ack(&talk);
	}
	stream_wait(5 * KINET_SECOND);
	peer_says(&talk, 5);
	stream_flush(&talk);
	expect_after(&talk, 10 * KINET_SECOND, ACK, talk.snd_nxt - 1, 0,
		     "since the data");
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
}

struct other_param {
	const char	*name;
	s32		seq;	/* from RCV.NXT */
	s32		ack;	/* from SND.NXT */
	u8		flags;
};

static const struct other_param other_params[] = {
	{ "old", -100000, 0, ACK },
	{ "beyond the window", 100000, 0, ACK },
	{ "acknowledges what wasn't sent", 0, 100000, ACK },
	{ "has no acknowledgment", 0, 0, KINET_PSH },
	{ "SYN", 0, 0, SYN },
	{ "RST", 5, 0, RST },
};

KUNIT_ARRAY_PARAM_DESC(other, other_params, name);

/* Who knows the addresses and ports, and no number, isn't the peer. */
static void somebody_else_is_there(struct kunit *test)
{
	const struct other_param *param = test->param_value;
	struct stream_talk talk = { .test = test };

	keep_alive(&talk);
	stream_wait(5 * KINET_SECOND);
	stream_say(&talk, param->flags, talk.rcv_nxt + param->seq,
		   talk.snd_nxt + param->ack, 0);
	stream_flush(&talk);
	expect_after(&talk, 5 * KINET_SECOND, ACK, talk.snd_nxt - 1, 0, "probe");
}

/* All that was to be sent is acknowledged, the FIN, too. */
static void half_closed_is_kept_alive(struct kunit *test)
{
	struct stream_talk talk = { .test = test };

	keep_alive(&talk);
	kernel_sock_shutdown(talk.sock, SHUT_WR);
	stream_flush(&talk);
	stream_says_ack(&talk);
	expect_after(&talk, 10 * KINET_SECOND, ACK, talk.snd_nxt - 1, 0, "probe");
	stream_wait(12 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_err, ETIMEDOUT);
}

/* --- ends --- */

static void to_fin_wait2(struct stream_talk *talk, int seconds)
{
	establish(talk->test, talk);
	if (seconds)
		KUNIT_ASSERT_EQ(talk->test,
				stream_set(talk->sock, TCP_LINGER2, seconds), 0);
	stream_close(talk->sock);
	stream_flush(talk);
	stream_says_ack(talk);
	KUNIT_ASSERT_EQ(talk->test, talk->sk->sk_state, TCP_FIN_WAIT2);
}

/* An orphan's peer may never close: as the host has it, and TCP_LINGER2. */
static void fin_wait2_ends(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	static const int seconds[] = { 0, 5, 60 };
	int i, most;

	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		stream_wire_init(test);
		to_fin_wait2(&talk, seconds[i]);
		most = seconds[i] ?: 60;
		stream_wait(most * KINET_SECOND - 1);
		KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_FIN_WAIT2);
		stream_wait(1);
		KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
		KUNIT_EXPECT_EQ(test, stream_timewaits(), 0);
		stream_expect_silence(&talk, "it is over");
		stream_say(&talk, FIN | ACK, talk.rcv_nxt, talk.snd_nxt, 0);
		stream_expect(&talk, RST, talk.snd_nxt, 0, 0, "nobody");
		stream_wire_exit(test);
	}
}

static void to_timewait(struct stream_talk *talk)
{
	to_fin_wait2(talk, 0);
	stream_say(talk, FIN | ACK, talk->rcv_nxt++, talk->snd_nxt, 0);
	stream_expect(talk, ACK, talk->snd_nxt, talk->rcv_nxt, 0, "FIN");
	KUNIT_ASSERT_EQ(talk->test, stream_timewaits(), 1);
}

/* RFC 9293, section 3.10.8: 2 MSL, of which Linux makes 60 s */
static void timewait_ends(struct kunit *test)
{
	struct stream_talk talk = { .test = test };

	to_timewait(&talk);
	stream_wait(60 * KINET_SECOND - 1);
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 1);
	stream_wait(1);
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 0);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	stream_expect(&talk, RST, talk.snd_nxt, 0, 0, "nobody");
}

/* Section 3.10.7.4, eighth: the FIN again restarts it; nothing else does. */
static void fin_begins_timewait_anew(struct kunit *test)
{
	struct stream_talk talk = { .test = test };

	to_timewait(&talk);
	stream_wait(50 * KINET_SECOND);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "again");
	stream_wait(59 * KINET_SECOND);
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 1);
	stream_say(&talk, ACK, talk.rcv_nxt - 5, talk.snd_nxt, 4);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "old");
	stream_wait(KINET_SECOND);
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 0);
}

/* RFC 5961, section 7; who sends data or a FIN counts on answers. */
static void timewait_answers_only_so_many(struct kunit *test)
{
	struct stream_talk talk = { .test = test };
	int i, j;

	to_timewait(&talk);
	for (j = 0; j < 2; j++) {
		for (i = 0; i < 5; i++) {
			stream_say(&talk, ACK, talk.rcv_nxt - 9, talk.snd_nxt, 0);
			stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "bare");
			stream_say(&talk, SYN, talk.rcv_nxt - 9, 0, 0);
			stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "SYN");
		}
		stream_say(&talk, ACK, talk.rcv_nxt - 9, talk.snd_nxt, 0);
		stream_say(&talk, SYN, talk.rcv_nxt - 9, 0, 0);
		stream_expect_silence(&talk, "enough of them");
		stream_say(&talk, ACK, talk.rcv_nxt - 9, talk.snd_nxt, 4);
		stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "data");
		stream_say(&talk, FIN | ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
		stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "FIN");
		stream_wait(5 * KINET_SECOND);
	}
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 1);
}

static struct kunit_case time_cases[] = {
	KUNIT_CASE(syn_backs_off),
	KUNIT_CASE(syn_is_sent_for_long),
	KUNIT_CASE(syn_ack_backs_off),
	KUNIT_CASE(lost_syn_makes_it_wait),
	KUNIT_CASE(data_back_off),
	KUNIT_CASE(another_route_is_looked_for),
	KUNIT_CASE(a_mark_has_a_route_looked_for),
	KUNIT_CASE(backoff_has_a_bound),
	KUNIT_CASE(ack_begins_it_anew),
	KUNIT_CASE(old_echo_is_no_sample),
	KUNIT_CASE(timed_segment_counts_fully),
	KUNIT_CASE(stamped_one_counts_in_part),
	KUNIT_CASE(nothing_is_waited_for),
	KUNIT_CASE(fin_backs_off),
	KUNIT_CASE(user_timeout_ends_it),
	KUNIT_CASE(ack_is_delayed),
	KUNIT_CASE(nothing_is_owed_after_a_reset),
	KUNIT_CASE(every_second_full_one),
	KUNIT_CASE(every_second_one_of_a_narrower_path),
	KUNIT_CASE(ack_goes_with_data),
	KUNIT_CASE(queued_ones_are_acknowledged_together),
	KUNIT_CASE(queued_duplicates_are_not),
	KUNIT_CASE(shut_window_is_probed),
	KUNIT_CASE(probe_finds_it_open),
	KUNIT_CASE(unanswered_probes_end_it),
	KUNIT_CASE(user_timeout_ends_a_shut_window),
	KUNIT_CASE(user_timeout_waits_for_an_answer),
	KUNIT_CASE(lost_probe_is_not_the_end),
	KUNIT_CASE(without_a_route_it_gives_up),
	KUNIT_CASE(orphan_without_a_route_ends),
	KUNIT_CASE(route_comes_back),
	KUNIT_CASE(nobody_is_there_any_more),
	KUNIT_CASE(nobody_is_asked_for_two_hours),
	KUNIT_CASE(nobody_is_asked_twice),
	KUNIT_CASE(somebody_is_there),
	KUNIT_CASE_PARAM(somebody_else_is_there, other_gen_params),
	KUNIT_CASE(half_closed_is_kept_alive),
	KUNIT_CASE(fin_wait2_ends),
	KUNIT_CASE(timewait_ends),
	KUNIT_CASE(fin_begins_timewait_anew),
	KUNIT_CASE(timewait_answers_only_so_many),
	{}
};

static struct kunit_suite time_suite = {
	.name = "kinet_stream_time",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = time_cases,
};

kunit_test_suite(time_suite);
