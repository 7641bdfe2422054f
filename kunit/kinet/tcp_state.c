// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine: RFC 9293, figure 5 and section 3.10
 */
#include <kunit/test.h>
#include <linux/bitops.h>

#include "../../ksocket/kinet/tcp/state.h"

#define STATES		(TCP_CLOSING + 1)

struct transition {
	int	from;
	int	event;
	int	to;
};

/* By the RFC's text; all else can't be. */
static const struct transition transitions[] = {
	/* 3.10.1, OPEN call */
	{ TCP_CLOSE, KINET_EV_LISTEN, TCP_LISTEN },
	{ TCP_CLOSE, KINET_EV_CONNECT, TCP_SYN_SENT },
	{ TCP_LISTEN, KINET_EV_CONNECT, TCP_SYN_SENT },
	/* listen(2) again */
	{ TCP_LISTEN, KINET_EV_LISTEN, TCP_LISTEN },
	/* 3.10.4, CLOSE call */
	{ TCP_LISTEN, KINET_EV_CLOSE, TCP_CLOSE },
	{ TCP_SYN_SENT, KINET_EV_CLOSE, TCP_CLOSE },
	{ TCP_SYN_RECV, KINET_EV_CLOSE, TCP_FIN_WAIT1 },
	{ TCP_ESTABLISHED, KINET_EV_CLOSE, TCP_FIN_WAIT1 },
	{ TCP_CLOSE_WAIT, KINET_EV_CLOSE, TCP_LAST_ACK },
	/* 3.10.5, ABORT call: in all states but CLOSED */
	{ TCP_LISTEN, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_SYN_SENT, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_SYN_RECV, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_ESTABLISHED, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_FIN_WAIT1, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_FIN_WAIT2, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_CLOSE_WAIT, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_CLOSING, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_LAST_ACK, KINET_EV_ABORT, TCP_CLOSE },
	{ TCP_TIME_WAIT, KINET_EV_ABORT, TCP_CLOSE },
	/* 3.10.7.2, LISTEN: a RST is ignored */
	{ TCP_LISTEN, KINET_EV_SYN, TCP_SYN_RECV },
	{ TCP_LISTEN, KINET_EV_RST, TCP_LISTEN },
	/* 3.10.7.3, SYN-SENT */
	{ TCP_SYN_SENT, KINET_EV_RST, TCP_CLOSE },
	{ TCP_SYN_SENT, KINET_EV_SYN, TCP_SYN_RECV },
	{ TCP_SYN_SENT, KINET_EV_SYN_ACK, TCP_ESTABLISHED },
	/* 3.10.7.4, second: RST */
	{ TCP_SYN_RECV, KINET_EV_RST, TCP_CLOSE },
	{ TCP_ESTABLISHED, KINET_EV_RST, TCP_CLOSE },
	{ TCP_FIN_WAIT1, KINET_EV_RST, TCP_CLOSE },
	{ TCP_FIN_WAIT2, KINET_EV_RST, TCP_CLOSE },
	{ TCP_CLOSE_WAIT, KINET_EV_RST, TCP_CLOSE },
	{ TCP_CLOSING, KINET_EV_RST, TCP_CLOSE },
	{ TCP_LAST_ACK, KINET_EV_RST, TCP_CLOSE },
	{ TCP_TIME_WAIT, KINET_EV_RST, TCP_CLOSE },
	/* Figure 7, both open at once: the other's SYN,ACK */
	{ TCP_SYN_RECV, KINET_EV_SYN_ACK, TCP_ESTABLISHED },
	/* fifth: ACK */
	{ TCP_SYN_RECV, KINET_EV_ACK_SYN, TCP_ESTABLISHED },
	{ TCP_FIN_WAIT1, KINET_EV_ACK_FIN, TCP_FIN_WAIT2 },
	{ TCP_CLOSING, KINET_EV_ACK_FIN, TCP_TIME_WAIT },
	{ TCP_LAST_ACK, KINET_EV_ACK_FIN, TCP_CLOSE },
	/* eighth: FIN */
	{ TCP_SYN_RECV, KINET_EV_FIN, TCP_CLOSE_WAIT },
	{ TCP_ESTABLISHED, KINET_EV_FIN, TCP_CLOSE_WAIT },
	{ TCP_FIN_WAIT1, KINET_EV_FIN, TCP_CLOSING },
	{ TCP_FIN_WAIT2, KINET_EV_FIN, TCP_TIME_WAIT },
	{ TCP_CLOSE_WAIT, KINET_EV_FIN, TCP_CLOSE_WAIT },
	{ TCP_CLOSING, KINET_EV_FIN, TCP_CLOSING },
	{ TCP_LAST_ACK, KINET_EV_FIN, TCP_LAST_ACK },
	{ TCP_TIME_WAIT, KINET_EV_FIN, TCP_TIME_WAIT },
	/* 3.10.8, time-outs: USER TIMEOUT in any state with a peer; 2 MSL */
	{ TCP_SYN_SENT, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_SYN_RECV, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_ESTABLISHED, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_FIN_WAIT1, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_FIN_WAIT2, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_CLOSE_WAIT, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_CLOSING, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_LAST_ACK, KINET_EV_TIMEOUT, TCP_CLOSE },
	{ TCP_TIME_WAIT, KINET_EV_TIMEOUT, TCP_CLOSE },
	/* RFC 6191 */
	{ TCP_TIME_WAIT, KINET_EV_REUSE, TCP_CLOSE },
};

static int wanted(int from, int event)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(transitions); i++)
		if (transitions[i].from == from && transitions[i].event == event)
			return transitions[i].to;
	return -EINVAL;
}

/* Those that can't be, too */
static void each_event_does_what_the_rfc_says(struct kunit *test)
{
	int state, event;

	for (state = 0; state <= STATES; state++)
		for (event = 0; event <= KINET_EVENTS; event++)
			KUNIT_EXPECT_EQ_MSG(test, kinet_state_next(state, event),
					    wanted(state, event),
					    "%s in %s", kinet_event_name(event),
					    kinet_state_name(state));
	KUNIT_EXPECT_EQ(test, kinet_state_next(-1, 0), -EINVAL);
}

struct walk_param {
	const char	*name;
	struct {
		int	event;
		int	to;
	} step[8];
};

static const struct walk_param walk_params[] = {
	{ "active open, active close", {	/* figures 6 and 12 */
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_SYN_ACK, TCP_ESTABLISHED },
		{ KINET_EV_CLOSE, TCP_FIN_WAIT1 },
		{ KINET_EV_ACK_FIN, TCP_FIN_WAIT2 },
		{ KINET_EV_FIN, TCP_TIME_WAIT },
		{ KINET_EV_TIMEOUT, TCP_CLOSE } } },
	{ "passive open, passive close", {
		{ KINET_EV_LISTEN, TCP_LISTEN },
		{ KINET_EV_SYN, TCP_SYN_RECV },
		{ KINET_EV_ACK_SYN, TCP_ESTABLISHED },
		{ KINET_EV_FIN, TCP_CLOSE_WAIT },
		{ KINET_EV_CLOSE, TCP_LAST_ACK },
		{ KINET_EV_ACK_FIN, TCP_CLOSE } } },
	{ "simultaneous open", {		/* figure 7 */
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_SYN, TCP_SYN_RECV },
		{ KINET_EV_SYN_ACK, TCP_ESTABLISHED } } },
	{ "simultaneous close", {		/* figure 13 */
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_SYN_ACK, TCP_ESTABLISHED },
		{ KINET_EV_CLOSE, TCP_FIN_WAIT1 },
		{ KINET_EV_FIN, TCP_CLOSING },
		{ KINET_EV_ACK_FIN, TCP_TIME_WAIT },
		{ KINET_EV_FIN, TCP_TIME_WAIT },
		{ KINET_EV_TIMEOUT, TCP_CLOSE } } },
	{ "closed before it was established", {
		{ KINET_EV_LISTEN, TCP_LISTEN },
		{ KINET_EV_SYN, TCP_SYN_RECV },
		{ KINET_EV_CLOSE, TCP_FIN_WAIT1 },
		{ KINET_EV_RST, TCP_CLOSE } } },
	{ "acknowledgment and FIN in one", {	/* figure 5, note 2 */
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_SYN_ACK, TCP_ESTABLISHED },
		{ KINET_EV_CLOSE, TCP_FIN_WAIT1 },
		{ KINET_EV_ACK_FIN, TCP_FIN_WAIT2 },
		{ KINET_EV_FIN, TCP_TIME_WAIT },
		{ KINET_EV_REUSE, TCP_CLOSE } } },
	{ "refused", {
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_RST, TCP_CLOSE },
		{ KINET_EV_CONNECT, TCP_SYN_SENT },
		{ KINET_EV_TIMEOUT, TCP_CLOSE } } },
};

KUNIT_ARRAY_PARAM_DESC(walk, walk_params, name);

static void connections_go_their_way(struct kunit *test)
{
	const struct walk_param *param = test->param_value;
	int state = TCP_CLOSE, i;

	for (i = 0; i < ARRAY_SIZE(param->step) && param->step[i].to; i++) {
		state = kinet_state_next(state, param->step[i].event);
		KUNIT_ASSERT_EQ(test, state, param->step[i].to);
	}
}

/* Reached by any events from CLOSED, bits by state */
static unsigned long reached(int from)
{
	unsigned long now = BIT(from), before = 0;
	int state, event, to;

	while (now != before) {
		before = now;
		for (state = 1; state < STATES; state++) {
			if (!(before & BIT(state)))
				continue;
			for (event = 0; event < KINET_EVENTS; event++) {
				to = kinet_state_next(state, event);
				if (to > 0)
					now |= BIT(to);
			}
		}
	}
	return now;
}

static void no_state_is_a_trap(struct kunit *test)
{
	unsigned long all = reached(TCP_CLOSE);
	int state;

	KUNIT_EXPECT_EQ(test, all, (unsigned long)GENMASK(TCP_CLOSING, 1));
	for (state = 1; state < STATES; state++)
		KUNIT_EXPECT_TRUE(test, reached(state) & BIT(TCP_CLOSE));
}

static void states_know_what_may_be_done(struct kunit *test)
{
	static const struct {
		int	state;
		bool	synchronized, sends, receives;
	} table[] = {
		{ TCP_CLOSE, false, false, false },
		{ TCP_LISTEN, false, false, false },
		{ TCP_SYN_SENT, false, false, false },
		{ TCP_SYN_RECV, false, false, false },
		{ TCP_ESTABLISHED, true, true, true },
		{ TCP_FIN_WAIT1, true, false, true },
		{ TCP_FIN_WAIT2, true, false, true },
		{ TCP_CLOSE_WAIT, true, true, false },
		{ TCP_CLOSING, true, false, false },
		{ TCP_LAST_ACK, true, false, false },
		{ TCP_TIME_WAIT, true, false, false },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		int state = table[i].state;

		KUNIT_EXPECT_EQ(test, kinet_state_synchronized(state),
				table[i].synchronized);
		KUNIT_EXPECT_EQ(test, kinet_state_sends(state), table[i].sends);
		KUNIT_EXPECT_EQ(test, kinet_state_receives(state),
				table[i].receives);
	}
}

static void all_have_names(struct kunit *test)
{
	int state, event;

	KUNIT_EXPECT_STREQ(test, kinet_state_name(TCP_FIN_WAIT1), "FIN-WAIT-1");
	KUNIT_EXPECT_STREQ(test, kinet_state_name(0), "?");
	KUNIT_EXPECT_STREQ(test, kinet_state_name(STATES), "?");
	KUNIT_EXPECT_STREQ(test, kinet_event_name(KINET_EV_ACK_FIN), "ACK of FIN");
	KUNIT_EXPECT_STREQ(test, kinet_event_name(KINET_EVENTS), "?");
	for (state = 1; state < STATES; state++)
		KUNIT_EXPECT_TRUE(test, kinet_state_name(state)[0] > '?');
	for (event = 0; event < KINET_EVENTS; event++)
		KUNIT_EXPECT_TRUE(test, kinet_event_name(event)[0] > '?');
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(each_event_does_what_the_rfc_says),
	KUNIT_CASE_PARAM(connections_go_their_way, walk_gen_params),
	KUNIT_CASE(no_state_is_a_trap),
	KUNIT_CASE(states_know_what_may_be_done),
	KUNIT_CASE(all_have_names),
	{}
};

static struct kunit_suite state_suite = {
	.name = "kinet_tcp_state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
