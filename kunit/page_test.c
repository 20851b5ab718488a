// SPDX-License-Identifier: GPL-2.0
/* Private folios: allocating, staging, copying. */
#include "support.h"

/*
 * Allocating
 */

static const struct alloc_case {
	unsigned int max_order;	/* the module parameter folio_order */
	unsigned int pages;
	unsigned int order;
} alloc_cases[] = {
	{ 4, 1, 0 },  { 4, 2, 1 },   { 4, 3, 1 },   { 4, 4, 2 },
	{ 4, 15, 3 }, { 4, 16, 4 },  { 4, 17, 4 },  { 4, UINT_MAX, 4 },
	{ 0, 1, 0 },  { 0, 100, 0 }, { 2, 100, 2 }, { 9, 512, 9 },
	{ 9, 511, 8 }, { 99, 100000, PP_MAX_ORDER },
};

static void alloc_case_desc(const struct alloc_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u pages with folio_order %u",
		 c->pages, c->max_order);
}

KUNIT_ARRAY_PARAM(alloc, alloc_cases, alloc_case_desc);

static void page_test_alloc(struct kunit *test)
{
	const struct alloc_case *c = test->param_value;
	unsigned int max_order = pp_folio_order;
	struct folio *folio;

	pp_folio_order = c->max_order;
	folio = pp_folio_alloc(c->pages);
	pp_folio_order = max_order;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_EXPECT_EQ(test, folio_order(folio), c->order);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_PTR_EQ(test, folio->mapping, NULL);
	KUNIT_EXPECT_FALSE(test, folio_test_lru(folio));
	folio_put(folio);
}

static void page_test_counts_what_is_used_again(struct kunit *test)
{
	struct folio *folio = pp_folio_alloc(2);
	u64 allocated = pp_stats_read(PP_folios_allocated);
	u64 recycled = pp_stats_read(PP_folios_recycled);

	pp_folio_free(folio);
	KUNIT_EXPECT_PTR_EQ(test, pp_folio_alloc(3), folio);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_folios_recycled) - recycled, 1);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_folios_allocated) - allocated, 0);
	folio_put(folio);
}

/*
 * Staging
 */

static const struct stage_case {
	size_t offset;
	size_t len;
	unsigned int nr;	/* slots, with folios of 64 KiB at the most */
} stage_cases[] = {
	{ 0, 1, 1 },
	{ 0, PAGE_SIZE, 1 },
	{ 0, PAGE_SIZE + 1, 1 },
	{ PAGE_SIZE - 1, 1, 1 },
	{ PAGE_SIZE - 1, 2, 1 },
	{ 1, 3 * PAGE_SIZE, 1 },
	{ 0, 3 * PAGE_SIZE, 2 },
	{ 5, 16 * PAGE_SIZE, 2 },
	{ 0, 16 * PAGE_SIZE, 1 },
	{ 0, 31 * PAGE_SIZE, 5 },
	{ 77, 100 * PAGE_SIZE, 8 },
};

static void stage_case_desc(const struct stage_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes at %zu", c->len, c->offset);
}

KUNIT_ARRAY_PARAM(stage, stage_cases, stage_case_desc);

static void page_test_stage_counts_pages_as_asked(struct kunit *test)
{
	const struct stage_case *c = test->param_value;
	struct pp_stage stage = {};
	unsigned int i, pages = 0;

	KUNIT_ASSERT_EQ(test, pp_stage_alloc(&stage, c->offset, c->len), 0);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), c->len);
	KUNIT_EXPECT_EQ(test, stage.slots[0].offset, c->offset);
	for (i = 0; i < stage.nr; i++) {
		struct pp_slot *slot = &stage.slots[i];

		KUNIT_EXPECT_LE(test, (size_t)slot->offset + slot->len,
				folio_size(slot->folio));
		KUNIT_EXPECT_FALSE(test, slot->flags);
		pages += pp_slot_pages(slot);
	}
	KUNIT_EXPECT_EQ(test, pages, DIV_ROUND_UP(c->offset + c->len, PAGE_SIZE));
	pp_stage_cut(&stage, 0);
	KUNIT_EXPECT_EQ(test, stage.nr, 0);
}

static void page_test_stage_holds_so_many_slots(struct kunit *test)
{
	size_t most = PP_STAGE_SLOTS * pp_folio_max_pages() * PAGE_SIZE;
	struct pp_stage stage = {};

	KUNIT_ASSERT_EQ(test, pp_stage_alloc(&stage, 0, most + 1), 0);
	KUNIT_EXPECT_EQ(test, stage.nr, PP_STAGE_SLOTS);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), most);
	pp_stage_cut(&stage, 0);
}

static void page_test_stage_keeps_what_it_has_without_memory(struct kunit *test)
{
	size_t piece = pp_folio_max_pages() * PAGE_SIZE;
	struct pp_stage stage = {};

	pp_test_fail_folio(test, 1);
	KUNIT_EXPECT_EQ(test, pp_stage_alloc(&stage, 0, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, stage.nr, 0);
	pp_test_fail_folio(test, 3);
	KUNIT_EXPECT_EQ(test, pp_stage_alloc(&stage, 0, 5 * piece), 0);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), 2 * piece);
	pp_test_fail_folio(test, 1);
	KUNIT_EXPECT_EQ(test, pp_stage_alloc(&stage, 0, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), 2 * piece);
	pp_stage_cut(&stage, 0);
}

static void page_test_cut(struct kunit *test)
{
	struct pp_stage stage = {};
	struct folio *foreign = folio_alloc(GFP_KERNEL, 0);

	KUNIT_ASSERT_NOT_NULL(test, foreign);
	folio_get(foreign);
	KUNIT_ASSERT_EQ(test, pp_stage_alloc(&stage, 0, 3 * PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, stage.nr, 2);
	stage.slots[stage.nr++] = (struct pp_slot) {
		.folio = foreign, .len = PAGE_SIZE, .flags = PP_SLOT_FOREIGN,
	};

	pp_stage_cut(&stage, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), 4 * PAGE_SIZE);
	pp_stage_cut(&stage, 3 * PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, stage.nr, 3);
	KUNIT_EXPECT_EQ(test, (u32)stage.slots[2].len, 1);
	pp_stage_cut(&stage, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stage.nr, 2);
	KUNIT_EXPECT_EQ(test, folio_ref_count(foreign), 1);
	pp_stage_cut(&stage, 2 * PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, stage.nr, 1);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), 2 * PAGE_SIZE - 1);
	pp_stage_cut(&stage, 0);
	KUNIT_EXPECT_EQ(test, stage.nr, 0);
	folio_put(foreign);
}

/* Received bytes are in folios of their size, not in the larger ones that were prepared. */
static void page_test_fit(struct kunit *test)
{
	struct pp_stage stage = {};
	unsigned int i, pages = 0;

	KUNIT_ASSERT_EQ(test, pp_stage_alloc(&stage, 0, 3 * SZ_64K), 0);
	pp_stage_fit(&stage, SZ_64K + 2 * PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), SZ_64K + 2 * PAGE_SIZE + 1);
	for (i = 0; i < stage.nr; i++)
		pages += folio_nr_pages(stage.slots[i].folio);
	KUNIT_EXPECT_EQ(test, pages, SZ_64K / PAGE_SIZE + 3);
	pp_stage_cut(&stage, 0);
}

static void page_test_fit_keeps_room_without_memory(struct kunit *test)
{
	unsigned int fail;

	for (fail = 1; fail <= 2; fail++) {
		struct pp_stage stage = {};
		struct folio *folio;

		KUNIT_ASSERT_EQ(test, pp_stage_alloc(&stage, 0, SZ_64K), 0);
		folio = stage.slots[0].folio;
		pp_test_fail_folio(test, fail);
		pp_stage_fit(&stage, 2 * PAGE_SIZE + 1);
		KUNIT_EXPECT_EQ(test, stage.nr, 1);
		KUNIT_EXPECT_PTR_EQ(test, stage.slots[0].folio, folio);
		KUNIT_EXPECT_EQ(test, pp_stage_bytes(&stage), 2 * PAGE_SIZE + 1);
		pp_test_fail_folio(test, 0);
		pp_stage_cut(&stage, 0);
	}
}

/*
 * Copying
 */

static const struct copy_case {
	unsigned int to_order;
	size_t to_offset;
	unsigned int from_order;
	size_t from_offset;
	size_t len;
} copy_cases[] = {
	{ 0, 0, 0, 0, PAGE_SIZE },
	{ 0, PAGE_SIZE - 1, 0, 0, 1 },
	{ 1, PAGE_SIZE - 1, 0, 5, 2 },
	{ 0, 9, 1, PAGE_SIZE - 3, 6 },
	{ 2, 1, 2, PAGE_SIZE + 2, 2 * PAGE_SIZE + 1000 },
	{ 2, PAGE_SIZE + 2, 2, 1, 2 * PAGE_SIZE + 1000 },
	{ 4, 0, 4, 0, SZ_64K },
	{ 4, 17, 4, 4099, 50000 },
};

static void copy_case_desc(const struct copy_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes from %zu of order %u to %zu of order %u",
		 c->len, c->from_offset, c->from_order, c->to_offset, c->to_order);
}

KUNIT_ARRAY_PARAM(copy, copy_cases, copy_case_desc);

static void page_test_copy(struct kunit *test)
{
	const struct copy_case *c = test->param_value;
	struct folio *from = folio_alloc(GFP_KERNEL, c->from_order);
	struct folio *to = folio_alloc(GFP_KERNEL | __GFP_ZERO, c->to_order);
	u8 *p;

	KUNIT_ASSERT_NOT_NULL(test, from);
	KUNIT_ASSERT_NOT_NULL(test, to);
	pp_test_fill_folio(from, 0, 0, folio_size(from));
	pp_copy_folio(to, c->to_offset, from, c->from_offset, c->len);
	pp_test_expect_folio(test, to, c->to_offset, c->from_offset, c->len);
	p = folio_address(to);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(p, 0, c->to_offset), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(p + c->to_offset + c->len, 0,
					     folio_size(to) - c->to_offset - c->len),
			    NULL);
	folio_put(from);
	folio_put(to);
}

static const struct pages_case {
	size_t offset;
	size_t len;
	unsigned int pages;
} pages_cases[] = {
	{ 0, 1, 1 },		   { 0, PAGE_SIZE, 1 },	  { 0, PAGE_SIZE + 1, 2 },
	{ PAGE_SIZE - 1, 1, 1 },   { PAGE_SIZE - 1, 2, 2 }, { PAGE_SIZE, 1, 1 },
	{ PAGE_SIZE + 1, PAGE_SIZE, 2 }, { 0, SZ_2M, SZ_2M / PAGE_SIZE },
};

static void pages_case_desc(const struct pages_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes at %zu", c->len, c->offset);
}

KUNIT_ARRAY_PARAM(pages, pages_cases, pages_case_desc);

static void page_test_slot_pages(struct kunit *test)
{
	const struct pages_case *c = test->param_value;
	struct pp_slot slot = { .offset = c->offset, .len = c->len };

	KUNIT_EXPECT_EQ(test, (u32)slot.len, c->len);
	KUNIT_EXPECT_EQ(test, pp_slot_pages(&slot), c->pages);
}

static struct kunit_case page_test_cases[] = {
	KUNIT_CASE_PARAM(page_test_alloc, alloc_gen_params),
	KUNIT_CASE(page_test_counts_what_is_used_again),
	KUNIT_CASE_PARAM(page_test_stage_counts_pages_as_asked, stage_gen_params),
	KUNIT_CASE(page_test_stage_holds_so_many_slots),
	KUNIT_CASE(page_test_stage_keeps_what_it_has_without_memory),
	KUNIT_CASE(page_test_cut),
	KUNIT_CASE(page_test_fit),
	KUNIT_CASE(page_test_fit_keeps_room_without_memory),
	KUNIT_CASE_PARAM(page_test_copy, copy_gen_params),
	KUNIT_CASE_PARAM(page_test_slot_pages, pages_gen_params),
	{}
};

static struct kunit_suite page_test_suite = {
	.name = "privpipe_page",
	.init = pp_test_stay,
	.test_cases = page_test_cases,
};

kunit_test_suite(page_test_suite);
