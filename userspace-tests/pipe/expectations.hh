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

/** What splice(2) from trace_pipe gives. */
enum class Trace {
	refused, /* EINVAL: the file can't be read by the kernel itself */
	lossy,   /* a page of what was printed; what was printed beyond it is lost */
	whole,
};

struct Expectations {
	/* The deliberate differences, D1 to D8 in README.md. */
	Content file_written;          /* D1: write, store through a mapping, truncate, punch */
	Content memory_written;        /* D2 */
	Content teed_page_written;     /* D4 */
	bool vmsplice_packs;           /* D5: unaligned memory takes no more pages than aligned */
	bool vmsplice_minds_packets;   /* makes and takes them, as write() and read() do */
	bool taken_page_leaves_cache;  /* D6 */
	bool gift_reads_as_zeros;      /* D7 */
	Content received_page_written; /* D8: a page that came out of a socket */

	/* What the peer of a socket gets from sendfile(2) after the file was written. */
	Content sent_page_written;
	Content sent_to_tcp_written;

	/* Calls that only a stock pipe has, or that answer otherwise there. */
	int vmsplice_to_no_pipe;        /* errno */
	bool empty_vmsplice_to_no_pipe; /* is 0 nevertheless */
	bool needs_descriptor;          /* to look at the arguments of vmsplice at all */
	bool tees_stock_pipes;          /* from or to one, beside a pipe of its own */
	bool sendfile_packs;            /* a file into as few pages of a stock pipe as can be */
	Trace trace;
	bool stays_open_across_kinds; /* the last page: to be added to behind a stock pipe */

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
	.vmsplice_minds_packets = false,
	.taken_page_leaves_cache = false,
	.gift_reads_as_zeros = false,
	.received_page_written = Content::changed,
	.sent_page_written = Content::changed,
	.sent_to_tcp_written = Content::changed,
	.vmsplice_to_no_pipe = EBADF,
	.empty_vmsplice_to_no_pipe = true,
	.needs_descriptor = false,
	.tees_stock_pipes = true,
	.sendfile_packs = false,
	.trace = Trace::lossy,
	.stays_open_across_kinds = true,
	.is_file_to_sendfile = false,
	.reader_looked_for_first = false,
	.restarts = true,
	.signals_caller = true,
};

/* A kernel whose pipes own their pages: every source is copied. */
inline constexpr Expectations private_expectations = [] {
	Expectations own = stock_expectations;

	own.file_written = Content::kept;
	own.memory_written = Content::kept;
	own.teed_page_written = Content::kept;
	own.vmsplice_packs = true;
	own.received_page_written = Content::kept;
	own.sent_page_written = Content::kept;
	own.sent_to_tcp_written = Content::kept;
	own.trace = Trace::whole;
	return own;
}();

/* The same with splice() as read(), vmsplice() as write(), and sendfile() to TCP without a pipe. */
inline constexpr Expectations radical_expectations = [] {
	Expectations radical = private_expectations;

	radical.vmsplice_minds_packets = true;
	radical.sent_to_tcp_written = Content::changed;
	return radical;
}();

/* The series steal, which takes pages of files, too. */
inline constexpr Expectations taking_expectations = [] {
	Expectations taking = private_expectations;

	taking.taken_page_leaves_cache = true;
	return taking;
}();

/* The same calls while privpipe_harden.ko makes them copy: tee shares the pipe's own pages. */
inline constexpr Expectations hardened_expectations = [] {
	Expectations hardened = private_expectations;

	hardened.trace = Trace::lossy;
	return hardened;
}();

inline constexpr Expectations module_expectations = {
	.file_written = Content::kept,
	.memory_written = Content::kept,
	.teed_page_written = Content::kept,
	.vmsplice_packs = true,
	.vmsplice_minds_packets = false,
	.taken_page_leaves_cache = true,
	.gift_reads_as_zeros = true,
	.received_page_written = Content::kept,
	.sent_page_written = Content::kept,
	.sent_to_tcp_written = Content::kept,
	.vmsplice_to_no_pipe = ENOTTY,
	.empty_vmsplice_to_no_pipe = false,
	.needs_descriptor = true,
	.tees_stock_pipes = false,
	.sendfile_packs = true,
	.trace = Trace::refused,
	.stays_open_across_kinds = false,
	.is_file_to_sendfile = true,
	.reader_looked_for_first = true,
	.restarts = true,
	.signals_caller = true,
};

/* The same calls, waited for by a worker of io_uring's. */
constexpr Expectations by_a_worker(Expectations uring)
{
	uring.restarts = false;
	uring.signals_caller = false;
	return uring;
}

inline constexpr Expectations uring_expectations = [] {
	Expectations uring = by_a_worker(module_expectations);

	uring.vmsplice_to_no_pipe = EOPNOTSUPP;
	return uring;
}();
