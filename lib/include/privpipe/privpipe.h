/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Private pipes for C: one inline function per ioctl of <linux/privpipe.h>.
 *
 * The functions look like the system calls they stand for and report errors as
 * those do: -1 and errno.  There is nothing to link with.  Lengths, capacities
 * and offsets are in bytes.  Whatever moves bytes returns how many it moved,
 * which can be fewer than asked for; when something moved, the count wins over
 * a later error.  <linux/privpipe.h> and privpipe(4) explain every errno.
 * Define _GNU_SOURCE before the first include: SPLICE_F_* want it.  Without
 * those, _POSIX_C_SOURCE of 200809L is enough; gcc defines it unless it is told
 * to keep to a standard (-std=c11).
 *
 * An end of a private pipe is a file descriptor like any other: read(2),
 * write(2), poll(2), fcntl(2), ioctl(FIONREAD) and close(2) work on it, and so
 * do splice(2) and sendfile(2) where they would work on a file.
 */
#ifndef PRIVPIPE_PRIVPIPE_H
#define PRIVPIPE_PRIVPIPE_H

#include <fcntl.h>
#include <linux/privpipe.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef O_CLOEXEC
#error "<privpipe/privpipe.h> needs _GNU_SOURCE to be defined before the first #include"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Opens /dev/privpipe, close-on-exec.
 *
 * @return a descriptor for privpipe_create(), privpipe_arena() and
 *         privpipe_sendfile(), to be closed by the caller; what was made
 *         through it outlives it.  ENOENT when
 *         the module is not loaded.
 */
static inline int privpipe_open(void)
{
	return open("/dev/privpipe", O_RDWR | O_CLOEXEC);
}

/**
 * Makes a private pipe, as pipe2(2) makes a stock one.
 *
 * @param dev      from privpipe_open()
 * @param fds      returns the end to read from and the end to write to; left
 *                 alone on failure
 * @param flags    any of O_CLOEXEC, O_NONBLOCK, O_DIRECT (packet mode)
 * @param capacity in bytes, or 0 for the default of 64 KiB
 * @return 0, or -1: EINVAL, EPERM, EMFILE, ENFILE, ENOMEM
 */
static inline int privpipe_create(int dev, int fds[2], unsigned int flags, uint32_t capacity)
{
	struct privpipe_create arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.capacity = capacity;
	arg.read_fd = -1;
	arg.write_fd = -1;
	if (ioctl(dev, PRIVPIPE_CREATE, &arg) < 0)
		return -1;
	fds[0] = arg.read_fd;
	fds[1] = arg.write_fd;
	return 0;
}

/**
 * Moves bytes between a private pipe and something else: splice(2) with two
 * more arguments.
 *
 * The kernel has to be told which of the two descriptors is the private pipe.
 * Trying one and then the other would send the ioctl to a file of any kind, so
 * the caller, who knows, says so.
 *
 * @param end     @p fd_in or @p fd_out, whichever is an end of a private pipe;
 *                when both are, either
 * @param fd_in   where the bytes come from
 * @param off_in  where to read in a file, advanced by what was read; NULL to
 *                use and advance the file's position, and for a pipe
 * @param fd_out  where the bytes go to
 * @param off_out the same for writing
 * @param len     how many bytes at the most
 * @param flags   SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE
 * @param policy  whether pages are taken out of the page cache when @p fd_in is
 *                a file
 * @return bytes moved; 0 at end of file, or when the input pipe is empty and has
 *         no writer; or -1: EAGAIN, EBADF, EFAULT, EINTR, EINVAL, ENOMEM,
 *         ENOTTY (@p end is no private pipe), EPIPE (and SIGPIPE), ESPIPE, and
 *         what the other file returns.
 *
 * Blocks while the pipe is full or empty, unless SPLICE_F_NONBLOCK is given or
 * the pipe's end is O_NONBLOCK, and while the other file does.
 */
static inline ssize_t privpipe_splice(int end, int fd_in, int64_t *off_in, int fd_out,
				      int64_t *off_out, size_t len, unsigned int flags,
				      enum privpipe_policy policy)
{
	struct privpipe_splice arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.fd_in = fd_in;
	arg.fd_out = fd_out;
	arg.off_in = (uintptr_t)off_in;
	arg.off_out = (uintptr_t)off_out;
	arg.len = len;
	arg.policy = (uint32_t)policy;
	return ioctl(end, PRIVPIPE_SPLICE, &arg);
}

/**
 * Moves bytes between memory and a private pipe: vmsplice(2).
 *
 * On the end to write to: waits for the first room, fills what fits and returns
 * short.  The bytes are copied, and the memory may be written again at once.
 * With SPLICE_F_GIFT, whole pages of an arena (privpipe_arena()) are moved
 * instead of copied, and read as zeros afterwards.
 * On the end to read from: copies out.
 *
 * @param end     an end of a private pipe
 * @param iov     the memory
 * @param nr_segs how many elements @p iov has, at most 1024
 * @param flags   SPLICE_F_NONBLOCK, SPLICE_F_GIFT; O_NONBLOCK of the descriptor
 *                does not matter
 * @return bytes moved; 0 when there is nothing to do, or reading, at the end; or
 *         -1: EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, ENOTTY, EPIPE (and SIGPIPE)
 */
static inline ssize_t privpipe_vmsplice(int end, const struct iovec *iov, size_t nr_segs,
					unsigned int flags)
{
	struct privpipe_vmsplice arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.iov = (uintptr_t)iov;
	arg.nr_segs = nr_segs;
	return ioctl(end, PRIVPIPE_VMSPLICE, &arg);
}

/**
 * Copies bytes from one private pipe to another and leaves them in the first:
 * tee(2).
 *
 * @param fd_in  the end to read from of one private pipe
 * @param fd_out the end to write to of another
 * @param len    how many bytes at the most
 * @param flags  SPLICE_F_NONBLOCK
 * @return bytes copied; 0 when the input is empty and has no writer; or -1:
 *         EAGAIN, EBADF, EINTR, EINVAL, ENOMEM, ENOTTY, EPIPE (and SIGPIPE)
 */
static inline ssize_t privpipe_tee(int fd_in, int fd_out, size_t len, unsigned int flags)
{
	struct privpipe_tee arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.fd_in = fd_in;
	arg.fd_out = fd_out;
	arg.len = len;
	return ioctl(fd_in, PRIVPIPE_TEE, &arg);
}

/**
 * Sends a part of a file to a socket, a file or a pipe: sendfile(2).
 *
 * @param dev    from privpipe_open(), or an end of a private pipe, whose
 *               recycled memory is then used
 * @param fd_out where to write
 * @param fd_in  the file to read from
 * @param off    where to read, advanced by what was sent, on failure too; NULL
 *               to use and advance the file's position
 * @param count  how many bytes at the most
 * @param flags  0, or PRIVPIPE_F_DIRECT to hand page-cache pages to a socket:
 *               no copy, and bytes of the file written before they arrive may
 *               arrive as the new ones
 * @return bytes sent; 0 at end of file; or -1: EAGAIN, EBADF, EINTR, EINVAL,
 *         ENOMEM, EOVERFLOW, ESPIPE, and what the two files return
 */
static inline ssize_t privpipe_sendfile(int dev, int fd_out, int fd_in, int64_t *off, size_t count,
					unsigned int flags)
{
	struct privpipe_sendfile arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.fd_in = fd_in;
	arg.fd_out = fd_out;
	arg.off = (uintptr_t)off;
	arg.count = count;
	return ioctl(dev, PRIVPIPE_SENDFILE, &arg);
}

/**
 * Changes a private pipe's capacity: fcntl(F_SETPIPE_SZ).
 *
 * @param end      an end of a private pipe
 * @param capacity in bytes; rounded up to a power of two pages
 * @return the new capacity, or -1: EBUSY (more than that is in the pipe), EINVAL,
 *         ENOMEM, ENOTTY, EPERM (a limit)
 */
static inline int privpipe_resize(int end, uint32_t capacity)
{
	struct privpipe_resize arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.capacity = capacity;
	return ioctl(end, PRIVPIPE_RESIZE, &arg);
}

/**
 * Tells what is in a private pipe and how it came there.
 *
 * @param end   an end of a private pipe
 * @param query returns everything; nothing in it has to be set
 * @return 0, or -1: EFAULT, ENOTTY
 */
static inline int privpipe_query(int end, struct privpipe_query *query)
{
	query->size = sizeof(*query);
	return ioctl(end, PRIVPIPE_QUERY, query);
}

/**
 * Makes an arena: memory of which whole pages can be given to any private pipe
 * without a copy (privpipe_vmsplice() with SPLICE_F_GIFT).
 *
 * It reads as zeros at first, and again where a page was given away.
 *
 * @param dev    from privpipe_open()
 * @param length in bytes, rounded up to whole pages
 * @param flags  0 or O_CLOEXEC
 * @return a descriptor to mmap(2) with MAP_SHARED, to be closed by the caller at
 *         once or later: the arena lives as long as its last mapping; or -1:
 *         EINVAL, EMFILE, ENFILE, EPERM (a limit)
 */
static inline int privpipe_arena(int dev, uint64_t length, unsigned int flags)
{
	struct privpipe_arena arg;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg);
	arg.flags = flags;
	arg.length = length;
	arg.fd = -1;
	if (ioctl(dev, PRIVPIPE_ARENA, &arg) < 0)
		return -1;
	return arg.fd;
}

#ifdef __cplusplus
}
#endif

#endif /* PRIVPIPE_PRIVPIPE_H */
