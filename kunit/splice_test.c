// SPDX-License-Identifier: GPL-2.0
/* splice: every source into a private pipe, and out of it to every target. */

#include "splice.h"
#include "support.h"

/* The call, from kernel space: @arg has everything but the descriptors. */
static long splice(struct kunit *test, struct file *in, struct file *out,
		   struct privpipe_splice arg)
{
	arg.size = sizeof(arg);
	arg.fd_in = pp_test_fd(test, in);
	arg.fd_out = pp_test_fd(test, out);
	return pp_splice(pp_ring_of(in) ? in : out, &arg, false);
}

static struct pp_ring *ring_of(struct file *ends[2])
{
	return ends[0]->private_data;
}

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

/* Of a read that is short, as of any, the pipe and the position have the same. */
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

/* Reads all it is asked for, and says that the position is at the next page. */
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

/* What a file says of its position can't make a pipe hold more than it has room for. */
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

/* Each allocation in turn fails: what was read so far is in the pipe. */
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

static void splice_test_fills_from_socket(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *sockets[2];
	loff_t pos = 0;

	pp_test_socket_pair(test, sockets);
	pp_test_write(test, sockets[1], 0, 10000);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, 6000, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 6000);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 4000);
	sockets[0]->f_flags |= O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 10000);
}

static void splice_test_position_and_offset_advance(struct kunit *test)
{
	struct file *file = pp_test_file(test, SZ_64K), *ends[2];
	char __user *off = pp_test_user(test, sizeof(loff_t));
	loff_t value = 1000;

	pp_test_pipe(test, 16, 0, ends);
	file->f_pos = 500;
	KUNIT_EXPECT_EQ(test, splice(test, file, ends[1], (struct privpipe_splice) {
				.len = 500 }), 500);
	KUNIT_EXPECT_EQ(test, file->f_pos, 1000);

	KUNIT_ASSERT_EQ(test, copy_to_user(off, &value, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, splice(test, file, ends[1], (struct privpipe_splice) {
				.len = 7777, .off_in = (uintptr_t)off }), 7777);
	KUNIT_ASSERT_EQ(test, copy_from_user(&value, off, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, value, 8777);
	KUNIT_EXPECT_EQ(test, file->f_pos, 1000);
	pp_test_expect_ring(test, ring_of(ends), 500, 8277);
}

/*
 * Files, devices and sockets as targets
 */

static void splice_test_drains_to_file(struct kunit *test)
{
	struct file *file = pp_test_scratch_file(test), *ends[2];

	pp_test_pipe(test, 64, 0, ends);
	pp_test_write(test, ends[1], 0, 200000);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], file, (struct privpipe_splice) {
				.len = 150000 }), 150000);
	KUNIT_EXPECT_EQ(test, file->f_pos, 150000);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], file, (struct privpipe_splice) {
				.len = SZ_1M }), 50000);
	file->f_pos = 0;
	pp_test_expect_read(test, file, 0, 200000);
	pp_test_expect_ring(test, ring_of(ends), 0, 0);
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
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], device, (struct privpipe_splice) {
				.len = 70000 }), c->ret);
	KUNIT_EXPECT_EQ(test, io.done, done);
	pp_test_expect(test, io.got, 0, done);
	KUNIT_EXPECT_FALSE(test, ring_of(ends)->draining);
	pp_test_expect_ring(test, ring_of(ends), done, 70000 - done);
}

static void splice_test_drains_to_socket_without_copy(struct kunit *test)
{
	u64 handed = pp_stats_read(PP_socket_handed);
	struct file *sockets[2], *ends[2];
	struct pp_ring *ring;
	struct folio *folio;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	ring = ring_of(ends);
	pp_test_write(test, ends[1], 0, SZ_64K);
	folio = pp_ring_tail(ring)->folio;

	KUNIT_EXPECT_EQ(test, splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = SZ_32K }), SZ_32K);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_socket_handed) - handed, SZ_32K);
	KUNIT_EXPECT_GT(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_TRUE(test, pp_ring_tail(ring)->flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = SZ_64K }), SZ_32K);

	/* While the peer has not read them, their folio is not used again. */
	pp_test_write(test, ends[1], 0, SZ_64K);
	KUNIT_EXPECT_PTR_NE(test, pp_ring_tail(ring)->folio, folio);
	pp_test_consume(ring, SZ_64K);
	pp_test_expect_read(test, sockets[1], 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
}

/* A reference for few bytes would keep all of a large folio. */
static void splice_test_copies_little_to_socket(struct kunit *test)
{
	u64 copied = pp_stats_read(PP_socket_handed_copied);
	struct file *sockets[2], *ends[2];
	struct pp_slot *slot;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 5000 }), 5000);
	slot = pp_ring_tail(ring_of(ends));
	KUNIT_EXPECT_EQ(test, folio_ref_count(slot->folio), 1);
	KUNIT_EXPECT_FALSE(test, slot->flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_socket_handed_copied) - copied, 5000);
	pp_test_expect_read(test, sockets[1], 0, 5000);
	pp_test_expect_ring(test, ring_of(ends), 5000, SZ_64K - 5000);
}

/* A write goes to a page of its own if a socket has the beginning of the last one. */
static void splice_test_shared_page_is_not_added_to(struct kunit *test)
{
	struct file *sockets[2], *ends[2];
	struct pp_ring *ring;
	struct folio *shared;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	ring = ring_of(ends);
	pp_test_write(test, ends[1], 0, 100);
	shared = pp_ring_tail(ring)->folio;
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 60 }), 60);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_PTR_NE(test, pp_ring_tail(ring)->folio, shared);
	KUNIT_EXPECT_FALSE(test, pp_ring_tail(ring)->flags & PP_SLOT_SHARED);
	/* And takes no more room than on stock. */
	KUNIT_EXPECT_EQ(test, ring->used, 1);
	KUNIT_EXPECT_EQ(test, ring->held, 1);
	pp_test_expect_ring(test, ring, 60, 140);
	pp_test_expect_read(test, sockets[1], 0, 60);
}

/* Without memory for a page to add to, the write begins one later. */
static void splice_test_shared_page_stays_without_memory(struct kunit *test)
{
	struct file *sockets[2], *ends[2];

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 100);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 60 }), 60);
	pp_test_fail_folio(test, 1);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->used, 2);
	pp_test_expect_ring(test, ring_of(ends), 60, 140);
	pp_test_expect_read(test, sockets[1], 0, 60);
}

/* Nor is a page that is on its way to a socket added to. */
static void splice_test_drained_page_is_not_added_to(struct kunit *test)
{
	struct pp_drain drain;
	struct file *ends[2];
	struct pp_ring *ring;

	pp_test_pipe(test, 16, 0, ends);
	ring = ring_of(ends);
	pp_test_write(test, ends[1], 0, 100);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, 100, &drain), 1);
	pp_test_write(test, ends[1], 100, 100);
	KUNIT_EXPECT_EQ(test, ring->used, 2);
	/* What came since is. */
	pp_test_write(test, ends[1], 200, 100);
	KUNIT_EXPECT_EQ(test, ring->used, 2);
	pp_ring_drain_end(ring, 60, PP_SLOT_SHARED);
	pp_test_expect_ring(test, ring, 60, 240);
}

static void splice_test_offset_of_target_advances(struct kunit *test)
{
	struct file *file = pp_test_scratch_file(test), *ends[2];
	char __user *off = pp_test_user(test, sizeof(loff_t));
	loff_t value = 10000;

	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, 5000);
	KUNIT_ASSERT_EQ(test, copy_to_user(off, &value, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], file, (struct privpipe_splice) {
				.len = 5000, .off_out = (uintptr_t)off }), 5000);
	KUNIT_ASSERT_EQ(test, copy_from_user(&value, off, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, value, 15000);
	KUNIT_EXPECT_EQ(test, file->f_pos, 0);
	file->f_pos = 10000;
	pp_test_expect_read(test, file, 0, 5000);
}

/*
 * Private pipes
 */

static const struct move_case {
	const char *name;
	unsigned int pages[2];	/* capacities */
	size_t there;		/* bytes in the target already */
	size_t len;
	ssize_t ret;
	size_t moved;
} move_cases[] = {
	{ "everything", { 32, 32 }, 0, SIZE_MAX, 100000, 100000 },
	{ "a byte", { 32, 32 }, 0, 1, 1, 0 },
	{ "a folio", { 32, 32 }, 0, SZ_64K, SZ_64K, SZ_64K },
	{ "a folio and a byte", { 32, 32 }, 0, SZ_64K + 1, SZ_64K + 1, SZ_64K },
	{ "a folio but a byte", { 32, 32 }, 0, SZ_64K - 1, SZ_64K - 1, 0 },
	{ "behind other bytes", { 32, 32 }, 10, SIZE_MAX, 100000, 100000 },
	{ "to a small pipe", { 32, 4 }, 0, SIZE_MAX, 4 * PAGE_SIZE, 0 },
	{ "to a nearly full pipe", { 32, 8 }, 7 * PAGE_SIZE - 9, SIZE_MAX, PAGE_SIZE, 0 },
	{ "to a full pipe", { 32, 1 }, 10, SIZE_MAX, -EAGAIN, 0 },
};

KUNIT_ARRAY_PARAM_DESC(move, move_cases, name);

static void splice_test_moves_between_private_pipes(struct kunit *test)
{
	const struct move_case *c = test->param_value;
	struct file *from[2], *to[2];
	size_t done = max_t(ssize_t, c->ret, 0);

	pp_test_pipe(test, c->pages[0], 0, from);
	pp_test_pipe(test, c->pages[1], 0, to);
	if (c->there)
		pp_test_write(test, to[1], 0, c->there);
	pp_test_write(test, from[1], c->there, 100000);

	KUNIT_EXPECT_EQ(test, splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = c->len, .flags = SPLICE_F_NONBLOCK }), c->ret);
	KUNIT_EXPECT_EQ(test, ring_of(to)->moved, c->moved);
	pp_test_expect_ring(test, ring_of(to), 0, c->there + done);
	pp_test_expect_ring(test, ring_of(from), c->there + done, 100000 - done);
}

/* Each allocation in turn fails while bytes are copied from pipe to pipe. */
static void splice_test_move_survives_lack_of_memory(struct kunit *test)
{
	const size_t len = SZ_64K - 2;
	unsigned int nth, order = pp_folio_order;

	for (nth = 1; nth <= 9; nth++) {
		long expected = nth == 9 ? len : (nth - 1) * 2 * PAGE_SIZE;
		struct file *from[2], *to[2];
		long ret;

		pp_test_pipe(test, 32, 0, from);
		pp_test_pipe(test, 16, 0, to);
		pp_test_write(test, from[1], 0, SZ_64K);
		/* One byte less than the folio has: it can't move as a whole. */
		pp_test_consume(ring_of(from), 1);

		pp_folio_order = 1;
		pp_test_fail_folio(test, nth);
		ret = splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = len, .flags = SPLICE_F_NONBLOCK });
		pp_test_fail_folio(test, 0);
		pp_folio_order = order;
		/* The first copy begins at the second byte of its page. */
		expected -= expected && nth < 9;
		KUNIT_EXPECT_EQ(test, ret, expected ?: -ENOMEM);
		pp_test_expect_ring(test, ring_of(to), 1, expected);
		pp_test_expect_ring(test, ring_of(from), 1 + expected,
				    SZ_64K - 1 - expected);
	}
}

/* A page that a socket refers to is no longer the pipe's alone. */
static void splice_test_shared_folio_is_not_moved(struct kunit *test)
{
	struct file *sockets[2], *from[2], *to[2];

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, splice(test, from[0], sockets[0], (struct privpipe_splice) {
				.len = PAGE_SIZE }), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = PAGE_SIZE }), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ring_of(to)->moved, 0);
	KUNIT_EXPECT_EQ(test, folio_ref_count(pp_ring_tail(ring_of(to))->folio), 1);
	pp_test_expect_ring(test, ring_of(to), PAGE_SIZE, PAGE_SIZE);
}

static void splice_test_move_waits_for_drain(struct kunit *test)
{
	struct file *from[2], *to[2];
	struct pp_drain drain;

	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring_of(from), true, 10, &drain), 1);
	KUNIT_EXPECT_EQ(test, splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = 10, .flags = SPLICE_F_NONBLOCK }), -EAGAIN);
	pp_ring_drain_end(ring_of(from), 10, 0);
	KUNIT_EXPECT_EQ(test, splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = 10 }), 10);
	pp_test_expect_ring(test, ring_of(to), 10, 10);
}

/*
 * Stock pipes
 */

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

static void splice_test_from_stock_pipe(struct kunit *test)
{
	const struct stock_case *c = test->param_value;
	size_t n = min(c->there, c->len);
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, stock[1], 0, c->there);
	KUNIT_EXPECT_EQ(test, splice(test, stock[0], ends[1], (struct privpipe_splice) {
				.len = c->len }), n);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->taken, c->kept);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->copied, n - c->kept);
	KUNIT_EXPECT_EQ(test, ring_of(ends)->reserved, 0);
	pp_test_expect_ring(test, ring_of(ends), 0, n);
	pp_test_expect_read(test, stock[0], n, c->there - n);
}

static void splice_test_to_stock_pipe(struct kunit *test)
{
	const struct stock_case *c = test->param_value;
	u64 handed = pp_stats_read(PP_stock_handed);
	size_t n = min(c->there, c->len);
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, c->there);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = c->len }), n);
	if (c->len >= c->there)
		KUNIT_EXPECT_EQ(test, pp_stats_read(PP_stock_handed) - handed, n);
	pp_test_expect_read(test, stock[0], 0, n);
	pp_test_expect_ring(test, ring_of(ends), n, c->there - n);
}

static void splice_test_to_full_stock_pipe(struct kunit *test)
{
	struct file *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, stock[1], 0, 14 * PAGE_SIZE);
	pp_test_write(test, ends[1], 14 * PAGE_SIZE, 8 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = SIZE_MAX }), 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = 1, .flags = SPLICE_F_NONBLOCK }), -EAGAIN);
	pp_test_expect_read(test, stock[0], 0, SZ_64K);
	pp_test_expect_ring(test, ring_of(ends), SZ_64K, 6 * PAGE_SIZE);
}

/* Each allocation in turn fails while parts are copied, both ways. */
static void splice_test_stock_pipe_survives_lack_of_memory(struct kunit *test)
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
		ret = splice(test, stock[0], ends[1], (struct privpipe_splice) {
				.len = SIZE_MAX, .flags = SPLICE_F_NONBLOCK });
		done = max(ret, 0);
		if (ret <= 0)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		pp_test_expect_ring(test, ring_of(ends), 1, done);
		KUNIT_EXPECT_EQ(test, ring_of(ends)->reserved, 0);

		ret = done > 1 ? splice(test, ends[0], stock[1], (struct privpipe_splice) {
				.len = done - 1, .flags = SPLICE_F_NONBLOCK }) : 0;
		pp_test_fail_folio(test, 0);
		if (ret < 0)
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		ret = max(ret, 0);
		pp_test_expect_ring(test, ring_of(ends), 1 + ret, done - ret);
		pp_test_expect_read(test, stock[0], 1 + done, 3 * PAGE_SIZE - 1 - done);
		if (ret)
			pp_test_expect_read(test, stock[0], 1, ret);
	}
}

static struct kunit_case splice_test_cases[] = {
	KUNIT_CASE_PARAM(splice_test_fills_from_file, fill_gen_params),
	KUNIT_CASE(splice_test_fill_tells_read_error),
	KUNIT_CASE_PARAM(splice_test_fill_survives_short_reads, short_gen_params),
	KUNIT_CASE(splice_test_fill_keeps_to_its_room),
	KUNIT_CASE(splice_test_fill_survives_lack_of_memory),
	KUNIT_CASE(splice_test_fills_from_device_once),
	KUNIT_CASE(splice_test_fills_from_socket),
	KUNIT_CASE(splice_test_position_and_offset_advance),
	KUNIT_CASE(splice_test_drains_to_file),
	KUNIT_CASE_PARAM(splice_test_drains_to_device, drain_gen_params),
	KUNIT_CASE(splice_test_drains_to_socket_without_copy),
	KUNIT_CASE(splice_test_copies_little_to_socket),
	KUNIT_CASE(splice_test_shared_page_is_not_added_to),
	KUNIT_CASE(splice_test_shared_page_stays_without_memory),
	KUNIT_CASE(splice_test_drained_page_is_not_added_to),
	KUNIT_CASE(splice_test_offset_of_target_advances),
	KUNIT_CASE_PARAM(splice_test_moves_between_private_pipes, move_gen_params),
	KUNIT_CASE(splice_test_move_survives_lack_of_memory),
	KUNIT_CASE(splice_test_shared_folio_is_not_moved),
	KUNIT_CASE(splice_test_move_waits_for_drain),
	KUNIT_CASE_PARAM(splice_test_from_stock_pipe, stock_gen_params),
	KUNIT_CASE_PARAM(splice_test_to_stock_pipe, stock_gen_params),
	KUNIT_CASE(splice_test_to_full_stock_pipe),
	KUNIT_CASE(splice_test_stock_pipe_survives_lack_of_memory),
	{}
};

static struct kunit_suite splice_test_suite = {
	.name = "privpipe_splice",
	.test_cases = splice_test_cases,
};

kunit_test_suite(splice_test_suite);
