// SPDX-License-Identifier: GPL-2.0
/*
 * Taking pages out of the page cache instead of copying them.
 *
 * remove_mapping() is not exported, but ->try_steal of the buffers that a file's
 * ->splice_read puts into a pipe calls it.  So splice the file into a scratch pipe, which
 * no process can see, take or copy each folio in it, and release the rest before the call
 * returns.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/writeback.h>

#include <linux/privpipe.h>

#include "policy.h"
#include "pool.h"
#include "ring.h"
#include "stats.h"
#include "stock.h"
#include "take.h"
#include "trace.h"

/**
 * struct pp_taking - the state of taking from one file
 * @in: where they come from
 * @policy: from pp_policy_resolve()
 * @scratch: pages of @in
 * @stage: where they go, and on to its pipe
 * @drained: this CPU's LRU batches were emptied once
 */
struct pp_taking {
	struct file *in;
	unsigned int policy;
	struct pipe_inode_info *scratch;
	struct pp_stage *stage;
	bool drained;
};

static struct pp_group pp_next_group(struct pp_taking *t, unsigned int from)
{
	struct pp_group g = { .from = from, .to = from };

	g.folio = page_folio(pp_stock_buf(t->scratch, from)->page);
	while (g.to != t->scratch->head &&
	       page_folio(pp_stock_buf(t->scratch, g.to)->page) == g.folio)
		g.bytes += pp_stock_buf(t->scratch, g.to++)->len;
	return g;
}

/**
 * pp_pays_for() - Whether the memory cgroup of this task pays for a folio.
 * @folio: the folio, to which the caller has a reference
 *
 * Else it would go on paying for what another holds, or nobody would pay.
 *
 * Return: true also if there are no memory cgroups.
 */
bool pp_pays_for(struct folio *folio)
{
#ifdef CONFIG_MEMCG
	if (mem_cgroup_disabled())
		return true;
	guard(rcu)();
	return pp_payer(folio_memcg(folio)) == pp_payer(mem_cgroup_from_task(current));
#else
	return true;
#endif
}

static bool pp_folio_busy(struct pp_taking *t, const struct pp_group *g)
{
	int expected = folio_nr_pages(g->folio) + (g->to - g->from) +
		       folio_test_private(g->folio);

	if (folio_ref_count(g->folio) <= expected)
		return false;
	/*
	 * A folio that was just read is referred to by the LRU batch of a CPU.
	 * If it is this CPU's, releasing an empty batch flushes that.
	 */
	if (!folio_test_lru(g->folio) && !t->drained) {
		struct folio_batch none;

		folio_batch_init(&none);
		__folio_batch_release(&none);
		t->drained = true;
	}
	return folio_ref_count(g->folio) > expected;
}

/* The counter for a folio: the reason why it can't be taken, or that it can be. */
VISIBLE_IF_KUNIT
enum pp_counter pp_judge(struct pp_taking *t, const struct pp_group *g)
{
	struct folio *folio = g->folio;
	struct pipe_buffer *first = pp_stock_buf(t->scratch, g->from);

	KUNIT_STATIC_STUB_REDIRECT(pp_judge, t, g);

	/* A file without a page cache puts pages into the pipe that have no owner. */
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
	if (!pp_pays_for(folio) || pp_folio_busy(t, g))
		return PP_refused_busy_pages;
	return PP_file_taken_pages;
}

/* Take a folio out of the page cache into the stage. */
static bool pp_take_group(struct pp_taking *t, const struct pp_group *g)
{
	struct pipe_buffer *first = pp_stock_buf(t->scratch, g->from);
	pgoff_t index = g->folio->index;
	unsigned int i;

	/* ->try_steal wants one reference besides those of the cache. */
	for (i = g->from + 1; i != g->to; i++) {
		pp_stock_buf(t->scratch, i)->ops = NULL;
		folio_put(g->folio);
	}
	if (!pipe_buf_try_steal(t->scratch, first))
		return false;
	folio_unlock(g->folio);
	first->ops = NULL;

	if (t->stage->nr == PP_STAGE_SLOTS)
		pp_ring_publish(t->stage);
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
 * Copy buffers of the scratch pipe into folios of our own, which are as large as possible:
 * callers collect refused pages first.  Adds the bytes copied to @done; these are not all
 * if memory is short.
 */
static int pp_copy_buffers(struct pp_taking *t, unsigned int from,
			   unsigned int to, ssize_t *done)
{
	size_t offset = offset_in_page(pp_stock_buf(t->scratch, from)->offset);
	size_t len = 0, skip = 0;
	unsigned int i;

	for (i = from; i != to; i++)
		len += pp_stock_buf(t->scratch, i)->len;

	while (len) {
		unsigned int s;
		int ret;

		if (t->stage->nr == PP_STAGE_SLOTS)
			pp_ring_publish(t->stage);
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
	int err;

	while (i != t->scratch->head) {
		struct pp_group g = pp_next_group(t, i);
		enum pp_counter verdict;

		/* Read errors and truncation show here, not at the reader. */
		ret = pipe_buf_confirm(t->scratch, pp_stock_buf(t->scratch, i));
		if (ret)
			break;
		verdict = pp_judge(t, &g);
		if (verdict == PP_file_taken_pages && uncopied != g.from) {
			/* The refused pages before it enter before it, which may take a while. */
			ret = pp_copy_buffers(t, uncopied, g.from, &done);
			if (ret)
				return done ?: ret;
			uncopied = g.from;
			continue;
		}
		if (verdict == PP_file_taken_pages) {
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
	err = pp_copy_buffers(t, uncopied, i, &done);
	return done ?: ret ?: err;
}

/**
 * pp_take_file() - Splice from the page cache, taking the pages that can be taken.
 * @stage: without slots, with room reserved in the pipe, which is not locked
 * @in: a file with a page cache
 * @pos: where in it, in bytes; advanced by what was put into the pipe
 * @len: how many bytes at the most, not more than there is room for
 * @policy: PRIVPIPE_POLICY_AUTO or _ALWAYS
 *
 * Return: bytes, 0 at the end of the file, or an error when there are none.
 */
ssize_t pp_take_file(struct pp_stage *stage, struct file *in, loff_t *pos,
		     size_t len, unsigned int policy)
{
	struct pp_taking t = {
		.in = in,
		.policy = policy,
		.stage = stage,
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
	pp_ring_publish(stage);
	pp_scratch_free(t.scratch);
	return done ?: ret;
}
