// SPDX-License-Identifier: MIT
#pragma once

#include "replacement.h"

#include <privpipe/privpipe.hpp>

#include <chrono>
#include <expected>
#include <optional>
#include <string>

/** Something to copy from or to, open. */
struct Endpoint {
	std::string name; ///< for messages
	privpipe::Fd fd;
	bool connection = false; ///< over TCP, made by this process
};

/** How to open SRC and DST of privpipe copy. */
struct Opening {
	std::string bind;      ///< the address to listen on; empty for all
	bool in_place = false; ///< write into a file instead of replacing it
};

/** The target of a copy. */
class Target : public Endpoint {
public:
	/**
	 * Opens DST.  An existing file of that name stays as it is.
	 *
	 * @param source must not be the same file; its mode becomes that of a new file
	 * @return the target, or an error message that names it
	 */
	static std::expected<Target, std::string>
	open(const std::string &name, const Endpoint &source, const Opening &opening);

	/** Truncates a file that is written in place. @return an error message, or nothing */
	std::optional<std::string> begin() const;

	/**
	 * Closes the target after everything was written: gives a new file its final name, and waits
	 * until the other side of a connection has everything.
	 *
	 * @param wait see deliver()
	 * @return an error message, or nothing
	 */
	std::optional<std::string> finish(std::chrono::duration<double> wait);

private:
	explicit Target(Endpoint endpoint) : Endpoint(std::move(endpoint)) {}

	static std::expected<Target, std::string> open_path(const std::string &name,
							    const Endpoint &source, bool in_place);
	static std::expected<Target, std::string>
	replace(const std::string &name, std::expected<Replacement, std::error_code> file,
		const char *hint);

	bool truncate_ = false;
	std::optional<Replacement> replacement_;
};

/** Opens SRC of privpipe copy. @return the source, or an error message that names it */
std::expected<Endpoint, std::string> open_source(const std::string &name, const Opening &opening);
