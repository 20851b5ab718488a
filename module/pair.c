// SPDX-License-Identifier: GPL-2.0
/*
 * Two private pipes: splice moves from one to the other, tee copies.
 */
#include <kunit/visibility.h>
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/splice.h>

#include "command.h"
#include "fs.h"
#include "pair.h"
#include "ring.h"
#include "stats.h"

/**
 * pp_lock_two() - Lock two pipes without a deadlock.
 * @a: a pipe
 * @b: another one
 *
 * The one with the lower address is locked first.
 */
VISIBLE_IF_KUNIT
void pp_lock_two(struct pp_ring *a, struct pp_ring *b)
{
	if (a > b)
		swap(a, b);
	mutex_lock(&a->lock);
	mutex_lock_nested(&b->lock, SINGLE_DEPTH_NESTING);
}

/*
 * Wait until one pipe has bytes and the other one has room; neither is locked.  That may
 * change at once, so callers lock the pipes and check again.
 * Returns 1, 0 when @in is empty and has no writer, or an error.
 */
static int pp_two_ready(struct pp_ring *in, struct pp_ring *out, bool nonblock)
{
	struct pp_visit visit;
	int data, room;

	pp_ring_lock(in, &visit);
	data = pp_ring_wait_data(in, nonblock, &visit);
	pp_ring_end_consume(in, &visit);
	if (data < 0)
		return data;

	/* A missing reader takes precedence, also over the end of the input. */
	room = pp_ring_reserve(out, NULL, 0, nonblock);
	return room ?: data;
}

/*
 * Copy the beginning of a slot to @out, which is locked and has room for a page.
 * The copy lies in its pages as the original does, so it needs as much room.
 * Returns bytes, fewer than asked for when room or memory is short, or -ENOMEM.
 */
static ssize_t pp_copy_slot(struct pp_ring *out, const struct pp_slot *slot,
			    size_t len, unsigned int flags)
{
	struct pp_slot copy = {
		.offset = offset_in_page(slot->offset),
		.flags = flags,
	};

	len = min3(len, (size_t)slot->len, pp_ring_room(out) * PAGE_SIZE - copy.offset);
	copy.folio = pp_folio_alloc(DIV_ROUND_UP(copy.offset + len, PAGE_SIZE));
	if (!copy.folio)
		return -ENOMEM;
	copy.len = min(len, folio_size(copy.folio) - copy.offset);
	pp_copy_folio(copy.folio, copy.offset, slot->folio, slot->offset, copy.len);
	pp_ring_push(out, copy);
	out->copied += copy.len;
	return copy.len;
}

/* Move the slots that can move as a whole, copy the rest; both pipes are locked. */
static ssize_t pp_move(struct pp_ring *in, struct pp_ring *out, size_t len)
{
	ssize_t done = 0;

	while (len && !pp_ring_empty(in) && pp_ring_room(out)) {
		struct pp_slot *slot = pp_ring_tail(in);
		ssize_t n = slot->len;

		if (n <= len && pp_slot_pages(slot) <= pp_ring_room(out) &&
		    !(slot->flags & PP_SLOT_SHARED) && pp_ring_fits(out, slot)) {
			pp_ring_push(out, pp_ring_pop(in));
			out->moved += n;
			pp_count(PP_moved, n);
		} else {
			unsigned int flags = PP_SLOT_PACKET;

			/* A copy of the whole slot can be added to, like the original. */
			if (n <= len)
				flags |= PP_SLOT_MERGE;
			n = pp_copy_slot(out, slot, len, slot->flags & flags);
			if (n < 0)
				return done ?: n;
			pp_ring_consume(in, n);
			pp_count(PP_moved_copied, n);
		}
		done += n;
		len -= n;
	}
	return done;
}

/*
 * Copy as far as there is room; both pipes are locked.  If they shared the pages, as after
 * the stock tee, neither pipe would own its pages.
 */
static ssize_t pp_tee_copy(struct pp_ring *in, struct pp_ring *out, size_t len)
{
	unsigned int i = in->tail;
	size_t skip = 0;
	ssize_t done = 0;

	while (len && i != in->head && pp_ring_room(out)) {
		struct pp_slot slot = *pp_ring_slot(in, i);
		ssize_t n;

		slot.offset += skip;
		slot.len -= skip;
		n = pp_copy_slot(out, &slot, len, slot.flags & PP_SLOT_PACKET);
		if (n < 0)
			return done ?: n;
		skip += n;
		if (n == slot.len) {
			skip = 0;
			i++;
		}
		done += n;
		len -= n;
	}
	pp_count(PP_tee_copied, done);
	return done;
}

/*
 * Wait for bytes in @in and room in @out, then move or copy the bytes.
 * Returns bytes, 0 when @in is empty and has no writer, or an error.
 */
static ssize_t pp_two(struct pp_ring *in, struct pp_ring *out, size_t len,
		      bool nonblock, bool move)
{
	ssize_t ret;

	do {
		struct pp_visit in_visit = {}, out_visit = {};

		pp_lock_two(in, out);
		pp_ring_look(in, &in_visit);
		pp_ring_look(out, &out_visit);
		if (in->draining || !out->readers)
			ret = 0;
		else
			ret = move ? pp_move(in, out, len) : pp_tee_copy(in, out, len);
		if (ret && move)
			pp_ring_end_consume(in, &in_visit);
		else
			pp_ring_unlock(in);
		if (ret) {
			pp_ring_end_produce(out, &out_visit);
			return ret;
		}
		pp_ring_unlock(out);
		ret = pp_two_ready(in, out, nonblock);
	} while (ret > 0);
	return ret;
}

/**
 * pp_splice_two() - Splice from private pipe to private pipe.
 * @in: the pipe to consume from, not locked
 * @out: the pipe to fill, not locked
 * @len: how many bytes at the most, not 0
 * @nonblock: don't wait
 *
 * Return: bytes, 0 when @in is empty and has no writer, or an error.
 */
ssize_t pp_splice_two(struct pp_ring *in, struct pp_ring *out, size_t len,
		      bool nonblock)
{
	return pp_two(in, out, len, nonblock, true);
}

/**
 * pp_tee() - PRIVPIPE_TEE.
 * @call: the call, on an end of a private pipe
 *
 * Return: bytes, or an error as struct privpipe_tee says.
 */
long pp_tee(struct pp_call *call)
{
	const struct privpipe_tee *arg = &call->arg.tee;
	struct pp_ring *from, *to;
	bool nonblock;
	ssize_t ret;

	if (arg->flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!arg->len)
		return 0;

	CLASS(fd, in)(arg->fd_in);
	CLASS(fd, out)(arg->fd_out);
	if (!fd_file(in) || !fd_file(out))
		return -EBADF;
	if (!(fd_file(in)->f_mode & FMODE_READ) ||
	    !(fd_file(out)->f_mode & FMODE_WRITE))
		return -EBADF;

	from = pp_ring_of(fd_file(in));
	to = pp_ring_of(fd_file(out));
	if (!from || !to || from == to ||
	    (call->file != fd_file(in) && call->file != fd_file(out)))
		return -EINVAL;

	nonblock = call->nonblock || arg->flags & SPLICE_F_NONBLOCK ||
		   (fd_file(in)->f_flags | fd_file(out)->f_flags) & O_NONBLOCK;
	ret = pp_two(from, to, min_t(u64, arg->len, MAX_RW_COUNT), nonblock, false);
	if (ret > 0) {
		fsnotify_access(fd_file(in));
		fsnotify_modify(fd_file(out));
	}
	return ret;
}
