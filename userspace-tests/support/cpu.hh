/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "support/fd.hh"

#include <sched.h>

/** Keeps this thread on the CPU it is on: pages in another CPU's LRU batch can't be taken. */
class OnOneCpu {
public:
	OnOneCpu()
	{
		cpu_set_t one;

		sched_getaffinity(0, sizeof(old_), &old_);
		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		checked(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	}
	~OnOneCpu() { sched_setaffinity(0, sizeof(old_), &old_); }
	OnOneCpu(const OnOneCpu &) = delete;
	OnOneCpu &operator=(const OnOneCpu &) = delete;

private:
	cpu_set_t old_;
};
