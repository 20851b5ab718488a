/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_FILE_H
#define PRIVPIPE_FILE_H

#include <linux/fs.h>

#include "fs.h"
#include "ring.h"

extern const struct pp_kind pp_end;

/**
 * pp_ring_of() - The private pipe that a file is an end of.
 * @file: any file
 *
 * Return: the pipe, alive as long as @file is, or NULL.
 */
static inline struct pp_ring *pp_ring_of(struct file *file)
{
	return file->f_op == &pp_end.fops ? file->private_data : NULL;
}

int pp_ring_fill_user(struct pp_ring *ring, struct iov_iter *from, size_t len,
		      unsigned int flags, ssize_t *done);
ssize_t pp_ring_copy_user(struct pp_ring *ring, struct iov_iter *to, bool packets);

int pp_file_pair(struct pp_ring *ring, int flags, struct file *ends[2]);

#endif /* PRIVPIPE_FILE_H */
