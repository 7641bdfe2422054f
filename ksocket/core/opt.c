// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options
 *
 * Setting goes to the kernel's own code, which takes kernel pointers. Reading
 * can't: on 6.1 everywhere, and on 6.12 below SOL_SOCKET, it wants user memory.
 * So each option that can be read is a row of a table here, with the function
 * that reads it from the sock's fields, under the sock's lock. But what a family
 * of its own tells by KSOCK_OPTION comes first: only it knows its protocols.
 */
#include <linux/ipv6.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include <ksocket/family.h>

#include "core.h"

/* The value of an option: a number, or bytes and how many of them. */
union ksock_optval {
	int			num;
	struct linger		linger;
	struct __kernel_sock_timeval	time;
	struct __kernel_old_timeval	old_time;
	char			name[TCP_CA_NAME_MAX];
	struct tcp_info		info;
};

/**
 * struct ksock_opt - an option that can be read
 * @level: SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP or IPPROTO_IPV6
 * @name: option
 * @len: size of its value in bytes
 * @may_cut: a shorter buffer takes the value's beginning
 * @unlocked: @get takes the sock's lock itself
 * @get: store the value; 0 or a negative errno
 */
struct ksock_opt {
	int	level;
	int	name;
	int	len;
	bool	may_cut;
	bool	unlocked;
	int	(*get)(struct sock *sk, int name, union ksock_optval *val);
};

static int get_sock_flag(struct sock *sk, int name, union ksock_optval *val)
{
	switch (name) {
	case SO_KEEPALIVE:
		val->num = sock_flag(sk, SOCK_KEEPOPEN);
		return 0;
	case SO_OOBINLINE:
		val->num = sock_flag(sk, SOCK_URGINLINE);
		return 0;
	case SO_BROADCAST:
		val->num = sock_flag(sk, SOCK_BROADCAST);
		return 0;
	case SO_REUSEADDR:
		val->num = sk->sk_reuse == SK_CAN_REUSE;
		return 0;
	case SO_REUSEPORT:
		val->num = sk->sk_reuseport;
		return 0;
	case SO_ACCEPTCONN:
		val->num = sk->sk_state == TCP_LISTEN;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_sock_num(struct sock *sk, int name, union ksock_optval *val)
{
	switch (name) {
	case SO_TYPE:
		val->num = sk->sk_type;
		return 0;
	case SO_PROTOCOL:
		val->num = sk->sk_protocol;
		return 0;
	case SO_DOMAIN:
		val->num = sk->sk_family;
		return 0;
	case SO_SNDBUF:
		val->num = READ_ONCE(sk->sk_sndbuf);
		return 0;
	case SO_RCVBUF:
		val->num = READ_ONCE(sk->sk_rcvbuf);
		return 0;
	case SO_RCVLOWAT:
		val->num = READ_ONCE(sk->sk_rcvlowat);
		return 0;
	case SO_PRIORITY:
		val->num = READ_ONCE(sk->sk_priority);
		return 0;
	case SO_MARK:
		val->num = READ_ONCE(sk->sk_mark);
		return 0;
	case SO_BINDTOIFINDEX:
		val->num = READ_ONCE(sk->sk_bound_dev_if);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* Reading the error takes it, as it does for getsockopt(2). */
static int get_sock_error(struct sock *sk, int name, union ksock_optval *val)
{
	val->num = -sock_error(sk);
	if (!val->num)
		val->num = xchg(&sk->sk_err_soft, 0);
	return 0;
}

static int get_sock_linger(struct sock *sk, int name, union ksock_optval *val)
{
	val->linger.l_onoff = sock_flag(sk, SOCK_LINGER);
	val->linger.l_linger = READ_ONCE(sk->sk_lingertime) / HZ;
	return 0;
}

/* In jiffies; for ever is 0 */
static long ksock_timeout(const struct sock *sk, int name)
{
	long timeo = name == SO_RCVTIMEO_NEW || name == SO_RCVTIMEO_OLD ?
		     READ_ONCE(sk->sk_rcvtimeo) : READ_ONCE(sk->sk_sndtimeo);

	return timeo == MAX_SCHEDULE_TIMEOUT ? 0 : timeo;
}

static int get_sock_timeo(struct sock *sk, int name, union ksock_optval *val)
{
	long timeo = ksock_timeout(sk, name);

	val->time.tv_sec = timeo / HZ;
	val->time.tv_usec = timeo % HZ * USEC_PER_SEC / HZ;
	return 0;
}

static int get_sock_old_timeo(struct sock *sk, int name,
			      union ksock_optval *val)
{
	long timeo = ksock_timeout(sk, name);

	val->old_time.tv_sec = timeo / HZ;
	val->old_time.tv_usec = timeo % HZ * USEC_PER_SEC / HZ;
	return 0;
}

static int get_tcp_keep(struct sock *sk, int name, union ksock_optval *val)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	switch (name) {
	case TCP_KEEPIDLE:
		val->num = keepalive_time_when(tp) / HZ;
		return 0;
	case TCP_KEEPINTVL:
		val->num = keepalive_intvl_when(tp) / HZ;
		return 0;
	case TCP_KEEPCNT:
		val->num = keepalive_probes(tp);
		return 0;
	case TCP_USER_TIMEOUT:
		val->num = READ_ONCE(inet_csk(sk)->icsk_user_timeout);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_tcp_num(struct sock *sk, int name, union ksock_optval *val)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	switch (name) {
	case TCP_NODELAY:
		val->num = !!(tp->nonagle & TCP_NAGLE_OFF);
		return 0;
	case TCP_CORK:
		val->num = !!(tp->nonagle & TCP_NAGLE_CORK);
		return 0;
	case TCP_QUICKACK:
		val->num = !inet_csk_in_pingpong_mode(sk);
		return 0;
	case TCP_NOTSENT_LOWAT:
		val->num = READ_ONCE(tp->notsent_lowat);
		return 0;
	case TCP_SYNCNT:
		val->num = READ_ONCE(inet_csk(sk)->icsk_syn_retries) ? :
			   READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_syn_retries);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* What was asked for, until a connection tells what it is. */
static int get_tcp_maxseg(struct sock *sk, int name, union ksock_optval *val)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	val->num = tp->mss_cache;
	if (tp->rx_opt.user_mss &&
	    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		val->num = tp->rx_opt.user_mss;
	return 0;
}

/* Negative: no FIN-WAIT-2 at all; 0: the namespace's time-out */
static int get_tcp_linger2(struct sock *sk, int name, union ksock_optval *val)
{
	int linger = READ_ONCE(tcp_sk(sk)->linger2);

	if (!linger)
		linger = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_fin_timeout);
	val->num = linger < 0 ? -1 : linger / HZ;
	return 0;
}

static int get_tcp_congestion(struct sock *sk, int name,
			      union ksock_optval *val)
{
	rcu_read_lock();
	strscpy_pad(val->name, READ_ONCE(inet_csk(sk)->icsk_ca_ops)->name,
		    sizeof(val->name));
	rcu_read_unlock();
	return 0;
}

static int get_tcp_info(struct sock *sk, int name, union ksock_optval *val)
{
	tcp_get_info(sk, &val->info);
	return 0;
}

static int get_dst_mtu(struct sock *sk, int name, union ksock_optval *val)
{
	struct dst_entry *dst = sk_dst_get(sk);

	if (!dst)
		return -ENOTCONN;
	val->num = dst_mtu(dst);
	dst_release(dst);
	return 0;
}

static int get_ip_num(struct sock *sk, int name, union ksock_optval *val)
{
	const struct inet_sock *inet = inet_sk(sk);

	switch (name) {
	case IP_TOS:
		val->num = READ_ONCE(inet->tos);
		return 0;
	case IP_TTL:
		val->num = READ_ONCE(inet->uc_ttl);
		if (val->num == -1)
			val->num = READ_ONCE(sock_net(sk)->ipv4.sysctl_ip_default_ttl);
		return 0;
	case IP_FREEBIND:
		val->num = ksock_compat_freebind(sk);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* What was set, else the route's, else the namespace's. */
static int ksock_hop_limit(struct sock *sk)
{
	int limit = inet6_sk(sk)->hop_limit;
	struct dst_entry *dst;

	if (limit < 0) {
		rcu_read_lock();
		dst = __sk_dst_get(sk);
		if (dst)
			limit = ip6_dst_hoplimit(dst);
		rcu_read_unlock();
	}
	if (limit < 0)
		limit = READ_ONCE(sock_net(sk)->ipv6.devconf_all->hop_limit);
	return limit;
}

static int get_ipv6_num(struct sock *sk, int name, union ksock_optval *val)
{
	if (sk->sk_family != AF_INET6)
		return -ENOPROTOOPT;
	switch (name) {
	case IPV6_V6ONLY:
		val->num = sk->sk_ipv6only;
		return 0;
	case IPV6_TCLASS:
		val->num = inet6_sk(sk)->tclass;
		return 0;
	case IPV6_UNICAST_HOPS:
		val->num = ksock_hop_limit(sk);
		return 0;
	case IPV6_FREEBIND:
		val->num = ksock_compat_freebind(sk);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

#define NUM(level, name, get) { level, name, sizeof(int), false, false, get }

static const struct ksock_opt ksock_opts[] = {
	NUM(SOL_SOCKET, SO_TYPE, get_sock_num),
	NUM(SOL_SOCKET, SO_PROTOCOL, get_sock_num),
	NUM(SOL_SOCKET, SO_DOMAIN, get_sock_num),
	NUM(SOL_SOCKET, SO_ACCEPTCONN, get_sock_flag),
	NUM(SOL_SOCKET, SO_ERROR, get_sock_error),
	NUM(SOL_SOCKET, SO_SNDBUF, get_sock_num),
	NUM(SOL_SOCKET, SO_RCVBUF, get_sock_num),
	NUM(SOL_SOCKET, SO_REUSEADDR, get_sock_flag),
	NUM(SOL_SOCKET, SO_REUSEPORT, get_sock_flag),
	NUM(SOL_SOCKET, SO_KEEPALIVE, get_sock_flag),
	NUM(SOL_SOCKET, SO_OOBINLINE, get_sock_flag),
	NUM(SOL_SOCKET, SO_RCVLOWAT, get_sock_num),
	NUM(SOL_SOCKET, SO_PRIORITY, get_sock_num),
	NUM(SOL_SOCKET, SO_MARK, get_sock_num),
	NUM(SOL_SOCKET, SO_BINDTOIFINDEX, get_sock_num),
	NUM(SOL_SOCKET, SO_BROADCAST, get_sock_flag),
	{ SOL_SOCKET, SO_LINGER, sizeof(struct linger), false, false,
	  get_sock_linger },
	{ SOL_SOCKET, SO_RCVTIMEO_NEW, sizeof(struct __kernel_sock_timeval),
	  false, false, get_sock_timeo },
	{ SOL_SOCKET, SO_SNDTIMEO_NEW, sizeof(struct __kernel_sock_timeval),
	  false, false, get_sock_timeo },
	{ SOL_SOCKET, SO_RCVTIMEO_OLD, sizeof(struct __kernel_old_timeval),
	  false, false, get_sock_old_timeo },
	{ SOL_SOCKET, SO_SNDTIMEO_OLD, sizeof(struct __kernel_old_timeval),
	  false, false, get_sock_old_timeo },
	NUM(IPPROTO_TCP, TCP_NODELAY, get_tcp_num),
	NUM(IPPROTO_TCP, TCP_CORK, get_tcp_num),
	NUM(IPPROTO_TCP, TCP_MAXSEG, get_tcp_maxseg),
	NUM(IPPROTO_TCP, TCP_KEEPIDLE, get_tcp_keep),
	NUM(IPPROTO_TCP, TCP_KEEPINTVL, get_tcp_keep),
	NUM(IPPROTO_TCP, TCP_KEEPCNT, get_tcp_keep),
	NUM(IPPROTO_TCP, TCP_SYNCNT, get_tcp_num),
	NUM(IPPROTO_TCP, TCP_USER_TIMEOUT, get_tcp_keep),
	NUM(IPPROTO_TCP, TCP_QUICKACK, get_tcp_num),
	NUM(IPPROTO_TCP, TCP_LINGER2, get_tcp_linger2),
	NUM(IPPROTO_TCP, TCP_NOTSENT_LOWAT, get_tcp_num),
	{ IPPROTO_TCP, TCP_CONGESTION, TCP_CA_NAME_MAX, true, false,
	  get_tcp_congestion },
	{ IPPROTO_TCP, TCP_INFO, sizeof(struct tcp_info), true, true,
	  get_tcp_info },
	NUM(IPPROTO_IP, IP_TOS, get_ip_num),
	NUM(IPPROTO_IP, IP_TTL, get_ip_num),
	NUM(IPPROTO_IP, IP_MTU, get_dst_mtu),
	NUM(IPPROTO_IP, IP_FREEBIND, get_ip_num),
	NUM(IPPROTO_IPV6, IPV6_V6ONLY, get_ipv6_num),
	NUM(IPPROTO_IPV6, IPV6_TCLASS, get_ipv6_num),
	NUM(IPPROTO_IPV6, IPV6_UNICAST_HOPS, get_ipv6_num),
	NUM(IPPROTO_IPV6, IPV6_MTU, get_dst_mtu),
	NUM(IPPROTO_IPV6, IPV6_FREEBIND, get_ipv6_num),
};

/* The casts to tcp_sock and inet_sock are as good as these tests. */
static bool ksock_has_level(const struct sock *sk, int level)
{
	switch (level) {
	case SOL_SOCKET:
		return true;
	case IPPROTO_TCP:
		return sk_is_tcp(sk);
	case IPPROTO_IP:
		return sk->sk_family == AF_INET || sk->sk_family == AF_INET6;
	case IPPROTO_IPV6:
		return sk->sk_family == AF_INET6;
	default:
		return false;
	}
}

static const struct ksock_opt *ksock_find_opt(const struct sock *sk, int level,
					      int name)
{
	const struct ksock_opt *opt;

	if (!ksock_has_level(sk, level))
		return NULL;
	for (opt = ksock_opts; opt < ksock_opts + ARRAY_SIZE(ksock_opts); opt++) {
		if (opt->level == level && opt->name == name)
			return opt;
	}
	return NULL;
}

static int ksock_read_opt(struct sock *sk, int level, int name, void *to,
			  int *len)
{
	const struct ksock_opt *opt = ksock_find_opt(sk, level, name);
	union ksock_optval val;
	int err;

	if (!opt)
		return -ENOPROTOOPT;
	if (*len < 0 || (*len < opt->len && !opt->may_cut))
		return -EINVAL;
	if (!opt->unlocked)
		lock_sock(sk);
	err = opt->get(sk, name, &val);
	if (!opt->unlocked)
		release_sock(sk);
	if (err)
		return err;
	*len = min(*len, opt->len);
	memcpy(to, &val, *len);
	return 0;
}

/* A family that answers the query is taken at its word, another is not asked. */
static int ksock_ask_opt(struct socket *sock, struct ksock_option *opt)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);
	struct ksock_query query;

	if (!ksock_ask(sock, &query))
		return -ENOPROTOOPT;
	return ops->setsockopt(sock, SOL_KSOCK, KSOCK_OPTION,
			       KERNEL_SOCKPTR(opt), sizeof(*opt));
}

/* Numbers are not cut. */
static int ksock_tell_opt(const struct ksock_option *opt, void *to, int *len)
{
	if (WARN_ON_ONCE(opt->len > sizeof(opt->value)))
		return -EINVAL;
	if (*len < 0 || (*len < opt->len && opt->len == sizeof(opt->number)))
		return -EINVAL;
	*len = min_t(unsigned int, *len, opt->len);
	memcpy(to, opt->value, *len);
	return 0;
}

static int ksock_do_getsockopt(struct socket *sock, int level, int name,
			       void *to, int *len)
{
	struct ksock_option opt;
	int err;

	if (!to || !len)
		return -EFAULT;
	opt.level = level;
	opt.name = name;
	err = ksock_ask_opt(sock, &opt);
	if (err == -ENOPROTOOPT)
		return ksock_read_opt(sock->sk, level, name, to, len);
	return err ?: ksock_tell_opt(&opt, to, len);
}

/**
 * ksock_getsockopt() - read a socket option
 * @s: handle
 * @level: SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, or another level
 *	of which the family tells (include/ksocket/family.h)
 * @optname: option of that level; docs/api.md has the table
 * @optval: where the value is stored
 * @optlen: in: room at @optval in bytes; out: bytes stored
 *
 * The values are those of getsockopt(2). TCP_INFO and TCP_CONGESTION may be
 * given less room than they need, and are cut; so is what a family of its own
 * tells, unless it is a number.
 *
 * Context: Process context. May sleep.
 * Return: 0, -ENOPROTOOPT for an option that is not in the table or not of this
 * socket's family, -EINVAL for too little room, -ENOTCONN for the MTU without a
 * route, -EFAULT for a NULL @optval or @optlen, -ENOTSOCK, -ENETDOWN.
 */
int ksock_getsockopt(ksocket_t s, int level, int optname, void *optval,
		     int *optlen)
{
	struct ksock_call call;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	err = ksock_do_getsockopt(s->sock, level, optname, optval, optlen);
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_getsockopt);

static int ksock_do_setsockopt(struct socket *sock, int level, int optname,
			       const void *optval, int optlen)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);
	sockptr_t val = KERNEL_SOCKPTR((void *)optval);

	if (optlen < 0)
		return -EINVAL;
	if (!optval && optlen)
		return -EFAULT;
	if (level == SOL_SOCKET && !ksock_compat_own_sol_socket(sock))
		return sock_setsockopt(sock, level, optname, val, optlen);
	if (!ops->setsockopt)
		return -ENOPROTOOPT;
	return ops->setsockopt(sock, level, optname, val, optlen);
}

/**
 * ksock_setsockopt() - set a socket option
 * @s: handle
 * @level: SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, or another level
 *	that the family knows
 * @optname: option of that level
 * @optval: value, as for setsockopt(2) but in kernel memory
 * @optlen: its length in bytes
 *
 * Every option that setsockopt(2) knows and whose value holds no pointers.
 *
 * Context: Process context. May sleep.
 * Return: 0, -ENOPROTOOPT, -EINVAL, -EPERM without the capability, -EFAULT for
 * a NULL @optval with a length, -ENOTSOCK, -ENETDOWN, and what else the family
 * says.
 */
int ksock_setsockopt(ksocket_t s, int level, int optname, const void *optval,
		     int optlen)
{
	struct ksock_call call;
	struct net *net;
	int err;

	err = ksock_enter(s, &call);
	if (err)
		return err;
	/*
	 * An option may load a module, whose registration waits for a dying
	 * namespace, which waits for us: so this one must not die now.
	 */
	net = maybe_get_net(sock_net(s->sock->sk));
	err = -ENETDOWN;
	if (net) {
		err = ksock_do_setsockopt(s->sock, level, optname, optval,
					  optlen);
		put_net(net);
	}
	err = ksock_errno(s, err);
	ksock_leave(s, &call);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_setsockopt);
