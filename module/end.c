// SPDX-License-Identifier: GPL-2.0
/*
 * The ends of a private pipe: opening and closing, poll, and the table of commands.
 */
#include <linux/file.h>
#include <linux/poll.h>

#include <asm/ioctls.h>

#include "command.h"
#include "end.h"
#include "fs.h"
#include "pair.h"
#include "ring.h"
#include "sendfile.h"
#include "splice.h"
#include "stock.h"
#include "user.h"

static __poll_t pp_poll(struct file *file, poll_table *wait)
{
	struct pp_ring *ring = file->private_data;
	__poll_t mask = 0;

	WRITE_ONCE(ring->polled, true);

	if (file->f_mode & FMODE_READ)
		poll_wait(file, &ring->rd_wait, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &ring->wr_wait, wait);

	/* During a drain this is undecided; the end of the drain wakes waiters. */
	if (file->f_mode & FMODE_READ && !READ_ONCE(ring->draining)) {
		if (!pp_ring_empty(ring))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (!READ_ONCE(ring->writers))
			mask |= EPOLLHUP;
	}
	if (file->f_mode & FMODE_WRITE) {
		if (READ_ONCE(ring->room))
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
	pp_ring_unlock(ring);
	return ret;
}

static long pp_resize(struct pp_call *call)
{
	return pp_ring_resize(call->file->private_data, call->arg.resize.capacity);
}

static long pp_query(struct pp_call *call)
{
	struct pp_ring *ring = call->file->private_data;

	mutex_lock(&ring->lock);
	call->arg.query = (struct privpipe_query) {
		.size = call->arg.query.size,
		.capacity = ring->capacity << PAGE_SHIFT,
		.unread = pp_ring_bytes(ring),
		.held = (u64)ring->held << PAGE_SHIFT,
		.taken = ring->taken,
		.copied = ring->copied,
		.moved = ring->moved,
	};
	pp_ring_unlock(ring);
	return pp_call_copy_back(call);
}

static const struct pp_command pp_end_commands[PP_COMMANDS] = {
	PP_COMMAND(SPLICE, splice, __reserved),
	PP_COMMAND(VMSPLICE, vmsplice, nr_segs),
	PP_COMMAND(TEE, tee, len),
	PP_COMMAND(SENDFILE, sendfile, count),
	PP_COMMAND(RESIZE, resize, capacity),
	PP_COMMAND(QUERY, query, moved),
};

static long pp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pp_ring *ring = file->private_data;
	size_t bytes;

	if (cmd != FIONREAD)
		return pp_command(pp_end_commands, file, cmd, (void __user *)arg, false);

	mutex_lock(&ring->lock);
	bytes = pp_ring_bytes(ring);
	pp_ring_unlock(ring);
	return put_user((int)bytes, (int __user *)arg);
}

static int pp_end_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return pp_command_uring(pp_end_commands, cmd, issue_flags);
}

static void pp_end_attach(struct pp_ring *ring, struct file *file, int by)
{
	mutex_lock(&ring->lock);
	if (file->f_mode & FMODE_READ)
		WRITE_ONCE(ring->readers, ring->readers + by);
	if (file->f_mode & FMODE_WRITE)
		WRITE_ONCE(ring->writers, ring->writers + by);
	/* The last end of a side was closed, or the first was opened. */
	if (!ring->readers != !ring->writers)
		pp_ring_wake_all(ring);
	/*
	 * Without a file no call is using the pipe, and nobody can read the rest.
	 * The inode may stay: an O_PATH descriptor can open it again.
	 */
	if (!ring->readers && !ring->writers)
		pp_ring_clear(ring);
	pp_ring_unlock(ring);
}

/* Called for the read end of a new pipe, and through /proc/PID/fd. */
static int pp_open(struct inode *inode, struct file *file)
{
	struct pp_ring *ring = inode->i_private;

	if (!(file->f_mode & (FMODE_READ | FMODE_WRITE)))
		return -EINVAL;
	file->private_data = ring;
	file->f_mode |= FMODE_NOWAIT;
	pp_end_attach(ring, file, 1);
	return stream_open(inode, file);
}

static int pp_release(struct inode *inode, struct file *file)
{
	pp_end_attach(file->private_data, file, -1);
	return 0;
}

static void pp_end_destroy(void *ring)
{
	pp_ring_destroy(ring);
}

static const struct pp_kind pp_end = {
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
		.uring_cmd = pp_end_uring_cmd,
	},
	.destroy = pp_end_destroy,
};

/**
 * pp_end_pair() - Open both ends of a new pipe.
 * @ring: the pipe; consumed, also when this fails
 * @flags: O_NONBLOCK, O_DIRECT
 * @ends: returns the read end and the write end
 *
 * Return: 0 or an error.
 */
int pp_end_pair(struct pp_ring *ring, int flags, struct file *ends[2])
{
	ends[1] = pp_file_create(&pp_end, O_WRONLY | flags, ring);
	if (IS_ERR(ends[1]))
		return PTR_ERR(ends[1]);
	/* It was not opened by pp_open(). */
	ends[1]->f_mode |= FMODE_NOWAIT;
	stream_open(file_inode(ends[1]), ends[1]);
	pp_end_attach(ring, ends[1], 1);

	ends[0] = dentry_open(&ends[1]->f_path, O_RDONLY | (flags & O_NONBLOCK),
			      current_cred());
	if (IS_ERR(ends[0])) {
		fput(ends[1]);
		return PTR_ERR(ends[0]);
	}
	return 0;
}
