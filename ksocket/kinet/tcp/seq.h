/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sequence numbers, and which part of a segment is in the window
 *
 * RFC 9293, section 3.4: all arithmetic is modulo 2^32, and two numbers are
 * compared by the way from one to the other, which is never 2^31 or longer.
 */
#ifndef _KINET_TCP_SEQ_H
#define _KINET_TCP_SEQ_H

#include <kunit/visibility.h>
#include <linux/types.h>

/* RFC 9293, section 3.1: control bits, as they stand in the header */
#define KINET_FIN	0x01
#define KINET_SYN	0x02
#define KINET_RST	0x04
#define KINET_PSH	0x08
#define KINET_ACK	0x10
#define KINET_URG	0x20

static inline bool kinet_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool kinet_after(u32 a, u32 b)
{
	return kinet_before(b, a);
}

/* low =< seq =< high */
static inline bool kinet_between(u32 low, u32 seq, u32 high)
{
	return seq - low <= high - low;
}

/* low =< seq < low + len */
static inline bool kinet_within(u32 low, u32 seq, u32 len)
{
	return seq - low < len;
}

static inline u32 kinet_later(u32 a, u32 b)
{
	return kinet_before(a, b) ? b : a;
}

static inline u32 kinet_earlier(u32 a, u32 b)
{
	return kinet_before(a, b) ? a : b;
}

/**
 * struct kinet_range - a piece of sequence space
 * @start: its first number
 * @end: behind its last one
 */
struct kinet_range {
	u32	start;
	u32	end;
};

static inline u32 kinet_range_len(const struct kinet_range *range)
{
	return range->end - range->start;
}

/**
 * struct kinet_trim - what is left of a segment inside the window
 * @seq: of what is left
 * @front: bytes of data to cut before it
 * @len: bytes of data that are left
 * @flags: control bits that are left
 */
struct kinet_trim {
	u32	seq;
	u32	front;
	u32	len;
	u8	flags;
};

/* SEG.LEN: SYN and FIN have a number each */
static inline u32 kinet_seg_len(u32 data, u8 flags)
{
	return data + !!(flags & KINET_SYN) + !!(flags & KINET_FIN);
}

bool kinet_seg_fits(u32 seq, u32 len, u32 rcv_nxt, u32 rcv_wnd);
bool kinet_seg_control_fits(u32 seq, u32 len, u32 rcv_nxt, u32 rcv_wnd);
void kinet_seg_trim(u32 seq, u32 data, u8 flags, u32 rcv_nxt, u32 rcv_wnd,
		    struct kinet_trim *trim);

#endif /* _KINET_TCP_SEQ_H */
