/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Private pipes for C: one inline function per ioctl of <linux/privpipe.h>.
 *
 * The functions look like the system calls that they stand for, and report
 * errors in the same way: they return -1 and set errno.  <linux/privpipe.h> and
 * privpipe(4) explain every errno.  There is nothing to link with.
 *
 * Lengths, capacities and offsets are in bytes.  A function that moves bytes
 * returns how many it moved, which can be fewer than the caller asked for.  When
 * it has moved something, it returns the count even if an error stopped it.
 *
 * Define _GNU_SOURCE before the first include if you use SPLICE_F_*.  Otherwise
 * _POSIX_C_SOURCE of 200809L is enough, which gcc defines by itself unless an
 * option such as -std=c11 ties it to a standard.
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
 *         privpipe_sendfile(), which the caller closes; pipes and arenas made
 *         through it outlive it.  Or -1, with ENOENT when the module is not
 *         loaded.
 */
static inline int privpipe_open(void)
{
	return open("/dev/privpipe", O_RDWR | O_CLOEXEC);
}

/**
 * Makes a private pipe, as pipe2(2) makes a stock one.
 *
 * @param dev      from privpipe_open()
 * @param fds      returns the end to read from and the end to write to;
 *                 unchanged on failure
 * @param flags    any of O_CLOEXEC, O_NONBLOCK, O_DIRECT (packet mode)
 * @param capacity in bytes, or 0 for the default of 64 KiB
 * @return 0, or -1: EINVAL, EMFILE, ENFILE, ENOMEM, EPERM (a limit)
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
 * The caller says which descriptor is the private pipe.  A function that tried
 * both would send its ioctl to a file of any kind.
 *
 * Blocks while the pipe is full or empty, unless SPLICE_F_NONBLOCK is given or
 * the pipe's end is O_NONBLOCK.  May also block in the other file.
 *
 * @param end     @p fd_in or @p fd_out, whichever is an end of a private pipe;
 *                if both are, either
 * @param fd_in   the source
 * @param off_in  where to read in a file, advanced by the bytes read; NULL to
 *                use and advance the file's position, and for a pipe
 * @param fd_out  the target
 * @param off_out the same for writing
 * @param len     how many bytes to move at most
 * @param flags   SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE
 * @param policy  when to take pages out of the page cache, if @p fd_in is a file
 * @return bytes moved; 0 at end of file, or when the input pipe is empty and has
 *         no writer; or -1: EAGAIN, EBADF, EFAULT, EINTR, EINVAL, ENOMEM,
 *         ENOTTY (@p end is no private pipe), EPIPE (and SIGPIPE), ESPIPE, and
 *         any error of the other file
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
 * On the end to write to: waits for the first room, fills the pipe as far as
 * there is room, and returns short.  The bytes are copied, so the caller can
 * reuse the memory at once.  With SPLICE_F_GIFT, whole pages of an arena
 * (privpipe_arena()) move instead, and read as zeros afterwards.
 * On the end to read from: copies out.
 *
 * @param end     an end of a private pipe
 * @param iov     the memory
 * @param nr_segs how many elements @p iov has, at most 1024
 * @param flags   SPLICE_F_NONBLOCK, SPLICE_F_GIFT; O_NONBLOCK on the descriptor
 *                is ignored
 * @return bytes moved; 0 for no memory, or on the end to read from when the pipe
 *         is empty and has no writer; or -1: EAGAIN, EFAULT, EINTR, EINVAL,
 *         ENOMEM, ENOTTY, EPIPE (and SIGPIPE)
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
 * @param len    how many bytes to copy at most
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
 * @param dev    from privpipe_open(), or an end of any private pipe
 * @param fd_out the target
 * @param fd_in  the file to read from
 * @param off    where to read, advanced by the bytes sent, also on failure; NULL
 *               to use and advance the file's position
 * @param count  how many bytes to send at most
 * @param flags  0, or PRIVPIPE_F_DIRECT to send page-cache pages to a socket
 *               without a copy: bytes of the file that are overwritten before
 *               they have reached the peer may arrive as the new bytes
 * @return bytes sent; 0 at end of file; or -1: EAGAIN, EBADF, EFAULT, EINTR,
 *         EINVAL, ENOMEM, EOVERFLOW, EPIPE (and SIGPIPE), ESPIPE, and any error
 *         of the two files
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
 * @return the new capacity, or -1: EBUSY (the pipe holds more than that), EINVAL,
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
 * Tells how many bytes are in a private pipe, and how its bytes came in.
 *
 * @param end   an end of a private pipe
 * @param query filled in; no member needs to be set before
 * @return 0, or -1: EFAULT, ENOTTY
 */
static inline int privpipe_query(int end, struct privpipe_query *query)
{
	query->size = sizeof(*query);
	return ioctl(end, PRIVPIPE_QUERY, query);
}

/**
 * Makes an arena: memory whose pages privpipe_vmsplice() with SPLICE_F_GIFT can
 * move into any private pipe.
 *
 * A page reads as zeros until it is written, and again after it was given away.
 *
 * @param dev    from privpipe_open()
 * @param length in bytes, rounded up to whole pages
 * @param flags  0 or O_CLOEXEC
 * @return a descriptor for mmap(2) with MAP_SHARED.  The caller may close it at
 *         any time: the arena lives on while it is mapped.  Or -1: EINVAL,
 *         EMFILE, ENFILE, ENOMEM, EPERM (a limit)
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
