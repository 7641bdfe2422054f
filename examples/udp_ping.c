// SPDX-License-Identifier: GPL-2.0-only
/*
 * udp_ping: echo datagrams, or time how long an echo takes
 *
 * The one idea: datagrams with addresses and time-outs. mode=server returns
 * what it gets to whom it came from, until it is unloaded. mode=client sends
 * numbered pings at load, and fails with ETIMEDOUT if nothing came back. A ping
 * carries its time: late, reordered, doubled answers count for what they are.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/inet.h>
#include <linux/kthread.h>

#include <ksocket/ksocket.h>

#define MAGIC	0x6b70696e

static char *address = "::";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "the server's, an IPv4 or IPv6 address");
static char *port = "7007";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "the server's port");
static int family;
module_param(family, int, 0444);
MODULE_PARM_DESC(family, "domain of the socket, as kinet's 22 and 25; 0: the address's");
static char *mode = "server";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "server or client");
static unsigned int count = 10;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "how many pings a client sends");
static unsigned int interval = 100;
module_param(interval, uint, 0444);
MODULE_PARM_DESC(interval, "longest time between two pings, in ms");
static unsigned int timeout = 1000;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "how long to wait for the last answers, in ms");

struct ping {
	__be32 magic, seq;
	__be64 sent;		/* ns, by our clock */
};

struct client {
	unsigned long *seen;	/* one bit per ping */
	unsigned int sent, got, doubled;
	u64 min, max, sum;	/* round trips, ns */
};

static ksocket_t sock;
static char buf[SZ_64K];
static DECLARE_COMPLETION(left);

static int serve(void *unused)
{
	struct sockaddr_storage from;
	socklen_t len;
	size_t n;
	int err;

	do {
		len = sizeof(from);
		err = ksock_recvfrom(sock, buf, sizeof(buf), 0,
				     (struct sockaddr *)&from, &len, &n);
		if (!err)
			ksock_sendto(sock, buf, n, 0,
				     (struct sockaddr *)&from, len, NULL);
	} while (err != -EINTR && err != -ENOTSOCK);
	kthread_complete_and_exit(&left, 0);
}

static int start_server(const struct sockaddr_storage *at)
{
	int err;

	err = ksock_bind(sock, (struct sockaddr *)at, sizeof(*at));
	if (err)
		return err;
	ksock_hold(sock);
	err = PTR_ERR_OR_ZERO(kthread_run(serve, NULL, "udp_ping"));
	if (err)
		ksock_rele(sock);
	return err;
}

static void note(struct client *c, const struct ping *p)
{
	u64 rtt = ktime_get_ns() - be64_to_cpu(p->sent);
	u32 seq = be32_to_cpu(p->seq);

	if (p->magic != cpu_to_be32(MAGIC) || seq >= c->sent)
		return;
	if (__test_and_set_bit(seq, c->seen)) {
		c->doubled++;
		return;
	}
	c->got++;
	c->sum += rtt;
	c->min = min(c->min, rtt);
	c->max = max(c->max, rtt);
}

/* Takes answers until none is missing or @ms have passed. */
static int collect(struct client *c, unsigned int ms)
{
	ktime_t end = ktime_add_ms(ktime_get(), ms);
	struct __kernel_sock_timeval tv;
	struct ping p;
	s64 rest;
	size_t n;
	int err;

	while (c->got < c->sent) {
		rest = ktime_ms_delta(end, ktime_get());
		if (rest <= 0)
			break;
		tv.tv_sec = (u32)rest / MSEC_PER_SEC;
		tv.tv_usec = (u32)rest % MSEC_PER_SEC * USEC_PER_MSEC;
		err = ksock_setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv,
				       sizeof(tv)) ?:
		      ksock_recv(sock, &p, sizeof(p), 0, &n);
		if (err)
			return err == -EAGAIN ? 0 : err;
		if (n == sizeof(p))
			note(c, &p);
	}
	return 0;
}

static int ping(struct client *c)
{
	struct ping p = { .magic = cpu_to_be32(MAGIC) };
	int err = 0;

	while (!err && c->sent < count) {
		p.seq = cpu_to_be32(c->sent++);
		p.sent = cpu_to_be64(ktime_get_ns());
		err = ksock_send(sock, &p, sizeof(p), 0, NULL) ?:
		      collect(c, c->sent < count ? interval : timeout);
	}
	pr_info("%u sent, %u answered, %u doubled, %u %% lost\n", c->sent, c->got,
		c->doubled, 100 * (c->sent - c->got) / c->sent);
	if (c->got)
		pr_info("round trip min/avg/max %llu/%llu/%llu us\n",
			c->min / 1000, c->sum / c->got / 1000, c->max / 1000);
	return err ?: c->got ? 0 : -ETIMEDOUT;
}

static int run_client(const struct sockaddr_storage *to)
{
	struct client c = { .min = U64_MAX };
	int err;

	if (!count || count > 1000000)
		return -EINVAL;
	c.seen = bitmap_zalloc(count, GFP_KERNEL);
	if (!c.seen)
		return -ENOMEM;
	err = ksock_connect(sock, (struct sockaddr *)to, sizeof(*to)) ?:
	      ping(&c);
	bitmap_free(c.seen);
	return err;
}

static int __init udp_ping_init(void)
{
	bool client = !strcmp(mode, "client");
	struct sockaddr_storage at;
	int err;

	if (!client && strcmp(mode, "server"))
		return -EINVAL;
	err = inet_pton_with_scope(ksock_current_net(), AF_UNSPEC, address,
				   port, &at) ?:
	      ksock_socket(&sock, family ?: at.ss_family, SOCK_DGRAM, 0);
	if (err)
		return err;
	err = client ? run_client(&at) : start_server(&at);
	if (!err && !client)
		return 0;
	ksock_close(sock);
	sock = NULL;
	return err;
}

static void __exit udp_ping_exit(void)
{
	if (!sock)
		return;
	ksock_close(sock);
	wait_for_completion(&left);
	ksock_rele(sock);
}

module_init(udp_ping_init);
module_exit(udp_ping_exit);

MODULE_DESCRIPTION("Example of datagrams over ksocket: ping and its echo");
MODULE_LICENSE("GPL");
