// SPDX-License-Identifier: GPL-2.0
/* splice: files and devices into a private pipe and out of it. */

#include "splice.h"
#include "support.h"

/*
 * Files and devices as sources
 */

static const struct fill_case {
	const char *name;
	unsigned int capacity;
	loff_t pos;
	size_t len;
	ssize_t ret;
	unsigned int used;
} fill_cases[] = {
	{ "a byte", 16, 0, 1, 1, 1 },
	{ "a page", 16, 0, PAGE_SIZE, PAGE_SIZE, 1 },
	{ "across a boundary", 16, PAGE_SIZE - 1, 2, 2, 2 },
	{ "an odd piece", 16, 4097, 12345, 12345, 4 },
	{ "64 KiB", 16, 0, SZ_64K, SZ_64K, 16 },
	{ "64 KiB off a boundary", 16, 1, SZ_64K, SZ_64K - 1, 16 },
	{ "more than there is room for", 4, 100, SZ_64K, 4 * PAGE_SIZE - 100, 4 },
	{ "room for one page", 1, 100, SZ_64K, PAGE_SIZE - 100, 1 },
	{ "up to the end of the file", 512, SZ_1M - 5, SZ_64K, 5, 1 },
	{ "at the end of the file", 16, SZ_1M, 1, 0, 0 },
	{ "behind the end of the file", 16, SZ_1M + 1, SZ_64K, 0, 0 },
	{ "a whole file", 512, 0, SZ_2M, SZ_1M, SZ_1M / PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(fill, fill_cases, name);

static void splice_test_fills_from_file(struct kunit *test)
{
	const struct fill_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, c->capacity);
	struct file *file = pp_test_file(test, SZ_1M);
	loff_t pos = c->pos;

	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, file, &pos, c->len, 0,
					   PRIVPIPE_POLICY_NEVER, true), c->ret);
	KUNIT_EXPECT_EQ(test, pos, c->pos + c->ret);
	KUNIT_EXPECT_EQ(test, ring->used, c->used);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	KUNIT_EXPECT_EQ(test, ring->copied, c->ret);
	pp_test_expect_ring(test, ring, c->pos, c->ret);
}

static void splice_test_fill_tells_read_error(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *file = pp_test_file(test, SZ_64K);
	loff_t pos = 0;

	pp_test_break(file, 2);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, file, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_NEVER, true), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, file, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_NEVER, true), -EIO);
	KUNIT_EXPECT_EQ(test, pos, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 2 * PAGE_SIZE);
}

static const struct short_case {
	const char *name;
	loff_t pos;
	size_t most;
} short_cases[] = {
	{ "a byte", 0, 1 },
	{ "a byte at the end of a page", PAGE_SIZE - 1, 1 },
	{ "all but a byte of a page", 0, PAGE_SIZE - 1 },
	{ "a page", 0, PAGE_SIZE },
	{ "a page off a boundary", 100, PAGE_SIZE },
	{ "a page and a byte", 0, PAGE_SIZE + 1 },
	{ "all but a byte of a folio", 0, SZ_64K - 1 },
	{ "a folio and a byte", 77, SZ_64K + 1 },
};

KUNIT_ARRAY_PARAM_DESC(short, short_cases, name);

/* After a short read, the pipe and the position have advanced by the same bytes. */
static void splice_test_fill_survives_short_reads(struct kunit *test)
{
	const struct short_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 64);
	struct file *file = pp_test_file(test, SZ_256K);
	loff_t pos = c->pos;
	int calls;

	pp_test_cut_reads(test, c->most);
	for (calls = 0; calls < 20 && pp_ring_room(ring) && pos < SZ_256K; calls++) {
		loff_t before = pos;
		ssize_t ret = pp_fill_file(ring, file, &pos, SZ_256K, 0,
					   PRIVPIPE_POLICY_NEVER, true);

		KUNIT_EXPECT_GT(test, ret, 0);
		KUNIT_EXPECT_LE(test, ret, c->most);
		KUNIT_EXPECT_EQ(test, pos - before, ret);
		KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	}
	KUNIT_EXPECT_GT(test, calls, 3);
	pp_test_expect_ring(test, ring, c->pos, pos - c->pos);
}

/* Reads everything, but sets the position to the next page. */
static ssize_t read_and_skip(struct file *in, loff_t *pos, struct pp_stage *stage,
			     unsigned int flags)
{
	ssize_t done = 0;
	unsigned int i;

	for (i = 0; i < stage->nr; i++) {
		struct pp_slot *slot = &stage->slots[i];

		pp_test_fill_folio(slot->folio, slot->offset, PAGE_SIZE + done,
				   slot->len);
		done += slot->len;
	}
	*pos = round_up(*pos + done, PAGE_SIZE);
	return done;
}

/* A file that sets a wrong position can't make a pipe hold more than it has room for. */
static void splice_test_fill_keeps_to_its_room(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 2);
	struct file *file = pp_test_file(test, 150);
	loff_t pos = 100;

	pp_test_push(test, ring, 0, 0, PAGE_SIZE, 0);
	kunit_activate_static_stub(test, pp_read_stage, read_and_skip);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, file, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_NEVER, true), 50);
	kunit_deactivate_static_stub(test, pp_read_stage);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	KUNIT_EXPECT_EQ(test, ring->head - ring->tail, 2);
	KUNIT_ASSERT_LE(test, ring->used, ring->capacity);
	pp_test_expect_ring(test, ring, 0, PAGE_SIZE + 50);
}

/* Each allocation in turn fails; the bytes read before are in the pipe. */
static void splice_test_fill_survives_lack_of_memory(struct kunit *test)
{
	const loff_t size = 31 * PAGE_SIZE;	/* folios of 16, 8, 4, 2 and 1 */
	unsigned int nth;

	for (nth = 1; nth <= 6; nth++) {
		struct pp_ring *ring = pp_test_ring(test, 32);
		struct file *file = pp_test_file(test, size);
		loff_t pos = 0;
		ssize_t ret;

		pp_test_fail_folio(test, nth);
		ret = pp_fill_file(ring, file, &pos, size, 0, PRIVPIPE_POLICY_NEVER, true);
		pp_test_fail_folio(test, 0);
		if (nth == 1)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		else
			KUNIT_EXPECT_EQ(test, ret, size);
		KUNIT_EXPECT_EQ(test, pos, max_t(ssize_t, ret, 0));
		KUNIT_EXPECT_EQ(test, ring->reserved, 0);
		pp_test_expect_ring(test, ring, 0, pos);
	}
}

/* A device is read once: a second read might wait. */
static void splice_test_fills_from_device_once(struct kunit *test)
{
	struct pp_test_io io = { .most = 1000, .good = 2000, .error = -EIO };
	struct file *device = pp_test_stream(test, &io);
	struct pp_ring *ring = pp_test_ring(test, 16);
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, device, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 1000);
	KUNIT_EXPECT_EQ(test, ring->used, 1);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, device, &pos, 999, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 999);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, device, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 1);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, device, &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), -EIO);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 2000);
}

static void splice_test_position_and_offset_advance(struct kunit *test)
{
	struct file *file = pp_test_file(test, SZ_64K), *ends[2];
	char __user *off = pp_test_user(test, sizeof(loff_t));
	loff_t value = 1000;

	pp_test_pipe(test, 16, 0, ends);
	file->f_pos = 500;
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, file, ends[1], (struct privpipe_splice) {
				.len = 500 }), 500);
	KUNIT_EXPECT_EQ(test, file->f_pos, 1000);

	KUNIT_ASSERT_EQ(test, copy_to_user(off, &value, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, file, ends[1], (struct privpipe_splice) {
				.len = 7777, .off_in = (uintptr_t)off }), 7777);
	KUNIT_ASSERT_EQ(test, copy_from_user(&value, off, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, value, 8777);
	KUNIT_EXPECT_EQ(test, file->f_pos, 1000);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 500, 8277);
}

/*
 * Files and devices as targets
 */

static void splice_test_drains_to_file(struct kunit *test)
{
	struct file *file = pp_test_scratch_file(test), *ends[2];

	pp_test_pipe(test, 64, 0, ends);
	pp_test_write(test, ends[1], 0, 200000);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], file, (struct privpipe_splice) {
				.len = 150000 }), 150000);
	KUNIT_EXPECT_EQ(test, file->f_pos, 150000);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], file, (struct privpipe_splice) {
				.len = SZ_1M }), 50000);
	file->f_pos = 0;
	pp_test_expect_read(test, file, 0, 200000);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 0, 0);
}

static const struct drain_case {
	const char *name;
	size_t most;
	size_t good;
	int error;
	ssize_t ret;
} drain_cases[] = {
	{ "all at once", 0, 0, 0, 70000 },
	{ "a little at a time", 777, 0, 0, 70000 },
	{ "an error at once", 0, 0, -ENOSPC, -ENOSPC },
	{ "an error after some bytes", 0, 12345, -EIO, 12345 },
	{ "an error between pages", 1000, 2 * PAGE_SIZE, -EIO, 2 * PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(drain, drain_cases, name);

/* The pipe still has each byte that the target did not accept. */
static void splice_test_drains_to_device(struct kunit *test)
{
	const struct drain_case *c = test->param_value;
	struct pp_test_io io = { .most = c->most, .good = c->good, .error = c->error };
	struct file *device = pp_test_stream(test, &io), *ends[2];
	size_t done = max_t(ssize_t, c->ret, 0);

	io.got = kunit_kzalloc(test, 70000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, io.got);
	pp_test_pipe(test, 32, 0, ends);
	pp_test_write(test, ends[1], 0, 70000);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], device, (struct privpipe_splice) {
				.len = 70000 }), c->ret);
	KUNIT_EXPECT_EQ(test, io.done, done);
	pp_test_expect(test, io.got, 0, done);
	KUNIT_EXPECT_FALSE(test, pp_ring_of(ends[0])->draining);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), done, 70000 - done);
}

static void splice_test_offset_of_target_advances(struct kunit *test)
{
	struct file *file = pp_test_scratch_file(test), *ends[2];
	char __user *off = pp_test_user(test, sizeof(loff_t));
	loff_t value = 10000;

	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 5000);
	KUNIT_ASSERT_EQ(test, copy_to_user(off, &value, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], file, (struct privpipe_splice) {
				.len = 5000, .off_out = (uintptr_t)off }), 5000);
	KUNIT_ASSERT_EQ(test, copy_from_user(&value, off, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, value, 15000);
	KUNIT_EXPECT_EQ(test, file->f_pos, 0);
	file->f_pos = 10000;
	pp_test_expect_read(test, file, 0, 5000);
}

static struct kunit_case splice_test_cases[] = {
	KUNIT_CASE_PARAM(splice_test_fills_from_file, fill_gen_params),
	KUNIT_CASE(splice_test_fill_tells_read_error),
	KUNIT_CASE_PARAM(splice_test_fill_survives_short_reads, short_gen_params),
	KUNIT_CASE(splice_test_fill_keeps_to_its_room),
	KUNIT_CASE(splice_test_fill_survives_lack_of_memory),
	KUNIT_CASE(splice_test_fills_from_device_once),
	KUNIT_CASE(splice_test_position_and_offset_advance),
	KUNIT_CASE(splice_test_drains_to_file),
	KUNIT_CASE_PARAM(splice_test_drains_to_device, drain_gen_params),
	KUNIT_CASE(splice_test_offset_of_target_advances),
	{}
};

static struct kunit_suite splice_test_suite = {
	.name = "privpipe_splice",
	.test_cases = splice_test_cases,
};

kunit_test_suite(splice_test_suite);
