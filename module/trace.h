/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: operations, pages taken, pages refused.
 *
 * Events are laid out as in all of the kernel, which checkpatch does not know:
 * checkpatch: PARENTHESIS_ALIGNMENT: see there
 * checkpatch: OPEN_ENDED_LINE: see there
 * checkpatch: COMPLEX_MACRO: a list of initializers
 * checkpatch: TRAILING_SEMICOLON: each makes a definition, in a list without any
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM privpipe

#if !defined(PRIVPIPE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PRIVPIPE_TRACE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "stats.h"

/* One operation that is about to return to its caller. */
TRACE_EVENT(privpipe_op,
	TP_PROTO(struct file *file, unsigned int cmd, long ret),
	TP_ARGS(file, cmd, ret),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(unsigned int, cmd)
		__field(long, ret)
	),
	TP_fast_assign(
		__entry->ino = file_inode(file)->i_ino;
		__entry->cmd = cmd;
		__entry->ret = ret;
	),
	TP_printk("ino=%llu cmd=%u ret=%ld", __entry->ino, __entry->cmd,
		  __entry->ret)
);

/* A folio of the page cache that was taken. */
TRACE_EVENT(privpipe_take,
	TP_PROTO(struct inode *inode, pgoff_t index, struct folio *folio),
	TP_ARGS(inode, index, folio),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(pgoff_t, index)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->index = index;
		__entry->pages = folio_nr_pages(folio);
	),
	TP_printk("dev=%d:%d ino=%llu index=%lu pages=%lu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->index, __entry->pages)
);

#define PP_REASON_ENUM(name, ...) TRACE_DEFINE_ENUM(PP_##name);
PP_REASONS(PP_REASON_ENUM, PP_REASON_ENUM)

#define PP_REASON_SYMBOL(name, why) { PP_##name, why },
#define PP_REASON_LAST(name, why) { PP_##name, why }

/* A page that could not be taken and was copied, and why. */
TRACE_EVENT(privpipe_refuse,
	TP_PROTO(struct folio *folio, enum pp_counter reason, unsigned int pages),
	TP_ARGS(folio, reason, pages),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(int, reason)
		__field(unsigned int, pages)
	),
	TP_fast_assign(
		__entry->pfn = folio_pfn(folio);
		__entry->reason = reason;
		__entry->pages = pages;
	),
	TP_printk("pfn=0x%lx pages=%u reason=%s", __entry->pfn, __entry->pages,
		  __print_symbolic(__entry->reason,
				   PP_REASONS(PP_REASON_SYMBOL, PP_REASON_LAST)))
);

#endif /* PRIVPIPE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
