/* SPDX-License-Identifier: GPL-2.0 */
/* Two private pipes. */
#ifndef PRIVPIPE_PAIR_H
#define PRIVPIPE_PAIR_H

#include <linux/types.h>

struct pp_call;
struct pp_ring;

ssize_t pp_splice_two(struct pp_ring *in, struct pp_ring *out, size_t len,
		      bool nonblock);
long pp_tee(struct pp_call *call);

#if IS_ENABLED(CONFIG_KUNIT)
void pp_lock_two(struct pp_ring *a, struct pp_ring *b);
#endif

#endif /* PRIVPIPE_PAIR_H */
