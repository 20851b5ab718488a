// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/privpipe and the table of commands.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/privpipe.h>

#include "device.h"
#include "file.h"
#include "fs.h"
#include "sendfile.h"
#include "splice.h"
#include "stats.h"
#include "tee.h"
#include "trace.h"
#include "vmsplice.h"

/**
 * struct pp_call - one command being carried out
 * @file: the descriptor it was made on
 * @uarg: the caller's structure
 * @usize: how large the caller thinks that is
 * @size: how large we know it to be
 * @arg: our copy of it
 * @nowait: answer -EAGAIN instead of waiting
 */
struct pp_call {
	struct file *file;
	void __user *uarg;
	size_t usize;
	size_t size;
	union {
		u32 size_member;
		struct privpipe_create create;
		struct privpipe_splice splice;
		struct privpipe_vmsplice vmsplice;
		struct privpipe_tee tee;
		struct privpipe_sendfile sendfile;
		struct privpipe_resize resize;
		struct privpipe_query query;
		struct privpipe_arena arena;
	} arg;
	bool nowait;
};

static int pp_copy_back(struct pp_call *call)
{
	if (copy_to_user(call->uarg, &call->arg, min(call->usize, call->size)))
		return -EFAULT;
	return 0;
}

/*
 * Give the caller descriptors: @fds are members of call->arg.  Nobody sees them
 * before everything that can fail is done.  The files are consumed.
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
	ret = pp_copy_back(call);
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

static long pp_do_create(struct pp_call *call)
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
	ret = pp_file_pair(ring, arg->flags & (O_NONBLOCK | O_DIRECT), files);
	if (ret)
		return ret;
	return pp_return_files(call, files, fds, 2, arg->flags & O_CLOEXEC);
}

static long pp_do_arena(struct pp_call *call)
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

static long pp_do_splice(struct pp_call *call)
{
	return pp_splice(call->file, &call->arg.splice, call->nowait);
}

static long pp_do_vmsplice(struct pp_call *call)
{
	return pp_vmsplice(call->file, &call->arg.vmsplice, call->nowait);
}

static long pp_do_tee(struct pp_call *call)
{
	return pp_tee(call->file, &call->arg.tee, call->nowait);
}

static long pp_do_sendfile(struct pp_call *call)
{
	return pp_sendfile(&call->arg.sendfile, call->nowait);
}

static long pp_do_resize(struct pp_call *call)
{
	return pp_ring_resize(pp_ring_of(call->file), call->arg.resize.capacity);
}

static long pp_do_query(struct pp_call *call)
{
	struct pp_ring *ring = pp_ring_of(call->file);

	mutex_lock(&ring->lock);
	call->arg.query = (struct privpipe_query) {
		.size = call->arg.query.size,
		.capacity = ring->capacity << PAGE_SHIFT,
		.unread = pp_ring_bytes(ring),
		.held = (u64)ring->held << PAGE_SHIFT,
		.taken = ring->taken,
		.copied = ring->copied,
		.moved = ring->moved,
	};
	mutex_unlock(&ring->lock);
	return pp_copy_back(call);
}

#define PP_ON_DEVICE	0x1
#define PP_ON_PIPE	0x2

/*
 * The commands: where each is known, its structure as of now, and the end of
 * the last member of its first version, below which no caller can be.
 */
static const struct pp_command_desc {
	long (*run)(struct pp_call *call);
	unsigned int on;
	unsigned int size;
	unsigned int min_size;
} pp_commands[] = {
#define PP_COMMAND(_name, _on, _struct, _last)				\
	[PRIVPIPE_CMD_##_name] = {					\
		.run = pp_do_##_struct,					\
		.on = (_on),						\
		.size = sizeof(struct privpipe_##_struct),		\
		.min_size = offsetofend(struct privpipe_##_struct, _last), \
	}
	PP_COMMAND(CREATE, PP_ON_DEVICE, create, __reserved),
	PP_COMMAND(SPLICE, PP_ON_PIPE, splice, __reserved),
	PP_COMMAND(VMSPLICE, PP_ON_PIPE, vmsplice, nr_segs),
	PP_COMMAND(TEE, PP_ON_PIPE, tee, len),
	PP_COMMAND(SENDFILE, PP_ON_DEVICE | PP_ON_PIPE, sendfile, count),
	PP_COMMAND(RESIZE, PP_ON_PIPE, resize, capacity),
	PP_COMMAND(QUERY, PP_ON_PIPE, query, moved),
	PP_COMMAND(ARENA, PP_ON_DEVICE, arena, __reserved),
#undef PP_COMMAND
};

/**
 * pp_command() - Carry out a command.
 * @file: /dev/privpipe or an end of a private pipe
 * @cmd: PRIVPIPE_CREATE and so on
 * @uarg: its argument
 * @nowait: answer -EAGAIN instead of waiting
 *
 * Return: as the UAPI header says.
 */
long pp_command(struct file *file, unsigned int cmd, void __user *uarg,
		bool nowait)
{
	const struct pp_command_desc *desc;
	struct pp_call call = {
		.file = file,
		.uarg = uarg,
		.nowait = nowait,
	};
	unsigned int nr = _IOC_NR(cmd);
	u32 usize;
	long ret;

	if (nr >= ARRAY_SIZE(pp_commands) || cmd != _IO(PRIVPIPE_IOC_TYPE, nr))
		return -ENOTTY;
	/* Also not while the CPU guesses that it is in range. */
	desc = &pp_commands[array_index_nospec(nr, ARRAY_SIZE(pp_commands))];
	if (!(desc->on & (pp_ring_of(file) ? PP_ON_PIPE : PP_ON_DEVICE)))
		return -ENOTTY;

	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < desc->min_size)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&call.arg, desc->size, uarg, usize);
	if (ret)
		return ret;
	/* Another thread may have changed it since. */
	call.arg.size_member = usize;
	call.usize = usize;
	call.size = desc->size;

	ret = desc->run(&call);
	trace_privpipe_op(file, nr, ret);
	return ret;
}

static long pp_device_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	return pp_command(file, cmd, (void __user *)arg, false);
}

static const struct file_operations pp_device_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= pp_device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= pp_uring_cmd,
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
