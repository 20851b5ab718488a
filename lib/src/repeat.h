// SPDX-License-Identifier: MIT
#pragma once

#include "wait.h"

#include <algorithm>

namespace privpipe {

/** @return @p len, or the most that the kernel moves in one call: ioctl(2) returns an int */
constexpr std::size_t at_most(std::uint64_t len)
{
	return std::size_t(std::min<std::uint64_t>(len, 0x7ffff000));
}

/**
 * Repeats a call until it has moved @p len bytes, moves none or fails; continues after a signal.
 *
 * @param wait called before each call, to wait there instead of blocking in the call; returns an
 *             error to end with, or nothing
 * @param call takes the bytes moved so far and how many to ask for, and returns a Result of bytes
 */
template <typename Wait, typename Call>
Transfer repeat(std::uint64_t len, const Wait &wait, Call call)
{
	Transfer done;

	while (done.bytes < len) {
		done.error = wait();
		if (done.error)
			break;
		Result<std::size_t> moved = call(done.bytes, at_most(len - done.bytes));
		if (moved) {
			if (*moved == 0)
				break;
			done.bytes += *moved;
		} else if (moved.error() != std::errc::interrupted && !wait.again(moved.error())) {
			done.error = moved.error();
			break;
		}
	}
	return done;
}

} // namespace privpipe
