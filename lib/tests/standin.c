// SPDX-License-Identifier: MIT
// Stands in for /dev/privpipe, preloaded into the command: makes stock pipes and splices with the
// stock system call.  So the command's own behaviour can be tested on a machine without the module.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/privpipe.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t copied;

static int create_pipe(struct privpipe_create *create)
{
	int fds[2];

	if (pipe2(fds, (int)create->flags) < 0)
		return -1;
	if (create->capacity && fcntl(fds[1], F_SETPIPE_SZ, (int)create->capacity) < 0)
		return -1;
	create->read_fd = fds[0];
	create->write_fd = fds[1];
	return 0;
}

static int move_bytes(int end, const struct privpipe_splice *move)
{
	ssize_t moved = splice(move->fd_in, (off64_t *)(uintptr_t)move->off_in, move->fd_out,
			       (off64_t *)(uintptr_t)move->off_out, move->len, move->flags);

	if (moved > 0 && end == move->fd_out)
		copied += moved;
	return (int)moved;
}

static int query_pipe(int end, struct privpipe_query *query)
{
	int unread;

	if (syscall(SYS_ioctl, end, FIONREAD, &unread) < 0)
		return -1;
	*query = (struct privpipe_query){
		.size = sizeof(*query),
		.capacity = fcntl(end, F_GETPIPE_SZ),
		.unread = unread,
		.copied = copied,
	};
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	switch (request) {
	case PRIVPIPE_CREATE:
		return create_pipe(argument);
	case PRIVPIPE_SPLICE:
		return move_bytes(fd, argument);
	case PRIVPIPE_QUERY:
		return query_pipe(fd, argument);
	default:
		return (int)syscall(SYS_ioctl, fd, request, argument);
	}
}

// With large files, this is the name that open() has.
int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (strcmp(path, "/dev/privpipe") == 0)
		path = "/dev/null";
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
