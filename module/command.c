// SPDX-License-Identifier: GPL-2.0
/*
 * Carry out a command, by ioctl or by IORING_OP_URING_CMD, from the table of commands that
 * the caller passes.
 */
#include <linux/compat.h>
#include <linux/io_uring/cmd.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "command.h"
#include "trace.h"

/**
 * pp_call_copy_back() - Copy the structure back to the caller.
 * @call: the command, which has set members of its argument
 *
 * Return: 0 or -EFAULT.
 */
int pp_call_copy_back(struct pp_call *call)
{
	if (copy_to_user(call->uarg, &call->arg, min(call->usize, call->size)))
		return -EFAULT;
	return 0;
}

/**
 * pp_command() - Carry out a command.
 * @commands: the PP_COMMANDS commands that @file knows
 * @file: /dev/privpipe or an end of a private pipe
 * @cmd: PRIVPIPE_CREATE and so on
 * @uarg: its argument
 * @nonblock: answer -EAGAIN instead of waiting
 *
 * Return: as the UAPI header says.
 */
long pp_command(const struct pp_command *commands, struct file *file,
		unsigned int cmd, void __user *uarg, bool nonblock)
{
	const struct pp_command *command;
	struct pp_call call = {
		.file = file,
		.uarg = uarg,
		.nonblock = nonblock,
	};
	unsigned int nr = _IOC_NR(cmd);
	u32 usize;
	long ret;

	if (nr >= PP_COMMANDS || cmd != _IO(PRIVPIPE_IOC_TYPE, nr))
		return -ENOTTY;
	/* Nor may a CPU that speculates use a number out of range. */
	command = &commands[array_index_nospec(nr, PP_COMMANDS)];
	if (!command->run)
		return -ENOTTY;

	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < command->min_size)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&call.arg, command->size, uarg, usize);
	if (ret)
		return ret;
	/* Another thread may have changed the size since. */
	call.arg.size_member = usize;
	call.usize = usize;
	call.size = command->size;

	ret = command->run(&call);
	trace_privpipe_op(file, nr, ret);
	return ret;
}

/**
 * pp_command_uring() - Carry out a command for io_uring.
 * @commands: the PP_COMMANDS commands that the file knows
 * @cmd: the request
 * @issue_flags: with IO_URING_F_NONBLOCK this is the submitting task, which
 *	must not wait: after -EAGAIN io_uring repeats the request on a worker
 *
 * Return: as the ioctl.
 */
int pp_command_uring(const struct pp_command *commands, struct io_uring_cmd *cmd,
		     unsigned int issue_flags)
{
	const struct privpipe_uring_cmd *payload = (const void *)cmd->sqe->cmd;
	/* User space can change the queue entry at any time: read it once. */
	u64 arg = READ_ONCE(payload->arg);
	long ret;

	if (READ_ONCE(payload->__reserved))
		return -EINVAL;
	/* A worker can't tell that the iovecs are those of a 32-bit caller. */
	if (issue_flags & IO_URING_F_COMPAT && !in_compat_syscall() &&
	    cmd->cmd_op == PRIVPIPE_VMSPLICE)
		return -EOPNOTSUPP;

	ret = pp_command(commands, cmd->file, cmd->cmd_op, u64_to_user_ptr(arg),
			 issue_flags & IO_URING_F_NONBLOCK);
	/* No system call is there to be restarted. */
	if (ret == -ERESTARTSYS)
		ret = -EINTR;
	return ret;
}
