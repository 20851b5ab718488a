// SPDX-License-Identifier: GPL-2.0
#include "races/round.hh"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

std::atomic<bool> any_complaint;

/* Long enough for an emulated machine with every check switched on. */
constexpr auto patience = 60s;

/* Says where in the kernel the threads are that have not ended. */
void print_stacks()
{
	for (const auto &task : std::filesystem::directory_iterator("/proc/self/task")) {
		std::ifstream stack(task.path() / "stack");
		std::string calls{std::istreambuf_iterator(stack), {}};

		printf("thread %s:\n%s", task.path().filename().c_str(), calls.c_str());
	}
}

} // namespace

void complain(const std::string &what)
{
	if (!any_complaint.exchange(true))
		printf("FAILED: %s\n", what.c_str());
}

bool complained()
{
	return any_complaint;
}

void Round::loop(std::function<void()> step)
{
	running_++;
	threads_.emplace_back([this, step = std::move(step)] {
		try {
			while (!over_ && !complained())
				step();
		} catch (const std::exception &error) {
			complain(error.what());
		}
		running_--;
	});
}

void Round::interrupt_all()
{
	for (std::thread &thread : threads_)
		pthread_kill(thread.native_handle(), SIGUSR1);
}

void Round::run_for(double seconds)
{
	auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);

	while (std::chrono::steady_clock::now() < end && !complained()) {
		std::this_thread::sleep_for(20ms);
		interrupt_all();
	}
	finish();
}

void Round::finish()
{
	auto end = std::chrono::steady_clock::now() + patience;

	over_ = true;
	while (running_) {
		interrupt_all();
		std::this_thread::sleep_for(5ms);
		if (std::chrono::steady_clock::now() > end) {
			print_stacks();
			printf("FAILED: a thread waits where no signal reaches it\n");
			fflush(stdout);
			_exit(EXIT_FAILURE);
		}
	}
	for (std::thread &thread : threads_)
		thread.join();
	threads_.clear();
}
