// SPDX-License-Identifier: GPL-2.0
/* Two private pipes: splice moves, tee copies and leaves the first as it was. */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "pair.h"
#include "support.h"

/*
 * splice
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

static void pair_test_moves(struct kunit *test)
{
	const struct move_case *c = test->param_value;
	struct file *from[2], *to[2];
	size_t done = max_t(ssize_t, c->ret, 0);

	pp_test_pipe(test, c->pages[0], 0, from);
	pp_test_pipe(test, c->pages[1], 0, to);
	if (c->there)
		pp_test_write(test, to[1], 0, c->there);
	pp_test_write(test, from[1], c->there, 100000);

	KUNIT_EXPECT_EQ(test, pp_test_splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = c->len, .flags = SPLICE_F_NONBLOCK }), c->ret);
	KUNIT_EXPECT_EQ(test, pp_ring_of(to[0])->moved, c->moved);
	pp_test_expect_ring(test, pp_ring_of(to[0]), 0, c->there + done);
	pp_test_expect_ring(test, pp_ring_of(from[0]), c->there + done, 100000 - done);
}

/* Each allocation in turn fails while bytes are copied from pipe to pipe. */
static void pair_test_move_survives_lack_of_memory(struct kunit *test)
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
		/* One byte less than the folio has, so that it can't move as a whole. */
		pp_test_consume(pp_ring_of(from[0]), 1);

		pp_folio_order = 1;
		pp_test_fail_folio(test, nth);
		ret = pp_test_splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = len, .flags = SPLICE_F_NONBLOCK });
		pp_test_fail_folio(test, 0);
		pp_folio_order = order;
		/* The first copy begins at the second byte of its page. */
		expected -= expected && nth < 9;
		KUNIT_EXPECT_EQ(test, ret, expected ?: -ENOMEM);
		pp_test_expect_ring(test, pp_ring_of(to[0]), 1, expected);
		pp_test_expect_ring(test, pp_ring_of(from[0]), 1 + expected,
				    SZ_64K - 1 - expected);
	}
}

/* A page that a socket refers to does not belong to the pipe alone, so it is copied. */
static void pair_test_shared_folio_is_not_moved(struct kunit *test)
{
	struct file *sockets[2], *from[2], *to[2];

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, from[0], sockets[0], (struct privpipe_splice) {
				.len = PAGE_SIZE }), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = PAGE_SIZE }), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_ring_of(to[0])->moved, 0);
	KUNIT_EXPECT_EQ(test, folio_ref_count(pp_ring_tail(pp_ring_of(to[0]))->folio), 1);
	pp_test_expect_ring(test, pp_ring_of(to[0]), PAGE_SIZE, PAGE_SIZE);
}

static void pair_test_move_waits_for_drain(struct kunit *test)
{
	struct file *from[2], *to[2];
	struct pp_drain drain;

	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(pp_ring_of(from[0]), true, 10, &drain), 1);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = 10, .flags = SPLICE_F_NONBLOCK }), -EAGAIN);
	pp_ring_drain_end(pp_ring_of(from[0]), 10);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, from[0], to[1], (struct privpipe_splice) {
				.len = 10 }), 10);
	pp_test_expect_ring(test, pp_ring_of(to[0]), 10, 10);
}

/*
 * tee
 */

static long tee(struct kunit *test, struct file *in, struct file *out, size_t len)
{
	struct pp_call call = {
		.file = in,
		.arg.tee = {
			.flags = SPLICE_F_NONBLOCK,
			.fd_in = pp_test_fd(test, in),
			.fd_out = pp_test_fd(test, out),
			.len = len,
		},
	};

	return pp_tee(&call);
}

static const struct tee_case {
	const char *name;
	size_t from;		/* bytes in the first pipe */
	size_t consumed;	/* of which are read already */
	unsigned int capacity;	/* of the second pipe */
	size_t there;		/* bytes in it */
	size_t len;
	ssize_t ret;
} tee_cases[] = {
	{ "a byte", 5000, 0, 32, 0, 1, 1 },
	{ "everything", 100000, 0, 32, 0, SIZE_MAX, 100000 },
	{ "across slots", 100000, 0, 32, 0, 66000, 66000 },
	{ "from the middle of a page", 100000, 12345, 32, 0, 70000, 70000 },
	{ "behind other bytes", 5000, 0, 32, 300, SIZE_MAX, 5000 },
	{ "as much as there is room for", SZ_64K, 0, 4, 0, SIZE_MAX, 4 * PAGE_SIZE },
	{ "off a boundary, to a small pipe", SZ_64K, 1, 4, 0, SIZE_MAX,
	  4 * PAGE_SIZE - 1 },
	{ "to a full pipe", SZ_64K, 0, 1, 10, SIZE_MAX, -EAGAIN },
	{ "from an empty pipe", 0, 0, 16, 0, 1, -EAGAIN },
	{ "nothing", 0, 0, 16, 0, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(tee, tee_cases, name);

static void pair_test_tee_copies(struct kunit *test)
{
	const struct tee_case *c = test->param_value;
	size_t pos = c->there + c->consumed;	/* of the first byte to copy */
	size_t done = max_t(ssize_t, c->ret, 0);
	struct file *from[2], *to[2];
	struct pp_ring *ring;

	pp_test_pipe(test, 32, 0, from);
	pp_test_pipe(test, c->capacity, 0, to);
	ring = pp_ring_of(to[0]);
	if (c->from)
		pp_test_write(test, from[1], c->there, c->from);
	pp_test_consume(pp_ring_of(from[0]), c->consumed);
	if (c->there)
		pp_test_write(test, to[1], pos - c->there, c->there);

	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], c->len), c->ret);
	pp_test_expect_ring(test, pp_ring_of(from[0]), pos, c->from - c->consumed);
	pp_test_expect_ring(test, ring, pos - c->there, c->there + done);

	/* Consuming one copy leaves the other alone. */
	pp_test_consume(pp_ring_of(from[0]), c->from - c->consumed);
	pp_test_expect_ring(test, ring, pos - c->there, c->there + done);
}

static void pair_test_tee_keeps_packets(struct kunit *test)
{
	struct file *from[2], *to[2];

	pp_test_pipe(test, 16, O_DIRECT, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, 10);
	pp_test_write(test, from[1], 10, 20);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], SIZE_MAX), 30);
	KUNIT_EXPECT_EQ(test, pp_ring_of(to[0])->used, 2);
	KUNIT_EXPECT_TRUE(test, pp_ring_tail(pp_ring_of(to[0]))->flags & PP_SLOT_PACKET);
}

static void pair_test_tee_survives_lack_of_memory(struct kunit *test)
{
	const size_t done[] = { 0, SZ_64K, 98304, 100000 };
	unsigned int nth;

	for (nth = 1; nth <= 4; nth++) {
		long expected = done[nth - 1];
		struct file *from[2], *to[2];
		long ret;

		pp_test_pipe(test, 32, 0, from);
		pp_test_pipe(test, 32, 0, to);
		pp_test_write(test, from[1], 0, 100000);
		pp_test_fail_folio(test, nth);
		ret = tee(test, from[0], to[1], SIZE_MAX);
		pp_test_fail_folio(test, 0);
		KUNIT_EXPECT_EQ(test, ret, expected ?: -ENOMEM);
		pp_test_expect_ring(test, pp_ring_of(to[0]), 0, expected);
		pp_test_expect_ring(test, pp_ring_of(from[0]), 0, 100000);
	}
}

/* Two tees in a circle lock the same two pipes. */
static void pair_test_tee_both_ways(struct kunit *test)
{
	struct file *a[2], *b[2];

	pp_test_pipe(test, 16, 0, a);
	pp_test_pipe(test, 16, 0, b);
	pp_test_write(test, a[1], 0, 100);
	KUNIT_EXPECT_EQ(test, tee(test, a[0], b[1], 100), 100);
	KUNIT_EXPECT_EQ(test, tee(test, b[0], a[1], 100), 100);
	KUNIT_EXPECT_EQ(test, tee(test, a[0], a[1], 100), -EINVAL);
	KUNIT_EXPECT_EQ(test, pp_ring_of(a[0])->used, 2);
	pp_test_expect_ring(test, pp_ring_of(b[0]), 0, 100);
}

static void pair_test_tee_ends_closed(struct kunit *test)
{
	struct file *from[2], *to[2];

	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_close(test, from[1]);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], 1), 0);
	pp_test_close(test, to[0]);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], 1), -EPIPE);
}

/*
 * Locks
 */

/* A task that locks two pipes. */
struct locker {
	struct pp_ring *a;
	struct pp_ring *b;
	struct completion done;
};

static int locker_run(void *data)
{
	struct locker *l = data;

	pp_lock_two(l->a, l->b);
	mutex_unlock(&l->a->lock);
	mutex_unlock(&l->b->lock);
	complete(&l->done);
	return 0;
}

/* A task that waits for the pipe with the lower address does not yet hold the other one. */
static void expect_in_order(struct kunit *test, struct pp_ring *a, struct pp_ring *b)
{
	struct pp_ring *lower = a < b ? a : b;
	struct pp_ring *higher = a < b ? b : a;
	struct locker l = { .a = a, .b = b };
	struct task_struct *task;
	int i;

	init_completion(&l.done);
	task = kthread_create(locker_run, &l, "privpipe-locker");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	mutex_lock(&lower->lock);
	get_task_struct(task);
	wake_up_process(task);
	for (i = 0; i < 500 && READ_ONCE(task->__state) != TASK_UNINTERRUPTIBLE; i++)
		msleep(20);
	put_task_struct(task);
	KUNIT_EXPECT_FALSE(test, completion_done(&l.done));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&higher->lock));
	mutex_unlock(&lower->lock);
	wait_for_completion(&l.done);
}

static void pair_test_locks_by_address(struct kunit *test)
{
	struct pp_ring *a = pp_test_ring(test, 1);
	struct pp_ring *b = pp_test_ring(test, 1);

	expect_in_order(test, a, b);
	expect_in_order(test, b, a);
}

static struct kunit_case pair_test_cases[] = {
	KUNIT_CASE_PARAM(pair_test_moves, move_gen_params),
	KUNIT_CASE(pair_test_move_survives_lack_of_memory),
	KUNIT_CASE(pair_test_shared_folio_is_not_moved),
	KUNIT_CASE(pair_test_move_waits_for_drain),
	KUNIT_CASE_PARAM(pair_test_tee_copies, tee_gen_params),
	KUNIT_CASE(pair_test_tee_keeps_packets),
	KUNIT_CASE(pair_test_tee_survives_lack_of_memory),
	KUNIT_CASE(pair_test_tee_both_ways),
	KUNIT_CASE(pair_test_tee_ends_closed),
	KUNIT_CASE(pair_test_locks_by_address),
	{}
};

static struct kunit_suite pair_test_suite = {
	.name = "privpipe_pair",
	.test_cases = pair_test_cases,
};

kunit_test_suite(pair_test_suite);
