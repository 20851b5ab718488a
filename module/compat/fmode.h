/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that report to watches but ask no permission: since 6.14, and in 6.12 since
 * some version between .95 and .107.
 */
#ifndef PRIVPIPE_COMPAT_FMODE_H
#define PRIVPIPE_COMPAT_FMODE_H

#include <linux/fs.h>

#ifndef FMODE_NONOTIFY_PERM
#define FMODE_NONOTIFY_PERM ((__force fmode_t)0)
#endif

#endif /* PRIVPIPE_COMPAT_FMODE_H */
