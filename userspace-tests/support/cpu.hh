/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "support/fd.hh"

#include <sched.h>
#include <unistd.h>

inline size_t cpus()
{
	return size_t(sysconf(_SC_NPROCESSORS_ONLN));
}

/** Moves this thread to @cpu, and keeps it there. */
inline void run_on(size_t cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	checked(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

/** Keeps this thread on the CPU it is on: pages in another CPU's LRU batch can't be taken. */
class OnOneCpu {
public:
	OnOneCpu()
	{
		sched_getaffinity(0, sizeof(old_), &old_);
		run_on(size_t(sched_getcpu()));
	}
	~OnOneCpu() { sched_setaffinity(0, sizeof(old_), &old_); }
	OnOneCpu(const OnOneCpu &) = delete;
	OnOneCpu &operator=(const OnOneCpu &) = delete;

private:
	cpu_set_t old_;
};
