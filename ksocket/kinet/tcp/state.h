/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The states of a connection, and what leads from one to another
 */
#ifndef _KINET_TCP_STATE_H
#define _KINET_TCP_STATE_H

#include <kunit/visibility.h>
#include <linux/types.h>
#include <net/tcp_states.h>

/*
 * What can happen to a connection. A segment that does two things is two
 * events, in the order of RFC 9293, section 3.10.7.4: RST, SYN, ACK, FIN.
 */
enum kinet_event {
	KINET_EV_LISTEN,	/* passive OPEN */
	KINET_EV_CONNECT,	/* active OPEN, or SEND on a listener */
	KINET_EV_CLOSE,		/* the user has no more to send */
	KINET_EV_ABORT,		/* the user wants no more of it */
	KINET_EV_SYN,		/* SYN without ACK */
	KINET_EV_SYN_ACK,	/* SYN, and an acknowledgment of ours */
	KINET_EV_ACK_SYN,	/* an acknowledgment of our SYN */
	KINET_EV_FIN,		/* FIN, in order */
	KINET_EV_ACK_FIN,	/* an acknowledgment of our FIN */
	KINET_EV_RST,		/* a RST that was found valid */
	KINET_EV_TIMEOUT,	/* R2, user time-out, 2 MSL */
	KINET_EV_REUSE,		/* TIME-WAIT gives way, RFC 6191 */
	KINET_EVENTS
};

int kinet_state_next(int state, enum kinet_event event);
bool kinet_state_synchronized(int state);
bool kinet_state_sends(int state);
bool kinet_state_receives(int state);
const char *kinet_state_name(int state);
const char *kinet_event_name(enum kinet_event event);

#endif /* _KINET_TCP_STATE_H */
