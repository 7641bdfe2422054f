// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive actors: what comes is copied, and answered, where it arrives
 */
#include "bench.h"

static size_t echo(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	struct conn *c = arg;
	size_t len, sent;

	len = min(rx->len, c->size - (size_t)c->received);
	ksock_rx_copy(rx, 0, c->buf + c->received, len);
	c->received += len;
	if (c->received < c->size)
		return len;
	c->received = 0;
	c->events++;
	c->failed = c->failed ?: ksock_send_atomic(s, c->buf, c->size, 0, &sent);
	if (!c->failed && sent < c->size)
		c->failed = -EAGAIN;
	return len;
}

static size_t take(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	size_t len = min_t(size_t, rx->len, BENCH_ROOM);
	struct conn *c = arg;

	ksock_rx_copy(rx, 0, c->buf, len);
	c->events++;
	conn_received(c, len);
	return len;
}

/* What it has come for is done where the bytes are: none is copied. */
static size_t look(ksocket_t s, void *arg, const struct ksock_rx *rx)
{
	struct conn *c = arg;

	c->events++;
	conn_received(c, rx->len);
	return rx->len;
}

static int by_echo(struct conn *c)
{
	return ksock_set_rx_actor(c->server.ks, echo, c);
}

static int by_take(struct conn *c)
{
	return ksock_set_rx_actor(c->server.ks, take, c);
}

static int by_look(struct conn *c)
{
	return ksock_set_rx_actor(c->server.ks, look, c);
}

static void stop(struct conn *c)
{
	ksock_set_rx_actor(c->server.ks, NULL, NULL);
}

static const struct server echoing = {
	.ks = true, .start = by_echo, .stop = stop,
};

static const struct server taking = {
	.ks = true, .start = by_take, .stop = stop,
};

static const struct server looking = {
	.ks = true, .start = by_look, .stop = stop,
};

const struct figure actor_figures[] = {
	{ "rpc-actor", run_rpc, &echoing, false, 1 },
	{ "rpc-actor-64", run_rpc, &echoing, false, BATCH },
	{ "stream-actor", run_stream, &taking, false, 4 << 10 },
	{ "message-actor", run_messages, &taking, false, 4 << 10 },
	{ "bulk-actor", run_messages, &taking, false, 64 << 10 },
	{ "bulk-in-place", run_messages, &looking, false, 64 << 10 },
	{ "bulk-no-copy", run_lent, &looking, true, 64 << 10 },
	{}
};
