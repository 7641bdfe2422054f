// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an ICMP error means to a socket
 *
 * RFC 1122, section 3.2.2.1: net and host unreachable are hints, of which only
 * those who ask are told; protocol and port unreachable end an exchange.
 */
#include <linux/errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <net/ndisc.h>

#include "header.h"

struct kinet_meaning {
	int	err;
	bool	fatal;
};

/* RFC 792, 1122 and 1812: codes of "destination unreachable" */
static const struct kinet_meaning kinet_unreach[] = {
	[ICMP_NET_UNREACH]	= { ENETUNREACH, false },
	[ICMP_HOST_UNREACH]	= { EHOSTUNREACH, false },
	[ICMP_PROT_UNREACH]	= { ENOPROTOOPT, true },
	[ICMP_PORT_UNREACH]	= { ECONNREFUSED, true },
	[ICMP_FRAG_NEEDED]	= { EMSGSIZE, false },
	[ICMP_SR_FAILED]	= { EOPNOTSUPP, false },
	[ICMP_NET_UNKNOWN]	= { ENETUNREACH, true },
	[ICMP_HOST_UNKNOWN]	= { EHOSTDOWN, true },
	[ICMP_HOST_ISOLATED]	= { ENONET, true },
	[ICMP_NET_ANO]		= { ENETUNREACH, true },
	[ICMP_HOST_ANO]		= { EHOSTUNREACH, true },
	[ICMP_NET_UNR_TOS]	= { ENETUNREACH, false },
	[ICMP_HOST_UNR_TOS]	= { EHOSTUNREACH, false },
	[ICMP_PKT_FILTERED]	= { EHOSTUNREACH, true },
	[ICMP_PREC_VIOLATION]	= { EHOSTUNREACH, true },
	[ICMP_PREC_CUTOFF]	= { EHOSTUNREACH, true },
};

/* RFC 4443, section 3.1 */
static const struct kinet_meaning kinet_unreach6[] = {
	[ICMPV6_NOROUTE]	= { ENETUNREACH, false },
	[ICMPV6_ADM_PROHIBITED]	= { EACCES, true },
	[ICMPV6_NOT_NEIGHBOUR]	= { EHOSTUNREACH, false },
	[ICMPV6_ADDR_UNREACH]	= { EHOSTUNREACH, false },
	[ICMPV6_PORT_UNREACH]	= { ECONNREFUSED, true },
	[ICMPV6_POLICY_FAIL]	= { EACCES, true },
	[ICMPV6_REJECT_ROUTE]	= { EACCES, true },
};

static void kinet_icmp_means(struct kinet_error *error, int err, bool fatal)
{
	error->err = err;
	error->fatal = fatal;
}

/**
 * kinet_icmp4_map() - what an ICMP message means
 * @type: its type
 * @code: its code
 * @info: what stands behind its checksum, in the host's order
 * @error: filled
 *
 * Return: false for a message that tells of no error, or of an unknown one.
 */
bool kinet_icmp4_map(u8 type, u8 code, u32 info, struct kinet_error *error)
{
	memset(error, 0, sizeof(*error));
	error->origin = SO_EE_ORIGIN_ICMP;
	error->type = type;
	error->code = code;
	switch (type) {
	case ICMP_DEST_UNREACH:
		if (code >= ARRAY_SIZE(kinet_unreach))
			return false;
		kinet_icmp_means(error, kinet_unreach[code].err,
				 kinet_unreach[code].fatal);
		error->too_big = code == ICMP_FRAG_NEEDED;
		/* RFC 1191, section 4 */
		error->info = error->too_big ? info & 0xffff : 0;
		return true;
	case ICMP_TIME_EXCEEDED:
		kinet_icmp_means(error, EHOSTUNREACH, false);
		return true;
	case ICMP_PARAMETERPROB:
		kinet_icmp_means(error, EPROTO, true);
		error->info = info >> 24;
		return true;
	case ICMP_REDIRECT:
		error->redirect = true;
		return true;
	default:
		return false;
	}
}
EXPORT_SYMBOL_IF_KUNIT(kinet_icmp4_map);

/**
 * kinet_icmp6_map() - what an ICMPv6 message means
 * @type: its type
 * @code: its code
 * @info: what stands behind its checksum, in the host's order
 * @error: filled
 *
 * Return: false for a message that tells of no error, or of an unknown one.
 */
bool kinet_icmp6_map(u8 type, u8 code, u32 info, struct kinet_error *error)
{
	memset(error, 0, sizeof(*error));
	error->origin = SO_EE_ORIGIN_ICMP6;
	error->type = type;
	error->code = code;
	switch (type) {
	case ICMPV6_DEST_UNREACH:
		if (code >= ARRAY_SIZE(kinet_unreach6))
			return false;
		kinet_icmp_means(error, kinet_unreach6[code].err,
				 kinet_unreach6[code].fatal);
		return true;
	case ICMPV6_PKT_TOOBIG:
		kinet_icmp_means(error, EMSGSIZE, false);
		error->too_big = true;
		error->info = info;
		return true;
	case ICMPV6_TIME_EXCEED:
		kinet_icmp_means(error, EHOSTUNREACH, false);
		return true;
	case ICMPV6_PARAMPROB:
		kinet_icmp_means(error, EPROTO, true);
		error->info = info;
		return true;
	case NDISC_REDIRECT:
		error->redirect = !code;
		return !code;
	default:
		return false;
	}
}
EXPORT_SYMBOL_IF_KUNIT(kinet_icmp6_map);
