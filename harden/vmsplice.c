// SPDX-License-Identifier: GPL-2.0
/*
 * vmsplice(2), by copies.
 */
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/poll.h>
#include <linux/syscalls.h>
#include <linux/uio.h>

#include "../module/compat/pipe.h"
#include "harden.h"
#include "pipe.h"

/* The pipe of a file, or NULL.  A notification pipe can't be spliced and counts as none. */
static struct pipe_inode_info *pph_pipe_of(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (!S_ISFIFO(inode->i_mode) || !inode->i_pipe ||
	    inode->i_pipe != file->private_data ||
	    pipe_has_watch_queue(inode->i_pipe))
		return NULL;
	return inode->i_pipe;
}

/* Splicing can hold the pipe's mutex for a long time, so clear FMODE_NOWAIT. */
static void pph_clear_nowait(struct file *file)
{
	fmode_t mode = READ_ONCE(file->f_mode);

	while (mode & FMODE_NOWAIT)
		if (try_cmpxchg(&file->f_mode, &mode, mode & ~FMODE_NOWAIT))
			break;
}

/* Wait until a pipe, which is locked, has a free slot. */
static int pph_wait_room(struct pipe_inode_info *pipe, unsigned int flags)
{
	for (;;) {
		if (!pipe->readers)
			return pph_no_readers();
		if (pph_room(pipe))
			return 0;
		if (flags & SPLICE_F_NONBLOCK)
			return -EAGAIN;
		if (signal_pending(current))
			return -ERESTARTSYS;
		pipe_unlock(pipe);
		wait_event_interruptible(pipe->wr_wait, pp_stock_writable(pipe));
		pipe_lock(pipe);
	}
}

/*
 * Less than a page may be a header that fuse.c must correct, which it does only in a
 * page that has no other reference, not even the pool's.
 */
static struct page *pph_memory_page(struct pph_supply *supply, size_t left)
{
	if (left < PAGE_SIZE && !supply->folio)
		return alloc_page(supply->gfp | __GFP_ACCOUNT);
	return pph_page_get(supply, left);
}

static ssize_t pph_copy_memory(struct pipe_inode_info *pipe,
			       struct iov_iter *from)
{
	struct pph_supply supply = { .gfp = GFP_HIGHUSER };
	ssize_t ret = 0, done = 0;

	while (iov_iter_count(from) && pph_room(pipe)) {
		size_t room = (size_t)pph_room(pipe) * PAGE_SIZE;
		struct page *page = pph_memory_page(&supply,
						    min(iov_iter_count(from), room));
		size_t n;

		ret = -ENOMEM;
		if (!page)
			break;
		ret = -EFAULT;
		n = copy_page_from_iter(page, 0, PAGE_SIZE, from);
		if (!n) {
			put_page(page);
			break;
		}
		pph_push(pipe, page, 0, n);
		done += n;
	}
	pph_supply_end(&supply);
	return done ?: ret;
}

static ssize_t pph_memory_to_pipe(struct file *file, struct iov_iter *from,
				  unsigned int flags)
{
	struct pipe_inode_info *pipe = pph_pipe_of(file);
	ssize_t ret;

	if (!pipe)
		return -EBADF;
	pph_clear_nowait(file);
	pipe_lock(pipe);
	ret = pph_wait_room(pipe, flags);
	if (!ret)
		ret = pph_copy_memory(pipe, from);
	pipe_unlock(pipe);
	if (ret > 0) {
		wake_up_interruptible(&pipe->rd_wait);
		kill_fasync(&pipe->fasync_readers, SIGIO, POLL_IN);
		fsnotify_modify(file);
	}
	pph_count(PPH_MEMORY, ret);
	return ret;
}

static int pph_actor(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
		     struct splice_desc *sd)
{
	size_t n = copy_page_to_iter(buf->page, buf->offset, sd->len,
				     sd->u.data);

	return n == sd->len ? n : -EFAULT;
}

/*
 * Copying out is unchanged; it is here only because the whole system call is
 * replaced.
 */
static ssize_t pph_pipe_to_memory(struct file *file, struct iov_iter *to,
				  unsigned int flags)
{
	struct pipe_inode_info *pipe = pph_pipe_of(file);
	struct splice_desc sd = {
		.total_len = iov_iter_count(to),
		.flags = flags,
		.u.data = to,
	};
	ssize_t ret;

	if (!pipe)
		return -EBADF;
	pph_clear_nowait(file);
	pipe_lock(pipe);
	ret = __splice_from_pipe(pipe, &sd, pph_actor);
	pipe_unlock(pipe);
	if (ret > 0)
		fsnotify_access(file);
	return ret;
}

/**
 * pph_vmsplice() - vmsplice(2), for both of its entries.
 * @fd: an end of a pipe
 * @uiov: the memory, as iovecs of the caller's kind
 * @nr_segs: how many of them
 * @flags: SPLICE_F_*
 *
 * Return: as vmsplice(2).
 */
long pph_vmsplice(int fd, const struct iovec __user *uiov,
		  unsigned int nr_segs, unsigned int flags)
{
	struct iovec stack[UIO_FASTIOV], *iov = stack;
	struct iov_iter iter;
	struct file *file;
	bool in;
	ssize_t ret;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	CLASS(fd, f)(fd);
	file = fd_file(f);
	if (!file || !(file->f_mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	in = file->f_mode & FMODE_WRITE;

	ret = import_iovec(in ? ITER_SOURCE : ITER_DEST, uiov, nr_segs,
			   ARRAY_SIZE(stack), &iov, &iter);
	if (ret < 0)
		return ret;
	if (!iov_iter_count(&iter))
		ret = 0;
	else if (in)
		ret = pph_memory_to_pipe(file, &iter, flags);
	else
		ret = pph_pipe_to_memory(file, &iter, flags);
	kfree(iov);
	return ret;
}
