// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lots of connections of kinet with itself, over links that lose, delay and
 * repeat, in virtual time; users, options and links are drawn by chance
 *
 * Whatever happens, each byte arrives once and in order, both ends are told of
 * the end, and nothing is left when all is over. Schedule N of a seed is always
 * the same: kinet_kunit.tcp_seed= and kinet_kunit.stream_lot= play it alone.
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_link.h"
#include "tcp_random.h"

/* With instrumentation and in an emulator, time is short. */
#define LOTS		(IS_ENABLED(CONFIG_UML) ? 2000 : 200)
#define EVENTS		200000
/*
 * While all that is sent was sent before nothing is timed, unless there are time
 * stamps, and the longest time-out stays (RFC 6298, sections 3 and 5): 120 s for
 * each of a thousand segments, and something for those that are lost again.
 */
#define TIME_MAX	(48 * 3600 * KINET_SECOND)
#define CHUNK		8192

static int stream_lot = -1;
module_param(stream_lot, int, 0444);
MODULE_PARM_DESC(stream_lot, "the only schedule of random streams to be played, -1: all");

static uint stream_lots = LOTS;
module_param(stream_lots, uint, 0444);
MODULE_PARM_DESC(stream_lots, "how many schedules of random streams are played");

static const struct stream_net nets[] = {
	{ "nothing lost", 0, 0, 0 },
	{ "1 % lost", 1, 0, 0 },
	{ "5 % lost", 5, 0, 0 },
	{ "15 % lost", 15, 0, 0 },
	{ "reordered", 0, 0, 15 },
	{ "twice", 0, 15, 0 },
	{ "5 % lost, twice, reordered", 5, 5, 5 },
	{ "20 % lost, reordered", 20, 1, 30 },
};

static void describe(const struct stream_net *net, char *text)
{
	strscpy(text, net->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(net, nets, describe);

/**
 * struct party - who has one of the two sockets
 * @sock: connection, or NULL
 * @sk: its sock, also when it is closed
 * @own: what his bytes are made of
 * @size: bytes that he writes
 * @written: how many he has
 * @read: how many he has read
 * @most: bytes that he writes or reads at once
 * @think: how long he pauses, at most, microseconds
 * @next: when he does something again
 * @aborts: having read so much, if ever
 * @eof: he has read all
 * @shut: he has no more to write
 * @failed: an errno that he was told, or 0
 */
struct party {
	struct socket	*sock;
	struct sock	*sk;
	u8		own;
	u32		size;
	u32		written;
	u32		read;
	u32		most;
	u32		think;
	u64		next;
	u32		aborts;
	bool		eof;
	bool		shut;
	int		failed;
};

struct lot {
	struct kunit		*test;
	struct rnd_state	random;
	struct stream_link	*link;
	struct socket		*listener;
	struct sock		*ear;
	struct sock		*embryo;
	struct party		users[2];
	bool			aborted;
	u64			begun;
	unsigned int		events;
	unsigned long		total;
	const char		*wrong;
	u8			*chunk;
};

static u8 byte_at(const struct party *user, u32 at)
{
	return at * 31 + (at >> 8) * 7 + user->own;
}

/* --- what a user does --- */

static void wrong(struct lot *lot, const char *what)
{
	if (!lot->wrong)
		lot->wrong = what;
}

static void fails(struct lot *lot, struct party *user, int err)
{
	if (err == -EAGAIN)
		return;
	user->failed = err;
	if (!lot->aborted)
		wrong(lot, "a call failed");
}

static void writes(struct lot *lot, struct party *user)
{
	u32 i, len = 1 + tcp_random(&lot->random, user->most);
	int flags = tcp_percent(&lot->random, 10) ? MSG_MORE : 0;
	int ret;

	len = min(len, user->size - user->written);
	for (i = 0; i < len; i++)
		lot->chunk[i] = byte_at(user, user->written + i);
	ret = stream_write(user->sock, lot->chunk, len, flags);
	if (ret < 0)
		fails(lot, user, ret);
	else
		user->written += ret;
}

static void reads(struct lot *lot, struct party *user, const struct party *peer)
{
	u32 len = 1 + tcp_random(&lot->random, user->most);
	int i, ret = stream_read(user->sock, lot->chunk, len);

	if (ret < 0) {
		fails(lot, user, ret);
		return;
	}
	if (!ret) {
		user->eof = true;
		if (user->read != peer->size && !lot->aborted)
			wrong(lot, "the end came too soon");
	}
	for (i = 0; i < ret; i++)
		if (lot->chunk[i] != byte_at(peer, user->read + i))
			wrong(lot, "a byte isn't what was sent");
	user->read += ret;
	if (user->read > peer->size)
		wrong(lot, "more came than was sent");
}

/* So that no schedule has thousands of calls */
static u32 at_once(struct lot *lot)
{
	u32 least = 1 + max(lot->users[0].size, lot->users[1].size) / 200;

	return least + tcp_random(&lot->random, CHUNK - least);
}

/* Less than was promised, maybe */
static void shrinks(struct lot *lot, struct sock *sk, u32 most)
{
	sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	WRITE_ONCE(sk->sk_rcvbuf,
		   SOCK_MIN_RCVBUF + tcp_random(&lot->random, most));
}

static void changes_mind(struct lot *lot, struct party *user)
{
	struct rnd_state *random = &lot->random;
	struct sock *sk = user->sk;

	switch (tcp_random(random, 7)) {
	case 0:
		stream_set(user->sock, TCP_NODELAY, tcp_percent(random, 50));
		break;
	case 1:
		stream_set(user->sock, TCP_CORK, tcp_percent(random, 30));
		break;
	case 2:
		shrinks(lot, sk, 60000);
		break;
	case 3:
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
		WRITE_ONCE(sk->sk_sndbuf, 4096 + tcp_random(random, 60000));
		break;
	case 4:
		user->think = 1 + tcp_random(random, 1000000);
		break;
	case 5:
		user->most = at_once(lot);
		break;
	case 6:
		stream_set_rate(user->sock, tcp_percent(random, 30) ? ~0UL :
					    1000 + tcp_random(random, 1000000));
		break;
	}
}

static bool can_read(const struct party *user)
{
	const struct sock *sk = user->sk;

	return !user->eof && (!skb_queue_empty(&sk->sk_receive_queue) ||
			      sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_err ||
			      sk->sk_state == TCP_CLOSE);
}

static bool can_write(const struct party *user)
{
	return user->written < user->size &&
	       (sk_stream_memory_free(user->sk) || user->sk->sk_err ||
		user->sk->sk_state == TCP_CLOSE);
}

static bool can_act(const struct lot *lot, const struct party *user)
{
	if (!user->sk)
		return !list_empty(&kinet_tcp(lot->ear)->ready);
	if (!user->sock)
		return false;
	if ((1 << user->sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return false;
	return user->failed || can_read(user) || can_write(user) ||
	       (user->written == user->size && (!user->shut || user->eof));
}

static void leaves(struct party *user, bool abort)
{
	if (abort)
		stream_abort(user->sock);
	else
		stream_close(user->sock);
	user->sock = NULL;
}

/* He has written all. */
static void ends(struct lot *lot, struct party *user)
{
	if (user->eof && (user->shut || tcp_percent(&lot->random, 50))) {
		leaves(user, false);
		return;
	}
	if (user->shut)
		return;
	user->shut = true;
	if (kernel_sock_shutdown(user->sock, SHUT_WR) && !lot->aborted)
		wrong(lot, "shutdown() failed");
}

static void acts(struct lot *lot, struct party *user, const struct party *peer)
{
	bool read = can_read(user), write = can_write(user);

	user->next = stream_now + tcp_random(&lot->random, user->think);
	if (user->failed) {
		leaves(user, false);
		return;
	}
	if (user->read + user->written > user->aborts) {
		lot->aborted = true;
		leaves(user, true);
		return;
	}
	if (tcp_percent(&lot->random, 3))
		changes_mind(lot, user);
	if (read && (!write || tcp_percent(&lot->random, 50)))
		reads(lot, user, peer);
	else if (write)
		writes(lot, user);
	else
		ends(lot, user);
}

static void keep_alive(struct party *user)
{
	sock_set_keepalive(user->sk);
	stream_set(user->sock, TCP_KEEPIDLE, 10);
	stream_set(user->sock, TCP_KEEPINTVL, 5);
	/* However much is lost, in the end it isn't. */
	stream_set(user->sock, TCP_USER_TIMEOUT, TIME_MAX / 1000);
}

static void accepts(struct lot *lot, struct party *user)
{
	user->sock = stream_accept(lot->test, lot->listener);
	if (!user->sock) {
		wrong(lot, "accept() failed");
		return;
	}
	user->sk = user->sock->sk;
	keep_alive(user);
}

/* --- a schedule --- */

/* Most are short, for most of what goes wrong does at the ends. */
static u32 size(struct rnd_state *random)
{
	u32 kind = tcp_random(random, 100);

	if (kind < 70)
		return tcp_random(random, 2000);
	return tcp_random(random, kind < 95 ? 20000 : 100000);
}

static void draw_user(struct lot *lot, struct party *user, u8 own)
{
	struct rnd_state *random = &lot->random;
	static const u32 thoughts[] = { 1, 1000, 20000, 500000 };

	*user = (struct party){
		.own	= own,
		.most	= at_once(lot),
		.size	= user->size,
		.think	= thoughts[tcp_random(random, ARRAY_SIZE(thoughts))],
		.aborts	= U32_MAX,
	};
	if (tcp_percent(random, 5))
		user->aborts = tcp_random(random, user->size + 1);
}

static void draw_settings(struct rnd_state *random)
{
	static const unsigned int mtus[] = { 130, 576, 1000, 1500, 9000 };
	struct kinet_net *kn = kinet_net(&init_net);

	kn->tcp[KINET_TCP_TIMESTAMPS] = tcp_percent(random, 60);
	kn->tcp[KINET_TCP_SACK] = tcp_percent(random, 70);
	kn->tcp[KINET_TCP_WINDOW_SCALING] = tcp_percent(random, 70);
	/* Nor does who has closed give up; see keep_alive(). */
	kn->tcp[KINET_TCP_ORPHAN_RETRIES] = INT_MAX;
	stream_mtu = mtus[tcp_random(random, ARRAY_SIZE(mtus))];
	stream_wire_isolate(tcp_percent(random, 50));
}

/* When it begins decides the numbers: often they are about to wrap. */
static u64 draw_begin(struct rnd_state *random)
{
	bool up = tcp_percent(random, 50);
	struct kinet_ends ends = {
		.lport = htons(up ? STREAM_PORT : STREAM_PEER),
		.rport = htons(up ? STREAM_PEER : STREAM_PORT),
	};
	u32 iss = prandom_u32_state(random);

	ipv6_addr_set_v4mapped(htonl(INADDR_LOOPBACK), &ends.laddr);
	ends.raddr = ends.laddr;
	if (tcp_percent(random, 50))
		iss = -tcp_random(random, 20000);
	iss -= kinet_isn(&ends, 0, &kinet_secret);
	return (1ULL << 34) + ((u64)iss << 2);
}

/* Pages that are left over from before would cut what is written elsewhere. */
static void forget_page(void)
{
	struct page_frag *pfrag = &current->task_frag;

	if (pfrag->page)
		put_page(pfrag->page);
	pfrag->page = NULL;
}

static void opens(struct lot *lot, struct party *user, unsigned short port,
		  unsigned short to)
{
	user->sock = stream_socket(lot->test, port);
	user->sk = user->sock->sk;
	keep_alive(user);
	/* A reader who is slow is worth a small window. */
	if (tcp_percent(&lot->random, 40))
		shrinks(lot, user->sk, 10000);
	if (stream_connect(user->sock, to) != -EINPROGRESS)
		wrong(lot, "connect() failed");
}

static void listens(struct lot *lot)
{
	lot->listener = stream_socket(lot->test, STREAM_PEER);
	lot->ear = lot->listener->sk;
	if (tcp_percent(&lot->random, 40))
		shrinks(lot, lot->ear, 10000);
	if (kernel_listen(lot->listener, 5))
		wrong(lot, "listen() failed");
}

static void draw(struct lot *lot)
{
	struct rnd_state *random = &lot->random;

	draw_settings(random);
	stream_now = draw_begin(random);
	lot->begun = stream_now;
	stream_link_begin(lot->link, lot->test->param_value, random);
	lot->link->loud = stream_lot >= 0;
	lot->users[0].size = size(random);
	lot->users[1].size = size(random);
	draw_user(lot, &lot->users[0], 1);
	draw_user(lot, &lot->users[1], 101);
	/* Both at once, or the one to the other */
	if (tcp_percent(random, 10))
		opens(lot, &lot->users[1], STREAM_PEER, STREAM_PORT);
	else
		listens(lot);
	opens(lot, &lot->users[0], STREAM_PORT, STREAM_PEER);
}

static u64 user_due(const struct lot *lot, const struct party *user)
{
	return can_act(lot, user) ? max(user->next, stream_now) : KINET_NEVER;
}

/* Its timers are served, too; an old SYN may have made it. */
static void look_after_embryo(struct lot *lot)
{
	struct sock *embryo = lot->ear ? stream_embryo(lot->ear) : NULL;

	if (!embryo || embryo == lot->embryo)
		return;
	if (lot->embryo && lot->embryo != lot->users[1].sk)
		stream_untrack(lot->embryo);
	lot->embryo = embryo;
	stream_track(embryo);
}

/* Return: whether something happened. */
static bool step(struct lot *lot)
{
	struct party *a = &lot->users[0], *b = &lot->users[1];
	u64 link, timers, due;

	stream_link_take(lot->link);
	look_after_embryo(lot);
	link = stream_link_due(lot->link);
	timers = stream_due();
	due = min3(link, timers, min(user_due(lot, a), user_due(lot, b)));
	if (due == KINET_NEVER)
		return false;
	stream_now = max(stream_now, due);
	if (link == due)
		stream_link_arrive(lot->link);
	else if (timers == due)
		stream_expire();
	else if (user_due(lot, a) == stream_now)
		acts(lot, a, b);
	else if (b->sk)
		acts(lot, b, a);
	else
		accepts(lot, b);
	return true;
}

static bool is_over(const struct lot *lot)
{
	int i;

	for (i = 0; i < 2; i++)
		if (lot->users[i].sock ||
		    (lot->users[i].sk &&
		     lot->users[i].sk->sk_state != TCP_CLOSE))
			return false;
	return true;
}

static void look_at_the_end(struct lot *lot)
{
	if (!is_over(lot))
		wrong(lot, "it hangs");
	/* Orphans have given all back but their memory; a listener is left. */
	if (stream_users() != !!lot->ear)
		wrong(lot, "a sock hasn't ended");
	stream_now += KINET_TIMEWAIT_SECONDS * KINET_SECOND;
	kinet_remains_expire(&init_net);
	if (stream_timewaits())
		wrong(lot, "TIME-WAIT doesn't end");
	if (!lot->aborted && (!lot->users[0].eof || !lot->users[1].eof))
		wrong(lot, "an end was never told");
}

static void play(struct lot *lot)
{
	lot->events = 0;
	while (!lot->wrong && step(lot)) {
		if (lot->link->wrong)
			wrong(lot, lot->link->wrong);
		if (++lot->events > EVENTS)
			wrong(lot, "it never ends");
		if (stream_now - lot->begun > TIME_MAX)
			wrong(lot, "it takes too long");
	}
	if (!lot->wrong)
		look_at_the_end(lot);
}

static void tell(const struct lot *lot, u32 seed, int index)
{
	const struct party *user;
	int i;

	KUNIT_FAIL(lot->test, "tcp_seed=%u stream_lot=%d: %s, after %u events, %llu us",
		   seed, index, lot->wrong, lot->events, stream_now - lot->begun);
	kunit_info(lot->test, "delay %u, jitter %u, mtu %u%s\n",
		   lot->link->delay, lot->link->jitter, stream_mtu,
		   lot->aborted ? ", aborted" : "");
	for (i = 0; i < 2; i++) {
		user = &lot->users[i];
		kunit_info(lot->test, "%s: wrote %u of %u, read %u%s%s, failed %d\n",
			   user->sk ? kinet_state_name(user->sk->sk_state) :
				      "none", user->written, user->size,
			   user->read, user->eof ? ", to the end" : "",
			   user->shut ? ", shut" : "", user->failed);
	}
}

static void cleans(struct lot *lot)
{
	int i;

	if (lot->embryo && lot->embryo != lot->users[1].sk)
		stream_untrack(lot->embryo);
	for (i = 0; i < 2; i++) {
		if (lot->users[i].sock)
			leaves(&lot->users[i], true);
		if (lot->users[i].sk)
			stream_untrack(lot->users[i].sk);
	}
	if (lot->ear) {
		stream_close(lot->listener);
		stream_untrack(lot->ear);
	}
	stream_link_end(lot->link);
	skb_queue_purge(&stream_sent);
	kinet_remains_purge(&init_net);
	forget_page();
}

static void play_alone(struct lot *lot, u32 seed, int index)
{
	prandom_seed_state(&lot->random, ((u64)seed << 32) + index);
	lot->aborted = false;
	lot->wrong = NULL;
	lot->ear = NULL;
	lot->embryo = NULL;
	draw(lot);
	play(lot);
	if (lot->wrong)
		tell(lot, seed, index);
	lot->total += lot->events;
	cleans(lot);
	cond_resched();
}

/* The first connection draws the secret; ours is the same each time. */
static void fix_secret(struct kunit *test)
{
	struct socket *sock = stream_socket(test, STREAM_PORT);
	struct sock *sk = sock->sk;

	stream_connect(sock, STREAM_PEER);
	stream_close(sock);
	stream_untrack(sk);
	skb_queue_purge(&stream_sent);
	memset(&kinet_secret, 0x5a, sizeof(kinet_secret));
}

static void each_byte_once_and_an_end(struct kunit *test)
{
	const struct stream_net *net = test->param_value;
	struct kinet_net *kn = kinet_net(&init_net);
	int i, tcp[KINET_TCP_SETTINGS];
	struct rnd_state random;
	struct lot lot = { .test = test };
	u32 seed;

	lot.chunk = kunit_kzalloc(test, CHUNK, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lot.chunk);
	lot.link = kvzalloc(sizeof(*lot.link), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lot.link);
	seed = tcp_seed_random(test, &random);
	memcpy(tcp, kn->tcp, sizeof(tcp));
	fix_secret(test);
	for (i = net - nets; i < stream_lots; i += ARRAY_SIZE(nets))
		if (stream_lot < 0 || stream_lot == i)
			play_alone(&lot, seed, i);
	memcpy(kn->tcp, tcp, sizeof(tcp));
	kunit_info(test, "%lu events\n", lot.total);
	kvfree(lot.link);
}

static struct kunit_case lots_cases[] = {
	KUNIT_CASE_PARAM_ATTR(each_byte_once_and_an_end, net_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite lots_suite = {
	.name = "kinet_stream_lots",
	.init = stream_wire_init,
	.exit = stream_wire_exit,
	.test_cases = lots_cases,
};

kunit_test_suite(lots_suite);
