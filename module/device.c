// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/privpipe, where pipes and arenas are made; loading and unloading.
 */
#include <kunit/visibility.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "arena.h"
#include "command.h"
#include "device.h"
#include "end.h"
#include "fs.h"
#include "pool.h"
#include "ring.h"
#include "sendfile.h"
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * Give the caller descriptors: @fds are members of call->arg.  They become visible only
 * after everything that can fail.  The files are consumed.
 */
static int pp_return_files(struct pp_call *call, struct file **files,
			   __s32 **fds, unsigned int nr, unsigned int flags)
{
	unsigned int i, got;
	int ret = 0;

	for (got = 0; got < nr; got++) {
		ret = get_unused_fd_flags(flags);
		if (ret < 0)
			goto out_put;
		*fds[got] = ret;
	}
	ret = pp_call_copy_back(call);
	if (ret)
		goto out_put;
	for (i = 0; i < nr; i++)
		fd_install(*fds[i], files[i]);
	return 0;

out_put:
	while (got--)
		put_unused_fd(*fds[got]);
	for (i = 0; i < nr; i++)
		fput(files[i]);
	return ret;
}

static long pp_create(struct pp_call *call)
{
	struct privpipe_create *arg = &call->arg.create;
	__s32 *fds[] = { &arg->read_fd, &arg->write_fd };
	struct file *files[2];
	struct pp_ring *ring;
	int ret;

	if (arg->flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT) || arg->__reserved)
		return -EINVAL;

	ring = pp_ring_create(arg->capacity);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = pp_end_pair(ring, arg->flags & (O_NONBLOCK | O_DIRECT), files);
	if (ret)
		return ret;
	return pp_return_files(call, files, fds, 2, arg->flags & O_CLOEXEC);
}

static long pp_arena(struct pp_call *call)
{
	struct privpipe_arena *arg = &call->arg.arena;
	__s32 *fd = &arg->fd;
	struct file *file;

	if (arg->flags & ~O_CLOEXEC || arg->__reserved)
		return -EINVAL;

	file = pp_arena_create(arg->length);
	if (IS_ERR(file))
		return PTR_ERR(file);
	return pp_return_files(call, &file, &fd, 1, arg->flags);
}

static const struct pp_command pp_device_commands[PP_COMMANDS] = {
	PP_COMMAND(CREATE, create, __reserved),
	PP_COMMAND(SENDFILE, sendfile, count),
	PP_COMMAND(ARENA, arena, __reserved),
};

static long pp_device_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	return pp_command(pp_device_commands, file, cmd, (void __user *)arg, false);
}

static int pp_device_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return pp_command_uring(pp_device_commands, cmd, issue_flags);
}

VISIBLE_IF_KUNIT
const struct file_operations pp_device_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= pp_device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= pp_device_uring_cmd,
	.llseek		= noop_llseek,
};

static struct miscdevice pp_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "privpipe",
	.fops	= &pp_device_fops,
	.groups	= pp_stats_groups,
	.mode	= 0660,
};

static int __init pp_init(void)
{
	int ret = pp_pools_init();

	if (ret)
		return ret;
	ret = pp_fs_init();
	if (ret)
		goto out_pools;
	ret = misc_register(&pp_device);
	if (ret)
		goto out_fs;
	return 0;

out_fs:
	pp_fs_exit();
out_pools:
	pp_pools_exit();
	return ret;
}

static void __exit pp_exit(void)
{
	misc_deregister(&pp_device);
	pp_fs_exit();
	pp_pools_exit();
}

module_init(pp_init);
module_exit(pp_exit);

MODULE_DESCRIPTION("Pipes that own their pages");
MODULE_LICENSE("GPL");
