// SPDX-License-Identifier: GPL-2.0-only
/*
 * sock_diag: all sockets, as inet_diag lists the host's
 *
 * The request is a struct inet_diag_req_v2 whose sdiag_family is the number of
 * PF_KINET or PF_KINET6; its protocol, its states and its ports select. The
 * answer is filled here: the kernel's own routine looks for a handler of its
 * own by the protocol that the request says, and 6.1's must have one.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/netlink.h>
#include <ksocket/family.h>

#include "kinet.h"

/* The type of socket that a request's protocol stands for, 0 for all */
static int kinet_diag_type(u8 protocol)
{
	switch (protocol) {
	case 0:
		return 0;
	case IPPROTO_TCP:
		return SOCK_STREAM;
	case IPPROTO_UDP:
		return SOCK_DGRAM;
	case IPPROTO_RAW:
		return SOCK_RAW;
	default:
		return -ENOENT;
	}
}

static u8 kinet_diag_protocol(const struct sock *sk)
{
	switch (sk->sk_type) {
	case SOCK_STREAM:
		return IPPROTO_TCP;
	case SOCK_DGRAM:
		return IPPROTO_UDP;
	default:
		return READ_ONCE(kinet_sk(sk)->raw_protocol);
	}
}

static bool kinet_diag_selects(const struct inet_diag_req_v2 *req,
			       const struct sock *sk)
{
	int type = kinet_diag_type(req->sdiag_protocol);
	struct kinet_ends ends;
	u16 family = AF_INET;

	if (req->sdiag_family == kinet_family_number(true))
		family = AF_INET6;
	if (sk->sk_family != family || (type && type != sk->sk_type))
		return false;
	if (req->idiag_states &&
	    !(req->idiag_states & 1U << READ_ONCE(sk->sk_state)))
		return false;
	kinet_look_at_ends(sk, &ends);
	if (req->id.idiag_sport && req->id.idiag_sport != ends.lport)
		return false;
	return !req->id.idiag_dport || req->id.idiag_dport == ends.rport;
}

static void kinet_diag_ends(struct inet_diag_sockid *id, struct sock *sk)
{
	struct kinet_ends ends;

	kinet_look_at_ends(sk, &ends);
	id->idiag_sport = ends.lport;
	id->idiag_dport = ends.rport;
	id->idiag_if = READ_ONCE(sk->sk_bound_dev_if);
	sock_diag_save_cookie(sk, id->idiag_cookie);
	if (sk->sk_family == AF_INET6) {
		memcpy(id->idiag_src, &ends.laddr, sizeof(id->idiag_src));
		memcpy(id->idiag_dst, &ends.raddr, sizeof(id->idiag_dst));
	} else {
		id->idiag_src[0] = ends.laddr.s6_addr32[3];
		id->idiag_dst[0] = ends.raddr.s6_addr32[3];
	}
}

/* What TCP_INFO tells; it waits for the lock, as that does. */
static int kinet_diag_info(struct sk_buff *skb, struct sock *sk)
{
	struct ksock_option opt = { .level = SOL_TCP, .name = TCP_INFO };
	int err;

	if (sk->sk_type != SOCK_STREAM)
		return 0;
	err = kinet_get_option(sk, &opt);
	return err ?: nla_put_64bit(skb, INET_DIAG_INFO, opt.len, opt.value,
				    INET_DIAG_PAD);
}

static bool kinet_diag_asked(const struct inet_diag_req_v2 *req, int attribute)
{
	return req->idiag_ext & 1 << (attribute - 1);
}

/* Marks are their administrator's, as with the host's sockets. */
static int kinet_diag_attributes(struct sk_buff *skb, struct sock *sk,
				 const struct inet_diag_req_v2 *req, bool admin)
{
	int err;

	err = nla_put_u8(skb, INET_DIAG_SHUTDOWN, READ_ONCE(sk->sk_shutdown));
	if (!err)
		err = nla_put_u8(skb, INET_DIAG_PROTOCOL,
				 kinet_diag_protocol(sk));
	if (!err && sk->sk_family == AF_INET6)
		err = nla_put_u8(skb, INET_DIAG_SKV6ONLY, ipv6_only_sock(sk));
	if (!err && admin)
		err = nla_put_u32(skb, INET_DIAG_MARK, READ_ONCE(sk->sk_mark));
	if (!err && kinet_diag_asked(req, INET_DIAG_SKMEMINFO))
		err = sock_diag_put_meminfo(sk, skb, INET_DIAG_SKMEMINFO);
	if (!err && kinet_diag_asked(req, INET_DIAG_INFO))
		err = kinet_diag_info(skb, sk);
	return err;
}

static int kinet_diag_fill(struct sk_buff *skb, struct netlink_callback *cb,
			   struct sock *sk, bool admin)
{
	struct sk_buff *asked = cb->skb;
	struct inet_diag_msg *r;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, NETLINK_CB(asked).portid, cb->nlh->nlmsg_seq,
			cb->nlh->nlmsg_type, sizeof(*r), NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	r = nlmsg_data(nlh);
	memset(r, 0, sizeof(*r));
	r->idiag_family = sk->sk_family;
	r->idiag_state = READ_ONCE(sk->sk_state);
	kinet_diag_ends(&r->id, sk);
	kinet_waiting(sk, &r->idiag_rqueue, &r->idiag_wqueue);
	r->idiag_uid = from_kuid_munged(sk_user_ns(NETLINK_CB(asked).sk),
					sock_i_uid(sk));
	r->idiag_inode = sock_i_ino(sk);
	if (kinet_diag_attributes(skb, sk, nlmsg_data(cb->nlh), admin)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

/*
 * The next one that the request selects, held. It is behind @sk, if that is
 * still there; or else the first that is younger than all up to @serial.
 */
static struct sock *kinet_diag_next(struct kinet_net *kn, struct sock *sk,
				    unsigned long serial,
				    const struct inet_diag_req_v2 *req)
{
	struct kinet_sock *k = list_entry(&kn->socks, struct kinet_sock, node);
	struct sock *found = NULL;

	spin_lock_bh(&kn->socks_lock);
	if (sk && !list_empty(&kinet_sk(sk)->node))
		k = kinet_sk(sk);
	list_for_each_entry_continue(k, &kn->socks, node) {
		if (k->serial > serial &&
		    kinet_diag_selects(req, &k->inet.sk) &&
		    refcount_inc_not_zero(&k->inet.sk.sk_refcnt)) {
			found = &k->inet.sk;
			break;
		}
	}
	spin_unlock_bh(&kn->socks_lock);
	return found;
}

/* Each page begins behind the socket that was the last one of the page before. */
static int kinet_diag_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kinet_net *kn = kinet_net(sock_net(skb->sk));
	bool admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN);
	const struct inet_diag_req_v2 *req = nlmsg_data(cb->nlh);
	struct sock *next, *sk = NULL;

	while ((next = kinet_diag_next(kn, sk, cb->args[0], req))) {
		if (sk)
			sock_put(sk);
		sk = next;
		if (kinet_diag_fill(skb, cb, sk, admin))
			break;
		cb->args[0] = kinet_sk(sk)->serial;
	}
	if (sk)
		sock_put(sk);
	return skb->len;
}

static int kinet_diag_handle(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	const struct inet_diag_req_v2 *req = nlmsg_data(nlh);
	struct netlink_dump_control control = {
		.dump	= kinet_diag_dump,
		.module	= THIS_MODULE,
	};

	if (nlmsg_len(nlh) < sizeof(*req))
		return -EINVAL;
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;
	if (kinet_diag_type(req->sdiag_protocol) < 0)
		return -ENOENT;
	return netlink_dump_start(sock_net(skb->sk)->diag_nlsk, skb, nlh,
				  &control);
}

static struct sock_diag_handler kinet_diag_handlers[2] = {
	{
		KSOCK_COMPAT_DIAG_OWNER
		.dump	= kinet_diag_handle,
	}, {
		KSOCK_COMPAT_DIAG_OWNER
		.dump	= kinet_diag_handle,
	},
};

/**
 * kinet_diag_init() - begin to answer, when the families have their numbers
 *
 * Return: 0, or -EBUSY when somebody answers for a number that he doesn't have.
 */
int kinet_diag_init(void)
{
	int err;

	kinet_diag_handlers[0].family = kinet_family_number(false);
	kinet_diag_handlers[1].family = kinet_family_number(true);
	err = sock_diag_register(&kinet_diag_handlers[0]);
	if (err || !ipv6_mod_enabled())
		return err;
	err = sock_diag_register(&kinet_diag_handlers[1]);
	if (err)
		sock_diag_unregister(&kinet_diag_handlers[0]);
	return err;
}

/* A dump that is under way holds the module. */
void kinet_diag_exit(void)
{
	if (ipv6_mod_enabled())
		sock_diag_unregister(&kinet_diag_handlers[1]);
	sock_diag_unregister(&kinet_diag_handlers[0]);
}
