/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of a segment, read and written
 */
#ifndef _KINET_TCP_OPTIONS_H
#define _KINET_TCP_OPTIONS_H

#include "seq.h"

#define KINET_OPTIONS_MAX	40	/* RFC 9293, section 3.1 */
#define KINET_OPTIONS_TS	12	/* time stamps and their padding */
#define KINET_MSS_DEFAULT	536	/* RFC 9293, MUST-15 */
#define KINET_MSS_DEFAULT6	1220
#define KINET_SCALE_MAX		14	/* RFC 7323, section 2.3 */
#define KINET_SACK_BLOCKS	4	/* RFC 2018, section 3 */

/* Which options there are */
enum kinet_option_bits {
	KINET_HAS_MSS		= 1 << 0,
	KINET_HAS_SCALE		= 1 << 1,
	KINET_HAS_SACK_OK	= 1 << 2,
	KINET_HAS_TS		= 1 << 3,
	KINET_HAS_UTO		= 1 << 4,
	KINET_SYN_ONLY		= KINET_HAS_MSS | KINET_HAS_SCALE |
				  KINET_HAS_SACK_OK,
};

/**
 * struct kinet_options - the options of one segment
 * @has: enum kinet_option_bits; the other members count when their bit is set
 * @sacks: how many blocks @sack has; 0: no such option
 * @scale: window scale, at most KINET_SCALE_MAX
 * @scale_clamped: read: the peer's was larger
 * @malformed: read: a length couldn't be, what is behind it wasn't read
 * @mss: maximum segment size, as the peer says
 * @tsval: time stamp
 * @tsecr: time stamp that is echoed
 * @uto: user time-out, seconds (RFC 5482)
 * @sack: blocks, the most recent first
 */
struct kinet_options {
	u8			has;
	u8			sacks;
	u8			scale;
	bool			scale_clamped;
	bool			malformed;
	u16			mss;
	u32			tsval;
	u32			tsecr;
	u32			uto;
	struct kinet_range	sack[KINET_SACK_BLOCKS];
};

void kinet_options_parse(const u8 *from, unsigned int len, bool syn,
			 struct kinet_options *options);
unsigned int kinet_options_sacks(const struct kinet_options *options);
unsigned int kinet_options_len(const struct kinet_options *options);
unsigned int kinet_options_build(u8 *to, const struct kinet_options *options);

#endif /* _KINET_TCP_OPTIONS_H */
