/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_FILE_H
#define PRIVPIPE_FILE_H

#include <linux/fs.h>

#include "ring.h"

int pp_ring_fill_user(struct pp_ring *ring, struct iov_iter *from, size_t len,
		      unsigned int flags, ssize_t *done);
ssize_t pp_ring_copy_user(struct pp_ring *ring, struct iov_iter *to, bool packets);

int pp_file_pair(struct pp_ring *ring, int flags, struct file *ends[2]);

#endif /* PRIVPIPE_FILE_H */
