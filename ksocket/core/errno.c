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
 * Once the gate is shut, an error is the doing of whoever shut it: the shutdown
 * that woke us, not the peer.
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

/* What its consumer hears of a call that failed, and is counted: ksock_errno(). */
int ksock_failed(const struct ksocket *s, int err)
{
	err = ksock_shut_errno(s, err);
	if (s->net)
		ksock_count(s->net, KSOCK_COUNT_ERRORS);
	trace_ksock_error(s, err, __builtin_return_address(0));
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ksock_failed);

/*
 * Of ksock_retry(): every signal is blocked then, but a fatal one wakes the task
 * before it looks at the mask.
 */
bool ksock_failed_retry(const struct ksocket *s, int err)
{
	if (ksock_plain_errno(err) != -EINTR || READ_ONCE(s->gone))
		return false;
	recalc_sigpending();
	return !signal_pending(current);
}
EXPORT_SYMBOL_IF_KUNIT(ksock_failed_retry);
