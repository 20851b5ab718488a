// SPDX-License-Identifier: GPL-2.0
/*
 * The rivals: stock pipes, the same with sources that always copy or with
 * privpipe_harden.ko, private pipes, and the ways without a pipe.
 */
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/sizes.h>
#include <linux/splice.h>
#include <linux/syscalls.h>
#include <linux/uio.h>

#include <linux/privpipe.h>

#include "command.h"
#include "lab.h"
#include "pair.h"
#include "sendfile.h"
#include "splice.h"
#include "../../module/user.h"	/* User-Mode Linux has a user.h, too */

/*
 * One call each.  In User-Mode Linux system calls have no wrappers; what is
 * called here is what a program calls.
 */

static ssize_t lab_stock_splice(int in, int out, size_t len, unsigned int flags)
{
	return sys_splice(in, NULL, out, NULL, len, flags);
}

static ssize_t lab_private_splice(int on, int in, int out, size_t len,
				  unsigned int policy)
{
	CLASS(fd, f)(on);
	struct pp_call call = {
		.file = fd_file(f),
		.arg.splice = {
			.fd_in = in,
			.fd_out = out,
			.len = len,
			.policy = policy,
		},
	};

	if (!IS_ENABLED(CONFIG_PRIVPIPE))
		return -EOPNOTSUPP;
	return pp_splice(&call);
}

static ssize_t lab_private_sendfile(struct lab *lab, unsigned int flags)
{
	struct pp_call call = {
		.arg.sendfile = {
			.flags = flags,
			.fd_in = lab->in,
			.fd_out = lab->out,
			.count = lab->chunk,
		},
	};
	CLASS(fd, f)(lab->device);

	if (!IS_ENABLED(CONFIG_PRIVPIPE))
		return -EOPNOTSUPP;
	/* It is called on a descriptor, but that is all about it. */
	return fd_file(f) ? pp_sendfile(&call) : -EBADF;
}

/* vmsplice() does not look at O_NONBLOCK. */
static unsigned int lab_nonblock(const struct lab *lab)
{
	return lab->filling ? SPLICE_F_NONBLOCK : 0;
}

static ssize_t lab_private_vmsplice(struct lab *lab, unsigned int flags)
{
	CLASS(fd, f)(lab->pipe[lab->turn].wr);
	struct pp_call call = {
		.file = fd_file(f),
		.arg.vmsplice = {
			.flags = flags | lab_nonblock(lab),
			.iov = lab->iov,
			.nr_segs = 1,
		},
	};

	if (!IS_ENABLED(CONFIG_PRIVPIPE))
		return -EOPNOTSUPP;
	return pp_vmsplice(&call);
}

/**
 * lab_empty_pipe() - Read what a step has put into a pipe.
 * @lab: the case
 * @pipe: the pipe; nothing is read if another task does, or if it is to be full
 * @n: how many bytes, which are there, or an error
 *
 * Return: @n or an error.
 */
ssize_t lab_empty_pipe(struct lab *lab, struct lab_pipe *pipe, ssize_t n)
{
	ssize_t ret, done;

	if (lab->apart || (lab->filling && pipe == lab->pipe))
		return n;
	for (done = 0; done < n; done += ret) {
		ret = kernel_read(pipe->rd_file, lab->buf,
				  min_t(size_t, n - done, lab->chunk), NULL);
		if (ret <= 0)
			return ret ?: -EPIPE;
		if (lab->verify)
			lab->crc = crc32_le(lab->crc, lab->buf, ret);
	}
	return n;
}

/*
 * Move @n bytes on by @out, which may take several calls: what the sink does not take
 * is offered again when its peer has read.  Read them where the way has no sink.
 */
static ssize_t lab_drain(struct lab *lab, ssize_t n,
			 ssize_t (*out)(struct lab *lab, size_t done, size_t left))
{
	ssize_t done = 0;

	if (!lab->out_file)
		return lab_empty_pipe(lab, &lab->pipe[lab->turn], n);
	while (done < n) {
		ssize_t moved = out(lab, done, n - done);
		int ret;

		if (!moved)
			return -EPIPE;
		if (moved < 0 && moved != -EAGAIN)
			return moved;
		if (moved < n - done)
			lab->refused = true;
		moved = max_t(ssize_t, moved, 0);
		ret = lab_receive(lab, moved);
		if (ret)
			return ret;
		done += moved;
		if (!moved)
			cond_resched();	/* TCP may be due to do something */
	}
	return n;
}

/*
 * From a file or socket to a sink, or to a reader of the pipe
 */

static ssize_t lab_limit(struct lab *lab)
{
	return kernel_read(lab->in_file, lab->buf, lab->chunk,
			   &lab->in_file->f_pos);
}

static ssize_t lab_write(struct lab *lab, size_t done, size_t left)
{
	struct kvec vec = { .iov_base = lab->buf + done, .iov_len = left };
	struct iov_iter from;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, left);
	return vfs_iter_write(lab->out_file, &from, &lab->out_file->f_pos, 0);
}

static ssize_t lab_readwrite(struct lab *lab)
{
	return lab_drain(lab, lab_limit(lab), lab_write);
}

/* As cat(1) does it. */
static ssize_t lab_cat(struct lab *lab)
{
	ssize_t n = lab_limit(lab);

	if (n > 0)
		n = kernel_write(lab->pipe[lab->turn].wr_file, lab->buf, n, NULL);
	return lab_empty_pipe(lab, &lab->pipe[lab->turn], n);
}

static ssize_t lab_stock_out(struct lab *lab, size_t done, size_t left)
{
	return lab_stock_splice(lab->pipe[lab->turn].rd, lab->out, left, 0);
}

static ssize_t lab_through_stock(struct lab *lab, unsigned int flags)
{
	int wr = lab->pipe[lab->turn].wr;

	return lab_drain(lab, lab_stock_splice(lab->in, wr, lab->chunk, flags),
			 lab_stock_out);
}

static ssize_t lab_stock(struct lab *lab)
{
	return lab_through_stock(lab, 0);
}

/* As a program asks the series "steal" for it: by posix_fadvise(), and in each call. */
static ssize_t lab_stock_take(struct lab *lab)
{
	lab->in_file->f_mode |= FMODE_NOREUSE;
	return lab_through_stock(lab, SPLICE_F_MOVE);
}

static ssize_t lab_private_out(struct lab *lab, size_t done, size_t left)
{
	int rd = lab->pipe[lab->turn].rd;

	return lab_private_splice(rd, rd, lab->out, left, 0);
}

static ssize_t lab_through_private(struct lab *lab, unsigned int policy)
{
	int wr = lab->pipe[lab->turn].wr;

	return lab_drain(lab, lab_private_splice(wr, lab->in, wr, lab->chunk, policy),
			 lab_private_out);
}

static ssize_t lab_private(struct lab *lab)
{
	return lab_through_private(lab, PRIVPIPE_POLICY_NEVER);
}

static ssize_t lab_auto(struct lab *lab)
{
	return lab_through_private(lab, PRIVPIPE_POLICY_AUTO);
}

static ssize_t lab_take(struct lab *lab)
{
	return lab_through_private(lab, PRIVPIPE_POLICY_ALWAYS);
}

/*
 * A sendfile stops when the socket is full; the rest goes with the next call, after the
 * peer has read.
 */
static ssize_t lab_send(struct lab *lab, ssize_t (*send)(struct lab *lab))
{
	ssize_t sent;
	int ret;

	do {
		sent = send(lab);
		if (sent < lab->chunk)
			lab->refused = true;
		if (sent <= 0 && sent != -EAGAIN)
			return sent;
		ret = lab_receive(lab, max_t(ssize_t, sent, 0));
		if (ret)
			return ret;
		if (sent < 0)
			cond_resched();	/* TCP may be due to do something */
	} while (sent < 0);
	return sent;
}

static ssize_t lab_send_stock(struct lab *lab)
{
	return sys_sendfile64(lab->out, lab->in, NULL, lab->chunk);
}

static ssize_t lab_sendfile(struct lab *lab)
{
	return lab_send(lab, lab_send_stock);
}

static ssize_t lab_send_private(struct lab *lab)
{
	return lab_private_sendfile(lab, 0);
}

static ssize_t lab_sendfile_private(struct lab *lab)
{
	return lab_send(lab, lab_send_private);
}

static ssize_t lab_send_direct(struct lab *lab)
{
	return lab_private_sendfile(lab, PRIVPIPE_F_DIRECT);
}

static ssize_t lab_sendfile_direct(struct lab *lab)
{
	return lab_send(lab, lab_send_direct);
}

/*
 * From memory, through one pipe or two, to a reader, or to a sink
 */

static ssize_t lab_fill_pipe(struct lab *lab)
{
	return kernel_write(lab->pipe[0].wr_file, lab->data, lab->chunk, NULL);
}

static ssize_t lab_write_read(struct lab *lab)
{
	return lab_empty_pipe(lab, &lab->pipe[0], lab_fill_pipe(lab));
}

static int lab_prepare_pipe(struct lab *lab)
{
	ssize_t n = lab_fill_pipe(lab);

	return n == lab->chunk ? 0 : min_t(ssize_t, n, -EIO);
}

static int lab_finish_pipe(struct lab *lab)
{
	return min_t(ssize_t, 0, lab_empty_pipe(lab, &lab->pipe[1], lab->chunk));
}

static ssize_t lab_stock_move(struct lab *lab)
{
	return lab_stock_splice(lab->pipe[0].rd, lab->pipe[1].wr, lab->chunk, 0);
}

static ssize_t lab_private_move(struct lab *lab)
{
	return lab_private_splice(lab->pipe[0].rd, lab->pipe[0].rd,
				  lab->pipe[1].wr, lab->chunk, 0);
}

static ssize_t lab_read_both(struct lab *lab, ssize_t n)
{
	n = lab_empty_pipe(lab, &lab->pipe[0], n);
	return lab_empty_pipe(lab, &lab->pipe[1], n);
}

static ssize_t lab_stock_dup(struct lab *lab, unsigned int from, unsigned int to)
{
	return sys_tee(lab->pipe[from].rd, lab->pipe[to].wr, lab->chunk, 0);
}

static ssize_t lab_stock_tee(struct lab *lab)
{
	return lab_read_both(lab, lab_stock_dup(lab, 0, 1));
}

static ssize_t lab_private_dup(struct lab *lab, unsigned int from, unsigned int to)
{
	CLASS(fd, f)(lab->pipe[from].rd);
	struct pp_call call = {
		.file = fd_file(f),
		.arg.tee = {
			.fd_in = lab->pipe[from].rd,
			.fd_out = lab->pipe[to].wr,
			.len = lab->chunk,
		},
	};

	if (!IS_ENABLED(CONFIG_PRIVPIPE))
		return -EOPNOTSUPP;
	return pp_tee(&call);
}

static ssize_t lab_private_tee(struct lab *lab)
{
	return lab_read_both(lab, lab_private_dup(lab, 0, 1));
}

/* Act as the program that has made the bytes to send. */
static int lab_prepare_user(struct lab *lab)
{
	struct iovec iov = {
		.iov_base = (void __user *)lab->user,
		.iov_len = lab->chunk,
	};

	if (copy_to_user((void __user *)lab->user, lab->data, lab->chunk) ||
	    copy_to_user((void __user *)lab->iov, &iov, sizeof(iov)))
		return -EFAULT;
	return 0;
}

static ssize_t lab_user_out(struct lab *lab, size_t done, size_t left)
{
	return sys_write(lab->out, (const char __user *)lab->user + done, left);
}

/* To the pipe, or to the sink without a pipe. */
static ssize_t lab_user_write(struct lab *lab)
{
	ssize_t n = lab->chunk;

	if (!lab->out_file)
		n = sys_write(lab->pipe[lab->turn].wr,
			      (const char __user *)lab->user, n);
	return lab_drain(lab, n, lab_user_out);
}

static ssize_t lab_stock_lend(struct lab *lab, unsigned int flags)
{
	return lab_drain(lab, sys_vmsplice(lab->pipe[lab->turn].wr,
					   (const struct iovec __user *)lab->iov,
					   1, flags | lab_nonblock(lab)),
			 lab_stock_out);
}

static ssize_t lab_stock_vmsplice(struct lab *lab)
{
	return lab_stock_lend(lab, 0);
}

static ssize_t lab_stock_gift(struct lab *lab)
{
	return lab_stock_lend(lab, SPLICE_F_GIFT);
}

static ssize_t lab_vmsplice(struct lab *lab)
{
	return lab_drain(lab, lab_private_vmsplice(lab, 0), lab_private_out);
}

static ssize_t lab_gift(struct lab *lab)
{
	return lab_drain(lab, lab_private_vmsplice(lab, SPLICE_F_GIFT),
			 lab_private_out);
}

/*
 * Into the first pipe until it is full: pages of as many folios as possible
 */

/* Go to the next folio of the file, as large as readahead makes them. */
static int lab_prepare_folio(struct lab *lab)
{
	loff_t pos = round_up(lab->in_file->f_pos, SZ_128K);

	lab->in_file->f_pos = pos < lab->size ? pos : 0;
	return 0;
}

/* By way of the second pipe, where the file has just put @n bytes. */
static ssize_t lab_tee_file(struct lab *lab, ssize_t n,
			    ssize_t (*dup)(struct lab *lab, unsigned int from,
					   unsigned int to))
{
	ssize_t ret = n > 0 ? dup(lab, 1, 0) : n;

	n = lab_empty_pipe(lab, &lab->pipe[1], n);
	return n < 0 ? n : ret;
}

static ssize_t lab_stock_tee_file(struct lab *lab)
{
	return lab_tee_file(lab, lab_stock_splice(lab->in, lab->pipe[1].wr,
						  lab->chunk, 0),
			    lab_stock_dup);
}

static ssize_t lab_private_tee_file(struct lab *lab)
{
	int wr = lab->pipe[1].wr;

	return lab_tee_file(lab, lab_private_splice(wr, lab->in, wr, lab->chunk,
						    PRIVPIPE_POLICY_NEVER),
			    lab_private_dup);
}

/*
 * The tables
 *
 * checkpatch: COMPLEX_MACRO: each makes some elements of an array
 */

#define LAB_SPLICE_ARMS							\
	{ "stock", lab_stock },						\
	{ "copy", lab_stock, LAB_COPIES },				\
	{ "harden", lab_stock, LAB_HARDENS },				\
	{ "private", lab_private, LAB_PRIVATE }

#define LAB_INTO_ARMS							\
	LAB_SPLICE_ARMS,						\
	{ "stock-take", lab_stock_take, LAB_SERIES },			\
	{ "auto", lab_auto, LAB_PRIVATE },				\
	{ "take", lab_take, LAB_PRIVATE }

#define LAB_CACHE_ARMS							\
	{ "limit", lab_limit, LAB_NO_OUTPUT },				\
	LAB_INTO_ARMS

#define LAB_FILE_ARMS							\
	{ "readwrite", lab_readwrite },					\
	LAB_CACHE_ARMS

#define LAB_SENDFILE_ARMS						\
	{ "sendfile", lab_sendfile },					\
	{ "sendfile-copy", lab_sendfile, LAB_COPIES },			\
	{ "sendfile-harden", lab_sendfile, LAB_HARDENS },		\
	{ "sendfile-private", lab_sendfile_private, LAB_MODULE }

static const struct lab_arm lab_plain_arms[] = {
	LAB_FILE_ARMS,
	{}
};

static const struct lab_arm lab_tcp_arms[] = {
	LAB_FILE_ARMS,
	LAB_SENDFILE_ARMS,
	{ "sendfile-direct", lab_sendfile_direct, LAB_MODULE },
	{}
};

static const struct lab_arm lab_file_arms[] = {
	LAB_FILE_ARMS,
	LAB_SENDFILE_ARMS,
	{}
};

static const struct lab_arm lab_cat_arms[] = {
	{ "readwrite", lab_cat },
	LAB_CACHE_ARMS,
	{}
};

static const struct lab_arm lab_relay_arms[] = {
	{ "readwrite", lab_readwrite },
	LAB_SPLICE_ARMS,
	{}
};

static const struct lab_arm lab_pipe_arms[] = {
	{ "stock", lab_write_read },
	{ "private", lab_write_read, LAB_PRIVATE },
	{}
};

static const struct lab_arm lab_move_arms[] = {
	{ "stock", lab_stock_move },
	{ "private", lab_private_move, LAB_PRIVATE },
	{}
};

static const struct lab_arm lab_tee_arms[] = {
	{ "stock", lab_stock_tee },
	{ "private", lab_private_tee, LAB_PRIVATE },
	{}
};

static const struct lab_arm lab_nfs_arms[] = {
	{ "stock", lab_limit, LAB_NO_OUTPUT },
	{}
};

static const struct lab_arm lab_into_arms[] = {
	LAB_INTO_ARMS,
	{}
};

static const struct lab_arm lab_tee_file_arms[] = {
	{ "stock", lab_stock_tee_file },
	{ "harden", lab_stock_tee_file, LAB_HARDENS },
	{ "private", lab_private_tee_file, LAB_PRIVATE },
	{}
};

static const struct lab_arm lab_memory_arms[] = {
	{ "write", lab_user_write },
	{ "stock", lab_stock_vmsplice },
	{ "stock-gift", lab_stock_gift },
	{ "harden", lab_stock_vmsplice, LAB_HARDENS },
	{ "private", lab_vmsplice, LAB_PRIVATE },
	{ "private-gift", lab_gift, LAB_PRIVATE | LAB_ARENA },
	{}
};

const struct lab_path lab_paths[] = {
	{ "null", lab_plain_arms, lab_source_file, lab_sink_null },
	{ "read", lab_tcp_arms, lab_source_file, lab_sink_tcp },
	{ "discard", lab_tcp_arms, lab_source_file, lab_sink_tcp,
	  .flags = LAB_DISCARD },
	{ "slow", lab_tcp_arms, lab_source_file, lab_sink_tcp,
	  .flags = LAB_DISCARD | LAB_SLOW },
	{ "file", lab_file_arms, lab_source_file, lab_sink_file },
	{ "web", lab_tcp_arms, lab_source_web, lab_sink_tcp,
	  .flags = LAB_DISCARD },
	{ "cat", lab_cat_arms, lab_source_file },
	{ "relay", lab_relay_arms, lab_source_tcp, lab_sink_tcp, lab_feed },
	{ "nfs", lab_nfs_arms, lab_source_file },
	{ "pipe", lab_pipe_arms },
	{ "move", lab_move_arms, NULL, NULL, lab_prepare_pipe, lab_finish_pipe },
	{ "through", lab_move_arms, NULL, NULL, lab_prepare_pipe,
	  lab_finish_pipe, .flags = LAB_TIME_ALL },
	{ "tee", lab_tee_arms, NULL, NULL, lab_prepare_pipe, .copies = 2 },
	{ "vmsplice", lab_memory_arms, lab_source_memory, NULL,
	  lab_prepare_user },
	{ "produce", lab_memory_arms, lab_source_memory, NULL,
	  lab_prepare_user, .flags = LAB_TIME_ALL },
	{ "send", lab_memory_arms, lab_source_memory, lab_sink_tcp,
	  lab_prepare_user },
	{ "pin-splice", lab_into_arms, lab_source_file, NULL,
	  lab_prepare_folio, .flags = LAB_FULL | LAB_TIME_ALL },
	{ "pin-tee", lab_tee_file_arms, lab_source_file, NULL,
	  lab_prepare_folio, .flags = LAB_FULL | LAB_TIME_ALL },
	{ "pin-vmsplice", lab_memory_arms, lab_source_memory, NULL,
	  lab_prepare_user, .flags = LAB_FULL | LAB_TIME_ALL },
	{ "pin-write", lab_pipe_arms, .flags = LAB_FULL | LAB_TIME_ALL },
	{}
};
