// SPDX-License-Identifier: GPL-2.0
/* Chooses the backend, then runs the suite; a test that hangs ends the run and is named. */
#include "pipe/backend.hh"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

namespace {

/*
 * The slowest test takes half a minute, in an emulated machine with every check switched on; on a
 * host that has three times as much to do as it has CPUs, 105 seconds were seen.
 */
constexpr std::chrono::seconds patience(240);

/* A test that waits forever can't be ended from within; the run can. */
class Watchdog : public testing::EmptyTestEventListener {
public:
	Watchdog() : thread_([this] { watch(); }) {}
	~Watchdog() override
	{
		{
			std::lock_guard lock(mutex_);
			over_ = true;
		}
		changed_.notify_one();
		thread_.join();
	}

	void OnTestStart(const testing::TestInfo &test) override
	{
		restart(std::string(test.test_suite_name()) + "." + test.name());
	}
	void OnTestEnd(const testing::TestInfo &) override { restart(""); }

private:
	void restart(std::string test)
	{
		{
			std::lock_guard lock(mutex_);
			test_ = std::move(test);
			tests_++;
		}
		changed_.notify_one();
	}

	void watch()
	{
		std::unique_lock lock(mutex_);
		sigset_t every;

		/* Signals are for the tests, which may be waiting for them. */
		sigfillset(&every);
		pthread_sigmask(SIG_BLOCK, &every, nullptr);

		while (!over_) {
			unsigned now = tests_;

			if (changed_.wait_for(lock, patience,
					      [&] { return over_ || tests_ != now; }))
				continue;
			if (test_.empty())
				continue;
			printf("[  FAILED  ] %s hangs\n", test_.c_str());
			fflush(stdout);
			_exit(EXIT_FAILURE);
		}
	}

	std::mutex mutex_;
	std::condition_variable changed_;
	std::string test_;
	unsigned tests_ = 0;
	bool over_ = false;
	std::thread thread_;
};

int usage(const char *name)
{
	fprintf(stderr, "usage: %s --backend=NAME [--gtest_...]\nbackends:", name);
	for (std::string_view backend : backend_names())
		fprintf(stderr, " %.*s", static_cast<int>(backend.size()), backend.data());
	fputc('\n', stderr);
	return 2;
}

/* Takes --backend=NAME out of the arguments, for GoogleTest sees the rest. */
std::string take_backend(int *argc, char **argv)
{
	const std::string_view option = "--backend=";
	std::string chosen;
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		std::string_view argument = argv[i];

		if (argument.starts_with(option))
			chosen = argument.substr(option.size());
		else
			argv[kept++] = argv[i];
	}
	*argc = kept;
	return chosen;
}

} // namespace

int main(int argc, char **argv)
{
	std::string chosen = take_backend(&argc, argv);

	/* Before InitGoogleTest(): parameter tables may depend on the backend. */
	try {
		if (!select_backend(chosen))
			return usage(argv[0]);
	} catch (const std::exception &error) {
		fprintf(stderr, "backend %s: %s\n", chosen.c_str(), error.what());
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	testing::InitGoogleTest(&argc, argv);
	testing::UnitTest::GetInstance()->listeners().Append(new Watchdog);
	return RUN_ALL_TESTS();
}
