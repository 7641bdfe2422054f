// SPDX-License-Identifier: GPL-2.0-only
/*
 * When something is due: RFC 9293, section 3.8; RFC 5482; TIME-WAIT: RFC 1337
 * and 6191
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/deadline.h"

#define SEC	KINET_SECOND

static void timers_go_off_in_their_order(struct kunit *test)
{
	struct kinet_deadlines deadlines;
	enum kinet_timer timer;

	kinet_deadlines_init(&deadlines);
	KUNIT_EXPECT_EQ(test, kinet_deadlines_first(&deadlines), KINET_NEVER);
	KUNIT_EXPECT_FALSE(test, kinet_deadlines_take(&deadlines, KINET_NEVER - 1,
						      &timer));
	deadlines.due[KINET_TIMER_KEEPALIVE] = 300;
	deadlines.due[KINET_TIMER_RESEND] = 200;
	deadlines.due[KINET_TIMER_DELACK] = 100;
	KUNIT_EXPECT_EQ(test, kinet_deadlines_first(&deadlines), 100ULL);
	KUNIT_EXPECT_FALSE(test, kinet_deadlines_take(&deadlines, 99, &timer));
	KUNIT_EXPECT_TRUE(test, kinet_deadlines_take(&deadlines, 250, &timer));
	KUNIT_EXPECT_EQ(test, timer, KINET_TIMER_DELACK);
	KUNIT_EXPECT_TRUE(test, kinet_deadlines_take(&deadlines, 250, &timer));
	KUNIT_EXPECT_EQ(test, timer, KINET_TIMER_RESEND);
	KUNIT_EXPECT_FALSE(test, kinet_deadlines_take(&deadlines, 250, &timer));
	KUNIT_EXPECT_TRUE(test, kinet_deadlines_take(&deadlines, 300, &timer));
	KUNIT_EXPECT_EQ(test, timer, KINET_TIMER_KEEPALIVE);
	KUNIT_EXPECT_EQ(test, kinet_deadlines_first(&deadlines), KINET_NEVER);
}

/* Its timer is another; who waits for all has to hear of it. */
static void pacing_has_a_finer_timer(struct kunit *test)
{
	struct kinet_deadlines deadlines;
	enum kinet_timer timer;

	kinet_deadlines_init(&deadlines);
	deadlines.due[KINET_TIMER_PACE] = 100;
	KUNIT_EXPECT_EQ(test, kinet_deadlines_first(&deadlines), 100ULL);
	KUNIT_EXPECT_EQ(test, kinet_deadlines_coarse(&deadlines), KINET_NEVER);
	deadlines.due[KINET_TIMER_END] = 200;
	KUNIT_EXPECT_EQ(test, kinet_deadlines_coarse(&deadlines), 200ULL);
	KUNIT_EXPECT_TRUE(test, kinet_deadlines_take(&deadlines, 200, &timer));
	KUNIT_EXPECT_EQ(test, timer, KINET_TIMER_PACE);
}

struct patience_param {
	const char		*name;
	u64			waited, user;
	u32			resent;
	enum kinet_persistence	result;
};

/* R1 is 3 retransmissions, R2 is 100 s */
static const struct patience_param patience_params[] = {
	{ "at first", 0, 0, 0, KINET_PERSIST_ON },
	{ "before R1", 5 * SEC, 0, 2, KINET_PERSIST_ON },
	{ "R1", 5 * SEC, 0, 3, KINET_PERSIST_ADVISE },
	{ "before R2", 100 * SEC - 1, 0, 9, KINET_PERSIST_ADVISE },
	{ "R2", 100 * SEC, 0, 9, KINET_PERSIST_GIVE_UP },
	{ "R2 without a retransmission", 100 * SEC, 0, 0, KINET_PERSIST_GIVE_UP },
	{ "the user is more patient", 100 * SEC, 500 * SEC, 9,
	  KINET_PERSIST_ADVISE },
	{ "the user isn't", 2 * SEC, 2 * SEC, 1, KINET_PERSIST_GIVE_UP },
};

KUNIT_ARRAY_PARAM_DESC(patience, patience_params, name);

static void connections_are_given_up_in_time(struct kunit *test)
{
	const struct patience_param *param = test->param_value;
	struct kinet_patience patience = {
		.r1 = 3, .r2 = 100 * SEC, .user = param->user,
	};

	KUNIT_EXPECT_EQ(test, kinet_persistence(&patience, 77 * SEC + param->waited,
						77 * SEC, param->resent),
			param->result);
}

static void probes_are_farther_and_farther_apart(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kinet_persist_interval(200000, 0, 120000000), 200000ULL);
	KUNIT_EXPECT_EQ(test, kinet_persist_interval(200000, 1, 120000000), 400000ULL);
	KUNIT_EXPECT_EQ(test, kinet_persist_interval(200000, 9, 120000000),
			102400000ULL);
	KUNIT_EXPECT_EQ(test, kinet_persist_interval(200000, 10, 120000000),
			120 * SEC);
	KUNIT_EXPECT_EQ(test, kinet_persist_interval(U32_MAX, U32_MAX, 120000000),
			120 * SEC);
}

struct keepalive_param {
	const char			*name;
	u64				silent, user;
	u32				sent;
	enum kinet_keepalive_does	does;
	u64				due;	/* from when it was heard */
};

/* 7200 s, then 9 probes every 75 s: MUST-28, and as Linux has it */
static const struct keepalive_param keepalive_params[] = {
	{ "not idle", 10 * SEC, 0, 0, KINET_KEEPALIVE_WAIT, 7200 * SEC },
	{ "nearly", 7200 * SEC - 1, 0, 0, KINET_KEEPALIVE_WAIT, 7200 * SEC },
	{ "idle", 7200 * SEC, 0, 0, KINET_KEEPALIVE_PROBE, 7275 * SEC },
	{ "no answer yet", 7210 * SEC, 0, 1, KINET_KEEPALIVE_WAIT, 7275 * SEC },
	{ "again", 7275 * SEC, 0, 1, KINET_KEEPALIVE_PROBE, 7350 * SEC },
	{ "the last", 7800 * SEC, 0, 8, KINET_KEEPALIVE_PROBE, 7875 * SEC },
	{ "waits for it, too", 7875 * SEC - 1, 0, 9, KINET_KEEPALIVE_WAIT,
	  7875 * SEC },
	{ "dead", 7875 * SEC, 0, 9, KINET_KEEPALIVE_DEAD, 7875 * SEC },
	{ "the user has waited enough", 7275 * SEC, 7210 * SEC, 1,
	  KINET_KEEPALIVE_DEAD, 7275 * SEC },
	{ "not without a probe", 7200 * SEC, 10 * SEC, 0, KINET_KEEPALIVE_PROBE,
	  7275 * SEC },
	{ "the user is more patient", 7875 * SEC, 9000 * SEC, 9,
	  KINET_KEEPALIVE_PROBE, 7950 * SEC },
};

KUNIT_ARRAY_PARAM_DESC(keepalive, keepalive_params, name);

static void silent_peers_are_probed(struct kunit *test)
{
	const struct keepalive_param *param = test->param_value;
	struct kinet_keepalive keepalive = {
		.idle = 7200 * SEC, .interval = 75 * SEC, .probes = 9,
		.user = param->user,
	};
	u64 heard = 1000 * SEC, due;

	KUNIT_EXPECT_EQ(test, kinet_keepalive(&keepalive, heard + param->silent,
					      heard, param->sent, &due),
			param->does);
	KUNIT_EXPECT_EQ(test, due - heard, param->due);
}

#define S	KINET_SYN
#define A	KINET_ACK
#define F	KINET_FIN
#define R	KINET_RST

struct timewait_param {
	const char			*name;
	u8				flags;
	s32				seq;	/* from RCV.NXT */
	u32				len;
	bool				was_stamped, stamped;
	s32				tsval;	/* from TS.Recent */
	enum kinet_timewait_does	does;
};

static const struct timewait_param timewait_params[] = {
	/* RFC 6191, section 2, in its order */
	{ "both stamped, newer", S, -50, 1, true, true, 1, KINET_TIMEWAIT_REUSE },
	{ "both stamped, same, beyond", S, 1, 1, true, true, 0,
	  KINET_TIMEWAIT_REUSE },
	{ "both stamped, same, not beyond", S, 0, 1, true, true, 0,
	  KINET_TIMEWAIT_ACK },
	{ "both stamped, older, beyond", S, 1, 1, true, true, -1,
	  KINET_TIMEWAIT_ACK },
	{ "no stamp any more, beyond", S, 1, 1, true, false, 0,
	  KINET_TIMEWAIT_REUSE },
	{ "no stamp any more, not beyond", S, 0, 1, true, false, 0,
	  KINET_TIMEWAIT_ACK },
	{ "stamped only now", S, -50, 1, false, true, 0, KINET_TIMEWAIT_REUSE },
	{ "never stamped, beyond", S, 1, 1, false, false, 0, KINET_TIMEWAIT_REUSE },
	{ "never stamped, not beyond", S, 0, 1, false, false, 0,
	  KINET_TIMEWAIT_ACK },
	{ "SYN with ACK", S | A, 1, 1, false, false, 0, KINET_TIMEWAIT_ACK },
	/* RFC 9293 */
	{ "the FIN again", F | A, -1, 1, true, true, 0, KINET_TIMEWAIT_AGAIN },
	{ "the FIN and data again", F | A, -11, 11, false, false, 0,
	  KINET_TIMEWAIT_AGAIN },
	{ "another FIN", F | A, 5, 1, false, false, 0, KINET_TIMEWAIT_ACK },
	{ "an acknowledgment", A, 0, 0, true, true, 0, KINET_TIMEWAIT_DROP },
	{ "an old acknowledgment", A, -1, 0, true, true, 0, KINET_TIMEWAIT_ACK },
	{ "old data", A, -100, 50, true, true, 0, KINET_TIMEWAIT_ACK },
	{ "new data", A, 0, 50, true, true, 0, KINET_TIMEWAIT_ACK },
	{ "an old stamp", A, 0, 0, true, true, -1, KINET_TIMEWAIT_ACK },
	{ "RST", R, 0, 0, true, true, 0, KINET_TIMEWAIT_END },
	{ "RST, not exact", R, 1, 0, true, true, 0, KINET_TIMEWAIT_DROP },
};

KUNIT_ARRAY_PARAM_DESC(timewait, timewait_params, name);

static void late_segments_are_dealt_with(struct kunit *test)
{
	const struct timewait_param *param = test->param_value;
	struct kinet_timewait tw = {
		.rcv_nxt = 0xffffffff, .rcv_wnd = 1000, .recent = 0x7fffffff,
		.stamped = param->was_stamped,
	};
	struct kinet_timewait_seg seg = {
		.seq = tw.rcv_nxt + param->seq, .len = param->len,
		.stamped = param->stamped, .tsval = tw.recent + param->tsval,
		.flags = param->flags,
	};

	KUNIT_EXPECT_EQ(test, kinet_timewait(&tw, &seg), param->does);
	tw.hazards = true;
	KUNIT_EXPECT_EQ_MSG(test, kinet_timewait(&tw, &seg),
			    param->flags & R ? KINET_TIMEWAIT_DROP : param->does,
			    "RFC 1337");
}

static struct kunit_case deadline_cases[] = {
	KUNIT_CASE(timers_go_off_in_their_order),
	KUNIT_CASE(pacing_has_a_finer_timer),
	KUNIT_CASE_PARAM(connections_are_given_up_in_time, patience_gen_params),
	KUNIT_CASE(probes_are_farther_and_farther_apart),
	KUNIT_CASE_PARAM(silent_peers_are_probed, keepalive_gen_params),
	KUNIT_CASE_PARAM(late_segments_are_dealt_with, timewait_gen_params),
	{}
};

static struct kunit_suite deadline_suite = {
	.name = "kinet_tcp_deadline",
	.test_cases = deadline_cases,
};

kunit_test_suite(deadline_suite);
