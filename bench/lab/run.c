// SPDX-License-Identifier: GPL-2.0
/*
 * Passes and rounds: in each round every rival gets one turn, so that changes of the
 * machine's speed affect all of them.
 */
#include <linux/blk_types.h>
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/math64.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/time64.h>
#include <linux/vmstat.h>

#include "end.h"
#include "lab.h"

/*
 * The CPU time of this kernel as a thread of the host: what other programs of the
 * host take of the CPU meanwhile says nothing about pipes.  This is libc's.
 */
extern int clock_gettime(int clock, struct __kernel_timespec *ts);

/**
 * lab_now() - Read the CPU time of this CPU, which is a thread of the host.
 *
 * It is a system call of the host; a pass that reads it often deducts that.
 *
 * Return: nanoseconds.
 */
s64 lab_now(void)
{
	struct __kernel_timespec ts = {};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static s64 lab_now_costs(void)
{
	s64 least = S64_MAX, before = lab_now();
	int i;

	for (i = 0; i < 100; i++) {
		s64 now = lab_now();

		least = min(least, now - before);
		before = now;
	}
	return least;
}

/* The bytes that this machine has read from its disks. */
static u64 lab_disk(void)
{
	static unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return (u64)events[PGPGIN] << SECTOR_SHIFT;
}

/* Let the page cache forget the source. */
static void lab_cool(struct lab *lab)
{
	unsigned int i;

	invalidate_mapping_pages(lab->in_file->f_mapping, 0, -1);
	for (i = 0; i < lab->nr_files; i++) {
		CLASS(fd, f)(lab->files[i]);

		invalidate_mapping_pages(fd_file(f)->f_mapping, 0, -1);
	}
}

/*
 * An arm that takes pages leaves a cold file to whoever comes next: what is to be
 * hot is read before it counts, and twice, since a page becomes active when it
 * is found again.
 */
static int lab_warm(struct lab *lab)
{
	u64 todo = min_t(u64, lab->bytes, lab->size);
	loff_t pos = 0;

	if (lab->files)
		return 0;	/* an arm finds the cache as it left it itself */
	while (pos < todo) {
		ssize_t n = kernel_read(lab->in_file, lab->buf, lab->chunk, &pos);

		if (n <= 0)
			return n ?: -EIO;
		cond_resched();
	}
	return 0;
}

/* Repeat the step of @arm until the first pipe is full. */
static ssize_t lab_fill(struct lab *lab, const struct lab_arm *arm)
{
	ssize_t n, done = 0;

	lab->filling = true;
	do {
		n = lab->path->prepare ? lab->path->prepare(lab) : 0;
		n = n ?: arm->step(lab);
		done += max_t(ssize_t, n, 0);
	} while (n > 0);
	lab->filling = false;
	return n == -EAGAIN ? done : n ?: -EIO;
}

/*
 * Fill the first pipe, read all but a byte, and fill it again: then it can hold a whole
 * folio for that byte, besides all that it has room for.
 */
static ssize_t lab_pin(struct lab *lab, const struct lab_arm *arm)
{
	ssize_t more, ret, n = lab_fill(lab, arm);

	if (n <= 0)
		return n ?: -EIO;
	ret = lab_empty_pipe(lab, lab->pipe, n - 1);
	if (ret < 0)
		return ret;
	more = lab_fill(lab, arm);
	if (more < 0)
		return more;
	lab_look(lab);
	ret = lab_empty_pipe(lab, lab->pipe, more + 1);
	return ret < 0 ? ret : n + more;
}

/* One chunk, and the time for it added to @ns if it has something to leave out. */
static ssize_t lab_step(struct lab *lab, const struct lab_arm *arm, bool part,
			s64 *ns)
{
	const struct lab_path *path = lab->path;
	ssize_t n;
	int ret;

	if (path->flags & LAB_FULL)
		return lab_pin(lab, arm);
	ret = path->prepare ? path->prepare(lab) : 0;
	if (ret)
		return ret;
	if (part)
		*ns -= lab_now();
	n = arm->step(lab);
	if (part)
		*ns += lab_now();
	if (n == -EAGAIN && lab->feed)
		n = 0;	/* it has not arrived yet */
	if (n < 0)
		return n;
	ret = path->finish ? path->finish(lab) : 0;
	if (lab->feed)
		lab->queued -= n;
	if (++lab->turn == lab->pipes)
		lab->turn = 0;
	return ret ?: n;
}

/* Get ready to move bytes by @arm. */
static int lab_begin(struct lab *lab, const struct lab_arm *arm)
{
	int ret;

	lab->pipe = arm->flags & LAB_PRIVATE ? lab->private : lab->stock;
	lab->user = arm->flags & LAB_ARENA ? lab->arena : lab->anon;
	ret = IS_ENABLED(CONFIG_PRIVPIPE) ? lab_harden(arm->flags & LAB_HARDENS) : 0;
	if (ret)
		return ret;
	if (lab->in_file)
		lab->in_file->f_op = arm->flags & LAB_COPIES ? &lab->copy_fops :
							       lab->in_fops;
	lab_rewind(lab);
	lab->crc = 0;
	lab->moved = 0;
	lab->refused = false;
	lab->got = 0;
	lab->pinned = 0;
	lab->largest = 0;
	memset(lab->ns, 0, sizeof(lab->ns));
	return 0;
}

/**
 * lab_move() - Move the bytes of a pass, and to the end of the last file where there are many.
 * @lab: the case
 * @arm: the way to do it
 *
 * Return: nanoseconds of CPU time, or an error.
 */
s64 lab_move(struct lab *lab, const struct lab_arm *arm)
{
	bool part = lab->path->prepare && !(lab->path->flags & LAB_TIME_ALL);
	s64 ns = 0, costs = part ? lab_now_costs() : 0;
	ssize_t n = 0;

	if (!part)
		ns -= lab_now();
	while (lab->moved < lab->bytes || (lab->files && n)) {
		n = lab_step(lab, arm, part, &ns);
		if (n < 0)
			return n;
		ns -= costs;
		lab->moved += n;
		/* Who knows a file's size asks for nothing behind its end. */
		if (!n || (lab->size && lab->in_file->f_pos == lab->size))
			lab_next_file(lab);
		cond_resched();
	}
	if (!part)
		ns += lab_now();
	return max(ns, 1LL);
}

/* Read what is left of a pass. */
static int lab_finish(struct lab *lab, const struct lab_arm *arm)
{
	int ret = 0;

	/* Those who share a pipe have read all of it. */
	if (lab_reads_apart(lab, arm) && !lab->shared)
		ret = lab_read(lab, lab->moved);
	while (lab->pending && !ret) {
		ret = lab_receive(lab, 0);
		cond_resched();
	}
	return ret;
}

/* All pairs of a case move their bytes. */
static int lab_pass(struct lab *labs, const struct lab_arm *arm)
{
	struct lab *lab, *end = labs + labs->pairs;
	u64 read = lab_disk();
	s64 ret = 0;

	for (lab = labs; lab < end && !ret; lab++) {
		ret = lab_begin(lab, arm);
		if (lab->shared)
			lab->pipe = labs->pipe;
	}
	if (ret)
		return ret;
	if (labs->pairs > 1 || labs->apart) {
		ret = lab_race(labs, arm);
	} else {
		ret = lab_move(labs, arm);
		labs->ns[LAB_CPU] = ret;
	}
	for (lab = labs; lab < end && ret >= 0; lab++)
		ret = lab_finish(lab, arm);
	labs->read = lab_disk() - read;
	return min_t(s64, ret, 0);
}

/* A pass from the state of the page cache that was asked for. */
static int lab_turn(struct lab *labs, const struct lab_arm *arm)
{
	struct lab *lab;
	int i, ret = 0;

	for (lab = labs; labs->size && lab < labs + labs->pairs && !ret; lab++)
		if (lab->cold)
			lab_cool(lab);
		else
			ret = lab_warm(lab) ?: lab_warm(lab);
	for (i = labs->files && !labs->cold ? 0 : 2; i < 3 && !ret; i++)
		ret = lab_pass(labs, arm);
	return ret;
}

/* The checksum of the first @todo bytes that a pass sends. */
static int lab_checksum(struct lab *lab, u64 todo, u32 *crc)
{
	u64 done = 0;

	*crc = 0;
	lab_rewind(lab);
	while (done < todo) {
		void *data = lab->data;
		ssize_t n = lab->chunk;

		if (lab->size) {
			n = kernel_read(lab->in_file, lab->buf, n,
					&lab->in_file->f_pos);
			data = lab->buf;
		}
		if (n < 0)
			return n;
		n = min_t(u64, n, todo - done);
		*crc = crc32_le(*crc, data, n);
		done += n;
		if (!n)
			lab_next_file(lab);
	}
	return 0;
}

/* The checksum of bytes that were written to a file repeatedly. */
static int lab_checksum_target(struct lab *lab, u64 todo, u32 *crc)
{
	loff_t pos = 0;
	u64 done;
	ssize_t n;

	*crc = 0;
	for (done = 0; done < todo; done += n) {
		n = kernel_read(lab->out_file, lab->buf,
				min_t(u64, lab->chunk, todo - done), &pos);
		if (n < 0)
			return n;
		*crc = crc32_le(*crc, lab->buf, n);
		if (!n)
			pos = 0;
	}
	return 0;
}

/* Whether the bytes that @arm has delivered are those of the source. */
static int lab_compare(struct lab *lab, const struct lab_arm *arm)
{
	bool to_file = lab->out_file && S_ISREG(file_inode(lab->out_file)->i_mode);
	bool to_null = lab->out_file && !lab->peer && !to_file;
	int ret;
	u32 crc;

	/*
	 * Which bytes of a shared pipe a reader gets is not known, and what fills a
	 * pipe is only a part of the source.
	 */
	if (to_null || lab->shared || arm->flags & LAB_NO_OUTPUT ||
	    lab->path->flags & LAB_FULL)
		return 0;
	if (lab->path->flags & LAB_SLOW && !lab->refused) {
		pr_err("lab: %s by %s never offers more than fits\n",
		       lab->path->name, arm->name);
		return -EINVAL;
	}
	ret = lab_checksum(lab, lab->moved * max(lab->path->copies, 1U), &crc);
	if (!ret && to_file)
		ret = lab_checksum_target(lab, lab->moved, &lab->crc);
	if (!ret && crc != lab->crc) {
		pr_err("lab: %s by %s delivers other bytes\n", lab->path->name,
		       arm->name);
		ret = -EBADMSG;
	}
	return ret;
}

/* Whether an arm delivers the bytes of the source. */
static int lab_verify(struct lab *labs, const struct lab_arm *arm)
{
	struct lab *lab, *end = labs + labs->pairs;
	int ret;

	for (lab = labs; lab < end; lab++)
		lab->verify = true;
	ret = lab_turn(labs, arm);
	for (lab = labs; lab < end; lab++) {
		lab->verify = false;
		ret = ret ?: lab_compare(lab, arm);
	}
	return ret;
}

/* Add what the pipes of all pairs have counted. */
static struct lab_counts lab_count_all(struct lab *labs)
{
	struct lab_counts sum = { .held = lab_held_outside(labs) };
	struct lab *lab;

	for (lab = labs; lab < labs + labs->pairs; lab++) {
		struct lab_counts counts = lab_count(lab);

		sum.taken += counts.taken;
		sum.copied += counts.copied;
		sum.held += counts.held;
	}
	return sum;
}

/* One turn of an arm that counts. */
static int lab_measure(struct lab *labs, const struct lab_arm *arm,
		       struct lab_result *result, unsigned int round)
{
	struct lab_counts before = lab_count_all(labs), after;
	enum lab_time time;
	u64 moved = 0;
	struct lab *lab;
	int ret = lab_turn(labs, arm);

	if (ret)
		return ret;
	for (lab = labs; lab < labs + labs->pairs; lab++)
		moved += lab->moved;
	for (time = 0; time < LAB_TIMES; time++)
		result->ns[time][round] =
			mul_u64_u64_div_u64(labs->ns[time],
					    labs->bytes, moved);
	after = lab_count_all(labs);
	result->counts.taken += after.taken - before.taken;
	result->counts.copied += after.copied - before.copied;
	result->counts.held = after.held;
	result->read = max(result->read, labs->read);
	result->pinned = max(result->pinned, labs->pinned);
	result->largest = max(result->largest, labs->largest);
	return 0;
}

/**
 * lab_run() - Run all rivals of a case.
 * @labs: the case, open, once for each pair
 * @results: filled in, one for each arm
 *
 * Return: 0 or an error.
 */
int lab_run(struct lab *labs, struct lab_result *results)
{
	const struct lab_arm *arms = labs->path->arms;
	unsigned int i, round, nr = 0;
	int ret = set_cpus_allowed_ptr(current, cpumask_of(0));

	for (; arms[nr].name && !ret; nr++) {
		if (!lab_wants(labs, &arms[nr]))
			continue;
		ret = lab_verify(labs, &arms[nr]);
		results[nr].read = labs->read;
	}
	if (ret)
		return ret;
	for (round = 0; round < labs->rounds; round++) {
		/* There and back: nobody always runs behind the same one. */
		for (i = 0; i < nr; i++) {
			unsigned int a = round % 2 ? i : nr - 1 - i;

			if (!lab_wants(labs, &arms[a]))
				continue;
			ret = lab_measure(labs, &arms[a], &results[a], round);
			if (ret)
				return ret;
		}
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}
