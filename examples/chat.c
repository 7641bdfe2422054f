// SPDX-License-Identifier: GPL-2.0-only
/*
 * chat: a room where lines are datagrams, and an operator who may interrupt
 *
 * The one idea: datagrams, and urgent data that overtakes a stream. Whoever
 * sends a line to the UDP port is a member, and has it passed to all others; an
 * empty datagram leaves. On the TCP port of that number the operator's lines are
 * said one by one, at a pace, and wait in the socket till then. An urgent byte
 * (MSG_OOB) takes back those that wait: its mark is told as soon as it arrives,
 * and everything before it is dropped, as Telnet's Synch does.
 */
#include <linux/poll.h>

#include "listener.h"

static char *port = "7777";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "where to listen, UDP and TCP");
static unsigned int pace = 1000;
module_param(pace, uint, 0444);
MODULE_PARM_DESC(pace, "time between two lines of the operator, in ms");

#define LONGEST	512		/* line */

struct member {
	struct sockaddr_storage addr;
	socklen_t len;		/* 0: nobody */
};

static ksocket_t room;
static DEFINE_MUTEX(lock);	/* what follows */
static struct member members[64];
static unsigned int next;	/* whose place a newcomer takes when all are taken */
static ksocket_t operator;	/* the last who came; open while it stands here */
static bool urgent;		/* drop what comes before the mark */
static unsigned long due;	/* when the operator's next line is */
static char said[2 + LONGEST] = "* ";	/* so it looks when the operator says ... */
static char * const line = said + 2;	/* ... what a member would say so */

/* To everyone but one. Whose socket has no room for it, misses it. */
static void say(void *text, size_t len, const struct member *except)
{
	struct member *m;
	size_t n;

	lockdep_assert_held(&lock);
	for (m = members; m < members + ARRAY_SIZE(members); m++)
		if (m->len && m != except)
			ksock_sendto(room, text, len, MSG_DONTWAIT,
				     (struct sockaddr *)&m->addr, m->len, &n);
}

static struct member *find(const struct member *who)
{
	struct member *m, *empty = NULL;

	for (m = members; m < members + ARRAY_SIZE(members); m++) {
		if (m->len == who->len && !memcmp(&m->addr, &who->addr, m->len))
			return m;
		if (!m->len && !empty)
			empty = m;
	}
	m = empty ?: &members[next++ % ARRAY_SIZE(members)];
	*m = *who;
	return m;
}

static void room_recv(ksocket_t s, void *arg, ssize_t msglen)
{
	struct member who = {}, *m;
	size_t n;

	mutex_lock(&lock);
	for (;;) {
		who.len = sizeof(who.addr);
		if (ksock_recvfrom(s, line, LONGEST, MSG_DONTWAIT,
				   (struct sockaddr *)&who.addr, &who.len, &n))
			break;
		m = find(&who);
		if (n)
			say(line, n, m);
		else
			m->len = 0;
	}
	mutex_unlock(&lock);
}

static const ksock_callbacks_t room_callbacks = {
	.recv	= room_recv,
	.flags	= KSOCK_CB_DEFERRED,
};

/* The mark may be known before all that stands before it has come: -EAGAIN. */
static int drop_to_mark(void)
{
	int err, at_mark;
	size_t n = 1;

	do {
		err = ksock_ioctl(operator, SIOCATMARK, (intptr_t)&at_mark);
		if (!err && at_mark)
			err = ksock_recv(operator, line, 1, MSG_OOB | MSG_DONTWAIT, &n);
		else if (!err)
			err = ksock_recv(operator, line, LONGEST, MSG_DONTWAIT, &n);
	} while (!err && n && !at_mark);
	urgent = err || !n;
	return err ?: n ? 0 : -ESHUTDOWN;
}

/* The next line, when it is complete; else -EAGAIN. */
static int say_line(void)
{
	char *end;
	size_t n;
	int err;

	err = ksock_recv(operator, line, LONGEST, MSG_PEEK | MSG_DONTWAIT, &n);
	if (err || !n)
		return err ?: -ESHUTDOWN;
	end = memchr(line, '\n', n);
	if (end)
		n = end + 1 - line;
	else if (n < LONGEST && !(ksock_poll(operator) & EPOLLRDHUP))
		return -EAGAIN;
	say(said, 2 + n, NULL);
	return ksock_recv(operator, line, n, MSG_DONTWAIT, &n);
}

/* One step. Returns -EAGAIN when an event has to come first. */
static int speak_on(void)
{
	int err = 0;

	if (!operator)
		return -EAGAIN;
	if (urgent) {
		err = drop_to_mark();
		due = jiffies;
	} else if (time_after_eq(jiffies, due)) {
		err = say_line();
		if (!err)
			due = jiffies + msecs_to_jiffies(pace);
	}
	return err;
}

/* Any event may bring it here before the time. */
static void speak(struct work_struct *work)
{
	ksocket_t over = NULL;
	int err;

	mutex_lock(&lock);
	err = speak_on();
	if (!err)
		mod_delayed_work(system_wq, to_delayed_work(work),
				 max_t(long, due - jiffies, 0));
	else if (err != -EAGAIN)
		swap(over, operator);
	mutex_unlock(&lock);
	ksock_close(over);	/* it waits for callbacks, and they for the lock */
}

static DECLARE_DELAYED_WORK(speak_work, speak);

/* recv: bytes, or the end; xmit: no room ever, which is a reset. */
static void operator_moved(ksocket_t s, void *arg, ssize_t n)
{
	mod_delayed_work(system_wq, &speak_work, 0);
}

static void operator_exception(ksocket_t s, void *arg, u32 event)
{
	mutex_lock(&lock);
	if (s == operator && event & KSOCK_EXC_URG)
		urgent = true;
	mutex_unlock(&lock);
	mod_delayed_work(system_wq, &speak_work, 0);
}

static const ksock_callbacks_t operator_callbacks = {
	.recv		= operator_moved,
	.xmit		= operator_moved,
	.exception	= operator_exception,
	.flags		= KSOCK_CB_DEFERRED,
};

/* NULL for nobody. The callbacks wait for the lock, until it is in its place. */
static void set_operator(ksocket_t s)
{
	mutex_lock(&lock);
	swap(operator, s);
	urgent = false;
	due = jiffies;
	if (operator)
		ksock_callbacks(operator, &operator_callbacks, NULL);
	mutex_unlock(&lock);
	ksock_close(s);
}

static struct listener listener = { .start = set_operator };

static void chat_exit(void)
{
	ksock_close(listener.sock);
	set_operator(NULL);
	cancel_delayed_work_sync(&speak_work);
	ksock_close(room);
}

static int __init chat_init(void)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	int err;

	err = listener_open(&listener, port, NULL);
	if (err)
		return err;
	err = ksock_getsockname(listener.sock, (struct sockaddr *)&at, &len) ?:
	      ksock_socket(&room, at.ss_family, SOCK_DGRAM, 0) ?:
	      ksock_bind(room, (struct sockaddr *)&at, len) ?:
	      ksock_callbacks(room, &room_callbacks, NULL);
	if (err)
		chat_exit();
	return err;
}

module_init(chat_init);
module_exit(chat_exit);

MODULE_DESCRIPTION("Example of datagrams and urgent data over ksocket: a chat");
MODULE_LICENSE("GPL");
