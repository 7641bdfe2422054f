// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers of datagrams, made and read
 */
#include <kunit/test.h>

#include "../../ksocket/kinet/header.h"

/* RFC 768: source port 0x1234, destination port 0x5678, length, checksum */
struct udp_param {
	const char		*name;
	u8			header[8];
	unsigned int		room;
	enum kinet_parsed	parsed;
	unsigned int		len;
	bool			no_check;
};

static const struct udp_param udp_params[] = {
	{ "with data", { 0x12, 0x34, 0x56, 0x78, 0, 20, 0xab, 0xcd }, 20,
	  KINET_PARSED, 20, false },
	{ "empty", { 0x12, 0x34, 0x56, 0x78, 0, 8, 0xab, 0xcd }, 8,
	  KINET_PARSED, 8, false },
	{ "padding behind it", { 0x12, 0x34, 0x56, 0x78, 0, 9, 0xab, 0xcd }, 26,
	  KINET_PARSED, 9, false },
	{ "no checksum", { 0x12, 0x34, 0x56, 0x78, 0, 8, 0, 0 }, 8,
	  KINET_PARSED, 8, true },
	{ "longest", { 0x12, 0x34, 0x56, 0x78, 0xff, 0xff, 1, 1 }, 65535,
	  KINET_PARSED, 65535, false },
	{ "shorter than itself", { 0x12, 0x34, 0x56, 0x78, 0, 7, 1, 1 }, 20,
	  KINET_BAD_LENGTH },
	{ "of no length", { 0x12, 0x34, 0x56, 0x78, 0, 0, 1, 1 }, 20,
	  KINET_BAD_LENGTH },
	{ "longer than the packet", { 0x12, 0x34, 0x56, 0x78, 0, 21, 1, 1 }, 20,
	  KINET_BAD_LENGTH },
};

KUNIT_ARRAY_PARAM_DESC(udp, udp_params, name);

static void udp_is_read(struct kunit *test)
{
	const struct udp_param *param = test->param_value;
	struct kinet_pkt pkt = {};

	KUNIT_ASSERT_EQ(test, kinet_udp_parse(param->header, param->room, &pkt),
			param->parsed);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.sport), 0x1234);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.dport), 0x5678);
	if (param->parsed != KINET_PARSED)
		return;
	KUNIT_EXPECT_EQ(test, pkt.len, param->len);
	KUNIT_EXPECT_EQ(test, pkt.no_check, param->no_check);
}

static void udp_is_made(struct kunit *test)
{
	const u8 wanted[] = { 0x12, 0x34, 0x56, 0x78, 0x01, 0x02, 0, 0 };
	u8 header[8] = { [6] = 1, [7] = 1 };

	kinet_udp_build(header, htons(0x1234), htons(0x5678), 0x102);
	KUNIT_EXPECT_MEMEQ(test, header, wanted, sizeof(wanted));
}

struct isolated_param {
	const char		*name;
	u8			header[8];
	unsigned int		room;
	enum kinet_parsed	parsed;
	u8			type;
	u8			code;
};

static const struct isolated_param isolated_params[] = {
	{ "data", { 0x12, 0x34, 0x56, 0x78, 1, 0, 9, 9 }, 100,
	  KINET_PARSED, KINET_TYPE_DATA, 0 },
	{ "no data", { 0x12, 0x34, 0x56, 0x78, 1, 0, 9, 9 }, 8,
	  KINET_PARSED, KINET_TYPE_DATA, 0 },
	{ "data with a code", { 0x12, 0x34, 0x56, 0x78, 1, 1, 9, 9 }, 100,
	  KINET_BAD_HEADER, KINET_TYPE_DATA, 1 },
	{ "error", { 0x12, 0x34, 0x56, 0x78, 2, 1, 9, 9 }, 8,
	  KINET_PARSED, KINET_TYPE_ERROR, KINET_ERROR_PORT },
	{ "error with data", { 0x12, 0x34, 0x56, 0x78, 2, 1, 9, 9 }, 9,
	  KINET_BAD_HEADER, KINET_TYPE_ERROR, KINET_ERROR_PORT },
	{ "unknown error", { 0x12, 0x34, 0x56, 0x78, 2, 0, 9, 9 }, 8,
	  KINET_BAD_HEADER, KINET_TYPE_ERROR, 0 },
	{ "type 0", { 0x12, 0x34, 0x56, 0x78, 0, 0, 9, 9 }, 8,
	  KINET_BAD_HEADER, 0, 0 },
	{ "type 255", { 0x12, 0x34, 0x56, 0x78, 255, 0, 9, 9 }, 8,
	  KINET_BAD_HEADER, 255, 0 },
};

KUNIT_ARRAY_PARAM_DESC(isolated, isolated_params, name);

static void isolated_is_read(struct kunit *test)
{
	const struct isolated_param *param = test->param_value;
	struct kinet_pkt pkt = { .no_check = true };
	u8 type = 77, code = 77;

	KUNIT_ASSERT_EQ(test, kinet_isolated_parse(param->header, param->room,
						   &pkt, &type, &code),
			param->parsed);
	KUNIT_EXPECT_EQ(test, type, param->type);
	KUNIT_EXPECT_EQ(test, code, param->code);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.sport), 0x1234);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.dport), 0x5678);
	KUNIT_EXPECT_EQ(test, pkt.len, param->room);
	KUNIT_EXPECT_FALSE_MSG(test, pkt.no_check, "it is never left out");
}

static void isolated_is_made(struct kunit *test)
{
	const u8 wanted[] = { 0x12, 0x34, 0x56, 0x78, 2, 1, 0, 0 };
	u8 header[8] = { [6] = 1, [7] = 1 };

	kinet_isolated_build(header, KINET_TYPE_ERROR, KINET_ERROR_PORT,
			     htons(0x1234), htons(0x5678));
	KUNIT_EXPECT_MEMEQ(test, header, wanted, sizeof(wanted));
}

static struct kunit_case header_cases[] = {
	KUNIT_CASE_PARAM(udp_is_read, udp_gen_params),
	KUNIT_CASE(udp_is_made),
	KUNIT_CASE_PARAM(isolated_is_read, isolated_gen_params),
	KUNIT_CASE(isolated_is_made),
	{}
};

static struct kunit_suite header_suite = {
	.name = "kinet_header",
	.test_cases = header_cases,
};

kunit_test_suite(header_suite);
