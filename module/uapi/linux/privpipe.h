/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * privpipe: pipes that own their pages.
 *
 * This header is the manual of the kernel interface; privpipe(4) repeats it
 * in prose and the C++ library in lib/ wraps it.
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
 * pipe(2) do, are accepted by splice(2) and sendfile(2) as a file would be
 * (one side of splice(2) must then be a stock pipe), and answer the ioctls
 * below.  A byte in a private pipe never changes: a page enters it only when
 * nobody else uses it ("taken"), or else its bytes are copied.
 *
 * Every ioctl takes a pointer to a structure whose first member is the size of
 * that structure in bytes as the caller knows it.  The structures only ever
 * grow at their ends.  Members called __reserved must be zero.  Pointers travel
 * as 64-bit integers, so that 32-bit callers use the same layout; an iovec
 * array has the layout of the caller's own struct iovec.
 *
 * A successful transfer returns the number of bytes it moved, which can be
 * fewer than asked for, and at most 0x7ffff000 where a file or socket is
 * involved.  When something moved, the count wins over any later error.
 *
 * Errnos with one meaning everywhere:
 *
 *  - ENOTTY: this kind of file does not know the command.
 *  - EFAULT: the structure, or something it points to, can't be accessed.
 *  - EINVAL: @size is smaller than the first version of the structure, a flag
 *    or a policy is unknown, a reserved member is not zero.
 *  - E2BIG: the structure is larger than the kernel's and not zero beyond it,
 *    or larger than a page.
 *  - ENOMEM: no memory; nothing was moved.
 *  - EINTR: a signal came before anything moved.  (A handler installed with
 *    SA_RESTART makes the kernel repeat the call instead.)
 *
 * The commands are also available to io_uring as IORING_OP_URING_CMD on the
 * same descriptors: sqe->cmd_op is the ioctl's number and the first 16 bytes
 * of sqe->cmd are a struct privpipe_uring_cmd.
 *
 * An end that is opened again through /proc/PID/fd is one more end.  Unlike that
 * of a FIFO, such an open(2) never waits for the other side.
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
 * @PRIVPIPE_POLICY_DEFAULT: what the module parameter "policy" says; that is
 *	"move" unless the administrator changed it.
 * @PRIVPIPE_POLICY_NEVER: copy always.
 * @PRIVPIPE_POLICY_MOVE: take when the call has SPLICE_F_MOVE, else copy.
 * @PRIVPIPE_POLICY_AUTO: take pages that nobody has come back to since they
 *	were read: not active, not part of a workingset, and not taken by this
 *	policy not long ago.  So a file that is spliced again and again is read
 *	once more than it would be otherwise, and copied from then on.
 * @PRIVPIPE_POLICY_ALWAYS: take whatever can be taken.
 *
 * A page can be taken when it is clean, not mapped, not under writeback, and
 * nobody but the page cache refers to it; a large folio also only as a whole.
 * A page that can't be taken is copied; the bytes and the return value are the
 * same.  A taken page leaves the page cache: whoever reads that part of the
 * file next, reads it from the disk again.
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
 * @flags: any of O_CLOEXEC, O_NONBLOCK and O_DIRECT (packet mode), meaning
 *	what they mean to pipe2(2)
 * @capacity: in bytes, rounded up to a power of two pages; 0 for the default of
 *	64 KiB
 * @read_fd: returns the end to read from
 * @write_fd: returns the end to write to
 * @__reserved: must be 0
 *
 * Makes a private pipe.  A user beyond the soft limit (module parameter
 * "user_pages_soft", in pages, counted together with the user's stock
 * pipes) who asks for the default gets a pipe of two pages, as with pipe(2).
 * CAP_SYS_RESOURCE and CAP_SYS_ADMIN are exempt from both limits.
 *
 * Return: 0, or EINVAL (flags; capacity over 1 GiB), EPERM (@capacity over the
 * module parameter "max_size" without CAP_SYS_RESOURCE, or over the soft
 * limit), ENFILE (over the hard limit, or the system has no more files), EMFILE
 * (the process has no more descriptors).
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
 * @fd_in: where the bytes come from
 * @fd_out: where the bytes go to
 * @off_in: address of a 64-bit file offset in bytes to read at and to advance,
 *	or 0 to use and advance the position of @fd_in
 * @off_out: the same for @fd_out
 * @len: how many bytes at the most
 * @policy: enum privpipe_policy, for a file as the source
 * @__reserved: must be 0
 *
 * Like splice(2), with the private pipe that the ioctl is made on as @fd_in or
 * as @fd_out, and a file, block device, character device, socket, stock
 * pipe or another private pipe on the other side.
 *
 * A source is read once, for as much as the pipe has room for, and what it
 * returns enters the pipe; read errors show here and never at the pipe's
 * reader.  A socket answers as to splice(2).  Between two private pipes whole
 * folios change hands.  To a socket they are handed over without a copy, unless
 * that would keep more than twice the memory that the bytes need.  While a source or a target makes the
 * call wait, the pipe is not locked: its readers, or its writers as far as there
 * is room that the call did not claim, go on, and who has to wait can be
 * interrupted.
 *
 * Return: bytes moved; 0 when @len is 0, at end of file, or when the input pipe
 * is empty and has no writer.  Errors:
 *  - EBADF: a descriptor is not open, @fd_in not readable, @fd_out not writable.
 *  - EINVAL: bad flags or policy, neither descriptor is the end this is called
 *    on, both are ends of one pipe, @fd_out was opened with O_APPEND, an offset
 *    for a file that can't seek or a negative one, the file knows no splice or
 *    can't be read or written by the kernel otherwise (/dev/fuse,
 *    trace_pipe_raw).
 *  - ESPIPE: an offset was given for a side that is a pipe.
 *  - EAGAIN: SPLICE_F_NONBLOCK or O_NONBLOCK of the private end, and the pipe
 *    is empty, full, or just in use by a transfer in the same direction; or
 *    O_NONBLOCK of the other file, and it is not ready.
 *  - EPIPE: the output pipe has no reader; SIGPIPE is sent too.
 *  - EFAULT: an offset can't be read, or can't be written back after the move.
 *  - what reading the source or writing the target returns (EIO, ENOSPC, ...).
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
 * @flags: any of the SPLICE_F_* flags; SPLICE_F_NONBLOCK and SPLICE_F_GIFT have
 *	a meaning here
 * @iov: address of an array of struct iovec
 * @nr_segs: its length, at most 1024
 *
 * On a write end: waits for the first room only, fills what fits and returns
 * short.  The bytes are copied, so the memory can be reused at once.  With
 * SPLICE_F_GIFT, whole pages of an arena (see PRIVPIPE_ARENA) that the caller may
 * write and nobody else has pinned change hands instead; the next access to such
 * a page finds zeros.
 * Everything else is copied, gift or not.
 * On a read end: copies out, like readv(2).
 *
 * Only SPLICE_F_NONBLOCK matters for waiting, O_NONBLOCK does not.
 *
 * Return: bytes moved, 0 when the array is empty or, reading, at the end.
 * Errors: EINVAL (flags, @nr_segs, a negative length), EFAULT (the array or the
 * memory, when nothing moved), EAGAIN, EPIPE with SIGPIPE.
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
 * @fd_in: the private pipe to copy from; what it holds stays in it
 * @fd_out: the private pipe to copy into
 * @len: how many bytes at the most
 *
 * Return: bytes copied; 0 when @len is 0, or the input is empty and has no
 * writer.  Errors: EINVAL (flags; not two different private pipes; neither is
 * the end called on), EBADF (as for PRIVPIPE_SPLICE), EAGAIN
 * (SPLICE_F_NONBLOCK, or O_NONBLOCK of either end), EPIPE with SIGPIPE.
 */
struct privpipe_tee {
	__u32 size;
	__u32 flags;
	__s32 fd_in;
	__s32 fd_out;
	__aligned_u64 len;
};

#define PRIVPIPE_TEE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_TEE)

/*
 * Send page-cache folios to the socket without a copy.  The fastest way, and
 * the one that shares pages: bytes of the file that are overwritten before the
 * peer has them may arrive as the new bytes.  EINVAL when @fd_out is not a
 * socket.
 */
/* checkpatch: BIT_MACRO: user space has none */
#define PRIVPIPE_F_DIRECT	(1U << 16)

/**
 * struct privpipe_sendfile - ioctl(PRIVPIPE_SENDFILE), on /dev/privpipe or on a
 *	private pipe's end, which makes no difference
 * @size: sizeof(struct privpipe_sendfile)
 * @flags: 0 or PRIVPIPE_F_DIRECT
 * @fd_in: a seekable file to read from
 * @fd_out: where to write: any file, socket or pipe
 * @off: address of a 64-bit offset in bytes to read at and to advance (also when
 *	the call fails), or 0 to use and advance the position of @fd_in
 * @count: how many bytes at the most
 *
 * Like sendfile(2): one copy through private memory, or none with
 * PRIVPIPE_F_DIRECT.  No pipe is involved, unless @fd_out is one.  A stock
 * pipe is not locked while a file is read: what finds no room in it
 * afterwards is not sent, and @off does not pass it.
 *
 * Return: bytes sent.  Errors: EBADF (as for PRIVPIPE_SPLICE), EINVAL (flags;
 * negative offset or count; @fd_in can't seek; @fd_out opened with O_APPEND and
 * not a pipe; a file that knows no splice), ESPIPE (@off given and @fd_in can't
 * seek), EOVERFLOW (beyond the largest file), EAGAIN (@fd_out is non-blocking
 * and not ready), and what the two files return.
 */
struct privpipe_sendfile {
	__u32 size;
	__u32 flags;
	__s32 fd_in;
	__s32 fd_out;
	__aligned_u64 off;
	__aligned_u64 count;
};

#define PRIVPIPE_SENDFILE _IO(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_SENDFILE)

/**
 * struct privpipe_resize - ioctl(PRIVPIPE_RESIZE), on a private pipe's end
 * @size: sizeof(struct privpipe_resize)
 * @capacity: in bytes; rounded up to a power of two pages
 *
 * The rules of F_SETPIPE_SZ.
 *
 * Return: the new capacity in bytes, or EINVAL (over 1 GiB), EBUSY (what is in
 * the pipe would not fit), EPERM (growing beyond "max_size" without
 * CAP_SYS_RESOURCE, or beyond the user's soft or hard limit), ENOMEM.
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
 * @held: returns how many bytes of memory its folios occupy
 * @taken: returns how many bytes ever entered it in pages taken or gifted
 * @copied: returns how many bytes ever entered it by copying
 * @moved: returns how many bytes ever entered it in folios of other private
 *	pipes
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
 * An arena is memory whose pages can be given away by PRIVPIPE_VMSPLICE with
 * SPLICE_F_GIFT, into any private pipe.  It is mapped with MAP_SHARED, is not
 * inherited over fork(2), reads as zeros where nothing was written yet or the
 * page was given away, and lives until its descriptor is closed and its last
 * mapping is gone.  Its pages are charged to the memory cgroup of whoever
 * touches them first, and its length counts against the user's limit of pipe
 * pages.  It has a descriptor of its own because a mapping keeps its file open:
 * a mapped write end would keep the pipe's reader from seeing the end.
 *
 * Where it has room for them, its memory comes in aligned blocks of 64 KiB,
 * which are cheapest to give away as a whole.  The rest of a block that was
 * given away in part goes on as single pages; a pin on a part counts for all.
 *
 * madvise(2) with MADV_DOFORK lets a child inherit an arena: both processes then
 * share it, and a page that either of them gives away reads as zeros in both;
 * 7.x kernels answer EINVAL.
 * futex(2) finds no file behind an arena's pages and answers EFAULT, unless the
 * operation is private to the process (FUTEX_PRIVATE_FLAG): a mutex or semaphore
 * that processes share must lie in other memory.
 *
 * Return: 0, or EINVAL (flags; @length is 0 or over 2 GiB), EPERM (over the
 * user's soft or hard limit), ENFILE, EMFILE.  mmap(2) of an arena: EINVAL
 * (MAP_PRIVATE), ENXIO (beyond its end).
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
 * @arg: address of the structure that the ioctl takes; it and what it points to
 *	must stay as they are until the request completes; so must the
 *	descriptors in it, which may be looked up by a worker
 * @__reserved: must be 0
 *
 * The completion's res is what the ioctl would have returned, or minus its
 * errno.  A request that would have to wait does so on an io_uring worker, where
 * SIGPIPE goes nowhere and nothing is repeated after a signal.
 */
struct privpipe_uring_cmd {
	__aligned_u64 arg;
	__aligned_u64 __reserved;
};

#endif /* _UAPI_LINUX_PRIVPIPE_H */
