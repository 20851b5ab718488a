// SPDX-License-Identifier: GPL-2.0
/*
 * The rivals: ordinary pipes, the same with sources that always copy, private
 * pipes, and what a program does without a pipe.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/syscalls.h>
#include <linux/uio.h>

#include <linux/privpipe.h>

#include "file.h"
#include "lab.h"
#include "sendfile.h"
#include "splice.h"

/*
 * One call each.  In User-Mode Linux system calls have no wrappers; what is
 * called here is what a program calls.
 */

static ssize_t lab_stock_splice(int in, int out, size_t len)
{
	return sys_splice(in, NULL, out, NULL, len, 0);
}

static ssize_t lab_private_splice(int on, int in, int out, size_t len,
				  unsigned int policy)
{
	struct privpipe_splice arg = {
		.size = sizeof(arg),
		.fd_in = in,
		.fd_out = out,
		.len = len,
		.policy = policy,
	};
	CLASS(fd, f)(on);

	return pp_splice(fd_file(f), &arg, false);
}

static ssize_t lab_private_sendfile(struct lab *lab, unsigned int flags)
{
	struct privpipe_sendfile arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd_in = lab->in,
		.fd_out = lab->out,
		.count = lab->chunk,
	};
	CLASS(fd, f)(lab->device);

	return pp_sendfile(fd_file(f), &arg, false);
}

/* Move @n bytes on by @out, which may take several calls. */
static ssize_t lab_drain(struct lab *lab, size_t n,
			 ssize_t (*out)(struct lab *lab, size_t done, size_t left))
{
	size_t done = 0;

	while (done < n) {
		ssize_t moved = out(lab, done, n - done);
		int ret;

		if (!moved)
			return -EPIPE;
		if (moved < 0 && moved != -EAGAIN)
			return moved;
		moved = max_t(ssize_t, moved, 0);
		ret = lab_receive(lab, moved);
		if (ret)
			return ret;
		done += moved;
	}
	return n;
}

/*
 * From a file to a sink
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
	ssize_t n = lab_limit(lab);

	return n <= 0 ? n : lab_drain(lab, n, lab_write);
}

static ssize_t lab_stock_out(struct lab *lab, size_t done, size_t left)
{
	return lab_stock_splice(lab->stock[0].rd, lab->out, left);
}

static ssize_t lab_through_stock(struct lab *lab, int in)
{
	ssize_t n = lab_stock_splice(in, lab->stock[0].wr, lab->chunk);

	return n <= 0 ? n : lab_drain(lab, n, lab_stock_out);
}

static ssize_t lab_stock(struct lab *lab)
{
	return lab_through_stock(lab, lab->in);
}

static ssize_t lab_copy(struct lab *lab)
{
	return lab_through_stock(lab, lab->in_copy);
}

static ssize_t lab_private_out(struct lab *lab, size_t done, size_t left)
{
	int rd = lab->private[0].rd;

	return lab_private_splice(rd, rd, lab->out, left, 0);
}

static ssize_t lab_through_private(struct lab *lab, unsigned int policy)
{
	int wr = lab->private[0].wr;
	ssize_t n = lab_private_splice(wr, lab->in, wr, lab->chunk, policy);

	return n <= 0 ? n : lab_drain(lab, n, lab_private_out);
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

/* A sendfile stops when the socket is full; what is left goes next time. */
static ssize_t lab_sent(struct lab *lab, ssize_t sent)
{
	int ret;

	if (sent <= 0 && sent != -EAGAIN)
		return sent;
	sent = max_t(ssize_t, sent, 0);
	ret = lab_receive(lab, sent);
	return ret ?: sent;
}

static ssize_t lab_sendfile(struct lab *lab)
{
	return lab_sent(lab, sys_sendfile64(lab->out, lab->in, NULL, lab->chunk));
}

static ssize_t lab_sendfile_copy(struct lab *lab)
{
	return lab_sent(lab, sys_sendfile64(lab->out, lab->in_copy, NULL,
					    lab->chunk));
}

static ssize_t lab_sendfile_private(struct lab *lab)
{
	return lab_sent(lab, lab_private_sendfile(lab, 0));
}

static ssize_t lab_sendfile_direct(struct lab *lab)
{
	return lab_sent(lab, lab_private_sendfile(lab, PRIVPIPE_F_DIRECT));
}

#define LAB_FILE_ARMS							\
	{ "limit", lab_limit },						\
	{ "readwrite", lab_readwrite },					\
	{ "stock", lab_stock },						\
	{ "copy", lab_copy },						\
	{ "private", lab_private },					\
	{ "auto", lab_auto },						\
	{ "take", lab_take }

static const struct lab_arm lab_null_arms[] = {
	LAB_FILE_ARMS,
	{}
};

static const struct lab_arm lab_tcp_arms[] = {
	LAB_FILE_ARMS,
	{ "sendfile", lab_sendfile },
	{ "sendfile-copy", lab_sendfile_copy },
	{ "sendfile-private", lab_sendfile_private },
	{ "sendfile-direct", lab_sendfile_direct },
	{}
};

static const struct lab_arm lab_file_arms[] = {
	LAB_FILE_ARMS,
	{ "sendfile", lab_sendfile },
	{ "sendfile-copy", lab_sendfile_copy },
	{ "sendfile-private", lab_sendfile_private },
	{}
};

const struct lab_path lab_paths[] = {
	{ "null", lab_null_arms, true, lab_sink_null },
	{ "discard", lab_tcp_arms, true, lab_sink_tcp, true },
	{ "read", lab_tcp_arms, true, lab_sink_tcp },
	{ "file", lab_file_arms, true, lab_sink_file },
	{}
};
