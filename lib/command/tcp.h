// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <chrono>
#include <expected>
#include <optional>
#include <string>

/** The two parts of HOST:PORT; without a host, listen on the port. */
struct Address {
	std::string host;
	std::string port;

	bool operator==(const Address &) const = default;
};

/**
 * Tells an address from a path.
 *
 * @return the parts of "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" if PORT is a number of at most
 *         65535 and there is no slash; nothing for a path
 */
std::optional<Address> parse_address(const std::string &name);

/**
 * Connects, or listens and accepts the first connection.
 *
 * Until settle(), closing the connection resets it, so that the other side does not mistake the
 * death of this process for the end of the stream.
 *
 * @param name for messages
 * @param bind the address to listen on; empty for all of them, IPv4 and IPv6
 * @return the connection, or a message
 */
std::expected<privpipe::Fd, std::string>
open_connection(const std::string &name, const Address &where, const std::string &bind);

/**
 * Ends the stream and waits until the receiver has all of it: its kernel has acknowledged every
 * byte, and the receiver has closed the connection.
 *
 * @param wait how long the connection may stay open after the last byte was acknowledged
 * @return an error message, or nothing
 */
std::optional<std::string> deliver(const privpipe::Fd &connection,
				   std::chrono::duration<double> wait);

/** Lets the connection end normally when it is closed. */
void settle(const privpipe::Fd &connection);
