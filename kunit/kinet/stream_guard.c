// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many answers strangers get: RFC 5961, section 7
 *
 * Two ends that take each other's answers for strays would never be quiet.
 */
#include "stream_wire.h"

#define SYN	KINET_SYN
#define ACK	KINET_ACK
#define RST	KINET_RST

#define MANY	100
#define FEW	10		/* in 5 s, as it proposes */

/**
 * struct stray - a segment that isn't acceptable
 * @name: which it is
 * @flags: control bits
 * @seq: SEG.SEQ - RCV.NXT
 * @ack: SEG.ACK - SND.NXT
 * @len: bytes of data
 * @stamped: with time stamps, older than the peer's last
 * @answers: how many it gets, when it comes MANY times
 */
struct stray {
	const char	*name;
	u8		flags;
	s32		seq;
	s32		ack;
	u32		len;
	bool		stamped;
	u32		answers;
};

static const struct stray strays[] = {
	{ "SYN", SYN, .seq = 5, .answers = FEW },
	{ "old SYN", SYN, .seq = -5, .answers = FEW },
	{ "SYN, ACK with data, old", SYN | ACK, .seq = -5, .len = 3,
	  .answers = FEW },
	{ "RST in the window", RST, .seq = 5, .answers = FEW },
	{ "ACK of what wasn't sent", ACK, .ack = 5, .answers = FEW },
	{ "old, without data", ACK, .seq = -5, .answers = FEW },
	{ "a probe", ACK, .seq = -1, .answers = FEW },
	{ "beyond the window", ACK, .seq = 1 << 30, .answers = FEW },
	{ "old by its stamp, without data", ACK, .stamped = true,
	  .answers = FEW },
	/* The peer may have lost the acknowledgment, and counts duplicates. */
	{ "old data", ACK, .seq = -5, .len = 5, .answers = MANY },
	{ "data beyond the window", ACK, .seq = 1 << 30, .len = 5,
	  .answers = MANY },
	{ "data beyond a gap", ACK, .seq = 5, .len = 5, .answers = MANY },
	{ "old end", KINET_FIN | ACK, .seq = -1, .answers = MANY },
	{ "data, old by their stamp", ACK, .len = 5, .stamped = true,
	  .answers = MANY },
};

static void describe(const struct stray *stray, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%s", stray->name);
}

KUNIT_ARRAY_PARAM(stray, strays, describe);

/* Return: how many segments kinet has sent, all of them acknowledgments. */
static u32 answers(struct stream_talk *talk)
{
	struct stream_seg seg;
	u32 count = 0;

	while (stream_hear(talk, &seg)) {
		KUNIT_EXPECT_EQ(talk->test, seg.flags, ACK);
		KUNIT_EXPECT_EQ(talk->test, seg.len, 0);
		count++;
	}
	return count;
}

static u32 says_often(struct stream_talk *talk, const struct stray *stray)
{
	int i;

	talk->more.tsval = stray->stamped ? 100 : 200;
	for (i = 0; i < MANY; i++)
		stream_say(talk, stray->flags, talk->rcv_nxt + stray->seq,
			   talk->snd_nxt + stray->ack, stray->len);
	talk->more.tsval = 200;
	return answers(talk);
}

/* The peer has sent five bytes. */
static void establish(struct kunit *test, struct stream_talk *talk, bool stamps)
{
	stream_talk_begin(test, talk);
	if (stamps)
		talk->more = (struct kinet_options){ .has = KINET_HAS_TS,
						     .tsval = 200 };
	stream_establish(talk, false, STREAM_MS);
	stream_say(talk, ACK, talk->rcv_nxt, talk->snd_nxt, 5);
	talk->rcv_nxt += 5;
	stream_wait(KINET_SECOND);
	stream_flush(talk);
}

static void strays_get_few_answers(struct kunit *test)
{
	const struct stray *stray = test->param_value;
	struct stream_talk talk;

	establish(test, &talk, stray->stamped);
	KUNIT_EXPECT_EQ(test, says_often(&talk, stray), stray->answers);
	stream_wait(5 * KINET_SECOND);
	KUNIT_EXPECT_EQ_MSG(test, says_often(&talk, stray), stray->answers,
			    "later");
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_ESTABLISHED);
}

/* Who forges segments doesn't keep the peer from being answered. */
static void probes_are_answered_all_the_same(struct kunit *test)
{
	struct stream_talk talk;
	int i;

	establish(test, &talk, false);
	for (i = 0; i < ARRAY_SIZE(strays); i++) {
		if (strays[i].answers == FEW && !strays[i].stamped &&
		    strays[i].seq != -1)
			says_often(&talk, &strays[i]);
	}
	stream_say(&talk, ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "probe");
}

/* RFC 7323, section 5.3, R2: or what the peer says next would be old. */
static void forged_stamps_are_not_kept(struct kunit *test)
{
	struct stream_talk talk;
	char text[16];

	establish(test, &talk, true);
	talk.more.tsval += 1 << 30;
	stream_say(&talk, 0, talk.rcv_nxt, 0, 1);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt + 5, 1);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt - (1 << 30), 1);
	talk.more.tsval -= (1 << 30) - 1;
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 3);
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, text, sizeof(text)), 8);
}

static struct kunit_case guard_cases[] = {
	KUNIT_CASE_PARAM(strays_get_few_answers, stray_gen_params),
	KUNIT_CASE(probes_are_answered_all_the_same),
	KUNIT_CASE(forged_stamps_are_not_kept),
	{}
};

static struct kunit_suite guard_suite = {
	.name = "kinet_stream_guard",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = guard_cases,
};

kunit_test_suite(guard_suite);
