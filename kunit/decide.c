// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which events one look makes: what was seen, what was told, what is told now
 * and what is told from then on
 */
#include <kunit/test.h>

#include "../ksocket/core/core.h"

#define TELL(event)	BIT(KSOCK_EV_##event)

/**
 * struct decide_param - one look
 * @name: the rule that it shows
 * @seen: what the look has found
 * @told: what was told before
 * @events: what it makes
 * @after: what was told then
 */
struct decide_param {
	const char *name;
	struct ksock_seen seen;
	struct ksock_told told;
	u32 events;
	struct ksock_told after;
};

static const struct decide_param decide_params[] = {
	{ .name = "nothing seen tells nothing" },

	/* connected */
	{ .name = "connected when the connect has succeeded",
	  .seen = { .connected = true },
	  .events = TELL(CONNECTED),
	  .after = { .connected = true } },
	{ .name = "connected once",
	  .seen = { .connected = true },
	  .told = { .connected = true },
	  .after = { .connected = true } },
	{ .name = "connected with data that came at once",
	  .seen = { .connected = true, .positioned = true, .position = 5,
		    .readable = 5 },
	  .events = TELL(CONNECTED) | TELL(RECV),
	  .after = { .connected = true, .positioned = true, .position = 5 } },
	{ .name = "connected and over in one look tells both",
	  .seen = { .connected = true, .eof = true, .write_over = true,
		    .over = true },
	  .events = TELL(CONNECTED) | TELL(RECV_END) | TELL(XMIT_END) |
		    TELL(DISCONNECTED),
	  .after = { .connected = true, .eof = true, .write_over = true,
		     .over = true } },

	/* disconnected */
	{ .name = "end of the connection: xmit(0), then disconnected",
	  .seen = { .write_over = true, .over = true },
	  .told = { .connected = true },
	  .events = TELL(XMIT_END) | TELL(DISCONNECTED),
	  .after = { .connected = true, .write_over = true, .over = true } },
	{ .name = "a half close is not the end",
	  .seen = { .connected = true, .eof = true },
	  .told = { .connected = true },
	  .events = TELL(RECV_END),
	  .after = { .connected = true, .eof = true } },
	{ .name = "RST before connected: no recv(0), no xmit(0)",
	  .seen = { .eof = true, .write_over = true, .over = true,
		    .reason = ECONNREFUSED },
	  .events = TELL(DISCONNECTED),
	  .after = { .over = true } },
	{ .name = "RST keeps the data that came before",
	  .seen = { .positioned = true, .position = 9, .readable = 4,
		    .write_over = true, .over = true, .reason = ECONNRESET },
	  .told = { .connected = true },
	  .events = TELL(RECV) | TELL(XMIT_END) | TELL(DISCONNECTED),
	  .after = { .connected = true, .positioned = true, .position = 9,
		     .write_over = true, .over = true } },
	{ .name = "disconnected once: FIN_WAIT2 changes state twice",
	  .seen = { .connected = true, .eof = true, .write_over = true,
		    .over = true },
	  .told = { .connected = true, .eof = true, .write_over = true,
		    .over = true },
	  .after = { .connected = true, .eof = true, .write_over = true,
		     .over = true } },
	{ .name = "nothing after the end",
	  .seen = { .connected = true, .arrived = true, .readable = 3,
		    .eof = true, .room = true, .urgent = true,
		    .errqueue = true, .write_over = true, .over = true },
	  .told = { .over = true },
	  .after = { .over = true } },

	/* newconn */
	{ .name = "listener: newconn when a connection waits",
	  .seen = { .listening = true, .waiting = true },
	  .events = TELL(NEWCONN) },
	{ .name = "listener: newconn for each that comes",
	  .seen = { .listening = true, .waiting = true },
	  .told = { .connected = true },
	  .events = TELL(NEWCONN),
	  .after = { .connected = true } },
	{ .name = "listener: nothing when none waits",
	  .seen = { .listening = true } },
	{ .name = "listener: newconn only",
	  .seen = { .listening = true, .waiting = true, .connected = true,
		    .arrived = true, .readable = 1, .eof = true, .room = true,
		    .write_over = true, .over = true, .urgent = true,
		    .errqueue = true },
	  .events = TELL(NEWCONN) },

	/* recv(n) */
	{ .name = "data: recv(n)",
	  .seen = { .positioned = true, .position = 100, .readable = 10 },
	  .events = TELL(RECV),
	  .after = { .positioned = true, .position = 100 } },
	{ .name = "memory pressure: data_ready without data tells nothing",
	  .seen = { .positioned = true, .position = 100, .arrived = true },
	  .told = { .positioned = true, .position = 100 },
	  .after = { .positioned = true, .position = 100 } },
	{ .name = "memory pressure before the first data",
	  .seen = { .positioned = true, .position = 100, .arrived = true } },
	{ .name = "the same data is told once",
	  .seen = { .positioned = true, .position = 100, .readable = 10,
		    .arrived = true },
	  .told = { .positioned = true, .position = 100 },
	  .after = { .positioned = true, .position = 100 } },
	{ .name = "more data is told again",
	  .seen = { .positioned = true, .position = 101, .readable = 11 },
	  .told = { .positioned = true, .position = 100 },
	  .events = TELL(RECV),
	  .after = { .positioned = true, .position = 101 } },
	{ .name = "the first data at position 0",
	  .seen = { .positioned = true, .readable = 7 },
	  .events = TELL(RECV),
	  .after = { .positioned = true } },
	{ .name = "position goes around",
	  .seen = { .positioned = true, .position = 2, .readable = 4 },
	  .told = { .positioned = true, .position = U32_MAX - 1 },
	  .events = TELL(RECV),
	  .after = { .positioned = true, .position = 2 } },
	{ .name = "a message is told when it arrives",
	  .seen = { .arrived = true, .readable = 20 },
	  .events = TELL(RECV) },
	{ .name = "a message of the same length is another",
	  .seen = { .arrived = true, .readable = 20 },
	  .told = { .connected = true },
	  .events = TELL(RECV),
	  .after = { .connected = true } },
	{ .name = "a zero-length message is data",
	  .seen = { .arrived = true, .readable = -1 },
	  .events = TELL(RECV) },
	{ .name = "a message that waits is not told when the state changes",
	  .seen = { .readable = 20 } },

	/* recv(0) */
	{ .name = "data with FIN: recv(n), then recv(0)",
	  .seen = { .positioned = true, .position = 6, .readable = 6,
		    .eof = true },
	  .told = { .connected = true },
	  .events = TELL(RECV) | TELL(RECV_END),
	  .after = { .connected = true, .positioned = true, .position = 6,
		     .eof = true } },
	{ .name = "data that was told, then FIN: recv(0) only",
	  .seen = { .positioned = true, .position = 6, .readable = 6,
		    .eof = true },
	  .told = { .positioned = true, .position = 6 },
	  .events = TELL(RECV_END),
	  .after = { .positioned = true, .position = 6, .eof = true } },
	{ .name = "recv(0) once",
	  .seen = { .eof = true },
	  .told = { .eof = true },
	  .after = { .eof = true } },
	{ .name = "no recv(n) after recv(0)",
	  .seen = { .positioned = true, .position = 8, .readable = 8,
		    .arrived = true, .eof = true },
	  .told = { .positioned = true, .position = 6, .eof = true },
	  .after = { .positioned = true, .position = 6, .eof = true } },

	/* xmit */
	{ .name = "xmit after room",
	  .seen = { .room = true, .space = 4096 },
	  .events = TELL(XMIT) },
	{ .name = "no xmit without room",
	  .seen = { .space = 4096 } },
	{ .name = "xmit each time that there is room again",
	  .seen = { .room = true, .space = 1 },
	  .told = { .connected = true, .eof = true },
	  .events = TELL(XMIT),
	  .after = { .connected = true, .eof = true } },
	{ .name = "xmit(0) when sending is over",
	  .seen = { .write_over = true },
	  .told = { .connected = true },
	  .events = TELL(XMIT_END),
	  .after = { .connected = true, .write_over = true } },
	{ .name = "xmit(0) rather than xmit when there is room, too",
	  .seen = { .write_over = true, .room = true },
	  .events = TELL(XMIT_END),
	  .after = { .write_over = true } },
	{ .name = "xmit(0) once",
	  .seen = { .write_over = true },
	  .told = { .write_over = true },
	  .after = { .write_over = true } },
	{ .name = "no xmit after xmit(0)",
	  .seen = { .room = true },
	  .told = { .write_over = true },
	  .after = { .write_over = true } },

	/* exception */
	{ .name = "urgent mark",
	  .seen = { .urgent = true, .urg_seq = 12 },
	  .events = TELL(URGENT),
	  .after = { .urgent = true, .urg_seq = 12 } },
	{ .name = "urgent mark at position 0",
	  .seen = { .urgent = true },
	  .events = TELL(URGENT),
	  .after = { .urgent = true } },
	{ .name = "urgent mark before its bytes is not EOF",
	  .seen = { .positioned = true, .position = 12, .arrived = true,
		    .urgent = true, .urg_seq = 12 },
	  .told = { .connected = true, .positioned = true, .position = 12 },
	  .events = TELL(URGENT),
	  .after = { .connected = true, .positioned = true, .position = 12,
		     .urgent = true, .urg_seq = 12 } },
	{ .name = "the same mark once",
	  .seen = { .urgent = true, .urg_seq = 12 },
	  .told = { .urgent = true, .urg_seq = 12 },
	  .after = { .urgent = true, .urg_seq = 12 } },
	{ .name = "a second mark again",
	  .seen = { .urgent = true, .urg_seq = 13 },
	  .told = { .urgent = true, .urg_seq = 12 },
	  .events = TELL(URGENT),
	  .after = { .urgent = true, .urg_seq = 13 } },
	{ .name = "a mark that was read stays told",
	  .seen = {},
	  .told = { .urgent = true, .urg_seq = 12 },
	  .after = { .urgent = true, .urg_seq = 12 } },
	{ .name = "urgent mark of a connection that was reset",
	  .seen = { .urgent = true, .urg_seq = 3, .over = true },
	  .told = { .connected = true },
	  .events = TELL(URGENT) | TELL(DISCONNECTED),
	  .after = { .connected = true, .urgent = true, .urg_seq = 3,
		     .over = true } },
	{ .name = "error queue",
	  .seen = { .errqueue = true },
	  .events = TELL(ERRQUEUE) },
};

KUNIT_ARRAY_PARAM_DESC(decide, decide_params, name);

static void expect_told(struct kunit *test, const struct ksock_told *told,
			const struct ksock_told *expected)
{
	KUNIT_EXPECT_EQ(test, told->position, expected->position);
	KUNIT_EXPECT_EQ(test, told->urg_seq, expected->urg_seq);
	KUNIT_EXPECT_EQ(test, told->connected, expected->connected);
	KUNIT_EXPECT_EQ(test, told->positioned, expected->positioned);
	KUNIT_EXPECT_EQ(test, told->eof, expected->eof);
	KUNIT_EXPECT_EQ(test, told->write_over, expected->write_over);
	KUNIT_EXPECT_EQ(test, told->over, expected->over);
	KUNIT_EXPECT_EQ(test, told->urgent, expected->urgent);
}

static void look_makes_events(struct kunit *test)
{
	const struct decide_param *param = test->param_value;
	struct ksock_told told = param->told;

	KUNIT_EXPECT_EQ(test, ksock_decide(&param->seen, &told), param->events);
	expect_told(test, &told, &param->after);
}

struct readable_param {
	const char *name;
	u32 from;
	u32 to;
	bool urgent;
	u32 urg_seq;
	u32 readable;
};

static const struct readable_param readable_params[] = {
	{ "nothing", 5, 5, false, 0, 0 },
	{ "one byte", 5, 6, false, 0, 1 },
	{ "around the end of the numbers", U32_MAX - 1, 3, false, 0, 5 },
	{ "read beyond what arrived: an urgent byte was stepped over", 6, 5,
	  false, 0, 0 },
	{ "read beyond it around the end", 0, U32_MAX, false, 0, 0 },
	{ "as much as there can be", 7, 7 + S32_MAX, false, 0, S32_MAX },
	{ "urgent byte first", 10, 20, true, 10, 9 },
	{ "urgent byte within", 10, 20, true, 15, 9 },
	{ "urgent byte last", 10, 20, true, 19, 9 },
	{ "urgent byte yet to come", 10, 20, true, 20, 10 },
	{ "urgent byte was read", 10, 20, true, 9, 10 },
	{ "urgent byte alone", 10, 11, true, 10, 0 },
	{ "urgent mark before its byte", 10, 10, true, 10, 0 },
	{ "urgent byte in line counts", 10, 20, false, 15, 10 },
	{ "urgent byte around the end", U32_MAX, 4, true, 1, 4 },
	{ "urgent byte first around the end", U32_MAX, 4, true, U32_MAX, 4 },
};

KUNIT_ARRAY_PARAM_DESC(readable, readable_params, name);

static void stream_tells_what_a_receive_returns(struct kunit *test)
{
	const struct readable_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, ksock_stream_readable(param->from, param->to,
						    param->urgent,
						    param->urg_seq),
			param->readable);
}

struct value_param {
	const char *name;
	enum ksock_event event;
	ssize_t value;
};

static const struct value_param value_params[] = {
	{ "connected", KSOCK_EV_CONNECTED, 0 },
	{ "newconn", KSOCK_EV_NEWCONN, 0 },
	{ "urgent", KSOCK_EV_URGENT, KSOCK_EXC_URG },
	{ "errqueue", KSOCK_EV_ERRQUEUE, KSOCK_EXC_ERRQUEUE },
	{ "recv", KSOCK_EV_RECV, 11 },
	{ "end of file", KSOCK_EV_RECV_END, 0 },
	{ "xmit", KSOCK_EV_XMIT, 22 },
	{ "end of sending", KSOCK_EV_XMIT_END, 0 },
	{ "disconnected", KSOCK_EV_DISCONNECTED, ETIMEDOUT },
};

KUNIT_ARRAY_PARAM_DESC(value, value_params, name);

static void event_has_its_value(struct kunit *test)
{
	const struct ksock_batch batch = {
		.readable = 11, .space = 22, .reason = ETIMEDOUT,
	};
	const struct value_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, ksock_batch_value(&batch, param->event),
			param->value);
}

static struct kunit_case decide_cases[] = {
	KUNIT_CASE_PARAM(look_makes_events, decide_gen_params),
	KUNIT_CASE_PARAM(stream_tells_what_a_receive_returns,
			 readable_gen_params),
	KUNIT_CASE_PARAM(event_has_its_value, value_gen_params),
	{}
};

static struct kunit_suite decide_suite = {
	.name = "ksocket_decide",
	.test_cases = decide_cases,
};

kunit_test_suite(decide_suite);
