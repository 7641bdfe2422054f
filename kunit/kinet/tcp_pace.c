// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pacing: rates, bursts, and when the next may go
 */
#include <kunit/test.h>
#include <linux/time64.h>

#include "../../ksocket/kinet/tcp/pace.h"
#include "tcp_random.h"

#define NONE	KINET_SSTHRESH_NONE
#define MS	1000000ULL	/* nanoseconds */
#define NOW	(1000 * NSEC_PER_SEC)

/* --- rates --- */

struct rate_param {
	const char	*name;
	u32		cwnd, ssthresh;
	u64		srtt;		/* microseconds */
	u64		most;
	u64		result;
};

/* Twice cwnd / srtt while cwnd < ssthresh / 2, and 1.2 times that otherwise */
static const struct rate_param rate_params[] = {
	{ "slow start", 10000, NONE, 100000, KINET_PACE_NONE, 200000 },
	{ "its first half", 4999, 10000, 100000, KINET_PACE_NONE, 99980 },
	{ "its second half", 5000, 10000, 100000, KINET_PACE_NONE, 60000 },
	{ "congestion avoidance", 10000, 10000, 100000, KINET_PACE_NONE, 120000 },
	{ "a fast network", 1000000, 1000000, 50, KINET_PACE_NONE, 24000000000 },
	{ "a bound", 10000, NONE, 100000, 150000, 150000 },
	{ "a bound beyond", 10000, NONE, 100000, 200001, 200000 },
	{ "a bound of nothing", 10000, NONE, 100000, 0, 0 },
	{ "no round trip yet", 10000, NONE, 0, KINET_PACE_NONE, KINET_PACE_NONE },
	{ "no round trip, a bound", 10000, NONE, 0, 7, 7 },
	{ "most that there is", KINET_CWND_MAX, U32_MAX, 1, KINET_PACE_NONE,
	  2000000ULL * KINET_CWND_MAX },
	{ "less than a byte", 64, 64, 600000000, KINET_PACE_NONE, 1 },
};

KUNIT_ARRAY_PARAM_DESC(rate, rate_params, name);

static void window_is_spread_over_the_round_trip(struct kunit *test)
{
	const struct rate_param *param = test->param_value;
	struct kinet_cong cong = {
		.cwnd = param->cwnd, .ssthresh = param->ssthresh,
	};
	struct kinet_rtt rtt = { .srtt = param->srtt << 8 };

	KUNIT_EXPECT_EQ(test, kinet_pace_rate(&cong, &rtt, param->most),
			param->result);
}

struct burst_param {
	const char	*name;
	u64		rate;
	u32		mss;
	u32		most;
	u32		result;
};

/* Whole segments of a 1024th of a second */
static const struct burst_param burst_params[] = {
	{ "whole segments", 1024 * 7 * 1000 + 999, 1000, 65535, 7 * 1000 },
	{ "nearly one more", 1024 * (8 * 1000 - 1), 1000, 65535, 7 * 1000 },
	{ "two at least", 1024 * 1000, 1000, 65535, 2 * 1000 },
	{ "the slowest", 1, 1000, 65535, 2 * 1000 },
	{ "no more than there may be", 1024 * 100000, 1000, 65535, 65 * 1000 },
	{ "as fast as it can", KINET_PACE_NONE, 1000, 65535, 65 * 1000 },
	{ "two are too many", 1, 40000, 65535, 40000 },
	{ "the longest segments", KINET_PACE_NONE, 65535, 65535, 65535 },
};

KUNIT_ARRAY_PARAM_DESC(burst, burst_params, name);

static void bursts_are_of_a_millisecond(struct kunit *test)
{
	const struct burst_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, kinet_pace_burst(param->rate, param->mss, param->most),
			param->result);
}

/* The same without a division */
static void ample_is_what_allows_the_largest_burst(struct kunit *test)
{
	struct kinet_cong cong = { .cwnd = 0, .ssthresh = 0 };
	struct kinet_rtt rtt = {};
	struct rnd_state random;
	int i, ample = 0;

	tcp_seed_random(test, &random);
	for (i = 0; i < 20000; i++) {
		u32 most = 1 + tcp_random(&random, 65536);
		u64 rate;
		bool is;

		cong.cwnd = tcp_random(&random, 1U << tcp_random(&random, 31)) + 1;
		rtt.srtt = 1 + ((u64)tcp_random(&random, U32_MAX) >>
				tcp_random(&random, 32));
		rate = kinet_pace_rate(&cong, &rtt, KINET_PACE_NONE);
		is = kinet_pace_is_ample(&cong, &rtt, most);
		KUNIT_ASSERT_EQ_MSG(test, is, rate >> 10 >= most,
				    "cwnd %u, srtt %llu, most %u", cong.cwnd,
				    rtt.srtt, most);
		ample += is;
	}
	KUNIT_EXPECT_GT(test, ample, 1000);
	KUNIT_EXPECT_LT(test, ample, 19000);
	rtt.srtt = 0;
	KUNIT_EXPECT_TRUE_MSG(test, kinet_pace_is_ample(&cong, &rtt, 65536),
			      "no round trip yet");
	rtt.srtt = U64_MAX;
	cong.cwnd = U32_MAX;
	KUNIT_EXPECT_FALSE_MSG(test, kinet_pace_is_ample(&cong, &rtt, 65536),
			       "nothing overflows");
}

/* --- times --- */

struct next_param {
	const char	*name;
	u64		rate;
	u32		len;
	u64		result;		/* nanoseconds after it was sent */
};

static const struct next_param next_params[] = {
	{ "a megabyte", 1000000, 2000, 2 * MS },
	{ "slowly", 1000, 2000, 2 * NSEC_PER_SEC },
	{ "the slowest", 1, U32_MAX, U32_MAX * NSEC_PER_SEC },
	{ "the fastest", KINET_PACE_NONE - 1, U32_MAX, 0 },
	{ "nothing", 1, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(next, next_params, name);

static void the_next_waits(struct kunit *test)
{
	const struct next_param *param = test->param_value;
	struct kinet_pace pace = {
		.rate = param->rate, .from = NOW, .len = param->len,
	};

	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), NOW + param->result);
}

/* A thousand bytes each millisecond */
static struct kinet_pace begun(void)
{
	struct kinet_pace pace = { .rate = 1000000 };

	kinet_pace_sent(&pace, NOW, 3000);
	return pace;
}

/* What the first had ahead of it was a pause. */
#define NEXT	(NOW - KINET_PACE_LATE + 3 * MS)

static void bursts_are_as_long_apart_as_they_take(struct kunit *test)
{
	struct kinet_pace pace = begun();
	u64 next = NEXT;
	int i;

	for (i = 0; i < 1000; i++) {
		KUNIT_ASSERT_EQ(test, kinet_pace_next(&pace), next);
		kinet_pace_sent(&pace, next, 2000);
		next += 2 * MS;
	}
}

static void late_timers_are_caught_up_with(struct kunit *test)
{
	struct kinet_pace pace = begun();

	kinet_pace_sent(&pace, NEXT + KINET_PACE_LATE, 2000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), NEXT + 2 * MS);
}

static void pauses_are_not(struct kunit *test)
{
	struct kinet_pace pace = begun();

	kinet_pace_sent(&pace, NEXT + KINET_PACE_LATE + 1, 2000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), NEXT + 2 * MS + 1);
	kinet_pace_sent(&pace, 2 * NOW, 2000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace),
			2 * NOW - KINET_PACE_LATE + 2 * MS);
}

/* A segment that is sent again at once, for one */
static void who_is_early_waits_for_longer(struct kunit *test)
{
	struct kinet_pace pace = begun();

	kinet_pace_sent(&pace, NOW, 1000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), NEXT + 1 * MS);
	kinet_pace_sent(&pace, NOW, 1000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), NEXT + 2 * MS);
	kinet_pace_forgive(&pace);
	KUNIT_EXPECT_LE(test, kinet_pace_next(&pace), NOW);
}

static void another_rate_counts_at_once(struct kunit *test)
{
	struct kinet_pace pace = begun();

	pace.rate = 3000;
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace),
			NOW - KINET_PACE_LATE + NSEC_PER_SEC);
	pace.rate = 0;
	KUNIT_EXPECT_LE(test, kinet_pace_next(&pace), NOW);
}

static void time_may_have_just_begun(struct kunit *test)
{
	struct kinet_pace pace = { .rate = 1000000 };

	kinet_pace_sent(&pace, 0, 2000);
	KUNIT_EXPECT_EQ(test, kinet_pace_next(&pace), 2 * MS);
}

/* Whenever it wakes up, it is never ahead of the rate, nor far behind. */
static void rate_is_kept_by_late_timers(struct kunit *test)
{
	struct kinet_pace pace = { .rate = 1000000 };
	struct rnd_state random;
	u64 now = NOW, sent = 0;

	tcp_seed_random(test, &random);
	while (now < NOW + 10 * NSEC_PER_SEC) {
		/* A byte is a microsecond. */
		KUNIT_ASSERT_LE(test, sent * 1000, now - NOW + KINET_PACE_LATE);
		KUNIT_ASSERT_GE(test, sent * 1000 + KINET_PACE_LATE, now - NOW);
		kinet_pace_sent(&pace, now, 2000);
		sent += 2000;
		now = max(now, kinet_pace_next(&pace)) +
		      tcp_random(&random, KINET_PACE_LATE);
	}
}

static struct kunit_case pace_cases[] = {
	KUNIT_CASE_PARAM(window_is_spread_over_the_round_trip, rate_gen_params),
	KUNIT_CASE_PARAM(bursts_are_of_a_millisecond, burst_gen_params),
	KUNIT_CASE(ample_is_what_allows_the_largest_burst),
	KUNIT_CASE_PARAM(the_next_waits, next_gen_params),
	KUNIT_CASE(bursts_are_as_long_apart_as_they_take),
	KUNIT_CASE(late_timers_are_caught_up_with),
	KUNIT_CASE(pauses_are_not),
	KUNIT_CASE(who_is_early_waits_for_longer),
	KUNIT_CASE(another_rate_counts_at_once),
	KUNIT_CASE(time_may_have_just_begun),
	KUNIT_CASE(rate_is_kept_by_late_timers),
	{}
};

static struct kunit_suite pace_suite = {
	.name = "kinet_tcp_pace",
	.test_cases = pace_cases,
};

kunit_test_suite(pace_suite);
