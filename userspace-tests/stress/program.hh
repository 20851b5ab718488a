/* SPDX-License-Identifier: GPL-2.0 */
/* A random program: operations as plain data, so that they can be cut, printed and run again. */
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

enum class Kind : uint8_t {
	write,
	read,
	vmsplice,
	splice,
	tee,
	sendfile,
	resize, /* to @len bytes */
	poll,
	packets, /* O_DIRECT on a write end, on if @flags */
	close,
	reopen,
	seek, /* to @off_in */
};

/** The objects of operations. Each exists once per world. */
enum class Place : uint8_t {
	none, /* no descriptor at all */
	p0_r, /* pipes of the backend */
	p0_w,
	p1_r,
	p1_w,
	p2_r,
	p2_w,
	stock_r, /* a stock pipe in either world */
	stock_w,
	tmpfs, /* files to read, which never change */
	ext4,
	zero,
	tmpfs_out, /* files to write, which are never read from by splice */
	ext4_out,
	append,
	null,
	unix_socket,
	tcp_socket,
	count_,
};

constexpr int pipes = 4; /* the last one is the stock pipe */

/** The pipe that @place is an end of, or -1. */
constexpr int pipe_of(Place place)
{
	if (place < Place::p0_r || place > Place::stock_w)
		return -1;
	return (static_cast<int>(place) - static_cast<int>(Place::p0_r)) / 2;
}

constexpr bool is_write_end(Place place)
{
	return pipe_of(place) >= 0 && (static_cast<int>(place) - static_cast<int>(Place::p0_r)) % 2;
}

constexpr Place end_of(int pipe, bool write_end)
{
	return static_cast<Place>(static_cast<int>(Place::p0_r) + 2 * pipe + write_end);
}

constexpr bool is_socket(Place place)
{
	return place == Place::unix_socket || place == Place::tcp_socket;
}

constexpr int64_t no_offset = -1000;  /* a null pointer */
constexpr int64_t bad_offset = -1001; /* a pointer to nowhere */
constexpr uint32_t no_fault = UINT32_MAX;

struct Op {
	Kind kind = Kind::poll;
	Place from = Place::none;
	Place to = Place::none;
	uint64_t len = 0;
	int64_t off_in = no_offset;
	int64_t off_out = no_offset;
	uint32_t flags = 0;
	uint32_t data = 0;         /* where in the pattern, or in the buffer */
	uint32_t segments = 1;     /* how many pieces the memory is in, up to max_segments */
	uint32_t fault = no_fault; /* bytes of the last piece that are accessible */
	uint32_t native = 0;       /* by the system call, also where the backend has its own */

	friend bool operator==(const Op &, const Op &) = default;
};

constexpr uint32_t max_segments = 4;

using Program = std::vector<Op>;
using Random = std::mt19937_64;

Op random_op(Random &random);

/** One line; members with their default value are left out. */
std::string to_text(const Op &op);
/** Undoes to_text(); nothing for a line that is no operation. */
std::optional<Op> from_text(std::string_view line);
