// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the family said, as the caller should hear it
 */
#include "core.h"
#include "trace.h"

/* The codes by which a system call is restarted mean nothing to our callers. */
int ksock_plain_errno(int err)
{
	switch (err) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	default:
		return err;
	}
}
EXPORT_SYMBOL_IF_KUNIT(ksock_plain_errno);

/*
 * The outcome of a call on @s. Once the gate is shut, an error is the doing of
 * whoever shut it: the shutdown that woke us, not the peer.
 */
static int ksock_shut_errno(const struct ksocket *s, int err)
{
	switch (READ_ONCE(s->gone)) {
	case 0:
		return ksock_plain_errno(err);
	case -ENETDOWN:
		return -ENETDOWN;
	default:
		return -EINTR;
	}
}

int ksock_errno(const struct ksocket *s, int err)
{
	if (likely(err >= 0))
		return err;
	err = ksock_shut_errno(s, err);
	if (s->net)
		ksock_count(s->net, KSOCK_COUNT_ERRORS);
	trace_ksock_error(s, err, __builtin_return_address(0));
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_errno);

/*
 * True when a call that signals may not interrupt was interrupted all the same
 * and should be made again. Every signal is blocked then, but a fatal one wakes
 * the task before it looks at the mask.
 */
bool ksock_retry(const struct ksocket *s, int err)
{
	if (likely(err >= 0 || !(s->flags & KSOCK_NOINTR)))
		return false;
	if (ksock_plain_errno(err) != -EINTR || READ_ONCE(s->gone))
		return false;
	recalc_sigpending();
	return !signal_pending(current);
}
EXPORT_SYMBOL_IF_KUNIT(ksock_retry);
