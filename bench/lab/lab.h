/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_LAB_H
#define PRIVPIPE_LAB_H

#include <linux/fs.h>
#include <linux/net.h>

#define LAB_MAX_ARMS	16
#define LAB_MAX_ROUNDS	256

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
 * struct lab - one case: what was asked for, and what it runs on
 * @path: which way the bytes go
 * @file: the name of the source file
 * @target: the name of the target file, for a path that ends in one
 * @only: run this arm and no other, when it is not empty
 * @cold: drop the source from the page cache before each pass
 * @chunk: bytes per call
 * @ring: capacity of the pipes, in bytes
 * @bytes: how many go through in a pass
 * @rounds: how often each arm gets a turn
 * @size: of the source file
 * @in: descriptor of the source
 * @in_copy: another one, whose ->splice_read is copy_splice_read()
 * @out: descriptor of the sink
 * @device: descriptor of /dev/privpipe
 * @in_file: file of @in
 * @in_copy_file: file of @in_copy
 * @out_file: file of @out
 * @device_file: file of @device
 * @stock: ordinary pipes
 * @private: private pipes
 * @peer: where the bytes of a socket sink arrive
 * @pending: bytes on their way to @peer
 * @discard: @peer doesn't copy out what arrives
 * @verify: compute @crc instead of being fast
 * @crc: of what came out at the sink
 * @buf: the buffer of whoever reads and writes, hot in the CPU's cache
 */
struct lab {
	const struct lab_path *path;
	char file[64];
	char target[64];
	char only[32];
	bool cold;
	u32 chunk;
	u32 ring;
	u64 bytes;
	u32 rounds;

	loff_t size;
	int in;
	int in_copy;
	int out;
	int device;
	struct file *in_file;
	struct file *in_copy_file;
	struct file *out_file;
	struct file *device_file;
	struct lab_pipe stock[2];
	struct lab_pipe private[2];
	struct socket *peer;
	size_t pending;
	bool discard;
	bool verify;
	u32 crc;
	void *buf;
};

/**
 * struct lab_arm - one way to do it
 * @name: for the results
 * @step: move one chunk all the way; returns bytes, 0 at the end of the source
 * @prepare: what has to be there before a step and isn't measured, or NULL
 */
struct lab_arm {
	const char *name;
	ssize_t (*step)(struct lab *lab);
	int (*prepare)(struct lab *lab);
};

/**
 * struct lab_path - one way for bytes to go
 * @name: for the results
 * @arms: the ways to do it; ends with one that has no name
 * @source: the bytes come from a file
 * @sink: opens what they go to, or NULL
 * @discard: see struct lab
 */
struct lab_path {
	const char *name;
	const struct lab_arm *arms;
	bool source;
	int (*sink)(struct lab *lab);
	bool discard;
};

/**
 * struct lab_result - what an arm took
 * @ns: nanoseconds of each pass
 * @taken: bytes that entered a private pipe without a copy, in all passes
 * @copied: bytes that entered it by a copy
 */
struct lab_result {
	u64 ns[LAB_MAX_ROUNDS];
	u64 taken;
	u64 copied;
};

/* Whether @arm takes part in @lab. */
static inline bool lab_wants(const struct lab *lab, const struct lab_arm *arm)
{
	return !*lab->only || !strcmp(lab->only, arm->name);
}

extern const struct lab_path lab_paths[];

int lab_open(struct lab *lab);
void lab_close(struct lab *lab);
int lab_sink_null(struct lab *lab);
int lab_sink_tcp(struct lab *lab);
int lab_sink_file(struct lab *lab);
int lab_receive(struct lab *lab, size_t sent);

bool lab_patch_memcpy(void);
int lab_run(struct lab *lab, struct lab_result *results);

#endif /* PRIVPIPE_LAB_H */
