// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

class Progress;

/**
 * While it lives, a signal that ends the process says how far a copy has come and removes the file
 * that is unfinished; the process then dies of the signal.  Signals that are ignored stay so.
 */
class Interrupt {
public:
	explicit Interrupt(const Progress &progress);
	Interrupt(const Interrupt &) = delete;
	Interrupt &operator=(const Interrupt &) = delete;
	~Interrupt();
};

/** While it lives, such signals wait. */
class Uninterrupted {
public:
	Uninterrupted();
	Uninterrupted(const Uninterrupted &) = delete;
	Uninterrupted &operator=(const Uninterrupted &) = delete;
	~Uninterrupted();

private:
	sigset_t before_;
};
