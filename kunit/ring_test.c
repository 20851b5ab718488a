// SPDX-License-Identifier: GPL-2.0
/* The pipe itself: slots, waiting and waking. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/poll.h>

#include "support.h"

/*
 * Capacity
 */

static const struct resize_case {
	const char *name;
	unsigned int capacity;
	unsigned int skipped;	/* slots that came and went before */
	unsigned int full;
	unsigned int size;
	long result;
} resize_cases[] = {
	{ "grow an empty one", 2, 0, 0, 8 * PAGE_SIZE, 8 * PAGE_SIZE },
	{ "grow a full one", 4, 0, 4, 8 * PAGE_SIZE, 8 * PAGE_SIZE },
	{ "grow one that wraps", 4, 3, 4, 8 * PAGE_SIZE, 8 * PAGE_SIZE },
	{ "shrink to what is in it", 8, 0, 2, 2 * PAGE_SIZE, 2 * PAGE_SIZE },
	{ "shrink one that wraps", 8, 7, 4, 4 * PAGE_SIZE, 4 * PAGE_SIZE },
	{ "shrink below what is in it", 8, 0, 3, 2 * PAGE_SIZE, -EBUSY },
	{ "round up", 8, 0, 3, 2 * PAGE_SIZE + 1, 4 * PAGE_SIZE },
	{ "zero is a page", 8, 0, 0, 0, PAGE_SIZE },
	{ "the same again", 8, 2, 8, 8 * PAGE_SIZE, 8 * PAGE_SIZE },
	{ "too large", 8, 0, 1, SZ_1G + 1, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(resize, resize_cases, name);

static void ring_test_resize(struct kunit *test)
{
	const struct resize_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, c->capacity);
	unsigned int i;

	for (i = 0; i < c->skipped; i++) {
		pp_test_push(test, ring, 0, 0, PAGE_SIZE, 0);
		pp_test_consume(ring, PAGE_SIZE);
	}
	for (i = 0; i < c->full; i++)
		pp_test_push(test, ring, 0, 0, PAGE_SIZE, i * PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, pp_ring_resize(ring, c->size), c->result);
	KUNIT_EXPECT_EQ(test, ring->capacity << PAGE_SHIFT,
			c->result > 0 ? c->result : c->capacity << PAGE_SHIFT);
	pp_test_expect_ring(test, ring, 0, c->full * PAGE_SIZE);
}

static void ring_test_resize_keeps_reserved_room(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct pp_stage stage;

	KUNIT_ASSERT_EQ(test, pp_ring_reserve(ring, &stage, 3, true), 0);
	KUNIT_EXPECT_EQ(test, pp_ring_resize(ring, 2 * PAGE_SIZE), -EBUSY);
	KUNIT_EXPECT_EQ(test, pp_ring_resize(ring, 4 * PAGE_SIZE), 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pp_ring_room(ring), 1);
	pp_ring_unreserve(&stage);
}

/*
 * Slots
 */

/* Indices are never reset: they pass the end of the array, and overflow. */
static void ring_test_indices_wrap(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	unsigned int i;

	ring->head = UINT_MAX - 5;
	ring->tail = UINT_MAX - 5;
	pp_test_push(test, ring, 0, 0, PAGE_SIZE, 0);
	for (i = 1; i < 20; i++) {
		pp_test_push(test, ring, 0, 0, PAGE_SIZE, i * PAGE_SIZE);
		pp_test_expect_ring(test, ring, (i - 1) * PAGE_SIZE, 2 * PAGE_SIZE);
		pp_test_consume(ring, PAGE_SIZE);
	}
}

static const struct consume_case {
	const char *name;
	unsigned int order;
	size_t offset;
	size_t len;
	size_t consumed;
	unsigned int used;	/* pages afterwards */
} consume_cases[] = {
	{ "a byte", 0, 0, PAGE_SIZE, 1, 1 },
	{ "all but a byte", 0, 0, PAGE_SIZE, PAGE_SIZE - 1, 1 },
	{ "the only byte", 0, 77, 1, 1, 0 },
	{ "a page", 0, 0, PAGE_SIZE, PAGE_SIZE, 0 },
	{ "a byte of two pages", 1, 0, 2 * PAGE_SIZE, 1, 2 },
	{ "a page of two", 1, 0, 2 * PAGE_SIZE, PAGE_SIZE, 1 },
	{ "a page but a byte of two", 1, 0, 2 * PAGE_SIZE, PAGE_SIZE - 1, 2 },
	{ "up to a boundary", 1, PAGE_SIZE - 3, 6, 3, 1 },
	{ "nearly up to a boundary", 1, PAGE_SIZE - 3, 6, 2, 2 },
	{ "past a boundary", 1, PAGE_SIZE - 3, 6, 4, 1 },
	{ "half of 16 pages", 4, 0, SZ_64K, SZ_32K, 8 },
	{ "odd part of 16 pages", 4, 5, SZ_64K - 9, 33333, 8 },
};

KUNIT_ARRAY_PARAM_DESC(consume, consume_cases, name);

static void ring_test_consume(struct kunit *test)
{
	const struct consume_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 32);

	pp_test_push(test, ring, c->order, c->offset, c->len, 0);
	pp_test_consume(ring, c->consumed);
	KUNIT_EXPECT_EQ(test, ring->used, c->used);
	pp_test_expect_ring(test, ring, c->consumed, c->len - c->consumed);
}

static void ring_test_consume_spans_slots(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 32);
	const size_t lens[] = { 100, 2 * PAGE_SIZE, 1, PAGE_SIZE - 1, 3 };
	size_t i, pos, sum = 0;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		pp_test_push(test, ring, 1, 0, lens[i], sum);
		sum += lens[i];
	}
	for (pos = 0; pos < sum; pos += 1111) {
		pp_test_expect_ring(test, ring, pos, sum - pos);
		pp_test_consume(ring, min(sum - pos, 1111));
	}
	KUNIT_EXPECT_TRUE(test, pp_ring_empty(ring));
	KUNIT_EXPECT_EQ(test, ring->held, 0);
}

static void ring_test_consume_recycles_own_folios_only(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct pp_slot slot = pp_test_slot(test, 1, 0, 2 * PAGE_SIZE, 0);
	struct folio *folio = slot.folio;

	mutex_lock(&ring->lock);
	pp_ring_push(ring, slot);
	pp_ring_consume(ring, 2 * PAGE_SIZE);
	slot = pp_test_slot(test, 1, 0, 2 * PAGE_SIZE, 0);
	KUNIT_EXPECT_PTR_EQ(test, slot.folio, folio);

	slot.flags = PP_SLOT_FOREIGN;
	folio_get(folio);
	pp_ring_push(ring, slot);
	pp_ring_consume(ring, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);

	/* Nor is a page kept for a write if it is foreign, was not written, or is in use. */
	slot = pp_test_slot(test, 0, 0, 100, 0);
	slot.flags = PP_SLOT_FOREIGN | PP_SLOT_PACKET;
	pp_ring_push(ring, slot);
	pp_ring_push(ring, pp_test_slot(test, 0, 0, 100, 0));
	slot = pp_test_slot(test, 0, 0, 100, 0);
	slot.flags = PP_SLOT_MERGE | PP_SLOT_SHARED;
	folio_get(slot.folio);
	pp_ring_push(ring, slot);
	pp_ring_consume(ring, 300);
	KUNIT_EXPECT_NULL(test, ring->spare);
	folio_put(slot.folio);
	pp_ring_unlock(ring);
}

static void ring_test_destroy_frees_what_is_left(struct kunit *test)
{
	struct pp_ring *ring = pp_ring_create(4 * PAGE_SIZE);
	struct pp_slot slot;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ring);
	slot = pp_test_slot(test, 1, 0, 2 * PAGE_SIZE, 0);
	slot.flags = PP_SLOT_FOREIGN;
	folio_get(slot.folio);
	mutex_lock(&ring->lock);
	pp_ring_push(ring, slot);
	pp_ring_unlock(ring);
	pp_ring_destroy(ring);
	KUNIT_EXPECT_EQ(test, folio_ref_count(slot.folio), 1);
	folio_put(slot.folio);
}

/* Reserves all of it. */
static void reserve(struct kunit *test, struct pp_ring *ring, struct pp_stage *stage,
		    unsigned int pages)
{
	KUNIT_ASSERT_EQ(test, pp_ring_reserve(ring, stage, pages, true), 0);
	KUNIT_ASSERT_EQ(test, stage->room, pages);
	KUNIT_ASSERT_EQ(test, stage->nr, 0);
}

/* Folios that are larger than needed, with one byte in each. */
static void ring_test_holds_little_more_than_capacity(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct pp_stage stage;

		reserve(test, ring, &stage, 1);
		stage.slots[stage.nr++] = pp_test_slot(test, 4, 0, 1, i);
		pp_ring_publish(&stage);
		KUNIT_EXPECT_EQ(test, stage.room, 0);
		KUNIT_EXPECT_LE(test, ring->held, ring->used + pp_folio_max_pages());
	}
	KUNIT_EXPECT_EQ(test, pp_ring_room(ring), 0);
	pp_test_expect_ring(test, ring, 0, 16);
}

static void ring_test_holds_too_much_rather_than_losing_bytes(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct pp_stage stage;

		KUNIT_ASSERT_EQ(test, pp_ring_reserve(ring, &stage, 16, true), 0);
		KUNIT_ASSERT_EQ(test, stage.room, 16 - 3 * i);
		stage.slots[stage.nr++] = pp_test_slot(test, 4, PAGE_SIZE - 1, PAGE_SIZE + 2,
						       i * (PAGE_SIZE + 2));
		pp_test_fail_folio(test, 1);
		pp_ring_publish(&stage);
		KUNIT_EXPECT_EQ(test, stage.room, 13 - 3 * i);
		pp_test_fail_folio(test, 0);
		pp_ring_unreserve(&stage);
		KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	}
	pp_test_expect_ring(test, ring, 0, 3 * (PAGE_SIZE + 2));
}

/*
 * Reserving
 */

static void ring_test_reserve(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct pp_stage a, b, none;

	reserve(test, ring, &none, 0);
	reserve(test, ring, &a, 3);
	KUNIT_EXPECT_EQ(test, pp_ring_room(ring), 5);
	KUNIT_EXPECT_EQ(test, pp_ring_reserve(ring, NULL, 0, true), 0);
	KUNIT_EXPECT_EQ(test, pp_ring_reserve(ring, &b, 9, true), 0);
	KUNIT_EXPECT_EQ(test, b.room, 5);
	KUNIT_EXPECT_EQ(test, pp_ring_room(ring), 0);
	KUNIT_EXPECT_EQ(test, pp_ring_reserve(ring, NULL, 0, true), -EAGAIN);
	pp_ring_unreserve(&none);
	pp_ring_unreserve(&b);
	KUNIT_EXPECT_EQ(test, pp_ring_room(ring), 5);
	pp_ring_unreserve(&a);
	ring->readers = 0;
	KUNIT_EXPECT_EQ(test, pp_ring_reserve(ring, &a, 1, true), -EPIPE);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
}

static void ring_test_publish_uses_reserved_room(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct pp_stage stage;

	reserve(test, ring, &stage, 8);
	stage.nr = 3;
	stage.slots[0] = pp_test_slot(test, 0, 100, 200, 0);
	stage.slots[1] = pp_test_slot(test, 1, PAGE_SIZE - 1, 2, 200);
	stage.slots[2] = pp_test_slot(test, 1, 0, 2 * PAGE_SIZE, 202);
	stage.slots[2].flags = PP_SLOT_FOREIGN;
	pp_ring_publish(&stage);
	KUNIT_EXPECT_EQ(test, stage.room, 3);
	KUNIT_EXPECT_EQ(test, stage.nr, 0);
	KUNIT_EXPECT_EQ(test, ring->reserved, 3);
	KUNIT_EXPECT_EQ(test, ring->copied, 202);
	KUNIT_EXPECT_EQ(test, ring->taken, 2 * PAGE_SIZE);
	pp_ring_publish(&stage);
	KUNIT_EXPECT_EQ(test, stage.room, 3);
	pp_ring_unreserve(&stage);
	pp_test_expect_ring(test, ring, 0, 202 + 2 * PAGE_SIZE);
}

static unsigned int promises_broken;

static bool promised_without_a_warning(unsigned int pages, unsigned int room)
{
	promises_broken += pages > room;
	return pages <= room;
}

static const struct overrun_case {
	const char *name;
	unsigned int room;
	unsigned int left;
	unsigned int bytes;
} overrun_cases[] = {
	{ "no room at all", 0, 0, 0 },
	{ "room for one slot", 1, 0, PAGE_SIZE },
	{ "room for a slot and a half", 2, 1, PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(overrun, overrun_cases, name);

/* Missing room is not taken from the reservations of others. */
static void ring_test_publish_checks_its_room(struct kunit *test)
{
	const struct overrun_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct pp_stage stage, other;
	struct folio *foreign;

	reserve(test, ring, &other, 5);
	reserve(test, ring, &stage, c->room);
	stage.nr = 4;
	stage.slots[0] = pp_test_slot(test, 0, 0, PAGE_SIZE, 0);
	stage.slots[1] = pp_test_slot(test, 1, 0, 2 * PAGE_SIZE, PAGE_SIZE);
	stage.slots[2] = pp_test_slot(test, 0, 0, PAGE_SIZE, 3 * PAGE_SIZE);
	stage.slots[3] = pp_test_slot(test, 0, 0, PAGE_SIZE, 4 * PAGE_SIZE);
	stage.slots[3].flags = PP_SLOT_FOREIGN;
	foreign = stage.slots[3].folio;
	folio_get(foreign);

	promises_broken = 0;
	kunit_activate_static_stub(test, pp_ring_promised, promised_without_a_warning);
	pp_ring_publish(&stage);
	kunit_deactivate_static_stub(test, pp_ring_promised);
	KUNIT_EXPECT_EQ(test, promises_broken, 1);
	KUNIT_EXPECT_EQ(test, stage.room, c->left);
	KUNIT_EXPECT_EQ(test, stage.nr, 0);
	KUNIT_EXPECT_EQ(test, ring->reserved, 5 + c->left);
	KUNIT_EXPECT_EQ(test, folio_ref_count(foreign), 1);
	folio_put(foreign);
	pp_test_expect_ring(test, ring, 0, c->bytes);
	pp_ring_unreserve(&stage);
	pp_ring_unreserve(&other);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
}

/*
 * Draining
 */

static const struct drain_case {
	const char *name;
	size_t asked;
	size_t bytes;
	unsigned int nr;
	bool more;
	size_t written;
} drain_cases[] = {
	{ "nothing written", 5000, 5000, 2, true, 0 },
	{ "part of a slot", 10, 10, 1, true, 10 },
	{ "short write", 5000, 5000, 2, true, 4097 },
	{ "one slot", PAGE_SIZE, PAGE_SIZE, 1, true, PAGE_SIZE },
	{ "everything", SIZE_MAX, 3 * PAGE_SIZE, 3, false, 3 * PAGE_SIZE },
	{ "everything but a byte", 3 * PAGE_SIZE - 1, 3 * PAGE_SIZE - 1, 3, false,
	  3 * PAGE_SIZE - 1 },
};

KUNIT_ARRAY_PARAM_DESC(drain, drain_cases, name);

static void ring_test_drain(struct kunit *test)
{
	const struct drain_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct pp_drain drain;
	size_t pos = 0;
	unsigned int i;

	for (i = 0; i < 3; i++)
		pp_test_push(test, ring, 0, 0, PAGE_SIZE, i * PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, c->asked, &drain), 1);
	KUNIT_EXPECT_EQ(test, drain.bytes, c->bytes);
	KUNIT_EXPECT_EQ(test, drain.nr, c->nr);
	KUNIT_EXPECT_EQ(test, drain.more, c->more);
	for (i = 0; i < drain.nr; i++) {
		pp_test_expect(test, bvec_virt(&drain.bvec[i]), pos,
			       drain.bvec[i].bv_len);
		pos += drain.bvec[i].bv_len;
	}
	KUNIT_EXPECT_EQ(test, pos, drain.bytes);
	pp_ring_drain_end(ring, c->written);
	pp_test_expect_ring(test, ring, c->written, 3 * PAGE_SIZE - c->written);
}

static void ring_test_drain_stops_at_its_bvec(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 32);
	struct pp_drain drain;
	unsigned int i;

	for (i = 0; i < PP_DRAIN_SLOTS + 2; i++)
		pp_test_push(test, ring, 0, 0, 10, i * 10);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, SIZE_MAX, &drain), 1);
	KUNIT_EXPECT_EQ(test, drain.nr, PP_DRAIN_SLOTS);
	KUNIT_EXPECT_EQ(test, drain.bytes, PP_DRAIN_SLOTS * 10);
	KUNIT_EXPECT_TRUE(test, drain.more);
	pp_ring_drain_end(ring, drain.bytes);
	pp_test_expect_ring(test, ring, PP_DRAIN_SLOTS * 10, 20);
}

static void ring_test_drain_keeps_other_consumers_out(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct pp_drain drain, other;

	pp_test_push(test, ring, 0, 0, PAGE_SIZE, 0);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, 100, &drain), 1);
	KUNIT_EXPECT_FALSE(test, pp_ring_readable(ring));
	KUNIT_EXPECT_EQ(test, pp_ring_drain_begin(ring, true, 100, &other), -EAGAIN);

	/* Producers continue. */
	pp_test_push(test, ring, 0, 0, PAGE_SIZE, PAGE_SIZE);
	pp_ring_drain_end(ring, 100);
	KUNIT_EXPECT_EQ(test, pp_ring_drain_begin(ring, true, 100, &other), 1);
	pp_ring_drain_end(ring, 0);
	pp_test_expect_ring(test, ring, 100, 2 * PAGE_SIZE - 100);
}

static void ring_test_drain_marks_shared(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct pp_drain drain;
	struct folio *folio;

	pp_test_push(test, ring, 0, 0, PAGE_SIZE, 0);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, 100, &drain), 1);
	folio = pp_ring_tail(ring)->folio;
	folio_get(folio);
	pp_ring_drain_end(ring, 100);
	KUNIT_EXPECT_TRUE(test, pp_ring_tail(ring)->flags & PP_SLOT_SHARED);
	folio_put(folio);
}

/* FUSE can keep references to the pages of a write although the write has failed. */
static void ring_test_drain_finds_kept_references(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 8);
	struct folio *kept[2];
	struct pp_drain drain;
	unsigned int i;

	for (i = 0; i < 4; i++)
		pp_test_push(test, ring, 0, 0, PAGE_SIZE, i * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, 3 * PAGE_SIZE, &drain), 1);
	for (i = 0; i < 2; i++) {
		kept[i] = page_folio(drain.bvec[i].bv_page);
		folio_get(kept[i]);
	}
	pp_ring_drain_end(ring, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ring->slots[1].flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_FALSE(test, ring->slots[2].flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_FALSE(test, ring->slots[3].flags & PP_SLOT_SHARED);

	/* With CONFIG_PRIVPIPE_DEBUG this would complain of an unknown reference. */
	pp_test_consume(ring, PAGE_SIZE);
	pp_test_expect_ring(test, ring, 2 * PAGE_SIZE, 2 * PAGE_SIZE);
	for (i = 0; i < 2; i++)
		folio_put(kept[i]);
}

/*
 * Waiting
 */

static int wait_data(struct pp_ring *ring, bool nonblock)
{
	struct pp_visit visit;
	int ret;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_data(ring, nonblock, &visit);
	pp_ring_end_consume(ring, &visit);
	return ret;
}

static int wait_room(struct pp_ring *ring, bool nonblock)
{
	struct pp_visit visit;
	int ret;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_room(ring, nonblock, &visit);
	pp_ring_end_produce(ring, &visit);
	return ret;
}

static void ring_test_wait_data_does_not_wait(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 1);

	KUNIT_EXPECT_EQ(test, wait_data(ring, true), -EAGAIN);
	pp_test_push(test, ring, 0, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, wait_data(ring, true), 1);
	KUNIT_EXPECT_EQ(test, wait_data(ring, false), 1);
	ring->writers = 0;
	KUNIT_EXPECT_EQ(test, wait_data(ring, false), 1);
	pp_test_consume(ring, 1);
	KUNIT_EXPECT_EQ(test, wait_data(ring, true), 0);
	KUNIT_EXPECT_EQ(test, wait_data(ring, false), 0);
}

static void ring_test_wait_room_does_not_wait(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 1);

	KUNIT_EXPECT_EQ(test, wait_room(ring, true), 0);
	pp_test_push(test, ring, 0, PAGE_SIZE - 1, 1, 0);
	KUNIT_EXPECT_EQ(test, wait_room(ring, true), -EAGAIN);
	ring->readers = 0;
	KUNIT_EXPECT_EQ(test, wait_room(ring, false), -EPIPE);
	pp_test_consume(ring, 1);
	KUNIT_EXPECT_EQ(test, wait_room(ring, false), -EPIPE);
}

static void ring_test_wait_ends_with_signal(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 1);

	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, wait_data(ring, false), -ERESTARTSYS);
	pp_test_push(test, ring, 0, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, wait_data(ring, false), 1);
	KUNIT_EXPECT_EQ(test, wait_room(ring, false), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, pp_ring_reserve(ring, NULL, 0, false), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	disallow_signal(SIGUSR1);
	flush_signals(current);
}

/* A task that waits for a page to read or for room, and then uses it. */
struct waiter {
	struct pp_ring *ring;
	bool producer;
	int ret;
	struct completion done;
};

static int waiter_run(void *data)
{
	struct waiter *w = data;
	struct pp_visit visit;

	pp_ring_lock(w->ring, &visit);
	if (w->producer) {
		w->ret = pp_ring_wait_room(w->ring, false, &visit);
		pp_ring_end_produce(w->ring, &visit);
	} else {
		w->ret = pp_ring_wait_data(w->ring, false, &visit);
		if (w->ret > 0)
			pp_ring_consume(w->ring, pp_ring_tail(w->ring)->len);
		pp_ring_end_consume(w->ring, &visit);
	}
	complete(&w->done);
	return 0;
}

static void waiter_start(struct kunit *test, struct waiter *w, struct pp_ring *ring,
			 bool producer)
{
	struct task_struct *task;
	int i;

	w->ring = ring;
	w->producer = producer;
	init_completion(&w->done);
	task = kthread_create(waiter_run, w, "privpipe-waiter");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	get_task_struct(task);
	wake_up_process(task);
	for (i = 0; i < 500 && READ_ONCE(task->__state) != TASK_INTERRUPTIBLE; i++)
		msleep(20);
	put_task_struct(task);
	KUNIT_EXPECT_FALSE(test, completion_done(&w->done));
}

static void waiter_expect(struct kunit *test, struct waiter *w, int ret)
{
	if (wait_for_completion_timeout(&w->done, 10 * HZ)) {
		KUNIT_EXPECT_EQ(test, w->ret, ret);
		return;
	}
	KUNIT_FAIL(test, "nobody woke the waiter");
	WRITE_ONCE(w->ring->readers, 0);
	WRITE_ONCE(w->ring->writers, 0);
	pp_ring_wake_all(w->ring);
	wait_for_completion(&w->done);
}

/* Put pages in, and wake readers, as one producer does. */
static void produce(struct kunit *test, struct pp_ring *ring, unsigned int pages)
{
	struct pp_visit visit;

	pp_ring_lock(ring, &visit);
	while (pages--)
		pp_ring_push(ring, pp_test_slot(test, 0, 0, PAGE_SIZE, 0));
	pp_ring_end_produce(ring, &visit);
}

static void ring_test_data_wakes_reader(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct waiter w;

	waiter_start(test, &w, ring, false);
	produce(test, ring, 1);
	waiter_expect(test, &w, 1);
}

/* One wakeup for two pages: the first reader passes it on. */
static void ring_test_reader_passes_wakeup_on(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct waiter w[2];

	waiter_start(test, &w[0], ring, false);
	waiter_start(test, &w[1], ring, false);
	produce(test, ring, 2);
	waiter_expect(test, &w[0], 1);
	waiter_expect(test, &w[1], 1);
}

static void ring_test_last_writer_wakes_readers(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct waiter w[2];

	waiter_start(test, &w[0], ring, false);
	waiter_start(test, &w[1], ring, false);
	mutex_lock(&ring->lock);
	WRITE_ONCE(ring->writers, 0);
	pp_ring_wake_all(ring);
	mutex_unlock(&ring->lock);
	waiter_expect(test, &w[0], 0);
	waiter_expect(test, &w[1], 0);
}

static void ring_test_reading_wakes_writer(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 2);
	struct pp_visit visit;
	struct waiter w;

	produce(test, ring, 2);
	waiter_start(test, &w, ring, true);
	pp_ring_lock(ring, &visit);
	KUNIT_EXPECT_EQ(test, pp_ring_wait_data(ring, true, &visit), 1);
	pp_ring_consume(ring, PAGE_SIZE);
	pp_ring_end_consume(ring, &visit);
	waiter_expect(test, &w, 0);
}

static void ring_test_writer_passes_wakeup_on(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 2);
	struct pp_visit visit;
	struct waiter w[2];

	produce(test, ring, 2);
	waiter_start(test, &w[0], ring, true);
	waiter_start(test, &w[1], ring, true);
	pp_ring_lock(ring, &visit);
	KUNIT_EXPECT_EQ(test, pp_ring_wait_data(ring, true, &visit), 1);
	pp_ring_consume(ring, PAGE_SIZE);
	pp_ring_end_consume(ring, &visit);
	waiter_expect(test, &w[0], 0);
	waiter_expect(test, &w[1], 0);
}

static void ring_test_last_reader_wakes_writers(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 1);
	struct waiter w[2];

	produce(test, ring, 1);
	waiter_start(test, &w[0], ring, true);
	waiter_start(test, &w[1], ring, true);
	mutex_lock(&ring->lock);
	WRITE_ONCE(ring->readers, 0);
	pp_ring_wake_all(ring);
	mutex_unlock(&ring->lock);
	waiter_expect(test, &w[0], -EPIPE);
	waiter_expect(test, &w[1], -EPIPE);
}

static void ring_test_growing_wakes_writer(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 1);
	struct waiter w;

	produce(test, ring, 1);
	waiter_start(test, &w, ring, true);
	KUNIT_EXPECT_EQ(test, pp_ring_resize(ring, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
	waiter_expect(test, &w, 0);
}

static void ring_test_unreserving_wakes_writer(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 2);
	struct pp_stage a, b;
	struct waiter w;

	reserve(test, ring, &a, 1);
	reserve(test, ring, &b, 1);
	waiter_start(test, &w, ring, true);
	pp_ring_unreserve(&a);
	waiter_expect(test, &w, 0);
	pp_ring_unreserve(&b);
}

static void ring_test_publishing_wakes_reader(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 2);
	struct pp_stage stage;
	struct waiter w;

	reserve(test, ring, &stage, 2);
	waiter_start(test, &w, ring, false);
	stage.slots[stage.nr++] = pp_test_slot(test, 0, 0, PAGE_SIZE, 0);
	pp_ring_publish(&stage);
	waiter_expect(test, &w, 1);
	pp_ring_unreserve(&stage);
}

static void ring_test_drain_wakes_reader_it_kept_out(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct pp_drain drain;
	struct waiter w;

	produce(test, ring, 2);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, PAGE_SIZE, &drain), 1);
	waiter_start(test, &w, ring, false);
	pp_ring_drain_end(ring, PAGE_SIZE);
	waiter_expect(test, &w, 1);
}

/* The last writer closes while the last bytes are on their way out. */
static void ring_test_drain_wakes_reader_at_the_end(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct pp_drain drain;
	struct waiter w;

	produce(test, ring, 1);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, PAGE_SIZE, &drain), 1);
	waiter_start(test, &w, ring, false);
	WRITE_ONCE(ring->writers, 0);
	pp_ring_drain_end(ring, PAGE_SIZE);
	waiter_expect(test, &w, 0);
}

/* A waiter in poll() or epoll that is woken for POLLHUP. */
struct poller {
	struct wait_queue_entry entry;
	bool hung_up;
};

static int poller_wake(struct wait_queue_entry *entry, unsigned int mode, int sync,
		       void *key)
{
	struct poller *p = container_of(entry, struct poller, entry);

	if (key && !(key_to_poll(key) & EPOLLHUP))
		return 0;
	p->hung_up = true;
	return 1;
}

static const struct hangup_case {
	const char *name;
	size_t drained;
} hangup_cases[] = {
	{ "nothing drained", 0 },
	{ "a part drained", 100 },
	{ "all drained", PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(hangup, hangup_cases, name);

/* During a drain poll() hides the last close, so the end of the drain must wake waiters. */
static void ring_test_drain_tells_of_last_close(struct kunit *test)
{
	const struct hangup_case *c = test->param_value;
	struct pp_ring *ring = pp_test_ring(test, 4);
	struct poller pollers[3] = {};
	struct pp_drain drain;
	struct waiter w;
	unsigned int i;

	produce(test, ring, 1);
	KUNIT_ASSERT_EQ(test, pp_ring_drain_begin(ring, true, PAGE_SIZE, &drain), 1);
	for (i = 0; i < ARRAY_SIZE(pollers); i++) {
		init_waitqueue_func_entry(&pollers[i].entry, poller_wake);
		/* As poll(2), and as epoll with EPOLLEXCLUSIVE. */
		if (i == 0)
			add_wait_queue(&ring->rd_wait, &pollers[i].entry);
		else
			add_wait_queue_exclusive(&ring->rd_wait, &pollers[i].entry);
	}
	waiter_start(test, &w, ring, false);
	mutex_lock(&ring->lock);
	WRITE_ONCE(ring->writers, 0);
	pp_ring_wake_all(ring);
	mutex_unlock(&ring->lock);
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		pollers[i].hung_up = false;

	pp_ring_drain_end(ring, c->drained);
	waiter_expect(test, &w, c->drained < PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(pollers); i++) {
		KUNIT_EXPECT_TRUE(test, pollers[i].hung_up);
		remove_wait_queue(&ring->rd_wait, &pollers[i].entry);
	}
}

static struct kunit_case ring_test_cases[] = {
	KUNIT_CASE_PARAM(ring_test_resize, resize_gen_params),
	KUNIT_CASE(ring_test_resize_keeps_reserved_room),
	KUNIT_CASE(ring_test_indices_wrap),
	KUNIT_CASE_PARAM(ring_test_consume, consume_gen_params),
	KUNIT_CASE(ring_test_consume_spans_slots),
	KUNIT_CASE(ring_test_consume_recycles_own_folios_only),
	KUNIT_CASE(ring_test_destroy_frees_what_is_left),
	KUNIT_CASE(ring_test_holds_little_more_than_capacity),
	KUNIT_CASE(ring_test_holds_too_much_rather_than_losing_bytes),
	KUNIT_CASE(ring_test_reserve),
	KUNIT_CASE(ring_test_publish_uses_reserved_room),
	KUNIT_CASE_PARAM(ring_test_publish_checks_its_room, overrun_gen_params),
	KUNIT_CASE_PARAM(ring_test_drain, drain_gen_params),
	KUNIT_CASE(ring_test_drain_stops_at_its_bvec),
	KUNIT_CASE(ring_test_drain_keeps_other_consumers_out),
	KUNIT_CASE(ring_test_drain_marks_shared),
	KUNIT_CASE(ring_test_drain_finds_kept_references),
	KUNIT_CASE(ring_test_wait_data_does_not_wait),
	KUNIT_CASE(ring_test_wait_room_does_not_wait),
	KUNIT_CASE(ring_test_wait_ends_with_signal),
	KUNIT_CASE(ring_test_data_wakes_reader),
	KUNIT_CASE(ring_test_reader_passes_wakeup_on),
	KUNIT_CASE(ring_test_last_writer_wakes_readers),
	KUNIT_CASE(ring_test_reading_wakes_writer),
	KUNIT_CASE(ring_test_writer_passes_wakeup_on),
	KUNIT_CASE(ring_test_last_reader_wakes_writers),
	KUNIT_CASE(ring_test_growing_wakes_writer),
	KUNIT_CASE(ring_test_unreserving_wakes_writer),
	KUNIT_CASE(ring_test_publishing_wakes_reader),
	KUNIT_CASE(ring_test_drain_wakes_reader_it_kept_out),
	KUNIT_CASE(ring_test_drain_wakes_reader_at_the_end),
	KUNIT_CASE_PARAM(ring_test_drain_tells_of_last_close, hangup_gen_params),
	{}
};

static struct kunit_suite ring_test_suite = {
	.name = "privpipe_ring",
	.init = pp_test_stay,
	.test_cases = ring_test_cases,
};

kunit_test_suite(ring_test_suite);
