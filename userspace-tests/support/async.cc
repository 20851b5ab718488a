// SPDX-License-Identifier: GPL-2.0
#include "support/async.hh"

#include <sys/syscall.h>

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

bool wait_until_asleep(pid_t tid, const std::atomic<bool> &finished)
{
	const std::string path = "/proc/self/task/" + std::to_string(tid) + "/syscall";

	/* The file says "running", or the number of the call that the thread sleeps in. */
	while (!finished) {
		std::ifstream file(path);
		long number;

		if (file >> number && number >= 0 && number != SYS_futex)
			return true;
		sched_yield();
	}
	return false;
}
