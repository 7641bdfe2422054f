// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window that we offer
 *
 * RFC 9293, section 3.8.6.2.2 (MUST-39: no silly windows; SHLD-14: it doesn't
 * shrink), and RFC 7323, section 2.
 *
 * The field counts in units of 2^scale. Where the window isn't a multiple of
 * it, it is rounded up as long as there is room, so that the edge on the wire
 * stays where it was. When there is no room it goes back by less than a unit,
 * as RFC 7323, section 2.4, allows; what was promised is still accepted.
 */
#include <linux/align.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "options.h"
#include "window.h"

/**
 * kinet_window_scale() - the scale to ask for
 * @buffer: the largest that the receive buffer may become
 *
 * Return: the smallest with which a window can be as large, at most
 * KINET_SCALE_MAX.
 */
u8 kinet_window_scale(u32 buffer)
{
	u8 scale = 0;

	while (scale < KINET_SCALE_MAX && (U16_MAX << scale) < buffer)
		scale++;
	return scale;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_window_scale);

/**
 * kinet_window_syn() - offer a window in a SYN
 * @window: RCV.NXT is set; its edge is stored
 * @free: bytes that can be received
 *
 * RFC 7323, section 2.2: it is never scaled.
 *
 * Return: the header's field.
 */
u16 kinet_window_syn(struct kinet_rcv_window *window, u32 free)
{
	u16 field = min_t(u32, free, U16_MAX);

	window->edge = window->nxt + field;
	return field;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_window_syn);

/*
 * The largest window that can be offered into this room. A unit may be more than all
 * of a buffer: then it is offered when nothing waits to be read, or never.
 */
static u32 kinet_window_most(const struct kinet_rcv_window *window,
			     const struct kinet_rcv_space *space)
{
	u32 most = min_t(u32, space->free, (u32)U16_MAX << window->scale);
	u32 unit = 1U << window->scale;

	if (most < unit && most && space->free == space->buffer)
		return unit;
	return ALIGN_DOWN(most, unit);
}

/* 3.8.6.2.2: min( Fr * RCV.BUFF, Eff.snd.MSS ), Fr = 1/2 */
static u32 kinet_window_step(const struct kinet_rcv_space *space)
{
	return max_t(u32, 1, min(space->buffer / 2, space->mss));
}

/* What it is after an offer */
static u32 kinet_window_next(const struct kinet_rcv_window *window,
			     const struct kinet_rcv_space *space)
{
	u32 most = kinet_window_most(window, space);
	u32 now = kinet_rcv_wnd(window);
	u32 up = ALIGN(now, 1U << window->scale);

	if (most > now && most - now >= kinet_window_step(space))
		return most;
	return up <= max(space->free, most) ? up : now;
}

/**
 * kinet_window_offer() - offer a window
 * @window: its edge goes on, when that is worth it, and never back
 * @space: room behind it
 *
 * Return: the header's field.
 */
u16 kinet_window_offer(struct kinet_rcv_window *window,
		       const struct kinet_rcv_space *space)
{
	u32 next = kinet_window_next(window, space);

	window->edge = window->nxt + next;
	return min_t(u32, next >> window->scale, U16_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_window_offer);

/**
 * kinet_window_update_due() - is the peer to be told of the window?
 * @window: what it knows, but for a part of a unit
 * @space: room, after the user has read
 *
 * Two segments' worth, so that not each read has its acknowledgment, or
 * anything at all for a peer that can't send a full one.
 *
 * Return: whether an acknowledgment should be sent for it.
 */
bool kinet_window_update_due(const struct kinet_rcv_window *window,
			     const struct kinet_rcv_space *space)
{
	u32 unit = 1U << window->scale;
	u32 known = ALIGN_DOWN(kinet_rcv_wnd(window), unit);
	u32 next = ALIGN_DOWN(kinet_window_next(window, space), unit);
	u32 step = kinet_window_step(space);

	if (known < step)
		return next - known >= step;
	return next - known >= max(step, min(space->buffer / 2, 2 * space->mss));
}
EXPORT_SYMBOL_IF_KUNIT(kinet_window_update_due);
