// SPDX-License-Identifier: GPL-2.0-only
/*
 * kinet: a protocol family whose transports can be loaded, changed and unloaded
 *
 * family.c	the families, and how programs come to a socket
 * ops.c	the calls
 * sock.c	what all sockets have: beginning, end, options
 * query.c	what ksocket asks
 * dgram.c	datagram sockets, and sending
 * cork.c	messages sent in pieces
 * receive.c	datagrams that arrive, and receiving them
 * raw.c	raw sockets
 * buffer.c	what waits to be received
 * control.c	what is told of a message beside its bytes
 * flow.c	where a message goes
 * group.c	membership
 * error.c	what the network says went wrong
 * icmp.c	ICMP
 * table.c	who has which port
 * claim.c	keeping a port to ourselves
 * interop.c	the wire of any host
 * isolated.c	the wire that only kinet speaks
 * hook.c	packets of the kernel's network layer
 * pkt.c	packets, read once
 * ip.c, ip4.c, ip6.c	sending by the kernel's network layer
 * net.c	a namespace
 * drain.c	ending all sockets
 * sysctl.c	net.kinet
 * proc.c	/proc/net/kinet
 * diag.c	sock_diag
 * stream/	streams: TCP's sockets
 * tcp/		what of TCP needs neither sock nor skb
 * count.c	counters
 * trace.c	tracepoints
 * header.c, port.c, icmpmap.c	what needs neither sock nor skb
 */
#include <linux/module.h>

#include "kinet.h"

static struct proto *const kinet_protos[] = {
	&kinet_dgram_prot, &kinet6_dgram_prot, &kinet_raw_prot, &kinet6_raw_prot,
	&kinet_stream_prot, &kinet6_stream_prot,
};

static int __init kinet_protos_add(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(kinet_protos); i++) {
		err = proto_register(kinet_protos[i], 1);
		if (err)
			goto undo;
	}
	return 0;

undo:
	while (i--)
		proto_unregister(kinet_protos[i]);
	return err;
}

static void kinet_protos_remove(void)
{
	int i = ARRAY_SIZE(kinet_protos);

	while (i--)
		proto_unregister(kinet_protos[i]);
}

static int __init kinet_init(void)
{
	int err;

	err = percpu_counter_init(&kinet_sockets, 0, GFP_KERNEL);
	if (err)
		return err;
	err = kinet_protos_add();
	if (err)
		goto sockets;
	err = kinet_claims_init();
	if (err)
		goto protos;
	err = kinet_remains_init();
	if (err)
		goto claims;
	err = kinet_store_init();
	if (err)
		goto remains;
	err = register_pernet_subsys(&kinet_net_ops);
	if (err)
		goto store;
	err = kinet_isolated_init();
	if (err)
		goto pernet;
	err = kinet_family_init();
	if (err)
		goto isolated;
	err = kinet_diag_init();
	if (err)
		goto family;
	return 0;

family:
	kinet_family_exit();
isolated:
	kinet_isolated_exit();
pernet:
	unregister_pernet_subsys(&kinet_net_ops);
	/* Sockets and claims of those who were quick. */
	rcu_barrier();
store:
	kinet_store_exit();
remains:
	kinet_remains_exit();
claims:
	kinet_claims_exit();
protos:
	kinet_protos_remove();
sockets:
	percpu_counter_destroy(&kinet_sockets);
	return err;
}

/* No socket is there: each holds the module. */
static void __exit kinet_exit(void)
{
	kinet_diag_exit();
	kinet_family_exit();
	kinet_isolated_exit();
	unregister_pernet_subsys(&kinet_net_ops);
	rcu_barrier();
	kinet_store_exit();
	kinet_remains_exit();
	kinet_claims_exit();
	kinet_protos_remove();
	percpu_counter_destroy(&kinet_sockets);
}

module_init(kinet_init);
module_exit(kinet_exit);

MODULE_DESCRIPTION("A protocol family with transports of its own");
MODULE_LICENSE("GPL");
