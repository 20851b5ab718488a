// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <algorithm>

namespace privpipe {

/** @return @p len, or the most that a kernel moves at once: ioctl(2) returns an int */
constexpr std::size_t at_most(std::uint64_t len)
{
	return std::size_t(std::min<std::uint64_t>(len, 0x7ffff000));
}

/**
 * Repeats a call until it has moved @p len bytes, moves none or fails; goes on after a signal.
 *
 * @param call takes the bytes moved so far and how many to ask for, and returns a Result of bytes
 */
template <typename Call>
Transfer repeat(std::uint64_t len, Call call)
{
	Transfer done;

	while (done.bytes < len) {
		Result<std::size_t> moved = call(done.bytes, at_most(len - done.bytes));
		if (moved) {
			if (*moved == 0)
				break;
			done.bytes += *moved;
		} else if (moved.error() != std::errc::interrupted) {
			done.error = moved.error();
			break;
		}
	}
	return done;
}

} // namespace privpipe
