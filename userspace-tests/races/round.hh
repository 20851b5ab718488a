/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that work against each other until time is over, and are interrupted all the while. */
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

/** Complains once for all threads; the program fails then. */
void complain(const std::string &what);
bool complained();

class Round {
public:
	Round() = default;
	~Round() { finish(); }
	Round(const Round &) = delete;
	Round &operator=(const Round &) = delete;

	/** Calls @step again and again in a thread of its own. A signal ends any wait in it. */
	void loop(std::function<void()> step);
	/** Lets the threads run, then ends them. */
	void run_for(double seconds);

private:
	void finish();
	void interrupt_all();

	std::atomic<bool> over_ = false;
	std::atomic<unsigned> running_ = 0;
	std::vector<std::thread> threads_;
};
