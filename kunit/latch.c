// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several looks in a row, and every look there can be: what is told once is
 * told once, nothing is lost, nothing comes after the end
 */
#include <kunit/test.h>

#include "../ksocket/core/core.h"

#define TELL(event)	BIT(KSOCK_EV_##event)
#define LOOKS		8

struct look {
	struct ksock_seen seen;
	u32 events;
};

/* The looks at one socket, from its first */
struct history_param {
	const char *name;
	unsigned int n;
	struct look looks[LOOKS];
};

#define STREAM(end, n)	.positioned = true, .position = (end), .readable = (n)

static const struct history_param history_params[] = {
	{ "an active connection from begin to end", 7, {
		{ { }, 0 },
		{ { .connected = true, STREAM(1, 0) }, TELL(CONNECTED) },
		{ { .connected = true, STREAM(4, 3) }, TELL(RECV) },
		{ { .connected = true, STREAM(4, 0) }, 0 },
		{ { .connected = true, STREAM(4, 0), .write_over = true },
		  TELL(XMIT_END) },
		{ { .connected = true, STREAM(4, 0), .write_over = true,
		    .eof = true, .over = true },
		  TELL(RECV_END) | TELL(DISCONNECTED) },
		{ { .connected = true, STREAM(4, 0), .write_over = true,
		    .eof = true, .over = true }, 0 } } },
	{ "bytes that come while others are read", 4, {
		{ { .connected = true, STREAM(10, 10) },
		  TELL(CONNECTED) | TELL(RECV) },
		{ { .connected = true, STREAM(10, 4) }, 0 },
		{ { .connected = true, STREAM(16, 10) }, TELL(RECV) },
		{ { .connected = true, STREAM(16, 10) }, 0 } } },
	{ "urgent mark, then its bytes, then a second mark", 5, {
		{ { .connected = true, STREAM(1, 0), .urgent = true,
		    .urg_seq = 3 }, TELL(CONNECTED) | TELL(URGENT) },
		{ { .connected = true, STREAM(4, 2), .urgent = true,
		    .urg_seq = 3 }, TELL(RECV) },
		{ { .connected = true, STREAM(4, 0), .urg_seq = 3 }, 0 },
		{ { .connected = true, STREAM(4, 0), .urgent = true,
		    .urg_seq = 6 }, TELL(URGENT) },
		{ { .connected = true, STREAM(7, 2), .urgent = true,
		    .urg_seq = 6 }, TELL(RECV) } } },
	{ "sends that fall short, again and again", 4, {
		{ { .connected = true, .room = true },
		  TELL(CONNECTED) | TELL(XMIT) },
		{ { .connected = true, .room = true }, TELL(XMIT) },
		{ { .connected = true, .write_over = true, .room = true },
		  TELL(XMIT_END) },
		{ { .connected = true, .write_over = true, .room = true },
		  0 } } },
	{ "data is still told after our own half close", 3, {
		{ { .connected = true, .write_over = true, STREAM(1, 0) },
		  TELL(CONNECTED) | TELL(XMIT_END) },
		{ { .connected = true, .write_over = true, STREAM(3, 2) },
		  TELL(RECV) },
		{ { .connected = true, .write_over = true, STREAM(5, 4),
		    .eof = true }, TELL(RECV) | TELL(RECV_END) } } },
	{ "a refused connect, looked at three times", 3, {
		{ { }, 0 },
		{ { .over = true, .write_over = true }, TELL(DISCONNECTED) },
		{ { .over = true, .write_over = true, .errqueue = true },
		  0 } } },
	{ "messages, each told as it comes", 5, {
		{ { .arrived = true, .readable = 5 }, TELL(RECV) },
		{ { .arrived = true, .readable = 5 }, TELL(RECV) },
		{ { .readable = 5 }, 0 },
		{ { .arrived = true }, 0 },
		{ { .arrived = true, .readable = -1 }, TELL(RECV) } } },
	{ "a listener that becomes busy", 3, {
		{ { .listening = true }, 0 },
		{ { .listening = true, .waiting = true }, TELL(NEWCONN) },
		{ { .listening = true, .waiting = true }, TELL(NEWCONN) } } },
};

KUNIT_ARRAY_PARAM_DESC(history, history_params, name);

static void looks_in_a_row_tell(struct kunit *test)
{
	const struct history_param *param = test->param_value;
	struct ksock_told told = {};
	unsigned int i;

	for (i = 0; i < param->n; i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    ksock_decide(&param->looks[i].seen, &told),
				    param->looks[i].events, "at look %u", i);
}

/* A bit each, and two for how the stream and the mark have moved */
#define SEEN_BITS	14
#define TOLD_BITS	6

static void see(u32 bits, struct ksock_seen *seen)
{
	*seen = (struct ksock_seen) {
		.listening	= bits & BIT(0),
		.waiting	= bits & BIT(1),
		.connected	= bits & BIT(2),
		.arrived	= bits & BIT(3),
		.positioned	= bits & BIT(4),
		.eof		= bits & BIT(5),
		.room		= bits & BIT(6),
		.write_over	= bits & BIT(7),
		.over		= bits & BIT(8),
		.urgent		= bits & BIT(9),
		.errqueue	= bits & BIT(10),
		.readable	= bits & BIT(11) ? 1 : 0,
		.position	= bits & BIT(12) ? 1 : 0,
		.urg_seq	= bits & BIT(13) ? 1 : 0,
	};
}

static void tell(u32 bits, struct ksock_told *told)
{
	*told = (struct ksock_told) {
		.connected	= bits & BIT(0),
		.positioned	= bits & BIT(1),
		.eof		= bits & BIT(2),
		.write_over	= bits & BIT(3),
		.over		= bits & BIT(4),
		.urgent		= bits & BIT(5),
	};
}

/* The events that are told once, of what was told */
static u32 once(const struct ksock_told *told)
{
	return (told->connected ? TELL(CONNECTED) : 0) |
	       (told->eof ? TELL(RECV_END) : 0) |
	       (told->write_over ? TELL(XMIT_END) : 0) |
	       (told->over ? TELL(DISCONNECTED) : 0);
}

#define ONCE	(TELL(CONNECTED) | TELL(RECV_END) | TELL(XMIT_END) | \
		 TELL(DISCONNECTED))

/* What there is to tell, were nothing told yet and nothing at its end */
static u32 happened(const struct ksock_seen *seen)
{
	if (seen->listening)
		return seen->waiting ? TELL(NEWCONN) : 0;
	return (seen->connected ? TELL(CONNECTED) : 0) |
	       (seen->urgent ? TELL(URGENT) : 0) |
	       (seen->errqueue ? TELL(ERRQUEUE) : 0) |
	       (seen->readable ? TELL(RECV) : 0) |
	       (seen->eof ? TELL(RECV_END) : 0) |
	       (seen->room ? TELL(XMIT) : 0) |
	       (seen->write_over ? TELL(XMIT_END) : 0) |
	       (seen->over ? TELL(DISCONNECTED) : 0);
}

/* The rule that one decision breaks, or NULL. */
static const char *broken(const struct ksock_seen *seen,
			  const struct ksock_told *before, u32 events,
			  const struct ksock_told *after)
{
	bool stream = !seen->over || before->connected || seen->connected;

	if (events & ~happened(seen))
		return "nothing is told that was not seen";
	if (before->over)
		return events ? "nothing is told after the end" : NULL;
	if (once(before) & events)
		return "what is told once is told once";
	if ((once(before) | (events & ONCE)) != once(after))
		return "what is told, and nothing else, is remembered";
	if (seen->listening)
		return events == happened(seen) ? NULL :
		       "a listener tells of connections";
	if (seen->connected && !after->connected)
		return "connected is not lost";
	if (stream && seen->eof && !after->eof)
		return "recv(0) is not lost";
	if (stream && seen->write_over && !after->write_over)
		return "xmit(0) is not lost";
	if (seen->over && !after->over)
		return "disconnected is not lost";
	if (seen->errqueue && !(events & TELL(ERRQUEUE)))
		return "the error queue is not lost";
	if (seen->urgent && (!after->urgent || after->urg_seq != seen->urg_seq))
		return "an urgent mark is not lost";
	if (stream && seen->positioned && seen->readable && !before->eof &&
	    seen->position != before->position && !(events & TELL(RECV)))
		return "new data is not lost";
	if (events & TELL(RECV) && before->eof)
		return "no data comes after recv(0)";
	if (events & TELL(XMIT) && after->write_over)
		return "no room comes with or after xmit(0)";
	if (!stream && events & (TELL(RECV) | TELL(RECV_END) | TELL(XMIT) |
				 TELL(XMIT_END)))
		return "who never was connected has no stream";
	return NULL;
}

/* The same look again: only levels may be told again. */
static bool is_settled(const struct ksock_seen *seen, struct ksock_told *told)
{
	u32 levels = TELL(NEWCONN) | TELL(ERRQUEUE) | TELL(XMIT);

	/* Whether a message is another one only its arrival tells. */
	if (!seen->positioned && seen->arrived)
		levels |= TELL(RECV);
	return !(ksock_decide(seen, told) & ~levels);
}

static void every_look_keeps_the_rules(struct kunit *test)
{
	struct ksock_told before, after;
	struct ksock_seen seen;
	const char *rule;
	u32 bits, events;

	for (bits = 0; bits < BIT(SEEN_BITS + TOLD_BITS); bits++) {
		see(bits, &seen);
		tell(bits >> SEEN_BITS, &before);
		after = before;
		events = ksock_decide(&seen, &after);
		rule = broken(&seen, &before, events, &after);
		if (!rule && !is_settled(&seen, &after))
			rule = "a second look finds no news";
		if (rule)
			KUNIT_FAIL_AND_ABORT(test, "%s: seen %#lx, told %#x, events %#x",
					     rule, bits & (BIT(SEEN_BITS) - 1),
					     bits >> SEEN_BITS, events);
		if (!(bits & 0xfff))
			cond_resched();
	}
}

/* They are told in the order of their numbers. */
static void order_is_that_of_a_connection(struct kunit *test)
{
	static const enum ksock_event order[] = {
		KSOCK_EV_CONNECTED, KSOCK_EV_RECV, KSOCK_EV_RECV_END,
		KSOCK_EV_XMIT_END, KSOCK_EV_DISCONNECTED,
	};
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(order); i++)
		KUNIT_EXPECT_LT(test, order[i - 1], order[i]);
	KUNIT_EXPECT_LT_MSG(test, KSOCK_EV_URGENT, KSOCK_EV_RECV,
			    "an urgent mark comes before the bytes around it");
	KUNIT_EXPECT_EQ_MSG(test, KSOCK_EV_DISCONNECTED, KSOCK_EVENTS - 1,
			    "the end is the last");
}

static struct kunit_case latch_cases[] = {
	KUNIT_CASE_PARAM(looks_in_a_row_tell, history_gen_params),
	KUNIT_CASE(every_look_keeps_the_rules),
	KUNIT_CASE(order_is_that_of_a_connection),
	{}
};

static struct kunit_suite latch_suite = {
	.name = "ksocket_latch",
	.test_cases = latch_cases,
};

kunit_test_suite(latch_suite);
