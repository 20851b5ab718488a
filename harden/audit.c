// SPDX-License-Identifier: GPL-2.0
/*
 * Audit: trace the stock functions, which continue to work, and count their calls by program.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string_helpers.h>
#include <linux/stringhash.h>

#include "harden.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PPH_USERS_BITS	10
#define PPH_PROBES	16

/* A program, by its name, on a path.  It stays once @used is set. */
struct pph_user {
	char name[TASK_COMM_LEN];
	enum pph_path path;
	bool used;
	atomic64_t calls;
};

/* A hash table.  Programs that find no place in it are counted together. */
static struct pph_user *pph_users;
static atomic64_t pph_others[PPH_NR_PATHS];
static DEFINE_RAW_SPINLOCK(pph_users_lock);	/* to set @used */

static struct dentry *pph_debugfs;
static struct ftrace_ops pph_ops[PPH_NR_POINTS];

static void pph_user_claim(struct pph_user *user, const char *name,
			   enum pph_path path)
{
	raw_spin_lock(&pph_users_lock);
	if (!user->used) {
		strscpy(user->name, name);
		user->path = path;
		/* Pairs with smp_load_acquire() where others look at it. */
		smp_store_release(&user->used, true);
	}
	raw_spin_unlock(&pph_users_lock);
}

static atomic64_t *pph_calls_of(const char *name, enum pph_path path)
{
	u32 first = hash_32(full_name_hash(pph_users + path, name, strlen(name)),
			    PPH_USERS_BITS);
	unsigned int i;

	for (i = 0; i < PPH_PROBES; i++) {
		struct pph_user *user =
			&pph_users[(first + i) % (1 << PPH_USERS_BITS)];

		/* Pairs with smp_store_release() in pph_user_claim(). */
		if (!smp_load_acquire(&user->used))
			pph_user_claim(user, name, path);
		if (user->path == path && !strcmp(user->name, name))
			return &user->calls;
	}
	return &pph_others[path];
}

/* A line for each program and path: calls, path and name, which may contain blanks. */
static int pph_programs_show(struct seq_file *file, void *unused)
{
	unsigned int i;

	for (i = 0; i < 1 << PPH_USERS_BITS; i++) {
		const struct pph_user *user = &pph_users[i];

		/* Pairs with smp_store_release() in pph_user_claim(). */
		if (!smp_load_acquire(&user->used))
			continue;
		seq_printf(file, "%lld %s ", atomic64_read(&user->calls),
			   pph_path_names[user->path]);
		seq_escape_mem(file, user->name, strlen(user->name),
			       ESCAPE_HEX | ESCAPE_NAP, NULL);
		seq_putc(file, '\n');
	}
	for (i = 0; i < PPH_NR_PATHS; i++)
		if (atomic64_read(&pph_others[i]))
			seq_printf(file, "%lld %s (others)\n",
				   atomic64_read(&pph_others[i]), pph_path_names[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pph_programs);

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

	if (pph_excepted() || !pph_would_copy(point, fregs))
		return;
	pph_count(point->path, 0);
	trace_would_copy(pph_path_names[point->path]);
	strscpy(name, current->comm);
	atomic64_inc(pph_calls_of(name, point->path));
}

/**
 * pph_audit_stop() - Stop tracing.
 */
void pph_audit_stop(void)
{
	unsigned int i;

	debugfs_remove(pph_debugfs);
	for (i = 0; i < PPH_NR_POINTS; i++) {
		if (pph_ops[i].func)
			unregister_ftrace_function(&pph_ops[i]);
		ftrace_free_filter(&pph_ops[i]);
	}
	kvfree(pph_users);
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
	pph_users = kvcalloc(1 << PPH_USERS_BITS, sizeof(*pph_users), GFP_KERNEL);
	if (!pph_users)
		return -ENOMEM;
	for (i = 0; i < PPH_NR_POINTS; i++) {
		pph_ops[i].flags = FTRACE_OPS_FL_RECURSION | FTRACE_OPS_FL_PERMANENT;
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
			pph_check_tracing(); /* which says so if none can */
			goto stop;
		}
	}
	/* Who uses what is nobody's business but root's. */
	pph_debugfs = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("programs", 0400, pph_debugfs, NULL, &pph_programs_fops);
	pr_info("audit: nothing is changed; counting who would get copies\n");
	return 0;

stop:
	pph_audit_stop();
	return ret;
}
