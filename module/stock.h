/* SPDX-License-Identifier: GPL-2.0 */
/* Stock pipes as sources and targets, and scratch pipes. */
#ifndef PRIVPIPE_STOCK_H
#define PRIVPIPE_STOCK_H

#include <linux/pipe_fs_i.h>

#include "page.h"

struct pipe_inode_info *pp_stock_pipe(struct file *file);
int pp_stock_wait_room(struct pipe_inode_info *pipe, bool nonblock);
size_t pp_stock_push(struct pipe_inode_info *pipe, const struct pp_stage *stage);
void pp_stock_wake_readers(struct pipe_inode_info *pipe);

ssize_t pp_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
		       size_t len, unsigned int flags);
ssize_t pp_splice_write(struct pipe_inode_info *pipe, struct file *out,
			loff_t *pos, size_t len, unsigned int flags);

/* How many pages can be put in; the pipe is locked, or a scratch pipe. */
static inline unsigned int pp_stock_room(const struct pipe_inode_info *pipe)
{
	return pipe->max_usage - pipe_occupancy(pipe->head, pipe->tail);
}

static inline struct pipe_buffer *pp_stock_buf(struct pipe_inode_info *pipe,
					       unsigned int i)
{
	return &pipe->bufs[i & (pipe->ring_size - 1)];
}

struct pipe_inode_info *pp_scratch_alloc(unsigned int pages);
void pp_scratch_drop(struct pipe_inode_info *scratch);
void pp_scratch_copy(struct pipe_inode_info *scratch, unsigned int *i, size_t *skip,
		     const struct pp_slot *slot);
void pp_scratch_free(struct pipe_inode_info *scratch);

#if IS_ENABLED(CONFIG_KUNIT)
struct folio *pp_take_stock(struct pipe_inode_info *pipe,
			    struct pipe_buffer *buf, unsigned int flags);
#endif

#endif /* PRIVPIPE_STOCK_H */
