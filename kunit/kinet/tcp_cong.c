// SPDX-License-Identifier: GPL-2.0-only
/*
 * Congestion control: RFC 5681, 6582, 6928, 3465 and 2861
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/cong.h"

#define MSS	1000
#define MS	1000ULL

struct initial_param {
	const char	*name;
	u32		mss;
	bool		lost;
	u32		window;
};

static const struct initial_param initial_params[] = {
	{ "Ethernet", 1460, false, 14600 },
	{ "with time stamps", 1448, false, 14480 },
	{ "small", 536, false, 5360 },
	{ "jumbo", 8960, false, 17920 },
	{ "7300: two are as much as the limit", 7300, false, 14600 },
	{ "largest", 65495, false, 130990 },
	{ "after a lost SYN", 1460, true, 1460 },
};

KUNIT_ARRAY_PARAM_DESC(initial, initial_params, name);

static void the_first_window_is_rfc_6928s(struct kunit *test)
{
	const struct initial_param *param = test->param_value;
	struct kinet_cong cong;

	KUNIT_EXPECT_EQ(test, kinet_initial_window(param->mss, param->lost),
			param->window);
	kinet_cong_init(&cong, &kinet_reno, param->mss, param->lost);
	KUNIT_EXPECT_EQ(test, cong.cwnd, param->window);
	KUNIT_EXPECT_TRUE(test, kinet_slow_start(&cong));
}

static struct kinet_cong some(u32 cwnd, u32 ssthresh)
{
	struct kinet_cong cong;

	kinet_cong_init(&cong, &kinet_reno, MSS, false);
	cong.cwnd = cwnd;
	cong.ssthresh = ssthresh;
	return cong;
}

static void acked(struct kinet_cong *cong, u32 bytes)
{
	struct kinet_cong_ack ack = {
		.acked = bytes, .flight = cong->cwnd, .limited = true,
	};

	kinet_cong_acked(cong, &ack);
}

struct grow_param {
	const char	*name;
	u32		cwnd, ssthresh;
	bool		after_timeout;
	u32		acked;
	u32		then, counted;
};

static const struct grow_param grow_params[] = {
	{ "slow start: by what was acknowledged", 10000, 90000, false, 700,
	  10700, 0 },
	{ "two segments at most", 10000, 90000, false, 5000, 12000, 0 },
	{ "one after a time-out", 1000, 90000, true, 2000, 2000, 0 },
	{ "up to ssthresh", 10000, 11000, false, 1000, 11000, 0 },
	{ "and on by avoidance", 10000, 10500, false, 2000, 10500, 1500 },
	{ "avoidance: counting", 10000, 10000, false, 1000, 10000, 1000 },
	{ "avoidance: a whole window", 10000, 10000, false, 10000, 11000, 0 },
	{ "avoidance: one segment for a window, and more counted", 10000, 10000,
	  false, 12000, 11000, 2000 },
};

KUNIT_ARRAY_PARAM_DESC(grow, grow_params, name);

static void the_window_grows(struct kunit *test)
{
	const struct grow_param *param = test->param_value;
	struct kinet_cong cong = some(param->cwnd, param->ssthresh);

	cong.after_timeout = param->after_timeout;
	acked(&cong, param->acked);
	KUNIT_EXPECT_EQ(test, cong.cwnd, param->then);
	KUNIT_EXPECT_EQ(test, cong.counted, param->counted);
}

/* RFC 5681: slow start doubles it, avoidance adds a segment, in a round trip. */
static void round_trips_double_it_or_add_one(struct kunit *test)
{
	struct kinet_cong cong = some(10 * MSS, 160 * MSS);
	int trip, i, segments;

	for (trip = 0; trip < 4; trip++) {
		segments = cong.cwnd / MSS;
		for (i = 0; i < segments; i += 2)
			acked(&cong, 2 * MSS);
		KUNIT_EXPECT_EQ(test, cong.cwnd, (10 << (trip + 1)) * MSS);
	}
	for (trip = 0; trip < 10; trip++) {
		segments = cong.cwnd / MSS;
		for (i = 0; i < segments; i++)
			acked(&cong, MSS);
		KUNIT_EXPECT_EQ(test, cong.cwnd, (161 + trip) * MSS);
	}
}

static void only_a_full_window_grows(struct kunit *test)
{
	struct kinet_cong cong = some(10 * MSS, 90 * MSS);
	struct kinet_cong_ack ack = { .acked = MSS, .flight = MSS };

	kinet_cong_acked(&cong, &ack);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 10 * MSS);
	KUNIT_EXPECT_TRUE(test, kinet_cong_limited(&cong, 5 * MSS));
	KUNIT_EXPECT_FALSE(test, kinet_cong_limited(&cong, 5 * MSS - 1));
	cong.ssthresh = cong.cwnd;
	KUNIT_EXPECT_TRUE(test, kinet_cong_limited(&cong, 9 * MSS + 1));
	KUNIT_EXPECT_FALSE(test, kinet_cong_limited(&cong, 9 * MSS));
}

static void it_stays_in_its_bounds(struct kunit *test)
{
	struct kinet_cong cong = some(KINET_CWND_MAX, KINET_SSTHRESH_NONE);

	acked(&cong, MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, KINET_CWND_MAX);
	cong = some(10 * MSS, 10 * MSS);
	cong.max = 10 * MSS + 500;
	acked(&cong, 10 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 10 * MSS + 500);
}

/* RFC 5681, (4), and section 3.1 */
static void losses_halve_and_time_outs_begin_anew(struct kunit *test)
{
	struct kinet_cong cong = some(20 * MSS, 90 * MSS);

	kinet_cong_loss(&cong, 16 * MSS);
	KUNIT_EXPECT_EQ(test, cong.ssthresh, 8 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 8 * MSS);
	kinet_cong_recovered(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 8 * MSS);
	KUNIT_EXPECT_FALSE(test, kinet_slow_start(&cong));

	kinet_cong_timeout(&cong, 7 * MSS, false);
	KUNIT_EXPECT_EQ(test, cong.ssthresh, 3500);
	KUNIT_EXPECT_EQ(test, cong.cwnd, MSS);
	kinet_cong_timeout(&cong, MSS, true);
	KUNIT_EXPECT_EQ_MSG(test, cong.ssthresh, 3500, "held");
	acked(&cong, MSS);
	acked(&cong, 2 * MSS);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 3 * MSS, "one at a time");
	acked(&cong, 2 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 3500);
	KUNIT_EXPECT_FALSE(test, cong.after_timeout);

	kinet_cong_loss(&cong, MSS);
	KUNIT_EXPECT_EQ_MSG(test, cong.ssthresh, 2 * MSS, "two segments at least");
}

static void what_was_no_loss_is_undone(struct kunit *test)
{
	struct kinet_cong cong = some(20 * MSS, 90 * MSS);

	kinet_cong_timeout(&cong, 20 * MSS, false);
	kinet_cong_undo(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 20 * MSS);
	KUNIT_EXPECT_EQ(test, cong.ssthresh, 90 * MSS);
	KUNIT_EXPECT_FALSE(test, cong.after_timeout);
}

/* RFC 5681, section 3.2; RFC 6582, section 3.2 */
static void fast_recovery_has_its_numbers(struct kunit *test)
{
	struct kinet_cong cong = some(20 * MSS, 90 * MSS);

	kinet_cong_loss(&cong, 20 * MSS);
	kinet_reno_enter(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 13 * MSS);
	kinet_reno_inflate(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 14 * MSS);
	kinet_reno_deflate(&cong, 5 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 10 * MSS);
	kinet_reno_deflate(&cong, 400);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 9600, "less than a segment");
	kinet_reno_deflate(&cong, 60 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, MSS);
	kinet_reno_exit(&cong, 4 * MSS);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 5 * MSS, "no burst");
	kinet_reno_exit(&cong, 0);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 2 * MSS);
	kinet_reno_exit(&cong, 90 * MSS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 10 * MSS);
}

/* RFC 5681, section 4.1 */
static void idleness_restarts_it(struct kunit *test)
{
	struct kinet_cong cong = some(40 * MSS, 20 * MSS);

	kinet_cong_idle(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 10 * MSS);
	KUNIT_EXPECT_EQ_MSG(test, cong.ssthresh, 30 * MSS, "RFC 2861");
	cong = some(3 * MSS, 20 * MSS);
	kinet_cong_idle(&cong);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 3 * MSS, "never larger");
}

/* RFC 2861, section 3 */
static void what_is_not_used_is_lost(struct kunit *test)
{
	struct kinet_cong cong = some(40 * MSS, 20 * MSS);
	u64 now = 1000 * MS;

	kinet_cong_sent(&cong, now, 40 * MSS, 200 * MS);
	kinet_cong_sent(&cong, now + 199 * MS, 20 * MSS, 200 * MS);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 40 * MSS);
	kinet_cong_sent(&cong, now + 200 * MS, 10 * MSS, 200 * MS);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 40 * MSS, "all of it was used");
	kinet_cong_sent(&cong, now + 300 * MS, 20 * MSS, 200 * MS);
	kinet_cong_sent(&cong, now + 400 * MS, 15 * MSS, 200 * MS);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 30 * MSS, "half the way to 20");
	KUNIT_EXPECT_EQ(test, cong.ssthresh, 30 * MSS);
	kinet_cong_sent(&cong, now + 401 * MS, 30 * MSS, 200 * MS);
	kinet_cong_sent(&cong, now + 601 * MS, 30 * MSS, 200 * MS);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, 30 * MSS, "it is used");
}

/* --- plug-ins --- */

static int events[KINET_CONG_UNDONE + 1];

static void odd_init(struct kinet_cong *cong)
{
	cong->priv[0]++;
}

static void odd_release(struct kinet_cong *cong)
{
	events[KINET_CONG_START] += cong->priv[0];
}

static u32 odd_ssthresh(const struct kinet_cong *cong, u32 flight)
{
	return 1;
}

static void odd_acked(struct kinet_cong *cong, const struct kinet_cong_ack *ack)
{
	cong->cwnd = ack->rtt;
}

static u32 odd_undo(const struct kinet_cong *cong)
{
	return 7 * MSS;
}

static void odd_event(struct kinet_cong *cong, enum kinet_cong_event event)
{
	events[event]++;
}

static const struct kinet_cong_ops odd = {
	.name = "odd", .init = odd_init, .release = odd_release,
	.ssthresh = odd_ssthresh, .acked = odd_acked, .undo = odd_undo,
	.event = odd_event,
};

static void plug_ins_are_called_and_bounded(struct kunit *test)
{
	struct kinet_cong cong = some(20 * MSS, 90 * MSS);
	struct kinet_cong_ack ack = { .acked = 1, .limited = true };

	memset(events, 0, sizeof(events));
	cong.priv[0] = 5;
	kinet_cong_switch(&cong, &odd);
	KUNIT_EXPECT_EQ_MSG(test, cong.priv[0], 1ULL, "zero before init");
	KUNIT_EXPECT_EQ(test, cong.cwnd, 20 * MSS);
	kinet_cong_acked(&cong, &ack);
	KUNIT_EXPECT_EQ_MSG(test, cong.cwnd, MSS, "a segment at least");
	ack.rtt = U32_MAX;
	kinet_cong_acked(&cong, &ack);
	KUNIT_EXPECT_EQ(test, cong.cwnd, KINET_CWND_MAX);
	kinet_cong_loss(&cong, 50 * MSS);
	KUNIT_EXPECT_EQ_MSG(test, cong.ssthresh, 2 * MSS, "two segments at least");
	kinet_cong_timeout(&cong, 50 * MSS, false);
	kinet_cong_recovered(&cong);
	kinet_cong_idle(&cong);
	kinet_cong_undo(&cong);
	KUNIT_EXPECT_EQ(test, cong.cwnd, 7 * MSS);
	kinet_cong_release(&cong);
	KUNIT_EXPECT_EQ_MSG(test, events[KINET_CONG_START], 1, "released");
	KUNIT_EXPECT_EQ(test, events[KINET_CONG_LOSS], 1);
	KUNIT_EXPECT_EQ(test, events[KINET_CONG_TIMEOUT], 1);
	KUNIT_EXPECT_EQ(test, events[KINET_CONG_RECOVERED], 1);
	KUNIT_EXPECT_EQ(test, events[KINET_CONG_IDLE], 1);
	KUNIT_EXPECT_EQ(test, events[KINET_CONG_UNDONE], 1);
}

static void plug_ins_need_what_is_required(struct kunit *test)
{
	struct kinet_cong_ops ops = odd;

	KUNIT_EXPECT_TRUE(test, kinet_cong_valid(&kinet_reno));
	KUNIT_EXPECT_TRUE(test, kinet_cong_valid(&odd));
	ops.ssthresh = NULL;
	KUNIT_EXPECT_FALSE(test, kinet_cong_valid(&ops));
	ops = odd;
	ops.acked = NULL;
	KUNIT_EXPECT_FALSE(test, kinet_cong_valid(&ops));
	ops = odd;
	ops.name[0] = 0;
	KUNIT_EXPECT_FALSE(test, kinet_cong_valid(&ops));
	memset(ops.name, 'x', sizeof(ops.name));
	KUNIT_EXPECT_FALSE(test, kinet_cong_valid(&ops));
}

static struct kunit_case cong_cases[] = {
	KUNIT_CASE_PARAM(the_first_window_is_rfc_6928s, initial_gen_params),
	KUNIT_CASE_PARAM(the_window_grows, grow_gen_params),
	KUNIT_CASE(round_trips_double_it_or_add_one),
	KUNIT_CASE(only_a_full_window_grows),
	KUNIT_CASE(it_stays_in_its_bounds),
	KUNIT_CASE(losses_halve_and_time_outs_begin_anew),
	KUNIT_CASE(what_was_no_loss_is_undone),
	KUNIT_CASE(fast_recovery_has_its_numbers),
	KUNIT_CASE(idleness_restarts_it),
	KUNIT_CASE(what_is_not_used_is_lost),
	KUNIT_CASE(plug_ins_are_called_and_bounded),
	KUNIT_CASE(plug_ins_need_what_is_required),
	{}
};

static struct kunit_suite cong_suite = {
	.name = "kinet_tcp_cong",
	.test_cases = cong_cases,
};

kunit_test_suite(cong_suite);
