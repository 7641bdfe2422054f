/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers of kinet's datagrams on the wire: made and read, and nothing else
 *
 * On interop's wire it is RFC 768's header. On isolated's, where the IP protocol
 * is experimental (RFC 3692), it is
 *
 *	 0               1               2               3
 *	+---------------+---------------+---------------+---------------+
 *	|         source port           |       destination port        |
 *	+---------------+---------------+---------------+---------------+
 *	|     type      |     code      |           checksum            |
 *	+---------------+---------------+---------------+---------------+
 *
 * The ports are where all transports have them, and the checksum where UDP has
 * it. It is that of UDP, too: over the pseudo-header of the IP version, with
 * the protocol's number there, the header and the data.
 */
#ifndef _KINET_HEADER_H
#define _KINET_HEADER_H

#include <kunit/visibility.h>
#include <linux/in6.h>
#include <linux/types.h>

struct kinet_conn;

#define KINET_HEADER_LEN	8
#define KINET_DGRAM_MAX		65535

/* IP protocols of the isolated wire */
#define KINET_IP_STREAM		253
#define KINET_IP_DGRAM		254

/* Types on the isolated wire */
enum kinet_type {
	KINET_TYPE_DATA		= 1,
	KINET_TYPE_ERROR	= 2,	/* code: enum kinet_error_code */
};

/* What went wrong with a datagram from the destination port to the source port */
enum kinet_error_code {
	KINET_ERROR_PORT	= 1,	/* nobody is there */
};

struct kinet_isolated_header {
	__be16	source;
	__be16	dest;
	u8	type;
	u8	code;
	__sum16	check;
};

/**
 * struct kinet_pkt - a packet, parsed once
 * @net: namespace
 * @conn: the stream's connection that it belongs to, when it was looked for
 * @saddr: source, IPv4 as ::ffff:a.b.c.d
 * @daddr: destination, likewise
 * @sport: source port
 * @dport: destination port
 * @dif: index of the device it came by
 * @sdif: and of that device's port, below a VRF
 * @offset: bytes before the transport's header, in the skb
 * @len: bytes of header and payload
 * @family: AF_INET or AF_INET6
 * @protocol: IP protocol
 * @group: to a group, or to all
 * @no_check: the sender made no checksum
 */
struct kinet_pkt {
	struct net	*net;
	struct kinet_conn *conn;
	struct in6_addr	saddr;
	struct in6_addr	daddr;
	__be16		sport;
	__be16		dport;
	int		dif;
	int		sdif;
	unsigned int	offset;
	unsigned int	len;
	u16		family;
	u8		protocol;
	bool		group;
	bool		no_check;
};

/**
 * struct kinet_error - what the network says went wrong
 * @err: errno, above 0
 * @fatal: a connected socket hears of it without asking
 * @too_big: a packet was larger than @info bytes, which is the path's MTU
 * @redirect: another router is nearer
 * @origin: SO_EE_ORIGIN_*
 * @type: of the ICMP message
 * @code: of the ICMP message
 * @info: as the error queue has it
 */
struct kinet_error {
	int	err;
	bool	fatal;
	bool	too_big;
	bool	redirect;
	u8	origin;
	u8	type;
	u8	code;
	u32	info;
};

/* What became of a header that was read */
enum kinet_parsed {
	KINET_PARSED,
	KINET_BAD_LENGTH,
	KINET_BAD_HEADER,
};

enum kinet_parsed kinet_udp_parse(const void *header, unsigned int room,
				  struct kinet_pkt *pkt);
void kinet_udp_build(void *header, __be16 sport, __be16 dport, unsigned int len);
enum kinet_parsed kinet_isolated_parse(const void *header, unsigned int room,
				       struct kinet_pkt *pkt, u8 *type, u8 *code);
void kinet_isolated_build(void *header, u8 type, u8 code, __be16 sport,
			  __be16 dport);
bool kinet_icmp4_map(u8 type, u8 code, u32 info, struct kinet_error *error);
bool kinet_icmp6_map(u8 type, u8 code, u32 info, struct kinet_error *error);
int kinet_port_choose(const unsigned long *taken, unsigned int low,
		      unsigned int high, u32 seed);
int kinet_port_next(const unsigned long *taken, unsigned int low,
		    unsigned int high, unsigned int after);

#endif /* _KINET_HEADER_H */
