/* SPDX-License-Identifier: GPL-2.0 */
/* Files on the file systems that the machine offers to the tests. */
#pragma once

#include "support/fd.hh"

#include <fcntl.h>
#include <sys/types.h>

#include <string>
#include <string_view>

/** The value of the variable @name. Throws if it is not set: a missing kind is a failure. */
std::string required_env(const char *name);

/** A file of its own in a directory of the tests; unlinked with its owner. */
class File {
public:
	/** In the directory that the environment variable @where names, with position 0. */
	explicit File(const char *where, std::string_view contents = "");
	~File();
	File(File &&) = default;
	File &operator=(File &&) = delete;

	int fd() const { return fd_.get(); }
	const std::string &path() const { return path_; }
	/** A second, independent open of it. */
	Fd reopen(int flags) const;

	off64_t size() const;
	off64_t position() const;
	std::string read_at(off64_t offset, size_t size) const;
	void write_at(off64_t offset, std::string_view bytes) const;
	/** Makes it clean and takes it out of the page cache. */
	void forget() const;

private:
	std::string path_;
	Fd fd_;
};

constexpr const char *on_ext4 = "PRIVPIPE_TEST_EXT4";
constexpr const char *on_xfs = "PRIVPIPE_TEST_XFS";
constexpr const char *on_tmpfs = "PRIVPIPE_TEST_TMPFS";
constexpr const char *block_device = "PRIVPIPE_TEST_BLOCK";

/** The bytes at [@offset, @offset + @size) of @fd, fewer at its end. */
std::string read_at(int fd, off64_t offset, size_t size);
void write_at(int fd, off64_t offset, std::string_view bytes);
/** Bytes of @fd's first @size that are in the page cache. */
size_t cached(int fd, size_t size);
