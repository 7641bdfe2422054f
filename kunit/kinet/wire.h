/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A wire that is but a list: what is sent is kept, what is received is made
 */
#ifndef _KUNIT_KINET_WIRE_H
#define _KUNIT_KINET_WIRE_H

#include <kunit/test.h>
#include <linux/skbuff.h>

#include "../../ksocket/kinet/kinet.h"

#define WIRE_MTU	1000

extern struct sk_buff_head wire_sent;
extern const struct kinet_wire wire_isolated;
/* A port was given back by a socket that didn't count as one any more. */
extern bool wire_given_back_late;

struct socket *wire_socket(struct kunit *test, const char *addr,
			   unsigned short port);
void wire_close(struct socket *sock);
void wire_receive(struct kunit *test, const char *from, unsigned short sport,
		  const char *to, unsigned short dport, const char *data);
int wire_init(struct kunit *test);
void wire_exit(struct kunit *test);

#endif /* _KUNIT_KINET_WIRE_H */
