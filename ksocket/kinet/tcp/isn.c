// SPDX-License-Identifier: GPL-2.0-only
/*
 * Initial sequence numbers: RFC 6528, MUST-8 and SHLD-1 of RFC 9293
 *
 * ISN = M + F(localip, localport, remoteip, remoteport, secretkey)
 */
#include <linux/build_bug.h>
#include <linux/math64.h>

#include "isn.h"

static u64 kinet_ends_hash(const struct kinet_ends *ends,
			   const siphash_key_t *key)
{
	/* No padding, which would be hashed, too. */
	BUILD_BUG_ON(sizeof(*ends) != 36);
	return siphash(ends, sizeof(*ends), key);
}

/**
 * kinet_isn() - an initial sequence number
 * @ends: of the connection
 * @now: microseconds, of a clock that goes on from one connection to the next
 * @key: secret, and the same as long as the machine runs
 *
 * M counts every 4 microseconds, so that the numbers of a connection are
 * beyond those of the one before it with the same ends.
 *
 * Return: the number.
 */
u32 kinet_isn(const struct kinet_ends *ends, u64 now, const siphash_key_t *key)
{
	return (u32)(now >> 2) + (u32)kinet_ends_hash(ends, key);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_isn);

/**
 * kinet_stamp_offset() - where a connection's clock of time stamps begins
 * @ends: of the connection
 * @key: secret
 *
 * RFC 7323, section 7.1: otherwise the clock would tell how long the machine
 * has run. It is the same for the same ends, so that the clock goes on from one
 * connection to the next (RFC 6191). It has nothing of the ISN.
 *
 * Return: what is to be added to the clock.
 */
u32 kinet_stamp_offset(const struct kinet_ends *ends, const siphash_key_t *key)
{
	return kinet_ends_hash(ends, key) >> 32;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_stamp_offset);
