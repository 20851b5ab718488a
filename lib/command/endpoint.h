// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <expected>
#include <optional>
#include <string>

/** The two halves of HOST:PORT; an empty host means to listen. */
struct Address {
	std::string host;
	std::string port;

	bool operator==(const Address &) const = default;
};

/**
 * Tells an address from a path.
 *
 * @return the halves of "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" when PORT is a number of at most
 *         65535 and there is no slash; else nothing: it is a path
 */
std::optional<Address> parse_address(const std::string &name);

/** Something to copy from or to, open. */
struct Endpoint {
	std::string name; ///< for messages
	privpipe::Fd fd;
};

/** Opens SRC of privpipe copy. @return it, or a message that names it and says what failed */
std::expected<Endpoint, std::string> open_source(const std::string &name);

/**
 * Opens DST of privpipe copy, and truncates it when it is a file.
 *
 * @param source must not be the same file; its mode becomes that of a new file
 * @return it, or a message that names it and says what failed
 */
std::expected<Endpoint, std::string> open_target(const std::string &name, const Endpoint &source);
