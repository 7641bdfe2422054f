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
	struct kinet_sock *k = kinet_sk(sk);
	int err = 0;

	mutex_lock(&kn->lock);
	if (!kn->hooked)
		err = kinet_hooks_add(net);
	if (err)
		goto out;
	kn->hooked = true;
	k->wire = kn->wire;
	kn->users++;
	spin_lock_bh(&kn->socks_lock);
	k->serial = ++kn->serial;
	list_add_tail(&k->node, &kn->socks);
	spin_unlock_bh(&kn->socks_lock);
	kinet_count(net, KINET_SOCK_OPENED);
out:
	mutex_unlock(&kn->lock);
	/* Whoever drains sees this socket, or this sees that. */
	return !err && kinet_is_drained() ? -ENETDOWN : err;
}

/**
 * kinet_net_unuse() - a socket ends
 * @sk: sock, for which kinet_net_use() may have failed
 */
void kinet_net_unuse(struct sock *sk)
{
	struct kinet_net *kn = kinet_net(sock_net(sk));
	struct kinet_sock *k = kinet_sk(sk);

	mutex_lock(&kn->lock);
	if (!list_empty(&k->node)) {
		spin_lock_bh(&kn->socks_lock);
		list_del_init(&k->node);
		spin_unlock_bh(&kn->socks_lock);
		kn->users--;
		kinet_count(sock_net(sk), KINET_SOCK_CLOSED);
	}
	mutex_unlock(&kn->lock);
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
		err = kn->users && kn->wire != kinet_wires[i] ? -EBUSY : 0;
		if (!err)
			WRITE_ONCE(kn->wire, kinet_wires[i]);
	}
	mutex_unlock(&kn->lock);
	return err;
}

static void kinet_net_buffer(int *buffer, int most)
{
	static const int sizes[3] = { 4096, 212992, 4194304 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		buffer[i] = min(sizes[i], most);
}

static void kinet_net_defaults(struct kinet_net *kn, struct net *net)
{
	struct kinet_net *initial = kinet_net(&init_net);
	bool first = net_eq(net, &init_net);

	kinet_net_buffer(kn->rmem, first ? INT_MAX : READ_ONCE(initial->rmem[2]));
	kinet_net_buffer(kn->wmem, first ? INT_MAX : READ_ONCE(initial->wmem[2]));
	/* Below those that Linux gives to its own sockets. */
	kn->ports[0] = 20000;
	kn->ports[1] = 32767;
	kn->wire = &kinet_interop;
}

static int __net_init kinet_net_init(struct net *net)
{
	struct kinet_net *kn = kinet_net(net);
	int err;

	mutex_init(&kn->lock);
	INIT_LIST_HEAD(&kn->socks);
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
	err = kinet_isolated_add(net);
	if (err)
		goto dgram;
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
