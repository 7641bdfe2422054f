// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window that the peer offers, and what to send into it
 *
 * RFC 9293, sections 3.7.4 (Nagle: SHLD-7, MUST-17), 3.8.6.2.1 (silly windows:
 * MUST-38) and 3.10.7.4, fifth step; RFC 5961, section 5.
 */
#include <linux/minmax.h>

#include "window.h"

/**
 * kinet_ack_kind() - what an acknowledgment number is
 * @window: what is on its way
 * @ack: SEG.ACK
 *
 * RFC 5961, section 5.2: acceptable are
 * (SND.UNA - MAX.SND.WND) =< SEG.ACK =< SND.NXT.
 *
 * Return: which kind.
 */
enum kinet_ack_kind kinet_ack_kind(const struct kinet_snd_window *window,
				   u32 ack)
{
	if (ack == window->una)
		return KINET_ACK_SAME;
	if (kinet_between(window->una, ack, window->nxt))
		return KINET_ACK_NEW;
	if (kinet_between(window->una - window->max, ack, window->una))
		return KINET_ACK_OLD;
	return KINET_ACK_BAD;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_ack_kind);

/**
 * kinet_snd_update() - take the window of a segment
 * @window: what is known
 * @seq: SEG.SEQ
 * @ack: SEG.ACK, acceptable and not old
 * @field: the header's field
 * @syn: it is a SYN, whose window isn't scaled, and is taken in any case
 *
 * RFC 9293: SND.WL1 and SND.WL2 keep older segments from changing it.
 *
 * Return: whether the window is another.
 */
bool kinet_snd_update(struct kinet_snd_window *window, u32 seq, u32 ack,
		      u16 field, bool syn)
{
	u32 wnd = syn ? field : (u32)field << window->scale;
	bool changed;

	if (!syn && !kinet_before(window->wl1, seq) &&
	    !(window->wl1 == seq && !kinet_after(window->wl2, ack)))
		return false;
	changed = wnd != window->wnd;
	window->wnd = wnd;
	window->max = max(window->max, wnd);
	window->wl1 = seq;
	window->wl2 = ack;
	return changed;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_snd_update);

/**
 * kinet_snd_usable() - the usable window
 * @window: what is known
 *
 * MUST-34: it can be negative, when the peer has shrunk it.
 *
 * Return: U = SND.UNA + SND.WND - SND.NXT, or 0.
 */
u32 kinet_snd_usable(const struct kinet_snd_window *window)
{
	u32 flight = window->nxt - window->una;

	return window->wnd > flight ? window->wnd - flight : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_snd_usable);

/*
 * May a segment go that isn't full? @rest: bytes of data it would have; @all:
 * nothing is left behind it.
 *
 * Nagle is Minshall's: only a segment that isn't full waits for the one like it
 * before it, so that the end of a long write needn't wait for its begin.
 */
static bool kinet_snd_partial(const struct kinet_snd_window *window,
			      const struct kinet_sending *sending, u32 rest,
			      bool all)
{
	bool nagle = sending->small_out && !sending->nodelay;

	/* (4) */
	if (sending->overdue)
		return true;
	/* (2): the end of what was written is pushed; a FIN goes with it */
	if (all)
		return sending->fin || (!sending->corked && !nagle);
	/* (3): Fs = 1/2 of the largest window, for a peer with a small buffer */
	return !nagle && rest >= max_t(u32, 1, window->max / 2);
}

/**
 * kinet_snd_now() - how much to send
 * @window: what the peer offers
 * @sending: what there is
 *
 * The congestion window is not looked at here. It is the caller's, who sends
 * whole segments by it.
 *
 * Return: bytes that may be sent at once, of which all but the last segment are
 * full; 0: wait for an acknowledgment, for more data or for a time-out.
 */
u32 kinet_snd_now(const struct kinet_snd_window *window,
		  const struct kinet_sending *sending)
{
	u32 usable = kinet_snd_usable(window);
	u32 some = min(sending->queued, usable);
	/* (1): min(D,U) >= Eff.snd.MSS */
	u32 full = some - some % sending->mss;
	bool all = sending->queued <= usable;

	if (some == full)
		return full;
	return kinet_snd_partial(window, sending, some - full, all) ? some : full;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_snd_now);
