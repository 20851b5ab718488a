/* SPDX-License-Identifier: GPL-2.0 */
/* One of the two sides of a comparison: pipes of one backend, and files and sockets of its own. */
#pragma once

#include "pipe/backend.hh"
#include "stress/program.hh"
#include "support/fd.hh"
#include "support/files.hh"

#include <array>
#include <memory>
#include <span>
#include <string>

/** Everything that a caller can see of an operation. */
struct Outcome {
	Result result;
	int64_t off_in = no_offset;
	int64_t off_out = no_offset;
	int64_t position_in = -1;
	int64_t position_out = -1;
	std::string bytes; /* the bytes that came out of a pipe, to any target */
};

/** The bytes that a write or vmsplice of @op gives away, as far as they are accessible. */
std::string source_bytes(const Op &op);
/** The accessible memory of a write or vmsplice. */
std::vector<iovec> source_memory(const Op &op);

class World {
public:
	explicit World(Backend &backend);

	/** Fresh pipes, empty targets, all positions 0. */
	void restart();
	Outcome run(const Op &op);

	/** Everything that can be read from a pipe; it is empty afterwards, if its read end is
	 * open. */
	std::string drain(int pipe);
	/** Closes the remaining ends of a pipe and makes a new one. */
	void renew(int pipe);
	bool is_open(Place end) const { return fd(end) >= 0; }
	Result unread(int pipe) const;
	/** In bytes. */
	size_t capacity(int pipe) const;
	/** Whether what is written to it now becomes packets. */
	bool makes_packets(int pipe) const;

	const Expectations &expect() const { return backend_.expect(); }

private:
	struct Socket {
		Fd near;
		Fd far;
	};

	int fd(Place place) const { return ends_[static_cast<size_t>(place)]; }
	void hold(Place place, Fd owned);
	void connect(Place near, Socket *socket, std::array<Fd, 2> ends);
	Result memory_call(const Op &op, std::string *read);
	Result move_call(const Op &op, off64_t *off_in, off64_t *off_out);
	Result change(const Op &op);
	void feed(const Op &op);
	std::string arrived(const Op &op, Result result, int64_t at);
	const Socket &socket_at(Place place) const
	{
		return place == Place::tcp_socket ? tcp_ : unix_;
	}

	Backend &backend_;
	std::array<Fd, static_cast<size_t>(Place::count_)> owned_;
	std::array<int, static_cast<size_t>(Place::count_)> ends_;
	File tmpfs_;
	File ext4_;
	File tmpfs_out_;
	File ext4_out_;
	Socket unix_;
	Socket tcp_;
};
