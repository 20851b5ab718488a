/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the backends differ. Each test is written once and asks this table where they do. A new
 * backend brings a row.
 */
#pragma once

#include <cerrno>

/** The bytes that a reader of the pipe gets after their source was changed. */
enum class Content {
	kept,    /* those that were put in */
	changed, /* those that the source has now */
};

struct Expectations {
	/* The deliberate differences, D1 to D8 in README.md. */
	Content file_written;          /* D1: write, store through a mapping, truncate, punch */
	Content memory_written;        /* D2 */
	Content teed_page_written;     /* D4 */
	bool vmsplice_packs;           /* D5: unaligned memory takes no more pages than aligned */
	bool taken_page_leaves_cache;  /* D6 */
	bool gift_reads_as_zeros;      /* D7 */
	Content received_page_written; /* D8: a page that came out of a socket */

	/* Calls that only a stock pipe has, or that answer otherwise there. */
	int vmsplice_to_no_pipe;        /* errno */
	bool empty_vmsplice_to_no_pipe; /* is 0 nevertheless */
	bool needs_descriptor;          /* to look at the arguments of vmsplice at all */
	bool tees_stock_pipes;          /* from or to one, beside a pipe of its own */
	bool sendfile_packs;            /* a file into as few pages of a stock pipe as can be */
	bool stays_open_across_kinds;   /* the last page: to be added to behind a stock pipe */

	/* How splice(2) and sendfile(2) treat such a pipe. */
	bool is_file_to_sendfile; /* whose end of file is looked for before room in the target */
	bool reader_looked_for_first; /* EPIPE before EAGAIN, beside a stock pipe */

	/* Consequences of waiting in an io_uring worker. */
	bool restarts;       /* SA_RESTART repeats a call that moved nothing */
	bool signals_caller; /* SIGPIPE and SIGXFSZ reach the caller */
};

inline constexpr Expectations stock_expectations = {
	.file_written = Content::changed,
	.memory_written = Content::changed,
	.teed_page_written = Content::changed,
	.vmsplice_packs = false,
	.taken_page_leaves_cache = false,
	.gift_reads_as_zeros = false,
	.received_page_written = Content::changed,
	.vmsplice_to_no_pipe = EBADF,
	.empty_vmsplice_to_no_pipe = true,
	.needs_descriptor = false,
	.tees_stock_pipes = true,
	.sendfile_packs = false,
	.stays_open_across_kinds = true,
	.is_file_to_sendfile = false,
	.reader_looked_for_first = false,
	.restarts = true,
	.signals_caller = true,
};

inline constexpr Expectations patched_expectations = [] {
	Expectations patched = stock_expectations;

	patched.file_written = Content::kept;
	patched.memory_written = Content::kept;
	patched.teed_page_written = Content::kept;
	patched.vmsplice_packs = true;
	patched.taken_page_leaves_cache = true;
	patched.received_page_written = Content::kept;
	return patched;
}();

/* Waited for by a worker. */
inline constexpr Expectations patched_uring_expectations = [] {
	Expectations uring = patched_expectations;

	uring.restarts = false;
	uring.signals_caller = false;
	return uring;
}();

/* The same calls while privpipe_harden.ko makes them copy: tee shares the pipe's own pages. */
inline constexpr Expectations hardened_expectations = [] {
	Expectations hardened = stock_expectations;

	hardened.file_written = Content::kept;
	hardened.memory_written = Content::kept;
	hardened.teed_page_written = Content::kept;
	hardened.vmsplice_packs = true;
	hardened.received_page_written = Content::kept;
	return hardened;
}();

inline constexpr Expectations module_expectations = {
	.file_written = Content::kept,
	.memory_written = Content::kept,
	.teed_page_written = Content::kept,
	.vmsplice_packs = true,
	.taken_page_leaves_cache = true,
	.gift_reads_as_zeros = true,
	.received_page_written = Content::kept,
	.vmsplice_to_no_pipe = ENOTTY,
	.empty_vmsplice_to_no_pipe = false,
	.needs_descriptor = true,
	.tees_stock_pipes = false,
	.sendfile_packs = true,
	.stays_open_across_kinds = false,
	.is_file_to_sendfile = true,
	.reader_looked_for_first = true,
	.restarts = true,
	.signals_caller = true,
};

inline constexpr Expectations uring_expectations = [] {
	Expectations uring = module_expectations;

	uring.vmsplice_to_no_pipe = EOPNOTSUPP;
	uring.restarts = false;
	uring.signals_caller = false;
	return uring;
}();
