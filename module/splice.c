// SPDX-License-Identifier: GPL-2.0
/*
 * splice: the call, and files and devices on the other side of the pipe.  take.c has
 * pages that need no copy; socket.c, stock.c and pair.c have the other sides.
 */
#include <kunit/static_stub.h>
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/net.h>
#include <linux/pagemap.h>
#include <linux/socket.h>
#include <linux/splice.h>
#include <linux/uaccess.h>

#include "command.h"
#include "fs.h"
#include "pair.h"
#include "policy.h"
#include "ring.h"
#include "socket.h"
#include "splice.h"
#include "stats.h"
#include "stock.h"
#include "take.h"

/**
 * pp_rereadable() - Whether what was read from a file can be read again.
 * @file: the file
 *
 * Return: true for regular files and block devices, but for the regular files of FUSE
 * that are streams.
 */
bool pp_rereadable(const struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	return (S_ISREG(mode) || S_ISBLK(mode)) && file->f_mode & FMODE_PREAD;
}

/*
 * Whether reading a file goes through its page cache: true for regular files and block
 * devices, unless they are read directly; also true for the regular files of procfs and
 * the like.
 */
static bool pp_page_cached(struct file *file)
{
	return pp_rereadable(file) && !(file->f_flags & O_DIRECT) &&
	       !IS_DAX(file->f_mapping->host);
}

/**
 * pp_spliceable() - Whether splice and sendfile can read a file.
 * @file: the file
 *
 * Return: true if the file has ->splice_read and ->read_iter and is not a private pipe:
 * splice handles pipes separately, and sendfile does not accept them as input.
 */
bool pp_spliceable(struct file *file)
{
	return file->f_op->splice_read && file->f_op->read_iter &&
	       !pp_ring_of(file);
}

/**
 * pp_read_hint() - How much to make room for at once.
 * @in: the file to be read
 * @pos: where in it, in bytes
 * @len: how many bytes are wanted, not 0
 *
 * A file has a size, or claims to be empty as in procfs; everything else may have as
 * many bytes as are wanted.
 *
 * Return: bytes, not 0.
 */
size_t pp_read_hint(struct file *in, loff_t pos, size_t len)
{
	loff_t left;

	if (!pp_page_cached(in))
		return len;
	left = i_size_read(in->f_mapping->host) - pos;
	return min_t(u64, len, left > 0 ? left : SZ_64K);
}

/**
 * pp_read_stage() - Read a file or socket into a stage.
 * @in: where from
 * @pos: where in it, in bytes; advanced by what was read
 * @stage: where to; its slots have the lengths to be filled at the most
 * @flags: SPLICE_F_* of the call
 *
 * The caller has done rw_verify_area() and notifies of the access.
 *
 * Return: bytes, 0 at the end, or an error.
 */
noinline_for_stack
ssize_t pp_read_stage(struct file *in, loff_t *pos, struct pp_stage *stage,
		      unsigned int flags)
{
	struct socket *sock = sock_from_file(in);
	struct bio_vec bvec[PP_STAGE_SLOTS] __uninitialized;
	struct iov_iter to;
	struct kiocb kiocb;
	ssize_t ret;

	KUNIT_STATIC_STUB_REDIRECT(pp_read_stage, in, pos, stage, flags);

	if (sock && READ_ONCE(sock->ops)->splice_read)
		return pp_socket_receive(in, pos, stage, flags);

	pp_stage_bvec(stage, bvec);
	iov_iter_bvec(&to, ITER_DEST, bvec, stage->nr, pp_stage_bytes(stage));

	/* vfs_iter_read() would notify of an access at the end of a file, too. */
	init_sync_kiocb(&kiocb, in);
	kiocb.ki_pos = *pos;
	ret = in->f_op->read_iter(&kiocb, &to);
	if (ret > 0)
		*pos = kiocb.ki_pos;
	return ret;
}

/* Copy from a file or socket into the room of a stage. */
static ssize_t pp_copy_file(struct pp_stage *stage, struct file *in, loff_t *pos,
			    size_t len, unsigned int flags)
{
	bool cached = pp_page_cached(in);
	ssize_t ret, done = 0;
	size_t asked;

	do {
		size_t offset = cached ? offset_in_page(*pos) : 0;

		/* Do not rely on the position that the file has set. */
		asked = min(len - done, stage->room * PAGE_SIZE - offset);
		/*
		 * Bytes of a file keep the alignment that they have in its cache,
		 * so they need the same room whether they are taken or copied.
		 */
		ret = pp_stage_alloc(stage, offset, pp_read_hint(in, *pos, asked));
		if (ret)
			break;
		asked = pp_stage_bytes(stage);
		ret = pp_read_stage(in, pos, stage, flags);
		pp_stage_cut(stage, max_t(ssize_t, ret, 0));
		pp_ring_publish(stage);
		if (ret > 0)
			done += ret;
		/*
		 * Go on only with a file: anything else could make us wait for more
		 * data.  Room was reserved for one range: a pass that ends within
		 * a page is the last one, or that page would count twice.
		 */
	} while (cached && ret == asked && done < len && stage->room &&
		 !offset_in_page(*pos) && !signal_pending(current));

	pp_count(sock_from_file(in) ? PP_socket_copied : PP_file_copied, done);
	return done ?: ret;
}

/**
 * pp_fill_file() - Splice from a file or socket into a private pipe.
 * @ring: the pipe, not locked
 * @in: where from
 * @pos: where in it, in bytes; advanced by what was put into the pipe
 * @len: how many bytes at the most; with 0 it only waits for room, as sendfile does
 * @flags: SPLICE_F_* of the call
 * @policy: enum privpipe_policy
 * @nonblock: don't wait for room
 *
 * Return: bytes, 0 at the end, or an error when there are none.
 */
ssize_t pp_fill_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int flags, unsigned int policy,
		     bool nonblock)
{
	bool cached = pp_page_cached(in);
	size_t offset = cached ? offset_in_page(*pos) : 0;
	struct pp_stage stage __uninitialized;
	ssize_t ret;

	len = min_t(size_t, len, MAX_RW_COUNT);
	ret = pp_ring_reserve(ring, &stage, DIV_ROUND_UP(offset + len, PAGE_SIZE), nonblock);
	if (ret)
		return ret;
	len = min_t(size_t, len, stage.room * PAGE_SIZE - offset);

	policy = pp_policy_resolve(policy, flags);
	if (!len)
		ret = 0;
	else if (!pp_spliceable(in))
		ret = -EINVAL;
	else if (cached && policy != PRIVPIPE_POLICY_NEVER)
		ret = pp_take_file(&stage, in, pos, len, policy);
	else
		ret = pp_copy_file(&stage, in, pos, len, flags);
	pp_ring_unreserve(&stage);
	return ret;
}

/**
 * pp_send_bvec() - Write pages to a file or socket.
 * @out: where to; its operations were checked
 * @pos: where in it, in bytes, advanced; not used for a socket
 * @bvec: the bytes
 * @nr: length of @bvec
 * @len: how many bytes
 * @flags: for a socket: MSG_MORE when more is about to come; MSG_SPLICE_PAGES
 *	to refer to the pages until its peer has the bytes, instead of copying them
 *
 * Return: bytes, or an error.
 */
ssize_t pp_send_bvec(struct file *out, loff_t *pos, struct bio_vec *bvec,
		     unsigned int nr, size_t len, int flags)
{
	struct iov_iter from;

	iov_iter_bvec(&from, ITER_SOURCE, bvec, nr, len);
	if (sock_from_file(out))
		return pp_socket_send(out, &from, flags);
	return vfs_iter_write(out, &from, pos, 0);
}

/* Splice from a private pipe to a file or socket. */
static ssize_t pp_drain_file(struct pp_ring *ring, struct file *out, loff_t *pos,
			     size_t len, unsigned int flags, bool nonblock)
{
	struct socket *sock = sock_from_file(out);
	ssize_t ret = 0, done = 0;

	while (len) {
		struct pp_drain drain __uninitialized;
		size_t chunk = len;
		int how = 0;

		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		/* Make messages as long as those of the stock splice. */
		if (sock && sock->type != SOCK_STREAM)
			chunk = min_t(size_t, len, PP_DRAIN_SLOTS * PAGE_SIZE);
		ret = pp_ring_drain_begin(ring, nonblock || done, chunk, &drain);
		if (ret <= 0)
			break;
		if (flags & SPLICE_F_MORE || (drain.more && len > drain.bytes))
			how |= MSG_MORE;
		if (sock && pp_worth_handing(drain.bvec, drain.nr))
			how |= MSG_SPLICE_PAGES;
		ret = pp_send_bvec(out, pos, drain.bvec, drain.nr, drain.bytes, how);
		pp_ring_drain_end(ring, max_t(ssize_t, ret, 0));
		if (ret <= 0)
			break;
		pp_count(!sock ? PP_file_out :
			 how & MSG_SPLICE_PAGES ? PP_socket_handed :
						  PP_socket_handed_copied, ret);
		done += ret;
		len -= ret;
	}
	return done ?: ret;
}

static ssize_t pp_splice_from_file(struct file *in, loff_t *pos, struct file *out,
				   const struct privpipe_splice *arg, bool nonblock)
{
	ssize_t ret;

	if (arg->off_in && !(in->f_mode & FMODE_PREAD))
		return -EINVAL;
	ret = rw_verify_area(READ, in, pos, arg->len);
	if (ret < 0)
		return ret;
	return pp_fill_file(pp_ring_of(out), in, pos, arg->len, arg->flags,
			    arg->policy, nonblock || out->f_flags & O_NONBLOCK);
}

static ssize_t pp_splice_to_file(struct file *in, struct file *out, loff_t *pos,
				 const struct privpipe_splice *arg, bool nonblock)
{
	ssize_t ret;

	if (arg->off_out && !(out->f_mode & FMODE_PWRITE))
		return -EINVAL;
	if (out->f_flags & O_APPEND)
		return -EINVAL;
	ret = rw_verify_area(WRITE, out, pos, arg->len);
	if (ret < 0)
		return ret;
	if (!out->f_op->splice_write || !out->f_op->write_iter)
		return -EINVAL;
	return pp_drain_file(pp_ring_of(in), out, pos,
			     min_t(u64, arg->len, MAX_RW_COUNT), arg->flags,
			     nonblock || in->f_flags & O_NONBLOCK);
}

/* At least one side is a private pipe, as the caller has checked. */
static ssize_t pp_splice_files(struct file *in, loff_t *in_pos, struct file *out,
			       loff_t *out_pos, const struct privpipe_splice *arg)
{
	struct pp_ring *from = pp_ring_of(in), *to = pp_ring_of(out);
	struct pipe_inode_info *stock_in = pp_stock_pipe(in);
	struct pipe_inode_info *stock_out = pp_stock_pipe(out);
	bool nonblock = arg->flags & SPLICE_F_NONBLOCK;
	bool either = nonblock || (in->f_flags | out->f_flags) & O_NONBLOCK;
	unsigned int flags = arg->flags | (either ? SPLICE_F_NONBLOCK : 0);
	/* ioctl(2) and io_uring return an int. */
	size_t len = min_t(u64, arg->len, MAX_RW_COUNT);
	ssize_t ret;

	if (from && to)
		return from == to ? -EINVAL : pp_splice_two(from, to, len, either);
	if (stock_in)
		return pp_splice_write(stock_in, out, NULL, len, flags);
	if (stock_out) {
		pipe_lock(stock_out);
		ret = pp_splice_read(in, NULL, stock_out, len, flags);
		pipe_unlock(stock_out);
		if (ret > 0)
			pp_stock_wake_readers(stock_out);
		return ret;
	}
	return to ? pp_splice_from_file(in, in_pos, out, arg, nonblock) :
		    pp_splice_to_file(in, out, out_pos, arg, nonblock);
}

static bool pp_is_pipe(struct file *file)
{
	return pp_ring_of(file) || pp_stock_pipe(file);
}

/* Replace the file's position by the caller's offset, if there is one. */
static int pp_get_pos(u64 from, loff_t *pos)
{
	if (from && copy_from_user(pos, u64_to_user_ptr(from), sizeof(*pos)))
		return -EFAULT;
	return 0;
}

static int pp_put_pos(u64 to, struct file *file, loff_t pos)
{
	if (!to)
		file->f_pos = pos;
	else if (copy_to_user(u64_to_user_ptr(to), &pos, sizeof(pos)))
		return -EFAULT;
	return 0;
}

/**
 * pp_splice() - PRIVPIPE_SPLICE.
 * @call: the call, on an end of a private pipe; if it must not wait, it is not
 *	even tried, since a file on the other side might
 *
 * The order of the checks is that of splice(2).
 *
 * Return: bytes, or an error as struct privpipe_splice says.
 */
long pp_splice(struct pp_call *call)
{
	const struct privpipe_splice *arg = &call->arg.splice;
	loff_t in_pos, out_pos;
	ssize_t ret;

	if (!arg->len)
		return 0;
	if (arg->flags & ~SPLICE_F_ALL || arg->policy > PRIVPIPE_POLICY_ALWAYS ||
	    arg->__reserved)
		return -EINVAL;
	/* 32-bit kernels count in 32 bits. */
	if (arg->len > SIZE_MAX)
		return -EINVAL;
	if (call->nonblock)
		return -EAGAIN;

	CLASS(fd, in)(arg->fd_in);
	CLASS(fd, out)(arg->fd_out);
	if (!fd_file(in) || !fd_file(out))
		return -EBADF;

	if ((arg->off_in && pp_is_pipe(fd_file(in))) ||
	    (arg->off_out && pp_is_pipe(fd_file(out))))
		return -ESPIPE;
	in_pos = fd_file(in)->f_pos;
	out_pos = fd_file(out)->f_pos;
	if (pp_get_pos(arg->off_out, &out_pos) || pp_get_pos(arg->off_in, &in_pos))
		return -EFAULT;
	if (!(fd_file(in)->f_mode & FMODE_READ) ||
	    !(fd_file(out)->f_mode & FMODE_WRITE))
		return -EBADF;
	if (call->file != fd_file(in) && call->file != fd_file(out))
		return -EINVAL;

	ret = pp_splice_files(fd_file(in), &in_pos, fd_file(out), &out_pos, arg);
	if (ret > 0) {
		fsnotify_modify(fd_file(out));
		fsnotify_access(fd_file(in));
	}
	if (ret >= 0 && (pp_put_pos(arg->off_out, fd_file(out), out_pos) ||
			 pp_put_pos(arg->off_in, fd_file(in), in_pos)))
		ret = -EFAULT;
	return ret;
}
