// SPDX-License-Identifier: GPL-2.0-only
/*
 * sock_diag: a dump of all sockets, as inet_diag gives one
 *
 * The request is a struct inet_diag_req_v2, whose sdiag_family is PF_KINET or
 * PF_KINET6 by their numbers; its states and its ports select.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/netlink.h>
#include <net/tcp_states.h>

#include "kinet.h"

static bool kinet_diag_selects(const struct inet_diag_req_v2 *req,
			       const struct sock *sk, u16 family)
{
	const struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_family != family)
		return false;
	if (req->idiag_states && !(req->idiag_states & 1U << sk->sk_state))
		return false;
	if (req->id.idiag_sport && req->id.idiag_sport != htons(inet->inet_num))
		return false;
	return !req->id.idiag_dport || req->id.idiag_dport == inet->inet_dport;
}

static int kinet_diag_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct inet_diag_req_v2 *req = nlmsg_data(cb->nlh);
	u16 family = req->sdiag_family == kinet_family_number(true) ?
		     AF_INET6 : AF_INET;
	struct net *net = sock_net(skb->sk);
	bool admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN);
	struct kinet_net *kn = kinet_net(net);
	struct kinet_sock *k;
	long index = 0;

	spin_lock_bh(&kn->socks_lock);
	list_for_each_entry(k, &kn->socks, node) {
		if (index++ < cb->args[0] ||
		    !kinet_diag_selects(req, &k->inet.sk, family))
			continue;
		if (inet_sk_diag_fill(&k->inet.sk, NULL, skb, cb, req,
				      NLM_F_MULTI, admin) < 0) {
			index--;
			break;
		}
	}
	spin_unlock_bh(&kn->socks_lock);
	cb->args[0] = index;
	return skb->len;
}

/* What inet_sk_diag_fill() takes from the callback is what inet_diag puts there. */
static int kinet_diag_start(struct netlink_callback *cb)
{
	struct inet_diag_dump_data *data = kzalloc(sizeof(*data), GFP_KERNEL);

	cb->data = data;
	return data ? 0 : -ENOMEM;
}

static int kinet_diag_done(struct netlink_callback *cb)
{
	kfree(cb->data);
	return 0;
}

static int kinet_diag_handle(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	struct netlink_dump_control control = {
		.start	= kinet_diag_start,
		.dump	= kinet_diag_dump,
		.done	= kinet_diag_done,
		.module	= THIS_MODULE,
	};

	if (nlmsg_len(nlh) < sizeof(struct inet_diag_req_v2))
		return -EINVAL;
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;
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

int kinet_diag_init(void)
{
	int err;

	kinet_diag_handlers[0].family = kinet_family_number(false);
	kinet_diag_handlers[1].family = kinet_family_number(true);
	err = sock_diag_register(&kinet_diag_handlers[0]);
	if (err)
		return err;
	err = sock_diag_register(&kinet_diag_handlers[1]);
	if (err)
		sock_diag_unregister(&kinet_diag_handlers[0]);
	return err;
}

void kinet_diag_exit(void)
{
	sock_diag_unregister(&kinet_diag_handlers[1]);
	sock_diag_unregister(&kinet_diag_handlers[0]);
}
