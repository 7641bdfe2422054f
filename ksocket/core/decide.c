// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which events a look at a socket makes: pure functions of what was seen and
 * what was told
 */
#include "core.h"

/*
 * Data is new when the stream has grown since it was told. What can't be
 * counted that way is new when it arrived.
 */
static bool ksock_data_is_new(const struct ksock_seen *seen,
			      const struct ksock_told *told)
{
	if (!seen->readable || told->eof)
		return false;
	if (!seen->positioned)
		return seen->arrived;
	return !told->positioned || seen->position != told->position;
}

static u32 ksock_decide_recv(const struct ksock_seen *seen,
			     struct ksock_told *told)
{
	u32 events = 0;

	if (ksock_data_is_new(seen, told)) {
		events |= BIT(KSOCK_EV_RECV);
		told->positioned = seen->positioned;
		told->position = seen->position;
	}
	if (seen->eof && !told->eof) {
		events |= BIT(KSOCK_EV_RECV_END);
		told->eof = true;
	}
	return events;
}

static u32 ksock_decide_xmit(const struct ksock_seen *seen,
			     struct ksock_told *told)
{
	if (told->write_over)
		return 0;
	if (!seen->write_over)
		return seen->room ? BIT(KSOCK_EV_XMIT) : 0;
	told->write_over = true;
	return BIT(KSOCK_EV_XMIT_END);
}

static u32 ksock_decide_urgent(const struct ksock_seen *seen,
			       struct ksock_told *told)
{
	if (!seen->urgent || (told->urgent && told->urg_seq == seen->urg_seq))
		return 0;
	told->urgent = true;
	told->urg_seq = seen->urg_seq;
	return BIT(KSOCK_EV_URGENT);
}

/**
 * ksock_decide() - which events are to be told
 * @seen: what a look has found
 * @told: what was told already; updated
 *
 * The end of a connection is the last that is told of it. Who never was
 * connected has no stream that could end.
 *
 * Return: bits by &enum ksock_event.
 */
u32 ksock_decide(const struct ksock_seen *seen, struct ksock_told *told)
{
	u32 events = 0;

	if (told->over)
		return 0;
	if (seen->listening)
		return seen->waiting ? BIT(KSOCK_EV_NEWCONN) : 0;
	if (seen->connected && !told->connected) {
		told->connected = true;
		events |= BIT(KSOCK_EV_CONNECTED);
	}
	events |= ksock_decide_urgent(seen, told);
	if (seen->errqueue)
		events |= BIT(KSOCK_EV_ERRQUEUE);
	if (!seen->over || told->connected) {
		events |= ksock_decide_recv(seen, told);
		events |= ksock_decide_xmit(seen, told);
	}
	if (seen->over) {
		told->over = true;
		events |= BIT(KSOCK_EV_DISCONNECTED);
	}
	return events;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_decide);

/**
 * ksock_stream_readable() - bytes that receives of a stream would return
 * @from: sequence number of the next byte
 * @to: that of the one behind the last
 * @urgent: one of them may be urgent, and would be stepped over
 * @urg_seq: which
 *
 * Return: how many, 0 for none.
 */
u32 ksock_stream_readable(u32 from, u32 to, bool urgent, u32 urg_seq)
{
	u32 n = to - from;

	if ((s32)n <= 0)
		return 0;
	return urgent && urg_seq - from < n ? n - 1 : n;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_stream_readable);
