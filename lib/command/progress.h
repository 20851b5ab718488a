// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/** Counts the bytes of a copy, and shows the progress on one line of stderr. */
class Progress {
public:
	/** @param shown whether to show anything */
	explicit Progress(bool shown) : shown_(shown) {}

	/**
	 * Starts the clock.
	 *
	 * @param expected how many bytes will come, if that is known
	 */
	void start(std::optional<std::uint64_t> expected);

	/** Counts bytes, and shows them a few times a second. */
	void add(std::uint64_t bytes);

	/** Removes the line. */
	void finish();

	/** @return whether there may be a line */
	[[nodiscard]] bool shown() const { return shown_; }

	/** @return the bytes counted; a signal handler may ask, too */
	[[nodiscard]] std::uint64_t done() const { return done_; }

	/** @return "67108864 bytes (64.0 MiB) in 0.25 s, 256.0 MiB/s" */
	[[nodiscard]] std::string summary() const;

private:
	using Clock = std::chrono::steady_clock;
	static constexpr Clock::duration pause = std::chrono::milliseconds(200);

	[[nodiscard]] double seconds() const;

	std::optional<std::uint64_t> expected_;
	bool shown_;
	std::atomic<std::uint64_t> done_ = 0;
	Clock::time_point start_;
	Clock::time_point next_;
};
