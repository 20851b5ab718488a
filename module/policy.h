/* SPDX-License-Identifier: GPL-2.0 */
/* When a page may be taken out of the page cache. */
#ifndef PRIVPIPE_POLICY_H
#define PRIVPIPE_POLICY_H

#include <linux/fs.h>

unsigned int pp_policy_resolve(unsigned int policy, unsigned int flags);

void pp_ghost_leave(struct inode *inode, pgoff_t index);
bool pp_ghost_met(struct inode *inode, struct folio *folio);
bool pp_folio_came_back(struct folio *folio);

#endif /* PRIVPIPE_POLICY_H */
