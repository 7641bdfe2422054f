// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scoreboard: RFC 2018 and 6675, section 3
 *
 * Of what is between SND.UNA and SND.NXT it keeps the ranges that were SACKed.
 * When there is no room for another one, the lowest counts as never told: its data
 * may be sent once too often. The highest tell how far data are lost.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "sack.h"

/**
 * kinet_board_init() - nothing was sent
 * @board: to be initialised
 * @sacked: memory of @most ranges
 * @most: how many
 * @una: SND.UNA and SND.NXT
 * @mss: SMSS
 */
void kinet_board_init(struct kinet_board *board, struct kinet_range *sacked,
		      u16 most, u32 una, u32 mss)
{
	*board = (struct kinet_board){
		.sacked = sacked,
		.most = most,
		.una = una,
		.nxt = una,
		.mss = mss,
		.high_rxt = una,
		.recover = una,
		.lost = una,
	};
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_init);

/**
 * kinet_board_sent() - new data were sent
 * @board: the scoreboard
 * @nxt: SND.NXT
 */
void kinet_board_sent(struct kinet_board *board, u32 nxt)
{
	board->nxt = nxt;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_sent);

static void kinet_board_remove(struct kinet_board *board, unsigned int at,
			       unsigned int count)
{
	board->count -= count;
	memmove(&board->sacked[at], &board->sacked[at + count],
		(board->count - at) * sizeof(*board->sacked));
}

/* What is before SND.UNA is forgotten. */
static void kinet_board_forget(struct kinet_board *board)
{
	struct kinet_range *first = board->sacked;
	unsigned int gone = 0;

	while (gone < board->count &&
	       !kinet_after(first[gone].end, board->una))
		board->bytes -= kinet_range_len(&first[gone++]);
	if (gone)
		kinet_board_remove(board, 0, gone);
	if (!board->count || kinet_after(first->start, board->una))
		return;
	/* Who has what follows would acknowledge it, too (RFC 2018, section 8). */
	board->reneged = true;
	board->bytes -= board->una - first->start;
	first->start = board->una;
}

/**
 * kinet_board_ack() - SND.UNA goes on
 * @board: the scoreboard
 * @ack: SEG.ACK, after SND.UNA, not after SND.NXT
 *
 * RFC 6675, section 5: an acknowledgment of all that was on its way when a
 * loss was found ends the recovery.
 *
 * Return: what it does to the recovery.
 */
enum kinet_progress kinet_board_ack(struct kinet_board *board, u32 ack)
{
	board->una = ack;
	board->reneged = false;
	kinet_board_forget(board);
	board->high_rxt = kinet_later(board->high_rxt, ack);
	board->lost = kinet_later(board->lost, ack);
	if (!kinet_before(ack, board->recover)) {
		/* Never 2^31 behind what it is compared with */
		board->recover = ack;
		board->timed_out = false;
	}
	if (!board->recovering)
		return KINET_PROGRESS_NONE;
	if (kinet_before(ack, board->recover))
		return KINET_PROGRESS_PARTIAL;
	board->recovering = false;
	return KINET_PROGRESS_DONE;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_ack);

/* The first range whose end isn't before @seq */
static unsigned int kinet_board_find(const struct kinet_board *board, u32 seq)
{
	unsigned int low = 0, high = board->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (kinet_before(board->sacked[middle].end, seq))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static u32 kinet_board_add(struct kinet_board *board, struct kinet_range block)
{
	unsigned int at = kinet_board_find(board, block.start);
	struct kinet_range *range = &board->sacked[at];
	unsigned int behind = at;
	u32 had = 0;

	while (behind < board->count &&
	       !kinet_after(board->sacked[behind].start, block.end))
		had += kinet_range_len(&board->sacked[behind++]);
	if (behind == at) {
		if (board->count >= board->most) {
			if (!at)
				return 0;
			board->bytes -= kinet_range_len(board->sacked);
			kinet_board_remove(board, 0, 1);
			at--;
			range--;
		}
		memmove(range + 1, range,
			(board->count - at) * sizeof(*range));
		board->count++;
		*range = block;
	} else {
		range->start = kinet_earlier(block.start, range->start);
		range->end = kinet_later(block.end,
					 board->sacked[behind - 1].end);
		kinet_board_remove(board, at + 1, behind - at - 1);
	}
	had = kinet_range_len(range) - had;
	board->bytes += had;
	return had;
}

/*
 * A block is of what is on its way, and beyond the byte that the receiver
 * wants. Others are of D-SACK, old, or nonsense.
 */
static bool kinet_board_valid(const struct kinet_board *board,
			      const struct kinet_range *block)
{
	return kinet_before(block->start, block->end) &&
	       kinet_after(block->start, board->una) &&
	       kinet_between(board->una, block->end, board->nxt);
}

/**
 * kinet_board_sack() - take the blocks of an acknowledgment
 * @board: the scoreboard, which knows the acknowledgment's number already
 * @blocks: in the segment's order
 * @count: how many
 *
 * Update () of RFC 6675.
 *
 * Return: bytes that they tell for the first time; with any, a repeated
 * acknowledgment is a duplicate one (RFC 6675, section 2).
 */
u32 kinet_board_sack(struct kinet_board *board, const struct kinet_range *blocks,
		     unsigned int count)
{
	u32 news = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (kinet_board_valid(board, &blocks[i]))
			news += kinet_board_add(board, blocks[i]);
	return news;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_sack);

/**
 * kinet_dsack() - does an acknowledgment tell of data that came twice?
 * @ack: SEG.ACK
 * @blocks: of the segment
 * @count: how many
 *
 * RFC 2883, section 4: the first block is of what was acknowledged already, or
 * is a part of the second.
 *
 * Return: whether it does.
 */
bool kinet_dsack(u32 ack, const struct kinet_range *blocks, unsigned int count)
{
	if (!count || !kinet_before(blocks[0].start, blocks[0].end))
		return false;
	return kinet_before(blocks[0].start, ack) ||
	       (count > 1 &&
		!kinet_before(blocks[0].start, blocks[1].start) &&
		!kinet_after(blocks[0].end, blocks[1].end));
}
EXPORT_SYMBOL_IF_KUNIT(kinet_dsack);

/**
 * kinet_board_hole() - the first piece that wasn't SACKed
 * @board: the scoreboard
 * @start: from there
 * @end: up to there
 * @hole: the piece, up to what was SACKed behind it, or @end
 *
 * Return: whether there is one.
 */
bool kinet_board_hole(const struct kinet_board *board, u32 start, u32 end,
		      struct kinet_range *hole)
{
	unsigned int i;

	for (i = kinet_board_find(board, start); i < board->count; i++) {
		const struct kinet_range *range = &board->sacked[i];

		if (kinet_before(start, range->start))
			break;
		start = kinet_later(start, range->end);
	}
	if (!kinet_before(start, end))
		return false;
	hole->start = start;
	hole->end = i < board->count ?
		    kinet_earlier(end, board->sacked[i].start) : end;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_hole);

/**
 * kinet_board_unsacked() - bytes that weren't SACKed
 * @board: the scoreboard
 * @start: from there
 * @end: up to there
 *
 * Return: how many.
 */
u32 kinet_board_unsacked(const struct kinet_board *board, u32 start, u32 end)
{
	unsigned int i;
	u32 bytes;

	if (!kinet_before(start, end))
		return 0;
	bytes = end - start;
	for (i = kinet_board_find(board, start); i < board->count; i++) {
		const struct kinet_range *range = &board->sacked[i];
		u32 from = kinet_later(start, range->start);
		u32 to = kinet_earlier(end, range->end);

		if (!kinet_before(range->start, end))
			break;
		if (kinet_before(from, to))
			bytes -= to - from;
	}
	return bytes;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_board_unsacked);
