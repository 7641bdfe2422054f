/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that outsiders can't guess
 */
#ifndef _KINET_TCP_ISN_H
#define _KINET_TCP_ISN_H

#include <kunit/visibility.h>
#include <linux/in6.h>
#include <linux/siphash.h>
#include <linux/types.h>

/**
 * struct kinet_ends - both ends of a connection
 * @laddr: local address, IPv4 as ::ffff:a.b.c.d
 * @raddr: the peer's, likewise
 * @lport: local port
 * @rport: the peer's
 */
struct kinet_ends {
	struct in6_addr	laddr;
	struct in6_addr	raddr;
	__be16		lport;
	__be16		rport;
};

u32 kinet_isn(const struct kinet_ends *ends, u64 now, const siphash_key_t *key);
u32 kinet_stamp_offset(const struct kinet_ends *ends, const siphash_key_t *key);

#endif /* _KINET_TCP_ISN_H */
