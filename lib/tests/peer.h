// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <cstdint>
#include <string>

/** The other side of a TCP connection with the command, on this machine. */
class Peer {
public:
	/** @return an unused port */
	static std::string free_port();

	/** Connects to the command as soon as it listens. */
	static Peer connect(const std::string &address, const std::string &port);

	/** Sends bytes, all of them. */
	void send(const std::string &bytes) const;

	/** @return up to @p size bytes, fewer at the end of the stream */
	[[nodiscard]] std::string receive(std::size_t size = SIZE_MAX) const;

	/** Receives until the end. @return the error of the connection then, or 0 */
	[[nodiscard]] int error_at_the_end() const;

	/** Ends this side's stream. */
	void finish() const;

	/** Closes the connection. */
	void close() { fd_ = privpipe::Fd(); }

private:
	friend class Listener;

	explicit Peer(int fd) : fd_(fd) {}

	privpipe::Fd fd_;
};

/** Listens for the command to connect, on a port of 127.0.0.1. */
class Listener {
public:
	Listener();

	/** @return "127.0.0.1:PORT" */
	[[nodiscard]] std::string name() const;

	/** Waits for the command. */
	[[nodiscard]] Peer accept() const;

private:
	privpipe::Fd fd_;
};

/** @return whether a socket listens on a port, at an address in the notation of /proc/net/FILE */
bool listens(const std::string &file, const std::string &address, const std::string &port);
