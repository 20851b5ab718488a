/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_STEAL_H
#define PRIVPIPE_STEAL_H

#include <linux/pipe_fs_i.h>

#include "ring.h"
#include "stats.h"

struct pipe_inode_info *pp_scratch_alloc(unsigned int pages);
void pp_scratch_drop(struct pipe_inode_info *scratch);
void pp_scratch_copy(struct pipe_inode_info *scratch, unsigned int *i, size_t *skip,
		     const struct pp_slot *slot);
void pp_scratch_free(struct pipe_inode_info *scratch);

unsigned int pp_policy_resolve(unsigned int policy, unsigned int flags);
ssize_t pp_take_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int policy, unsigned int *room);
struct folio *pp_take_stock(struct pipe_inode_info *pipe,
			    struct pipe_buffer *buf, unsigned int flags);

#if IS_ENABLED(CONFIG_KUNIT)
struct pp_taking;
struct pp_group;

enum pp_counter pp_judge(struct pp_taking *t, const struct pp_group *g);
#endif

#endif /* PRIVPIPE_STEAL_H */
