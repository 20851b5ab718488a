// SPDX-License-Identifier: GPL-2.0
/*
 * Replies to FUSE requests that are shorter than their headers say.
 *
 * To answer a READ, libfuse puts a header into a pipe by vmsplice, then splices from
 * a file, and then splices both to /dev/fuse.  When the file turns out to be shorter
 * than what was asked for, it corrects the header in its memory, and the pipe has a
 * copy that is wrong.  The kernel would refuse the reply, libfuse has no other, and
 * the reader would wait.  So look at what comes, just before fuse_dev_splice_write()
 * does, and let the header say what is spliced.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/fuse.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/unaligned.h>

#include "harden.h"

/* A pipe, which is locked, is about to give @len bytes to a FUSE device. */
static void pph_mend_header(const struct pipe_inode_info *pipe, size_t len)
{
	const struct pipe_buffer *buf =
		&pipe->bufs[pipe->tail & (pipe->ring_size - 1)];
	__u32 *says;

	BUILD_BUG_ON(offsetof(struct fuse_out_header, len));
	/* Memory that was copied here, and that no other pipe has. */
	if (pipe_empty(pipe->head, pipe->tail) ||
	    buf->len < sizeof(struct fuse_out_header) ||
	    buf->ops != &nosteal_pipe_buf_ops || !pph_page_is_private(buf->page))
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

	/* Not the place to sleep; libfuse has a pipe for each thread. */
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
 * pph_fuse_start() - Look after replies.
 * @obj: what has FUSE in it: the kernel, or a module that was just loaded
 *
 * Return: 0; without it most file systems do as well.
 */
int pph_fuse_start(struct klp_object *obj)
{
	static const struct pph_point reply = { .name = "fuse_dev_splice_write" };
	int ret = pph_set_filter(&pph_fuse_ops, &reply);

	if (!ret)
		ret = register_ftrace_function(&pph_fuse_ops);
	if (ret)
		pr_warn("short replies that are spliced to /dev/fuse will be refused: error %d\n",
			ret);
	return 0;
}

/**
 * pph_fuse_stop() - No longer.
 * @obj: what has FUSE in it
 */
void pph_fuse_stop(struct klp_object *obj)
{
	if (pph_fuse_ops.flags & FTRACE_OPS_FL_ENABLED)
		unregister_ftrace_function(&pph_fuse_ops);
	/* Not ftrace_free_filter(), which is for an ftrace_ops that is not used again. */
	ftrace_set_filter(&pph_fuse_ops, NULL, 0, 1);
}
