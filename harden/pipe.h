/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_HARDEN_PIPE_H
#define PRIVPIPE_HARDEN_PIPE_H

#include <linux/highmem.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/signal.h>

/* Slots that are free in a pipe, which is locked. */
static inline unsigned int pph_room(const struct pipe_inode_info *pipe)
{
	unsigned int used = pipe_occupancy(pipe->head, pipe->tail);

	return used < pipe->max_usage ? pipe->max_usage - used : 0;
}

/*
 * Put a page into a pipe that has room; the pipe takes over the caller's reference.  Pages
 * in a pipe outlive this module, so their operations are the kernel's own.
 */
static inline void pph_push(struct pipe_inode_info *pipe, struct page *page,
			    unsigned int offset, unsigned int len)
{
	/* A recycled page may hold another task's data: zero what the copy does not fill. */
	zero_user_segments(page, 0, offset, offset + len, PAGE_SIZE);
	*pipe_head_buf(pipe) = (struct pipe_buffer) {
		.page = page,
		.offset = offset,
		.len = len,
		.ops = &nosteal_pipe_buf_ops,
	};
	pipe->head++;
}

/* Send SIGPIPE and return -EPIPE. */
static inline int pph_no_readers(void)
{
	send_sig(SIGPIPE, current, 0);
	return -EPIPE;
}

#endif /* PRIVPIPE_HARDEN_PIPE_H */
