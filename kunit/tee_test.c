// SPDX-License-Identifier: GPL-2.0
/* tee: a copy in the second pipe, and the first as it was. */

#include "support.h"
#include "tee.h"

static long tee(struct kunit *test, struct file *in, struct file *out, size_t len)
{
	struct privpipe_tee arg = {
		.size = sizeof(arg),
		.flags = SPLICE_F_NONBLOCK,
		.fd_in = pp_test_fd(test, in),
		.fd_out = pp_test_fd(test, out),
		.len = len,
	};

	return pp_tee(in, &arg, false);
}

static struct pp_ring *ring_of(struct file *ends[2])
{
	return ends[0]->private_data;
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

static void tee_test_copies(struct kunit *test)
{
	const struct tee_case *c = test->param_value;
	size_t pos = c->there + c->consumed;	/* of the first byte to copy */
	size_t done = max_t(ssize_t, c->ret, 0);
	struct file *from[2], *to[2];
	struct pp_ring *ring;

	pp_test_pipe(test, 32, 0, from);
	pp_test_pipe(test, c->capacity, 0, to);
	ring = ring_of(to);
	if (c->from)
		pp_test_write(test, from[1], c->there, c->from);
	pp_test_consume(ring_of(from), c->consumed);
	if (c->there)
		pp_test_write(test, to[1], pos - c->there, c->there);

	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], c->len), c->ret);
	pp_test_expect_ring(test, ring_of(from), pos, c->from - c->consumed);
	pp_test_expect_ring(test, ring, pos - c->there, c->there + done);

	/* Consuming one copy leaves the other alone. */
	pp_test_consume(ring_of(from), c->from - c->consumed);
	pp_test_expect_ring(test, ring, pos - c->there, c->there + done);
}

static void tee_test_keeps_packets(struct kunit *test)
{
	struct file *from[2], *to[2];

	pp_test_pipe(test, 16, O_DIRECT, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_write(test, from[1], 0, 10);
	pp_test_write(test, from[1], 10, 20);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], SIZE_MAX), 30);
	KUNIT_EXPECT_EQ(test, ring_of(to)->used, 2);
	KUNIT_EXPECT_TRUE(test, pp_ring_tail(ring_of(to))->flags & PP_SLOT_PACKET);
}

static void tee_test_survives_lack_of_memory(struct kunit *test)
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
		pp_test_expect_ring(test, ring_of(to), 0, expected);
		pp_test_expect_ring(test, ring_of(from), 0, 100000);
	}
}

/* Two tees in a circle lock the same two pipes. */
static void tee_test_both_ways(struct kunit *test)
{
	struct file *a[2], *b[2];

	pp_test_pipe(test, 16, 0, a);
	pp_test_pipe(test, 16, 0, b);
	pp_test_write(test, a[1], 0, 100);
	KUNIT_EXPECT_EQ(test, tee(test, a[0], b[1], 100), 100);
	KUNIT_EXPECT_EQ(test, tee(test, b[0], a[1], 100), 100);
	KUNIT_EXPECT_EQ(test, tee(test, a[0], a[1], 100), -EINVAL);
	KUNIT_EXPECT_EQ(test, ring_of(a)->used, 2);
	pp_test_expect_ring(test, ring_of(b), 0, 100);
}

static void tee_test_ends_closed(struct kunit *test)
{
	struct file *from[2], *to[2];

	pp_test_pipe(test, 16, 0, from);
	pp_test_pipe(test, 16, 0, to);
	pp_test_close(test, from[1]);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], 1), 0);
	pp_test_close(test, to[0]);
	KUNIT_EXPECT_EQ(test, tee(test, from[0], to[1], 1), -EPIPE);
}

static struct kunit_case tee_test_cases[] = {
	KUNIT_CASE_PARAM(tee_test_copies, tee_gen_params),
	KUNIT_CASE(tee_test_keeps_packets),
	KUNIT_CASE(tee_test_survives_lack_of_memory),
	KUNIT_CASE(tee_test_both_ways),
	KUNIT_CASE(tee_test_ends_closed),
	{}
};

static struct kunit_suite tee_test_suite = {
	.name = "privpipe_tee",
	.test_cases = tee_test_cases,
};

kunit_test_suite(tee_test_suite);
