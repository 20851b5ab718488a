// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that were used and will be used again.
 *
 * Most kernels zero the memory that they allocate, which takes as long as the copy that
 * follows, and charging it to a memory cgroup takes nearly as long again.  A folio from a pool
 * is charged already, and still in the CPU's cache.
 *
 * Folios in a pool stay charged to the cgroup that they were allocated for.  They are
 * freed when nobody has needed them for a while, or when reclaim asks for them.
 * privpipe_harden.ko includes this file and has pools of its own.
 */
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat/list_lru.h"
#include "pool.h"

DEFINE_PER_CPU(struct pp_pool, pp_pools[PP_MAX_ORDER + 1]);
static DECLARE_DELAYED_WORK(pp_pools_work, pp_pools_age);

/*
 * For a memory cgroup that reaches its limit the kernel calls only those shrinkers that
 * have something of the cgroup's in a list_lru.  Moving every folio into one and out
 * again would cost more than the pools save, so each cgroup that is charged for folios
 * has one mark there, which stands for all of them.
 */
struct pp_mark {
	struct list_head list;
};

static struct kmem_cache *pp_mark_cache;
static struct list_lru pp_marks;
static struct shrinker *pp_shrinker;

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

/* Whether a page of the folio is faulty: the kernel flags the page, not the folio. */
static bool pp_folio_poisoned(struct folio *folio)
{
#ifdef CONFIG_MEMORY_FAILURE
	unsigned long i;

	/* If memory has never failed, do not spend time on checking every page. */
	if (likely(!READ_ONCE(folio_pgdat(folio)->mf_stats.total)))
		return false;
	for (i = 0; i < folio_nr_pages(folio); i++)
		if (PageHWPoison(folio_page(folio, i)))
			return true;
#endif
	return false;
}

/* Drop the pool's reference; not under a lock. */
static void pp_folio_drop(struct folio *folio)
{
	/*
	 * The kernel retires a faulty page when it is freed, but it does not look for
	 * one inside a large folio.  Such a folio is never freed, so that nobody can
	 * allocate the page again.
	 */
	if (folio_test_large(folio) && pp_folio_poisoned(folio))
		return;
	folio_put(folio);
}

static void pp_folios_drop(struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru)
		pp_folio_drop(folio);
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

/*
 * Whether nobody else refers to a folio, it belongs to the cgroup of this task, and its old
 * content to the same user.  Call this under RCU.
 */
static bool pp_folio_usable(struct folio *folio, struct mem_cgroup *payer)
{
	return folio_ref_count(folio) == 1 &&
	       folio->index == __kuid_val(current_uid()) &&
	       pp_payer(folio_memcg(folio)) == payer;
}

/* Remove a folio that this task may use. */
static struct folio *pp_pool_find(struct pp_pool *pool)
{
	struct mem_cgroup *payer;
	struct folio *folio;

	guard(rcu)();
	payer = pp_current_payer();
	/* The latest one is still in the CPU's cache. */
	list_for_each_entry(folio, &pool->folios, lru)
		if (pp_folio_usable(folio, payer))
			return pp_pool_remove(pool, folio);
	return NULL;
}

/* A test wants every allocation to fail, so there must be one. */
static bool pp_pool_barred(void)
{
#ifdef CONFIG_FAULT_INJECTION
	return current->fail_nth || current->make_it_fail;
#else
	return false;
#endif
}

/**
 * pp_pool_get() - Get a folio that was used before.
 * @order: its order, PP_MAX_ORDER at the most
 *
 * The folio still has its old content, which belongs to the same user, and is charged to
 * the memory cgroup of the current task.
 *
 * Return: a folio with one reference, the caller's, or NULL.
 */
struct folio *pp_pool_get(unsigned int order)
{
	struct pp_pool *pool = raw_cpu_ptr(&pp_pools[order]);
	struct folio *folio;

	if (!READ_ONCE(pool->nr) || pp_pool_barred())
		return NULL;

	spin_lock(&pool->lock);
	folio = pp_pool_find(pool);
	spin_unlock(&pool->lock);
	if (folio && unlikely(pp_folio_poisoned(folio))) {
		pp_folio_drop(folio);
		return NULL;
	}
	return folio;
}

/**
 * pp_pool_again() - Use a folio again that the caller has kept itself.
 * @folio: from pp_pool_get() or pp_pool_new(); the caller's reference is consumed
 *
 * Return: the folio, under the rules of pp_pool_get(), or NULL, and a pool may have it.
 */
struct folio *pp_pool_again(struct folio *folio)
{
	scoped_guard(rcu) {
		if (pp_folio_usable(folio, pp_current_payer()) &&
		    !pp_pool_barred() && !pp_folio_poisoned(folio))
			return folio;
	}
	pp_pool_put(folio);
	return NULL;
}

static bool pp_marked(struct mem_cgroup *memcg)
{
	unsigned long nr = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		nr += list_lru_count_one(&pp_marks, nid, memcg);
	return nr;
}

/* Make reclaim in the folio's cgroup call the shrinker; false when that is not possible. */
static bool pp_folio_mark(struct folio *folio, gfp_t gfp)
{
	struct mem_cgroup *memcg;
	struct pp_mark *mark;

	scoped_guard(rcu) {
		memcg = pp_payer(folio_memcg(folio));
		if (!memcg || pp_marked(memcg))
			return true;
	}

	/* This must not trigger the OOM killer; the next new folio tries again. */
	mark = kmem_cache_alloc_lru(pp_mark_cache, &pp_marks,
				    (gfp & GFP_KERNEL) | __GFP_ACCOUNT |
				    __GFP_NORETRY | __GFP_NOWARN);
	if (!mark)
		return false;
	INIT_LIST_HEAD(&mark->list);
	list_lru_add_obj(&pp_marks, &mark->list);
	return true;
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
	folio->index = __kuid_val(current_uid());
	/* The pool's CPU, counted from 1; 0 for none. */
	folio->private = NULL;
	if (pp_folio_mark(folio, gfp))
		folio->private = (void *)(raw_smp_processor_id() + 1UL);
	return folio;
}

/**
 * pp_pool_keeps() - Whether a folio may be kept at all.
 * @folio: from pp_pool_get() or pp_pool_new()
 *
 * Return: false if reclaim might never free it, or on a kernel that clears memory when it is
 * freed (init_on_free).
 */
bool pp_pool_keeps(const struct folio *folio)
{
	return folio->private && !want_init_on_free();
}

/**
 * pp_pool_put() - Keep a folio from pp_pool_get() or pp_pool_new(), or free it.
 * @folio: the folio; the caller's reference is consumed
 *
 * The CPU that allocated it uses it again, because that CPU is most likely to fill a
 * pipe again; the reader of a pipe may run on another one.  Nothing is kept on a
 * kernel that clears memory when it is freed (init_on_free).
 */
void pp_pool_put(struct folio *folio)
{
	unsigned long cpu = (unsigned long)folio->private;
	struct pp_pool *pool;

	if (!pp_pool_keeps(folio)) {
		pp_folio_drop(folio);
		return;
	}
	pool = per_cpu_ptr(&pp_pools[folio_order(folio)], cpu - 1);
	spin_lock(&pool->lock);
	list_add(&folio->lru, &pool->folios);
	WRITE_ONCE(pool->nr, pool->nr + 1);
	folio = pool->nr > PP_POOL_FOLIOS ? pp_pool_remove_last(pool) : NULL;
	spin_unlock(&pool->lock);
	if (folio)
		pp_folio_drop(folio);
	if (!delayed_work_pending(&pp_pools_work))
		schedule_delayed_work(&pp_pools_work, HZ);
}

/* A cgroup that is removed leaves its mark to its parent, and one mark is enough. */
static enum lru_status pp_mark_drop(struct list_head *item, struct list_lru_one *marks,
				    void *all)
{
	if (!all && marks->nr_items == 1)
		return LRU_SKIP;
	list_lru_isolate(marks, item);
	kmem_cache_free(pp_mark_cache, container_of(item, struct pp_mark, list));
	return LRU_REMOVED;
}

/**
 * pp_pools_age() - Free the folios that nobody has needed since the last call.
 * @work: not used
 *
 * Runs every second while there are any, so that the pools of an idle machine are empty, and
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
	pp_list_lru_walk(&pp_marks, (struct pp_lru_walk){ pp_mark_drop });
	if (more)
		schedule_delayed_work(&pp_pools_work, HZ);
}

/* In pages, of all cgroups: reclaim asks often, so this does not look at the folios. */
static unsigned long pp_pools_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned int cpu, order;
	unsigned long pages = 0;

	for_each_possible_cpu(cpu)
		for (order = 0; order <= PP_MAX_ORDER; order++)
			pages += (unsigned long)READ_ONCE(per_cpu(pp_pools[order], cpu).nr)
				 << order;
	return pages;
}

/* Free the folios that belong to the cgroup and that nobody uses. */
static unsigned long pp_pools_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct folio *folio, *next;
	unsigned long pages = 0;
	unsigned int cpu, order;
	LIST_HEAD(idle);

	for_each_possible_cpu(cpu) {
		for (order = 0; order <= PP_MAX_ORDER; order++) {
			struct pp_pool *pool = per_cpu_ptr(&pp_pools[order], cpu);

			if (!READ_ONCE(pool->nr))
				continue;
			guard(rcu)();
			spin_lock(&pool->lock);
			list_for_each_entry_safe(folio, next, &pool->folios, lru) {
				if (folio_ref_count(folio) != 1 ||
				    pp_payer(folio_memcg(folio)) != pp_payer(sc->memcg))
					continue;
				list_add(&pp_pool_remove(pool, folio)->lru, &idle);
				pages += 1UL << order;
			}
			spin_unlock(&pool->lock);
		}
	}
	pp_folios_drop(&idle);
	return pages ?: SHRINK_STOP;
}

/**
 * pp_pools_init() - Make the pools.
 *
 * Return: 0 or -ENOMEM.
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

	pp_mark_cache = kmem_cache_create(KBUILD_MODNAME "_mark", sizeof(struct pp_mark),
					  0, 0, NULL);
	if (!pp_mark_cache)
		return -ENOMEM;
	pp_shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE, KBUILD_MODNAME);
	if (!pp_shrinker)
		goto no_shrinker;
	if (list_lru_init_memcg(&pp_marks, pp_shrinker))
		goto no_marks;
	pp_shrinker->count_objects = pp_pools_count;
	pp_shrinker->scan_objects = pp_pools_scan;
	/*
	 * Call pp_pools_scan() only when reclaim wants as much as there is, its last
	 * resort before a kill.  A cgroup that reads many files is at its limit all the
	 * time, and should not lose its folios to that.
	 */
	pp_shrinker->batch = LONG_MAX;
	shrinker_register(pp_shrinker);
	return 0;

no_marks:
	shrinker_free(pp_shrinker);
no_shrinker:
	kmem_cache_destroy(pp_mark_cache);
	return -ENOMEM;
}

/**
 * pp_pools_exit() - Give all memory back; nobody uses the pools any more.
 */
void pp_pools_exit(void)
{
	bool all = true;

	shrinker_free(pp_shrinker);
	/* The first call finds that nobody needs the folios, the second frees them. */
	pp_pools_age(NULL);
	pp_pools_age(NULL);
	cancel_delayed_work_sync(&pp_pools_work);
	pp_list_lru_walk(&pp_marks, (struct pp_lru_walk){ pp_mark_drop, &all });
	list_lru_destroy(&pp_marks);
	kmem_cache_destroy(pp_mark_cache);
}
