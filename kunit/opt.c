// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options: what is set is read, and what the table doesn't know is not
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "pair.h"

#define GUARD	0xa5

enum kind { TCP4, TCP6, UDP4, UNIX };

static ksocket_t socket_of(struct kunit *test, enum kind kind)
{
	switch (kind) {
	case TCP6:
		return kt_socket(test, AF_INET6, SOCK_STREAM);
	case UDP4:
		return kt_socket(test, AF_INET, SOCK_DGRAM);
	case UNIX:
		return kt_socket(test, AF_UNIX, SOCK_STREAM);
	default:
		return kt_socket(test, AF_INET, SOCK_STREAM);
	}
}

/* An option that is set to a value and then read as another, or as the same */
struct num_param {
	const char *name;
	enum kind kind;
	int level;
	int option;
	int set;
	int read;
};

static const struct num_param num_params[] = {
	{ "SO_SNDBUF doubles", TCP4, SOL_SOCKET, SO_SNDBUF, 20000, 40000 },
	{ "SO_RCVBUF doubles", TCP4, SOL_SOCKET, SO_RCVBUF, 20000, 40000 },
	{ "SO_SNDBUF, unix", UNIX, SOL_SOCKET, SO_SNDBUF, 20000, 40000 },
	{ "SO_REUSEADDR", TCP4, SOL_SOCKET, SO_REUSEADDR, 7, 1 },
	{ "SO_REUSEPORT", TCP4, SOL_SOCKET, SO_REUSEPORT, 7, 1 },
	{ "SO_KEEPALIVE", TCP4, SOL_SOCKET, SO_KEEPALIVE, 7, 1 },
	{ "SO_OOBINLINE", TCP4, SOL_SOCKET, SO_OOBINLINE, 7, 1 },
	{ "SO_BROADCAST", UDP4, SOL_SOCKET, SO_BROADCAST, 7, 1 },
	{ "SO_RCVLOWAT", TCP4, SOL_SOCKET, SO_RCVLOWAT, 5, 5 },
	{ "SO_PRIORITY", TCP4, SOL_SOCKET, SO_PRIORITY, 6, 6 },
	{ "SO_MARK", TCP4, SOL_SOCKET, SO_MARK, 42, 42 },
	{ "SO_BINDTOIFINDEX", TCP4, SOL_SOCKET, SO_BINDTOIFINDEX, 1, 1 },
	{ "TCP_NODELAY", TCP4, IPPROTO_TCP, TCP_NODELAY, 1, 1 },
	{ "TCP_NODELAY, inet6", TCP6, IPPROTO_TCP, TCP_NODELAY, 1, 1 },
	{ "TCP_CORK", TCP4, IPPROTO_TCP, TCP_CORK, 1, 1 },
	{ "TCP_MAXSEG", TCP4, IPPROTO_TCP, TCP_MAXSEG, 1000, 1000 },
	{ "TCP_KEEPIDLE", TCP4, IPPROTO_TCP, TCP_KEEPIDLE, 11, 11 },
	{ "TCP_KEEPINTVL", TCP4, IPPROTO_TCP, TCP_KEEPINTVL, 12, 12 },
	{ "TCP_KEEPCNT", TCP4, IPPROTO_TCP, TCP_KEEPCNT, 13, 13 },
	{ "TCP_SYNCNT", TCP4, IPPROTO_TCP, TCP_SYNCNT, 3, 3 },
	{ "TCP_USER_TIMEOUT", TCP4, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500, 1500 },
	{ "TCP_QUICKACK off", TCP4, IPPROTO_TCP, TCP_QUICKACK, 0, 0 },
	{ "TCP_LINGER2", TCP4, IPPROTO_TCP, TCP_LINGER2, 9, 9 },
	{ "TCP_LINGER2 none", TCP4, IPPROTO_TCP, TCP_LINGER2, -1, -1 },
	{ "TCP_NOTSENT_LOWAT", TCP4, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 99, 99 },
	{ "IP_TOS", TCP4, IPPROTO_IP, IP_TOS, 0x10, 0x10 },
	{ "IP_TTL", UDP4, IPPROTO_IP, IP_TTL, 33, 33 },
	{ "IP_FREEBIND", TCP4, IPPROTO_IP, IP_FREEBIND, 1, 1 },
	{ "IP_TOS, inet6", TCP6, IPPROTO_IP, IP_TOS, 0x10, 0x10 },
	{ "IPV6_V6ONLY", TCP6, IPPROTO_IPV6, IPV6_V6ONLY, 1, 1 },
	{ "IPV6_TCLASS", TCP6, IPPROTO_IPV6, IPV6_TCLASS, 0x20, 0x20 },
	{ "IPV6_UNICAST_HOPS", TCP6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44, 44 },
	{ "IPV6_FREEBIND", TCP6, IPPROTO_IPV6, IPV6_FREEBIND, 1, 1 },
};

KUNIT_ARRAY_PARAM_DESC(num, num_params, name);

static void number_that_was_set_is_read(struct kunit *test)
{
	const struct num_param *param = test->param_value;
	ksocket_t s = socket_of(test, param->kind);

	kt_set_int(test, s, param->level, param->option, param->set);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, param->level, param->option),
			param->read);
}

/* How a socket is born; the defaults are those that tcp(7) and ip(7) give. */
static const struct num_param default_params[] = {
	{ "SO_TYPE stream", TCP4, SOL_SOCKET, SO_TYPE, 0, SOCK_STREAM },
	{ "SO_TYPE datagram", UDP4, SOL_SOCKET, SO_TYPE, 0, SOCK_DGRAM },
	{ "SO_PROTOCOL tcp", TCP6, SOL_SOCKET, SO_PROTOCOL, 0, IPPROTO_TCP },
	{ "SO_PROTOCOL udp", UDP4, SOL_SOCKET, SO_PROTOCOL, 0, IPPROTO_UDP },
	{ "SO_PROTOCOL unix", UNIX, SOL_SOCKET, SO_PROTOCOL, 0, 0 },
	{ "SO_DOMAIN inet", TCP4, SOL_SOCKET, SO_DOMAIN, 0, AF_INET },
	{ "SO_DOMAIN inet6", TCP6, SOL_SOCKET, SO_DOMAIN, 0, AF_INET6 },
	{ "SO_DOMAIN unix", UNIX, SOL_SOCKET, SO_DOMAIN, 0, AF_UNIX },
	{ "SO_ACCEPTCONN", TCP4, SOL_SOCKET, SO_ACCEPTCONN, 0, 0 },
	{ "SO_ERROR", TCP4, SOL_SOCKET, SO_ERROR, 0, 0 },
	{ "SO_REUSEADDR", TCP4, SOL_SOCKET, SO_REUSEADDR, 0, 0 },
	{ "SO_KEEPALIVE", TCP4, SOL_SOCKET, SO_KEEPALIVE, 0, 0 },
	{ "SO_RCVLOWAT", TCP4, SOL_SOCKET, SO_RCVLOWAT, 0, 1 },
	{ "SO_MARK", TCP4, SOL_SOCKET, SO_MARK, 0, 0 },
	{ "TCP_NODELAY", TCP4, IPPROTO_TCP, TCP_NODELAY, 0, 0 },
	{ "TCP_KEEPIDLE", TCP4, IPPROTO_TCP, TCP_KEEPIDLE, 0, 7200 },
	{ "TCP_KEEPINTVL", TCP4, IPPROTO_TCP, TCP_KEEPINTVL, 0, 75 },
	{ "TCP_KEEPCNT", TCP4, IPPROTO_TCP, TCP_KEEPCNT, 0, 9 },
	{ "TCP_SYNCNT", TCP4, IPPROTO_TCP, TCP_SYNCNT, 0, 6 },
	{ "TCP_USER_TIMEOUT", TCP4, IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 0 },
	{ "TCP_LINGER2", TCP4, IPPROTO_TCP, TCP_LINGER2, 0, 60 },
	{ "IP_TOS", TCP4, IPPROTO_IP, IP_TOS, 0, 0 },
	{ "IP_TTL", TCP4, IPPROTO_IP, IP_TTL, 0, 64 },
	{ "IPV6_UNICAST_HOPS", TCP6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 0, 64 },
	{ "IPV6_V6ONLY", TCP6, IPPROTO_IPV6, IPV6_V6ONLY, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(default, default_params, name);

static void default_is_read(struct kunit *test)
{
	const struct num_param *param = test->param_value;
	ksocket_t s = socket_of(test, param->kind);

	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, param->level, param->option),
			param->read);
}

/* Options that are unknown, or of another family or protocol */
static const struct num_param unknown_params[] = {
	{ "unknown level", TCP4, 4711, 1, 0, 0 },
	{ "unknown option", TCP4, SOL_SOCKET, 4711, 0, 0 },
	{ "negative option", TCP4, IPPROTO_TCP, -1, 0, 0 },
	{ "TCP_NODELAY, udp", UDP4, IPPROTO_TCP, TCP_NODELAY, 0, 0 },
	{ "TCP_INFO, unix", UNIX, IPPROTO_TCP, TCP_INFO, 0, 0 },
	{ "IP_TOS, unix", UNIX, IPPROTO_IP, IP_TOS, 0, 0 },
	{ "IPV6_V6ONLY, inet", TCP4, IPPROTO_IPV6, IPV6_V6ONLY, 0, 0 },
	{ "IPV6_TCLASS, unix", UNIX, IPPROTO_IPV6, IPV6_TCLASS, 0, 0 },
	{ "SO_PEERCRED", UNIX, SOL_SOCKET, SO_PEERCRED, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(unknown, unknown_params, name);

static void option_of_something_else_is_refused(struct kunit *test)
{
	const struct num_param *param = test->param_value;
	ksocket_t s = socket_of(test, param->kind);
	int val = GUARD, len = sizeof(val), err;

	err = ksock_getsockopt(s, param->level, param->option, &val, &len);
	KUNIT_EXPECT_EQ(test, err, -ENOPROTOOPT);
	KUNIT_EXPECT_EQ(test, val, GUARD);
	KUNIT_EXPECT_EQ(test, len, (int)sizeof(val));
}

struct room_param {
	const char *name;
	int level;
	int option;
	int room;
	int err;
	int len;
};

static const struct room_param room_params[] = {
	{ "number, too little", SOL_SOCKET, SO_TYPE, 3, -EINVAL, 3 },
	{ "number, none", SOL_SOCKET, SO_TYPE, 0, -EINVAL, 0 },
	{ "number, negative", SOL_SOCKET, SO_TYPE, -1, -EINVAL, -1 },
	{ "number, enough", SOL_SOCKET, SO_TYPE, 4, 0, 4 },
	{ "number, too much", SOL_SOCKET, SO_TYPE, 300, 0, 4 },
	{ "linger, too little", SOL_SOCKET, SO_LINGER, 7, -EINVAL, 7 },
	{ "linger, too much", SOL_SOCKET, SO_LINGER, 300, 0, 8 },
	{ "time, too little", SOL_SOCKET, SO_RCVTIMEO, 15, -EINVAL, 15 },
	{ "info, cut", IPPROTO_TCP, TCP_INFO, 10, 0, 10 },
	{ "info, none", IPPROTO_TCP, TCP_INFO, 0, 0, 0 },
	{ "info, negative", IPPROTO_TCP, TCP_INFO, INT_MIN, -EINVAL, INT_MIN },
	{ "info, too much", IPPROTO_TCP, TCP_INFO, 300, 0,
	  sizeof(struct tcp_info) },
	{ "name, cut", IPPROTO_TCP, TCP_CONGESTION, 3, 0, 3 },
};

KUNIT_ARRAY_PARAM_DESC(room, room_params, name);

static void value_is_stored_where_there_is_room(struct kunit *test)
{
	const struct room_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int len = param->room, err, i;
	u8 val[304];

	memset(val, GUARD, sizeof(val));
	err = ksock_getsockopt(s, param->level, param->option, val, &len);
	KUNIT_EXPECT_EQ(test, err, param->err);
	KUNIT_EXPECT_EQ(test, len, param->len);
	for (i = err ? 0 : len; i < sizeof(val); i++)
		KUNIT_ASSERT_EQ_MSG(test, val[i], GUARD, "at byte %d", i);
}

static void nowhere_to_store_the_value_is_a_fault(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int val, len = sizeof(val);

	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, SO_TYPE, NULL,
					       &len), -EFAULT);
	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, SO_TYPE, &val,
					       NULL), -EFAULT);
}

static void value_with_a_bad_length_is_not_set(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int val = 1;

	KUNIT_EXPECT_EQ(test, ksock_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE,
					       &val, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE,
					       &val, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE,
					       NULL, 4), -EFAULT);
	KUNIT_EXPECT_EQ(test, ksock_setsockopt(s, IPPROTO_TCP, TCP_NODELAY,
					       NULL, 4), -EFAULT);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, SOL_SOCKET, SO_KEEPALIVE), 0);
}

static void linger_is_read_in_seconds(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int len = sizeof(struct linger);
	struct linger linger;

	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, SO_LINGER,
					       &linger, &len), 0);
	KUNIT_EXPECT_EQ(test, linger.l_onoff, 0);
	kt_set_linger(test, s, 3);
	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, SO_LINGER,
					       &linger, &len), 0);
	KUNIT_EXPECT_EQ(test, linger.l_onoff, 1);
	KUNIT_EXPECT_EQ(test, linger.l_linger, 3);
}

struct time_param {
	const char *name;
	int option;
	int old;
};

static const struct time_param time_params[] = {
	{ "receive", SO_RCVTIMEO_NEW, SO_RCVTIMEO_OLD },
	{ "send", SO_SNDTIMEO_NEW, SO_SNDTIMEO_OLD },
};

KUNIT_ARRAY_PARAM_DESC(time, time_params, name);

static void timeout_is_read_in_both_layouts(struct kunit *test)
{
	const struct time_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	struct __kernel_sock_timeval time;
	struct __kernel_old_timeval old;
	int len = sizeof(time);

	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, param->option,
					       &time, &len), 0);
	KUNIT_EXPECT_EQ_MSG(test, time.tv_sec, 0, "0 is for ever");
	KUNIT_EXPECT_EQ(test, time.tv_usec, 0);
	kt_set_timeout(test, s, param->option, 2500);
	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, param->option,
					       &time, &len), 0);
	KUNIT_EXPECT_EQ(test, time.tv_sec, 2);
	KUNIT_EXPECT_EQ(test, time.tv_usec, 500000);
	len = sizeof(old);
	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, param->old, &old,
					       &len), 0);
	KUNIT_EXPECT_EQ(test, old.tv_sec, 2);
	KUNIT_EXPECT_EQ(test, old.tv_usec, 500000);
}

static void congestion_control_is_named(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	char name[TCP_CA_NAME_MAX];
	int len = sizeof(name);

	KUNIT_ASSERT_EQ(test, ksock_setsockopt(s, IPPROTO_TCP, TCP_CONGESTION,
					       "reno", 4), 0);
	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, IPPROTO_TCP, TCP_CONGESTION,
					       name, &len), 0);
	KUNIT_EXPECT_STREQ(test, name, "reno");
	KUNIT_EXPECT_EQ(test, len, TCP_CA_NAME_MAX);
}

static void listener_says_that_it_accepts(struct kunit *test)
{
	struct kt_addr addr;
	ksocket_t s;

	s = kt_listen(test, AF_INET, SOCK_STREAM, 1, &addr);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, SOL_SOCKET, SO_ACCEPTCONN),
			1);
}

static void error_is_read_once(struct kunit *test)
{
	struct kt_pair pair;

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	kt_set_linger(test, pair.server, 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_wait_poll(test, pair.client, EPOLLERR);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, pair.client, SOL_SOCKET,
					 SO_ERROR), ECONNRESET);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, pair.client, SOL_SOCKET,
					 SO_ERROR), 0);
}

static void mtu_is_the_routes(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	int mtu, len = sizeof(mtu);
	struct kt_pair pair;

	KUNIT_EXPECT_EQ(test, ksock_getsockopt(s, IPPROTO_IP, IP_MTU, &mtu,
					       &len), -ENOTCONN);
	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	mtu = READ_ONCE(init_net.loopback_dev->mtu);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, pair.client, IPPROTO_IP, IP_MTU),
			min_t(int, mtu, IP_MAX_MTU));
}

static void info_tells_the_state(struct kunit *test)
{
	struct tcp_info info;
	int len = sizeof(info);
	struct kt_pair pair;
	u8 bytes[100] = {};

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_send(pair.client, bytes, 100, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_recv(pair.server, bytes, 100, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, ksock_getsockopt(pair.server, IPPROTO_TCP,
					       TCP_INFO, &info, &len), 0);
	KUNIT_EXPECT_EQ(test, info.tcpi_state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, info.tcpi_bytes_received, 100);
}

static struct kunit_case opt_cases[] = {
	KUNIT_CASE_PARAM(number_that_was_set_is_read, num_gen_params),
	KUNIT_CASE_PARAM(default_is_read, default_gen_params),
	KUNIT_CASE_PARAM(option_of_something_else_is_refused,
			 unknown_gen_params),
	KUNIT_CASE_PARAM(value_is_stored_where_there_is_room, room_gen_params),
	KUNIT_CASE(nowhere_to_store_the_value_is_a_fault),
	KUNIT_CASE(value_with_a_bad_length_is_not_set),
	KUNIT_CASE(linger_is_read_in_seconds),
	KUNIT_CASE_PARAM(timeout_is_read_in_both_layouts, time_gen_params),
	KUNIT_CASE(congestion_control_is_named),
	KUNIT_CASE(listener_says_that_it_accepts),
	KUNIT_CASE(error_is_read_once),
	KUNIT_CASE(mtu_is_the_routes),
	KUNIT_CASE(info_tells_the_state),
	{}
};

static struct kunit_suite opt_suite = {
	.name = "ksocket_opt",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = opt_cases,
};

kunit_test_suite(opt_suite);
