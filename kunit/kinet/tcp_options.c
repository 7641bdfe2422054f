// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options, read and written: RFC 9293, section 3.1; RFC 2018, 5482 and 7323
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/options.h"
#include "tcp_random.h"

#define TS	8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
#define VAL	.tsval = 0x11223344, .tsecr = 0x55667788

struct parse_param {
	const char		*name;
	u8			bytes[KINET_OPTIONS_MAX];
	unsigned int		len;
	bool			syn;
	struct kinet_options	options;
};

static const struct parse_param parse_params[] = {
	{ "none", {}, 0, false, {} },
	{ "the usual", { 1, 1, TS }, 12, false, { .has = KINET_HAS_TS, VAL } },
	{ "the usual, padded behind", { TS, 1, 1 }, 12, false,
	  { .has = KINET_HAS_TS, VAL } },
	{ "the usual, in the middle", { 1, TS, 1 }, 12, false,
	  { .has = KINET_HAS_TS, VAL } },
	{ "a SYN of Linux",
	  { 2, 4, 5, 0xb4, 4, 2, TS, 1, 3, 3, 7 }, 20, true,
	  { .has = KINET_HAS_MSS | KINET_HAS_SACK_OK | KINET_HAS_TS |
		   KINET_HAS_SCALE, .mss = 1460, .scale = 7, VAL } },
	{ "MSS", { 2, 4, 0xff, 0xff }, 4, true,
	  { .has = KINET_HAS_MSS, .mss = 65535 } },
	{ "only a SYN has these", { 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 1, 1 }, 12,
	  false, {} },
	{ "scale 14", { 3, 3, 14, 0 }, 4, true,
	  { .has = KINET_HAS_SCALE, .scale = 14 } },
	{ "scale 15 is clamped", { 3, 3, 15, 0 }, 4, true,
	  { .has = KINET_HAS_SCALE, .scale = 14, .scale_clamped = true } },
	{ "scale 255 is clamped", { 3, 3, 255, 0 }, 4, true,
	  { .has = KINET_HAS_SCALE, .scale = 14, .scale_clamped = true } },
	{ "scale, twice: the later", { 3, 3, 15, 3, 3, 2, 0, 0 }, 8, true,
	  { .has = KINET_HAS_SCALE, .scale = 2 } },
	{ "SACK, one block", { 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, false,
	  { .sacks = 1, .sack = { { 1, 2 } } } },
	{ "SACK, three and time stamps",
	  { 1, 1, TS, 1, 1, 5, 26, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0, 4,
	    0, 0, 0, 1, 0, 0, 0, 2 }, 40, false,
	  { .has = KINET_HAS_TS, VAL, .sacks = 3,
	    .sack = { { 5, 6 }, { 3, 4 }, { 1, 2 } } } },
	{ "SACK, four",
	  { 1, 1, 5, 34, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 6,
	    0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2 }, 36, false,
	  { .sacks = 4, .sack = { { 7, 8 }, { 5, 6 }, { 3, 4 }, { 1, 2 } } } },
	{ "SACK, no block", { 5, 2, 1, 1 }, 4, false, {} },
	{ "SACK, half a block", { 5, 6, 0, 0, 0, 1, 0, 0 }, 8, false, {} },
	{ "SACK in a SYN", { 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, true, {} },
	{ "time-out in seconds", { 28, 4, 0x7f, 0xff }, 4, false,
	  { .has = KINET_HAS_UTO, .uto = 32767 } },
	{ "time-out in minutes", { 28, 4, 0x80, 0x05 }, 4, false,
	  { .has = KINET_HAS_UTO, .uto = 300 } },
	{ "time-out in most minutes", { 28, 4, 0xff, 0xff }, 4, true,
	  { .has = KINET_HAS_UTO, .uto = 32767 * 60 } },
	{ "time-out 0 is reserved", { 28, 4, 0, 0 }, 4, false, {} },
	{ "time-out 0 in minutes", { 28, 4, 0x80, 0 }, 4, false, {} },
	{ "unknown is skipped", { 254, 6, 1, 2, 3, 4, TS, 0, 0 }, 18, false,
	  { .has = KINET_HAS_TS, VAL } },
	{ "unknown without data", { 200, 2, TS }, 12, false,
	  { .has = KINET_HAS_TS, VAL } },
	{ "end of list", { 0, 2, 4, 5, 0xb4, 0, 0, 0 }, 8, true, {} },
	{ "only padding", { 1, 1, 1, 1 }, 4, false, {} },
	{ "known, of a wrong length", { 2, 3, 5, 4, 2, 0 }, 6, true,
	  { .has = KINET_HAS_SACK_OK } },
	{ "MSS too long", { 2, 6, 5, 0xb4, 0, 0, 4, 2 }, 8, true,
	  { .has = KINET_HAS_SACK_OK } },
	{ "scale too long", { 3, 4, 7, 7 }, 4, true, {} },
	{ "SACK-permitted too long", { 4, 3, 0, 1 }, 4, true, {} },
	{ "time stamps too short", { 8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1 }, 12,
	  false, {} },
	{ "time-out too long", { 28, 5, 1, 1, 1, 1, 1, 1 }, 8, false, {} },
	/* MUST-7 */
	{ "length 0", { 2, 0, 5, 0xb4, 4, 2, 1, 1 }, 8, true,
	  { .malformed = true } },
	{ "length 1", { 2, 1, 4, 2 }, 4, true, { .malformed = true } },
	{ "no length", { 1, 1, 1, 8 }, 4, false, { .malformed = true } },
	{ "longer than what is there", { TS, 3, 3 }, 12, true,
	  { .has = KINET_HAS_TS, VAL, .malformed = true } },
	{ "much longer", { 4, 2, 99, 255 }, 4, true,
	  { .has = KINET_HAS_SACK_OK, .malformed = true } },
};

KUNIT_ARRAY_PARAM_DESC(parse, parse_params, name);

static void expect_same(struct kunit *test, const struct kinet_options *options,
			const struct kinet_options *wanted)
{
	int i;

	KUNIT_EXPECT_EQ(test, options->has, wanted->has);
	KUNIT_EXPECT_EQ(test, options->malformed, wanted->malformed);
	KUNIT_EXPECT_EQ(test, options->scale_clamped, wanted->scale_clamped);
	if (wanted->has & KINET_HAS_MSS)
		KUNIT_EXPECT_EQ(test, options->mss, wanted->mss);
	if (wanted->has & KINET_HAS_SCALE)
		KUNIT_EXPECT_EQ(test, options->scale, wanted->scale);
	if (wanted->has & KINET_HAS_TS) {
		KUNIT_EXPECT_EQ(test, options->tsval, wanted->tsval);
		KUNIT_EXPECT_EQ(test, options->tsecr, wanted->tsecr);
	}
	if (wanted->has & KINET_HAS_UTO)
		KUNIT_EXPECT_EQ(test, options->uto, wanted->uto);
	KUNIT_ASSERT_EQ(test, options->sacks, wanted->sacks);
	for (i = 0; i < wanted->sacks; i++) {
		KUNIT_EXPECT_EQ(test, options->sack[i].start, wanted->sack[i].start);
		KUNIT_EXPECT_EQ(test, options->sack[i].end, wanted->sack[i].end);
	}
}

/* From memory that ends where the options end, for KASAN */
static void parse(struct kunit *test, const u8 *bytes, unsigned int len, bool syn,
		  struct kinet_options *options)
{
	u8 *copy = kmemdup(bytes, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memset(options, 0xa5, sizeof(*options));
	kinet_options_parse(copy, len, syn, options);
	kfree(copy);
}

static void options_are_read(struct kunit *test)
{
	const struct parse_param *param = test->param_value;
	struct kinet_options options;

	parse(test, param->bytes, param->len, param->syn, &options);
	expect_same(test, &options, &param->options);
}

struct build_param {
	const char		*name;
	struct kinet_options	options;
	unsigned int		len;
	u8			bytes[KINET_OPTIONS_MAX];
};

static const struct build_param build_params[] = {
	{ "none", {}, 0, {} },
	{ "the usual", { .has = KINET_HAS_TS, VAL }, 12, { 1, 1, TS } },
	{ "a whole SYN", { .has = KINET_SYN_ONLY | KINET_HAS_TS, .mss = 1460,
			   .scale = 7, VAL }, 20,
	  { 2, 4, 5, 0xb4, 4, 2, TS, 1, 3, 3, 7 } },
	{ "a SYN without time stamps",
	  { .has = KINET_SYN_ONLY, .mss = 536, .scale = 0 }, 12,
	  { 2, 4, 2, 0x18, 1, 1, 4, 2, 1, 3, 3, 0 } },
	{ "a SYN of old", { .has = KINET_HAS_MSS, .mss = 536 }, 4,
	  { 2, 4, 2, 0x18 } },
	{ "one block", { .sacks = 1, .sack = { { 1, 2 } } }, 12,
	  { 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 } },
	{ "four blocks",
	  { .sacks = 4, .sack = { { 7, 8 }, { 5, 6 }, { 3, 4 }, { 1, 2 } } }, 36,
	  { 1, 1, 5, 34, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 6,
	    0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2 } },
	{ "three, with time stamps: the first ones",
	  { .has = KINET_HAS_TS, VAL, .sacks = 4,
	    .sack = { { 7, 8 }, { 5, 6 }, { 3, 4 }, { 1, 2 } } }, 40,
	  { 1, 1, TS, 1, 1, 5, 26, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 6,
	    0, 0, 0, 3, 0, 0, 0, 4 } },
	{ "two, with a time-out, too",
	  { .has = KINET_HAS_TS | KINET_HAS_UTO, VAL, .uto = 300, .sacks = 3,
	    .sack = { { 5, 6 }, { 3, 4 }, { 1, 2 } } }, 36,
	  { 1, 1, TS, 28, 4, 0x01, 0x2c, 1, 1, 5, 18, 0, 0, 0, 5, 0, 0, 0, 6,
	    0, 0, 0, 3, 0, 0, 0, 4 } },
	{ "time-out, most seconds", { .has = KINET_HAS_UTO, .uto = 32767 }, 4,
	  { 28, 4, 0x7f, 0xff } },
	{ "time-out, minutes, rounded up",
	  { .has = KINET_HAS_UTO, .uto = 32768 }, 4, { 28, 4, 0x82, 0x23 } },
	{ "time-out, whole minutes",
	  { .has = KINET_HAS_UTO, .uto = 547 * 60 }, 4, { 28, 4, 0x82, 0x23 } },
	{ "time-out, too long", { .has = KINET_HAS_UTO, .uto = U32_MAX }, 4,
	  { 28, 4, 0xff, 0xff } },
};

KUNIT_ARRAY_PARAM_DESC(build, build_params, name);

static void options_are_written(struct kunit *test)
{
	const struct build_param *param = test->param_value;
	u8 bytes[KINET_OPTIONS_MAX + 4];
	unsigned int i;

	memset(bytes, 0xa5, sizeof(bytes));
	KUNIT_ASSERT_EQ(test, kinet_options_len(&param->options), param->len);
	KUNIT_ASSERT_EQ(test, kinet_options_build(bytes, &param->options),
			param->len);
	KUNIT_EXPECT_MEMEQ(test, bytes, param->bytes, param->len);
	for (i = param->len; i < sizeof(bytes); i++)
		KUNIT_EXPECT_EQ(test, bytes[i], 0xa5);
}

static void random_options(struct rnd_state *random, bool syn,
			   struct kinet_options *options)
{
	int i;

	*options = (struct kinet_options){
		.has = tcp_random(random, 32),
		.sacks = syn ? 0 : tcp_random(random, 5),
		.mss = tcp_random(random, 65536),
		.scale = tcp_random(random, 15),
		.tsval = prandom_u32_state(random),
		.tsecr = prandom_u32_state(random),
		.uto = 1 + tcp_random(random, 32767),
	};
	if (!syn)
		options->has &= ~KINET_SYN_ONLY;
	for (i = 0; i < options->sacks; i++) {
		options->sack[i].start = prandom_u32_state(random);
		options->sack[i].end = prandom_u32_state(random);
	}
}

static void what_is_written_can_be_read(struct kunit *test)
{
	struct kinet_options options, back;
	u8 bytes[KINET_OPTIONS_MAX];
	struct rnd_state random;
	int i;

	tcp_seed_random(test, &random);
	for (i = 0; i < 5000; i++) {
		bool syn = i & 1;
		unsigned int len;

		random_options(&random, syn, &options);
		len = kinet_options_len(&options);
		KUNIT_ASSERT_LE(test, len, KINET_OPTIONS_MAX);
		KUNIT_ASSERT_EQ(test, len % 4, 0);
		KUNIT_ASSERT_EQ(test, kinet_options_build(bytes, &options), len);
		parse(test, bytes, len, syn, &back);
		options.sacks = kinet_options_sacks(&options);
		expect_same(test, &back, &options);
	}
}

/* Bytes that look like options often enough */
static u8 garbage(struct rnd_state *random)
{
	static const u8 likely[] = { 0, 1, 2, 2, 3, 3, 4, 4, 5, 8, 10, 28, 18 };

	if (tcp_percent(random, 70))
		return likely[tcp_random(random, ARRAY_SIZE(likely))];
	return prandom_u32_state(random);
}

static void garbage_does_no_harm(struct kunit *test)
{
	struct kinet_options options;
	u8 bytes[KINET_OPTIONS_MAX];
	struct rnd_state random;
	int i, j;

	tcp_seed_random(test, &random);
	for (i = 0; i < 20000; i++) {
		unsigned int len = tcp_random(&random, KINET_OPTIONS_MAX + 1);
		bool syn = i & 1;

		for (j = 0; j < len; j++)
			bytes[j] = garbage(&random);
		parse(test, bytes, len, syn, &options);
		KUNIT_ASSERT_LE(test, options.sacks, syn ? 0 : KINET_SACK_BLOCKS);
		if (options.has & KINET_HAS_SCALE)
			KUNIT_ASSERT_LE(test, options.scale, KINET_SCALE_MAX);
		if (options.has & KINET_HAS_UTO)
			KUNIT_ASSERT_GT(test, options.uto, 0);
		if (!syn)
			KUNIT_ASSERT_EQ(test, options.has & KINET_SYN_ONLY, 0);
	}
}

static struct kunit_case options_cases[] = {
	KUNIT_CASE_PARAM(options_are_read, parse_gen_params),
	KUNIT_CASE_PARAM(options_are_written, build_gen_params),
	KUNIT_CASE(what_is_written_can_be_read),
	KUNIT_CASE(garbage_does_no_harm),
	{}
};

static struct kunit_suite options_suite = {
	.name = "kinet_tcp_options",
	.test_cases = options_cases,
};

kunit_test_suite(options_suite);
