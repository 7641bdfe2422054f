// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has a program use kinet's sockets where it asks for those of IPv4 and IPv6.
 *
 * Preloaded by kinet-run, which says the numbers of the domains. What kinet
 * doesn't have is the host's, unless KINET_STRICT is set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static int kinets(int domain)
{
	const char *number = NULL;

	if (domain == AF_INET)
		number = getenv("KINET_FAMILY");
	else if (domain == AF_INET6)
		number = getenv("KINET_FAMILY6");
	return number ? atoi(number) : 0;
}

static int kinet_has_not(int error)
{
	return error == ESOCKTNOSUPPORT || error == EPROTONOSUPPORT;
}

int socket(int domain, int type, int protocol)
{
	int (*next)(int domain, int type, int protocol);
	int kinet = kinets(domain);
	int fd;

	next = dlsym(RTLD_NEXT, "socket");
	if (!kinet)
		return next(domain, type, protocol);
	fd = next(kinet, type, protocol);
	if (fd < 0 && kinet_has_not(errno) && !getenv("KINET_STRICT"))
		return next(domain, type, protocol);
	return fd;
}
