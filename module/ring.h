/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pipe: what it contains, how much fits, and how tasks share it.
 *
 * A slot is a range of bytes in a folio, and holds the only reference to the folio; the
 * flags in page.h say when there may be others.  Head and tail count slots for ever.
 * The pipe contains the slots from the tail to the one before the head.
 *
 * Capacity counts pages, neither slots nor bytes, by the rule of stock pipes: a page
 * counts until its last byte was read.  A slot counts for the pages that its bytes
 * touch, at least one, so there are never more slots than pages.
 *
 *	capacity = used by slots + reserved for producers + room
 *
 * A folio can be larger than the pages that its slot counts for.  The pipe knows the
 * memory of its folios as "held", and pp_ring_fits() limits the excess.
 *
 * The lock is held over copies from and to user memory, as in fs/pipe.c, but never
 * while another file is read or written.  Instead,
 *
 * - a producer reserves room, reads into a stage, and publishes the stage:
 *
 *	pp_ring_reserve()	lock, wait for room, promise pages, unlock
 *	...			read into folios that nobody else knows
 *	pp_ring_publish()	lock, put the slots in, unlock, wake
 *	pp_ring_unreserve()	give back what is left of the promise
 *
 *   Meanwhile others read and write as they like; reserved pages are no room for them.
 *
 * - a consumer drains the slots at the tail:
 *
 *	pp_ring_drain_begin()	lock, wait for bytes, mark the slots, unlock
 *	...			write their bytes to the target
 *	pp_ring_drain_end()	lock, take out what the target accepted, unlock, wake
 *
 *   The bytes stay in the pipe, so that none is lost if the target takes fewer.  Other
 *   consumers wait as if the pipe were empty.  Producers go on, since they only append;
 *   pp_head_open() keeps them from adding to a page that is being written.
 *
 * What one task does under the lock begins with pp_ring_lock() and ends with
 * pp_ring_end_consume() or pp_ring_end_produce(), which wake one task of those that
 * wait for the change.  That task passes the wakeup on when it leaves something for the
 * next one.
 *
 * Locks nest in this order: the mutex of a stock pipe, a ring (two rings by address,
 * see pp_lock_two()), mmap_lock, an arena, a pool.
 *
 * poll() and tasks that wait look without the lock, at one member for each condition: of
 * two they might see one from before a change and one from after it, and wait for what
 * has happened.  @used tells whether there are bytes, and pp_ring_unlock() stores @room.
 */
#ifndef PRIVPIPE_RING_H
#define PRIVPIPE_RING_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "page.h"

/**
 * struct pp_ring - a private pipe
 * @lock: protects everything here, see above
 * @rd_wait: where consumers wait for bytes
 * @wr_wait: where producers wait for room
 * @head: slots ever filled
 * @tail: slots ever emptied
 * @capacity: in pages, a power of two; also the length of @slots
 * @used: pages that the slots count for, see pp_slot_pages()
 * @reserved: pages promised to producers that are reading a file
 * @room: pp_ring_room() when the lock was last released
 * @held: pages of all folios in the ring, which @spare is not
 * @spare: a page that was written and read, for the next write, or NULL
 * @readers: open files with FMODE_READ
 * @writers: open files with FMODE_WRITE
 * @draining: slots at the tail that a consumer is writing to a file, or 0
 * @polled: poll() was called once, so wake on every write as pipes do for epoll
 * @slots: the ring
 * @fasync_readers: files whose owners want SIGIO when there are bytes
 * @fasync_writers: files whose owners want SIGIO when there is room
 * @user: whose limit @capacity counts against
 * @taken: bytes that have entered in pages taken or gifted
 * @copied: bytes that have entered by copying
 * @moved: bytes that have entered in folios of other private pipes
 */
struct pp_ring {
	struct mutex lock;	/* see above */
	wait_queue_head_t rd_wait;
	wait_queue_head_t wr_wait;
	unsigned int head;
	unsigned int tail;
	unsigned int capacity;
	unsigned int used;
	unsigned int reserved;
	unsigned int room;
	unsigned int held;
	unsigned int readers;
	unsigned int writers;
	unsigned int draining;
	bool polled;
	struct folio *spare;
	struct pp_slot *slots;
	struct fasync_struct *fasync_readers;
	struct fasync_struct *fasync_writers;
	struct user_struct *user;
	u64 taken;
	u64 copied;
	u64 moved;
};

/**
 * struct pp_visit - a ring as it was when a task locked it
 * @empty: nothing was in it
 * @full: it had no room
 * @slept: another task had woken this one, which must pass that on if it can
 * @no_signal: the task wants no SIGPIPE; zeroed or set before the lock
 *
 * pp_ring_end_consume() and pp_ring_end_produce() compare, and wake those who wait
 * for what has changed.
 */
struct pp_visit {
	bool empty;
	bool full;
	bool slept;
	bool no_signal;
};

static inline bool pp_ring_empty(const struct pp_ring *ring)
{
	return !READ_ONCE(ring->used);
}

/**
 * pp_ring_room() - How many pages can be put in.
 * @ring: the pipe, locked; others look at @room
 *
 * Return: pages.
 */
static inline unsigned int pp_ring_room(const struct pp_ring *ring)
{
	return ring->capacity - ring->used - ring->reserved;
}

static inline bool pp_ring_readable(const struct pp_ring *ring)
{
	return !READ_ONCE(ring->draining) &&
	       (!pp_ring_empty(ring) || !READ_ONCE(ring->writers));
}

/* As it was when the lock was last released. */
static inline bool pp_ring_writable(const struct pp_ring *ring)
{
	return READ_ONCE(ring->room) || !READ_ONCE(ring->readers);
}

/* The slot with the index @i, which counts from the first one ever filled. */
static inline struct pp_slot *pp_ring_slot(struct pp_ring *ring, unsigned int i)
{
	return &ring->slots[i & (ring->capacity - 1)];
}

/* The slot at the tail; the ring is locked and not empty. */
static inline struct pp_slot *pp_ring_tail(struct pp_ring *ring)
{
	return pp_ring_slot(ring, ring->tail);
}

/**
 * pp_ring_look() - Note whether a pipe is empty or full.
 * @ring: the pipe, locked just now
 * @visit: where to
 */
static inline void pp_ring_look(const struct pp_ring *ring, struct pp_visit *visit)
{
	visit->empty = pp_ring_empty(ring);
	visit->full = !pp_ring_room(ring);
}

/**
 * pp_ring_lock() - Lock a pipe.
 * @ring: the pipe
 * @visit: set up for pp_ring_end_consume() or pp_ring_end_produce(), which unlock
 */
static inline void pp_ring_lock(struct pp_ring *ring, struct pp_visit *visit)
{
	mutex_lock(&ring->lock);
	pp_ring_look(ring, visit);
	visit->slept = false;
}

/**
 * pp_ring_unlock() - Unlock a pipe, and let others see how much room it has.
 * @ring: the pipe
 */
static inline void pp_ring_unlock(struct pp_ring *ring)
{
	WRITE_ONCE(ring->room, pp_ring_room(ring));
	mutex_unlock(&ring->lock);
}

struct pp_ring *pp_ring_create(unsigned int size);
void pp_ring_clear(struct pp_ring *ring);
void pp_ring_destroy(struct pp_ring *ring);
long pp_ring_resize(struct pp_ring *ring, unsigned int size);
size_t pp_ring_bytes(struct pp_ring *ring);

int pp_ring_wait_data(struct pp_ring *ring, bool nonblock, struct pp_visit *visit);
int pp_ring_wait_room(struct pp_ring *ring, bool nonblock, struct pp_visit *visit);
void pp_ring_end_consume(struct pp_ring *ring, const struct pp_visit *visit);
void pp_ring_end_produce(struct pp_ring *ring, const struct pp_visit *visit);
void pp_ring_wake_all(struct pp_ring *ring);

void pp_ring_push(struct pp_ring *ring, struct pp_slot slot);
void pp_ring_push_fitting(struct pp_ring *ring, struct pp_slot slot);
bool pp_ring_fits(const struct pp_ring *ring, const struct pp_slot *slot);
struct pp_slot pp_ring_pop(struct pp_ring *ring);
void pp_ring_consume(struct pp_ring *ring, size_t len);
struct folio *pp_ring_page(struct pp_ring *ring);

int pp_ring_reserve(struct pp_ring *ring, struct pp_stage *stage,
		    unsigned int pages, bool nonblock);
void pp_ring_publish(struct pp_stage *stage);
void pp_ring_unreserve(struct pp_stage *stage);

/* How many slots a transfer to a file or socket takes at a time. */
#define PP_DRAIN_SLOTS	16

/**
 * struct pp_drain - bytes at the tail that are being written elsewhere
 * @bytes: how many
 * @more: whether the pipe held more
 * @nr: how many elements of @bvec are in use
 * @bvec: where they are; the ring keeps the folios
 */
struct pp_drain {
	size_t bytes;
	bool more;
	unsigned int nr;
	struct bio_vec bvec[PP_DRAIN_SLOTS];
};

int pp_ring_drain_begin(struct pp_ring *ring, bool nonblock, size_t len,
			struct pp_drain *drain);
void pp_ring_drain_end(struct pp_ring *ring, size_t len);

#if IS_ENABLED(CONFIG_KUNIT)
bool pp_ring_promised(unsigned int pages, unsigned int room);
#endif

#endif /* PRIVPIPE_RING_H */
