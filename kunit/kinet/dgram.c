// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagram sockets over a wire that is but a list
 */
#include <linux/inet.h>
#include <linux/udp.h>
#include <net/ip.h>

#include "wire.h"

#define PORT	5353

static int say(struct socket *sock, const char *text, const char *addr,
	       unsigned short port, int flags)
{
	struct sockaddr_in to = {
		.sin_family		= AF_INET,
		.sin_port		= htons(port),
		.sin_addr.s_addr	= in_aton(addr),
	};
	struct kvec vec = { (void *)text, strlen(text) };
	struct msghdr msg = {
		.msg_name	= &to,
		.msg_namelen	= sizeof(to),
		.msg_flags	= flags | MSG_DONTWAIT,
	};

	return kernel_sendmsg(sock, &msg, &vec, 1, vec.iov_len);
}

/* What one socket hears, or "" for nothing */
static const char *heard(struct kunit *test, struct socket *sock)
{
	char *text = kunit_kzalloc(test, 64, GFP_KERNEL);
	struct kvec vec = { text, 63 };
	struct msghdr msg = {};

	KUNIT_ASSERT_NOT_NULL(test, text);
	kernel_recvmsg(sock, &msg, &vec, 1, 63, MSG_DONTWAIT);
	return text;
}

static void a_message_is_one_segment(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	struct sk_buff *skb;

	KUNIT_EXPECT_EQ(test, say(sock, "hello", "127.0.0.2", 77, 0), 5);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&wire_sent), 1);
	skb = skb_dequeue(&wire_sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, skb->len, KINET_HEADER_LEN + 5);
	KUNIT_EXPECT_EQ(test, ntohs(udp_hdr(skb)->source), PORT);
	KUNIT_EXPECT_EQ(test, ntohs(udp_hdr(skb)->dest), 77);
	KUNIT_EXPECT_EQ(test, ntohs(udp_hdr(skb)->len), KINET_HEADER_LEN + 5);
	KUNIT_EXPECT_TRUE(test, skb->ip_summed == CHECKSUM_PARTIAL);
	KUNIT_EXPECT_MEMEQ(test, skb->data + KINET_HEADER_LEN, "hello", 5);
	kfree_skb(skb);
	wire_close(sock);
}

/* No device knows where that protocol has its checksum. */
static void protocol_of_our_own_is_summed_here(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	struct sk_buff *skb;

	kinet_sk(sock->sk)->wire = &wire_isolated;
	KUNIT_EXPECT_EQ(test, say(sock, "in ", "127.0.0.2", 77, MSG_MORE), 3);
	KUNIT_EXPECT_EQ(test, say(sock, "pieces", "127.0.0.2", 77, 0), 6);
	skb = skb_dequeue(&wire_sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_TRUE(test, skb->ip_summed == CHECKSUM_NONE);
	KUNIT_EXPECT_EQ(test, 0, csum_tcpudp_magic(in_aton("127.0.0.1"),
						   in_aton("127.0.0.2"),
						   skb->len, KINET_IP_DGRAM,
						   skb_checksum(skb, 0, skb->len,
								0)));
	kfree_skb(skb);
	wire_close(sock);
}

static void pieces_are_one_segment(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	u8 bytes[KINET_HEADER_LEN + 10];
	struct sk_buff *skb;

	KUNIT_EXPECT_EQ(test, say(sock, "one ", "127.0.0.2", 77, MSG_MORE), 4);
	KUNIT_EXPECT_EQ(test, say(sock, "after", "127.0.0.3", 78, MSG_MORE), 5);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&wire_sent), 0);
	KUNIT_EXPECT_EQ(test, say(sock, "!", "127.0.0.4", 79, 0), 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&wire_sent), 1);
	skb = skb_dequeue(&wire_sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_EQ(test, skb->len, sizeof(bytes));
	KUNIT_EXPECT_EQ_MSG(test, ntohs(udp_hdr(skb)->dest), 77,
			    "the first piece says where to");
	KUNIT_EXPECT_EQ(test, skb_copy_bits(skb, 0, bytes, sizeof(bytes)), 0);
	KUNIT_EXPECT_MEMEQ(test, bytes + KINET_HEADER_LEN, "one after!", 10);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, refcount_read(&sock->sk->sk_wmem_alloc), 1);
	wire_close(sock);
}

/* Messages as long as they may be, in pieces of @size bytes */
static void say_in_pieces(struct kunit *test, struct socket *sock,
			  unsigned int size)
{
	static const unsigned int whole = 65507;
	char *text = kunit_kzalloc(test, size + 1, GFP_KERNEL);
	struct sk_buff *skb;
	unsigned int sent;
	u8 *bytes;

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (sent = 0; sent + size <= whole; sent += size) {
		memset(text, 'a' + sent / size % 26, size);
		KUNIT_ASSERT_EQ_MSG(test, say(sock, text, "127.0.0.2", 77,
					      MSG_MORE), size,
				    "after %u bytes", sent);
	}
	KUNIT_EXPECT_EQ(test, say(sock, "", "127.0.0.2", 77, 0), 0);
	skb = skb_dequeue(&wire_sent);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_EQ(test, skb->len, KINET_HEADER_LEN + sent);
	bytes = kvmalloc(skb->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bytes);
	KUNIT_EXPECT_EQ(test, skb_copy_bits(skb, KINET_HEADER_LEN, bytes, sent),
			0);
	while (sent--)
		if (bytes[sent] != 'a' + sent / size % 26)
			break;
	KUNIT_EXPECT_EQ_MSG(test, sent, -1, "the first byte that isn't right");
	kvfree(bytes);
	kfree_skb(skb);
}

static void pieces_of_any_size_have_room(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	/* One byte, and more than is best kept in one piece of memory */
	static const unsigned int sizes[] = { 1, 100, 2049, 3700, 5000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		say_in_pieces(test, sock, sizes[i]);
	KUNIT_EXPECT_EQ(test, refcount_read(&sock->sk->sk_wmem_alloc), 1);
	wire_close(sock);
}

/* 28 bytes of headers, and a wire of 1000 */
static void mtu_is_a_bound_for_those_who_ask(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	char *text = kunit_kzalloc(test, WIRE_MTU, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', 973);
	KUNIT_EXPECT_EQ(test, say(sock, text, "127.0.0.2", 77, 0), 973);
	inet_sk(sock->sk)->pmtudisc = IP_PMTUDISC_DO;
	KUNIT_EXPECT_EQ(test, say(sock, text, "127.0.0.2", 77, 0), -EMSGSIZE);
	text[972] = 0;
	KUNIT_EXPECT_EQ(test, say(sock, text, "127.0.0.2", 77, 0), 972);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&wire_sent), 2);
	wire_close(sock);
}

static int connect_to(struct socket *sock, const char *addr, unsigned short port)
{
	struct sockaddr_in to = {
		.sin_family		= AF_INET,
		.sin_port		= htons(port),
		.sin_addr.s_addr	= in_aton(addr),
	};

	return kernel_connect(sock, (struct sockaddr *)&to, sizeof(to), 0);
}

/* Whoever says more gets it: both ends, an address, a port alone. */
static void the_most_particular_one_hears(struct kunit *test)
{
	struct socket *any = wire_socket(test, "0.0.0.0", PORT);
	struct socket *other;

	wire_receive(test, "127.0.0.9", 9, "127.0.0.1", PORT, "any");
	KUNIT_EXPECT_STREQ(test, heard(test, any), "any");
	any->sk->sk_reuse = SK_CAN_REUSE;
	wire_close(any);
	other = wire_socket(test, "127.0.0.1", PORT);
	wire_receive(test, "127.0.0.9", 9, "127.0.0.2", PORT, "elsewhere");
	KUNIT_EXPECT_STREQ(test, heard(test, other), "");
	wire_receive(test, "127.0.0.9", 9, "127.0.0.1", PORT, "address");
	KUNIT_EXPECT_STREQ(test, heard(test, other), "address");
	KUNIT_EXPECT_EQ(test, connect_to(other, "127.0.0.9", 9), 0);
	wire_receive(test, "127.0.0.9", 10, "127.0.0.1", PORT, "port");
	wire_receive(test, "127.0.0.8", 9, "127.0.0.1", PORT, "host");
	KUNIT_EXPECT_STREQ(test, heard(test, other), "");
	wire_receive(test, "127.0.0.9", 9, "127.0.0.1", PORT, "peer");
	KUNIT_EXPECT_STREQ(test, heard(test, other), "peer");
	wire_close(other);
}

/* Nothing is owed when all is received, or was dropped. */
static void memory_comes_back(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	struct sock *sk = sock->sk;
	int i;

	sk->sk_rcvbuf = 4 * SKB_TRUESIZE(64);
	for (i = 0; i < 20; i++)
		wire_receive(test, "127.0.0.9", 9, "127.0.0.1", PORT, "fill");
	KUNIT_EXPECT_GT(test, atomic_read(&sk->sk_drops), 0);
	KUNIT_EXPECT_LE(test, sk_rmem_alloc_get(sk),
			sk->sk_rcvbuf + (int)SKB_TRUESIZE(512));
	while (*heard(test, sock))
		;
	KUNIT_EXPECT_EQ(test, sk_rmem_alloc_get(sk), 0);
	KUNIT_EXPECT_LT(test, sk->sk_forward_alloc, PAGE_SIZE);
	wire_receive(test, "127.0.0.9", 9, "127.0.0.1", PORT, "again");
	KUNIT_EXPECT_STREQ(test, heard(test, sock), "again");
	wire_close(sock);
}

/* Who began to bind before it was drained, comes too late. */
static void drained_gets_no_port(struct kunit *test)
{
	struct socket *sock = wire_socket(test, "127.0.0.1", PORT);
	struct sock *sk = sock->sk;

	sk->sk_prot->unhash(sk);
	kinet_sk(sk)->dead = true;
	lock_sock(sk);
	KUNIT_EXPECT_EQ(test, sk->sk_prot->get_port(sk, PORT), -ENETDOWN);
	KUNIT_EXPECT_EQ(test, sk->sk_prot->get_port(sk, 0), -ENETDOWN);
	release_sock(sk);
	KUNIT_EXPECT_TRUE(test, sk_unhashed(sk));
	wire_close(sock);
}

static void port_goes_before_the_socket(struct kunit *test)
{
	wire_close(wire_socket(test, "127.0.0.1", PORT));
	KUNIT_EXPECT_FALSE(test, wire_given_back_late);
}

static struct kunit_case dgram_cases[] = {
	KUNIT_CASE(a_message_is_one_segment),
	KUNIT_CASE(protocol_of_our_own_is_summed_here),
	KUNIT_CASE(pieces_are_one_segment),
	KUNIT_CASE(pieces_of_any_size_have_room),
	KUNIT_CASE(drained_gets_no_port),
	KUNIT_CASE(port_goes_before_the_socket),
	KUNIT_CASE(mtu_is_a_bound_for_those_who_ask),
	KUNIT_CASE(the_most_particular_one_hears),
	KUNIT_CASE(memory_comes_back),
	{}
};

static struct kunit_suite dgram_suite = {
	.name = "kinet_dgram",
	.init = wire_init,
	.exit = wire_exit,
	.test_cases = dgram_cases,
};

kunit_test_suite(dgram_suite);
