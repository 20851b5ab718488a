/* SPDX-License-Identifier: GPL-2.0 */
/* Walking a list_lru: the kernel hands the lock to the callback in 6.12, and no more in 7.x. */
#ifndef PRIVPIPE_COMPAT_LIST_LRU_H
#define PRIVPIPE_COMPAT_LIST_LRU_H

#include <linux/list_lru.h>

struct pp_lru_walk {
	enum lru_status (*isolate)(struct list_head *item, struct list_lru_one *list,
				   void *arg);
	void *arg;
};

static inline enum lru_status pp_lru_isolate(struct list_head *item,
					     struct list_lru_one *list, void *arg)
{
	const struct pp_lru_walk *walk = arg;

	return walk->isolate(item, list, walk->arg);
}

static inline enum lru_status pp_lru_isolate_locked(struct list_head *item,
						    struct list_lru_one *list,
						    spinlock_t *lock, void *arg)
{
	return pp_lru_isolate(item, list, arg);
}

/**
 * pp_list_lru_walk() - Call a function for everything in a list_lru.
 * @lru: the list
 * @walk: the function, which is called with the list locked, and its last argument
 */
static inline void pp_list_lru_walk(struct list_lru *lru, struct pp_lru_walk walk)
{
	list_lru_walk(lru,
		      __builtin_choose_expr(__same_type(list_lru_walk_cb, &pp_lru_isolate),
					    pp_lru_isolate, pp_lru_isolate_locked),
		      &walk, ULONG_MAX);
}

#endif /* PRIVPIPE_COMPAT_LIST_LRU_H */
