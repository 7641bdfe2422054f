// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was received beyond a gap, and how it is told: RFC 2018 and 2883
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/tcp/reassembly.h"
#include "tcp_random.h"

#define NXT	0xfffffff0U	/* so that all goes round zero */
#define MOST	4
#define NO(r)	((r).start == (r).end)

struct add_param {
	const char		*name;
	u32			seq, end;	/* from NXT */
	enum kinet_reassembled	result;
	u32			islands[MOST][2];
	u32			twice[2];
	u32			first[2];	/* new piece */
};

/* Onto 10-20, 30-40, 50-60 */
static const struct add_param add_params[] = {
	{ "between", 22, 28, KINET_REASSEMBLED,
	  { { 10, 20 }, { 22, 28 }, { 30, 40 }, { 50, 60 } }, {}, { 22, 28 } },
	{ "before all", 2, 5, KINET_REASSEMBLED,
	  { { 2, 5 }, { 10, 20 }, { 30, 40 }, { 50, 60 } }, {}, { 2, 5 } },
	{ "behind all", 70, 80, KINET_REASSEMBLED,
	  { { 10, 20 }, { 30, 40 }, { 50, 60 }, { 70, 80 } }, {}, { 70, 80 } },
	{ "the same", 30, 40, KINET_DUPLICATE,
	  { { 10, 20 }, { 30, 40 }, { 50, 60 } }, { 30, 40 }, {} },
	{ "inside", 32, 38, KINET_DUPLICATE,
	  { { 10, 20 }, { 30, 40 }, { 50, 60 } }, { 32, 38 }, {} },
	{ "at its front", 25, 30, KINET_REASSEMBLED,
	  { { 10, 20 }, { 25, 40 }, { 50, 60 } }, {}, { 25, 30 } },
	{ "at its end", 40, 45, KINET_REASSEMBLED,
	  { { 10, 20 }, { 30, 45 }, { 50, 60 } }, {}, { 40, 45 } },
	{ "over its front", 25, 35, KINET_REASSEMBLED,
	  { { 10, 20 }, { 25, 40 }, { 50, 60 } }, { 30, 35 }, { 25, 30 } },
	{ "over its end", 35, 45, KINET_REASSEMBLED,
	  { { 10, 20 }, { 30, 45 }, { 50, 60 } }, { 35, 40 }, { 40, 45 } },
	{ "around it", 25, 45, KINET_REASSEMBLED,
	  { { 10, 20 }, { 25, 45 }, { 50, 60 } }, { 30, 40 }, { 25, 30 } },
	{ "fills the gap", 20, 30, KINET_REASSEMBLED,
	  { { 10, 40 }, { 50, 60 } }, {}, { 20, 30 } },
	{ "fills more than the gap", 15, 35, KINET_REASSEMBLED,
	  { { 10, 40 }, { 50, 60 } }, { 15, 20 }, { 20, 30 } },
	{ "fills both", 20, 50, KINET_REASSEMBLED, { { 10, 60 } }, { 30, 40 },
	  { 20, 30 } },
	{ "around all", 5, 70, KINET_REASSEMBLED, { { 5, 70 } }, { 10, 20 },
	  { 5, 10 } },
	{ "a byte", 45, 46, KINET_REASSEMBLED,
	  { { 10, 20 }, { 30, 40 }, { 45, 46 }, { 50, 60 } }, {}, { 45, 46 } },
};

KUNIT_ARRAY_PARAM_DESC(add, add_params, name);

static void add(struct kunit *test, struct kinet_reassembly *r, u32 seq, u32 end,
		enum kinet_reassembled result)
{
	KUNIT_ASSERT_EQ(test, kinet_reassembly_add(r, NXT + seq, NXT + end), result);
}

static void three_islands(struct kunit *test, struct kinet_reassembly *r,
			  struct kinet_island *island)
{
	kinet_reassembly_init(r, island, MOST);
	add(test, r, 30, 40, KINET_REASSEMBLED);
	add(test, r, 10, 20, KINET_REASSEMBLED);
	add(test, r, 50, 60, KINET_REASSEMBLED);
}

static void segments_overlap_in_all_ways(struct kunit *test)
{
	const struct add_param *param = test->param_value;
	struct kinet_island island[MOST];
	struct kinet_reassembly r;
	struct kinet_range piece = { NXT, NXT };
	int i;

	three_islands(test, &r, island);
	KUNIT_EXPECT_EQ(test, kinet_reassembly_new(&r, NXT + param->seq,
						   NXT + param->end, &piece),
			param->first[1] != 0);
	KUNIT_EXPECT_EQ(test, piece.start - NXT, param->first[0]);
	KUNIT_EXPECT_EQ(test, piece.end - NXT, param->first[1]);
	add(test, &r, param->seq, param->end, param->result);
	for (i = 0; i < MOST && param->islands[i][1]; i++) {
		KUNIT_ASSERT_LT(test, i, r.count);
		KUNIT_EXPECT_EQ(test, r.island[i].range.start - NXT,
				param->islands[i][0]);
		KUNIT_EXPECT_EQ(test, r.island[i].range.end - NXT,
				param->islands[i][1]);
	}
	KUNIT_EXPECT_EQ(test, r.count, i);
	KUNIT_EXPECT_EQ(test, NO(r.twice), !param->twice[1]);
	if (param->twice[1]) {
		KUNIT_EXPECT_EQ(test, r.twice.start - NXT, param->twice[0]);
		KUNIT_EXPECT_EQ(test, r.twice.end - NXT, param->twice[1]);
	}
}

static void there_is_room_for_so_many(struct kunit *test)
{
	struct kinet_island island[MOST + 1] = { [MOST].touched = 77 };
	struct kinet_reassembly r;

	three_islands(test, &r, island);
	add(test, &r, 70, 80, KINET_REASSEMBLED);
	add(test, &r, 90, 95, KINET_NO_ROOM);
	add(test, &r, 1, 5, KINET_NO_ROOM);
	add(test, &r, 20, 22, KINET_REASSEMBLED);
	add(test, &r, 75, 77, KINET_DUPLICATE);
	KUNIT_EXPECT_EQ(test, r.count, MOST);
	KUNIT_EXPECT_EQ(test, island[MOST].touched, 77);
	kinet_reassembly_init(&r, NULL, 0);
	add(test, &r, 10, 20, KINET_NO_ROOM);
	KUNIT_EXPECT_EQ(test, kinet_reassembly_advance(&r, NXT + 9), NXT + 9);
}

static void the_next_segment_joins_islands(struct kunit *test)
{
	struct kinet_island island[MOST];
	struct kinet_reassembly r;

	three_islands(test, &r, island);
	KUNIT_EXPECT_EQ(test, kinet_reassembly_advance(&r, NXT + 5), NXT + 5);
	KUNIT_EXPECT_EQ(test, r.count, 3);
	KUNIT_EXPECT_EQ(test, kinet_reassembly_advance(&r, NXT + 10), NXT + 20);
	KUNIT_EXPECT_TRUE_MSG(test, NO(r.twice), "nothing came twice");
	KUNIT_EXPECT_EQ(test, r.count, 2);
	KUNIT_EXPECT_EQ(test, kinet_reassembly_advance(&r, NXT + 55), NXT + 60);
	KUNIT_EXPECT_EQ(test, r.count, 0);
	KUNIT_EXPECT_EQ(test, r.twice.start, NXT + 30);
	KUNIT_EXPECT_EQ(test, r.twice.end, NXT + 40);
}

static void the_last_island_is_given_up_first(struct kunit *test)
{
	struct kinet_island island[MOST];
	struct kinet_reassembly r;
	struct kinet_range gone;

	three_islands(test, &r, island);
	KUNIT_EXPECT_TRUE(test, kinet_reassembly_prune(&r, &gone));
	KUNIT_EXPECT_EQ(test, gone.start, NXT + 50);
	KUNIT_EXPECT_EQ(test, gone.end, NXT + 60);
	KUNIT_EXPECT_TRUE(test, kinet_reassembly_prune(&r, &gone));
	KUNIT_EXPECT_TRUE(test, kinet_reassembly_prune(&r, &gone));
	KUNIT_EXPECT_EQ(test, gone.start, NXT + 10);
	KUNIT_EXPECT_FALSE(test, kinet_reassembly_prune(&r, &gone));
}

static void expect_blocks(struct kunit *test, struct kinet_reassembly *r, u32 most,
			  bool twice, const u32 (*wanted)[2], u32 count)
{
	struct kinet_range blocks[4];
	u32 i;

	KUNIT_ASSERT_EQ(test, kinet_reassembly_sack(r, blocks, most, twice), count);
	for (i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ(test, blocks[i].start - NXT, wanted[i][0]);
		KUNIT_EXPECT_EQ(test, blocks[i].end - NXT, wanted[i][1]);
	}
}

/* RFC 2018, section 4 */
static void the_most_recent_block_is_first(struct kunit *test)
{
	static const u32 three[][2] = { { 50, 60 }, { 10, 20 }, { 30, 40 } };
	static const u32 grown[][2] = { { 30, 45 }, { 50, 60 }, { 10, 20 } };
	static const u32 joined[][2] = { { 10, 45 }, { 50, 60 } };
	struct kinet_island island[MOST];
	struct kinet_reassembly r;

	three_islands(test, &r, island);
	expect_blocks(test, &r, 4, false, three, 3);
	expect_blocks(test, &r, 2, false, three, 2);
	expect_blocks(test, &r, 0, true, NULL, 0);
	add(test, &r, 40, 45, KINET_REASSEMBLED);
	expect_blocks(test, &r, 3, false, grown, 3);
	add(test, &r, 20, 30, KINET_REASSEMBLED);
	expect_blocks(test, &r, 3, false, joined, 2);
}

/* RFC 2883, sections 4.1 and 4.2 */
static void what_came_twice_is_told_once(struct kunit *test)
{
	static const u32 inside[][2] = { { 12, 15 }, { 10, 20 }, { 50, 60 },
					 { 30, 40 } };
	static const u32 old[][2] = { { 0, 5 }, { 10, 20 }, { 50, 60 } };
	struct kinet_island island[MOST];
	struct kinet_reassembly r;

	three_islands(test, &r, island);
	add(test, &r, 12, 15, KINET_DUPLICATE);
	expect_blocks(test, &r, 4, true, inside, 4);
	expect_blocks(test, &r, 4, true, inside + 1, 3);
	kinet_reassembly_old(&r, NXT, NXT + 7, NXT + 5);
	expect_blocks(test, &r, 3, true, old, 3);
	add(test, &r, 12, 15, KINET_DUPLICATE);
	expect_blocks(test, &r, 3, false, inside + 1, 3);
	add(test, &r, 60, 62, KINET_REASSEMBLED);
	KUNIT_EXPECT_TRUE_MSG(test, NO(r.twice), "it was of another segment");
}

#define SPACE	300

/* Byte by byte */
struct bytes {
	u32	first;
	u32	nxt;
	bool	got[SPACE];
};

static void expect_pieces(struct kunit *test, const struct kinet_reassembly *r,
			  const struct bytes *bytes, u32 from, u32 to)
{
	u32 seq = bytes->first + from, end = bytes->first + to, at = from;
	struct kinet_range piece;

	while (kinet_reassembly_new(r, seq, end, &piece)) {
		KUNIT_ASSERT_TRUE(test, kinet_before(piece.start, piece.end));
		for (; bytes->first + at != piece.start; at++)
			KUNIT_ASSERT_TRUE(test, bytes->got[at]);
		for (; bytes->first + at != piece.end; at++)
			KUNIT_ASSERT_FALSE(test, bytes->got[at]);
		seq = piece.end;
	}
	for (; at < to; at++)
		KUNIT_ASSERT_TRUE(test, bytes->got[at]);
}

static void expect_islands(struct kunit *test, const struct kinet_reassembly *r,
			   const struct bytes *bytes)
{
	u32 at = bytes->nxt, i;

	for (i = 0; i < r->count; i++) {
		const struct kinet_range *range = &r->island[i].range;
		u32 before = at;

		for (; bytes->first + at != range->start; at++)
			KUNIT_ASSERT_FALSE(test, bytes->got[at]);
		KUNIT_ASSERT_GT(test, at, before);
		for (; bytes->first + at != range->end; at++)
			KUNIT_ASSERT_TRUE(test, bytes->got[at]);
	}
	for (; at < SPACE; at++)
		KUNIT_ASSERT_FALSE(test, bytes->got[at]);
}

static void random_segment(struct kunit *test, struct rnd_state *random,
			   struct kinet_reassembly *r, struct bytes *bytes)
{
	u32 from = bytes->nxt + tcp_random(random, SPACE - bytes->nxt);
	u32 to = from + 1 + tcp_random(random, min(SPACE - from, 40U));
	u32 first = bytes->first;

	expect_pieces(test, r, bytes, from, to);
	if (from > bytes->nxt) {
		bool known = true;
		u32 i;

		for (i = from; i < to; i++)
			known &= bytes->got[i];
		switch (kinet_reassembly_add(r, first + from, first + to)) {
		case KINET_NO_ROOM:
			KUNIT_ASSERT_EQ(test, r->count, r->most);
			return;
		case KINET_DUPLICATE:
			KUNIT_ASSERT_TRUE(test, known);
			break;
		case KINET_REASSEMBLED:
			KUNIT_ASSERT_FALSE(test, known);
			break;
		}
	}
	memset(bytes->got + from, true, to - from);
	if (from > bytes->nxt)
		return;
	while (bytes->nxt < SPACE && bytes->got[bytes->nxt])
		bytes->nxt++;
	KUNIT_ASSERT_EQ(test, kinet_reassembly_advance(r, first + to),
			first + bytes->nxt);
}

static void random_segments_are_reassembled_as_bytes(struct kunit *test)
{
	struct kinet_island island[12];
	struct kinet_reassembly r;
	struct rnd_state random;
	struct bytes *bytes;
	int run;

	bytes = kunit_kzalloc(test, sizeof(*bytes), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bytes);
	tcp_seed_random(test, &random);
	for (run = 0; run < 300; run++) {
		memset(bytes, 0, sizeof(*bytes));
		bytes->first = prandom_u32_state(&random);
		kinet_reassembly_init(&r, island,
				      1 + tcp_random(&random, ARRAY_SIZE(island)));
		while (bytes->nxt < SPACE) {
			random_segment(test, &random, &r, bytes);
			expect_islands(test, &r, bytes);
		}
		KUNIT_ASSERT_EQ(test, r.count, 0);
	}
}

static struct kunit_case reassembly_cases[] = {
	KUNIT_CASE_PARAM(segments_overlap_in_all_ways, add_gen_params),
	KUNIT_CASE(there_is_room_for_so_many),
	KUNIT_CASE(the_next_segment_joins_islands),
	KUNIT_CASE(the_last_island_is_given_up_first),
	KUNIT_CASE(the_most_recent_block_is_first),
	KUNIT_CASE(what_came_twice_is_told_once),
	KUNIT_CASE(random_segments_are_reassembled_as_bytes),
	{}
};

static struct kunit_suite reassembly_suite = {
	.name = "kinet_tcp_reassembly",
	.test_cases = reassembly_cases,
};

kunit_test_suite(reassembly_suite);
