// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers of datagrams: made and read
 *
 * No sock, no skb: bytes and numbers.
 */
#include <linux/string.h>
#include <linux/udp.h>

#include "header.h"

/**
 * kinet_udp_parse() - read a header of RFC 768
 * @header: its 8 bytes
 * @room: bytes from there to the end of the IP packet
 * @pkt: where ports, length and the lack of a checksum are stored
 *
 * Return: KINET_BAD_LENGTH when the header's length can't be.
 */
enum kinet_parsed kinet_udp_parse(const void *header, unsigned int room,
				  struct kinet_pkt *pkt)
{
	const struct udphdr *uh = header;
	unsigned int len = ntohs(uh->len);

	pkt->sport = uh->source;
	pkt->dport = uh->dest;
	pkt->no_check = !uh->check;
	if (len < KINET_HEADER_LEN || len > room)
		return KINET_BAD_LENGTH;
	pkt->len = len;
	return KINET_PARSED;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_udp_parse);

/**
 * kinet_udp_build() - write a header of RFC 768, without its checksum
 * @header: where to, 8 bytes
 * @sport: source port
 * @dport: destination port
 * @len: bytes of header and data
 */
void kinet_udp_build(void *header, __be16 sport, __be16 dport, unsigned int len)
{
	struct udphdr *uh = header;

	uh->source = sport;
	uh->dest = dport;
	uh->len = htons(len);
	uh->check = 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_udp_build);

/**
 * kinet_isolated_parse() - read a header of the isolated wire
 * @header: its 8 bytes
 * @room: bytes from there to the end of the IP packet
 * @pkt: where ports and length are stored
 * @type: where the type is stored
 * @code: where the code is stored
 *
 * Return: KINET_BAD_HEADER for an unknown type or a code that it doesn't have.
 */
enum kinet_parsed kinet_isolated_parse(const void *header, unsigned int room,
				       struct kinet_pkt *pkt, u8 *type, u8 *code)
{
	const struct kinet_isolated_header *ih = header;

	pkt->sport = ih->source;
	pkt->dport = ih->dest;
	pkt->no_check = false;
	pkt->len = room;
	*type = ih->type;
	*code = ih->code;
	switch (ih->type) {
	case KINET_TYPE_DATA:
		return ih->code ? KINET_BAD_HEADER : KINET_PARSED;
	case KINET_TYPE_ERROR:
		return ih->code == KINET_ERROR_PORT && room == KINET_HEADER_LEN ?
		       KINET_PARSED : KINET_BAD_HEADER;
	default:
		return KINET_BAD_HEADER;
	}
}
EXPORT_SYMBOL_IF_KUNIT(kinet_isolated_parse);

/**
 * kinet_isolated_build() - write a header of the isolated wire, without its checksum
 * @header: where to, 8 bytes
 * @type: enum kinet_type
 * @code: what that type has
 * @sport: source port
 * @dport: destination port
 */
void kinet_isolated_build(void *header, u8 type, u8 code, __be16 sport,
			  __be16 dport)
{
	struct kinet_isolated_header *ih = header;

	ih->type = type;
	ih->code = code;
	ih->check = 0;
	ih->source = sport;
	ih->dest = dport;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_isolated_build);
