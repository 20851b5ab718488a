/* SPDX-License-Identifier: GPL-2.0 */
/* Faults in the kernel on demand: the Nth thing that can fail in a call does, or several in a row.
 */
#pragma once

#include "support/fd.hh"
#include "support/result.hh"

#include <functional>
#include <vector>

/**
 * Lets one call fail at a chosen place, be it in this thread or in an io_uring worker that it has.
 * Throws on a kernel without CONFIG_FAULT_INJECTION.
 */
class Injector {
public:
	/**
	 * With @in_a_row, so many allocations of pages fail one after the other, so that what the
	 * kernel falls back to fails, too.
	 */
	explicit Injector(unsigned in_a_row);

	/**
	 * Runs @call; the Nth allocation or copy from or to user memory in it fails, or the
	 * allocations of pages from the Nth page on.
	 */
	Result during(const std::function<Result()> &call);

	/** Chooses N for the next during(). */
	void aim(unsigned nth) { nth_ = nth; }
	/** Whether the last during() came as far as that. */
	bool hit() const { return hit_; }
	/** The result of the last during(). */
	Result result() const { return result_; }

private:
	const unsigned in_a_row_;
	std::vector<Fd> controls_; /* this thread's first */
	unsigned nth_ = 0;
	bool hit_ = false;
	Result result_ = failed(EINVAL);
};

/**
 * Runs @body with N = 1, 2, ... until nothing is left to fail; @body makes one call by during() and
 * checks what that left behind. At least one fault must hit, and the call that none hits must
 * return @whole.
 * @in_a_row: for the Injector
 */
void walk(Result whole, const std::function<void(Injector &)> &body, unsigned in_a_row = 0);
