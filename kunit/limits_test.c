// SPDX-License-Identifier: GPL-2.0
/* How large pipes may be, and what counts for their user. */
#include <linux/cred.h>
#include <linux/sched/user.h>

#include "limits.h"
#include "support.h"

static const struct capacity_case {
	const char *name;
	unsigned int size;
	unsigned int pages;
} capacity_cases[] = {
	{ "default", 0, PP_DEF_PAGES },
	{ "one byte", 1, 1 },
	{ "one page", PAGE_SIZE, 1 },
	{ "a byte more than a page", PAGE_SIZE + 1, 2 },
	{ "three pages", 3 * PAGE_SIZE, 4 },
	{ "64 KiB", SZ_64K, SZ_64K / PAGE_SIZE },
	{ "1 GiB", SZ_1G, SZ_1G / PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(capacity, capacity_cases, name);

static void limits_test_capacity(struct kunit *test)
{
	const struct capacity_case *c = test->param_value;
	atomic_long_t *charged = &current_user()->pipe_bufs;
	long before = atomic_long_read(charged);
	struct pp_ring *ring = pp_ring_create(c->size);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ring);
	KUNIT_EXPECT_EQ(test, ring->capacity, c->pages);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged) - before, c->pages);
	pp_ring_destroy(ring);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged), before);
}

static void limits_test_capacity_too_large(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PTR_ERR(pp_ring_create(SZ_1G + 1)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pp_ring_create(UINT_MAX)), -EINVAL);
}

static void limits_test_resize_counts_for_user(struct kunit *test)
{
	atomic_long_t *charged = &current_user()->pipe_bufs;
	struct pp_ring *ring = pp_test_ring(test, 8);
	long before = atomic_long_read(charged);

	pp_ring_resize(ring, 32 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged) - before, 24);
	pp_ring_resize(ring, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged) - before, -6);
	pp_test_push(test, ring, 1, 0, 2 * PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, pp_ring_resize(ring, PAGE_SIZE), -EBUSY);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged) - before, -6);
}

static struct kunit_case limits_test_cases[] = {
	KUNIT_CASE_PARAM(limits_test_capacity, capacity_gen_params),
	KUNIT_CASE(limits_test_capacity_too_large),
	KUNIT_CASE(limits_test_resize_counts_for_user),
	{}
};

static struct kunit_suite limits_test_suite = {
	.name = "privpipe_limits",
	.test_cases = limits_test_cases,
};

kunit_test_suite(limits_test_suite);
