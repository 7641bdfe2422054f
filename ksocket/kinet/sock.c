// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all of kinet's sockets have: a beginning, an end, options
 *
 * The kernel's own code for AF_INET and AF_INET6 works on them wherever it asks
 * for no more than an inet_sock: so sk_family is AF_INET or AF_INET6, and
 * sk_protocol is never TCP's or UDP's, at which it would look for theirs.
 */
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/transp_v6.h>
#include <ksocket/family.h>

#include "kinet.h"
#include "trace.h"

/* Pages, as net.ipv4.udp_mem: what all of kinet's buffers may hold */
long kinet_mem[3];
unsigned long kinet_memory_pressure;
/* Those that the kernel shares the memory out to, when it is short */
struct percpu_counter kinet_sockets;
atomic_long_t kinet_memory_allocated;
DEFINE_PER_CPU(int, kinet_memory_fw_alloc);
/* A sock gets so many bytes even when the memory above is used up. */
int kinet_min_buffer = 4096;

/* From the second number on, until there is less than the first again */
void kinet_enter_memory_pressure(struct sock *sk)
{
	if (READ_ONCE(kinet_memory_pressure))
		return;
	WRITE_ONCE(kinet_memory_pressure, 1);
	kinet_count(sock_net(sk), KINET_MEMORY_PRESSURE);
}

static struct lock_class_key kinet_slock_keys[2], kinet_lock_keys[2];

/**
 * kinet_sock_set_lock_class() - have locks that are told apart from the host's
 * @sk: sock that nobody else knows, not locked
 *
 * Calls of the host's sockets are made below ours, and lockdep must know.
 */
void kinet_sock_set_lock_class(struct sock *sk)
{
	if (sk->sk_family == AF_INET)
		sock_lock_init_class_and_name(sk, "slock-AF_KINET",
					      &kinet_slock_keys[0],
					      "sk_lock-AF_KINET",
					      &kinet_lock_keys[0]);
	else
		sock_lock_init_class_and_name(sk, "slock-AF_KINET6",
					      &kinet_slock_keys[1],
					      "sk_lock-AF_KINET6",
					      &kinet_lock_keys[1]);
}

static int kinet_may_open(const struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (kinet_is_drained())
		return -ENETDOWN;
	if (sk->sk_kern_sock || READ_ONCE(kinet_net(net)->unprivileged) ||
	    ns_capable(net->user_ns, CAP_NET_ADMIN))
		return 0;
	return -EPERM;
}

/*
 * The kernel's own look-ups of routes and IPsec policies, at connect(), take the
 * low byte for the protocol.
 */
static void kinet_sock_set_protocol(struct sock *sk)
{
	const struct kinet_wire *wire = kinet_sk(sk)->wire;

	if (sk->sk_type == SOCK_STREAM)
		sk->sk_protocol = KINET_PROTO_BEYOND | wire->stream;
	else if (sk->sk_type == SOCK_DGRAM)
		sk->sk_protocol = KINET_PROTO_BEYOND | wire->dgram;
}

/**
 * kinet_sock_init() - begin a socket
 * @sk: sock, as the kernel's create routine leaves it
 *
 * Return: 0, -EPERM without the right to it, -ENETDOWN once kinet is drained,
 * -ENOMEM.
 */
int kinet_sock_init(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_sock *k = kinet_sk(sk);
	int err;

	INIT_LIST_HEAD(&k->node);
	skb_queue_head_init(&k->pending);
	k->checksum = -1;
	err = kinet_may_open(sk);
	if (err)
		return err;
	sock_set_flag(sk, SOCK_RCU_FREE);
	kinet_sock_set_lock_class(sk);
	if (sk->sk_type == SOCK_STREAM) {
		sk->sk_rcvbuf = READ_ONCE(kn->tcp_rmem[1]);
		sk->sk_sndbuf = READ_ONCE(kn->tcp_wmem[1]);
	} else {
		sk->sk_rcvbuf = READ_ONCE(kn->rmem[1]);
		sk->sk_sndbuf = READ_ONCE(kn->wmem[1]);
	}
	err = kinet_net_use(sock_net(sk), sk);
	if (!err)
		kinet_sock_set_protocol(sk);
	return err;
}

/**
 * kinet_sock_destroy() - end a socket
 * @sk: sock
 *
 * Context: Process context. May sleep.
 */
void kinet_sock_destroy(struct sock *sk)
{
	lock_sock(sk);
	kinet_cork_flush(sk);
	release_sock(sk);
	/* Its port is of the wire that it has, so the mode stays until it goes. */
	sk->sk_prot->unhash(sk);
	kinet_net_unuse(sk);
}

void kinet_sock_close(struct sock *sk, long timeout)
{
	sk_common_release(sk);
}

/**
 * kinet_sock_abort() - end a socket under its user, when kinet is drained
 * @sk: sock, held
 *
 * Context: Process context. May sleep.
 */
void kinet_sock_abort(struct sock *sk)
{
	const struct kinet_error drained = { .err = ENETDOWN };

	WRITE_ONCE(kinet_sk(sk)->dead, true);
	/* First, since who holds the lock may be asleep, until it sees this. */
	WRITE_ONCE(sk->sk_err, ENETDOWN);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	trace_kinet_error(sk, &drained);
	sk_error_report(sk);
	sk->sk_state_change(sk);
	if (sk->sk_type == SOCK_STREAM) {
		kinet_stream_stop(sk);
		return;
	}
	lock_sock(sk);
	kinet_cork_flush(sk);
	/* Each kind has a table of its own. */
	sk->sk_prot->unhash(sk);
	release_sock(sk);
}

/* --- options --- */

static int kinet_set_udp(struct sock *sk, int name, sockptr_t value,
			 unsigned int len)
{
	int on;

	if (len < sizeof(on))
		return -EINVAL;
	if (name != UDP_CORK)
		return -ENOPROTOOPT;
	if (copy_from_sockptr(&on, value, sizeof(on)))
		return -EFAULT;
	return kinet_cork_set(sk, on);
}

/**
 * kinet_setsockopt() - setsockopt(2), but for SOL_SOCKET
 * @sk: sock
 * @level: SOL_IP, SOL_IPV6, SOL_UDP; what others say is the kernel's to answer
 * @name: option
 * @value: its value
 * @len: bytes of that
 *
 * Return: 0, -ENOPROTOOPT, and what the option says.
 */
int kinet_setsockopt(struct sock *sk, int level, int name, sockptr_t value,
		     unsigned int len)
{
	if (level == SOL_UDP && sk->sk_type == SOCK_DGRAM)
		return kinet_set_udp(sk, name, value, len);
	/*
	 * Our packets carry no options of IPv4; and who wants those that do
	 * would be taken for one of the host's raw sockets, and kept for ever.
	 */
	if (level == SOL_IP && (name == IP_OPTIONS || name == IP_RETOPTS ||
				name == IP_ROUTER_ALERT))
		return -ENOPROTOOPT;
	if (sk->sk_family == AF_INET)
		return ip_setsockopt(sk, level, name, value, len);
	return ipv6_setsockopt(sk, level, name, value, len);
}

/**
 * kinet_tell_option() - tell an option's value
 * @opt: option
 * @value: the value
 * @len: bytes of it
 *
 * Return: 0.
 */
int kinet_tell_option(struct ksock_option *opt, const void *value,
		      unsigned int len)
{
	memcpy(opt->value, value, len);
	opt->len = len;
	return 0;
}

int kinet_tell_number(struct ksock_option *opt, int number)
{
	return kinet_tell_option(opt, &number, sizeof(number));
}

/**
 * kinet_get_option() - read one of the options that are kinet's own
 * @sk: sock
 * @opt: option; its value is told
 *
 * Context: Process context. May sleep.
 * Return: 0, -ENOIOCTLCMD for one that is the kernel's to answer, -ENOPROTOOPT,
 * and what the option says.
 */
int kinet_get_option(struct sock *sk, struct ksock_option *opt)
{
	if (sk->sk_type == SOCK_STREAM)
		return kinet_stream_get_option(sk, opt);
	if (sk->sk_type == SOCK_RAW)
		return kinet_raw_get_option(sk, opt);
	if (opt->level != SOL_UDP)
		return -ENOIOCTLCMD;
	if (opt->name != UDP_CORK)
		return -ENOPROTOOPT;
	return kinet_tell_number(opt, READ_ONCE(kinet_sk(sk)->corked));
}

/* Numbers are cut, too. */
static int kinet_put_option(const struct ksock_option *opt, char __user *value,
			    int __user *len)
{
	int room;

	if (get_user(room, len))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	room = min_t(unsigned int, room, opt->len);
	if (put_user(room, len) || copy_to_user(value, opt->value, room))
		return -EFAULT;
	return 0;
}

/**
 * kinet_getsockopt() - getsockopt(2), but for SOL_SOCKET
 * @sk: sock
 * @level: level of the option
 * @name: option
 * @value: where its value is stored
 * @len: bytes of room there, then of the value
 *
 * Return: 0, -ENOPROTOOPT, and what the option says.
 */
int kinet_getsockopt(struct sock *sk, int level, int name, char __user *value,
		     int __user *len)
{
	struct ksock_option opt;
	int err;

	opt.level = level;
	opt.name = name;
	err = kinet_get_option(sk, &opt);
	if (err != -ENOIOCTLCMD)
		return err ?: kinet_put_option(&opt, value, len);
	if (sk->sk_family == AF_INET)
		return ip_getsockopt(sk, level, name, value, len);
	return ipv6_getsockopt(sk, level, name, value, len);
}

static int kinet_first_len(struct sock *sk)
{
	struct sk_buff *skb;
	int len;

	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb = skb_peek(&sk->sk_receive_queue);
	len = skb ? skb->len : 0;
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return len;
}

/**
 * kinet_queue_len() - SIOCINQ and SIOCOUTQ
 * @sk: sock
 * @cmd: which
 * @value: where the bytes are stored: of the first message; not yet sent
 *
 * Return: 0, or -ENOIOCTLCMD.
 */
int kinet_queue_len(struct sock *sk, int cmd, int *value)
{
	switch (cmd) {
	case SIOCINQ:
		*value = kinet_first_len(sk);
		return 0;
	case SIOCOUTQ:
		*value = sk_wmem_alloc_get(sk);
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}
