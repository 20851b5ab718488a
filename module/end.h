/* SPDX-License-Identifier: GPL-2.0 */
/* The ends of a private pipe. */
#ifndef PRIVPIPE_END_H
#define PRIVPIPE_END_H

struct file;
struct pp_ring;

int pp_end_pair(struct pp_ring *ring, int flags, struct file *ends[2]);

#endif /* PRIVPIPE_END_H */
