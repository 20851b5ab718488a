// SPDX-License-Identifier: GPL-2.0
/*
 * vmsplice: user memory into a pipe, by copying or as a gift, and out of it.
 */
#include <linux/fsnotify.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "arena.h"
#include "command.h"
#include "file.h"
#include "stats.h"
#include "vmsplice.h"

static ssize_t pp_vmsplice_copy(struct pp_ring *ring, struct iov_iter *from,
				size_t len)
{
	ssize_t done = 0;
	int ret = pp_ring_fill_user(ring, from, len, 0, &done);

	pp_count(PP_user_copied, done);
	return done ?: ret;
}

/* Gift what can be taken, copy the rest, as far as there is room. */
static ssize_t pp_vmsplice_gift(struct pp_ring *ring, struct iov_iter *from)
{
	ssize_t done = 0;

	while (iov_iter_count(from) && pp_ring_room(ring)) {
		unsigned long addr = (unsigned long)iter_iov_addr(from);
		/* iter_iov_len() is wrong for a single element that is begun. */
		size_t len = iter_is_ubuf(from) ? iov_iter_count(from) :
			     min(iter_iov_len(from), iov_iter_count(from));
		ssize_t ret, want = 0;

		if (len) {
			ret = pp_arena_gift(ring, addr, len);
			if (ret < 0) {
				want = -ret;
				ret = pp_vmsplice_copy(ring, from, want);
				if (ret < 0)
					return done ?: ret;
			} else {
				iov_iter_advance(from, ret);
			}
			done += ret;
			if (ret < want)
				break;
		} else {
			/* An empty element: step over it. */
			iov_iter_advance(from, 0);
		}
	}
	return done;
}

static ssize_t pp_vmsplice_in(struct file *file, struct iov_iter *from,
			      unsigned int flags, bool nonblock)
{
	struct pp_ring *ring = file->private_data;
	struct pp_wake wake = {};
	ssize_t ret;

	mutex_lock(&ring->lock);
	ret = pp_ring_wait_room(ring, nonblock, &wake);
	if (!ret) {
		if (flags & SPLICE_F_GIFT)
			ret = pp_vmsplice_gift(ring, from);
		else
			ret = pp_vmsplice_copy(ring, from, SIZE_MAX);
	}
	pp_ring_end_produce(ring, &wake);
	if (ret > 0)
		fsnotify_modify(file);
	return ret;
}

static ssize_t pp_vmsplice_out(struct file *file, struct iov_iter *to,
			       bool nonblock)
{
	struct pp_ring *ring = file->private_data;
	struct pp_wake wake = {};
	ssize_t ret;

	mutex_lock(&ring->lock);
	ret = pp_ring_wait_data(ring, nonblock, &wake);
	/* Packets mean nothing to splice: go on behind the end of one. */
	if (ret > 0)
		ret = pp_ring_copy_user(ring, to, false);
	pp_ring_end_consume(ring, &wake);
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
