// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call on a handle, to be made where it must be refused
 */
#include <asm/ioctls.h>

#include "call.h"
#include "pair.h"

static u8 byte;
static size_t count;
static struct kt_addr addr;
static ksocket_t child;

static int call_bind(ksocket_t s)
{
	addr.len = sizeof(struct sockaddr_storage);
	return ksock_bind(s, kt_sockaddr(&addr), addr.len);
}

static int call_listen(ksocket_t s)
{
	return ksock_listen(s, 1);
}

static int call_accept(ksocket_t s)
{
	return ksock_accept(s, &child, NULL, NULL);
}

static int call_connect(ksocket_t s)
{
	return kt_connect(s, &addr);
}

static int call_shutdown(ksocket_t s)
{
	return ksock_shutdown(s, SHUT_RDWR);
}

static int call_getsockname(ksocket_t s)
{
	return ksock_getsockname(s, kt_sockaddr(&addr), &addr.len);
}

static int call_getpeername(ksocket_t s)
{
	return ksock_getpeername(s, kt_sockaddr(&addr), &addr.len);
}

static int call_send(ksocket_t s)
{
	return ksock_send(s, &byte, 1, 0, &count);
}

static int call_sendto(ksocket_t s)
{
	return ksock_sendto(s, &byte, 1, 0, kt_sockaddr(&addr), addr.len,
			    &count);
}

static int call_sendmsg(ksocket_t s)
{
	struct msghdr msg = {};

	return ksock_sendmsg(s, &msg, 0, &count);
}

static int call_recv(ksocket_t s)
{
	return ksock_recv(s, &byte, 1, 0, &count);
}

static int call_recvfrom(ksocket_t s)
{
	return ksock_recvfrom(s, &byte, 1, 0, kt_sockaddr(&addr), &addr.len,
			      &count);
}

static int call_recvmsg(ksocket_t s)
{
	struct msghdr msg = {};

	return ksock_recvmsg(s, &msg, 0, &count);
}

static int call_setsockopt(ksocket_t s)
{
	int one = 1;

	return ksock_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

static int call_getsockopt(ksocket_t s)
{
	int val, len = sizeof(val);

	return ksock_getsockopt(s, SOL_SOCKET, SO_TYPE, &val, &len);
}

static int call_ioctl(ksocket_t s)
{
	int val;

	return ksock_ioctl(s, FIONREAD, (intptr_t)&val);
}

static int call_bind_reserved(ksocket_t s)
{
	addr.name.ss_family = AF_INET;
	return ksock_bind_reserved(s, kt_sockaddr(&addr),
				   sizeof(struct sockaddr_storage));
}

static int call_tune(ksocket_t s)
{
	const struct ksock_tuning tuning = { .nodelay = true };

	return ksock_tune(s, &tuning);
}

static int call_callbacks(ksocket_t s)
{
	const ksock_callbacks_t cb = {};

	return ksock_callbacks(s, &cb, NULL);
}

static int call_end_callbacks(ksocket_t s)
{
	return ksock_callbacks(s, NULL, NULL);
}

static int call_want_xmit(ksocket_t s)
{
	return ksock_want_xmit(s);
}

const struct kt_call kt_calls[KT_CALLS] = {
	{ "bind", call_bind },
	{ "listen", call_listen },
	{ "accept", call_accept },
	{ "connect", call_connect },
	{ "shutdown", call_shutdown },
	{ "getsockname", call_getsockname },
	{ "getpeername", call_getpeername },
	{ "send", call_send },
	{ "sendto", call_sendto },
	{ "sendmsg", call_sendmsg },
	{ "recv", call_recv },
	{ "recvfrom", call_recvfrom },
	{ "recvmsg", call_recvmsg },
	{ "setsockopt", call_setsockopt },
	{ "getsockopt", call_getsockopt },
	{ "ioctl", call_ioctl },
	{ "bind_reserved", call_bind_reserved },
	{ "tune", call_tune },
	{ "callbacks", call_callbacks },
	{ "end of callbacks", call_end_callbacks },
	{ "want_xmit", call_want_xmit },
};
