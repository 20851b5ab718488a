// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that were used and will be used again.
 *
 * Most kernels zero what they allocate, which takes as long as the copy that follows,
 * and charging it to a memory cgroup takes nearly as long again.  A folio from a pool
 * is charged already, and still in the CPU's cache.
 *
 * Folios in a pool stay charged to the cgroup that they were allocated for.  They are
 * given back when nobody needed them for a while.
 * privpipe_harden.ko includes this file and has pools of its own.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "pool.h"

DEFINE_PER_CPU(struct pp_pool, pp_pools[PP_MAX_ORDER + 1]);
static DECLARE_DELAYED_WORK(pp_pools_work, pp_pools_age);

/* A memory cgroup, or NULL for the root: allocations there are not charged. */
static struct mem_cgroup *pp_payer(struct mem_cgroup *memcg)
{
	return memcg && parent_mem_cgroup(memcg) ? memcg : NULL;
}

/*
 * The cgroup that is charged for what this task allocates.  A folio fits when
 * folio_memcg() gives the same one, whose counters have the folio's charge now: when a
 * cgroup is removed, its parent takes over its charges, and a task in the parent may use
 * such a folio.  Comparing obj_cgroups would refuse it, because parent and child have
 * different ones, and current->objcg is only a cache that may be out of date.
 */
static struct mem_cgroup *pp_current_payer(void)
{
#ifdef CONFIG_MEMCG
	if (memcg_kmem_online())
		return pp_payer(mem_cgroup_from_task(current));
#endif
	return NULL;
}

static void pp_folios_drop(struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru)
		folio_put(folio);
}

/* Remove a folio; the caller holds the lock and gets the pool's reference. */
static struct folio *pp_pool_remove(struct pp_pool *pool, struct folio *folio)
{
	list_del(&folio->lru);
	WRITE_ONCE(pool->nr, pool->nr - 1);
	pool->unneeded = min(pool->unneeded, pool->nr);
	return folio;
}

/* Remove the folio that was not used for the longest time, under the same rules. */
static struct folio *pp_pool_remove_last(struct pp_pool *pool)
{
	if (pool->unneeded)
		pool->unneeded--;
	return pp_pool_remove(pool, list_last_entry(&pool->folios, struct folio, lru));
}

/* Remove a folio that nobody else refers to and that belongs to the cgroup of this task. */
static struct folio *pp_pool_find(struct pp_pool *pool)
{
	struct mem_cgroup *payer;
	struct folio *folio;

	guard(rcu)();
	payer = pp_current_payer();
	/* The last one in is the one that is still in the CPU's cache. */
	list_for_each_entry(folio, &pool->folios, lru)
		if (folio_ref_count(folio) == 1 && pp_payer(folio_memcg(folio)) == payer)
			return pp_pool_remove(pool, folio);
	return NULL;
}

/**
 * pp_pool_get() - Get a folio that was used before.
 * @order: its order, PP_MAX_ORDER at the most
 *
 * The folio still has its old content, and is charged to the memory cgroup of the current
 * task.
 *
 * Return: a folio with one reference, the caller's, or NULL.
 */
struct folio *pp_pool_get(unsigned int order)
{
	struct pp_pool *pool = raw_cpu_ptr(&pp_pools[order]);
	struct folio *folio;

	if (!READ_ONCE(pool->nr))
		return NULL;
#ifdef CONFIG_FAULT_INJECTION
	/* A test wants every allocation to fail, so there must be one. */
	if (current->fail_nth)
		return NULL;
#endif

	spin_lock(&pool->lock);
	folio = pp_pool_find(pool);
	spin_unlock(&pool->lock);
	return folio;
}

/**
 * pp_pool_new() - Allocate a folio that a pool may keep later.
 * @gfp: how; __GFP_ACCOUNT is added
 * @order: its order, PP_MAX_ORDER at the most
 *
 * Return: a folio with one reference, the caller's, or NULL.
 */
struct folio *pp_pool_new(gfp_t gfp, unsigned int order)
{
	struct folio *folio = folio_alloc(gfp | __GFP_ACCOUNT, order);

	if (!folio)
		return NULL;
	/* The pool's CPU, from 1 on; 0 is for none. */
	folio->private = (void *)(raw_smp_processor_id() + 1UL);
	return folio;
}

/**
 * pp_pool_put() - Keep a folio from pp_pool_get() or pp_pool_new(), or free it.
 * @folio: the folio; the caller's reference is consumed
 *
 * The CPU that allocated it uses it again, because that CPU is most likely to fill a
 * pipe again; the reader of a pipe may run on another one.
 */
void pp_pool_put(struct folio *folio)
{
	unsigned long cpu = (unsigned long)folio->private;
	struct pp_pool *pool;

	if (!cpu) {
		folio_put(folio);
		return;
	}
	pool = per_cpu_ptr(&pp_pools[folio_order(folio)], cpu - 1);
	spin_lock(&pool->lock);
	list_add(&folio->lru, &pool->folios);
	WRITE_ONCE(pool->nr, pool->nr + 1);
	folio = pool->nr > PP_POOL_FOLIOS ? pp_pool_remove_last(pool) : NULL;
	spin_unlock(&pool->lock);
	if (folio)
		folio_put(folio);
	if (!delayed_work_pending(&pp_pools_work))
		schedule_delayed_work(&pp_pools_work, HZ);
}

/**
 * pp_pools_age() - Give back the folios that nobody needed since the last time.
 * @work: not used
 *
 * Runs every second while there are any, so that an idle machine keeps nothing, and
 * a memory cgroup can go.
 */
void pp_pools_age(struct work_struct *work)
{
	unsigned int cpu, order;
	LIST_HEAD(unneeded);
	bool more = false;

	for_each_possible_cpu(cpu) {
		for (order = 0; order <= PP_MAX_ORDER; order++) {
			struct pp_pool *pool = per_cpu_ptr(&pp_pools[order], cpu);

			if (!READ_ONCE(pool->nr))
				continue;
			spin_lock(&pool->lock);
			while (pool->unneeded)
				list_add(&pp_pool_remove_last(pool)->lru, &unneeded);
			pool->unneeded = pool->nr;
			more |= pool->nr;
			spin_unlock(&pool->lock);
		}
	}
	pp_folios_drop(&unneeded);
	if (more)
		schedule_delayed_work(&pp_pools_work, HZ);
}

/**
 * pp_pools_init() - Make the pools.
 *
 * Return: 0.
 */
int pp_pools_init(void)
{
	unsigned int cpu, order;

	for_each_possible_cpu(cpu) {
		for (order = 0; order <= PP_MAX_ORDER; order++) {
			struct pp_pool *pool = per_cpu_ptr(&pp_pools[order], cpu);

			spin_lock_init(&pool->lock);
			INIT_LIST_HEAD(&pool->folios);
		}
	}

	return 0;
}

/**
 * pp_pools_exit() - Give all memory back; nobody uses the pools any more.
 */
void pp_pools_exit(void)
{
	/* The first call finds that nobody needs the folios, the second frees them. */
	pp_pools_age(NULL);
	pp_pools_age(NULL);
	cancel_delayed_work_sync(&pp_pools_work);
}
