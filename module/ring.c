// SPDX-License-Identifier: GPL-2.0
/*
 * The pipe itself: slots, waiting, waking, reservations, drains.  ring.h has the model.
 *
 * The rules of fs/pipe.c are kept wherever a program could tell: a page counts
 * until its last byte was read, and a wakeup goes to one waiter that passes it on.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "limits.h"
#include "ring.h"
#include "stats.h"

/**
 * pp_ring_create() - Make a pipe without ends.
 * @size: its capacity in bytes, 0 for the default
 *
 * Return: the pipe, or an ERR_PTR() as struct privpipe_create describes.
 */
struct pp_ring *pp_ring_create(unsigned int size)
{
	struct user_struct *user = current_user();
	struct pp_ring *ring;
	unsigned int pages;
	int ret;

	ret = pp_charge_pipe(user, size, &pages);
	if (ret)
		return ERR_PTR(ret);

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		goto out_uncharge;
	ring->slots = kvcalloc(pages, sizeof(*ring->slots),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ring->slots)
		goto out_free;

	mutex_init(&ring->lock);
	init_waitqueue_head(&ring->rd_wait);
	init_waitqueue_head(&ring->wr_wait);
	ring->capacity = pages;
	ring->room = pages;
	ring->user = get_uid(user);
	return ring;

out_free:
	kfree(ring);
out_uncharge:
	pp_uncharge(user, pages);
	return ERR_PTR(-ENOMEM);
}

/**
 * pp_ring_clear() - Free everything that is in a pipe, and its spare page.
 * @ring: the pipe, locked or about to be destroyed
 */
void pp_ring_clear(struct pp_ring *ring)
{
	while (!pp_ring_empty(ring))
		pp_slot_free(pp_ring_pop(ring));
	if (ring->spare)
		pp_folio_free(ring->spare);
	ring->spare = NULL;
}

/**
 * pp_ring_destroy() - Free a pipe that nobody uses any more.
 * @ring: the pipe
 */
void pp_ring_destroy(struct pp_ring *ring)
{
	pp_ring_clear(ring);
	pp_uncharge(ring->user, ring->capacity);
	free_uid(ring->user);
	kvfree(ring->slots);
	kfree(ring);
}

static void pp_wake_one(struct wait_queue_head *wq, __poll_t events)
{
	/* Most often nobody waits, and a barrier is cheaper than the lock. */
	if (wq_has_sleeper(wq))
		wake_up_interruptible_sync_poll(wq, events);
}

/**
 * pp_ring_resize() - Change the capacity.
 * @ring: the pipe, not locked
 * @size: the new capacity in bytes
 *
 * Return: the capacity in bytes, or an error as struct privpipe_resize says.
 */
long pp_ring_resize(struct pp_ring *ring, unsigned int size)
{
	unsigned int i, nr, pages = pp_round_pages(size);
	struct pp_slot *slots;
	long ret;

	if (!pages)
		return -EINVAL;

	mutex_lock(&ring->lock);
	ret = pp_recharge(ring->user, ring->capacity, pages);
	if (ret)
		goto out_unlock;

	ret = -EBUSY;
	if (ring->used + ring->reserved > pages)
		goto out_uncharge;

	ret = -ENOMEM;
	slots = kvcalloc(pages, sizeof(*slots), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!slots)
		goto out_uncharge;

	nr = ring->head - ring->tail;
	for (i = 0; i < nr; i++)
		slots[i] = *pp_ring_slot(ring, ring->tail + i);
	kvfree(ring->slots);
	ring->slots = slots;
	ring->tail = 0;
	ring->head = nr;
	ring->capacity = pages;
	pp_ring_unlock(ring);
	/* There may be more room now. */
	pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	return (long)pages << PAGE_SHIFT;

out_uncharge:
	pp_uncharge(ring->user, (long)pages - ring->capacity);
out_unlock:
	pp_ring_unlock(ring);
	return ret;
}

/**
 * pp_ring_bytes() - How many bytes are in the pipe.
 * @ring: the pipe, locked
 *
 * Return: bytes.
 */
size_t pp_ring_bytes(struct pp_ring *ring)
{
	size_t sum = 0;
	unsigned int i;

	lockdep_assert_held(&ring->lock);
	for (i = ring->tail; i != ring->head; i++)
		sum += pp_ring_slot(ring, i)->len;
	return sum;
}

static void pp_ring_wake_readers(struct pp_ring *ring)
{
	pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
}

static bool pp_ring_filled(struct pp_ring *ring, const struct pp_visit *visit)
{
	return visit->empty && !pp_ring_empty(ring);
}

/**
 * pp_ring_wait_data() - Wait for something to read.
 * @ring: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 * @visit: from pp_ring_lock(); renewed
 *
 * Return: 1 when there is something, 0 when there is nothing and no writer,
 * -EAGAIN, or -ERESTARTSYS after a signal.
 */
int pp_ring_wait_data(struct pp_ring *ring, bool nonblock, struct pp_visit *visit)
{
	int ret;

	for (;;) {
		if (pp_ring_readable(ring))
			return !pp_ring_empty(ring);
		if (nonblock)
			return -EAGAIN;
		pp_ring_unlock(ring);
		ret = wait_event_interruptible_exclusive(ring->rd_wait,
							 pp_ring_readable(ring));
		mutex_lock(&ring->lock);
		pp_ring_look(ring, visit);
		visit->slept = true;
		if (ret)
			return ret;
	}
}

/**
 * pp_ring_wait_room() - Wait for room for at least one page.
 * @ring: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 * @visit: from pp_ring_lock(); renewed
 *
 * Return: 0, -EPIPE when there is no reader (SIGPIPE was sent, unless @visit has
 * no_signal), -EAGAIN, or -ERESTARTSYS after a signal.
 */
int pp_ring_wait_room(struct pp_ring *ring, bool nonblock, struct pp_visit *visit)
{
	int ret;

	for (;;) {
		if (!ring->readers) {
			if (!visit->no_signal)
				send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (pp_ring_room(ring))
			return 0;
		if (nonblock)
			return -EAGAIN;
		/* Full by what the caller put in, and the readers don't know yet. */
		if (pp_ring_filled(ring, visit))
			pp_ring_wake_readers(ring);
		pp_ring_unlock(ring);
		ret = wait_event_interruptible_exclusive(ring->wr_wait,
							 pp_ring_writable(ring));
		mutex_lock(&ring->lock);
		pp_ring_look(ring, visit);
		visit->slept = true;
		if (ret)
			return ret;
	}
}

/**
 * pp_ring_wake_all() - Wake everybody: an end was opened or closed.
 * @ring: the pipe
 */
void pp_ring_wake_all(struct pp_ring *ring)
{
	wake_up_interruptible_all(&ring->rd_wait);
	wake_up_interruptible_all(&ring->wr_wait);
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
	kill_fasync(&ring->fasync_writers, SIGIO, POLL_OUT);
}

/**
 * pp_ring_end_consume() - Unlock after taking bytes out, and wake waiters.
 * @ring: the pipe, locked
 * @visit: from pp_ring_lock()
 */
void pp_ring_end_consume(struct pp_ring *ring, const struct pp_visit *visit)
{
	bool pass_on = visit->slept && pp_ring_readable(ring);
	bool freed = visit->full && pp_ring_room(ring);

	pp_ring_unlock(ring);
	if (freed)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	if (pass_on)
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&ring->fasync_writers, SIGIO, POLL_OUT);
}

/**
 * pp_ring_end_produce() - Unlock after putting bytes in, and wake waiters.
 * @ring: the pipe, locked
 * @visit: from pp_ring_lock()
 */
void pp_ring_end_produce(struct pp_ring *ring, const struct pp_visit *visit)
{
	bool pass_on = visit->slept && (pp_ring_room(ring) || !ring->readers);
	bool filled = pp_ring_filled(ring, visit);

	pp_ring_unlock(ring);
	if (filled || READ_ONCE(ring->polled))
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	if (pass_on)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
}

/**
 * pp_ring_push() - Put a slot in.
 * @ring: the pipe, locked, with room for pp_slot_pages() of @slot
 * @slot: the slot; the ring owns the folio afterwards
 */
void pp_ring_push(struct pp_ring *ring, struct pp_slot slot)
{
	lockdep_assert_held(&ring->lock);
	pp_assert_private(&slot);

	*pp_ring_slot(ring, ring->head) = slot;
	WRITE_ONCE(ring->used, ring->used + pp_slot_pages(&slot));
	ring->held += folio_nr_pages(slot.folio);
	ring->head++;
}

/**
 * pp_ring_pop() - Take the slot at the tail out.
 * @ring: the pipe, locked (or about to be destroyed) and not empty
 *
 * Return: the slot; the caller owns the folio.
 */
struct pp_slot pp_ring_pop(struct pp_ring *ring)
{
	struct pp_slot slot = *pp_ring_tail(ring);

	pp_assert_private(&slot);
	WRITE_ONCE(ring->used, ring->used - pp_slot_pages(&slot));
	ring->held -= folio_nr_pages(slot.folio);
	ring->tail++;
	return slot;
}

/*
 * Free the folio of a slot that was read, or keep it for the next write: as in a stock pipe,
 * a page that a write has filled and that nobody else refers to.
 */
static void pp_ring_keep(struct pp_ring *ring, struct pp_slot slot)
{
	if (!ring->spare && slot.flags & (PP_SLOT_MERGE | PP_SLOT_PACKET) &&
	    !(slot.flags & PP_SLOT_FOREIGN) && !folio_test_large(slot.folio) &&
	    folio_ref_count(slot.folio) == 1 && pp_pool_keeps(slot.folio))
		ring->spare = slot.folio;
	else
		pp_slot_free(slot);
}

/**
 * pp_ring_consume() - Remove bytes at the tail.
 * @ring: the pipe, locked
 * @len: how many, at most what is there
 */
void pp_ring_consume(struct pp_ring *ring, size_t len)
{
	while (len) {
		struct pp_slot *slot = pp_ring_tail(ring);
		unsigned int pages = pp_slot_pages(slot);

		if (len < slot->len) {
			slot->offset += len;
			slot->len -= len;
			WRITE_ONCE(ring->used, ring->used - pages + pp_slot_pages(slot));
			return;
		}
		len -= slot->len;
		pp_ring_keep(ring, pp_ring_pop(ring));
	}
}

/**
 * pp_ring_page() - Get a private page for a pipe.
 * @ring: the pipe, locked
 *
 * It is the spare one, if there is one that this task may use: as in a stock pipe, writing
 * and reading small pieces takes no lock but the pipe's.
 *
 * Context: may sleep.
 * Return: a folio of a page with one reference, the caller's, or NULL.
 */
struct folio *pp_ring_page(struct pp_ring *ring)
{
	struct folio *folio = ring->spare;

	ring->spare = NULL;
	if (folio)
		folio = pp_pool_again(folio);
	if (!folio)
		return pp_folio_alloc(1);
	pp_count(PP_folios_recycled, 1);
	return folio;
}

/**
 * pp_ring_reserve() - Promise room to a caller that must read a file first.
 * @ring: the pipe, not locked
 * @stage: set up, without slots; on success its room is at most @pages.  Or NULL
 *	to wait until there is room, and promise none.
 * @pages: how much is wanted
 * @nonblock: don't wait
 *
 * The pipe stays usable.  pp_ring_publish() uses up the promised room, and
 * pp_ring_unreserve() gives back the rest.
 *
 * Return: what pp_ring_wait_room() returns.
 */
int pp_ring_reserve(struct pp_ring *ring, struct pp_stage *stage,
		    unsigned int pages, bool nonblock)
{
	struct pp_visit visit = {};
	bool pass_on;
	int ret;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_room(ring, nonblock, &visit);
	if (!ret && stage) {
		stage->ring = ring;
		stage->room = min(pages, pp_ring_room(ring));
		stage->nr = 0;
		ring->reserved += stage->room;
	}
	pass_on = visit.slept && (pp_ring_room(ring) || !ring->readers);
	pp_ring_unlock(ring);
	if (pass_on)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	return ret;
}

/**
 * pp_ring_unreserve() - Give back the promised room that is left.
 * @stage: the stage, whose pipe is not locked
 */
void pp_ring_unreserve(struct pp_stage *stage)
{
	struct pp_ring *ring = stage->ring;
	struct pp_visit visit;

	if (!stage->room)
		return;
	pp_ring_lock(ring, &visit);
	ring->reserved -= stage->room;
	pp_ring_unlock(ring);
	if (visit.full) {
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
		kill_fasync(&ring->fasync_writers, SIGIO, POLL_OUT);
	}
}

/**
 * pp_ring_fits() - Whether a folio may enter as it is.
 * @ring: the pipe, locked
 * @slot: the slot
 *
 * A folio can be larger than its bytes need.  To save copies, the folios of a pipe may
 * be too large by one large folio in all, or by the pipe's capacity if that is less;
 * beyond that, the pipe would hold much more memory than its capacity.
 *
 * Return: false when the bytes should be copied to smaller folios instead.
 */
bool pp_ring_fits(const struct pp_ring *ring, const struct pp_slot *slot)
{
	unsigned int has = folio_nr_pages(slot->folio);
	unsigned int needs = pp_slot_pages(slot);

	return has == needs ||
	       ring->held + has - ring->used - needs <=
		       min(pp_folio_max_pages(), ring->capacity);
}

/**
 * pp_ring_push_fitting() - Put a slot in, in smaller folios if need be.
 * @ring: the pipe, locked, with room for pp_slot_pages() of @slot
 * @slot: a slot in a folio from pp_folio_alloc(), which may not have been filled
 *	to its end; the ring owns the folio afterwards
 */
void pp_ring_push_fitting(struct pp_ring *ring, struct pp_slot slot)
{
	while (!pp_ring_fits(ring, &slot)) {
		struct pp_slot piece = {
			.offset = offset_in_page(slot.offset),
		};

		piece.folio = pp_folio_alloc(pp_slot_pages(&slot));
		if (!piece.folio)
			break;	/* better too much memory than lost bytes */
		piece.len = min_t(size_t, slot.len,
				  folio_size(piece.folio) - piece.offset);
		pp_copy_folio(piece.folio, piece.offset, slot.folio, slot.offset, piece.len);
		pp_ring_push(ring, piece);
		slot.offset += piece.len;
		slot.len -= piece.len;
		if (!slot.len) {
			pp_folio_free(slot.folio);
			return;
		}
	}
	pp_ring_push(ring, slot);
}

/* Warns of a bug: a caller needs more pages than were reserved for it. */
VISIBLE_IF_KUNIT
bool pp_ring_promised(unsigned int pages, unsigned int room)
{
	KUNIT_STATIC_STUB_REDIRECT(pp_ring_promised, pages, room);

	return !WARN_ON_ONCE(pages > room);
}

/**
 * pp_ring_publish() - Put a filled stage in, into the room that it has reserved.
 * @stage: the stage, whose pipe is not locked; its slots and their room are used up
 *
 * Slots beyond the reserved room are dropped: lost bytes are better than one slot in
 * the place of another.
 */
void pp_ring_publish(struct pp_stage *stage)
{
	struct pp_ring *ring = stage->ring;
	struct pp_visit visit;
	size_t entered = 0;
	unsigned int i;

	if (!stage->nr)
		return;

	pp_ring_lock(ring, &visit);
	for (i = 0; i < stage->nr; i++) {
		struct pp_slot *slot = &stage->slots[i];
		unsigned int n = pp_slot_pages(slot);

		if (!pp_ring_promised(n, stage->room))
			break;
		stage->room -= n;
		ring->reserved -= n;
		entered += slot->len;
		if (slot->flags & PP_SLOT_FOREIGN) {
			ring->taken += slot->len;
			pp_ring_push(ring, *slot);
		} else {
			ring->copied += slot->len;
			pp_ring_push_fitting(ring, *slot);
		}
	}
	pp_stage_cut(stage, entered);
	stage->nr = 0;
	pp_ring_end_produce(ring, &visit);
}

/**
 * pp_ring_drain_begin() - Get the bytes at the tail for writing them elsewhere.
 * @ring: the pipe, not locked
 * @nonblock: don't wait
 * @len: how many bytes at the most, not 0
 * @drain: filled in
 *
 * The bytes stay in the pipe and other consumers wait until
 * pp_ring_drain_end(); producers continue.
 *
 * Return: 1 when there is something, else what pp_ring_wait_data() returns.
 */
int pp_ring_drain_begin(struct pp_ring *ring, bool nonblock, size_t len,
			struct pp_drain *drain)
{
	struct pp_visit visit;
	unsigned int i;
	bool pass_on;
	int ret;

	drain->nr = 0;
	drain->bytes = 0;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_data(ring, nonblock, &visit);
	if (ret > 0) {
		for (i = ring->tail; i != ring->head && drain->bytes < len &&
		     drain->nr < PP_DRAIN_SLOTS; i++) {
			struct pp_slot *slot = pp_ring_slot(ring, i);
			size_t n = min_t(size_t, slot->len, len - drain->bytes);

			bvec_set_folio(&drain->bvec[drain->nr++], slot->folio, n,
				       slot->offset);
			drain->bytes += n;
		}
		drain->more = i != ring->head;
		WRITE_ONCE(ring->draining, drain->nr);
	}
	/* On success the next reader is woken when this ends. */
	pass_on = visit.slept && pp_ring_readable(ring);
	pp_ring_unlock(ring);
	if (pass_on)
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	return ret;
}

/*
 * A target can keep references to the folios that it was given, even if it accepted fewer
 * bytes or failed: a socket until it has sent them, FUSE until its server releases them.
 * It takes them while it is written to, so either they exist now or they never will.  Of a
 * slot that the target accepted in part it may have that part, which pp_head_open() knows.
 * Of a slot that it did not accept it may have any byte, so nothing is added to that slot.
 */
static void pp_ring_mark_shared(struct pp_ring *ring, size_t accepted)
{
	unsigned int i;

	for (i = ring->tail; i != ring->tail + ring->draining; i++) {
		struct pp_slot *slot = pp_ring_slot(ring, i);

		if (folio_ref_count(slot->folio) > 1) {
			slot->flags |= PP_SLOT_SHARED;
			if (!accepted)
				slot->flags &= ~PP_SLOT_MERGE;
		}
		accepted -= min_t(size_t, accepted, slot->len);
	}
}

/**
 * pp_ring_drain_end() - Take the bytes out that were written elsewhere.
 * @ring: the pipe, not locked, after pp_ring_drain_begin()
 * @len: how many bytes were written
 */
void pp_ring_drain_end(struct pp_ring *ring, size_t len)
{
	struct pp_visit visit;

	pp_ring_lock(ring, &visit);
	pp_ring_mark_shared(ring, len);
	pp_ring_consume(ring, len);
	WRITE_ONCE(ring->draining, 0);
	/* The drain has hidden a last close, also from waiters for that alone. */
	if (!ring->writers)
		wake_up_interruptible_all(&ring->rd_wait);
	/* Readers that were told of bytes, but kept from them, can read now. */
	if (pp_ring_readable(ring))
		kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
	/* As if this had slept, so that a reader that it kept out is woken. */
	visit.slept = true;
	pp_ring_end_consume(ring, &visit);
}
