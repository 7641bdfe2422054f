/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the receiver has told the sender, and what follows from it
 */
#ifndef _KINET_TCP_SACK_H
#define _KINET_TCP_SACK_H

#include "seq.h"

#define KINET_DUP_THRESH	3	/* RFC 5681 */

/**
 * struct kinet_board - the scoreboard of RFC 6675
 * @sacked: ranges that were SACKed, sorted, apart; the caller's memory
 * @most: how many there is room for
 * @count: how many there are
 * @una: HighACK + 1, that is SND.UNA
 * @nxt: HighData + 1, that is SND.NXT
 * @bytes: SACKed
 * @mss: SMSS
 * @high_rxt: HighRxt + 1: behind what was retransmitted
 * @rescue: RescueRxt + 1
 * @recover: RecoveryPoint + 1
 * @lost: all before it that isn't SACKed was lost, by a time-out
 * @recovering: in loss recovery
 * @timed_out: @recover is of a time-out: no recovery begins before it
 * @reneged: the receiver has thrown away what it had SACKed
 */
struct kinet_board {
	struct kinet_range	*sacked;
	u16			most;
	u16			count;
	u32			una;
	u32			nxt;
	u32			bytes;
	u32			mss;
	u32			high_rxt;
	u32			rescue;
	u32			recover;
	u32			lost;
	bool			recovering;
	bool			timed_out;
	bool			reneged;
};

/* What NextSeg () says */
enum kinet_next {
	KINET_NEXT_NOTHING,
	KINET_NEXT_LOST,	/* rule 1: retransmit what was lost */
	KINET_NEXT_NEW,		/* rule 2: send new data */
	KINET_NEXT_MAYBE,	/* rule 3: retransmit what may have been lost */
	KINET_NEXT_RESCUE,	/* rule 4: retransmit the last segment */
};

/* What an acknowledgment does to a recovery */
enum kinet_progress {
	KINET_PROGRESS_NONE,	/* there is no recovery */
	KINET_PROGRESS_PARTIAL,
	KINET_PROGRESS_DONE,
};

/* --- sack.c: the scoreboard --- */

void kinet_board_init(struct kinet_board *board, struct kinet_range *sacked,
		      u16 most, u32 una, u32 mss);
void kinet_board_sent(struct kinet_board *board, u32 nxt);
enum kinet_progress kinet_board_ack(struct kinet_board *board, u32 ack);
u32 kinet_board_sack(struct kinet_board *board, const struct kinet_range *blocks,
		     unsigned int count);
bool kinet_dsack(u32 ack, const struct kinet_range *blocks, unsigned int count);
u32 kinet_board_unsacked(const struct kinet_board *board, u32 start, u32 end);
bool kinet_board_hole(const struct kinet_board *board, u32 start, u32 end,
		      struct kinet_range *hole);

/* --- recovery.c: loss recovery by it --- */

u32 kinet_board_lost_edge(const struct kinet_board *board);
bool kinet_board_is_lost(const struct kinet_board *board, u32 seq);
u32 kinet_board_pipe(const struct kinet_board *board);
enum kinet_next kinet_board_next(const struct kinet_board *board, bool new_data,
				 struct kinet_range *range);
void kinet_board_resent(struct kinet_board *board, enum kinet_next next, u32 end);
bool kinet_board_enters(const struct kinet_board *board, u32 dupacks);
void kinet_board_recover(struct kinet_board *board, struct kinet_range *first);
void kinet_board_expired(struct kinet_board *board);

/* --- newreno.c: without SACK --- */

/**
 * struct kinet_newreno - RFC 6582
 * @recover: of it, behind the highest number that was sent then
 * @dupacks: duplicate acknowledgments in a row
 * @recovering: in fast recovery
 * @partial: a partial acknowledgment came in this recovery
 */
struct kinet_newreno {
	u32	recover;
	u32	dupacks;
	bool	recovering;
	bool	partial;
};

enum kinet_newreno_does {
	KINET_NEWRENO_NOTHING,
	KINET_NEWRENO_LIMITED,	/* RFC 3042: send a new segment */
	KINET_NEWRENO_ENTER,	/* retransmit SND.UNA; fast recovery begins */
	KINET_NEWRENO_INFLATE,	/* a segment has left the network */
	KINET_NEWRENO_PARTIAL,	/* retransmit SND.UNA */
	KINET_NEWRENO_EXIT,	/* fast recovery is over */
};

void kinet_newreno_init(struct kinet_newreno *newreno, u32 iss);
enum kinet_newreno_does kinet_newreno_dupack(struct kinet_newreno *newreno,
					     u32 una, u32 nxt);
enum kinet_newreno_does kinet_newreno_ack(struct kinet_newreno *newreno, u32 ack);
void kinet_newreno_expired(struct kinet_newreno *newreno, u32 nxt);

#endif /* _KINET_TCP_SACK_H */
