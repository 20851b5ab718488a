/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that a test catches, or waits for. */
#pragma once

#include <csignal>
#include <ctime>

/** Counts @signal instead of dying of it, until it goes out of scope. One at a time per signal. */
class CatchSignal {
public:
	explicit CatchSignal(int signal, int flags = 0);
	~CatchSignal();
	CatchSignal(const CatchSignal &) = delete;
	CatchSignal &operator=(const CatchSignal &) = delete;

	int count() const;

private:
	int signal_;
	struct sigaction old_;
};

/**
 * Whether the signal that goes with an error was caught. Where a worker may have made the call for
 * the caller, nobody can tell.
 */
bool was_sent(const CatchSignal &caught);

/** Blocks @signal, so that wait() can report its sender and reason. */
class AwaitSignal {
public:
	explicit AwaitSignal(int signal);
	~AwaitSignal();
	AwaitSignal(const AwaitSignal &) = delete;
	AwaitSignal &operator=(const AwaitSignal &) = delete;

	/** Takes the pending signal, waiting for it if need be; false after ten seconds. */
	bool wait(siginfo_t *info);
	/** Takes it only if it is there already. */
	bool pending();

private:
	sigset_t set_;
	sigset_t old_;
};
