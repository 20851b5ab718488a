// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for copies.
 *
 * Most kernels zero what they allocate, which takes as long as the copy, and charging
 * it to a memory cgroup takes nearly as long again.  So a call gets the pages of
 * folios that are as large as what it has to put into the pipe, and each CPU keeps the
 * folios that it filled last.  Their pages are in pipes, or on their way beyond, with a
 * reference each; once only the pool's is left, nobody else has the folio, and it is
 * filled again, still hot in the CPU's cache.
 */
#include <linux/cleanup.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/workqueue.h>

#include "harden.h"
#include "pipe.h"

#define PPH_MAX_ORDER	4
#define PPH_POOL_FOLIOS	16	/* of 64 KiB: as much as stays in a CPU's cache */

/* A folio goes in on the pool's own CPU; pph_pools_age() takes out on any. */
struct pph_slot {
	struct folio *folio;
	unsigned long since;	/* in jiffies */
};

/* What a CPU keeps of one order. */
struct pph_pool {
	struct pph_slot slots[PPH_POOL_FOLIOS];
	unsigned int oldest;
};

static DEFINE_PER_CPU(struct pph_pool, pph_pools[PPH_MAX_ORDER + 1]);

static void pph_pools_age(struct work_struct *work);
static DECLARE_DELAYED_WORK(pph_pools_work, pph_pools_age);

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
static struct folio *pph_pool_take(unsigned int order)
{
	struct pph_pool *pool;
	unsigned int i;

	guard(preempt)();
	pool = this_cpu_ptr(&pph_pools[order]);
	for (i = 0; i < PPH_POOL_FOLIOS; i++) {
		struct pph_slot *slot = &pool->slots[i];
		struct folio *folio = READ_ONCE(slot->folio);

		if (!folio || folio_ref_count(folio) != 1 ||
		    !pph_charged_to_current(folio))
			continue;
		/* Also orders this after what others did before they let it go. */
		if (try_cmpxchg(&slot->folio, &folio, NULL))
			return folio;
	}
	return NULL;
}

static struct folio *pph_folio_get(gfp_t gfp, unsigned int order)
{
	struct folio *folio = pph_pool_take(order);

	if (folio || !order)
		return folio ?: folio_alloc(gfp, 0);
	/* A large one is nice to have, not worth reclaiming memory for. */
	folio = folio_alloc((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NORETRY |
			    __GFP_NOWARN, order);
	return folio ?: pph_folio_get(gfp, 0);
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
	if (supply->folio && supply->used == folio_nr_pages(supply->folio))
		pph_supply_end(supply);
	if (!supply->folio) {
		/* Not larger: a page in a pipe keeps all of its folio. */
		unsigned int order = ilog2(DIV_ROUND_UP(left, PAGE_SIZE));

		supply->folio = pph_folio_get(supply->gfp | __GFP_ACCOUNT,
					      min(order, PPH_MAX_ORDER));
		if (!supply->folio)
			return NULL;
		supply->used = 0;
		/* All references at once. */
		folio_ref_add(supply->folio, folio_nr_pages(supply->folio));
	}
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
	pool = this_cpu_ptr(&pph_pools[folio_order(folio)]);
	for (i = 0; i < PPH_POOL_FOLIOS && READ_ONCE(pool->slots[i].folio); i++)
		;
	if (i == PPH_POOL_FOLIOS)
		i = pool->oldest++ % PPH_POOL_FOLIOS;
	WRITE_ONCE(pool->slots[i].since, jiffies);
	folio = xchg(&pool->slots[i].folio, folio);
	if (folio)
		folio_put(folio);
	if (!delayed_work_pending(&pph_pools_work))
		schedule_delayed_work(&pph_pools_work, HZ);
}

/* Free what was not used since @then; tells whether there is more. */
static bool pph_pools_drop(unsigned long then)
{
	unsigned int order, i;
	bool more = false;
	int cpu;

	for_each_possible_cpu(cpu)
		for (order = 0; order <= PPH_MAX_ORDER; order++)
			for (i = 0; i < PPH_POOL_FOLIOS; i++) {
				struct pph_slot *slot =
					&per_cpu(pph_pools[order], cpu).slots[i];
				struct folio *folio = READ_ONCE(slot->folio);

				if (!folio)
					continue;
				if (time_after(READ_ONCE(slot->since), then))
					more = true;
				else if (try_cmpxchg(&slot->folio, &folio, NULL))
					folio_put(folio);
			}
	return more;
}

/* What is not used is charged to cgroups that may have better uses for it. */
static void pph_pools_age(struct work_struct *work)
{
	if (pph_pools_drop(jiffies - HZ))
		schedule_delayed_work(&pph_pools_work, HZ);
}

/**
 * pph_pools_drain() - Free what the pools have.
 *
 * Nobody fills pipes any more.  Pages that are in pipes stay there.
 */
void pph_pools_drain(void)
{
	cancel_delayed_work_sync(&pph_pools_work);
	pph_pools_drop(jiffies);
}
