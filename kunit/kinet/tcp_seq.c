// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequence numbers, and which part of a segment is in the window: RFC 9293,
 * sections 3.4 and 3.10.7.4
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/seq.h"
#include "tcp_random.h"

struct compare_param {
	const char	*name;
	u32		a, b;
	bool		before, after;
};

static const struct compare_param compare_params[] = {
	{ "same", 5, 5, false, false },
	{ "next", 5, 6, true, false },
	{ "last", 6, 5, false, true },
	{ "round zero", 0xffffffff, 0, true, false },
	{ "back over zero", 0, 0xffffffff, false, true },
	{ "far round zero", 0xc0000000, 0x3fffffff, true, false },
	{ "over the middle", 0x7fffffff, 0x80000000, true, false },
	{ "as far as can be", 0, 0x7fffffff, true, false },
	{ "as far back as can be", 0x7fffffff, 0, false, true },
};

KUNIT_ARRAY_PARAM_DESC(compare, compare_params, name);

static void numbers_compare_round_zero(struct kunit *test)
{
	const struct compare_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, kinet_before(param->a, param->b), param->before);
	KUNIT_EXPECT_EQ(test, kinet_after(param->a, param->b), param->after);
	KUNIT_EXPECT_EQ(test, kinet_later(param->a, param->b),
			param->before ? param->b : param->a);
	KUNIT_EXPECT_EQ(test, kinet_earlier(param->a, param->b),
			param->after ? param->b : param->a);
}

static void ranges_go_round_zero(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, kinet_between(10, 10, 20));
	KUNIT_EXPECT_TRUE(test, kinet_between(10, 20, 20));
	KUNIT_EXPECT_FALSE(test, kinet_between(10, 9, 20));
	KUNIT_EXPECT_FALSE(test, kinet_between(10, 21, 20));
	KUNIT_EXPECT_TRUE(test, kinet_between(0xfffffff0, 5, 16));
	KUNIT_EXPECT_FALSE(test, kinet_between(0xfffffff0, 17, 16));
	KUNIT_EXPECT_TRUE(test, kinet_within(0xfffffff0, 15, 32));
	KUNIT_EXPECT_FALSE(test, kinet_within(0xfffffff0, 16, 32));
	KUNIT_EXPECT_FALSE(test, kinet_within(10, 10, 0));
}

struct fits_param {
	const char	*name;
	s32		seq;	/* from RCV.NXT */
	u32		len, wnd;
	bool		fits;
	bool		control;
};

static const struct fits_param fits_params[] = {
	/* SEG.LEN 0, RCV.WND 0: SEG.SEQ = RCV.NXT */
	{ "0, 0: next", 0, 0, 0, true, true },
	{ "0, 0: before", -1, 0, 0, false, false },
	{ "0, 0: after", 1, 0, 0, false, false },
	/* SEG.LEN 0, RCV.WND > 0: RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND */
	{ "0, some: next", 0, 0, 10, true, true },
	{ "0, some: last", 9, 0, 10, true, true },
	{ "0, some: behind", 10, 0, 10, false, false },
	{ "0, some: before", -1, 0, 10, false, false },
	/* SEG.LEN > 0, RCV.WND 0: not acceptable, but MUST-66 */
	{ "some, 0: next", 0, 1, 0, false, true },
	{ "some, 0: before", -1, 1, 0, false, false },
	{ "some, 0: after", 1, 1, 0, false, false },
	/* SEG.LEN > 0, RCV.WND > 0: its begin or its end is in the window */
	{ "some, some: fills it", 0, 10, 10, true, true },
	{ "some, some: begins in it", 9, 10, 10, true, true },
	{ "some, some: ends in it", -9, 10, 10, true, true },
	{ "some, some: old", -10, 10, 10, false, false },
	{ "some, some: older", -1000, 10, 10, false, false },
	{ "some, some: behind", 10, 10, 10, false, false },
	{ "some, some: far behind", 0x7fffff00, 10, 10, false, false },
	{ "some, some: the largest window", 0x3ffffffe, 1, 0x3fffffff, true, true },
};

KUNIT_ARRAY_PARAM_DESC(fits, fits_params, name);

static void segments_fit_by_four_cases(struct kunit *test)
{
	const struct fits_param *param = test->param_value;
	static const u32 nxt[] = { 0, 1, 5, 0x80000000, 0x7ffffffb, 0xfffffffb };
	int i;

	for (i = 0; i < ARRAY_SIZE(nxt); i++) {
		KUNIT_EXPECT_EQ(test, kinet_seg_fits(nxt[i] + param->seq,
						     param->len, nxt[i],
						     param->wnd), param->fits);
		KUNIT_EXPECT_EQ(test,
				kinet_seg_control_fits(nxt[i] + param->seq,
						       param->len, nxt[i],
						       param->wnd),
				param->control);
	}
}

struct trim_param {
	const char	*name;
	s32		seq;	/* from RCV.NXT */
	u32		data;
	u8		flags;
	u32		wnd;
	s32		left_seq;
	u32		front, len;
	u8		left;
};

#define S KINET_SYN
#define F KINET_FIN
#define P KINET_PSH

static const struct trim_param trim_params[] = {
	{ "all of it", 0, 10, P, 100, 0, 0, 10, P },
	{ "empty", 0, 0, KINET_ACK, 100, 0, 0, 0, KINET_ACK },
	{ "old front", -4, 10, P, 100, 0, 4, 6, P },
	{ "all old", -10, 10, P, 100, 0, 10, 0, P },
	{ "behind the edge", 95, 10, P, 100, 95, 0, 5, P },
	{ "both ends", -5, 20, P, 10, 0, 5, 10, P },
	{ "FIN fits", 0, 9, F, 10, 0, 0, 9, F },
	{ "FIN doesn't", 0, 10, F, 10, 0, 0, 10, 0 },
	{ "FIN and data don't", 0, 12, F, 10, 0, 0, 10, 0 },
	{ "FIN alone", 0, 0, F, 1, 0, 0, 0, F },
	{ "FIN alone, closed window", 0, 0, F, 0, 0, 0, 0, 0 },
	{ "FIN next, its data old", -10, 10, F, 5, 0, 10, 0, F },
	{ "old FIN", -11, 10, F, 5, -1, 10, 0, 0 },
	{ "old SYN", -1, 10, S, 100, 0, 0, 10, 0 },
	{ "old SYN, old data", -4, 10, S, 100, 0, 3, 7, 0 },
	{ "SYN fits", 0, 10, S, 100, 0, 0, 10, S },
	{ "SYN fits, data don't", 0, 10, S, 1, 0, 0, 0, S },
	{ "SYN and FIN", 0, 1, S | F, 3, 0, 0, 1, S | F },
	{ "SYN, no FIN", 0, 1, S | F, 2, 0, 0, 1, S },
	{ "probe of a closed window", 0, 1, P, 0, 0, 0, 0, P },
};

KUNIT_ARRAY_PARAM_DESC(trim, trim_params, name);

static void segments_are_cut_to_the_window(struct kunit *test)
{
	const struct trim_param *param = test->param_value;
	static const u32 nxt[] = { 0, 7, 0x80000000, 0xfffffffb };
	struct kinet_trim trim;
	int i;

	for (i = 0; i < ARRAY_SIZE(nxt); i++) {
		kinet_seg_trim(nxt[i] + param->seq, param->data, param->flags,
			       nxt[i], param->wnd, &trim);
		KUNIT_EXPECT_EQ(test, (s32)(trim.seq - nxt[i]), param->left_seq);
		KUNIT_EXPECT_EQ(test, trim.front, param->front);
		KUNIT_EXPECT_EQ(test, trim.len, param->len);
		KUNIT_EXPECT_EQ(test, trim.flags, param->left);
	}
}

/* What is left, number by number */
static void expect_trimmed(struct kunit *test, u32 seq, u32 data, u8 flags,
			   u32 nxt, u32 wnd)
{
	u32 len = kinet_seg_len(data, flags), kept = 0, front = 0, i;
	struct kinet_trim trim;
	u8 left = 0;

	for (i = 0; i < len; i++) {
		bool in = kinet_within(nxt, seq + i, wnd);

		if ((flags & S) && !i)
			left |= in ? S : 0;
		else if ((flags & F) && i == len - 1)
			left |= in ? F : 0;
		else if (in)
			kept++;
		else if (!kept && kinet_before(seq + i, nxt))
			front++;
	}
	kinet_seg_trim(seq, data, flags, nxt, wnd, &trim);
	KUNIT_ASSERT_EQ(test, trim.len, kept);
	KUNIT_ASSERT_EQ(test, trim.flags, left);
	KUNIT_ASSERT_EQ(test, trim.front, front);
	if (kept)
		KUNIT_ASSERT_EQ(test, trim.seq + !!(left & S),
				seq + !!(flags & S) + front);
}

static void random_segments_are_cut_as_byte_by_byte(struct kunit *test)
{
	struct rnd_state random;
	int i;

	tcp_seed_random(test, &random);
	for (i = 0; i < 20000; i++) {
		u32 nxt = prandom_u32_state(&random);
		u32 wnd = tcp_random(&random, 12);
		u32 seq = nxt - 10 + tcp_random(&random, 24);
		u32 data = tcp_random(&random, 14);
		u8 flags = prandom_u32_state(&random) & (S | F);

		if (kinet_seg_fits(seq, kinet_seg_len(data, flags), nxt, wnd))
			expect_trimmed(test, seq, data, flags, nxt, wnd);
	}
}

static struct kunit_case seq_cases[] = {
	KUNIT_CASE_PARAM(numbers_compare_round_zero, compare_gen_params),
	KUNIT_CASE(ranges_go_round_zero),
	KUNIT_CASE_PARAM(segments_fit_by_four_cases, fits_gen_params),
	KUNIT_CASE_PARAM(segments_are_cut_to_the_window, trim_gen_params),
	KUNIT_CASE(random_segments_are_cut_as_byte_by_byte),
	{}
};

static struct kunit_suite seq_suite = {
	.name = "kinet_tcp_seq",
	.test_cases = seq_cases,
};

kunit_test_suite(seq_suite);
