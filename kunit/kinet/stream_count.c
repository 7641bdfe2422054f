// SPDX-License-Identifier: GPL-2.0-only
/*
 * What streams count, and what makes them: /proc/net/kinet/snmp
 *
 * The harness has the other counters, and sees that each is in its table or in
 * this one (test_kinet_counters.py): so the names are here as they are told.
 */
#include <linux/tcp.h>

#include "stream_wire.h"

#define SYN	KINET_SYN
#define ACK	KINET_ACK
#define FIN	KINET_FIN
#define RST	KINET_RST

/* A handshake of 100 ms: RTO = SRTT + 4 * RTTVAR (RFC 6298, (2.2)) */
#define RTT	(100 * STREAM_MS)
#define RTO	(300 * STREAM_MS)

#define INITIAL	10	/* segments; RFC 6928, section 2 */

static void establish(struct stream_talk *talk)
{
	stream_establish(talk, false, RTT);
}

static void peer_sends(struct stream_talk *talk, u32 len)
{
	stream_say(talk, ACK, talk->rcv_nxt, talk->snd_nxt, len);
	talk->rcv_nxt += len;
}

/* --- each makes one counter grow, by as much as its row says --- */

static void one_arrives(struct stream_talk *talk)
{
	peer_sends(talk, 1);
}

static void one_leaves(struct stream_talk *talk)
{
	stream_user_writes(talk, 1);
}

/* RFC 6298, (2.1) and (5.5): after one second, and two more */
static void nobody_answers(struct stream_talk *talk)
{
	stream_talk_socket(talk);
	stream_connect(talk->sock, STREAM_PEER);
	stream_wait(3 * KINET_SECOND);
}

static void nobody_answers_twice(struct stream_talk *talk)
{
	stream_talk_socket(talk);
	KUNIT_ASSERT_EQ(talk->test, stream_set(talk->sock, TCP_SYNCNT, 2), 0);
	stream_connect(talk->sock, STREAM_PEER);
	stream_wait(7 * KINET_SECOND);
}

/* Likewise, when the time-outs begin with RTO */
static void data_are_lost(struct stream_talk *talk)
{
	stream_user_writes(talk, 1);
	stream_wait(3 * RTO);
}

/* RFC 5681, section 3.2: the third duplicate */
static void first_is_lost(struct stream_talk *talk)
{
	u32 una;
	int i;

	stream_user_writes(talk, INITIAL * STREAM_MSS);
	KUNIT_ASSERT_EQ(talk->test, stream_heard(talk), INITIAL * STREAM_MSS);
	una = talk->snd_nxt - INITIAL * STREAM_MSS;
	for (i = 0; i < 5; i++)
		stream_say(talk, ACK, talk->rcv_nxt, una, 0);
}

static void user_is_impatient(struct stream_talk *talk)
{
	KUNIT_ASSERT_EQ(talk->test,
			stream_set(talk->sock, TCP_USER_TIMEOUT, 1), 0);
	data_are_lost(talk);
}

static void window_is_shut(struct stream_talk *talk)
{
	talk->wnd = 0;
	stream_says_ack(talk);
	stream_user_writes(talk, 1);
	stream_wait(7 * RTO);
}

/* Asked after ten seconds, and every three; four times in vain are the end. */
static void nobody_is_there(struct stream_talk *talk)
{
	KUNIT_ASSERT_EQ(talk->test, stream_set(talk->sock, TCP_KEEPIDLE, 10), 0);
	KUNIT_ASSERT_EQ(talk->test, stream_set(talk->sock, TCP_KEEPINTVL, 3), 0);
	KUNIT_ASSERT_EQ(talk->test, stream_set(talk->sock, TCP_KEEPCNT, 4), 0);
	sock_set_keepalive(talk->sk);
	stream_wait((10 + 4 * 3) * KINET_SECOND);
}

/* RFC 5961, section 4.2 */
static void syn_comes(struct stream_talk *talk)
{
	stream_say(talk, SYN, talk->rcv_nxt, 0, 0);
}

/* And section 7: 10 in 5 seconds */
static void syns_come(struct stream_talk *talk)
{
	int i;

	for (i = 0; i < 20; i++)
		syn_comes(talk);
}

static void nobody_reads(struct stream_talk *talk)
{
	peer_sends(talk, 1);
	stream_close(talk->sock);
}

static void user_aborts(struct stream_talk *talk)
{
	stream_abort(talk->sock);
}

static void peer_resets(struct stream_talk *talk)
{
	stream_say(talk, RST, talk->rcv_nxt, 0, 0);
}

static void peer_refuses(struct stream_talk *talk)
{
	stream_talk_socket(talk);
	stream_connect(talk->sock, STREAM_PEER);
	stream_flush(talk);
	stream_say(talk, RST | ACK, 0, talk->snd_nxt, 0);
}

/* RFC 9293, figure 5: SYN-SENT, ESTABLISHED, FIN-WAIT-1 and 2, TIME-WAIT, CLOSED */
static void lives(struct stream_talk *talk)
{
	establish(talk);
	stream_close(talk->sock);
	stream_flush(talk);
	stream_says_ack(talk);
	stream_say(talk, FIN | ACK, talk->rcv_nxt, talk->snd_nxt, 0);
}

/* --- segments that are dropped --- */

/* There is a piece beyond a gap, for which there is no room any more. */
static void room_is_taken_away(struct stream_talk *talk)
{
	stream_say(talk, ACK, talk->rcv_nxt + 2 * STREAM_MSS, talk->snd_nxt,
		   STREAM_MSS);
	talk->sk->sk_rcvbuf = 1;
	peer_sends(talk, STREAM_MSS);
}

static void no_room_is_left(struct stream_talk *talk)
{
	peer_sends(talk, STREAM_MSS);
	talk->sk->sk_rcvbuf = 1;
	peer_sends(talk, STREAM_MSS);
}

static void listener_has_no_way(struct stream_talk *talk)
{
	stream_listen(talk);
	stream_lose_route(-EHOSTUNREACH);
	syn_comes(talk);
}

/* A segment was too long, which the network says while the user has the lock. */
static void user_does_not_hear(struct stream_talk *talk)
{
	const struct kinet_error error = {
		.err		= EMSGSIZE,
		.info		= 1000,
		.too_big	= true,
	};
	struct kinet_pkt pkt = {
		.net	= &init_net,
		.sport	= htons(STREAM_PEER),
		.dport	= htons(STREAM_PORT),
	};

	ipv6_addr_set_v4mapped(htonl(INADDR_LOOPBACK), &pkt.saddr);
	ipv6_addr_set_v4mapped(htonl(INADDR_LOOPBACK), &pkt.daddr);
	stream_user_writes(talk, 1);
	lock_sock(talk->sk);
	rcu_read_lock();
	local_bh_disable();
	kinet_stream_error(NULL, &pkt, talk->snd_nxt, &error);
	local_bh_enable();
	rcu_read_unlock();
	release_sock(talk->sk);
}

/**
 * struct row - a counter
 * @name: as it is told
 * @count: which it is
 * @times: how much it grows
 * @stands: there is a connection before
 * @provoke: what makes it grow
 */
struct row {
	const char		*name;
	enum kinet_count	count;
	u64			times;
	bool			stands;
	void			(*provoke)(struct stream_talk *talk);
};

static const struct row rows[] = {
	{ "SegmentIn", KINET_SEGMENT_IN, 1, true, one_arrives },
	{ "SegmentOut", KINET_SEGMENT_OUT, 1, true, one_leaves },
	{ "SegmentResent", KINET_SEGMENT_RESENT, 2, false, nobody_answers },
	{ "SegmentResent", KINET_SEGMENT_RESENT, 2, true, data_are_lost },
	{ "SegmentResent", KINET_SEGMENT_RESENT, 1, true, first_is_lost },
	{ "Recovery", KINET_RECOVERY, 1, true, first_is_lost },
	{ "ResendTimeout", KINET_RESEND_TIMEOUT, 2, true, data_are_lost },
	{ "TimedOut", KINET_TIMED_OUT, 1, false, nobody_answers_twice },
	{ "TimedOut", KINET_TIMED_OUT, 1, true, user_is_impatient },
	{ "TimedOut", KINET_TIMED_OUT, 1, true, nobody_is_there },
	{ "ProbeOut", KINET_PROBE_OUT, 3, true, window_is_shut },
	{ "ProbeOut", KINET_PROBE_OUT, 4, true, nobody_is_there },
	{ "ChallengeOut", KINET_CHALLENGE_OUT, 1, true, syn_comes },
	{ "ChallengeOut", KINET_CHALLENGE_OUT, 10, true, syns_come },
	{ "Aborted", KINET_ABORTED, 1, true, nobody_reads },
	{ "Aborted", KINET_ABORTED, 1, true, user_aborts },
	{ "ResetOut", KINET_RESET_OUT, 1, true, user_aborts },
	{ "ResetOut", KINET_RESET_OUT, 1, false, syn_comes },
	{ "ResetIn", KINET_RESET_IN, 1, true, peer_resets },
	{ "ResetIn", KINET_RESET_IN, 1, false, peer_refuses },
	{ "StateChanged", KINET_STATE_CHANGED, 6, false, lives },
	{ "DropPruned", KINET_DROP_PRUNED, 1, true, room_is_taken_away },
	{ "DropBufferFull", KINET_DROP_BUFFER_FULL, 1, true, no_room_is_left },
	{ "DropUnanswered", KINET_DROP_UNANSWERED, 1, false,
	  listener_has_no_way },
	{ "DropLocked", KINET_DROP_LOCKED, 1, true, user_does_not_hear },
	{ "DropNoSocket", KINET_DROP_NO_SOCKET, 1, false, syn_comes },
	{ "DropBadControl", KINET_DROP_CONTROL, 20, true, syns_come },
};

static void describe(const struct row *row, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%s %td", row->name, row - rows);
}

KUNIT_ARRAY_PARAM(row, rows, describe);

static void read_counts(u64 *counts)
{
	struct kinet_net *kn = kinet_net(&init_net);
	int i, cpu;

	memset(counts, 0, KINET_COUNTS * sizeof(*counts));
	for_each_possible_cpu(cpu)
		for (i = 0; i < KINET_COUNTS; i++)
			counts[i] += per_cpu_ptr(kn->counts, cpu)->n[i];
}

/* So often, and nothing is dropped for another reason. */
static void grows(struct kunit *test)
{
	const struct row *row = test->param_value;
	u64 before[KINET_COUNTS], after[KINET_COUNTS];
	struct stream_talk talk;
	int i;

	stream_talk_begin(test, &talk);
	if (row->stands)
		establish(&talk);
	read_counts(before);
	row->provoke(&talk);
	read_counts(after);
	KUNIT_EXPECT_EQ(test, after[row->count] - before[row->count],
			row->times);
	if (row->count >= KINET_DGRAM_IN)
		return;
	for (i = 0; i < KINET_DGRAM_IN; i++)
		if (i != row->count)
			KUNIT_EXPECT_EQ_MSG(test, after[i], before[i],
					    "drop reason %d", i);
}

static struct kunit_case count_cases[] = {
	KUNIT_CASE_PARAM(grows, row_gen_params),
	{}
};

static struct kunit_suite count_suite = {
	.name = "kinet_stream_count",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = count_cases,
};

kunit_test_suite(count_suite);
