/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: every packet that is dropped, every error that is told
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kinet

#if !defined(_KINET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KINET_TRACE_H

#include <linux/tracepoint.h>

#include "kinet.h"
#include "tcp/state.h"

TRACE_EVENT(kinet_drop,
	TP_PROTO(const struct kinet_pkt *pkt, unsigned int reason),
	TP_ARGS(pkt, reason),
	TP_STRUCT__entry(
		__string(reason, kinet_count_names[reason])
		__array(u8, saddr, 16)
		__array(u8, daddr, 16)
		__field(u16, sport)
		__field(u16, dport)
		__field(u8, protocol)
	),
	TP_fast_assign(
		ksock_compat_assign_str(reason, kinet_count_names[reason]);
		memcpy(__entry->saddr, &pkt->saddr, 16);
		memcpy(__entry->daddr, &pkt->daddr, 16);
		__entry->sport = ntohs(pkt->sport);
		__entry->dport = ntohs(pkt->dport);
		__entry->protocol = pkt->protocol;
	),
	TP_printk("reason=%s protocol=%u saddr=%pI6c sport=%u daddr=%pI6c dport=%u",
		  __get_str(reason), __entry->protocol, __entry->saddr,
		  __entry->sport, __entry->daddr, __entry->dport)
);

TRACE_EVENT(kinet_error,
	TP_PROTO(const struct sock *sk, const struct kinet_error *error),
	TP_ARGS(sk, error),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(int, err)
		__field(u8, type)
		__field(u8, code)
		__field(u32, info)
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->err = error->err;
		__entry->type = error->type;
		__entry->code = error->code;
		__entry->info = error->info;
	),
	TP_printk("sk=%p errno=%d type=%u code=%u info=%u", __entry->sk,
		  __entry->err, __entry->type, __entry->code, __entry->info)
);

TRACE_EVENT(kinet_state,
	TP_PROTO(const struct sock *sk, int from, int to, int event),
	TP_ARGS(sk, from, to, event),
	TP_STRUCT__entry(
		__field(const void *, sk)
		__field(u16, sport)
		__field(u16, dport)
		__string(from, kinet_state_name(from))
		__string(to, kinet_state_name(to))
		__string(event, kinet_event_name(event))
	),
	TP_fast_assign(
		__entry->sk = sk;
		__entry->sport = inet_sk(sk)->inet_num;
		__entry->dport = ntohs(inet_sk(sk)->inet_dport);
		ksock_compat_assign_str(from, kinet_state_name(from));
		ksock_compat_assign_str(to, kinet_state_name(to));
		ksock_compat_assign_str(event, kinet_event_name(event));
	),
	TP_printk("sk=%p sport=%u dport=%u from=%s to=%s event=%s",
		  __entry->sk, __entry->sport, __entry->dport,
		  __get_str(from), __get_str(to), __get_str(event))
);

#endif /* _KINET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
