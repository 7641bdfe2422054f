// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows of /proc/net/ksocket
 */
#include <linux/iopoll.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "recorder.h"

#define ROOM	1024

/* What the listing of @net says for an entry of ksock_list */
static const char *show(struct kunit *test, struct net *net, void *entry)
{
	struct seq_net_private private = { .net = net };
	struct seq_file seq = { .private = &private, .size = ROOM };
	int err;

	seq.buf = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seq.buf);
	spin_lock(&ksock_list_lock);
	err = ksock_seq_show(&seq, entry);
	spin_unlock(&ksock_list_lock);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(&seq));
	return seq.buf;
}

static const char *row(struct kunit *test, ksocket_t s)
{
	return show(test, &init_net, &s->node);
}

/* The words of a row, split at its blanks */
#define WORDS	13

static unsigned int split(struct kunit *test, const char *line,
			  const char **words)
{
	char *rest = kunit_kstrdup(test, line, GFP_KERNEL), *word;
	unsigned int n = 0;

	KUNIT_ASSERT_NOT_NULL(test, rest);
	while ((word = strsep(&rest, "\n "))) {
		if (!*word)
			continue;
		if (n < WORDS)
			words[n] = word;
		n++;
	}
	KUNIT_EXPECT_EQ_MSG(test, n, WORDS, "in: %s", line);
	return n;
}

static void expect_word(struct kunit *test, ksocket_t s, unsigned int column,
			const char *expected)
{
	const char *words[WORDS] = {};
	const char *line = row(test, s);

	split(test, line, words);
	KUNIT_ASSERT_NOT_NULL(test, words[column]);
	KUNIT_EXPECT_STREQ_MSG(test, words[column], expected,
			       "column %u of: %s", column, line);
}

enum {
	COL_MODULE, COL_FAMILY, COL_TYPE, COL_STATE, COL_LOCAL, COL_PEER,
	COL_RX_QUEUE, COL_TX_QUEUE, COL_RX_BYTES, COL_TX_BYTES,
	COL_CALLBACKS, COL_COALESCED, COL_LONGEST,
};

static void head_names_the_columns(struct kunit *test)
{
	static const char * const names[WORDS] = {
		"module", "family", "type", "state", "local", "peer",
		"rx-queue", "tx-queue", "rx-bytes", "tx-bytes",
		"callbacks", "coalesced", "longest-us",
	};
	const char *words[WORDS] = {};
	unsigned int i;

	split(test, show(test, &init_net, &ksock_list), words);
	for (i = 0; i < WORDS; i++)
		KUNIT_EXPECT_STREQ(test, words[i], names[i]);
}

/* The number in a column */
static unsigned int number(struct kunit *test, ksocket_t s, unsigned int column)
{
	const char *words[WORDS] = {};
	unsigned int n = 0;

	split(test, row(test, s), words);
	KUNIT_ASSERT_NOT_NULL(test, words[column]);
	KUNIT_EXPECT_EQ(test, kstrtouint(words[column], 10, &n), 0);
	return n;
}

struct row_param {
	const char *name;
	int domain;
	int type;
	const char *family;
	const char *kind;
};

static const struct row_param row_params[] = {
	{ "inet stream", AF_INET, SOCK_STREAM, "inet", "stream" },
	{ "inet dgram", AF_INET, SOCK_DGRAM, "inet", "dgram" },
	{ "inet6 stream", AF_INET6, SOCK_STREAM, "inet6", "stream" },
	{ "inet6 dgram", AF_INET6, SOCK_DGRAM, "inet6", "dgram" },
	{ "unix stream", AF_UNIX, SOCK_STREAM, "unix", "stream" },
	{ "unix dgram", AF_UNIX, SOCK_DGRAM, "unix", "dgram" },
	{ "unix seqpacket", AF_UNIX, SOCK_SEQPACKET, "unix", "seqpacket" },
};

KUNIT_ARRAY_PARAM_DESC(row, row_params, name);

static void row_tells_whose_and_what(struct kunit *test)
{
	const struct row_param *param = test->param_value;
	ksocket_t s = kt_socket(test, param->domain, param->type);

	expect_word(test, s, COL_MODULE, "ksocket_kunit");
	expect_word(test, s, COL_FAMILY, param->family);
	expect_word(test, s, COL_TYPE, param->kind);
	expect_word(test, s, COL_STATE, "closed");
}

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

static void text_of(struct kt_addr *addr, char *text, size_t size)
{
	snprintf(text, size, "%pISpc", &addr->name);
}

static void row_tells_the_names(struct kunit *test)
{
	struct kt_pair pair;
	char listening[64];

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	text_of(&pair.addr, listening, sizeof(listening));
	expect_word(test, pair.listener, COL_STATE, "listen");
	expect_word(test, pair.listener, COL_LOCAL, listening);
	expect_word(test, pair.client, COL_STATE, "established");
	expect_word(test, pair.client, COL_PEER, listening);
	expect_word(test, pair.server, COL_LOCAL, listening);
}

static void row_counts_the_bytes(struct kunit *test)
{
	struct kt_pair pair;
	u8 bytes[50] = {};

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 50, 0, NULL), 0);
	kt_wait_poll(test, pair.server, EPOLLIN);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 20, 0, NULL), 0);
	expect_word(test, pair.client, COL_TX_BYTES, "50");
	expect_word(test, pair.client, COL_RX_BYTES, "0");
	expect_word(test, pair.server, COL_RX_BYTES, "20");
	expect_word(test, pair.server, COL_RX_QUEUE, "30");
}

static void listener_tells_its_backlog(struct kunit *test)
{
	ksocket_t listener, caller;
	struct kt_addr addr;

	listener = kt_listen(test, kt_domain(test), SOCK_STREAM, 7, &addr);
	caller = kt_socket(test, kt_domain(test), SOCK_STREAM);
	KUNIT_ASSERT_EQ(test, kt_connect(caller, &addr), 0);
	kt_wait_poll(test, listener, EPOLLIN);
	expect_word(test, listener, COL_RX_QUEUE, "1");
	expect_word(test, listener, COL_TX_QUEUE, "7");
}

static void row_counts_the_callbacks(struct kunit *test)
{
	struct kt_recorder *rec;
	struct kt_pair pair;
	u8 bytes[4] = {};

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	expect_word(test, pair.server, COL_CALLBACKS, "0");
	rec = kt_record(test, pair.server, 0);
	expect_word(test, pair.server, COL_CALLBACKS, "0");
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 4);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_no_more(test, rec);
	expect_word(test, pair.server, COL_CALLBACKS, "2");
	expect_word(test, pair.server, COL_COALESCED, "0");
}

/* Two that come while a third runs are told as one. */
static void row_counts_what_was_told_together(struct kunit *test)
{
	const struct ksock_tuning tuning = { .nodelay = true };
	struct kt_recorder *rec = kt_recorder(test, KSOCK_CB_DEFERRED);
	struct kt_pair pair;
	u8 bytes[12] = {};
	unsigned int i;
	u64 together;

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_tune(pair.client, &tuning), 0);
	rec->run = kt_run_gate;
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair.server), 0);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0,
						 NULL), 0);
		kt_wait_gate(test, rec);
	}
	KUNIT_EXPECT_EQ(test, read_poll_timeout(READ_ONCE, together, together,
						1000, KT_BOUND_US, false,
						pair.server->events->coalesced),
			0);
	complete(&rec->leave);
	kt_expect_event(test, rec, KT_RECV, 4);
	kt_expect_event(test, rec, KT_RECV, 12);
	kt_expect_no_more(test, rec);
	expect_word(test, pair.server, COL_CALLBACKS, "2");
	expect_word(test, pair.server, COL_COALESCED, "1");
}

#define LONG_US	2000

static void run_long(struct kt_recorder *rec, const struct kt_event *event)
{
	u64 end = local_clock() + LONG_US * NSEC_PER_USEC;

	while (event->value && local_clock() < end)
		cpu_relax();
}

static void row_tells_the_longest_callback(struct kunit *test)
{
	struct kt_recorder *rec = kt_recorder(test, 0);
	struct kt_pair pair;
	unsigned int longest;
	u8 bytes[4] = {};

	kt_pair(test, kt_domain(test), SOCK_STREAM, &pair);
	rec->run = run_long;
	KUNIT_ASSERT_EQ(test, kt_register(rec, pair.server), 0);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 4, 0, NULL), 0);
	kt_expect_event(test, rec, KT_RECV, 4);
	kt_expect_no_more(test, rec);
	longest = number(test, pair.server, COL_LONGEST);
	KUNIT_EXPECT_GE(test, longest, LONG_US);
	KUNIT_ASSERT_EQ(test, ksock_shutdown(pair.client, SHUT_WR), 0);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_no_more(test, rec);
	KUNIT_EXPECT_GE_MSG(test, number(test, pair.server, COL_LONGEST),
			    longest, "a short one changes nothing");
}

struct path_param {
	const char *name;
	char path[32];
	const char *shown;
};

static const struct path_param path_params[] = {
	{ "abstract", "\0ksocket-kunit", "@ksocket-kunit" },
	{ "with a blank", "\0ksocket kunit", "@ksocket\\040kunit" },
	{ "with a line break", "\0ksocket\nkunit", "@ksocket\\012kunit" },
};

KUNIT_ARRAY_PARAM_DESC(path, path_params, name);

static void unix_name_is_one_word(struct kunit *test)
{
	const struct path_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_UNIX, SOCK_STREAM);
	struct kt_addr addr = { .name.ss_family = AF_UNIX };
	size_t len = 1 + strlen(param->path + 1);

	expect_word(test, s, COL_LOCAL, "-");
	memcpy((u8 *)&addr.name + sizeof(sa_family_t), param->path, len);
	addr.len = sizeof(sa_family_t) + len;
	KUNIT_ASSERT_EQ(test, ksock_bind(s, kt_sockaddr(&addr), addr.len), 0);
	expect_word(test, s, COL_LOCAL, param->shown);
}

static void socket_of_another_namespace_is_not_shown(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	static char other;

	KUNIT_EXPECT_STREQ(test, show(test, (struct net *)&other, &s->node),
			   "");
}

static struct kunit_case stats_cases[] = {
	KUNIT_CASE(head_names_the_columns),
	KUNIT_CASE_PARAM(row_tells_whose_and_what, row_gen_params),
	KUNIT_CASE_PARAM(row_tells_the_names, family_gen_params),
	KUNIT_CASE_PARAM(row_counts_the_bytes, family_gen_params),
	KUNIT_CASE_PARAM(listener_tells_its_backlog, family_gen_params),
	KUNIT_CASE_PARAM(row_counts_the_callbacks, family_gen_params),
	KUNIT_CASE_PARAM(row_counts_what_was_told_together, family_gen_params),
	KUNIT_CASE_PARAM(row_tells_the_longest_callback, family_gen_params),
	KUNIT_CASE_PARAM(unix_name_is_one_word, path_gen_params),
	KUNIT_CASE(socket_of_another_namespace_is_not_shown),
	{}
};

static struct kunit_suite stats_suite = {
	.name = "ksocket_stats",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = stats_cases,
};

kunit_test_suite(stats_suite);
