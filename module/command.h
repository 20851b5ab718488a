/* SPDX-License-Identifier: GPL-2.0 */
/* A command, and tables of them. */
#ifndef PRIVPIPE_COMMAND_H
#define PRIVPIPE_COMMAND_H

#include <linux/fs.h>

#include <linux/privpipe.h>

struct io_uring_cmd;

/**
 * struct pp_call - one command being carried out
 * @file: the descriptor it was made on
 * @uarg: the caller's structure
 * @usize: its size as the caller knows it
 * @size: its size as we know it
 * @arg: our copy of the structure
 * @nonblock: answer -EAGAIN instead of waiting
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
	bool nonblock;
};

/**
 * struct pp_command - a command that a kind of file knows
 * @run: carries it out
 * @size: of its structure as of now
 * @min_size: the end of the last member of its first version, below which no
 *	caller can be
 */
struct pp_command {
	long (*run)(struct pp_call *call);
	unsigned int size;
	unsigned int min_size;
};

/* A table of all commands; those that a kind of file doesn't know are empty. */
#define PP_COMMANDS	(PRIVPIPE_CMD_ARENA + 1)

/* A row of it; _last is the last member of the first version of the structure. */
#define PP_COMMAND(_name, _struct, _last)				\
	[PRIVPIPE_CMD_##_name] = {					\
		.run = pp_##_struct,					\
		.size = sizeof(struct privpipe_##_struct),		\
		.min_size = offsetofend(struct privpipe_##_struct, _last), \
	}

long pp_command(const struct pp_command *commands, struct file *file,
		unsigned int cmd, void __user *uarg, bool nonblock);
int pp_command_uring(const struct pp_command *commands, struct io_uring_cmd *cmd,
		     unsigned int issue_flags);
int pp_call_copy_back(struct pp_call *call);

#endif /* PRIVPIPE_COMMAND_H */
