// SPDX-License-Identifier: GPL-2.0
/*
 * User memory into a pipe and out of it: read, write, vmsplice.  arena.c has the
 * memory whose pages a program can give away.
 */
#include <linux/fsnotify.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "arena.h"
#include "command.h"
#include "compat/iocb.h"
#include "compat/times.h"
#include "ring.h"
#include "stats.h"
#include "user.h"

/*
 * Copy out of a pipe, which is locked and not empty.  With @packets, stop behind a
 * packet, and drop the part of it that there is no room for.  The bytes are consumed page by
 * page: a page that can't be copied as far as the caller wants it stays as it
 * was, as in a stock pipe.  Returns bytes, or -EFAULT when there are none.
 */
static ssize_t pp_copy_out(struct pp_ring *ring, struct iov_iter *to, bool packets)
{
	ssize_t done = 0;

	while (!pp_ring_empty(ring) && iov_iter_count(to)) {
		struct pp_slot *slot = pp_ring_tail(ring);
		bool packet = packets && slot->flags & PP_SLOT_PACKET;
		size_t start = slot->offset;
		size_t n = min_t(size_t, slot->len, iov_iter_count(to));
		size_t got = copy_folio_to_iter(slot->folio, start, n, to);

		if (got < n) {
			size_t end = max(round_down(start + got, PAGE_SIZE), start);

			pp_ring_consume(ring, end - start);
			iov_iter_revert(to, start + got - end);
			done += end - start;
			return done ?: -EFAULT;
		}
		pp_ring_consume(ring, packet ? slot->len : n);
		done += n;
		if (packet)
			break;
	}
	return done;
}

/**
 * pp_read_iter() - ->read_iter of a private pipe.
 * @iocb: the read end, and how to read it
 * @to: where to
 *
 * Return: bytes, 0 at the end, or an error.
 */
ssize_t pp_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct pp_ring *ring = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct pp_visit visit;
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	/*
	 * splice() from an end that has got O_DIRECT comes here by copy_splice_read(), which
	 * holds the stock pipe's lock and does not say whether it may wait.
	 */
	if (file->f_flags & O_DIRECT && iov_iter_is_bvec(to) && is_sync_kiocb(iocb))
		nonblock = true;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_data(ring, nonblock, &visit);
	if (ret > 0)
		ret = pp_copy_out(ring, to, true);
	pp_ring_end_consume(ring, &visit);

	if (ret > 0)
		pp_accessed(file);
	return ret;
}

/*
 * Copy into a pipe, which is locked and has room for a page, as much as there is room
 * for.  @flags are PP_SLOT_PACKET for slots of a page at the most, or PP_SLOT_MERGE for
 * slots that can be added to: their last page is given up as a whole when a fault cuts
 * it short, while without flags every byte before the fault enters.  The bytes that
 * entered are added to @done.  Returns 0 when the bytes or the room are used up, or
 * -EFAULT or -ENOMEM, also when there are bytes that entered before.
 */
static int pp_copy_in(struct pp_ring *ring, struct iov_iter *from, size_t len,
		      unsigned int flags, ssize_t *done)
{
	len = min(len, iov_iter_count(from));
	while (len && pp_ring_room(ring)) {
		size_t pages = min_t(size_t, DIV_ROUND_UP(len, PAGE_SIZE),
				     pp_ring_room(ring));
		struct pp_slot slot = { .flags = flags };
		size_t want, got;

		if (flags & PP_SLOT_PACKET)
			pages = 1;
		slot.folio = pages > 1 ? pp_folio_alloc(pages) : pp_ring_page(ring);
		if (!slot.folio)
			return -ENOMEM;

		want = min(len, folio_size(slot.folio));
		got = copy_folio_from_iter(slot.folio, 0, want, from);
		slot.len = got;
		if (got < want && flags)
			slot.len = round_down(got, PAGE_SIZE);
		iov_iter_revert(from, got - slot.len);
		*done += slot.len;
		ring->copied += slot.len;
		len -= slot.len;
		if (slot.len)
			pp_ring_push_fitting(ring, slot);
		else
			pp_folio_free(slot.folio);
		if (got < want)
			return -EFAULT;
	}
	return 0;
}

/*
 * Whether a write may add to the last page of a pipe, which is locked and not empty;
 * else it begins a new page.  Nothing is added to a page that a socket refers to.  If
 * the socket has the beginning of the last page, the rest moves to a page of its own,
 * so that a write finds as much room as in a stock pipe.
 */
static bool pp_head_open(struct pp_ring *ring)
{
	struct pp_slot *slot = pp_ring_slot(ring, ring->head - 1);
	size_t offset = offset_in_page(slot->offset);
	struct folio *folio;

	/* The target may refer to a page already while that is being sent. */
	if (!(slot->flags & PP_SLOT_MERGE) ||
	    ring->head - ring->tail <= ring->draining)
		return false;
	/* If there is more than one page, the last one was not sent yet. */
	if (!(slot->flags & PP_SLOT_SHARED) || pp_slot_pages(slot) > 1)
		return true;

	folio = pp_folio_alloc(1);
	if (!folio)
		return false;
	pp_copy_folio(folio, offset, slot->folio, slot->offset, slot->len);
	folio->index = slot->folio->index;
	ring->held += 1 - folio_nr_pages(slot->folio);
	pp_folio_free(slot->folio);
	slot->folio = folio;
	slot->offset = offset;
	slot->flags &= ~PP_SLOT_SHARED;
	return true;
}

/*
 * Add the part of a write that is not a whole page to the last page of the pipe,
 * by the rule of a stock pipe: all of it or nothing.
 */
static int pp_merge(struct pp_ring *ring, struct iov_iter *from, ssize_t *done)
{
	size_t n = iov_iter_count(from) % PAGE_SIZE;
	struct pp_slot *slot;
	size_t end, got;

	if (!n || pp_ring_empty(ring))
		return 0;
	slot = pp_ring_slot(ring, ring->head - 1);
	end = offset_in_page(slot->offset + slot->len);
	if (!end || end + n > PAGE_SIZE || !pp_head_open(ring))
		return 0;
	pp_folio_mix(slot->folio);
	got = copy_folio_from_iter(slot->folio, slot->offset + slot->len, n, from);
	if (got < n) {
		iov_iter_revert(from, got);
		return -EFAULT;
	}
	slot->len += n;
	ring->copied += n;
	*done += n;
	return 0;
}

/**
 * pp_write_iter() - ->write_iter of a private pipe.
 * @iocb: the write end, and how to write it
 * @from: where from
 *
 * Return: bytes, or an error.
 */
ssize_t pp_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct pp_ring *ring = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	unsigned int flags = file->f_flags & O_DIRECT ? PP_SLOT_PACKET :
							PP_SLOT_MERGE;
	struct pp_visit visit = { .no_signal = iocb->ki_flags & IOCB_NOSIGNAL };
	ssize_t done = 0;
	int ret;

	if (!iov_iter_count(from))
		return 0;

	pp_ring_lock(ring, &visit);
	ret = ring->readers ? pp_merge(ring, from, &done) : 0;
	while (!ret && iov_iter_count(from)) {
		ret = pp_ring_wait_room(ring, nonblock, &visit);
		/* A fault ends the write, also if the next try would not fail. */
		if (!ret)
			ret = pp_copy_in(ring, from, SIZE_MAX, flags, &done);
	}
	pp_ring_end_produce(ring, &visit);

	if (done > 0)
		pp_modified(file);
	return done ?: ret;
}

static ssize_t pp_vmsplice_copy(struct pp_ring *ring, struct iov_iter *from,
				size_t len)
{
	ssize_t done = 0;
	int ret = pp_copy_in(ring, from, len, 0, &done);

	pp_count(PP_user_copied, done);
	return done ?: ret;
}

/* Take the pages that can be given, copy the rest, as far as there is room. */
static ssize_t pp_vmsplice_gift(struct pp_ring *ring, struct iov_iter *from)
{
	ssize_t done = 0;

	while (iov_iter_count(from) && pp_ring_room(ring)) {
		unsigned long addr = (unsigned long)iter_iov_addr(from);
		/* iter_iov_len() is wrong for a single element of which a part is done. */
		size_t len = iter_is_ubuf(from) ? iov_iter_count(from) :
			     min(iter_iov_len(from), iov_iter_count(from));
		ssize_t ret;

		/* That also steps over an empty element. */
		if (!len || pp_arena_gift(ring, addr, &len)) {
			iov_iter_advance(from, len);
			done += len;
			continue;
		}
		ret = pp_vmsplice_copy(ring, from, len);
		if (ret < 0)
			return done ?: ret;
		done += ret;
		if (ret < len)
			break;
	}
	return done;
}

static ssize_t pp_vmsplice_in(struct file *file, struct iov_iter *from,
			      unsigned int flags, bool nonblock)
{
	struct pp_ring *ring = file->private_data;
	struct pp_visit visit = {};
	ssize_t ret;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_room(ring, nonblock, &visit);
	if (!ret) {
		if (flags & SPLICE_F_GIFT)
			ret = pp_vmsplice_gift(ring, from);
		else
			ret = pp_vmsplice_copy(ring, from, SIZE_MAX);
	}
	pp_ring_end_produce(ring, &visit);
	if (ret > 0)
		fsnotify_modify(file);
	return ret;
}

static ssize_t pp_vmsplice_out(struct file *file, struct iov_iter *to,
			       bool nonblock)
{
	struct pp_ring *ring = file->private_data;
	struct pp_visit visit;
	ssize_t ret;

	pp_ring_lock(ring, &visit);
	ret = pp_ring_wait_data(ring, nonblock, &visit);
	/* vmsplice ignores packets: continue behind the end of one. */
	if (ret > 0)
		ret = pp_copy_out(ring, to, false);
	pp_ring_end_consume(ring, &visit);
	if (ret > 0)
		fsnotify_access(file);
	return ret;
}

/**
 * pp_vmsplice() - PRIVPIPE_VMSPLICE.
 * @call: the call, on an end of a private pipe
 *
 * Return: bytes, or an error as struct privpipe_vmsplice says.
 */
long pp_vmsplice(struct pp_call *call)
{
	const struct privpipe_vmsplice *arg = &call->arg.vmsplice;
	bool nonblock = call->nonblock || arg->flags & SPLICE_F_NONBLOCK;
	struct iovec stack[UIO_FASTIOV], *iov = stack;
	int type = call->file->f_mode & FMODE_WRITE ? ITER_SOURCE : ITER_DEST;
	struct iov_iter iter;
	ssize_t ret;

	if (arg->flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (arg->nr_segs > UIO_MAXIOV)
		return -EINVAL;

	ret = import_iovec(type, u64_to_user_ptr(arg->iov), arg->nr_segs,
			   ARRAY_SIZE(stack), &iov, &iter);
	if (ret > 0) {
		if (type == ITER_SOURCE)
			ret = pp_vmsplice_in(call->file, &iter, arg->flags, nonblock);
		else
			ret = pp_vmsplice_out(call->file, &iter, nonblock);
	}
	kfree(iov);
	return ret;
}
