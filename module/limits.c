// SPDX-License-Identifier: GPL-2.0
/*
 * How large pipes and arenas may be: one pipe, and all of a user's together.  Stock
 * pipes count in the same sum.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/user.h>
#include <linux/sizes.h>

#include "limits.h"

#define PP_MIN_DEF_PAGES 2	/* PIPE_MIN_DEF_BUFFERS of fs/pipe.c */

static unsigned int pp_max_size = 1048576;
module_param_named(max_size, pp_max_size, uint, 0644);
MODULE_PARM_DESC(max_size,
		 "largest pipe without CAP_SYS_RESOURCE, in bytes (as fs.pipe-max-size)");

static unsigned long pp_user_pages_soft = PP_DEF_PAGES * INR_OPEN_CUR;
module_param_named(user_pages_soft, pp_user_pages_soft, ulong, 0644);
MODULE_PARM_DESC(user_pages_soft,
		 "a user's pipe pages before new pipes shrink, 0 for no limit (as fs.pipe-user-pages-soft)");

static unsigned long pp_user_pages_hard;
module_param_named(user_pages_hard, pp_user_pages_hard, ulong, 0644);
MODULE_PARM_DESC(user_pages_hard,
		 "a user's pipe pages at the most, 0 for no limit (as fs.pipe-user-pages-hard)");

static bool pp_over(unsigned long pages, const unsigned long *parameter)
{
	unsigned long limit = READ_ONCE(*parameter);

	return limit && pages > limit &&
	       !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/* Returns how many pages @user has afterwards, including those of stock pipes. */
static unsigned long pp_user_add(struct user_struct *user, long pages)
{
	return atomic_long_add_return(pages, &user->pipe_bufs);
}

/**
 * pp_charge() - Count pages against a user's limits.
 * @user: the user
 * @pages: how many
 *
 * Return: 0, or -EPERM over a limit that holds for the current task.
 */
int pp_charge(struct user_struct *user, unsigned long pages)
{
	unsigned long sum = pp_user_add(user, pages);

	if (pp_over(sum, &pp_user_pages_soft) || pp_over(sum, &pp_user_pages_hard)) {
		pp_uncharge(user, pages);
		return -EPERM;
	}
	return 0;
}

/**
 * pp_uncharge() - Stop counting pages.
 * @user: the user
 * @pages: how many
 */
void pp_uncharge(struct user_struct *user, unsigned long pages)
{
	atomic_long_sub(pages, &user->pipe_bufs);
}

/**
 * pp_round_pages() - The capacity of a pipe, by the rules of F_SETPIPE_SZ.
 * @size: the wanted capacity, in bytes
 *
 * Return: pages, a power of two, or 0 when @size is too large.
 */
unsigned int pp_round_pages(unsigned int size)
{
	if (size > SZ_1G)
		return 0;
	return roundup_pow_of_two(max_t(unsigned int, size, PAGE_SIZE)) >> PAGE_SHIFT;
}

/**
 * pp_charge_pipe() - Decide on the capacity of a new pipe and count it.
 * @user: the user
 * @size: the wanted capacity in bytes, or 0 for the default
 * @pages: returns the capacity
 *
 * Return: 0, or an error as struct privpipe_create describes.
 */
int pp_charge_pipe(struct user_struct *user, unsigned int size, unsigned int *pages)
{
	unsigned int max_size = READ_ONCE(pp_max_size);
	unsigned long sum;
	int ret = 0;

	*pages = size ? pp_round_pages(size) : PP_DEF_PAGES;
	if (!*pages)
		return -EINVAL;
	if (*pages > max_size >> PAGE_SHIFT && !capable(CAP_SYS_RESOURCE)) {
		if (size)
			return -EPERM;
		*pages = pp_round_pages(max_size);
	}

	sum = pp_user_add(user, *pages);
	if (pp_over(sum, &pp_user_pages_soft)) {
		if (size)
			ret = -EPERM;
		sum = pp_user_add(user, (long)PP_MIN_DEF_PAGES - *pages);
		*pages = PP_MIN_DEF_PAGES;
	}
	if (!ret && pp_over(sum, &pp_user_pages_hard))
		ret = -ENFILE;
	if (ret)
		pp_uncharge(user, *pages);
	return ret;
}

/**
 * pp_recharge() - Count a pipe with a new capacity.
 * @user: the user
 * @from: its capacity in pages until now
 * @to: its capacity in pages then
 *
 * Return: 0, or -EPERM over a limit that holds for the current task; shrinking is always
 * allowed.
 */
int pp_recharge(struct user_struct *user, unsigned int from, unsigned int to)
{
	if (to <= from) {
		pp_uncharge(user, from - to);
		return 0;
	}
	if (to > READ_ONCE(pp_max_size) >> PAGE_SHIFT && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return pp_charge(user, to - from);
}
