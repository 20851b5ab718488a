// SPDX-License-Identifier: GPL-2.0
/*
 * Passes and rounds: in each round every rival gets one turn, so that whatever
 * the machine does meanwhile happens to all of them.
 */
#include <linux/crc32.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/time64.h>

#include "file.h"
#include "lab.h"

/*
 * The CPU time of this kernel as a thread of the host: what other programs of the
 * host take of the CPU meanwhile says nothing about pipes.  This is libc's.
 */
extern int clock_gettime(int clock, struct __kernel_timespec *ts);

static s64 lab_now(void)
{
	struct __kernel_timespec ts = {};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void lab_rewind(struct lab *lab)
{
	if (lab->in_file)
		lab->in_file->f_pos = 0;
	if (lab->in_copy_file)
		lab->in_copy_file->f_pos = 0;
	if (lab->out_file)
		lab->out_file->f_pos = 0;
}

/*
 * An arm that takes pages leaves a cold file to whoever comes next: what is to be
 * hot is read once before it counts.
 */
static int lab_warm(struct lab *lab)
{
	u64 todo = min_t(u64, lab->bytes, lab->size);
	loff_t pos = 0;

	while (pos < todo) {
		ssize_t n = kernel_read(lab->in_file, lab->buf, lab->chunk, &pos);

		if (n <= 0)
			return n ?: -EIO;
		cond_resched();
	}
	return 0;
}

/* Move lab->bytes; returns nanoseconds or an error. */
static s64 lab_pass(struct lab *lab, const struct lab_arm *arm)
{
	u64 moved = 0;
	s64 ns = 0;
	int ret;

	lab_rewind(lab);
	if (lab->cold)
		invalidate_mapping_pages(lab->in_file->f_mapping, 0, -1);
	ret = lab->in_file && !lab->cold ? lab_warm(lab) : 0;
	if (ret)
		return ret;
	if (!arm->prepare)
		ns -= lab_now();
	while (moved < lab->bytes) {
		ssize_t n;

		if (arm->prepare) {
			n = arm->prepare(lab);
			if (n)
				return n;
			ns -= lab_now();
		}
		n = arm->step(lab);
		if (arm->prepare)
			ns += lab_now();
		if (n < 0)
			return n;
		moved += n;
		if (!n)
			lab_rewind(lab);
		cond_resched();
	}
	if (!arm->prepare)
		ns += lab_now();
	while (lab->pending) {
		ret = lab_receive(lab, 0);
		if (ret)
			return ret;
		cond_resched();
	}
	return ns;
}

/* The checksum of lab->bytes of a file that is read again and again. */
static int lab_checksum(struct lab *lab, struct file *file, u32 *crc)
{
	u64 done = 0;
	loff_t pos = 0;

	*crc = 0;
	while (done < lab->bytes) {
		ssize_t n = kernel_read(file, lab->buf,
					min_t(u64, lab->chunk, lab->bytes - done),
					&pos);

		if (n < 0)
			return n;
		*crc = crc32_le(*crc, lab->buf, n);
		done += n;
		if (!n)
			pos = 0;
	}
	return 0;
}

/* Whether what an arm delivers are the bytes of the source. */
static int lab_verify(struct lab *lab, const struct lab_arm *arm)
{
	bool to_file = lab->out_file && S_ISREG(file_inode(lab->out_file)->i_mode);
	s64 ret;
	u32 crc;

	lab->verify = true;
	lab->crc = 0;
	ret = lab_pass(lab, arm);
	lab->verify = false;
	if (ret < 0 || !(lab->peer || to_file) || !strcmp(arm->name, "limit"))
		return min_t(s64, ret, 0);

	ret = lab_checksum(lab, lab->in_file, &crc);
	if (!ret && to_file)
		ret = lab_checksum(lab, lab->out_file, &lab->crc);
	if (!ret && crc != lab->crc) {
		pr_err("lab: %s by %s delivers other bytes\n", lab->path->name,
		       arm->name);
		ret = -EBADMSG;
	}
	return ret;
}

/**
 * lab_run() - Run all rivals of a case.
 * @lab: the case, open
 * @results: filled in, one for each arm
 *
 * Return: 0 or an error.
 */
int lab_run(struct lab *lab, struct lab_result *results)
{
	struct pp_ring *ring = pp_ring_of(lab->private[0].wr_file);
	const struct lab_arm *arms = lab->path->arms;
	unsigned int i, round, nr = 0;
	int ret;

	for (; arms[nr].name; nr++) {
		if (!lab_wants(lab, &arms[nr]))
			continue;
		ret = lab_verify(lab, &arms[nr]);
		if (ret)
			return ret;
	}
	for (round = 0; round < lab->rounds; round++) {
		/* Nobody always runs behind the same one. */
		for (i = 0; i < nr; i++) {
			unsigned int a = (i + round) % nr;
			u64 taken = ring->taken, copied = ring->copied;
			s64 ns;

			if (!lab_wants(lab, &arms[a]))
				continue;
			ns = lab_pass(lab, &arms[a]);
			if (ns < 0)
				return ns;
			results[a].ns[round] = ns;
			results[a].taken += ring->taken - taken;
			results[a].copied += ring->copied - copied;
		}
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}
