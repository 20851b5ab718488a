// SPDX-License-Identifier: GPL-2.0
/*
 * Replies to FUSE requests that are shorter than their headers say.
 *
 * To answer a READ, libfuse puts a header into a pipe by vmsplice, then splices from
 * a file, and then splices both to /dev/fuse.  If the file turns out to be shorter than
 * the request, libfuse corrects the header in its own memory, and the copy in the pipe
 * stays wrong.  The kernel would refuse the reply, libfuse would not send another, and
 * the reader would wait forever.  So look at the pipe just before
 * fuse_dev_splice_write() does, and reduce a length in the header that is larger than
 * the reply.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/fuse.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/unaligned.h>

#include "harden.h"

/* Whether a pipe, which is locked, has @len bytes.  If not, the device refuses the reply. */
static bool pph_pipe_has(const struct pipe_inode_info *pipe, size_t len)
{
	unsigned int i;
	size_t sum = 0;

	for (i = pipe->tail; i != pipe->head && sum < len; i++)
		sum += pipe->bufs[i & (pipe->ring_size - 1)].len;
	return sum >= len;
}

/* Correct the header of a reply of @len bytes in a pipe, which is locked. */
static void pph_mend_header(const struct pipe_inode_info *pipe, size_t len)
{
	const struct pipe_buffer *buf =
		&pipe->bufs[pipe->tail & (pipe->ring_size - 1)];
	__u32 *says;

	BUILD_BUG_ON(offsetof(struct fuse_out_header, len));
	/* Write only to memory that was copied here, and that no other pipe has. */
	if (pipe_empty(pipe->head, pipe->tail) ||
	    buf->len < sizeof(struct fuse_out_header) ||
	    buf->ops != &nosteal_pipe_buf_ops ||
	    !pph_page_is_private(buf->page) || !pph_pipe_has(pipe, len))
		return;
	says = page_address(buf->page) + buf->offset;
	if (get_unaligned(says) > len)
		put_unaligned(len, says);
}

static void pph_before_reply(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pipe_inode_info *pipe = (void *)ftrace_regs_get_argument(fregs, 0);
	size_t len = ftrace_regs_get_argument(fregs, 3);

	/* This must not sleep; the mutex is free, since libfuse has a pipe for each thread. */
	if (mutex_trylock(&pipe->mutex)) {
		pph_mend_header(pipe, len);
		mutex_unlock(&pipe->mutex);
	}
}

static struct ftrace_ops pph_fuse_ops = {
	.func = pph_before_reply,
	.flags = FTRACE_OPS_FL_RECURSION | FTRACE_OPS_FL_PERMANENT,
};

/**
 * pph_fuse_start() - Correct replies from now on.
 * @obj: the object that has FUSE: the kernel, or a module that was just loaded
 *
 * Return: 0; most file systems need no correction, so a failure is only logged.
 */
int pph_fuse_start(struct klp_object *obj)
{
	if (pph_hook(&pph_fuse_ops, "fuse_dev_splice_write"))
		pr_warn("short replies that are spliced to /dev/fuse will be refused\n");
	return 0;
}

/**
 * pph_fuse_stop() - Undo pph_fuse_start().
 * @obj: the object that has FUSE
 */
void pph_fuse_stop(struct klp_object *obj)
{
	pph_unhook(&pph_fuse_ops);
}
