/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_DEVICE_H
#define PRIVPIPE_DEVICE_H

#include <linux/fs.h>

#include "arena.h"
#include "page.h"

struct io_uring_cmd;

long pp_command(struct file *file, unsigned int cmd, void __user *uarg,
		bool nowait);

int pp_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* PRIVPIPE_DEVICE_H */
