// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many options at once, and reserved ports
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>

#include "pair.h"

/* A tuning, and the option that shows it */
struct tune_param {
	const char *name;
	int domain;
	struct ksock_tuning tuning;
	int level;
	int option;
	int read;
};

static const struct tune_param tune_params[] = {
	{ "nodelay", AF_INET, { .nodelay = true },
	  IPPROTO_TCP, TCP_NODELAY, 1 },
	{ "keepidle", AF_INET, { .keepidle = 11 },
	  IPPROTO_TCP, TCP_KEEPIDLE, 11 },
	{ "keepintvl", AF_INET, { .keepintvl = 12 },
	  IPPROTO_TCP, TCP_KEEPINTVL, 12 },
	{ "keepcnt", AF_INET6, { .keepcnt = 13 },
	  IPPROTO_TCP, TCP_KEEPCNT, 13 },
	{ "keepidle turns it on", AF_INET, { .keepidle = 11 },
	  SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "keepintvl turns it on", AF_INET, { .keepintvl = 12 },
	  SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "keepcnt turns it on", AF_INET, { .keepcnt = 13 },
	  SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "user timeout", AF_INET, { .user_timeout = 1500 },
	  IPPROTO_TCP, TCP_USER_TIMEOUT, 1500 },
	{ "tos", AF_INET, { .tos = 0x10 }, IPPROTO_IP, IP_TOS, 0x10 },
	{ "tos of inet6", AF_INET6, { .tos = 0x10 },
	  IPPROTO_IPV6, IPV6_TCLASS, 0x10 },
	{ "tos of a mapped address", AF_INET6, { .tos = 0x10 },
	  IPPROTO_IP, IP_TOS, 0x10 },
	{ "sndbuf", AF_INET, { .sndbuf = 20000 },
	  SOL_SOCKET, SO_SNDBUF, 40000 },
	{ "rcvbuf", AF_UNIX, { .rcvbuf = 20000 },
	  SOL_SOCKET, SO_RCVBUF, 40000 },
	{ "device", AF_INET, { .device = "lo" },
	  SOL_SOCKET, SO_BINDTOIFINDEX, 1 },
	/* What a tuning does not name stays as it was. */
	{ "no nodelay", AF_INET, { .keepidle = 11 },
	  IPPROTO_TCP, TCP_NODELAY, 0 },
	{ "no keepalive", AF_INET, { .nodelay = true },
	  SOL_SOCKET, SO_KEEPALIVE, 0 },
	{ "no device", AF_INET, { .nodelay = true },
	  SOL_SOCKET, SO_BINDTOIFINDEX, 0 },
};

KUNIT_ARRAY_PARAM_DESC(tune, tune_params, name);

static void tuned_member_is_set(struct kunit *test)
{
	const struct tune_param *param = test->param_value;
	ksocket_t s = kt_socket(test, param->domain, SOCK_STREAM);

	KUNIT_ASSERT_EQ(test, ksock_tune(s, &param->tuning), 0);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, s, param->level, param->option),
			param->read);
}

static void get_linger(struct kunit *test, ksocket_t s, struct linger *linger)
{
	int len = sizeof(*linger);

	KUNIT_ASSERT_EQ(test, ksock_getsockopt(s, SOL_SOCKET, SO_LINGER, linger,
					       &len), 0);
}

static void linger_is_tuned(struct kunit *test)
{
	const struct ksock_tuning longer = { .linger = 7 };
	const struct ksock_tuning nodelay = { .nodelay = true };
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	struct linger linger;

	KUNIT_ASSERT_EQ(test, ksock_tune(s, &nodelay), 0);
	get_linger(test, s, &linger);
	KUNIT_EXPECT_EQ(test, linger.l_onoff, 0);
	KUNIT_ASSERT_EQ(test, ksock_tune(s, &longer), 0);
	get_linger(test, s, &linger);
	KUNIT_EXPECT_EQ(test, linger.l_onoff, 1);
	KUNIT_EXPECT_EQ(test, linger.l_linger, 7);
}

static void close_resets_when_tuned_so(struct kunit *test)
{
	const struct ksock_tuning tuning = { .reset_on_close = true };
	struct kt_pair pair;

	kt_pair(test, AF_INET, SOCK_STREAM, &pair);
	KUNIT_ASSERT_EQ(test, ksock_tune(pair.server, &tuning), 0);
	KUNIT_ASSERT_EQ(test, ksock_close(pair.server), 0);
	kt_wait_poll(test, pair.client, EPOLLERR);
	KUNIT_EXPECT_EQ(test, kt_get_int(test, pair.client, SOL_SOCKET,
					 SO_ERROR), ECONNRESET);
}

/* A tuning that can't be, and what it is answered with */
struct bad_param {
	const char *name;
	int type;
	struct ksock_tuning tuning;
	int err;
};

static const struct bad_param bad_params[] = {
	{ "linger and reset", SOCK_STREAM,
	  { .linger = 1, .reset_on_close = true }, -EINVAL },
	{ "keepidle of 2^31", SOCK_STREAM, { .keepidle = 1U << 31 }, -EINVAL },
	{ "sndbuf of 2^32-1", SOCK_STREAM, { .sndbuf = U32_MAX }, -EINVAL },
	{ "keepcnt beyond TCP's", SOCK_STREAM, { .keepcnt = 128 }, -EINVAL },
	{ "nodelay of a datagram", SOCK_DGRAM, { .nodelay = true },
	  -ENOPROTOOPT },
	{ "device that is not there", SOCK_STREAM, { .device = "absent" },
	  -ENODEV },
};

KUNIT_ARRAY_PARAM_DESC(bad, bad_params, name);

static void bad_tuning_is_refused(struct kunit *test)
{
	const struct bad_param *param = test->param_value;
	ksocket_t s = kt_socket(test, AF_INET, param->type);

	KUNIT_EXPECT_EQ(test, ksock_tune(s, &param->tuning), param->err);
}

static void nothing_to_tune_is_told(struct kunit *test)
{
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	const struct ksock_tuning tuning = {};

	KUNIT_EXPECT_EQ(test, ksock_tune(NULL, &tuning), -ENOTSOCK);
	KUNIT_EXPECT_EQ(test, ksock_tune(s, NULL), -EFAULT);
	ksock_hold(s);
	KUNIT_ASSERT_EQ(test, ksock_close(s), 0);
	KUNIT_EXPECT_EQ(test, ksock_tune(s, &tuning), -ENOTSOCK);
	ksock_rele(s);
}

static const struct kt_family families[] = {
	{ AF_INET, "inet" },
	{ AF_INET6, "inet6" },
};

KUNIT_ARRAY_PARAM(family, families, kt_describe_family);

/* Bind to a reserved port of the loopback; the port, or an errno. */
static int bind_reserved(struct kunit *test, int domain)
{
	ksocket_t s = kt_socket(test, domain, SOCK_STREAM);
	struct sockaddr_storage name = { .ss_family = domain };
	socklen_t len = sizeof(struct sockaddr_in6);
	int err;

	/* IPv4's port is at the same place. */
	((struct sockaddr_in6 *)&name)->sin6_port = htons(8080);
	err = ksock_bind_reserved(s, (struct sockaddr *)&name, len);
	if (err)
		return err;
	len = sizeof(name);
	KUNIT_ASSERT_EQ(test, ksock_getsockname(s, (struct sockaddr *)&name,
						&len), 0);
	return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
}

static void reserved_ports_are_taken_one_by_one(struct kunit *test)
{
	int domain = kt_domain(test);
	int port;

	for (port = KSOCK_RESERVED_MAX; port >= KSOCK_RESERVED_MIN; port--)
		KUNIT_ASSERT_EQ(test, bind_reserved(test, domain), port);
	KUNIT_EXPECT_EQ(test, bind_reserved(test, domain), -EADDRINUSE);
}

static void reserved_port_needs_an_address_with_ports(struct kunit *test)
{
	struct sockaddr_storage name = { .ss_family = AF_UNIX };
	struct sockaddr *addr = (struct sockaddr *)&name;
	ksocket_t s = kt_socket(test, AF_INET, SOCK_STREAM);
	socklen_t len = sizeof(struct sockaddr_in);

	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, addr, len), -EAFNOSUPPORT);
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, NULL, len), -EFAULT);
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, addr, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(NULL, addr, len), -ENOTSOCK);
	name.ss_family = AF_INET;
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, addr, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, addr, len), 0);
	KUNIT_EXPECT_EQ(test, ksock_bind_reserved(s, addr, len), -EINVAL);
}

static struct kunit_case tune_cases[] = {
	KUNIT_CASE_PARAM(tuned_member_is_set, tune_gen_params),
	KUNIT_CASE(linger_is_tuned),
	KUNIT_CASE(close_resets_when_tuned_so),
	KUNIT_CASE_PARAM(bad_tuning_is_refused, bad_gen_params),
	KUNIT_CASE(nothing_to_tune_is_told),
	KUNIT_CASE_PARAM(reserved_ports_are_taken_one_by_one,
			 family_gen_params),
	KUNIT_CASE(reserved_port_needs_an_address_with_ports),
	{}
};

static struct kunit_suite tune_suite = {
	.name = "ksocket_tune",
	.init = kt_init,
	.exit = kt_exit,
	.test_cases = tune_cases,
};

kunit_test_suite(tune_suite);
