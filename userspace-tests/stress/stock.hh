/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stock pipe's side of a comparison: a world of its own, or what such a world answered on
 * another kernel and is written in a log. Of bytes a log has the number and a hash.
 */
#pragma once

#include "stress/world.hh"

#include <fstream>
#include <functional>
#include <optional>

class StockSide {
public:
	StockSide();

	/** From now on writes the results to @path, behind the line @title. */
	void record(const std::string &path, const std::string &title);
	/** From now on takes the results from @path; returns its title. */
	std::string replay(const std::string &path);
	bool is_recording() const { return out_.is_open(); }
	bool is_replaying() const { return in_.is_open(); }
	/** @bytes, or their representation in a log. */
	std::string seen(const std::string &bytes) const;

	void restart();
	void renew(int pipe);
	Outcome run(const Op &op);
	std::string drain(int pipe);
	bool is_open(Place end);
	Result unread(int pipe);
	size_t capacity(int pipe);
	bool makes_packets(int pipe);

private:
	int64_t number(const std::function<int64_t(World &)> &ask);
	std::string bytes(const std::function<std::string(World &)> &ask);

	SyscallBackend backend_;
	std::optional<World> world_; /* unless replaying */
	std::ofstream out_;
	std::ifstream in_;
};
