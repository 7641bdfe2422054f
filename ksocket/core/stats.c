// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/ksocket: the open sockets of a network namespace
 *
 * Written under ksock_list_lock, so that no socket goes away below it; what the
 * families keep under their own locks is read without, as their own listings in
 * /proc do, and may be a moment old.
 */
#include <linux/inet.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/un.h>
#include <net/af_unix.h>
#include <net/tcp.h>

#include "core.h"

#define KSOCK_STATS_FILE	"ksocket"

static const char * const ksock_families[AF_MAX] = {
	[AF_UNIX]	= "unix",
	[AF_INET]	= "inet",
	[AF_INET6]	= "inet6",
	[AF_NETLINK]	= "netlink",
	[AF_PACKET]	= "packet",
	[AF_VSOCK]	= "vsock",
};

static const char * const ksock_types[] = {
	[SOCK_STREAM]		= "stream",
	[SOCK_DGRAM]		= "dgram",
	[SOCK_RAW]		= "raw",
	[SOCK_RDM]		= "rdm",
	[SOCK_SEQPACKET]	= "seqpacket",
};

/* The families share TCP's numbers. */
static const char * const ksock_states[] = {
	[TCP_ESTABLISHED]	= "established",
	[TCP_SYN_SENT]		= "syn-sent",
	[TCP_SYN_RECV]		= "syn-recv",
	[TCP_FIN_WAIT1]		= "fin-wait-1",
	[TCP_FIN_WAIT2]		= "fin-wait-2",
	[TCP_TIME_WAIT]		= "time-wait",
	[TCP_CLOSE]		= "closed",
	[TCP_CLOSE_WAIT]	= "close-wait",
	[TCP_LAST_ACK]		= "last-ack",
	[TCP_LISTEN]		= "listen",
	[TCP_CLOSING]		= "closing",
};

/* Names are padded here: a number stands in for one that is not known. */
static void ksock_show_name(struct seq_file *seq, const char * const *names,
			    size_t n, unsigned int i, int width)
{
	if (i < n && names[i])
		seq_printf(seq, " %-*s", width, names[i]);
	else
		seq_printf(seq, " %-*u", width, i);
}

static void ksock_show_inet(struct seq_file *seq, const struct sock *sk,
			    bool peer)
{
	__be16 port = peer ? inet_sk(sk)->inet_dport : inet_sk(sk)->inet_sport;
	__be32 addr = peer ? sk->sk_daddr : sk->sk_rcv_saddr;
	char text[INET_ADDRSTRLEN + sizeof(":65535")];

	snprintf(text, sizeof(text), "%pI4:%u", &addr, ntohs(port));
	seq_printf(seq, " %-24s", text);
}

#if IS_ENABLED(CONFIG_IPV6)
static void ksock_show_inet6(struct seq_file *seq, const struct sock *sk,
			     bool peer)
{
	const struct in6_addr *addr = peer ? &sk->sk_v6_daddr :
				      &sk->sk_v6_rcv_saddr;
	__be16 port = peer ? inet_sk(sk)->inet_dport : inet_sk(sk)->inet_sport;
	char text[INET6_ADDRSTRLEN + sizeof("[]:65535")];

	snprintf(text, sizeof(text), "[%pI6c]:%u", addr, ntohs(port));
	seq_printf(seq, " %-24s", text);
}
#else
static void ksock_show_inet6(struct seq_file *seq, const struct sock *sk,
			     bool peer)
{
	seq_printf(seq, " %-24s", "-");
}
#endif

/* An abstract name begins with a NUL, which is written as @. */
static void ksock_show_unix(struct seq_file *seq, struct sock *sk)
{
	const struct unix_address *addr;
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	char path[UNIX_PATH_MAX + 1] = "-";
	size_t len;

	/* Pairs with the release in unix_bind(): the name is complete. */
	addr = smp_load_acquire(&unix_sk(sk)->addr);
	if (addr && addr->len > offset) {
		len = min_t(size_t, addr->len - offset, UNIX_PATH_MAX);
		memcpy(path, addr->name->sun_path, len);
		path[len] = '\0';
		if (!path[0])
			path[0] = '@';
	}
	seq_putc(seq, ' ');
	seq_escape(seq, path, " \t\n\\");
	seq_printf(seq, "%*s", max(24 - (int)strlen(path), 0), "");
}

static void ksock_show_addr(struct seq_file *seq, struct sock *sk, bool peer)
{
	if (sk->sk_family == AF_INET)
		ksock_show_inet(seq, sk, peer);
	else if (sk->sk_family == AF_INET6)
		ksock_show_inet6(seq, sk, peer);
	else if (sk->sk_family == AF_UNIX && !peer)
		ksock_show_unix(seq, sk);
	else
		seq_printf(seq, " %-24s", "-");
}

/* For a listener: connections that wait, and how many may. */
static void ksock_show_queues(struct seq_file *seq, struct sock *sk)
{
	unsigned int rx = sk_rmem_alloc_get(sk), tx = sk_wmem_alloc_get(sk);
	const struct tcp_sock *tp;

	if (sk->sk_state == TCP_LISTEN) {
		rx = READ_ONCE(sk->sk_ack_backlog);
		tx = READ_ONCE(sk->sk_max_ack_backlog);
	} else if (sk_is_tcp(sk)) {
		tp = tcp_sk(sk);
		rx = max_t(int, READ_ONCE(tp->rcv_nxt) -
			   READ_ONCE(tp->copied_seq), 0);
		tx = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_una);
	}
	seq_printf(seq, " %8u %8u", rx, tx);
}

const char *ksock_module_name(struct module *module)
{
	return module ? module_name(module) : "kernel";
}

const char *ksock_owner_name(const struct ksocket *s)
{
	return ksock_module_name(READ_ONCE(s->owner));
}

/* Where it is bound to, for the log; @s has a call under way. */
void ksock_describe(struct ksocket *s, char *text, size_t size)
{
	struct sockaddr_storage name = {};
	struct sock *sk = s->sock->sk;
	const char *family = NULL;

	if (sk->sk_family < ARRAY_SIZE(ksock_families))
		family = ksock_families[sk->sk_family];
	if (sk_is_inet(sk) &&
	    kernel_getsockname(s->sock, (struct sockaddr *)&name) >= 0)
		snprintf(text, size, "%s %pISpc", family, &name);
	else
		snprintf(text, size, "%s", family ? : "other");
}

/* Callbacks run, told together with another one, and the longest, in us */
static void ksock_show_events(struct seq_file *seq, struct ksocket *s)
{
	const struct ksock_events *ev = ksock_events(s);
	u64 runs = 0, coalesced = 0, longest = 0;
	unsigned int i;

	if (ev) {
		for (i = 0; i < KSOCK_EVENTS; i++)
			runs += READ_ONCE(ev->runs[i]);
		coalesced = READ_ONCE(ev->coalesced);
		longest = READ_ONCE(ev->longest);
	}
	seq_printf(seq, " %10llu %10llu %10llu", runs, coalesced,
		   div_u64(longest, NSEC_PER_USEC));
}

static void ksock_show(struct seq_file *seq, struct ksocket *s)
{
	struct sock *sk = s->sock->sk;

	seq_printf(seq, "%-20s", ksock_owner_name(s));
	ksock_show_name(seq, ksock_families, ARRAY_SIZE(ksock_families),
			sk->sk_family, 7);
	ksock_show_name(seq, ksock_types, ARRAY_SIZE(ksock_types),
			sk->sk_type, 9);
	ksock_show_name(seq, ksock_states, ARRAY_SIZE(ksock_states),
			READ_ONCE(sk->sk_state), 11);
	ksock_show_addr(seq, sk, false);
	ksock_show_addr(seq, sk, true);
	ksock_show_queues(seq, sk);
	seq_printf(seq, " %12lld %12lld", atomic64_read(&s->rx_bytes),
		   atomic64_read(&s->tx_bytes));
	ksock_show_events(seq, s);
	seq_putc(seq, '\n');
}

static void *ksock_seq_start(struct seq_file *seq, loff_t *pos)
	__acquires(&ksock_list_lock)
{
	spin_lock(&ksock_list_lock);
	return seq_list_start_head(&ksock_list, *pos);
}

static void *ksock_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_list_next(v, &ksock_list, pos);
}

static void ksock_seq_stop(struct seq_file *seq, void *v)
	__releases(&ksock_list_lock)
{
	spin_unlock(&ksock_list_lock);
}

VISIBLE_IF_KUNIT int ksock_seq_show(struct seq_file *seq, void *v)
{
	struct ksocket *s = list_entry(v, struct ksocket, node);

	lockdep_assert_held(&ksock_list_lock);
	if (v == &ksock_list)
		seq_printf(seq, "%-20s %-7s %-9s %-11s %-24s %-24s %8s %8s %12s %12s %10s %10s %10s\n",
			   "module", "family", "type", "state", "local", "peer",
			   "rx-queue", "tx-queue", "rx-bytes", "tx-bytes",
			   "callbacks", "coalesced", "longest-us");
	else if (s->sock && s->net == seq_file_net(seq))
		ksock_show(seq, s);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_seq_show);

static const struct seq_operations ksock_seq_ops = {
	.start	= ksock_seq_start,
	.next	= ksock_seq_next,
	.stop	= ksock_seq_stop,
	.show	= ksock_seq_show,
};

int ksock_stats_init(struct net *net)
{
	if (!proc_create_net(KSOCK_STATS_FILE, 0444, net->proc_net,
			     &ksock_seq_ops, sizeof(struct seq_net_private)))
		return -ENOMEM;
	return 0;
}

void ksock_stats_exit(struct net *net)
{
	remove_proc_entry(KSOCK_STATS_FILE, net->proc_net);
}
