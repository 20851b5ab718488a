// SPDX-License-Identifier: GPL-2.0
/* Stock pipes: to and from private ones, and scratch pipes. */
#include <linux/swap.h>

#include "stock.h"
#include "support.h"

static void stock_test_scratch(struct kunit *test)
{
	const unsigned int pages[][2] = { { 1, 1 }, { 3, 4 }, { 16, 16 }, { 100000, 512 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct pipe_inode_info *scratch = pp_scratch_alloc(pages[i][0]);

		KUNIT_ASSERT_NOT_NULL(test, scratch);
		KUNIT_EXPECT_EQ(test, scratch->ring_size, pages[i][1]);
		KUNIT_EXPECT_EQ(test, scratch->max_usage, pages[i][1]);
		pp_scratch_free(scratch);
	}
	pp_scratch_free(NULL);
}

static const struct stock_case {
	const char *name;
	size_t there;	/* bytes in the source */
	size_t len;
	size_t kept;	/* bytes whose pages are handed over */
} stock_cases[] = {
	{ "a page", PAGE_SIZE, PAGE_SIZE, PAGE_SIZE },
	{ "part of a page", PAGE_SIZE, 100, 0 },
	{ "a page and a part", 2 * PAGE_SIZE, PAGE_SIZE + 100, PAGE_SIZE },
	{ "a short page", 100, SIZE_MAX, 0 },
	{ "a full pipe", SZ_64K, SIZE_MAX, SZ_64K },
};

KUNIT_ARRAY_PARAM_DESC(stock, stock_cases, name);

static void stock_test_to_private_pipe(struct kunit *test)
{
	const struct stock_case *c = test->param_value;
	size_t n = min(c->there, c->len);
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, stock[1], 0, c->there);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, stock[0], ends[1], (struct privpipe_splice) {
				.len = c->len }), n);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->taken, c->kept);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->copied, n - c->kept);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->reserved, 0);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, n);
	pp_test_expect_read(test, stock[0], n, c->there - n);
}

static void stock_test_from_private_pipe(struct kunit *test)
{
	const struct stock_case *c = test->param_value;
	u64 handed = pp_stats_read(PP_stock_handed);
	size_t n = min(c->there, c->len);
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, c->there);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = c->len }), n);
	if (c->len >= c->there)
		KUNIT_EXPECT_EQ(test, pp_stats_read(PP_stock_handed) - handed, n);
	pp_test_expect_read(test, stock[0], 0, n);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), n, c->there - n);
}

static void stock_test_full_pipe_takes_what_fits(struct kunit *test)
{
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, stock[1], 0, 14 * PAGE_SIZE);
	pp_test_write(test, ends[1], 14 * PAGE_SIZE, 8 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = SIZE_MAX }), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = 1, .flags = SPLICE_F_NONBLOCK }), -EAGAIN);
	pp_test_expect_read(test, stock[0], 0, SZ_64K);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), SZ_64K, 6 * PAGE_SIZE);
}

/* Each allocation in turn fails while parts are copied, both ways. */
static void stock_test_survives_lack_of_memory(struct kunit *test)
{
	unsigned int nth;

	for (nth = 1; nth <= 4; nth++) {
		struct file *stock[2], *ends[2];
		size_t done;
		long ret;

		pp_test_stock_pipe(test, stock);
		pp_test_pipe(test, 2, 0, ends);
		pp_test_write(test, stock[1], 0, 3 * PAGE_SIZE);
		pp_test_expect_read(test, stock[0], 0, 1);

		pp_test_fail_folio(test, nth);
		ret = pp_test_splice(test, stock[0], ends[1], (struct privpipe_splice) {
				.len = SIZE_MAX, .flags = SPLICE_F_NONBLOCK });
		done = max(ret, 0);
		if (ret <= 0)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		pp_test_expect_ring(test, pp_ring_of(ends[0]), 1, done);
		KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->reserved, 0);

		ret = done > 1 ? pp_test_splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = done - 1, .flags = SPLICE_F_NONBLOCK }) : 0;
		pp_test_fail_folio(test, 0);
		if (ret < 0)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		ret = max(ret, 0);
		pp_test_expect_ring(test, pp_ring_of(ends[0]), 1 + ret, done - ret);
		pp_test_expect_read(test, stock[0], 1 + done, 3 * PAGE_SIZE - 1 - done);
		if (ret)
			pp_test_expect_read(test, stock[0], 1, ret);
	}
}

/*
 * Taking their pages
 */

/* A stock pipe with one buffer. */
static struct pipe_buffer *stock_buffer(struct kunit *test, struct file *ends[2],
					size_t len)
{
	struct pipe_inode_info *pipe;

	pp_test_stock_pipe(test, ends);
	if (len)
		pp_test_write(test, ends[1], 0, len);
	pipe = ends[0]->private_data;
	return &pipe->bufs[pipe->tail & (pipe->ring_size - 1)];
}

static struct folio *take_stock(struct file *ends[2], struct pipe_buffer *buf,
				unsigned int flags)
{
	struct pipe_inode_info *pipe = ends[0]->private_data;
	struct folio *folio;

	pipe_lock(pipe);
	folio = pp_take_stock(pipe, buf, flags);
	pipe_unlock(pipe);
	return folio;
}

static void stock_test_page_is_taken(struct kunit *test)
{
	struct file *ends[2];
	struct pipe_buffer *buf = stock_buffer(test, ends, PAGE_SIZE);
	struct folio *folio = take_stock(ends, buf, 0);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_EXPECT_PTR_EQ(test, folio, page_folio(buf->page));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 2);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	pp_test_expect_folio(test, folio, 0, 0, PAGE_SIZE);
	folio_put(folio);
}

static void stock_test_part_is_refused(struct kunit *test)
{
	struct file *ends[2];
	struct pipe_buffer *buf = stock_buffer(test, ends, PAGE_SIZE - 1);

	KUNIT_EXPECT_PTR_EQ(test, take_stock(ends, buf, SPLICE_F_MOVE), NULL);
}

/* As after tee: another pipe refers to the page. */
static void stock_test_shared_page_is_refused(struct kunit *test)
{
	struct file *ends[2];
	struct pipe_buffer *buf = stock_buffer(test, ends, PAGE_SIZE);

	get_page(buf->page);
	KUNIT_EXPECT_PTR_EQ(test, take_stock(ends, buf, SPLICE_F_MOVE), NULL);
	put_page(buf->page);
}

static void stock_test_file_page_is_taken_when_asked(struct kunit *test)
{
	struct file *file = pp_test_file(test, 2 * PAGE_SIZE), *ends[2];
	struct pipe_buffer *buf = stock_buffer(test, ends, 0);
	struct pipe_inode_info *pipe = ends[0]->private_data;
	struct folio *folio = pp_test_cache(test, file, 0, 0);
	loff_t pos = 0;

	pipe_lock(pipe);
	KUNIT_ASSERT_EQ(test, vfs_splice_read(file, &pos, pipe, PAGE_SIZE, 0),
			PAGE_SIZE);
	pipe_unlock(pipe);

	KUNIT_EXPECT_PTR_EQ(test, take_stock(ends, buf, 0), NULL);
	folio_mark_dirty(folio);
	KUNIT_EXPECT_PTR_EQ(test, take_stock(ends, buf, SPLICE_F_MOVE), NULL);
	folio_clear_dirty(folio);
	KUNIT_EXPECT_TRUE(test, pp_test_cached(file, 0));
	KUNIT_EXPECT_PTR_EQ(test, take_stock(ends, buf, SPLICE_F_MOVE), folio);
	KUNIT_EXPECT_FALSE(test, pp_test_cached(file, 0));
	folio_put(folio);
}

static struct kunit_case stock_test_cases[] = {
	KUNIT_CASE(stock_test_scratch),
	KUNIT_CASE_PARAM(stock_test_to_private_pipe, stock_gen_params),
	KUNIT_CASE_PARAM(stock_test_from_private_pipe, stock_gen_params),
	KUNIT_CASE(stock_test_full_pipe_takes_what_fits),
	KUNIT_CASE(stock_test_survives_lack_of_memory),
	KUNIT_CASE(stock_test_page_is_taken),
	KUNIT_CASE(stock_test_part_is_refused),
	KUNIT_CASE(stock_test_shared_page_is_refused),
	KUNIT_CASE(stock_test_file_page_is_taken_when_asked),
	{}
};

static struct kunit_suite stock_test_suite = {
	.name = "privpipe_stock",
	.test_cases = stock_test_cases,
};

kunit_test_suite(stock_test_suite);
