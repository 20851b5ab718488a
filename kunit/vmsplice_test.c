// SPDX-License-Identifier: GPL-2.0
/* vmsplice: user memory into a private pipe, and out of it. */
#include <linux/uio.h>

#include "support.h"
#include "vmsplice.h"

/* The call; @iov is copied to user memory. */
static long vmsplice(struct kunit *test, struct file *end, const struct iovec *iov,
		     unsigned long nr, unsigned int flags)
{
	char __user *uiov = pp_test_user(test, max(nr, 1) * sizeof(*iov));
	struct privpipe_vmsplice arg = {
		.size = sizeof(arg),
		.flags = flags | SPLICE_F_NONBLOCK,
		.iov = (uintptr_t)uiov,
		.nr_segs = nr,
	};

	KUNIT_ASSERT_EQ(test, copy_to_user(uiov, iov, nr * sizeof(*iov)), 0);
	return pp_vmsplice(end, &arg, false);
}

static struct pp_ring *ring_of(struct file *ends[2])
{
	return ends[0]->private_data;
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
static void vmsplice_test_copies_in(struct kunit *test)
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
		/* The content of the memory afterwards does not matter. */
		KUNIT_ASSERT_EQ(test, clear_user(memory, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, c->ret);
		if (!flags)
			KUNIT_EXPECT_EQ(test, ring_of(ends)->used, c->used);
		pp_test_expect_ring(test, ring_of(ends), 0, c->ret);
	}
}

static void vmsplice_test_stops_at_fault(struct kunit *test)
{
	char __user *memory = pp_test_user(test, 2 * PAGE_SIZE);
	struct iovec iov = { memory + 100, SZ_64K };
	struct file *ends[2];

	pp_test_fill_user(test, memory, 0, 2 * PAGE_SIZE);
	pp_test_pipe(test, 16, 0, ends);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), 2 * PAGE_SIZE - 100);
	pp_test_expect_ring(test, ring_of(ends), 100, 2 * PAGE_SIZE - 100);

	iov.iov_base = memory + 2 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, SPLICE_F_GIFT), -EFAULT);
	pp_test_expect_ring(test, ring_of(ends), 100, 2 * PAGE_SIZE - 100);
}

static void vmsplice_test_full_pipe(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, 1 };
	struct file *ends[2];

	pp_test_pipe(test, 1, 0, ends);
	pp_test_write(test, ends[1], 0, 1);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EAGAIN);
	pp_test_expect_ring(test, ring_of(ends), 0, 1);
}

static void vmsplice_test_survives_lack_of_memory(struct kunit *test)
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
		pp_test_expect_ring(test, ring_of(ends), 0, expected);
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

static void vmsplice_test_copies_out(struct kunit *test)
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
	pp_test_expect_ring(test, ring_of(ends), done, c->there - done);
}

/* A page that can't be copied as far as it is wanted stays in the pipe. */
static void vmsplice_test_fault_keeps_bytes(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory + PAGE_SIZE, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), -EFAULT);
	pp_test_expect_ring(test, ring_of(ends), 0, 3 * PAGE_SIZE);

	iov.iov_base = memory;
	iov.iov_len = 3 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), PAGE_SIZE);
	pp_test_expect_user(test, memory, 0, PAGE_SIZE);
	pp_test_expect_ring(test, ring_of(ends), PAGE_SIZE, 2 * PAGE_SIZE);
}

static void vmsplice_test_end_of_pipe(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_close(test, ends[1]);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[0], &iov, 1, 0), 0);
}

static void vmsplice_test_no_reader(struct kunit *test)
{
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	struct iovec iov = { memory, PAGE_SIZE };
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	pp_test_close(test, ends[0]);
	KUNIT_EXPECT_EQ(test, vmsplice(test, ends[1], &iov, 1, 0), -EPIPE);
}

static struct kunit_case vmsplice_test_cases[] = {
	KUNIT_CASE_PARAM(vmsplice_test_copies_in, in_gen_params),
	KUNIT_CASE(vmsplice_test_stops_at_fault),
	KUNIT_CASE(vmsplice_test_full_pipe),
	KUNIT_CASE(vmsplice_test_survives_lack_of_memory),
	KUNIT_CASE_PARAM(vmsplice_test_copies_out, out_gen_params),
	KUNIT_CASE(vmsplice_test_fault_keeps_bytes),
	KUNIT_CASE(vmsplice_test_end_of_pipe),
	KUNIT_CASE(vmsplice_test_no_reader),
	{}
};

static struct kunit_suite vmsplice_test_suite = {
	.name = "privpipe_vmsplice",
	.test_cases = vmsplice_test_cases,
};

kunit_test_suite(vmsplice_test_suite);
