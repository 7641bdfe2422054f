// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters, and what is done with a packet that is dropped
 */
#include <linux/skbuff.h>

#include "kinet.h"
#include "trace.h"

/* In the order of enum kinet_count */
#define KINET_COUNT_NAME(name, text)	text,
#define KINET_DROP_NAME(name, text)	"Drop" text,

const char *const kinet_count_names[KINET_COUNTS] = {
	KINET_DROPS(KINET_DROP_NAME)
	KINET_EVENTS(KINET_COUNT_NAME)
};

void kinet_count(struct net *net, enum kinet_count what)
{
	this_cpu_inc(kinet_net(net)->counts->n[what]);
}

/**
 * kinet_dropped() - count and trace a packet that somebody doesn't get
 * @pkt: what it was
 * @reason: KINET_DROP_*
 *
 * For one that isn't ours to free, or couldn't be copied; see kinet_drop().
 *
 * Context: Any.
 */
void kinet_dropped(const struct kinet_pkt *pkt, enum kinet_count reason)
{
	kinet_count(pkt->net, reason);
	trace_kinet_drop(pkt, reason);
}

/**
 * kinet_drop() - free a packet that nobody gets
 * @skb: packet
 * @pkt: what it was
 * @reason: KINET_DROP_*
 *
 * Context: Any.
 */
void kinet_drop(struct sk_buff *skb, const struct kinet_pkt *pkt,
		enum kinet_count reason)
{
	kinet_dropped(pkt, reason);
	kfree_skb(skb);
}
