/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: every event that is told, every call that fails
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ksocket

#if !defined(_KSOCKET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KSOCKET_TRACE_H

#include <linux/tracepoint.h>

#include "core.h"

TRACE_DEFINE_ENUM(KSOCK_EV_CONNECTED);
TRACE_DEFINE_ENUM(KSOCK_EV_NEWCONN);
TRACE_DEFINE_ENUM(KSOCK_EV_URGENT);
TRACE_DEFINE_ENUM(KSOCK_EV_ERRQUEUE);
TRACE_DEFINE_ENUM(KSOCK_EV_RECV);
TRACE_DEFINE_ENUM(KSOCK_EV_RECV_END);
TRACE_DEFINE_ENUM(KSOCK_EV_XMIT);
TRACE_DEFINE_ENUM(KSOCK_EV_XMIT_END);
TRACE_DEFINE_ENUM(KSOCK_EV_DISCONNECTED);

TRACE_EVENT(ksock_event,
	TP_PROTO(const struct ksocket *s, unsigned int event,
		 const struct ksock_batch *batch),
	TP_ARGS(s, event, batch),
	TP_STRUCT__entry(
		__string(module, ksock_owner_name(s))
		__field(const void *, s)
		__field(unsigned int, event)
		__field(long, value)
	),
	TP_fast_assign(
		ksock_compat_assign_str(module, ksock_owner_name(s));
		__entry->s = s;
		__entry->event = event;
		__entry->value = ksock_batch_value(batch, event);
	),
	TP_printk("module=%s socket=%p event=%s value=%ld", __get_str(module),
		  __entry->s,
		  __print_symbolic(__entry->event, KSOCK_EVENT_NAMES),
		  __entry->value)
);

TRACE_EVENT(ksock_error,
	TP_PROTO(const struct ksocket *s, int err, void *caller),
	TP_ARGS(s, err, caller),
	TP_STRUCT__entry(
		__string(module, ksock_owner_name(s))
		__field(const void *, s)
		__field(int, err)
		__field(void *, caller)
	),
	TP_fast_assign(
		ksock_compat_assign_str(module, ksock_owner_name(s));
		__entry->s = s;
		__entry->err = err;
		__entry->caller = caller;
	),
	TP_printk("module=%s socket=%p call=%ps errno=%d", __get_str(module),
		  __entry->s, __entry->caller, -__entry->err)
);

#endif /* _KSOCKET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
