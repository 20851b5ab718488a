// SPDX-License-Identifier: GPL-2.0
/* Taking pages out of the page cache. */
#include <linux/mman.h>
#include <linux/swap.h>

#include "splice.h"
#include "support.h"

static ssize_t take(struct pp_ring *ring, struct file *file, loff_t *pos, size_t len,
		    unsigned int policy)
{
	return pp_fill_file(ring, file, pos, len, 0, policy, true);
}

/*
 * Taken
 */

static void take_test_takes_folio(struct kunit *test)
{
	unsigned int order = *(const unsigned int *)test->param_value;
	size_t size = PAGE_SIZE << order;
	struct pp_ring *ring = pp_test_ring(test, 1024);
	struct file *file = pp_test_file(test, 4 * size);
	struct folio *folio;
	loff_t pos = size;

	folio = pp_test_cache(test, file, 1 << order, order);

	KUNIT_ASSERT_EQ(test, take(ring, file, &pos, size, PRIVPIPE_POLICY_ALWAYS), size);
	KUNIT_EXPECT_EQ(test, pos, 2 * size);
	KUNIT_EXPECT_EQ(test, ring->taken, size);
	KUNIT_EXPECT_EQ(test, ring->copied, 0);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	KUNIT_EXPECT_EQ(test, ring->head - ring->tail, 1);
	KUNIT_EXPECT_PTR_EQ(test, pp_ring_tail(ring)->folio, folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(test, pp_test_cached(file, 1 << order));
	pp_test_expect_ring(test, ring, size, size);

	/* The file still has its bytes. */
	file->f_pos = size;
	pp_test_expect_read(test, file, size, size);
}

static const unsigned int folio_orders[] = {
	0,
#ifdef CONFIG_TRANSPARENT_HUGEPAGE	/* else the page cache has no large folios */
	1, 2, 4, 5, PP_MAX_ORDER,
#endif
};

static void folio_order_desc(const unsigned int *order, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "order %u", *order);
}

KUNIT_ARRAY_PARAM(folio_order, folio_orders, folio_order_desc);

/* A page that was just read is still in this CPU's LRU batch. */
static void take_test_takes_page_just_read(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 4 * PAGE_SIZE);
	loff_t pos = 0;

	lru_add_drain_all();
	migrate_disable();
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, 4 * PAGE_SIZE,
				   PRIVPIPE_POLICY_ALWAYS), 4 * PAGE_SIZE);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, ring->taken, 4 * PAGE_SIZE);
	pp_test_expect_ring(test, ring, 0, 4 * PAGE_SIZE);
}

static void take_test_takes_end_of_file(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, PAGE_SIZE + 100);
	loff_t pos = 0;

	pp_test_cache(test, file, 0, 0);
	pp_test_cache(test, file, 1, 0);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			PAGE_SIZE + 100);
	KUNIT_EXPECT_EQ(test, ring->taken, PAGE_SIZE + 100);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS), 0);
	KUNIT_EXPECT_EQ(test, pos, PAGE_SIZE + 100);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, PAGE_SIZE + 100);
}

static void take_test_takes_as_much_as_there_is_room(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct file *file = pp_test_file(test, 16 * PAGE_SIZE);
	loff_t pos = 0;
	pgoff_t i;

	for (i = 0; i < 16; i++)
		pp_test_cache(test, file, i, 0);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			4 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, pp_test_cached(file, 4));
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, pos, 4 * PAGE_SIZE);
	pp_test_expect_ring(test, ring, 0, 4 * PAGE_SIZE);
}

/*
 * Refused
 */

static void spoil_dirty(struct kunit *test, struct folio *folio)
{
	folio_mark_dirty(folio);
}

static void restore_dirty(struct folio *folio)
{
	folio_clear_dirty(folio);
}

static void spoil_writeback(struct kunit *test, struct folio *folio)
{
	folio_lock(folio);
	folio_start_writeback(folio);
	folio_unlock(folio);
}

static void spoil_locked(struct kunit *test, struct folio *folio)
{
	folio_lock(folio);
}

static void spoil_busy(struct kunit *test, struct folio *folio)
{
	folio_get(folio);
}

static void spoil_hot(struct kunit *test, struct folio *folio)
{
	folio_mark_accessed(folio);
	folio_mark_accessed(folio);
	lru_add_drain_all();
	KUNIT_ASSERT_TRUE(test, folio_test_active(folio));
}

static void spoil_workingset(struct kunit *test, struct folio *folio)
{
	folio_set_workingset(folio);
}

static void spoil_private(struct kunit *test, struct folio *folio)
{
	folio_attach_private(folio, folio);
}

static void restore_nothing(struct folio *folio)
{
}

static const struct refusal_case {
	const char *name;
	enum pp_counter reason;
	unsigned int policy;
	void (*spoil)(struct kunit *test, struct folio *folio);
	void (*restore)(struct folio *folio);
} refusal_cases[] = {
	{ "dirty", PP_refused_dirty_pages, PRIVPIPE_POLICY_ALWAYS, spoil_dirty,
	  restore_dirty },
	{ "under writeback", PP_refused_writeback_pages, PRIVPIPE_POLICY_ALWAYS,
	  spoil_writeback, folio_end_writeback },
	{ "locked", PP_refused_locked_pages, PRIVPIPE_POLICY_ALWAYS, spoil_locked,
	  folio_unlock },
	{ "referenced", PP_refused_busy_pages, PRIVPIPE_POLICY_ALWAYS, spoil_busy,
	  folio_put },
	{ "active", PP_refused_hot_pages, PRIVPIPE_POLICY_AUTO, spoil_hot,
	  restore_nothing },
	{ "workingset", PP_refused_hot_pages, PRIVPIPE_POLICY_AUTO, spoil_workingset,
	  restore_nothing },
	{ "not released by its filesystem", PP_refused_failed_pages,
	  PRIVPIPE_POLICY_ALWAYS, spoil_private, restore_nothing },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusal_cases, name);

/* The page in the middle is copied, its neighbours are taken; the bytes are the same. */
static void take_test_refuses(struct kunit *test)
{
	const struct refusal_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 3 * PAGE_SIZE);
	u64 refused = pp_stats_read(c->reason);
	struct folio *folio;
	loff_t pos = 0;
	ssize_t ret;

	pp_test_cache(test, file, 0, 0);
	folio = pp_test_cache(test, file, 1, 0);
	pp_test_cache(test, file, 2, 0);

	c->spoil(test, folio);
	ret = take(ring, file, &pos, SZ_64K, c->policy);
	c->restore(folio);

	KUNIT_EXPECT_EQ(test, ret, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pos, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->taken, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->copied, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_stats_read(c->reason) - refused, 1);
	KUNIT_EXPECT_FALSE(test, pp_test_cached(file, 0));
	KUNIT_EXPECT_TRUE(test, pp_test_cached(file, 1));
	KUNIT_EXPECT_FALSE(test, pp_test_cached(file, 2));
	pp_test_expect_ring(test, ring, 0, 3 * PAGE_SIZE);
}

static unsigned long refused_pages;

static enum pp_counter judge_by_number(struct pp_taking *t, const struct pp_group *g)
{
	return refused_pages & BIT(g->folio->index) ? PP_refused_busy_pages :
						      PP_file_taken_pages;
}

/* The bytes of a file arrive in order, whichever of its pages are refused. */
static void take_test_refuses_any_of_six(struct kunit *test)
{
	const loff_t size = 5 * PAGE_SIZE + 100;
	pgoff_t i;

	for (refused_pages = 0; refused_pages < BIT(6); refused_pages++) {
		struct pp_ring *ring = pp_test_ring(test, 16);
		struct file *file = pp_test_file(test, size);
		loff_t pos = 0;
		ssize_t ret;

		for (i = 0; i < 6; i++)
			pp_test_cache(test, file, i, 0);
		kunit_activate_static_stub(test, pp_judge, judge_by_number);
		ret = take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS);
		kunit_deactivate_static_stub(test, pp_judge);

		KUNIT_EXPECT_EQ_MSG(test, ret, size, "refused: %#lx", refused_pages);
		KUNIT_EXPECT_EQ(test, pos, size);
		KUNIT_EXPECT_EQ(test, ring->taken + ring->copied, size);
		KUNIT_EXPECT_EQ(test, ring->used, 6);
		KUNIT_EXPECT_EQ(test, ring->reserved, 0);
		for (i = 0; i < 6; i++)
			KUNIT_EXPECT_EQ(test, pp_test_cached(file, i), !!(refused_pages & BIT(i)));
		pp_test_expect_ring(test, ring, 0, size);
	}
}

static unsigned int looks;

/* The second page is dirty when it is looked at again. */
static enum pp_counter judge_changes(struct pp_taking *t, const struct pp_group *g)
{
	if (!g->folio->index)
		return PP_refused_busy_pages;
	return looks++ ? PP_refused_dirty_pages : PP_file_taken_pages;
}

/* To copy the refused pages before it may take a while. */
static void take_test_looks_again_after_copying(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 2 * PAGE_SIZE);
	loff_t pos = 0;

	pp_test_cache(test, file, 0, 0);
	pp_test_cache(test, file, 1, 0);
	looks = 0;
	kunit_activate_static_stub(test, pp_judge, judge_changes);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			2 * PAGE_SIZE);
	kunit_deactivate_static_stub(test, pp_judge);
	KUNIT_EXPECT_EQ(test, looks, 2);
	KUNIT_EXPECT_EQ(test, ring->taken, 0);
	KUNIT_EXPECT_TRUE(test, pp_test_cached(file, 1));
	pp_test_expect_ring(test, ring, 0, 2 * PAGE_SIZE);
}

static void take_test_copies_more_than_a_stage_holds(struct kunit *test)
{
	const unsigned int pages = PP_STAGE_SLOTS + 5;
	struct pp_ring *ring = pp_test_ring(test, 32);
	struct file *file = pp_test_file(test, pages * PAGE_SIZE);
	unsigned int order = pp_folio_order;
	loff_t pos = 0;
	ssize_t ret;
	pgoff_t i;

	for (i = 0; i < pages; i++)
		pp_test_cache(test, file, i, 0);
	pp_folio_order = 0;
	refused_pages = ULONG_MAX;
	kunit_activate_static_stub(test, pp_judge, judge_by_number);
	ret = take(ring, file, &pos, pages * PAGE_SIZE, PRIVPIPE_POLICY_ALWAYS);
	kunit_deactivate_static_stub(test, pp_judge);
	pp_folio_order = order;

	KUNIT_EXPECT_EQ(test, ret, pages * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->copied, pages * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->used, pages);
	pp_test_expect_ring(test, ring, 0, pages * PAGE_SIZE);
}

static void take_test_auto_takes_cold_page(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, PAGE_SIZE);
	loff_t pos = 0;

	pp_test_cache(test, file, 0, 0);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, PAGE_SIZE, PRIVPIPE_POLICY_AUTO),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->taken, PAGE_SIZE);
}

/* A file that is served repeatedly is read once more, and then stays cached. */
static void take_test_auto_takes_page_once(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 4 * PAGE_SIZE);
	pgoff_t i;
	int round;

	for (round = 0; round < 3; round++) {
		loff_t pos = 0;

		for (i = 0; i < 4; i++)
			if (!pp_test_cached(file, i))
				pp_test_cache(test, file, i, 0);
		KUNIT_EXPECT_EQ(test, take(ring, file, &pos, 4 * PAGE_SIZE,
					   PRIVPIPE_POLICY_AUTO), 4 * PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, ring->taken, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->copied, 8 * PAGE_SIZE);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_TRUE(test, pp_test_cached(file, i));
}

static void take_test_refuses_mapped(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, PAGE_SIZE);
	u64 refused = pp_stats_read(PP_refused_mapped_pages);
	char __user *memory = pp_test_map(test, file, PAGE_SIZE, 0);
	loff_t pos = 0;

	pp_test_expect_user(test, memory, 0, PAGE_SIZE);
	lru_add_drain_all();

	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, PAGE_SIZE, PRIVPIPE_POLICY_ALWAYS),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->copied, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_refused_mapped_pages) - refused, 1);

	vm_munmap((unsigned long)memory, PAGE_SIZE);
	lru_add_drain_all();
	pos = 0;
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, PAGE_SIZE, PRIVPIPE_POLICY_ALWAYS),
			PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->taken, PAGE_SIZE);
}

static const struct part_case {
	const char *name;
	unsigned int order;
	loff_t pos;
	size_t len;
	size_t taken;
} part_cases[] = {
	{ "first half of a page", 0, 0, PAGE_SIZE / 2, 0 },
	{ "second half of a page", 0, PAGE_SIZE / 2, PAGE_SIZE / 2, 0 },
	{ "a byte", 0, 77, 1, 0 },
	{ "all but a byte", 0, 0, PAGE_SIZE - 1, 0 },
	{ "half, whole, half", 0, PAGE_SIZE / 2, 2 * PAGE_SIZE, PAGE_SIZE },
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	{ "three quarters of a folio", 2, 0, 3 * PAGE_SIZE, 0 },
	{ "the rest of a folio and a whole one", 2, PAGE_SIZE, 7 * PAGE_SIZE,
	  4 * PAGE_SIZE },
	{ "a whole folio and a byte", 2, 0, 4 * PAGE_SIZE + 1, 4 * PAGE_SIZE },
#endif
};

KUNIT_ARRAY_PARAM_DESC(part, part_cases, name);

static void take_test_refuses_part(struct kunit *test)
{
	const struct part_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 8 * PAGE_SIZE);
	loff_t pos = c->pos;
	pgoff_t i;

	for (i = 0; i < 8; i += 1 << c->order)
		pp_test_cache(test, file, i, c->order);

	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, c->len, PRIVPIPE_POLICY_ALWAYS),
			c->len);
	KUNIT_EXPECT_EQ(test, pos, c->pos + c->len);
	KUNIT_EXPECT_EQ(test, ring->taken, c->taken);
	KUNIT_EXPECT_EQ(test, ring->copied, c->len - c->taken);
	/* Copies need as much room as the pages would have. */
	KUNIT_EXPECT_EQ(test, ring->used,
			DIV_ROUND_UP(offset_in_page(c->pos) + c->len, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, c->pos, c->len);
}

/*
 * Failures
 */

static void take_test_read_error_shows_in_this_call(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 4 * PAGE_SIZE);
	loff_t pos = 0;

	pp_test_break(file, 2);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			-EIO);
	KUNIT_EXPECT_EQ(test, pos, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 2 * PAGE_SIZE);
}

static const struct lost_case {
	const char *name;
	bool truncated;
	int ret;
} lost_cases[] = {
	{ "a read error", false, -EIO },
	{ "truncation", true, 0 },
};

KUNIT_ARRAY_PARAM_DESC(lost, lost_cases, name);

/* The page with index 2 is lost after it has entered the pipe. */
static ssize_t losing_splice_read(struct file *in, loff_t *pos,
				  struct pipe_inode_info *pipe, size_t len,
				  unsigned int flags)
{
	const struct lost_case *c = in->private_data;
	ssize_t ret = filemap_splice_read(in, pos, pipe, len, flags);
	unsigned int i;

	for (i = pipe->tail; i != pipe->head; i++) {
		struct folio *folio = page_folio(pipe->bufs[i & (pipe->ring_size - 1)].page);

		if (folio->index != 2)
			continue;
		folio_clear_uptodate(folio);
		if (c->truncated)
			truncate_inode_pages_range(in->f_mapping, 2 * PAGE_SIZE,
						   3 * PAGE_SIZE - 1);
	}
	return ret;
}

static void take_test_loss_on_the_way_shows_in_this_call(struct kunit *test)
{
	const struct lost_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, 4 * PAGE_SIZE);
	const struct file_operations *fops = file->f_op;
	/* checkpatch: CONST_STRUCT: a copy, in which one function is replaced */
	struct file_operations losing = *fops;
	loff_t pos = 0;

	losing.splice_read = losing_splice_read;
	file->f_op = &losing;
	file->private_data = (void *)c;
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_ALWAYS),
			c->ret);
	KUNIT_EXPECT_EQ(test, pos, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 2 * PAGE_SIZE);
	file->f_op = fops;
}

/* Every second page must be copied; each copy in turn finds no memory. */
static void take_test_tells_the_truth_without_memory(struct kunit *test)
{
	unsigned int nth;

	for (nth = 1; nth <= 5; nth++) {
		struct pp_ring *ring = pp_test_ring(test, 16);
		struct file *file = pp_test_file(test, 8 * PAGE_SIZE);
		unsigned int calls = 0;
		loff_t pos = 0, before;
		ssize_t ret;
		pgoff_t i;

		for (i = 0; i < 8; i++) {
			struct folio *folio = pp_test_cache(test, file, i, 0);

			if (i & 1)
				folio_set_workingset(folio);
		}
		pp_test_fail_folio(test, nth);
		for (;; calls++) {
			before = pos;
			ret = take(ring, file, &pos, SZ_64K, PRIVPIPE_POLICY_AUTO);
			if (ret <= 0)
				break;
			KUNIT_EXPECT_EQ(test, pos, before + ret);
			KUNIT_EXPECT_EQ(test, ring->reserved, 0);
			pp_test_expect_ring(test, ring, 0, pos);
		}
		pp_test_fail_folio(test, 0);
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, pos, 8 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, calls, nth <= 4 ? 2 : 1);
	}
}

static struct kunit_case take_test_cases[] = {
	KUNIT_CASE_PARAM(take_test_takes_folio, folio_order_gen_params),
	KUNIT_CASE(take_test_takes_page_just_read),
	KUNIT_CASE(take_test_takes_end_of_file),
	KUNIT_CASE(take_test_takes_as_much_as_there_is_room),
	KUNIT_CASE_PARAM(take_test_refuses, refusal_gen_params),
	KUNIT_CASE(take_test_refuses_any_of_six),
	KUNIT_CASE(take_test_looks_again_after_copying),
	KUNIT_CASE(take_test_copies_more_than_a_stage_holds),
	KUNIT_CASE(take_test_auto_takes_cold_page),
	KUNIT_CASE(take_test_auto_takes_page_once),
	KUNIT_CASE(take_test_refuses_mapped),
	KUNIT_CASE_PARAM(take_test_refuses_part, part_gen_params),
	KUNIT_CASE(take_test_read_error_shows_in_this_call),
	KUNIT_CASE_PARAM(take_test_loss_on_the_way_shows_in_this_call, lost_gen_params),
	KUNIT_CASE(take_test_tells_the_truth_without_memory),
	{}
};

static struct kunit_suite take_test_suite = {
	.name = "privpipe_take",
	.test_cases = take_test_cases,
};

kunit_test_suite(take_test_suite);
