// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options: RFC 9293, section 3.1; RFC 2018, 5482 and 7323
 *
 * MUST-5: all options are understood in any segment, though some mean something
 * in a SYN only. MUST-6: an unknown one is skipped. MUST-7: a length that
 * can't be ends the list. MUST-64: each option is read wherever it begins, for
 * none need be aligned. Of two of a kind, the later counts.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "options.h"

enum kinet_option_kind {
	KINET_OPT_END		= 0,
	KINET_OPT_NOP		= 1,
	KINET_OPT_MSS		= 2,
	KINET_OPT_SCALE		= 3,
	KINET_OPT_SACK_OK	= 4,
	KINET_OPT_SACK		= 5,
	KINET_OPT_TS		= 8,
	KINET_OPT_UTO		= 28,
};

/* RFC 7323, appendix A: what nearly every segment has */
static const u8 kinet_usual[] = {
	KINET_OPT_NOP, KINET_OPT_NOP, KINET_OPT_TS, 10,
};

#define KINET_UTO_MINUTES	0x8000	/* RFC 5482, section 3 */
#define KINET_SACK_HEADER	4	/* with its padding */
#define KINET_SACK_BLOCK	8

static void kinet_read_ts(const u8 *from, struct kinet_options *options)
{
	options->has |= KINET_HAS_TS;
	options->tsval = get_unaligned_be32(from);
	options->tsecr = get_unaligned_be32(from + 4);
}

static void kinet_read_sack(const u8 *from, unsigned int len,
			    struct kinet_options *options)
{
	unsigned int count = len / KINET_SACK_BLOCK;
	unsigned int i;

	if (!count || len % KINET_SACK_BLOCK || count > KINET_SACK_BLOCKS)
		return;
	options->sacks = count;
	for (i = 0; i < count; i++, from += KINET_SACK_BLOCK) {
		options->sack[i].start = get_unaligned_be32(from);
		options->sack[i].end = get_unaligned_be32(from + 4);
	}
}

/* RFC 5482, section 3.1: zero is reserved, and ignored. */
static void kinet_read_uto(const u8 *from, struct kinet_options *options)
{
	unsigned int value = get_unaligned_be16(from);
	unsigned int timeout = value & ~KINET_UTO_MINUTES;

	if (!timeout)
		return;
	options->has |= KINET_HAS_UTO;
	options->uto = value & KINET_UTO_MINUTES ? 60 * timeout : timeout;
}

/* @len: without kind and length; of a known option it must be the right one. */
static void kinet_read_option(u8 kind, const u8 *from, unsigned int len,
			      struct kinet_options *options)
{
	if (kind == KINET_OPT_MSS && len == 2) {
		options->has |= KINET_HAS_MSS;
		options->mss = get_unaligned_be16(from);
	} else if (kind == KINET_OPT_SCALE && len == 1) {
		options->has |= KINET_HAS_SCALE;
		options->scale_clamped = *from > KINET_SCALE_MAX;
		options->scale = min_t(u8, *from, KINET_SCALE_MAX);
	} else if (kind == KINET_OPT_SACK_OK && len == 0) {
		options->has |= KINET_HAS_SACK_OK;
	} else if (kind == KINET_OPT_SACK) {
		kinet_read_sack(from, len, options);
	} else if (kind == KINET_OPT_TS && len == 8) {
		kinet_read_ts(from, options);
	} else if (kind == KINET_OPT_UTO && len == 2) {
		kinet_read_uto(from, options);
	}
}

/**
 * kinet_options_parse() - read the options of a segment
 * @from: behind its header
 * @len: bytes of options, by the data offset
 * @syn: it is a SYN: others can't announce MSS, scale and SACK, a SYN has no
 *	 SACK blocks
 * @options: filled
 */
void kinet_options_parse(const u8 *from, unsigned int len, bool syn,
			 struct kinet_options *options)
{
	const u8 *end = from + len;

	options->has = 0;
	options->sacks = 0;
	options->scale_clamped = false;
	options->malformed = false;
	if (len == KINET_OPTIONS_TS &&
	    !memcmp(from, kinet_usual, sizeof(kinet_usual))) {
		kinet_read_ts(from + sizeof(kinet_usual), options);
		return;
	}
	while (from < end && *from != KINET_OPT_END) {
		if (*from == KINET_OPT_NOP) {
			from++;
			continue;
		}
		if (end - from < 2 || from[1] < 2 || from[1] > end - from) {
			options->malformed = true;
			break;
		}
		kinet_read_option(*from, from + 2, from[1] - 2, options);
		from += from[1];
	}
	if (syn)
		options->sacks = 0;
	else
		options->has &= ~KINET_SYN_ONLY;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_options_parse);

/* Of all but SACK blocks */
static unsigned int kinet_fixed_len(u8 has)
{
	unsigned int len = 0;

	if (has & KINET_HAS_MSS)
		len += 4;
	if (has & KINET_HAS_TS)
		len += KINET_OPTIONS_TS;
	else if (has & KINET_HAS_SACK_OK)
		len += 4;
	if (has & KINET_HAS_SCALE)
		len += 4;
	if (has & KINET_HAS_UTO)
		len += 4;
	return len;
}

/**
 * kinet_options_sacks() - how many SACK blocks there is room for
 * @options: what is to be written
 *
 * RFC 2018, section 3: three beside time stamps, four without.
 *
 * Return: the blocks that kinet_options_build() will write, the first ones.
 */
unsigned int kinet_options_sacks(const struct kinet_options *options)
{
	unsigned int room = KINET_OPTIONS_MAX - kinet_fixed_len(options->has);

	if (room < KINET_SACK_HEADER + KINET_SACK_BLOCK)
		return 0;
	return min3((unsigned int)options->sacks,
		    (room - KINET_SACK_HEADER) / KINET_SACK_BLOCK,
		    (unsigned int)KINET_SACK_BLOCKS);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_options_sacks);

/**
 * kinet_options_len() - bytes that options will need
 * @options: what is to be written
 *
 * RFC 6691: they are taken from what a segment can carry.
 *
 * Return: a multiple of 4, at most KINET_OPTIONS_MAX.
 */
unsigned int kinet_options_len(const struct kinet_options *options)
{
	unsigned int sacks = kinet_options_sacks(options);
	unsigned int len = kinet_fixed_len(options->has);

	return sacks ? len + KINET_SACK_HEADER + sacks * KINET_SACK_BLOCK : len;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_options_len);

static u8 *kinet_write(u8 *to, u8 kind, u8 len)
{
	to[0] = kind;
	to[1] = len;
	return to + 2;
}

static u8 *kinet_write_pad(u8 *to)
{
	return kinet_write(to, KINET_OPT_NOP, KINET_OPT_NOP);
}

static u8 *kinet_write_be32(u8 *to, u32 value)
{
	put_unaligned_be32(value, to);
	return to + 4;
}

static u8 *kinet_write_sack(u8 *to, const struct kinet_options *options)
{
	unsigned int sacks = kinet_options_sacks(options);
	unsigned int i;

	if (!sacks)
		return to;
	to = kinet_write_pad(to);
	to = kinet_write(to, KINET_OPT_SACK, 2 + sacks * KINET_SACK_BLOCK);
	for (i = 0; i < sacks; i++) {
		to = kinet_write_be32(to, options->sack[i].start);
		to = kinet_write_be32(to, options->sack[i].end);
	}
	return to;
}

/* Seconds where they fit, else minutes, rounded up; RFC 5482, section 3.1 */
static u8 *kinet_write_uto(u8 *to, u32 seconds)
{
	unsigned int value = seconds;

	if (seconds >= KINET_UTO_MINUTES)
		value = min(seconds / 60 + !!(seconds % 60),
			    (u32)KINET_UTO_MINUTES - 1) | KINET_UTO_MINUTES;
	to = kinet_write(to, KINET_OPT_UTO, 4);
	put_unaligned_be16(value, to);
	return to + 2;
}

/**
 * kinet_options_build() - write the options of a segment
 * @to: where to, kinet_options_len() bytes
 * @options: what there is to be; a SYN has no SACK blocks, others no MSS,
 *	     scale or SACK-permitted
 *
 * Return: bytes written.
 */
unsigned int kinet_options_build(u8 *to, const struct kinet_options *options)
{
	const u8 *begin = to;
	u8 has = options->has;

	if (has & KINET_HAS_MSS) {
		to = kinet_write(to, KINET_OPT_MSS, 4);
		put_unaligned_be16(options->mss, to);
		to += 2;
	}
	if (has & (KINET_HAS_TS | KINET_HAS_SACK_OK)) {
		if ((has & KINET_HAS_TS) && (has & KINET_HAS_SACK_OK)) {
			to = kinet_write(to, KINET_OPT_SACK_OK, 2);
		} else {
			to = kinet_write_pad(to);
			if (has & KINET_HAS_SACK_OK)
				to = kinet_write(to, KINET_OPT_SACK_OK, 2);
		}
	}
	if (has & KINET_HAS_TS) {
		to = kinet_write(to, KINET_OPT_TS, 10);
		to = kinet_write_be32(to, options->tsval);
		to = kinet_write_be32(to, options->tsecr);
	}
	if (has & KINET_HAS_SCALE) {
		*to++ = KINET_OPT_NOP;
		to = kinet_write(to, KINET_OPT_SCALE, 3);
		*to++ = options->scale;
	}
	if (has & KINET_HAS_UTO)
		to = kinet_write_uto(to, options->uto);
	to = kinet_write_sack(to, options);
	return to - begin;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_options_build);
