/* SPDX-License-Identifier: GPL-2.0 */
/* The indices of a stock pipe: of 32 bits before 6.14, since then of 16 on 32-bit kernels. */
#ifndef PRIVPIPE_COMPAT_PIPE_H
#define PRIVPIPE_COMPAT_PIPE_H

#include <linux/pipe_fs_i.h>

/*
 * Whether who waits for room in a pipe may go on.  Unlocked, so the answer can be stale, but not
 * a "no" that nobody will correct: the tail can only be newer than the head, and may have
 * passed it.
 */
static inline bool pp_stock_writable(const struct pipe_inode_info *pipe)
{
	unsigned int head = smp_load_acquire(&pipe->head); /* before the tail */
	int used = head - READ_ONCE(pipe->tail);

	if (sizeof(pipe->head) == sizeof(short))
		used = (short)used;
	return !READ_ONCE(pipe->readers) || used < (int)READ_ONCE(pipe->max_usage);
}

#endif /* PRIVPIPE_COMPAT_PIPE_H */
