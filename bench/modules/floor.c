// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor: a request and its answer over IP by a transport that does nothing
 *
 * 64 bytes in packets of a protocol for experiments (RFC 3692), there and back,
 * both ends in softirq: what no transport over the loopback can do without.
 */
#include <linux/in.h>
#include <net/ip.h>
#include <net/protocol.h>
#include <net/route.h>

#include "bench.h"

#define PROTOCOL	253
#define MESSAGE		64

struct message {
	__be32	answer;
	char	rest[MESSAGE - 4];
};

static struct rtable *route;
static u64 answers;
static int failed;

static int emit(bool answer)
{
	unsigned int room = LL_MAX_HEADER + sizeof(struct iphdr);
	struct message *m;
	struct sk_buff *skb;
	struct iphdr *ip;
	int ret;

	skb = alloc_skb(room + MESSAGE, GFP_ATOMIC);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, room);
	m = skb_put_zero(skb, MESSAGE);
	m->answer = htonl(answer);
	ip = skb_push(skb, sizeof(*ip));
	skb_reset_network_header(skb);
	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .ttl = 64, .protocol = PROTOCOL,
		.frag_off = htons(IP_DF),
		.saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK),
	};
	skb->protocol = htons(ETH_P_IP);
	skb_dst_set(skb, dst_clone(&route->dst));
	ret = ip_local_out(&init_net, NULL, skb);
	return net_xmit_eval(ret);
}

static int arrived(struct sk_buff *skb)
{
	struct message *m = (struct message *)skb->data;
	bool answer = m->answer;

	consume_skb(skb);
	if (answer)
		answers++;
	else
		failed = failed ?: emit(true);
	return 0;
}

static const struct net_protocol transport = {
	.handler	= arrived,
	.no_policy	= 1,
};

/* A softirq that is put off leaves packets to ksoftirqd: wait for them. */
static int requests(unsigned int n)
{
	u64 due = answers;
	int err = 0;

	while (n-- && !err) {
		due++;
		err = emit(false);
		while (!err && READ_ONCE(answers) < due && !READ_ONCE(failed))
			schedule_timeout_uninterruptible(1);
	}
	return err ?: failed;
}

static int floor_run(const struct figure *f, unsigned int n)
{
	int err;

	failed = 0;
	route = ip_route_output(&init_net, htonl(INADDR_LOOPBACK),
				htonl(INADDR_LOOPBACK), 0, 0, RT_SCOPE_UNIVERSE);
	if (IS_ERR(route))
		return PTR_ERR(route);
	err = inet_add_protocol(&transport, PROTOCOL);
	if (err)
		goto put;
	err = requests(n / 10 + 10);
	if (!err) {
		bench_begin();
		err = requests(n);
		bench_end(n);
	}
	inet_del_protocol(&transport, PROTOCOL);
put:
	ip_rt_put(route);
	return err;
}

const struct figure floor_figures[] = {
	{ "floor", floor_run },
	{}
};
