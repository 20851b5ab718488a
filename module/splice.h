/* SPDX-License-Identifier: GPL-2.0 */
/* splice, with files and devices as sources and targets. */
#ifndef PRIVPIPE_SPLICE_H
#define PRIVPIPE_SPLICE_H

#include <linux/fs.h>

#include "ring.h"

struct pp_call;

long pp_splice(struct pp_call *call);

bool pp_rereadable(const struct file *file);
bool pp_spliceable(struct file *file);
size_t pp_read_hint(struct file *in, loff_t pos, size_t len);
ssize_t pp_read_stage(struct file *in, loff_t *pos, struct pp_stage *stage,
		      unsigned int flags);
ssize_t pp_fill_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int flags, unsigned int policy,
		     bool nonblock);
ssize_t pp_send_bvec(struct file *out, loff_t *pos, struct bio_vec *bvec,
		     unsigned int nr, size_t len, int flags);

#endif /* PRIVPIPE_SPLICE_H */
