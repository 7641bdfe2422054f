// SPDX-License-Identifier: GPL-2.0-only
/*
 * Old segments, RFC 7323, section 5; forged ones, RFC 5961; numbers that can't
 * be guessed, RFC 6528
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/isn.h"
#include "../../ksocket/kinet/tcp/window.h"

#define DAYS	(86400ULL * 1000)

struct paws_param {
	const char			*name;
	bool				valid;
	s32				tsval;	/* from TS.Recent */
	u64				idle;	/* ms */
	bool				missing;
	u8				flags;
	enum kinet_paws_verdict		verdict;
};

static const struct paws_param paws_params[] = {
	{ "newer", true, 1, 0, false, KINET_ACK, KINET_PAWS_PASS },
	{ "the same", true, 0, 0, false, KINET_ACK, KINET_PAWS_PASS },
	{ "older", true, -1, 0, false, KINET_ACK, KINET_PAWS_OLD },
	{ "much older", true, -0x7fffffff, 0, false, KINET_ACK, KINET_PAWS_OLD },
	{ "much newer", true, 0x7fffffff, 0, false, KINET_ACK, KINET_PAWS_PASS },
	{ "older SYN", true, -1, 0, false, KINET_SYN, KINET_PAWS_OLD },
	{ "older RST", true, -1, 0, false, KINET_RST, KINET_PAWS_PASS },
	{ "RST without", true, 0, 0, true, KINET_RST, KINET_PAWS_PASS },
	{ "without", true, 0, 0, true, KINET_ACK, KINET_PAWS_MISSING },
	{ "older, after 24 days", true, -1, 24 * DAYS, false, KINET_ACK,
	  KINET_PAWS_OLD },
	{ "older, after more", true, -1, 24 * DAYS + 1, false, KINET_ACK,
	  KINET_PAWS_PASS },
	{ "nothing to compare", false, -1, 0, false, KINET_ACK, KINET_PAWS_PASS },
};

KUNIT_ARRAY_PARAM_DESC(paws, paws_params, name);

static void old_segments_are_found(struct kunit *test)
{
	const struct paws_param *param = test->param_value;
	static const u32 recent[] = { 0, 5, 0xffffffff, 0x80000000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(recent); i++) {
		struct kinet_paws paws = {
			.recent = recent[i], .at = 1000, .valid = param->valid,
		};

		KUNIT_EXPECT_EQ(test,
				kinet_paws_check(&paws, 1000 + param->idle,
						 !param->missing,
						 recent[i] + param->tsval,
						 param->flags),
				param->verdict);
	}
}

static void the_right_time_stamp_is_kept(struct kunit *test)
{
	struct kinet_paws paws = {};

	kinet_paws_store(&paws, 10, 500, 1000, 1000);
	KUNIT_EXPECT_TRUE(test, paws.valid);
	KUNIT_EXPECT_EQ(test, paws.recent, 500);
	kinet_paws_store(&paws, 11, 501, 1001, 1000);
	KUNIT_EXPECT_EQ_MSG(test, paws.recent, 500, "out of order");
	kinet_paws_store(&paws, 12, 502, 900, 1000);
	KUNIT_EXPECT_EQ_MSG(test, paws.recent, 502, "begins before it");
	KUNIT_EXPECT_EQ(test, paws.at, 12ULL);
	kinet_paws_store(&paws, 13, 501, 1000, 1000);
	KUNIT_EXPECT_EQ_MSG(test, paws.recent, 502, "older");
	kinet_paws_store(&paws, 12 + 24 * DAYS + 1, 3, 1000, 1000);
	KUNIT_EXPECT_EQ_MSG(test, paws.recent, 3, "too old to compare");
}

struct challenge_param {
	const char		*name;
	u8			flags;
	s32			seq;	/* from RCV.NXT */
	u32			wnd;
	enum kinet_challenge	verdict;
};

static const struct challenge_param challenge_params[] = {
	{ "data", KINET_ACK, 0, 100, KINET_CHALLENGE_PASS },
	{ "FIN", KINET_ACK | KINET_FIN, 5, 100, KINET_CHALLENGE_PASS },
	{ "RST, exact", KINET_RST, 0, 100, KINET_CHALLENGE_RESET },
	{ "RST, exact, window shut", KINET_RST, 0, 0, KINET_CHALLENGE_RESET },
	{ "RST, exact, with ACK", KINET_RST | KINET_ACK, 0, 100,
	  KINET_CHALLENGE_RESET },
	{ "RST, in the window", KINET_RST, 1, 100, KINET_CHALLENGE_ACK },
	{ "RST, last in the window", KINET_RST, 99, 100, KINET_CHALLENGE_ACK },
	{ "RST, behind it", KINET_RST, 100, 100, KINET_CHALLENGE_DROP },
	{ "RST, before it", KINET_RST, -1, 100, KINET_CHALLENGE_DROP },
	{ "RST, next, window shut", KINET_RST, 1, 0, KINET_CHALLENGE_DROP },
	{ "RST and SYN", KINET_RST | KINET_SYN, 5, 100, KINET_CHALLENGE_ACK },
	{ "SYN, exact", KINET_SYN, 0, 100, KINET_CHALLENGE_ACK },
	{ "SYN, far away", KINET_SYN, 0x40000000, 100, KINET_CHALLENGE_ACK },
	{ "SYN and ACK", KINET_SYN | KINET_ACK, -1, 100, KINET_CHALLENGE_ACK },
};

KUNIT_ARRAY_PARAM_DESC(challenge, challenge_params, name);

static void forged_segments_are_challenged(struct kunit *test)
{
	const struct challenge_param *param = test->param_value;
	static const u32 nxt[] = { 0, 50, 0xffffffff, 0x7fffffff };
	int i;

	for (i = 0; i < ARRAY_SIZE(nxt); i++)
		KUNIT_EXPECT_EQ(test,
				kinet_challenge_check(param->flags,
						      nxt[i] + param->seq, nxt[i],
						      param->wnd),
				param->verdict);
}

static void challenges_are_few(struct kunit *test)
{
	struct kinet_challenge_limit limit = {};
	int i;

	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_TRUE(test, kinet_challenge_allowed(&limit, 7000000,
								5000000, 10));
	KUNIT_EXPECT_FALSE(test, kinet_challenge_allowed(&limit, 7000000, 5000000,
							 10));
	KUNIT_EXPECT_FALSE(test, kinet_challenge_allowed(&limit, 11999999, 5000000,
							 10));
	KUNIT_EXPECT_TRUE(test, kinet_challenge_allowed(&limit, 12000000, 5000000,
							10));
	KUNIT_EXPECT_FALSE_MSG(test, kinet_challenge_allowed(&limit, 12000000,
							     5000000, 0), "none");
}

static const siphash_key_t secret = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static struct kinet_ends some_ends(void)
{
	struct kinet_ends ends = { .lport = htons(80), .rport = htons(40000) };

	ends.laddr.s6_addr[15] = 1;
	ends.raddr.s6_addr[15] = 2;
	return ends;
}

/* RFC 6528: M counts every 4 microseconds. */
static void numbers_go_on_with_the_clock(struct kunit *test)
{
	struct kinet_ends ends = some_ends();
	u32 first = kinet_isn(&ends, 1000000, &secret);

	KUNIT_EXPECT_EQ(test, kinet_isn(&ends, 1000003, &secret), first);
	KUNIT_EXPECT_EQ(test, kinet_isn(&ends, 1000004, &secret), first + 1);
	KUNIT_EXPECT_EQ(test, kinet_isn(&ends, 2000000, &secret), first + 250000);
	KUNIT_EXPECT_EQ_MSG(test, kinet_isn(&ends, 1000000 + (4ULL << 32), &secret),
			    first, "round after 4.77 hours");
}

static void all_of_the_ends_and_the_key_count(struct kunit *test)
{
	struct kinet_ends ends = some_ends();
	u32 isn = kinet_isn(&ends, 0, &secret);
	u32 offset = kinet_stamp_offset(&ends, &secret);
	siphash_key_t other = secret;
	int i;

	for (i = 0; i < sizeof(ends); i++) {
		((u8 *)&ends)[i] ^= 0x10;
		KUNIT_EXPECT_NE(test, kinet_isn(&ends, 0, &secret), isn);
		KUNIT_EXPECT_NE(test, kinet_stamp_offset(&ends, &secret), offset);
		((u8 *)&ends)[i] ^= 0x10;
	}
	other.key[1] ^= 1;
	KUNIT_EXPECT_NE(test, kinet_isn(&ends, 0, &other), isn);
	KUNIT_EXPECT_NE(test, kinet_stamp_offset(&ends, &other), offset);
	KUNIT_EXPECT_NE_MSG(test, offset, isn, "neither tells the other");
}

static struct kunit_case guard_cases[] = {
	KUNIT_CASE_PARAM(old_segments_are_found, paws_gen_params),
	KUNIT_CASE(the_right_time_stamp_is_kept),
	KUNIT_CASE_PARAM(forged_segments_are_challenged, challenge_gen_params),
	KUNIT_CASE(challenges_are_few),
	KUNIT_CASE(numbers_go_on_with_the_clock),
	KUNIT_CASE(all_of_the_ends_and_the_key_count),
	{}
};

static struct kunit_suite guard_suite = {
	.name = "kinet_tcp_guard",
	.test_cases = guard_cases,
};

kunit_test_suite(guard_suite);
