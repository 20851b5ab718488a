// SPDX-License-Identifier: GPL-2.0
/*
 * Private folios: allocating and filling them.
 *
 * Folios are large because one copy into a large folio that is still in the
 * CPU's cache costs no more than passing on pages of others one by one.
 */
#include <kunit/static_stub.h>
#include <linux/highmem.h>
#include <linux/moduleparam.h>

#include "page.h"
#include "stats.h"

unsigned int pp_folio_order = 4;
module_param_named(folio_order, pp_folio_order, uint, 0644);
MODULE_PARM_DESC(folio_order,
		 "largest folio for copies, as a power of two in pages (0 to 9)");

bool pp_debug = IS_ENABLED(CONFIG_PRIVPIPE_DEBUG);
module_param_named(debug, pp_debug, bool, 0644);
MODULE_PARM_DESC(debug, "check every folio that enters or leaves a pipe");

/*
 * Allocate, in a smaller folio if necessary: it is good enough, so do not reclaim memory
 * for a large one.
 */
static struct folio *pp_folio_new(unsigned int order)
{
	struct folio *folio;

	for (; order; order--) {
		folio = pp_pool_new((GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN,
				    order);
		if (folio)
			return folio;
		pp_count(PP_folios_smaller, 1);
	}
	return pp_pool_new(GFP_KERNEL | __GFP_NOWARN, 0);
}

/**
 * pp_folio_alloc() - Get a private folio.
 * @pages: how many pages can be used, at least 1
 *
 * The folio has at most @pages pages, and as many of them as a power of two
 * and the memory allow.  Its content is undefined.  It is charged to the memory
 * cgroup of the current task.
 *
 * Context: may sleep.
 * Return: a folio with one reference, the caller's, or NULL.
 */
struct folio *pp_folio_alloc(unsigned int pages)
{
	unsigned int order = ilog2(min(pages, pp_folio_max_pages()));
	struct folio *folio;

	KUNIT_STATIC_STUB_REDIRECT(pp_folio_alloc, pages);

	folio = pp_pool_get(order);
	pp_count(folio ? PP_folios_recycled : PP_folios_allocated, 1);
	return folio ?: pp_folio_new(order);
}

/**
 * pp_folio_free() - Free a folio from pp_folio_alloc(), or keep it to use it again.
 * @folio: the folio; the caller's reference is consumed
 */
void pp_folio_free(struct folio *folio)
{
	pp_pool_put(folio);
}

/**
 * pp_slot_free() - Free the folio of a slot, or keep it to use it again.
 * @slot: the slot
 */
void pp_slot_free(struct pp_slot slot)
{
	if (slot.flags & PP_SLOT_FOREIGN)
		folio_put(slot.folio);
	else
		pp_folio_free(slot.folio);
}

/**
 * pp_stage_alloc() - Add empty folios to a stage.
 * @stage: the stage; the slots added have their lengths set as if filled
 * @offset: where in the first page the bytes shall begin, less than PAGE_SIZE
 * @len: how many bytes there will be, not 0
 *
 * The slots together count for as many pages as @len bytes at @offset touch.
 * There is room for fewer than @len bytes if the stage is full or memory is short.
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM when nothing was added.
 */
int pp_stage_alloc(struct pp_stage *stage, size_t offset, size_t len)
{
	unsigned int first = stage->nr;

	while (len && stage->nr < PP_STAGE_SLOTS) {
		unsigned int pages = min_t(size_t, 1U << PP_MAX_ORDER,
					   DIV_ROUND_UP(offset + len, PAGE_SIZE));
		struct pp_slot *slot = &stage->slots[stage->nr];
		struct folio *folio = pp_folio_alloc(pages);

		if (!folio)
			return stage->nr == first ? -ENOMEM : 0;
		slot->folio = folio;
		slot->offset = offset;
		slot->len = min_t(size_t, len, folio_size(folio) - offset);
		slot->flags = 0;
		len -= slot->len;
		offset = 0;
		stage->nr++;
	}
	return 0;
}

/**
 * pp_stage_bytes() - How many bytes a stage holds.
 * @stage: the stage
 *
 * Return: bytes.
 */
size_t pp_stage_bytes(const struct pp_stage *stage)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < stage->nr; i++)
		sum += stage->slots[i].len;
	return sum;
}

/**
 * pp_stage_bvec() - Describe a stage as an array of bio_vec.
 * @stage: the stage, which keeps the folios
 * @bvec: filled in, an element for each slot
 */
void pp_stage_bvec(const struct pp_stage *stage, struct bio_vec *bvec)
{
	unsigned int i;

	for (i = 0; i < stage->nr; i++)
		bvec_set_folio(&bvec[i], stage->slots[i].folio, stage->slots[i].len,
			       stage->slots[i].offset);
}

/**
 * pp_stage_cut() - Keep the beginning of a stage, free the rest.
 * @stage: the stage
 * @len: how many bytes to keep, 0 for none
 */
void pp_stage_cut(struct pp_stage *stage, size_t len)
{
	unsigned int i, nr = 0;

	for (i = 0; i < stage->nr; i++) {
		struct pp_slot *slot = &stage->slots[i];

		if (len) {
			slot->len = min_t(size_t, slot->len, len);
			len -= slot->len;
			nr = i + 1;
		} else {
			pp_slot_free(*slot);
		}
	}
	stage->nr = nr;
}

/**
 * pp_stage_fit() - Cut a stage, and replace a last folio that is too large.
 * @stage: the stage, with nothing in it yet
 * @len: how many bytes it shall have room for; not 0, and not more than it has
 *
 * When memory is short the last folio stays as large as it was.
 *
 * Context: may sleep.
 */
void pp_stage_fit(struct pp_stage *stage, size_t len)
{
	struct pp_slot last;

	pp_stage_cut(stage, len);
	last = stage->slots[stage->nr - 1];
	if (folio_nr_pages(last.folio) == pp_slot_pages(&last))
		return;

	stage->nr--;
	pp_stage_alloc(stage, last.offset, last.len);
	if (pp_stage_bytes(stage) == len) {
		pp_folio_free(last.folio);
		return;
	}
	pp_stage_cut(stage, len - last.len);
	stage->slots[stage->nr++] = last;
}

/**
 * pp_copy_folio() - Copy bytes from folio to folio.
 * @to: the private folio to copy into
 * @to_offset: where, in bytes
 * @from: the folio to copy from
 * @from_offset: where, in bytes
 * @len: how many bytes
 */
void pp_copy_folio(struct folio *to, size_t to_offset, struct folio *from,
		   size_t from_offset, size_t len)
{
	while (len) {
		size_t n = min3(len, PAGE_SIZE - offset_in_page(to_offset),
				PAGE_SIZE - offset_in_page(from_offset));

		memcpy_page(folio_page(to, to_offset / PAGE_SIZE),
			    offset_in_page(to_offset),
			    folio_page(from, from_offset / PAGE_SIZE),
			    offset_in_page(from_offset), n);
		to_offset += n;
		from_offset += n;
		len -= n;
	}
}

/**
 * pp_check_private() - Check that a folio is the pipe's alone.
 * @slot: a slot about to enter or to leave a ring
 *
 * Reclaim and compaction may refer for a moment to a folio that is on the LRU.  A target
 * may refer to a folio that it was given, even if it accepted fewer bytes or failed.
 */
void pp_check_private(const struct pp_slot *slot)
{
	int tries;

	WARN_ON_ONCE(!slot->len);
	WARN_ON_ONCE(slot->offset + slot->len > folio_size(slot->folio));
	WARN_ON_ONCE(slot->folio->mapping);
	/* TCP_ZEROCOPY_RECEIVE maps a page that its peer has sent. */
	WARN_ON_ONCE(folio_mapped(slot->folio) && !(slot->flags & PP_SLOT_SHARED));
	if (slot->flags & (PP_SLOT_SHARED | PP_SLOT_FOREIGN))
		return;
	/* A lookup by a stale pointer may take a reference for a moment. */
	for (tries = 0; folio_ref_count(slot->folio) != 1; tries++) {
		if (WARN_ON_ONCE(tries == 1000))
			break;
		cpu_relax();
	}
}
