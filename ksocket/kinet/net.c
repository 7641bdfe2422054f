// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network namespace
 *
 * One that has no socket of kinet's is left as it was: its packets are looked
 * at from the first socket on.
 */
#include <linux/slab.h>

#include "kinet.h"

unsigned int kinet_net_id;
EXPORT_SYMBOL_IF_KUNIT(kinet_net_id);

/**
 * kinet_net_adopt() - another socket is in a namespace that has some
 * @sk: sock
 *
 * Context: Any but hard interrupts.
 */
void kinet_net_adopt(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_sock *k = kinet_sk(sk);

	spin_lock_bh(&kn->socks_lock);
	k->wire = kn->wire;
	kn->users++;
	k->serial = ++kn->serial;
	list_add_tail(&k->node, &kn->socks);
	spin_unlock_bh(&kn->socks_lock);
	percpu_counter_inc(&kinet_sockets);
	kinet_count(sock_net(sk), KINET_SOCK_OPENED);
}

/**
 * kinet_net_use() - a socket begins
 * @net: its namespace
 * @sk: sock
 *
 * Return: 0, or what the kernel's network layer says.
 */
int kinet_net_use(struct net *net, struct sock *sk)
{
	struct kinet_net *kn = kinet_net(net);
	int err = 0;

	mutex_lock(&kn->lock);
	if (!kn->hooked)
		err = kinet_hooks_add(net);
	if (err)
		goto out;
	kn->hooked = true;
	kinet_net_adopt(sk);
out:
	mutex_unlock(&kn->lock);
	/* Whoever drains sees this socket, or this sees that. */
	return !err && kinet_is_drained() ? -ENETDOWN : err;
}

/**
 * kinet_net_unuse() - a socket ends
 * @sk: sock, for which kinet_net_use() may have failed
 *
 * Context: Any but hard interrupts.
 */
void kinet_net_unuse(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_sock *k = kinet_sk(sk);
	bool was;

	spin_lock_bh(&kn->socks_lock);
	was = !list_empty(&k->node);
	if (was) {
		list_del_init(&k->node);
		kn->users--;
	}
	spin_unlock_bh(&kn->socks_lock);
	if (!was)
		return;
	percpu_counter_dec(&kinet_sockets);
	kinet_count(sock_net(sk), KINET_SOCK_CLOSED);
}

static const struct kinet_wire *const kinet_wires[] = {
	&kinet_interop, &kinet_isolated,
};

/**
 * kinet_net_set_mode() - choose the way on the wire
 * @net: namespace
 * @name: "interop" or "isolated"
 *
 * Return: 0, -EINVAL for another name, -EBUSY while there are sockets.
 */
int kinet_net_set_mode(struct net *net, const char *name)
{
	struct kinet_net *kn = kinet_net(net);
	int i, err = -EINVAL;

	mutex_lock(&kn->lock);
	for (i = 0; i < ARRAY_SIZE(kinet_wires); i++) {
		if (strcmp(kinet_wires[i]->name, name))
			continue;
		spin_lock_bh(&kn->socks_lock);
		err = kn->users && kn->wire != kinet_wires[i] ? -EBUSY : 0;
		if (!err)
			WRITE_ONCE(kn->wire, kinet_wires[i]);
		spin_unlock_bh(&kn->socks_lock);
	}
	mutex_unlock(&kn->lock);
	return err;
}

/* Least, at first, most */
static const int kinet_buffer[3] = { 4096, 212992, 4194304 };
static const int kinet_tcp_rbuffer[3] = { 4096, 131072, 6291456 };
static const int kinet_tcp_wbuffer[3] = { 4096, 16384, 4194304 };

static void kinet_net_buffer(int *buffer, const int *sizes, int most)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinet_buffer); i++)
		buffer[i] = min(sizes[i], most);
}

/* No namespace's are larger at first than the initial one's may be. */
static void kinet_net_buffers(struct kinet_net *kn, bool first)
{
	struct kinet_net *initial = kinet_net(&init_net);

	kinet_net_buffer(kn->rmem, kinet_buffer,
			 first ? INT_MAX : READ_ONCE(initial->rmem[2]));
	kinet_net_buffer(kn->wmem, kinet_buffer,
			 first ? INT_MAX : READ_ONCE(initial->wmem[2]));
	kinet_net_buffer(kn->tcp_rmem, kinet_tcp_rbuffer,
			 first ? INT_MAX : READ_ONCE(initial->tcp_rmem[2]));
	kinet_net_buffer(kn->tcp_wmem, kinet_tcp_wbuffer,
			 first ? INT_MAX : READ_ONCE(initial->tcp_wmem[2]));
}

static const int kinet_tcp_settings[KINET_TCP_SETTINGS] = {
	[KINET_TCP_TIMESTAMPS]		= 1,
	[KINET_TCP_SACK]		= 1,
	[KINET_TCP_WINDOW_SCALING]	= 1,
	[KINET_TCP_KEEPALIVE_TIME]	= 7200,
	[KINET_TCP_KEEPALIVE_INTVL]	= 75,
	[KINET_TCP_KEEPALIVE_PROBES]	= 9,
	[KINET_TCP_FIN_TIMEOUT]		= 60,
	/* RFC 9293, MUST-23: three minutes at least; with these they are 255 s. */
	[KINET_TCP_SYN_RETRIES]		= 7,
	[KINET_TCP_ORPHAN_RETRIES]	= 8,
	[KINET_TCP_MAX_ORPHANS]		= 16384,
	[KINET_TCP_MAX_TW_BUCKETS]	= 32768,
};

static void kinet_net_defaults(struct kinet_net *kn, struct net *net)
{
	kinet_net_buffers(kn, net_eq(net, &init_net));
	/* Below those that Linux gives to its own sockets. */
	kn->ports[0] = 20000;
	kn->ports[1] = 32767;
	memcpy(kn->tcp, kinet_tcp_settings, sizeof(kn->tcp));
	kn->wire = &kinet_interop;
}

static int __net_init kinet_net_init(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);
	int err;

	mutex_init(&kn->lock);
	INIT_LIST_HEAD(&kn->socks);
	INIT_LIST_HEAD(&kn->claims);
	INIT_HLIST_HEAD(&kn->raw);
	spin_lock_init(&kn->socks_lock);
	spin_lock_init(&kn->raw_lock);
	kinet_net_defaults(kn, net);
	kn->counts = alloc_percpu(struct kinet_counts);
	if (!kn->counts)
		return -ENOMEM;
	err = -ENOMEM;
	kn->dgram = kinet_table_new();
	if (!kn->dgram)
		goto counts;
	kn->stream = kinet_table_new();
	if (!kn->stream)
		goto dgram;
	kn->conns = kinet_conns_new();
	if (!kn->conns)
		goto stream;
	err = kinet_isolated_add(net);
	if (err)
		goto conns;
	err = kinet_sysctl_add(net);
	if (err)
		goto isolated;
	err = kinet_proc_add(net);
	if (err)
		goto sysctl;
	return 0;

sysctl:
	kinet_sysctl_remove(net);
isolated:
	kinet_isolated_remove(net);
conns:
	kinet_conns_free(kn->conns);
stream:
	kinet_table_free(kn->stream);
dgram:
	kinet_table_free(kn->dgram);
counts:
	free_percpu(kn->counts);
	return err;
}

/* Before the namespace is taken apart; no packet gets here any more. */
static void __net_exit kinet_net_pre_exit(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);

	if (kn->hooked)
		kinet_hooks_remove(net);
	kinet_remains_purge(net);
}

static void __net_exit kinet_net_exit(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);

	if (kn->users)
		pr_warn("%u sockets outlive their namespace: the module that made them must close them in its pernet exit\n",
			kn->users);
	kinet_proc_remove(net);
	kinet_sysctl_remove(net);
	kinet_isolated_remove(net);
	/* Claims are sockets of the namespace. */
	kinet_claims_flush();
	kinet_conns_free(kn->conns);
	kinet_table_free(kn->stream);
	kinet_table_free(kn->dgram);
	free_percpu(kn->counts);
}

struct pernet_operations kinet_net_ops = {
	.init		= kinet_net_init,
	.pre_exit	= kinet_net_pre_exit,
	.exit		= kinet_net_exit,
	.id		= &kinet_net_id,
	.size		= sizeof(struct kinet_net),
};
