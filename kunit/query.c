// SPDX-License-Identifier: GPL-2.0-only
/*
 * A family that ksocket.ko knows by its answers only: events, ioctls, options
 */
#include <linux/bvec.h>
#include <linux/skbuff.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "fake.h"
#include "recorder.h"

/* What the family says has happened */
enum hook { DATA_READY, WRITE_SPACE, STATE_CHANGE, ERROR_REPORT };

/**
 * struct query_param - a state of a socket, and what its hook makes of it
 * @name: the rule that it shows
 * @type: of the socket
 * @passive: it has not called ksock_connect()
 * @fell_short: its last send has fallen short
 * @hook: which
 * @query: the state
 * @n: callbacks that come
 * @events: which, in this order
 */
struct query_param {
	const char *name;
	int type;
	bool passive;
	bool fell_short;
	enum hook hook;
	struct ksock_query query;
	unsigned int n;
	struct kt_event events[4];
};

static const struct query_param query_params[] = {
	{ "nothing", SOCK_STREAM, .hook = STATE_CHANGE },
	{ "connected", SOCK_STREAM, .hook = STATE_CHANGE,
	  .query = { .connected = true }, .n = 1, { { KT_CONNECTED } } },
	{ "connected and at its end", SOCK_STREAM, .hook = STATE_CHANGE,
	  .query = { .connected = true, .eof = true, .write_over = true,
		     .over = true },
	  .n = 4, { { KT_CONNECTED }, { KT_RECV }, { KT_XMIT },
		    { KT_DISCONNECTED } } },
	{ "refused", SOCK_STREAM, .hook = STATE_CHANGE,
	  .query = { .write_over = true, .over = true,
		     .reason = ECONNREFUSED },
	  .n = 1, { { KT_DISCONNECTED, ECONNREFUSED } } },
	{ "gone for an unknown reason", SOCK_STREAM, .hook = ERROR_REPORT,
	  .query = { .over = true, .reason = -1 },
	  .n = 1, { { KT_DISCONNECTED, -1 } } },
	{ "over, but never begun", SOCK_STREAM, .passive = true,
	  .hook = STATE_CHANGE, .query = { .over = true } },
	{ "data", SOCK_STREAM, .hook = DATA_READY,
	  .query = { .readable = 5, .position = 5 },
	  .n = 1, { { KT_RECV, 5 } } },
	{ "data_ready without data", SOCK_STREAM, .hook = DATA_READY },
	{ "data with the end", SOCK_STREAM, .hook = DATA_READY,
	  .query = { .readable = 5, .position = 5, .eof = true },
	  .n = 2, { { KT_RECV, 5 }, { KT_RECV, 0 } } },
	{ "half close", SOCK_STREAM, .hook = STATE_CHANGE,
	  .query = { .eof = true }, .n = 1, { { KT_RECV, 0 } } },
	{ "message", SOCK_DGRAM, .passive = true, .hook = DATA_READY,
	  .query = { .readable = 7 }, .n = 1, { { KT_RECV, 7 } } },
	{ "zero-length message", SOCK_DGRAM, .passive = true,
	  .hook = DATA_READY, .query = { .readable = -1 },
	  .n = 1, { { KT_RECV, -1 } } },
	{ "error instead of a message", SOCK_DGRAM, .passive = true,
	  .hook = ERROR_REPORT, .query = { .readable = -1 },
	  .n = 1, { { KT_RECV, -1 } } },
	{ "room after a send fell short", SOCK_STREAM, .fell_short = true,
	  .hook = WRITE_SPACE, .query = { .room = true },
	  .n = 1, { { KT_XMIT, KT_SOME } } },
	{ "room for a message", SOCK_DGRAM, .fell_short = true,
	  .hook = WRITE_SPACE, .query = { .room = true },
	  .n = 1, { { KT_XMIT, KT_SOME } } },
	{ "room with much unsent", SOCK_STREAM, .fell_short = true,
	  .hook = WRITE_SPACE,
	  .query = { .room = true, .unsent = 1ULL << 40 },
	  .n = 1, { { KT_XMIT, KT_SOME } } },
	{ "room that nobody waits for", SOCK_STREAM, .hook = WRITE_SPACE,
	  .query = { .room = true } },
	{ "less room than the family wants", SOCK_STREAM, .fell_short = true,
	  .hook = WRITE_SPACE },
	{ "sending is over", SOCK_STREAM, .hook = STATE_CHANGE,
	  .query = { .write_over = true }, .n = 1, { { KT_XMIT, 0 } } },
	{ "urgent mark before its byte", SOCK_STREAM, .hook = DATA_READY,
	  .query = { .urgent = true, .urg_seq = 3, .position = 3 },
	  .n = 1, { { KT_EXCEPTION, KSOCK_EXC_URG } } },
	{ "urgent mark with data", SOCK_STREAM, .hook = DATA_READY,
	  .query = { .urgent = true, .urg_seq = 3, .readable = 3,
		     .position = 4 },
	  .n = 2, { { KT_EXCEPTION, KSOCK_EXC_URG }, { KT_RECV, 3 } } },
};

KUNIT_ARRAY_PARAM_DESC(query, query_params, name);

static void connect(struct kunit *test, ksocket_t s)
{
	const struct sockaddr_storage addr = { .ss_family = KT_FAKE };
	int err;

	kt_set_nonblock(test, s);
	err = ksock_connect(s, (struct sockaddr *)&addr, sizeof(addr));
	KUNIT_ASSERT_EQ(test, err, -EINPROGRESS);
}

static void call_hook(ksocket_t s, enum hook hook)
{
	struct sock *sk = s->sock->sk;

	switch (hook) {
	case DATA_READY:
		sk->sk_data_ready(sk);
		break;
	case WRITE_SPACE:
		sk->sk_write_space(sk);
		break;
	case STATE_CHANGE:
		sk->sk_state_change(sk);
		break;
	case ERROR_REPORT:
		sk->sk_error_report(sk);
		break;
	}
}

static void expect_events(struct kunit *test, struct kt_recorder *rec,
			  const struct query_param *param)
{
	unsigned int i;

	for (i = 0; i < param->n; i++)
		kt_expect_event(test, rec, param->events[i].what,
				param->events[i].value);
	kt_expect_no_more(test, rec);
}

static void answer_makes_events(struct kunit *test, unsigned int flags)
{
	const struct query_param *param = test->param_value;
	ksocket_t s = kt_socket(test, KT_FAKE, param->type);
	struct kt_recorder *rec = kt_record(test, s, flags);

	if (!param->passive)
		connect(test, s);
	if (param->fell_short)
		set_bit(SOCK_NOSPACE, &s->sock->flags);
	kt_expect_no_more(test, rec);
	kt_fake(s)->query = param->query;
	call_hook(s, param->hook);
	expect_events(test, rec, param);
}

static void answer_makes_direct_events(struct kunit *test)
{
	answer_makes_events(test, 0);
}

static void answer_makes_deferred_events(struct kunit *test)
{
	answer_makes_events(test, KSOCK_CB_DEFERRED);
}

/* What is told at registration, as if it had happened then */
static void answer_is_replayed(struct kunit *test)
{
	const struct query_param *param = test->param_value;
	ksocket_t s = kt_socket(test, KT_FAKE, param->type);

	if (param->hook == WRITE_SPACE)
		kunit_skip(test, "room is told when it comes only");
	if (!param->passive)
		connect(test, s);
	kt_fake(s)->query = param->query;
	expect_events(test, kt_record(test, s, 0), param);
}

static const struct kt_mode modes[] = {
	{ KT_FAKE, 0, "direct" },
	{ KT_FAKE, KSOCK_CB_DEFERRED, "deferred" },
};

KUNIT_ARRAY_PARAM(mode, modes, kt_describe_mode);

static void stream_is_told_as_it_moves(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct ksock_query *query = &kt_fake(s)->query;
	struct kt_recorder *rec;

	rec = kt_record(test, s, kt_mode_flags(test));
	query->readable = 5;
	query->position = U32_MAX;
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_RECV, 5);
	call_hook(s, DATA_READY);
	query->readable = 2;
	call_hook(s, DATA_READY);
	kt_expect_no_more(test, rec);
	query->readable = 3;
	query->position = 0;
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_RECV, 3);
	kt_expect_no_more(test, rec);
}

static void each_urgent_mark_is_told(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct ksock_query *query = &kt_fake(s)->query;
	struct kt_recorder *rec;

	rec = kt_record(test, s, kt_mode_flags(test));
	query->urgent = true;
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	call_hook(s, DATA_READY);
	kt_expect_no_more(test, rec);
	query->urg_seq = 1;
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_URG);
	kt_expect_no_more(test, rec);
}

static void listener_tells_of_connections(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct kt_recorder *rec;

	rec = kt_record(test, s, kt_mode_flags(test));
	KUNIT_ASSERT_EQ(test, ksock_listen(s, 1), 0);
	kt_fake(s)->query.readable = 5;
	call_hook(s, DATA_READY);
	kt_expect_no_more(test, rec);
	sk_acceptq_added(s->sock->sk);
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_NEWCONN, 0);
	kt_expect_no_more(test, rec);
}

static void error_queue_is_told(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_DGRAM);
	struct sk_buff *skb = alloc_skb(1, GFP_KERNEL);
	struct kt_recorder *rec;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_queue_tail(&s->sock->sk->sk_error_queue, skb);
	rec = kt_record(test, s, kt_mode_flags(test));
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_ERRQUEUE);
	call_hook(s, ERROR_REPORT);
	kt_expect_event(test, rec, KT_EXCEPTION, KSOCK_EXC_ERRQUEUE);
	kt_expect_no_more(test, rec);
}

/* A callback must have interrupts enabled, so another context runs it. */
static void hook_is_called_without_interrupts(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct kt_recorder *rec;
	unsigned long flags;

	rec = kt_record(test, s, kt_mode_flags(test));
	kt_fake(s)->query.readable = 5;
	kt_fake(s)->query.position = 5;
	local_irq_save(flags);
	call_hook(s, DATA_READY);
	local_irq_restore(flags);
	kt_expect_event(test, rec, KT_RECV, 5);
	kt_expect_no_more(test, rec);
}

/* Then its state is what a sock of any family shows. */
static void family_need_not_answer(struct kunit *test)
{
	struct kt_recorder *rec;
	ksocket_t s;

	kt_fake_answers = false;
	s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	rec = kt_record(test, s, kt_mode_flags(test));
	kt_fake_answers = true;
	/* Something may wait: only a receive would tell. */
	kt_expect_event(test, rec, KT_RECV, -1);
	connect(test, s);
	WRITE_ONCE(s->sock->sk->sk_state, TCP_ESTABLISHED);
	call_hook(s, STATE_CHANGE);
	kt_expect_event(test, rec, KT_CONNECTED, 0);
	call_hook(s, DATA_READY);
	kt_expect_event(test, rec, KT_RECV, -1);
	WRITE_ONCE(s->sock->sk->sk_err, ETIMEDOUT);
	WRITE_ONCE(s->sock->sk->sk_shutdown, SHUTDOWN_MASK);
	WRITE_ONCE(s->sock->sk->sk_state, TCP_CLOSE);
	call_hook(s, ERROR_REPORT);
	kt_expect_event(test, rec, KT_RECV, 0);
	kt_expect_event(test, rec, KT_XMIT, 0);
	kt_expect_event(test, rec, KT_DISCONNECTED, ETIMEDOUT);
	kt_expect_no_more(test, rec);
}

/**
 * struct ioctl_param - a state of a socket, and what an ioctl tells of it
 * @name: the rule that it shows
 * @type: of the socket
 * @listens: it is a listener
 * @cmd: which ioctl
 * @query: the state
 * @result: its errno, or what it tells
 */
struct ioctl_param {
	const char *name;
	int type;
	bool listens;
	int cmd;
	struct ksock_query query;
	int result;
};

static const struct ioctl_param ioctl_params[] = {
	{ "bytes to read", SOCK_STREAM, .cmd = FIONREAD,
	  .query = { .readable = 5 }, .result = 5 },
	{ "nothing to read", SOCK_STREAM, .cmd = FIONREAD },
	{ "more to read than an int has", SOCK_STREAM, .cmd = FIONREAD,
	  .query = { .readable = 1LL << 40 }, .result = INT_MAX },
	{ "message to read", SOCK_DGRAM, .cmd = FIONREAD,
	  .query = { .readable = 7 }, .result = 7 },
	{ "message without bytes, or an error", SOCK_DGRAM, .cmd = FIONREAD,
	  .query = { .readable = -1 } },
	{ "bytes under way", SOCK_STREAM, .cmd = SIOCOUTQ,
	  .query = { .unsent = 9 }, .result = 9 },
	{ "more under way than an int has", SOCK_STREAM, .cmd = SIOCOUTQ,
	  .query = { .unsent = 1ULL << 40 }, .result = INT_MAX },
	{ "at the mark", SOCK_STREAM, .cmd = SIOCATMARK,
	  .query = { .at_mark = true }, .result = 1 },
	{ "not at the mark", SOCK_STREAM, .cmd = SIOCATMARK,
	  .query = { .urgent = true } },
	{ "messages have no mark", SOCK_DGRAM, .cmd = SIOCATMARK,
	  .query = { .at_mark = true }, .result = -ENOTTY },
	{ "listener's connections are no bytes", SOCK_STREAM, true, FIONREAD,
	  .query = { .readable = 1 }, .result = -EINVAL },
	{ "listener has nothing under way", SOCK_STREAM, true, SIOCOUTQ,
	  .result = -EINVAL },
	{ "listener is not at the mark", SOCK_STREAM, true, SIOCATMARK },
};

KUNIT_ARRAY_PARAM_DESC(ioctl, ioctl_params, name);

static void ioctl_tells_the_answer(struct kunit *test)
{
	const struct ioctl_param *param = test->param_value;
	ksocket_t s = kt_socket(test, KT_FAKE, param->type);
	int val = -1, err;

	if (param->listens)
		KUNIT_ASSERT_EQ(test, ksock_listen(s, 1), 0);
	kt_fake(s)->query = param->query;
	err = ksock_ioctl(s, param->cmd, (intptr_t)&val);
	KUNIT_EXPECT_EQ(test, err, min(param->result, 0));
	KUNIT_EXPECT_EQ(test, val, err ? -1 : param->result);
}

static void count_done(void *arg, bool copied)
{
	++*(int *)arg;
}

static void pages_are_lent_to_who_takes_them(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct kt_fake *fake = kt_fake(s);
	struct bio_vec bv;
	int lends, done;
	void *page;

	page = (void *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	bvec_set_page(&bv, virt_to_page(page), PAGE_SIZE, 0);
	for (lends = 0; lends < 2; lends++) {
		fake->query.lends = lends;
		KUNIT_EXPECT_EQ(test, ksock_send_bvec(s, &bv, 1, PAGE_SIZE, 0, NULL), 0);
		KUNIT_EXPECT_EQ(test, !!(fake->flags & MSG_SPLICE_PAGES), lends);
		KUNIT_EXPECT_NULL(test, fake->ubuf);
		done = 0;
		KUNIT_EXPECT_EQ(test, ksock_send_zc(s, &bv, 1, PAGE_SIZE, 0, NULL,
						    count_done, &done), 0);
		KUNIT_EXPECT_EQ(test, done, 1);
		KUNIT_EXPECT_EQ(test, !!(fake->flags & MSG_ZEROCOPY), lends);
		KUNIT_EXPECT_EQ(test, !!fake->ubuf, lends);
	}
	free_page((unsigned long)page);
}

static int read_number(ksocket_t s, int level, int option, int *val, int *len)
{
	*val = -1;
	*len = sizeof(*val);
	return ksock_getsockopt(s, level, option, val, len);
}

static void tell_number(ksocket_t s, int level, int name, int number)
{
	struct ksock_option *opt = &kt_fake(s)->option;

	opt->level = level;
	opt->name = name;
	opt->number = number;
	opt->len = sizeof(number);
}

struct option_param {
	const char *name;
	int level;
	int option;
};

static const struct option_param option_params[] = {
	{ "of TCP's level", IPPROTO_TCP, 1 },
	{ "of a level of its own", 4711, 12 },
	{ "of the socket level", SOL_SOCKET, SO_TYPE },
};

KUNIT_ARRAY_PARAM_DESC(option, option_params, name);

static void familys_option_is_read(struct kunit *test)
{
	const struct option_param *param = test->param_value;
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	int val, len;

	tell_number(s, param->level, param->option, 1234);
	KUNIT_EXPECT_EQ(test, read_number(s, param->level, param->option, &val,
					  &len), 0);
	KUNIT_EXPECT_EQ(test, val, 1234);
	KUNIT_EXPECT_EQ(test, len, (int)sizeof(val));
}

/* What any sock has is read from it; TCP's are not, since it is none. */
static void option_that_the_family_does_not_tell(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	int val, len;

	KUNIT_EXPECT_EQ(test, read_number(s, SOL_SOCKET, SO_TYPE, &val, &len), 0);
	KUNIT_EXPECT_EQ(test, val, SOCK_STREAM);
	KUNIT_EXPECT_EQ(test, read_number(s, IPPROTO_TCP, 1, &val, &len),
			-ENOPROTOOPT);
	KUNIT_EXPECT_EQ(test, val, -1);
}

static void number_of_the_family_is_not_cut(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	int val = -1, len, room;

	tell_number(s, 4711, 12, 1234);
	for (room = -1; room < (int)sizeof(val); room++) {
		len = room;
		KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, 4711, 12, &val, &len),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, val, -1);
		KUNIT_EXPECT_EQ(test, len, room);
	}
}

static void longer_value_of_the_family_is_cut(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	struct ksock_option *opt = &kt_fake(s)->option;
	u8 val[KSOCK_OPTION_MAX + 1];
	int len;

	opt->level = 4711;
	opt->len = sizeof(opt->value);
	memset(opt->value, 0xa5, sizeof(opt->value));
	memset(val, 0, sizeof(val));
	len = 7;
	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, 4711, 0, val, &len), 0);
	KUNIT_EXPECT_EQ(test, len, 7);
	KUNIT_EXPECT_EQ(test, val[6], 0xa5);
	KUNIT_EXPECT_EQ(test, val[7], 0);
	len = INT_MAX;
	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, 4711, 0, val, &len), 0);
	KUNIT_EXPECT_EQ(test, len, KSOCK_OPTION_MAX);
	KUNIT_EXPECT_EQ(test, val[KSOCK_OPTION_MAX - 1], 0xa5);
	KUNIT_EXPECT_EQ(test, val[KSOCK_OPTION_MAX], 0);
	len = -1;
	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, 4711, 0, val, &len), -EINVAL);
}

/* It might take the request for one of its own. */
static void family_that_does_not_answer_is_not_asked(struct kunit *test)
{
	ksocket_t s = kt_socket(test, KT_FAKE, SOCK_STREAM);
	int val, len;

	tell_number(s, SOL_SOCKET, SO_TYPE, 1234);
	kt_fake(s)->query.unsent = 9;
	kt_fake_answers = false;
	KUNIT_EXPECT_EQ(test, read_number(s, SOL_SOCKET, SO_TYPE, &val, &len), 0);
	KUNIT_EXPECT_EQ(test, ksock_ioctl(s, SIOCOUTQ, (intptr_t)&len), 0);
	kt_fake_answers = true;
	KUNIT_EXPECT_EQ(test, val, SOCK_STREAM);
	KUNIT_EXPECT_EQ(test, len, 0);
}

static struct kunit_case query_cases[] = {
	KUNIT_CASE_PARAM(answer_makes_direct_events, query_gen_params),
	KUNIT_CASE_PARAM(answer_makes_deferred_events, query_gen_params),
	KUNIT_CASE_PARAM(answer_is_replayed, query_gen_params),
	KUNIT_CASE_PARAM(stream_is_told_as_it_moves, mode_gen_params),
	KUNIT_CASE_PARAM(each_urgent_mark_is_told, mode_gen_params),
	KUNIT_CASE_PARAM(listener_tells_of_connections, mode_gen_params),
	KUNIT_CASE_PARAM(error_queue_is_told, mode_gen_params),
	KUNIT_CASE_PARAM(hook_is_called_without_interrupts, mode_gen_params),
	KUNIT_CASE_PARAM(family_need_not_answer, mode_gen_params),
	KUNIT_CASE(pages_are_lent_to_who_takes_them),
	KUNIT_CASE_PARAM(ioctl_tells_the_answer, ioctl_gen_params),
	KUNIT_CASE_PARAM(familys_option_is_read, option_gen_params),
	KUNIT_CASE(option_that_the_family_does_not_tell),
	KUNIT_CASE(number_of_the_family_is_not_cut),
	KUNIT_CASE(longer_value_of_the_family_is_cut),
	KUNIT_CASE(family_that_does_not_answer_is_not_asked),
	{}
};

static struct kunit_suite query_suite = {
	.name = "ksocket_query",
	.suite_init = kt_fake_register,
	.suite_exit = kt_fake_unregister,
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = query_cases,
};

kunit_test_suite(query_suite);
