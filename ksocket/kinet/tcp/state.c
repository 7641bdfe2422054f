// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine: RFC 9293, figure 5 and section 3.10
 *
 * States are the kernel's constants, for sk_state is looked at by others, too.
 *
 * A listener's child is a connection of its own. So a RST takes a child in
 * SYN-RECEIVED to CLOSED, where the RFC returns to LISTEN: its listener has
 * never left LISTEN (MUST-11).
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "state.h"

#define KINET_STATES	(TCP_CLOSING + 1)

/* What isn't here can't be; state 0 is none. */
static const u8 kinet_transitions[KINET_STATES][KINET_EVENTS] = {
	[TCP_CLOSE] = {
		[KINET_EV_LISTEN]	= TCP_LISTEN,
		[KINET_EV_CONNECT]	= TCP_SYN_SENT,
	},
	[TCP_LISTEN] = {
		[KINET_EV_LISTEN]	= TCP_LISTEN,	/* another backlog */
		[KINET_EV_CONNECT]	= TCP_SYN_SENT,
		[KINET_EV_CLOSE]	= TCP_CLOSE,
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_SYN]		= TCP_SYN_RECV,
		[KINET_EV_RST]		= TCP_LISTEN,
	},
	[TCP_SYN_SENT] = {
		[KINET_EV_CLOSE]	= TCP_CLOSE,
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_SYN]		= TCP_SYN_RECV,	/* both at once: MUST-10 */
		[KINET_EV_SYN_ACK]	= TCP_ESTABLISHED,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_SYN_RECV] = {
		[KINET_EV_CLOSE]	= TCP_FIN_WAIT1,
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_SYN_ACK]	= TCP_ESTABLISHED,	/* figure 7 */
		[KINET_EV_ACK_SYN]	= TCP_ESTABLISHED,
		[KINET_EV_FIN]		= TCP_CLOSE_WAIT,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_ESTABLISHED] = {
		[KINET_EV_CLOSE]	= TCP_FIN_WAIT1,
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_CLOSE_WAIT,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_FIN_WAIT1] = {
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_CLOSING,	/* both at once */
		[KINET_EV_ACK_FIN]	= TCP_FIN_WAIT2,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_FIN_WAIT2] = {
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_TIME_WAIT,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_CLOSE_WAIT] = {
		[KINET_EV_CLOSE]	= TCP_LAST_ACK,
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_CLOSE_WAIT,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_CLOSING] = {
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_CLOSING,
		[KINET_EV_ACK_FIN]	= TCP_TIME_WAIT,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_LAST_ACK] = {
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_LAST_ACK,
		[KINET_EV_ACK_FIN]	= TCP_CLOSE,
		[KINET_EV_RST]		= TCP_CLOSE,
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
	},
	[TCP_TIME_WAIT] = {
		[KINET_EV_ABORT]	= TCP_CLOSE,
		[KINET_EV_FIN]		= TCP_TIME_WAIT,	/* 2 MSL anew */
		[KINET_EV_RST]		= TCP_CLOSE,	/* unless RFC 1337 */
		[KINET_EV_TIMEOUT]	= TCP_CLOSE,
		[KINET_EV_REUSE]	= TCP_CLOSE,
	},
};

static const char *const kinet_state_names[KINET_STATES] = {
	[TCP_ESTABLISHED]	= "ESTABLISHED",
	[TCP_SYN_SENT]		= "SYN-SENT",
	[TCP_SYN_RECV]		= "SYN-RECEIVED",
	[TCP_FIN_WAIT1]		= "FIN-WAIT-1",
	[TCP_FIN_WAIT2]		= "FIN-WAIT-2",
	[TCP_TIME_WAIT]		= "TIME-WAIT",
	[TCP_CLOSE]		= "CLOSED",
	[TCP_CLOSE_WAIT]	= "CLOSE-WAIT",
	[TCP_LAST_ACK]		= "LAST-ACK",
	[TCP_LISTEN]		= "LISTEN",
	[TCP_CLOSING]		= "CLOSING",
};

static const char *const kinet_event_names[KINET_EVENTS] = {
	[KINET_EV_LISTEN]	= "listen",
	[KINET_EV_CONNECT]	= "connect",
	[KINET_EV_CLOSE]	= "close",
	[KINET_EV_ABORT]	= "abort",
	[KINET_EV_SYN]		= "SYN",
	[KINET_EV_SYN_ACK]	= "SYN+ACK",
	[KINET_EV_ACK_SYN]	= "ACK of SYN",
	[KINET_EV_FIN]		= "FIN",
	[KINET_EV_ACK_FIN]	= "ACK of FIN",
	[KINET_EV_RST]		= "RST",
	[KINET_EV_TIMEOUT]	= "time-out",
	[KINET_EV_REUSE]	= "reuse",
};

/**
 * kinet_state_next() - what an event does to a connection
 * @state: TCP_ESTABLISHED and so on
 * @event: what happened
 *
 * Return: the next state, which may be the same, or -EINVAL when the event
 * can't happen in this state.
 */
int kinet_state_next(int state, enum kinet_event event)
{
	if (state <= 0 || state >= KINET_STATES || event >= KINET_EVENTS)
		return -EINVAL;
	return kinet_transitions[state][event] ?: -EINVAL;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_state_next);

/**
 * kinet_state_synchronized() - do both ends know each other's numbers?
 * @state: TCP_ESTABLISHED and so on
 *
 * Return: whether they do (RFC 9293, section 3.5.2).
 */
bool kinet_state_synchronized(int state)
{
	return (1 << state) & ~(TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT |
				TCPF_SYN_RECV);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_state_synchronized);

/**
 * kinet_state_sends() - may the user have data sent?
 * @state: TCP_ESTABLISHED and so on
 *
 * Return: whether he may.
 */
bool kinet_state_sends(int state)
{
	return (1 << state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_state_sends);

/**
 * kinet_state_receives() - can data of the peer come?
 * @state: TCP_ESTABLISHED and so on
 *
 * Return: whether they can.
 */
bool kinet_state_receives(int state)
{
	return (1 << state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 |
			       TCPF_FIN_WAIT2);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_state_receives);

/**
 * kinet_state_name() - a state's name, as the RFC has it
 * @state: TCP_ESTABLISHED and so on
 *
 * Return: the name, or "?".
 */
const char *kinet_state_name(int state)
{
	if (state <= 0 || state >= KINET_STATES)
		return "?";
	return kinet_state_names[state];
}
EXPORT_SYMBOL_IF_KUNIT(kinet_state_name);

/**
 * kinet_event_name() - an event's name
 * @event: the event
 *
 * Return: the name, or "?".
 */
const char *kinet_event_name(enum kinet_event event)
{
	return event < KINET_EVENTS ? kinet_event_names[event] : "?";
}
EXPORT_SYMBOL_IF_KUNIT(kinet_event_name);
