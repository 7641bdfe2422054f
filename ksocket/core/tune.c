// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksock_tune(): the options that kernel clients set on every connection
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>

#include "core.h"

/* An option that is an int, and left alone when it is 0 */
struct ksock_knob {
	int	level;
	int	name;
	int	value;
};

static int ksock_turn(ksocket_t s, const struct ksock_knob *knob)
{
	if (!knob->value)
		return 0;
	/* The members of a tuning are unsigned, the options are not. */
	if (knob->value < 0)
		return -EINVAL;
	return ksock_setsockopt(s, knob->level, knob->name, &knob->value,
				sizeof(knob->value));
}

static int ksock_tune_knobs(ksocket_t s, const struct ksock_tuning *tuning)
{
	const struct ksock_knob knobs[] = {
		{ SOL_SOCKET, SO_SNDBUF, tuning->sndbuf },
		{ SOL_SOCKET, SO_RCVBUF, tuning->rcvbuf },
		{ IPPROTO_TCP, TCP_NODELAY, tuning->nodelay },
		{ IPPROTO_TCP, TCP_KEEPIDLE, tuning->keepidle },
		{ IPPROTO_TCP, TCP_KEEPINTVL, tuning->keepintvl },
		{ IPPROTO_TCP, TCP_KEEPCNT, tuning->keepcnt },
		{ SOL_SOCKET, SO_KEEPALIVE, tuning->keepidle ||
			tuning->keepintvl || tuning->keepcnt },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, tuning->user_timeout },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(knobs) && !err; i++)
		err = ksock_turn(s, &knobs[i]);
	return err;
}

static int ksock_tune_linger(ksocket_t s, const struct ksock_tuning *tuning)
{
	struct linger linger = { .l_onoff = 1, .l_linger = tuning->linger };

	if (!tuning->linger && !tuning->reset_on_close)
		return 0;
	return ksock_setsockopt(s, SOL_SOCKET, SO_LINGER, &linger,
				sizeof(linger));
}

/* An AF_INET6 socket that is connected to a mapped address sends IPv4's. */
static int ksock_tune_tos(ksocket_t s, int domain, int tos)
{
	struct ksock_knob tclass = { IPPROTO_IPV6, IPV6_TCLASS, tos };
	struct ksock_knob knob = { IPPROTO_IP, IP_TOS, tos };
	int err;

	err = ksock_turn(s, &knob);
	if (!err && domain == AF_INET6)
		err = ksock_turn(s, &tclass);
	return err;
}

static int ksock_tune_device(ksocket_t s, const char *device)
{
	if (!device)
		return 0;
	return ksock_setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device,
				strlen(device));
}

/**
 * ksock_tune() - set the options that kernel clients want, in one call
 * @s: handle
 * @tuning: what to set; a member that is 0 leaves its option as it is
 *
 * As so many calls of ksock_setsockopt(): the first that fails ends it, and
 * what was set before it stays set.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EFAULT for a NULL @tuning, -EINVAL for both a linger and a reset
 * on close, or for a value that its option doesn't take, -ENODEV for a device
 * that is not there, -ENOPROTOOPT or -EOPNOTSUPP for an option that the family
 * doesn't have, -EPERM, -ENOTSOCK, -ENETDOWN.
 */
int ksock_tune(ksocket_t s, const struct ksock_tuning *tuning)
{
	int len = sizeof(int);
	int domain;
	int err;

	err = ksock_getsockopt(s, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (err)
		return err;
	if (!tuning)
		return -EFAULT;
	if (tuning->linger && tuning->reset_on_close)
		return -EINVAL;
	err = ksock_tune_knobs(s, tuning);
	if (!err)
		err = ksock_tune_linger(s, tuning);
	if (!err)
		err = ksock_tune_tos(s, domain, tuning->tos);
	if (!err)
		err = ksock_tune_device(s, tuning->device);
	return err;
}
EXPORT_SYMBOL_GPL(ksock_tune);
