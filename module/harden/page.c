// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for copies.
 *
 * Most kernels zero what they allocate, which takes as long as the copy.  So who
 * has much to put into a pipe gets the pages of a large folio one after the other,
 * and each CPU keeps the folios that it filled last.  Their pages are in pipes, or on
 * their way beyond, with a reference each; once only the pool's is left, nobody else
 * has the folio, and it is filled again, still hot in the CPU's cache.
 */
#include <linux/cleanup.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/preempt.h>

#include "harden.h"
#include "pipe.h"

#define PPH_FOLIO_ORDER 4
#define PPH_POOL_FOLIOS 16	/* 1 MiB, as much as stays in a CPU's cache */

struct pph_pool {
	struct folio *folios[PPH_POOL_FOLIOS];
	unsigned int oldest;
};

static DEFINE_PER_CPU(struct pph_pool, pph_pool);

/* A folio goes on being charged to the cgroup that it was allocated by. */
static bool pph_charged_to_current(const struct folio *folio)
{
#ifdef CONFIG_MEMCG
	return (folio->memcg_data & ~OBJEXTS_FLAGS_MASK) ==
	       (unsigned long)READ_ONCE(current->objcg);
#else
	return true;
#endif
}

/* A folio of the pool's that nobody else has, or NULL; the first ones are the hottest. */
static struct folio *pph_pool_take(void)
{
	struct pph_pool *pool;
	unsigned int i;

	guard(preempt)();
	pool = this_cpu_ptr(&pph_pool);
	for (i = 0; i < PPH_POOL_FOLIOS; i++) {
		struct folio *folio = pool->folios[i];

		if (!folio || folio_ref_count(folio) != 1 ||
		    !pph_charged_to_current(folio))
			continue;
		/* Pairs with the release of the other references. */
		smp_acquire__after_ctrl_dep();
		pool->folios[i] = NULL;
		return folio;
	}
	return NULL;
}

/**
 * pph_page_get() - A page to fill.
 * @supply: where from; zeroed but for the gfp at the beginning of a call
 * @left: how many bytes the caller has yet to put into pages, this one included
 *
 * Return: a page that nobody else has, with a reference, for pph_push(); or NULL.
 */
struct page *pph_page_get(struct pph_supply *supply, size_t left)
{
	gfp_t gfp = supply->gfp | __GFP_ACCOUNT;

	if (supply->folio && supply->used == folio_nr_pages(supply->folio))
		pph_supply_end(supply);
	/* A few pages would keep all of a folio from being used again. */
	if (!supply->folio && left > (PAGE_SIZE << PPH_FOLIO_ORDER) / 2) {
		supply->used = 0;
		supply->folio = pph_pool_take();
		/* It is nice to have, not worth reclaiming memory for. */
		if (!supply->folio)
			supply->folio = folio_alloc((gfp & ~__GFP_DIRECT_RECLAIM) |
						    __GFP_NORETRY | __GFP_NOWARN,
						    PPH_FOLIO_ORDER);
	}
	if (!supply->folio)
		return alloc_page(gfp);
	/* All references at once. */
	if (!supply->used)
		folio_ref_add(supply->folio, folio_nr_pages(supply->folio));
	return folio_page(supply->folio, supply->used++);
}

/**
 * pph_supply_end() - No more pages are wanted.
 * @supply: what pph_page_get() was called with
 */
void pph_supply_end(struct pph_supply *supply)
{
	struct folio *folio = supply->folio;
	struct pph_pool *pool;
	unsigned int i;

	if (!folio)
		return;
	if (supply->used < folio_nr_pages(folio))
		folio_ref_sub(folio, folio_nr_pages(folio) - supply->used);
	supply->folio = NULL;

	guard(preempt)();
	pool = this_cpu_ptr(&pph_pool);
	for (i = 0; i < PPH_POOL_FOLIOS && pool->folios[i]; i++)
		;
	if (i == PPH_POOL_FOLIOS)
		i = pool->oldest++ % PPH_POOL_FOLIOS;
	swap(pool->folios[i], folio);
	if (folio)
		folio_put(folio);
}

/**
 * pph_pool_drain() - Free what the pool has.
 *
 * Nobody fills pipes any more.  Pages that are in pipes stay there.
 */
void pph_pool_drain(void)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu)
		for (i = 0; i < PPH_POOL_FOLIOS; i++) {
			struct folio *folio = per_cpu(pph_pool, cpu).folios[i];

			if (folio)
				folio_put(folio);
		}
}
