// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scoreboard: RFC 2018, 2883 and 6675; NewReno: RFC 6582
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/sack.h"
#include "tcp_random.h"

#define UNA	0xffffff00U	/* so that all goes round zero */
#define MSS	10
#define MOST	8

/* 200 bytes are on their way */
static void begin(struct kinet_board *board, struct kinet_range *sacked)
{
	kinet_board_init(board, sacked, MOST, UNA, MSS);
	kinet_board_sent(board, UNA + 200);
}

static u32 sack(struct kinet_board *board, u32 start, u32 end)
{
	struct kinet_range block = { UNA + start, UNA + end };

	return kinet_board_sack(board, &block, 1);
}

struct block_param {
	const char	*name;
	u32		start, end;
	u32		news;
};

/* 100-110 was SACKed */
static const struct block_param block_params[] = {
	{ "new", 50, 60, 10 },
	{ "to the end", 190, 200, 10 },
	{ "the same", 100, 110, 0 },
	{ "inside", 102, 105, 0 },
	{ "grown", 100, 120, 10 },
	{ "grown before it", 90, 110, 10 },
	{ "around it", 90, 120, 20 },
	{ "abuts", 110, 120, 10 },
	{ "beyond what was sent", 190, 201, 0 },
	{ "far beyond", 1000, 1010, 0 },
	{ "empty", 50, 50, 0 },
	{ "the wrong way round", 60, 50, 0 },
	{ "what the receiver wants", 0, 10, 0 },
	{ "old: D-SACK", -20, -10, 0 },
	{ "across SND.UNA", -5, 5, 0 },
	{ "half the space", 1, 0x80000001, 0 },
};

KUNIT_ARRAY_PARAM_DESC(block, block_params, name);

static void only_true_blocks_count(struct kunit *test)
{
	const struct block_param *param = test->param_value;
	struct kinet_range sacked[MOST];
	struct kinet_board board;

	begin(&board, sacked);
	KUNIT_ASSERT_EQ(test, sack(&board, 100, 110), 10);
	KUNIT_EXPECT_EQ(test, sack(&board, param->start, param->end), param->news);
	KUNIT_EXPECT_EQ(test, board.bytes, 10 + param->news);
	KUNIT_EXPECT_EQ(test, kinet_board_unsacked(&board, UNA, UNA + 200),
			190 - param->news);
}

/*
 * The highest tell where losses end: without them, all that follows seems to be on
 * its way, and nothing is sent before a time-out.
 */
static void a_full_board_forgets_the_lowest(struct kunit *test)
{
	struct kinet_range sacked[MOST + 1] = { [MOST] = { 7, 7 } };
	struct kinet_board board;
	int i;

	begin(&board, sacked);
	for (i = 0; i < MOST; i++)
		KUNIT_EXPECT_EQ(test, sack(&board, 20 * i + 10, 20 * i + 15), 5);
	KUNIT_EXPECT_EQ(test, sack(&board, 180, 185), 5);
	KUNIT_EXPECT_EQ(test, board.bytes, 5 * MOST);
	KUNIT_EXPECT_EQ(test, board.count, MOST);
	KUNIT_EXPECT_EQ_MSG(test, kinet_board_unsacked(&board, UNA, UNA + 30), 30,
			    "10-15 is forgotten");
	KUNIT_EXPECT_EQ_MSG(test, sack(&board, 10, 15), 0, "it would be the lowest");
	KUNIT_EXPECT_EQ_MSG(test, sack(&board, 115, 117), 2, "it grows one");
	KUNIT_EXPECT_EQ(test, sack(&board, 160, 165), 5);
	KUNIT_EXPECT_EQ(test, board.bytes, 5 * MOST + 2);
	KUNIT_EXPECT_EQ_MSG(test, kinet_board_unsacked(&board, UNA, UNA + 50), 50,
			    "30-35, too");
	KUNIT_EXPECT_EQ_MSG(test, sack(&board, 55, 70), 15, "it joins two");
	KUNIT_EXPECT_EQ(test, sack(&board, 10, 15), 5);
	KUNIT_EXPECT_EQ(test, sacked[MOST].start, 7);
}

/* Every second segment is lost, of more than the board has room for. */
static void a_full_board_goes_on_finding_losses(struct kunit *test)
{
	struct kinet_range sacked[MOST], first;
	struct kinet_board board;
	u32 seq;

	begin(&board, sacked);
	kinet_board_sent(&board, UNA + 100 * MSS);
	kinet_board_recover(&board, &first);
	for (seq = MSS; seq < 100 * MSS; seq += 2 * MSS)
		KUNIT_EXPECT_EQ(test, sack(&board, seq, seq + MSS), MSS);
	KUNIT_EXPECT_EQ_MSG(test, kinet_board_lost_edge(&board) - UNA, 95 * MSS,
			    "three are from there on");
	KUNIT_EXPECT_EQ_MSG(test, kinet_board_pipe(&board), 3 * MSS,
			    "two that may come yet, and what was resent");
}

struct lost_param {
	const char	*name;
	u32		blocks[4][2];
	u32		edge;
};

static const struct lost_param lost_params[] = {
	{ "nothing was SACKed", {}, 0 },
	{ "two ranges", { { 20, 25 }, { 40, 45 } }, 0 },
	{ "three ranges", { { 20, 21 }, { 40, 41 }, { 60, 61 } }, 20 },
	{ "four: three are above it",
	  { { 20, 21 }, { 40, 41 }, { 60, 61 }, { 80, 81 } }, 40 },
	{ "two segments", { { 20, 40 } }, 0 },
	{ "more than two segments", { { 20, 41 } }, 20 },
	{ "more than two, in two ranges", { { 20, 40 }, { 60, 61 } }, 20 },
	{ "more than two, in the last", { { 20, 30 }, { 60, 81 } }, 60 },
	{ "in any order", { { 60, 61 }, { 20, 21 }, { 40, 41 } }, 20 },
};

KUNIT_ARRAY_PARAM_DESC(lost, lost_params, name);

static void loss_is_found(struct kunit *test)
{
	const struct lost_param *param = test->param_value;
	struct kinet_range sacked[MOST];
	struct kinet_board board;
	int i;

	begin(&board, sacked);
	for (i = 0; i < 4 && param->blocks[i][1]; i++)
		sack(&board, param->blocks[i][0], param->blocks[i][1]);
	KUNIT_EXPECT_EQ(test, kinet_board_lost_edge(&board) - UNA, param->edge);
	KUNIT_EXPECT_EQ(test, kinet_board_is_lost(&board, UNA), param->edge > 0);
	KUNIT_EXPECT_EQ(test, kinet_board_enters(&board, 2), param->edge > 0);
	KUNIT_EXPECT_TRUE(test, kinet_board_enters(&board, 3));
}

static void expect_next(struct kunit *test, struct kinet_board *board, bool data,
			enum kinet_next next, u32 start, u32 end)
{
	struct kinet_range range;

	KUNIT_ASSERT_EQ(test, kinet_board_next(board, data, &range), next);
	if (next == KINET_NEXT_NOTHING || next == KINET_NEXT_NEW)
		return;
	KUNIT_EXPECT_EQ(test, range.start - UNA, start);
	KUNIT_EXPECT_EQ(test, range.end - UNA, end);
	kinet_board_resent(board, next, range.end);
}

/* 0-10, 50-70 and 120-125 were lost, and 195-200 */
static void recovery_takes_the_rules_in_turn(struct kunit *test)
{
	struct kinet_range sacked[MOST], first;
	struct kinet_board board;

	begin(&board, sacked);
	sack(&board, 10, 50);
	sack(&board, 70, 120);
	sack(&board, 125, 135);
	sack(&board, 135, 195);
	KUNIT_ASSERT_TRUE(test, kinet_board_enters(&board, 1));
	kinet_board_recover(&board, &first);
	KUNIT_EXPECT_FALSE(test, kinet_board_enters(&board, 9));
	KUNIT_EXPECT_EQ(test, first.start, UNA);
	KUNIT_EXPECT_EQ(test, first.end, UNA + 10);
	/* 195-200, and what was retransmitted */
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 5 + 10);
	expect_next(test, &board, true, KINET_NEXT_LOST, 50, 60);
	expect_next(test, &board, true, KINET_NEXT_LOST, 60, 70);
	expect_next(test, &board, true, KINET_NEXT_LOST, 120, 125);
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 5 + 35);
	expect_next(test, &board, true, KINET_NEXT_NEW, 0, 0);
	expect_next(test, &board, false, KINET_NEXT_NOTHING, 0, 0);
	KUNIT_EXPECT_EQ(test, kinet_board_ack(&board, UNA + 50),
			KINET_PROGRESS_PARTIAL);
	expect_next(test, &board, false, KINET_NEXT_RESCUE, 195, 200);
	expect_next(test, &board, false, KINET_NEXT_NOTHING, 0, 0);
	KUNIT_EXPECT_EQ(test, kinet_board_ack(&board, UNA + 195),
			KINET_PROGRESS_PARTIAL);
	KUNIT_EXPECT_EQ(test, kinet_board_ack(&board, UNA + 200),
			KINET_PROGRESS_DONE);
	KUNIT_EXPECT_EQ(test, board.bytes, 0);
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 0);
}

/* Rule 3: before the highest SACKed, but not lost yet */
static void what_may_be_lost_comes_after_new_data(struct kunit *test)
{
	struct kinet_range sacked[MOST], first;
	struct kinet_board board;

	begin(&board, sacked);
	sack(&board, 10, 20);
	sack(&board, 30, 35);
	kinet_board_recover(&board, &first);
	expect_next(test, &board, true, KINET_NEXT_NEW, 0, 0);
	expect_next(test, &board, false, KINET_NEXT_MAYBE, 20, 30);
	expect_next(test, &board, false, KINET_NEXT_NOTHING, 0, 0);
}

/* RFC 6675, section 5.1 */
static void a_time_out_loses_all_but_the_sacked(struct kunit *test)
{
	struct kinet_range sacked[MOST];
	struct kinet_board board;

	begin(&board, sacked);
	sack(&board, 10, 190);
	kinet_board_expired(&board);
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 0);
	KUNIT_EXPECT_FALSE(test, kinet_board_enters(&board, 3));
	expect_next(test, &board, true, KINET_NEXT_LOST, 0, 10);
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 10);
	expect_next(test, &board, true, KINET_NEXT_LOST, 190, 200);
	expect_next(test, &board, true, KINET_NEXT_NEW, 0, 0);
	kinet_board_sent(&board, UNA + 230);
	KUNIT_EXPECT_EQ(test, kinet_board_pipe(&board), 20 + 30);
	kinet_board_ack(&board, UNA + 190);
	KUNIT_EXPECT_FALSE_MSG(test, kinet_board_enters(&board, 3),
			       "not all of it was acknowledged");
	kinet_board_ack(&board, UNA + 200);
	KUNIT_EXPECT_TRUE(test, kinet_board_enters(&board, 3));
}

/* RFC 2018, section 8 */
static void reneging_is_seen_and_forgotten(struct kunit *test)
{
	struct kinet_range sacked[MOST];
	struct kinet_board board;

	begin(&board, sacked);
	sack(&board, 10, 50);
	sack(&board, 70, 80);
	KUNIT_EXPECT_FALSE(test, board.reneged);
	kinet_board_ack(&board, UNA + 20);
	KUNIT_EXPECT_TRUE(test, board.reneged);
	KUNIT_EXPECT_EQ(test, board.bytes, 40);
	kinet_board_expired(&board);
	KUNIT_EXPECT_EQ(test, board.bytes, 0);
	expect_next(test, &board, false, KINET_NEXT_LOST, 20, 30);
	begin(&board, sacked);
	sack(&board, 10, 50);
	kinet_board_ack(&board, UNA + 50);
	KUNIT_EXPECT_FALSE_MSG(test, board.reneged, "that is as it should be");
}

struct dsack_param {
	const char	*name;
	u32		blocks[2][2];
	u32		count;
	bool		is;
};

/* SEG.ACK is 100; RFC 2883, section 4 */
static const struct dsack_param dsack_params[] = {
	{ "no block", {}, 0, false },
	{ "a SACK", { { 120, 130 } }, 1, false },
	{ "two SACKs", { { 120, 130 }, { 150, 160 } }, 2, false },
	{ "below", { { 50, 60 } }, 1, true },
	{ "just below", { { 90, 100 } }, 1, true },
	{ "below, and a SACK", { { 50, 60 }, { 120, 130 } }, 2, true },
	{ "inside the second", { { 125, 127 }, { 120, 130 } }, 2, true },
	{ "the second itself", { { 120, 130 }, { 120, 130 } }, 2, true },
	{ "not all inside", { { 125, 131 }, { 120, 130 } }, 2, false },
	{ "begins before it", { { 119, 125 }, { 120, 130 } }, 2, false },
	{ "empty", { { 50, 50 } }, 1, false },
};

KUNIT_ARRAY_PARAM_DESC(dsack, dsack_params, name);

static void duplicates_are_told(struct kunit *test)
{
	const struct dsack_param *param = test->param_value;
	struct kinet_range blocks[2];
	int i;

	for (i = 0; i < 2; i++)
		blocks[i] = (struct kinet_range){ UNA + 200 + param->blocks[i][0],
						  UNA + 200 + param->blocks[i][1] };
	KUNIT_EXPECT_EQ(test, kinet_dsack(UNA + 300, blocks, param->count),
			param->is);
}

/* --- RFC 6675, section 4, byte by byte --- */

#define SPACE	400

struct octets {
	u32	una, nxt, high_rxt;	/* from the begin */
	bool	sacked[SPACE];
};

static bool octet_is_lost(const struct octets *octets, u32 seq)
{
	u32 bytes = 0, ranges = 0, i;

	for (i = seq + 1; i < octets->nxt; i++) {
		if (!octets->sacked[i])
			continue;
		bytes++;
		ranges += !octets->sacked[i - 1];
	}
	return ranges >= 3 || bytes > 2 * MSS;
}

static u32 octets_pipe(const struct octets *octets)
{
	u32 pipe = 0, i;

	for (i = octets->una; i < octets->nxt; i++) {
		if (octets->sacked[i])
			continue;
		pipe += !octet_is_lost(octets, i);
		pipe += i < octets->high_rxt;
	}
	return pipe;
}

/* Rules 1 to 3 for "S2"; SPACE when there is none */
static u32 octets_next(const struct octets *octets, bool lost)
{
	u32 highest = 0, i;

	for (i = octets->una; i < octets->nxt; i++)
		if (octets->sacked[i])
			highest = i;
	for (i = max(octets->una, octets->high_rxt); i < highest; i++)
		if (!octets->sacked[i] && (!lost || octet_is_lost(octets, i)))
			return i;
	return SPACE;
}

static void expect_same(struct kunit *test, struct kinet_board *board,
			struct octets *octets, u32 first, bool data)
{
	u32 lost = octets_next(octets, true), maybe = octets_next(octets, false);
	struct kinet_range range;
	enum kinet_next next;
	u32 i;

	KUNIT_ASSERT_EQ(test, kinet_board_pipe(board), octets_pipe(octets));
	for (i = octets->una; i < octets->nxt; i++)
		if (!octets->sacked[i])
			KUNIT_ASSERT_EQ(test, kinet_board_is_lost(board, first + i),
					octet_is_lost(octets, i));
	next = kinet_board_next(board, data, &range);
	if (lost < SPACE) {
		KUNIT_ASSERT_EQ(test, next, KINET_NEXT_LOST);
		KUNIT_ASSERT_EQ(test, range.start - first, lost);
	} else if (data) {
		KUNIT_ASSERT_EQ(test, next, KINET_NEXT_NEW);
		return;
	} else if (maybe < SPACE) {
		KUNIT_ASSERT_EQ(test, next, KINET_NEXT_MAYBE);
		KUNIT_ASSERT_EQ(test, range.start - first, maybe);
	} else {
		return;
	}
	KUNIT_ASSERT_LE(test, range.end - range.start, MSS);
	for (i = range.start - first; i < range.end - first; i++)
		KUNIT_ASSERT_FALSE(test, octets->sacked[i]);
	kinet_board_resent(board, next, range.end);
	octets->high_rxt = range.end - first;
}

static void random_block(struct rnd_state *random, struct kinet_board *board,
			 struct octets *octets, u32 first)
{
	u32 space = octets->nxt - octets->una - 1, from, to, i, news = 0;
	struct kinet_range low = board->sacked[0];
	bool full = board->count == board->most;
	struct kinet_range block;

	from = octets->una + 1 + tcp_random(random, space);
	to = from + 1 + tcp_random(random, min(octets->nxt - from, 15U));
	block = (struct kinet_range){ first + from, first + to };
	for (i = from; i < to; i++)
		news += !octets->sacked[i];
	if (kinet_board_sack(board, &block, 1) == news)
		memset(octets->sacked + from, true, to - from);
	if (full && kinet_after(board->sacked[0].start, low.end))
		memset(octets->sacked + (low.start - first), false,
		       kinet_range_len(&low));
}

static void random_recovery(struct kunit *test, struct rnd_state *random,
			    struct kinet_board *board, struct octets *octets)
{
	u32 first = prandom_u32_state(random), i;
	struct kinet_range head;

	memset(octets, 0, sizeof(*octets));
	octets->nxt = 50 + tcp_random(random, SPACE - 50);
	kinet_board_init(board, board->sacked, board->most, first, MSS);
	kinet_board_sent(board, first + octets->nxt);
	kinet_board_recover(board, &head);
	octets->high_rxt = head.end - first;
	for (i = 0; i < 60 && octets->nxt - octets->una > 1; i++) {
		if (tcp_percent(random, 80)) {
			random_block(random, board, octets, first);
		} else {
			octets->una += 1 + tcp_random(random, 20);
			octets->una = min(octets->una, octets->nxt);
			while (octets->una < octets->nxt &&
			       octets->sacked[octets->una])
				octets->una++;
			octets->high_rxt = max(octets->high_rxt, octets->una);
			kinet_board_ack(board, first + octets->una);
			KUNIT_ASSERT_FALSE(test, board->reneged);
		}
		expect_same(test, board, octets, first, tcp_percent(random, 20));
	}
}

static void random_recoveries_go_as_byte_by_byte(struct kunit *test)
{
	struct kinet_range sacked[64];
	struct kinet_board board = { .sacked = sacked };
	struct rnd_state random;
	struct octets *octets;
	int run;

	octets = kunit_kzalloc(test, sizeof(*octets), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, octets);
	tcp_seed_random(test, &random);
	for (run = 0; run < 200; run++) {
		board.most = 1 + tcp_random(&random, ARRAY_SIZE(sacked));
		random_recovery(test, &random, &board, octets);
	}
}

/* --- NewReno --- */

static void the_third_duplicate_begins_it(struct kunit *test)
{
	struct kinet_newreno newreno;

	kinet_newreno_init(&newreno, UNA);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 1, UNA + 100),
			KINET_NEWRENO_LIMITED);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 1, UNA + 100),
			KINET_NEWRENO_LIMITED);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 1, UNA + 100),
			KINET_NEWRENO_ENTER);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 1, UNA + 110),
			KINET_NEWRENO_INFLATE);
	KUNIT_EXPECT_EQ(test, kinet_newreno_ack(&newreno, UNA + 50),
			KINET_NEWRENO_PARTIAL);
	KUNIT_EXPECT_TRUE(test, newreno.partial);
	KUNIT_EXPECT_EQ(test, kinet_newreno_ack(&newreno, UNA + 99),
			KINET_NEWRENO_PARTIAL);
	KUNIT_EXPECT_EQ(test, kinet_newreno_ack(&newreno, UNA + 100),
			KINET_NEWRENO_EXIT);
	KUNIT_EXPECT_EQ(test, kinet_newreno_ack(&newreno, UNA + 110),
			KINET_NEWRENO_NOTHING);
}

static void new_data_end_a_row_of_duplicates(struct kunit *test)
{
	struct kinet_newreno newreno;

	kinet_newreno_init(&newreno, UNA);
	kinet_newreno_dupack(&newreno, UNA + 1, UNA + 100);
	kinet_newreno_dupack(&newreno, UNA + 1, UNA + 100);
	kinet_newreno_ack(&newreno, UNA + 10);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 10, UNA + 100),
			KINET_NEWRENO_LIMITED);
}

/* 3.2, (2) and (4): duplicates of what was retransmitted say nothing. */
static void old_duplicates_begin_nothing(struct kunit *test)
{
	struct kinet_newreno newreno;
	int i;

	kinet_newreno_init(&newreno, UNA);
	kinet_newreno_expired(&newreno, UNA + 100);
	KUNIT_EXPECT_EQ(test, kinet_newreno_ack(&newreno, UNA + 100),
			KINET_NEWRENO_NOTHING);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_NE(test, kinet_newreno_dupack(&newreno, UNA + 100,
							   UNA + 200),
				KINET_NEWRENO_ENTER);
	kinet_newreno_ack(&newreno, UNA + 110);
	for (i = 0; i < 2; i++)
		kinet_newreno_dupack(&newreno, UNA + 110, UNA + 200);
	KUNIT_EXPECT_EQ(test, kinet_newreno_dupack(&newreno, UNA + 110, UNA + 200),
			KINET_NEWRENO_ENTER);
}

static struct kunit_case sack_cases[] = {
	KUNIT_CASE_PARAM(only_true_blocks_count, block_gen_params),
	KUNIT_CASE(a_full_board_forgets_the_lowest),
	KUNIT_CASE(a_full_board_goes_on_finding_losses),
	KUNIT_CASE_PARAM(loss_is_found, lost_gen_params),
	KUNIT_CASE(recovery_takes_the_rules_in_turn),
	KUNIT_CASE(what_may_be_lost_comes_after_new_data),
	KUNIT_CASE(a_time_out_loses_all_but_the_sacked),
	KUNIT_CASE(reneging_is_seen_and_forgotten),
	KUNIT_CASE_PARAM(duplicates_are_told, dsack_gen_params),
	KUNIT_CASE(random_recoveries_go_as_byte_by_byte),
	KUNIT_CASE(the_third_duplicate_begins_it),
	KUNIT_CASE(new_data_end_a_row_of_duplicates),
	KUNIT_CASE(old_duplicates_begin_nothing),
	{}
};

static struct kunit_suite sack_suite = {
	.name = "kinet_tcp_sack",
	.test_cases = sack_cases,
};

kunit_test_suite(sack_suite);
