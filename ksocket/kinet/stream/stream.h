/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Streams: TCP's sockets, over the pure parts in ../tcp
 *
 * What the files share, by the file that defines it. All of a connection is
 * guarded by its socket's lock, unless it says otherwise.
 */
#ifndef _KINET_STREAM_H
#define _KINET_STREAM_H

#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/netdevice.h>
#include <linux/timer.h>
#include <net/tcp_states.h>

#include "../kinet.h"
#include "../tcp/ack.h"
#include "../tcp/cong.h"
#include "../tcp/deadline.h"
#include "../tcp/isn.h"
#include "../tcp/options.h"
#include "../tcp/pace.h"
#include "../tcp/reassembly.h"
#include "../tcp/rtt.h"
#include "../tcp/sack.h"
#include "../tcp/state.h"
#include "../tcp/window.h"

#define KINET_TCP_HEADER	20
#define KINET_HEADROOM		L1_CACHE_ALIGN(128 + MAX_HEADER)	/* of all layers */
#define KINET_MSS_MIN		64
#define KINET_ISLANDS		256	/* ranges that wait beyond gaps: 3 KB */
#define KINET_SACKED		512	/* ranges that the peer has beyond gaps: 4 KB */
#define KINET_CRUMBS		256	/* small pieces that may wait to be put together */
#define KINET_TIMEWAIT_SECONDS	60
#define KINET_STORE_COPY	256	/* bytes that are copied rather than referred to */
#define KINET_BURST_MAX		65535	/* bytes of data in one skb, cut below */
#define KINET_BELOW_MAX		(256 * 1024)	/* bytes that may wait in queues below */

struct kinet_seg;

/* --- conn.c: connections, by both ends --- */

/**
 * struct kinet_conn - what the table of connections has
 * @node: in the table; read under RCU
 * @ends: addresses and ports
 * @device: the only device that it has to do with, or 0
 * @timewait: it is a &struct kinet_remains, not a &struct kinet_tcp
 * @was_in: it is in the table, or was
 */
struct kinet_conn {
	struct hlist_node	node;
	struct kinet_ends	ends;
	int			device;
	bool			timewait;
	bool			was_in;
};

bool kinet_conns_empty(const struct kinet_conns *conns);
struct kinet_conn *kinet_conn_find(struct kinet_conns *conns,
				   const struct kinet_pkt *pkt);
int kinet_conn_add(struct sock *sk);
int kinet_conn_add_any(struct sock *sk, unsigned int low, unsigned int high);
void kinet_conn_del(struct sock *sk);
void kinet_conn_replace(struct sock *sk, struct kinet_conn *with);
bool kinet_conn_remove(struct kinet_conns *conns, struct kinet_conn *conn);
void kinet_conns_each_timewait(struct kinet_conns *conns,
			       void (*does)(struct kinet_conn *conn));

/* --- sock.c: a connection, or a listener --- */

/**
 * struct kinet_tally - what TCP_INFO tells of a connection's past
 * @acked: bytes that the peer has acknowledged
 * @received: bytes that have come, each once
 * @sent: bytes that were sent, again or not
 * @sent_again: bytes that were sent again
 * @since: when the connection came to stand, microseconds
 * @sent_at: when data were sent last
 * @segs_out: segments that were sent
 * @segs_in: segments that have come
 * @data_out: of those that were sent, with data
 * @data_in: of those that have come, with data
 * @twice: what the peer says that it got twice, segments (RFC 2883)
 * @beyond: segments with data that came behind a gap
 */
struct kinet_tally {
	u64	acked;
	u64	received;
	u64	sent;
	u64	sent_again;
	u64	since;
	u64	sent_at;
	u32	segs_out;
	u32	segs_in;
	u32	data_out;
	u32	data_in;
	u32	twice;
	u32	beyond;
};

/**
 * struct kinet_tcp - a connection, or a listener
 * @k: what all of kinet's sockets have
 * @conn: its place in the table
 * @flow: the way to the peer
 * @cookie: whether the route of @flow is still good
 * @parent: listener whose child this is, until it is accepted; held
 * @queued: in the parent's @embryos or @ready
 * @embryos: listener: connections that don't stand yet
 * @ready: listener: connections that wait to be accepted
 * @embryo_count: of @embryos
 * @queue_lock: listener: guards the three above; inside a child's lock
 * @snd: what the peer offers
 * @rcv: what we offer
 * @iss: our initial sequence number
 * @irs: the peer's
 * @write_seq: behind what the user has written
 * @copied_seq: next byte that the user reads
 * @small_end: behind the last segment that wasn't full, as Minshall's Nagle has it
 * @push_seq: behind what is pushed
 * @last_ack: Last.ACK.sent
 * @stamp_offset: of our clock of time stamps
 * @snd_up: SND.UP, urgent data end before it; valid with @urgent_out
 * @rcv_up: RCV.UP, likewise; valid with @urgent
 * @first_sent: when what is unacknowledged was sent first, microseconds
 * @timed: when @timed_seq was sent, for a peer without time stamps; 0: nothing is
 * @timed_seq: behind the bytes that are timed
 * @heard: when something acceptable came last
 * @persists: since when there is something to send that can't go
 * @mss: bytes of data in a full segment
 * @peer_mss: the peer's option
 * @user_mss: TCP_MAXSEG, or 0
 * @offers: KINET_HAS_*, what our SYN offers, whatever is set meanwhile; once the
 *	    peer's is known, what both do
 * @stamps: both ends have time stamps
 * @scales: both ends scale their windows
 * @sacks: both ends understand SACK
 * @rtt: round-trip time
 * @limits: of the time-out
 * @cong: congestion control
 * @board: what the peer has SACKed, and what was lost
 * @newreno: recovery without SACK
 * @dup_flight: what was on its way when the first duplicate acknowledgment came
 * @ack: when to acknowledge
 * @store: what waits to be sent or to be acknowledged
 * @later: what was received beyond the first gap
 * @pieces: its data, skbs by number
 * @piece_count: how many
 * @crumbs: of them, those that have come since the last walk along all, and are
 *	    more than half air
 * @paws: TS.Recent
 * @challenges: limit of RFC 5961
 * @probed: likewise, of answers to probes
 * @deadlines: what is due, and when
 * @pace: how fast to send
 * @burst: bytes of data in one skb, by that
 * @most: likewise, by the device
 * @below: bytes that may wait in queues below us; more are held back here
 * @timer: the one that serves them all; holds the sock
 * @pacer: the one for KINET_TIMER_PACE, for which @timer is too coarse; likewise
 * @drained: sends more when the queues below have less
 * @resends: time-outs in a row
 * @probes: of window or keepalive, in a row, that had no answer
 * @shut: probes since the peer's window is shut, answered or not
 * @keepalive: how to keep it alive
 * @patience: when to give up
 * @resent: segments that were sent again, in all
 * @tally: for TCP_INFO
 * @linger2: how long an orphan stays in FIN-WAIT-2
 * @nodelay: TCP_NODELAY
 * @corked: TCP_CORK
 * @lifted_seq: where what is written ends, if TCP_NODELAY has lifted the cork for it
 * @more: MSG_MORE on what was written last
 * @overdue: data have waited for the override time-out
 * @fin_wanted: a FIN stands behind @write_seq
 * @fin_known: the peer's FIN is at @fin_at, maybe beyond a gap
 * @fin_at: its number
 * @fin_seen: the peer's FIN is before RCV.NXT
 * @ack_now: an acknowledgment is owed
 * @ack_held: likewise, when all that waits for the user's lock was taken
 * @late: the user had the lock when the timer went off
 * @throttled: enough of it waits in queues below
 * @stood: it was established at some time
 * @ended: kinet_tcp_end() was here
 * @counted: it is one of the namespace's orphans
 * @urgent: there is an urgent mark not yet read past
 * @urgent_byte: the byte is there, out of line
 * @oob: that byte
 * @oob_read: it was read
 * @urgent_out: SND.UP is valid
 * @defer: TCP_DEFER_ACCEPT: so many SYN, ACKs are sent again before a connection
 *	   without data stands
 * @syn_retries: TCP_SYNCNT
 * @rcv_rtt_seq: measures the receiver's round trip: until here
 * @rcv_rtt_at: since when
 * @rcv_copied: what the user had read then
 * @rcv_space: most that he has read in a round trip
 * @clamp: TCP_WINDOW_CLAMP, no window is larger, or 0
 * @notsent_lowat: TCP_NOTSENT_LOWAT, or 0
 * @inq: TCP_INQ
 */
struct kinet_tcp {
	struct kinet_sock		k;
	struct kinet_conn		conn;
	struct kinet_flow		flow;
	u32				cookie;

	struct sock			*parent;
	struct list_head		queued;
	struct list_head		embryos;
	struct list_head		ready;
	unsigned int			embryo_count;
	spinlock_t			queue_lock;	/* embryos, ready */

	/* What the user has asked for */
	struct kinet_rtt_limits		limits;
	struct kinet_keepalive		keepalive;
	struct kinet_patience		patience;
	int				linger2;
	u32				clamp;
	u32				notsent_lowat;
	u16				user_mss;
	u8				syn_retries;
	u8				defer;
	bool				nodelay;
	bool				corked;
	bool				inq;
	bool				ended;
	bool				counted;

	struct timer_list		timer;
	struct hrtimer			pacer;
	struct tasklet_struct		drained;
	unsigned long			late;

	struct list_head		store;
	struct rb_root			pieces;
	u32				piece_count;

	/* From here on all begins anew with each connection: kinet_tcp_begin() */
	struct kinet_snd_window		snd;
	struct kinet_rcv_window		rcv;
	u32				iss;
	u32				irs;
	u32				write_seq;
	u32				copied_seq;
	u32				small_end;
	u32				lifted_seq;
	u32				push_seq;
	u32				last_ack;
	u32				stamp_offset;
	u32				snd_up;
	u32				rcv_up;
	u32				fin_at;
	u32				timed_seq;
	u64				first_sent;
	u64				timed;
	u64				heard;
	u64				persists;

	u16				mss;
	u16				peer_mss;
	u8				offers;
	bool				stamps;
	bool				scales;
	bool				sacks;

	struct kinet_rtt		rtt;
	struct kinet_cong		cong;
	struct kinet_board		board;
	struct kinet_newreno		newreno;
	u32				dup_flight;
	struct kinet_ack		ack;
	struct kinet_reassembly		later;
	u32				crumbs;
	struct kinet_paws		paws;
	struct kinet_challenge_limit	challenges;
	struct kinet_challenge_limit	probed;
	struct kinet_deadlines		deadlines;
	struct kinet_pace		pace;
	u32				burst;
	u32				most;
	u32				below;
	u32				resends;
	u32				probes;
	u32				shut;
	u32				resent;
	struct kinet_tally		tally;

	bool				more;
	bool				overdue;
	bool				fin_wanted;
	bool				fin_seen;
	bool				fin_known;
	bool				ack_now;
	bool				ack_held;
	bool				throttled;
	bool				stood;
	bool				urgent;
	bool				urgent_byte;
	bool				oob_read;
	bool				urgent_out;
	u8				oob;

	u32				rcv_rtt_seq;
	u64				rcv_rtt_at;
	u32				rcv_copied;
	u32				rcv_space;
};

/* Bits of @late: the user had the lock */
enum {
	KINET_LATE_TIMER,
	KINET_LATE_DRAINED,
	KINET_BELOW_SCHEDULED,	/* not late: @drained is going to run */
};

/* Where an IPv6 connection has its part; the kernel looks for it at the end. */
struct kinet6_tcp {
	struct kinet_tcp	tcp;
	struct ipv6_pinfo	inet6;
};

static inline struct kinet_tcp *kinet_tcp(const struct sock *sk)
{
	return (struct kinet_tcp *)sk;
}

/* Of bytes that were received: numbers of the first, and behind the last */
struct kinet_piece {
	u32	seq;
	u32	end;
};

static inline struct kinet_piece *kinet_piece(const struct sk_buff *skb)
{
	return (struct kinet_piece *)skb->cb;
}

static inline bool kinet_tcp_is_orphan(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DEAD);
}

static inline u64 kinet_tcp_clock(const struct sock *sk)
{
	return kinet_wire_clock(kinet_sk(sk)->wire);
}

/* It stands, or is being closed; without the lock that may be a moment old. */
static inline bool kinet_tcp_goes_on(const struct sock *sk)
{
	return READ_ONCE(kinet_tcp(sk)->stood) &&
	       READ_ONCE(sk->sk_state) != TCP_CLOSE;
}

/* A listener has a connection that can be accepted; likewise. */
static inline bool kinet_tcp_has_ready(const struct sock *sk)
{
	return !list_empty(&kinet_tcp(sk)->ready);
}

static inline u32 kinet_tcp_flight(const struct kinet_tcp *tp)
{
	return tp->snd.nxt - tp->snd.una;
}

/*
 * What isn't acknowledged; what isn't sent. The FIN has a number, too. Without
 * the lock it may be gone between two looks.
 */
static inline u32 kinet_tcp_unacked(const struct kinet_tcp *tp)
{
	s32 left = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd.una) +
		   READ_ONCE(tp->fin_wanted);

	return max(left, 0);
}

static inline u32 kinet_tcp_unsent(const struct kinet_tcp *tp)
{
	s32 left = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd.nxt) +
		   READ_ONCE(tp->fin_wanted);

	return max(left, 0);
}

/* Something waits beyond a gap, or came twice, which only SACK can tell. */
static inline bool kinet_tcp_has_to_tell(const struct kinet_tcp *tp)
{
	return tp->later.count ||
	       (tp->sacks && kinet_range_len(&tp->later.twice));
}

/* What isn't read, an urgent byte and what is behind it included; likewise */
static inline u32 kinet_tcp_unread(const struct kinet_tcp *tp)
{
	s32 left = READ_ONCE(tp->rcv.nxt) - READ_ONCE(tp->fin_seen) -
		   READ_ONCE(tp->copied_seq);

	return max(left, 0);
}

/* The number behind all that is to be sent: the FIN has one, too. */
static inline u32 kinet_tcp_end_seq(const struct kinet_tcp *tp)
{
	return tp->write_seq + tp->fin_wanted;
}

extern struct proto kinet_stream_prot;
extern struct proto kinet6_stream_prot;
#if IS_ENABLED(CONFIG_KUNIT)
extern siphash_key_t kinet_secret;
#endif

void kinet_tcp_event(struct sock *sk, enum kinet_event event);
void kinet_tcp_begin(struct sock *sk);
void kinet_tcp_setup(struct sock *sk);
void kinet_tcp_established(struct sock *sk);
void kinet_tcp_set_ends(struct sock *sk);
void kinet_tcp_choose_iss(struct sock *sk, const u32 *before);
void kinet_tcp_describe(const struct sock *sk, struct kinet_pkt *pkt);
void kinet_tcp_fail_by(struct sock *sk, const struct kinet_error *error);
void kinet_tcp_fail(struct sock *sk, int err);
void kinet_tcp_reset(struct sock *sk, int err);
void kinet_tcp_finish(struct sock *sk);
void kinet_tcp_end(struct sock *sk);

/* --- listen.c --- */

int kinet_stream_listen(struct socket *sock, int backlog);
void kinet_tcp_listen_end(struct sock *sk);
void kinet_tcp_listen_input(struct sock *sk, struct sk_buff *skb,
			    const struct kinet_pkt *pkt);
bool kinet_tcp_may_stand(struct sock *sk);
void kinet_tcp_stands(struct sock *sk);
void kinet_tcp_forget_child(struct sock *sk);
struct sock *kinet_tcp_accept(struct sock *sk, bool nonblock, int *err);

/* --- seg.c: segments, read once --- */

/**
 * struct kinet_seg - a segment that has arrived
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @len: bytes of data
 * @wnd: SEG.WND, as it stands in the header
 * @urg: urgent pointer
 * @flags: KINET_FIN and so on
 * @header: bytes of header and options
 * @unscaled: @wnd counts bytes, as that of each SYN (RFC 7323, section 2.2)
 * @options: its options
 */
struct kinet_seg {
	u32			seq;
	u32			ack;
	u32			len;
	u16			wnd;
	u16			urg;
	u8			flags;
	u8			header;
	bool			unscaled;
	struct kinet_options	options;
};

/*
 * Who sends data or a FIN waits for an answer, and may count them. What has neither
 * can be an answer itself: two ends that go on answering each other's would never end.
 */
static inline bool kinet_seg_is_awaiting(const struct kinet_seg *seg)
{
	return !(seg->flags & KINET_SYN) && (seg->len || seg->flags & KINET_FIN);
}

void kinet_seg_read(const struct sk_buff *skb, struct kinet_seg *seg);
bool kinet_stream_host_listens(const struct kinet_pkt *pkt);

/* --- input.c: what a segment does --- */

void kinet_tcp_drop(struct sock *sk, struct sk_buff *skb,
		    enum kinet_count reason);
void kinet_tcp_learn(struct sock *sk, const struct kinet_seg *seg);
void kinet_tcp_input(struct sock *sk, struct sk_buff *skb);
int kinet_tcp_backlog(struct sock *sk, struct sk_buff *skb);

/* --- ack.c: what an acknowledgment does --- */

bool kinet_tcp_is_allowed(struct kinet_challenge_limit *limit, u64 now);
void kinet_tcp_challenge(struct sock *sk, u64 now);
void kinet_tcp_answer_stray(struct sock *sk, const struct kinet_seg *seg, u64 now);
bool kinet_tcp_ack(struct sock *sk, const struct kinet_seg *seg, u64 now);

/* --- data.c: bytes that arrive --- */

void kinet_tcp_data(struct sock *sk, struct sk_buff *skb,
		    const struct kinet_seg *seg, u64 now);
void kinet_tcp_space(const struct sock *sk, struct kinet_rcv_space *space);
void kinet_tcp_forget_pieces(struct sock *sk);

/* --- output.c: segments that leave --- */

u32 kinet_tcp_stamp(const struct kinet_tcp *tp, u64 now);
void kinet_tcp_sync_mss(struct sock *sk);
u16 kinet_tcp_offered_mss(const struct kinet_tcp *tp);
int kinet_tcp_route(struct sock *sk);
int kinet_tcp_send_syn(struct sock *sk);
void kinet_tcp_send_ack(struct sock *sk);
void kinet_tcp_send_probe(struct sock *sk);
void kinet_tcp_send_reset(struct sock *sk);
void kinet_tcp_push(struct sock *sk);
void kinet_tcp_resend_first(struct sock *sk, u64 now);
void kinet_tcp_drained(struct tasklet_struct *tasklet);

/* --- store.c: bytes that wait to be sent, or to be acknowledged --- */

int kinet_store_add(struct sock *sk, struct msghdr *msg);
void kinet_store_acked(struct sock *sk);
void kinet_store_purge(struct sock *sk);
int kinet_store_fill(struct sock *sk, struct sk_buff *skb, u32 seq,
		     unsigned int len);
unsigned int kinet_store_burst(struct sock *sk, u32 seq, unsigned int len);

/* --- grow.c: buffers that grow --- */

void kinet_tcp_grow_rcvbuf(struct sock *sk);
void kinet_tcp_grow_sndbuf(struct sock *sk);

/* --- pace.c: segments that wait for their time --- */

u64 kinet_tcp_told_rate(unsigned long rate);
u64 kinet_tcp_rate(const struct sock *sk);
void kinet_tcp_pace_begin(struct sock *sk);
void kinet_tcp_size_bursts(struct sock *sk);
void kinet_tcp_pace(struct sock *sk);
bool kinet_tcp_is_early(struct sock *sk, u64 now);
void kinet_tcp_set_departure(struct sock *sk, struct sk_buff *skb, bool data,
			     u64 now);
void kinet_tcp_arm_pacer(struct sock *sk);
void kinet_tcp_stop_pacer(struct sock *sk);
enum hrtimer_restart kinet_tcp_pacer(struct hrtimer *pacer);

/* --- timer.c --- */

void kinet_tcp_ticked(struct sock *sk);
void kinet_tcp_timer(struct timer_list *timer);
void kinet_tcp_expire(struct sock *sk);
void kinet_tcp_due(struct sock *sk, enum kinet_timer timer, u64 now, u64 in);
void kinet_tcp_undue(struct sock *sk, enum kinet_timer timer);
void kinet_tcp_arm_resend(struct sock *sk, u64 now, bool anew);

/* --- answer.c: segments of no connection --- */

void kinet_tcp_answer_reset(const struct kinet_pkt *pkt,
			    const struct kinet_seg *seg);
void kinet_tcp_answer_ack(const struct kinet_pkt *pkt,
			  const struct kinet_timewait *tw, u32 seq, u16 wnd,
			  u32 stamp);

/* --- remains.c: TIME-WAIT --- */

void kinet_remains_leave(struct sock *sk, enum kinet_event event);
bool kinet_remains_input(struct kinet_conn *conn, struct sk_buff *skb,
			 const struct kinet_pkt *pkt, bool listened);
bool kinet_remains_give_way(const struct kinet_pkt *pkt, u32 *snd_nxt);

/* --- read.c, write.c, poll.c, option.c: the calls --- */

int kinet_stream_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			 int flags, int *addr_len);
int kinet_stream_read_sock(struct sock *sk, read_descriptor_t *desc,
			   sk_read_actor_t actor);
int kinet_stream_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
void kinet_stream_splice_eof(struct socket *sock);
void kinet_stream_write_space(struct sock *sk);
bool kinet_stream_has_room(const struct sock *sk, int wake);
__poll_t kinet_stream_poll(struct file *file, struct socket *sock,
			   struct poll_table_struct *wait);
int kinet_stream_queue_len(struct sock *sk, int cmd, int *value);
u32 kinet_tcp_readable(const struct sock *sk);
bool kinet_tcp_has_enough(const struct sock *sk);
int kinet_stream_set_rcvlowat(struct sock *sk, int value);
void kinet_tcp_was_read(struct sock *sk);
int kinet_stream_setsockopt(struct sock *sk, int level, int name,
			    sockptr_t value, unsigned int len);
void kinet_stream_keepalive(struct sock *sk, int on);

#endif /* _KINET_STREAM_H */
