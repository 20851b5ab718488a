// SPDX-License-Identifier: GPL-2.0
/*
 * tee: copy from one private pipe into another.  Sharing the pages, as the
 * stock tee does, would leave neither pipe with pages of its own.
 */
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/splice.h>

#include "command.h"
#include "fs.h"
#include "splice.h"
#include "stats.h"
#include "tee.h"

/* Copy what there is room for; both pipes are locked. */
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

static ssize_t pp_tee_rings(struct pp_ring *in, struct pp_ring *out, size_t len,
			    bool nonblock)
{
	ssize_t ret;

	do {
		struct pp_wake wake = {};

		pp_ring_lock_two(in, out);
		wake.before = pp_ring_empty(out);
		ret = in->draining || !out->readers ? 0 :
						      pp_tee_copy(in, out, len);
		mutex_unlock(&in->lock);
		if (ret) {
			pp_ring_end_produce(out, &wake);
			return ret;
		}
		mutex_unlock(&out->lock);
		ret = pp_two_ready(in, out, nonblock);
	} while (ret > 0);
	return ret;
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
	ret = pp_tee_rings(from, to, min_t(u64, arg->len, MAX_RW_COUNT), nonblock);
	if (ret > 0) {
		fsnotify_access(fd_file(in));
		fsnotify_modify(fd_file(out));
	}
	return ret;
}
