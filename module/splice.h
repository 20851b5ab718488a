/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_SPLICE_H
#define PRIVPIPE_SPLICE_H

#include <linux/fs.h>
#include <linux/pipe_fs_i.h>

#include "ring.h"

struct pp_call;

long pp_splice(struct pp_call *call);

ssize_t pp_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
		       size_t len, unsigned int flags);
ssize_t pp_splice_write(struct pipe_inode_info *pipe, struct file *out,
			loff_t *pos, size_t len, unsigned int flags);

struct pipe_inode_info *pp_stock_pipe(struct file *file);
int pp_stock_wait_room(struct pipe_inode_info *pipe, bool nonblock);
size_t pp_stock_push(struct pipe_inode_info *pipe, const struct pp_stage *stage);
void pp_stock_wake_readers(struct pipe_inode_info *pipe);

bool pp_page_cached(struct file *file);
bool pp_spliceable(struct file *file);
size_t pp_read_hint(struct file *in, loff_t pos, size_t len);
ssize_t pp_read_stage(struct file *in, loff_t *pos, struct pp_stage *stage,
		      unsigned int flags);
ssize_t pp_fill_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int flags, unsigned int policy,
		     bool nonblock);
ssize_t pp_send_bvec(struct file *out, loff_t *pos, struct bio_vec *bvec,
		     unsigned int nr, size_t len, int flags);
bool pp_worth_handing(const struct bio_vec *bvec, unsigned int nr);

ssize_t pp_copy_slot(struct pp_ring *out, const struct pp_slot *slot, size_t len,
		     unsigned int flags);
int pp_two_ready(struct pp_ring *in, struct pp_ring *out, bool nonblock);

#endif /* PRIVPIPE_SPLICE_H */
