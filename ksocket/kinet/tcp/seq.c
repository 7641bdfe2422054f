// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments and the receive window
 *
 * RFC 9293, sections 3.4 and 3.10.7.4, first step.
 */
#include "seq.h"

/**
 * kinet_seg_fits() - is a segment acceptable?
 * @seq: SEG.SEQ
 * @len: SEG.LEN
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND
 *
 * The four cases of RFC 9293, section 3.4.
 *
 * Return: whether it is.
 */
bool kinet_seg_fits(u32 seq, u32 len, u32 rcv_nxt, u32 rcv_wnd)
{
	if (!len)
		return rcv_wnd ? kinet_within(rcv_nxt, seq, rcv_wnd) :
				 seq == rcv_nxt;
	return kinet_within(rcv_nxt, seq, rcv_wnd) ||
	       kinet_within(rcv_nxt, seq + len - 1, rcv_wnd);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_seg_fits);

/**
 * kinet_seg_control_fits() - are ACK, URG and RST of a segment to be processed?
 * @seq: SEG.SEQ
 * @len: SEG.LEN
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND
 *
 * RFC 9293, MUST-66: so they are when the window is shut, as long as the
 * segment is the next one. Its data are not.
 *
 * Return: whether they are.
 */
bool kinet_seg_control_fits(u32 seq, u32 len, u32 rcv_nxt, u32 rcv_wnd)
{
	if (!rcv_wnd && seq == rcv_nxt)
		return true;
	return kinet_seg_fits(seq, len, rcv_nxt, rcv_wnd);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_seg_control_fits);

/**
 * kinet_seg_trim() - keep what is in the window
 * @seq: SEG.SEQ
 * @data: bytes of data
 * @flags: control bits
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND
 * @trim: what is left
 *
 * RFC 9293, section 3.10.7.4: a segment that was tailored so begins at RCV.NXT
 * or later. A FIN that doesn't fit comes again, when what is before it fits.
 */
void kinet_seg_trim(u32 seq, u32 data, u8 flags, u32 rcv_nxt, u32 rcv_wnd,
		    struct kinet_trim *trim)
{
	u32 edge = rcv_nxt + rcv_wnd;
	u32 end;

	trim->front = 0;
	if ((flags & KINET_SYN) && kinet_before(seq, rcv_nxt)) {
		flags &= ~KINET_SYN;
		seq++;
	}
	if (kinet_before(seq, rcv_nxt)) {
		trim->front = rcv_nxt - seq;
		if (trim->front > data) {
			/* All of it is old, and so is a FIN. */
			trim->front = data;
			flags &= ~KINET_FIN;
		}
		seq += trim->front;
	}
	data -= trim->front;
	end = seq + kinet_seg_len(data, flags);
	if ((flags & KINET_FIN) && kinet_after(end, edge)) {
		flags &= ~KINET_FIN;
		end--;
	}
	if (kinet_after(end, edge)) {
		u32 excess = end - edge;

		if (excess > data) {
			excess = data;
			flags &= ~KINET_SYN;
		}
		data -= excess;
	}
	trim->seq = seq;
	trim->len = data;
	trim->flags = flags;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_seg_trim);
