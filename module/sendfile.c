// SPDX-License-Identifier: GPL-2.0
/*
 * sendfile: from a file to any target, without a pipe in between.
 */
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uaccess.h>

#include "command.h"
#include "fs.h"
#include "sendfile.h"
#include "socket.h"
#include "splice.h"
#include "stats.h"
#include "stock.h"

/*
 * How many large folios are filled before a stream socket gets them: each message
 * costs as much as copying some pages, but the copied bytes must stay in the
 * CPU's cache.
 */
#define PP_SEND_FOLIOS		4

/* How many pages go to the socket in one message by PRIVPIPE_F_DIRECT. */
#define PP_DIRECT_PAGES		256

/**
 * struct pp_sending - one sendfile
 * @in: where from
 * @pos: where in it, in bytes; the bytes before it were sent
 * @out: where to
 * @out_pos: where in it, in bytes
 * @direct: pages of the page cache go to a socket as they are
 * @scratch: if so, where they are meanwhile
 * @bvec: if so, of as many elements as @scratch has buffers
 * @cut: the target has accepted fewer bytes than it was given
 */
struct pp_sending {
	struct file *in;
	loff_t pos;
	struct file *out;
	loff_t out_pos;
	bool direct;
	struct pipe_inode_info *scratch;
	struct bio_vec *bvec;
	bool cut;
};

static int pp_send_flags(struct pp_sending *s, const struct bio_vec *bvec,
			 unsigned int nr, bool more)
{
	int flags = more ? MSG_MORE : 0;

	if (s->direct || (sock_from_file(s->out) && pp_worth_handing(bvec, nr)))
		flags |= MSG_SPLICE_PAGES;
	return flags;
}

/* Send @len bytes, or as many as the target accepts. */
static ssize_t pp_send_all(struct pp_sending *s, struct bio_vec *bvec,
			   unsigned int nr, size_t len, bool more)
{
	ssize_t ret = 0, done = 0;

	while (done < len) {
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		ret = pp_send_bvec(s->out, &s->out_pos, bvec, nr, len - done,
				   pp_send_flags(s, bvec, nr, more));
		if (ret <= 0)
			break;
		done += ret;
		/* Skip the bytes that were sent. */
		while (ret && ret >= bvec->bv_len) {
			ret -= bvec->bv_len;
			bvec++;
			nr--;
		}
		if (ret) {
			bvec->bv_offset += ret;
			bvec->bv_len -= ret;
		}
	}
	s->pos += done;
	s->cut = done < len;
	return done ?: ret;
}

/* Read the next piece of the file into folios that the caller frees. */
static ssize_t pp_send_read(struct pp_sending *s, struct pp_stage *stage,
			    loff_t *pos, size_t len)
{
	ssize_t ret;

	stage->nr = 0;
	*pos = s->pos;
	ret = pp_stage_alloc(stage, 0, pp_read_hint(s->in, *pos, len));
	if (ret)
		return ret;
	ret = pp_read_stage(s->in, pos, stage, 0);
	pp_stage_cut(stage, max_t(ssize_t, ret, 0));
	return ret;
}

/* Copy a piece into private folios and send them; 0 at the end of the file. */
static ssize_t pp_send_copy(struct pp_sending *s, size_t len)
{
	struct socket *sock = sock_from_file(s->out);
	size_t folios = sock && sock->type == SOCK_STREAM ? PP_SEND_FOLIOS : 1;
	size_t piece = min(len, folios * pp_folio_max_pages() * PAGE_SIZE);
	struct bio_vec bvec[PP_STAGE_SLOTS];
	struct pp_stage stage;
	ssize_t ret, got;
	loff_t pos;

	got = pp_send_read(s, &stage, &pos, piece);
	ret = got;
	pp_stage_bvec(&stage, bvec);
	if (got > 0) {
		ret = pp_send_all(s, bvec, stage.nr, got, got < len);
		if (ret > 0)
			pp_count(PP_sendfile_copied, ret);
		/* Use the position that the file has set: that of /dev/zero does not move. */
		if (!s->cut)
			s->pos = pos;
	}
	pp_stage_cut(&stage, 0);
	return ret;
}

/* Send pages of the page cache as they are; 0 at the end of the file. */
static ssize_t pp_send_shared(struct pp_sending *s, size_t len)
{
	struct pipe_inode_info *scratch = s->scratch;
	loff_t pos = s->pos;
	unsigned int i, nr = 0;
	ssize_t ret, got = 0;

	ret = vfs_splice_read(s->in, &pos, scratch, len, 0);
	if (ret <= 0)
		return ret;
	for (i = scratch->tail; i != scratch->head; i++) {
		struct pipe_buffer *buf = pp_stock_buf(scratch, i);

		ret = pipe_buf_confirm(scratch, buf);
		if (ret)
			break;
		bvec_set_page(&s->bvec[nr++], buf->page, buf->len, buf->offset);
		got += buf->len;
	}
	/* A truncated page ends the file here. */
	if (ret == -ENODATA)
		ret = 0;
	if (got) {
		ret = pp_send_all(s, s->bvec, nr, got, got < len);
		if (ret > 0)
			pp_count(PP_socket_shared, ret);
	}
	pp_scratch_drop(scratch);
	return ret;
}

/* Allocate what pp_send_shared() needs; pp_send_file() frees it. */
static bool pp_send_alloc(struct pp_sending *s, size_t len)
{
	size_t pages = DIV_ROUND_UP(offset_in_page(s->pos) + len, PAGE_SIZE);

	s->scratch = pp_scratch_alloc(min_t(size_t, pages, PP_DIRECT_PAGES));
	if (s->scratch)
		s->bvec = kvmalloc_array(s->scratch->ring_size, sizeof(*s->bvec), GFP_KERNEL);
	return s->bvec;
}

/* From a file to a file or socket. */
static ssize_t pp_send_file(struct pp_sending *s, size_t len)
{
	ssize_t ret = -ENOMEM, done = 0;

	if (s->out->f_flags & O_APPEND || !(s->in->f_mode & FMODE_LSEEK))
		return -EINVAL;
	if (!len)
		return 0;
	if (!pp_spliceable(s->in) ||
	    !s->out->f_op->splice_write || !s->out->f_op->write_iter)
		return -EINVAL;

	if (s->direct && !pp_send_alloc(s, len))
		goto out;
	do {
		ret = s->direct ? pp_send_shared(s, len - done) :
				  pp_send_copy(s, len - done);
		done += max_t(ssize_t, ret, 0);
	} while (ret > 0 && done < len && !s->cut);
	/* The file ended early: send the bytes that were held back by MSG_MORE. */
	if (done > 0 && done < len && !s->cut && s->out->f_op->splice_eof)
		s->out->f_op->splice_eof(s->out);
out:
	kvfree(s->bvec);
	pp_scratch_free(s->scratch);
	return done ?: ret;
}

/* Put the bytes that were read into a stock pipe, which is locked. */
static ssize_t pp_stock_add_read(struct pp_sending *s, struct pipe_inode_info *pipe,
				 const struct pp_stage *stage, loff_t pos,
				 ssize_t got, bool nonblock)
{
	ssize_t ret;

	if (got <= 0)
		return got;
	ret = pp_stock_wait_room(pipe, nonblock);
	if (ret)
		return ret;
	ret = pp_stock_push(pipe, stage);
	/* Use the position that the file has set, if all bytes went in. */
	s->pos = ret == got ? pos : s->pos + ret;
	return ret;
}

/*
 * From a file to a stock pipe: one pass, as splice does it.  A file is read
 * with the pipe unlocked, since that may take long, and if the room is gone by
 * then its bytes are still in the file.  A source that can be read only once is
 * read with the room held, as sendfile(2) does.
 */
static ssize_t pp_send_stock(struct pp_sending *s, struct pipe_inode_info *pipe,
			     size_t len)
{
	bool unlocked = pp_rereadable(s->in);
	bool nonblock = s->out->f_flags & O_NONBLOCK;
	struct pp_stage stage;
	ssize_t ret;
	loff_t pos;

	stage.nr = 0;
	pipe_lock(pipe);
	ret = pp_stock_wait_room(pipe, nonblock);
	if (ret || !len)
		goto out;
	ret = -EINVAL;
	if (!pp_spliceable(s->in))
		goto out;
	len = min_t(size_t, len, PAGE_SIZE * pp_stock_room(pipe));
	if (unlocked)
		pipe_unlock(pipe);
	ret = pp_send_read(s, &stage, &pos, len);
	if (unlocked)
		pipe_lock(pipe);
	ret = pp_stock_add_read(s, pipe, &stage, pos, ret, nonblock);
out:
	pipe_unlock(pipe);
	pp_stage_cut(&stage, 0);
	if (ret > 0) {
		pp_count(PP_sendfile_copied, ret);
		pp_stock_wake_readers(pipe);
	}
	return ret;
}

static ssize_t pp_send(struct pp_sending *s, size_t len)
{
	struct pipe_inode_info *pipe = pp_stock_pipe(s->out);
	struct pp_ring *ring = pp_ring_of(s->out);
	ssize_t ret;

	if (s->direct && !sock_from_file(s->out))
		return -EINVAL;
	if (pipe)
		return pp_send_stock(s, pipe, len);
	if (ring)
		return pp_fill_file(ring, s->in, &s->pos, len, 0,
				    PRIVPIPE_POLICY_DEFAULT,
				    s->out->f_flags & O_NONBLOCK);
	ret = rw_verify_area(WRITE, s->out, &s->out_pos, len);
	return ret < 0 ? ret : pp_send_file(s, len);
}

/* The checks of sendfile(2), in its order; then the transfer. */
static ssize_t pp_sendfile_files(struct pp_sending *s, struct fd in, struct fd out,
				 bool has_off, u64 count)
{
	loff_t max;
	ssize_t ret;

	s->in = fd_file(in);
	s->out = fd_file(out);
	if (!s->in || !(s->in->f_mode & FMODE_READ))
		return -EBADF;
	if (has_off && !(s->in->f_mode & FMODE_PREAD))
		return -ESPIPE;
	if (!has_off)
		s->pos = s->in->f_pos;
	if (count > SIZE_MAX)
		return -EINVAL;
	ret = rw_verify_area(READ, s->in, &s->pos, count);
	if (ret < 0)
		return ret;
	count = min_t(u64, count, MAX_RW_COUNT);
	if (!s->out || !(s->out->f_mode & FMODE_WRITE))
		return -EBADF;

	max = min(file_inode(s->in)->i_sb->s_maxbytes,
		  file_inode(s->out)->i_sb->s_maxbytes);
	if (s->pos + (loff_t)count > max) {
		if (s->pos >= max)
			return -EOVERFLOW;
		count = max - s->pos;
	}
	s->out_pos = s->out->f_pos;
	return pp_send(s, count);
}

/**
 * pp_sendfile() - PRIVPIPE_SENDFILE.
 * @call: the call; if it must not wait, it is not even tried, since the files might
 *
 * Return: bytes, or an error as struct privpipe_sendfile says.
 */
long pp_sendfile(struct pp_call *call)
{
	const struct privpipe_sendfile *arg = &call->arg.sendfile;
	struct pp_sending s = { .direct = arg->flags & PRIVPIPE_F_DIRECT };
	ssize_t ret;

	if (arg->flags & ~PRIVPIPE_F_DIRECT)
		return -EINVAL;
	if (call->nonblock)
		return -EAGAIN;
	if (arg->off && copy_from_user(&s.pos, u64_to_user_ptr(arg->off),
				       sizeof(s.pos)))
		return -EFAULT;

	CLASS(fd, in)(arg->fd_in);
	CLASS(fd, out)(arg->fd_out);
	ret = pp_sendfile_files(&s, in, out, arg->off, arg->count);
	if (ret > 0) {
		fsnotify_access(s.in);
		fsnotify_modify(s.out);
		s.out->f_pos = s.out_pos;
		if (!arg->off)
			s.in->f_pos = s.pos;
	}
	if (arg->off && copy_to_user(u64_to_user_ptr(arg->off), &s.pos,
				     sizeof(s.pos)))
		return -EFAULT;
	return ret;
}
