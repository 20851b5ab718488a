// SPDX-License-Identifier: GPL-2.0
/*
 * Stock pipes: splicing them to and from private ones; and scratch pipes, which are stock
 * pipes that no process can see.
 */
#include <kunit/visibility.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>

#include <linux/privpipe.h>

#include "compat/pipe.h"
#include "fs.h"
#include "policy.h"
#include "ring.h"
#include "stats.h"
#include "stock.h"
#include "take.h"

/* A scratch pipe holds a large folio of 2 MiB as 512 buffers. */
#define PP_SCRATCH_PAGES	BIT(PP_MAX_ORDER)

/**
 * pp_scratch_alloc() - Make a pipe that only the caller can see.
 * @pages: how many slots the caller can use
 *
 * Return: the pipe, which needs no lock, or NULL.
 */
struct pipe_inode_info *pp_scratch_alloc(unsigned int pages)
{
	struct pipe_inode_info *scratch;
	unsigned int slots;

	slots = roundup_pow_of_two(min(pages, PP_SCRATCH_PAGES));
	scratch = kvzalloc(sizeof(*scratch) + slots * sizeof(*scratch->bufs),
			   GFP_KERNEL);
	if (!scratch)
		return NULL;
	mutex_init(&scratch->mutex);
	init_waitqueue_head(&scratch->rd_wait);
	init_waitqueue_head(&scratch->wr_wait);
	scratch->bufs = (struct pipe_buffer *)(scratch + 1);
	scratch->ring_size = slots;
	scratch->max_usage = slots;
	scratch->readers = 1;
	return scratch;
}

/**
 * pp_scratch_drop() - Release the buffers that are left in a scratch pipe.
 * @scratch: the pipe; a buffer whose page was taken has no ops
 */
void pp_scratch_drop(struct pipe_inode_info *scratch)
{
	for (; scratch->tail != scratch->head; scratch->tail++) {
		struct pipe_buffer *buf = pp_stock_buf(scratch, scratch->tail);

		if (buf->ops)
			pipe_buf_release(scratch, buf);
	}
	/* Begin anew, before these wrap: on 32-bit kernels they can be shorts. */
	scratch->head = 0;
	scratch->tail = 0;
}

/**
 * pp_scratch_copy() - Fill a slot from a scratch pipe.
 * @scratch: the pipe, which has at least as many bytes
 * @i: index of the buffer to begin with, advanced
 * @skip: how many bytes of that buffer were copied before, advanced
 * @slot: the slot, whose length says how much to copy
 */
void pp_scratch_copy(struct pipe_inode_info *scratch, unsigned int *i, size_t *skip,
		     const struct pp_slot *slot)
{
	size_t n, at;

	for (at = 0; at < slot->len; at += n) {
		struct pipe_buffer *buf = pp_stock_buf(scratch, *i);
		struct folio *folio = page_folio(buf->page);

		n = min_t(size_t, slot->len - at, buf->len - *skip);
		pp_copy_folio(slot->folio, slot->offset + at, folio,
			      folio_page_idx(folio, buf->page) * PAGE_SIZE +
			      buf->offset + *skip, n);
		*skip += n;
		if (*skip == buf->len) {
			(*i)++;
			*skip = 0;
		}
	}
}

/**
 * pp_scratch_free() - Free a scratch pipe with everything in it.
 * @scratch: the pipe, or NULL
 */
void pp_scratch_free(struct pipe_inode_info *scratch)
{
	if (!scratch)
		return;
	pp_scratch_drop(scratch);
	kvfree(scratch);
}

/**
 * pp_stock_pipe() - The stock pipe or FIFO that a file is.
 * @file: any file
 *
 * Return: the pipe, alive as long as @file is, or NULL.  A notification pipe
 * can't be spliced and counts as none.
 */
struct pipe_inode_info *pp_stock_pipe(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct pipe_inode_info *pipe;

	if (!S_ISFIFO(inode->i_mode) || pp_ring_of(file))
		return NULL;
	pipe = inode->i_pipe;
	if (!pipe || pipe != file->private_data || pipe_has_watch_queue(pipe))
		return NULL;
	return pipe;
}

/**
 * pp_stock_wait_room() - Wait for a free slot in a stock pipe.
 * @pipe: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 *
 * Return: 0, -EPIPE (SIGPIPE was sent), -EAGAIN or -ERESTARTSYS.
 */
int pp_stock_wait_room(struct pipe_inode_info *pipe, bool nonblock)
{
	for (;;) {
		if (!pipe->readers) {
			send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (!pipe_full(pipe->head, pipe->tail, pipe->max_usage))
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (signal_pending(current))
			return -ERESTARTSYS;
		pipe_unlock(pipe);
		wait_event_interruptible(pipe->wr_wait, pp_stock_writable(pipe));
		pipe_lock(pipe);
	}
}

/**
 * pp_stock_wake_readers() - Wake the readers of a stock pipe that was filled.
 * @pipe: the pipe, not locked
 */
void pp_stock_wake_readers(struct pipe_inode_info *pipe)
{
	wake_up_interruptible_poll(&pipe->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&pipe->fasync_readers, SIGIO, POLL_IN);
}

/* Put the pages of a slot, which has left its ring, into a stock pipe. */
static void pp_stock_add(struct pipe_inode_info *pipe, struct pp_slot slot)
{
	/* The slot already has one reference. */
	folio_ref_add(slot.folio, pp_slot_pages(&slot) - 1);
	while (slot.len) {
		struct pipe_buffer buf = {
			.page = folio_page(slot.folio, slot.offset / PAGE_SIZE),
			.offset = offset_in_page(slot.offset),
			/* The operations must outlive this module. */
			.ops = &nosteal_pipe_buf_ops,
			.flags = slot.flags & PP_SLOT_PACKET ?
				 PIPE_BUF_FLAG_PACKET : 0,
		};

		buf.len = min_t(size_t, slot.len, PAGE_SIZE - buf.offset);
		add_to_pipe(pipe, &buf);
		slot.offset += buf.len;
		slot.len -= buf.len;
	}
}

/**
 * pp_stock_push() - Put the beginning of a stage into a stock pipe.
 * @pipe: the pipe, locked, with a reader
 * @stage: the stage, which keeps its folios; as much goes in as there is room for
 *
 * Return: bytes.
 */
size_t pp_stock_push(struct pipe_inode_info *pipe, const struct pp_stage *stage)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < stage->nr; i++) {
		size_t room = pp_stock_room(pipe);
		struct pp_slot part = stage->slots[i];

		if (!room)
			break;
		part.len = min_t(size_t, part.len,
				 room * PAGE_SIZE - offset_in_page(part.offset));
		folio_get(part.folio);
		pp_stock_add(pipe, part);
		done += part.len;
	}
	return done;
}

/* Fill a stock pipe that has room and a reader; both are locked. */
static ssize_t pp_stock_fill(struct pipe_inode_info *pipe, struct pp_ring *ring,
			     size_t len)
{
	ssize_t done = 0;

	while (len && !pp_ring_empty(ring)) {
		unsigned int room = pp_stock_room(pipe);
		struct pp_slot *slot = pp_ring_tail(ring);
		struct pp_slot part = {};
		size_t n = slot->len;

		if (!room)
			break;
		/* The other pipe counts slots, so do not give it a large folio for a few bytes. */
		if (n <= len && pp_slot_pages(slot) <= room &&
		    folio_nr_pages(slot->folio) <= 2 * pp_slot_pages(slot)) {
			pp_stock_add(pipe, pp_ring_pop(ring));
			pp_count(PP_stock_handed, n);
		} else {
			/* A folio that is in two places is not private. */
			part.offset = offset_in_page(slot->offset);
			part.len = min3(n, len, PAGE_SIZE - part.offset);
			part.flags = slot->flags;
			n = part.len;
			part.folio = pp_folio_alloc(1);
			if (!part.folio)
				return done ?: -ENOMEM;
			pp_copy_folio(part.folio, part.offset, slot->folio, slot->offset, n);
			pp_ring_consume(ring, n);
			pp_stock_add(pipe, part);
			pp_count(PP_stock_handed_copied, n);
		}
		done += n;
		len -= n;
	}
	return done;
}

/**
 * pp_splice_read() - ->splice_read of a private pipe: into a stock one.
 * @in: an end of the private pipe
 * @pos: not used
 * @pipe: the stock pipe, locked; the lock is dropped while waiting, so that
 *	nobody is locked out of @pipe by a private pipe that stays empty
 * @len: how many bytes at the most
 * @flags: SPLICE_F_*
 *
 * Return: bytes, 0 when @in is empty and has no writer, or an error.
 */
ssize_t pp_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
		       size_t len, unsigned int flags)
{
	struct pp_ring *ring = in->private_data;
	bool nonblock = flags & SPLICE_F_NONBLOCK || in->f_flags & O_NONBLOCK;
	ssize_t ret;

	do {
		struct pp_visit visit;

		ret = pp_stock_wait_room(pipe, nonblock);
		if (ret)
			return ret;
		pp_ring_lock(ring, &visit);
		ret = pp_ring_wait_data(ring, true, &visit);
		if (ret > 0)
			ret = pp_stock_fill(pipe, ring, len);
		pp_ring_end_consume(ring, &visit);
		if (ret != -EAGAIN || nonblock)
			return ret;

		pipe_unlock(pipe);
		pp_ring_lock(ring, &visit);
		ret = pp_ring_wait_data(ring, false, &visit);
		pp_ring_end_consume(ring, &visit);
		pipe_lock(pipe);
	} while (ret >= 0);
	return ret;
}

/*
 * Take the page at the tail of a stock pipe, which is locked and still must release
 * the buffer.  A page that came from a file is taken by policy, since that evicts it.
 * Any other page is the pipe's alone, or it is refused, and so is one that this task's
 * cgroup does not pay for.  A page that was charged as a pipe's buffer is copied:
 * taking it would end the charge.  May sleep, so the private pipe must not be locked.
 * Returns the folio with a reference, or NULL.
 */
VISIBLE_IF_KUNIT
struct folio *pp_take_stock(struct pipe_inode_info *pipe,
			    struct pipe_buffer *buf, unsigned int flags)
{
	struct folio *folio = page_folio(buf->page);
	unsigned int policy = pp_policy_resolve(PRIVPIPE_POLICY_DEFAULT, flags);

	if (buf->offset || buf->len != PAGE_SIZE || folio_test_large(folio) ||
	    PageMemcgKmem(buf->page) || !pp_pays_for(folio))
		return NULL;
	/* The storage of a file on DAX, which has no reference for that. */
	if (folio_is_zone_device(folio))
		return NULL;
	/* The module's "never" holds even for SPLICE_F_MOVE, and for pages of no file. */
	if (pp_policy_resolve(PRIVPIPE_POLICY_DEFAULT, SPLICE_F_MOVE) == PRIVPIPE_POLICY_NEVER)
		return NULL;
	if (folio->mapping &&
	    (policy != PRIVPIPE_POLICY_ALWAYS || folio_test_anon(folio) ||
	     folio_test_dirty(folio) || folio_test_writeback(folio) ||
	     folio_test_locked(folio) || folio_mapped(folio)))
		return NULL;
	if (!pipe_buf_try_steal(pipe, buf))
		return NULL;
	folio_get(folio);
	folio_unlock(folio);
	return folio;
}

/* Move one buffer of a stock pipe, which is locked. */
static int pp_stock_actor(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
			  struct splice_desc *sd)
{
	struct pp_ring *ring = sd->u.data;
	struct pp_stage stage;
	struct pp_slot *slot = &stage.slots[0];
	int ret;

	/* A write that failed leaves an empty buffer in a stock pipe. */
	if (!sd->len)
		return 0;
	ret = pp_ring_reserve(ring, &stage, 1, true);
	if (ret)
		return ret;
	/* Waiting for room takes as long as it takes: look again, as the caller did. */
	ret = pipe_buf_confirm(pipe, buf);
	if (ret) {
		pp_ring_unreserve(&stage);
		return ret == -ENODATA ? 0 : ret;
	}

	stage.nr = 1;
	slot->folio = NULL;
	slot->offset = offset_in_page(buf->offset);
	slot->len = min_t(size_t, sd->len, PAGE_SIZE - slot->offset);
	slot->flags = buf->flags & PIPE_BUF_FLAG_PACKET ? PP_SLOT_PACKET : 0;
	if (sd->len == buf->len)
		slot->folio = pp_take_stock(pipe, buf, sd->flags);
	if (slot->folio) {
		slot->flags |= PP_SLOT_FOREIGN;
		pp_count(PP_stock_taken, slot->len);
		pp_count(PP_stock_taken_pages, 1);
	} else {
		slot->folio = pp_folio_alloc(1);
		if (!slot->folio) {
			pp_ring_unreserve(&stage);
			return -ENOMEM;
		}
		memcpy_page(folio_page(slot->folio, 0), slot->offset,
			    buf->page + buf->offset / PAGE_SIZE,
			    slot->offset, slot->len);
		pp_count(PP_stock_copied, slot->len);
	}
	ret = slot->len;
	pp_ring_publish(&stage);
	return ret;
}

/**
 * pp_splice_write() - ->splice_write of a private pipe: from a stock one.
 * @pipe: the stock pipe, not locked
 * @out: an end of the private pipe
 * @pos: not used
 * @len: how many bytes at the most
 * @flags: SPLICE_F_*
 *
 * Return: bytes, 0 when @pipe is empty and has no writer, or an error.
 */
ssize_t pp_splice_write(struct pipe_inode_info *pipe, struct file *out,
			loff_t *pos, size_t len, unsigned int flags)
{
	struct pp_ring *ring = out->private_data;
	bool nonblock = flags & SPLICE_F_NONBLOCK || out->f_flags & O_NONBLOCK;
	struct splice_desc sd = {
		.total_len = len,
		.flags = flags | (nonblock ? SPLICE_F_NONBLOCK : 0),
		.u.data = ring,
	};
	ssize_t ret;

	do {
		/* Wait for room first, and for data only if there is room. */
		ret = pp_ring_reserve(ring, NULL, 0, nonblock);
		if (ret)
			return ret;

		pipe_lock(pipe);
		ret = __splice_from_pipe(pipe, &sd, pp_stock_actor);
		pipe_unlock(pipe);
		/* Somebody else may have used the room. */
	} while (ret == -EAGAIN && !nonblock);
	return ret;
}
