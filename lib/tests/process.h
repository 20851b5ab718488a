// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

/** How a process ended, and what it printed. */
struct Outcome {
	int status; ///< from waitpid(2)
	std::string out;
	std::string err;

	/** @return the exit status, or 128 and the signal's number as a shell has it */
	[[nodiscard]] int code() const;

	/** @return whether standard error has some text in it */
	[[nodiscard]] bool complains_of(const std::string &text) const;
};

/**
 * The privpipe command beside the test program, run as a user would run it.
 * $PRIVPIPE_TEST_PRELOAD, if set, is preloaded into it.
 */
class Process {
public:
	struct Setup {
		int in = -1;                               ///< standard input
		int out = -1;                              ///< standard output
		std::function<void()> before_exec = [] {}; ///< runs in the child
	};

	explicit Process(const std::vector<std::string> &arguments) : Process(arguments, Setup()) {}
	Process(const std::vector<std::string> &arguments, const Setup &setup);

	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;

	/** Kills the process if it is still there. */
	~Process();

	[[nodiscard]] pid_t pid() const { return pid_; }

	/** Sends a signal. */
	void signal(int number) const;

	/** @return whether the process ends within a time */
	[[nodiscard]] bool ends_within(std::chrono::milliseconds time) const;

	/** Waits for the end; after a minute, kills the process and fails the test. */
	Outcome wait();

private:
	pid_t pid_;
	bool ended_ = false;
	privpipe::Fd handle_;
	privpipe::Fd out_;
	privpipe::Fd err_;
};

/** Runs the command to its end. */
Outcome run(const std::vector<std::string> &arguments, const Process::Setup &setup = {});

/** Checks a condition repeatedly, for at most a minute. @return whether it became true */
bool eventually(const std::function<bool()> &condition);
