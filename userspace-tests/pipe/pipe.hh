/* SPDX-License-Identifier: GPL-2.0 */
/* Pipes to try things on, and the small steps every test takes with them. */
#pragma once

#include "pipe/backend.hh"
#include "support/bytes.hh"
#include "support/fd.hh"

#include <string>
#include <string_view>

struct Pipe {
	Fd read_end;
	Fd write_end;

	int in() const { return read_end.get(); }   /* where bytes come out */
	int out() const { return write_end.get(); } /* where bytes go in */
};

/** A pipe of the backend under test. Throws when it can't be had. */
Pipe make_pipe(int flags = 0, unsigned capacity = 0);
/** A stock pipe, with any backend. */
Pipe make_stock_pipe(int flags = 0);

/** Sets or clears O_NONBLOCK, O_DIRECT, O_ASYNC or O_APPEND. */
void set_status_flag(int fd, int flag, bool on = true);

/** FIONREAD. */
size_t unread(int fd);

/** Writes everything, in as many calls as it takes; throws on an error. */
void put(int fd, std::string_view bytes);
/** Reads until @size bytes are there; shorter only at the end of the file. */
std::string get(int fd, size_t size);
/** Reads as many bytes as FIONREAD reports. */
std::string drain(int fd);
/** Writes pages until there is no room, and returns the bytes written. */
std::string fill(const Pipe &pipe);

/* The calls with arguments that most tests leave alone. */
inline Result do_splice(int in, int out, size_t len, unsigned flags = 0)
{
	return backend().splice(in, nullptr, out, nullptr, len, flags);
}

inline Result do_vmsplice(int fd, std::string_view bytes, unsigned flags = 0)
{
	iovec iov = iovec_of(bytes);

	return backend().vmsplice(fd, &iov, 1, flags);
}

inline Result do_tee(int in, int out, size_t len, unsigned flags = 0)
{
	return backend().tee(in, out, len, flags);
}

inline Result do_sendfile(int out, int in, size_t count)
{
	return backend().sendfile(out, in, nullptr, count);
}
