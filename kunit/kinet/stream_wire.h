/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A wire for streams that is but a list, in a time that only the test moves
 *
 * Nothing sleeps, and no timer of the kernel's is ever set: what a socket sends
 * is in a list when the call returns, and what is due is done when the test says
 * how late it is.
 */
#ifndef _KUNIT_KINET_STREAM_WIRE_H
#define _KUNIT_KINET_STREAM_WIRE_H

#include <kunit/test.h>
#include <linux/skbuff.h>

#include "../../ksocket/kinet/stream/stream.h"

#define STREAM_MTU	1000
#define STREAM_MSS	500	/* of the peer that is made by hand */
#define STREAM_WINDOW	10000	/* likewise */
#define STREAM_PORT	7000	/* ours */
#define STREAM_PEER	7001	/* the peer's */
#define STREAM_MS	1000ULL
#define STREAM_ANY	((s32)0x80000000)

/* --- the wire --- */

/* Microseconds */
extern u64 stream_now;
extern struct sk_buff_head stream_sent;
extern unsigned int stream_mtu;
/* How often a route was looked for */
extern unsigned int stream_routes;
/* What looking for one gives, or 0 */
extern int stream_no_route;
/* Likewise, sending */
extern int stream_refusal;
/* What is sent stays its sender's, as in a queue below, until it is heard. */
extern bool stream_is_slow;

int stream_wire_init(struct kunit *test);
void stream_wire_exit(struct kunit *test);
/* For the sockets to come: with the protocol of kinet's own? */
void stream_wire_isolate(bool isolated);
struct socket *stream_socket(struct kunit *test, unsigned short port);
int stream_connect(struct socket *sock, unsigned short port);
/* connect() to AF_UNSPEC */
void stream_disconnect(struct socket *sock);
/* Accept one that waits, or NULL. */
struct socket *stream_accept(struct kunit *test, struct socket *listener);
/* Close it; its sock may live on. */
void stream_close(struct socket *sock);
void stream_abort(struct socket *sock);
/* Serve a sock's timers, and have it ended with the case. */
void stream_track(struct sock *sk);
/* No more; false when it had to be ended. */
bool stream_untrack(struct sock *sk);
int stream_users(void);
void stream_take_segs(unsigned int segs);
void stream_lose_route(int err);
/* A packet arrives, its data at the header of IP. */
void stream_arrive(struct sk_buff *skb);
/* The same, for a listener that was found and then has ended */
void stream_arrive_late(struct sk_buff *skb, struct sock *sk);
/* When the next timer is due, or KINET_NEVER */
u64 stream_due(void);
/* Do what is due now. */
void stream_expire(void);
/* Let the time pass; each timer goes off when it is due. */
void stream_wait(u64 us);
/* How many connections are in TIME-WAIT */
int stream_timewaits(void);
int stream_write(struct socket *sock, const void *data, size_t len, int flags);
int stream_read(struct socket *sock, void *data, size_t len);
/* An option of SOL_TCP */
int stream_set(struct socket *sock, int name, int value);
int stream_info(struct socket *sock, struct tcp_info *info);
/* SO_MAX_PACING_RATE, bytes in a second; ~0: none */
void stream_set_rate(struct socket *sock, unsigned long rate);

/* --- a peer that is made by hand --- */

/**
 * struct stream_seg - a segment
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @len: bytes of data
 * @wnd: SEG.WND
 * @flags: KINET_*
 * @options: options
 */
struct stream_seg {
	u32			seq;
	u32			ack;
	u32			len;
	u16			wnd;
	u8			flags;
	struct kinet_options	options;
};

/**
 * struct stream_talk - a connection with such a peer
 * @test: case
 * @listener: on STREAM_PORT, or NULL
 * @ear: its sock, also when @listener is closed
 * @sock: connection, or NULL
 * @sk: its sock, also when @sock is closed
 * @snd_nxt: kinet's SND.NXT, as its segments tell
 * @rcv_nxt: kinet's RCV.NXT: what the peer sends next
 * @edge: behind the window that kinet has offered last
 * @wnd: window that the peer offers
 * @mss: the peer's option
 * @scaled: it offers to scale windows, its own by @scale
 * @scale: likewise
 * @edge_scale: kinet's
 * @more: options that the peer's segments have, too, of those that each can have
 */
struct stream_talk {
	struct kunit		*test;
	struct socket		*listener;
	struct sock		*ear;
	struct socket		*sock;
	struct sock		*sk;
	u32			snd_nxt;
	u32			rcv_nxt;
	u32			edge;
	u16			wnd;
	u16			mss;
	bool			scaled;
	u8			scale;
	u8			edge_scale;
	struct kinet_options	more;
};

void stream_talk_begin(struct kunit *test, struct stream_talk *talk);
/* The user's socket, which has not connected yet */
void stream_talk_socket(struct stream_talk *talk);
/* So many bytes, which kinet has room for */
void stream_user_writes(struct stream_talk *talk, size_t len);
struct sk_buff *stream_segment(struct stream_talk *talk, u8 flags, u32 seq, u32 ack,
			       u32 len);
/* A segment of the peer's */
void stream_say(struct stream_talk *talk, u8 flags, u32 seq, u32 ack, u32 len);
/* Its acknowledgment of all that it has heard */
void stream_says_ack(struct stream_talk *talk);
/* What kinet has sent next, or false for nothing */
bool stream_hear(struct stream_talk *talk, struct stream_seg *seg);
/* All that it has sent: bytes, which must be new and in order */
u32 stream_heard(struct stream_talk *talk);
/* It is exactly this, and nothing more; numbers as above, STREAM_ANY: whatever */
void stream_expect(struct stream_talk *talk, u8 flags, u32 seq, u32 ack, u32 len,
		   const char *why);
void stream_expect_silence(struct stream_talk *talk, const char *why);
/* Forget what was sent. */
void stream_flush(struct stream_talk *talk);
/* Established, by kinet's connect() or by its accept(); the round trip takes @us. */
void stream_establish(struct stream_talk *talk, bool passive, u64 us);
/* The connection of the listener that isn't accepted yet */
struct sock *stream_embryo(const struct sock *ear);
/* Listen on STREAM_PORT. */
void stream_listen(struct stream_talk *talk);

#endif /* _KUNIT_KINET_STREAM_WIRE_H */
