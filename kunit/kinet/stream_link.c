// SPDX-License-Identifier: GPL-2.0-only
/*
 * A link between two sockets of kinet's that does to packets what networks do:
 * it loses them, has them twice and late. It also looks at them.
 */
#include <linux/tcp.h>
#include <net/ip.h>

#include "stream_link.h"
#include "tcp_random.h"

void stream_link_begin(struct stream_link *link, const struct stream_net *net,
		       struct rnd_state *random)
{
	static const u32 delays[] = { 0, 100, 5000, 50000, 300000 };

	memset(link, 0, offsetof(struct stream_link, packets));
	link->count = 0;
	link->wrong = NULL;
	link->net = net;
	link->random = random;
	link->delay = delays[tcp_random(random, ARRAY_SIZE(delays))];
	link->jitter = 1 + delays[tcp_random(random, ARRAY_SIZE(delays))];
	link->split = tcp_percent(random, 50);
}

/* --- what no segment may be --- */

static void look_at_window(struct stream_link *link, struct stream_way *way,
			   const struct tcphdr *th)
{
	u32 unit = 1U << way->scale;
	u32 edge = ntohl(th->ack_seq) + ntohs(th->window) * (th->syn ? 1 : unit);

	if (!th->ack)
		return;
	/* RFC 9293, SHLD-14; RFC 7323, section 2.4: by less than a unit */
	if (way->begun && kinet_after(way->edge - unit + 1, edge))
		link->wrong = "a window shrinks";
	way->edge = way->begun ? kinet_later(way->edge, edge) : edge;
	way->begun = true;
}

static void log(const struct stream_link *link, const struct sk_buff *skb,
		const char *what)
{
	const struct tcphdr *th = (struct tcphdr *)(skb->data +
						    sizeof(struct iphdr));
	struct kinet_options options;

	if (!link->loud)
		return;
	kinet_options_parse((u8 *)(th + 1), th->doff * 4 - sizeof(*th), th->syn,
			    &options);
	pr_info("%llu: %s to %u: %s%s%s%s seq %u ack %u len %u wnd %u, %u SACKs\n",
		stream_now, what, ntohs(th->dest), th->syn ? "S" : "",
		th->fin ? "F" : "", th->rst ? "R" : "", th->ack ? "A" : "",
		ntohl(th->seq), ntohl(th->ack_seq),
		skb->len - (int)sizeof(struct iphdr) - th->doff * 4,
		ntohs(th->window), options.sacks);
}

static void look(struct stream_link *link, const struct sk_buff *skb)
{
	const struct tcphdr *th = (struct tcphdr *)(skb->data +
						    sizeof(struct iphdr));
	unsigned int header = th->doff * 4;
	u32 len = skb->len - sizeof(struct iphdr) - header;
	bool up = ntohs(th->dest) == STREAM_PEER;
	struct stream_way *way = &link->ways[up], *back = &link->ways[!up];
	struct kinet_options options;

	if (th->rst)
		return;
	kinet_options_parse((u8 *)(th + 1), header - sizeof(*th), th->syn,
			    &options);
	if (th->syn) {
		way->scale = options.has & KINET_HAS_SCALE ? options.scale : 0;
		/* Of another connection, when it comes again late */
		way->begun = false;
		look_at_window(link, way, th);
		return;
	}
	look_at_window(link, way, th);
	/* RFC 9293, section 3.8.6: but for what is probed with */
	if (len && back->begun &&
	    kinet_after(ntohl(th->seq) + len, back->edge))
		link->wrong = "data beyond the window";
	if (!th->ack)
		link->wrong = "a segment without ACK";
}

/* --- on the way --- */

static void put(struct stream_link *link, struct sk_buff *skb)
{
	u64 at = stream_now + link->delay;

	if (link->count == LINK_PACKETS) {
		kfree_skb(skb);
		return;
	}
	if (tcp_percent(link->random, link->net->late))
		at += tcp_random(link->random, link->jitter);
	link->packets[link->count] = skb;
	link->at[link->count] = at;
	link->serials[link->count++] = ++link->serial;
}

static void pass(struct stream_link *link, struct sk_buff *skb)
{
	const struct tcphdr *th = (struct tcphdr *)(skb->data +
						    sizeof(struct iphdr));
	struct stream_way *way = &link->ways[ntohs(th->dest) == STREAM_PEER];
	struct sk_buff *copy;

	if (way->lost < LINK_IN_A_ROW && tcp_percent(link->random, link->net->loss)) {
		way->lost++;
		log(link, skb, "lost");
		kfree_skb(skb);
		return;
	}
	way->lost = 0;
	if (tcp_percent(link->random, link->net->twice)) {
		copy = skb_copy(skb, GFP_KERNEL);
		if (copy)
			put(link, copy);
	}
	put(link, skb);
}

/* @len bytes of data from @at on, as a segment of its own */
static struct sk_buff *piece(const struct sk_buff *skb, unsigned int headers,
			     unsigned int at, unsigned int len)
{
	struct sk_buff *part = alloc_skb(headers + len, GFP_KERNEL);
	struct tcphdr *th;

	if (!part)
		return NULL;
	skb_reset_network_header(part);
	skb_copy_bits(skb, 0, skb_put(part, headers), headers);
	skb_copy_bits(skb, headers + at, skb_put(part, len), len);
	skb_set_transport_header(part, sizeof(struct iphdr));
	th = tcp_hdr(part);
	th->seq = htonl(ntohl(th->seq) + at);
	if (headers + at + len < skb->len) {
		th->fin = 0;
		th->psh = 0;
	}
	/* What a device would have summed */
	part->ip_summed = CHECKSUM_UNNECESSARY;
	return part;
}

static void divide(struct stream_link *link, struct sk_buff *skb)
{
	const struct tcphdr *th = (struct tcphdr *)(skb->data +
						    sizeof(struct iphdr));
	unsigned int headers = sizeof(struct iphdr) + th->doff * 4;
	unsigned int size = skb_shinfo(skb)->gso_size, at, len;
	struct sk_buff *part;

	for (at = 0; headers + at < skb->len; at += len) {
		len = min(size, skb->len - headers - at);
		part = piece(skb, headers, at, len);
		if (part)
			pass(link, part);
	}
	consume_skb(skb);
}

void stream_link_take(struct stream_link *link)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&stream_sent))) {
		look(link, skb);
		if (link->split && skb_shinfo(skb)->gso_size)
			divide(link, skb);
		else
			pass(link, skb);
	}
}

static unsigned int first(const struct stream_link *link)
{
	unsigned int i, at = 0;

	for (i = 1; i < link->count; i++)
		if (link->at[i] < link->at[at] ||
		    (link->at[i] == link->at[at] &&
		     link->serials[i] < link->serials[at]))
			at = i;
	return at;
}

u64 stream_link_due(const struct stream_link *link)
{
	return link->count ? link->at[first(link)] : KINET_NEVER;
}

void stream_link_arrive(struct stream_link *link)
{
	unsigned int at = first(link);
	struct sk_buff *skb = link->packets[at];

	link->packets[at] = link->packets[--link->count];
	link->at[at] = link->at[link->count];
	link->serials[at] = link->serials[link->count];
	log(link, skb, "arrives");
	stream_arrive(skb);
}

void stream_link_end(struct stream_link *link)
{
	while (link->count)
		kfree_skb(link->packets[--link->count]);
}
