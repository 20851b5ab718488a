// SPDX-License-Identifier: GPL-2.0
/*
 * The pipe itself: slots, waiting, waking, limits.
 *
 * The rules of fs/pipe.c are kept wherever a program could tell: a page counts
 * until its last byte was read, a wakeup goes to one waiter that passes it on,
 * and the limits per user are counted together with those of stock pipes.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "ring.h"
#include "stats.h"

static unsigned int pp_max_size = 1048576;
module_param_named(max_size, pp_max_size, uint, 0644);
MODULE_PARM_DESC(max_size,
		 "largest pipe without CAP_SYS_RESOURCE, in bytes (as fs.pipe-max-size)");

static unsigned long pp_user_pages_soft = PP_DEF_PAGES * INR_OPEN_CUR;
module_param_named(user_pages_soft, pp_user_pages_soft, ulong, 0644);
MODULE_PARM_DESC(user_pages_soft,
		 "a user's pipe pages before new pipes shrink, 0 for no limit (as fs.pipe-user-pages-soft)");

static unsigned long pp_user_pages_hard;
module_param_named(user_pages_hard, pp_user_pages_hard, ulong, 0644);
MODULE_PARM_DESC(user_pages_hard,
		 "a user's pipe pages at the most, 0 for no limit (as fs.pipe-user-pages-hard)");

static bool pp_over(unsigned long pages, unsigned long limit)
{
	return limit && pages > limit &&
	       !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

static bool pp_over_soft(unsigned long pages)
{
	return pp_over(pages, READ_ONCE(pp_user_pages_soft));
}

static bool pp_over_hard(unsigned long pages)
{
	return pp_over(pages, READ_ONCE(pp_user_pages_hard));
}

/* Returns how many pages @user has then, stock pipes included. */
static unsigned long pp_user_add(struct user_struct *user, long pages)
{
	return atomic_long_add_return(pages, &user->pipe_bufs);
}

/**
 * pp_user_charge() - Count pages against a user's limits.
 * @user: the user
 * @pages: how many
 *
 * Return: 0, or -EPERM over a limit that holds for the current task.
 */
int pp_user_charge(struct user_struct *user, unsigned long pages)
{
	unsigned long sum = pp_user_add(user, pages);

	if (pp_over_soft(sum) || pp_over_hard(sum)) {
		pp_user_uncharge(user, pages);
		return -EPERM;
	}
	return 0;
}

/**
 * pp_user_uncharge() - Undo pp_user_charge().
 * @user: the user
 * @pages: how many
 */
void pp_user_uncharge(struct user_struct *user, unsigned long pages)
{
	atomic_long_sub(pages, &user->pipe_bufs);
}

/* Bytes to slots, by the rules of F_SETPIPE_SZ; 0 when @size is too large. */
static unsigned int pp_round_pages(unsigned int size)
{
	if (size > SZ_1G)
		return 0;
	return roundup_pow_of_two(max_t(unsigned int, size, PAGE_SIZE)) >> PAGE_SHIFT;
}

/* Decide on the size of a new pipe and charge @user for it. */
static int pp_ring_charge(struct user_struct *user, unsigned int size,
			  unsigned int *pages)
{
	unsigned int max_size = READ_ONCE(pp_max_size);
	unsigned long sum;
	int ret = 0;

	*pages = size ? pp_round_pages(size) : PP_DEF_PAGES;
	if (!*pages)
		return -EINVAL;
	if (*pages > max_size >> PAGE_SHIFT && !capable(CAP_SYS_RESOURCE)) {
		if (size)
			return -EPERM;
		*pages = pp_round_pages(max_size);
	}

	sum = pp_user_add(user, *pages);
	if (pp_over_soft(sum)) {
		if (size)
			ret = -EPERM;
		sum = pp_user_add(user, (long)PP_MIN_DEF_PAGES - *pages);
		*pages = PP_MIN_DEF_PAGES;
	}
	if (!ret && pp_over_hard(sum))
		ret = -ENFILE;
	if (ret)
		pp_user_uncharge(user, *pages);
	return ret;
}

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

	ret = pp_ring_charge(user, size, &pages);
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
	ring->user = get_uid(user);
	return ring;

out_free:
	kfree(ring);
out_uncharge:
	pp_user_uncharge(user, pages);
	return ERR_PTR(-ENOMEM);
}

/**
 * pp_ring_clear() - Free what is in a pipe.
 * @ring: the pipe, locked or about to be destroyed
 */
void pp_ring_clear(struct pp_ring *ring)
{
	while (!pp_ring_empty(ring)) {
		struct pp_slot slot = pp_ring_pop(ring);

		folio_put(slot.folio);
	}
}

/**
 * pp_ring_destroy() - Free a pipe that nobody uses any more.
 * @ring: the pipe
 */
void pp_ring_destroy(struct pp_ring *ring)
{
	pp_ring_clear(ring);
	pp_user_uncharge(ring->user, ring->capacity);
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
	unsigned long sum;
	bool growing;
	long ret;

	if (!pages)
		return -EINVAL;

	mutex_lock(&ring->lock);
	growing = pages > ring->capacity;
	if (growing && pages > READ_ONCE(pp_max_size) >> PAGE_SHIFT &&
	    !capable(CAP_SYS_RESOURCE)) {
		ret = -EPERM;
		goto out_unlock;
	}

	/* Both limits say EPERM here, and neither forbids to shrink. */
	sum = pp_user_add(ring->user, (long)pages - ring->capacity);
	if (growing && (pp_over_soft(sum) || pp_over_hard(sum))) {
		ret = -EPERM;
		goto out_uncharge;
	}

	ret = -EBUSY;
	if (ring->used + ring->reserved > pages)
		goto out_uncharge;

	ret = -ENOMEM;
	slots = kvcalloc(pages, sizeof(*slots), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!slots)
		goto out_uncharge;

	nr = ring->head - ring->tail;
	for (i = 0; i < nr; i++)
		slots[i] = ring->slots[(ring->tail + i) & (ring->capacity - 1)];
	kvfree(ring->slots);
	ring->slots = slots;
	WRITE_ONCE(ring->tail, 0);
	WRITE_ONCE(ring->head, nr);
	WRITE_ONCE(ring->capacity, pages);
	mutex_unlock(&ring->lock);
	/* There may be more room now. */
	pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	return (long)pages << PAGE_SHIFT;

out_uncharge:
	pp_user_add(ring->user, (long)ring->capacity - pages);
out_unlock:
	mutex_unlock(&ring->lock);
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
		sum += ring->slots[i & (ring->capacity - 1)].len;
	return sum;
}

/**
 * pp_ring_lock_two() - Lock two pipes without a deadlock.
 * @a: a pipe
 * @b: another one
 */
void pp_ring_lock_two(struct pp_ring *a, struct pp_ring *b)
{
	if (a > b)
		swap(a, b);
	mutex_lock(&a->lock);
	mutex_lock_nested(&b->lock, SINGLE_DEPTH_NESTING);
}

/**
 * pp_ring_unlock_two() - Undo pp_ring_lock_two().
 * @a: a pipe
 * @b: another one
 */
void pp_ring_unlock_two(struct pp_ring *a, struct pp_ring *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/**
 * pp_ring_wait_data() - Wait for something to read.
 * @ring: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 * @wake: added to for pp_ring_end_consume()
 *
 * Return: 1 when there is something, 0 when there is nothing and no writer,
 * -EAGAIN, or -ERESTARTSYS after a signal.
 */
int pp_ring_wait_data(struct pp_ring *ring, bool nonblock, struct pp_wake *wake)
{
	int ret;

	for (;;) {
		if (pp_ring_readable(ring)) {
			wake->before |= !pp_ring_room(ring);
			return !pp_ring_empty(ring);
		}
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&ring->lock);
		ret = wait_event_interruptible_exclusive(ring->rd_wait,
							 pp_ring_readable(ring));
		mutex_lock(&ring->lock);
		wake->slept = true;
		if (ret)
			return ret;
	}
}

/**
 * pp_ring_wait_room() - Wait for room for at least one page.
 * @ring: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 * @wake: added to for pp_ring_end_produce()
 *
 * Return: 0, -EPIPE when there is no reader (SIGPIPE was sent, unless @wake has
 * no_signal), -EAGAIN, or -ERESTARTSYS after a signal.
 */
int pp_ring_wait_room(struct pp_ring *ring, bool nonblock, struct pp_wake *wake)
{
	int ret;

	for (;;) {
		if (!ring->readers) {
			if (!wake->no_signal)
				send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (pp_ring_room(ring)) {
			wake->before |= pp_ring_empty(ring);
			return 0;
		}
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&ring->lock);
		ret = wait_event_interruptible_exclusive(ring->wr_wait,
							 pp_ring_writable(ring));
		mutex_lock(&ring->lock);
		wake->slept = true;
		if (ret)
			return ret;
	}
}

/**
 * pp_ring_wake_readers() - Tell that there is something to read.
 * @ring: the pipe
 */
void pp_ring_wake_readers(struct pp_ring *ring)
{
	pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
}

/**
 * pp_ring_wake_all() - Tell that an end was opened or closed.
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
 * pp_ring_end_consume() - Unlock after taking bytes out, and wake who waits.
 * @ring: the pipe, locked
 * @wake: from pp_ring_wait_data()
 */
void pp_ring_end_consume(struct pp_ring *ring, const struct pp_wake *wake)
{
	bool pass_on = wake->slept && pp_ring_readable(ring);

	mutex_unlock(&ring->lock);
	if (wake->before)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	if (pass_on)
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&ring->fasync_writers, SIGIO, POLL_OUT);
}

/**
 * pp_ring_end_produce() - Unlock after putting bytes in, and wake who waits.
 * @ring: the pipe, locked
 * @wake: from pp_ring_wait_room()
 */
void pp_ring_end_produce(struct pp_ring *ring, const struct pp_wake *wake)
{
	bool pass_on = wake->slept && pp_ring_writable(ring);

	mutex_unlock(&ring->lock);
	if (wake->before || READ_ONCE(ring->polled))
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	if (pass_on)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
}

/**
 * pp_ring_push() - Put a slot in.
 * @ring: the pipe, locked, with room for pp_slot_pages() of @slot
 * @slot: the slot, which is copied; the ring owns the folio afterwards
 */
void pp_ring_push(struct pp_ring *ring, const struct pp_slot *slot)
{
	lockdep_assert_held(&ring->lock);
	pp_assert_private(slot);

	ring->slots[ring->head & (ring->capacity - 1)] = *slot;
	WRITE_ONCE(ring->used, ring->used + pp_slot_pages(slot));
	WRITE_ONCE(ring->held, ring->held + folio_nr_pages(slot->folio));
	WRITE_ONCE(ring->head, ring->head + 1);
}

/* The slot at the tail leaves the ring; its folio is the caller's. */
static void pp_ring_drop(struct pp_ring *ring, const struct pp_slot *slot)
{
	pp_assert_private(slot);
	WRITE_ONCE(ring->used, ring->used - pp_slot_pages(slot));
	WRITE_ONCE(ring->held, ring->held - folio_nr_pages(slot->folio));
	WRITE_ONCE(ring->tail, ring->tail + 1);
}

/**
 * pp_ring_pop() - Take the slot at the tail out.
 * @ring: the pipe, locked (or about to be destroyed) and not empty
 *
 * Return: the slot; the caller owns the folio.
 */
struct pp_slot pp_ring_pop(struct pp_ring *ring)
{
	struct pp_slot *slot = pp_ring_tail(ring);

	pp_ring_drop(ring, slot);
	return *slot;
}

/**
 * pp_ring_consume() - Forget bytes at the tail.
 * @ring: the pipe, locked
 * @len: how many, at most what is there
 * @flags: PP_SLOT_SHARED when a socket now holds them
 */
void pp_ring_consume(struct pp_ring *ring, size_t len, unsigned int flags)
{
	while (len) {
		struct pp_slot *slot = pp_ring_tail(ring);
		unsigned int pages = pp_slot_pages(slot);
		struct folio *folio = slot->folio;

		if (flags)
			slot->flags |= flags;
		if (len < slot->len) {
			slot->offset += len;
			slot->len -= len;
			WRITE_ONCE(ring->used,
				   ring->used - pages + pp_slot_pages(slot));
			return;
		}
		len -= slot->len;
		pp_ring_drop(ring, slot);
		if (slot->flags & PP_SLOT_FOREIGN)
			folio_put(folio);
		else
			pp_folio_free(folio);
	}
}

/**
 * pp_ring_head_open() - Whether a write may add to the last page.
 * @ring: the pipe, locked and not empty
 *
 * Nothing is added to a page that a socket refers to.  If it has the beginning of
 * the last page, then the rest moves to a page of its own, so that a
 * write finds as much room as in a stock pipe.
 *
 * Return: false if the write must begin a new page.
 */
bool pp_ring_head_open(struct pp_ring *ring)
{
	struct pp_slot *slot = &ring->slots[(ring->head - 1) & (ring->capacity - 1)];
	size_t offset = offset_in_page(slot->offset);
	struct folio *folio;

	/* What is being sent may be referred to already. */
	if (!(slot->flags & PP_SLOT_MERGE) ||
	    ring->head - ring->tail <= ring->draining)
		return false;
	/* Of more than one page the last one was not sent yet. */
	if (!(slot->flags & PP_SLOT_SHARED) || pp_slot_pages(slot) > 1)
		return true;

	folio = pp_folio_alloc(1);
	if (!folio)
		return false;
	pp_copy_folio(folio, offset, slot->folio, slot->offset, slot->len);
	WRITE_ONCE(ring->held, ring->held + 1 - folio_nr_pages(slot->folio));
	pp_folio_free(slot->folio);
	slot->folio = folio;
	slot->offset = offset;
	slot->flags &= ~PP_SLOT_SHARED;
	return true;
}

/**
 * pp_ring_reserve() - Promise room to a caller who has to read a file first.
 * @ring: the pipe, not locked
 * @pages: how much is wanted; 0 only waits until there is room
 * @nonblock: don't wait
 *
 * The pipe stays usable meanwhile.  pp_ring_publish() uses up the promise and
 * pp_ring_unreserve() gives back what is left.
 *
 * Return: pages, at least 1 and at most @pages, or 0 if that is 0; or what
 * pp_ring_wait_room() returns.
 */
int pp_ring_reserve(struct pp_ring *ring, unsigned int pages, bool nonblock)
{
	struct pp_wake wake = {};
	bool pass_on;
	int ret;

	mutex_lock(&ring->lock);
	ret = pp_ring_wait_room(ring, nonblock, &wake);
	if (!ret) {
		ret = min(pages, pp_ring_room(ring));
		WRITE_ONCE(ring->reserved, ring->reserved + ret);
	}
	pass_on = wake.slept && pp_ring_writable(ring);
	mutex_unlock(&ring->lock);
	if (pass_on)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
	return ret;
}

/**
 * pp_ring_unreserve() - Give back promised room.
 * @ring: the pipe, not locked
 * @pages: how much
 */
void pp_ring_unreserve(struct pp_ring *ring, unsigned int pages)
{
	bool was_full;

	if (!pages)
		return;
	mutex_lock(&ring->lock);
	was_full = !pp_ring_room(ring);
	WRITE_ONCE(ring->reserved, ring->reserved - pages);
	mutex_unlock(&ring->lock);
	if (was_full)
		pp_wake_one(&ring->wr_wait, EPOLLOUT | EPOLLWRNORM);
}

/**
 * pp_ring_fits() - Whether a folio may enter as it is.
 * @ring: the pipe, locked
 * @slot: the slot
 *
 * A folio can be larger than its bytes need.  Being so by one large folio in
 * all saves copies; beyond that a pipe would hold more memory than its capacity
 * admits to.
 *
 * Return: false when the bytes should be copied to smaller folios instead.
 */
bool pp_ring_fits(const struct pp_ring *ring, const struct pp_slot *slot)
{
	unsigned int has = folio_nr_pages(slot->folio);
	unsigned int needs = pp_slot_pages(slot);

	return has == needs ||
	       ring->held + has - ring->used - needs <= pp_folio_max_pages();
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
			break;	/* rather too much memory than lost bytes */
		piece.len = min_t(size_t, slot.len,
				  folio_size(piece.folio) - piece.offset);
		pp_copy_folio(piece.folio, piece.offset, slot.folio, slot.offset,
			      piece.len);
		pp_ring_push(ring, &piece);
		slot.offset += piece.len;
		slot.len -= piece.len;
		if (!slot.len) {
			pp_folio_free(slot.folio);
			return;
		}
	}
	pp_ring_push(ring, &slot);
}

/* Says so when a caller needs more pages than were reserved for it: a bug. */
VISIBLE_IF_KUNIT
bool pp_ring_promised(unsigned int pages, unsigned int room)
{
	KUNIT_STATIC_STUB_REDIRECT(pp_ring_promised, pages, room);

	return !WARN_ON_ONCE(pages > room);
}

/**
 * pp_ring_publish() - Put a filled stage in, into reserved room.
 * @ring: the pipe, not locked
 * @stage: the stage; emptied
 * @room: how many pages are reserved for the caller; those that the stage used
 *	are subtracted
 *
 * Slots that the room does not suffice for are dropped: lost bytes are better
 * than a slot in the place of another one.
 */
void pp_ring_publish(struct pp_ring *ring, struct pp_stage *stage,
		     unsigned int *room)
{
	struct pp_wake wake = {};
	size_t entered = 0;
	unsigned int i;

	if (!stage->nr)
		return;

	mutex_lock(&ring->lock);
	wake.before = pp_ring_empty(ring);
	for (i = 0; i < stage->nr; i++) {
		struct pp_slot *slot = &stage->slots[i];
		unsigned int n = pp_slot_pages(slot);

		if (!pp_ring_promised(n, *room))
			break;
		*room -= n;
		WRITE_ONCE(ring->reserved, ring->reserved - n);
		entered += slot->len;
		if (slot->flags & PP_SLOT_FOREIGN) {
			ring->taken += slot->len;
			pp_ring_push(ring, slot);
		} else {
			ring->copied += slot->len;
			pp_ring_push_fitting(ring, *slot);
		}
	}
	pp_stage_cut(stage, entered);
	stage->nr = 0;
	pp_ring_end_produce(ring, &wake);
}

/**
 * pp_ring_drain_begin() - Get the bytes at the tail for writing them elsewhere.
 * @ring: the pipe, not locked
 * @nonblock: don't wait
 * @len: how many bytes at the most, not 0
 * @drain: filled in
 *
 * The bytes stay in the pipe and other consumers wait until
 * pp_ring_drain_end(); producers go on.
 *
 * Return: 1 when there is something, else what pp_ring_wait_data() returns.
 */
int pp_ring_drain_begin(struct pp_ring *ring, bool nonblock, size_t len,
			struct pp_drain *drain)
{
	struct pp_wake wake = {};
	unsigned int i;
	bool pass_on;
	int ret;

	drain->nr = 0;
	drain->bytes = 0;

	mutex_lock(&ring->lock);
	ret = pp_ring_wait_data(ring, nonblock, &wake);
	if (ret > 0) {
		for (i = ring->tail; i != ring->head && drain->bytes < len &&
		     drain->nr < PP_DRAIN_SLOTS; i++) {
			struct pp_slot *slot = &ring->slots[i & (ring->capacity - 1)];
			size_t n = min_t(size_t, slot->len, len - drain->bytes);

			bvec_set_folio(&drain->bvec[drain->nr++], slot->folio, n,
				       slot->offset);
			drain->bytes += n;
		}
		drain->more = i != ring->head;
		WRITE_ONCE(ring->draining, drain->nr);
	}
	/* On success the next reader is woken when this ends. */
	pass_on = wake.slept && pp_ring_readable(ring);
	mutex_unlock(&ring->lock);
	if (pass_on)
		pp_wake_one(&ring->rd_wait, EPOLLIN | EPOLLRDNORM);
	return ret;
}

/*
 * A target can keep references to what it was given, also when it took less or failed:
 * a socket until it has sent, FUSE until its server lets go.  Of a slot that it accepted
 * in part it has that part, and pp_ring_head_open() knows what to do; of one that it did
 * not accept it may have any byte, so nothing is added to that.
 */
static void pp_ring_mark_shared(struct pp_ring *ring, size_t accepted)
{
	unsigned int i;

	for (i = ring->tail; i != ring->tail + ring->draining; i++) {
		struct pp_slot *slot = &ring->slots[i & (ring->capacity - 1)];

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
 * @flags: PP_SLOT_SHARED when the target refers to the folios now
 */
void pp_ring_drain_end(struct pp_ring *ring, size_t len, unsigned int flags)
{
	struct pp_wake wake = {};

	mutex_lock(&ring->lock);
	wake.before = len && !pp_ring_room(ring);
	pp_ring_mark_shared(ring, len);
	pp_ring_consume(ring, len, flags);
	WRITE_ONCE(ring->draining, 0);
	/* The last close meanwhile was hidden, also from those who ask for it alone. */
	if (!ring->writers)
		wake_up_interruptible_all(&ring->rd_wait);
	/* Readers that were told of bytes and kept from them may read now. */
	if (pp_ring_readable(ring))
		kill_fasync(&ring->fasync_readers, SIGIO, POLL_IN);
	wake.slept = true;
	pp_ring_end_consume(ring, &wake);
}
