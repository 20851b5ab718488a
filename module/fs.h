/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_FS_H
#define PRIVPIPE_FS_H

#include <linux/fs.h>

struct file *pp_file_create(const char *name, umode_t mode, int flags,
			    const struct file_operations *fops, void *private);

int pp_fs_init(void);
void pp_fs_exit(void);

#endif /* PRIVPIPE_FS_H */
