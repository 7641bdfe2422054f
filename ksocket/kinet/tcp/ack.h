/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When to acknowledge
 */
#ifndef _KINET_TCP_ACK_H
#define _KINET_TCP_ACK_H

#include <kunit/visibility.h>
#include <linux/types.h>

/*
 * Microseconds; RFC 9293, MUST-40: less than 0.5 seconds. Many a TCP waits but
 * 200 ms longer than a round trip before it retransmits.
 */
#define KINET_DELACK_MIN	40000
#define KINET_DELACK_MAX	160000
#define KINET_QUICK_ACKS	16
#define KINET_FULL_LEAST	88	/* bytes; shorter ones are no full segments */

enum kinet_acking {
	KINET_ACK_NOTHING,	/* there is nothing to acknowledge */
	KINET_ACK_AT_ONCE,
	KINET_ACK_DELAYED,	/* at &kinet_ack.due, unless data go before */
};

/**
 * struct kinet_ack - what was received and not yet acknowledged
 * @due: when the delayed acknowledgment is, microseconds; 0: there is none
 * @last: when data were received last, 0: never
 * @gap: smoothed time between segments, microseconds
 * @full: bytes of data in the peer's full segments, as far as is known
 * @size: likewise, in the last segment
 * @bytes: received since the last acknowledgment
 * @quick: how many segments are still acknowledged at once
 * @dialogue: what we receive is answered by data, which take the
 *	      acknowledgment along
 */
struct kinet_ack {
	u64	due;
	u64	last;
	u32	gap;
	u32	full;
	u32	size;
	u32	bytes;
	u8	quick;
	bool	dialogue;
};

/**
 * struct kinet_arrival - a segment that has arrived
 * @len: bytes of data in it that are new
 * @size: bytes of data that it had on its way; of many in one, each
 * @out_of_order: it is behind a gap, or it is old
 * @gap_filled: it fills a gap, all or a part
 * @push: PSH
 * @fin: FIN
 */
struct kinet_arrival {
	u32	len;
	u32	size;
	bool	out_of_order;
	bool	gap_filled;
	bool	push;
	bool	fin;
};

void kinet_ack_init(struct kinet_ack *ack);
void kinet_ack_quickly(struct kinet_ack *ack, u8 segments);
enum kinet_acking kinet_ack_arrived(struct kinet_ack *ack, u64 now,
				    const struct kinet_arrival *arrival);
bool kinet_ack_expired(struct kinet_ack *ack, u64 now);
void kinet_ack_sent(struct kinet_ack *ack, u64 now, bool data);

#endif /* _KINET_TCP_ACK_H */
