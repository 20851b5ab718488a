/* SPDX-License-Identifier: GPL-2.0 */
/* Folios that were used and will be used again. */
#ifndef PRIVPIPE_POOL_H
#define PRIVPIPE_POOL_H

#include <linux/cred.h>
#include <linux/gfp_types.h>
#include <linux/list.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

struct work_struct;

/* The largest folios there are: struct pp_slot counts in 24 bits. */
#define PP_MAX_ORDER	MIN(9, 23 - PAGE_SHIFT)

/* How many folios a pool keeps at the most: what a pipe of 1 MiB holds. */
#define PP_POOL_FOLIOS	16

/**
 * struct pp_pool - folios that were used and will be used again
 * @lock: protects the rest; nothing is allocated or freed under it, because on a
 *	real-time kernel that may sleep, and because reclaim takes it
 * @nr: how many there are
 * @unneeded: how many of them, the last ones, nobody needed since pp_pools_age()
 *	was here
 * @folios: linked by their lru, the latest first, each with the pool's
 *	reference; others may have references too, such as a socket that has yet
 *	to send it, and until they are gone the folio stays here
 */
struct pp_pool {
	spinlock_t lock;	/* see above */
	unsigned int nr;
	unsigned int unneeded;
	struct list_head folios;
};

/* By the order of the folios; each returns to the CPU that allocated it. */
DECLARE_PER_CPU(struct pp_pool, pp_pools[PP_MAX_ORDER + 1]);

/* A memory cgroup, or NULL for the root: allocations there are not charged. */
static inline struct mem_cgroup *pp_payer(struct mem_cgroup *memcg)
{
	return memcg && parent_mem_cgroup(memcg) ? memcg : NULL;
}

/**
 * pp_folio_mix() - Note that the current user can write to a folio that may have bytes already.
 * @folio: from pp_pool_get() or pp_pool_new()
 *
 * A folio with bytes of several users is not used again: see pp_pool_get().  Whoever calls
 * this holds the lock of the pipe or arena.
 */
static inline void pp_folio_mix(struct folio *folio)
{
	if (folio->index != __kuid_val(current_uid()))
		folio->index = __kuid_val(INVALID_UID);
}

int pp_pools_init(void);
void pp_pools_exit(void);
void pp_pools_age(struct work_struct *work);

struct folio *pp_pool_get(unsigned int order);
struct folio *pp_pool_again(struct folio *folio);
bool pp_pool_keeps(const struct folio *folio);
struct folio *pp_pool_new(gfp_t gfp, unsigned int order);
void pp_pool_put(struct folio *folio);

#endif /* PRIVPIPE_POOL_H */
