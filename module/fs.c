// SPDX-License-Identifier: GPL-2.0
/*
 * The pseudo filesystem where pipes and arenas live.
 */
#include <linux/delay.h>
#include <linux/fsnotify.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "compat/fmode.h"
#include "fs.h"

/*
 * The pseudo filesystem.  It is mounted as long as the module is loaded, like
 * the one of stock pipes: shutting it down with an inode in it would wait for
 * the tasks that watch that inode, and sync(2) would wait with it.  Each inode holds
 * the module, since O_PATH descriptors, watches and events that nobody has read
 * hold an inode without any open file.
 */
static struct vfsmount *pp_mnt;

static void pp_evict_inode(struct inode *inode)
{
	clear_inode(inode);
	if (!inode->i_private)
		return;	/* the root */
	container_of_const(inode->i_fop, struct pp_kind,
			   fops)->destroy(inode->i_private);
	/* pp_fs_exit() waits until this has returned to the core. */
	module_put(THIS_MODULE);
}

static const struct super_operations pp_super_operations = {
	.statfs		= simple_statfs,
	.evict_inode	= pp_evict_inode,
};

static char *pp_dname(struct dentry *dentry, char *buffer, int buflen)
{
	/* The same as dynamic_dname(), which modules can't call. */
	char name[48];
	int len = snprintf(name, sizeof(name), "%s:[%llu]",
			   dentry->d_name.name, (u64)d_inode(dentry)->i_ino) + 1;

	if (len > buflen)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + buflen - len, name, len);
}

/*
 * The only way to the inode is gone, so nothing more can happen to it.  End the
 * watches, which would keep the inode, and with it memory and the module.
 */
static void pp_d_iput(struct dentry *dentry, struct inode *inode)
{
	fsnotify_inode_delete(inode);
	iput(inode);
}

static const struct dentry_operations pp_dentry_operations = {
	.d_dname	= pp_dname,
	.d_iput		= pp_d_iput,
};

static int pp_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, PIPEFS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &pp_super_operations;
	ctx->dops = &pp_dentry_operations;
	return 0;
}

/* Without an owner, or else the superblock would hold the module forever. */
static struct file_system_type pp_fs_type = {
	.name			= "privpipe",
	.init_fs_context	= pp_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * pp_fs_init() - Mount the pseudo filesystem.
 *
 * Return: 0 or an error.
 */
int pp_fs_init(void)
{
	pp_mnt = kern_mount(&pp_fs_type);
	return PTR_ERR_OR_ZERO(pp_mnt);
}

/**
 * pp_fs_exit() - Unmount the filesystem.
 *
 * Nobody holds the module, so all inodes are gone.  When this returns, the core no
 * longer refers to the filesystem.
 */
void pp_fs_exit(void)
{
	struct super_block *sb = pp_mnt->mnt_sb;

	/*
	 * The task that has just evicted the last inode still has the mount and our
	 * functions on the stack.  This reference makes sure that the superblock
	 * is shut down here, after all of them.
	 */
	atomic_inc(&sb->s_active);
	kern_unmount(pp_mnt);
	while (atomic_read(&sb->s_active) > 1)
		msleep(20);
	deactivate_super(sb);

	/* sync(2) and others that walk all superblocks may keep it in the list. */
	while (!hlist_empty(&pp_fs_type.fs_supers))
		msleep(20);
	/* The task that removed it reads the type once more, under a spinlock. */
	synchronize_rcu();
}

/**
 * pp_file_create() - Open a file on a new inode of the pseudo filesystem.
 * @kind: what it is
 * @flags: O_RDONLY, O_WRONLY or O_RDWR, and file flags
 * @private: passed to @kind->destroy, which frees it; the inode owns it from now on,
 *	also when this fails
 *
 * The inode holds the module until it is evicted.
 *
 * Return: the file, or an ERR_PTR().
 */
struct file *pp_file_create(const struct pp_kind *kind, int flags,
			    void *private)
{
	struct inode *inode = alloc_anon_inode(pp_mnt->mnt_sb);
	struct file *file;

	if (IS_ERR(inode)) {
		kind->destroy(private);
		return ERR_CAST(inode);
	}

	__module_get(THIS_MODULE);
	inode->i_mode |= kind->mode;
	inode->i_fop = &kind->fops;
	inode->i_private = private;
	file = alloc_file_pseudo(inode, pp_mnt, kind->name, flags, &kind->fops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	/* As pipe(2) since 6.14: report events to watches, but ask no permission. */
	if (file->f_mode & FMODE_NONOTIFY)
		file->f_mode ^= FMODE_NONOTIFY | FMODE_NONOTIFY_PERM;
	file->private_data = private;
	return file;
}

/**
 * pp_ring_of() - The private pipe that a file is an end of.
 * @file: any file
 *
 * Return: the pipe, alive as long as @file is, or NULL.
 */
struct pp_ring *pp_ring_of(struct file *file)
{
	struct inode *inode = file_inode(file);

	return inode->i_sb == pp_mnt->mnt_sb && S_ISFIFO(inode->i_mode) ?
	       inode->i_private : NULL;
}
