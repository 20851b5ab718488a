/* SPDX-License-Identifier: GPL-2.0 */
/* struct folio_batch: in linux/pagevec.h in 6.12, in a header of its own in 7.x. */
#ifndef PRIVPIPE_COMPAT_FOLIO_BATCH_H
#define PRIVPIPE_COMPAT_FOLIO_BATCH_H

#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#endif /* PRIVPIPE_COMPAT_FOLIO_BATCH_H */
