/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kinet counts, in each namespace: /proc/net/kinet/snmp
 */
#ifndef _KINET_COUNT_H
#define _KINET_COUNT_H

#include <linux/percpu.h>
#include <linux/types.h>

struct net;

/*
 * Why a packet was dropped; each is a counter, and what the kinet_drop
 * tracepoint says.
 */
#define KINET_DROPS(X)				\
	X(NO_SOCKET, "NoSocket")		\
	X(BAD_LENGTH, "BadLength")		\
	X(BAD_HEADER, "BadHeader")		\
	X(BAD_CHECKSUM, "BadChecksum")		\
	X(NO_CHECKSUM, "NoChecksum")		\
	X(BUFFER_FULL, "BufferFull")		\
	X(NO_MEMORY, "NoMemory")		\
	X(FILTER, "Filtered")			\
	X(POLICY, "Policy")			\
	X(CONNTRACK, "Conntrack")		\
	X(TTL, "MinTtl")			\
	X(MODE, "OtherMode")			\
	X(BAD_ERROR, "BadError")		\
	X(LISTEN_FULL, "ListenFull")		\
	X(UNANSWERED, "Unanswered")		\
	X(DEFERRED, "Deferred")			\
	X(WINDOW, "OutOfWindow")		\
	X(OLD_STAMP, "OldStamp")		\
	X(NO_STAMP, "NoStamp")			\
	X(CONTROL, "BadControl")		\
	X(BAD_ACK, "BadAck")			\
	X(PRUNED, "Pruned")			\
	X(TIME_WAIT, "TimeWait")		\
	X(LOCKED, "Locked")

#define KINET_EVENTS(X)				\
	X(DGRAM_IN, "DgramIn")			\
	X(DGRAM_OUT, "DgramOut")		\
	X(DGRAM_REFUSED, "DgramRefused")	\
	X(RAW_IN, "RawIn")			\
	X(RAW_OUT, "RawOut")			\
	X(SEGMENT_IN, "SegmentIn")		\
	X(SEGMENT_OUT, "SegmentOut")		\
	X(SEGMENT_RESENT, "SegmentResent")	\
	X(RESET_IN, "ResetIn")			\
	X(RESET_OUT, "ResetOut")		\
	X(RECOVERY, "Recovery")			\
	X(RESEND_TIMEOUT, "ResendTimeout")	\
	X(TIMED_OUT, "TimedOut")		\
	X(PROBE_OUT, "ProbeOut")		\
	X(CHALLENGE_OUT, "ChallengeOut")	\
	X(MEMORY_PRESSURE, "MemoryPressure")	\
	X(ABORTED, "Aborted")			\
	X(STATE_CHANGED, "StateChanged")	\
	X(ERROR_IN, "ErrorIn")			\
	X(PMTU_IN, "PmtuIn")			\
	X(SEND_FAILED, "SendFailed")		\
	X(CLAIM, "Claim")			\
	X(CLAIM_BUSY, "ClaimBusy")		\
	X(SOCK_OPENED, "SockOpened")		\
	X(SOCK_CLOSED, "SockClosed")

#define KINET_COUNT_ENUM(name, text)	KINET_##name,
#define KINET_DROP_ENUM(name, text)	KINET_DROP_##name,

enum kinet_count {
	KINET_DROPS(KINET_DROP_ENUM)
	KINET_EVENTS(KINET_COUNT_ENUM)
	KINET_COUNTS
};

struct kinet_counts {
	u64	n[KINET_COUNTS];
};

extern const char *const kinet_count_names[KINET_COUNTS];

void kinet_count(struct net *net, enum kinet_count what);

struct kinet_pkt;
struct sk_buff;

void kinet_dropped(const struct kinet_pkt *pkt, enum kinet_count reason);
void kinet_drop(struct sk_buff *skb, const struct kinet_pkt *pkt,
		enum kinet_count reason);

#endif /* _KINET_COUNT_H */
