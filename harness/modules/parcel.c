// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that were sent by reference, for /dev/ksockctl
 *
 * Each send has pages of its own, which are kept for as long as the device is
 * open, so that a test can overwrite them when it wants; or has it done as soon
 * as they are free to be.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "parcel.h"

#define SPOILT		0xee
#define MAX_PIECES	2048
#define PIECE_ORDER	3	/* of compound pages */

/* Sends whose completion has not returned */
static atomic_t under_way;
static DECLARE_WAIT_QUEUE_HEAD(idle);

static void *piece_address(const struct bio_vec *bv)
{
	return page_address(bv->bv_page) + bv->bv_offset;
}

/* Which part of its memory the n-th piece is, in bytes */
static void piece_place(enum ksockctl_layout layout, unsigned int n,
			unsigned int *offset, unsigned int *len)
{
	*offset = 0;
	*len = PAGE_SIZE;
	switch (layout) {
	case KSOCKCTL_LAYOUT_ODD:
		*offset = 1 + n * 409 % 2000;
		*len = 1 + n * 733 % 2000;
		break;
	case KSOCKCTL_LAYOUT_TINY:
		*offset = n * 37 % 3000;
		*len = 64 + n % 37;
		break;
	case KSOCKCTL_LAYOUT_COMPOUND:
		*offset = 1234;
		*len = (PAGE_SIZE << PIECE_ORDER) - 2 * *offset;
		break;
	case KSOCKCTL_LAYOUT_SLAB:
		*len = 1000;
		break;
	case KSOCKCTL_LAYOUT_TAIL:
		*offset = PAGE_SIZE;
		break;
	default:
		break;
	}
}

static bool piece_alloc(enum ksockctl_layout layout, struct bio_vec *bv)
{
	void *mem;

	switch (layout) {
	case KSOCKCTL_LAYOUT_COMPOUND:
		bv->bv_page = alloc_pages(GFP_KERNEL | __GFP_COMP, PIECE_ORDER);
		break;
	case KSOCKCTL_LAYOUT_TAIL:
		bv->bv_page = alloc_pages(GFP_KERNEL, 1);
		break;
	case KSOCKCTL_LAYOUT_SLAB:
		mem = kmalloc(bv->bv_len, GFP_KERNEL);
		bv->bv_page = mem ? virt_to_page(mem) : NULL;
		bv->bv_offset = offset_in_page(mem);
		break;
	default:
		bv->bv_page = alloc_page(GFP_KERNEL);
		break;
	}
	return bv->bv_page;
}

static void piece_free(enum ksockctl_layout layout, struct bio_vec *bv)
{
	switch (layout) {
	case KSOCKCTL_LAYOUT_SLAB:
		kfree(piece_address(bv));
		break;
	case KSOCKCTL_LAYOUT_TAIL:
		__free_pages(bv->bv_page, 1);
		break;
	default:
		/* The network may have more references. */
		put_page(bv->bv_page);
		break;
	}
}

static bool parcel_fill(struct parcel *parcel, const void *data, size_t size)
{
	while (size && parcel->nr < parcel->room) {
		struct bio_vec *bv = &parcel->bv[parcel->nr];

		piece_place(parcel->layout, parcel->nr, &bv->bv_offset,
			    &bv->bv_len);
		bv->bv_len = min_t(size_t, bv->bv_len, size);
		if (!piece_alloc(parcel->layout, bv))
			return false;
		parcel->nr++;
		memcpy(piece_address(bv), data, bv->bv_len);
		data += bv->bv_len;
		size -= bv->bv_len;
	}
	return !size;
}

/* In @call: b layout, d what the completion does */
struct parcel *parcel_alloc(ksocket_t s, const struct ksockctl_call *call,
			    const void *data)
{
	struct parcel *parcel;

	parcel = kvzalloc(struct_size(parcel, bv, MAX_PIECES), GFP_KERNEL);
	if (!parcel)
		return NULL;
	refcount_set(&parcel->refs, 1);
	parcel->s = s;
	parcel->room = MAX_PIECES;
	parcel->layout = call->b;
	parcel->does = call->d;
	parcel->context = KSOCKCTL_IN_ATOMIC;
	if (!parcel_fill(parcel, data, call->data_len)) {
		parcel_put(parcel);
		return NULL;
	}
	return parcel;
}

void parcel_spoil(struct parcel *parcel)
{
	unsigned int n;

	for (n = 0; n < parcel->nr; n++)
		memset(piece_address(&parcel->bv[n]), SPOILT,
		       parcel->bv[n].bv_len);
}

void parcel_put(struct parcel *parcel)
{
	unsigned int n;

	if (!refcount_dec_and_test(&parcel->refs))
		return;
	for (n = 0; n < parcel->nr; n++)
		piece_free(parcel->layout, &parcel->bv[n]);
	kvfree(parcel);
}

static void done(void *arg, bool copied)
{
	struct parcel *parcel = arg;

	if (parcel->does & KSOCKCTL_DONE_SPOIL)
		parcel_spoil(parcel);
	if (parcel->does & KSOCKCTL_DONE_CALL)
		parcel->refused = ksock_want_xmit(parcel->s);
	if (!in_softirq())
		parcel->context = 0;
	parcel->copied = copied;
	atomic_inc(&parcel->told);
	/* Not the last, unless the device is closed. */
	parcel_put(parcel);
	if (atomic_dec_and_test(&under_way))
		wake_up_all(&idle);
}

/* The pieces to tell the call, and where the null bits have one be bad */
static const struct bio_vec *pieces(struct parcel *parcel,
				    const struct ksockctl_call *call)
{
	if (call->null & KSOCKCTL_NULL_DATA)
		return NULL;
	if (call->null & KSOCKCTL_NULL_PIECE)
		parcel->bv[0].bv_len = 0;
	return parcel->bv;
}

int parcel_send_bvec(struct parcel *parcel, const struct ksockctl_call *call,
		     size_t *done)
{
	return ksock_send_bvec(parcel->s, pieces(parcel, call), parcel->nr,
			       call->size, call->a, done);
}

int parcel_send_zc(struct parcel *parcel, const struct ksockctl_call *call,
		   size_t *sent)
{
	if (call->null & KSOCKCTL_NULL_NEW)
		return ksock_send_zc(parcel->s, pieces(parcel, call),
				     parcel->nr, call->size, call->a, sent,
				     NULL, parcel);
	refcount_inc(&parcel->refs);
	atomic_inc(&under_way);
	return ksock_send_zc(parcel->s, pieces(parcel, call), parcel->nr,
			     call->size, call->a, sent, done, parcel);
}

/* A completion may still be on its way out: ksocket waits for that. */
void parcels_wait(void)
{
	wait_event(idle, !atomic_read(&under_way));
}
