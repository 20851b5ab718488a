// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for copies.
 *
 * A call gets pages of folios that are as large as the data it puts into the pipe.  Each
 * page that is in a pipe, or has moved on from there, has a reference.  Meanwhile the folio
 * is in a pool; when only the pool's reference is left, the folio is filled again.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "../module/pool.h"
#include "harden.h"

#define PPH_MAX_ORDER	4

static struct folio *pph_folio_get(gfp_t gfp, unsigned int order)
{
	struct folio *folio = pp_pool_get(order);

	if (folio || !order)
		return folio ?: pp_pool_new(gfp, 0);
	/* A large folio is not worth reclaiming memory for. */
	folio = pp_pool_new((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NORETRY | __GFP_NOWARN,
			    order);
	return folio ?: pph_folio_get(gfp, 0);
}

/**
 * pph_page_get() - A page to fill.
 * @supply: the call's supply, all zeros except the gfp when the call begins
 * @left: how many bytes the caller has yet to put into pages, including this one
 *
 * Return: a page that nobody else uses, with a reference, for pph_push(); or NULL.
 */
struct page *pph_page_get(struct pph_supply *supply, size_t left)
{
	if (supply->folio && supply->used == folio_nr_pages(supply->folio))
		pph_supply_end(supply);
	if (!supply->folio) {
		/* Not larger, because one page in a pipe keeps all of its folio. */
		unsigned int order = ilog2(DIV_ROUND_UP(left, PAGE_SIZE));

		supply->folio = pph_folio_get(supply->gfp, min(order, PPH_MAX_ORDER));
		if (!supply->folio)
			return NULL;
		supply->used = 0;
		/* Take the references of all pages at once. */
		folio_ref_add(supply->folio, folio_nr_pages(supply->folio));
	}
	return folio_page(supply->folio, supply->used++);
}

/**
 * pph_supply_end() - Give back the pages that were not used.
 * @supply: the supply that pph_page_get() was called with
 */
void pph_supply_end(struct pph_supply *supply)
{
	struct folio *folio = supply->folio;

	if (!folio)
		return;
	if (supply->used < folio_nr_pages(folio))
		folio_ref_sub(folio, folio_nr_pages(folio) - supply->used);
	supply->folio = NULL;
	pp_pool_put(folio);
}
