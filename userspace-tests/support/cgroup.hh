/* SPDX-License-Identifier: GPL-2.0 */
/* A memory cgroup of its own, for a child of the test. */
#pragma once

#include "support/fd.hh"

#include <cstddef>
#include <string>

class Cgroup {
public:
	/** Makes one; mounts cgroup2 where nobody has yet. */
	Cgroup();
	~Cgroup();
	Cgroup(const Cgroup &) = delete;
	Cgroup &operator=(const Cgroup &) = delete;

	/** Moves the calling process into it. */
	void enter() const;
	/** Bytes charged to it. */
	size_t current() const;
	/** The same by purpose: a line of memory.stat, such as "sock". */
	size_t stat(const std::string &name) const;
	/** Sets its limit, without swap, in bytes; charges nothing to the caller. */
	void limit(size_t bytes) const;
	/** How often @name of memory.events has happened in it. */
	size_t event(const std::string &name) const;

private:
	void write(const std::string &file, const std::string &text) const;

	std::string path_;
	Fd limit_;
};
