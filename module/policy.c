// SPDX-License-Identifier: GPL-2.0
/*
 * When a page may be taken out of the page cache: the parameter "policy", and the memory of
 * the policy "auto".
 */
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/splice.h>
#include <linux/swap.h>

#include <linux/privpipe.h>

#include "policy.h"

/* The names from PRIVPIPE_POLICY_NEVER on: the parameter can't be "default". */
static const char *const pp_policy_names[] = {
	"never", "move", "auto", "always",
};

static unsigned int pp_policy = PRIVPIPE_POLICY_MOVE;

static int pp_policy_set(const char *value, const struct kernel_param *kp)
{
	int policy = __sysfs_match_string(pp_policy_names,
					  ARRAY_SIZE(pp_policy_names), value);

	if (policy < 0)
		return policy;
	WRITE_ONCE(pp_policy, PRIVPIPE_POLICY_NEVER + policy);
	return 0;
}

static int pp_policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  pp_policy_names[READ_ONCE(pp_policy) - PRIVPIPE_POLICY_NEVER]);
}

static const struct kernel_param_ops pp_policy_ops = {
	.set = pp_policy_set,
	.get = pp_policy_get,
};

module_param_cb(policy, &pp_policy_ops, NULL, 0644);
MODULE_PARM_DESC(policy,
		 "when splice takes pages out of the page cache: never, move (when asked by SPLICE_F_MOVE), auto (pages nobody came back to), always");

/**
 * pp_policy_resolve() - Find out what a caller's policy means now.
 * @policy: enum privpipe_policy
 * @flags: SPLICE_F_* of the call
 *
 * Return: PRIVPIPE_POLICY_NEVER, _AUTO or _ALWAYS.
 */
unsigned int pp_policy_resolve(unsigned int policy, unsigned int flags)
{
	if (policy == PRIVPIPE_POLICY_DEFAULT)
		policy = READ_ONCE(pp_policy);
	if (policy == PRIVPIPE_POLICY_MOVE)
		policy = flags & SPLICE_F_MOVE ? PRIVPIPE_POLICY_ALWAYS :
						 PRIVPIPE_POLICY_NEVER;
	return policy;
}

/*
 * The pages that were taken under the policy "auto".  Reclaim leaves a shadow behind
 * in the page cache, so the kernel knows a page that comes back.  A module can't do
 * that, so it remembers each page as a 16-bit tag in a hash table.  If another page
 * overwrites the tag, the page may be taken a second time; a false match (1 in 65,535)
 * costs one copy.
 */
static u16 pp_ghosts[SZ_128K];

static u16 *pp_ghost(struct inode *inode, pgoff_t index, u16 *tag)
{
	u64 hash = (unsigned long)inode->i_sb ^ inode->i_ino ^
		   (u64)inode->i_generation << 32;

	hash = (hash * GOLDEN_RATIO_64 + index) * GOLDEN_RATIO_64;
	*tag = (u16)(hash >> 24) ?: 1;
	return &pp_ghosts[hash >> (64 - ilog2(ARRAY_SIZE(pp_ghosts)))];
}

/**
 * pp_ghost_leave() - Remember that a page was taken.
 * @inode: whose page
 * @index: which one
 */
void pp_ghost_leave(struct inode *inode, pgoff_t index)
{
	u16 tag, *ghost = pp_ghost(inode, index, &tag);

	WRITE_ONCE(*ghost, tag);
}

/**
 * pp_ghost_met() - Whether a page has come back after it was taken.
 * @inode: whose page
 * @folio: the page, which counts as active from now on if so
 *
 * Return: true if it did.
 */
bool pp_ghost_met(struct inode *inode, struct folio *folio)
{
	u16 tag, *ghost = pp_ghost(inode, folio->index, &tag);

	if (READ_ONCE(*ghost) != tag)
		return false;
	folio_mark_accessed(folio);
	return true;
}

/**
 * pp_folio_came_back() - Whether a folio was read before this call.
 * @folio: the folio
 *
 * This call's own reading has set the referenced flag, which therefore tells nothing.
 * Further reads make the folio active or, with a multi-generational LRU, part of the
 * working set: at once in 6.12, after a few that it counts in 7.x.
 *
 * Return: true if it was.
 */
bool pp_folio_came_back(struct folio *folio)
{
	const unsigned long flags = READ_ONCE(*(const unsigned long *)&folio->flags);

	return folio_test_active(folio) || folio_test_workingset(folio) ||
	       flags & LRU_REFS_MASK;
}
