// SPDX-License-Identifier: GPL-2.0
/* User memory into a private pipe and out of it: read, write, vmsplice. */
#include <linux/mman.h>
#include <linux/uio.h>

#include "support.h"
#include "../module/user.h"	/* User-Mode Linux has a user.h, too */

/*
 * vmsplice
 */

/* The call; @iov is copied to user memory. */
static long vmsplice(struct kunit *test, struct file *end, const struct iovec *iov,
		     unsigned long nr, unsigned int flags)
{
	char __user *uiov = pp_test_user(test, max(nr, 1) * sizeof(*iov));
	struct pp_call call = {
		.file = end,
		.arg.vmsplice = {
			.flags = flags | SPLICE_F_NONBLOCK,
			.iov = (uintptr_t)uiov,
			.nr_segs = nr,
		},
	};

	KUNIT_ASSERT_EQ(test, copy_to_user(uiov, iov, nr * sizeof(*iov)), 0);
	return pp_vmsplice(&call);
}

static const struct in_case {
	const char *name;
	unsigned int capacity;
	size_t lens[4];		/* of consecutive pieces of memory */
	ssize_t ret;
	unsigned int used;
} in_cases[] = {
	{ "nothing", 16, { 0 }, 0, 0 },
	{ "a byte", 16, { 1 }, 1, 1 },
	{ "a page", 16, { PAGE_SIZE }, PAGE_SIZE, 1 },
	{ "an empty piece between two", 16, { 10, 0, 10 }, 20, 1 },
	{ "odd pieces share pages", 16, { 100, 5000, 3 }, 5103, 2 },
	{ "as much as there is room for", 2, { SZ_64K }, 2 * PAGE_SIZE, 2 },
	{ "64 KiB in pieces", 16, { SZ_32K, SZ_32K }, SZ_64K, 16 },
};

KUNIT_ARRAY_PARAM_DESC(in, in_cases, name);

/* With and without SPLICE_F_GIFT: ordinary memory is always copied. */
static void user_test_vmsplice_copies_in(struct kunit *test)
{
	const struct in_case *c = test->param_value;
	unsigned int flags, i;

	for (flags = 0; flags <= SPLICE_F_GIFT; flags += SPLICE_F_GIFT) {
		char __user *memory = pp_test_user(test, SZ_64K);
		struct iovec iov[ARRAY_SIZE(c->lens)];
		struct file *ends[2];
		size_t sum = 0;

		pp_test_fill_user(test, memory, 0, SZ_64K);
		for (i = 0; i < ARRAY_SIZE(c->lens); i++) {
			iov[i].iov_base = memory + sum;
			iov[i].iov_len = c->lens[i];
			sum += c->lens[i];
		}
		pp_test_pipe(test, c->capacity, 0, ends);
		KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], iov, ARRAY_SIZE(iov), flags),
				c->ret);
		/* The later content of the memory does not matter. */
		KUNIT_ASSERT_EQ(test, clear_user(memory, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->copied, c->ret);
		if (!flags)
			KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->used, c->used);
		pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, c->ret);
	}
}

static void user_test_vmsplice_stops_at_fault(struct kunit *test)
{
	char __user *memory = pp_test_user(test, 2 * PAGE_SIZE);
	struct iovec iov = { memory + 100, SZ_64K };
	struct file *ends[2];

	pp_test_fill_user(test, memory, 0, 2 * PAGE_SIZE);
	pp_test_pipe(test, 16, 0, ends);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), 2 * PAGE_SIZE - 100);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 100, 2 * PAGE_SIZE - 100);

	iov.iov_base = memory + 2 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, SPLICE_F_GIFT), -EFAULT);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 100, 2 * PAGE_SIZE - 100);
}

static void user_test_vmsplice_full_pipe(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, 1 };
	struct file *ends[2];

	pp_test_pipe(test, 1, 0, ends);
	pp_test_write(test, ends[1], 0, 1);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EAGAIN);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, 1);
}

static void user_test_vmsplice_survives_lack_of_memory(struct kunit *test)
{
	char __user *memory = pp_test_user(test, 31 * PAGE_SIZE);
	struct iovec iov = { memory, 31 * PAGE_SIZE };
	const unsigned int done[] = { 0, 16, 24, 28, 30, 31 };
	unsigned int nth;

	pp_test_fill_user(test, memory, 0, 31 * PAGE_SIZE);
	for (nth = 1; nth <= 6; nth++) {
		long expected = done[nth - 1] * PAGE_SIZE;
		struct file *ends[2];
		long ret;

		pp_test_pipe(test, 32, 0, ends);
		pp_test_fail_folio(test, nth);
		ret = vmsplice(test, ends[1], &iov, 1, 0);
		pp_test_fail_folio(test, 0);
		KUNIT_EXPECT_EQ(test, ret, expected ?: -ENOMEM);
		pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, expected);
	}
}

static const struct out_case {
	const char *name;
	size_t there;
	size_t lens[3];
	ssize_t ret;
} out_cases[] = {
	{ "a byte", 5000, { 1 }, 1 },
	{ "everything", 5000, { SZ_64K }, 5000 },
	{ "in pieces", 20000, { 100, 0, 7777 }, 7877 },
	{ "several folios", 100000, { 70000, 30000 }, 100000 },
	{ "nothing wanted", 100, { 0 }, 0 },
	{ "an empty pipe", 0, { 1 }, -EAGAIN },
};

KUNIT_ARRAY_PARAM_DESC(out, out_cases, name);

static void user_test_vmsplice_copies_out(struct kunit *test)
{
	const struct out_case *c = test->param_value;
	char __user *memory = pp_test_user(test, SZ_128K);
	struct iovec iov[ARRAY_SIZE(c->lens)];
	size_t sum = 0, done = max_t(ssize_t, c->ret, 0);
	struct file *ends[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c->lens); i++) {
		iov[i].iov_base = memory + sum;
		iov[i].iov_len = c->lens[i];
		sum += c->lens[i];
	}
	pp_test_pipe(test, 32, 0, ends);
	if (c->there)
		pp_test_write(test, ends[1], 0, c->there);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], iov, ARRAY_SIZE(iov), 0), c->ret);
	pp_test_expect_user(test, memory, 0, done);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), done, c->there - done);
}

/* If the wanted part of a page can't be copied, the page stays in the pipe. */
static void user_test_vmsplice_fault_keeps_bytes(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory + PAGE_SIZE, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), -EFAULT);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, 3 * PAGE_SIZE);

	iov.iov_base = memory;
	iov.iov_len = 3 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), PAGE_SIZE);
	pp_test_expect_user(test, memory, 0, PAGE_SIZE);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), PAGE_SIZE, 2 * PAGE_SIZE);
}

static void user_test_vmsplice_end_of_pipe(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_close(test, ends[1]);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), 0);
}

static void user_test_vmsplice_no_reader(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_close(test, ends[0]);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EPIPE);
}

/*
 * Pages that a write may add to
 */

/* If a socket has the beginning of the last page, the rest moves before a write adds to it. */
static void user_test_shared_page_is_not_added_to(struct kunit *test)
{
	struct file *sockets[2], *ends[2];
	struct pp_ring *ring;
	struct folio *shared;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	ring = pp_ring_of(ends[0]);
	pp_test_write(test, ends[1], 0, 100);
	shared = pp_ring_tail(ring)->folio;
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 60 }), 60);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_PTR_NE(test, pp_ring_tail(ring)->folio, shared);
	KUNIT_EXPECT_FALSE(test, pp_ring_tail(ring)->flags & PP_SLOT_SHARED);
	/* It takes no more room than on stock. */
	KUNIT_EXPECT_EQ(test, ring->used, 1);
	KUNIT_EXPECT_EQ(test, ring->held, 1);
	pp_test_expect_ring(test, ring, 60, 140);
	pp_test_expect_read(test, sockets[1], 0, 60);
}

/* If there is no memory to move the rest to, the write begins another page. */
static void user_test_shared_page_stays_without_memory(struct kunit *test)
{
	struct file *sockets[2], *ends[2];

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 100);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 60 }), 60);
	pp_test_fail_folio(test, 1);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->used, 2);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 60, 140);
	pp_test_expect_read(test, sockets[1], 0, 60);
}

/* A write does not add to a page that is on its way to a socket. */
static void user_test_drained_page_is_not_added_to(struct kunit *test)
{
	struct pp_drain drain;
	struct file *ends[2];
	struct pp_ring *ring;

	pp_test_pipe(test, 16, 0, ends);
	ring = pp_ring_of(ends[0]);
	pp_test_write(test, ends[1], 0, 100);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, 100, &drain), 1);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_EQ(test, ring->used, 2);
	/* It does add to a page that came later. */
	pp_test_write(test, ends[1], 200, 100);
	KUNIT_EXPECT_EQ(test, ring->used, 2);
	pp_ring_drain_end(ring, 60);
	pp_test_expect_ring(test, ring, 60, 240);
}

/* A page that was read is used again, but not while somebody else refers to it. */
static void user_test_page_is_used_again(struct kunit *test)
{
	struct folio *folio;
	struct file *ends[2];
	struct pp_ring *ring;

	pp_test_pipe(test, 16, 0, ends);
	ring = pp_ring_of(ends[0]);
	/* A large folio goes to the pool. */
	pp_test_write(test, ends[1], 0, 2 * PAGE_SIZE);
	pp_test_expect_read(test, ends[0], 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, ring->spare);

	pp_test_write(test, ends[1], 0, 100);
	folio = pp_ring_tail(ring)->folio;
	pp_test_expect_read(test, ends[0], 0, 100);
	KUNIT_EXPECT_PTR_EQ(test, ring->spare, folio);

	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_PTR_EQ(test, pp_ring_tail(ring)->folio, folio);
	KUNIT_EXPECT_NULL(test, ring->spare);
	pp_test_expect_read(test, ends[0], 100, 100);

	folio_get(folio);
	pp_test_write(test, ends[1], 200, 100);
	KUNIT_EXPECT_PTR_NE(test, pp_ring_tail(ring)->folio, folio);
	folio_put(folio);
	pp_test_expect_read(test, ends[0], 200, 100);

	/* It goes with what is in the pipe. */
	pp_test_write(test, ends[1], 300, 100);
	pp_test_expect_read(test, ends[0], 300, 100);
	KUNIT_EXPECT_NOT_NULL(test, ring->spare);
	pp_ring_clear(ring);
	KUNIT_EXPECT_NULL(test, ring->spare);
}

/*
 * Memory that can't be accessed for a moment
 */

/* Four pages; the third comes back when the pipe allocates another folio. */
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

/* Write the rest of the memory; the iterator keeps the bytes that were not written. */
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
	unsigned int allocations;	/* the number of the one after the fault */
} write_cases[] = {
	{ "write", 0, false, 2 },
	{ "writev", 0, true, 2 },
	{ "write of packets", O_DIRECT, false, 3 },
	{ "writev of packets", O_DIRECT, true, 3 },
};

KUNIT_ARRAY_PARAM_DESC(write, write_cases, name);

/* A write does not skip bytes that it could not read, although the memory comes back. */
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

/* Bytes that are added to the last page enter as a whole or not at all. */
static void user_test_merge_ends_at_fault(struct kunit *test)
{
	struct file *ends[2];
	struct iov_iter iter;
	struct kiocb kiocb;

	/* The first allocation is for the page that is added to. */
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

/* As if somebody else had written the first bytes, whose writer can't read them. */
static void user_test_page_of_two_users_is_not_used_again(struct kunit *test)
{
	struct file *ends[2];
	struct pp_ring *ring;
	struct folio *folio;

	pp_test_pipe(test, 16, 0, ends);
	ring = ends[0]->private_data;
	pp_test_write(test, ends[1], 0, 100);
	folio = pp_ring_tail(ring)->folio;
	folio->index++;
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_PTR_EQ(test, pp_ring_tail(ring)->folio, folio);
	KUNIT_EXPECT_EQ(test, folio->index, __kuid_val(INVALID_UID));
	pp_test_expect_ring(test, ring, 0, 200);
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
		struct file *ends[2];
		struct iovec iov;

		make_gap(test, 2);
		iov = (struct iovec){ gap.memory + START, WHOLE };
		pp_test_pipe(test, 16, 0, ends);
		KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, flags), GOOD);
		pp_test_expect_ring(test, ends[0]->private_data, START, GOOD);
	}
}

static struct kunit_case user_test_cases[] = {
	KUNIT_CASE_PARAM(user_test_vmsplice_copies_in, in_gen_params),
	KUNIT_CASE(user_test_vmsplice_stops_at_fault),
	KUNIT_CASE(user_test_vmsplice_full_pipe),
	KUNIT_CASE(user_test_vmsplice_survives_lack_of_memory),
	KUNIT_CASE_PARAM(user_test_vmsplice_copies_out, out_gen_params),
	KUNIT_CASE(user_test_vmsplice_fault_keeps_bytes),
	KUNIT_CASE(user_test_vmsplice_end_of_pipe),
	KUNIT_CASE(user_test_vmsplice_no_reader),
	KUNIT_CASE(user_test_shared_page_is_not_added_to),
	KUNIT_CASE(user_test_shared_page_stays_without_memory),
	KUNIT_CASE(user_test_drained_page_is_not_added_to),
	KUNIT_CASE(user_test_page_is_used_again),
	KUNIT_CASE_PARAM(user_test_write_ends_at_fault, write_gen_params),
	KUNIT_CASE(user_test_page_of_two_users_is_not_used_again),
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
