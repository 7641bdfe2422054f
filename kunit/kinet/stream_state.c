// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every state, and what can happen in it: RFC 9293, section 3.10
 *
 * A row is right by the RFC's text, and names it. Errors are what the host's
 * sockets say where the RFC says "connection reset" or "connection refused".
 */
#include "stream_wire.h"

#define SYN		KINET_SYN
#define ACK		KINET_ACK
#define FIN		KINET_FIN
#define RST		KINET_RST
#define ANY		STREAM_ANY

/* States beside the kernel's: SYN-RECEIVED after both have sent a SYN */
#define CROSSED		TCP_NEW_SYN_RECV

#define IN(state)	(1 << (state))
#define S_CLOSED	IN(TCP_CLOSE)
#define S_LISTEN	IN(TCP_LISTEN)
#define S_SENT		IN(TCP_SYN_SENT)
#define S_RECV		IN(TCP_SYN_RECV)
#define S_CROSSED	IN(CROSSED)
#define S_ESTAB		IN(TCP_ESTABLISHED)
#define S_FW1		IN(TCP_FIN_WAIT1)
#define S_FW2		IN(TCP_FIN_WAIT2)
#define S_CLOSING	IN(TCP_CLOSING)
#define S_TW		IN(TCP_TIME_WAIT)
#define S_CW		IN(TCP_CLOSE_WAIT)
#define S_LAST		IN(TCP_LAST_ACK)
/* That receive, all that have a sock, and those with TIME-WAIT */
#define S_GETS		(S_ESTAB | S_FW1 | S_FW2)
#define S_SYNCED	(S_GETS | S_CLOSING | S_CW | S_LAST)
#define S_ALL		(S_SYNCED | S_TW)

enum doing {
	SEGMENT,
	CLOSES,		/* close(2) */
	SHUTS,		/* shutdown(SHUT_WR) */
	ABORTS,		/* close(2), with SO_LINGER of 0 */
};

/**
 * struct row - what happens in some states
 * @rfc: where it is said, and what
 * @states: in which it is so
 * @doing: what happens: a segment comes, unless it is a call
 * @flags: SEGMENT: its control bits
 * @seq: SEG.SEQ - RCV.NXT
 * @at_edge: or less the number behind the window
 * @ack: SEG.ACK - SND.NXT
 * @len: bytes of data
 * @next: state then; 0: the same
 * @out: control bits of the one answer; 0: there is none
 * @out_seq: its SEG.SEQ, less SND.NXT before
 * @out_ack: its SEG.ACK, less RCV.NXT before
 * @err: what the user is told
 */
struct row {
	const char	*rfc;
	u16		states;
	enum doing	doing;
	u8		flags;
	s32		seq;
	bool		at_edge;
	s32		ack;
	u32		len;
	int		next;
	u8		out;
	s32		out_seq;
	s32		out_ack;
	int		err;
};

static const struct row rows[] = {
	/* --- 3.10.7.1: CLOSED; numbers are of nobody, SND.NXT is 0 --- */
	{ "9293 3.10.7.1: RST to CLOSED is dropped", S_CLOSED, .flags = RST },
	{ "9293 3.10.7.1: RST, ACK to CLOSED is dropped", S_CLOSED,
	  .flags = RST | ACK },
	{ "9293 3.10.7.1: SYN to CLOSED, ACK of SEG.SEQ+SEG.LEN", S_CLOSED,
	  .flags = SYN, .out = RST | ACK, .out_ack = 1 },
	{ "9293 3.10.7.1: data without ACK to CLOSED", S_CLOSED,
	  .len = 5, .out = RST | ACK, .out_ack = 5 },
	{ "9293 3.10.7.1: FIN with data, without ACK, to CLOSED", S_CLOSED,
	  .flags = FIN, .len = 5, .out = RST | ACK, .out_ack = 6 },
	{ "9293 3.10.7.1: ACK to CLOSED, SEQ=SEG.ACK", S_CLOSED,
	  .flags = ACK, .ack = 77, .out = RST, .out_seq = 77 },
	{ "9293 3.10.7.1: SYN, ACK to CLOSED, SEQ=SEG.ACK", S_CLOSED,
	  .flags = SYN | ACK, .ack = 77, .out = RST, .out_seq = 77 },
	{ "9293 3.10.7.1: FIN, ACK to CLOSED, SEQ=SEG.ACK", S_CLOSED,
	  .flags = FIN | ACK, .ack = 77, .out = RST, .out_seq = 77 },

	/* --- 3.10.7.2: LISTEN; likewise --- */
	{ "9293 3.10.7.2, first: RST is ignored", S_LISTEN, .flags = RST },
	{ "9293 3.10.7.2, first: RST, ACK is ignored", S_LISTEN,
	  .flags = RST | ACK },
	{ "9293 3.10.7.2, first: RST with SYN is ignored", S_LISTEN,
	  .flags = RST | SYN },
	{ "9293 3.10.7.2, second: ACK is reset", S_LISTEN,
	  .flags = ACK, .ack = 77, .out = RST, .out_seq = 77 },
	{ "9293 3.10.7.2, second: SYN, ACK is reset", S_LISTEN,
	  .flags = SYN | ACK, .ack = 77, .out = RST, .out_seq = 77 },
	{ "9293 3.10.7.2, third: SYN", S_LISTEN, .flags = SYN,
	  .next = TCP_SYN_RECV, .out = SYN | ACK, .out_seq = ANY, .out_ack = 1 },
	{ "9293 3.10.7.2, third: SYN with text, which may come again", S_LISTEN,
	  .flags = SYN, .len = 5,
	  .next = TCP_SYN_RECV, .out = SYN | ACK, .out_seq = ANY, .out_ack = 1 },
	{ "9293 3.10.7.2, fourth: text without SYN is dropped", S_LISTEN,
	  .len = 5 },
	{ "9293 3.10.7.4, eighth: FIN in LISTEN is dropped", S_LISTEN,
	  .flags = FIN },
	{ "9293 3.10.4: CLOSE in LISTEN", S_LISTEN, .doing = CLOSES,
	  .next = TCP_CLOSE },

	/* --- 3.10.7.3: SYN-SENT --- */
	{ "9293 3.10.7.3, first: SEG.ACK =< ISS is reset", S_SENT,
	  .flags = ACK, .ack = -1, .out = RST, .out_seq = -1 },
	{ "9293 3.10.7.3, first: SEG.ACK > SND.NXT is reset", S_SENT,
	  .flags = SYN | ACK, .ack = 1, .out = RST, .out_seq = 1 },
	{ "9293 3.10.7.3, first: RST with an ACK that is none is dropped",
	  S_SENT, .flags = RST | ACK, .ack = 1 },
	{ "5961 3.2: RST without ACK in SYN-SENT is dropped", S_SENT,
	  .flags = RST },
	{ "9293 3.10.7.3, second: RST", S_SENT, .flags = RST | ACK,
	  .next = TCP_CLOSE, .err = ECONNREFUSED },
	{ "9293 3.10.7.3, fourth: SYN, ACK", S_SENT, .flags = SYN | ACK,
	  .next = TCP_ESTABLISHED, .out = ACK, .out_ack = 1 },
	{ "9293 3.10.7.3, fourth: SYN, both at once (MUST-10)", S_SENT,
	  .flags = SYN, .next = TCP_SYN_RECV,
	  .out = SYN | ACK, .out_seq = -1, .out_ack = 1 },
	{ "9293 3.10.7.3, fifth: neither SYN nor RST is dropped", S_SENT,
	  .flags = ACK },
	{ "9293 3.10.7.4, eighth: FIN in SYN-SENT is dropped", S_SENT,
	  .flags = FIN | ACK },
	{ "9293 3.10.4: CLOSE in SYN-SENT deletes the TCB", S_SENT,
	  .doing = CLOSES, .next = TCP_CLOSE },
	{ "9293 3.10.5: ABORT in SYN-SENT sends nothing", S_SENT,
	  .doing = ABORTS, .next = TCP_CLOSE },

	/* --- 3.10.7.4 in SYN-RECEIVED --- */
	{ "9293 3.10.7.4, first: beyond the window is answered by an ACK",
	  S_RECV | S_CROSSED, .flags = ACK, .at_edge = true, .len = 5,
	  .out = ACK },
	{ "9293 3.8.1: the SYN again is answered by SYN, ACK again",
	  S_RECV, .flags = SYN, .seq = -1, .out = SYN | ACK, .out_seq = -1 },
	{ "9293 3.10.7.4, second: RST takes a passive OPEN back to LISTEN",
	  S_RECV, .flags = RST, .next = TCP_CLOSE },
	{ "9293 3.10.7.4, second: RST refuses an active OPEN",
	  S_CROSSED, .flags = RST, .next = TCP_CLOSE, .err = ECONNREFUSED },
	{ "5961 3.2: RST in the window is challenged", S_RECV | S_CROSSED,
	  .flags = RST, .seq = 1, .out = ACK },
	{ "9293 3.10.7.4, second: RST outside the window is dropped",
	  S_RECV | S_CROSSED, .flags = RST, .at_edge = true },
	{ "9293 3.10.7.4, fourth: SYN takes a passive OPEN back to LISTEN",
	  S_RECV, .flags = SYN, .seq = 5, .next = TCP_CLOSE },
	{ "9293 3.10.7.4, fourth: SYN is challenged after an active OPEN",
	  S_CROSSED, .flags = SYN, .seq = 5, .out = ACK },
	{ "9293 3.10.7.4, fifth: without ACK it is dropped",
	  S_RECV | S_CROSSED, .len = 5 },
	{ "9293 3.10.7.4, fifth: an ACK that is too new is reset",
	  S_RECV | S_CROSSED, .flags = ACK, .ack = 1, .out = RST, .out_seq = 1 },
	{ "9293 3.10.7.4, fifth: an ACK that is too old is reset",
	  S_RECV | S_CROSSED, .flags = ACK, .ack = -1, .out = RST,
	  .out_seq = -1 },
	{ "9293 3.10.7.4, fifth: the ACK of the SYN", S_RECV | S_CROSSED,
	  .flags = ACK, .next = TCP_ESTABLISHED },
	{ "9293 3.10.7.4, fifth to seventh: it with text", S_RECV | S_CROSSED,
	  .flags = ACK, .len = 5, .next = TCP_ESTABLISHED,
	  .out = ACK, .out_ack = 5 },
	{ "9293 3.10.7.4, fifth to eighth: it with a FIN", S_RECV | S_CROSSED,
	  .flags = ACK | FIN, .next = TCP_CLOSE_WAIT,
	  .out = ACK, .out_ack = 1 },
	{ "9293 3.5, figure 7: the other's SYN, ACK", S_CROSSED,
	  .flags = SYN | ACK, .seq = -1, .next = TCP_ESTABLISHED },
	{ "9293 3.10.5: ABORT in SYN-RECEIVED", S_CROSSED, .doing = ABORTS,
	  .next = TCP_CLOSE, .out = RST | ACK },

	/* --- 3.10.7.4, first: the sequence number --- */
	{ "9293 3.10.7.4, first: old text is acknowledged again", S_ALL,
	  .flags = ACK, .seq = -5, .len = 5, .out = ACK },
	{ "9293 3.10.7.4, first: text beyond the window", S_ALL,
	  .flags = ACK, .at_edge = true, .len = 5, .out = ACK },
	{ "9293 3.10.7.4, first: no text, beyond the window", S_ALL,
	  .flags = ACK, .at_edge = true, .out = ACK },
	{ "9293 3.8.4: a probe, one before RCV.NXT, is answered", S_ALL,
	  .flags = ACK, .seq = -1, .out = ACK },

	/* --- second: RST --- */
	{ "9293 3.10.7.4, second, 1): RST outside the window is dropped", S_ALL,
	  .flags = RST, .at_edge = true },
	{ "9293 3.10.7.4, second, 1): RST before the window is dropped", S_ALL,
	  .flags = RST, .seq = -1 },
	{ "9293 3.10.7.4, second, 2): RST at RCV.NXT",
	  S_SYNCED & ~S_CW, .flags = RST, .next = TCP_CLOSE,
	  .err = ECONNRESET },
	{ "9293 3.10.7.4, second, 2): RST at RCV.NXT; who writes to it is told",
	  S_CW, .flags = RST, .next = TCP_CLOSE, .err = EPIPE },
	{ "9293 3.10.7.4, second, 2): whatever its ACK says",
	  S_SYNCED & ~S_CW, .flags = RST | ACK, .ack = 999, .next = TCP_CLOSE,
	  .err = ECONNRESET },
	{ "9293 3.10.7.4, second, 3): RST elsewhere in the window is challenged",
	  S_SYNCED, .flags = RST, .seq = 1, .out = ACK },
	{ "1337 3, (F1): RST doesn't end TIME-WAIT", S_TW, .flags = RST },

	/* --- fourth: SYN --- */
	{ "5961 4.2: SYN in the window is challenged", S_SYNCED,
	  .flags = SYN, .seq = 5, .out = ACK },
	{ "5961 4.2: SYN before the window is challenged", S_SYNCED,
	  .flags = SYN, .seq = -9, .out = ACK },
	{ "5961 4.2: SYN beyond the window is challenged", S_SYNCED,
	  .flags = SYN, .at_edge = true, .out = ACK },
	{ "5961 4.2: SYN, ACK is challenged", S_SYNCED,
	  .flags = SYN | ACK, .seq = 5, .out = ACK },
	{ "6191 2: a SYN beyond RCV.NXT reopens TIME-WAIT", S_TW,
	  .flags = SYN, .seq = 5, .next = TCP_SYN_RECV,
	  .out = SYN | ACK, .out_seq = ANY, .out_ack = 6 },
	{ "6191 2: an old SYN doesn't", S_TW, .flags = SYN, .seq = -9,
	  .out = ACK },

	/* --- fifth: ACK --- */
	{ "9293 3.10.7.4, fifth: without ACK it is dropped", S_SYNCED,
	  .len = 5 },
	{ "9293 3.10.7.4, fifth: a FIN without ACK is dropped", S_SYNCED,
	  .flags = FIN },
	{ "9293 3.10.7.4, fifth: an ACK of what wasn't sent is answered",
	  S_SYNCED, .flags = ACK, .ack = 1, .out = ACK },
	{ "9293 3.10.7.4, fifth: and its text is dropped",
	  S_SYNCED, .flags = ACK, .ack = 1, .len = 5, .out = ACK },
	{ "5961 5.2: an ACK older than the largest window is challenged",
	  S_SYNCED, .flags = ACK, .ack = -STREAM_WINDOW - 5, .out = ACK },
	{ "9293 3.10.7.4, fifth: an old duplicate ACK is ignored",
	  S_SYNCED, .flags = ACK, .ack = -2 },
	{ "9293 3.10.7.4, fifth: and the rest of its segment is not",
	  S_GETS, .flags = ACK, .ack = -2, .len = 5, .out = ACK, .out_ack = 5 },
	{ "9293 3.10.7.4, fifth: nothing new", S_ESTAB | S_FW2 | S_CW,
	  .flags = ACK },
	{ "9293 3.10.7.4, fifth: the FIN is acknowledged", S_FW1,
	  .flags = ACK, .next = TCP_FIN_WAIT2 },
	{ "9293 3.10.7.4, fifth: the FIN is acknowledged", S_CLOSING,
	  .flags = ACK, .next = TCP_TIME_WAIT },
	{ "9293 3.10.7.4, fifth: the FIN is acknowledged", S_LAST,
	  .flags = ACK, .next = TCP_CLOSE },
	{ "9293 3.10.7.4, fifth: the FIN isn't yet", S_FW1 | S_CLOSING | S_LAST,
	  .flags = ACK, .ack = -1 },

	/* --- seventh: text --- */
	{ "9293 3.10.7.4, seventh: text in order", S_GETS, .flags = ACK,
	  .ack = -1, .len = 5, .out = ACK, .out_ack = 5 },
	{ "9293 3.10.7.4, seventh: it overlaps what is there", S_GETS,
	  .flags = ACK, .ack = -1, .seq = -2, .len = 5, .out = ACK,
	  .out_ack = 3 },
	{ "5681 4.2: text beyond a gap is acknowledged at once", S_GETS,
	  .flags = ACK, .ack = -1, .seq = 3, .len = 5, .out = ACK },
	{ "9293 3.10.7.4, fifth and seventh: text with the ACK of the FIN",
	  S_FW1, .flags = ACK, .len = 5, .next = TCP_FIN_WAIT2, .out = ACK,
	  .out_ack = 5 },

	/* --- eighth: FIN --- */
	{ "9293 3.10.7.4, eighth: FIN", S_ESTAB, .flags = FIN | ACK,
	  .next = TCP_CLOSE_WAIT, .out = ACK, .out_ack = 1 },
	{ "9293 3.10.7.4, eighth: FIN with text", S_ESTAB, .flags = FIN | ACK,
	  .len = 5, .next = TCP_CLOSE_WAIT, .out = ACK, .out_ack = 6 },
	{ "9293 3.10.7.4, eighth: FIN, and ours isn't acknowledged", S_FW1,
	  .flags = FIN | ACK, .ack = -1, .next = TCP_CLOSING, .out = ACK,
	  .out_ack = 1 },
	{ "9293 3.10.7.4, eighth: FIN, and ours is acknowledged", S_FW1,
	  .flags = FIN | ACK, .next = TCP_TIME_WAIT, .out = ACK,
	  .out_ack = 1 },
	{ "9293 3.10.7.4, eighth: FIN", S_FW2, .flags = FIN | ACK,
	  .next = TCP_TIME_WAIT, .out = ACK, .out_ack = 1 },
	{ "9293 3.10.7.4, eighth: FIN with text", S_FW2, .flags = FIN | ACK,
	  .len = 5, .next = TCP_TIME_WAIT, .out = ACK, .out_ack = 6 },
	{ "9293 3.10.7.4, eighth: FIN beyond a gap isn't the end yet", S_GETS,
	  .flags = FIN | ACK, .ack = -1, .seq = 5, .out = ACK },
	{ "9293 3.10.7.4, eighth: the FIN again", S_CW | S_CLOSING | S_LAST | S_TW,
	  .flags = FIN | ACK, .ack = -1, .seq = -1, .out = ACK },

	/* --- 3.10.4: CLOSE --- */
	{ "9293 3.10.4: CLOSE in SYN-RECEIVED is queued until ESTABLISHED",
	  S_CROSSED, .doing = CLOSES },
	{ "9293 3.10.4: CLOSE", S_ESTAB, .doing = CLOSES,
	  .next = TCP_FIN_WAIT1, .out = FIN | ACK },
	{ "9293 3.10.4: CLOSE", S_CW, .doing = CLOSES,
	  .next = TCP_LAST_ACK, .out = FIN | ACK },
	{ "9293 3.10.4: CLOSE of one half", S_ESTAB, .doing = SHUTS,
	  .next = TCP_FIN_WAIT1, .out = FIN | ACK },
	{ "9293 3.10.4: CLOSE of the other half", S_CW, .doing = SHUTS,
	  .next = TCP_LAST_ACK, .out = FIN | ACK },
	{ "9293 3.10.4: CLOSE once more does nothing",
	  S_FW1 | S_FW2 | S_CLOSING | S_LAST | S_TW, .doing = CLOSES },

	/* --- 3.10.5: ABORT --- */
	{ "9293 3.10.5: ABORT", S_GETS | S_CW, .doing = ABORTS,
	  .next = TCP_CLOSE, .out = RST | ACK },
	{ "9293 3.10.5: ABORT sends nothing any more", S_CLOSING | S_LAST,
	  .doing = ABORTS, .next = TCP_CLOSE },
};

static void describe(const struct row *row, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%s", row->rfc);
}

KUNIT_ARRAY_PARAM(row, rows, describe);

/* --- to a state, by segments and calls --- */

static void to_syn_received(struct stream_talk *talk)
{
	stream_listen(talk);
	stream_say(talk, SYN, talk->rcv_nxt++, 0, 0);
	talk->sk = stream_embryo(talk->ear);
	KUNIT_ASSERT_NOT_NULL(talk->test, talk->sk);
	stream_track(talk->sk);
}

static void to_syn_sent(struct stream_talk *talk)
{
	stream_talk_socket(talk);
	KUNIT_ASSERT_EQ(talk->test, stream_connect(talk->sock, STREAM_PEER),
			-EINPROGRESS);
}

static void shut(struct stream_talk *talk)
{
	KUNIT_ASSERT_EQ(talk->test, kernel_sock_shutdown(talk->sock, SHUT_WR), 0);
	stream_flush(talk);
}

static void peer_ends(struct stream_talk *talk, s32 ack)
{
	stream_say(talk, FIN | ACK, talk->rcv_nxt++, talk->snd_nxt + ack, 0);
}

static void beyond_established(struct stream_talk *talk, int state)
{
	switch (state) {
	case TCP_FIN_WAIT1:
		shut(talk);
		break;
	case TCP_FIN_WAIT2:
	case TCP_TIME_WAIT:
		shut(talk);
		stream_says_ack(talk);
		if (state == TCP_TIME_WAIT)
			peer_ends(talk, 0);
		break;
	case TCP_CLOSING:
		shut(talk);
		peer_ends(talk, -1);
		break;
	case TCP_CLOSE_WAIT:
		peer_ends(talk, 0);
		break;
	case TCP_LAST_ACK:
		peer_ends(talk, 0);
		shut(talk);
		break;
	}
}

static int state_of(const struct stream_talk *talk)
{
	struct sock *child = NULL;

	if (!talk->sk)
		return TCP_CLOSE;
	if (talk->ear && talk->sk->sk_state != TCP_SYN_RECV)
		child = stream_embryo(talk->ear);
	if (child)
		return child->sk_state;
	if (talk->sk->sk_state == TCP_CLOSE && stream_timewaits())
		return TCP_TIME_WAIT;
	return talk->sk->sk_state;
}

static void to_state(struct stream_talk *talk, int state, bool passive)
{
	int sees = state;

	switch (state) {
	case TCP_CLOSE:
		break;
	case TCP_LISTEN:
		stream_listen(talk);
		talk->sk = talk->ear;
		break;
	case TCP_SYN_SENT:
		to_syn_sent(talk);
		break;
	case TCP_SYN_RECV:
		to_syn_received(talk);
		break;
	case CROSSED:
		to_syn_sent(talk);
		stream_flush(talk);
		stream_say(talk, SYN, talk->rcv_nxt++, 0, 0);
		sees = TCP_SYN_RECV;
		break;
	default:
		stream_establish(talk, passive, 100 * STREAM_MS);
		beyond_established(talk, state);
		break;
	}
	stream_flush(talk);
	KUNIT_ASSERT_EQ(talk->test, state_of(talk), sees);
}

/* --- a row --- */

static void happens(struct stream_talk *talk, const struct row *row)
{
	u32 from = row->at_edge ? talk->edge : talk->rcv_nxt;

	switch (row->doing) {
	case SEGMENT:
		stream_say(talk, row->flags, from + row->seq,
			   talk->snd_nxt + row->ack, row->len);
		break;
	case CLOSES:
		stream_close(talk->sock ?: talk->listener);
		break;
	case SHUTS:
		KUNIT_EXPECT_EQ(talk->test,
				kernel_sock_shutdown(talk->sock, SHUT_WR), 0);
		break;
	case ABORTS:
		stream_abort(talk->sock);
		break;
	}
}

static void follows(struct stream_talk *talk, const struct row *row, int state)
{
	u32 snd_nxt = talk->snd_nxt, rcv_nxt = talk->rcv_nxt;
	struct kunit *test = talk->test;
	int next = row->next ?: state;
	char why[160];

	if (next == CROSSED)
		next = TCP_SYN_RECV;
	snprintf(why, sizeof(why), "%s, in %s", row->rfc,
		 state == CROSSED ? "SYN-RECEIVED, crossed" :
				    kinet_state_name(state));
	happens(talk, row);
	if (row->out)
		stream_expect(talk, row->out,
			      row->out_seq == ANY ? ANY : snd_nxt + row->out_seq,
			      rcv_nxt + row->out_ack, 0, why);
	stream_expect_silence(talk, why);
	KUNIT_EXPECT_STREQ_MSG(test, kinet_state_name(state_of(talk)),
			       kinet_state_name(next), "%s", why);
	/* An embryo has no user. */
	if (talk->sk && state != TCP_SYN_RECV)
		KUNIT_EXPECT_EQ_MSG(test, talk->sk->sk_err, row->err, "%s", why);
	if (state == TCP_SYN_RECV)
		KUNIT_EXPECT_EQ_MSG(test, talk->ear->sk_state,
				    TCP_LISTEN, "%s", why);
}

static void as_the_rfc_says(struct kunit *test)
{
	const struct row *row = test->param_value;
	struct stream_talk talk;
	int state, passive;

	for (state = TCP_ESTABLISHED; state <= CROSSED; state++) {
		if (!(row->states & IN(state)))
			continue;
		for (passive = 0; passive < 2; passive++) {
			if (!passive && state == TCP_TIME_WAIT)
				continue;
			stream_wire_init(test);
			stream_talk_begin(test, &talk);
			to_state(&talk, state, passive);
			follows(&talk, row, state);
			stream_wire_exit(test);
			if (!(IN(state) & S_ALL))
				break;
		}
	}
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE_PARAM(as_the_rfc_says, row_gen_params),
	{}
};

static struct kunit_suite state_suite = {
	.name = "kinet_stream_state",
	.exit = stream_wire_exit,
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
