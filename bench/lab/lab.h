/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_LAB_H
#define PRIVPIPE_LAB_H

#include <linux/fs.h>
#include <linux/net.h>
#include <linux/prandom.h>

#define LAB_MAX_ARMS	16
#define LAB_MAX_ROUNDS	256
#define LAB_MAX_PAIRS	8
#define LAB_ANY_ORDER	99	/* what the file system likes */

/**
 * struct lab_pipe - a pipe with both ends open in the current task
 * @rd: descriptor of the read end
 * @wr: descriptor of the write end
 * @rd_file: its file
 * @wr_file: its file
 */
struct lab_pipe {
	int rd;
	int wr;
	struct file *rd_file;
	struct file *wr_file;
};

struct lab_path;

/**
 * enum lab_time - what is measured
 * @LAB_CPU: CPU time of those who send, and read unless the readers are apart
 * @LAB_READER: CPU time of the readers that are apart
 * @LAB_WALL: from the first who begins to the last who ends, if they are several
 * @LAB_TIMES: how many there are
 */
enum lab_time { LAB_CPU, LAB_READER, LAB_WALL, LAB_TIMES };

/**
 * struct lab - one case: its parameters, and the files that it uses
 * @path: which way the bytes go
 * @file: the name of the source file, or of a folder of files to serve
 * @target: the name of the target file, for a path that ends in one
 * @only: run this arm and no other, when it is not empty
 * @cold: drop the source from the page cache before each pass
 * @chunk: bytes per call
 * @ring: capacity of the pipes, in bytes
 * @pipes: how many pipes take turns
 * @bytes: how many go through in a pass
 * @rounds: how often each arm gets a turn
 * @order: of the largest folios that the source may have in the page cache
 * @pairs: how many do the same, each on a CPU of its own
 * @writers: how many of them write, the first ones: all, unless the pipe is @shared
 * @readers: how many of them read, the first ones: all, unless the pipe is @shared
 * @apart: the bytes are read by another task, on another CPU
 * @shared: all pairs use the pipes of the first, on as many CPUs as there are
 * @size: of all source files
 * @in: descriptor of the source
 * @out: descriptor of the sink
 * @device: descriptor of /dev/privpipe
 * @in_file: file of @in
 * @out_file: file of @out
 * @device_file: file of @device
 * @fs_order: of the largest folios that its file system would make
 * @in_fops: the operations of @in_file
 * @copy_fops: the same but for ->splice_read, which is copy_splice_read()
 * @files: descriptors of the files to serve
 * @nr_files: how many there are
 * @dice: chooses among them
 * @stock: stock pipes
 * @private: private pipes
 * @pipe: the one of either whose turn it is
 * @turn: its index
 * @peer: where the bytes of a socket sink arrive
 * @pending: bytes on their way to @peer
 * @feed: where the bytes of a socket source come from
 * @queued: bytes on their way from @feed
 * @fed: bytes sent by @feed in this pass
 * @anon: anonymous memory of the current task
 * @arena: memory of an arena
 * @user: the one of either that is in use
 * @iov: where in user memory an iovec has room
 * @verify: compute @crc instead of being fast
 * @crc: of the bytes that came out
 * @read: bytes read from disk in the last pass
 * @moved: bytes moved in this pass
 * @refused: the sink did not take all that it was offered, once in this pass at least
 * @got: of them, those that another task has read
 * @filling: the first pipe is being filled, and not read
 * @pinned: the most memory that it has kept from other uses in this pass, in bytes
 * @largest: the largest folio in it then, in bytes
 * @ns: nanoseconds of the last pass
 * @data: the bytes to send if the source is no file
 * @buf: the buffer of the arms that read and write, hot in the CPU's cache
 * @into: the buffer of the reader, the same one unless it is @apart or slow
 */
struct lab {
	const struct lab_path *path;
	char file[64];
	char target[64];
	char only[32];
	bool cold;
	u32 chunk;
	u32 ring;
	u32 pipes;
	u64 bytes;
	u32 rounds;
	u32 order;
	u32 pairs;
	u32 writers;
	u32 readers;
	bool apart;
	bool shared;

	loff_t size;
	int in;
	int out;
	int device;
	struct file *in_file;
	struct file *out_file;
	struct file *device_file;
	u32 fs_order;
	const struct file_operations *in_fops;
	struct file_operations copy_fops; /* checkpatch: CONST_STRUCT: made from in_fops */
	int *files;
	unsigned int nr_files;
	struct rnd_state dice;
	struct lab_pipe *stock;
	struct lab_pipe *private;
	struct lab_pipe *pipe;
	unsigned int turn;
	struct socket *peer;
	size_t pending;
	struct socket *feed;
	size_t queued;
	u64 fed;
	unsigned long anon;
	unsigned long arena;
	unsigned long user;
	unsigned long iov;
	bool verify;
	u32 crc;
	u64 read;
	u64 moved;
	bool refused;
	u64 got;
	bool filling;
	u64 pinned;
	u64 largest;
	u64 ns[LAB_TIMES];
	void *data;
	void *buf;
	void *into;
};

#define LAB_COPIES	0x1	/* the source's ->splice_read copies */
#define LAB_PRIVATE	0x2	/* through private pipes */
#define LAB_ARENA	0x4	/* out of an arena */
#define LAB_NO_OUTPUT	0x8	/* nothing arrives */
#define LAB_MODULE	0x10	/* by the module, without private pipes */
#define LAB_HARDENS	0x20	/* with privpipe_harden.ko's functions in the kernel */
#define LAB_SERIES	0x40	/* stock's own kernel does the same without */

#define LAB_JUMP_SIZE	5	/* of a jump to another function */

/**
 * struct lab_arm - one way to do it
 * @name: for the results
 * @step: move one chunk all the way; returns bytes, 0 at the end of the source
 * @flags: LAB_*
 */
struct lab_arm {
	const char *name;
	ssize_t (*step)(struct lab *lab);
	unsigned int flags;
};

#define LAB_DISCARD	0x1	/* the peer does not copy out the bytes that arrive */
#define LAB_TIME_ALL	0x2	/* @prepare and @finish count, too */
#define LAB_SLOW	0x4	/* the peer reads little after each call, and soon no more fits */
#define LAB_FULL	0x8	/* a step of an arm is repeated until the first pipe is full */

/**
 * struct lab_path - one way for bytes to go
 * @name: for the results
 * @arms: the ways to do it; ends with one that has no name
 * @source: opens the source of the bytes, or NULL
 * @sink: opens the target of the bytes, or NULL
 * @prepare: runs before a step and is not measured, or NULL
 * @finish: runs after a step and is not measured, or NULL
 * @flags: LAB_DISCARD, LAB_TIME_ALL, LAB_SLOW, LAB_FULL
 * @copies: how often each byte arrives
 */
struct lab_path {
	const char *name;
	const struct lab_arm *arms;
	int (*source)(struct lab *lab);
	int (*sink)(struct lab *lab);
	int (*prepare)(struct lab *lab);
	int (*finish)(struct lab *lab);
	unsigned int flags;
	unsigned int copies;
};

/**
 * struct lab_counts - counters of the pipes of a case
 * @taken: bytes that entered private pipes without a copy
 * @copied: bytes that entered them by a copy
 * @held: bytes of memory that all pipes of the kind in use keep, and the one that
 *	sendfile() has for the current task
 */
struct lab_counts {
	u64 taken;
	u64 copied;
	u64 held;
};

/**
 * struct lab_result - the measurements of an arm
 * @ns: nanoseconds of each pass, 0 where there is nothing to measure
 * @counts: bytes taken and copied in all passes, memory held after one
 * @read: the most bytes that a pass read from disk
 * @pinned: the most memory that a full pipe kept from other uses, in bytes
 * @largest: the largest folio in it, in bytes
 */
struct lab_result {
	u64 ns[LAB_TIMES][LAB_MAX_ROUNDS];
	struct lab_counts counts;
	u64 read;
	u64 pinned;
	u64 largest;
};

/*
 * Whether @arm takes part in @lab.  A kernel without the module is there for what
 * its own pipes do; it is a series'.
 */
static inline bool lab_wants(const struct lab *lab, const struct lab_arm *arm)
{
	if (!IS_ENABLED(CONFIG_PRIVPIPE) &&
	    arm->flags & (LAB_COPIES | LAB_PRIVATE | LAB_MODULE |
			  LAB_HARDENS))
		return false;
	if (IS_ENABLED(CONFIG_PRIVPIPE) && arm->flags & LAB_SERIES)
		return false;
	return !*lab->only || !strcmp(lab->only, arm->name);
}

/* Whether another task reads what @arm delivers. */
static inline bool lab_reads_apart(const struct lab *lab,
				   const struct lab_arm *arm)
{
	return lab->apart && !(arm->flags & LAB_NO_OUTPUT);
}

extern const struct lab_path lab_paths[];

int lab_open(struct lab *lab);
void lab_close(struct lab *lab);
int lab_source_file(struct lab *lab);
int lab_source_web(struct lab *lab);
int lab_source_tcp(struct lab *lab);
int lab_source_memory(struct lab *lab);
int lab_sink_null(struct lab *lab);
int lab_sink_tcp(struct lab *lab);
int lab_sink_file(struct lab *lab);
int lab_receive(struct lab *lab, size_t sent);
int lab_read(struct lab *lab, u64 until);
void lab_hang_up(struct lab *lab, bool reader);
int lab_feed(struct lab *lab);
void lab_rewind(struct lab *lab);
void lab_next_file(struct lab *lab);
struct lab_counts lab_count(struct lab *lab);
u64 lab_held_outside(struct lab *lab);
void lab_look(struct lab *lab);
ssize_t lab_empty_pipe(struct lab *lab, struct lab_pipe *pipe, ssize_t n);

int lab_harden(bool on);
int lab_patch(void *at, const u8 *code, size_t len);
int lab_patch_jump(void *from, const void *to);
bool lab_patch_memcpy(void);
bool lab_patch_clear_page(void);
bool lab_patch_ipi(void);
s64 lab_now(void);
s64 lab_move(struct lab *lab, const struct lab_arm *arm);
int lab_race(struct lab *lab, const struct lab_arm *arm);
int lab_run(struct lab *lab, struct lab_result *results);

#endif /* PRIVPIPE_LAB_H */
