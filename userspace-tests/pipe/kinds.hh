/* SPDX-License-Identifier: GPL-2.0 */
/* Everything that can be on the other side of a pipe. */
#pragma once

#include "pipe/pipe.hh"
#include "support/fd.hh"

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

enum class Kind {
	ext4,
	xfs,
	tmpfs,
	memfd,
	sealed_memfd, /* against writing, so only a source */
	block,
	zero, /* only a source, and endless */
	null, /* only a target, and keeps nothing */
	tcp,
	udp,
	unix_stream,
	stock_pipe,
	fifo,
	tested_pipe, /* of the backend under test */
};

/** Kinds with an offset: splice takes one and they have a position. */
inline const std::vector<Kind> seekable_sources = {
	Kind::ext4, Kind::xfs, Kind::tmpfs, Kind::memfd, Kind::sealed_memfd, Kind::block,
};
inline const std::vector<Kind> seekable_targets = {
	Kind::ext4, Kind::xfs, Kind::tmpfs, Kind::memfd, Kind::block,
};
/** Kinds whose bytes come one after the other. */
inline const std::vector<Kind> stream_kinds = {
	Kind::tcp, Kind::udp, Kind::unix_stream, Kind::stock_pipe, Kind::fifo, Kind::tested_pipe,
};
inline const std::vector<Kind> pipe_kinds = {Kind::stock_pipe, Kind::fifo, Kind::tested_pipe};
inline const std::vector<Kind> socket_kinds = {Kind::tcp, Kind::udp, Kind::unix_stream};

std::vector<Kind> operator+(std::vector<Kind> a, const std::vector<Kind> &b);

const char *kind_name(Kind kind);
void PrintTo(Kind kind, std::ostream *out);

/** Two connected descriptors: bytes put into @far come out of @near; sockets work both ways. */
struct Connection {
	Fd near; /* the side that a test splices with */
	Fd far;
};

/** A connection whose near side is a source (or, with @near_writes, a target). */
Connection connect_kind(Kind kind, bool near_writes);

/** Something with @contents to splice out of. */
class Source {
public:
	Source(Kind kind, std::string contents);
	~Source();
	Source(const Source &) = delete;
	Source &operator=(const Source &) = delete;

	int fd() const { return fd_.get(); }

private:
	Fd fd_;
	Fd far_;
	std::thread feeder_;
};

/** A target for splices that can return the bytes it got. */
class Target {
public:
	explicit Target(Kind kind);
	~Target();
	Target(const Target &) = delete;
	Target &operator=(const Target &) = delete;

	int fd() const { return fd_.get(); }
	/** Ends it and returns the first @size bytes that arrived (of a stream: all of them). */
	std::string take(size_t size);

private:
	Kind kind_;
	Fd fd_;
	Fd far_;
	std::string received_;
	std::thread collector_;
};

/** A fresh descriptor for a kind that has contents of its own, at position 0. */
Fd open_seekable(Kind kind, std::string_view contents);
