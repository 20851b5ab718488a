// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <expected>
#include <string>
#include <sys/stat.h>
#include <system_error>

/**
 * A file with a temporary name.  take_place() gives it its final name, and so replaces a file of
 * that name.  Before that, the destructor and remove_unfinished() remove the file.
 */
class Replacement {
public:
	/**
	 * Makes a file that will replace another one, in the same directory, with the same owner,
	 * permissions and access control list.
	 *
	 * @param path of the other file, which is no symbolic link
	 */
	static std::expected<Replacement, std::error_code> of(const std::string &path,
							      const struct stat &old);

	/** Makes a file with the permissions @p mode, as far as the umask allows. */
	static std::expected<Replacement, std::error_code> of_none(const std::string &path,
								   mode_t mode);

	Replacement(Replacement &&other) noexcept;
	Replacement &operator=(Replacement &&) = delete;
	~Replacement();

	/** @return the file's descriptor, for the caller to close before take_place() */
	[[nodiscard]] privpipe::Fd take_fd() { return std::move(fd_); }

	/** Gives the file its final name. */
	std::error_code take_place();

private:
	Replacement(std::string path, std::string temporary, privpipe::Fd fd);

	static std::expected<Replacement, std::error_code> make(const std::string &path);

	std::string path_;
	std::string temporary_; // empty when there is nothing to remove
	privpipe::Fd fd_;
	bool is_new_ = false; // there was no file that it would replace
};

/** Removes the unfinished file if there is one; for signal handlers. */
void remove_unfinished();
