// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss recovery by the scoreboard: RFC 6675
 *
 * IsLost () is the same for all that is before one edge, so that nothing is
 * kept for each segment: three SACKed ranges, or more bytes than two segments,
 * are beyond it. HighRxt tells what was retransmitted.
 */
#include <linux/minmax.h>

#include "sack.h"

/**
 * kinet_board_lost_edge() - how far data are lost
 * @board: the scoreboard
 *
 * Return: the number before which IsLost () is true for all that wasn't SACKed.
 */
u32 kinet_board_lost_edge(const struct kinet_board *board)
{
	u32 lost = board->lost, bytes = 0, ranges = 0;
	unsigned int i = board->count;

	while (i--) {
		const struct kinet_range *range = &board->sacked[i];

		bytes += kinet_range_len(range);
		ranges++;
		if (ranges >= KINET_DUP_THRESH ||
		    bytes > (KINET_DUP_THRESH - 1) * board->mss)
			return kinet_later(lost, range->start);
	}
	return lost;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_lost_edge);

/**
 * kinet_board_is_lost() - IsLost ()
 * @board: the scoreboard
 * @seq: of a byte that is on its way, and wasn't SACKed
 *
 * Return: whether it is deemed lost.
 */
bool kinet_board_is_lost(const struct kinet_board *board, u32 seq)
{
	return kinet_before(seq, kinet_board_lost_edge(board));
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_is_lost);

/**
 * kinet_board_pipe() - SetPipe ()
 * @board: the scoreboard
 *
 * (a) what isn't SACKed nor lost, and (b) what was retransmitted.
 *
 * Return: bytes that are deemed to be on their way.
 */
u32 kinet_board_pipe(const struct kinet_board *board)
{
	u32 edge = kinet_later(board->una, kinet_board_lost_edge(board));

	return kinet_board_unsacked(board, edge, board->nxt) +
	       kinet_board_unsacked(board, board->una, board->high_rxt);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_pipe);

static bool kinet_board_hole_mss(const struct kinet_board *board, u32 start,
				 u32 end, struct kinet_range *range)
{
	if (!kinet_board_hole(board, start, end, range))
		return false;
	if (kinet_range_len(range) > board->mss)
		range->end = range->start + board->mss;
	return true;
}

/* Rule 4: the highest that isn't SACKed, one segment at most */
static bool kinet_board_last(const struct kinet_board *board,
			     struct kinet_range *range)
{
	u32 end = board->nxt;
	u32 start = board->una;
	unsigned int i = board->count;

	if (i && board->sacked[i - 1].end == end)
		end = board->sacked[--i].start;
	if (i)
		start = kinet_later(start, board->sacked[i - 1].end);
	if (!kinet_before(start, end))
		return false;
	range->end = end;
	range->start = end - min(end - start, board->mss);
	return true;
}

/**
 * kinet_board_next() - NextSeg ()
 * @board: the scoreboard, in recovery or after a time-out
 * @new_data: there are data to be sent, and the receiver's window takes them
 * @range: what to retransmit, at most a segment
 *
 * Return: by which rule; @range is valid for those that retransmit.
 */
enum kinet_next kinet_board_next(const struct kinet_board *board, bool new_data,
				 struct kinet_range *range)
{
	u32 from = kinet_later(board->una, board->high_rxt);
	u32 high = board->count ? board->sacked[board->count - 1].end :
				  board->una;

	if (kinet_board_hole_mss(board, from, kinet_board_lost_edge(board), range))
		return KINET_NEXT_LOST;
	if (new_data)
		return KINET_NEXT_NEW;
	if (!board->recovering)
		return KINET_NEXT_NOTHING;
	if (kinet_board_hole_mss(board, from, high, range))
		return KINET_NEXT_MAYBE;
	/* Once in a recovery, and not before the first segment has arrived */
	if (kinet_after(board->una, board->rescue) &&
	    kinet_board_last(board, range))
		return KINET_NEXT_RESCUE;
	return KINET_NEXT_NOTHING;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_next);

/**
 * kinet_board_resent() - a range was retransmitted
 * @board: the scoreboard
 * @next: by which rule
 * @end: behind it
 *
 * Rule 4 leaves HighRxt where it is.
 */
void kinet_board_resent(struct kinet_board *board, enum kinet_next next, u32 end)
{
	if (next == KINET_NEXT_RESCUE)
		board->rescue = board->recover;
	else
		board->high_rxt = kinet_later(board->high_rxt, end);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_resent);

/**
 * kinet_board_enters() - is it time for loss recovery?
 * @board: the scoreboard
 * @dupacks: duplicate acknowledgments in a row
 *
 * Section 5, (1) and (2). After a time-out not before all that was on its way
 * then was acknowledged (section 5.1).
 *
 * Return: whether it is.
 */
bool kinet_board_enters(const struct kinet_board *board, u32 dupacks)
{
	if (board->recovering || board->timed_out || board->una == board->nxt)
		return false;
	return dupacks >= KINET_DUP_THRESH ||
	       kinet_board_is_lost(board, board->una);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_enters);

/**
 * kinet_board_recover() - loss recovery begins
 * @board: the scoreboard, with data on their way
 * @first: what to retransmit in any case, the first segment
 *
 * (4.1) and (4.3), which takes that segment for retransmitted and rescued.
 */
void kinet_board_recover(struct kinet_board *board, struct kinet_range *first)
{
	if (!kinet_board_hole_mss(board, board->una, board->nxt, first))
		*first = (struct kinet_range){ board->una, board->una };
	board->recovering = true;
	board->recover = board->nxt;
	board->high_rxt = first->end;
	board->rescue = first->end;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_recover);

/**
 * kinet_board_expired() - a retransmission time-out
 * @board: the scoreboard
 *
 * All that is on its way and wasn't SACKed is lost. What was SACKed is trusted
 * (section 5.1), unless the receiver has reneged (RFC 2018, section 8).
 */
void kinet_board_expired(struct kinet_board *board)
{
	if (board->reneged) {
		board->count = 0;
		board->bytes = 0;
		board->reneged = false;
	}
	board->recovering = false;
	board->timed_out = true;
	board->recover = board->nxt;
	board->high_rxt = board->una;
	board->lost = board->nxt;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_expired);
