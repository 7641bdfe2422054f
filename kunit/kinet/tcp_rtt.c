// SPDX-License-Identifier: GPL-2.0-only
/*
 * Round-trip time and time-out: RFC 6298, worked out by hand
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/rtt.h"
#include "tcp_random.h"

#define MS	1000
#define MSS	1000

static const struct kinet_rtt_limits limits = {
	.min = 200 * MS, .max = 120000 * MS, .granularity = 4 * MS,
};

struct samples_param {
	const char	*name;
	u32		sample[4];	/* us, up to 0 */
	u32		flight;
	u32		srtt, rttvar, rto;
};

static const struct samples_param samples_params[] = {
	/* (2.1) */
	{ "none", {}, MSS, 0, 0, 1000000 },
	/* (2.2): SRTT <- R, RTTVAR <- R/2, RTO <- R + 4 * R/2 */
	{ "first", { 100000 }, MSS, 100000, 50000, 300000 },
	/* 3/4 * 50 + 1/4 * |100 - 200|; 7/8 * 100 + 1/8 * 200 */
	{ "longer", { 100000, 200000 }, MSS, 112500, 62500, 362500 },
	/* 3/4 * 50 + 1/4 * |100 - 20|; 7/8 * 100 + 1/8 * 20 */
	{ "shorter", { 100000, 20000 }, MSS, 90000, 57500, 320000 },
	/* 3/4 * 50; 3/4 * 37.5 */
	{ "the same", { 100000, 100000, 100000 }, MSS, 100000, 28125, 300000 },
	{ "the least more than a round trip", { 10000 }, MSS, 10000, 5000, 210000 },
	/* (2.5) */
	{ "not above the most", { 100000000 }, MSS, 100000000, 50000000, 120000000 },
	/* RFC 7323, appendix G: 20 segments in flight are 10 samples */
	{ "many in a round trip", { 100000, 200000 }, 20 * MSS,
	  101250, 51250, 306250 },
	{ "two in flight are one sample", { 100000, 200000 }, 2 * MSS,
	  112500, 62500, 362500 },
	{ "three are two", { 100000, 200000 }, 3 * MSS, 106250, 56250, 331250 },
};

KUNIT_ARRAY_PARAM_DESC(samples, samples_params, name);

static void samples_make_a_time_out(struct kunit *test)
{
	const struct samples_param *param = test->param_value;
	struct kinet_rtt rtt;
	int i;

	kinet_rtt_init(&rtt, &limits);
	for (i = 0; i < ARRAY_SIZE(param->sample) && param->sample[i]; i++)
		kinet_rtt_sample(&rtt, &limits, param->sample[i],
				 param->flight, MSS);
	KUNIT_EXPECT_EQ(test, kinet_rtt_smoothed(&rtt), param->srtt);
	KUNIT_EXPECT_EQ(test, kinet_rtt_variation(&rtt), param->rttvar);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), param->rto);
}

static void a_steady_path_still_has_the_granularity(struct kunit *test)
{
	struct kinet_rtt_limits coarse = limits;
	struct kinet_rtt rtt;
	int i;

	coarse.granularity = 300 * MS;
	kinet_rtt_init(&rtt, &coarse);
	for (i = 0; i < 200; i++)
		kinet_rtt_sample(&rtt, &coarse, 500 * MS, MSS, MSS);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &coarse), 800 * MS);
}

static void the_time_out_doubles(struct kunit *test)
{
	static const u32 seconds[] = { 1, 2, 4, 8, 16, 32, 64, 120, 120 };
	struct kinet_rtt rtt;
	int i;

	kinet_rtt_init(&rtt, &limits);
	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits),
				seconds[i] * 1000 * MS);
		kinet_rtt_expired(&rtt, false);
	}
	for (i = 0; i < 300; i++)
		kinet_rtt_expired(&rtt, false);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), limits.max);
	kinet_rtt_sample(&rtt, &limits, 100 * MS, MSS, MSS);
	KUNIT_EXPECT_EQ_MSG(test, kinet_rtt_rto(&rtt, &limits), 300 * MS,
			    "a sample ends it");
	kinet_rtt_expired(&rtt, false);
	kinet_rtt_expired(&rtt, false);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), 1200 * MS);
	kinet_rtt_undo_backoff(&rtt);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), 300 * MS);
}

/* (5.7) */
static void a_lost_syn_makes_it_three_seconds(struct kunit *test)
{
	struct kinet_rtt rtt;

	kinet_rtt_init(&rtt, &limits);
	kinet_rtt_expired(&rtt, true);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), 2000 * MS);
	kinet_rtt_established(&rtt, &limits);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), 3000 * MS);
	kinet_rtt_sample(&rtt, &limits, 100 * MS, MSS, MSS);
	KUNIT_EXPECT_EQ(test, kinet_rtt_rto(&rtt, &limits), 300 * MS);

	kinet_rtt_init(&rtt, &limits);
	kinet_rtt_sample(&rtt, &limits, 100 * MS, MSS, MSS);
	kinet_rtt_established(&rtt, &limits);
	KUNIT_EXPECT_EQ_MSG(test, kinet_rtt_rto(&rtt, &limits), 300 * MS,
			    "no SYN was lost");
}

/* Section 3 */
static void karn_takes_no_ambiguous_sample(struct kunit *test)
{
	u32 us = 77;

	KUNIT_EXPECT_TRUE(test, kinet_rtt_measure(5000, 2000, false, &us));
	KUNIT_EXPECT_EQ(test, us, 3000);
	KUNIT_EXPECT_FALSE(test, kinet_rtt_measure(5000, 2000, true, &us));
	KUNIT_EXPECT_FALSE(test, kinet_rtt_measure(2000, 5000, false, &us));
	KUNIT_EXPECT_TRUE(test, kinet_rtt_measure(5000, 5000, false, &us));
	KUNIT_EXPECT_EQ(test, us, 0);
}

static void an_echo_tells_the_round_trip(struct kunit *test)
{
	u32 us = 77;

	KUNIT_EXPECT_TRUE(test, kinet_rtt_from_stamp(1234, 1200, &us));
	KUNIT_EXPECT_EQ(test, us, 34 * MS);
	KUNIT_EXPECT_TRUE(test, kinet_rtt_from_stamp(5, 0xfffffffb, &us));
	KUNIT_EXPECT_EQ_MSG(test, us, 10 * MS, "the clock goes round zero");
	KUNIT_EXPECT_FALSE_MSG(test, kinet_rtt_from_stamp(1234, 0, &us), "no echo");
	KUNIT_EXPECT_FALSE_MSG(test, kinet_rtt_from_stamp(1234, 1235, &us),
			       "of the future");
	KUNIT_EXPECT_FALSE_MSG(test, kinet_rtt_from_stamp(10000000, 1, &us),
			       "too long ago");
}

static void any_samples_stay_in_the_limits(struct kunit *test)
{
	struct rnd_state random;
	struct kinet_rtt rtt;
	u32 most = 0;
	int i;

	tcp_seed_random(test, &random);
	kinet_rtt_init(&rtt, &limits);
	for (i = 0; i < 20000; i++) {
		u32 us = prandom_u32_state(&random) >> tcp_random(&random, 32);
		u32 rto;

		most = max(most, us);
		kinet_rtt_sample(&rtt, &limits, us, prandom_u32_state(&random),
				 1 + tcp_random(&random, 65535));
		rto = kinet_rtt_rto(&rtt, &limits);
		KUNIT_ASSERT_GE(test, rto, limits.min);
		KUNIT_ASSERT_LE(test, rto, limits.max);
		KUNIT_ASSERT_LE(test, kinet_rtt_smoothed(&rtt), most);
		KUNIT_ASSERT_GE(test, rto, min(kinet_rtt_smoothed(&rtt), limits.max));
	}
	for (i = 0; i < 500; i++)
		kinet_rtt_sample(&rtt, &limits, 30 * MS, MSS, MSS);
	KUNIT_EXPECT_EQ_MSG(test, kinet_rtt_smoothed(&rtt), 30 * MS, "it settles");
}

static struct kunit_case rtt_cases[] = {
	KUNIT_CASE_PARAM(samples_make_a_time_out, samples_gen_params),
	KUNIT_CASE(a_steady_path_still_has_the_granularity),
	KUNIT_CASE(the_time_out_doubles),
	KUNIT_CASE(a_lost_syn_makes_it_three_seconds),
	KUNIT_CASE(karn_takes_no_ambiguous_sample),
	KUNIT_CASE(an_echo_tells_the_round_trip),
	KUNIT_CASE(any_samples_stay_in_the_limits),
	{}
};

static struct kunit_suite rtt_suite = {
	.name = "kinet_tcp_rtt",
	.test_cases = rtt_cases,
};

kunit_test_suite(rtt_suite);
