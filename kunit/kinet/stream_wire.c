// SPDX-License-Identifier: GPL-2.0-only
/*
 * A wire for streams that is but a list, in a time that only the test moves
 *
 * The sockets are of the initial namespace, which has this wire as long as the
 * suite runs. Their route is the loopback's; no packet is ever on a device.
 */
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/route.h>
#include <ksocket/family.h>
#include <uapi/linux/kinet.h>

#include "stream_wire.h"

#define SOCKS	32

u64 stream_now;
struct sk_buff_head stream_sent;
unsigned int stream_mtu;
unsigned int stream_routes;
int stream_no_route;
int stream_refusal;
bool stream_is_slow;

static struct socket *sockets[SOCKS];
static struct sock *socks[SOCKS];
static const struct kinet_wire *wire_before;
static unsigned int segs_before;

static u64 clock(void)
{
	return stream_now;
}

static int claim(struct sock *sk, unsigned short port)
{
	return 0;
}

static void unclaim(struct sock *sk)
{
}

static unsigned int mtu(const struct kinet_flow *flow)
{
	return stream_mtu;
}

static int route(struct sock *sk, struct kinet_flow *flow)
{
	stream_routes++;
	return stream_no_route ?: kinet_ip_route(sk, flow);
}

/* As it will arrive */
static int xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow)
{
	const struct flowi4 *fl4 = &flow->fl.u.ip4;
	struct iphdr *iph;

	if (!stream_is_slow)
		skb_orphan(skb);
	if (stream_refusal) {
		kfree_skb(skb);
		return stream_refusal;
	}
	iph = skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	*iph = (struct iphdr){
		.version	= 4,
		.ihl		= 5,
		.ttl		= 64,
		.protocol	= fl4->flowi4_proto,
		.saddr		= fl4->saddr,
		.daddr		= fl4->daddr,
	};
	skb_queue_tail(&stream_sent, skb);
	return 0;
}

#define STREAM_WIRE				\
	.name		= "fake",		\
	.clock		= clock,		\
	.claim		= claim,		\
	.unclaim	= unclaim,		\
	.route		= route,		\
	.mtu		= mtu,			\
	.xmit		= xmit

/* TCP: what is longer than a segment is divided further below. */
static const struct kinet_wire stream_wire = {
	STREAM_WIRE,
	.dgram		= IPPROTO_UDP,
	.stream		= IPPROTO_TCP,
};

/* No segment is longer, and each is summed. */
static const struct kinet_wire stream_wire_isolated = {
	STREAM_WIRE,
	.dgram		= KINET_IP_DGRAM,
	.stream		= KINET_IP_STREAM,
};

static const struct kinet_wire *set_wire(const struct kinet_wire *wire)
{
	struct kinet_net *kn = kinet_net(&init_net);
	const struct kinet_wire *before;

	spin_lock_bh(&kn->socks_lock);
	before = kn->wire;
	WRITE_ONCE(kn->wire, wire);
	spin_unlock_bh(&kn->socks_lock);
	return before;
}

void stream_wire_isolate(bool isolated)
{
	set_wire(isolated ? &stream_wire_isolated : &stream_wire);
}

/* --- sockets --- */

void stream_track(struct sock *sk)
{
	int i, at = SOCKS;

	for (i = 0; i < SOCKS; i++) {
		if (socks[i] == sk)
			return;
		if (!socks[i])
			at = i;
	}
	if (WARN_ON(at == SOCKS))
		return;
	sock_hold(sk);
	socks[at] = sk;
}

bool stream_untrack(struct sock *sk)
{
	bool over = sk->sk_state == TCP_CLOSE;
	int i;

	for (i = 0; i < SOCKS; i++)
		if (socks[i] == sk)
			socks[i] = NULL;
	kinet_stream_stop(sk);
	sock_put(sk);
	return over;
}

int stream_users(void)
{
	return READ_ONCE(kinet_net(&init_net)->users);
}

static void keep(struct socket *sock)
{
	int i;

	for (i = 0; i < SOCKS && sockets[i]; i++)
		;
	if (!WARN_ON(i == SOCKS))
		sockets[i] = sock;
}

void stream_close(struct socket *sock)
{
	int i;

	for (i = 0; i < SOCKS; i++)
		if (sockets[i] == sock)
			sockets[i] = NULL;
	sock_release(sock);
}

void stream_abort(struct socket *sock)
{
	sock_no_linger(sock->sk);
	stream_close(sock);
}

static struct sockaddr_in address(unsigned short port)
{
	return (struct sockaddr_in){
		.sin_family		= AF_INET,
		.sin_port		= htons(port),
		.sin_addr.s_addr	= htonl(INADDR_LOOPBACK),
	};
}

struct socket *stream_socket(struct kunit *test, unsigned short port)
{
	struct sockaddr_in to = address(port);
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, PF_INET, SOCK_STREAM,
					       KINET_PROTO_STREAM, &sock), 0);
	keep(sock);
	stream_track(sock->sk);
	sock->sk->sk_reuse = SK_CAN_REUSE;
	KUNIT_ASSERT_EQ(test, kernel_bind(sock, (struct sockaddr *)&to,
					  sizeof(to)), 0);
	return sock;
}

int stream_connect(struct socket *sock, unsigned short port)
{
	struct sockaddr_in to = address(port);

	return kernel_connect(sock, (struct sockaddr *)&to, sizeof(to),
			      O_NONBLOCK);
}

void stream_disconnect(struct socket *sock)
{
	struct sockaddr to = { .sa_family = AF_UNSPEC };

	WARN_ON(kernel_connect(sock, &to, sizeof(to), 0));
}

struct socket *stream_accept(struct kunit *test, struct socket *listener)
{
	struct socket *sock;

	if (kernel_accept(listener, &sock, O_NONBLOCK))
		return NULL;
	keep(sock);
	stream_track(sock->sk);
	return sock;
}

int stream_write(struct socket *sock, const void *data, size_t len, int flags)
{
	struct kvec vec = { (void *)data, len };
	struct msghdr msg = { .msg_flags = flags | MSG_DONTWAIT | MSG_NOSIGNAL };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

int stream_read(struct socket *sock, void *data, size_t len)
{
	struct kvec vec = { data, len };
	struct msghdr msg = {};

	return kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_DONTWAIT);
}

int stream_set(struct socket *sock, int name, int value)
{
	return sock->ops->setsockopt(sock, SOL_TCP, name, KERNEL_SOCKPTR(&value),
				     sizeof(value));
}

int stream_info(struct socket *sock, struct tcp_info *info)
{
	struct ksock_option opt = { .level = SOL_TCP, .name = TCP_INFO };
	int err;

	err = sock->ops->setsockopt(sock, SOL_KSOCK, KSOCK_OPTION,
				    KERNEL_SOCKPTR(&opt), sizeof(opt));
	memcpy(info, opt.value, sizeof(*info));
	return err;
}

void stream_set_rate(struct socket *sock, unsigned long rate)
{
	WARN_ON(sock_setsockopt(sock, SOL_SOCKET, SO_MAX_PACING_RATE,
				KERNEL_SOCKPTR(&rate), sizeof(rate)));
}

/* --- time --- */

u64 stream_due(void)
{
	u64 first = KINET_NEVER;
	int i;

	for (i = 0; i < SOCKS; i++)
		if (socks[i] && socks[i]->sk_state != TCP_CLOSE)
			first = min(first, kinet_deadlines_first(&kinet_tcp(socks[i])->deadlines));
	return first;
}

/* In softirq, as the kernel's timer would */
static void expire(struct sock *sk)
{
	local_bh_disable();
	bh_lock_sock(sk);
	if (sk->sk_state != TCP_CLOSE)
		kinet_tcp_expire(sk);
	bh_unlock_sock(sk);
	local_bh_enable();
}

void stream_expire(void)
{
	int i;

	for (i = 0; i < SOCKS; i++)
		if (socks[i])
			expire(socks[i]);
}

void stream_wait(u64 us)
{
	u64 until = stream_now + us;
	u64 due;

	while ((due = stream_due()) <= until) {
		stream_now = max(stream_now, due);
		stream_expire();
	}
	stream_now = until;
	if (stream_timewaits())
		kinet_remains_expire(&init_net);
}

int stream_timewaits(void)
{
	return atomic_read(&kinet_net(&init_net)->remains);
}

/* How many segments the device takes at once, until the case ends */
void stream_take_segs(unsigned int segs)
{
	WRITE_ONCE(init_net.loopback_dev->gso_max_segs, segs);
}

/* Routes that there were are none any more. */
void stream_lose_route(int err)
{
	stream_no_route = err;
	rt_genid_bump_ipv4(&init_net);
}

/* --- packets --- */

static void describe(struct sk_buff *skb, struct kinet_pkt *pkt)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct tcphdr *th = (struct tcphdr *)(skb->data + sizeof(*iph));

	*pkt = (struct kinet_pkt){
		.net		= &init_net,
		.sport		= th->source,
		.dport		= th->dest,
		.dif		= init_net.loopback_dev->ifindex,
		.offset		= sizeof(*iph),
		.len		= skb->len - sizeof(*iph),
		.family		= AF_INET,
		.protocol	= iph->protocol,
	};
	ipv6_addr_set_v4mapped(iph->saddr, &pkt->saddr);
	ipv6_addr_set_v4mapped(iph->daddr, &pkt->daddr);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = init_net.loopback_dev;
}

void stream_arrive_late(struct sk_buff *skb, struct sock *sk)
{
	struct kinet_pkt pkt;

	describe(skb, &pkt);
	__skb_pull(skb, pkt.offset);
	rcu_read_lock();
	local_bh_disable();
	kinet_tcp_listen_input(sk, skb, &pkt);
	local_bh_enable();
	rcu_read_unlock();
}

void stream_arrive(struct sk_buff *skb)
{
	struct kinet_pkt pkt;

	describe(skb, &pkt);
	rcu_read_lock();
	local_bh_disable();
	kinet_stream_receive(skb, &pkt);
	local_bh_enable();
	rcu_read_unlock();
}

int stream_wire_init(struct kunit *test)
{
	const struct kinet_wire *before;

	KUNIT_ASSERT_EQ_MSG(test, stream_users(), 0,
			    "somebody has a socket of kinet's");
	skb_queue_head_init(&stream_sent);
	stream_now = 1000 * KINET_SECOND;
	stream_mtu = STREAM_MTU;
	stream_no_route = 0;
	stream_refusal = 0;
	stream_is_slow = false;
	segs_before = READ_ONCE(init_net.loopback_dev->gso_max_segs);
	stream_routes = 0;
	before = set_wire(&stream_wire);
	if (before->clock != clock)
		wire_before = before;
	return 0;
}

void stream_wire_exit(struct kunit *test)
{
	int i;

	for (i = 0; i < SOCKS; i++)
		if (sockets[i])
			stream_close(sockets[i]);
	for (i = 0; i < SOCKS; i++)
		if (socks[i])
			stream_untrack(socks[i]);
	kinet_remains_purge(&init_net);
	skb_queue_purge(&stream_sent);
	set_wire(wire_before);
	WRITE_ONCE(init_net.loopback_dev->gso_max_segs, segs_before);
	KUNIT_EXPECT_EQ_MSG(test, stream_users(), 0,
			    "a socket is left");
}
