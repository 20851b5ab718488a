/* SPDX-License-Identifier: GPL-2.0 */
/* The result of a call: a count or an errno, compared and printed as one value. */
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <ostream>

struct Result {
	ssize_t value; /* a count, or minus an errno */

	bool ok() const { return value >= 0; }
	/** The count; 0 for an error. */
	size_t bytes() const { return ok() ? static_cast<size_t>(value) : 0; }

	friend bool operator==(Result, Result) = default;
};

inline Result moved(size_t bytes)
{
	return {static_cast<ssize_t>(bytes)};
}

inline Result failed(int error)
{
	return {-error};
}

/** Folds the return value of a libc wrapper and errno into one. */
inline Result result_of(ssize_t returned)
{
	return returned < 0 ? failed(errno) : Result{returned};
}

/** How GoogleTest prints it. */
void PrintTo(Result result, std::ostream *out);
