// SPDX-License-Identifier: GPL-2.0
#include "faults/injector.hh"

#include "pipe/pipe.hh"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

constexpr unsigned too_many = 5000;

const std::string debugfs = "/sys/kernel/debug/";

void set(const std::string &file, unsigned value)
{
	if (!(std::ofstream(debugfs + file) << value << std::flush))
		throw std::runtime_error("can't set " + debugfs + file);
}

/* By default allocations that may sleep never fail, and each fault leaves a stack in the log. */
void make_everything_fail()
{
	for (const char *file :
	     {"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
	      "fail_page_alloc/ignore-gfp-highmem", "fail_page_alloc/min-order", "failslab/verbose",
	      "fail_page_alloc/verbose", "fail_usercopy/verbose"})
		set(file, 0);
}

/* Makes one call that runs in an io_uring worker, so that there is one from now on. */
void have_a_worker()
{
	Pipe in = make_pipe();
	Pipe out = make_pipe();

	put(in.out(), "x");
	EXPECT_EQ(do_splice(in.in(), out.out(), 1), moved(1));
}

} // namespace

Injector::Injector(unsigned in_a_row) : in_a_row_(in_a_row)
{
	const char *control = in_a_row ? "make-it-fail" : "fail-nth";
	auto open_control = [=](const std::filesystem::path &task) {
		return Fd(open((task / control).c_str(), O_RDWR | O_CLOEXEC), control);
	};

	make_everything_fail();
	have_a_worker();
	controls_.push_back(open_control("/proc/thread-self"));
	for (const auto &task : std::filesystem::directory_iterator("/proc/self/task")) {
		std::string name;

		if (std::ifstream(task.path() / "comm") >> name; name.starts_with("iou-wrk-"))
			controls_.push_back(open_control(task.path()));
	}
}

Result Injector::during(const std::function<Result()> &call)
{
	const std::string text = in_a_row_ ? "1" : std::to_string(nth_);

	if (in_a_row_) {
		set("fail_page_alloc/task-filter", 1);
		set("fail_page_alloc/space", nth_);
		set("fail_page_alloc/times", in_a_row_);
		set("fail_page_alloc/probability", 100);
	}
	/* From now on every copy from user memory here counts, so this thread's comes last. */
	for (auto control = controls_.rbegin(); control != controls_.rend(); ++control)
		checked(pwrite(control->get(), text.data(), text.size(), 0), "write fail-nth");

	result_ = call();
	hit_ = false;
	for (const Fd &control : controls_) {
		char left[16] = {};
		/* If nothing failed before, reading it can fail. */
		ssize_t n = pread(control.get(), left, sizeof(left) - 1, 0);

		hit_ |= !in_a_row_ && n > 0 && left[0] == '0';
		for (int tries = 0; tries < 3 && pwrite(control.get(), "0", 1, 0) != 1; tries++)
			;
	}
	if (in_a_row_) {
		unsigned left = in_a_row_;

		std::ifstream(debugfs + "fail_page_alloc/times") >> left;
		hit_ = left < in_a_row_;
		set("fail_page_alloc/probability", 0);
	}
	return result_;
}

void walk(Result whole, const std::function<void(Injector &)> &body, unsigned in_a_row)
{
	Injector injector(in_a_row);

	for (unsigned nth = 1; nth < too_many; nth++) {
		SCOPED_TRACE("fault number " + std::to_string(nth));
		injector.aim(nth);
		body(injector);
		if (!injector.hit()) {
			printf("%u faults\n", nth - 1);
			EXPECT_GT(nth, 1u) << "nothing can fail";
			EXPECT_EQ(injector.result(), whole);
			return;
		}
		if (testing::Test::HasFailure())
			return;
	}
	ADD_FAILURE() << "no end to the faults";
}
