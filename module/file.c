// SPDX-License-Identifier: GPL-2.0
/*
 * The ends of a private pipe, and the pseudo filesystem where they live.
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/pseudo_fs.h>

#include <asm/ioctls.h>

#include "device.h"
#include "file.h"
#include "splice.h"

/**
 * pp_ring_copy_user() - Copy out of a pipe.
 * @ring: the pipe, locked and not empty
 * @to: where to
 * @packets: stop behind a packet, and drop what of it there is no room for
 *
 * The bytes are consumed page by page: a page that can't be copied as far as
 * the caller wants it stays as it was, as in an ordinary pipe.
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
			size_t end = round_down(start + got, PAGE_SIZE);

			if (end > start) {
				pp_ring_consume(ring, end - start, 0);
				done += end - start;
			}
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
 * @from: where from
 * @len: how many bytes at the most
 * @flags: PP_SLOT_PACKET for slots of a page at the most; PP_SLOT_MERGE for
 *	slots that can be added to, whose last page is given up as a whole when
 *	a fault cuts it short; else every byte before the fault enters
 *
 * Return: bytes, or -EFAULT or -ENOMEM when there are none.
 */
ssize_t pp_ring_fill_user(struct pp_ring *ring, struct iov_iter *from,
			  size_t len, unsigned int flags)
{
	ssize_t done = 0;

	len = min(len, iov_iter_count(from));
	while (len && pp_ring_room(ring)) {
		size_t pages = min_t(size_t, DIV_ROUND_UP(len, PAGE_SIZE),
				     pp_ring_room(ring));
		struct pp_slot slot = { .flags = flags };
		size_t want, got;

		if (flags & PP_SLOT_PACKET)
			pages = 1;
		if (pages == 1 && ring->spare)
			slot.folio = no_free_ptr(ring->spare);
		else
			slot.folio = pp_folio_alloc(pages);
		if (!slot.folio)
			return done ?: -ENOMEM;

		want = min(len, folio_size(slot.folio));
		got = copy_folio_from_iter(slot.folio, 0, want, from);
		slot.len = got;
		if (got < want && flags)
			slot.len = round_down(got, PAGE_SIZE);
		if (slot.len)
			pp_ring_push_fitting(ring, slot);
		else
			pp_folio_free(slot.folio);
		done += slot.len;
		ring->copied += slot.len;
		len -= slot.len;
		if (got < want)
			return done ?: -EFAULT;
	}
	return done;
}

/*
 * Add the part of a write that is no whole page to the last page of the pipe,
 * by the rule of an ordinary pipe: all of it or nothing.
 */
static ssize_t pp_ring_merge(struct pp_ring *ring, struct iov_iter *from)
{
	size_t n = iov_iter_count(from) % PAGE_SIZE;
	struct pp_slot *slot;
	size_t end;

	if (!n || pp_ring_empty(ring))
		return 0;
	slot = &ring->slots[(ring->head - 1) & (ring->capacity - 1)];
	end = offset_in_page(slot->offset + slot->len);
	if (!end || end + n > PAGE_SIZE || !pp_ring_head_open(ring))
		return 0;
	end = slot->offset + slot->len;
	if (copy_folio_from_iter(slot->folio, end, n, from) < n)
		return -EFAULT;
	slot->len += n;
	ring->copied += n;
	return n;
}

static ssize_t pp_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct pp_ring *ring = file->private_data;
	bool nonblock = (file->f_flags & O_NONBLOCK) ||
			(iocb->ki_flags & IOCB_NOWAIT);
	unsigned int flags = file->f_flags & O_DIRECT ? PP_SLOT_PACKET :
							PP_SLOT_MERGE;
	struct pp_wake wake = {};
	ssize_t ret, done = 0;

	if (!iov_iter_count(from))
		return 0;

	mutex_lock(&ring->lock);
	wake.before = pp_ring_empty(ring);
	ret = ring->readers ? pp_ring_merge(ring, from) : 0;
	if (ret > 0)
		done = ret;
	while (ret >= 0 && iov_iter_count(from)) {
		if (!pp_ring_room(ring) && wake.before) {
			/* Full, and the readers know of nothing yet. */
			pp_ring_wake_readers(ring);
			wake.before = false;
		}
		ret = pp_ring_wait_room(ring, nonblock, &wake);
		if (!ret)
			ret = pp_ring_fill_user(ring, from, SIZE_MAX, flags);
		if (ret > 0)
			done += ret;
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

const struct file_operations pp_end_fops = {
	.owner		= THIS_MODULE,
	.open		= pp_open,
	.release	= pp_release,
	.read_iter	= pp_read_iter,
	.write_iter	= pp_write_iter,
	.splice_read	= pp_splice_read,
	.splice_write	= pp_splice_write,
	.poll		= pp_poll,
	.fasync		= pp_fasync,
	.unlocked_ioctl	= pp_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= pp_uring_cmd,
};

/*
 * The pseudo filesystem.  Its type holds the module as long as a superblock
 * exists, and the core lets go of it last of all.  A superblock exists while
 * /dev/privpipe is open or a pipe is: also an O_PATH descriptor holds its mount.
 */
static struct vfsmount *pp_mnt;
static int pp_mnt_pins;

static void pp_evict_inode(struct inode *inode)
{
	clear_inode(inode);
	if (!inode->i_private)
		return;	/* the root */
	if (S_ISFIFO(inode->i_mode))
		pp_ring_destroy(inode->i_private);
	else
		pp_arena_destroy(inode->i_private);
}

static const struct super_operations pp_super_operations = {
	.statfs		= simple_statfs,
	.evict_inode	= pp_evict_inode,
};

static char *pp_dname(struct dentry *dentry, char *buffer, int buflen)
{
	/* What dynamic_dname() does, which modules can't call. */
	char name[48];
	int len = snprintf(name, sizeof(name), "%s:[%lu]",
			   dentry->d_name.name, d_inode(dentry)->i_ino) + 1;

	if (len > buflen)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + buflen - len, name, len);
}

static const struct dentry_operations pp_dentry_operations = {
	.d_dname	= pp_dname,
};

static int pp_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, 0x50505050);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &pp_super_operations;
	ctx->dops = &pp_dentry_operations;
	return 0;
}

static struct file_system_type pp_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "privpipe",
	.init_fs_context	= pp_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * pp_fs_get() - Make sure that files can be created.
 *
 * Return: 0 or an error.
 */
int pp_fs_get(void)
{
	return simple_pin_fs(&pp_fs_type, &pp_mnt, &pp_mnt_pins);
}

/**
 * pp_fs_put() - Undo pp_fs_get().
 */
void pp_fs_put(void)
{
	simple_release_fs(&pp_mnt, &pp_mnt_pins);
}

/**
 * pp_file_create() - Open a file on a new inode of the pseudo filesystem.
 * @name: what /proc/PID/fd shows before the inode number
 * @mode: S_IFIFO for a pipe, S_IFREG for an arena
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, and file flags
 * @fops: its operations
 * @private: a struct pp_ring or struct pp_arena; the inode owns it from now on,
 *	also when this fails
 *
 * The caller has done pp_fs_get().
 *
 * Return: the file, or an ERR_PTR().
 */
struct file *pp_file_create(const char *name, umode_t mode, int flags,
			    const struct file_operations *fops, void *private)
{
	struct inode *inode = alloc_anon_inode(pp_mnt->mnt_sb);
	struct file *file;

	if (IS_ERR(inode)) {
		if (S_ISFIFO(mode))
			pp_ring_destroy(private);
		else
			pp_arena_destroy(private);
		return ERR_CAST(inode);
	}

	/* What fput() lets go of, and alloc_file_pseudo() does not take. */
	__module_get(THIS_MODULE);
	inode->i_mode |= mode;
	inode->i_fop = fops;
	inode->i_private = private;
	file = alloc_file_pseudo(inode, pp_mnt, name, flags, fops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
		return file;
	}
	file->private_data = private;
	return file;
}

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
	ends[1] = pp_file_create("privpipe", S_IFIFO, O_WRONLY | flags,
				 &pp_end_fops, ring);
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
