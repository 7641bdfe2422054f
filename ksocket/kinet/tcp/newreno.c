// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss recovery without SACK: NewReno, RFC 6582; limited transmit, RFC 3042
 *
 * What happens to the congestion window is in reno.c.
 */
#include "sack.h"

/**
 * kinet_newreno_init() - nothing was sent
 * @newreno: to be initialised
 * @iss: initial send sequence number
 */
void kinet_newreno_init(struct kinet_newreno *newreno, u32 iss)
{
	*newreno = (struct kinet_newreno){ .recover = iss };
}
EXPORT_SYMBOL_IF_KUNIT(kinet_newreno_init);

/**
 * kinet_newreno_dupack() - a duplicate acknowledgment
 * @newreno: of this connection
 * @una: SND.UNA
 * @nxt: SND.NXT
 *
 * 3.2, (2): the third begins fast retransmit, unless what it asks for was on
 * its way when the last recovery began.
 *
 * Return: what to do.
 */
enum kinet_newreno_does kinet_newreno_dupack(struct kinet_newreno *newreno,
					     u32 una, u32 nxt)
{
	newreno->dupacks++;
	if (newreno->recovering)
		return KINET_NEWRENO_INFLATE;
	if (newreno->dupacks < KINET_DUP_THRESH)
		return KINET_NEWRENO_LIMITED;
	if (newreno->dupacks > KINET_DUP_THRESH)
		return KINET_NEWRENO_NOTHING;
	/* "The Cumulative Acknowledgment field covers more than recover" */
	if (!kinet_after(una, newreno->recover))
		return KINET_NEWRENO_NOTHING;
	newreno->recovering = true;
	newreno->partial = false;
	newreno->recover = nxt;
	return KINET_NEWRENO_ENTER;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_newreno_dupack);

/**
 * kinet_newreno_ack() - new data were acknowledged
 * @newreno: of this connection
 * @ack: SEG.ACK
 *
 * 3.2, (3).
 *
 * Return: what to do. After the first partial acknowledgment (@partial was
 * false before) the retransmission timer starts anew, and not after others.
 */
enum kinet_newreno_does kinet_newreno_ack(struct kinet_newreno *newreno, u32 ack)
{
	bool full = !kinet_before(ack, newreno->recover);

	newreno->dupacks = 0;
	/* Never 2^31 behind what it is compared with, but behind */
	if (kinet_after(ack, newreno->recover))
		newreno->recover = ack - 1;
	if (!newreno->recovering)
		return KINET_NEWRENO_NOTHING;
	if (!full) {
		newreno->partial = true;
		return KINET_NEWRENO_PARTIAL;
	}
	newreno->recovering = false;
	return KINET_NEWRENO_EXIT;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_newreno_ack);

/**
 * kinet_newreno_expired() - a retransmission time-out
 * @newreno: of this connection
 * @nxt: SND.NXT
 *
 * 3.2, (4).
 */
void kinet_newreno_expired(struct kinet_newreno *newreno, u32 nxt)
{
	newreno->recover = nxt;
	newreno->recovering = false;
	newreno->dupacks = 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_newreno_expired);
