// SPDX-License-Identifier: GPL-2.0
/*
 * Taking pages out of the page cache and out of stock pipes.
 *
 * remove_mapping() is not exported, but the buffers that a file's ->splice_read
 * puts into a pipe lead to it by ->try_steal.  So a file is spliced into a
 * scratch pipe that only we see; each folio in it is taken or copied, and what
 * is left is released before the call returns.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/hash.h>
#include <linux/memcontrol.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/swap.h>
#include <linux/writeback.h>

#include <linux/privpipe.h>

#include "stats.h"
#include "steal.h"
#include "trace.h"

/* The scratch pipe holds a large folio of 2 MiB as 512 buffers. */
#define PP_SCRATCH_PAGES	BIT(PP_MAX_ORDER)

/* From PRIVPIPE_POLICY_NEVER on: the default can't be the default. */
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
 * pp_policy_resolve() - What a caller's policy means now.
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

/**
 * pp_scratch_alloc() - Make a pipe that only the caller sees.
 * @pages: how many slots are of use
 *
 * Return: the pipe, which needs no lock, or NULL.
 */
struct pipe_inode_info *pp_scratch_alloc(unsigned int pages)
{
	struct pipe_inode_info *scratch;
	unsigned int slots;

	slots = roundup_pow_of_two(min(pages, PP_SCRATCH_PAGES));
	scratch = kvzalloc(sizeof(*scratch) + slots * sizeof(*scratch->bufs),
			   GFP_KERNEL);
	if (!scratch)
		return NULL;
	mutex_init(&scratch->mutex);
	init_waitqueue_head(&scratch->rd_wait);
	init_waitqueue_head(&scratch->wr_wait);
	scratch->bufs = (struct pipe_buffer *)(scratch + 1);
	scratch->ring_size = slots;
	scratch->max_usage = slots;
	scratch->readers = 1;
	return scratch;
}

/**
 * pp_scratch_drop() - Release what is left in a scratch pipe.
 * @scratch: the pipe; buffers whose page was taken have no ops any more
 */
void pp_scratch_drop(struct pipe_inode_info *scratch)
{
	for (; scratch->tail != scratch->head; scratch->tail++) {
		struct pipe_buffer *buf =
			&scratch->bufs[scratch->tail & (scratch->ring_size - 1)];

		if (buf->ops)
			pipe_buf_release(scratch, buf);
	}
}

/**
 * pp_scratch_copy() - Fill a slot from a scratch pipe.
 * @scratch: the pipe, which has at least as many bytes
 * @i: index of the buffer to begin with, advanced
 * @skip: how many bytes of that buffer were copied before, advanced
 * @slot: the slot, whose length says how much to copy
 */
void pp_scratch_copy(struct pipe_inode_info *scratch, unsigned int *i, size_t *skip,
		     const struct pp_slot *slot)
{
	size_t n, at;

	for (at = 0; at < slot->len; at += n) {
		struct pipe_buffer *buf = &scratch->bufs[*i & (scratch->ring_size - 1)];
		struct folio *folio = page_folio(buf->page);

		n = min_t(size_t, slot->len - at, buf->len - *skip);
		pp_copy_folio(slot->folio, slot->offset + at, folio,
			      folio_page_idx(folio, buf->page) * PAGE_SIZE +
			      buf->offset + *skip, n);
		*skip += n;
		if (*skip == buf->len) {
			(*i)++;
			*skip = 0;
		}
	}
}

/**
 * pp_scratch_free() - Be done with a scratch pipe.
 * @scratch: the pipe, or NULL
 */
void pp_scratch_free(struct pipe_inode_info *scratch)
{
	if (!scratch)
		return;
	pp_scratch_drop(scratch);
	kvfree(scratch);
}

/*
 * What was taken under the policy "auto".  Reclaim leaves a shadow behind in the
 * page cache, by which a page that comes back is known to be wanted; a module can't,
 * so it remembers here, as a tag in the place that a page's hash says.  Who comes
 * later may overwrite it, and then a page is taken once more; one in 65,535 that
 * was never taken is found, and copied.
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

static void pp_ghost_leave(struct inode *inode, pgoff_t index)
{
	u16 tag, *ghost = pp_ghost(inode, index, &tag);

	WRITE_ONCE(*ghost, tag);
}

/*
 * Whether somebody read a folio before us.  Our own reading has just marked it referenced,
 * so that says nothing; further reads make it active, or with a multi-generational LRU
 * part of the working set, at once in 6.12 and after some that it counts in 7.x.
 */
static bool pp_folio_came_back(struct folio *folio)
{
	const unsigned long flags = READ_ONCE(*(const unsigned long *)&folio->flags);

	return folio_test_active(folio) || folio_test_workingset(folio) ||
	       flags & LRU_REFS_MASK;
}

/* Whether a page came back after it was taken; it counts as active from now on. */
static bool pp_ghost_met(struct inode *inode, struct folio *folio)
{
	u16 tag, *ghost = pp_ghost(inode, folio->index, &tag);

	if (READ_ONCE(*ghost) != tag)
		return false;
	folio_mark_accessed(folio);
	return true;
}

/**
 * struct pp_taking - the state of taking from one file
 * @ring: where the pages go
 * @in: where they come from
 * @policy: from pp_policy_resolve()
 * @scratch: pages of @in
 * @stage: slots that @ring will get
 * @room: pages that are reserved in @ring
 * @drained: this CPU's LRU batches were emptied once
 */
struct pp_taking {
	struct pp_ring *ring;
	struct file *in;
	unsigned int policy;
	struct pipe_inode_info *scratch;
	struct pp_stage *stage;
	unsigned int *room;
	bool drained;
};

/**
 * struct pp_group - successive buffers of a scratch pipe in one folio
 * @folio: the folio
 * @from: index of the first buffer
 * @to: index behind the last buffer
 * @bytes: how many bytes they have together
 */
struct pp_group {
	struct folio *folio;
	unsigned int from;
	unsigned int to;
	size_t bytes;
};

static struct pipe_buffer *pp_scratch_buf(struct pp_taking *t, unsigned int i)
{
	return &t->scratch->bufs[i & (t->scratch->ring_size - 1)];
}

static void pp_taking_publish(struct pp_taking *t)
{
	pp_ring_publish(t->ring, t->stage, t->room);
}

static struct pp_group pp_next_group(struct pp_taking *t, unsigned int from)
{
	struct pp_group g = { .from = from, .to = from };

	g.folio = page_folio(pp_scratch_buf(t, from)->page);
	while (g.to != t->scratch->head &&
	       page_folio(pp_scratch_buf(t, g.to)->page) == g.folio)
		g.bytes += pp_scratch_buf(t, g.to++)->len;
	return g;
}

static bool pp_folio_busy(struct pp_taking *t, const struct pp_group *g)
{
	int expected = folio_nr_pages(g->folio) + (g->to - g->from) +
		       folio_test_private(g->folio);

	if (folio_ref_count(g->folio) <= expected)
		return false;
	/*
	 * A folio that was just read is referred to by the LRU batch of a CPU.
	 * If it is this CPU's, releasing a batch of nothing puts that right.
	 */
	if (!folio_test_lru(g->folio) && !t->drained) {
		struct folio_batch none;

		folio_batch_init(&none);
		__folio_batch_release(&none);
		t->drained = true;
	}
	return folio_ref_count(g->folio) > expected;
}

/* Under what to count a folio: why it can't be taken, or that it may be. */
VISIBLE_IF_KUNIT
enum pp_counter pp_judge(struct pp_taking *t, const struct pp_group *g)
{
	struct folio *folio = g->folio;
	struct pipe_buffer *first = pp_scratch_buf(t, g->from);

	KUNIT_STATIC_STUB_REDIRECT(pp_judge, t, g);

	/* What a file without a page cache put into the pipe has no owner. */
	if (folio->mapping != t->in->f_mapping)
		return PP_refused_uncached_pages;
	if (first->page != folio_page(folio, 0) || first->offset ||
	    folio_order(folio) > PP_MAX_ORDER ||
	    DIV_ROUND_UP(g->bytes, PAGE_SIZE) != folio_nr_pages(folio) ||
	    (offset_in_page(g->bytes) &&
	     folio_pos(folio) + g->bytes != i_size_read(t->in->f_mapping->host)))
		return PP_refused_partial_pages;
	/* Taking would wait for these, or fail in the end. */
	if (folio_test_dirty(folio))
		return PP_refused_dirty_pages;
	if (folio_test_writeback(folio))
		return PP_refused_writeback_pages;
	if (folio_test_locked(folio))
		return PP_refused_locked_pages;
	if (folio_mapped(folio))
		return PP_refused_mapped_pages;
	if (t->policy == PRIVPIPE_POLICY_AUTO &&
	    (pp_folio_came_back(folio) || pp_ghost_met(t->in->f_mapping->host, folio)))
		return PP_refused_hot_pages;
	if (pp_folio_busy(t, g))
		return PP_refused_busy_pages;
	return PP_file_taken_pages;
}

/* Take a folio out of the page cache into the stage. */
static bool pp_take_group(struct pp_taking *t, const struct pp_group *g)
{
	struct pipe_buffer *first = pp_scratch_buf(t, g->from);
	pgoff_t index = g->folio->index;
	unsigned int i;

	/* ->try_steal wants one reference besides those of the cache. */
	for (i = g->from + 1; i != g->to; i++) {
		pp_scratch_buf(t, i)->ops = NULL;
		folio_put(g->folio);
	}
	if (!pipe_buf_try_steal(t->scratch, first))
		return false;
	folio_unlock(g->folio);
	first->ops = NULL;

	if (t->stage->nr == PP_STAGE_SLOTS)
		pp_taking_publish(t);
	t->stage->slots[t->stage->nr++] = (struct pp_slot) {
		.folio = g->folio,
		.len = g->bytes,
		.flags = PP_SLOT_FOREIGN,
	};
	if (t->policy == PRIVPIPE_POLICY_AUTO)
		pp_ghost_leave(t->in->f_mapping->host, index);
	pp_count(PP_file_taken, g->bytes);
	trace_privpipe_take(t->in->f_mapping->host, index, g->folio);
	return true;
}

/*
 * Copy buffers of the scratch pipe into folios of our own.  The folios are as
 * large as they can be, so refused pages are collected before this is called.
 * Adds to @done what was copied, which is not all when memory is short.
 */
static int pp_copy_buffers(struct pp_taking *t, unsigned int from,
			   unsigned int to, ssize_t *done)
{
	size_t offset = offset_in_page(pp_scratch_buf(t, from)->offset);
	size_t len = 0, skip = 0;
	unsigned int i;

	for (i = from; i != to; i++)
		len += pp_scratch_buf(t, i)->len;

	while (len) {
		unsigned int s;
		int ret;

		if (t->stage->nr == PP_STAGE_SLOTS)
			pp_taking_publish(t);
		s = t->stage->nr;
		ret = pp_stage_alloc(t->stage, offset, len);
		if (ret)
			return ret;
		offset = 0;
		for (; s < t->stage->nr; s++) {
			struct pp_slot *slot = &t->stage->slots[s];

			pp_scratch_copy(t->scratch, &from, &skip, slot);
			len -= slot->len;
			*done += slot->len;
			pp_count(PP_file_copied, slot->len);
		}
	}
	return 0;
}

/* Take or copy everything in the scratch pipe. */
static ssize_t pp_take_buffers(struct pp_taking *t)
{
	unsigned int i = t->scratch->tail, uncopied = i;
	ssize_t ret = 0, done = 0;

	while (i != t->scratch->head) {
		struct pp_group g = pp_next_group(t, i);
		enum pp_counter verdict;

		/* Read errors and truncation show here, not at the reader. */
		ret = pipe_buf_confirm(t->scratch, pp_scratch_buf(t, i));
		if (ret)
			break;
		verdict = pp_judge(t, &g);
		if (verdict == PP_file_taken_pages) {
			/* What comes before it goes in before it. */
			if (uncopied != g.from) {
				ret = pp_copy_buffers(t, uncopied, g.from, &done);
				if (ret)
					return done ?: ret;
				uncopied = g.from;
			}
			if (pp_take_group(t, &g)) {
				done += g.bytes;
				uncopied = g.to;
			} else {
				verdict = PP_refused_failed_pages;
			}
		}
		pp_count(verdict, g.to - g.from);
		if (verdict != PP_file_taken_pages)
			trace_privpipe_refuse(g.folio, verdict, g.to - g.from);
		i = g.to;
	}
	/* A truncated page ends the file here. */
	if (ret == -ENODATA)
		ret = 0;
	if (uncopied != i) {
		int err = pp_copy_buffers(t, uncopied, i, &done);

		ret = ret ?: err;
	}
	return done ?: ret;
}

/**
 * pp_take_file() - Splice from the page cache, taking what can be taken.
 * @ring: the pipe, not locked, with room reserved
 * @in: a file with a page cache
 * @pos: where in it, in bytes; advanced by what was put into the pipe
 * @len: how many bytes at the most, not more than there is room for
 * @policy: PRIVPIPE_POLICY_AUTO or _ALWAYS
 * @room: how many pages are reserved; those used are subtracted, also on error
 *
 * Return: bytes, 0 at the end of the file, or an error when there are none.
 */
ssize_t pp_take_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int policy, unsigned int *room)
{
	struct pp_stage stage = {};
	struct pp_taking t = {
		.ring = ring,
		.in = in,
		.policy = policy,
		.stage = &stage,
		.room = room,
	};
	ssize_t ret = 0, done = 0;

	t.scratch = pp_scratch_alloc(DIV_ROUND_UP(offset_in_page(*pos) + len,
						  PAGE_SIZE));
	if (!t.scratch)
		return -ENOMEM;

	while (done < len) {
		loff_t end = *pos;
		ssize_t got;

		if (done && signal_pending(current))
			break;
		got = vfs_splice_read(in, &end, t.scratch, len - done, 0);
		ret = got;
		if (got <= 0)
			break;
		ret = pp_take_buffers(&t);
		if (ret > 0) {
			*pos += ret;
			done += ret;
		}
		pp_scratch_drop(t.scratch);
		/*
		 * Room was reserved for one range.  A pass that ends within a
		 * page, at the end of the file or so, is the last one: the next
		 * one would count that page again.
		 */
		if (ret < got || offset_in_page(*pos))
			break;
	}
	pp_taking_publish(&t);
	pp_scratch_free(t.scratch);
	return done ?: ret;
}

/**
 * pp_take_stock() - Take a page out of a stock pipe.
 * @pipe: the pipe, locked
 * @buf: its buffer at the tail, confirmed, which @pipe still has to release
 * @flags: SPLICE_F_* of the call
 *
 * A page that came from a file is taken by policy, since that evicts it.  Any
 * other page is the pipe's alone, or it is refused.  A page that was charged as
 * a pipe's buffer is copied: taking it would end the charge.
 *
 * Context: may sleep, so the private pipe must not be locked.
 * Return: the folio with a reference for the caller, or NULL.
 */
struct folio *pp_take_stock(struct pipe_inode_info *pipe,
			    struct pipe_buffer *buf, unsigned int flags)
{
	struct folio *folio = page_folio(buf->page);
	unsigned int policy = pp_policy_resolve(PRIVPIPE_POLICY_DEFAULT, flags);

	if (buf->offset || buf->len != PAGE_SIZE || folio_test_large(folio) ||
	    PageMemcgKmem(buf->page))
		return NULL;
	if (READ_ONCE(pp_policy) == PRIVPIPE_POLICY_NEVER)
		return NULL;
	if (folio->mapping &&
	    (policy != PRIVPIPE_POLICY_ALWAYS || folio_test_anon(folio) ||
	     folio_test_dirty(folio) || folio_test_writeback(folio) ||
	     folio_test_locked(folio) || folio_mapped(folio)))
		return NULL;
	if (!pipe_buf_try_steal(pipe, buf))
		return NULL;
	folio_get(folio);
	folio_unlock(folio);
	return folio;
}
