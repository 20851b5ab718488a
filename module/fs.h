/* SPDX-License-Identifier: GPL-2.0 */
/* The pseudo filesystem where pipes and arenas live. */
#ifndef PRIVPIPE_FS_H
#define PRIVPIPE_FS_H

#include <linux/fs.h>

/**
 * struct pp_kind - a kind of file in the pseudo filesystem
 * @name: the name that /proc/PID/fd shows before the inode number
 * @mode: S_IFIFO or S_IFREG
 * @fops: operations of its files; without an owner, since the inode holds the
 *	module
 * @destroy: frees the private data of an inode when the inode is evicted
 */
struct pp_kind {
	const char *name;
	umode_t mode;
	const struct file_operations fops;
	void (*destroy)(void *private);
};

struct pp_ring;

struct pp_ring *pp_ring_of(struct file *file);
struct file *pp_file_create(const struct pp_kind *kind, int flags,
			    void *private);

int pp_fs_init(void);
void pp_fs_exit(void);

#endif /* PRIVPIPE_FS_H */
