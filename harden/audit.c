// SPDX-License-Identifier: GPL-2.0
/*
 * Audit: trace the stock functions, which continue to work, and count their calls.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/ptrace.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/stringhash.h>

#include "harden.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PPH_SEEN_BITS 12

/* A bit for each combination of program name and path that was reported. */
static DECLARE_BITMAP(pph_seen, 1 << PPH_SEEN_BITS);
static struct ftrace_ops pph_ops[PPH_NR_POINTS];

/* Whether vmsplice(2) on a descriptor would fill a pipe: it is a writing end. */
static bool pph_enters_pipe(unsigned int fd)
{
	CLASS(fd, f)(fd);

	return fd_file(f) && fd_file(f)->f_mode & FMODE_WRITE;
}

static bool pph_would_copy(const struct pph_point *point,
			   struct ftrace_regs *fregs)
{
	const struct pt_regs *regs =
		(const void *)ftrace_regs_get_argument(fregs, 0);
	const struct pipe_buffer *buf =
		(const void *)ftrace_regs_get_argument(fregs, 1);

	if (point->copy == pph_x64_sys_vmsplice)
		return pph_enters_pipe(regs->di);
	if (point->copy == pph_ia32_sys_vmsplice)
		return pph_enters_pipe(regs->bx);
	/* vmsplice adds buffers in the same way, and was counted above. */
	if (point->copy == pph_add_to_pipe)
		return buf->ops == &nosteal_pipe_buf_ops &&
		       !pph_page_is_private(buf->page);
	return true;
}

static void pph_look(unsigned long ip, unsigned long parent_ip,
		     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct pph_point *point = ops->private;
	char name[TASK_COMM_LEN];
	u32 hash;

	if (!pph_would_copy(point, fregs))
		return;
	pph_count(point->path, 0);
	trace_would_copy(pph_path_names[point->path]);
	strscpy(name, current->comm);
	hash = full_name_hash(pph_seen + point->path, name, strlen(name));
	if (!test_and_set_bit(hash_32(hash, PPH_SEEN_BITS), pph_seen))
		pr_info_ratelimited("audit: %s[%d] would get a copy: %s -> pipe\n",
				    name, current->pid,
				    pph_path_names[point->path]);
}

/**
 * pph_audit_stop() - Stop tracing.
 */
void pph_audit_stop(void)
{
	unsigned int i;

	for (i = 0; i < PPH_NR_POINTS; i++) {
		if (pph_ops[i].func)
			unregister_ftrace_function(&pph_ops[i]);
		ftrace_free_filter(&pph_ops[i]);
	}
}

/**
 * pph_audit_start() - Trace the functions that put pages into pipes.
 *
 * Return: 0 or an error, in which case nothing is left behind.
 */
int pph_audit_start(void)
{
	unsigned int i;
	int ret = pph_check_types();

	if (ret)
		return ret;
	for (i = 0; i < PPH_NR_POINTS; i++) {
		pph_ops[i].flags = FTRACE_OPS_FL_RECURSION;
		pph_ops[i].private = (void *)&pph_points[i];
		ret = pph_set_filter(&pph_ops[i], &pph_points[i]);
		if (ret)
			goto stop;
		pph_ops[i].func = pph_look;
		ret = register_ftrace_function(&pph_ops[i]);
		if (ret) {
			pph_ops[i].func = NULL;
			pr_err("%s can't be watched: error %d\n",
			       pph_points[i].name, ret);
			goto stop;
		}
	}
	pr_info("audit: nothing is changed; counting who would get copies\n");
	return 0;

stop:
	pph_audit_stop();
	return ret;
}
