// SPDX-License-Identifier: GPL-2.0
#include "support/async.hh"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

bool eventually(const std::function<bool()> &condition, std::chrono::seconds limit)
{
	auto end = std::chrono::steady_clock::now() + limit;

	while (!condition()) {
		if (std::chrono::steady_clock::now() > end)
			return false;
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	return true;
}

/* Calls in which a thread may sleep on its way to the one that waits. */
static constexpr std::array<long, 6> not_waited_for = {
	SYS_futex, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_io_uring_setup, SYS_io_uring_register,
};

bool wait_until_asleep(pid_t tid, const std::atomic<bool> &finished)
{
	const std::string path = "/proc/self/task/" + std::to_string(tid) + "/syscall";

	/* The file says "running", or the number of the call that the thread sleeps in. */
	while (!finished) {
		std::ifstream file(path);
		long number;

		if (file >> number && number >= 0 &&
		    std::ranges::find(not_waited_for, number) == not_waited_for.end())
			return true;
		sched_yield();
	}
	return false;
}
