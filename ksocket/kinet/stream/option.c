// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of level IPPROTO_TCP
 */
#include <linux/tcp.h>
#include <ksocket/family.h>

#include "stream.h"

/* As the host has them */
#define KINET_KEEPIDLE_MAX	32767
#define KINET_KEEPINTVL_MAX	32767
#define KINET_KEEPCNT_MAX	127
#define KINET_SYNCNT_MAX	127
#define KINET_LINGER2_MAX	120
#define KINET_DEFER_MAX		120	/* seconds, between two SYN, ACKs */
#define KINET_MAXSEG_MIN	88
#define KINET_MAXSEG_MAX	32767

/* SO_KEEPALIVE */
void kinet_stream_keepalive(struct sock *sk, int on)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (!kinet_tcp_goes_on(sk))
		return;
	if (!on)
		kinet_tcp_undue(sk, KINET_TIMER_KEEPALIVE);
	else if (!sock_flag(sk, SOCK_KEEPOPEN))
		kinet_tcp_due(sk, KINET_TIMER_KEEPALIVE, kinet_tcp_clock(sk),
			      tp->keepalive.idle);
}

static int kinet_tcp_set_number(u64 *to, int value, int most, u64 unit)
{
	if (value < 1 || value > most)
		return -EINVAL;
	*to = value * unit;
	return 0;
}

static int kinet_tcp_set_keepidle(struct sock *sk, int value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	int err;

	err = kinet_tcp_set_number(&tp->keepalive.idle, value,
				   KINET_KEEPIDLE_MAX, KINET_SECOND);
	if (!err && sock_flag(sk, SOCK_KEEPOPEN) && kinet_tcp_goes_on(sk))
		kinet_tcp_due(sk, KINET_TIMER_KEEPALIVE, kinet_tcp_clock(sk),
			      tp->keepalive.idle);
	return err;
}

static int kinet_tcp_set_nodelay(struct sock *sk, int value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	tp->nodelay = value;
	if (!value || !kinet_tcp_goes_on(sk))
		return 0;
	/* tcp(7): what is there goes, even under a cork, which stays for what comes. */
	tp->lifted_seq = tp->write_seq;
	tp->more = false;
	kinet_tcp_push(sk);
	return 0;
}

static int kinet_tcp_set_cork(struct sock *sk, int value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	tp->corked = value;
	if (!value) {
		tp->more = false;
		kinet_tcp_push(sk);
	}
	return 0;
}

static int kinet_tcp_set_maxseg(struct sock *sk, int value)
{
	if (value && (value < KINET_MAXSEG_MIN || value > KINET_MAXSEG_MAX))
		return -EINVAL;
	kinet_tcp(sk)->user_mss = value;
	return 0;
}

static int kinet_tcp_set_quickack(struct sock *sk, int value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);

	if (value) {
		kinet_ack_quickly(&tp->ack, KINET_QUICK_ACKS);
		/* What was owed when the connection ended is owed to nobody. */
		if (tp->ack.due && kinet_tcp_goes_on(sk))
			kinet_tcp_send_ack(sk);
	} else {
		tp->ack.quick = 0;
		tp->ack.dialogue = true;
	}
	return 0;
}

/* The time-outs of a SYN, ACK double: how long are so many of them? */
static int kinet_tcp_defer_seconds(int count)
{
	int seconds = 0, next = 1;

	while (count--) {
		seconds += next;
		next = min(2 * next, KINET_DEFER_MAX);
	}
	return seconds;
}

static int kinet_tcp_set_defer(struct sock *sk, int value)
{
	int count = 0;

	while (count < U8_MAX && kinet_tcp_defer_seconds(count) < value)
		count++;
	kinet_tcp(sk)->defer = count;
	return 0;
}

/* What was offered already stays so. */
static int kinet_tcp_set_clamp(struct sock *sk, u32 value)
{
	if (!value && sk->sk_state != TCP_CLOSE)
		return -EINVAL;
	if (value)
		value = max_t(u32, value, SOCK_MIN_RCVBUF / 2);
	kinet_tcp(sk)->clamp = value;
	return 0;
}

static int kinet_tcp_set_notsent_lowat(struct sock *sk, u32 value)
{
	WRITE_ONCE(kinet_tcp(sk)->notsent_lowat, value);
	/* There may be room now. */
	sk->sk_write_space(sk);
	return 0;
}

static int kinet_tcp_set_linger2(struct sock *sk, int value)
{
	const int *settings = kinet_net(sock_net(sk))->tcp;

	if (!value)
		value = READ_ONCE(settings[KINET_TCP_FIN_TIMEOUT]);
	else
		value = clamp(value, -1, KINET_LINGER2_MAX);
	kinet_tcp(sk)->linger2 = value;
	return 0;
}

static int kinet_tcp_set(struct sock *sk, int name, int value)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 number;
	int err;

	switch (name) {
	case TCP_NODELAY:
		return kinet_tcp_set_nodelay(sk, value);
	case TCP_CORK:
		return kinet_tcp_set_cork(sk, value);
	case TCP_MAXSEG:
		return kinet_tcp_set_maxseg(sk, value);
	case TCP_QUICKACK:
		return kinet_tcp_set_quickack(sk, value);
	case TCP_DEFER_ACCEPT:
		return kinet_tcp_set_defer(sk, value);
	case TCP_KEEPIDLE:
		return kinet_tcp_set_keepidle(sk, value);
	case TCP_KEEPINTVL:
		return kinet_tcp_set_number(&tp->keepalive.interval, value,
					    KINET_KEEPINTVL_MAX, KINET_SECOND);
	case TCP_KEEPCNT:
		err = kinet_tcp_set_number(&number, value, KINET_KEEPCNT_MAX, 1);
		tp->keepalive.probes = err ? tp->keepalive.probes : number;
		return err;
	case TCP_SYNCNT:
		err = kinet_tcp_set_number(&number, value, KINET_SYNCNT_MAX, 1);
		tp->syn_retries = err ? tp->syn_retries : number;
		return err;
	case TCP_USER_TIMEOUT:
		if (value < 0)
			return -EINVAL;
		tp->patience.user = value * 1000ULL;
		return 0;
	case TCP_LINGER2:
		return kinet_tcp_set_linger2(sk, value);
	case TCP_WINDOW_CLAMP:
		return kinet_tcp_set_clamp(sk, value);
	case TCP_NOTSENT_LOWAT:
		return kinet_tcp_set_notsent_lowat(sk, value);
	case TCP_INQ:
		if (value < 0 || value > 1)
			return -EINVAL;
		tp->inq = value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int kinet_tcp_set_cong(struct sock *sk, sockptr_t value, unsigned int len)
{
	char name[KINET_CONG_NAME] = "";

	if (!len)
		return -EINVAL;
	len = min_t(unsigned int, len, sizeof(name) - 1);
	if (copy_from_sockptr(name, value, len))
		return -EFAULT;
	return strcmp(name, kinet_reno.name) ? -ENOENT : 0;
}

/* A connection is not with a group. */
static bool kinet_tcp_joins(const struct sock *sk, int level, int name,
			    unsigned int len)
{
	if (level == SOL_IP)
		return name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP;
	return level == SOL_IPV6 && sk->sk_family == AF_INET6 &&
	       len >= sizeof(struct ipv6_mreq) &&
	       (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP);
}

/**
 * kinet_stream_setsockopt() - setsockopt(2), but for SOL_SOCKET
 * @sk: sock
 * @level: SOL_TCP, SOL_IP, SOL_IPV6
 * @name: option
 * @value: its value
 * @len: bytes of that
 *
 * Return: 0, -ENOPROTOOPT, and what the option says.
 */
int kinet_stream_setsockopt(struct sock *sk, int level, int name,
			    sockptr_t value, unsigned int len)
{
	int number, err;

	if (level != SOL_TCP)
		return kinet_tcp_joins(sk, level, name, len) ? -EPROTO :
		       kinet_setsockopt(sk, level, name, value, len);
	if (name == TCP_CONGESTION)
		return kinet_tcp_set_cong(sk, value, len);
	if (len < sizeof(number))
		return -EINVAL;
	if (copy_from_sockptr(&number, value, sizeof(number)))
		return -EFAULT;
	lock_sock(sk);
	err = kinet_tcp_set(sk, name, number);
	release_sock(sk);
	return err;
}

/* Who has no peer is told what a peer is taken to have. */
static int kinet_tcp_told_mss(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	if (!((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		return tp->mss;
	return tp->user_mss ?: tp->stood ? tp->mss : KINET_MSS_DEFAULT;
}

/* The largest window that there could be */
static u32 kinet_tcp_told_clamp(const struct sock *sk)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	return tp->clamp ?: tp->stood ? sk->sk_rcvbuf / 2 : 0;
}

static int kinet_tcp_get_number(struct sock *sk, int name, int *value)
{
	const struct kinet_tcp *tp = kinet_tcp(sk);

	switch (name) {
	case TCP_NODELAY:
		*value = tp->nodelay;
		break;
	case TCP_CORK:
		*value = tp->corked;
		break;
	case TCP_MAXSEG:
		*value = kinet_tcp_told_mss(sk);
		break;
	case TCP_QUICKACK:
		*value = !tp->ack.dialogue;
		break;
	case TCP_KEEPIDLE:
		*value = div_u64(tp->keepalive.idle, KINET_SECOND);
		break;
	case TCP_KEEPINTVL:
		*value = div_u64(tp->keepalive.interval, KINET_SECOND);
		break;
	case TCP_KEEPCNT:
		*value = tp->keepalive.probes;
		break;
	case TCP_DEFER_ACCEPT:
		*value = kinet_tcp_defer_seconds(tp->defer);
		break;
	case TCP_SYNCNT:
		*value = tp->syn_retries;
		break;
	case TCP_USER_TIMEOUT:
		*value = div_u64(tp->patience.user, 1000);
		break;
	case TCP_LINGER2:
		*value = tp->linger2;
		break;
	case TCP_WINDOW_CLAMP:
		*value = kinet_tcp_told_clamp(sk);
		break;
	case TCP_NOTSENT_LOWAT:
		*value = tp->notsent_lowat;
		break;
	case TCP_INQ:
		*value = tp->inq;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return 0;
}

/* What our segments are said to be able to have, less what each has of options */
static u32 kinet_tcp_told_advmss(const struct kinet_tcp *tp)
{
	return kinet_tcp_offered_mss(tp) - (tp->stamps ? KINET_OPTIONS_TS : 0);
}

/* Enum tcp_ca_state; of ECN's we have none. */
static u8 kinet_tcp_told_state(const struct kinet_tcp *tp)
{
	if (tp->board.recovering || tp->newreno.recovering)
		return TCP_CA_Recovery;
	if (tp->resends || tp->board.timed_out)
		return TCP_CA_Loss;
	return tp->board.count || tp->newreno.dupacks ? TCP_CA_Disorder :
							TCP_CA_Open;
}

/* What is on its way, in segments; the connection stands or stood */
static void kinet_tcp_tell_flight(const struct kinet_tcp *tp,
				  struct tcp_info *info)
{
	const struct kinet_board *board = &tp->board;
	u32 edge = kinet_later(board->una, kinet_board_lost_edge(board));
	u32 lost = kinet_board_unsacked(board, board->una, edge);
	u32 again = kinet_board_unsacked(board, board->una, board->high_rxt);

	info->tcpi_unacked = DIV_ROUND_UP(kinet_tcp_flight(tp), tp->mss);
	info->tcpi_sacked = DIV_ROUND_UP(board->bytes, tp->mss);
	info->tcpi_lost = DIV_ROUND_UP(lost, tp->mss);
	info->tcpi_retrans = DIV_ROUND_UP(again, tp->mss);
	info->tcpi_reordering = KINET_DUP_THRESH;
}

static void kinet_tcp_tell_tally(const struct kinet_tcp *tp, u64 now,
				 struct tcp_info *info)
{
	const struct kinet_tally *tally = &tp->tally;

	info->tcpi_bytes_acked = tally->acked;
	info->tcpi_bytes_received = tally->received;
	info->tcpi_bytes_sent = tally->sent;
	info->tcpi_bytes_retrans = tally->sent_again;
	info->tcpi_segs_out = tally->segs_out;
	info->tcpi_segs_in = tally->segs_in;
	info->tcpi_data_segs_out = tally->data_out;
	info->tcpi_data_segs_in = tally->data_in;
	info->tcpi_dsack_dups = tally->twice;
	info->tcpi_rcv_ooopack = tally->beyond;
	if (!tp->stood)
		return;
	info->tcpi_last_data_sent = div_u64(now - max(tally->sent_at,
						      tally->since), 1000);
	info->tcpi_last_data_recv = div_u64(now - max(tp->ack.last,
						      tally->since), 1000);
}

/* Of what struct tcp_info asks, what this TCP has */
static void kinet_tcp_info(struct sock *sk, struct tcp_info *info)
{
	struct kinet_tcp *tp = kinet_tcp(sk);
	u64 now = kinet_tcp_clock(sk);

	memset(info, 0, sizeof(*info));
	info->tcpi_state = sk->sk_state;
	info->tcpi_pacing_rate = kinet_tcp_rate(sk);
	info->tcpi_max_pacing_rate =
		kinet_tcp_told_rate(READ_ONCE(sk->sk_max_pacing_rate));
	if (sk->sk_state == TCP_LISTEN) {
		info->tcpi_unacked = READ_ONCE(sk->sk_ack_backlog);
		info->tcpi_sacked = READ_ONCE(sk->sk_max_ack_backlog);
		return;
	}
	info->tcpi_ca_state = kinet_tcp_told_state(tp);
	info->tcpi_retransmits = tp->resends;
	info->tcpi_probes = tp->probes;
	info->tcpi_backoff = max_t(u32, tp->rtt.backoff, tp->shut);
	if (tp->stamps)
		info->tcpi_options |= TCPI_OPT_TIMESTAMPS;
	if (tp->sacks)
		info->tcpi_options |= TCPI_OPT_SACK;
	if (tp->scales) {
		info->tcpi_options |= TCPI_OPT_WSCALE;
		info->tcpi_snd_wscale = tp->snd.scale;
		info->tcpi_rcv_wscale = tp->rcv.scale;
	}
	info->tcpi_rto = kinet_rtt_rto(&tp->rtt, &tp->limits);
	info->tcpi_snd_mss = tp->mss;
	info->tcpi_rcv_mss = tp->ack.full;
	info->tcpi_advmss = kinet_tcp_told_advmss(tp);
	info->tcpi_pmtu = tp->flow.dst ? dst_mtu(tp->flow.dst) : 0;
	info->tcpi_rtt = kinet_rtt_smoothed(&tp->rtt);
	info->tcpi_rttvar = kinet_rtt_variation(&tp->rtt);
	info->tcpi_min_rtt = tp->rtt.least;
	info->tcpi_last_ack_recv = div_u64(now - tp->heard, 1000);
	kinet_tcp_tell_tally(tp, now, info);
	info->tcpi_total_retrans = tp->resent;
	info->tcpi_rcv_space = tp->rcv_space;
	info->tcpi_snd_wnd = tp->snd.wnd;
	ksock_compat_tcp_info_rcv_wnd(info, kinet_rcv_wnd(&tp->rcv));
	if (!tp->cong.ops)
		return;
	kinet_tcp_tell_flight(tp, info);
	info->tcpi_snd_cwnd = tp->cong.cwnd / tp->mss;
	info->tcpi_snd_ssthresh = tp->cong.ssthresh / tp->mss;
	info->tcpi_notsent_bytes = kinet_tcp_unsent(tp);
}

static int kinet_tcp_get(struct sock *sk, struct ksock_option *opt)
{
	struct tcp_info info;
	int number, err;

	BUILD_BUG_ON(sizeof(info) > sizeof(opt->value));
	sock_owned_by_me(sk);
	switch (opt->name) {
	case TCP_CONGESTION:
		return kinet_tell_option(opt, kinet_reno.name,
					 sizeof(kinet_reno.name));
	case TCP_CC_INFO:
		/* Of reno there is nothing more to be said. */
		opt->len = 0;
		return 0;
	case TCP_INFO:
		kinet_tcp_info(sk, &info);
		return kinet_tell_option(opt, &info, sizeof(info));
	default:
		err = kinet_tcp_get_number(sk, opt->name, &number);
		return err ?: kinet_tell_number(opt, number);
	}
}

/**
 * kinet_stream_get_option() - read one of the options that are a stream's own
 * @sk: sock
 * @opt: option; its value is told
 *
 * Return: as kinet_get_option().
 */
int kinet_stream_get_option(struct sock *sk, struct ksock_option *opt)
{
	int err;

	if (opt->level != SOL_TCP)
		return -ENOIOCTLCMD;
	lock_sock(sk);
	err = kinet_tcp_get(sk, opt);
	release_sock(sk);
	return err;
}
