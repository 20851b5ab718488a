// SPDX-License-Identifier: GPL-2.0
/* Arenas: memory to map, and its pages to give away. */
#include <linux/cred.h>
#include <linux/mman.h>
#include <linux/sched/user.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "arena.h"
#include "support.h"
#include "../module/user.h"	/* User-Mode Linux has a user.h, too */

/* A mapped arena with the pattern in it; the memory behind it can't be accessed. */
static char __user *make_arena(struct kunit *test, size_t len)
{
	struct file *arena = pp_arena_create(len);
	char __user *memory;

	pp_test_keep(test, arena);
	memory = pp_test_user(test, len);
	KUNIT_ASSERT_EQ(test, vm_mmap(arena, (unsigned long)memory, len,
				      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0),
			(unsigned long)memory);
	pp_test_fill_user(test, memory, 0, len);
	return memory;
}

static long gift(struct kunit *test, struct file *end, char __user *from, size_t len)
{
	struct iovec iov = { from, len };
	char __user *uiov = pp_test_user(test, sizeof(iov));
	struct pp_call call = {
		.file = end,
		.arg.vmsplice = {
			.flags = SPLICE_F_NONBLOCK | SPLICE_F_GIFT,
			.iov = (uintptr_t)uiov,
			.nr_segs = 1,
		},
	};

	KUNIT_ASSERT_EQ(test, copy_to_user(uiov, &iov, sizeof(iov)), 0);
	return pp_vmsplice(&call);
}

static struct pp_ring *ring_of(struct file *ends[2])
{
	return ends[0]->private_data;
}

static void expect_zeros(struct kunit *test, char __user *from, size_t len)
{
	u8 *buf = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, copy_from_user(buf, from, len), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(buf, 0, len), NULL);
}

static void arena_test_length(struct kunit *test)
{
	atomic_long_t *charged = &current_user()->pipe_bufs;
	long before = atomic_long_read(charged);
	struct file *arena;

	KUNIT_EXPECT_EQ(test, PTR_ERR(pp_arena_create(0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pp_arena_create((1ULL << 31) + 1)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pp_arena_create(U64_MAX)), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged), before);

	arena = pp_arena_create(PAGE_SIZE + 1);
	pp_test_keep(test, arena);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged) - before, 2);
	pp_test_close(test, arena);
	KUNIT_EXPECT_EQ(test, atomic_long_read(charged), before);
}

static const struct map_case {
	const char *name;
	size_t len;
	unsigned long offset;
	unsigned long flags;
	long error;
} map_cases[] = {
	{ "all of it", 4 * PAGE_SIZE, 0, MAP_SHARED, 0 },
	{ "the last page", PAGE_SIZE, 3 * PAGE_SIZE, MAP_SHARED, 0 },
	{ "one page too many", 5 * PAGE_SIZE, 0, MAP_SHARED, -ENXIO },
	{ "past the end", PAGE_SIZE, 4 * PAGE_SIZE, MAP_SHARED, -ENXIO },
	{ "far past the end", PAGE_SIZE, 100 * PAGE_SIZE, MAP_SHARED, -ENXIO },
	{ "privately", PAGE_SIZE, 0, MAP_PRIVATE, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(map, map_cases, name);

static void arena_test_map(struct kunit *test)
{
	const struct map_case *c = test->param_value;
	struct file *arena = pp_arena_create(4 * PAGE_SIZE);
	long addr;

	pp_test_keep(test, arena);
	addr = kunit_vm_mmap(test, arena, 0, c->len, PROT_READ | PROT_WRITE, c->flags,
			     c->offset);
	if (c->error) {
		KUNIT_EXPECT_EQ(test, addr, c->error);
		return;
	}
	KUNIT_ASSERT_GT(test, addr, 0);
	expect_zeros(test, (char __user *)addr, c->len);
}

static void arena_test_mappings_share(struct kunit *test)
{
	struct file *arena = pp_arena_create(4 * PAGE_SIZE);
	char __user *whole, *part;

	pp_test_keep(test, arena);
	whole = pp_test_map(test, arena, 4 * PAGE_SIZE, 0);
	part = pp_test_map(test, arena, PAGE_SIZE, 2 * PAGE_SIZE);
	pp_test_fill_user(test, whole, 0, 4 * PAGE_SIZE);
	pp_test_expect_user(test, part, 2 * PAGE_SIZE, PAGE_SIZE);

	/* A page that is unmapped stays as long as the arena exists. */
	vm_munmap((unsigned long)whole, 4 * PAGE_SIZE);
	whole = pp_test_map(test, arena, 4 * PAGE_SIZE, 0);
	pp_test_expect_user(test, whole, 0, 4 * PAGE_SIZE);
}

/* Two blocks and some pages. */
#define ARENA_SIZE	(40 * PAGE_SIZE)

static const struct gift_case {
	const char *name;
	size_t offset;
	size_t len;
	unsigned int capacity;
	ssize_t ret;
	size_t taken;
} gift_cases[] = {
	{ "a page", 0, PAGE_SIZE, 16, PAGE_SIZE, PAGE_SIZE },
	{ "eight pages", 0, 8 * PAGE_SIZE, 16, 8 * PAGE_SIZE, 8 * PAGE_SIZE },
	{ "pages in the middle", 2 * PAGE_SIZE, 3 * PAGE_SIZE, 16, 3 * PAGE_SIZE,
	  3 * PAGE_SIZE },
	{ "part of a page", 100, 1000, 16, 1000, 0 },
	{ "the beginning of a page", 0, 1000, 16, 1000, 0 },
	{ "pages and a half", 0, 2 * PAGE_SIZE + 100, 16, 2 * PAGE_SIZE + 100,
	  2 * PAGE_SIZE },
	{ "half and pages", PAGE_SIZE - 100, 2 * PAGE_SIZE + 100, 16,
	  2 * PAGE_SIZE + 100, 2 * PAGE_SIZE },
	{ "two halves", PAGE_SIZE - 100, 200, 16, 200, 0 },
	{ "more than there is room for", 0, 8 * PAGE_SIZE, 4, 4 * PAGE_SIZE,
	  4 * PAGE_SIZE },
	{ "past the end of the arena", 38 * PAGE_SIZE, 5 * PAGE_SIZE, 16, 2 * PAGE_SIZE,
	  2 * PAGE_SIZE },
	{ "a block", 16 * PAGE_SIZE, SZ_64K, 16, SZ_64K, SZ_64K },
	{ "all of it", 0, ARENA_SIZE, 64, ARENA_SIZE, ARENA_SIZE },
	{ "parts of blocks", 15 * PAGE_SIZE, 2 * PAGE_SIZE, 16, 2 * PAGE_SIZE,
	  2 * PAGE_SIZE },
	{ "a block and a page", 0, 17 * PAGE_SIZE, 64, 17 * PAGE_SIZE, 17 * PAGE_SIZE },
	{ "a page and a block", 15 * PAGE_SIZE, 17 * PAGE_SIZE, 64, 17 * PAGE_SIZE,
	  17 * PAGE_SIZE },
	{ "pages behind the blocks", 31 * PAGE_SIZE, 4 * PAGE_SIZE, 16, 4 * PAGE_SIZE,
	  4 * PAGE_SIZE },
	{ "a block where room is for a part", 0, SZ_64K, 4, 4 * PAGE_SIZE,
	  4 * PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(gift, gift_cases, name);

static void arena_test_gift(struct kunit *test)
{
	const struct gift_case *c = test->param_value;
	char __user *memory = make_arena(test, ARENA_SIZE);
	size_t first = round_up(c->offset, PAGE_SIZE);
	struct file *ends[2];

	pp_test_pipe(test, c->capacity, 0, ends);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory + c->offset, c->len), c->ret);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, c->taken);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, c->ret - c->taken);

	/* The memory that was given away reads as zeros; the rest is as it was. */
	if (!c->taken)
		first = ARENA_SIZE;
	pp_test_expect_user(test, memory, 0, first);
	if (c->taken) {
		expect_zeros(test, memory + first, c->taken);
		first += c->taken;
		pp_test_expect_user(test, memory + first, first, ARENA_SIZE - first);
	}
	KUNIT_ASSERT_EQ(test, clear_user(memory, ARENA_SIZE), 0);
	pp_test_expect_ring(test, ring_of(ends), c->offset, c->ret);
}

/* The rest of a block works as before. */
static void arena_test_gift_page_by_page(struct kunit *test)
{
	char __user *memory = make_arena(test, SZ_64K);
	struct file *ends[2];
	unsigned int i;

	pp_test_pipe(test, 16, 0, ends);
	for (i = 0; i < 16; i++) {
		KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory + i * PAGE_SIZE,
					   PAGE_SIZE), PAGE_SIZE);
		expect_zeros(test, memory, i * PAGE_SIZE);
		pp_test_expect_user(test, memory + (i + 1) * PAGE_SIZE,
				    (i + 1) * PAGE_SIZE, SZ_64K - (i + 1) * PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, SZ_64K);
	pp_test_expect_ring(test, ring_of(ends), 0, SZ_64K);
}

static void arena_test_gift_of_pinned_block(struct kunit *test)
{
	char __user *memory = make_arena(test, SZ_64K);
	struct file *ends[2];
	struct page *page;

	pp_test_pipe(test, 16, 0, ends);
	KUNIT_ASSERT_EQ(test, get_user_pages_fast((unsigned long)memory + PAGE_SIZE, 1,
						  FOLL_WRITE, &page), 1);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, SZ_64K), SZ_64K);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, SZ_64K);
	pp_test_expect_user(test, memory, 0, SZ_64K);
	memset(page_address(page), 0, PAGE_SIZE);
	put_page(page);
	pp_test_expect_ring(test, ring_of(ends), 0, SZ_64K);
}

/*
 * Where a page or a marker is already in place, the handler must leave the decision to the
 * core.  If it returned "done" without having mapped anything, the fault would repeat forever.
 */
static void arena_test_fault_in_occupied_place(struct kunit *test)
{
	char __user *memory = make_arena(test, SZ_64K);
	unsigned long i;

	for (i = 0; i < 16; i++) {
		unsigned long addr = (unsigned long)memory + i * PAGE_SIZE;
		struct vm_area_struct *vma;
		struct page *page;
		vm_fault_t ret;

		KUNIT_ASSERT_EQ(test, get_user_pages_fast(addr, 1, FOLL_WRITE, &page), 1);
		mmap_read_lock(current->mm);
		vma = vma_lookup(current->mm, addr);
		if (vma) {
			struct vm_fault vmf = {
				.vma = vma,
				.address = addr,
				.pgoff = i,
				.flags = FAULT_FLAG_WRITE,
			};

			ret = vma->vm_ops->fault(&vmf);
			KUNIT_EXPECT_EQ(test, ret, 0);
			KUNIT_EXPECT_PTR_EQ(test, vmf.page, page);
			if (!ret && vmf.page)
				put_page(vmf.page);
		}
		mmap_read_unlock(current->mm);
		put_page(page);
		KUNIT_EXPECT_NOT_NULL(test, vma);
	}
}

/* Pages that do not exist yet are copied as zeros. */
static void arena_test_gift_of_untouched_pages(struct kunit *test)
{
	unsigned int pages;

	for (pages = 1; pages <= 4; pages++) {
		struct file *arena = pp_arena_create(4 * PAGE_SIZE), *ends[2];
		char __user *memory;

		pp_test_keep(test, arena);
		memory = pp_test_map(test, arena, 4 * PAGE_SIZE, 0);
		pp_test_pipe(test, 16, 0, ends);
		KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, pages * PAGE_SIZE),
				pages * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, pages * PAGE_SIZE);
	}
}

/* A pinned page is copied, and stays in the arena. */
static void arena_test_gift_of_pinned_page(struct kunit *test)
{
	unsigned int pinned;

	for (pinned = 0; pinned < 4; pinned++) {
		char __user *memory = make_arena(test, 4 * PAGE_SIZE);
		u64 refused = pp_stats_read(PP_refused_busy_pages);
		struct file *ends[2];
		struct page *page;

		pp_test_pipe(test, 16, 0, ends);
		KUNIT_ASSERT_EQ(test, get_user_pages_fast((unsigned long)memory +
							  pinned * PAGE_SIZE, 1,
							  FOLL_WRITE, &page), 1);
		KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, 4 * PAGE_SIZE),
				4 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, 3 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, PAGE_SIZE);
		KUNIT_EXPECT_GT(test, pp_stats_read(PP_refused_busy_pages), refused);
		pp_test_expect_user(test, memory + pinned * PAGE_SIZE,
				    pinned * PAGE_SIZE, PAGE_SIZE);
		memset(page_address(page), 0, PAGE_SIZE);
		put_page(page);
		pp_test_expect_ring(test, ring_of(ends), 0, 4 * PAGE_SIZE);
	}
}

struct locked_page {
	struct delayed_work unlock;
	struct page *page;
};

static void unlock_later(struct work_struct *work)
{
	unlock_page(container_of(work, struct locked_page, unlock.work)->page);
}

/* A fault locks the page that it has mapped, and has no reference to it. */
static void arena_test_gift_of_locked_page(struct kunit *test)
{
	char __user *memory = make_arena(test, 4 * PAGE_SIZE);
	struct locked_page locked;
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	KUNIT_ASSERT_EQ(test, get_user_pages_fast((unsigned long)memory, 1, FOLL_WRITE,
						  &locked.page), 1);
	lock_page(locked.page);
	put_page(locked.page);
	/* It is refused, and then copied: that waits until it is unlocked. */
	INIT_DELAYED_WORK_ONSTACK(&locked.unlock, unlock_later);
	schedule_delayed_work(&locked.unlock, HZ / 2);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, 4 * PAGE_SIZE), 4 * PAGE_SIZE);
	flush_delayed_work(&locked.unlock);
	destroy_delayed_work_on_stack(&locked.unlock);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, PAGE_SIZE);
	pp_test_expect_ring(test, ring_of(ends), 0, 4 * PAGE_SIZE);
}

/* Giving a page away changes the memory, so it needs the right to write. */
static void arena_test_gift_takes_the_right_to_write(struct kunit *test)
{
	struct file *arena = pp_arena_create(SZ_64K), *ends[2];
	char __user *memory;

	pp_test_keep(test, arena);
	memory = pp_test_map(test, arena, SZ_64K, 0);
	pp_test_fill_user(test, memory, 0, SZ_64K);
	KUNIT_ASSERT_EQ(test, vm_mmap(arena, (unsigned long)memory, SZ_64K, PROT_READ,
				      MAP_SHARED | MAP_FIXED, 0),
			(unsigned long)memory);
	pp_test_pipe(test, 16, 0, ends);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, SZ_64K), SZ_64K);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, 0);
	pp_test_expect_user(test, memory, 0, SZ_64K);
	pp_test_expect_ring(test, ring_of(ends), 0, SZ_64K);
}

static void arena_test_gift_is_gone_from_all_mappings(struct kunit *test)
{
	struct file *arena = pp_arena_create(PAGE_SIZE), *ends[2];
	char __user *a, *b;

	pp_test_keep(test, arena);
	a = pp_test_map(test, arena, PAGE_SIZE, 0);
	b = pp_test_map(test, arena, PAGE_SIZE, 0);
	pp_test_fill_user(test, a, 0, PAGE_SIZE);
	pp_test_expect_user(test, b, 0, PAGE_SIZE);

	pp_test_pipe(test, 16, 0, ends);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], a, PAGE_SIZE), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, PAGE_SIZE);
	expect_zeros(test, b, PAGE_SIZE);
	pp_test_fill_user(test, b, 7 * PAGE_SIZE, PAGE_SIZE);
	pp_test_expect_user(test, a, 7 * PAGE_SIZE, PAGE_SIZE);
	pp_test_expect_ring(test, ring_of(ends), 0, PAGE_SIZE);
}

/* The pages that were given away outlive the arena. */
static void arena_test_pipe_outlives_arena(struct kunit *test)
{
	struct file *arena = pp_arena_create(2 * PAGE_SIZE), *ends[2];
	char __user *memory;

	pp_test_keep(test, arena);
	memory = pp_test_map(test, arena, 2 * PAGE_SIZE, 0);
	pp_test_fill_user(test, memory, 0, 2 * PAGE_SIZE);
	pp_test_pipe(test, 16, 0, ends);
	KUNIT_EXPECT_EQ(test, gift(test, ends[1], memory, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
	vm_munmap((unsigned long)memory, 2 * PAGE_SIZE);
	pp_test_close(test, arena);
	flush_delayed_fput();
	pp_test_expect_ring(test, ring_of(ends), 0, 2 * PAGE_SIZE);
}

static struct kunit_case arena_test_cases[] = {
	KUNIT_CASE(arena_test_length),
	KUNIT_CASE_PARAM(arena_test_map, map_gen_params),
	KUNIT_CASE(arena_test_mappings_share),
	KUNIT_CASE_PARAM(arena_test_gift, gift_gen_params),
	KUNIT_CASE(arena_test_gift_page_by_page),
	KUNIT_CASE(arena_test_gift_of_pinned_block),
	KUNIT_CASE(arena_test_fault_in_occupied_place),
	KUNIT_CASE(arena_test_gift_of_untouched_pages),
	KUNIT_CASE(arena_test_gift_of_pinned_page),
	KUNIT_CASE(arena_test_gift_of_locked_page),
	KUNIT_CASE(arena_test_gift_takes_the_right_to_write),
	KUNIT_CASE(arena_test_gift_is_gone_from_all_mappings),
	KUNIT_CASE(arena_test_pipe_outlives_arena),
	{}
};

static struct kunit_suite arena_test_suite = {
	.name = "privpipe_arena",
	.test_cases = arena_test_cases,
};

kunit_test_suite(arena_test_suite);
