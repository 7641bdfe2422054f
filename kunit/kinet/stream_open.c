// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that begin and end, segment by segment: the RFC's figures
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/workqueue.h>

#include "stream_wire.h"

#define SYN	KINET_SYN
#define ACK	KINET_ACK
#define FIN	KINET_FIN
#define RST	KINET_RST

static void expect_state(struct stream_talk *talk, int state, const char *why)
{
	KUNIT_EXPECT_STREQ_MSG(talk->test, kinet_state_name(talk->sk->sk_state),
			       kinet_state_name(state), "%s", why);
}

static void connect_by_hand(struct kunit *test, struct stream_talk *talk)
{
	stream_talk_begin(test, talk);
	stream_talk_socket(talk);
	KUNIT_ASSERT_EQ(test, stream_connect(talk->sock, STREAM_PEER),
			-EINPROGRESS);
	stream_expect(talk, SYN, STREAM_ANY, 0, 0, "connect()");
}

/* Figure 6 */
static void one_opens(struct kunit *test)
{
	struct stream_talk talk;

	connect_by_hand(test, &talk);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "line 4");
	stream_expect_silence(&talk, "line 4");
	expect_state(&talk, TCP_ESTABLISHED, "line 4");
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "hello", 5, 0), 5);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 5, "line 5");
}

/* Somebody who waits, for 5 real seconds at most */
struct stream_peeker {
	struct work_struct	work;
	struct socket		*sock;
	int			ret;
};

static void peek(struct work_struct *work)
{
	struct stream_peeker *peeker = container_of(work, struct stream_peeker, work);
	struct msghdr msg = {};
	char bytes[16];
	struct kvec vec = { bytes, sizeof(bytes) };

	peeker->ret = kernel_recvmsg(peeker->sock, &msg, &vec, 1, sizeof(bytes),
				     MSG_PEEK);
}

/* The peer's numbers begin in the upper half, far behind those of who waits. */
static void peeker_waits_for_it_to_stand(struct kunit *test)
{
	struct stream_peeker peeker = {};
	struct stream_talk talk;
	int i;

	connect_by_hand(test, &talk);
	talk.sk->sk_rcvtimeo = 5 * HZ;
	peeker.sock = talk.sock;
	INIT_WORK_ONSTACK(&peeker.work, peek);
	queue_work(system_long_wq, &peeker.work);
	for (i = 0; i < 1000 && !wq_has_sleeper(sk_sleep(talk.sk)); i++)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_TRUE(test, wq_has_sleeper(sk_sleep(talk.sk)));
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	flush_work(&peeker.work);
	destroy_work_on_stack(&peeker.work);
	KUNIT_EXPECT_EQ(test, peeker.ret, 5);
}

/* RFC 7323, section 3.2: there is nothing to echo yet. */
static void syn_echoes_nothing(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;
	int i;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	talk.more = (struct kinet_options){ .has = KINET_HAS_TS, .tsval = 77 };
	/* Nor has the second connection of a socket anything from the first. */
	for (i = 0; i < 2; i++) {
		stream_connect(talk.sock, STREAM_PEER);
		KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
		KUNIT_EXPECT_EQ(test, seg.options.has & KINET_HAS_TS, KINET_HAS_TS);
		KUNIT_EXPECT_EQ(test, seg.options.tsecr, 0);
		stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
		KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
		KUNIT_EXPECT_EQ_MSG(test, seg.options.tsecr, 77, "that has");
		stream_disconnect(talk.sock);
		stream_flush(&talk);
	}
}

static void set_all(int value)
{
	int *settings = kinet_net(&init_net)->tcp;

	WRITE_ONCE(settings[KINET_TCP_TIMESTAMPS], value);
	WRITE_ONCE(settings[KINET_TCP_SACK], value);
	WRITE_ONCE(settings[KINET_TCP_WINDOW_SCALING], value);
}

#define ALL	(KINET_HAS_TS | KINET_HAS_SACK_OK | KINET_HAS_SCALE)

/* RFC 7323, sections 2.2 and 3.2: what both have sent counts from then on. */
static void what_was_offered_stays(struct kunit *test)
{
	struct kinet_net *kn = kinet_net(&init_net);
	int most = kn->tcp_rmem[2];
	struct stream_talk talk;
	struct stream_seg syn, again, seg;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	talk.more = (struct kinet_options){ .has = ALL, .tsval = 77 };
	talk.scaled = true;
	talk.scale = 3;
	stream_connect(talk.sock, STREAM_PEER);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &syn));
	set_all(0);
	WRITE_ONCE(kn->tcp_rmem[2], most * 4);
	stream_wait(KINET_SECOND);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &again));
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	set_all(1);
	WRITE_ONCE(kn->tcp_rmem[2], most);
	KUNIT_ASSERT_EQ(test, syn.options.has & ALL, ALL);
	KUNIT_EXPECT_EQ_MSG(test, again.options.has & ALL, ALL, "SYN again");
	KUNIT_EXPECT_EQ(test, again.options.scale, syn.options.scale);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
	KUNIT_EXPECT_EQ(test, seg.options.has & KINET_HAS_TS, KINET_HAS_TS);
	KUNIT_EXPECT_EQ(test, seg.options.tsecr, 77);
	KUNIT_EXPECT_TRUE(test, kinet_tcp(talk.sk)->sacks);
	KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->snd.scale, 3);
	KUNIT_EXPECT_EQ(test, kinet_tcp(talk.sk)->rcv.scale, syn.options.scale);
}

/* Likewise what our SYN hadn't, though the peer's answer has it */
static void what_was_not_offered_is_not_used(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg syn, seg;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	talk.more = (struct kinet_options){ .has = ALL, .tsval = 77 };
	talk.scaled = true;
	set_all(0);
	stream_connect(talk.sock, STREAM_PEER);
	set_all(1);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &syn));
	KUNIT_ASSERT_EQ(test, syn.options.has & ALL, 0);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
	KUNIT_EXPECT_EQ(test, seg.options.has, 0);
	KUNIT_EXPECT_FALSE(test, kinet_tcp(talk.sk)->sacks);
	KUNIT_EXPECT_FALSE(test, kinet_tcp(talk.sk)->scales);
}

/* RFC 6528, section 3: the key stays; the clock ticks every 4 microseconds. */
static void same_ends_go_on_with_the_clock(struct kunit *test)
{
	static const siphash_key_t none;
	struct stream_talk talk;
	u32 first;

	connect_by_hand(test, &talk);
	first = talk.snd_nxt;
	KUNIT_EXPECT_NE_MSG(test, first - 1,
			    kinet_isn(&kinet_tcp(talk.sk)->conn.ends, stream_now,
				      &none), "it is a key");
	stream_abort(talk.sock);
	stream_wait(4 * STREAM_MS);
	connect_by_hand(test, &talk);
	KUNIT_EXPECT_EQ(test, talk.snd_nxt - first, 1000);
}

/* Figure 7 */
static void both_open(struct kunit *test)
{
	struct stream_talk talk;

	connect_by_hand(test, &talk);
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	stream_expect(&talk, SYN | ACK, talk.snd_nxt - 1, talk.rcv_nxt, 0,
		      "line 5");
	expect_state(&talk, TCP_SYN_RECV, "line 3");
	stream_say(&talk, SYN | ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	expect_state(&talk, TCP_ESTABLISHED, "line 7");
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "hello", 5, 0), 5);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 5, "data");
}

/* RFC 7323, section 2.2: the window of a SYN, ACK isn't scaled, nor is it here. */
static void window_of_both_isnt_scaled(struct kunit *test)
{
	static const char text[1000];
	struct stream_talk talk;

	connect_by_hand(test, &talk);
	talk.scaled = true;
	talk.scale = 7;
	talk.wnd = 300;
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	stream_flush(&talk);
	stream_say(&talk, SYN | ACK, talk.rcv_nxt - 1, talk.snd_nxt, 0);
	expect_state(&talk, TCP_ESTABLISHED, "both");
	stream_write(talk.sock, text, sizeof(text), 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 300, "the window");
	stream_expect_silence(&talk, "the window");
	talk.wnd = 3;
	stream_says_ack(&talk);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 384, "3 << 7");
}

/* Figure 8: the RST ends what the old SYN has begun, and the new one comes. */
static void old_duplicate_syn(struct kunit *test)
{
	struct stream_talk talk;
	struct stream_seg seg;

	stream_talk_begin(test, &talk);
	stream_listen(&talk);
	stream_say(&talk, SYN, talk.rcv_nxt - 900, 0, 0);
	KUNIT_ASSERT_TRUE(test, stream_hear(&talk, &seg));
	KUNIT_EXPECT_EQ(test, seg.ack, talk.rcv_nxt - 899);
	stream_say(&talk, RST, seg.ack, 0, 0);
	KUNIT_EXPECT_NULL(test, stream_embryo(talk.ear));
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	stream_expect(&talk, SYN | ACK, STREAM_ANY, talk.rcv_nxt, 0, "line 6");
	stream_says_ack(&talk);
	KUNIT_EXPECT_NOT_NULL(test, stream_accept(test, talk.listener));
}

/* Figures 9 and 10: a peer that has forgotten everything */
static void half_open(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	stream_say(&talk, SYN, talk.rcv_nxt + 500, 0, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "line 4");
	expect_state(&talk, TCP_ESTABLISHED, "line 4");
	stream_say(&talk, RST, talk.rcv_nxt, 0, 0);
	expect_state(&talk, TCP_CLOSE, "line 6");
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, &talk, 1), -ECONNRESET);
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "x", 1, 0), -EPIPE);
}

/* By a security module: what else fails, the network may lose as well. */
static void first_segment_is_refused(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	stream_refusal = -ECONNREFUSED;
	KUNIT_EXPECT_EQ(test, stream_connect(talk.sock, STREAM_PEER), -ECONNREFUSED);
	KUNIT_EXPECT_EQ(test, talk.sk->sk_state, TCP_CLOSE);
	stream_refusal = -EPERM;
	KUNIT_EXPECT_EQ(test, stream_connect(talk.sock, STREAM_PEER), -EINPROGRESS);
	stream_refusal = 0;
	stream_wait(KINET_SECOND);
	stream_expect(&talk, SYN, STREAM_ANY, STREAM_ANY, 0, "again");
	stream_say(&talk, SYN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "hello", 5, 0), 5);
}

/* It was found when it still listened: nothing is left of who came. */
static void listener_ends_meanwhile(struct kunit *test)
{
	struct stream_talk talk;
	int users;

	stream_talk_begin(test, &talk);
	stream_listen(&talk);
	KUNIT_ASSERT_EQ(test, kernel_sock_shutdown(talk.listener, SHUT_RD), 0);
	users = stream_users();
	stream_arrive_late(stream_segment(&talk, SYN, talk.rcv_nxt, 0, 0), talk.ear);
	KUNIT_EXPECT_EQ(test, stream_users(), users);
	KUNIT_EXPECT_NULL(test, stream_embryo(talk.ear));
	stream_expect_silence(&talk, "nobody listens");
	KUNIT_ASSERT_EQ(test, kernel_listen(talk.listener, 5), 0);
	stream_establish(&talk, true, 0);
}

/* One that comes while its listener is drained has yet to be drained itself. */
static void child_of_a_dead_one_lives(struct kunit *test)
{
	struct stream_talk talk;
	struct sock *child;

	stream_talk_begin(test, &talk);
	stream_listen(&talk);
	WRITE_ONCE(kinet_sk(talk.ear)->dead, true);
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	WRITE_ONCE(kinet_sk(talk.ear)->dead, false);
	child = stream_embryo(talk.ear);
	KUNIT_ASSERT_NOT_NULL(test, child);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(kinet_sk(child)->dead));
}

/* It was drained when the call had begun, and before it had the lock. */
static void drained_one_begins_nothing(struct kunit *test)
{
	struct sockaddr_in to = {
		.sin_family		= AF_INET,
		.sin_port		= htons(STREAM_PEER),
		.sin_addr.s_addr	= htonl(INADDR_LOOPBACK),
	};
	struct stream_talk talk;
	struct sock *sk;

	stream_talk_begin(test, &talk);
	stream_talk_socket(&talk);
	sk = talk.sk;
	WRITE_ONCE(kinet_sk(sk)->dead, true);
	lock_sock(sk);
	KUNIT_EXPECT_EQ(test, sk->sk_prot->connect(sk, (struct sockaddr *)&to, sizeof(to)),
			-ENETDOWN);
	release_sock(sk);
	stream_expect_silence(&talk, "connect()");
	KUNIT_EXPECT_EQ(test, kinet_stream_listen(talk.sock, 5), -ENETDOWN);
	KUNIT_EXPECT_EQ(test, sk->sk_state, TCP_CLOSE);
	WRITE_ONCE(kinet_sk(sk)->dead, false);
}

/* What it was copied from keeps its own. */
static void disconnected_one_has_no_page(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	talk.sk->sk_use_task_frag = false;
	stream_user_writes(&talk, 400);
	KUNIT_EXPECT_NOT_NULL(test, talk.sk->sk_frag.page);
	stream_disconnect(talk.sock);
	KUNIT_EXPECT_NULL(test, talk.sk->sk_frag.page);
}

/* SO_PEEK_OFF: what was peeked at is of the connection that is over. */
static void disconnected_one_peeks_anew(struct kunit *test)
{
	struct stream_talk talk;
	char byte;
	struct kvec vec = { &byte, 1 };
	struct msghdr msg = {};

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	sk_set_peek_off(talk.sk, 0);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(talk.sock, &msg, &vec, 1, 1,
					     MSG_PEEK | MSG_DONTWAIT), 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(talk.sk->sk_peek_off), 1);
	stream_disconnect(talk.sock);
	KUNIT_EXPECT_EQ(test, READ_ONCE(talk.sk->sk_peek_off), -1);
}

/* Figure 12 */
static void one_closes(struct kunit *test)
{
	struct stream_talk talk;
	char byte;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	stream_expect(&talk, FIN | ACK, talk.snd_nxt, talk.rcv_nxt, 0,
		      "line 2");
	stream_says_ack(&talk);
	expect_state(&talk, TCP_FIN_WAIT2, "line 3");
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, &byte, 1), -EAGAIN);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "line 5");
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 1);
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, &byte, 1), 0);
}

/* Figure 13 */
static void both_close(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	stream_flush(&talk);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt - 1, 0);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "line 3");
	expect_state(&talk, TCP_CLOSING, "line 2");
	stream_says_ack(&talk);
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 1);
	stream_expect_silence(&talk, "line 4");
}

/* One that goes on trying until it is just before another in the table */
static struct kinet_conn *get_before(struct kunit *test, const struct kinet_conn *conn)
{
	struct socket *sock = stream_socket(test, STREAM_PORT + 2);
	struct kinet_conn *before = &kinet_tcp(sock->sk)->conn;
	unsigned short port;

	for (port = 1; port < U16_MAX; port++) {
		KUNIT_ASSERT_EQ(test, stream_connect(sock, port), -EINPROGRESS);
		skb_queue_purge(&stream_sent);
		if (before->node.next == &conn->node)
			return before;
		stream_disconnect(sock);
		cond_resched();
	}
	return NULL;
}

/* Whoever has searched so far must find it, or what is left of it. */
static void time_wait_is_where_it_was(struct kunit *test)
{
	struct kinet_conn *before, *left;
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	before = get_before(test, &kinet_tcp(talk.sk)->conn);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	stream_flush(&talk);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_flush(&talk);
	KUNIT_ASSERT_EQ(test, stream_timewaits(), 1);
	KUNIT_EXPECT_TRUE(test, hlist_unhashed(&kinet_tcp(talk.sk)->conn.node));
	left = hlist_entry_safe(before->node.next, struct kinet_conn, node);
	KUNIT_ASSERT_NOT_NULL(test, left);
	KUNIT_EXPECT_TRUE(test, left->timewait);
}

/* Section 3.6: one that has closed may still receive, as long as it likes. */
static void half_closed_receives(struct kunit *test)
{
	struct stream_talk talk;
	char text[8];

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	stream_flush(&talk);
	stream_says_ack(&talk);
	stream_wait(3600 * KINET_SECOND);
	expect_state(&talk, TCP_FIN_WAIT2, "nobody has closed it");
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	talk.rcv_nxt += 5;
	stream_wait(KINET_SECOND / 2);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 0, "data");
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, text, sizeof(text)), 5);
}

/* And the other may still send. */
static void half_closed_sends(struct kunit *test)
{
	struct stream_talk talk;
	char byte;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_flush(&talk);
	KUNIT_EXPECT_EQ(test, stream_read(talk.sock, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "hello", 5, 0), 5);
	stream_expect(&talk, ACK, talk.snd_nxt, talk.rcv_nxt, 5, "data");
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	stream_expect(&talk, FIN | ACK, talk.snd_nxt, talk.rcv_nxt, 0, "FIN");
	expect_state(&talk, TCP_LAST_ACK, "FIN");
	stream_says_ack(&talk);
	expect_state(&talk, TCP_CLOSE, "both");
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 0);
}

enum closing { BY_CLOSE, BY_SHUTDOWN };

/* 3.10.4: what is closed in SYN-RECEIVED goes on when it is ESTABLISHED. */
static void closed_before_it_stands(struct kunit *test)
{
	struct stream_talk talk;
	enum closing by;
	int resent;

	for (by = BY_CLOSE; by <= BY_SHUTDOWN; by++) {
		stream_wire_init(test);
		connect_by_hand(test, &talk);
		stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
		stream_flush(&talk);
		if (by == BY_CLOSE)
			stream_close(talk.sock);
		else
			kernel_sock_shutdown(talk.sock, SHUT_WR);
		for (resent = 0; resent < 2; resent++) {
			stream_wait(KINET_SECOND << resent);
			stream_expect(&talk, SYN | ACK, talk.snd_nxt - 1,
				      talk.rcv_nxt, 0, "time-out");
		}
		stream_says_ack(&talk);
		stream_expect(&talk, FIN | ACK, talk.snd_nxt, talk.rcv_nxt, 0,
			      "its FIN");
		expect_state(&talk, TCP_FIN_WAIT1, "its FIN");
		stream_says_ack(&talk);
		expect_state(&talk, TCP_FIN_WAIT2, "acknowledged");
		stream_wire_exit(test);
	}
}

/* 3.10.5: the peer of one in LAST-ACK or CLOSING that has no FIN yet is told. */
static void aborted_before_its_fin(struct kunit *test)
{
	struct stream_talk talk;
	char *text;

	stream_talk_begin(test, &talk);
	talk.wnd = 0;
	stream_establish(&talk, false, 0);
	text = kunit_kzalloc(test, 100, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, stream_write(talk.sock, text, 100, 0), 100);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	KUNIT_EXPECT_EQ(test, kernel_sock_shutdown(talk.sock, SHUT_WR), 0);
	expect_state(&talk, TCP_LAST_ACK, "its data wait for the window");
	stream_flush(&talk);
	stream_abort(talk.sock);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, talk.rcv_nxt, 0, "abort");
}

/* RFC 2525, section 2.17 */
static void data_that_nobody_reads(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	talk.rcv_nxt += 5;
	stream_flush(&talk);
	stream_close(talk.sock);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, talk.rcv_nxt, 0,
		      "closed, unread");
	expect_state(&talk, TCP_CLOSE, "closed, unread");
}

static void data_after_the_close(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, false, 0);
	stream_close(talk.sock);
	stream_flush(&talk);
	stream_say(&talk, ACK, talk.rcv_nxt, talk.snd_nxt, 5);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, STREAM_ANY, 0, "nobody");
	expect_state(&talk, TCP_CLOSE, "nobody");
}

/* 3.10.4: those who wait to be accepted are reset. */
static void listener_ends(struct kunit *test)
{
	struct stream_talk talk;

	stream_talk_begin(test, &talk);
	stream_listen(&talk);
	stream_say(&talk, SYN, talk.rcv_nxt++, 0, 0);
	stream_flush(&talk);
	stream_close(talk.listener);
	stream_expect(&talk, RST | ACK, talk.snd_nxt, talk.rcv_nxt, 0, "embryo");
	stream_says_ack(&talk);
	stream_expect(&talk, RST, talk.snd_nxt, 0, 0, "nobody");
}

/* RFC 6191, section 2: the new connection's numbers are beyond the old one's. */
static void reopened_beyond_the_old(struct kunit *test)
{
	struct stream_talk talk;
	u32 old;

	stream_talk_begin(test, &talk);
	stream_establish(&talk, true, 100 * STREAM_MS);
	KUNIT_EXPECT_EQ(test, stream_write(talk.sock, "hello", 5, 0), 5);
	stream_close(talk.sock);
	stream_flush(&talk);
	stream_say(&talk, FIN | ACK, talk.rcv_nxt++, talk.snd_nxt, 0);
	stream_flush(&talk);
	KUNIT_ASSERT_EQ(test, stream_timewaits(), 1);
	old = talk.snd_nxt;
	stream_wait(STREAM_MS);
	stream_say(&talk, SYN, ++talk.rcv_nxt, 0, 0);
	talk.rcv_nxt++;
	stream_expect(&talk, SYN | ACK, STREAM_ANY, talk.rcv_nxt, 0, "again");
	KUNIT_EXPECT_TRUE(test, kinet_after(talk.snd_nxt, old));
	KUNIT_EXPECT_EQ(test, stream_timewaits(), 0);
	stream_says_ack(&talk);
	KUNIT_EXPECT_NOT_NULL(test, stream_accept(test, talk.listener));
}

static struct kunit_case open_cases[] = {
	KUNIT_CASE(one_opens),
	KUNIT_CASE(peeker_waits_for_it_to_stand),
	KUNIT_CASE(syn_echoes_nothing),
	KUNIT_CASE(what_was_offered_stays),
	KUNIT_CASE(what_was_not_offered_is_not_used),
	KUNIT_CASE(same_ends_go_on_with_the_clock),
	KUNIT_CASE(both_open),
	KUNIT_CASE(window_of_both_isnt_scaled),
	KUNIT_CASE(old_duplicate_syn),
	KUNIT_CASE(half_open),
	KUNIT_CASE(first_segment_is_refused),
	KUNIT_CASE(listener_ends_meanwhile),
	KUNIT_CASE(child_of_a_dead_one_lives),
	KUNIT_CASE(drained_one_begins_nothing),
	KUNIT_CASE(disconnected_one_has_no_page),
	KUNIT_CASE(disconnected_one_peeks_anew),
	KUNIT_CASE(one_closes),
	KUNIT_CASE(both_close),
	KUNIT_CASE(time_wait_is_where_it_was),
	KUNIT_CASE(half_closed_receives),
	KUNIT_CASE(half_closed_sends),
	KUNIT_CASE(closed_before_it_stands),
	KUNIT_CASE(aborted_before_its_fin),
	KUNIT_CASE(data_that_nobody_reads),
	KUNIT_CASE(data_after_the_close),
	KUNIT_CASE(listener_ends),
	KUNIT_CASE(reopened_beyond_the_old),
	{}
};

static struct kunit_suite open_suite = {
	.name = "kinet_stream_open",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = open_cases,
};

kunit_test_suite(open_suite);
