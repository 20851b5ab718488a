// SPDX-License-Identifier: GPL-2.0
/*
 * The commands by IORING_OP_URING_CMD.
 */
#include <linux/compat.h>
#include <linux/io_uring/cmd.h>

#include <linux/privpipe.h>

#include "device.h"

/**
 * pp_uring_cmd() - ->uring_cmd of the device and of a pipe's end.
 * @cmd: the request
 * @issue_flags: with IO_URING_F_NONBLOCK this is the submitting task, which
 *	must not wait: io_uring repeats what answers -EAGAIN on a worker
 *
 * Return: what the ioctl would return.
 */
int pp_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
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

	ret = pp_command(cmd->file, cmd->cmd_op, u64_to_user_ptr(arg),
			 issue_flags & IO_URING_F_NONBLOCK);
	/* There is no system call here that could be restarted. */
	if (ret == -ERESTARTSYS)
		ret = -EINTR;
	return ret;
}
