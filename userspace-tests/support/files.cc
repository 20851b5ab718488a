// SPDX-License-Identifier: GPL-2.0
#include "support/files.hh"

#include "support/bytes.hh"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>

std::string required_env(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		throw std::runtime_error(std::string(name) + " is not set");
	return value;
}

static std::string fresh_path(const char *where)
{
	static std::atomic<unsigned> serial;

	return required_env(where) + "/privpipe-test-" + std::to_string(getpid()) + "-" +
	       std::to_string(serial++);
}

File::File(const char *where, std::string_view contents)
	: path_(fresh_path(where)),
	  fd_(open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666), "create " + path_)
{
	write_at(0, contents);
}

File::~File()
{
	if (fd_.get() >= 0)
		unlink(path_.c_str());
}

Fd File::reopen(int flags) const
{
	return Fd(open(path_.c_str(), flags | O_CLOEXEC), "open " + path_);
}

off64_t File::size() const
{
	struct stat status;

	checked(fstat(fd(), &status), "fstat");
	return status.st_size;
}

off64_t File::position() const
{
	return lseek64(fd(), 0, SEEK_CUR);
}

std::string File::read_at(off64_t offset, size_t size) const
{
	return ::read_at(fd(), offset, size);
}

void File::write_at(off64_t offset, std::string_view bytes) const
{
	::write_at(fd(), offset, bytes);
}

void File::forget() const
{
	checked(fsync(fd()), "fsync");
	if (int error = posix_fadvise64(fd(), 0, 0, POSIX_FADV_DONTNEED))
		throw_errno("POSIX_FADV_DONTNEED", error);
}

std::string read_at(int fd, off64_t offset, size_t size)
{
	std::string bytes(size, '\0');
	size_t have = 0;

	while (have < size) {
		ssize_t n = checked(pread64(fd, bytes.data() + have, size - have,
					    offset + static_cast<off64_t>(have)),
				    "pread");

		if (!n)
			break;
		have += static_cast<size_t>(n);
	}
	bytes.resize(have);
	return bytes;
}

void write_at(int fd, off64_t offset, std::string_view bytes)
{
	while (!bytes.empty()) {
		ssize_t n = checked(pwrite64(fd, bytes.data(), bytes.size(), offset), "pwrite");

		bytes.remove_prefix(static_cast<size_t>(n));
		offset += n;
	}
}

size_t cached(int fd, size_t size)
{
	struct {
		__u64 off, len;
	} range = {0, size};
	struct {
		__u64 cache, dirty, writeback, evicted, recently_evicted;
	} pages = {};
	constexpr long cachestat = 451; /* newer than Debian 12's headers */

	checked(syscall(cachestat, fd, &range, &pages, 0), "cachestat");
	return pages.cache * page_size;
}
