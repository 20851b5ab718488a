// SPDX-License-Identifier: GPL-2.0
/* Folios that are used again: for which user and cgroup, for how long, and which never are. */
#include <linux/cred.h>
#include <linux/memcontrol.h>

#include "support.h"

/* In mm/internal.h: calls all shrinkers. */
void drop_slab(void);

static int pool_test_init(struct kunit *test)
{
	/* The first call finds that nobody needs the folios, the second frees them. */
	pp_pools_age(NULL);
	pp_pools_age(NULL);
	return pp_test_stay(test);
}

static struct folio *pool_test_new(struct kunit *test, unsigned int order)
{
	struct folio *folio = pp_pool_new(GFP_KERNEL, order);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	return folio;
}

static void pool_test_last_one_comes_first(struct kunit *test)
{
	struct folio *a = pool_test_new(test, 1);
	struct folio *b = pool_test_new(test, 1);
	struct folio *c = pool_test_new(test, 0);

	pp_pool_put(a);
	pp_pool_put(b);
	pp_pool_put(c);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), b);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), a);
	KUNIT_EXPECT_NULL(test, pp_pool_get(1));
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(0), c);
	folio_put(a);
	folio_put(b);
	folio_put(c);
}

/* As if a socket still had to send it. */
static void pool_test_one_in_use_waits(struct kunit *test)
{
	struct folio *folio = pool_test_new(test, 1);

	folio_get(folio);
	pp_pool_put(folio);
	KUNIT_EXPECT_NULL(test, pp_pool_get(1));
	folio_put(folio);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);
	folio_put(folio);
}

static void pool_test_another_user_gets_none(struct kunit *test)
{
	struct folio *folio = pool_test_new(test, 1);

	folio->index++;
	pp_pool_put(folio);
	KUNIT_EXPECT_NULL(test, pp_pool_get(1));
	folio->index--;
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);

	/* If a pipe has kept it, a pool has it then. */
	folio->index++;
	KUNIT_EXPECT_NULL(test, pp_pool_again(folio));
	folio->index--;
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_again(folio), folio);
	folio_put(folio);
}

static void pool_test_folio_of_two_users_is_not_used_again(struct kunit *test)
{
	struct folio *folio = pool_test_new(test, 1);
	pgoff_t user = folio->index;

	pp_folio_mix(folio);
	pp_pool_put(folio);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);

	folio->index++;
	pp_folio_mix(folio);
	pp_pool_put(folio);
	KUNIT_EXPECT_NULL(test, pp_pool_get(1));
	folio->index = user;
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);
	folio_put(folio);
}

#ifdef CONFIG_MEMCG
/* A folio that belongs to a cgroup below the root, which has no tasks. */
static void pool_test_another_cgroup_gets_none(struct kunit *test)
{
	struct folio *folio = pool_test_new(test, 1);
	unsigned long charged = folio->memcg_data;
	struct mem_cgroup *root, *memcg;
	struct obj_cgroup *objcg;

	root = kunit_kzalloc(test, sizeof(*root), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, root);
	memcg = kunit_kzalloc(test, sizeof(*memcg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memcg);
	objcg = kunit_kzalloc(test, sizeof(*objcg), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objcg);
	memcg->css.parent = &root->css;
	objcg->memcg = memcg;
	pp_pool_put(folio);
	folio->memcg_data = (unsigned long)objcg | MEMCG_DATA_KMEM;
	KUNIT_EXPECT_NULL(test, pp_pool_get(1));

	/* As if the cgroup were removed: then the root has the charge, as for this task. */
	objcg->memcg = root;
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(1), folio);
	folio->memcg_data = charged;
	folio_put(folio);
}
#endif

static void pool_test_keeps_the_latest_ones(struct kunit *test)
{
	struct pp_pool *pool = raw_cpu_ptr(&pp_pools[3]);
	struct folio *folios[PP_POOL_FOLIOS + 1];
	unsigned int i;

	for (i = 0; i <= PP_POOL_FOLIOS; i++)
		folios[i] = pool_test_new(test, 3);
	/* Hold it once more, so that the test can look at it after it was freed. */
	folio_get(folios[0]);
	for (i = 0; i <= PP_POOL_FOLIOS; i++)
		pp_pool_put(folios[i]);
	KUNIT_EXPECT_EQ(test, pool->nr, PP_POOL_FOLIOS);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folios[0]), 1);
	KUNIT_EXPECT_PTR_EQ(test, list_last_entry(&pool->folios, struct folio, lru),
			    folios[1]);
	folio_put(folios[0]);
}

static void pool_test_time_takes_what_nobody_needs(struct kunit *test)
{
	struct pp_pool *pool = raw_cpu_ptr(&pp_pools[2]);
	struct folio *folios[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		folios[i] = pool_test_new(test, 2);
	folio_get(folios[0]);
	for (i = 0; i < 3; i++)
		pp_pool_put(folios[i]);
	pp_pools_age(NULL);
	KUNIT_EXPECT_EQ_MSG(test, pool->nr, 3, "all were needed a moment ago");

	pp_pool_put(pp_pool_get(2));
	pp_pools_age(NULL);
	KUNIT_EXPECT_EQ(test, pool->nr, 1);
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&pool->folios, struct folio, lru),
			    folios[2]);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folios[0]), 1);

	pp_pools_age(NULL);
	KUNIT_EXPECT_EQ(test, pool->nr, 0);
	folio_put(folios[0]);
}

static void pool_test_reclaim_takes_what_nobody_uses(struct kunit *test)
{
	struct pp_pool *pool = raw_cpu_ptr(&pp_pools[2]);
	struct folio *folios[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		folios[i] = pool_test_new(test, 2);
	folio_get(folios[1]);
	for (i = 0; i < 3; i++)
		pp_pool_put(folios[i]);
	drop_slab();
	KUNIT_EXPECT_EQ(test, pool->nr, 1);
	folio_put(folios[1]);
	KUNIT_EXPECT_PTR_EQ(test, pp_pool_get(2), folios[1]);
	folio_put(folios[1]);
}

/* Where memory is cleared when it is freed, no folio is kept with its content. */
static void pool_test_keeps_nothing_with_init_on_free(struct kunit *test)
{
	struct folio *folio = pool_test_new(test, 1);

	folio_get(folio);
	static_branch_enable(&init_on_free);
	pp_pool_put(folio);
	static_branch_disable(&init_on_free);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_EQ(test, raw_cpu_ptr(&pp_pools[1])->nr, 0);
	folio_put(folio);
}

#ifdef CONFIG_MEMORY_FAILURE
static void pool_test_poisoned_one_is_not_used_again(struct kunit *test)
{
	struct folio *small = pool_test_new(test, 0);
	struct folio *large = pool_test_new(test, 2);

	pp_pool_put(small);
	pp_pool_put(large);
	folio_pgdat(large)->mf_stats.total++;
	SetPageHWPoison(folio_page(small, 0));
	SetPageHWPoison(folio_page(large, 3));
	KUNIT_EXPECT_NULL(test, pp_pool_get(0));
	KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(small), 0, "freed: the kernel retires it");
	KUNIT_EXPECT_NULL(test, pp_pool_get(2));
	KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(large), 1, "never freed");
	ClearPageHWPoison(folio_page(large, 3));
	folio_pgdat(large)->mf_stats.total--;
	folio_put(large);
}
#endif

static struct kunit_case pool_test_cases[] = {
	KUNIT_CASE(pool_test_last_one_comes_first),
	KUNIT_CASE(pool_test_one_in_use_waits),
	KUNIT_CASE(pool_test_another_user_gets_none),
	KUNIT_CASE(pool_test_folio_of_two_users_is_not_used_again),
#ifdef CONFIG_MEMCG
	KUNIT_CASE(pool_test_another_cgroup_gets_none),
#endif
	KUNIT_CASE(pool_test_keeps_the_latest_ones),
	KUNIT_CASE(pool_test_time_takes_what_nobody_needs),
	KUNIT_CASE(pool_test_reclaim_takes_what_nobody_uses),
	KUNIT_CASE(pool_test_keeps_nothing_with_init_on_free),
#ifdef CONFIG_MEMORY_FAILURE
	KUNIT_CASE(pool_test_poisoned_one_is_not_used_again),
#endif
	{}
};

static struct kunit_suite pool_test_suite = {
	.name = "privpipe_pool",
	.init = pool_test_init,
	.test_cases = pool_test_cases,
};

kunit_test_suite(pool_test_suite);
