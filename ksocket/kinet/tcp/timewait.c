// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME-WAIT: RFC 9293, sections 3.6.1 and 3.10.7.4; RFC 1337; RFC 6191
 */
#include "deadline.h"

/* RFC 6191, section 2: is this SYN beyond all that the old connection had? */
static bool kinet_timewait_newer(const struct kinet_timewait *tw,
				 const struct kinet_timewait_seg *seg)
{
	bool beyond = kinet_after(seg->seq, tw->rcv_nxt);

	if (!seg->stamped)
		return beyond;
	if (!tw->stamped)
		return true;
	return kinet_after(seg->tsval, tw->recent) ||
	       (seg->tsval == tw->recent && beyond);
}

static bool kinet_timewait_fits(const struct kinet_timewait *tw,
				const struct kinet_timewait_seg *seg)
{
	if (tw->stamped && seg->stamped && kinet_before(seg->tsval, tw->recent))
		return false;
	return kinet_seg_control_fits(seg->seq, seg->len, tw->rcv_nxt,
				      tw->rcv_wnd);
}

/**
 * kinet_timewait() - a segment for a connection in TIME-WAIT
 * @tw: what is left of it
 * @seg: the segment
 *
 * Return: what to do. On KINET_TIMEWAIT_REUSE the initial sequence number has
 * to be beyond what the old connection has sent, as that of RFC 6528 is.
 */
enum kinet_timewait_does kinet_timewait(const struct kinet_timewait *tw,
					const struct kinet_timewait_seg *seg)
{
	if (seg->flags & KINET_RST) {
		/* RFC 1337, (F1); RFC 5961, section 3.2 */
		return tw->hazards || seg->seq != tw->rcv_nxt ?
		       KINET_TIMEWAIT_DROP : KINET_TIMEWAIT_END;
	}
	if (seg->flags & KINET_SYN) {
		if (seg->flags & KINET_ACK)
			return KINET_TIMEWAIT_ACK;
		return kinet_timewait_newer(tw, seg) ? KINET_TIMEWAIT_REUSE :
						       KINET_TIMEWAIT_ACK;
	}
	/* The peer hasn't got the acknowledgment of its FIN. */
	if (seg->flags & KINET_FIN && seg->seq + seg->len == tw->rcv_nxt)
		return KINET_TIMEWAIT_AGAIN;
	if (!kinet_timewait_fits(tw, seg))
		return KINET_TIMEWAIT_ACK;
	/* RFC 9293: nothing but a FIN comes from the other end any more. */
	return seg->len ? KINET_TIMEWAIT_ACK : KINET_TIMEWAIT_DROP;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_timewait);
