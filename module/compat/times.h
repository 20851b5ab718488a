/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading from and writing to a pipe without a name changed its times until 6.14.
 * checkpatch: LINUX_VERSION_CODE: nothing else tells
 * checkpatch: CONSTANT_COMPARISON: it takes the version for a constant
 */
#ifndef PRIVPIPE_COMPAT_TIMES_H
#define PRIVPIPE_COMPAT_TIMES_H

#include <linux/fs.h>
#include <linux/version.h>

#define PP_HAS_TIMES (LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0))

/** pp_accessed() - Note that @file, a read end, was read from. */
static inline void pp_accessed(struct file *file)
{
	if (PP_HAS_TIMES)
		file_accessed(file);
}

/** pp_modified() - Note that @file, a write end, was written to. */
static inline void pp_modified(struct file *file)
{
	if (PP_HAS_TIMES)
		file_update_time(file);
}

#endif /* PRIVPIPE_COMPAT_TIMES_H */
