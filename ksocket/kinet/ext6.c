// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extension headers of IPv6
 *
 * The hook comes before the host has read them. A packet whose headers ask for
 * something, or are not as RFC 8200 wants them, stays the host's, which acts on
 * them or drops it, and answers.
 */
#include <linux/string.h>
#include <net/ipv6.h>

#include "kinet.h"

/* As the host has it: as much padding as may be needed, and no more. */
#define KINET_PADDING_MAX	7

/* RFC 8200, section 4.2: what to do with an option that isn't known */
#define KINET_OPTION_ACTION	0xc0

/**
 * kinet_options6_skip() - may all options of a header be skipped?
 * @option: the first, behind the header's two bytes
 * @len: bytes of them all
 *
 * Return: false when one asks for something, or isn't well-formed.
 */
bool kinet_options6_skip(const u8 *option, unsigned int len)
{
	unsigned int size, padding = 0;

	for (; len; option += size, len -= size) {
		size = *option == IPV6_TLV_PAD1 ? 1 : 2;
		if (size > len)
			return false;
		if (size > 1)
			size += option[1];
		if (size > len)
			return false;
		if (*option > IPV6_TLV_PADN) {
			if (*option & KINET_OPTION_ACTION)
				return false;
			padding = 0;
			continue;
		}
		padding += size;
		/* RFC 4942, section 2.1.9.5: nobody is to hide data in it. */
		if (padding > KINET_PADDING_MAX ||
		    (size > 2 && memchr_inv(option + 2, 0, size - 2)))
			return false;
	}
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_options6_skip);

/* Segment routing, RPL and mobility have rules of their own. */
static bool kinet_routing6_skip(const struct ipv6_rt_hdr *header)
{
	return !header->segments_left && (header->type < IPV6_SRCRT_TYPE_2 ||
					  header->type > IPV6_SRCRT_TYPE_4);
}

static bool kinet_ext6_may_skip(const u8 *header, unsigned int offset,
				u8 type, unsigned int len)
{
	const struct frag_hdr *fragment = (const struct frag_hdr *)header;

	switch (type) {
	case NEXTHDR_HOP:
		/* It was read, and comes first or not at all. */
		return offset == sizeof(struct ipv6hdr);
	case NEXTHDR_DEST:
		return kinet_options6_skip(header + 2, len - 2);
	case NEXTHDR_ROUTING:
		return kinet_routing6_skip((const void *)header);
	case NEXTHDR_FRAGMENT:
		/* All others were put together, or can't be. */
		return !(fragment->frag_off & htons(IP6_OFFSET | IP6_MF));
	default:
		return false;
	}
}

/* How long the header there is; 0 when it is the host's to look at. */
static unsigned int kinet_ext6_skip(struct sk_buff *skb, unsigned int offset,
				    u8 type)
{
	const struct ipv6_opt_hdr *header;
	unsigned int len;

	if (!pskb_may_pull(skb, offset + sizeof(struct frag_hdr)))
		return 0;
	header = (const struct ipv6_opt_hdr *)(skb->data + offset);
	len = type == NEXTHDR_FRAGMENT ? sizeof(struct frag_hdr) :
					 ipv6_optlen(header);
	/* The last one must end in the packet, too. */
	if (!pskb_may_pull(skb, offset + len))
		return 0;
	return kinet_ext6_may_skip(skb->data + offset, offset, type, len) ?
	       len : 0;
}

/**
 * kinet_ext6_walk() - go to the transport's header
 * @skb: packet, its data at the network's header
 * @protocol: where the transport's protocol is stored
 *
 * RFC 8200, section 4. What skb->data points to may move.
 *
 * Return: the transport's header's offset from the network's; 0 when the
 * host is to have the packet.
 */
unsigned int kinet_ext6_walk(struct sk_buff *skb, u8 *protocol)
{
	unsigned int len, offset = sizeof(struct ipv6hdr);
	u8 type = ipv6_hdr(skb)->nexthdr;

	while (ipv6_ext_hdr(type)) {
		len = kinet_ext6_skip(skb, offset, type);
		if (!len)
			return 0;
		type = skb->data[offset];
		offset += len;
	}
	*protocol = type;
	return offset;
}
