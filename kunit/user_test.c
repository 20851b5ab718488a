// SPDX-License-Identifier: GPL-2.0
/* Writes and reads of user memory that can't be accessed for a moment. */
#include <linux/mman.h>
#include <linux/uio.h>

#include "support.h"
#include "vmsplice.h"

/* Four pages, the third of which comes back when the pipe asks for a folio again. */
#define START		2048UL
#define GOOD		(2 * PAGE_SIZE - START)
#define WHOLE		(4 * PAGE_SIZE - START)

static struct {
	char __user *memory;
	unsigned int allocations_left;
} gap;

static void map_gap(struct kunit *test, int prot)
{
	unsigned long addr = (unsigned long)gap.memory + 2 * PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, vm_mmap(NULL, addr, PAGE_SIZE, prot, MAP_ANONYMOUS |
				      MAP_PRIVATE | MAP_FIXED, 0), addr);
}

static void fill_gap(struct kunit *test)
{
	map_gap(test, PROT_READ | PROT_WRITE);
	pp_test_fill_user(test, gap.memory + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE);
}

static struct folio *alloc_and_fill_gap(unsigned int pages)
{
	struct kunit *test = kunit_get_current_test();
	struct folio *folio;

	if (gap.allocations_left && !--gap.allocations_left)
		fill_gap(test);
	kunit_deactivate_static_stub(test, pp_folio_alloc);
	folio = pp_folio_alloc(pages);
	kunit_activate_static_stub(test, pp_folio_alloc, alloc_and_fill_gap);
	return folio;
}

static void make_gap(struct kunit *test, unsigned int allocations)
{
	gap.memory = pp_test_user(test, 4 * PAGE_SIZE);
	pp_test_fill_user(test, gap.memory, 0, 4 * PAGE_SIZE);
	map_gap(test, PROT_NONE);
	gap.allocations_left = allocations;
	kunit_activate_static_stub(test, pp_folio_alloc, alloc_and_fill_gap);
}

/* Writes the rest of it; what is left in the iterator is what was not written. */
static ssize_t write_user(struct kunit *test, struct file *end, size_t skip, bool vector)
{
	char __user *from = gap.memory + START + skip;
	struct iovec iov[2] = {
		{ from, 1000 },
		{ from + 1000, WHOLE - skip - 1000 },
	};
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t ret;

	if (vector)
		iov_iter_init(&iter, ITER_SOURCE, iov, ARRAY_SIZE(iov), WHOLE - skip);
	else
		iov_iter_ubuf(&iter, ITER_SOURCE, from, WHOLE - skip);
	init_sync_kiocb(&kiocb, end);
	ret = end->f_op->write_iter(&kiocb, &iter);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), WHOLE - skip - max(ret, 0));
	return ret;
}

static const struct write_case {
	const char *name;
	int flags;
	bool vector;
	unsigned int allocations;	/* which one comes after the fault */
} write_cases[] = {
	{ "write", 0, false, 2 },
	{ "writev", 0, true, 2 },
	{ "write of packets", O_DIRECT, false, 3 },
	{ "writev of packets", O_DIRECT, true, 3 },
};

KUNIT_ARRAY_PARAM_DESC(write, write_cases, name);

/* What a write could not read it does not skip, although the memory comes back. */
static void user_test_write_ends_at_fault(struct kunit *test)
{
	const struct write_case *c = test->param_value;
	struct file *ends[2];
	struct pp_ring *ring;

	make_gap(test, c->allocations);
	pp_test_pipe(test, 16, c->flags, ends);
	ring = ends[0]->private_data;
	KUNIT_ASSERT_EQ(test, write_user(test, ends[1], 0, c->vector), PAGE_SIZE);
	pp_test_expect_ring(test, ring, START, PAGE_SIZE);

	fill_gap(test);
	KUNIT_EXPECT_EQ(test, write_user(test, ends[1], PAGE_SIZE, c->vector),
			WHOLE - PAGE_SIZE);
	pp_test_expect_ring(test, ring, START, WHOLE);
}

/* What is merged into the last page enters as a whole or not at all. */
static void user_test_merge_ends_at_fault(struct kunit *test)
{
	struct file *ends[2];
	struct iov_iter iter;
	struct kiocb kiocb;

	/* The first allocation is that of what is merged with. */
	make_gap(test, 2);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 2 * PAGE_SIZE - 200, 100);

	iov_iter_ubuf(&iter, ITER_SOURCE, gap.memory + 2 * PAGE_SIZE - 100,
		      PAGE_SIZE + 200);
	init_sync_kiocb(&kiocb, ends[1]);
	KUNIT_EXPECT_EQ(test, ends[1]->f_op->write_iter(&kiocb, &iter), -EFAULT);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), PAGE_SIZE + 200);
	pp_test_expect_ring(test, ends[0]->private_data, 2 * PAGE_SIZE - 200, 100);
}

static void user_test_read_ends_at_fault(struct kunit *test)
{
	struct iov_iter iter;
	struct file *ends[2];
	struct kiocb kiocb;

	make_gap(test, 0);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, WHOLE);
	iov_iter_ubuf(&iter, ITER_DEST, gap.memory + START, WHOLE);
	init_sync_kiocb(&kiocb, ends[0]);
	KUNIT_EXPECT_EQ(test, ends[0]->f_op->read_iter(&kiocb, &iter), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), WHOLE - PAGE_SIZE);
	pp_test_expect_user(test, gap.memory + START, 0, PAGE_SIZE);
	pp_test_expect_ring(test, ends[0]->private_data, PAGE_SIZE, WHOLE - PAGE_SIZE);
}

static void user_test_vmsplice_ends_at_fault(struct kunit *test)
{
	unsigned int flags;

	for (flags = 0; flags <= SPLICE_F_GIFT; flags += SPLICE_F_GIFT) {
		char __user *uiov = pp_test_user(test, sizeof(struct iovec));
		struct privpipe_vmsplice arg = {
			.size = sizeof(arg),
			.flags = flags,
			.iov = (uintptr_t)uiov,
			.nr_segs = 1,
		};
		struct file *ends[2];
		struct iovec iov;

		make_gap(test, 2);
		iov = (struct iovec){ gap.memory + START, WHOLE };
		KUNIT_ASSERT_EQ(test, copy_to_user(uiov, &iov, sizeof(iov)), 0);
		pp_test_pipe(test, 16, 0, ends);
		KUNIT_EXPECT_EQ(test, pp_vmsplice(ends[1], &arg, false), GOOD);
		pp_test_expect_ring(test, ends[0]->private_data, START, GOOD);
	}
}

static struct kunit_case user_test_cases[] = {
	KUNIT_CASE_PARAM(user_test_write_ends_at_fault, write_gen_params),
	KUNIT_CASE(user_test_merge_ends_at_fault),
	KUNIT_CASE(user_test_read_ends_at_fault),
	KUNIT_CASE(user_test_vmsplice_ends_at_fault),
	{}
};

static struct kunit_suite user_test_suite = {
	.name = "privpipe_user",
	.test_cases = user_test_cases,
};

kunit_test_suite(user_test_suite);
