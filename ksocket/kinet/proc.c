// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/kinet: families, sockets, snmp
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/tcp_states.h>

#include "kinet.h"

static int kinet_families_show(struct seq_file *seq, void *v)
{
	seq_printf(seq, "PF_KINET %d\n", kinet_family_number(false));
	if (ipv6_mod_enabled())
		seq_printf(seq, "PF_KINET6 %d\n", kinet_family_number(true));
	return 0;
}

static int kinet_snmp_show(struct seq_file *seq, void *v)
{
	struct kinet_net *kn = kinet_net(seq_file_single_net(seq));
	u64 sum;
	int i, cpu;

	for (i = 0; i < KINET_COUNTS; i++) {
		sum = 0;
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(kn->counts, cpu)->n[i]);
		seq_printf(seq, "%s %llu\n", kinet_count_names[i], sum);
	}
	return 0;
}

/* --- sockets --- */

static void *kinet_socks_start(struct seq_file *seq, loff_t *pos)
	__acquires(socks_lock)
{
	struct kinet_net *kn = kinet_net(seq_file_net(seq));

	spin_lock_bh(&kn->socks_lock);
	return seq_list_start_head(&kn->socks, *pos);
}

static void *kinet_socks_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return seq_list_next(v, &kinet_net(seq_file_net(seq))->socks, pos);
}

static void kinet_socks_stop(struct seq_file *seq, void *v)
	__releases(socks_lock)
{
	spin_unlock_bh(&kinet_net(seq_file_net(seq))->socks_lock);
}

static void kinet_show_end(struct seq_file *seq, const struct sock *sk,
			   const struct in6_addr *addr, __be16 port)
{
	if (sk->sk_family == AF_INET)
		seq_printf(seq, " %pI4:", &addr->s6_addr32[3]);
	else
		seq_printf(seq, " [%pI6c]:", addr);
	if (port)
		seq_printf(seq, "%u", ntohs(port));
	else
		seq_putc(seq, '*');
}

static const char *kinet_sock_state(const struct sock *sk)
{
	if (READ_ONCE(kinet_sk(sk)->dead))
		return "drained";
	if (sk->sk_type == SOCK_STREAM)
		return kinet_stream_state(sk);
	if (kinet_is_connected(sk))
		return "connected";
	return hlist_unhashed_lockless(&sk->sk_node) ? "open" : "bound";
}

static void kinet_show_sock(struct seq_file *seq, struct sock *sk)
{
	const struct kinet_sock *k = kinet_sk(sk);
	struct kinet_ends ends;
	u32 in, out;

	if (sk->sk_type == SOCK_RAW)
		seq_printf(seq, "raw/%u", READ_ONCE(k->raw_protocol));
	else
		seq_puts(seq, sk->sk_type == SOCK_STREAM ? "stream" : "dgram");
	seq_printf(seq, " %s", k->wire->name);
	kinet_look_at_ends(sk, &ends);
	kinet_show_end(seq, sk, &ends.laddr, ends.lport);
	kinet_show_end(seq, sk, &ends.raddr, ends.rport);
	kinet_waiting(sk, &in, &out);
	seq_printf(seq, " %s %u %u %u %lu %d\n", kinet_sock_state(sk), in, out,
		   from_kuid_munged(seq_user_ns(seq), sock_i_uid(sk)),
		   sock_i_ino(sk), atomic_read(&sk->sk_drops));
}

static int kinet_socks_show(struct seq_file *seq, void *v)
{
	struct kinet_net *kn = kinet_net(seq_file_net(seq));
	struct kinet_sock *k;

	if (v == &kn->socks) {
		seq_puts(seq, "type wire local remote state rx tx uid inode drops\n");
		return 0;
	}
	k = list_entry(v, struct kinet_sock, node);
	kinet_show_sock(seq, &k->inet.sk);
	return 0;
}

static const struct seq_operations kinet_socks_ops = {
	.start	= kinet_socks_start,
	.next	= kinet_socks_next,
	.stop	= kinet_socks_stop,
	.show	= kinet_socks_show,
};

int kinet_proc_add(struct net *net)
{
	struct proc_dir_entry *dir;

	dir = proc_net_mkdir(net, "kinet", net->proc_net);
	if (!dir)
		return -ENOMEM;
	if (proc_create_net_single("families", 0444, dir, kinet_families_show,
				   NULL) &&
	    proc_create_net_single("snmp", 0444, dir, kinet_snmp_show, NULL) &&
	    proc_create_net("sockets", 0444, dir, &kinet_socks_ops,
			    sizeof(struct seq_net_private)))
		return 0;
	remove_proc_subtree("kinet", net->proc_net);
	return -ENOMEM;
}

void kinet_proc_remove(struct net *net)
{
	remove_proc_subtree("kinet", net->proc_net);
}
