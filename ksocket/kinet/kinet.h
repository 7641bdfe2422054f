/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of kinet.ko share, by the file that defines it
 */
#ifndef _KINET_H
#define _KINET_H

#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <net/flow.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "count.h"
#include "header.h"
#include "tcp/isn.h"

struct kinet_claim;
struct kinet_conns;
struct kinet_error;
struct kinet_flow;
struct kinet_pkt;
struct ksock_option;
struct ksock_query;

/**
 * struct kinet_wire - how the transports reach the network
 * @name: as net.kinet.mode has it
 * @dgram: IP protocol of datagrams, as in &struct kinet_pkt
 * @stream: IP protocol of streams
 * @clock: microseconds; NULL: the kernel's. With another, no timer is ever set:
 *	   who makes the time go by calls kinet_tcp_expire(), kinet_remains_expire()
 * @claim: keep a port that @sk was given to ourselves, or -EADDRINUSE; may sleep
 * @unclaim: and give it back; may sleep
 * @route: find the way and the source address of a flow; 0 or an errno
 * @mtu: bytes that a packet of a routed flow may have, IP header included
 * @xmit: send a transport's segment on a routed flow; the segment is consumed
 *
 * What arrives is handed to kinet_dgram_receive(), kinet_dgram_error(),
 * kinet_stream_receive() and kinet_stream_error().
 */
struct kinet_wire {
	const char	*name;
	u8		dgram;
	u8		stream;
	u64		(*clock)(void);
	int		(*claim)(struct sock *sk, unsigned short port);
	void		(*unclaim)(struct sock *sk);
	int		(*route)(struct sock *sk, struct kinet_flow *flow);
	unsigned int	(*mtu)(const struct kinet_flow *flow);
	int		(*xmit)(struct sock *sk, struct sk_buff *skb,
				struct kinet_flow *flow);
};

/* Microseconds, of a clock that never goes back */
static inline u64 kinet_wire_clock(const struct kinet_wire *wire)
{
	return wire->clock ? wire->clock() : div_u64(ktime_get_ns(), 1000);
}

extern const struct kinet_wire kinet_interop;
extern const struct kinet_wire kinet_isolated;

/* --- flow.c: where a message goes, and how --- */

/**
 * struct kinet_flow - the way of one message
 * @fl: the kernel's description of it
 * @dst: its route, held; set by &kinet_wire.route
 * @opt: IPv6 extension headers, or NULL
 * @opt_held: those that flow_end() has to put
 * @label: IPv6 flow label that was leased, held, or NULL
 * @opt_room: where the headers of this message's control data are
 * @cookie: what SOL_SOCKET's control data says
 * @family: AF_INET or AF_INET6, of the packets; a socket for IPv6 can have either
 * @ttl: time to live or hop limit; -1: the route's
 * @tos: type of service, or traffic class
 * @connected: all of it is the socket's own, so that its route can be kept
 * @dontfrag: IPv6: no fragments
 * @by_link: the link's MTU counts, whatever the path's is
 * @limit: IPv6: and no packet may be longer than this, unless it is 0
 */
struct kinet_flow {
	struct flowi		fl;
	struct dst_entry	*dst;
	struct ipv6_txoptions	*opt;
	struct ipv6_txoptions	*opt_held;
	struct ip6_flowlabel	*label;
	struct ipv6_txoptions	opt_room;
	struct sockcm_cookie	cookie;
	u16			family;
	s16			ttl;
	u8			tos;
	bool			connected;
	bool			dontfrag;
	bool			by_link;
	unsigned int		limit;
};

int kinet_flow_begin(struct sock *sk, struct msghdr *msg, u8 protocol,
		     struct kinet_flow *flow);
void kinet_flow_back(const struct kinet_pkt *pkt, struct kinet_flow *flow);
/* What a connection's packets have for IP_TOS, or IPV6_TCLASS */
static inline u8 kinet_flow_tos(const struct sock *sk,
				const struct kinet_flow *flow)
{
	return flow->family == AF_INET ? READ_ONCE(inet_sk(sk)->tos) :
					 READ_ONCE(inet6_sk(sk)->tclass);
}

void kinet_flow_renew(const struct sock *sk, struct kinet_flow *flow);
void kinet_flow_confirm(const struct kinet_flow *flow, const struct msghdr *msg);
void kinet_flow_end(struct kinet_flow *flow);

/* --- ip4.c, ip6.c, ip.c: the kernel's network layer --- */

int kinet_ip4_route(struct sock *sk, struct kinet_flow *flow);
int kinet_ip4_xmit(struct sock *sk, struct sk_buff *skb,
		   struct kinet_flow *flow);
int kinet_ip6_route(struct sock *sk, struct kinet_flow *flow);
int kinet_ip6_xmit(struct sock *sk, struct sk_buff *skb,
		   struct kinet_flow *flow);
int kinet_ip_route(struct sock *sk, struct kinet_flow *flow);
unsigned int kinet_ip_mtu(const struct kinet_flow *flow);
unsigned int kinet_ip_link_mtu(const struct kinet_flow *flow);
int kinet_ip_xmit(struct sock *sk, struct sk_buff *skb, struct kinet_flow *flow);
unsigned int kinet_ip_headroom(const struct kinet_flow *flow);
__sum16 kinet_answer_sum(const struct kinet_pkt *pkt, const struct sk_buff *skb);
unsigned int kinet_ip_header_len(const struct kinet_flow *flow);
bool kinet_ip_must_not_fragment(const struct sock *sk,
				const struct kinet_flow *flow);

/* --- sock.c: what all of kinet's sockets have --- */

/**
 * struct kinet_sock - a socket of kinet
 * @inet: the kernel's part
 * @wire: how it reaches the network; never changes
 * @claim: what keeps its port ours, or NULL
 * @node: in &kinet_net.socks
 * @serial: larger than that of all who were there before
 * @pending: pieces of a message that is not complete (MSG_MORE, UDP_CORK)
 * @pending_flow: where it will go
 * @pending_len: bytes of it
 * @corked: UDP_CORK is set
 * @dead: kinet was drained: every call gives -ENETDOWN
 * @raw_protocol: raw: IP protocol
 * @icmp_filter: raw, IPv4: ICMP types that are not wanted, bits
 * @icmp6_filter: raw, IPv6: likewise
 * @checksum: raw, IPv6: offset of the checksum in the payload, or -1
 */
struct kinet_sock {
	struct inet_sock		inet;
	const struct kinet_wire		*wire;
	struct kinet_claim		*claim;
	struct list_head		node;
	unsigned long			serial;
	struct sk_buff_head		pending;
	struct kinet_flow		*pending_flow;
	unsigned int			pending_len;
	bool				corked;
	bool				dead;
	u8				raw_protocol;
	u32				icmp_filter;
	struct icmp6_filter		icmp6_filter;
	int				checksum;
};

/* Where an IPv6 socket has its part; the kernel looks for it at the end. */
struct kinet6_sock {
	struct kinet_sock	kinet;
	struct ipv6_pinfo	inet6;
};

static inline struct kinet_sock *kinet_sk(const struct sock *sk)
{
	return (struct kinet_sock *)sk;
}

/* Has a socket a peer, if it is no stream? */
static inline bool kinet_is_connected(const struct sock *sk)
{
	/* The kernel's connect() writes it as if nobody looked. */
	return data_race(READ_ONCE(sk->sk_state)) == TCP_ESTABLISHED;
}

extern long kinet_mem[3];
extern unsigned long kinet_memory_pressure;
extern struct percpu_counter kinet_sockets;
extern atomic_long_t kinet_memory_allocated;
DECLARE_PER_CPU(int, kinet_memory_fw_alloc);
extern int kinet_min_buffer;

void kinet_enter_memory_pressure(struct sock *sk);

/* What the protos have in common */
#define KINET_PROTO_MEMORY						\
	.owner			= THIS_MODULE,				\
	.memory_allocated	= &kinet_memory_allocated,		\
	.per_cpu_fw_alloc	= &kinet_memory_fw_alloc,		\
	.sockets_allocated	= &kinet_sockets,			\
	.memory_pressure	= &kinet_memory_pressure,		\
	.enter_memory_pressure	= kinet_enter_memory_pressure,		\
	.sysctl_mem		= kinet_mem,				\
	.sysctl_rmem		= &kinet_min_buffer,			\
	.sysctl_wmem		= &kinet_min_buffer

/* And those whose sockets end at once */
#define KINET_PROTO							\
	KINET_PROTO_MEMORY,						\
	.destroy		= kinet_sock_destroy,			\
	.close			= kinet_sock_close

int kinet_sock_init(struct sock *sk);
void kinet_sock_set_lock_class(struct sock *sk);
void kinet_sock_destroy(struct sock *sk);
void kinet_sock_close(struct sock *sk, long timeout);
void kinet_sock_abort(struct sock *sk);
int kinet_setsockopt(struct sock *sk, int level, int name, sockptr_t value,
		     unsigned int len);
int kinet_getsockopt(struct sock *sk, int level, int name, char __user *value,
		     int __user *len);
int kinet_get_option(struct sock *sk, struct ksock_option *opt);
int kinet_tell_option(struct ksock_option *opt, const void *value,
		      unsigned int len);
int kinet_tell_number(struct ksock_option *opt, int number);
int kinet_queue_len(struct sock *sk, int cmd, int *value);

/* --- buffer.c: what waits to be received --- */

int kinet_buffer_add(struct sock *sk, struct sk_buff *skb);

/* --- ops.c: the calls, none of which is made once kinet is drained --- */

extern const struct proto_ops kinet_dgram_ops;
extern const struct proto_ops kinet6_dgram_ops;
extern const struct proto_ops kinet_raw_ops;
extern const struct proto_ops kinet6_raw_ops;
extern const struct proto_ops kinet_stream_ops;
extern const struct proto_ops kinet6_stream_ops;

/* --- query.c: what ksocket asks, and who lists sockets --- */

void kinet_look_at_ends(const struct sock *sk, struct kinet_ends *ends);
void kinet_waiting(struct sock *sk, u32 *in, u32 *out);
int kinet_query(struct socket *sock, int name, sockptr_t value, unsigned int len);

/* --- table.c: who has which port --- */

#define KINET_TABLE_SLOTS	1024
#define KINET_PROTO_BEYOND	0x200	/* beyond the kernel's: MPTCP is 262 */

/**
 * struct kinet_table - the bound sockets of a transport, in a namespace
 * @lock: for the slots and @ports; read under RCU
 * @ports: where any socket is, so that others' packets are passed at once
 * @slots: sockets by port
 */
struct kinet_table {
	spinlock_t		lock;	/* slots, ports */
	DECLARE_BITMAP(ports, 65536);
	struct hlist_head	slots[KINET_TABLE_SLOTS];
};

struct kinet_table *kinet_table_new(void);
void kinet_table_free(struct kinet_table *table);
int kinet_get_port(struct sock *sk, unsigned short port);
void kinet_port_range(const struct sock *sk, unsigned int *low,
		      unsigned int *high);
int kinet_listen_port(struct sock *sk);
void kinet_unhash(struct sock *sk);
void kinet_port_drop(struct sock *sk);
void kinet_rehash(struct sock *sk);
struct sock *kinet_table_find(struct kinet_table *table, struct sk_buff *skb,
			      const struct kinet_pkt *pkt);
bool kinet_table_claims(struct kinet_table *table, const struct kinet_pkt *pkt);
bool kinet_takes(const struct sock *sk, const struct kinet_pkt *pkt);

static inline struct hlist_head *kinet_slot(struct kinet_table *table,
					    unsigned short port)
{
	return &table->slots[port % KINET_TABLE_SLOTS];
}

/* Can a packet come to either, as far as their devices go? */
static inline bool kinet_share_device(const struct sock *a, const struct sock *b)
{
	int first = READ_ONCE(a->sk_bound_dev_if);
	int second = READ_ONCE(b->sk_bound_dev_if);

	return !first || !second || first == second;
}

/* --- claim.c: keeping a port to ourselves --- */

int kinet_claim_take(struct sock *sk, unsigned short port);
void kinet_claim_drop(struct sock *sk);
void kinet_claim_drop_later(struct sock *sk);
void kinet_claim_hold(struct kinet_claim *claim);
bool kinet_claim_try_hold(struct kinet_claim *claim);
void kinet_claim_put(struct kinet_claim *claim);
int kinet_claims_init(void);
void kinet_claims_flush(void);
void kinet_claims_exit(void);
bool kinet_claim_covers(const struct kinet_claim *claim,
			const struct kinet_pkt *pkt);

/* --- group.c: membership --- */

bool kinet_group_allows(const struct sock *sk, const struct kinet_pkt *pkt);

/* --- dgram.c, cork.c, receive.c: datagrams --- */

extern struct proto kinet_dgram_prot;
extern struct proto kinet6_dgram_prot;

/* A message up to here is one piece of memory. */
#define KINET_LINEAR	(PAGE_SIZE / 2)

int kinet_dgram_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int kinet_dgram_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
			int flags, int *addr_len);
struct sk_buff *kinet_dgram_piece(struct sock *sk, struct msghdr *msg,
				  size_t len, unsigned int headroom,
				  size_t linear, bool wait, int *err);
size_t kinet_dgram_whole(const struct kinet_flow *flow, size_t len);
int kinet_dgram_check(struct sock *sk, const struct kinet_flow *flow, size_t len);
int kinet_dgram_push(struct sock *sk, struct sk_buff *skb,
		     struct kinet_flow *flow);

bool kinet_cork_wanted(const struct sock *sk, const struct msghdr *msg);
int kinet_cork_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int kinet_cork_set(struct sock *sk, bool on);
void kinet_cork_flush(struct sock *sk);

enum kinet_count kinet_dgram_accept(struct sk_buff *skb, struct kinet_pkt *pkt);
bool kinet_dgram_receive(struct sk_buff *skb, struct kinet_pkt *pkt);
void kinet_sock_name(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		     __be16 port, int *addr_len);
void kinet_sock_control(struct sock *sk, struct sk_buff *skb,
			struct msghdr *msg);
void kinet_prepare_control(struct sock *sk, struct sk_buff *skb);
enum kinet_count kinet_refusal(struct sock *sk, struct sk_buff *skb,
			       const struct kinet_pkt *pkt, unsigned int headers);
void kinet_strip(struct sk_buff *skb);
int kinet_sock_queue(struct sock *sk, struct sk_buff *skb,
		     const struct kinet_pkt *pkt);

/* --- raw.c --- */

extern struct proto kinet_raw_prot;
extern struct proto kinet6_raw_prot;

void kinet_raw_receive(struct sk_buff *skb, struct kinet_pkt *pkt);
bool kinet_raw_hears(const struct kinet_pkt *pkt);
int kinet_raw_get_option(struct sock *sk, struct ksock_option *opt);
void kinet_raw_error(struct sk_buff *skb, const struct kinet_pkt *pkt,
		     const struct kinet_error *error);

/* --- stream/: streams --- */

extern struct proto kinet_stream_prot;
extern struct proto kinet6_stream_prot;

struct kinet_conns *kinet_conns_new(void);
void kinet_conns_free(struct kinet_conns *conns);
bool kinet_stream_wants(struct kinet_pkt *pkt);
void kinet_stream_receive(struct sk_buff *skb, struct kinet_pkt *pkt);
bool kinet_stream_hears(const struct kinet_pkt *pkt);
void kinet_stream_error(struct sk_buff *skb, const struct kinet_pkt *pkt, u32 seq,
			const struct kinet_error *error);
void kinet_stream_stop(struct sock *sk);
int kinet_stream_get_option(struct sock *sk, struct ksock_option *opt);
void kinet_stream_query(struct sock *sk, struct ksock_query *query);
void kinet_stream_waiting(const struct sock *sk, u32 *in, u32 *out);
const char *kinet_stream_state(const struct sock *sk);
int kinet_store_init(void);
void kinet_store_exit(void);

int kinet_remains_init(void);
void kinet_remains_expire(struct net *net);
void kinet_remains_purge(struct net *net);
void kinet_remains_exit(void);

/* --- error.c: what the network says went wrong --- */

void kinet_dgram_error(struct sk_buff *skb, const struct kinet_pkt *pkt,
		       const struct kinet_error *error);
void kinet_sock_error(struct sock *sk, struct sk_buff *skb,
		      const struct kinet_pkt *pkt,
		      const struct kinet_error *error);
void kinet_keep_error(struct sock *sk, struct sk_buff *skb,
		      const struct kinet_pkt *pkt,
		      const struct kinet_error *error);
void kinet_local_error(struct sock *sk, const struct kinet_flow *flow, int err,
		       u32 info);
void kinet_peer_error(const struct kinet_pkt *pkt,
		      const struct kinet_error *error);
bool kinet_wants_errors(const struct sock *sk, u16 family);

/* --- icmp.c: ICMP, as the hook finds it --- */

void kinet_icmp4_receive(struct sk_buff *skb, const struct kinet_pkt *pkt);
void kinet_icmp6_receive(struct sk_buff *skb, const struct kinet_pkt *pkt);
void kinet_refuse(struct sk_buff *skb, const struct kinet_pkt *pkt);

/* --- pkt.c: packets, read once --- */

void kinet_pkt_read4(struct kinet_pkt *pkt, const struct sk_buff *skb,
		     struct net *net);
bool kinet_pkt_read6(struct kinet_pkt *pkt, struct sk_buff *skb,
		     struct net *net);
bool kinet_pkt_read_ports(struct kinet_pkt *pkt, const struct sk_buff *skb);

/* --- ext6.c: the extension headers of IPv6 --- */

bool kinet_options6_skip(const u8 *option, unsigned int len);
unsigned int kinet_ext6_walk(struct sk_buff *skb, u8 *protocol);

/* --- hook.c: packets of the kernel's network layer --- */

int kinet_hooks_add(struct net *net);
void kinet_hooks_remove(struct net *net);

/* --- isolated.c --- */

int kinet_isolated_add(struct net *net);
void kinet_isolated_remove(struct net *net);
int kinet_isolated_init(void);
void kinet_isolated_exit(void);
void kinet_isolated_refuse(struct sk_buff *skb, const struct kinet_pkt *pkt);

/* --- net.c: a namespace --- */

/* Settings of streams, net.kinet.tcp_*, as net.ipv4 has them */
enum kinet_tcp_setting {
	KINET_TCP_TIMESTAMPS,
	KINET_TCP_SACK,
	KINET_TCP_WINDOW_SCALING,
	KINET_TCP_KEEPALIVE_TIME,	/* seconds */
	KINET_TCP_KEEPALIVE_INTVL,	/* seconds */
	KINET_TCP_KEEPALIVE_PROBES,
	KINET_TCP_FIN_TIMEOUT,		/* seconds */
	KINET_TCP_SYN_RETRIES,
	KINET_TCP_ORPHAN_RETRIES,
	KINET_TCP_MAX_ORPHANS,
	KINET_TCP_MAX_TW_BUCKETS,
	KINET_TCP_SETTINGS
};

/**
 * struct kinet_net - kinet in a network namespace
 * @lock: binds, the mode, the hooks
 * @wire: what new sockets get; under @socks_lock, too
 * @hooked: packets come to us
 * @users: sockets; while there are any, the mode stays; under @socks_lock
 * @socks: all of them, by their serial
 * @serial: of the newest
 * @claims: all claims
 * @socks_lock: for @socks, @serial, @claims
 * @control: what answers on the isolated wire, for IPv4 and IPv6
 * @dgram: datagram sockets that have a port
 * @stream: stream sockets that have one of their own
 * @conns: connections
 * @remains: those in TIME-WAIT
 * @orphans: streams that their programs have closed
 * @raw: raw sockets
 * @raw_lock: for @raw; read under RCU
 * @counts: MIB
 * @unprivileged: sockets ask for no CAP_NET_ADMIN
 * @rmem: receive buffers: least, at first, most; bytes
 * @wmem: send buffers
 * @tcp_rmem: receive buffers of streams
 * @tcp_wmem: their send buffers
 * @tcp: by enum kinet_tcp_setting
 * @ports: what an unbound socket gets: lowest, highest
 * @sysctls: net.kinet
 */
struct kinet_net {
	struct mutex			lock;	/* binds, mode, hooks */
	const struct kinet_wire		*wire;
	bool				hooked;
	unsigned int			users;
	struct list_head		socks;
	struct list_head		claims;
	unsigned long			serial;
	spinlock_t			socks_lock;	/* socks, serial, claims */
	struct sock			*control[2];
	struct kinet_table		*dgram;
	struct kinet_table		*stream;
	struct kinet_conns		*conns;
	atomic_t			remains;
	atomic_t			orphans;
	struct hlist_head		raw;
	spinlock_t			raw_lock;	/* raw */
	struct kinet_counts __percpu	*counts;
	int				unprivileged;
	int				rmem[3];
	int				wmem[3];
	int				tcp_rmem[3];
	int				tcp_wmem[3];
	int				ports[2];
	int				tcp[KINET_TCP_SETTINGS];
	struct ctl_table_header		*sysctls;
};

extern unsigned int kinet_net_id;
extern struct pernet_operations kinet_net_ops;

static inline struct kinet_net *kinet_net(const struct net *net)
{
	return net_generic(net, kinet_net_id);
}

int kinet_net_use(struct net *net, struct sock *sk);
void kinet_net_adopt(struct sock *sk);
void kinet_net_unuse(struct sock *sk);
int kinet_net_set_mode(struct net *net, const char *name);

/* --- drain.c --- */

bool kinet_is_drained(void);
void kinet_drain(bool on);

/* --- sysctl.c, proc.c, family.c, diag.c: each begins and ends --- */

int kinet_sysctl_add(struct net *net);
void kinet_sysctl_remove(struct net *net);
int kinet_proc_add(struct net *net);
void kinet_proc_remove(struct net *net);
int kinet_family_init(void);
void kinet_family_exit(void);
int kinet_family_number(bool ipv6);
int kinet_diag_init(void);
void kinet_diag_exit(void);

#endif /* _KINET_H */
