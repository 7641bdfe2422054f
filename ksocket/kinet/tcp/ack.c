// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delayed acknowledgments: RFC 9293, section 3.8.6.3 (SHLD-18, SHLD-19,
 * MUST-40) and RFC 5681, section 4.2
 *
 * At the start of a connection each segment is acknowledged at once, for the
 * peer's slow start lives on acknowledgments; later every second full one.
 * What is left waits: for our own data, in a dialogue; else for the next
 * segment, a little longer than segments have been apart lately.
 */
#include <linux/minmax.h>

#include "ack.h"
#include "options.h"

/**
 * kinet_ack_init() - before the first segment
 * @ack: to be initialised
 */
void kinet_ack_init(struct kinet_ack *ack)
{
	*ack = (struct kinet_ack){
		.full	= KINET_MSS_DEFAULT,
		.quick	= KINET_QUICK_ACKS,
	};
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_init);

/**
 * kinet_ack_quickly() - acknowledge at once for a while
 * @ack: of this connection
 * @segments: how many
 *
 * After an idle time, when the peer starts slowly again, and for TCP_QUICKACK.
 */
void kinet_ack_quickly(struct kinet_ack *ack, u8 segments)
{
	ack->quick = max(ack->quick, segments);
	ack->dialogue = false;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_quickly);

/*
 * The peer's way to us may take less than ours to it, or than we have offered. Two
 * alike that don't end what was written are full ones of a path that has become
 * narrower.
 */
static void kinet_ack_size(struct kinet_ack *ack,
			   const struct kinet_arrival *arrival)
{
	bool again = arrival->size == ack->size && !arrival->push;

	if (arrival->size > ack->full ||
	    (again && arrival->size >= KINET_FULL_LEAST))
		ack->full = arrival->size;
	ack->size = arrival->size;
}

static void kinet_ack_measure(struct kinet_ack *ack, u64 now)
{
	u32 gap = min_t(u64, now - ack->last, 2 * KINET_DELACK_MAX);

	if (!ack->last)
		ack->gap = 0;
	else
		ack->gap = ack->gap - ack->gap / 4 + gap / 4;
	ack->last = now;
}

/*
 * Twice the usual gap gives the next segment time to come. When segments are
 * farther apart than any delay, waiting is for nothing, as it is when PSH ends
 * what the peer had to say and nobody here answers.
 */
static u32 kinet_ack_delay(const struct kinet_ack *ack, bool push)
{
	if (ack->dialogue)
		return KINET_DELACK_MAX;
	if (push || ack->gap > KINET_DELACK_MAX)
		return KINET_DELACK_MIN;
	return clamp_t(u32, 2 * ack->gap, KINET_DELACK_MIN, KINET_DELACK_MAX);
}

static bool kinet_ack_urgent(const struct kinet_ack *ack,
			     const struct kinet_arrival *arrival)
{
	/* RFC 5681: out of order, and gaps that are filled, all or a part */
	if (arrival->out_of_order || arrival->gap_filled || arrival->fin)
		return true;
	/* SHLD-19: every second full-sized segment, or 2*RMSS bytes */
	if (ack->bytes >= 2 * ack->full)
		return true;
	return ack->quick && !ack->dialogue;
}

/**
 * kinet_ack_arrived() - is a segment to be acknowledged now?
 * @ack: of this connection
 * @now: microseconds
 * @arrival: the segment
 *
 * Return: when; the caller sends at once, or sets its timer to @ack->due.
 */
enum kinet_acking kinet_ack_arrived(struct kinet_ack *ack, u64 now,
				    const struct kinet_arrival *arrival)
{
	u64 due;

	if (!arrival->len && !arrival->fin && !arrival->out_of_order)
		return ack->due ? KINET_ACK_DELAYED : KINET_ACK_NOTHING;
	kinet_ack_size(ack, arrival);
	kinet_ack_measure(ack, now);
	ack->bytes += arrival->len;
	if (kinet_ack_urgent(ack, arrival)) {
		if (ack->quick)
			ack->quick--;
		return KINET_ACK_AT_ONCE;
	}
	/* Nothing waits longer for what came after it. */
	due = now + kinet_ack_delay(ack, arrival->push);
	ack->due = ack->due ? min(ack->due, due) : due;
	return KINET_ACK_DELAYED;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_arrived);

/**
 * kinet_ack_expired() - the timer went off
 * @ack: of this connection
 * @now: microseconds
 *
 * Nobody has answered: this is no dialogue.
 *
 * Return: whether an acknowledgment has to be sent.
 */
bool kinet_ack_expired(struct kinet_ack *ack, u64 now)
{
	if (!ack->due || now < ack->due)
		return false;
	ack->dialogue = false;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_expired);

/**
 * kinet_ack_sent() - an acknowledgment went
 * @ack: of this connection
 * @now: microseconds
 * @data: together with data
 */
void kinet_ack_sent(struct kinet_ack *ack, u64 now, bool data)
{
	if (data && ack->bytes && now - ack->last <= KINET_DELACK_MIN)
		ack->dialogue = true;
	ack->bytes = 0;
	ack->due = 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_sent);
