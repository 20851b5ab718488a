/* SPDX-License-Identifier: GPL-2.0 */
/* A process that may hang in the kernel, and a watcher outside that reports it. */
#pragma once

#include "support/fd.hh"

#include <functional>
#include <string>

class Task {
public:
	/** Runs @body in a forked child. */
	explicit Task(const std::function<void()> &body);
	/** Waits for its end; before that, the cause of a hang must be removed. */
	~Task();
	Task(const Task &) = delete;
	Task &operator=(const Task &) = delete;

	pid_t pid() const { return pid_; }
	/** Its descriptor @fd, which works also while it hangs. */
	Fd borrow(int fd) const;

	/**
	 * "" once it has come back from its body; else what the body threw, how it died, or where
	 * it still is after half a minute.
	 */
	std::string outcome();

private:
	pid_t pid_;
	Fd pidfd_;
	Fd report_;
	bool reaped_ = false;
};

/** The result of Task::outcome() for a task that runs @body. */
std::string outcome_of(const std::function<void()> &body);
