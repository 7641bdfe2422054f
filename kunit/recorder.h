/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the callbacks of a socket were told, in order
 */
#ifndef _KSOCKET_KUNIT_RECORDER_H
#define _KSOCKET_KUNIT_RECORDER_H

#include "pair.h"

enum kt_what {
	KT_CONNECTED,
	KT_DISCONNECTED,
	KT_NEWCONN,
	KT_RECV,
	KT_XMIT,
	KT_EXCEPTION,
};

/**
 * struct kt_event - one callback
 * @what: which
 * @value: its argument, 0 where it has none
 */
struct kt_event {
	enum kt_what what;
	long value;
};

/* Expected of a hint: any value above 0 */
#define KT_SOME		LONG_MAX

/* More than any test has callbacks */
#define KT_EVENTS	64

/**
 * struct kt_recorder - records callbacks, and may do something in them
 * @s: whose callbacks
 * @flags: &enum ksock_callback_flags
 * @run: NULL, or what each callback does before it is recorded
 * @ret: for @run
 * @entered: for a @run that waits: completed when it does
 * @leave: waited for by it
 * @lock: covers @events
 * @wait: woken by each event
 * @events: the callbacks that have returned
 * @n: how many
 * @next: the first that was not expected yet
 * @inside: callbacks that run
 * @overlapped: two did at once
 * @misplaced: one ran where its mode would not have it
 */
struct kt_recorder {
	ksocket_t		s;
	unsigned int		flags;
	void			(*run)(struct kt_recorder *rec,
				       const struct kt_event *event);
	int			ret;
	struct completion	entered;
	struct completion	leave;
	spinlock_t		lock;	/* @events */
	wait_queue_head_t	wait;
	struct kt_event		events[KT_EVENTS];
	unsigned int		n;
	unsigned int		next;
	atomic_t		inside;
	bool			overlapped;
	bool			misplaced;
};

extern const ksock_callbacks_t kt_callbacks;

struct kt_recorder *kt_recorder(struct kunit *test, unsigned int flags);
int kt_register(struct kt_recorder *rec, ksocket_t s);
struct kt_recorder *kt_record(struct kunit *test, ksocket_t s,
			      unsigned int flags);
unsigned int kt_count(const struct kt_recorder *rec);
struct kt_event kt_next(struct kunit *test, struct kt_recorder *rec);
void kt_expect_event(struct kunit *test, struct kt_recorder *rec,
		     enum kt_what what, long value);
void kt_expect_no_more(struct kunit *test, struct kt_recorder *rec);
void kt_run_gate(struct kt_recorder *rec, const struct kt_event *event);
void kt_wait_gate(struct kunit *test, struct kt_recorder *rec);

/* A parameter of most tests of callbacks */
struct kt_mode {
	int domain;
	unsigned int flags;
	const char *name;
};

extern const struct kt_mode kt_modes[6];
extern const struct kt_mode kt_inet_modes[4];
extern const struct kt_mode kt_unix_modes[2];

void kt_describe_mode(const struct kt_mode *mode, char *desc);
int kt_mode_domain(struct kunit *test);
unsigned int kt_mode_flags(struct kunit *test);

#endif /* _KSOCKET_KUNIT_RECORDER_H */
