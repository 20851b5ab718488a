// SPDX-License-Identifier: GPL-2.0
/*
 * Private folios: allocating, recycling and filling them.
 *
 * Folios are large because one copy into a large folio that is still in the
 * CPU's cache costs no more than handing over somebody else's pages one by one.
 */
#include <kunit/static_stub.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "page.h"
#include "stats.h"

unsigned int pp_folio_order = 4;
module_param_named(folio_order, pp_folio_order, uint, 0644);
MODULE_PARM_DESC(folio_order,
		 "largest folio for copies, as a power of two in pages (0 to 9)");

bool pp_debug = IS_ENABLED(CONFIG_PRIVPIPE_DEBUG);
module_param_named(debug, pp_debug, bool, 0644);
MODULE_PARM_DESC(debug, "check every folio that enters or leaves a pipe");

DEFINE_PER_CPU(struct pp_cache, pp_caches[PP_MAX_ORDER + 1]);

/**
 * pp_caches_init() - Make the caches.
 */
void pp_caches_init(void)
{
	unsigned int cpu, order;

	for_each_possible_cpu(cpu) {
		for (order = 0; order <= PP_MAX_ORDER; order++) {
			struct pp_cache *cache = per_cpu_ptr(&pp_caches[order], cpu);

			spin_lock_init(&cache->lock);
			INIT_LIST_HEAD(&cache->folios);
		}
	}
}

/* Remove a folio; the caller holds the lock and gets the cache's reference. */
static struct folio *pp_cache_remove(struct pp_cache *cache, struct folio *folio)
{
	list_del(&folio->lru);
	WRITE_ONCE(cache->nr, cache->nr - 1);
	return folio;
}

static DECLARE_DELAYED_WORK(pp_caches_work, pp_caches_age);

/**
 * pp_caches_age() - Give back the folios that nobody needed since the last time.
 * @work: not used
 *
 * Runs every second while there are any: they are charged to memory cgroups, which may
 * have better uses for them, or be waiting to go.
 */
void pp_caches_age(struct work_struct *work)
{
	struct folio *folio, *next;
	unsigned int cpu, order;
	LIST_HEAD(unneeded);
	bool more = false;

	for_each_possible_cpu(cpu) {
		for (order = 0; order <= PP_MAX_ORDER; order++) {
			struct pp_cache *cache = per_cpu_ptr(&pp_caches[order], cpu);

			if (!READ_ONCE(cache->nr))
				continue;
			spin_lock(&cache->lock);
			for (; cache->unneeded; cache->unneeded--) {
				folio = list_last_entry(&cache->folios,
							struct folio, lru);
				list_add(&pp_cache_remove(cache, folio)->lru,
					 &unneeded);
			}
			cache->unneeded = cache->nr;
			more |= cache->nr;
			spin_unlock(&cache->lock);
		}
	}
	list_for_each_entry_safe(folio, next, &unneeded, lru)
		folio_put(folio);
	if (more)
		schedule_delayed_work(&pp_caches_work, HZ);
}

/**
 * pp_caches_drop() - Give the memory back; nobody uses it any more.
 */
void pp_caches_drop(void)
{
	/* After the first time nothing is needed. */
	pp_caches_age(NULL);
	pp_caches_age(NULL);
	cancel_delayed_work_sync(&pp_caches_work);
}

/*
 * Whether a folio is charged to the memory cgroup to which one that the current
 * task allocates would be.
 */
static bool pp_folio_fits_cgroup(struct folio *folio)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *memcg;

	if (!memcg_kmem_online())
		return true;
	guard(rcu)();
	memcg = mem_cgroup_from_task(current);
	/* What is the root's is not charged. */
	if (!parent_mem_cgroup(memcg))
		memcg = NULL;
	return folio_memcg(folio) == memcg;
#else
	return true;
#endif
}

static struct folio *pp_cache_get(struct pp_cache *cache)
{
	struct folio *folio, *found = NULL;

	if (!READ_ONCE(cache->nr))
		return NULL;
#ifdef CONFIG_FAULT_INJECTION
	/* Somebody wants to see every allocation fail, so let it be one. */
	if (current->fail_nth)
		return NULL;
#endif

	spin_lock(&cache->lock);
	/* The last one in is the one that is still in the CPU's cache. */
	list_for_each_entry(folio, &cache->folios, lru) {
		if (folio_ref_count(folio) == 1 && pp_folio_fits_cgroup(folio)) {
			found = pp_cache_remove(cache, folio);
			cache->unneeded = min(cache->unneeded, cache->nr);
			break;
		}
	}
	spin_unlock(&cache->lock);
	return found;
}

/*
 * Allocate, in smaller folios if need be: they do as well, so do not reclaim for
 * large ones.
 */
static struct folio *pp_folio_new(unsigned int order)
{
	struct folio *folio;

	for (; order; order--) {
		folio = folio_alloc((GFP_KERNEL_ACCOUNT & ~__GFP_DIRECT_RECLAIM) |
				    __GFP_NOWARN, order);
		if (folio)
			return folio;
		pp_count(PP_folios_smaller, 1);
	}
	return folio_alloc(GFP_KERNEL_ACCOUNT | __GFP_NOWARN, 0);
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
	unsigned int cpu = raw_smp_processor_id();
	struct folio *folio;

	KUNIT_STATIC_STUB_REDIRECT(pp_folio_alloc, pages);

	folio = pp_cache_get(per_cpu_ptr(&pp_caches[order], cpu));
	if (folio) {
		pp_count(PP_folios_recycled, 1);
		return folio;
	}

	pp_count(PP_folios_allocated, 1);
	folio = pp_folio_new(order);
	if (folio)
		folio->private = (void *)(unsigned long)cpu;
	return folio;
}

/**
 * pp_folio_free() - Be done with a folio from pp_folio_alloc().
 * @folio: the folio; the caller's reference is consumed
 *
 * It will be used again by the CPU that allocated it, whose pipe is most likely
 * to be filled again: who empties a pipe may run on another one.  Others may
 * still hold references, such as a socket that has yet to send it; it waits
 * until they are gone.
 */
void pp_folio_free(struct folio *folio)
{
	unsigned int cpu = (unsigned long)folio->private;
	struct pp_cache *cache = per_cpu_ptr(&pp_caches[folio_order(folio)], cpu);

	spin_lock(&cache->lock);
	list_add(&folio->lru, &cache->folios);
	WRITE_ONCE(cache->nr, cache->nr + 1);
	/* What was not used for longest is the coldest, or still in use. */
	folio = NULL;
	if (cache->nr > PP_CACHE_FOLIOS)
		folio = pp_cache_remove(cache, list_last_entry(&cache->folios,
							       struct folio, lru));
	spin_unlock(&cache->lock);
	if (folio)
		folio_put(folio);
	if (!delayed_work_pending(&pp_caches_work))
		schedule_delayed_work(&pp_caches_work, HZ);
}

/**
 * pp_stage_alloc() - Add empty folios to a stage.
 * @stage: the stage; the slots added have their lengths set as if filled
 * @offset: where in the first page the bytes shall begin, less than PAGE_SIZE
 * @len: how many bytes there will be, not 0
 *
 * The slots together count for as many pages as @len bytes at @offset touch.
 * Fewer than @len bytes get room when the stage is full or memory is short.
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
		} else if (slot->flags & PP_SLOT_FOREIGN) {
			folio_put(slot->folio);
		} else {
			pp_folio_free(slot->folio);
		}
	}
	stage->nr = nr;
}

/**
 * pp_stage_fit() - Cut a stage, and let it have no folio that is too large.
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
 * Reclaim and compaction may refer to a folio that is on the LRU for a moment,
 * and a socket to one that was handed over in part.
 */
void pp_check_private(const struct pp_slot *slot)
{
	int tries;

	WARN_ON_ONCE(!slot->len);
	WARN_ON_ONCE(slot->offset + slot->len > folio_size(slot->folio));
	WARN_ON_ONCE(slot->folio->mapping);
	WARN_ON_ONCE(folio_mapped(slot->folio));
	if (slot->flags & (PP_SLOT_SHARED | PP_SLOT_FOREIGN))
		return;
	/* Somebody may look the page up by a stale pointer, and let go again. */
	for (tries = 0; folio_ref_count(slot->folio) != 1; tries++) {
		if (WARN_ON_ONCE(tries == 1000))
			break;
		cpu_relax();
	}
}
