/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that a stock pipe keeps for later writes: one in 6.12, a pool of them in 7.x. */
#ifndef PRIVPIPE_LAB_PIPE_H
#define PRIVPIPE_LAB_PIPE_H

#include <linux/pipe_fs_i.h>

/**
 * pp_pipe_spare() - How many pages does a stock pipe keep?
 * @pipe: the pipe
 *
 * Return: the number, without the pages that hold bytes.
 */
static inline unsigned int pp_pipe_spare(const struct pipe_inode_info *pipe)
{
#ifdef PIPE_PREALLOC_MAX
	return pipe->prealloc.count;
#else
	return !!pipe->tmp_page;
#endif
}

#endif /* PRIVPIPE_LAB_PIPE_H */
