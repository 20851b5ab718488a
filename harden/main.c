// SPDX-License-Identifier: GPL-2.0
/*
 * privpipe_harden: keep pages of files and of programs out of the running kernel's pipes,
 * by a livepatch of the functions that put them there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>

#include "../module/pool.h"
#include "harden.h"

static char *mode = "enforce";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "enforce: copy; audit: only count what would be copied; off: do nothing");

/**
 * pph_x64_sys_vmsplice() - In place of __x64_sys_vmsplice().
 * @regs: the caller's registers
 *
 * The system call itself, of 64-bit and x32 programs, because the functions that it
 * calls are compiled into it.
 *
 * Return: as vmsplice(2).
 */
long pph_x64_sys_vmsplice(const struct pt_regs *regs)
{
	if (pph_excepted())
		return static_call(pph_stock_vmsplice64)(regs);
	return pph_vmsplice(regs->di, (const struct iovec __user *)regs->si,
			    regs->dx, regs->r10);
}

/**
 * pph_ia32_sys_vmsplice() - In place of __ia32_sys_vmsplice().
 * @regs: the caller's registers
 *
 * The same for 32-bit programs, whose iovecs import_iovec() recognizes.
 *
 * Return: as vmsplice(2).
 */
long pph_ia32_sys_vmsplice(const struct pt_regs *regs)
{
	if (pph_excepted())
		return static_call(pph_stock_vmsplice32)(regs);
	return pph_vmsplice((u32)regs->bx, compat_ptr(regs->cx),
			    (u32)regs->dx, (u32)regs->si);
}

/* A replacement must have the type of the function that it replaces. */
static_assert(__same_type(pph_filemap_splice_read, filemap_splice_read));
static_assert(__same_type(pph_shmem_splice_read, filemap_splice_read));
static_assert(__same_type(pph_skb_splice_bits, skb_splice_bits));
static_assert(__same_type(pph_add_to_pipe, add_to_pipe));

/*
 * Because of the reference to an exported function, the loader compares the type of the
 * function, and all types that it uses, with those that this module was built for.
 */
const struct pph_point pph_points[PPH_NR_POINTS] = {
	{ "filemap_splice_read", filemap_splice_read,
	  pph_filemap_splice_read, PPH_FILE },
	{ "shmem_file_splice_read", NULL, pph_shmem_splice_read, PPH_SHMEM },
	{ "__x64_sys_vmsplice", NULL, pph_x64_sys_vmsplice, PPH_MEMORY },
	{ "__ia32_sys_vmsplice", NULL, pph_ia32_sys_vmsplice, PPH_MEMORY },
	{ "skb_splice_bits", skb_splice_bits, pph_skb_splice_bits, PPH_SOCKET },
	{ "add_to_pipe", add_to_pipe, pph_add_to_pipe, PPH_FUSE },
};

/*
 * Name the tasks that delay the transition: a task changes over when it is seen outside
 * of the functions concerned, or when it returns to user space.
 */
#define PPH_PATIENCE (10 * HZ)

static void pph_report_holders(struct work_struct *work);
static DECLARE_DELAYED_WORK(pph_watch, pph_report_holders);

static void pph_report_holders(struct work_struct *work)
{
	struct task_struct *group, *task;
	unsigned int nr = 0;

	rcu_read_lock();
	for_each_process_thread(group, task) {
		if (!test_tsk_thread_flag(task, TIF_PATCH_PENDING))
			continue;
		if (nr++ < 10)
			pr_warn("still waiting for %s[%d]\n", task->comm,
				task->pid);
	}
	rcu_read_unlock();
	if (nr > 10)
		pr_warn("and for %u other tasks\n", nr - 10);
	schedule_delayed_work(&pph_watch, PPH_PATIENCE);
}

static int pph_pre_patch(struct klp_object *obj)
{
	int ret = IS_BUILTIN(CONFIG_NFSD) ? pph_nfsd_start(obj) : 0;

	if (ret)
		return ret;
	schedule_delayed_work(&pph_watch, PPH_PATIENCE);
	return IS_BUILTIN(CONFIG_FUSE_FS) ? pph_fuse_start(obj) : 0;
}

static void pph_post_patch(struct klp_object *obj)
{
	cancel_delayed_work_sync(&pph_watch);
	pr_info("enforce: pipes get copies from now on\n");
}

static void pph_pre_unpatch(struct klp_object *obj)
{
	schedule_delayed_work(&pph_watch, PPH_PATIENCE);
}

static void pph_post_unpatch(struct klp_object *obj)
{
	cancel_delayed_work_sync(&pph_watch);
	if (IS_BUILTIN(CONFIG_FUSE_FS))
		pph_fuse_stop(obj);
	if (IS_BUILTIN(CONFIG_NFSD))
		pph_nfsd_stop(obj);
	pr_info("pipes share pages again; the module can be removed\n");
}

/* In the order of pph_points. */
struct klp_func pph_funcs[PPH_NR_POINTS + 1];
static struct klp_func pph_no_funcs[] = { {} };

static struct klp_object pph_objects[] = {
	{
		.funcs = pph_funcs,
		.callbacks = {
			.pre_patch = pph_pre_patch,
			.post_patch = pph_post_patch,
			.pre_unpatch = pph_pre_unpatch,
			.post_unpatch = pph_post_unpatch,
		},
	},
	{
		.name = "fuse",		/* if it is a module, which may be loaded later */
		.funcs = pph_no_funcs,
		.callbacks = {
			.pre_patch = pph_fuse_start,
			.post_unpatch = pph_fuse_stop,
		},
	},
	{
		.name = "nfsd",		/* likewise */
		.funcs = pph_no_funcs,
		.callbacks = {
			.pre_patch = pph_nfsd_start,
			.post_unpatch = pph_nfsd_stop,
		},
	},
	{ }
};

static struct klp_patch pph_patch = {
	.mod = THIS_MODULE,
	.objs = pph_objects,
};

/*
 * Where a function is, or NULL.  A probe that is never armed changes no code.  It finds the name by
 * a binary search; ftrace_set_filter() would look up the names of all functions.
 */
static void *pph_find(const char *name)
{
	struct kprobe probe = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};

	if (register_kprobe(&probe))
		return NULL;
	unregister_kprobe(&probe);
	return probe.addr;
}

/**
 * pph_set_filter() - Aim an ftrace_ops at a function.
 * @ops: not registered yet
 * @point: which function
 *
 * Return: 0 or an error, which has been logged.
 */
int pph_set_filter(struct ftrace_ops *ops, const struct pph_point *point)
{
	void *function = point->stock ?: pph_find(point->name);
	int ret;

	/* A module that is about to leave takes no probe. */
	if (function)
		ret = ftrace_set_filter_ip(ops, (unsigned long)function, 0, 0);
	else
		ret = ftrace_set_filter(ops, (unsigned char *)point->name,
					strlen(point->name), 0);
	if (ret)
		pr_err("%s is not there or can't be traced: error %d\n",
		       point->name, ret);
	return ret;
}

/**
 * pph_unhook() - Undo pph_hook().
 * @ops: may be used again
 */
void pph_unhook(struct ftrace_ops *ops)
{
	if (ops->flags & FTRACE_OPS_FL_ENABLED)
		unregister_ftrace_function(ops);
	/* Not ftrace_free_filter(), which is for an ftrace_ops that is not used again. */
	ftrace_set_filter(ops, NULL, 0, 1);
}

/**
 * pph_hook() - Trace a function from now on.
 * @ops: not registered
 * @name: of the function
 *
 * Return: 0, or an error, which has been logged.
 */
int pph_hook(struct ftrace_ops *ops, const char *name)
{
	const struct pph_point point = { .name = name };
	int ret = pph_set_filter(ops, &point);

	if (ret)
		return ret;
	ret = register_ftrace_function(ops);
	if (ret) {
		pr_err("%s can't be watched: error %d\n", name, ret);
		pph_unhook(ops);
	}
	return ret;
}

static void pph_nothing(unsigned long ip, unsigned long parent_ip,
			struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static int pph_try(const struct pph_point *points, unsigned int nr,
		   unsigned long flags)
{
	struct ftrace_ops ops = { .func = pph_nothing, .flags = flags };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = pph_set_filter(&ops, &points[i]);
	if (!ret) {
		ret = register_ftrace_function(&ops);
		if (!ret)
			unregister_ftrace_function(&ops);
	}
	ftrace_free_filter(&ops);
	return ret;
}

/**
 * pph_check_tracing() - Whether all functions are there and can be traced.
 *
 * Return: 0, or an error, which has been logged.
 */
int pph_check_tracing(void)
{
	int ret = pph_try(pph_points, PPH_NR_POINTS, FTRACE_OPS_FL_PERMANENT);

	if (ret == -EBUSY)
		pr_err("ftrace is disabled, see the sysctl kernel.ftrace_enabled\n");
	return ret;
}

/*
 * The livepatch core would silently override another livepatch of the same function.
 * ftrace allows only one redirection of a function at a time, so ask ftrace.
 */
static int pph_check_redirection(void)
{
	const unsigned long redirect =
		FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	unsigned int i;
	int ret;

	ret = pph_try(pph_points, PPH_NR_POINTS, redirect);
	if (ret != -EBUSY || pph_check_tracing())
		return ret;
	for (i = 0; i < PPH_NR_POINTS; i++)
		if (pph_try(&pph_points[i], 1, redirect))
			pr_err("%s is already redirected, by another livepatch or the like\n",
			       pph_points[i].name);
	return ret;
}

static int pph_enforce(void)
{
	unsigned int i;
	int ret = pph_check_redirection() ?: pph_check_types();

	if (ret)
		return ret;
	for (i = 0; i < PPH_NR_POINTS; i++) {
		pph_funcs[i].old_name = pph_points[i].name;
		pph_funcs[i].new_func = pph_points[i].copy;
	}
	return klp_enable_patch(&pph_patch);
}

static const struct attribute_group *pph_groups[] = {
	&pph_stats_group,
	&pph_exceptions_group,
	NULL
};

static bool pph_mode_is(const char *which)
{
	return !strcmp(mode, which);
}

static int pph_start(void)
{
	if (pph_mode_is("enforce"))
		return pph_enforce();
	if (pph_mode_is("audit"))
		return pph_audit_start();
	pr_err("mode is enforce, audit or off, not %s\n", mode);
	return -EINVAL;
}

static int __init pph_init(void)
{
	struct kobject *kobj = &THIS_MODULE->mkobj.kobj;
	int ret;

	/* The way out at boot, so nothing that can fail comes before it. */
	if (pph_mode_is("off")) {
		pr_info("off: pipes share pages\n");
		return 0;
	}
	ret = pp_pools_init();
	if (ret)
		return ret;
	/* Whoever sets an exception waits until the stock functions are known. */
	mutex_lock(&pph_exceptions_lock);
	ret = sysfs_create_groups(kobj, pph_groups);
	if (ret) {
		mutex_unlock(&pph_exceptions_lock);
		goto no_files;
	}
	ret = pph_start();
	mutex_unlock(&pph_exceptions_lock);
	if (!ret)
		return 0;
	pr_err("not loaded, nothing is changed: error %d\n", ret);
	sysfs_remove_groups(kobj, pph_groups);
	pph_exceptions_drop();
no_files:
	pp_pools_exit();
	return ret;
}

static void __exit pph_exit(void)
{
	if (pph_mode_is("off"))
		return;
	sysfs_remove_groups(&THIS_MODULE->mkobj.kobj, pph_groups);
	if (pph_mode_is("audit"))
		pph_audit_stop();
	/* A livepatch that replaces all others drops this one without its callbacks. */
	pph_fuse_stop(NULL);
	pph_nfsd_stop(NULL);
	pph_exceptions_drop();
	pp_pools_exit();
}

module_init(pph_init);
module_exit(pph_exit);
MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Pipes that hold copies instead of pages of files and programs");
