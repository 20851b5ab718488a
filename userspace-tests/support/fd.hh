/* SPDX-License-Identifier: GPL-2.0 */
/* An owned descriptor, and the exception for a set-up step that failed. */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

/** Throws the meaning of errno; for set-up steps, whose failure says nothing about the pipe. */
[[noreturn]] inline void throw_errno(const std::string &what, int error = errno)
{
	throw std::system_error(error, std::generic_category(), what);
}

/** Passes @returned on unless it is -1. */
template <class T>
T checked(T returned, const std::string &what)
{
	if (returned == T(-1))
		throw_errno(what);
	return returned;
}

/** The same for the result of mmap(2). */
inline void *checked(void *mapped, const std::string &what)
{
	if (mapped == MAP_FAILED)
		throw_errno(what);
	return mapped;
}

/** A descriptor that is closed with its owner. */
class Fd {
public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd) {}
	/** Takes the result of open(2) or socket(2), and throws if that is -1. */
	Fd(int fd, const std::string &what) : fd_(checked(fd, what)) {}
	Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Fd &operator=(Fd &&other) noexcept
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	~Fd() { reset(); }

	int get() const { return fd_; }
	int release() { return std::exchange(fd_, -1); }
	void reset()
	{
		if (fd_ >= 0)
			close(std::exchange(fd_, -1));
	}

private:
	int fd_ = -1;
};
