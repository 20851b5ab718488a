/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting: a call that may have to, made in a thread of its own, and for what others do. */
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

/** True as soon as @tid sleeps in a system call that waits for others; false once it is gone. */
bool wait_until_asleep(pid_t tid, const std::atomic<bool> &finished);

/** Waits until @condition is true; false if that takes too long. */
bool eventually(const std::function<bool()> &condition,
		std::chrono::seconds limit = std::chrono::seconds(10));

template <class T>
class Async {
public:
	template <class F>
	explicit Async(F call)
		: thread_([this, call = std::move(call)]() mutable {
			  tid_ = gettid();
			  tid_.notify_one();
			  try {
				  result_.set_value(call());
			  } catch (...) {
				  result_.set_exception(std::current_exception());
			  }
			  finished_ = true;
		  })
	{
		tid_.wait(0);
	}
	~Async()
	{
		if (thread_.joinable())
			thread_.join();
	}
	Async(const Async &) = delete;
	Async &operator=(const Async &) = delete;

	/** Waits until the call waits; false if it came back instead. */
	bool waits() { return wait_until_asleep(tid_, finished_); }

	/** Sends @signal to the thread that makes the call. */
	void interrupt(int signal = SIGUSR1) { pthread_kill(thread_.native_handle(), signal); }

	/** The result of the call, after it has returned. */
	T get()
	{
		thread_.join();
		return future_.get();
	}

private:
	std::atomic<pid_t> tid_ = 0;
	std::atomic<bool> finished_ = false;
	std::promise<T> result_;
	std::future<T> future_ = result_.get_future();
	std::thread thread_; /* last: it uses the others */
};

template <class F>
Async(F) -> Async<std::invoke_result_t<F>>;
