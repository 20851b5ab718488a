// SPDX-License-Identifier: MIT
#include "replacement.h"
#include "interrupt.h"
#include "message.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/xattr.h>
#include <unistd.h>

using privpipe::Fd;
using Made = std::expected<Replacement, std::error_code>;

namespace {

// The name of the unfinished file, for signal handlers; there is at most one.
std::array<char, PATH_MAX> unfinished;
std::atomic<bool> is_unfinished;

// Copies the access control list: the mode does not contain all of it.  If the old file has none,
// one that the new file has by default from the directory must go.
std::error_code copy_acl(const std::string &from, int to)
{
	constexpr const char *acl = "system.posix_acl_access";
	std::array<char, XATTR_SIZE_MAX> value;
	const ssize_t size = ::getxattr(from.c_str(), acl, value.data(), value.size());

	if (size < 0 && errno != ENODATA && errno != ENOTSUP)
		return last_error();
	const int ret = size < 0 ? ::fremovexattr(to, acl)
				 : ::fsetxattr(to, acl, value.data(), std::size_t(size), 0);
	return ret < 0 && errno != ENODATA && errno != ENOTSUP ? last_error() : std::error_code();
}

std::error_code keep_access(const std::string &path, const struct stat &old, int fd)
{
	struct stat made;

	if (::fstat(fd, &made) < 0)
		return last_error();
	if ((made.st_uid != old.st_uid || made.st_gid != old.st_gid) &&
	    ::fchown(fd, old.st_uid, old.st_gid) < 0)
		return last_error();
	// First the list, since without it the mode would allow more for a moment.
	if (const auto error = copy_acl(path, fd))
		return error;
	// Drop the set-user-ID and set-group-ID bits, as writing to the old file would.
	return ::fchmod(fd, old.st_mode & 0777) < 0 ? last_error() : std::error_code();
}

} // namespace

Made Replacement::make(const std::string &path)
{
	const auto directory = std::filesystem::path(path).parent_path();
	std::string temporary = directory / ".privpipe-XXXXXX";

	if (temporary.size() >= unfinished.size())
		return std::unexpected(std::make_error_code(std::errc::filename_too_long));
	// If a signal comes, either there is no file yet, or its name is recorded.
	const Uninterrupted guard;
	Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
	if (!fd)
		return std::unexpected(last_error());
	return Replacement(path, std::move(temporary), std::move(fd));
}

Made Replacement::of(const std::string &path, const struct stat &old)
{
	auto made = make(path);

	if (made) {
		const auto error = keep_access(path, old, made->fd_.get());
		if (error)
			return std::unexpected(error);
	}
	return made;
}

Made Replacement::of_none(const std::string &path, mode_t mode)
{
	auto made = make(path);
	const mode_t mask = ::umask(0);

	::umask(mask);
	if (made && ::fchmod(made->fd_.get(), mode & ~mask) < 0)
		return std::unexpected(last_error());
	if (made)
		made->is_new_ = true;
	return made;
}

Replacement::Replacement(std::string path, std::string temporary, Fd fd)
	: path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd))
{
	std::memcpy(unfinished.data(), temporary_.c_str(), temporary_.size() + 1);
	is_unfinished = true;
}

Replacement::Replacement(Replacement &&other) noexcept
	: path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})),
	  fd_(std::move(other.fd_)), is_new_(other.is_new_)
{
}

Replacement::~Replacement()
{
	if (!temporary_.empty())
		remove_unfinished();
}

std::error_code Replacement::take_place()
{
	const unsigned flags = is_new_ ? RENAME_NOREPLACE : 0;
	int ret = ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), flags);

	if (ret < 0 && errno == EINVAL && flags) // not every file system can tell
		ret = ::rename(temporary_.c_str(), path_.c_str());
	if (ret < 0)
		return last_error();
	is_unfinished = false;
	temporary_.clear();
	return {};
}

void remove_unfinished()
{
	if (is_unfinished.exchange(false))
		::unlink(unfinished.data());
}
