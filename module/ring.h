/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_RING_H
#define PRIVPIPE_RING_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "page.h"

#define PP_DEF_PAGES	16	/* PIPE_DEF_BUFFERS */
#define PP_MIN_DEF_PAGES 2	/* PIPE_MIN_DEF_BUFFERS of fs/pipe.c */

/**
 * struct pp_ring - a private pipe
 * @lock: protects everything here.  Held over
 *	copies from and to user space, never while another file is read or
 *	written: see @reserved and @draining.  Nests inside the mutex of an
 *	stock pipe; two rings are locked in the order of their addresses.
 * @rd_wait: where consumers wait for bytes
 * @wr_wait: where producers wait for room
 * @head: slots ever filled
 * @tail: slots ever emptied
 * @capacity: in pages, a power of two; also the length of @slots
 * @used: pages that the slots count for, see pp_slot_pages()
 * @reserved: pages promised to producers that read a file meanwhile
 * @held: pages of all folios in the ring
 * @readers: open files with FMODE_READ
 * @writers: open files with FMODE_WRITE
 * @draining: slots at the tail that a consumer is writing to a file, or 0
 * @polled: poll() was called once, so wake on every write as pipes do for epoll
 * @slots: the ring
 * @fasync_readers: who wants SIGIO when bytes come
 * @fasync_writers: who wants SIGIO when room comes
 * @user: whose limit @capacity counts against
 * @taken: bytes that ever entered in pages taken or gifted
 * @copied: bytes that ever entered by copying
 * @moved: bytes that ever entered in folios of other private pipes
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
	unsigned int held;
	unsigned int readers;
	unsigned int writers;
	unsigned int draining;
	bool polled;
	struct pp_slot *slots;
	struct fasync_struct *fasync_readers;
	struct fasync_struct *fasync_writers;
	struct user_struct *user;
	u64 taken;
	u64 copied;
	u64 moved;
};

/**
 * struct pp_wake - what an operation on a ring has to tell the others
 * @before: the pipe was empty (for a producer) or full (for a consumer)
 * @slept: the operation was woken, and may have to pass that on
 * @no_signal: the caller wants no SIGPIPE
 */
struct pp_wake {
	bool before;
	bool slept;
	bool no_signal;
};

static inline bool pp_ring_empty(const struct pp_ring *ring)
{
	return READ_ONCE(ring->head) == READ_ONCE(ring->tail);
}

/**
 * pp_ring_room() - How much can be put in.
 * @ring: the pipe; not locked means that the answer can be stale
 *
 * Return: pages.
 */
static inline unsigned int pp_ring_room(const struct pp_ring *ring)
{
	return READ_ONCE(ring->capacity) - READ_ONCE(ring->used) -
	       READ_ONCE(ring->reserved);
}

static inline bool pp_ring_readable(const struct pp_ring *ring)
{
	return !READ_ONCE(ring->draining) &&
	       (!pp_ring_empty(ring) || !READ_ONCE(ring->writers));
}

static inline bool pp_ring_writable(const struct pp_ring *ring)
{
	return pp_ring_room(ring) || !READ_ONCE(ring->readers);
}

/* The slot at the tail; the ring is locked and not empty. */
static inline struct pp_slot *pp_ring_tail(struct pp_ring *ring)
{
	return &ring->slots[ring->tail & (ring->capacity - 1)];
}

struct pp_ring *pp_ring_create(unsigned int capacity);
void pp_ring_clear(struct pp_ring *ring);
void pp_ring_destroy(struct pp_ring *ring);
long pp_ring_resize(struct pp_ring *ring, unsigned int size);
size_t pp_ring_bytes(struct pp_ring *ring);
void pp_ring_lock_two(struct pp_ring *a, struct pp_ring *b);
void pp_ring_unlock_two(struct pp_ring *a, struct pp_ring *b);

int pp_ring_wait_data(struct pp_ring *ring, bool nonblock, struct pp_wake *wake);
int pp_ring_wait_room(struct pp_ring *ring, bool nonblock, struct pp_wake *wake);
void pp_ring_end_consume(struct pp_ring *ring, const struct pp_wake *wake);
void pp_ring_end_produce(struct pp_ring *ring, const struct pp_wake *wake);
void pp_ring_wake_readers(struct pp_ring *ring);
void pp_ring_wake_all(struct pp_ring *ring);

void pp_ring_push(struct pp_ring *ring, const struct pp_slot *slot);
void pp_ring_push_fitting(struct pp_ring *ring, struct pp_slot slot);
bool pp_ring_fits(const struct pp_ring *ring, const struct pp_slot *slot);
struct pp_slot pp_ring_pop(struct pp_ring *ring);
void pp_ring_consume(struct pp_ring *ring, size_t len, unsigned int flags);

bool pp_ring_head_open(struct pp_ring *ring);

int pp_ring_reserve(struct pp_ring *ring, unsigned int pages, bool nonblock);
void pp_ring_publish(struct pp_ring *ring, struct pp_stage *stage,
		     unsigned int *room);
void pp_ring_unreserve(struct pp_ring *ring, unsigned int pages);

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
void pp_ring_drain_end(struct pp_ring *ring, size_t len, unsigned int flags);

int pp_user_charge(struct user_struct *user, unsigned long pages);
void pp_user_uncharge(struct user_struct *user, unsigned long pages);

#if IS_ENABLED(CONFIG_KUNIT)
bool pp_ring_promised(unsigned int pages, unsigned int room);
#endif

#endif /* PRIVPIPE_RING_H */
