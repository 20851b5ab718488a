/* SPDX-License-Identifier: GPL-2.0 */
/* Taking pages out of the page cache. */
#ifndef PRIVPIPE_TAKE_H
#define PRIVPIPE_TAKE_H

#include "ring.h"
#include "stats.h"

/**
 * struct pp_group - successive buffers of a scratch pipe in one folio
 * @folio: the folio
 * @from: index of the first buffer
 * @to: index behind the last buffer
 * @bytes: how many bytes they have together
 */
struct pp_group {
	struct folio *folio;
	unsigned int from;
	unsigned int to;
	size_t bytes;
};

bool pp_pays_for(struct folio *folio);
ssize_t pp_take_file(struct pp_stage *stage, struct file *in, loff_t *pos,
		     size_t len, unsigned int policy);

#if IS_ENABLED(CONFIG_KUNIT)
struct pp_taking;

enum pp_counter pp_judge(struct pp_taking *t, const struct pp_group *g);
#endif

#endif /* PRIVPIPE_TAKE_H */
