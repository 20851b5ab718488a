/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * privpipe: pipes that own their pages.
 *
 * This header is the manual of the kernel interface.  privpipe(4) says the same
 * in prose, and lib/ wraps it for C and C++.
 */
#ifndef _UAPI_LINUX_PRIVPIPE_H
#define _UAPI_LINUX_PRIVPIPE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PRIVPIPE_IOC_TYPE 0xE9

/**
 * DOC: General format
 *
 * Open /dev/privpipe and make a pipe with PRIVPIPE_CREATE.  Its two ends take
 * read(2), write(2), poll(2), fcntl(2), FIONREAD and close(2) as the ends of a
 * pipe(2) do, and the ioctls below.  splice(2) and sendfile(2) accept an end as
 * they would a file; the other side of splice(2) must then be a stock pipe.
 *
 * A byte in a private pipe never changes.  A page that nobody else uses may
 * enter the pipe as it is (it is "taken"); the bytes of any other page are
 * copied.
 *
 * Every ioctl takes a pointer to a structure.  The first member is the size of
 * the structure in bytes, as the caller knows it.  A structure only ever grows
 * at its end.  Members called __reserved must be zero.  Pointers travel as
 * 64-bit integers, so 32-bit callers use the same layout; an array of iovecs
 * has the layout of the caller's own struct iovec.
 *
 * A transfer that succeeds returns the number of bytes moved.  This can be
 * fewer than the caller asked for, and is at most 0x7ffff000 where a file or a
 * socket is involved.  A transfer that moved something returns the count, even
 * if an error stopped it.
 *
 * Errors that every ioctl can return:
 *
 *  - ENOTTY: files of this kind do not know the command.
 *  - EFAULT: the structure, or memory that it points to, can't be accessed.
 *  - EINVAL: @size is smaller than the first version of the structure, a flag
 *    or a policy is unknown, a reserved member is not zero.
 *  - E2BIG: the structure is larger than a page, or larger than the kernel's
 *    and not zero beyond that.
 *  - ENOMEM: there is no memory; nothing was moved.
 *  - EINTR: a signal came before anything was moved.  (If its handler was
 *    installed with SA_RESTART, the kernel repeats the call instead.)
 *
 * io_uring has the same commands, as IORING_OP_URING_CMD on the same
 * descriptors: sqe->cmd_op is the number of the ioctl, and the first 16 bytes
 * of sqe->cmd are a struct privpipe_uring_cmd.
 *
 * Opening an end through /proc/PID/fd makes one more end.  Unlike the open(2)
 * of a FIFO, this never waits for the other side.
 */
enum {
	PRIVPIPE_CMD_CREATE = 0x00,
	PRIVPIPE_CMD_SPLICE = 0x01,
	PRIVPIPE_CMD_VMSPLICE = 0x02,
	PRIVPIPE_CMD_TEE = 0x03,
	PRIVPIPE_CMD_SENDFILE = 0x04,
	PRIVPIPE_CMD_RESIZE = 0x05,
	PRIVPIPE_CMD_QUERY = 0x06,
	PRIVPIPE_CMD_ARENA = 0x07,
};

/**
 * enum privpipe_policy - when splice takes pages out of the page cache
 * @PRIVPIPE_POLICY_DEFAULT: use the policy in the module parameter "policy",
 *	which is "move" unless the administrator changed it.
 * @PRIVPIPE_POLICY_NEVER: copy.
 * @PRIVPIPE_POLICY_MOVE: take if the call has SPLICE_F_MOVE, else copy.
 * @PRIVPIPE_POLICY_AUTO: take pages that nobody has come back to since they
 *	were read: not active, not part of a workingset, and not taken recently
 *	under this policy.  A file that is spliced again and again is therefore
 *	read from the disk once more than necessary, and copied from then on.
 * @PRIVPIPE_POLICY_ALWAYS: take every page that can be taken.
 *
 * A page can be taken when it is clean, not mapped, not under writeback, and
 * only the page cache refers to it; a large folio can be taken only as a whole.
 * Any other page is copied, with the same bytes and the same return value.  A
 * taken page leaves the page cache: the next reader of that part of the file
 * gets it from the disk.
 */
enum privpipe_policy {
	PRIVPIPE_POLICY_DEFAULT = 0,
	PRIVPIPE_POLICY_NEVER = 1,
	PRIVPIPE_POLICY_MOVE = 2,
	PRIVPIPE_POLICY_AUTO = 3,
	PRIVPIPE_POLICY_ALWAYS = 4,
};

/**
 * struct privpipe_create - ioctl(PRIVPIPE_CREATE), on /dev/privpipe
 * @size: sizeof(struct privpipe_create)
 * @flags: any of O_CLOEXEC, O_NONBLOCK and O_DIRECT (packet mode), with the
 *	meaning they have for pipe2(2)
 * @capacity: in bytes, rounded up to a power of two pages; 0 for the default of
 *	64 KiB
 * @read_fd: returns the end to read from
 * @write_fd: returns the end to write to
 * @__reserved: must be 0
 *
 * Makes a private pipe.
 *
 * The module parameters "user_pages_soft" and "user_pages_hard" limit the pages
 * of a user's private and stock pipes together.  Beyond the soft limit a pipe
 * of the default capacity has two pages, as with pipe(2).  CAP_SYS_RESOURCE and
 * CAP_SYS_ADMIN are exempt from both limits.
 *
 * Return: 0.  Errors:
 *  - EINVAL: a flag is unknown, or @capacity is over 1 GiB.
 *  - EPERM: @capacity is over the module parameter "max_size" and the caller
 *    lacks CAP_SYS_RESOURCE, or it exceeds the user's soft limit.
 *  - ENFILE: the user is beyond the hard limit, or the system has no more
 *    files.
 *  - EMFILE: the process has no more descriptors.
 */
struct privpipe_create {
	__u32 size;
	__u32 flags;
	__u32 capacity;
	__s32 read_fd;
	__s32 write_fd;
	__u32 __reserved;
};

#define PRIVPIPE_CREATE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_CREATE)

/**
 * struct privpipe_splice - ioctl(PRIVPIPE_SPLICE), on the private pipe's end
 * @size: sizeof(struct privpipe_splice)
 * @flags: any of SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE and
 *	SPLICE_F_GIFT, as for splice(2)
 * @fd_in: the source
 * @fd_out: the target
 * @off_in: address of a 64-bit file offset in bytes to read at and to advance,
 *	or 0 to use and advance the position of @fd_in
 * @off_out: the same for @fd_out
 * @len: how many bytes to move at most
 * @policy: enum privpipe_policy, for a file as the source
 * @__reserved: must be 0
 *
 * Like splice(2).  The end that the ioctl is made on is @fd_in or @fd_out.  On
 * the other side is a file, a block or character device, a socket, a stock pipe
 * or another private pipe.
 *
 * Into the pipe, the call waits for room once and fills that room; it does not
 * wait for more data after the first.  Out of the pipe, it waits for the first
 * bytes only.  Errors in reading the source show here and never at the pipe's
 * reader.  A socket as the source answers as it answers splice(2).
 *
 * Between two private pipes, whole folios move.  A socket gets the pipe's own
 * pages without a copy, unless they would keep more than twice the memory that
 * the bytes need.
 *
 * The pipe is not locked while the call waits for the other file.  Meanwhile
 * others can write the pipe, within the room that the call did not reserve; and
 * they can read it, unless the call itself is moving bytes out: then they wait,
 * interruptibly.
 *
 * Return: the number of bytes moved; 0 when @len is 0, at end of file, or when
 * the input pipe is empty and has no writer.  Errors:
 *  - EBADF: a descriptor is not open, @fd_in is not readable, or @fd_out is not
 *    writable.
 *  - EINVAL: a flag or the policy is unknown; neither descriptor is the end
 *    that the ioctl was made on; both are ends of one pipe; @fd_out was opened
 *    with O_APPEND; an offset is negative, or was given for a file that can't
 *    seek; the file does not support splicing, or only into stock pipes
 *    (/dev/fuse, trace_pipe_raw).
 *  - ESPIPE: an offset was given for a side that is a pipe.
 *  - EAGAIN: with SPLICE_F_NONBLOCK, or O_NONBLOCK on a pipe's end: that pipe
 *    is empty, full, or in use by a transfer in the same direction.  With
 *    O_NONBLOCK on the other file: it is not ready.
 *  - EPIPE: the output pipe has no reader; SIGPIPE is sent too.
 *  - EFAULT: an offset can't be read; or it can't be written back, and then the
 *    bytes have moved.
 *  - and any error from reading the source or writing the target (EIO, ENOSPC,
 *    ...).
 */
struct privpipe_splice {
	__u32 size;
	__u32 flags;
	__s32 fd_in;
	__s32 fd_out;
	__aligned_u64 off_in;
	__aligned_u64 off_out;
	__aligned_u64 len;
	__u32 policy;
	__u32 __reserved;
};

#define PRIVPIPE_SPLICE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_SPLICE)

/**
 * struct privpipe_vmsplice - ioctl(PRIVPIPE_VMSPLICE), on a private pipe's end
 * @size: sizeof(struct privpipe_vmsplice)
 * @flags: any of the SPLICE_F_* flags; only SPLICE_F_NONBLOCK and SPLICE_F_GIFT
 *	have a meaning
 * @iov: address of an array of struct iovec
 * @nr_segs: its length, at most 1024
 *
 * On a write end: waits for the first room, fills the pipe as far as there is
 * room, and returns short.  The bytes are copied, so the caller can reuse the
 * memory at once.  With SPLICE_F_GIFT, whole pages of an arena (see
 * PRIVPIPE_ARENA) move instead, if the caller may write them and nobody else
 * has pinned them; the next access to such a page finds zeros.  All other
 * memory is copied, also with SPLICE_F_GIFT.
 *
 * On a read end: copies out, like readv(2).
 *
 * The call waits unless SPLICE_F_NONBLOCK is given; O_NONBLOCK is ignored.
 *
 * Return: the number of bytes moved; 0 when the array is empty, or on a read
 * end when the pipe is empty and has no writer.  Errors:
 *  - EINVAL: a flag is unknown, @nr_segs is over 1024, or a length is negative.
 *  - EFAULT: the array, or memory that it points to, can't be accessed.
 *  - EAGAIN: with SPLICE_F_NONBLOCK: the pipe is empty, full, or in use by a
 *    transfer in the same direction.
 *  - EPIPE: the pipe has no reader; SIGPIPE is sent too.
 */
struct privpipe_vmsplice {
	__u32 size;
	__u32 flags;
	__aligned_u64 iov;
	__aligned_u64 nr_segs;
};

#define PRIVPIPE_VMSPLICE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_VMSPLICE)

/**
 * struct privpipe_tee - ioctl(PRIVPIPE_TEE), on a private pipe's end
 * @size: sizeof(struct privpipe_tee)
 * @flags: any of the SPLICE_F_* flags; only SPLICE_F_NONBLOCK has a meaning
 * @fd_in: the private pipe to copy from; it keeps the bytes
 * @fd_out: the private pipe to copy into
 * @len: how many bytes to copy at most
 *
 * Like tee(2), but the pipes share nothing afterwards.
 *
 * Return: the number of bytes copied; 0 when @len is 0, or when the input is
 * empty and has no writer.  Errors:
 *  - EBADF: a descriptor is not open, @fd_in is not readable, or @fd_out is not
 *    writable.
 *  - EINVAL: a flag is unknown, the descriptors are not ends of two different
 *    private pipes, or neither is the end that the ioctl was made on.
 *  - EAGAIN: with SPLICE_F_NONBLOCK, or O_NONBLOCK on either end: a pipe is
 *    empty, full, or in use by a transfer in the same direction.
 *  - EPIPE: the output pipe has no reader; SIGPIPE is sent too.
 */
struct privpipe_tee {
	__u32 size;
	__u32 flags;
	__s32 fd_in;
	__s32 fd_out;
	__aligned_u64 len;
};

#define PRIVPIPE_TEE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_TEE)

/**
 * struct privpipe_sendfile - ioctl(PRIVPIPE_SENDFILE), on /dev/privpipe or on a
 *	private pipe's end, which makes no difference
 * @size: sizeof(struct privpipe_sendfile)
 * @flags: 0 or PRIVPIPE_F_DIRECT
 * @fd_in: a seekable file to read from
 * @fd_out: the target: any file, socket or pipe
 * @off: address of a 64-bit offset in bytes to read at and to advance, also
 *	when the call fails; or 0 to use and advance the position of @fd_in
 * @count: how many bytes to send at most
 *
 * Like sendfile(2), with one copy through private memory, or none with
 * PRIVPIPE_F_DIRECT.  No pipe is involved, unless @fd_out is one.
 *
 * The call does not lock a stock pipe while it reads a file or block device.
 * Bytes that find no room in the pipe afterwards are not sent, and @off stops
 * before them.
 *
 * Return: the number of bytes sent; 0 at end of file.  Errors:
 *  - EBADF: a descriptor is not open, @fd_in is not readable, or @fd_out is not
 *    writable.
 *  - EINVAL: a flag is unknown; an offset or @count is negative; @fd_in can't
 *    seek; @fd_out was opened with O_APPEND and is no pipe; a file does not
 *    support splicing; PRIVPIPE_F_DIRECT and @fd_out is not a socket.
 *  - ESPIPE: @off was given and @fd_in can't seek.
 *  - EOVERFLOW: the offset is at or beyond the largest file.
 *  - EAGAIN: @fd_out is O_NONBLOCK and not ready.
 *  - EPIPE: @fd_out is a pipe without a reader; SIGPIPE is sent too.
 *  - EFAULT: the offset can't be read; or it can't be written back, and then
 *    the bytes have moved.
 *  - and any error from reading @fd_in or writing @fd_out.
 */
struct privpipe_sendfile {
	__u32 size;
	__u32 flags;
	__s32 fd_in;
	__s32 fd_out;
	__aligned_u64 off;
	__aligned_u64 count;
};

/*
 * Send page-cache folios to a socket without a copy.  This is the fastest way,
 * and the pages are shared: bytes of the file that are overwritten before they
 * have reached the peer may arrive as the new bytes.
 */
/* checkpatch: BIT_MACRO: user space has none */
#define PRIVPIPE_F_DIRECT	(1U << 16)

#define PRIVPIPE_SENDFILE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_SENDFILE)

/**
 * struct privpipe_resize - ioctl(PRIVPIPE_RESIZE), on a private pipe's end
 * @size: sizeof(struct privpipe_resize)
 * @capacity: in bytes; rounded up to a power of two pages
 *
 * Changes the capacity by the rules of F_SETPIPE_SZ.
 *
 * Return: the new capacity in bytes.  Errors:
 *  - EINVAL: @capacity is over 1 GiB.
 *  - EBUSY: the bytes in the pipe, and the room that transfers have reserved,
 *    would not fit.
 *  - EPERM: the pipe would grow beyond the module parameter "max_size" and the
 *    caller lacks CAP_SYS_RESOURCE, or beyond the user's soft or hard limit.
 */
struct privpipe_resize {
	__u32 size;
	__u32 capacity;
};

#define PRIVPIPE_RESIZE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_RESIZE)

/**
 * struct privpipe_query - ioctl(PRIVPIPE_QUERY), on a private pipe's end
 * @size: sizeof(struct privpipe_query)
 * @capacity: returns the capacity in bytes (F_GETPIPE_SZ)
 * @unread: returns how many bytes are in the pipe (FIONREAD)
 * @held: returns how many bytes of memory the folios in it occupy
 * @taken: returns how many bytes have entered in pages taken or gifted
 * @copied: returns how many bytes have entered by copying
 * @moved: returns how many bytes have entered in folios of other private pipes
 *
 * @taken, @copied and @moved count from the making of the pipe.
 *
 * Return: 0.
 */
struct privpipe_query {
	__u32 size;
	__u32 capacity;
	__aligned_u64 unread;
	__aligned_u64 held;
	__aligned_u64 taken;
	__aligned_u64 copied;
	__aligned_u64 moved;
};

#define PRIVPIPE_QUERY _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_QUERY)

/**
 * struct privpipe_arena - ioctl(PRIVPIPE_ARENA), on /dev/privpipe
 * @size: sizeof(struct privpipe_arena)
 * @flags: 0 or O_CLOEXEC
 * @length: in bytes, rounded up to whole pages
 * @fd: returns a descriptor to mmap(2) the arena with
 * @__reserved: must be 0
 *
 * Makes an arena: memory whose pages PRIVPIPE_VMSPLICE with SPLICE_F_GIFT can
 * move into any private pipe.  Map it with MAP_SHARED.  A page reads as zeros
 * until it is written, and again after it was given away.  A child of fork(2)
 * does not inherit the mapping.  The arena lives until its descriptor is closed
 * and its last mapping is gone.
 *
 * A page is charged to the memory cgroup of the task that touches it first, and
 * @length counts against the user's limits of pipe pages.  An arena has a
 * descriptor of its own because a mapping keeps its file open: if a pipe's
 * write end were mapped, the reader would never see the end.
 *
 * Where an arena has room for them, its memory is in aligned blocks of 64 KiB.
 * A whole block is cheapest to give away.  After a part was given away, the
 * rest of the block continues as single pages.  If any page of a block is
 * pinned, the whole block is copied.
 *
 * madvise(2) with MADV_DOFORK lets a child inherit an arena.  Both processes
 * then share it, and a page that either gives away reads as zeros in both.
 * Linux 7 refuses this with EINVAL.
 *
 * futex(2) finds no file behind an arena's pages and returns EFAULT unless the
 * operation has FUTEX_PRIVATE_FLAG, so a mutex or semaphore that is shared
 * between processes must lie in other memory.
 *
 * mmap(2) of the descriptor fails with EINVAL for MAP_PRIVATE, and with ENXIO
 * beyond the end of the arena.
 *
 * Return: 0.  Errors:
 *  - EINVAL: a flag is unknown, or @length is 0 or over 2 GiB.
 *  - EPERM: the user would be beyond the soft or hard limit.
 *  - ENFILE: the system has no more files.
 *  - EMFILE: the process has no more descriptors.
 */
struct privpipe_arena {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	__s32 fd;
	__u32 __reserved;
};

#define PRIVPIPE_ARENA _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_ARENA)

/**
 * struct privpipe_uring_cmd - the payload of IORING_OP_URING_CMD
 * @arg: address of the structure that the ioctl takes
 * @__reserved: must be 0
 *
 * The structure, the memory that it points to, and the descriptors in it must
 * stay as they are until the request completes, because a worker may look them
 * up later.
 *
 * The completion's res is the ioctl's return value, or minus its errno.  A
 * request that would wait does so on a worker of io_uring.  There SIGPIPE is
 * not delivered, and a signal ends the request instead of repeating it.
 *
 * Errors besides those of the ioctl:
 *  - EOPNOTSUPP: a worker would have to carry out PRIVPIPE_VMSPLICE of a 32-bit
 *    program, and can't tell that its iovecs have the 32-bit layout.
 */
struct privpipe_uring_cmd {
	__aligned_u64 arg;
	__aligned_u64 __reserved;
};

#endif /* _UAPI_LINUX_PRIVPIPE_H */
