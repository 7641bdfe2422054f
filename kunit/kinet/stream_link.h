/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A link between two sockets of kinet's that does to packets what networks do
 */
#ifndef _KUNIT_KINET_STREAM_LINK_H
#define _KUNIT_KINET_STREAM_LINK_H

#include <linux/prandom.h>

#include "stream_wire.h"

#define LINK_PACKETS	2048
#define LINK_IN_A_ROW	3	/* no more of a direction are lost one after another */

/**
 * struct stream_way - one direction, by the port that it goes to
 * @lost: in a row
 * @begun: its SYN was seen
 * @scale: of its sender's windows
 * @edge: behind the largest window that its sender has offered
 */
struct stream_way {
	unsigned int	lost;
	bool		begun;
	u8		scale;
	u32		edge;
};

/**
 * struct stream_link - the link
 * @random: chance
 * @net: what it does; those that are late are so by up to @jitter
 * @delay: of all, microseconds
 * @jitter: microseconds
 * @loud: all packets are logged
 * @split: what is longer than a segment is divided, as a device would
 * @ways: to STREAM_PORT, and to STREAM_PEER
 * @packets: on their way
 * @at: when they arrive, by index
 * @serials: in which order they were sent
 * @count: how many they are
 * @serial: of the last one
 * @wrong: what is wrong with one of them, or NULL
 */
struct stream_link {
	struct rnd_state	*random;
	const struct stream_net	*net;
	u32			delay;
	u32			jitter;
	bool			loud;
	bool			split;
	struct stream_way	ways[2];
	struct sk_buff		*packets[LINK_PACKETS];
	u64			at[LINK_PACKETS];
	u32			serials[LINK_PACKETS];
	unsigned int		count;
	u32			serial;
	const char		*wrong;
};

/* A network: what it does to packets, percent */
struct stream_net {
	const char	*name;
	u32		loss;
	u32		twice;
	u32		late;
};

void stream_link_begin(struct stream_link *link, const struct stream_net *net,
		       struct rnd_state *random);
/* Take what was sent. */
void stream_link_take(struct stream_link *link);
/* When the next packet arrives, or KINET_NEVER */
u64 stream_link_due(const struct stream_link *link);
/* Let that one arrive. */
void stream_link_arrive(struct stream_link *link);
void stream_link_end(struct stream_link *link);

#endif /* _KUNIT_KINET_STREAM_LINK_H */
