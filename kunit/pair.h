/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connected sockets of a family, over the loopback
 */
#ifndef _KSOCKET_KUNIT_PAIR_H
#define _KSOCKET_KUNIT_PAIR_H

#include "fixture.h"

/* A parameter of most tests */
struct kt_family {
	int domain;
	const char *name;
};

/* Needs a const struct kt_family array; names the generator for KUNIT_CASE_PARAM(). */
void kt_describe_family(const struct kt_family *family, char *desc);
int kt_domain(struct kunit *test);

struct kt_addr {
	struct sockaddr_storage name;
	socklen_t len;
};

static inline struct sockaddr *kt_sockaddr(struct kt_addr *addr)
{
	return (struct sockaddr *)&addr->name;
}

/**
 * struct kt_pair - a connection, and the listener it came by
 * @listener: listening socket, or NULL for datagrams
 * @client: the one who connected
 * @server: what @listener accepted
 * @addr: where @listener (for datagrams: @server) is bound
 */
struct kt_pair {
	ksocket_t	listener;
	ksocket_t	client;
	ksocket_t	server;
	struct kt_addr	addr;
};

void kt_bind(struct kunit *test, ksocket_t s, struct kt_addr *addr);
ksocket_t kt_listen(struct kunit *test, int domain, int type, int backlog,
		    struct kt_addr *addr);
int kt_connect(ksocket_t s, struct kt_addr *addr);
ksocket_t kt_accept(struct kunit *test, ksocket_t listener);
void kt_pair(struct kunit *test, int domain, int type, struct kt_pair *pair);
void kt_dial(struct kunit *test, struct kt_pair *pair);
void kt_dgram_pair(struct kunit *test, int domain, struct kt_pair *pair);
void kt_fill(struct kunit *test, ksocket_t s);

#endif /* _KSOCKET_KUNIT_PAIR_H */
