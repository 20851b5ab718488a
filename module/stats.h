/* SPDX-License-Identifier: GPL-2.0 */
/* Counters. */
#ifndef PRIVPIPE_STATS_H
#define PRIVPIPE_STATS_H

#include <linux/percpu.h>
#include <linux/sysfs.h>

/*
 * Why a page was copied, not taken: the counter, and what a trace says.  Y is X for
 * the last one.
 */
#define PP_REASONS(X, Y)						\
	X(refused_dirty_pages, "dirty")					\
	X(refused_writeback_pages, "writeback")				\
	X(refused_locked_pages, "locked")				\
	X(refused_mapped_pages, "mapped")				\
	X(refused_busy_pages, "busy")					\
	X(refused_partial_pages, "partial")				\
	X(refused_hot_pages, "hot")					\
	X(refused_uncached_pages, "uncached")				\
	Y(refused_failed_pages, "failed")

/*
 * Every counter by name; each is a file in /sys/class/misc/privpipe/stats.
 * Bytes unless the name says otherwise.
 *
 * checkpatch: COMPLEX_MACRO: a list, from which enum and files are made
 * checkpatch: MACRO_ARG_REUSE: X is a macro, too
 */
#define PP_COUNTERS(X)							\
	X(file_taken)		/* page cache -> pipe, without a copy */ \
	X(file_taken_pages)						\
	X(file_copied)		/* file or device -> pipe */		\
	X(file_out)		/* pipe -> file or device */		\
	X(socket_copied)	/* socket -> pipe */			\
	X(socket_handed)	/* pipe or sendfile -> socket, private pages */ \
	X(socket_handed_copied)	/* too few bytes of a folio to refer to it */ \
	X(socket_shared)	/* sendfile -> socket, page-cache pages */ \
	X(stock_taken)		/* stock pipe -> private pipe */	\
	X(stock_taken_pages)						\
	X(stock_copied)							\
	X(stock_handed)		/* private pipe -> stock pipe */	\
	X(stock_handed_copied)						\
	X(moved)		/* private pipe -> private pipe */	\
	X(moved_copied)							\
	X(tee_copied)							\
	X(user_copied)		/* vmsplice -> pipe */			\
	X(gift_taken)							\
	X(gift_taken_pages)						\
	X(sendfile_copied)						\
	PP_REASONS(X, X)						\
	X(folios_allocated)	/* in folios, like the next two */	\
	X(folios_recycled)						\
	X(folios_smaller)	/* a large one was not to be had */

enum pp_counter {
#define PP_COUNTER_ENUM(name, ...) PP_##name,
	PP_COUNTERS(PP_COUNTER_ENUM)
#undef PP_COUNTER_ENUM
	PP_NR_COUNTERS
};

struct pp_stats {
	u64 count[PP_NR_COUNTERS];
};

DECLARE_PER_CPU(struct pp_stats, pp_stats);

/**
 * pp_count() - Add to a counter.
 * @which: which
 * @n: how much, in the counter's unit
 */
static inline void pp_count(enum pp_counter which, u64 n)
{
	this_cpu_add(pp_stats.count[which], n);
}

u64 pp_stats_read(enum pp_counter which);

extern const struct attribute_group *pp_stats_groups[];

#endif /* PRIVPIPE_STATS_H */
