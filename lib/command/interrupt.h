// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

class Progress;

/**
 * While this object lives, a signal that ends the process first reports how many bytes were copied
 * and removes the unfinished file.  Signals that are ignored stay ignored.
 */
class Interrupt {
public:
	explicit Interrupt(const Progress &progress);
	Interrupt(const Interrupt &) = delete;
	Interrupt &operator=(const Interrupt &) = delete;
	~Interrupt();
};

/** While this object lives, such signals are blocked. */
class Uninterrupted {
public:
	Uninterrupted();
	Uninterrupted(const Uninterrupted &) = delete;
	Uninterrupted &operator=(const Uninterrupted &) = delete;
	~Uninterrupted();

private:
	sigset_t before_;
};
