// SPDX-License-Identifier: GPL-2.0
#include "faults/injector.hh"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <fstream>
#include <string>

namespace {

constexpr unsigned too_many = 5000;

/* By default allocations that may sleep never fail, and each fault leaves a stack in the log. */
void make_everything_fail()
{
	const std::string debugfs = "/sys/kernel/debug/";

	for (const char *file :
	     {"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
	      "fail_page_alloc/ignore-gfp-highmem", "fail_page_alloc/min-order", "failslab/verbose",
	      "fail_page_alloc/verbose", "fail_usercopy/verbose"})
		if (!(std::ofstream(debugfs + file) << 0 << std::flush))
			throw std::runtime_error("can't set " + debugfs + file);
}

} // namespace

Injector::Injector()
	: control_(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), "open fail-nth")
{
	make_everything_fail();
}

Result Injector::during(const std::function<Result()> &call)
{
	const std::string text = std::to_string(nth_);
	char left[16] = {};

	checked(pwrite(control_.get(), text.data(), text.size(), 0), "write fail-nth");

	Result result = call();
	/* Reading it can be what fails, when nothing did before. */
	ssize_t n = pread(control_.get(), left, sizeof(left) - 1, 0);

	hit_ = n > 0 && left[0] == '0';
	for (int tries = 0; tries < 3 && pwrite(control_.get(), "0", 1, 0) != 1; tries++)
		;
	return result;
}

unsigned walk(const std::function<void(Injector &)> &body)
{
	Injector injector;

	for (unsigned nth = 1; nth < too_many; nth++) {
		SCOPED_TRACE("fault number " + std::to_string(nth));
		injector.aim(nth);
		body(injector);
		if (!injector.hit()) {
			printf("%u faults\n", nth - 1);
			return nth - 1;
		}
		if (testing::Test::HasFailure())
			return nth;
	}
	ADD_FAILURE() << "no end to the faults";
	return too_many;
}
