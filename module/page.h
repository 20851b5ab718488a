/* SPDX-License-Identifier: GPL-2.0 */
/* Private folios, slots, and stages of them. */
#ifndef PRIVPIPE_PAGE_H
#define PRIVPIPE_PAGE_H

#include <linux/bvec.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "pool.h"

#define PP_SLOT_MERGE	0x01	/* a write may add to the last page */
#define PP_SLOT_PACKET	0x02	/* one read takes it all */
#define PP_SLOT_SHARED	0x04	/* a target refers to the folio, or did */
#define PP_SLOT_FOREIGN	0x08	/* not from pp_folio_alloc(): never recycled */

/**
 * struct pp_slot - bytes in a folio that the slot has the only reference to
 * @folio: the folio
 * @offset: where in @folio they begin, in bytes
 * @len: how many, in bytes; never 0
 * @flags: PP_SLOT_*
 */
struct pp_slot {
	struct folio *folio;
	u32 offset;
	u32 len : 24;
	u32 flags : 8;
};

/*
 * How many slots are staged on the stack at a time.  Devices and sockets are read in
 * one pass, so a stage must hold a whole pipe of 1 MiB; its worst case, 255 pages, is
 * 15 large folios plus folios of 8, 4, 2 and 1 pages.
 */
#define PP_STAGE_SLOTS	20

struct pp_ring;

/**
 * struct pp_stage - slots on their way into a ring, or to another target
 * @ring: if it has a reservation, from pp_ring_reserve(): where
 * @room: if so, how many pages of it are left
 * @nr: how many slots are in use
 * @slots: the slots; the stage owns the folios
 */
struct pp_stage {
	struct pp_ring *ring;
	unsigned int room;
	unsigned int nr;
	struct pp_slot slots[PP_STAGE_SLOTS];
};

/**
 * pp_slot_pages() - How many pages a slot counts for.
 * @slot: the slot
 *
 * As in a stock pipe, a page counts until its last byte was read.
 *
 * Return: pages that the bytes of @slot touch.
 */
static inline unsigned int pp_slot_pages(const struct pp_slot *slot)
{
	return DIV_ROUND_UP(offset_in_page(slot->offset) + slot->len, PAGE_SIZE);
}

extern unsigned int pp_folio_order;

/**
 * pp_folio_max_pages() - The size of the folios that long copies go to.
 *
 * Return: pages, a power of two.
 */
static inline unsigned int pp_folio_max_pages(void)
{
	return 1U << min_t(unsigned int, READ_ONCE(pp_folio_order), PP_MAX_ORDER);
}

struct folio *pp_folio_alloc(unsigned int pages);
void pp_folio_free(struct folio *folio);
void pp_slot_free(struct pp_slot slot);

int pp_stage_alloc(struct pp_stage *stage, size_t offset, size_t len);
void pp_stage_fit(struct pp_stage *stage, size_t len);
void pp_stage_cut(struct pp_stage *stage, size_t len);
size_t pp_stage_bytes(const struct pp_stage *stage);
void pp_stage_bvec(const struct pp_stage *stage, struct bio_vec *bvec);
void pp_copy_folio(struct folio *to, size_t to_offset, struct folio *from,
		   size_t from_offset, size_t len);

extern bool pp_debug;

void pp_check_private(const struct pp_slot *slot);

static inline void pp_assert_private(const struct pp_slot *slot)
{
	if (READ_ONCE(pp_debug))
		pp_check_private(slot);
}

#endif /* PRIVPIPE_PAGE_H */
