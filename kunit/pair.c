// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connected sockets of a family, over the loopback
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>
#include <net/tcp.h>

#include "pair.h"

void kt_describe_family(const struct kt_family *family, char *desc)
{
	strscpy(desc, family->name, KUNIT_PARAM_DESC_SIZE);
}

int kt_domain(struct kunit *test)
{
	const struct kt_family *family = test->param_value;

	return family->domain;
}

/* Any free port of the loopback address; for AF_UNIX, any abstract name. */
static void kt_any_addr(int domain, struct kt_addr *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&addr->name;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->name;

	memset(addr, 0, sizeof(*addr));
	addr->name.ss_family = domain;
	switch (domain) {
	case AF_INET:
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		addr->len = sizeof(*in);
		break;
	case AF_INET6:
		in6->sin6_addr = in6addr_loopback;
		addr->len = sizeof(*in6);
		break;
	default:
		addr->len = sizeof(sa_family_t);
		break;
	}
}

/* Bind to a name of the kernel's choice, and tell which it is. */
void kt_bind(struct kunit *test, ksocket_t s, struct kt_addr *addr)
{
	kt_any_addr(s->sock->sk->sk_family, addr);
	KUNIT_ASSERT_EQ(test, ksock_bind(s, kt_sockaddr(addr), addr->len), 0);
	addr->len = sizeof(addr->name);
	KUNIT_ASSERT_EQ(test, ksock_getsockname(s, kt_sockaddr(addr),
						&addr->len), 0);
}

ksocket_t kt_listen(struct kunit *test, int domain, int type, int backlog,
		    struct kt_addr *addr)
{
	ksocket_t s = kt_socket(test, domain, type);

	kt_bind(test, s, addr);
	KUNIT_ASSERT_EQ(test, ksock_listen(s, backlog), 0);
	return s;
}

int kt_connect(ksocket_t s, struct kt_addr *addr)
{
	return ksock_connect(s, kt_sockaddr(addr), addr->len);
}

ksocket_t kt_accept(struct kunit *test, ksocket_t listener)
{
	ksocket_t s;

	KUNIT_ASSERT_EQ(test, ksock_accept(listener, &s, NULL, NULL), 0);
	return kt_keep(test, s);
}

void kt_pair(struct kunit *test, int domain, int type, struct kt_pair *pair)
{
	pair->listener = kt_listen(test, domain, type, 8, &pair->addr);
	kt_dial(test, pair);
}

/* Another connection by the same listener */
void kt_dial(struct kunit *test, struct kt_pair *pair)
{
	struct sock *sk = pair->listener->sock->sk;

	pair->client = kt_socket(test, sk->sk_family, sk->sk_type);
	KUNIT_ASSERT_EQ(test, kt_connect(pair->client, &pair->addr), 0);
	pair->server = kt_accept(test, pair->listener);
}

/* Two datagram sockets, connected with each other */
void kt_dgram_pair(struct kunit *test, int domain, struct kt_pair *pair)
{
	struct kt_addr client;

	pair->listener = NULL;
	pair->client = kt_socket(test, domain, SOCK_DGRAM);
	pair->server = kt_socket(test, domain, SOCK_DGRAM);
	kt_bind(test, pair->client, &client);
	kt_bind(test, pair->server, &pair->addr);
	KUNIT_ASSERT_EQ(test, kt_connect(pair->client, &pair->addr), 0);
	KUNIT_ASSERT_EQ(test, kt_connect(pair->server, &client), 0);
}

/* Send until no more fits; returns whether any did. */
static bool kt_push(struct kunit *test, ksocket_t s, u8 *bytes)
{
	unsigned long end = jiffies + KT_BOUND;
	bool some = false;
	size_t sent;
	int err;

	do {
		err = ksock_send(s, bytes, PAGE_SIZE, MSG_DONTWAIT, &sent);
		some |= sent;
	} while (!err && time_before(jiffies, end));
	KUNIT_ASSERT_EQ_MSG(test, err, -EAGAIN, "the socket does not fill up");
	return some;
}

/*
 * All that was sent is acknowledged, and the peer was asked to take more. Every
 * answer resets the count of probes, but only a window that opens the back-off.
 * Asked for the second time, the peer has answered the first.
 */
static bool kt_probed(const struct sock *sk)
{
	return !sk_is_tcp(sk) || (!READ_ONCE(tcp_sk(sk)->packets_out) &&
				  READ_ONCE(inet_csk(sk)->icsk_backoff) > 1);
}

/*
 * Send until no more fits, nor will: the next blocking send will wait.
 * Acknowledgements make room; and a TCP that closed its window may open it once
 * more when it is probed, having found room between what it has.
 */
void kt_fill(struct kunit *test, ksocket_t s)
{
	u8 *bytes = kt_pattern(test, PAGE_SIZE, 1);
	unsigned long end = jiffies + KT_BOUND;

	while ((kt_push(test, s, bytes) || !kt_probed(s->sock->sk)) &&
	       time_before(jiffies, end))
		msleep(20);
	KUNIT_ASSERT_TRUE_MSG(test, time_before(jiffies, end),
			      "the peer does not close its window");
}
