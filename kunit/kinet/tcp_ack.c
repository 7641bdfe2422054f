// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delayed acknowledgments: RFC 9293, section 3.8.6.3; RFC 5681, section 4.2
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/ack.h"
#include "tcp_random.h"

#define MS	1000ULL
#define BEGIN	(5000 * MS)
#define FULL	1000
#define SEG(n)	{ .len = (n) }	/* its size tells nothing new */

static const struct kinet_arrival full = SEG(1000);
static const struct kinet_arrival small = SEG(10);

/* A connection whose start is over */
static struct kinet_ack settled(void)
{
	struct kinet_ack ack;

	kinet_ack_init(&ack);
	ack.quick = 0;
	ack.full = FULL;
	return ack;
}

static void the_start_is_acknowledged_quickly(struct kunit *test)
{
	struct kinet_ack ack;
	u64 now = BEGIN;
	int i;

	kinet_ack_init(&ack);
	for (i = 0; i < KINET_QUICK_ACKS; i++, now += MS) {
		KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, now, &small),
				KINET_ACK_AT_ONCE);
		kinet_ack_sent(&ack, now, false);
	}
	KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, now, &small),
			KINET_ACK_DELAYED);
	kinet_ack_quickly(&ack, 1);
	KUNIT_EXPECT_EQ_MSG(test, kinet_ack_arrived(&ack, now, &small),
			    KINET_ACK_AT_ONCE, "asked for");
}

/* SHLD-19 */
static void every_second_full_segment_is_acknowledged(struct kunit *test)
{
	struct kinet_ack ack = settled();
	u64 now = BEGIN;
	int i;

	for (i = 0; i < 10; i++, now += MS) {
		KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, now, &full),
				KINET_ACK_DELAYED);
		KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, now, &full),
				KINET_ACK_AT_ONCE);
		kinet_ack_sent(&ack, now, false);
	}
}

static void small_segments_count_by_their_bytes(struct kunit *test)
{
	struct kinet_ack ack = settled();
	int i;

	for (i = 0; i < 199; i++)
		KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, BEGIN, &small),
				KINET_ACK_DELAYED);
	KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, BEGIN, &small),
			KINET_ACK_AT_ONCE);
}

struct size_param {
	const char	*name;
	struct {
		u32	size;
		bool	push;
	} segments[3];
	u32		full;
};

static const struct size_param size_params[] = {
	{ "the default", { }, 536 },
	{ "larger", { { 1448 } }, 1448 },
	{ "one that is smaller", { { 1448 }, { 500 } }, 1448 },
	{ "two that are smaller", { { 1448 }, { 500 }, { 500 } }, 500 },
	{ "two that are not alike", { { 1448 }, { 500 }, { 501 } }, 1448 },
	{ "messages", { { 1448 }, { 500 }, { 500, true } }, 1448 },
	{ "letters", { { 1448 }, { 87 }, { 87 } }, 1448 },
};

KUNIT_ARRAY_PARAM_DESC(size, size_params, name);

/* SHLD-19: the peer's path may take less than what it was offered. */
static void full_ones_are_as_large_as_the_peer_makes_them(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	struct kinet_ack ack;
	int i;

	kinet_ack_init(&ack);
	for (i = 0; i < ARRAY_SIZE(param->segments); i++) {
		struct kinet_arrival arrival = {
			.len	= param->segments[i].size,
			.size	= param->segments[i].size,
			.push	= param->segments[i].push,
		};

		kinet_ack_arrived(&ack, BEGIN, &arrival);
	}
	KUNIT_EXPECT_EQ(test, ack.full, param->full);
}

struct urgent_param {
	const char		*name;
	struct kinet_arrival	arrival;
	enum kinet_acking	acking;
};

static const struct urgent_param urgent_params[] = {
	{ "in order", SEG(10), KINET_ACK_DELAYED },
	{ "pushed", { .len = 10, .size = 10, .push = true }, KINET_ACK_DELAYED },
	{ "out of order", { .len = 10, .size = 10, .out_of_order = true },
	  KINET_ACK_AT_ONCE },
	{ "old, nothing new", { .len = 0, .size = 10, .out_of_order = true },
	  KINET_ACK_AT_ONCE },
	{ "fills a gap", { .len = 10, .size = 10, .gap_filled = true },
	  KINET_ACK_AT_ONCE },
	{ "FIN", { .len = 0, .fin = true }, KINET_ACK_AT_ONCE },
	{ "FIN and data", { .len = 10, .size = 10, .fin = true },
	  KINET_ACK_AT_ONCE },
	{ "two in one, by GRO", SEG(2000), KINET_ACK_AT_ONCE },
	{ "nearly two", SEG(1999), KINET_ACK_DELAYED },
	{ "an acknowledgment", SEG(0), KINET_ACK_NOTHING },
};

KUNIT_ARRAY_PARAM_DESC(urgent, urgent_params, name);

static void some_cannot_wait(struct kunit *test)
{
	const struct urgent_param *param = test->param_value;
	struct kinet_ack ack = settled();

	KUNIT_EXPECT_EQ(test, kinet_ack_arrived(&ack, BEGIN, &param->arrival),
			param->acking);
	KUNIT_EXPECT_EQ(test, !!ack.due, param->acking == KINET_ACK_DELAYED);
}

struct delay_param {
	const char	*name;
	u64		gap;	/* us between segments */
	bool		push, dialogue;
	u64		delay;
};

static const struct delay_param delay_params[] = {
	{ "close together", 1 * MS, false, false, 40 * MS },
	{ "twice the gap", 60 * MS, false, false, 120 * MS },
	{ "not longer than the most", 150 * MS, false, false, 160 * MS },
	{ "too far apart to wait for the next", 300 * MS, false, false, 40 * MS },
	{ "pushed: the next won't come", 60 * MS, true, false, 40 * MS },
	{ "our answer takes it along", 1 * MS, true, true, 160 * MS },
};

KUNIT_ARRAY_PARAM_DESC(delay, delay_params, name);

static void it_waits_as_long_as_is_useful(struct kunit *test)
{
	const struct delay_param *param = test->param_value;
	struct kinet_arrival arrival = SEG(10);
	struct kinet_ack ack = settled();
	u64 now = BEGIN;
	int i;

	arrival.push = param->push;
	for (i = 0; i < 100; i++, now += param->gap) {
		ack.dialogue = param->dialogue;
		kinet_ack_arrived(&ack, now, &arrival);
		if (i < 99)
			kinet_ack_sent(&ack, now, false);
	}
	/* The gap is smoothed in whole microseconds. */
	KUNIT_EXPECT_GE(test, ack.due, now - param->gap + param->delay - 20);
	KUNIT_EXPECT_LE(test, ack.due, now - param->gap + param->delay);
}

static void an_answer_makes_a_dialogue(struct kunit *test)
{
	struct kinet_ack ack;
	u64 now = BEGIN;

	kinet_ack_init(&ack);
	kinet_ack_arrived(&ack, now, &small);
	kinet_ack_sent(&ack, now + MS, true);
	KUNIT_EXPECT_TRUE(test, ack.dialogue);
	KUNIT_EXPECT_EQ_MSG(test, kinet_ack_arrived(&ack, now + 2 * MS, &small),
			    KINET_ACK_DELAYED, "even at the start");
	KUNIT_EXPECT_EQ(test, ack.due, now + 162 * MS);
	KUNIT_EXPECT_FALSE(test, kinet_ack_expired(&ack, now + 161 * MS));
	KUNIT_EXPECT_TRUE(test, ack.dialogue);
	KUNIT_EXPECT_TRUE(test, kinet_ack_expired(&ack, now + 162 * MS));
	KUNIT_EXPECT_FALSE_MSG(test, ack.dialogue, "nobody answered");
	kinet_ack_sent(&ack, now + 162 * MS, false);
	KUNIT_EXPECT_FALSE_MSG(test, kinet_ack_expired(&ack, now + 900 * MS),
			       "it was sent");
}

static void late_data_are_no_answer(struct kunit *test)
{
	struct kinet_ack ack = settled();

	kinet_ack_arrived(&ack, BEGIN, &small);
	kinet_ack_sent(&ack, BEGIN + 41 * MS, true);
	KUNIT_EXPECT_FALSE(test, ack.dialogue);
	kinet_ack_sent(&ack, BEGIN + 41 * MS, true);
	KUNIT_EXPECT_FALSE_MSG(test, ack.dialogue, "nothing to answer");
}

/*
 * MUST-40: less than 0.5 s; SHLD-19: no more than two full segments wait. An
 * acknowledgment that is due is asked for by each arrival until it is sent.
 */
static void nothing_waits_too_long(struct kunit *test)
{
	struct rnd_state random;
	struct kinet_ack ack;
	u64 now = BEGIN, since = 0;
	u32 bytes = 0;
	int i;

	tcp_seed_random(test, &random);
	kinet_ack_init(&ack);
	for (i = 0; i < 50000; i++) {
		struct kinet_arrival arrival = {
			.len = tcp_random(&random, FULL + 1),
			.push = tcp_percent(&random, 30),
			.out_of_order = tcp_percent(&random, 2),
		};
		enum kinet_acking acking;

		arrival.size = arrival.len;
		if (ack.due && kinet_ack_expired(&ack, now)) {
			kinet_ack_sent(&ack, now, false);
			bytes = 0;
			since = 0;
		}
		acking = kinet_ack_arrived(&ack, now, &arrival);
		bytes += arrival.len;
		if (arrival.len && !since)
			since = now;
		if (acking == KINET_ACK_AT_ONCE || tcp_percent(&random, 5)) {
			kinet_ack_sent(&ack, now, tcp_percent(&random, 50));
			bytes = 0;
			since = 0;
		}
		KUNIT_ASSERT_LT(test, bytes, 2 * FULL);
		KUNIT_ASSERT_EQ(test, !!since, !!ack.due);
		if (since)
			KUNIT_ASSERT_LE(test, ack.due, since + KINET_DELACK_MAX);
		now += tcp_random(&random, tcp_percent(&random, 80) ? 5000 : 400000);
	}
}

static struct kunit_case ack_cases[] = {
	KUNIT_CASE(the_start_is_acknowledged_quickly),
	KUNIT_CASE(every_second_full_segment_is_acknowledged),
	KUNIT_CASE(small_segments_count_by_their_bytes),
	KUNIT_CASE_PARAM(full_ones_are_as_large_as_the_peer_makes_them,
			 size_gen_params),
	KUNIT_CASE_PARAM(some_cannot_wait, urgent_gen_params),
	KUNIT_CASE_PARAM(it_waits_as_long_as_is_useful, delay_gen_params),
	KUNIT_CASE(an_answer_makes_a_dialogue),
	KUNIT_CASE(late_data_are_no_answer),
	KUNIT_CASE(nothing_waits_too_long),
	{}
};

static struct kunit_suite ack_suite = {
	.name = "kinet_tcp_ack",
	.test_cases = ack_cases,
};

kunit_test_suite(ack_suite);
