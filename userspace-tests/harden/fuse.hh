/* SPDX-License-Identifier: GPL-2.0 */
/* A FUSE file system of one file, whose daemon gets its requests by splice. */
#pragma once

#include "support/fd.hh"
#include "support/pipe.hh"

#include <string>
#include <string_view>
#include <thread>
#include <vector>

class FuseFile {
public:
	FuseFile();
	~FuseFile();
	FuseFile(const FuseFile &) = delete;
	FuseFile &operator=(const FuseFile &) = delete;

	/** Where it is mounted. */
	const std::string &path() const { return path_; }
	/** Ends it; the pipes that the data of the writes is in, one for each. */
	std::vector<Pipe> take_writes();

private:
	void serve();

	std::string path_;
	Fd device_;
	std::vector<Pipe> writes_;
	std::thread daemon_;
};
