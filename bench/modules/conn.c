// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connect, accept, close: by FIN of both, or a reset by who connected
 */
#include "bench.h"

static int set_reset(struct end *e)
{
	const struct ksock_tuning tuning = { .reset_on_close = true };

	if (e->ks)
		return ksock_tune(e->ks, &tuning);
	sock_no_linger(e->sock->sk);
	return 0;
}

static int come_and_go(struct listener *l, bool ks, bool reset)
{
	struct end client, server;
	int err;

	err = end_connect(&client, ks, &l->at);
	if (err)
		return err;
	err = end_accept(l, &server);
	if (!err && reset)
		err = set_reset(&client);
	end_close(&client);
	end_close(&server);
	return err;
}

static int times(struct listener *l, bool ks, bool reset, unsigned int n)
{
	int err = 0;

	while (n-- && !err)
		err = come_and_go(l, ks, reset);
	return err;
}

static int connections(bool ks, bool reset, unsigned int n)
{
	struct listener l;
	int err;

	err = listener_open(&l, ks);
	if (err)
		return err;
	err = times(&l, ks, reset, n / 10 + 10);
	if (err)
		goto close;
	bench_begin();
	err = times(&l, ks, reset, n);
	bench_end(n);
close:
	listener_close(&l);
	return err;
}

static int run_fin(const struct figure *f, unsigned int n)
{
	return connections(f->ks, false, n);
}

static int run_reset(const struct figure *f, unsigned int n)
{
	return connections(f->ks, true, n);
}

const struct figure conn_figures[] = {
	{ "conn-raw-fin", run_fin }, { "conn-raw-reset", run_reset },
	{ "conn-ksock-fin", run_fin, .ks = true },
	{ "conn-ksock-reset", run_reset, .ks = true },
	{}
};
