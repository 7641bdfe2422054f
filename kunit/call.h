/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call on a handle, to be made where it must be refused
 */
#ifndef _KSOCKET_KUNIT_CALL_H
#define _KSOCKET_KUNIT_CALL_H

#include "fixture.h"

/**
 * struct kt_call - a call
 * @name: to tell which one answered wrongly
 * @call: makes it, with arguments that would do
 */
struct kt_call {
	const char *name;
	int (*call)(ksocket_t s);
};

/* All but ksock_close() and ksock_poll(), which answer otherwise */
#define KT_CALLS	21

extern const struct kt_call kt_calls[KT_CALLS];

#endif /* _KSOCKET_KUNIT_CALL_H */
