// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows, ours and the peer's: RFC 9293, sections 3.7.4 and 3.8.6; RFC 7323
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/window.h"
#include "tcp_random.h"

struct scale_param {
	const char	*name;
	u32		buffer;
	u8		scale;
};

static const struct scale_param scale_params[] = {
	{ "nothing", 0, 0 },
	{ "64 KB less one", 65535, 0 },
	{ "64 KB", 65536, 1 },
	{ "twice the field", 131070, 1 },
	{ "and one", 131071, 2 },
	{ "6 MB", 6 << 20, 7 },
	{ "largest window", 65535 << 14, 14 },
	{ "larger than any", U32_MAX, 14 },
};

KUNIT_ARRAY_PARAM_DESC(scale, scale_params, name);

static void the_scale_suits_the_buffer(struct kunit *test)
{
	const struct scale_param *param = test->param_value;

	KUNIT_EXPECT_EQ(test, kinet_window_scale(param->buffer), param->scale);
}

static void a_syn_has_no_scale(struct kunit *test)
{
	struct kinet_rcv_window window = { .nxt = 0xfffffff0, .scale = 7 };

	KUNIT_EXPECT_EQ(test, kinet_window_syn(&window, 1 << 20), 65535);
	KUNIT_EXPECT_EQ(test, kinet_rcv_wnd(&window), 65535);
	KUNIT_EXPECT_EQ(test, kinet_window_syn(&window, 1000), 1000);
	KUNIT_EXPECT_EQ(test, kinet_rcv_wnd(&window), 1000);
}

struct offer_param {
	const char	*name;
	u32		wnd;	/* that was offered */
	u8		scale;
	u32		free, buffer, mss;
	u16		field;
	u32		now;	/* that is offered */
	bool		update;
};

/* "update": is it worth a segment of its own, after the user has read? */
static const struct offer_param offer_params[] = {
	{ "all is free", 0, 0, 10000, 10000, 1000, 10000, 10000, true },
	{ "nothing new", 5000, 0, 5000, 10000, 1000, 5000, 5000, false },
	{ "less than a segment", 5000, 0, 5999, 10000, 1000, 5000, 5000, false },
	{ "a segment", 5000, 0, 6000, 10000, 1000, 6000, 6000, false },
	{ "two segments", 5000, 0, 7000, 10000, 1000, 7000, 7000, true },
	{ "shut, less than a segment", 0, 0, 999, 10000, 1000, 0, 0, false },
	{ "shut, a segment", 0, 0, 1000, 10000, 1000, 1000, 1000, true },
	{ "shut, half of a small buffer", 0, 0, 400, 800, 1000, 400, 400, true },
	{ "shut, less than half of it", 0, 0, 399, 800, 1000, 0, 0, false },
	{ "it doesn't shrink", 5000, 0, 3000, 10000, 1000, 5000, 5000, false },
	{ "not with the buffer full", 5000, 0, 0, 10000, 1000, 5000, 5000, false },
	{ "the field ends", 0, 0, 100000, 100000, 1000, 65535, 65535, true },
	{ "in units", 0, 7, 100000, 100000, 1000, 781, 99968, true },
	{ "units, the field ends", 0, 2, 1000000, 1000000, 1000, 65535, 262140,
	  true },
	{ "part of a unit is rounded up", 1000, 7, 1100, 10000, 1460, 8, 1024,
	  false },
	{ "but not without room", 1000, 7, 1023, 10000, 1460, 7, 1000, false },
	/* All of a buffer that is smaller than a unit */
	{ "a unit, or nothing would ever come", 0, 11, 1152, 1152, 1448, 1, 2048,
	  true },
	{ "the rest of it", 2047, 11, 1152, 1152, 1448, 1, 2048, true },
	{ "not while something is unread", 2047, 11, 1151, 1152, 1448, 0, 2047,
	  false },
	/* The peer knows of nothing. */
	{ "the rest of a unit is none", 1000, 11, 3000, 3000, 1448, 1, 2048, true },
};

KUNIT_ARRAY_PARAM_DESC(offer, offer_params, name);

static void windows_are_offered(struct kunit *test)
{
	const struct offer_param *param = test->param_value;
	const struct kinet_rcv_space space = {
		.free = param->free, .buffer = param->buffer, .mss = param->mss,
	};
	struct kinet_rcv_window window = {
		.nxt = 0xfffffe00, .edge = 0xfffffe00 + param->wnd,
		.scale = param->scale,
	};

	KUNIT_EXPECT_EQ(test, kinet_window_update_due(&window, &space),
			param->update);
	KUNIT_EXPECT_EQ(test, kinet_window_offer(&window, &space), param->field);
	KUNIT_EXPECT_EQ(test, kinet_rcv_wnd(&window), param->now);
}

/*
 * A peer fills what it sees, a user reads now and then: the edge never goes
 * back (on the wire by less than a unit), and no more comes than there is room.
 */
static void the_edge_never_goes_back(struct kunit *test)
{
	struct rnd_state random;
	int run, i;

	tcp_seed_random(test, &random);
	for (run = 0; run < 200; run++) {
		struct kinet_rcv_window window = {
			.nxt = prandom_u32_state(&random),
			.scale = tcp_random(&random, 10),
		};
		u32 buffer = 100 + tcp_random(&random, run % 2 ? 200000 : 1000);
		struct kinet_rcv_space space = {
			.buffer = buffer, .free = buffer,
			.mss = 1 + tcp_random(&random, 3000),
		};
		u32 unit = 1 << window.scale;
		u32 wire, edge, got;

		window.edge = window.nxt;
		wire = window.nxt;
		for (i = 0; i < 200; i++) {
			u32 step = min(space.buffer / 2, space.mss);
			u16 field;

			edge = window.edge;
			field = kinet_window_offer(&window, &space);
			KUNIT_ASSERT_FALSE(test, kinet_before(window.edge, edge));
			/* MUST-39, but for the end of a unit */
			if (window.edge - edge >= unit)
				KUNIT_ASSERT_GE(test, window.edge - edge, step);
			/* All of a small buffer is a unit. */
			if (buffer >= unit)
				KUNIT_ASSERT_LE(test, kinet_rcv_wnd(&window),
						space.free);
			else
				KUNIT_ASSERT_LE(test, kinet_rcv_wnd(&window), unit);
			got = window.nxt + ((u32)field << window.scale);
			KUNIT_ASSERT_FALSE(test, kinet_before(got + unit - 1, wire));
			KUNIT_ASSERT_FALSE(test, kinet_after(got, window.edge));
			wire = got;
			got = tcp_random(&random, wire - window.nxt + 1);
			window.nxt += got;
			space.free -= min(got, space.free);
			if (tcp_percent(&random, 50))
				space.free += tcp_random(&random, buffer -
							 space.free + 1);
		}
		space.free = buffer;
		KUNIT_ASSERT_GT(test, kinet_window_offer(&window, &space), 0);
	}
}

struct ack_param {
	const char		*name;
	s32			ack;	/* from SND.UNA */
	enum kinet_ack_kind	kind;
};

/* SND.NXT = SND.UNA + 1000, MAX.SND.WND = 5000 */
static const struct ack_param ack_params[] = {
	{ "the same", 0, KINET_ACK_SAME },
	{ "a byte", 1, KINET_ACK_NEW },
	{ "all", 1000, KINET_ACK_NEW },
	{ "what wasn't sent", 1001, KINET_ACK_BAD },
	{ "old", -1, KINET_ACK_OLD },
	{ "as old as a window", -5000, KINET_ACK_OLD },
	{ "older", -5001, KINET_ACK_BAD },
	{ "far away", 0x7fffffff, KINET_ACK_BAD },
};

KUNIT_ARRAY_PARAM_DESC(ack, ack_params, name);

static void acknowledgments_are_told_apart(struct kunit *test)
{
	static const u32 una[] = { 0, 0xfffffe00, 0x7ffffe00 };
	const struct ack_param *param = test->param_value;
	int i;

	for (i = 0; i < ARRAY_SIZE(una); i++) {
		struct kinet_snd_window window = {
			.una = una[i], .nxt = una[i] + 1000, .max = 5000,
		};

		KUNIT_EXPECT_EQ(test, kinet_ack_kind(&window, una[i] + param->ack),
				param->kind);
	}
}

struct update_param {
	const char	*name;
	s32		seq, ack;	/* from SND.WL1, SND.WL2 */
	bool		syn;
	u32		wnd;
};

/* SND.WND is 4000, the segment's field is 100, the scale 3 */
static const struct update_param update_params[] = {
	{ "newer segment", 1, 0, false, 800 },
	{ "newer segment, older acknowledgment", 1, -1, false, 800 },
	{ "same segment, newer acknowledgment", 0, 1, false, 800 },
	{ "same segment, same acknowledgment", 0, 0, false, 800 },
	{ "same segment, older acknowledgment", 0, -1, false, 4000 },
	{ "older segment", -1, 0, false, 4000 },
	{ "older segment, newer acknowledgment", -1, 1, false, 4000 },
	{ "a SYN", -1000, -1000, true, 100 },
};

KUNIT_ARRAY_PARAM_DESC(update, update_params, name);

static void the_peer_changes_its_window(struct kunit *test)
{
	const struct update_param *param = test->param_value;
	struct kinet_snd_window window = {
		.wnd = 4000, .max = 4000, .wl1 = 0xffffffff, .wl2 = 0x7fffffff,
		.scale = 3,
	};
	bool changed;

	changed = kinet_snd_update(&window, window.wl1 + param->seq,
				   window.wl2 + param->ack, 100, param->syn);
	KUNIT_EXPECT_EQ(test, window.wnd, param->wnd);
	KUNIT_EXPECT_EQ(test, changed, param->wnd != 4000);
	KUNIT_EXPECT_EQ(test, window.max, 4000);
	if (changed) {
		KUNIT_EXPECT_EQ(test, window.wl1, 0xffffffffU + param->seq);
		KUNIT_EXPECT_EQ(test, window.wl2, 0x7fffffffU + param->ack);
		changed = kinet_snd_update(&window, window.wl1, window.wl2, 100,
					   param->syn);
		KUNIT_EXPECT_FALSE_MSG(test, changed, "the same again");
	}
}

static void the_largest_window_is_remembered(struct kunit *test)
{
	struct kinet_snd_window window = { .una = 10, .nxt = 110, .scale = 14 };

	kinet_snd_update(&window, 1, 10, 65535, false);
	KUNIT_EXPECT_EQ(test, window.max, 65535U << 14);
	kinet_snd_update(&window, 2, 10, 0, false);
	KUNIT_EXPECT_EQ(test, window.max, 65535U << 14);
	KUNIT_EXPECT_EQ_MSG(test, kinet_snd_usable(&window), 0, "shrunk: MUST-34");
}

#define WND(w)	.window = { .una = 0xfffffff0, .nxt = 0xfffffff0 + 100, \
			    .wnd = 100 + (w), .max = 10000 }

struct send_param {
	const char		*name;
	struct kinet_snd_window	window;
	struct kinet_sending	sending;
	u32			now;
};

/* 100 bytes are on their way; MSS is 1000 */
static const struct send_param send_params[] = {
	{ "nothing", WND(5000), { .queued = 0 }, 0 },
	{ "window is shut", WND(0), { .queued = 5000 }, 0 },
	{ "a full one", WND(5000), { .queued = 1000 }, 1000 },
	{ "a full one waits for nothing", WND(5000),
	  { .queued = 1000, .small_out = true, .corked = true }, 1000 },
	{ "the end is pushed", WND(5000), { .queued = 2500 }, 2500 },
	{ "Nagle holds the end", WND(5000),
	  { .queued = 2500, .small_out = true }, 2000 },
	{ "Nagle holds a small one", WND(5000),
	  { .queued = 10, .small_out = true }, 0 },
	{ "unless TCP_NODELAY", WND(5000),
	  { .queued = 10, .small_out = true, .nodelay = true }, 10 },
	{ "or with a FIN", WND(5000),
	  { .queued = 10, .small_out = true, .fin = true }, 10 },
	{ "a cork holds it", WND(5000), { .queued = 10, .corked = true }, 0 },
	{ "a cork is stronger than TCP_NODELAY", WND(5000),
	  { .queued = 2010, .corked = true, .nodelay = true }, 2000 },
	{ "a FIN draws the cork", WND(5000),
	  { .queued = 10, .corked = true, .fin = true }, 10 },
	{ "overdue", WND(5000),
	  { .queued = 10, .corked = true, .small_out = true, .overdue = true },
	  10 },
	{ "silly window", WND(999), { .queued = 5000 }, 0 },
	{ "silly window, no Nagle", WND(999),
	  { .queued = 5000, .nodelay = true }, 0 },
	{ "silly window, FIN behind it", WND(999),
	  { .queued = 5000, .fin = true }, 0 },
	{ "silly window, overdue", WND(999),
	  { .queued = 5000, .overdue = true }, 999 },
	{ "whole segments up to the edge", WND(2500), { .queued = 5000 }, 2000 },
	{ "all, up to the edge", WND(2500), { .queued = 2500 }, 2500 },
	{ "half of the largest window",
	  .window = { .una = 5, .nxt = 5, .wnd = 400, .max = 800 },
	  { .queued = 5000 }, 400 },
	{ "less than half of it",
	  .window = { .una = 5, .nxt = 5, .wnd = 399, .max = 800 },
	  { .queued = 5000 }, 0 },
	{ "half of it, but Nagle",
	  .window = { .una = 5, .nxt = 5, .wnd = 400, .max = 800 },
	  { .queued = 5000, .small_out = true }, 0 },
};

KUNIT_ARRAY_PARAM_DESC(send, send_params, name);

static void as_much_is_sent_as_should(struct kunit *test)
{
	const struct send_param *param = test->param_value;
	struct kinet_sending sending = param->sending;

	sending.mss = 1000;
	KUNIT_EXPECT_EQ(test, kinet_snd_now(&param->window, &sending), param->now);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE_PARAM(the_scale_suits_the_buffer, scale_gen_params),
	KUNIT_CASE(a_syn_has_no_scale),
	KUNIT_CASE_PARAM(windows_are_offered, offer_gen_params),
	KUNIT_CASE(the_edge_never_goes_back),
	KUNIT_CASE_PARAM(acknowledgments_are_told_apart, ack_gen_params),
	KUNIT_CASE_PARAM(the_peer_changes_its_window, update_gen_params),
	KUNIT_CASE(the_largest_window_is_remembered),
	KUNIT_CASE_PARAM(as_much_is_sent_as_should, send_gen_params),
	{}
};

static struct kunit_suite window_suite = {
	.name = "kinet_tcp_window",
	.test_cases = window_cases,
};

kunit_test_suite(window_suite);
