// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing a port
 *
 * RFC 6056, section 3.3.1: a port that can't be guessed, then its neighbours.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>

#include "header.h"

/**
 * kinet_port_next() - the next port that nobody has
 * @taken: bits by port, those that are taken
 * @low: lowest port to take
 * @high: highest port to take
 * @after: port behind which the search begins; it goes round
 *
 * Return: a port, which may be @after when it is the last one; -EADDRINUSE when
 * all are taken.
 */
int kinet_port_next(const unsigned long *taken, unsigned int low,
		    unsigned int high, unsigned int after)
{
	unsigned int port;

	port = find_next_zero_bit(taken, high + 1, after + 1);
	if (port <= high)
		return port;
	port = find_next_zero_bit(taken, high + 1, low);
	return port <= high ? port : -EADDRINUSE;
}
EXPORT_SYMBOL_IF_KUNIT(kinet_port_next);

/**
 * kinet_port_choose() - a port that nobody has, and nobody can guess
 * @taken: bits by port, those that are taken
 * @low: lowest port to take
 * @high: highest port to take
 * @seed: random number
 *
 * Return: a port, or -EADDRINUSE when all are taken.
 */
int kinet_port_choose(const unsigned long *taken, unsigned int low,
		      unsigned int high, u32 seed)
{
	unsigned int count = high - low + 1;

	return kinet_port_next(taken, low, high,
			       low + (unsigned int)((u64)seed * count >> 32) - 1);
}
EXPORT_SYMBOL_IF_KUNIT(kinet_port_choose);
