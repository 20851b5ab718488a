// SPDX-License-Identifier: GPL-2.0
/*
 * The ends of a private pipe.
 */
#include <linux/file.h>
#include <linux/poll.h>

#include <asm/ioctls.h>

#include "compat/iocb.h"
#include "device.h"
#include "file.h"
#include "splice.h"

/**
 * pp_ring_copy_user() - Copy out of a pipe.
 * @ring: the pipe, locked and not empty
 * @to: where to; advanced by the bytes that were consumed
 * @packets: stop behind a packet, and drop what of it there is no room for
 *
 * The bytes are consumed page by page: a page that can't be copied as far as
 * the caller wants it stays as it was, as in a stock pipe.
 *
 * Return: bytes, or -EFAULT when there are none.
 */
ssize_t pp_ring_copy_user(struct pp_ring *ring, struct iov_iter *to, bool packets)
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

			pp_ring_consume(ring, end - start, 0);
			iov_iter_revert(to, start + got - end);
			done += end - start;
			return done ?: -EFAULT;
		}
		pp_ring_consume(ring, packet ? slot->len : n, 0);
		done += n;
		if (packet)
			break;
	}
	return done;
}

static ssize_t pp_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct pp_ring *ring = file->private_data;
	struct pp_wake wake = {};
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;

	mutex_lock(&ring->lock);
	ret = pp_ring_wait_data(ring, (file->f_flags & O_NONBLOCK) ||
				(iocb->ki_flags & IOCB_NOWAIT), &wake);
	if (ret > 0)
		ret = pp_ring_copy_user(ring, to, true);
	pp_ring_end_consume(ring, &wake);

	if (ret > 0)
		file_accessed(file);
	return ret;
}

/**
 * pp_ring_fill_user() - Copy into a pipe, as much as there is room for.
 * @ring: the pipe, locked, with room for a page
 * @from: where from; advanced by the bytes that entered
 * @len: how many bytes at the most
 * @flags: PP_SLOT_PACKET for slots of a page at the most; PP_SLOT_MERGE for
 *	slots that can be added to, whose last page is given up as a whole when
 *	a fault cuts it short; else every byte before the fault enters
 * @done: the bytes that entered are added to it
 *
 * Return: 0 when the bytes or the room are used up, or -EFAULT or -ENOMEM,
 * also when there are bytes that entered before.
 */
int pp_ring_fill_user(struct pp_ring *ring, struct iov_iter *from, size_t len,
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
		slot.folio = pp_folio_alloc(pages);
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
 * Add the part of a write that is no whole page to the last page of the pipe,
 * by the rule of a stock pipe: all of it or nothing.
 */
static int pp_ring_merge(struct pp_ring *ring, struct iov_iter *from, ssize_t *done)
{
	size_t n = iov_iter_count(from) % PAGE_SIZE;
	struct pp_slot *slot;
	size_t end, got;

	if (!n || pp_ring_empty(ring))
		return 0;
	slot = &ring->slots[(ring->head - 1) & (ring->capacity - 1)];
	end = offset_in_page(slot->offset + slot->len);
	if (!end || end + n > PAGE_SIZE || !pp_ring_head_open(ring))
		return 0;
	got = copy_folio_from_iter(slot->folio, slot->offset + slot->len, n,
				   from);
	if (got < n) {
		iov_iter_revert(from, got);
		return -EFAULT;
	}
	slot->len += n;
	ring->copied += n;
	*done += n;
	return 0;
}

static ssize_t pp_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct pp_ring *ring = file->private_data;
	bool nonblock = (file->f_flags & O_NONBLOCK) ||
			(iocb->ki_flags & IOCB_NOWAIT);
	unsigned int flags = file->f_flags & O_DIRECT ? PP_SLOT_PACKET :
							PP_SLOT_MERGE;
	struct pp_wake wake = { .no_signal = iocb->ki_flags & IOCB_NOSIGNAL };
	ssize_t done = 0;
	int ret;

	if (!iov_iter_count(from))
		return 0;

	mutex_lock(&ring->lock);
	wake.before = pp_ring_empty(ring);
	ret = ring->readers ? pp_ring_merge(ring, from, &done) : 0;
	while (!ret && iov_iter_count(from)) {
		if (!pp_ring_room(ring) && wake.before) {
			/* Full, and the readers know of nothing yet. */
			pp_ring_wake_readers(ring);
			wake.before = false;
		}
		ret = pp_ring_wait_room(ring, nonblock, &wake);
		/* A fault ends the write, also if the next try would not fail. */
		if (!ret)
			ret = pp_ring_fill_user(ring, from, SIZE_MAX, flags,
						&done);
	}
	pp_ring_end_produce(ring, &wake);

	if (done > 0)
		file_update_time(file);
	return done ?: ret;
}

static __poll_t pp_poll(struct file *file, poll_table *wait)
{
	struct pp_ring *ring = file->private_data;
	__poll_t mask = 0;

	WRITE_ONCE(ring->polled, true);

	if (file->f_mode & FMODE_READ)
		poll_wait(file, &ring->rd_wait, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &ring->wr_wait, wait);

	/* While somebody drains the pipe nobody can say; the end of it wakes us. */
	if (file->f_mode & FMODE_READ && !READ_ONCE(ring->draining)) {
		if (!pp_ring_empty(ring))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (!READ_ONCE(ring->writers))
			mask |= EPOLLHUP;
	}
	if (file->f_mode & FMODE_WRITE) {
		if (pp_ring_room(ring))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (!READ_ONCE(ring->readers))
			mask |= EPOLLERR;
	}
	return mask;
}

static int pp_fasync(int fd, struct file *file, int on)
{
	struct pp_ring *ring = file->private_data;
	int readers = 0, ret = 0;

	mutex_lock(&ring->lock);
	if (file->f_mode & FMODE_READ)
		readers = fasync_helper(fd, file, on, &ring->fasync_readers);
	ret = readers;
	if (ret >= 0 && file->f_mode & FMODE_WRITE) {
		ret = fasync_helper(fd, file, on, &ring->fasync_writers);
		if (ret < 0 && readers > 0)
			fasync_helper(-1, file, 0, &ring->fasync_readers);
	}
	mutex_unlock(&ring->lock);
	return ret;
}

static long pp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pp_ring *ring = file->private_data;
	size_t bytes;

	if (cmd != FIONREAD)
		return pp_command(file, cmd, (void __user *)arg, false);

	mutex_lock(&ring->lock);
	bytes = pp_ring_bytes(ring);
	mutex_unlock(&ring->lock);
	return put_user((int)bytes, (int __user *)arg);
}

static void pp_ring_attach(struct pp_ring *ring, struct file *file, int by)
{
	mutex_lock(&ring->lock);
	if (file->f_mode & FMODE_READ)
		WRITE_ONCE(ring->readers, ring->readers + by);
	if (file->f_mode & FMODE_WRITE)
		WRITE_ONCE(ring->writers, ring->writers + by);
	/* The last one of a side is gone, or the first one has come. */
	if (!ring->readers != !ring->writers)
		pp_ring_wake_all(ring);
	/*
	 * Without a file no call is using the pipe, and nobody can read what is
	 * left.  The inode may stay: an O_PATH descriptor can open it again.
	 */
	if (!ring->readers && !ring->writers)
		pp_ring_clear(ring);
	mutex_unlock(&ring->lock);
}

/* Called for the read end of a new pipe, and through /proc/PID/fd. */
static int pp_open(struct inode *inode, struct file *file)
{
	struct pp_ring *ring = inode->i_private;

	if (!(file->f_mode & (FMODE_READ | FMODE_WRITE)))
		return -EINVAL;
	file->private_data = ring;
	file->f_mode |= FMODE_NOWAIT;
	pp_ring_attach(ring, file, 1);
	return stream_open(inode, file);
}

static int pp_release(struct inode *inode, struct file *file)
{
	pp_ring_attach(file->private_data, file, -1);
	return 0;
}

static void pp_end_destroy(void *ring)
{
	pp_ring_destroy(ring);
}

const struct pp_kind pp_end = {
	.name = "privpipe",
	.mode = S_IFIFO,
	.fops = {
		.open = pp_open,
		.release = pp_release,
		.read_iter = pp_read_iter,
		.write_iter = pp_write_iter,
		.splice_read = pp_splice_read,
		.splice_write = pp_splice_write,
		.poll = pp_poll,
		.fasync = pp_fasync,
		.unlocked_ioctl = pp_ioctl,
		.compat_ioctl = compat_ptr_ioctl,
		.uring_cmd = pp_uring_cmd,
	},
	.destroy = pp_end_destroy,
};

/**
 * pp_file_pair() - Open both ends of a new pipe.
 * @ring: the pipe, whose ownership passes on, also when this fails
 * @flags: O_NONBLOCK, O_DIRECT
 * @ends: returns the read end and the write end
 *
 * Return: 0 or an error.
 */
int pp_file_pair(struct pp_ring *ring, int flags, struct file *ends[2])
{
	ends[1] = pp_file_create(&pp_end, O_WRONLY | flags, ring);
	if (IS_ERR(ends[1]))
		return PTR_ERR(ends[1]);
	/* It was not opened by pp_open(). */
	ends[1]->f_mode |= FMODE_NOWAIT;
	stream_open(file_inode(ends[1]), ends[1]);
	pp_ring_attach(ring, ends[1], 1);

	ends[0] = dentry_open(&ends[1]->f_path, O_RDONLY | (flags & O_NONBLOCK),
			      current_cred());
	if (IS_ERR(ends[0])) {
		fput(ends[1]);
		return PTR_ERR(ends[0]);
	}
	return 0;
}
