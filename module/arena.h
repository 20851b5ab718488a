/* SPDX-License-Identifier: GPL-2.0 */
/* User memory whose pages can be given away. */
#ifndef PRIVPIPE_ARENA_H
#define PRIVPIPE_ARENA_H

#include <linux/types.h>

struct file;
struct pp_ring;

struct file *pp_arena_create(u64 length);
bool pp_arena_gift(struct pp_ring *ring, unsigned long addr, size_t *len);

#endif /* PRIVPIPE_ARENA_H */
