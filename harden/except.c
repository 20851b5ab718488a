// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions: programs in some cgroups keep the stock behaviour.
 *
 * A replacement can't call the function that it replaces: ftrace would redirect the call.
 * So it enters the function right behind the instruction that ftrace redirects by.  On
 * x86-64 that is the first one (-mfentry), or the second after an ENDBR, so registers and
 * stack are as the caller left them, and all of the function is still to come.
 *
 * The way in is a static call, which the kernel writes into this module as a direct call.
 * An indirect one would need an ENDBR to arrive at, where the CPU checks that (IBT).
 *
 * The replacement stays on the stack meanwhile, so the module stays, too.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/livepatch.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/ibt.h>
#include <asm/text-patching.h>

#include "../module/compat/module_attribute.h"
#include "harden.h"

#define PPH_MAX_EXCEPTIONS	16
/* So that a page of sysfs has all of them, one on a line. */
#define PPH_MAX_PATH		(PAGE_SIZE / PPH_MAX_EXCEPTIONS - 1)

struct pph_exception {
	struct cgroup *cgroup;
	char path[PPH_MAX_PATH];	/* from the root, whoever added it */
};

DEFINE_STATIC_KEY_FALSE(pph_any_exception);
DEFINE_MUTEX(pph_exceptions_lock);	/* of the next two; pph_init() holds it, too */
static struct pph_exception __rcu *pph_exceptions[PPH_MAX_EXCEPTIONS];
static bool pph_stock_known;

DEFINE_STATIC_CALL_RET0(pph_stock_file, filemap_splice_read);
DEFINE_STATIC_CALL_RET0(pph_stock_shmem, filemap_splice_read);
DEFINE_STATIC_CALL_RET0(pph_stock_vmsplice64, pph_x64_sys_vmsplice);
DEFINE_STATIC_CALL_RET0(pph_stock_vmsplice32, pph_ia32_sys_vmsplice);
DEFINE_STATIC_CALL_RET0(pph_stock_socket, skb_splice_bits);
DEFINE_STATIC_CALL_RET0(pph_stock_add, add_to_pipe);

/**
 * pph_caller_is_excepted() - Whether the current task is in a cgroup that is an exception.
 *
 * Use pph_excepted(), which costs nothing where there is no exception.
 *
 * Return: true if it is in one, or in one below.
 */
bool pph_caller_is_excepted(void)
{
	unsigned int i;

	guard(rcu)();
	for (i = 0; i < PPH_MAX_EXCEPTIONS; i++) {
		const struct pph_exception *exception =
			rcu_dereference(pph_exceptions[i]);

		if (exception && task_under_cgroup_hierarchy(current, exception->cgroup))
			return true;
	}
	return false;
}

/*
 * Where ftrace redirects @function it has a call now.  ftrace knows the place by the address
 * of the function, or else by exactly its own.
 */
static void *pph_behind_ftrace(u8 *function)
{
	const unsigned int offsets[] = { 0, ENDBR_INSN_SIZE };
	unsigned int i;

	for (i = 0; function && i < ARRAY_SIZE(offsets); i++) {
		u8 *site = function + offsets[i];
		struct ftrace_ops ops = {};
		int ret = -ENOENT;

		if (*site == CALL_INSN_OPCODE)
			ret = ftrace_set_filter_ip(&ops, (unsigned long)site, 0, 0);
		ftrace_free_filter(&ops);
		if (!ret)
			return site + MCOUNT_INSN_SIZE;
	}
	return NULL;
}

/* Find the ways into the stock functions. */
static int pph_know_stock(void)
{
	void *stock[PPH_NR_POINTS];
	unsigned int i;

	if (pph_stock_known)
		return 0;
	for (i = 0; i < PPH_NR_POINTS; i++) {
		stock[i] = pph_behind_ftrace(pph_funcs[i].old_func);
		if (!stock[i]) {
			pr_err("no exceptions: no way to call the stock %s is known\n",
			       pph_points[i].name);
			return -EOPNOTSUPP;
		}
	}
	/* In the order of pph_points. */
	static_call_update(pph_stock_file, stock[0]);
	static_call_update(pph_stock_shmem, stock[1]);
	static_call_update(pph_stock_vmsplice64, stock[2]);
	static_call_update(pph_stock_vmsplice32, stock[3]);
	static_call_update(pph_stock_socket, stock[4]);
	static_call_update(pph_stock_add, stock[5]);
	pph_stock_known = true;
	return 0;
}

static struct pph_exception *pph_exception(unsigned int i)
{
	return rcu_dereference_protected(pph_exceptions[i],
					 lockdep_is_held(&pph_exceptions_lock));
}

static bool pph_is_gone(const struct pph_exception *exception)
{
	return !(exception->cgroup->self.flags & CSS_ONLINE);
}

static void pph_drop(unsigned int i)
{
	struct pph_exception *exception = pph_exception(i);

	RCU_INIT_POINTER(pph_exceptions[i], NULL);
	static_branch_dec(&pph_any_exception);
	synchronize_rcu();
	cgroup_put(exception->cgroup);
	kfree(exception);
}

/* A free place; that of the same cgroup, or of one that is gone, is free. */
static int pph_place(const struct cgroup *cgroup)
{
	int i, place = -ENOSPC;

	for (i = 0; i < PPH_MAX_EXCEPTIONS; i++) {
		const struct pph_exception *old = pph_exception(i);

		if (old && (pph_is_gone(old) || old->cgroup == cgroup))
			pph_drop(i);
		if (!pph_exception(i))
			place = i;
	}
	return place;
}

static int pph_add(const char *path)
{
	struct cgroup *cgroup = cgroup_get_from_path(path);
	struct pph_exception *exception;
	int ret;

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	ret = -EINVAL;	/* The root has all programs, and the kernel's threads. */
	if (!cgroup_parent(cgroup))
		goto put;
	ret = -ENOMEM;
	exception = kzalloc(sizeof(*exception), GFP_KERNEL);
	if (!exception)
		goto put;
	exception->cgroup = cgroup;
	cgroup_path(cgroup, exception->path, sizeof(exception->path));
	ret = -ENAMETOOLONG;	/* what does not fit is cut */
	if (strlen(exception->path) == sizeof(exception->path) - 1)
		goto free;
	ret = pph_place(cgroup);
	if (ret < 0)
		goto free;
	rcu_assign_pointer(pph_exceptions[ret], exception);
	static_branch_inc(&pph_any_exception);
	pr_info("exception: programs in %s share pages\n", exception->path);
	return 0;

free:
	kfree(exception);
put:
	cgroup_put(cgroup);
	return ret;
}

static int pph_remove(const char *path)
{
	struct cgroup *cgroup = cgroup_get_from_path(path);
	int i, ret = -ENOENT;

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	for (i = 0; i < PPH_MAX_EXCEPTIONS && ret; i++)
		if (pph_exception(i) && pph_exception(i)->cgroup == cgroup) {
			pr_info("exception: no longer for %s\n", pph_exception(i)->path);
			pph_drop(i);
			ret = 0;
		}
	cgroup_put(cgroup);
	return ret;
}

static ssize_t pph_exceptions_show(pp_module_attribute *attr,
				   struct module_kobject *kobj, char *buf)
{
	unsigned int i;
	int len = 0;

	guard(mutex)(&pph_exceptions_lock);
	for (i = 0; i < PPH_MAX_EXCEPTIONS; i++)
		if (pph_exception(i) && !pph_is_gone(pph_exception(i)))
			len += sysfs_emit_at(buf, len, "%s\n", pph_exception(i)->path);
	return len;
}

/* "+PATH" adds an exception, "-PATH" removes it. */
static ssize_t pph_exceptions_store(pp_module_attribute *attr,
				    struct module_kobject *kobj, const char *buf,
				    size_t count)
{
	char *text __free(kfree) = kstrndup(buf, count, GFP_KERNEL);
	char *change;
	int ret;

	if (!text)
		return -ENOMEM;
	change = strim(text);
	if ((*change != '+' && *change != '-') || change[1] != '/')
		return -EINVAL;
	guard(mutex)(&pph_exceptions_lock);
	/* In audit mode there is no livepatch, and nothing needs to be called. */
	ret = pph_funcs[0].old_name ? pph_know_stock() : 0;
	if (!ret)
		ret = *change == '+' ? pph_add(change + 1) : pph_remove(change + 1);
	return ret ?: count;
}

static struct module_attribute pph_exceptions_attr =
	__ATTR(exceptions, 0600, pph_exceptions_show, pph_exceptions_store);

static struct attribute *pph_exceptions_attrs[] = {
	&pph_exceptions_attr.attr,
	NULL
};

const struct attribute_group pph_exceptions_group = {
	.attrs = pph_exceptions_attrs,
};

/**
 * pph_exceptions_drop() - Forget all exceptions, once nobody can add one.
 */
void pph_exceptions_drop(void)
{
	unsigned int i;

	guard(mutex)(&pph_exceptions_lock);
	for (i = 0; i < PPH_MAX_EXCEPTIONS; i++)
		if (pph_exception(i))
			pph_drop(i);
}
