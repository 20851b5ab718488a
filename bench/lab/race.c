// SPDX-License-Identifier: GPL-2.0
/*
 * A pass by several tasks, each on a CPU of its own: pairs that use the same file,
 * and readers apart from who sends to them.  Those that share a pipe may be more
 * than there are CPUs.
 */
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "lab.h"

/**
 * struct lab_runner - a task of a pass
 * @lab: its case
 * @arm: its way to move the bytes; NULL: it reads them
 * @starting: how many of the tasks are not ready yet
 * @done: it has ended
 * @began: when it began to work
 * @ended: when it had done all
 * @ns: its CPU time, or an error
 */
struct lab_runner {
	struct lab *lab;
	const struct lab_arm *arm;
	atomic_t *starting;
	struct completion done;
	ktime_t began;
	ktime_t ended;
	s64 ns;
};

static s64 lab_read_all(struct lab *lab)
{
	s64 before = lab_now();
	int ret = lab_read(lab, lab->bytes * lab->writers / lab->readers);

	return ret ?: max(lab_now() - before, 1LL);
}

static int lab_runner(void *arg)
{
	struct lab_runner *me = arg;

	atomic_dec(me->starting);
	while (atomic_read(me->starting))
		cond_resched();
	me->began = ktime_get();
	me->ns = me->arm ? lab_move(me->lab, me->arm) : lab_read_all(me->lab);
	me->ended = ktime_get();
	if (me->ns < 0)
		lab_hang_up(me->lab, !me->arm);
	complete(&me->done);
	do_exit(0);
}

/* Add up who took how long.  CPU time is that of the CPU, for all tasks on it. */
static int lab_sum(struct lab *labs, struct lab_runner *runners, unsigned int nr)
{
	ktime_t began = runners->began, ended = runners->ended;
	struct lab_runner *one;

	for (one = runners; one < runners + nr; one++) {
		if (one->ns < 0)
			return one->ns;
		began = min(began, one->began);
		ended = max(ended, one->ended);
		if (nr <= num_online_cpus())
			labs->ns[one->arm ? LAB_CPU : LAB_READER] += one->ns;
	}
	labs->ns[LAB_WALL] = ktime_to_ns(ktime_sub(ended, began));
	return 0;
}

/**
 * lab_race() - Let all tasks of a case move their bytes at the same time.
 * @labs: the case, once for each pair
 * @arm: the way to do it
 *
 * The tasks are threads of the current one: they use its descriptors and its memory.
 *
 * Return: 0 or an error.
 */
int lab_race(struct lab *labs, const struct lab_arm *arm)
{
	unsigned int i, nr = labs->writers +
			     (lab_reads_apart(labs, arm) ? labs->readers : 0);
	struct lab_runner *runners __free(kfree) =
		kcalloc(nr, sizeof(*runners), GFP_KERNEL);
	atomic_t starting = ATOMIC_INIT(nr);

	if (!runners)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct lab_runner *one = &runners[i];
		struct task_struct *task;

		one->lab = &labs[i < labs->writers ? i : i - labs->writers];
		one->arm = i < labs->writers ? arm : NULL;
		one->starting = &starting;
		init_completion(&one->done);
		task = create_io_thread(lab_runner, one, NUMA_NO_NODE);
		/* Those that run already would wait for ever, and so would the user. */
		if (IS_ERR(task))
			panic("lab: no task: %ld", PTR_ERR(task));
		set_cpus_allowed_ptr(task, cpumask_of(i % num_online_cpus()));
		wake_up_new_task(task);
	}
	for (i = 0; i < nr; i++)
		wait_for_completion(&runners[i].done);
	return lab_sum(labs, runners, nr);
}
