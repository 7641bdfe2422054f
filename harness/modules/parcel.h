/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that were sent by reference, for /dev/ksockctl
 */
#ifndef _KSOCKCTL_PARCEL_H
#define _KSOCKCTL_PARCEL_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/refcount.h>

#include <ksocket/ksocket.h>

#include "ksockctl.h"

/**
 * struct parcel - what one call sends
 * @node: in control.parcels
 * @number: which of the device's
 * @does: what its completion does, KSOCKCTL_DONE_*
 * @s: the socket
 * @refs: the device's, and that of a send which is not done
 * @told: how often it was done
 * @copied: as the completion said
 * @context: KSOCKCTL_IN_ATOMIC, if all were
 * @refused: what the call returned that it made
 * @layout: &enum ksockctl_layout
 * @nr: pieces at @bv
 * @room: how many there can be
 * @bv: the pieces
 */
struct parcel {
	struct list_head	node;
	u32			number;
	u32			does;
	ksocket_t		s;
	refcount_t		refs;
	atomic_t		told;
	bool			copied;
	u32			context;
	int			refused;
	u32			layout;
	unsigned int		nr;
	unsigned int		room;
	struct bio_vec		bv[];
};

struct parcel *parcel_alloc(ksocket_t s, const struct ksockctl_call *call,
			    const void *data);
int parcel_send_bvec(struct parcel *parcel, const struct ksockctl_call *call,
		     size_t *done);
int parcel_send_zc(struct parcel *parcel, const struct ksockctl_call *call,
		   size_t *done);
void parcel_spoil(struct parcel *parcel);
void parcel_put(struct parcel *parcel);
void parcels_wait(void);

#endif /* _KSOCKCTL_PARCEL_H */
